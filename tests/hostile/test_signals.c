/* test_signals.c - descriptions and candidates that no peer should send, handed to a whole engine through
 * the public ABI: a numbered error in words, or a clean end of that call alone; and datagrams of
 * strangers at its real sockets. A call beside it in the same engine goes on. Stepped engines, loopback.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/pair.h"

#define TEXT_MAX 400000

static struct pair pair;
static xcall_id bystander[2];
static char offer[TEXT_MAX], edited[TEXT_MAX]; /* as JSON */
static size_t offer_size;
static uint16_t victim_port; /* of the call that is attacked, side 1 */

static void look(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    (void)capacity;
    text[*size] = '\0';
    if (kind == XCALL_SIGNAL_OFFER && from == 0) {
        memcpy(offer, text, *size + 1);
        offer_size = *size;
    }
    const char *at = strstr(text, "127.0.0.1 ");
    if (from == 1 && kind == XCALL_SIGNAL_CANDIDATE && at)
        victim_port = (uint16_t)atoi(at + 10);
}

static xcall_call_config config(void)
{
    xcall_call_config c;
    xcall_call_config_init(&c, sizeof c);
    c.video_direction = XCALL_DIRECTION_BOTH;
    c.video_width = c.video_width_max = 64;
    c.video_height = c.video_height_max = 48;
    return c;
}

static int setup(void **state)
{
    (void)state;
    xcall_call_config c = config();
    assert_int_equal(pair_open(&pair, 0, 4), XCALL_OK);
    pair.alter = look;
    assert_int_equal(pair_call_with(&pair, &c), XCALL_OK);
    assert_true(pair_reach(&pair, XCALL_STATE_CONNECTED, 3000));
    for (int i = 0; i < 2; i++)
        bystander[i] = pair.side[i].call;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pair_unref(&pair);
    return 0;
}

static uint64_t received(xcall_engine *engine, xcall_id call, uint32_t state)
{
    xcall_stats stats;
    xcall_stats_init(&stats, sizeof stats);
    assert_int_equal(xcall_call_stats(engine, call, &stats), XCALL_OK);
    assert_int_equal(stats.state, state);
    return stats.packets_received;
}

/* The call beside the attacked one is connected, and still hears its peer. */
static void assert_bystander(void)
{
    uint64_t before[2];
    for (int i = 0; i < 2; i++)
        before[i] = received(pair.side[i].engine, bystander[i], XCALL_STATE_CONNECTED);
    for (int n = 0; n < 60; n++)
        pair_step(&pair, 100000000);
    for (int i = 0; i < 2; i++)
        assert_true(received(pair.side[i].engine, bystander[i], XCALL_STATE_CONNECTED) > before[i]);
}

/* Every `at` of the offer becomes `by`; `edited` holds the outcome. */
static size_t edit(const char *at, const char *by)
{
    size_t size = 0;
    uint32_t places = 0;
    for (const char *p = offer; *p;) {
        if (strncmp(p, at, strlen(at)) == 0) {
            memcpy(edited + size, by, strlen(by));
            size += strlen(by);
            p += strlen(at);
            places++;
        } else {
            edited[size++] = *p++;
        }
        assert_true(size < TEXT_MAX - 20000);
    }
    if (!places)
        fail_msg("the offer has no \"%s\"", at);
    edited[size] = '\0';
    return size;
}

/* A fresh call on side 1, which answers. */
static xcall_id fresh(void)
{
    xcall_id id;
    xcall_call_config c = config();
    c.role = XCALL_ROLE_ANSWER;
    assert_int_equal(xcall_call_create(pair.side[1].engine, &c, &id, NULL), XCALL_OK);
    pair_step(&pair, 1000000);
    return id;
}

static void drop(xcall_id id)
{
    xcall_call_hang_up(pair.side[1].engine, id);
    pair_step(&pair, 1000000);
    pair_step(&pair, 1000000);
}

/* Refused where it is handed in: a number, a sentence, and the call is as it was: a good offer after it
 * is taken. */
static void refuses(uint32_t kind, const char *text, size_t size, int32_t code, const char *words)
{
    xcall_error error;
    xcall_id id = fresh();
    xcall_error_init(&error, sizeof error);
    int32_t result = xcall_call_receive_signal(pair.side[1].engine, id, kind, text, size, &error);
    if (result != code || !strstr(error.text, words))
        fail_msg("%d \"%s\" instead of %d \"%s\"", (int)result, error.text, (int)code, words);
    assert_int_equal(error.code, code);
    assert_true(strlen(error.text) > 8);
    assert_int_equal(xcall_call_receive_signal(pair.side[1].engine, id, XCALL_SIGNAL_OFFER, offer,
                                               offer_size, &error),
                     XCALL_OK);
    pair_step(&pair, 1000000);
    drop(id);
}

