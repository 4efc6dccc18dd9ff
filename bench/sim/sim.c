/* sim.c - the event loop of a simulation. SPDX-License-Identifier: MIT */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "models.h"
#include "peer.h"
#include "proto/ice.h"
#include "proto/srtp.h"
#include "virtual_time.h"

#define AUDIO_PERIOD (10 * XC_NS_PER_MS)
#define VIDEO_PERIOD (XC_NS_PER_S / 30)
#define START XC_NS_PER_S /* virtual time of the first step: 0 means "not yet" in many places */
#define CONNECT_MAX (60 * XC_NS_PER_S) /* a side that neither connects nor ends by then is stuck */
#define END_MAX (40 * XC_NS_PER_S)     /* the same for ending after the hang-up */
#define STEPS_AT_ONE_TIME_MAX 20000

enum {
    EVENT_DATAGRAM = 1,
    EVENT_SIGNAL,
    EVENT_AUDIO_WRITE,
    EVENT_AUDIO_READ,
    EVENT_VIDEO_WRITE,
    EVENT_ENCODE,
    EVENT_DECODE,
    EVENT_HOSTILE,
    EVENT_HOLD,
    EVENT_HANG_UP,
};

struct event {
    uint64_t at, order;
    int type, peer;
    uint32_t value;
    struct xc_addr from;
    uint8_t *bytes;
    size_t size;
};

struct sim {
    struct sim_options options;
    struct sim_result *result;
    struct sim_peer peers[2];
    struct sim_link links[2];
    struct xc_rng hostile;
    struct event *heap;
    size_t heap_count, heap_room;
    uint64_t now, order, media_from, hang_up_at;
    uint64_t same_time_steps;
    bool out_of_memory;
};

static void fail(struct sim *sim, int peer, const char *words)
{
    if (!sim->result->invariant_failures++)
        snprintf(sim->result->failure, sizeof sim->result->failure, "%c at %.3f s: %s", 'a' + peer,
                 (double)(sim->now - START) / 1e9, words);
}

/* --- events ---------------------------------------------------------------------------------- */

static bool before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void schedule(struct sim *sim, struct event event)
{
    if (sim->heap_count == sim->heap_room) {
        size_t room = sim->heap_room ? 2 * sim->heap_room : 1024;
        struct event *grown = realloc(sim->heap, room * sizeof *grown);
        if (!grown) {
            sim->out_of_memory = true;
            free(event.bytes);
            return;
        }
        sim->heap = grown;
        sim->heap_room = room;
    }
    event.order = sim->order++;
    size_t at = sim->heap_count++;
    for (; at && before(&event, &sim->heap[(at - 1) / 2]); at = (at - 1) / 2)
        sim->heap[at] = sim->heap[(at - 1) / 2];
    sim->heap[at] = event;
}

static struct event take(struct sim *sim)
{
    struct event top = sim->heap[0], last = sim->heap[--sim->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sim->heap_count)
            break;
        if (child + 1 < sim->heap_count && before(&sim->heap[child + 1], &sim->heap[child]))
            child++;
        if (!before(&sim->heap[child], &last))
            break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return top;
}

static void schedule_bytes(struct sim *sim, int type, int peer, uint64_t at, uint32_t value,
                           const struct xc_addr *from, const void *bytes, size_t size)
{
    struct event event = {.at = at, .type = type, .peer = peer, .value = value, .size = size};
    event.bytes = malloc(size + 1);
    if (!event.bytes) {
        sim->out_of_memory = true;
        return;
    }
    memcpy(event.bytes, bytes, size);
    if (from)
        event.from = *from;
    schedule(sim, event);
}

/* --- one side -------------------------------------------------------------------------------- */

static void send_datagram(struct sim *sim, int from, struct xc_datagram *datagram)
{
    struct sim_peer *peer = &sim->peers[from];
    const char *broken = sim_check_datagram(peer, &sim->peers[!from], datagram);
    if (broken)
        fail(sim, from, broken);
    struct sim_fate fate = sim_link_send(&sim->links[from], sim->now, datagram->size);
    if (fate.corrupt && fate.copies)
        datagram->data[fate.corrupt_at % datagram->size] ^=
            (uint8_t)(1u << (fate.corrupt_at >> 29));
    for (uint32_t i = 0; i < fate.copies; i++)
        schedule_bytes(sim, EVENT_DATAGRAM, !from, fate.arrival[i], 0, &peer->addr, datagram->data,
                       datagram->size);
}

