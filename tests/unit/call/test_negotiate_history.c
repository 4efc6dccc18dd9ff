/* test_negotiate_history.c - 1000 seeded histories of renegotiation between two of ours, joined through
 * text: audio, video, screen and data added, stopped and added again, hold, directions, codecs and
 * their order changed, ICE restarts, either side offering, glare, rollback. After each exchange
 * everything that may not change is compared with all that was seen before.
 * SPDX-License-Identifier: MIT */
#include "negotiate_peers.h"

#define HISTORIES 1000
#define STEPS 12

struct history {
    uint64_t seed;
    uint32_t step;
    struct xc_rng rng;
    struct peer side[2]; /* 0 offered first */
    char mids[XC_SDP_SECTIONS_MAX][XC_SDP_TOKEN_MAX + 1];
    uint8_t kinds[XC_SDP_SECTIONS_MAX];
    bool active[XC_SDP_SECTIONS_MAX];
    uint8_t sections;
    char uris[256][128];  /* id -> URI, of agreed descriptions */
    char codecs[128][80]; /* payload type -> codec, and what it stands for */
    char mids_ever[64][XC_SDP_TOKEN_MAX + 1];
    uint8_t mid_count;
    uint32_t restarts, recycled, data, repaired, both_codecs, red;
    uint64_t session_id[2], version[2];
    bool rolled_back[2]; /* versions may have been used up */
    bool connected;
};

static struct history h;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %llu step %u: %s\n%s\n%s", (unsigned long long)h.seed,                  \
                     (unsigned)h.step, #condition, h.side[0].text, h.side[1].text);                \
    } while (0)

static uint32_t draw(uint32_t bound)
{
    return xc_rng_below(&h.rng, bound);
}

static void shape_want(struct peer *peer, struct xc_media_want *want)
{
    static const uint8_t orders[][XC_VIDEO_CODECS_MAX] = {
        {0, 0},
        {XC_CODEC_VP8, XC_CODEC_VP9},
        {XC_CODEC_VP9, XC_CODEC_VP8},
        {XC_CODEC_VP9, 0},
    };
    memcpy(want->video_codecs, orders[draw(4)], sizeof want->video_codecs);
    want->prefer_codecs = draw(3) == 0;
    want->repair_ssrc = draw(3) ? want->ssrc + 500 : 0;
    want->red = draw(2) == 1;
    want->red_first = draw(3) == 0;
    want->telephone_event = draw(2) == 1;
    peer->n.offer_due = true;
}

/* kind 0: any. */
static void add_media(struct peer *peer, uint8_t kind)
{
    static const uint8_t kinds[] = {XC_SDP_VIDEO, XC_SDP_VIDEO, XC_SDP_AUDIO, XC_SDP_APPLICATION};
    if (!kind)
        kind = kinds[draw(4)];
    if (!peer_want(peer, kind, (uint8_t)draw(4)))
        return;
    struct xc_media_want *want = &peer->n.wants[peer->n.want_count - 1];
    want->accept = (uint8_t)draw(4);
    want->screen = draw(3) == 0;
    want->stereo = draw(2) == 1;
    want->dtx = draw(2) == 1;
    shape_want(peer, want);
}

static void begin(uint64_t seed)
{
    memset(&h, 0, sizeof h);
    h.seed = seed;
    xc_rng_init_number(&h.rng, seed);
    for (int i = 0; i < 2; i++) {
        peer_init(&h.side[i], i == 0, draw(ALL_EXTENSIONS + 1), seed * 2 + (uint64_t)i);
        peer_want(&h.side[i], XC_SDP_AUDIO, (uint8_t)(1 + draw(3)));
        shape_want(&h.side[i], &h.side[i].n.wants[0]);
    }
    for (uint32_t k = draw(5); k > 0; k--) {
        add_media(&h.side[0], 0);
        add_media(&h.side[1], h.side[0].n.wants[h.side[0].n.want_count - 1].kind);
    }
}

/* The section of a wish is stopped for good, as a browser's transceiver is: here by a want that the
 * peer does not know any more. What it offers then has port 0. */
static void stop_media(struct peer *peer)
{
    uint8_t i = (uint8_t)draw(XC_SDP_SECTIONS_MAX);
    if (i == 0 || i >= peer->n.media_count || !peer->n.media[i].active ||
        peer->n.state != XC_SIGNALLING_STABLE)
        return;
    peer->n.want_refused[peer->n.want_of[i]] = draw(2) == 1;
    peer->n.media[i].active = false;
    peer->n.media[i].direction = XC_SDP_INACTIVE;
    peer->n.want_of[i] = -1;
    peer->n.given_up[i] = false; /* not before it was said */
    peer->n.offer_due = true;
}

