/* store_export.c - what is kept about an account, in parts of bounded size and work: each goes on
 * behind a key of an index, so nothing is sorted, and what is written meanwhile moves nothing. A part has
 * rows of one kind; the cursor is the kind and the key of its last row. Messages go by the other
 * account, conversation by conversation. What only the service may know - why
 * the gate refused, that a call was silenced or its caller blocked - is told as the account was told.
 * SPDX-License-Identifier: MIT */
#include "ends.h"
#include "store_private.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcall/gate.h>
#include <xcall/life.h>

#define PART_BYTES 12000
#define ROWS_BYTES 11800 /* of the rows: leaves room for what is around them */
#define PIECE_BYTES                                                                                \
    1500         /* of a message that is too long for a part once it is JSON: six times as much */
#define LOOK 500 /* rows and accounts that a part looks at in vain */
#define JSON_FLAGS (JSON_COMPACT)

struct key {      /* of the last row of a kind; all 0: before the first */
    int64_t a, b; /* what they are is the kind's business */
    int64_t piece;
    uint8_t call[CALL_ID_SIZE];
};
struct part {
    struct store *store;
    int64_t user;
    struct key key;
    json_t *rows;
    size_t bytes;
    unsigned looked;
    bool full;
};

/* false: it does not fit any more. Steals row. */
static bool add_row(struct part *part, json_t *row, struct key key)
{
    size_t bytes = json_dumpb(row, NULL, 0, JSON_FLAGS) + 1;
    if (part->bytes + bytes > ROWS_BYTES) {
        part->full = true;
        json_decref(row);
        return false;
    }
    part->bytes += bytes;
    part->key = key;
    return json_array_append_new(part->rows, row) == 0;
}

static void call_text(const uint8_t id[CALL_ID_SIZE], char text[37])
{
    char *to = text;
    for (int i = 0; i < CALL_ID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        snprintf(to, 3, "%02x", id[i]);
        to += 2;
    }
}

/* --- kinds: each adds rows behind part->key ----------------------------------------------------------- */

static int account_rows(struct part *part)
{
    struct account account;
    struct call_settings settings;
    int result = store_account_by_id(part->store, part->user, &account);
    if (result == STORE_OK)
        result = store_settings_get(part->store, part->user, &settings);
    if (result != STORE_OK || part->key.a > 0)
        return result;
    static const char *const states[] = {"active", "restricted", "suspended"};
    json_t *row = json_pack(
        "{s:s,s:s,s:b,s:b,s:I,s:b,s:{s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:I}}", "name", account.name,
        "state", states[account.state % 3], "verified", account.verified, "paid", account.paid,
        "created", (json_int_t)account.created_ms, "password", account.has_password, "settings",
        "has_av_calls_enabled", settings.enabled, "accept_calls_from_everyone", settings.everyone,
        "accept_calls_from_verified", settings.verified, "accept_calls_from_following",
        settings.following, "accept_calls_from_addressbook", settings.addressbook,
        "has_enhanced_call_privacy_enabled", settings.enhanced, "silence_strangers",
        settings.silence_strangers, "hide_busy", settings.hide_busy, "epoch",
        (json_int_t)settings.epoch);
    if (row && settings.quiet_from_min >= 0)
        json_object_set_new(json_object_get(row, "settings"), "quiet",
                            json_pack("{s:i,s:i,s:i}", "from_min", settings.quiet_from_min,
                                      "to_min", settings.quiet_to_min, "zone_min",
                                      settings.quiet_zone_min));
    add_row(part, row, (struct key){.a = 1});
    return STORE_OK;
}

