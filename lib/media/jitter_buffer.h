/* jitter_buffer.h - the store of packets that wait for playout, by sequence number.
 *
 *   slots[sequence % XC_JITTER_PACKETS] -> chain of blocks of XC_JITTER_BLOCK bytes
 *
 * A small packet takes one block, a large one up to ten, so that the memory is what speech needs
 * and not what the largest packets would. When blocks or slots run out the oldest packets are
 * discarded: the newest is always kept. Playout thread; memory from the arena.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_JITTER_BUFFER_H
#define XC_MEDIA_JITTER_BUFFER_H

#include "base/arena.h"
#include "media/audio_codec.h"

#define XC_JITTER_PACKETS 128 /* 2.5 s of 20 ms, more than the largest delay */
#define XC_JITTER_BLOCK 128
#define XC_JITTER_BLOCKS 96 /* 12 KiB: 1.9 s at 48 kb/s, 0.7 s at 128 kb/s */

struct xc_jitter_packet {
    uint64_t sequence;
    int64_t timestamp; /* extended */
    uint64_t received, inserted;
    uint16_t size;
    uint8_t block; /* first of the chain */
    bool used, marker;
    bool redundant; /* a frame of RED in place of the packet itself */
};

struct xc_jitter_buffer {
    uint64_t first; /* what lies before it was played or given up */
    uint64_t last;  /* highest in the store; meaningful where count > 0 */
    uint32_t count;
    uint32_t blocks_free;
    uint8_t free_head;
    uint8_t next[XC_JITTER_BLOCKS]; /* of each block: the one after it */
    struct xc_jitter_packet packets[XC_JITTER_PACKETS];
    uint8_t *blocks;
};

bool xc_jitter_buffer_init(struct xc_jitter_buffer *buffer, struct xc_arena *arena);
void xc_jitter_buffer_clear(struct xc_jitter_buffer *buffer);

enum xc_jitter_result { XC_JITTER_STORED, XC_JITTER_LATE, XC_JITTER_DUPLICATE, XC_JITTER_TOO_LONG };

/* Copies the packet in; `block` of *packet is set here. Adds to *discarded how many older packets
 * had to go. */
enum xc_jitter_result xc_jitter_buffer_insert(struct xc_jitter_buffer *buffer,
                                              const struct xc_jitter_packet *packet,
                                              const uint8_t *bytes, uint32_t *discarded);
/* NULL where it is not there. Good until the next insert, drop or clear. */
const struct xc_jitter_packet *xc_jitter_buffer_find(const struct xc_jitter_buffer *buffer,
                                                     uint64_t sequence);
const struct xc_jitter_packet *xc_jitter_buffer_oldest(const struct xc_jitter_buffer *buffer);
/* The packet's bytes in one piece: in place when it is one block, else gathered in `scratch`
 * (XC_AUDIO_PACKET_MAX bytes). */
struct xc_span xc_jitter_buffer_bytes(const struct xc_jitter_buffer *buffer,
                                      const struct xc_jitter_packet *packet, uint8_t *scratch);
/* Everything before `sequence` goes; returns how many packets that were. */
uint32_t xc_jitter_buffer_advance(struct xc_jitter_buffer *buffer, uint64_t sequence);

#endif
