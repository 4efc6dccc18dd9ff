/* rtp_sender_state.h - the private layout of struct xc_rtp_sender, for rtp_sender.c and for whoever
 * holds one by value. Sequence numbers and byte positions only grow here (64 bits); the slot of a
 * packet is its number modulo packets_max, its bytes stand at its position modulo bytes_max.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_RTP_SENDER_STATE_H
#define XC_PROTO_RTP_SENDER_STATE_H

#define XC_RTP_RETRANSMIT_QUEUE 256 /* power of two; as many as a peer of ours ever tracks */
#define XC_RTP_SENDER_BUCKETS 11    /* of 100 ms: a whole second is always inside */
#define XC_RTP_HEADER_MAX 128       /* all extensions in two-byte form, a MID of XC_RTP_MID_MAX */

struct xc_rtp_sender_packet {
    uint64_t at;     /* position of its first byte */
    uint64_t frame;  /* the caller's tag */
    uint64_t sent;   /* when it first went out */
    uint64_t resent; /* when it last went out again */
    uint16_t size;
    uint8_t header_size;
    bool repeated;                      /* resent holds a time */
    bool queued;                        /* in the retransmission queue */
    uint8_t repair_payload_type;        /* 0: plain */
    uint8_t transport_at, send_time_at; /* where in the header; 0: not there */
};

struct xc_rtp_sender {
    struct xc_rtp_sender_config config;
    struct xc_rtp_sender_counters counters;
    struct xc_rtp_sender_packet *packets; /* packets_max of them */
    uint8_t *bytes;                       /* bytes_max of them */
    uint64_t oldest, next_unsent, next_sequence;
    uint64_t bytes_head; /* position after the newest packet */

    uint64_t queue[XC_RTP_RETRANSMIT_QUEUE]; /* numbers below `oldest` are stale and skipped */
    uint32_t queue_first, queue_end;         /* only grow */
    uint32_t queued_bytes;                   /* of those that are not stale */

    uint64_t bucket_tick; /* which 100 ms the newest bucket is */
    uint32_t sent_bytes[XC_RTP_SENDER_BUCKETS];
    uint32_t resent_bytes[XC_RTP_SENDER_BUCKETS];

    struct xc_rtp_sender_header header; /* its mid is not used: */
    uint8_t mid[XC_RTP_MID_MAX];
    size_t mid_size;
    uint16_t repair_sequence; /* of the next RTX packet */

    bool captured; /* the reference is a capture time */
    uint64_t reference_time;
    uint32_t reference_timestamp; /* without the offset */
};

#endif
