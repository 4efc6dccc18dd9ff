/* report.c - figures by dotted path, each with its value of every run; medians, JSON, the machine.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common.h"

#define RUNS_MAX 1000
#define PATH_MAX_LENGTH 120

struct figure {
    char path[PATH_MAX_LENGTH];
    double *values;
    uint32_t count;
};

struct bench_report {
    const char *bench;
    const struct bench_options *options;
    struct figure *figures;
    size_t count;
    char settings[2048];
    double load_before;
};

static void *grow(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (!memory) {
        fputs("bench: no memory\n", stderr);
        exit(1);
    }
    return memory;
}

static double load_average(void)
{
    double load = 0;
    return getloadavg(&load, 1) == 1 ? load : 0;
}

struct bench_report *bench_report_create(const char *bench, const struct bench_options *options)
{
    struct bench_report *report = grow(NULL, sizeof *report);
    memset(report, 0, sizeof *report);
    report->bench = bench;
    report->options = options;
    report->load_before = load_average();
    bench_setting(report, "seconds", "%g", options->seconds);
    bench_setting(report, "runs", "%u", (unsigned)options->runs);
    return report;
}

void bench_report_destroy(struct bench_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        free(report->figures[i].values);
    free(report->figures);
    free(report);
}

static struct figure *find(const struct bench_report *report, const char *path)
{
    for (size_t i = 0; i < report->count; i++)
        if (!strcmp(report->figures[i].path, path))
            return &report->figures[i];
    return NULL;
}

static void add(struct bench_report *report, double value, const char *path)
{
    struct figure *figure = find(report, path);
    if (!figure) {
        report->figures = grow(report->figures, (report->count + 1) * sizeof *report->figures);
        figure = &report->figures[report->count++];
        memset(figure, 0, sizeof *figure);
        snprintf(figure->path, sizeof figure->path, "%s", path);
        figure->values = grow(NULL, RUNS_MAX * sizeof *figure->values);
    }
    if (figure->count < RUNS_MAX)
        figure->values[figure->count++] = value;
}

void bench_add(struct bench_report *report, double value, const char *format, ...)
{
    char path[PATH_MAX_LENGTH];
    va_list list;
    va_start(list, format);
    vsnprintf(path, sizeof path, format, list);
    va_end(list);
    add(report, value, path);
}

void bench_add_quantiles(struct bench_report *report, double *values, size_t count,
                         const char *format, ...)
{
    static const struct {
        const char *name;
        double at;
    } points[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1}};
    char path[PATH_MAX_LENGTH / 2], whole[PATH_MAX_LENGTH];
    va_list list;
    va_start(list, format);
    vsnprintf(path, sizeof path, format, list);
    va_end(list);
    bench_sort(values, count);
    for (size_t i = 0; i < 4; i++) {
        snprintf(whole, sizeof whole, "%s.%s", path, points[i].name);
        add(report, bench_quantile(values, count, points[i].at), whole);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_sort(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
}

double bench_quantile(const double *sorted, size_t count, double at)
{
    if (count == 0)
        return NAN;
    double place = at * (double)(count - 1);
    size_t low = (size_t)place, high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (sorted[high] - sorted[low]) * (place - (double)low);
}

double bench_mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return count ? sum / (double)count : NAN;
}

static double median_of(const struct figure *figure, double *least, double *most)
{
    double *sorted = grow(NULL, figure->count * sizeof *sorted);
    memcpy(sorted, figure->values, figure->count * sizeof *sorted);
    bench_sort(sorted, figure->count);
    double median = bench_quantile(sorted, figure->count, 0.5);
    *least = sorted[0];
    *most = sorted[figure->count - 1];
    free(sorted);
    return median;
}

double bench_median(const struct bench_report *report, double *spread, const char *format, ...)
{
    char path[PATH_MAX_LENGTH];
    double least = 0, most = 0;
    va_list list;
    va_start(list, format);
    vsnprintf(path, sizeof path, format, list);
    va_end(list);
    const struct figure *figure = find(report, path);
    double median = figure ? median_of(figure, &least, &most) : NAN;
    if (spread)
        *spread = most - least;
    return median;
}

void bench_setting(struct bench_report *report, const char *name, const char *format, ...)
{
    size_t at = strlen(report->settings), room = sizeof report->settings - at;
    va_list list;
    int n = snprintf(report->settings + at, room, "%s\"%s\":", at ? "," : "", name);
    va_start(list, format);
    if (n > 0 && (size_t)n < room)
        vsnprintf(report->settings + at + n, room - (size_t)n, format, list);
    va_end(list);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void put_number(FILE *file, double value)
{
    if (isfinite(value))
        fprintf(file, "%.6g", value);
    else
        fputs("null", file);
}

static void put_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        if ((unsigned char)*text >= 0x20)
            fputc(*text, file);
    }
    fputc('"', file);
}

/* All figures whose path begins with prefix[0..length), as one object or array. A name's figures
 * stand behind one another, since that is how they are added. */
