/* ice_candidates.c - the candidates of both sides and the check list made of them: which addresses
 * are taken at all, pair priorities, peer-reflexive ones, and what gives way when a table is full
 * (RFC 8445 sections 5.1.2, 6.1.2, 7.3.1.3; RFC 8838 sections 10 to 12; RFC 8839 section 5.1).
 * Owner: the thread of the session.
 *
 * There is one component and one data stream, so freezing by foundation (section 6.1.2.6) would
 * only delay: all pairs start as Waiting and go out in the order of their priority.
 * SPDX-License-Identifier: MIT */
#include "proto/ice_private.h"

#include "wire/crc32.h"

#define PRIORITY_MAX 0x7fffffffu /* RFC 8445 section 5.1.2.1: 1 to 2^31 - 1 */

uint32_t xc_ice_ufrag_hash(struct xc_span ufrag)
{
    return xc_crc32(ufrag) | 1; /* 0 means "none" */
}

/* An address that a check may be sent from or to. A multicast, broadcast or "any" address in a
 * candidate would make us a reflector; IPv4 written as IPv6 would pass by these rules. */
static bool usable(const struct xc_ice *ice, const struct xc_addr *addr)
{
    static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};
    if (addr->port == 0 || xc_addr_is_any(addr))
        return false;
    if (addr->family == XC_ADDR_IPV4) {
        if (addr->bytes[0] == 0 || addr->bytes[0] >= 224)
            return false;
    } else if (addr->family == XC_ADDR_IPV6) {
        if (addr->bytes[0] == 0xff || memcmp(addr->bytes, mapped_prefix, sizeof mapped_prefix) == 0)
            return false;
    } else {
        return false;
    }
    return ice->config.allow_loopback || !xc_addr_is_loopback(addr);
}

int xc_ice_find_local(const struct xc_ice *ice, const struct xc_addr *base)
{
    for (uint32_t i = 0; i < ice->local_count; i++)
        if (ice->locals[i].type != XC_CANDIDATE_SRFLX && xc_addr_equal(&ice->locals[i].base, base))
            return (int)i;
    return -1;
}

uint8_t xc_ice_find_pair(const struct xc_ice *ice, uint32_t local, uint32_t remote)
{
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state != XC_ICE_PAIR_FREE && pair->local == local && pair->remote == remote)
            return (uint8_t)i;
    }
    return XC_ICE_NO_PAIR;
}

void xc_ice_pair_addresses(const struct xc_ice *ice, uint8_t index, struct xc_addr *local,
                           struct xc_addr *remote)
{
    const struct xc_ice_pair *pair = &ice->pairs[index];
    *local = ice->locals[pair->local].base;
    *remote = ice->remotes[pair->remote].addr;
    /* A signalled link-local address has no scope: it lies on the link of our base. */
    if (remote->family == XC_ADDR_IPV6 && remote->scope == 0 && xc_addr_is_link_local(remote))
        remote->scope = local->scope;
}

/* RFC 8445 section 6.1.2.3: G is the controlling agent's candidate, D the controlled one's. */
static uint64_t pair_priority(const struct xc_ice *ice, uint32_t local, uint32_t remote)
{
    uint64_t ours = ice->locals[local].priority, theirs = ice->remotes[remote].priority;
    uint64_t g = ice->controlling ? ours : theirs, d = ice->controlling ? theirs : ours;
    return (XC_MIN(g, d) << 32) + 2 * XC_MAX(g, d) + (g > d);
}

void xc_ice_recompute_priorities(struct xc_ice *ice)
{
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state != XC_ICE_PAIR_FREE)
            pair->priority = pair_priority(ice, pair->local, pair->remote);
    }
}

static void forget_transactions(struct xc_ice *ice, uint8_t pair)
{
    for (uint32_t i = 0; i < XC_ICE_TRANSACTIONS_MAX; i++)
        if (ice->transactions[i].used && ice->transactions[i].pair == pair)
            ice->transactions[i].used = false;
}

static void forget_pair(struct xc_ice *ice, uint8_t index)
{
    forget_transactions(ice, index);
    memset(&ice->pairs[index], 0, sizeof ice->pairs[index]);
}

