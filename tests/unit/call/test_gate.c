/* test_gate.c - the gate against an oracle that was written from the table of rules alone, as text.
 *
 * There are 2^34 sets of facts and 60 policies. Each is covered, without running each: gate.c is
 * compiled once more here with facts that are no number but questions. A fact gets a value when
 * either side first asks for it, first 0, then 1, so that what is walked is the tree of all ways through
 * both programs. On a leaf the facts that nobody asked for cannot matter, to either of them: it stands
 * for 2^(unasked) combinations, and the leaves of each policy must add up to 2^34. That facts are read
 * in no other way is the compiler's business: here they are a pointer. The compiled function is then
 * held against the oracle on numbers: all that differ from a call that rings in up to four facts,
 * under every policy, and random ones.
 *
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/rng.h"
#include "call/gate.h"

struct walk;
typedef const struct walk *gate_facts;
static bool has(gate_facts walk, uint64_t fact);
void traced_decide(gate_facts facts, const struct xcall_gate_policy *policy,
                   struct xcall_gate_decision *decision);
const char *traced_verdict_name(uint32_t verdict);
const char *traced_reason_name(uint32_t reason);
const char *traced_public_name(uint32_t public_reason);
const char *traced_rule_name(uint32_t rule);
#define XC_GATE_TRACED
#define xc_gate_decide traced_decide
#define xc_gate_verdict_name traced_verdict_name
#define xc_gate_reason_name traced_reason_name
#define xc_gate_public_name traced_public_name
#define xc_gate_rule_name traced_rule_name
#include "call/gate.c"
#undef xc_gate_decide
#undef xc_gate_verdict_name
#undef xc_gate_reason_name
#undef xc_gate_public_name
#undef xc_gate_rule_name

/* --- the oracle -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t bit;
} facts_known[] = {
    {"self", XCALL_GATE_SELF},
    {"video", XCALL_GATE_VIDEO},
    {"a_suspended", XCALL_GATE_CALLER_SUSPENDED},
    {"a_restricted", XCALL_GATE_CALLER_RESTRICTED},
    {"a_outdated", XCALL_GATE_CALLER_OUTDATED},
    {"a_verified", XCALL_GATE_CALLER_VERIFIED},
    {"a_enhanced", XCALL_GATE_CALLER_ENHANCED},
    {"a_make", XCALL_GATE_CALLER_ROLLOUT_MAKE},
    {"a_video", XCALL_GATE_CALLER_ROLLOUT_VIDEO},
    {"a_p2p", XCALL_GATE_CALLER_ROLLOUT_P2P},
    {"b_exists", XCALL_GATE_CALLEE_EXISTS},
    {"b_inactive", XCALL_GATE_CALLEE_INACTIVE},
    {"b_receive", XCALL_GATE_CALLEE_ROLLOUT_RECEIVE},
    {"b_p2p", XCALL_GATE_CALLEE_ROLLOUT_P2P},
    {"b_enabled", XCALL_GATE_CALLEE_ENABLED},
    {"b_enhanced", XCALL_GATE_CALLEE_ENHANCED},
    {"b_quiet", XCALL_GATE_CALLEE_QUIET},
    {"b_silences", XCALL_GATE_CALLEE_SILENCES_STRANGERS},
    {"a_wrote", XCALL_GATE_CALLER_SENT},
    {"b_wrote", XCALL_GATE_CALLEE_SENT},
    {"a_blocks_b", XCALL_GATE_CALLER_BLOCKS},
    {"b_blocks_a", XCALL_GATE_CALLEE_BLOCKS},
    {"a_follows_b", XCALL_GATE_CALLER_FOLLOWS},
    {"b_follows_a", XCALL_GATE_CALLEE_FOLLOWS},
    {"b_in_book_of_a", XCALL_GATE_CALLER_HAS_CONTACT},
    {"a_in_book_of_b", XCALL_GATE_CALLEE_HAS_CONTACT},
    {"full_account", XCALL_GATE_LIMIT_CALLER},
    {"full_device", XCALL_GATE_LIMIT_DEVICE},
    {"full_address", XCALL_GATE_LIMIT_ADDRESS},
    {"full_pair", XCALL_GATE_LIMIT_PAIR},
    {"everyone", XCALL_GATE_ALLOW_EVERYONE},
    {"verified", XCALL_GATE_ALLOW_VERIFIED},
    {"following", XCALL_GATE_ALLOW_FOLLOWING},
    {"contacts", XCALL_GATE_ALLOW_CONTACTS},
};
#define FACTS 34

/* rule, verdict, reason, public reason, then what must be so: a fact, a fact that must not be (-), or of
 * the policy (=). Rules that have several ways to come true have several lines. */
