/* test_sdp.c - descriptions of Chromium and Firefox read and written back, and hostile ones.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "wire_test.h"

#include "sdp_samples.h"
#include "wire/sdp.h"

static struct xc_sdp sdp, again;
static struct xc_sdp_error error;
static char written[XC_SDP_TEXT_MAX], rewritten[XC_SDP_TEXT_MAX], text[4 * XC_SDP_TEXT_MAX];

static bool parse(const char *description)
{
    struct xc_span exact = exact_copy(description, strlen(description));
    bool good = xc_sdp_parse(&sdp, exact, &error);
    exact_free(exact);
    if (good)
        assert_null(error.text);
    else
        assert_non_null(error.text);
    return good;
}

static void must_parse(const char *description)
{
    if (!parse(description))
        fail_msg("line %u: %s", error.line, error.text);
}

static const struct xc_sdp_codec *codec_of(const struct xc_sdp_section *section, uint8_t type)
{
    for (uint8_t i = 0; i < section->codec_count; i++) {
        if (section->codecs[i].payload_type == type)
            return &section->codecs[i];
    }
    fail_msg("no payload type %u", type);
    return NULL;
}

static void test_chromium(void **state)
{
    (void)state;
    must_parse(chromium_offer);
    assert_true(sdp.session_id == UINT64_C(3515885697777963390));
    assert_int_equal(sdp.session_version, 2);
    assert_int_equal(sdp.section_count, 3);
    assert_true(sdp.extmap_allow_mixed && sdp.msid_semantic_wms);
    assert_int_equal(sdp.bundle_count, 3);
    assert_string_equal(sdp.bundle[2], "2");

    const struct xc_sdp_section *audio = &sdp.sections[0];
    assert_int_equal(audio->kind, XC_SDP_AUDIO);
    assert_int_equal(audio->port, 9);
    assert_string_equal(audio->protocol, "UDP/TLS/RTP/SAVPF");
    assert_string_equal(audio->mid, "0");
    assert_int_equal(audio->direction, XC_SDP_SENDRECV);
    assert_true(audio->rtcp_mux && audio->rtcp_rsize);
    assert_string_equal(audio->transport.ufrag, "+tAa");
    assert_string_equal(audio->transport.password, "0e/ie+28cG2DJFZw78Fu1X0x");
    assert_true(audio->transport.trickle && !audio->transport.ice_lite);
    assert_int_equal(audio->transport.setup, XC_SDP_ACTPASS);
    assert_int_equal(audio->transport.fingerprint_count, 1);
    assert_string_equal(audio->transport.fingerprints[0].hash, "sha-256");
    assert_int_equal(audio->transport.fingerprints[0].size, 32);
    assert_int_equal(audio->transport.fingerprints[0].digest[0], 0xec);
    assert_int_equal(audio->transport.fingerprints[0].digest[31], 0xc3);
    assert_int_equal(audio->codec_count, 8);
    const struct xc_sdp_codec *opus = codec_of(audio, 111);
    assert_string_equal(opus->name, "opus");
    assert_int_equal(opus->clock_rate, 48000);
    assert_int_equal(opus->channels, 2);
    assert_int_equal(opus->feedback, XC_SDP_FB_TRANSPORT_CC);
    assert_string_equal(opus->fmtp, "minptime=10;useinbandfec=1");
    assert_string_equal(codec_of(audio, 63)->fmtp, "111/111");
    assert_int_equal(codec_of(audio, 8)->channels, 1);
    assert_int_equal(audio->extmap_count, 4);
    assert_int_equal(audio->extmaps[3].id, 4);
    assert_string_equal(audio->extmaps[3].uri, "urn:ietf:params:rtp-hdrext:sdes:mid");
    assert_string_equal(audio->msid_stream, "d531a371-5e6d-4d33-9163-f4930a03d10f");
    assert_string_equal(audio->msid_track, "508c694a-d6e6-4b0e-8b64-be78126816b4");
    assert_int_equal(audio->ssrc_count, 1);
    assert_int_equal(audio->ssrcs[0].ssrc, 2148882500u);
    assert_string_equal(audio->ssrcs[0].cname, "zx+aDWiUOTIcXBeC");
}

static void test_chromium_rest(void **state)
{
    (void)state;
    must_parse(chromium_offer);
    const struct xc_sdp_section *video = &sdp.sections[1];
    assert_int_equal(video->kind, XC_SDP_VIDEO);
    assert_int_equal(video->codec_count, 23);
    const struct xc_sdp_codec *vp8 = codec_of(video, 96);
    assert_string_equal(vp8->name, "VP8");
    assert_int_equal(vp8->clock_rate, 90000);
    assert_int_equal(vp8->feedback, XC_SDP_FB_NACK | XC_SDP_FB_PLI | XC_SDP_FB_FIR |
                                        XC_SDP_FB_REMB | XC_SDP_FB_TRANSPORT_CC);
    assert_int_equal(xc_sdp_fmtp_number(codec_of(video, 97)->fmtp, "apt", 0), 96);
    assert_int_equal(video->fids[0].primary, 3677874749u);
    assert_int_equal(video->fids[0].repair, 3355919879u);
    assert_int_equal(video->ssrc_count, 2);

    const struct xc_sdp_section *data = &sdp.sections[2];
    assert_int_equal(data->kind, XC_SDP_APPLICATION);
    assert_string_equal(data->protocol, "UDP/DTLS/SCTP");
    assert_string_equal(data->formats, "webrtc-datachannel");
    assert_int_equal(data->codec_count, 0);
    assert_int_equal(data->sctp_port, 5000);
    assert_int_equal(data->max_message_size, 262144);
    /* Three candidates stand there; TCP is of no use. */
    assert_int_equal(sdp.candidate_count, 2);
    assert_int_equal(sdp.candidates[0].section, 0);
    assert_string_equal(sdp.candidates[0].candidate.host_name,
                        "9b36eaac-bb2e-49bb-bb78-21c41c499900.local");
    assert_int_equal(sdp.candidates[1].candidate.type, XC_CANDIDATE_SRFLX);
}

