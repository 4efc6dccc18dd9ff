/* ice_server.c - reads the URL of a STUN or TURN server:
 *
 *   ("stun:" / "turn:") (IPV4 / "[" IPV6 "]") [":" PORT] ["?transport=udp"]     (the latter: turn)
 *
 * SPDX-License-Identifier: MIT */
#include "wire/ice_server.h"

#include "wire/text.h"

#define PORT_MAX 65535

static int refuse(const char **words, int result, const char *sentence)
{
    *words = sentence;
    return result;
}

static int parse_scheme(struct xc_ice_server *server, struct xc_span *url, const char **words)
{
    if (xc_text_skip(url, "stuns:") || xc_text_skip(url, "turns:"))
        return refuse(words, XC_ICE_SERVER_UNSUPPORTED,
                      "servers over TLS (stuns:, turns:) are not yet supported");
    server->turn = xc_text_skip(url, "turn:");
    if (!server->turn && !xc_text_skip(url, "stun:"))
        return refuse(words, XC_ICE_SERVER_BAD,
                      "the URL of an ICE server does not begin with stun: or turn:");
    return XC_ICE_SERVER_OK;
}

/* What stands behind "?"; RFC 7065 knows nothing but the transport. */
static int parse_query(const struct xc_ice_server *server, struct xc_span query, const char **words)
{
    if (!server->turn || !xc_text_skip(&query, "transport=") || !query.size)
        return refuse(words, XC_ICE_SERVER_BAD,
                      "the URL of an ICE server has an unknown part behind \"?\"");
    if (!xc_text_equal(query, "udp"))
        return refuse(words, XC_ICE_SERVER_UNSUPPORTED,
                      "a TURN server with a transport other than udp is not yet supported");
    return XC_ICE_SERVER_OK;
}

/* Takes an optional ":PORT" that must be all there is. */
static bool parse_port(struct xc_span text, uint16_t *port)
{
    uint64_t number = XC_ICE_SERVER_PORT;
    if (text.size &&
        (text.data[0] != ':' ||
         !xc_text_number(xc_span_make(text.data + 1, text.size - 1), PORT_MAX, &number) ||
         number == 0))
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool looks_like_name(struct xc_span host)
{
    bool letter = false;
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = xc_text_lower(host.data[i]);
        bool is_letter = c >= 'a' && c <= 'z';
        if (!is_letter && !xc_text_is_digit(c) && c != '-' && c != '.' && c != '_')
            return false;
        letter = letter || is_letter;
    }
    return letter;
}

static bool is_unicast(const struct xc_addr *addr)
{
    if (xc_addr_is_any(addr))
        return false;
    return addr->family == XC_ADDR_IPV4 ? addr->bytes[0] != 0 && addr->bytes[0] < 224
                                        : addr->bytes[0] != 0xff;
}

static int parse_host(struct xc_ice_server *server, struct xc_span text, const char **words)
{
    bool bracket = text.size && text.data[0] == '[';
    size_t end = xc_text_find(text, bracket ? ']' : ':');
    if (bracket && end == text.size)
        return refuse(words, XC_ICE_SERVER_BAD, "the URL of an ICE server lacks a \"]\"");
    struct xc_span host = xc_span_make(text.data + bracket, end - bracket);
    struct xc_span rest = xc_span_make(text.data + end + bracket, text.size - end - bracket);
    uint16_t port;
    if (!bracket && rest.size &&
        xc_text_find(xc_span_make(rest.data + 1, rest.size - 1), ':') < rest.size - 1)
        return refuse(words, XC_ICE_SERVER_BAD,
                      "an IPv6 address in the URL of an ICE server wants [brackets]");
    if (!parse_port(rest, &port))
        return refuse(words, XC_ICE_SERVER_BAD,
                      "the port in the URL of an ICE server is not within 1 to 65535");
    if (!xc_addr_parse(&server->addr, host, port) ||
        (server->addr.family == XC_ADDR_IPV6) != bracket) {
        if (!bracket && looks_like_name(host))
            return refuse(words, XC_ICE_SERVER_UNSUPPORTED,
                          "the URL of an ICE server wants an address: names are not looked up yet");
        return refuse(words, XC_ICE_SERVER_BAD, "the URL of an ICE server has no valid address");
    }
    if (!is_unicast(&server->addr))
        return refuse(words, XC_ICE_SERVER_BAD,
                      "the address in the URL of an ICE server is not one of a host");
    return XC_ICE_SERVER_OK;
}

int xc_ice_server_parse(struct xc_ice_server *server, struct xc_span url, const char **words)
{
    memset(server, 0, sizeof *server);
    if (url.size > XC_ICE_SERVER_URL_MAX)
        return refuse(words, XC_ICE_SERVER_BAD, "the URL of an ICE server is too long");
    int result = parse_scheme(server, &url, words);
    if (result != XC_ICE_SERVER_OK)
        return result;
    size_t mark = xc_text_find(url, '?');
    if (mark < url.size) {
        result = parse_query(server, xc_span_make(url.data + mark + 1, url.size - mark - 1), words);
        if (result != XC_ICE_SERVER_OK)
            return result;
    }
    return parse_host(server, xc_span_make(url.data, mark), words);
}

bool xc_ice_server_credentials(struct xc_ice_server *server, struct xc_span username,
                               struct xc_span password, const char **words)
{
    if (!server->turn)
        return true;
    if (!username.size || !password.size) {
        *words = "a TURN server wants a username and a password";
        return false;
    }
    if (username.size > XC_ICE_SERVER_USERNAME_MAX || password.size > XC_ICE_SERVER_PASSWORD_MAX) {
        *words = "the credentials of a TURN server are longer than 508 and 256 bytes";
        return false;
    }
    server->username_size = (uint16_t)username.size;
    server->password_size = (uint16_t)password.size;
    memcpy(server->username, username.data, username.size);
    memcpy(server->password, password.data, password.size);
    return true;
}

bool xc_ice_server_same(const struct xc_ice_server *a, const struct xc_ice_server *b)
{
    return a->turn == b->turn && xc_addr_equal(&a->addr, &b->addr);
}
