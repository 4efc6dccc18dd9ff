/* data.c - the data thread: see data.h. It sleeps on an eventfd by the house's pattern (io/wake.h), for
 * at most a tick of usrsctp's timers while there is an association.
 * SPDX-License-Identifier: MIT */
#include "engine/data.h"

#include "engine/engine.h"
#include "io/clock.h"
#include "proto/sctp.h"

#define INPUT_BATCH 32 /* packets of one call before its answers go out and another has its turn */
#define MESSAGE_BATCH 64 /* messages, likewise */
#define SEND_BATCH 64
#define ROUNDS_MAX 4
#define LINGER (60 * XC_NS_PER_US) /* awake after work, see told_at_once */
#define LINGER_PACKETS 4
#define TICK (XC_SCTP_TICK_MS * XC_NS_PER_MS)
#define TICK_IDLE (50 * XC_NS_PER_MS) /* nothing was sent or received for a second */
#define IDLE_AFTER XC_NS_PER_S
#define TICKS_AFTER_LAST (3 * XC_NS_PER_S) /* usrsctp frees what was closed by timers */

static struct {
    struct xc_lock gate; /* users, library, thread: start and stop */
    uint32_t users;      /* engines */
    _Atomic uint32_t library;
    struct xc_fork_guard guard;
    struct xc_thread thread;
    struct xc_wake wake;
    _Atomic uint32_t stopping;
    _Atomic(struct xc_data *) notified; /* a stack; taken as a whole */
    /* data thread */
    struct xc_data *work_first, **work_end;
    struct xc_data *live; /* with an association */
    struct xc_data *running;
    uint64_t ticked_at, busy_at, ended_at;
    uint32_t packets; /* of the newest run, both ways */
    uint8_t packet[XC_DATA_RECEIVE_MAX];
    _Alignas(
        8) uint8_t message[XC_CHANNEL_MESSAGE_MAX + 1]; /* one more: to see that it is longer */
    uint8_t outgoing[XC_CHANNEL_MESSAGE_MAX];
} thread = {.gate = {PTHREAD_MUTEX_INITIALIZER}};

/* --- any thread ------------------------------------------------------------------------------ */

void xc_data_notify(struct xc_data *data)
{
    if (atomic_exchange_explicit(&data->notified, 1, memory_order_seq_cst))
        return;
    struct xc_data *first = atomic_load_explicit(&thread.notified, memory_order_relaxed);
    do {
        data->next_notified = first;
    } while (!atomic_compare_exchange_weak_explicit(&thread.notified, &first, data,
                                                    memory_order_seq_cst, memory_order_relaxed));
    xc_wake_if_sleeping(&thread.wake);
}

void xc_data_end(struct xc_data *data)
{
    if (!data)
        return;
    xc_data_port_end(data->port);
    xc_data_notify(data);
}

bool xc_data_peek(struct xc_data *data, struct xc_channel_record *record)
{
    return xc_byte_ring_peek(xc_channels_records(data->channels), 0, record, sizeof *record);
}

void xc_data_taken(struct xc_data *data)
{
    /* An exchange, not a load: whichever of this and the thread's comes second sees the other's. */
    if (atomic_exchange_explicit(&data->stalled, 0, memory_order_seq_cst))
        xc_data_notify(data);
}

/* --- one call -------------------------------------------------------------------------------- */

static void touch(struct xc_data *data)
{
    if (data->in_work)
        return;
    data->in_work = true;
    data->next_work = NULL;
    *thread.work_end = data;
    thread.work_end = &data->next_work;
}

/* Both from within usrsctp, on this thread: of the call at hand or, by a timer, of another. */
static void on_output(void *context, struct xc_span packet)
{
    struct xc_data *data = context;
    thread.packets++;
    if (!xc_data_port_send(data->port, packet))
        data->packets_lost++;
    data->wrote = true;
    if (data != thread.running)
        touch(data);
}

static void on_ready(void *context)
{
    struct xc_data *data = context;
    data->ready = true;
    if (data != thread.running)
        touch(data);
}

static uint64_t now_of(const struct xc_data *data)
{
    return xc_engine_now(data->call->engine);
}

