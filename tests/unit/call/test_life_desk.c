/* test_life_desk.c - what is about more than one input: deadlines, calls that wait, glare, news that
 * come late, a carrier that goes and comes, a full desk, and the public functions.
 * SPDX-License-Identifier: MIT */
#include "life_desk.h"

#define SAYS(expected, call) assert_string_equal(call, expected)

static void talk(char call, const char *peer)
{
    of_peer(XCALL_LIFE_PLACE, call, peer, 0);
    in(XCALL_LIFE_REMOTE_ACCEPTED, call);
    in(XCALL_LIFE_MEDIA_UP, call);
    assert_int_equal(state_of(call), XCALL_LIFE_ACTIVE);
}

/* --- deadlines --------------------------------------------------------------------------------- */

static void test_nobody_reached(void **state)
{
    (void)state;
    begin(0);
    assert_true(xc_desk_deadline(&desk) == XC_NEVER);
    SAYS("a.start a.invite a=calling+v",
         of_peer(XCALL_LIFE_PLACE, 'a', "bob", XCALL_LIFE_VIDEO | XCALL_LIFE_HOLD_OTHERS));
    assert_true(xc_desk_deadline(&desk) == now_ms + 35000);
    SAYS("", after(34999));
    SAYS("a.cancel a.end a=ended/unreachable+v", after(1));
    assert_true(xc_desk_deadline(&desk) == XC_NEVER);
}

static void test_nobody_answers(void **state)
{
    (void)state;
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'a', "bob", 0);
    after(20000);
    SAYS("a=ringing_out", in(XCALL_LIFE_REMOTE_RINGING, 'a'));
    assert_true(xc_desk_deadline(&desk) == now_ms + 40000);
    SAYS("", after(39999));
    SAYS("a.cancel a.end a=ended/no_answer", after(1));
    begin(0);
    struct xcall_life_input input = input_of(XCALL_LIFE_INCOMING, 'b');
    input.peer = "bob";
    input.ring_ms = 7000;
    SAYS("b=ringing_in", feed(&input));
    SAYS("", after(6999));
    SAYS("b=ended/no_answer", after(1));
    memset(input.call, 'd', 16);
    input.ring_ms = UINT32_MAX; /* nothing rings longer than any ring may */
    input.now_ms = now_ms;
    feed(&input);
    assert_true(xc_desk_deadline(&desk) == now_ms + 90000);
}

static void test_no_media(void **state)
{
    (void)state;
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'a', "bob", 0);
    in(XCALL_LIFE_REMOTE_ACCEPTED, 'a');
    SAYS("a.hangup a.end a=ended/failed_connect", after(30000));
    begin(0);
    talk('a', "bob");
    assert_true(xc_desk_deadline(&desk) == XC_NEVER);
    SAYS("a.media_lost a=reconnecting", in(XCALL_LIFE_MEDIA_LOST, 'a'));
    after(29999);
    SAYS("a.media_up a=active", in(XCALL_LIFE_MEDIA_UP, 'a'));
    SAYS("", after(100000));
    in(XCALL_LIFE_MEDIA_LOST, 'a');
    SAYS("a.hangup a.end a=ended/media_lost", after(30000));
    begin(0);
    talk('a', "bob");
    SAYS("a.hangup a.end a=ended/security",
         in_reason(XCALL_LIFE_MEDIA_FAILED, 'a', XCALL_LIFE_END_SECURITY));
}

static void test_due_time_first(void **state)
{
    (void)state;
    begin(0);
    of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0);
    now_ms += 60000;
    SAYS("a=ended/no_answer", in(XCALL_LIFE_ACCEPT, 'a'));
    assert_int_equal(result, XCALL_E_STATE);
    now_ms -= 50000; /* time that goes back is time that stands */
    of_peer(XCALL_LIFE_INCOMING, 'b', "bob", 0);
    assert_true(look('b')->placed_ms == now_ms + 50000);
}

