/* test_session.c - signing in and out, what becomes of a connection, resume, requests that are
 * repeated, messages: the core against a scripted server.
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
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scripted_close(&s);
    return 0;
}

static void test_sign_up(void **state)
{
    (void)state;
    scripted_wait(&s, 100000);
    assert_int_equal(s.connects, 0); /* nobody has signed in */
    assert_int_equal(xc_client_core_sign_in(s.core, s.now, true, "alice", "password", NULL), 0);
    scripted_run(&s);
    assert_int_equal(s.session, XCALL_CLIENT_CONNECTING);
    assert_int_equal(xc_client_core_sign_in(s.core, s.now, true, "alice", "password", NULL),
                     XCALL_E_STATE);
    assert_int_equal(xc_client_core_message(s.core, s.now, "bob", "hi", NULL), XCALL_E_STATE);
    scripted_link(&s);
    const json_t *frame = scripted_heard(&s, "account.create");
    assert_string_equal(text_at(frame, "b.name"), "alice");
    assert_string_equal(text_at(frame, "b.password"), "password");
    scripted_ok(&s, frame, "\"token\":\"tok\",\"dev\":3");
    frame = scripted_heard(&s, "hello");
    assert_string_equal(text_at(frame, "b.token"), "tok");
    assert_int_equal(strlen(text_at(frame, "b.key")), 44);
    assert_string_equal(text_at(frame, "b.client.name"), "test");
    assert_null(json_object_get(json_object_get(frame, "b"), "resume"));
    assert_non_null(strstr(s.saved, "\"tok\""));
    assert_null(strstr(s.saved, "password"));
    scripted_say(&s, "{\"t\":\"welcome\",\"b\":{\"name\":\"alice\",\"resume\":false,\"epoch\":1,"
                     "\"sq\":0}}");
    assert_int_equal(s.session, XCALL_CLIENT_ONLINE);
    assert_string_equal(s.session_name, "alice");
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(xc_client_core_sign_in(s.core, s.now, false, "alice", "wrong pass", NULL), 0);
    scripted_run(&s);
    scripted_link(&s);
    scripted_err(&s, scripted_heard(&s, "account.sign_in"), "\"code\":\"bad_login\"");
    assert_int_equal(s.session, XCALL_CLIENT_SIGNED_OUT);
    assert_int_equal(s.session_code, XCALL_E_STATE);
    assert_string_equal(s.session_text, "bad_login");
    assert_int_equal(s.disconnects, 1);
    scripted_wait(&s, 100000);
    assert_int_equal(s.connects, 1);
    assert_int_equal(xc_client_core_sign_in(s.core, s.now, false, "alice", "right pass", NULL), 0);
}

/* The connection is lost before the answer: the same request with the same id. */
static void test_sign_up_repeated(void **state)
{
    (void)state;
    char id[40];
    assert_int_equal(xc_client_core_sign_in(s.core, s.now, true, "alice", "password", NULL), 0);
    scripted_run(&s);
    scripted_link(&s);
    snprintf(id, sizeof id, "%s", text_at(scripted_heard(&s, "account.create"), "id"));
    scripted_drop(&s, 0);
    assert_int_equal(s.session, XCALL_CLIENT_OFFLINE);
    scripted_link(&s);
    assert_string_equal(text_at(scripted_heard(&s, "account.create"), "id"), id);
}

static void test_token(void **state)
{
    (void)state;
    assert_int_equal(xc_client_core_sign_in_token(s.core, s.now, ""), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_sign_in_token(s.core, s.now, NULL), XCALL_E_STATE);
    assert_int_equal(xc_client_core_sign_in_token(s.core, s.now, "by-hand"), 0);
    scripted_run(&s);
    assert_non_null(strstr(s.saved, "by-hand")); /* with its key, before the service sees it */
    scripted_link(&s);
    scripted_err(&s, scripted_heard(&s, "hello"), "\"code\":\"bad_token\"");
    assert_int_equal(s.session, XCALL_CLIENT_SIGNED_OUT);
    assert_string_equal(s.session_text, "bad_token");
    assert_null(strstr(s.saved, "by-hand"));
}

