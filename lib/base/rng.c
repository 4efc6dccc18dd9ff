/* rng.c - ChaCha20 block function (RFC 8439 section 2.3) run as a generator.
 * SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include "base/bytes.h"

static uint32_t rotate(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

static void quarter(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static void chacha20_block(const uint32_t key[8], uint32_t counter, uint32_t out[16])
{
    const uint32_t input[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1],
                                key[2],     key[3],     key[4],     key[5],     key[6], key[7],
                                counter,    0,          0,          0};
    memcpy(out, input, sizeof input);
    for (int round = 0; round < 10; round++) {
        quarter(out, 0, 4, 8, 12);
        quarter(out, 1, 5, 9, 13);
        quarter(out, 2, 6, 10, 14);
        quarter(out, 3, 7, 11, 15);
        quarter(out, 0, 5, 10, 15);
        quarter(out, 1, 6, 11, 12);
        quarter(out, 2, 7, 8, 13);
        quarter(out, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++)
        out[i] += input[i];
}

/* Fills the block and takes the next key from its front (fast key erasure). */
static void refill(struct xc_rng *rng)
{
    for (uint32_t i = 0; i < sizeof rng->block / 64; i++) {
        uint32_t words[16];
        chacha20_block(rng->key, i, words);
        for (int w = 0; w < 16; w++)
            for (int b = 0; b < 4; b++)
                rng->block[i * 64 + (uint32_t)(w * 4 + b)] = (uint8_t)(words[w] >> (8 * b));
    }
    memcpy(rng->key, rng->block, sizeof rng->key);
    memset(rng->block, 0, sizeof rng->key);
    rng->at = sizeof rng->key;
}

void xc_rng_init(struct xc_rng *rng, const uint8_t seed[XC_RNG_SEED_SIZE])
{
    memcpy(rng->key, seed, sizeof rng->key);
    refill(rng);
}

void xc_rng_init_number(struct xc_rng *rng, uint64_t seed)
{
    uint8_t bytes[XC_RNG_SEED_SIZE] = {0};
    xc_store64(bytes, seed);
    xc_rng_init(rng, bytes);
}

void xc_rng_bytes(struct xc_rng *rng, void *out, size_t size)
{
    uint8_t *to = out;
    while (size) {
        if (rng->at == sizeof rng->block)
            refill(rng);
        size_t n = XC_MIN(size, sizeof rng->block - rng->at);
        memcpy(to, rng->block + rng->at, n);
        memset(rng->block + rng->at, 0, n);
        rng->at += n;
        to += n;
        size -= n;
    }
}

uint32_t xc_rng_u32(struct xc_rng *rng)
{
    uint8_t bytes[4];
    xc_rng_bytes(rng, bytes, sizeof bytes);
    return xc_load32(bytes);
}

uint64_t xc_rng_u64(struct xc_rng *rng)
{
    uint8_t bytes[8];
    xc_rng_bytes(rng, bytes, sizeof bytes);
    return xc_load64(bytes);
}

uint32_t xc_rng_below(struct xc_rng *rng, uint32_t bound)
{
    return (uint32_t)((uint64_t)xc_rng_u32(rng) * bound >> 32);
}

double xc_rng_unit(struct xc_rng *rng)
{
    return (double)(xc_rng_u64(rng) >> 11) * 0x1p-53;
}
