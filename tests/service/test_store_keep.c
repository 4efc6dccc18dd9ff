/* test_store_keep.c - what xcalld's store keeps and what not: deletion searched for in the file's bytes, export,
 * retention, backup, migrations. SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <jansson.h>
#include <xcall/gate.h>
#include <xcall/life.h>

#include "store_private.h"

#define DAY ((int64_t)86400000)

/* --- deletion ----------------------------------------------------------------------------------- */

static void fill_device(struct store *store, int64_t user, const char *label, const char *push)
{
    int32_t dev;
    uint8_t key[KEY_SIZE], token[HASH_SIZE];
    memset(key, 0x5a, sizeof key);
    memset(token, (int)user, sizeof token);
    OK(store_device_add(store, user, label, NOW, &dev));
    OK(store_device_set_key(store, user, dev, key));
    OK(store_device_set_push(store, user, dev, "fcm", push));
    OK(store_session_add(store, token, user, dev, NOW + DAY));
}

/* Among many others, written in an order that splits pages while it is there. */
static void deletion(void **state)
{
    struct store *store = *state;
    static const char *const secrets[] = {"marker_name",        "MARKER-LABEL",  "MARKER-PUSH",
                                          "MARKER-PASSWORD",    "MARKER-TEXT-1", "MARKER-TEXT-2",
                                          "MARKER-REPORT-TEXT", "MARKER-OFFER",  "MARKER-ABOUT"};
    enum { SECRETS = sizeof secrets / sizeof *secrets };
    int64_t marked, others[200], id;
    char name[NAME_MAX_BYTES + 1], text[600];
    uint8_t other[CALL_ID_SIZE];
    OK(store_account_add(store, "marker_name", "MARKER-PASSWORD", NOW, &marked));
    fill_device(store, marked, "MARKER-LABEL", "MARKER-PUSH");
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "%c%d_account", 'a' + i * 7 % 26, i);
        others[i] = account(store, name);
        fill_device(store, others[i], name, name);
        memset(text, 'x', sizeof text);
        snprintf(text, sizeof text, "MARKER-TEXT-%d of %d", 1 + i % 2, i);
        text[strlen(text)] = ' ';
        text[100 + i * 2] = '\0';
        OK(store_message_add(store, i % 2 ? marked : others[i], i % 2 ? others[i] : marked, text,
                             NOW, true, &id));
        OK(store_message_add(store, others[i], others[i / 2], "others' words", NOW, true, &id));
    }
    struct call_settings settings = {.enabled = true, .quiet_from_min = -1};
    OK(store_settings_set(store, marked, &settings));
    OK(store_edge_set(store, EDGE_FOLLOW, marked, others[0], true, NOW));
    OK(store_edge_set(store, EDGE_BLOCK, others[1], marked, true, NOW));
    OK(store_report_add(store, marked, others[0], NULL, "spam", "MARKER-REPORT-TEXT", NOW));
    OK(store_report_add(store, others[0], marked, NULL, "spam", "MARKER-ABOUT", NOW));
    struct call_row call = a_call(1, marked, others[2]);
    call.offer = "MARKER-OFFER";
    OK(store_call_insert(store, &call, other));
    for (int i = 0; i < SECRETS; i++)
        assert_true(in_bytes(fixture_path, secrets[i]));

    OK(store_begin(store)); /* as a service does, in a batch */
    OK(store_account_delete(store, marked, NOW));
    OK(store_commit(store));
    erase_all(store);
    for (int i = 0; i < SECRETS; i++)
        if (in_bytes(fixture_path, secrets[i]))
            fail_msg("\"%s\" is still in the file", secrets[i]);
    struct account gone;
    uint8_t token[HASH_SIZE];
    int64_t user, expires;
    int32_t dev;
    memset(token, (int)marked, sizeof token);
    IS(NONE, store_account_by_id(store, marked, &gone));
    IS(NONE, store_account_delete(store, marked, NOW));
    IS(NONE, store_session_find(store, token, NOW, &user, &dev, &expires));
    IS(CONFLICT,
       store_account_add(store, "marker_name", NULL, NOW, &id)); /* nobody takes the name */
    assert_true(account(store, "later") > marked);
    /* who wrote to it, or blocked it, hears what he heard before */
    struct gate_row row;
    OK(store_gate_row(store, others[0], "marker_name", &row));
    assert_true(row.callee_gone && row.caller_sent);
    OK(store_gate_row(store, others[1], "marker_name", &row));
    assert_true(row.callee_gone && row.caller_blocks);
    struct message messages[2];
    size_t count;
    OK(store_message_list(store, others[0], marked, 0, messages, 2, &count));
    assert_int_equal(count, 0);
}

