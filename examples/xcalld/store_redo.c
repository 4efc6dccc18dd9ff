/* store_redo.c - takes back the last statements of a transaction without the others: what the transaction has
 * written so far is noted (statement and values), and where an input fails all is rolled back and the
 * notes up to that input are carried out again. That costs a copy of the values where all goes well; a
 * savepoint an input would copy each page that it touches. One thread a store object.
 * SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <stdlib.h>
#include <string.h>

#define NOTES_MAX (64u << 20) /* of one transaction; beyond: it can only be rolled back whole */
#define NOTES_KEPT (1u << 20) /* of memory, between transactions */
#define NULL_VALUE UINT32_MAX

struct note {
    sqlite3_stmt *stmt;
    const char *types;
    uint32_t size; /* with its values */
    int32_t changes;
    int64_t rowid; /* that it made; 0: none */
};

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* Messages' texts, hashes: they are in memory no longer than the transaction is. */
static void wipe(struct redo *redo)
{
    if (redo->used)
        explicit_bzero(redo->bytes, redo->used);
    redo->used = 0;
}

static void *put(struct redo *redo, size_t size)
{
    size_t wanted = redo->size + padded(size);
    if (wanted > redo->room && !redo->lost) {
        size_t room = redo->room ? redo->room : 65536;
        while (room < wanted)
            room *= 2;
        uint8_t *bytes = room <= NOTES_MAX ? malloc(room) : NULL;
        if (bytes) {
            if (redo->size)
                memcpy(bytes, redo->bytes, redo->size);
            wipe(redo);
            free(redo->bytes);
            redo->bytes = bytes;
            redo->used = redo->size;
            redo->room = room;
        }
        redo->lost = !bytes;
    }
    if (redo->lost)
        return NULL;
    void *at = redo->bytes + redo->size;
    redo->size = wanted;
    redo->used = wanted > redo->used ? wanted : redo->used;
    return at;
}

void redo_begin(struct store *store, sqlite3_stmt *stmt, const char *types)
{
    struct redo *redo = &store->redo;
    redo->open = redo->size;
    redo->stmt = stmt;
    struct note *note = put(redo, sizeof *note);
    if (note)
        *note = (struct note){.stmt = stmt, .types = types};
    sqlite3_set_last_insert_rowid(store->db, 0);
}

void redo_number(struct store *store, int64_t value)
{
    int64_t *at = put(&store->redo, sizeof *at);
    if (at)
        *at = value;
}

void redo_real(struct store *store, double value)
{
    double *at = put(&store->redo, sizeof *at);
    if (at)
        *at = value;
}

void redo_bytes(struct store *store, const void *value, size_t size)
{
    uint8_t *at = put(&store->redo, sizeof(uint32_t) + (value ? size : 0));
    uint32_t length = value ? (uint32_t)size : NULL_VALUE;
    if (!at)
        return;
    memcpy(at, &length, sizeof length);
    if (value && size)
        memcpy(at + sizeof length, value, size);
}

void redo_end(struct store *store, bool done)
{
    struct redo *redo = &store->redo;
    redo->stmt = NULL;
    if (!done) {
        redo->size = redo->open < redo->size ? redo->open : redo->size;
        return;
    }
    if (redo->lost)
        return;
    struct note *note = (struct note *)(void *)(redo->bytes + redo->open);
    note->size = (uint32_t)(redo->size - redo->open);
    note->changes = sqlite3_changes(store->db);
    note->rowid = sqlite3_last_insert_rowid(store->db);
}

void redo_forget(struct store *store)
{
    struct redo *redo = &store->redo;
    wipe(redo);
    redo->size = 0;
    redo->lost = false;
    redo->stmt = NULL;
    if (redo->room > NOTES_KEPT)
        redo_free(store);
}

void redo_free(struct store *store)
{
    wipe(&store->redo);
    free(store->redo.bytes);
    store->redo = (struct redo){0};
}

static const uint8_t *bind_one(sqlite3_stmt *stmt, int column, char type, const uint8_t *at)
{
    uint32_t length;
    int64_t number;
    double real;
    switch (type) {
    case 'r':
        memcpy(&real, at, sizeof real);
        sqlite3_bind_double(stmt, column, real);
        return at + sizeof real;
    case 't':
    case 'b':
        memcpy(&length, at, sizeof length);
        if (length == NULL_VALUE) {
            sqlite3_bind_null(stmt, column);
            length = 0;
        } else if (type == 't') {
            sqlite3_bind_text(stmt, column, (const char *)at + sizeof length, (int)length,
                              SQLITE_STATIC);
        } else {
            sqlite3_bind_blob(stmt, column, at + sizeof length, (int)length, SQLITE_STATIC);
        }
        return at + padded(sizeof length + length);
    default:
        memcpy(&number, at, sizeof number);
        sqlite3_bind_int64(stmt, column, number);
        return at + sizeof number;
    }
}

/* OK only where it did what it had done before: another process may have written in between. */
static int again(struct store *store, const struct note *note)
{
    const uint8_t *at = (const uint8_t *)(note + 1);
    for (int i = 0; note->types[i]; i++)
        at = bind_one(note->stmt, i + 1, note->types[i], at);
    sqlite3_set_last_insert_rowid(store->db, 0);
    int code;
    while ((code = sqlite3_step(note->stmt)) == SQLITE_ROW)
        ;
    if (code != SQLITE_DONE)
        store_fail(store);
    sqlite3_reset(note->stmt);
    return code == SQLITE_DONE && sqlite3_changes(store->db) == note->changes &&
                   sqlite3_last_insert_rowid(store->db) == note->rowid
               ? STORE_OK
               : STORE_FAILED;
}

size_t store_mark(const struct store *store)
{
    return store->redo.size;
}

int store_undo_to(struct store *store, size_t mark)
{
    struct redo *redo = &store->redo;
    bool lost = redo->lost || mark > redo->size;
    if (!sqlite3_get_autocommit(store->db))
        db_run(store, "ROLLBACK", "");
    store->begun = false;
    if (lost || db_begin(store) != STORE_OK)
        return STORE_FAILED;
    int result = STORE_OK;
    for (size_t at = 0; at < mark && result == STORE_OK;) {
        const struct note *note = (const struct note *)(const void *)(redo->bytes + at);
        result = again(store, note);
        at += note->size;
    }
    redo->size = mark;
    store->begun = true;
    return result;
}
