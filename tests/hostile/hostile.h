/* hostile.h - two sessions in virtual time with an attacker between and beside them: it sees every
 * datagram, sends from any address, and can speak with the keys of a peer that turned bad. A program
 * includes it once.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_HOSTILE_H
#define XC_TEST_HOSTILE_H

#include "session_world.h"

#include <stdio.h>
#include <string.h>

enum { RTP_AUDIO = 0, RTP_VIDEO = 1 };

struct wire { /* what was seen of one side's datagrams */
    uint32_t stun, dtls, rtp, rtcp, arrivals /* of these: transport-wide feedback */, other;
    uint64_t bytes, rtcp_bytes, arrival_bytes;
    uint32_t strange_stun, strange_other; /* to an address that is not the other side's */
    uint64_t strange_bytes;
    uint8_t header[2][12]; /* the newest RTP header of its audio and its video */
    uint8_t sample[2][XC_MTU],
        hello[XC_MTU]; /* whole: an RTP and an RTCP datagram, the first DTLS */
    size_t sample_size[2], hello_size;
};

static struct wire wire[2];
static uint32_t wire_seen;

static const struct xc_addr attacker = {
    .family = XC_ADDR_IPV4, .port = 666, .bytes = {203, 0, 113, 66}};

static inline void keep(uint8_t *to, size_t *size, const struct flight *flight)
{
    memcpy(to, flight->bytes, XC_MIN(flight->size, (size_t)XC_MTU));
    *size = XC_MIN(flight->size, (size_t)XC_MTU);
}

static inline void see(const struct world *world, const struct flight *flight)
{
    struct wire *w = &wire[!flight->to];
    int kind = xc_datagram_kind(xc_span_make(flight->bytes, flight->size));
    w->bytes += flight->size;
    if (!xc_addr_equal(&flight->local, &world->side[flight->to].addr)) {
        w->strange_stun += kind == XC_DATAGRAM_STUN;
        w->strange_other += kind != XC_DATAGRAM_STUN;
        w->strange_bytes += flight->size;
    }
    switch (kind) {
    case XC_DATAGRAM_STUN:
        w->stun++;
        break;
    case XC_DATAGRAM_DTLS:
        w->dtls++;
        if (!w->hello_size)
            keep(w->hello, &w->hello_size, flight);
        break;
    case XC_DATAGRAM_RTP:
        w->rtp++;
        memcpy(w->header[(flight->bytes[1] & 0x7f) < 100 ? RTP_VIDEO : RTP_AUDIO], flight->bytes,
               12);
        keep(w->sample[0], &w->sample_size[0], flight);
        break;
    case XC_DATAGRAM_RTCP:
        w->rtcp++;
        w->rtcp_bytes += flight->size;
        if (flight->bytes[1] == XC_RTCP_RTPFB && (flight->bytes[0] & 31) == XC_RTPFB_TRANSPORT_CC) {
            w->arrivals++;
            w->arrival_bytes += flight->size;
        }
        keep(w->sample[1], &w->sample_size[1], flight);
        break;
    default:
        w->other++;
    }
}

/* As world_run, with a look at every datagram before it arrives. */
static inline void hostile_run(struct world *world, uint32_t ms)
{
    while (ms--) {
        world_run(world, 1);
        for (; wire_seen != world->flight_end; wire_seen++)
            see(world, &world->flights[wire_seen % WORLD_FLIGHT]);
    }
}

static inline struct world *hostile_open(uint64_t seed)
{
    struct world *world = world_make(seed, 5 * XC_NS_PER_MS);
    memset(wire, 0, sizeof wire);
    wire_seen = 0;
    world_open(world, seed);
    return world;
}

static inline struct world *hostile_connected(uint64_t seed)
{
    struct world *world = hostile_open(seed);
    hostile_run(world, 500);
    assert_true(world_connected(world));
    return world;
}

/* A datagram for side `to`, out of nowhere. */
static inline void inject(struct world *world, int to, const struct xc_addr *from,
                          const void *bytes, size_t size)
{
    static uint8_t copy[2048 + XC_DATAGRAM_SLACK];
    assert_true(size <= 2048);
    if (size)
        memcpy(copy, bytes, size);
    xc_session_input(world->side[to].session, world_now, &world->side[to].addr, from, copy, size);
}

static inline void inject_as_peer(struct world *world, int to, const void *bytes, size_t size)
{
    inject(world, to, &world->side[!to].addr, bytes, size);
}

/* With the keys of side `from`, to the other one. False: the keys' owner could not say this. */
static inline bool say(struct world *world, int from, bool rtcp, const void *bytes, size_t size)
{
    static uint8_t copy[2048 + XC_DATAGRAM_SLACK];
    struct xc_srtp *keys = world->side[from].session->srtp;
    assert_true(size <= 1400 && keys);
    memcpy(copy, bytes, size);
    int result = rtcp ? xc_srtp_protect_rtcp(keys, copy, &size, sizeof copy)
                      : xc_srtp_protect(keys, copy, &size, sizeof copy);
    if (result == XC_SRTP_OK)
        inject_as_peer(world, !from, copy, size);
    return result == XC_SRTP_OK;
}

static inline uint64_t rejected(const struct world *world, int i)
{
    struct xcall_stats stats;
    world_stats(world, i, &stats);
    return stats.packets_rejected;
}

/* Both are connected, sound and pictures flow both ways, and nothing went astray. */
static inline void assert_in_call(struct world *world)
{
    struct xcall_stats before[2], after[2];
    world->silent = false;
    hostile_run(world, 1000);
    for (int i = 0; i < 2; i++)
        world_stats(world, i, &before[i]);
    hostile_run(world, 1000);
    for (int i = 0; i < 2; i++) {
        world_stats(world, i, &after[i]);
        assert_int_equal(after[i].state, XCALL_STATE_CONNECTED);
        assert_true(after[i].audio_received.packets_received >
                    before[i].audio_received.packets_received + 40);
        assert_true(after[i].video_received.frames_decoded >
                    before[i].video_received.frames_decoded + 10);
        assert_int_equal(wire[i].strange_other, 0);
    }
}

#endif
