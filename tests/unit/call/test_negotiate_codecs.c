/* test_negotiate_codecs.c - several codecs a section, RTX, RED, telephone events, data, dormant wishes
 * and sections that are used again: between two of ours, and with what browsers offer.
 * SPDX-License-Identifier: MIT */
#include "negotiate_chromium.h"
#include "negotiate_firefox.h"
#include "negotiate_peers.h"

static struct peer a, b;

static const struct xc_media_want full_audio = {.kind = XC_SDP_AUDIO,
                                                .direction = XC_SDP_SENDRECV,
                                                .ssrc = 11,
                                                .fec = true,
                                                .red = true,
                                                .telephone_event = true};
static const struct xc_media_want full_video = {.kind = XC_SDP_VIDEO,
                                                .direction = XC_SDP_SENDRECV,
                                                .ssrc = 21,
                                                .repair_ssrc = 22,
                                                .video_codecs = {XC_CODEC_VP8, XC_CODEC_VP9}};
static const struct xc_media_want full_data = {.kind = XC_SDP_APPLICATION,
                                               .direction = XC_SDP_SENDRECV,
                                               .sctp_port = 5001,
                                               .max_message_size = 262144};

static void both_init(void)
{
    peer_init(&a, true, ALL_EXTENSIONS, 1);
    peer_init(&b, false, ALL_EXTENSIONS, 2);
}

static void want(struct peer *peer, const struct xc_media_want *what)
{
    assert_true(xc_negotiate_add_want(&peer->n, what));
}

static void full(struct peer *peer)
{
    want(peer, &full_audio);
    want(peer, &full_video);
    want(peer, &full_data);
}

static void is_codec(const struct xc_agreed_codec *codec, uint8_t which, uint8_t send,
                     uint8_t receive)
{
    assert_int_equal(codec->codec, which);
    assert_int_equal(codec->send_payload_type, send);
    assert_int_equal(codec->receive_payload_type, receive);
}

