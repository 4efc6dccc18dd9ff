/* test_store_delete.c - a deleted account's rows go in bounded steps: what others see meanwhile is what they see
 * afterwards, a process that is killed in between leaves it to the next one, and nothing is left in the
 * end, which is searched for in the file's bytes. SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <xcall/gate.h>
#include <xcall/life.h>

#include "store_private.h"

#define MESSAGES 20000
#define OTHERS 40
#define MARK "MARKER-WORDS"

static int64_t rows(struct store *store, const char *sql, int64_t user)
{
    int64_t count = -1;
    OK(db_get(store, &count, sql, "i", user));
    return count;
}

/* Every table and column in which its number may not be left. */
static int64_t rows_left(struct store *store, int64_t user)
{
    static const char *const all[] = {
        "SELECT count(*) FROM account WHERE id=?1",
        "SELECT count(*) FROM device WHERE user_id=?1",
        "SELECT count(*) FROM session WHERE user_id=?1",
        "SELECT count(*) FROM call_settings WHERE user_id=?1",
        "SELECT count(*) FROM rollout_account WHERE user_id=?1",
        "SELECT count(*) FROM message WHERE src=?1 OR dst=?1",
        "SELECT count(*) FROM chat WHERE user_id=?1 OR peer_id=?1",
        "SELECT count(*) FROM follow WHERE src=?1 OR dst=?1",
        "SELECT count(*) FROM contact WHERE src=?1 OR dst=?1",
        "SELECT count(*) FROM block WHERE src=?1",
        "SELECT count(*) FROM called WHERE src=?1",
        "SELECT count(*) FROM erasing WHERE user_id=?1",
        "SELECT count(*) FROM report WHERE (by_user=?1 OR about=?1) AND body<>''",
        "SELECT count(*) FROM call c JOIN call_body b ON b.call_id=c.id"
        " WHERE c.state<9 AND ?1 IN (c.caller,c.callee)",
        "SELECT count(*) FROM decision_log WHERE caller=?1 AND net_hash<>zeroblob(16)",
    };
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sum += rows(store, all[i], user);
    return sum;
}

struct people {
    int64_t marked, others[OTHERS];
};

static void fill_edges(struct store *store, const struct people *people, int i)
{
    int64_t marked = people->marked, other = people->others[i];
    struct decision decision = {.at_ms = NOW + i / 3, .caller = marked, .callee = other};
    struct call_row call = a_call(i, marked, other);
    uint8_t none[CALL_ID_SIZE];
    memset(decision.network, 0x77, sizeof decision.network);
    OK(store_edge_set(store, EDGE_FOLLOW, marked, other, true, NOW));
    OK(store_edge_set(store, EDGE_FOLLOW, other, marked, true, NOW));
    OK(store_edge_set(store, EDGE_CONTACT, marked, other, true, NOW));
    OK(store_edge_set(store, EDGE_CONTACT, other, marked, true, NOW));
    OK(store_edge_set(store, EDGE_FOLLOW, other, people->others[(i + 1) % OTHERS], true, NOW));
    OK(store_edge_set(store, EDGE_BLOCK, i % 2 ? marked : other, i % 2 ? other : marked, true,
                      NOW));
    OK(store_report_add(store, marked, other, NULL, "spam", MARK " of it", NOW + i / 3));
    OK(store_report_add(store, other, marked, NULL, "spam", MARK " about it", NOW + i / 3));
    OK(store_decision_add(store, &decision));
    if (i == 7) { /* one that comes in, and two that live: the server was not there to end them */
        call.caller = other;
        call.callee = marked;
    }
    call.offer = MARK;
    call.state = i == 6 || i == 7 ? CALL_RINGING : CALL_ENDED;
    call.accept_ms = NOW + 10;
    OK(store_call_insert(store, &call, none));
}

