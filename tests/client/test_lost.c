/* test_lost.c - the connection is lost at every point of a call's way out and in, and comes back in
 * each way there is: resumed, with a snapshot that names the call, with one that does not, after a
 * restart of the service. The call goes on where it can, ends once where it cannot, and nothing is
 * asked twice with another id.
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

#define IN_CALL "11111111-2222-4333-8444-555555555555"
#define ANYTHING                                                                                   \
    "\"urls\":[\"turn:192.0.2.99:3478\"],\"username\":\"u\",\"credential\":\"p\",\"ttl_s\":600"

enum { RESUMED, NAMED, NOT_NAMED, RESTARTED, WAYS };

static struct scripted s;
static char call_id[40];

/* The service's side of one call: what it has heard decides what it says. */
struct service {
    bool invited, accepted, up, over;
    uint32_t rev, sq, invites, accepts;
    char invite_id[40], accept_id[40];
};

static struct service service;

static void state_event(const char *body)
{
    scripted_say(&s, "{\"t\":\"call.state\",\"sq\":%u,\"call\":\"%s\",\"rev\":%u,\"b\":{%s}}",
                 ++service.sq, call_id, ++service.rev, body);
}

static void on_invite(const json_t *frame)
{
    char body[64];
    if (service.invites++)
        assert_string_equal(text_at(frame, "id"), service.invite_id);
    snprintf(service.invite_id, sizeof service.invite_id, "%s", text_at(frame, "id"));
    snprintf(call_id, sizeof call_id, "%s", text_at(frame, "call"));
    service.rev = service.rev ? service.rev : 1;
    service.invited = true;
    snprintf(body, sizeof body, "\"st\":\"ringing\",\"rev\":1,\"relay\":false");
    scripted_ok(&s, frame, body);
}

static void on_accept(const json_t *frame)
{
    char body[64];
    if (service.accepts++)
        assert_string_equal(text_at(frame, "id"), service.accept_id);
    snprintf(service.accept_id, sizeof service.accept_id, "%s", text_at(frame, "id"));
    if (!service.accepted)
        service.rev++;
    service.accepted = true;
    snprintf(body, sizeof body, "\"st\":\"accepted\",\"rev\":%u,\"relay\":false", service.rev);
    scripted_ok(&s, frame, body);
}

/* Answers everything that was said. */
static void serve(void)
{
    while (s.frame_count) {
        char type[40];
        snprintf(type, sizeof type, "%s", text_at(s.frames[0], "t"));
        const json_t *frame = scripted_heard(&s, type);
        if (!strcmp(type, "call.invite"))
            on_invite(frame);
        else if (!strcmp(type, "call.accept"))
            on_accept(frame);
        else if (!strcmp(type, "turn.get"))
            scripted_ok(&s, frame, ANYTHING);
        else if (!strcmp(type, "call.hangup") || !strcmp(type, "call.cancel"))
            service.over = true;
    }
}

/* --- a call out, step by step ------------------------------------------------------------------ */

static void out_place(void)
{
    xcall_id call;
    assert_int_equal(xc_client_core_call(s.core, s.now, "bob", 0, &call), XCALL_OK);
    scripted_run(&s);
}

static void out_reached(void)
{
    state_event("\"st\":\"ringing\",\"reached\":true");
}

static void out_accepted(void)
{
    char *body = peer_body(call_id, "answer", "bob", "alice", PEER_SEED);
    char *text = malloc(strlen(body) + 64);
    assert_non_null(text);
    sprintf(text, "\"st\":\"accepted\",\"body\":%s", body);
    state_event(text);
    service.accepted = true;
    free(text);
    free(body);
}

static void media_up(void)
{
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    service.up = true;
}

static void in_rings(void)
{
    snprintf(call_id, sizeof call_id, "%s", IN_CALL);
    service.invited = true;
    service.rev = 1;
    scripted_incoming(&s, IN_CALL, "bob", ++service.sq, "");
}

static void in_alerted(void)
{
    assert_int_equal(xc_client_core_person(s.core, s.now, s.call, XCALL_LIFE_ALERTED, 0, 0), 0);
    scripted_run(&s);
}

static void in_accept(void)
{
    assert_int_equal(xc_client_core_person(s.core, s.now, s.call, XCALL_LIFE_ACCEPT, 0, 0), 0);
    scripted_run(&s);
}

static void (*const steps[2][5])(void) = {{out_place, out_reached, out_accepted, media_up, NULL},
                                          {in_rings, in_alerted, in_accept, media_up, NULL}};

static char *snapshot(bool out)
{
    char *text = malloc(4096),
         *body = peer_body(call_id, out ? "answer" : "offer", "bob", "alice", PEER_SEED);
    assert_non_null(text);
    snprintf(text, 4096,
             "[{\"call\":\"%s\",\"rev\":%u,\"dir\":\"%s\",\"peer\":\"bob\",\"media\":\"a\",\"st\":"
             "\"%s\","
             "\"relay\":false,\"bound\":%s,\"body\":%s}]",
             call_id, service.rev, out ? "out" : "in", service.accepted ? "accepted" : "ringing",
             service.accepted || out ? "true" : "false", body);
    free(body);
    return text;
}

