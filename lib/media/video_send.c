/* video_send.c - see video_send.h.
 *
 * The picture cell is a triple buffer of slot indices: the host owns `back`, the worker owns
 * `front`, and `middle` is exchanged; its FRESH bit says that the worker has not taken it. Neither
 * side waits: the host's exchange gives up an untaken older picture.
 * Counters are written by one thread each and read by any (relaxed: they order nothing).
 * SPDX-License-Identifier: MIT */
#include "media/video_send.h"

#define FRESH 4u
#define SLOTS 3
#define PICTURE_ID_MASK 0x7fffu /* 15 bits: RFC 7741 section 4.2 */
#define MUTED_INTERVAL XC_NS_PER_S
/* A key frame for a still picture waits so long for a new picture: at 4 pictures a second and more
 * the next one is soon there and costs no extra frame. */
#define STILL_WAIT (250 * XC_NS_PER_MS)
/* Capture time and writing time drift apart by this much only when the host's clock jumped. */
#define CAPTURE_JUMP (500 * XC_NS_PER_MS)

enum shown { SHOWN_NOTHING, SHOWN_PICTURE, SHOWN_BLACK }; /* by the last encode() */

struct slot {
    struct xc_picture picture;
    uint64_t capture, queued;
    uint8_t *memory;
};

struct counters {
    _Atomic uint64_t pictures_written, pictures_replaced, pictures_refused; /* host */
    _Atomic uint64_t frames_encoded, key_frames_encoded, frames_dropped_rate, encode_errors;
    _Atomic uint64_t encode_ns;      /* worker, as the line above */
    _Atomic uint64_t frames_dropped; /* shard */
    _Atomic uint32_t size;           /* worker: width << 16 | height */
};

struct xc_video_send {
    struct xc_video_send_config config;
    struct slot slots[SLOTS];
    struct counters counters;

    uint32_t back; /* host */
    /* slot | FRESH. Host and worker exchange with acq_rel: a slot's bytes are written before it is
     * given and read after it is taken. */
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t middle;

    /* written by the shard, read by the worker: latest value wins */
    _Alignas(XC_CACHE_LINE) _Atomic bool paused; /* release; acquire in ready(), encode() */
    _Atomic bool muted;                          /* the same */
    _Atomic bool refresh;                        /* resume: set by pause(), taken by encode() */
    _Atomic bool force_key;       /* set by force_key() and by encode() itself, taken by encode() */
    _Atomic uint32_t bitrate_bps; /* relaxed: a number on its own */
    _Atomic uint32_t bounds;      /* width << 16 | height; relaxed */
    _Atomic uint8_t codec_wanted; /* XC_CODEC_*, one of the list; relaxed */
    _Atomic bool peer_turns;      /* relaxed */

    /* worker */
    _Alignas(XC_CACHE_LINE) uint32_t front;
    const struct xc_video_codec *codec; /* the encoder's */
    void *encoder;
    struct xc_video_settings applied; /* what the encoder was told */
    uint8_t *work, *scratch;
    size_t scratch_size;
    uint32_t shown_width, shown_height; /* of the last picture, turned as it is encoded */
    uint32_t shown_rotation;            /* quarter turns left to the peer */
    bool stamped;                       /* the next five have values */
    uint64_t capture_base, capture_last, queued_last;
    uint64_t timestamp_base, timestamp_last; /* 90 kHz */
    /* written by the worker, read by ready() and deadline() on any thread; relaxed hints */
    _Atomic bool prepared; /* set_codec() takes it back */
    _Atomic uint32_t shown;
    _Atomic uint64_t encoded_at; /* time of the last frame */

    struct xc_ring frames; /* worker -> shard */

    /* shard */
    _Alignas(XC_CACHE_LINE) bool holding; /* paused */
    bool need_key;                        /* frames were dropped: only a key frame may follow */
    bool taken;
    uint16_t picture_id;
    uint8_t tl0_index;  /* of the last base frame */
    uint8_t codec_told; /* the last set_codec() */
};

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint32_t pack_size(uint32_t width, uint32_t height)
{
    return width << 16 | height;
}

