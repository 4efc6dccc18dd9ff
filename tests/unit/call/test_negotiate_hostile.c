/* test_negotiate_hostile.c - descriptions that are made to hurt: too much of everything, what may not
 * stand there, what points to itself. Each is refused with a sentence or read without what is too
 * much, and none takes long: the work is bounded by the text's bytes and by the tables' sizes.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "negotiate_chromium.h"
#include "negotiate_peers.h"

#define HUGE_TEXT (4U << 20)

static struct peer us;
static char *text; /* HUGE_TEXT bytes */
static size_t size;

static int make_text(void **state)
{
    (void)state;
    text = malloc(HUGE_TEXT);
    return text ? 0 : -1;
}

static int free_text(void **state)
{
    (void)state;
    free(text);
    return 0;
}

static void start(const char *what)
{
    size = strlen(what);
    memcpy(text, what, size + 1);
}

static void add(const char *what)
{
    assert_true(size + strlen(what) < HUGE_TEXT);
    memcpy(text + size, what, strlen(what) + 1);
    size += strlen(what);
}

static void add_many(const char *what, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add(what);
}

static void swap(const char *at, const char *by)
{
    char *place = strstr(text, at);
    assert_non_null(place);
    size_t tail = size - (size_t)(place - text) - strlen(at);
    memmove(place + strlen(by), place + strlen(at), tail + 1);
    memcpy(place, by, strlen(by));
    size = size + strlen(by) - strlen(at);
}

static void we_answer(void)
{
    struct xc_media_want audio = {.kind = XC_SDP_AUDIO,
                                  .direction = XC_SDP_SENDRECV,
                                  .ssrc = 1,
                                  .red = true,
                                  .telephone_event = true};
    struct xc_media_want video = {.kind = XC_SDP_VIDEO,
                                  .direction = XC_SDP_SENDRECV,
                                  .ssrc = 2,
                                  .repair_ssrc = 3,
                                  .video_codecs = {XC_CODEC_VP8, XC_CODEC_VP9}};
    struct xc_media_want data = {.kind = XC_SDP_APPLICATION, .direction = XC_SDP_SENDRECV};
    peer_init(&us, false, ALL_EXTENSIONS, 3);
    xc_negotiate_add_want(&us.n, &audio);
    xc_negotiate_add_want(&us.n, &video);
    xc_negotiate_add_want(&us.n, &data);
}

static void refused(const char *words)
{
    struct xc_sdp_error error = {0};
    assert_false(xc_sdp_parse(&parsed, xc_span_make(text, size), &error));
    assert_string_equal(error.text, words);
}

/* Read, negotiated and answered; the answer can be read again. */
static void taken(void)
{
    struct xc_sdp_error error = {0};
    we_answer();
    if (!xc_sdp_parse(&parsed, xc_span_make(text, size), &error))
        fail_msg("line %u: %s", (unsigned)error.line, error.text);
    assert_int_equal(xc_negotiate_apply_offer(&us.n, &parsed, &refusal), XC_NEGOTIATE_OK);
    peer_answer(&us);
    parse_text(us.text, us.size);
}

static void test_too_long(void **state)
{
    (void)state;
    start(CHROMIUM_AVD);
    add_many("a=x\r\n", 100000);
    refused("the description is too long");
    size = XC_SDP_TEXT_MAX;
    memset(text, '\n', HUGE_TEXT);
    refused("the first line is not v=0");
}

/* Twenty of the longest texts that are read at all, of the lines that cost most. A bound on the work
 * would be quadratic in the lines if anything grew with them; the tables do not. */
