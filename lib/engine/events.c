/* events.c - the queue that the host's one consumer empties. A token says "this call has something";
 * what it has is in the call: bits that coalesce, and a ring of signals. So a call never has more
 * than one token in the queue, and its ENDED event has a place by construction.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/engine.h"
#include "io/clock.h"

enum { TOKEN_CALL = 1, TOKEN_LOG = 2, TOKEN_POSTED = 3 };
enum { TAG_EVENTS = 1, TAG_SHARD = 2 };

static uint64_t token(uint32_t kind, uint32_t generation, uint32_t index)
{
    return (uint64_t)kind << 56 | (uint64_t)generation << 24 | index;
}

bool xc_events_init(struct xcall_engine *engine, struct xc_arena *arena)
{
    struct xc_events probe;
    struct xc_events *events = xc_arena_measuring(arena) ? &probe : &engine->events;
    const struct xcall_engine_config *config = &engine->config;
    bool ok = xc_mpsc_init(&events->queue, arena,
                           xc_power_of_two(2 * engine->slot_count + config->posted_max + 64));
    events->posted = xc_arena_take(arena, (config->posted_max + 1) * sizeof *events->posted);
    if (xc_arena_measuring(arena))
        return true;
    events->wake.fd = events->combined.fd = -1;
    if (!ok || !xc_wake_init(&events->wake))
        return false;
    if (config->threads)
        return true;
    return xc_poller_init(&events->combined) &&
           xc_poller_add(&events->combined, events->wake.fd, TAG_EVENTS);
}

void xc_events_deinit(struct xcall_engine *engine)
{
    struct xc_events *events = &engine->events;
    xc_poller_deinit(&events->combined);
    xc_wake_deinit(&events->wake);
    free(events->text);
    free(events->taken);
    for (; events->posted_count; events->posted_count--) {
        free(events->posted[events->posted_first]);
        events->posted_first = (events->posted_first + 1) % engine->config.posted_max;
    }
}

/* The descriptor stays readable from the first token until the consumer finds the queue empty. */
void xc_events_signal(struct xcall_engine *engine)
{
    if (!atomic_exchange_explicit(&engine->events.signalled, 1, memory_order_seq_cst))
        xc_wake_signal(&engine->events.wake);
}

static void put(struct xcall_engine *engine, uint64_t word)
{
    xc_mpsc_put(&engine->events.queue, word); /* room for every call, log ring and posted event */
    xc_events_signal(engine);
}

void xc_events_raise(struct xc_call *call, uint32_t bits)
{
    if (bits) {
        atomic_store_explicit(&call->event_time, xc_engine_now(call->engine), memory_order_relaxed);
        atomic_fetch_or_explicit(&call->event_bits, bits, memory_order_seq_cst);
    }
    if (!atomic_exchange_explicit(&call->event_queued, 1, memory_order_seq_cst))
        put(call->engine, token(TOKEN_CALL, call->generation, call->index));
}

void xc_events_raise_log(struct xc_shard *shard)
{
    if (!atomic_exchange_explicit(&shard->log_queued, 1, memory_order_seq_cst))
        put(shard->engine, token(TOKEN_LOG, 0, shard->number));
}

static struct xc_posted *make_posted(struct xcall_engine *engine, const struct xcall_event *event)
{
    size_t protocol_size = event->protocol ? strlen(event->protocol) + 1 : 0;
    size_t text_size = event->text_length + 1;
    struct xc_posted *posted = malloc(sizeof *posted + text_size + protocol_size);
    if (!posted)
        return NULL;
    char *text = (char *)(posted + 1);
    posted->event = *event;
    posted->event.time_ns = xc_engine_now(engine);
    if (event->text_length)
        memcpy(text, event->text, event->text_length);
    text[event->text_length] = '\0';
    posted->event.text = text;
    if (protocol_size)
        posted->event.protocol = memcpy(text + text_size, event->protocol, protocol_size);
    return posted;
}