static int device_rows(struct part *part)
{
    sqlite3_stmt *stmt = db_query(part->store,
                                  "SELECT dev,label,last_ms,revoked,key_pub IS NOT NULL,push_kind"
                                  " FROM device WHERE user_id=?1 AND dev>?2 ORDER BY dev",
                                  "ii", part->user, part->key.a);
    int result;
    while ((result = db_step(part->store, stmt)) == STORE_OK) {
        int64_t dev = sqlite3_column_int64(stmt, 0);
        json_t *row = json_pack("{s:I,s:s,s:I,s:b,s:b,s:s}", "dev", (json_int_t)dev, "device",
                                sqlite3_column_text(stmt, 1), "last",
                                (json_int_t)sqlite3_column_int64(stmt, 2), "revoked",
                                sqlite3_column_int(stmt, 3), "key", sqlite3_column_int(stmt, 4),
                                "push", sqlite3_column_text(stmt, 5));
        if (!add_row(part, row, (struct key){.a = dev}))
            break;
    }
    return db_end(stmt, result);
}

/* Names in the order of their numbers. */
static int name_rows(struct part *part, const char *sql)
{
    sqlite3_stmt *stmt = db_query(part->store, sql, "ii", part->user, part->key.a);
    int result;
    while ((result = db_step(part->store, stmt)) == STORE_OK) {
        json_t *row = json_pack("{s:s,s:I}", "name", sqlite3_column_text(stmt, 1), "at",
                                (json_int_t)sqlite3_column_int64(stmt, 2));
        if (!add_row(part, row, (struct key){.a = sqlite3_column_int64(stmt, 0)}))
            break;
    }
    return db_end(stmt, result);
}

#define NAMES(table, at)                                                                           \
    "SELECT e.dst,a.handle,e." at " FROM " table " e JOIN account a ON a.id=e.dst WHERE e.src=?1"  \
    " AND e.dst>?2 ORDER BY e.dst"

static int follow_rows(struct part *part)
{
    return name_rows(part, NAMES("follow", "at_ms"));
}

static int contact_rows(struct part *part)
{
    return name_rows(part, NAMES("contact", "at_ms"));
}

static int block_rows(struct part *part)
{
    return name_rows(part, NAMES("block", "at_ms"));
}

static int written_rows(struct part *part)
{
    return name_rows(part, NAMES("dm_edge", "first_ms"));
}

/* Read marks: the messages themselves are a kind of their own. */
static int chat_rows(struct part *part)
{
    sqlite3_stmt *stmt =
        db_query(part->store,
                 "SELECT c.peer_id,a.handle,c.last_msg,c.read_msg FROM chat c"
                 " JOIN account a ON a.id=c.peer_id WHERE c.user_id=?1 AND c.peer_id>?2"
                 " ORDER BY c.peer_id",
                 "ii", part->user, part->key.a);
    int result;
    while ((result = db_step(part->store, stmt)) == STORE_OK) {
        json_t *row = json_pack("{s:s,s:I,s:I}", "with", sqlite3_column_text(stmt, 1), "last",
                                (json_int_t)sqlite3_column_int64(stmt, 2), "read",
                                (json_int_t)sqlite3_column_int64(stmt, 3));
        if (!add_row(part, row, (struct key){.a = sqlite3_column_int64(stmt, 0)}))
            break;
    }
    return db_end(stmt, result);
}

