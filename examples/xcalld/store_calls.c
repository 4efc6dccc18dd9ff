/* store_calls.c - calls in the SQLite store: the row, its compare-and-set with the places of both users, what
 * is live, history. The partial unique index one_live_per_pair and the key of user_call decide races,
 * whoever writes. SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <xcall/life.h>

#include <stdlib.h>
#include <string.h>

enum {
    MEDIA_CALLER_UP = 1,
    MEDIA_CALLEE_UP = 2,
    MEDIA_CALLER_LOST = 4,
    MEDIA_CALLEE_LOST = 8,
    CALLER_VANISHED = 16, /* store_reports.c counts these two */
    CALLEE_VANISHED = 32
};

static int media_bits(const struct call_row *row)
{
    return (row->caller_up ? MEDIA_CALLER_UP : 0) | (row->callee_up ? MEDIA_CALLEE_UP : 0) |
           (row->caller_lost ? MEDIA_CALLER_LOST : 0) | (row->callee_lost ? MEDIA_CALLEE_LOST : 0) |
           (row->caller_vanished ? CALLER_VANISHED : 0) |
           (row->callee_vanished ? CALLEE_VANISHED : 0);
}

static const void *merged(const struct call_row *row)
{
    static const uint8_t none[CALL_ID_SIZE];
    return memcmp(row->merged_into, none, CALL_ID_SIZE) != 0 ? row->merged_into : NULL;
}

/* --- writing ---------------------------------------------------------------------------------------- */

static int write_bodies(struct store *store, const struct call_row *row)
{
    return db_run(store,
                  "INSERT INTO call_body(call_id,offer,answer) VALUES(?1,?2,?3)"
                  " ON CONFLICT(call_id) DO UPDATE SET offer=excluded.offer,answer=excluded.answer"
                  " WHERE call_body.offer IS DISTINCT FROM excluded.offer"
                  " OR call_body.answer IS DISTINCT FROM excluded.answer",
                  "btt", row->id, CALL_ID_SIZE, row->offer, row->answer);
}

/* Why the insert did nothing: the id is known (other all 0), or the pair has a live call. */
static int conflict(struct store *store, const struct call_row *row, int64_t lo, int64_t hi,
                    uint8_t other[CALL_ID_SIZE])
{
    int64_t known = 0;
    memset(other, 0, CALL_ID_SIZE);
    int result =
        db_get(store, &known, "SELECT 1 FROM call WHERE id=?1", "b", row->id, CALL_ID_SIZE);
    if (result != STORE_NONE)
        return result == STORE_OK ? STORE_CONFLICT : result;
    sqlite3_stmt *stmt =
        db_query(store, "SELECT id FROM call WHERE lo=?1 AND hi=?2 AND state<9", "ii", lo, hi);
    result = db_step(store, stmt);
    if (result == STORE_OK)
        db_blob(stmt, 0, other, CALL_ID_SIZE);
    return db_end(stmt, result == STORE_OK ? STORE_CONFLICT : STORE_FAILED);
}

static int insert(struct store *store, const struct call_row *row, uint8_t other[CALL_ID_SIZE])
{
    int64_t lo = row->caller < row->callee ? row->caller : row->callee;
    int64_t hi = row->caller < row->callee ? row->callee : row->caller;
    int result = db_run(
        store,
        "INSERT INTO call(id,lo,hi,caller,callee,caller_dev,callee_dev,video,relay,reached,shadow,"
        "media,state,rev,reason,merged_into,t_invite,t_reach_deadline,t_ring_deadline,t_accept,"
        "t_active,t_end,t_deadline) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,"
        "?17,?18,?19,?20,?21,?22,?23) ON CONFLICT DO NOTHING",
        "biiiidddddddiiibiiiiiii", row->id, CALL_ID_SIZE, lo, hi, row->caller, row->callee,
        row->caller_dev, row->callee_dev, row->video, row->relay, row->reached, row->shadow,
        media_bits(row), (int64_t)row->state, (int64_t)row->rev, (int64_t)row->reason, merged(row),
        CALL_ID_SIZE, row->invite_ms, row->reach_deadline_ms, row->ring_deadline_ms, row->accept_ms,
        row->active_ms, row->end_ms, row->deadline_ms);
    if (result != STORE_OK)
        return result;
    if (!db_touched(store))
        return conflict(store, row, lo, hi, other);
    if (row->state != CALL_ENDED)
        result = write_bodies(store, row);
    /* A call that was merged into another placed none. */
    if (result == STORE_OK && !merged(row))
        result = db_run(store,
                        "INSERT INTO called(src,dst,at_ms) VALUES(?1,?2,?3) ON CONFLICT DO NOTHING",
                        "iii", row->caller, row->callee, row->invite_ms);
    return result;
}

int store_call_insert(struct store *store, const struct call_row *row, uint8_t other[CALL_ID_SIZE])
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    return db_scope_end(store, insert(store, row, other));
}

