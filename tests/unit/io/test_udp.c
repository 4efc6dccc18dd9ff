/* test_udp.c - sockets on loopback: batches whole and in order, both families, port ranges, errors
 * that lose a datagram and nothing else. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "io/clock.h"
#include "io/udp.h"
#include "support/loopback.h"

/* An age may be more than the time since the sending by this: it is told by the wall clock. */
#define SLACK (10 * XC_NS_PER_MS)

static struct xc_udp_batch batch;
static uint8_t bytes[XC_UDP_BATCH][XC_UDP_RECEIVE_MAX + 100];

static struct xc_addr loopback(const char *text)
{
    struct xc_addr addr;
    assert_true(xc_addr_parse(&addr, xc_span_make(text, strlen(text)), 0));
    return addr;
}

static int open_on(const char *text, struct xc_addr *bound)
{
    struct xc_addr addr = loopback(text);
    int fd = xc_udp_open(&addr, 0, 0, bound);
    if (fd >= 0) {
        assert_true(bound->port != 0);
        assert_true(xc_addr_same_host(bound, &addr));
    }
    return fd;
}

static void exchange(const char *address)
{
    struct xc_addr a_addr, b_addr;
    struct xc_udp_out out[XC_UDP_BATCH];
    int a = open_on(address, &a_addr), b = open_on(address, &b_addr);
    if (a == -EADDRNOTAVAIL || a == -EAFNOSUPPORT)
        return; /* a machine without this family */
    assert_true(a >= 0 && b >= 0);
    assert_int_equal(xc_udp_receive(b, &batch), 0);
    for (size_t count = 1; count <= XC_UDP_BATCH; count += 5) {
        for (size_t i = 0; i < count; i++) {
            memset(bytes[i], (int)(count + i), sizeof bytes[i]);
            out[i] = (struct xc_udp_out){b_addr, bytes[i], 1 + 70 * i};
        }
        assert_int_equal(xc_udp_send(a, out, count), 0);
        loopback_settle();
        assert_int_equal(xc_udp_receive(b, &batch), count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(batch.datagrams[i].size, 1 + 70 * i);
            assert_memory_equal(batch.datagrams[i].bytes, bytes[i], 1 + 70 * i);
            assert_true(xc_addr_equal(&batch.datagrams[i].remote, &a_addr));
        }
    }
    xc_udp_close(a);
    xc_udp_close(b);
}

/* Sends one and takes it after that time, which is real, as the system's stamps are. */
static uint64_t age_after(int from, int to, const struct xc_addr *remote, uint64_t wait)
{
    struct xc_udp_out out = {*remote, bytes[0], 10};
    assert_int_equal(xc_udp_send(from, &out, 1), 0);
    for (uint64_t sent = xc_clock_now(); xc_clock_now() - sent < wait;)
        ;
    size_t count = 0;
    for (uint64_t late = xc_clock_now() + 20 * XC_NS_PER_S; !count && xc_clock_now() < late;)
        count = xc_udp_receive(to, &batch);
    assert_int_equal(count, 1);
    return batch.datagrams[0].age;
}

/* The system's stamp says how long a datagram waited: those of one batch each their own. Linux turns
 * stamping on by a job of its own after the first socket that asks: until then an age is 0. */
static void test_age(void **state)
{
    (void)state;
    struct xc_addr a_addr, b_addr;
    int a = open_on("127.0.0.1", &a_addr), b = open_on("127.0.0.1", &b_addr);
    uint64_t primed = 0;
    for (int i = 0; i < 5000 && primed < XC_NS_PER_MS; i++)
        primed = age_after(a, b, &b_addr, XC_NS_PER_MS);
    assert_true(primed >= XC_NS_PER_MS);
    uint64_t begun = xc_clock_now();
    for (int i = 0; i < 2; i++) {
        struct xc_udp_out out = {b_addr, bytes[0], 10};
        assert_int_equal(xc_udp_send(a, &out, 1), 0);
        for (uint64_t sent = xc_clock_now(); xc_clock_now() - sent < 30 * XC_NS_PER_MS;)
            ;
    }
    assert_int_equal(xc_udp_receive(b, &batch), 2);
    uint64_t first = batch.datagrams[0].age, second = batch.datagrams[1].age;
    assert_true(second >= 25 * XC_NS_PER_MS);
    assert_true(first >= second + 25 * XC_NS_PER_MS);
    assert_true(first <= xc_clock_now() - begun + SLACK);
    begun = xc_clock_now();
    uint64_t fresh = age_after(a, b, &b_addr, 0);
    assert_true(fresh <= xc_clock_now() - begun + SLACK);
    xc_udp_close(a);
    xc_udp_close(b);
}

