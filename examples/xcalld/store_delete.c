/* store_delete.c - an account's end in the SQLite store: everything of it goes, nothing of it is left in
 * the file or its log. What stays: the number; the keyed hash of its name; that others wrote to or
 * blocked this number (so that what a caller hears does not change); calls, decisions and
 * reports by number, without words.
 *
 * At once the account's own row goes, by whose absence everybody tells that it is gone, and what is bounded;
 * then, ERASE_ROWS rows a step, all that its number is in: who reads such rows for somebody else asks for the
 * account too. What is left to do is a row of `erasing`.
 *
 * secure_delete overwrites a row where it is; the copies that are left where pages are split or merged never
 * reach the file (store_vfs.c), and the log is emptied afterwards. SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <string.h>

/* Of each no more than an account may have devices, or than there are features. */
static const char *const at_once[] = {
    "DELETE FROM session WHERE user_id=?1",
    "DELETE FROM call_settings WHERE user_id=?1",
    "DELETE FROM rollout_account WHERE user_id=?1",
    "DELETE FROM account WHERE id=?1",
};

#define NO_NETWORK "x'00000000000000000000000000000000'"

/* Rows that go: ?1 the account, ?2 how many. Rows that stay without words: those of a window behind the key ?2, ?3
 * up to ?4, ?5; last: its last key, where ?4 more rows than one are there. The order is kept in files. */
static const struct stage {
    const char *sql, *last;
} stages[] = {
    {"DELETE FROM device WHERE (user_id,dev) IN"
     " (SELECT user_id,dev FROM device WHERE user_id=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM message WHERE id IN (SELECT id FROM message WHERE src=?1 LIMIT ?2)", NULL},
    {"DELETE FROM message WHERE id IN (SELECT id FROM message WHERE dst=?1 LIMIT ?2)", NULL},
    {"DELETE FROM call_body WHERE call_id IN (SELECT b.call_id FROM call c JOIN call_body b"
     " ON b.call_id=c.id WHERE c.state<9 AND c.caller=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM call_body WHERE call_id IN (SELECT b.call_id FROM call c JOIN call_body b"
     " ON b.call_id=c.id WHERE c.state<9 AND c.callee=?1 LIMIT ?2)",
     NULL},
    {"UPDATE report SET body='' WHERE by_user=?1 AND (id,id)>(?2,?3) AND (id,id)<=(?4,?5)"
     " AND body<>''",
     "SELECT id,id FROM report WHERE by_user=?1 AND (id,id)>(?2,?3) ORDER BY id"
     " LIMIT 1 OFFSET ?4"},
    {"UPDATE report SET body='' WHERE about=?1 AND (at_ms,id)>(?2,?3) AND (at_ms,id)<=(?4,?5)"
     " AND body<>''",
     "SELECT at_ms,id FROM report WHERE about=?1 AND (at_ms,id)>(?2,?3) ORDER BY at_ms,id"
     " LIMIT 1 OFFSET ?4"},
    {"UPDATE decision_log SET net_hash=" NO_NETWORK " WHERE caller=?1 AND (at_ms,id)>(?2,?3)"
     " AND (at_ms,id)<=(?4,?5) AND net_hash<>" NO_NETWORK,
     "SELECT at_ms,id FROM decision_log WHERE caller=?1 AND (at_ms,id)>(?2,?3)"
     " ORDER BY at_ms,id LIMIT 1 OFFSET ?4"},
    {"DELETE FROM chat WHERE (user_id,peer_id) IN"
     " (SELECT user_id,peer_id FROM chat WHERE user_id=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM chat WHERE (user_id,peer_id) IN"
     " (SELECT user_id,peer_id FROM chat WHERE peer_id=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM follow WHERE (src,dst) IN (SELECT src,dst FROM follow WHERE src=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM follow WHERE (src,dst) IN (SELECT src,dst FROM follow WHERE dst=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM contact WHERE (src,dst) IN (SELECT src,dst FROM contact WHERE src=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM contact WHERE (src,dst) IN (SELECT src,dst FROM contact WHERE dst=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM block WHERE (src,dst) IN (SELECT src,dst FROM block WHERE src=?1 LIMIT ?2)",
     NULL},
    {"DELETE FROM called WHERE (src,dst) IN (SELECT src,dst FROM called WHERE src=?1 LIMIT ?2)",
     NULL},
};
enum { STAGES = sizeof stages / sizeof *stages };

struct erasure {
    int64_t number, user, asked_ms, stage, after[2];
};

/* --- one step ----------------------------------------------------------------------------------- */

/* *done below limit: there is no such row any more. */
static int remove_rows(struct store *store, const struct stage *stage, const struct erasure *work,
                       int64_t limit, int64_t *done)
{
    int result = db_run(store, stage->sql, "ii", work->user, limit);
    *done = sqlite3_changes(store->db);
    return result;
}

