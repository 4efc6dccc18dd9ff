/* dns.h - the little of DNS that multicast DNS needs (RFC 1035 section 4, RFC 6762 section 18): a
 * query with one question, and the address records of a response. Pure functions on bytes.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_DNS_H
#define XC_WIRE_DNS_H

#include "wire/addr.h"

#define XC_DNS_NAME_MAX 253 /* characters of a name, without the dot at its end */
#define XC_DNS_QUERY_MAX (12 + XC_DNS_NAME_MAX + 2 + 4)
#define XC_DNS_LOCAL_MAX 69 /* one label and ".local" */

enum { XC_DNS_A = 1, XC_DNS_AAAA = 28 };

struct xc_dns_record {
    /* Lower case, without the dot at its end. Empty: a name that no host name can be (a label with
     * a dot or a byte outside of printable ASCII). */
    char name[XC_DNS_NAME_MAX + 1];
    uint16_t type;       /* XC_DNS_*, or any other: then addr.family is XC_ADDR_NONE */
    bool flush;          /* RFC 6762 section 10.2: replaces what was known before */
    uint32_t ttl;        /* seconds; 0: goodbye (RFC 6762 section 10.1) */
    struct xc_addr addr; /* port 0 */
};

/* A walk over the records of a response. */
struct xc_dns_walk {
    struct xc_reader reader;
    uint32_t left; /* records after this one, of all three sections */
};

/* One question of class IN; `unicast`: the answer may come by unicast (RFC 6762 section 5.4).
 * Returns the size, 0 when the name is none or does not fit. */
size_t xc_dns_write_query(const char *name, uint16_t type, bool unicast, void *out,
                          size_t capacity);
/* False when the message is no response, or one that RFC 6762 section 18 says to ignore. */
bool xc_dns_open(struct xc_dns_walk *walk, struct xc_span message);
/* The next record of class IN; false at the end and from the first malformed one on. */
bool xc_dns_next(struct xc_dns_walk *walk, struct xc_dns_record *record);
/* "LABEL.local" with one label of letters, digits and '-': what a browser writes in place of an
 * address (draft-ietf-mmusic-mdns-ice-candidates section 3.1.1). */
bool xc_dns_is_local(const char *name);

#endif
