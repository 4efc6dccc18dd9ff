/* audio_red.c - see audio_red.h.
 * Which hole a redundant frame fills: time stamps alone do not tell, because a sender's silence
 * (DTX) takes time and no sequence number. Between the nearest packets before and after it that are
 * known there are as many numbers as holes: with one hole there is no choice; with more the distance
 * in frames from the later neighbour decides, else that from the earlier one.
 * SPDX-License-Identifier: MIT */
#include "media/audio_red.h"

#define RTP_RATE 48000

void xc_audio_red_init(struct xc_audio_red *red, uint32_t distance)
{
    red->distance = (uint8_t)XC_CLAMP(distance, 1u, (uint32_t)XC_AUDIO_RED_KEPT);
    red->newest = 0;
    xc_audio_red_skip(red);
}

void xc_audio_red_skip(struct xc_audio_red *red)
{
    for (int i = 0; i < XC_AUDIO_RED_KEPT; i++)
        red->kept[i].size = 0;
}

static void keep(struct xc_audio_red *red, const struct xc_audio_frame *frame)
{
    red->newest = (uint8_t)((red->newest + 1) % XC_AUDIO_RED_KEPT);
    struct xc_audio_red_frame *kept = &red->kept[red->newest];
    kept->size = 0;
    if (frame->bytes.size == 0 || frame->bytes.size > sizeof kept->bytes)
        return;
    kept->timestamp = frame->timestamp;
    kept->duration = frame->duration;
    kept->size = (uint16_t)frame->bytes.size;
    memcpy(kept->bytes, frame->bytes.data, frame->bytes.size);
}

size_t xc_audio_red_wrap(struct xc_audio_red *red, const struct xc_audio_frame *frame,
                         uint8_t opus_payload_type, uint8_t *out, size_t capacity)
{
    struct xc_red_block blocks[XC_AUDIO_RED_KEPT + 1];
    size_t first = XC_AUDIO_RED_KEPT; /* the blocks from here on are sent */
    size_t total = XC_RED_LAST_HEADER_SIZE + frame->bytes.size;
    blocks[first] = (struct xc_red_block){.payload_type = opus_payload_type, .bytes = frame->bytes};
    uint32_t begins = frame->timestamp;
    for (uint32_t i = 0; i < red->distance; i++) { /* the newest first, as long as one follows on
                                                      the other: then its number is sure */
        const struct xc_audio_red_frame *kept =
            &red->kept[(red->newest + XC_AUDIO_RED_KEPT - i) % XC_AUDIO_RED_KEPT];
        uint32_t offset = frame->timestamp - kept->timestamp;
        total += XC_RED_HEADER_SIZE + kept->size;
        if (kept->size == 0 || kept->timestamp + kept->duration != begins ||
            offset > XC_RED_OFFSET_MAX || total > capacity)
            break;
        blocks[--first] = (struct xc_red_block){.payload_type = opus_payload_type,
                                                .timestamp_offset = (uint16_t)offset,
                                                .bytes = xc_span_make(kept->bytes, kept->size)};
        begins = kept->timestamp;
    }
    size_t size = xc_red_write(blocks + first, XC_AUDIO_RED_KEPT + 1 - first, out, capacity);
    keep(red, frame);
    return size;
}

void xc_audio_red_in_init(struct xc_audio_red_in *in, const struct xc_audio_codec *codec)
{
    *in = (struct xc_audio_red_in){.codec = codec};
}

static struct xc_audio_red_seen *seen_at(struct xc_audio_red_in *in, uint32_t i)
{
    return &in->seen[(in->first + i) % XC_AUDIO_RED_SEEN];
}

static void see(struct xc_audio_red_in *in, uint64_t sequence, uint32_t timestamp)
{
    uint32_t place = in->count;
    while (place && seen_at(in, place - 1)->sequence >= sequence) {
        if (seen_at(in, place - 1)->sequence == sequence)
            return; /* sent again */
        place--;
    }
    if (in->count == XC_AUDIO_RED_SEEN) {
        if (place == 0)
            return; /* older than all */
        in->first = (in->first + 1) % XC_AUDIO_RED_SEEN;
        in->count--;
        place--;
    }
    for (uint32_t i = in->count++; i > place; i--)
        *seen_at(in, i) = *seen_at(in, i - 1);
    *seen_at(in, place) = (struct xc_audio_red_seen){sequence, timestamp};
}

