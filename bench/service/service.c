/* service.c - what the call service carries: invites through gate and ring in an open loop (latency is
 * counted from when each was to be sent), memory of idle devices, cost of a decision, how soon all
 * devices are back after the server was killed.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/common.h"
#include "load.h"

#define DEVICES 10000u
#define BURST 64u /* TLS handshakes at a time */
#define P99_AIM_MS 20.0
#define CONNECT_S 180.0
#define DRAIN_S 5.0
#define DECISIONS 20000u
#define FLOOD 10000u               /* frames a second of one device ... */
#define FLOOD_NAP UINT64_C(100000) /* ns: to the next of them */
#define FLOOD_BESIDE 100u          /* ... beside so many attempts a second of the others */

static const uint32_t rates[] = {250, 500, 1000, 1500, 2000};

static double seconds_since(uint64_t start)
{
    return (double)(load_now_ns() - start) / 1e9;
}

/* All devices online; the seconds it took, below 0: they did not come. */
static double connect_all(struct load *load)
{
    uint64_t start = load_now_ns(), shown = start;
    while (load->online < load->accounts->count) {
        load_connect_more(load, BURST);
        load_turn(load, 10 * BENCH_MS);
        if (load_now_ns() - shown > 5 * BENCH_S) {
            shown = load_now_ns();
            fprintf(stderr, "service: %u of %u devices online\n", load->online,
                    load->accounts->count);
        }
        if (seconds_since(start) > CONNECT_S)
            return -1;
    }
    return seconds_since(start);
}

static void settle(struct load *load, double seconds)
{
    uint64_t start = load_now_ns();
    while (seconds_since(start) < seconds)
        load_turn(load, 20 * BENCH_MS);
}

/* Under "sqlite" in the JSON, written together at the end of a run. */
struct figures {
    double attempts_per_s, p50, p99, flood_frames_per_s, flood_p50, flood_p99;
    double kib_per_idle_device, sign_ins_per_s, decision_us, start_ms, all_back_s;
};

struct row {
    double asked, done, p50, p99, max;
    uint64_t placed, rung, refused, skipped;
    double server_cpu, load_cpu;
};

/* Of this process, which plays all devices. */
static double own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void flood_until(struct load *load, uint64_t start, uint32_t flood)
{
    uint64_t due = (load_now_ns() - start) * flood / BENCH_S;
    if (load->online < load->accounts->count)
        load_connect_more(load, 1); /* who was closed as too slow a reader comes again */
    for (int burst = 0; burst < 64 && load->flood_sent < due && load_flood(load); burst++)
        ;
}

/* Open loop: an attempt is due every 1/rate s, whatever became of those before. flood: frames a second
 * that one device more tries to send meanwhile. */
static void run_rate(struct load *load, uint32_t rate, uint32_t flood, double seconds,
                     struct row *row)
{
    uint64_t start = load_now_ns(), total = (uint64_t)(rate * seconds), next = 0, skipped = 0;
    uint64_t placed = load->placed, rung = load->rung, refused = load->refused;
    uint32_t pairs = load->accounts->count / 2 - 1; /* the last floods */
    double cpu = server_cpu_s(load->server), own_cpu = own_cpu_s();
    load->latency_count = 0;
    while (next < total) {
        uint64_t due = start + next * BENCH_S / rate, now = load_now_ns();
        if (flood)
            flood_until(load, start, flood);
        if (now < due) {
            load_turn(load, flood && due - now > FLOOD_NAP ? FLOOD_NAP : due - now);
            continue;
        }
        for (int burst = 0; burst < 16 && next < total && start + next * BENCH_S / rate <= now;
             burst++, next++)
            skipped += !load_place(load, (uint32_t)(next % pairs), start + next * BENCH_S / rate);
        load_turn(load, 0);
    }
    double took = seconds_since(start);
    row->load_cpu = (own_cpu_s() - own_cpu) / took;
    uint64_t drain = load_now_ns();
    while (load->rung - rung + load->refused - refused < load->placed - placed &&
           seconds_since(drain) < DRAIN_S)
        load_turn(load, 10 * BENCH_MS);
    row->server_cpu = (server_cpu_s(load->server) - cpu) / took;
    row->asked = rate;
    row->placed = load->placed - placed;
    row->rung = load->rung - rung;
    row->refused = load->refused - refused;
    row->skipped = skipped;
    row->done = (double)row->rung / took;
    bench_sort(load->latencies_ms, load->latency_count);
    row->p50 = bench_quantile(load->latencies_ms, load->latency_count, 0.5);
    row->p99 = bench_quantile(load->latencies_ms, load->latency_count, 0.99);
    row->max = bench_quantile(load->latencies_ms, load->latency_count, 1);
    settle(load, 1);
}

static bool carried(const struct row *row)
{
    return row->placed && row->rung == row->placed && row->skipped * 1000 <= row->placed &&
           row->p99 < P99_AIM_MS;
}

