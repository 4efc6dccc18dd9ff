/* addr.c - transport addresses as values and as text: IPv4 dotted decimal without leading zeros,
 * IPv6 as RFC 4291 section 2.2 reads it and RFC 5952 section 4 writes it.
 * SPDX-License-Identifier: MIT */
#include "wire/addr.h"

#include "wire/text.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool xc_addr_equal(const struct xc_addr *a, const struct xc_addr *b)
{
    return a->port == b->port && xc_addr_same_host(a, b);
}

/* A scope that is not known (an address out of a candidate line has none) fits every scope. */
bool xc_addr_same_host(const struct xc_addr *a, const struct xc_addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0 &&
           (a->scope == b->scope || a->scope == 0 || b->scope == 0);
}

/* The IPv4 address inside ::ffff:0:0/96, so that no check is passed by writing it as IPv6. */
static const uint8_t *ipv4_bytes(const struct xc_addr *a)
{
    if (a->family == XC_ADDR_IPV4)
        return a->bytes;
    if (a->family == XC_ADDR_IPV6 && memcmp(a->bytes, mapped_prefix, sizeof mapped_prefix) == 0)
        return a->bytes + sizeof mapped_prefix;
    return NULL;
}

bool xc_addr_is_loopback(const struct xc_addr *a)
{
    static const uint8_t one[16] = {[15] = 1};
    const uint8_t *ipv4 = ipv4_bytes(a);
    if (ipv4)
        return ipv4[0] == 127;
    return a->family == XC_ADDR_IPV6 && memcmp(a->bytes, one, sizeof one) == 0;
}

bool xc_addr_is_link_local(const struct xc_addr *a)
{
    const uint8_t *ipv4 = ipv4_bytes(a);
    if (ipv4)
        return ipv4[0] == 169 && ipv4[1] == 254;
    return a->family == XC_ADDR_IPV6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool xc_addr_is_any(const struct xc_addr *a)
{
    static const uint8_t zero[16];
    const uint8_t *ipv4 = ipv4_bytes(a);
    if (ipv4)
        return memcmp(ipv4, zero, 4) == 0;
    return a->family == XC_ADDR_IPV6 && memcmp(a->bytes, zero, sizeof zero) == 0;
}

static bool parse_ipv4(uint8_t out[4], struct xc_span text)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        if (part) {
            if (at == text.size || text.data[at] != '.')
                return false;
            at++;
        }
        size_t start = at;
        while (at < text.size && at - start < 4 && xc_text_is_digit(text.data[at]))
            at++;
        uint64_t value;
        if (!xc_text_number(xc_span_make(text.data + start, at - start), 255, &value))
            return false;
        if (at - start > 1 && text.data[start] == '0')
            return false; /* "010" is octal to some readers */
        out[part] = (uint8_t)value;
    }
    return at == text.size;
}

/* One or more groups divided by ':', the last of which may be an IPv4 address. Returns how many
 * bytes they make, 0 when malformed. */
static size_t parse_groups(uint8_t out[16], struct xc_span text)
{
    size_t made = 0;
    size_t at = 0;
    for (;;) {
        size_t start = at;
        uint32_t value = 0;
        while (at < text.size && at - start < 4 && xc_text_hex(text.data[at]) >= 0)
            value = value << 4 | (uint32_t)xc_text_hex(text.data[at++]);
        if (at < text.size && text.data[at] == '.') {
            struct xc_span tail = {text.data + start, text.size - start};
            return made <= 12 && parse_ipv4(out + made, tail) ? made + 4 : 0;
        }
        if (at == start || made == 16)
            return 0;
        xc_store16(out + made, (uint16_t)value);
        made += 2;
        if (at == text.size)
            return made;
        if (text.data[at] != ':')
            return 0;
        at++;
    }
}

static bool parse_ipv6(uint8_t out[16], struct xc_span text)
{
    uint8_t head[16], tail[16];
    size_t gap = 0;
    while (gap + 1 < text.size && !(text.data[gap] == ':' && text.data[gap + 1] == ':'))
        gap++;
    if (gap + 1 >= text.size)
        return parse_groups(out, text) == 16;

    struct xc_span before = {text.data, gap};
    struct xc_span after = {text.data + gap + 2, text.size - gap - 2};
    size_t head_size = before.size ? parse_groups(head, before) : 0;
    size_t tail_size = after.size ? parse_groups(tail, after) : 0;
    if ((before.size && (head_size == 0 || xc_text_find(before, '.') < before.size)) ||
        (after.size && tail_size == 0) || head_size + tail_size > 14)
        return false;
    memset(out, 0, 16);
    memcpy(out, head, head_size);
    memcpy(out + 16 - tail_size, tail, tail_size);
    return true;
}

bool xc_addr_parse(struct xc_addr *addr, struct xc_span text, uint16_t port)
{
    memset(addr, 0, sizeof *addr);
    if (text.size == 0 || text.size > 45) /* eight groups with IPv4 at the end */
        return false;
    if (xc_text_find(text, ':') < text.size) {
        if (!parse_ipv6(addr->bytes, text)) {
            memset(addr, 0, sizeof *addr);
            return false;
        }
        addr->family = XC_ADDR_IPV6;
    } else {
        if (!parse_ipv4(addr->bytes, text)) {
            memset(addr, 0, sizeof *addr);
            return false;
        }
        addr->family = XC_ADDR_IPV4;
    }
    addr->port = port;
    return true;
}

static void write_ipv4(struct xc_writer *w, const uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        if (i)
            xc_write8(w, '.');
        xc_text_write_number(w, bytes[i]);
    }
}

static void write_hex(struct xc_writer *w, uint16_t value)
{
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = (unsigned)value >> shift & 15u;
        started = started || digit || shift == 0;
        if (started)
            xc_write8(w, (uint8_t) "0123456789abcdef"[digit]);
    }
}

/* The first longest run of two or more zero groups (RFC 5952 section 4.2). */
static void find_gap(const uint8_t *bytes, int groups, int *gap_start, int *gap_size)
{
    *gap_start = groups;
    *gap_size = 1;
    for (int i = 0; i < groups; i++) {
        int n = 0;
        while (i + n < groups && xc_load16(bytes + 2 * (i + n)) == 0)
            n++;
        if (n > *gap_size) {
            *gap_start = i;
            *gap_size = n;
        }
        i += n;
    }
}

static void write_ipv6(struct xc_writer *w, const uint8_t *bytes)
{
    bool mapped = memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0;
    int groups = mapped ? 6 : 8;
    int gap_start, gap_size;
    find_gap(bytes, groups, &gap_start, &gap_size);
    for (int i = 0; i < groups;) {
        if (i == gap_start) {
            xc_text_write(w, "::");
            i += gap_size;
            continue;
        }
        if (i && i != gap_start + gap_size)
            xc_write8(w, ':');
        write_hex(w, xc_load16(bytes + 2 * i));
        i++;
    }
    if (mapped) {
        xc_write8(w, ':');
        write_ipv4(w, bytes + 12);
    }
}

size_t xc_addr_format(const struct xc_addr *addr, char *text, size_t capacity)
{
    struct xc_writer w = xc_writer_make(text, capacity);
    if (addr->family == XC_ADDR_IPV4)
        write_ipv4(&w, addr->bytes);
    else if (addr->family == XC_ADDR_IPV6)
        write_ipv6(&w, addr->bytes);
    else
        return 0;
    size_t size = w.size;
    xc_write8(&w, 0);
    return w.failed ? 0 : size;
}