/* A reader is in the way of the log's emptying; it happens once he is gone. */
static void deletion_with_reader(void **state)
{
    struct store *store = *state, *reader = fixture_again(fixture_path);
    int64_t id = account(store, "marker_name");
    OK(store_begin(reader));
    struct account seen;
    OK(store_account_by_name(reader, "marker_name", &seen));
    store_rollback(reader);
    sqlite3_exec(reader->db, "BEGIN; SELECT count(*) FROM account", NULL, NULL, NULL);
    OK(store_account_delete(store, id, NOW));
    assert_true(store->scrub);
    sqlite3_exec(reader->db, "COMMIT", NULL, NULL, NULL);
    for (int i = 0; i < 80 && store->scrub; i++) {
        OK(store_begin(store));
        OK(store_commit(store));
    }
    assert_false(store->scrub);
    assert_false(in_bytes(fixture_path, "marker_name"));
    store_close(reader);
}

static void fill_words(struct store *store, const char *word, int rows, unsigned seed)
{
    int64_t id, writer = account(store, word), reader = account(store, seed % 2 ? "r1" : "r2");
    char text[900];
    OK(store_begin(store));
    for (int i = 0; i < rows; i++) {
        seed = seed * 1103515245u + 12345u;
        size_t length = 20 + (seed >> 16) % 800;
        memset(text, 'x', length);
        text[length] = '\0';
        size_t from = length > 60 ? (seed >> 8) % (length - 40) : 0;
        memcpy(text + from, word, strlen(word));
        OK(store_message_add(store, i % 3 ? writer : reader, i % 3 ? reader : writer, text, NOW,
                             true, &id));
        /* Among others' that stay: pages are split, then merged. */
        const char *whose = i % 4 ? "somebody else" : word;
        snprintf(text, sizeof text, "%u %s %.*s", seed, whose, (int)(seed >> 20) % 60,
                 "and so on, and so on, and so on, and so on, and so on, and so on");
        OK(store_policy_set(store, text, whose, NOW));
    }
    OK(store_commit(store));
}

static void delete_words(struct store *store, const char *word)
{
    struct account account;
    OK(store_account_by_name(store, word, &account));
    OK(store_begin(store));
    OK(db_run(store, "DELETE FROM policy WHERE value=?1", "t", word));
    OK(store_account_delete(store, account.id, NOW));
    OK(store_commit(store));
    erase_all(store);
}

/* What was deleted does not come back into the log with pages that have been in memory all the time. */
static void deletion_stays_so(void **state)
{
    struct store *store = *state;
    fill_words(store, "marker_one", 1500, 1);
    assert_true(in_bytes(fixture_path, "marker_one"));
    delete_words(store, "marker_one");
    assert_false(in_bytes(fixture_path, "marker_one"));
    fill_words(store, "another", 1500, 2); /* many of the same pages */
    assert_false(in_bytes(fixture_path, "marker_one"));
    delete_words(store, "another");
    assert_false(in_bytes(fixture_path, "another"));
    int64_t bad = 0;
    OK(db_get(store, &bad,
              "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check<>'ok'", ""));
    assert_int_equal(bad, 0);
}

/* A file that was written without store_vfs.c: cleaned once, and then never again. */
static void deletion_of_before(void **state)
{
    struct store *store = *state;
    bool done = true;
    OK(store_clean(store, &done)); /* one that is new */
    assert_false(done);
    store_close(store);
    *state = store = calloc(1, sizeof *store); /* as an older program had it open */
    assert_non_null(store);
    assert_int_equal(sqlite3_open(fixture_path, &store->db), SQLITE_OK);
    sqlite3_exec(store->db, "PRAGMA secure_delete=ON;DELETE FROM note WHERE name='clean'", NULL,
                 NULL, NULL);
    fill_words(store, "marker_two", 4000, 1);
    delete_words(store, "marker_two");
    assert_true(in_bytes(fixture_path, "marker_two")); /* what this is about */
    store_close(store);
    *state = store = fixture_again(fixture_path);
    OK(store_clean(store, &done));
    assert_true(done);
    assert_false(in_bytes(fixture_path, "marker_two"));
    OK(store_clean(store, &done));
    assert_false(done);
}

