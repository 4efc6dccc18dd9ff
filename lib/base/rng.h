/* rng.h - the one source of randomness of the core: ChaCha20 (RFC 8439) over a 32-byte seed, with
 * the key replaced at every refill, so that what was drawn before cannot be recomputed from the
 * state. The same seed gives the same draws. Owned by one thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_RNG_H
#define XC_BASE_RNG_H

#include "base/base.h"

#define XC_RNG_SEED_SIZE 32

struct xc_rng {
    uint32_t key[8];
    uint8_t block[256];
    size_t at; /* next unused byte of block */
};

void xc_rng_init(struct xc_rng *rng, const uint8_t seed[XC_RNG_SEED_SIZE]);
/* A seed made from a small number, for tests and simulations only. */
void xc_rng_init_number(struct xc_rng *rng, uint64_t seed);
void xc_rng_bytes(struct xc_rng *rng, void *out, size_t size);
uint32_t xc_rng_u32(struct xc_rng *rng);
uint64_t xc_rng_u64(struct xc_rng *rng);
/* Uniform in [0, bound), bound > 0. */
uint32_t xc_rng_below(struct xc_rng *rng, uint32_t bound);
/* Uniform in [0, 1). */
double xc_rng_unit(struct xc_rng *rng);

#endif
