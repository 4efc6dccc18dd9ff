/* gatekeeper.c - one decision: the store's row, policy, roll-out and limits become facts, xcall_gate_decide
 * answers, and the audit row keeps the facts and the policy in a few bytes, so that anybody can run
 * the decision again. Limits are looked at and not taken from. Service thread.
 *
 * Who is counted by which limit (limits.c's a and b), here and where they are taken:
 *   calls_account (caller, 0)   calls_device (caller, dev)   calls_address (limit_network(address), 0)
 *   callees (caller, 0), of a callee whom the caller has never called   cancels (caller, 0)
 *   pair and pair_day (caller, callee)   strangers (callee, 0), of a stranger
 * SPDX-License-Identifier: MIT */
#include "gatekeeper.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MIN 1440
#define MINUTE_MS 60000

/* The policy of a decision in one word. */
enum { WORD_KILL = 1, WORD_PRIOR_SHIFT = 1, WORD_RELAY_SHIFT = 4, WORD_CONFIGURED = 64 };

struct gatekeeper {
    struct store *store;
    bool relay_configured;
    struct policy policy;
    struct rollout rollout;
    uint8_t network_key[HASH_SIZE];
};

static struct gatekeeper *open_keeper(struct store *store, bool relay_configured)
{
    struct gatekeeper *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->store = store;
    made->relay_configured = relay_configured;
    if (store_secret(store, "networks", made->network_key) == STORE_OK &&
        gatekeeper_reload(made) == STORE_OK)
        return made;
    gatekeeper_destroy(made);
    return NULL;
}

struct gatekeeper *gatekeeper_create(struct store *store, bool relay_configured)
{
    if (store_note_set(store, "relay_configured", relay_configured) != STORE_OK)
        return NULL;
    return open_keeper(store, relay_configured);
}

struct gatekeeper *gatekeeper_look(struct store *store)
{
    int64_t relay = 0;
    if (store_note_get(store, "relay_configured", &relay) == STORE_FAILED)
        return NULL;
    return open_keeper(store, relay != 0);
}

void gatekeeper_destroy(struct gatekeeper *gatekeeper)
{
    free(gatekeeper);
}

int gatekeeper_reload(struct gatekeeper *gatekeeper)
{
    struct policy policy;
    struct rollout rollout;
    int result = policy_load(gatekeeper->store, &policy);
    if (result == STORE_OK)
        result = rollout_load(gatekeeper->store, &rollout);
    if (result != STORE_OK)
        return result; /* the old ones hold on */
    gatekeeper->policy = policy;
    gatekeeper->rollout = rollout;
    return STORE_OK;
}

const struct policy *gatekeeper_policy(const struct gatekeeper *gatekeeper)
{
    return &gatekeeper->policy;
}

bool gatekeeper_in_rollout(const struct gatekeeper *gatekeeper, int feature, int64_t user,
                           bool paid)
{
    return rollout_has(&gatekeeper->rollout, feature, user, paid);
}

/* --- facts ------------------------------------------------------------------------------------ */

static uint64_t fact(bool holds, uint64_t bit)
{
    return holds ? bit : 0;
}

/* From a time of the day to another, over midnight too; from = to: the whole day. */
static bool is_quiet(const struct call_settings *settings, int64_t now)
{
    if (settings->quiet_from_min < 0)
        return false;
    int64_t minute = (now / MINUTE_MS + settings->quiet_zone_min) % DAY_MIN;
    if (minute < 0)
        minute += DAY_MIN;
    int64_t since = (minute - settings->quiet_from_min + DAY_MIN) % DAY_MIN;
    int64_t length = (settings->quiet_to_min - settings->quiet_from_min + DAY_MIN) % DAY_MIN;
    return length == 0 || since < length;
}

/* As the gate's rule 13 has it, so that the limit of strangers never keeps out whom the callee knows. */
static bool is_stranger(const struct gate_row *row)
{
    return !(row->callee_follows | row->callee_has_contact);
}

/* The caller's outbox decides about rule 11, so that its answer is the same for callees who got the message
 * and callees who block; but what never arrived entitles to nothing: then it counts as a block. */
static bool all_withheld(const struct gate_row *row, const struct policy *policy)
{
    bool needs_caller = policy->prior_message == XCALL_PRIOR_CALLER_SENT ||
                        policy->prior_message == XCALL_PRIOR_BOTH ||
                        (policy->prior_message == XCALL_PRIOR_EITHER && !row->callee_sent);
    return needs_caller && row->caller_sent && !row->caller_delivered;
}

