/* key_budget.c - coalesces requests for key frames (RFC 4585 section 6.3.1, RFC 5104 section 4.3.1)
 * and holds forced ones to a share of the bytes. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "proto/key_budget.h"

void xc_key_budget_init(struct xc_key_budget *budget)
{
    struct xc_key_budget_counters counters = budget->counters;
    *budget = (struct xc_key_budget){.counters = counters};
}

static uint64_t gap(uint64_t round_trip)
{
    return XC_MAX(XC_KEY_GAP_MIN, 2 * round_trip);
}

/* Has the peer asked before it could see the key frame that is on its way? */
static bool on_its_way(const struct xc_key_budget *budget, uint64_t now, uint64_t round_trip)
{
    if (budget->awaited)
        return now <
               budget->forced_at + gap(round_trip); /* an encoder without pictures: not ever */
    return budget->key_sent && now < budget->key_sent_at + round_trip / 2;
}

void xc_key_budget_request(struct xc_key_budget *budget, uint64_t now, uint64_t round_trip)
{
    budget->counters.requests++;
    if (on_its_way(budget, now, round_trip))
        budget->counters.answered++;
    else
        budget->pending = true;
}

bool xc_key_budget_fir(struct xc_key_budget *budget, uint64_t now, uint64_t round_trip,
                       uint32_t sender_ssrc, uint8_t sequence)
{
    struct xc_key_fir *fir = NULL;
    for (uint32_t i = 0; i < budget->fir_count; i++)
        if (budget->firs[i].ssrc == sender_ssrc)
            fir = &budget->firs[i];
    if (fir && fir->sequence == sequence) {
        budget->counters.repeated++;
        return false;
    }
    if (!fir) {
        fir = &budget->firs[budget->fir_next];
        budget->fir_next = (budget->fir_next + 1) % XC_KEY_FIR_SENDERS;
        budget->fir_count = XC_MIN(budget->fir_count + 1, XC_KEY_FIR_SENDERS);
    }
    *fir = (struct xc_key_fir){.ssrc = sender_ssrc, .sequence = sequence};
    xc_key_budget_request(budget, now, round_trip);
    return true;
}

/* The second key frame on credit is as large as the first. */
static bool in_credit(const struct xc_key_budget *budget)
{
    return budget->credit + (int64_t)budget->key_size * XC_KEY_SHARE_DIVISOR >= 0;
}

uint64_t xc_key_budget_deadline(const struct xc_key_budget *budget, uint64_t round_trip)
{
    if (!budget->pending)
        return XC_NEVER;
    uint64_t at = budget->forced ? budget->forced_at + gap(round_trip) : 0;
    if (!in_credit(budget)) /* in debt, so a key frame was sent */
        at = XC_MAX(at, budget->key_sent_at + XC_KEY_WAIT_MAX);
    return at;
}

bool xc_key_budget_due(struct xc_key_budget *budget, uint64_t now, uint64_t round_trip)
{
    if (!budget->pending || now < xc_key_budget_deadline(budget, round_trip))
        return false;
    if (!in_credit(budget)) /* it waited long enough: the rest of the debt is forgiven */
        budget->credit = -(int64_t)budget->key_size * XC_KEY_SHARE_DIVISOR;
    budget->pending = false;
    budget->forced = budget->awaited = true;
    budget->forced_at = now;
    budget->counters.forced++;
    return true;
}

void xc_key_budget_sent(struct xc_key_budget *budget, uint64_t now, uint32_t bytes, bool key)
{
    budget->counters.bytes += bytes;
    budget->credit = XC_MIN(budget->credit + (int64_t)bytes, 0);
    if (!key)
        return;
    budget->counters.key_bytes += bytes;
    budget->credit -= (int64_t)bytes * XC_KEY_SHARE_DIVISOR;
    budget->key_size = bytes;
    budget->key_sent = true;
    budget->key_sent_at = now;
    budget->awaited = budget->pending = false;
}