/* --- the carrier ------------------------------------------------------------------------------- */

static void test_carrier_lost_while_calling(void **state)
{
    (void)state;
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'a', "bob", 0);
    in(XCALL_LIFE_CARRIER_LOST, 0);
    SAYS("", after(59999));
    SAYS("a.cancel a.end a=ended/signal_lost", after(1));
    in(XCALL_LIFE_CARRIER_BACK, 0);
    of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0);
    in(XCALL_LIFE_CARRIER_LOST, 0);
    after(40000);
    SAYS("", in(XCALL_LIFE_CARRIER_BACK, 0)); /* its news are on their way */
    SAYS("", after(4999));
    SAYS("b=ringing_out", in(XCALL_LIFE_REMOTE_RINGING, 'b'));
    SAYS("", after(15000));
    SAYS("b.cancel b.end b=ended/no_answer", after(1));
}

static void test_carrier_lost_in_a_call(void **state)
{
    (void)state;
    begin(0);
    talk('a', "bob");
    SAYS("", in(XCALL_LIFE_CARRIER_LOST, 0));
    SAYS("", after(3600000));
    SAYS("", in(XCALL_LIFE_CARRIER_BACK, 0)); /* nothing was lost */
    in(XCALL_LIFE_CARRIER_LOST, 0);
    SAYS("a.media_lost a=reconnecting", in(XCALL_LIFE_MEDIA_LOST, 'a'));
    SAYS("a.restart", in(XCALL_LIFE_CARRIER_BACK, 0));
    SAYS("a.media_up a=active", in(XCALL_LIFE_MEDIA_UP, 'a'));
}

static void test_late_news(void **state)
{
    (void)state;
    begin(0);
    SAYS("", in_reason(XCALL_LIFE_REMOTE_ENDED, 'a', XCALL_LIFE_END_CANCELLED));
    SAYS("", of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0)); /* overtaken: does not ring */
    assert_int_equal(state_of('a'), XCALL_LIFE_ENDED);
    after(119999);
    SAYS("", of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0));
    after(1);
    assert_int_equal(state_of('a'), XCALL_LIFE_IDLE);
    SAYS("a=ringing_in", of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0));
    /* Each state of the call has a number: what is not above the last one says nothing new. */
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'b', "carol", 0);
    SAYS("b=connecting", in_rev(XCALL_LIFE_REMOTE_ACCEPTED, 'b', 3));
    SAYS("", in_rev(XCALL_LIFE_REMOTE_ENDED, 'b', 3));
    SAYS("", in_rev(XCALL_LIFE_REMOTE_HOLD, 'b', 2));
    assert_int_equal(desk.stale, 2);
    SAYS("b=connecting+r", in_rev(XCALL_LIFE_REMOTE_HOLD, 'b', 0)); /* without a number */
    SAYS("b.end b=ended/hangup+r", in_rev(XCALL_LIFE_REMOTE_ENDED, 'b', 4));
}

static void test_cancel_meets_accept(void **state)
{
    (void)state;
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'a', "bob", 0);
    in(XCALL_LIFE_HANG_UP, 'a');
    SAYS("a.hangup", in_rev(XCALL_LIFE_REMOTE_ACCEPTED, 'a', 2));
    SAYS("", in_rev(XCALL_LIFE_REMOTE_ACCEPTED, 'a', 3)); /* once */
    begin(0);
    talk('a', "bob");
    in(XCALL_LIFE_HANG_UP, 'a');
    SAYS("", in(XCALL_LIFE_REMOTE_ACCEPTED, 'a')); /* an old one, of a call that was joined */
}