static void test_everything_between_two(void **state)
{
    (void)state;
    both_init();
    full(&a);
    full(&b);
    exchange(&a, &b);
    assert_non_null(strstr(a.text, "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 110\r\n"));
    assert_non_null(strstr(a.text, "a=rtpmap:63 red/48000/2\r\n"));
    assert_non_null(strstr(a.text, "a=fmtp:63 111/111\r\n"));
    assert_non_null(strstr(a.text, "a=rtpmap:110 telephone-event/48000\r\n"));
    assert_non_null(strstr(a.text, "a=fmtp:110 0-16\r\n"));
    assert_non_null(strstr(a.text, "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\n"));
    assert_non_null(strstr(a.text, "a=fmtp:97 apt=96\r\n"));
    assert_non_null(strstr(a.text, "a=fmtp:98 profile-id=0\r\n"));
    assert_non_null(strstr(a.text, "a=fmtp:99 apt=98\r\n"));
    assert_non_null(strstr(a.text, "a=ssrc:22 cname:"));
    assert_non_null(strstr(a.text, "a=ssrc-group:FID 21 22\r\n"));
    assert_non_null(strstr(a.text, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    assert_non_null(strstr(a.text, "a=sctp-port:5001\r\n"));
    assert_non_null(strstr(a.text, "a=max-message-size:262144\r\n"));
    for (int side = 0; side < 2; side++) {
        const struct xc_media_agreed *m = side ? b.n.media : a.n.media;
        assert_int_equal(m[0].codec_count, 3);
        is_codec(&m[0].codecs[0], XC_CODEC_OPUS, 111, 111);
        is_codec(&m[0].codecs[1], XC_CODEC_RED, 63, 63);
        is_codec(&m[0].codecs[2], XC_CODEC_TELEPHONE_EVENT, 110, 110);
        assert_int_equal(m[0].codecs[1].inner_send, 111);
        assert_int_equal(m[0].codecs[1].inner_receive, 111);
        assert_int_equal(m[0].codecs[0].repair_send, 0);
        assert_false(m[0].remote_red);
        assert_int_equal(m[1].codec_count, 2);
        is_codec(&m[1].codecs[0], XC_CODEC_VP8, 96, 96);
        is_codec(&m[1].codecs[1], XC_CODEC_VP9, 98, 98);
        assert_int_equal(m[1].codecs[0].repair_send, 97);
        assert_int_equal(m[1].codecs[1].repair_receive, 99);
        assert_int_equal(m[1].remote_ssrc_count, 1);
        assert_int_equal(m[1].remote_ssrcs[0], 21);
        assert_int_equal(m[1].repair_ssrcs[0], 22);
        assert_true((m[1].codecs[1].feedback & XC_SDP_FB_TRANSPORT_CC) != 0);
        assert_int_equal(m[2].kind, XC_SDP_APPLICATION);
        assert_int_equal(m[2].direction, XC_SDP_SENDRECV);
        assert_int_equal(m[2].remote_sctp_port, 5001);
        assert_int_equal(m[2].remote_max_message_size, 262144);
        assert_int_equal(m[2].extension_ids[XC_EXT_MID], 0);
    }
    bool repair;
    assert_ptr_equal(xc_negotiate_codec_received(&a.n.media[1], 99, &repair),
                     &a.n.media[1].codecs[1]);
    assert_true(repair);
    assert_ptr_equal(xc_negotiate_codec_received(&a.n.media[1], 96, &repair),
                     &a.n.media[1].codecs[0]);
    assert_false(repair);
    assert_null(xc_negotiate_codec_received(&a.n.media[1], 0, &repair));
    assert_null(xc_negotiate_codec(&a.n.media[1], XC_CODEC_OPUS));
    exchange(&b, &a); /* nothing moves */
    is_codec(&a.n.media[1].codecs[1], XC_CODEC_VP9, 98, 98);
    assert_non_null(strstr(b.text, "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\n"));
    assert_non_null(strstr(b.text, "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 110\r\n"));
}

static void test_only_what_both_wish(void **state)
{
    (void)state;
    both_init();
    full(&a);
    struct xc_media_want audio = full_audio, video = full_video;
    audio.red = false;
    video.repair_ssrc = 0;
    video.video_codecs[0] = XC_CODEC_VP9;
    video.video_codecs[1] = 0;
    want(&b, &audio);
    want(&b, &video);
    exchange(&a, &b);
    assert_non_null(strstr(b.text, "m=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\n"));
    assert_non_null(strstr(b.text, "m=video 9 UDP/TLS/RTP/SAVPF 98\r\n"));
    assert_non_null(strstr(b.text, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    assert_null(strstr(b.text, "a=ssrc-group"));
    assert_int_equal(a.n.media[1].codec_count, 1);
    assert_int_equal(a.n.media[1].codecs[0].codec, XC_CODEC_VP9);
    assert_int_equal(a.n.media[1].codecs[0].repair_receive, 0);
    assert_int_equal(a.n.media[0].codec_count, 2);
    assert_true(a.n.want_refused[2]);
    /* later b speaks all of it: its offer has what is agreed first, and new numbers for the rest */
    b.n.wants[0].red = true;
    b.n.wants[1] = full_video;
    b.n.offer_due = true;
    assert_true(xc_negotiate_needed(&b.n));
    exchange(&b, &a);
    assert_false(xc_negotiate_needed(&b.n));
    assert_non_null(strstr(b.text, "m=video 9 UDP/TLS/RTP/SAVPF 98 99 96 97\r\n"));
    assert_int_equal(a.n.media[1].codecs[0].codec, XC_CODEC_VP9);
    assert_int_equal(a.n.media[1].codecs[1].repair_send, 97);
    assert_int_equal(xc_negotiate_codec(&a.n.media[0], XC_CODEC_RED)->send_payload_type, 63);
}

/* Whose order holds for what is sent. */
static void test_codec_order(void **state)
{
    (void)state;
    for (int prefer = 0; prefer < 4; prefer++) {
        struct xc_media_want first = full_video, second = full_video;
        both_init();
        second.video_codecs[0] = XC_CODEC_VP9;
        second.video_codecs[1] = XC_CODEC_VP8;
        first.prefer_codecs = (prefer & 1) != 0;
        second.prefer_codecs = (prefer & 2) != 0;
        want(&a, &first);
        want(&b, &second);
        exchange(&a, &b);
        assert_int_equal(b.n.media[0].codecs[0].codec, prefer & 2 ? XC_CODEC_VP9 : XC_CODEC_VP8);
        assert_int_equal(a.n.media[0].codecs[0].codec, prefer == 2 ? XC_CODEC_VP9 : XC_CODEC_VP8);
        exchange(&b, &a);
        assert_int_equal(a.n.media[0].codec_count, 2);
        assert_int_equal(a.n.media[0].codecs[0].codec, prefer == 2 ? XC_CODEC_VP9 : XC_CODEC_VP8);
    }
}

static void test_red_first(void **state)
{
    (void)state;
    struct xc_media_want red = full_audio;
    both_init();
    red.red_first = true;
    want(&a, &red);
    want(&b, &full_audio);
    exchange(&a, &b);
    assert_non_null(strstr(a.text, "m=audio 9 UDP/TLS/RTP/SAVPF 63 111 110\r\n"));
    assert_non_null(strstr(a.text, "a=fmtp:63 111/111\r\n"));
    assert_int_equal(b.n.media[0].codecs[0].codec, XC_CODEC_RED);
    assert_true(b.n.media[0].remote_red && a.n.media[0].remote_red);
    assert_true(b.n.media[0].remote_fec); /* of Opus, not of RED */
    exchange(&b, &a);
    assert_non_null(strstr(b.text, "m=audio 9 UDP/TLS/RTP/SAVPF 63 111 110\r\n"));
}

static void test_numbers_differ_each_way(void **state)
{
    (void)state;
    both_init();
    full(&a);
    full(&b);
    peer_offer(&a);
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
    peer_answer(&b);
    /* RFC 3264 section 6.1 lets the answerer number its own receiving */
    replace(b.text, &b.size, "SAVPF 96 97 98 99", "SAVPF 120 124 98 99");
    replace(b.text, &b.size, "a=rtpmap:96 ", "a=rtpmap:120 ");
    replace(b.text, &b.size, "a=rtpmap:97 ", "a=rtpmap:124 ");
    replace(b.text, &b.size, "a=fmtp:97 apt=96", "a=fmtp:124 apt=120");
    replace(b.text, &b.size, "SAVPF 111 63 110", "SAVPF 109 62 110");
    replace(b.text, &b.size, "a=rtpmap:111 ", "a=rtpmap:109 ");
    replace(b.text, &b.size, "a=rtpmap:63 ", "a=rtpmap:62 ");
    replace(b.text, &b.size, "a=fmtp:63 111/111", "a=fmtp:62 109/109");
    assert_int_equal(peer_take_answer(&a, &b), XC_NEGOTIATE_OK);
    is_codec(&a.n.media[1].codecs[0], XC_CODEC_VP8, 120, 96);
    assert_int_equal(a.n.media[1].codecs[0].repair_send, 124);
    assert_int_equal(a.n.media[1].codecs[0].repair_receive, 97);
    is_codec(&a.n.media[0].codecs[1], XC_CODEC_RED, 62, 63);
    assert_int_equal(a.n.media[0].codecs[1].inner_send, 109);
    assert_int_equal(a.n.media[0].codecs[1].inner_receive, 111);
    peer_offer(&a); /* ours keep */
    assert_non_null(strstr(a.text, "SAVPF 96 97 98 99\r\n"));
    assert_non_null(strstr(a.text, "SAVPF 111 63 110\r\n"));
}

/* apt to itself, to RTX, to nothing; RED of another codec; profile 2; 64 to 95. */
static void test_odd_formats_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *at, *by;
        bool repair, second;
    } cases[] = {
        {"a=fmtp:97 apt=96", "a=fmtp:97 apt=97", false, true},
        {"a=fmtp:97 apt=96", "a=fmtp:97 apt=99", false, true},
        {"a=fmtp:97 apt=96", "a=fmtp:97 apt=55", false, true},
        {"a=fmtp:97 apt=96", "a=fmtp:97 apt=4294967392", false, true},
        {"a=fmtp:97 apt=96", "a=fmtp:97 rtx-time=100", false, true},
        {"a=fmtp:97 apt=96", "a=fmtp:97 apt=96;rtx-time=3000", true, true},
        {"a=fmtp:98 profile-id=0", "a=fmtp:98 profile-id=2", true, false},
        {"a=fmtp:98 profile-id=0", "a=fmtp:98 max-fs=99", true, true},
        {"a=rtpmap:97 rtx/90000", "a=rtpmap:97 rtx/48000", false, true},
        {"a=rtpmap:98 VP9/90000", "a=rtpmap:98 flexfec-03/90000", true, false},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        both_init();
        full(&a);
        full(&b);
        peer_offer(&a);
        replace(a.text, &a.size, cases[i].at, cases[i].by);
        assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
        peer_answer(&b);
        assert_int_equal(b.n.media[1].codecs[0].repair_send != 0, cases[i].repair);
        assert_int_equal(b.n.media[1].codec_count, cases[i].second ? 2 : 1);
        parse_text(b.text, b.size);
    }
    static const char *const reds[] = {"111/96", "110/110", "", "111/x", "111/111/"};
    for (size_t i = 0; i < XC_ARRAY_LEN(reds); i++) {
        char line[32] = "a=fmtp:63 ";
        both_init();
        full(&a);
        full(&b);
        peer_offer(&a);
        memcpy(line + strlen(line), reds[i], strlen(reds[i]) + 1);
        replace(a.text, &a.size, "a=fmtp:63 111/111", line);
        assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
        assert_int_equal(xc_negotiate_codec(&b.n.remote.sections[0].media, XC_CODEC_RED) != NULL,
                         i == 4);
    }
}

static void test_moved_payload_types(void **state)
{
    (void)state;
    static const char *const moves[][2] = {
        {"a=rtpmap:98 VP9/90000", "a=rtpmap:98 H264/90000"},
        {"a=fmtp:98 profile-id=0", "a=fmtp:98 profile-id=2"},
        {"a=fmtp:97 apt=96", "a=fmtp:97 apt=98"},
        {"a=rtpmap:99 rtx/90000", "a=rtpmap:99 AV1/90000"},
        {"a=rtpmap:110 telephone-event/48000", "a=rtpmap:110 CN/48000"},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(moves); i++) {
        both_init();
        full(&a);
        full(&b);
        exchange(&a, &b);
        peer_offer(&a);
        replace(a.text, &a.size, moves[i][0], moves[i][1]);
        assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_BAD);
        assert_string_equal(refusal.text, "a payload type changed its codec");
    }
}

/* --- data ---------------------------------------------------------------------------------- */

static void test_data_only(void **state)
{
    (void)state;
    both_init();
    want(&a, &full_data);
    want(&b, &full_data);
    b.n.wants[0].max_message_size = UINT32_MAX;
    b.n.wants[0].sctp_port = 0;
    exchange(&a, &b);
    assert_non_null(strstr(a.text, "a=group:BUNDLE 0\r\n"));
    assert_null(strstr(a.text, "a=rtcp-mux"));
    assert_null(strstr(a.text, "a=sendrecv"));
    assert_non_null(strstr(b.text, "a=setup:active\r\n"));
    assert_int_equal(a.n.media[0].remote_sctp_port, XC_SCTP_PORT_DEFAULT);
    assert_true(a.n.media[0].remote_max_message_size == UINT32_MAX); /* written as 0 */
    assert_int_equal(b.n.media[0].remote_sctp_port, 5001);
    assert_false(a.n.remote_hold || b.n.remote_hold);
    a.n.hold_local = true; /* holds no data */
    a.n.wants[0].direction = XC_SDP_INACTIVE;
    assert_false(xc_negotiate_needed(&a.n));
    want(&a, &full_audio); /* media behind it */
    want(&b, &full_audio);
    a.n.hold_local = false;
    exchange(&a, &b);
    assert_true(a.n.media[0].active && a.n.media[1].active);
    assert_non_null(strstr(b.text, "a=group:BUNDLE 0 1\r\n"));
}

static void test_data_refused_and_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *at, *by;
        uint32_t size;
        uint16_t port;
    } cases[] = {
        {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", 262144, 5001},
        {"UDP/DTLS/SCTP", "DTLS/SCTP", 0, 0},
        {"UDP/DTLS/SCTP", "UDP/SCTP", 0, 0},
        {"webrtc-datachannel", "5000", 0, 0},
        {"a=sctp-port:5001\r\n", "", 262144, 5000},
        {"a=sctp-port:5001", "a=sctp-port:0", 0, 0},
        {"a=max-message-size:262144", "a=max-message-size:0", UINT32_MAX, 5001},
        {"a=max-message-size:262144", "a=max-message-size:1", 1, 5001},
        {"a=max-message-size:262144\r\n", "", 65536, 5001},
        {"a=max-message-size:262144", "a=max-message-size:99999999999", UINT32_MAX, 5001},
        /* the form before RFC 8841 */
        {"UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5002", 262144, 5002},
        {"UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 0", 0, 0},
        {"UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 65536", 0, 0},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        both_init();
        full(&a);
        full(&b);
        b.n.wants[2].direction = XC_SDP_INACTIVE;
        b.n.wants[2].accept = XC_SDP_SENDRECV;
        peer_offer(&a);
        replace(a.text, &a.size, cases[i].at, cases[i].by);
        assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
        peer_answer(&b);
        assert_int_equal(b.n.media[2].active, cases[i].port != 0);
        assert_int_equal(b.n.media[2].remote_sctp_port, cases[i].port);
        assert_true(b.n.media[2].remote_max_message_size == cases[i].size);
        parse_text(b.text, b.size);
        bool old = strstr(cases[i].by, "DTLS/SCTP") == cases[i].by;
        assert_string_equal(parsed.sections[2].protocol, i == 0   ? "TCP/DTLS/SCTP"
                                                         : old    ? "DTLS/SCTP"
                                                         : i == 2 ? "UDP/SCTP"
                                                                  : "UDP/DTLS/SCTP");
        if (old && cases[i].port)
            assert_non_null(strstr(b.text, " webrtc-datachannel 65535\r\n"));
        else
            assert_null(strstr(b.text, "sctpmap"));
    }
    both_init(); /* asleep, and not to be woken */
    full(&a);
    full(&b);
    b.n.wants[2].direction = XC_SDP_INACTIVE;
    exchange(&a, &b);
    assert_false(a.n.media[2].active);
}