int32_t xc_events_post(struct xcall_engine *engine, const struct xcall_event *event)
{
    struct xc_events *events = &engine->events;
    struct xc_posted *posted = make_posted(engine, event);
    bool room = false;
    if (!posted)
        return XCALL_E_MEMORY;
    xc_lock_take(&engine->control);
    if (events->posted_count < engine->config.posted_max) {
        uint32_t at = (events->posted_first + events->posted_count) % engine->config.posted_max;
        events->posted[at] = posted;
        events->posted_count++;
        room = true;
    }
    xc_lock_give(&engine->control);
    if (!room) {
        free(posted);
        return XCALL_E_LIMIT;
    }
    put(engine, token(TOKEN_POSTED, 0, 0));
    return XCALL_OK;
}

/* --- consumer -------------------------------------------------------------------------------- */

static bool keep_text(struct xc_events *events, size_t size)
{
    if (events->text_capacity > size)
        return true;
    char *grown = realloc(events->text, size + 1024);
    if (!grown)
        return false;
    events->text = grown;
    events->text_capacity = size + 1024;
    return true;
}

static void begin(struct xcall_event *event, const struct xc_call *call, uint32_t type,
                  uint64_t time)
{
    *event = (struct xcall_event){.size = sizeof *event,
                                  .type = type,
                                  .call = xc_call_id(call),
                                  .user = call->user,
                                  .time_ns = time,
                                  .text = ""};
}

static bool take_signal(struct xc_events *events, struct xc_call *call, struct xcall_event *event)
{
    struct xc_signal_record record;
    if (!xc_byte_ring_peek(call->signals, 0, &record, sizeof record) ||
        !keep_text(events, record.size))
        return false;
    xc_byte_ring_skip(call->signals, sizeof record);
    xc_byte_ring_read(call->signals, events->text, record.size + 1);
    begin(event, call, XCALL_EVENT_SIGNAL, record.time);
    event->signal_kind = record.kind;
    event->text = events->text;
    event->text_length = record.size;
    return true;
}

/* A record of the data thread's, with all that its event points to. */
static bool take_data(struct xc_events *events, struct xc_call *call, struct xcall_event *event)
{
    struct xc_channel_record record;
    if (!call->data || !xc_data_peek(call->data, &record) ||
        !keep_text(events, (size_t)record.size + record.protocol_size + 2))
        return false;
    struct xc_byte_ring *ring = xc_channels_records(call->data->channels);
    xc_byte_ring_skip(ring, sizeof record);
    xc_byte_ring_read(ring, events->text, record.size + record.protocol_size + 2);
    xc_data_taken(call->data);
    bool message = record.type == XC_CHANNEL_RECORD_MESSAGE;
    uint32_t type = message                                  ? XCALL_EVENT_MESSAGE
                    : record.type == XC_CHANNEL_RECORD_STATE ? XCALL_EVENT_CHANNEL
                                                             : XCALL_EVENT_BUFFERED_LOW;
    begin(event, call, type, record.time);
    event->channel = xc_channel_id(call->index, record.slot, record.serial);
    if (message) {
        event->flags = record.text ? XCALL_MESSAGE_TEXT : XCALL_MESSAGE_BINARY;
        event->data = (const uint8_t *)events->text;
        event->data_length = record.size;
    } else {
        event->state = record.state;
        event->flags = (record.remote ? XCALL_CHANNEL_REMOTE : 0u) |
                       (record.unordered ? XCALL_CHANNEL_UNORDERED : 0u);
    }
    if (record.text || record.type == XC_CHANNEL_RECORD_STATE) {
        event->text = events->text;
        event->text_length = record.size;
        event->protocol = message ? NULL : events->text + record.size + 1;
    }
    return true;
}

static bool take_bit(struct xc_call *call, uint32_t bit)
{
    return (atomic_fetch_and_explicit(&call->event_bits, ~bit, memory_order_seq_cst) & bit) != 0;
}

/* A picture that is due, or what flows on a track. */
static bool take_track_event(struct xc_call *call, struct xcall_event *event, uint64_t now)
{
    for (uint32_t video = 0; video < XC_VIDEOS; video++) {
        if (!take_bit(call, video ? XC_CALL_EVENT_PICTURE_SCREEN : XC_CALL_EVENT_PICTURE))
            continue;
        begin(event, call, XCALL_EVENT_PICTURE, now);
        event->track = xc_call_id(call) | (XCALL_KIND_VIDEO + video);
        return true;
    }
    for (uint32_t track = 0; track < 1 + XC_VIDEOS; track++) {
        if (!take_bit(call, XC_CALL_EVENT_TRACK << track))
            continue;
        begin(event, call, XCALL_EVENT_TRACK, now);
        event->track = xc_call_id(call) | (track + 1);
        event->flags = atomic_load_explicit(&call->flows[track], memory_order_seq_cst);
        return true;
    }
    return false;
}

