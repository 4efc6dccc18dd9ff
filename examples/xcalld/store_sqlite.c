/* store_sqlite.c - the store in one SQLite file: opening, transactions, cached statements, backup. WAL with
 * synchronous=NORMAL: a commit survives the end of the process, and a loss of power costs at most the
 * last moments, never the file. Deleted content is overwritten, in the write-ahead log too.
 * SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 5000
#define LOCK_PAUSE_MS 10
#define FOLDER_MAX 4096
#define CLOSE_MS 200 /* for the log's emptying by who has no other time for it: the admin command */
#define CHECKPOINT_FRAMES 64000 /* 256 MiB, should checkpoint.c fail: it acts at a quarter of it */
#define SCRUB_COMMITS 32        /* between two tries to empty the log while somebody reads it */

static int words(char *error, size_t size, const char *what, const char *path)
{
    snprintf(error, size, "%s: %s", path, what);
    return STORE_FAILED;
}

int store_fail(struct store *store)
{
    store->last_code = sqlite3_extended_errcode(store->db);
    snprintf(store->error, sizeof store->error, "%s", sqlite3_errmsg(store->db));
    return STORE_FAILED;
}

const char *store_error(const struct store *store)
{
    return store->error;
}

static int execute(struct store *store, const char *sql)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? STORE_OK
                                                                       : store_fail(store);
}

/* --- statements ------------------------------------------------------------------------------- */

static bool writes_rows(const char *sql)
{
    return strncmp(sql, "INSERT", 6) == 0 || strncmp(sql, "UPDATE", 6) == 0 ||
           strncmp(sql, "DELETE", 6) == 0;
}

static struct statement *prepared(struct store *store, const char *sql)
{
    size_t slot = ((uintptr_t)sql >> 3) * 0x9e3779b1u % STATEMENTS_MAX;
    for (size_t tries = 0; tries < STATEMENTS_MAX; tries++, slot = (slot + 1) % STATEMENTS_MAX) {
        struct statement *statement = &store->statements[slot];
        if (statement->sql == sql)
            return statement;
        if (statement->sql)
            continue;
        sqlite3_stmt *stmt = NULL;
        if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) !=
            SQLITE_OK) {
            store_fail(store);
            return NULL;
        }
        *statement = (struct statement){sql, stmt, writes_rows(sql)};
        return statement;
    }
    return NULL;
}

static void bind_bytes(struct store *store, sqlite3_stmt *stmt, int column, bool text,
                       const void *bytes, int size, bool noted)
{
    if (!bytes)
        sqlite3_bind_null(stmt, column);
    else if (text)
        sqlite3_bind_text(stmt, column, bytes, size, SQLITE_STATIC);
    else
        sqlite3_bind_blob(stmt, column, bytes, size, SQLITE_STATIC);
    if (noted)
        redo_bytes(store, bytes, (size_t)size);
}

static sqlite3_stmt *bind(struct store *store, const char *sql, const char *types, va_list args)
{
    const struct statement *statement = prepared(store, sql);
    if (!statement)
        return NULL;
    sqlite3_stmt *stmt = statement->stmt;
    bool noted = statement->writes && store->begun;
    if (noted && sqlite3_get_autocommit(store->db))
        return NULL; /* a failure has ended the transaction: nothing is written outside of it */
    if (noted)
        redo_begin(store, stmt, types);
    for (int i = 1; *types; types++, i++) {
        const void *pointer;
        int64_t number;
        double real;
        switch (*types) {
        case 'i':
        case 'd':
            number = *types == 'i' ? va_arg(args, int64_t) : va_arg(args, int);
            sqlite3_bind_int64(stmt, i, number);
            if (noted)
                redo_number(store, number);
            break;
        case 'r':
            real = va_arg(args, double);
            sqlite3_bind_double(stmt, i, real);
            if (noted)
                redo_real(store, real);
            break;
        case 't':
            pointer = va_arg(args, const char *);
            bind_bytes(store, stmt, i, true, pointer, pointer ? (int)strlen(pointer) : 0, noted);
            break;
        case 'b':
            pointer = va_arg(args, const void *);
            bind_bytes(store, stmt, i, false, pointer, va_arg(args, int), noted);
            break;
        }
    }
    return stmt;
}

#define BOUND(stmt, store, sql, types)                                                             \
    va_list args;                                                                                  \
    va_start(args, types);                                                                         \
    sqlite3_stmt *stmt = bind(store, sql, types, args);                                            \
    va_end(args);

