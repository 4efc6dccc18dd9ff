/* interpose.c - see interpose.h. The first calls come before dlsym can work, some out of dlsym
 * itself: those are served from a small static area that is never given back.
 * SPDX-License-Identifier: MIT */
#include "interpose.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default"), noinline))
#define CALLER __builtin_return_address(0)
#define EARLY_SIZE 65536
#define RANGES_MAX 16
#define LIVE_MAX 4096

static __thread struct interpose_counts *armed __attribute__((tls_model("initial-exec")));

/* --- origins ----------------------------------------------------------------------------------- */

struct range {
    uintptr_t from, to;
    uint32_t origin;
};

static struct range ranges[RANGES_MAX];
static uint32_t range_count;
static _Atomic uint32_t fault_origins;
static _Atomic uint64_t fault_at, fault_count;
static _Atomic(void *) live[LIVE_MAX];
static _Atomic int64_t live_count;

static uint32_t origin_of_name(const char *name)
{
    if (!*name)
        return INTERPOSE_OURS; /* the program itself */
    if (strstr(name, "/libssl") || strstr(name, "/libcrypto"))
        return INTERPOSE_OPENSSL;
    if (strstr(name, "/libopus") || strstr(name, "/libvpx"))
        return INTERPOSE_CODECS;
    return 0;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    uint32_t origin = origin_of_name(info->dlpi_name);
    for (int i = 0; origin && i < info->dlpi_phnum && range_count < RANGES_MAX; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        uintptr_t from = info->dlpi_addr + part->p_vaddr;
        ranges[range_count++] = (struct range){from, from + part->p_memsz, origin};
    }
    return 0;
}

void interpose_init(void)
{
    range_count = 0;
    dl_iterate_phdr(add_object, NULL);
}

static uint32_t origin_of(const void *address)
{
    uintptr_t at = (uintptr_t)address;
    for (uint32_t i = 0; i < range_count; i++)
        if (at >= ranges[i].from && at < ranges[i].to)
            return ranges[i].origin;
    return 0;
}

void interpose_fault(uint32_t origins, uint64_t fail_at)
{
    memset((void *)live, 0, sizeof live);
    atomic_store(&live_count, 0);
    atomic_store(&fault_count, 0);
    atomic_store(&fault_at, fail_at);
    atomic_store(&fault_origins, origins);
}

uint64_t interpose_fault_end(void)
{
    atomic_store(&fault_origins, 0);
    return atomic_load(&fault_count);
}

int64_t interpose_live(void)
{
    return atomic_load(&live_count);
}

static bool refused(const void *caller)
{
    uint32_t origins = atomic_load_explicit(&fault_origins, memory_order_relaxed);
    if (!origins || !(origin_of(caller) & origins))
        return false;
    return atomic_fetch_add(&fault_count, 1) + 1 == atomic_load(&fault_at);
}

static void *keep_live(void *block, const void *caller)
{
    uint32_t origins = atomic_load_explicit(&fault_origins, memory_order_relaxed);
    if (!block || !(origins & INTERPOSE_OURS) || origin_of(caller) != INTERPOSE_OURS)
        return block;
    for (uint32_t i = 0; i < LIVE_MAX; i++) {
        void *none = NULL;
        if (atomic_compare_exchange_strong(&live[i], &none, block)) {
            atomic_fetch_add(&live_count, 1);
            break;
        }
    }
    return block;
}

static void forget_live(void *block)
{
    if (!block || !atomic_load_explicit(&live_count, memory_order_relaxed))
        return;
    for (uint32_t i = 0; i < LIVE_MAX; i++) {
        void *expected = block;
        if (atomic_compare_exchange_strong(&live[i], &expected, NULL)) {
            atomic_fetch_sub(&live_count, 1);
            return;
        }
    }
}

void interpose_arm(struct interpose_counts *counts)
{
    armed = counts;
}

static void count_allocation(const void *caller)
{
    struct interpose_counts *counts = armed;
    if (!counts)
        return;
    if (!counts->allocations++ && !counts->locks)
        counts->first = caller;
}

/* --- the malloc family --------------------------------------------------------------------------- */

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void (*real_free)(void *);
static _Alignas(64) uint8_t early[EARLY_SIZE];
static size_t early_used;
static bool resolving;

static void resolve(void)
{
    if (real_free || resolving)
        return;
    resolving = true;
    real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    real_aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
    real_posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    resolving = false;
}

static void *take_early(size_t size)
{
    size_t at = early_used;
    size = (size + 63) & ~(size_t)63;
    if (size > EARLY_SIZE - at)
        return NULL;
    early_used = at + size;
    return early + at;
}