/* The call's next event: ENDED only when everything else was taken. */
static bool take_call_event(struct xc_events *events, struct xc_call *call,
                            struct xcall_event *event)
{
    uint64_t now = atomic_load_explicit(&call->event_time, memory_order_relaxed);
    bool ended =
        (atomic_load_explicit(&call->event_bits, memory_order_seq_cst) & XC_CALL_EVENT_ENDED) != 0;
    if (take_signal(events, call, event) || take_data(events, call, event))
        return true;
    if (take_bit(call, XC_CALL_EVENT_STATE) && !ended) {
        begin(event, call, XCALL_EVENT_STATE, now);
        event->state = atomic_load_explicit(&call->state, memory_order_seq_cst);
        return true;
    }
    if (take_bit(call, XC_CALL_EVENT_REMOTE) && !ended) {
        begin(event, call, XCALL_EVENT_REMOTE, now);
        event->flags =
            atomic_load_explicit(&call->remote_hold, memory_order_seq_cst) ? XCALL_REMOTE_HOLD : 0;
        return true;
    }
    if (!ended)
        return take_track_event(call, event, now);
    begin(event, call, XCALL_EVENT_ENDED, now);
    event->state = XCALL_STATE_ENDED;
    event->reason = atomic_load_explicit(&call->reason, memory_order_seq_cst);
    event->text = atomic_load_explicit(&call->reason_text, memory_order_seq_cst);
    if (!event->text)
        event->text = xc_end_text(event->reason);
    event->text_length = strlen(event->text);
    events->finished = call;
    xc_lock_take(&call->engine->control);
    xc_slots_ended(call->engine);
    xc_lock_give(&call->engine->control);
    return true;
}

static bool take_from_call(struct xcall_engine *engine, uint32_t index, uint32_t generation,
                           struct xcall_event *event)
{
    struct xc_slot *slot = &engine->slots[index];
    /* Only this consumer frees calls, so what the generation names stays. */
    if (atomic_load_explicit(&slot->generation, memory_order_seq_cst) != generation)
        return false;
    struct xc_call *call = slot->call;
    atomic_exchange_explicit(&call->event_queued, 0, memory_order_seq_cst);
    if (!take_call_event(&engine->events, call, event))
        return false;
    if (event->type != XCALL_EVENT_ENDED)
        xc_events_raise(call, 0); /* there may be more: one event a token */
    return true;
}

static bool take_log(struct xcall_engine *engine, uint32_t number, struct xcall_event *event)
{
    struct xc_shard *shard = &engine->shards[number];
    struct xc_log_line line;
    atomic_exchange_explicit(&shard->log_queued, 0, memory_order_seq_cst);
    if (!xc_ring_get(&shard->log, &line) || !keep_text(&engine->events, sizeof line.text))
        return false;
    memcpy(engine->events.text, line.text, sizeof line.text);
    *event = (struct xcall_event){.size = sizeof *event,
                                  .type = XCALL_EVENT_LOG,
                                  .call = line.call,
                                  .user = line.user,
                                  .time_ns = line.time,
                                  .level = line.level,
                                  .text = engine->events.text,
                                  .text_length = strlen(line.text)};
    xc_events_raise_log(shard);
    return true;
}

static bool take_posted(struct xcall_engine *engine, struct xcall_event *event)
{
    struct xc_events *events = &engine->events;
    struct xc_posted *posted = NULL;
    xc_lock_take(&engine->control);
    if (events->posted_count) {
        posted = events->posted[events->posted_first];
        events->posted_first = (events->posted_first + 1) % engine->config.posted_max;
        events->posted_count--;
    }
    xc_lock_give(&engine->control);
    if (!posted)
        return false;
    free(events->taken);
    events->taken = posted; /* its texts live until the next event */
    *event = posted->event;
    return true;
}