static const char *const rules_text[] = {
    "1 deny self self self",
    "2 deny kill_switch calls_not_enabled_for_you =kill",
    "2 deny rollout_caller calls_not_enabled_for_you -a_make",
    "2 deny rollout_video calls_not_enabled_for_you video -a_video",
    "3 deny caller_state account_restricted a_suspended",
    "3 deny caller_state account_restricted a_restricted",
    "3 deny caller_outdated update_required a_outdated",
    "4 deny rate try_later full_account",
    "4 deny rate try_later full_address",
    "4 deny rate try_later full_device",
    "5 deny you_blocked you_blocked a_blocks_b",
    "11 deny no_message message_first =caller_sent -a_wrote",
    "11 deny no_message message_first =both -a_wrote",
    "11 deny no_message message_first =either -a_wrote -b_wrote",
    "11b deny no_message_from_callee message_first_wait =callee_sent -b_wrote",
    "11b deny no_message_from_callee message_first_wait =both -b_wrote",
    "6 deny no_callee unavailable -b_exists",
    "6 deny no_callee unavailable b_inactive",
    "7 deny blocked unavailable b_blocks_a",
    "8 deny rollout_callee unavailable -b_receive",
    "9 deny disabled unavailable -b_enabled",
    "10 deny pair_rate unavailable full_pair",
    "12 deny not_allowed unavailable -everyone -contacts -following -verified",
    "12 deny not_allowed unavailable -everyone -contacts -following -a_verified",
    "12 deny not_allowed unavailable -everyone -contacts -b_follows_a -verified",
    "12 deny not_allowed unavailable -everyone -contacts -b_follows_a -a_verified",
    "12 deny not_allowed unavailable -everyone -a_in_book_of_b -following -verified",
    "12 deny not_allowed unavailable -everyone -a_in_book_of_b -following -a_verified",
    "12 deny not_allowed unavailable -everyone -a_in_book_of_b -b_follows_a -verified",
    "12 deny not_allowed unavailable -everyone -a_in_book_of_b -b_follows_a -a_verified",
    "15 deny relay_unavailable relay_unavailable =no_relay b_enhanced",
    "15 deny relay_unavailable relay_unavailable =no_relay a_enhanced",
    "15 deny relay_unavailable relay_unavailable =no_relay -a_p2p",
    "15 deny relay_unavailable relay_unavailable =no_relay -b_p2p",
    "15 deny relay_unavailable relay_unavailable =no_relay =on -a_follows_b -b_in_book_of_a",
    "15 deny relay_unavailable relay_unavailable =no_relay =on -b_follows_a -a_in_book_of_b",
    "13 silent silent none b_quiet",
    "13 silent silent none b_silences -a_in_book_of_b -b_follows_a",
    "14 ring ring none",
};
static const char *const relay_text[] = {
    "1 - - - a_enhanced",
    "1 - - - b_enhanced",
    "1 - - - -b_p2p",
    "1 - - - -a_p2p",
    "1 - - - =on -b_in_book_of_a -a_follows_b",
    "1 - - - =on -a_in_book_of_b -b_follows_a",
    "1 - - - =auto =relay -b_in_book_of_a -a_follows_b",
    "1 - - - =auto =relay -a_in_book_of_b -b_follows_a",
    "0 - - -",
};
#define RULES XC_ARRAY_LEN(rules_text)
#define RELAY_RULES XC_ARRAY_LEN(relay_text)

static const char *const policy_words[] = {"caller_sent", "callee_sent", "either", "both",
                                           "none",        "auto",        "on",     "off",
                                           "kill",        "no_relay",    "relay"};

