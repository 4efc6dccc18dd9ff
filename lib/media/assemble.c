/* assemble.c - see assemble.h. A frame is the packets from one that starts it to the one with the
 * marker bit, without a hole in the sequence numbers. VP8 (RFC 7741 section 4.4): S=1 and PID=0 start
 * it. VP9 (RFC 9628 section 4.2): B=1 in the lowest spatial layer starts the picture, B=1 in another
 * one that layer; E=1 ends it as the marker does where there are no layers.
 *
 *   base                  first missing        highest
 *    |                     |                    |
 *    v                     v                    v
 *    [D][D][P][D ... D][D] [ ] [ ] [D][D][K][D][D]      D data, P padding, K start of a key frame
 *
 * A window of XC_ASSEMBLE_PACKETS_MAX sequence numbers stands from `base` on, each with a slot at
 * sequence % XC_ASSEMBLE_PACKETS_MAX. Everything before base is done with. While the chain holds,
 * base is the first packet after the frame handed out last; once it is broken (need_key), base
 * moves over all that cannot be a key frame. Owned by the shard.
 * SPDX-License-Identifier: MIT */
#include "media/assemble.h"

#include "media/video_codec.h"
#include "wire/vp8.h"
#include "wire/vp9.h"

#define WINDOW XC_ASSEMBLE_PACKETS_MAX
#define WAIT_MAX_DEFAULT (400 * XC_NS_PER_MS)
/* The stream's first packet may be overtaken: room is left for some before the first to come. */
#define REORDER_AT_START 32

enum state { EMPTY, DATA, PADDING, LOST };

struct slot {
    uint64_t sequence;
    uint64_t received;
    uint64_t noticed; /* since when what is missing before this packet is known to be missing */
    uint32_t timestamp;
    uint16_t size;
    uint16_t width, height;
    uint64_t capture;
    uint8_t state;
    uint8_t codec, rotation;
    bool start, key, end; /* key: of a key frame's first packet */
    bool layer_start;     /* VP9: begins a spatial layer above the lowest */
    bool has_rotation;
    bool has_index; /* ends as a VP9 superframe does, which then needs no index of ours */
};

struct frame {
    uint64_t first, last;
    size_t size;
    uint32_t layers;
    bool has_index;
};

struct xc_assemble {
    struct slot slots[WINDOW];
    uint8_t *payloads; /* WINDOW blocks of XC_ASSEMBLE_PAYLOAD_MAX, without the descriptor */
    uint64_t wait_max;
    uint64_t base;
    uint64_t end;     /* highest sequence number seen + 1 */
    uint64_t missing; /* nothing is missing in [base, missing) */
    uint32_t keys;    /* starts of key frames in the window */
    bool started, need_key;
    bool found; /* `ready` is valid */
    struct frame ready;
    uint64_t assembled;
    uint8_t codec;    /* of the frame handed out last */
    uint8_t rotation; /* the same */
    struct xc_assemble_counters counters;
};

static uint8_t *payload_at(struct xc_assemble *a, uint64_t sequence)
{
    return a->payloads + (size_t)(sequence % WINDOW) * XC_ASSEMBLE_PAYLOAD_MAX;
}

/* The slot of a sequence number in [base, base + WINDOW). */
static struct slot *slot_at(struct xc_assemble *a, uint64_t sequence)
{
    return &a->slots[sequence % WINDOW];
}

static bool present(const struct slot *slot)
{
    return slot->state == DATA || slot->state == PADDING;
}

struct xc_assemble *xc_assemble_create(struct xc_arena *arena,
                                       const struct xc_assemble_config *config)
{
    struct xc_assemble *a = xc_arena_take(arena, sizeof *a);
    uint8_t *payloads = xc_arena_take_untouched(arena, (size_t)WINDOW * XC_ASSEMBLE_PAYLOAD_MAX);
    if (!a || !payloads)
        return NULL;
    a->payloads = payloads;
    a->wait_max = config->wait_max ? config->wait_max : WAIT_MAX_DEFAULT;
    a->need_key = true;
    return a;
}