void xc_ice_forget_pairs(struct xc_ice *ice)
{
    for (uint32_t i = 0; i < XC_ICE_TRANSACTIONS_MAX; i++)
        if (ice->transactions[i].pair != XC_ICE_NO_PAIR)
            ice->transactions[i].used = false;
    memset(ice->pairs, 0, sizeof ice->pairs);
    ice->pair_slots = 0;
}

/* A slot for a pair of this priority. When the list is full the pair of the lowest priority that
 * nothing was heard of gives way (RFC 8445 section 6.1.2.5); one on which the peer was heard is
 * worth more than any that is only signalled. */
static uint8_t pair_slot(struct xc_ice *ice, uint64_t priority, bool heard)
{
    for (uint32_t i = 0; i < ice->pair_slots; i++)
        if (ice->pairs[i].state == XC_ICE_PAIR_FREE)
            return (uint8_t)i;
    if (ice->pair_slots < XC_ICE_PAIRS_MAX)
        return (uint8_t)ice->pair_slots++;
    uint8_t lowest = XC_ICE_NO_PAIR;
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->valid || i == ice->path.pair || (pair->heard && !heard))
            continue;
        if (lowest == XC_ICE_NO_PAIR || pair->priority < ice->pairs[lowest].priority)
            lowest = (uint8_t)i;
    }
    ice->counters.dropped_pairs++;
    if (lowest == XC_ICE_NO_PAIR || (!heard && ice->pairs[lowest].priority >= priority))
        return XC_ICE_NO_PAIR;
    forget_pair(ice, lowest);
    return lowest;
}

static uint8_t add_pair(struct xc_ice *ice, uint32_t local, uint32_t remote, bool heard)
{
    uint8_t index = xc_ice_find_pair(ice, local, remote);
    if (index != XC_ICE_NO_PAIR)
        return index;
    uint64_t priority = pair_priority(ice, local, remote);
    index = pair_slot(ice, priority, heard);
    if (index == XC_ICE_NO_PAIR)
        return index;
    ice->pairs[index] = (struct xc_ice_pair){.state = XC_ICE_PAIR_WAITING,
                                             .local = (uint8_t)local,
                                             .remote = (uint8_t)remote,
                                             .priority = priority};
    return index;
}

/* RFC 8445 section 6.1.2.2: same family, IPv6 link-local only with link-local. Loopback stays on
 * the host on both ends or a signalled 127.0.0.1 could aim us at services of this machine. */
static bool pairable(const struct xc_addr *a, const struct xc_addr *b)
{
    if (a->family != b->family || xc_addr_is_loopback(a) != xc_addr_is_loopback(b))
        return false;
    return a->family != XC_ADDR_IPV6 || xc_addr_is_link_local(a) == xc_addr_is_link_local(b);
}

/* Redundant pairs (section 6.1.2.4) cannot arise: a server-reflexive candidate has none but those of
 * its base, every other one is its own base, and a remote address stands in the table once a
 * generation. */
static void form_pair(struct xc_ice *ice, uint32_t local, uint32_t index)
{
    const struct xc_ice_remote *remote = &ice->remotes[index];
    if (ice->locals[local].type != XC_CANDIDATE_SRFLX && ice->current.remote_known &&
        remote->type && remote->ufrag_hash == ice->current.remote_hash &&
        pairable(&ice->locals[local].base, &remote->addr))
        add_pair(ice, local, index, false);
}

void xc_ice_form_pairs(struct xc_ice *ice)
{
    for (uint32_t l = 0; l < ice->local_count; l++)
        for (uint32_t r = 0; r < XC_ICE_REMOTE_MAX; r++)
            form_pair(ice, l, r);
}

static int find_remote(const struct xc_ice *ice, const struct xc_addr *addr, uint32_t ufrag_hash)
{
    for (uint32_t i = 0; i < XC_ICE_REMOTE_MAX; i++) {
        const struct xc_ice_remote *remote = &ice->remotes[i];
        if (remote->type && remote->ufrag_hash == ufrag_hash && xc_addr_equal(&remote->addr, addr))
            return (int)i;
    }
    return -1;
}

static void remove_remote(struct xc_ice *ice, uint32_t index)
{
    for (uint32_t i = 0; i < ice->pair_slots; i++)
        if (ice->pairs[i].state != XC_ICE_PAIR_FREE && ice->pairs[i].remote == index)
            forget_pair(ice, (uint8_t)i);
    memset(&ice->remotes[index], 0, sizeof ice->remotes[index]);
}

