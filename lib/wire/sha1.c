/* sha1.c - SHA-1 (FIPS 180-4 section 6.1), HMAC (RFC 2104) and CRC-32 (ISO-HDLC, as in RFC 1952
 * section 8), written for messages of a few hundred bytes.
 * SPDX-License-Identifier: MIT */
#include "wire/sha1.h"

static uint32_t rotate(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

static void compress(uint32_t *state, const uint8_t block[XC_HASH_BLOCK])
{
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = xc_load32(block + 4 * i);
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);

    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) {
            f = (b & c) | (~b & d);
            k = 0x5a827999;
        } else if (i < 40) {
            f = b ^ c ^ d;
            k = 0x6ed9eba1;
        } else if (i < 60) {
            f = (b & c) | (b & d) | (c & d);
            k = 0x8f1bbcdc;
        } else {
            f = b ^ c ^ d;
            k = 0xca62c1d6;
        }
        uint32_t next = rotate(a, 5) + f + e + k + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void xc_sha1_init(struct xc_sha1 *sha)
{
    static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    memset(sha, 0, sizeof *sha);
    memcpy(sha->state, start, sizeof start);
}

void xc_sha1_add(struct xc_sha1 *sha, const void *bytes, size_t size)
{
    xc_hash_add(&sha->block, sha->state, compress, bytes, size);
}

void xc_sha1_finish(struct xc_sha1 *sha, uint8_t digest[XC_SHA1_SIZE])
{
    xc_hash_pad(&sha->block, sha->state, compress, true);
    for (int i = 0; i < 5; i++)
        xc_store32(digest + 4 * i, sha->state[i]);
    xc_wipe(sha, sizeof *sha);
}

void xc_hmac_sha1_init(struct xc_hmac_sha1 *hmac, struct xc_span key)
{
    uint8_t block[XC_HASH_BLOCK], digest[XC_SHA1_SIZE];
    if (key.size > XC_HASH_BLOCK) {
        xc_sha1_init(&hmac->inner);
        xc_sha1_add(&hmac->inner, key.data, key.size);
        xc_sha1_finish(&hmac->inner, digest);
        key = xc_span_make(digest, sizeof digest);
    }
    xc_hmac_block(block, key, XC_HMAC_INNER);
    xc_sha1_init(&hmac->inner);
    xc_sha1_add(&hmac->inner, block, sizeof block);
    xc_hmac_block(block, key, XC_HMAC_OUTER);
    xc_sha1_init(&hmac->outer);
    xc_sha1_add(&hmac->outer, block, sizeof block);
    xc_wipe(block, sizeof block);
    xc_wipe(digest, sizeof digest);
}

void xc_hmac_sha1_add(struct xc_hmac_sha1 *hmac, const void *bytes, size_t size)
{
    xc_sha1_add(&hmac->inner, bytes, size);
}

void xc_hmac_sha1_finish(struct xc_hmac_sha1 *hmac, uint8_t digest[XC_SHA1_SIZE])
{
    xc_sha1_finish(&hmac->inner, digest);
    xc_sha1_add(&hmac->outer, digest, XC_SHA1_SIZE);
    xc_sha1_finish(&hmac->outer, digest);
}

uint32_t xc_crc32(struct xc_span bytes)
{
    /* Four bits at a time: 64 bytes of table, and a STUN message is short. */
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

bool xc_equal_constant_time(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    uint8_t different = 0;
    for (size_t i = 0; i < size; i++)
        different |= (uint8_t)(x[i] ^ y[i]);
    return different == 0;
}
