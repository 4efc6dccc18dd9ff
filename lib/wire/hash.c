/* hash.c - what MD5, SHA-1 and SHA-256 have in common: blocks of 64 bytes that fill up, and the padding
 * at the end (RFC 1321 section 3.1, FIPS 180-4 section 5.1.1); and HMAC (RFC 2104 section 2).
 * SPDX-License-Identifier: MIT */
#include "wire/hash.h"

void xc_hash_init(struct xc_hash *hash, const struct xc_hash_kind *kind)
{
    hash->kind = kind;
    hash->size = 0;
    memcpy(hash->state, kind->start, sizeof hash->state);
}

void xc_hash_add(struct xc_hash *hash, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size) {
        size_t at = (size_t)(hash->size % XC_HASH_BLOCK);
        size_t n = XC_MIN(size, XC_HASH_BLOCK - at);
        memcpy(hash->block + at, from, n);
        hash->size += n;
        from += n;
        size -= n;
        if (at + n == XC_HASH_BLOCK)
            hash->kind->compress(hash->state, hash->block);
    }
}

/* The last n bytes of value. */
static void store(uint8_t *out, uint64_t value, size_t n, bool little_endian)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(value >> 8 * (little_endian ? i : n - 1 - i));
}

/* A one, zeros, and the size in bits in the last eight bytes of a block. */
static void pad(struct xc_hash *hash)
{
    static const uint8_t padding[XC_HASH_BLOCK] = {0x80};
    uint8_t bits[8];
    store(bits, hash->size * 8, sizeof bits, hash->kind->little_endian);
    size_t at = (size_t)(hash->size % XC_HASH_BLOCK), end = XC_HASH_BLOCK - sizeof bits;
    xc_hash_add(hash, padding, (at < end ? end : end + XC_HASH_BLOCK) - at);
    xc_hash_add(hash, bits, sizeof bits);
}

void xc_hash_finish(struct xc_hash *hash, uint8_t *digest)
{
    pad(hash);
    for (size_t i = 0; i < hash->kind->size / 4; i++)
        store(digest + 4 * i, hash->state[i], 4, hash->kind->little_endian);
    xc_wipe(hash, sizeof *hash);
}

/* Begins a hash with the key, filled up with zeros to a block, and each byte XORed. */
static void begin_keyed(struct xc_hash *hash, const struct xc_hash_kind *kind, struct xc_span key,
                        uint8_t mask)
{
    uint8_t block[XC_HASH_BLOCK] = {0};
    if (key.size)
        memcpy(block, key.data, key.size);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= mask;
    xc_hash_init(hash, kind);
    xc_hash_add(hash, block, sizeof block);
    xc_wipe(block, sizeof block);
}

void xc_hmac_init(struct xc_hmac *hmac, const struct xc_hash_kind *kind, struct xc_span key)
{
    uint8_t digest[XC_HASH_MAX];
    if (key.size > XC_HASH_BLOCK) {
        xc_hash_init(&hmac->inner, kind);
        xc_hash_add(&hmac->inner, key.data, key.size);
        xc_hash_finish(&hmac->inner, digest);
        key = xc_span_make(digest, kind->size);
    }
    begin_keyed(&hmac->inner, kind, key, 0x36);
    begin_keyed(&hmac->outer, kind, key, 0x5c);
    xc_wipe(digest, sizeof digest);
}

void xc_hmac_add(struct xc_hmac *hmac, const void *bytes, size_t size)
{
    xc_hash_add(&hmac->inner, bytes, size);
}

void xc_hmac_finish(struct xc_hmac *hmac, uint8_t *digest)
{
    size_t size = hmac->inner.kind->size;
    xc_hash_finish(&hmac->inner, digest);
    xc_hash_add(&hmac->outer, digest, size);
    xc_hash_finish(&hmac->outer, digest);
}