static void test_sign_out(void **state)
{
    (void)state;
    scripted_online(&s);
    assert_int_equal(xc_client_core_sign_out(s.core, s.now), 0);
    scripted_run(&s);
    scripted_ok(&s, scripted_heard(&s, "account.sign_out"), "");
    assert_int_equal(s.session, XCALL_CLIENT_SIGNED_OUT);
    assert_int_equal(s.session_code, 0);
    assert_null(strstr(s.saved, "secret"));
    assert_null(strstr(s.saved, "\"key\""));
    assert_int_equal(xc_client_core_sign_out(s.core, s.now), XCALL_E_STATE);
    /* No answer: not for long. */
    scripted_online(&s);
    assert_int_equal(xc_client_core_sign_out(s.core, s.now), 0);
    scripted_wait(&s, 4000);
    assert_int_equal(s.session, XCALL_CLIENT_SIGNED_OUT);
}

static void expect_welcome(const char *token)
{
    assert_string_equal(text_at(scripted_heard(&s, "hello"), "b.token"), token);
    scripted_say(&s, "{\"t\":\"welcome\",\"b\":{\"dev\":1,\"name\":\"alice\",\"resume\":false,"
                     "\"epoch\":\"e9\",\"sq\":0}}");
}

/* Offline: over at once here, and at the service with the next connection. */
static void test_sign_out_offline(void **state)
{
    (void)state;
    char key[64];
    scripted_online(&s);
    scripted_drop(&s, 0);
    scripted_link(&s);
    snprintf(key, sizeof key, "%s", text_at(scripted_heard(&s, "hello"), "b.key"));
    scripted_drop(&s, 0);
    assert_int_equal(xc_client_core_sign_out(s.core, s.now), 0);
    scripted_run(&s);
    assert_int_equal(s.session, XCALL_CLIENT_SIGNED_OUT);
    assert_non_null(strstr(s.saved, "\"leaving\""));
    assert_int_equal(xc_client_core_request(s.core, s.now, "perm.get", NULL, NULL), XCALL_E_STATE);
    uint32_t told = s.session_count;
    scripted_link(&s);
    const json_t *hello = scripted_heard(&s, "hello");
    assert_string_equal(text_at(hello, "b.key"), key);
    assert_null(json_object_get(json_object_get(hello, "b"), "resume"));
    scripted_say(&s, "{\"t\":\"welcome\",\"b\":{\"dev\":1,\"name\":\"alice\",\"sq\":0}}");
    scripted_say(&s, "{\"t\":\"sync\",\"sq\":1,\"b\":{\"calls\":[]}}");
    scripted_say(&s,
                 "{\"t\":\"msg.new\",\"sq\":2,\"b\":{\"msg\":6,\"from\":\"bob\",\"text\":\"x\"}}");
    scripted_ok(&s, scripted_heard(&s, "account.sign_out"), "");
    assert_null(strstr(s.saved, "secret"));
    assert_null(strstr(s.saved, "leaving"));
    assert_false(s.linked);
    assert_int_equal(s.messages, 0);
    assert_int_equal(s.session_count, told); /* the host knows */
    scripted_wait(&s, 1000000);
    assert_false(s.wants_link);
}