/* Pages that map pointers begin like those of trees: a file with such pages is refused and left as it is. */
static void auto_vacuum(void **state)
{
    (void)state;
    char path[] = "/tmp/xcalld-vacuum-XXXXXX", error[512] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    sqlite3 *db;
    /* By store_vfs.c, as by an older program: no page of it is damaged. */
    assert_int_equal(
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, store_vfs()),
        SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "PRAGMA auto_vacuum=FULL;PRAGMA journal_mode=WAL;CREATE TABLE t(x);"
                     "CREATE TABLE u(x);WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v+1"
                     " FROM n WHERE v<440) INSERT INTO t SELECT randomblob(3500) FROM n;"
                     "INSERT INTO u SELECT x FROM t", /* page 822 maps leaves of u */
                     NULL, NULL, NULL),
        SQLITE_OK);
    struct store *store = NULL;
    IS(FAILED, store_open(path, &store, error, sizeof error));
    assert_non_null(strstr(error, "auto_vacuum"));
    sqlite3_close(db);
    IS(FAILED, store_open(path, &store, error, sizeof error));
    store = calloc(1, sizeof *store);
    assert_non_null(store);
    assert_int_equal(sqlite3_open(path, &store->db), SQLITE_OK);
    int64_t bad = 0, maps = 0;
    OK(db_get(store, &maps, "PRAGMA auto_vacuum", ""));
    assert_int_equal(maps, 1);
    OK(db_get(store, &bad,
              "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check<>'ok'", ""));
    assert_int_equal(bad, 0);
    store_close(store);
    fixture_remove(path);
}

/* --- a part of a transaction ------------------------------------------------------------------------ */

static void undo_to_a_mark(void **state)
{
    struct store *store = *state;
    int64_t id, ids[3], left = 0;
    char text[80];
    struct message messages[8];
    size_t count, mark;
    ids[0] = account(store, "alice");
    ids[1] = account(store, "bob");
    OK(store_begin(store));
    OK(store_message_add(store, ids[0], ids[1], "one", NOW, true, &id));
    IS(CONFLICT, store_account_add(store, "bob", NULL, NOW, &ids[2])); /* nothing of it is noted */
    OK(store_account_add(store, "carol", "hash", NOW, &ids[2]));
    struct bucket_row bucket = {{7, 8}, 0.25, NOW};
    OK(store_buckets_save(store, &bucket, 1));
    mark = store_mark(store);
    OK(store_message_add(store, ids[0], ids[1], "two", NOW, true, &id));
    OK(store_account_delete(store, ids[2], NOW));
    OK(store_undo_to(store, mark));
    OK(store_message_add(store, ids[0], ids[1], "three", NOW, true, &id));
    assert_int_equal(id, 2);
    OK(store_undo_to(store, store_mark(store))); /* all of it again */
    size_t noted = store_mark(store);
    OK(store_commit(store));
    for (size_t i = 0; i < noted; i++) /* none of the texts stays in memory */
        assert_int_equal(store->redo.bytes[i], 0);
    OK(store_message_list(store, ids[0], ids[1], 0, messages, 8, &count));
    assert_int_equal(count, 2);
    assert_string_equal(messages[0].text, "three");
    struct account carol;
    OK(store_account_by_name(store, "carol", &carol));
    assert_true(carol.id == ids[2] && carol.has_password);
    struct bucket_row rows[2];
    OK(store_buckets_load(store, rows, 2, &count));
    assert_true(count == 1 && rows[0].level == 0.25 && rows[0].key[1] == 8);
    /* Whoever wrote in between may have taken a number: then it is nothing but whole or not at all. */
    struct store *other = fixture_again(fixture_path);
    OK(store_begin(store));
    OK(store_message_add(store, ids[0], ids[1], "four", NOW, true, &id));
    mark = store_mark(store);
    store_rollback(store);
    OK(store_message_add(other, ids[1], ids[0], "theirs", NOW, true, &id));
    IS(FAILED, store_undo_to(store, mark));
    store_rollback(store);
    store_close(other);
    /* Much of it, with scopes that fail in the middle. */
    OK(store_begin(store));
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "account_%d", i / 2);
        int result = store_account_add(store, text, NULL, NOW, &id);
        assert_int_equal(result, i % 2 ? STORE_CONFLICT : STORE_OK);
    }
    mark = store_mark(store);
    OK(store_account_delete(store, ids[0], NOW));
    OK(store_undo_to(store, mark));
    OK(store_commit(store));
    OK(db_get(store, &left, "SELECT count(*) FROM account", ""));
    assert_int_equal(left, 253);
}

