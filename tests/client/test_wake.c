/* test_wake.c - xcall_client_woken: a push named a call, and the host hears in any case whether it rings or is
 * over (docs/protocol.md section 2, wake_call).
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/scripted.h"

static struct scripted s;

static int setup(void **state)
{
    (void)state;
    scripted_open(&s, 0);
    scripted_online(&s);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scripted_close(&s);
    return 0;
}

#define ID "11111111-2222-4333-8444-555555555555"
#define OTHER "11111111-2222-4333-8444-555555555556"
#define WELCOME                                                                                    \
    "{\"t\":\"welcome\",\"b\":{\"dev\":1,\"name\":\"alice\",\"resume\":false,"                     \
    "\"epoch\":\"e1\",\"sq\":0,\"now\":1,\"limits\":{}}}"
#define EMPTY "{\"t\":\"sync\",\"sq\":1,\"b\":{\"calls\":[]}}"

static xcall_id woken(const char *id)
{
    xcall_id call = 0;
    assert_int_equal(xc_client_core_woken(s.core, s.now, id, &call), XCALL_OK);
    assert_true(call != 0);
    scripted_run(&s);
    return call;
}

/* Offline when the push comes: the hello names the call; it rings under the id that the host has. */
static void test_rings(void **state)
{
    (void)state;
    xcall_client_call_info info = {.size = sizeof info};
    char names[2][XCALL_LIFE_PEER_MAX + 1];
    uint8_t keys[2][32];
    scripted_drop(&s, 0);
    xcall_id call = woken(ID);
    assert_true(s.wants_link); /* at once */
    assert_int_equal(woken(ID), call);
    assert_int_equal(xc_client_core_get(s.core, call, &info, names, keys), XCALL_OK);
    assert_int_equal(info.state, XCALL_LIFE_IDLE);
    assert_string_equal(info.call_id, ID);
    assert_int_equal(xc_client_core_person(s.core, s.now, call, XCALL_LIFE_ACCEPT, 0, 0),
                     XCALL_E_STATE);
    scripted_link(&s);
    assert_string_equal(text_at(scripted_heard(&s, "hello"), "b.wake_call"), ID);
    scripted_say(&s, WELCOME);
    scripted_say(&s, EMPTY);
    assert_int_equal(s.call_events, 0);
    scripted_incoming(&s, ID, "bob", 2, "");
    assert_int_equal(s.call, call);
    assert_int_equal(s.call_state, XCALL_LIFE_RINGING_IN);
    assert_string_equal(s.call_peer, "bob");
    assert_int_equal(xc_client_core_person(s.core, s.now, call, XCALL_LIFE_ACCEPT, 0, 0), XCALL_OK);
    scripted_run(&s);
    assert_true(s.answerer);
}

/* Protocol row 12: over before the device came. */
static void test_over(void **state)
{
    (void)state;
    scripted_drop(&s, 0);
    xcall_id call = woken(ID);
    scripted_link(&s);
    scripted_heard(&s, "hello");
    scripted_say(&s, WELCOME);
    scripted_say(&s, EMPTY);
    scripted_say(&s, "{\"t\":\"call.state\",\"sq\":2,\"call\":\"" ID
                     "\",\"rev\":9,\"b\":{\"st\":\"ended\",\"end\":\"answered_elsewhere\"}}");
    assert_int_equal(s.call, call);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_ANSWERED_ELSEWHERE);
    assert_int_equal(s.call_events, 1);
    scripted_wait(&s, 40000);
    assert_int_equal(s.call_events, 1);
    scripted_incoming(&s, ID, "bob", 3, ""); /* late: it has ended here */
    assert_int_equal(s.call_events, 1);
    assert_int_equal(woken(ID), call); /* a second push: told again */
    assert_int_equal(s.call_events, 2);
}

