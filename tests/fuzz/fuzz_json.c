/* fuzz_json.c - any text as a JSON object; a string that is found is written and found again.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"type", "sdp", "candidate", "sdpMid", "a", ""};
    static char value[4096], again[4096];
    static uint8_t out[8 * sizeof value];
    struct xc_span text = xc_span_make(data, size);
    for (size_t i = 0; i < XC_ARRAY_LEN(names); i++) {
        size_t length = 0, same = 0;
        int kind = xc_json_member(text, names[i], value, sizeof value, &length);
        FUZZ_CHECK(kind >= -2 && kind <= XC_JSON_OTHER);
        FUZZ_CHECK(kind > 0 || length == 0);
        if (kind <= 0)
            continue;
        FUZZ_CHECK(length < sizeof value && value[length] == '\0');
        FUZZ_CHECK(xc_utf8_valid(xc_span_make(value, length)));
        if (kind != XC_JSON_STRING)
            continue;
        struct xc_writer w = xc_writer_make(out, sizeof out);
        xc_json_write_text(&w, "{\"x\":");
        xc_json_write_string(&w, xc_span_make(value, length));
        xc_json_write_text(&w, "}");
        FUZZ_CHECK(!w.failed);
        kind = xc_json_member(xc_span_make(out, w.size), "x", again, sizeof again, &same);
        FUZZ_CHECK(kind == XC_JSON_STRING && same == length && memcmp(value, again, same) == 0);
    }
    return 0;
}
