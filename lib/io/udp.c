/* udp.c - recvmmsg and sendmmsg; a single datagram goes by sendto, which costs less. Errors of the
 * path (ECONNREFUSED, ENETUNREACH, ENOBUFS) are transient: the datagram is lost, the socket lives.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"

#define AGE_MAX XC_NS_PER_S         /* more than that is a wall clock that was set */
#define SOCKET_BUFFER (1024 * 1024) /* a key frame's burst while a thread is off the processor */

static socklen_t to_system(const struct xc_addr *addr, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (addr->family == XC_ADDR_IPV4) {
        struct sockaddr_in *in = (struct sockaddr_in *)to;
        in->sin_family = AF_INET;
        in->sin_port = htons(addr->port);
        memcpy(&in->sin_addr, addr->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(addr->port);
    in6->sin6_scope_id = addr->scope;
    memcpy(&in6->sin6_addr, addr->bytes, 16);
    return sizeof *in6;
}

static void from_system(struct xc_addr *addr, const struct sockaddr_storage *from)
{
    memset(addr, 0, sizeof *addr);
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        addr->family = XC_ADDR_IPV4;
        addr->port = ntohs(in->sin_port);
        memcpy(addr->bytes, &in->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        addr->family = XC_ADDR_IPV6;
        addr->port = ntohs(in6->sin6_port);
        memcpy(addr->bytes, &in6->sin6_addr, 16);
    }
}

static int bind_in_range(int fd, const struct xc_addr *base, uint32_t port_min, uint32_t port_max)
{
    struct sockaddr_storage system;
    struct xc_addr addr = *base;
    for (uint32_t port = port_min; port <= port_max; port++) {
        addr.port = (uint16_t)port;
        socklen_t size = to_system(&addr, &system);
        if (bind(fd, (struct sockaddr *)&system, size) == 0)
            return 0;
        if (errno != EADDRINUSE && errno != EACCES)
            break;
    }
    return -errno;
}

int xc_udp_open(const struct xc_addr *base, uint32_t port_min, uint32_t port_max,
                struct xc_addr *bound)
{
    struct sockaddr_storage system;
    socklen_t size = sizeof system;
    int one = 1, buffer = SOCKET_BUFFER;
    int fd = socket(base->family == XC_ADDR_IPV4 ? AF_INET : AF_INET6,
                    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (base->family == XC_ADDR_IPV6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one); /* without: no ages */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    int result = bind_in_range(fd, base, port_min, port_max);
    if (result == 0 && getsockname(fd, (struct sockaddr *)&system, &size) != 0)
        result = -errno;
    if (result != 0) {
        close(fd);
        return result;
    }
    from_system(bound, &system);
    return fd;
}

void xc_udp_close(int fd)
{
    close(fd);
}

/* The system stamps by the wall clock, so that only the difference to it now is of use. */
static uint64_t age_of(struct msghdr *message, uint64_t unix_now)
{
    struct timespec stamp;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_TIMESTAMPNS ||
            at->cmsg_len < CMSG_LEN(sizeof stamp))
            continue;
        memcpy(&stamp, CMSG_DATA(at), sizeof stamp);
        uint64_t then = (uint64_t)stamp.tv_sec * XC_NS_PER_S + (uint64_t)stamp.tv_nsec;
        return then < unix_now && unix_now - then <= AGE_MAX ? unix_now - then : 0;
    }
    return 0;
}

size_t xc_udp_receive(int fd, struct xc_udp_batch *batch)
{
    struct mmsghdr messages[XC_UDP_BATCH];
    union { /* aligned as a header wants it */
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(struct timespec))];
    } controls[XC_UDP_BATCH];
    struct iovec parts[XC_UDP_BATCH];
    struct sockaddr_storage remotes[XC_UDP_BATCH];
    for (size_t i = 0; i < XC_UDP_BATCH; i++) {
        parts[i] = (struct iovec){batch->datagrams[i].bytes, XC_UDP_RECEIVE_MAX};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &remotes[i],
                                              .msg_namelen = sizeof remotes[i],
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1,
                                              .msg_control = controls[i].bytes,
                                              .msg_controllen = sizeof controls[i].bytes};
    }
    int n = recvmmsg(fd, messages, XC_UDP_BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0)
        return 0;
    uint64_t unix_now = xc_clock_unix();
    for (int i = 0; i < n; i++) {
        struct xc_udp_received *to = &batch->datagrams[i];
        to->size = messages[i].msg_hdr.msg_flags & MSG_TRUNC ? 0 : messages[i].msg_len;
        to->age = age_of(&messages[i].msg_hdr, unix_now);
        from_system(&to->remote, &remotes[i]);
    }
    return (size_t)n;
}

static bool send_one(int fd, const struct xc_udp_out *out)
{
    struct sockaddr_storage system;
    socklen_t size = to_system(&out->remote, &system);
    return sendto(fd, out->bytes, out->size, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *)&system, size) == (ssize_t)out->size;
}

size_t xc_udp_send(int fd, const struct xc_udp_out *out, size_t count)
{
    struct mmsghdr messages[XC_UDP_BATCH];
    struct iovec parts[XC_UDP_BATCH];
    struct sockaddr_storage remotes[XC_UDP_BATCH];
    size_t failed = 0;
    if (count == 1)
        return send_one(fd, out) ? 0 : 1;
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){(void *)(uintptr_t)out[i].bytes, out[i].size};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &remotes[i],
                                              .msg_namelen = to_system(&out[i].remote, &remotes[i]),
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1};
    }
    for (size_t at = 0; at < count;) {
        int n = sendmmsg(fd, messages + at, (unsigned)(count - at), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            at += (size_t)n;
        } else { /* the first of the rest was refused: leave it out */
            failed++;
            at++;
        }
    }
    return failed;
}
