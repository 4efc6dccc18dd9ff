/* transport_cc.h - transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01
 * section 3.1): the RTPFB packet of format 15 that tells a sender when each of its packets arrived.
 *
 *   base sequence, status count, reference time (64 ms), feedback count,
 *   status chunks (run of 13 bits | 14 of one bit | 7 of two bits), one delta (250 us) a packet
 *
 * Times are ticks of 250 us on 32 bits, whose upper 24 are the reference time.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_TRANSPORT_CC_H
#define XC_WIRE_TRANSPORT_CC_H

#include "wire/rtcp.h"

#define XC_TRANSPORT_CC_TICK_NS UINT64_C(250000)
#define XC_TRANSPORT_CC_HEAD 20 /* bytes before the chunks, RTCP header included */

/* --- out: one packet, arrivals in order of their numbers --- */

struct xc_transport_cc_state { /* small, so that an attempt can be taken back */
    size_t chunk_size, delta_size;
    uint32_t statuses;
    uint32_t last; /* tick of the newest arrival */
    bool any;
    /* the chunk that is being filled */
    uint8_t symbols[14];
    uint32_t count; /* a run may be longer than the array: then all are alike */
    bool alike, large;
};

struct xc_transport_cc_writer {
    struct xc_transport_cc_state state;
    size_t capacity; /* of the whole packet */
    uint16_t base;
    uint32_t reference; /* of 64 ms */
    uint8_t chunks[XC_MTU], deltas[XC_MTU];
};

/* base: the first number reported; the packet will have at most `capacity` bytes. */
void xc_transport_cc_begin(struct xc_transport_cc_writer *t, uint16_t base, size_t capacity);
/* `missing` numbers that did not arrive, then one that did at `tick`. False, and no change, where
 * the packet cannot take it: full, or too far in time from the one before. */
bool xc_transport_cc_add(struct xc_transport_cc_writer *t, uint32_t missing, uint32_t tick);
void xc_transport_cc_finish(struct xc_transport_cc_writer *t, struct xc_writer *w,
                            uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t feedback_count);

/* --- in --- */

struct xc_transport_cc {
    uint16_t base, status_count;
    uint32_t reference; /* of 64 ms, 24 bits */
    uint8_t feedback_count;
    uint32_t received; /* arrivals that the chunks tell of */
    /* private: where the walk stands */
    struct xc_reader chunks, deltas;
    uint32_t at, chunk_left, chunk_at;
    uint16_t chunk;
    int64_t tick;
};

struct xc_transport_cc_arrival {
    uint16_t sequence; /* those between that are left out did not arrive */
    uint32_t offset;   /* sequence less base, for those who count on */
    int64_t tick;      /* 250 us; reference time times 256 plus the deltas */
};

/* Checks a whole block of type RTPFB and format 15, chunks and deltas. False for anything that does
 * not add up: more statuses than chunks, more arrivals than deltas, a reserved status. */
bool xc_transport_cc_parse(struct xc_transport_cc *t, const struct xc_rtcp_block *block);
/* The arrivals, in order of their numbers; false at the end. Runs of missing packets cost nothing. */
bool xc_transport_cc_next(struct xc_transport_cc *t, struct xc_transport_cc_arrival *arrival);

#endif
