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
    int tries = 0;
    for (; store->emptied == emptied && tries < 1500; tries++) {
        a_moment();
        OK(store_begin(store));
        OK(store_commit(store));
    }
    assert_true(tries < 1500);
    assert_false(in_bytes(fixture_path, "marker_name"));
    for (int i = 0; i < 200; i++) { /* pages that were in memory all the time */
        snprintf(name, sizeof name, "c%d_someone", i);
        account(store, name);
    }
    assert_false(in_bytes(fixture_path, "marker_name"));
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
    const struct CMUnitTest tests[] = {TEST(moves), TEST(empties), TEST(cannot_start), TEST(stops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