struct row {
    char word[4][32]; /* rule, verdict, reason, public reason */
    uint64_t yes, no;
    uint32_t policy;                      /* bits: policy_words that must be so */
    uint8_t order[8], order_is_yes[8], n; /* facts in the order in which to ask */
};
static struct row rules[RULES], relay_rules[RELAY_RULES];

static uint32_t number_of(const char *word)
{
    uint32_t i = 0;
    while (i < FACTS && strcmp(facts_known[i].name, word) != 0)
        i++;
    assert_true(i < FACTS);
    return i;
}

static void add_term(struct row *row, const char *word)
{
    bool yes = *word != '-';
    if (*word == '=') {
        uint32_t i = 0;
        while (i < XC_ARRAY_LEN(policy_words) && strcmp(policy_words[i], word + 1) != 0)
            i++;
        assert_true(i < XC_ARRAY_LEN(policy_words));
        row->policy |= 1u << i;
        return;
    }
    uint32_t fact = number_of(word + !yes);
    *(yes ? &row->yes : &row->no) |= facts_known[fact].bit;
    row->order[row->n] = (uint8_t)fact;
    row->order_is_yes[row->n++] = yes;
}

static void parse(struct row *row, const char *text)
{
    char words[12][32] = {{0}};
    int n = sscanf(text, "%31s %31s %31s %31s %31s %31s %31s %31s %31s %31s %31s %31s", words[0],
                   words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8],
                   words[9], words[10], words[11]);
    assert_in_range(n, 4, 11);
    memset(row, 0, sizeof *row);
    memcpy(row->word, words, sizeof row->word);
    for (int i = 4; i < n; i++)
        add_term(row, words[i]);
}

static uint32_t words_of(const struct xcall_gate_policy *policy)
{
    return 1u << policy->prior_message | 1u << (5 + policy->relay_strangers) |
           (policy->kill ? 1u << 8 : 0) | 1u << (policy->relay_configured ? 10 : 9);
}

/* --- the walk ---------------------------------------------------------------------------------- */

struct walk {
    uint64_t asked, answers; /* in this run */
    uint8_t fact[FACTS], value[FACTS];
    uint32_t count, given; /* answers laid down; of them given out in this run */
} walking;

static bool ask(uint32_t fact)
{
    uint64_t bit = facts_known[fact].bit;
    if (!(walking.asked & bit)) {
        uint32_t at = walking.given++;
        if (at == walking.count) {
            walking.fact[at] = (uint8_t)fact;
            walking.value[at] = 0;
            walking.count++;
        }
        assert_int_equal(walking.fact[at], fact);
        walking.asked |= bit;
        walking.answers |= walking.value[at] ? bit : 0;
    }
    return (walking.answers & bit) != 0;
}

static bool has(gate_facts walk, uint64_t fact)
{
    assert_ptr_equal(walk, &walking);
    for (uint32_t i = 0; i < FACTS; i++)
        if (facts_known[i].bit == fact)
            return ask(i);
    fail_msg("%llx is no fact", (unsigned long long)fact);
    return false;
}

/* The next way; false when all were walked. */
static bool next_way(void)
{
    while (walking.count && walking.value[walking.count - 1])
        walking.count--;
    if (!walking.count)
        return false;
    walking.value[walking.count - 1] = 1;
    return true;
}

static bool row_asks(const struct row *row)
{
    for (uint32_t i = 0; i < row->n; i++)
        if (ask(row->order[i]) != row->order_is_yes[i])
            return false;
    return true;
}

static const struct row *oracle_asks(const struct row *rows, uint32_t policy)
{
    for (;; rows++)
        if ((rows->policy & ~policy) == 0 && row_asks(rows))
            return rows;
}

static const struct row *oracle(const struct row *rows, uint32_t policy, uint64_t facts)
{
    while ((rows->policy & ~policy) || (facts & rows->yes) != rows->yes || (facts & rows->no))
        rows++;
    return rows;
}

