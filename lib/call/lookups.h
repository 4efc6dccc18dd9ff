/* lookups.h - the peer's candidates whose address is a ".local" name (mDNS), while they wait for their
 * address. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_LOOKUPS_H
#define XC_CALL_LOOKUPS_H

#include "proto/ice.h"
#include "wire/dns.h"

#define XC_LOOKUPS_MAX 8 /* names that wait; more candidates with a name are ignored */

struct xc_lookup {
    char name[XC_DNS_LOCAL_MAX + 1]; /* as the peer wrote it; empty: a free place */
    char ufrag[257];                 /* of the candidate's generation, empty if unknown */
    uint16_t port;
    uint32_t priority;
    bool asked;
};

struct xc_lookups {
    struct xc_lookup list[XC_LOOKUPS_MAX];
};

/* A candidate with a name is kept; any other, and one that finds no room, is not. */
void xc_lookups_add(struct xc_lookups *lookups, const struct xc_candidate *candidate);
/* The next name that nobody was asked for yet. */
bool xc_lookups_next(struct xc_lookups *lookups, char name[XC_DNS_LOCAL_MAX + 1]);
/* The candidates of this name get their addresses (count 0: there are none) and wait no longer. */
void xc_lookups_done(struct xc_lookups *lookups, struct xc_ice *ice, uint64_t now, const char *name,
                     const struct xc_addr *addresses, uint32_t count);

#endif
