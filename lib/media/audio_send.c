/* audio_send.c - see audio_send.h.
 *
 *   write(): to codec channels, to 16 bits -> |samples|, |marks| -> encode(): float, mute,
 *            [resample] -> codec -> frame
 *
 * The ring holds 16-bit samples: half the memory and cache of float at a noise floor of -98 dB,
 * under that of any microphone. The encoder runs at the host's rate where Opus has that rate, else
 * at the next one above; RTP time counts 48 kHz in every case (RFC 7587 section 4.1).
 * SPDX-License-Identifier: MIT */
#include "media/audio_send.h"

#include <math.h>

#include "base/ring.h"
#include "media/audio_mix.h"
#include "media/counter.h"
#include "media/resample.h"

#define MARKS 64 /* blocks in the ring whose times are known one by one */
#define RTP_RATE 48000u
#define CONVERT_FRAMES 256u /* samples converted at a time, on the stack */
#define FADE_MS 5u          /* of mute and unmute */
#define ANCHOR_SLEW 2000    /* the capture clock may drift by 1/2000 from the sample clock */

struct mark {          /* of one block that was written */
    uint64_t position; /* frames before it, ever */
    uint64_t capture, queued;
};

struct xc_audio_send {
    /* Host thread. */
    _Alignas(XC_CACHE_LINE) _Atomic uint64_t head; /* frames ever written; release, pairs with the
                                                      shard's acquire */
    uint64_t written;                              /* frames, dropped ones not counted */
    xc_counter frames_written, frames_dropped_full;
    /* Shard. */
    _Alignas(XC_CACHE_LINE) _Atomic uint64_t tail; /* frames ever taken; release, pairs with the
                                                      host thread's acquire */
    xc_counter packets_encoded, packets_dtx, encode_errors, packets_skipped;
    xc_counter energy, duration, level; /* doubles */
    xc_counter encode_time;             /* ns */
    struct mark mark;                   /* the newest that begins at or before tail */
    bool mark_valid, anchored, marker, muted, silent;
    float gain;      /* of the frame before: 0 or 1 */
    uint64_t anchor; /* when the next frame should have been captured */
    uint32_t timestamp;
    /* Fixed at create. */
    struct xc_ring marks;
    int16_t *samples;
    uint32_t capacity; /* frames */
    uint32_t rate, host_channels, sample, channels;
    uint32_t codec_rate, codec_frames, duration_rtp;
    uint64_t frame_ns;
    const struct xc_audio_codec *codec;
    void *encoder;
    bool resampling;
    struct xc_resample resample;
    float *frame;
    uint8_t *packet;
};

/* The lowest rate that Opus encodes at and that loses nothing. */
static uint32_t encoder_rate(uint32_t rate)
{
    static const uint32_t rates[] = {8000, 12000, 16000, 24000};
    for (size_t i = 0; i < XC_ARRAY_LEN(rates); i++)
        if (rate <= rates[i])
            return rates[i];
    return 48000;
}

static bool config_makes_sense(const struct xc_audio_send_config *config)
{
    const struct xc_audio_format *format = &config->format;
    return config->codec && format->rate >= 8000 && format->rate <= XC_AUDIO_RATE_MAX &&
           format->channels >= 1 && format->channels <= XC_AUDIO_CHANNELS_MAX &&
           (format->sample == XC_SAMPLE_S16 || format->sample == XC_SAMPLE_F32) &&
           config->codec_channels >= 1 && config->codec_channels <= XC_AUDIO_CHANNELS_MAX &&
           (config->frame_ms == 10 || config->frame_ms == 20 || config->frame_ms == 40 ||
            config->frame_ms == 60);
}

