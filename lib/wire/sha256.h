/* sha256.h - SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104) for STUN's MESSAGE-INTEGRITY-SHA256, USERHASH
 * and the key of its long-term credentials (RFC 8489). Small and constant memory; media is protected
 * elsewhere.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_SHA256_H
#define XC_WIRE_SHA256_H

#include "wire/hash_block.h"

#define XC_SHA256_SIZE 32

struct xc_sha256 {
    uint32_t state[8];
    struct xc_hash_block block;
};

void xc_sha256_init(struct xc_sha256 *sha);
void xc_sha256_add(struct xc_sha256 *sha, const void *bytes, size_t size);
void xc_sha256_finish(struct xc_sha256 *sha, uint8_t digest[XC_SHA256_SIZE]);

struct xc_hmac_sha256 {
    struct xc_sha256 inner, outer;
};

void xc_hmac_sha256_init(struct xc_hmac_sha256 *hmac, struct xc_span key);
void xc_hmac_sha256_add(struct xc_hmac_sha256 *hmac, const void *bytes, size_t size);
void xc_hmac_sha256_finish(struct xc_hmac_sha256 *hmac, uint8_t digest[XC_SHA256_SIZE]);

#endif