static uint64_t caller_facts(const struct gatekeeper *keeper, const struct gate_question *question,
                             const struct gate_row *row, int64_t now)
{
    int64_t id = question->caller;
    bool paid = row->caller.paid;
    /* An account that went while its frame was on the way is as good as suspended. */
    bool suspended = row->caller.id == 0 || row->caller.state == ACCOUNT_SUSPENDED;
    int64_t age_ms = keeper->policy.prior_message_min_age_s * 1000;
    bool old_enough = age_ms == 0 || now - row->caller_first_sent_ms >= age_ms;
    bool sent = row->caller_sent && old_enough;
    return fact(question->video, XCALL_GATE_VIDEO) |
           fact(question->outdated, XCALL_GATE_CALLER_OUTDATED) |
           fact(suspended, XCALL_GATE_CALLER_SUSPENDED) |
           fact(row->caller.state == ACCOUNT_RESTRICTED, XCALL_GATE_CALLER_RESTRICTED) |
           fact(row->caller.verified, XCALL_GATE_CALLER_VERIFIED) |
           fact(row->caller_settings.enhanced, XCALL_GATE_CALLER_ENHANCED) |
           fact(gatekeeper_in_rollout(keeper, FEATURE_MAKE, id, paid),
                XCALL_GATE_CALLER_ROLLOUT_MAKE) |
           fact(gatekeeper_in_rollout(keeper, FEATURE_VIDEO, id, paid),
                XCALL_GATE_CALLER_ROLLOUT_VIDEO) |
           fact(gatekeeper_in_rollout(keeper, FEATURE_P2P, id, paid),
                XCALL_GATE_CALLER_ROLLOUT_P2P) |
           fact(sent, XCALL_GATE_CALLER_SENT) | fact(row->caller_blocks, XCALL_GATE_CALLER_BLOCKS) |
           fact(row->caller_follows, XCALL_GATE_CALLER_FOLLOWS) |
           fact(row->caller_has_contact, XCALL_GATE_CALLER_HAS_CONTACT);
}

static uint64_t callee_facts(const struct gatekeeper *keeper, const struct gate_row *row,
                             int64_t now)
{
    int64_t id = row->callee.id;
    bool paid = row->callee.paid;
    const struct call_settings *settings = &row->callee_settings;
    bool blocks = row->callee_blocks | all_withheld(row, &keeper->policy);
    return fact(id != 0, XCALL_GATE_CALLEE_EXISTS) |
           fact(row->callee.state == ACCOUNT_SUSPENDED, XCALL_GATE_CALLEE_INACTIVE) |
           fact(gatekeeper_in_rollout(keeper, FEATURE_RECEIVE, id, paid),
                XCALL_GATE_CALLEE_ROLLOUT_RECEIVE) |
           fact(gatekeeper_in_rollout(keeper, FEATURE_P2P, id, paid),
                XCALL_GATE_CALLEE_ROLLOUT_P2P) |
           fact(settings->enabled, XCALL_GATE_CALLEE_ENABLED) |
           fact(settings->enhanced, XCALL_GATE_CALLEE_ENHANCED) |
           fact(is_quiet(settings, now), XCALL_GATE_CALLEE_QUIET) |
           fact(settings->silence_strangers, XCALL_GATE_CALLEE_SILENCES_STRANGERS) |
           fact(settings->everyone, XCALL_GATE_ALLOW_EVERYONE) |
           fact(settings->verified, XCALL_GATE_ALLOW_VERIFIED) |
           fact(settings->following, XCALL_GATE_ALLOW_FOLLOWING) |
           fact(settings->addressbook, XCALL_GATE_ALLOW_CONTACTS) |
           fact(row->callee_sent, XCALL_GATE_CALLEE_SENT) | fact(blocks, XCALL_GATE_CALLEE_BLOCKS) |
           fact(row->callee_follows, XCALL_GATE_CALLEE_FOLLOWS) |
           fact(row->callee_has_contact, XCALL_GATE_CALLEE_HAS_CONTACT);
}

struct looking {
    const struct gate_question *question;
    int64_t now, retry_ms;
};

static bool reached(struct looking *look, int kind, int64_t a, int64_t b)
{
    int64_t retry_ms = 0;
    if (limit_there(look->question->limits, kind, a, b, look->now, &retry_ms))
        return false;
    if (retry_ms > look->retry_ms)
        look->retry_ms = retry_ms;
    return true;
}

