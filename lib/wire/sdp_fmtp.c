/* sdp_fmtp.c - looks up parameters in a fmtp line: "name=value" or a bare word, divided by ';'.
 * SPDX-License-Identifier: MIT */
#include "wire/sdp.h"

#include "wire/text.h"

bool xc_sdp_fmtp_get(const char *fmtp, const char *name, struct xc_span *value)
{
    struct xc_span rest = xc_span_make(fmtp, strlen(fmtp));
    while (rest.size) {
        struct xc_span parameter = xc_text_trim(xc_text_token(&rest, ';'));
        size_t equals = xc_text_find(parameter, '=');
        if (!xc_text_equal(xc_text_trim(xc_span_make(parameter.data, equals)), name))
            continue;
        size_t start = equals < parameter.size ? equals + 1 : equals;
        *value = xc_text_trim(xc_span_make(parameter.data + start, parameter.size - start));
        return true;
    }
    return false;
}

uint32_t xc_sdp_fmtp_number(const char *fmtp, const char *name, uint32_t otherwise)
{
    struct xc_span value;
    uint64_t number;
    if (!xc_sdp_fmtp_get(fmtp, name, &value) || !xc_text_number(value, UINT32_MAX, &number))
        return otherwise;
    return (uint32_t)number;
}
