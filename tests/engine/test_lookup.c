/* test_lookup.c - calls whose candidates carry ".local" names in place of addresses, on loopback, with
 * a responder of the test's own: known at once, late, wrongly, by nobody.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/mdns.h"
#include "support/loopback.h"
#include "support/pair.h"
#include "wire/dns.h"

#define SECOND_MS 1000
static const struct xc_addr loopback = {.family = XC_ADDR_IPV4, .bytes = {127, 0, 0, 1}};

static struct {
    struct xc_mdns_socket sockets[XC_MDNS_SOCKETS_MAX]; /* the first one is open */
    uint8_t answer[4];                                  /* the address it gives */
    uint32_t deaf;                                      /* queries for A that it lets go by first */
    uint32_t asked;                                     /* for an address, IPv4 or IPv6 */
    bool twisted; /* answers another name than was asked for */
} responder;

static char names[2][64]; /* of either side, new for every test */

static int setup(void **state)
{
    (void)state;
    memset(&responder, 0, sizeof responder);
    assert_int_equal(xc_mdns_open(responder.sockets, &loopback, true), 1);
    memcpy(responder.answer, loopback.bytes, 4);
    for (int i = 0; i < 2; i++)
        snprintf(names[i], sizeof names[i], "%08x-bb2e-49bb-bb78-%012lx.local",
                 (unsigned)xcall_now_ns(), (unsigned long)(xcall_now_ns() >> 8 & 0xffffffffff));
    names[1][0] = names[1][0] == 'f' ? 'e' : 'f';
    names[0][0] = '0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xc_mdns_close(responder.sockets, 1);
    return 0;
}

/* Candidates in descriptions and in signals of their own: each names the side. */
static void hide(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    (void)kind;
    char *out = malloc(capacity);
    size_t at = 0;
    assert_non_null(out);
    text[*size] = '\0';
    for (const char *p = text; *p;) {
        bool here = strncmp(p, "127.0.0.1 ", 10) == 0 && p - text > 2 && p[10] != '\\' &&
                    strncmp(p - 4, "IP4 ", 4) != 0;
        if (here) {
            at += (size_t)sprintf(out + at, "%s ", names[from]);
            p += 10;
        } else {
            out[at++] = *p++;
        }
        assert_true(at + 128 < capacity);
    }
    memcpy(text, out, at);
    *size = at;
    free(out);
}

static void answer(const uint8_t *query, size_t size)
{
    uint8_t bytes[300];
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    xc_write32(&w, 0x00008400);
    xc_write32(&w, 0x00000001);
    xc_write32(&w, 0);
    xc_write_bytes(&w, query + 12, size - 16);
    if (responder.twisted)
        bytes[13] ^= 1;
    xc_write32(&w, 0x00018001);
    xc_write32(&w, 120);
    xc_write16(&w, 4);
    xc_write_bytes(&w, responder.answer, 4);
    assert_true(xc_mdns_send(&responder.sockets[0], bytes, w.size));
}

/* Answers what is asked for our names; other programs may use the group too. */
static void respond(void)
{
    uint8_t bytes[XC_MDNS_RECEIVE_MAX];
    struct xc_addr remote;
    size_t size;
    loopback_settle();
    while ((size = xc_mdns_receive(&responder.sockets[0], &remote, bytes, sizeof bytes)) > 0) {
        if (size < 18 || xc_load16(bytes + 2) & 0x8000 || xc_load16(bytes + 4) != 1)
            continue;
        if (memcmp(bytes + 13, names[0], bytes[12]) != 0 &&
            memcmp(bytes + 13, names[1], bytes[12]) != 0)
            continue;
        responder.asked++;
        assert_int_equal(remote.port, 5353);
        if (xc_load16(bytes + size - 4) != XC_DNS_A)
            continue;
        if (responder.deaf)
            responder.deaf--;
        else
            answer(bytes, size);
    }
}

static void open_pair(struct pair *pair, uint32_t threads, bool trickle)
{
    xcall_call_config config;
    assert_int_equal(pair_open(pair, threads, 2), XCALL_OK);
    pair->alter = hide;
    xcall_call_config_init(&config, sizeof config);
    if (!trickle)
        config.flags |= XCALL_CALL_NO_TRICKLE;
    assert_int_equal(pair_call_with(pair, &config), XCALL_OK);
}

