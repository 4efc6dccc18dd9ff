/* load.c - how many calls a machine carries, and what each costs. See docs/benchmarks.md.
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define BUSY_MAX 0.85     /* of all cores; above it a machine does not carry it */
#define BUSY_SOME 0.5     /* below it late frames are not the load's doing */
#define LATE_MAX 0.01     /* of the frames */
#define STOOD_STILL_MS 20 /* the media thread that much behind: the machine's doing */
#define PROBES 3
#define PROBE_SECONDS 1.5 /* of media, to find the speed */

static const char usage[] =
    "usage: bench-load [options]\n"
    "Cost of 1, 10, 100 and 500 audio calls in one engine with a shard a core. The media clock "
    "runs\n"
    "at the largest of 1, 1/2, 1/4 ... of real time that the machine carries.\n"
    "Parts: the number of calls, such as --only 100.\n";

static const uint32_t rows[] = {1, 10, 100, 500};
static const uint32_t speeds[] = {1000, 500, 250, 125, 60, 30};

static bool run_alone(const struct load_plan *plan, struct load_result *result)
{
    int ends[2], status;
    if (pipe(ends) != 0)
        return false;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = load_run(plan, result) &&
                  write(ends[1], result, sizeof *result) == (ssize_t)sizeof *result;
        _exit(ok ? 0 : 1);
    }
    close(ends[1]);
    bool ok = pid > 0 && read(ends[0], result, sizeof *result) == (ssize_t)sizeof *result;
    ok = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && ok;
    close(ends[0]);
    return ok;
}

static bool carried(const struct load_result *result)
{
    return result->busy < BUSY_MAX &&
           (result->busy < BUSY_SOME || result->late_frames <= LATE_MAX * result->frames);
}

/* Tried for a short while; again where late frames come from a machine that stood still. */
static bool probe(struct load_plan *plan, struct load_result *result)
{
    for (int i = 0; i < PROBES; i++) {
        if (!run_alone(plan, result))
            return false;
        if (carried(result) || result->busy >= BUSY_MAX || result->host_late_ms < STOOD_STILL_MS)
            break;
    }
    return true;
}

/* The largest speed that is carried: tried downwards, from where the cost of one call points. */
static bool run_row(struct load_plan *plan, struct load_result *result, double cost_of_one)
{
    size_t count = sizeof speeds / sizeof *speeds, at = 0;
    double cores = (double)sysconf(_SC_NPROCESSORS_ONLN), seconds = plan->seconds;
    while (at + 1 < count && cost_of_one * plan->calls * speeds[at] / 1000 > 1.3 * cores)
        at++;
    for (; at < count; at++) {
        plan->permille = speeds[at];
        plan->seconds = PROBE_SECONDS;
        if (!probe(plan, result)) { /* so far beyond the machine that media hardly flows */
            if (at + 1 == count)
                return false;
            continue;
        }
        if (carried(result) || at + 1 == count)
            break;
        fprintf(stderr, "load: %u calls: speed %.3f is too much: %.0f %% busy, %.0f of %.0f late\n",
                plan->calls, speeds[at] / 1000.0, 100 * result->busy, result->late_frames,
                result->frames);
    }
    plan->seconds = seconds;
    return run_alone(plan, result);
}

static bool is_wanted(const struct bench_options *options, uint32_t calls)
{
    char name[16];
    snprintf(name, sizeof name, "%u", calls);
    return bench_wanted(options, name);
}

static bool run_all(struct bench_report *report, const struct bench_options *options)
{
    double cost_of_one = 0;
    unsigned place = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct load_plan plan = {.calls = rows[i],
                                 .threads = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
                                 .seconds = options->seconds};
        struct load_result result = {0};
        if (!is_wanted(options, rows[i]))
            continue;
        if (!run_row(&plan, &result, cost_of_one)) {
            fprintf(stderr, "load: %u calls did not work\n", rows[i]);
            return false;
        }
        cost_of_one = rows[i] >= 10 ? result.cpu : 0;
        bench_add(report, plan.calls, "calls.%u.n", place);
        bench_add(report, result.cpu, "calls.%u.cpu_core_s_per_call_s", place);
        bench_add(report, result.rss_kib, "calls.%u.rss_kib_per_call", place);
        bench_add(report, result.threads, "calls.%u.threads", place);
        bench_add(report, result.late_frames, "calls.%u.late_frames", place);
        bench_add(report, plan.permille / 1000.0, "calls.%u.speed", place);
        bench_add(report, result.frames, "calls.%u.frames", place);
        bench_add(report, 100 * result.busy, "calls.%u.busy_pct", place);
        bench_add(report, result.host_late_ms, "calls.%u.host_late_max_ms", place);
        bench_add(report, result.idle_kib, "calls.%u.idle_engine_kib", place);
        bench_add(report, result.connect_ms, "calls.%u.connect_all_ms", place);
        place++;
    }
    return place > 0;
}

static void print_rows(const struct bench_report *report)
{
    printf("\n calls  core-s a call-s  KiB a call  threads  speed  late frames (of)   busy  "
           "host late at most\n");
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        double n = bench_median(report, NULL, "calls.%u.n", i);
        if (n != n)
            break;
        printf("%6.0f  %15.4f  %10.0f  %7.0f  %5.3f  %7.0f (%.0f)  %5.0f %%  %9.1f ms\n", n,
               bench_median(report, NULL, "calls.%u.cpu_core_s_per_call_s", i),
               bench_median(report, NULL, "calls.%u.rss_kib_per_call", i),
               bench_median(report, NULL, "calls.%u.threads", i),
               bench_median(report, NULL, "calls.%u.speed", i),
               bench_median(report, NULL, "calls.%u.late_frames", i),
               bench_median(report, NULL, "calls.%u.frames", i),
               bench_median(report, NULL, "calls.%u.busy_pct", i),
               bench_median(report, NULL, "calls.%u.host_late_max_ms", i));
    }
}

int main(int argc, char **argv)
{
    struct bench_options options = {.seconds = 10, .runs = 3};
    bench_options_parse(&options, argc, argv, usage);
    struct bench_report *report = bench_report_create("load", &options);
    bench_setting(report, "audio", "{\"block_ms\":10,\"packet_ms\":20,\"bitrate_kbps\":32}");
    bench_setting(report, "speed", "{\"busy_max_pct\":85,\"late_max_pct\":1}");
    for (uint32_t run = 0; run < options.runs; run++) {
        fprintf(stderr, "load: run %u of %u\n", run + 1, options.runs);
        if (!run_all(report, &options)) {
            fputs("load: nothing was measured\n", stderr);
            return 1;
        }
    }
    print_rows(report);
    bench_print_machine(report);
    int result = bench_report_write(report);
    bench_report_destroy(report);
    return result;
}