/* The piece of text that begins at byte `from`, cut between characters. */
static json_t *piece_of(const char *text, size_t length, size_t from)
{
    size_t end = from + PIECE_BYTES < length ? from + PIECE_BYTES : length;
    while (from > 0 && from < length && ((unsigned char)text[from] & 0xc0) == 0x80)
        from--;
    while (end < length && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    return from >= length ? NULL : json_stringn(text + from, end - from);
}

/* The key: the other account, the message's id, and its next piece where it goes out in pieces. */
static bool message_pieces(struct part *part, json_t *head, const char *text, struct key key)
{
    size_t length = strlen(text);
    for (int64_t piece = key.piece; (size_t)piece * PIECE_BYTES < length; piece++) {
        json_t *row = json_copy(head);
        bool last = (size_t)(piece + 1) * PIECE_BYTES >= length;
        json_object_set_new(row, "piece", json_integer(piece + 1));
        json_object_set_new(row, "text", piece_of(text, length, (size_t)piece * PIECE_BYTES));
        key.piece = last ? 0 : piece + 1;
        if (!add_row(part, row, key))
            return false;
    }
    return true;
}

static bool message_row(struct part *part, sqlite3_stmt *stmt, int64_t peer)
{
    struct key key = {.a = peer, .b = sqlite3_column_int64(stmt, 0)};
    if (part->key.b == key.b)
        key.piece = part->key.piece;
    const char *text = (const char *)sqlite3_column_text(stmt, 4);
    json_t *row = json_pack("{s:I,s:s,s:s,s:I}", "msg", (json_int_t)key.b, "from",
                            sqlite3_column_text(stmt, 2), "to", sqlite3_column_text(stmt, 3), "at",
                            (json_int_t)sqlite3_column_int64(stmt, 1));
    json_t *whole = json_copy(row);
    json_object_set_new(whole, "text", json_string(text));
    bool fits = json_dumpb(whole, NULL, 0, JSON_FLAGS) < ROWS_BYTES;
    bool added;
    if (fits && key.piece == 0) {
        added = add_row(part, whole, key);
    } else {
        added = message_pieces(part, row, text, key);
        json_decref(whole);
    }
    json_decref(row);
    return added;
}

#define HANDLE(id) "coalesce((SELECT handle FROM account WHERE id=" id "),'')"
#define MESSAGE_ENDS HANDLE("src") "," HANDLE("dst")

#define THERE " AND EXISTS(SELECT 1 FROM account WHERE id=?2)"

/* With one other account, both directions by id; what a block kept back is passed over. With one that is gone
 * there is nothing, though the rows may not have come to it yet. */
static int conversation(struct part *part, int64_t peer)
{
    int64_t next = part->key.b + (part->key.piece == 0);
    sqlite3_stmt *stmt =
        db_query(part->store,
                 "SELECT id,at_ms," MESSAGE_ENDS ",body,1 FROM message"
                 " WHERE src=?1 AND dst=?2 AND id>=?3" THERE " UNION ALL"
                 " SELECT id,at_ms," MESSAGE_ENDS ",body,delivered FROM message"
                 " WHERE src=?2 AND dst=?1 AND id>=?3 AND ?1<>?2" THERE " ORDER BY 1",
                 "iii", part->user, peer, next);
    int result;
    while ((result = db_step(part->store, stmt)) == STORE_OK) {
        if (sqlite3_column_int(stmt, 5) == 0) {
            part->key = (struct key){.a = peer, .b = sqlite3_column_int64(stmt, 0)};
            if (++part->looked < LOOK)
                continue;
            part->full = true;
            break;
        }
        if (!message_row(part, stmt, peer))
            break;
    }
    return db_end(stmt, result);
}

/* The next account that a message went to or came from. */
static int next_peer(struct part *part, int64_t *peer)
{
    sqlite3_stmt *stmt =
        db_query(part->store,
                 "SELECT min(p) FROM (SELECT min(dst) AS p FROM dm_edge WHERE src=?1 AND dst>?2"
                 " UNION ALL SELECT min(src) FROM dm_edge WHERE dst=?1 AND src>?2)",
                 "ii", part->user, *peer);
    int result = db_step(part->store, stmt);
    if (result == STORE_OK && sqlite3_column_type(stmt, 0) == SQLITE_NULL)
        result = STORE_NONE;
    if (result == STORE_OK)
        *peer = sqlite3_column_int64(stmt, 0);
    return db_end(stmt, result);
}

static int message_rows(struct part *part)
{
    int64_t peer = part->key.a;
    int result = peer ? conversation(part, peer) : STORE_NONE;
    while (result == STORE_NONE && !part->full) {
        result = next_peer(part, &peer);
        if (result != STORE_OK)
            return result;
        part->key = (struct key){.a = peer};
        if (++part->looked >= LOOK) {
            part->full = true; /* it begins the next part */
            return STORE_OK;
        }
        result = conversation(part, peer);
    }
    return result;
}

static json_t *call_row(const struct part *part, sqlite3_stmt *stmt)
{
    char id[37];
    call_text(sqlite3_column_blob(stmt, 0), id);
    bool accepted = sqlite3_column_int64(stmt, 6) > 0;
    bool outgoing = sqlite3_column_int64(stmt, 2) == part->user;
    uint32_t reason = (uint32_t)sqlite3_column_int64(stmt, 4);
    int64_t active = sqlite3_column_int64(stmt, 7);
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:I}", "call", id, "peer",
                     sqlite3_column_text(stmt, 1), "dir", outgoing ? "out" : "in", "media",
                     sqlite3_column_int(stmt, 3) ? "v" : "a", "at",
                     (json_int_t)sqlite3_column_int64(stmt, 5), "end",
                     end_name(end_seen(reason, outgoing, accepted)), "duration_ms",
                     (json_int_t)(active > 0 ? sqlite3_column_int64(stmt, 8) - active : 0));
}