sqlite3_stmt *db_query(struct store *store, const char *sql, const char *types, ...)
{
    BOUND(stmt, store, sql, types)
    return stmt;
}

int db_step(struct store *store, sqlite3_stmt *stmt)
{
    if (!stmt)
        return STORE_FAILED;
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        return STORE_OK;
    if (stmt == store->redo.stmt)
        redo_end(store, code == SQLITE_DONE);
    if (code == SQLITE_DONE)
        return STORE_NONE;
    store_fail(store);
    return (code & 0xff) == SQLITE_CONSTRAINT ? STORE_CONFLICT : STORE_FAILED;
}

int db_end(sqlite3_stmt *stmt, int result)
{
    sqlite3_reset(stmt);
    return result;
}

static int no_rows(int result)
{
    return result == STORE_NONE ? STORE_OK : result == STORE_OK ? STORE_FAILED : result;
}

int db_run(struct store *store, const char *sql, const char *types, ...)
{
    BOUND(stmt, store, sql, types)
    return db_end(stmt, no_rows(db_step(store, stmt)));
}

bool db_touched(struct store *store)
{
    return sqlite3_changes(store->db) > 0;
}

int db_get(struct store *store, int64_t *value, const char *sql, const char *types, ...)
{
    BOUND(stmt, store, sql, types)
    int result = db_step(store, stmt);
    if (result != STORE_OK)
        return db_end(stmt, result);
    *value = sqlite3_column_int64(stmt, 0);
    while (result == STORE_OK) /* to its end, which is where a statement of its own is committed */
        result = db_step(store, stmt);
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

void db_text(sqlite3_stmt *stmt, int column, char *text, size_t size)
{
    const unsigned char *value = sqlite3_column_text(stmt, column);
    snprintf(text, size, "%s", value ? (const char *)value : "");
}

void db_blob(sqlite3_stmt *stmt, int column, void *to, size_t size)
{
    const void *value = sqlite3_column_blob(stmt, column);
    size_t length = (size_t)sqlite3_column_bytes(stmt, column);
    memset(to, 0, size);
    if (value)
        memcpy(to, value, length < size ? length : size);
}

/* --- transactions ------------------------------------------------------------------------------- */

/* Empties the write-ahead log into the file, so that nothing deleted is left in it; and then the cache, whose
 * pages may have stale bytes (store_vfs.c) that would be written into the log again. */
static void scrub(struct store *store, int wait_ms)
{
    if (!store->scrub || !sqlite3_get_autocommit(store->db))
        return;
    if (store->keeper.context) {
        store->scrub = false;
        store->keeper.empty(store->keeper.context);
        return;
    }
    if (store->scrub_wait > 0) {
        store->scrub_wait--;
        return;
    }
    int in_log, done;
    sqlite3_busy_timeout(store->db, wait_ms);
    if (sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &in_log, &done) ==
        SQLITE_OK) {
        store->scrub = false;
        sqlite3_db_release_memory(store->db);
    } else {
        store->scrub_wait = SCRUB_COMMITS;
    }
    sqlite3_busy_timeout(store->db, BUSY_MS);
}

void store_scrub(struct store *store)
{
    store->scrub = true;
    store->scrub_wait = 0;
}

/* At once for writing: to become a writer in the middle can fail when another process wrote. */
int db_begin(struct store *store)
{
    const struct store_keeper *keeper = &store->keeper;
    if (!keeper->context)
        return db_run(store, "BEGIN IMMEDIATE", "");
    uint64_t emptied = keeper->enter(keeper->context);
    if (emptied != store->emptied)
        sqlite3_db_release_memory(store->db);
    store->emptied = emptied;
    int result = db_run(store, "BEGIN IMMEDIATE", "");
    keeper->leave(keeper->context);
    return result;
}

int store_begin(struct store *store)
{
    if (db_begin(store) != STORE_OK)
        return STORE_FAILED;
    redo_forget(store);
    store->last_code = SQLITE_OK; /* store_unwritable asks of this transaction */
    store->begun = true;
    return STORE_OK;
}

int store_begin_reading(struct store *store)
{
    return db_run(store, "BEGIN", "");
}

