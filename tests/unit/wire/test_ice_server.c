/* test_ice_server.c - URLs of STUN and TURN servers (RFC 7064, RFC 7065) and their credentials.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/ice_server.h"

static int parse(struct xc_ice_server *server, const char *url)
{
    const char *words = NULL;
    size_t size = strlen(url);
    char *exact = malloc(size ? size : 1); /* a read behind the end is seen */
    assert_non_null(exact);
    memcpy(exact, url, size);
    int result = xc_ice_server_parse(server, xc_span_make(exact, size), &words);
    free(exact);
    assert_true((result != XC_ICE_SERVER_OK) == (words && *words));
    return result;
}

static void good(const char *url, bool turn, const char *host, uint16_t port)
{
    struct xc_ice_server server;
    char text[XC_ADDR_TEXT_MAX];
    assert_int_equal(parse(&server, url), XC_ICE_SERVER_OK);
    assert_int_equal(server.turn, turn);
    text[xc_addr_format(&server.addr, text, sizeof text)] = '\0';
    assert_string_equal(text, host);
    assert_int_equal(server.addr.port, port);
}

static void test_urls(void **state)
{
    (void)state;
    good("stun:192.0.2.1", false, "192.0.2.1", 3478);
    good("stun:192.0.2.1:19302", false, "192.0.2.1", 19302);
    good("STUN:192.0.2.1:1", false, "192.0.2.1", 1);
    good("turn:192.0.2.1", true, "192.0.2.1", 3478);
    good("turn:192.0.2.1:65535?transport=udp", true, "192.0.2.1", 65535);
    good("Turn:192.0.2.1?transport=UDP", true, "192.0.2.1", 3478);
    good("turn:[2001:db8::1]", true, "2001:db8::1", 3478);
    good("turn:[2001:db8::1]:5349?transport=udp", true, "2001:db8::1", 5349);
    good("turn:127.0.0.1", true, "127.0.0.1", 3478);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "stun",
                                      "stun:",
                                      "turn:",
                                      "http:192.0.2.1",
                                      "192.0.2.1",
                                      "turn:192.0.2.1:",
                                      "turn:192.0.2.1:0",
                                      "turn:192.0.2.1:65536",
                                      "turn:192.0.2.1:3478x",
                                      "turn:192.0.2.1:-1",
                                      "turn:192.0.2.256",
                                      "turn:192.0.2",
                                      "turn:2001:db8::1",
                                      "turn:[2001:db8::1",
                                      "turn:[]",
                                      "turn:[192.0.2.1]",
                                      "turn:[2001:db8::1]x",
                                      "turn:[2001:db8::1]:",
                                      "stun:192.0.2.1?transport=udp",
                                      "turn:192.0.2.1?",
                                      "turn:192.0.2.1?transport=",
                                      "turn:192.0.2.1?ttl=1",
                                      "turn:0.0.0.0",
                                      "turn:[::]",
                                      "turn:224.0.0.1",
                                      "turn:255.255.255.255",
                                      "turn:[ff02::1]",
                                      "turn://192.0.2.1",
                                      "turn:user@192.0.2.1",
                                      " turn:192.0.2.1",
                                      "turn:192.0.2.1 "};
    static const char *const unsupported[] = {"turns:192.0.2.1",
                                              "stuns:192.0.2.1",
                                              "turn:192.0.2.1?transport=tcp",
                                              "turn:192.0.2.1?transport=sctp",
                                              "turn:relay.example.org",
                                              "stun:stun.example.org:19302",
                                              "turn:localhost"};
    struct xc_ice_server server;
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++)
        if (parse(&server, bad[i]) != XC_ICE_SERVER_BAD)
            fail_msg("\"%s\" was not refused", bad[i]);
    for (size_t i = 0; i < XC_ARRAY_LEN(unsupported); i++)
        if (parse(&server, unsupported[i]) != XC_ICE_SERVER_UNSUPPORTED)
            fail_msg("\"%s\" is not unsupported", unsupported[i]);
}

static void test_long(void **state)
{
    (void)state;
    char url[XC_ICE_SERVER_URL_MAX + 2];
    struct xc_ice_server server;
    memset(url, 'a', sizeof url);
    memcpy(url, "turn:", 5);
    url[sizeof url - 1] = '\0';
    assert_int_equal(parse(&server, url), XC_ICE_SERVER_BAD);
    url[sizeof url - 2] = '\0';
    assert_int_equal(parse(&server, url), XC_ICE_SERVER_UNSUPPORTED);
}

/* Every byte of a URL in turn becomes every other: no crash, and what is taken is an address. */
static void test_every_byte(void **state)
{
    (void)state;
    static const char url[] = "turn:[2001:db8::1]:3478?transport=udp";
    char text[sizeof url];
    struct xc_ice_server server;
    for (size_t at = 0; at < sizeof url - 1; at++) {
        for (int byte = 1; byte < 256; byte++) {
            memcpy(text, url, sizeof url);
            text[at] = (char)byte;
            if (parse(&server, text) == XC_ICE_SERVER_OK)
                assert_true(server.addr.family && server.addr.port);
        }
        memcpy(text, url, sizeof url);
        text[at] = '\0';
        parse(&server, text);
    }
}

static void test_credentials(void **state)
{
    (void)state;
    static uint8_t bytes[600];
    struct xc_ice_server server, other;
    const char *words = NULL;
    memset(bytes, 'x', sizeof bytes);
    struct xc_span user = xc_span_make(bytes, XC_ICE_SERVER_USERNAME_MAX);
    struct xc_span password = xc_span_make(bytes, XC_ICE_SERVER_PASSWORD_MAX);
    struct xc_span none = xc_span_make(NULL, 0);
    assert_int_equal(parse(&server, "turn:192.0.2.1"), XC_ICE_SERVER_OK);
    assert_true(xc_ice_server_credentials(&server, user, password, &words));
    assert_int_equal(server.username_size, 508);
    assert_int_equal(server.password_size, 256);
    assert_false(xc_ice_server_credentials(&server, none, password, &words));
    assert_false(xc_ice_server_credentials(&server, user, none, &words));
    user.size++;
    assert_false(xc_ice_server_credentials(&server, user, password, &words));
    user.size--;
    password.size++;
    assert_false(xc_ice_server_credentials(&server, user, password, &words));

    assert_int_equal(parse(&other, "turn:192.0.2.1:3478?transport=udp"), XC_ICE_SERVER_OK);
    assert_true(xc_ice_server_same(&server, &other));
    assert_int_equal(parse(&other, "stun:192.0.2.1"), XC_ICE_SERVER_OK);
    assert_false(xc_ice_server_same(&server, &other));
    assert_true(xc_ice_server_credentials(&other, none, none, &words));
    assert_int_equal(parse(&other, "turn:192.0.2.1:3479"), XC_ICE_SERVER_OK);
    assert_false(xc_ice_server_same(&server, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long),        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