/* The same token again before the service has heard of its end: the session goes on, with its key. */
static void test_sign_out_taken_back(void **state)
{
    (void)state;
    char key[64];
    scripted_online(&s);
    scripted_drop(&s, 0);
    scripted_link(&s);
    snprintf(key, sizeof key, "%s", text_at(scripted_heard(&s, "hello"), "b.key"));
    scripted_drop(&s, 0);
    assert_int_equal(xc_client_core_sign_out(s.core, s.now), 0);
    scripted_run(&s);
    assert_int_equal(xc_client_core_sign_in_token(s.core, s.now, "secret"), 0);
    scripted_run(&s);
    assert_null(strstr(s.saved, "leaving"));
    scripted_link(&s);
    const json_t *hello = scripted_heard(&s, "hello");
    assert_string_equal(text_at(hello, "b.key"), key);
    assert_string_equal(text_at(hello, "b.token"), "secret");
}

/* A sign-in comes after the sign-out that waits, in a connection of its own; a program that is started
 * again finds it in the file. */
static void test_sign_out_before_sign_in(void **state)
{
    (void)state;
    scripted_online(&s);
    assert_int_equal(xc_client_core_sign_out(s.core, s.now), 0);
    scripted_run(&s);
    assert_non_null(strstr(s.saved, "\"leaving\"")); /* before the service has answered */
    scripted_drop(&s, 0);
    char *kept = xc_client_copy(s.saved);
    scripted_close(&s);
    scripted_open_saved(&s, kept);
    free(kept);
    assert_int_equal(xc_client_core_sign_in(s.core, s.now, false, "bob", "password", NULL), 0);
    scripted_run(&s);
    scripted_link(&s);
    const json_t *hello = scripted_heard(&s, "hello");
    assert_string_equal(text_at(hello, "b.token"), "secret");
    scripted_err(&s, hello, "\"code\":\"bad_token\""); /* gone already: as good */
    assert_null(strstr(s.saved, "secret"));
    scripted_link(&s);
    scripted_ok(&s, scripted_heard(&s, "account.sign_in"), "\"token\":\"second\",\"dev\":2");
    expect_welcome("second");
    assert_int_equal(s.session, XCALL_CLIENT_ONLINE);
}

/* What the service refuses stays, and does not keep a sign-in from going on. */
static void test_sign_out_refused(void **state)
{
    (void)state;
    scripted_online(&s);
    scripted_drop(&s, 0);
    assert_int_equal(xc_client_core_sign_out(s.core, s.now), 0);
    assert_int_equal(xc_client_core_sign_in(s.core, s.now, false, "bob", "password", NULL), 0);
    scripted_run(&s);
    for (int i = 0; i < 2; i++) {
        scripted_link(&s);
        const json_t *hello = scripted_heard(&s, "hello");
        assert_string_equal(text_at(hello, "b.token"), "secret");
        if (i)
            scripted_drop(&s, 4001);
        else
            scripted_err(&s, hello, "\"code\":\"of_the_future\"");
        assert_non_null(strstr(s.saved, "secret"));
        scripted_link(&s);
        if (!i)
            scripted_ok(&s, scripted_heard(&s, "account.sign_in"), "\"token\":\"second\"");
        expect_welcome("second");
        scripted_drop(&s, 0);
    }
    scripted_link(&s);
    expect_welcome("secret");
    scripted_heard(&s, "account.sign_out");
    scripted_drop(&s, 4003);
    assert_null(strstr(s.saved, "secret"));
    scripted_link(&s);
    expect_welcome("second");
}

static void test_sign_outs_are_few(void **state)
{
    (void)state;
    char token[20], wanted[24];
    for (int i = 0; i < 12; i++) {
        snprintf(token, sizeof token, "token-%d.", i);
        assert_int_equal(xc_client_core_sign_in_token(s.core, s.now, token), 0);
        assert_int_equal(xc_client_core_sign_out(s.core, s.now), 0);
    }
    scripted_run(&s);
    for (int i = 0; i < 12; i++) {
        snprintf(wanted, sizeof wanted, "\"token-%d.\"", i);
        assert_int_equal(strstr(s.saved, wanted) != NULL, i >= 4);
    }
}