/* --- export --------------------------------------------------------------------------------------- */

static size_t exported(struct store *store, int64_t user, json_t *all)
{
    char cursor[EXPORT_CURSOR_SIZE] = "";
    size_t parts = 0;
    do {
        char *json = NULL;
        OK(store_account_export(store, user, cursor, &json));
        assert_true(strlen(json) <= 12000);
        json_t *part = json_loads(json, 0, NULL);
        assert_non_null(part);
        free(json);
        const char *kind;
        json_t *rows;
        json_object_foreach(part, kind, rows)
        {
            if (!json_object_get(all, kind))
                json_object_set_new(all, kind, json_array());
            json_array_extend(json_object_get(all, kind), rows);
        }
        json_decref(part);
        assert_true(++parts < 1000);
    } while (*cursor);
    return parts;
}

static json_t *row_of(json_t *all, const char *kind, size_t index)
{
    return json_array_get(json_object_get(all, kind), index);
}

static void export_parts(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob"), id;
    static char text[MESSAGE_MAX + 1];
    uint8_t other[CALL_ID_SIZE];
    fill_device(store, alice, "her phone", "PUSH-TOKEN");
    OK(store_edge_set(store, EDGE_FOLLOW, alice, bob, true, NOW));
    OK(store_edge_set(store, EDGE_BLOCK, bob, alice, true, NOW)); /* his business */
    for (int i = 0; i < 40; i++) {
        memset(text, 'a' + i % 26, sizeof text - 1);
        OK(store_message_add(store, i % 2 ? bob : alice, i % 2 ? alice : bob, text, NOW + i, true,
                             &id));
    }
    OK(store_message_add(store, bob, alice, "withheld", NOW, false, &id));
    for (size_t i = 0; i + 2 < sizeof text; i += 3)
        memcpy(text + i, i % 2 ? "\x01\x02\x03" : "\xe2\x82\xac", 3); /* six bytes each as JSON */
    text[sizeof text - 2] = '\0';
    OK(store_message_add(store, alice, bob, text, NOW, true, &id));
    struct call_row call = a_call(1, alice, bob);
    OK(store_call_insert(store, &call, other));
    call.state = CALL_ENDED;
    call.rev = 2;
    call.reason = XCALL_LIFE_END_BLOCKED;
    OK(store_call_update(store, &call, CALL_RINGING, 1, NULL));
    OK(store_report_add(store, alice, bob, NULL, "spam", "her report", NOW));
    OK(store_report_add(store, bob, alice, NULL, "spam", "his report", NOW));
    struct decision decision = {.caller = alice,
                                .callee = bob,
                                .verdict = XCALL_GATE_DENY,
                                .reason = XCALL_GATE_REASON_BLOCKED,
                                .public_reason = XCALL_GATE_PUBLIC_UNAVAILABLE};
    OK(store_decision_add(store, &decision));
    decision.verdict = XCALL_GATE_SILENT;
    decision.reason = XCALL_GATE_REASON_SILENT;
    decision.public_reason = XCALL_GATE_PUBLIC_NONE;
    OK(store_decision_add(store, &decision));

    json_t *all = json_object();
    assert_true(exported(store, alice, all) > 15);
    assert_string_equal(json_string_value(json_object_get(row_of(all, "account", 0), "name")),
                        "alice");
    assert_int_equal(json_array_size(json_object_get(all, "devices")), 1);
    assert_string_equal(json_string_value(json_object_get(row_of(all, "follows", 0), "name")),
                        "bob");
    assert_null(json_object_get(all, "blocks"));
    json_t *messages = json_object_get(all, "messages");
    char again[MESSAGE_MAX + 16] = "";
    for (size_t i = 40; i < json_array_size(messages); i++)
        strcat(again, json_string_value(json_object_get(json_array_get(messages, i), "text")));
    assert_string_equal(again, text);
    assert_int_equal(json_array_size(messages), 43);
    assert_string_equal(json_string_value(json_object_get(row_of(all, "calls", 0), "end")),
                        "no_answer");
    assert_string_equal(json_string_value(json_object_get(row_of(all, "decisions", 0), "answer")),
                        "unavailable");
    assert_string_equal(json_string_value(json_object_get(row_of(all, "decisions", 1), "answer")),
                        "ring");
    char *whole = json_dumps(all, 0);
    static const char *const never[] = {"PUSH-TOKEN", "his report", "withheld", "blocked",
                                        "silent"};
    for (int i = 0; i < 5; i++)
        assert_null(strstr(whole, never[i]));
    assert_non_null(strstr(whole, "her report"));
    free(whole);
    json_decref(all);
}