/* A side says what it has to say and is silent: all that is due at once is this little. */
#define SIGNALS_AT_ONCE_MAX (XC_ICE_LOCAL_MAX + 3) /* description, candidates, their end, bye */

static void hand_signals(struct sim *sim, int from)
{
    uint32_t signals = 0;
    static char text[XC_SESSION_SIGNAL_MAX];
    double delay = sim->options.signal_delay_ms >= 0 ? sim->options.signal_delay_ms
                                                     : sim->options.links[from].delay_ms;
    size_t size;
    uint32_t kind;
    while ((kind = xc_session_next_signal(sim->peers[from].session, sim->now, text, sizeof text,
                                          &size)) != 0) {
        if (size >= sizeof text || ++signals > SIGNALS_AT_ONCE_MAX) {
            fail(sim, from, "signals without end");
            return;
        }
        schedule_bytes(sim, EVENT_SIGNAL, !from, sim->now + (uint64_t)(delay * 1e6), kind, NULL,
                       text, size);
    }
}

static bool reading(const struct sim *sim, int number)
{
    double t = (double)(sim->now - sim->media_from) / 1e9;
    return number != SIM_B || !sim->media_from || t < sim->options.read_pause_at ||
           t >= sim->options.read_pause_at + sim->options.read_pause_for;
}

static void follow_state(struct sim *sim, struct sim_peer *peer)
{
    uint32_t state = xc_session_state(peer->session);
    if (state == peer->state)
        return;
    if (peer->state == XCALL_STATE_ENDED)
        fail(sim, peer->number, "a call came back after its end");
    peer->state = state;
    if (state == XCALL_STATE_CONNECTED && !peer->connected_at)
        peer->connected_at = sim->now;
    if (state == XCALL_STATE_ENDED)
        peer->ended_at = sim->now;
}

static void plan_encode(struct sim *sim, struct sim_peer *peer)
{
    uint64_t cost = XC_NS_PER_MS * (1 + xc_rng_below(&peer->host, 4));
    if (peer->encode_pending || (!xc_video_send_ready(peer->roads->video_send[0]) &&
                                 sim->now < xc_video_send_deadline(peer->roads->video_send[0])))
        return;
    peer->encode_pending = true;
    schedule(sim,
             (struct event){.at = sim->now + cost, .type = EVENT_ENCODE, .peer = peer->number});
}

/* Service, then drain every output, then read the deadline. */
static void pump(struct sim *sim, int number)
{
    struct sim_peer *peer = &sim->peers[number];
    uint8_t memory[XC_MTU + XC_DATAGRAM_SLACK];
    xc_session_service(peer->session, sim->now);
    hand_signals(sim, number);
    struct xc_datagram datagram = {.data = memory, .capacity = sizeof memory};
    while (xc_session_output(peer->session, sim->now, &datagram)) {
        send_datagram(sim, number, &datagram);
        datagram = (struct xc_datagram){.data = memory, .capacity = sizeof memory};
    }
    hand_signals(sim, number);
    follow_state(sim, peer);
    sim_peer_note_captures(peer);
    uint32_t work = xc_session_take_work(peer->session);
    if ((work & XC_WORK_DECODE) && !peer->decode_pending) {
        peer->decode_pending = true;
        schedule(sim, (struct event){
                          .at = sim->now + XC_NS_PER_MS, .type = EVENT_DECODE, .peer = number});
    }
    if (work & XC_WORK_ENCODE)
        plan_encode(sim, peer);
    if ((work & XC_WORK_PICTURE) && reading(sim, number))
        sim_peer_read_video(peer, &sim->peers[!number], sim->now);
    const char *broken = sim_check_session(peer);
    if (broken)
        fail(sim, number, broken);
    peer->deadline = xc_session_deadline(peer->session, sim->now);
}

