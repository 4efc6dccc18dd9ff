/* rtp_sender.h - one outgoing RTP stream: numbering, packets waiting to be sent, packets kept for
 * retransmission (RFC 4585 NACK), and what a sender report needs (RFC 3550 section 6.4.1).
 * Owner: the session's thread. Memory from the arena.
 *
 *   add() ...... | kept and sent ...... | waiting ...... |
 *                ^ oldest               ^ next_unsent    ^ next_sequence
 *
 * A packet is written once; its transport sequence and send time are filled in when it first goes
 * out. A plain retransmission sends the same bytes again, since an AEAD nonce must never see two
 * different packets. With RTX (RFC 4588, a stream of its own SSRC and numbers) it is a new packet:
 * the original's header with all its extensions, the original sequence number before the payload,
 * and a transport sequence and send time of its own.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_RTP_SENDER_H
#define XC_PROTO_RTP_SENDER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"
#include "wire/rtp_extension.h"

#define XC_RTP_PACKET_MAX (XC_MTU - 16) /* before SRTP, whose longest tag is 16 bytes (RFC 7714) */
#define XC_RTP_SENDER_PACKETS_MAX 16384 /* so that a 16-bit number names one packet */
#define XC_RTP_MID_MAX 63               /* a longer MID is not sent */

struct xc_rtp_sender_config {
    uint32_t ssrc;
    uint16_t first_sequence;   /* random below 2^15 (libsrtp2's roll-over needs it) */
    uint32_t timestamp_offset; /* random */
    uint32_t clock_rate;
    uint32_t packets_max;           /* power of two: packets waiting and kept together */
    uint32_t bytes_max;             /* their bytes */
    uint64_t keep_for;              /* ns that a sent packet is kept; 0 = not kept */
    uint32_t repair_ssrc;           /* of RTX; 0: retransmissions are plain */
    uint16_t repair_first_sequence; /* random below 2^15 */
};

/* What each later add() writes; may change at renegotiation, packets queued before keep theirs. */
struct xc_rtp_sender_header {
    uint8_t payload_type;
    uint8_t repair_payload_type;         /* RTX whose apt is payload_type; 0: plain, equal bytes */
    uint8_t extension_ids[XC_EXT_KNOWN]; /* as agreed, 0: not agreed */
    struct xc_span mid;                  /* copied; longer than XC_RTP_MID_MAX: not sent */
};

struct xc_rtp_sender_counters {
    /* Retransmissions included, by RTX too, as the W3C's packetsSent and bytesSent have it. */
    uint64_t packets_sent, bytes_sent /* payload */, header_bytes_sent;
    uint64_t retransmitted_packets, retransmitted_bytes /* payload, with RTX's OSN */;
    /* Of those, by RTX: a sender report of the media SSRC leaves them out. */
    uint64_t repair_packets, repair_bytes;
    uint32_t nacks_received;  /* packets asked for */
    uint32_t nacks_missed;    /* asked for and no longer kept, never sent, or over the cap */
    uint32_t packets_dropped; /* never sent: refused by add(), or waiting at drop_waiting() */
};

struct xc_rtp_packet_out { /* what a packet was, for traces and the pacer */
    uint32_t ssrc;
    uint16_t sequence; /* on the wire: of RTX's own numbers where `repair` */
    uint32_t timestamp;
    bool marker;
    bool retransmission;
    bool repair; /* a retransmission by RTX */
    bool has_transport_sequence;
    uint16_t transport_sequence;
    uint64_t frame; /* the tag given to add() */
    size_t size;
    size_t payload_size;
};

#include "proto/rtp_sender_state.h"

bool xc_rtp_sender_init(struct xc_rtp_sender *sender, struct xc_arena *arena,
                        const struct xc_rtp_sender_config *config);
void xc_rtp_sender_set_header(struct xc_rtp_sender *sender,
                              const struct xc_rtp_sender_header *header);
/* The header size of a packet with these values (NULL: none), and how much payload it can take, so
 * that a packetiser knows its room under XC_MTU. */
size_t xc_rtp_sender_header_size(const struct xc_rtp_sender *sender,
                                 const struct xc_rtp_values *values);
size_t xc_rtp_sender_room(const struct xc_rtp_sender *sender, const struct xc_rtp_values *values);
/* Queues one packet; timestamp is media time, the random offset is added inside. The payload is
 * given in two parts (descriptor, data). values: NULL for none; those without an agreed id are left
 * out. payload_type: 0 for the header's; another one has no RTX. The oldest kept packets give way; when only waiting ones
 * are left, or the payload is over xc_rtp_sender_room(), the packet is refused (false) and
 * counted, and the sequence numbers stay without a gap. frame: the caller's tag. */
bool xc_rtp_sender_add(struct xc_rtp_sender *sender, uint64_t now, uint32_t timestamp, bool marker,
                       uint64_t frame, struct xc_span head, struct xc_span data,
                       const struct xc_rtp_values *values, uint8_t payload_type);
/* Drops waiting packets (hold, a newer key frame). Sequence numbers already given out to dropped
 * packets must not leave a gap that the peer would NACK forever: they were never seen, so renumber
 * from next_unsent. */
void xc_rtp_sender_drop_waiting(struct xc_rtp_sender *sender);
/* Is there anything to send, retransmissions included, and how long is the first of it? */
bool xc_rtp_sender_waiting(const struct xc_rtp_sender *sender, size_t *next_size);
/* All bytes that wait, queued retransmissions included. */
uint32_t xc_rtp_sender_waiting_bytes(const struct xc_rtp_sender *sender);
/* Copies the next packet (retransmissions first) to out; false when none waits, or when it does not
 * fit (then it stays; XC_RTP_PACKET_MAX always does). *transport_sequence is the next number of the
 * whole transport, taken and moved on by a packet that carries one; NULL where no header has the
 * extension. */
bool xc_rtp_sender_next(struct xc_rtp_sender *sender, uint64_t now, uint16_t *transport_sequence,
                        uint8_t *out, size_t capacity, struct xc_rtp_packet_out *info);
/* A NACK for our ssrc: queues retransmissions of what is kept, each at most once a round trip (0 =
 * not measured yet), and no more bytes of them in any second than a share of what was sent (.c). */
void xc_rtp_sender_nack(struct xc_rtp_sender *sender, uint64_t now, uint64_t round_trip,
                        const struct xc_rtcp_nack *nacks, size_t count);
/* Sender report fields at `now`: extrapolates the RTP time from the last packet's capture time (on
 * the clock of `now`), or from the last add() where no capture time was ever given. */
void xc_rtp_sender_capture(struct xc_rtp_sender *sender, uint64_t capture, uint32_t timestamp);
uint32_t xc_rtp_sender_timestamp_at(const struct xc_rtp_sender *sender, uint64_t now);
const struct xc_rtp_sender_counters *xc_rtp_sender_counters(const struct xc_rtp_sender *sender);

#endif
