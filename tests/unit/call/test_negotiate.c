/* test_negotiate.c - call/negotiate.c between two of ours: the first exchange, directions, hold, roles,
 * additions, glare, rollback, and what must be refused.
 * SPDX-License-Identifier: MIT */
#include "negotiate_peers.h"

#include <stdio.h>

static struct peer a, b;

static void both_init(void)
{
    peer_init(&a, true, 0, 1);
    peer_init(&b, false, 0, 2);
}

static void audio_call(void)
{
    both_init();
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    exchange(&a, &b);
}

static void video_call(void)
{
    both_init();
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    exchange(&a, &b);
}

static void test_offer_text(void **state)
{
    (void)state;
    both_init();
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDONLY);
    a.n.wants[0].stereo = true;
    a.n.wants[0].dtx = true;
    a.n.wants[0].audio_bitrate_bps = 64000;
    peer_offer(&a);
    assert_int_equal(a.n.state, XC_SIGNALLING_LOCAL_OFFER);
    assert_non_null(strstr(a.text, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
    assert_non_null(strstr(a.text, "a=rtpmap:111 opus/48000/2\r\n"));
    assert_non_null(strstr(a.text, "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1;stereo=1;"
                                   "sprop-stereo=1;maxaveragebitrate=64000\r\n"));
    assert_non_null(strstr(a.text, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"));
    assert_non_null(strstr(a.text, "a=rtpmap:96 VP8/90000\r\n"));
    assert_non_null(strstr(a.text, "a=rtcp-fb:96 nack\r\n"));
    assert_non_null(strstr(a.text, "a=rtcp-fb:96 nack pli\r\n"));
    assert_non_null(strstr(a.text, "a=rtcp-fb:96 ccm fir\r\n"));
    assert_null(strstr(a.text, "goog-remb"));
    assert_null(strstr(a.text, "transport-cc"));
    assert_non_null(strstr(a.text, "a=group:BUNDLE 0 1\r\n"));
    assert_non_null(strstr(a.text, "a=setup:actpass\r\n"));
    assert_non_null(strstr(a.text, "a=rtcp-mux\r\n"));
    assert_non_null(strstr(a.text, "a=rtcp-rsize\r\n"));
    assert_non_null(strstr(a.text, "a=ice-options:trickle\r\n"));
    assert_non_null(strstr(a.text, "a=ssrc:1000 cname:"));
    assert_non_null(strstr(a.text, "a=ssrc:1001 cname:"));
    assert_non_null(strstr(a.text, "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"));
    assert_null(strstr(a.text, "a=extmap:2"));
    parse_text(a.text, a.size);
    assert_string_equal(parsed.sections[0].msid_stream, a.n.config.stream_id);
    assert_true(parsed.sections[1].msid_track[0] != 0);
    assert_string_not_equal(parsed.sections[0].msid_track, parsed.sections[1].msid_track);
}

static void test_first_exchange(void **state)
{
    (void)state;
    video_call();
    assert_int_equal(a.n.media_count, 2);
    assert_int_equal(b.n.media_count, 2);
    for (int i = 0; i < 2; i++) {
        const struct xc_media_agreed *x = &a.n.media[i], *y = &b.n.media[i];
        assert_true(x->active && y->active);
        assert_string_equal(x->mid, y->mid);
        assert_int_equal(x->codecs[0].codec, i ? XC_CODEC_VP8 : XC_CODEC_OPUS);
        assert_int_equal(x->direction, XC_SDP_SENDRECV);
        assert_int_equal(y->direction, XC_SDP_SENDRECV);
        assert_int_equal(x->codecs[0].send_payload_type, i ? 96 : 111);
        assert_int_equal(y->codecs[0].receive_payload_type, x->codecs[0].send_payload_type);
        assert_true(x->reduced_size && y->reduced_size);
        assert_int_equal(x->extension_ids[XC_EXT_MID], 1);
        assert_int_equal(y->extension_ids[XC_EXT_MID], 1);
        assert_int_equal(x->remote_ssrc_count, 1);
        assert_int_equal(y->remote_ssrcs[0], 1000 + i);
    }
    assert_int_equal(b.n.want_of[0], 1); /* matched by kind, not by place */
    assert_int_equal(b.n.want_of[1], 0);
    assert_int_equal(a.n.media[1].codecs[0].feedback,
                     XC_SDP_FB_NACK | XC_SDP_FB_PLI | XC_SDP_FB_FIR);
    assert_int_equal(b.n.media[1].codecs[0].feedback, a.n.media[1].codecs[0].feedback);
    assert_int_equal(a.n.media[0].codecs[0].feedback, XC_SDP_FB_NACK);
    assert_true(a.n.media[0].remote_fec);
    assert_false(a.n.media[0].remote_stereo);
    assert_false(a.n.dtls_client); /* the answerer is the active one */
    assert_true(b.n.dtls_client);
    assert_non_null(strstr(b.text, "a=setup:active\r\n"));
    assert_string_equal(a.n.remote_transport.ufrag, UFRAG_B);
    assert_string_equal(b.n.remote_transport.ufrag, UFRAG_A);
    assert_int_equal(b.n.remote_transport.fingerprints[0].digest[0], 0xaa);
    assert_false(xc_negotiate_needed(&a.n));
    assert_false(xc_negotiate_needed(&b.n));
    assert_false(a.n.remote_hold || b.n.remote_hold);
}

static void test_opus_parameters_cross(void **state)
{
    (void)state;
    both_init();
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    b.n.wants[0] = (struct xc_media_want){.kind = XC_SDP_AUDIO,
                                          .direction = XC_SDP_SENDRECV,
                                          .ssrc = 7,
                                          .dtx = true,
                                          .stereo = true,
                                          .audio_bitrate_bps = 24000};
    exchange(&a, &b);
    assert_false(a.n.media[0].remote_fec);
    assert_true(a.n.media[0].remote_dtx);
    assert_true(a.n.media[0].remote_stereo);
    assert_int_equal(a.n.media[0].remote_max_bitrate_bps, 24000);
    assert_true(b.n.media[0].remote_fec);
    assert_false(b.n.media[0].remote_dtx);
    assert_int_equal(b.n.media[0].remote_max_bitrate_bps, 0);
}

/* All 3 x 4 wishes x holds: the agreed directions are complementary and nobody gets more than it
 * wished. */
static void test_direction_matrix(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 64; c++) {
        uint8_t wish_a = c & 3, wish_b = c >> 2 & 3;
        if (!wish_a) /* dormant: not offered */
            continue;
        both_init();
        peer_want(&a, XC_SDP_AUDIO, wish_a);
        peer_want(&b, XC_SDP_AUDIO, wish_b);
        a.n.hold_local = (c >> 4 & 1) != 0;
        b.n.hold_local = (c >> 5 & 1) != 0;
        exchange(&a, &b);
        uint8_t most_a = a.n.hold_local ? wish_a & XC_SDP_SENDONLY : wish_a;
        uint8_t most_b = b.n.hold_local ? wish_b & XC_SDP_SENDONLY : wish_b;
        assert_int_equal(a.n.media[0].direction, most_a & mirror(most_b));
        assert_int_equal(b.n.media[0].direction, mirror(a.n.media[0].direction));
        assert_true(a.n.media[0].active && b.n.media[0].active);
    }
}

static void test_hold_one_side(void **state)
{
    (void)state;
    video_call();
    a.n.hold_local = true;
    assert_true(xc_negotiate_needed(&a.n));
    exchange(&a, &b);
    assert_non_null(strstr(a.text, "a=sendonly\r\n"));
    assert_non_null(strstr(b.text, "a=recvonly\r\n"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(a.n.media[i].direction, XC_SDP_SENDONLY);
        assert_int_equal(b.n.media[i].direction, XC_SDP_RECVONLY);
    }
    assert_true(b.n.remote_hold);
    assert_false(a.n.remote_hold);
    assert_false(xc_negotiate_needed(&a.n));
    assert_false(xc_negotiate_needed(&b.n));
    a.n.hold_local = false;
    assert_true(xc_negotiate_needed(&a.n));
    exchange(&a, &b);
    assert_int_equal(a.n.media[0].direction, XC_SDP_SENDRECV);
    assert_int_equal(b.n.media[1].direction, XC_SDP_SENDRECV);
    assert_false(b.n.remote_hold);
}

static void test_hold_both_sides(void **state)
{
    (void)state;
    audio_call();
    a.n.hold_local = true;
    exchange(&a, &b);
    b.n.hold_local = true; /* the held side holds too: RFC 3264 section 8.4, both inactive */
    assert_true(xc_negotiate_needed(&b.n));
    exchange(&b, &a);
    assert_int_equal(a.n.media[0].direction, XC_SDP_INACTIVE);
    assert_int_equal(b.n.media[0].direction, XC_SDP_INACTIVE);
    assert_true(a.n.remote_hold && b.n.remote_hold);
    a.n.hold_local = false; /* the first one comes back: it stays held by the other */
    exchange(&a, &b);
    assert_int_equal(a.n.media[0].direction, XC_SDP_RECVONLY);
    assert_int_equal(b.n.media[0].direction, XC_SDP_SENDONLY);
    assert_true(a.n.remote_hold);
    assert_false(b.n.remote_hold);
    b.n.hold_local = false;
    exchange(&b, &a);
    assert_int_equal(a.n.media[0].direction, XC_SDP_SENDRECV);
    assert_false(a.n.remote_hold || b.n.remote_hold);
}

static void test_sources_stay_named(void **state)
{
    (void)state;
    audio_call();
    b.n.hold_local = true;
    exchange(&b, &a);
    assert_non_null(strstr(a.text, "a=recvonly\r\n"));
    assert_non_null(strstr(a.text, "a=ssrc:"));
    assert_non_null(strstr(a.text, "a=msid:"));
    a.n.hold_local = true;
    exchange(&a, &b);
    assert_non_null(strstr(b.text, "a=inactive\r\n"));
    assert_non_null(strstr(b.text, "a=ssrc:"));
}

static void test_versions(void **state)
{
    (void)state;
    audio_call();
    uint64_t id = a.n.session_id, version;
    parse_text(a.text, a.size);
    version = parsed.session_version;
    assert_int_equal(parsed.session_id, id);
    for (uint64_t k = 1; k < 4; k++) {
        exchange(&a, &b);
        parse_text(a.text, a.size);
        assert_int_equal(parsed.session_version, version + k);
        assert_int_equal(parsed.session_id, id);
    }
}

static void test_role_is_kept(void **state)
{
    (void)state;
    audio_call();
    exchange(&b, &a); /* the offerer of the first exchange answers: it stays the server */
    assert_non_null(strstr(b.text, "a=setup:actpass\r\n"));
    assert_non_null(strstr(a.text, "a=setup:passive\r\n"));
    assert_true(b.n.dtls_client);
    assert_false(a.n.dtls_client);
    exchange(&a, &b);
    assert_non_null(strstr(b.text, "a=setup:active\r\n"));
}

static void test_offer_active_makes_us_passive(void **state)
{
    (void)state;
    both_init();
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_offer(&a);
    replace(a.text, &a.size, "a=setup:actpass", "a=setup:active");
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
    peer_answer(&b);
    assert_non_null(strstr(b.text, "a=setup:passive\r\n"));
    assert_false(b.n.dtls_client);
}

static void test_add_video_by_either(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        struct peer *from = who ? &b : &a, *to = who ? &a : &b;
        audio_call();
        peer_want(to, XC_SDP_VIDEO, XC_SDP_RECVONLY);
        peer_want(from, XC_SDP_VIDEO, XC_SDP_SENDRECV);
        assert_true(xc_negotiate_needed(&from->n));
        exchange(from, to);
        assert_int_equal(a.n.media_count, 2);
        assert_true(from->n.media[1].active && to->n.media[1].active);
        assert_int_equal(from->n.media[1].direction, XC_SDP_SENDONLY);
        assert_string_equal(a.n.media[0].mid, "0");
        assert_string_equal(a.n.media[1].mid, "1");
        assert_non_null(strstr(from->text, "a=group:BUNDLE 0 1\r\n"));
        assert_false(xc_negotiate_needed(&from->n) || xc_negotiate_needed(&to->n));
    }
}

static void test_refused_video_and_a_second_try(void **state)
{
    (void)state;
    audio_call();
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    exchange(&a, &b); /* b wishes no video */
    assert_non_null(strstr(b.text, "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"));
    assert_non_null(strstr(b.text, "a=group:BUNDLE 0\r\n"));
    assert_false(a.n.media[1].active);
    assert_false(xc_negotiate_needed(&a.n)); /* a refusal is not asked again by itself */
    exchange(&a, &b);
    assert_int_equal(a.n.media_count, 2);
    assert_non_null(strstr(a.text, "m=video 0 "));
    peer_want(&b, XC_SDP_VIDEO, XC_SDP_SENDRECV); /* but when the peer offers it, it is there */
    exchange(&b, &a);
    assert_int_equal(a.n.media_count, 2); /* the dead section is used again, under a new mid */
    assert_true(a.n.media[1].active && b.n.media[1].active);
    assert_int_equal(a.n.want_of[1], 1);
    assert_string_equal(a.n.media[1].mid, "2");
    assert_string_equal(b.n.media[1].mid, "2");
    assert_false(a.n.want_refused[1]);
}

static void test_second_audio_with_other_parameters(void **state)
{
    (void)state;
    audio_call();
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    a.n.wants[1].stereo = true;
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV); /* like the first: shares its payload type */
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    exchange(&a, &b);
    assert_int_equal(a.n.media[0].codecs[0].receive_payload_type, 111);
    assert_int_not_equal(a.n.media[1].codecs[0].receive_payload_type, 111);
    assert_int_equal(a.n.media[2].codecs[0].receive_payload_type, 111);
    assert_true(a.n.media[1].active && a.n.media[2].active && b.n.media[2].active);
}

static void test_wants_have_a_limit(void **state)
{
    (void)state;
    both_init();
    for (int i = 0; i < XC_MEDIA_MAX; i++)
        assert_true(peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV));
    assert_false(peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV));
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    exchange(&a, &b);
    assert_int_equal(b.n.media_count, XC_MEDIA_MAX);
    assert_true(b.n.media[0].active);
    assert_false(b.n.media[1].active || b.n.media[2].active || b.n.media[3].active);
}

