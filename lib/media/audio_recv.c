/* audio_recv.c - see audio_recv.h. The shard's side (records into the byte ring), the drain on the
 * playout thread, the way from the codec's rate to the host's, and what others may read.
 *
 *   push(): record -> |byte ring| -> read(): insert -> take -> [resample] -> host
 *
 * SPDX-License-Identifier: MIT */
#include "media/audio_recv.h"

#include "base/cell.h"
#include "base/ring.h"
#include "media/audio_playout.h"
#include "media/counter.h"
#include "media/resample.h"

#define RING_BYTES 8192u /* a channel: 1 s at 57 kb/s, 6 of the largest packets */
#define DELAY_MS_MAX 1000u
#define WORDS (sizeof(struct xc_audio_recv_counters) / sizeof(uint64_t))

_Static_assert(sizeof(struct xc_audio_recv_counters) % sizeof(uint64_t) == 0,
               "published as 64-bit words");

enum { RECORD_MARKER = 1, RECORD_REDUNDANT = 2 };

struct record { /* stands before each packet's bytes in the ring */
    uint64_t sequence, received;
    uint32_t timestamp;
    uint16_t size;
    uint8_t flags; /* of the packet */
    uint8_t reset; /* no bytes follow, a new stream begins */
};

struct xc_audio_recv {
    struct xc_byte_ring ring;
    /* Shard. */
    xc_counter packets_pushed, packets_dropped_ring;
    bool reset_owed; /* found no room yet */
    /* Between the two. */
    xc_counter minimum_delay; /* ns; shard writes, playout thread reads, latest wins */
    xc_counter inactive;      /* 0 or 1; the same */
    struct xc_cell playout_state;
    xc_counter published[WORDS]; /* struct xc_audio_recv_counters, written after each read */
    /* Playout thread. */
    _Alignas(XC_CACHE_LINE) struct xc_playout playout;
    struct xc_resample resample;
    uint32_t host_rate, channels;
    bool resampling;
};

static uint32_t decoder_rate(uint32_t rate)
{
    static const uint32_t rates[] = {8000, 12000, 16000, 24000};
    for (size_t i = 0; i < XC_ARRAY_LEN(rates); i++)
        if (rate <= rates[i])
            return rates[i];
    return 48000;
}

struct xc_audio_recv *xc_audio_recv_create(struct xc_arena *arena,
                                           const struct xc_audio_recv_config *config)
{
    const struct xc_audio_format *format = &config->format;
    if (!config->codec || format->rate < 8000 || format->rate > XC_AUDIO_RATE_MAX ||
        format->channels < 1 || format->channels > XC_AUDIO_CHANNELS_MAX)
        return NULL;
    uint32_t rate = decoder_rate(format->rate);
    struct xc_audio_recv *recv = xc_arena_take(arena, sizeof *recv);
    struct xc_byte_ring ring;
    struct xc_cell cell;
    struct xc_resample resample = {0};
    bool room = xc_byte_ring_init(&ring, arena, RING_BYTES * format->channels);
    room = xc_cell_init(&cell, arena, sizeof(struct xc_audio_playout)) && room;
    if (rate != format->rate)
        room = xc_resample_init(&resample, arena, rate, format->rate, format->channels) && room;
    room = xc_playout_init(recv ? &recv->playout : NULL, arena, config->codec, rate,
                           format->channels) &&
           room;
    if (!recv || !room || xc_arena_measuring(arena) || arena->used > arena->capacity)
        return NULL;
    recv->ring = ring;
    recv->playout_state = cell;
    recv->resample = resample;
    recv->host_rate = format->rate;
    recv->channels = format->channels;
    recv->resampling = rate != format->rate;
    recv->playout.resampled = recv->resampling;
    uint32_t delay_max = config->delay_ms_max ? config->delay_ms_max : DELAY_MS_MAX;
    recv->playout.delay_min = (int64_t)config->delay_ms_min * XC_DELAY_UNITS_PER_MS;
    recv->playout.delay_max =
        (int64_t)XC_MAX(delay_max, config->delay_ms_min) * XC_DELAY_UNITS_PER_MS;
    return recv;
}