static void test_close_codes(void **state)
{
    (void)state;
    scripted_online(&s);
    scripted_drop(&s, 4003);
    assert_int_equal(s.session, XCALL_CLIENT_SIGNED_OUT);
    assert_string_equal(s.session_text, "revoked");
    assert_null(strstr(s.saved, "secret"));
    scripted_online(&s);
    scripted_drop(&s, 0);
    scripted_link(&s);
    scripted_drop(&s, 4001); /* a hello that was too slow gets this too: the token is good */
    assert_int_equal(s.session, XCALL_CLIENT_OFFLINE);
    scripted_back(&s, "e1", NULL);
    scripted_drop(&s, 4002);
    assert_int_equal(s.session, XCALL_CLIENT_SIGNED_OUT);
    assert_string_equal(s.session_text, "displaced");
    scripted_wait(&s, 100000);
    assert_false(s.wants_link); /* two programs must not chase each other away */
    assert_int_equal(xc_client_core_sign_in_token(s.core, s.now, NULL), 0); /* on demand it does */
    scripted_run(&s);
    scripted_link(&s);
    assert_string_equal(text_at(scripted_heard(&s, "hello"), "b.token"), "secret");
}

/* Waits grow, with jitter, between half a second and thirty. */
static void test_reconnect(void **state)
{
    (void)state;
    uint64_t longest = 0;
    scripted_online(&s);
    scripted_drop(&s, 0);
    uint32_t told = s.session_count;
    for (int i = 0; i < 12; i++) {
        uint64_t lost = s.now;
        for (int k = 0; k < 320 && !s.wants_link; k++)
            scripted_wait(&s, 100);
        assert_true(s.wants_link);
        uint64_t waited = s.link_asked_at - lost;
        assert_true(waited >= 500 && waited <= 30000);
        if (i < 1)
            assert_true(waited <= 1000);
        longest = waited > longest ? waited : longest;
        scripted_drop(&s, 0);
    }
    assert_true(longest >= 15000);
    assert_int_equal(s.session_count, told); /* the host heard of it once */
}

/* A service that welcomes and then hangs up, again and again, is not stormed. */
static void test_welcomed_and_dropped(void **state)
{
    (void)state;
    static const uint32_t codes[] = {0, 4008, 1}; /* 1: goaway */
    scripted_online(&s);
    for (uint32_t k = 0; k < 3; k++) {
        uint64_t until = s.now + 600000;
        uint32_t before = s.connects;
        while (s.now < until) {
            if (codes[k] == 1)
                scripted_say(&s, "{\"t\":\"goaway\",\"b\":{\"reconnect_in_ms\":0}}");
            else
                scripted_drop(&s, codes[k]);
            for (int i = 0; i < 600 && !s.wants_link; i++)
                scripted_wait(&s, 100);
            scripted_back(&s, "e1", NULL);
            scripted_wait(&s, 50);
        }
        assert_true(s.connects - before < 80);
        scripted_wait(&s, 20000); /* a connection that holds is as good as the first */
        uint64_t lost = s.now;
        scripted_drop(&s, codes[k]);
        for (int i = 0; i < 600 && !s.wants_link; i++)
            scripted_wait(&s, 100);
        assert_true(s.link_asked_at - lost <= 1000);
        scripted_back(&s, "e1", NULL);
        scripted_wait(&s, 20000);
    }
}

static void test_attempt_times_out(void **state)
{
    (void)state;
    assert_int_equal(xc_client_core_sign_in(s.core, s.now, false, "alice", "password", NULL), 0);
    scripted_run(&s);
    assert_int_equal(s.connects, 1);
    scripted_wait(&s, 10000);
    assert_int_equal(s.disconnects, 1);
    assert_int_equal(s.session, XCALL_CLIENT_OFFLINE);
    scripted_link(&s); /* again, and then the service says nothing */
    scripted_wait(&s, 10000);
    assert_int_equal(s.disconnects, 2);
}