static void test_firefox(void **state)
{
    (void)state;
    must_parse(firefox_offer);
    assert_int_equal(sdp.section_count, 3);
    assert_true(sdp.session_id == UINT64_C(6013580462362958397));
    for (int i = 0; i < 3; i++) { /* from the session level */
        assert_int_equal(sdp.sections[i].transport.fingerprint_count, 1);
        assert_int_equal(sdp.sections[i].transport.fingerprints[0].digest[1], 0x1e);
        assert_true(sdp.sections[i].transport.trickle);
        assert_string_equal(sdp.sections[i].transport.ufrag, "8a0c8f2e");
        assert_int_equal(sdp.sections[i].bundle_only, i > 0);
    }
    const struct xc_sdp_section *audio = &sdp.sections[0];
    assert_int_equal(audio->port, 51022);
    assert_true(audio->end_of_candidates && !sdp.sections[1].end_of_candidates);
    assert_int_equal(audio->extmaps[1].id, 2);
    assert_int_equal(audio->extmaps[1].direction, XC_SDP_RECVONLY);
    assert_string_equal(audio->extmaps[1].uri, "urn:ietf:params:rtp-hdrext:csrc-audio-level");
    assert_int_equal(audio->extmaps[0].direction, XC_SDP_SENDRECV);
    assert_string_equal(audio->msid_stream, "{5a1f7d0c-6d6c-4b42-9a2b-0d3d7f8c1e11}");
    assert_string_equal(audio->ssrcs[0].cname, "{0f3a1f6e-9f42-4b5c-8f0d-6f1b8a1c2d3e}");
    assert_int_equal(codec_of(audio, 9)->channels, 1);
    const struct xc_sdp_section *video = &sdp.sections[1];
    assert_int_equal(video->port, 0);
    assert_int_equal(video->extmaps[3].direction, XC_SDP_RECVONLY);
    assert_int_equal(video->fids[0].repair, 2763381230u);
    assert_int_equal(xc_sdp_fmtp_number(codec_of(video, 120)->fmtp, "max-fs", 0), 12288);
    assert_int_equal(sdp.sections[2].max_message_size, 1073741823);
    /* Component 2 and TCP are left out. */
    assert_int_equal(sdp.candidate_count, 3);
}