void xc_ice_forget_remotes(struct xc_ice *ice, uint32_t ufrag_hash)
{
    for (uint32_t i = 0; i < XC_ICE_REMOTE_MAX; i++)
        if (ice->remotes[i].type && ice->remotes[i].ufrag_hash == ufrag_hash)
            remove_remote(ice, i);
}

/* A learned candidate that turns out to be a signalled one takes its type and priority, so that
 * both agents order the pair alike. */
static void adopt(struct xc_ice *ice, struct xc_ice_remote *learned, uint8_t type,
                  uint32_t priority)
{
    learned->type = type;
    learned->learned = false;
    learned->priority = priority;
    xc_ice_recompute_priorities(ice);
}

/* The remote credentials are known: what was kept for them becomes theirs, the rest goes (other
 * generations, other answerers of a forked offer). */
void xc_ice_adopt_remotes(struct xc_ice *ice)
{
    uint32_t hash = ice->current.remote_hash;
    for (uint32_t i = 0; i < XC_ICE_REMOTE_MAX; i++) {
        struct xc_ice_remote *remote = &ice->remotes[i];
        if (!remote->type || remote->ufrag_hash == hash)
            continue;
        int same = remote->ufrag_hash ? -1 : find_remote(ice, &remote->addr, hash);
        if (same >= 0 && ice->remotes[same].learned)
            adopt(ice, &ice->remotes[same], remote->type, remote->priority);
        if (remote->ufrag_hash || same >= 0)
            remove_remote(ice, i);
        else
            remote->ufrag_hash = hash;
    }
}

/* Signalled candidates leave some room, so that a flood of them cannot keep us from learning where
 * the peer really is. A learned one replaces the learned one that was silent for longest. */
static int remote_slot(struct xc_ice *ice, bool learned)
{
    uint32_t signalled = 0;
    int free_slot = -1, oldest = -1;
    for (uint32_t i = 0; i < XC_ICE_REMOTE_MAX; i++) {
        const struct xc_ice_remote *remote = &ice->remotes[i];
        if (!remote->type) {
            free_slot = free_slot < 0 ? (int)i : free_slot;
        } else if (!remote->learned) {
            signalled++;
        } else if (ice->path.pair == XC_ICE_NO_PAIR || ice->pairs[ice->path.pair].remote != i) {
            if (oldest < 0 || remote->heard_at < ice->remotes[oldest].heard_at)
                oldest = (int)i;
        }
    }
    if (!learned && signalled >= XC_ICE_REMOTE_MAX - XC_ICE_REFLEXIVE_RESERVED)
        return -1;
    if (free_slot >= 0 || !learned || oldest < 0)
        return free_slot;
    ice->counters.candidates_ignored++;
    remove_remote(ice, (uint32_t)oldest);
    return oldest;
}

void xc_ice_add_remote(struct xc_ice *ice, uint64_t now, const struct xc_candidate *candidate)
{
    if (ice->closed)
        return;
    if (!candidate->udp || candidate->component != 1 || candidate->type < XC_CANDIDATE_HOST ||
        candidate->type > XC_CANDIDATE_RELAY || !usable(ice, &candidate->addr) ||
        (ice->config.relay_only && candidate->type != XC_CANDIDATE_RELAY)) {
        ice->counters.candidates_ignored++;
        if (!ice->config.relay_only && candidate->addr.family == XC_ADDR_NONE &&
            candidate->host_name[0])
            ice->names_ignored = true;
        return;
    }
    uint32_t hash = ice->current.remote_known ? ice->current.remote_hash : 0;
    size_t ufrag_size = strlen(candidate->ufrag);
    if (ufrag_size)
        hash = xc_ice_ufrag_hash(xc_span_make(candidate->ufrag, ufrag_size));
    uint32_t priority = XC_CLAMP(candidate->priority, 1u, PRIORITY_MAX);
    int index = find_remote(ice, &candidate->addr, hash);
    if (index >= 0) {
        struct xc_ice_remote *known = &ice->remotes[index];
        if (known->learned)
            adopt(ice, known, candidate->type, priority);
        else
            ice->counters.candidates_ignored++;
    } else {
        index = remote_slot(ice, false);
        if (index < 0) {
            ice->counters.candidates_ignored++;
            return;
        }
        ice->remotes[index] = (struct xc_ice_remote){.type = candidate->type,
                                                     .addr = candidate->addr,
                                                     .priority = priority,
                                                     .ufrag_hash = hash};
        ice->remote_changes++;
    }
    for (uint32_t i = 0; i < ice->local_count; i++)
        form_pair(ice, i, (uint32_t)index);
    xc_ice_advance(ice, now);
}

