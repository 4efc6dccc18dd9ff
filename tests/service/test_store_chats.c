/* test_store_chats.c - conversations in xcalld's store: their order and pages, what is unread, requests, what a
 * block keeps back; that an index is all they need; deletion, export, retention, and the migration that
 * makes them of the messages that are there. SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <jansson.h>

#include "store_private.h"

#define DAY ((int64_t)86400000)

static struct chat chats[60];
static size_t count;

static int64_t write_at(struct store *store, int64_t from, int64_t to, const char *text, int64_t at)
{
    int64_t id;
    OK(store_message_add(store, from, to, text, at, true, &id));
    return id;
}

static int64_t write_to(struct store *store, int64_t from, int64_t to, const char *text)
{
    return write_at(store, from, to, text, NOW);
}

static void list(struct store *store, int64_t user)
{
    OK(store_chat_list(store, user, 0, chats, 60, &count));
}

static void order_and_unread(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    int64_t carol = account(store, "carol"), read;
    list(store, alice);
    assert_int_equal(count, 0);
    int64_t first = write_to(store, bob, alice, "one");
    write_to(store, carol, alice, "two");
    int64_t last = write_at(store, bob, alice, "three", NOW + 5);
    list(store, alice);
    assert_int_equal(count, 2);
    assert_string_equal(chats[0].peer, "bob");
    assert_string_equal(chats[0].text, "three");
    assert_int_equal(chats[0].message, last);
    assert_int_equal(chats[0].at_ms, NOW + 5);
    assert_false(chats[0].outgoing);
    assert_int_equal(chats[0].unread, 2);
    assert_string_equal(chats[1].peer, "carol");
    assert_int_equal(chats[1].unread, 1);
    list(store, bob); /* what one wrote is not unread */
    assert_int_equal(count, 1);
    assert_true(chats[0].outgoing);
    assert_int_equal(chats[0].unread, 0);

    OK(store_chat_read(store, alice, bob, first, &read));
    assert_int_equal(read, first);
    OK(store_chat_read(store, alice, bob, first, &read));
    assert_int_equal(read, 0); /* it was read already */
    list(store, alice);
    assert_int_equal(chats[0].unread, 1);
    OK(store_chat_read(store, alice, bob, INT64_MAX, &read));
    assert_int_equal(read, last);
    OK(store_chat_read(store, alice, bob, first, &read)); /* never back */
    assert_int_equal(read, 0);
    OK(store_chat_read(store, bob, carol, 1, &read)); /* they have no conversation */
    assert_int_equal(read, 0);
    list(store, alice);
    assert_int_equal(chats[0].unread, 0);
    write_to(store, alice, bob, "mine");
    write_to(store, bob, alice, "yours"); /* was not there when all was read */
    list(store, alice);
    assert_int_equal(chats[0].unread, 1);
    for (int i = 0; i < 150; i++)
        write_to(store, carol, alice, "more");
    list(store, alice);
    assert_string_equal(chats[0].peer, "carol");
    assert_int_equal(chats[0].unread, CHAT_UNREAD_MAX);
}

static void pages(void **state)
{
    struct store *store = *state;
    int64_t me = account(store, "me"), before = 0;
    char name[16];
    for (int i = 0; i < 57; i++) {
        snprintf(name, sizeof name, "n%02d", i);
        int64_t other = account(store, name);
        write_to(store, i % 2 ? me : other, i % 2 ? other : me, name);
    }
    for (int seen = 0; seen < 57;) {
        OK(store_chat_list(store, me, before, chats, 10, &count));
        assert_true(count == 10 || seen + (int)count == 57);
        for (size_t i = 0; i < count; i++, seen++) {
            snprintf(name, sizeof name, "n%02d", 56 - seen);
            assert_string_equal(chats[i].peer, name);
        }
        before = chats[count - 1].message;
    }
    OK(store_chat_list(store, me, before, chats, 10, &count));
    assert_int_equal(count, 0);
}

