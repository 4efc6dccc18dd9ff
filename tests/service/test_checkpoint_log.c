/* test_checkpoint_log.c - what the thread that moves SQLite's log into its file does each second: a long log begins
 * anew, a writer in the middle and an old reader are left alone. SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <sqlite3.h>

#include "checkpoint.h"

#define LONG 100 /* frames */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

struct bases {
    sqlite3 *writer, *mover;
};

static sqlite3 *open_base(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
                                  "CREATE TABLE IF NOT EXISTS t(x)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

static int setup(void **state)
{
    static struct bases bases;
    snprintf(fixture_path, sizeof fixture_path, "/tmp/xcalld-test-XXXXXX");
    int fd = mkstemp(fixture_path);
    assert_true(fd >= 0);
    close(fd);
    bases.writer = open_base();
    bases.mover = open_base();
    *state = &bases;
    return 0;
}

static int teardown(void **state)
{
    struct bases *bases = *state;
    sqlite3_close(bases->writer);
    sqlite3_close(bases->mover);
    fixture_remove(fixture_path);
    return 0;
}

/* Each is at least a frame of the log. */
static void write_times(struct bases *bases, int times)
{
    for (int i = 0; i < times; i++)
        assert_int_equal(
            sqlite3_exec(bases->writer, "INSERT INTO t VALUES(randomblob(100))", NULL, NULL, NULL),
            SQLITE_OK);
}

/* Frames in the log, after they were copied; *copied: how many could be. */
static int frames(struct bases *bases, int *copied)
{
    int in_log = -1;
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(bases->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, copied),
        SQLITE_OK);
    return in_log;
}

static int rows_of(struct bases *bases)
{
    sqlite3_stmt *count = NULL;
    assert_int_equal(sqlite3_prepare_v2(bases->writer, "SELECT count(*) FROM t", -1, &count, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    int rows = sqlite3_column_int(count, 0);
    sqlite3_finalize(count);
    return rows;
}

/* The writer is in the middle: it is not held up, loses nothing, and the log begins anew another time. */
static void writer_is_left_alone(void **state)
{
    struct bases *bases = *state;
    int copied;
    write_times(bases, LONG + 1);
    assert_int_equal(sqlite3_exec(bases->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    write_times(bases, 1);
    checkpoint(bases->mover, LONG, &gate);
    write_times(bases, 1);
    assert_int_equal(sqlite3_exec(bases->writer, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_true(frames(bases, &copied) > LONG);
    checkpoint(bases->mover, LONG, &gate);
    write_times(bases, 1);
    assert_true(frames(bases, &copied) < LONG / 4);
    assert_int_equal(rows_of(bases), LONG + 4);
}

static void long_log_begins_anew(void **state)
{
    struct bases *bases = *state;
    int copied;
    write_times(bases, LONG + 1);
    checkpoint(bases->mover, LONG, &gate);
    write_times(bases, 1);
    int in_log = frames(bases, &copied);
    assert_true(in_log >= 1 && in_log < LONG / 4);
    assert_int_equal(copied, in_log);
}

static void old_reader_is_left_alone(void **state)
{
    struct bases *bases = *state;
    sqlite3 *reader = open_base();
    sqlite3_stmt *rows = NULL;
    int copied;
    write_times(bases, 2);
    assert_int_equal(sqlite3_prepare_v2(reader, "SELECT x FROM t", -1, &rows, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
    write_times(bases, LONG + 1);
    checkpoint(bases->mover, LONG, &gate);
    write_times(bases, 1);
    assert_true(frames(bases, &copied) > LONG);
    assert_int_equal(sqlite3_step(rows), SQLITE_ROW); /* it still sees what it saw */
    assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
    sqlite3_finalize(rows);
    sqlite3_close(reader);
    checkpoint(bases->mover, LONG, &gate);
    write_times(bases, 1);
    assert_true(frames(bases, &copied) < LONG / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writer_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(long_log_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(old_reader_is_left_alone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
