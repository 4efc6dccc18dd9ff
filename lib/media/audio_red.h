/* audio_red.h - redundant audio (RFC 2198): each packet carries the frames before it once more.
 *
 *   sender:   encode -> xc_audio_red_wrap() -> RTP payload, type of RED
 *   receiver: RTP payload -> xc_audio_red_unwrap() -> 1..n packets -> xc_audio_recv_push() of each
 *
 * A redundant frame has a time stamp and no sequence number. The receiver remembers which packets
 * came, and gives a redundant frame the number of the hole that it fits; a frame that was there
 * already is left out. Shard; by value, no memory.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_AUDIO_RED_H
#define XC_MEDIA_AUDIO_RED_H

#include "media/audio_recv.h"
#include "media/audio_send.h"
#include "wire/red.h"

#define XC_AUDIO_RED_KEPT 2  /* frames that may go out again */
#define XC_AUDIO_RED_SEEN 32 /* packets remembered: more than the oldest frame is behind */
/* What one packet may grow by. */
#define XC_AUDIO_RED_OVERHEAD (XC_RED_LAST_HEADER_SIZE + XC_AUDIO_RED_KEPT * XC_RED_HEADER_SIZE)

struct xc_audio_red_frame {
    uint32_t timestamp, duration;
    uint16_t size; /* 0: none */
    uint8_t bytes[XC_RED_LENGTH_MAX];
};

struct xc_audio_red { /* sender */
    uint8_t distance; /* 1 or 2: redundant frames in a packet */
    uint8_t newest;   /* of kept[] */
    struct xc_audio_red_frame kept[XC_AUDIO_RED_KEPT];
};

/* distance: 1 or 2, anything else counts as the nearer of them. */
void xc_audio_red_init(struct xc_audio_red *red, uint32_t distance);
/* The RED payload of `frame` into out, and keeps the frame for the next packets. Redundant frames
 * are left out where a gap (DTX, pause) lies between them and the frame, where their values have no
 * place, and, the older first, where the whole would exceed `capacity`. Returns the size, 0 when
 * not even the frame alone fits. */
size_t xc_audio_red_wrap(struct xc_audio_red *red, const struct xc_audio_frame *frame,
                         uint8_t opus_payload_type, uint8_t *out, size_t capacity);
/* A frame that goes out without RED: what comes next must not skip it. */
void xc_audio_red_skip(struct xc_audio_red *red);

struct xc_audio_red_seen {
    uint64_t sequence;
    uint32_t timestamp;
};

struct xc_audio_red_in { /* receiver, of one stream */
    const struct xc_audio_codec *codec;
    uint32_t first, count; /* of seen[], oldest at first, in order of sequence number */
    struct xc_audio_red_seen seen[XC_AUDIO_RED_SEEN];
    uint64_t malformed; /* packets */
    uint64_t recovered; /* redundant frames that fitted a hole */
    uint64_t unused;    /* redundant frames that were there already, or fit nowhere */
};

/* A new stream. */
void xc_audio_red_in_init(struct xc_audio_red_in *in, const struct xc_audio_codec *codec);
/* A packet of the same stream that came without RED. */
void xc_audio_red_in_note(struct xc_audio_red_in *in, const struct xc_audio_packet *packet);
/* What a packet of RED carries, oldest first, the primary last; the bytes point into the packet.
 * Returns how many: 0 when it is malformed (counted), or carries nothing of this payload type. */
int xc_audio_red_unwrap(struct xc_audio_red_in *in, const struct xc_audio_packet *packet,
                        uint8_t red_payload_type, uint8_t opus_payload_type,
                        struct xc_audio_packet out[XC_RED_BLOCKS_MAX]);

#endif
