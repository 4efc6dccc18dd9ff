/* url.c - the service's URL, and those of relays.
 * SPDX-License-Identifier: MIT */
#include "client/shell.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_literal(const char *host)
{
    uint8_t address[16];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool is_loopback(const char *host)
{
    uint8_t address[16];
    static const uint8_t six[16] = {[15] = 1};
    if (inet_pton(AF_INET, host, address) == 1)
        return address[0] == 127;
    if (inet_pton(AF_INET6, host, address) == 1)
        return !memcmp(address, six, 16);
    return !strcasecmp(host, "localhost");
}

/* "host", "host:port", "[::1]:port" of this length. */
static bool read_authority(const char *text, size_t size, char host[256], uint16_t *port)
{
    const char *end = text + size, *name = text, *rest;
    if (size && *text == '[') {
        name++;
        rest = memchr(name, ']', (size_t)(end - name));
        if (!rest)
            return false;
    } else {
        rest = memchr(text, ':', size);
        rest = rest ? rest : end;
    }
    size_t name_size = (size_t)(rest - name);
    if (!name_size || name_size >= 256)
        return false;
    memcpy(host, name, name_size);
    host[name_size] = '\0';
    if (rest < end && *rest == ']')
        rest++;
    if (rest == end)
        return true;
    if (*rest++ != ':' || rest == end || end - rest > 5)
        return false;
    uint32_t value = 0;
    for (; rest < end; rest++) {
        if (*rest < '0' || *rest > '9')
            return false;
        value = value * 10 + (uint32_t)(*rest - '0');
    }
    *port = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

const char *xc_client_url_read(const char *text, struct xc_client_url *url)
{
    memset(url, 0, sizeof *url);
    url->tls = !strncasecmp(text, "wss://", 6);
    if (!url->tls && strncasecmp(text, "ws://", 5))
        return "url must begin with wss:// (or ws:// on this machine)";
    const char *at = text + (url->tls ? 6 : 5), *path = strchr(at, '/');
    size_t size = path ? (size_t)(path - at) : strlen(at);
    url->port = url->tls ? 443 : 80;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == '@' || *c == '#' || (unsigned char)*c >= 127)
            return "url has a character that does not belong there";
    if (!read_authority(at, size, url->host, &url->port))
        return "url has no host, or a port that is none";
    if (path && strlen(path) >= sizeof url->path)
        return "url is too long";
    memcpy(url->path, path ? path : "/xcall", strlen(path ? path : "/xcall") + 1);
    url->literal = is_literal(url->host);
    if (!url->tls && !is_loopback(url->host))
        return "ws:// is for this machine only: elsewhere everybody could read along";
    return NULL;
}

/* Its parts; port is 3478 where it has none (RFC 7065 section 3.2). */
static bool read_relay(const char *url, char host[256], uint16_t *port, size_t *scheme,
                       const char **query)
{
    const char *at = strchr(url, ':');
    *query = strchr(url, '?');
    *scheme = at ? (size_t)(at - url) : 0;
    *port = 3478;
    if (!at || *scheme > 5)
        return false;
    at++;
    return read_authority(at, *query ? (size_t)(*query - at) : strlen(at), host, port);
}

uint32_t xc_client_url_resolve(const char *url, char (*out)[XC_URL_SIZE], uint32_t most)
{
    char host[256];
    const char *query;
    size_t scheme;
    uint16_t port;
    if (!most || !read_relay(url, host, &port, &scheme, &query) || !is_literal(host))
        return 0;
    snprintf(out[0], XC_URL_SIZE, "%s", url);
    return 1;
}

bool xc_client_url_name(const char *url, char host[256])
{
    const char *query;
    size_t scheme;
    uint16_t port;
    return read_relay(url, host, &port, &scheme, &query) && !is_literal(host);
}

void xc_client_url_put(const char *url, const char *address, char out[XC_URL_SIZE])
{
    char host[256];
    const char *query;
    size_t scheme;
    uint16_t port;
    bool six = strchr(address, ':') != NULL;
    out[0] = '\0';
    if (read_relay(url, host, &port, &scheme, &query))
        snprintf(out, XC_URL_SIZE, "%.*s:%s%s%s:%u%s", (int)scheme, url, six ? "[" : "", address,
                 six ? "]" : "", port, query ? query : "");
}