/* --- wishes that come and go ----------------------------------------------------------------- */

static void test_dormant_video(void **state)
{
    (void)state;
    struct xc_media_want asleep = full_video;
    asleep.direction = XC_SDP_INACTIVE;
    asleep.accept = XC_SDP_RECVONLY;
    both_init();
    want(&a, &full_audio);
    want(&a, &asleep);
    want(&b, &full_audio);
    want(&b, &asleep);
    exchange(&a, &b);
    assert_int_equal(a.n.media_count, 1);
    assert_false(xc_negotiate_needed(&a.n) || xc_negotiate_needed(&b.n));
    a.n.wants[1].direction = XC_SDP_SENDRECV; /* a adds its camera: b watches */
    assert_true(xc_negotiate_needed(&a.n));
    exchange(&a, &b);
    assert_int_equal(a.n.media[1].direction, XC_SDP_SENDONLY);
    assert_int_equal(b.n.media[1].direction, XC_SDP_RECVONLY);
    assert_false(xc_negotiate_needed(&a.n) || xc_negotiate_needed(&b.n));
    exchange(&b, &a); /* an offer of the watcher's does not take the picture away */
    assert_int_equal(b.n.media[1].direction, XC_SDP_RECVONLY);
    b.n.hold_local = true;
    exchange(&b, &a);
    assert_int_equal(b.n.media[1].direction, XC_SDP_INACTIVE);
    b.n.hold_local = false;
    assert_true(xc_negotiate_needed(&b.n));
    exchange(&b, &a);
    assert_int_equal(b.n.media[1].direction, XC_SDP_RECVONLY);
    /* b's camera too: what a offered before lets it send already, but only an exchange tells */
    b.n.wants[1].direction = XC_SDP_SENDONLY;
    assert_true(xc_negotiate_needed(&b.n));
    exchange(&b, &a);
    assert_int_equal(b.n.media[1].direction, XC_SDP_SENDRECV);
    /* and off again: the section stays */
    a.n.wants[1].direction = XC_SDP_INACTIVE;
    b.n.wants[1].direction = XC_SDP_INACTIVE;
    assert_true(xc_negotiate_needed(&a.n));
    exchange(&a, &b);
    assert_int_equal(a.n.media[1].direction, XC_SDP_INACTIVE); /* a would still watch */
    exchange(&b, &a);
    assert_int_equal(a.n.media[1].direction, XC_SDP_INACTIVE);
    assert_true(a.n.media[1].active);
    assert_non_null(strstr(b.text, "m=video 9 "));
    assert_non_null(strstr(a.text, "m=video 9 "));
    assert_false(xc_negotiate_needed(&a.n) || xc_negotiate_needed(&b.n));
}

