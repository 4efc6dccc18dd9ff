/* sync.c - see sync.h. A step is a half of the smoothed offset, so that measuring noise does not
 * make the delays swing; first it takes back what the later stream is held back, and only then
 * holds back the earlier one.
 * SPDX-License-Identifier: MIT */
#include "media/sync.h"

#define SMOOTHING 4 /* one new offset weighs a quarter */
#define OFFSET_MAX (2 * XC_SYNC_DELAY_MAX)

void xc_sync_init(struct xc_sync *sync)
{
    memset(sync, 0, sizeof *sync);
}

/* Takes up to `step` out of *later, the rest goes into *earlier; the sum that moved. */
static uint64_t shift_delay(uint64_t *later, uint64_t *earlier, uint64_t step)
{
    uint64_t back = XC_MIN(step, *later);
    *later -= back;
    uint64_t more = step - back;
    if (*later == 0)
        more = XC_MIN(more, XC_SYNC_DELAY_MAX - *earlier);
    *earlier += more;
    return back + more;
}

/* Beyond repair: what is held back is given free, in steps. */
static void release(struct xc_sync *sync)
{
    sync->audio_delay -= XC_MIN(sync->audio_delay, XC_SYNC_STEP_MAX);
    sync->video_delay -= XC_MIN(sync->video_delay, XC_SYNC_STEP_MAX);
}

void xc_sync_update(struct xc_sync *sync, uint64_t now, uint64_t audio_capture, uint64_t audio_at,
                    uint64_t video_capture, uint64_t video_at)
{
    /* unsigned differences: clocks of two hosts, only the difference of differences means anything */
    int64_t offset = (int64_t)((video_at - video_capture) - (audio_at - audio_capture));
    int64_t bare = offset - (int64_t)sync->video_delay + (int64_t)sync->audio_delay;
    if (sync->valid && now < sync->last_step + XC_SYNC_STEP_INTERVAL)
        return; /* the last step may not have taken effect yet: this offset misleads */
    if (bare > (int64_t)OFFSET_MAX || bare < -(int64_t)OFFSET_MAX) {
        release(sync);
        sync->last_step = now;
        sync->offset_smoothed = 0;
        return;
    }
    if (!sync->valid) {
        sync->valid = true;
        sync->offset_smoothed = offset;
    } else {
        sync->offset_smoothed += (offset - sync->offset_smoothed) / SMOOTHING;
    }
    int64_t smoothed = sync->offset_smoothed;
    uint64_t size = (uint64_t)(smoothed < 0 ? -smoothed : smoothed);
    if (size < XC_SYNC_TOLERANCE)
        return;
    uint64_t step = XC_MIN(size / 2, XC_SYNC_STEP_MAX);
    uint64_t moved = smoothed > 0 ? shift_delay(&sync->video_delay, &sync->audio_delay, step)
                                  : shift_delay(&sync->audio_delay, &sync->video_delay, step);
    if (!moved)
        return;
    sync->last_step = now;
    /* what was just done is no longer part of the offset */
    sync->offset_smoothed += smoothed > 0 ? -(int64_t)moved : (int64_t)moved;
}
