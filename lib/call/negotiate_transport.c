/* negotiate_transport.c - the one transport of a session: which sections share it (BUNDLE, RFC 9143
 * section 7.3), whose ICE (RFC 8839) and DTLS (RFC 8842) parameters hold, and who is the DTLS
 * client. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

bool xc_negotiate_bundled(const struct xc_sdp *sdp, const char *mid)
{
    for (uint8_t i = 0; mid[0] && i < sdp->bundle_count; i++) {
        if (!strcmp(sdp->bundle[i], mid))
            return true;
    }
    return false;
}

bool xc_negotiate_bundle_fits(struct xc_negotiate_bundle *bundle, bool grouped)
{
    return !bundle->taken || (bundle->grouped && grouped);
}

void xc_negotiate_bundle_accepted(struct xc_negotiate_bundle *bundle, bool grouped)
{
    if (!bundle->taken)
        bundle->grouped = grouped;
    bundle->taken = true;
}

static int section_of(const struct xc_sdp *sdp, const char *mid)
{
    for (uint8_t i = 0; i < sdp->section_count; i++) {
        if (!strcmp(sdp->sections[i].mid, mid))
            return i;
    }
    return -1;
}

/* The tagged section: the first of the group that is accepted. One that relies on the group may say
 * nothing of transport (bundle-only ones do not); then the first of the group that does. */
static int transport_section(const struct xc_sdp *sdp, uint32_t accepted)
{
    int first = 0;
    while (!(accepted >> first & 1))
        first++;
    if (!xc_negotiate_bundled(sdp, sdp->sections[first].mid))
        return first;
    for (int any = 0; any < 2; any++) {
        for (uint8_t i = 0; i < sdp->bundle_count; i++) {
            int at = section_of(sdp, sdp->bundle[i]);
            if (at >= 0 && sdp->sections[at].transport.ufrag[0] && (any || accepted >> at & 1))
                return at;
        }
    }
    return first;
}

/* RFC 8839 section 5.4. */
static bool ice_fits(const struct xc_sdp_transport *transport)
{
    size_t ufrag = strlen(transport->ufrag);
    size_t password = strlen(transport->password);
    return ufrag >= 4 && ufrag <= 256 && password >= 22 && password <= 256;
}

/* RFC 8122 section 5 forbids MD5; SHA-1 is no proof any more either. */
static bool is_strong(const struct xc_sdp_fingerprint *fingerprint)
{
    return fingerprint->size >= 28 && !memcmp(fingerprint->hash, "sha-", 4) &&
           strcmp(fingerprint->hash, "sha-1");
}

static bool has_fingerprint(const struct xc_sdp_transport *transport)
{
    for (uint8_t i = 0; i < transport->fingerprint_count; i++) {
        if (is_strong(&transport->fingerprints[i]))
            return true;
    }
    return false;
}

/* Another certificate would need another DTLS association (RFC 8842 section 4), which we do not
 * make within a call. */
static bool same_certificate(const struct xc_sdp_transport *a, const struct xc_sdp_transport *b)
{
    for (uint8_t i = 0; i < a->fingerprint_count; i++) {
        for (uint8_t k = 0; k < b->fingerprint_count; k++) {
            const struct xc_sdp_fingerprint *x = &a->fingerprints[i], *y = &b->fingerprints[k];
            if (is_strong(x) && x->size == y->size && !strcmp(x->hash, y->hash) &&
                !memcmp(x->digest, y->digest, x->size))
                return true;
        }
    }
    return false;
}

/* The first exchange settles the role, later ones keep it: an offer then says actpass all the same
 * (RFC 8842 section 5.5). What a later one says does not matter while the certificate is the same:
 * Firefox answers an ICE restart with "active" though it was passive, and keeps its association.
 * Without a=setup RFC 4145 section 4 holds: active in an offer, passive in an answer. */
static bool role_of(const struct xc_negotiation *n, uint8_t setup, bool answer)
{
    if (n->answered_once)
        return n->dtls_client;
    if (setup == XC_SDP_SETUP_NONE)
        setup = answer ? XC_SDP_PASSIVE : XC_SDP_ACTIVE;
    return setup != XC_SDP_ACTIVE;
}

static int check_setup(const struct xc_sdp *sdp, uint32_t accepted, bool answer,
                       struct xc_negotiate_error *error)
{
    for (uint8_t i = 0; i < sdp->section_count; i++) {
        uint8_t setup = sdp->sections[i].transport.setup;
        if (!(accepted >> i & 1))
            continue;
        if (setup == XC_SDP_HOLDCONN)
            return xc_negotiate_bad(error, "setup:holdconn is not supported");
        if (answer && setup == XC_SDP_ACTPASS)
            return xc_negotiate_bad(error, "an answer must choose active or passive");
    }
    return XC_NEGOTIATE_OK;
}

int xc_negotiate_transport(const struct xc_negotiation *n, const struct xc_sdp *sdp,
                           uint32_t accepted, bool answer, struct xc_negotiate_pending *p,
                           struct xc_negotiate_error *error)
{
    p->transport_section = -1;
    if (!accepted) /* the peer took all media out; only a first exchange may not do that */
        return n->answered_once ? XC_NEGOTIATE_OK
                                : xc_negotiate_bad(error, "no media section can be accepted");
    int at = transport_section(sdp, accepted);
    const struct xc_sdp_transport *transport = &sdp->sections[at].transport;
    if (check_setup(sdp, accepted, answer, error) != XC_NEGOTIATE_OK)
        return XC_NEGOTIATE_BAD;
    if (!ice_fits(transport))
        return xc_negotiate_bad(error, "ice-ufrag or ice-pwd is missing or of a wrong length");
    if (!has_fingerprint(transport))
        return xc_negotiate_bad(error, "there is no fingerprint of SHA-2");
    if (n->answered_once && !same_certificate(&n->remote_transport, transport))
        return xc_negotiate_bad(error, "the fingerprint changed within the session");
    p->dtls_client = role_of(n, transport->setup, answer);
    p->transport = *transport;
    p->transport_section = (int8_t)at;
    return XC_NEGOTIATE_OK;
}