/* A peer that only sends, answered with receiving: to send too needs an offer of ours. */
static void test_raised_beyond_the_offer(void **state)
{
    (void)state;
    both_init();
    want(&a, &full_video);
    want(&b, &full_video);
    a.n.wants[0].direction = XC_SDP_SENDONLY;
    b.n.wants[0].direction = XC_SDP_RECVONLY;
    exchange(&a, &b);
    assert_false(xc_negotiate_needed(&b.n));
    b.n.wants[0].direction = XC_SDP_SENDRECV;
    assert_true(xc_negotiate_needed(&b.n));
    exchange(&b, &a);
    assert_false(xc_negotiate_needed(&b.n)); /* asked for, and not taken */
    assert_int_equal(b.n.media[0].direction, XC_SDP_RECVONLY);
    a.n.wants[0].direction = XC_SDP_SENDRECV;
    exchange(&a, &b);
    assert_int_equal(b.n.media[0].direction, XC_SDP_SENDRECV);
}

static void test_screen_finds_screen(void **state)
{
    (void)state;
    struct xc_media_want screen = full_video, camera = full_video;
    screen.screen = true;
    screen.ssrc = 31;
    screen.repair_ssrc = 32;
    camera.direction = XC_SDP_INACTIVE;
    camera.accept = XC_SDP_RECVONLY;
    both_init();
    want(&a, &camera);
    want(&a, &screen);
    want(&b, &camera);
    want(&b, &screen);
    b.n.wants[1].direction = XC_SDP_INACTIVE;
    b.n.wants[1].accept = XC_SDP_RECVONLY;
    exchange(&a, &b);
    assert_non_null(strstr(a.text, "a=content:slides\r\n"));
    assert_int_equal(a.n.media_count, 1);
    assert_int_equal(b.n.want_of[0], 1);
    a.n.wants[0].direction = XC_SDP_SENDONLY;
    exchange(&a, &b);
    assert_int_equal(b.n.want_of[1], 0);
    assert_int_equal(a.n.media[1].codecs[0].send_payload_type, 96); /* one number, one meaning */
    assert_int_equal(a.n.media[1].codecs[0].repair_send, 97);
    assert_int_equal(b.n.media[0].remote_ssrcs[0], 31);
    assert_int_equal(b.n.media[0].repair_ssrcs[0], 32);
}