static int write_row(struct store *store, const struct call_row *row, uint32_t state, uint32_t rev)
{
    int result = db_run(
        store,
        "UPDATE call SET caller_dev=?4,callee_dev=?5,video=?6,relay=?7,reached=?8,shadow=?9,"
        "media=?10,state=?11,rev=?12,reason=?13,merged_into=?14,t_reach_deadline=?15,"
        "t_ring_deadline=?16,t_accept=?17,t_active=?18,t_end=?19,t_deadline=?20"
        " WHERE id=?1 AND state=?2 AND rev=?3",
        "biiddddddd"
        "iiib"
        "iiiiii",
        row->id, CALL_ID_SIZE, (int64_t)state, (int64_t)rev, row->caller_dev, row->callee_dev,
        row->video, row->relay, row->reached, row->shadow, media_bits(row), (int64_t)row->state,
        (int64_t)row->rev, (int64_t)row->reason, merged(row), CALL_ID_SIZE, row->reach_deadline_ms,
        row->ring_deadline_ms, row->accept_ms, row->active_ms, row->end_ms, row->deadline_ms);
    return result == STORE_OK && !db_touched(store) ? STORE_CONFLICT : result;
}

/* In the order of their numbers, so that two transactions that want the same places do not wait for
 * each other where the database locks rows. */
static int take_places(struct store *store, const struct call_row *row, int *busy)
{
    bool caller_first = row->caller < row->callee;
    for (int i = 0; i < 2; i++) {
        bool caller = (i == 0) == caller_first;
        int result = db_run(
            store, "INSERT INTO user_call(user_id,call_id) VALUES(?1,?2) ON CONFLICT DO NOTHING",
            "ib", caller ? row->caller : row->callee, row->id, CALL_ID_SIZE);
        if (result != STORE_OK)
            return result;
        if (!db_touched(store)) {
            *busy = caller ? 1 : 2;
            return STORE_CONFLICT;
        }
    }
    return STORE_OK;
}

static int give_back(struct store *store, const struct call_row *row)
{
    int result = db_run(store, "DELETE FROM user_call WHERE user_id IN (?1,?2) AND call_id=?3",
                        "iib", row->caller, row->callee, row->id, CALL_ID_SIZE);
    return result != STORE_OK ? result
                              : db_run(store, "DELETE FROM call_body WHERE call_id=?1", "b",
                                       row->id, CALL_ID_SIZE);
}

static int update(struct store *store, const struct call_row *row, uint32_t state, uint32_t rev,
                  int *busy)
{
    int result = write_row(store, row, state, rev);
    if (result != STORE_OK)
        return result;
    if (row->state == CALL_ENDED)
        return give_back(store, row);
    if (state == CALL_RINGING && row->state != CALL_RINGING) {
        result = take_places(store, row, busy);
        if (result != STORE_OK)
            return result;
    }
    return write_bodies(store, row);
}

int store_call_update(struct store *store, const struct call_row *row, uint32_t state, uint32_t rev,
                      int *busy)
{
    int nobody;
    busy = busy ? busy : &nobody;
    *busy = 0;
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    return db_scope_end(store, update(store, row, state, rev, busy));
}

/* --- reading ---------------------------------------------------------------------------------------- */

static int keep_text(sqlite3_stmt *stmt, int column, char **kept, const char **shown)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    free(*kept);
    *kept = text ? strdup((const char *)text) : NULL;
    *shown = *kept;
    return text && !*kept ? STORE_FAILED : STORE_OK;
}

static void read_times(sqlite3_stmt *stmt, int first, struct call_row *row)
{
    int64_t *const times[] = {&row->invite_ms,  &row->reach_deadline_ms, &row->ring_deadline_ms,
                              &row->accept_ms,  &row->active_ms,         &row->end_ms,
                              &row->deadline_ms};
    for (int i = 0; i < 7; i++)
        *times[i] = sqlite3_column_int64(stmt, first + i);
}

static int read_call(struct store *store, sqlite3_stmt *stmt, struct call_row *row)
{
    *row = (struct call_row){0};
    db_blob(stmt, 0, row->id, CALL_ID_SIZE);
    row->caller = sqlite3_column_int64(stmt, 1);
    row->callee = sqlite3_column_int64(stmt, 2);
    row->caller_dev = sqlite3_column_int(stmt, 3);
    row->callee_dev = sqlite3_column_int(stmt, 4);
    row->video = sqlite3_column_int(stmt, 5) != 0;
    row->relay = sqlite3_column_int(stmt, 6) != 0;
    row->reached = sqlite3_column_int(stmt, 7) != 0;
    row->shadow = sqlite3_column_int(stmt, 8) != 0;
    int media = sqlite3_column_int(stmt, 9);
    row->caller_up = (media & MEDIA_CALLER_UP) != 0;
    row->callee_up = (media & MEDIA_CALLEE_UP) != 0;
    row->caller_lost = (media & MEDIA_CALLER_LOST) != 0;
    row->callee_lost = (media & MEDIA_CALLEE_LOST) != 0;
    row->caller_vanished = (media & CALLER_VANISHED) != 0;
    row->callee_vanished = (media & CALLEE_VANISHED) != 0;
    row->state = (uint32_t)sqlite3_column_int64(stmt, 10);
    row->rev = (uint32_t)sqlite3_column_int64(stmt, 11);
    row->reason = (uint32_t)sqlite3_column_int64(stmt, 12);
    db_blob(stmt, 13, row->merged_into, CALL_ID_SIZE);
    read_times(stmt, 14, row);
    if (keep_text(stmt, 21, &store->offer, &row->offer) != STORE_OK ||
        keep_text(stmt, 22, &store->answer, &row->answer) != STORE_OK)
        return STORE_FAILED;
    return STORE_OK;
}

