/* test_gatekeeper.c - facts from the store's rows against an oracle of its own over random worlds and all
 * policies, each decision audited and replayed; the rules that depend on time, limits and withheld
 * messages one by one. SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include "gatekeeper.h"

static int64_t alice, bob;

static uint32_t random_word(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15ull;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static bool coin(void)
{
    return random_word() & 1;
}

/* Mostly no, so that the later rules are come to as well. */
static bool seldom(void)
{
    return random_word() % 8 == 0;
}

static int setup(void **state)
{
    fixture_setup(state);
    alice = account(*state, "alice");
    bob = account(*state, "bob");
    return 0;
}

static void policy(struct store *store, const char *key, const char *value)
{
    char why[256];
    if (policy_set(store, key, value, NOW, why, sizeof why) != STORE_OK)
        fail_msg("%s", why);
}

/* The rule (11b: 111) that holds, straight from the words. */
struct world {
    struct account a, b;
    struct call_settings sa, sb;
    bool follows[2], contact[2], blocks[2], sent[2];
    bool kill, relay, make, receive;
    int prior, strangers;
};

static uint32_t oracle(const struct world *w, bool *relayed)
{
    bool strangers = !((w->follows[0] || w->contact[0]) && (w->follows[1] || w->contact[1]));
    *relayed = w->sa.enhanced || w->sb.enhanced ||
               (strangers &&
                (w->strangers == XCALL_RELAY_ON || (w->strangers == XCALL_RELAY_AUTO && w->relay)));
    if (w->kill || !w->make)
        return 2;
    if (w->a.state != ACCOUNT_ACTIVE)
        return 3;
    if (w->blocks[0])
        return 5;
    bool need_a = w->prior == XCALL_PRIOR_CALLER_SENT || w->prior == XCALL_PRIOR_BOTH;
    bool need_b = w->prior == XCALL_PRIOR_CALLEE_SENT || w->prior == XCALL_PRIOR_BOTH;
    if ((need_a && !w->sent[0]) || (w->prior == XCALL_PRIOR_EITHER && !w->sent[0] && !w->sent[1]))
        return 11;
    if (need_b && !w->sent[1])
        return 111;
    if (w->b.state == ACCOUNT_SUSPENDED)
        return 6;
    if (w->blocks[1])
        return 7;
    if (!w->receive)
        return 8;
    if (!w->sb.enabled)
        return 9;
    if (!(w->sb.everyone || (w->sb.verified && w->a.verified) ||
          (w->sb.following && w->follows[1]) || (w->sb.addressbook && w->contact[1])))
        return 12;
    if (*relayed && !w->relay)
        return 15;
    return w->sb.silence_strangers && !w->follows[1] && !w->contact[1] ? 13 : 14;
}

static void make_world(struct store *store, struct world *w)
{
    static const char *const priors[] = {"caller_sent", "callee_sent", "either", "both", "none"};
    static const char *const relays[] = {"auto", "on", "off"};
    *w = (struct world){.a = {.id = alice}, .b = {.id = bob}};
    w->a.state = seldom() ? 1 + random_word() % 2 : 0;
    w->b.state = seldom() ? 1 + random_word() % 2 : 0;
    w->a.verified = coin();
    OK(store_account_set(store, &w->a));
    OK(store_account_set(store, &w->b));
    w->sa = (struct call_settings){.enabled = coin(), .enhanced = seldom(), .quiet_from_min = -1};
    w->sb = (struct call_settings){.enabled = !seldom(),
                                   .everyone = seldom(),
                                   .verified = coin(),
                                   .following = coin(),
                                   .addressbook = coin(),
                                   .enhanced = seldom(),
                                   .silence_strangers = coin(),
                                   .quiet_from_min = -1};
    OK(store_settings_set(store, alice, &w->sa));
    OK(store_settings_set(store, bob, &w->sb));
    for (int i = 0; i < 2; i++) {
        int64_t from = i ? bob : alice, to = i ? alice : bob;
        OK(store_edge_set(store, EDGE_FOLLOW, from, to, w->follows[i] = coin(), NOW));
        OK(store_edge_set(store, EDGE_CONTACT, from, to, w->contact[i] = coin(), NOW));
        OK(store_edge_set(store, EDGE_BLOCK, from, to, w->blocks[i] = seldom(), NOW));
        OK(store_dm_edge_set(store, from, to, w->sent[i] = coin(), NOW));
    }
    w->kill = seldom();
    w->make = !seldom();
    w->receive = !seldom();
    w->prior = (int)(random_word() % 5);
    w->strangers = (int)(random_word() % 3);
    policy(store, "kill", w->kill ? "on" : "off");
    policy(store, "prior_message", priors[w->prior]);
    policy(store, "relay_strangers", relays[w->strangers]);
    struct rollout_row make = {.feature = "calls.make", .all_bp = w->make ? 10000 : 0},
                       receive = {.feature = "calls.receive", .all_bp = w->receive ? 10000 : 0};
    OK(store_rollout_set(store, &make));
    OK(store_rollout_set(store, &receive));
}