void xc_audio_red_in_note(struct xc_audio_red_in *in, const struct xc_audio_packet *packet)
{
    see(in, packet->sequence, packet->timestamp);
}

/* Rounded, of two distances in time. */
static uint64_t frames_between(int32_t distance, uint32_t duration)
{
    return ((uint32_t)distance + duration / 2) / duration;
}

/* The sequence number of the hole that a frame of `timestamp` fills. False when there is none. The
 * packet that carries it was seen. */
static bool find_hole(struct xc_audio_red_in *in, uint32_t timestamp, uint32_t duration,
                      uint64_t *sequence)
{
    const struct xc_audio_red_seen *before = NULL, *after = NULL;
    for (uint32_t i = in->count; i-- > 0 && !before;) {
        const struct xc_audio_red_seen *seen = seen_at(in, i);
        int32_t ahead = xc_seq32_diff(seen->timestamp, timestamp);
        if (ahead == 0)
            return false; /* it is there */
        if (ahead > 0)
            after = seen;
        else
            before = seen;
    }
    if (!before || !after || after->sequence - before->sequence < 2)
        return false; /* before the stream began for us, or no number is free */
    uint64_t back = frames_between(xc_seq32_diff(after->timestamp, timestamp), duration);
    uint64_t on = frames_between(xc_seq32_diff(timestamp, before->timestamp), duration);
    if (after->sequence - before->sequence == 2)
        *sequence = before->sequence + 1;
    else if (back > 0 && back < after->sequence - before->sequence)
        *sequence = after->sequence - back;
    else if (on > 0 && on < after->sequence - before->sequence)
        *sequence = before->sequence + on;
    else
        return false;
    return true;
}

/* A redundant frame as a packet; false when it is of no use. */
static bool recover(struct xc_audio_red_in *in, const struct xc_audio_packet *packet,
                    const struct xc_red_block *block, struct xc_audio_packet *out)
{
    uint32_t duration = in->codec->packet_frames(block->bytes, RTP_RATE);
    uint64_t sequence;
    uint32_t timestamp = packet->timestamp - block->timestamp_offset;
    if (block->timestamp_offset == 0 || duration == 0 ||
        !find_hole(in, timestamp, duration, &sequence))
        return false;
    see(in, sequence, timestamp);
    *out = (struct xc_audio_packet){.sequence = sequence,
                                    .timestamp = timestamp,
                                    .received = packet->received,
                                    .bytes = block->bytes,
                                    .redundant = true};
    return true;
}

int xc_audio_red_unwrap(struct xc_audio_red_in *in, const struct xc_audio_packet *packet,
                        uint8_t red_payload_type, uint8_t opus_payload_type,
                        struct xc_audio_packet out[XC_RED_BLOCKS_MAX])
{
    struct xc_red red;
    int count = 0;
    if (!xc_red_parse(&red, packet->bytes, red_payload_type)) {
        in->malformed++;
        return 0;
    }
    see(in, packet->sequence, packet->timestamp);
    uint16_t older = XC_RED_OFFSET_MAX + 1;
    for (uint32_t i = 0; i + 1 < red.count; i++) {
        const struct xc_red_block *block = &red.blocks[i];
        if (block->payload_type != opus_payload_type || block->bytes.size == 0)
            continue;
        bool fits = block->timestamp_offset < older && recover(in, packet, block, &out[count]);
        older = XC_MIN(older, block->timestamp_offset);
        count += fits;
        *(fits ? &in->recovered : &in->unused) += 1;
    }
    const struct xc_red_block *primary = &red.blocks[red.count - 1];
    if (primary->payload_type == opus_payload_type && primary->bytes.size) {
        out[count] = *packet;
        out[count++].bytes = primary->bytes;
    }
    return count;
}