static void change_something(struct peer *peer)
{
    switch (draw(10)) {
    case 0:
    case 1:
        add_media(peer, 0);
        break;
    case 2:
    case 3:
        peer->n.hold_local = !peer->n.hold_local;
        break;
    case 4:
        peer->n.wants[draw(peer->n.want_count)].direction = (uint8_t)draw(4);
        break;
    case 5:
        peer->n.wants[draw(peer->n.want_count)].accept = (uint8_t)draw(4);
        break;
    case 6: /* what was refused is tried again */
        memset(peer->n.want_refused, 0, sizeof peer->n.want_refused);
        break;
    case 7:
        shape_want(peer, &peer->n.wants[draw(peer->n.want_count)]);
        break;
    case 8:
        peer->n.offer_due = true;
        break;
    default:
        break;
    }
}

/* ICE restart: new secrets with the next offer. */
static void restart(struct peer *peer)
{
    static const char letters[] = "abcdefghijklmnop";
    for (int i = 1; i < 4; i++)
        peer->local.ufrag[i] = letters[draw(16)];
    peer->n.offer_due = true;
    h.restarts++;
}

/* "rtx 96", "red 111", "VP9": RTX of another number is another thing. */
static void check_codecs(const struct xc_sdp_section *section)
{
    for (uint8_t k = 0; k < section->codec_count; k++) {
        const struct xc_sdp_codec *codec = &section->codecs[k];
        char *meaning = h.codecs[codec->payload_type], now[80] = "";
        bool stands = !strcmp(codec->name, "rtx") || !strcmp(codec->name, "red");
        if (!codec->name[0])
            continue;
        CHECK(codec->payload_type < 64 || codec->payload_type >= 96);
        strcat(now, codec->name);
        if (stands)
            strncat(now, codec->fmtp, 60);
        if (!meaning[0])
            strcpy(meaning, now);
        CHECK(!strcmp(meaning, now));
        for (uint8_t j = 0; !strcmp(codec->name, "rtx") && j <= section->codec_count; j++) {
            CHECK(j < section->codec_count);
            if (section->codecs[j].payload_type == xc_sdp_fmtp_number(codec->fmtp, "apt", 0))
                break;
        }
    }
}

static void check_agreed_codecs(const struct xc_media_agreed *p, const struct xc_media_agreed *q)
{
    bool main_codec = p->kind == XC_SDP_APPLICATION;
    CHECK(p->codec_count == q->codec_count);
    for (uint8_t c = 0; c < p->codec_count; c++) {
        const struct xc_agreed_codec *x = &p->codecs[c];
        const struct xc_agreed_codec *y = xc_negotiate_codec(q, x->codec);
        CHECK(y != NULL);
        CHECK(x->send_payload_type == y->receive_payload_type);
        CHECK(y->send_payload_type == x->receive_payload_type);
        CHECK(x->repair_send == y->repair_receive && x->repair_receive == y->repair_send);
        CHECK(!x->repair_send == !x->repair_receive);
        CHECK(x->inner_send == y->inner_receive && x->inner_receive == y->inner_send);
        CHECK(x->feedback == y->feedback);
        CHECK(p->extension_ids[XC_EXT_TRANSPORT_CC] || !(x->feedback & XC_SDP_FB_TRANSPORT_CC));
        main_codec = main_codec || x->codec == XC_CODEC_OPUS || p->kind == XC_SDP_VIDEO;
        h.repaired += x->repair_send != 0;
        h.red += x->codec == XC_CODEC_RED;
    }
    h.both_codecs += p->kind == XC_SDP_VIDEO && p->codec_count == 2;
    CHECK(main_codec);
}

static void check_extensions(const struct xc_sdp_section *section)
{
    for (uint8_t k = 0; k < section->extmap_count; k++) {
        const struct xc_sdp_extmap *extmap = &section->extmaps[k];
        for (uint32_t id = 0; id < 256; id++)
            CHECK(id == extmap->id || strcmp(h.uris[id], extmap->uri));
        char *uri = h.uris[extmap->id];
        if (!uri[0])
            memcpy(uri, extmap->uri, sizeof extmap->uri);
        CHECK(!strcmp(uri, extmap->uri));
    }
}

