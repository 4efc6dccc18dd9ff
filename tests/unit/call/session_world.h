/* session_world.h - two sessions, a link that delays and loses, and hosts that write and read, all on
 * one virtual clock (a program includes it once; it is linked with -rdynamic, so that OpenSSL finds
 * the gettimeofday below). Real codecs on small pictures.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_SESSION_WORLD_H
#define XC_TEST_SESSION_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <sys/time.h>

#include "call/session_state.h"

#define WORLD_START (1000 * XC_NS_PER_S)
#define WORLD_UNIX (UINT64_C(1790000000) * XC_NS_PER_S)
#define WORLD_FLIGHT 1024 /* datagrams under way */
#define WORLD_WIDTH 64u
#define WORLD_HEIGHT 48u
#define WORLD_BLOCK 480u /* 10 ms */
#define WORLD_TRACES 1024u
#define WORLD_ENCODED (1u << 20)
#define WORLD_MAIL 256 /* signals under way */

static uint64_t world_now;

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv,
                                                        void *restrict zone)
{
    (void)zone;
    tv->tv_sec = (time_t)((WORLD_UNIX + world_now) / XC_NS_PER_S);
    tv->tv_usec = (suseconds_t)((WORLD_UNIX + world_now) % XC_NS_PER_S / XC_NS_PER_US);
    return 0;
}

struct flight {
    int to;
    uint64_t due;
    size_t size;
    struct xc_addr local, remote;
    uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
};

struct mail {
    int to;
    uint32_t kind;
    uint64_t due;
    size_t size;
    char *text;
};

struct side {
    struct xc_session *session;
    const struct xc_session_roads *roads;
    struct xcall_call_config call;
    struct xc_dtls_identity *identity;
    void *memory;
    struct xc_addr addr;
    uint64_t connected_at, read_sound_at;
    uint32_t blocks, pictures, keys_asked; /* by this side's host */
    uint32_t shown;
    uint32_t shown_on[XC_VIDEOS]; /* by track */
    uint32_t mean[XC_VIDEOS];     /* of the luma of the newest picture */
    uint32_t rotation;            /* of what is written, degrees */
    uint64_t capture_age; /* of the newest picture when it arrived, by its own stamp; 0: none */
    uint32_t signals, offers;
    uint32_t flows[XC_TRACKS]; /* as the host was told */
    double energy;             /* of what was heard */
    uint64_t samples;          /* of the voice */
    double pitch, formant[2][2];
    char last_signal[XC_SESSION_SIGNAL_MAX];
};

struct world {
    struct side side[2];                 /* 0 offers */
    struct flight flights[WORLD_FLIGHT]; /* in the order of their arrival */
    uint32_t flight_first, flight_end;   /* only grow */
    struct xc_signal_scratch *scratch;
    struct xc_rng rng; /* of the link */
    uint64_t delay, signal_delay;
    struct mail mail[WORLD_MAIL];
    uint32_t mail_first, mail_end;
    bool marked;              /* pictures are flat, of a brightness that says side and track */
    uint32_t loss_percent[2]; /* of what side i sends, once both are connected */
    uint32_t tick;            /* ms since the start */
    bool ask_for_keys;        /* both hosts, each ms */
    bool silent;              /* the hosts write nothing */
    /* What a signal of side `from` becomes on its way; NULL: nothing. In place. */
    void (*alter)(int from, uint32_t kind, char *text, size_t *size, size_t capacity);
    /* Looks at every datagram that side `from` sends. */
    void (*sent)(struct world *world, int from, const struct xc_datagram *datagram);
    /* A network of the test's own takes what side `from` sends, and is turned once a ms; NULL: the
     * link between the two sides. */
    void (*route)(struct world *world, int from, const struct xc_datagram *datagram);
    void (*turn)(struct world *world);
};

/* The brightness of marked pictures. */
static inline uint32_t world_mark(int side, int video)
{
    return 40 + 50 * (uint32_t)(2 * video + side);
}

