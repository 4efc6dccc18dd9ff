/* fuzz_rtcp.c - any datagram as an RTCP compound, checked and unchecked; reports that are read are
 * written and read again, and so are REMB and what transport feedback says.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/rtcp.h"
#include "wire/transport_cc.h"

static void check_spans(const struct xc_rtcp_block *block, const uint8_t *data, size_t size)
{
    FUZZ_CHECK(block->body.data >= data && block->body.data + block->body.size <= data + size);
    if (block->cname.data) {
        FUZZ_CHECK(block->cname.data >= block->body.data);
        FUZZ_CHECK(block->cname.data + block->cname.size <= block->body.data + block->body.size);
    }
    FUZZ_CHECK(block->report_count <= XC_RTCP_REPORTS_MAX && block->bye_count <= XC_RTCP_BYES_MAX);
    FUZZ_CHECK(block->nack_count <= XC_RTCP_NACKS_MAX && block->fir_count <= XC_RTCP_FIRS_MAX);
    FUZZ_CHECK(block->remb_ssrc_count <= XC_RTCP_REMB_SSRCS_MAX);
}

static void check_remb(const struct xc_rtcp_block *block)
{
    static uint8_t out[256];
    static struct xc_rtcp_block again;
    struct xc_writer w = xc_writer_make(out, sizeof out);
    size_t at = 0;
    if (!block->remb)
        return;
    xc_rtcp_write_remb(&w, block->sender_ssrc, block->remb_bps, block->remb_ssrcs,
                       block->remb_ssrc_count);
    FUZZ_CHECK(!w.failed && xc_rtcp_next(xc_span_make(out, w.size), &at, &again));
    FUZZ_CHECK(again.remb && again.remb_ssrc_count == block->remb_ssrc_count);
    FUZZ_CHECK(again.remb_bps == block->remb_bps || block->remb_bps == UINT64_MAX);
}

/* What is read is written: the same arrivals, as far as one packet of ours holds them. */
static void check_transport_feedback(const struct xc_rtcp_block *block)
{
    static struct xc_transport_cc_writer writer;
    static struct xc_rtcp_block again;
    static uint8_t out[XC_MTU];
    struct xc_transport_cc t, u, walk;
    struct xc_transport_cc_arrival a, b;
    uint32_t next = 0, written = 0;
    size_t at = 0;
    if (block->type != XC_RTCP_RTPFB || block->format != XC_RTPFB_TRANSPORT_CC ||
        !xc_transport_cc_parse(&t, block))
        return;
    walk = t;
    xc_transport_cc_begin(&writer, t.base, sizeof out);
    for (uint32_t n = 0; n < t.received; n++) {
        FUZZ_CHECK(xc_transport_cc_next(&walk, &a));
        FUZZ_CHECK(a.offset >= next && a.offset < t.status_count);
        FUZZ_CHECK(!walk.deltas.failed && !walk.chunks.failed);
        if (written == n && xc_transport_cc_add(&writer, a.offset - next, (uint32_t)a.tick))
            written++;
        next = a.offset + 1;
    }
    FUZZ_CHECK(!xc_transport_cc_next(&walk, &a));
    if (!written)
        return;
    struct xc_writer w = xc_writer_make(out, sizeof out);
    xc_transport_cc_finish(&writer, &w, block->sender_ssrc, block->media_ssrc, 0);
    FUZZ_CHECK(!w.failed && xc_rtcp_next(xc_span_make(out, w.size), &at, &again));
    FUZZ_CHECK(xc_transport_cc_parse(&u, &again) && u.received == written);
    while (written--) {
        FUZZ_CHECK(xc_transport_cc_next(&t, &a) && xc_transport_cc_next(&u, &b));
        FUZZ_CHECK(a.sequence == b.sequence && ((a.tick - b.tick) & 0xffffffff) == 0);
    }
}

static void check_rewrite(const struct xc_rtcp_block *block)
{
    static uint8_t out[2048];
    static struct xc_rtcp_block again;
    struct xc_writer w = xc_writer_make(out, sizeof out);
    size_t at = 0;
    if (block->type == XC_RTCP_SR) {
        xc_rtcp_write_sr(&w, block->sender_ssrc, block->ntp, block->rtp_timestamp,
                         block->packet_count, block->octet_count, block->reports,
                         block->report_count);
    } else if (block->type == XC_RTCP_RR) {
        xc_rtcp_write_rr(&w, block->sender_ssrc, block->reports, block->report_count);
    } else {
        return;
    }
    FUZZ_CHECK(!w.failed && xc_rtcp_check(xc_span_make(out, w.size), false));
    FUZZ_CHECK(xc_rtcp_next(xc_span_make(out, w.size), &at, &again) && at == w.size);
    FUZZ_CHECK(again.ntp == block->ntp && again.report_count == block->report_count);
    for (uint8_t i = 0; i < block->report_count; i++) {
        FUZZ_CHECK(again.reports[i].cumulative_lost == block->reports[i].cumulative_lost);
        FUZZ_CHECK(again.reports[i].last_sr == block->reports[i].last_sr);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xc_rtcp_block block;
    struct xc_span packet = xc_span_make(data, size);
    size_t at = 0;
    bool strict = xc_rtcp_check(packet, false);
    FUZZ_CHECK(!strict || xc_rtcp_check(packet, true));
    for (size_t before = 0; xc_rtcp_next(packet, &at, &block); before = at) {
        FUZZ_CHECK(at > before && at <= size);
        check_spans(&block, data, size);
        check_rewrite(&block);
        check_remb(&block);
        check_transport_feedback(&block);
    }
    FUZZ_CHECK(at == size);
    return 0;
}
