/* rtp.c - RTP headers (RFC 3550 section 5.1) and header extensions (RFC 8285).
 *
 *   |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *   |                           timestamp                           |
 *   |                             SSRC                              |
 *   |                      CC times a CSRC                          |
 *   | X: 0xBEDE (one-byte) or 0x100x (two-byte), length in words, elements |
 *
 * SPDX-License-Identifier: MIT */
#include "wire/rtp.h"

#define ONE_BYTE_PROFILE 0xbedeu
#define TWO_BYTE_PROFILE 0x1000u /* the low four bits are "appbits" */
#define RTCP_SIZE_MIN 8
#define DTLS_SIZE_MIN 13 /* a record header, RFC 6347 section 4.1 */

int xc_datagram_kind(struct xc_span datagram)
{
    if (datagram.size < 2)
        return XC_DATAGRAM_UNKNOWN;
    uint8_t first = datagram.data[0];
    if (first < 4)
        return XC_DATAGRAM_STUN;
    if (first >= 20 && first < 64)
        return datagram.size >= DTLS_SIZE_MIN ? XC_DATAGRAM_DTLS : XC_DATAGRAM_UNKNOWN;
    if (first < 128 || first >= 192)
        return XC_DATAGRAM_UNKNOWN;
    uint8_t payload_type = datagram.data[1] & 0x7f;
    if (payload_type >= 64 && payload_type < 96)
        return datagram.size >= RTCP_SIZE_MIN ? XC_DATAGRAM_RTCP : XC_DATAGRAM_UNKNOWN;
    return datagram.size >= XC_RTP_HEADER_SIZE ? XC_DATAGRAM_RTP : XC_DATAGRAM_UNKNOWN;
}

static void add_extension(struct xc_rtp *rtp, uint8_t id, const uint8_t *data, size_t size)
{
    if (rtp->extension_count < XC_RTP_EXTENSIONS_MAX) {
        rtp->extensions[rtp->extension_count++] =
            (struct xc_rtp_extension){.id = id, .value = {data, size}};
    }
}

/* An element that runs over the block's end stops the reading; the packet stays good. */
static void parse_one_byte(struct xc_rtp *rtp, struct xc_reader r)
{
    while (xc_reader_left(&r)) {
        uint8_t head = xc_read8(&r);
        if (head == 0)
            continue;
        uint8_t id = head >> 4;
        size_t size = (size_t)(head & 15) + 1;
        if (id == 0 || id == 15) /* both end the block, RFC 8285 section 4.2 */
            return;
        const uint8_t *data = xc_read_bytes(&r, size);
        if (!data)
            return;
        add_extension(rtp, id, data, size);
    }
}

static void parse_two_byte(struct xc_rtp *rtp, struct xc_reader r)
{
    while (xc_reader_left(&r)) {
        uint8_t id = xc_read8(&r);
        if (id == 0)
            continue;
        size_t size = xc_read8(&r);
        const uint8_t *data = xc_read_bytes(&r, size);
        if (!data)
            return;
        add_extension(rtp, id, data, size);
    }
}

static bool parse_extension_block(struct xc_rtp *rtp, struct xc_reader *r)
{
    uint16_t profile = xc_read16(r);
    size_t size = (size_t)xc_read16(r) * 4;
    const uint8_t *data = xc_read_bytes(r, size);
    if (!data)
        return false;
    struct xc_reader block = xc_reader_make(xc_span_make(data, size));
    if (profile == ONE_BYTE_PROFILE)
        parse_one_byte(rtp, block);
    else if ((profile & 0xfff0u) == TWO_BYTE_PROFILE)
        parse_two_byte(rtp, block);
    return true;
}