/* What is written is read to the same struct and written to the same text. */
static void check_round_trip(const char *description)
{
    must_parse(description);
    size_t size = xc_sdp_write(&sdp, written, sizeof written);
    assert_true(size > 0 && size == strlen(written));
    if (!xc_sdp_parse(&again, xc_span_make(written, size), &error))
        fail_msg("line %u: %s\n%s", error.line, error.text, written);
    assert_memory_equal(&sdp, &again, sizeof sdp);
    assert_int_equal(xc_sdp_write(&again, rewritten, sizeof rewritten), size);
    assert_string_equal(rewritten, written);
    /* CRLF everywhere, and no empty line. */
    for (size_t i = 0; i < size; i++)
        assert_true(written[i] != '\n' ||
                    (i > 1 && written[i - 1] == '\r' && written[i - 2] != '\n'));
    assert_int_equal(written[size - 1], '\n');
}

static void test_round_trips(void **state)
{
    (void)state;
    check_round_trip(chromium_offer);
    check_round_trip(firefox_offer);
}

/* The canonical order, as one text. */
static void test_written_text(void **state)
{
    (void)state;
    static const char wanted[] =
        "v=0\r\no=- 7 3 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a d\r\n"
        "a=extmap-allow-mixed\r\na=msid-semantic:WMS *\r\na=ice-lite\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:frag\r\n"
        "a=ice-pwd:passwordpasswordpasswo\r\na=ice-options:trickle renomination\r\n"
        "a=fingerprint:sha-1 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:FF\r\n"
        "a=setup:passive\r\na=mid:a\r\na=extmap:1/sendonly urn:x\r\na=extmap:2 urn:y\r\n"
        "a=sendonly\r\na=msid:- track\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
        "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack\r\n"
        "a=fmtp:111 useinbandfec=1\r\na=ptime:20\r\na=maxptime:120\r\na=ssrc:1 cname:c\r\n"
        "a=ssrc:4294967295\r\na=ssrc-group:FID 1 4294967295\r\n"
        "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n"
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
        "a=bundle-only\r\na=mid:d\r\na=sctp-port:5000\r\na=max-message-size:0\r\n";
    /* The lines are out of order and in other forms, some at the session's level. */
    must_parse("v=0\no=me 7 3 IN IP4 127.0.0.1\ns=talk\nt=0 0\na=ice-lite\na=msid-semantic: WMS\n"
               "a=extmap-allow-mixed\na=group:BUNDLE a d\n"
               "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\na=mid:a\na=ssrc:1 cname:c\na=ssrc:4294967295\n"
               "a=ice-ufrag:frag\na=ice-pwd:passwordpasswordpasswo\na=ice-options:trickle foo\n"
               "a=ice-options:renomination\na=rtcp-mux\na=rtcp-rsize\na=end-of-candidates\n"
               "a=fingerprint:SHA-1 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:ff\n"
               "a=setup:passive\na=extmap:1/sendonly urn:x\na=extmap:2 urn:y with attributes\n"
               "a=rtcp-fb:111 transport-cc\na=rtcp-fb:111 nack\na=rtcp-fb:111 trr-int 100\n"
               "a=rtpmap:111 opus/48000/2\na=fmtp:111 useinbandfec=1\na=sendonly\na=msid:- track\n"
               "a=candidate:1 1 UDP 1 192.0.2.1 9 typ host generation 0\na=ptime:20\n"
               "a=maxptime:120\na=ssrc-group:FID 1 4294967295\n"
               "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\na=mid:d\na=bundle-only\n"
               "a=sctp-port:5000\na=max-message-size:0\n");
    assert_int_equal(xc_sdp_write(&sdp, written, sizeof written), strlen(wanted));
    assert_string_equal(written, wanted);
    assert_int_equal(sdp.sections[1].max_message_size, UINT32_MAX);
    assert_true(sdp.sections[1].transport.ice_lite);
    /* Every capacity that is too small is refused. */
    for (size_t capacity = 0; capacity <= strlen(wanted); capacity++) {
        char *small = malloc(capacity ? capacity : 1);
        assert_int_equal(xc_sdp_write(&sdp, small, capacity), 0);
        free(small);
    }
}

/* Every prefix of an offer is read or refused, without a read past its end. */
static void test_truncations(void **state)
{
    (void)state;
    size_t size = strlen(firefox_offer);
    size_t good = 0;
    for (size_t n = 0; n < size; n += n < 400 ? 1 : 13) {
        struct xc_span cut = exact_copy(firefox_offer, n);
        good += xc_sdp_parse(&sdp, cut, &error);
        exact_free(cut);
    }
    assert_true(good < size);
}

#define HEAD "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n"
#define DIGEST32                                                                                   \
    "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"   \
    "00:00"

