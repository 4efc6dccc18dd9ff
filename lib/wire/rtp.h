/* rtp.h - RTP headers (RFC 3550 section 5.1) and header extensions in one-byte and two-byte form
 * (RFC 8285), retransmission packets (RFC 4588), and the demultiplexing of datagrams on one port
 * (RFC 7983).
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_RTP_H
#define XC_WIRE_RTP_H

#include "base/bytes.h"

#define XC_RTP_HEADER_SIZE 12
#define XC_RTP_OSN_SIZE 2        /* RFC 4588 section 4: the original sequence number */
#define XC_RTP_EXTENSIONS_MAX 16 /* parsed per packet; the rest is skipped */

enum {
    XC_DATAGRAM_UNKNOWN = 0,
    XC_DATAGRAM_STUN,
    XC_DATAGRAM_DTLS,
    XC_DATAGRAM_RTP,
    XC_DATAGRAM_RTCP,
};

/* By first byte (RFC 7983) and, for RTP against RTCP, by payload type 64..95 (RFC 5761). */
int xc_datagram_kind(struct xc_span datagram);

struct xc_rtp_extension {
    uint8_t id; /* 1..14, or 1..255 in the two-byte form */
    struct xc_span value;
};

struct xc_rtp {
    bool marker;
    bool repair; /* set by xc_rtp_unwrap_rtx: it came by RTX */
    uint8_t payload_type;
    uint16_t sequence;
    uint32_t timestamp;
    uint32_t ssrc;
    uint8_t csrc_count;
    uint8_t padding; /* bytes taken off the end of the payload */
    uint8_t extension_count;
    struct xc_rtp_extension extensions[XC_RTP_EXTENSIONS_MAX];
    size_t header_size; /* fixed header, CSRCs and extension block */
    struct xc_span payload;
};

/* False for anything malformed. An extension block of an unknown profile is skipped whole; id 15 of
 * the one-byte form ends the block; id 0 is padding (RFC 8285 section 4.2). */
bool xc_rtp_parse(struct xc_rtp *rtp, struct xc_span packet);
/* The value of the extension with this id, or an empty span with data NULL. */
struct xc_span xc_rtp_extension_find(const struct xc_rtp *rtp, uint8_t id);

/* Turns a retransmission packet (RFC 4588 section 4) into the packet that it carries, in place: the
 * original sequence number is taken off the payload; SSRC and payload type are the original
 * stream's, which the caller knows by the SSRC group and the apt. False, and no change, where it
 * carries none: too short, or padding only (a probe: nothing is wrong with it). */
bool xc_rtp_unwrap_rtx(struct xc_rtp *rtp, uint32_t ssrc, uint8_t payload_type);

/* Writes the header with `extension_count` extensions from rtp->extensions in order: one-byte form
 * where every id is <= 14 and every value is 1..16 bytes, else the two-byte form. Payload and
 * padding are not written. Returns the header's size, 0 when it does not fit. */
size_t xc_rtp_write_header(const struct xc_rtp *rtp, uint8_t *out, size_t capacity);

#endif
