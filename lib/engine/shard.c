/* shard.c - one thread that owns the sessions of its calls: sockets in, sessions, sockets out, timers.
 * It takes no lock; others reach it by two queues and a wake-up.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/engine.h"

#define QUEUE_BATCH                                                                                \
    XC_POLLER_BATCH /* a turn: what hosts write must not keep what peers send waiting */
#define RECEIVE_BATCHES                                                                            \
    8 /* a flood on one socket must not keep the others and the timers waiting */
#define TAG_WAKE UINT64_MAX

bool xc_shard_init(struct xc_shard *shard, struct xcall_engine *engine, uint32_t number,
                   struct xc_arena *arena)
{
    uint32_t calls = engine->slot_count;
    struct xc_shard probe;
    struct xc_shard *to = xc_arena_measuring(arena) ? &probe : shard;
    to->engine = engine;
    to->number = number;
    bool ok = xc_mpsc_init(&to->commands, arena,
                           xc_power_of_two(XC_SHARD_SIGNALS_QUEUED(calls) + calls)) &&
              xc_mpsc_init(&to->notify, arena, xc_power_of_two(calls + 64)) &&
              xc_ring_init(&to->log, arena, sizeof(struct xc_log_line), XC_LOG_LINES);
    to->calls = xc_arena_take(arena, calls * sizeof *to->calls);
    to->heap = xc_arena_take(arena, calls * sizeof *to->heap);
    to->received = xc_arena_take(arena, sizeof *to->received);
    to->buffers = xc_arena_take(arena, XC_UDP_BATCH * sizeof *to->buffers);
    xc_lookup_init(to, arena);
    xc_farewell_init(to, arena);
    if (xc_arena_measuring(arena))
        return true;
    to->wake.fd = to->poller.fd = -1;
    to->scratch = calloc(1, sizeof *to->scratch);
    to->signal_text = malloc(XC_SESSION_SIGNAL_MAX);
    return ok && to->scratch && to->signal_text && xc_poller_init(&to->poller) &&
           xc_wake_init(&to->wake) && xc_poller_add(&to->poller, to->wake.fd, TAG_WAKE);
}

void xc_shard_deinit(struct xc_shard *shard)
{
    uint64_t word;
    while (shard->commands.cells && xc_mpsc_get(&shard->commands, &word)) {
        struct xc_command *command = (struct xc_command *)(uintptr_t)word;
        if (command->type == XC_COMMAND_ATTACH)
            continue;
        xc_wipe(command->text, command->size); /* credentials, keys */
        free(command);
    }
    free(shard->scratch);
    free(shard->signal_text);
    xc_lookup_deinit(shard);
    xc_farewell_deinit(shard);
    xc_poller_deinit(&shard->poller);
    xc_wake_deinit(&shard->wake);
}

void xc_shard_notify(struct xc_call *call)
{
    if (!atomic_exchange_explicit(&call->notified, 1, memory_order_seq_cst) &&
        !xc_mpsc_put(&call->shard->notify, call->index)) /* there is room for one token a call */
        atomic_exchange_explicit(&call->notified, 0, memory_order_seq_cst);
    xc_wake_if_sleeping(&call->shard->wake);
}

void xc_shard_log(struct xc_shard *shard, const struct xc_call *call, uint32_t level, uint64_t now,
                  const char *text, const char *detail)
{
    if (level > shard->engine->config.log_level)
        return;
    struct xc_log_line *line = xc_ring_write_slot(&shard->log);
    if (!line)
        return; /* nobody reads: the newest lines are left out */
    struct xc_writer w = xc_writer_make(line->text, sizeof line->text - 1);
    xc_write_bytes(&w, text, strlen(text));
    if (detail && *detail) {
        size_t n = XC_MIN(strlen(detail), w.capacity - w.size - 2);
        xc_write_bytes(&w, ": ", 2);
        xc_write_bytes(&w, detail, n);
    }
    line->text[w.size] = '\0';
    line->level = level;
    line->call = xc_call_id(call);
    line->user = call->user;
    line->time = now;
    xc_ring_push(&shard->log);
    xc_events_raise_log(shard);
}

/* --- one call -------------------------------------------------------------------------------- */

void xc_shard_attach(struct xc_shard *shard, struct xc_call *call, uint64_t now)
{
    shard->calls[call->index] = call;
    call->attached = true;
    bool heard = true;
    for (uint32_t i = 0; i < call->socket_count; i++)
        heard = xc_poller_add(&shard->poller, call->sockets[i].fd, XC_TAG_SOCKET(call->index, i)) &&
                heard;
    /* A token that came before the call is gone: what it stood for is looked at here. */
    atomic_exchange_explicit(&call->notified, 0, memory_order_seq_cst);
    xc_command_follow(call, now);
    if (!heard)
        xc_session_hang_up(call->session, now, XCALL_END_FAILED);
    xc_shard_log(shard, call, XCALL_LOG_INFO, now, "call created", NULL);
    if (atomic_load_explicit(&shard->engine->closing, memory_order_seq_cst))
        xc_session_hang_up(call->session, now, XCALL_END_CLOSED);
    xc_shard_service(shard, call, now);
}

