/* test_mdns.c - the resolver of ".local" names in virtual time: when it asks, what it believes, when it
 * forgets, and what it does when its table is full.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/rng.h"
#include "proto/mdns.h"

#define MS XC_NS_PER_MS
#define START (1000 * XC_NS_PER_S)
#define NAME "9b36eaac-bb2e-49bb-bb78-21c41c499900.local"

static struct xc_mdns mdns;
static const struct xc_addr responder = {
    .family = XC_ADDR_IPV4, .port = XC_MDNS_PORT, .bytes = {192, 168, 1, 7}};

static struct xc_addr ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct xc_addr){.family = XC_ADDR_IPV4, .bytes = {a, b, c, d}};
}

static int setup(void **state)
{
    (void)state;
    xc_mdns_init(&mdns, false);
    return 0;
}

static size_t write_answer(uint8_t *out, size_t capacity, const char *name, uint32_t ttl,
                           bool flush, const struct xc_addr *addresses, size_t count)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    xc_write32(&w, 0x00008400);
    xc_write16(&w, 0);
    xc_write16(&w, (uint16_t)count);
    xc_write32(&w, 0);
    for (size_t i = 0; i < count; i++) {
        size_t label = strlen(name) - 6; /* without ".local" */
        bool v4 = addresses[i].family == XC_ADDR_IPV4;
        xc_write8(&w, (uint8_t)label);
        xc_write_bytes(&w, name, label);
        xc_write_bytes(&w, "\5local", 7);
        xc_write16(&w, v4 ? XC_DNS_A : XC_DNS_AAAA);
        xc_write16(&w, flush ? 0x8001 : 1);
        xc_write32(&w, ttl);
        xc_write16(&w, v4 ? 4 : 16);
        xc_write_bytes(&w, addresses[i].bytes, v4 ? 4 : 16);
    }
    assert_false(w.failed);
    return w.size;
}

static void answer_with(uint64_t now, const char *name, uint32_t ttl, bool flush,
                        const struct xc_addr *addresses, size_t count)
{
    uint8_t bytes[1500];
    size_t size = write_answer(bytes, sizeof bytes, name, ttl, flush, addresses, count);
    xc_mdns_input(&mdns, now, &responder, xc_span_make(bytes, size));
}

static uint32_t queries(uint64_t now)
{
    struct xc_mdns_query query;
    uint32_t count = 0;
    while (xc_mdns_next_query(&mdns, now, &query)) {
        assert_true(count < 1000);
        assert_int_equal(query.type, count % 2 ? XC_DNS_AAAA : XC_DNS_A);
        count++;
    }
    return count;
}

static bool take(uint64_t now, struct xc_mdns_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    return xc_mdns_next_answer(&mdns, now, answer);
}

static void test_asks_and_gives_up(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    static const uint32_t times[] = {0, 250, 1000, 2000, 4000};
    uint64_t now = START;
    assert_true(xc_mdns_idle(&mdns));
    assert_int_equal(xc_mdns_deadline(&mdns), XC_NEVER);
    assert_true(xc_mdns_ask(&mdns, now, NAME, 1));
    for (size_t i = 0; i < XC_ARRAY_LEN(times); i++) {
        assert_int_equal(xc_mdns_deadline(&mdns), START + times[i] * MS);
        if (i) {
            assert_int_equal(queries(START + times[i] * MS - 1), 0);
            assert_false(take(START + times[i] * MS - 1, &answer));
        }
        now = START + times[i] * MS;
        assert_int_equal(queries(now), 2); /* A and AAAA */
        assert_int_equal(queries(now), 0);
    }
    assert_int_equal(xc_mdns_deadline(&mdns), START + 5000 * MS);
    assert_false(take(START + 5000 * MS - 1, &answer));
    assert_false(xc_mdns_idle(&mdns));
    assert_true(take(START + 5000 * MS, &answer));
    assert_int_equal(answer.asker, 1);
    assert_int_equal(answer.count, 0);
    assert_string_equal(answer.name, NAME);
    assert_false(take(START + 5000 * MS, &answer));
    assert_true(xc_mdns_idle(&mdns));
    assert_int_equal(xc_mdns_deadline(&mdns), XC_NEVER);
    /* And may be asked anew. */
    assert_true(xc_mdns_ask(&mdns, START + 6000 * MS, NAME, 1));
    assert_int_equal(queries(START + 6000 * MS), 2);
}