static void test_elsewhere(void **state)
{
    (void)state;
    begin(0);
    of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0);
    SAYS("a=ended/answered_elsewhere",
         in_reason(XCALL_LIFE_REMOTE_ENDED, 'a', XCALL_LIFE_END_ANSWERED_ELSEWHERE));
    of_peer(XCALL_LIFE_INCOMING, 'b', "bob", 0);
    SAYS("b=ended/declined_elsewhere",
         in_reason(XCALL_LIFE_REMOTE_ENDED, 'b', XCALL_LIFE_END_DECLINED_ELSEWHERE));
    /* Two devices accept at once: the later one hears that it lost. */
    of_peer(XCALL_LIFE_INCOMING, 'c', "bob", 0);
    in(XCALL_LIFE_ACCEPT, 'c');
    SAYS("c.end c=ended/answered_elsewhere",
         in_reason(XCALL_LIFE_REMOTE_ENDED, 'c', XCALL_LIFE_END_ANSWERED_ELSEWHERE));
    of_peer(XCALL_LIFE_INCOMING, 'd', "bob", 0);
    SAYS("d.decline d=ended/unsupported",
         in_reason(XCALL_LIFE_DECLINE, 'd', XCALL_LIFE_END_UNSUPPORTED));
}

/* --- call waiting ------------------------------------------------------------------------------ */

static void test_busy(void **state)
{
    (void)state;
    begin(0);
    talk('a', "bob");
    SAYS("b.decline b=ended/busy+v", of_peer(XCALL_LIFE_INCOMING, 'b', "carol", XCALL_LIFE_VIDEO));
    assert_int_equal(result, XCALL_OK);
    SAYS("", of_peer(XCALL_LIFE_INCOMING, 'b', "carol", 0)); /* once */
    SAYS("", of_peer(XCALL_LIFE_PLACE, 'c', "bob", 0));
    assert_int_equal(result, XCALL_E_STATE); /* is in a call with him */
    in(XCALL_LIFE_MEDIA_LOST, 'a');
    SAYS("d=ringing_in+w", of_peer(XCALL_LIFE_INCOMING, 'd', "bob", 0)); /* he calls again */
    SAYS("a.end a=ended/superseded d=ringing_in",
         in_reason(XCALL_LIFE_REMOTE_ENDED, 'a', XCALL_LIFE_END_SUPERSEDED));
}

static void test_waiting(void **state)
{
    (void)state;
    begin(XCALL_DESK_CALL_WAITING);
    talk('a', "bob");
    SAYS("b=ringing_in+w", of_peer(XCALL_LIFE_INCOMING, 'b', "carol", 0));
    SAYS("", in(XCALL_LIFE_ACCEPT, 'b'));
    assert_int_equal(result, XCALL_E_STATE); /* what becomes of the other? */
    SAYS("", in_flags(XCALL_LIFE_ACCEPT, 'b', XCALL_LIFE_HOLD_OTHERS | XCALL_LIFE_END_OTHERS));
    assert_int_equal(result, XCALL_E_INVALID);
    SAYS("a.hold a=active+h b.start b.accept b=connecting",
         in_flags(XCALL_LIFE_ACCEPT, 'b', XCALL_LIFE_HOLD_OTHERS));
    SAYS("", in(XCALL_LIFE_UNHOLD, 'a'));
    assert_int_equal(result, XCALL_E_STATE);
    SAYS("b.hold b=connecting+h a.unhold a=active",
         in_flags(XCALL_LIFE_UNHOLD, 'a', XCALL_LIFE_HOLD_OTHERS));
    SAYS("a.media_lost a=reconnecting", in(XCALL_LIFE_MEDIA_LOST, 'a'));
    SAYS("a.hold a=reconnecting+h", in(XCALL_LIFE_HOLD, 'a'));
    SAYS("a.media_up a=active+h", in(XCALL_LIFE_MEDIA_UP, 'a')); /* a hold outlives it */
    SAYS("b.unhold b=connecting", in(XCALL_LIFE_UNHOLD, 'b'));   /* the other is held: no flag */
    SAYS("c=ringing_in+w", of_peer(XCALL_LIFE_INCOMING, 'c', "dave", 0));
    SAYS("a.hangup a.end a=ended/superseded+h b.hangup b.end b=ended/superseded c.start c.accept "
         "c=connecting",
         in_flags(XCALL_LIFE_ACCEPT, 'c', XCALL_LIFE_END_OTHERS));
}

