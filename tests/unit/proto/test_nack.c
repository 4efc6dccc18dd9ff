/* test_nack.c - the missing-packet table: when it asks, repeats and gives up, its limits, and its
 * deadline against random histories and a plain model.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/rng.h"
#include "proto/nack_tracker.h"

#define MS XC_NS_PER_MS

static const struct xc_nack_config usual = {
    .delay = 10 * MS,
    .give_up = 1000 * MS,
    .retries_max = 4,
};

static uint16_t asked[XC_NACK_TRACKED_MAX];

static size_t due(struct xc_nack_tracker *tracker, uint64_t now, uint64_t round_trip)
{
    return xc_nack_due(tracker, now, round_trip, asked, XC_ARRAY_LEN(asked));
}

static void test_life_of_one_loss(void **state)
{
    (void)state;
    struct xc_nack_tracker tracker;
    xc_nack_init(&tracker, &usual);
    assert_int_equal(xc_nack_deadline(&tracker), XC_NEVER);
    xc_nack_skipped(&tracker, 100 * MS, 65537, 65537);
    assert_int_equal(xc_nack_deadline(&tracker), 110 * MS);
    assert_int_equal(due(&tracker, 110 * MS - 1, 50 * MS), 0);
    /* First after the delay, then each round trip and 10 ms. */
    static const uint64_t times[] = {110 * MS, 170 * MS, 230 * MS, 290 * MS};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(xc_nack_deadline(&tracker), times[i]);
        assert_int_equal(due(&tracker, times[i] - 1, 50 * MS), 0);
        assert_int_equal(due(&tracker, times[i], 50 * MS), 1);
        assert_int_equal(asked[0], 1);
        assert_int_equal(due(&tracker, times[i], 50 * MS), 0);
    }
    /* The last request has its round trip too, then it is given up. */
    assert_int_equal(xc_nack_deadline(&tracker), 350 * MS);
    uint64_t newest = 0;
    assert_false(xc_nack_take_lost(&tracker, &newest));
    assert_int_equal(due(&tracker, 350 * MS, 50 * MS), 0);
    assert_int_equal(tracker.given_up, 1);
    assert_int_equal(tracker.requests_sent, 4);
    assert_true(xc_nack_take_lost(&tracker, &newest));
    assert_int_equal(newest, 65537);
    assert_false(xc_nack_take_lost(&tracker, &newest));
    assert_int_equal(xc_nack_deadline(&tracker), XC_NEVER);
    assert_int_equal(xc_nack_arrived(&tracker, 65537), XC_NACK_UNKNOWN);
}

static void test_arrivals(void **state)
{
    (void)state;
    struct xc_nack_tracker tracker;
    xc_nack_init(&tracker, &usual);
    xc_nack_skipped(&tracker, 0, 101, 103);
    assert_int_equal(xc_nack_arrived(&tracker, 102), XC_NACK_REORDERED);
    assert_int_equal(xc_nack_arrived(&tracker, 102), XC_NACK_UNKNOWN);
    assert_int_equal(xc_nack_arrived(&tracker, 100), XC_NACK_UNKNOWN);
    assert_int_equal(xc_nack_arrived(&tracker, 104), XC_NACK_UNKNOWN);
    assert_int_equal(due(&tracker, 10 * MS, 0), 2);
    assert_int_equal(asked[0], 101);
    assert_int_equal(asked[1], 103);
    assert_int_equal(xc_nack_arrived(&tracker, 103), XC_NACK_REPAIRED);
    assert_int_equal(xc_nack_arrived(&tracker, 101), XC_NACK_REPAIRED);
    assert_int_equal(tracker.count, 0);
    assert_int_equal(tracker.given_up, 0);
}

static void test_repeat_interval(void **state)
{
    (void)state;
    static const uint64_t cases[][2] = {
        {0, 110 * MS}, {1, 20 * MS}, {5 * MS, 20 * MS}, {10 * MS, 20 * MS}, {200 * MS, 210 * MS}};
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        struct xc_nack_tracker tracker;
        xc_nack_init(&tracker, &usual);
        xc_nack_skipped(&tracker, 0, 7, 7);
        assert_int_equal(due(&tracker, 10 * MS, cases[i][0]), 1);
        assert_int_equal(xc_nack_deadline(&tracker), 10 * MS + cases[i][1]);
    }
}

