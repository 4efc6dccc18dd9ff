/* test_negotiate_history.c - 1000 seeded histories of renegotiation between two of ours, joined through
 * text: media added, hold, directions changed, either side offering, glare, rollback. After each
 * exchange everything that may not change is compared with all that was seen before.
 * SPDX-License-Identifier: MIT */
#include "negotiate_peers.h"

#define HISTORIES 1000
#define STEPS 9

struct history {
    uint64_t seed;
    uint32_t step;
    struct xc_rng rng;
    struct peer side[2]; /* 0 offered first */
    char mids[XC_SDP_SECTIONS_MAX][XC_SDP_TOKEN_MAX + 1];
    uint8_t kinds[XC_SDP_SECTIONS_MAX];
    uint8_t sections;
    char uris[256][128];  /* id -> URI, of agreed descriptions */
    char codecs[128][16]; /* payload type -> codec */
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

static void begin(uint64_t seed)
{
    memset(&h, 0, sizeof h);
    h.seed = seed;
    xc_rng_init_number(&h.rng, seed);
    for (int i = 0; i < 2; i++) {
        peer_init(&h.side[i], i == 0, draw(ALL_EXTENSIONS + 1), seed * 2 + (uint64_t)i);
        peer_want(&h.side[i], XC_SDP_AUDIO, (uint8_t)draw(4));
    }
}

static void add_media(struct peer *peer)
{
    uint8_t kind = draw(2) ? XC_SDP_VIDEO : XC_SDP_AUDIO;
    if (peer_want(peer, kind, (uint8_t)draw(4)) && kind == XC_SDP_AUDIO) {
        struct xc_media_want *want = &peer->n.wants[peer->n.want_count - 1];
        want->stereo = draw(2) == 1;
        want->dtx = draw(2) == 1;
    }
}

static void change_something(struct peer *peer)
{
    switch (draw(6)) {
    case 0:
        add_media(peer);
        break;
    case 1:
    case 2:
        peer->n.hold_local = !peer->n.hold_local;
        break;
    case 3:
        peer->n.wants[draw(peer->n.want_count)].direction = (uint8_t)draw(4);
        break;
    case 4: /* what was refused is tried again */
        memset(peer->n.want_refused, 0, sizeof peer->n.want_refused);
        break;
    default:
        break;
    }
}

static void check_codecs(const struct xc_sdp_section *section)
{
    for (uint8_t k = 0; k < section->codec_count; k++) {
        const struct xc_sdp_codec *codec = &section->codecs[k];
        char *meaning = h.codecs[codec->payload_type];
        if (!codec->name[0])
            continue;
        if (!meaning[0])
            memcpy(meaning, codec->name, strlen(codec->name) + 1);
        CHECK(!strcmp(meaning, codec->name));
    }
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
        CHECK(section->rtcp_mux);
        CHECK(section->transport.fingerprint_count == 1);
        CHECK(section->transport.setup == (!answer               ? XC_SDP_ACTPASS
                                           : peer->n.dtls_client ? XC_SDP_ACTIVE
                                                                 : XC_SDP_PASSIVE));
        CHECK((section->ssrc_count == 1) == ((section->direction & XC_SDP_SENDONLY) != 0));
        CHECK((section->msid_stream[0] != 0) == ((section->direction & XC_SDP_SENDONLY) != 0));
    }
    CHECK(grouped == parsed.bundle_count);
}

static void check_sections(void)
{
    const struct xc_negotiation *x = &h.side[0].n, *y = &h.side[1].n;
    CHECK(x->media_count == y->media_count);
    CHECK(x->media_count >= h.sections);
    for (uint8_t i = 0; i < x->media_count; i++) {
        const struct xc_media_agreed *p = &x->media[i], *q = &y->media[i];
        if (i >= h.sections) {
            memcpy(h.mids[i], p->mid, sizeof h.mids[i]);
            h.kinds[i] = p->kind;
        }
        CHECK(!strcmp(h.mids[i], p->mid) && !strcmp(h.mids[i], q->mid));
        CHECK(h.kinds[i] == p->kind && h.kinds[i] == q->kind);
        CHECK(p->active == q->active);
        CHECK(p->direction == mirror(q->direction));
        CHECK((x->want_of[i] >= 0) == p->active && (y->want_of[i] >= 0) == q->active);
        if (!p->active) {
            CHECK(p->direction == XC_SDP_INACTIVE);
            continue;
        }
        CHECK(p->codecs[0].send_payload_type == q->codecs[0].receive_payload_type);
        CHECK(q->codecs[0].send_payload_type == p->codecs[0].receive_payload_type);
        CHECK(p->codecs[0].codec == q->codecs[0].codec);
        CHECK(p->codecs[0].feedback == q->codecs[0].feedback);
        CHECK(!memcmp(p->extension_ids, q->extension_ids, sizeof p->extension_ids));
        CHECK(p->extension_ids[XC_EXT_MID] != 0);
        for (uint8_t k = 0; k < i; k++)
            CHECK(strcmp(p->mid, x->media[k].mid));
        uint8_t wish_x = x->wants[x->want_of[i]].direction;
        CHECK((p->direction & ~wish_x) == 0);
        CHECK(!x->hold_local || !(p->direction & XC_SDP_RECVONLY));
        CHECK(!y->hold_local || !(q->direction & XC_SDP_RECVONLY));
    }
    h.sections = x->media_count;
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
    peer_offer(y);
    h.rolled_back[1] = true;
    peer_offer(x);
    CHECK(peer_take_offer(x, y) == XC_NEGOTIATE_GLARE);
    CHECK(peer_take_offer(y, x) == XC_NEGOTIATE_OK);
    peer_answer(y);
    CHECK(peer_take_answer(x, y) == XC_NEGOTIATE_OK);
    h.connected = true;
    check_session(0);
    if (xc_negotiate_needed(&y->n))
        run_exchange(1);
}

static void run_step(void)
{
    int from = h.connected ? (int)draw(2) : 0;
    if (h.step > 0)
        change_something(&h.side[draw(2)]);
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
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        begin(seed);
        for (h.step = 0; h.step < STEPS; h.step++)
            run_step();
        sections_most = XC_MAX(sections_most, h.sections);
        for (uint8_t i = 0; i < h.sections; i++)
            dead += !h.side[0].n.media[i].active;
    }
    assert_true(sections_most >= 6); /* the histories reach what they are to reach */
    assert_true(dead > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