static void worlds(void **state)
{
    struct store *store = *state;
    enum { COUNT = 3000 };
    unsigned seen[112] = {0};
    struct gatekeeper *keepers[2];
    uint8_t call[CALL_ID_SIZE] = {1};
    for (int i = 0; i < 2; i++)
        assert_non_null(keepers[i] = gatekeeper_create(store, i));
    OK(store_begin(store));
    for (int i = 0; i < COUNT; i++) {
        struct world world;
        struct gate_answer answer;
        struct gate_question question = {.caller = alice, .callee = "bob", .dev = 1};
        bool relayed;
        make_world(store, &world);
        world.relay = coin();
        OK(gatekeeper_reload(keepers[world.relay]));
        OK(gatekeeper_decide(keepers[world.relay], &question, NOW, &answer));
        uint32_t rule = oracle(&world, &relayed);
        if (answer.decision.rule != rule || answer.decision.relay != relayed)
            fail_msg("world %d: rule %u, not %u; relay %u, not %d", i, answer.decision.rule, rule,
                     answer.decision.relay, relayed);
        seen[rule]++;
        OK(gatekeeper_audit(keepers[world.relay], &question, &answer, call, NOW));
    }
    OK(store_commit(store));
    static const int rules[] = {2, 3, 5, 11, 111, 6, 7, 8, 9, 12, 15, 13, 14};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        assert_true(seen[rules[i]] > 5);
    /* anybody can run them again */
    static struct decision rows[COUNT];
    size_t count;
    int64_t last;
    OK(store_decision_list(store, 0, rows, COUNT, &count, &last));
    assert_int_equal(count, COUNT);
    for (size_t i = 0; i < count; i++) {
        struct xcall_gate_policy again;
        struct xcall_gate_decision decision;
        gatekeeper_unpack(rows[i].policy_word, &again);
        xcall_gate_decision_init(&decision, sizeof decision);
        assert_int_equal(xcall_gate_decide(rows[i].facts, &again, &decision), XCALL_OK);
        assert_true(decision.rule == rows[i].rule && decision.verdict == rows[i].verdict &&
                    decision.reason == rows[i].reason && decision.relay == rows[i].relay &&
                    decision.public_reason == rows[i].public_reason);
    }
    for (int i = 0; i < 2; i++)
        gatekeeper_destroy(keepers[i]);
}

/* --- one by one ------------------------------------------------------------------------------------- */

static struct gatekeeper *keeper;

static uint32_t rule_at(struct store *store, const struct gate_question *question, int64_t now,
                        struct gate_answer *answer)
{
    (void)store;
    OK(gatekeeper_reload(keeper));
    OK(gatekeeper_decide(keeper, question, now, answer));
    return answer->decision.rule;
}

/* A call that rings: alice wrote, and the two follow each other. */
static int setup_ringing(void **state)
{
    setup(state);
    OK(store_dm_edge_set(*state, alice, bob, true, NOW));
    OK(store_edge_set(*state, EDGE_FOLLOW, alice, bob, true, NOW));
    OK(store_edge_set(*state, EDGE_FOLLOW, bob, alice, true, NOW));
    keeper = gatekeeper_create(*state, false);
    return keeper ? 0 : -1;
}

