/* test_calls.c - calls of the core against a scripted server: the whole way out and in, every refusal,
 * what is sent when, relays, tampered bodies, glare, other devices, holds.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bodies.h"
#include "client/scripted.h"

#define HOST "{\"candidate\":\"candidate:1 1 udp 9 192.0.2.1 9 typ host\",\"sdpMid\":\"0\"}"
#define RELAY                                                                                      \
    "{\"candidate\":\"candidate:2 1 udp 9 198.51.100.1 9 typ relay raddr 192.0.2.1 rport 99\","    \
    "\"sdpMid\":\"0\"}"
#define NONE "{\"candidate\":\"\",\"sdpMid\":\"0\"}"
#define IN_CALL "11111111-2222-4333-8444-555555555555"
#define TURN                                                                                       \
    "\"urls\":[\"turn:192.0.2.99:3478\"],\"username\":\"u1\",\"credential\":\"p1\",\"ttl_s\":600"

static struct scripted s;
static char call_id[40];

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

static xcall_id place(uint32_t flags)
{
    xcall_id call = 0;
    assert_int_equal(xc_client_core_call(s.core, s.now, "bob", flags, &call), XCALL_OK);
    scripted_run(&s);
    return call;
}

/* Placed and ringing at bob's; turn.get was answered. */
static xcall_id ring_out(const char *more)
{
    char body[128];
    xcall_id call = place(0);
    const json_t *frame = scripted_heard(&s, "call.invite");
    snprintf(call_id, sizeof call_id, "%s", text_at(frame, "call"));
    snprintf(body, sizeof body, "\"st\":\"ringing\",\"rev\":1,\"ring_ms\":60000%s", more);
    scripted_ok(&s, frame, body);
    scripted_ok(&s, scripted_heard(&s, "turn.get"), TURN);
    return call;
}

static void accepted(uint32_t sq, uint8_t seed)
{
    char *body = peer_body(call_id, "answer", "bob", "alice", seed);
    scripted_say(
        &s,
        "{\"t\":\"call.state\",\"sq\":%u,\"call\":\"%s\",\"rev\":3,\"b\":{\"st\":\"accepted\","
        "\"body\":%s}}",
        sq, call_id, body);
    free(body);
}

static void state_event(uint32_t sq, uint32_t rev, const char *call, const char *body)
{
    scripted_say(&s, "{\"t\":\"call.state\",\"sq\":%u,\"call\":\"%s\",\"rev\":%u,\"b\":{%s}}", sq,
                 call, rev, body);
}

static int32_t person(uint32_t type, uint32_t flags, uint32_t reason)
{
    int32_t result = xc_client_core_person(s.core, s.now, s.call, type, flags, reason);
    scripted_run(&s);
    return result;
}

static void test_out(void **state)
{
    (void)state;
    xcall_id call = place(XCALL_CLIENT_VIDEO);
    assert_true(s.video && !s.answerer && !s.relay);
    assert_int_equal(s.call, call);
    assert_int_equal(s.call_state, XCALL_LIFE_CALLING);
    assert_int_equal(s.call_media, s.media);
    assert_string_equal(s.call_peer, "bob");
    assert_true(s.call_flags & XCALL_LIFE_OUTGOING);
    const json_t *frame = scripted_heard(&s, "call.invite");
    snprintf(call_id, sizeof call_id, "%s", text_at(frame, "call"));
    assert_string_equal(text_at(frame, "b.to"), "bob");
    assert_string_equal(text_at(frame, "b.media"), "v");
    /* The body is signed for this call and this peer. */
    uint8_t key[32];
    struct xc_body_claim claim = {call_id, "offer", "alice", "bob", text_at(frame, "b.body.sdp")};
    assert_true(xc_key_read(text_at(frame, "b.body.key"), key));
    assert_true(xc_body_verify(&claim, key, text_at(frame, "b.body.sig")));
    scripted_ok(&s, frame, "\"st\":\"ringing\",\"rev\":1,\"relay\":false,\"ring_ms\":60000");
    scripted_ok(&s, scripted_heard(&s, "turn.get"), TURN);
    assert_int_equal(s.servers, 1);
    assert_string_equal(s.server_url, "turn:192.0.2.99:3478");
    /* Before the accept no candidate leaves. */
    assert_true(scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE, HOST));
    assert_true(scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE, RELAY));
    assert_true(scripted_silent(&s));
    state_event(11, 2, call_id, "\"st\":\"ringing\",\"reached\":true");
    assert_int_equal(s.call_state, XCALL_LIFE_RINGING_OUT);
    accepted(12, PEER_SEED);
    assert_int_equal(s.call_state, XCALL_LIFE_CONNECTING);
    assert_int_equal(s.signal_kind, XCALL_SIGNAL_ANSWER);
    frame = scripted_heard(&s, "sig");
    assert_string_equal(text_at(frame, "b.kind"), "cand");
    assert_string_equal(text_at(frame, "b.data.candidate"),
                        "candidate:1 1 udp 9 192.0.2.1 9 typ host");
    frame = scripted_heard(&s, "sig");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(frame, "b"), "n")), 2);
    assert_string_equal(text_at(frame, "b.data.candidate"),
                        "candidate:2 1 udp 9 198.51.100.1 9 typ relay raddr 0.0.0.0 rport 0");
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_END_OF_CANDIDATES, NONE);
    assert_string_equal(text_at(scripted_heard(&s, "sig"), "b.data.sdpMid"), "0");
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    assert_string_equal(text_at(scripted_heard(&s, "call.media"), "b.state"), "up");
    assert_int_equal(s.call_state, XCALL_LIFE_ACTIVE);
    assert_int_equal(person(XCALL_LIFE_HANG_UP, 0, 0), 0);
    assert_string_equal(text_at(scripted_heard(&s, "call.hangup"), "b.why"), "hangup");
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_HANGUP);
    assert_int_equal(s.hang_ups, 1);
    assert_int_equal(person(XCALL_LIFE_HANG_UP, 0, 0), XCALL_E_ENDED);
    assert_true(scripted_silent(&s));
}

