/* mdns.h - resolves the ".local" names that browsers write in place of their addresses (RFC 6762,
 * draft-ietf-mmusic-mdns-ice-candidates), for all calls of one shard, sans-I/O.
 * Owner: the shard's thread. Fixed memory: the struct is all of it.
 *
 *   input:  names asked for, datagrams of UDP port 5353, the clock
 *   output: queries, then answers, until each says "nothing"; then the deadline
 *
 * Anybody on the local network can answer, so an answer is worth no more than a candidate that the
 * peer signalled: it counts only for a name asked for, and never names this machine's own loopback,
 * a multicast address or none (unless loopback is allowed).
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_MDNS_H
#define XC_PROTO_MDNS_H

#include "wire/dns.h"

#define XC_MDNS_PORT 5353
#define XC_MDNS_NAMES_MAX 64      /* at a time; when full, a known one gives way, else: refused */
#define XC_MDNS_NAMES_PER_ASKER 8 /* under way for one call; more: refused */
#define XC_MDNS_ASKERS_MAX 4      /* calls that wait for the same name; more: refused */
#define XC_MDNS_ADDRESSES_MAX 4   /* of one name; the first ones are kept */
#define XC_MDNS_GIVE_UP (5 * XC_NS_PER_S)
#define XC_MDNS_CACHE (10 * XC_NS_PER_S) /* an answer is kept no longer, whatever its TTL */

struct xc_mdns_query {
    char name[XC_DNS_LOCAL_MAX + 1];
    uint16_t type; /* XC_DNS_* */
};

struct xc_mdns_answer {
    uint64_t asker;
    char name[XC_DNS_LOCAL_MAX + 1];                 /* lower case */
    struct xc_addr addresses[XC_MDNS_ADDRESSES_MAX]; /* port 0 */
    uint32_t count;                                  /* 0: nobody knows the name */
};

struct xc_mdns_name {
    char name[XC_DNS_LOCAL_MAX + 1]; /* empty: a free place */
    uint64_t askers[XC_MDNS_ASKERS_MAX];
    uint32_t asker_count;
    uint32_t sent;      /* queries so far, two datagrams each */
    uint64_t asked_at;  /* of the first asker that found it unknown */
    uint64_t forget_at; /* of the addresses below */
    uint32_t count;     /* of addresses; 0: not known */
    bool half;          /* the first datagram of the query under way has left */
    bool failed;        /* no answer in time: askers are to be told */
    struct xc_addr addresses[XC_MDNS_ADDRESSES_MAX];
    uint64_t heard_at[XC_MDNS_ADDRESSES_MAX];
};

struct xc_mdns_counters {
    uint64_t queries_sent, responses_received;
    uint64_t names_refused;     /* a table was full */
    uint64_t dropped_malformed; /* not port 5353, or no mDNS response */
    uint64_t dropped_unasked;   /* address records of names that nobody asked for */
    uint64_t dropped_unusable;  /* loopback, multicast, unspecified */
};

struct xc_mdns {
    bool allow_loopback;
    struct xc_mdns_name names[XC_MDNS_NAMES_MAX];
    struct xc_mdns_counters counters;
};

void xc_mdns_init(struct xc_mdns *mdns, bool allow_loopback);
/* Each accepted ask is followed by one answer, with no address after XC_MDNS_GIVE_UP. False: refused
 * (no such name, a table is full); no answer follows. The same ask twice is one. */
bool xc_mdns_ask(struct xc_mdns *mdns, uint64_t now, const char *name, uint64_t asker);
/* The asker is gone: no answer for it any more. */
void xc_mdns_forget(struct xc_mdns *mdns, uint64_t asker);
void xc_mdns_input(struct xc_mdns *mdns, uint64_t now, const struct xc_addr *remote,
                   struct xc_span datagram);
/* The next question to send to the mDNS groups on every link, with xc_dns_write_query: one a datagram,
 * for Chromium's responder ignores queries with more. */
bool xc_mdns_next_query(struct xc_mdns *mdns, uint64_t now, struct xc_mdns_query *query);
bool xc_mdns_next_answer(struct xc_mdns *mdns, uint64_t now, struct xc_mdns_answer *answer);
uint64_t xc_mdns_deadline(const struct xc_mdns *mdns);
/* Nothing is asked for and nothing is known: the sockets may go. Call after xc_mdns_next_answer. */
bool xc_mdns_idle(const struct xc_mdns *mdns);

#endif
