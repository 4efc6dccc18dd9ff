/* fuzz_rtp.c - any datagram as an RTP packet; the header read is written and read again.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[XC_RTP_HEADER_SIZE + 4 + XC_RTP_EXTENSIONS_MAX * 260];
    struct xc_rtp a, b;
    struct xc_span packet = xc_span_make(data, size);
    xc_datagram_kind(packet);
    if (!xc_rtp_parse(&a, packet))
        return 0;
    FUZZ_CHECK(a.header_size + a.payload.size + a.padding == size);
    FUZZ_CHECK(a.payload.data == data + a.header_size);
    FUZZ_CHECK(a.extension_count <= XC_RTP_EXTENSIONS_MAX);
    for (uint8_t i = 0; i < a.extension_count; i++) {
        struct xc_span value = a.extensions[i].value;
        FUZZ_CHECK(value.data >= data && value.data + value.size <= a.payload.data);
        FUZZ_CHECK(xc_rtp_extension_find(&a, a.extensions[i].id).data != NULL);
    }
    a.padding = 0;
    size_t written = xc_rtp_write_header(&a, out, sizeof out);
    FUZZ_CHECK(written > 0);
    FUZZ_CHECK(xc_rtp_parse(&b, xc_span_make(out, written)));
    FUZZ_CHECK(b.header_size == written && a.marker == b.marker && a.ssrc == b.ssrc);
    FUZZ_CHECK(a.payload_type == b.payload_type && a.sequence == b.sequence);
    FUZZ_CHECK(a.timestamp == b.timestamp && a.extension_count == b.extension_count);
    for (uint8_t i = 0; i < a.extension_count; i++) {
        FUZZ_CHECK(a.extensions[i].id == b.extensions[i].id);
        FUZZ_CHECK(xc_span_equal(a.extensions[i].value, b.extensions[i].value));
    }
    return 0;
}
