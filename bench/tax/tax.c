/* tax.c - what a call costs beyond the codecs, SRTP and the two system calls that it cannot do
 * without. See docs/benchmarks.md.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tax.h"

#define REAL_TIME_SECONDS_MAX 20
#define ROUNDS 4 /* bare and engine in turn: a machine that grows slower harms both alike */

static const char usage[] =
    "usage: bench-tax [options]\n"
    "CPU time of a whole call, both ends, over that of its codec, SRTP and socket calls alone.\n"
    "Parts: audio, video_360p.\n";

static bool make_content(struct tax_content *content, bool with_video, double seconds)
{
    memset(content, 0, sizeof *content);
    content->with_video = with_video;
    content->seconds = seconds;
    content->speech = calloc(TAX_SPEECH_BLOCKS, BENCH_BLOCK * sizeof(int16_t));
    if (!content->speech)
        return false;
    bench_speech(content->speech, (size_t)TAX_SPEECH_BLOCKS * BENCH_BLOCK, 3);
    return !with_video ||
           bench_video_create(&content->video, TAX_WIDTH, TAX_HEIGHT, TAX_LOOP_FRAMES);
}

static void free_content(struct tax_content *content)
{
    free(content->speech);
    bench_video_destroy(&content->video);
}

enum way { BARE, STEPPED, REAL_TIME };

struct outcome {
    struct tax_result result;
    uint32_t threads;
};

/* In a process of its own, so that no way finds the caches, heap and threads of another. Adds to
 * what earlier rounds found. */
static bool run_way(enum way way, const struct tax_content *content, struct outcome *total)
{
    struct outcome made = {{0}, 0}, *outcome = &made;
    int ends[2], status;
    if (pipe(ends) != 0)
        return false;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = way == BARE      ? tax_bare(content, &outcome->result)
                  : way == STEPPED ? tax_stepped(content, &outcome->result)
                                   : tax_real_time(content, &outcome->result, &outcome->threads);
        ok = ok && write(ends[1], outcome, sizeof *outcome) == (ssize_t)sizeof *outcome;
        _exit(ok ? 0 : 1);
    }
    close(ends[1]);
    bool ok = pid > 0 && read(ends[0], outcome, sizeof *outcome) == (ssize_t)sizeof *outcome;
    ok = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && ok;
    close(ends[0]);
    total->result.cpu += made.result.cpu;
    total->result.audio_packets += made.result.audio_packets;
    total->result.video_frames += made.result.video_frames;
    total->result.bytes += made.result.bytes;
    total->threads = made.threads;
    return ok;
}

static bool run_part(struct bench_report *report, const char *part, bool with_video, double seconds)
{
    struct tax_content content;
    struct outcome bare = {{0}, 0}, stepped = {{0}, 0}, real = {{0}, 0};
    double real_seconds = seconds < REAL_TIME_SECONDS_MAX ? seconds : REAL_TIME_SECONDS_MAX;
    if (!make_content(&content, with_video, seconds / ROUNDS))
        return false;
    bool ok = true;
    for (int round = 0; ok && round < ROUNDS; round++)
        ok = run_way(BARE, &content, &bare) && run_way(STEPPED, &content, &stepped);
    content.seconds = real_seconds;
    ok = ok && run_way(REAL_TIME, &content, &real);
    free_content(&content);
    if (!ok)
        return false;
    double bare_cpu = bare.result.cpu;
    bench_add(report, stepped.result.cpu / bare_cpu, "%s.ratio", part);
    bench_add(report, stepped.result.cpu / seconds, "%s.engine_core_s_per_call_s", part);
    bench_add(report, bare_cpu / seconds, "%s.bare_core_s_per_call_s", part);
    bench_add(report, real.result.cpu / real_seconds, "%s.real_time_core_s_per_call_s", part);
    bench_add(report, real.threads, "%s.real_time_threads", part);
    bench_add(report, stepped.result.audio_packets / seconds, "%s.engine_audio_packets_per_s",
              part);
    bench_add(report, bare.result.audio_packets / seconds, "%s.bare_audio_packets_per_s", part);
    bench_add(report, stepped.result.bytes * 8e-3 / seconds, "%s.engine_kbps", part);
    bench_add(report, bare.result.bytes * 8e-3 / seconds, "%s.bare_kbps", part);
    if (!with_video)
        return true;
    bench_add(report, stepped.result.video_frames / seconds, "%s.engine_pictures_per_s", part);
    bench_add(report, bare.result.video_frames / seconds, "%s.bare_pictures_per_s", part);
    return true;
}

static void print_part(const struct bench_report *report, const char *part)
{
    double spread, ratio = bench_median(report, &spread, "%s.ratio", part);
    printf("%-12s %6.3f +-%.3f  %9.4f  %9.4f   %9.4f (%1.0f)   %6.0f %6.0f\n", part, ratio,
           spread / 2, bench_median(report, NULL, "%s.engine_core_s_per_call_s", part),
           bench_median(report, NULL, "%s.bare_core_s_per_call_s", part),
           bench_median(report, NULL, "%s.real_time_core_s_per_call_s", part),
           bench_median(report, NULL, "%s.real_time_threads", part),
           bench_median(report, NULL, "%s.engine_kbps", part),
           bench_median(report, NULL, "%s.bare_kbps", part));
}

int main(int argc, char **argv)
{
    struct bench_options options = {.seconds = 60, .runs = 5};
    bench_options_parse(&options, argc, argv, usage);
    struct bench_report *report = bench_report_create("tax", &options);
    bench_setting(report, "audio", "{\"bitrate_kbps\":%d,\"complexity\":%d,\"packet_ms\":20}",
                  TAX_AUDIO_BITRATE / 1000, TAX_COMPLEXITY);
    bench_setting(report, "video", "{\"size\":\"%dx%d\",\"frame_rate\":%d,\"bitrate_kbps\":%d}",
                  TAX_WIDTH, TAX_HEIGHT, TAX_FRAME_RATE, TAX_VIDEO_BITRATE / 1000);
    bench_setting(report, "srtp", "\"AEAD_AES_128_GCM\"");
    bool audio = bench_wanted(&options, "audio"), video = bench_wanted(&options, "video_360p");
    if (!audio && !video) {
        fprintf(stderr, "tax: there is no part \"%s\"\n", options.only);
        return 2;
    }
    for (uint32_t run = 0; run < options.runs; run++) {
        fprintf(stderr, "tax: run %u of %u\n", run + 1, options.runs);
        if ((audio && !run_part(report, "audio", false, options.seconds)) ||
            (video && !run_part(report, "video_360p", true, options.seconds)))
            return 1;
    }
    printf("\n             ratio          engine     bare        real time (threads)  kb/s engine, "
           "bare\n"
           "                            core-s a call-s, both ends\n");
    if (audio)
        print_part(report, "audio");
    if (video)
        print_part(report, "video_360p");
    bench_print_machine(report);
    int result = bench_report_write(report);
    bench_report_destroy(report);
    return result;
}
