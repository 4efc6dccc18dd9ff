/* sdp_attribute.c - the attributes of a session description: ICE (RFC 8839), DTLS (RFC 8842),
 * BUNDLE (RFC 9143), header extensions (RFC 8285), feedback (RFC 4585), sources (RFC 5576), msid
 * (RFC 8830), SCTP (RFC 8841). A known attribute that is malformed refuses the whole description.
 * SPDX-License-Identifier: MIT */
#include "wire/sdp_state.h"

#include "wire/text.h"

#define UFRAG_SIZE_MIN 4
#define PASSWORD_SIZE_MIN 22

const char *const xc_sdp_direction_names[4] = {
    [XC_SDP_INACTIVE] = "inactive",
    [XC_SDP_RECVONLY] = "recvonly",
    [XC_SDP_SENDONLY] = "sendonly",
    [XC_SDP_SENDRECV] = "sendrecv",
};

const char *const xc_sdp_setup_names[5] = {
    [XC_SDP_ACTPASS] = "actpass",
    [XC_SDP_ACTIVE] = "active",
    [XC_SDP_PASSIVE] = "passive",
    [XC_SDP_HOLDCONN] = "holdconn",
};

/* Where the attribute's ICE and DTLS values go: the section's or the session's. */
static struct xc_sdp_transport *transport_of(struct xc_sdp_parser *p)
{
    return p->section ? &p->section->transport : &p->transport;
}

/* Copies one token: visible bytes only, not empty. */
static bool copy_token(char *to, size_t capacity, struct xc_span token)
{
    if (token.size == 0 || xc_text_find(token, '\t') < token.size ||
        xc_text_find(token, ' ') < token.size)
        return false;
    return xc_text_copy(to, capacity, token);
}

static bool parse_group(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp *sdp = p->sdp;
    if (p->section || p->group_seen || !xc_span_equal_text(xc_text_token(&value, ' '), "BUNDLE"))
        return true;
    p->group_seen = true;
    p->group_line = p->line;
    while (value.size) {
        struct xc_span mid = xc_text_token(&value, ' ');
        if (sdp->bundle_count == XC_SDP_SECTIONS_MAX ||
            !copy_token(sdp->bundle[sdp->bundle_count], sizeof sdp->bundle[0], mid))
            return xc_sdp_fail(p, "the BUNDLE group has too many mids, or one that is too long");
        sdp->bundle_count++;
    }
    return true;
}

static bool parse_msid_semantic(struct xc_sdp_parser *p, struct xc_span value)
{
    if (!p->section && xc_span_equal_text(xc_text_token(&value, ' '), "WMS"))
        p->sdp->msid_semantic_wms = true;
    return true;
}

static bool parse_allow_mixed(struct xc_sdp_parser *p, struct xc_span value)
{
    (void)value;
    if (p->section)
        p->section->extmap_allow_mixed = true;
    else
        p->sdp->extmap_allow_mixed = true;
    return true;
}

static bool parse_ufrag(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp_transport *transport = transport_of(p);
    value = xc_text_trim(value);
    /* A ':' would make the USERNAME of a check ambiguous. */
    if (value.size < UFRAG_SIZE_MIN || xc_text_find(value, ':') < value.size ||
        !copy_token(transport->ufrag, sizeof transport->ufrag, value))
        return xc_sdp_fail(p, "the ice-ufrag is not of 4 to 256 characters");
    return true;
}

static bool parse_password(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp_transport *transport = transport_of(p);
    value = xc_text_trim(value);
    if (value.size < PASSWORD_SIZE_MIN ||
        !copy_token(transport->password, sizeof transport->password, value))
        return xc_sdp_fail(p, "the ice-pwd is not of 22 to 256 characters");
    return true;
}

static bool parse_ice_options(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp_transport *transport = transport_of(p);
    while (value.size) {
        struct xc_span option = xc_text_token(&value, ' ');
        if (xc_span_equal_text(option, "trickle"))
            transport->trickle = true;
        else if (xc_span_equal_text(option, "renomination"))
            transport->renomination = true;
    }
    return true;
}

