/* lookups.c - see lookups.h. What becomes of a name is decided elsewhere (proto/mdns.c); here a name
 * turns into candidates of the ICE agent, as if the peer had signalled them.
 * SPDX-License-Identifier: MIT */
#include "call/lookups.h"

#include "wire/text.h"

static bool same_name(const struct xc_lookup *lookup, const char *name)
{
    return lookup->name[0] && xc_text_equal(xc_span_make(name, strlen(name)), lookup->name);
}

void xc_lookups_add(struct xc_lookups *lookups, const struct xc_candidate *candidate)
{
    struct xc_lookup *to = NULL;
    bool known = false; /* another candidate of the same name: it is asked for once */
    if (candidate->addr.family != XC_ADDR_NONE || !candidate->udp || candidate->component != 1 ||
        candidate->type != XC_CANDIDATE_HOST || !candidate->addr.port ||
        !xc_dns_is_local(candidate->host_name))
        return;
    for (uint32_t i = 0; i < XC_LOOKUPS_MAX; i++) {
        struct xc_lookup *at = &lookups->list[i];
        if (!at->name[0]) {
            to = to ? to : at;
        } else if (same_name(at, candidate->host_name)) {
            known = true;
            if (at->port == candidate->addr.port && strcmp(at->ufrag, candidate->ufrag) == 0)
                return;
        }
    }
    if (!to)
        return;
    memset(to, 0, sizeof *to);
    memcpy(to->name, candidate->host_name, strlen(candidate->host_name));
    memcpy(to->ufrag, candidate->ufrag, sizeof to->ufrag);
    to->port = candidate->addr.port;
    to->priority = candidate->priority;
    to->asked = known;
}

bool xc_lookups_next(struct xc_lookups *lookups, char name[XC_DNS_LOCAL_MAX + 1])
{
    for (uint32_t i = 0; i < XC_LOOKUPS_MAX; i++) {
        struct xc_lookup *at = &lookups->list[i];
        if (!at->name[0] || at->asked)
            continue;
        at->asked = true;
        memcpy(name, at->name, sizeof at->name);
        return true;
    }
    return false;
}

void xc_lookups_done(struct xc_lookups *lookups, struct xc_ice *ice, uint64_t now, const char *name,
                     const struct xc_addr *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < XC_LOOKUPS_MAX; i++) {
        struct xc_lookup *at = &lookups->list[i];
        if (!at->asked || !same_name(at, name))
            continue;
        struct xc_candidate candidate = {
            .component = 1, .type = XC_CANDIDATE_HOST, .udp = true, .priority = at->priority};
        memcpy(candidate.ufrag, at->ufrag, sizeof candidate.ufrag);
        for (uint32_t k = 0; k < count; k++) {
            candidate.addr = addresses[k];
            candidate.addr.port = at->port;
            xc_ice_add_remote(ice, now, &candidate);
        }
        memset(at, 0, sizeof *at);
    }
}