static void log_end(struct xc_shard *shard, struct xc_call *call, uint64_t now)
{
    uint32_t reason = xc_session_reason(call->session);
    const char *text = xc_session_reason_text(call->session);
    bool usual = reason == XCALL_END_HANG_UP || reason == XCALL_END_REMOTE_HANG_UP ||
                 reason == XCALL_END_CLOSED;
    xc_shard_log(shard, call, usual ? XCALL_LOG_INFO : XCALL_LOG_WARNING, now, "call ended",
                 text ? text : xc_end_text(reason));
}

/* The last thing the shard does with a call. */
static void detach(struct xc_shard *shard, struct xc_call *call, uint64_t now)
{
    struct xcall_stats stats;
    xc_session_stats(call->session, now, &stats);
    xc_cell_write(call->stats, &stats);
    xc_farewell_begin(shard, call);
    for (uint32_t i = 0; i < call->socket_count; i++) {
        xc_poller_remove(&shard->poller, call->sockets[i].fd);
        xc_udp_close(call->sockets[i].fd);
    }
    call->socket_count = 0;
    xc_lookup_forget(shard, call);
    xc_timers_remove(shard, call);
    shard->calls[call->index] = NULL;
    call->attached = false;
    log_end(shard, call, now);
    atomic_store_explicit(&call->reason, xc_session_reason(call->session), memory_order_seq_cst);
    atomic_store_explicit(&call->reason_text, xc_session_reason_text(call->session),
                          memory_order_seq_cst);
    atomic_store_explicit(&call->state, XCALL_STATE_ENDED, memory_order_seq_cst);
    atomic_store_explicit(&call->detached, 1, memory_order_seq_cst);
    xc_data_end(call->data);
    xc_events_raise(call, XC_CALL_EVENT_ENDED);
    xc_slot_unpin(call); /* the very last: from here on the consumer may free it */
}

static int find_socket(const struct xc_call *call, const struct xc_addr *local)
{
    for (uint32_t i = 0; i < call->socket_count; i++)
        if (xc_addr_equal(&call->sockets[i].addr, local))
            return call->sockets[i].fd;
    return -1;
}

static void flush(struct xc_call *call, int fd, const struct xc_udp_out *out, size_t count)
{
    size_t failed = count && fd >= 0 ? xc_udp_send(fd, out, count) : count;
    while (failed--)
        xc_session_send_failed(call->session);
}

static void send_datagrams(struct xc_shard *shard, struct xc_call *call, uint64_t now)
{
    struct xc_udp_out out[XC_UDP_BATCH];
    size_t count = 0;
    int fd = -1;
    for (;;) {
        struct xc_datagram datagram = {.data = shard->buffers[count],
                                       .capacity = sizeof shard->buffers[count]};
        if (!xc_session_output(call->session, now, &datagram))
            break;
        int to = find_socket(call, &datagram.local);
        if (count && to != fd) {
            flush(call, fd, out, count);
            memcpy(shard->buffers[0], datagram.data, datagram.size);
            count = 0;
        }
        fd = to;
        out[count] = (struct xc_udp_out){datagram.remote, shard->buffers[count], datagram.size};
        if (++count == XC_UDP_BATCH) {
            flush(call, fd, out, count);
            count = 0;
        }
    }
    flush(call, fd, out, count);
}

static void hand_out_signals(struct xc_shard *shard, struct xc_call *call, uint64_t now)
{
    struct xc_signal_record record = {.time = now};
    size_t size;
    uint32_t kind;
    while ((kind = xc_session_next_signal(call->session, now, shard->signal_text,
                                          XC_SESSION_SIGNAL_MAX, &size)) != 0) {
        record.kind = kind;
        record.size = (uint32_t)size;
        if (!xc_byte_ring_write2(call->signals, &record, sizeof record, shard->signal_text,
                                 (uint32_t)size + 1)) {
            xc_session_hang_up(call->session, now, XCALL_END_OVERFLOW);
            continue;
        }
        if (kind == XCALL_SIGNAL_OFFER || kind == XCALL_SIGNAL_ANSWER)
            xc_shard_log(shard, call, XCALL_LOG_DEBUG, now, "description", shard->signal_text);
        xc_events_raise(call, 0);
    }
}

