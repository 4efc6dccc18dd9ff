/* audio_playout.c - the frame of a read: the clocks, what packets say about the network, and what
 * goes out; what fills the future is in playout_fill.c. See audio_playout.h.
 * SPDX-License-Identifier: MIT */
#include "media/audio_playout.h"

#include <math.h>

#define MS XC_DELAY_UNITS_PER_MS
#define PAUSE_NS (250 * XC_NS_PER_MS) /* a host that was away for longer starts at the newest */
#define STALL_WINDOW_NS (300 * XC_NS_PER_MS)
#define STALL_UNITS (10 * MS)  /* a smaller shift of the reads is left to the target */
#define EARLY_UNITS (500 * MS) /* earlier than the median by this: another time line */
#define LATE_UNITS (3000 * MS) /* later than the target by this: the same */
#define REORDER_UNITS                                                                              \
    (80 * MS)                      /* a repeated packet that comes later than this is not worth
                                       waiting for */
#define REDUNDANT_UNITS (200 * MS) /* a frame that comes again later than this is not waited for */
#define BATCH_LEARNED 10           /* of the packets that come at once the last so many count */
#define LATE_RUN 50                /* late packets in a row: the sender began again */
#define DRIFT_WINDOW_NS XC_NS_PER_S
#define DRIFT_UNITS_MAX 24 /* a second: 500 ppm; more is no drift */

static int64_t to_units(uint64_t ns)
{
    return (int64_t)(ns * 3 / 62500); /* 48 kHz */
}

static uint64_t to_ns(int64_t units)
{
    return (uint64_t)(units * 62500 / 3);
}

bool xc_playout_init(struct xc_playout *playout, struct xc_arena *arena,
                     const struct xc_audio_codec *codec, uint32_t rate, uint32_t channels)
{
    size_t decoder_size = codec->decoder_size(channels);
    void *decoder = xc_arena_take(arena, decoder_size);
    void *decoder_before = xc_arena_take(arena, decoder_size);
    /* Past, what may stand before the next packet, the longest packet. */
    uint32_t capacity =
        rate / 1000 * (XC_STRETCH_PAST_MS + XC_PLAYOUT_AHEAD_MS + XC_AUDIO_PACKET_MS_MAX);
    struct xc_jitter_buffer store;
    struct xc_pcm pcm;
    bool room = xc_jitter_buffer_init(&store, arena);
    room = xc_pcm_init(&pcm, arena, rate, channels, capacity) && room;
    if (!playout || !decoder || !decoder_before || !store.blocks || !pcm.samples)
        return room && xc_arena_measuring(arena);
    if (!codec->decoder_init(decoder, rate, channels))
        return false;
    memset(playout, 0, sizeof *playout);
    playout->codec = codec;
    playout->decoder = decoder;
    playout->decoder_before = decoder_before;
    playout->decoder_size = decoder_size;
    playout->rate = rate;
    playout->channels = channels;
    playout->unit = XC_AUDIO_RATE_MAX / rate;
    playout->store = store;
    playout->pcm = pcm;
    playout->packet_units = 20 * MS;
    xc_comfort_init(&playout->comfort, rate, channels);
    return true;
}

static void restart(struct xc_playout *playout)
{
    playout->started = false;
    playout->run = 0;
    playout->filler = playout->slowed = 0;
    playout->concealed_pending = playout->silent_pending = 0;
    playout->run_counted = 0;
    playout->excess_since = playout->returned;
    playout->gain = 0;
    playout->pending_count = 0;
    xc_pcm_clear(&playout->pcm);
}

void xc_playout_reset(struct xc_playout *playout)
{
    restart(playout);
    xc_jitter_buffer_clear(&playout->store);
    xc_delay_target_reset(&playout->target);
    playout->any_packet = false;
    playout->late_run = 0;
    playout->arrival_window = 0;
    playout->drift_guard = 0;
    playout->packet_units = 20 * MS;
    playout->before_valid = false;
    playout->background = playout->dtx_seen = false;
    xc_comfort_init(&playout->comfort, playout->rate, playout->channels);
    playout->codec->decoder_init(playout->decoder, playout->rate, playout->channels);
}

