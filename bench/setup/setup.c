/* setup.c - how long from a call's creation until it is connected, heard and seen. See
 * docs/benchmarks.md.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "setup.h"

#define SEEDS 40

static const char usage[] =
    "usage: bench-setup [options]\n"
    "Time to connected, first decoded audio and first decoded video: on loopback between two\n"
    "processes (30 calls a run; --seconds is not used), and in virtual time over 40 seeds a run.\n"
    "Parts: loopback, virtual.\n";

static const uint32_t round_trips[] = {100, 200}, losses[] = {0, 5, 10, 25};

static void print_loopback(const struct bench_report *report)
{
    static const char *const rows[][2] = {{"engine_create_ms", "engine create"},
                                          {"created", "call created"},
                                          {"offer", "offer out"},
                                          {"answer", "answer out"},
                                          {"connected", "connected"},
                                          {"audio", "first audio"},
                                          {"video", "first video"}};
    printf("\nloopback            p50      min      p95      max (ms)\n");
    printf("  %-14s %8.2f\n", rows[0][1], bench_median(report, NULL, "loopback.engine_create_ms"));
    for (int i = 1; i < 7; i++)
        printf("  %-14s %8.2f %8.2f %8.2f %8.2f\n", rows[i][1],
               bench_median(report, NULL, "loopback.%s_ms", rows[i][0]),
               bench_median(report, NULL, "loopback.%s_all_ms.min", rows[i][0]),
               bench_median(report, NULL, "loopback.%s_all_ms.p95", rows[i][0]),
               bench_median(report, NULL, "loopback.%s_all_ms.max", rows[i][0]));
}

static void print_virtual(const struct bench_report *report)
{
    printf("\nvirtual time     connected avg / p95   audio avg / p95    video avg / p95 (ms)  "
           "not connected\n");
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 4; k++) {
            char name[32];
            snprintf(name, sizeof name, "rtt%u_loss%u", round_trips[i], losses[k]);
            printf("  %-14s", name);
            static const char *const what[] = {"connected", "audio", "video"};
            for (int w = 0; w < 3; w++)
                printf("  %8.0f / %-8.0f",
                       bench_median(report, NULL, "%s.%s_ms.avg", name, what[w]),
                       bench_median(report, NULL, "%s.%s_ms.p95", name, what[w]));
            printf(" %4.0f of %d\n", bench_median(report, NULL, "%s.not_connected", name), SEEDS);
        }
    }
}

static bool run_virtual(struct bench_report *report, const struct bench_options *options,
                        uint32_t run)
{
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 4; k++) {
            char name[32];
            snprintf(name, sizeof name, "rtt%u_loss%u", round_trips[i], losses[k]);
            if (!setup_virtual(report, options->program, name, round_trips[i], losses[k], SEEDS,
                               1 + run * SEEDS))
                return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct bench_options options = {.seconds = 1, .runs = 3};
    bench_options_parse(&options, argc, argv, usage);
    struct bench_report *report = bench_report_create("setup", &options);
    bench_setting(report, "loopback", "{\"repetitions\":30,\"audio\":true,\"video\":\"640x360\"}");
    bench_setting(report, "virtual", "{\"seeds_a_run\":%d,\"codecs\":\"model\"}", SEEDS);
    bool loopback = bench_wanted(&options, "loopback"), virtual = bench_wanted(&options, "virtual");
    if (!loopback && !virtual) {
        fprintf(stderr, "setup: there is no part \"%s\"\n", options.only);
        return 2;
    }
    for (uint32_t run = 0; run < options.runs; run++) {
        fprintf(stderr, "setup: run %u of %u\n", run + 1, options.runs);
        if ((loopback && !setup_loopback(report, 30)) ||
            (virtual && !run_virtual(report, &options, run)))
            return 1;
    }
    if (loopback)
        print_loopback(report);
    if (virtual)
        print_virtual(report);
    bench_print_machine(report);
    int result = bench_report_write(report);
    bench_report_destroy(report);
    return result;
}