static void test_answer_and_cache(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr addr = ipv4(192, 168, 1, 7);
    assert_true(xc_mdns_ask(&mdns, START, "ABC.Local", 1));
    assert_true(xc_mdns_ask(&mdns, START, "abc.local", 1)); /* the same */
    assert_true(xc_mdns_ask(&mdns, START, "abc.local", 2));
    queries(START);
    answer_with(START + 10 * MS, "aBc.local", 120, true, &addr, 1);
    assert_int_equal(xc_mdns_deadline(&mdns), 0); /* at once */
    for (int i = 0; i < 2; i++) {
        assert_true(take(START + 10 * MS, &answer));
        assert_string_equal(answer.name, "abc.local");
        assert_int_equal(answer.count, 1);
        assert_true(xc_addr_equal(&answer.addresses[0], &addr));
    }
    assert_false(take(START + 10 * MS, &answer));
    assert_int_equal(queries(START + 300 * MS), 0);
    /* Known for a while: no question on the network. */
    assert_false(xc_mdns_idle(&mdns));
    assert_true(xc_mdns_ask(&mdns, START + 9000 * MS, "abc.local", 3));
    assert_int_equal(queries(START + 9000 * MS), 0);
    assert_true(take(START + 9000 * MS, &answer));
    assert_int_equal(answer.asker, 3);
    assert_int_equal(answer.count, 1);
    /* Then forgotten, although its TTL is longer. */
    assert_int_equal(xc_mdns_deadline(&mdns), START + 10 * MS + XC_MDNS_CACHE);
    assert_false(take(START + 10 * MS + XC_MDNS_CACHE, &answer));
    assert_true(xc_mdns_idle(&mdns));
    assert_true(xc_mdns_ask(&mdns, START + 11000 * MS, "abc.local", 4));
    assert_int_equal(queries(START + 11000 * MS), 2);
}

/* A late answer, within the time. */
static void test_late_answer(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr addr = ipv4(10, 0, 0, 1);
    xc_mdns_ask(&mdns, START, NAME, 7);
    for (uint64_t now = START; now < START + 4900 * MS; now = xc_mdns_deadline(&mdns)) {
        if (!queries(now))
            break;
    }
    answer_with(START + 4900 * MS, NAME, 60, true, &addr, 1);
    assert_true(take(START + 4900 * MS, &answer));
    assert_int_equal(answer.count, 1);
}

static void test_ttl_bounds_cache(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr addr = ipv4(10, 0, 0, 1);
    xc_mdns_ask(&mdns, START, NAME, 7);
    queries(START);
    answer_with(START, NAME, 2, true, &addr, 1);
    assert_true(take(START, &answer));
    assert_int_equal(xc_mdns_deadline(&mdns), START + 2000 * MS);
    assert_true(xc_mdns_ask(&mdns, START + 2000 * MS, NAME, 7));
    assert_int_equal(queries(START + 2000 * MS), 2);
    /* The same under the largest TTL: no overflow. */
    answer_with(START + 2000 * MS, NAME, UINT32_MAX, true, &addr, 1);
    assert_true(take(START + 2000 * MS, &answer));
    assert_int_equal(xc_mdns_deadline(&mdns), START + 2000 * MS + XC_MDNS_CACHE);
}

static void test_unasked_and_wrong_port(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr addr = ipv4(10, 0, 0, 1), elsewhere = responder;
    uint8_t bytes[512];
    xc_mdns_ask(&mdns, START, NAME, 1);
    answer_with(START, "other.local", 60, true, &addr, 1);
    assert_int_equal(mdns.counters.dropped_unasked, 1);
    elsewhere.port = 5354;
    size_t size = write_answer(bytes, sizeof bytes, NAME, 60, true, &addr, 1);
    xc_mdns_input(&mdns, START, &elsewhere, xc_span_make(bytes, size));
    assert_int_equal(mdns.counters.dropped_malformed, 1);
    assert_false(take(START, &answer));
    /* What was heard before anybody asked is not kept for later. */
    assert_true(xc_mdns_ask(&mdns, START, "other.local", 1));
    assert_false(take(START, &answer));
    for (size_t cut = 0; cut < size; cut++)
        xc_mdns_input(&mdns, START, &responder, xc_span_make(bytes, cut));
    assert_false(take(START, &answer));
    xc_mdns_input(&mdns, START, &responder, xc_span_make(bytes, size));
    assert_true(take(START, &answer));
}