static bool is_early(const void *block)
{
    return (const uint8_t *)block >= early && (const uint8_t *)block < early + EARLY_SIZE;
}

EXPORT void *malloc(size_t size)
{
    count_allocation(CALLER);
    resolve();
    if (!real_free)
        return take_early(size);
    if (refused(CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return keep_live(real_malloc(size), CALLER);
}

EXPORT void *calloc(size_t count, size_t size)
{
    count_allocation(CALLER);
    resolve();
    if (!real_free)
        return take_early(count * size); /* static memory is zero */
    if (refused(CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return keep_live(real_calloc(count, size), CALLER);
}

EXPORT void *realloc(void *block, size_t size)
{
    count_allocation(CALLER);
    resolve();
    if (is_early(block) || !real_free) {
        void *to = real_free ? real_malloc(size) : take_early(size);
        if (to && block) {
            size_t left = (size_t)(early + EARLY_SIZE - (uint8_t *)block);
            memcpy(to, block, size < left ? size : left);
        }
        return to;
    }
    if (refused(CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    void *to = real_realloc(block, size);
    if (!to)
        return NULL;
    forget_live(block);
    return keep_live(to, CALLER);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    count_allocation(CALLER);
    resolve();
    if (refused(CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return keep_live(real_aligned_alloc(alignment, size), CALLER);
}

EXPORT int posix_memalign(void **block, size_t alignment, size_t size)
{
    count_allocation(CALLER);
    resolve();
    if (refused(CALLER))
        return ENOMEM;
    int result = real_posix_memalign(block, alignment, size);
    if (result == 0)
        keep_live(*block, CALLER);
    return result;
}

EXPORT void free(void *block)
{
    count_allocation(CALLER);
    if (!block || is_early(block))
        return;
    resolve();
    forget_live(block);
    real_free(block);
}

/* --- locks ----------------------------------------------------------------------------------------- */

#ifdef INTERPOSE_LOCKS

static void count_lock(const void *caller)
{
    struct interpose_counts *counts = armed;
    if (!counts)
        return;
    if (!counts->locks++ && !counts->allocations)
        counts->first = caller;
}

/* The versioned symbol first: dlsym may give the oldest form of the condition functions. */
static void *next_lock(const char *name)
{
    void *symbol = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return symbol ? symbol : dlsym(RTLD_NEXT, name);
}

#define FORWARD(name, parameters, arguments)                                                       \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        static int(*_Atomic real) parameters;                                                      \
        count_lock(CALLER);                                                                        \
        if (!atomic_load_explicit(&real, memory_order_relaxed)) {                                  \
            struct interpose_counts *counts = armed;                                               \
            armed = NULL; /* the look-up itself may lock */                                        \
            atomic_store_explicit(&real, (int(*) parameters)next_lock(#name),                      \
                                  memory_order_relaxed);                                           \
            armed = counts;                                                                        \
        }                                                                                          \
        return atomic_load_explicit(&real, memory_order_relaxed) arguments;                        \
    }

FORWARD(pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
FORWARD(pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
FORWARD(pthread_mutex_timedlock, (pthread_mutex_t * mutex, const struct timespec *until),
        (mutex, until))
FORWARD(pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex))
FORWARD(pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
FORWARD(pthread_rwlock_tryrdlock, (pthread_rwlock_t * lock), (lock))
FORWARD(pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))
FORWARD(pthread_rwlock_trywrlock, (pthread_rwlock_t * lock), (lock))
FORWARD(pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock))
FORWARD(pthread_spin_lock, (pthread_spinlock_t * lock), (lock))
FORWARD(pthread_spin_trylock, (pthread_spinlock_t * lock), (lock))
FORWARD(pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t *mutex), (condition, mutex))
FORWARD(pthread_cond_timedwait,
        (pthread_cond_t * condition, pthread_mutex_t *mutex, const struct timespec *until),
        (condition, mutex, until))
FORWARD(pthread_cond_signal, (pthread_cond_t * condition), (condition))
FORWARD(pthread_cond_broadcast, (pthread_cond_t * condition), (condition))
FORWARD(pthread_barrier_wait, (pthread_barrier_t * barrier), (barrier))
FORWARD(pthread_once, (pthread_once_t * once, void (*run)(void)), (once, run))
FORWARD(sem_wait, (sem_t * semaphore), (semaphore))
FORWARD(sem_trywait, (sem_t * semaphore), (semaphore))
FORWARD(sem_post, (sem_t * semaphore), (semaphore))
#endif