static void test_full_of_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "a=ssrc:1 cname:x\r\n",
        "a=ssrc-group:FID 1 2\r\n",
        "a=fmtp:96 apt=96\r\n",
        "a=rtcp-fb:120 nack\r\n",
        "a=content:a,b,c,d,e,f\r\n",
        "a=candidate:1 1 udp 1 x 1 typ host\r\n",
        "\n",
        "a=rtpmap:120 x/1\r\n",
        "a=mid\r\n",
        "a=fmtp:120 a;a;a;a;a;a;a;a;a;a;a;a;a;a\r\n",
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(lines); i++) {
        start(CHROMIUM_AVD);
        swap("m=application", "m=message");
        swap("UDP/DTLS/SCTP webrtc-datachannel", "UDP/TLS/RTP/SAVPF 120");
        if (i == 8)
            swap("a=mid:2", "a=mid");
        while (size + strlen(lines[i]) <= XC_SDP_TEXT_MAX)
            add(lines[i]);
        clock_t before = clock();
        struct xc_sdp_error error = {0};
        we_answer();
        if (xc_sdp_parse(&parsed, xc_span_make(text, size), &error))
            (void)xc_negotiate_apply_offer(&us.n, &parsed, &refusal);
        else
            assert_non_null(error.text);
        /* A millisecond or two; a second leaves room for a sanitizer on a busy machine. */
        assert_true(clock() - before < CLOCKS_PER_SEC);
        assert_true(parsed.section_count < 3 || parsed.sections[2].ssrc_count <= XC_SDP_SSRCS_MAX);
        assert_true(parsed.section_count < 3 || parsed.sections[2].fid_count <= XC_SDP_FIDS_MAX);
    }
}

static void test_thousands_of_sources(void **state)
{
    (void)state;
    start(CHROMIUM_DV);
    for (uint32_t i = 0; i < 1500; i++) {
        char line[] = "a=ssrc:1000000 cname:x\r\n";
        for (uint32_t k = 0, n = i; k < 6; k++, n /= 10)
            line[13 - k] = (char)('0' + n % 10);
        add(line);
    }
    taken();
    assert_true(us.n.media[1].active);
    assert_true(us.n.media[1].remote_ssrc_count <= XC_REMOTE_SSRCS_MAX);
}

static void test_refused_with_a_sentence(void **state)
{
    (void)state;
    char long_text[12000];
    static const struct {
        const char *at, *by, *words;
    } cases[] = {
        {"a=mid:1", "a=mid:0", "two sections have one mid"},
        {"BUNDLE 0 1 2", "BUNDLE 0 1 9", "the BUNDLE group names a mid that no section has"},
        {"BUNDLE 0 1 2", "BUNDLE 0 1 1", "the BUNDLE group names a mid twice"},
        {"a=extmap:1 ", "a=extmap:0 ", "an extmap id that is not 1 to 14 or 16 to 255"},
        {"a=extmap:1 ", "a=extmap:15 ", "an extmap id that is not 1 to 14 or 16 to 255"},
        {"a=extmap:1 ", "a=extmap:256 ", "an extmap id that is not 1 to 14 or 16 to 255"},
        {"SAVPF 111 63", "SAVPF 111 64",
         "a payload type of 64 to 95 cannot be told from RTCP (RFC 5761)"},
        {"SAVPF 111 63", "SAVPF 111 95",
         "a payload type of 64 to 95 cannot be told from RTCP (RFC 5761)"},
        {"SAVPF 111 63", "SAVPF 111 128", "a payload type is no number up to 127"},
        {":40:17", ":40", "a fingerprint that does not fit its hash"},
        {":40:17", ":40:17:18", "a fingerprint that does not fit its hash"},
        {"max-message-size:262144", "max-message-size:-1",
         "a max-message-size that is no number of 64 bits"},
        {"sctp-port:5000", "sctp-port:65536", "an sctp-port that is no number of 16 bits"},
        {"a=mid:0", "a=mid:\001", "a control character"},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        start(CHROMIUM_AVD);
        swap(cases[i].at, cases[i].by);
        struct xc_sdp_error error = {0};
        assert_false(xc_sdp_parse(&parsed, xc_span_make(text, size), &error));
        if (strncmp(cases[i].words, "an extmap", 9) != 0)
            assert_string_equal(error.text, cases[i].words);
        assert_non_null(error.text);
        assert_true(error.line > 0);
    }
    start(CHROMIUM_AVD);
    text[100] = '\0';
    refused("a control character");
    memset(long_text, 'u', sizeof long_text);
    for (int password = 0; password < 2; password++) {
        start(CHROMIUM_AVD);
        long_text[257] = '\0';
        swap(password ? "0123456789abcdefghijklmn" : "uchro", long_text);
        refused(password ? "the ice-pwd is not of 22 to 256 characters"
                         : "the ice-ufrag is not of 4 to 256 characters");
    }
    memset(long_text, 'm', sizeof long_text);
    long_text[10000] = '\0';
    start(CHROMIUM_AVD);
    swap("a=mid:0", "a=mid:");
    swap("a=mid:", "a=mid:MM");
    swap("MM", long_text);
    refused("a mid that is empty, too long or the section's second");
}