/* The end of candidates, a late candidate, the end again: what waits for the accept ends once. */
static void test_one_end(void **state)
{
    (void)state;
    place(0);
    const json_t *frame = scripted_heard(&s, "call.invite");
    snprintf(call_id, sizeof call_id, "%s", text_at(frame, "call"));
    scripted_ok(&s, frame, "\"st\":\"ringing\",\"rev\":1,\"relay\":false,\"ring_ms\":60000");
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE, HOST);
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_END_OF_CANDIDATES, NONE);
    scripted_ok(&s, scripted_heard(&s, "turn.get"), TURN);
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE, RELAY);
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_END_OF_CANDIDATES, NONE);
    accepted(11, PEER_SEED);
    assert_non_null(strstr(text_at(scripted_heard(&s, "sig"), "b.data.candidate"), "typ host"));
    assert_non_null(strstr(text_at(scripted_heard(&s, "sig"), "b.data.candidate"), "typ relay"));
    assert_string_equal(text_at(scripted_heard(&s, "sig"), "b.data.candidate"), "");
    assert_true(scripted_silent(&s));
}

static void test_in(void **state)
{
    (void)state;
    scripted_incoming(&s, IN_CALL, "bob", 11, "");
    assert_int_equal(s.call_state, XCALL_LIFE_RINGING_IN);
    assert_string_equal(s.call_peer, "bob");
    assert_int_equal(s.created, 0); /* nothing of this side exists before the accept */
    assert_true(scripted_silent(&s));
    assert_int_equal(person(XCALL_LIFE_ALERTED, 0, 0), 0);
    assert_string_equal(text_at(scripted_heard(&s, "call.alerting"), "call"), IN_CALL);
    assert_int_equal(person(XCALL_LIFE_ACCEPT, 0, 0), 0);
    assert_true(s.answerer && s.created == 1 && s.signal_kind == XCALL_SIGNAL_OFFER);
    scripted_ok(&s, scripted_heard(&s, "turn.get"), TURN);
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE, HOST);
    const json_t *frame = scripted_heard(&s, "call.accept");
    assert_string_equal(text_at(frame, "b.body.type"), "answer");
    assert_true(scripted_silent(&s)); /* the candidate waits for the service's word */
    scripted_ok(&s, frame, "\"st\":\"accepted\",\"rev\":2,\"relay\":false");
    assert_string_equal(text_at(scripted_heard(&s, "sig"), "b.kind"), "cand");
    /* The peer's candidates, each once. */
    for (int i = 0; i < 2; i++)
        scripted_say(&s,
                     "{\"t\":\"sig\",\"sq\":%d,\"call\":\"" IN_CALL "\",\"b\":{\"n\":1,\"kind\":"
                     "\"cand\",\"data\":" HOST "}}",
                     12 + i);
    assert_int_equal(s.signals, 2);
    assert_int_equal(s.signal_kind, XCALL_SIGNAL_CANDIDATE);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_heard(&s, "call.media");
    state_event(20, 5, IN_CALL, "\"st\":\"ended\",\"end\":\"hangup\"");
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_HANGUP);
    assert_int_equal(s.hang_ups, 1);
    assert_int_equal(s.call_ended, 1);
    /* What comes late changes nothing, and the call does not ring again. */
    uint32_t events = s.call_events;
    scripted_incoming(&s, IN_CALL, "bob", 21, "");
    state_event(22, 6, IN_CALL, "\"st\":\"ended\",\"end\":\"busy\"");
    assert_int_equal(s.call_events, events);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint32_t reason;
        const char *code;
    } refusals[] = {
        {"\"code\":\"message_first\"", XCALL_LIFE_END_DENIED, "message_first"},
        {"\"code\":\"unavailable\"", XCALL_LIFE_END_DENIED, "unavailable"},
        {"\"code\":\"try_later\",\"retry_ms\":1000", XCALL_LIFE_END_DENIED, "try_later"},
        {"\"code\":\"already_in_call\",\"call\":\"x\"", XCALL_LIFE_END_DENIED, "already_in_call"},
        {"\"code\":\"relay_unavailable\"", XCALL_LIFE_END_RELAY_UNAVAILABLE, "relay_unavailable"},
        {"\"code\":\"ended\",\"end\":\"busy\"", XCALL_LIFE_END_BUSY, ""},
        {"", XCALL_LIFE_END_DENIED, "internal"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        place(0);
        scripted_err(&s, scripted_heard(&s, "call.invite"), refusals[i].body);
        assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
        assert_int_equal(s.call_reason, refusals[i].reason);
        assert_string_equal(s.call_text, refusals[i].code);
        assert_int_equal(s.hang_ups, i + 1);
        assert_true(scripted_silent(&s));
    }
    place(0);
    scripted_ok(&s, scripted_heard(&s, "call.invite"),
                "\"st\":\"ended\",\"rev\":1,\"end\":\"busy\"");
    assert_int_equal(s.call_reason, XCALL_LIFE_END_BUSY);
}

