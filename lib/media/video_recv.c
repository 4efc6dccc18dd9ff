/* video_recv.c - see video_recv.h.
 *
 * Decoded pictures lie in slots of a pool. Their indices go to the host through a ring of entries
 * from which two sides take at the tail: the host, and the worker when the ring is full and its
 * oldest picture is overdue. Both take by compare-and-swap on `tail`; the loser of the race looks
 * again. Entries are atomics, because the worker may already fill one again while the host, which
 * will lose, still reads it. Slots come back through a plain ring.
 *
 *   worker: [free] -> decode -> |entries| -> host: held -> |returned| -> worker
 *
 * Counters are written by one thread each, or by atomic addition, and read by any (relaxed).
 * SPDX-License-Identifier: MIT */
#include "media/video_recv.h"

#include "base/cell.h"
#include "base/ring.h"

#define ENTRIES XC_VIDEO_RECV_PICTURES
/* in the ring, in the worker's hand, in the host's hand */
#define SLOTS (ENTRIES + 2)
#define RETURNS 8 /* power of two >= SLOTS: never full */
#define NO_SLOT UINT32_MAX
/* W3C webrtc-stats, freezeCount: average over the last 30 frames; below 5 there is no average to
 * speak of. */
#define FREEZE_WINDOW 30
#define FREEZE_FRAMES_MIN 5
#define FREEZE_EXTRA (150 * XC_NS_PER_MS)

struct slot {
    uint8_t *memory;
    struct xc_picture picture;
    struct xc_video_stamps stamps;
};

struct entry {
    _Atomic uint64_t play_at; /* relaxed; ordered by head (release) and tail (compare-and-swap) */
    _Atomic uint32_t slot;
};

struct counters {
    _Atomic uint64_t frames_received;                                   /* shard */
    _Atomic uint64_t frames_decoded, key_frames_decoded, decode_errors; /* worker */
    _Atomic uint64_t decode_ns, processing_ns, buffer_ns, emitted;      /* worker */
    _Atomic uint64_t frames_dropped, frames_skipped;                    /* worker and host */
    _Atomic uint64_t frames_delivered, freeze_count, freezes_ns, inter_frame_ns; /* host */
    _Atomic uint64_t inter_frame_us2;                                            /* host */
    _Atomic uint32_t size; /* host: width << 16 | height */
};

struct xc_video_recv {
    struct xc_video_recv_config config;
    const uint8_t *memory_end; /* of this struct, rings and cell */
    struct slot slots[SLOTS];
    struct counters counters;

    struct xc_ring frames;   /* shard -> worker: struct xc_video_in */
    struct xc_ring returned; /* host -> worker: uint64_t slot index */

    /* shard writes it in push(), ready() reads it: the newest time known; relaxed */
    _Alignas(XC_CACHE_LINE) _Atomic uint64_t time_seen;
    _Atomic bool key_request; /* worker sets (release), shard takes (acquire) */

    _Alignas(XC_CACHE_LINE) _Atomic uint32_t head; /* worker: release; pairs with host's acquire */
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t tail; /* acq_rel compare-and-swap by worker and host */
    struct entry entries[ENTRIES];

    /* worker */
    _Alignas(XC_CACHE_LINE) const struct xc_video_codec *codec; /* the decoder's */
    void *decoder;
    uint32_t free_slots[SLOTS];
    uint32_t free_count;
    bool need_key;

    /* host */
    _Alignas(XC_CACHE_LINE) uint32_t held; /* slot, or NO_SLOT */
    _Atomic uint64_t held_due;             /* XC_NEVER when none is held; read by due(), relaxed */
    bool delivered;                        /* the next four have values */
    uint64_t delivered_at;
    struct xc_cell last; /* host -> shard: stamps of the picture last taken */
    uint64_t durations[FREEZE_WINDOW];
    uint32_t duration_count;
    uint64_t durations_sum;
};

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* A decoded picture gave way to a newer one. */
static void count_skipped(struct xc_video_recv *recv)
{
    count(&recv->counters.frames_dropped, 1);
    count(&recv->counters.frames_skipped, 1);
}