/* A datagram from a stranger: noise, or the shape of each protocol with forged content. */
static void run_hostile(struct sim *sim, int number)
{
    static const uint8_t first[] = {0x00, 0x01, 20, 22, 23, 0x80, 0x90, 0x81, 200, 255};
    struct sim_peer *peer = &sim->peers[number];
    uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
    size_t size = xc_rng_below(&sim->hostile, 300);
    struct xc_addr from = {.family = XC_ADDR_IPV4, .port = 666, .bytes = {203, 0, 113, 9}};
    xc_rng_bytes(&sim->hostile, bytes, size);
    if (size)
        bytes[0] = first[xc_rng_below(&sim->hostile, XC_ARRAY_LEN(first))];
    if (size >= 8 && bytes[0] < 2) /* STUN's magic cookie */
        memcpy(bytes + 4, "\x21\x12\xa4\x42", 4);
    if (xc_rng_below(&sim->hostile, 3) == 0)
        from = sim->peers[!number].addr; /* spoofed */
    xc_session_input(peer->session, sim->now, &peer->addr, &from, bytes, size);
    double wait = 1e9 / sim->options.hostile_per_s;
    schedule(sim, (struct event){
                      .at = sim->now + (uint64_t)wait, .type = EVENT_HOSTILE, .peer = number});
}

static uint64_t media_period(const struct sim *sim, int number, uint64_t period)
{
    return (uint64_t)((double)period * (1.0 - sim->options.links[number].drift_ppm * 1e-6));
}

static void run_media(struct sim *sim, const struct event *event)
{
    struct sim_peer *peer = &sim->peers[event->peer];
    uint64_t next = 0;
    double t = (double)(sim->now - sim->media_from) / 1e9;
    bool writing = event->peer != SIM_A || !sim->media_from || t < sim->options.write_pause_at ||
                   t >= sim->options.write_pause_at + sim->options.write_pause_for;
    switch (event->type) {
    case EVENT_AUDIO_WRITE:
        if (writing)
            sim_peer_write_audio(peer, sim->now);
        next = media_period(sim, event->peer, AUDIO_PERIOD);
        break;
    case EVENT_AUDIO_READ:
        if (reading(sim, event->peer))
            sim_peer_read_audio(peer, sim->now);
        next = AUDIO_PERIOD;
        break;
    case EVENT_VIDEO_WRITE:
        if (writing)
            sim_peer_write_video(peer, sim->now);
        next = media_period(sim, event->peer, VIDEO_PERIOD);
        plan_encode(sim, peer);
        break;
    default:
        break;
    }
    schedule(sim, (struct event){.at = sim->now + next, .type = event->type, .peer = event->peer});
}

static void run_codec(struct sim *sim, const struct event *event)
{
    struct sim_peer *peer = &sim->peers[event->peer];
    if (event->type == EVENT_ENCODE) {
        peer->encode_pending = false;
        xc_video_send_encode(peer->roads->video_send[0], sim->now, NULL, NULL);
        return;
    }
    peer->decode_pending = false;
    while (xc_video_recv_ready(peer->roads->video_recv[0]))
        xc_video_recv_decode(peer->roads->video_recv[0], sim->now, NULL, NULL);
    if (reading(sim, event->peer))
        sim_peer_read_video(peer, &sim->peers[!event->peer], sim->now);
    if (sim_models_take_broken_chains())
        fail(sim, event->peer, "a frame was decoded whose predecessor was not");
}