static void test_ends_while_ringing(void **state)
{
    (void)state;
    static const struct {
        const char *end;
        uint32_t reason;
    } ends[] = {{"declined", XCALL_LIFE_END_DECLINED},
                {"no_answer", XCALL_LIFE_END_NO_ANSWER},
                {"busy", XCALL_LIFE_END_BUSY},
                {"of_the_future", XCALL_LIFE_END_HANGUP}};
    for (uint32_t i = 0; i < 4; i++) {
        char body[64];
        ring_out("");
        snprintf(body, sizeof body, "\"st\":\"ended\",\"end\":\"%s\"", ends[i].end);
        state_event(20 + i, 4, call_id, body);
        assert_int_equal(s.call_reason, ends[i].reason);
    }
    ring_out("");
    assert_int_equal(person(XCALL_LIFE_HANG_UP, 0, 0), 0);
    scripted_heard(&s, "call.cancel");
    assert_int_equal(s.call_reason, XCALL_LIFE_END_CANCELLED);
}

static void test_declined_here(void **state)
{
    (void)state;
    static const struct {
        uint32_t reason;
        const char *why;
    } declines[] = {
        {0, "user"}, {XCALL_LIFE_END_BUSY, "busy"}, {XCALL_LIFE_END_UNSUPPORTED, "unsupported"}};
    for (int i = 0; i < 3; i++) {
        char id[48];
        snprintf(id, sizeof id, "11111111-2222-4333-8444-55555555555%d", i);
        scripted_incoming(&s, id, "bob", (uint32_t)(20 + i), "");
        assert_int_equal(person(XCALL_LIFE_DECLINE, 0, declines[i].reason), 0);
        assert_string_equal(text_at(scripted_heard(&s, "call.decline"), "b.why"), declines[i].why);
        assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    }
}

static void test_elsewhere(void **state)
{
    (void)state;
    scripted_incoming(&s, IN_CALL, "bob", 11, "");
    state_event(12, 2, IN_CALL, "\"st\":\"ended\",\"end\":\"answered_elsewhere\",\"by_dev\":2");
    assert_int_equal(s.call_reason, XCALL_LIFE_END_ANSWERED_ELSEWHERE);
    /* Another device is faster than our accept. */
    scripted_incoming(&s, "11111111-2222-4333-8444-555555555556", "bob", 13, "");
    assert_int_equal(person(XCALL_LIFE_ACCEPT, 0, 0), 0);
    scripted_ok(&s, scripted_heard(&s, "turn.get"), TURN);
    scripted_err(&s, scripted_heard(&s, "call.accept"),
                 "\"code\":\"lost_race\",\"st\":\"accepted\"");
    assert_int_equal(s.call_reason, XCALL_LIFE_END_ANSWERED_ELSEWHERE);
    assert_int_equal(s.hang_ups, 1);
    /* An end that overtakes its beginning. */
    state_event(14, 2, "11111111-2222-4333-8444-555555555557",
                "\"st\":\"ended\",\"end\":\"cancelled\"");
    uint32_t events = s.call_events;
    scripted_incoming(&s, "11111111-2222-4333-8444-555555555557", "bob", 15, "");
    assert_int_equal(s.call_events, events);
}

