/* store_edges.c - who follows, knows, blocks and writes to whom, and the gate's one statement about it.
 * SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <stdio.h>
#include <string.h>

/* The three tables of plain edges have the same columns: their statements differ in the name only. */
#define EDGE_TABLES(before, after)                                                                 \
    {                                                                                              \
        before "follow" after, before "contact" after, before "block" after                        \
    }

int store_edge_set(struct store *store, int kind, int64_t from, int64_t to, bool on, int64_t now)
{
    static const char *const add[] =
        EDGE_TABLES("INSERT INTO ", "(src,dst,at_ms) VALUES(?1,?2,?3) ON CONFLICT DO NOTHING");
    static const char *const del[] = EDGE_TABLES("DELETE FROM ", " WHERE src=?1 AND dst=?2");
    return on ? db_run(store, add[kind], "iii", from, to, now)
              : db_run(store, del[kind], "ii", from, to);
}

int store_edge_get(struct store *store, int kind, int64_t from, int64_t to, bool *on)
{
    static const char *const get[] =
        EDGE_TABLES("SELECT EXISTS(SELECT 1 FROM ", " WHERE src=?1 AND dst=?2)");
    int64_t value = 0;
    int result = db_get(store, &value, get[kind], "ii", from, to);
    *on = value != 0;
    return result;
}

int store_edge_count(struct store *store, int kind, int64_t from, int64_t *count)
{
    /* Those to an account that is gone count no more, before they are; blocks of one stay. */
#define EDGES_LEFT(table)                                                                          \
    "SELECT (SELECT count(*) FROM " table                                                          \
    " WHERE src=?1)-(SELECT count(*) FROM erasing g CROSS JOIN " table                             \
    " e ON e.src=?1 AND e.dst=g.user_id)"
    static const char *const get[] = {EDGES_LEFT("follow"), EDGES_LEFT("contact"),
                                      "SELECT count(*) FROM block WHERE src=?1"};
    return db_get(store, count, get[kind], "i", from);
}

int store_edge_list(struct store *store, int kind, int64_t from, const char *after,
                    char (*names)[NAME_MAX_BYTES + 1], size_t capacity, size_t *count)
{
    static const char *const list[] =
        EDGE_TABLES("SELECT a.handle FROM ", " e JOIN account a ON a.id=e.dst WHERE e.src=?1"
                                             " AND a.handle>?2 ORDER BY a.handle LIMIT ?3");
    *count = 0;
    sqlite3_stmt *stmt = db_query(store, list[kind], "iti", from, after, (int64_t)capacity);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK)
        db_text(stmt, 0, names[(*count)++], NAME_MAX_BYTES + 1);
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

/* --- messages -------------------------------------------------------------------------------------- */

static int dm_edge_add(struct store *store, int64_t src, int64_t dst, int64_t now, bool delivered)
{
    return db_run(store,
                  "INSERT INTO dm_edge(src,dst,first_ms,last_ms,n,delivered)"
                  " VALUES(?1,?2,?3,?3,1,?4) ON CONFLICT(src,dst) DO UPDATE SET"
                  " last_ms=excluded.last_ms,n=dm_edge.n+1,"
                  "delivered=dm_edge.delivered+excluded.delivered",
                  "iiid", src, dst, now, delivered);
}

int store_message_add(struct store *store, int64_t src, int64_t dst, const char *text, int64_t now,
                      bool delivered, int64_t *id)
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    int result = db_get(store, id,
                        "INSERT INTO message(src,dst,at_ms,delivered,body)"
                        " VALUES(?1,?2,?3,?4,?5) RETURNING id",
                        "iiidt", src, dst, now, delivered, text);
    if (result == STORE_OK)
        result = dm_edge_add(store, src, dst, now, delivered);
    if (result == STORE_OK)
        result = store_chat_touch(store, src, dst, *id);
    if (result == STORE_OK && delivered)
        result = store_chat_touch(store, dst, src, *id);
    return db_scope_end(store, result);
}

