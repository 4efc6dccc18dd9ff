/* audio.c - audio end to end. Alice writes speech with chirps, Bob reads; both note when. A chirp
 * is looked for in what Bob read, so that the time from write() to read() rests on the content alone;
 * the traces then say where the time went. Each phase between the two threads is a call of its own.
 *
 *   write(block k) ... write(last block of its frame) encode, send | receive, read(), read() ...
 *   '-- wait for the frame --'                                      '-- play what is before it --'
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "latency.h"

#define PHASES 20
#define ATTEMPTS 4
#define BLOCKS_PER_FRAME 2
#define MARK_EVERY 9 /* blocks; odd, so that each half of a frame gets its share */
#define TAIL_BLOCKS 36
#define WARM_UP_BLOCKS 60 /* connected and settled by then */
#define LOOK_AHEAD 312    /* samples: Opus at 48 kHz, VOIP */
#define SEARCH_MS 340     /* less than the distance of two marks of a kind */
#define LEAD_NS (300 * BENCH_MS)
#define CLOSE_NS (300 * BENCH_MS)

struct plan {
    uint64_t start; /* when block 0 is written */
    uint64_t phase; /* ns that Bob reads after Alice writes */
    uint32_t blocks;
    int16_t *content;
};

/* What a side notes of its media thread. */
struct notes {
    uint64_t *before, *after; /* by block: call and return of write() or read() */
    uint64_t late;            /* blocks more than 5 ms late by the thread itself */
};

struct media {
    const struct plan *plan;
    struct bench_host *host;
    bool reader;
    struct notes notes;
    int16_t *heard;
};

static size_t mark_offset(uint32_t mark)
{
    return 15 + 60 * (mark % 8); /* over the whole block */
}

static void *media_thread(void *argument)
{
    struct media *media = argument;
    const struct plan *plan = media->plan;
    xcall_engine *engine = media->host->engine;
    xcall_id call = media->host->call;
    int16_t unused[BENCH_BLOCK];
    bench_real_time_thread();
    for (uint32_t k = 0; k < plan->blocks; k++) {
        uint64_t due = plan->start + k * BENCH_BLOCK_NS + (media->reader ? plan->phase : 0);
        bench_sleep_until(due);
        uint64_t before = xcall_now_ns();
        if (media->reader)
            xcall_audio_read(engine, call, media->heard + k * BENCH_BLOCK, BENCH_BLOCK);
        else
            xcall_audio_write(engine, call, plan->content + k * BENCH_BLOCK, BENCH_BLOCK, before);
        media->notes.before[k] = before;
        media->notes.after[k] = xcall_now_ns();
        media->notes.late += before > due + 5 * BENCH_MS;
        /* the other direction of the call, after what is measured */
        if (media->reader)
            xcall_audio_write(engine, call, plan->content + k * BENCH_BLOCK, BENCH_BLOCK, 0);
        else
            xcall_audio_read(engine, call, unused, BENCH_BLOCK);
    }
    return NULL;
}

static void put_results(struct bench_child *child, struct media *media)
{
    struct bench_host *host = media->host;
    xcall_stats stats;
    size_t count;
    xcall_stats_init(&stats, sizeof stats);
    xcall_call_stats(host->engine, host->call, &stats);
    xcall_frame_trace *traces =
        bench_host_traces(host, XCALL_KIND_AUDIO, media->reader ? 1 : 0, &count);
    bench_put(child->out, &stats, sizeof stats, 1);
    bench_put(child->out, traces, sizeof *traces, count);
    bench_put(child->out, media->notes.before, sizeof(uint64_t), media->plan->blocks);
    bench_put(child->out, media->notes.after, sizeof(uint64_t), media->plan->blocks);
    bench_put(child->out, &media->notes.late, sizeof media->notes.late, 1);
    if (media->reader)
        bench_put(child->out, media->heard, BENCH_BLOCK * sizeof(int16_t), media->plan->blocks);
    free(traces);
}

