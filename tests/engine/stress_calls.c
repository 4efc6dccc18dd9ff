/* stress_calls.c - calls between two engines with media, hung up by either side at a random moment:
 * before the offer is carried, while ICE and DTLS run, in the midst of media. Each side ends once.
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>

#include "engine/stress.h"
#include "support/pair.h"

static struct stress_options options;

struct talker {
    struct pair *pair;
    _Atomic uint32_t running;
};

/* Media of both sides on a thread of its own, as a host's device thread would. */
static void *talk(void *argument)
{
    struct talker *talker = argument;
    static uint8_t plane[320 * 180];
    int16_t samples[480] = {0};
    xcall_picture picture;
    for (uint32_t turn = 0; atomic_load(&talker->running); turn++) {
        for (int i = 0; i < 2; i++) {
            struct pair_side *side = &talker->pair->side[i];
            xcall_audio_write(side->engine, side->call, samples, 480, 0);
            xcall_audio_read(side->engine, side->call, samples, 480);
            xcall_picture_init(&picture, sizeof picture);
            picture.width = 320;
            picture.height = 180;
            for (int p = 0; p < 3; p++) {
                picture.planes[p] = plane;
                picture.strides[p] = 320;
            }
            if (turn % 4 == 0)
                xcall_video_write(side->engine, side->call, &picture);
            xcall_video_read(side->engine, side->call, &picture);
        }
    }
    return NULL;
}

static bool both_ended(const struct pair *pair)
{
    return pair->side[0].ended && pair->side[1].ended;
}

/* Returns 1 when the call was connected before it was hung up. */
static uint32_t one_call(struct pair *pair, uint64_t *random)
{
    static const uint32_t spans[] = {1, 16, 64, 256};
    uint32_t turns = (uint32_t)(stress_random(random) % spans[stress_random(random) % 4]);
    bool video = stress_random(random) & 1;
    STRESS_CHECK(pair_call(pair, video) == XCALL_OK, &options);
    struct talker talker = {.pair = pair};
    pthread_t thread;
    atomic_store(&talker.running, 1);
    STRESS_CHECK(pthread_create(&thread, NULL, talk, &talker) == 0, &options);
    for (uint32_t i = 0; i < turns; i++)
        pair_turn(pair);
    uint32_t connected = pair->side[0].state == XCALL_STATE_CONNECTED;
    uint32_t who = (uint32_t)(stress_random(random) % 3);
    for (uint32_t i = 0; i < 2; i++)
        if (who == i || who == 2)
            xcall_call_hang_up(pair->side[i].engine, pair->side[i].call);
    uint64_t start = xcall_now_ns();
    while (!both_ended(pair)) {
        pair_turn(pair);
        /* Whom the bye reaches before its offer cannot tell whose it is: it hangs up itself. */
        if (xcall_now_ns() - start > UINT64_C(200000000))
            for (int i = 0; i < 2; i++)
                xcall_call_hang_up(pair->side[i].engine, pair->side[i].call);
        /* talk() writes without a pause: it must not keep the shard from commands and sockets. */
        STRESS_CHECK(xcall_now_ns() - start < UINT64_C(60000000000), &options);
    }
    atomic_store(&talker.running, 0);
    pthread_join(thread, NULL);
    pair_pump(pair);
    for (int i = 0; i < 2; i++)
        STRESS_CHECK(pair->side[i].ended == 1 && pair->side[i].late == 0, &options);
    return connected;
}

int main(int argc, char **argv)
{
    options = stress_parse(argc, argv, 0, 10);
    uint64_t start = xcall_now_ns(), random = options.seed;
    uint32_t calls = 0, connected = 0;
    struct pair pair;
    do {
        STRESS_CHECK(pair_open(&pair, 1, 4) == XCALL_OK, &options);
        for (int i = 0; i < 10; i++, calls++)
            connected += one_call(&pair, &random);
        pair_unref(&pair);
    } while (xcall_now_ns() - start < options.seconds * UINT64_C(1000000000));
    printf("%u calls, %u of them connected, each side ended once\n", calls, connected);
    STRESS_CHECK(connected > 0, &options);
    return 0;
}