/* Only now, with the peer's certificate verified: no SCTP object existed before. */
static void begin(struct xc_data *data)
{
    const struct xc_data_transport *transport = &data->port->transport;
    struct xc_sctp_config config = {.local_port = transport->local_port,
                                    .remote_port = transport->remote_port,
                                    .packet_max = XC_DATA_PACKET_MAX,
                                    .context = data,
                                    .output = on_output,
                                    .ready = on_ready};
    data->sctp = xc_sctp_create(&config);
    if (!data->sctp) {
        xc_lock_take(&data->lock);
        xc_channels_down(data->channels, now_of(data));
        xc_lock_give(&data->lock);
        return;
    }
    data->next_live = thread.live;
    data->live_link = &thread.live;
    if (thread.live)
        thread.live->live_link = &data->next_live;
    thread.live = data;
}

static void drop(struct xc_data *data)
{
    if (!data->sctp)
        return;
    *data->live_link = data->next_live;
    if (data->next_live)
        data->next_live->live_link = data->live_link;
    xc_sctp_destroy(data->sctp);
    data->sctp = NULL;
    thread.ended_at = xc_clock_now();
}

static void release(struct xc_data *data)
{
    struct xc_call *call = data->call;
    struct xcall_engine *engine = call->engine;
    xc_slot_unpin(call); /* the consumer may free it from here on */
    atomic_fetch_sub_explicit(&engine->data_calls, 1, memory_order_seq_cst);
}

/* Is there room for records? If not, the reader will tell; until then SCTP's window closes. */
static bool room(struct xc_data *data)
{
    bool ok =
        xc_channels_flush(data->channels, now_of(data)) && xc_channels_may_receive(data->channels);
    if (ok)
        return true;
    atomic_exchange_explicit(&data->stalled, 1, memory_order_seq_cst);
    return xc_channels_flush(data->channels, now_of(data)) &&
           xc_channels_may_receive(data->channels);
}

/* The call is over. Its flag stays up for good, so that nobody puts it into the list any more; who has
 * put it there already is waited for. */
static void end(struct xc_data *data)
{
    if (data->releasing)
        return;
    thread.running = data; /* what SCTP still has to say touches nothing */
    drop(data);
    thread.running = NULL;
    xc_lock_take(&data->lock);
    xc_channels_down(data->channels, now_of(data));
    room(data);
    bool told = xc_channels_flush(data->channels, now_of(data));
    xc_lock_give(&data->lock);
    xc_events_raise(data->call, 0);
    /* A call that goes on without data: its host is yet to hear of every channel. */
    if (!told && !atomic_load_explicit(&data->call->detached, memory_order_seq_cst))
        return;
    data->releasing = true;
    if (!atomic_exchange_explicit(&data->notified, 1, memory_order_seq_cst))
        release(data);
}

static bool input(struct xc_data *data)
{
    for (int i = 0; i < INPUT_BATCH; i++) {
        size_t size = xc_data_port_receive(data->port, thread.packet);
        if (!size)
            return false;
        data->hold -= data->hold > 0;
        thread.packets++;
        xc_sctp_input(data->sctp, thread.packet, size);
    }
    return true; /* perhaps more */
}

static void on_event(struct xc_data *data, const struct xc_sctp_event *event)
{
    struct xc_channels *channels = data->channels;
    uint64_t now = now_of(data);
    switch (event->type) {
    case XC_SCTP_UP:
        xc_channels_up(channels, now, data->port->transport.dtls_client,
                       XC_MIN(event->streams_out, event->streams_in),
                       data->port->transport.max_message_size);
        break;
    case XC_SCTP_MESSAGE: {
        uint64_t serial = event->ppid == XC_PPID_DCEP ? xc_data_serial(data->call->engine) : 0;
        if (serial <= XC_CHANNEL_SERIAL_MAX)
            xc_channels_received(channels, now, event->stream, event->ppid, event->bytes, serial);
        break;
    }
    case XC_SCTP_RESET_IN:
        xc_channels_reset_in(channels, now, event->streams, event->stream_count);
        break;
    case XC_SCTP_RESET_OUT:
    case XC_SCTP_RESET_FAILED:
        xc_channels_reset_out(channels, now, event->streams, event->stream_count,
                              event->type == XC_SCTP_RESET_OUT);
        break;
    default:
        xc_channels_down(channels, now);
        break;
    }
}

