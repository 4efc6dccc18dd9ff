/* interfaces.c - getifaddrs(3). SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool convert(const struct ifaddrs *from, struct xc_addr *to)
{
    memset(to, 0, sizeof *to);
    if (!from->ifa_addr || !(from->ifa_flags & IFF_UP))
        return false;
    if (from->ifa_addr->sa_family == AF_INET) {
        to->family = XC_ADDR_IPV4;
        memcpy(to->bytes, &((const struct sockaddr_in *)(const void *)from->ifa_addr)->sin_addr, 4);
        return true;
    }
    if (from->ifa_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from->ifa_addr;
        to->family = XC_ADDR_IPV6;
        to->scope = in6->sin6_scope_id;
        memcpy(to->bytes, &in6->sin6_addr, 16);
        return true;
    }
    return false;
}

/* Lower is better. */
static int rank(const struct xc_addr *addr)
{
    return xc_addr_is_link_local(addr) * 2 + (addr->family == XC_ADDR_IPV4);
}

size_t xc_interfaces_list(struct xc_addr *list, size_t capacity, bool loopback)
{
    struct ifaddrs *all;
    size_t count = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *at = all; at && count < capacity; at = at->ifa_next) {
        struct xc_addr addr;
        if (!convert(at, &addr) || xc_addr_is_any(&addr) ||
            (xc_addr_is_loopback(&addr) && !loopback))
            continue;
        size_t place = count++;
        for (; place > 0 && rank(&list[place - 1]) > rank(&addr); place--)
            list[place] = list[place - 1];
        list[place] = addr;
    }
    freeifaddrs(all);
    return count;
}
