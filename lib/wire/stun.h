/* stun.h - STUN messages (RFC 8489) with the attributes of ICE (RFC 8445) and room for TURN.
 * Pure functions on bytes; nothing here keeps state.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_STUN_H
#define XC_WIRE_STUN_H

#include "wire/addr.h"

#define XC_STUN_HEADER_SIZE 20
#define XC_STUN_TRANSACTION_SIZE 12
#define XC_STUN_USERNAME_MAX 513 /* bytes, RFC 8489 section 14.3: less than 509, ICE: 256+1+256 */

enum {
    XC_STUN_REQUEST = 0,
    XC_STUN_INDICATION = 1,
    XC_STUN_SUCCESS = 2,
    XC_STUN_ERROR = 3,
};

enum {
    XC_STUN_BINDING = 0x001,
};

enum { /* attribute types; from 0x8000 up a receiver need not understand them */
       XC_STUN_ATTR_MAPPED_ADDRESS = 0x0001,
       XC_STUN_ATTR_USERNAME = 0x0006,
       XC_STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
       XC_STUN_ATTR_ERROR_CODE = 0x0009,
       XC_STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
       XC_STUN_ATTR_REALM = 0x0014,
       XC_STUN_ATTR_NONCE = 0x0015,
       XC_STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
       XC_STUN_ATTR_PRIORITY = 0x0024,
       XC_STUN_ATTR_USE_CANDIDATE = 0x0025,
       XC_STUN_ATTR_SOFTWARE = 0x8022,
       XC_STUN_ATTR_FINGERPRINT = 0x8028,
       XC_STUN_ATTR_ICE_CONTROLLED = 0x8029,
       XC_STUN_ATTR_ICE_CONTROLLING = 0x802a,
};

/* What a parsed message holds; spans point into the datagram. */
struct xc_stun {
    uint8_t class_;  /* XC_STUN_REQUEST ... */
    uint16_t method; /* XC_STUN_BINDING ... */
    uint8_t transaction[XC_STUN_TRANSACTION_SIZE];
    struct xc_span bytes; /* the whole message, header to last attribute */

    bool has_username, has_integrity, has_fingerprint, has_priority, has_use_candidate;
    bool has_controlling, has_controlled, has_mapped, has_error, has_unknown_required;
    struct xc_span username;
    size_t integrity_at; /* offset of the MESSAGE-INTEGRITY attribute */
    bool fingerprint_ok; /* meaningful when has_fingerprint */
    uint32_t priority;
    uint64_t tie_breaker;         /* of ICE-CONTROLLING or ICE-CONTROLLED */
    struct xc_addr mapped;        /* XOR-MAPPED-ADDRESS */
    uint16_t error_code;          /* 300..699 */
    uint16_t unknown_required[8]; /* comprehension-required attributes that we do not know */
    uint8_t unknown_required_count;
};

/* RFC 7983 demultiplexing and RFC 8489 section 6: cheap look before a parse. */
bool xc_stun_looks_like(struct xc_span datagram);
/* False for anything malformed. Attributes after MESSAGE-INTEGRITY other than FINGERPRINT are
 * ignored (RFC 8489 section 14.5). The first of a repeated attribute counts. */
bool xc_stun_parse(struct xc_stun *message, struct xc_span datagram);
/* The value of the first attribute of this type that stands before or is MESSAGE-INTEGRITY, in a
 * message that xc_stun_parse accepted; false when there is none. */
bool xc_stun_find(const struct xc_stun *message, uint16_t type, struct xc_span *value);
/* HMAC-SHA1 over the message up to MESSAGE-INTEGRITY with the short-term key `password`; constant
 * time compare. False when the attribute is absent. */
bool xc_stun_check_integrity(const struct xc_stun *message, struct xc_span password);

/* Writer: begin, attributes in order, then finish. Attributes are padded to 4 bytes. */
struct xc_stun_writer {
    struct xc_writer out;
};

void xc_stun_begin(struct xc_stun_writer *w, void *memory, size_t capacity, uint8_t class_,
                   uint16_t method, const uint8_t transaction[XC_STUN_TRANSACTION_SIZE]);
void xc_stun_add_username(struct xc_stun_writer *w, struct xc_span username);
void xc_stun_add_priority(struct xc_stun_writer *w, uint32_t priority);
void xc_stun_add_use_candidate(struct xc_stun_writer *w);
void xc_stun_add_controlling(struct xc_stun_writer *w, uint64_t tie_breaker);
void xc_stun_add_controlled(struct xc_stun_writer *w, uint64_t tie_breaker);
void xc_stun_add_xor_mapped(struct xc_stun_writer *w, const struct xc_addr *addr);
void xc_stun_add_error(struct xc_stun_writer *w, uint16_t code, const char *reason);
void xc_stun_add_unknown_attributes(struct xc_stun_writer *w, const uint16_t *types, size_t count);
/* Generic attribute, for what has no function of its own. */
void xc_stun_add(struct xc_stun_writer *w, uint16_t type, struct xc_span value);
/* Adds MESSAGE-INTEGRITY when password.size > 0, then FINGERPRINT. Returns the size, 0 where it did
 * not fit. */
size_t xc_stun_finish(struct xc_stun_writer *w, struct xc_span password);

#endif