static inline void world_default(struct xcall_call_config *call, int i)
{
    xcall_call_config_init(call, sizeof *call);
    call->role = i == 0 ? XCALL_ROLE_OFFER : XCALL_ROLE_ANSWER;
    call->video_direction = XCALL_DIRECTION_BOTH;
    call->video_width = call->video_width_max = WORLD_WIDTH;
    call->video_height = call->video_height_max = WORLD_HEIGHT;
    call->video_bitrate_bps = 200000;
    call->trace_frames = WORLD_TRACES;
    call->encoded_bytes = WORLD_ENCODED;
}

static inline void world_add(struct world *world, int i, uint64_t seed)
{
    struct side *side = &world->side[i];
    struct xc_arena arena = {0};
    struct xc_rng rng;
    side->identity = xc_dtls_identity_create(WORLD_UNIX / XC_NS_PER_S);
    assert_non_null(side->identity);
    struct xc_session_config config = {.call = &side->call,
                                       .identity = side->identity,
                                       .audio_codec = &xc_opus,
                                       .video_codecs = xc_vpx_codecs,
                                       .unix_epoch = WORLD_UNIX,
                                       .scratch = world->scratch};
    xc_rng_init_number(&rng, seed * 2 + (uint64_t)i);
    xc_rng_bytes(&rng, config.seed, sizeof config.seed);
    xc_session_create(&arena, &config, world_now);
    size_t size = arena.used;
    side->memory = aligned_alloc(XC_CACHE_LINE, size);
    assert_non_null(side->memory);
    arena = (struct xc_arena){.memory = side->memory, .capacity = size};
    side->session = xc_session_create(&arena, &config, world_now);
    assert_non_null(side->session);
    side->roads = xc_session_roads(side->session);
    side->addr = (struct xc_addr){
        .family = XC_ADDR_IPV4, .port = 4000, .bytes = {192, 0, 2, (uint8_t)(i + 1)}};
    assert_true(xc_session_add_local(side->session, &side->addr, 65535));
}

/* The sides' call configurations are filled in by the caller or left to world_default(). */
static inline struct world *world_make(uint64_t seed, uint64_t delay)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->scratch = calloc(1, sizeof *world->scratch);
    assert_non_null(world->scratch);
    world->delay = delay;
    world_now = WORLD_START;
    xc_rng_init_number(&world->rng, seed);
    assert_true(xc_srtp_library_init());
    for (int i = 0; i < 2; i++)
        world_default(&world->side[i].call, i);
    return world;
}

static inline void world_open(struct world *world, uint64_t seed)
{
    for (int i = 0; i < 2; i++)
        world_add(world, i, seed);
}

static inline void world_free(struct world *world)
{
    for (int i = 0; i < 2; i++) {
        xc_session_destroy(world->side[i].session);
        xc_dtls_identity_destroy(world->side[i].identity);
        free(world->side[i].memory);
    }
    while (world->mail_first != world->mail_end)
        free(world->mail[world->mail_first++ % WORLD_MAIL].text);
    free(world->scratch);
    free(world);
}

static inline bool world_connected(const struct world *world)
{
    return world->side[0].connected_at && world->side[1].connected_at;
}

static inline void world_send(struct world *world, int from, const struct xc_datagram *datagram)
{
    if (world->sent)
        world->sent(world, from, datagram);
    if (world_connected(world) && xc_rng_below(&world->rng, 100) < world->loss_percent[from])
        return;
    if (world->route) {
        world->route(world, from, datagram);
        return;
    }
    struct flight *flight = &world->flights[world->flight_end++ % WORLD_FLIGHT];
    assert_true(world->flight_end - world->flight_first <= WORLD_FLIGHT);
    flight->to = !from;
    flight->due = world_now + world->delay;
    flight->size = datagram->size;
    flight->local = datagram->remote;
    flight->remote = datagram->local;
    memcpy(flight->bytes, datagram->data, datagram->size);
}

