/* test_negotiate_refuse.c - what call/negotiate.c must not take: descriptions without keys or with
 * weak ones, without protection, without rtcp-mux, and everything that a session may not change. A
 * refused description leaves no trace.
 * SPDX-License-Identifier: MIT */
#include "negotiate_peers.h"
#include "negotiate_texts.h"

static struct peer us;
static struct xc_negotiation before;
static char edited[TEXT_MAX];

/* Replaces every place. */
static void edit_all(const char *text, const char *at, const char *by)
{
    size_t size = strlen(text), done = 0;
    memmove(edited, text, size + 1);
    assert_non_null(strstr(edited, at));
    for (char *place = edited; (place = strstr(edited + done, at)) != NULL;) {
        size_t tail = size - (size_t)(place - edited) - strlen(at);
        done = (size_t)(place - edited) + strlen(by);
        memmove(place + strlen(by), place + strlen(at), tail + 1);
        memcpy(place, by, strlen(by));
        size = size + strlen(by) - strlen(at);
    }
}

static void edit_one(const char *text, const char *at, const char *by)
{
    size_t size = strlen(text);
    memmove(edited, text, size + 1);
    replace(edited, &size, at, by);
}

static void we_offer(void)
{
    peer_init(&us, true, 0, 3);
    peer_want(&us, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_offer(&us);
}

static void we_answer(void)
{
    peer_init(&us, false, 0, 3);
    peer_want(&us, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDRECV);
}

static void in_call(const char *offer)
{
    we_answer();
    parse_text(offer, strlen(offer));
    assert_int_equal(xc_negotiate_apply_offer(&us.n, &parsed, NULL), XC_NEGOTIATE_OK);
    peer_answer(&us);
}

static void refuses(bool answer, const char *words)
{
    parse_text(edited, strlen(edited));
    before = us.n;
    refusal = (struct xc_negotiate_error){.text = NULL};
    int result = answer ? xc_negotiate_apply_answer(&us.n, &parsed, &refusal)
                        : xc_negotiate_apply_offer(&us.n, &parsed, &refusal);
    assert_int_equal(result, XC_NEGOTIATE_BAD);
    assert_non_null(refusal.text);
    if (!strstr(refusal.text, words))
        fail_msg("\"%s\" instead of \"%s\"", refusal.text, words);
    assert_memory_equal(&us.n, &before, offsetof(struct xc_negotiation, local));
    assert_memory_equal(us.n.local.sections, before.local.sections, sizeof before.local.sections);
}

static int takes(bool answer)
{
    parse_text(edited, strlen(edited));
    return answer ? xc_negotiate_apply_answer(&us.n, &parsed, &refusal)
                  : xc_negotiate_apply_offer(&us.n, &parsed, &refusal);
}

static void test_answer_setup(void **state)
{
    (void)state;
    we_offer();
    edit_all(CHROME_ANSWER, "a=setup:active", "a=setup:actpass");
    refuses(true, "active or passive");
    edit_all(CHROME_ANSWER, "a=setup:active", "a=setup:holdconn");
    refuses(true, "holdconn");
    edit_all(CHROME_ANSWER, "a=setup:active", "a=setup:passive");
    assert_int_equal(takes(true), XC_NEGOTIATE_OK);
    assert_true(us.n.dtls_client);
    we_offer();
    edit_all(CHROME_ANSWER, "a=setup:active\r\n", ""); /* RFC 4145: passive */
    assert_int_equal(takes(true), XC_NEGOTIATE_OK);
    assert_true(us.n.dtls_client);
}

static void test_offer_setup(void **state)
{
    (void)state;
    we_answer();
    edit_all(CHROME_OFFER, "a=setup:actpass", "a=setup:holdconn");
    refuses(false, "holdconn");
    edit_all(CHROME_OFFER, "a=setup:actpass\r\n", ""); /* RFC 4145: active */
    assert_int_equal(takes(false), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_false(us.n.dtls_client);
    assert_non_null(strstr(us.text, "a=setup:passive\r\n"));
}

static void test_fingerprints(void **state) /* C11 */
{
    (void)state;
    we_answer();
    edit_all(CHROME_OFFER, "a=fingerprint:sha-256 " PRINT_C "\r\n", "");
    refuses(false, "fingerprint");
    edit_all(FIREFOX_OFFER, "sha-256 " PRINT_F,
             "sha-1 "
             "E1:0B:94:5D:27:C3:6A:88:F0:12:39:7B:44:"
             "DE:A5:60:1C:93:0F:B8");
    refuses(false, "fingerprint");
    edit_all(FIREFOX_OFFER, "sha-256 " PRINT_F, "sha-9 00");
    refuses(false, "fingerprint");
    edit_all(FIREFOX_OFFER, "a=fingerprint:sha-256 " PRINT_F,
             "a=fingerprint:sha-1 E1:0B:94:5D:27:C3:6A:88:F0:12:39:7B:44:DE:A5:60:1C:93:0F:B8\r\n"
             "a=fingerprint:SHA-256 " PRINT_F);
    assert_int_equal(takes(false), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_int_equal(us.n.remote_transport.fingerprint_count, 2);
    we_offer();
    edit_all(CHROME_ANSWER, "a=fingerprint:sha-256 " PRINT_C "\r\n", "");
    refuses(true, "fingerprint");
}

static void test_ice(void **state)
{
    (void)state;
    we_answer();
    edit_all(CHROME_OFFER, "a=ice-ufrag:h4Zq\r\n", "");
    refuses(false, "ice-ufrag");
    edit_all(CHROME_OFFER, "a=ice-pwd:QvGr2Yb0kN5cX8LmTz1dWf3H\r\n", "");
    refuses(false, "ice-pwd");
    parse_text(CHROME_OFFER, strlen(CHROME_OFFER));
    memcpy(parsed.sections[0].transport.ufrag, "abc", 4); /* the parser refuses it already */
    assert_int_equal(xc_negotiate_apply_offer(&us.n, &parsed, NULL), XC_NEGOTIATE_BAD);
    parse_text(CHROME_OFFER, strlen(CHROME_OFFER));
    parsed.sections[0].transport.password[21] = '\0';
    assert_int_equal(xc_negotiate_apply_offer(&us.n, &parsed, NULL), XC_NEGOTIATE_BAD);
    we_offer();
    edit_all(CHROME_ANSWER, "a=ice-ufrag:h4Zq\r\n", "");
    refuses(true, "ice-ufrag");
}

static void test_answer_shape(void **state)
{
    (void)state;
    we_offer();
    edit_all(CHROME_ANSWER, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
    *strstr(edited, "m=video") = '\0';
    refuses(true, "as many sections");
    edit_all(CHROME_ANSWER, "m=video", "m=audio");
    refuses(true, "kinds");
    edit_one(CHROME_ANSWER, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
    edit_one(edited, "a=mid:1", "a=mid:2");
    refuses(true, "mids");
    edit_one(CHROME_ANSWER, "m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio 9 RTP/AVP");
    refuses(true, "DTLS-SRTP");
    edit_one(CHROME_ANSWER, "m=audio 9", "m=audio 0");
    edit_one(edited, "m=video 9", "m=video 0");
    edit_one(edited, "a=group:BUNDLE 0 1\r\n", "");
    refuses(true, "no media");
    edit_one(CHROME_ANSWER, "opus/48000/2", "PCMU/8000");
    assert_int_equal(takes(true), XC_NEGOTIATE_OK);
    assert_false(us.n.media[0].active);
    assert_true(us.n.media[1].active);
}

static void test_answer_without_mux(void **state) /* C21 */
{
    (void)state;
    we_offer();
    edit_all(CHROME_ANSWER, "a=rtcp-mux\r\n", "");
    refuses(true, "no media");
    edit_one(CHROME_ANSWER, "a=rtcp-mux\r\n", "");
    assert_int_equal(takes(true), XC_NEGOTIATE_OK);
    assert_false(us.n.media[0].active);
    assert_true(us.n.media[1].active);
    peer_offer(&us);
    assert_non_null(strstr(us.text, "m=audio 0 "));
    assert_non_null(strstr(us.text, "a=group:BUNDLE 1\r\n"));
}

static void test_answer_outside_the_group(void **state)
{
    (void)state;
    we_offer();
    edit_one(CHROME_ANSWER, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
    assert_int_equal(takes(true), XC_NEGOTIATE_OK);
    assert_true(us.n.media[0].active);
    assert_false(us.n.media[1].active);
}

static void test_answer_accepts_what_was_rejected(void **state)
{
    (void)state;
    we_offer();
    edit_one(CHROME_ANSWER, "m=video 9", "m=video 0");
    edit_one(edited, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
    assert_int_equal(takes(true), XC_NEGOTIATE_OK);
    peer_offer(&us);
    edit_one(CHROME_ANSWER, "m=video 9", "m=video 9");
    refuses(true, "not offered");
}

static void test_offer_without_mux_or_protection(void **state) /* C21, C34 */
{
    (void)state;
    we_answer();
    edit_one(CHROME_OFFER, "a=rtcp-mux\r\n", "");
    assert_int_equal(takes(false), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_non_null(strstr(us.text, "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"));
    assert_non_null(strstr(us.text, "a=group:BUNDLE 1\r\n"));
    static const char *const tokens[] = {
        "RTP/AVP",          "RTP/AVPF",           "RTP/SAVP",
        "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "UDP/TLS/RTP/SAVPFX"};
    for (size_t i = 0; i < XC_ARRAY_LEN(tokens); i++) {
        char line[64] = "m=video 9 ";
        we_answer();
        memcpy(line + strlen(line), tokens[i], strlen(tokens[i]) + 1);
        edit_one(CHROME_OFFER, "m=video 9 UDP/TLS/RTP/SAVPF", line);
        assert_int_equal(takes(false), XC_NEGOTIATE_OK);
        peer_answer(&us);
        assert_true(us.n.media[0].active);
        assert_false(us.n.media[1].active);
        line[8] = '0';
        assert_non_null(strstr(us.text, line));
        we_answer();
        edit_all(CHROME_OFFER, "UDP/TLS/RTP/SAVPF", tokens[i]);
        refuses(false, "no media");
    }
}

static void test_nothing_in_common(void **state)
{
    (void)state;
    peer_init(&us, false, 0, 3); /* no wishes */
    edit_one(CHROME_OFFER, "m=audio", "m=audio");
    refuses(false, "no media");
    we_answer();
    edit_one(CHROME_HEAD("2", "a=group:BUNDLE 2\r\n") CHROME_DATA_OFFER, "m=", "m=");
    refuses(false, "no media");
    memcpy(edited, "v=0\r\n", 6);
    refuses(false, "no section");
}

/* C30: the parser refuses them; here too, for a caller that fills the struct itself. */
static void test_payload_type_in_rtcp_range(void **state)
{
    (void)state;
    struct xc_sdp_error error;
    edit_all(CHROME_OFFER, "RTP/SAVPF 111 63", "RTP/SAVPF 72 63");
    assert_false(xc_sdp_parse(&parsed, xc_span_make(edited, strlen(edited)), &error));
    we_answer();
    parse_text(CHROME_OFFER, strlen(CHROME_OFFER));
    parsed.sections[0].codecs[0].payload_type = 72;
    assert_int_equal(xc_negotiate_apply_offer(&us.n, &parsed, NULL), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_false(us.n.media[0].active);
}

static void test_session_may_not_change(void **state)
{
    (void)state;
    in_call(CHROME_OFFER);
    edit_one(CHROME_HEAD("3", "a=group:BUNDLE 0 1\r\n") CHROME_AUDIO_OFFER CHROME_VIDEO_OFFER,
             "m=", "m=");
    refuses(false, "fewer sections");
    edit_one(CHROME_OFFER, "a=mid:1", "a=mid:9");
    edit_one(edited, "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 9 2");
    refuses(false, "mid");
    edit_one(CHROME_OFFER, "a=mid:1\r\n", "");
    edit_one(edited, "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 2");
    refuses(false, "mid");
    edit_one(CHROME_OFFER, "m=video", "m=text");
    refuses(false, "kind");
    edit_one(CHROME_OFFER, "a=rtpmap:111 opus/48000/2", "a=rtpmap:111 L16/48000/2");
    refuses(false, "payload type");
    edit_all(CHROME_OFFER, PRINT_C, PRINT_F);
    refuses(false, "fingerprint");
    edit_all(CHROME_OFFER, "a=setup:actpass", "a=setup:passive");
    assert_int_equal(takes(false), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.dtls_client);
    edit_all(CHROME_OFFER, "a=setup:actpass", "a=setup:active"); /* it is the passive side */
    assert_int_equal(takes(false), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_true(us.n.dtls_client); /* the certificate is the same: so is the association */
}

static void test_extension_ids_may_not_change(void **state)
{
    (void)state;
    in_call(CHROME_OFFER);
    edit_one(CHROME_OFFER, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
             "a=extmap:12 urn:ietf:params:rtp-hdrext:sdes:mid");
    refuses(false, "id");
    edit_one(CHROME_OFFER, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
             "a=extmap:4 urn:example:other");
    refuses(false, "id");
    /* a change among the peer's own is its own affair, and the id is not ours either way */
    edit_one(CHROME_OFFER, "a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
             "a=extmap:7 urn:example:other");
    assert_int_equal(takes(false), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_int_equal(us.n.media[0].extension_ids[XC_EXT_MID], 4);
}

/* Sections whose ids differ: the table's meaning wins, the other section goes without. */
static void test_sections_with_different_ids(void **state)
{
    (void)state;
    peer_init(&us, false, 1U << XC_EXT_AUDIO_LEVEL | 1U << XC_EXT_ABS_SEND_TIME, 3);
    peer_want(&us, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    edit_one(FIREFOX_OFFER, "a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
             "a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(takes(false), XC_NEGOTIATE_OK);
        peer_answer(&us);
        edit_one(edited, "m=", "m=");
        assert_int_equal(us.n.media[0].extension_ids[XC_EXT_AUDIO_LEVEL], 1);
        assert_int_equal(us.n.media[1].extension_ids[XC_EXT_ABS_SEND_TIME], 0);
        assert_int_equal(us.n.media[1].extension_ids[XC_EXT_MID], 3);
    }
}

static void append(char *text, size_t *size, const char *more)
{
    assert_true(*size + strlen(more) < TEXT_MAX);
    memcpy(text + *size, more, strlen(more) + 1);
    *size += strlen(more);
}

/* All of the table's rows and ids used up by URIs of the peer's own. */
static void test_extension_table_full(void **state)
{
    (void)state;
    size_t size = 0;
    append(edited, &size, CHROME_HEAD("2", "a=group:BUNDLE 0 1\r\n") CHROME_AUDIO_OFFER);
    for (unsigned id = 5; id < 25; id++) {
        char line[] = "a=extmap:00 urn:example:00\r\n";
        if (id == 15)
            continue;
        line[9] = line[23] = (char)('0' + id / 10);
        line[10] = line[24] = (char)('0' + id % 10);
        append(edited, &size, line);
    }
    append(edited, &size, CHROME_VIDEO_OFFER);
    peer_init(&us, false, ALL_EXTENSIONS, 3);
    peer_want(&us, XC_SDP_AUDIO, XC_SDP_SENDRECV);
    assert_int_equal(takes(false), XC_NEGOTIATE_OK);
    peer_answer(&us);
    peer_want(&us, XC_SDP_VIDEO, XC_SDP_SENDRECV);
    peer_offer(&us);
    parse_text(us.text, us.size);
    for (uint8_t i = 0; i < parsed.sections[1].extmap_count; i++) {
        uint16_t id = parsed.sections[1].extmaps[i].id;
        assert_true(id >= 1 && id <= 4); /* the ones that the peer gave to URIs of ours */
    }
    assert_int_equal(us.n.local.sections[1].media.extension_ids[XC_EXT_MID], 4);
    assert_int_equal(us.n.local.sections[1].media.extension_ids[XC_EXT_ABS_CAPTURE_TIME], 0);
    assert_true(us.n.extension_count <= XC_EXTENSIONS_MAX);
}

/* Sixteen sections in, the rest of them rejected: the one more of ours takes the first of those. */
static void test_most_sections(void **state)
{
    (void)state;
    size_t size = 0;
    we_answer();
    append(edited, &size, CHROME_HEAD("2", "a=group:BUNDLE 0\r\n") CHROME_AUDIO_OFFER);
    for (int i = 1; i < XC_SDP_SECTIONS_MAX; i++)
        append(edited, &size, "m=text 9 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n");
    assert_int_equal(takes(false), XC_NEGOTIATE_OK);
    peer_answer(&us);
    assert_int_equal(us.n.media_count, XC_SDP_SECTIONS_MAX);
    assert_true(xc_negotiate_needed(&us.n)); /* the video */
    peer_offer(&us);
    parse_text(us.text, us.size);
    assert_int_equal(parsed.section_count, XC_SDP_SECTIONS_MAX);
    assert_string_equal(parsed.sections[1].kind_text, "video");
    assert_int_equal(parsed.sections[1].port, 9);
    assert_string_equal(parsed.sections[1].mid, "1");
    assert_int_equal(parsed.sections[15].port, 0);
    assert_string_equal(parsed.sections[15].kind_text, "text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_setup),
        cmocka_unit_test(test_offer_setup),
        cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_ice),
        cmocka_unit_test(test_answer_shape),
        cmocka_unit_test(test_answer_without_mux),
        cmocka_unit_test(test_answer_outside_the_group),
        cmocka_unit_test(test_answer_accepts_what_was_rejected),
        cmocka_unit_test(test_offer_without_mux_or_protection),
        cmocka_unit_test(test_nothing_in_common),
        cmocka_unit_test(test_payload_type_in_rtcp_range),
        cmocka_unit_test(test_session_may_not_change),
        cmocka_unit_test(test_extension_ids_may_not_change),
        cmocka_unit_test(test_sections_with_different_ids),
        cmocka_unit_test(test_extension_table_full),
        cmocka_unit_test(test_most_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
