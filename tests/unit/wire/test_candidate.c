/* test_candidate.c - candidate attributes as browsers write them, and as nobody should.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "wire_test.h"

#include "wire/candidate.h"

static int parse(struct xc_candidate *candidate, const char *text)
{
    struct xc_span exact = exact_copy(text, strlen(text));
    int result = xc_candidate_parse(candidate, exact);
    exact_free(exact);
    return result;
}

static void check_host(const struct xc_addr *addr, const char *host, uint16_t port)
{
    char text[XC_ADDR_TEXT_MAX];
    assert_int_not_equal(xc_addr_format(addr, text, sizeof text), 0);
    assert_string_equal(text, host);
    assert_int_equal(addr->port, port);
}

static void test_chromium(void **state)
{
    (void)state;
    struct xc_candidate c;
    assert_int_equal(parse(&c, "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx "
                               "raddr 10.0.0.17 rport 46154 generation 0 ufrag EEtu network-id 1 "
                               "network-cost 50"),
                     XC_CANDIDATE_OK);
    assert_string_equal(c.foundation, "842163049");
    assert_int_equal(c.component, 1);
    assert_int_equal(c.type, XC_CANDIDATE_SRFLX);
    assert_true(c.udp);
    assert_int_equal(c.priority, 1677729535);
    check_host(&c.addr, "203.0.113.7", 46154);
    check_host(&c.related, "10.0.0.17", 46154);
    assert_string_equal(c.ufrag, "EEtu");
    assert_string_equal(c.host_name, "");

    /* mDNS (draft-ietf-mmusic-mdns-ice-candidates). */
    assert_int_equal(parse(&c, "candidate:2 1 udp 2113937151 "
                               "9b36eaac-bb2e-49bb-bb78-21c41c499900.local 46154 typ host "
                               "generation 0 network-cost 999"),
                     XC_CANDIDATE_OK);
    assert_int_equal(c.addr.family, XC_ADDR_NONE);
    assert_int_equal(c.addr.port, 46154);
    assert_string_equal(c.host_name, "9b36eaac-bb2e-49bb-bb78-21c41c499900.local");

    assert_int_equal(parse(&c, "a=candidate:3 1 tcp 1518214911 10.0.0.17 9 typ host tcptype active "
                               "generation 0 network-id 1\r\n"),
                     XC_CANDIDATE_IGNORED);
    assert_false(c.udp);
}

static void test_firefox(void **state)
{
    (void)state;
    struct xc_candidate c;
    assert_int_equal(parse(&c, "candidate:0 1 UDP 2122252543 2001:db8::17 50813 typ host"),
                     XC_CANDIDATE_OK);
    assert_true(c.udp);
    check_host(&c.addr, "2001:db8::17", 50813);
    assert_int_equal(c.related.family, XC_ADDR_NONE);
    assert_int_equal(
        parse(&c, "candidate:2 1 TCP 2105524479 192.168.1.7 9 typ host tcptype active"),
        XC_CANDIDATE_IGNORED);
    assert_int_equal(parse(&c, "candidate:3 1 UDP 8331263 192.0.2.9 3478 typ relay raddr "
                               "198.51.100.1 rport 3478"),
                     XC_CANDIDATE_OK);
    assert_int_equal(c.type, XC_CANDIDATE_RELAY);
}

static void test_ignored(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "candidate:1 2 udp 1 192.0.2.1 5000 typ host", /* RTCP component */
        "candidate:1 256 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ other",
        "candidate:1 1 sctp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 0 typ host",
        "candidate:1 1 udp 1 0.0.0.0 9 typ host",
        "candidate:1 1 udp 1 :: 9 typ host",
        "candidate:1 1 ssltcp 1 192.0.2.1 443 typ host",
    };
    struct xc_candidate c;
    for (size_t i = 0; i < XC_ARRAY_LEN(texts); i++) {
        if (parse(&c, texts[i]) != XC_CANDIDATE_IGNORED)
            fail_msg("not ignored: %s", texts[i]);
    }
    /* Unknown extensions, a name without a value, a related address that is a name. */
    assert_int_equal(parse(&c, "candidate:1 1 udp 1 192.0.2.1 5 typ host foo bar baz"),
                     XC_CANDIDATE_OK);
    assert_int_equal(parse(&c, "candidate:1 1 udp 1 192.0.2.1 5 typ srflx raddr x.local rport 9"),
                     XC_CANDIDATE_OK);
    assert_int_equal(c.related.family, XC_ADDR_NONE);
    assert_int_equal(c.related.port, 0);
    /* The order of raddr and rport does not matter. */
    assert_int_equal(parse(&c, "candidate:1 1 udp 1 192.0.2.1 5 typ srflx rport 9 raddr 10.0.0.1"),
                     XC_CANDIDATE_OK);
    check_host(&c.related, "10.0.0.1", 9);
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "candidate",
        "candidate:",
        "a=candidate:",
        "x 1 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 0 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 257 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 x udp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp -1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 4294967296 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 18446744073709551617 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
        "candidate:1 1 udp 1 192.0.2.1 5000",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ",
        "candidate:1 1 udp 1 192.0.2.1 5000 type host",
        "candidate:1 1 udp 1 192.0.2.256 5000 typ host",
        "candidate:1 1 udp 1 2001:db8::g 5000 typ host",
        "candidate:1 1 udp 1 fe80::1%eth0 5000 typ host",
        "candidate:1 1 udp 1 exa$mple.org 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ srflx rport 65536",
        "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 5000 typ host",
        "candidate:1\t1 1 udp 1 192.0.2.1 5000 typ host",
    };
    struct xc_candidate c;
    for (size_t i = 0; i < XC_ARRAY_LEN(texts); i++) {
        if (parse(&c, texts[i]) != XC_CANDIDATE_BAD)
            fail_msg("not refused: %s", texts[i]);
    }
}