static bool config_valid(const struct xc_video_send_config *config)
{
    const struct xc_video_settings *s = &config->settings;
    return config->codecs && config->codecs[0] &&
           xc_picture_size_max(config->width_max, config->height_max) &&
           xc_picture_size_max(s->width, s->height) && s->frame_rate >= 1 && s->frame_rate <= 60;
}

/* Everything from the arena; over a measuring arena `send` is a stand-in and pointers are NULL. */
static bool take_memory(struct xc_video_send *send, struct xc_arena *arena,
                        const struct xc_video_send_config *config)
{
    size_t slot_size = xc_picture_size_max(config->width_max, config->height_max);
    for (int i = 0; i < SLOTS; i++)
        send->slots[i].memory = xc_arena_take(arena, slot_size); /* 1.4 MB each at 1280x720 */
    /* one upright picture between rotation and scaling; the result is I420, so no more */
    send->scratch_size = slot_size;
    send->scratch = xc_arena_take_untouched(arena, slot_size);
    send->work = xc_arena_take_untouched(
        arena, xc_picture_size_max(config->settings.width, config->settings.height));
    bool ok =
        xc_ring_init(&send->frames, arena, sizeof(struct xc_video_frame), XC_VIDEO_SEND_FRAMES);
    for (uint32_t i = 0; i < XC_VIDEO_SEND_FRAMES; i++) {
        uint8_t *bytes = xc_arena_take_untouched(arena, XC_VIDEO_FRAME_MAX);
        if (!bytes)
            continue;
        struct xc_video_frame *frame =
            (void *)(send->frames.elements + (size_t)i * send->frames.element_size);
        frame->bytes = bytes;
    }
    return ok;
}

struct xc_video_send *xc_video_send_create(struct xc_arena *arena,
                                           const struct xc_video_send_config *config)
{
    if (!config_valid(config))
        return NULL;
    struct xc_video_send measure;
    struct xc_video_send *send = xc_arena_take(arena, sizeof *send);
    bool ok = take_memory(send ? send : &measure, arena, config);
    if (!send || !ok || arena->used > arena->capacity)
        return NULL;
    send->config = *config;
    send->applied = config->settings;
    send->front = 2;
    atomic_init(&send->middle, 1);
    atomic_init(&send->bitrate_bps, config->settings.bitrate_bps);
    atomic_init(&send->bounds, pack_size(config->settings.width, config->settings.height));
    atomic_init(&send->codec_wanted, config->codecs[0]->codec);
    send->codec_told = config->codecs[0]->codec;
    send->picture_id = (uint16_t)(config->seed & PICTURE_ID_MASK);
    send->tl0_index = (uint8_t)(config->seed >> 16);
    return send;
}

static void drop_encoder(struct xc_video_send *send)
{
    if (send->encoder)
        send->codec->encoder_destroy(send->encoder);
    send->encoder = NULL;
}

void xc_video_send_destroy(struct xc_video_send *send)
{
    if (!send)
        return;
    drop_encoder(send);
}

/* -- host ------------------------------------------------------------------------------------ */

bool xc_video_send_write(struct xc_video_send *send, uint64_t now, uint64_t capture,
                         const struct xc_picture *picture)
{
    struct counters *c = &send->counters;
    if (!xc_picture_valid(picture) ||
        !xc_picture_fits(picture->width, picture->height, send->config.width_max,
                         send->config.height_max)) {
        count(&c->pictures_refused, 1);
        return false;
    }
    struct slot *slot = &send->slots[send->back];
    xc_picture_lay(&slot->picture, slot->memory, picture->pixel, picture->width, picture->height);
    xc_picture_copy(&slot->picture, picture);
    slot->capture = capture;
    slot->queued = now;
    uint32_t old =
        atomic_exchange_explicit(&send->middle, send->back | FRESH, memory_order_acq_rel);
    send->back = old & ~FRESH;
    count(&c->pictures_written, 1);
    if (old & FRESH)
        count(&c->pictures_replaced, 1);
    return true;
}