/* Lost after this step (heard: the service had got what was said), back in this way. */
static void lose(bool out, int step, bool heard, int way)
{
    memset(&service, 0, sizeof service);
    service.sq = 10;
    scripted_open(&s, 0);
    scripted_online(&s);
    for (int i = 0; i <= step; i++) {
        steps[!out][i]();
        if (i < step || heard)
            serve();
    }
    uint32_t before = s.call_state;
    bool told = service.invited;
    scripted_drop(&s, 0);
    assert_int_equal(s.call_state, before); /* a lost connection ends no call */
    char *named = way == NAMED && told ? snapshot(out) : NULL;
    scripted_back(&s, way == RESTARTED ? "e2" : "e1", way == RESUMED ? NULL : named ? named : "[]");
    free(named);
    bool gone = told && (way == NOT_NAMED || way == RESTARTED);
    serve();
    if (gone && (!out || service.invites < 2)) {
        assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
        if (way == RESTARTED)
            assert_int_equal(s.call_reason, XCALL_LIFE_END_SERVER_RESTART);
    } else if (!gone) {
        for (int i = step + 1; i < 4; i++) { /* and on, as if nothing had been */
            steps[!out][i]();
            serve();
        }
        assert_int_equal(s.call_state, XCALL_LIFE_ACTIVE);
        assert_int_equal(s.created, 1);
        state_event("\"st\":\"ended\",\"end\":\"hangup\"");
    }
    serve();
    if (s.call_state != XCALL_LIFE_ENDED)
        state_event("\"st\":\"ended\",\"end\":\"hangup\"");
    assert_int_equal(s.call_ended, 1);
    assert_true(s.hang_ups <= s.created);
    scripted_close(&s);
}

static void test_every_point(void **state)
{
    (void)state;
    for (int out = 0; out < 2; out++)
        for (int step = 0; step < 4; step++)
            for (int heard = 0; heard < 2; heard++)
                for (int way = 0; way < WAYS; way++)
                    lose(out, step, heard, way);
}

/* Cancelled before the connection was back: nobody was ever rung, and is not now. */
static void test_cancelled_offline(void **state)
{
    (void)state;
    scripted_open(&s, 0);
    scripted_online(&s);
    scripted_drop(&s, 0);
    out_place();
    assert_int_equal(xc_client_core_person(s.core, s.now, s.call, XCALL_LIFE_HANG_UP, 0, 0), 0);
    scripted_run(&s);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    scripted_back(&s, "e1", NULL);
    assert_true(scripted_silent(&s));
    scripted_close(&s);
}

/* Started anew: the calls of its former life are ended, those that ring ring. */
static void test_unknown_calls(void **state)
{
    (void)state;
    char snapshot_text[4096];
    scripted_open(&s, 0);
    scripted_online(&s);
    scripted_drop(&s, 0);
    char *body = peer_body(IN_CALL, "offer", "bob", "alice", PEER_SEED);
    snprintf(
        snapshot_text, sizeof snapshot_text,
        "[{\"call\":\"11111111-2222-4333-8444-000000000001\",\"rev\":4,\"dir\":\"out\",\"peer\":"
        "\"carol\",\"st\":\"active\",\"bound\":true},"
        "{\"call\":\"11111111-2222-4333-8444-000000000002\",\"rev\":1,\"dir\":\"out\",\"peer\":"
        "\"carol\",\"st\":\"ringing\",\"bound\":true},"
        "{\"call\":\"11111111-2222-4333-8444-000000000003\",\"rev\":1,\"dir\":\"in\",\"peer\":"
        "\"carol\",\"st\":\"active\",\"bound\":false},7,"
        "{\"call\":\"11111111-2222-4333-8444-000000000004\",\"rev\":1,\"dir\":\"in\",\"peer\":"
        "\"carol\",\"st\":\"ringing\",\"bound\":false},"
        "{\"call\":\"" IN_CALL
        "\",\"rev\":1,\"dir\":\"in\",\"peer\":\"bob\",\"media\":\"v\",\"st\":"
        "\"ringing\",\"body\":%s,\"ring_left_ms\":5000}]",
        body);
    free(body);
    scripted_back(&s, "e1", snapshot_text);
    assert_string_equal(text_at(scripted_heard(&s, "call.hangup"), "call"),
                        "11111111-2222-4333-8444-000000000001");
    assert_string_equal(text_at(scripted_heard(&s, "call.cancel"), "call"),
                        "11111111-2222-4333-8444-000000000002");
    assert_true(scripted_silent(&s));
    assert_int_equal(s.call_state, XCALL_LIFE_RINGING_IN);
    assert_true(s.call_flags & XCALL_LIFE_VIDEO);
    scripted_close(&s);
}

/* The service does not come back: a call with media lives on it, one that rings ends by itself. */
static void test_gone_for_long(void **state)
{
    (void)state;
    memset(&service, 0, sizeof service);
    service.sq = 10;
    scripted_open(&s, 0);
    scripted_online(&s);
    for (int i = 0; i < 4; i++) {
        steps[0][i]();
        serve();
    }
    scripted_drop(&s, 0);
    for (int i = 0; i < 60; i++) {
        scripted_wait(&s, 10000);
        if (s.wants_link)
            scripted_drop(&s, 0);
    }
    assert_int_equal(s.call_state, XCALL_LIFE_ACTIVE);
    scripted_media(&s, XCALL_EVENT_ENDED, XCALL_END_REMOTE_HANG_UP, NULL);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    out_place();
    for (int i = 0; i < 12; i++) {
        scripted_wait(&s, 10000);
        if (s.wants_link)
            scripted_drop(&s, 0);
    }
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_SIGNAL_LOST);
    scripted_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_point),
        cmocka_unit_test(test_cancelled_offline),
        cmocka_unit_test(test_unknown_calls),
        cmocka_unit_test(test_gone_for_long),
    };
    return cmocka_run_group_tests_name("client/lost", tests, NULL, NULL);
}
