/* pool.c - threads, a list and a lock.
 * SPDX-License-Identifier: MIT */
#include "pool.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 64

struct job {
    struct job *next;
    size_t size;
    max_align_t memory[];
};

struct pool {
    void (*work)(void *context, void *job);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, *last;
    struct pool_figures figures;
    unsigned queue_max, threads_count;
    bool stop;
    pthread_t threads[THREADS_MAX];
};

static void job_free(struct job *job)
{
    sodium_memzero(job->memory, job->size);
    free(job);
}

static void *run(void *context)
{
    struct pool *pool = context;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->stop)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->stop)
            break;
        struct job *job = pool->first;
        pool->first = job->next;
        pool->figures.waiting--;
        pool->figures.running++;
        pthread_mutex_unlock(&pool->lock);
        pool->work(pool->context, job->memory);
        job_free(job);
        pthread_mutex_lock(&pool->lock);
        pool->figures.running--;
        pool->figures.done++;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct pool *pool_create(unsigned threads, unsigned queue_max,
                         void (*work)(void *context, void *job), void *context)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->work = work;
    pool->context = context;
    pool->queue_max = queue_max;
    while (pool->threads_count < threads && pool->threads_count < THREADS_MAX &&
           pthread_create(&pool->threads[pool->threads_count], NULL, run, pool) == 0)
        pool->threads_count++;
    if (pool->threads_count == 0) {
        pool_destroy(pool);
        return NULL;
    }
    return pool;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads_count; i++)
        pthread_join(pool->threads[i], NULL);
    while (pool->first) {
        struct job *job = pool->first;
        pool->first = job->next;
        job_free(job);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

bool pool_put(struct pool *pool, const void *memory, size_t size)
{
    struct job *job = malloc(sizeof *job + size);
    bool taken = false;
    if (!job)
        return false;
    job->next = NULL;
    job->size = size;
    memcpy(job->memory, memory, size);
    pthread_mutex_lock(&pool->lock);
    if (pool->figures.waiting < pool->queue_max && !pool->stop) {
        if (pool->first)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        pool->figures.waiting++;
        pthread_cond_signal(&pool->wake);
        taken = true;
    } else {
        pool->figures.refused++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!taken)
        job_free(job);
    return taken;
}

void pool_figures(struct pool *pool, struct pool_figures *figures)
{
    pthread_mutex_lock(&pool->lock);
    *figures = pool->figures;
    pthread_mutex_unlock(&pool->lock);
}

bool pool_stopping(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool stop = pool->stop;
    pthread_mutex_unlock(&pool->lock);
    return stop;
}