static void test_waiting_ends(void **state)
{
    (void)state;
    begin(XCALL_DESK_CALL_WAITING);
    talk('a', "bob");
    of_peer(XCALL_LIFE_INCOMING, 'b', "carol", 0);
    SAYS("a.hangup a.end a=ended/hangup b=ringing_in", in(XCALL_LIFE_HANG_UP, 'a'));
    SAYS("b.start b.accept b=connecting", in(XCALL_LIFE_ACCEPT, 'b'));
    SAYS("b.hold b=connecting+h c.start c.invite c=calling",
         of_peer(XCALL_LIFE_PLACE, 'c', "dave", XCALL_LIFE_HOLD_OTHERS));
    SAYS("d=ringing_in+w", of_peer(XCALL_LIFE_INCOMING, 'd', "erin", 0));
    /* What only rings out cannot be held. */
    SAYS("c.cancel c.end c=ended/superseded d.start d.accept d=connecting",
         in_flags(XCALL_LIFE_ACCEPT, 'd', XCALL_LIFE_HOLD_OTHERS));
    begin(XCALL_DESK_CALL_WAITING);
    of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0);
    SAYS("b=ringing_in", of_peer(XCALL_LIFE_INCOMING, 'b', "carol", 0));
    SAYS("a.start a.accept a=connecting b=ringing_in+w", in(XCALL_LIFE_ACCEPT, 'a'));
}

/* --- glare ------------------------------------------------------------------------------------- */

static void test_glare(void **state)
{
    (void)state;
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0);
    SAYS("", of_peer(XCALL_LIFE_INCOMING, 'c', "bob", 0)); /* ours is lower */
    assert_int_equal(look('c')->reason, XCALL_LIFE_END_MERGED);
    SAYS("b=connecting", in(XCALL_LIFE_REMOTE_ACCEPTED, 'b'));
    SAYS("", of_peer(XCALL_LIFE_INCOMING, 'd', "bob", 0)); /* overtaken by his accept */
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0);
    in(XCALL_LIFE_REMOTE_RINGING, 'b');
    SAYS("b.cancel b.end b=ended/merged a.start a.accept a=connecting+v",
         of_peer(XCALL_LIFE_INCOMING, 'a', "bob", XCALL_LIFE_VIDEO));
    SAYS("", in(XCALL_LIFE_REMOTE_ENDED, 'b'));
    begin(XCALL_DESK_CALL_WAITING); /* another person's call is no glare */
    of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0);
    SAYS("a=ringing_in+w", of_peer(XCALL_LIFE_INCOMING, 'a', "bobby", 0));
}

static void test_calling_who_rings(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags < 4; flags++) {
        begin(flags);
        of_peer(XCALL_LIFE_INCOMING, 'b', "bob", 0);
        SAYS("a=ended/merged b.start b.accept b=connecting",
             of_peer(XCALL_LIFE_PLACE, 'a', "bob", 0));
    }
    begin(XCALL_DESK_CALL_WAITING);
    talk('a', "bob");
    of_peer(XCALL_LIFE_INCOMING, 'b', "carol", 0);
    SAYS("", of_peer(XCALL_LIFE_PLACE, 'c', "carol", 0));
    assert_int_equal(result, XCALL_E_STATE);
    SAYS("a.hold a=active+h c=ended/merged b.start b.accept b=connecting",
         of_peer(XCALL_LIFE_PLACE, 'c', "carol", XCALL_LIFE_HOLD_OTHERS));
}

