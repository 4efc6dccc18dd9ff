/* limits.c - token buckets in one open table: a bucket that is full again is dropped, a table without room
 * gives up the bucket that is nearest to full. Keys are hashes of who, so that neither memory nor the store
 * names anybody. Buckets that refill within ten seconds are not saved: a restart gains no more.
 * SPDX-License-Identifier: MIT */
#include "limits.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024
#define SLOTS_MAX (1u << 20) /* 40 MiB; at most three quarters of them are used */
#define LOAD_FIRST 1024      /* times 8, times 8, times 8: SLOTS_MAX / 2 */
#define SAVED_WITHIN_S 10.0
#define SWEEP_MS 1000
#define SAMPLES 32
#define RETRY_MAX_MS 86400000ll
#define TAKEN_MAX 16384 /* notes a batch of what may have to be given back */
#define DEBT_MAX 10.0   /* a penalty goes no further below zero than so many sizes */

struct bucket {
    uint64_t key[2]; /* the lowest 8 bits of the first: kind + 1; 0: a free slot */
    double level;
    int64_t at_ms;
    bool dirty; /* taken from since the last save; else the store's row still tells its level */
};
struct taken {
    uint64_t key[2];
    double count;
};
struct limits {
    struct store *store;
    struct taken *taken; /* in this batch */
    size_t taken_count, taken_capacity;
    struct limit_size sizes[LIMIT_KINDS];
    struct bucket *slots;
    size_t size, count;
    int64_t swept_ms;
    size_t hand; /* where the next search for one to forget begins */
    uint8_t secret[HASH_SIZE];
};

static size_t slot_of(const struct limits *limits, const uint64_t key[2])
{
    return (size_t)key[1] & (limits->size - 1);
}

static int kind_of(const struct bucket *bucket)
{
    return (int)(bucket->key[0] & 0xff) - 1;
}

static double level_now(const struct limits *limits, const struct bucket *bucket, int64_t now)
{
    const struct limit_size *size = &limits->sizes[kind_of(bucket)];
    double passed = now > bucket->at_ms ? (double)(now - bucket->at_ms) / 1000 : 0;
    return fmin(size->size, bucket->level + passed * size->per_s);
}

static bool full(const struct limits *limits, const struct bucket *bucket, int64_t now)
{
    double size = limits->sizes[kind_of(bucket)].size;
    return size <= 0 || level_now(limits, bucket, now) >= size;
}

/* Linear probing: what comes behind a slot that is freed moves up. */
static void free_slot(struct limits *limits, size_t hole)
{
    size_t mask = limits->size - 1;
    limits->count--;
    for (size_t at = (hole + 1) & mask; limits->slots[at].key[0]; at = (at + 1) & mask) {
        size_t home = slot_of(limits, limits->slots[at].key);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            limits->slots[hole] = limits->slots[at];
            hole = at;
        }
    }
    memset(&limits->slots[hole], 0, sizeof limits->slots[hole]);
}

static struct bucket *probe(const struct limits *limits, const uint64_t key[2])
{
    size_t at = slot_of(limits, key);
    while (limits->slots[at].key[0] &&
           memcmp(limits->slots[at].key, key, sizeof limits->slots[at].key))
        at = (at + 1) & (limits->size - 1);
    return &limits->slots[at];
}

/* Buckets that are full again, all of them at once. */
static void drop_full(struct limits *limits, int64_t now)
{
    for (size_t at = 0; at < limits->size;)
        if (limits->slots[at].key[0] && full(limits, &limits->slots[at], now))
            free_slot(limits, at);
        else
            at++;
}

/* Of a few, the one that forgetting changes least. */
static void drop_one(struct limits *limits, int64_t now)
{
    size_t best = limits->size, at = limits->hand & (limits->size - 1);
    double best_level = -INFINITY;
    for (unsigned seen = 0; seen < SAMPLES; at = (at + 1) & (limits->size - 1)) {
        const struct bucket *bucket = &limits->slots[at];
        if (!bucket->key[0])
            continue;
        double level = level_now(limits, bucket, now) / limits->sizes[kind_of(bucket)].size;
        seen++;
        if (best == limits->size || level > best_level) {
            best_level = level;
            best = at;
        }
    }
    limits->hand = at; /* one that began at the same place would find it emptier each time */
    free_slot(limits, best);
}