static int teardown_ringing(void **state)
{
    gatekeeper_destroy(keeper);
    return fixture_teardown(state);
}

static void who(void **state)
{
    struct store *store = *state;
    struct gate_answer answer;
    struct gate_question question = {.caller = alice, .callee = "bob"};
    assert_int_equal(rule_at(store, &question, NOW, &answer), 14);
    assert_false(answer.strangers);
    question.callee = "alice";
    assert_int_equal(rule_at(store, &question, NOW, &answer), 1);
    question.callee = "nobody";
    assert_int_equal(rule_at(store, &question, NOW, &answer), 11);
    assert_true(answer.strangers);
    policy(store, "prior_message", "none");
    assert_int_equal(rule_at(store, &question, NOW, &answer), 6);
    question = (struct gate_question){.caller = alice, .callee = "bob", .outdated = true};
    assert_int_equal(rule_at(store, &question, NOW, &answer), 3);
    assert_int_equal(answer.decision.public_reason, XCALL_GATE_PUBLIC_UPDATE);
    question = (struct gate_question){.caller = 99, .callee = "bob"};
    assert_int_equal(rule_at(store, &question, NOW, &answer), 3);
    struct rollout_row none = {.feature = "calls.video"};
    OK(store_rollout_set(store, &none));
    question = (struct gate_question){.caller = alice, .callee = "bob", .video = true};
    assert_int_equal(rule_at(store, &question, NOW, &answer), 2);
    question.video = false;
    assert_int_equal(rule_at(store, &question, NOW, &answer), 14);
    policy(store, "prior_message", "caller_sent");
    OK(store_account_delete(store, bob, NOW));
    assert_int_equal(rule_at(store, &question, NOW, &answer), 6); /* as before: unavailable */
}

static void age(void **state)
{
    struct store *store = *state;
    struct gate_answer answer;
    struct gate_question question = {.caller = alice, .callee = "bob"};
    policy(store, "prior_message_min_age_s", "60");
    assert_int_equal(rule_at(store, &question, NOW + 59999, &answer), 11);
    assert_int_equal(rule_at(store, &question, NOW + 60000, &answer), 14);
}

/* A message that a block withheld: the caller hears the same as everybody who is blocked, and goes on to
 * when the block is gone, until one arrives. */
static void withheld(void **state)
{
    struct store *store = *state;
    struct gate_answer answer;
    struct gate_question question = {.caller = alice, .callee = "bob"};
    int64_t id;
    OK(store_dm_edge_set(store, alice, bob, false, NOW));
    OK(store_edge_set(store, EDGE_BLOCK, bob, alice, true, NOW));
    assert_int_equal(rule_at(store, &question, NOW, &answer), 11);
    OK(store_message_add(store, alice, bob, "hello", NOW, false, &id));
    assert_int_equal(rule_at(store, &question, NOW, &answer), 7);
    OK(store_edge_set(store, EDGE_BLOCK, bob, alice, false, NOW));
    assert_int_equal(rule_at(store, &question, NOW, &answer), 7);
    policy(store, "prior_message", "none");
    assert_int_equal(rule_at(store, &question, NOW, &answer), 14);
    policy(store, "prior_message", "caller_sent");
    OK(store_message_add(store, alice, bob, "hello?", NOW, true, &id));
    assert_int_equal(rule_at(store, &question, NOW, &answer), 14);
}