void xc_assemble_reset(struct xc_assemble *a)
{
    memset(a->slots, 0, sizeof a->slots);
    a->base = a->end = a->missing = 0;
    a->keys = 0;
    a->started = a->found = false;
    a->need_key = true;
    a->codec = XC_CODEC_NONE;
    a->rotation = 0;
}

static void clear_slot(struct xc_assemble *a, uint64_t sequence, bool delivered)
{
    struct slot *slot = slot_at(a, sequence);
    if (slot->state == DATA && slot->start) {
        if (!delivered)
            a->counters.frames_dropped++;
        if (slot->key)
            a->keys--;
    }
    slot->state = EMPTY;
    slot->start = slot->key = false;
}

/* Forgets everything before `base`. */
static void move_base(struct xc_assemble *a, uint64_t base, bool delivered)
{
    uint64_t stop = XC_MIN(base, a->end);
    for (uint64_t s = a->base; s < stop; s++)
        clear_slot(a, s, delivered);
    a->base = base;
    a->end = XC_MAX(a->end, base);
    a->missing = XC_MAX(a->missing, base);
    a->found = false;
}

static void break_chain(struct xc_assemble *a)
{
    if (a->need_key)
        return;
    a->need_key = true;
    a->found = false;
    a->counters.key_frame_requests++;
}

enum look { COMPLETE, INCOMPLETE, NO_START };

/* The frame whose first packet, after padding, stands at `first`. */
static enum look look_frame(struct xc_assemble *a, uint64_t first, struct frame *frame)
{
    while (first < a->end && slot_at(a, first)->state == PADDING)
        first++;
    if (first == a->end || slot_at(a, first)->state != DATA)
        return INCOMPLETE;
    const struct slot *start = slot_at(a, first);
    if (!start->start)
        return NO_START;
    *frame = (struct frame){.first = first, .last = first, .layers = 1};
    for (uint64_t s = first; s < a->end; s++) {
        const struct slot *slot = slot_at(a, s);
        if (!present(slot))
            return INCOMPLETE;
        if (slot->state == PADDING)
            continue;
        if (s != first &&
            (slot->start || slot->timestamp != start->timestamp || slot->codec != start->codec))
            return COMPLETE; /* the next frame: this one came without a marker */
        frame->last = s;
        frame->size += slot->size;
        frame->layers += slot->layer_start;
        frame->has_index = slot->has_index;
        if (slot->end)
            return COMPLETE;
    }
    return INCOMPLETE;
}

/* need_key: moves base over packets that cannot belong to a key frame that may still come. */
static void skip_useless(struct xc_assemble *a)
{
    uint64_t s = a->base;
    while (s < a->missing && !slot_at(a, s)->key)
        s++;
    if (s > a->base)
        move_base(a, s, false);
}

static bool find_key_frame(struct xc_assemble *a, struct frame *frame)
{
    uint32_t left = a->keys;
    for (uint64_t s = a->base; left && s < a->end; s++) {
        const struct slot *slot = slot_at(a, s);
        if (slot->state != DATA || !slot->key)
            continue;
        left--;
        if (look_frame(a, s, frame) == COMPLETE)
            return true;
    }
    return false;
}

/* Does a frame that stands next to the one handed out last follow from it? Another codec's does only
 * as a key frame. */
static bool continues(struct xc_assemble *a, const struct frame *frame)
{
    const struct slot *start = slot_at(a, frame->first);
    return start->key || start->codec == a->codec;
}

/* Is there anything that find() would hand out? */
static bool frame_waits(struct xc_assemble *a)
{
    struct frame frame;
    if (!a->need_key && look_frame(a, a->base, &frame) == COMPLETE && continues(a, &frame))
        return true;
    return find_key_frame(a, &frame);
}

/* Takes `missing` on to the first sequence number that has not come. One that never will ends every
 * frame over it, once the frames before it have been handed out. */