static void odd_cursors(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice");
    static const char *const odd[] = {"x",
                                      "0",
                                      "0.0.0.0",
                                      "0.0.0.0.",
                                      "1f.0.0.0.00000000000000000000000000000000",
                                      "6.0.0.0.0000000000000000000000000000000",
                                      "6.0.0.0.0000000000000000000000000000000g",
                                      "6.0.0.1234567890123456.00000000000000000000000000000000",
                                      "-1.0.0.0."};
    char cursor[EXPORT_CURSOR_SIZE];
    char *json;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        snprintf(cursor, sizeof cursor, "%s", odd[i]);
        IS(CONFLICT, store_account_export(store, alice, cursor, &json));
    }
    cursor[0] = '\0';
    IS(NONE, store_account_export(store, 99, cursor, &json));
}

static bool has_text(json_t *all, const char *kind, const char *member, const char *text)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(all, kind), i, row)
    {
        const char *value = json_string_value(json_object_get(row, member));
        if (value && strcmp(value, text) == 0)
            return true;
    }
    return false;
}

static void each_call_once(json_t *all, size_t calls)
{
    json_t *seen = json_object(), *row;
    size_t i, old = 0;
    json_array_foreach(json_object_get(all, "calls"), i, row)
    {
        const char *call = json_string_value(json_object_get(row, "call"));
        assert_null(json_object_get(seen, call));
        json_object_set_new(seen, call, json_true());
        old += json_integer_value(json_object_get(row, "at")) >= NOW;
    }
    assert_int_equal(old, calls);
    json_decref(seen);
}

/* What is there all the time comes once, whatever comes and goes between two parts. */
static void export_while_written(void **state)
{
    struct store *store = *state;
    enum { PEERS = 600, CALLS = 300 };
    static int64_t peers[PEERS];
    int64_t alice = account(store, "alice"), id;
    char name[32], text[64], cursor[EXPORT_CURSOR_SIZE] = "";
    uint8_t other[CALL_ID_SIZE];
    OK(store_begin(store));
    for (int i = 0; i < PEERS; i++) {
        snprintf(name, sizeof name, "peer_%d", i);
        peers[i] = account(store, name);
        OK(store_dm_edge_set(store, peers[i], alice, true, NOW)); /* many of them with no message */
        if (i % 20 == 0) {
            snprintf(text, sizeof text, "to %d", i);
            OK(store_message_add(store, alice, peers[i], text, NOW, true, &id));
            snprintf(text, sizeof text, "from %d", i);
            OK(store_message_add(store, peers[i], alice, text, NOW, true, &id));
        }
    }
    for (int i = 0; i < 1200; i++) /* kept back by a block */
        OK(store_message_add(store, peers[7], alice, "withheld", NOW, false, &id));
    OK(store_message_add(store, peers[7], alice, "let in", NOW, true, &id));
    for (int i = 0; i < CALLS; i++) {
        struct call_row call = a_call(i + 1, i % 2 ? alice : peers[i], i % 2 ? peers[i] : alice);
        call.state = CALL_ENDED;
        call.invite_ms = NOW + i / 50; /* many of one moment */
        OK(store_call_insert(store, &call, other));
    }
    OK(store_commit(store));
    json_t *all = json_object();
    size_t parts = 0, empty = 0;
    do {
        char *json = NULL;
        OK(store_account_export(store, alice, cursor, &json));
        json_t *part = json_loads(json, 0, NULL), *rows;
        const char *kind;
        empty += strcmp(json, "{}") == 0;
        free(json);
        json_object_foreach(part, kind, rows)
        {
            if (!json_object_get(all, kind))
                json_object_set_new(all, kind, json_array());
            json_array_extend(json_object_get(all, kind), rows);
        }
        json_decref(part);
        struct call_row call = a_call(5000 + (int)parts, alice, peers[400 + parts % 100]);
        call.state = CALL_ENDED;
        call.invite_ms = NOW - 1000; /* before all that came */
        OK(store_call_insert(store, &call, other));
        OK(store_message_add(store, alice, peers[1], "before the others", NOW, true, &id));
        OK(store_message_add(store, peers[0], alice, "at an end", NOW, true, &id));
        assert_true(++parts < 500);
    } while (*cursor);
    assert_true(empty > 0); /* the work of a part is bounded, too */
    for (int i = 0; i < PEERS; i += 20) {
        snprintf(text, sizeof text, "to %d", i);
        assert_true(has_text(all, "messages", "text", text));
        snprintf(text, sizeof text, "from %d", i);
        assert_true(has_text(all, "messages", "text", text));
    }
    assert_true(has_text(all, "messages", "text", "let in"));
    assert_false(has_text(all, "messages", "text", "withheld"));
    each_call_once(all, CALLS);
    json_decref(all);
}