static bool agree(const struct xcall_gate_decision *decision, const struct row *row,
                  const struct row *relay)
{
    return strcmp(xcall_gate_rule_name(decision->rule), row->word[0]) == 0 &&
           strcmp(xcall_gate_verdict_name(decision->verdict), row->word[1]) == 0 &&
           strcmp(xcall_gate_reason_name(decision->reason), row->word[2]) == 0 &&
           strcmp(xcall_gate_public_name(decision->public_reason), row->word[3]) == 0 &&
           decision->relay == (relay->word[0][0] == '1');
}

static void each_policy(void (*run)(const struct xcall_gate_policy *policy))
{
    static const uint32_t any[] = {1, 2, 0x80000000u, UINT32_MAX}; /* not 0 */
    for (uint32_t i = 0; i < 60; i++) {
        struct xcall_gate_policy policy = {.size = sizeof policy,
                                           .kill = i & 1 ? any[i / 2 % 4] : 0,
                                           .prior_message = i / 4 % 5,
                                           .relay_strangers = i / 20,
                                           .relay_configured = i & 2 ? any[i / 4 % 4] : 0};
        run(&policy);
    }
}

static uint64_t leaves, covered, differing;

static void walk_policy(const struct xcall_gate_policy *policy)
{
    uint64_t sum = 0;
    uint32_t words = words_of(policy);
    walking.count = 0;
    do {
        struct xcall_gate_decision decision = {0};
        walking.asked = walking.answers = 0;
        walking.given = 0;
        traced_decide(&walking, policy, &decision);
        const struct row *row = oracle_asks(rules, words);
        differing += !agree(&decision, row, oracle_asks(relay_rules, words));
        assert_int_equal(walking.given, walking.count);
        sum += UINT64_C(1) << (FACTS - walking.count);
        leaves++;
    } while (next_way());
    assert_true(sum == UINT64_C(1) << FACTS);
    covered += sum;
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(XC_ARRAY_LEN(facts_known), FACTS);
    for (uint32_t i = 0; i < RULES; i++)
        parse(&rules[i], rules_text[i]);
    for (uint32_t i = 0; i < RELAY_RULES; i++)
        parse(&relay_rules[i], relay_text[i]);
    leaves = covered = differing = 0;
    return 0;
}

static void test_every_combination(void **state)
{
    (void)state;
    each_policy(walk_policy);
    printf("%llu leaves stand for %llu combinations\n", (unsigned long long)leaves,
           (unsigned long long)covered);
    assert_true(covered == 60 * (UINT64_C(1) << 34));
    assert_true(differing == 0);
}

/* That the walk would see a mistake: two neighbouring rules in the wrong order, one line less, one
 * condition the other way round. */
static void test_mistakes_are_seen(void **state)
{
    struct row was[RULES];
    uint32_t mistakes = 0;
    setup(state);
    memcpy(was, rules, sizeof was);
    for (uint32_t from = 0, middle, end; from < RULES; from = middle) {
        for (middle = from; middle < RULES && !strcmp(was[middle].word[2], was[from].word[2]);)
            middle++;
        if (middle == RULES)
            break;
        for (end = middle; end < RULES && !strcmp(was[end].word[2], was[middle].word[2]);)
            end++;
        memcpy(rules + from, was + middle, (end - middle) * sizeof *was);
        memcpy(rules + from + (end - middle), was + from, (middle - from) * sizeof *was);
        differing = 0;
        each_policy(walk_policy);
        assert_true(differing > 0);
        memcpy(rules, was, sizeof was);
        mistakes++;
    }
    for (uint32_t i = 0; i < RULES - 1; i++) {
        memmove(rules + i, was + i + 1, (RULES - 1 - i) * sizeof *was);
        differing = 0;
        each_policy(walk_policy);
        assert_true(differing > 0);
        memcpy(rules, was, sizeof was);
        for (uint32_t term = 0; term < rules[i].n; term++) {
            rules[i].order_is_yes[term] ^= 1;
            differing = 0;
            each_policy(walk_policy);
            assert_true(differing > 0);
            rules[i] = was[i];
            mistakes++;
        }
    }
    assert_true(mistakes > 60);
}

/* --- numbers ----------------------------------------------------------------------------------- */