static void quiet_hours(void **state)
{
    struct store *store = *state;
    struct gate_answer answer;
    struct gate_question question = {.caller = alice, .callee = "bob"};
    static const struct {
        int from, to, zone, minute;
        bool quiet;
    } cases[] = {
        {600, 660, 0, 599, false}, {600, 660, 0, 600, true},      {600, 660, 0, 659, true},
        {600, 660, 0, 660, false}, {1320, 420, 0, 1319, false},   {1320, 420, 0, 1320, true},
        {1320, 420, 0, 0, true},   {1320, 420, 0, 419, true},     {1320, 420, 0, 420, false},
        {600, 660, 60, 540, true}, {600, 660, 60, 600, false},    {600, 660, -120, 720, true},
        {0, 30, -120, 130, true},  {1410, 1439, 120, 1300, true}, {300, 300, 0, 17, true},
    };
    int64_t midnight = NOW - NOW % 86400000;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call_settings settings = {.enabled = true,
                                         .everyone = true,
                                         .quiet_from_min = cases[i].from,
                                         .quiet_to_min = cases[i].to,
                                         .quiet_zone_min = cases[i].zone};
        OK(store_settings_set(store, bob, &settings));
        uint32_t rule = rule_at(store, &question, midnight + cases[i].minute * 60000, &answer);
        if (rule != (cases[i].quiet ? 13u : 14u))
            fail_msg("case %zu: rule %u", i, rule);
    }
}

static void limited(void **state)
{
    struct store *store = *state;
    struct gate_answer answer;
    uint8_t address[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7};
    struct limits *limits = limits_create(store, NOW);
    struct gate_question question = {
        .caller = alice, .callee = "bob", .dev = 3, .address = address, .limits = limits};
    const struct {
        int kind;
        int64_t a, b;
        uint32_t rule;
    } cases[] = {
        {LIMIT_CALLS_ACCOUNT, alice, 0, 4},
        {LIMIT_CALLS_DEVICE, alice, 3, 4},
        {LIMIT_CALLS_ADDRESS, limit_network(address), 0, 4},
        {LIMIT_CANCELS, alice, 0, 4},
        {LIMIT_CALLEES, alice, 0, 4},
        {LIMIT_PAIR, alice, bob, 10},
        {LIMIT_PAIR_DAY, alice, bob, 10},
        {LIMIT_STRANGERS, bob, 0, 14}, /* they are none */
    };
    int64_t retry, now = NOW;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        limits_set(limits, cases[i].kind, (struct limit_size){2, 0.1});
        for (int k = 0; k < 5; k++) /* looking takes nothing */
            assert_int_equal(rule_at(store, &question, now, &answer), 14);
        assert_int_equal(answer.retry_ms, 0);
        assert_true(limit_take(limits, cases[i].kind, cases[i].a, cases[i].b, now, &retry));
        assert_true(limit_take(limits, cases[i].kind, cases[i].a, cases[i].b, now, &retry));
        assert_int_equal(rule_at(store, &question, now, &answer), cases[i].rule);
        assert_int_equal(answer.retry_ms, cases[i].rule == 4 ? 10000 : 0);
        now += 20000;
    }
    policy(store, "prior_message", "none");
    OK(store_edge_set(store, EDGE_FOLLOW, bob, alice, false, NOW));
    now -= 20000;
    assert_int_equal(rule_at(store, &question, now, &answer),
                     10); /* now she is a stranger to him */
    assert_true(answer.strangers);
    OK(store_edge_set(store, EDGE_FOLLOW, bob, alice, true, NOW));
    /* somebody called before is no new callee */
    assert_true(limit_take(limits, LIMIT_CALLEES, alice, 0, now, &retry));
    assert_true(limit_take(limits, LIMIT_CALLEES, alice, 0, now, &retry));
    assert_int_equal(rule_at(store, &question, now, &answer), 4);
    struct call_row row = a_call(1, alice, bob);
    uint8_t other[CALL_ID_SIZE];
    OK(store_call_insert(store, &row, other));
    assert_int_equal(rule_at(store, &question, now, &answer), 14);
    limits_destroy(limits);
}

