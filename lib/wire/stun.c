/* stun.c - reads and writes STUN messages (RFC 8489 sections 5, 6, 14; RFC 8445 section 7.1).
 *
 *   0                   16                  32
 *   |0 0| type (class)  | length            |   then attributes, each type, length, value,
 *   | magic cookie 0x2112A442               |   padded to four bytes with anything
 *   | transaction id, 12 bytes              |
 *
 * SPDX-License-Identifier: MIT */
#include "wire/stun.h"

#include "wire/crc32.h"
#include "wire/hash.h"

#define MAGIC_COOKIE 0x2112a442u
#define FINGERPRINT_XOR 0x5354554eu
#define ATTRIBUTE_HEADER_SIZE 4
#define FINGERPRINT_SIZE (ATTRIBUTE_HEADER_SIZE + 4)

static size_t padded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

bool xc_stun_looks_like(struct xc_span datagram)
{
    return datagram.size >= XC_STUN_HEADER_SIZE && datagram.data[0] < 4 &&
           xc_load32(datagram.data + 4) == MAGIC_COOKIE;
}

static bool parse_address(struct xc_addr *addr, struct xc_span value, const uint8_t *header)
{
    memset(addr, 0, sizeof *addr);
    if (value.size < 4)
        return false;
    size_t size = value.data[1] == 1 ? 4 : value.data[1] == 2 ? 16 : 0;
    if (size == 0 || value.size != 4 + size)
        return false;
    addr->family = size == 4 ? XC_ADDR_IPV4 : XC_ADDR_IPV6;
    addr->port = (uint16_t)(xc_load16(value.data + 2) ^ (MAGIC_COOKIE >> 16));
    for (size_t i = 0; i < size && i < sizeof addr->bytes; i++) /* cookie, transaction id */
        addr->bytes[i] = value.data[4 + i] ^ header[4 + i];
    return true;
}

static bool parse_error(struct xc_stun *message, struct xc_span value)
{
    if (value.size < 4)
        return false;
    uint8_t hundreds = value.data[2] & 7;
    if (hundreds < 3 || hundreds > 6 || value.data[3] > 99)
        return false;
    message->error_code = (uint16_t)(hundreds * 100 + value.data[3]);
    message->has_error = true;
    return true;
}

static bool parse_number64(uint64_t *number, struct xc_span value)
{
    if (value.size != 8)
        return false;
    *number = xc_load64(value.data);
    return true;
}

static void note_unknown(struct xc_stun *message, uint16_t type)
{
    if (type >= 0x8000) /* comprehension-optional */
        return;
    message->has_unknown_required = true;
    for (uint8_t i = 0; i < message->unknown_required_count; i++) {
        if (message->unknown_required[i] == type)
            return;
    }
    if (message->unknown_required_count < XC_ARRAY_LEN(message->unknown_required))
        message->unknown_required[message->unknown_required_count++] = type;
}

/* The attributes of authentication; false when malformed. */
static bool parse_seal(struct xc_stun *message, uint16_t type, struct xc_span value)
{
    size_t at = (size_t)(value.data - message->bytes.data) - ATTRIBUTE_HEADER_SIZE;
    if (type == XC_STUN_ATTR_MESSAGE_INTEGRITY) {
        message->has_integrity = true;
        message->integrity_at = at;
        return value.size == XC_SHA1_SIZE;
    }
    if (type == XC_STUN_ATTR_MESSAGE_INTEGRITY_SHA256) { /* RFC 8489 section 14.6 */
        message->has_sha256 = true;
        message->sha256_at = at;
        message->sha256_size = value.size;
        return value.size >= 16 && value.size <= XC_SHA256_SIZE && value.size % 4 == 0;
    }
    /* FINGERPRINT is the last attribute (RFC 8489 section 14.7). */
    if (value.size != 4 || at + FINGERPRINT_SIZE != message->bytes.size)
        return false;
    uint32_t crc = xc_crc32(xc_span_make(message->bytes.data, at)) ^ FINGERPRINT_XOR;
    message->has_fingerprint = true;
    message->fingerprint_ok = crc == xc_load32(value.data);
    return true;
}