static bool take_event(struct xcall_engine *engine, struct xcall_event *event)
{
    uint64_t word;
    while (xc_mpsc_get(&engine->events.queue, &word)) {
        uint32_t index = (uint32_t)(word & 0xffffff), generation = (uint32_t)(word >> 24);
        switch (word >> 56) {
        case TOKEN_CALL:
            if (take_from_call(engine, index, generation, event))
                return true;
            break;
        case TOKEN_LOG:
            if (take_log(engine, index, event))
                return true;
            break;
        default:
            if (take_posted(engine, event))
                return true;
            break;
        }
    }
    return false;
}

/* Frees the call whose ENDED event was taken last time, and those that were still pinned then. */
static void bury(struct xcall_engine *engine)
{
    struct xc_events *events = &engine->events;
    struct xc_call *rest = NULL;
    if (events->finished) {
        events->finished->next_dead = events->dead;
        events->dead = events->finished;
        events->finished = NULL;
    }
    while (events->dead) {
        struct xc_call *call = events->dead;
        events->dead = call->next_dead;
        xc_lock_take(&engine->control);
        bool free_now = xc_slots_free(engine, call);
        xc_lock_give(&engine->control);
        if (free_now) {
            xc_call_destroy(call);
        } else {
            call->next_dead = rest;
            rest = call;
        }
    }
    events->dead = rest;
}

static bool all_done(struct xcall_engine *engine)
{
    if (!atomic_load_explicit(&engine->closing, memory_order_seq_cst))
        return false;
    xc_lock_take(&engine->control);
    bool done = engine->calls_live == 0;
    xc_lock_give(&engine->control);
    return done;
}

static int32_t next_event(struct xcall_engine *engine, struct xcall_event *event,
                          int32_t timeout_ms)
{
    struct xc_events *events = &engine->events;
    uint64_t start = xc_clock_now();
    bury(engine);
    for (;;) {
        if (take_event(engine, event))
            return XCALL_OK;
        xc_wake_clear(&events->wake);
        atomic_exchange_explicit(&events->signalled, 0, memory_order_seq_cst);
        if (take_event(engine, event)) {
            xc_events_signal(engine); /* there may be more */
            return XCALL_OK;
        }
        if (all_done(engine)) {
            xc_events_signal(engine); /* stays readable: closed */
            return XCALL_E_CLOSED;
        }
        if (atomic_exchange_explicit(&events->woken, 0, memory_order_seq_cst))
            return XCALL_E_TIMEOUT;
        uint64_t waited = xc_clock_now() - start, limit = XC_NEVER;
        if (timeout_ms >= 0) {
            limit = (uint64_t)timeout_ms * XC_NS_PER_MS;
            if (waited >= limit)
                return XCALL_E_TIMEOUT;
            limit -= waited;
        }
        xc_wake_wait(&events->wake, limit);
    }
}

int32_t xc_events_next(struct xcall_engine *engine, struct xcall_event *event, int32_t timeout_ms)
{
    if (atomic_exchange_explicit(&engine->events.busy, 1, memory_order_seq_cst))
        return XCALL_E_BUSY;
    int32_t result = next_event(engine, event, timeout_ms);
    atomic_store_explicit(&engine->events.busy, 0, memory_order_seq_cst);
    return result;
}

const char *xc_end_text(uint32_t reason)
{
    switch (reason) {
    case XCALL_END_HANG_UP:
        return "hung up";
    case XCALL_END_REMOTE_HANG_UP:
        return "the peer hung up";
    case XCALL_END_CONNECT_FAILED:
        return "no path to the peer was found in time";
    case XCALL_END_CONNECTION_LOST:
        return "the peer no longer answers";
    case XCALL_END_SECURITY:
        return "the peer could not be authenticated";
    case XCALL_END_NEGOTIATION:
        return "the descriptions could not be agreed on";
    case XCALL_END_OVERFLOW:
        return "the host did not take its signals";
    case XCALL_END_CLOSED:
        return "the engine was closed";
    case XCALL_END_FAILED:
        return "an internal operation failed";
    case XCALL_END_RELAY_UNAVAILABLE:
        return "the call must be relayed and no relay can be had";
    default:
        return "";
    }
}