#define RINGING                                                                                    \
    (XCALL_GATE_CALLER_ROLLOUT_MAKE | XCALL_GATE_CALLER_ROLLOUT_VIDEO |                            \
     XCALL_GATE_CALLER_ROLLOUT_P2P | XCALL_GATE_CALLEE_EXISTS |                                    \
     XCALL_GATE_CALLEE_ROLLOUT_RECEIVE | XCALL_GATE_CALLEE_ROLLOUT_P2P |                           \
     XCALL_GATE_CALLEE_ENABLED | XCALL_GATE_CALLER_SENT | XCALL_GATE_CALLEE_SENT |                 \
     XCALL_GATE_CALLER_FOLLOWS | XCALL_GATE_CALLEE_FOLLOWS | XCALL_GATE_ALLOW_FOLLOWING)

static void compare_number(uint64_t facts, const struct xcall_gate_policy *policy)
{
    struct xcall_gate_decision decision = {.size = sizeof decision};
    uint32_t words = words_of(policy);
    assert_int_equal(xcall_gate_decide(facts, policy, &decision), XCALL_OK);
    if (!agree(&decision, oracle(rules, words, facts), oracle(relay_rules, words, facts)))
        fail_msg("facts %llx: rule %u", (unsigned long long)facts, decision.rule);
}

static void flip_policy(const struct xcall_gate_policy *policy)
{
    static const uint64_t none = 0;
    const uint64_t *bit[FACTS + 1];
    for (uint32_t i = 0; i < FACTS; i++)
        bit[i] = &facts_known[i].bit;
    bit[FACTS] = &none; /* fewer than four */
    for (uint32_t a = 0; a <= FACTS; a++)
        for (uint32_t b = a; b <= FACTS; b++)
            for (uint32_t c = b; c <= FACTS; c++)
                for (uint32_t d = c; d <= FACTS; d++)
                    compare_number(RINGING ^ *bit[a] ^ *bit[b] ^ *bit[c] ^ *bit[d], policy);
}

static void test_up_to_four_facts(void **state)
{
    (void)state;
    each_policy(flip_policy);
}

static void test_random_numbers(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 11);
    for (uint32_t i = 0; i < 1000000; i++) {
        struct xcall_gate_policy policy = {.size = sizeof policy,
                                           .kill = xc_rng_u32(&rng) % 8 == 0,
                                           .prior_message = xc_rng_u32(&rng) % 5,
                                           .relay_strangers = xc_rng_u32(&rng) % 3,
                                           .relay_configured = xc_rng_u32(&rng) % 2};
        uint64_t noise = xc_rng_u64(&rng) & xc_rng_u64(&rng); /* bits that are no facts, too */
        if (i % 4)
            noise &= xc_rng_u64(&rng) & xc_rng_u64(&rng);
        compare_number(i % 8 ? RINGING ^ noise : noise, &policy);
    }
}

/* --- the function itself ----------------------------------------------------------------------- */

static void expect(uint64_t facts, const char *reason, const char *public_reason, uint32_t relay)
{
    xcall_gate_policy policy;
    xcall_gate_decision decision;
    xcall_gate_policy_init(&policy, sizeof policy);
    xcall_gate_decision_init(&decision, sizeof decision);
    assert_int_equal(xcall_gate_decide(facts, &policy, &decision), XCALL_OK);
    assert_string_equal(xcall_gate_reason_name(decision.reason), reason);
    assert_string_equal(xcall_gate_public_name(decision.public_reason), public_reason);
    assert_int_equal(decision.relay, relay);
}

static void test_by_hand(void **state)
{
    (void)state;
    expect(RINGING, "ring", "none", 0);
    expect(0, "rollout_caller", "calls_not_enabled_for_you", 1);
    expect(RINGING & ~XCALL_GATE_CALLER_SENT, "no_message", "message_first", 0);
    /* The same to the caller, whether it is blocked or not. */
    expect((RINGING & ~XCALL_GATE_CALLER_SENT) | XCALL_GATE_CALLEE_BLOCKS, "no_message",
           "message_first", 0);
    expect(RINGING | XCALL_GATE_CALLEE_BLOCKS, "blocked", "unavailable", 0);
    expect(RINGING & ~XCALL_GATE_ALLOW_FOLLOWING, "not_allowed", "unavailable", 0);
    expect(RINGING | XCALL_GATE_CALLEE_ENHANCED, "relay_unavailable", "relay_unavailable", 1);
    expect(RINGING | XCALL_GATE_CALLEE_QUIET, "silent", "none", 0);
}

