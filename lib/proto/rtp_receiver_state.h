/* rtp_receiver_state.h - the private layout of struct xc_rtp_receiver, for rtp_receiver.c and for
 * whoever holds one by value.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_RTP_RECEIVER_STATE_H
#define XC_PROTO_RTP_RECEIVER_STATE_H

#include "proto/nack_tracker.h"

struct xc_rtp_receiver {
    struct xc_rtp_receiver_config config;
    struct xc_rtp_receiver_counters counters;
    struct xc_nack_tracker nack;

    bool started;
    uint64_t first, highest;  /* extended, of the present run (RFC 3550 A.1 base_seq, max_seq) */
    uint64_t expected_before; /* packets expected in the runs before a jump */
    uint32_t sequence_after_jump;      /* A.1 bad_seq; above 16 bits: none */
    uint64_t seen[XC_RTP_WINDOW / 64]; /* bit: extended number modulo the window */

    uint64_t expected_prior, received_prior; /* at the last report block (A.3) */

    bool has_transit;
    uint32_t transit;     /* RTP units */
    uint64_t jitter_16th; /* 1/16 RTP unit (A.8) */

    bool has_sr;
    uint64_t sr_ntp;
    uint64_t sr_arrived;
    uint32_t sr_rtp_timestamp;
};

#endif