static bool take_memory(struct xc_video_recv *recv, struct xc_arena *arena,
                        const struct xc_video_recv_config *config)
{
    size_t slot_size = xc_picture_size_max(config->width_max, config->height_max);
    /* What the host's thread touches comes first, together: xc_video_recv_memory. */
    bool ok =
        xc_ring_init(&recv->frames, arena, sizeof(struct xc_video_in), XC_VIDEO_RECV_FRAMES) &&
        xc_ring_init(&recv->returned, arena, sizeof(uint64_t), RETURNS) &&
        xc_cell_init(&recv->last, arena, sizeof(struct xc_video_stamps));
    recv->memory_end = arena->memory ? arena->memory + arena->used : NULL;
    for (int i = 0; i < SLOTS; i++)
        recv->slots[i].memory =
            xc_arena_take_untouched(arena, slot_size); /* 1.4 MB each at 1280x720 */
    for (uint32_t i = 0; i < XC_VIDEO_RECV_FRAMES; i++) {
        uint8_t *bytes = xc_arena_take_untouched(arena, XC_VIDEO_FRAME_MAX);
        if (!bytes)
            continue;
        struct xc_video_in *in =
            (void *)(recv->frames.elements + (size_t)i * recv->frames.element_size);
        in->bytes = bytes;
        in->capacity = XC_VIDEO_FRAME_MAX;
    }
    return ok;
}

struct xc_video_recv *xc_video_recv_create(struct xc_arena *arena,
                                           const struct xc_video_recv_config *config)
{
    if (!config->codecs || !config->codecs[0] ||
        !xc_picture_size_max(config->width_max, config->height_max))
        return NULL;
    struct xc_video_recv measure;
    struct xc_video_recv *recv = xc_arena_take(arena, sizeof *recv);
    bool ok = take_memory(recv ? recv : &measure, arena, config);
    if (!recv || !ok || arena->used > arena->capacity)
        return NULL;
    recv->config = *config;
    for (uint32_t i = 0; i < SLOTS; i++)
        recv->free_slots[recv->free_count++] = i;
    recv->held = NO_SLOT;
    atomic_init(&recv->held_due, XC_NEVER);
    recv->need_key = true;
    return recv;
}

struct xc_span xc_video_recv_memory(const struct xc_video_recv *recv)
{
    const uint8_t *from = (const uint8_t *)recv;
    return xc_span_make(from, (size_t)(recv->memory_end - from));
}

static void drop_decoder(struct xc_video_recv *recv)
{
    if (recv->decoder)
        recv->codec->decoder_destroy(recv->decoder);
    recv->decoder = NULL;
}

void xc_video_recv_destroy(struct xc_video_recv *recv)
{
    if (!recv)
        return;
    drop_decoder(recv);
}

/* -- shard ----------------------------------------------------------------------------------- */

struct xc_video_in *xc_video_recv_slot(struct xc_video_recv *recv)
{
    struct xc_video_in *in = xc_ring_write_slot(&recv->frames);
    if (!in)
        return NULL;
    in->size = 0;
    in->key = false;
    in->codec = XC_CODEC_NONE;
    in->rotation = 0;
    in->play_at = 0;
    memset(&in->stamps, 0, sizeof in->stamps);
    return in;
}

void xc_video_recv_push(struct xc_video_recv *recv)
{
    const struct xc_video_in *in = xc_ring_write_slot(&recv->frames);
    if (!in)
        return;
    atomic_store_explicit(&recv->time_seen, in->stamps.assembled, memory_order_relaxed);
    count(&recv->counters.frames_received, 1);
    xc_ring_push(&recv->frames);
}

bool xc_video_recv_take_key_request(struct xc_video_recv *recv)
{
    return atomic_exchange_explicit(&recv->key_request, false, memory_order_acquire);
}

/* -- entries --------------------------------------------------------------------------------- */

/* Looks at the oldest entry; false when there is none. A look, not a claim: it may be gone. */
static bool oldest(const struct xc_video_recv *recv, uint32_t *tail, uint64_t *play_at)
{
    /* tail first: head can only have grown since, and what was at that tail was behind head */
    *tail = atomic_load_explicit(&recv->tail, memory_order_acquire);
    uint32_t head = atomic_load_explicit(&recv->head, memory_order_acquire);
    if (head == *tail)
        return false;
    *play_at = atomic_load_explicit(&recv->entries[*tail % ENTRIES].play_at, memory_order_relaxed);
    return true;
}