/* A spoofed answer must not aim us at this machine's own services or at many. */
static void test_unusable_addresses(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr bad[] = {
        ipv4(127, 0, 0, 1),
        ipv4(0, 0, 0, 0),
        ipv4(0, 1, 2, 3),
        ipv4(224, 0, 0, 251),
        ipv4(255, 255, 255, 255),
        {.family = XC_ADDR_IPV6},
        {.family = XC_ADDR_IPV6, .bytes = {[15] = 1}},
        {.family = XC_ADDR_IPV6, .bytes = {0xff, 2, [15] = 0xfb}},
        {.family = XC_ADDR_IPV6, .bytes = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}},
    };
    xc_mdns_ask(&mdns, START, NAME, 1);
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++)
        answer_with(START, NAME, 60, true, &bad[i], 1);
    assert_int_equal(mdns.counters.dropped_unusable, XC_ARRAY_LEN(bad));
    assert_false(take(START, &answer));
    xc_mdns_init(&mdns, true);
    xc_mdns_ask(&mdns, START, NAME, 1);
    answer_with(START, NAME, 60, true, &bad[0], 1);
    assert_true(take(START, &answer));
}

static void test_flush_and_goodbye(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr first = ipv4(10, 0, 0, 1), second = ipv4(10, 0, 0, 2);
    struct xc_addr v6 = {.family = XC_ADDR_IPV6, .bytes = {0xfd, [15] = 1}};
    xc_mdns_ask(&mdns, START, NAME, 1);
    answer_with(START, NAME, 60, true, &first, 1);
    answer_with(START + 500 * MS, NAME, 60, true, &second, 1); /* within a second: both */
    answer_with(START + 600 * MS, NAME, 60, true, &v6, 1);
    assert_true(take(START + 600 * MS, &answer));
    assert_int_equal(answer.count, 3);
    /* Flush: the IPv4 ones of long ago go, the IPv6 one stays. */
    answer_with(START + 3000 * MS, NAME, 60, true, &second, 1);
    xc_mdns_ask(&mdns, START + 3000 * MS, NAME, 1);
    assert_true(take(START + 3000 * MS, &answer));
    assert_int_equal(answer.count, 2);
    assert_true(xc_addr_equal(&answer.addresses[0], &v6));
    assert_true(xc_addr_equal(&answer.addresses[1], &second));
    /* Goodbye. */
    answer_with(START + 3100 * MS, NAME, 0, false, &second, 1);
    answer_with(START + 3100 * MS, NAME, 0, false, &v6, 1);
    xc_mdns_ask(&mdns, START + 3100 * MS, NAME, 1);
    assert_false(take(START + 3100 * MS, &answer));
    assert_int_equal(queries(START + 3100 * MS), 2);
}

/* A name that goes away while it is only kept: forgotten, not asked for by nobody. */
static void test_goodbye_of_kept(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr addr = ipv4(10, 0, 0, 1);
    xc_mdns_ask(&mdns, START, NAME, 1);
    answer_with(START, NAME, 60, true, &addr, 1);
    assert_true(take(START, &answer));
    answer_with(START + 1 * MS, NAME, 0, true, &addr, 1);
    assert_false(take(START + XC_MDNS_CACHE, &answer));
    assert_true(xc_mdns_idle(&mdns));
    assert_int_equal(xc_mdns_deadline(&mdns), XC_NEVER);
}

static void test_many_addresses(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr list[20];
    for (size_t i = 0; i < XC_ARRAY_LEN(list); i++)
        list[i] = ipv4(10, 0, 0, (uint8_t)(i + 1));
    xc_mdns_ask(&mdns, START, NAME, 1);
    answer_with(START, NAME, 60, true, list, XC_ARRAY_LEN(list));
    assert_true(take(START, &answer));
    assert_int_equal(answer.count, XC_MDNS_ADDRESSES_MAX);
    for (uint32_t i = 0; i < answer.count; i++)
        assert_true(xc_addr_equal(&answer.addresses[i], &list[i]));
}

