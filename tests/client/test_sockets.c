/* test_sockets.c - two clients with an engine each, over real sockets on loopback, and a tiny server
 * between them: a whole call, holds, a cut connection, somebody between who swaps fingerprints, a relay
 * that is demanded and not there, destroy at any time, arguments.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xcall/client.h>

#include "client/tiny_server.h"

#define LIMIT_MS 60000
#define CUTS 3

struct side {
    const char *name;
    xcall_engine *engine;
    xcall_client *client;
    xcall_id call, media;
    uint32_t session, state, reason, flags, ended, rang;
    uint32_t messages, answers, host_events;
    char text[128];
};

static struct tiny_server *server;
static uint32_t ice_policy; /* of the sides to come */
static struct side alice, bob;

static void open_side(struct side *side, const char *name, uint32_t flags)
{
    xcall_engine_config engine;
    xcall_client_config config;
    xcall_call_config call;
    xcall_error error;
    memset(side, 0, sizeof *side);
    side->name = name;
    xcall_error_init(&error, sizeof error);
    xcall_engine_config_init(&engine, sizeof engine);
    engine.flags = XCALL_ENGINE_LOOPBACK;
    engine.bind_address = "127.0.0.1";
    assert_int_equal(xcall_engine_create(&engine, &side->engine, &error), XCALL_OK);
    xcall_call_config_init(&call, sizeof call);
    call.video_width = 320, call.video_height = 180;
    call.ice_policy = ice_policy;
    xcall_client_config_init(&config, sizeof config);
    config.engine = side->engine;
    config.url = tiny_url(server);
    config.flags = flags;
    config.call = &call;
    config.user = 5;
    assert_int_equal(xcall_client_create(&config, &side->client, &error), XCALL_OK);
    assert_int_equal(xcall_client_sign_up(side->client, name, "password", NULL), XCALL_OK);
}

static void close_side(struct side *side)
{
    xcall_client_destroy(side->client);
    xcall_engine_close(side->engine);
    xcall_engine_unref(side->engine);
}

static void on_call(struct side *side, const xcall_event *event)
{
    side->call = event->call;
    side->media = event->media;
    side->state = event->state;
    side->reason = event->reason;
    side->flags = event->flags;
    side->ended += event->state == XCALL_LIFE_ENDED;
    if (event->state != XCALL_LIFE_RINGING_IN)
        return;
    int32_t result = xcall_client_alerted(side->client, event->call);
    assert_true(result == XCALL_OK || result == XCALL_E_ENDED); /* over already */
    side->rang++;
}

static void pump(struct side *side, int32_t wait_ms)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    while (xcall_engine_next_event(side->engine, &event, wait_ms) == XCALL_OK) {
        wait_ms = 0;
        if (xcall_client_take_event(side->client, &event))
            continue;
        if (event.type >= XCALL_EVENT_LIBRARY)
            assert_int_equal(event.user, 5);
        switch (event.type) {
        case XCALL_CLIENT_EVENT_SESSION:
            side->session = event.state;
            break;
        case XCALL_CLIENT_EVENT_CALL:
            on_call(side, &event);
            break;
        case XCALL_CLIENT_EVENT_MESSAGE:
            side->messages++;
            snprintf(side->text, sizeof side->text, "%s: %s", event.protocol, event.text);
            break;
        case XCALL_CLIENT_EVENT_ANSWER:
            side->answers++;
            break;
        default:
            side->host_events++;
            if (side->media && event.call == side->media)
                assert_int_equal(event.user, side->call);
        }
    }
}