/* In the snapshot it rings. */
static void test_in_the_snapshot(void **state)
{
    (void)state;
    char *body = peer_body(ID, "offer", "bob", "alice", PEER_SEED);
    scripted_drop(&s, 0);
    xcall_id call = woken(ID);
    scripted_link(&s);
    scripted_heard(&s, "hello");
    scripted_say(&s, WELCOME);
    scripted_say(&s,
                 "{\"t\":\"sync\",\"sq\":1,\"b\":{\"calls\":[{\"call\":\"" ID "\",\"rev\":1,"
                 "\"dir\":\"in\",\"peer\":\"bob\",\"media\":\"a\",\"st\":\"ringing\",\"relay\":"
                 "false,\"bound\":false,\"body\":%s,\"ring_left_ms\":40000}]}}",
                 body);
    free(body);
    assert_int_equal(s.call, call);
    assert_int_equal(s.call_state, XCALL_LIFE_RINGING_IN);
}

/* Connected already: the service is asked for its calls. A hello names one call only: so for the others. */
static void test_online(void **state)
{
    (void)state;
    xcall_id call = woken(ID);
    scripted_ok(&s, scripted_heard(&s, "sync"), "\"calls\":[]");
    assert_int_equal(s.call, call);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_CANCELLED);
    scripted_drop(&s, 0);
    xcall_id first = woken(OTHER), second = woken("11111111-2222-4333-8444-555555555557");
    scripted_link(&s);
    assert_string_equal(text_at(scripted_heard(&s, "hello"), "b.wake_call"),
                        "11111111-2222-4333-8444-555555555557");
    scripted_say(&s, WELCOME);
    scripted_say(&s, EMPTY);
    scripted_ok(&s, scripted_heard(&s, "sync"), "\"calls\":[]");
    assert_true(scripted_silent(&s));
    assert_int_equal(s.call, first);
    scripted_incoming(&s, "11111111-2222-4333-8444-555555555557", "bob", 2, "");
    assert_int_equal(s.call, second);
    assert_int_equal(s.call_state, XCALL_LIFE_RINGING_IN);
}

/* A call that rings here already is told again; one that the service never names is over at last. */
static void test_known_and_never(void **state)
{
    (void)state;
    scripted_incoming(&s, ID, "bob", 11, "");
    xcall_id ringing = s.call;
    uint32_t events = s.call_events;
    assert_int_equal(woken(ID), ringing);
    assert_int_equal(s.call_events, events + 1);
    assert_true(scripted_silent(&s));
    scripted_drop(&s, 0);
    xcall_id call = woken(OTHER);
    for (int i = 0; i < 100 && s.call != call; i++) {
        scripted_wait(&s, 1000);
        if (s.wants_link)
            scripted_drop(&s, 0);
    }
    assert_int_equal(s.call, call);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_SIGNAL_LOST);
}

static void test_refused(void **state)
{
    (void)state;
    xcall_id call = 0;
    assert_int_equal(xc_client_core_woken(s.core, s.now, "no uuid", &call), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_woken(s.core, s.now, NULL, &call), XCALL_E_INVALID);
    for (int i = 0; i < XC_CALLS_MAX; i++) {
        char id[64];
        snprintf(id, sizeof id, "11111111-2222-4333-8444-5555555556%02d", i);
        assert_int_equal(xc_client_core_woken(s.core, s.now, id, &call), XCALL_OK);
    }
    assert_int_equal(xc_client_core_woken(s.core, s.now, ID, &call), XCALL_E_LIMIT);
    scripted_drop(&s, 4003);
    assert_int_equal(s.call_ended, XC_CALLS_MAX); /* no session: nothing rings */
    assert_int_equal(s.call_reason, XCALL_LIFE_END_SIGNAL_LOST);
    assert_int_equal(xc_client_core_woken(s.core, s.now, ID, &call), XCALL_E_STATE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_rings),           CASE(test_over),
        CASE(test_in_the_snapshot), CASE(test_online),
        CASE(test_known_and_never), CASE(test_refused),
    };
    return cmocka_run_group_tests_name("client/wake", tests, NULL, NULL);
}