static void test_exchange(void **state)
{
    (void)state;
    exchange("127.0.0.1");
    exchange("::1");
}

/* One that is longer than we ever take comes as one of size 0, and the next ones come whole. */
static void test_too_long(void **state)
{
    (void)state;
    struct xc_addr a_addr, b_addr;
    int a = open_on("127.0.0.1", &a_addr), b = open_on("127.0.0.1", &b_addr);
    struct xc_udp_out out[2] = {{b_addr, bytes[0], XC_UDP_RECEIVE_MAX + 1}, {b_addr, bytes[1], 9}};
    assert_int_equal(xc_udp_send(a, out, 2), 0);
    loopback_settle();
    assert_int_equal(xc_udp_receive(b, &batch), 2);
    assert_int_equal(batch.datagrams[0].size, 0);
    assert_int_equal(batch.datagrams[1].size, 9);
    xc_udp_close(a);
    xc_udp_close(b);
}

/* A closed port answers ECONNREFUSED at some later call: what follows still goes. */
static void test_refused(void **state)
{
    (void)state;
    struct xc_addr a_addr, b_addr, gone_addr;
    int a = open_on("127.0.0.1", &a_addr), b = open_on("127.0.0.1", &b_addr);
    int gone = open_on("127.0.0.1", &gone_addr);
    xc_udp_close(gone);
    for (int i = 0; i < 20; i++) {
        struct xc_udp_out to_gone = {gone_addr, bytes[0], 10}, to_b = {b_addr, bytes[1], 20};
        xc_udp_send(a, &to_gone, 1);
        size_t failed = xc_udp_send(a, &to_b, 1);
        assert_true(failed <= 1);
        loopback_settle();
        assert_int_equal(xc_udp_receive(b, &batch), 1 - failed);
        assert_int_equal(xc_udp_receive(a, &batch), 0);
    }
    /* Refused by the system itself: nobody listens on a family that is not the socket's. */
    struct xc_udp_out mixed[3] = {
        {b_addr, bytes[0], 1}, {loopback("::1"), bytes[0], 2}, {b_addr, bytes[0], 3}};
    mixed[1].remote.port = 9;
    assert_int_equal(xc_udp_send(a, mixed, 3), 1);
    loopback_settle();
    assert_int_equal(xc_udp_receive(b, &batch), 2);
    assert_int_equal(batch.datagrams[1].size, 3);
    xc_udp_close(a);
    xc_udp_close(b);
}

static void test_port_range(void **state)
{
    (void)state;
    struct xc_addr any = loopback("127.0.0.1"), first, second;
    int probe = open_on("127.0.0.1", &first);
    assert_true(probe >= 0);
    /* The one port of the range is taken, */
    assert_int_equal(xc_udp_open(&any, first.port, first.port, &second), -EADDRINUSE);
    if (first.port < 65535) { /* so a range of two gives the other, unless that is taken, too. */
        int fd = xc_udp_open(&any, first.port, first.port + 1u, &second);
        if (fd >= 0) {
            assert_int_equal(second.port, first.port + 1);
            xc_udp_close(fd);
        }
    }
    xc_udp_close(probe);
    struct xc_addr foreign = loopback("192.0.2.1"); /* RFC 5737: nobody's */
    assert_true(xc_udp_open(&foreign, 0, 0, &second) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_age),        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_too_long),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_port_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
