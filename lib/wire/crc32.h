/* crc32.h - CRC-32 (ISO-HDLC, as in RFC 1952 section 8) for STUN's FINGERPRINT.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_CRC32_H
#define XC_WIRE_CRC32_H

#include "base/bytes.h"

uint32_t xc_crc32(struct xc_span bytes);

#endif