static bool push_owed_reset(struct xc_audio_recv *recv)
{
    struct record record = {.reset = 1};
    if (recv->reset_owed && xc_byte_ring_write(&recv->ring, &record, sizeof record))
        recv->reset_owed = false;
    return !recv->reset_owed;
}

bool xc_audio_recv_push(struct xc_audio_recv *recv, const struct xc_audio_packet *packet)
{
    struct record record = {.sequence = packet->sequence,
                            .received = packet->received,
                            .timestamp = packet->timestamp,
                            .size = (uint16_t)packet->bytes.size,
                            .flags = (uint8_t)((packet->marker ? RECORD_MARKER : 0) |
                                               (packet->redundant ? RECORD_REDUNDANT : 0))};
    bool pushed =
        packet->bytes.size > 0 && packet->bytes.size <= XC_AUDIO_PACKET_MAX &&
        push_owed_reset(recv) &&
        xc_byte_ring_write2(&recv->ring, &record, sizeof record, packet->bytes.data, record.size);
    if (!packet->redundant)
        xc_counter_add(pushed ? &recv->packets_pushed : &recv->packets_dropped_ring, 1);
    return pushed;
}

/* Never lost: where the ring is full it goes in before the next packet. */
bool xc_audio_recv_reset(struct xc_audio_recv *recv)
{
    recv->reset_owed = true;
    push_owed_reset(recv);
    return true;
}

void xc_audio_recv_set_minimum_delay(struct xc_audio_recv *recv, uint64_t delay)
{
    xc_counter_set(&recv->minimum_delay, delay);
}

void xc_audio_recv_set_active(struct xc_audio_recv *recv, bool active)
{
    xc_counter_set(&recv->inactive, !active);
}

bool xc_audio_recv_playout(struct xc_audio_recv *recv, struct xc_audio_playout *playout)
{
    xc_cell_read(&recv->playout_state, playout);
    return playout->at != 0;
}

static uint32_t count_packets(const struct xc_audio_recv *recv, uint32_t level)
{
    struct record record;
    uint32_t count = 0;
    for (uint32_t at = 0; at < level; at += (uint32_t)sizeof record + record.size) {
        xc_byte_ring_peek(&recv->ring, at, &record, sizeof record);
        count += record.reset == 0 && !(record.flags & RECORD_REDUNDANT);
    }
    return count;
}

static void drain(struct xc_audio_recv *recv)
{
    struct record record;
    uint32_t level = xc_byte_ring_level(&recv->ring); /* what comes meanwhile waits */
    uint32_t count = count_packets(recv, level);
    while (level >= sizeof record && xc_byte_ring_read(&recv->ring, &record, sizeof record)) {
        level -= (uint32_t)sizeof record;
        if (record.reset) {
            xc_playout_reset(&recv->playout);
            continue;
        }
        uint8_t *bytes = recv->playout.scratch;
        xc_byte_ring_read(&recv->ring, bytes, record.size);
        level -= record.size;
        struct xc_audio_packet packet = {.sequence = record.sequence,
                                         .timestamp = record.timestamp,
                                         .marker = (record.flags & RECORD_MARKER) != 0,
                                         .redundant = (record.flags & RECORD_REDUNDANT) != 0,
                                         .received = record.received,
                                         .bytes = xc_span_make(bytes, record.size)};
        count -= !packet.redundant;
        recv->playout.backlog = count;
        xc_playout_insert(&recv->playout, &packet);
    }
}

