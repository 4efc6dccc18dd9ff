/* store_migrate.c - brings a store's schema up to date: numbered migrations, each in its own exclusive
 * transaction with its row in schema_version, so that two programs that start at once do each of them
 * once. A file of a newer program, of another program, or of another history is refused.
 * SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <stdio.h>
#include <string.h>

static int refuse(char *error, size_t size, const char *what)
{
    snprintf(error, size, "%s", what);
    return STORE_FAILED;
}

/* *version 0: a new file. */
static int version_of(struct store *store, int64_t *version, char *error, size_t size)
{
    static const char *const here =
        "SELECT count(*) FROM sqlite_master WHERE type='table' AND name='schema_version'";
    static const char *const others =
        "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite%'";
    int64_t tables = 0;
    *version = 0;
    if (db_get(store, &tables, here, "") != STORE_OK)
        return refuse(error, size, store->error);
    if (tables == 0) {
        if (db_get(store, &tables, others, "") != STORE_OK)
            return refuse(error, size, store->error);
        return tables == 0 ? STORE_OK
                           : refuse(error, size, "a database, but not a store of xcalld");
    }
    if (db_get(store, version, "SELECT coalesce(max(n),0) FROM schema_version", "") != STORE_OK)
        return refuse(error, size, store->error);
    return STORE_OK;
}

/* Were the migrations that the file has seen those that this program knows? */
static int check_history(struct store *store, const struct migration *migrations, int64_t version,
                         char *error, size_t size)
{
    for (int64_t n = 1; n <= version; n++) {
        uint8_t sha[HASH_SIZE];
        sqlite3_stmt *stmt = db_query(store, "SELECT sha FROM schema_version WHERE n=?1", "i", n);
        int result = db_step(store, stmt);
        if (result == STORE_OK)
            db_blob(stmt, 0, sha, sizeof sha);
        db_end(stmt, result);
        if (result == STORE_FAILED)
            return refuse(error, size, store->error);
        if (result == STORE_NONE || memcmp(sha, migrations[n - 1].sha, HASH_SIZE) != 0)
            return refuse(error, size, "the store's schema has another history than this program");
    }
    return STORE_OK;
}

static int apply(struct store *store, const struct migration *migration, int64_t n, int64_t now)
{
    if (n == 1 && db_run(store,
                         "CREATE TABLE schema_version(n INTEGER NOT NULL PRIMARY KEY,"
                         "at_ms INTEGER NOT NULL,sha BLOB NOT NULL)",
                         "") != STORE_OK)
        return STORE_FAILED;
    if (sqlite3_exec(store->db, migration->sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_fail(store);
    return db_run(store, "INSERT INTO schema_version(n,at_ms,sha) VALUES(?1,?2,?3)", "iib", n, now,
                  migration->sha, HASH_SIZE);
}

/* One migration further, or nothing where another program was faster. */
static int advance(struct store *store, const struct migration *migrations, unsigned count,
                   int64_t now, char *error, size_t size)
{
    int64_t version;
    if (db_run(store, "BEGIN EXCLUSIVE", "") != STORE_OK)
        return refuse(error, size, store->error);
    int result = version_of(store, &version, error, size);
    if (result == STORE_OK && version < count) {
        result = apply(store, &migrations[version], version + 1, now);
        if (result != STORE_OK)
            snprintf(error, size, "migration %04d: %s", (int)version + 1, store->error);
    }
    if (result == STORE_OK && db_run(store, "COMMIT", "") == STORE_OK)
        return STORE_OK;
    if (result == STORE_OK)
        snprintf(error, size, "%s", store->error);
    if (!sqlite3_get_autocommit(store->db))
        db_run(store, "ROLLBACK", "");
    return STORE_FAILED;
}

int store_migrate(struct store *store, const struct migration *migrations, unsigned count,
                  int64_t now, char *error, size_t error_size)
{
    for (;;) {
        int64_t version;
        if (version_of(store, &version, error, error_size) != STORE_OK)
            return STORE_FAILED;
        if (version > count) {
            snprintf(error, error_size,
                     "the store has schema %d, this program knows up to %u: it is too old for it",
                     (int)version, count);
            return STORE_FAILED;
        }
        if (check_history(store, migrations, version, error, error_size) != STORE_OK)
            return STORE_FAILED;
        if (version == count)
            return STORE_OK;
        if (advance(store, migrations, count, now, error, error_size) != STORE_OK)
            return STORE_FAILED;
    }
}
