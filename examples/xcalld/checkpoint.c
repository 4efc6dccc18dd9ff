/* checkpoint.c - the thread behind checkpoint.h. Passive checkpoints: they wait for nobody and nobody waits
 * for them. To empty the log needs a moment without readers and writers: it is tried until there is one,
 * after a passive one so that there is little left to do in it.
 * SPDX-License-Identifier: MIT */
#include "checkpoint.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_NS 250000000

struct checkpointer {
    sqlite3 *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, empty;
    pthread_mutex_t gate; /* held while a transaction begins, and while the log is emptied */
    uint64_t emptied;
};

/* Under the lock. */
static void pause_a_while(struct checkpointer *checkpointer)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PAUSE_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&checkpointer->wake, &checkpointer->lock, &until);
}

static bool move(struct checkpointer *checkpointer, int mode)
{
    return sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, mode, NULL, NULL) == SQLITE_OK;
}

static bool empty(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->gate);
    bool done = move(checkpointer, SQLITE_CHECKPOINT_TRUNCATE);
    checkpointer->emptied += done;
    pthread_mutex_unlock(&checkpointer->gate);
    return done;
}

static void *run(void *context)
{
    struct checkpointer *checkpointer = context;
    pthread_mutex_lock(&checkpointer->lock);
    for (bool again = false; !checkpointer->stop;) {
        if (again || !checkpointer->empty)
            pause_a_while(checkpointer);
        bool wanted = checkpointer->empty || again;
        checkpointer->empty = false;
        pthread_mutex_unlock(&checkpointer->lock);
        move(checkpointer, SQLITE_CHECKPOINT_PASSIVE);
        again = wanted && !empty(checkpointer);
        pthread_mutex_lock(&checkpointer->lock);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

static void destroy(struct checkpointer *checkpointer)
{
    sqlite3_close(checkpointer->db);
    pthread_cond_destroy(&checkpointer->wake);
    pthread_mutex_destroy(&checkpointer->lock);
    pthread_mutex_destroy(&checkpointer->gate);
    free(checkpointer);
}

struct checkpointer *checkpointer_start(const char *path, char *error, size_t error_size)
{
    struct checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    if (!checkpointer) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&checkpointer->lock, NULL);
    pthread_mutex_init(&checkpointer->gate, NULL);
    pthread_cond_init(&checkpointer->wake, NULL);
    if (sqlite3_open_v2(path, &checkpointer->db, SQLITE_OPEN_READWRITE, store_vfs()) != SQLITE_OK ||
        sqlite3_exec(checkpointer->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) !=
            SQLITE_OK) {
        snprintf(error, error_size, "%s", sqlite3_errmsg(checkpointer->db));
    } else {
        int failed = pthread_create(&checkpointer->thread, NULL, run, checkpointer);
        if (!failed)
            return checkpointer;
        snprintf(error, error_size, "thread: %s", strerror(failed));
    }
    destroy(checkpointer);
    return NULL;
}

static void on_empty(void *context)
{
    struct checkpointer *checkpointer = context;
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->empty = true;
    pthread_cond_signal(&checkpointer->wake);
    pthread_mutex_unlock(&checkpointer->lock);
}

static uint64_t on_enter(void *context)
{
    struct checkpointer *checkpointer = context;
    pthread_mutex_lock(&checkpointer->gate);
    return checkpointer->emptied;
}

static void on_leave(void *context)
{
    struct checkpointer *checkpointer = context;
    pthread_mutex_unlock(&checkpointer->gate);
}

struct store_keeper checkpointer_keeper(struct checkpointer *checkpointer)
{
    return (struct store_keeper){
        .context = checkpointer, .empty = on_empty, .enter = on_enter, .leave = on_leave};
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
    destroy(checkpointer);
}
