/* negotiate_codecs.c - which codecs a section has and under which payload types. A payload type that
 * meant one thing in any description of the session is never offered for another (RFC 3264 section
 * 8.3.2, and RFC 9143 section 9.1 for the sections of a group); RTX and RED of different payload
 * types are different things. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

const struct xc_agreed_codec *xc_negotiate_codec(const struct xc_media_agreed *media, uint8_t codec)
{
    for (uint8_t c = 0; c < media->codec_count; c++) {
        if (media->codecs[c].codec == codec)
            return &media->codecs[c];
    }
    return NULL;
}

const struct xc_agreed_codec *xc_negotiate_codec_received(const struct xc_media_agreed *media,
                                                          uint8_t payload_type, bool *repair)
{
    for (uint8_t c = 0; c < media->codec_count; c++) {
        const struct xc_agreed_codec *codec = &media->codecs[c];
        *repair = codec->repair_receive && codec->repair_receive == payload_type;
        if (*repair || codec->receive_payload_type == payload_type)
            return codec;
    }
    *repair = false;
    return NULL;
}

/* --- what payload types mean ------------------------------------------------------------------ */

static uint16_t sent_meaning(const struct xc_agreed_codec *codec)
{
    return xc_negotiate_meaning(codec->codec, codec->inner_send);
}

static uint16_t received_meaning(const struct xc_agreed_codec *codec)
{
    return xc_negotiate_meaning(codec->codec, codec->inner_receive);
}

bool xc_negotiate_codec_moved(const struct xc_negotiation *n, uint8_t i,
                              const struct xc_sdp_section *section)
{
    const struct xc_media_agreed *media = &n->media[i];
    for (uint8_t k = 0; k < section->codec_count; k++) {
        const struct xc_sdp_codec *entry = &section->codecs[k];
        uint16_t meaning = xc_negotiate_entry_meaning(entry);
        if (!entry->name[0])
            continue;
        for (uint8_t c = 0; c < media->codec_count; c++) {
            const struct xc_agreed_codec *codec = &media->codecs[c];
            if (entry->payload_type == codec->send_payload_type && meaning != sent_meaning(codec))
                return true;
            if (codec->repair_send && entry->payload_type == codec->repair_send &&
                meaning != xc_negotiate_meaning(XC_CODEC_RTX, codec->send_payload_type))
                return true;
        }
    }
    return false;
}

static void note(struct xc_negotiation *n, uint8_t payload_type, uint16_t meaning)
{
    uint16_t *slot = &n->payload_types[payload_type & 127];
    if (*slot == XC_MEANS_NOTHING)
        *slot = meaning;
}

void xc_negotiate_codecs_note(struct xc_negotiation *n, const struct xc_sdp *sdp)
{
    for (uint8_t i = 0; i < sdp->section_count; i++) {
        for (uint8_t k = 0; k < sdp->sections[i].codec_count; k++) {
            const struct xc_sdp_codec *entry = &sdp->sections[i].codecs[k];
            note(n, entry->payload_type, xc_negotiate_entry_meaning(entry));
        }
    }
}

static uint16_t repair_meaning(const struct xc_agreed_codec *codec)
{
    return xc_negotiate_meaning(XC_CODEC_RTX, codec->receive_payload_type);
}

void xc_negotiate_codecs_settle(struct xc_negotiation *n)
{
    for (uint8_t i = 0; i < n->local.count; i++) {
        const struct xc_media_agreed *media = &n->local.sections[i].media;
        for (uint8_t c = 0; media->active && c < media->codec_count; c++) {
            const struct xc_agreed_codec *codec = &media->codecs[c];
            note(n, codec->receive_payload_type, received_meaning(codec));
            if (codec->repair_receive)
                note(n, codec->repair_receive, repair_meaning(codec));
        }
    }
}

static bool same_parameters(const struct xc_media_want *a, const struct xc_media_want *b)
{
    return a->fec == b->fec && a->dtx == b->dtx && a->stereo == b->stereo &&
           a->audio_bitrate_bps == b->audio_bitrate_bps;
}

/* A section of p gives the payload type another meaning to receive. Chromium refuses a group in which
 * one payload type has two sets of parameters; `own`: ours would be written so. */