static inline void world_signals(struct world *world, int i)
{
    struct side *side = &world->side[i];
    static char text[XC_SESSION_SIGNAL_MAX];
    size_t size;
    uint32_t kind;
    while ((kind = xc_session_next_signal(side->session, world_now, text, sizeof text, &size))) {
        if (world->alter)
            world->alter(i, kind, text, &size, sizeof text);
        side->signals++;
        side->offers += kind == XCALL_SIGNAL_OFFER;
        if (kind == XCALL_SIGNAL_OFFER || kind == XCALL_SIGNAL_ANSWER)
            memcpy(side->last_signal, text, size + 1);
        if (!world->signal_delay) {
            xc_session_receive_signal(world->side[!i].session, world_now, kind,
                                      xc_span_make(text, size));
            continue;
        }
        assert_true(world->mail_end - world->mail_first < WORLD_MAIL);
        struct mail *mail = &world->mail[world->mail_end++ % WORLD_MAIL];
        *mail = (struct mail){!i, kind, world_now + world->signal_delay, size, malloc(size + 1)};
        assert_non_null(mail->text);
        memcpy(mail->text, text, size + 1);
    }
}

static inline void world_deliver_signals(struct world *world)
{
    while (world->mail_first != world->mail_end) {
        struct mail *mail = &world->mail[world->mail_first % WORLD_MAIL];
        if (mail->due > world_now)
            return;
        xc_session_receive_signal(world->side[mail->to].session, world_now, mail->kind,
                                  xc_span_make(mail->text, mail->size));
        free(mail->text);
        world->mail_first++;
    }
}

/* What the workers of one side's codecs have to do; it takes no time. */
static inline void world_work(struct side *side)
{
    for (int v = 0; v < XC_VIDEOS; v++) {
        struct xc_video_recv *recv = side->roads->video_recv[v];
        while (recv && xc_video_recv_ready(recv) &&
               xc_video_recv_decode(recv, world_now, NULL, NULL)) {
        }
        struct xc_video_send *send = side->roads->video_send[v];
        if (send && (xc_video_send_ready(send) || world_now >= xc_video_send_deadline(send)))
            xc_video_send_encode(send, world_now, NULL, NULL);
    }
}

/* All that is due at world_now; the codecs' work takes no time. */
static inline void world_service(struct world *world)
{
    static uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
    for (int i = 0; i < 2; i++) {
        struct side *side = &world->side[i];
        struct xc_datagram out = {.data = bytes, .capacity = sizeof bytes};
        world_work(side);
        xc_session_service(side->session, world_now);
        world_signals(world, i);
        while (xc_session_output(side->session, world_now, &out))
            world_send(world, i, &out);
        world_signals(world, i);
        if (xc_session_take_work(side->session) & XC_WORK_TRACK)
            for (uint32_t t = 0; t < XC_TRACKS; t++)
                side->flows[t] = xc_session_flows(side->session, t + 1);
        if (!side->connected_at && xc_session_state(side->session) == XCALL_STATE_CONNECTED)
            side->connected_at = world_now;
    }
}

static inline void world_deliver(struct world *world)
{
    while (world->flight_first != world->flight_end) {
        struct flight *flight = &world->flights[world->flight_first % WORLD_FLIGHT];
        if (flight->due > world_now)
            return;
        xc_session_input(world->side[flight->to].session, world_now, &flight->local,
                         &flight->remote, flight->bytes, flight->size);
        world->flight_first++;
    }
}

/* Pulses at the pitch of a voice through two formants, with syllables: a speech codec takes it for
 * speech, and carries copies of lost packets of it. */
static inline int16_t world_voice(struct side *side)
{
    static const double formants[2][2] = {{600, 0.985}, {1500, 0.980}};
    double t = (double)side->samples++ / 48000, sum = 0;
    side->pitch += (110 + 25 * sin(4.4 * t)) / 48000;
    double pulse = side->pitch >= 1 ? 1 : 0;
    side->pitch -= pulse;
    double syllable = XC_MAX(0.5 + 0.5 * sin(18.8 * t), 0.02);
    for (int i = 0; i < 2; i++) {
        double *y = side->formant[i], r = formants[i][1];
        double next =
            0.3 * pulse + 2 * r * cos(6.2832 * formants[i][0] / 48000) * y[0] - r * r * y[1];
        y[1] = y[0];
        y[0] = next;
        sum += next;
    }
    return (int16_t)(8000 * XC_CLAMP(sum * syllable, -3.0, 3.0));
}