uint8_t xc_ice_observe(struct xc_ice *ice, uint64_t now, uint32_t local, const struct xc_addr *addr,
                       uint32_t priority, uint32_t ufrag_hash)
{
    if (!usable(ice, addr))
        return XC_ICE_NO_PAIR;
    int index = find_remote(ice, addr, ufrag_hash);
    if (index < 0 && !ice->current.remote_known) {
        /* Signalled without a ufrag before the description came: it can only be this one. */
        index = find_remote(ice, addr, 0);
        if (index >= 0)
            ice->remotes[index].ufrag_hash = ufrag_hash;
    }
    if (index < 0 && ice->config.relay_only) {
        ice->counters.candidates_ignored++;
        return XC_ICE_NO_PAIR;
    }
    if (index < 0) {
        index = remote_slot(ice, true);
        if (index < 0) {
            ice->counters.candidates_ignored++;
            return XC_ICE_NO_PAIR;
        }
        ice->remotes[index] =
            (struct xc_ice_remote){.type = XC_CANDIDATE_PRFLX,
                                   .learned = true,
                                   .addr = *addr,
                                   .priority = XC_CLAMP(priority, 1u, PRIORITY_MAX),
                                   .ufrag_hash = ufrag_hash};
        ice->remote_changes++;
    }
    ice->remotes[index].heard_at = now;
    return add_pair(ice, local, (uint32_t)index, true);
}

bool xc_ice_remote(const struct xc_ice *ice, uint32_t index, struct xc_addr *addr)
{
    if (index >= XC_ICE_REMOTE_MAX || !ice->remotes[index].type)
        return false;
    *addr = ice->remotes[index].addr;
    return true;
}

uint32_t xc_ice_remote_changes(const struct xc_ice *ice)
{
    return ice->remote_changes;
}

/* Each type has places of its own, so that many addresses leave room for the relays. */
static bool has_place(const struct xc_ice *ice, uint8_t type)
{
    uint32_t count = 0, most = XC_ICE_HOST_MAX;
    if (type != XC_CANDIDATE_HOST)
        most = type == XC_CANDIDATE_SRFLX ? XC_ICE_SRFLX_MAX : XC_ICE_RELAY_MAX;
    for (uint32_t i = 0; i < ice->local_count; i++)
        count += ice->locals[i].type == type;
    return count < most && ice->local_count < XC_ICE_LOCAL_MAX;
}

/* Section 5.1.3: the same address with the same base, however it was found. */
static bool redundant(const struct xc_ice *ice, const struct xc_ice_local *local)
{
    for (uint32_t i = 0; i < ice->local_count; i++)
        if (xc_addr_equal(&ice->locals[i].addr, &local->addr) &&
            xc_addr_equal(&ice->locals[i].base, &local->base))
            return true;
    return false;
}

static int add_local(struct xc_ice *ice, const struct xc_ice_local *local)
{
    if (ice->closed || !usable(ice, &local->addr) || redundant(ice, local) ||
        (ice->config.relay_only && local->type != XC_CANDIDATE_RELAY) ||
        !has_place(ice, local->type))
        return -1;
    uint32_t index = ice->local_count++;
    ice->locals[index] = *local;
    for (uint32_t i = 0; i < XC_ICE_REMOTE_MAX; i++)
        form_pair(ice, index, i);
    if (!ice->failed)
        ice->next_at = 0;
    return (int)index;
}

int xc_ice_add_local(struct xc_ice *ice, const struct xc_addr *base, uint16_t local_preference)
{
    struct xc_ice_local local = {
        .type = XC_CANDIDATE_HOST,
        .base = *base,
        .addr = *base,
        .priority = xc_candidate_priority(XC_CANDIDATE_HOST, local_preference, 1),
        .reflexive_priority = xc_candidate_priority(XC_CANDIDATE_PRFLX, local_preference, 1),
    };
    return add_local(ice, &local);
}