/* One change of what was signed at a time. */
static void incoming_with(const char *member, const char *value, uint32_t sq)
{
    char id[40];
    snprintf(id, sizeof id, "11111111-2222-4333-8444-5555555555%02u", sq);
    char *text = peer_body(id, "offer", "bob", "alice", PEER_SEED);
    json_t *body = json_loads(text, 0, NULL);
    json_object_set_new(body, member, json_string(value));
    char *changed = json_dumps(body, JSON_COMPACT);
    scripted_say(
        &s,
        "{\"t\":\"call.incoming\",\"sq\":%u,\"call\":\"%s\",\"rev\":1,\"b\":{\"from\":\"bob\","
        "\"media\":\"a\",\"body\":%s,\"ring_left_ms\":50000}}",
        sq, id, changed);
    free(changed);
    json_decref(body);
    free(text);
}

static void test_tampered_offer(void **state)
{
    (void)state;
    char swapped[1024];
    snprintf(swapped, sizeof swapped, "%s", scripted_sdp);
    memcpy(strstr(swapped, "AA:BB"), "AA:BC", 5);
    static const char *const members[] = {"type", "key", "sig", "sdp", "sdp", "sdp"};
    const char *const values[] = {
        "answer", "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=", "AAAA", "v=0\r\n", swapped, ""};
    for (uint32_t i = 0; i < 6; i++) {
        incoming_with(members[i], values[i], 20 + i);
        assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
        assert_int_equal(s.call_reason, XCALL_LIFE_END_SECURITY);
        assert_int_equal(s.call_ended, i + 1);
        assert_int_equal(s.call_events, i + 1); /* it never rang */
        assert_string_equal(text_at(scripted_heard(&s, "call.decline"), "b.why"), "unsupported");
        assert_int_equal(person(XCALL_LIFE_ACCEPT, 0, 0), XCALL_E_ENDED);
    }
    /* A body of another call. */
    char *body = peer_body(IN_CALL, "offer", "bob", "alice", PEER_SEED);
    scripted_say(
        &s,
        "{\"t\":\"call.incoming\",\"sq\":50,\"call\":\"11111111-2222-4333-8444-555555555599\","
        "\"rev\":1,\"b\":{\"from\":\"bob\",\"media\":\"a\",\"body\":%s}}",
        body);
    free(body);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_SECURITY);
    assert_int_equal(s.created, 0);
}

static void test_tampered_answer(void **state)
{
    (void)state;
    ring_out("");
    char *body = peer_body(call_id, "answer", "mallory", "alice", PEER_SEED);
    scripted_say(
        &s,
        "{\"t\":\"call.state\",\"sq\":11,\"call\":\"%s\",\"rev\":3,\"b\":{\"st\":\"accepted\","
        "\"body\":%s}}",
        call_id, body);
    free(body);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_SECURITY);
    assert_int_equal(s.signals, 0); /* the engine never saw it */
    assert_int_equal(s.hang_ups, 1);
    assert_string_equal(text_at(scripted_heard(&s, "call.hangup"), "b.why"), "security");
    assert_true(scripted_silent(&s));
}

static void sig(uint32_t sq, uint32_t n, const char *kind, const char *data)
{
    scripted_say(
        &s,
        "{\"t\":\"sig\",\"sq\":%u,\"call\":\"%s\",\"b\":{\"n\":%u,\"kind\":\"%s\",\"data\":%s}}",
        sq, call_id, n, kind, data);
}

/* What was signed before is repeated, by whoever has seen it: nothing happens, and nothing ends. */
static void replayed(const char *newest)
{
    uint32_t signals = s.signals;
    char *first = peer_body(call_id, "answer", "bob", "alice", PEER_SEED);
    sig(20, 60, "nego", newest);
    sig(21, 61, "restart", newest);
    sig(22, 62, "nego", first);
    free(first);
    assert_int_equal(s.signals, signals);
    assert_true(scripted_silent(&s));
    assert_true(s.call_state != XCALL_LIFE_ENDED);
}

