/* mdns.c - the resolver's table: who asked for which name, when to ask the network again, what is
 * known for how long (RFC 6762 sections 5, 6, 10). See mdns.h.
 * SPDX-License-Identifier: MIT */
#include "proto/mdns.h"

#include "wire/text.h"

/* After the first ask. RFC 6762 section 5.2 wants a second between the first two queries of one that
 * goes on for ever; this one ends after five, and a call waits for it. */
static const uint64_t query_times[] = {0, 250 * XC_NS_PER_MS, XC_NS_PER_S, 2 * XC_NS_PER_S,
                                       4 * XC_NS_PER_S};

void xc_mdns_init(struct xc_mdns *mdns, bool allow_loopback)
{
    memset(mdns, 0, sizeof *mdns);
    mdns->allow_loopback = allow_loopback;
}

static bool same_name(const struct xc_mdns_name *entry, const char *name)
{
    return xc_text_equal(xc_span_make(name, strlen(name)), entry->name);
}

static struct xc_mdns_name *find(struct xc_mdns *mdns, const char *name)
{
    for (uint32_t i = 0; i < XC_MDNS_NAMES_MAX; i++)
        if (mdns->names[i].name[0] && same_name(&mdns->names[i], name))
            return &mdns->names[i];
    return NULL;
}

/* A free place, or that of the name that is known and wanted by nobody, the oldest first. */
static struct xc_mdns_name *take_place(struct xc_mdns *mdns)
{
    struct xc_mdns_name *oldest = NULL;
    for (uint32_t i = 0; i < XC_MDNS_NAMES_MAX; i++) {
        struct xc_mdns_name *entry = &mdns->names[i];
        if (!entry->name[0])
            return entry;
        if (!entry->asker_count && (!oldest || entry->forget_at < oldest->forget_at))
            oldest = entry;
    }
    return oldest;
}

static bool asks(const struct xc_mdns_name *entry, uint64_t asker)
{
    for (uint32_t i = 0; i < entry->asker_count; i++)
        if (entry->askers[i] == asker)
            return true;
    return false;
}

static void expire(struct xc_mdns_name *entry, uint64_t now)
{
    if (entry->count && now >= entry->forget_at)
        entry->count = 0;
    if (entry->name[0] && !entry->count && !entry->asker_count)
        memset(entry, 0, sizeof *entry);
}

bool xc_mdns_ask(struct xc_mdns *mdns, uint64_t now, const char *name, uint64_t asker)
{
    uint32_t under_way = 0;
    if (!xc_dns_is_local(name))
        return false;
    for (uint32_t i = 0; i < XC_MDNS_NAMES_MAX; i++) {
        expire(&mdns->names[i], now);
        under_way += asks(&mdns->names[i], asker);
    }
    struct xc_mdns_name *entry = find(mdns, name);
    if (entry && asks(entry, asker))
        return true;
    bool room = under_way < XC_MDNS_NAMES_PER_ASKER &&
                (entry ? entry->asker_count < XC_MDNS_ASKERS_MAX : true);
    if (room && !entry && (entry = take_place(mdns)) != NULL) {
        memset(entry, 0, sizeof *entry);
        for (size_t i = 0; name[i]; i++)
            entry->name[i] = (char)xc_text_lower((uint8_t)name[i]);
        entry->asked_at = now;
    }
    if (!room || !entry) {
        mdns->counters.names_refused++;
        return false;
    }
    if (!entry->asker_count) {
        entry->asked_at = now;
        entry->sent = 0;
        entry->half = entry->failed = false;
    }
    entry->askers[entry->asker_count++] = asker;
    return true;
}

void xc_mdns_forget(struct xc_mdns *mdns, uint64_t asker)
{
    for (uint32_t i = 0; i < XC_MDNS_NAMES_MAX; i++) {
        struct xc_mdns_name *entry = &mdns->names[i];
        uint32_t kept = 0;
        for (uint32_t k = 0; k < entry->asker_count; k++)
            if (entry->askers[k] != asker)
                entry->askers[kept++] = entry->askers[k];
        entry->asker_count = kept;
        if (!kept && !entry->count)
            memset(entry, 0, sizeof *entry);
    }
}

/* --- what the network says ------------------------------------------------------------------- */

/* An IPv4 address written as IPv6 would pass by the rules for IPv4. */
static bool usable(const struct xc_mdns *mdns, const struct xc_addr *addr)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (xc_addr_is_any(addr) || (xc_addr_is_loopback(addr) && !mdns->allow_loopback))
        return false;
    if (addr->family == XC_ADDR_IPV4)
        return addr->bytes[0] != 0 && addr->bytes[0] < 224;
    return addr->bytes[0] != 0xff && memcmp(addr->bytes, mapped, sizeof mapped) != 0;
}

static void remove_address(struct xc_mdns_name *entry, uint32_t index)
{
    entry->count--;
    for (uint32_t i = index; i < entry->count; i++) {
        entry->addresses[i] = entry->addresses[i + 1];
        entry->heard_at[i] = entry->heard_at[i + 1];
    }
}