/* Each statement that export, retention and history have run goes by an index and sorts nothing. */
static void plans(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob"), id;
    const struct retention keep = {DAY, DAY, DAY, DAY, DAY};
    uint8_t other[CALL_ID_SIZE];
    bool more;
    fill_device(store, alice, "phone", "push");
    OK(store_message_add(store, alice, bob, "words", NOW, true, &id));
    struct call_row call = a_call(1, alice, bob);
    OK(store_call_insert(store, &call, other));
    json_t *all = json_object();
    exported(store, alice, all);
    json_decref(all);
    OK(store_retention(store, &keep, NOW, &more));
    size_t looked = 0;
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        const char *sql = store->statements[i].sql;
        if (!sql ||
            (strncmp(sql, "SELECT", 6) && strncmp(sql, "DELETE", 6) && strncmp(sql, "UPDATE", 6)))
            continue;
        char explain[2048];
        snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
        sqlite3_stmt *stmt = NULL;
        assert_int_equal(sqlite3_prepare_v2(store->db, explain, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(stmt, 3);
            static const char *const fine[] = {"SCAN schema_version", "SCAN change",
                                               "SCAN sqlite_master",  "SCAN q",
                                               "SCAN CONSTANT",       "SCAN (subquery"};
            bool sorts = strstr(plan, "TEMP B-TREE") != NULL,
                 scans = strncmp(plan, "SCAN ", 5) == 0;
            for (size_t k = 0; k < sizeof fine / sizeof *fine && scans; k++)
                scans = strncmp(plan, fine[k], strlen(fine[k])) != 0;
            if (sorts || scans)
                fail_msg("%s: %s", plan, sql);
            looked++;
        }
        sqlite3_finalize(stmt);
    }
    assert_true(looked > 30);
}

/* --- retention -------------------------------------------------------------------------------------- */

/* More sessions and buckets than one call looks at: all come to their turn, and those that are good stay. */
static void retention_in_steps(void **state)
{
    struct store *store = *state;
    enum { SESSIONS = 3500 };
    const struct retention keep = {0};
    int64_t alice = account(store, "alice"), left = 0;
    uint8_t token[HASH_SIZE];
    bool more;
    OK(store_begin(store));
    for (int i = 0; i < SESSIONS; i++) {
        memset(token, 0, sizeof token);
        memcpy(token, &(uint32_t){(uint32_t)i * 2654435761u}, 4);
        OK(store_session_add(store, token, alice + i, 1, i % 3 ? NOW + DAY : NOW + 100 * DAY));
        struct bucket_row bucket = {
            {(uint64_t)i * 0x9e3779b97f4a7c15u, (uint64_t)i}, 1, i % 3 ? NOW : NOW + 99 * DAY};
        OK(store_buckets_save(store, &bucket, 1));
    }
    OK(store_commit(store));
    for (int i = 0; i < 5; i++)
        OK(store_retention(store, &keep, NOW + 50 * DAY, &more));
    OK(db_get(store, &left, "SELECT count(*) FROM session", ""));
    assert_int_equal(left, (SESSIONS + 2) / 3);
    OK(db_get(store, &left, "SELECT count(*) FROM bucket", ""));
    assert_int_equal(left, (SESSIONS + 2) / 3);
    for (int i = 0; i < 10; i++) /* round after round */
        OK(store_retention(store, &keep, NOW + 200 * DAY, &more));
    OK(db_get(store, &left, "SELECT count(*) FROM session", ""));
    assert_int_equal(left, 0);
    OK(db_get(store, &left, "SELECT count(*) FROM bucket", ""));
    assert_int_equal(left, 0);
}