static void test_gives_up_in_time(void **state)
{
    (void)state;
    struct xc_nack_config config = usual;
    config.give_up = 100 * MS;
    struct xc_nack_tracker tracker;
    xc_nack_init(&tracker, &config);
    xc_nack_skipped(&tracker, 0, 7, 7);
    assert_int_equal(due(&tracker, 10 * MS, 500 * MS), 1);
    assert_int_equal(xc_nack_deadline(&tracker), 100 * MS);
    assert_int_equal(due(&tracker, 100 * MS - 1, 500 * MS), 0);
    assert_int_equal(tracker.given_up, 0);
    assert_int_equal(due(&tracker, 100 * MS, 500 * MS), 0);
    assert_int_equal(tracker.given_up, 1);
    /* No requests at all: what is missing is still learnt of. */
    config.retries_max = 0;
    xc_nack_init(&tracker, &config);
    xc_nack_skipped(&tracker, 0, 7, 7);
    assert_int_equal(due(&tracker, 10 * MS, 0), 0);
    assert_int_equal(tracker.given_up, 1);
    /* Times without end do not overflow. */
    config =
        (struct xc_nack_config){.delay = XC_NEVER, .give_up = XC_NEVER, .retries_max = UINT32_MAX};
    xc_nack_init(&tracker, &config);
    xc_nack_skipped(&tracker, 1000, 7, 7);
    assert_int_equal(xc_nack_deadline(&tracker), XC_NEVER);
    assert_int_equal(due(&tracker, XC_NEVER - 1, 0), 0);
}

static void test_settled(void **state)
{
    (void)state;
    struct xc_nack_tracker tracker;
    xc_nack_init(&tracker, &usual);
    xc_nack_skipped(&tracker, 0, 10, 14);
    xc_nack_settled(&tracker, 12);
    assert_int_equal(due(&tracker, 10 * MS, 0), 2);
    assert_int_equal(asked[0], 13);
    xc_nack_settled(&tracker, 5); /* never back */
    xc_nack_settled(&tracker, 20);
    assert_int_equal(tracker.count, 0);
    assert_int_equal(tracker.given_up, 0);
    xc_nack_skipped(&tracker, 0, 18, 22); /* 21 and 22 are of use */
    assert_int_equal(due(&tracker, 10 * MS, 0), 2);
    assert_int_equal(asked[0], 21);
    xc_nack_skipped(&tracker, 0, 15, 20);
    assert_int_equal(tracker.count, 2);
    /* A loss that was settled after it was given up is nobody's concern. */
    (void)due(&tracker, 2000 * MS, 0);
    assert_true(tracker.lost);
    xc_nack_settled(&tracker, 21);
    assert_true(tracker.lost);
    xc_nack_settled(&tracker, 22);
    assert_false(xc_nack_take_lost(&tracker, NULL));
    xc_nack_settled(&tracker, UINT64_MAX);
    xc_nack_skipped(&tracker, 0, 30, 40);
    assert_int_equal(tracker.count, 0);
}

static void test_table_is_bounded(void **state)
{
    (void)state;
    struct xc_nack_tracker tracker;
    uint64_t newest;
    xc_nack_init(&tracker, &usual);
    xc_nack_skipped(&tracker, 0, 1000, 1000 + 299);
    assert_int_equal(tracker.count, XC_NACK_TRACKED_MAX);
    assert_int_equal(tracker.given_up, 300 - XC_NACK_TRACKED_MAX);
    assert_int_equal(tracker.missing[0].sequence, 1300 - XC_NACK_TRACKED_MAX);
    assert_true(xc_nack_take_lost(&tracker, &newest));
    assert_int_equal(newest, 1299 - XC_NACK_TRACKED_MAX);
    xc_nack_skipped(&tracker, 0, 2000, 2009); /* ten more: ten oldest go */
    assert_int_equal(tracker.count, XC_NACK_TRACKED_MAX);
    assert_int_equal(tracker.given_up, 310 - XC_NACK_TRACKED_MAX);
    assert_int_equal(tracker.missing[0].sequence, 1310 - XC_NACK_TRACKED_MAX);
    assert_int_equal(tracker.missing[XC_NACK_TRACKED_MAX - 1].sequence, 2009);
    xc_nack_restart(&tracker, 2010);
    assert_int_equal(tracker.count, 0);
    assert_int_equal(tracker.given_up, 310);
    assert_true(xc_nack_take_lost(&tracker, &newest));
    assert_int_equal(newest, 2010);
}

static void test_burst_is_limited(void **state)
{
    (void)state;
    struct xc_nack_config config = usual;
    config.retries_max = 10;
    struct xc_nack_tracker tracker;
    xc_nack_init(&tracker, &config);
    xc_nack_skipped(&tracker, 0, 0x10000, 0x10000 + 199);
    /* A batch each 10 ms, oldest first, whatever the caller's capacity. */
    assert_int_equal(due(&tracker, 10 * MS, 30 * MS), XC_NACK_BATCH_MAX);
    assert_int_equal(asked[0], 0);
    assert_int_equal(asked[XC_NACK_BATCH_MAX - 1], XC_NACK_BATCH_MAX - 1);
    assert_int_equal(due(&tracker, 10 * MS, 30 * MS), 0);
    assert_int_equal(xc_nack_deadline(&tracker), 20 * MS);
    size_t small = 0;
    for (size_t n; (n = xc_nack_due(&tracker, 20 * MS, 30 * MS, asked, 5)) > 0;)
        small += n;
    assert_int_equal(small, XC_NACK_BATCH_MAX);
    /* Nothing ever comes: each repeat waits twice as long, up to eight times. */
    uint64_t when[12] = {10 * MS};
    unsigned count = 1;
    for (uint64_t now = 21 * MS; now < 900 * MS; now += MS) {
        size_t n = due(&tracker, now, 30 * MS);
        assert_true(n <= XC_NACK_BATCH_MAX);
        for (size_t i = 0; i < n; i++)
            if (asked[i] == 0 && count < 12)
                when[count++] = now;
    }
    assert_int_equal(count, 5);
    static const uint64_t gaps[] = {40 * MS, 80 * MS, 160 * MS, 320 * MS};
    for (unsigned i = 0; i < 4; i++)
        assert_true(when[i + 1] - when[i] >= gaps[i] && when[i + 1] - when[i] <= gaps[i] + 40 * MS);
}

