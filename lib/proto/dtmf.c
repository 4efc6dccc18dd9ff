/* dtmf.c - see dtmf.h. RFC 4733 sections 2.5.1.1 to 2.5.1.4: updates while a tone sounds, segments
 * of at most 0xffff units, the end three times.
 * SPDX-License-Identifier: MIT */
#include "proto/dtmf.h"

#define UNITS_PER_MS 48

bool xc_dtmf_queue(struct xc_dtmf *dtmf, const char *digits, size_t size, uint32_t duration_ms,
                   uint32_t gap_ms)
{
    if (size > (size_t)(XC_DTMF_DIGITS_MAX - dtmf->count) ||
        duration_ms < XC_DTMF_DURATION_MS_MIN || duration_ms > XC_DTMF_DURATION_MS_MAX ||
        gap_ms < XC_DTMF_GAP_MS_MIN || gap_ms > XC_DTMF_GAP_MS_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        if (digits[i] != ',' && xc_telephone_event_of(digits[i]) < 0)
            return false;
    for (size_t i = 0; i < size; i++) {
        uint32_t place = (uint32_t)(dtmf->first + dtmf->count++) % XC_DTMF_DIGITS_MAX;
        dtmf->digits[place] =
            (struct xc_dtmf_digit){digits[i], (uint16_t)duration_ms, (uint16_t)gap_ms};
    }
    return true;
}

void xc_dtmf_cancel(struct xc_dtmf *dtmf)
{
    dtmf->count = 0;
    if (dtmf->state == XC_DTMF_TONE)
        dtmf->cancelled = true;
    else if (dtmf->state == XC_DTMF_WAITING)
        dtmf->state = XC_DTMF_IDLE;
}

bool xc_dtmf_active(const struct xc_dtmf *dtmf)
{
    return dtmf->state != XC_DTMF_IDLE || dtmf->count != 0;
}

uint32_t xc_dtmf_waiting(const struct xc_dtmf *dtmf)
{
    return dtmf->count;
}

static void wait_for(struct xc_dtmf *dtmf, uint32_t since, uint32_t ms)
{
    dtmf->state = XC_DTMF_WAITING;
    dtmf->start = since;
    dtmf->total = ms * UNITS_PER_MS;
}

/* Takes the next of the queue; false when there is none, or when a wait is not over. */
static bool begin(struct xc_dtmf *dtmf, uint32_t timestamp)
{
    if (dtmf->state == XC_DTMF_WAITING) {
        if (xc_seq32_diff(timestamp, dtmf->start) < (int32_t)dtmf->total)
            return false;
        dtmf->state = XC_DTMF_IDLE;
    }
    if (dtmf->count == 0)
        return false;
    dtmf->now = dtmf->digits[dtmf->first];
    dtmf->first = (uint8_t)((dtmf->first + 1) % XC_DTMF_DIGITS_MAX);
    dtmf->count--;
    if (dtmf->now.digit == ',') {
        wait_for(dtmf, timestamp, XC_DTMF_PAUSE_MS);
        return false;
    }
    dtmf->state = XC_DTMF_TONE;
    dtmf->start = timestamp;
    dtmf->total = (uint32_t)dtmf->now.duration_ms * UNITS_PER_MS;
    dtmf->done = 0;
    dtmf->cancelled = false;
    return true;
}

static void put(const struct xc_dtmf *dtmf, uint32_t duration, bool end, struct xc_dtmf_packet *out)
{
    struct xc_telephone_event event = {.event = (uint8_t)xc_telephone_event_of(dtmf->now.digit),
                                       .end = end,
                                       .volume = XC_DTMF_VOLUME,
                                       .duration = (uint16_t)duration};
    xc_telephone_event_write(&event, out->payload);
    out->timestamp = dtmf->start + dtmf->done;
    out->end = end;
    out->digit = dtmf->now.digit;
}

static void sound(struct xc_dtmf *dtmf, uint32_t timestamp, uint32_t frame_duration,
                  struct xc_dtmf_packet *out)
{
    uint32_t elapsed = timestamp + frame_duration - dtmf->start;
    if (xc_seq32_diff(timestamp, dtmf->start) < 0 || elapsed > dtmf->total)
        elapsed = dtmf->total; /* the end; or the host's clock was set back: no reason to go on */
    if (dtmf->cancelled)
        dtmf->total = elapsed;
    uint32_t duration = elapsed - XC_MIN(elapsed, dtmf->done);
    if (duration > XC_TELEPHONE_EVENT_DURATION_MAX ||
        (duration == XC_TELEPHONE_EVENT_DURATION_MAX && elapsed < dtmf->total)) {
        put(dtmf, XC_TELEPHONE_EVENT_DURATION_MAX, false, out);
        dtmf->done += XC_TELEPHONE_EVENT_DURATION_MAX;
        return;
    }
    bool end = elapsed >= dtmf->total;
    put(dtmf, duration, end, out);
    if (end) {
        dtmf->state = XC_DTMF_ENDING;
        dtmf->ends_left = XC_DTMF_END_PACKETS;
    }
}

bool xc_dtmf_next(struct xc_dtmf *dtmf, uint32_t timestamp, uint32_t frame_duration,
                  struct xc_dtmf_packet *out)
{
    *out = (struct xc_dtmf_packet){0};
    if (dtmf->state == XC_DTMF_IDLE || dtmf->state == XC_DTMF_WAITING) {
        if (!begin(dtmf, timestamp))
            return false;
        out->marker = true;
    }
    if (dtmf->state == XC_DTMF_TONE)
        sound(dtmf, timestamp, frame_duration, out);
    else
        put(dtmf, dtmf->total - dtmf->done, true, out);
    if (dtmf->state == XC_DTMF_ENDING && --dtmf->ends_left == 0)
        wait_for(dtmf, dtmf->start + dtmf->total, dtmf->now.gap_ms);
    return true;
}
