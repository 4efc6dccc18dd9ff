/* store_reports.c - reports of abuse, what clients say of their calls, the roll-out's guard figures, and
 * retention in the SQLite store. SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <xcall/life.h>

#include <string.h>

#define DAY_MS ((int64_t)86400000)
#define CHANGES_MS DAY_MS       /* a server that was away for longer reads everything anyway */
#define BUCKETS_MS (8 * DAY_MS) /* longer than any limit takes to refill that is not for ever */
#define PIECE 400               /* rows of a kind that one call forgets */

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

/* Which calls a feature is about: all, those with video, those that were not relayed. */
static void which_calls(const char *feature, int *video, int *direct)
{
    *video = strcmp(feature, "calls.video") == 0;
    *direct = strcmp(feature, "calls.p2p") == 0;
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

static int guard_calls(struct store *store, int video, int direct, int64_t since_ms,
                       struct guard_figures *figures)
{
    sqlite3_stmt *stmt =
        db_query(store,
                 "SELECT coalesce(a.paid,0),count(*),count(*) FILTER (WHERE c.t_accept>0),"
                 "count(*) FILTER (WHERE c.t_active>0),"
                 "count(*) FILTER (WHERE c.t_active>0 AND c.reason IN (?4,?5,?6)),"
                 "count(*) FILTER (WHERE c.relay=1),"
                 "coalesce(sum((c.media>>4&1)+(c.media>>5&1)) FILTER (WHERE c.t_accept>0),0)"
                 " FROM call c LEFT JOIN account a ON a.id=c.caller WHERE c.t_invite>=?1"
                 " AND c.merged_into IS NULL AND (?2=0 OR c.video=1) AND (?3=0 OR c.relay=0)"
                 " GROUP BY 1",
                 "iddddd", since_ms, video, direct, XCALL_LIFE_END_MEDIA_LOST,
                 XCALL_LIFE_END_SIGNAL_LOST, XCALL_LIFE_END_SERVER_RESTART);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK)
        read_cohort(stmt, figures);
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

/* So many per cent of those who said it needed no longer; -1: nobody said it. */
static int setup_time(struct store *store, int video, int direct, int64_t since_ms, int percent,
                      int64_t *ms)
{
    *ms = -1;
    int result = db_get(store, ms,
                        "WITH s AS (SELECT setup_ms FROM quality WHERE at_ms>=?1 AND setup_ms>=0"
                        " AND (?2=0 OR video=1) AND (?3=0 OR relay=0))"
                        "SELECT setup_ms FROM s ORDER BY setup_ms"
                        " LIMIT 1 OFFSET ((SELECT count(*) FROM s)*?4+99)/100-1",
                        "iddd", since_ms, video, direct, percent);
    return result == STORE_NONE ? STORE_OK : result;
}

/* Two devices each of them; a device's report counts once (calls_figures.c). */
static int guard_unreported(struct store *store, int video, int direct, int64_t since_ms,
                            int64_t *devices)
{
    return db_get(store, devices,
                  "WITH c AS MATERIALIZED (SELECT id FROM call WHERE t_invite>=?1 AND state=9"
                  " AND t_active>0 AND (?2=0 OR video=1) AND (?3=0 OR relay=0))"
                  "SELECT CASE WHEN d.n>r.n THEN d.n-r.n ELSE 0 END FROM"
                  " (SELECT 2*count(*) AS n FROM c) d,"
                  " (SELECT count(*) AS n FROM quality q JOIN c ON c.id=q.call_id"
                  " WHERE q.at_ms>=?1) r",
                  "idd", since_ms, video, direct);
}

static int guard_reports(struct store *store, int video, int direct, int64_t since_ms,
                         int64_t *reports)
{
    if (!video && !direct)
        return db_get(store, reports, "SELECT count(*) FROM report WHERE at_ms>=?1", "i", since_ms);
    return db_get(store, reports,
                  "SELECT count(*) FROM report r JOIN call c ON c.id=r.call_id WHERE r.at_ms>=?1"
                  " AND (?2=0 OR c.video=1) AND (?3=0 OR c.relay=0)",
                  "idd", since_ms, video, direct);
}

int store_guard_figures(struct store *store, const char *feature, int64_t since_ms,
                        struct guard_figures *figures)
{
    int video, direct;
    which_calls(feature, &video, &direct);
    *figures = (struct guard_figures){0};
    int result = guard_calls(store, video, direct, since_ms, figures);
    if (result == STORE_OK)
        result = guard_unreported(store, video, direct, since_ms, &figures->unreported);
    if (result == STORE_OK)
        result = setup_time(store, video, direct, since_ms, 50, &figures->setup_p50_ms);
    if (result == STORE_OK)
        result = setup_time(store, video, direct, since_ms, 95, &figures->setup_p95_ms);
    return result == STORE_OK ? guard_reports(store, video, direct, since_ms, &figures->reports)
                              : result;
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

/* A device whose session has expired can never come back: it makes room for another. */
static int expire_sessions(struct store *store, int64_t now, bool *more)
{
    int result = db_run(store,
                        "UPDATE device SET revoked=1,label='',push_kind='',push_token=''"
                        " WHERE (user_id,dev) IN (SELECT user_id,dev FROM session WHERE exp_ms<=?1"
                        " ORDER BY exp_ms,token_hash LIMIT ?2)",
                        "id", now, PIECE);
    if (result != STORE_OK)
        return result;
    result = db_run(store,
                    "DELETE FROM session WHERE token_hash IN (SELECT token_hash FROM session"
                    " WHERE exp_ms<=?1 ORDER BY exp_ms,token_hash LIMIT ?2)",
                    "id", now, PIECE);
    if (sqlite3_changes(store->db) >= PIECE)
        *more = true;
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
        {"DELETE FROM message WHERE id IN (SELECT id FROM message WHERE at_ms<?1 LIMIT ?2)",
         keep->messages_ms, true},
        {"DELETE FROM quality WHERE id IN (SELECT id FROM quality WHERE at_ms<?1 LIMIT ?2)",
         keep->quality_ms, false},
        {"DELETE FROM report WHERE id IN (SELECT id FROM report WHERE at_ms<?1 LIMIT ?2)",
         keep->reports_ms, true},
        {"DELETE FROM change WHERE number IN (SELECT number FROM change WHERE at_ms<?1 LIMIT ?2)",
         CHANGES_MS, false},
        {"DELETE FROM bucket WHERE (key_0,key_1) IN"
         " (SELECT key_0,key_1 FROM bucket WHERE at_ms<?1 LIMIT ?2)",
         BUCKETS_MS, false},
    };
    int result = STORE_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && result == STORE_OK; i++)
        result = forget(store, &all[i], now, more);
    return result == STORE_OK ? expire_sessions(store, now, more) : result;
}

int store_retention(struct store *store, const struct retention *keep, int64_t now, bool *more)
{
    *more = false;
    int64_t due = 0; /* by whichever process deleted an account */
    if (now - store->rebuilt_ms >= DAY_MS && store_note_get(store, "rebuild", &due) == STORE_OK &&
        due) {
        store->rebuild = store->rebuild_big = store->scrub = true;
        store->rebuilt_ms = now;
    }
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    return db_scope_end(store, forget_all(store, keep, now, more));
}
