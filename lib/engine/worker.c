/* worker.c - codec workers. A stream's jobs always go to the same worker, so that one worker at a time
 * runs it; encoders and decoders have workers of their own (even and odd numbers), so that no decode
 * queues behind an encode. One frame a job: a stream with more goes to the end of the queue.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"

static uint64_t job_word(const struct xc_call *call, int job)
{
    return (uint64_t)job << 56 | (uint64_t)call->generation << 24 | call->index;
}

bool xc_worker_init(struct xc_worker *worker, struct xcall_engine *engine, uint32_t number,
                    struct xc_arena *arena)
{
    struct xc_worker probe;
    struct xc_worker *to = xc_arena_measuring(arena) ? &probe : worker;
    to->engine = engine;
    to->number = number;
    bool ok =
        xc_mpsc_init(&to->jobs, arena, xc_power_of_two(XC_JOBS * XC_VIDEOS * engine->slot_count));
    if (xc_arena_measuring(arena))
        return true;
    to->wake.fd = -1;
    return ok && xc_wake_init(&to->wake);
}

void xc_worker_deinit(struct xc_worker *worker)
{
    xc_wake_deinit(&worker->wake);
}

void xc_worker_post(struct xc_call *call, int job, uint32_t video)
{
    int queued = job + XC_JOBS * (int)video;
    struct xcall_engine *engine = call->engine;
    uint32_t kinds = engine->worker_count / XC_JOBS;
    struct xc_worker *worker = &engine->workers[call->index % kinds * XC_JOBS + (uint32_t)job];
    if (!atomic_exchange_explicit(&call->job_queued[queued], 1, memory_order_seq_cst) &&
        !xc_mpsc_put(&worker->jobs, job_word(call, queued))) /* there is room for every stream */
        atomic_exchange_explicit(&call->job_queued[queued], 0, memory_order_seq_cst);
    xc_wake_if_sleeping(&worker->wake);
}

static void encode(struct xc_call *call, uint32_t video)
{
    struct xcall_engine *engine = call->engine;
    struct xc_video_send *send = call->roads.video_send[video];
    if (!send ||
        (!xc_video_send_ready(send) && xc_engine_now(engine) < xc_video_send_deadline(send)))
        return;
    if (xc_video_send_encode(send, xc_engine_now(engine),
                             engine->config.threads ? xc_engine_clock : NULL, engine))
        xc_shard_notify(call);
    if (xc_video_send_ready(send))
        xc_worker_post(call, XC_JOB_ENCODE, video);
}

static void decode(struct xc_call *call, uint32_t video)
{
    struct xcall_engine *engine = call->engine;
    struct xc_video_recv *recv = call->roads.video_recv[video];
    if (!recv || !xc_video_recv_ready(recv))
        return;
    bool picture = xc_video_recv_decode(recv, xc_engine_now(engine),
                                        engine->config.threads ? xc_engine_clock : NULL, engine);
    bool due = picture && xc_video_recv_due(recv) <= xc_engine_now(engine);
    if (due)
        xc_events_raise(call, video ? XC_CALL_EVENT_PICTURE_SCREEN : XC_CALL_EVENT_PICTURE);
    /* Due later, or the decoder wants a key frame, or a place in its ring became free. */
    if (!due || atomic_load_explicit(&call->frames_wait[video], memory_order_seq_cst))
        xc_shard_notify(call);
    if (xc_video_recv_ready(recv))
        xc_worker_post(call, XC_JOB_DECODE, video);
}

bool xc_worker_turn(struct xc_worker *worker)
{
    uint64_t word;
    if (!xc_mpsc_get(&worker->jobs, &word))
        return false;
    uint32_t index = (uint32_t)(word & 0xffffff), generation = (uint32_t)(word >> 24);
    xcall_id id = (uint64_t)generation << 32 | (uint64_t)(index + 1) << 8;
    int job = (int)(word >> 56);
    struct xc_call *call = xc_slot_pin(worker->engine, id);
    if (!call)
        return true;
    atomic_exchange_explicit(&call->job_queued[job], 0, memory_order_seq_cst);
    if (!atomic_load_explicit(&call->detached, memory_order_seq_cst)) {
        if (job % XC_JOBS == XC_JOB_ENCODE)
            encode(call, (uint32_t)job / XC_JOBS);
        else
            decode(call, (uint32_t)job / XC_JOBS);
    }
    xc_slot_unpin(call);
    return true;
}

static bool has_work(struct xc_worker *worker)
{
    const struct xc_mpsc *jobs = &worker->jobs;
    uint32_t turn = atomic_load_explicit(&jobs->cells[jobs->tail & (jobs->count - 1)].turn,
                                         memory_order_seq_cst);
    return xc_seq32_diff(turn, jobs->tail + 1) >= 0 ||
           atomic_load_explicit(&worker->engine->stopping, memory_order_seq_cst);
}

void *xc_worker_run(void *argument)
{
    struct xc_worker *worker = argument;
    while (!atomic_load_explicit(&worker->engine->stopping, memory_order_seq_cst)) {
        if (xc_worker_turn(worker))
            continue;
        xc_wake_announce(&worker->wake);
        if (!has_work(worker))
            xc_wake_wait(&worker->wake, XC_NEVER);
        xc_wake_awake(&worker->wake);
        xc_wake_clear(&worker->wake);
    }
    return NULL;
}