/* One account with very much of everything among others who have something too. */
static void fill(struct store *store, struct people *people, int messages)
{
    char text[400];
    uint8_t token[HASH_SIZE] = {0};
    int64_t id;
    int32_t dev;
    OK(store_begin(store));
    OK(store_account_add(store, "marker_name", "MARKER-PASSWORD", NOW, &people->marked));
    for (int i = 0; i < OTHERS; i++) {
        snprintf(text, sizeof text, "other%d", i);
        people->others[i] = account(store, text);
    }
    OK(store_device_add(store, people->marked, MARK, NOW, &dev));
    memset(token, 0x33, sizeof token);
    OK(store_session_add(store, token, people->marked, dev, NOW + 1000000));
    struct call_settings settings = {.enabled = true, .everyone = true, .quiet_from_min = -1};
    OK(store_settings_set(store, people->marked, &settings));
    for (int i = 0; i < messages; i++) {
        int64_t other = people->others[i % OTHERS];
        memset(text, 'x', sizeof text);
        snprintf(text, sizeof text, MARK " %d", i);
        text[strlen(text)] = ' ';
        text[30 + i * 7 % 300] = '\0';
        OK(store_message_add(store, i % 3 ? people->marked : other, i % 3 ? other : people->marked,
                             text, NOW + i, i % 7 != 0, &id));
        if (i % 20 == 0)
            OK(store_message_add(store, other, people->others[i / 20 % OTHERS], "others' own",
                                 NOW + i, true, &id));
    }
    for (int i = 0; i < OTHERS; i++)
        fill_edges(store, people, i);
    OK(store_commit(store));
}

/* --- what somebody else can see ------------------------------------------------------------------- */

static void add(json_t *all, const char *what, json_t *value)
{
    json_object_set_new(all, what, value);
}

static json_t *seen_chats(struct store *store, int64_t user)
{
    struct chat chats[60];
    size_t count;
    json_t *all = json_array();
    OK(store_chat_list(store, user, 0, chats, 60, &count));
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, json_pack("{s:s,s:I,s:i}", "peer", chats[i].peer, "msg",
                                             (json_int_t)chats[i].message, "unread",
                                             (int)chats[i].unread));
    return all;
}

static json_t *seen_export(struct store *store, int64_t user)
{
    char cursor[EXPORT_CURSOR_SIZE] = "";
    json_t *all = json_array();
    do {
        char *text = NULL;
        OK(store_account_export(store, user, cursor, &text));
        json_t *part = json_loads(text, 0, NULL);
        if (json_object_size(part) > 0) /* one may be a pause only */
            json_array_append(all, part);
        json_decref(part);
        free(text);
    } while (*cursor);
    return all;
}

static json_t *seen_history(struct store *store, int64_t user)
{
    struct history_row history[50];
    size_t count;
    json_t *all = json_array();
    OK(store_history(store, user, 0, history, 50, &count));
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            all, json_pack("{s:s,s:b}", "peer", history[i].peer, "missed", history[i].missed));
    return all;
}

static json_t *seen_gate(struct store *store, int64_t user)
{
    struct gate_row row;
    OK(store_gate_row(store, user, "marker_name", &row));
    return json_pack("[b,b,b,b,b,b,b,b,b,b,b,b,I]", row.callee.id != 0, row.callee_gone,
                     row.callee_blocks, row.caller_blocks, row.callee_follows, row.caller_follows,
                     row.callee_has_contact, row.caller_has_contact, row.caller_sent,
                     row.caller_delivered, row.callee_sent, row.callee_settings.everyone,
                     (json_int_t)row.callee_settings.epoch);
}

static json_t *seen_figures(struct store *store)
{
    struct guard_figures figures;
    OK(store_guard_figures(store, "calls.make", 0, &figures));
    return json_pack("[I,I,I,I,I]", (json_int_t)figures.calls, (json_int_t)figures.accepted,
                     (json_int_t)figures.reports, (json_int_t)figures.cohorts[0].calls,
                     (json_int_t)figures.cohorts[1].calls);
}