/* All are looked at, whatever the first ones say. */
static uint64_t limit_facts(const struct gate_question *question, struct gate_answer *answer,
                            int64_t now)
{
    if (!question->limits)
        return 0;
    int64_t caller = question->caller, callee = answer->row.callee.id;
    struct looking own = {question, now, 0}, pair = {question, now, 0};
    bool account = reached(&own, LIMIT_CALLS_ACCOUNT, caller, 0);
    account |= reached(&own, LIMIT_CANCELS, caller, 0);
    account |= !answer->row.called_before && reached(&own, LIMIT_CALLEES, caller, 0);
    bool device = question->dev != 0 && reached(&own, LIMIT_CALLS_DEVICE, caller, question->dev);
    bool address = question->address &&
                   reached(&own, LIMIT_CALLS_ADDRESS, limit_network(question->address), 0);
    bool both = reached(&pair, LIMIT_PAIR, caller, callee);
    both |= reached(&pair, LIMIT_PAIR_DAY, caller, callee);
    bool strangers = reached(&pair, LIMIT_STRANGERS, callee, 0);
    both |= answer->strangers && strangers;
    answer->retry_ms = own.retry_ms;
    return fact(account, XCALL_GATE_LIMIT_CALLER) | fact(device, XCALL_GATE_LIMIT_DEVICE) |
           fact(address, XCALL_GATE_LIMIT_ADDRESS) | fact(both, XCALL_GATE_LIMIT_PAIR);
}

/* --- decisions -------------------------------------------------------------------------------- */

static uint32_t policy_word(const struct gatekeeper *keeper)
{
    return (keeper->policy.kill ? WORD_KILL : 0u) |
           keeper->policy.prior_message << WORD_PRIOR_SHIFT |
           keeper->policy.relay_strangers << WORD_RELAY_SHIFT |
           (keeper->relay_configured ? WORD_CONFIGURED : 0u);
}

void gatekeeper_unpack(uint32_t word, struct xcall_gate_policy *policy)
{
    xcall_gate_policy_init(policy, sizeof *policy);
    policy->kill = (word & WORD_KILL) != 0;
    policy->prior_message = word >> WORD_PRIOR_SHIFT & 7;
    policy->relay_strangers = word >> WORD_RELAY_SHIFT & 3;
    policy->relay_configured = (word & WORD_CONFIGURED) != 0;
}

int gatekeeper_decide(struct gatekeeper *gatekeeper, const struct gate_question *question,
                      int64_t now, struct gate_answer *answer)
{
    *answer = (struct gate_answer){0};
    int result =
        store_gate_row(gatekeeper->store, question->caller, question->callee, &answer->row);
    if (result != STORE_OK)
        return result;
    answer->strangers = is_stranger(&answer->row);
    answer->bucket = rollout_bucket(&gatekeeper->rollout.rows[FEATURE_MAKE], question->caller);
    answer->facts = caller_facts(gatekeeper, question, &answer->row, now) |
                    callee_facts(gatekeeper, &answer->row, now) |
                    limit_facts(question, answer, now) |
                    fact(answer->row.callee.id == question->caller, XCALL_GATE_SELF);
    /* The decision is that of the packed policy: what the audit row says is what decided. */
    struct xcall_gate_policy policy;
    gatekeeper_unpack(policy_word(gatekeeper), &policy);
    xcall_gate_decision_init(&answer->decision, sizeof answer->decision);
    if (xcall_gate_decide(answer->facts, &policy, &answer->decision) != XCALL_OK)
        return STORE_FAILED;
    if (answer->decision.public_reason != XCALL_GATE_PUBLIC_TRY_LATER)
        answer->retry_ms = 0;
    return STORE_OK;
}

int gatekeeper_audit(struct gatekeeper *gatekeeper, const struct gate_question *question,
                     const struct gate_answer *answer, const uint8_t call[CALL_ID_SIZE],
                     int64_t now)
{
    struct decision row = {
        .at_ms = now,
        .caller = question->caller,
        .callee = answer->row.callee.id,
        .facts = answer->facts,
        .policy_word = policy_word(gatekeeper),
        .verdict = answer->decision.verdict,
        .reason = answer->decision.reason,
        .public_reason = answer->decision.public_reason,
        .rule = answer->decision.rule,
        .relay = answer->decision.relay,
        .settings_epoch = answer->row.callee_settings.epoch,
        .policy_version = gatekeeper->policy.version,
        .bucket = answer->bucket,
        .dev = question->dev,
    };
    memcpy(row.call, call, CALL_ID_SIZE);
    if (question->address) {
        int64_t network = limit_network(question->address);
        uint8_t mac[crypto_auth_hmacsha256_BYTES];
        crypto_auth_hmacsha256(mac, (const uint8_t *)&network, sizeof network,
                               gatekeeper->network_key);
        memcpy(row.network, mac, sizeof row.network);
    }
    return store_decision_add(gatekeeper->store, &row);
}