/* work: shifted so that the first track's bits are this one's. */
static void hand_out_video_work(struct xc_call *call, uint32_t work, uint32_t video)
{
    if (work & XC_WORK_DECODE)
        xc_worker_post(call, XC_JOB_DECODE, video);
    if (work & XC_WORK_ENCODE) {
        atomic_store_explicit(&call->encoder_wanted[video], 1, memory_order_seq_cst);
        xc_worker_post(call, XC_JOB_ENCODE, video);
    }
    atomic_store_explicit(&call->frames_wait[video], xc_session_frames_wait(call->session, video),
                          memory_order_seq_cst);
    if (work & XC_WORK_PICTURE)
        xc_events_raise(call, video ? XC_CALL_EVENT_PICTURE_SCREEN : XC_CALL_EVENT_PICTURE);
}

static void hand_out_work(struct xc_shard *shard, struct xc_call *call, uint64_t now)
{
    uint32_t work = xc_session_take_work(call->session);
    /* The host first: a worker that wakes may take the processor for some ms. */
    uint32_t state = xc_session_state(call->session);
    if ((work & XC_WORK_STATE) && state != XCALL_STATE_ENDED) {
        atomic_store_explicit(&call->state, state, memory_order_seq_cst);
        xc_events_raise(call, XC_CALL_EVENT_STATE);
        if (state == XCALL_STATE_CONNECTED)
            xc_shard_log(shard, call, XCALL_LOG_INFO, now, "call connected", NULL);
    }
    if (work & XC_WORK_DATA)
        xc_data_notify(call->data);
    for (uint32_t video = 0; video < XC_VIDEOS; video++)
        hand_out_video_work(call, work >> video, video);
    if (work & XC_WORK_REMOTE) {
        atomic_store_explicit(&call->remote_hold, xc_session_remote_hold(call->session),
                              memory_order_seq_cst);
        xc_events_raise(call, XC_CALL_EVENT_REMOTE);
    }
    for (uint32_t track = 1; (work & XC_WORK_STREAM) && track <= 1 + XC_VIDEOS; track++)
        atomic_store_explicit(&call->ssrc[track - 1], xc_session_ssrc(call->session, track, true),
                              memory_order_relaxed);
    for (uint32_t track = 1; (work & XC_WORK_TRACK) && track <= 1 + XC_VIDEOS; track++) {
        uint32_t flows = xc_session_flows(call->session, track);
        if (atomic_exchange_explicit(&call->flows[track - 1], flows, memory_order_seq_cst) != flows)
            xc_events_raise(call, XC_CALL_EVENT_TRACK << (track - 1));
    }
}

void xc_shard_service(struct xc_shard *shard, struct xc_call *call, uint64_t now)
{
    xc_session_service(call->session, now);
    hand_out_signals(shard, call, now);
    send_datagrams(shard, call, now);
    if (xc_session_state(call->session) == XCALL_STATE_ENDED)
        hand_out_signals(shard, call, now); /* bye */
    hand_out_work(shard, call, now);
    if (xc_session_state(call->session) == XCALL_STATE_ENDED) {
        send_datagrams(shard, call, now);
        detach(shard, call, now);
        return;
    }
    xc_lookup_follow(shard, call, now);
    if (now >= call->next_stats) {
        struct xcall_stats stats;
        xc_session_stats(call->session, now, &stats);
        xc_cell_write(call->stats, &stats);
        call->next_stats = now + 20 * XC_NS_PER_MS;
    }
    xc_timers_set(shard, call, xc_session_deadline(call->session, now));
}

void xc_shard_end_all(struct xc_shard *shard, uint64_t now)
{
    for (uint32_t i = 0; i < shard->engine->slot_count; i++) {
        struct xc_call *call = shard->calls[i];
        if (!call)
            continue;
        xc_session_hang_up(call->session, now, XCALL_END_CLOSED);
        xc_shard_service(shard, call, now);
    }
}

/* --- the loop -------------------------------------------------------------------------------- */

static void receive(struct xc_shard *shard, uint64_t tag)
{
    uint32_t index = (uint32_t)(tag >> 8), socket = (uint32_t)(tag & 0xff);
    if (index >= shard->engine->slot_count) {
        xc_farewell_receive(shard, index - shard->engine->slot_count, socket);
        return;
    }
    struct xc_call *call = shard->calls[index];
    size_t count, batches = 0;
    if (!call || socket >= call->socket_count)
        return; /* detached earlier in this turn */
    uint64_t now;
    do {
        count = xc_udp_receive(call->sockets[socket].fd, shard->received);
        now = xc_engine_now(shard->engine);
        for (size_t i = 0; i < count; i++) {
            struct xc_udp_received *in = &shard->received->datagrams[i];
            xc_session_input_from(call->session, now, xc_engine_ago(shard->engine, now, in->age),
                                  &call->sockets[socket].addr, &in->remote, in->bytes, in->size);
        }
    } while (count == XC_UDP_BATCH && ++batches < RECEIVE_BATCHES); /* the rest: next turn */
    xc_shard_service(shard, call, now);
}

