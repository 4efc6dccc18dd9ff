/* test_sha1.c - SHA-1 (FIPS 180-4 examples), HMAC-SHA1 (RFC 2202 section 3), CRC-32.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/sha1.h"

static void check_digest(const uint8_t *digest, const char *hex)
{
    uint8_t wanted[XC_SHA1_SIZE];
    assert_int_equal(hex_bytes(hex, wanted, sizeof wanted), XC_SHA1_SIZE);
    assert_memory_equal(digest, wanted, XC_SHA1_SIZE);
}

static void check_sha1(const char *text, const char *hex)
{
    uint8_t digest[XC_SHA1_SIZE];
    /* Whole, and cut in two at every place. */
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct xc_sha1 sha;
        xc_sha1_init(&sha);
        xc_sha1_add(&sha, text, cut);
        xc_sha1_add(&sha, text + cut, strlen(text) - cut);
        xc_sha1_finish(&sha, digest);
        check_digest(digest, hex);
    }
}

static void test_sha1(void **state)
{
    (void)state;
    check_sha1("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    check_sha1("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    check_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    check_sha1("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
               "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
               "a49b2446a02c645bf419f995b67091253a04a259");
}

static void test_sha1_million(void **state)
{
    (void)state;
    uint8_t chunk[1000], digest[XC_SHA1_SIZE];
    struct xc_sha1 sha;
    memset(chunk, 'a', sizeof chunk);
    xc_sha1_init(&sha);
    for (int i = 0; i < 1000; i++)
        xc_sha1_add(&sha, chunk, sizeof chunk);
    xc_sha1_finish(&sha, digest);
    check_digest(digest, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void check_hmac(struct xc_span key, struct xc_span data, const char *hex)
{
    uint8_t digest[XC_SHA1_SIZE];
    for (size_t cut = 0; cut <= data.size; cut++) {
        struct xc_hmac_sha1 hmac;
        xc_hmac_sha1_init(&hmac, key);
        xc_hmac_sha1_add(&hmac, data.data, cut);
        xc_hmac_sha1_add(&hmac, data.data + cut, data.size - cut);
        xc_hmac_sha1_finish(&hmac, digest);
        check_digest(digest, hex);
    }
}

static void test_hmac(void **state)
{
    (void)state;
    uint8_t key[80], data[50], counting[25];
    memset(key, 0x0b, sizeof key);
    check_hmac(xc_span_make(key, 20), text_span("Hi There"),
               "b617318655057264e28bc0b6fb378c8ef146be00");
    check_hmac(text_span("Jefe"), text_span("what do ya want for nothing?"),
               "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    check_hmac(xc_span_make(key, 20), xc_span_make(data, 50),
               "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
    for (uint8_t i = 0; i < sizeof counting; i++)
        counting[i] = (uint8_t)(i + 1);
    memset(data, 0xcd, sizeof data);
    check_hmac(xc_span_make(counting, 25), xc_span_make(data, 50),
               "4c9007f4026250c6bc8414f9bf50c86c2d7235da");
    memset(key, 0x0c, sizeof key);
    check_hmac(xc_span_make(key, 20), text_span("Test With Truncation"),
               "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04");
    memset(key, 0xaa, sizeof key);
    check_hmac(xc_span_make(key, 80),
               text_span("Test Using Larger Than Block-Size Key - Hash Key First"),
               "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    check_hmac(xc_span_make(key, 80),
               text_span("Test Using Larger Than Block-Size Key and Larger Than One "
                         "Block-Size Data"),
               "e8e99d0f45237d786d6bbaa7965c7808bbff1a91");
}

static void test_crc32(void **state)
{
    (void)state;
    assert_int_equal(xc_crc32(text_span("123456789")), 0xcbf43926);
    assert_int_equal(xc_crc32(text_span("")), 0);
    assert_int_equal(xc_crc32(text_span("a")), 0xe8b7be43);
}

static void test_equal(void **state)
{
    (void)state;
    uint8_t a[20] = {0}, b[20] = {0};
    assert_true(xc_equal_constant_time(a, b, sizeof a));
    assert_true(xc_equal_constant_time(a, b, 0));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(xc_equal_constant_time(a, b, sizeof a));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha1),  cmocka_unit_test(test_sha1_million),
        cmocka_unit_test(test_hmac),  cmocka_unit_test(test_crc32),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
