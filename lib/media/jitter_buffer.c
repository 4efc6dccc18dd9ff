/* jitter_buffer.c - see jitter_buffer.h.
 * SPDX-License-Identifier: MIT */
#include "media/jitter_buffer.h"

bool xc_jitter_buffer_init(struct xc_jitter_buffer *buffer, struct xc_arena *arena)
{
    buffer->blocks = xc_arena_take(arena, (size_t)XC_JITTER_BLOCKS * XC_JITTER_BLOCK);
    xc_jitter_buffer_clear(buffer);
    return buffer->blocks || xc_arena_measuring(arena);
}

void xc_jitter_buffer_clear(struct xc_jitter_buffer *buffer)
{
    memset(buffer->packets, 0, sizeof buffer->packets);
    buffer->first = buffer->last = 0;
    buffer->count = 0;
    buffer->blocks_free = XC_JITTER_BLOCKS;
    buffer->free_head = 0;
    for (uint32_t i = 0; i < XC_JITTER_BLOCKS; i++)
        buffer->next[i] = (uint8_t)(i + 1);
}

static uint32_t blocks_for(size_t size)
{
    return (uint32_t)((size + XC_JITTER_BLOCK - 1) / XC_JITTER_BLOCK);
}

static struct xc_jitter_packet *slot(struct xc_jitter_buffer *buffer, uint64_t sequence)
{
    return &buffer->packets[sequence % XC_JITTER_PACKETS];
}

static void release(struct xc_jitter_buffer *buffer, struct xc_jitter_packet *packet)
{
    uint32_t count = blocks_for(packet->size);
    uint8_t block = packet->block;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t after = buffer->next[block];
        buffer->next[block] = buffer->free_head;
        buffer->free_head = block;
        block = after;
    }
    buffer->blocks_free += count;
    buffer->count--;
    packet->used = false;
}

static uint8_t store(struct xc_jitter_buffer *buffer, const uint8_t *bytes, size_t size)
{
    uint8_t head = 0, previous = 0;
    for (size_t at = 0; at < size; at += XC_JITTER_BLOCK) {
        uint8_t block = buffer->free_head;
        buffer->free_head = buffer->next[block];
        memcpy(buffer->blocks + (size_t)block * XC_JITTER_BLOCK, bytes + at,
               XC_MIN(size - at, (size_t)XC_JITTER_BLOCK));
        if (at == 0)
            head = block;
        else
            buffer->next[previous] = block;
        previous = block;
    }
    buffer->blocks_free -= blocks_for(size);
    return head;
}

uint32_t xc_jitter_buffer_advance(struct xc_jitter_buffer *buffer, uint64_t sequence)
{
    uint32_t dropped = 0;
    if (sequence <= buffer->first)
        return 0;
    /* Every packet lies within XC_JITTER_PACKETS of first. */
    for (uint32_t i = 0; i < XC_JITTER_PACKETS && buffer->count; i++) {
        if (buffer->first + i >= sequence)
            break;
        struct xc_jitter_packet *packet = slot(buffer, buffer->first + i);
        if (packet->used && packet->sequence == buffer->first + i) {
            release(buffer, packet);
            dropped++;
        }
    }
    buffer->first = sequence;
    return dropped;
}

enum xc_jitter_result xc_jitter_buffer_insert(struct xc_jitter_buffer *buffer,
                                              const struct xc_jitter_packet *packet,
                                              const uint8_t *bytes, uint32_t *discarded)
{
    if (packet->size == 0 || packet->size > XC_AUDIO_PACKET_MAX)
        return XC_JITTER_TOO_LONG;
    if (packet->sequence < buffer->first)
        return XC_JITTER_LATE;
    if (xc_jitter_buffer_find(buffer, packet->sequence))
        return XC_JITTER_DUPLICATE;
    if (packet->sequence - buffer->first >= XC_JITTER_PACKETS)
        *discarded += xc_jitter_buffer_advance(buffer, packet->sequence - XC_JITTER_PACKETS + 1);
    while (buffer->blocks_free < blocks_for(packet->size)) {
        const struct xc_jitter_packet *oldest = xc_jitter_buffer_oldest(buffer);
        if (oldest->sequence > packet->sequence)
            return XC_JITTER_LATE; /* it is the oldest itself */
        *discarded += xc_jitter_buffer_advance(buffer, oldest->sequence + 1);
    }
    struct xc_jitter_packet *to = slot(buffer, packet->sequence);
    *to = *packet;
    to->used = true;
    to->block = store(buffer, bytes, packet->size);
    if (buffer->count == 0 || packet->sequence > buffer->last)
        buffer->last = packet->sequence;
    buffer->count++;
    return XC_JITTER_STORED;
}

const struct xc_jitter_packet *xc_jitter_buffer_find(const struct xc_jitter_buffer *buffer,
                                                     uint64_t sequence)
{
    const struct xc_jitter_packet *packet = &buffer->packets[sequence % XC_JITTER_PACKETS];
    return packet->used && packet->sequence == sequence ? packet : NULL;
}

const struct xc_jitter_packet *xc_jitter_buffer_oldest(const struct xc_jitter_buffer *buffer)
{
    if (buffer->count == 0)
        return NULL;
    for (uint64_t i = 0; i < XC_JITTER_PACKETS; i++) {
        const struct xc_jitter_packet *packet = xc_jitter_buffer_find(buffer, buffer->first + i);
        if (packet)
            return packet;
    }
    return NULL;
}

struct xc_span xc_jitter_buffer_bytes(const struct xc_jitter_buffer *buffer,
                                      const struct xc_jitter_packet *packet, uint8_t *scratch)
{
    uint8_t block = packet->block;
    if (packet->size <= XC_JITTER_BLOCK)
        return xc_span_make(buffer->blocks + (size_t)block * XC_JITTER_BLOCK, packet->size);
    for (size_t at = 0; at < packet->size; at += XC_JITTER_BLOCK) {
        memcpy(scratch + at, buffer->blocks + (size_t)block * XC_JITTER_BLOCK,
               XC_MIN(packet->size - at, (size_t)XC_JITTER_BLOCK));
        block = buffer->next[block];
    }
    return xc_span_make(scratch, packet->size);
}
