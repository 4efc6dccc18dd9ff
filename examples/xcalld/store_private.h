/* store_private.h - what the files of the SQLite store share: the handle, its cached statements, and
 * binding and reading columns in few words. One thread a store object.
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

#endif