static void advance(struct xc_assemble *a)
{
    for (;;) {
        while (a->missing < a->end && present(slot_at(a, a->missing)))
            a->missing++;
        if (a->missing == a->end || slot_at(a, a->missing)->state != LOST || frame_waits(a))
            break;
        break_chain(a);
        move_base(a, a->missing + 1, false);
    }
    if (a->need_key)
        skip_useless(a);
}

/* When the first gap has to be given up; XC_NEVER without a gap. */
static uint64_t gap_deadline(const struct xc_assemble *a)
{
    for (uint64_t s = a->missing; s < a->end; s++) {
        const struct slot *slot = &a->slots[s % WINDOW];
        if (present(slot))
            return slot->noticed + a->wait_max;
    }
    return XC_NEVER;
}

/* Gives up gaps that have been waited for long enough. */
static void expire(struct xc_assemble *a, uint64_t now)
{
    while (gap_deadline(a) <= now) {
        break_chain(a);
        uint64_t next = a->missing;
        while (!present(slot_at(a, next)))
            next++;
        move_base(a, next, false);
        advance(a);
    }
}

/* A picture of several layers is handed out as a superframe: so the decoder knows their borders. */
static bool needs_index(const struct frame *frame)
{
    return frame->layers > 1 && !frame->has_index;
}

static size_t size_of(const struct frame *frame)
{
    return frame->size + (needs_index(frame) ? xc_vp9_superframe_index_size(frame->layers) : 0);
}

static bool find(struct xc_assemble *a, uint64_t now)
{
    struct frame frame;
    bool complete = false;
    if (!a->need_key) {
        enum look look = look_frame(a, a->base, &frame);
        complete = look == COMPLETE && continues(a, &frame);
        if (look == NO_START || (look == COMPLETE && !complete))
            break_chain(a);
    }
    if (!complete && !find_key_frame(a, &frame)) {
        if (a->need_key)
            skip_useless(a);
        return false;
    }
    move_base(a, frame.first, false); /* padding, or all that a key frame makes needless */
    if (frame.layers > XC_VP9_SPATIAL_MAX || size_of(&frame) > XC_VIDEO_FRAME_MAX) {
        break_chain(a);
        a->need_key = true;
        move_base(a, frame.last + 1, false);
        advance(a);
        return false;
    }
    a->need_key = false;
    a->ready = frame;
    a->assembled = now;
    a->found = true;
    return true;
}

/* Makes room for a sequence number that lies beyond the window: the chain breaks, the oldest go. */
static void make_room(struct xc_assemble *a, uint64_t sequence)
{
    uint64_t base = sequence - WINDOW + 1;
    break_chain(a);
    for (uint64_t s = a->base; s < a->end && s < base; s++) {
        if (slot_at(a, s)->state == DATA)
            a->counters.packets_dropped_full++;
    }
    move_base(a, base, false);
    advance(a);
}

/* These read the descriptor and a frame's first bytes into the slot; the descriptor's size, 0:
 * malformed. */
static size_t read_vp8(struct slot *slot, struct xc_span payload)
{
    struct xc_vp8_descriptor descriptor;
    size_t skip = xc_vp8_parse(&descriptor, payload);
    if (!skip)
        return 0;
    slot->start = descriptor.start_of_partition && descriptor.partition == 0;
    if (!slot->start)
        return skip;
    struct xc_vp8_frame look;
    if (!xc_vp8_frame_look(&look, xc_span_make(payload.data + skip, payload.size - skip)))
        return 0;
    slot->key = look.key;
    slot->width = look.width;
    slot->height = look.height;
    return skip;
}