static const char *const refused[] = {
    "",
    "\r\n",
    "x",
    "v=1\r\n",
    "v=0 \r\n",
    "v=",
    " v=0",
    "o=- 1 1 IN IP4 0.0.0.0\r\n",
    HEAD "nonsense\r\n",
    HEAD "a\r\n",
    HEAD "a=x\rb\r\n",
    HEAD "a=x\x01\r\n",
    HEAD "s=\x7f\r\n",
    "v=0\r\no=- x 1 IN IP4 0.0.0.0\r\n",
    "v=0\r\no=- 18446744073709551616 1 IN IP4 0\r\n",
    "v=0\r\no=-\r\n",
    HEAD "m=\r\n",
    HEAD "m=audio\r\n",
    HEAD "m=audio 9\r\n",
    HEAD "m=audio 9 RTP/AVP\r\n",
    HEAD "m=audio 65536 RTP/AVP 0\r\n",
    HEAD "m=audio -1 RTP/AVP 0\r\n",
    HEAD "m=audio x RTP/AVP 0\r\n",
    HEAD "m=audio 9 RTP/AVP 128\r\n",
    HEAD "m=audio 9 RTP/AVP 0 x\r\n",
    HEAD "m=audio 9 RTP/AVP 4294967296\r\n",
    HEAD "m=audio 9 RTP/AVP 4294967295\r\n",
    HEAD "m=audio 9 RTP/AVP -1\r\n",
    HEAD AUDIO "a=rtpmap:4294967295 x/8000\r\n",
    HEAD AUDIO "a=rtpmap:128 x/8000\r\n",
    HEAD AUDIO "a=rtpmap:x/8000\r\n",
    HEAD AUDIO "a=rtpmap:\r\n",
    HEAD "m=audio 9 RTP/AVP 1\r\na=rtpmap:1 \r\n",
    HEAD "m=audio 9 RTP/AVP 1\r\na=rtpmap:1 x\r\n",
    HEAD "m=audio 9 RTP/AVP 1\r\na=rtpmap:1 x/0\r\n",
    HEAD "m=audio 9 RTP/AVP 1\r\na=rtpmap:1 x/4294967296\r\n",
    HEAD "m=audio 9 RTP/AVP 1\r\na=rtpmap:1 x/8000/0\r\n",
    HEAD "m=audio 9 RTP/AVP 1\r\na=rtpmap:1 x/8000/256\r\n",
    HEAD AUDIO "a=fmtp:4294967295 x\r\n",
    HEAD AUDIO "a=rtcp-fb:128 nack\r\n",
    /* C30: payload types that RTCP's types hide behind, in whichever order. */
    HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111 64\r\na=rtcp-mux\r\n",
    HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 95\r\na=rtcp-mux\r\n" AUDIO,
    HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 72\r\na=rtcp-mux-only\r\n",
    /* C33: extension ids that cannot be. */
    HEAD AUDIO "a=extmap:0 urn:x\r\n",
    HEAD AUDIO "a=extmap:15 urn:x\r\n",
    HEAD AUDIO "a=extmap:256 urn:x\r\n",
    HEAD AUDIO "a=extmap:4294967297 urn:x\r\n",
    HEAD AUDIO "a=extmap:1\r\n",
    HEAD AUDIO "a=extmap:x urn:x\r\n",
    HEAD AUDIO "a=extmap:1/both urn:x\r\n",
    HEAD AUDIO "a=extmap:1 urn:x\r\na=extmap:1 urn:y\r\n",
    /* mids and groups. */
    HEAD AUDIO AUDIO,
    HEAD AUDIO "a=mid:1\r\n",
    HEAD "m=audio 9 RTP/AVP 0\r\na=mid:\r\n",
    HEAD "a=group:BUNDLE 0 1\r\n" AUDIO,
    HEAD "a=group:BUNDLE 0 0\r\n" AUDIO,
    HEAD "a=group:BUNDLE 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\r\n" AUDIO,
    /* ICE and DTLS. */
    HEAD AUDIO "a=ice-ufrag:abc\r\n",
    HEAD AUDIO "a=ice-ufrag:\r\n",
    HEAD AUDIO "a=ice-ufrag:ab:cd\r\n",
    HEAD AUDIO "a=ice-ufrag:ab cd\r\n",
    HEAD AUDIO "a=ice-pwd:passwordpasswordpassw\r\n",
    HEAD "a=ice-pwd:\r\n" AUDIO,
    HEAD AUDIO "a=setup:both\r\n",
    HEAD AUDIO "a=fingerprint:sha-256\r\n",
    HEAD AUDIO "a=fingerprint:sha-256 00:11\r\n",
    HEAD AUDIO "a=fingerprint:sha-1 " DIGEST32 "\r\n",
    HEAD AUDIO "a=fingerprint:sha-512 " DIGEST32 "\r\n",
    HEAD AUDIO "a=fingerprint:sha-256 " DIGEST32 ":00\r\n",
    HEAD AUDIO "a=fingerprint:sha-256 x" DIGEST32 "\r\n",
    HEAD AUDIO
    "a=fingerprint:sha-1 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:0g\r\n",
    HEAD AUDIO
    "a=fingerprint:sha-1 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00-00\r\n",
    /* Numbers. */
    HEAD AUDIO "a=ssrc:4294967296 cname:x\r\n",
    HEAD AUDIO "a=ssrc:x cname:x\r\n",
    HEAD AUDIO "a=ssrc:1 cname:\r\n",
    HEAD AUDIO "a=ssrc-group:FID 1\r\n",
    HEAD AUDIO "a=ssrc-group:FID 1 4294967296\r\n",
    HEAD AUDIO "a=ptime:65536\r\n",
    HEAD AUDIO "a=sctp-port:65536\r\n",
    HEAD AUDIO "a=max-message-size:x\r\n",
    HEAD AUDIO "a=max-message-size:18446744073709551616\r\n",
    HEAD AUDIO "a=msid:\r\n",
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < XC_ARRAY_LEN(refused); i++) {
        if (parse(refused[i]))
            fail_msg("case %zu accepted: %s", i, refused[i]);
    }
}

