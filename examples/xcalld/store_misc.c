/* store_misc.c - decisions, policy, roll-out, changes, buckets, notes and secrets in the SQLite store.
 * SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <xcall/gate.h>

#define HOUR_MS ((int64_t)3600000)

/* --- decisions -------------------------------------------------------------------------------------- */

int store_decision_add(struct store *store, const struct decision *decision)
{
    return db_run(store,
                  "INSERT INTO "
                  "decision_log(at_ms,caller,callee,call_id,facts,policy_word,verdict,r_int,r_pub,"
                  "rule,relay,epoch,policy_ver,bucket,dev,net_hash)"
                  " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
                  "iiibiiiiiiiiiddb", decision->at_ms, decision->caller, decision->callee,
                  decision->call, CALL_ID_SIZE, (int64_t)decision->facts,
                  (int64_t)decision->policy_word, (int64_t)decision->verdict,
                  (int64_t)decision->reason, (int64_t)decision->public_reason,
                  (int64_t)decision->rule, (int64_t)decision->relay, decision->settings_epoch,
                  decision->policy_version, decision->bucket, decision->dev, decision->network,
                  (int)sizeof decision->network);
}

static void read_decision(sqlite3_stmt *stmt, struct decision *decision)
{
    *decision = (struct decision){0};
    decision->at_ms = sqlite3_column_int64(stmt, 1);
    decision->caller = sqlite3_column_int64(stmt, 2);
    decision->callee = sqlite3_column_int64(stmt, 3);
    db_blob(stmt, 4, decision->call, CALL_ID_SIZE);
    decision->facts = (uint64_t)sqlite3_column_int64(stmt, 5);
    decision->policy_word = (uint32_t)sqlite3_column_int64(stmt, 6);
    decision->verdict = (uint32_t)sqlite3_column_int64(stmt, 7);
    decision->reason = (uint32_t)sqlite3_column_int64(stmt, 8);
    decision->public_reason = (uint32_t)sqlite3_column_int64(stmt, 9);
    decision->rule = (uint32_t)sqlite3_column_int64(stmt, 10);
    decision->relay = (uint32_t)sqlite3_column_int64(stmt, 11);
    decision->settings_epoch = sqlite3_column_int64(stmt, 12);
    decision->policy_version = sqlite3_column_int64(stmt, 13);
    decision->bucket = sqlite3_column_int(stmt, 14);
    decision->dev = sqlite3_column_int(stmt, 15);
    db_blob(stmt, 16, decision->network, sizeof decision->network);
}