static void test_arbitrated(void **state)
{
    (void)state;
    begin(XCALL_DESK_ARBITRATED);
    of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0);
    SAYS("", of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0)); /* quiet until the verdict */
    SAYS("b.end b=ended/merged a.start a.accept a=connecting", merged('b', 'a'));
    SAYS("", merged('b', 'a'));
    begin(XCALL_DESK_ARBITRATED); /* no merge: it rings after all */
    of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0);
    of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0);
    SAYS("b.end b=ended/denied a=ringing_in", in(XCALL_LIFE_REFUSED, 'b'));
    begin(XCALL_DESK_ARBITRATED); /* the person hung up first: what was joined is given back */
    of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0);
    SAYS("b.cancel b.end b=ended/cancelled", in(XCALL_LIFE_HANG_UP, 'b'));
    SAYS("a.hangup", merged('b', 'a'));
    SAYS("", merged('b', 'a'));
    SAYS("", of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0));
    begin(XCALL_DESK_ARBITRATED);
    of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0);
    of_peer(XCALL_LIFE_INCOMING, 'a', "bob", 0);
    SAYS("b.cancel b.end b=ended/cancelled a=ringing_in", in(XCALL_LIFE_HANG_UP, 'b'));
    SAYS("a.hangup a=ended/cancelled", merged('b', 'a'));
}

static void test_called_again(void **state)
{
    (void)state;
    begin(0);
    talk('a', "bob");
    in(XCALL_LIFE_MEDIA_LOST, 'a');
    SAYS("a.hangup a.end a=ended/superseded b.start b.invite b=calling",
         of_peer(XCALL_LIFE_PLACE, 'b', "bob", 0));
}

/* --- limits ------------------------------------------------------------------------------------ */

static void test_full(void **state)
{
    (void)state;
    begin(XCALL_DESK_CALL_WAITING);
    for (char call = 'a'; call < 'e'; call++)
        of_peer(XCALL_LIFE_INCOMING, call, (const char[]){call, 0}, 0);
    SAYS("e.decline e=ended/busy", of_peer(XCALL_LIFE_INCOMING, 'e', "e", 0));
    assert_int_equal(result, XCALL_E_LIMIT);
    SAYS("", of_peer(XCALL_LIFE_PLACE, 'f', "f", 0));
    assert_int_equal(result, XCALL_E_LIMIT);
    assert_int_equal(state_of('f'), XCALL_LIFE_IDLE);
    SAYS("f=ended/merged a.start a.accept a=connecting b=ringing_in+w c=ringing_in+w "
         "d=ringing_in+w",
         of_peer(XCALL_LIFE_PLACE, 'f', "a", 0));
    SAYS("a.hangup a.end a=ended/superseded g.start g.invite g=calling",
         of_peer(XCALL_LIFE_PLACE, 'g', "g", XCALL_LIFE_END_OTHERS));
}

static void test_ended_calls_are_forgotten_in_order(void **state)
{
    (void)state;
    uint8_t calls[2][16];
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'a', "bob", 0);
    for (uint32_t i = 0; i < 200; i++) {
        struct xcall_life_input input = input_of(XCALL_LIFE_REMOTE_ENDED, 'z');
        memcpy(input.call, &i, sizeof i);
        input.now_ms = ++now_ms;
        feed(&input);
        assert_non_null(xc_desk_call(&desk, input.call));
        assert_int_equal(xc_desk_calls(&desk, NULL, 0), 1);
    }
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t id[16];
        memset(id, 'z', 16);
        memcpy(id, &i, sizeof i);
        assert_int_equal(xc_desk_call(&desk, id) != NULL, i >= 200 - (XC_DESK_SLOTS - 1));
    }
    assert_int_equal(xc_desk_calls(&desk, calls, 2), 1);
    assert_int_equal(calls[0][0], 'a');
}

