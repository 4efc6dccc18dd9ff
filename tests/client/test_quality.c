/* test_quality.c - call.quality: once at the end of each call that was accepted, with what was measured, and
 * never an address.
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

#define TURN                                                                                       \
    "\"urls\":[\"turn:192.0.2.99:3478\"],\"username\":\"u1\",\"credential\":\"p1\",\"ttl_s\":600"
#define HOST "{\"candidate\":\"candidate:1 1 udp 9 192.0.2.1 9 typ host\",\"sdpMid\":\"0\"}"

static char call_id[40];

/* Placed, accepted by bob after ring_ms; no media yet. */
static xcall_id begin(uint64_t ring_ms)
{
    xcall_id call = 0;
    assert_int_equal(xc_client_core_call(s.core, s.now, "bob", 0, &call), XCALL_OK);
    scripted_run(&s);
    const json_t *frame = scripted_heard(&s, "call.invite");
    snprintf(call_id, sizeof call_id, "%s", text_at(frame, "call"));
    scripted_ok(&s, frame, "\"st\":\"ringing\",\"rev\":1,\"ring_ms\":60000");
    scripted_ok(&s, scripted_heard(&s, "turn.get"), TURN);
    scripted_wait(&s, ring_ms);
    char *body = peer_body(call_id, "answer", "bob", "alice", PEER_SEED);
    scripted_say(&s,
                 "{\"t\":\"call.state\",\"sq\":11,\"call\":\"%s\",\"rev\":3,\"b\":{\"st\":"
                 "\"accepted\",\"body\":%s}}",
                 call_id, body);
    free(body);
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE, HOST);
    return call;
}

static json_int_t number(const char *name)
{
    const json_t *value = json_object_get(json_object_get(s.quality, "b"), name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

/* Nothing in it but the members of the protocol, and no member that could name a network. */
static void expect_no_address(void)
{
    static const char *const may[] = {"setup_ms", "first_media_ms", "loss_permille", "relay",
                                      "end"};
    json_t *body = json_object_get(s.quality, "b"), *value;
    const char *name;
    json_object_foreach(body, name, value)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof may / sizeof may[0]; i++)
            known |= !strcmp(name, may[i]);
        assert_true(known);
        if (!json_is_string(value))
            assert_true(json_is_integer(value) || json_is_boolean(value));
        else
            assert_int_equal(strspn(json_string_value(value), "abcdefghijklmnopqrstuvwxyz_"),
                             json_string_length(value));
    }
    char *text = json_dumps(body, JSON_COMPACT);
    assert_null(strstr(text, "192.0.2"));
    assert_null(strchr(text, '.'));
    assert_null(strstr(text, "::"));
    free(text);
}

static void test_once_at_the_end(void **state)
{
    (void)state;
    xcall_id call = begin(7000);
    scripted_wait(&s, 300);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_wait(&s, 400); /* connected, and nothing comes yet */
    s.figures = (struct xc_client_figures){.packets_received = 5};
    scripted_wait(&s, 100);
    uint32_t looks = s.looks;
    scripted_wait(&s, 20000);
    assert_int_equal(s.looks, looks); /* that is known then */
    s.figures = (struct xc_client_figures){.packets_received = 975, .packets_lost = 25};
    assert_int_equal(s.qualities, 0);
    assert_int_equal(xc_client_core_person(s.core, s.now, call, XCALL_LIFE_HANG_UP, 0, 0), 0);
    scripted_run(&s);
    assert_int_equal(s.qualities, 1);
    assert_string_equal(text_at(s.quality, "call"), call_id);
    assert_int_equal(number("setup_ms"), 300);
    assert_in_range(number("first_media_ms"), 700, 800);
    assert_int_equal(number("loss_permille"), 25);
    assert_string_equal(text_at(s.quality, "b.end"), "hangup");
    assert_true(json_is_false(json_object_get(json_object_get(s.quality, "b"), "relay")));
    expect_no_address();
    scripted_media(&s, XCALL_EVENT_ENDED, XCALL_END_HANG_UP, NULL);
    scripted_say(&s,
                 "{\"t\":\"call.state\",\"sq\":12,\"call\":\"%s\",\"rev\":9,\"b\":{\"st\":"
                 "\"ended\",\"end\":\"hangup\"}}",
                 call_id);
    assert_int_equal(s.qualities, 1);
}