static void test_limits(void **state)
{
    (void)state;
    struct xc_mdns_answer answer;
    struct xc_addr addr = ipv4(10, 0, 0, 1);
    char name[32];
    assert_false(xc_mdns_ask(&mdns, START, "example.com", 1));
    assert_false(xc_mdns_ask(&mdns, START, "", 1));
    uint32_t taken = 0;
    for (uint32_t i = 0; i < XC_MDNS_NAMES_PER_ASKER + 1; i++) {
        snprintf(name, sizeof name, "a%u.local", i);
        taken += xc_mdns_ask(&mdns, START, name, 1);
    }
    assert_int_equal(taken, XC_MDNS_NAMES_PER_ASKER);
    for (uint64_t asker = 2; asker < 100; asker++) { /* others fill the table */
        snprintf(name, sizeof name, "b%u.local", (unsigned)asker);
        taken += xc_mdns_ask(&mdns, START, name, asker);
    }
    assert_int_equal(taken, XC_MDNS_NAMES_MAX);
    for (uint64_t asker = 200; asker < 210; asker++)
        taken += xc_mdns_ask(&mdns, START, "a0.local", asker);
    assert_int_equal(taken, XC_MDNS_NAMES_MAX + XC_MDNS_ASKERS_MAX - 1);
    /* One that is known gives way to a new one. */
    answer_with(START, "b2.local", 60, true, &addr, 1);
    assert_true(take(START, &answer));
    assert_int_equal(answer.asker, 2);
    assert_true(xc_mdns_ask(&mdns, START, "new.local", 300));
    assert_false(xc_mdns_ask(&mdns, START, "newer.local", 301));
    /* An asker that goes frees its places. */
    xc_mdns_forget(&mdns, 1);
    assert_true(xc_mdns_ask(&mdns, START, "newer.local", 301));
    for (uint64_t asker = 0; asker < 400; asker++)
        xc_mdns_forget(&mdns, asker);
    assert_true(xc_mdns_idle(&mdns));
    assert_false(take(START + XC_MDNS_GIVE_UP, &answer));
}

/* Random life: every ask that was taken is answered once, and nothing stays behind. */
static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct xc_rng rng;
        struct xc_mdns_answer answer;
        uint32_t asked = 0, told = 0;
        uint64_t now = START;
        xc_rng_init_number(&rng, seed);
        xc_mdns_init(&mdns, seed % 2);
        for (int turn = 0; turn < 2000; turn++) {
            char name[32];
            struct xc_addr addr =
                ipv4((uint8_t)xc_rng_u32(&rng), 0, 0, (uint8_t)xc_rng_below(&rng, 3));
            snprintf(name, sizeof name, "%u.local", xc_rng_below(&rng, 100));
            now += xc_rng_below(&rng, 100) * MS;
            if (turn < 1500 && xc_rng_below(&rng, 3) == 0)
                asked += xc_mdns_ask(&mdns, now, name, (uint64_t)turn); /* all different */
            else
                answer_with(now, name, xc_rng_below(&rng, 4), xc_rng_below(&rng, 2), &addr, 1);
            queries(now);
            while (take(now, &answer))
                told++;
            assert_true(xc_mdns_deadline(&mdns) > now);
        }
        now += XC_MDNS_CACHE + XC_MDNS_GIVE_UP;
        while (take(now, &answer))
            told++;
        assert_int_equal(asked, told);
        assert_true(xc_mdns_idle(&mdns));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_asks_and_gives_up, setup),
        cmocka_unit_test_setup(test_answer_and_cache, setup),
        cmocka_unit_test_setup(test_late_answer, setup),
        cmocka_unit_test_setup(test_ttl_bounds_cache, setup),
        cmocka_unit_test_setup(test_unasked_and_wrong_port, setup),
        cmocka_unit_test_setup(test_unusable_addresses, setup),
        cmocka_unit_test_setup(test_flush_and_goodbye, setup),
        cmocka_unit_test_setup(test_goodbye_of_kept, setup),
        cmocka_unit_test_setup(test_many_addresses, setup),
        cmocka_unit_test_setup(test_limits, setup),
        cmocka_unit_test_setup(test_random, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
