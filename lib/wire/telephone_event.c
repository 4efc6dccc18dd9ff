/* telephone_event.c - see telephone_event.h (RFC 4733 sections 2.3 and 3.2).
 * SPDX-License-Identifier: MIT */
#include "wire/telephone_event.h"

#define END 0x80
#define VOLUME 0x3f

bool xc_telephone_event_parse(struct xc_telephone_event *event, struct xc_span payload)
{
    if (payload.size == 0 || payload.size % XC_TELEPHONE_EVENT_SIZE)
        return false;
    *event = (struct xc_telephone_event){.event = payload.data[0],
                                         .end = (payload.data[1] & END) != 0,
                                         .volume = payload.data[1] & VOLUME,
                                         .duration = xc_load16(payload.data + 2)};
    return true;
}

void xc_telephone_event_write(const struct xc_telephone_event *event,
                              uint8_t out[XC_TELEPHONE_EVENT_SIZE])
{
    out[0] = event->event;
    out[1] = (uint8_t)((event->end ? END : 0) | (event->volume & VOLUME));
    xc_store16(out + 2, event->duration);
}

int xc_telephone_event_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit == '*')
        return 10;
    if (digit == '#')
        return 11;
    if (digit >= 'A' && digit <= 'D')
        return 12 + digit - 'A';
    if (digit >= 'a' && digit <= 'd')
        return 12 + digit - 'a';
    return -1;
}