/* Takes the entry at `tail`; false when the other side was faster. */
static bool claim(struct xc_video_recv *recv, uint32_t tail, uint32_t *slot)
{
    *slot = atomic_load_explicit(&recv->entries[tail % ENTRIES].slot, memory_order_relaxed);
    return atomic_compare_exchange_strong_explicit(&recv->tail, &tail, tail + 1,
                                                   memory_order_acq_rel, memory_order_acquire);
}

static bool entries_full(const struct xc_video_recv *recv)
{
    return atomic_load_explicit(&recv->head, memory_order_relaxed) -
               atomic_load_explicit(&recv->tail, memory_order_acquire) ==
           ENTRIES;
}

/* -- worker ---------------------------------------------------------------------------------- */

/* Full of pictures whose time has not come? */
static bool must_wait(const struct xc_video_recv *recv, uint64_t now)
{
    uint32_t tail;
    uint64_t play_at;
    return entries_full(recv) && oldest(recv, &tail, &play_at) && play_at > now;
}

bool xc_video_recv_ready(const struct xc_video_recv *recv)
{
    return xc_ring_level(&recv->frames) != 0 && !must_wait(recv, counted(&recv->time_seen));
}

static void drain_returned(struct xc_video_recv *recv)
{
    const uint64_t *index;
    while ((index = xc_ring_read_slot(&recv->returned)) != NULL) {
        recv->free_slots[recv->free_count++] = (uint32_t)*index;
        xc_ring_pop(&recv->returned);
    }
}

/* There is one but for the moment in which the host holds two: then the oldest entry is taken. When
 * the host is faster there, too, it has given the other one back before. */
static uint32_t take_free_slot(struct xc_video_recv *recv)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        uint32_t tail, slot;
        uint64_t play_at;
        drain_returned(recv);
        if (recv->free_count)
            return recv->free_slots[--recv->free_count];
        if (oldest(recv, &tail, &play_at) && claim(recv, tail, &slot)) {
            count_skipped(recv);
            return slot;
        }
    }
    return NO_SLOT;
}

static void publish(struct xc_video_recv *recv, uint32_t slot, uint64_t play_at)
{
    uint32_t tail, old;
    uint64_t old_at;
    while (entries_full(recv)) { /* at most twice: only the host takes besides */
        if (oldest(recv, &tail, &old_at) && claim(recv, tail, &old)) {
            recv->free_slots[recv->free_count++] = old;
            count_skipped(recv);
        }
    }
    uint32_t head = atomic_load_explicit(&recv->head, memory_order_relaxed);
    struct entry *entry = &recv->entries[head % ENTRIES];
    atomic_store_explicit(&entry->play_at, play_at, memory_order_relaxed);
    atomic_store_explicit(&entry->slot, slot, memory_order_relaxed);
    atomic_store_explicit(&recv->head, head + 1, memory_order_release);
}

static void fail(struct xc_video_recv *recv)
{
    count(&recv->counters.decode_errors, 1);
    recv->need_key = true;
    atomic_store_explicit(&recv->key_request, true, memory_order_release);
}

/* The codec's picture into a slot of the pool; false when it does not fit. */
static bool keep(struct xc_video_recv *recv, const struct xc_picture *picture,
                 const struct xc_video_stamps *stamps, uint64_t play_at)
{
    if (!xc_picture_valid(picture) ||
        !xc_picture_fits(picture->width, picture->height, recv->config.width_max,
                         recv->config.height_max))
        return false;
    uint32_t index = take_free_slot(recv);
    if (index == NO_SLOT) {
        count(&recv->counters.frames_dropped, 1);
        return false;
    }
    struct slot *slot = &recv->slots[index];
    xc_picture_lay(&slot->picture, slot->memory, picture->pixel, picture->width, picture->height);
    xc_picture_copy(&slot->picture, picture);
    slot->picture.rotation = stamps->rotation * 90u;
    slot->stamps = *stamps;
    publish(recv, index, play_at);
    return true;
}