struct xc_audio_send *xc_audio_send_create(struct xc_arena *arena,
                                           const struct xc_audio_send_config *config)
{
    if (!config_makes_sense(config))
        return NULL;
    const struct xc_audio_codec *codec = config->codec;
    uint32_t rate = config->format.rate, channels = config->codec_channels;
    uint32_t codec_rate = encoder_rate(rate);
    uint32_t codec_frames = codec_rate / 1000 * config->frame_ms;
    uint32_t capacity = rate * XC_AUDIO_SEND_RING_MS / 1000;

    struct xc_audio_send *send = xc_arena_take(arena, sizeof *send);
    void *encoder = xc_arena_take(arena, codec->encoder_size(channels));
    int16_t *samples = xc_arena_take(arena, (size_t)capacity * channels * sizeof *samples);
    float *frame = xc_arena_take(arena, (size_t)codec_frames * channels * sizeof *frame);
    uint8_t *packet = xc_arena_take(arena, XC_AUDIO_PACKET_MAX);
    struct xc_ring marks;
    struct xc_resample resample;
    bool room = xc_ring_init(&marks, arena, sizeof(struct mark), MARKS);
    if (codec_rate != rate)
        room = xc_resample_init(&resample, arena, rate, codec_rate, channels) && room;
    if (!room || !send || !encoder || !samples || !frame || !packet)
        return NULL;
    if (!codec->encoder_init(encoder, codec_rate, channels, &config->settings, config->seed))
        return NULL;
    *send = (struct xc_audio_send){.marks = marks,
                                   .samples = samples,
                                   .capacity = capacity,
                                   .rate = rate,
                                   .host_channels = config->format.channels,
                                   .sample = config->format.sample,
                                   .channels = channels,
                                   .codec_rate = codec_rate,
                                   .codec_frames = codec_frames,
                                   .duration_rtp = RTP_RATE / 1000 * config->frame_ms,
                                   .frame_ns = config->frame_ms * XC_NS_PER_MS,
                                   .codec = codec,
                                   .encoder = encoder,
                                   .resampling = codec_rate != rate,
                                   .frame = frame,
                                   .packet = packet,
                                   .marker = true,
                                   .gain = 1};
    if (send->resampling)
        send->resample = resample;
    return send;
}

/* One to two channels or back, on the way into the ring. */
static void store(const struct xc_audio_send *send, const int16_t *from, uint64_t position,
                  uint32_t frames)
{
    uint32_t at = (uint32_t)(position % send->capacity);
    for (uint32_t i = 0; i < frames; i++) {
        int16_t *to = send->samples + (size_t)at * send->channels;
        const int16_t *in = from + (size_t)i * send->host_channels;
        if (send->host_channels == send->channels) {
            to[0] = in[0];
            if (send->channels == 2)
                to[1] = in[1];
        } else if (send->channels == 2) {
            to[0] = to[1] = in[0];
        } else {
            to[0] = (int16_t)((in[0] + in[1]) / 2);
        }
        if (++at == send->capacity)
            at = 0;
    }
}

bool xc_audio_send_write(struct xc_audio_send *send, uint64_t now, uint64_t capture,
                         const void *samples, uint32_t frames)
{
    uint64_t tail = atomic_load_explicit(&send->tail, memory_order_acquire);
    if (send->written - tail + frames > send->capacity) {
        xc_counter_add(&send->frames_dropped_full, frames);
        return false;
    }
    if (frames == 0)
        return true;
    uint32_t channels = send->host_channels;
    if (send->sample == XC_SAMPLE_S16) {
        store(send, samples, send->written, frames);
    } else {
        int16_t converted[CONVERT_FRAMES * XC_AUDIO_CHANNELS_MAX];
        const float *from = samples;
        for (uint32_t done = 0; done < frames;) {
            uint32_t n = XC_MIN(frames - done, CONVERT_FRAMES);
            xc_audio_from_float(from + (size_t)done * channels, converted, XC_SAMPLE_S16,
                                n * channels);
            store(send, converted, send->written + done, n);
            done += n;
        }
    }
    /* A mark that finds no room is left out: its times follow from the one before. */
    struct mark *mark = xc_ring_write_slot(&send->marks);
    if (mark) {
        *mark = (struct mark){.position = send->written, .capture = capture, .queued = now};
        xc_ring_push(&send->marks);
    }
    send->written += frames;
    xc_counter_add(&send->frames_written, frames);
    atomic_store_explicit(&send->head, send->written, memory_order_release);
    return true;
}

static uint32_t frames_needed(const struct xc_audio_send *send)
{
    return send->resampling ? xc_resample_needed(&send->resample, send->codec_frames)
                            : send->codec_frames;
}

static uint64_t waiting(const struct xc_audio_send *send)
{
    return atomic_load_explicit(&send->head, memory_order_acquire) -
           atomic_load_explicit(&send->tail, memory_order_relaxed);
}

bool xc_audio_send_ready(const struct xc_audio_send *send)
{
    return waiting(send) >= frames_needed(send);
}

