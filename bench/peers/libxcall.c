/* libxcall.c - bench-peers: libxcall's program in the bench "peers", on the public headers only.
 *
 *   bench-peers PART --sound FILE --pictures FILE --out DIRECTORY [--seconds N] [--calls N]
 *               [--phase MS]
 *
 * Lines on stdout as every peer's: {"mark":NAME}, {"result":{..},"versions":{..}}.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "libxcall.h"

#define WARM_UP_NS (5 * BENCH_S / 2)
#define REST_NS (500 * BENCH_MS)
#define LIMIT_NS (3 * BENCH_S) /* for first sound and picture */

static uint32_t no_video[2] = {XCALL_DIRECTION_NONE, XCALL_DIRECTION_NONE};
static uint32_t both_video[2] = {XCALL_DIRECTION_BOTH, XCALL_DIRECTION_BOTH};

static void mark(const char *name)
{
    printf("{\"mark\":\"%s\"}\n", name);
    fflush(stdout);
}

static uint64_t seconds_on(const struct peers_ends *ends)
{
    return xcall_now_ns() + (uint64_t)(ends->options->seconds * 1e9);
}

/* null where it did not happen at both ends, else the later one's time. */
static void put_later(const char *name, const uint64_t times[2], uint64_t begin)
{
    uint64_t later = times[0] > times[1] ? times[0] : times[1];
    if (times[0] && times[1])
        printf("\"%s\":%.3f", name, peers_ms(later - begin));
    else
        printf("\"%s\":null", name);
}

static void run_setup(struct peers_ends *ends)
{
    printf("{\"result\":{\"calls\":[");
    for (uint32_t n = 0; n <= ends->options->calls; n++) { /* the first one warms up */
        uint64_t begin = xcall_now_ns();
        peers_add_call(ends, XCALL_DIRECTION_BOTH, both_video);
        peers_media_start(ends, true, 3); /* microphone and camera start with the call */
        while (xcall_now_ns() < begin + LIMIT_NS &&
               !(ends->connected_at[0] && ends->connected_at[1] && ends->first_video[0] &&
                 ends->first_video[1] && ends->first_audio[0] && ends->first_audio[1]))
            peers_pump(ends, xcall_now_ns() + BENCH_MS);
        peers_media_stop(ends);
        if (n > 0) {
            printf(n > 1 ? ",{" : "{");
            put_later("connected", ends->connected_at, begin);
            printf(",");
            put_later("audio", ends->first_audio, begin);
            printf(",");
            put_later("video", ends->first_video, begin);
            printf("}");
        }
        peers_hang_up(ends);
        peers_pump(ends, xcall_now_ns() + 200 * BENCH_MS);
    }
    printf("]}");
}

static void run_audio(struct peers_ends *ends)
{
    peers_add_call(ends, XCALL_DIRECTION_BOTH, no_video);
    peers_wait_connected(ends);
    ends->notes_sound = true;
    peers_media_start(ends, true, 0);
    peers_pump(ends, seconds_on(ends));
    peers_media_stop(ends);
    peers_list_save(&ends->wrote, ends->options->out, "wrote.f64");
    peers_list_save(&ends->reads, ends->options->out, "reads.f64");
    printf("{\"result\":{}");
}

static void run_video(struct peers_ends *ends)
{
    uint32_t one_way[2] = {XCALL_DIRECTION_SEND, XCALL_DIRECTION_RECV};
    peers_add_call(ends, XCALL_DIRECTION_NONE, one_way);
    peers_wait_connected(ends);
    ends->notes_pictures = true;
    peers_media_start(ends, false, 1);
    peers_pump(ends, seconds_on(ends));
    peers_media_stop(ends);
    peers_pump(ends, xcall_now_ns() + REST_NS);
    peers_list_save(&ends->shown, ends->options->out, "wrote.f64");
    peers_list_save(&ends->viewed, ends->options->out, "seen.f64");
    printf("{\"result\":{}");
}