static void run_queues(struct xc_shard *shard)
{
    struct xcall_engine *engine = shard->engine;
    uint64_t word;
    uint32_t left = QUEUE_BATCH;
    for (; left && xc_mpsc_get(&shard->commands, &word); left--)
        xc_command_run(shard, (struct xc_command *)(uintptr_t)word, xc_engine_now(engine));
    for (left = QUEUE_BATCH; left && xc_mpsc_get(&shard->notify, &word); left--) {
        struct xc_call *call = shard->calls[word];
        if (!call)
            continue;
        uint64_t now = xc_engine_now(engine);
        atomic_exchange_explicit(&call->notified, 0, memory_order_seq_cst);
        xc_command_follow(call, now);
        xc_shard_service(shard, call, now);
    }
}

static void run_timers(struct xc_shard *shard, uint64_t now)
{
    /* Each due call once a turn: a deadline that stays in the past must not spin in here. */
    for (uint32_t n = shard->heap_count; n && shard->heap_count; n--) {
        struct xc_call *call = shard->heap[0];
        if (call->deadline > now)
            break;
        xc_shard_service(shard, call, now);
    }
}

static void poll_sockets(struct xc_shard *shard, uint64_t timeout)
{
    uint64_t tags[XC_POLLER_BATCH];
    size_t count = xc_poller_wait(&shard->poller, timeout, tags);
    xc_wake_awake(&shard->wake);
    for (size_t i = 0; i < count; i++) {
        if (tags[i] == TAG_WAKE)
            xc_wake_clear(&shard->wake);
        else if (tags[i] >= XC_TAG_LOOKUP(UINT8_MAX))
            xc_lookup_receive(shard, (uint32_t)(XC_TAG_LOOKUP(0) - tags[i]),
                              xc_engine_now(shard->engine));
        else
            receive(shard, tags[i]);
    }
}

bool xc_shard_has_work(struct xc_shard *shard)
{
    const struct xc_mpsc *queues[2] = {&shard->commands, &shard->notify};
    for (int i = 0; i < 2; i++) {
        uint32_t at = queues[i]->tail & (queues[i]->count - 1);
        uint32_t turn = atomic_load_explicit(&queues[i]->cells[at].turn, memory_order_seq_cst);
        if (xc_seq32_diff(turn, queues[i]->tail + 1) >= 0)
            return true;
    }
    return atomic_load_explicit(&shard->engine->stopping, memory_order_seq_cst) != 0;
}

static uint64_t next_deadline(const struct xc_shard *shard)
{
    uint64_t at = shard->heap_count ? shard->heap[0]->deadline : XC_NEVER;
    return xc_earlier(xc_earlier(at, xc_lookup_deadline(shard)), xc_farewell_deadline(shard));
}

uint64_t xc_shard_turn(struct xc_shard *shard, uint64_t now)
{
    run_queues(shard);
    poll_sockets(shard, 0);
    run_queues(shard);
    run_timers(shard, now);
    xc_lookup_turn(shard, now);
    xc_farewell_turn(shard, now);
    return next_deadline(shard);
}

void *xc_shard_run(void *argument)
{
    struct xc_shard *shard = argument;
    struct xcall_engine *engine = shard->engine;
    bool closed = false;
    while (!atomic_load_explicit(&engine->stopping, memory_order_seq_cst)) {
        run_queues(shard);
        run_timers(shard, xc_engine_now(engine));
        xc_lookup_turn(shard, xc_engine_now(engine));
        xc_farewell_turn(shard, xc_engine_now(engine));
        if (!closed && atomic_load_explicit(&engine->closing, memory_order_seq_cst)) {
            closed = true;
            xc_shard_end_all(shard, xc_engine_now(engine));
        }
        xc_wake_announce(&shard->wake);
        if (xc_shard_has_work(shard)) {
            poll_sockets(shard, 0);
            continue;
        }
        uint64_t now = xc_engine_now(engine), deadline = next_deadline(shard);
        uint64_t timeout = deadline == XC_NEVER ? XC_NEVER : deadline > now ? deadline - now : 0;
        if (timeout != XC_NEVER)
            timeout = xc_engine_real_duration(engine, timeout);
        poll_sockets(shard, timeout);
    }
    return NULL;
}
