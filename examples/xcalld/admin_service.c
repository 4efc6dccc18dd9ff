/* admin_service.c - the admin commands about the service: roll-out, policy, why a call rings or not, the
 * decisions it took, backup. SPDX-License-Identifier: MIT */
#include "admin.h"

#include "gatekeeper.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HOUR_MS ((int64_t)3600000)
#define ROWS_AT_ONCE 256

/* --- roll-out --------------------------------------------------------------------------------- */

static json_t *ratio(int64_t part, int64_t whole, double scale)
{
    return whole > 0 ? json_real(round((double)part / (double)whole * scale * 1e4) / 1e4)
                     : json_null();
}

static json_t *percent(int32_t basis_points)
{
    return basis_points % 100 == 0 ? json_integer(basis_points / 100)
                                   : json_real((double)basis_points / 100);
}

/* The names of those who are included, or excluded. */
static json_t *exceptions(struct admin *admin, const char *feature, bool included)
{
    struct rollout_exception rows[ROLLOUT_EXCEPTIONS_MAX];
    struct account account;
    size_t count;
    json_t *names = json_array();
    if (store_rollout_exceptions(admin->store, feature, rows, &count) != STORE_OK)
        return names;
    for (size_t i = 0; i < count; i++)
        if (rows[i].included == included &&
            store_account_by_id(admin->store, rows[i].user, &account) == STORE_OK)
            json_array_append_new(names, json_string(account.name));
    return names;
}

static json_t *cohort_row(const struct guard_cohort *cohort)
{
    return json_pack(
        "{s:I,s:I,s:I,s:o,s:I,s:o,s:I,s:o,s:I,s:I,s:o}", "calls", (json_int_t)cohort->calls,
        "accepted", (json_int_t)cohort->accepted, "connected", (json_int_t)cohort->connected,
        "setup_success", ratio(cohort->connected, cohort->accepted, 1), "dropped",
        (json_int_t)cohort->dropped, "drop_rate", ratio(cohort->dropped, cohort->connected, 1),
        "reports", (json_int_t)cohort->reports, "reports_per_1000_calls",
        ratio(cohort->reports, cohort->calls, 1000), "relayed", (json_int_t)cohort->relayed,
        "devices_vanished", (json_int_t)cohort->vanished, "vanish_rate",
        ratio(cohort->vanished, 2 * cohort->accepted, 1));
}

static json_t *milliseconds(int64_t ms)
{
    return ms < 0 ? json_null() : json_integer(ms);
}

static int print_rollout(struct admin *admin, const struct rollout_row *row, int64_t hours)
{
    struct guard_figures figures;
    if (store_guard_figures(admin->store, row->feature, admin->now - hours * HOUR_MS, &figures) !=
        STORE_OK)
        return admin_failed(admin);
    return admin_print(json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:o,s:I,s:o,s:I,s:o,s:I,s:o,s:I,s:o,s:o,s:I,s:{s:o,s:o},"
        "s:"
        "I}",
        "feature", row->feature, "all", percent(row->all_bp), "paid", percent(row->paid_bp),
        "include", exceptions(admin, row->feature, true), "exclude",
        exceptions(admin, row->feature, false), "calls", (json_int_t)figures.calls, "accepted",
        (json_int_t)figures.accepted, "connected", (json_int_t)figures.connected, "setup_success",
        ratio(figures.connected, figures.accepted, 1), "dropped", (json_int_t)figures.dropped,
        "drop_rate", ratio(figures.dropped, figures.connected, 1), "reports",
        (json_int_t)figures.reports, "reports_per_1000_calls",
        ratio(figures.reports, figures.calls, 1000), "devices_vanished",
        (json_int_t)figures.vanished, "vanish_rate",
        ratio(figures.vanished, 2 * figures.accepted, 1), "devices_unreported",
        (json_int_t)figures.unreported, "setup_ms_p50", milliseconds(figures.setup_p50_ms),
        "setup_ms_p95", milliseconds(figures.setup_p95_ms), "relayed", (json_int_t)figures.relayed,
        "cohorts", "free", cohort_row(&figures.cohorts[0]), "paid", cohort_row(&figures.cohorts[1]),
        "hours", (json_int_t)hours));
}