void xc_playout_set_active(struct xc_playout *playout, bool active)
{
    if (active != playout->inactive)
        return;
    playout->inactive = !active;
    playout->resumed = active;
    if (active)
        return;
    restart(playout);
    if (playout->store.count)
        playout->totals.packets_discarded +=
            xc_jitter_buffer_advance(&playout->store, playout->store.last + 1);
}

int64_t xc_playout_target(const struct xc_playout *playout)
{
    int64_t least = xc_delay_target_least(&playout->target);
    int64_t low = XC_MAX(playout->delay_min, playout->floor);
    int64_t target = xc_delay_target_get(&playout->target) - least;
    return least + XC_MIN(XC_MAX(target, low), playout->delay_max);
}

/* Reads may come in bursts or late, and `returned` counts them as they come. Where they fell behind
 * for good (the device stood still for a while) the clock is set after: the least distance of time
 * and `returned` in a window is compared with that of the window before. */
static void watch_host(struct xc_playout *playout, uint64_t now)
{
    int64_t distance = to_units(now) - playout->returned;
    if (playout->stall_window == 0) {
        playout->stall_window = now;
        playout->stall_least = playout->stall_least_before = distance;
        return;
    }
    playout->stall_least = XC_MIN(playout->stall_least, distance);
    if (now - playout->stall_window < STALL_WINDOW_NS)
        return;
    int64_t shift = playout->stall_least - playout->stall_least_before;
    if (shift > STALL_UNITS || shift < -STALL_UNITS) {
        shift = shift / playout->unit * playout->unit;
        xc_delay_target_shift(&playout->target,
                              playout->returned - to_units(now - playout->stall_window), shift);
        playout->returned += shift;
    } else {
        playout->stall_least_before = playout->stall_least;
    }
    playout->stall_window = now;
    playout->stall_least = to_units(now) - playout->returned;
}

void xc_playout_begin(struct xc_playout *playout, uint64_t now, uint32_t frames)
{
    bool first = playout->read_last == 0;
    playout->block = (int64_t)frames * playout->unit;
    playout->catching_up = first;
    uint64_t away = now > playout->read_last ? now - playout->read_last : 0;
    if (!first && away > playout->block_last_ns + PAUSE_NS) {
        playout->returned +=
            to_units(away - playout->block_last_ns) / playout->unit * playout->unit;
        playout->stall_window = 0;
        playout->catching_up = true;
        restart(playout);
    }
    watch_host(playout, now);
    playout->now = now;
    playout->read_start = playout->returned;
    playout->read_last = now;
    playout->block_last_ns = to_ns(playout->block);
    playout->emitted = 0;
    playout->fresh = true;
    playout->square_sum = 0;
}

/* Clocks that drift make packets come a little later against the reads each second, until one
 * misses its read. The least arrival time of each second tells the slope: what will not be in time
 * a second from now counts as late now, and the delay is there before it is needed. */
static void watch_drift(struct xc_playout *playout, uint64_t received, int64_t timestamp)
{
    int64_t arrival = to_units(received) - timestamp;
    if (playout->arrival_window == 0) {
        playout->arrival_window = received;
        playout->arrival_least = playout->arrival_least_before = arrival;
        return;
    }
    playout->arrival_least = XC_MIN(playout->arrival_least, arrival);
    if (received < playout->arrival_window + DRIFT_WINDOW_NS)
        return;
    int64_t slope = playout->arrival_least - playout->arrival_least_before;
    playout->drift_guard = slope > 0 && slope <= DRIFT_UNITS_MAX ? slope : 0;
    playout->arrival_least_before = playout->arrival_least;
    playout->arrival_least = arrival;
    playout->arrival_window = received;
}

static int64_t lateness_of(const struct xc_playout *playout, uint64_t received, int64_t timestamp)
{
    int64_t lateness = playout->read_start - timestamp;
    int64_t age = playout->now > received ? to_units(playout->now - received) : 0;
    if (playout->catching_up && playout->block > 0)
        lateness -= age / playout->block * playout->block; /* an earlier read would have had it */
    else if (age < playout->drift_guard)
        lateness += playout->block;
    return lateness;
}

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Where blocks and packets do not divide each other, how long a packet waits for its read changes
 * from packet to packet in steps of their common divisor. From the first packet's wait follows the
 * longest lateness that this alone can bring: it is waited for at once instead of learned. */
