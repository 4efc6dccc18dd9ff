/* engine.c - an engine's life: everything it will ever need besides calls is taken at create.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include <stdlib.h>

#include "io/clock.h"
#include "proto/srtp.h"

static bool lay_out(struct xcall_engine *engine, struct xc_arena *arena)
{
    bool ok = true;
    engine->slots = xc_arena_take(arena, engine->slot_count * sizeof *engine->slots);
    engine->shards = xc_arena_take(arena, engine->shard_count * sizeof *engine->shards);
    engine->workers = xc_arena_take(arena, engine->worker_count * sizeof *engine->workers);
    if (!xc_arena_measuring(arena))
        for (uint32_t i = 0; i < engine->shard_count; i++)
            engine->shards[i].wake.fd = engine->shards[i].poller.fd = -1;
    for (uint32_t i = 0; i < engine->shard_count; i++)
        ok = xc_shard_init(&engine->shards[i], engine, i, arena) && ok;
    for (uint32_t i = 0; i < engine->worker_count; i++)
        ok = xc_worker_init(&engine->workers[i], engine, i, arena) && ok;
    return xc_events_init(engine, arena) && ok;
}

static bool take_memory(struct xcall_engine *engine)
{
    struct xc_arena arena = {0};
    engine->check_scratch = calloc(1, sizeof *engine->check_scratch);
    lay_out(engine, &arena); /* measures */
    size_t size = arena.used;
    engine->memory = aligned_alloc(XC_CACHE_LINE, size);
    if (!engine->memory || !engine->check_scratch) {
        free(engine->memory);
        engine->memory = NULL;
        engine->shards = NULL;
        engine->workers = NULL;
        return false;
    }
    memset(engine->memory, 0, size);
    arena = (struct xc_arena){.memory = engine->memory, .capacity = size};
    return lay_out(engine, &arena);
}

static bool start_threads(struct xcall_engine *engine)
{
    if (!engine->config.threads)
        return xc_poller_add(&engine->events.combined, engine->shards[0].poller.fd, 2);
    for (uint32_t i = 0; i < engine->shard_count; i++)
        if (!xc_thread_start(&engine->shards[i].thread, "xcall-shard", xc_shard_run,
                             &engine->shards[i]))
            return false;
    for (uint32_t i = 0; i < engine->worker_count; i++)
        if (!xc_thread_start(&engine->workers[i].thread, "xcall-codec", xc_worker_run,
                             &engine->workers[i]))
            return false;
    return true;
}

static void stop_threads(struct xcall_engine *engine)
{
    atomic_store_explicit(&engine->stopping, 1, memory_order_seq_cst);
    for (uint32_t i = 0; engine->shards && i < engine->shard_count; i++) {
        if (engine->shards[i].wake.fd >= 0)
            xc_wake_signal(&engine->shards[i].wake);
        xc_thread_join(&engine->shards[i].thread);
    }
    for (uint32_t i = 0; engine->workers && i < engine->worker_count; i++) {
        if (engine->workers[i].thread.running)
            xc_wake_signal(&engine->workers[i].wake);
        xc_thread_join(&engine->workers[i].thread);
    }
}

/* In any state of a create that failed half-way, too. All threads of the host are out by contract. */
void xc_engine_destroy(struct xcall_engine *engine)
{
    bool complete = engine->memory != NULL;
    stop_threads(engine);
    xc_data_end_all(engine);
    /* Shards first: an attachment in a shard's queue is part of its call. */
    for (uint32_t i = 0; complete && i < engine->shard_count; i++)
        xc_shard_deinit(&engine->shards[i]);
    for (uint32_t i = 0; complete && i < engine->slot_count; i++)
        xc_call_destroy(engine->slots[i].call);
    xc_data_stop(engine);
    for (uint32_t i = 0; complete && i < engine->worker_count; i++)
        xc_worker_deinit(&engine->workers[i]);
    if (complete)
        xc_events_deinit(engine);
    xc_dtls_identity_destroy(engine->identity);
    xc_lock_deinit(&engine->control);
    xc_fork_guard_deinit(&engine->guard);
    free(engine->check_scratch);
    free(engine->memory);
    free(engine);
}

