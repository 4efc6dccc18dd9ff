/* store_private.h - what the files of the SQLite store share: the handle, its cached statements, and
 * binding and reading columns in few words. One thread a store object.
 *
 * Statements are cached by the address of their text, which is a literal. `types` has a letter for
 * each parameter: i int64_t, d int or bool, t text (NULL: null), b a blob: pointer and int size,
 * r double.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_STORE_PRIVATE_H
#define XCALLD_STORE_PRIVATE_H

#include <sqlite3.h>

#include "store.h"

struct migration {
    const char *sql;
    uint8_t sha[HASH_SIZE]; /* of sql */
};
extern const struct migration store_migrations[]; /* [n - 1] leads to schema version n */
extern const unsigned store_migrations_count;

#define STATEMENTS_MAX 512 /* slots of the hash table; there are some 130 statements */

#define SCOPES_MAX 8

struct statement {
    const char *sql;
    sqlite3_stmt *stmt;
    bool writes; /* rows */
};
struct redo { /* store_redo.c: what this transaction has written, one note a statement */
    uint8_t *bytes;
    size_t size, room;
    size_t used;        /* of bytes, since they were wiped: size may have gone back */
    size_t open;        /* the note of stmt, which is under way */
    sqlite3_stmt *stmt; /* NULL: none */
    bool lost;          /* out of memory */
};
struct store {
    sqlite3 *db;
    struct statement statements[STATEMENTS_MAX];
    bool begun;      /* store_begin */
    unsigned scopes; /* that are open, one in the other */
    size_t scope_marks[SCOPES_MAX];
    bool scope_began; /* the outermost of them began the transaction */
    struct redo redo;
    bool scrub; /* something was deleted that must not stay in the write-ahead log either */
    unsigned scrub_wait; /* commits until the next try */
    struct store_keeper keeper;
    uint64_t emptied;        /* keeper.enter's number when the cache was emptied last */
    int64_t bucket_after[2]; /* retention goes on behind these keys */
    uint8_t session_after[HASH_SIZE];
    int session_after_size;
    int last_code; /* SQLite's, of the last failure */
    bool has_names_key;
    uint8_t names_key[HASH_SIZE]; /* of deleted names */
    int64_t data_version;
    char *offer, *answer; /* of the call that was read last */
    char error[256];
};

int db_begin(struct store *store);   /* for writing */
int store_fail(struct store *store); /* keeps the database's words; STORE_FAILED */

/* NULL: failed. */
sqlite3_stmt *db_query(struct store *store, const char *sql, const char *types, ...);
/* OK: a row; NONE: no more; CONFLICT: a constraint; FAILED. */
int db_step(struct store *store, sqlite3_stmt *stmt);
int db_end(sqlite3_stmt *stmt, int result); /* gives the statement back; returns result */
/* A statement without rows: OK, CONFLICT, FAILED. */
int db_run(struct store *store, const char *sql, const char *types, ...);
bool db_touched(struct store *store); /* did the last db_run change a row? */
/* The first column of the first row, whatever the statement also does. NONE: no row. */
int db_get(struct store *store, int64_t *value, const char *sql, const char *types, ...);
/* Several statements as one: a transaction of its own, or a savepoint in the one that is open. */
int db_scope(struct store *store);
int db_scope_end(struct store *store, int result); /* keeps what was done where result is OK */

void db_text(sqlite3_stmt *stmt, int column, char *text, size_t size);
void db_blob(sqlite3_stmt *stmt, int column, void *to, size_t size); /* zeros where it is shorter */

/* store_redo.c: a statement that writes begins, its values in order, its end (done: it was carried out). */
void redo_begin(struct store *store, sqlite3_stmt *stmt, const char *types);
void redo_number(struct store *store, int64_t value);
void redo_real(struct store *store, double value);
void redo_bytes(struct store *store, const void *value, size_t size);
void redo_end(struct store *store, bool done);
void redo_forget(struct store *store); /* the transaction has ended */
void redo_free(struct store *store);

/* Brings a database to the newest of these migrations. */
int store_migrate(struct store *store, const struct migration *migrations, unsigned count,
                  int64_t now, char *error, size_t error_size);

/* This message is now the newest of the conversation, as user sees it. */
int store_chat_touch(struct store *store, int64_t user, int64_t peer, int64_t message);
int store_name_hash(struct store *store, const char *name, uint8_t hash[HASH_SIZE]);
/* Columns from `first`: id, handle, state, verified, paid, created_ms, pw_hash IS NOT NULL. */
void store_read_account(sqlite3_stmt *stmt, int first, struct account *account);
/* Columns from `first`: enabled, allow_mask, enhanced, silence_strangers, hide_busy, quiet_from, quiet_to,
 * quiet_zone, epoch, policy default_allow; nulls: the default. */
void store_read_settings(sqlite3_stmt *stmt, int first, struct call_settings *settings);
#define ACCOUNT_COLUMNS(a)                                                                         \
    a ".id," a ".handle," a ".state," a ".verified," a ".paid," a ".created_ms," a                 \
      ".pw_hash IS NOT NULL"
#define SETTINGS_COLUMNS(s)                                                                        \
    s ".enabled," s ".allow_mask," s ".enhanced," s ".silence_strangers," s ".hide_busy," s        \
      ".quiet_from," s ".quiet_to," s ".quiet_zone," s                                             \
      ".epoch,(SELECT value FROM policy WHERE key='default_allow')"
enum { ACCOUNT_WIDTH = 7, SETTINGS_WIDTH = 10 };

#endif
