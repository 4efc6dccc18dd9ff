/* test_tracks.c - what changes in mid-call: video and screen raised, lowered and refused by either side,
 * hold, ICE restarts, and wishes that change faster than the signals travel. Two sessions in virtual
 * time; which picture arrives where is told by its brightness.
 * SPDX-License-Identifier: MIT */
#include "session_world.h"

#include <stdlib.h>
#include <string.h>

#define HALF_TRIP (20 * XC_NS_PER_MS)
#define AUDIO XCALL_KIND_AUDIO
#define CAMERA XCALL_KIND_VIDEO
#define SCREEN (XCALL_KIND_VIDEO + 1)
#define NONE XCALL_DIRECTION_NONE
#define SEND XCALL_DIRECTION_SEND
#define RECV XCALL_DIRECTION_RECV
#define BOTH XCALL_DIRECTION_BOTH

/* A call of audio with room for two videos; the camera flows where `video` says so. */
static struct world *make(uint64_t seed, bool video)
{
    struct world *world = world_make(seed, HALF_TRIP);
    world->signal_delay = 30 * XC_NS_PER_MS;
    world->marked = true;
    for (int i = 0; i < 2; i++) {
        world->side[i].call.video_direction = video ? BOTH : NONE;
        world->side[i].call.video_tracks = 2;
    }
    return world;
}

static struct world *begin(struct world *world, uint64_t seed)
{
    world_open(world, seed);
    for (uint32_t ms = 0; ms < 5000 && !world_connected(world); ms += 10)
        world_run(world, 10);
    assert_true(world_connected(world));
    world_run(world, 300);
    return world;
}

static struct world *connected(uint64_t seed, bool video)
{
    return begin(make(seed, video), seed);
}

static void set(struct world *world, int i, uint32_t track, uint32_t direction)
{
    xc_session_set_direction(world->side[i].session, world_now, track, direction);
}

static void check_alive(const struct world *world)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(xc_session_state(world->side[i].session), XCALL_STATE_CONNECTED);
}

/* Does side i see what the other writes into its video v (0 camera, 1 screen), and nothing else? */
static void check_sees(struct world *world, int i, int v, bool sees)
{
    struct side *side = &world->side[i];
    uint32_t before = side->shown_on[v];
    world_run(world, 500);
    check_alive(world);
    if (!sees) {
        assert_int_equal(side->shown_on[v], before);
        return;
    }
    assert_in_range(side->shown_on[v] - before, 9, 14); /* 25 a second */
    assert_in_range(side->mean[v], world_mark(!i, v) - 6, world_mark(!i, v) + 12);
}

static void check_hears(struct world *world, int i, bool hears)
{
    struct side *side = &world->side[i];
    side->energy = 0;
    world_run(world, 500);
    check_alive(world);
    if (hears)
        assert_true(side->energy > 1.0);
    else
        assert_true(side->energy < 0.01);
}

static void check_flows(const struct world *world, uint32_t track, uint32_t a, uint32_t b)
{
    const uint32_t expected[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(xc_session_flows(world->side[i].session, track), expected[i]);
        assert_int_equal(world->side[i].flows[track - 1], expected[i]); /* the event came */
    }
}

/* --- video in mid-call -------------------------------------------------------------------------- */

