/* pool.h - worker threads with one bounded queue of jobs: password hashes, pushes. Jobs are put in from
 * the service thread; none of it waits for a worker.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_POOL_H
#define XCALLD_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct pool_figures {
    uint64_t done, refused;
    unsigned waiting, running;
};

/* work: on a worker; memory is that of the job, wiped and freed when it returns. */
struct pool *pool_create(unsigned threads, unsigned queue_max,
                         void (*work)(void *context, void *job), void *context);
void pool_destroy(struct pool *pool); /* what waits is dropped; what runs is waited for */
bool pool_put(struct pool *pool, const void *job, size_t size); /* a copy; false: full */
void pool_figures(struct pool *pool, struct pool_figures *figures);
bool pool_stopping(struct pool *pool);

#endif
