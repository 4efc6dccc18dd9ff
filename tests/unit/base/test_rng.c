/* test_rng.c - the generator against ChaCha20's key stream (RFC 8439 appendix A.1), its key
 * erasure, and its derived draws.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"

/* Test vectors 1 and 2: key and nonce all zero, block counters 0 and 1. */
static const uint8_t zero_key_stream[128] = {
    0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28,
    0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7,
    0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37,
    0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86,
    0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d,
    0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69, 0x12, 0xc6, 0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed,
    0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e, 0x43, 0xd5, 0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5,
    0x31, 0xed, 0x1f, 0x28, 0x51, 0x0a, 0xfb, 0x45, 0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f,
};

/* The first 32 bytes of a refill become the next key and are never given out. */
static void test_vector(void **state)
{
    (void)state;
    uint8_t seed[XC_RNG_SEED_SIZE] = {0}, out[96];
    struct xc_rng rng;
    xc_rng_init(&rng, seed);
    assert_memory_equal(rng.key, zero_key_stream, 32);
    xc_rng_bytes(&rng, out, sizeof out);
    assert_memory_equal(out, zero_key_stream + 32, sizeof out);
}

/* After a refill the draws are those of a generator seeded with the key that was put aside. */
static void test_refill(void **state)
{
    (void)state;
    uint8_t seed[XC_RNG_SEED_SIZE] = {0}, drop[224], first[300], second[300];
    struct xc_rng rng, next;
    xc_rng_init(&rng, seed);
    xc_rng_bytes(&rng, drop, sizeof drop); /* a block less the key */
    xc_rng_bytes(&rng, first, sizeof first);
    xc_rng_init(&next, zero_key_stream);
    xc_rng_bytes(&next, second, sizeof second);
    assert_memory_equal(first, second, sizeof first);
}

static void test_erasure(void **state)
{
    (void)state;
    uint8_t out[100];
    static const uint8_t zero[132];
    struct xc_rng rng;
    xc_rng_init_number(&rng, 1);
    xc_rng_bytes(&rng, out, sizeof out);
    assert_int_equal(rng.at, 132);
    assert_memory_equal(rng.block, zero, sizeof zero);
}

/* However the draws are cut, the stream is one; another seed gives another. */
static void test_stream(void **state)
{
    (void)state;
    uint8_t whole[1000], cut[1000], other[1000];
    struct xc_rng rng;
    xc_rng_init_number(&rng, 42);
    xc_rng_bytes(&rng, whole, sizeof whole);
    xc_rng_init_number(&rng, 42);
    for (size_t at = 0, n = 0; at < sizeof cut; at += n) {
        n = XC_MIN(at % 37, sizeof cut - at);
        n = n ? n : 1;
        xc_rng_bytes(&rng, cut + at, n);
    }
    assert_memory_equal(whole, cut, sizeof whole);
    xc_rng_init_number(&rng, 43);
    xc_rng_bytes(&rng, other, sizeof other);
    assert_memory_not_equal(whole, other, 32);
}

static void test_draws(void **state)
{
    (void)state;
    struct xc_rng rng;
    uint32_t counts[7] = {0};
    double sum = 0;
    xc_rng_init_number(&rng, 7);
    for (int i = 0; i < 70000; i++) {
        uint32_t v = xc_rng_below(&rng, 7);
        assert_true(v < 7);
        counts[v]++;
        double unit = xc_rng_unit(&rng);
        assert_true(unit >= 0 && unit < 1);
        sum += unit;
    }
    for (int i = 0; i < 7; i++) /* 10000 each; 500 is more than five standard deviations */
        assert_in_range(counts[i], 9500, 10500);
    assert_true(sum > 34500 && sum < 35500);
    for (int i = 0; i < 100; i++)
        assert_int_equal(xc_rng_below(&rng, 1), 0);
    assert_int_not_equal(xc_rng_u32(&rng), xc_rng_u32(&rng));
    assert_true(xc_rng_u64(&rng) != xc_rng_u64(&rng));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),  cmocka_unit_test(test_refill),
        cmocka_unit_test(test_erasure), cmocka_unit_test(test_stream),
        cmocka_unit_test(test_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