/* The first of a repeated attribute counts. False when the attribute is malformed. */
static bool parse_attribute(struct xc_stun *message, uint16_t type, struct xc_span value)
{
    switch (type) {
    case XC_STUN_ATTR_USERNAME:
        if (message->has_username)
            return true;
        message->has_username = true;
        message->username = value;
        return value.size <= XC_STUN_USERNAME_MAX;
    case XC_STUN_ATTR_PRIORITY:
        if (message->has_priority)
            return true;
        message->has_priority = true;
        message->priority = value.size == 4 ? xc_load32(value.data) : 0;
        return value.size == 4;
    case XC_STUN_ATTR_USE_CANDIDATE:
        message->has_use_candidate = true;
        return value.size == 0;
    case XC_STUN_ATTR_ICE_CONTROLLING:
    case XC_STUN_ATTR_ICE_CONTROLLED:
        if (message->has_controlling || message->has_controlled)
            return true;
        message->has_controlling = type == XC_STUN_ATTR_ICE_CONTROLLING;
        message->has_controlled = type == XC_STUN_ATTR_ICE_CONTROLLED;
        return parse_number64(&message->tie_breaker, value);
    case XC_STUN_ATTR_XOR_MAPPED_ADDRESS:
        if (message->has_mapped)
            return true;
        message->has_mapped = true;
        return parse_address(&message->mapped, value, message->bytes.data);
    case XC_STUN_ATTR_ERROR_CODE:
        return message->has_error || parse_error(message, value);
    case XC_STUN_ATTR_MESSAGE_INTEGRITY:
    case XC_STUN_ATTR_MESSAGE_INTEGRITY_SHA256:
    case XC_STUN_ATTR_FINGERPRINT:
        return parse_seal(message, type, value);
    case XC_STUN_ATTR_MAPPED_ADDRESS:
    case XC_STUN_ATTR_UNKNOWN_ATTRIBUTES:
    case XC_STUN_ATTR_CHANNEL_NUMBER:
    case XC_STUN_ATTR_LIFETIME:
    case XC_STUN_ATTR_XOR_PEER_ADDRESS:
    case XC_STUN_ATTR_DATA:
    case XC_STUN_ATTR_REALM:
    case XC_STUN_ATTR_NONCE:
    case XC_STUN_ATTR_XOR_RELAYED_ADDRESS:
    case XC_STUN_ATTR_REQUESTED_ADDRESS_FAMILY:
    case XC_STUN_ATTR_EVEN_PORT:
    case XC_STUN_ATTR_REQUESTED_TRANSPORT:
    case XC_STUN_ATTR_DONT_FRAGMENT:
    case XC_STUN_ATTR_PASSWORD_ALGORITHM:
    case XC_STUN_ATTR_USERHASH:
    case XC_STUN_ATTR_RESERVATION_TOKEN:
        return true; /* known, read by xc_stun_find where they matter */
    default:
        note_unknown(message, type);
        return true;
    }
}

/* The next attribute's value, or false at the end and (with r->failed) where it does not fit. */
static bool next_attribute(struct xc_reader *r, uint16_t *type, struct xc_span *value)
{
    if (xc_reader_left(r) == 0)
        return false;
    *type = xc_read16(r);
    size_t size = xc_read16(r);
    const uint8_t *data = xc_read_bytes(r, padded(size));
    *value = (struct xc_span){data, size};
    return data != NULL;
}

