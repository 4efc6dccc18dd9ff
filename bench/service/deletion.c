/* deletion.c - how long the service's thread is held up when an account with 100,000 messages is deleted: by
 * the longest step, and by all of it in one transaction (as it was before there were steps). On a store's
 * file of its own, just opened, beside as many messages of others; a thread moves the log, as in
 * xcalld. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint.h"
#include "load.h"
#include "store.h"

#define MESSAGES 100000
#define OTHERS 1000
#define NOW INT64_C(1800000000000)

static int fill(struct store *store, int64_t *marked)
{
    char name[NAME_MAX_BYTES + 1], text[200];
    int64_t others[OTHERS], id;
    memset(text, 'x', sizeof text);
    int result = store_begin(store) | store_account_add(store, "marked", NULL, NOW, marked);
    for (int i = 0; i < OTHERS && result == STORE_OK; i++) {
        snprintf(name, sizeof name, "other%d", i);
        result = store_account_add(store, name, NULL, NOW, &others[i]);
    }
    uint32_t random = 1;
    for (int i = 0; i < MESSAGES && result == STORE_OK; i++) {
        random = random * UINT32_C(1103515245) + 12345;
        int64_t one = others[(random >> 8) % OTHERS], other = others[(random >> 16) % OTHERS];
        text[20 + (random >> 24) % 160] = '\0';
        result =
            store_message_add(store, i % 2 ? *marked : one, i % 2 ? one : *marked, text, NOW + i,
                              true, &id) |
            (one == other ? 0 : store_message_add(store, one, other, text, NOW + i, true, &id));
        text[strlen(text)] = 'x';
    }
    return result | store_commit(store);
}

static double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

/* of_cpu: this thread's alone, for a machine that has something else to do. */
static double elapsed_ms, of_cpu_ms;

static void watch(bool start)
{
    double sign = start ? -1 : 1;
    elapsed_ms = (start ? 0 : elapsed_ms) + sign * clock_ms(CLOCK_MONOTONIC);
    of_cpu_ms = (start ? 0 : of_cpu_ms) + sign * clock_ms(CLOCK_THREAD_CPUTIME_ID);
}

static int erase_at_once(struct store *store, int64_t marked, struct deletion *figures)
{
    int64_t asked_ms;
    bool more = true;
    watch(true);
    int result = store_begin(store) | store_account_delete(store, marked, NOW);
    while (more && result == STORE_OK)
        result = store_erase(store, &asked_ms, &more);
    result |= store_commit(store);
    watch(false);
    figures->at_once_ms = elapsed_ms;
    figures->at_once_cpu_ms = of_cpu_ms;
    return result;
}

static double greater(double one, double other)
{
    return one > other ? one : other;
}

static int erase_in_steps(struct store *store, int64_t marked, struct deletion *figures)
{
    const struct timespec pause = {0, 50000000}; /* as the service does */
    int64_t asked_ms;
    bool more = true;
    int result = STORE_OK;
    for (figures->steps = 0; more && result == STORE_OK; figures->steps++) {
        watch(true);
        result = store_begin(store);
        result |= figures->steps ? store_erase(store, &asked_ms, &more)
                                 : store_account_delete(store, marked, NOW);
        result |= store_commit(store);
        watch(false);
        figures->step_ms += elapsed_ms;
        figures->step_cpu_ms += of_cpu_ms;
        figures->longest_step_ms = greater(figures->longest_step_ms, elapsed_ms);
        figures->longest_step_cpu_ms = greater(figures->longest_step_cpu_ms, of_cpu_ms);
        nanosleep(&pause, NULL);
    }
    figures->step_ms /= figures->steps;
    figures->step_cpu_ms /= figures->steps;
    return result;
}

static int measure(const char *path, struct deletion *figures,
                   int (*erase)(struct store *, int64_t, struct deletion *))
{
    char error[256], beside[160];
    struct store *store;
    int64_t marked = 0;
    int result = store_open(path, &store, error, sizeof error);
    if (result == STORE_OK) {
        result = fill(store, &marked);
        store_close(store);
        if (result == STORE_OK)
            result = store_open(path, &store, error, sizeof error);
        struct checkpointer *checkpointer =
            result == STORE_OK ? checkpointer_start(path, error, sizeof error) : NULL;
        if (checkpointer) {
            struct store_keeper keeper = checkpointer_keeper(checkpointer);
            result = store_checkpointed(store, &keeper) | erase(store, marked, figures);
        } else {
            result = STORE_FAILED;
        }
        store_close(store);
        checkpointer_stop(checkpointer);
    }
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(beside, sizeof beside, "%s%s", path, ends[i]);
        unlink(beside);
    }
    return result == STORE_OK ? 0 : -1;
}

int deletion_measure(const char *folder, struct deletion *figures)
{
    char path[128];
    *figures = (struct deletion){0};
    snprintf(path, sizeof path, "%s/deletion.db", folder);
    return measure(path, figures, erase_at_once) || measure(path, figures, erase_in_steps) ? -1 : 0;
}