bool xc_audio_send_worth_waking(const struct xc_audio_send *send)
{
    /* What a resampler needs next is the shard's own affair. */
    return send->resampling || waiting(send) >= send->codec_frames;
}

/* Takes marks up to the frame at `position`; then send->mark is the newest at or before it. */
static void advance_mark(struct xc_audio_send *send, uint64_t position)
{
    for (;;) {
        const struct mark *next = xc_ring_read_slot(&send->marks);
        if (!next || next->position > position)
            return;
        send->mark = *next;
        send->mark_valid = true;
        xc_ring_pop(&send->marks);
    }
}

static uint64_t capture_of(const struct xc_audio_send *send, uint64_t position)
{
    if (!send->mark_valid)
        return 0;
    return send->mark.capture + (position - send->mark.position) * XC_NS_PER_S / send->rate;
}

/* Copies `frames` frames out of the ring as float. */
static void take(struct xc_audio_send *send, float *to, uint32_t frames)
{
    uint64_t tail = atomic_load_explicit(&send->tail, memory_order_relaxed);
    uint32_t at = (uint32_t)(tail % send->capacity);
    uint32_t first = XC_MIN(frames, send->capacity - at);
    uint32_t channels = send->channels;
    xc_audio_to_float(send->samples + (size_t)at * channels, XC_SAMPLE_S16, to, first * channels);
    xc_audio_to_float(send->samples, XC_SAMPLE_S16, to + (size_t)first * channels,
                      (frames - first) * channels);
    atomic_store_explicit(&send->tail, tail + frames, memory_order_release);
}

static void fill_frame(struct xc_audio_send *send)
{
    if (!send->resampling) {
        take(send, send->frame, send->codec_frames);
        return;
    }
    float input[CONVERT_FRAMES * XC_AUDIO_CHANNELS_MAX];
    uint32_t left = frames_needed(send), made = 0, taken;
    do {
        uint32_t n = XC_MIN(left, CONVERT_FRAMES);
        take(send, input, n);
        made +=
            xc_resample_run(&send->resample, input, n, &taken,
                            send->frame + (size_t)made * send->channels, send->codec_frames - made);
        left -= n;
    } while (left);
}

/* Fades to the wanted gain at the start of the frame, so that muting does not click. */
static void apply_mute(struct xc_audio_send *send)
{
    float wanted = send->muted ? 0.0f : 1.0f;
    if (wanted == 1.0f && send->gain == 1.0f)
        return;
    uint32_t channels = send->channels, fade = send->codec_rate / 1000 * FADE_MS;
    float gain = send->gain, step = (wanted - gain) / (float)fade;
    for (uint32_t i = 0; i < send->codec_frames; i++) {
        if (i < fade)
            gain += step;
        else
            gain = wanted;
        for (uint32_t c = 0; c < channels; c++)
            send->frame[(size_t)i * channels + c] *= gain;
    }
    send->gain = wanted;
}

static float measure(struct xc_audio_send *send)
{
    float lanes[4] = {0, 0, 0, 0};
    uint32_t count = send->codec_frames * send->channels; /* a multiple of 4: 10 ms and up */
    for (uint32_t i = 0; i < count; i += 4)
        for (uint32_t k = 0; k < 4; k++)
            lanes[k] += send->frame[i + k] * send->frame[i + k];
    float square = (lanes[0] + lanes[1] + lanes[2] + lanes[3]) / (float)count;
    double seconds = (double)send->frame_ns * 1e-9;
    xc_counter_add_real(&send->energy, (double)square * seconds);
    xc_counter_add_real(&send->duration, seconds);
    float level = sqrtf(square);
    xc_counter_set_real(&send->level, (double)level);
    return level;
}

/* RTP time follows the samples; where the capture clock says that samples are missing (the host
 * paused, or a block was dropped), it jumps by whole frames. The anchor slews slowly, so that drift
 * between the two clocks is no pause, and late blocks that all come at once jump only once. */
static void follow_capture(struct xc_audio_send *send, uint64_t capture)
{
    int64_t ahead = (int64_t)(capture - send->anchor), frame_ns = (int64_t)send->frame_ns;
    if (!send->anchored || ahead < -(int64_t)XC_NS_PER_S) {
        send->anchor = capture; /* the first, or the host set its clock back */
        send->anchored = true;
    } else if (ahead > frame_ns) {
        uint64_t missing = (uint64_t)(ahead / frame_ns);
        send->timestamp += (uint32_t)(missing * send->duration_rtp);
        send->anchor += missing * send->frame_ns;
        send->marker = true;
    } else {
        int64_t bound = frame_ns / ANCHOR_SLEW;
        send->anchor += (uint64_t)XC_CLAMP(ahead, -bound, bound);
    }
    send->anchor += send->frame_ns;
}

