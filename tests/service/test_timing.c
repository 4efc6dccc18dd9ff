/* test_timing.c - the causes that share `unavailable` cannot be told apart by when the answer comes: the whole core in
 * virtual time, each invite's real processing time (store, gate: the thread's, not the clock's) measured and replayed,
 * many times as slow as here. Mann-Whitney's test between each two causes (p > 0.01 for all of them together:
 * Bonferroni) and the area under the ROC curve (within 0.05 of a half). The same of msg.send to one who blocked the
 * sender and to one who did not. XCALL_TEST_LONG=1: 10,000 samples a cause.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <time.h>

#include "calls_world.h"

#define SAMPLES_MAX 10000
#define SLOWER 100 /* a store that is so much slower than one in memory */

static const char *const causes[] = {"blocks", "off",      "nobody", "suspended",
                                     "gone",   "unrolled", "pair",   "nosuchone"};
enum { CAUSES = sizeof causes / sizeof causes[0], PAIRS = CAUSES * (CAUSES - 1) / 2 };
static const double chance_of_all = 0.01; /* that a test without a leak fails */

static struct world world;
static struct client *alice;
static int32_t seen_us[CAUSES][SAMPLES_MAX]; /* from the frame's arrival to the answer */

static size_t samples(void)
{
    return getenv("XCALL_TEST_LONG") ? SAMPLES_MAX : 1000;
}

/* The thread's own time: what another program has of the core is no work of the service's. */
static int64_t work_us(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static int64_t known(const char *name)
{
    int64_t id = world_account(&world, name);
    world_friends(&world, alice->user, id);
    return id;
}

static void make_causes(void)
{
    struct call_settings settings;
    struct account account;
    int64_t blocks = known("blocks"), off = known("off"), nobody = known("nobody");
    int64_t suspended = known("suspended"), gone = known("gone"), unrolled = known("unrolled");
    known("pair");
    store_edge_set(world.store, EDGE_BLOCK, blocks, alice->user, true, world.now);
    store_settings_get(world.store, off, &settings);
    settings.enabled = false;
    store_settings_set(world.store, off, &settings);
    store_settings_get(world.store, nobody, &settings);
    settings.following = settings.addressbook = false;
    store_settings_set(world.store, nobody, &settings);
    store_account_by_id(world.store, suspended, &account);
    account.state = ACCOUNT_SUSPENDED;
    store_account_set(world.store, &account);
    store_account_delete(world.store, gone, world.now);
    assert_int_equal(store_rollout_except(world.store, "calls.receive", unrolled, ROLLOUT_EXCLUDED),
                     STORE_OK);
}

/* The one call that alice may ring "pair" with, in vain: the limit then refuses her for the rest of the test. */
static void use_up_pair(void)
{
    char call[37];
    make_id(call, 900000);
    json_t *answer =
        client_ask(&world, alice, "call.invite", call, make_invite(alice, "pair", "a"));
    assert_string_equal(answer_code(answer), "ok");
    answer = client_ask(&world, alice, "call.cancel", call, NULL);
    assert_string_equal(answer_code(answer), "ok");
    client_forget(alice);
    world_advance(&world, 30000); /* limits are saved: a restart keeps it */
}

static int set_up(void **state)
{
    (void)state;
    world_start(&world, NULL);
    world_account(&world, "alice");
    alice = world_client(&world, "alice");
    make_causes();
    world_policy(&world, "prior_message", "none");
    world_policy(&world, "limit_calls_account", "off");
    world_policy(&world, "limit_calls_device", "off");
    world_policy(&world, "limit_calls_address", "off");
    world_policy(&world, "limit_pair", "1/31536000");
    client_connect(&world, alice, NULL);
    use_up_pair();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop(&world);
    return 0;
}

/* One invite: when its caller sees the answer, with the service busy for as long as it was. */
static int32_t sample(const char *to, unsigned number, int64_t more_us)
{
    char call[37];
    make_id(call, number);
    json_t *invite = make_invite(alice, to, "a");
    int64_t arrival = world.now, begun = work_us();
    uint64_t id = client_send(&world, alice, "call.invite", call, invite);
    int64_t busy = (work_us() - begun) * SLOWER + more_us;
    while (!client_answer(alice, id)) {
        int64_t next = service_deadline(world.service);
        assert_true(world.now < arrival + 400);
        world_advance(&world, next > world.now ? next - world.now : 1);
    }
    assert_string_equal(answer_code(client_answer(alice, id)), "unavailable");
    client_forget(alice);
    int64_t seen = (world.now - arrival) * 1000;
    world_advance(&world, 200 + world_chance(&world, 100));
    return (int32_t)(seen > busy ? seen : busy);
}

static void collect(unsigned first, int64_t more_us)
{
    unsigned number = first;
    for (size_t i = 0; i < samples(); i++) { /* in turn, beginning with another one each time */
        size_t start = world_chance(&world, CAUSES);
        for (size_t k = 0; k < CAUSES; k++) {
            size_t cause = (start + k) % CAUSES;
            seen_us[cause][i] = sample(causes[cause], number++, cause == 0 ? more_us : 0);
        }
    }
}

struct value {
    int32_t us;
    int first; /* of the first sample */
};

static int by_time(const void *a, const void *b)
{
    const struct value *one = a, *two = b;
    return (one->us > two->us) - (one->us < two->us);
}

/* Mann and Whitney 1947, normal approximation with the correction for ties; two-sided. */
static double mann_whitney(const int32_t *a, const int32_t *b, size_t n, double *area)
{
    size_t all = 2 * n;
    struct value *values = calloc(all, sizeof *values);
    double ranks = 0, ties = 0;
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        values[2 * i] = (struct value){a[i], 1};
        values[2 * i + 1] = (struct value){b[i], 0};
    }
    qsort(values, all, sizeof *values, by_time);
    for (size_t i = 0, end; i < all; i = end) {
        double first = 0;
        for (end = i; end < all && values[end].us == values[i].us; end++)
            first += values[end].first;
        double equal = (double)(end - i);
        ranks += first * ((double)i + (equal + 1) / 2);
        ties += equal * equal * equal - equal;
    }
    free(values);
    double m = (double)n, u = ranks - m * (m + 1) / 2, both = 2 * m;
    double variance = m * m / 12 * (both + 1 - ties / (both * (both - 1)));
    *area = u / (m * m);
    return variance > 0 ? erfc(fabs(u - m * m / 2) / sqrt(2 * variance)) : 1;
}

