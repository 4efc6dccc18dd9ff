/* test_policy.c - xcalld's policy table: defaults, bounds, what is stored; and the roll-out's buckets: stable,
 * monotone, even, independent between features. SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <xcall/gate.h>

#include "policy.h"

static char why[256];

static void defaults(void **state)
{
    struct policy policy;
    OK(policy_load(*state, &policy));
    assert_false(policy.kill || policy.kill_live);
    assert_int_equal(policy.prior_message, XCALL_PRIOR_CALLER_SENT);
    assert_int_equal(policy.relay_strangers, XCALL_RELAY_AUTO);
    assert_string_equal(policy.client_min_version, "");
    assert_int_equal(policy.ring_ms, 60000);
    assert_int_equal(policy.reach_ms, 20000);
    assert_int_equal(policy.reach_push_ms, 35000);
    assert_int_equal(policy.connect_ms, 30000);
    assert_int_equal(policy.media_lost_ms, 30000);
    assert_int_equal(policy.caller_gone_ms, 15000);
    assert_int_equal(policy.signal_lost_ms, 60000);
    assert_int_equal(policy.tombstone_ms, 120000);
    assert_int_equal(policy.alerting_min_ms, 1000);
    assert_int_equal(policy.answer_floor_ms, 150);
    assert_int_equal(policy.answer_jitter_ms, 50);
    assert_int_equal(policy.turn_ttl_s, 600);
    assert_int_equal(policy.message_floor_ms, 50);
    assert_int_equal(policy.default_allow, ALLOW_FOLLOWING | ALLOW_ADDRESSBOOK);
    for (int i = 0; i < LIMIT_COUNT; i++)
        assert_true(policy.limits[i].size > 0 && policy.limits[i].per_s > 0);
    assert_true(policy.limits[LIMIT_PAIR].size == 3 &&
                policy.limits[LIMIT_PAIR].per_s == 3.0 / 600);
    assert_true(policy.limits[LIMIT_PAIR_DAY].size == 10);
    assert_true(policy.limits[LIMIT_CAN_CALL].size == 60 &&
                policy.limits[LIMIT_CAN_CALL].per_s == 1);
}

/* Every row's own default is a value that it takes, and prints as itself. */
static void table(void **state)
{
    struct store *store = *state;
    struct policy policy;
    const char *key, *otherwise, *meaning;
    char value[64];
    unsigned rows = 0;
    OK(policy_load(store, &policy));
    for (; policy_row(&policy, rows, &key, value, sizeof value, &otherwise, &meaning); rows++) {
        assert_string_equal(value, otherwise);
        assert_true(strlen(meaning) > 5);
        if (policy_set(store, key, otherwise, NOW, why, sizeof why) != STORE_OK)
            fail_msg("%s", why);
        IS(CONFLICT, policy_set(store, key, "-1", NOW, why, sizeof why));
        assert_non_null(strstr(why, key));
        IS(CONFLICT, policy_set(store, key, "off ", NOW, why, sizeof why));
    }
    assert_true(rows > 40);
    int64_t before = policy.version;
    OK(policy_load(store, &policy));
    assert_int_equal(policy.version, before + rows);
    IS(NONE, policy_set(store, "kil", "on", NOW, why, sizeof why));
    assert_non_null(strstr(why, "kil"));
}