static void retention(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob"), id, count_of;
    const struct retention keep = {10 * DAY, 20 * DAY, 30 * DAY, 40 * DAY, 50 * DAY},
                           for_ever = {0};
    uint8_t other[CALL_ID_SIZE];
    bool more;
    size_t count;
    for (int i = 0; i < 1000; i++) {
        struct call_row call = a_call(i, alice, bob);
        call.state = CALL_ENDED;
        OK(store_call_insert(store, &call, other));
    }
    struct call_row live = a_call(5000, alice, bob);
    OK(store_call_insert(store, &live, other));
    OK(store_message_add(store, alice, bob, "OLD-MESSAGE", NOW, true, &id));
    OK(store_report_add(store, alice, bob, NULL, "spam", "OLD-REPORT", NOW));
    OK(store_change_add(store, CHANGE_POLICY, 0, 0, NOW));
    struct decision decision = {.at_ms = NOW};
    OK(store_decision_add(store, &decision));
    fill_device(store, bob, "old", "old");
    OK(store_retention(store, &for_ever, NOW + 1, &more));
    assert_false(more);
    struct history_row rows[2];
    struct decision decisions[2];
    OK(store_retention(store, &keep, NOW + 11 * DAY, &more));
    assert_true(more); /* a bounded piece at a time */
    for (int i = 0; i < 10 && more; i++)
        OK(store_retention(store, &keep, NOW + 11 * DAY, &more));
    assert_false(more);
    OK(store_history(store, alice, 0, rows, 2, &count));
    assert_int_equal(count, 0);
    OK(store_calls_live(store, 0, &live.id, 1, &count));
    assert_int_equal(count, 1); /* a live call stays, however old */
    struct device devices[DEVICES_MAX];
    OK(store_device_list(store, bob, devices, &count));
    assert_int_equal(count, 0); /* its session has expired */
    OK(store_decision_list(store, 0, decisions, 2, &count, &id));
    assert_int_equal(count, 1);
    OK(store_change_last(store, &count_of));
    assert_int_equal(count_of, 0);
    OK(store_change_add(store, CHANGE_POLICY, 0, 0, NOW));
    OK(store_change_last(store, &count_of));
    assert_int_equal(count_of, 2); /* numbers go on rising */
    assert_true(in_bytes(fixture_path, "OLD-MESSAGE"));
    OK(store_retention(store, &keep, NOW + 60 * DAY, &more));
    assert_false(in_bytes(fixture_path, "OLD-MESSAGE"));
    assert_false(in_bytes(fixture_path, "OLD-REPORT"));
    OK(store_decision_list(store, 0, decisions, 2, &count, &id));
    assert_int_equal(count, 0);
    struct gate_row row;
    OK(store_gate_row(store, alice, "bob", &row));
    assert_true(row.caller_sent); /* that she wrote stays known */
}

/* --- backup ----------------------------------------------------------------------------------------- */

static void backup(void **state)
{
    struct store *store = *state;
    char path[96];
    struct account seen;
    snprintf(path, sizeof path, "%s-backup", fixture_path);
    account(store, "alice");
    OK(store_account_delete(store, account(store, "marker_name"), NOW));
    OK(store_backup(store, path));
    account(store, "later");
    struct store *copy = fixture_again(path);
    OK(store_account_by_name(copy, "alice", &seen));
    IS(NONE, store_account_by_name(copy, "later", &seen));
    store_close(copy);
    assert_false(in_bytes(path, "marker_name"));
    IS(CONFLICT, store_backup(store, path)); /* nothing is written over */
    assert_non_null(strstr(store_error(store), "exists"));
    IS(FAILED, store_backup(store, "/nowhere/at/all"));
    fixture_remove(path);
}

/* --- migrations ------------------------------------------------------------------------------------- */

static int migrate(struct store *store, const struct migration *all, unsigned count,
                   char error[300])
{
    return store_migrate(store, all, count, NOW, error, 300);
}