static void test_renegotiation(void **state)
{
    (void)state;
    ring_out("");
    accepted(11, PEER_SEED);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_heard(&s, "call.media");
    /* Their offer, our answer. */
    char *body = peer_body_later(call_id, "offer", "bob", "alice", PEER_SEED, 1);
    sig(12, 1, "nego", body);
    const json_t *frame = scripted_heard(&s, "sig");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_object_get(frame, "b"), "data"), "seq")),
                     1);
    assert_string_equal(text_at(frame, "b.kind"), "nego");
    assert_string_equal(text_at(frame, "b.data.type"), "answer");
    assert_int_equal(strlen(text_at(frame, "b.data.sig")), 88);
    replayed(body);
    free(body);
    /* Hold: ours makes an offer, theirs is told. */
    assert_int_equal(person(XCALL_LIFE_HOLD, 0, 0), 0);
    assert_true(s.holds == 1 && s.hold && s.call_flags & XCALL_LIFE_HELD);
    assert_int_equal(person(XCALL_LIFE_UNHOLD, XCALL_LIFE_HOLD_OTHERS, 0), 0);
    assert_true(s.holds == 2 && !s.hold && !(s.call_flags & XCALL_LIFE_HELD));
    scripted_media(&s, XCALL_EVENT_REMOTE, XCALL_REMOTE_HOLD, NULL);
    assert_true(s.call_flags & XCALL_LIFE_REMOTE_HELD);
    /* A body by another key ends the call. */
    body = peer_body_later(call_id, "offer", "bob", "alice", PEER_SEED + 1, 2);
    uint32_t signals = s.signals;
    sig(30, 2, "nego", body);
    free(body);
    assert_int_equal(s.signals, signals);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_SECURITY);
    scripted_heard(&s, "call.hangup");
}

static void test_relayed(void **state)
{
    (void)state;
    ring_out(",\"relay\":true");
    assert_int_equal(s.relays, 1);
    assert_int_equal(s.servers, 1);
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE, HOST);
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE, RELAY);
    accepted(11, PEER_SEED);
    const json_t *frame = scripted_heard(&s, "sig"); /* of the two the relayed one alone */
    assert_string_equal(text_at(frame, "b.data.candidate"),
                        "candidate:2 1 udp 9 198.51.100.1 9 typ relay raddr 0.0.0.0 rport 0");
    assert_true(scripted_silent(&s));
    uint32_t signals = s.signals;
    sig(12, 1, "cand", HOST);
    assert_int_equal(s.signals, signals); /* nor does theirs come in */
    sig(13, 2, "cand", RELAY);
    assert_int_equal(s.signals, signals + 1);
    /* Credentials are renewed before their time is over. */
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_heard(&s, "call.media");
    for (int i = 0; i < 9; i++) {
        scripted_wait(&s, 50000);
        xc_client_core_heard(s.core, s.now);
    }
    scripted_ok(&s, scripted_heard(&s, "turn.get"),
                "\"urls\":[\"turn:192.0.2.99:3478\"],\"username\":\"u2\",\"credential\":\"p2\","
                "\"ttl_s\":600");
    assert_int_equal(s.servers, 2);
    assert_string_equal(s.server_user, "u2");
}

static void test_no_relay(void **state)
{
    (void)state;
    /* Not demanded: the call goes on without. */
    place(0);
    const json_t *frame = scripted_heard(&s, "call.invite");
    snprintf(call_id, sizeof call_id, "%s", text_at(frame, "call"));
    scripted_ok(&s, frame, "\"st\":\"ringing\",\"rev\":1,\"relay\":false");
    assert_int_equal(s.without_servers, 0);
    scripted_err(&s, scripted_heard(&s, "turn.get"), "\"code\":\"relay_unavailable\"");
    assert_int_equal(s.without_servers, 1); /* the end of its candidates waits for that */
    assert_int_equal(s.servers, 0);
    assert_int_equal(s.call_state, XCALL_LIFE_CALLING);
    /* It is demanded afterwards (by the accept): over. */
    state_event(11, 2, call_id, "\"st\":\"ringing\",\"relay\":true");
    assert_int_equal(s.call_reason, XCALL_LIFE_END_RELAY_UNAVAILABLE);
    scripted_heard(&s, "call.cancel");
    /* Demanded: it never falls back. */
    place(0);
    scripted_ok(&s, scripted_heard(&s, "call.invite"),
                "\"st\":\"ringing\",\"rev\":1,\"relay\":true");
    scripted_err(&s, scripted_heard(&s, "turn.get"), "\"code\":\"relay_unavailable\"");
    assert_int_equal(s.call_reason, XCALL_LIFE_END_RELAY_UNAVAILABLE);
    scripted_heard(&s, "call.cancel");
    /* The callee's side. */
    scripted_incoming(&s, IN_CALL, "bob", 12, ",\"relay\":true");
    s.silent_media = true; /* its answer is slower than the refusal */
    assert_int_equal(person(XCALL_LIFE_ACCEPT, 0, 0), 0);
    assert_true(s.relay);
    scripted_err(&s, scripted_heard(&s, "turn.get"), "\"code\":\"relay_unavailable\"");
    assert_int_equal(s.call_reason, XCALL_LIFE_END_RELAY_UNAVAILABLE);
    scripted_heard(&s, "call.hangup");
    assert_true(scripted_silent(&s));
}

