/* address.c - ADDRESS:PORT, CIDR blocks (RFC 4632), X-Forwarded-For.
 * SPDX-License-Identifier: MIT */
#include "address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool address_parse(const char *text, size_t length, uint8_t address[ADDRESS_SIZE], bool *ipv6)
{
    char copy[ADDRESS_TEXT_MAX];
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    uint8_t four[4];
    *ipv6 = false;
    if (inet_pton(AF_INET, copy, four) == 1) {
        memcpy(address, mapped, sizeof mapped);
        memcpy(address + sizeof mapped, four, sizeof four);
        return true;
    }
    *ipv6 = true;
    return inet_pton(AF_INET6, copy, address) == 1;
}

bool endpoint_parse(const char *text, struct endpoint *endpoint)
{
    const char *colon = strrchr(text, ':');
    memset(endpoint, 0, sizeof *endpoint);
    if (!colon || colon == text || colon[1] < '0' || colon[1] > '9')
        return false;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    size_t length = (size_t)(colon - text);
    bool bracketed = text[0] == '[' && colon[-1] == ']' && length > 2;
    if (*end || port > UINT16_MAX)
        return false;
    if (bracketed) {
        text++;
        length -= 2;
    }
    if (length == 9 && memcmp(text, "localhost", 9) == 0)
        text = "127.0.0.1";
    if (!address_parse(text, length, endpoint->address, &endpoint->ipv6) ||
        endpoint->ipv6 != bracketed)
        return false;
    memcpy(endpoint->text, text, length);
    endpoint->port = (uint16_t)port;
    endpoint->any = strcmp(endpoint->text, endpoint->ipv6 ? "::" : "0.0.0.0") == 0;
    return true;
}

bool cidr_parse(const char *text, struct cidr *cidr)
{
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    bool ipv6;
    if (!address_parse(text, length, cidr->address, &ipv6))
        return false;
    unsigned long most = ipv6 ? 128 : 32, bits = most;
    if (slash) {
        char *end;
        if (slash[1] < '0' || slash[1] > '9')
            return false;
        bits = strtoul(slash + 1, &end, 10);
        if (*end || bits > most)
            return false;
    }
    cidr->bits = (unsigned)(bits + (ipv6 ? 0 : 96));
    return true;
}

static bool inside(const struct cidr *cidr, const uint8_t address[ADDRESS_SIZE])
{
    unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
    if (memcmp(cidr->address, address, whole) != 0)
        return false;
    return rest == 0 || (cidr->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool cidr_has(const struct cidr *cidrs, size_t count, const uint8_t address[ADDRESS_SIZE])
{
    for (size_t i = 0; i < count; i++)
        if (inside(&cidrs[i], address))
            return true;
    return false;
}

bool address_is_loopback(const uint8_t address[ADDRESS_SIZE])
{
    static const uint8_t six[ADDRESS_SIZE] = {[15] = 1};
    if (memcmp(address, mapped, sizeof mapped) == 0)
        return address[12] == 127;
    return memcmp(address, six, sizeof six) == 0;
}

uint64_t address_network(const uint8_t address[ADDRESS_SIZE])
{
    bool four = memcmp(address, mapped, sizeof mapped) == 0;
    const uint8_t *from = four ? address + 12 : address;
    uint64_t network = four ? 1 : 0;
    for (int i = 0; i < (four ? 3 : 6); i++)
        network = network << 8 | from[i];
    return network;
}

bool address_of_peer(int descriptor, uint8_t address[ADDRESS_SIZE])
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_storage storage;
    } name;
    socklen_t size = sizeof name;
    memset(address, 0, ADDRESS_SIZE);
    if (getpeername(descriptor, &name.any, &size))
        return false;
    if (name.any.sa_family == AF_INET) {
        memcpy(address, mapped, sizeof mapped);
        memcpy(address + sizeof mapped, &name.four.sin_addr, 4);
    } else if (name.any.sa_family == AF_INET6) {
        memcpy(address, &name.six.sin6_addr, ADDRESS_SIZE);
    } else {
        return false;
    }
    return true;
}

/* One entry of the list: an address, perhaps with a port or in brackets, as proxies write them. */
static bool entry_parse(const char *from, const char *to, uint8_t address[ADDRESS_SIZE])
{
    bool ipv6;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    if (from < to && *from == '[') {
        const char *end = memchr(from, ']', (size_t)(to - from));
        return end && address_parse(from + 1, (size_t)(end - from - 1), address, &ipv6);
    }
    const char *colon = memchr(from, ':', (size_t)(to - from));
    if (colon && !memchr(colon + 1, ':', (size_t)(to - colon - 1)))
        to = colon;
    return address_parse(from, (size_t)(to - from), address, &ipv6);
}

void address_forwarded(const char *header, const struct cidr *proxies, size_t count,
                       uint8_t address[ADDRESS_SIZE])
{
    const char *end = header + strlen(header);
    uint8_t next[ADDRESS_SIZE];
    while (cidr_has(proxies, count, address)) {
        const char *start = end;
        while (start > header && start[-1] != ',')
            start--;
        if (!entry_parse(start, end, next))
            return;
        memcpy(address, next, sizeof next);
        if (start == header)
            return;
        end = start - 1;
    }
}