static size_t read_vp9(struct slot *slot, struct xc_span payload)
{
    struct xc_vp9_descriptor descriptor;
    size_t skip = xc_vp9_parse(&descriptor, payload);
    if (!skip)
        return 0;
    slot->start = descriptor.start_of_frame && descriptor.spatial_id == 0;
    slot->layer_start = descriptor.start_of_frame && descriptor.spatial_id != 0;
    /* the last of several spatial layers is known by the marker only */
    slot->end = slot->end || (descriptor.end_of_frame && !descriptor.has_layer);
    slot->has_index = xc_vp9_superframe_marker(payload.data[payload.size - 1]);
    if (!descriptor.start_of_frame)
        return skip;
    struct xc_vp9_frame look;
    if (!xc_vp9_frame_look(&look, xc_span_make(payload.data + skip, payload.size - skip)))
        return 0;
    slot->key = slot->start && look.key;
    if (look.has_size) {
        slot->width = (uint16_t)XC_MIN(look.width, 0xffffu);
        slot->height = (uint16_t)XC_MIN(look.height, 0xffffu);
    }
    return skip;
}

static bool read_payload(struct slot *slot, struct xc_span payload, size_t *descriptor_size)
{
    *descriptor_size = slot->codec == XC_CODEC_VP8   ? read_vp8(slot, payload)
                       : slot->codec == XC_CODEC_VP9 ? read_vp9(slot, payload)
                                                     : 0;
    slot->size = (uint16_t)(payload.size - *descriptor_size);
    return *descriptor_size != 0;
}

/* The time at which the gap before this packet came to be known: a packet that fills a part of an
 * older gap does not make it younger. */
static uint64_t notice(struct xc_assemble *a, uint64_t now, uint64_t sequence)
{
    for (uint64_t s = sequence + 1; s < a->end; s++) {
        const struct slot *next = slot_at(a, s);
        if (present(next))
            return XC_MIN(now, next->noticed);
    }
    return now;
}

void xc_assemble_push(struct xc_assemble *a, uint64_t now, const struct xc_assemble_packet *packet)
{
    uint64_t sequence = packet->sequence;
    struct xc_span payload = packet->payload;
    a->counters.packets++;
    if (a->started && sequence < a->base) {
        a->counters.packets_late++;
        return;
    }
    struct slot *slot = slot_at(a, sequence);
    if (a->started && sequence < a->base + WINDOW && present(slot)) {
        a->counters.packets_duplicate++;
        return;
    }
    struct slot read = {.sequence = sequence,
                        .received = packet->received,
                        .timestamp = packet->timestamp,
                        .end = packet->marker,
                        .codec = packet->codec,
                        .has_rotation = packet->has_rotation,
                        .rotation = packet->rotation & 3,
                        .capture = packet->capture,
                        .state = payload.size ? DATA : PADDING};
    size_t skip = 0;
    if (payload.size > XC_ASSEMBLE_PAYLOAD_MAX ||
        (payload.size && !read_payload(&read, payload, &skip))) {
        a->counters.packets_malformed++;
        return;
    }
    if (!a->started) {
        a->started = true;
        a->base = sequence - XC_MIN(sequence, REORDER_AT_START);
        a->missing = a->end = a->base;
    }
    if (sequence >= a->base + WINDOW)
        make_room(a, sequence);
    a->end = XC_MAX(a->end, sequence + 1);
    read.noticed = notice(a, now, sequence);
    *slot = read;
    if (read.state == DATA)
        memcpy(payload_at(a, sequence), payload.data + skip, payload.size - skip);
    else
        a->counters.padding_packets++;
    if (read.key)
        a->keys++;
    advance(a);
}

void xc_assemble_lost(struct xc_assemble *a, uint64_t now, uint64_t sequence)
{
    (void)now;
    if (!a->started || sequence < a->base || sequence >= a->end || present(slot_at(a, sequence)))
        return;
    slot_at(a, sequence)->state = LOST;
    advance(a);
}