static void test_media_ends(void **state)
{
    (void)state;
    static const struct {
        uint32_t end, reason;
    } ends[] = {{XCALL_END_SECURITY, XCALL_LIFE_END_SECURITY},
                {XCALL_END_CONNECT_FAILED, XCALL_LIFE_END_FAILED_CONNECT},
                {XCALL_END_CONNECTION_LOST, XCALL_LIFE_END_MEDIA_LOST},
                {XCALL_END_REMOTE_HANG_UP, XCALL_LIFE_END_HANGUP},
                {XCALL_END_HANG_UP, XCALL_LIFE_END_HANGUP},
                {XCALL_END_RELAY_UNAVAILABLE, XCALL_LIFE_END_RELAY_UNAVAILABLE}};
    for (uint32_t i = 0; i < 6; i++) {
        ring_out("");
        accepted(20 + i, PEER_SEED);
        scripted_media(&s, XCALL_EVENT_ENDED, ends[i].end, NULL);
        assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
        assert_int_equal(s.call_reason, ends[i].reason);
        assert_int_equal(s.hang_ups, 0); /* it has gone by itself */
        if (ends[i].end != XCALL_END_REMOTE_HANG_UP)
            scripted_heard(&s, "call.hangup");
    }
    s.fail_create = true;
    place(0);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_FAILED_CONNECT);
    assert_true(scripted_silent(&s)); /* the service never heard of it */
}

static void test_media_lost_and_back(void **state)
{
    (void)state;
    ring_out("");
    accepted(11, PEER_SEED);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_heard(&s, "call.media");
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_RECONNECTING, NULL);
    assert_int_equal(s.call_state, XCALL_LIFE_RECONNECTING);
    assert_string_equal(text_at(scripted_heard(&s, "call.media"), "b.state"), "lost");
    /* The connection went too, as with a change of networks: back, ICE is started anew. */
    scripted_drop(&s, 0);
    scripted_back(&s, "e1", NULL);
    assert_int_equal(s.restarts, 1);
    char offer[2048];
    json_t *signal = json_pack("{s:s, s:s}", "type", "offer", "sdp", scripted_sdp);
    char *text = json_dumps(signal, 0);
    snprintf(offer, sizeof offer, "%s", text);
    free(text);
    json_decref(signal);
    scripted_media(&s, XCALL_EVENT_SIGNAL, XCALL_SIGNAL_OFFER, offer);
    assert_string_equal(text_at(scripted_heard(&s, "sig"), "b.kind"), "restart");
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    assert_int_equal(s.call_state, XCALL_LIFE_ACTIVE);
}

static void test_glare(void **state)
{
    (void)state;
    place(0);
    xcall_id own = s.call;
    const json_t *frame = scripted_heard(&s, "call.invite");
    char *body = peer_body(IN_CALL, "offer", "bob", "alice", PEER_SEED);
    char *answer = malloc(strlen(body) + 256);
    assert_non_null(answer);
    sprintf(answer,
            "\"merged_into\":\"" IN_CALL
            "\",\"from\":\"bob\",\"media\":\"a\",\"rev\":1,\"relay\":false,"
            "\"body\":%s",
            body);
    scripted_ok(&s, frame, answer);
    free(answer);
    free(body);
    assert_int_equal(s.call_ended, 1);
    assert_int_not_equal(s.call, own);
    assert_int_equal(s.call_state, XCALL_LIFE_CONNECTING);
    assert_true(s.answerer && s.created == 2 && s.hang_ups == 1);
    scripted_ok(&s, scripted_heard(&s, "turn.get"), TURN);
    frame = scripted_heard(&s, "call.accept");
    assert_string_equal(text_at(frame, "call"), IN_CALL);
    scripted_ok(&s, frame, "\"st\":\"accepted\",\"rev\":2");
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    assert_int_equal(s.call_state, XCALL_LIFE_ACTIVE);
}

/* As above, their call has come in before. */
static void test_glare_after_incoming(void **state)
{
    (void)state;
    place(0);
    const json_t *frame = scripted_heard(&s, "call.invite");
    char id[40];
    snprintf(id, sizeof id, "%s", text_at(frame, "id"));
    uint32_t events = s.call_events;
    scripted_incoming(&s, IN_CALL, "bob", 11, "");
    assert_int_equal(s.call_events, events); /* makes no sound: the service decides */
    scripted_say(&s,
                 "{\"t\":\"ok\",\"re\":\"%s\",\"b\":{\"merged_into\":\"" IN_CALL
                 "\",\"from\":\"bob\",\"media\":\"a\",\"rev\":1}}",
                 id);
    assert_int_equal(s.call_ended, 1);
    assert_int_equal(s.call_state, XCALL_LIFE_CONNECTING);
    scripted_heard(&s, "turn.get");
    scripted_heard(&s, "call.accept");
}