static bool used_otherwise(const struct xc_negotiation *n, const struct xc_negotiate_pending *p,
                           uint8_t i, uint8_t payload_type, uint16_t meaning, bool own)
{
    for (uint8_t k = 0; k < p->count; k++) {
        const struct xc_negotiate_section *s = &p->sections[k];
        for (uint8_t c = 0; s->media.active && c < s->media.codec_count; c++) {
            const struct xc_agreed_codec *codec = &s->media.codecs[c];
            if (codec->repair_receive && codec->repair_receive == payload_type &&
                repair_meaning(codec) != meaning)
                return true;
            if (codec->receive_payload_type != payload_type)
                continue;
            if (received_meaning(codec) != meaning)
                return true;
            if (own && k != i && codec->codec == XC_CODEC_OPUS &&
                !same_parameters(&n->wants[p->sections[i].want], &n->wants[s->want]))
                return true;
        }
    }
    return false;
}

/* --- our offer ------------------------------------------------------------------------------- */

/* The default first, then the dynamic range, then the part of the reserved range that Chromium uses
 * when the dynamic one is full. 0: all are taken. */
static uint8_t free_payload_type(const struct xc_negotiation *n, uint8_t i, uint8_t codec,
                                 uint8_t base)
{
    const uint16_t meaning = xc_negotiate_meaning(codec, base);
    const uint16_t wanted[] = {meaning, XC_MEANS_NOTHING};
    uint8_t first = xc_negotiate_format_of(codec)->payload_type;
    if (codec == XC_CODEC_RTX && base >= 96 && base < 127)
        first = (uint8_t)(base + 1);
    for (size_t w = 0; w < XC_ARRAY_LEN(wanted); w++) {
        for (uint32_t k = 0; k < 1 + 32 + 29; k++) {
            uint8_t payload_type = first;
            if (k > 0)
                payload_type = (uint8_t)(k <= 32 ? 95 + k : 35 + k - 33);
            if (n->payload_types[payload_type] == wanted[w] &&
                !used_otherwise(n, &n->local, i, payload_type, meaning, true))
                return payload_type;
        }
    }
    return 0;
}

static bool offer_codec(struct xc_negotiation *n, uint8_t i, uint8_t wanted)
{
    struct xc_negotiate_section *s = &n->local.sections[i];
    const struct xc_agreed_codec *before = NULL, *opus;
    struct xc_agreed_codec codec = {.codec = wanted, .feedback = xc_negotiate_feedback(n, wanted)};
    if (i < n->media_count && n->media[i].active)
        before = xc_negotiate_codec(&n->media[i], wanted);
    if (wanted == XC_CODEC_RED) {
        opus = xc_negotiate_codec(&s->media, XC_CODEC_OPUS);
        codec.inner_receive = opus ? opus->receive_payload_type : 0;
        if (before && before->inner_receive != codec.inner_receive)
            before = NULL;
        if (!opus)
            return false;
    }
    codec.receive_payload_type = before ? before->receive_payload_type
                                        : free_payload_type(n, i, wanted, codec.inner_receive);
    if (!codec.receive_payload_type && !before)
        return false;
    struct xc_agreed_codec *slot = &s->media.codecs[s->media.codec_count++];
    *slot = codec;
    if (!xc_negotiate_is_main(wanted) || s->media.kind != XC_SDP_VIDEO ||
        !n->wants[s->want].repair_ssrc)
        return true;
    slot->repair_receive = before && before->repair_receive
                               ? before->repair_receive
                               : free_payload_type(n, i, XC_CODEC_RTX, codec.receive_payload_type);
    return true;
}

static uint8_t rank_of(const struct xc_media_want *want, uint8_t codec)
{
    if (codec == XC_CODEC_TELEPHONE_EVENT)
        return XC_CODECS;
    if (want->kind == XC_SDP_AUDIO)
        return want->red_first && codec != XC_CODEC_RED ? 1 : 0;
    for (uint8_t i = 0; want->prefer_codecs && i < XC_VIDEO_CODECS_MAX; i++) {
        if (want->video_codecs[i] == codec)
            return i;
    }
    return 0;
}

/* Stable: what is of one rank stays in the peer's order. */
static void arrange(const struct xc_media_want *want, struct xc_media_agreed *media)
{
    for (uint8_t i = 1; i < media->codec_count; i++) {
        struct xc_agreed_codec codec = media->codecs[i];
        uint8_t k = i;
        for (; k > 0 && rank_of(want, media->codecs[k - 1].codec) > rank_of(want, codec.codec); k--)
            media->codecs[k] = media->codecs[k - 1];
        media->codecs[k] = codec;
    }
}