static void run_event(struct sim *sim, struct event *event)
{
    struct sim_peer *peer = &sim->peers[event->peer];
    switch (event->type) {
    case EVENT_DATAGRAM:
        event->bytes = realloc(event->bytes, event->size + XC_DATAGRAM_SLACK);
        if (event->bytes)
            xc_session_input(peer->session, sim->now, &peer->addr, &event->from, event->bytes,
                             event->size);
        break;
    case EVENT_SIGNAL:
        xc_session_receive_signal(peer->session, sim->now, event->value,
                                  xc_span_make(event->bytes, event->size));
        break;
    case EVENT_ENCODE:
    case EVENT_DECODE:
        run_codec(sim, event);
        break;
    case EVENT_HOSTILE:
        run_hostile(sim, event->peer);
        break;
    case EVENT_HOLD:
        xc_session_set_hold(peer->session, sim->now, event->value != 0);
        break;
    case EVENT_HANG_UP:
        xc_session_hang_up(peer->session, sim->now, XCALL_END_HANG_UP);
        break;
    default:
        run_media(sim, event);
        break;
    }
    free(event->bytes);
    /* Reading audio is the playout thread's business: the shard sleeps on. */
    if (event->type != EVENT_AUDIO_READ)
        pump(sim, event->peer);
}

/* --- the run --------------------------------------------------------------------------------- */

static void start(struct sim *sim)
{
    for (int number = 0; number < 2; number++) {
        struct sim_peer *peer = &sim->peers[number];
        uint64_t phase = START + xc_rng_below(&peer->host, 10000) * XC_NS_PER_US;
        schedule(sim, (struct event){.at = phase, .type = EVENT_AUDIO_WRITE, .peer = number});
        phase = START + xc_rng_below(&peer->host, 10000) * XC_NS_PER_US;
        schedule(sim, (struct event){.at = phase, .type = EVENT_AUDIO_READ, .peer = number});
        phase = START + xc_rng_below(&peer->host, 33000) * XC_NS_PER_US;
        if (!sim->options.no_video)
            schedule(sim, (struct event){.at = phase, .type = EVENT_VIDEO_WRITE, .peer = number});
        if (sim->options.hostile_per_s > 0)
            schedule(sim, (struct event){.at = phase, .type = EVENT_HOSTILE, .peer = number});
        pump(sim, number);
    }
}

static void plan_rest(struct sim *sim)
{
    const struct sim_options *o = &sim->options;
    bool both = sim->peers[0].connected_at && sim->peers[1].connected_at;
    if (sim->media_from || !both)
        return;
    sim->media_from = sim->now;
    if (o->hold_for > 0) {
        uint64_t at = sim->now + (uint64_t)(o->hold_at * 1e9);
        schedule(sim, (struct event){.at = at, .type = EVENT_HOLD, .value = 1});
        at += (uint64_t)(o->hold_for * 1e9);
        schedule(sim, (struct event){.at = at, .type = EVENT_HOLD});
    }
    sim->hang_up_at = sim->now + (uint64_t)(o->seconds * 1e9);
    schedule(sim, (struct event){.at = sim->hang_up_at,
                                 .type = EVENT_HANG_UP,
                                 .peer = o->hang_up_by_b ? SIM_B : SIM_A});
}

static bool step(struct sim *sim)
{
    uint64_t at = sim->heap_count ? sim->heap[0].at : XC_NEVER;
    int due = -1;
    for (int i = 0; i < 2; i++) {
        if (sim->peers[i].deadline < at) {
            at = sim->peers[i].deadline;
            due = i;
        }
    }
    sim->same_time_steps = at <= sim->now ? sim->same_time_steps + 1 : 0;
    if (sim->same_time_steps > STEPS_AT_ONE_TIME_MAX) {
        fail(sim, due < 0 ? 0 : due, "time stands still: a deadline stays in the past");
        return false;
    }
    sim->now = at > sim->now ? at : sim->now;
    sim_virtual_time_set(sim->now);
    sim->result->steps++;
    if (due >= 0) {
        pump(sim, due);
    } else {
        struct event event = take(sim);
        run_event(sim, &event);
    }
    plan_rest(sim);
    return !sim->out_of_memory;
}

