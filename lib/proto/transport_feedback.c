/* transport_feedback.c - the log of arrivals by transport-wide number and its reports
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01). Each arrival is reported once; a hole is
 * reported as not received, and once more as received where the packet comes after all.
 * Owner: the session's thread. SPDX-License-Identifier: MIT */
#include "proto/transport_feedback.h"

#include "wire/transport_cc.h"

#define NO_SEQUENCE UINT32_C(0x10000)
#define GAP_MAX 0x8000 /* numbers between two arrivals: half the circle */
#define SHARE_DIVISOR 20
#define REPORT_OVERHEAD 14 /* SRTCP's index and tag */
#define LOG_HIGH (XC_FEEDBACK_LOG * 3 / 4)

void xc_transport_feedback_init(struct xc_transport_feedback *f)
{
    memset(f, 0, sizeof *f);
    f->sequence_after_jump = NO_SEQUENCE;
    f->deadline = XC_NEVER;
    f->interval = XC_FEEDBACK_INTERVAL_MIN;
}

static bool was_seen(const struct xc_transport_feedback *f, uint32_t sequence)
{
    return f->seen[sequence % XC_FEEDBACK_SEEN / 64] >> (sequence % 64) & 1;
}

/* Moves the end to after `sequence`, of which nothing is known yet. */
static void advance(struct xc_transport_feedback *f, uint32_t sequence)
{
    uint32_t fresh = sequence + 1 - f->end;
    if (fresh >= XC_FEEDBACK_SEEN)
        memset(f->seen, 0, sizeof f->seen);
    else
        for (uint32_t n = f->end; n != sequence + 1; n++)
            f->seen[n % XC_FEEDBACK_SEEN / 64] &= ~(UINT64_C(1) << (n % 64));
    f->end = sequence + 1;
    f->sequence_after_jump = NO_SEQUENCE;
}

/* The numbering starts, or starts anew, with this number. */
static uint32_t start(struct xc_transport_feedback *f, uint16_t sequence)
{
    uint32_t first = f->started ? f->end + (uint16_t)(sequence - f->end) : sequence;
    f->counters.dropped += f->count;
    f->count = 0;
    memset(f->seen, 0, sizeof f->seen);
    f->started = true;
    f->next = first;
    f->end = first + 1;
    f->sequence_after_jump = NO_SEQUENCE;
    return first;
}

/* The number on the extended circle; false for one that is not to be reported. */
static bool extend(struct xc_transport_feedback *f, uint16_t sequence, uint32_t *extended)
{
    if (!f->started) {
        *extended = start(f, sequence);
        return true;
    }
    int32_t ahead = xc_seq16_diff(sequence, (uint16_t)(f->end - 1));
    *extended = f->end - 1 + (uint32_t)ahead;
    if (ahead > 0) {
        advance(f, *extended);
        return true;
    }
    if (-ahead < XC_FEEDBACK_SEEN) {
        f->counters.duplicates += was_seen(f, *extended);
        return !was_seen(f, *extended);
    }
    /* Far behind: two in a row are a sender that started anew (as RFC 3550 A.1 has it). */
    if (sequence == f->sequence_after_jump) {
        *extended = start(f, sequence);
        return true;
    }
    f->sequence_after_jump = (uint16_t)(sequence + 1);
    f->counters.dropped++;
    return false;
}

static void insert(struct xc_transport_feedback *f, uint32_t sequence, uint32_t tick)
{
    uint32_t at = f->count;
    while (at && xc_seq32_diff(f->log[at - 1].sequence, sequence) > 0)
        at--;
    memmove(&f->log[at + 1], &f->log[at], (f->count - at) * sizeof f->log[0]);
    f->log[at] = (struct xc_transport_arrival){.sequence = sequence, .tick = tick};
    f->count++;
    f->seen[sequence % XC_FEEDBACK_SEEN / 64] |= UINT64_C(1) << (sequence % 64);
}