static void test_silence(void **state)
{
    (void)state;
    scripted_online(&s);
    for (int i = 0; i < 5; i++) {
        scripted_wait(&s, 50000);
        xc_client_core_heard(s.core, s.now);
    }
    assert_int_equal(s.disconnects, 0);
    scripted_wait(&s, 60000);
    assert_int_equal(s.disconnects, 1);
    assert_int_equal(s.session, XCALL_CLIENT_OFFLINE);
}

static void test_goaway(void **state)
{
    (void)state;
    scripted_online(&s);
    scripted_say(&s, "{\"t\":\"goaway\",\"b\":{\"reconnect_in_ms\":7000}}");
    assert_int_equal(s.disconnects, 1);
    scripted_wait(&s, 6900);
    assert_false(s.wants_link);
    scripted_wait(&s, 800);
    assert_true(s.wants_link);
}

static void test_not_a_frame(void **state)
{
    (void)state;
    static const char *const ignored[] = {"{}",
                                          "{\"t\":7}",
                                          "{\"t\":\"new.thing\",\"b\":[]}",
                                          "{\"t\":\"ok\"}",
                                          "{\"t\":\"ok\",\"re\":\"none\"}",
                                          "{\"t\":\"msg.new\",\"b\":{}}",
                                          "{\"t\":\"msg.read\",\"b\":{\"with\":\"bob\"}}",
                                          "{\"t\":\"msg.read\",\"b\":{\"msg\":5}}",
                                          "{\"t\":\"msg.read\",\"b\":{\"with\":\"b\",\"msg\":-5}}",
                                          "{\"t\":\"sync\"}",
                                          "{\"t\":\"call.state\",\"call\":7,\"b\":7}"};
    scripted_online(&s);
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        scripted_say(&s, "%s", ignored[i]);
    assert_int_equal(s.disconnects, 0);
    assert_int_equal(s.reads, 0);
    scripted_say(&s, "[1]");
    assert_int_equal(s.disconnects, 1);
    scripted_link(&s);
    scripted_say(&s, "{\"t\":");
    assert_int_equal(s.disconnects, 2);
}

static void test_requests(void **state)
{
    (void)state;
    uint64_t number = 0, other = 0;
    scripted_online(&s);
    assert_int_equal(xc_client_core_request(s.core, s.now, "call.invite", NULL, NULL),
                     XCALL_E_INVALID);
    assert_int_equal(xc_client_core_request(s.core, s.now, "perm.get", "[]", NULL),
                     XCALL_E_INVALID);
    assert_int_equal(xc_client_core_request(s.core, s.now, "perm.get", "{", NULL), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_request(s.core, s.now, "perm.get", NULL, &number), 0);
    assert_int_equal(xc_client_core_message(s.core, s.now, "bob", "hello", &other), 0);
    assert_true(number && other && number != other);
    scripted_run(&s);
    const json_t *frame = scripted_heard(&s, "perm.get");
    scripted_ok(&s, frame, "\"x\":1");
    assert_int_equal(s.answers, 1);
    assert_int_equal(s.answer_number, number);
    assert_int_equal(s.answer_code, 0);
    assert_string_equal(s.answer, "{\"x\":1}");
    assert_string_equal(s.answer_type, "perm.get");
    frame = scripted_heard(&s, "msg.send");
    assert_string_equal(text_at(frame, "b.text"), "hello");
    scripted_err(&s, frame, "\"code\":\"no_such_account\"");
    assert_int_equal(s.answer_code, XCALL_E_STATE);
    assert_string_equal(s.answer, "no_such_account");
    for (int i = 0; i < 4; i++)
        assert_int_equal(xc_client_core_request(s.core, s.now, "perm.get", NULL, NULL), 0);
    assert_int_equal(xc_client_core_request(s.core, s.now, "perm.get", NULL, NULL), XCALL_E_LIMIT);
}