/* Raised by one side: the other's dormant track takes it and sends nothing itself. */
static void test_add_and_remove(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = connected(1, false);
        check_flows(world, CAMERA, NONE, NONE);
        check_sees(world, !i, 0, false);
        set(world, i, CAMERA, BOTH);
        world_run(world, 500);
        check_sees(world, !i, 0, true);
        check_sees(world, i, 0, false);
        check_flows(world, CAMERA, i == 0 ? SEND : RECV, i == 0 ? RECV : SEND);
        set(world, !i, CAMERA, BOTH); /* the same section, the other way */
        world_run(world, 500);
        check_sees(world, i, 0, true);
        check_sees(world, !i, 0, true);
        check_flows(world, CAMERA, BOTH, BOTH);
        assert_int_equal(world->side[0].session->negotiation.media_count, 2);
        set(world, i, CAMERA, NONE);
        world_run(world, 500);
        check_sees(world, !i, 0, false);
        check_sees(world, i, 0, false);
        check_flows(world, CAMERA, NONE, NONE);
        check_hears(world, 0, true);
        check_hears(world, 1, true);
        set(world, i, CAMERA, BOTH);
        world_run(world, 500);
        check_sees(world, !i, 0, true);
        check_sees(world, i, 0, true);
        assert_int_equal(world->side[0].session->negotiation.media_count, 2);
        world_free(world);
    }
}

/* What is lowered stops at once, before the peer has heard of it. */
static void test_stops_at_once(void **state)
{
    (void)state;
    struct world *world = connected(2, true);
    struct xcall_stats before, after;
    world->signal_delay = 2 * XC_NS_PER_S;
    set(world, 0, CAMERA, RECV);
    world_run(world, 2);
    world_stats(world, 0, &before);
    world_run(world, 1000);
    world_stats(world, 0, &after);
    assert_int_equal(after.video_sent.packets_sent, before.video_sent.packets_sent);
    check_sees(world, 0, 0, true); /* the other way goes on */
    world_run(world, 4000);
    check_flows(world, CAMERA, RECV, SEND);
    world_free(world);
}

static void test_screen_beside_camera(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = connected(3, true);
        struct xcall_stats sent, got;
        set(world, i, SCREEN, SEND);
        world_run(world, 500);
        check_sees(world, !i, 1, true);
        check_sees(world, !i, 0, true);
        check_sees(world, i, 0, true);
        check_sees(world, i, 1, false);
        check_flows(world, SCREEN, i == 0 ? SEND : RECV, i == 0 ? RECV : SEND);
        world_stats(world, i, &sent);
        world_stats(world, !i, &got);
        assert_true(sent.screen_sent.frames_encoded > 20);
        assert_int_equal(sent.screen_sent.frame_width, WORLD_WIDTH);
        assert_int_equal(sent.screen_sent.ssrc, got.screen_received.ssrc);
        assert_int_not_equal(sent.screen_sent.ssrc, sent.video_sent.ssrc);
        assert_in_range(got.screen_received.frames_decoded, sent.screen_sent.frames_encoded - 3,
                        sent.screen_sent.frames_encoded);
        assert_int_equal(sent.screen_received.packets_received, 0);
        set(world, i, SCREEN, NONE);
        world_run(world, 500);
        check_sees(world, !i, 1, false);
        check_sees(world, !i, 0, true);
        set(world, i, SCREEN, SEND);
        world_run(world, 500);
        check_sees(world, !i, 1, true);
        world_free(world);
    }
}

/* A screen without a camera goes to the screen's track of the other side. */
static void test_screen_alone(void **state)
{
    (void)state;
    struct world *world = connected(4, false);
    set(world, 0, SCREEN, SEND);
    world_run(world, 500);
    check_sees(world, 1, 1, true);
    check_sees(world, 1, 0, false);
    set(world, 1, CAMERA, SEND);
    world_run(world, 500);
    check_sees(world, 0, 0, true);
    check_sees(world, 1, 1, true);
    world_free(world);
}

/* The host said NONE itself: what the peer adds is not taken, until the host says otherwise. */
static void test_none_refuses(void **state)
{
    (void)state;
    struct world *world = connected(5, false);
    set(world, 1, CAMERA, NONE);
    set(world, 1, SCREEN, NONE); /* else it would go there */
    set(world, 0, CAMERA, BOTH);
    world_run(world, 500);
    check_sees(world, 1, 0, false);
    check_flows(world, CAMERA, NONE, NONE);
    set(world, 1, CAMERA, RECV);
    world_run(world, 500);
    check_sees(world, 1, 0, true);
    check_flows(world, CAMERA, SEND, RECV);
    world_free(world);
}