/* The decoder of that codec: made where there is none or another one. */
static bool prepare_decoder(struct xc_video_recv *recv, uint8_t codec)
{
    if (recv->decoder && recv->codec->codec == codec)
        return true;
    const struct xc_video_codec *wanted = xc_video_codec_find(recv->config.codecs, codec);
    if (!wanted)
        return false;
    drop_decoder(recv);
    recv->codec = wanted;
    recv->need_key = true;
    recv->decoder = wanted->decoder_create(recv->config.width_max, recv->config.height_max);
    return recv->decoder != NULL;
}

static bool decode_frame(struct xc_video_recv *recv, const struct xc_video_in *in, uint64_t now,
                         uint64_t (*clock)(void *), void *clock_context)
{
    struct counters *c = &recv->counters;
    bool other = recv->codec && recv->codec->codec != in->codec;
    if ((recv->need_key || other) && !in->key) {
        count(&c->frames_dropped, 1);
        /* asked for again with each frame: the one before may have been taken for a lost cause */
        atomic_store_explicit(&recv->key_request, true, memory_order_release);
        return false;
    }
    struct xc_video_stamps stamps = in->stamps;
    stamps.rotation = in->rotation & 3;
    if (!prepare_decoder(recv, in->codec)) {
        fail(recv);
        return false;
    }
    stamps.decode_start = clock ? clock(clock_context) : now;
    count(&c->emitted, 1);
    if (stamps.first_received && stamps.decode_start > stamps.first_received)
        count(&c->buffer_ns, stamps.decode_start - stamps.first_received);
    struct xc_picture picture;
    int result = recv->codec->decode(recv->decoder, xc_span_make(in->bytes, in->size), &picture);
    stamps.decode_end = clock ? clock(clock_context) : now;
    if (result < 0) {
        fail(recv);
        return false;
    }
    recv->need_key = false;
    count(&c->frames_decoded, 1);
    if (in->key)
        count(&c->key_frames_decoded, 1);
    count(&c->decode_ns, stamps.decode_end - stamps.decode_start);
    if (stamps.first_received && stamps.decode_end > stamps.first_received)
        count(&c->processing_ns, stamps.decode_end - stamps.first_received);
    return result == 0 && keep(recv, &picture, &stamps, in->play_at);
}

bool xc_video_recv_decode(struct xc_video_recv *recv, uint64_t now, uint64_t (*clock)(void *),
                          void *clock_context)
{
    const struct xc_video_in *in = xc_ring_read_slot(&recv->frames);
    if (!in || must_wait(recv, now))
        return false;
    bool added = decode_frame(recv, in, now, clock, clock_context);
    xc_ring_pop(&recv->frames);
    return added;
}

/* -- host ------------------------------------------------------------------------------------ */

static void give_back(struct xc_video_recv *recv, uint32_t slot)
{
    uint64_t *index = xc_ring_write_slot(&recv->returned);
    xc_assert(index);
    if (!index)
        return;
    *index = slot;
    xc_ring_push(&recv->returned);
}

bool xc_video_recv_peek(struct xc_video_recv *recv, uint64_t now, uint32_t *width, uint32_t *height)
{
    uint32_t tail, slot;
    uint64_t play_at;
    while (oldest(recv, &tail, &play_at) && play_at <= now) {
        if (!claim(recv, tail, &slot))
            continue; /* the worker took it back: look at the next */
        if (recv->held != NO_SLOT) {
            give_back(recv, recv->held);
            count_skipped(recv);
        }
        recv->held = slot;
        atomic_store_explicit(&recv->held_due, play_at, memory_order_relaxed);
    }
    if (recv->held == NO_SLOT)
        return false;
    *width = recv->slots[recv->held].picture.width;
    *height = recv->slots[recv->held].picture.height;
    return true;
}

