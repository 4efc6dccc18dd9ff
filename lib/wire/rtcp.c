/* rtcp.c - reads and writes RTCP (RFC 3550 section 6, RFC 4585 section 6, RFC 5104 section 4.3,
 * draft-alvestrand-rmcat-remb section 2.2). Transport-wide feedback is transport_cc.c's.
 *
 *   |V=2|P| count/FMT |   PT 200..207  |  length in words, less one  |   then the body
 *
 * SPDX-License-Identifier: MIT */
#include "wire/rtcp.h"

#define HEADER_SIZE 4
#define REPORT_SIZE 24
#define SENDER_INFO_SIZE 20
#define SDES_CNAME 1
#define REMB UINT32_C(0x52454d42) /* "REMB" */
#define REMB_MANTISSA_MAX UINT64_C(0x3ffff)

/* The size of the block at `at` and of the padding at its end; 0 when its framing is wrong. */
static size_t block_size(struct xc_span packet, size_t at, size_t *padding)
{
    if (packet.size - at < HEADER_SIZE)
        return 0;
    const uint8_t *p = packet.data + at;
    size_t size = ((size_t)xc_load16(p + 2) + 1) * 4;
    if (p[0] >> 6 != 2 || size > packet.size - at)
        return 0;
    *padding = 0;
    /* Browsers pad transport feedback to whole words with a P bit, in any place; what it needs is
     * told by its own counts. */
    if (p[1] == XC_RTCP_RTPFB && (p[0] & 31) == XC_RTPFB_TRANSPORT_CC)
        return size;
    if (p[0] & 0x20) {
        *padding = p[size - 1];
        if (*padding == 0 || *padding % 4 || *padding > size - HEADER_SIZE)
            return 0;
    }
    return size;
}

bool xc_rtcp_check(struct xc_span packet, bool reduced_size)
{
    size_t at = 0;
    if (packet.size < HEADER_SIZE)
        return false;
    if (!reduced_size && packet.data[1] != XC_RTCP_SR && packet.data[1] != XC_RTCP_RR)
        return false;
    while (at < packet.size) {
        size_t padding;
        size_t size = block_size(packet, at, &padding);
        if (size == 0 || packet.data[at + 1] < 192 || packet.data[at + 1] > 223)
            return false; /* RFC 5761 section 4 names the range of RTCP's types */
        at += size;
        if (padding && at != packet.size)
            return false;
    }
    return true;
}

static int32_t signed24(uint32_t v)
{
    return v & 0x800000 ? (int32_t)v - 0x1000000 : (int32_t)v;
}

static bool parse_reports(struct xc_rtcp_block *block, struct xc_reader *r)
{
    if (xc_reader_left(r) < (size_t)block->format * REPORT_SIZE)
        return false;
    for (uint8_t i = 0; i < block->format; i++) {
        struct xc_rtcp_report *report = &block->reports[i];
        report->ssrc = xc_read32(r);
        report->fraction_lost = xc_read8(r);
        report->cumulative_lost = signed24(xc_read24(r));
        report->highest_sequence = xc_read32(r);
        report->jitter = xc_read32(r);
        report->last_sr = xc_read32(r);
        report->delay_since_last_sr = xc_read32(r);
    }
    block->report_count = block->format;
    return true;
}

static bool parse_sr(struct xc_rtcp_block *block, struct xc_reader *r)
{
    block->ntp = xc_read64(r);
    block->rtp_timestamp = xc_read32(r);
    block->packet_count = xc_read32(r);
    block->octet_count = xc_read32(r);
    return !r->failed && parse_reports(block, r);
}

/* One SDES chunk: an SSRC and items up to a zero, padded to four bytes from the chunk's start. */
static bool parse_chunk(struct xc_reader *r, uint32_t *ssrc, struct xc_span *cname)
{
    *ssrc = xc_read32(r);
    for (;;) {
        uint8_t type = xc_read8(r);
        if (r->failed)
            return false;
        if (type == 0)
            break;
        size_t size = xc_read8(r);
        const uint8_t *text = xc_read_bytes(r, size);
        if (!text)
            return false;
        if (type == SDES_CNAME && !cname->data)
            *cname = xc_span_make(text, size);
    }
    if (r->at % 4)
        xc_read_bytes(r, 4 - r->at % 4);
    return !r->failed;
}

static bool parse_sdes(struct xc_rtcp_block *block, struct xc_reader *r)
{
    for (uint8_t i = 0; i < block->format; i++) {
        uint32_t ssrc;
        struct xc_span cname = {NULL, 0};
        if (!parse_chunk(r, &ssrc, &cname))
            return false;
        if (i == 0) {
            block->sender_ssrc = ssrc;
            block->cname = cname;
        }
    }
    return true;
}