/* What the frame's packets say beyond its first one. */
static void gather(struct xc_assemble *a, struct xc_assembled *info)
{
    for (uint64_t s = a->ready.first; s <= a->ready.last; s++) {
        const struct slot *slot = slot_at(a, s);
        if (slot->state != DATA)
            continue;
        info->first_received = XC_MIN(info->first_received, slot->received);
        info->last_received = XC_MAX(info->last_received, slot->received);
        if (slot->has_rotation)
            info->rotation = slot->rotation;
        if (slot->capture)
            info->capture = slot->capture;
        if (info->key && slot->layer_start && slot->width) {
            info->width = XC_MAX(info->width, slot->width);
            info->height = XC_MAX(info->height, slot->height);
        }
    }
}

bool xc_assemble_peek(struct xc_assemble *a, uint64_t now, struct xc_assembled *info)
{
    if (!a->found && !find(a, now)) {
        expire(a, now);
        if (!find(a, now))
            return false;
    }
    const struct slot *first = slot_at(a, a->ready.first);
    *info = (struct xc_assembled){.timestamp = first->timestamp,
                                  .codec = first->codec,
                                  .key = first->key,
                                  .width = first->key ? first->width : 0,
                                  .height = first->key ? first->height : 0,
                                  .rotation = first->key ? 0 : a->rotation,
                                  .first_sequence = a->ready.first,
                                  .last_sequence = a->ready.last,
                                  .first_received = first->received,
                                  .last_received = first->received,
                                  .assembled = a->assembled,
                                  .size = size_of(&a->ready)};
    gather(a, info);
    return true;
}

/* Copies the payloads and, where the frame needs it, the index of its layers. */
static void copy_out(struct xc_assemble *a, uint8_t *out)
{
    uint32_t sizes[XC_VP9_SPATIAL_MAX] = {0};
    uint32_t layer = 0;
    for (uint64_t s = a->ready.first; s <= a->ready.last; s++) {
        const struct slot *slot = slot_at(a, s);
        if (slot->state != DATA)
            continue;
        layer += slot->layer_start;
        xc_assert(layer < XC_VP9_SPATIAL_MAX);
        sizes[layer] += slot->size;
        memcpy(out, payload_at(a, s), slot->size);
        out += slot->size;
    }
    if (needs_index(&a->ready))
        xc_vp9_superframe_write(sizes, a->ready.layers, out,
                                xc_vp9_superframe_index_size(a->ready.layers));
}

void xc_assemble_take(struct xc_assemble *a, uint8_t *out)
{
    if (!a->found)
        return;
    const struct slot *first = slot_at(a, a->ready.first);
    struct xc_assembled info = {.key = first->key, .rotation = first->key ? 0 : a->rotation};
    a->counters.frames++;
    if (first->key)
        a->counters.key_frames++;
    gather(a, &info);
    a->rotation = info.rotation;
    a->codec = first->codec;
    copy_out(a, out);
    move_base(a, a->ready.last + 1, true);
    advance(a);
}

void xc_assemble_drop(struct xc_assemble *a, uint64_t now)
{
    (void)now;
    if (!a->found)
        return;
    uint64_t next = a->ready.last + 1;
    break_chain(a);
    move_base(a, next, false);
    advance(a);
}

void xc_assemble_need_key(struct xc_assemble *a)
{
    if (!a->started)
        return;
    break_chain(a);
    advance(a);
}

void xc_assemble_set_wait(struct xc_assemble *a, uint64_t wait_max)
{
    a->wait_max = wait_max ? wait_max : WAIT_MAX_DEFAULT;
}

bool xc_assemble_wants_key(const struct xc_assemble *a)
{
    return a->started && a->need_key && a->keys == 0;
}

uint64_t xc_assemble_deadline(const struct xc_assemble *a)
{
    return gap_deadline(a);
}

uint64_t xc_assemble_settled(const struct xc_assemble *a)
{
    return a->base ? a->base - 1 : 0;
}

uint32_t xc_assemble_waiting(const struct xc_assemble *a)
{
    return (uint32_t)(a->end - XC_MIN(a->base, a->end));
}

const struct xc_assemble_counters *xc_assemble_counters(const struct xc_assemble *a)
{
    return &a->counters;
}