/* Merged into a call whose offer is not theirs. */
static void test_glare_tampered(void **state)
{
    (void)state;
    place(0);
    const json_t *frame = scripted_heard(&s, "call.invite");
    scripted_ok(&s, frame,
                "\"merged_into\":\"" IN_CALL
                "\",\"from\":\"bob\",\"media\":\"a\",\"rev\":1,\"body\":{}");
    assert_int_equal(s.call_ended, 2);
    assert_int_equal(s.call_reason, XCALL_LIFE_END_SECURITY);
    scripted_heard(&s, "call.hangup");
    assert_int_equal(s.created, 1);
}

static void test_second_call(void **state)
{
    (void)state;
    ring_out("");
    accepted(11, PEER_SEED);
    xcall_id call = 0;
    assert_int_equal(xc_client_core_call(s.core, s.now, "carol", 0, &call), XCALL_E_STATE);
    scripted_incoming(&s, IN_CALL, "carol", 12, ""); /* no call waiting: busy, without a sound */
    assert_string_equal(text_at(scripted_heard(&s, "call.decline"), "b.why"), "busy");
    assert_int_equal(xc_client_core_call(s.core, s.now, "carol", XCALL_LIFE_END_OTHERS, &call), 0);
    scripted_run(&s);
    scripted_heard(&s, "call.hangup");
    scripted_heard(&s, "call.invite");
}

static void test_keys(void **state)
{
    (void)state;
    xcall_client_call_info info = {.size = sizeof info};
    char names[2][XCALL_LIFE_PEER_MAX + 1];
    uint8_t keys[2][32];
    for (uint32_t i = 0; i < 3; i++) { /* the first key, the same, another one */
        ring_out("");
        assert_int_equal(xc_client_core_get(s.core, s.call, &info, names, keys), 0);
        assert_string_equal(names[1], "");
        accepted(20 + i, i < 2 ? PEER_SEED : PEER_SEED + 1);
        assert_int_equal(xc_client_core_get(s.core, s.call, &info, names, keys), 0);
        assert_string_equal(names[0], "alice");
        assert_string_equal(names[1], "bob");
        assert_int_equal(info.key_changed, i == 2);
        assert_string_equal(info.call_id, call_id);
        person(XCALL_LIFE_HANG_UP, 0, 0);
        scripted_heard(&s, "call.hangup");
    }
    assert_non_null(strstr(s.saved, "\"bob\""));
    assert_int_equal(xc_client_core_get(s.core, 12345, &info, names, keys), XCALL_E_ENDED);
    /* Remembered for two minutes, and many calls more do not fill the table. */
    scripted_wait(&s, 30000);
    assert_int_equal(xc_client_core_get(s.core, s.call, &info, names, keys), 0);
    for (int i = 0; i < 200; i++) {
        place(0);
        scripted_err(&s, scripted_heard(&s, "call.invite"), "\"code\":\"unavailable\"");
    }
}

/* A key counts as seen when a person spoke with it: a call that only rang must not take away the warning
 * of the next one. */
static void test_key_of_a_call_that_only_rang(void **state)
{
    (void)state;
    xcall_client_call_info info = {.size = sizeof info};
    char names[2][XCALL_LIFE_PEER_MAX + 1];
    uint8_t keys[2][32];
    ring_out("");
    accepted(20, PEER_SEED);
    person(XCALL_LIFE_HANG_UP, 0, 0);
    scripted_heard(&s, "call.hangup");
    char *body = peer_body(IN_CALL, "offer", "bob", "alice", PEER_SEED + 1);
    scripted_say(
        &s,
        "{\"t\":\"call.incoming\",\"sq\":21,\"call\":\"%s\",\"rev\":1,\"b\":{\"from\":\"bob\","
        "\"media\":\"a\",\"ring_left_ms\":60000,\"relay\":false,\"body\":%s}}",
        IN_CALL, body);
    free(body);
    assert_int_equal(s.call_state, XCALL_LIFE_RINGING_IN);
    assert_int_equal(xc_client_core_get(s.core, s.call, &info, names, keys), 0);
    assert_int_equal(info.key_changed, 1);
    state_event(22, 2, IN_CALL, "\"st\":\"ended\",\"end\":\"cancelled\"");
    ring_out("");
    accepted(23, PEER_SEED + 1);
    assert_int_equal(xc_client_core_get(s.core, s.call, &info, names, keys), 0);
    assert_int_equal(info.key_changed, 1);
    person(XCALL_LIFE_HANG_UP, 0, 0);
    scripted_heard(&s, "call.hangup");
    ring_out(""); /* now they have spoken */
    accepted(24, PEER_SEED + 1);
    assert_int_equal(xc_client_core_get(s.core, s.call, &info, names, keys), 0);
    assert_int_equal(info.key_changed, 0);
}