bool xc_audio_send_encode(struct xc_audio_send *send, struct xc_audio_frame *frame)
{
    if (!xc_audio_send_ready(send))
        return false;
    uint64_t position = atomic_load_explicit(&send->tail, memory_order_relaxed);
    uint64_t last = position + frames_needed(send) - 1;
    advance_mark(send, position);
    uint64_t capture = capture_of(send, position);
    if (send->resampling) /* half the filter lies before the sample that is read next */
        capture -= XC_MIN(capture, send->resample.taps / 2 * XC_NS_PER_S / send->rate);
    advance_mark(send, last);
    follow_capture(send, capture);
    fill_frame(send);
    apply_mute(send);
    *frame = (struct xc_audio_frame){.timestamp = send->timestamp,
                                     .duration = send->duration_rtp,
                                     .marker = send->marker,
                                     .capture = capture,
                                     .queued = send->mark.queued,
                                     .level = measure(send)};
    send->timestamp += send->duration_rtp;
    int size = send->codec->encode(send->encoder, send->frame, send->codec_frames, send->packet,
                                   XC_AUDIO_PACKET_MAX);
    if (size <= 0) {
        xc_counter_add(size < 0 ? &send->encode_errors : &send->packets_dtx, 1);
        send->silent = send->silent || size == 0;
        send->marker = true; /* what follows a silence begins a talkspurt, RFC 3551 section 4.1 */
        return false;
    }
    xc_counter_add(&send->packets_encoded, 1);
    frame->bytes = xc_span_make(send->packet, (size_t)size);
    send->silent =
        send->silent && send->codec->is_background && send->codec->is_background(frame->bytes);
    if (send->silent)
        frame->marker = false; /* DTX refreshes the background: the talkspurt is still to come */
    else
        send->marker = false;
    return true;
}

void xc_audio_send_add_encode_time(struct xc_audio_send *send, uint64_t duration)
{
    xc_counter_add(&send->encode_time, duration);
}

/* What is kept is exactly one frame that ends with the newest sample: frames then end where blocks
 * end, and nothing waits for a part of the next block. */
void xc_audio_send_trim(struct xc_audio_send *send)
{
    uint64_t have = waiting(send), needed = frames_needed(send);
    if (have <= needed)
        return;
    uint64_t drop = have - needed;
    uint64_t tail = atomic_load_explicit(&send->tail, memory_order_relaxed) + drop;
    advance_mark(send, tail);
    send->timestamp += (uint32_t)(drop * RTP_RATE / send->rate);
    if (send->anchored)
        send->anchor += drop * XC_NS_PER_S / send->rate;
    send->marker = true;
    xc_counter_add(&send->packets_skipped, (drop + needed - 1) / needed);
    atomic_store_explicit(&send->tail, tail, memory_order_release);
}

void xc_audio_send_set(struct xc_audio_send *send, const struct xc_audio_settings *settings)
{
    send->codec->encoder_set(send->encoder, settings);
}

void xc_audio_send_mute(struct xc_audio_send *send, bool muted)
{
    send->muted = muted;
}

void xc_audio_send_counters(const struct xc_audio_send *send,
                            struct xc_audio_send_counters *counters)
{
    *counters = (struct xc_audio_send_counters){
        .frames_written = xc_counter_get(&send->frames_written),
        .frames_dropped_full = xc_counter_get(&send->frames_dropped_full),
        .packets_encoded = xc_counter_get(&send->packets_encoded),
        .packets_dtx = xc_counter_get(&send->packets_dtx),
        .encode_errors = xc_counter_get(&send->encode_errors),
        .packets_skipped = xc_counter_get(&send->packets_skipped),
        .total_audio_energy = xc_counter_get_real(&send->energy),
        .total_samples_duration_s = xc_counter_get_real(&send->duration),
        .total_encode_time_s = (double)xc_counter_get(&send->encode_time) * 1e-9,
        .level = (float)xc_counter_get_real(&send->level),
    };
}
