/* audio_world.h - a sender, a network and a host that reads, in virtual time, around one receiver.
 * What goes wrong is put into the list of packets before it runs.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_AUDIO_WORLD_H
#define XC_TEST_AUDIO_WORLD_H

#include "audio_model.h"
#include "media/audio_recv.h"

#define WORLD_T0 (UINT64_C(7) * XC_NS_PER_S)
#define WORLD_PACKETS 8000
#define WORLD_SEQUENCE 65530
#define WORLD_TIMESTAMP 0xfffff000u
#define FRAME_MS 20

struct world_packet {
    uint64_t sequence, arrival; /* arrival 0: lost */
    uint32_t timestamp;
    uint16_t size;
    uint8_t bytes[TONE_BYTES];
};

struct world {
    struct xc_arena arena;
    struct xc_audio_recv *recv;
    struct xc_rng rng;
    uint32_t rate, channels, block;
    struct world_packet *packets;
    uint32_t count, next; /* sorted by arrival when it runs */
    uint64_t now;         /* of the next read */
    /* What came out. */
    float samples[4800 * 2 + 2];
    float last[2];
    double steepest; /* step between neighbouring frames */
    bool check_steps;
    uint64_t frames_read, played;
    double wait_sum_ms, wait_max_ms, wait_last_ms;
    struct xc_audio_recv_counters counters;
};

static void open_world(struct world *world, uint32_t rate, uint32_t channels, uint32_t block,
                       uint64_t seed, const struct xc_audio_codec *codec)
{
    *world = (struct world){.rate = rate, .channels = channels, .block = block, .now = WORLD_T0};
    struct xc_audio_recv_config config = {.format = {rate, channels, XC_SAMPLE_F32},
                                          .codec = codec};
    struct xc_arena measure = {0};
    assert_null(xc_audio_recv_create(&measure, &config));
    world->arena = arena_of(measure.used);
    world->recv = xc_audio_recv_create(&world->arena, &config);
    assert_non_null(world->recv);
    world->packets = calloc(WORLD_PACKETS, sizeof *world->packets);
    world->check_steps = true;
    xc_rng_init_number(&world->rng, seed);
}

static void close_world(struct world *world)
{
    free(world->arena.memory);
    free(world->packets);
}

/* `count` packets of 20 ms; the first is complete (and arrives) at `start_ms`. ppm: the sender's
 * clock is slow by so much. */
static void send_packets(struct world *world, double start_ms, uint32_t count, double ppm,
                         bool copies)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_true(world->count < WORLD_PACKETS);
        struct world_packet *packet = &world->packets[world->count];
        packet->sequence = WORLD_SEQUENCE + world->count;
        packet->timestamp = WORLD_TIMESTAMP + world->count * 960;
        packet->size = TONE_BYTES;
        tone_packet(packet->bytes, (uint64_t)(world->count + 1) * 960, 960, copies);
        packet->arrival = WORLD_T0 + (uint64_t)((start_ms + i * FRAME_MS * (1 + ppm * 1e-6)) * 1e6);
        world->count++;
    }
}

static int by_arrival(const void *a, const void *b)
{
    const struct world_packet *x = a, *y = b;
    if (x->arrival != y->arrival)
        return x->arrival < y->arrival ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static void add_jitter(struct world *world, double sigma_ms, bool in_order)
{
    uint64_t latest = 0;
    for (uint32_t i = 0; i < world->count; i++) {
        struct world_packet *packet = &world->packets[i];
        if (packet->arrival == 0)
            continue;
        double late = sigma_ms * gauss(&world->rng) + 4 * sigma_ms;
        packet->arrival += (uint64_t)(fmax(late, 0) * 1e6);
        if (in_order)
            packet->arrival = XC_MAX(packet->arrival, latest);
        latest = XC_MAX(packet->arrival, latest);
    }
}

static inline void lose(struct world *world, double part, uint32_t burst)
{
    for (uint32_t i = 10; i + burst < world->count; i++)
        if (xc_rng_unit(&world->rng) < part / burst)
            for (uint32_t k = 0; k < burst; k++)
                world->packets[i + k].arrival = 0;
}

static void ready_world(struct world *world)
{
    qsort(world->packets, world->count, sizeof *world->packets, by_arrival);
    while (world->next < world->count && world->packets[world->next].arrival == 0)
        world->next++;
}

static void deliver(struct world *world, uint64_t until)
{
    while (world->next < world->count && world->packets[world->next].arrival <= until) {
        const struct world_packet *from = &world->packets[world->next++];
        struct xc_audio_packet packet = {.sequence = from->sequence,
                                         .timestamp = from->timestamp,
                                         .received = from->arrival,
                                         .bytes = xc_span_make(from->bytes, from->size)};
        xc_audio_recv_push(world->recv, &packet);
    }
}

static void check_samples(struct world *world, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++)
        for (uint32_t c = 0; c < world->channels; c++) {
            float sample = world->samples[i * world->channels + c];
            assert_true(fabsf(sample) <= 1); /* also: it was filled, and is a number */
            double step = fabs((double)(sample - world->last[c]));
            world->last[c] = sample;
            world->steepest = fmax(world->steepest, step);
        }
}

static void read_block(struct world *world, uint32_t frames)
{
    deliver(world, world->now);
    for (uint32_t i = 0; i < frames * world->channels + 2; i++)
        world->samples[i] = NAN;
    xc_audio_recv_read(world->recv, world->now, NULL, NULL, world->samples, frames, false);
    assert_true(isnan(world->samples[frames * world->channels])); /* and not one more */
    check_samples(world, frames);
    world->frames_read += frames;
    struct xc_audio_played played;
    while (xc_audio_recv_take_played(world->recv, &played)) {
        assert_true(played.played == world->now && played.received <= world->now);
        world->wait_last_ms = (double)(played.played - played.received) * 1e-6;
        world->wait_sum_ms += world->wait_last_ms;
        world->wait_max_ms = fmax(world->wait_max_ms, world->wait_last_ms);
        world->played++;
    }
    xc_audio_recv_counters(world->recv, &world->counters);
}

/* Regular reads until `ms` after the start; the read times do not drift by rounding. */
static void run_world(struct world *world, double ms)
{
    uint64_t until = WORLD_T0 + (uint64_t)(ms * 1e6), start = world->now;
    for (uint64_t i = 1; world->now < until; i++) {
        read_block(world, world->block);
        world->now = start + i * world->block * XC_NS_PER_S / world->rate;
    }
}

static inline double mean_wait_ms(const struct world *world)
{
    return world->wait_sum_ms / (double)XC_MAX(world->played, 1u);
}

static inline double concealed_part(const struct world *world)
{
    return (double)world->counters.concealed_samples / (double)world->counters.samples_received;
}

/* A sine's own step, and that of a cross-fade over 2.5 ms on top. */
static double step_bound(uint32_t rate)
{
    return TONE_PEAK * 2 * TONE_PI * TONE_HZ / rate + 1.1 * 400.0 / rate;
}

#endif
