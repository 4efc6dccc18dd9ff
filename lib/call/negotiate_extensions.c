/* negotiate_extensions.c - header extensions (RFC 8285 sections 5 and 6): one table of ids and URIs
 * for the whole session, to which rows are only ever added. Chromium refuses a description that
 * gives an id or a URI of the group another partner, at any time. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

#define ONE_BYTE_ID_MAX 14 /* RFC 8285 section 4.2 */

static int8_t known_of(const char *uri)
{
    for (int8_t k = 0; k < XC_EXT_KNOWN; k++) {
        if (!strcmp(uri, xc_extension_uris[k]))
            return k;
    }
    return -1;
}

static const struct xc_negotiate_extension *row_of(const struct xc_negotiation *n, uint16_t id)
{
    for (uint8_t i = 0; i < n->extension_count; i++) {
        if (n->extension_table[i].id == id)
            return &n->extension_table[i];
    }
    return NULL;
}

static bool is_taken(const struct xc_negotiation *n, uint16_t id)
{
    return (n->extension_ids_taken[id >> 5 & 7] >> (id & 31) & 1) != 0;
}

/* The last XC_EXT_KNOWN rows are kept for URIs that we know. */
static void note(struct xc_negotiation *n, uint16_t id, const char *uri)
{
    int8_t known = known_of(uri);
    uint32_t room = known >= 0 ? XC_EXTENSIONS_MAX : XC_EXTENSIONS_MAX - XC_EXT_KNOWN;
    if (is_taken(n, id))
        return;
    n->extension_ids_taken[id >> 5 & 7] |= 1U << (id & 31);
    if (n->extension_count >= room)
        return;
    struct xc_negotiate_extension *row = &n->extension_table[n->extension_count++];
    row->id = id;
    row->known = known;
}

void xc_negotiate_extensions_forget(struct xc_negotiation *n)
{
    while (n->extension_count > n->extension_count_settled) {
        uint16_t id = n->extension_table[--n->extension_count].id;
        n->extension_ids_taken[id >> 5 & 7] &= ~(1U << (id & 31));
    }
}

/* The agreed id means another URI now, or the URI has another id. */
static bool clashes(uint8_t agreed, int8_t known, const struct xc_sdp_section *section)
{
    bool moved = false;
    for (uint8_t i = 0; i < section->extmap_count; i++) {
        const struct xc_sdp_extmap *extmap = &section->extmaps[i];
        bool same_uri = !strcmp(extmap->uri, xc_extension_uris[known]);
        if (extmap->id == agreed)
            return !same_uri;
        moved = moved || same_uri;
    }
    return moved;
}

/* Only what was agreed in the very section refuses the description: peers whose sections differ in
 * their ids exist, and what does not fit the table is then left out of the section. */
bool xc_negotiate_extensions_clash(const struct xc_negotiation *n, const struct xc_sdp *sdp,
                                   uint32_t accepted)
{
    for (uint8_t i = 0; i < n->media_count; i++) {
        if (!n->media[i].active || !(accepted >> i & 1))
            continue;
        for (int8_t known = 0; known < XC_EXT_KNOWN; known++) {
            uint8_t agreed = n->media[i].extension_ids[known];
            if (agreed && clashes(agreed, known, &sdp->sections[i]))
                return true;
        }
    }
    return false;
}

void xc_negotiate_extensions_note(struct xc_negotiation *n, const struct xc_sdp *sdp,
                                  uint32_t accepted)
{
    for (uint32_t turn = 0; turn < 2; turn++) {
        for (uint8_t i = 0; i < sdp->section_count; i++) {
            const struct xc_sdp_section *section = &sdp->sections[i];
            if ((accepted >> i & 1) == turn)
                continue;
            for (uint8_t k = 0; k < section->extmap_count; k++)
                note(n, section->extmaps[k].id, section->extmaps[k].uri);
        }
    }
}

static bool is_ours(const struct xc_negotiation *n, uint8_t kind, int8_t known)
{
    return (n->config.extensions & xc_negotiate_kind_extensions(kind) & 1U << known) != 0;
}

