/* fuzz_negotiate.c - a peer's description against call/negotiate.c, as an offer and as an answer: what
 * is accepted must lead to descriptions of ours that our own parser takes, and to a session in which
 * the same description is accepted again.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xc_sdp theirs, ours, again; /* large */
static char text[65536];
static struct xc_sdp_transport local;

static void require(bool condition)
{
    if (!condition)
        __builtin_trap();
}

static void init(struct xc_negotiation *n, bool offerer, uint32_t extensions)
{
    struct xc_rng rng;
    struct xc_negotiate_config config = {.extensions = extensions, .trickle = true};
    struct xc_media_want audio = {
        .kind = XC_SDP_AUDIO, .direction = XC_SDP_SENDRECV, .ssrc = 1, .fec = true};
    struct xc_media_want video = {.kind = XC_SDP_VIDEO, .direction = XC_SDP_SENDRECV, .ssrc = 2};
    memcpy(config.fingerprint.hash, "sha-256", 8);
    config.fingerprint.size = 32;
    memcpy(local.ufrag, "ufrag", 6);
    memcpy(local.password, "0123456789012345678901", 23);
    xc_rng_init_number(&rng, 1);
    xc_negotiate_init(n, &config, offerer, &rng);
    xc_negotiate_add_want(n, &audio);
    xc_negotiate_add_want(n, &video);
}

/* Our description as text, parsed back: the same sections. */
static void check_text(void)
{
    size_t size = xc_sdp_write(&ours, text, sizeof text);
    require(size > 0);
    require(xc_sdp_parse(&again, xc_span_make(text, size), NULL));
    require(again.section_count == ours.section_count);
    require(again.bundle_count == ours.bundle_count);
    for (uint8_t i = 0; i < ours.section_count; i++) {
        require(!strcmp(again.sections[i].mid, ours.sections[i].mid));
        require(!strcmp(again.sections[i].kind_text, ours.sections[i].kind_text));
        require(again.sections[i].direction == ours.sections[i].direction ||
                again.sections[i].kind == XC_SDP_APPLICATION);
    }
}

static void check_session(const struct xc_negotiation *n)
{
    uint32_t used = 0;
    require(n->state == XC_SIGNALLING_STABLE);
    require(n->media_count <= XC_SDP_SECTIONS_MAX && n->extension_count <= XC_EXTENSIONS_MAX);
    for (uint8_t i = 0; i < n->media_count; i++) {
        const struct xc_media_agreed *media = &n->media[i];
        if (!media->active) {
            require(n->want_of[i] == -1 && media->direction == XC_SDP_INACTIVE);
            continue;
        }
        require(n->want_of[i] >= 0 && n->want_of[i] < n->want_count);
        require(!(used >> n->want_of[i] & 1));
        used |= 1U << n->want_of[i];
        require(n->wants[n->want_of[i]].kind == media->kind);
        for (uint8_t c = 0; c < media->codec_count; c++) {
            uint8_t payload_type = media->codecs[c].send_payload_type;
            require(payload_type < 64 || payload_type >= 96);
        }
    }
}

static void as_offer(uint32_t extensions)
{
    static struct xc_negotiation n;
    init(&n, false, extensions);
    if (xc_negotiate_apply_offer(&n, &theirs, NULL) != XC_NEGOTIATE_OK)
        return;
    require(xc_negotiate_create_answer(&n, &local, &ours) == XC_NEGOTIATE_OK);
    require(ours.section_count == theirs.section_count);
    check_text();
    check_session(&n);
    require(xc_negotiate_create_offer(&n, &local, &ours) == XC_NEGOTIATE_OK);
    check_text();
    xc_negotiate_rollback(&n);
    require(xc_negotiate_apply_offer(&n, &theirs, NULL) == XC_NEGOTIATE_OK);
    require(xc_negotiate_create_answer(&n, &local, &ours) == XC_NEGOTIATE_OK);
    check_text();
    check_session(&n);
}

static void as_answer(uint32_t extensions)
{
    static struct xc_negotiation n;
    init(&n, true, extensions);
    require(xc_negotiate_create_offer(&n, &local, &ours) == XC_NEGOTIATE_OK);
    if (xc_negotiate_apply_answer(&n, &theirs, NULL) != XC_NEGOTIATE_OK)
        return;
    check_session(&n);
    require(xc_negotiate_create_offer(&n, &local, &ours) == XC_NEGOTIATE_OK);
    check_text();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!xc_sdp_parse(&theirs, xc_span_make(data, size), NULL))
        return 0;
    as_offer(0);
    as_offer((1U << XC_EXT_KNOWN) - 1);
    as_answer(0);
    as_answer((1U << XC_EXT_KNOWN) - 1);
    return 0;
}