static void test_accepted(void **state)
{
    (void)state;
    static const char *const good[] = {
        "v=0",
        "v=0\n",
        HEAD,
        HEAD "\r\n\r\n",
        HEAD "a=\r\n",
        HEAD "a=:\r\n",
        HEAD "z=what\r\n",
        HEAD "a=mid:\r\na=rtpmap:x\r\na=extmap:0\r\n", /* of no meaning above the first m line */
        HEAD "a=group:BUNDLE\r\n" AUDIO,
        HEAD "a=group:LS 7 8\r\n" AUDIO,
        HEAD AUDIO "a=candidate:rubbish\r\na=candidate:\r\n",
        HEAD AUDIO "a=rtpmap:0 PCMU/8000\r\n",
        HEAD AUDIO "a=fingerprint:sha-3-512-and-more x\r\na=fingerprint:none 00\r\n",
        HEAD AUDIO "a=simulcast:send hi;lo\r\na=rid:hi send\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
        HEAD AUDIO "b=AS:30\r\ni=x\r\nk=clear:x\r\na=ssrc-group:SIM 1 2 3\r\na=ssrc:7 label:x\r\n",
        HEAD "m=image 9 udptl t38\r\n",
        HEAD "m=audio 49170/2 RTP/AVP 0\r\n",
        HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 64 95\r\n", /* without rtcp-mux */
        HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 63 96 35\r\na=rtcp-mux\r\n",
        HEAD AUDIO "a=extmap:14 urn:x\r\na=extmap:16 urn:y\r\na=extmap:255 urn:z\r\n",
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(good); i++)
        must_parse(good[i]);
    assert_true(xc_sdp_parse(&sdp, text_span(HEAD AUDIO), NULL));
    assert_false(xc_sdp_parse(&sdp, text_span("x"), NULL));
}

static void test_error_line(void **state)
{
    (void)state;
    assert_false(parse(HEAD AUDIO "a=extmap:0 urn:x\r\n"));
    assert_int_equal(error.line, 8);
    assert_false(parse(HEAD "a=group:BUNDLE 0 9\r\n" AUDIO));
    assert_int_equal(error.line, 5);
    assert_false(parse(HEAD "m=audio 9 RTP/SAVPF 80\r\na=rtcp-mux\r\n" AUDIO));
    assert_int_equal(error.line, 5);
}