#define CALLS_OF(side)                                                                             \
    "SELECT call.id," HANDLE(                                                                      \
        "caller+callee-?1") ",caller,video,reason,t_invite,t_accept,"                              \
                            "t_active,t_end FROM call WHERE " side                                 \
                            "=?1 AND (t_invite,call.id)>(?2,?3) AND call.state=9"                  \
                            " AND merged_into IS NULL"

/* The key: when it was placed, and its id. Of both directions, each in the order of its index. */
static int call_rows(struct part *part)
{
    const struct key *key = &part->key;
    sqlite3_stmt *stmt =
        db_query(part->store, CALLS_OF("caller") " UNION ALL " CALLS_OF("callee") " ORDER BY 6,1",
                 "iib", part->user, key->a, key->call, CALL_ID_SIZE);
    int result;
    while ((result = db_step(part->store, stmt)) == STORE_OK) {
        struct key next = {.a = sqlite3_column_int64(stmt, 5)};
        db_blob(stmt, 0, next.call, CALL_ID_SIZE);
        if (!add_row(part, call_row(part, stmt), next))
            break;
    }
    return db_end(stmt, result);
}

static int report_rows(struct part *part)
{
    sqlite3_stmt *stmt = db_query(
        part->store,
        "SELECT r.id,coalesce(a.handle,''),r.why,CASE WHEN a.id IS NULL THEN '' ELSE r.body END,"
        "r.at_ms FROM report r"
        " LEFT JOIN account a ON a.id=r.about WHERE r.by_user=?1 AND r.id>?2 ORDER BY r.id",
        "ii", part->user, part->key.a);
    int result;
    while ((result = db_step(part->store, stmt)) == STORE_OK) {
        json_t *row = json_pack("{s:s,s:s,s:s,s:I}", "about", sqlite3_column_text(stmt, 1), "why",
                                sqlite3_column_text(stmt, 2), "text", sqlite3_column_text(stmt, 3),
                                "at", (json_int_t)sqlite3_column_int64(stmt, 4));
        if (!add_row(part, row, (struct key){.a = sqlite3_column_int64(stmt, 0)}))
            break;
    }
    return db_end(stmt, result);
}

/* The callee stays out: whether there is one would tell a missing account from one that blocks. */
static int decision_rows(struct part *part)
{
    sqlite3_stmt *stmt =
        db_query(part->store,
                 "SELECT id,at_ms,call_id,verdict,r_pub,relay,dev FROM decision_log"
                 " WHERE caller=?1 AND (at_ms,id)>(?2,?3) ORDER BY at_ms,id",
                 "iii", part->user, part->key.a, part->key.b);
    int result;
    while ((result = db_step(part->store, stmt)) == STORE_OK) {
        char id[37];
        call_text(sqlite3_column_blob(stmt, 2), id);
        bool denied = sqlite3_column_int(stmt, 3) == XCALL_GATE_DENY;
        const char *code = xcall_gate_public_name((uint32_t)sqlite3_column_int(stmt, 4));
        json_t *row =
            json_pack("{s:s,s:I,s:s,s:b,s:i}", "call", id, "at",
                      (json_int_t)sqlite3_column_int64(stmt, 1), "answer", denied ? code : "ring",
                      "relay", sqlite3_column_int(stmt, 5), "dev", sqlite3_column_int(stmt, 6));
        struct key next = {.a = sqlite3_column_int64(stmt, 1), .b = sqlite3_column_int64(stmt, 0)};
        if (!add_row(part, row, next))
            break;
    }
    return db_end(stmt, result);
}

