/* mdns.c - sockets for multicast DNS (RFC 6762 section 3 and 15). They are bound to the group's address,
 * not to any: a unicast answer that is meant for another program on port 5353 never comes to us.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/mdns.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 5353
#define GROUP_IPV4 0xe00000fbu /* 224.0.0.251 */

static struct sockaddr_storage group_of(uint8_t family, uint32_t link, socklen_t *size)
{
    struct sockaddr_storage group;
    memset(&group, 0, sizeof group);
    if (family == XC_ADDR_IPV4) {
        struct sockaddr_in *in = (struct sockaddr_in *)&group;
        in->sin_family = AF_INET;
        in->sin_port = htons(PORT);
        in->sin_addr.s_addr = htonl(GROUP_IPV4);
        *size = sizeof *in;
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&group;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(PORT);
        in6->sin6_scope_id = link;
        in6->sin6_addr.s6_addr[0] = 0xff; /* ff02::fb */
        in6->sin6_addr.s6_addr[1] = 0x02;
        in6->sin6_addr.s6_addr[15] = 0xfb;
        *size = sizeof *in6;
    }
    return group;
}

/* Sends and hears on this link only. */
static bool join(int fd, const struct xc_addr *addr, uint32_t link)
{
    int hops = 255, zero = 0, one = 1; /* RFC 6762 section 11 */
    if (addr->family == XC_ADDR_IPV4) {
        struct ip_mreqn group = {.imr_multiaddr = {htonl(GROUP_IPV4)}, .imr_ifindex = (int)link};
        memcpy(&group.imr_address, addr->bytes, 4); /* what our queries come from */
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof zero);
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops);
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof one); /* a browser beside us */
        return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group) == 0 &&
               setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0;
    }
    struct ipv6_mreq group = {.ipv6mr_interface = link};
    socklen_t size;
    struct sockaddr_storage address = group_of(XC_ADDR_IPV6, link, &size);
    int index = (int)link;
    group.ipv6mr_multiaddr = ((struct sockaddr_in6 *)&address)->sin6_addr;
#ifdef IPV6_MULTICAST_ALL
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &zero, sizeof zero);
#endif
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &one, sizeof one);
    return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) == 0 &&
           setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group) == 0;
}

static bool bind_shared(int fd, uint8_t family, uint32_t link)
{
    int one = 1;
    socklen_t size;
    struct sockaddr_storage group = group_of(family, link, &size);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    return bind(fd, (struct sockaddr *)&group, size) == 0;
}

static bool open_one(struct xc_mdns_socket *to, const struct xc_addr *addr, uint32_t link)
{
    int one = 1;
    uint8_t family = addr->family;
    int fd = socket(family == XC_ADDR_IPV4 ? AF_INET : AF_INET6,
                    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (family == XC_ADDR_IPV6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    bool shared = bind_shared(fd, family, link);
    if (!join(fd, addr, link)) {
        close(fd);
        return false;
    }
    *to = (struct xc_mdns_socket){.fd = fd, .family = family, .link = link, .shared = shared};
    return true;
}

/* Is it an address that `only` lets us ask on? */
static bool wanted(const struct ifaddrs *at, const struct xc_addr *only, bool loopback,
                   struct xc_addr *addr)
{
    if (!at->ifa_addr || !(at->ifa_flags & IFF_UP) || ((at->ifa_flags & IFF_LOOPBACK) && !loopback))
        return false;
    memset(addr, 0, sizeof *addr);
    if (at->ifa_addr->sa_family == AF_INET) {
        addr->family = XC_ADDR_IPV4;
        memcpy(addr->bytes, &((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr, 4);
    } else if (at->ifa_addr->sa_family == AF_INET6) {
        addr->family = XC_ADDR_IPV6;
        memcpy(addr->bytes, &((const struct sockaddr_in6 *)(const void *)at->ifa_addr)->sin6_addr,
               16);
    } else {
        return false;
    }
    return !only || (only->family == addr->family &&
                     (xc_addr_is_any(only) || xc_addr_same_host(only, addr)));
}

size_t xc_mdns_open(struct xc_mdns_socket sockets[XC_MDNS_SOCKETS_MAX], const struct xc_addr *only,
                    bool loopback)
{
    struct ifaddrs *all;
    size_t count = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *at = all; at && count < XC_MDNS_SOCKETS_MAX; at = at->ifa_next) {
        struct xc_addr addr;
        uint32_t link = if_nametoindex(at->ifa_name);
        if (!link || !wanted(at, only, loopback, &addr))
            continue;
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known = known || (sockets[i].link == link && sockets[i].family == addr.family);
        if (!known && open_one(&sockets[count], &addr, link))
            count++;
    }
    freeifaddrs(all);
    return count;
}

void xc_mdns_close(struct xc_mdns_socket *sockets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(sockets[i].fd);
}

bool xc_mdns_send(const struct xc_mdns_socket *socket, const void *bytes, size_t size)
{
    socklen_t length;
    struct sockaddr_storage group = group_of(socket->family, socket->link, &length);
    return sendto(socket->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&group,
                  length) == (ssize_t)size;
}

size_t xc_mdns_receive(const struct xc_mdns_socket *socket, struct xc_addr *remote, void *bytes,
                       size_t capacity)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t size =
        recvfrom(socket->fd, bytes, capacity, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    memset(remote, 0, sizeof *remote);
    if (size <= 0)
        return 0;
    if (from.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&from;
        remote->family = XC_ADDR_IPV4;
        remote->port = ntohs(in->sin_port);
        memcpy(remote->bytes, &in->sin_addr, 4);
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&from;
        remote->family = XC_ADDR_IPV6;
        remote->port = ntohs(in6->sin6_port);
        remote->scope = in6->sin6_scope_id;
        memcpy(remote->bytes, &in6->sin6_addr, 16);
    }
    return (size_t)size;
}