/* Well formed, but not to be agreed to: that call ends, with a reason in words. */
static void ends(const char *text, size_t size)
{
    xcall_error error;
    xcall_stats stats;
    xcall_id id = fresh();
    xcall_error_init(&error, sizeof error);
    xcall_stats_init(&stats, sizeof stats);
    int32_t result =
        xcall_call_receive_signal(pair.side[1].engine, id, XCALL_SIGNAL_OFFER, text, size, &error);
    if (result != XCALL_OK)
        fail_msg("refused at once: %s", error.text);
    pair.side[1].call = id; /* its ENDED event */
    pair.side[1].ended = 0;
    pair.side[0].call = 0;
    for (int n = 0; n < 5; n++)
        pair_step(&pair, 1000000);
    if (pair.side[1].ended != 1)
        fail_msg("%u end(s) after %.200s", (unsigned)pair.side[1].ended, text);
    assert_int_equal(pair.side[1].reason, XCALL_END_NEGOTIATION);
    pair.side[1].call = 0;
    pair.side[1].ended = 0;
}

/* Taken: the part that is wrong is left out. */
static void takes(uint32_t kind, const char *text, size_t size)
{
    xcall_error error;
    xcall_id id = fresh();
    xcall_error_init(&error, sizeof error);
    int32_t result = xcall_call_receive_signal(pair.side[1].engine, id, kind, text, size, &error);
    if (result != XCALL_OK)
        fail_msg("%d \"%s\"", (int)result, error.text);
    for (int n = 0; n < 3; n++)
        pair_step(&pair, 1000000);
    xcall_stats stats;
    xcall_stats_init(&stats, sizeof stats);
    assert_int_equal(xcall_call_stats(pair.side[1].engine, id, &stats), XCALL_OK);
    assert_int_not_equal(stats.state, XCALL_STATE_ENDED);
    drop(id);
}

static void test_huge(void **state)
{
    (void)state;
    size_t size = 0;
    size = edit("\"sdp\":\"v=0\\r\\n", "\"sdp\":\"v=0\\r\\n");
    char *end = strstr(edited, "a=mid:");
    assert_non_null(end);
    assert_int_equal(size, offer_size);
    /* 10^5 lines, then as many as fit in 64 KiB, of every kind. */
    static char text[TEXT_MAX];
    static const char *const lines[] = {"a=\\r\\n",
                                        "a=x\\r\\n",
                                        "a=rtcp-fb:96 nack\\r\\n",
                                        "a=ssrc:1 cname:a\\r\\n",
                                        "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\\r\\n",
                                        "m=audio 9 UDP/TLS/RTP/SAVPF 111\\r\\n"};
    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        for (int most = 0; most < 2; most++) {
            size_t at = offer_size - 2, limit = most ? 65000 : TEXT_MAX - 100;
            memcpy(text, offer, at); /* without the quote and the brace at its end */
            for (uint32_t i = 0; i < 100000 && at + strlen(lines[n]) + 2 < limit; i++) {
                memcpy(text + at, lines[n], strlen(lines[n]));
                at += strlen(lines[n]);
            }
            memcpy(text + at, "\"}", 2);
            at += 2;
            if (!most)
                refuses(XCALL_SIGNAL_OFFER, text, at, XCALL_E_LIMIT, "65536");
            else if (n == 5)
                refuses(XCALL_SIGNAL_OFFER, text, at, XCALL_E_SIGNAL, "too many m lines");
            else
                takes(XCALL_SIGNAL_OFFER, text, at);
        }
    }
    assert_bystander();
}

static void test_control_characters(void **state)
{
    (void)state;
    size_t size = edit("a=mid:0", "a=mid:\\u00000");
    refuses(XCALL_SIGNAL_OFFER, edited, size, XCALL_E_SIGNAL, "");
    size = edit("a=fmtp:", "a=fmtp:\\u0000");
    refuses(XCALL_SIGNAL_OFFER, edited, size, XCALL_E_SIGNAL, "");
    size = edit("a=mid:0", "a=mid:?");
    *strchr(edited, '?') = '\0';
    refuses(XCALL_SIGNAL_OFFER, edited, size, XCALL_E_SIGNAL, "");
    for (size_t cut = 0; cut < offer_size; cut += 1 + offer_size / 60)
        refuses(XCALL_SIGNAL_OFFER, offer, cut, XCALL_E_SIGNAL, "");
    assert_bystander();
}

