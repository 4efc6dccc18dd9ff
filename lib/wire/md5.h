/* md5.h - MD5 (RFC 1321), for the key of STUN's long-term credentials (RFC 8489 section 9.2.2) and
 * for nothing else: it is broken as a hash, and there the server chooses it, not we.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_MD5_H
#define XC_WIRE_MD5_H

#include "wire/hash_block.h"

#define XC_MD5_SIZE 16

struct xc_md5 {
    uint32_t state[4];
    struct xc_hash_block block;
};

void xc_md5_init(struct xc_md5 *md5);
void xc_md5_add(struct xc_md5 *md5, const void *bytes, size_t size);
void xc_md5_finish(struct xc_md5 *md5, uint8_t digest[XC_MD5_SIZE]);

#endif