static void run(struct sim *sim)
{
    struct sim_peer *peers = sim->peers;
    start(sim);
    while (step(sim)) {
        if (peers[0].ended_at && peers[1].ended_at)
            return;
        bool one_left = !peers[0].ended_at != !peers[1].ended_at;
        uint64_t since = one_left ? XC_MAX(peers[0].ended_at, peers[1].ended_at)
                                  : XC_MAX(sim->hang_up_at, START);
        if (sim->now > since + (sim->media_from ? END_MAX : CONNECT_MAX)) {
            if (one_left || sim->now > sim->hang_up_at)
                fail(sim, peers[0].ended_at ? 1 : 0, "a side neither connected nor ended");
            return;
        }
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill_direction(struct sim *sim, int from)
{
    struct sim_direction *to = &sim->result->directions[from];
    struct sim_peer *sender = &sim->peers[from], *receiver = &sim->peers[!from];
    struct xcall_stats sent, got;
    xc_session_stats(sender->session, sim->now, &sent);
    xc_session_stats(receiver->session, sim->now, &got);
    to->audio_sent = sent.audio_sent.frames_encoded;
    to->audio_played = receiver->played;
    if (got.audio_received.total_samples_received)
        to->concealed_percent = 100.0 * (double)got.audio_received.concealed_samples /
                                (double)got.audio_received.total_samples_received;
    if (receiver->played)
        to->added_delay_ms = receiver->added_delay_total / (double)receiver->played;
    to->video_sent = sent.video_sent.frames_encoded;
    to->video_delivered = got.video_received.frames_delivered;
    if (receiver->roads->video_recv[0]) {
        struct xc_video_recv_counters road;
        xc_video_recv_counters(receiver->roads->video_recv[0], &road);
        to->video_skipped = road.frames_skipped;
    }
    to->freezes = got.video_received.freeze_count;
    to->packets = sim->links[from].packets;
    to->retransmitted =
        sent.audio_sent.retransmitted_packets_sent + sent.video_sent.retransmitted_packets_sent;
    to->nacks = got.audio_received.nack_count + got.video_received.nack_count;
    to->plis = got.video_received.pli_count;
    to->fec_used = got.audio_received.fec_packets_used;
    uint32_t n = receiver->video_delay_count;
    if (!n)
        return;
    qsort(receiver->video_delays, n, sizeof(double), compare);
    to->video_delay_p50_ms = receiver->video_delays[n / 2];
    to->video_delay_p95_ms = receiver->video_delays[n * 95 / 100];
}

static double later_ms(uint64_t a, uint64_t b)
{
    return a && b ? (double)(XC_MAX(a, b) - START) / 1e6 : -1.0;
}

void sim_options_init(struct sim_options *options)
{
    memset(options, 0, sizeof *options);
    options->seed = 1;
    options->seconds = 10;
    options->signal_delay_ms = -1;
}

bool sim_run(const struct sim_options *options, struct sim_result *result, const char **words)
{
    struct sim sim = {.options = *options, .result = result, .now = START};
    bool ok = true;
    memset(result, 0, sizeof *result);
    *words = "there is no memory for the simulation";
    sim_virtual_time_set(START);
    sim_virtual_random_seed(options->seed);
    xc_rng_init_number(&sim.hostile, options->seed + 77);
    sim_models_take_broken_chains();
    if (!xc_srtp_library_init())
        return false;
    for (int i = 0; i < 2 && ok; i++)
        ok = sim_link_init(&sim.links[i], &options->links[i], options->seed * 2 + (uint64_t)i,
                           START, words) &&
             sim_peer_init(&sim.peers[i], i, options, START);
    if (ok) {
        run(&sim);
        for (int i = 0; i < 2; i++) {
            fill_direction(&sim, i);
            result->end_reason[i] = xc_session_reason(sim.peers[i].session);
            if (!sim_peer_canary_intact(&sim.peers[i]))
                fail(&sim, i, "memory behind the session was written");
        }
        const struct sim_peer *p = sim.peers;
        result->connected_ms = later_ms(p[0].connected_at, p[1].connected_at);
        result->first_audio_ms = later_ms(p[0].first_audio, p[1].first_audio);
        result->first_video_ms = later_ms(p[0].first_video, p[1].first_video);
    }
    for (int i = 0; i < 2; i++) {
        sim_peer_deinit(&sim.peers[i]);
        sim_link_deinit(&sim.links[i]);
    }
    for (size_t i = 0; i < sim.heap_count; i++)
        free(sim.heap[i].bytes);
    free(sim.heap);
    return ok && !sim.out_of_memory;
}