/* RFC 6762 section 10.2: what was heard more than a second ago of the same type gives way. */
static void flush_old(struct xc_mdns_name *entry, uint64_t now, uint8_t family)
{
    for (uint32_t i = entry->count; i-- > 0;)
        if (entry->addresses[i].family == family && now - entry->heard_at[i] > XC_NS_PER_S)
            remove_address(entry, i);
}

static void learn(struct xc_mdns_name *entry, uint64_t now, const struct xc_dns_record *record)
{
    if (record->flush)
        flush_old(entry, now, record->addr.family);
    uint32_t at = 0;
    while (at < entry->count && !xc_addr_equal(&entry->addresses[at], &record->addr))
        at++;
    if (record->ttl == 0) {
        if (at < entry->count)
            remove_address(entry, at);
        expire(entry, now);
        return;
    }
    uint64_t until = now + XC_MIN(record->ttl * XC_NS_PER_S, XC_MDNS_CACHE);
    entry->forget_at = entry->count ? XC_MIN(entry->forget_at, until) : until;
    if (at == XC_MDNS_ADDRESSES_MAX)
        return;
    entry->addresses[at] = record->addr;
    entry->heard_at[at] = now;
    entry->count = XC_MAX(entry->count, at + 1);
}

void xc_mdns_input(struct xc_mdns *mdns, uint64_t now, const struct xc_addr *remote,
                   struct xc_span datagram)
{
    struct xc_dns_walk walk;
    struct xc_dns_record record;
    if (remote->port != XC_MDNS_PORT || !xc_dns_open(&walk, datagram)) {
        mdns->counters
            .dropped_malformed++; /* RFC 6762 section 6: queries of others land here too */
        return;
    }
    mdns->counters.responses_received++;
    while (xc_dns_next(&walk, &record)) {
        struct xc_mdns_name *entry = NULL;
        if (record.addr.family == XC_ADDR_NONE)
            continue;
        if (xc_dns_is_local(record.name))
            entry = find(mdns, record.name);
        if (!entry)
            mdns->counters.dropped_unasked++;
        else if (!usable(mdns, &record.addr))
            mdns->counters.dropped_unusable++;
        else
            learn(entry, now, &record);
    }
}

/* --- what is due ----------------------------------------------------------------------------- */

static bool searching(const struct xc_mdns_name *entry)
{
    return entry->asker_count && !entry->count && !entry->failed;
}

bool xc_mdns_next_query(struct xc_mdns *mdns, uint64_t now, struct xc_mdns_query *query)
{
    for (uint32_t i = 0; i < XC_MDNS_NAMES_MAX; i++) {
        struct xc_mdns_name *entry = &mdns->names[i];
        if (!searching(entry) || entry->sent == XC_ARRAY_LEN(query_times) ||
            now < entry->asked_at + query_times[entry->sent])
            continue;
        memcpy(query->name, entry->name, sizeof query->name);
        query->type = entry->half ? XC_DNS_AAAA : XC_DNS_A;
        entry->sent += entry->half;
        entry->half = !entry->half;
        mdns->counters.queries_sent++;
        return true;
    }
    return false;
}

bool xc_mdns_next_answer(struct xc_mdns *mdns, uint64_t now, struct xc_mdns_answer *answer)
{
    for (uint32_t i = 0; i < XC_MDNS_NAMES_MAX; i++) {
        struct xc_mdns_name *entry = &mdns->names[i];
        if (entry->count && now >= entry->forget_at && !entry->asker_count)
            expire(entry, now);
        if (searching(entry) && now >= entry->asked_at + XC_MDNS_GIVE_UP)
            entry->failed = true;
        if (!entry->asker_count || searching(entry))
            continue;
        answer->asker = entry->askers[--entry->asker_count];
        memcpy(answer->name, entry->name, sizeof answer->name);
        memcpy(answer->addresses, entry->addresses, sizeof answer->addresses);
        answer->count = entry->count;
        if (!entry->asker_count && !entry->count)
            memset(entry, 0, sizeof *entry);
        return true;
    }
    return false;
}

uint64_t xc_mdns_deadline(const struct xc_mdns *mdns)
{
    uint64_t at = XC_NEVER;
    for (uint32_t i = 0; i < XC_MDNS_NAMES_MAX; i++) {
        const struct xc_mdns_name *entry = &mdns->names[i];
        if (!entry->name[0])
            continue;
        if (!searching(entry))
            at = xc_earlier(at, entry->asker_count ? 0 : entry->forget_at);
        else if (entry->sent < XC_ARRAY_LEN(query_times))
            at = xc_earlier(at, entry->asked_at + query_times[entry->sent]);
        else
            at = xc_earlier(at, entry->asked_at + XC_MDNS_GIVE_UP);
    }
    return at;
}

bool xc_mdns_idle(const struct xc_mdns *mdns)
{
    for (uint32_t i = 0; i < XC_MDNS_NAMES_MAX; i++)
        if (mdns->names[i].name[0])
            return false;
    return true;
}