/* A call that begins with nothing to send waits for the first wish. */
static void test_dormant_from_the_start(void **state)
{
    (void)state;
    struct world *world = make(6, false);
    for (int i = 0; i < 2; i++) {
        world->side[i].call.audio_direction = NONE;
        world->side[i].call.audio_tracks = 1;
    }
    world_open(world, 6);
    world_run(world, 200);
    assert_int_equal(world->side[0].signals, 0);
    assert_int_equal(xc_session_state(world->side[0].session), XCALL_STATE_NEW);
    set(world, 0, AUDIO, BOTH);
    world_run(world, 2000);
    check_alive(world);
    check_hears(world, 1, true);
    check_flows(world, AUDIO, SEND, RECV);
    world_free(world);
}

/* --- hold ------------------------------------------------------------------------------------------ */

static void check_all(struct world *world, bool flows)
{
    for (int i = 0; i < 2; i++) {
        check_hears(world, i, flows);
        for (int v = 0; v < XC_VIDEOS; v++)
            check_sees(world, i, v, flows);
    }
}

static void test_hold(void **state)
{
    (void)state;
    struct world *world = connected(7, true);
    set(world, 0, SCREEN, BOTH);
    set(world, 1, SCREEN, BOTH);
    world_run(world, 1000);
    check_all(world, true);
    for (int i = 0; i < 2; i++) {
        xc_session_set_hold(world->side[i].session, world_now, true);
        world_run(world, 700);
        check_all(world, false);
        assert_true(xc_session_remote_hold(world->side[!i].session));
        for (uint32_t track = AUDIO; track <= SCREEN; track++)
            check_flows(world, track, i == 0 ? NONE : RECV, i == 1 ? NONE : RECV);
        xc_session_set_hold(world->side[i].session, world_now, false);
        world_run(world, 700);
        check_all(world, true);
        assert_false(xc_session_remote_hold(world->side[!i].session));
    }
    /* Both: it flows again only when both have let go. */
    for (int i = 0; i < 2; i++)
        xc_session_set_hold(world->side[i].session, world_now, true);
    world_run(world, 1000);
    check_all(world, false);
    xc_session_set_hold(world->side[0].session, world_now, false);
    world_run(world, 1000);
    check_all(world, false);
    xc_session_set_hold(world->side[1].session, world_now, false);
    world_run(world, 1000);
    check_all(world, true);
    world_free(world);
}

/* A hold that is taken back before the answer is there, and a wish that changes under it. */
static void test_hold_is_taken_back(void **state)
{
    (void)state;
    struct world *world = connected(8, true);
    world->signal_delay = 200 * XC_NS_PER_MS;
    for (int i = 0; i < 2; i++) {
        xc_session_set_hold(world->side[i].session, world_now, true);
        world_run(world, 50);
        set(world, i, SCREEN, BOTH);
        xc_session_set_hold(world->side[i].session, world_now, false);
        world_run(world, 2000);
    }
    check_all(world, true);
    world_free(world);
}

/* --- ICE restarts ------------------------------------------------------------------------------- */

struct credentials {
    char ufrag[2][16];
};

static struct credentials credentials(const struct world *world)
{
    struct credentials c = {0};
    for (int i = 0; i < 2; i++)
        memcpy(c.ufrag[i], xc_ice_ufrag(&world->side[i].session->ice), XC_ICE_UFRAG_SIZE);
    return c;
}