static void put(float *to, const float *from, uint32_t count, bool mix)
{
    if (!mix) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void carry(struct xc_audio_recv *recv, float *samples, uint32_t frames, bool mix)
{
    uint32_t chunk = recv->playout.rate / 1000 * XC_PLAYOUT_CHUNK_MS;
    while (frames) {
        uint32_t n = XC_MIN(frames, chunk);
        put(samples, xc_playout_take(&recv->playout, n), n * recv->channels, mix);
        samples += (size_t)n * recv->channels;
        frames -= n;
    }
}

static void carry_resampled(struct xc_audio_recv *recv, float *samples, uint32_t frames, bool mix)
{
    float made[XC_RESAMPLE_CHUNK * XC_AUDIO_CHANNELS_MAX];
    uint32_t chunk = recv->playout.rate / 1000 * XC_PLAYOUT_CHUNK_MS;
    while (frames) {
        uint32_t wanted = XC_MIN(frames, (uint32_t)XC_RESAMPLE_CHUNK);
        uint32_t done = 0, taken;
        while (done < wanted) {
            uint32_t need = xc_resample_needed(&recv->resample, wanted - done);
            uint32_t n = XC_MIN(need, chunk);
            const float *in = n ? xc_playout_take(&recv->playout, n) : made;
            done += xc_resample_run(&recv->resample, in, n, &taken,
                                    made + (size_t)done * recv->channels, wanted - done);
        }
        put(samples, made, wanted * recv->channels, mix);
        samples += (size_t)wanted * recv->channels;
        frames -= wanted;
    }
}

/* Totals are counted at the decoder's rate and told at the host's. */
static void publish(struct xc_audio_recv *recv)
{
    struct xc_audio_recv_counters counters = recv->playout.totals;
    if (recv->resampling) {
        double ratio = (double)recv->host_rate / recv->playout.rate;
        uint64_t *const totals[] = {&counters.samples_received,
                                    &counters.concealed_samples,
                                    &counters.silent_concealed_samples,
                                    &counters.inserted_samples_for_deceleration,
                                    &counters.removed_samples_for_acceleration,
                                    &counters.comfort_noise_samples,
                                    &counters.jitter_buffer_emitted_count};
        for (size_t i = 0; i < XC_ARRAY_LEN(totals); i++)
            *totals[i] = (uint64_t)((double)*totals[i] * ratio);
        counters.jitter_buffer_delay_s *= ratio;
        counters.jitter_buffer_target_delay_s *= ratio;
        counters.jitter_buffer_minimum_delay_s *= ratio;
    }
    uint64_t words[WORDS];
    memcpy(words, &counters, sizeof words);
    for (size_t i = 0; i < WORDS; i++)
        xc_counter_set(&recv->published[i], words[i]);
}

bool xc_audio_recv_read(struct xc_audio_recv *recv, uint64_t now, uint64_t (*clock)(void *),
                        void *clock_context, float *samples, uint32_t frames, bool mix)
{
    struct xc_playout *playout = &recv->playout;
    if (frames == 0)
        return false;
    playout->clock = clock;
    playout->clock_context = clock_context;
    uint64_t minimum = xc_counter_get(&recv->minimum_delay); /* once: the shard may write it */
    playout->floor = (int64_t)(XC_MIN(minimum, 10 * XC_NS_PER_S) * 3 / 62500);
    xc_playout_set_active(playout, xc_counter_get(&recv->inactive) == 0);
    xc_playout_begin(playout, now,
                     recv->resampling ? xc_resample_needed(&recv->resample, frames) : frames);
    drain(recv);
    if (recv->resampling)
        carry_resampled(recv, samples, frames, mix);
    else
        carry(recv, samples, frames, mix);
    struct xc_audio_playout state;
    xc_playout_end(playout, &state);
    xc_cell_write(&recv->playout_state, &state);
    publish(recv);
    return playout->square_sum > 0;
}

bool xc_audio_recv_take_played(struct xc_audio_recv *recv, struct xc_audio_played *played)
{
    struct xc_playout *playout = &recv->playout;
    if (playout->trace_count == 0)
        return false;
    *played = playout->traces[playout->trace_first];
    playout->trace_first = (playout->trace_first + 1) % XC_PLAYOUT_TRACES;
    playout->trace_count--;
    return true;
}

void xc_audio_recv_counters(const struct xc_audio_recv *recv,
                            struct xc_audio_recv_counters *counters)
{
    uint64_t words[WORDS];
    for (size_t i = 0; i < WORDS; i++)
        words[i] = xc_counter_get(&recv->published[i]);
    memcpy(counters, words, sizeof words);
    counters->packets_pushed = xc_counter_get(&recv->packets_pushed);
    counters->packets_dropped_ring = xc_counter_get(&recv->packets_dropped_ring);
}