/* What the two sides use for it in another section. */
static uint8_t id_in_use(const struct xc_negotiation *n, int8_t known)
{
    for (uint8_t i = 0; i < n->media_count; i++) {
        if (n->media[i].active && n->media[i].extension_ids[known])
            return n->media[i].extension_ids[known];
    }
    return 0;
}

/* The id that the URI has already, else a free one; 0 when all are taken. One that is in use goes
 * before one that was offered in vain: a URI with two ids makes Firefox renumber what was agreed. */
static uint8_t id_for(struct xc_negotiation *n, int8_t known)
{
    uint8_t used = id_in_use(n, known);
    if (used)
        return used;
    for (uint8_t i = 0; i < n->extension_count; i++) {
        const struct xc_negotiate_extension *row = &n->extension_table[i];
        if (row->known == known && (row->id <= ONE_BYTE_ID_MAX || n->remote_extmap_allow_mixed))
            return (uint8_t)row->id;
    }
    for (uint8_t id = 1; id <= ONE_BYTE_ID_MAX; id++) {
        if (is_taken(n, id) || n->extension_count == XC_EXTENSIONS_MAX)
            continue;
        note(n, id, xc_extension_uris[known]);
        return id;
    }
    return 0;
}

void xc_negotiate_extensions_offer(struct xc_negotiation *n, uint8_t i,
                                   struct xc_media_agreed *media)
{
    for (int8_t known = 0; known < XC_EXT_KNOWN; known++) {
        uint8_t agreed = 0;
        if (i < n->media_count && n->media[i].active)
            agreed = n->media[i].extension_ids[known];
        media->extension_ids[known] = 0;
        if (!is_ours(n, media->kind, known))
            continue;
        media->extension_ids[known] = agreed ? agreed : id_for(n, known);
        if (media->extension_ids[known]) {
            media->extensions_send |= 1U << known;
            media->extensions_receive |= 1U << known;
        }
    }
}

void xc_negotiate_extensions_accept(const struct xc_negotiation *n,
                                    const struct xc_sdp_section *section, bool allow_mixed,
                                    struct xc_media_agreed *media)
{
    uint16_t most = allow_mixed ? 255 : ONE_BYTE_ID_MAX;
    for (uint8_t k = 0; k < section->extmap_count; k++) {
        const struct xc_sdp_extmap *extmap = &section->extmaps[k];
        const struct xc_negotiate_extension *row = row_of(n, extmap->id);
        uint8_t direction = xc_negotiate_mirror(extmap->direction);
        int8_t known = known_of(extmap->uri);
        if (known < 0 || !row || row->known != known || media->extension_ids[known] ||
            !is_ours(n, media->kind, known) || extmap->id > most || direction == XC_SDP_INACTIVE)
            continue;
        media->extension_ids[known] = (uint8_t)extmap->id;
        if (direction & XC_SDP_SENDONLY)
            media->extensions_send |= 1U << known;
        if (direction & XC_SDP_RECVONLY)
            media->extensions_receive |= 1U << known;
    }
}

void xc_negotiate_extensions_keep(const struct xc_sdp_section *section,
                                  struct xc_media_agreed *media)
{
    uint32_t send = 0, receive = 0;
    for (uint8_t k = 0; k < section->extmap_count; k++) {
        const struct xc_sdp_extmap *extmap = &section->extmaps[k];
        int8_t known = known_of(extmap->uri);
        uint8_t direction = xc_negotiate_mirror(extmap->direction);
        if (known < 0 || media->extension_ids[known] != extmap->id)
            continue;
        if (direction & XC_SDP_SENDONLY)
            send |= 1U << known;
        if (direction & XC_SDP_RECVONLY)
            receive |= 1U << known;
    }
    media->extensions_send &= send;
    media->extensions_receive &= receive;
    for (int8_t known = 0; known < XC_EXT_KNOWN; known++) {
        if (!((media->extensions_send | media->extensions_receive) >> known & 1))
            media->extension_ids[known] = 0;
    }
}