static struct store *raw(const char *path)
{
    struct store *store = calloc(1, sizeof *store);
    assert_int_equal(sqlite3_open(path, &store->db), SQLITE_OK);
    return store;
}

/* Every version that ever was, with data, to the newest: the file is made by the first n of them. */
static void every_version(void **state)
{
    (void)state;
    char path[] = "/tmp/xcalld-migrate-XXXXXX", error[300];
    struct account seen;
    for (unsigned n = 1; n <= store_migrations_count; n++) {
        strcpy(path + strlen(path) - 6, "XXXXXX");
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        struct store *old = raw(path);
        OK(migrate(old, store_migrations, n, error));
        assert_int_equal(sqlite3_exec(old->db,
                                      "INSERT INTO account(handle,created_ms) VALUES('alice',1),"
                                      "('bob',2);"
                                      "INSERT INTO message(src,dst,at_ms,delivered,body)"
                                      " VALUES(1,2,3,1,'kept');"
                                      "INSERT INTO policy(key,value,at_ms) VALUES('kill','on',1)",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        store_close(old);
        struct store *store = fixture_again(path);
        OK(store_account_by_name(store, "bob", &seen));
        assert_int_equal(seen.id, 2);
        struct message message;
        size_t count;
        OK(store_message_list(store, 1, 2, 0, &message, 1, &count));
        assert_string_equal(message.text, "kept");
        char value[8];
        OK(store_policy_get(store, "kill", value, sizeof value));
        store_close(store);
        fixture_remove(path);
    }
}

static void migrations(void **state)
{
    struct store *store = *state;
    char error[512];
    struct migration more[8];
    unsigned count = store_migrations_count;
    memcpy(more, store_migrations, count * sizeof *more);
    more[count] = (struct migration){
        "ALTER TABLE account ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'", {1}};
    more[count + 1] = (struct migration){"CREATE TABLE half(x INTEGER); SELECT nonsense", {2}};
    account(store, "alice");
    OK(migrate(store, more, count + 1, error));
    int64_t value = 0;
    OK(db_get(store, &value, "SELECT count(*) FROM account WHERE colour='none'", ""));
    assert_int_equal(value, 1);
    /* one that fails leaves nothing behind, and says which it was */
    IS(FAILED, migrate(store, more, count + 2, error));
    assert_non_null(strstr(error, "migration 000"));
    OK(db_get(store, &value, "SELECT count(*) FROM sqlite_master WHERE name='half'", ""));
    assert_int_equal(value, 0);
    OK(migrate(store, more, count + 1, error)); /* nothing to do */
    /* the file is now newer than this program */
    struct store *refused = NULL;
    IS(FAILED, store_open(fixture_path, &refused, error, sizeof error));
    assert_non_null(strstr(error, "too old"));
    assert_null(refused);
    more[count].sha[0] ^= 1;
    IS(FAILED, migrate(store, more, count + 1, error));
    assert_non_null(strstr(error, "another history"));
}

static void strange_files(void **state)
{
    (void)state;
    char path[] = "/tmp/xcalld-strange-XXXXXX", error[512];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct store *store = raw(path);
    sqlite3_exec(store->db, "CREATE TABLE recipes(x)", NULL, NULL, NULL);
    store_close(store);
    IS(FAILED, store_open(path, &store, error, sizeof error));
    assert_non_null(strstr(error, "not a store"));
    static const char text[8192] = "this is no database, but it is long enough to be taken for one";
    assert_int_equal(pwrite(fd, text, sizeof text, 0), sizeof text);
    close(fd);
    IS(FAILED, store_open(path, &store, error, sizeof error));
    assert_non_null(strstr(error, path));
    fixture_remove(path);
    IS(FAILED, store_open("/nowhere/at/all", &store, error, sizeof error));
    OK(store_open(":memory:", &store, error, sizeof error));
    account(store, "alice");
    store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(deletion),
        TEST(deletion_with_reader),
        TEST(deletion_stays_so),
        TEST(deletion_of_before),
        TEST(export_parts),
        TEST(odd_cursors),
        TEST(export_while_written),
        TEST(plans),
        TEST(retention),
        TEST(retention_in_steps),
        TEST(auto_vacuum),
        TEST(undo_to_a_mark),
        TEST(backup),
        TEST(every_version),
        TEST(migrations),
        TEST(strange_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