/* -- worker ---------------------------------------------------------------------------------- */

static bool picture_waits(const struct xc_video_send *send)
{
    /* relaxed: a hint; the exchange that takes the slot acquires */
    return (atomic_load_explicit(&send->middle, memory_order_relaxed) & FRESH) != 0;
}

static enum shown shown(const struct xc_video_send *send)
{
    return (enum shown)atomic_load_explicit(&send->shown, memory_order_relaxed);
}

bool xc_video_send_ready(const struct xc_video_send *send)
{
    if (!atomic_load_explicit(&send->prepared, memory_order_relaxed))
        return true;
    if (atomic_load_explicit(&send->paused, memory_order_acquire) ||
        xc_ring_level(&send->frames) == send->frames.count)
        return false;
    if (picture_waits(send))
        return true;
    if (atomic_load_explicit(&send->muted, memory_order_acquire))
        return shown(send) != SHOWN_BLACK;
    return shown(send) != SHOWN_NOTHING &&
           atomic_load_explicit(&send->refresh, memory_order_acquire);
}

uint64_t xc_video_send_deadline(const struct xc_video_send *send)
{
    if (atomic_load_explicit(&send->paused, memory_order_acquire) || shown(send) == SHOWN_NOTHING ||
        xc_ring_level(&send->frames) == send->frames.count)
        return XC_NEVER;
    uint64_t last = counted(&send->encoded_at);
    if (atomic_load_explicit(&send->force_key, memory_order_acquire))
        return last + STILL_WAIT;
    if (atomic_load_explicit(&send->muted, memory_order_acquire))
        return last + MUTED_INTERVAL;
    return XC_NEVER;
}

static bool take_newest(struct xc_video_send *send)
{
    if (!picture_waits(send))
        return false;
    uint32_t old = atomic_exchange_explicit(&send->middle, send->front, memory_order_acq_rel);
    send->front = old & ~FRESH;
    return true;
}

/* The largest size within the bounds that keeps the aspect, never larger than the source. Bounds
 * are turned to the source's orientation. */
static void fit_size(uint32_t bounds, uint32_t *width, uint32_t *height)
{
    uint64_t w = *width, h = *height;
    uint64_t bound_w = bounds >> 16, bound_h = bounds & 0xffff;
    if ((w > h) != (bound_w > bound_h)) {
        uint64_t swap = bound_w;
        bound_w = bound_h;
        bound_h = swap;
    }
    if (w > bound_w || h > bound_h) {
        uint64_t by_width = (2 * h * bound_w + w) / (2 * w); /* rounded */
        uint64_t by_height = (2 * w * bound_h + h) / (2 * h);
        if (w * bound_h >= h * bound_w) {
            w = bound_w;
            h = XC_MIN(by_width, bound_h);
        } else {
            w = XC_MIN(by_height, bound_w);
            h = bound_h;
        }
    }
    *width = (uint32_t)XC_MAX(w, XC_PICTURE_SIDE_MIN);
    *height = (uint32_t)XC_MAX(h, XC_PICTURE_SIDE_MIN);
}

/* 90 kHz from the first capture on, strictly increasing. Capture times follow the host's clock; when
 * that jumps against the time of writing, the time of writing bridges the jump. */
static uint32_t stamp(struct xc_video_send *send, uint64_t capture, uint64_t queued)
{
    if (!send->stamped) {
        send->stamped = true;
        send->capture_base = capture;
        send->capture_last = capture;
        send->queued_last = queued;
        return 0;
    }
    int64_t drift = (int64_t)((capture - send->capture_last) - (queued - send->queued_last));
    if (drift > (int64_t)CAPTURE_JUMP || drift < -(int64_t)CAPTURE_JUMP) {
        uint64_t passed = queued > send->queued_last ? queued - send->queued_last : 0;
        send->timestamp_base = send->timestamp_last + passed * 9 / 100000;
        send->capture_base = capture;
    }
    send->capture_last = capture;
    send->queued_last = queued;
    uint64_t timestamp = send->timestamp_base;
    if (capture > send->capture_base)
        timestamp += (capture - send->capture_base) * 9 / 100000;
    if (timestamp <= send->timestamp_last)
        timestamp = send->timestamp_last + 1;
    send->timestamp_last = timestamp;
    return (uint32_t)timestamp;
}