static void test_sizes(void **state)
{
    (void)state;
    xcall_gate_policy policy;
    struct {
        xcall_gate_decision decision;
        uint32_t behind;
    } d;
    xcall_gate_policy_init(&policy, sizeof policy);
    assert_int_equal(policy.size, sizeof policy);
    assert_int_equal(policy.prior_message, XCALL_PRIOR_CALLER_SENT);
    assert_int_equal(policy.relay_strangers, XCALL_RELAY_AUTO);
    assert_int_equal(policy.kill | policy.relay_configured, 0);
    memset(&d, 0xee, sizeof d);
    xcall_gate_decision_init(&d.decision, sizeof d.decision);
    assert_int_equal(xcall_gate_decide(RINGING, NULL, &d.decision), XCALL_E_INVALID);
    assert_int_equal(xcall_gate_decide(RINGING, &policy, NULL), XCALL_E_INVALID);
    policy.size = 3;
    assert_int_equal(xcall_gate_decide(RINGING, &policy, &d.decision), XCALL_E_VERSION);
    policy.size = sizeof policy;
    d.decision.size = 0;
    assert_int_equal(xcall_gate_decide(RINGING, &policy, &d.decision), XCALL_E_VERSION);
    d.decision.size = sizeof d.decision;
    policy.prior_message = XCALL_PRIOR_NONE + 1;
    assert_int_equal(xcall_gate_decide(RINGING, &policy, &d.decision), XCALL_E_INVALID);
    policy.size = 8; /* of an older header: what it does not have is as by default */
    policy.kill = 1;
    assert_int_equal(xcall_gate_decide(RINGING, &policy, &d.decision), XCALL_OK);
    assert_int_equal(d.decision.reason, XCALL_GATE_REASON_KILL_SWITCH);
    policy.size = sizeof policy;
    policy.kill = policy.prior_message = 0;
    policy.relay_strangers = 3;
    assert_int_equal(xcall_gate_decide(RINGING, &policy, &d.decision), XCALL_E_INVALID);
    assert_int_equal(d.decision.reason, XCALL_GATE_REASON_KILL_SWITCH); /* untouched */
    policy.relay_strangers = 0;
    d.decision.size = 8;
    d.decision.rule = 77;
    assert_int_equal(xcall_gate_decide(RINGING & ~XCALL_GATE_CALLEE_EXISTS, &policy, &d.decision),
                     XCALL_OK);
    assert_int_equal(d.decision.verdict, XCALL_GATE_DENY);
    assert_int_equal(d.decision.rule, 77);
    assert_int_equal(d.behind, 0xeeeeeeee);
    xcall_gate_policy_init(NULL, 99);
    xcall_gate_decision_init(NULL, 99);
    xcall_gate_policy_init(&policy, 3);
    assert_int_equal(policy.size, sizeof policy);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(xcall_gate_verdict_name(3), "unknown");
    assert_string_equal(xcall_gate_reason_name(19), "unknown");
    assert_string_equal(xcall_gate_public_name(11), "unknown");
    assert_string_equal(xcall_gate_rule_name(0), "unknown");
    assert_string_equal(xcall_gate_rule_name(16), "unknown");
    assert_string_equal(xcall_gate_rule_name(UINT32_MAX), "unknown");
    for (uint32_t i = 0; i < 19; i++)
        assert_string_not_equal(xcall_gate_reason_name(i), "unknown");
    assert_string_equal(xcall_gate_rule_name(111), "11b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_combination, setup),
        cmocka_unit_test_setup(test_mistakes_are_seen, setup),
        cmocka_unit_test_setup(test_up_to_four_facts, setup),
        cmocka_unit_test_setup(test_random_numbers, setup),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
