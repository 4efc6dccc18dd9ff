/* candidate.c - reads and writes candidate attributes (RFC 8839 section 5.1):
 *
 *   candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ TYPE
 *             [raddr ADDRESS] [rport PORT] *(NAME VALUE)
 *
 * SPDX-License-Identifier: MIT */
#include "wire/candidate.h"

#include "wire/dns.h"
#include "wire/text.h"

#define PORT_MAX 65535

static const char *const type_names[] = {
    [XC_CANDIDATE_HOST] = "host",
    [XC_CANDIDATE_SRFLX] = "srflx",
    [XC_CANDIDATE_PRFLX] = "prflx",
    [XC_CANDIDATE_RELAY] = "relay",
};

static uint8_t type_of(struct xc_span text)
{
    for (uint8_t i = XC_CANDIDATE_HOST; i < XC_ARRAY_LEN(type_names); i++) {
        if (xc_text_equal(text, type_names[i]))
            return i;
    }
    return 0;
}

static bool is_visible(struct xc_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return false;
    }
    return text.size > 0;
}

/* Letters, digits, '-', '_' and '.', and no dotted number that only looks like a name. */
static bool is_host_name(struct xc_span text)
{
    bool letter = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool is_letter = xc_text_lower(c) >= 'a' && xc_text_lower(c) <= 'z';
        if (!is_letter && !xc_text_is_digit(c) && c != '-' && c != '_' && c != '.')
            return false;
        letter = letter || is_letter;
    }
    return letter;
}

static bool parse_address(struct xc_candidate *candidate, struct xc_span address, uint16_t port)
{
    if (xc_addr_parse(&candidate->addr, address, port))
        return true;
    candidate->addr.port = port;
    return is_host_name(address) &&
           xc_text_copy(candidate->host_name, sizeof candidate->host_name, address);
}

/* What stands behind the type. False when malformed. */
static bool parse_extensions(struct xc_candidate *candidate, struct xc_span text)
{
    while (text.size) {
        struct xc_span name = xc_text_token(&text, ' ');
        struct xc_span value = xc_text_token(&text, ' ');
        uint64_t port;
        if (xc_text_equal(name, "raddr")) {
            struct xc_addr related;
            if (xc_addr_parse(&related, value, candidate->related.port))
                candidate->related = related; /* may be a name: then nothing is known of it */
        } else if (xc_text_equal(name, "rport")) {
            if (!xc_text_number(value, PORT_MAX, &port))
                return false;
            candidate->related.port = (uint16_t)port;
        } else if (xc_text_equal(name, "ufrag")) {
            if (!is_visible(value) ||
                !xc_text_copy(candidate->ufrag, sizeof candidate->ufrag, value))
                return false;
        }
    }
    if (candidate->related.family == XC_ADDR_NONE)
        candidate->related.port = 0;
    return true;
}

int xc_candidate_parse(struct xc_candidate *candidate, struct xc_span text)
{
    memset(candidate, 0, sizeof *candidate);
    text = xc_text_trim(text);
    xc_text_skip(&text, "a=");
    if (!xc_text_skip(&text, "candidate:"))
        return XC_CANDIDATE_BAD;

    struct xc_span foundation = xc_text_token(&text, ' ');
    struct xc_span component = xc_text_token(&text, ' ');
    struct xc_span transport = xc_text_token(&text, ' ');
    struct xc_span priority = xc_text_token(&text, ' ');
    struct xc_span address = xc_text_token(&text, ' ');
    struct xc_span port = xc_text_token(&text, ' ');
    struct xc_span typ = xc_text_token(&text, ' ');
    struct xc_span type = xc_text_token(&text, ' ');
    uint64_t component_number, priority_number, port_number;
    if (!is_visible(foundation) || !is_visible(transport) || !is_visible(type) ||
        !xc_text_copy(candidate->foundation, sizeof candidate->foundation, foundation) ||
        !xc_text_number(component, 256, &component_number) || component_number == 0 ||
        !xc_text_number(priority, UINT32_MAX, &priority_number) ||
        !xc_text_number(port, PORT_MAX, &port_number) || !xc_text_equal(typ, "typ") ||
        !parse_address(candidate, address, (uint16_t)port_number) ||
        !parse_extensions(candidate, text))
        return XC_CANDIDATE_BAD;

    candidate->component = (uint8_t)component_number; /* 256 becomes 0, and is not used either */
    candidate->type = type_of(type);
    candidate->udp = xc_text_equal(transport, "udp");
    candidate->priority = (uint32_t)priority_number;
    bool usable = candidate->udp && candidate->component == 1 && candidate->type != 0 &&
                  port_number != 0 && !xc_addr_is_any(&candidate->addr) &&
                  (candidate->addr.family != XC_ADDR_NONE || xc_dns_is_local(candidate->host_name));
    return usable ? XC_CANDIDATE_OK : XC_CANDIDATE_IGNORED;
}

static void write_host(struct xc_writer *w, const struct xc_addr *addr)
{
    char text[XC_ADDR_TEXT_MAX];
    size_t size = xc_addr_format(addr, text, sizeof text);
    if (size == 0)
        w->failed = true;
    xc_write_bytes(w, text, size);
}

size_t xc_candidate_format(const struct xc_candidate *candidate, char *text, size_t capacity)
{
    struct xc_writer w = xc_writer_make(text, capacity);
    if (candidate->type < XC_CANDIDATE_HOST || candidate->type > XC_CANDIDATE_RELAY)
        return 0;
    xc_text_write(&w, "candidate:");
    xc_text_write(&w, candidate->foundation);
    xc_write8(&w, ' ');
    xc_text_write_number(&w, candidate->component);
    xc_text_write(&w, candidate->udp ? " udp " : " tcp ");
    xc_text_write_number(&w, candidate->priority);
    xc_write8(&w, ' ');
    if (candidate->addr.family == XC_ADDR_NONE && candidate->host_name[0])
        xc_text_write(&w, candidate->host_name);
    else
        write_host(&w, &candidate->addr);
    xc_write8(&w, ' ');
    xc_text_write_number(&w, candidate->addr.port);
    xc_text_write(&w, " typ ");
    xc_text_write(&w, type_names[candidate->type]);
    if (candidate->related.family != XC_ADDR_NONE) {
        xc_text_write(&w, " raddr ");
        write_host(&w, &candidate->related);
        xc_text_write(&w, " rport ");
        xc_text_write_number(&w, candidate->related.port);
    }
    if (candidate->ufrag[0]) {
        xc_text_write(&w, " ufrag ");
        xc_text_write(&w, candidate->ufrag);
    }
    size_t size = w.size;
    xc_write8(&w, 0);
    return w.failed ? 0 : size;
}

uint32_t xc_candidate_priority(uint8_t type, uint16_t local_preference, uint8_t component)
{
    /* RFC 8445 section 5.1.2.2 recommends these. */
    static const uint8_t type_preference[] = {
        [XC_CANDIDATE_HOST] = 126,
        [XC_CANDIDATE_SRFLX] = 100,
        [XC_CANDIDATE_PRFLX] = 110,
        [XC_CANDIDATE_RELAY] = 0,
    };
    uint32_t preference = type < XC_ARRAY_LEN(type_preference) ? type_preference[type] : 0;
    return preference << 24 | (uint32_t)local_preference << 8 | (256u - component);
}