int xc_ice_add_gathered(struct xc_ice *ice, const struct xc_ice_gathered *gathered)
{
    uint16_t preference = gathered->local_preference;
    struct xc_ice_local local = {
        .type = gathered->type,
        .base = gathered->type == XC_CANDIDATE_RELAY ? gathered->addr : gathered->base,
        .addr = gathered->addr,
        .related = gathered->related,
        .priority = xc_candidate_priority(gathered->type, preference, 1),
        .reflexive_priority = xc_candidate_priority(XC_CANDIDATE_PRFLX, preference, 1),
    };
    return add_local(ice, &local);
}

/* True when the path went with it. */
static bool remove_at(struct xc_ice *ice, uint32_t found)
{
    bool carried = ice->path.active && ice->locals[found].type != XC_CANDIDATE_SRFLX &&
                   xc_addr_equal(&ice->path.local, &ice->locals[found].base);
    if (carried)
        ice->path = (struct xc_ice_path){.pair = XC_ICE_NO_PAIR};
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state == XC_ICE_PAIR_FREE)
            continue;
        if (pair->local == found)
            forget_pair(ice, (uint8_t)i);
        else if (pair->local > found)
            pair->local--;
    }
    ice->local_count--;
    memmove(&ice->locals[found], &ice->locals[found + 1],
            (ice->local_count - found) * sizeof ice->locals[0]);
    return carried;
}

void xc_ice_remove_local(struct xc_ice *ice, uint64_t now, const struct xc_addr *base)
{
    bool carried = false;
    if (ice->closed)
        return;
    for (uint32_t i = ice->local_count; i-- > 0;)
        if (xc_addr_equal(&ice->locals[i].base, base))
            carried = remove_at(ice, i) || carried;
    if (carried) {
        xc_ice_fail_over(ice, now);
        ice->checks_started_at = now;
    }
    xc_ice_advance(ice, now);
}

void xc_ice_relay_only(struct xc_ice *ice, uint64_t now)
{
    bool carried = false;
    ice->config.relay_only = true;
    if (ice->closed)
        return;
    for (uint32_t i = ice->local_count; i-- > 0;)
        if (ice->locals[i].type != XC_CANDIDATE_RELAY)
            carried = remove_at(ice, i) || carried;
        else /* what it is related to says where we are, the next time that it is signalled */
            ice->locals[i].related = (struct xc_addr){.family = ice->locals[i].related.family};
    for (uint32_t i = 0; i < XC_ICE_REMOTE_MAX; i++)
        if (ice->remotes[i].type && ice->remotes[i].type != XC_CANDIDATE_RELAY)
            remove_remote(ice, i);
    if (carried) {
        xc_ice_fail_over(ice, now);
        ice->checks_started_at = now;
    }
    xc_ice_advance(ice, now);
}

uint32_t xc_ice_local_count(const struct xc_ice *ice)
{
    return ice->local_count;
}

/* The foundation names type, base address and transport (RFC 8445 section 5.1.1.3): two sockets on
 * one address share it. What two servers say of one base differs by what they say. */
static bool same_foundation(const struct xc_ice_local *a, const struct xc_ice_local *b)
{
    return a->type == b->type && xc_addr_same_host(&a->base, &b->base) &&
           (a->type != XC_CANDIDATE_SRFLX || xc_addr_same_host(&a->addr, &b->addr));
}

void xc_ice_local(const struct xc_ice *ice, uint32_t index, struct xc_candidate *candidate)
{
    memset(candidate, 0, sizeof *candidate);
    if (index >= ice->local_count)
        return;
    const struct xc_ice_local *local = &ice->locals[index];
    uint32_t first = 0;
    while (!same_foundation(&ice->locals[first], local))
        first++;
    first++;
    size_t at = 0;
    if (first >= 10)
        candidate->foundation[at++] = (char)('0' + first / 10);
    candidate->foundation[at] = (char)('0' + first % 10);
    candidate->component = 1;
    candidate->type = local->type;
    candidate->udp = true;
    candidate->priority = local->priority;
    candidate->addr = local->addr;
    candidate->related = local->related;
    memcpy(candidate->ufrag, ice->current.ufrag, XC_ICE_UFRAG_SIZE);
}
