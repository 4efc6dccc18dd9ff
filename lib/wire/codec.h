/* codec.h - what a payload type can mean to us: the formats of RTP payloads by number. Opus (RFC
 * 7587), RED for audio (RFC 2198), telephone events (RFC 4733), VP8 (RFC 7741), VP9 (RFC 9628),
 * retransmission (RFC 4588).
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_CODEC_H
#define XC_WIRE_CODEC_H

enum {
    XC_CODEC_NONE = 0,
    XC_CODEC_OPUS,
    XC_CODEC_RED,             /* audio: redundant Opus */
    XC_CODEC_TELEPHONE_EVENT, /* DTMF, 48 kHz clock */
    XC_CODEC_VP8,
    XC_CODEC_VP9, /* profile 0 */
    XC_CODEC_RTX, /* of the format that its apt names */
    XC_CODECS,
};

#endif