static void test_restart_and_glare(void **state)
{
    (void)state;
    both_init();
    full(&a);
    full(&b);
    exchange(&a, &b);
    struct xc_sdp_transport old = b.local;
    b.n.offer_due = true;
    assert_true(xc_negotiate_needed(&b.n));
    memcpy(b.local.ufrag, "unew", 5);
    peer_offer(&b);
    peer_offer(&a); /* glare: b is polite, its restart waits */
    assert_int_equal(peer_take_offer(&a, &b), XC_NEGOTIATE_GLARE);
    assert_int_equal(peer_take_offer(&b, &a), XC_NEGOTIATE_OK);
    struct xc_sdp_transport fresh = b.local;
    b.local = old;
    peer_answer(&b);
    assert_int_equal(peer_take_answer(&a, &b), XC_NEGOTIATE_OK);
    assert_false(a.n.remote_ice_restart);
    assert_true(xc_negotiate_needed(&b.n));
    b.local = fresh;
    exchange(&b, &a);
    assert_true(a.n.remote_ice_restart);
    assert_string_equal(a.n.remote_transport.ufrag, "unew");
    assert_false(xc_negotiate_needed(&b.n));
    exchange(&b, &a);
    assert_false(a.n.remote_ice_restart);
}

/* --- browsers ------------------------------------------------------------------------------ */

