/* assemble.h - RTP packets of VP8 and VP9 -> whole frames in decodable order (RFC 7741 section 4.4, RFC
 * 9628 section 4). All spatial layers of a VP9 picture are one frame, all temporal layers are handed
 * out. The codec may change at any key frame. Runs on the shard. Fixed memory from the arena: packets in blocks, bounded in number; when full, or when a
 * frame has been incomplete for too long, everything up to the next complete key frame is dropped
 * and a key frame is asked for.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_ASSEMBLE_H
#define XC_MEDIA_ASSEMBLE_H

#include "base/arena.h"
#include "base/bytes.h"

#define XC_ASSEMBLE_PACKETS_MAX 512
#define XC_ASSEMBLE_PAYLOAD_MAX 1472 /* some senders fill an Ethernet frame; longer is malformed */

struct xc_assemble_config {
    uint64_t wait_max; /* ns that a gap may hold back later frames; 0 = 400 ms */
};

struct xc_assemble_packet {
    uint64_t sequence; /* extended */
    uint32_t timestamp;
    bool marker;
    uint64_t received;
    uint8_t codec;          /* XC_CODEC_VP8 or XC_CODEC_VP9 */
    bool has_rotation;      /* the packet carries the orientation extension */
    uint8_t rotation;       /* quarter turns clockwise that make the picture upright */
    uint64_t capture;       /* local clock; 0: not said */
    struct xc_span payload; /* with the payload descriptor; empty: padding only */
};

struct xc_assembled {
    uint32_t timestamp;
    uint8_t codec;
    bool key;
    uint16_t width, height; /* key frames; of the largest spatial layer */
    /* of the frame's packets; else 0 for a key frame, as before for others (TS 26.114 section 7.4.5) */
    uint8_t rotation;
    uint64_t capture;
    uint64_t first_sequence, last_sequence;
    uint64_t first_received, last_received;
    uint64_t assembled; /* now at which it was complete and in order */
    size_t size; /* with the superframe index that is added to a VP9 picture of several layers */
};

struct xc_assemble_counters {
    uint64_t packets, packets_dropped_full, packets_duplicate, packets_malformed, packets_late;
    uint64_t frames, key_frames; /* handed out */
    uint64_t frames_dropped;     /* whose first packet had come */
    uint64_t key_frame_requests; /* times that the chain of frames broke */
    uint64_t padding_packets;
};

struct xc_assemble;

struct xc_assemble *xc_assemble_create(struct xc_arena *arena,
                                       const struct xc_assemble_config *config);
void xc_assemble_push(struct xc_assemble *assemble, uint64_t now,
                      const struct xc_assemble_packet *packet);
/* A gap that will never be filled (the receiver gave up on it). */
void xc_assemble_lost(struct xc_assemble *assemble, uint64_t now, uint64_t sequence);
/* How long a gap may hold back later frames, from now on: the owner knows the round trip. */
void xc_assemble_set_wait(struct xc_assemble *assemble, uint64_t wait_max);
/* Is a frame ready? Its size and fields in *info, the bytes stay inside. Call it after each push()
 * and when the deadline has come: it also gives up what has been missing for too long. A frame is
 * ready when it is complete and directly continues the one handed out last (no sequence number is
 * missing between them), or when it is a complete key frame: that ends any waiting for older ones.
 */
bool xc_assemble_peek(struct xc_assemble *assemble, uint64_t now, struct xc_assembled *info);
/* Copies the frame of the last peek to out (capacity >= info.size, which is at most
 * XC_VIDEO_FRAME_MAX) and drops it from the buffer. Nothing happens without a ready frame. */
void xc_assemble_take(struct xc_assemble *assemble, uint8_t *out);
/* ... or drops it (ring full): then frames up to the next key frame are of no use either. */
void xc_assemble_drop(struct xc_assemble *assemble, uint64_t now);
/* The decoder failed: wait for a key frame. */
void xc_assemble_need_key(struct xc_assemble *assemble);
/* True while a key frame is needed and none is on its way in: the caller sends PLI, at most once per
 * round trip. False before the first packet. */
bool xc_assemble_wants_key(const struct xc_assemble *assemble);
uint64_t xc_assemble_deadline(const struct xc_assemble *assemble); /* call peek() then */
/* Everything up to this extended sequence needs no more NACKs. */
uint64_t xc_assemble_settled(const struct xc_assemble *assemble);
/* Places in use, holes included; at most XC_ASSEMBLE_PACKETS_MAX. */
uint32_t xc_assemble_waiting(const struct xc_assemble *assemble);
void xc_assemble_reset(struct xc_assemble *assemble); /* new SSRC */
const struct xc_assemble_counters *xc_assemble_counters(const struct xc_assemble *assemble);

#endif