int store_commit(struct store *store)
{
    if (!store->begun)
        return STORE_OK;
    store->begun = false;
    if (db_run(store, "COMMIT", "") != STORE_OK) {
        if (!sqlite3_get_autocommit(store->db))
            db_run(store, "ROLLBACK", "");
        return STORE_FAILED;
    }
    redo_forget(store);
    scrub(store, 0); /* a reader in the way is no reason to wait */
    return STORE_OK;
}

void store_rollback(struct store *store)
{
    store->begun = false;
    if (!sqlite3_get_autocommit(store->db))
        db_run(store, "ROLLBACK", "");
}

bool store_unwritable(const struct store *store)
{
    switch (store->last_code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
        return true;
    default:
        return false;
    }
}

/* With room for some inputs to come, not for one row where a page has place left. */
int store_probe(struct store *store)
{
    static const char *const write = "INSERT INTO note(name,value) VALUES('probe',zeroblob(65536))";
    static const char *const clear = "DELETE FROM note WHERE name='probe'";
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    int result = db_run(store, write, "");
    return db_scope_end(store, result == STORE_OK ? db_run(store, clear, "") : result);
}

int db_scope(struct store *store)
{
    bool begins = sqlite3_get_autocommit(store->db);
    if (begins && store->begun)
        return STORE_FAILED; /* a failure has ended the transaction */
    int result = begins ? db_begin(store) : db_run(store, "SAVEPOINT scope", "");
    if (result != STORE_OK)
        return STORE_FAILED;
    store->scope_began |= begins;
    store->scope_marks[store->scopes % SCOPES_MAX] = store->redo.size;
    store->scopes++;
    return STORE_OK;
}

int db_scope_end(struct store *store, int result)
{
    store->scopes--;
    bool ends = store->scopes == 0 && store->scope_began;
    if (ends)
        store->scope_began = false;
    if (result == STORE_OK) {
        result = db_run(store, ends ? "COMMIT" : "RELEASE scope", "");
        if (result == STORE_OK) {
            if (ends)
                scrub(store, 0);
            return STORE_OK;
        }
        result = STORE_FAILED;
    }
    size_t mark = store->scope_marks[store->scopes % SCOPES_MAX];
    if (store->redo.size > mark)
        store->redo.size = mark;
    if (sqlite3_get_autocommit(store->db))
        return result; /* the database has rolled back all of it */
    if (ends)
        db_run(store, "ROLLBACK", "");
    else if (db_run(store, "ROLLBACK TO scope", "") != STORE_OK ||
             db_run(store, "RELEASE scope", "") != STORE_OK)
        return STORE_FAILED;
    return result;
}

bool store_changed(struct store *store)
{
    int64_t version = 0;
    if (db_get(store, &version, "PRAGMA data_version", "") != STORE_OK)
        return true; /* whoever looks for the change finds the failure */
    bool changed = version != store->data_version;
    store->data_version = version;
    return changed;
}

/* --- opening ------------------------------------------------------------------------------------ */

/* For the owner's eyes only: it holds the hashes of passwords. The log beside it takes its mode. */
static int make_file(const char *path, int flags)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

/* Two programs that open a new file at once would each find half of what the other one makes: one after the
 * other, for as long as it takes to open. Where there is no lock to be had it goes on without. */
static int lock_folder(const char *path)
{
    char folder[FOLDER_MAX];
    const struct timespec pause = {0, LOCK_PAUSE_MS * 1000000};
    const char *slash = strrchr(path, '/');
    int length = slash == path ? 1 : slash ? (int)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s", length ? length : 1, length ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int waited = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && waited < BUSY_MS;
         waited += LOCK_PAUSE_MS)
        nanosleep(&pause, NULL);
    return fd;
}

/* store_vfs.c tells pages of trees by their content: a file may have no pages that map pointers. One that has is
 * left as it is, its log too. */
static int check_maps(struct store *store)
{
    int64_t maps = 0;
    if (execute(store, "PRAGMA auto_vacuum=NONE") != STORE_OK || /* a new file */
        db_get(store, &maps, "PRAGMA auto_vacuum", "") != STORE_OK)
        return STORE_FAILED;
    if (!maps)
        return STORE_OK;
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    snprintf(
        store->error, sizeof store->error,
        "the file has auto_vacuum set; \"PRAGMA auto_vacuum=NONE; VACUUM\" by sqlite3 mends it");
    return STORE_FAILED;
}