/* The same of the next rows behind a key, which stay there. */
static int clear_window(struct store *store, const struct stage *stage, struct erasure *work,
                        int64_t limit, int64_t *done)
{
    int64_t *after = work->after, last[2] = {INT64_MAX, INT64_MAX};
    sqlite3_stmt *stmt =
        db_query(store, stage->last, "iiii", work->user, after[0], after[1], limit - 1);
    int result = db_step(store, stmt);
    bool whole = result == STORE_OK;
    for (int i = 0; i < 2 && whole; i++)
        last[i] = sqlite3_column_int64(stmt, i);
    if (db_end(stmt, result) == STORE_FAILED)
        return STORE_FAILED;
    result = db_run(store, stage->sql, "iiiii", work->user, after[0], after[1], last[0], last[1]);
    *done = whole ? limit : sqlite3_changes(store->db);
    memcpy(after, last, sizeof last);
    return result;
}

static int erase_rows(struct store *store, struct erasure *work)
{
    int result = STORE_OK;
    for (int64_t left = ERASE_ROWS; result == STORE_OK && left > 0 && work->stage < STAGES;) {
        const struct stage *stage = &stages[work->stage];
        int64_t done = 0;
        result = stage->last ? clear_window(store, stage, work, left, &done)
                             : remove_rows(store, stage, work, left, &done);
        if (done < left) {
            work->stage++;
            work->after[0] = work->after[1] = 0;
        }
        left -= done;
    }
    return result;
}

/* --- an account's end ----------------------------------------------------------------------------- */

static int keep_work(struct store *store, const struct erasure *work)
{
    return db_run(store,
                  "INSERT INTO erasing(user_id,at_ms,stage,after_0,after_1)"
                  " VALUES(?1,?2,?3,?4,?5) ON CONFLICT(user_id) DO UPDATE SET"
                  " stage=excluded.stage,after_0=excluded.after_0,after_1=excluded.after_1",
                  "iiiii", work->user, work->asked_ms, work->stage, work->after[0], work->after[1]);
}

static int delete_account(struct store *store, int64_t id, int64_t now)
{
    struct account account;
    struct erasure work = {.user = id, .asked_ms = now};
    uint8_t hash[HASH_SIZE];
    int result = store_account_by_id(store, id, &account);
    if (result == STORE_OK)
        result = store_name_hash(store, account.name, hash);
    if (result == STORE_OK)
        result = db_run(store, "INSERT INTO gone(name_hash,id,at_ms) VALUES(?1,?2,?3)", "bii", hash,
                        HASH_SIZE, id, now);
    for (size_t i = 0; i < sizeof at_once / sizeof *at_once && result == STORE_OK; i++)
        result = db_run(store, at_once[i], "i", id);
    if (result == STORE_OK)
        result = erase_rows(store, &work);
    return result == STORE_OK && work.stage < STAGES ? keep_work(store, &work) : result;
}

int store_account_delete(struct store *store, int64_t id, int64_t now)
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    store_scrub(store);
    return db_scope_end(store, delete_account(store, id, now));
}

int store_erase_again(struct store *store, int64_t id, int64_t now)
{
    const struct erasure work = {.user = id, .asked_ms = now};
    return keep_work(store, &work);
}

/* --- what is left of it --------------------------------------------------------------------------- */

static int oldest(struct store *store, struct erasure *work)
{
    sqlite3_stmt *stmt = db_query(store,
                                  "SELECT number,user_id,at_ms,stage,after_0,after_1 FROM erasing"
                                  " ORDER BY number LIMIT 1",
                                  "");
    int result = db_step(store, stmt);
    if (result == STORE_OK)
        *work = (struct erasure){
            .number = sqlite3_column_int64(stmt, 0),
            .user = sqlite3_column_int64(stmt, 1),
            .asked_ms = sqlite3_column_int64(stmt, 2),
            .stage = sqlite3_column_int64(stmt, 3),
            .after = {sqlite3_column_int64(stmt, 4), sqlite3_column_int64(stmt, 5)}};
    return db_end(stmt, result);
}

static int erase(struct store *store, int64_t *asked_ms, bool *more)
{
    struct erasure work;
    int64_t others = 0;
    int result = oldest(store, &work);
    if (result != STORE_OK)
        return result == STORE_NONE ? STORE_OK : result;
    result = erase_rows(store, &work);
    *more = true;
    if (result != STORE_OK || work.stage < STAGES)
        return result == STORE_OK ? keep_work(store, &work) : result;
    result = db_run(store, "DELETE FROM erasing WHERE number=?1", "i", work.number);
    if (result == STORE_OK)
        result = db_get(store, &others, "SELECT EXISTS(SELECT 1 FROM erasing)", "");
    *more = others != 0;
    *asked_ms = work.asked_ms;
    store_scrub(store);
    return result;
}

int store_erase(struct store *store, int64_t *asked_ms, bool *more)
{
    *asked_ms = 0;
    *more = false;
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    return db_scope_end(store, erase(store, asked_ms, more));
}
