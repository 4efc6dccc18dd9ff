/* checkpoint.h - moves SQLite's log into its file on a thread and a connection of its own, so that the
 * service thread never waits for the disk to sync (20 to 40 ms where it was seen). After a deletion it
 * empties the log (store.h, store_keeper).
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_CHECKPOINT_H
#define XCALLD_CHECKPOINT_H

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>

#include "store.h"

struct checkpointer;

/* NULL: no memory, no thread, or the file cannot be opened (error has a sentence); the store then does it
 * by itself. */
struct checkpointer *checkpointer_start(const char *path, char *error, size_t error_size);
struct store_keeper checkpointer_keeper(struct checkpointer *checkpointer);
void checkpointer_stop(struct checkpointer *checkpointer); /* NULL is fine */

/* What the thread does once a second: copies the log into the file; where the log has long_frames or more it
 * begins anew with the next transaction. gate is held meanwhile: no transaction begins. */
void checkpoint(sqlite3 *db, int long_frames, pthread_mutex_t *gate);

#endif