static void test_invalid(void **state)
{
    (void)state;
    char longest[XCALL_LIFE_PEER_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[XCALL_LIFE_PEER_MAX + 1] = '\0';
    begin(0);
    of_peer(XCALL_LIFE_PLACE, 'a', longest, 0);
    assert_int_equal(result, XCALL_E_INVALID);
    of_peer(XCALL_LIFE_PLACE, 'a', "", 0);
    assert_int_equal(result, XCALL_E_INVALID);
    of_peer(XCALL_LIFE_INCOMING, 'a', NULL, 0);
    assert_int_equal(result, XCALL_E_INVALID);
    of_peer(XCALL_LIFE_PLACE, 0, "bob", 0);
    assert_int_equal(result, XCALL_E_INVALID);
    merged('a', 'a');
    assert_int_equal(result, XCALL_E_INVALID);
    merged('a', 0);
    assert_int_equal(result, XCALL_E_INVALID);
    in_reason(XCALL_LIFE_REMOTE_ENDED, 'a', XCALL_LIFE_END_RELAY_UNAVAILABLE + 1);
    assert_int_equal(result, XCALL_E_INVALID);
    in_reason(XCALL_LIFE_MEDIA_FAILED, 'a', XCALL_LIFE_END_BUSY);
    assert_int_equal(result, XCALL_E_INVALID);
    longest[XCALL_LIFE_PEER_MAX] = '\0';
    of_peer(XCALL_LIFE_INCOMING, 'a', longest, 0);
    assert_int_equal(result, XCALL_OK);
    assert_string_equal(look('a')->peer, longest);
    in_reason(XCALL_LIFE_DECLINE, 'a', XCALL_LIFE_END_HANGUP);
    assert_int_equal(result, XCALL_E_INVALID);
}

/* --- the public functions ---------------------------------------------------------------------- */

static void test_create(void **state)
{
    (void)state;
    xcall_desk_config config;
    xcall_desk *made = NULL;
    static const struct {
        size_t member;
        uint32_t value;
    } wrong[] = {
        {offsetof(xcall_desk_config, flags), 4},
        {offsetof(xcall_desk_config, calls_max), 0},
        {offsetof(xcall_desk_config, calls_max), 17},
        {offsetof(xcall_desk_config, reach_ms), 999},
        {offsetof(xcall_desk_config, ring_ms), 90001},
        {offsetof(xcall_desk_config, connect_ms), 0},
        {offsetof(xcall_desk_config, media_lost_ms), 600001},
        {offsetof(xcall_desk_config, tombstone_ms), 999},
    };
    for (uint32_t i = 0; i < XC_ARRAY_LEN(wrong); i++) {
        xcall_desk_config_init(&config, sizeof config);
        memcpy((uint8_t *)&config + wrong[i].member, &wrong[i].value, 4);
        assert_int_equal(xcall_desk_create(&config, &made), XCALL_E_INVALID);
    }
    config.size = 3;
    assert_int_equal(xcall_desk_create(&config, &made), XCALL_E_VERSION);
    assert_int_equal(xcall_desk_create(&config, NULL), XCALL_E_INVALID);
    assert_null(made);
    config.size = 8; /* an older header's: the rest as by default */
    config.flags = XCALL_DESK_CALL_WAITING;
    assert_int_equal(xcall_desk_create(&config, &made), XCALL_OK);
    xcall_desk_destroy(made);
    xcall_desk_destroy(NULL);
}

static void test_public(void **state)
{
    (void)state;
    xcall_desk *made;
    xcall_life_input input;
    xcall_life_action action;
    xcall_life_info info;
    uint8_t calls[1][16];
    assert_int_equal(xcall_desk_create(NULL, &made), XCALL_OK);
    xcall_life_input_init(&input, sizeof input);
    xcall_life_action_init(&action, sizeof action);
    xcall_life_info_init(&info, sizeof info);
    assert_int_equal(xcall_desk_next_action(made, &action), XCALL_E_AGAIN);
    memset(input.call, 'a', 16);
    input.type = XCALL_LIFE_PLACE;
    input.peer = "bob";
    input.now_ms = 5;
    assert_int_equal(xcall_desk_call(made, input.call, &info), XCALL_E_ENDED);
    assert_int_equal(xcall_desk_input(made, &input), XCALL_OK);
    assert_int_equal(xcall_desk_input(made, &input), XCALL_E_AGAIN);
    action.size = 8; /* a short one gets what it has room for */
    action.state = 99;
    assert_int_equal(xcall_desk_next_action(made, &action), XCALL_OK);
    assert_int_equal(action.type, XCALL_LIFE_START_MEDIA);
    assert_int_equal(action.state, 99);
    action.size = sizeof action;
    assert_int_equal(xcall_desk_next_action(made, &action), XCALL_OK);
    assert_int_equal(action.type, XCALL_LIFE_SEND_INVITE);
    assert_int_equal(action.state, XCALL_LIFE_CALLING);
    assert_int_equal(xcall_desk_input(made, &input), XCALL_E_AGAIN);
    assert_int_equal(xcall_desk_next_action(made, &action), XCALL_OK);
    assert_int_equal(action.flags, XCALL_LIFE_OUTGOING);
    assert_int_equal(xcall_desk_call(made, input.call, &info), XCALL_OK);
    assert_string_equal(info.peer, "bob");
    assert_true(info.placed_ms == 5 && !info.accepted_ms && !info.ended_ms);
    assert_int_equal(info.size, sizeof info);
    assert_true(xcall_desk_deadline(made) == 35005);
    assert_int_equal(xcall_desk_calls(made, NULL, 0), 1);
    assert_int_equal(xcall_desk_calls(made, calls, 1), 1);
    assert_memory_equal(calls[0], input.call, 16);
    assert_int_equal(xcall_desk_calls(made, NULL, 1), XCALL_E_INVALID);
    assert_int_equal(xcall_desk_input(NULL, &input), XCALL_E_INVALID);
    assert_int_equal(xcall_desk_input(made, NULL), XCALL_E_INVALID);
    input.size = action.size = info.size = 0;
    assert_int_equal(xcall_desk_input(made, &input), XCALL_E_VERSION);
    assert_int_equal(xcall_desk_next_action(made, &action), XCALL_E_VERSION);
    assert_int_equal(xcall_desk_call(made, input.call, &info), XCALL_E_VERSION);
    assert_true(xcall_desk_deadline(NULL) == UINT64_MAX);
    xcall_desk_destroy(made);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(xcall_life_state_name(XCALL_LIFE_RINGING_IN), "ringing_in");
    assert_string_equal(xcall_life_state_name(XCALL_LIFE_ENDED), "ended");
    assert_string_equal(xcall_life_state_name(XCALL_LIFE_STATES), "unknown");
    assert_string_equal(xcall_life_reason_name(XCALL_LIFE_END_NO_ANSWER), "no_answer");
    assert_string_equal(xcall_life_reason_name(XCALL_LIFE_END_SERVER_RESTART), "server_restart");
    assert_string_equal(xcall_life_reason_name(XCALL_LIFE_END_RELAY_UNAVAILABLE),
                        "relay_unavailable");
    assert_string_equal(xcall_life_reason_name(XCALL_LIFE_END_RELAY_UNAVAILABLE + 1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_reached),
        cmocka_unit_test(test_nobody_answers),
        cmocka_unit_test(test_no_media),
        cmocka_unit_test(test_due_time_first),
        cmocka_unit_test(test_carrier_lost_while_calling),
        cmocka_unit_test(test_carrier_lost_in_a_call),
        cmocka_unit_test(test_late_news),
        cmocka_unit_test(test_cancel_meets_accept),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_waiting_ends),
        cmocka_unit_test(test_glare),
        cmocka_unit_test(test_calling_who_rings),
        cmocka_unit_test(test_arbitrated),
        cmocka_unit_test(test_called_again),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_ended_calls_are_forgotten_in_order),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