static void receive(struct xc_data *data)
{
    struct xc_sctp_event event;
    uint32_t left = MESSAGE_BATCH;
    bool any = true;
    while (any && left) {
        xc_lock_take(&data->lock);
        any = room(data);
        xc_lock_give(&data->lock);
        any = any && xc_sctp_receive(data->sctp, &event, thread.message, sizeof thread.message);
        if (!any)
            break;
        xc_lock_take(&data->lock);
        on_event(data, &event);
        xc_lock_give(&data->lock);
        left--;
    }
    if (!left)
        data->ready = true;
}

static int carry_out(struct xc_data *data, const struct xc_channels_out *out)
{
    if (out->type == XC_CHANNELS_RESET) {
        int result = xc_sctp_reset(data->sctp, out->streams, out->stream_count);
        data->retry = data->retry || result == XC_SCTP_AGAIN;
        return result;
    }
    struct xc_sctp_message message = {.stream = out->stream,
                                      .unordered = out->unordered,
                                      .reliability = out->reliability,
                                      .parameter = out->parameter,
                                      .ppid = out->ppid,
                                      .bytes = out->bytes};
    int result = xc_sctp_send(data->sctp, &message);
    if (result == XC_SCTP_AGAIN) {
        /* A window of messages is still to go out: no need to copy this one again for each packet
         * that is acknowledged, two to a SACK (RFC 9260 section 6.2); at the next tick anyway. */
        data->hold = (uint32_t)(out->bytes.size / (2 * XC_MTU));
        data->retry = true;
    }
    return result;
}

static void send(struct xc_data *data)
{
    struct xc_channels_out out;
    int result = XC_SCTP_OK;
    uint32_t left = data->hold ? 0 : SEND_BATCH;
    if (!left)
        return;
    for (; left && result != XC_SCTP_AGAIN; left--) {
        xc_lock_take(&data->lock);
        bool any = xc_channels_next(data->channels, 0, &out, thread.outgoing);
        xc_lock_give(&data->lock);
        if (!any)
            return;
        result = carry_out(data, &out);
        xc_lock_take(&data->lock);
        xc_channels_done(data->channels, 0, &out, result);
        xc_lock_give(&data->lock);
    }
    if (!left)
        data->ready = true;
}

static void tell(struct xc_data *data)
{
    bool wrote = data->wrote;
    data->wrote = false;
    xc_lock_take(&data->lock);
    room(data); /* writes what is due, or asks the reader for room */
    xc_lock_give(&data->lock);
    if (wrote && !atomic_load_explicit(&data->call->detached, memory_order_seq_cst))
        xc_shard_notify(data->call);
    if (xc_byte_ring_level(xc_channels_records(data->channels)))
        xc_events_raise(data->call, 0);
}