int store_call_get(struct store *store, const uint8_t id[CALL_ID_SIZE], struct call_row *row)
{
    sqlite3_stmt *stmt = db_query(
        store,
        "SELECT c.id,c.caller,c.callee,c.caller_dev,c.callee_dev,c.video,c.relay,c.reached,"
        "c.shadow,c.media,c.state,c.rev,c.reason,c.merged_into,c.t_invite,"
        "c.t_reach_deadline,c.t_ring_deadline,c.t_accept,c.t_active,c.t_end,c.t_deadline,"
        "b.offer,b.answer FROM call c LEFT JOIN call_body b ON b.call_id=c.id"
        " WHERE c.id=?1",
        "b", id, CALL_ID_SIZE);
    int result = db_step(store, stmt);
    if (result == STORE_OK)
        result = read_call(store, stmt, row);
    return db_end(stmt, result);
}

int store_calls_live(struct store *store, int64_t user, uint8_t (*ids)[CALL_ID_SIZE],
                     size_t capacity, size_t *count)
{
    *count = 0;
    sqlite3_stmt *stmt =
        user == 0
            ? db_query(store, "SELECT id FROM call WHERE state<9 LIMIT ?1", "i", (int64_t)capacity)
            : db_query(store,
                       "SELECT id FROM call WHERE caller=?1 AND state<9 UNION ALL "
                       "SELECT id FROM call WHERE callee=?1 AND state<9 LIMIT ?2",
                       "ii", user, (int64_t)capacity);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK)
        db_blob(stmt, 0, ids[(*count)++], CALL_ID_SIZE);
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

/* --- history ---------------------------------------------------------------------------------------- */

/* Missed: nobody accepted, and it was not this side's own will. */
static bool is_missed(const struct history_row *row)
{
    return !row->outgoing && !row->accepted && row->reason != XCALL_LIFE_END_DECLINED &&
           row->reason != XCALL_LIFE_END_BLOCKED && row->reason != XCALL_LIFE_END_PERM_REVOKED &&
           row->reason != XCALL_LIFE_END_UNSUPPORTED;
}

int store_history(struct store *store, int64_t user, int64_t before_ms, struct history_row *rows,
                  size_t capacity, size_t *count)
{
    *count = 0;
    /* Ended calls of both directions from their two indexes; one merged into another is no call. */
    sqlite3_stmt *stmt = db_query(
        store,
        "SELECT c.id,coalesce(a.handle,''),c.caller,c.video,c.reason,c.t_invite,c.t_accept,"
        "c.t_active,c.t_end FROM ("
        "SELECT * FROM (SELECT * FROM call WHERE caller=?1 AND t_invite<?2 AND state=9"
        " AND merged_into IS NULL ORDER BY t_invite DESC LIMIT ?3) o UNION ALL "
        "SELECT * FROM (SELECT * FROM call WHERE callee=?1 AND t_invite<?2 AND state=9"
        " AND merged_into IS NULL ORDER BY t_invite DESC LIMIT ?3) i) c"
        " LEFT JOIN account a ON a.id=c.caller+c.callee-?1"
        " ORDER BY c.t_invite DESC LIMIT ?3",
        "iii", user, before_ms > 0 ? before_ms : INT64_MAX, (int64_t)capacity);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        struct history_row *row = &rows[(*count)++];
        *row = (struct history_row){0};
        db_blob(stmt, 0, row->call, CALL_ID_SIZE);
        db_text(stmt, 1, row->peer, sizeof row->peer);
        row->outgoing = sqlite3_column_int64(stmt, 2) == user;
        row->video = sqlite3_column_int(stmt, 3) != 0;
        row->reason = (uint32_t)sqlite3_column_int64(stmt, 4);
        row->at_ms = sqlite3_column_int64(stmt, 5);
        row->accepted = sqlite3_column_int64(stmt, 6) != 0;
        row->missed = is_missed(row);
        int64_t active = sqlite3_column_int64(stmt, 7);
        row->duration_ms = active > 0 ? sqlite3_column_int64(stmt, 8) - active : 0;
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}