static void run_side(struct bench_child *child, bool reader)
{
    const struct plan *plan = child->config;
    struct bench_host host;
    struct media media = {.plan = plan, .host = &host, .reader = reader};
    xcall_call_config config;
    pthread_t thread;
    media.notes.before = calloc(plan->blocks, sizeof(uint64_t));
    media.notes.after = calloc(plan->blocks, sizeof(uint64_t));
    media.heard = calloc(plan->blocks, BENCH_BLOCK * sizeof(int16_t));
    bench_host_open(&host, child->peer);
    xcall_call_config_init(&config, sizeof config);
    config.role = reader ? XCALL_ROLE_ANSWER : XCALL_ROLE_OFFER;
    config.trace_frames = LATENCY_TRACES;
    bench_host_call(&host, &config);
    if (!media.notes.before || !media.notes.after || !media.heard ||
        pthread_create(&thread, NULL, media_thread, &media) != 0)
        bench_fail("no media thread", XCALL_E_MEMORY);
    uint64_t end = plan->start + plan->blocks * BENCH_BLOCK_NS + 100 * BENCH_MS;
    while (xcall_now_ns() < end && host.state != XCALL_STATE_ENDED)
        bench_host_pump(&host, 20);
    pthread_join(thread, NULL);
    if (!host.connected_at || host.state != XCALL_STATE_CONNECTED)
        bench_fail("the audio call did not connect", XCALL_E_TIMEOUT);
    put_results(child, &media);
    bench_sleep_until(end + CLOSE_NS); /* the other one reads its figures, too */
    bench_host_close(&host);
}

static void alice(struct bench_child *child)
{
    run_side(child, false);
}

static void bob(struct bench_child *child)
{
    run_side(child, true);
}

/* --- what was found -------------------------------------------------------------------------- */

struct results {
    xcall_stats *stats[2];
    xcall_frame_trace *traces[2];
    size_t trace_count[2];
    uint64_t *before[2], *after[2], late;
    int16_t *heard;
};

static void get_results(struct results *results, FILE *files[2])
{
    for (int i = 0; i < 2; i++) {
        results->stats[i] = bench_get(files[i], sizeof(xcall_stats), NULL);
        results->traces[i] =
            bench_get(files[i], sizeof(xcall_frame_trace), &results->trace_count[i]);
        results->before[i] = bench_get(files[i], sizeof(uint64_t), NULL);
        results->after[i] = bench_get(files[i], sizeof(uint64_t), NULL);
        uint64_t *late = bench_get(files[i], sizeof(uint64_t), NULL);
        results->late += *late;
        free(late);
    }
    results->heard = bench_get(files[1], BENCH_BLOCK * sizeof(int16_t), NULL);
}

static void free_results(struct results *results)
{
    for (int i = 0; i < 2; i++) {
        free(results->stats[i]);
        free(results->traces[i]);
        free(results->before[i]);
        free(results->after[i]);
    }
    free(results->heard);
}

/* The first read that was called at or after `when`; blocks when there is none. */
static uint32_t read_from(const struct results *results, const struct plan *plan, uint64_t when)
{
    uint32_t k = 0;
    while (k < plan->blocks && results->before[1][k] < when)
        k++;
    return k;
}

/* The read in which `when` lies, or the one that follows. */
static uint32_t read_at(const struct results *results, const struct plan *plan, uint64_t when)
{
    uint32_t k = 0;
    while (k < plan->blocks && results->after[1][k] < when)
        k++;
    return k;
}

