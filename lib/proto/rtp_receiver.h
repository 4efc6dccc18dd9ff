/* rtp_receiver.h - one incoming RTP stream (one SSRC): sequence tracking and loss (RFC 3550 A.1,
 * A.3), jitter (A.8), report blocks, the NTP <-> RTP mapping of sender reports, and which packets
 * to ask for again (generic NACK, nack_tracker.h). Owner: the session's thread. Fixed memory.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_RTP_RECEIVER_H
#define XC_PROTO_RTP_RECEIVER_H

#include "base/bytes.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"

#define XC_RTP_WINDOW 1024      /* packets behind the newest whose arrival is remembered */
#define XC_RTP_MAX_DROPOUT 3000 /* RFC 3550 A.1: a jump of this size starts anew */

enum {
    XC_RTP_NEW = 0,
    XC_RTP_DUPLICATE = 1,
    XC_RTP_OLD = 2,       /* behind the window: late or a duplicate, nobody can tell */
    XC_RTP_PROBATION = 3, /* first packet after a jump: the next one decides */
};

struct xc_rtp_receiver_config {
    uint32_t ssrc;
    uint32_t clock_rate;
    bool nack;                 /* track missing packets and ask for them; false: no deadline ever */
    uint64_t nack_delay;       /* ns to wait for reordering before the first request */
    uint64_t nack_give_up;     /* ns after which a missing packet is given up */
    uint32_t nack_retries_max; /* requests for one packet; 0: only learn what is given up */
};

struct xc_rtp_receiver_counters {
    uint64_t packets_received, bytes_received /* payload */, header_bytes_received;
    int64_t packets_lost; /* RFC 3550: expected - received, may be negative with duplicates */
    uint64_t packets_duplicated, packets_discarded_old, packets_reordered;
    uint64_t packets_repaired; /* filled a hole by RTX, or after a request of ours */
    /* By RTX, useful or not; within packets_received and bytes_received, but no part of loss: RFC
     * 4588 section 8 has it that the original stream's reports do not see them. */
    uint64_t retransmitted_packets, retransmitted_bytes /* payload, without the OSN */;
    uint32_t nacks_sent; /* sequences asked for, repeats included */
    uint32_t given_up;
    double jitter_s; /* RFC 3550 interarrival jitter */
    /* Of the newest sender report. */
    uint64_t sender_reports;
    uint32_t sender_packet_count, sender_octet_count;
};

#include "proto/rtp_receiver_state.h"

void xc_rtp_receiver_init(struct xc_rtp_receiver *receiver,
                          const struct xc_rtp_receiver_config *config);
/* Counts the packet; *extended is its sequence number with roll-overs counted (starts near 2^16 so
 * that reordering at the start never goes below zero; after a jump it goes on upwards). It is set
 * for each verdict but PROBATION. Verdict XC_RTP_*: only NEW goes on. The first packet is taken at
 * once (its SSRC was signalled); after a jump two in a row are needed. A packet out of RTX
 * (rtp->repair) never makes a jump: one that is far off is OLD. A packet of padding only is NEW
 * like any other, says nothing of jitter, and has an empty payload. */
int xc_rtp_receiver_input(struct xc_rtp_receiver *receiver, uint64_t now, const struct xc_rtp *rtp,
                          uint64_t *extended);
/* As above, of a packet that arrived at `arrived` already: jitter goes by that. */
int xc_rtp_receiver_input_from(struct xc_rtp_receiver *receiver, uint64_t now, uint64_t arrived,
                               const struct xc_rtp *rtp, uint64_t *extended);
/* From a sender report. */
void xc_rtp_receiver_sr(struct xc_rtp_receiver *receiver, uint64_t now, uint64_t ntp,
                        uint32_t rtp_timestamp, uint32_t packet_count, uint32_t octet_count);
/* The capture time of an RTP timestamp on the sender's wall clock, in ns since 1900; false before
 * the first sender report, or where it would lie before 1900. */
bool xc_rtp_receiver_capture_ntp(const struct xc_rtp_receiver *receiver, uint32_t rtp_timestamp,
                                 uint64_t *ntp_ns);
/* Fills a report block and starts the next interval (fraction lost). False before any packet. */
bool xc_rtp_receiver_report(struct xc_rtp_receiver *receiver, uint64_t now,
                            struct xc_rtcp_report *report);
/* Sequences due for a request now: ascending, at most `capacity`. Ask again until it answers 0.
 * round_trip 0: not measured yet. At the deadline this always moves on. */
size_t xc_rtp_receiver_nacks(struct xc_rtp_receiver *receiver, uint64_t now, uint64_t round_trip,
                             uint16_t *sequences, size_t capacity);
/* How long a missing packet is asked for, from now on: the owner knows the round trip. */
void xc_rtp_receiver_set_give_up(struct xc_rtp_receiver *receiver, uint64_t nack_give_up);
uint64_t xc_rtp_receiver_deadline(const struct xc_rtp_receiver *receiver);
/* True once after packets were given up that nobody settled since (for video: time for a PLI);
 * *extended, if not NULL, is the newest of them. Packets lost in a jump count too. */
bool xc_rtp_receiver_take_given_up(struct xc_rtp_receiver *receiver, uint64_t *extended);
/* Everything up to and including this extended sequence is of no more use (played, or a key frame
 * made it obsolete): stop asking. */
void xc_rtp_receiver_settled(struct xc_rtp_receiver *receiver, uint64_t extended);
const struct xc_rtp_receiver_counters *
xc_rtp_receiver_counters(const struct xc_rtp_receiver *receiver);

#endif