int store_message_list(struct store *store, int64_t user, int64_t other, int64_t before,
                       struct message *messages, size_t capacity, size_t *count)
{
    *count = 0;
    sqlite3_stmt *stmt =
        db_query(store,
                 "SELECT m.id,m.src,m.dst,m.at_ms,coalesce(a.handle,''),m.body FROM ("
                 "SELECT * FROM (SELECT * FROM message WHERE src=?1 AND dst=?2 AND id<?3"
                 " ORDER BY id DESC LIMIT ?4) sent UNION ALL "
                 "SELECT * FROM (SELECT * FROM message WHERE src=?2 AND dst=?1 AND src<>dst"
                 " AND delivered=1 AND id<?3 ORDER BY id DESC LIMIT ?4) got"
                 ") m LEFT JOIN account a ON a.id=m.src ORDER BY m.id DESC LIMIT ?4",
                 "iiii", user, other, before > 0 ? before : INT64_MAX, (int64_t)capacity);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        struct message *message = &messages[(*count)++];
        message->id = sqlite3_column_int64(stmt, 0);
        message->src = sqlite3_column_int64(stmt, 1);
        message->dst = sqlite3_column_int64(stmt, 2);
        message->at_ms = sqlite3_column_int64(stmt, 3);
        db_text(stmt, 4, message->from, sizeof message->from);
        db_text(stmt, 5, message->text, sizeof message->text);
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

int store_dm_edge_set(struct store *store, int64_t src, int64_t dst, bool on, int64_t now)
{
    if (on)
        return dm_edge_add(store, src, dst, now, true);
    return db_run(store, "DELETE FROM dm_edge WHERE src=?1 AND dst=?2", "ii", src, dst);
}

int store_dm_edge_accept(struct store *store, int64_t src, int64_t dst)
{
    /* A request that never arrived cannot be accepted. */
    int result =
        db_run(store, "UPDATE dm_edge SET accepted=1 WHERE src=?1 AND dst=?2 AND delivered>0", "ii",
               src, dst);
    return result == STORE_OK && !db_touched(store) ? STORE_NONE : result;
}

/* --- the gate --------------------------------------------------------------------------------------- */

/* Every edge is looked up whoever exists: a name that nobody has stands for the number 0, and no operand
 * here is skipped because of another's value (which coalesce over two look-ups, AND and OR would do).
 * What a caller can measure is thus the same for an account that is not there and one that blocks. */
static const char gate_sql[] =
    "WITH q AS MATERIALIZED (SELECT ?1 AS caller,"
    "coalesce((SELECT id FROM account WHERE handle=?2),0)"
    "+coalesce((SELECT id FROM gone WHERE name_hash=?3),0) AS callee)"
    "SELECT " ACCOUNT_COLUMNS("a") "," ACCOUNT_COLUMNS("b") "," SETTINGS_COLUMNS(
        "sa") "," SETTINGS_COLUMNS("sb") ","
                                         "q.callee,"
                                         "EXISTS(SELECT 1 FROM block WHERE src=q.callee AND "
                                         "dst=q.caller),"
                                         "EXISTS(SELECT 1 FROM block WHERE src=q.caller AND "
                                         "dst=q.callee),"
                                         "EXISTS(SELECT 1 FROM follow WHERE src=q.callee AND "
                                         "dst=q.caller),"
                                         "EXISTS(SELECT 1 FROM follow WHERE src=q.caller AND "
                                         "dst=q.callee),"
                                         "EXISTS(SELECT 1 FROM contact WHERE src=q.callee AND "
                                         "dst=q.caller),"
                                         "EXISTS(SELECT 1 FROM contact WHERE src=q.caller AND "
                                         "dst=q.callee),"
                                         "EXISTS(SELECT 1 FROM called WHERE src=q.caller AND "
                                         "dst=q.callee),"
                                         "d.first_ms,d.n,d.delivered,d.accepted,e.delivered"
                                         " FROM q LEFT JOIN account a ON a.id=q.caller LEFT JOIN "
                                         "account b ON b.id=q.callee"
                                         " LEFT JOIN call_settings sa ON sa.user_id=q.caller"
                                         " LEFT JOIN call_settings sb ON sb.user_id=q.callee"
                                         " LEFT JOIN dm_edge d ON d.src=q.caller AND d.dst=q.callee"
                                         " LEFT JOIN dm_edge e ON e.src=q.callee AND "
                                         "e.dst=q.caller";

static void read_edges(sqlite3_stmt *stmt, int first, struct gate_row *row)
{
    bool *edges[] = {&row->callee_blocks,  &row->caller_blocks,      &row->callee_follows,
                     &row->caller_follows, &row->callee_has_contact, &row->caller_has_contact,
                     &row->called_before};
    int column = first;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        *edges[i] = sqlite3_column_int(stmt, column++) != 0;
    row->caller_first_sent_ms = sqlite3_column_int64(stmt, column);
    row->caller_sent = sqlite3_column_int(stmt, column + 1) > 0;
    row->caller_delivered = sqlite3_column_int(stmt, column + 2) > 0;
    bool accepted = sqlite3_column_int(stmt, column + 3) != 0;
    bool written = sqlite3_column_int(stmt, column + 4) > 0;
    row->callee_sent = accepted | written;
}

int store_gate_row(struct store *store, int64_t caller, const char *callee, struct gate_row *row)
{
    uint8_t hash[HASH_SIZE];
    *row = (struct gate_row){0};
    if (store_name_hash(store, callee, hash) != STORE_OK)
        return STORE_FAILED;
    sqlite3_stmt *stmt = db_query(store, gate_sql, "itb", caller, callee, hash, HASH_SIZE);
    int result = db_step(store, stmt);
    if (result != STORE_OK)
        return db_end(stmt, STORE_FAILED);
    store_read_account(stmt, 0, &row->caller);
    store_read_account(stmt, ACCOUNT_WIDTH, &row->callee);
    store_read_settings(stmt, 2 * ACCOUNT_WIDTH, &row->caller_settings);
    store_read_settings(stmt, 2 * ACCOUNT_WIDTH + SETTINGS_WIDTH, &row->callee_settings);
    int next = 2 * (ACCOUNT_WIDTH + SETTINGS_WIDTH);
    row->callee_gone = row->callee.id == 0 && sqlite3_column_int64(stmt, next) != 0;
    read_edges(stmt, next + 1, row);
    /* Of one that is gone there are no such edges, though their rows may not have come to it yet. */
    bool there = !row->callee_gone;
    row->callee_blocks &= there;
    row->callee_follows &= there;
    row->caller_follows &= there;
    row->callee_has_contact &= there;
    row->caller_has_contact &= there;
    return db_end(stmt, STORE_OK);
}