static bool parse_bye(struct xc_rtcp_block *block, struct xc_reader *r)
{
    for (uint8_t i = 0; i < block->format; i++)
        block->byes[i] = xc_read32(r);
    block->bye_count = block->format;
    block->sender_ssrc = block->bye_count ? block->byes[0] : 0;
    return !r->failed; /* a reason for leaving may follow */
}

static bool parse_nack(struct xc_rtcp_block *block, struct xc_reader *r)
{
    if (xc_reader_left(r) % 4)
        return false;
    while (xc_reader_left(r) && block->nack_count < XC_RTCP_NACKS_MAX) {
        struct xc_rtcp_nack *nack = &block->nacks[block->nack_count++];
        nack->pid = xc_read16(r);
        nack->blp = xc_read16(r);
    }
    return true;
}

static bool parse_fir(struct xc_rtcp_block *block, struct xc_reader *r)
{
    if (xc_reader_left(r) % 8)
        return false;
    while (xc_reader_left(r) && block->fir_count < XC_RTCP_FIRS_MAX) {
        struct xc_rtcp_fir *fir = &block->firs[block->fir_count++];
        fir->ssrc = xc_read32(r);
        fir->sequence = xc_read8(r);
        xc_read24(r);
    }
    return true;
}

/* draft-alvestrand-rmcat-remb section 2.2; other application feedback is the caller's. */
static bool parse_afb(struct xc_rtcp_block *block, struct xc_reader *r)
{
    if (xc_reader_left(r) < 4 || xc_load32(r->data + r->at) != REMB)
        return true;
    xc_read32(r);
    uint8_t count = xc_read8(r);
    uint32_t rate = xc_read24(r);
    if (r->failed || xc_reader_left(r) < (size_t)count * 4)
        return false;
    uint32_t exponent = rate >> 18;
    uint64_t mantissa = rate & 0x3ffff;
    block->remb = true;
    block->remb_bps =
        mantissa > UINT64_MAX >> exponent ? UINT64_MAX : mantissa << exponent; /* no cap at all */
    block->remb_ssrc_count = (uint8_t)XC_MIN(count, XC_RTCP_REMB_SSRCS_MAX);
    for (uint8_t i = 0; i < block->remb_ssrc_count; i++)
        block->remb_ssrcs[i] = xc_read32(r);
    return true;
}

static bool parse_feedback(struct xc_rtcp_block *block, struct xc_reader *r)
{
    block->media_ssrc = xc_read32(r);
    if (r->failed)
        return false;
    if (block->type == XC_RTCP_RTPFB && block->format == XC_RTPFB_NACK)
        return parse_nack(block, r);
    if (block->type == XC_RTCP_PSFB && block->format == XC_PSFB_FIR)
        return parse_fir(block, r);
    if (block->type == XC_RTCP_PSFB && block->format == XC_PSFB_AFB)
        return parse_afb(block, r);
    return true;
}

static bool parse_body(struct xc_rtcp_block *block)
{
    struct xc_reader r = xc_reader_make(block->body);
    if (block->type == XC_RTCP_SDES)
        return parse_sdes(block, &r);
    if (block->type == XC_RTCP_BYE)
        return parse_bye(block, &r);
    block->sender_ssrc = xc_read32(&r);
    switch (block->type) {
    case XC_RTCP_SR:
        return parse_sr(block, &r);
    case XC_RTCP_RR:
        return !r.failed && parse_reports(block, &r);
    case XC_RTCP_RTPFB:
    case XC_RTCP_PSFB:
        return parse_feedback(block, &r);
    default:
        return true; /* unknown: the body is the caller's */
    }
}

bool xc_rtcp_next(struct xc_span packet, size_t *at, struct xc_rtcp_block *block)
{
    memset(block, 0, sizeof *block);
    if (*at >= packet.size)
        return false;
    size_t padding;
    size_t size = block_size(packet, *at, &padding);
    if (size == 0) {
        *at = packet.size;
        return false;
    }
    const uint8_t *p = packet.data + *at;
    block->format = p[0] & 31;
    block->type = p[1];
    block->body = xc_span_make(p + HEADER_SIZE, size - HEADER_SIZE - padding);
    if (!parse_body(block)) {
        *at = packet.size;
        return false;
    }
    *at += size;
    return true;
}

/* The header of a block whose body will be `body_size` bytes, a multiple of four. */
static void write_header(struct xc_writer *w, size_t count, uint8_t type, size_t body_size)
{
    if (count > 31 || body_size / 4 > UINT16_MAX)
        w->failed = true;
    xc_write8(w, (uint8_t)(0x80 | count));
    xc_write8(w, type);
    xc_write16(w, (uint16_t)(body_size / 4));
}

static void write_reports(struct xc_writer *w, const struct xc_rtcp_report *reports, size_t count)
{
    for (size_t i = 0; i < count && !w->failed; i++) {
        const struct xc_rtcp_report *report = &reports[i];
        int32_t lost = XC_CLAMP(report->cumulative_lost, -0x800000, 0x7fffff);
        xc_write32(w, report->ssrc);
        xc_write8(w, report->fraction_lost);
        xc_write24(w, (uint32_t)lost & 0xffffff);
        xc_write32(w, report->highest_sequence);
        xc_write32(w, report->jitter);
        xc_write32(w, report->last_sr);
        xc_write32(w, report->delay_since_last_sr);
    }
}

