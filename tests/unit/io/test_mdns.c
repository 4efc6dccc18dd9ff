/* test_mdns.c - sockets in the mDNS group, on loopback: two of them hear each other and themselves, and
 * the port stays free for others.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>

#include "io/mdns.h"

static const struct xc_addr loopback = {.family = XC_ADDR_IPV4, .bytes = {127, 0, 0, 1}};

static bool hears(const struct xc_mdns_socket *socket, const char *text, struct xc_addr *remote)
{
    char bytes[256];
    struct pollfd fd = {.fd = socket->fd, .events = POLLIN};
    while (poll(&fd, 1, 20000) == 1) { /* whatever else goes over this group */
        size_t size = xc_mdns_receive(socket, remote, bytes, sizeof bytes);
        if (size == strlen(text) && memcmp(bytes, text, size) == 0)
            return true;
    }
    return false;
}

static void test_loopback(void **state)
{
    (void)state;
    struct xc_mdns_socket a[XC_MDNS_SOCKETS_MAX], b[XC_MDNS_SOCKETS_MAX];
    struct xc_addr remote;
    assert_int_equal(xc_mdns_open(a, &loopback, false), 0); /* not asked for */
    assert_int_equal(xc_mdns_open(a, &loopback, true), 1);
    assert_int_equal(xc_mdns_open(b, &loopback, true), 1);
    assert_true(a[0].shared && b[0].shared);
    assert_true(xc_mdns_send(&a[0], "xcall-test-mdns", 15));
    assert_true(hears(&b[0], "xcall-test-mdns", &remote));
    assert_int_equal(remote.port, 5353);
    assert_true(xc_addr_same_host(&remote, &loopback));
    assert_true(hears(&a[0], "xcall-test-mdns", &remote));
    xc_mdns_close(a, 1);
    xc_mdns_close(b, 1);
}

static void test_filter(void **state)
{
    (void)state;
    struct xc_mdns_socket sockets[XC_MDNS_SOCKETS_MAX];
    struct xc_addr other = {.family = XC_ADDR_IPV4, .bytes = {192, 0, 2, 77}};
    struct xc_addr any = {.family = XC_ADDR_IPV4};
    assert_int_equal(xc_mdns_open(sockets, &other, true), 0); /* not ours */
    size_t all = xc_mdns_open(sockets, NULL, true);
    assert_true(all >= 1 && all <= XC_MDNS_SOCKETS_MAX);
    xc_mdns_close(sockets, all);
    size_t count = xc_mdns_open(sockets, &any, true);
    assert_true(count >= 1 && count <= all);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sockets[i].family, XC_ADDR_IPV4);
    xc_mdns_close(sockets, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loopback),
                                       cmocka_unit_test(test_filter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
