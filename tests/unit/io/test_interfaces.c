/* test_interfaces.c - this machine's addresses: loopback only when asked for, order, room.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/interfaces.h"

#define ROOM 64

static int rank(const struct xc_addr *addr)
{
    return xc_addr_is_link_local(addr) * 2 + (addr->family == XC_ADDR_IPV4);
}

static void test_list(void **state)
{
    (void)state;
    struct xc_addr with[ROOM], without[ROOM];
    size_t all = xc_interfaces_list(with, ROOM, true);
    size_t count = xc_interfaces_list(without, ROOM, false);
    assert_true(count <= all);
    for (size_t i = 0; i < count; i++) {
        assert_false(xc_addr_is_loopback(&without[i]));
        assert_false(xc_addr_is_any(&without[i]));
        assert_int_equal(without[i].port, 0);
        assert_true(i == 0 || rank(&without[i - 1]) <= rank(&without[i]));
    }
    size_t loopbacks = 0;
    for (size_t i = 0; i < all; i++)
        loopbacks += xc_addr_is_loopback(&with[i]);
    assert_int_equal(all - count, loopbacks);
}

static void test_room(void **state)
{
    (void)state;
    struct xc_addr list[ROOM], one[2];
    memset(one, 0xee, sizeof one);
    size_t all = xc_interfaces_list(list, ROOM, true);
    assert_int_equal(xc_interfaces_list(one, 1, true), all ? 1 : 0);
    assert_int_equal(one[1].family, 0xee); /* nothing behind the room */
    assert_int_equal(xc_interfaces_list(one, 0, true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
