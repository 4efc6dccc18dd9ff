/* hash.c - libsodium's password hashing on a pool of threads.
 * SPDX-License-Identifier: MIT */
#include "hash.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"

#define PASSWORD_MAX 128

struct hasher {
    struct exchange *exchange;
    struct pool *pool;
    unsigned long long passes;
    size_t memory;
};

struct hash_job {
    uint64_t job;
    bool compare;
    char password[PASSWORD_MAX + 1], hash[crypto_pwhash_STRBYTES];
};

static void answer(struct hasher *hasher, uint64_t job, const char *result)
{
    struct input *input = input_make(INPUT_HASHED, job, result, result ? strlen(result) : 0);
    if (!input)
        return; /* the request's own time-out ends it */
    input->fits = result != NULL;
    exchange_put_input(hasher->exchange, input);
}

static void work(void *context, void *memory)
{
    struct hasher *hasher = context;
    struct hash_job *job = memory;
    size_t length = strlen(job->password);
    bool good;
    if (job->compare) {
        good = crypto_pwhash_str_verify(job->hash, job->password, length) == 0;
        job->hash[0] = '\0';
    } else {
        good = crypto_pwhash_str_alg(job->hash, job->password, length, hasher->passes,
                                     hasher->memory, crypto_pwhash_ALG_ARGON2ID13) == 0;
    }
    answer(hasher, job->job, good ? job->hash : NULL);
}

struct hasher *hasher_create(const struct options *options, struct exchange *exchange)
{
    struct hasher *hasher = calloc(1, sizeof *hasher);
    if (!hasher)
        return NULL;
    hasher->exchange = exchange;
    hasher->passes = (unsigned long long)options->hash_passes;
    hasher->memory = (size_t)options->hash_memory_mib << 20;
    hasher->pool =
        pool_create((unsigned)options->hash_threads, (unsigned)options->hash_queue, work, hasher);
    if (!hasher->pool) {
        free(hasher);
        return NULL;
    }
    return hasher;
}

void hasher_destroy(struct hasher *hasher)
{
    if (hasher)
        pool_destroy(hasher->pool);
    free(hasher);
}

void hasher_put(struct hasher *hasher, uint64_t number, const char *password, const char *hash)
{
    struct hash_job job = {.job = number, .compare = hash != NULL};
    size_t length = strlen(password), hash_length = hash ? strlen(hash) : 0;
    bool fits = length <= PASSWORD_MAX && hash_length < sizeof job.hash;
    if (fits) {
        memcpy(job.password, password, length + 1);
        memcpy(job.hash, hash ? hash : "", hash_length + 1);
    }
    if (!fits || !pool_put(hasher->pool, &job, sizeof job))
        answer(hasher, number, fits ? HASH_NOT_DONE : NULL);
    sodium_memzero(&job, sizeof job);
}

void hasher_figures(struct hasher *hasher, struct pool_figures *figures)
{
    pool_figures(hasher->pool, figures);
}
