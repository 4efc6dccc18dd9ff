/* stun.h - STUN messages (RFC 8489) with the attributes of ICE (RFC 8445) and TURN (RFC 8656), and
 * the ChannelData header of TURN. Pure functions on bytes; nothing here keeps state.
 *
 * A short-term key is the password itself; a long-term one is xc_stun_long_term_key. Both integrity
 * attributes are known; MESSAGE-INTEGRITY-SHA256 whole only, as no usage here lets it be cut short
 * (section 14.6).
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
    XC_STUN_ALLOCATE = 0x003,
    XC_STUN_REFRESH = 0x004,
    XC_STUN_SEND = 0x006, /* this and the next: indications */
    XC_STUN_DATA = 0x007,
    XC_STUN_CREATE_PERMISSION = 0x008,
    XC_STUN_CHANNEL_BIND = 0x009,
};

enum { /* attribute types; from 0x8000 up a receiver need not understand them */
       XC_STUN_ATTR_MAPPED_ADDRESS = 0x0001,
       XC_STUN_ATTR_USERNAME = 0x0006,
       XC_STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
       XC_STUN_ATTR_ERROR_CODE = 0x0009,
       XC_STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
       XC_STUN_ATTR_CHANNEL_NUMBER = 0x000c,
       XC_STUN_ATTR_LIFETIME = 0x000d,
       XC_STUN_ATTR_XOR_PEER_ADDRESS = 0x0012,
       XC_STUN_ATTR_DATA = 0x0013,
       XC_STUN_ATTR_REALM = 0x0014,
       XC_STUN_ATTR_NONCE = 0x0015,
       XC_STUN_ATTR_XOR_RELAYED_ADDRESS = 0x0016,
       XC_STUN_ATTR_REQUESTED_ADDRESS_FAMILY = 0x0017,
       XC_STUN_ATTR_EVEN_PORT = 0x0018,
       XC_STUN_ATTR_REQUESTED_TRANSPORT = 0x0019,
       XC_STUN_ATTR_DONT_FRAGMENT = 0x001a,
       XC_STUN_ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001c,
       XC_STUN_ATTR_PASSWORD_ALGORITHM = 0x001d,
       XC_STUN_ATTR_USERHASH = 0x001e,
       XC_STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
       XC_STUN_ATTR_RESERVATION_TOKEN = 0x0022,
       XC_STUN_ATTR_PRIORITY = 0x0024,
       XC_STUN_ATTR_USE_CANDIDATE = 0x0025,
       XC_STUN_ATTR_PASSWORD_ALGORITHMS = 0x8002,
       XC_STUN_ATTR_SOFTWARE = 0x8022,
       XC_STUN_ATTR_ALTERNATE_SERVER = 0x8023,
       XC_STUN_ATTR_FINGERPRINT = 0x8028,
       XC_STUN_ATTR_ICE_CONTROLLED = 0x8029,
       XC_STUN_ATTR_ICE_CONTROLLING = 0x802a,
};

#define XC_STUN_KEY_MAX 32 /* of long-term credentials: 16 with MD5, 32 with SHA-256 */
#define XC_STUN_USERHASH_SIZE 32
#define XC_STUN_REALM_MAX 763 /* bytes, RFC 8489 sections 14.9 and 14.10 */
#define XC_STUN_NONCE_MAX 763
#define XC_STUN_TRANSPORT_UDP 17 /* REQUESTED-TRANSPORT: the protocol number */
#define XC_STUN_ALGORITHM_MD5 1  /* password algorithms, RFC 8489 section 18.5.1 */
#define XC_STUN_ALGORITHM_SHA256 2
#define XC_CHANNEL_DATA_HEADER_SIZE 4
#define XC_CHANNEL_MIN 0x4000 /* channel numbers, RFC 8656 section 12 */
#define XC_CHANNEL_MAX 0x4fff

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
    bool has_sha256;     /* MESSAGE-INTEGRITY-SHA256 */
    size_t sha256_at, sha256_size;
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
/* The value of the first attribute of this type that stands before or is the first integrity attribute,
 * in a message that xc_stun_parse accepted; false when there is none, and then *value is as it was. */
bool xc_stun_find(const struct xc_stun *message, uint16_t type, struct xc_span *value);
/* The same for an attribute whose value is an XOR'd address or a number of 4 bytes. False also when the value is malformed. */
bool xc_stun_find_xor_address(const struct xc_stun *message, uint16_t type, struct xc_addr *addr);
bool xc_stun_find_number(const struct xc_stun *message, uint16_t type, uint32_t *number);
/* The digest of username ":" realm ":" password by a password algorithm (RFC 8489 sections 9.2.2 and
 * 18.5.1); how long the key is, 0 for an unknown one. OpaqueString preparation (RFC 8265) is the
 * caller's: credentials of our service are ASCII, where it changes nothing. */
size_t xc_stun_long_term_key(uint16_t algorithm, uint8_t key[XC_STUN_KEY_MAX],
                             struct xc_span username, struct xc_span realm,
                             struct xc_span password);
/* SHA-256(username ":" realm), section 14.4. */
void xc_stun_userhash(uint8_t hash[XC_STUN_USERHASH_SIZE], struct xc_span username,
                      struct xc_span realm);
/* The security features that a nonce promises (RFC 8489 sections 9.2 and 18.1); 0 for a nonce without
 * the cookie. */
uint32_t xc_stun_nonce_features(struct xc_span nonce);
#define XC_STUN_FEATURE_PASSWORD_ALGORITHMS 1u
#define XC_STUN_FEATURE_USERNAME_ANONYMITY 2u
/* HMAC-SHA1 over the message up to MESSAGE-INTEGRITY with the key `password` (short-term: the
 * password itself); constant time compare. False when the attribute is absent. */
bool xc_stun_check_integrity(const struct xc_stun *message, struct xc_span password);
/* The same by HMAC-SHA-256 and MESSAGE-INTEGRITY-SHA256. */
bool xc_stun_check_sha256(const struct xc_stun *message, struct xc_span key);

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
/* XOR-PEER-ADDRESS and the like. */
void xc_stun_add_xor_address(struct xc_stun_writer *w, uint16_t type, const struct xc_addr *addr);
void xc_stun_add_number(struct xc_stun_writer *w, uint16_t type, uint32_t number);
void xc_stun_add_error(struct xc_stun_writer *w, uint16_t code, const char *reason);
void xc_stun_add_unknown_attributes(struct xc_stun_writer *w, const uint16_t *types, size_t count);
/* Generic attribute, for what has no function of its own. */
void xc_stun_add(struct xc_stun_writer *w, uint16_t type, struct xc_span value);
/* Adds MESSAGE-INTEGRITY when password.size > 0, then FINGERPRINT. Returns the size, 0 where it did
 * not fit. */
size_t xc_stun_finish(struct xc_stun_writer *w, struct xc_span password);
/* The same with MESSAGE-INTEGRITY-SHA256. */
size_t xc_stun_finish_sha256(struct xc_stun_writer *w, struct xc_span key);

/* ChannelData over UDP (RFC 8656 section 12.4): the header's channel and the bytes behind it, without
 * what pads them. False for anything else, and for a length that the datagram has not. */
bool xc_channel_data_parse(struct xc_span datagram, uint16_t *channel, struct xc_span *bytes);
void xc_channel_data_header(uint8_t header[XC_CHANNEL_DATA_HEADER_SIZE], uint16_t channel,
                            uint16_t size);

#endif
