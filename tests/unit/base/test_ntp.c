/* test_ntp.c - base/ntp.h: known instants, round trips, the era of 2036, short forms (RFC 5905
 * section 6, RFC 3550 section 4).
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/ntp.h"
#include "base/rng.h"

static void test_known_instants(void **state)
{
    (void)state;
    assert_int_equal(xc_ntp_from_unix_ns(0), UINT64_C(2208988800) << 32);
    assert_int_equal(xc_ntp_from_unix_ns(XC_NS_PER_S / 2),
                     UINT64_C(2208988800) << 32 | UINT64_C(0x80000000));
    /* 2000-01-01T00:00:00Z is 3155673600 s after 1900 (RFC 5905 figure 4). */
    assert_int_equal(xc_ntp_from_unix_ns(UINT64_C(946684800) * XC_NS_PER_S) >> 32, 3155673600u);
    assert_int_equal(xc_ntp_to_unix_ns(UINT64_C(3155673600) << 32),
                     UINT64_C(946684800) * XC_NS_PER_S);
    assert_int_equal(xc_ntp_to_ns(UINT64_C(3) << 32 | UINT64_C(0x40000000)),
                     3 * XC_NS_PER_S + XC_NS_PER_S / 4);
}

static void test_every_nanosecond_returns(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 1);
    for (int i = 0; i < 100000; i++) {
        /* 1970 to 2104 */
        uint64_t ns = xc_rng_u64(&rng) % (UINT64_C(4230000000) * XC_NS_PER_S);
        if (i < 1000)
            ns = ns / XC_NS_PER_S * XC_NS_PER_S + (uint64_t)(i < 500 ? i : 999999000 + i);
        assert_int_equal(xc_ntp_to_unix_ns(xc_ntp_from_unix_ns(ns)), ns);
        uint64_t within_era = ns % (UINT64_C(4294967295) * XC_NS_PER_S);
        assert_int_equal(xc_ntp_to_ns(xc_ntp_from_ns(within_era)), within_era);
    }
}

static void test_era_of_2036(void **state)
{
    (void)state;
    /* 2036-02-07T06:28:16Z: the seconds are 0 again. */
    uint64_t turn = ((UINT64_C(1) << 32) - XC_NTP_UNIX_OFFSET_S) * XC_NS_PER_S;
    assert_int_equal(xc_ntp_from_unix_ns(turn), 0);
    assert_int_equal(xc_ntp_to_unix_ns(0), turn);
    assert_int_equal(xc_ntp_from_unix_ns(turn - 1) >> 32, 0xffffffff);
    assert_int_equal(xc_ntp_to_unix_ns(xc_ntp_from_unix_ns(turn - 1)), turn - 1);
    assert_int_equal(xc_ntp_to_unix_ns(xc_ntp_from_unix_ns(turn + 1)), turn + 1);
    /* 1968 to 1970 is before the Unix epoch. */
    assert_int_equal(xc_ntp_to_unix_ns(UINT64_C(0x80000000) << 32), 0);
    /* The largest fraction is nearer to the next second. */
    assert_int_equal(xc_ntp_fraction_ns(UINT32_MAX), XC_NS_PER_S);
    assert_true(xc_ntp_to_ns(UINT64_MAX) == (UINT64_C(1) << 32) * XC_NS_PER_S);
}

static void test_short_forms(void **state)
{
    (void)state;
    assert_int_equal(xc_ntp_middle(UINT64_C(0xb44db7052000bead)), 0xb7052000);
    assert_int_equal(xc_ntp_short_from_ns(5250 * XC_NS_PER_MS), 0x00054000);
    assert_int_equal(xc_ntp_short_to_ns(0x00054000), 5250 * XC_NS_PER_MS);
    assert_int_equal(xc_ntp_short_from_ns(0), 0);
    assert_int_equal(xc_ntp_short_from_ns(15258), 0);
    assert_int_equal(xc_ntp_short_from_ns(15259), 1);
    assert_int_equal(xc_ntp_short_from_ns(UINT64_C(65536) * XC_NS_PER_S - 1), UINT32_MAX);
    assert_int_equal(xc_ntp_short_from_ns(UINT64_C(65536) * XC_NS_PER_S), UINT32_MAX);
    assert_int_equal(xc_ntp_short_from_ns(UINT64_MAX), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_instants),
        cmocka_unit_test(test_every_nanosecond_returns),
        cmocka_unit_test(test_era_of_2036),
        cmocka_unit_test(test_short_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