static void run_cpu(struct peers_ends *ends, bool pictures)
{
    peers_add_call(ends, XCALL_DIRECTION_BOTH, pictures ? both_video : no_video);
    peers_wait_connected(ends);
    peers_media_start(ends, true, pictures ? 3 : 0);
    peers_pump(ends, xcall_now_ns() + WARM_UP_NS);
    uint64_t samples = atomic_load(&ends->samples), seen = atomic_load(&ends->pictures);
    uint64_t begin = xcall_now_ns();
    mark("begin");
    peers_pump(ends, seconds_on(ends));
    mark("end");
    double seconds = (double)(xcall_now_ns() - begin) * 1e-9;
    samples = atomic_load(&ends->samples) - samples;
    seen = atomic_load(&ends->pictures) - seen;
    peers_media_stop(ends);
    printf("{\"result\":{\"audio_rate\":%.4f,\"video_rate\":%.4f}",
           (double)samples / BENCH_RATE / 2 / seconds, (double)seen / 30 / 2 / seconds);
}

static void run_memory(struct peers_ends *ends)
{
    peers_media_start(ends, true, 0);
    peers_add_call(ends, XCALL_DIRECTION_BOTH, no_video);
    peers_wait_connected(ends);
    peers_pump(ends, seconds_on(ends));
    mark("few");
    peers_pump(ends, xcall_now_ns() + REST_NS);
    for (uint32_t n = 0; n < ends->options->calls; n++) {
        peers_add_call(ends, XCALL_DIRECTION_BOTH, no_video);
        peers_wait_connected(ends);
    }
    peers_pump(ends, seconds_on(ends));
    mark("many");
    peers_pump(ends, xcall_now_ns() + REST_NS);
    peers_media_stop(ends);
    printf("{\"result\":{\"extra_calls\":%u}", (unsigned)ends->options->calls);
}

static void bad_use(const char *text)
{
    fprintf(stderr, "bench-peers: %s\n", text);
    exit(2);
}

static void parse(struct peers_options *options, int argc, char **argv)
{
    *options = (struct peers_options){.seconds = 4, .calls = 1, .out = "."};
    if (argc < 2)
        bad_use("a part is wanted");
    options->part = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--sound"))
            options->sound = value;
        else if (!strcmp(name, "--pictures"))
            options->pictures = value;
        else if (!strcmp(name, "--out"))
            options->out = value;
        else if (!strcmp(name, "--seconds"))
            options->seconds = strtod(value, NULL);
        else if (!strcmp(name, "--phase"))
            options->phase_ms = strtod(value, NULL);
        else if (!strcmp(name, "--calls"))
            options->calls = (uint32_t)strtoul(value, NULL, 10);
        else
            bad_use("there is no such option");
    }
    if (argc % 2 || !options->sound || !options->pictures)
        bad_use("--sound and --pictures are wanted");
    if (!(options->seconds > 0) || options->seconds > 3600)
        bad_use("--seconds is out of range");
}

int main(int argc, char **argv)
{
    struct peers_options options;
    static struct peers_ends ends;
    parse(&options, argc, argv);
    peers_open(&ends, &options);
    if (!strcmp(options.part, "setup"))
        run_setup(&ends);
    else if (!strcmp(options.part, "audio"))
        run_audio(&ends);
    else if (!strcmp(options.part, "video"))
        run_video(&ends);
    else if (!strcmp(options.part, "cpu_audio"))
        run_cpu(&ends, false);
    else if (!strcmp(options.part, "cpu_av"))
        run_cpu(&ends, true);
    else if (!strcmp(options.part, "memory"))
        run_memory(&ends);
    else
        bad_use("there is no such part");
    printf(",\"versions\":{\"libxcall\":\"%s\",\"dependencies\":\"%s\"}}\n", xcall_version(),
           xcall_dependency_versions());
    peers_close(&ends);
    return 0;
}