static void bounds(void **state)
{
    struct store *store = *state;
    static const struct {
        const char *key, *value;
        int result;
    } cases[] = {
        {"kill", "on", STORE_OK},
        {"kill", "ON", STORE_CONFLICT},
        {"kill", "1", STORE_CONFLICT},
        {"prior_message", "both", STORE_OK},
        {"prior_message", "any", STORE_CONFLICT},
        {"relay_strangers", "off", STORE_OK},
        {"default_allow", "contacts,everyone", STORE_OK},
        {"default_allow", "nobody", STORE_OK},
        {"default_allow", "", STORE_CONFLICT},
        {"default_allow", "contacts,", STORE_CONFLICT},
        {"default_allow", "nobody,everyone", STORE_CONFLICT},
        {"default_allow", "friends", STORE_CONFLICT},
        {"ring_ms", "90000", STORE_OK},
        {"ring_ms", "90001", STORE_CONFLICT},
        {"ring_ms", "999", STORE_CONFLICT},
        {"ring_ms", "1000", STORE_OK},
        {"ring_ms", "1e3", STORE_CONFLICT},
        {"ring_ms", " 5000", STORE_CONFLICT},
        {"ring_ms", "+5000", STORE_CONFLICT},
        {"ring_ms", "", STORE_CONFLICT},
        {"ring_ms", "99999999999999999999", STORE_CONFLICT},
        {"client_min_version", "1.2.0", STORE_OK},
        {"client_min_version", "1..2", STORE_CONFLICT},
        {"client_min_version", "1.2.", STORE_CONFLICT},
        {"client_min_version", "v1", STORE_CONFLICT},
        {"client_min_version", "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", STORE_CONFLICT},
        {"limit_pair", "5/60", STORE_OK},
        {"limit_pair", "off", STORE_OK},
        {"limit_pair", "0/60", STORE_CONFLICT},
        {"limit_pair", "5/0", STORE_CONFLICT},
        {"limit_pair", "5", STORE_CONFLICT},
        {"limit_pair", "5/60/2", STORE_CONFLICT},
        {"limit_pair", "5/-60", STORE_CONFLICT},
        {"limit_pair", "10000001/60", STORE_CONFLICT},
        {"limit_pair", "99999999999999999999999/60", STORE_CONFLICT},
        {"limit_pair", "1/31536001", STORE_CONFLICT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (policy_set(store, cases[i].key, cases[i].value, NOW, why, sizeof why) !=
            cases[i].result)
            fail_msg("%s %s", cases[i].key, cases[i].value);
    struct policy policy;
    OK(policy_load(store, &policy));
    assert_true(policy.kill);
    assert_int_equal(policy.prior_message, XCALL_PRIOR_BOTH);
    assert_int_equal(policy.relay_strangers, XCALL_RELAY_OFF);
    assert_int_equal(policy.ring_ms, 1000);
    assert_string_equal(policy.client_min_version, "1.2.0");
    assert_true(policy.limits[LIMIT_PAIR].size == 0);
    OK(store_policy_set(store, "ring_ms", "nonsense", NOW)); /* as if by another program */
    OK(policy_load(store, &policy));
    assert_int_equal(policy.ring_ms, 60000);
}

/* --- roll-out ------------------------------------------------------------------------------------- */

enum { USERS = 20000 };

static struct rollout_row feature(const char *name, int32_t all, int32_t paid)
{
    struct rollout_row row = {.all_bp = all, .paid_bp = paid, .salt = "fixed salt here"};
    snprintf(row.feature, sizeof row.feature, "%s", name);
    return row;
}

static void fresh(void **state)
{
    struct rollout rollout, again;
    OK(rollout_load(*state, &rollout));
    for (int i = 0; i < FEATURE_COUNT; i++)
        for (int64_t user = 0; user < 300; user++)
            assert_true(rollout_in(&rollout.rows[i], user, false));
    OK(rollout_load(*state, &again));
    assert_memory_equal(&rollout, &again, sizeof rollout);
    rollout.rows[1].all_bp = 5;
    OK(store_rollout_set(*state, &rollout.rows[1]));
    OK(rollout_load(*state, &again));
    assert_memory_equal(&rollout, &again, sizeof rollout);
}

static void monotone(void **state)
{
    (void)state;
    static bool had[USERS];
    for (int32_t bp = 0; bp <= 10000; bp += 250) {
        struct rollout_row row = feature("calls.make", bp, 0);
        int count = 0;
        for (int64_t user = 0; user < USERS; user++) {
            bool in = rollout_in(&row, user + 1, false);
            assert_true(in || !had[user]);
            assert_int_equal(rollout_in(&row, user + 1, true), in);
            had[user] = in;
            count += in;
        }
        /* binomial: 6 standard deviations of the worst case are 424 of 20,000 */
        assert_true(abs(count - bp * 2) <= 424);
        if (bp == 0 || bp == 10000)
            assert_int_equal(count, bp * 2);
    }
}

static void paid_first(void **state)
{
    (void)state;
    struct rollout_row row = feature("calls.make", 100, 5000);
    int all = 0, paid = 0;
    for (int64_t user = 1; user <= USERS; user++) {
        bool free_in = rollout_in(&row, user, false), paid_in = rollout_in(&row, user, true);
        assert_true(paid_in || !free_in);
        all += free_in;
        paid += paid_in;
    }
    assert_true(abs(all - 200) < 90 && abs(paid - 10000) < 430);
    row = feature("calls.make", 5000, 100); /* all: who pays too */
    for (int64_t user = 1; user <= 1000; user++)
        assert_int_equal(rollout_in(&row, user, false), rollout_in(&row, user, true));
}

/* Who is in one feature's tenth says nothing about another's: chi-square over a 10 x 10 table of
 * buckets; 81 degrees of freedom, 140 is p < 0.0001. */
static void independent(void **state)
{
    (void)state;
    for (int a = 0; a < FEATURE_COUNT; a++) {
        for (int b = a + 1; b < FEATURE_COUNT; b++) {
            struct rollout_row one = feature(feature_names[a], 0, 0),
                               two = feature(feature_names[b], 0, 0);
            int table[10][10] = {{0}};
            for (int64_t user = 1; user <= USERS; user++)
                table[rollout_bucket(&one, user) / 1000][rollout_bucket(&two, user) / 1000]++;
            double chi = 0, expected = USERS / 100.0;
            for (int i = 0; i < 100; i++) {
                double off = table[i / 10][i % 10] - expected;
                chi += off * off / expected;
            }
            assert_true(chi < 140);
        }
    }
}

/* Included or excluded by name: no percentage says otherwise; of one feature only; gone with the account. */
static void exceptions(void **state)
{
    struct store *store = *state;
    struct rollout rollout;
    struct rollout_row none = feature("calls.make", 0, 0);
    int64_t user;
    OK(store_rollout_set(store, &none));
    for (int64_t i = ROLLOUT_EXCEPTIONS_MAX; i > 0; i--)
        OK(store_rollout_except(store, "calls.make", 1000 + 2 * i,
                                i % 3 ? ROLLOUT_INCLUDED : ROLLOUT_EXCLUDED));
    IS(FULL, store_rollout_except(store, "calls.make", 5, ROLLOUT_INCLUDED));
    OK(store_rollout_except(store, "calls.make", 1002, ROLLOUT_EXCLUDED));
    OK(store_rollout_except(store, "calls.make", 1002, ROLLOUT_INCLUDED));
    for (int all = 0; all <= 1; all++) {
        none.all_bp = all ? 10000 : 0;
        OK(store_rollout_set(store, &none));
        OK(rollout_load(store, &rollout));
        for (int64_t i = 1; i <= ROLLOUT_EXCEPTIONS_MAX; i++) {
            assert_int_equal(rollout_has(&rollout, FEATURE_MAKE, 1000 + 2 * i, false), i % 3 != 0);
            assert_int_equal(rollout_has(&rollout, FEATURE_MAKE, 1001 + 2 * i, false), all);
            assert_true(rollout_has(&rollout, FEATURE_VIDEO, 1000 + 2 * i, false));
        }
    }
    OK(store_rollout_except(store, "calls.make", 1006, ROLLOUT_AS_OTHERS));
    OK(store_account_add(store, "staff", NULL, NOW, &user));
    OK(store_rollout_except(store, "calls.make", user, ROLLOUT_EXCLUDED));
    OK(store_account_delete(store, user, NOW));
    OK(rollout_load(store, &rollout));
    assert_int_equal(rollout.exception_count[FEATURE_MAKE], ROLLOUT_EXCEPTIONS_MAX - 1);
    assert_true(rollout_has(&rollout, FEATURE_MAKE, user, false));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults), TEST(table),      TEST(bounds),      TEST(fresh),
        TEST(monotone), TEST(paid_first), TEST(independent), TEST(exceptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
