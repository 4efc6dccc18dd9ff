/* latency.c - how long a sample and a picture take from the write() of one process to the read() of
 * another, by stage. See docs/benchmarks.md.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "latency.h"

static const char usage[] =
    "usage: bench-latency [options]\n"
    "End-to-end latency by stage between two processes over UDP on loopback.\n"
    "Parts: audio, video_360p, video_720p.\n";

struct part {
    const char *name;
    uint32_t width, height, bitrate;
};

static const struct part parts[] = {
    {"audio", 0, 0, 0}, {"video_360p", 640, 360, 1000000}, {"video_720p", 1280, 720, 2500000}};

static void print_row(const struct bench_report *report, const char *part, const char *path,
                      const char *label)
{
    double spread;
    double p50 = bench_median(report, &spread, "%s.%s.p50", part, path);
    if (p50 != p50)
        return;
    printf("  %-16s %8.3f %8.3f %8.3f %8.3f   +-%.3f\n", label, p50,
           bench_median(report, NULL, "%s.%s.p95", part, path),
           bench_median(report, NULL, "%s.%s.p99", part, path),
           bench_median(report, NULL, "%s.%s.max", part, path), spread / 2);
}

static void print_counts(const struct bench_report *report, const char *part)
{
    printf("  sent %.0f, delivered %.0f, dropped %.0f, ",
           bench_median(report, NULL, "%s.sent", part),
           bench_median(report, NULL, "%s.delivered", part),
           bench_median(report, NULL, "%s.dropped", part));
    if (!strcmp(part, "audio"))
        printf("concealed %.2f %%, %.1f kb/s; %.0f of %.0f chirps missed, %.0f calls repeated, "
               "host late %.0f blocks\n"
               "  of it: frame length %.2f ms, look-ahead %.2f ms (means)\n",
               bench_median(report, NULL, "audio.concealed_pct"),
               bench_median(report, NULL, "audio.bitrate_kbps"),
               bench_median(report, NULL, "audio.marks_missed"),
               bench_median(report, NULL, "audio.marks"),
               bench_median(report, NULL, "audio.calls_repeated"),
               bench_median(report, NULL, "audio.host_late_blocks"),
               bench_median(report, NULL, "audio.frame_length_ms"),
               bench_median(report, NULL, "audio.look_ahead_ms"));
    else
        printf("%.0f kb/s, PSNR %.2f dB (bare: %.0f kb/s, %.2f dB)\n",
               bench_median(report, NULL, "%s.bitrate_kbps", part),
               bench_median(report, NULL, "%s.psnr_db", part),
               bench_median(report, NULL, "%s.bare_bitrate_kbps", part),
               bench_median(report, NULL, "%s.bare_psnr_db", part));
}

static void print_phases(const struct bench_report *report)
{
    printf("  phase of read() after write() ms: mean end to end (hold)\n ");
    for (unsigned i = 0; i < 20; i++)
        printf(" %.1f: %.1f (%.1f)%s", bench_median(report, NULL, "audio.phases.%u.phase_ms", i),
               bench_median(report, NULL, "audio.phases.%u.end_to_end_mean_ms", i),
               bench_median(report, NULL, "audio.phases.%u.hold_mean_ms", i),
               i % 5 == 4 ? "\n " : " ");
    puts("");
}

static void print_part(const struct bench_report *report, const char *part)
{
    static const char *const stages[] = {"wait",     "encode",  "packetize",
                                         "pace",     "network", "jitter_buffer",
                                         "assemble", "decode",  "deliver"};
    char path[64];
    printf("\n%-18s %8s %8s %8s %8s   p50 over runs\n", part, "p50", "p95", "p99", "max (ms)");
    print_row(report, part, "end_to_end_ms", "end to end");
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        char label[32];
        snprintf(path, sizeof path, "stages.%s", stages[i]);
        snprintf(label, sizeof label, "  %s", stages[i]);
        print_row(report, part, path, label);
    }
    print_row(report, part, "residual_ms", "  residual");
    print_row(report, part, "pull_wait_ms", "pull wait");
    print_row(report, part, "hold_ms", "hold");
    print_row(report, part, "bare_ms", "bare codec");
    print_row(report, part, "engine_added_ms", "engine added");
    print_counts(report, part);
    if (!strcmp(part, "audio"))
        print_phases(report);
}

int main(int argc, char **argv)
{
    struct bench_options options = {.seconds = 60, .runs = 3};
    bench_options_parse(&options, argc, argv, usage);
    struct bench_report *report = bench_report_create("latency", &options);
    bench_setting(report, "audio",
                  "{\"block_ms\":10,\"packet_ms\":20,\"bitrate_kbps\":32,\"phases\":20,\"host_"
                  "threads\":\"SCHED_FIFO where allowed\"}");
    bench_setting(report, "video", "{\"frame_rate\":30,\"bitrate_kbps\":{\"360p\":%u,\"720p\":%u}}",
                  parts[1].bitrate / 1000, parts[2].bitrate / 1000);
    bool any = false;
    for (uint32_t run = 0; run < options.runs; run++) {
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            const struct part *part = &parts[i];
            if (!bench_wanted(&options, part->name))
                continue;
            any = true;
            fprintf(stderr, "latency: run %u of %u: %s\n", run + 1, options.runs, part->name);
            bool ok = part->width ? latency_video(report, &options, part->name, part->width,
                                                  part->height, part->bitrate)
                                  : latency_audio(report, &options);
            if (!ok)
                return 1;
        }
    }
    if (!any) {
        fprintf(stderr, "latency: there is no part \"%s\"\n", options.only);
        return 2;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (bench_wanted(&options, parts[i].name))
            print_part(report, parts[i].name);
    bench_print_machine(report);
    int result = bench_report_write(report);
    bench_report_destroy(report);
    return result;
}
