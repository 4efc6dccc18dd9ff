/* fuzz_telephone_event.c - any payload as a telephone event, written again.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/telephone_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xc_telephone_event a, b;
    uint8_t out[XC_TELEPHONE_EVENT_SIZE];
    if (!xc_telephone_event_parse(&a, xc_span_make(data, size)))
        return 0;
    FUZZ_CHECK(size >= 4 && size % 4 == 0 && a.volume < 64);
    xc_telephone_event_write(&a, out);
    FUZZ_CHECK(xc_telephone_event_parse(&b, xc_span_make(out, sizeof out)));
    FUZZ_CHECK(a.event == b.event && a.end == b.end && a.volume == b.volume);
    FUZZ_CHECK(a.duration == b.duration);
    return 0;
}
