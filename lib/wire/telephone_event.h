/* telephone_event.h - the payload of a telephone event (RFC 4733 section 2.3).
 *
 *   | event (8) |E|R| volume (6) | duration (16) |
 *
 * Pure functions, no owner.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_TELEPHONE_EVENT_H
#define XC_WIRE_TELEPHONE_EVENT_H

#include "base/bytes.h"

#define XC_TELEPHONE_EVENT_SIZE 4
#define XC_TELEPHONE_EVENT_DURATION_MAX 0xffff
#define XC_TELEPHONE_EVENT_DTMF_MAX 15 /* 0-9, *, #, A-D: RFC 4733 section 3.2 */

struct xc_telephone_event {
    uint8_t event;
    bool end;          /* E */
    uint8_t volume;    /* 0..63: -dBm0 */
    uint16_t duration; /* so far, units of the RTP clock, from the packet's time stamp */
};

/* The first event of a payload (several may follow each other, section 2.5.1.5). False when the
 * payload is no whole number of events. */
bool xc_telephone_event_parse(struct xc_telephone_event *event, struct xc_span payload);
void xc_telephone_event_write(const struct xc_telephone_event *event,
                              uint8_t out[XC_TELEPHONE_EVENT_SIZE]);
/* The event of a digit (0-9 A-D a-d * #), negative where there is none. */
int xc_telephone_event_of(char digit);

#endif
