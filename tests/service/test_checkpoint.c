/* test_checkpoint.c - the thread that moves the log into the file: it works beside the store, empties the log after
 * a deletion once nobody is in the way, says why it cannot start, and stops at any time.
 * SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <sys/stat.h>
#include <time.h>

#include "checkpoint.h"
#include "store_private.h"

static void a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static struct checkpointer *beside(struct store *store)
{
    char error[200] = "";
    struct checkpointer *checkpointer = checkpointer_start(fixture_path, error, sizeof error);
    if (!checkpointer)
        fail_msg("%s", error);
    struct store_keeper keeper = checkpointer_keeper(checkpointer);
    OK(store_checkpointed(store, &keeper));
    return checkpointer;
}

/* Until the log was emptied again; batches come one after the other. */
static void wait_for_empty(struct store *store, uint64_t emptied)
{
    int tries = 0;
    for (; store->emptied == emptied && tries < 1500; tries++) {
        a_moment();
        OK(store_begin(store));
        OK(store_commit(store));
    }
    assert_true(tries < 1500);
}

static void gone(struct store *store, struct checkpointer *checkpointer)
{
    store->keeper = (struct store_keeper){0};
    checkpointer_stop(checkpointer);
}

/* The file alone, without its log, has the row after a while. */
static bool in_file(const char *text)
{
    char name[64], copy[64];
    snprintf(name, sizeof name, "%s-wal", fixture_path);
    snprintf(copy, sizeof copy, "%s-aside", fixture_path);
    assert_int_equal(rename(name, copy), 0);
    bool found = in_bytes(fixture_path, text);
    assert_int_equal(rename(copy, name), 0);
    return found;
}

static void moves(void **state)
{
    struct store *store = *state;
    struct checkpointer *checkpointer = beside(store);
    account(store, "in_the_file_soon");
    int tries = 0;
    while (!in_file("in_the_file_soon") && ++tries < 1500)
        a_moment();
    assert_true(tries < 1500);
    gone(store, checkpointer);
}

static void empties(void **state)
{
    struct store *store = *state;
    char name[40];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "a%d_someone", i);
        account(store, name);
    }
    int64_t id = account(store, "marker_name");
    struct checkpointer *checkpointer = beside(store);
    wait_for_empty(store, 0); /* the one at the start */
    struct store *reader = fixture_again(fixture_path);
    sqlite3_exec(reader->db, "BEGIN; SELECT count(*) FROM account", NULL, NULL, NULL);
    uint64_t emptied = store->emptied;
    OK(store_begin(store));
    OK(store_account_delete(store, id, NOW));
    OK(store_commit(store));
    for (int i = 0; i < 20; i++) { /* a reader is in the way; the service goes on */
        OK(store_begin(store));
        snprintf(name, sizeof name, "b%d_someone", i);
        account(store, name);
        OK(store_commit(store));
        a_moment();
    }
    assert_int_equal(store->emptied, emptied);
    sqlite3_exec(reader->db, "COMMIT", NULL, NULL, NULL);
    store_close(reader);
    wait_for_empty(store, emptied);
    assert_false(in_bytes(fixture_path, "marker_name"));
    for (int i = 0; i < 200; i++) { /* pages that were in memory all the time */
        snprintf(name, sizeof name, "c%d_someone", i);
        account(store, name);
    }
    assert_false(in_bytes(fixture_path, "marker_name"));
    gone(store, checkpointer);
}

/* Whoever deleted was killed after the commit: the next start empties the log. Then somebody else deletes and
 * does not come to it: whoever follows that says so. */
static void empties_for_others(void **state)
{
    struct store *store = *state, *other = fixture_again(fixture_path);
    int64_t first = account(store, "marker_one"), second = account(store, "marker_two");
    OK(store_begin(store));
    OK(store_account_delete(store, first, NOW));
    store->scrub = false;
    OK(store_commit(store));
    assert_true(in_bytes(fixture_path, "marker_one"));
    struct checkpointer *checkpointer = beside(store);
    wait_for_empty(store, 0);
    assert_false(in_bytes(fixture_path, "marker_one"));
    OK(store_begin(other));
    OK(store_message_add(other, second, second, "marker_two writes", NOW, true, &first));
    OK(store_account_delete(other, second, NOW));
    other->scrub = false;
    OK(store_commit(other));
    assert_true(in_bytes(fixture_path, "marker_two"));
    uint64_t emptied = store->emptied;
    store_scrub(store);
    wait_for_empty(store, emptied);
    assert_false(in_bytes(fixture_path, "marker_two"));
    gone(store, checkpointer);
    store_close(other);
}

/* Batches without a pause between them, each with something of its own to write: there is a moment all the same. */
static void empties_under_load(void **state)
{
    struct store *store = *state;
    struct checkpointer *checkpointer = beside(store);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (time_t end = now.tv_sec + 30; store->emptied == 0 && now.tv_sec < end;) {
        OK(store_begin(store));
        OK(store_change_add(store, CHANGE_POLICY, 0, 0, NOW));
        OK(store_commit(store));
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    assert_true(store->emptied > 0);
    gone(store, checkpointer);
}

static void cannot_start(void **state)
{
    (void)state;
    char error[200] = "", path[] = "/tmp/xcalld-checkpoint-XXXXXX";
    assert_null(checkpointer_start("/nowhere/at/all", error, sizeof error));
    assert_non_null(strstr(error, "open"));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[8192] = "no database at all, but long enough to be taken for one";
    assert_int_equal(pwrite(fd, text, sizeof text, 0), sizeof text);
    close(fd);
    error[0] = '\0';
    assert_null(checkpointer_start(path, error, sizeof error));
    assert_true(error[0] != '\0');
    unlink(path);
    checkpointer_stop(NULL);
}

/* While it has work, while it is told to empty, and while a transaction is open. */
static void stops(void **state)
{
    struct store *store = *state;
    char name[40];
    for (int round = 0; round < 20; round++) {
        struct checkpointer *checkpointer = beside(store);
        OK(store_begin(store));
        for (int i = 0; i < 20; i++) {
            snprintf(name, sizeof name, "r%d_%d", round, i);
            account(store, name);
        }
        if (round % 2)
            store->keeper.empty(store->keeper.context);
        if (round % 3 == 0)
            OK(store_commit(store));
        checkpointer_stop(checkpointer);
        store->keeper = (struct store_keeper){0};
        if (round % 3)
            OK(store_commit(store));
    }
    int64_t count = 0;
    OK(db_get(store, &count, "SELECT count(*) FROM account", ""));
    assert_int_equal(count, 400);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(moves),        TEST(empties), TEST(empties_for_others), TEST(empties_under_load),
        TEST(cannot_start), TEST(stops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
