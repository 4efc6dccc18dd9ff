/* fuzz_rtcp.c - any datagram as an RTCP compound, checked and unchecked; reports that are read are
 * written and read again.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/rtcp.h"

static void check_spans(const struct xc_rtcp_block *block, const uint8_t *data, size_t size)
{
    FUZZ_CHECK(block->body.data >= data && block->body.data + block->body.size <= data + size);
    if (block->cname.data) {
        FUZZ_CHECK(block->cname.data >= block->body.data);
        FUZZ_CHECK(block->cname.data + block->cname.size <= block->body.data + block->body.size);
    }
    FUZZ_CHECK(block->report_count <= XC_RTCP_REPORTS_MAX && block->bye_count <= XC_RTCP_BYES_MAX);
    FUZZ_CHECK(block->nack_count <= XC_RTCP_NACKS_MAX && block->fir_count <= XC_RTCP_FIRS_MAX);
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
    }
    FUZZ_CHECK(at == size);
    return 0;
}