/* Both have new credentials, each knows the other's, and a pair is nominated under them. */
static void check_restarted(const struct world *world, const struct credentials *before)
{
    for (int i = 0; i < 2; i++) {
        const struct xc_session *session = world->side[i].session;
        const struct xc_session *other = world->side[!i].session;
        assert_memory_not_equal(xc_ice_ufrag(&session->ice), before->ufrag[i], XC_ICE_UFRAG_SIZE);
        assert_string_equal(session->negotiation.remote_transport.ufrag, xc_ice_ufrag(&other->ice));
        assert_int_equal(xc_ice_state(&session->ice), XC_ICE_CONNECTED);
        assert_int_not_equal(session->ice.path.pair, XC_ICE_NO_PAIR);
    }
}

/* No sound is missed and every picture arrives while the path is proved anew. */
static void test_restart_without_gap(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = connected(9, true);
        struct xcall_stats before[2], after[2];
        world_run(world, 1000);
        struct credentials old = credentials(world);
        for (int k = 0; k < 2; k++)
            world_stats(world, k, &before[k]);
        xc_session_restart_ice(world->side[i].session, world_now);
        world_run(world, 3000);
        check_restarted(world, &old);
        for (int k = 0; k < 2; k++) {
            world_stats(world, k, &after[k]);
            assert_int_equal(after[k].audio_received.concealed_samples,
                             before[k].audio_received.concealed_samples);
            assert_int_equal(after[k].video_received.freeze_count, 0);
            assert_int_equal(after[k].audio_received.packets_lost, 0);
            assert_in_range(after[k].video_received.frames_delivered -
                                before[k].video_received.frames_delivered,
                            73, 77);
        }
        world_free(world);
    }
}

static void test_restart_under_loss(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 28; seed++) {
        struct world *world = connected(seed, true);
        struct credentials old = credentials(world);
        world->loss_percent[0] = world->loss_percent[1] = 20;
        xc_session_restart_ice(world->side[seed & 1].session, world_now);
        world_run(world, 6000);
        world->loss_percent[0] = world->loss_percent[1] = 0;
        world_run(world, 1000);
        check_restarted(world, &old);
        check_sees(world, 0, 0, true);
        check_sees(world, 1, 0, true);
        world_free(world);
    }
}

/* Both at once: one offer is lost, and what it wished happens all the same. */
static void test_restart_in_glare(void **state)
{
    (void)state;
    struct world *world = connected(10, true);
    struct credentials old = credentials(world);
    world->signal_delay = 100 * XC_NS_PER_MS;
    xc_session_restart_ice(world->side[0].session, world_now);
    xc_session_restart_ice(world->side[1].session, world_now);
    world_run(world, 3000);
    check_restarted(world, &old);
    check_sees(world, 0, 0, true);
    check_sees(world, 1, 0, true);
    world_free(world);
}

/* The polite side's restart loses against an offer that has none: its answer keeps the credentials
 * (RFC 8839 section 4.4.3), and the restart follows. */
static void test_restart_loses_glare(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = connected(11, true);
        struct credentials old = credentials(world);
        world->signal_delay = 100 * XC_NS_PER_MS;
        set(world, !i, SCREEN, SEND);
        xc_session_restart_ice(world->side[i].session, world_now);
        world_run(world, 150); /* the offers */
        assert_memory_equal(xc_ice_ufrag(&world->side[i].session->ice), old.ufrag[i],
                            XC_ICE_UFRAG_SIZE);
        world_run(world, 3000);
        check_restarted(world, &old);
        check_sees(world, i, 1, true);
        check_sees(world, 0, 0, true);
        check_sees(world, 1, 0, true);
        world_free(world);
    }
}

/* Asked for while an offer is out: it is not forgotten, whoever's offer it was. */
static void test_restart_while_offer_is_out(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = connected(12, true);
        struct credentials old = credentials(world);
        world->signal_delay = 100 * XC_NS_PER_MS;
        set(world, i, SCREEN, SEND);
        world_run(world, 50);
        xc_session_restart_ice(world->side[0].session, world_now);
        world_run(world, 3000);
        check_restarted(world, &old);
        check_sees(world, !i, 1, true);
        world_free(world);
    }
}