/* A block changes the blocker's list only by what does not come; the sender's own is as any other. */
static void requests_and_blocks(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob"), id;
    write_to(store, bob, alice, "may I?");
    list(store, alice);
    assert_true(chats[0].request);
    list(store, bob);
    assert_false(chats[0].request);
    for (int i = 0; i < 200; i++) {
        OK(store_message_add(store, bob, alice, "withheld", NOW + 1, false, &id));
    }
    list(store, alice);
    assert_string_equal(chats[0].text, "may I?");
    assert_int_equal(chats[0].unread, 1);
    list(store, bob);
    assert_string_equal(chats[0].text, "withheld");
    assert_int_equal(chats[0].message, id);
    OK(store_dm_edge_accept(store, bob, alice));
    list(store, alice);
    assert_false(chats[0].request);

    int64_t carol = account(store, "carol");
    write_to(store, carol, alice, "hello");
    OK(store_message_add(store, alice, carol, "who are you?", NOW, false, &id));
    list(store, alice); /* an answer is one, whether it came or not */
    assert_string_equal(chats[0].peer, "carol");
    assert_false(chats[0].request);
    int64_t dora = account(store, "dora"); /* nothing of hers ever came */
    OK(store_message_add(store, dora, alice, "withheld", NOW, false, &id));
    list(store, alice);
    assert_int_equal(count, 2);
    list(store, dora);
    assert_int_equal(count, 1);
}

static void long_texts(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    char text[400], wanted[400];
    for (size_t more = 0; more < 3; more++) { /* the euro sign has three bytes */
        memset(text, 'x', more);
        for (size_t i = 0; i < 60; i++)
            memcpy(text + more + i * 3, "\xe2\x82\xac", 4);
        write_to(store, bob, alice, text);
        list(store, alice);
        size_t length = strlen(chats[0].text);
        assert_in_range(length, CHAT_TEXT_MAX - 2, CHAT_TEXT_MAX);
        assert_int_equal((length - more) % 3, 0);
        memcpy(wanted, text, length);
        wanted[length] = '\0';
        assert_string_equal(chats[0].text, wanted);
    }
    memset(text, 'y', CHAT_TEXT_MAX);
    text[CHAT_TEXT_MAX] = '\0';
    write_to(store, bob, alice, text);
    list(store, alice);
    assert_string_equal(chats[0].text, text);
}

/* Of each statement as it is: no table is gone through, nothing of it is sorted. */
static void runs_from_an_index(void **state)
{
    struct store *store = *state;
    const struct retention keep = {.messages_ms = DAY};
    int64_t alice = account(store, "alice"), bob = account(store, "bob"), read;
    int looked = 0;
    bool more;
    write_to(store, bob, alice, "x");
    list(store, alice);
    OK(store_chat_read(store, alice, bob, 1, &read));
    OK(store_retention(store, &keep, NOW + 2 * DAY, &more));
    OK(store_account_delete(store, alice, NOW));
    for (sqlite3_stmt *one = sqlite3_next_stmt(store->db, NULL), *next; one; one = next) {
        char sql[2048];
        sqlite3_stmt *plan = NULL;
        next = sqlite3_next_stmt(store->db, one);
        const char *text = sqlite3_sql(one);
        if (!strstr(text, "FROM chat ") && !strstr(text, "UPDATE chat "))
            continue;
        looked++;
        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", text);
        assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            bool inner = strncmp(step, "SCAN (subquery", 14) == 0;
            if (strstr(step, "TEMP B-TREE") || (strstr(step, "SCAN") && !inner))
                fail_msg("%s: %s", text, step);
            if (strstr(step, " n "))
                assert_non_null(strstr(step, "COVERING INDEX message_got"));
        }
        sqlite3_finalize(plan);
    }
    assert_int_equal(looked, 7); /* the list, two of reading, two of retention, two of deletion */
}

static int64_t rows_of(struct store *store, int64_t user)
{
    int64_t rows = -1;
    OK(db_get(store, &rows, "SELECT count(*) FROM chat WHERE user_id=?1 OR peer_id=?1", "i", user));
    return rows;
}

static void deletion(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    int64_t carol = account(store, "carol"), id;
    write_to(store, alice, bob, "one");
    write_to(store, carol, alice, "two");
    write_to(store, carol, bob, "three");
    OK(store_message_add(store, bob, alice, "withheld", NOW, false, &id));
    OK(store_message_add(store, alice, carol, "withheld", NOW, false, &id));
    OK(store_account_delete(store, alice, NOW));
    assert_int_equal(rows_of(store, alice), 0);
    list(store, bob);
    assert_int_equal(count, 1);
    assert_string_equal(chats[0].peer, "carol");
    list(store, carol);
    assert_int_equal(count, 1);
}

