/* rtcp_schedule.c - the RTCP interval of RFC 3550 sections 6.3.1 and A.7 for two members.
 * With two members, whoever of them sends, the member count in A.7 is 2 (senders are more than a
 * quarter of the members, or there are none). Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "proto/rtcp_schedule.h"

#define MEMBERS 2
#define BANDWIDTH_SHARE 0.05          /* RFC 3550 section 6.2 */
#define COMPENSATION 1.21828182845905 /* e - 3/2, section 6.3.1 step 5 */
#define SIZE_FIRST 128.0              /* a likely first compound: SR or RR, SDES */

/* A.7 draws again when a timer expires and waits on where the new draw is longer (timer
 * reconsideration). Membership being fixed, all those draws may be made at once: keep drawing while
 * the draw grows. The mean of that process is e - 3/2, which the compensation takes out again. */
static double reconsidered_factor(struct xc_rng *rng)
{
    double factor = xc_rng_unit(rng) + 0.5;
    for (;;) {
        double again = xc_rng_unit(rng) + 0.5;
        if (again <= factor)
            return factor / COMPENSATION;
        factor = again;
    }
}

static uint64_t interval(const struct xc_rtcp_schedule *schedule, struct xc_rng *rng,
                         uint64_t session_bps)
{
    double minimum = (double)schedule->minimum;
    if (schedule->initial)
        minimum /= 2;
    double bytes_per_s =
        (double)XC_MAX(session_bps, (uint64_t)XC_RTCP_SESSION_BPS_MIN) / 8 * BANDWIDTH_SHARE;
    double by_share = schedule->average_size * MEMBERS / bytes_per_s * (double)XC_NS_PER_S;
    return (uint64_t)(XC_MAX(minimum, by_share) * reconsidered_factor(rng));
}

void xc_rtcp_schedule_init(struct xc_rtcp_schedule *schedule, uint64_t now, struct xc_rng *rng,
                           uint64_t minimum)
{
    *schedule = (struct xc_rtcp_schedule){
        .minimum = minimum,
        .average_size = SIZE_FIRST,
        .initial = true,
    };
    /* The bandwidth is not known yet: an unlimited one leaves the minimum. */
    schedule->next = now + interval(schedule, rng, UINT64_MAX);
}

bool xc_rtcp_schedule_due(const struct xc_rtcp_schedule *schedule, uint64_t now)
{
    return now >= schedule->next;
}

void xc_rtcp_schedule_sent(struct xc_rtcp_schedule *schedule, uint64_t now, struct xc_rng *rng,
                           size_t size, uint64_t session_bps)
{
    xc_rtcp_schedule_size(schedule, size);
    schedule->initial = false;
    schedule->next = now + interval(schedule, rng, session_bps);
}

void xc_rtcp_schedule_size(struct xc_rtcp_schedule *schedule, size_t size)
{
    double counted = (double)(size + XC_RTCP_PACKET_OVERHEAD);
    schedule->average_size += (counted - schedule->average_size) / 16;
}

uint64_t xc_rtcp_schedule_deadline(const struct xc_rtcp_schedule *schedule)
{
    return schedule->next;
}