static void audit_row(void **state)
{
    struct store *store = *state;
    struct gate_answer answer;
    uint8_t address[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7},
            call[16] = {4};
    struct gate_question question = {
        .caller = alice, .callee = "bob", .dev = 3, .address = address};
    struct decision rows[4];
    size_t count;
    int64_t last;
    for (int i = 0; i < 3; i++) {
        address[13] = (uint8_t)(i / 2); /* two in one network, one in another */
        address[15] = (uint8_t)i;
        OK(gatekeeper_decide(keeper, &question, NOW, &answer));
        OK(gatekeeper_audit(keeper, &question, &answer, call, NOW + i));
    }
    OK(store_decision_list(store, 0, rows, 4, &count, &last));
    assert_int_equal(count, 3);
    assert_memory_equal(rows[0].network, rows[1].network, 16);
    assert_memory_not_equal(rows[0].network, rows[2].network, 16);
    assert_true(rows[0].caller == alice && rows[0].callee == bob && rows[0].dev == 3);
    assert_memory_equal(rows[0].call, call, 16);
    assert_int_equal(rows[0].bucket, answer.bucket);
    /* what explain would say of the relay is what the server said of itself */
    struct gatekeeper *look = gatekeeper_look(store);
    OK(store_settings_set(
        store, bob,
        &(struct call_settings){
            .enabled = true, .everyone = true, .enhanced = true, .quiet_from_min = -1}));
    OK(gatekeeper_decide(look, &question, NOW, &answer));
    assert_int_equal(answer.decision.rule, 15);
    gatekeeper_destroy(look);
    gatekeeper_destroy(gatekeeper_create(store, true));
    look = gatekeeper_look(store);
    OK(gatekeeper_decide(look, &question, NOW, &answer));
    assert_true(answer.decision.rule == 14 && answer.decision.relay == 1);
    gatekeeper_destroy(look);
}

/* Who has set nothing: policy default_allow at the moment of the decision, whose facts say what it was. */
static void default_allow(void **state)
{
    struct store *store = *state;
    struct gate_answer answer;
    struct gate_question question = {.caller = alice, .callee = "bob", .dev = 1};
    struct call_settings settings;
    struct account account;
    struct decision rows[8];
    size_t count;
    int64_t last;
    uint8_t call[16] = {5};
    static const struct {
        const char *allow;
        uint32_t rule, verified_rule;
    } cases[] = {{"nobody", 12, 12},
                 {"verified", 12, 14},
                 {"everyone,contacts", 14, 14},
                 {"contacts", 12, 12}};
    for (size_t i = 0; i < 4; i++) {
        policy(store, "default_allow", cases[i].allow);
        OK(store_account_by_id(store, alice, &account));
        for (int verified = 0; verified < 2; verified++) {
            account.verified = verified;
            OK(store_account_set(store, &account));
            assert_int_equal(rule_at(store, &question, NOW, &answer),
                             verified ? cases[i].verified_rule : cases[i].rule);
            OK(gatekeeper_audit(keeper, &question, &answer, call, NOW));
        }
    }
    /* What is set stays, whatever the policy says later. */
    policy(store, "default_allow", "everyone");
    OK(store_settings_get(store, bob, &settings));
    assert_true(settings.everyone && !settings.following && settings.epoch == 0);
    settings.everyone = false;
    settings.addressbook = true;
    OK(store_settings_set(store, bob, &settings));
    assert_int_equal(rule_at(store, &question, NOW, &answer), 12);
    OK(store_settings_get(store, alice, &settings));
    assert_true(settings.everyone);
    /* A value that no program of today would write counts as none. */
    OK(store_policy_set(store, "default_allow", "friends", NOW));
    OK(store_settings_get(store, alice, &settings));
    assert_true(settings.following && settings.addressbook && !settings.everyone);
    OK(store_decision_list(store, 0, rows, 8, &count, &last));
    assert_int_equal(count, 8);
    for (size_t i = 0; i < count; i++) {
        struct xcall_gate_policy again;
        struct xcall_gate_decision decision;
        gatekeeper_unpack(rows[i].policy_word, &again);
        xcall_gate_decision_init(&decision, sizeof decision);
        assert_int_equal(xcall_gate_decide(rows[i].facts, &again, &decision), XCALL_OK);
        assert_int_equal(decision.rule, rows[i].rule);
        assert_int_equal(decision.rule, i % 2 ? cases[i / 2].verified_rule : cases[i / 2].rule);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_ringing, teardown_ringing)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(worlds, setup, fixture_teardown),
        TEST(who),
        TEST(age),
        TEST(withheld),
        TEST(quiet_hours),
        TEST(limited),
        TEST(audit_row),
        TEST(default_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
