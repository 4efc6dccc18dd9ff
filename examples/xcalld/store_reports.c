/* store_reports.c - reports of abuse, what clients say of their calls, the roll-out's guard figures, and
 * retention in the SQLite store. SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <xcall/life.h>

#include <string.h>

#define DAY_MS ((int64_t)86400000)
#define CHANGES_MS DAY_MS       /* a server that was away for longer reads everything anyway */
#define BUCKETS_MS (8 * DAY_MS) /* longer than any limit takes to refill that is not for ever */
#define PIECE 400               /* rows of a kind that one call forgets */
#define LOOK 1000               /* rows that one call looks at where no index tells the old ones */

int store_report_add(struct store *store, int64_t by, int64_t about, const uint8_t *call,
                     const char *why, const char *text, int64_t now)
{
    return db_run(store,
                  "INSERT INTO report(by_user,about,call_id,why,body,at_ms)"
                  " VALUES(?1,?2,?3,?4,?5,?6)",
                  "iibtti", by, about, call, CALL_ID_SIZE, why, text ? text : "", now);
}

int store_report_count(struct store *store, int64_t about, int64_t since_ms, int64_t *count)
{
    return db_get(store, count,
                  "SELECT count(DISTINCT by_user) FROM report WHERE about=?1 AND at_ms>=?2", "ii",
                  about, since_ms);
}

int store_quality_add(struct store *store, const struct quality *quality, int64_t now)
{
    return db_run(store,
                  "INSERT INTO quality(call_id,at_ms,setup_ms,first_media_ms,loss_permille,relay,"
                  "video,paid,reason,version) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
                  "bidddddd"
                  "it",
                  quality->call, CALL_ID_SIZE, now, quality->setup_ms, quality->first_media_ms,
                  quality->loss_permille, quality->relay, quality->video, quality->paid,
                  (int64_t)quality->reason, quality->version);
}

/* --- guard figures ------------------------------------------------------------------------------------ */

/* Which calls a feature is about: all, those with video, those that may be direct; and whose feature it is. Both
 * ends of a direct call have calls.p2p: it counts for the caller's. */
struct scope {
    int video, direct, callee;
    int64_t since_ms;
};

static struct scope scope_of(const char *feature, int64_t since_ms)
{
    return (struct scope){.video = strcmp(feature, "calls.video") == 0,
                          .direct = strcmp(feature, "calls.p2p") == 0,
                          .callee = strcmp(feature, "calls.receive") == 0,
                          .since_ms = since_ms};
}

static void read_cohort(sqlite3_stmt *stmt, struct guard_figures *figures)
{
    struct guard_cohort *cohort = &figures->cohorts[sqlite3_column_int(stmt, 0) != 0];
    int64_t *const to[] = {&cohort->calls,   &cohort->accepted, &cohort->connected,
                           &cohort->dropped, &cohort->relayed,  &cohort->vanished};
    int64_t *const sums[] = {&figures->calls,   &figures->accepted, &figures->connected,
                             &figures->dropped, &figures->relayed,  &figures->vanished};
    for (int i = 0; i < 6; i++) {
        *to[i] = sqlite3_column_int64(stmt, i + 1);
        *sums[i] += *to[i];
    }
}

static int guard_calls(struct store *store, const struct scope *scope,
                       struct guard_figures *figures)
{
    sqlite3_stmt *stmt = db_query(
        store,
        "SELECT coalesce(a.paid,0),count(*),count(*) FILTER (WHERE c.t_accept>0),"
        "count(*) FILTER (WHERE c.t_active>0),"
        "count(*) FILTER (WHERE c.t_active>0 AND c.reason IN (?5,?6,?7)),"
        "count(*) FILTER (WHERE c.relay=1),"
        "coalesce(sum((c.media>>4&1)+(c.media>>5&1)) FILTER (WHERE c.t_accept>0),0)"
        " FROM call c LEFT JOIN account a"
        " ON a.id=CASE ?4 WHEN 1 THEN c.callee ELSE c.caller END WHERE c.t_invite>=?1"
        " AND c.merged_into IS NULL AND (?2=0 OR c.video=1) AND (?3=0 OR c.relay=0)"
        " GROUP BY 1",
        "idddddd", scope->since_ms, scope->video, scope->direct, scope->callee,
        XCALL_LIFE_END_MEDIA_LOST, XCALL_LIFE_END_SIGNAL_LOST, XCALL_LIFE_END_SERVER_RESTART);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK)
        read_cohort(stmt, figures);
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

/* So many per cent of those who said it needed no longer; -1: nobody said it. Which way a call took by itself is
 * the device's word (quality.relay), whether it had to take it the service's: the row has that. */
