/* dns.c - reads and writes DNS messages (RFC 1035 section 4.1, RFC 6762 section 18). A name may point
 * back into the message (section 4.1.4): only ever before itself, so that no loop can be made.
 * SPDX-License-Identifier: MIT */
#include "wire/dns.h"

#include "wire/text.h"

#define HEADER_SIZE 12
#define LABEL_MAX 63
#define NAME_OCTETS_MAX 255 /* with its length bytes */
#define CLASS_IN 1
#define CLASS_TOP 0x8000 /* of a question: unicast wanted; of a record: flush */
#define FLAG_RESPONSE 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_RCODE 0x000f

static void write_name(struct xc_writer *w, const char *name)
{
    struct xc_span rest = xc_span_make(name, strlen(name));
    while (!w->failed) {
        size_t size = xc_text_find(rest, '.');
        if (size == 0 || size > LABEL_MAX)
            w->failed = true;
        xc_write8(w, (uint8_t)size);
        xc_write_bytes(w, rest.data, size);
        if (size == rest.size)
            break;
        rest = xc_span_make(rest.data + size + 1, rest.size - size - 1);
    }
    xc_write8(w, 0);
}

size_t xc_dns_write_query(const char *name, uint16_t type, bool unicast, void *out, size_t capacity)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    if (strlen(name) > XC_DNS_NAME_MAX)
        return 0;
    xc_write16(&w, 0); /* identifier and flags: zero in multicast queries */
    xc_write16(&w, 0);
    xc_write16(&w, 1);
    xc_write16(&w, 0);
    xc_write32(&w, 0);
    write_name(&w, name);
    xc_write16(&w, type);
    xc_write16(&w, (uint16_t)(CLASS_IN | (unicast ? CLASS_TOP : 0)));
    return w.failed ? 0 : w.size;
}

/* One label behind what stands in `name`; false: no name of a host has it. */
static bool add_label(char *name, size_t *length, const uint8_t *label, size_t size)
{
    if (*length)
        name[(*length)++] = '.';
    for (size_t i = 0; i < size; i++) {
        if (label[i] <= ' ' || label[i] >= 0x7f || label[i] == '.')
            return false;
        name[(*length)++] = (char)xc_text_lower(label[i]);
    }
    return true;
}

/* Into `name` (XC_DNS_NAME_MAX + 1), or over it where that is NULL. The reader fails on what is
 * malformed. */
static void read_name(struct xc_reader *r, char *name)
{
    struct xc_reader at = *r;
    size_t limit = r->at, octets = 1, length = 0;
    bool jumped = false, usable = true;
    char label_room[XC_DNS_NAME_MAX + 1];
    char *to = name ? name : label_room;
    for (;;) {
        uint8_t size = xc_read8(&at);
        if (size > LABEL_MAX && size < 0xc0)
            at.failed = true;
        if (size >= 0xc0) {
            size_t target = (size_t)(size & 0x3f) << 8 | xc_read8(&at);
            if (!jumped)
                *r = at;
            jumped = true;
            /* Strictly before where this run of labels began: a chain of pointers ends. */
            at.failed = at.failed || target < HEADER_SIZE || target >= limit;
            at.at = target;
            limit = target;
        }
        if (at.failed || size == 0)
            break;
        if (size >= 0xc0)
            continue;
        const uint8_t *label = xc_read_bytes(&at, size);
        octets += size + 1u;
        at.failed = at.failed || octets > NAME_OCTETS_MAX;
        if (at.failed)
            break;
        usable = usable && add_label(to, &length, label, size);
    }
    if (!jumped)
        *r = at;
    r->failed = r->failed || at.failed;
    to[usable && !at.failed ? length : 0] = '\0';
}

bool xc_dns_open(struct xc_dns_walk *walk, struct xc_span message)
{
    walk->reader = xc_reader_make(message);
    walk->left = 0;
    struct xc_reader *r = &walk->reader;
    xc_read16(r);
    uint16_t flags = xc_read16(r);
    uint16_t questions = xc_read16(r);
    uint32_t records = xc_read16(r);
    records += xc_read16(r);
    records += xc_read16(r);
    if (r->failed || !(flags & FLAG_RESPONSE) || (flags & (FLAG_OPCODE | FLAG_RCODE)))
        return false;
    for (; questions && !r->failed; questions--) {
        read_name(r, NULL);
        xc_read32(r);
    }
    walk->left = records;
    return !r->failed;
}

static void read_data(struct xc_dns_record *record, const uint8_t *data, size_t size)
{
    memset(&record->addr, 0, sizeof record->addr);
    if (record->type == XC_DNS_A && size == 4)
        record->addr.family = XC_ADDR_IPV4;
    else if (record->type == XC_DNS_AAAA && size == 16)
        record->addr.family = XC_ADDR_IPV6;
    else
        return;
    memcpy(record->addr.bytes, data, size);
}

bool xc_dns_next(struct xc_dns_walk *walk, struct xc_dns_record *record)
{
    struct xc_reader *r = &walk->reader;
    while (walk->left) {
        walk->left--;
        read_name(r, record->name);
        record->type = xc_read16(r);
        uint16_t class = xc_read16(r);
        record->ttl = xc_read32(r);
        uint16_t size = xc_read16(r);
        const uint8_t *data = xc_read_bytes(r, size);
        if (r->failed)
            break;
        record->flush = (class & CLASS_TOP) != 0;
        read_data(record, data, size);
        if ((class & ~CLASS_TOP) == CLASS_IN)
            return true;
    }
    walk->left = 0;
    return false;
}

bool xc_dns_is_local(const char *name)
{
    size_t label = xc_text_find(xc_span_make(name, strlen(name)), '.');
    if (label == 0 || label > LABEL_MAX)
        return false;
    for (size_t i = 0; i < label; i++) {
        uint8_t c = xc_text_lower((uint8_t)name[i]);
        if (!(c >= 'a' && c <= 'z') && !xc_text_is_digit(c) && c != '-')
            return false;
    }
    return xc_text_equal(xc_span_make(name + label, strlen(name + label)), ".local");
}