bool xc_rtp_parse(struct xc_rtp *rtp, struct xc_span packet)
{
    rtp->extension_count = 0;
    rtp->padding = 0;
    rtp->repair = false;
    rtp->payload = (struct xc_span){NULL, 0};
    if (packet.size < XC_RTP_HEADER_SIZE || packet.data[0] >> 6 != 2)
        return false;
    rtp->csrc_count = packet.data[0] & 15;
    rtp->marker = (packet.data[1] & 0x80) != 0;
    rtp->payload_type = packet.data[1] & 0x7f;
    rtp->sequence = xc_load16(packet.data + 2);
    rtp->timestamp = xc_load32(packet.data + 4);
    rtp->ssrc = xc_load32(packet.data + 8);

    struct xc_reader r = xc_reader_make(packet);
    xc_read_bytes(&r, XC_RTP_HEADER_SIZE + (size_t)rtp->csrc_count * 4);
    if ((packet.data[0] & 0x10) && !parse_extension_block(rtp, &r))
        return false;
    if (r.failed)
        return false;
    rtp->header_size = r.at;
    size_t left = packet.size - r.at;
    if (packet.data[0] & 0x20) {
        rtp->padding = left ? packet.data[packet.size - 1] : 0;
        if (rtp->padding == 0 || rtp->padding > left)
            return false;
    }
    rtp->payload = xc_span_make(packet.data + r.at, left - rtp->padding);
    return true;
}

struct xc_span xc_rtp_extension_find(const struct xc_rtp *rtp, uint8_t id)
{
    for (uint8_t i = 0; i < rtp->extension_count; i++) {
        if (rtp->extensions[i].id == id)
            return rtp->extensions[i].value;
    }
    return (struct xc_span){NULL, 0};
}

bool xc_rtp_unwrap_rtx(struct xc_rtp *rtp, uint32_t ssrc, uint8_t payload_type)
{
    if (rtp->payload.size < XC_RTP_OSN_SIZE)
        return false;
    rtp->sequence = xc_load16(rtp->payload.data);
    rtp->payload =
        xc_span_make(rtp->payload.data + XC_RTP_OSN_SIZE, rtp->payload.size - XC_RTP_OSN_SIZE);
    rtp->ssrc = ssrc;
    rtp->payload_type = payload_type;
    rtp->repair = true;
    return true;
}

static void write_extensions(struct xc_writer *w, const struct xc_rtp *rtp)
{
    bool one_byte = true;
    for (uint8_t i = 0; i < rtp->extension_count; i++) {
        const struct xc_rtp_extension *e = &rtp->extensions[i];
        if (e->id == 0 || e->value.size > 255)
            w->failed = true;
        if (e->id > 14 || e->value.size < 1 || e->value.size > 16)
            one_byte = false;
    }
    xc_write16(w, one_byte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE);
    uint8_t *words = xc_write_room(w, 2);
    size_t start = w->size;
    for (uint8_t i = 0; i < rtp->extension_count; i++) {
        const struct xc_rtp_extension *e = &rtp->extensions[i];
        if (one_byte) {
            xc_write8(w, (uint8_t)((size_t)e->id << 4 | (e->value.size - 1)));
        } else {
            xc_write8(w, e->id);
            xc_write8(w, (uint8_t)e->value.size);
        }
        xc_write_bytes(w, e->value.data, e->value.size);
    }
    while (!w->failed && (w->size - start) % 4)
        xc_write8(w, 0);
    if (words)
        xc_store16(words, (uint16_t)((w->size - start) / 4));
}

size_t xc_rtp_write_header(const struct xc_rtp *rtp, uint8_t *out, size_t capacity)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    if (rtp->extension_count > XC_RTP_EXTENSIONS_MAX)
        return 0;
    xc_write8(&w, (uint8_t)(0x80 | (rtp->padding ? 0x20 : 0) | (rtp->extension_count ? 0x10 : 0)));
    xc_write8(&w, (uint8_t)((rtp->marker ? 0x80 : 0) | (rtp->payload_type & 0x7f)));
    xc_write16(&w, rtp->sequence);
    xc_write32(&w, rtp->timestamp);
    xc_write32(&w, rtp->ssrc);
    if (rtp->extension_count)
        write_extensions(&w, rtp);
    return w.failed ? 0 : w.size;
}