static void test_glare(void **state)
{
    (void)state;
    audio_call();
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_offer(&a);
    peer_offer(&b);
    assert_int_equal(peer_take_offer(&a, &b), XC_NEGOTIATE_GLARE);
    assert_int_equal(a.n.state, XC_SIGNALLING_LOCAL_OFFER);
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
    peer_answer(&b);
    assert_int_equal(peer_take_answer(&a, &b), XC_NEGOTIATE_OK);
    assert_int_equal(a.n.media_count, 2);
    assert_int_equal(b.n.media_count, 2);
    assert_true(a.n.media[1].active && b.n.media[1].active);
    assert_false(xc_negotiate_needed(&b.n));
}

/* Both sides' very first offers cross, with different ids for the same extensions. */
static void test_glare_at_first(void **state)
{
    (void)state;
    peer_init(&a, true, ALL_EXTENSIONS, 1);
    peer_init(&b, false, 1U << XC_EXT_ABS_SEND_TIME, 2);
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_offer(&b);
    assert_int_equal(b.n.extension_count, 2);
    peer_offer(&a);
    assert_int_equal(peer_take_offer(&a, &b), XC_NEGOTIATE_GLARE);
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
    peer_answer(&b);
    assert_int_equal(peer_take_answer(&a, &b), XC_NEGOTIATE_OK);
    assert_true(a.n.media[0].active);
    assert_int_equal(a.n.media_count, 1);
    assert_int_equal(b.n.media[0].extension_ids[XC_EXT_ABS_SEND_TIME], 3); /* a's numbering */
    assert_int_equal(a.n.media[0].extension_ids[XC_EXT_ABS_SEND_TIME], 3);
    assert_int_equal(a.n.media[0].extension_ids[XC_EXT_AUDIO_LEVEL], 0);
    assert_true(xc_negotiate_needed(&b.n)); /* its video is still to be offered */
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    exchange(&b, &a);
    assert_true(a.n.media[1].active);
}

