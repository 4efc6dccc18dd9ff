/* test_key_budget.c - requests for key frames: a lone one, storms of them, FIR numbers, the share of
 * the bytes, and what a peer that asks in vain still gets.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "proto/key_budget.h"

#define MS XC_NS_PER_MS
#define S XC_NS_PER_S

static void test_lone_request_at_once(void **state)
{
    (void)state;
    struct xc_key_budget b = {0};
    xc_key_budget_init(&b);
    assert_false(xc_key_budget_due(&b, 0, 0));
    assert_true(xc_key_budget_deadline(&b, 0) == XC_NEVER);
    xc_key_budget_sent(&b, 0, 20000, true);
    for (unsigned i = 1; i < 90; i++)
        xc_key_budget_sent(&b, i * 33 * MS, 1500, false);
    xc_key_budget_request(&b, 3 * S, 50 * MS);
    assert_true(xc_key_budget_deadline(&b, 50 * MS) <= 3 * S);
    assert_true(xc_key_budget_due(&b, 3 * S, 50 * MS));
    assert_false(xc_key_budget_due(&b, 3 * S, 50 * MS)); /* once */
    assert_true(xc_key_budget_deadline(&b, 50 * MS) == XC_NEVER);
}

/* The first key frame of a call is lost: asked for after 100 ms, made at once. */
static void test_first_loss_of_a_call(void **state)
{
    (void)state;
    struct xc_key_budget b = {0};
    xc_key_budget_init(&b);
    xc_key_budget_sent(&b, 0, 30000, true);
    xc_key_budget_request(&b, 100 * MS, 40 * MS);
    assert_true(xc_key_budget_due(&b, 100 * MS, 40 * MS));
}

static void test_coalesced(void **state)
{
    (void)state;
    struct xc_key_budget b = {0};
    xc_key_budget_init(&b);
    xc_key_budget_request(&b, 1 * S, 100 * MS);
    assert_true(xc_key_budget_due(&b, 1 * S, 100 * MS));
    /* The forced one is not even encoded, then under way: all these mean it. */
    xc_key_budget_request(&b, 1 * S + 10 * MS, 100 * MS);
    xc_key_budget_sent(&b, 1 * S + 20 * MS, 5000, true);
    xc_key_budget_request(&b, 1 * S + 60 * MS, 100 * MS);
    assert_true(xc_key_budget_deadline(&b, 100 * MS) == XC_NEVER);
    assert_int_equal(b.counters.answered, 2);
    /* This one comes of that key frame: one more at the end of the gap. */
    xc_key_budget_request(&b, 1 * S + 80 * MS, 100 * MS);
    xc_key_budget_request(&b, 1 * S + 90 * MS, 100 * MS);
    assert_false(xc_key_budget_due(&b, 1 * S + 299 * MS, 100 * MS));
    assert_true(xc_key_budget_deadline(&b, 100 * MS) == 1 * S + 300 * MS);
    assert_true(xc_key_budget_deadline(&b, 400 * MS) == 1 * S + 800 * MS); /* two round trips */
    assert_true(xc_key_budget_due(&b, 1 * S + 300 * MS, 100 * MS));
    assert_int_equal(b.counters.forced, 2);
    assert_int_equal(b.counters.requests, 5);
}

/* A key frame that came by itself answers, and an encoder without pictures holds up nobody. */
static void test_answered_by_any_key(void **state)
{
    (void)state;
    struct xc_key_budget b = {0};
    xc_key_budget_init(&b);
    xc_key_budget_request(&b, 1 * S, 0);
    assert_true(xc_key_budget_due(&b, 1 * S, 0));
    xc_key_budget_request(&b, 1 * S + 400 * MS, 0); /* no key frame came of it */
    assert_true(xc_key_budget_due(&b, 1 * S + 400 * MS, 0));
    xc_key_budget_sent(&b, 1 * S + 410 * MS, 1000, true);
    xc_key_budget_request(&b, 1 * S + 500 * MS, 0);
    assert_false(xc_key_budget_due(&b, 1 * S + 500 * MS, 0));
    xc_key_budget_sent(&b, 1 * S + 600 * MS, 1000, true);
    assert_false(xc_key_budget_due(&b, 9 * S, 0));
}

