/* fuzz_dcep.c - any message as DCEP; an OPEN that parses is written again, to the same bytes but for
 * the parameter of a reliable channel.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/dcep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[XC_DCEP_OPEN_MAX];
    struct xc_span message = xc_span_make(data, size);
    struct xc_dcep_open open, back;
    int type = xc_dcep_type(message);
    FUZZ_CHECK(type == 0 || (size > 0 && type == data[0]));
    if (!xc_dcep_parse_open(&open, message))
        return 0;
    FUZZ_CHECK(type == XC_DCEP_OPEN && open.reliability <= XC_RELIABLE_LIFE_TIME);
    FUZZ_CHECK(XC_DCEP_OPEN_HEADER + open.label.size + open.protocol.size == size);
    struct xc_writer w = xc_writer_make(out, sizeof out);
    xc_dcep_write_open(&w, &open);
    FUZZ_CHECK(!w.failed && w.size == size);
    FUZZ_CHECK(xc_dcep_parse_open(&back, xc_span_make(out, w.size)));
    FUZZ_CHECK(back.parameter == open.parameter && back.unordered == open.unordered);
    FUZZ_CHECK(xc_span_equal(back.label, open.label));
    FUZZ_CHECK(xc_span_equal(back.protocol, open.protocol));
    return 0;
}
