/* checkpoint.c - the thread behind checkpoint.h. Passive checkpoints: they wait for nobody and nobody waits
 * for them. But a log that is written to all the time is never copied to its end by them, and only then does
 * it begin anew; where it is long, the last few frames are copied while no transaction begins. (Else the
 * writer did it in a commit: 30 to 60 ms with 10,000 devices, the tail of all latencies.)
 * To empty the log needs a moment without readers and writers: it is tried until there is one,
 * after a passive one so that there is little left to do in it; no batch begins meanwhile.
 * SPDX-License-Identifier: MIT */
#include "checkpoint.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_MS 1000
#define AGAIN_MS                                                                                   \
    250 /* then twice as long each time: a reader that stays, and each try holds up a batch */
#define AGAIN_MAX_MS 4000
#define LONG_FRAMES 16000 /* 64 MiB: what journal_size_limit leaves of the file */
#define FEW_FRAMES 256    /* some ms, most of it the two syncs */
#define PASSES_MAX 6
#define BUSY_MS 20 /* for the transaction under way, and those who read the last one */

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
static void pause_a_while(struct checkpointer *checkpointer, long ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&checkpointer->wake, &checkpointer->lock, &until);
}

static bool empty(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->gate);
    sqlite3_busy_timeout(checkpointer->db, BUSY_MS);
    bool done = sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                          NULL) == SQLITE_OK;
    sqlite3_busy_timeout(checkpointer->db, 0);
    checkpointer->emptied += done;
    pthread_mutex_unlock(&checkpointer->gate);
    return done;
}

void checkpoint(sqlite3 *db, int long_frames, pthread_mutex_t *gate)
{
    int in_log = 0, done = 0, before = 0, pass = 0;
    do {
        before = done;
        if (sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done) !=
                SQLITE_OK ||
            in_log < long_frames || done < in_log) /* short, or somebody still reads old frames */
            return;
    } while (done - before > FEW_FRAMES && ++pass < PASSES_MAX);
    pthread_mutex_lock(gate);
    sqlite3_busy_timeout(db, BUSY_MS); /* the transaction that has begun */
    sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    sqlite3_busy_timeout(db, 0);
    pthread_mutex_unlock(gate);
}

static void *run(void *context)
{
    struct checkpointer *checkpointer = context;
    pthread_mutex_lock(&checkpointer->lock);
    long again_ms = 0; /* 0: it is empty, or nobody wants that */
    while (!checkpointer->stop) {
        if (again_ms || !checkpointer->empty)
            pause_a_while(checkpointer, again_ms ? again_ms : PAUSE_MS);
        bool wanted = checkpointer->empty || again_ms;
        checkpointer->empty = false;
        pthread_mutex_unlock(&checkpointer->lock);
        checkpoint(checkpointer->db, LONG_FRAMES, &checkpointer->gate);
        if (!wanted || empty(checkpointer))
            again_ms = 0;
        else if (again_ms < AGAIN_MAX_MS)
            again_ms = again_ms ? 2 * again_ms : AGAIN_MS;
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
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&checkpointer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
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
