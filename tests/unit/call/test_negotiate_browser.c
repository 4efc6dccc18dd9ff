/* test_negotiate_browser.c - call/negotiate.c against descriptions in the shape of Chromium's and
 * Firefox's: what we answer, what we take, and later exchanges with them.
 * SPDX-License-Identifier: MIT */
#include "negotiate_peers.h"
#include "negotiate_texts.h"

static struct peer us;
static char edited[TEXT_MAX];

static void we_answer(uint32_t extensions)
{
    peer_init(&us, false, extensions, 3);
    peer_want(&us, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDRECV);
}

static void we_offer(void)
{
    peer_init(&us, true, 0, 3);
    peer_want(&us, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_offer(&us);
}

static int take_offer(const char *text)
{
    parse_text(text, strlen(text));
    return xc_negotiate_apply_offer(&us.n, &parsed, &refusal);
}

static int take_answer(const char *text)
{
    parse_text(text, strlen(text));
    return xc_negotiate_apply_answer(&us.n, &parsed, &refusal);
}

/* Our newest text, parsed. */
static void read_ours(void)
{
    parse_text(us.text, us.size);
}

static void edit(const char *text, const char *at, const char *by)
{
    size_t size = strlen(text);
    memcpy(edited, text, size + 1);
    replace(edited, &size, at, by);
}

static void edit_more(const char *at, const char *by)
{
    size_t size = strlen(edited);
    replace(edited, &size, at, by);
}

static void test_chrome_offer(void **state)
{
    (void)state;
    we_answer(0);
    assert_int_equal(take_offer(CHROME_OFFER), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_int_equal(us.n.media_count, 3);
    assert_true(us.n.media[0].active && us.n.media[1].active);
    assert_false(us.n.media[2].active);
    assert_int_equal(us.n.media[0].codecs[0].send_payload_type, 111);
    assert_int_equal(us.n.media[1].codecs[0].receive_payload_type, 96);
    assert_int_equal(us.n.media[0].extension_ids[XC_EXT_MID], 4);
    assert_int_equal(us.n.media[1].extension_ids[XC_EXT_MID], 4);
    assert_int_equal(us.n.media[1].extension_ids[XC_EXT_ABS_SEND_TIME], 0);
    assert_int_equal(us.n.media[1].codecs[0].feedback,
                     XC_SDP_FB_NACK | XC_SDP_FB_PLI | XC_SDP_FB_FIR);
    assert_int_equal(us.n.media[1].remote_ssrc_count, 1); /* not its RTX */
    assert_int_equal(us.n.media[1].remote_ssrcs[0], 3017543219U);
    assert_true(us.n.media[0].remote_fec);
    assert_int_equal(us.n.media[1].direction, XC_SDP_SENDRECV);
    assert_true(us.n.dtls_client);
    assert_string_equal(us.n.remote_transport.ufrag, "h4Zq");
    assert_true(us.n.remote_transport.trickle);

    assert_non_null(strstr(us.text, "a=group:BUNDLE 0 1\r\n"));
    assert_non_null(strstr(us.text, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
    assert_non_null(strstr(us.text, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"));
    assert_non_null(strstr(us.text, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    assert_null(strstr(us.text, "rtx"));
    assert_null(strstr(us.text, "transport-cc"));
    read_ours();
    assert_int_equal(parsed.section_count, 3);
    assert_true(parsed.extmap_allow_mixed); /* at session level, as offered */
    assert_string_equal(parsed.sections[2].mid, "2");
    assert_int_equal(parsed.sections[0].transport.setup, XC_SDP_ACTIVE);
    assert_int_equal(parsed.sections[0].extmap_count, 1);
    assert_int_equal(parsed.sections[0].extmaps[0].id, 4);
    assert_true(parsed.sections[0].rtcp_mux && parsed.sections[1].rtcp_rsize);
    assert_int_equal(parsed.sections[2].transport.fingerprint_count, 0);
}

/* The ids that Chromium gave to its own URIs are never given to ours. */
static void test_chrome_ids_stay_taken(void **state)
{
    (void)state;
    we_answer(1U << XC_EXT_ABS_CAPTURE_TIME);
    assert_int_equal(take_offer(CHROME_OFFER), XC_NEGOTIATE_OK);
    peer_answer(&us);
    peer_offer(&us);
    read_ours();
    for (uint8_t i = 0; i < 2; i++) {
        const struct xc_sdp_section *section = &parsed.sections[i];
        assert_int_equal(section->extmap_count, 2);
        assert_int_equal(section->extmaps[0].id, 4); /* MID */
        assert_int_equal(section->extmaps[1].id, 9); /* the first that is free of 1 to 14 */
    }
    assert_int_equal(parsed.sections[2].port, 0);
    assert_string_equal(parsed.sections[2].kind_text, "application");
    assert_string_equal(parsed.sections[2].formats, "webrtc-datachannel");
    assert_string_equal(parsed.sections[2].mid, "2");
    assert_int_equal(parsed.bundle_count, 2);
    assert_int_equal(parsed.sections[1].codecs[0].payload_type, 96);
    assert_int_equal(parsed.sections[0].transport.setup, XC_SDP_ACTPASS);
}

static void test_chrome_all_extensions(void **state)
{
    (void)state;
    we_answer(ALL_EXTENSIONS);
    assert_int_equal(take_offer(CHROME_OFFER), XC_NEGOTIATE_OK);
    peer_answer(&us);
    const uint8_t audio[XC_EXT_KNOWN] = {4, 1, 2, 3, 0, 0, 0};
    const uint8_t video[XC_EXT_KNOWN] = {4, 0, 2, 3, 0, 5, 13};
    assert_memory_equal(us.n.media[0].extension_ids, audio, sizeof audio);
    assert_memory_equal(us.n.media[1].extension_ids, video, sizeof video);
    assert_int_equal(us.n.media[0].codecs[0].feedback, XC_SDP_FB_TRANSPORT_CC);
    assert_true((us.n.media[1].codecs[0].feedback & XC_SDP_FB_REMB) != 0);
    assert_non_null(strstr(us.text, "a=rtcp-fb:111 transport-cc\r\n"));
    assert_non_null(strstr(us.text, "a=rtcp-fb:96 transport-cc\r\n"));
}

static void test_chrome_answer(void **state)
{
    (void)state;
    we_offer();
    assert_int_equal(take_answer(CHROME_ANSWER), XC_NEGOTIATE_OK);
    assert_true(us.n.media[0].active && us.n.media[1].active);
    assert_false(us.n.dtls_client);
    assert_int_equal(us.n.media[0].remote_ssrcs[0], 1620349812U);
    assert_int_equal(us.n.media[1].codecs[0].feedback,
                     XC_SDP_FB_NACK | XC_SDP_FB_PLI | XC_SDP_FB_FIR);
    assert_int_equal(us.n.media[0].extension_ids[XC_EXT_MID], 1);
    assert_int_equal(us.n.media[1].direction, XC_SDP_SENDRECV);
    assert_true(us.n.media[0].reduced_size);
}

static void test_firefox_offer(void **state)
{
    (void)state;
    we_answer(1U << XC_EXT_PLAYOUT_DELAY);
    assert_int_equal(take_offer(FIREFOX_OFFER), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.media[0].active && us.n.media[1].active);
    assert_int_equal(us.n.media[0].codecs[0].send_payload_type, 109);
    assert_int_equal(us.n.media[0].codecs[0].receive_payload_type, 109);
    assert_int_equal(us.n.media[1].codecs[0].send_payload_type, 120);
    assert_true(us.n.media[0].remote_stereo && us.n.media[0].remote_fec);
    assert_int_equal(us.n.media[0].remote_max_playback_rate, 48000);
    assert_int_equal(us.n.media[1].remote_max_frame_size, 12288);
    assert_int_equal(us.n.media[1].remote_max_frame_rate, 60);
    assert_int_equal(us.n.media[0].extension_ids[XC_EXT_MID], 3);
    assert_false(us.n.media[0].reduced_size); /* not offered for audio */
    assert_true(us.n.media[1].reduced_size);
    assert_non_null(strstr(us.text, "m=audio 9 UDP/TLS/RTP/SAVPF 109\r\n"));
    assert_non_null(strstr(us.text, "m=video 9 UDP/TLS/RTP/SAVPF 120\r\n"));
    assert_null(strstr(us.text, "allow-mixed"));
    /* what it only receives we only send */
    assert_non_null(strstr(us.text, "a=extmap:6/sendonly http://www.webrtc.org/"));
    assert_int_equal(us.n.media[1].extension_ids[XC_EXT_PLAYOUT_DELAY], 6);
    assert_true((us.n.media[1].extensions_send >> XC_EXT_PLAYOUT_DELAY & 1) != 0);
    assert_false((us.n.media[1].extensions_receive >> XC_EXT_PLAYOUT_DELAY & 1) != 0);
    assert_int_equal(us.n.remote_transport.fingerprints[0].digest[0], 0xe1);
    assert_int_equal(us.n.remote_transport.fingerprint_count, 1);
}

static void test_firefox_max_bundle(void **state)
{
    (void)state;
    we_answer(0);
    assert_int_equal(take_offer(FIREFOX_OFFER_MAX_BUNDLE), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.media[0].active && us.n.media[1].active);
    assert_non_null(strstr(us.text, "m=video 9 UDP/TLS/RTP/SAVPF 120\r\n"));
    assert_non_null(strstr(us.text, "a=group:BUNDLE 0 1\r\n"));
    assert_null(strstr(us.text, "bundle-only"));
    assert_string_equal(us.n.remote_transport.ufrag, "3b8d5c01");

    /* so may rtcp-mux be the group's, RFC 9143 section 7.1.3 */
    we_answer(0);
    edit(FIREFOX_OFFER_MAX_BUNDLE, "a=rtcp-mux\r\na=rtcp-rsize\r\n", "a=rtcp-rsize\r\n");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.media[1].active);

    /* the first is not for us: the transport is still the first's, as the second has none */
    peer_init(&us, false, 0, 3);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    assert_int_equal(take_offer(FIREFOX_OFFER_MAX_BUNDLE), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_false(us.n.media[0].active);
    assert_true(us.n.media[1].active);
    assert_non_null(strstr(us.text, "a=group:BUNDLE 1\r\n"));
    assert_string_equal(us.n.remote_transport.ufrag, "3b8d5c01");

    /* outside a group bundle-only with port 0 offers nothing */
    we_answer(0);
    edit(FIREFOX_OFFER_MAX_BUNDLE, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.media[0].active);
    assert_false(us.n.media[1].active);
}

static void test_firefox_answer(void **state)
{
    (void)state;
    we_offer();
    assert_int_equal(take_answer(FIREFOX_ANSWER), XC_NEGOTIATE_OK);
    assert_false(us.n.dtls_client);
    assert_int_equal(us.n.media[0].direction, XC_SDP_SENDRECV);
    assert_int_equal(us.n.media[1].direction, XC_SDP_SENDONLY);
    assert_false(us.n.remote_hold);
    assert_false(us.n.media[0].reduced_size);
    assert_true(us.n.media[0].remote_stereo);
    assert_int_equal(us.n.media[1].remote_max_frame_size, 12288);
}

/* Firefox calls, then we add a second video: its numbering is used on. */
static void test_we_offer_to_firefox_later(void **state)
{
    (void)state;
    we_answer(1U << XC_EXT_ABS_SEND_TIME);
    assert_int_equal(take_offer(FIREFOX_OFFER), XC_NEGOTIATE_OK);
    peer_answer(&us);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDONLY);
    peer_offer(&us);
    read_ours();
    assert_int_equal(parsed.section_count, 3);
    assert_int_equal(parsed.sections[0].codecs[0].payload_type, 109);
    assert_int_equal(parsed.sections[1].codecs[0].payload_type, 120);
    assert_int_equal(parsed.sections[2].codecs[0].payload_type,
                     120); /* not 96: one codec, one type */
    assert_string_equal(parsed.sections[2].mid, "2");
    assert_int_equal(parsed.sections[0].extmaps[0].id, 3);
    assert_int_equal(parsed.sections[2].extmaps[0].id, 3);
    assert_int_equal(parsed.sections[2].extmaps[1].id, 4);
    assert_int_equal(parsed.sections[0].extmaps[1].id, 4); /* new in audio, known of video */
    assert_int_equal(parsed.session_version, 2);
}

/* What 96 and 111 mean is the peer's choice where it spoke first. */
static void test_default_payload_types_are_taken(void **state)
{
    (void)state;
    we_answer(0);
    us.n.want_count = 1;
    edit(CHROME_HEAD("2", "a=group:BUNDLE 0\r\n") CHROME_AUDIO_OFFER,
         "m=audio 9 UDP/TLS/RTP/SAVPF 111 ", "m=audio 9 UDP/TLS/RTP/SAVPF 111 96 97 ");
    edit_more("a=rtpmap:9 ", "a=rtpmap:96 red/48000\r\na=rtpmap:97 VP8/16000\r\na=rtpmap:9 ");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_offer(&us);
    read_ours();
    assert_int_equal(parsed.sections[1].codecs[0].payload_type, 98);
}

static void test_data_first(void **state)
{
    (void)state;
    we_answer(0);
    edit(CHROME_HEAD("2", "a=group:BUNDLE 2 1 0\r\n")
             CHROME_DATA_OFFER CHROME_VIDEO_OFFER CHROME_AUDIO_OFFER,
         "a=mid:2", "a=mid:2");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_non_null(strstr(us.text, "a=group:BUNDLE 1 0\r\n")); /* the group's order */
    read_ours();
    assert_int_equal(parsed.sections[0].port, 0);
    assert_string_equal(parsed.sections[0].mid, "2");
    assert_string_equal(parsed.sections[1].mid, "1");
    assert_string_equal(parsed.sections[2].mid, "0");
    assert_true(us.n.media[1].active && us.n.media[2].active);
    assert_int_equal(us.n.remote_transport_section, 1);
}

static void test_opaque_mids(void **state)
{
    (void)state;
    we_answer(0);
    edit(FIREFOX_OFFER, "a=group:BUNDLE 0 1", "a=group:BUNDLE sdparta_0 x!y");
    edit_more("a=mid:0", "a=mid:sdparta_0");
    edit_more("a=mid:1", "a=mid:x!y");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_non_null(strstr(us.text, "a=group:BUNDLE sdparta_0 x!y\r\n"));
    assert_non_null(strstr(us.text, "a=mid:sdparta_0\r\n"));
}

static void test_chrome_reoffers(void **state)
{
    (void)state;
    we_answer(0);
    assert_int_equal(take_offer(CHROME_OFFER), XC_NEGOTIATE_OK);
    peer_answer(&us);
    /* hold */
    edit(CHROME_OFFER, "a=sendrecv", "a=sendonly");
    edit_more("a=sendrecv", "a=sendonly");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.remote_hold);
    assert_int_equal(us.n.media[0].direction, XC_SDP_RECVONLY);
    assert_non_null(strstr(us.text, "a=setup:active\r\n"));
    assert_non_null(strstr(us.text, "a=ssrc:")); /* named once, it stays named */
    assert_non_null(strstr(us.text, "a=msid:"));
    /* ICE restart */
    edit(CHROME_OFFER, "a=ice-ufrag:h4Zq", "a=ice-ufrag:n3wU");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.remote_ice_restart);
    assert_string_equal(us.n.remote_transport.ufrag, "n3wU");
    assert_false(us.n.remote_hold);
    /* video stopped: its section stays, out of the group */
    edit(CHROME_OFFER, "m=video 9", "m=video 0");
    edit_more("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 2");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_false(us.n.media[1].active);
    assert_non_null(strstr(us.text, "a=group:BUNDLE 0\r\n"));
    assert_false(xc_negotiate_needed(&us.n));
    /* the peer uses the place again, with another mid, as JSEP lets it */
    edit(CHROME_OFFER, "a=mid:1", "a=mid:7");
    edit_more("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 7 2");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.media[1].active);
    assert_string_equal(us.n.media[1].mid, "7");
    assert_int_equal(us.n.want_of[1], 1);
}

/* A section that comes back must not take the wish of one that stands behind it. */
static void test_section_used_again_before_another(void **state)
{
    (void)state;
    we_answer(0);
    edit(FIREFOX_OFFER, "m=audio 9", "m=audio 0");
    edit_more("a=group:BUNDLE 0 1", "a=group:BUNDLE 1");
    edit_more("m=audio 0", "m=video 0");
    edit_more("109 9 0 8 101", "120");
    edit_more("a=rtpmap:109 opus/48000/2", "a=rtpmap:120 VP8/90000");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(!us.n.media[0].active && us.n.media[1].active);
    edit_more("m=video 0", "m=video 9");
    edit_more("a=group:BUNDLE 1", "a=group:BUNDLE 0 1");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_false(us.n.media[0].active);
    assert_true(us.n.media[1].active);
    assert_int_equal(us.n.want_of[1], 1);
}

/* One that does not know BUNDLE gets its first section, on the one transport. */
static void test_no_bundle(void **state)
{
    (void)state;
    we_answer(0);
    edit(CHROME_OFFER, "a=group:BUNDLE 0 1 2\r\n", "");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.media[0].active);
    assert_false(us.n.media[1].active);
    assert_null(strstr(us.text, "BUNDLE"));
    assert_non_null(strstr(us.text, "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"));
}

static void test_old_protocol_token(void **state)
{
    (void)state;
    we_answer(0);
    edit(FIREFOX_OFFER, "m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio 9 RTP/SAVPF");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_non_null(strstr(us.text, "m=audio 9 RTP/SAVPF 109\r\n"));
    assert_non_null(strstr(us.text, "m=video 9 UDP/TLS/RTP/SAVPF 120\r\n"));
}

static void test_unknown_kinds(void **state)
{
    (void)state;
    we_answer(0);
    edit(CHROME_OFFER, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
         "m=message 2855 TCP/MSRP a b");
    assert_int_equal(take_offer(edited), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_non_null(strstr(us.text, "m=message 0 TCP/MSRP a b\r\n"));
    assert_true(us.n.media[0].active && us.n.media[1].active);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chrome_offer),
        cmocka_unit_test(test_chrome_ids_stay_taken),
        cmocka_unit_test(test_chrome_all_extensions),
        cmocka_unit_test(test_chrome_answer),
        cmocka_unit_test(test_firefox_offer),
        cmocka_unit_test(test_firefox_max_bundle),
        cmocka_unit_test(test_firefox_answer),
        cmocka_unit_test(test_we_offer_to_firefox_later),
        cmocka_unit_test(test_default_payload_types_are_taken),
        cmocka_unit_test(test_data_first),
        cmocka_unit_test(test_opaque_mids),
        cmocka_unit_test(test_chrome_reoffers),
        cmocka_unit_test(test_section_used_again_before_another),
        cmocka_unit_test(test_no_bundle),
        cmocka_unit_test(test_old_protocol_token),
        cmocka_unit_test(test_unknown_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
