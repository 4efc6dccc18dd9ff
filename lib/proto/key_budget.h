/* key_budget.h - when a video sender answers requests for a key frame (PLI, RFC 4585 section 6.3.1;
 * FIR, RFC 5104 section 4.3.1), so that neither a storm of them nor an anxious peer costs the
 * picture its bits. Owner: the session's thread. Fixed size.
 *
 *   request -> at once, where the last forced one is max(300 ms, 2 round trips) ago and key frames
 *              are within their share of the bytes; else one for all of them as soon as both hold
 *   request while a forced key is on its way to the peer: that one is the answer
 *
 * The share: a fifth of all bytes sent, and two key frames on credit, so that the first loss of a
 * call is answered at once; but no request waits for longer than 5 s, since to a peer that cannot
 * decode nothing else is of use. SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_KEY_BUDGET_H
#define XC_PROTO_KEY_BUDGET_H

#include "base/base.h"

#define XC_KEY_GAP_MIN (300 * XC_NS_PER_MS)
#define XC_KEY_WAIT_MAX (5 * XC_NS_PER_S) /* from one forced key frame to the next, if asked for */
#define XC_KEY_SHARE_DIVISOR 5            /* of all bytes */
#define XC_KEY_FIR_SENDERS 4              /* whose last sequence number is known; the oldest goes */

struct xc_key_budget_counters {
    uint64_t requests; /* all */
    uint64_t answered; /* of those, by a key frame that was already on its way */
    uint64_t repeated; /* FIR of a number seen before */
    uint64_t forced;   /* key frames that due() asked for */
    uint64_t key_bytes, bytes;
};

struct xc_key_fir {
    uint32_t ssrc;
    uint8_t sequence;
};

struct xc_key_budget {
    struct xc_key_budget_counters counters;
    bool pending;
    bool forced, key_sent; /* the times below hold one */
    bool awaited;          /* the forced key frame was not packetised yet */
    uint64_t forced_at, key_sent_at;
    int64_t credit;    /* fifths of a byte that key frames may still take; at most 0 */
    uint32_t key_size; /* of the newest */
    struct xc_key_fir firs[XC_KEY_FIR_SENDERS];
    uint32_t fir_count, fir_next;
};

/* Also when sending starts anew: forgets debts and what was asked for. */
void xc_key_budget_init(struct xc_key_budget *budget);
/* A key frame is wanted: by a PLI, a new FIR, or the sender itself. */
void xc_key_budget_request(struct xc_key_budget *budget, uint64_t now, uint64_t round_trip);
/* A FIR entry for our SSRC; a repeated sequence number of the same sender is no new request (RFC
 * 5104 section 4.3.1.2). True when it was one, which then counts as xc_key_budget_request(). */
bool xc_key_budget_fir(struct xc_key_budget *budget, uint64_t now, uint64_t round_trip,
                       uint32_t sender_ssrc, uint8_t sequence);
/* True once when the encoder is to make a key frame now. round_trip 0: not measured yet. */
bool xc_key_budget_due(struct xc_key_budget *budget, uint64_t now, uint64_t round_trip);
/* When due() may answer true though nothing happens before; XC_NEVER where nothing is asked for. */
uint64_t xc_key_budget_deadline(const struct xc_key_budget *budget, uint64_t round_trip);
/* A frame was packetised; any key frame, forced or not, answers what was asked for before. */
void xc_key_budget_sent(struct xc_key_budget *budget, uint64_t now, uint32_t bytes, bool key);

#endif