static uint32_t connect_ms(struct pair *pair, uint32_t limit_ms)
{
    uint64_t start = pair->stepped ? pair->now : xcall_now_ns(), now = start;
    while (now - start < limit_ms * UINT64_C(1000000)) {
        pair_turn(pair);
        respond();
        now = pair->stepped ? pair->now : xcall_now_ns();
        if (pair->side[0].state == XCALL_STATE_CONNECTED &&
            pair->side[1].state == XCALL_STATE_CONNECTED)
            return (uint32_t)((now - start) / 1000000) + 1;
        if (pair->side[0].ended || pair->side[1].ended)
            break;
    }
    return 0;
}

static void test_trickled(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 0, true);
    uint32_t ms = connect_ms(&pair, 5 * SECOND_MS);
    assert_in_range(ms, 1, 200);
    assert_true(responder.asked >= 1);
    assert_int_equal(pair.side[0].carried, XCALL_OK);
    assert_int_equal(pair.side[1].carried, XCALL_OK);
    pair_unref(&pair);
}

static void test_in_description(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 0, false);
    assert_in_range(connect_ms(&pair, 5 * SECOND_MS), 1, 200);
    assert_true(responder.asked >= 1);
    pair_unref(&pair);
}

/* On threads and real time. */
static void test_threads(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 1, true);
    assert_int_not_equal(connect_ms(&pair, 60 * SECOND_MS), 0);
    pair_unref(&pair);
}

/* The first queries are lost: a later one is answered, and the call still comes up. */
static void test_late(void **state)
{
    (void)state;
    struct pair pair;
    responder.deaf = 6; /* three of either side: at 0, 250 ms and 1 s */
    open_pair(&pair, 0, true);
    assert_in_range(connect_ms(&pair, 5 * SECOND_MS), 1900, 2300);
    pair_unref(&pair);
}

static void ends_without(const char *what)
{
    struct pair pair;
    open_pair(&pair, 0, true);
    assert_int_equal(connect_ms(&pair, 8 * SECOND_MS), 0);
    if (pair.side[0].ended || pair.side[1].ended)
        fail_msg("%s: ended at once", what);
    /* Five queries of two questions a side, then never again. */
    assert_int_equal(responder.asked, 20);
    pair_step(&pair, UINT64_C(10000000000));
    respond();
    assert_int_equal(responder.asked, 20);
    assert_true(pair_reach(&pair, XCALL_STATE_ENDED, 40 * SECOND_MS));
    assert_int_equal(pair.side[0].reason, XCALL_END_CONNECT_FAILED);
    pair_unref(&pair);
}

static void test_nobody_knows(void **state)
{
    (void)state;
    responder.deaf = UINT32_MAX;
    ends_without("nobody knows");
}

/* Somebody on the network who answers names that were not asked for, or addresses that are no host's. */
static void test_spoofed(void **state)
{
    (void)state;
    responder.twisted = true;
    ends_without("another name");
}

static void test_spoofed_multicast(void **state)
{
    (void)state;
    responder.answer[0] = 239;
    ends_without("a multicast address");
}

/* Calls that end while a name is under way. */
static void test_hang_up_meanwhile(void **state)
{
    (void)state;
    struct pair pair;
    responder.deaf = UINT32_MAX;
    open_pair(&pair, 0, true);
    assert_int_equal(connect_ms(&pair, 500), 0);
    assert_true(responder.asked >= 4);
    assert_int_equal(xcall_call_hang_up(pair.side[0].engine, pair.side[0].call), XCALL_OK);
    assert_true(pair_reach(&pair, XCALL_STATE_ENDED, 2 * SECOND_MS));
    uint32_t asked = responder.asked;
    for (int i = 0; i < 5000; i++)
        pair_turn(&pair);
    respond();
    assert_int_equal(responder.asked, asked);
    pair_unref(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_trickled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_description, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_knows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spoofed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spoofed_multicast, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hang_up_meanwhile, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