/* W3C webrtc-stats: a freeze is a gap of at least max(3 average, average + 150 ms). */
static void count_delivery(struct xc_video_recv *recv, uint64_t now, const struct xc_picture *shown)
{
    struct counters *c = &recv->counters;
    count(&c->frames_delivered, 1);
    atomic_store_explicit(&c->size, shown->width << 16 | shown->height, memory_order_relaxed);
    uint64_t duration = now > recv->delivered_at ? now - recv->delivered_at : 0;
    bool first = !recv->delivered;
    recv->delivered = true;
    recv->delivered_at = now;
    if (first)
        return;
    uint64_t us = duration / XC_NS_PER_US;
    count(&c->inter_frame_ns, duration);
    us = XC_MIN(us, UINT64_C(100000000)); /* squares of longer pauses would overflow the sum */
    count(&c->inter_frame_us2, us * us);
    uint32_t filled = XC_MIN(recv->duration_count, FREEZE_WINDOW);
    if (filled >= FREEZE_FRAMES_MIN) {
        uint64_t average = recv->durations_sum / filled;
        if (duration >= XC_MAX(3 * average, average + FREEZE_EXTRA)) {
            count(&c->freeze_count, 1);
            count(&c->freezes_ns, duration);
        }
    }
    uint64_t *oldest_duration = &recv->durations[recv->duration_count % FREEZE_WINDOW];
    recv->durations_sum += duration - *oldest_duration;
    *oldest_duration = duration;
    /* stays congruent once the window is full, so that the count never wraps to "few" */
    if (++recv->duration_count == 2 * FREEZE_WINDOW)
        recv->duration_count = FREEZE_WINDOW;
}

bool xc_video_recv_read(struct xc_video_recv *recv, uint64_t now, struct xc_picture *to,
                        struct xc_video_stamps *stamps)
{
    uint32_t width, height;
    if (recv->held == NO_SLOT && !xc_video_recv_peek(recv, now, &width, &height))
        return false;
    const struct slot *slot = &recv->slots[recv->held];
    width = slot->picture.width;
    height = slot->picture.height;
    if (to->width < width || to->height < height)
        return false;
    struct xc_picture fitted = *to;
    fitted.width = width;
    fitted.height = height;
    struct xc_picture from = slot->picture;
    from.rotation = 0; /* not turned: the host is told */
    if (!xc_picture_convert(&fitted, &from, NULL, 0))
        return false;
    fitted.rotation = slot->picture.rotation;
    *to = fitted;
    struct xc_video_stamps last = slot->stamps;
    last.delivered = now;
    xc_cell_write(&recv->last, &last);
    if (stamps)
        *stamps = last;
    count_delivery(recv, now, &slot->picture);
    give_back(recv, recv->held);
    recv->held = NO_SLOT;
    atomic_store_explicit(&recv->held_due, XC_NEVER, memory_order_relaxed);
    return true;
}

uint32_t xc_video_recv_waiting(const struct xc_video_recv *recv)
{
    return xc_ring_level(&recv->frames);
}

bool xc_video_recv_last(struct xc_video_recv *recv, struct xc_video_stamps *stamps)
{
    xc_cell_read(&recv->last, stamps);
    return stamps->delivered != 0;
}

uint64_t xc_video_recv_due(const struct xc_video_recv *recv)
{
    uint32_t tail;
    uint64_t play_at = XC_NEVER;
    if (!oldest(recv, &tail, &play_at))
        play_at = XC_NEVER;
    return xc_earlier(play_at, counted(&recv->held_due));
}

void xc_video_recv_counters(const struct xc_video_recv *recv,
                            struct xc_video_recv_counters *counters)
{
    const struct counters *c = &recv->counters;
    uint32_t size = atomic_load_explicit(&c->size, memory_order_relaxed);
    *counters = (struct xc_video_recv_counters){
        .frames_received = counted(&c->frames_received),
        .frames_decoded = counted(&c->frames_decoded),
        .key_frames_decoded = counted(&c->key_frames_decoded),
        .frames_dropped = counted(&c->frames_dropped),
        .frames_skipped = counted(&c->frames_skipped),
        .jitter_buffer_emitted_count = counted(&c->emitted),
        .jitter_buffer_delay_s = (double)counted(&c->buffer_ns) * 1e-9,
        .decode_errors = counted(&c->decode_errors),
        .frames_delivered = counted(&c->frames_delivered),
        .freeze_count = counted(&c->freeze_count),
        .total_decode_time_s = (double)counted(&c->decode_ns) * 1e-9,
        .total_processing_delay_s = (double)counted(&c->processing_ns) * 1e-9,
        .total_freezes_duration_s = (double)counted(&c->freezes_ns) * 1e-9,
        .total_inter_frame_delay_s = (double)counted(&c->inter_frame_ns) * 1e-9,
        .total_squared_inter_frame_delay_s = (double)counted(&c->inter_frame_us2) * 1e-12,
        .width = size >> 16,
        .height = size & 0xffff,
    };
}
