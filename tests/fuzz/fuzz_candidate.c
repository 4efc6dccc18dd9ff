/* fuzz_candidate.c - any text as a candidate and as an address; a usable one is written to a text
 * that reads the same.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/candidate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[XC_CANDIDATE_TEXT_MAX], again[XC_CANDIDATE_TEXT_MAX];
    struct xc_candidate a, b;
    struct xc_addr addr;
    if (xc_addr_parse(&addr, xc_span_make(data, size), 1)) {
        struct xc_addr same;
        size_t written = xc_addr_format(&addr, text, sizeof text);
        FUZZ_CHECK(written > 0 && xc_addr_parse(&same, xc_span_make(text, written), 1));
        FUZZ_CHECK(xc_addr_equal(&addr, &same));
    }
    if (xc_candidate_parse(&a, xc_span_make(data, size)) != XC_CANDIDATE_OK)
        return 0;
    size_t written = xc_candidate_format(&a, text, sizeof text);
    FUZZ_CHECK(written > 0 && text[written] == '\0');
    FUZZ_CHECK(xc_candidate_parse(&b, xc_span_make(text, written)) == XC_CANDIDATE_OK);
    FUZZ_CHECK(a.priority == b.priority && a.type == b.type && xc_addr_equal(&a.addr, &b.addr));
    FUZZ_CHECK(xc_addr_equal(&a.related, &b.related));
    FUZZ_CHECK(xc_candidate_format(&b, again, sizeof again) == written);
    FUZZ_CHECK(memcmp(text, again, written) == 0);
    return 0;
}