/* Hosts of 10 KB stand in lines that are passed over. */
static void test_long_hosts(void **state)
{
    (void)state;
    char host[10001];
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    start(CHROMIUM_AVD);
    swap("c=IN IP4 0.0.0.0", host);
    swap("hhhhhhhhh", "c=IN IP4 ");
    add("a=candidate:1 1 udp 1 ");
    add(host);
    add(" 9 typ host\r\n");
    taken();
    assert_int_equal(parsed.candidate_count, 0);
    assert_true(us.n.media[0].active && us.n.media[1].active && us.n.media[2].active);
}

/* Every number for every codec, each RTX of the next: nothing loops, nothing means two things. */
static void test_apt_circles(void **state)
{
    (void)state;
    start(CHROMIUM_AVD);
    swap("m=video", "m=audio 0 RTP/AVP 0\r\na=mid:v\r\nm=video");
    swap("a=mid:1\r\n", "a=mid:1\r\na=fmtp:96 apt=97\r\na=fmtp:98 apt=98\r\n");
    swap("apt=96", "apt=99");
    swap("a=fmtp:99 apt=98", "a=fmtp:99 apt=97");
    taken();
    assert_true(us.n.media[2].active);
    assert_int_equal(us.n.media[2].codec_count, 2);
    assert_int_equal(us.n.media[2].codecs[0].repair_send, 0);
    assert_int_equal(us.n.media[2].codecs[1].repair_send, 0);
}

/* In one group one number means Opus in a section and VP8 in another: the later one loses it. */
static void test_one_number_two_meanings(void **state)
{
    (void)state;
    start(CHROMIUM_AVD);
    swap("SAVPF 111 63", "SAVPF 96 63");
    swap("a=rtpmap:111 opus", "a=rtpmap:96 opus");
    taken();
    assert_true(us.n.media[0].active && us.n.media[1].active);
    assert_int_equal(us.n.media[0].codecs[0].receive_payload_type, 96);
    assert_int_equal(us.n.media[1].codecs[0].codec, XC_CODEC_VP9);
    assert_int_equal(us.n.media[1].codec_count, 1);
}

static void test_most_of_everything(void **state)
{
    (void)state;
    start(CHROMIUM_AVD);
    for (int i = 0; i < XC_SDP_SECTIONS_MAX - 3; i++)
        add("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n");
    taken();
    assert_int_equal(us.n.media_count, XC_SDP_SECTIONS_MAX);
    assert_false(us.n.media[3].active);
    add("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n");
    refused("too many m lines");
}

static void test_size(void **state)
{
    (void)state;
    assert_true(sizeof(struct xc_negotiation) < 28 * 1024); /* one is in every call */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_full_of_lines),
        cmocka_unit_test(test_thousands_of_sources),
        cmocka_unit_test(test_refused_with_a_sentence),
        cmocka_unit_test(test_long_hosts),
        cmocka_unit_test(test_apt_circles),
        cmocka_unit_test(test_one_number_two_meanings),
        cmocka_unit_test(test_most_of_everything),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, make_text, free_text);
}
