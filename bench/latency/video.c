/* video.c - video end to end. Alice writes pictures with their number drawn in, Bob reads it
 * from what he gets; beside it the same pictures through libvpx alone.
 * One direction and no audio: with audio, lip sync would hold pictures until their sound is played.
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "latency.h"

#define FRAME_RATE 30
#define FRAME_NS (BENCH_S / FRAME_RATE)
#define WARM_UP_FRAMES 30
#define LEAD_NS (300 * BENCH_MS)
#define TAIL_NS (150 * BENCH_MS)
#define CLOSE_NS (300 * BENCH_MS)
#define LOOP_FRAMES 60
#define KEPT_EVERY 10 /* for PSNR */

struct plan {
    const struct bench_video *video;
    uint64_t start;
    uint32_t frames, bitrate;
    struct latency_bare bare;
    bool bare_failed;
};

struct received {
    int32_t number;
    uint32_t rtp_timestamp;
    uint64_t at;
};

static void fill_config(xcall_call_config *config, const struct plan *plan, bool reader)
{
    xcall_call_config_init(config, sizeof *config);
    config->role = reader ? XCALL_ROLE_ANSWER : XCALL_ROLE_OFFER;
    config->audio_direction = XCALL_DIRECTION_NONE;
    config->video_direction = reader ? XCALL_DIRECTION_RECV : XCALL_DIRECTION_SEND;
    config->video_width = config->video_width_max = plan->video->width;
    config->video_height = config->video_height_max = plan->video->height;
    config->video_frame_rate = FRAME_RATE;
    config->video_bitrate_bps = plan->bitrate;
    config->video_flags = XCALL_VIDEO_KEEP_FRAMES;
    config->trace_frames = LATENCY_TRACES;
}

static void put_common(struct bench_child *child, struct bench_host *host, uint32_t received)
{
    xcall_stats stats;
    size_t count;
    if (!host->connected_at || host->state != XCALL_STATE_CONNECTED)
        bench_fail("the video call did not connect", XCALL_E_TIMEOUT);
    xcall_stats_init(&stats, sizeof stats);
    xcall_call_stats(host->engine, host->call, &stats);
    xcall_frame_trace *traces = bench_host_traces(host, XCALL_KIND_VIDEO, received, &count);
    bench_put(child->out, &stats, sizeof stats, 1);
    bench_put(child->out, traces, sizeof *traces, count);
    free(traces);
}

/* --- Alice ----------------------------------------------------------------------------------- */

struct writer {
    const struct plan *plan;
    struct bench_host *host;
    uint64_t *wrote;
};

static void *write_pictures(void *argument)
{
    struct writer *writer = argument;
    const struct plan *plan = writer->plan;
    uint8_t *work = malloc(plan->video->frame_size);
    xcall_picture picture;
    if (!work)
        bench_fail("no memory", XCALL_E_MEMORY);
    bench_picture_of(&picture, work, plan->video->width, plan->video->height);
    for (uint32_t k = 0; k < plan->frames; k++) {
        bench_video_frame(plan->video, k, work);
        bench_sleep_until(plan->start + k * FRAME_NS);
        picture.capture_ns = writer->wrote[k] = xcall_now_ns();
        xcall_video_write(writer->host->engine, writer->host->call, &picture);
    }
    free(work);
    return NULL;
}

static void alice(struct bench_child *child)
{
    const struct plan *plan = child->config;
    struct bench_host host;
    struct writer writer = {.plan = plan, .host = &host};
    xcall_call_config config;
    pthread_t thread;
    bench_host_open(&host, child->peer);
    fill_config(&config, plan, false);
    bench_host_call(&host, &config);
    writer.wrote = calloc(plan->frames, sizeof *writer.wrote);
    if (!writer.wrote || pthread_create(&thread, NULL, write_pictures, &writer) != 0)
        bench_fail("no media thread", XCALL_E_MEMORY);
    uint64_t end = plan->start + plan->frames * FRAME_NS + TAIL_NS;
    while (xcall_now_ns() < end && host.state != XCALL_STATE_ENDED)
        bench_host_pump(&host, 20);
    pthread_join(thread, NULL);
    put_common(child, &host, 0);
    bench_put(child->out, writer.wrote, sizeof *writer.wrote, plan->frames);
    bench_sleep_until(end + CLOSE_NS); /* the other one reads its figures, too */
    bench_host_close(&host);
}

/* --- Bob ------------------------------------------------------------------------------------- */

struct reader {
    struct received *received;
    size_t count, room;
    uint8_t *luma; /* one picture in KEPT_EVERY */
    int32_t *luma_numbers;
    size_t luma_count, luma_room, luma_size;
    xcall_picture picture;
};