static bool grow(struct limits *limits)
{
    size_t before = limits->size;
    struct bucket *old = limits->slots;
    struct bucket *slots = before < SLOTS_MAX ? calloc(before * 2, sizeof *slots) : NULL;
    if (!slots)
        return false;
    limits->slots = slots;
    limits->size = before * 2;
    for (size_t i = 0; i < before; i++)
        if (old[i].key[0])
            *probe(limits, old[i].key) = old[i];
    free(old);
    return true;
}

/* A sweep looks at all of them: not more often than once a second. */
static void make_room(struct limits *limits, int64_t now)
{
    if (now - limits->swept_ms >= SWEEP_MS || now < limits->swept_ms) {
        limits->swept_ms = now;
        drop_full(limits, now);
        if (limits->count < limits->size / 2)
            return;
    }
    if (!grow(limits) && limits->count + 1 > limits->size / 4 * 3)
        drop_one(limits, now);
}

static void key_of(const struct limits *limits, int kind, int64_t a, int64_t b, uint64_t key[2])
{
    int64_t who[3] = {kind, a, b};
    crypto_shorthash_siphashx24((unsigned char *)key, (const unsigned char *)who, sizeof who,
                                limits->secret);
    key[0] = (key[0] & ~(uint64_t)0xff) | (uint64_t)(kind + 1);
}

/* The bucket as of now; made, full, where there is none and make says so. */
static struct bucket *bucket_of(struct limits *limits, int kind, int64_t a, int64_t b, int64_t now,
                                bool make)
{
    uint64_t key[2];
    key_of(limits, kind, a, b, key);
    struct bucket *bucket = probe(limits, key);
    if (bucket->key[0]) {
        bucket->level = level_now(limits, bucket, now);
        bucket->at_ms = now > bucket->at_ms ? now : bucket->at_ms;
        return bucket;
    }
    if (!make)
        return NULL;
    if (limits->count + 1 > limits->size / 4 * 3) {
        make_room(limits, now);
        bucket = probe(limits, key);
    }
    limits->count++;
    memcpy(bucket->key, key, sizeof bucket->key);
    bucket->level = limits->sizes[kind].size;
    bucket->at_ms = now;
    return bucket;
}

static int64_t wait_for_one(const struct limit_size *size, double level)
{
    if (size->per_s <= 0)
        return RETRY_MAX_MS;
    double wait = ceil((1 - level) / size->per_s * 1000);
    return wait >= (double)RETRY_MAX_MS ? RETRY_MAX_MS : (int64_t)wait;
}

static bool fits(struct limits *limits, int kind, const struct bucket *bucket, int64_t *retry_ms)
{
    double level = bucket ? bucket->level : limits->sizes[kind].size;
    /* A rounding error of the refill must not ask for another millisecond. */
    bool fine = level >= 1 - 1e-9;
    *retry_ms = fine ? 0 : wait_for_one(&limits->sizes[kind], level);
    return fine;
}

bool limit_there(struct limits *limits, int kind, int64_t a, int64_t b, int64_t now,
                 int64_t *retry_ms)
{
    *retry_ms = 0;
    return limits->sizes[kind].size <= 0 ||
           fits(limits, kind, bucket_of(limits, kind, a, b, now, false), retry_ms);
}

static void note_taken(struct limits *limits, const struct bucket *bucket, double count)
{
    if (limits->taken_count == limits->taken_capacity) {
        size_t capacity = limits->taken_capacity ? limits->taken_capacity * 2 : 256;
        struct taken *taken =
            capacity <= TAKEN_MAX ? realloc(limits->taken, capacity * sizeof *taken) : NULL;
        if (!taken)
            return;
        limits->taken = taken;
        limits->taken_capacity = capacity;
    }
    limits->taken[limits->taken_count++] = (struct taken){{bucket->key[0], bucket->key[1]}, count};
}

size_t limits_mark(const struct limits *limits)
{
    return limits->taken_count;
}

void limits_undo(struct limits *limits, size_t mark)
{
    while (limits->taken_count > mark) {
        const struct taken *taken = &limits->taken[--limits->taken_count];
        struct bucket *bucket = probe(limits, taken->key);
        if (bucket->key[0])
            bucket->level = fmin(limits->sizes[kind_of(bucket)].size, bucket->level + taken->count);
    }
}

void limits_keep(struct limits *limits)
{
    limits->taken_count = 0;
}

bool limit_take(struct limits *limits, int kind, int64_t a, int64_t b, int64_t now,
                int64_t *retry_ms)
{
    *retry_ms = 0;
    if (limits->sizes[kind].size <= 0)
        return true;
    struct bucket *bucket = bucket_of(limits, kind, a, b, now, true);
    if (!fits(limits, kind, bucket, retry_ms))
        return false;
    bucket->level -= 1;
    bucket->dirty = true;
    note_taken(limits, bucket, 1);
    return true;
}