/* A description of side i's that the other side took. */
static void check_text(int i, bool answer)
{
    const struct peer *peer = &h.side[i];
    uint8_t grouped = 0;
    parse_text(peer->text, peer->size);
    CHECK(parsed.session_id == peer->n.session_id);
    CHECK(!h.session_id[i] || h.session_id[i] == parsed.session_id);
    CHECK(!h.version[i] || (h.rolled_back[i] ? parsed.session_version > h.version[i]
                                             : parsed.session_version == h.version[i] + 1));
    h.session_id[i] = parsed.session_id;
    h.version[i] = parsed.session_version;
    h.rolled_back[i] = false;
    for (uint8_t s = 0; s < parsed.section_count; s++) {
        const struct xc_sdp_section *section = &parsed.sections[s];
        bool in_group = false;
        for (uint8_t b = 0; b < parsed.bundle_count; b++)
            in_group = in_group || !strcmp(parsed.bundle[b], section->mid);
        CHECK(in_group == (section->port != 0));
        grouped = (uint8_t)(grouped + in_group);
        check_codecs(section);
        check_extensions(section);
        if (section->port == 0)
            continue;
        CHECK(section->rtcp_mux == (section->kind != XC_SDP_APPLICATION));
        CHECK(section->transport.fingerprint_count == 1);
        CHECK(section->transport.setup == (!answer               ? XC_SDP_ACTPASS
                                           : peer->n.dtls_client ? XC_SDP_ACTIVE
                                                                 : XC_SDP_PASSIVE));
        if (section->kind == XC_SDP_APPLICATION) {
            CHECK(section->sctp_port != 0 && section->ssrc_count == 0);
            continue;
        }
        CHECK(section->ssrc_count != 0 || !(section->direction & XC_SDP_SENDONLY));
        CHECK((section->ssrc_count == 2) == (section->fid_count == 1));
        CHECK((section->msid_stream[0] != 0) == (section->ssrc_count != 0));
    }
    CHECK(grouped == parsed.bundle_count);
}

/* A section keeps its mid and kind while it lives; one that was given up comes back under a mid that
 * never was. */
static void check_mid(uint8_t i, const struct xc_media_agreed *p)
{
    if (i < h.sections && !strcmp(h.mids[i], p->mid)) {
        CHECK(h.kinds[i] == p->kind);
        return;
    }
    if (i < h.sections) {
        CHECK(!h.active[i]);
        h.recycled++;
    }
    for (uint8_t k = 0; k < h.mid_count; k++)
        CHECK(strcmp(h.mids_ever[k], p->mid));
    if (h.mid_count < XC_ARRAY_LEN(h.mids_ever))
        memcpy(h.mids_ever[h.mid_count++], p->mid, sizeof p->mid);
    memcpy(h.mids[i], p->mid, sizeof h.mids[i]);
    h.kinds[i] = p->kind;
}

static void check_media(uint8_t i)
{
    const struct xc_negotiation *x = &h.side[0].n, *y = &h.side[1].n;
    const struct xc_media_agreed *p = &x->media[i], *q = &y->media[i];
    CHECK(p->extension_ids[XC_EXT_MID] != 0 || p->kind == XC_SDP_APPLICATION);
    CHECK(!memcmp(p->extension_ids, q->extension_ids, sizeof p->extension_ids));
    CHECK(!p->extension_ids[XC_EXT_AUDIO_LEVEL] || p->kind == XC_SDP_AUDIO);
    CHECK(!p->extension_ids[XC_EXT_VIDEO_ORIENTATION] || p->kind == XC_SDP_VIDEO);
    check_agreed_codecs(p, q);
    for (uint8_t k = 0; k < i; k++)
        CHECK(strcmp(p->mid, x->media[k].mid));
    if (p->kind == XC_SDP_APPLICATION) {
        CHECK(p->direction == XC_SDP_SENDRECV && q->direction == XC_SDP_SENDRECV);
        h.data++;
        return;
    }
    const struct xc_media_want *wish = &x->wants[x->want_of[i]];
    CHECK((p->direction & ~(wish->direction | wish->accept)) == 0);
    CHECK(!x->hold_local || !(p->direction & XC_SDP_RECVONLY));
    CHECK(!y->hold_local || !(q->direction & XC_SDP_RECVONLY));
}