void xc_transport_feedback_arrived(struct xc_transport_feedback *f, uint64_t now, uint16_t sequence,
                                   size_t size)
{
    uint32_t extended;
    f->bytes_received += size;
    if (!extend(f, sequence, &extended))
        return;
    if (f->count == XC_FEEDBACK_LOG) {
        f->counters.dropped++;
        return;
    }
    insert(f, extended, (uint32_t)(now / XC_TRANSPORT_CC_TICK_NS));
    if (f->deadline == XC_NEVER) {
        uint64_t due = f->last_report + f->interval;
        f->deadline = due > now ? due : now + XC_FEEDBACK_INTERVAL_MIN;
    }
    if (f->count >= LOG_HIGH)
        f->deadline = XC_MIN(f->deadline, now);
}

uint64_t xc_transport_feedback_deadline(const struct xc_transport_feedback *f)
{
    return f->deadline;
}

/* Is there a number from..to-1 that an earlier report said was received? */
static bool reported_between(const struct xc_transport_feedback *f, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n != to; n++)
        if (was_seen(f, n))
            return true;
    return false;
}

/* Fills a packet with the first arrivals of the log; how many, and the number after the last. */
static uint32_t fill(const struct xc_transport_feedback *f, struct xc_transport_cc_writer *t,
                     size_t capacity, bool late, uint32_t *after)
{
    uint32_t at = late ? f->log[0].sequence : f->next, n = 0;
    if (f->log[0].sequence - at >= GAP_MAX) /* arrivals were dropped: do not fill such a hole */
        at = f->log[0].sequence;
    xc_transport_cc_begin(t, (uint16_t)at, capacity);
    for (; n < f->count; n++) {
        const struct xc_transport_arrival *arrival = &f->log[n];
        if (late && (xc_seq32_diff(arrival->sequence, f->next) >= 0 ||
                     reported_between(f, at, arrival->sequence)))
            break;
        if (!xc_transport_cc_add(t, arrival->sequence - at, arrival->tick))
            break;
        at = arrival->sequence + 1;
    }
    *after = at;
    return n;
}

/* All that waited is reported: when is the next one due at the earliest? */
static void follow_share(struct xc_transport_feedback *f, uint64_t now)
{
    uint64_t elapsed = XC_MIN(now - f->last_report, XC_NS_PER_S);
    uint64_t bytes = XC_MAX(f->bytes_received, UINT64_C(1));
    uint64_t interval = f->report_bytes * SHARE_DIVISOR * elapsed / bytes;
    f->interval = XC_CLAMP(interval, XC_FEEDBACK_INTERVAL_MIN, XC_FEEDBACK_INTERVAL_MAX);
    f->last_report = now;
    f->bytes_received = 0;
    f->report_bytes = 0;
    f->deadline = XC_NEVER;
}

bool xc_transport_feedback_write(struct xc_transport_feedback *f, uint64_t now, struct xc_writer *w,
                                 uint32_t sender_ssrc, uint32_t media_ssrc)
{
    struct xc_transport_cc_writer t;
    uint32_t after;
    if (!f->count || now < f->deadline || w->failed)
        return false;
    size_t before = w->size;
    bool late = xc_seq32_diff(f->log[0].sequence, f->next) < 0;
    uint32_t n = fill(f, &t, w->capacity - w->size, late, &after);
    if (!n)
        return false;
    xc_transport_cc_finish(&t, w, sender_ssrc, media_ssrc, f->feedback_count++);
    if (!late)
        f->next = after;
    f->count -= n;
    memmove(f->log, f->log + n, f->count * sizeof f->log[0]);
    f->counters.reported += n;
    f->counters.packets_written++;
    f->counters.bytes_written += w->size - before;
    f->report_bytes += w->size - before + REPORT_OVERHEAD;
    if (!f->count)
        follow_share(f, now);
    return true;
}
