/* fuzz_negotiate.c - a peer's description against call/negotiate.c, as an offer and as an answer: what
 * is accepted must lead to descriptions of ours that our own parser takes, and to a session in which
 * the same description is accepted again. Parts divided by NUL make a history: a short part changes
 * our wishes or takes a step of ours, a longer one is the peer's next description.
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
    struct xc_media_want audio = {.kind = XC_SDP_AUDIO,
                                  .direction = XC_SDP_SENDRECV,
                                  .ssrc = 1,
                                  .fec = true,
                                  .red = extensions != 0,
                                  .telephone_event = true};
    struct xc_media_want video = {.kind = XC_SDP_VIDEO,
                                  .direction = XC_SDP_SENDRECV,
                                  .ssrc = 2,
                                  .repair_ssrc = extensions ? 3 : 0,
                                  .video_codecs = {XC_CODEC_VP8, XC_CODEC_VP9}};
    struct xc_media_want screen = {.kind = XC_SDP_VIDEO,
                                   .accept = XC_SDP_SENDRECV,
                                   .ssrc = 4,
                                   .repair_ssrc = 5,
                                   .video_codecs = {XC_CODEC_VP9, XC_CODEC_VP8},
                                   .screen = true,
                                   .prefer_codecs = true};
    struct xc_media_want data_channels = {.kind = XC_SDP_APPLICATION, .direction = XC_SDP_SENDRECV};
    memcpy(config.fingerprint.hash, "sha-256", 8);
    config.fingerprint.size = 32;
    memcpy(local.ufrag, "ufrag", 6);
    memcpy(local.password, "0123456789012345678901", 23);
    xc_rng_init_number(&rng, 1);
    xc_negotiate_init(n, &config, offerer, &rng);
    xc_negotiate_add_want(n, &audio);
    xc_negotiate_add_want(n, &video);
    if (extensions)
        xc_negotiate_add_want(n, &screen);
    xc_negotiate_add_want(n, &data_channels);
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

/* What a payload type means to receive: the codec, and for RTX and RED what it stands for. */
static void mean(uint16_t meanings[128], uint8_t payload_type, uint32_t meaning)
{
    require(payload_type < 64 || (payload_type >= 96 && payload_type < 128));
    require(!meanings[payload_type] || meanings[payload_type] == meaning);
    meanings[payload_type] = (uint16_t)meaning;
}

static void check_numbers(const struct xc_negotiation *n)
{
    uint16_t meanings[128] = {0};
    for (uint8_t i = 0; i < n->media_count; i++) {
        for (uint8_t c = 0; n->media[i].active && c < n->media[i].codec_count; c++) {
            const struct xc_agreed_codec *codec = &n->media[i].codecs[c];
            mean(meanings, codec->receive_payload_type,
                 codec->codec | (uint32_t)codec->inner_receive << 8);
            if (codec->repair_receive)
                mean(meanings, codec->repair_receive,
                     XC_CODEC_RTX | (uint32_t)codec->receive_payload_type << 8);
        }
    }
}

static void check_codecs(const struct xc_negotiation *n, const struct xc_media_agreed *media)
{
    bool to_send = media->kind == XC_SDP_APPLICATION;
    require(media->codec_count <= XC_AGREED_CODECS_MAX);
    require(media->kind != XC_SDP_APPLICATION || media->remote_sctp_port);
    for (uint8_t c = 0; c < media->codec_count; c++) {
        const struct xc_agreed_codec *codec = &media->codecs[c];
        uint8_t payload_type = codec->send_payload_type;
        to_send = to_send || codec->codec == XC_CODEC_OPUS || codec->codec == XC_CODEC_VP8 ||
                  codec->codec == XC_CODEC_VP9;
        require(payload_type < 64 || payload_type >= 96);
        require(!codec->repair_send == !codec->repair_receive);
        for (uint8_t k = 0; k < c; k++)
            require(media->codecs[k].codec != codec->codec);
    }
    require(to_send);
    check_numbers(n);
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
        check_codecs(n, media);
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

static void change(struct xc_negotiation *n, uint8_t what, uint8_t how)
{
    struct xc_media_want *want = &n->wants[how % n->want_count];
    if (what % 8 == 0)
        want->direction = how >> 4 & 3;
    else if (what % 8 == 1)
        want->accept = how >> 4 & 3;
    else if (what % 8 == 2)
        n->hold_local = !n->hold_local;
    else if (what % 8 == 3)
        memset(n->want_refused, 0, sizeof n->want_refused);
    else if (what % 8 == 4)
        want->red = want->telephone_event = want->prefer_codecs = (how & 64) != 0;
    else if (what % 8 == 5)
        want->video_codecs[how >> 6 & 1] = XC_CODEC_VP8 + (how >> 5 & 1);
    else if (what % 8 == 6 && n->state == XC_SIGNALLING_LOCAL_OFFER)
        xc_negotiate_rollback(n);
    else if (what % 8 == 7 && xc_negotiate_create_offer(n, &local, &ours) == XC_NEGOTIATE_OK)
        check_text();
}

static void describe(struct xc_negotiation *n, struct xc_span part)
{
    if (!xc_sdp_parse(&theirs, part, NULL))
        return;
    if (n->state == XC_SIGNALLING_LOCAL_OFFER &&
        xc_negotiate_apply_answer(n, &theirs, NULL) == XC_NEGOTIATE_OK) {
        check_session(n);
        return;
    }
    if (xc_negotiate_apply_offer(n, &theirs, NULL) != XC_NEGOTIATE_OK)
        return;
    require(xc_negotiate_create_answer(n, &local, &ours) == XC_NEGOTIATE_OK);
    require(ours.section_count == theirs.section_count);
    check_text();
    check_session(n);
}

static void as_history(const uint8_t *data, size_t size, bool offerer)
{
    static struct xc_negotiation n;
    init(&n, offerer, (1U << XC_EXT_KNOWN) - 1);
    while (size) {
        const uint8_t *end = memchr(data, 0, size);
        size_t part = end ? (size_t)(end - data) : size;
        if (part >= 1 && part <= 2)
            change(&n, data[0], part > 1 ? data[1] : 0);
        else if (part > 2)
            describe(&n, xc_span_make(data, part));
        data += part + (end != NULL);
        size -= part + (end != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && memchr(data, 0, size)) {
        as_history(data, size, false);
        as_history(data, size, true);
        return 0;
    }
    if (!xc_sdp_parse(&theirs, xc_span_make(data, size), NULL))
        return 0;
    as_offer(0);
    as_offer((1U << XC_EXT_KNOWN) - 1);
    as_answer(0);
    as_answer((1U << XC_EXT_KNOWN) - 1);
    return 0;
}
