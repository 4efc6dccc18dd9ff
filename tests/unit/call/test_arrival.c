/* test_arrival.c - datagrams that waited for their thread: what measures the network goes by when they
 * were received, not by when they were taken, and never runs backwards.
 * SPDX-License-Identifier: MIT */
#include "session_world.h"

#define LATE 40u /* ms: this side wakes no more often */

static bool stamped;
static struct flight waiting[2][WORLD_FLIGHT];
static uint32_t count[2];

static void keep(struct world *world, int from, const struct xc_datagram *datagram)
{
    struct flight *flight = &waiting[!from][count[!from]++];
    assert_true(count[!from] <= WORLD_FLIGHT);
    flight->due = world_now + world->delay;
    flight->size = datagram->size;
    flight->local = datagram->remote;
    flight->remote = datagram->local;
    memcpy(flight->bytes, datagram->data, datagram->size);
}

/* Side 0 takes what is there each ms, side 1 all of a while at once. */
static void turn(struct world *world)
{
    for (int to = 0; to < 2; to++) {
        uint32_t taken = 0;
        if (to == 1 && world_connected(world) && world->tick % LATE)
            continue;
        while (taken < count[to] && waiting[to][taken].due <= world_now) {
            struct flight *flight = &waiting[to][taken++];
            xc_session_input_from(world->side[to].session, world_now,
                                  stamped ? flight->due : world_now, &flight->local,
                                  &flight->remote, flight->bytes, flight->size);
        }
        count[to] -= taken;
        memmove(waiting[to], waiting[to] + taken, count[to] * sizeof waiting[to][0]);
    }
}

static double jitter(bool with_stamps)
{
    struct xcall_stats stats;
    struct world *world = world_make(1, 20 * XC_NS_PER_MS);
    world->route = keep;
    world->turn = turn;
    stamped = with_stamps;
    count[0] = count[1] = 0;
    for (int i = 0; i < 2; i++)
        world->side[i].call.video_direction = XCALL_DIRECTION_NONE;
    world_open(world, 1);
    world_run(world, 6000);
    assert_true(world_connected(world));
    world_stats(world, 1, &stats);
    assert_true(stats.audio_received.packets_received > 200);
    world_free(world);
    return stats.audio_received.jitter_ms;
}

static void test_jitter(void **state)
{
    (void)state;
    double late = jitter(false), true_one = jitter(true);
    assert_true(late > 5);
    assert_true(true_one < 1);
}

/* Stamps from the future, and from before the one before. */
static void test_order(void **state)
{
    (void)state;
    struct world *world = world_make(2, 5 * XC_NS_PER_MS);
    uint8_t bytes[8] = {0xff};
    world_open(world, 2);
    world_run(world, 100);
    struct xc_session *session = world->side[0].session;
    const struct xc_addr *local = &world->side[0].addr, *remote = &world->side[1].addr;
    xc_session_input_from(session, world_now, world_now + 5, local, remote, bytes, sizeof bytes);
    assert_true(session->arrived == world_now);
    xc_session_input_from(session, world_now, 0, local, remote, bytes, sizeof bytes);
    assert_true(session->arrived == world_now);
    uint64_t before = world_now;
    world_now += 10 * XC_NS_PER_MS;
    xc_session_input_from(session, world_now, before + 3, local, remote, bytes, sizeof bytes);
    assert_true(session->arrived == before + 3);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