/* The service would close the connection for it (4000), and the next one for the request that is repeated. */
static void test_requests_too_large(void **state)
{
    (void)state;
    static char text[20000];
    scripted_online(&s);
    for (size_t size = 16000; size < sizeof text - 8; size++) {
        memcpy(text, "{\"x\":\"", 6);
        memset(text + 6, 'x', size);
        memcpy(text + 6 + size, "\"}", 3);
        int32_t result = xc_client_core_request(s.core, s.now, "a", text, NULL);
        scripted_run(&s);
        if (result != XCALL_OK) {
            assert_int_equal(result, XCALL_E_INVALID);
            assert_true(size > 16300);
            break;
        }
        const json_t *frame = scripted_heard(&s, "a");
        assert_true(json_dumpb(frame, NULL, 0, JSON_COMPACT) <= 16384);
        scripted_ok(&s, frame, "");
    }
    memset(text, 1, 4096); /* six bytes each in JSON */
    text[4096] = '\0';
    assert_int_equal(xc_client_core_message(s.core, s.now, "bob", text, NULL), XCALL_E_INVALID);
    assert_int_equal(
        xc_client_core_request(s.core, s.now, "a", "{\"x\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", NULL),
        XCALL_E_INVALID);
    assert_int_equal(xc_client_core_request(s.core, s.now, "a",
                                            "{\"x\":[[[[[[[[[[[[[[\"[[[[\\\"{{{{\"]]]]]]]]]]]]]]}",
                                            NULL),
                     XCALL_OK);
    scripted_run(&s); /* what was refused is not in the way of what is asked next */
    scripted_ok(&s, scripted_heard(&s, "a"), "");
    assert_int_equal(xc_client_core_request(s.core, s.now, "perm.get", NULL, NULL), XCALL_OK);
}

/* A request outlives connections with its id, waits while offline, and is answered once. */
static void test_repeated(void **state)
{
    (void)state;
    char id[40];
    scripted_online(&s);
    assert_int_equal(xc_client_core_message(s.core, s.now, "bob", "one", NULL), 0);
    scripted_run(&s);
    snprintf(id, sizeof id, "%s", text_at(scripted_heard(&s, "msg.send"), "id"));
    scripted_drop(&s, 0);
    assert_int_equal(xc_client_core_message(s.core, s.now, "bob", "two", NULL), 0);
    scripted_back(&s, "e1", NULL);
    const json_t *frame = scripted_heard(&s, "msg.send");
    assert_string_equal(text_at(frame, "id"), id);
    assert_string_equal(text_at(frame, "b.text"), "one");
    scripted_ok(&s, frame, "\"msg\":1");
    scripted_ok(&s, scripted_heard(&s, "msg.send"), "\"msg\":2");
    assert_int_equal(s.answers, 2);
    /* An answer that never comes: the connection is dead, at last the request too. */
    assert_int_equal(xc_client_core_message(s.core, s.now, "bob", "three", NULL), 0);
    scripted_run(&s);
    for (int i = 0; i < 3; i++) {
        scripted_wait(&s, 10000);
        xc_client_core_heard(s.core, s.now);
    }
    assert_int_equal(s.session, XCALL_CLIENT_OFFLINE);
    for (int i = 0; i < 70 && s.answers == 2; i++) {
        scripted_wait(&s, 10000);
        if (s.wants_link)
            scripted_drop(&s, 0);
    }
    assert_int_equal(s.answers, 3);
    assert_int_equal(s.answer_code, XCALL_E_TIMEOUT);
}

static void test_signed_out_with_requests(void **state)
{
    (void)state;
    scripted_online(&s);
    assert_int_equal(xc_client_core_message(s.core, s.now, "bob", "one", NULL), 0);
    scripted_drop(&s, 4003);
    assert_int_equal(s.answers, 1);
    assert_int_equal(s.answer_code, XCALL_E_CLOSED);
}