static int read_percent(const struct admin *admin, int option, const char *name,
                        int32_t *basis_points)
{
    const char *text = admin->options[option];
    if (!text)
        return DONE;
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= 100))
        return admin_say(BAD_USE, "--%s is a percentage from 0 to 100", name);
    long rounded = lround(value * 100);
    if (fabs(value * 100 - (double)rounded) > 1e-6) /* a 0.004 that becomes nobody, unsaid */
        return admin_say(BAD_USE, "--%s: a percentage has at most two digits behind the point",
                         name);
    *basis_points = (int32_t)rounded;
    return DONE;
}

/* --include NAME, --exclude NAME, either with --remove. */
static int change_exception(struct admin *admin, const char *feature)
{
    struct account account;
    const char *in = admin->options[OPTION_INCLUDE], *out = admin->options[OPTION_EXCLUDE];
    if (!in && !out)
        return DONE;
    int how = admin_find(admin, in ? in : out, &account);
    if (how != DONE)
        return how;
    int result = store_rollout_except(admin->store, feature, account.id,
                                      admin->options[OPTION_REMOVE] ? ROLLOUT_AS_OTHERS
                                      : in                          ? ROLLOUT_INCLUDED
                                                                    : ROLLOUT_EXCLUDED);
    if (result == STORE_FULL)
        return admin_say(REFUSED, "%d accounts are included or excluded: one must go first",
                         ROLLOUT_EXCEPTIONS_MAX);
    return result == STORE_OK ? DONE : admin_failed(admin);
}

static int change_rollout(struct admin *admin, struct rollout_row *row)
{
    int how = read_percent(admin, OPTION_ALL, "all", &row->all_bp);
    if (how == DONE)
        how = read_percent(admin, OPTION_PAID, "paid", &row->paid_bp);
    if (how == DONE)
        how = admin_begin(admin);
    if (how != DONE)
        return how;
    how = change_exception(admin, row->feature);
    if (how != DONE)
        return admin_end(admin, how);
    if (store_rollout_set(admin->store, row) != STORE_OK ||
        store_change_add(admin->store, CHANGE_POLICY, 0, 0, admin->now) != STORE_OK)
        how = admin_failed(admin);
    return admin_end(admin, how);
}

int admin_rollout(struct admin *admin)
{
    struct rollout rollout;
    int64_t hours = 24;
    bool named = admin->options[OPTION_INCLUDE] || admin->options[OPTION_EXCLUDE];
    bool changes = named || admin->options[OPTION_ALL] || admin->options[OPTION_PAID];
    if (admin->options[OPTION_INCLUDE] && admin->options[OPTION_EXCLUDE])
        return admin_say(BAD_USE, "--include or --exclude: one of them");
    if (admin->options[OPTION_REMOVE] && !named)
        return admin_say(BAD_USE, "--remove goes with --include or --exclude");
    int how = admin_number(admin, OPTION_HOURS, 1, 876000, &hours);
    if (how == DONE && rollout_load(admin->store, &rollout) != STORE_OK)
        return admin_failed(admin);
    if (how == DONE && changes && !admin->words[0])
        return admin_say(BAD_USE,
                         "which feature? calls.make, calls.receive, calls.video or calls.p2p");
    int found = 0;
    for (int i = 0; i < FEATURE_COUNT && how == DONE; i++) {
        if (admin->words[0] && strcmp(admin->words[0], feature_names[i]) != 0)
            continue;
        found++;
        if (changes)
            how = change_rollout(admin, &rollout.rows[i]);
        if (how == DONE)
            how = print_rollout(admin, &rollout.rows[i], hours);
    }
    if (how == DONE && !found)
        return admin_say(BAD_USE,
                         "there is no feature \"%s\": they are calls.make, calls.receive, "
                         "calls.video and calls.p2p",
                         admin->words[0]);
    return how;
}

/* --- policy ----------------------------------------------------------------------------------- */

static int print_policy(struct admin *admin, const char *only)
{
    struct policy policy;
    const char *key, *otherwise, *meaning;
    char value[64];
    int found = 0;
    if (policy_load(admin->store, &policy) != STORE_OK)
        return admin_failed(admin);
    for (unsigned i = 0; policy_row(&policy, i, &key, value, sizeof value, &otherwise, &meaning);
         i++) {
        if (only && strcmp(only, key) != 0)
            continue;
        found++;
        int how = admin_print(json_pack("{s:s,s:s,s:s,s:s}", "key", key, "value", value, "default",
                                        otherwise, "meaning", meaning));
        if (how != DONE)
            return how;
    }
    return found ? DONE : admin_say(BAD_USE, "there is no policy \"%s\"", only);
}