static inline void world_write_picture(struct world *world, int i, int video)
{
    struct side *side = &world->side[i];
    static uint8_t luma[WORLD_WIDTH * WORLD_HEIGHT], chroma[WORLD_WIDTH * WORLD_HEIGHT / 4];
    struct xc_picture picture = {.pixel = XC_PIXEL_I420,
                                 .width = WORLD_WIDTH,
                                 .height = WORLD_HEIGHT,
                                 .rotation = side->rotation,
                                 .planes = {luma, chroma, chroma},
                                 .strides = {WORLD_WIDTH, WORLD_WIDTH / 2, WORLD_WIDTH / 2}};
    uint32_t mark = world_mark(i, video);
    for (uint32_t k = 0; k < sizeof luma; k++)
        luma[k] =
            (uint8_t)(world->marked ? mark + (k + side->pictures) % 8 : k * 3 + side->pictures * 5);
    memset(chroma, 128, sizeof chroma);
    xc_video_send_write(side->roads->video_send[video], world_now, world_now, &picture);
}

static inline void world_write(struct world *world, int i)
{
    struct side *side = &world->side[i];
    int16_t block[WORLD_BLOCK];
    for (uint32_t k = 0; k < WORLD_BLOCK; k++)
        block[k] = world_voice(side);
    if (side->roads->audio_send)
        xc_audio_send_write(side->roads->audio_send, world_now, world_now, block, WORLD_BLOCK);
    if (side->blocks++ % 4)
        return;
    for (int v = 0; v < XC_VIDEOS; v++)
        if (side->roads->video_send[v])
            world_write_picture(world, i, v);
    side->pictures++;
}

static inline void world_shown(struct side *side, int video, const struct xc_picture *picture,
                               const struct xc_video_stamps *stamps)
{
    uint64_t sum = 0;
    for (uint32_t y = 0; y < picture->height; y++)
        for (uint32_t x = 0; x < picture->width; x++)
            sum += picture->planes[0][y * picture->strides[0] + x];
    side->mean[video] = (uint32_t)(sum / (picture->width * picture->height));
    side->shown_on[video]++;
    side->shown += video == 0;
    side->capture_age = stamps->capture ? stamps->first_received - stamps->capture : 0;
}

static inline void world_read(struct side *side)
{
    static uint8_t planes[3][WORLD_WIDTH * WORLD_WIDTH];
    float block[WORLD_BLOCK];
    struct xc_video_stamps stamps;
    if (side->roads->audio_recv) {
        if (xc_audio_recv_read(side->roads->audio_recv, world_now, NULL, NULL, block, WORLD_BLOCK,
                               false) &&
            !side->read_sound_at)
            side->read_sound_at = world_now;
        for (uint32_t k = 0; k < WORLD_BLOCK; k++)
            side->energy += (double)block[k] * (double)block[k];
    }
    for (int v = 0; v < XC_VIDEOS; v++) {
        struct xc_picture to = {.pixel = XC_PIXEL_I420,
                                .planes = {planes[0], planes[1], planes[2]},
                                .strides = {WORLD_WIDTH, WORLD_WIDTH, WORLD_WIDTH}};
        while (side->roads->video_recv[v] &&
               xc_video_recv_peek(side->roads->video_recv[v], world_now, &to.width, &to.height) &&
               xc_video_recv_read(side->roads->video_recv[v], world_now, &to, &stamps))
            world_shown(side, v, &to, &stamps);
    }
}

static inline void world_run(struct world *world, uint32_t ms)
{
    for (uint32_t n = 0; n < ms; n++) {
        world_now += XC_NS_PER_MS;
        world->tick++;
        world_deliver(world);
        if (world->turn)
            world->turn(world);
        world_deliver_signals(world);
        for (int i = 0; i < 2; i++) {
            struct side *side = &world->side[i];
            if (world->tick % 10 == 0) {
                if (!world->silent)
                    world_write(world, i);
                world_read(side);
            }
            if (world->ask_for_keys) {
                xc_session_request_key(side->session, world_now, XCALL_KIND_VIDEO);
                side->keys_asked++;
            }
        }
        world_service(world);
    }
}

static inline void world_stats(const struct world *world, int i, struct xcall_stats *stats)
{
    xc_session_stats(world->side[i].session, world_now, stats);
}

#endif