static void test_messages(void **state)
{
    (void)state;
    scripted_online(&s);
    scripted_say(&s,
                 "{\"t\":\"msg.new\",\"sq\":11,\"b\":{\"msg\":5,\"from\":\"bob\",\"to\":\"alice\","
                 "\"at\":1,\"text\":\"hello\"}}");
    assert_int_equal(s.messages, 1);
    assert_string_equal(s.message, "hello");
    assert_string_equal(s.message_from, "bob");
    assert_int_equal(s.message_flags, 0);
    /* The same event again, as after a resume, is none. */
    scripted_say(&s,
                 "{\"t\":\"msg.new\",\"sq\":11,\"b\":{\"msg\":5,\"from\":\"bob\",\"to\":\"alice\","
                 "\"at\":1,\"text\":\"hello\"}}");
    assert_int_equal(s.messages, 1);
    scripted_say(
        &s, "{\"t\":\"msg.new\",\"sq\":12,\"b\":{\"msg\":6,\"from\":\"alice\",\"to\":\"carol\","
            "\"at\":1,\"text\":\"mine\"}}");
    assert_int_equal(s.message_flags, XCALL_CLIENT_MESSAGE_SENT);
    assert_string_equal(s.message_from, "carol");
    /* Both are acknowledged before long, and a resume asks for what came after. */
    scripted_wait(&s, 2000);
    assert_int_equal(s.acked, 12);
    scripted_drop(&s, 0);
    scripted_link(&s);
    const json_t *hello = json_object_get(scripted_heard(&s, "hello"), "b");
    assert_int_equal(json_integer_value(json_object_get(hello, "last_sq")), 12);
    assert_string_equal(json_string_value(json_object_get(hello, "resume")), "e1");
}

static void test_chats(void **state)
{
    (void)state;
    uint64_t number = 0;
    scripted_online(&s);
    assert_int_equal(xc_client_core_chats(s.core, s.now, 0, 0, NULL), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_chats(s.core, s.now, 0, 51, NULL), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_chats(s.core, s.now, UINT64_MAX, 1, NULL), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_read(s.core, s.now, NULL, 1, NULL), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_read(s.core, s.now, "\xff", 1, NULL), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_read(s.core, s.now, "bob", UINT64_MAX, NULL), XCALL_E_INVALID);
    assert_int_equal(xc_client_core_chats(s.core, s.now, 0, 50, &number), XCALL_OK);
    scripted_run(&s);
    const json_t *frame = scripted_heard(&s, "msg.chats");
    assert_null(json_object_get(json_object_get(frame, "b"), "before"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(frame, "b"), "limit")), 50);
    scripted_ok(&s, frame, "\"chats\":[],\"more\":false");
    assert_int_equal(s.answers, 1);
    assert_int_equal(s.answer_number, number);
    assert_string_equal(s.answer_type, "msg.chats");
    assert_string_equal(s.answer, "{\"chats\":[],\"more\":false}");
    assert_int_equal(xc_client_core_chats(s.core, s.now, 7, 2, NULL), XCALL_OK);
    assert_int_equal(xc_client_core_read(s.core, s.now, "bob", 6, NULL), XCALL_OK);
    assert_int_equal(xc_client_core_read(s.core, s.now, "bob", 0, NULL), XCALL_OK);
    scripted_run(&s);
    frame = scripted_heard(&s, "msg.chats");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(frame, "b"), "before")), 7);
    frame = scripted_heard(&s, "msg.read");
    assert_string_equal(text_at(frame, "b.with"), "bob");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(frame, "b"), "msg")), 6);
    frame = scripted_heard(&s, "msg.read");
    assert_null(json_object_get(json_object_get(frame, "b"), "msg"));
    scripted_say(&s, "{\"t\":\"msg.read\",\"sq\":11,\"b\":{\"with\":\"carol\",\"msg\":9}}");
    assert_int_equal(s.reads, 1);
    assert_string_equal(s.read_with, "carol");
    assert_int_equal(s.read_to, 9);
    scripted_drop(&s, 4003);
    assert_int_equal(xc_client_core_chats(s.core, s.now, 0, 1, NULL), XCALL_E_STATE);
    assert_int_equal(xc_client_core_read(s.core, s.now, "bob", 1, NULL), XCALL_E_STATE);
}