static void take_pictures(struct bench_host *host, struct reader *reader)
{
    uint32_t width = reader->picture.width, height = reader->picture.height;
    while (xcall_video_read(host->engine, host->call, &reader->picture) == XCALL_OK) {
        uint64_t now = xcall_now_ns();
        xcall_picture *p = &reader->picture;
        if (reader->count < reader->room)
            reader->received[reader->count++] = (struct received){
                .at = now,
                .rtp_timestamp = p->rtp_timestamp,
                .number = bench_video_number(p->planes[0], p->strides[0], p->width, p->height)};
        if (reader->count % KEPT_EVERY == 0 && reader->luma_count < reader->luma_room) {
            memcpy(reader->luma + reader->luma_count * reader->luma_size, p->planes[0],
                   reader->luma_size);
            reader->luma_numbers[reader->luma_count++] = reader->received[reader->count - 1].number;
        }
        p->width = width;
        p->height = height;
    }
    reader->picture.width = width;
    reader->picture.height = height;
}

/* Mean over the kept pictures. */
static double psnr_of(const struct plan *plan, const struct reader *reader)
{
    uint8_t *work = malloc(plan->video->frame_size);
    double sum = 0;
    for (size_t i = 0; work && i < reader->luma_count; i++) {
        if (reader->luma_numbers[i] < 0)
            continue;
        bench_video_frame(plan->video, (uint32_t)reader->luma_numbers[i], work);
        sum += bench_psnr(work, reader->luma + i * reader->luma_size, reader->luma_size);
    }
    free(work);
    return reader->luma_count ? sum / (double)reader->luma_count : 0;
}

static void bob(struct bench_child *child)
{
    const struct plan *plan = child->config;
    const struct bench_video *video = plan->video;
    struct bench_host host;
    struct reader reader = {.room = plan->frames + 64, .luma_room = 40};
    xcall_call_config config;
    bench_host_open(&host, child->peer);
    fill_config(&config, plan, true);
    bench_host_call(&host, &config);
    reader.luma_size = (size_t)video->width * video->height;
    reader.received = calloc(reader.room, sizeof *reader.received);
    reader.luma = malloc(reader.luma_room * reader.luma_size);
    reader.luma_numbers = calloc(reader.luma_room, sizeof *reader.luma_numbers);
    uint8_t *work = calloc(1, video->frame_size);
    if (!reader.received || !reader.luma || !reader.luma_numbers || !work)
        bench_fail("no memory", XCALL_E_MEMORY);
    bench_picture_of(&reader.picture, work, video->width, video->height);
    uint64_t end = plan->start + plan->frames * FRAME_NS + TAIL_NS;
    while (xcall_now_ns() < end && host.state != XCALL_STATE_ENDED) {
        bench_host_pump(&host, 20);
        if (host.picture) {
            host.picture = false;
            take_pictures(&host, &reader);
        }
    }
    put_common(child, &host, 1);
    bench_put(child->out, reader.received, sizeof *reader.received, reader.count);
    bench_sleep_until(end + CLOSE_NS);
    double psnr = psnr_of(plan, &reader);
    bench_put(child->out, &psnr, sizeof psnr, 1);
    bench_host_close(&host);
}

/* --- what was found -------------------------------------------------------------------------- */

struct results {
    xcall_stats *stats[2];
    xcall_frame_trace *traces[2];
    size_t trace_count[2], received_count;
    uint64_t *wrote;
    struct received *received;
    double *psnr;
};

static void get_results(struct results *results, FILE *files[2])
{
    for (int i = 0; i < 2; i++) {
        results->stats[i] = bench_get(files[i], sizeof(xcall_stats), NULL);
        results->traces[i] =
            bench_get(files[i], sizeof(xcall_frame_trace), &results->trace_count[i]);
    }
    results->wrote = bench_get(files[0], sizeof(uint64_t), NULL);
    results->received = bench_get(files[1], sizeof(struct received), &results->received_count);
    results->psnr = bench_get(files[1], sizeof(double), NULL);
}

static void free_results(struct results *results)
{
    for (int i = 0; i < 2; i++) {
        free(results->stats[i]);
        free(results->traces[i]);
    }
    free(results->wrote);
    free(results->received);
    free(results->psnr);
}