static void test_glare_with_a_bad_offer_keeps_ours(void **state)
{
    (void)state;
    peer_init(&a, true, 0, 1);
    peer_init(&b, false, ALL_EXTENSIONS, 2);
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_offer(&a);
    replace(a.text, &a.size, "a=setup:actpass", "a=setup:holdconn");
    peer_offer(&b);
    struct xc_negotiation before = b.n;
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_BAD);
    assert_int_equal(b.n.state, XC_SIGNALLING_LOCAL_OFFER);
    assert_memory_equal(b.n.extension_ids_taken, before.extension_ids_taken,
                        sizeof before.extension_ids_taken);
    assert_int_equal(b.n.extension_count, before.extension_count);
    assert_int_equal(peer_take_offer(&a, &b), XC_NEGOTIATE_GLARE);
    xc_negotiate_rollback(&a.n);
    assert_int_equal(peer_take_offer(&a, &b), XC_NEGOTIATE_OK);
    peer_answer(&a);
    assert_int_equal(peer_take_answer(&b, &a), XC_NEGOTIATE_OK);
}

static void test_rollback(void **state)
{
    (void)state;
    audio_call();
    uint8_t extensions = a.n.extension_count;
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    a.n.wants[0].direction = XC_SDP_RECVONLY;
    peer_offer(&a);
    assert_int_equal(a.n.media_count, 1); /* nothing is agreed before the answer */
    assert_int_equal(a.n.media[0].direction, XC_SDP_SENDRECV);
    assert_int_equal(xc_negotiate_create_offer(&a.n, &a.local, &written), XC_NEGOTIATE_STATE);
    xc_negotiate_rollback(&a.n);
    assert_int_equal(a.n.state, XC_SIGNALLING_STABLE);
    assert_int_equal(a.n.media_count, 1);
    assert_int_equal(a.n.extension_count, extensions);
    assert_true(xc_negotiate_needed(&a.n));
    peer_want(&b, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    exchange(&a, &b);
    assert_true(a.n.media[1].active);
    assert_int_equal(a.n.media[0].direction, XC_SDP_RECVONLY);
    peer_init(&a, true, ALL_EXTENSIONS, 1); /* ids of an offer that nobody took are free again */
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_offer(&a);
    assert_int_equal(a.n.extension_count, 5);
    xc_negotiate_rollback(&a.n);
    assert_int_equal(a.n.extension_count, 0);
    assert_int_equal(a.n.extension_ids_taken[0], 0);
}

static void test_wrong_state(void **state)
{
    (void)state;
    audio_call();
    parse_text(b.text, b.size);
    assert_int_equal(xc_negotiate_apply_answer(&a.n, &parsed, NULL), XC_NEGOTIATE_STATE);
    assert_int_equal(xc_negotiate_create_answer(&a.n, &a.local, &written), XC_NEGOTIATE_STATE);
    peer_offer(&a);
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_STATE);
    assert_int_equal(xc_negotiate_create_offer(&b.n, &b.local, &written), XC_NEGOTIATE_STATE);
    both_init();
    assert_int_equal(xc_negotiate_create_offer(&a.n, &a.local, &written), XC_NEGOTIATE_STATE);
}