static int setup_time(struct store *store, const struct scope *scope, int percent, int64_t *ms)
{
    *ms = -1;
    int result = db_get(store, ms,
                        "WITH s AS (SELECT setup_ms FROM quality q WHERE at_ms>=?1 AND setup_ms>=0"
                        " AND (?2=0 OR video=1) AND (?3=0 OR EXISTS"
                        " (SELECT 1 FROM call c WHERE c.id=q.call_id AND c.relay=0)))"
                        "SELECT setup_ms FROM s ORDER BY setup_ms"
                        " LIMIT 1 OFFSET ((SELECT count(*) FROM s)*?4+99)/100-1",
                        "iddd", scope->since_ms, scope->video, scope->direct, percent);
    return result == STORE_NONE ? STORE_OK : result;
}

/* Two devices each of them; a device's report counts once (calls_figures.c). */
static int guard_unreported(struct store *store, const struct scope *scope, int64_t *devices)
{
    return db_get(store, devices,
                  "WITH c AS MATERIALIZED (SELECT id FROM call WHERE t_invite>=?1 AND state=9"
                  " AND t_active>0 AND (?2=0 OR video=1) AND (?3=0 OR relay=0))"
                  "SELECT CASE WHEN d.n>r.n THEN d.n-r.n ELSE 0 END FROM"
                  " (SELECT 2*count(*) AS n FROM c) d,"
                  " (SELECT count(*) AS n FROM quality q JOIN c ON c.id=q.call_id"
                  " WHERE q.at_ms>=?1) r",
                  "idd", scope->since_ms, scope->video, scope->direct);
}