static void test_sections(void **state)
{
    (void)state;
    size_t size = edit("a=mid:1", "a=mid:0");
    refuses(XCALL_SIGNAL_OFFER, edited, size, XCALL_E_SIGNAL, "mid");
    size = edit("a=group:BUNDLE 0", "a=group:BUNDLE 0 nobody");
    refuses(XCALL_SIGNAL_OFFER, edited, size, XCALL_E_SIGNAL, "mid");
    size = edit("a=group:BUNDLE 0", "a=group:BUNDLE 0 0");
    refuses(XCALL_SIGNAL_OFFER, edited, size, XCALL_E_SIGNAL, "twice");
    size = edit("m=audio 9", "m=audio 65536");
    refuses(XCALL_SIGNAL_OFFER, edited, size, XCALL_E_SIGNAL, "port");
    assert_bystander();
}

/* C30 */
static void test_payload_types(void **state)
{
    (void)state;
    static const char *const none[] = {"128", "255", "4294967296", "18446744073709551617", "-1"};
    static const char *const clash[] = {"64", "72", "77", "80", "95"};
    char by[64];
    char *opus = strstr(offer, "a=rtpmap:");
    char at[32];
    assert_non_null(opus);
    unsigned type = (unsigned)atoi(opus + 9);
    for (size_t n = 0; n < 5; n++) {
        snprintf(at, sizeof at, "SAVPF %u", type);
        snprintf(by, sizeof by, "SAVPF %s", none[n]);
        refuses(XCALL_SIGNAL_OFFER, edited, edit(at, by), XCALL_E_SIGNAL, "payload type");
    }
    /* Those of RTCP's packet types: never agreed on (RFC 5761 section 4). */
    for (size_t n = 0; n < 5; n++) {
        char step[3][64];
        static char once[TEXT_MAX];
        snprintf(step[0], sizeof step[0], "SAVPF %s", clash[n]);
        memcpy(once, offer, offer_size + 1);
        edit(at, step[0]);
        memcpy(offer, edited, strlen(edited) + 1);
        snprintf(step[1], sizeof step[1], "a=rtpmap:%u ", type);
        snprintf(step[2], sizeof step[2], "a=rtpmap:%s ", clash[n]);
        size_t size = edit(step[1], step[2]);
        memcpy(offer, once, offer_size + 1);
        refuses(XCALL_SIGNAL_OFFER, edited, size, XCALL_E_SIGNAL, "RTCP");
    }
    assert_bystander();
}

static void test_extension_ids(void **state)
{
    (void)state;
    static const char *const bad[] = {"0", "15", "256", "4294967296", "x"};
    char at[32], by[64];
    const char *first = strstr(offer, "a=extmap:");
    assert_non_null(first);
    snprintf(at, sizeof at, "a=extmap:%d ", atoi(first + 9));
    for (size_t n = 0; n < 5; n++) {
        snprintf(by, sizeof by, "a=extmap:%s ", bad[n]);
        refuses(XCALL_SIGNAL_OFFER, edited, edit(at, by), XCALL_E_SIGNAL, "");
    }
    takes(XCALL_SIGNAL_OFFER, edited, edit(at, "a=extmap:255 "));
    assert_bystander();
}

/* C11, C21, C34, and credentials of no size. */
static void test_security(void **state)
{
    (void)state;
    static char long_name[600];
    ends(edited, edit("UDP/TLS/RTP/SAVPF", "RTP/AVP"));
    ends(edited, edit("UDP/TLS/RTP/SAVPF", "RTP/AVPF"));
    ends(edited, edit("UDP/TLS/RTP/SAVPF", "RTP/SAVP"));
    takes(XCALL_SIGNAL_OFFER, edited, edit("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")); /* RFC 8829 5.1.2 */
    ends(edited, edit("a=rtcp-mux\\r\\n", ""));
    ends(edited, edit("a=fingerprint:", "a=fingerxxint:"));
    refuses(XCALL_SIGNAL_OFFER, edited, edit("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:"),
            XCALL_E_SIGNAL, "fingerprint");
    refuses(XCALL_SIGNAL_OFFER, edited, edit("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 G"),
            XCALL_E_SIGNAL, "fingerprint");
    memset(long_name, 'a', 300);
    memcpy(long_name, "a=ice-ufrag:", 12);
    refuses(XCALL_SIGNAL_OFFER, edited, edit("a=ice-ufrag:", long_name), XCALL_E_SIGNAL, "");
    memcpy(long_name, "a=ice-pwd:aa", 12);
    refuses(XCALL_SIGNAL_OFFER, edited, edit("a=ice-pwd:", long_name), XCALL_E_SIGNAL, "");
    assert_bystander();
}