/* `default` stands for the default of the key. */
static const char *value_or_default(struct admin *admin, const char *name, const char *value)
{
    struct policy policy;
    const char *key, *otherwise, *meaning;
    char now[64];
    if (strcmp(value, "default") != 0 || policy_load(admin->store, &policy) != STORE_OK)
        return value;
    for (unsigned i = 0; policy_row(&policy, i, &key, now, sizeof now, &otherwise, &meaning); i++)
        if (strcmp(key, name) == 0)
            return otherwise;
    return value;
}

int admin_policy(struct admin *admin)
{
    const char *key = admin->words[0], *value = admin->words[1];
    if (!value)
        return print_policy(admin, key);
    char why[256];
    int how = admin_begin(admin);
    if (how != DONE)
        return how;
    int result = policy_set(admin->store, key, value_or_default(admin, key, value), admin->now, why,
                            sizeof why);
    if (result == STORE_NONE || result == STORE_CONFLICT)
        how = admin_say(BAD_USE, "%s", why);
    else if (result != STORE_OK ||
             store_change_add(admin->store, CHANGE_POLICY, 0, 0, admin->now) != STORE_OK)
        how = admin_failed(admin);
    how = admin_end(admin, how);
    return how == DONE ? print_policy(admin, key) : how;
}

/* --- decisions -------------------------------------------------------------------------------- */

static void print_decision(const struct xcall_gate_decision *decision, json_t *row)
{
    json_object_set_new(row, "verdict", json_string(xcall_gate_verdict_name(decision->verdict)));
    json_object_set_new(row, "reason", json_string(xcall_gate_reason_name(decision->reason)));
    json_object_set_new(row, "public",
                        json_string(xcall_gate_public_name(decision->public_reason)));
    json_object_set_new(row, "rule", json_string(xcall_gate_rule_name(decision->rule)));
    json_object_set_new(row, "relay", json_boolean(decision->relay));
}

static int explain(struct admin *admin, struct gatekeeper *keeper, struct limits *limits)
{
    struct account caller;
    struct gate_answer answer;
    int how = admin_find(admin, admin->words[0], &caller);
    if (how != DONE)
        return how;
    const struct policy *policy = gatekeeper_policy(keeper);
    for (int kind = 0; kind < LIMIT_COUNT; kind++)
        limits_set(limits, kind, policy->limits[kind]);
    struct gate_question question = {.caller = caller.id,
                                     .callee = admin->words[1],
                                     .video = admin->options[OPTION_VIDEO] != NULL,
                                     .limits = limits};
    if (gatekeeper_decide(keeper, &question, admin->now, &answer) != STORE_OK)
        return admin_failed(admin);
    json_t *row = json_object();
    print_decision(&answer.decision, row);
    return admin_print(row);
}

int admin_explain(struct admin *admin)
{
    struct gatekeeper *keeper = gatekeeper_look(admin->store);
    struct limits *limits = limits_create(admin->store, admin->now);
    int how = keeper && limits ? explain(admin, keeper, limits) : admin_failed(admin);
    if (limits)
        limits_destroy(limits);
    if (keeper)
        gatekeeper_destroy(keeper);
    return how;
}

static bool agrees(const struct decision *decision)
{
    struct xcall_gate_policy policy;
    struct xcall_gate_decision again;
    gatekeeper_unpack(decision->policy_word, &policy);
    xcall_gate_decision_init(&again, sizeof again);
    return xcall_gate_decide(decision->facts, &policy, &again) == XCALL_OK &&
           again.verdict == decision->verdict && again.reason == decision->reason &&
           again.public_reason == decision->public_reason && again.rule == decision->rule &&
           again.relay == decision->relay;
}

static void name_of(struct admin *admin, int64_t id, json_t *row, const char *member)
{
    struct account account;
    if (id != 0 && store_account_by_id(admin->store, id, &account) == STORE_OK)
        json_object_set_new(row, member, json_string(account.name));
    else
        json_object_set_new(row, member, json_null());
}

