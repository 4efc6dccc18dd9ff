/* delay_target.h - how late packets come, and how much delay is worth having because of it.
 *
 * The one measure is "lateness": how far playout had counted (RTP units, on the clock of the host's
 * reads) when a packet was first seen, less the packet's media time. Playout that runs `delay`
 * behind media time has each packet with lateness <= delay in time. Lateness counts reads, not
 * arrivals: a packet that comes just before the read that takes it costs nothing, one that comes
 * just after it costs a whole block, and the clock drift of both ends is in it.
 *
 * The target is the delay with the least cost over the last seconds, where a packet that is too
 * late costs as much as XC_DELAY_LOSS_COST_MS of delay for all. So a rare late packet is let go,
 * a frequent one waited for, and a near miss covered to the sample. Pure arithmetic, no owner.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_DELAY_TARGET_H
#define XC_MEDIA_DELAY_TARGET_H

#include "base/base.h"

#define XC_DELAY_WINDOW 400        /* packets: 5 s of 20 ms and more, 4 s of 10 ms */
#define XC_DELAY_WINDOW_MIN 40     /* packets that are kept however old they are */
#define XC_DELAY_HISTORY 200       /* packets: a shorter history is taken for as long */
#define XC_DELAY_WINDOW_MS 5000    /* older ones are forgotten */
#define XC_DELAY_RECENT_MS 400     /* what came this late just now holds the delay up */
#define XC_DELAY_LOSS_COST_MS 1500 /* 1 % too late weighs as much as 15 ms */
#define XC_DELAY_UNITS_PER_MS 48   /* of RTP time */

struct xc_delay_entry {
    int32_t lateness; /* against origin */
    uint32_t at;      /* units of playout when it was seen, low bits */
};

struct xc_delay_target {
    int64_t origin; /* lateness of the first packet */
    int64_t target; /* result, against origin */
    uint32_t first, count;
    int32_t sorted[XC_DELAY_WINDOW];                /* lateness, ascending */
    struct xc_delay_entry entries[XC_DELAY_WINDOW]; /* oldest at first */
};

void xc_delay_target_reset(struct xc_delay_target *target);
/* One more packet, seen at `at` (units of playout, only grows) with this lateness. */
void xc_delay_target_add(struct xc_delay_target *target, int64_t at, int64_t lateness);
/* What was seen at `since` or later turns out to have been this much later than it looked. */
void xc_delay_target_shift(struct xc_delay_target *target, int64_t since, int64_t shift);
/* The cheapest delay; 0 before the first packet. All in units, on the scale of lateness. */
int64_t xc_delay_target_get(const struct xc_delay_target *target);
/* The earliest and the median of the window. */
int64_t xc_delay_target_least(const struct xc_delay_target *target);
int64_t xc_delay_target_median(const struct xc_delay_target *target);
/* The latest within XC_DELAY_RECENT_MS. */
int64_t xc_delay_target_recent(const struct xc_delay_target *target, int64_t at);
/* How many of the window came later than this. */
uint32_t xc_delay_target_count_above(const struct xc_delay_target *target, int64_t lateness);

#endif