/* NULs, alone and in an fmtp line (pjproject#2092). */
static void test_nul(void **state)
{
    (void)state;
    static const char fmtp[] = HEAD AUDIO "a=fmtp:111 x\0y=1\r\n";
    assert_false(xc_sdp_parse(&sdp, xc_span_make(fmtp, sizeof fmtp - 1), &error));
    assert_int_equal(error.line, 8);
    assert_false(xc_sdp_parse(&sdp, xc_span_make("v=0\n\0", 5), &error));
    assert_false(xc_sdp_parse(&sdp, xc_span_make("\0", 1), &error));
    assert_false(xc_sdp_parse(&sdp, xc_span_make(NULL, 0), &error));
}

/* Tokens of exactly the longest size are taken, one more is refused. */
static void check_limit(const char *before, size_t most, const char *after)
{
    for (size_t n = most; n <= most + 1; n++) {
        size_t at = strlen(before);
        strcpy(text, before);
        memset(text + at, 'a', n);
        strcpy(text + at + n, after);
        if (parse(text) != (n == most))
            fail_msg("%s of %zu: line %u %s", before, n, error.line, error.text);
    }
}

static void test_limits(void **state)
{
    (void)state;
    check_limit(HEAD "m=", XC_SDP_TOKEN_MAX, " 9 RTP/AVP 0\r\n");
    check_limit(HEAD "m=audio 9 ", XC_SDP_TOKEN_MAX, " 0\r\n");
    check_limit(HEAD "m=application 9 UDP/DTLS/SCTP ", XC_SDP_TOKEN_MAX, "\r\n");
    check_limit(HEAD "m=audio 9 RTP/AVP 1\r\na=mid:", XC_SDP_TOKEN_MAX, "\r\n");
    check_limit(HEAD "m=audio 9 RTP/AVP 1\r\na=rtpmap:1 ", XC_SDP_TOKEN_MAX, "/8000\r\n");
    check_limit(HEAD AUDIO "a=msid:", XC_SDP_TOKEN_MAX, " t\r\n");
    check_limit(HEAD AUDIO "a=msid:s ", XC_SDP_TOKEN_MAX, "\r\n");
    check_limit(HEAD AUDIO "a=ssrc:1 cname:", XC_SDP_TOKEN_MAX, "\r\n");
    check_limit(HEAD AUDIO "a=ice-ufrag:", XC_SDP_UFRAG_MAX, "\r\n");
    check_limit(HEAD AUDIO "a=ice-pwd:", XC_SDP_UFRAG_MAX, "\r\n");
    check_limit(HEAD AUDIO "a=extmap:1 ", 127, "\r\n");
}

/* An fmtp line that is too long is passed over, two lines are joined. */
static void test_fmtp_lines(void **state)
{
    (void)state;
    must_parse(HEAD AUDIO "a=fmtp:111 a=1\r\na=fmtp:111 b=2\r\na=fmtp:111 \r\n");
    assert_string_equal(sdp.sections[0].codecs[0].fmtp, "a=1;b=2");
    for (size_t n = XC_SDP_FMTP_MAX; n <= XC_SDP_FMTP_MAX + 1; n++) {
        strcpy(text, HEAD AUDIO "a=fmtp:111 ");
        memset(text + strlen(HEAD AUDIO "a=fmtp:111 "), 'x', n);
        strcpy(text + strlen(HEAD AUDIO "a=fmtp:111 ") + n, "\r\na=fmtp:111 y\r\n");
        must_parse(text);
        if (n == XC_SDP_FMTP_MAX)
            assert_int_equal(strlen(sdp.sections[0].codecs[0].fmtp), n);
        else
            assert_string_equal(sdp.sections[0].codecs[0].fmtp, "y");
    }
}

static size_t fill(size_t at, const char *format, unsigned count)
{
    for (unsigned i = 0; i < count && at + 128 < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, format, i, i, i);
    return at;
}