static int open_file(struct store *store, const char *path, char *error, size_t error_size)
{
    bool memory = strcmp(path, ":memory:") == 0;
    int failed = memory ? 0 : make_file(path, 0);
    if (failed)
        return words(error, error_size, strerror(failed), path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (memory ? SQLITE_OPEN_MEMORY : 0);
    if (sqlite3_open_v2(path, &store->db, flags, store_vfs()) != SQLITE_OK)
        return words(error, error_size, sqlite3_errmsg(store->db), path);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    if (check_maps(store) != STORE_OK)
        return words(error, error_size, store->error, path);
    static const char *const settings[] = {
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=NORMAL",
        "PRAGMA secure_delete=ON",
        "PRAGMA trusted_schema=OFF",
        "PRAGMA cache_size=-16000",
        "PRAGMA temp_store=MEMORY",
        "PRAGMA journal_size_limit=67108864",
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (execute(store, settings[i]) != STORE_OK)
            return words(error, error_size, store->error, path);
    return STORE_OK;
}

static int open_and_migrate(struct store *made, const char *path, char *error, size_t error_size)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    char why[300] = "";
    int64_t pages = 0;
    int result = open_file(made, path, error, error_size);
    if (result == STORE_OK) {
        /* Of one page at most: a new file, which nobody has written without store_vfs.c. */
        (void)db_get(made, &pages, "PRAGMA page_count", "");
        result =
            store_migrate(made, store_migrations, store_migrations_count, now_ms, why, sizeof why);
        if (result == STORE_OK && pages <= 1)
            result = store_note_set(made, "clean", 1);
        if (result != STORE_OK)
            words(error, error_size, *why ? why : made->error, path);
    }
    return result;
}

int store_open(const char *path, struct store **store, char *error, size_t error_size)
{
    struct store *made = calloc(1, sizeof *made);
    if (!made)
        return words(error, error_size, "out of memory", path);
    int lock = strcmp(path, ":memory:") != 0 ? lock_folder(path) : -1;
    int result = open_and_migrate(made, path, error, error_size);
    if (lock >= 0)
        close(lock);
    if (result != STORE_OK) {
        store_close(made);
        return STORE_FAILED;
    }
    made->bucket_after[0] = made->bucket_after[1] = INT64_MIN;
    store_changed(made);
    *store = made;
    return STORE_OK;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (store->db) {
        store_rollback(store);
        store->scrub_wait = 0;
        scrub(store, CLOSE_MS);
    }
    for (size_t i = 0; i < STATEMENTS_MAX; i++)
        sqlite3_finalize(store->statements[i].stmt);
    redo_free(store);
    sqlite3_close(store->db);
    free(store->offer);
    free(store->answer);
    free(store);
}

/* --- backup --------------------------------------------------------------------------------------- */

static int sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return failed;
}

int store_backup(struct store *store, const char *path)
{
    int failed = make_file(path, O_EXCL);
    if (!failed) {
        /* One read transaction, so a state of one moment; nothing deleted is copied. */
        if (db_run(store, "VACUUM INTO ?1", "t", path) != STORE_OK) {
            unlink(path);
            return STORE_FAILED;
        }
        failed = sync_file(path);
    }
    if (!failed)
        return STORE_OK;
    snprintf(store->error, sizeof store->error, "%s: %s", path, strerror(failed));
    return failed == EEXIST ? STORE_CONFLICT : STORE_FAILED;
}

int store_checkpointed(struct store *store, const struct store_keeper *keeper)
{
    store->keeper = *keeper;
    if (keeper->context) /* whoever deleted before may have ended before the log was emptied */
        keeper->empty(keeper->context);
    return sqlite3_wal_autocheckpoint(store->db, CHECKPOINT_FRAMES) == SQLITE_OK ? STORE_OK
                                                                                 : STORE_FAILED;
}

/* --- files of before -------------------------------------------------------------------------------- */

int store_clean(struct store *store, bool *done)
{
    int64_t clean = 0;
    int result = store_note_get(store, "clean", &clean);
    *done = result != STORE_FAILED && !clean;
    if (!*done)
        return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
    /* Beside the file, not in memory: it may be big. */
    result = execute(store, "PRAGMA temp_store=FILE; VACUUM");
    int back = execute(store, "PRAGMA temp_store=MEMORY");
    if (result == STORE_OK && back == STORE_OK)
        result = store_note_set(store, "clean", 1);
    store_scrub(store);
    scrub(store, CLOSE_MS);
    return result;
}