/* Accepted and never connected: that counts most. */
static void test_never_connected(void **state)
{
    (void)state;
    begin(1000);
    scripted_media(&s, XCALL_EVENT_ENDED, XCALL_END_CONNECT_FAILED, NULL);
    assert_int_equal(s.qualities, 1);
    assert_int_equal(number("setup_ms"), -1);
    assert_int_equal(number("first_media_ms"), -1);
    assert_int_equal(number("loss_permille"), -1);
    assert_string_equal(text_at(s.quality, "b.end"), "failed_connect");
    expect_no_address();
}

/* How long media may take is the service's to say: this side gives up a little later. */
static void test_patience(void **state)
{
    (void)state;
    scripted_drop(&s, 0);
    scripted_link(&s);
    scripted_heard(&s, "hello");
    scripted_say(&s, "{\"t\":\"welcome\",\"b\":{\"dev\":1,\"name\":\"alice\",\"resume\":true,"
                     "\"epoch\":\"e1\",\"sq\":10,\"now\":1,\"limits\":{\"connect_ms\":120000}}}");
    begin(100);
    for (int i = 0; i < 12; i++) {
        scripted_wait(&s, 10000);
        scripted_say(&s, "{\"t\":\"goes.on\",\"b\":{}}"); /* it is not silent */
        assert_int_equal(s.call_state, XCALL_LIFE_CONNECTING);
    }
    scripted_wait(&s, 5000);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_FAILED_CONNECT);
}

static void test_relayed(void **state)
{
    (void)state;
    xcall_id call = begin(0);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    s.figures = (struct xc_client_figures){.packets_received = 1, .relayed = true};
    assert_int_equal(xc_client_core_person(s.core, s.now, call, XCALL_LIFE_HANG_UP, 0, 0), 0);
    scripted_run(&s);
    assert_true(json_is_true(json_object_get(json_object_get(s.quality, "b"), "relay")));
    expect_no_address();
}

static void test_not_of_unanswered(void **state)
{
    (void)state;
    xcall_id call = 0;
    assert_int_equal(xc_client_core_call(s.core, s.now, "bob", 0, &call), XCALL_OK);
    scripted_run(&s);
    scripted_ok(&s, scripted_heard(&s, "call.invite"), "\"st\":\"ringing\",\"rev\":1");
    assert_int_equal(xc_client_core_person(s.core, s.now, call, XCALL_LIFE_HANG_UP, 0, 0), 0);
    scripted_run(&s);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.qualities, 0);
}

/* Of a call that ended without a connection the service hears afterwards. */
static void test_offline(void **state)
{
    (void)state;
    xcall_id call = begin(0);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_drop(&s, 0);
    assert_int_equal(xc_client_core_person(s.core, s.now, call, XCALL_LIFE_HANG_UP, 0, 0), 0);
    scripted_run(&s);
    assert_int_equal(s.qualities, 0);
    scripted_back(&s, "e1", NULL);
    assert_int_equal(s.qualities, 1);
    expect_no_address();
}

/* Never in another account's session. */
static void test_signed_out(void **state)
{
    (void)state;
    begin(0);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_drop(&s, 4003);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    scripted_online(&s);
    assert_int_equal(s.qualities, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_once_at_the_end), CASE(test_never_connected),   CASE(test_patience),
        CASE(test_relayed),         CASE(test_not_of_unanswered), CASE(test_offline),
        CASE(test_signed_out),
    };
    return cmocka_run_group_tests_name("client/quality", tests, NULL, NULL);
}