/* Chirp in block `block` of Alice's, found in Bob's read `read`. */
static bool explain(struct latency_found *found, const struct results *r, const struct plan *plan,
                    uint32_t block, uint32_t mark, uint32_t read)
{
    const uint64_t *wrote = r->before[0], *reads = r->before[1], *returned = r->after[1];
    uint32_t half = 0;
    const xcall_frame_trace *sent = latency_captured(r->traces[0], r->trace_count[0], wrote[block]);
    if (!sent && block) {
        half = 1;
        sent = latency_captured(r->traces[0], r->trace_count[0], wrote[block - 1]);
    }
    const xcall_frame_trace *got =
        sent ? latency_match(r->traces[1], r->trace_count[1], sent) : NULL;
    if (!got)
        return false;
    uint32_t last = block - half + BLOCKS_PER_FRAME - 1;
    uint32_t first_read = read_at(r, plan, got->delivered); /* of the frame's first sample */
    uint32_t pulled = read_from(r, plan, got->received_last);
    uint32_t inserted = read_at(r, plan, got->assembled);
    size_t position = half * BENCH_BLOCK + mark_offset(mark);
    uint32_t after = (uint32_t)((position + LOOK_AHEAD) / BENCH_BLOCK); /* reads after the first */
    if (last >= plan->blocks || first_read + after >= plan->blocks || pulled >= plan->blocks)
        return false;
    size_t i = latency_found_next(found);
    double *const *stage = found->stages;
    found->end_to_end[i] = latency_ms(wrote[block], returned[read]);
    found->frame[i] = latency_ms(wrote[block], wrote[last]) +
                      latency_ms(reads[first_read], reads[first_read + half]);
    found->look_ahead[i] = latency_ms(reads[first_read + half], reads[first_read + after]);
    found->pull_wait[i] = latency_ms(got->received_last, reads[pulled]);
    found->hold[i] = first_read > inserted ? latency_ms(reads[inserted], reads[first_read]) : 0;
    stage[STAGE_WAIT][i] =
        latency_ms(sent->capture, sent->encode_start) - latency_ms(sent->capture, wrote[block]);
    stage[STAGE_ENCODE][i] = latency_ms(sent->encode_start, sent->encode_end);
    stage[STAGE_PACKETIZE][i] = latency_ms(sent->encode_end, sent->packetized);
    stage[STAGE_PACE][i] = latency_ms(sent->packetized, sent->sent);
    stage[STAGE_NETWORK][i] = latency_ms(sent->sent, got->received_last);
    stage[STAGE_BUFFER][i] = latency_ms(got->received_last, got->decode_start);
    stage[STAGE_DECODE][i] = latency_ms(got->decode_start, got->decode_end);
    stage[STAGE_DELIVER][i] = latency_ms(got->decode_end, returned[first_read + after]);
    double sum = 0;
    for (int s = 0; s < STAGES; s++)
        sum += stage[s][i];
    found->residual[i] = found->end_to_end[i] - sum;
    found->added[i] = found->end_to_end[i] - found->frame[i] - found->look_ahead[i] -
                      stage[STAGE_ENCODE][i] - stage[STAGE_DECODE][i] - found->pull_wait[i] -
                      found->hold[i];
    return true;
}

struct totals {
    uint64_t marks, missed, late, repeated, sent, delivered, dropped;
    double concealed, played, bytes, seconds;
};

static void look_for_marks(struct latency_found *found, const struct results *results,
                           const struct plan *plan, struct totals *totals)
{
    uint32_t mark = 0;
    for (uint32_t k = WARM_UP_BLOCKS; k + TAIL_BLOCKS < plan->blocks; k += MARK_EVERY, mark++) {
        uint32_t from = read_from(results, plan, results->before[0][k]);
        size_t begin = (size_t)from * BENCH_BLOCK;
        size_t end = begin + BENCH_RATE / 1000 * SEARCH_MS;
        if (end > (size_t)plan->blocks * BENCH_BLOCK)
            break;
        totals->marks++;
        int64_t at = bench_mark_find(results->heard, begin, end, mark % BENCH_MARK_KINDS);
        if (at < 0 || !explain(found, results, plan, k, mark, (uint32_t)(at / BENCH_BLOCK)))
            totals->missed++;
    }
    const xcall_stats *a = results->stats[0], *b = results->stats[1];
    totals->late += results->late;
    totals->sent += a->audio_sent.packets_sent;
    totals->delivered += b->audio_received.packets_received;
    totals->dropped += b->audio_received.packets_discarded + a->audio_sent.samples_dropped / 960;
    totals->concealed += (double)b->audio_received.concealed_samples;
    totals->played += (double)b->audio_received.total_samples_received;
    totals->bytes += (double)a->audio_sent.bytes_sent;
    totals->seconds += (double)a->audio_sent.packets_sent * 0.02;
}

static void add_marks(int16_t *content, uint32_t blocks)
{
    uint32_t mark = 0;
    for (uint32_t k = WARM_UP_BLOCKS; k + TAIL_BLOCKS < blocks; k += MARK_EVERY, mark++)
        bench_mark_add(content + k * BENCH_BLOCK + mark_offset(mark), mark % BENCH_MARK_KINDS);
}