static int take(struct peer *peer, const char *text)
{
    parse_text(text, strlen(text));
    return xc_negotiate_apply_offer(&peer->n, &parsed, &refusal);
}

static void test_chromium_all(void **state)
{
    (void)state;
    both_init();
    full(&b);
    assert_int_equal(take(&b, CHROMIUM_AVD), XC_NEGOTIATE_OK);
    peer_answer(&b);
    const struct xc_media_agreed *m = b.n.media;
    assert_true(m[0].active && m[1].active && m[2].active);
    assert_non_null(strstr(b.text, "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 110\r\n"));
    assert_non_null(strstr(b.text, "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\n"));
    assert_null(strstr(b.text, "H264"));
    assert_null(strstr(b.text, "ulpfec"));
    assert_null(strstr(b.text, "profile-id=2"));
    assert_int_equal(m[1].remote_ssrcs[0], 2439090022U);
    assert_int_equal(m[1].repair_ssrcs[0], 3487885584U);
    assert_int_equal(m[1].remote_ssrc_count, 1);
    assert_int_equal(m[2].remote_sctp_port, 5000);
    assert_int_equal(m[2].remote_max_message_size, 262144);
    assert_int_equal(m[0].extension_ids[XC_EXT_AUDIO_LEVEL], 1);
    assert_int_equal(m[0].extension_ids[XC_EXT_VIDEO_ORIENTATION], 0);
    assert_int_equal(m[1].extension_ids[XC_EXT_VIDEO_ORIENTATION], 13);
    assert_int_equal(m[1].extension_ids[XC_EXT_AUDIO_LEVEL], 0);
    assert_non_null(strstr(b.text, "a=extmap-allow-mixed\r\n"));
    /* our next offer to it adds a screen, with numbers that it never used for another thing */
    struct xc_media_want screen = full_video;
    screen.screen = true;
    want(&b, &screen);
    peer_offer(&b);
    assert_int_equal(b.n.local.count, 4);
    assert_int_equal(b.n.local.sections[3].media.codecs[0].receive_payload_type, 96);
    assert_int_equal(b.n.local.sections[3].media.codecs[1].repair_receive, 99);
    xc_negotiate_rollback(&b.n);
    assert_int_equal(take(&b, CHROMIUM_AVD), XC_NEGOTIATE_OK);
}