/* The model: what is missing, and how often and when it was asked for, by number. */
#define NUMBERS 4000

struct model {
    uint64_t noticed[NUMBERS], asked_at[NUMBERS];
    uint8_t requests[NUMBERS];
    bool missing[NUMBERS];
};

static uint64_t running_seed;
static bool is_running;

static int print_seed(void **state)
{
    (void)state;
    if (is_running)
        print_error("seed %u\n", (unsigned)running_seed);
    return 0;
}

static void model_ask(struct model *m, struct xc_nack_tracker *tracker, uint64_t now,
                      uint64_t round_trip, uint64_t newest)
{
    size_t n = due(tracker, now, round_trip);
    uint64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t number = asked[i];
        assert_true(i == 0 || number > before);
        before = number;
        assert_true(number < newest && m->missing[number]);
        assert_true(now >= m->noticed[number] + usual.delay);
        assert_true(now < m->noticed[number] + usual.give_up);
        assert_true(m->requests[number] < usual.retries_max);
        if (m->requests[number])
            assert_true(now - m->asked_at[number] >= round_trip + 10 * MS);
        m->requests[number]++;
        m->asked_at[number] = now;
    }
}

static void check_random_history(uint64_t seed)
{
    static struct model m;
    memset(&m, 0, sizeof m);
    struct xc_rng rng;
    xc_rng_init_number(&rng, seed);
    struct xc_nack_tracker tracker;
    xc_nack_init(&tracker, &usual);
    uint64_t now = 0, newest = 0;
    uint64_t round_trip = (10 + xc_rng_below(&rng, 100)) * MS;
    uint32_t loss = xc_rng_below(&rng, 60);
    while (newest + 400 < NUMBERS) {
        uint64_t skip = xc_rng_below(&rng, 100) < loss ? xc_rng_below(&rng, 4) : 0;
        if (xc_rng_below(&rng, 300) == 0)
            skip = xc_rng_below(&rng, 300);
        if (skip)
            xc_nack_skipped(&tracker, now, newest + 1, newest + skip);
        for (uint64_t n = newest + 1; n <= newest + skip; n++) {
            m.missing[n] = true;
            m.noticed[n] = now;
        }
        newest += skip + 1;
        if (xc_rng_below(&rng, 3) == 0) { /* an old one comes */
            uint64_t n = newest - xc_rng_below(&rng, (uint32_t)XC_MIN(newest, 50));
            int answer = xc_nack_arrived(&tracker, n);
            if (answer != XC_NACK_UNKNOWN) {
                assert_true(m.missing[n]);
                assert_int_equal(answer == XC_NACK_REPAIRED, m.requests[n] > 0);
            }
            m.missing[n] = false;
        }
        uint64_t until = now + xc_rng_below(&rng, 8) * MS;
        for (uint64_t at; (at = xc_nack_deadline(&tracker)) <= until;) {
            now = XC_MAX(now, at);
            model_ask(&m, &tracker, now, round_trip, newest);
            assert_true(xc_nack_deadline(&tracker) > now); /* it moves on */
        }
        now = until;
    }
    while (xc_nack_deadline(&tracker) != XC_NEVER) {
        now = XC_MAX(now, xc_nack_deadline(&tracker));
        model_ask(&m, &tracker, now, round_trip, newest);
    }
    uint64_t lost = 0;
    for (uint64_t n = 0; n < NUMBERS; n++)
        lost += m.missing[n];
    /* All that never came was given up; what came after that was given up as well. */
    assert_true(tracker.given_up >= lost);
    assert_int_equal(tracker.count, 0);
}

static void test_random_histories(void **state)
{
    (void)state;
    is_running = true;
    for (running_seed = 0; running_seed < 60; running_seed++)
        check_random_history(running_seed);
    is_running = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life_of_one_loss),
        cmocka_unit_test(test_arrivals),
        cmocka_unit_test(test_repeat_interval),
        cmocka_unit_test(test_gives_up_in_time),
        cmocka_unit_test(test_settled),
        cmocka_unit_test(test_table_is_bounded),
        cmocka_unit_test(test_burst_is_limited),
        cmocka_unit_test_teardown(test_random_histories, print_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
