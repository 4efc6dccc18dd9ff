/* engine.c - the call as the library makes it: both ends in one engine, real sockets, real codecs.
 * Stepped: one thread, 10 ms of media a turn, as fast as it goes. In real time: a host thread for
 * media, the engine's own threads for the rest.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "tax.h"

#define CONNECT_TURNS 2000
#define WARM_UP_BLOCKS 100

struct call {
    xcall_id ids[2];
    uint8_t connected[2];
    struct bench_loop loop;
    const struct tax_content *content;
    uint8_t *seen;  /* room for a received picture */
    uint32_t block; /* next to write */
    uint64_t start; /* of block 0, on the engine's clock */
    uint64_t pictures;
};

static bool open_call(struct call *call, const struct tax_content *content, uint32_t threads)
{
    memset(call, 0, sizeof *call);
    call->content = content;
    call->seen = calloc(1, (size_t)TAX_WIDTH * TAX_HEIGHT * 2);
    call->loop = (struct bench_loop){.engine = bench_engine(threads, 2, 1000),
                                     .calls = call->ids,
                                     .connected = call->connected,
                                     .count = 2};
    for (uint32_t i = 0; i < 2; i++) {
        xcall_call_config config;
        xcall_call_config_init(&config, sizeof config);
        config.role = i == 0 ? XCALL_ROLE_OFFER : XCALL_ROLE_ANSWER;
        config.user = i;
        config.audio_bitrate_bps = TAX_AUDIO_BITRATE;
        config.audio_complexity = TAX_COMPLEXITY;
        if (content->with_video) {
            config.video_direction = XCALL_DIRECTION_BOTH;
            config.video_width = config.video_width_max = TAX_WIDTH;
            config.video_height = config.video_height_max = TAX_HEIGHT;
            config.video_frame_rate = TAX_FRAME_RATE;
            config.video_bitrate_bps = TAX_VIDEO_BITRATE;
            config.video_flags = XCALL_VIDEO_KEEP_FRAMES;
        }
        if (xcall_call_create(call->loop.engine, &config, &call->ids[i], NULL) != XCALL_OK)
            return false;
    }
    return call->seen != NULL;
}

static void close_call(struct call *call)
{
    xcall_engine_unref(call->loop.engine);
    free(call->seen);
}

/* One picture of the loop, as it is in memory: what draws it is no cost of the call's. */
static void write_picture(struct call *call, uint32_t number, uint64_t capture)
{
    const struct bench_video *video = &call->content->video;
    xcall_picture picture;
    uint8_t *frame = video->frames + number % video->count * video->frame_size;
    bench_picture_of(&picture, frame, TAX_WIDTH, TAX_HEIGHT);
    picture.capture_ns = capture;
    for (int i = 0; i < 2; i++)
        xcall_video_write(call->loop.engine, call->ids[i], &picture);
}

static void read_pictures(struct call *call)
{
    for (int i = 0; i < 2; i++) {
        xcall_picture picture;
        bench_picture_of(&picture, call->seen, TAX_WIDTH, TAX_HEIGHT);
        while (xcall_video_read(call->loop.engine, call->ids[i], &picture) == XCALL_OK)
            call->pictures++;
    }
}

static uint64_t picture_time(const struct call *call, uint32_t number)
{
    return call->start + number * BENCH_S / TAX_FRAME_RATE;
}

static void write_media(struct call *call, uint32_t *picture, bool capture_now)
{
    const int16_t *block = call->content->speech + call->block % TAX_SPEECH_BLOCKS * BENCH_BLOCK;
    uint64_t now = call->start + call->block * BENCH_BLOCK_NS;
    for (int i = 0; i < 2; i++)
        xcall_audio_write(call->loop.engine, call->ids[i], block, BENCH_BLOCK,
                          capture_now ? 0 : now);
    while (call->content->with_video && picture_time(call, *picture) <= now) {
        write_picture(call, *picture, capture_now ? 0 : picture_time(call, *picture));
        ++*picture;
    }
    call->block++;
}