static void test_candidates(void **state)
{
    (void)state;
    static char text[30000];
    static char host[10241];
    static const char *const bad[] = {
        "{\"candidate\":\"candidate:\"}",
        "{\"candidate\":\"candidate:1 1 udp 1 10.0.0.1 65536 typ host\"}",
        "{\"candidate\":\"candidate:1 1 udp 4294967296 10.0.0.1 9 typ host\"}",
        "{\"candidate\":\"candidate:1 0 udp 1 10.0.0.1 9 typ host\"}",
        "{\"candidate\":\"nonsense\"}",
        "{\"candidate\":17}",
        "{\"candidate\":\"",
        "[]",
        "",
    };
    static const char *const left_out[] = {
        "{\"candidate\":\"candidate:1 1 udp 1 example.com 9 typ host\"}",
        "{\"candidate\":\"candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active\"}",
        "{\"candidate\":\"candidate:1 1 tcp 1 a.local 9 typ host tcptype active\"}",
        "{\"candidate\":\"candidate:1 1 udp 1 224.0.0.1 9 typ host\"}",
        "{\"candidate\":\"candidate:1 1 udp 1 0.0.0.0 9 typ host\"}",
        "{\"candidate\":\"candidate:1 2 udp 1 10.0.0.1 9 typ host\"}",
    };
    memset(host, 'h', sizeof host - 1);
    size_t size = (size_t)snprintf(text, sizeof text,
                                   "{\"candidate\":\"candidate:1 1 udp 1 %s 9 typ host\"}", host);
    refuses(XCALL_SIGNAL_CANDIDATE, text, size, XCALL_E_SIGNAL, "candidate");
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++)
        refuses(XCALL_SIGNAL_CANDIDATE, bad[n], strlen(bad[n]), XCALL_E_SIGNAL, "");
    for (size_t n = 0; n < sizeof left_out / sizeof left_out[0]; n++)
        takes(XCALL_SIGNAL_CANDIDATE, left_out[n], strlen(left_out[n]));
    /* In a description a bad candidate is left out, the rest is taken. */
    size = (size_t)snprintf(text, sizeof text, "a=mid:0\\r\\na=candidate:1 1 udp 1 %s 9 typ host",
                            host);
    takes(XCALL_SIGNAL_OFFER, edited, edit("a=mid:0", text));
    assert_bystander();
}

/* Strangers at the sockets of a call that connects: another address, all kinds of datagrams. */
static void test_socket_flood(void **state)
{
    (void)state;
    xcall_call_config c = config();
    xcall_stats stats;
    uint8_t bytes[1400];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    victim_port = 0;
    assert_int_equal(pair_call_with(&pair, &c), XCALL_OK);
    uint32_t sent = 0;
    for (uint32_t turn = 0; turn < 400; turn++) {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(victim_port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        pair_turn(&pair);
        for (uint32_t n = 0; victim_port && n < 20; n++) {
            static const uint8_t firsts[] = {0, 1, 20, 21, 22, 23, 63, 64, 128, 144, 191, 200, 255};
            memset(bytes, (int)(turn + n), sizeof bytes);
            bytes[0] = firsts[(turn + n) % sizeof firsts];
            if (n % 4 == 0) /* a STUN request of 20 bytes */
                memcpy(bytes, "\0\1\0\0\x21\x12\xa4\x42", 8);
            size_t size = n % 4 == 0 ? 20 : (turn * 20 + n) % sizeof bytes;
            sent += sendto(fd, bytes, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) >= 0;
        }
    }
    assert_int_equal(pair.side[0].state, XCALL_STATE_CONNECTED);
    assert_int_equal(pair.side[1].state, XCALL_STATE_CONNECTED);
    xcall_stats_init(&stats, sizeof stats);
    pair_step(&pair, 100000000);
    assert_int_equal(xcall_call_stats(pair.side[1].engine, pair.side[1].call, &stats), XCALL_OK);
    assert_true(sent > 5000);
    assert_in_range(stats.packets_rejected, sent - 100, sent);
    assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), -1); /* not one answer */
    close(fd);
    assert_bystander();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_huge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_payload_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_extension_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_security, setup, teardown),
        cmocka_unit_test_setup_teardown(test_candidates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_socket_flood, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