void limit_take_many(struct limits *limits, int kind, int64_t a, int64_t b, int64_t now,
                     double count)
{
    double size = limits->sizes[kind].size;
    if (size <= 0)
        return;
    struct bucket *bucket = bucket_of(limits, kind, a, b, now, true);
    bucket->dirty = true;
    double before = bucket->level;
    bucket->level = fmin(size, fmax(before - count, -size * DEBT_MAX));
    note_taken(limits, bucket, before - bucket->level);
}

void limits_set(struct limits *limits, int kind, struct limit_size size)
{
    limits->sizes[kind] = size;
}

/* --- the store ---------------------------------------------------------------------------------------------- */

int limits_save(struct limits *limits, int64_t now)
{
    struct bucket_row *rows = malloc((limits->count + 1) * sizeof *rows);
    size_t count = 0;
    if (!rows)
        return STORE_OK; /* they are still dirty: next time */
    drop_full(limits, now);
    for (size_t at = 0; at < limits->size; at++) {
        struct bucket *bucket = &limits->slots[at];
        if (!bucket->key[0] || !bucket->dirty)
            continue;
        const struct limit_size *size = &limits->sizes[kind_of(bucket)];
        if (size->size - level_now(limits, bucket, now) <= SAVED_WITHIN_S * size->per_s)
            continue;
        bucket->dirty = false;
        rows[count++] = (struct bucket_row){.key = {bucket->key[0], bucket->key[1]},
                                            .level = bucket->level,
                                            .at_ms = bucket->at_ms};
    }
    int result = store_buckets_save(limits->store, rows, count);
    free(rows);
    return result;
}

void limits_not_saved(struct limits *limits)
{
    for (size_t at = 0; at < limits->size; at++)
        limits->slots[at].dirty = limits->slots[at].key[0] != 0;
}

/* All rows, or the newest half of what the table can hold; a few at first, as most stores have few. */
static struct bucket_row *load_rows(struct store *store, size_t *count)
{
    for (size_t capacity = LOAD_FIRST;; capacity *= 8) {
        struct bucket_row *rows = malloc(capacity * sizeof *rows);
        if (!rows || store_buckets_load(store, rows, capacity, count) != STORE_OK) {
            free(rows);
            return NULL;
        }
        if (*count < capacity || capacity >= SLOTS_MAX / 2)
            return rows;
        free(rows);
    }
}

static void load(struct limits *limits, int64_t now)
{
    size_t count = 0;
    struct bucket_row *rows = load_rows(limits->store, &count);
    if (rows) {
        for (size_t i = 0; i < count; i++) {
            uint64_t kind = rows[i].key[0] & 0xff;
            if (kind < 1 || kind > LIMIT_KINDS)
                continue;
            if (limits->count + 1 > limits->size / 2 && !grow(limits))
                break;
            struct bucket *bucket = probe(limits, rows[i].key);
            limits->count += bucket->key[0] == 0;
            *bucket = (struct bucket){.key = {rows[i].key[0], rows[i].key[1]},
                                      .level = rows[i].level,
                                      .at_ms = rows[i].at_ms < now ? rows[i].at_ms : now};
        }
    }
    free(rows);
}

struct limits *limits_create(struct store *store, int64_t now)
{
    struct limits *limits = calloc(1, sizeof *limits);
    if (!limits)
        return NULL;
    limits->store = store;
    limits->size = FIRST_SLOTS;
    limits->slots = calloc(FIRST_SLOTS, sizeof *limits->slots);
    if (!limits->slots || store_secret(store, "limits", limits->secret) != STORE_OK) {
        limits_destroy(limits);
        return NULL;
    }
    load(limits, now);
    return limits;
}

void limits_destroy(struct limits *limits)
{
    if (!limits)
        return;
    free(limits->slots);
    free(limits->taken);
    free(limits);
}

size_t limits_count(const struct limits *limits)
{
    return limits->count;
}

int64_t limit_network(const uint8_t address[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool v4 = memcmp(address, mapped, sizeof mapped) == 0;
    const uint8_t *from = v4 ? address + 12 : address;
    int64_t network = v4 ? 4 : 6;
    for (size_t i = 0; i < (v4 ? 3 : 6); i++)
        network = network << 8 | from[i];
    return network;
}
