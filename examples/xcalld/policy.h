/* policy.h - every knob of the service that may change while it runs: key, default, meaning, bounds. The table
 * in policy.c is what `xcalld admin policy` prints and what docs/xcalld-admin.md lists.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_POLICY_H
#define XCALLD_POLICY_H

#include "limits.h"
#include "store.h"

enum { FEATURE_MAKE, FEATURE_RECEIVE, FEATURE_VIDEO, FEATURE_P2P, FEATURE_COUNT };
extern const char *const feature_names[FEATURE_COUNT]; /* "calls.make" ... */

struct policy {
    int64_t version;
    bool kill;              /* kill on|off: no new call is placed */
    uint32_t default_allow; /* ALLOW_*: of who has never set who may call */
    bool kill_live;         /* kill_live on|off: with kill, live calls end too */
    uint32_t prior_message; /* XCALL_PRIOR_* */
    int64_t prior_message_min_age_s;
    uint32_t relay_strangers;    /* XCALL_RELAY_* */
    char client_min_version[32]; /* "": none */
    int64_t ring_ms, reach_ms, reach_push_ms, connect_ms, media_lost_ms, caller_gone_ms,
        signal_lost_ms;
    int64_t tombstone_ms, alerting_min_ms, answer_floor_ms, answer_jitter_ms;
    int64_t message_floor_ms, message_jitter_ms;
    int64_t turn_ttl_s, token_days;
    int64_t restrict_after_reports; /* different accounts a week; 0: never by itself */
    int64_t keep_history_days, keep_decisions_days, keep_messages_days, keep_quality_days,
        keep_reports_days;
    int64_t contacts_max, follows_max, blocks_max, connections_per_address, unauthenticated_max;
    struct limit_size limits[LIMIT_COUNT]; /* keys limit_calls_account and so on: "SIZE/SECONDS" */
};

int policy_load(struct store *store, struct policy *policy); /* STORE_* */
/* Checks and stores one; words: why not. STORE_NONE: no such key, STORE_CONFLICT: bad value. */
int policy_set(struct store *store, const char *key, const char *value, int64_t now, char *words,
               size_t size);
/* The table, one row after the other: false at the end. value: as it is now. */
bool policy_row(const struct policy *policy, unsigned index, const char **key, char *value,
                size_t value_size, const char **otherwise, const char **meaning);

/* --- roll-out: who takes part ------------------------------------------------------------------ */

struct rollout {
    struct rollout_row rows[FEATURE_COUNT]; /* one that was never set: everybody takes part */
    size_t exception_count[FEATURE_COUNT];
    struct rollout_exception exceptions[FEATURE_COUNT][ROLLOUT_EXCEPTIONS_MAX];
};
int rollout_load(struct store *store, struct rollout *rollout); /* STORE_* */
/* 0 .. 9999: stable for an account, independent between features. */
int32_t rollout_bucket(const struct rollout_row *row, int64_t user);
/* Below the percentage of all, or of those who pay where the account does. Monotone: who takes part
 * goes on to as percentages grow. */
bool rollout_in(const struct rollout_row *row, int64_t user, bool paid);
/* The same, unless the account was included or excluded by name. */
bool rollout_has(const struct rollout *rollout, int feature, int64_t user, bool paid);

#endif
