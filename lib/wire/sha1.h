/* sha1.h - SHA-1 and HMAC-SHA1 (FIPS 180-4, RFC 2104) for STUN's MESSAGE-INTEGRITY, and CRC-32
 * (ISO-HDLC) for its FINGERPRINT. Small and constant memory; media is protected elsewhere.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_SHA1_H
#define XC_WIRE_SHA1_H

#include "wire/hash_block.h"

#define XC_SHA1_SIZE 20

struct xc_sha1 {
    uint32_t state[5];
    struct xc_hash_block block;
};

void xc_sha1_init(struct xc_sha1 *sha);
void xc_sha1_add(struct xc_sha1 *sha, const void *bytes, size_t size);
void xc_sha1_finish(struct xc_sha1 *sha, uint8_t digest[XC_SHA1_SIZE]);

struct xc_hmac_sha1 {
    struct xc_sha1 inner, outer;
};

void xc_hmac_sha1_init(struct xc_hmac_sha1 *hmac, struct xc_span key);
void xc_hmac_sha1_add(struct xc_hmac_sha1 *hmac, const void *bytes, size_t size);
void xc_hmac_sha1_finish(struct xc_hmac_sha1 *hmac, uint8_t digest[XC_SHA1_SIZE]);

uint32_t xc_crc32(struct xc_span bytes);
/* Equal without telling where they differ by time. */
bool xc_equal_constant_time(const void *a, const void *b, size_t size);

#endif