/* As text: what was seen twice is compared. */
static char *seen(struct store *store, int64_t user)
{
    json_t *all = json_object(), *edges = json_array();
    struct account account;
    int64_t id, number;
    add(all, "chats", seen_chats(store, user));
    add(all, "export", seen_export(store, user));
    add(all, "history", seen_history(store, user));
    add(all, "gate", seen_gate(store, user));
    add(all, "figures", seen_figures(store));
    for (int kind = EDGE_FOLLOW; kind <= EDGE_BLOCK; kind++) {
        char names[60][NAME_MAX_BYTES + 1];
        size_t count;
        OK(store_edge_count(store, kind, user, &number));
        json_array_append_new(edges, json_integer(number));
        OK(store_edge_list(store, kind, user, "", names, 60, &count));
        for (size_t i = 0; i < count; i++)
            json_array_append_new(edges, json_string(names[i]));
    }
    add(all, "edges", edges);
    add(all, "name",
        json_integer(store_account_by_name(store, "marker_name", &account) +
                     10 * store_account_add(store, "marker_name", NULL, NOW, &id)));
    char *text = json_dumps(all, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(all);
    return text;
}

static void same(const char *one, const char *two)
{
    if (strcmp(one, two) == 0)
        return;
    size_t at = 0;
    while (one[at] == two[at])
        at++;
    size_t from = at > 100 ? at - 100 : 0;
    fail_msg("in between:\n%.300s\nin the end:\n%.300s", one + from, two + from);
}

/* --- tests ---------------------------------------------------------------------------------------- */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static void in_steps(void **state)
{
    struct store *store = *state;
    struct people people;
    int64_t asked_ms = 0, user, expires, bad = 0;
    uint8_t token[HASH_SIZE];
    int32_t dev;
    bool more = true;
    int steps = 0;
    double longest = 0;
    fill(store, &people, MESSAGES);
    assert_true(in_bytes(fixture_path, MARK) && in_bytes(fixture_path, "MARKER-PASSWORD"));
    char *before = seen(store, people.others[0]);
    assert_non_null(strstr(before, MARK));
    OK(store_begin(store));
    OK(store_account_delete(store, people.marked, NOW));
    OK(store_commit(store));
    memset(token, 0x33, sizeof token);
    IS(NONE, store_session_find(store, token, NOW, &user, &dev, &expires));
    IS(NONE, store_account_delete(store, people.marked, NOW));
    char *first = seen(store, people.others[0]), *second = seen(store, people.others[1]);
    assert_null(strstr(first, MARK));
    assert_null(strstr(second, MARK));
    assert_non_null(strstr(first, "others' own"));
    for (; more; steps++) {
        int changes = sqlite3_total_changes(store->db);
        double start = now_ms();
        OK(store_begin(store));
        OK(store_erase(store, &asked_ms, &more));
        OK(store_commit(store));
        longest = now_ms() - start > longest ? now_ms() - start : longest;
        assert_in_range(sqlite3_total_changes(store->db) - changes, 1, ERASE_ROWS + 1);
        assert_true(!more == (asked_ms == NOW));
        if (steps % 25 == 0 || !more) {
            char *one = seen(store, people.others[0]), *two = seen(store, people.others[1]);
            same(one, first);
            same(two, second);
            free(one);
            free(two);
        }
        assert_true(steps < 2 * MESSAGES / ERASE_ROWS);
    }
    print_message("%d steps, the longest %.1f ms\n", steps, longest);
    assert_true(steps >= MESSAGES / ERASE_ROWS);
    assert_int_equal(rows_left(store, people.marked), 0);
    assert_int_equal(
        rows(store, "SELECT count(*) FROM report WHERE about=?1 OR by_user=?1", people.marked),
        2 * OTHERS);
    assert_false(in_bytes(fixture_path, MARK));
    assert_false(in_bytes(fixture_path, "MARKER-PASSWORD"));
    assert_false(in_bytes(fixture_path, "marker_name"));
    OK(db_get(store, &bad,
              "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check<>'ok'", ""));
    assert_int_equal(bad, 0);
    free(before);
    free(first);
    free(second);
}

/* Of the service's process: after each step a byte. */
static void erase_until_killed(struct store *store, int64_t user, int to)
{
    int64_t asked_ms;
    bool more = true;
    if (store_account_delete(store, user, NOW) != STORE_OK)
        _exit(2);
    while (more) {
        if (write(to, "x", 1) != 1 || store_begin(store) != STORE_OK ||
            store_erase(store, &asked_ms, &more) != STORE_OK || store_commit(store) != STORE_OK)
            _exit(2);
    }
    _exit(3); /* it was to be killed before */
}

/* kill -9 in the middle of it, in whatever: the next one goes on where it was, and comes to its end. */
static void killed(void **state)
{
    struct people people;
    int pipes[2], status = 0;
    char byte;
    fill(*state, &people, MESSAGES);
    store_close(*state); /* SQLite's locks do not go over to a child */
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        erase_until_killed(fixture_again(fixture_path), people.marked, pipes[1]);
    close(pipes[1]);
    for (int i = 0; i < 12; i++)
        assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(pipes[0]);
    assert_true(WIFSIGNALED(status));
    struct store *store = *state = fixture_again(fixture_path);
    assert_int_equal(rows(store, "SELECT count(*) FROM erasing WHERE user_id=?1", people.marked),
                     1);
    assert_true(in_bytes(fixture_path, MARK));
    char *between = seen(store, people.others[0]);
    assert_null(strstr(between, MARK));
    int64_t left = rows(store, "SELECT count(*) FROM message WHERE src=?1", people.marked);
    assert_in_range(left, 1, MESSAGES * 2 / 3 - 11 * ERASE_ROWS);
    erase_all(store);
    char *end = seen(store, people.others[0]);
    same(between, end);
    assert_int_equal(rows_left(store, people.marked), 0);
    assert_false(in_bytes(fixture_path, MARK));
    assert_false(in_bytes(fixture_path, "marker_name"));
    free(between);
    free(end);
}

/* A small one is through with the request, whatever is left of a big one; big ones go one after the other. */
static void one_after_the_other(void **state)
{
    struct store *store = *state;
    int64_t ids[3], bob = account(store, "bob"), id, asked_ms;
    static const char *const names[] = {"first", "second", "small"};
    bool more = true;
    int finished = 0;
    OK(store_begin(store));
    for (int i = 0; i < 3; i++) {
        ids[i] = account(store, names[i]);
        for (int n = 0; n < (i == 2 ? ERASE_ROWS / 2 - 10 : 5 * ERASE_ROWS); n++)
            OK(store_message_add(store, ids[i], bob, names[i], NOW, true, &id));
    }
    OK(store_commit(store));
    for (int i = 0; i < 3; i++) /* the later number first: their order is that of the requests */
        OK(store_account_delete(store, ids[i == 2 ? 2 : 1 - i], NOW + i));
    assert_int_equal(rows_left(store, ids[2]), 0);
    assert_true(rows_left(store, ids[0]) > 0 && rows_left(store, ids[1]) > 0);
    while (more) {
        OK(store_erase(store, &asked_ms, &more));
        if (asked_ms) {
            assert_int_equal(asked_ms, NOW + finished++);
            assert_int_equal(rows_left(store, ids[1]), 0);
            assert_true((rows_left(store, ids[0]) > 0) == more);
        }
    }
    assert_int_equal(finished, 2);
    OK(store_erase(store, &asked_ms, &more));
    assert_true(!more && asked_ms == 0);
    /* Somebody wrote for it who did not know. */
    OK(store_message_add(store, ids[0], bob, "afterwards", NOW, true, &id));
    OK(store_erase_again(store, ids[0], NOW));
    OK(store_erase_again(store, ids[0], NOW + 1));
    assert_int_equal(erase_all(store), 1);
    assert_int_equal(rows_left(store, ids[0]), 0);
    assert_false(in_bytes(fixture_path, "afterwards"));
}

/* Rows that stay, without words: many in the same millisecond, and others' among them. */
static void windows(void **state)
{
    struct store *store = *state;
    enum { ROWS = 3 * ERASE_ROWS };
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    int64_t carol = account(store, "carol");
    struct decision decision = {.callee = bob};
    memset(decision.network, 0x77, sizeof decision.network);
    OK(store_begin(store));
    for (int i = 0; i < ROWS; i++) {
        OK(store_report_add(store, alice, bob, NULL, "spam", i % 2 ? MARK : "", NOW + i / 250));
        OK(store_report_add(store, bob, alice, NULL, "spam", MARK, NOW - i / 250));
        OK(store_report_add(store, bob, carol, NULL, "spam", "stays", NOW));
        for (int who = 0; who < 2; who++) {
            decision.caller = who ? carol : alice;
            decision.at_ms = NOW + i % 2;
            OK(store_decision_add(store, &decision));
        }
    }
    OK(store_commit(store));
    OK(store_account_delete(store, alice, NOW));
    int steps = erase_all(store);
    assert_in_range(steps, 8, 10);
    assert_int_equal(rows_left(store, alice), 0);
    assert_int_equal(
        rows(store, "SELECT count(*) FROM report WHERE about=?1 AND body='stays'", carol), ROWS);
    assert_int_equal(rows(store, "SELECT count(*) FROM report WHERE about=?1", alice), ROWS);
    assert_int_equal(rows(store,
                          "SELECT count(*) FROM decision_log WHERE caller=?1"
                          " AND hex(net_hash)='77777777777777777777777777777777'",
                          carol),
                     ROWS);
    assert_false(in_bytes(fixture_path, MARK));
}

/* A step that is undone with others before it kept, and the batch that holds it. */
static void undone(void **state)
{
    struct store *store = *state;
    struct people people;
    int64_t id, asked_ms;
    bool more;
    fill(store, &people, 3000);
    OK(store_begin(store));
    OK(store_account_delete(store, people.marked, NOW));
    size_t mark = store_mark(store);
    OK(store_erase(store, &asked_ms, &more));
    OK(store_undo_to(store, mark));
    OK(store_erase(store, &asked_ms, &more));
    OK(store_erase(store, &asked_ms, &more));
    OK(store_undo_to(store, store_mark(store))); /* all of it again */
    OK(store_commit(store));
    assert_int_equal(
        rows(store, "SELECT count(*) FROM message WHERE ?1 IN (src,dst)", people.marked),
        3000 + 1 - 3 * ERASE_ROWS); /* and a device */
    OK(store_begin(store));
    while (more)
        OK(store_erase(store, &asked_ms, &more));
    store_rollback(store);
    OK(store_erase(store, &asked_ms, &more));
    assert_true(more);
    OK(store_begin(store));
    OK(store_message_add(store, people.others[0], people.others[1], "words", NOW, true, &id));
    mark = store_mark(store);
    while (more)
        OK(store_erase(store, &asked_ms, &more));
    OK(store_undo_to(store, mark));
    OK(store_commit(store));
    assert_true(erase_all(store) > 8);
    assert_int_equal(rows_left(store, people.marked), 0);
    assert_false(in_bytes(fixture_path, MARK));
}

/* A copy that is made meanwhile goes on with it. */
static void copied(void **state)
{
    struct store *store = *state;
    struct people people;
    char path[96];
    snprintf(path, sizeof path, "%s-backup", fixture_path);
    fill(store, &people, 2000);
    OK(store_account_delete(store, people.marked, NOW));
    OK(store_backup(store, path));
    assert_false(in_bytes(path, "marker_name"));
    struct store *copy = fixture_again(path);
    erase_all(copy);
    assert_int_equal(rows_left(copy, people.marked), 0);
    store_close(copy);
    assert_false(in_bytes(path, MARK));
    fixture_remove(path);
}

/* Each statement of a step goes by an index and sorts nothing. */
static void plans(void **state)
{
    struct store *store = *state;
    struct people people;
    int looked = 0;
    fill(store, &people, 500);
    OK(store_account_delete(store, people.marked, NOW));
    erase_all(store);
    for (sqlite3_stmt *one = sqlite3_next_stmt(store->db, NULL), *next; one; one = next) {
        char sql[2048];
        sqlite3_stmt *plan = NULL;
        const char *text = sqlite3_sql(one);
        next = sqlite3_next_stmt(store->db, one);
        if (strncmp(text, "DELETE", 6) != 0 && strncmp(text, "UPDATE report", 13) != 0 &&
            strncmp(text, "UPDATE decision", 15) != 0 && !strstr(text, "OFFSET"))
            continue;
        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", text);
        assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            if (strstr(step, "TEMP B-TREE") || strncmp(step, "SCAN", 4) == 0)
                fail_msg("%s: %s", text, step);
            if (strstr(text, ">(?2,?3)") && strncmp(step, "SEARCH", 6) == 0 && !strstr(step, ">?"))
                fail_msg("%s: %s", text, step); /* from the beginning each time */
            looked++;
        }
        sqlite3_finalize(plan);
    }
    assert_true(looked > 25);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(in_steps), TEST(killed), TEST(one_after_the_other), TEST(windows), TEST(undone),
        TEST(copied),   TEST(plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