static void test_extensions_as_configured(void **state)
{
    (void)state;
    peer_init(&a, true, ALL_EXTENSIONS, 1);
    peer_init(&b, false, ALL_EXTENSIONS & ~(1U << XC_EXT_PLAYOUT_DELAY), 2);
    peer_want(&a, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    exchange(&a, &b);
    for (int known = 0; known < XC_EXT_KNOWN; known++) {
        bool audio = known != XC_EXT_PLAYOUT_DELAY && known != XC_EXT_VIDEO_ORIENTATION;
        bool video = known != XC_EXT_PLAYOUT_DELAY && known != XC_EXT_AUDIO_LEVEL;
        assert_int_equal(a.n.media[0].extension_ids[known] != 0, audio);
        assert_int_equal(a.n.media[1].extension_ids[known] != 0, video);
        if (audio && video)
            assert_int_equal(a.n.media[0].extension_ids[known], a.n.media[1].extension_ids[known]);
        assert_int_equal(a.n.media[0].extension_ids[known], b.n.media[0].extension_ids[known]);
        assert_int_equal(a.n.media[1].extension_ids[known], b.n.media[1].extension_ids[known]);
    }
    assert_int_equal(a.n.media[0].codecs[0].feedback, XC_SDP_FB_NACK | XC_SDP_FB_TRANSPORT_CC);
    assert_int_equal(a.n.media[1].codecs[0].feedback, XC_SDP_FB_NACK | XC_SDP_FB_PLI |
                                                          XC_SDP_FB_FIR | XC_SDP_FB_REMB |
                                                          XC_SDP_FB_TRANSPORT_CC);
    assert_int_equal(b.n.media[1].codecs[0].feedback, a.n.media[1].codecs[0].feedback);
}

/* The peer refused an id of ours in the first section and agreed on one of its own in the second, as
 * Firefox does: a third section has the one that is in use. */
static void test_extension_id_in_use_goes_first(void **state)
{
    (void)state;
    static const char *const uri = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
    char line[128];
    peer_init(&a, true, ALL_EXTENSIONS, 1);
    peer_init(&b, false, ALL_EXTENSIONS, 2);
    for (uint8_t kind = 0; kind < 2; kind++) {
        peer_want(&a, kind ? XC_SDP_VIDEO : XC_SDP_AUDIO, XC_SDP_SENDRECV);
        peer_want(&b, kind ? XC_SDP_VIDEO : XC_SDP_AUDIO, XC_SDP_SENDRECV);
    }
    exchange(&a, &b);
    uint8_t vain = a.n.media[0].extension_ids[XC_EXT_ABS_SEND_TIME];
    assert_in_range(vain, 1, 9);
    a.n.media[0].extension_ids[XC_EXT_ABS_SEND_TIME] = 0;
    a.n.media[1].extension_ids[XC_EXT_ABS_SEND_TIME] = 10;
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_offer(&a);
    snprintf(line, sizeof line, "a=extmap:%u %s", (unsigned)vain, uri);
    assert_null(strstr(a.text, line));
    snprintf(line, sizeof line, "a=extmap:10 %s", uri);
    const char *at = a.text;
    for (int i = 0; i < 3; i++) {
        at = strstr(at, line);
        assert_non_null(at);
        at++;
    }
}

/* transport-cc without its extension in the section means nothing. */
static void test_transport_cc_needs_its_extension(void **state)
{
    (void)state;
    peer_init(&a, true, ALL_EXTENSIONS, 1);
    peer_init(&b, false, ALL_EXTENSIONS, 2);
    peer_want(&a, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_want(&b, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_offer(&a);
    replace(a.text, &a.size, "transport-wide-cc-extensions-01", "nothing");
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
    peer_answer(&b);
    assert_null(strstr(b.text, "transport-cc"));
    assert_false(b.n.media[0].codecs[0].feedback & XC_SDP_FB_TRANSPORT_CC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offer_text),
        cmocka_unit_test(test_first_exchange),
        cmocka_unit_test(test_opus_parameters_cross),
        cmocka_unit_test(test_direction_matrix),
        cmocka_unit_test(test_hold_one_side),
        cmocka_unit_test(test_hold_both_sides),
        cmocka_unit_test(test_sources_stay_named),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_role_is_kept),
        cmocka_unit_test(test_offer_active_makes_us_passive),
        cmocka_unit_test(test_add_video_by_either),
        cmocka_unit_test(test_refused_video_and_a_second_try),
        cmocka_unit_test(test_second_audio_with_other_parameters),
        cmocka_unit_test(test_wants_have_a_limit),
        cmocka_unit_test(test_glare),
        cmocka_unit_test(test_glare_at_first),
        cmocka_unit_test(test_glare_with_a_bad_offer_keeps_ours),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_wrong_state),
        cmocka_unit_test(test_extensions_as_configured),
        cmocka_unit_test(test_extension_id_in_use_goes_first),
        cmocka_unit_test(test_transport_cc_needs_its_extension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