static void run(struct xc_data *data)
{
    uint32_t state = xc_data_port_state(data->port);
    if (state == XC_DATA_ENDED) {
        end(data);
        return;
    }
    thread.running = data;
    if (state == XC_DATA_OPEN && !data->sctp)
        begin(data);
    data->retry = data->hold > 0;
    for (int round = 0; data->sctp && round < ROUNDS_MAX; round++) {
        data->ready = false;
        bool more = input(data);
        receive(data);
        send(data);
        data->ready = data->ready || more;
        if (!data->ready || data->wrote)
            break;
    }
    thread.running = NULL;
    tell(data);
    if (data->ready)
        touch(data);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void take_notified(void)
{
    struct xc_data *data = atomic_exchange_explicit(&thread.notified, NULL, memory_order_seq_cst);
    while (data) {
        struct xc_data *next = data->next_notified;
        if (data->releasing) {
            release(data);
        } else {
            atomic_exchange_explicit(&data->notified, 0, memory_order_seq_cst);
            touch(data);
        }
        data = next;
    }
}

static struct xc_data *take_work(void)
{
    struct xc_data *data = thread.work_first;
    if (!data)
        return NULL;
    thread.work_first = data->next_work;
    if (!thread.work_first)
        thread.work_end = &thread.work_first;
    data->in_work = false;
    return data;
}

static bool ticking(uint64_t now)
{
    return thread.live || (thread.ended_at && now - thread.ended_at < TICKS_AFTER_LAST);
}

static void tick(uint64_t now)
{
    uint64_t elapsed = (now - thread.ticked_at) / XC_NS_PER_MS;
    if (elapsed < XC_SCTP_TICK_MS)
        return;
    thread.ticked_at += elapsed * XC_NS_PER_MS;
    if (!ticking(now))
        return;
    xc_sctp_library_tick((uint32_t)XC_MIN(elapsed, UINT64_C(1000)));
    for (struct xc_data *data = thread.live; data; data = data->next_live)
        if (data->retry) {
            data->hold = 0;
            touch(data);
        }
}

static uint64_t pause_of(uint64_t now)
{
    if (!ticking(now))
        return XC_NEVER;
    uint64_t period = now - thread.busy_at > IDLE_AFTER ? TICK_IDLE : TICK;
    uint64_t next = thread.ticked_at + period;
    return next > now ? next - now : 0;
}

/* An answer often follows at once; a look costs less than to be woken (a quarter of a round trip on a
 * machine that idles: 0.26 ms to 0.12). Not in bulk, where batches do better; and the processor is for
 * whoever else wants it. */
static bool told_at_once(void)
{
    uint64_t until = thread.busy_at + LINGER;
    while (thread.packets <= LINGER_PACKETS && xc_clock_now() < until) {
        if (atomic_load_explicit(&thread.notified, memory_order_relaxed))
            return true;
        xc_thread_yield();
    }
    return false;
}

static void sleep_until_told(void)
{
    if (told_at_once())
        return;
    xc_wake_announce(&thread.wake);
    if (!atomic_load_explicit(&thread.notified, memory_order_seq_cst) &&
        !atomic_load_explicit(&thread.stopping, memory_order_seq_cst))
        xc_wake_wait(&thread.wake, pause_of(xc_clock_now()));
    xc_wake_awake(&thread.wake);
    xc_wake_clear(&thread.wake);
}

static void *loop(void *unused)
{
    (void)unused;
    thread.work_end = &thread.work_first;
    thread.ticked_at = xc_clock_now();
    while (!atomic_load_explicit(&thread.stopping, memory_order_seq_cst)) {
        struct xc_data *data;
        take_notified();
        data = take_work();
        if (data) {
            thread.busy_at = xc_clock_now();
            thread.packets = 0;
            run(data);
        }
        tick(xc_clock_now());
        if (!thread.work_first)
            sleep_until_told();
    }
    return NULL;
}

/* --- start and stop -------------------------------------------------------------------------- */

static int32_t start_library(const char **words)
{
    if (atomic_load_explicit(&thread.library, memory_order_seq_cst))
        return XCALL_OK;
    if (!thread.guard.page && !xc_fork_guard_init(&thread.guard)) {
        *words = "the system has no memory page for the data thread";
        return XCALL_E_SYSTEM;
    }
    if (!xc_sctp_library_init()) {
        *words = "another part of this process uses usrsctp, which cannot be shared";
        return XCALL_E_UNSUPPORTED;
    }
    atomic_store_explicit(&thread.library, 1, memory_order_seq_cst);
    return XCALL_OK;
}

static int32_t start_thread(const char **words)
{
    int32_t result = start_library(words);
    if (result != XCALL_OK)
        return result;
    atomic_store_explicit(&thread.stopping, 0, memory_order_seq_cst);
    if (!xc_wake_init(&thread.wake) || !xc_thread_start(&thread.thread, "xcall-data", loop, NULL)) {
        xc_wake_deinit(&thread.wake);
        *words = "the data thread could not be started";
        return XCALL_E_SYSTEM;
    }
    return XCALL_OK;
}

int32_t xc_data_start(struct xcall_engine *engine, const char **words)
{
    int32_t result = XCALL_OK;
    if (atomic_load_explicit(&thread.library, memory_order_seq_cst) &&
        xc_fork_guard_forked(&thread.guard)) {
        *words = "the process that this one was forked from uses data channels";
        return XCALL_E_FORKED;
    }
    xc_lock_take(&thread.gate);
    if (!engine->data_used) {
        if (!thread.users)
            result = start_thread(words);
        engine->data_used = result == XCALL_OK;
        thread.users += engine->data_used;
    }
    xc_lock_give(&thread.gate);
    return result;
}

void xc_data_stop(struct xcall_engine *engine)
{
    xc_lock_take(&thread.gate);
    if (engine->data_used && --thread.users == 0) {
        atomic_store_explicit(&thread.stopping, 1, memory_order_seq_cst);
        xc_wake_signal(&thread.wake);
        xc_thread_join(&thread.thread);
        xc_wake_deinit(&thread.wake);
    }
    engine->data_used = false;
    xc_lock_give(&thread.gate);
}

void xc_data_end_all(struct xcall_engine *engine)
{
    struct xc_wake pause = {.fd = -1};
    if (!atomic_load_explicit(&engine->data_calls, memory_order_seq_cst))
        return;
    for (uint32_t i = 0; i < engine->slot_count; i++) {
        struct xc_call *call = engine->slots[i].call;
        if (!call)
            continue;
        /* Nobody takes events any more, so none is waited for. */
        atomic_store_explicit(&call->detached, 1, memory_order_seq_cst);
        xc_data_end(call->data);
    }
    while (atomic_load_explicit(&engine->data_calls, memory_order_seq_cst))
        xc_wake_wait(&pause, XC_NS_PER_MS / 4); /* the thread is never long */
}

struct xc_data *xc_data_create(struct xc_arena *arena, struct xc_call *call)
{
    const struct xcall_call_config *config = &call->config;
    struct xc_data *data = xc_arena_take_untouched(arena, sizeof *data);
    struct xc_channels_config channels = {.channels_max = config->data_channels,
                                          .send_bytes = config->data_send_bytes,
                                          .receive_bytes =
                                              xc_power_of_two(config->data_receive_bytes)};
    struct xc_channels *machine = xc_channels_create(arena, &channels);
    if (!data || !machine)
        return NULL;
    data->call = call;
    data->port = xc_session_data_port(call->session);
    data->channels = machine;
    xc_lock_init(&data->lock);
    return data;
}

void xc_data_destroy(struct xc_data *data)
{
    if (data)
        xc_lock_deinit(&data->lock);
}

/* --- host ------------------------------------------------------------------------------------ */

static uint32_t slot_of(uint64_t id)
{
    return (uint32_t)(id >> 17 & 0x3ff);
}

static uint64_t serial_of(uint64_t id)
{
    return id >> 27 & XC_CHANNEL_SERIAL_MAX;
}

uint64_t xc_data_serial(struct xcall_engine *engine)
{
    return atomic_fetch_add_explicit(&engine->channel_serial, 1, memory_order_relaxed) + 1;
}

int32_t xc_data_open(struct xc_data *data, const struct xc_channel_options *options, uint64_t *id)
{
    uint32_t slot = 0;
    uint64_t serial = xc_data_serial(data->call->engine);
    if (serial > XC_CHANNEL_SERIAL_MAX)
        return XCALL_E_LIMIT; /* 2^36 channels of one engine: an id is never used twice */
    xc_lock_take(&data->lock);
    int32_t result = xc_channels_open(data->channels, options, serial, &slot);
    xc_lock_give(&data->lock);
    if (result == XCALL_OK) {
        *id = xc_channel_id(data->call->index, slot, serial);
        xc_data_notify(data);
    }
    return result;
}

int32_t xc_data_send(struct xc_data *data, uint64_t id, bool text, struct xc_span message)
{
    xc_lock_take(&data->lock);
    int32_t result = xc_channels_send(data->channels, slot_of(id), serial_of(id), text, message);
    xc_lock_give(&data->lock);
    if (result == XCALL_OK)
        xc_data_notify(data);
    return result;
}

int32_t xc_data_close(struct xc_data *data, uint64_t id)
{
    xc_lock_take(&data->lock);
    int32_t result = xc_channels_close(data->channels, slot_of(id), serial_of(id));
    xc_lock_give(&data->lock);
    if (result == XCALL_OK)
        xc_data_notify(data);
    return result;
}

int32_t xc_data_set_low(struct xc_data *data, uint64_t id, uint64_t threshold)
{
    xc_lock_take(&data->lock);
    int32_t result = xc_channels_set_low(data->channels, slot_of(id), serial_of(id), threshold);
    xc_lock_give(&data->lock);
    return result;
}

int32_t xc_data_info(struct xc_data *data, uint64_t id, struct xc_channel_info *info)
{
    xc_lock_take(&data->lock);
    int32_t result = xc_channels_info(data->channels, slot_of(id), serial_of(id), info);
    xc_lock_give(&data->lock);
    return result;
}