/* RFC 5104 section 4.3.1.2. */
static void test_fir_numbers(void **state)
{
    (void)state;
    struct xc_key_budget b = {0};
    xc_key_budget_init(&b);
    assert_true(xc_key_budget_fir(&b, 1 * S, 0, 7, 0));
    assert_true(xc_key_budget_due(&b, 1 * S, 0));
    for (unsigned i = 0; i < 100; i++)
        assert_false(xc_key_budget_fir(&b, 2 * S + i * MS, 0, 7, 0));
    assert_false(xc_key_budget_due(&b, 3 * S, 0));
    assert_int_equal(b.counters.repeated, 100);
    assert_true(xc_key_budget_fir(&b, 3 * S, 0, 8, 0)); /* another sender's number */
    assert_true(xc_key_budget_due(&b, 3 * S, 0));
    assert_true(xc_key_budget_fir(&b, 4 * S, 0, 7, 255)); /* any other number is new */
    assert_true(xc_key_budget_due(&b, 4 * S, 0));
    for (uint32_t ssrc = 100; ssrc < 100 + 2 * XC_KEY_FIR_SENDERS; ssrc++)
        assert_true(xc_key_budget_fir(&b, 5 * S, 0, ssrc, 1));
    assert_int_equal(b.fir_count, XC_KEY_FIR_SENDERS);
}

/* 30 frames a second; a forced key is encoded with the next frame. How long is the longest wait? */
static void storm(struct xc_key_budget *b, uint32_t seconds, uint32_t key, uint32_t delta,
                  uint64_t round_trip)
{
    bool force = true;
    xc_key_budget_init(b);
    for (uint32_t ms = 0; ms < seconds * 1000; ms++) {
        uint64_t now = 1 * S + ms * MS;
        xc_key_budget_request(b, now, round_trip);
        uint64_t deadline = xc_key_budget_deadline(b, round_trip);
        bool due = xc_key_budget_due(b, now, round_trip);
        assert_int_equal(due, deadline <= now);
        force = force || due;
        if (ms % 33 == 0) {
            xc_key_budget_sent(b, now, force ? key : delta, force);
            force = false;
        }
    }
}

static void test_storm_stays_under_budget(void **state)
{
    (void)state;
    static const uint32_t deltas[] = {500, 2000, 8000};
    for (unsigned i = 0; i < 3; i++) {
        for (uint64_t round_trip = 0; round_trip <= 400 * MS; round_trip += 100 * MS) {
            struct xc_key_budget b = {0};
            uint32_t key = deltas[i] * 10;
            storm(&b, 20, key, deltas[i], round_trip);
            assert_int_equal(b.counters.requests, 20000);
            assert_true(b.counters.key_bytes <= b.counters.bytes / XC_KEY_SHARE_DIVISOR + 2 * key);
            assert_true(b.counters.key_bytes >= b.counters.bytes / XC_KEY_SHARE_DIVISOR - 2 * key);
            assert_true(b.counters.forced >= 4 && b.counters.forced <= 20 * 10 / 3 + 1);
        }
    }
    /* Small key frames: the gap rules. */
    struct xc_key_budget b = {0};
    storm(&b, 20, 1000, 3000, 0);
    assert_in_range(b.counters.forced, 50, 67);
    /* Huge ones: the peer still gets one every 5 s. */
    b = (struct xc_key_budget){0};
    storm(&b, 31, 500000, 500, 0);
    assert_in_range(b.counters.forced, 6, 8);
    /* The storm is over: after the debt, a lone request is answered at once again. */
    b = (struct xc_key_budget){0};
    storm(&b, 10, 20000, 2000, 0);
    for (uint32_t i = 0; i < 60; i++)
        xc_key_budget_sent(&b, 11 * S + i * 33 * MS, 2000, false);
    xc_key_budget_due(&b, 13 * S, 0); /* what was left of the storm */
    xc_key_budget_sent(&b, 13 * S, 20000, true);
    for (uint32_t i = 0; i < 60; i++)
        xc_key_budget_sent(&b, 13 * S + i * 33 * MS, 2000, false);
    xc_key_budget_request(&b, 16 * S, 0);
    assert_true(xc_key_budget_due(&b, 16 * S, 0));
}

static void test_starting_anew(void **state)
{
    (void)state;
    struct xc_key_budget b = {0};
    storm(&b, 3, 100000, 100, 0);
    uint64_t forced = b.counters.forced;
    xc_key_budget_init(&b);
    assert_false(xc_key_budget_due(&b, 5 * S, 0));
    xc_key_budget_request(&b, 5 * S, 0);
    assert_true(xc_key_budget_due(&b, 5 * S, 0));
    assert_int_equal(b.counters.forced, forced + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lone_request_at_once),     cmocka_unit_test(test_coalesced),
        cmocka_unit_test(test_first_loss_of_a_call),     cmocka_unit_test(test_fir_numbers),
        cmocka_unit_test(test_answered_by_any_key),      cmocka_unit_test(test_starting_anew),
        cmocka_unit_test(test_storm_stays_under_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