static void report_audio(struct bench_report *report, struct latency_found *found,
                         const struct totals *totals)
{
    latency_add_found(report, "audio", "jitter_buffer", found);
    bench_add_quantiles(report, found->pull_wait, found->count, "audio.pull_wait_ms");
    bench_add_quantiles(report, found->hold, found->count, "audio.hold_ms");
    bench_add(report, bench_mean(found->frame, found->count), "audio.frame_length_ms");
    bench_add(report, bench_mean(found->look_ahead, found->count), "audio.look_ahead_ms");
    bench_add(report, (double)totals->marks, "audio.marks");
    bench_add(report, (double)totals->missed, "audio.marks_missed");
    bench_add(report, (double)totals->sent, "audio.sent");
    bench_add(report, (double)totals->delivered, "audio.delivered");
    bench_add(report, (double)totals->dropped, "audio.dropped");
    bench_add(report, 100 * totals->concealed / (totals->played + 1), "audio.concealed_pct");
    bench_add(report, totals->bytes * 8e-3 / totals->seconds, "audio.bitrate_kbps");
    bench_add(report, (double)totals->late, "audio.host_late_blocks");
    bench_add(report, (double)totals->repeated, "audio.calls_repeated");
}

static void report_phase(struct bench_report *report, const struct latency_found *found,
                         size_t first, uint32_t phase)
{
    size_t count = found->count - first;
    bench_add(report, (double)phase * 10 / PHASES, "audio.phases.%u.phase_ms", (unsigned)phase);
    bench_add(report, bench_mean(found->end_to_end + first, count),
              "audio.phases.%u.end_to_end_mean_ms", (unsigned)phase);
    bench_add(report, bench_mean(found->pull_wait + first, count),
              "audio.phases.%u.pull_wait_mean_ms", (unsigned)phase);
    bench_add(report, bench_mean(found->hold + first, count), "audio.phases.%u.hold_mean_ms",
              (unsigned)phase);
}

/* One call. Where the host's own threads were late the machine stood still, and the call would show
 * that: it is made again. */
static bool run_phase(struct bench_report *report, struct plan *plan, uint32_t phase,
                      struct latency_found *found, struct totals *totals)
{
    size_t first = found->count;
    bool ok = true, again = true;
    for (int attempt = 1; ok && again; attempt++) {
        struct results results = {0};
        FILE *files[2];
        plan->start = xcall_now_ns() + LEAD_NS;
        ok = bench_pair_run(alice, bob, NULL, plan, plan->blocks / 100 + 20, files);
        if (ok) {
            get_results(&results, files);
            again = results.late && attempt < ATTEMPTS;
            if (again)
                totals->repeated++;
            else
                look_for_marks(found, &results, plan, totals);
            free_results(&results);
        }
        for (int i = 0; i < 2; i++)
            fclose(files[i]);
    }
    if (ok)
        report_phase(report, found, first, phase);
    return ok;
}

bool latency_audio(struct bench_report *report, const struct bench_options *options)
{
    struct latency_found found = {0};
    struct totals totals = {0};
    struct plan plan = {0};
    bool ok = true;
    double each = options->seconds / PHASES;
    plan.blocks = (uint32_t)((each < 1.5 ? 1.5 : each) * 100);
    plan.content = calloc(plan.blocks, BENCH_BLOCK * sizeof(int16_t));
    if (!plan.content)
        return false;
    bench_speech(plan.content, plan.blocks * BENCH_BLOCK, 5);
    for (size_t i = 0; i < plan.blocks * BENCH_BLOCK; i++)
        plan.content[i] = (int16_t)(plan.content[i] / 5);
    add_marks(plan.content, plan.blocks);
    for (uint32_t phase = 0; ok && phase < PHASES; phase++) {
        plan.phase = phase * BENCH_BLOCK_NS / PHASES;
        ok = run_phase(report, &plan, phase, &found, &totals);
    }
    free(plan.content);
    if (ok && found.count * 2 < totals.marks) {
        fprintf(stderr, "latency: only %zu of %llu chirps were found again\n", found.count,
                (unsigned long long)totals.marks);
        ok = false;
    }
    if (ok)
        report_audio(report, &found, &totals);
    latency_found_free(&found);
    return ok;
}