int store_decision_list(struct store *store, int64_t after_row, struct decision *decisions,
                        size_t capacity, size_t *count, int64_t *last_row)
{
    *count = 0;
    *last_row = after_row;
    sqlite3_stmt *stmt =
        db_query(store,
                 "SELECT id,at_ms,caller,callee,call_id,facts,policy_word,verdict,r_int,r_pub,rule,"
                 "relay,epoch,policy_ver,bucket,dev,net_hash FROM decision_log WHERE id>?1"
                 " ORDER BY id LIMIT ?2",
                 "ii", after_row, (int64_t)capacity);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        *last_row = sqlite3_column_int64(stmt, 0);
        read_decision(stmt, &decisions[(*count)++]);
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

int store_denied_hours(struct store *store, int64_t since_ms, struct denied_hour *last,
                       struct denied_hour *rows, size_t capacity, size_t *count)
{
    *count = 0;
    sqlite3_stmt *stmt =
        db_query(store,
                 "SELECT caller,at_ms/?1*?1,count(*),count(*) FILTER (WHERE verdict=?2),"
                 "count(DISTINCT callee) FILTER (WHERE verdict=?2),count(*) FILTER (WHERE r_int=?3)"
                 " FROM decision_log WHERE at_ms>=?4 AND at_ms>=?5 AND (at_ms/?1*?1,caller)>(?5,?6)"
                 " GROUP BY 2,1 HAVING count(*) FILTER (WHERE verdict=?2)>0 ORDER BY 2,1 LIMIT ?7",
                 "iiiiiii", HOUR_MS, (int64_t)XCALL_GATE_DENY, (int64_t)XCALL_GATE_REASON_BLOCKED,
                 since_ms, last->hour_ms, last->caller, (int64_t)capacity);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        *last = (struct denied_hour){.caller = sqlite3_column_int64(stmt, 0),
                                     .hour_ms = sqlite3_column_int64(stmt, 1),
                                     .attempts = sqlite3_column_int64(stmt, 2),
                                     .denied = sqlite3_column_int64(stmt, 3),
                                     .callees = sqlite3_column_int64(stmt, 4),
                                     .blocked = sqlite3_column_int64(stmt, 5)};
        rows[(*count)++] = *last;
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

/* --- buckets ---------------------------------------------------------------------------------------- */

static int save_bucket(struct store *store, const struct bucket_row *row)
{
    return db_run(
        store,
        "INSERT INTO bucket(key_0,key_1,level,at_ms) VALUES(?1,?2,?3,?4)"
        " ON CONFLICT(key_0,key_1) DO UPDATE SET level=excluded.level,at_ms=excluded.at_ms",
        "iiri", (int64_t)row->key[0], (int64_t)row->key[1], row->level, row->at_ms);
}

int store_buckets_save(struct store *store, const struct bucket_row *rows, size_t count)
{
    if (count == 0)
        return STORE_OK;
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    int result = STORE_OK;
    for (size_t i = 0; i < count && result == STORE_OK; i++)
        result = save_bucket(store, &rows[i]);
    return db_scope_end(store, result);
}

int store_buckets_load(struct store *store, struct bucket_row *rows, size_t capacity, size_t *count)
{
    *count = 0;
    sqlite3_stmt *stmt =
        db_query(store, "SELECT key_0,key_1,level,at_ms FROM bucket ORDER BY at_ms DESC LIMIT ?1",
                 "i", (int64_t)capacity);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        struct bucket_row *row = &rows[(*count)++];
        row->key[0] = (uint64_t)sqlite3_column_int64(stmt, 0);
        row->key[1] = (uint64_t)sqlite3_column_int64(stmt, 1);
        row->level = sqlite3_column_double(stmt, 2);
        row->at_ms = sqlite3_column_int64(stmt, 3);
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

/* --- policy, roll-out ------------------------------------------------------------------------------- */

int store_policy_get(struct store *store, const char *key, char *value, size_t size)
{
    sqlite3_stmt *stmt = db_query(store, "SELECT value FROM policy WHERE key=?1", "t", key);
    int result = db_step(store, stmt);
    if (result == STORE_OK)
        db_text(stmt, 0, value, size);
    return db_end(stmt, result);
}

static int raise_version(struct store *store)
{
    return db_run(store,
                  "INSERT INTO note(name,value) VALUES('policy_version',1)"
                  " ON CONFLICT(name) DO UPDATE SET value=note.value+1",
                  "");
}

int store_policy_set(struct store *store, const char *key, const char *value, int64_t now)
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    int result = db_run(store,
                        "INSERT INTO policy(key,value,at_ms) VALUES(?1,?2,?3)"
                        " ON CONFLICT(key) DO UPDATE SET value=excluded.value,at_ms=excluded.at_ms",
                        "tti", key, value, now);
    return db_scope_end(store, result == STORE_OK ? raise_version(store) : result);
}

int store_policy_version(struct store *store, int64_t *version)
{
    int result = store_note_get(store, "policy_version", version);
    if (result == STORE_NONE)
        *version = 0;
    return result == STORE_NONE ? STORE_OK : result;
}

int store_rollout_get(struct store *store, const char *feature, struct rollout_row *row)
{
    sqlite3_stmt *stmt = db_query(
        store, "SELECT feature,all_bp,paid_bp,salt FROM rollout WHERE feature=?1", "t", feature);
    int result = db_step(store, stmt);
    if (result == STORE_OK) {
        *row = (struct rollout_row){0};
        db_text(stmt, 0, row->feature, sizeof row->feature);
        row->all_bp = sqlite3_column_int(stmt, 1);
        row->paid_bp = sqlite3_column_int(stmt, 2);
        db_blob(stmt, 3, row->salt, sizeof row->salt);
    }
    return db_end(stmt, result);
}

int store_rollout_set(struct store *store, const struct rollout_row *row)
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    int result =
        db_run(store,
               "INSERT INTO rollout(feature,all_bp,paid_bp,salt) VALUES(?1,?2,?3,?4)"
               " ON CONFLICT(feature) DO UPDATE SET all_bp=excluded.all_bp,"
               "paid_bp=excluded.paid_bp,salt=excluded.salt",
               "tddb", row->feature, row->all_bp, row->paid_bp, row->salt, (int)sizeof row->salt);
    return db_scope_end(store, result == STORE_OK ? raise_version(store) : result);
}

int store_rollout_exceptions(struct store *store, const char *feature,
                             struct rollout_exception rows[ROLLOUT_EXCEPTIONS_MAX], size_t *count)
{
    *count = 0;
    sqlite3_stmt *stmt = db_query(
        store,
        "SELECT user_id,included FROM rollout_account WHERE feature=?1 ORDER BY user_id LIMIT ?2",
        "ti", feature, (int64_t)ROLLOUT_EXCEPTIONS_MAX);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        rows[*count].user = sqlite3_column_int64(stmt, 0);
        rows[(*count)++].included = sqlite3_column_int(stmt, 1) != 0;
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

static int except(struct store *store, const char *feature, int64_t user, int how)
{
    int64_t others = 0;
    if (how == ROLLOUT_AS_OTHERS)
        return db_run(store, "DELETE FROM rollout_account WHERE feature=?1 AND user_id=?2", "ti",
                      feature, user);
    int result = db_get(store, &others,
                        "SELECT count(*) FROM rollout_account WHERE feature=?1 AND user_id<>?2",
                        "ti", feature, user);
    if (result == STORE_OK && others >= ROLLOUT_EXCEPTIONS_MAX)
        return STORE_FULL;
    return result == STORE_OK
               ? db_run(store,
                        "INSERT INTO rollout_account(feature,user_id,included) VALUES(?1,?2,?3)"
                        " ON CONFLICT(feature,user_id) DO UPDATE SET included=excluded.included",
                        "tid", feature, user, how == ROLLOUT_INCLUDED)
               : result;
}

int store_rollout_except(struct store *store, const char *feature, int64_t user, int how)
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    int result = except(store, feature, user, how);
    return db_scope_end(store, result == STORE_OK ? raise_version(store) : result);
}

/* --- changes, notes, secrets ------------------------------------------------------------------------ */

int store_change_add(struct store *store, int kind, int64_t a, int64_t b, int64_t now)
{
    return db_run(store, "INSERT INTO change(kind,a,b,at_ms) VALUES(?1,?2,?3,?4)", "diii", kind, a,
                  b, now);
}

int store_changes(struct store *store, int64_t after, struct change *changes, size_t capacity,
                  size_t *count)
{
    *count = 0;
    sqlite3_stmt *stmt = db_query(
        store, "SELECT number,kind,a,b FROM change WHERE number>?1 ORDER BY number LIMIT ?2", "ii",
        after, (int64_t)capacity);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        struct change *change = &changes[(*count)++];
        change->number = sqlite3_column_int64(stmt, 0);
        change->kind = sqlite3_column_int(stmt, 1);
        change->a = sqlite3_column_int64(stmt, 2);
        change->b = sqlite3_column_int64(stmt, 3);
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

int store_change_last(struct store *store, int64_t *number)
{
    return db_get(store, number, "SELECT coalesce(max(number),0) FROM change", "");
}

int store_note_get(struct store *store, const char *name, int64_t *value)
{
    return db_get(store, value, "SELECT value FROM note WHERE name=?1", "t", name);
}

int store_note_set(struct store *store, const char *name, int64_t value)
{
    return db_run(store,
                  "INSERT INTO note(name,value) VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET"
                  " value=excluded.value WHERE note.value<>excluded.value",
                  "ti", name, value);
}

int store_secret(struct store *store, const char *name, uint8_t secret[HASH_SIZE])
{
    for (int tries = 0; tries < 2; tries++) {
        sqlite3_stmt *stmt = db_query(store, "SELECT value FROM secret WHERE name=?1", "t", name);
        int result = db_step(store, stmt);
        if (result == STORE_OK)
            db_blob(stmt, 0, secret, HASH_SIZE);
        if (db_end(stmt, result) != STORE_NONE)
            return result;
        uint8_t made[HASH_SIZE];
        randombytes_buf(made, sizeof made);
        /* Another process may be faster: what is in the store counts. */
        result =
            db_run(store, "INSERT INTO secret(name,value) VALUES(?1,?2) ON CONFLICT DO NOTHING",
                   "tb", name, made, HASH_SIZE);
        sodium_memzero(made, sizeof made);
        if (result != STORE_OK)
            return result;
    }
    return STORE_FAILED;
}
