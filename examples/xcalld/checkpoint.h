/* checkpoint.h - moves SQLite's log into its file on a thread and a connection of its own, so that the
 * service thread never waits for the disk to sync (20 to 40 ms where it was seen).
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_CHECKPOINT_H
#define XCALLD_CHECKPOINT_H

struct checkpointer;

/* NULL: no memory, no thread, or the file cannot be opened; the store then does it by itself. */
struct checkpointer *checkpointer_start(const char *path);
void checkpointer_stop(struct checkpointer *checkpointer); /* NULL is fine */

#endif