static void check_sections(void)
{
    const struct xc_negotiation *x = &h.side[0].n, *y = &h.side[1].n;
    CHECK(x->media_count == y->media_count);
    CHECK(x->media_count >= h.sections);
    for (uint8_t i = 0; i < x->media_count; i++) {
        const struct xc_media_agreed *p = &x->media[i], *q = &y->media[i];
        check_mid(i, p);
        CHECK(!strcmp(p->mid, q->mid) && p->kind == q->kind);
        CHECK(p->active == q->active);
        h.active[i] = p->active;
        CHECK(p->direction == mirror(q->direction));
        CHECK((x->want_of[i] >= 0) == p->active && (y->want_of[i] >= 0) == q->active);
        if (p->active)
            check_media(i);
        else
            CHECK(p->direction == XC_SDP_INACTIVE);
    }
    h.sections = x->media_count;
    bool any = false;
    for (uint8_t i = 0; i < h.sections; i++)
        any = any || h.active[i];
    CHECK(!any || !strcmp(x->remote_transport.ufrag, h.side[1].local.ufrag));
    CHECK(!any || !strcmp(y->remote_transport.ufrag, h.side[0].local.ufrag));
}

static void check_session(int from)
{
    const struct xc_negotiation *x = &h.side[0].n, *y = &h.side[1].n;
    check_text(from, false);
    check_text(!from, true);
    check_sections();
    CHECK(x->state == XC_SIGNALLING_STABLE && y->state == XC_SIGNALLING_STABLE);
    CHECK(x->dtls_client != y->dtls_client);
    CHECK(y->dtls_client);                        /* settled by the first exchange: 1 answered it */
    CHECK(!xc_negotiate_needed(&h.side[from].n)); /* who offers gets all it may ask for */
}

/* The peers' sections say different things of one payload type only in rejected ones. */
static void run_exchange(int from)
{
    struct peer *x = &h.side[from], *y = &h.side[!from];
    if (h.connected && draw(6) == 0)
        restart(x);
    peer_offer(x);
    CHECK(peer_take_offer(y, x) == XC_NEGOTIATE_OK);
    if (draw(4) == 0)
        change_something(y); /* between offer and answer */
    peer_answer(y);
    CHECK(peer_take_answer(x, y) == XC_NEGOTIATE_OK);
    h.connected = true;
    check_session(from);
}

/* Both offer; the polite one gives way, or the impolite one's offer is lost and rolled back. */
static void run_glare(void)
{
    struct peer *x = &h.side[0], *y = &h.side[1];
    struct xc_sdp_transport old = y->local;
    bool restarts = h.connected && draw(3) == 0;
    if (restarts)
        restart(y);
    peer_offer(y);
    h.rolled_back[1] = true;
    peer_offer(x);
    CHECK(peer_take_offer(x, y) == XC_NEGOTIATE_GLARE);
    CHECK(peer_take_offer(y, x) == XC_NEGOTIATE_OK);
    y->local = old; /* an answer restarts nothing */
    peer_answer(y);
    CHECK(peer_take_answer(x, y) == XC_NEGOTIATE_OK);
    h.connected = true;
    check_session(0);
    CHECK(!restarts || (!x->n.remote_ice_restart && xc_negotiate_needed(&y->n)));
    if (xc_negotiate_needed(&y->n))
        run_exchange(1);
}

static void run_step(void)
{
    int from = h.connected ? (int)draw(2) : 0;
    if (h.step > 0)
        change_something(&h.side[draw(2)]);
    if (h.step > 0 && draw(6) == 0)
        stop_media(&h.side[from]);
    if (draw(8) == 0) {
        run_glare();
        return;
    }
    if (draw(8) == 0) {
        peer_offer(&h.side[from]);
        xc_negotiate_rollback(&h.side[from].n);
        h.rolled_back[from] = true;
    }
    run_exchange(from);
}

static void test_histories(void **state)
{
    (void)state;
    uint32_t sections_most = 0, dead = 0;
    uint32_t restarts = 0, recycled = 0, data = 0, repaired = 0, both_codecs = 0, red = 0;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        begin(seed);
        for (h.step = 0; h.step < STEPS; h.step++)
            run_step();
        sections_most = XC_MAX(sections_most, h.sections);
        for (uint8_t i = 0; i < h.sections; i++)
            dead += !h.side[0].n.media[i].active;
        restarts += h.restarts;
        recycled += h.recycled;
        data += h.data;
        repaired += h.repaired;
        both_codecs += h.both_codecs;
        red += h.red;
    }
    assert_true(sections_most >= 4); /* the histories reach what they are to reach */
    assert_true(dead > 100 && restarts > 100 && recycled > 100);
    assert_true(data > 1000 && repaired > 1000 && both_codecs > 1000 && red > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