static void test_firefox_all(void **state)
{
    (void)state;
    both_init();
    full(&b);
    assert_int_equal(take(&b, FIREFOX_AVD), XC_NEGOTIATE_OK);
    peer_answer(&b);
    const struct xc_media_agreed *m = b.n.media;
    assert_true(m[0].active && m[1].active && m[2].active);
    assert_non_null(strstr(b.text, "m=audio 9 UDP/TLS/RTP/SAVPF 109\r\n"));
    assert_non_null(strstr(b.text, "m=video 9 UDP/TLS/RTP/SAVPF 120 124 121 125\r\n"));
    assert_true(m[2].remote_max_message_size == 1073741823);
    assert_int_equal(m[1].repair_ssrcs[0], 48911494U);
    assert_int_equal(m[1].remote_max_frame_size, 12288);
    assert_true((m[0].codecs[0].feedback & XC_SDP_FB_TRANSPORT_CC) != 0);
    parse_text(b.text, b.size);
    assert_false(parsed.extmap_allow_mixed); /* Firefox says it in the sections */
    assert_true(parsed.sections[0].extmap_allow_mixed && parsed.sections[1].extmap_allow_mixed);
    peer_offer(&b); /* RED and events are offered beside what it has; 97 to 100 it used */
    parse_text(b.text, b.size);
    assert_int_equal(parsed.sections[0].codecs[0].payload_type, 109);
    assert_int_equal(parsed.sections[0].codec_count, 3);
    assert_string_equal(parsed.sections[0].codecs[1].fmtp, "109/109");
}

