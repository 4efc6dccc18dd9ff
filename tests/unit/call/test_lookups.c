/* test_lookups.c - candidates with ".local" names between a session and its ICE agent: kept, asked for
 * once, turned into candidates of their own generation.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "call/lookups.h"

static struct xc_lookups lookups;
static struct xc_ice ice;

static int setup(void **state)
{
    (void)state;
    struct xc_rng rng;
    struct xc_addr base = {.family = XC_ADDR_IPV4, .port = 4000, .bytes = {192, 0, 2, 1}};
    struct xc_ice_config config = {.controlling = true};
    memset(&lookups, 0, sizeof lookups);
    xc_rng_init_number(&rng, 1);
    xc_ice_init(&ice, &config, &rng);
    assert_true(xc_ice_add_local(&ice, &base, 65535) >= 0);
    return 0;
}

static int add(const char *line)
{
    struct xc_candidate candidate;
    int result = xc_candidate_parse(&candidate, xc_span_make(line, strlen(line)));
    xc_lookups_add(&lookups, &candidate);
    return result;
}

static uint32_t remotes(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < XC_ICE_REMOTE_MAX; i++)
        count += ice.remotes[i].type != 0;
    return count;
}

static void test_only_local_names(void **state)
{
    (void)state;
    char name[XC_DNS_LOCAL_MAX + 1];
    assert_int_equal(add("candidate:1 1 udp 5 192.0.2.9 9 typ host"), XC_CANDIDATE_OK);
    assert_int_equal(add("candidate:1 1 udp 5 example.com 9 typ host"), XC_CANDIDATE_IGNORED);
    assert_int_equal(add("candidate:1 1 udp 5 a.b.local 9 typ host"), XC_CANDIDATE_IGNORED);
    assert_int_equal(add("candidate:1 1 tcp 5 a.local 9 typ host tcptype active"),
                     XC_CANDIDATE_IGNORED);
    assert_int_equal(add("candidate:1 2 udp 5 a.local 9 typ host"), XC_CANDIDATE_IGNORED);
    assert_int_equal(add("candidate:1 1 udp 5 a.local 0 typ host"), XC_CANDIDATE_IGNORED);
    assert_int_equal(add("candidate:1 1 udp 5 a.local 9 typ relay"), XC_CANDIDATE_OK);
    assert_false(xc_lookups_next(&lookups, name));
}

static void test_resolved(void **state)
{
    (void)state;
    char name[XC_DNS_LOCAL_MAX + 1];
    struct xc_addr found[2] = {{.family = XC_ADDR_IPV4, .port = 1, .bytes = {192, 0, 2, 9}},
                               {.family = XC_ADDR_IPV6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 9}}};
    add("candidate:1 1 udp 77 A.local 5000 typ host ufrag abcd");
    add("candidate:1 1 udp 77 A.local 5000 typ host ufrag abcd"); /* the same */
    add("candidate:1 1 udp 78 a.LOCAL 5001 typ host ufrag abcd"); /* its second port */
    assert_true(xc_lookups_next(&lookups, name));
    assert_string_equal(name, "A.local");
    assert_false(xc_lookups_next(&lookups, name));
    xc_lookups_done(&lookups, &ice, 1, "b.local", found, 2);
    assert_int_equal(remotes(), 0);
    xc_lookups_done(&lookups, &ice, 1, "a.local", found, 2);
    assert_int_equal(remotes(), 4);
    assert_int_equal(ice.remotes[0].priority, 77);
    assert_int_equal(ice.remotes[0].addr.port, 5000);
    assert_int_equal(ice.remotes[3].priority, 78);
    assert_int_equal(ice.remotes[3].addr.port, 5001);
    assert_int_equal(ice.remotes[0].ufrag_hash, ice.remotes[3].ufrag_hash);
    assert_int_not_equal(ice.remotes[0].ufrag_hash, 0);
    xc_lookups_done(&lookups, &ice, 1, "a.local", found, 2); /* nobody waits any more */
    assert_int_equal(remotes(), 4);
    /* Nobody knew it: nothing is left, and it may come again. */
    add("candidate:1 1 udp 77 c.local 5000 typ host");
    assert_true(xc_lookups_next(&lookups, name));
    xc_lookups_done(&lookups, &ice, 1, "c.local", NULL, 0);
    assert_int_equal(remotes(), 4);
    add("candidate:1 1 udp 77 c.local 5000 typ host");
    assert_true(xc_lookups_next(&lookups, name));
}

/* An answer that aims at this machine or at many is refused by the agent once more. */
static void test_agent_refuses(void **state)
{
    (void)state;
    char name[XC_DNS_LOCAL_MAX + 1];
    struct xc_addr bad[3] = {{.family = XC_ADDR_IPV4, .bytes = {127, 0, 0, 1}},
                             {.family = XC_ADDR_IPV4, .bytes = {224, 0, 0, 1}},
                             {.family = XC_ADDR_IPV6}};
    add("candidate:1 1 udp 77 a.local 5000 typ host");
    assert_true(xc_lookups_next(&lookups, name));
    xc_lookups_done(&lookups, &ice, 1, "a.local", bad, 3);
    assert_int_equal(remotes(), 0);
}

static void test_full(void **state)
{
    (void)state;
    char line[100], name[XC_DNS_LOCAL_MAX + 1];
    uint32_t count = 0;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "candidate:1 1 udp 5 n%u.local 9 typ host", i);
        assert_int_equal(add(line), XC_CANDIDATE_OK);
    }
    while (xc_lookups_next(&lookups, name))
        count++;
    assert_int_equal(count, XC_LOOKUPS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_only_local_names, setup),
        cmocka_unit_test_setup(test_resolved, setup),
        cmocka_unit_test_setup(test_agent_refuses, setup),
        cmocka_unit_test_setup(test_full, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