/* Brings the encoder to the wanted codec, a size and the newest bit rate; makes it where there is
 * none. A new one begins with a key frame. */
static bool prepare_encoder(struct xc_video_send *send, uint32_t width, uint32_t height)
{
    const struct xc_video_codec *codec = xc_video_codec_find(
        send->config.codecs, atomic_load_explicit(&send->codec_wanted, memory_order_relaxed));
    if (send->codec != codec)
        drop_encoder(send);
    send->codec = codec;
    struct xc_video_settings s = send->applied;
    s.width = width;
    s.height = height;
    s.bitrate_bps = atomic_load_explicit(&send->bitrate_bps, memory_order_relaxed);
    if (!send->encoder) {
        send->encoder = codec->encoder_create(&s, send->config.seed);
        if (!send->encoder)
            return false;
    } else if (s.width != send->applied.width || s.height != send->applied.height ||
               s.bitrate_bps != send->applied.bitrate_bps) {
        if (!codec->encoder_set(send->encoder, &s)) {
            send->applied.width = 0; /* unknown: set it again next time */
            return false;
        }
    }
    send->applied = s;
    return true;
}

/* The picture to encode, at its encoded size: the front slot itself where it needs no change. */
static bool render(struct xc_video_send *send, bool black, struct xc_picture *out)
{
    uint32_t bounds = atomic_load_explicit(&send->bounds, memory_order_relaxed);
    struct xc_picture source = send->slots[send->front].picture;
    if (!black) {
        bool peer_turns = atomic_load_explicit(&send->peer_turns, memory_order_relaxed);
        send->shown_rotation = peer_turns ? source.rotation / 90 : 0;
        if (peer_turns)
            source.rotation = 0;
        bool side = source.rotation == 90 || source.rotation == 270;
        send->shown_width = side ? source.height : source.width;
        send->shown_height = side ? source.width : source.height;
    } else if (!send->shown_width) {
        send->shown_width = bounds >> 16;
        send->shown_height = bounds & 0xffff;
    }
    uint32_t width = send->shown_width, height = send->shown_height;
    fit_size(bounds, &width, &height);
    if (!black && source.pixel == XC_PIXEL_I420 && source.rotation == 0 && source.width == width &&
        source.height == height) {
        *out = source;
        return true;
    }
    xc_picture_lay(out, send->work, XC_PIXEL_I420, width, height);
    if (!black)
        return xc_picture_convert(out, &source, send->scratch, send->scratch_size);
    xc_picture_fill_black(out);
    return true;
}

static void publish(struct xc_video_send *send, struct xc_video_frame *frame,
                    const struct xc_picture *picture, const struct xc_video_coded *coded)
{
    struct counters *c = &send->counters;
    frame->size = (uint32_t)coded->size;
    frame->key = coded->key;
    frame->width = (uint16_t)picture->width;
    frame->height = (uint16_t)picture->height;
    frame->codec = send->codec->codec;
    frame->rotation = (uint8_t)send->shown_rotation;
    frame->layered = coded->layered;
    frame->layer_sync = coded->layer_sync;
    frame->not_reference = coded->not_reference;
    frame->temporal_id = coded->temporal_id;
    frame->picture_id = 0; /* the next two: when the shard takes it */
    frame->tl0_index = 0;
    count(&c->frames_encoded, 1);
    if (coded->key)
        count(&c->key_frames_encoded, 1);
    count(&c->encode_ns, frame->encode_end - frame->encode_start);
    atomic_store_explicit(&c->size, pack_size(picture->width, picture->height),
                          memory_order_relaxed);
    xc_ring_push(&send->frames);
}

/* What encode() is to do: nothing, the front slot as it came, or a repeated or black picture. */
enum choice { CHOICE_NOTHING, CHOICE_FRESH, CHOICE_AGAIN, CHOICE_BLACK };