static void read_media(struct call *call)
{
    int16_t heard[BENCH_BLOCK];
    for (int i = 0; i < 2; i++)
        xcall_audio_read(call->loop.engine, call->ids[i], heard, BENCH_BLOCK);
    if (call->content->with_video)
        read_pictures(call);
}

/* What both ends received up to now. */
static bool look(const struct call *call, struct tax_result *result)
{
    memset(result, 0, sizeof *result);
    for (int i = 0; i < 2; i++) {
        xcall_stats stats;
        xcall_stats_init(&stats, sizeof stats);
        if (xcall_call_stats(call->loop.engine, call->ids[i], &stats) != XCALL_OK)
            return false;
        result->audio_packets += (double)stats.audio_received.packets_received;
        result->video_frames += (double)stats.video_received.frames_decoded;
        result->bytes += (double)stats.bytes_received;
    }
    result->cpu = bench_cpu_seconds();
    return true;
}

static void subtract(struct tax_result *result, const struct tax_result *before)
{
    result->cpu -= before->cpu;
    result->audio_packets -= before->audio_packets;
    result->video_frames -= before->video_frames;
    result->bytes -= before->bytes;
}

static bool worked(const struct call *call, const struct tax_result *result)
{
    double seconds = call->content->seconds;
    bool ok =
        result->audio_packets > 2 * 45 * seconds &&
        (!call->content->with_video || result->video_frames > 2 * 0.8 * TAX_FRAME_RATE * seconds);
    if (!ok)
        fprintf(stderr, "tax: media did not flow: %.0f audio packets, %.0f pictures in %g s\n",
                result->audio_packets, result->video_frames, seconds);
    return ok;
}

bool tax_stepped(const struct tax_content *content, struct tax_result *result)
{
    struct call call;
    struct tax_result before;
    uint64_t deadline;
    uint32_t picture = 0;
    if (!open_call(&call, content, 0))
        return false;
    uint64_t now = xcall_now_ns();
    for (int turn = 0; turn < CONNECT_TURNS && call.loop.connected_count < 2; turn++) {
        xcall_engine_step(call.loop.engine, now += BENCH_MS, &deadline);
        while (bench_loop_event(&call.loop, 0))
            ;
    }
    call.start = now;
    uint32_t blocks = (uint32_t)(content->seconds * 100) + WARM_UP_BLOCKS;
    for (uint32_t k = 0; k < blocks; k++) {
        if (k == WARM_UP_BLOCKS && !look(&call, &before))
            return false;
        now += BENCH_BLOCK_NS;
        write_media(&call, &picture, false);
        xcall_engine_step(call.loop.engine, now, &deadline);
        read_media(&call);
        while (k % 100 == 0 && bench_loop_event(&call.loop, 0))
            ;
    }
    bool ok = call.loop.connected_count == 2 && look(&call, result);
    close_call(&call);
    subtract(result, &before);
    return ok && worked(&call, result);
}

bool tax_real_time(const struct tax_content *content, struct tax_result *result, uint32_t *threads)
{
    struct call call;
    struct tax_result before;
    uint32_t picture = 0, threads_before = bench_threads();
    if (!open_call(&call, content, 1))
        return false;
    *threads = bench_threads() - threads_before;
    uint64_t limit = xcall_now_ns() + 5 * BENCH_S;
    while (call.loop.connected_count < 2 && xcall_now_ns() < limit)
        bench_loop_event(&call.loop, 20);
    call.start = xcall_now_ns();
    uint32_t blocks = (uint32_t)(content->seconds * 100) + WARM_UP_BLOCKS;
    for (uint32_t k = 0; k < blocks; k++) {
        if (k == WARM_UP_BLOCKS && !look(&call, &before))
            return false;
        bench_sleep_until(call.start + k * BENCH_BLOCK_NS);
        write_media(&call, &picture, true);
        bench_sleep_until(call.start + k * BENCH_BLOCK_NS + BENCH_BLOCK_NS / 2);
        read_media(&call);
        while (bench_loop_event(&call.loop, 0))
            ;
    }
    bool ok = call.loop.connected_count == 2 && look(&call, result);
    close_call(&call);
    subtract(result, &before);
    return ok && worked(&call, result);
}
