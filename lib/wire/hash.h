/* hash.h - the hashes of STUN's credentials and integrity, and HMAC over any of them (RFC 2104), with
 * small and constant memory; media is protected elsewhere. MD5 (RFC 1321) is there for the key of
 * long-term credentials (RFC 8489 section 9.2.2) and for nothing else: it is broken as a hash, and the
 * server chooses it, not we. SHA-1 (FIPS 180-4) for MESSAGE-INTEGRITY; SHA-256 for
 * MESSAGE-INTEGRITY-SHA256, USERHASH and the newer key.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_HASH_H
#define XC_WIRE_HASH_H

#include "base/bytes.h"

enum { XC_MD5_SIZE = 16, XC_SHA1_SIZE = 20, XC_SHA256_SIZE = 32, XC_HASH_MAX = XC_SHA256_SIZE };

#define XC_HASH_BLOCK 64 /* bytes, of each of them */
#define XC_HASH_WORDS (XC_HASH_MAX / 4)

struct xc_hash_kind {
    void (*compress)(uint32_t *state, const uint8_t block[XC_HASH_BLOCK]);
    uint32_t start[XC_HASH_WORDS];
    size_t size;        /* of the digest, in bytes */
    bool little_endian; /* how the digest and the length in the padding are written */
};

extern const struct xc_hash_kind xc_md5, xc_sha1, xc_sha256;

struct xc_hash {
    const struct xc_hash_kind *kind;
    uint64_t size; /* of all that was added */
    uint32_t state[XC_HASH_WORDS];
    uint8_t block[XC_HASH_BLOCK];
};

void xc_hash_init(struct xc_hash *hash, const struct xc_hash_kind *kind);
void xc_hash_add(struct xc_hash *hash, const void *bytes, size_t size);
/* digest: kind->size bytes. The hash is wiped. */
void xc_hash_finish(struct xc_hash *hash, uint8_t *digest);

struct xc_hmac {
    struct xc_hash inner, outer;
};

void xc_hmac_init(struct xc_hmac *hmac, const struct xc_hash_kind *kind, struct xc_span key);
void xc_hmac_add(struct xc_hmac *hmac, const void *bytes, size_t size);
void xc_hmac_finish(struct xc_hmac *hmac, uint8_t *digest);

#endif