static int64_t beat(const struct xc_playout *playout, const struct xc_audio_packet *packet)
{
    int64_t block = playout->block;
    int64_t length =
        (int64_t)playout->codec->packet_frames(packet->bytes, playout->rate) * playout->unit;
    if (block <= 0 || length <= 0)
        return 0;
    int64_t step = playout->resampled && block % MS ? 1 : greatest_divisor(block, length);
    uint64_t age = playout->now > packet->received ? playout->now - packet->received : 0;
    int64_t waited = to_units(age) % block;
    int64_t extra = block - step + waited % step - waited;
    return XC_MAX(extra, 0) + (playout->resampled ? MS : 0);
}

static void learn(struct xc_playout *playout, const struct xc_audio_packet *packet,
                  int64_t timestamp)
{
    struct xc_delay_target *target = &playout->target;
    int64_t lateness = lateness_of(playout, packet->received, timestamp);
    int64_t latest =
        playout->resumed ? EARLY_UNITS : LATE_UNITS; /* its time may have stood still */
    playout->resumed = false;
    int64_t learned = BATCH_LEARNED + playout->block / playout->packet_units;
    if (target->count && playout->backlog > learned)
        return; /* it stood in a jam that is over: not jitter, and not to be waited for again */
    if (target->count == 0) /* the first */
        xc_delay_target_add(target, playout->returned, lateness + beat(playout, packet));
    else if ((lateness < xc_delay_target_median(target) - EARLY_UNITS ||
              lateness > xc_delay_target_get(target) + latest)) {
        xc_delay_target_reset(target);
        playout->arrival_window = 0;
    }
    bool newest = packet->sequence > playout->sequence_highest;
    if (!newest && (packet->sequence == playout->fec_sequence ||
                    lateness > xc_delay_target_get(target) + REORDER_UNITS))
        return; /* its copy was here before it, or it is not worth the wait */
    xc_delay_target_add(target, playout->returned, lateness);
    if (!newest)
        return;
    watch_drift(playout, packet->received, timestamp);
    uint64_t before = packet->sequence - 1;
    if (before > playout->sequence_highest && playout->codec->has_fec(packet->bytes)) {
        /* A lost packet becomes playable with the one after it. Twice, because what hangs on it is
         * a whole packet and not a late part of one. */
        playout->fec_sequence = before;
        for (int i = 0; i < 2; i++)
            xc_delay_target_add(target, playout->returned, lateness + playout->packet_units);
    }
}

/* A frame from RED that fits a hole. Like a copy of FEC it tells how late the lost packet became
 * playable; anything else about the network is for the packet that carries it to tell. */
static void learn_redundant(struct xc_playout *playout, const struct xc_audio_packet *packet,
                            int64_t timestamp)
{
    if (packet->sequence <= playout->sequence_highest)
        return;
    int64_t lateness = lateness_of(playout, packet->received, timestamp);
    playout->sequence_highest = packet->sequence;
    playout->timestamp_last = timestamp;
    playout->fec_sequence = packet->sequence;
    int64_t later = lateness - xc_delay_target_get(&playout->target);
    int64_t learned = BATCH_LEARNED + playout->block / playout->packet_units;
    if (playout->target.count == 0 || playout->backlog > learned || later > REDUNDANT_UNITS)
        return;
    for (int i = 0; i < 2; i++)
        xc_delay_target_add(&playout->target, playout->returned, lateness);
}

static void insert_redundant(struct xc_playout *playout, const struct xc_audio_packet *packet)
{
    int64_t timestamp = playout->timestamp_last +
                        xc_seq32_diff(packet->timestamp, (uint32_t)playout->timestamp_last);
    struct xc_jitter_packet stored = {.sequence = packet->sequence,
                                      .timestamp = timestamp,
                                      .received = packet->received,
                                      .inserted = xc_playout_stamp(playout),
                                      .size = (uint16_t)packet->bytes.size,
                                      .redundant = true};
    uint32_t discarded = 0;
    if (playout->inactive || !playout->any_packet || packet->bytes.size > XC_AUDIO_PACKET_MAX)
        return;
    enum xc_jitter_result result =
        xc_jitter_buffer_insert(&playout->store, &stored, packet->bytes.data, &discarded);
    playout->totals.packets_discarded += discarded;
    if (result != XC_JITTER_STORED)
        return; /* too late or not needed: nothing is lost by it */
    playout->totals.red_packets_used++;
    learn_redundant(playout, packet, timestamp);
}