static void test_data_before_video(void **state)
{
    (void)state;
    static const char *const offers[] = {CHROMIUM_DV, FIREFOX_DV};
    for (size_t i = 0; i < XC_ARRAY_LEN(offers); i++) {
        both_init();
        full(&b);
        assert_int_equal(take(&b, offers[i]), XC_NEGOTIATE_OK);
        peer_answer(&b);
        assert_int_equal(b.n.media_count, 2);
        assert_true(b.n.media[0].active && b.n.media[1].active);
        assert_non_null(strstr(b.text, "a=group:BUNDLE 0 1\r\n"));
        assert_true(xc_negotiate_needed(&b.n)); /* our audio */
        peer_offer(&b);
        assert_non_null(strstr(b.text, "a=group:BUNDLE 0 1 2\r\n"));
    }
}

static void test_simulcast_is_left_out(void **state)
{
    (void)state;
    static const char *const offers[] = {CHROMIUM_SIMULCAST, FIREFOX_SIMULCAST};
    for (size_t i = 0; i < XC_ARRAY_LEN(offers); i++) {
        both_init();
        full(&b);
        assert_int_equal(take(&b, offers[i]), XC_NEGOTIATE_OK);
        peer_answer(&b);
        assert_true(b.n.media[0].active);
        assert_null(strstr(b.text, "a=rid"));
        assert_null(strstr(b.text, "a=simulcast"));
        assert_null(strstr(b.text, "stream-id"));
        assert_int_equal(b.n.media[0].remote_ssrc_count, i ? 2 : 0);
        assert_int_equal(b.n.media[0].repair_ssrcs[1], i ? 3696418027U : 0);
    }
}

/* A transceiver that the page stopped, and its section used again for another. */
static void test_stopped_and_used_again(void **state)
{
    (void)state;
    static const char *const offers[][2] = {{CHROMIUM_STOPPED, CHROMIUM_RECYCLED},
                                            {FIREFOX_STOPPED, FIREFOX_RECYCLED}};
    for (size_t i = 0; i < XC_ARRAY_LEN(offers); i++) {
        both_init();
        full(&b);
        b.n.wants[2].direction = XC_SDP_INACTIVE;
        assert_int_equal(take(&b, offers[i][0]), XC_NEGOTIATE_OK);
        peer_answer(&b);
        assert_int_equal(b.n.media_count, 2);
        assert_false(b.n.media[1].active);
        assert_true(xc_negotiate_needed(&b.n)); /* our video was never in it */
        peer_offer(&b);                         /* it takes the same place */
        parse_text(b.text, b.size);
        assert_int_equal(parsed.section_count, 2);
        assert_string_equal(parsed.sections[1].mid, "2");
        assert_int_equal(parsed.sections[1].port, 9);
        xc_negotiate_rollback(&b.n);
        assert_int_equal(take(&b, offers[i][1]), XC_NEGOTIATE_OK);
        peer_answer(&b);
        assert_true(b.n.media[1].active);
        assert_string_equal(b.n.media[1].mid, "2");
        assert_non_null(strstr(b.text, "a=group:BUNDLE 0 2\r\n"));
        assert_false(xc_negotiate_needed(&b.n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_between_two),
        cmocka_unit_test(test_only_what_both_wish),
        cmocka_unit_test(test_codec_order),
        cmocka_unit_test(test_red_first),
        cmocka_unit_test(test_numbers_differ_each_way),
        cmocka_unit_test(test_odd_formats_are_passed_over),
        cmocka_unit_test(test_moved_payload_types),
        cmocka_unit_test(test_data_only),
        cmocka_unit_test(test_data_refused_and_accepted),
        cmocka_unit_test(test_dormant_video),
        cmocka_unit_test(test_raised_beyond_the_offer),
        cmocka_unit_test(test_screen_finds_screen),
        cmocka_unit_test(test_restart_and_glare),
        cmocka_unit_test(test_chromium_all),
        cmocka_unit_test(test_firefox_all),
        cmocka_unit_test(test_data_before_video),
        cmocka_unit_test(test_simulcast_is_left_out),
        cmocka_unit_test(test_stopped_and_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