/* Again and again, by turns, with the answer's credentials never used for another restart. */
static void test_many_restarts(void **state)
{
    (void)state;
    struct world *world = connected(13, true);
    for (int n = 0; n < 6; n++) {
        struct credentials old = credentials(world);
        uint32_t offers = world->side[0].offers + world->side[1].offers;
        xc_session_restart_ice(world->side[n % 2].session, world_now);
        world_run(world, 1500);
        check_restarted(world, &old);
        assert_int_equal(world->side[0].offers + world->side[1].offers, offers + 1);
        old = credentials(world);
        set(world, n / 2 % 2, SCREEN, n % 2 ? NONE : SEND); /* an exchange without a restart */
        world_run(world, 500);
        assert_memory_equal(old.ufrag[0], xc_ice_ufrag(&world->side[0].session->ice), 8);
        assert_memory_equal(old.ufrag[1], xc_ice_ufrag(&world->side[1].session->ice), 8);
    }
    check_sees(world, 0, 0, true);
    check_sees(world, 1, 0, true);
    world_free(world);
}

/* --- offers ---------------------------------------------------------------------------------------- */

/* Wishes change faster than the signals travel: the last one counts, and few offers go out. */
static void test_faster_than_signals(void **state)
{
    (void)state;
    struct world *world = connected(14, true);
    world->signal_delay = 200 * XC_NS_PER_MS;
    for (int n = 0; n < 20; n++) {
        set(world, n % 2, CAMERA, n % 4 < 2 ? RECV : BOTH);
        set(world, n % 2, SCREEN, n % 3 ? SEND : NONE);
        world_run(world, 30);
    }
    for (int i = 0; i < 2; i++) {
        set(world, i, CAMERA, i == 0 ? SEND : BOTH);
        set(world, i, SCREEN, BOTH);
    }
    world_run(world, 3000);
    assert_in_range(world->side[0].offers + world->side[1].offers, 2, 10);
    check_flows(world, CAMERA, SEND, RECV);
    check_flows(world, SCREEN, BOTH, BOTH);
    check_sees(world, 1, 0, true);
    check_sees(world, 0, 1, true);
    world_free(world);
}

/* Nothing changed in the end: no offer. */
static void test_no_useless_offers(void **state)
{
    (void)state;
    struct world *world = connected(15, true);
    uint32_t offers = world->side[0].offers + world->side[1].offers;
    assert_int_equal(offers, 1);
    for (int i = 0; i < 2; i++) {
        set(world, i, CAMERA, RECV);
        set(world, i, CAMERA, BOTH); /* before the session's next turn */
        xc_session_set_hold(world->side[i].session, world_now, true);
        xc_session_set_hold(world->side[i].session, world_now, false);
        world_run(world, 300);
        set(world, i, SCREEN, NONE);
        xc_session_set_mute(world->side[i].session, CAMERA, true);
        world_run(world, 300);
        xc_session_set_mute(world->side[i].session, CAMERA, false);
    }
    world_run(world, 500);
    assert_int_equal(world->side[0].offers + world->side[1].offers, offers);
    check_sees(world, 0, 0, true);
    check_sees(world, 1, 0, true);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_stops_at_once),
        cmocka_unit_test(test_screen_beside_camera),
        cmocka_unit_test(test_screen_alone),
        cmocka_unit_test(test_none_refuses),
        cmocka_unit_test(test_dormant_from_the_start),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_hold_is_taken_back),
        cmocka_unit_test(test_restart_without_gap),
        cmocka_unit_test(test_restart_under_loss),
        cmocka_unit_test(test_restart_in_glare),
        cmocka_unit_test(test_restart_loses_glare),
        cmocka_unit_test(test_restart_while_offer_is_out),
        cmocka_unit_test(test_many_restarts),
        cmocka_unit_test(test_faster_than_signals),
        cmocka_unit_test(test_no_useless_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