static bool parse_ice_lite(struct xc_sdp_parser *p, struct xc_span value)
{
    (void)value;
    if (!p->section) /* session level only, RFC 8839 section 5.3 */
        p->transport.ice_lite = true;
    return true;
}

static bool parse_setup(struct xc_sdp_parser *p, struct xc_span value)
{
    value = xc_text_trim(value);
    for (uint8_t i = XC_SDP_ACTPASS; i <= XC_SDP_HOLDCONN; i++) {
        if (xc_text_equal(value, xc_sdp_setup_names[i])) {
            transport_of(p)->setup = i;
            return true;
        }
    }
    return xc_sdp_fail(p, "an unknown a=setup");
}

/* The digest's size by the hash's name, 0 for an unknown hash. */
static size_t digest_size(const char *hash)
{
    static const struct {
        const char *name;
        size_t size;
    } hashes[] = {{"sha-1", 20},   {"sha-224", 28}, {"sha-256", 32},
                  {"sha-384", 48}, {"sha-512", 64}, {"md5", 16}};
    for (size_t i = 0; i < XC_ARRAY_LEN(hashes); i++) {
        if (!strcmp(hash, hashes[i].name))
            return hashes[i].size;
    }
    return 0;
}

/* "AB:CD:..." of exactly `size` bytes. */
static bool parse_digest(uint8_t *digest, size_t size, struct xc_span text)
{
    if (text.size != size * 3 - 1)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = xc_text_hex(text.data[3 * i]);
        int low = xc_text_hex(text.data[3 * i + 1]);
        if (high < 0 || low < 0 || (i + 1 < size && text.data[3 * i + 2] != ':'))
            return false;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool parse_fingerprint(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp_transport *transport = transport_of(p);
    struct xc_sdp_fingerprint fingerprint = {.size = 0};
    struct xc_span hash = xc_text_token(&value, ' ');
    if (!copy_token(fingerprint.hash, sizeof fingerprint.hash, hash))
        return true; /* longer than any hash we know */
    for (char *c = fingerprint.hash; *c; c++)
        *c = (char)xc_text_lower((uint8_t)*c);
    size_t size = digest_size(fingerprint.hash);
    if (size == 0)
        return true;
    if (!parse_digest(fingerprint.digest, size, xc_text_trim(value)))
        return xc_sdp_fail(p, "a fingerprint that does not fit its hash");
    fingerprint.size = (uint8_t)size;
    if (p->section && !p->own_fingerprints) {
        p->own_fingerprints = true;
        memset(transport->fingerprints, 0, sizeof transport->fingerprints);
        transport->fingerprint_count = 0;
    }
    if (transport->fingerprint_count < XC_SDP_FINGERPRINTS_MAX)
        transport->fingerprints[transport->fingerprint_count++] = fingerprint;
    return true;
}

static bool parse_end_of_candidates(struct xc_sdp_parser *p, struct xc_span value)
{
    (void)value;
    if (p->section)
        p->section->end_of_candidates = true;
    else
        p->end_of_candidates = true;
    return true;
}

/* The name of the attribute is the direction. */
static bool parse_direction(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_span line = p->line_text;
    (void)value;
    xc_text_skip(&line, "a=");
    for (uint8_t i = 0; i < XC_ARRAY_LEN(xc_sdp_direction_names); i++) {
        if (!xc_text_skip(&line, xc_sdp_direction_names[i]))
            continue;
        if (p->section)
            p->section->direction = i;
        else
            p->direction = i;
        return true;
    }
    return true;
}

static bool parse_candidate(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp *sdp = p->sdp;
    (void)value;
    if (sdp->candidate_count == XC_SDP_CANDIDATES_MAX)
        return true;
    struct xc_sdp_candidate *slot = &sdp->candidates[sdp->candidate_count];
    if (xc_candidate_parse(&slot->candidate, p->line_text) == XC_CANDIDATE_OK) {
        slot->section = (uint8_t)(sdp->section_count - 1);
        sdp->candidate_count++;
    } else {
        memset(slot, 0, sizeof *slot);
    }
    return true;
}

static bool parse_mid(struct xc_sdp_parser *p, struct xc_span value)
{
    if (p->section->mid[0] ||
        !copy_token(p->section->mid, sizeof p->section->mid, xc_text_trim(value)))
        return xc_sdp_fail(p, "a mid that is empty, too long or the section's second");
    return true;
}

static bool parse_flag(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp_section *section = p->section;
    struct xc_span line = p->line_text;
    (void)value;
    xc_text_skip(&line, "a=");
    if (xc_text_skip(&line, "rtcp-mux")) /* "rtcp-mux-only" (RFC 8858) means it too */
        section->rtcp_mux = true;
    else if (xc_text_skip(&line, "rtcp-rsize"))
        section->rtcp_rsize = true;
    else
        section->bundle_only = true;
    return true;
}

/* A payload type in front of the rest. NULL both when it is none of the m line's and when it is
 * malformed; *fits tells which. */
static struct xc_sdp_codec *take_codec(struct xc_sdp_parser *p, struct xc_span *value, bool *fits)
{
    uint64_t payload_type;
    *fits = xc_text_number(xc_text_token(value, ' '), 127, &payload_type);
    if (!*fits) {
        xc_sdp_fail(p, "a payload type is no number up to 127");
        return NULL;
    }
    for (uint8_t i = 0; i < p->section->codec_count; i++) {
        if (p->section->codecs[i].payload_type == payload_type)
            return &p->section->codecs[i];
    }
    return NULL;
}

static bool parse_rtpmap(struct xc_sdp_parser *p, struct xc_span value)
{
    bool fits;
    struct xc_sdp_codec *codec = take_codec(p, &value, &fits);
    if (!codec || codec->name[0])
        return fits;
    struct xc_span map = xc_text_trim(value);
    struct xc_span name = xc_text_token(&map, '/');
    struct xc_span rate = xc_text_token(&map, '/');
    struct xc_span parameters = xc_text_token(&map, '/');
    uint64_t clock_rate;
    uint64_t channels = 1;
    if (!copy_token(codec->name, sizeof codec->name, name))
        return xc_sdp_fail(p, "a codec name that is empty or too long");
    if (!xc_text_number(rate, UINT32_MAX, &clock_rate) || clock_rate == 0)
        return xc_sdp_fail(p, "a clock rate that is no number of 32 bits");
    if (parameters.size && (!xc_text_number(parameters, 255, &channels) || channels == 0))
        return xc_sdp_fail(p, "a number of channels that is not 1 to 255");
    codec->clock_rate = (uint32_t)clock_rate;
    codec->channels = (uint8_t)channels;
    return true;
}

/* A second line for the same payload type adds to the first. One that does not fit (the parameter
 * sets of H.265 do) is of no codec that we know, and is passed over. */
static bool parse_fmtp(struct xc_sdp_parser *p, struct xc_span value)
{
    bool fits;
    struct xc_sdp_codec *codec = take_codec(p, &value, &fits);
    if (!codec)
        return fits;
    value = xc_text_trim(value);
    size_t used = strlen(codec->fmtp);
    size_t divider = used && value.size ? 1 : 0;
    if (used + divider + value.size >= sizeof codec->fmtp)
        return true;
    if (divider)
        codec->fmtp[used++] = ';';
    return xc_text_copy(codec->fmtp + used, sizeof codec->fmtp - used, value);
}

static uint32_t feedback_of(struct xc_span value)
{
    static const struct {
        const char *text;
        uint32_t bit;
    } words[] = {{"nack", XC_SDP_FB_NACK},
                 {"nack pli", XC_SDP_FB_PLI},
                 {"ccm fir", XC_SDP_FB_FIR},
                 {"goog-remb", XC_SDP_FB_REMB},
                 {"transport-cc", XC_SDP_FB_TRANSPORT_CC}};
    value = xc_text_trim(value);
    for (size_t i = 0; i < XC_ARRAY_LEN(words); i++) {
        if (xc_text_equal(value, words[i].text))
            return words[i].bit;
    }
    return 0;
}

static bool parse_rtcp_fb(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_span rest = value;
    if (xc_span_equal_text(xc_text_token(&rest, ' '), "*")) {
        p->feedback_of_all |= feedback_of(rest);
        return true;
    }
    bool fits;
    struct xc_sdp_codec *codec = take_codec(p, &value, &fits);
    if (codec)
        codec->feedback |= feedback_of(value);
    return fits;
}

static bool parse_extmap(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp_section *section = p->section;
    struct xc_span entry = xc_text_token(&value, ' ');
    struct xc_span uri = xc_text_token(&value, ' ');
    struct xc_span direction = entry;
    struct xc_span number = xc_text_token(&direction, '/');
    struct xc_sdp_extmap extmap = {.direction = XC_SDP_SENDRECV};
    uint64_t id;
    if (!xc_text_number(number, 255, &id) || id == 0 || id == 15)
        return xc_sdp_fail(p, "an extmap id that is not 1 to 14 or 16 to 255");
    if (direction.size) {
        uint8_t i = 0;
        while (i < 4 && !xc_text_equal(direction, xc_sdp_direction_names[i]))
            i++;
        if (i == 4)
            return xc_sdp_fail(p, "an unknown extmap direction");
        extmap.direction = i;
    }
    if (!copy_token(extmap.uri, sizeof extmap.uri, uri))
        return xc_sdp_fail(p, "an extmap URI that is empty or too long");
    extmap.id = (uint16_t)id;
    for (uint8_t i = 0; i < section->extmap_count; i++) {
        if (section->extmaps[i].id == extmap.id)
            return xc_sdp_fail(p, "an extmap id stands twice in a section");
    }
    if (section->extmap_count < XC_SDP_EXTMAPS_MAX) {
        struct xc_sdp_extmap *slot = &section->extmaps[section->extmap_count++];
        slot->id = extmap.id;
        slot->direction = extmap.direction;
        memcpy(slot->uri, extmap.uri, sizeof slot->uri);
    }
    return true;
}

/* "stream [track]"; the first of several counts. */
static bool parse_msid(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_sdp_section *section = p->section;
    struct xc_span stream = xc_text_token(&value, ' ');
    struct xc_span track = xc_text_token(&value, ' ');
    if (section->msid_stream[0])
        return true;
    if (!copy_token(section->msid_stream, sizeof section->msid_stream, stream) ||
        (track.size && !copy_token(section->msid_track, sizeof section->msid_track, track)))
        return xc_sdp_fail(p, "an msid that is empty or too long");
    return true;
}

/* The entry of this source, a new one where there is room, or NULL. */
static struct xc_sdp_ssrc *ssrc_entry(struct xc_sdp_section *section, uint32_t ssrc)
{
    for (uint8_t i = 0; i < section->ssrc_count; i++) {
        if (section->ssrcs[i].ssrc == ssrc)
            return &section->ssrcs[i];
    }
    if (section->ssrc_count == XC_SDP_SSRCS_MAX)
        return NULL;
    section->ssrcs[section->ssrc_count].ssrc = ssrc;
    return &section->ssrcs[section->ssrc_count++];
}

static bool parse_ssrc(struct xc_sdp_parser *p, struct xc_span value)
{
    uint64_t ssrc;
    if (!xc_text_number(xc_text_token(&value, ' '), UINT32_MAX, &ssrc))
        return xc_sdp_fail(p, "an SSRC that is no number of 32 bits");
    struct xc_sdp_ssrc *entry = ssrc_entry(p->section, (uint32_t)ssrc);
    if (xc_text_skip(&value, "msid:")) /* what was written before RFC 8829 */
        return parse_msid(p, value);
    if (entry && xc_text_skip(&value, "cname:") &&
        !copy_token(entry->cname, sizeof entry->cname, xc_text_token(&value, ' ')))
        return xc_sdp_fail(p, "a cname that is empty or too long");
    return true;
}

static bool parse_ssrc_group(struct xc_sdp_parser *p, struct xc_span value)
{
    uint64_t primary, repair;
    struct xc_span semantics = xc_text_token(&value, ' ');
    if (!xc_span_equal_text(semantics, "FID") || p->section->fid_count == XC_SDP_FIDS_MAX)
        return true;
    if (!xc_text_number(xc_text_token(&value, ' '), UINT32_MAX, &primary) ||
        !xc_text_number(xc_text_token(&value, ' '), UINT32_MAX, &repair))
        return xc_sdp_fail(p, "an SSRC that is no number of 32 bits");
    p->section->fids[p->section->fid_count++] =
        (struct xc_sdp_fid){(uint32_t)primary, (uint32_t)repair};
    return true;
}

/* A list of words; only what stands for a screen is of use. */
static bool parse_content(struct xc_sdp_parser *p, struct xc_span value)
{
    while (value.size) {
        if (xc_text_equal(xc_text_trim(xc_text_token(&value, ',')), "slides"))
            p->section->slides = true;
    }
    return true;
}

static bool parse_sctp_port(struct xc_sdp_parser *p, struct xc_span value)
{
    uint64_t port;
    if (!xc_text_number(xc_text_trim(value), UINT16_MAX, &port))
        return xc_sdp_fail(p, "an sctp-port that is no number of 16 bits");
    p->section->sctp_port = (uint16_t)port;
    p->section->sctp_port_given = true;
    return true;
}

static bool parse_message_size(struct xc_sdp_parser *p, struct xc_span value)
{
    uint64_t size;
    if (!xc_text_number(xc_text_trim(value), UINT64_MAX, &size))
        return xc_sdp_fail(p, "a max-message-size that is no number of 64 bits");
    if (p->section->kind == XC_SDP_APPLICATION) /* 0 means any size, RFC 8841 section 6.1 */
        p->section->max_message_size = size == 0 || size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    return true;
}

static bool parse_ptime(struct xc_sdp_parser *p, struct xc_span value)
{
    struct xc_span line = p->line_text;
    uint64_t ms;
    if (!xc_text_number(xc_text_trim(value), UINT16_MAX, &ms))
        return xc_sdp_fail(p, "a ptime that is no number of 16 bits");
    if (xc_text_skip(&line, "a=max"))
        p->section->maxptime_ms = (uint16_t)ms;
    else
        p->section->ptime_ms = (uint16_t)ms;
    return true;
}

static const struct {
    const char *name;
    bool (*parse)(struct xc_sdp_parser *p, struct xc_span value);
    bool section_only; /* ignored above the first m line */
} attributes[] = {
    {"rtpmap", parse_rtpmap, true},
    {"fmtp", parse_fmtp, true},
    {"rtcp-fb", parse_rtcp_fb, true},
    {"extmap", parse_extmap, true},
    {"ssrc", parse_ssrc, true},
    {"ssrc-group", parse_ssrc_group, true},
    {"content", parse_content, true},
    {"candidate", parse_candidate, true},
    {"end-of-candidates", parse_end_of_candidates, false},
    {"mid", parse_mid, true},
    {"msid", parse_msid, true},
    {"rtcp-mux", parse_flag, true},
    {"rtcp-mux-only", parse_flag, true},
    {"rtcp-rsize", parse_flag, true},
    {"bundle-only", parse_flag, true},
    {"sendrecv", parse_direction, false},
    {"sendonly", parse_direction, false},
    {"recvonly", parse_direction, false},
    {"inactive", parse_direction, false},
    {"ice-ufrag", parse_ufrag, false},
    {"ice-pwd", parse_password, false},
    {"ice-options", parse_ice_options, false},
    {"ice-lite", parse_ice_lite, false},
    {"fingerprint", parse_fingerprint, false},
    {"setup", parse_setup, false},
    {"group", parse_group, false},
    {"msid-semantic", parse_msid_semantic, false},
    {"extmap-allow-mixed", parse_allow_mixed, false},
    {"sctp-port", parse_sctp_port, true},
    {"max-message-size", parse_message_size, true},
    {"ptime", parse_ptime, true},
    {"maxptime", parse_ptime, true},
};

bool xc_sdp_parse_attribute(struct xc_sdp_parser *p, struct xc_span attribute)
{
    size_t colon = xc_text_find(attribute, ':');
    struct xc_span name = {attribute.data, colon};
    struct xc_span value = {attribute.data + colon, 0};
    if (colon < attribute.size)
        value = xc_span_make(attribute.data + colon + 1, attribute.size - colon - 1);
    for (size_t i = 0; i < XC_ARRAY_LEN(attributes); i++) {
        if (!xc_span_equal_text(name, attributes[i].name))
            continue;
        return attributes[i].section_only && !p->section ? true : attributes[i].parse(p, value);
    }
    return true;
}