#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        uint64_t limit = xcall_now_ns() + LIMIT_MS * 1000000ull;                                   \
        while (!(condition) && xcall_now_ns() < limit) {                                           \
            pump(&alice, 5);                                                                       \
            pump(&bob, 5);                                                                         \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static int setup(void **state)
{
    (void)state;
    server = tiny_start();
    assert_non_null(server);
    open_side(&alice, "alice", 0);
    open_side(&bob, "bob", 0);
    UNTIL(alice.session == XCALL_CLIENT_ONLINE && bob.session == XCALL_CLIENT_ONLINE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close_side(&alice);
    close_side(&bob);
    tiny_stop(server);
    return 0;
}

static void join(uint32_t flags)
{
    xcall_id call = 0;
    assert_int_equal(xcall_client_call(alice.client, "bob", flags, &call), XCALL_OK);
    UNTIL(alice.state == XCALL_LIFE_RINGING_OUT && bob.state == XCALL_LIFE_RINGING_IN);
    assert_int_equal(alice.call, call);
    assert_int_equal(xcall_client_accept(bob.client, bob.call, 0), XCALL_OK);
}

static void test_call(void **state)
{
    (void)state;
    xcall_client_call_info one, two;
    xcall_stats stats;
    xcall_id track = 0;
    assert_int_equal(xcall_client_send_message(alice.client, "bob", "hello", NULL), XCALL_OK);
    UNTIL(bob.messages == 1 && alice.answers == 1);
    assert_string_equal(bob.text, "alice: hello");
    join(XCALL_CLIENT_VIDEO);
    UNTIL(alice.state == XCALL_LIFE_ACTIVE && bob.state == XCALL_LIFE_ACTIVE);
    assert_int_equal(xcall_call_track(bob.engine, bob.media, XCALL_KIND_VIDEO, 0, &track), 0);
    xcall_stats_init(&stats, sizeof stats);
    assert_int_equal(xcall_call_stats(alice.engine, alice.media, &stats), XCALL_OK);
    assert_int_equal(stats.state, XCALL_STATE_CONNECTED);
    xcall_client_call_info_init(&one, sizeof one);
    xcall_client_call_info_init(&two, sizeof two);
    assert_int_equal(xcall_client_call_get(alice.client, alice.call, &one), XCALL_OK);
    assert_int_equal(xcall_client_call_get(bob.client, bob.call, &two), XCALL_OK);
    assert_int_equal(strlen(one.safety_number), XCALL_SAFETY_NUMBER_SIZE - 1);
    assert_string_equal(one.safety_number, two.safety_number);
    assert_string_equal(one.call_id, two.call_id);
    assert_string_equal(one.peer, "bob");
    assert_int_equal(one.key_changed, 0);
    /* Hold goes through the engine's negotiation and back. */
    assert_int_equal(xcall_client_set_hold(alice.client, alice.call, 1), XCALL_OK);
    UNTIL(alice.flags & XCALL_LIFE_HELD && bob.flags & XCALL_LIFE_REMOTE_HELD);
    assert_int_equal(xcall_client_set_hold(alice.client, alice.call, 0), XCALL_OK);
    UNTIL(!(alice.flags & XCALL_LIFE_HELD) && !(bob.flags & XCALL_LIFE_REMOTE_HELD));
    assert_int_equal(xcall_client_hang_up(bob.client, bob.call), XCALL_OK);
    UNTIL(alice.ended && bob.ended);
    assert_int_equal(alice.reason, XCALL_LIFE_END_HANGUP);
    assert_int_equal(xcall_client_call_get(alice.client, alice.call, &one), XCALL_OK);
    assert_int_equal(one.state, XCALL_LIFE_ENDED);
    /* And another one, the other way round would be the same. */
    join(0);
    UNTIL(alice.state == XCALL_LIFE_ACTIVE && bob.state == XCALL_LIFE_ACTIVE);
}

static void test_cut(void **state)
{
    (void)state;
    join(0);
    UNTIL(alice.state == XCALL_LIFE_ACTIVE && bob.state == XCALL_LIFE_ACTIVE);
    /* Again and again: a timer that was ripe at once lost the client's thread its next wait. */
    for (uint32_t i = 0; i < CUTS; i++) {
        tiny_cut(server, "alice");
        UNTIL(alice.session == XCALL_CLIENT_OFFLINE);
        assert_int_equal(alice.state, XCALL_LIFE_ACTIVE);
        UNTIL(alice.session == XCALL_CLIENT_ONLINE);
        assert_int_equal(tiny_hellos(server), 3 + i);
    }
    assert_int_equal(xcall_client_set_hold(alice.client, alice.call, 1), XCALL_OK);
    UNTIL(bob.flags & XCALL_LIFE_REMOTE_HELD);
    assert_int_equal(alice.ended + bob.ended, 0);
}

static void test_swapped_offer(void **state)
{
    (void)state;
    xcall_id call;
    tiny_behave(server, TINY_SWAP_OFFER);
    assert_int_equal(xcall_client_call(alice.client, "bob", 0, &call), XCALL_OK);
    UNTIL(bob.ended && alice.ended);
    assert_int_equal(bob.reason, XCALL_LIFE_END_SECURITY);
    assert_int_equal(bob.rang, 0);
    assert_int_equal(bob.media, 0);
}

static void test_swapped_answer(void **state)
{
    (void)state;
    tiny_behave(server, TINY_SWAP_ANSWER);
    join(0);
    UNTIL(bob.ended && alice.ended);
    assert_int_equal(alice.reason, XCALL_LIFE_END_SECURITY);
    assert_false(tiny_saw_addresses(server) && alice.state != XCALL_LIFE_ENDED);
}

static void test_no_relay(void **state)
{
    (void)state;
    xcall_id call;
    tiny_behave(server, TINY_RELAY);
    assert_int_equal(xcall_client_call(alice.client, "bob", 0, &call), XCALL_OK);
    UNTIL(alice.ended);
    assert_int_equal(alice.reason, XCALL_LIFE_END_RELAY_UNAVAILABLE);
    assert_false(tiny_saw_addresses(server));
}

/* What the host asks for in its own configuration of calls is not weakened. */
static void test_relay_by_config(void **state)
{
    xcall_id call;
    teardown(state);
    ice_policy = XCALL_ICE_RELAY;
    setup(state);
    ice_policy = XCALL_ICE_ALL;
    assert_int_equal(xcall_client_call(alice.client, "bob", 0, &call), XCALL_OK);
    UNTIL(alice.ended);
    assert_int_equal(alice.reason, XCALL_LIFE_END_RELAY_UNAVAILABLE);
    assert_false(tiny_saw_addresses(server));
}

/* A plain connection to this machine goes by nobody else's. */
static void test_proxy(void **state)
{
    teardown(state);
    setenv("http_proxy", "127.0.0.1:1", 1);
    setup(state);
    unsetenv("http_proxy");
}

static void test_refused(void **state)
{
    (void)state;
    xcall_client_call_info info;
    xcall_id call;
    assert_int_equal(xcall_client_call(alice.client, "nobody", 0, &call), XCALL_OK);
    UNTIL(alice.ended);
    xcall_client_call_info_init(&info, sizeof info);
    assert_int_equal(xcall_client_call_get(alice.client, call, &info), XCALL_OK);
    assert_int_equal(info.reason, XCALL_LIFE_END_DENIED);
    assert_string_equal(info.refused, "unavailable");
    assert_string_equal(info.safety_number, "");
}

/* In the middle of everything: the peer hears of it. */
static void test_destroy(void **state)
{
    (void)state;
    join(0);
    UNTIL(alice.state == XCALL_LIFE_ACTIVE && bob.state == XCALL_LIFE_ACTIVE);
    xcall_client_destroy(alice.client);
    alice.client = NULL;
    UNTIL(bob.ended);
    assert_int_equal(bob.reason, XCALL_LIFE_END_HANGUP);
}

static void test_engine_closed(void **state)
{
    (void)state;
    join(0);
    xcall_engine_close(bob.engine);
    uint64_t limit = xcall_now_ns() + LIMIT_MS * 1000000ull;
    int32_t result = XCALL_OK;
    while (result != XCALL_E_CLOSED && xcall_now_ns() < limit) {
        pump(&bob, 5);
        pump(&alice, 5);
        result = xcall_client_request(bob.client, "perm.get", NULL, NULL);
    }
    assert_int_equal(result, XCALL_E_CLOSED);
}

static void test_arguments(void **state)
{
    (void)state;
    xcall_client_config config;
    xcall_client *client = NULL;
    xcall_error error;
    xcall_id call = 0;
    xcall_error_init(&error, sizeof error);
    xcall_client_config_init(&config, sizeof config);
    assert_int_equal(xcall_client_create(NULL, &client, &error), XCALL_E_INVALID);
    assert_int_equal(xcall_client_create(&config, &client, &error), XCALL_E_INVALID);
    config.engine = alice.engine;
    assert_int_equal(xcall_client_create(&config, &client, &error), XCALL_E_INVALID);
    config.url = "ws://192.0.2.1/xcall";
    assert_int_equal(xcall_client_create(&config, &client, &error), XCALL_E_UNSUPPORTED);
    config.url = "wss://127.0.0.1/";
    config.ca_file = "/no/such/file.pem";
    assert_int_equal(xcall_client_create(&config, &client, &error), XCALL_E_SYSTEM);
    assert_non_null(strstr(error.text, "ca_file"));
    config.ca_file = NULL;
    config.state_file = "/proc/self/status";
    assert_int_equal(xcall_client_create(&config, &client, &error), XCALL_E_SYSTEM);
    config.state_file = NULL;
    config.requests_max = 0;
    assert_int_equal(xcall_client_create(&config, &client, &error), XCALL_E_INVALID);
    config.size = 4;
    assert_int_equal(xcall_client_create(&config, &client, &error), XCALL_E_VERSION);
    assert_null(client);
    xcall_client_destroy(NULL);
    assert_int_equal(xcall_client_call(alice.client, NULL, 0, &call), XCALL_E_INVALID);
    assert_int_equal(xcall_client_call(alice.client, "", 0, &call), XCALL_E_INVALID);
    assert_int_equal(xcall_client_call(alice.client, "bob", 64, &call), XCALL_E_INVALID);
    assert_int_equal(xcall_client_call(alice.client, "bob", 0, NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_client_call(NULL, "bob", 0, &call), XCALL_E_INVALID);
    assert_int_equal(xcall_client_hang_up(alice.client, 1), XCALL_E_ENDED);
    assert_int_equal(xcall_client_accept(alice.client, 1, 64), XCALL_E_INVALID);
    assert_int_equal(xcall_client_take_event(alice.client, NULL), 0);
    assert_int_equal(xcall_client_sign_in(alice.client, "alice", "password", NULL), XCALL_E_STATE);
    assert_int_equal(xcall_client_request(alice.client, "sig", NULL, NULL), XCALL_E_INVALID);
}

static void test_fork(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (!child) {
        int32_t result = xcall_client_request(alice.client, "perm.get", NULL, NULL);
        xcall_client_destroy(alice.client);
        _exit(result == XCALL_E_FORKED ? 0 : 1);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_call),
        CASE(test_cut),
        CASE(test_swapped_offer),
        CASE(test_swapped_answer),
        CASE(test_no_relay),
        CASE(test_refused),
        CASE(test_destroy),
        CASE(test_engine_closed),
        CASE(test_arguments),
        CASE(test_fork),
        CASE(test_relay_by_config),
        CASE(test_proxy),
    };
    return cmocka_run_group_tests_name("client/sockets", tests, NULL, NULL);
}