static const struct kind {
    const char *name;
    int (*rows)(struct part *part); /* OK: stopped in the middle; NONE or OK of one row: no more */
} kinds[] = {
    {"account", account_rows},    {"devices", device_rows}, {"follows", follow_rows},
    {"contacts", contact_rows},   {"blocks", block_rows},   {"written_to", written_rows},
    {"messages", message_rows},   {"calls", call_rows},     {"reports", report_rows},
    {"decisions", decision_rows}, {"chats", chat_rows},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* The rows of one kind as text; NULL text: there are none (any more). */
static int one_part(struct part *part, int64_t kind, char **json)
{
    *json = NULL;
    part->rows = json_array();
    part->bytes = 0;
    part->full = false;
    int result = part->rows ? kinds[kind].rows(part) : STORE_FAILED;
    if (result == STORE_NONE && kind > 0)
        result = STORE_OK;
    if (result == STORE_OK && json_array_size(part->rows) > 0) {
        json_t *whole = json_pack("{s:O}", kinds[kind].name, part->rows);
        *json = whole ? json_dumps(whole, JSON_FLAGS) : NULL;
        json_decref(whole);
        result = *json ? STORE_OK : STORE_FAILED;
    }
    json_decref(part->rows);
    return result;
}

/* --- the cursor -------------------------------------------------------------------------------------- */

static void cursor_write(char cursor[EXPORT_CURSOR_SIZE], int64_t kind, const struct key *key)
{
    int size = snprintf(cursor, EXPORT_CURSOR_SIZE, "%x.%llx.%llx.%llx.", (unsigned)kind,
                        (unsigned long long)key->a, (unsigned long long)key->b,
                        (unsigned long long)key->piece);
    for (int i = 0; i < CALL_ID_SIZE; i++)
        size += snprintf(cursor + size, EXPORT_CURSOR_SIZE - (size_t)size, "%02x", key->call[i]);
}

/* A number in hexadecimal digits and the dot behind it. */
static bool read_number(const char **text, int64_t *value)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strspn(*text, digits);
    if (length == 0 || length > 15 || (*text)[length] != '.')
        return false;
    *value = 0;
    for (size_t i = 0; i < length; i++)
        *value = *value << 4 | (strchr(digits, (*text)[i]) - digits);
    *text += length + 1;
    return true;
}

static bool cursor_read(const char *cursor, int64_t *kind, struct key *key)
{
    if (!*cursor) {
        *kind = 0;
        return true;
    }
    if (!read_number(&cursor, kind) || !read_number(&cursor, &key->a) ||
        !read_number(&cursor, &key->b) || !read_number(&cursor, &key->piece) || *kind >= KINDS ||
        strlen(cursor) != (size_t)2 * CALL_ID_SIZE ||
        strspn(cursor, "0123456789abcdef") != (size_t)2 * CALL_ID_SIZE)
        return false;
    for (int i = 0; i < CALL_ID_SIZE; i++) {
        char two[3] = {cursor[2 * i], cursor[2 * i + 1], '\0'};
        key->call[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return true;
}

int store_account_export(struct store *store, int64_t id, char cursor[EXPORT_CURSOR_SIZE],
                         char **json)
{
    int64_t kind;
    struct part part = {.store = store, .user = id};
    *json = NULL;
    if (!cursor_read(cursor, &kind, &part.key))
        return STORE_CONFLICT;
    struct account account;
    int result = store_account_by_id(store, id, &account);
    while (result == STORE_OK) {
        part.looked = 0;
        result = one_part(&part, kind, json);
        if (result != STORE_OK)
            break;
        bool went_far = part.full && !*json; /* and found nothing: an empty part, for a pause */
        if (!part.full) {
            kind++;
            part.key = (struct key){0};
        }
        cursor[0] = '\0';
        if (kind < KINDS)
            cursor_write(cursor, kind, &part.key);
        if (*json)
            return STORE_OK;
        if (went_far || kind == KINDS) {
            *json = strdup("{}");
            return *json ? STORE_OK : STORE_FAILED;
        }
    }
    return result;
}
