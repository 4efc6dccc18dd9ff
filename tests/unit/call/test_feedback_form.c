/* test_feedback_form.c - the form of a session's RTCP feedback, seen from outside: its first header is
 * in the clear (RFC 3711 section 3.4). Two sessions on virtual time.
 * SPDX-License-Identifier: MIT */
#include "session_world.h"

static uint32_t alone, compound; /* feedback by itself; a report, with whatever stands behind it */
static uint32_t ssrc_zero;

static void look(struct world *world, int from, const struct xc_datagram *datagram)
{
    (void)world;
    (void)from;
    if (datagram->size < 8 || datagram->data[0] >> 6 != 2)
        return;
    uint8_t type = datagram->data[1];
    alone += type == XC_RTCP_RTPFB || type == XC_RTCP_PSFB;
    compound += type == XC_RTCP_SR || type == XC_RTCP_RR;
    ssrc_zero += type >= 192 && type <= 223 && xc_load32(datagram->data + 4) == 0;
}

static void run(struct world *world, uint32_t ms)
{
    alone = compound = ssrc_zero = 0;
    world->sent = look;
    world_run(world, ms);
    assert_true(world_connected(world));
}

/* Both take reduced size (RFC 5506), and data beside sound and pictures changes nothing about it. */
static void test_data_has_no_say(void **state)
{
    (void)state;
    for (int data = 0; data < 2; data++) {
        struct world *world = world_make(70 + (uint64_t)data, 10 * XC_NS_PER_MS);
        for (int i = 0; i < 2; i++)
            world->side[i].call.data_channels = data ? 4 : 0;
        world_open(world, 70);
        run(world, 5000);
        print_message("data %d: %u alone, %u compound\n", data, alone, compound);
        assert_true(alone > 50); /* transport-wide feedback, ten to twenty a second */
        assert_true(compound < alone);
        world_free(world);
    }
}

/* A call of a screen alone reports under the screen's SSRC. */
static void test_screen_alone(void **state)
{
    (void)state;
    struct world *world = world_make(72, 10 * XC_NS_PER_MS);
    for (int i = 0; i < 2; i++) {
        struct xcall_call_config *call = &world->side[i].call;
        call->audio_direction = call->video_direction = XCALL_DIRECTION_NONE;
        call->screen_direction = i == 0 ? XCALL_DIRECTION_SEND : XCALL_DIRECTION_RECV;
    }
    world_open(world, 72);
    run(world, 3000);
    assert_true(compound > 2);
    assert_int_equal(ssrc_zero, 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_has_no_say),
        cmocka_unit_test(test_screen_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