void xc_playout_insert(struct xc_playout *playout, const struct xc_audio_packet *packet)
{
    if (packet->redundant) {
        insert_redundant(playout, packet);
        return;
    }
    if (playout->inactive) {
        playout->totals.packets_discarded++;
        return;
    }
    if (!playout->any_packet) {
        playout->any_packet = true;
        playout->timestamp_last = packet->timestamp;
        playout->sequence_highest = packet->sequence;
        playout->store.first = packet->sequence;
        playout->fec_sequence = UINT64_MAX;
    }
    int64_t timestamp = playout->timestamp_last +
                        xc_seq32_diff(packet->timestamp, (uint32_t)playout->timestamp_last);
    if (!playout->started && packet->sequence < playout->store.first &&
        playout->store.first - packet->sequence < XC_JITTER_PACKETS / 2 &&
        playout->store.last < packet->sequence + XC_JITTER_PACKETS)
        playout->store.first = packet->sequence; /* nothing was played yet: it is not too late */
    struct xc_jitter_packet stored = {.sequence = packet->sequence,
                                      .timestamp = timestamp,
                                      .received = packet->received,
                                      .inserted = xc_playout_stamp(playout),
                                      .size = (uint16_t)packet->bytes.size,
                                      .marker = packet->marker};
    uint32_t discarded = 0;
    enum xc_jitter_result result = XC_JITTER_TOO_LONG;
    if (packet->bytes.size <= XC_AUDIO_PACKET_MAX)
        result = xc_jitter_buffer_insert(&playout->store, &stored, packet->bytes.data, &discarded);
    playout->totals.packets_discarded += discarded;
    if (result == XC_JITTER_TOO_LONG || result == XC_JITTER_DUPLICATE) {
        const struct xc_jitter_packet *there =
            xc_jitter_buffer_find(&playout->store, packet->sequence);
        if (result == XC_JITTER_TOO_LONG || !there || !there->redundant)
            playout->totals.packets_discarded++;
        return;
    }
    learn(playout, packet, timestamp);
    if (packet->sequence >= playout->sequence_highest) {
        playout->sequence_highest = packet->sequence;
        playout->timestamp_last = timestamp;
    }
    playout->late_run = result == XC_JITTER_LATE ? playout->late_run + 1 : 0;
    if (result == XC_JITTER_LATE)
        playout->totals.packets_late++;
    if (playout->late_run >= LATE_RUN)
        xc_playout_reset(playout);
}

static void emit_trace(struct xc_playout *playout, const struct xc_playout_pending *pending)
{
    uint64_t received = pending->trace.received;
    uint64_t delay = playout->now > received ? playout->now - received : 0;
    struct xc_audio_recv_counters *totals = &playout->totals;
    double frames = (double)pending->frames;
    int64_t least = xc_delay_target_least(&playout->target);
    int64_t own = XC_CLAMP(xc_delay_target_get(&playout->target) - least, playout->delay_min,
                           playout->delay_max);
    playout->last_delay = delay;
    totals->jitter_buffer_emitted_count += pending->frames;
    totals->jitter_buffer_delay_s += (double)delay * 1e-9 * frames;
    totals->jitter_buffer_target_delay_s +=
        (double)(xc_playout_target(playout) - least) / XC_AUDIO_RATE_MAX * frames;
    totals->jitter_buffer_minimum_delay_s += (double)own / XC_AUDIO_RATE_MAX * frames;
    if (playout->trace_count == XC_PLAYOUT_TRACES) { /* the oldest gives way */
        playout->trace_first = (playout->trace_first + 1) % XC_PLAYOUT_TRACES;
        playout->trace_count--;
    }
    uint32_t place = (playout->trace_first + playout->trace_count) % XC_PLAYOUT_TRACES;
    playout->traces[place] = pending->trace;
    playout->trace_count++;
    playout->emitted++;
}

static void emit_pending(struct xc_playout *playout, uint32_t frames)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < playout->pending_count; i++) {
        struct xc_playout_pending *pending = &playout->pending[i];
        if (pending->ahead < frames) {
            emit_trace(playout, pending);
        } else {
            pending->ahead -= frames;
            playout->pending[kept++] = *pending;
        }
    }
    playout->pending_count = kept;
}