static void run_rates(struct load *load, struct bench_report *report, double seconds,
                      struct figures *figures)
{
    struct row best = {0}, row;
    uint32_t failures = 0;
    printf("%10s %10s %10s %9s %9s %9s %8s %8s %11s %9s\n", "asked/s", "rung/s", "rung", "p50 ms",
           "p99 ms", "max ms", "refused", "skipped", "server cpu", "load cpu");
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        run_rate(load, rates[i], 0, seconds, &row);
        printf("%10.0f %10.1f %10llu %9.2f %9.2f %9.2f %8llu %8llu %11.2f %9.2f\n", row.asked,
               row.done, (unsigned long long)row.rung, row.p50, row.p99, row.max,
               (unsigned long long)row.refused, (unsigned long long)row.skipped, row.server_cpu,
               row.load_cpu);
        fflush(stdout);
        bench_add(report, row.p50, "rates.%zu.p50", i);
        bench_add(report, row.p99, "rates.%zu.p99", i);
        bench_add(report, row.max, "rates.%zu.max", i);
        bench_add(report, row.asked, "rates.%zu.asked", i);
        bench_add(report, row.done, "rates.%zu.rung_per_s", i);
        bench_add(report, row.server_cpu, "rates.%zu.server_cpu", i);
        bench_add(report, row.load_cpu, "rates.%zu.load_cpu", i);
        if (carried(&row) || !best.placed)
            best = row;
        failures = carried(&row) ? 0 : failures + 1;
        if (failures == 2)
            break;
    }
    /* None carried: 0, and the latencies of the smallest. */
    figures->attempts_per_s = carried(&best) ? best.done : 0;
    figures->p50 = best.p50;
    figures->p99 = best.p99;
}

/* One device that sends invites as fast as the server takes them, at most FLOOD a second, beside others who
 * call at an ordinary rate (the limits that would close it are off). */
static void run_flood(struct load *load, double seconds, struct figures *figures)
{
    struct row row;
    load->flood_sent = 0;
    run_rate(load, FLOOD_BESIDE, FLOOD, seconds, &row);
    printf(
        "flood: %.0f invites a second from one device; %u others a second: p50 %.2f p99 %.2f max "
        "%.2f ms\n",
        (double)load->flood_sent / seconds, FLOOD_BESIDE, row.p50, row.p99, row.max);
    fflush(stdout);
    figures->flood_frames_per_s = (double)load->flood_sent / seconds;
    figures->flood_p50 = row.p50;
    figures->flood_p99 = row.p99;
}

/* The server dies; its devices come back to the one that is started in its place. */
static int run_restart(struct load *load, struct server *server, const char *program,
                       struct figures *figures)
{
    server_kill(server);
    uint64_t start = load_now_ns();
    while (load->online && seconds_since(start) < 10)
        load_turn(load, 10 * BENCH_MS);
    start = load_now_ns();
    if (server_start(server, program))
        return -1;
    double started = seconds_since(start);
    double back = connect_all(load);
    if (back < 0)
        return -1;
    figures->start_ms = started * 1000;
    figures->all_back_s = started + back;
    return 0;
}

static void add_figures(struct bench_report *report, const struct figures *figures)
{
    bench_add(report, figures->attempts_per_s, "sqlite.attempts_per_s");
    bench_add(report, figures->p50, "sqlite.invite_to_incoming_ms.p50");
    bench_add(report, figures->p99, "sqlite.invite_to_incoming_ms.p99");
    bench_add(report, figures->kib_per_idle_device, "sqlite.kib_per_idle_device");
    bench_add(report, figures->decision_us, "sqlite.decision_us");
    bench_add(report, figures->sign_ins_per_s, "sqlite.sign_ins_per_s");
    bench_add(report, figures->start_ms, "sqlite.start_ms");
    bench_add(report, figures->all_back_s, "sqlite.all_back_s");
    bench_add(report, figures->flood_frames_per_s, "sqlite.flood.frames_per_s");
    bench_add(report, figures->flood_p50, "sqlite.flood.others_ms.p50");
    bench_add(report, figures->flood_p99, "sqlite.flood.others_ms.p99");
}

static int run_deletion(struct bench_report *report)
{
    struct server server;
    struct deletion figures;
    if (server_prepare(&server))
        return -1;
    int result = deletion_measure(server.folder, &figures);
    server_remove(&server);
    if (result)
        return result;
    bench_add(report, figures.at_once_ms, "sqlite.deletion.at_once_ms");
    bench_add(report, figures.at_once_cpu_ms, "sqlite.deletion.at_once_cpu_ms");
    bench_add(report, figures.step_ms, "sqlite.deletion.step_ms");
    bench_add(report, figures.step_cpu_ms, "sqlite.deletion.step_cpu_ms");
    bench_add(report, figures.longest_step_ms, "sqlite.deletion.longest_step_ms");
    bench_add(report, figures.longest_step_cpu_ms, "sqlite.deletion.longest_step_cpu_ms");
    bench_add(report, figures.steps, "sqlite.deletion.steps");
    return 0;
}

