/* test_ice_consent.c - the path after it was found: consent, its loss and end, fail-over to another
 * pair, and sessions that never find one (RFC 7675; RFC 8445 section 8.1.2). Virtual time.
 * SPDX-License-Identifier: MIT */
#include "ice_net.h"

static struct net net;

static void make(uint64_t seed, uint64_t delay, double loss)
{
    net_init(&net, seed);
    net.delay_min = net.delay_max = delay;
    net.loss = loss;
    net_agent(&net, 0, true, false);
    net_agent(&net, 1, false, false);
}

static void make_simple(uint64_t seed, uint64_t delay, double loss)
{
    make(seed, delay, loss);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    net_signal_all(&net);
}

/* Two pairs that work. */
static void make_two_pairs(void)
{
    make(1, 10 * MS, 0);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 0, "198.51.100.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    net_signal_all(&net);
}

static void test_consent_interval(void **unused)
{
    (void)unused;
    make_simple(1, 5 * MS, 0);
    net_run_until(&net, SECOND);
    uint64_t last = 0, smallest = XC_NEVER, largest = 0;
    for (int i = 0; i < 40; i++) {
        uint32_t before = xc_ice_counters(&net.agent[0])->consent_requests_sent;
        while (xc_ice_counters(&net.agent[0])->consent_requests_sent == before)
            net_run_until(&net, XC_MAX(net_next(&net), net.now + 1));
        if (last) {
            smallest = XC_MIN(smallest, net.now - last);
            largest = XC_MAX(largest, net.now - last);
        }
        last = net.now;
    }
    assert_true(smallest >= 4 * SECOND && largest <= 6 * SECOND + 20 * MS);
    assert_true(largest - smallest > SECOND); /* randomised */
    assert_true(net_both(&net, XC_ICE_CONNECTED));
}

static void test_consent_lost_and_back(void **unused)
{
    (void)unused;
    make_simple(1, 5 * MS, 0);
    net_run_until(&net, 10 * SECOND);
    net.down = true;
    net_run_until(&net, 19 * SECOND);
    assert_true(net_both(&net, XC_ICE_DISCONNECTED));
    struct xc_addr local, remote;
    assert_true(xc_ice_selected(&net.agent[0], &local, &remote)); /* media still goes */
    net_run_until(&net, 30 * SECOND);
    net.down = false;
    net_run_until(&net, 32 * SECOND);
    net_assert_connected(&net);
    assert_string_equal(net.history[0], "Ccdc");
    assert_string_equal(net.history[1], "Ccdc");
}

static void test_consent_expires(void **unused)
{
    (void)unused;
    make_simple(1, 5 * MS, 0);
    net_run_until(&net, 10 * SECOND);
    net.down = true;
    net_run_until(&net, 34 * SECOND);
    assert_true(net_both(&net, XC_ICE_DISCONNECTED));
    net_run_until(&net, 41 * SECOND);
    assert_true(net_both(&net, XC_ICE_FAILED));
    struct xc_addr local, remote;
    assert_false(xc_ice_selected(&net.agent[0], &local, &remote));
    uint64_t sent = net.sent[0] + net.sent[1];
    net.down = false;
    net_run_until(&net, 200 * SECOND);
    assert_true(net.sent[0] + net.sent[1] == sent);
    assert_string_equal(net.history[0], "Ccdf");
    /* Once a call into a failed agent left it with a deadline in the past (found by the fuzzer). */
    struct xc_addr base = addr4("192.0.2.99", 4000);
    xc_ice_add_local(&net.agent[0], &base, 1);
    xc_ice_set_controlling(&net.agent[0], false);
    net_candidate(&net, 0, -1);
    net_end(&net, 0, 0);
    xc_ice_remove_local(&net.agent[0], net.now, &base);
    assert_true(xc_ice_deadline(&net.agent[0]) == XC_NEVER);
}

static void test_single_loss_is_not_a_disconnect(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 20; seed++) {
        make_simple(seed, 50 * MS, 0.10);
        net_run_until(&net, 300 * SECOND);
        assert_string_equal(net.history[0], "Cc");
        assert_string_equal(net.history[1], "Cc");
    }
}

static void test_fail_over(void **unused)
{
    (void)unused;
    struct xc_addr a = addr4("192.0.2.1", 4000), local, remote;
    make_two_pairs();
    net_run_until(&net, 20 * SECOND);
    net_block(&net, &a, NULL);
    net_block(&net, NULL, &a);
    net_run_until(&net, 30 * SECOND);
    net_assert_connected(&net);
    assert_true(xc_ice_selected(&net.agent[0], &local, &remote));
    assert_int_equal(local.bytes[0], 198);
    net_run_until(&net, 120 * SECOND);
    net_assert_connected(&net);
}

static void test_remove_local(void **unused)
{
    (void)unused;
    struct xc_addr a = addr4("192.0.2.1", 4000), local, remote;
    make_two_pairs();
    net_run_until(&net, 20 * SECOND);
    xc_ice_remove_local(&net.agent[0], net.now, &a);
    assert_int_equal(xc_ice_local_count(&net.agent[0]), 1);
    net_run_until(&net, 21 * SECOND);
    assert_int_equal(xc_ice_state(&net.agent[0]), XC_ICE_CONNECTED);
    assert_true(xc_ice_selected(&net.agent[0], &local, &remote));
    assert_int_equal(local.bytes[0], 198);
    net_run_until(&net, 30 * SECOND);
    net_assert_connected(&net);
}

static void test_failed_after(void **unused)
{
    (void)unused;
    make_simple(1, 5 * MS, 1.0);
    net_run_until(&net, 29 * SECOND);
    assert_true(net_both(&net, XC_ICE_CHECKING));
    net_run_until(&net, 31 * SECOND);
    assert_true(net_both(&net, XC_ICE_FAILED));
    assert_true(net.sent[0] == 17);
}

static void test_failed_early(void **unused)
{
    (void)unused;
    make_simple(1, 5 * MS, 1.0);
    net_end(&net, 0, 0);
    net_run_until(&net, 14 * SECOND);
    assert_int_equal(xc_ice_state(&net.agent[0]), XC_ICE_FAILED);
    assert_int_equal(xc_ice_state(&net.agent[1]), XC_ICE_CHECKING);

    /* A browser that hides its address behind a name can still reach us. */
    make_simple(1, 5 * MS, 1.0);
    struct xc_candidate name = {.component = 1, .type = XC_CANDIDATE_HOST, .udp = true};
    strcpy(name.host_name, "0c9b3b4e.local");
    xc_ice_add_remote(&net.agent[0], 0, &name);
    assert_int_equal(xc_ice_counters(&net.agent[0])->candidates_ignored, 1);
    net_end(&net, 0, 0);
    net_run_until(&net, 20 * SECOND);
    assert_int_equal(xc_ice_state(&net.agent[0]), XC_ICE_CHECKING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_consent_interval),
        cmocka_unit_test(test_consent_lost_and_back),
        cmocka_unit_test(test_consent_expires),
        cmocka_unit_test(test_single_loss_is_not_a_disconnect),
        cmocka_unit_test(test_fail_over),
        cmocka_unit_test(test_remove_local),
        cmocka_unit_test(test_failed_after),
        cmocka_unit_test(test_failed_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