/* Behind an integrity attribute, so that it is ignored (RFC 8489 sections 14.5 and 14.6). */
static bool unprotected(const struct xc_stun *message, uint16_t type)
{
    if (type == XC_STUN_ATTR_FINGERPRINT)
        return false;
    return message->has_sha256 ||
           (message->has_integrity && type != XC_STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
}

bool xc_stun_parse(struct xc_stun *message, struct xc_span datagram)
{
    memset(message, 0, sizeof *message);
    if (!xc_stun_looks_like(datagram))
        return false;
    uint16_t type = xc_load16(datagram.data);
    size_t length = xc_load16(datagram.data + 2);
    if (length % 4 || length + XC_STUN_HEADER_SIZE != datagram.size)
        return false;
    message->class_ = (uint8_t)((type >> 4 & 1) | (type >> 7 & 2));
    message->method = (uint16_t)((type & 0x000f) | (type >> 1 & 0x0070) | (type >> 2 & 0x0f80));
    memcpy(message->transaction, datagram.data + 8, XC_STUN_TRANSACTION_SIZE);
    message->bytes = datagram;

    struct xc_reader r = xc_reader_make(datagram);
    r.at = XC_STUN_HEADER_SIZE;
    struct xc_span value;
    while (next_attribute(&r, &type, &value)) {
        if (unprotected(message, type))
            continue;
        if (!parse_attribute(message, type, value))
            return false;
    }
    return !r.failed;
}

bool xc_stun_find(const struct xc_stun *message, uint16_t wanted, struct xc_span *value)
{
    struct xc_reader r = xc_reader_make(message->bytes);
    r.at = XC_STUN_HEADER_SIZE;
    struct xc_span found;
    uint16_t type;
    if (message->bytes.size < XC_STUN_HEADER_SIZE)
        return false;
    while (next_attribute(&r, &type, &found)) {
        if (type == wanted) {
            *value = found;
            return true;
        }
        if (type == XC_STUN_ATTR_MESSAGE_INTEGRITY || type == XC_STUN_ATTR_MESSAGE_INTEGRITY_SHA256)
            return false;
    }
    return false;
}

bool xc_stun_find_xor_address(const struct xc_stun *message, uint16_t type, struct xc_addr *addr)
{
    struct xc_span value;
    return xc_stun_find(message, type, &value) && parse_address(addr, value, message->bytes.data);
}

bool xc_stun_find_number(const struct xc_stun *message, uint16_t type, uint32_t *number)
{
    struct xc_span value;
    if (!xc_stun_find(message, type, &value) || value.size != 4)
        return false;
    *number = xc_load32(value.data);
    return true;
}

/* The digest of the parts with ":" between. */
static void hash_joined(uint8_t *digest, const struct xc_hash_kind *kind,
                        const struct xc_span *parts, size_t count)
{
    struct xc_hash hash;
    xc_hash_init(&hash, kind);
    for (size_t i = 0; i < count; i++) {
        xc_hash_add(&hash, ":", i > 0);
        xc_hash_add(&hash, parts[i].data, parts[i].size);
    }
    xc_hash_finish(&hash, digest);
}

size_t xc_stun_long_term_key(uint16_t algorithm, uint8_t key[XC_STUN_KEY_MAX],
                             struct xc_span username, struct xc_span realm, struct xc_span password)
{
    const struct xc_hash_kind *kind = algorithm == XC_STUN_ALGORITHM_MD5      ? &xc_md5
                                      : algorithm == XC_STUN_ALGORITHM_SHA256 ? &xc_sha256
                                                                              : NULL;
    if (!kind)
        return 0;
    const struct xc_span parts[3] = {username, realm, password};
    hash_joined(key, kind, parts, XC_ARRAY_LEN(parts));
    return kind->size;
}

void xc_stun_userhash(uint8_t hash[XC_STUN_USERHASH_SIZE], struct xc_span username,
                      struct xc_span realm)
{
    const struct xc_span parts[2] = {username, realm};
    hash_joined(hash, &xc_sha256, parts, XC_ARRAY_LEN(parts));
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

uint32_t xc_stun_nonce_features(struct xc_span nonce)
{
    static const char cookie[] = "obMatJos2";
    const size_t size = sizeof cookie - 1;
    uint32_t bits = 0;
    if (nonce.size < size + 4 || memcmp(nonce.data, cookie, size) != 0)
        return 0;
    for (size_t i = 0; i < 4; i++) {
        int value = base64_value(nonce.data[size + i]);
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
    }
    /* Bit 0 is the least significant of the 24: RFC Errata 6290, and the sample of appendix B.1. Section
     * 9.2 as printed counts from the other end, where no feature is assigned: both are heard. */
    return (bits & 3) | (bits >> 23 & 1) | (bits >> 21 & 2);
}

/* HMAC over the first `size` bytes, with the length field that a message ending behind this integrity
 * attribute would have. */
static void integrity(const uint8_t *bytes, size_t size, const struct xc_hash_kind *kind,
                      struct xc_span key, uint8_t *digest)
{
    struct xc_hmac hmac;
    uint8_t length[2];
    size_t whole = size + ATTRIBUTE_HEADER_SIZE + kind->size;
    xc_store16(length, (uint16_t)(whole - XC_STUN_HEADER_SIZE));
    xc_hmac_init(&hmac, kind, key);
    xc_hmac_add(&hmac, bytes, 2);
    xc_hmac_add(&hmac, length, 2);
    xc_hmac_add(&hmac, bytes + 4, size - 4);
    xc_hmac_finish(&hmac, digest);
}

/* at: of the attribute. */
static bool integrity_holds(const struct xc_stun *message, size_t at,
                            const struct xc_hash_kind *kind, struct xc_span key)
{
    uint8_t digest[XC_HASH_MAX];
    const uint8_t *bytes = message->bytes.data;
    integrity(bytes, at, kind, key, digest);
    return xc_equal_constant_time(digest, bytes + at + ATTRIBUTE_HEADER_SIZE, kind->size);
}

bool xc_stun_check_integrity(const struct xc_stun *message, struct xc_span password)
{
    return message->has_integrity && password.size > 0 &&
           integrity_holds(message, message->integrity_at, &xc_sha1, password);
}

bool xc_stun_check_sha256(const struct xc_stun *message, struct xc_span key)
{
    return message->has_sha256 && message->sha256_size == XC_SHA256_SIZE && key.size > 0 &&
           integrity_holds(message, message->sha256_at, &xc_sha256, key);
}

void xc_stun_begin(struct xc_stun_writer *w, void *memory, size_t capacity, uint8_t class_,
                   uint16_t method, const uint8_t transaction[XC_STUN_TRANSACTION_SIZE])
{
    unsigned c = class_;
    unsigned m = method;
    w->out = xc_writer_make(memory, capacity);
    xc_write16(&w->out, (uint16_t)((m & 0x000f) | (m & 0x0070) << 1 | (m & 0x0f80) << 2 |
                                   (c & 1) << 4 | (c & 2) << 7));
    xc_write16(&w->out, 0);
    xc_write32(&w->out, MAGIC_COOKIE);
    xc_write_bytes(&w->out, transaction, XC_STUN_TRANSACTION_SIZE);
}

/* The attribute's header and room for its value with zero padding; NULL when it does not fit. */
static uint8_t *add_room(struct xc_stun_writer *w, uint16_t type, size_t size)
{
    if (size > UINT16_MAX)
        w->out.failed = true;
    xc_write16(&w->out, type);
    xc_write16(&w->out, (uint16_t)size);
    uint8_t *room = xc_write_room(&w->out, padded(size));
    if (room)
        memset(room, 0, padded(size));
    return room;
}

void xc_stun_add(struct xc_stun_writer *w, uint16_t type, struct xc_span value)
{
    uint8_t *room = add_room(w, type, value.size);
    if (room && value.size)
        memcpy(room, value.data, value.size);
}

void xc_stun_add_username(struct xc_stun_writer *w, struct xc_span username)
{
    if (username.size > XC_STUN_USERNAME_MAX)
        w->out.failed = true;
    xc_stun_add(w, XC_STUN_ATTR_USERNAME, username);
}

void xc_stun_add_priority(struct xc_stun_writer *w, uint32_t priority)
{
    uint8_t *room = add_room(w, XC_STUN_ATTR_PRIORITY, 4);
    if (room)
        xc_store32(room, priority);
}

void xc_stun_add_use_candidate(struct xc_stun_writer *w)
{
    add_room(w, XC_STUN_ATTR_USE_CANDIDATE, 0);
}

void xc_stun_add_controlling(struct xc_stun_writer *w, uint64_t tie_breaker)
{
    uint8_t *room = add_room(w, XC_STUN_ATTR_ICE_CONTROLLING, 8);
    if (room)
        xc_store64(room, tie_breaker);
}

void xc_stun_add_controlled(struct xc_stun_writer *w, uint64_t tie_breaker)
{
    uint8_t *room = add_room(w, XC_STUN_ATTR_ICE_CONTROLLED, 8);
    if (room)
        xc_store64(room, tie_breaker);
}

void xc_stun_add_xor_address(struct xc_stun_writer *w, uint16_t type, const struct xc_addr *addr)
{
    size_t size = addr->family == XC_ADDR_IPV4 ? 4 : addr->family == XC_ADDR_IPV6 ? 16 : 0;
    if (size == 0)
        w->out.failed = true;
    uint8_t *room = add_room(w, type, 4 + size);
    if (!room)
        return;
    room[1] = size == 4 ? 1 : 2;
    xc_store16(room + 2, (uint16_t)(addr->port ^ (MAGIC_COOKIE >> 16)));
    for (size_t i = 0; i < size; i++)
        room[4 + i] = addr->bytes[i] ^ w->out.data[4 + i];
}

void xc_stun_add_xor_mapped(struct xc_stun_writer *w, const struct xc_addr *addr)
{
    xc_stun_add_xor_address(w, XC_STUN_ATTR_XOR_MAPPED_ADDRESS, addr);
}

void xc_stun_add_number(struct xc_stun_writer *w, uint16_t type, uint32_t number)
{
    uint8_t *room = add_room(w, type, 4);
    if (room)
        xc_store32(room, number);
}

void xc_stun_add_error(struct xc_stun_writer *w, uint16_t code, const char *reason)
{
    size_t size = strlen(reason);
    uint8_t *room = add_room(w, XC_STUN_ATTR_ERROR_CODE, 4 + size);
    if (!room)
        return;
    room[2] = (uint8_t)(code / 100);
    room[3] = (uint8_t)(code % 100);
    if (size)
        memcpy(room + 4, reason, size);
}

void xc_stun_add_unknown_attributes(struct xc_stun_writer *w, const uint16_t *types, size_t count)
{
    uint8_t *room = add_room(w, XC_STUN_ATTR_UNKNOWN_ATTRIBUTES, 2 * count);
    for (size_t i = 0; room && i < count; i++)
        xc_store16(room + 2 * i, types[i]);
}

static void set_length(struct xc_stun_writer *w, size_t size)
{
    size_t length = size - XC_STUN_HEADER_SIZE;
    if (length > UINT16_MAX)
        w->out.failed = true;
    if (!w->out.failed)
        xc_store16(w->out.data + 2, (uint16_t)length);
}

static size_t add_fingerprint(struct xc_stun_writer *w)
{
    size_t at = w->out.size;
    uint8_t *room = add_room(w, XC_STUN_ATTR_FINGERPRINT, 4);
    if (!room)
        return 0;
    set_length(w, w->out.size);
    xc_store32(room, xc_crc32(xc_span_make(w->out.data, at)) ^ FINGERPRINT_XOR);
    return w->out.failed ? 0 : w->out.size;
}

static void add_integrity(struct xc_stun_writer *w, uint16_t type, const struct xc_hash_kind *kind,
                          struct xc_span key)
{
    size_t at = w->out.size;
    uint8_t *room = add_room(w, type, kind->size);
    if (room)
        integrity(w->out.data, at, kind, key, room);
}

size_t xc_stun_finish(struct xc_stun_writer *w, struct xc_span password)
{
    if (password.size > 0)
        add_integrity(w, XC_STUN_ATTR_MESSAGE_INTEGRITY, &xc_sha1, password);
    return add_fingerprint(w);
}

size_t xc_stun_finish_sha256(struct xc_stun_writer *w, struct xc_span key)
{
    add_integrity(w, XC_STUN_ATTR_MESSAGE_INTEGRITY_SHA256, &xc_sha256, key);
    return add_fingerprint(w);
}

bool xc_channel_data_parse(struct xc_span datagram, uint16_t *channel, struct xc_span *bytes)
{
    if (datagram.size < XC_CHANNEL_DATA_HEADER_SIZE)
        return false;
    uint16_t number = xc_load16(datagram.data);
    size_t size = xc_load16(datagram.data + 2);
    if (number < XC_CHANNEL_MIN || number > XC_CHANNEL_MAX ||
        size > datagram.size - XC_CHANNEL_DATA_HEADER_SIZE)
        return false;
    *channel = number;
    *bytes = xc_span_make(datagram.data + XC_CHANNEL_DATA_HEADER_SIZE, size);
    return true;
}

void xc_channel_data_header(uint8_t header[XC_CHANNEL_DATA_HEADER_SIZE], uint16_t channel,
                            uint16_t size)
{
    xc_store16(header, channel);
    xc_store16(header + 2, size);
}
