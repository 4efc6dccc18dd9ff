/* checkpoint.c - the thread behind checkpoint.h. Passive checkpoints: they wait for nobody and nobody waits
 * for them.
 * SPDX-License-Identifier: MIT */
#include "checkpoint.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_NS 250000000

struct checkpointer {
    sqlite3 *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
};

static void *run(void *context)
{
    struct checkpointer *checkpointer = context;
    struct timespec until;
    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->stop) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PAUSE_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&checkpointer->wake, &checkpointer->lock, &until);
        pthread_mutex_unlock(&checkpointer->lock);
        sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        pthread_mutex_lock(&checkpointer->lock);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

struct checkpointer *checkpointer_start(const char *path)
{
    struct checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    if (!checkpointer)
        return NULL;
    pthread_mutex_init(&checkpointer->lock, NULL);
    pthread_cond_init(&checkpointer->wake, NULL);
    if (sqlite3_open_v2(path, &checkpointer->db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_exec(checkpointer->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) ==
            SQLITE_OK &&
        pthread_create(&checkpointer->thread, NULL, run, checkpointer) == 0)
        return checkpointer;
    sqlite3_close(checkpointer->db);
    free(checkpointer);
    return NULL;
}

void checkpointer_stop(struct checkpointer *checkpointer)
{
    if (!checkpointer)
        return;
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->stop = true;
    pthread_cond_signal(&checkpointer->wake);
    pthread_mutex_unlock(&checkpointer->lock);
    pthread_join(checkpointer->thread, NULL);
    sqlite3_close(checkpointer->db);
    free(checkpointer);
}