static void put_tree(FILE *file, const struct bench_report *report, const char *prefix,
                     size_t length, bool spread)
{
    char last[PATH_MAX_LENGTH] = "";
    bool first = true, array = false;
    for (size_t i = 0; i < report->count; i++) {
        const struct figure *figure = &report->figures[i];
        if (strncmp(figure->path, prefix, length) != 0)
            continue;
        const char *name = figure->path + length;
        size_t n = strcspn(name, ".");
        if (strlen(last) == n && !strncmp(last, name, n))
            continue; /* written with the first of its name */
        memcpy(last, name, n);
        last[n] = '\0';
        if (first)
            array = isdigit((unsigned char)name[0]) != 0 && strspn(name, "0123456789") == n;
        fputs(first ? (array ? "[" : "{") : ",", file);
        first = false;
        if (!array) {
            put_text(file, last);
            fputc(':', file);
        }
        double least, most, median;
        if (name[n] == '.') {
            put_tree(file, report, figure->path, length + n + 1, spread);
            continue;
        }
        median = median_of(figure, &least, &most);
        if (spread)
            fprintf(file, "[%.6g,%.6g]", least, most);
        else
            put_number(file, median);
    }
    fputs(first ? "{}" : array ? "]" : "}", file);
}

static void cpu_model(char *name, size_t size)
{
    char line[256];
    snprintf(name, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!strncmp(line, "model name", 10) && colon) {
            colon[strcspn(colon, "\n")] = '\0';
            snprintf(name, size, "%s", colon + 2);
            break;
        }
    }
    if (file)
        fclose(file);
}

static void put_machine(FILE *file, const struct bench_report *report)
{
    struct utsname system;
    char cpu[128];
    cpu_model(cpu, sizeof cpu);
    uname(&system);
    fputs("{\"cpu\":", file);
    put_text(file, cpu);
    fprintf(file, ",\"cores\":%ld,\"kernel\":", sysconf(_SC_NPROCESSORS_ONLN));
    put_text(file, system.release);
    fprintf(file, ",\"load\":{\"before\":%.2f,\"after\":%.2f}}", report->load_before,
            load_average());
}

void bench_print_machine(const struct bench_report *report)
{
    struct utsname system;
    char cpu[128];
    cpu_model(cpu, sizeof cpu);
    uname(&system);
    printf("\n%s, %ld cores, Linux %s, load %.1f before and %.1f after\n%s\n", cpu,
           sysconf(_SC_NPROCESSORS_ONLN), system.release, report->load_before, load_average(),
           xcall_dependency_versions());
}

int bench_report_write(const struct bench_report *report)
{
    const char *path = report->options->json;
    if (!path)
        return 0;
    FILE *file = strcmp(path, "-") ? fopen(path, "w") : stdout;
    if (!file) {
        fprintf(stderr, "bench: %s cannot be written\n", path);
        return 1;
    }
    fprintf(file, "{\"schema\":%d,\"bench\":\"%s\",\"machine\":", BENCH_SCHEMA, report->bench);
    put_machine(file, report);
    fputs(",\"versions\":{\"libxcall\":", file);
    put_text(file, xcall_version());
    fputs(",\"dependencies\":", file);
    put_text(file, xcall_dependency_versions());
    fprintf(file, "},\"settings\":{%s}", report->settings);
    /* the figures stand beside the rest, not under a name of their own */
    for (int spread = 0; spread < 2; spread++) {
        char *text = NULL;
        size_t size = 0;
        FILE *tree = open_memstream(&text, &size);
        put_tree(tree, report, "", 0, spread != 0);
        fclose(tree);
        if (spread)
            fprintf(file, ",\"spread\":%s}\n", text);
        else if (size > 2)
            fprintf(file, ",%.*s", (int)(size - 2), text + 1);
        free(text);
    }
    bool failed = ferror(file) != 0;
    if (file != stdout)
        failed = fclose(file) != 0 || failed;
    if (failed)
        fprintf(stderr, "bench: %s could not be written whole\n", path);
    return failed;
}