static void test_hello_try_later(void **state)
{
    (void)state;
    scripted_online(&s);
    scripted_drop(&s, 0);
    scripted_link(&s);
    scripted_err(&s, scripted_heard(&s, "hello"), "\"code\":\"try_later\",\"retry_ms\":20000");
    assert_int_equal(s.session, XCALL_CLIENT_OFFLINE);
    scripted_wait(&s, 19000);
    assert_false(s.wants_link);
    scripted_wait(&s, 3000);
    assert_true(s.wants_link);
}

/* Whatever else refuses a hello passes, or may: the token is kept, and the waits grow. */
static void test_hello_refused(void **state)
{
    (void)state;
    static const char *const passing[] = {"try_later", "too_many",       "internal",
                                          "bad_frame", "bad_request",    "forbidden",
                                          "",          "update_required"};
    scripted_online(&s);
    scripted_drop(&s, 0);
    uint64_t longest = 0;
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        uint64_t lost = s.now;
        char body[64];
        snprintf(body, sizeof body, "\"code\":\"%s\"", passing[i]);
        scripted_link(&s);
        longest = s.link_asked_at - lost > longest ? s.link_asked_at - lost : longest;
        scripted_err(&s, scripted_heard(&s, "hello"), body);
        assert_int_equal(s.session, XCALL_CLIENT_OFFLINE);
        assert_int_equal(s.session_code, XCALL_E_STATE);
        assert_string_equal(s.session_text, *passing[i] ? passing[i] : "internal");
        assert_non_null(strstr(s.saved, "secret"));
    }
    uint32_t told = s.session_count;
    scripted_link(&s);
    scripted_err(&s, scripted_heard(&s, "hello"), "\"code\":\"update_required\"");
    assert_int_equal(s.session_count, told); /* that it knows */
    assert_true(longest >= 10000);
    scripted_link(&s);
    scripted_err(&s, scripted_heard(&s, "hello"), "\"code\":\"key_mismatch\"");
    assert_int_equal(s.session, XCALL_CLIENT_SIGNED_OUT);
    assert_string_equal(s.session_text, "key_mismatch");
    assert_null(strstr(s.saved, "secret"));
}

static void test_codes(void **state)
{
    (void)state;
    assert_string_equal(xcall_client_code_text("message_first"), "Write to this person first.");
    assert_string_equal(xcall_client_code_text("of_the_future"), "The service refused this.");
    assert_string_equal(xcall_client_code_text(NULL), "The service refused this.");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_sign_up),
        CASE(test_refused),
        CASE(test_sign_up_repeated),
        CASE(test_token),
        CASE(test_sign_out),
        CASE(test_sign_out_offline),
        CASE(test_sign_out_taken_back),
        CASE(test_sign_out_before_sign_in),
        CASE(test_sign_out_refused),
        CASE(test_sign_outs_are_few),
        CASE(test_close_codes),
        CASE(test_reconnect),
        CASE(test_welcomed_and_dropped),
        CASE(test_attempt_times_out),
        CASE(test_silence),
        CASE(test_goaway),
        CASE(test_not_a_frame),
        CASE(test_requests),
        CASE(test_requests_too_large),
        CASE(test_repeated),
        CASE(test_signed_out_with_requests),
        CASE(test_messages),
        CASE(test_chats),
        CASE(test_hello_try_later),
        CASE(test_hello_refused),
        CASE(test_codes),
    };
    return cmocka_run_group_tests_name("client/session", tests, NULL, NULL);
}