/* The call that it is merged into comes when this one was given up: it is given back, and does not
 * ring, and its place in the table is free again. */
static void test_merged_too_late(void **state)
{
    (void)state;
    char merged[4096];
    place(0);
    const json_t *invite = scripted_heard(&s, "call.invite");
    char *body = peer_body(IN_CALL, "offer", "bob", "alice", PEER_SEED);
    snprintf(merged, sizeof merged,
             "\"merged_into\":\"%s\",\"from\":\"bob\",\"media\":\"a\",\"relay\":false,\"rev\":1,"
             "\"body\":%s",
             IN_CALL, body);
    free(body);
    person(XCALL_LIFE_HANG_UP, 0, 0);
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    scripted_ok(&s, invite, merged);
    scripted_heard(&s, "call.cancel");
    assert_string_equal(text_at(scripted_heard(&s, "call.hangup"), "call"), IN_CALL);
    scripted_incoming(&s, IN_CALL, "bob", 12, "");
    assert_int_equal(s.call_state, XCALL_LIFE_ENDED);
    assert_true(scripted_silent(&s));
    assert_int_equal(s.created, 1);
    for (uint32_t i = 0; i < XC_CALLS_MAX; i++)
        assert_true(!s.core->calls[i].id || s.core->calls[i].state == XCALL_LIFE_ENDED);
}

/* A service that merges calls into those of other people: refused, and the table does not fill. */
static void test_merged_with_others(void **state)
{
    (void)state;
    char merged[4096];
    char *body = peer_body(IN_CALL, "offer", "mallory", "alice", PEER_SEED);
    for (uint32_t i = 0; i < 2 * XC_CALLS_MAX; i++) {
        place(0);
        snprintf(merged, sizeof merged,
                 "\"merged_into\":\"11111111-2222-4333-8444-5555555%05u\",\"from\":\"mallory\","
                 "\"media\":\"a\",\"relay\":false,\"rev\":1,\"body\":%s",
                 i, body);
        scripted_ok(&s, scripted_heard(&s, "call.invite"), merged);
        assert_int_equal(s.call_reason, XCALL_LIFE_END_DENIED);
    }
    free(body);
    for (uint32_t i = 0; i < XC_CALLS_MAX; i++)
        assert_true(!s.core->calls[i].id || s.core->calls[i].state == XCALL_LIFE_ENDED);
}

static void test_relay_only_client(void **state)
{
    (void)state;
    scripted_close(&s);
    scripted_open(&s, XCALL_CLIENT_RELAY_ONLY);
    scripted_online(&s);
    place(0);
    assert_true(s.relay);
    scripted_ok(&s, scripted_heard(&s, "call.invite"),
                "\"st\":\"ringing\",\"rev\":1,\"relay\":false");
    scripted_err(&s, scripted_heard(&s, "turn.get"), "\"code\":\"relay_unavailable\"");
    assert_int_equal(s.call_reason, XCALL_LIFE_END_RELAY_UNAVAILABLE);
}

static void test_close(void **state)
{
    (void)state;
    ring_out("");
    accepted(11, PEER_SEED);
    xc_client_core_close(s.core, s.now);
    scripted_run(&s);
    scripted_heard(&s, "call.hangup");
    assert_int_equal(s.hang_ups, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_out),
        CASE(test_one_end),
        CASE(test_in),
        CASE(test_refusals),
        CASE(test_ends_while_ringing),
        CASE(test_declined_here),
        CASE(test_elsewhere),
        CASE(test_tampered_offer),
        CASE(test_tampered_answer),
        CASE(test_renegotiation),
        CASE(test_relayed),
        CASE(test_no_relay),
        CASE(test_media_ends),
        CASE(test_media_lost_and_back),
        CASE(test_glare),
        CASE(test_glare_after_incoming),
        CASE(test_glare_tampered),
        CASE(test_second_call),
        CASE(test_keys),
        CASE(test_key_of_a_call_that_only_rang),
        CASE(test_merged_too_late),
        CASE(test_merged_with_others),
        CASE(test_relay_only_client),
        CASE(test_close),
    };
    return cmocka_run_group_tests_name("client/calls", tests, NULL, NULL);
}
