/* transport_feedback.h - when each packet of the other side's transport-wide numbering arrived, and
 * the reports of it (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1) that a peer
 * needs to estimate its bandwidth. Owner: the session's thread. Fixed memory.
 *
 * Call it for every packet that carries the extension, before its SSRC is looked up: repairs,
 * padding and unknown sources count, or the peer takes them for lost.
 *
 * Interval: 50 ms, stretched towards 100 ms while reports would be more than 1/20 of what is
 * received (RFC 3550 section 6.2's share). 100 ms is the most even for a stream so slow that it is
 * over the share, about 70 kb/s: a sender that probes needs an answer. Nothing arrived: no report.
 *
 *   | reported | next ... waiting ... | end     numbers that fell behind `next` get their own report
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_TRANSPORT_FEEDBACK_H
#define XC_PROTO_TRANSPORT_FEEDBACK_H

#include "base/bytes.h"

#define XC_FEEDBACK_LOG 512     /* arrivals that wait; power of two */
#define XC_FEEDBACK_SEEN 2048   /* numbers behind the newest whose arrival is remembered */
#define XC_FEEDBACK_ROOM_MIN 40 /* holds one arrival behind the longest gap */
#define XC_FEEDBACK_INTERVAL_MIN (50 * XC_NS_PER_MS)
#define XC_FEEDBACK_INTERVAL_MAX (100 * XC_NS_PER_MS)

struct xc_transport_feedback_counters {
    uint64_t reported; /* arrivals, each once */
    uint64_t packets_written, bytes_written;
    uint64_t duplicates;
    uint64_t dropped; /* never reported: the log was full, or too far behind */
};

struct xc_transport_arrival {
    uint32_t sequence; /* extended, on a circle of 32 bits */
    uint32_t tick;     /* 250 us, likewise */
};

struct xc_transport_feedback {
    struct xc_transport_feedback_counters counters;
    struct xc_transport_arrival log[XC_FEEDBACK_LOG]; /* ascending by sequence */
    uint32_t count;
    uint64_t seen[XC_FEEDBACK_SEEN / 64];
    bool started;
    uint32_t next, end;           /* extended: first that no report covered; after the newest */
    uint32_t sequence_after_jump; /* above 16 bits: none */
    uint8_t feedback_count;
    uint64_t deadline;
    uint64_t interval, last_report;
    uint64_t bytes_received, report_bytes; /* since the last report; of the one being written */
};

void xc_transport_feedback_init(struct xc_transport_feedback *f);
/* A packet of `size` bytes came with this number; only its first arrival counts. Where the log is
 * full (it never is when deadlines are kept) the packet is not reported and counted. */
void xc_transport_feedback_arrived(struct xc_transport_feedback *f, uint64_t now, uint16_t sequence,
                                   size_t size);
uint64_t xc_transport_feedback_deadline(const struct xc_transport_feedback *f);
/* Appends one RTPFB packet when one is due; false when none is, or when w has no room for even one
 * arrival (XC_FEEDBACK_ROOM_MIN is always enough). Call it (with a fresh datagram each time) until it answers false. */
bool xc_transport_feedback_write(struct xc_transport_feedback *f, uint64_t now, struct xc_writer *w,
                                 uint32_t sender_ssrc, uint32_t media_ssrc);

#endif