static enum choice choose(struct xc_video_send *send, uint64_t now)
{
    bool fresh = take_newest(send);
    bool refresh = atomic_exchange_explicit(&send->refresh, false, memory_order_acquire);
    bool key = atomic_load_explicit(&send->force_key, memory_order_acquire);
    uint64_t last = counted(&send->encoded_at);
    bool still = refresh || (key && now >= last + STILL_WAIT);
    if (atomic_load_explicit(&send->muted, memory_order_acquire)) {
        bool due = shown(send) != SHOWN_BLACK || now >= last + MUTED_INTERVAL;
        return due || still ? CHOICE_BLACK : CHOICE_NOTHING;
    }
    if (fresh) { /* kept over a pause: an old stamp would look like a very late frame */
        bool old = refresh && now > send->slots[send->front].queued + STILL_WAIT;
        return old ? CHOICE_AGAIN : CHOICE_FRESH;
    }
    if (!still || shown(send) == SHOWN_NOTHING)
        return CHOICE_NOTHING;
    return shown(send) == SHOWN_BLACK ? CHOICE_BLACK : CHOICE_AGAIN;
}

static bool encode_picture(struct xc_video_send *send, const struct xc_picture *picture,
                           struct xc_video_frame *frame, struct xc_video_coded *coded)
{
    bool key = atomic_exchange_explicit(&send->force_key, false, memory_order_acquire);
    bool ok = prepare_encoder(send, picture->width, picture->height) &&
              send->codec->encode(send->encoder, picture, frame->timestamp, key, frame->bytes,
                                  XC_VIDEO_FRAME_MAX, coded) == 0;
    if (!ok)
        count(&send->counters.encode_errors, 1);
    else if (!coded->size)
        count(&send->counters.frames_dropped_rate, 1);
    /* after an error the chain of frames is broken; a key frame that was dropped is still owed */
    if (!ok || (key && !coded->key))
        atomic_store_explicit(&send->force_key, true, memory_order_release);
    return ok && coded->size;
}

bool xc_video_send_encode(struct xc_video_send *send, uint64_t now, uint64_t (*clock)(void *),
                          void *clock_context)
{
    if (!atomic_exchange_explicit(&send->prepared, true, memory_order_relaxed)) {
        uint32_t width = send->applied.width, height = send->applied.height;
        if (!width) { /* the last setting failed */
            width = send->config.settings.width;
            height = send->config.settings.height;
        }
        if (!prepare_encoder(send, width, height))
            count(&send->counters.encode_errors, 1); /* tried again with the next picture */
    }
    if (atomic_load_explicit(&send->paused, memory_order_acquire))
        return false;
    struct xc_video_frame *frame = xc_ring_write_slot(&send->frames);
    if (!frame)
        return false; /* the picture waits, the newest wins */
    enum choice choice = choose(send, now);
    if (choice == CHOICE_NOTHING)
        return false;
    frame->encode_start = clock ? clock(clock_context) : now;
    const struct slot *slot = &send->slots[send->front];
    frame->capture = choice == CHOICE_FRESH ? slot->capture : now;
    frame->queued = choice == CHOICE_FRESH ? slot->queued : now;
    frame->timestamp = stamp(send, frame->capture, frame->queued);
    atomic_store_explicit(&send->encoded_at, now, memory_order_relaxed);
    atomic_store_explicit(&send->shown, choice == CHOICE_BLACK ? SHOWN_BLACK : SHOWN_PICTURE,
                          memory_order_relaxed);
    struct xc_picture picture;
    struct xc_video_coded coded = {0};
    if (!render(send, choice == CHOICE_BLACK, &picture)) {
        count(&send->counters.encode_errors, 1);
        return false;
    }
    if (!encode_picture(send, &picture, frame, &coded))
        return false;
    frame->encode_end = clock ? clock(clock_context) : now;
    publish(send, frame, &picture, &coded);
    return true;
}

/* -- shard ----------------------------------------------------------------------------------- */

