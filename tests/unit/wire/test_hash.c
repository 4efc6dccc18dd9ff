/* test_hash.c - MD5 by the test suite of RFC 1321 section A.5, SHA-1 and SHA-256 by the examples of
 * FIPS 180-4; HMAC by RFC 2202 section 3 and RFC 4231 section 4.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/hash.h"

static void check_digest(const struct xc_hash_kind *kind, const uint8_t *digest, const char *hex)
{
    uint8_t wanted[XC_HASH_MAX];
    assert_int_equal(hex_bytes(hex, wanted, sizeof wanted), kind->size);
    assert_memory_equal(digest, wanted, kind->size);
}

/* Whole, and cut in two at every place. */
static void check_hash(const struct xc_hash_kind *kind, const char *text, const char *hex)
{
    uint8_t digest[XC_HASH_MAX];
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct xc_hash hash;
        xc_hash_init(&hash, kind);
        xc_hash_add(&hash, text, cut);
        xc_hash_add(&hash, text + cut, strlen(text) - cut);
        xc_hash_finish(&hash, digest);
        check_digest(kind, digest, hex);
    }
}

static void test_md5(void **state)
{
    (void)state;
    check_hash(&xc_md5, "", "d41d8cd98f00b204e9800998ecf8427e");
    check_hash(&xc_md5, "a", "0cc175b9c0f1b6a831c399e269772661");
    check_hash(&xc_md5, "abc", "900150983cd24fb0d6963f7d28e17f72");
    check_hash(&xc_md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0");
    check_hash(&xc_md5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b");
    check_hash(&xc_md5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
               "d174ab98d277d9f5a5611c2c9f419d9f");
    check_hash(&xc_md5,
               "1234567890123456789012345678901234567890"
               "1234567890123456789012345678901234567890",
               "57edf4a22be3c955ac49da2e2107b67a");
}

static void test_sha1(void **state)
{
    (void)state;
    check_hash(&xc_sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    check_hash(&xc_sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    check_hash(&xc_sha1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    check_hash(&xc_sha1,
               "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
               "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
               "a49b2446a02c645bf419f995b67091253a04a259");
}

static void test_sha256(void **state)
{
    (void)state;
    check_hash(&xc_sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_hash(&xc_sha256, "abc",
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_hash(&xc_sha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_hash(&xc_sha256,
               "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
               "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
               "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void check_million(const struct xc_hash_kind *kind, const char *hex)
{
    uint8_t chunk[1000], digest[XC_HASH_MAX];
    struct xc_hash hash;
    memset(chunk, 'a', sizeof chunk);
    xc_hash_init(&hash, kind);
    for (int i = 0; i < 1000; i++)
        xc_hash_add(&hash, chunk, sizeof chunk);
    xc_hash_finish(&hash, digest);
    check_digest(kind, digest, hex);
}

static void test_million(void **state)
{
    (void)state;
    check_million(&xc_md5, "7707d6ae4e027c70eea2a935c2296f21");
    check_million(&xc_sha1, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    check_million(&xc_sha256, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Each length from 0 to 130 of the letter x, hashed together: every way in which padding can fall. */
static void test_lengths(void **state)
{
    (void)state;
    uint8_t text[130], digest[XC_SHA256_SIZE];
    struct xc_hash all, one;
    memset(text, 'x', sizeof text);
    xc_hash_init(&all, &xc_sha256);
    for (size_t size = 0; size <= sizeof text; size++) {
        xc_hash_init(&one, &xc_sha256);
        xc_hash_add(&one, text, size);
        xc_hash_finish(&one, digest);
        xc_hash_add(&all, digest, sizeof digest);
    }
    xc_hash_finish(&all, digest);
    check_digest(&xc_sha256, digest,
                 "f5a018ad6f7a21c451c8d98b57699f4aeeb1976b88771c339c7ea60cd09c64ef");
}

static void check_hmac(const struct xc_hash_kind *kind, struct xc_span key, struct xc_span data,
                       const char *hex)
{
    uint8_t digest[XC_HASH_MAX];
    for (size_t cut = 0; cut <= data.size; cut++) {
        struct xc_hmac hmac;
        xc_hmac_init(&hmac, kind, key);
        xc_hmac_add(&hmac, data.data, cut);
        xc_hmac_add(&hmac, data.data + cut, data.size - cut);
        xc_hmac_finish(&hmac, digest);
        check_digest(kind, digest, hex);
    }
}

static void test_hmac_sha1(void **state)
{
    (void)state;
    uint8_t key[80], data[50], counting[25];
    memset(key, 0x0b, sizeof key);
    check_hmac(&xc_sha1, xc_span_make(key, 20), text_span("Hi There"),
               "b617318655057264e28bc0b6fb378c8ef146be00");
    check_hmac(&xc_sha1, text_span("Jefe"), text_span("what do ya want for nothing?"),
               "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    check_hmac(&xc_sha1, xc_span_make(key, 20), xc_span_make(data, 50),
               "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
    for (uint8_t i = 0; i < sizeof counting; i++)
        counting[i] = (uint8_t)(i + 1);
    memset(data, 0xcd, sizeof data);
    check_hmac(&xc_sha1, xc_span_make(counting, 25), xc_span_make(data, 50),
               "4c9007f4026250c6bc8414f9bf50c86c2d7235da");
    memset(key, 0x0c, sizeof key);
    check_hmac(&xc_sha1, xc_span_make(key, 20), text_span("Test With Truncation"),
               "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04");
    memset(key, 0xaa, sizeof key);
    check_hmac(&xc_sha1, xc_span_make(key, 80),
               text_span("Test Using Larger Than Block-Size Key - Hash Key First"),
               "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    check_hmac(&xc_sha1, xc_span_make(key, 80),
               text_span("Test Using Larger Than Block-Size Key and Larger Than One "
                         "Block-Size Data"),
               "e8e99d0f45237d786d6bbaa7965c7808bbff1a91");
}

static struct xc_span repeat(uint8_t *out, uint8_t value, size_t size)
{
    memset(out, value, size);
    return xc_span_make(out, size);
}

/* RFC 4231 sections 4.2 to 4.8; 4.6 is of a digest cut short, which we do not make. */
static void test_hmac_sha256(void **state)
{
    (void)state;
    uint8_t key[131], data[50];
    check_hmac(&xc_sha256, repeat(key, 0x0b, 20), xc_span_make("Hi There", 8),
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hmac(&xc_sha256, xc_span_make("Jefe", 4),
               xc_span_make("what do ya want for nothing?", 28),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check_hmac(&xc_sha256, repeat(key, 0xaa, 20), repeat(data, 0xdd, 50),
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (uint8_t i = 0; i < 25; i++)
        key[i] = (uint8_t)(i + 1);
    check_hmac(&xc_sha256, xc_span_make(key, 25), repeat(data, 0xcd, 50),
               "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    static const char larger_key[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    static const char larger_both[] =
        "This is a test using a larger than block-size key and a larger than bl"
        "ock-size data. The key needs to be hashed before being used by the HMA"
        "C algorithm.";
    check_hmac(&xc_sha256, repeat(key, 0xaa, 131), xc_span_make(larger_key, sizeof larger_key - 1),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    check_hmac(&xc_sha256, repeat(key, 0xaa, 131),
               xc_span_make(larger_both, sizeof larger_both - 1),
               "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_md5),         cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_sha256),      cmocka_unit_test(test_million),
        cmocka_unit_test(test_lengths),     cmocka_unit_test(test_hmac_sha1),
        cmocka_unit_test(test_hmac_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
