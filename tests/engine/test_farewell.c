/* test_farewell.c - what an engine does behind the end of a call for the TURN server that relayed it: the
 * allocation is given back although datagrams are lost, the call is gone at once all the same, and
 * descriptors come back. Engines without threads on a clock of the test's, a server on a real socket.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <xcall/xcall.h>

#include "engine/engine.h"
#include "io/udp.h"
#include "support/loopback.h"
#include "support/turn_server.h"

#define MS UINT64_C(1000000)
#define USER "1790000600:alice"
#define PASSWORD "secret"
#define CALLS 80

static struct turn_server server;
static int server_fd;
static char url[64];
static uint64_t now;
static xcall_engine *engine;
static uint32_t ended;

static uint32_t descriptors(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static int setup(void **state)
{
    (void)state;
    struct xc_addr any = {.family = XC_ADDR_IPV4, .bytes = {127, 0, 0, 1}};
    struct turn_server_config config = {.relay = {.family = XC_ADDR_IPV4, .bytes = {127, 0, 0, 9}},
                                        .realm = "example.org",
                                        .username = USER,
                                        .password = PASSWORD};
    xcall_engine_config engine_config;
    server_fd = xc_udp_open(&any, 0, 0, &config.addr);
    assert_true(server_fd >= 0);
    turn_server_init(&server, &config);
    snprintf(url, sizeof url, "turn:127.0.0.1:%u", config.addr.port);
    xcall_engine_config_init(&engine_config, sizeof engine_config);
    engine_config.flags = XCALL_ENGINE_LOOPBACK;
    engine_config.threads = 0;
    engine_config.calls_max = CALLS;
    engine_config.bind_address = "127.0.0.1";
    assert_int_equal(xcall_engine_create(&engine_config, &engine, NULL), XCALL_OK);
    now = xcall_now_ns();
    ended = 0;
    loopback_settle(); /* its descriptor is not one of those that are counted */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (engine)
        xcall_engine_unref(engine);
    engine = NULL;
    xc_udp_close(server_fd);
    return 0;
}

static void serve(void)
{
    static struct xc_udp_batch batch;
    static uint8_t bytes[TURN_SERVER_DATAGRAM];
    struct xc_datagram out = {.data = bytes, .capacity = sizeof bytes};
    loopback_settle();
    for (size_t count; (count = xc_udp_receive(server_fd, &batch)) > 0;)
        for (size_t i = 0; i < count; i++)
            turn_server_input(&server, now, &server.config.addr, &batch.datagrams[i].remote,
                              xc_span_make(batch.datagrams[i].bytes, batch.datagrams[i].size));
    while (turn_server_output(&server, now, &out)) {
        struct xc_udp_out to = {out.remote, out.data, out.size};
        if (xc_addr_equal(&out.local, &server.config.addr))
            xc_udp_send(server_fd, &to, 1);
    }
    loopback_settle();
}

static void run(uint32_t ms)
{
    for (uint32_t i = 0; i < ms; i += 5) {
        uint64_t deadline;
        xcall_event event;
        now += 5 * MS;
        assert_int_equal(xcall_engine_step(engine, now, &deadline), XCALL_OK);
        xcall_event_init(&event, sizeof event);
        while (xcall_engine_next_event(engine, &event, 0) == XCALL_OK)
            ended += event.type == XCALL_EVENT_ENDED;
        serve();
    }
}

/* The system may deliver later than at once: real time goes by until the relay has so many allocations left and
 * the process so many descriptors at most, and of the virtual less than a retransmission takes (500 ms). */
static void given_back(uint32_t allocations, uint32_t descriptors_most)
{
    struct pollfd wait = {.fd = server_fd, .events = POLLIN};
    for (int i = 0; i < 60 && (turn_server_allocations(&server, now) != allocations ||
                               descriptors() > descriptors_most);
         i++) {
        poll(&wait, 1, 100);
        run(5);
    }
    assert_int_equal(turn_server_allocations(&server, now), allocations);
    assert_true(descriptors() <= descriptors_most);
}

static xcall_id relayed_call(void)
{
    xcall_call_config config;
    xcall_ice_server relay;
    xcall_id call = 0;
    xcall_ice_server_init(&relay, sizeof relay);
    relay.url = url;
    relay.username = USER;
    relay.password = PASSWORD;
    xcall_call_config_init(&config, sizeof config);
    config.ice_servers = &relay;
    config.ice_server_count = 1;
    assert_int_equal(xcall_call_create(engine, &config, &call, NULL), XCALL_OK);
    uint32_t before = turn_server_allocations(&server, now);
    for (int i = 0; i < 400 && turn_server_allocations(&server, now) == before; i++)
        run(5);
    assert_int_equal(turn_server_allocations(&server, now), before + 1);
    run(20);
    return call;
}

/* The call is gone at once, whatever becomes of its relay. */
static void hang_up(xcall_id call)
{
    uint32_t before = ended;
    assert_int_equal(xcall_call_hang_up(engine, call), XCALL_OK);
    run(15);
    assert_int_equal(ended, before + 1);
}

static void test_answered(void **state)
{
    (void)state;
    uint32_t before = descriptors();
    hang_up(relayed_call());
    given_back(0, before);
    assert_int_equal(server.requests[XC_STUN_REFRESH], 1);
    assert_int_equal(descriptors(), before);
}

static void test_lost(void **state)
{
    (void)state;
    uint32_t before = descriptors();
    for (int answer = 0; answer < 2; answer++) {
        xcall_id call = relayed_call();
        server.drop_next = answer ? 0 : 2;
        server.drop_answers = answer ? 2 : 0;
        hang_up(call);
        run(2000);
        assert_int_equal(server.drop_next + server.drop_answers, 0);
        given_back(0, before);
        assert_int_equal(descriptors(), before);
    }
}

/* What is left lives on while other calls come and go in the same slot. */
static void test_beside_another_call(void **state)
{
    (void)state;
    xcall_id call = relayed_call();
    server.silent = true;
    hang_up(call);
    run(50);
    server.silent = false;
    turn_server_stale_nonce(&server);
    xcall_id next = relayed_call();
    run(3000);
    given_back(1, UINT32_MAX);
    hang_up(next);
    given_back(0, UINT32_MAX);
}

static void test_never_answered(void **state)
{
    (void)state;
    uint32_t before = descriptors();
    xcall_id call = relayed_call();
    server.silent = true;
    hang_up(call);
    run(3000);
    assert_int_equal(descriptors(), before + 1);
    run((uint32_t)(XC_TURN_RELEASE_TIMEOUT / MS));
    assert_int_equal(descriptors(), before);
}

/* More than there are places for: the oldest give up. And the engine ends with what is left. */
static void test_many(void **state)
{
    (void)state;
    static xcall_id calls[TURN_SERVER_ALLOCATIONS];
    uint32_t before = descriptors();
    for (int round = 0; round < 3; round++) {
        server.silent = false;
        turn_server_forget(&server);
        for (int i = 0; i < TURN_SERVER_ALLOCATIONS; i++)
            calls[i] = relayed_call();
        server.silent = true;
        for (int i = 0; i < TURN_SERVER_ALLOCATIONS; i++)
            hang_up(calls[i]);
    }
    assert_true(descriptors() <= before + XC_FAREWELLS_MAX);
    assert_true(descriptors() >= before + TURN_SERVER_ALLOCATIONS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_answered),       CASE(test_lost), CASE(test_beside_another_call),
        CASE(test_never_answered), CASE(test_many),
    };
    return cmocka_run_group_tests_name("engine/farewell", tests, NULL, NULL);
}