/* Tables that are full, and texts that are too long. */
static void test_many(void **state)
{
    (void)state;
    size_t head = strlen(HEAD AUDIO);
    strcpy(text, HEAD);
    fill(strlen(HEAD), "m=audio 9 RTP/AVP 0\r\na=mid:%u\r\n", XC_SDP_SECTIONS_MAX);
    must_parse(text);
    assert_int_equal(sdp.section_count, XC_SDP_SECTIONS_MAX);
    fill(strlen(HEAD), "m=audio 9 RTP/AVP 0\r\na=mid:%u\r\n", XC_SDP_SECTIONS_MAX + 1);
    assert_false(parse(text));

    strcpy(text, HEAD AUDIO);
    fill(head, "a=candidate:%u 1 udp %u 192.0.2.1 9 typ host\r\n", 100);
    must_parse(text);
    assert_int_equal(sdp.candidate_count, XC_SDP_CANDIDATES_MAX);
    fill(head, "a=ssrc:%u cname:c%u\r\n", 100);
    must_parse(text);
    assert_int_equal(sdp.sections[0].ssrc_count, XC_SDP_SSRCS_MAX);
    fill(head, "a=extmap:%u urn:x%u\r\n", 1);
    assert_false(parse(text));
    strcpy(text + head, "");
    for (unsigned i = 16; i < 116; i++)
        head += (size_t)snprintf(text + head, sizeof text - head, "a=extmap:%u urn:x%u\r\n", i, i);
    must_parse(text);
    assert_int_equal(sdp.sections[0].extmap_count, XC_SDP_EXTMAPS_MAX);

    strcpy(text, HEAD "m=audio 9 RTP/AVP");
    size_t at = fill(strlen(text), " %u", 128);
    strcpy(text + at, "\r\na=fmtp:127 x\r\na=rtpmap:127 x/8000\r\na=rtpmap:47 y/8000\r\n");
    must_parse(text);
    assert_int_equal(sdp.sections[0].codec_count, XC_SDP_CODECS_MAX);
    assert_string_equal(sdp.sections[0].codecs[47].name, "y");

    for (int i = 0; i < 6; i++) /* more fingerprints than are kept */
        strcat(strcpy(text + (i ? strlen(text) : 0), i ? "" : HEAD AUDIO),
               "a=fingerprint:sha-256 " DIGEST32 "\r\n");
    must_parse(text);
    assert_int_equal(sdp.sections[0].transport.fingerprint_count, XC_SDP_FINGERPRINTS_MAX);

    strcpy(text, HEAD); /* 10^5 lines */
    at = strlen(HEAD);
    for (int i = 0; i < 100000 && at + 8 < sizeof text; i++, at += 2)
        strcpy(text + at, "\r\n");
    assert_false(parse(text));
    text[XC_SDP_TEXT_MAX] = '\0';
    must_parse(text);
}

/* A candidate of 10 KB is passed over. */
static void test_long_candidate(void **state)
{
    (void)state;
    strcpy(text, HEAD AUDIO "a=candidate:1 1 udp 1 ");
    size_t at = strlen(text);
    memset(text + at, 'h', 10240);
    strcpy(text + at + 10240, " 9 typ host\r\na=candidate:2 1 udp 1 192.0.2.1 9 typ host\r\n");
    must_parse(text);
    assert_int_equal(sdp.candidate_count, 1);
    assert_string_equal(sdp.candidates[0].candidate.foundation, "2");
}

static void test_session_level(void **state)
{
    (void)state;
    must_parse(HEAD
               "a=ice-ufrag:sess\r\na=ice-pwd:sessionsessionsessionss\r\na=setup:active\r\n"
               "a=fingerprint:sha-256 " DIGEST32 "\r\na=fingerprint:sha-256 " DIGEST32 "\r\n"
               "a=recvonly\r\na=end-of-candidates\r\n" AUDIO
               "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=ice-ufrag:own!\r\n"
               "a=ice-pwd:videovideovideovideovideo\r\na=setup:passive\r\na=inactive\r\n"
               "a=fingerprint:sha-1 11:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00"
               "\r\na=rtcp-fb:* nack\r\na=rtcp-fb:* ccm fir\r\na=rtcp-fb:96 nack pli\r\n");
    const struct xc_sdp_section *audio = &sdp.sections[0];
    const struct xc_sdp_section *video = &sdp.sections[1];
    assert_string_equal(audio->transport.ufrag, "sess");
    assert_int_equal(audio->transport.setup, XC_SDP_ACTIVE);
    assert_int_equal(audio->transport.fingerprint_count, 2);
    assert_int_equal(audio->direction, XC_SDP_RECVONLY);
    assert_true(audio->end_of_candidates && video->end_of_candidates);
    assert_int_equal(audio->codecs[0].feedback, 0);
    assert_string_equal(video->transport.ufrag, "own!");
    assert_string_equal(video->transport.password, "videovideovideovideovideo");
    assert_int_equal(video->transport.setup, XC_SDP_PASSIVE);
    assert_int_equal(video->transport.fingerprint_count, 1);
    assert_int_equal(video->transport.fingerprints[0].digest[0], 0x11);
    assert_int_equal(video->direction, XC_SDP_INACTIVE);
    assert_int_equal(video->codecs[0].feedback, XC_SDP_FB_NACK | XC_SDP_FB_FIR | XC_SDP_FB_PLI);
}