/* A host name of 10 KB, and the longest that is taken. */
static void test_long_names(void **state)
{
    (void)state;
    static char text[12000], name[10241];
    struct xc_candidate c;
    memset(name, 'a', 10240);
    snprintf(text, sizeof text, "candidate:1 1 udp 1 %s 5000 typ host", name);
    assert_int_equal(parse(&c, text), XC_CANDIDATE_BAD);
    name[XC_HOST_NAME_MAX + 1] = '\0';
    snprintf(text, sizeof text, "candidate:1 1 udp 1 %s 5000 typ host", name);
    assert_int_equal(parse(&c, text), XC_CANDIDATE_BAD);
    name[XC_HOST_NAME_MAX] = '\0';
    snprintf(text, sizeof text, "candidate:1 1 udp 1 %s 5000 typ host", name);
    assert_int_equal(parse(&c, text), XC_CANDIDATE_IGNORED); /* no name of multicast DNS */
    assert_string_equal(c.host_name, name);

    memset(name, 'u', 10240);
    name[257] = '\0';
    snprintf(text, sizeof text, "candidate:1 1 udp 1 192.0.2.1 5000 typ host ufrag %s", name);
    assert_int_equal(parse(&c, text), XC_CANDIDATE_BAD);
    name[256] = '\0';
    snprintf(text, sizeof text, "candidate:1 1 udp 1 192.0.2.1 5000 typ host ufrag %s", name);
    assert_int_equal(parse(&c, text), XC_CANDIDATE_OK);
    assert_string_equal(c.ufrag, name);
}

static void test_every_prefix(void **state)
{
    (void)state;
    static const char text[] = "candidate:1 1 udp 2130706431 2001:db8::1 50000 typ srflx raddr "
                               "192.0.2.1 rport 4242 ufrag abcd";
    struct xc_candidate c;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct xc_span cut = exact_copy(text, n);
        int result = xc_candidate_parse(&c, cut);
        if (n < strlen("candidate:1 1 udp 2130706431 2001:db8::1 50000 typ s"))
            assert_int_equal(result, XC_CANDIDATE_BAD);
        exact_free(cut);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "candidate:1 1 udp 2130706431 2001:db8::1 50000 typ host",
        "candidate:abc+/ 1 udp 1694498815 192.0.2.1 4000 typ srflx raddr 10.0.0.1 rport 4001",
        "candidate:7 1 udp 16777215 192.0.2.5 5000 typ relay raddr 2001:db8::2 rport 1 ufrag q/+r",
        "candidate:9 1 udp 2113937151 one.local 50000 typ host ufrag abcd",
        "candidate:p 1 udp 1862270975 192.0.2.5 5000 typ prflx",
    };
    struct xc_candidate c;
    char out[XC_CANDIDATE_TEXT_MAX];
    for (size_t i = 0; i < XC_ARRAY_LEN(texts); i++) {
        size_t size = strlen(texts[i]);
        assert_int_equal(parse(&c, texts[i]), XC_CANDIDATE_OK);
        assert_int_equal(xc_candidate_format(&c, out, sizeof out), size);
        assert_string_equal(out, texts[i]);
        for (size_t capacity = 0; capacity <= size; capacity++) {
            char *small = malloc(capacity ? capacity : 1);
            assert_int_equal(xc_candidate_format(&c, small, capacity), 0);
            free(small);
        }
    }
    c.type = 0;
    assert_int_equal(xc_candidate_format(&c, out, sizeof out), 0);
}

/* The longest candidate there is fits into XC_CANDIDATE_TEXT_MAX. */
static void test_longest(void **state)
{
    (void)state;
    struct xc_candidate c = {.component = 255, .type = XC_CANDIDATE_SRFLX, .udp = true};
    char out[XC_CANDIDATE_TEXT_MAX];
    memset(c.foundation, 'f', XC_FOUNDATION_MAX);
    memset(c.host_name, 'h', XC_HOST_NAME_MAX);
    memset(c.ufrag, 'u', sizeof c.ufrag - 1);
    c.priority = UINT32_MAX;
    c.addr.port = 65535;
    assert_true(
        xc_addr_parse(&c.related, text_span("1111:2222:3333:4444:5555:6666:7777:8888"), 65535));
    assert_int_not_equal(xc_candidate_format(&c, out, sizeof out), 0);
}

static void test_priority(void **state)
{
    (void)state;
    /* What browsers send for a first host candidate: 126, 65535 and 1. */
    assert_int_equal(xc_candidate_priority(XC_CANDIDATE_HOST, 65535, 1), 2130706431u);
    assert_int_equal(xc_candidate_priority(XC_CANDIDATE_SRFLX, 65535, 1), 1694498815u);
    assert_int_equal(xc_candidate_priority(XC_CANDIDATE_PRFLX, 65535, 1), 1862270975u);
    assert_int_equal(xc_candidate_priority(XC_CANDIDATE_RELAY, 65535, 1), 16777215u);
    assert_int_equal(xc_candidate_priority(XC_CANDIDATE_HOST, 0, 2), 2113929470u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chromium),   cmocka_unit_test(test_firefox),
        cmocka_unit_test(test_ignored),    cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long_names), cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_longest),
        cmocka_unit_test(test_priority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