void xc_rtcp_write_sr(struct xc_writer *w, uint32_t ssrc, uint64_t ntp, uint32_t rtp_timestamp,
                      uint32_t packet_count, uint32_t octet_count,
                      const struct xc_rtcp_report *reports, size_t report_count)
{
    write_header(w, report_count, XC_RTCP_SR, 4 + SENDER_INFO_SIZE + report_count * REPORT_SIZE);
    xc_write32(w, ssrc);
    xc_write64(w, ntp);
    xc_write32(w, rtp_timestamp);
    xc_write32(w, packet_count);
    xc_write32(w, octet_count);
    write_reports(w, reports, report_count);
}

void xc_rtcp_write_rr(struct xc_writer *w, uint32_t ssrc, const struct xc_rtcp_report *reports,
                      size_t report_count)
{
    write_header(w, report_count, XC_RTCP_RR, 4 + report_count * REPORT_SIZE);
    xc_write32(w, ssrc);
    write_reports(w, reports, report_count);
}

void xc_rtcp_write_sdes_cname(struct xc_writer *w, uint32_t ssrc, struct xc_span cname)
{
    size_t chunk = (4 + 2 + cname.size + 1 + 3) & ~(size_t)3; /* with at least one zero */
    if (cname.size > XC_CNAME_MAX)
        w->failed = true;
    write_header(w, 1, XC_RTCP_SDES, chunk);
    xc_write32(w, ssrc);
    xc_write8(w, SDES_CNAME);
    xc_write8(w, (uint8_t)cname.size);
    xc_write_bytes(w, cname.data, cname.size);
    for (size_t i = 4 + 2 + cname.size; i < chunk && !w->failed; i++)
        xc_write8(w, 0);
}

void xc_rtcp_write_bye(struct xc_writer *w, const uint32_t *ssrcs, size_t count)
{
    write_header(w, count, XC_RTCP_BYE, count * 4);
    for (size_t i = 0; i < count && !w->failed; i++)
        xc_write32(w, ssrcs[i]);
}

void xc_rtcp_write_nack(struct xc_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
                        const uint16_t *sequences, size_t count)
{
    size_t start = w->size;
    if (count == 0)
        return;
    write_header(w, XC_RTPFB_NACK, XC_RTCP_RTPFB, 0);
    xc_write32(w, sender_ssrc);
    xc_write32(w, media_ssrc);
    for (size_t i = 0; i < count && !w->failed;) {
        uint16_t pid = sequences[i++];
        uint16_t blp = 0;
        for (; i < count; i++) {
            uint16_t ahead = (uint16_t)(sequences[i] - pid);
            if (ahead > 16)
                break;
            if (ahead)
                blp |= (uint16_t)(1u << (ahead - 1));
        }
        xc_write16(w, pid);
        xc_write16(w, blp);
    }
    size_t words = (w->size - start) / 4 - 1;
    if (words > UINT16_MAX)
        w->failed = true;
    if (!w->failed)
        xc_store16(w->data + start + 2, (uint16_t)words);
}

void xc_rtcp_write_remb(struct xc_writer *w, uint32_t sender_ssrc, uint64_t bps,
                        const uint32_t *ssrcs, size_t count)
{
    uint32_t exponent = 0;
    while (bps > REMB_MANTISSA_MAX) { /* rounds down: it is a limit */
        bps >>= 1;
        exponent++;
    }
    if (count > UINT8_MAX)
        w->failed = true;
    write_header(w, XC_PSFB_AFB, XC_RTCP_PSFB, 16 + count * 4);
    xc_write32(w, sender_ssrc);
    xc_write32(w, 0); /* the media source: the list's */
    xc_write32(w, REMB);
    xc_write8(w, (uint8_t)count);
    xc_write24(w, exponent << 18 | (uint32_t)bps);
    for (size_t i = 0; i < count && !w->failed; i++)
        xc_write32(w, ssrcs[i]);
}

void xc_rtcp_write_pli(struct xc_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc)
{
    write_header(w, XC_PSFB_PLI, XC_RTCP_PSFB, 8);
    xc_write32(w, sender_ssrc);
    xc_write32(w, media_ssrc);
}

void xc_rtcp_write_fir(struct xc_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
                       uint8_t sequence)
{
    write_header(w, XC_PSFB_FIR, XC_RTCP_PSFB, 16);
    xc_write32(w, sender_ssrc);
    xc_write32(w, 0); /* RFC 5104 section 4.3.1.2: the target stands in the entry */
    xc_write32(w, media_ssrc);
    xc_write8(w, sequence);
    xc_write24(w, 0);
}