static int print_audit(struct admin *admin, const struct decision *decision)
{
    json_t *row = json_pack("{s:I}", "at", (json_int_t)decision->at_ms);
    name_of(admin, decision->caller, row, "caller");
    name_of(admin, decision->callee, row, "callee");
    struct xcall_gate_decision shown = {.verdict = decision->verdict,
                                        .reason = decision->reason,
                                        .public_reason = decision->public_reason,
                                        .rule = decision->rule,
                                        .relay = decision->relay};
    print_decision(&shown, row);
    json_object_set_new(row, "facts", json_integer((json_int_t)decision->facts));
    json_object_set_new(row, "policy", json_integer(decision->policy_word));
    json_object_set_new(row, "policy_version", json_integer(decision->policy_version));
    json_object_set_new(row, "settings_epoch", json_integer(decision->settings_epoch));
    json_object_set_new(row, "bucket", json_integer(decision->bucket));
    json_object_set_new(row, "dev", json_integer(decision->dev));
    return admin_print(row);
}

/* All rows; or the last ones, of which `skip` come before. */
static int walk(struct admin *admin, int64_t skip, bool print, int64_t *total, int64_t *agree)
{
    static struct decision rows[ROWS_AT_ONCE];
    int64_t after = 0;
    size_t count;
    *total = *agree = 0;
    do {
        if (store_decision_list(admin->store, after, rows, ROWS_AT_ONCE, &count, &after) !=
            STORE_OK)
            return admin_failed(admin);
        for (size_t i = 0; i < count; i++) {
            *agree += agrees(&rows[i]);
            if ((*total)++ >= skip && print) {
                int how = print_audit(admin, &rows[i]);
                if (how != DONE)
                    return how;
            }
        }
    } while (count == ROWS_AT_ONCE);
    return DONE;
}

static int print_denied(struct admin *admin, int64_t hours)
{
    static struct denied_hour rows[ROWS_AT_ONCE];
    struct denied_hour last = {0};
    size_t count;
    int how = DONE;
    do {
        if (store_denied_hours(admin->store, admin->now - hours * HOUR_MS, &last, rows,
                               ROWS_AT_ONCE, &count) != STORE_OK)
            return admin_failed(admin);
        for (size_t i = 0; i < count && how == DONE; i++) {
            json_t *row = json_object();
            name_of(admin, rows[i].caller, row, "caller");
            json_object_set_new(row, "hour", json_integer(rows[i].hour_ms));
            json_object_set_new(row, "attempts", json_integer(rows[i].attempts));
            json_object_set_new(row, "denied", json_integer(rows[i].denied));
            json_object_set_new(row, "callees", json_integer(rows[i].callees));
            json_object_set_new(row, "blocked", json_integer(rows[i].blocked));
            how = admin_print(row);
        }
    } while (how == DONE && count == ROWS_AT_ONCE);
    return how;
}

int admin_audit(struct admin *admin)
{
    int64_t last = 20, hours = 24, total, agree;
    bool denied = admin->options[OPTION_DENIED] != NULL;
    if (denied && (admin->options[OPTION_REPLAY] || admin->options[OPTION_LAST]))
        return admin_say(BAD_USE, "--denied goes with --hours alone");
    if (!denied && admin->options[OPTION_HOURS])
        return admin_say(BAD_USE, "--hours goes with --denied");
    int how = admin_number(admin, OPTION_HOURS, 1, 876000, &hours);
    if (denied)
        return how == DONE ? print_denied(admin, hours) : how;
    how = admin_number(admin, OPTION_LAST, 1, INT64_MAX, &last);
    if (how == DONE)
        how = walk(admin, 0, false, &total, &agree);
    if (how == DONE && admin->options[OPTION_REPLAY]) {
        how = admin_print(json_pack("{s:I,s:I,s:I}", "decisions", (json_int_t)total, "agree",
                                    (json_int_t)agree, "differ", (json_int_t)(total - agree)));
        return how == DONE && agree != total
                   ? admin_say(REFUSED, "%lld decisions would be others today",
                               (long long)(total - agree))
                   : how;
    }
    return how == DONE ? walk(admin, total - last, true, &total, &agree) : how;
}

/* --- backup ----------------------------------------------------------------------------------- */

int admin_backup(struct admin *admin)
{
    const char *path = admin->words[0];
    struct stat status;
    int result = store_backup(admin->store, path);
    if (result != STORE_OK)
        return admin_say(REFUSED, "no backup: %s", store_error(admin->store));
    if (stat(path, &status) != 0)
        return admin_say(REFUSED, "no backup: %s is not there", path);
    return admin_print(json_pack("{s:s,s:I}", "backup", path, "bytes", (json_int_t)status.st_size));
}
