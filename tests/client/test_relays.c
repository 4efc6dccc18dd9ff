/* test_relays.c - relays with names: renewed where they were found, looked up anew when the path was lost.
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

#define NAMED "turn:relay.test:3478?transport=udp"
#define OTHER "turn:other.test:3478"
#define LITERAL "turn:192.0.2.9:3478"
#define CREDENTIALS "\"username\":\"u\",\"credential\":\"p\",\"ttl_s\":600"

static void answer_turn(const char *urls)
{
    char body[512];
    snprintf(body, sizeof body, "\"urls\":[%s]," CREDENTIALS, urls);
    scripted_ok(&s, scripted_heard(&s, "turn.get"), body);
}

static xcall_id connected(const char *urls)
{
    xcall_id call = 0;
    assert_int_equal(xc_client_core_call(s.core, s.now, "bob", 0, &call), XCALL_OK);
    scripted_run(&s);
    const json_t *frame = scripted_heard(&s, "call.invite");
    snprintf(call_id, sizeof call_id, "%s", text_at(frame, "call"));
    scripted_ok(&s, frame, "\"st\":\"ringing\",\"rev\":1,\"ring_ms\":60000");
    answer_turn(urls);
    char *body = peer_body(call_id, "answer", "bob", "alice", PEER_SEED);
    scripted_say(&s,
                 "{\"t\":\"call.state\",\"sq\":11,\"call\":\"%s\",\"rev\":3,\"b\":{\"st\":"
                 "\"accepted\",\"body\":%s}}",
                 call_id, body);
    free(body);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_heard(&s, "call.media");
    return call;
}

/* Until credentials are to be renewed. */
static void wait_for_renewal(void)
{
    for (int i = 0; i < 9; i++) {
        scripted_wait(&s, 50000);
        xc_client_core_heard(s.core, s.now);
    }
}

static void found(xcall_id call, char *name, char *first, char *second)
{
    struct xc_client_output output = {
        .urls = {first, second}, .names = {name, name}, .url_count = second ? 2 : 1};
    xc_client_core_servers_found(s.core, call, &output);
}

static void test_renewed_where_it_is(void **state)
{
    (void)state;
    xcall_id call = connected("\"" NAMED "\",\"" LITERAL "\"");
    assert_string_equal(s.server_urls, NAMED " " LITERAL);
    found(call, NAMED, "turn:192.0.2.1:3478?transport=udp",
          "turn:[2001:db8::1]:3478?transport=udp");
    wait_for_renewal();
    answer_turn("\"" NAMED "\",\"" LITERAL "\"");
    assert_string_equal(s.server_urls, "turn:192.0.2.1:3478?transport=udp "
                                       "turn:[2001:db8::1]:3478?transport=udp " LITERAL);
    /* Another name, which is still to be found, does not make it forget the first. */
    wait_for_renewal();
    answer_turn("\"" OTHER "\",\"" NAMED "\"");
    assert_string_equal(s.server_urls, OTHER " turn:192.0.2.1:3478?transport=udp "
                                             "turn:[2001:db8::1]:3478?transport=udp");
    struct xc_client_output both = {
        .urls = {"turn:192.0.2.7:3478", "turn:192.0.2.1:3478?transport=udp"},
        .names = {OTHER, NAMED},
        .url_count = 2};
    xc_client_core_servers_found(s.core, call, &both);
    wait_for_renewal();
    answer_turn("\"" NAMED "\",\"" OTHER "\"");
    assert_string_equal(s.server_urls, "turn:192.0.2.1:3478?transport=udp turn:192.0.2.7:3478");
}

/* What was not found is asked for again; a call that is over or unknown keeps nothing. */
static void test_not_found(void **state)
{
    (void)state;
    xcall_id call = connected("\"" NAMED "\"");
    struct xc_client_output none = {.url_count = 0};
    xc_client_core_servers_found(s.core, call, &none);
    wait_for_renewal();
    answer_turn("\"" NAMED "\"");
    assert_string_equal(s.server_urls, NAMED);
    found(call + 99, NAMED, "turn:192.0.2.1:3478", NULL);
    assert_int_equal(xc_client_core_person(s.core, s.now, call, XCALL_LIFE_HANG_UP, 0, 0), 0);
    scripted_run(&s);
    found(call, NAMED, "turn:192.0.2.1:3478", NULL);
}

static void test_lost_path(void **state)
{
    (void)state;
    xcall_id call = connected("\"" NAMED "\"");
    found(call, NAMED, "turn:192.0.2.1:3478", NULL);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_RECONNECTING, NULL);
    scripted_heard(&s, "call.media");
    scripted_drop(&s, 0);
    scripted_back(&s, "e1", NULL);
    assert_int_equal(s.restarts, 1);
    scripted_media(&s, XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, NULL);
    scripted_heard(&s, "call.media");
    wait_for_renewal();
    answer_turn("\"" NAMED "\"");
    assert_string_equal(s.server_urls, NAMED);
}

/* As many addresses as there is room for. */
static void test_too_many(void **state)
{
    (void)state;
    struct xc_client_output output = {.url_count = XC_CLIENT_URLS_MAX};
    static char url[] = "turn:192.0.2.1:3478", name[] = NAMED;
    for (uint32_t i = 0; i < XC_CLIENT_URLS_MAX; i++) {
        output.urls[i] = url;
        output.names[i] = name;
    }
    xcall_id call = connected("\"" NAMED "\"");
    xc_client_core_servers_found(s.core, call, &output);
    wait_for_renewal();
    answer_turn("\"" LITERAL "\",\"" NAMED "\",\"" NAMED "\"");
    assert_int_equal(s.server_count, XC_CLIENT_URLS_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_renewed_where_it_is),
        CASE(test_not_found),
        CASE(test_lost_path),
        CASE(test_too_many),
    };
    return cmocka_run_group_tests_name("client/relays", tests, NULL, NULL);
}
