/* fuzz_rtp.c - any datagram as an RTP packet; the header read is written and read again, extension
 * values are read by ids that follow from the packet, and it is unwrapped as if it were RTX.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/rtp_extension.h"

static void check_values(const struct xc_rtp *rtp)
{
    struct xc_rtp_values values;
    uint8_t ids[XC_EXT_KNOWN];
    for (uint8_t i = 0; i < XC_EXT_KNOWN; i++)
        ids[i] = i < rtp->extension_count ? rtp->extensions[i].id : i;
    xc_rtp_values_read(&values, rtp, ids);
    FUZZ_CHECK(values.rotation < 4 && values.audio_level < 128);
    FUZZ_CHECK(!values.has_playout_delay || values.playout_delay_min <= values.playout_delay_max);
    FUZZ_CHECK(values.send_time <= XC_SEND_TIME_MASK);
}

static void check_unwrap(struct xc_rtp rtp)
{
    struct xc_span before = rtp.payload;
    if (!xc_rtp_unwrap_rtx(&rtp, 1, 96)) {
        FUZZ_CHECK(before.size < XC_RTP_OSN_SIZE && !rtp.repair);
        return;
    }
    FUZZ_CHECK(rtp.repair && rtp.ssrc == 1 && rtp.payload_type == 96);
    FUZZ_CHECK(rtp.payload.data == before.data + 2 && rtp.payload.size == before.size - 2);
}

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
    check_values(&a);
    check_unwrap(a);
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