static void test_message_size(void **state)
{
    (void)state;
#define DATA HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
    must_parse(DATA);
    assert_int_equal(sdp.sections[0].max_message_size, XC_SDP_MESSAGE_SIZE);
    assert_int_equal(sdp.sections[0].sctp_port, 0);
    must_parse(DATA "a=max-message-size:0\r\n");
    assert_int_equal(sdp.sections[0].max_message_size, UINT32_MAX);
    must_parse(DATA "a=max-message-size:18446744073709551615\r\n");
    assert_int_equal(sdp.sections[0].max_message_size, UINT32_MAX);
    must_parse(DATA "a=max-message-size:1\r\n");
    assert_int_equal(sdp.sections[0].max_message_size, 1);
}

/* The old form of msid, and the media line's own one first. */
static void test_msid_of_source(void **state)
{
    (void)state;
    must_parse(HEAD AUDIO "a=ssrc:5 msid:stream track\r\n");
    assert_string_equal(sdp.sections[0].msid_stream, "stream");
    assert_string_equal(sdp.sections[0].msid_track, "track");
    assert_int_equal(sdp.sections[0].ssrc_count, 1);
    must_parse(HEAD AUDIO "a=msid:only\r\na=msid:second x\r\na=ssrc:5 msid:stream track\r\n");
    assert_string_equal(sdp.sections[0].msid_stream, "only");
    assert_string_equal(sdp.sections[0].msid_track, "");
}

/* A struct built from nothing but kinds gives what JSEP asks for. */
static void test_write_defaults(void **state)
{
    (void)state;
    memset(&sdp, 0, sizeof sdp);
    sdp.section_count = 2;
    sdp.sections[0].kind = XC_SDP_VIDEO;
    sdp.sections[1].kind = XC_SDP_APPLICATION;
    assert_int_not_equal(xc_sdp_write(&sdp, written, sizeof written), 0);
    assert_string_equal(written,
                        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
                        "m=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n"
                        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                        "c=IN IP4 0.0.0.0\r\n");
    /* A line break in a string must not become a line of its own. */
    strcpy(sdp.sections[0].mid, "0\r\na=x");
    assert_int_equal(xc_sdp_write(&sdp, written, sizeof written), 0);
}

static void test_fmtp_get(void **state)
{
    (void)state;
    static const char fmtp[] =
        "minptime=10; UseInbandFec=1;stereo = 1 ;bare;empty=;x=a=b;;big=4294967296";
    struct xc_span value;
    assert_int_equal(xc_sdp_fmtp_number(fmtp, "minptime", 0), 10);
    assert_int_equal(xc_sdp_fmtp_number(fmtp, "useinbandfec", 0), 1);
    assert_int_equal(xc_sdp_fmtp_number(fmtp, "STEREO", 0), 1);
    assert_int_equal(xc_sdp_fmtp_number(fmtp, "ptime", 7), 7);
    assert_int_equal(xc_sdp_fmtp_number(fmtp, "min", 7), 7);
    assert_int_equal(xc_sdp_fmtp_number(fmtp, "bare", 7), 7);
    assert_int_equal(xc_sdp_fmtp_number(fmtp, "big", 7), 7);
    assert_true(xc_sdp_fmtp_get(fmtp, "bare", &value) && value.size == 0);
    assert_true(xc_sdp_fmtp_get(fmtp, "empty", &value) && value.size == 0);
    assert_true(xc_sdp_fmtp_get(fmtp, "x", &value) && xc_span_equal_text(value, "a=b"));
    assert_false(xc_sdp_fmtp_get("", "x", &value));
    assert_true(xc_sdp_fmtp_get("111/111", "111/111", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chromium),       cmocka_unit_test(test_chromium_rest),
        cmocka_unit_test(test_firefox),        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_written_text),   cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_error_line),     cmocka_unit_test(test_nul),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_fmtp_lines),
        cmocka_unit_test(test_many),           cmocka_unit_test(test_long_candidate),
        cmocka_unit_test(test_session_level),  cmocka_unit_test(test_message_size),
        cmocka_unit_test(test_msid_of_source), cmocka_unit_test(test_write_defaults),
        cmocka_unit_test(test_fmtp_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
