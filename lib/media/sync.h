/* sync.h - lip sync: how much one of two streams must be held back so that sound and picture of the
 * same capture time meet. Pure state machine on the shard; inputs come from sender reports and from
 * the playout cells. Only the earlier stream is ever delayed, in steps, and never beyond a bound.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_SYNC_H
#define XC_MEDIA_SYNC_H

#include "base/base.h"

#define XC_SYNC_DELAY_MAX (500 * XC_NS_PER_MS) /* more than this is no sync problem any more */
#define XC_SYNC_STEP_MAX (80 * XC_NS_PER_MS)   /* of one change of a delay */
#define XC_SYNC_STEP_INTERVAL XC_NS_PER_S      /* a jitter buffer needs that to follow a step */
#define XC_SYNC_TOLERANCE (30 * XC_NS_PER_MS)  /* nobody sees less (ITU-R BT.1359: 45 ms) */

struct xc_sync {
    uint64_t audio_delay, video_delay; /* extra, ns; one of them is always 0 */
    uint64_t last_step;
    int64_t offset_smoothed; /* ns, video later than audio is positive */
    bool valid;
};

void xc_sync_init(struct xc_sync *sync);
/* capture_*: wall time at the sender (ns since 1900, from its sender reports) of what was played
 * (audio) or would be shown (video) at local time at_*, both ns. Both local times already hold the
 * extra delays that are in force. Call at most every 100 ms.
 * An offset so large that no delay within XC_SYNC_DELAY_MAX could come near to mending it (twice
 * that: wrong reports, another device's clock) takes the extra delays back. */
void xc_sync_update(struct xc_sync *sync, uint64_t now, uint64_t audio_capture, uint64_t audio_at,
                    uint64_t video_capture, uint64_t video_at);

#endif