static void test_statistics(void **state)
{
    (void)state;
    /* R: wilcox.test(c(1,2,3,4,5,6,7,8), c(3,4,5,6,7,8,9,10), exact=FALSE, correct=FALSE): W = 18 */
    const int32_t a[] = {1, 2, 3, 4, 5, 6, 7, 8}, b[] = {3, 4, 5, 6, 7, 8, 9, 10};
    double area = 0, p = mann_whitney(a, b, 8, &area);
    assert_true(fabs(area - 18.0 / 64) < 1e-9);
    assert_true(p > 0.13 && p < 0.15);
    assert_true(mann_whitney(a, a, 8, &area) > 0.99);
    assert_true(fabs(area - 0.5) < 1e-9);
}

static void test_unavailable_takes_the_same_time(void **state)
{
    (void)state;
    collect(1, 0);
    for (size_t i = 0; i < CAUSES; i++) {
        for (size_t k = i + 1; k < CAUSES; k++) {
            double area, p = mann_whitney(seen_us[i], seen_us[k], samples(), &area);
            print_message("%s, %s: p %.3f, area %.3f\n", causes[i], causes[k], p, area);
            assert_true(p > chance_of_all / PAIRS);
            assert_true(fabs(area - 0.5) < 0.05);
        }
    }
}

/* Without the floor under the answer's time a cause that takes 3 ms more is found out. */
static void test_finds_a_leak(void **state)
{
    (void)state;
    world_policy(&world, "answer_floor_ms", "0");
    world_policy(&world, "answer_jitter_ms", "0");
    client_connect(&world, alice, NULL);
    collect(100000, 30000);
    for (size_t k = 1; k < CAUSES; k++) {
        double area, p = mann_whitney(seen_us[0], seen_us[k], samples(), &area);
        assert_true(p < chance_of_all / PAIRS);
        assert_true(area > 0.55);
    }
}

/* --- messages ----------------------------------------------------------------------------------------- */

#define MESSAGES_SLOWER 20 /* their floor is lower */

static const char *const receivers[] = {"blocks", "free"}; /* free has two devices to tell */

static int set_up_messages(void **state)
{
    set_up(state);
    int64_t free_one = world_account(&world, "free");
    world_friends(&world, alice->user, free_one);
    for (int i = 0; i < 2; i++)
        client_connect(&world, world_client(&world, "free"), NULL);
    world_policy(&world, "limit_messages", "off");
    world_policy(&world, "limit_frames", "off");
    client_connect(&world, alice, NULL);
    return 0;
}

static int32_t message(const char *to, int64_t more_us)
{
    int64_t arrival = world.now, begun = work_us();
    uint64_t id = client_send(&world, alice, "msg.send", NULL,
                              json_pack("{s:s,s:s}", "to", to, "text", "hello"));
    int64_t busy = (work_us() - begun) * MESSAGES_SLOWER + more_us;
    while (!client_answer(alice, id)) {
        int64_t next = service_deadline(world.service);
        assert_true(world.now < arrival + 400);
        world_advance(&world, next > world.now ? next - world.now : 1);
    }
    assert_string_equal(answer_code(client_answer(alice, id)), "ok");
    for (size_t i = 0; i < world.client_count; i++)
        client_forget(&world.clients[i]);
    int64_t seen = (world.now - arrival) * 1000;
    world_advance(&world, 100 + world_chance(&world, 100));
    return (int32_t)(seen > busy ? seen : busy);
}

/* more_us: what it takes longer to tell who does not block. */
static double messages(double *area, int64_t more_us)
{
    for (size_t i = 0; i < samples(); i++) {
        size_t start = world_chance(&world, 2);
        for (size_t k = 0; k < 2; k++) {
            size_t which = (start + k) % 2;
            seen_us[which][i] = message(receivers[which], which ? more_us : 0);
        }
    }
    double p = mann_whitney(seen_us[0], seen_us[1], samples(), area);
    print_message("a message to who blocks, to who does not: p %.3f, area %.3f\n", p, *area);
    return p;
}

static void test_messages_take_the_same_time(void **state)
{
    (void)state;
    double area, p = messages(&area, 3000);
    assert_true(p > chance_of_all);
    assert_true(fabs(area - 0.5) < 0.05);
    for (size_t i = 0; i < samples(); i++)
        assert_true(seen_us[0][i] >= 50000);
}

/* Without the floor, and 30 ms more to tell who does not block: found out. */
static void test_finds_the_block(void **state)
{
    (void)state;
    world_policy(&world, "message_floor_ms", "0");
    world_policy(&world, "message_jitter_ms", "0");
    client_connect(&world, alice, NULL);
    double area, p = messages(&area, 30000);
    assert_true(p < chance_of_all);
    assert_true(area < 0.45 || area > 0.55);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics),
        cmocka_unit_test_setup_teardown(test_unavailable_takes_the_same_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finds_a_leak, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_messages_take_the_same_time, set_up_messages,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_finds_the_block, set_up_messages, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