/* The agreed order, then what came to be spoken since. */
static uint8_t order_of(const struct xc_media_agreed *agreed, uint8_t *codecs, uint8_t count)
{
    uint8_t ordered[XC_AGREED_CODECS_MAX], size = 0;
    for (uint8_t turn = 0; turn < 2; turn++) {
        for (uint8_t c = 0; turn == 0 && agreed && c < agreed->codec_count; c++) {
            for (uint8_t k = 0; k < count; k++) {
                if (codecs[k] == agreed->codecs[c].codec)
                    ordered[size++] = codecs[k];
            }
        }
        for (uint8_t k = 0; turn == 1 && k < count; k++) {
            if (!agreed || !xc_negotiate_codec(agreed, codecs[k]))
                ordered[size++] = codecs[k];
        }
    }
    memcpy(codecs, ordered, size);
    return size;
}

static void move_last(struct xc_media_agreed *media, uint8_t to)
{
    struct xc_agreed_codec last = media->codecs[media->codec_count - 1];
    for (uint8_t k = (uint8_t)(media->codec_count - 1); k > to; k--)
        media->codecs[k] = media->codecs[k - 1];
    media->codecs[XC_MIN(to, media->codec_count - 1)] = last;
}

bool xc_negotiate_codecs_offer(struct xc_negotiation *n, uint8_t i)
{
    struct xc_negotiate_section *s = &n->local.sections[i];
    const struct xc_media_want *want = &n->wants[s->want];
    const struct xc_media_agreed *agreed =
        i < n->media_count && n->media[i].active ? &n->media[i] : NULL;
    uint8_t codecs[XC_AGREED_CODECS_MAX];
    uint8_t count = order_of(agreed, codecs, xc_negotiate_spoken(want, codecs));
    s->media.codec_count = 0;
    /* What RED stands for has to be known first. */
    for (uint8_t k = 0; k < count; k++) {
        if (codecs[k] != XC_CODEC_RED)
            offer_codec(n, i, codecs[k]);
    }
    for (uint8_t k = 0; k < count; k++) {
        if (codecs[k] == XC_CODEC_RED && offer_codec(n, i, XC_CODEC_RED))
            move_last(&s->media, k);
    }
    arrange(want, &s->media);
    for (uint8_t c = 0; c < s->media.codec_count; c++) {
        if (xc_negotiate_is_main(s->media.codecs[c].codec))
            return true;
    }
    return s->media.kind == XC_SDP_APPLICATION;
}

/* --- both ways of agreeing ------------------------------------------------------------------- */

static bool speaks(const struct xc_media_want *want, uint8_t codec)
{
    uint8_t codecs[XC_AGREED_CODECS_MAX];
    uint8_t count = xc_negotiate_spoken(want, codecs);
    for (uint8_t i = 0; i < count; i++) {
        if (codecs[i] == codec)
            return true;
    }
    return false;
}

static uint8_t sent_before(const struct xc_media_agreed *before, uint8_t codec)
{
    const struct xc_agreed_codec *entry = before ? xc_negotiate_codec(before, codec) : NULL;
    return entry ? entry->send_payload_type : 0;
}

/* The section's entry for one codec of ours: the one that was agreed before where it is still there.
 * `red_of`: what a RED of ours carries. */
static const struct xc_sdp_codec *choose(const struct xc_sdp_section *section, uint8_t codec,
                                         uint8_t red_of, uint8_t preferred)
{
    uint8_t base = codec == XC_CODEC_RED ? red_of : 0;
    return xc_negotiate_entry_find(section, xc_negotiate_meaning(codec, base), preferred);
}

static uint8_t opus_of(const struct xc_sdp_section *section, uint8_t preferred)
{
    const struct xc_sdp_codec *opus = choose(section, XC_CODEC_OPUS, 0, preferred);
    return opus ? opus->payload_type : 0;
}

/* Parameters of the peer, and its order as we keep it. */
static bool finish(const struct xc_media_want *want, const struct xc_sdp_section *section,
                   struct xc_media_agreed *media)
{
    const struct xc_agreed_codec *main_codec = NULL;
    media->remote_red = media->codec_count && media->codecs[0].codec == XC_CODEC_RED;
    arrange(want, media);
    for (uint8_t c = 0; c < media->codec_count && !main_codec; c++) {
        if (xc_negotiate_is_main(media->codecs[c].codec))
            main_codec = &media->codecs[c];
    }
    for (uint8_t k = 0; main_codec && k < section->codec_count; k++) {
        if (section->codecs[k].payload_type == main_codec->send_payload_type)
            xc_negotiate_fmtp_read(media, section->codecs[k].fmtp);
    }
    return main_codec != NULL;
}

