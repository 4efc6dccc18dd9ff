/* hash_block.h - what MD5, SHA-1 and SHA-256 have in common: blocks of 64 bytes that fill up, and the
 * padding at the end (RFC 1321 section 3.1, FIPS 180-4 section 5.1.1). And the two keys of HMAC
 * (RFC 2104 section 2), which such a block holds.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_HASH_BLOCK_H
#define XC_WIRE_HASH_BLOCK_H

#include "base/bytes.h"

#define XC_HASH_BLOCK 64

struct xc_hash_block {
    uint64_t size; /* of all that was added */
    uint8_t bytes[XC_HASH_BLOCK];
};

typedef void (*xc_hash_compress)(uint32_t *state, const uint8_t block[XC_HASH_BLOCK]);

void xc_hash_add(struct xc_hash_block *block, uint32_t *state, xc_hash_compress compress,
                 const void *bytes, size_t size);
/* A one, zeros, and the size in bits in the last eight bytes of a block. */
void xc_hash_pad(struct xc_hash_block *block, uint32_t *state, xc_hash_compress compress,
                 bool big_endian);

/* key: of HMAC, no longer than a block; filled up with zeros, and each byte XORed. */
enum { XC_HMAC_INNER = 0x36, XC_HMAC_OUTER = 0x5c };
void xc_hmac_block(uint8_t block[XC_HASH_BLOCK], struct xc_span key, uint8_t pad);

#endif