static int32_t fail(struct xcall_engine *engine, int32_t code, const char **words, const char *text)
{
    xc_engine_destroy(engine);
    *words = text;
    return code;
}

int32_t xc_engine_create(const struct xcall_engine_config *config, struct xcall_engine **to,
                         const char **words)
{
    size_t size = (sizeof(struct xcall_engine) + XC_CACHE_LINE - 1) & ~(size_t)(XC_CACHE_LINE - 1);
    struct xcall_engine *engine = aligned_alloc(XC_CACHE_LINE, size);
    if (!engine) {
        *words = "there is no memory for the engine";
        return XCALL_E_MEMORY;
    }
    memset(engine, 0, size);
    atomic_init(&engine->references, 1);
    engine->config = *config;
    engine->events.wake.fd = engine->events.combined.fd = -1;
    engine->slot_count = config->calls_max + XC_ENGINE_SLOTS_SPARE;
    engine->shard_count = XC_MAX(config->threads, 1u);
    engine->worker_count = config->threads ? config->codec_workers / XC_JOBS * XC_JOBS : XC_JOBS;
    engine->clock_base = xc_clock_now();
    xc_lock_init(&engine->control);
    atomic_init(&engine->stepped_now, engine->clock_base);
    engine->unix_epoch = xc_clock_unix() - engine->clock_base;
    if (config->bind_address) {
        const char *text = config->bind_address;
        engine->bound = xc_addr_parse(&engine->bind_addr, xc_span_make(text, strlen(text)), 0);
        engine->config.bind_address = NULL; /* borrowed for the call only */
        if (!engine->bound)
            return fail(engine, XCALL_E_INVALID, words, "bind_address is no IP address");
    }
    if (!xc_fork_guard_init(&engine->guard))
        return fail(engine, XCALL_E_SYSTEM, words, "the system has no memory page for the engine");
    if (!xc_srtp_library_init())
        return fail(engine, XCALL_E_SYSTEM, words, "libsrtp2 could not be initialised");
    engine->identity = xc_dtls_identity_create(xc_clock_unix() / XC_NS_PER_S);
    if (!engine->identity)
        return fail(engine, XCALL_E_MEMORY, words, "OpenSSL could not make a certificate");
    if (!take_memory(engine))
        return fail(engine, XCALL_E_MEMORY, words,
                    "there is no memory, or no descriptor, for the engine's queues");
    if (!start_threads(engine))
        return fail(engine, XCALL_E_SYSTEM, words, "a thread could not be started");
    *to = engine;
    return XCALL_OK;
}

void xc_engine_close(struct xcall_engine *engine)
{
    atomic_store_explicit(&engine->closing, 1, memory_order_seq_cst);
    for (uint32_t i = 0; i < engine->shard_count; i++)
        xc_wake_signal(&engine->shards[i].wake);
    xc_events_signal(engine);
}

int32_t xc_engine_step(struct xcall_engine *engine, uint64_t now, uint64_t *deadline)
{
    struct xc_shard *shard = &engine->shards[0];
    bool more;
    if (atomic_exchange_explicit(&engine->stepping, 1, memory_order_seq_cst))
        return XCALL_E_BUSY;
    uint64_t before = atomic_load_explicit(&engine->stepped_now, memory_order_relaxed);
    atomic_store_explicit(&engine->stepped_now, XC_MAX(now, before), memory_order_release);
    now = XC_MAX(now, before);
    do {
        if (atomic_load_explicit(&engine->closing, memory_order_seq_cst))
            xc_shard_end_all(shard, now);
        *deadline = xc_shard_turn(shard, now);
        more = false;
        for (uint32_t i = 0; i < engine->worker_count; i++)
            while (xc_worker_turn(&engine->workers[i]))
                more = true;
        /* The host waits on the descriptor next: whoever brings work must write it. */
        xc_wake_announce(&shard->wake);
    } while (more || xc_shard_has_work(shard));
    atomic_store_explicit(&engine->stepping, 0, memory_order_seq_cst);
    return XCALL_OK;
}