const struct xc_video_frame *xc_video_send_take(struct xc_video_send *send)
{
    struct xc_video_frame *frame;
    while ((frame = xc_ring_read_slot(&send->frames)) != NULL) {
        if (!send->holding && (frame->key || !send->need_key))
            break;
        send->need_key = true;
        send->taken = false;
        count(&send->counters.frames_dropped, 1);
        xc_ring_pop(&send->frames);
    }
    if (!frame)
        return NULL;
    send->need_key = false;
    if (!send->taken) { /* ids without a hole: receivers take one for a lost frame */
        frame->picture_id = send->picture_id;
        send->picture_id = (send->picture_id + 1u) & PICTURE_ID_MASK;
        if (frame->temporal_id == 0)
            send->tl0_index++;
        frame->tl0_index = send->tl0_index;
        send->taken = true;
    }
    return frame;
}

void xc_video_send_release(struct xc_video_send *send)
{
    if (!send->taken)
        return;
    send->taken = false;
    xc_ring_pop(&send->frames);
}

uint32_t xc_video_send_waiting(const struct xc_video_send *send)
{
    return xc_ring_level(&send->frames);
}

void xc_video_send_pause(struct xc_video_send *send, bool paused)
{
    if (paused == send->holding)
        return;
    send->holding = paused;
    if (paused) {
        send->need_key = true;
    } else {
        atomic_store_explicit(&send->force_key, true, memory_order_release);
        atomic_store_explicit(&send->refresh, true, memory_order_release);
    }
    atomic_store_explicit(&send->paused, paused, memory_order_release);
}

void xc_video_send_mute(struct xc_video_send *send, bool muted)
{
    atomic_store_explicit(&send->muted, muted, memory_order_release);
}

void xc_video_send_force_key(struct xc_video_send *send)
{
    atomic_store_explicit(&send->force_key, true, memory_order_release);
}

void xc_video_send_set_bitrate(struct xc_video_send *send, uint32_t bitrate_bps)
{
    atomic_store_explicit(&send->bitrate_bps, bitrate_bps, memory_order_relaxed);
}

void xc_video_send_set_codec(struct xc_video_send *send, uint8_t codec)
{
    if (codec == send->codec_told || !xc_video_codec_find(send->config.codecs, codec))
        return;
    send->codec_told = codec;
    atomic_store_explicit(&send->codec_wanted, codec, memory_order_relaxed);
    /* a still picture, too, is to come in it; and the encoder is made at once, not with a picture */
    atomic_store_explicit(&send->force_key, true, memory_order_release);
    atomic_store_explicit(&send->prepared, false, memory_order_relaxed);
}

void xc_video_send_set_orientation(struct xc_video_send *send, bool peer_turns)
{
    atomic_store_explicit(&send->peer_turns, peer_turns, memory_order_relaxed);
}

void xc_video_send_set_size(struct xc_video_send *send, uint32_t width, uint32_t height)
{
    width = XC_CLAMP(width, XC_PICTURE_SIDE_MIN, send->config.settings.width);
    height = XC_CLAMP(height, XC_PICTURE_SIDE_MIN, send->config.settings.height);
    atomic_store_explicit(&send->bounds, pack_size(width, height), memory_order_relaxed);
}

void xc_video_send_counters(const struct xc_video_send *send,
                            struct xc_video_send_counters *counters)
{
    const struct counters *c = &send->counters;
    uint32_t size = atomic_load_explicit(&c->size, memory_order_relaxed);
    *counters = (struct xc_video_send_counters){
        .pictures_written = counted(&c->pictures_written),
        .pictures_replaced = counted(&c->pictures_replaced),
        .pictures_refused = counted(&c->pictures_refused),
        .frames_encoded = counted(&c->frames_encoded),
        .key_frames_encoded = counted(&c->key_frames_encoded),
        .frames_dropped_rate = counted(&c->frames_dropped_rate),
        .encode_errors = counted(&c->encode_errors),
        .frames_dropped_full = counted(&c->frames_dropped),
        .total_encode_time_s = (double)counted(&c->encode_ns) * 1e-9,
        .width = size >> 16,
        .height = size & 0xffff,
    };
}