static void explain(struct latency_found *found, const struct results *r,
                    const struct received *received, const struct latency_bare *bare)
{
    uint64_t wrote = r->wrote[received->number];
    const xcall_frame_trace *sent = latency_captured(r->traces[0], r->trace_count[0], wrote);
    const xcall_frame_trace *got =
        sent ? latency_match(r->traces[1], r->trace_count[1], sent) : NULL;
    double alone = bare->times[received->number];
    if (!got || alone <= 0)
        return;
    size_t i = latency_found_next(found);
    double *const *stage = found->stages;
    found->end_to_end[i] = latency_ms(wrote, received->at);
    found->bare[i] = alone;
    found->added[i] = found->end_to_end[i] - alone;
    stage[STAGE_WAIT][i] = latency_ms(sent->capture, sent->encode_start);
    stage[STAGE_ENCODE][i] = latency_ms(sent->encode_start, sent->encode_end);
    stage[STAGE_PACKETIZE][i] = latency_ms(sent->encode_end, sent->packetized);
    stage[STAGE_PACE][i] = latency_ms(sent->packetized, sent->sent);
    stage[STAGE_NETWORK][i] = latency_ms(sent->sent, got->received_last);
    stage[STAGE_BUFFER][i] = latency_ms(got->received_last, got->decode_start);
    stage[STAGE_DECODE][i] = latency_ms(got->decode_start, got->decode_end);
    stage[STAGE_DELIVER][i] = latency_ms(got->decode_end, got->delivered);
    double sum = 0;
    for (int s = 0; s < STAGES; s++)
        sum += stage[s][i];
    found->residual[i] = found->end_to_end[i] - sum;
}

static bool report_video(struct bench_report *report, const char *part, const struct plan *plan,
                         struct results *results, const struct latency_bare *bare)
{
    struct latency_found found = {0};
    const xcall_stats *a = results->stats[0], *b = results->stats[1];
    size_t unread = 0;
    for (size_t i = 0; i < results->received_count; i++) {
        const struct received *received = &results->received[i];
        if (received->number < 0 || received->number >= (int32_t)plan->frames)
            unread++;
        else if (received->number >= WARM_UP_FRAMES)
            explain(&found, results, received, bare);
    }
    if (found.count * 2 < plan->frames - WARM_UP_FRAMES) {
        fprintf(stderr, "latency: %s: only %zu of %u pictures were found again\n", part,
                found.count, plan->frames - WARM_UP_FRAMES);
        latency_found_free(&found);
        return false;
    }
    double bytes = 0;
    for (size_t i = 0; i < results->trace_count[0]; i++)
        bytes += results->traces[0][i].bytes;
    double seconds = (double)results->trace_count[0] / FRAME_RATE;
    latency_add_found(report, part, "assemble", &found);
    bench_add_quantiles(report, found.bare, found.count, "%s.bare_ms", part);
    bench_add(report, (double)a->video_sent.frames_encoded, "%s.sent", part);
    bench_add(report, (double)results->received_count, "%s.delivered", part);
    bench_add(report, (double)(a->video_sent.frames_dropped + b->video_received.frames_dropped),
              "%s.dropped", part);
    bench_add(report, (double)b->video_received.freeze_count, "%s.freezes", part);
    bench_add(report, bytes * 8e-3 / seconds, "%s.bitrate_kbps", part);
    bench_add(report, *results->psnr, "%s.psnr_db", part);
    bench_add(report, bare->bytes * 8e-3 * FRAME_RATE / plan->frames, "%s.bare_bitrate_kbps", part);
    bench_add(report, bare->psnr, "%s.bare_psnr_db", part);
    bench_add(report, (double)unread, "%s.numbers_unread", part);
    latency_found_free(&found);
    return true;
}

/* Between the pictures of the call, so that both meet the same machine. */
static void run_bare(void *config)
{
    struct plan *plan = config;
    plan->bare_failed = !latency_bare_run(plan->video, plan->bitrate, plan->start + FRAME_NS / 2,
                                          plan->frames, &plan->bare);
}

bool latency_video(struct bench_report *report, const struct bench_options *options,
                   const char *part, uint32_t width, uint32_t height, uint32_t bitrate)
{
    struct bench_video video;
    struct plan plan = {.video = &video, .bitrate = bitrate};
    struct results results = {0};
    FILE *files[2];
    double seconds = options->seconds / 4;
    plan.frames = (uint32_t)((seconds < 3 ? 3 : seconds) * FRAME_RATE);
    plan.bare.times = calloc(plan.frames, sizeof *plan.bare.times);
    if (!plan.bare.times || !bench_video_create(&video, width, height, LOOP_FRAMES))
        return false;
    plan.start = xcall_now_ns() + LEAD_NS;
    bool ok = bench_pair_run(alice, bob, run_bare, &plan, plan.frames / FRAME_RATE + 20, files) &&
              !plan.bare_failed;
    if (ok) {
        get_results(&results, files);
        ok = report_video(report, part, &plan, &results, &plan.bare);
        free_results(&results);
    }
    for (int i = 0; i < 2; i++)
        fclose(files[i]);
    bench_video_destroy(&video);
    free(plan.bare.times);
    return ok;
}
