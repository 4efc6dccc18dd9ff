/* test_sha256.c - SHA-256 (FIPS 180-4 examples), HMAC-SHA-256 (RFC 4231), and lengths around a block.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/sha256.h"

static void check_digest(const uint8_t *digest, const char *hex)
{
    uint8_t wanted[XC_SHA256_SIZE];
    assert_int_equal(hex_bytes(hex, wanted, sizeof wanted), XC_SHA256_SIZE);
    assert_memory_equal(digest, wanted, XC_SHA256_SIZE);
}

static void check_sha256(const char *text, const char *hex)
{
    uint8_t digest[XC_SHA256_SIZE];
    /* Whole, and cut in two at every place. */
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct xc_sha256 sha;
        xc_sha256_init(&sha);
        xc_sha256_add(&sha, text, cut);
        xc_sha256_add(&sha, text + cut, strlen(text) - cut);
        xc_sha256_finish(&sha, digest);
        check_digest(digest, hex);
    }
}

static void test_sha256(void **state)
{
    (void)state;
    check_sha256("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha256("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
                 "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                 "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void test_million(void **state)
{
    (void)state;
    uint8_t chunk[1000], digest[XC_SHA256_SIZE];
    struct xc_sha256 sha;
    memset(chunk, 'a', sizeof chunk);
    xc_sha256_init(&sha);
    for (int i = 0; i < 1000; i++)
        xc_sha256_add(&sha, chunk, sizeof chunk);
    xc_sha256_finish(&sha, digest);
    check_digest(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Each length from 0 to 130 of the letter x, hashed together: every way in which padding can fall. */
static void test_lengths(void **state)
{
    (void)state;
    uint8_t text[130], digest[XC_SHA256_SIZE];
    struct xc_sha256 all, one;
    memset(text, 'x', sizeof text);
    xc_sha256_init(&all);
    for (size_t size = 0; size <= sizeof text; size++) {
        xc_sha256_init(&one);
        xc_sha256_add(&one, text, size);
        xc_sha256_finish(&one, digest);
        xc_sha256_add(&all, digest, sizeof digest);
    }
    xc_sha256_finish(&all, digest);
    check_digest(digest, "f5a018ad6f7a21c451c8d98b57699f4aeeb1976b88771c339c7ea60cd09c64ef");
}

static void check_hmac(struct xc_span key, struct xc_span data, const char *hex)
{
    uint8_t digest[XC_SHA256_SIZE];
    for (size_t cut = 0; cut <= data.size; cut++) {
        struct xc_hmac_sha256 hmac;
        xc_hmac_sha256_init(&hmac, key);
        xc_hmac_sha256_add(&hmac, data.data, cut);
        xc_hmac_sha256_add(&hmac, data.data + cut, data.size - cut);
        xc_hmac_sha256_finish(&hmac, digest);
        check_digest(digest, hex);
    }
}

static struct xc_span repeat(uint8_t *out, uint8_t value, size_t size)
{
    memset(out, value, size);
    return xc_span_make(out, size);
}

/* RFC 4231 sections 4.2 to 4.8; 4.6 is of a digest cut short, which we do not make. */
static void test_hmac(void **state)
{
    (void)state;
    uint8_t key[131], data[50];
    check_hmac(repeat(key, 0x0b, 20), xc_span_make("Hi There", 8),
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hmac(xc_span_make("Jefe", 4), xc_span_make("what do ya want for nothing?", 28),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check_hmac(repeat(key, 0xaa, 20), repeat(data, 0xdd, 50),
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (uint8_t i = 0; i < 25; i++)
        key[i] = (uint8_t)(i + 1);
    check_hmac(xc_span_make(key, 25), repeat(data, 0xcd, 50),
               "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    static const char larger_key[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    static const char larger_both[] =
        "This is a test using a larger than block-size key and a larger than bl"
        "ock-size data. The key needs to be hashed before being used by the HMA"
        "C algorithm.";
    check_hmac(repeat(key, 0xaa, 131), xc_span_make(larger_key, sizeof larger_key - 1),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    check_hmac(repeat(key, 0xaa, 131), xc_span_make(larger_both, sizeof larger_both - 1),
               "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_million),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_hmac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