static int run_once(struct bench_report *report, const struct bench_options *options,
                    const char *program, uint32_t devices)
{
    struct server server;
    struct accounts accounts = {0};
    struct load load = {.epoll = -1};
    char store[128];
    struct figures figures = {0};
    int result = -1;
    if (server_prepare(&server))
        return -1;
    snprintf(store, sizeof store, "%s/xcalld.db", server.folder);
    if (accounts_make(&accounts, devices, store) ||
        accounts_decision_us(store, devices, DECISIONS, &figures.decision_us) ||
        server_start(&server, program) || load_open(&load, &server, &accounts))
        goto out;
    load.latency_capacity = (uint32_t)(2000 * options->seconds) + 16;
    load.latencies_ms = calloc(load.latency_capacity, sizeof *load.latencies_ms);
    settle(&load, 0.5);
    double before = server_resident_kib(&server), took = connect_all(&load);
    if (!load.latencies_ms || took < 0)
        goto out;
    settle(&load, 2);
    figures.kib_per_idle_device = (server_resident_kib(&server) - before) / devices;
    figures.sign_ins_per_s = devices / took;
    run_rates(&load, report, options->seconds, &figures);
    run_flood(&load, options->seconds, &figures);
    result = run_restart(&load, &server, program, &figures);
    if (!result)
        add_figures(report, &figures);
out:
    free(load.latencies_ms);
    if (load.tls)
        load_close(&load);
    server_remove(&server);
    accounts_free(&accounts);
    return result;
}

static void print_summary(const struct bench_report *report)
{
    static const char *const lines[][2] = {
        {"attempts_per_s", "attempts a second at p99 under 20 ms (aim 1000)"},
        {"invite_to_incoming_ms.p50", "invite -> incoming, p50, ms"},
        {"invite_to_incoming_ms.p99", "invite -> incoming, p99, ms (aim 20)"},
        {"kib_per_idle_device", "KiB resident in xcalld per idle signed-in device (aim 24)"},
        {"flood.others_ms.p99", "p99 of others beside one that floods, ms (aim 50)"},
        {"decision_us", "one decision with its rows read, us"},
        {"deletion.at_once_ms", "an account with 100,000 messages deleted in one transaction, ms"},
        {"deletion.at_once_cpu_ms", "of which CPU"},
        {"deletion.longest_step_ms", "the same in steps, as it is done: the longest, ms"},
        {"deletion.longest_step_cpu_ms", "the longest by its CPU, ms"},
        {"deletion.step_ms", "the mean step, ms"},
        {"deletion.step_cpu_ms", "of which CPU"},
        {"sign_ins_per_s", "sign-ins a second (full TLS handshake and hello)"},
        {"start_ms", "server started after it was killed, ms"},
        {"all_back_s", "all devices back, s"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        double spread, value = bench_median(report, &spread, "sqlite.%s", lines[i][0]);
        if (!isnan(value))
            printf("%12.2f  (spread %.2f)  %s\n", value, spread, lines[i][1]);
    }
}

int main(int argc, char **argv)
{
    static const char usage[] =
        "usage: bench-service [--json FILE] [--seconds N] [--runs N] [--only DEVICES]\n"
        "  --seconds N     of each rate (default 10)\n"
        "  --only DEVICES  so many devices instead of 10000; deletion: only that\n";
    struct bench_options options = {.seconds = 10, .runs = 1};
    struct rlimit files;
    char program[512];
    bench_options_parse(&options, argc, argv, usage);
    uint32_t devices = options.only ? (uint32_t)strtoul(options.only, NULL, 10) & ~1u : DEVICES;
    bool deletion = options.only && strcmp(options.only, "deletion") == 0;
    if (devices < 4 && !deletion) {
        fputs("bench-service: --only wants a number of devices, or deletion\n", stderr);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (files.rlim_cur < devices + 100 && !deletion) {
        fprintf(stderr, "bench-service: %u devices need as many open files, the limit is %llu\n",
                devices, (unsigned long long)files.rlim_cur);
        return 1;
    }
    const char *slash = strrchr(argv[0], '/');
    snprintf(program, sizeof program, "%.*s../examples/xcalld",
             slash ? (int)(slash - argv[0]) + 1 : 0, argv[0]);
    struct bench_report *report = bench_report_create("service", &options);
    bench_setting(report, "devices", "%u", devices);
    bench_setting(report, "tls", "\"1.3, P-256, tickets\"");
    for (uint32_t run = 0; run < options.runs; run++)
        if (run_deletion(report) || (!deletion && run_once(report, &options, program, devices))) {
            fputs("service: nothing was measured\n", stderr);
            return 1;
        }
    print_summary(report);
    bench_print_machine(report);
    int result = bench_report_write(report);
    bench_report_destroy(report);
    return result;
}