static uint8_t repair_of(const struct xc_sdp_section *section, uint8_t payload_type,
                         uint8_t preferred)
{
    const struct xc_sdp_codec *repair = xc_negotiate_entry_find(
        section, xc_negotiate_meaning(XC_CODEC_RTX, payload_type), preferred);
    return repair ? repair->payload_type : 0;
}

bool xc_negotiate_codecs_accept(struct xc_negotiation *n, uint8_t i, int8_t want,
                                const struct xc_sdp_section *section)
{
    struct xc_media_agreed *media = &n->remote.sections[i].media;
    const struct xc_media_want *wish = &n->wants[want];
    const struct xc_media_agreed *before =
        i < n->media_count && n->media[i].active ? &n->media[i] : NULL;
    uint8_t opus = opus_of(section, sent_before(before, XC_CODEC_OPUS));
    media->codec_count = 0;
    for (uint8_t k = 0; k < section->codec_count; k++) {
        uint8_t codec = (uint8_t)(xc_negotiate_entry_meaning(&section->codecs[k]) & 255);
        if (codec >= XC_CODEC_RTX || !speaks(wish, codec) || xc_negotiate_codec(media, codec))
            continue;
        const struct xc_sdp_codec *entry = choose(section, codec, opus, sent_before(before, codec));
        uint8_t inner = codec == XC_CODEC_RED ? opus : 0;
        if (!entry || used_otherwise(n, &n->remote, i, entry->payload_type,
                                     xc_negotiate_meaning(codec, inner), false))
            continue;
        struct xc_agreed_codec *slot = &media->codecs[media->codec_count++];
        *slot =
            (struct xc_agreed_codec){.codec = codec,
                                     .send_payload_type = entry->payload_type,
                                     .receive_payload_type = entry->payload_type,
                                     .inner_send = inner,
                                     .inner_receive = inner,
                                     .feedback = entry->feedback & xc_negotiate_feedback(n, codec)};
        if (media->kind != XC_SDP_VIDEO || !wish->repair_ssrc)
            continue;
        const struct xc_agreed_codec *old = before ? xc_negotiate_codec(before, codec) : NULL;
        uint8_t repair = repair_of(section, entry->payload_type, old ? old->repair_send : 0);
        if (repair && !used_otherwise(n, &n->remote, i, repair, repair_meaning(slot), false))
            slot->repair_send = slot->repair_receive = repair;
    }
    return finish(wish, section, media) || section->kind == XC_SDP_APPLICATION;
}

bool xc_negotiate_codecs_keep(const struct xc_media_want *want,
                              const struct xc_sdp_section *section, struct xc_media_agreed *media)
{
    struct xc_media_agreed offered = *media;
    const struct xc_agreed_codec *ours = xc_negotiate_codec(&offered, XC_CODEC_OPUS);
    uint8_t opus = ours ? opus_of(section, ours->receive_payload_type) : 0;
    media->codec_count = 0;
    for (uint8_t k = 0; k < section->codec_count; k++) {
        uint8_t codec = (uint8_t)(xc_negotiate_entry_meaning(&section->codecs[k]) & 255);
        ours = xc_negotiate_codec(&offered, codec);
        if (!ours || xc_negotiate_codec(media, codec))
            continue;
        const struct xc_sdp_codec *entry = choose(section, codec, opus, ours->receive_payload_type);
        if (!entry)
            continue;
        struct xc_agreed_codec *slot = &media->codecs[media->codec_count++];
        *slot = *ours;
        slot->send_payload_type = entry->payload_type;
        slot->inner_send = codec == XC_CODEC_RED ? opus : 0;
        slot->feedback &= entry->feedback;
        slot->repair_send = ours->repair_receive
                                ? repair_of(section, entry->payload_type, ours->repair_receive)
                                : 0;
        if (!slot->repair_send)
            slot->repair_receive = 0;
    }
    return finish(want, section, media) || section->kind == XC_SDP_APPLICATION;
}

void xc_negotiate_codecs_estimate(struct xc_media_agreed *media)
{
    for (uint8_t c = 0; c < media->codec_count && !media->extension_ids[XC_EXT_TRANSPORT_CC]; c++)
        media->codecs[c].feedback &= ~(uint32_t)XC_SDP_FB_TRANSPORT_CC;
}
