/* test_md5.c - MD5 by the test suite of RFC 1321 section A.5.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/md5.h"

static void check(const char *text, const char *hex)
{
    uint8_t digest[XC_MD5_SIZE], wanted[XC_MD5_SIZE];
    assert_int_equal(hex_bytes(hex, wanted, sizeof wanted), XC_MD5_SIZE);
    /* Whole, and cut in two at every place. */
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct xc_md5 md5;
        xc_md5_init(&md5);
        xc_md5_add(&md5, text, cut);
        xc_md5_add(&md5, text + cut, strlen(text) - cut);
        xc_md5_finish(&md5, digest);
        assert_memory_equal(digest, wanted, XC_MD5_SIZE);
    }
}

static void test_suite(void **state)
{
    (void)state;
    check("", "d41d8cd98f00b204e9800998ecf8427e");
    check("a", "0cc175b9c0f1b6a831c399e269772661");
    check("abc", "900150983cd24fb0d6963f7d28e17f72");
    check("message digest", "f96b697d7cb7938d525a2f31aaf161d0");
    check("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b");
    check("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
          "d174ab98d277d9f5a5611c2c9f419d9f");
    check("1234567890123456789012345678901234567890"
          "1234567890123456789012345678901234567890",
          "57edf4a22be3c955ac49da2e2107b67a");
}

static void test_million(void **state)
{
    (void)state;
    uint8_t chunk[1000], digest[XC_MD5_SIZE], wanted[XC_MD5_SIZE];
    struct xc_md5 md5;
    memset(chunk, 'a', sizeof chunk);
    xc_md5_init(&md5);
    for (int i = 0; i < 1000; i++)
        xc_md5_add(&md5, chunk, sizeof chunk);
    xc_md5_finish(&md5, digest);
    hex_bytes("7707d6ae4e027c70eea2a935c2296f21", wanted, sizeof wanted);
    assert_memory_equal(digest, wanted, XC_MD5_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite),
        cmocka_unit_test(test_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