/* One of no call that is known (a text, or a call that is forgotten) is none of video or p2p. */
static int guard_reports(struct store *store, const struct scope *scope,
                         struct guard_figures *figures)
{
    sqlite3_stmt *stmt =
        db_query(store,
                 "SELECT coalesce(a.paid,0),count(*) FROM report r"
                 " LEFT JOIN call c ON c.id=r.call_id LEFT JOIN account a ON a.id=CASE ?4"
                 " WHEN 1 THEN coalesce(c.callee,r.by_user) ELSE coalesce(c.caller,r.about) END"
                 " WHERE r.at_ms>=?1 AND (?2=0 OR c.video=1) AND (?3=0 OR c.relay=0) GROUP BY 1",
                 "iddd", scope->since_ms, scope->video, scope->direct, scope->callee);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        int64_t count = sqlite3_column_int64(stmt, 1);
        figures->cohorts[sqlite3_column_int(stmt, 0) != 0].reports = count;
        figures->reports += count;
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

int store_guard_figures(struct store *store, const char *feature, int64_t since_ms,
                        struct guard_figures *figures)
{
    struct scope scope = scope_of(feature, since_ms);
    *figures = (struct guard_figures){0};
    int result = guard_calls(store, &scope, figures);
    if (result == STORE_OK)
        result = guard_unreported(store, &scope, &figures->unreported);
    if (result == STORE_OK)
        result = setup_time(store, &scope, 50, &figures->setup_p50_ms);
    if (result == STORE_OK)
        result = setup_time(store, &scope, 95, &figures->setup_p95_ms);
    return result == STORE_OK ? guard_reports(store, &scope, figures) : result;
}

/* --- retention ---------------------------------------------------------------------------------------- */

struct forgetting {
    const char *sql; /* ?1: before, ?2: how many at most */
    int64_t keep_ms; /* 0: for ever */
    bool scrub;      /* people's words: nothing of them may be left in the file */
};

static int forget(struct store *store, const struct forgetting *what, int64_t now, bool *more)
{
    if (what->keep_ms <= 0)
        return STORE_OK;
    int result = db_run(store, what->sql, "id", now - what->keep_ms, PIECE);
    if (result != STORE_OK)
        return result;
    if (sqlite3_changes(store->db) >= PIECE)
        *more = true;
    if (what->scrub && db_touched(store))
        store->scrub = true;
    return STORE_OK;
}

/* The last of the next LOOK keys of sessions behind the one that was looked at last; *count: how many. */
static int session_window(struct store *store, uint8_t last[HASH_SIZE], int64_t *count)
{
    sqlite3_stmt *stmt =
        db_query(store,
                 "SELECT max(token_hash),count(*) FROM (SELECT token_hash FROM session"
                 " WHERE token_hash>?1 ORDER BY token_hash LIMIT ?2)",
                 "bd", store->session_after, store->session_after_size, LOOK);
    int result = db_step(store, stmt);
    if (result == STORE_OK) {
        db_blob(stmt, 0, last, HASH_SIZE);
        *count = sqlite3_column_int64(stmt, 1);
    }
    return db_end(stmt, result);
}

/* A device whose session has expired can never come back: it makes room for another. All sessions are looked
 * at, some of them each time: an index by their ends would cost more at each extension. */
static int expire_sessions(struct store *store, int64_t now, bool *more)
{
    uint8_t last[HASH_SIZE];
    int64_t count = 0;
    int result = session_window(store, last, &count);
    if (result != STORE_OK)
        return result;
    result = db_run(store,
                    "UPDATE device SET revoked=1,label='',push_kind='',push_token=''"
                    " WHERE (user_id,dev) IN (SELECT user_id,dev FROM session"
                    " WHERE token_hash>?1 AND token_hash<=?2 AND exp_ms<=?3)",
                    "bbi", store->session_after, store->session_after_size, last, HASH_SIZE, now);
    if (result == STORE_OK)
        result = db_run(
            store, "DELETE FROM session WHERE token_hash>?1 AND token_hash<=?2 AND exp_ms<=?3",
            "bbi", store->session_after, store->session_after_size, last, HASH_SIZE, now);
    if (result != STORE_OK)
        return result;
    if (sqlite3_changes(store->db) >= PIECE)
        *more = true;
    store->session_after_size = count == LOOK ? HASH_SIZE : 0; /* 0: from the first again */
    memcpy(store->session_after, last, HASH_SIZE);
    return STORE_OK;
}

/* The same of buckets, of which many are written anew every ten seconds. */
static int forget_buckets(struct store *store, int64_t now, bool *more)
{
    int64_t last[2] = {INT64_MAX, INT64_MAX};
    int64_t *after = store->bucket_after;
    sqlite3_stmt *stmt = db_query(store,
                                  "SELECT key_0,key_1 FROM bucket WHERE (key_0,key_1)>(?1,?2)"
                                  " ORDER BY key_0,key_1 LIMIT 1 OFFSET ?3",
                                  "iid", after[0], after[1], LOOK - 1);
    int result = db_step(store, stmt);
    bool further = result == STORE_OK;
    for (int i = 0; i < 2 && further; i++)
        last[i] = sqlite3_column_int64(stmt, i);
    if (db_end(stmt, result) == STORE_FAILED)
        return STORE_FAILED;
    result = db_run(store,
                    "DELETE FROM bucket WHERE (key_0,key_1)>(?1,?2) AND (key_0,key_1)<=(?3,?4)"
                    " AND at_ms<?5",
                    "iiiii", after[0], after[1], last[0], last[1], now - BUCKETS_MS);
    if (result == STORE_OK && sqlite3_changes(store->db) >= PIECE)
        *more = true;
    for (int i = 0; i < 2; i++)
        after[i] = further ? last[i] : INT64_MIN;
    return result;
}

static int forget_all(struct store *store, const struct retention *keep, int64_t now, bool *more)
{
    const struct forgetting all[] = {
        {"DELETE FROM call WHERE id IN (SELECT id FROM call WHERE t_invite<?1 AND state=9 LIMIT "
         "?2)",
         keep->history_ms, false},
        {"DELETE FROM decision_log WHERE id IN"
         " (SELECT id FROM decision_log WHERE at_ms<?1 LIMIT ?2)",
         keep->decisions_ms, false},
        /* Conversations whose newest message is one of those that go next. */
        {"DELETE FROM chat WHERE (user_id,last_msg) IN"
         " (SELECT src,id FROM message WHERE at_ms<?1 ORDER BY at_ms,id LIMIT ?2)",
         keep->messages_ms, false},
        {"DELETE FROM chat WHERE (user_id,last_msg) IN"
         " (SELECT dst,id FROM message WHERE at_ms<?1 ORDER BY at_ms,id LIMIT ?2)",
         keep->messages_ms, false},
        {"DELETE FROM message WHERE id IN"
         " (SELECT id FROM message WHERE at_ms<?1 ORDER BY at_ms,id LIMIT ?2)",
         keep->messages_ms, true},
        {"DELETE FROM quality WHERE id IN (SELECT id FROM quality WHERE at_ms<?1 LIMIT ?2)",
         keep->quality_ms, false},
        {"DELETE FROM report WHERE id IN (SELECT id FROM report WHERE at_ms<?1 LIMIT ?2)",
         keep->reports_ms, true},
        {"DELETE FROM change WHERE number IN (SELECT number FROM change ORDER BY number LIMIT ?2)"
         " AND at_ms<?1",
         CHANGES_MS, false},
    };
    int result = STORE_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && result == STORE_OK; i++)
        result = forget(store, &all[i], now, more);
    if (result == STORE_OK)
        result = forget_buckets(store, now, more);
    return result == STORE_OK ? expire_sessions(store, now, more) : result;
}

int store_retention(struct store *store, const struct retention *keep, int64_t now, bool *more)
{
    *more = false;
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    return db_scope_end(store, forget_all(store, keep, now, more));
}