/* Counts made-up frames as they go out. Silence after silence is not yet known to be concealment:
 * the sender may just have stopped sending (RFC 7587 section 3.1.3). Nor is silence after the fade,
 * whatever was before: the stream may be over or on hold. */
void xc_playout_count_filler(struct xc_playout *playout, uint32_t frames)
{
    struct xc_audio_recv_counters *totals = &playout->totals;
    if (playout->gain <= 0) {
        playout->silent_pending += frames;
        return;
    }
    if (playout->run_quiet) {
        playout->concealed_pending += frames;
        return;
    }
    if (!playout->run_counted)
        totals->concealment_events++;
    playout->run_counted += frames;
    totals->concealed_samples += frames;
}

static float square_sum(const float *samples, uint32_t count)
{
    float sum[4] = {0, 0, 0, 0};
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (uint32_t k = 0; k < 4; k++)
            sum[k] += samples[i + k] * samples[i + k];
    for (; i < count; i++)
        sum[0] += samples[i] * samples[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

const float *xc_playout_take(struct xc_playout *playout, uint32_t frames)
{
    struct xc_pcm *pcm = &playout->pcm;
    playout->chunk_frames = frames;
    xc_playout_foresee(playout);
    if (playout->run && playout->filler && playout->store.count && playout->fresh)
        xc_playout_fill(playout); /* the news of this read: ends the run if it can */
    playout->fresh = false;
    for (;;) { /* of what is made up a little stays behind, for a real packet to fade in from */
        uint32_t join = XC_MIN(playout->filler, playout->rate / 1000 * XC_PLAYOUT_JOIN_MS);
        if (xc_pcm_future(pcm) >= frames + (playout->started ? join : 0))
            break;
        xc_playout_fill(playout);
    }
    const float *samples = xc_pcm_at(pcm, pcm->start);
    uint32_t real = xc_pcm_future(pcm) - playout->filler;
    if (frames > real) {
        playout->filler -= frames - real;
        if (playout->started)
            xc_playout_count_filler(playout, frames - real);
    }
    emit_pending(playout, frames);
    pcm->start += frames;
    playout->returned += (int64_t)frames * playout->unit;
    playout->square_sum += square_sum(samples, frames * playout->channels);
    playout->totals.samples_received += frames;
    return samples;
}

void xc_playout_end(struct xc_playout *playout, struct xc_audio_playout *state)
{
    struct xc_audio_recv_counters *totals = &playout->totals;
    uint64_t stamp = xc_playout_stamp(playout);
    for (uint32_t i = 1; i <= XC_MIN(playout->emitted, playout->trace_count); i++) {
        uint32_t place = playout->trace_first + playout->trace_count - i;
        playout->traces[place % XC_PLAYOUT_TRACES].played = stamp;
    }
    double seconds = (double)playout->block / XC_AUDIO_RATE_MAX;
    if (playout->block > 0) {
        float samples = (float)(playout->block / playout->unit) * (float)playout->channels;
        float mean = playout->square_sum / samples;
        totals->total_audio_energy += (double)mean * seconds;
        totals->total_samples_duration_s += seconds;
        totals->level = sqrtf(mean);
    }
    int64_t least = xc_delay_target_least(&playout->target);
    totals->target_delay_ms = (double)(xc_playout_target(playout) - least) / MS;
    totals->current_delay_ms = (double)playout->last_delay * 1e-6;
    totals->reads++;
    if (playout->square_sum <= 0)
        totals->reads_empty++;
    int64_t real = (int64_t)(xc_pcm_future(&playout->pcm) - playout->filler) * playout->unit;
    if (playout->run && playout->run_comfort) /* the sender's silence takes its time */
        real -= playout->run - (int64_t)playout->filler * playout->unit;
    bool played = playout->started && totals->jitter_buffer_emitted_count > 0;
    *state = (struct xc_audio_playout){.next_sequence = playout->store.first,
                                       .rtp_timestamp =
                                           (uint32_t)(playout->media_end - real - playout->block),
                                       .at = played ? playout->now : 0,
                                       .delay_ms = totals->current_delay_ms};
}