static void export_marks(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    int64_t read, first = write_to(store, bob, alice, "one");
    int64_t last = write_to(store, bob, alice, "two");
    char cursor[EXPORT_CURSOR_SIZE] = "";
    json_t *found = NULL;
    OK(store_chat_read(store, alice, bob, first, &read));
    do {
        char *text = NULL;
        OK(store_account_export(store, alice, cursor, &text));
        json_t *part = json_loads(text, 0, NULL);
        if (json_object_get(part, "chats"))
            found = json_incref(json_object_get(part, "chats"));
        json_decref(part);
        free(text);
    } while (cursor[0]);
    assert_int_equal(json_array_size(found), 1);
    json_t *row = json_array_get(found, 0);
    assert_string_equal(json_string_value(json_object_get(row, "with")), "bob");
    assert_int_equal(json_integer_value(json_object_get(row, "last")), last);
    assert_int_equal(json_integer_value(json_object_get(row, "read")), first);
    json_decref(found);
}

/* A conversation goes with its newest message, and no earlier; in pieces, as messages do. */
static void retention(void **state)
{
    struct store *store = *state;
    const struct retention keep = {.messages_ms = 30 * DAY};
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    int64_t carol = account(store, "carol"), read;
    bool more = true;
    for (int i = 0; i < 900; i++)
        write_at(store, i % 2 ? bob : alice, i % 2 ? alice : bob, "old", NOW + i);
    write_at(store, carol, alice, "old", NOW + 2000);
    write_at(store, carol, alice, "new", NOW + 20 * DAY);
    int pieces = 0;
    for (; more && pieces < 20; pieces++)
        OK(store_retention(store, &keep, NOW + 31 * DAY, &more));
    assert_in_range(pieces, 3, 6);
    list(store, alice);
    assert_int_equal(count, 1);
    assert_string_equal(chats[0].peer, "carol");
    assert_int_equal(chats[0].unread, 1); /* what is not there any more is not counted */
    assert_int_equal(rows_of(store, bob), 0);
    OK(store_chat_read(store, alice, carol, INT64_MAX, &read));
    OK(store_retention(store, &keep, NOW + 60 * DAY, &more));
    assert_int_equal(rows_of(store, alice), 0);
    write_at(store, carol, alice, "again", NOW + 61 * DAY);
    list(store, alice);
    assert_int_equal(count, 1);
    assert_int_equal(chats[0].unread, 1);
}

/* A file that version 2 has written. */
static void migration(void **state)
{
    (void)state;
    char path[] = "/tmp/xcalld-chats-XXXXXX", error[300];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct store *old = calloc(1, sizeof *old);
    assert_int_equal(sqlite3_open(path, &old->db), SQLITE_OK);
    OK(store_migrate(old, store_migrations, 2, NOW, error, sizeof error));
    assert_int_equal(
        sqlite3_exec(
            old->db,
            "INSERT INTO account(handle,created_ms) VALUES('alice',1),('bob',2),('carol',3);"
            "INSERT INTO dm_edge(src,dst,first_ms,last_ms,n,delivered)"
            " VALUES(2,1,3,3,2,2),(3,1,4,4,1,0);"
            "INSERT INTO message(src,dst,at_ms,delivered,body)"
            " VALUES(2,1,3,1,'first'),(2,1,4,1,'second'),(3,1,5,0,'withheld')",
            NULL, NULL, NULL),
        SQLITE_OK);
    store_close(old);
    struct store *store = fixture_again(path);
    list(store, 1);
    assert_int_equal(count, 1);
    assert_string_equal(chats[0].text, "second");
    assert_int_equal(chats[0].unread, 0); /* nobody knows: it counts as read */
    assert_true(chats[0].request);
    list(store, 3);
    assert_int_equal(count, 1);
    write_to(store, 2, 1, "third");
    list(store, 1);
    assert_int_equal(chats[0].unread, 1);
    store_close(store);
    fixture_remove(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(order_and_unread),   TEST(pages),    TEST(requests_and_blocks), TEST(long_texts),
        TEST(runs_from_an_index), TEST(deletion), TEST(export_marks),        TEST(retention),
        TEST(migration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
