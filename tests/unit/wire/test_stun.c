/* test_stun.c - STUN messages: the vectors of RFC 5769 sections 2.1 to 2.3, round trips, every
 * truncation, every flipped bit, and what a hostile peer may write.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/stun.h"

#define PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"

static const char sample_request[] =
    "00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae"
    "80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74"
    "00 24 00 04 6e 00 01 ff 80 29 00 08 93 2f f9 b1 51 26 3b 36"
    "00 06 00 09 65 76 74 6a 3a 68 36 76 59 20 20 20"
    "00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2"
    "80 28 00 04 e5 7a 3b cf";
static const char sample_ipv4_response[] =
    "01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae"
    "80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20"
    "00 20 00 08 00 01 a1 47 e1 12 a6 43"
    "00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7"
    "80 28 00 04 c0 7d 4c 96";
static const char sample_ipv6_response[] =
    "01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae"
    "80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20"
    "00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9"
    "00 08 00 14 a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41"
    "80 28 00 04 c8 fb 0b 4c";
static const uint8_t transaction[XC_STUN_TRANSACTION_SIZE] = {1, 2, 3, 4,  5,  6,
                                                              7, 8, 9, 10, 11, 12};

static void test_sample_request(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct xc_stun message;
    size_t size = hex_bytes(sample_request, bytes, sizeof bytes);
    struct xc_span datagram = exact_copy(bytes, size);
    assert_true(xc_stun_looks_like(datagram));
    assert_true(xc_stun_parse(&message, datagram));
    assert_int_equal(message.class_, XC_STUN_REQUEST);
    assert_int_equal(message.method, XC_STUN_BINDING);
    assert_memory_equal(message.transaction, bytes + 8, XC_STUN_TRANSACTION_SIZE);
    assert_true(message.has_username && xc_span_equal_text(message.username, "evtj:h6vY"));
    assert_true(message.has_priority);
    assert_int_equal(message.priority, 0x6e0001ff);
    assert_true(message.has_controlled && !message.has_controlling);
    assert_true(message.tie_breaker == UINT64_C(0x932ff9b151263b36));
    assert_true(message.has_fingerprint && message.fingerprint_ok);
    assert_true(message.has_integrity);
    assert_false(message.has_unknown_required || message.has_use_candidate || message.has_mapped);
    assert_true(xc_stun_check_integrity(&message, text_span(PASSWORD)));
    assert_false(xc_stun_check_integrity(&message, text_span("VOkJxbRl1RmTxUk/WvJxBT")));
    assert_false(xc_stun_check_integrity(&message, text_span("")));
    struct xc_span software;
    assert_true(xc_stun_find(&message, XC_STUN_ATTR_SOFTWARE, &software));
    assert_true(xc_span_equal_text(software, "STUN test client"));
    assert_false(xc_stun_find(&message, XC_STUN_ATTR_NONCE, &software));
    exact_free(datagram);
}

static void check_response(const char *hex, const char *host)
{
    uint8_t bytes[256];
    struct xc_stun message;
    struct xc_addr wanted;
    size_t size = hex_bytes(hex, bytes, sizeof bytes);
    assert_true(xc_addr_parse(&wanted, text_span(host), 32853));
    assert_true(xc_stun_parse(&message, xc_span_make(bytes, size)));
    assert_int_equal(message.class_, XC_STUN_SUCCESS);
    assert_true(message.has_mapped && xc_addr_equal(&message.mapped, &wanted));
    assert_true(message.has_fingerprint && message.fingerprint_ok);
    assert_true(xc_stun_check_integrity(&message, text_span(PASSWORD)));
}

static void test_sample_responses(void **state)
{
    (void)state;
    check_response(sample_ipv4_response, "192.0.2.1");
    check_response(sample_ipv6_response, "2001:db8:1234:5678:11:2233:4455:6677");
}

/* Every prefix is refused, also when its length field tells the truth about an odd size. */
static void test_truncations(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct xc_stun message;
    size_t size = hex_bytes(sample_request, bytes, sizeof bytes);
    for (size_t n = 0; n < size; n++) {
        struct xc_span cut = exact_copy(bytes, n);
        assert_false(xc_stun_parse(&message, cut));
        exact_free(cut);
    }
    for (size_t n = XC_STUN_HEADER_SIZE; n < size; n++) {
        uint8_t copy[256];
        memcpy(copy, bytes, n);
        xc_store16(copy + 2, (uint16_t)(n - XC_STUN_HEADER_SIZE));
        struct xc_span cut = exact_copy(copy, n);
        /* Attributes end at these offsets, so that the shorter message is whole. */
        bool whole = n == 20 || n == 40 || n == 48 || n == 60 || n == 76 || n == 100;
        assert_int_equal(xc_stun_parse(&message, cut), whole);
        if (n == 100)
            assert_true(xc_stun_check_integrity(&message, text_span(PASSWORD)));
        exact_free(cut);
    }
}

/* No single flipped bit before the end of MESSAGE-INTEGRITY passes both seals. */
static void test_flipped_bits(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct xc_stun message;
    size_t size = hex_bytes(sample_request, bytes, sizeof bytes);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct xc_span datagram = exact_copy(bytes, size);
        if (xc_stun_parse(&message, datagram)) {
            assert_false(message.has_fingerprint && message.fingerprint_ok);
            if (bit < 8 * 100)
                assert_false(xc_stun_check_integrity(&message, text_span(PASSWORD)));
        }
        exact_free(datagram);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static size_t write_full(uint8_t *out, size_t capacity)
{
    struct xc_stun_writer w;
    struct xc_addr addr;
    assert_true(xc_addr_parse(&addr, text_span("2001:db8::9"), 443));
    xc_stun_begin(&w, out, capacity, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    xc_stun_add_username(&w, text_span("remote:local"));
    xc_stun_add_priority(&w, 0x7e0000ff);
    xc_stun_add_use_candidate(&w);
    xc_stun_add_controlling(&w, UINT64_C(0x0123456789abcdef));
    xc_stun_add_xor_mapped(&w, &addr);
    return xc_stun_finish(&w, text_span(PASSWORD));
}

static void test_round_trip(void **state)
{
    (void)state;
    uint8_t out[256];
    struct xc_stun message;
    struct xc_addr addr;
    size_t size = write_full(out, sizeof out);
    assert_true(size > 0 && size % 4 == 0);
    assert_true(xc_stun_parse(&message, xc_span_make(out, size)));
    assert_true(xc_span_equal_text(message.username, "remote:local"));
    assert_int_equal(message.priority, 0x7e0000ff);
    assert_true(message.has_use_candidate && message.has_controlling && !message.has_controlled);
    assert_true(message.tie_breaker == UINT64_C(0x0123456789abcdef));
    assert_true(xc_addr_parse(&addr, text_span("2001:db8::9"), 443));
    assert_true(xc_addr_equal(&message.mapped, &addr));
    assert_true(message.fingerprint_ok);
    assert_true(xc_stun_check_integrity(&message, text_span(PASSWORD)));
    assert_memory_equal(message.transaction, transaction, sizeof transaction);

    for (size_t capacity = 0; capacity < size; capacity++) {
        uint8_t *small = malloc(capacity ? capacity : 1);
        assert_int_equal(write_full(small, capacity), 0);
        free(small);
    }
}

/* Each class and a spread of methods survive the interleaved type field (RFC 8489 section 5); those
 * above 0x0ff have a first byte that RFC 7983 gives to others. */
static void test_types(void **state)
{
    (void)state;
    static const uint16_t methods[] = {0x001, 0x003, 0x00f, 0x010, 0x070, 0x080, 0x0ff};
    for (uint8_t class_ = 0; class_ < 4; class_++) {
        for (size_t i = 0; i < XC_ARRAY_LEN(methods); i++) {
            uint8_t out[64];
            struct xc_stun_writer w;
            struct xc_stun message;
            xc_stun_begin(&w, out, sizeof out, class_, methods[i], transaction);
            size_t size = xc_stun_finish(&w, text_span(""));
            assert_int_equal(size, 28);
            assert_true(xc_stun_parse(&message, xc_span_make(out, size)));
            assert_int_equal(message.class_, class_);
            assert_int_equal(message.method, methods[i]);
            assert_false(message.has_integrity);
            assert_false(xc_stun_check_integrity(&message, text_span(PASSWORD)));
        }
    }
    uint8_t error[64];
    struct xc_stun_writer w;
    xc_stun_begin(&w, error, sizeof error, XC_STUN_ERROR, XC_STUN_BINDING, transaction);
    assert_int_equal(xc_load16(error), 0x0111); /* Binding error response */
}

static void test_error_response(void **state)
{
    (void)state;
    static const uint16_t types[] = {0x7fff, 0x0003, 0x0004};
    uint8_t out[128];
    struct xc_stun_writer w;
    struct xc_stun message;
    struct xc_span value;
    xc_stun_begin(&w, out, sizeof out, XC_STUN_ERROR, XC_STUN_BINDING, transaction);
    xc_stun_add_error(&w, 420, "Unknown Attribute");
    xc_stun_add_unknown_attributes(&w, types, 3);
    size_t size = xc_stun_finish(&w, text_span(PASSWORD));
    assert_true(xc_stun_parse(&message, xc_span_make(out, size)));
    assert_true(message.has_error);
    assert_int_equal(message.error_code, 420);
    assert_true(xc_stun_find(&message, XC_STUN_ATTR_UNKNOWN_ATTRIBUTES, &value));
    assert_int_equal(value.size, 6);
    assert_int_equal(xc_load16(value.data), 0x7fff);
}

/* A message of one attribute with this value, without seals. */
static bool parse_one(struct xc_stun *message, uint8_t *out, uint16_t type, const char *hex)
{
    uint8_t value[64];
    struct xc_stun_writer w;
    size_t size = hex_bytes(hex, value, sizeof value);
    xc_stun_begin(&w, out, 256, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    xc_stun_add(&w, type, xc_span_make(value, size));
    xc_store16(out + 2, (uint16_t)(w.out.size - XC_STUN_HEADER_SIZE));
    struct xc_span datagram = exact_copy(out, w.out.size);
    bool good = xc_stun_parse(message, datagram);
    exact_free(datagram);
    return good;
}

static void test_malformed_attributes(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        const char *hex;
        bool good;
    } cases[] = {
        {XC_STUN_ATTR_PRIORITY, "01020304", true},
        {XC_STUN_ATTR_PRIORITY, "010203", false},
        {XC_STUN_ATTR_PRIORITY, "0102030405", false},
        {XC_STUN_ATTR_USE_CANDIDATE, "", true},
        {XC_STUN_ATTR_USE_CANDIDATE, "00", false},
        {XC_STUN_ATTR_ICE_CONTROLLING, "0102030405060708", true},
        {XC_STUN_ATTR_ICE_CONTROLLING, "01020304", false},
        {XC_STUN_ATTR_ICE_CONTROLLED, "", false},
        {XC_STUN_ATTR_XOR_MAPPED_ADDRESS, "0001a147e112a643", true},
        {XC_STUN_ATTR_XOR_MAPPED_ADDRESS, "0001a147e112a6", false},
        {XC_STUN_ATTR_XOR_MAPPED_ADDRESS, "0002a147e112a643", false},
        {XC_STUN_ATTR_XOR_MAPPED_ADDRESS, "0003a147e112a643", false},
        {XC_STUN_ATTR_XOR_MAPPED_ADDRESS, "00", false},
        {XC_STUN_ATTR_ERROR_CODE, "00000401", true},
        {XC_STUN_ATTR_ERROR_CODE, "000004", false}, /* CVE-2021-37706: shorter than its head */
        {XC_STUN_ATTR_ERROR_CODE, "", false},
        {XC_STUN_ATTR_ERROR_CODE, "00000201", false}, /* 201 is no error */
        {XC_STUN_ATTR_ERROR_CODE, "00000701", false},
        {XC_STUN_ATTR_ERROR_CODE, "00000464", false}, /* number 100 */
        {XC_STUN_ATTR_MESSAGE_INTEGRITY, "0102", false},
        {XC_STUN_ATTR_FINGERPRINT, "01020304", true},
        {XC_STUN_ATTR_FINGERPRINT, "0102", false},
        {XC_STUN_ATTR_USERNAME, "", true},
        {0x8fff, "0102030405", true},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        struct xc_stun message;
        uint8_t out[256];
        if (parse_one(&message, out, cases[i].type, cases[i].hex) != cases[i].good)
            fail_msg("case %zu: type %04x value %s", i, cases[i].type, cases[i].hex);
    }
}

static void test_username_too_long(void **state)
{
    (void)state;
    static uint8_t out[1024], name[XC_STUN_USERNAME_MAX + 1];
    struct xc_stun_writer w;
    struct xc_stun message;
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    xc_stun_add_username(&w, xc_span_make(name, sizeof name));
    assert_int_equal(xc_stun_finish(&w, text_span("")), 0);
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    xc_stun_add(&w, XC_STUN_ATTR_USERNAME, xc_span_make(name, sizeof name));
    size_t size = xc_stun_finish(&w, text_span(""));
    assert_true(size > 0);
    assert_false(xc_stun_parse(&message, xc_span_make(out, size)));
}

static void test_unknown_required(void **state)
{
    (void)state;
    uint8_t out[512];
    struct xc_stun_writer w;
    struct xc_stun message;
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    for (uint16_t i = 0; i < 20; i++)
        xc_stun_add(&w, (uint16_t)(0x7000 + i), text_span("x"));
    xc_stun_add(&w, 0x7000, text_span("y"));
    xc_stun_add(&w, 0xc001, text_span("optional"));
    size_t size = xc_stun_finish(&w, text_span(PASSWORD));
    assert_true(xc_stun_parse(&message, xc_span_make(out, size)));
    assert_true(message.has_unknown_required);
    assert_int_equal(message.unknown_required_count, XC_ARRAY_LEN(message.unknown_required));
    assert_int_equal(message.unknown_required[0], 0x7000);
    assert_int_equal(message.unknown_required[7], 0x7007);
}

/* What stands behind MESSAGE-INTEGRITY is not protected and must not count (RFC 8489 14.5). */
static void test_behind_integrity(void **state)
{
    (void)state;
    uint8_t out[256];
    struct xc_stun_writer w;
    struct xc_stun message;
    struct xc_span value;
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    xc_stun_add_priority(&w, 1);
    assert_true(xc_stun_finish(&w, text_span(PASSWORD)) > 0);
    w.out.size -= 8; /* over the FINGERPRINT */
    xc_stun_add_use_candidate(&w);
    xc_stun_add_controlling(&w, 7);
    xc_stun_add(&w, 0x7abc, text_span("required"));
    size_t size = xc_stun_finish(&w, text_span(""));
    assert_true(xc_stun_parse(&message, xc_span_make(out, size)));
    assert_true(message.has_priority && message.has_integrity && message.fingerprint_ok);
    assert_false(message.has_use_candidate || message.has_controlling);
    assert_false(message.has_unknown_required);
    assert_true(xc_stun_check_integrity(&message, text_span(PASSWORD)));
    assert_false(xc_stun_find(&message, XC_STUN_ATTR_USE_CANDIDATE, &value));
}

static void test_repeated_and_order(void **state)
{
    (void)state;
    uint8_t out[256];
    struct xc_stun_writer w;
    struct xc_stun message;
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    xc_stun_add_username(&w, text_span("first"));
    xc_stun_add_username(&w, text_span("second"));
    xc_stun_add_controlling(&w, 1);
    xc_stun_add_controlled(&w, 2);
    size_t size = xc_stun_finish(&w, text_span(""));
    assert_true(xc_stun_parse(&message, xc_span_make(out, size)));
    assert_true(xc_span_equal_text(message.username, "first"));
    assert_true(message.has_controlling && !message.has_controlled && message.tie_breaker == 1);

    /* FINGERPRINT that is not the last attribute. */
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    xc_stun_add(&w, XC_STUN_ATTR_FINGERPRINT, text_span("1234"));
    xc_stun_add_priority(&w, 1);
    size = xc_stun_finish(&w, text_span(""));
    assert_false(xc_stun_parse(&message, xc_span_make(out, size)));
}

static void test_looks_like(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct xc_stun message;
    size_t size = hex_bytes(sample_request, bytes, sizeof bytes);
    bytes[4] ^= 1; /* no cookie */
    assert_false(xc_stun_looks_like(xc_span_make(bytes, size)));
    assert_false(xc_stun_parse(&message, xc_span_make(bytes, size)));
    bytes[4] ^= 1;
    bytes[0] |= 0x80;
    assert_false(xc_stun_parse(&message, xc_span_make(bytes, size)));
    bytes[0] = 0;
    assert_false(xc_stun_parse(&message, xc_span_make(bytes, size + 4))); /* trailing bytes */
    assert_false(xc_stun_looks_like(xc_span_make(NULL, 0)));
    assert_false(xc_stun_looks_like(xc_span_make(bytes, 19)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample_request),    cmocka_unit_test(test_sample_responses),
        cmocka_unit_test(test_truncations),       cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_round_trip),        cmocka_unit_test(test_types),
        cmocka_unit_test(test_error_response),    cmocka_unit_test(test_malformed_attributes),
        cmocka_unit_test(test_username_too_long), cmocka_unit_test(test_unknown_required),
        cmocka_unit_test(test_behind_integrity),  cmocka_unit_test(test_repeated_and_order),
        cmocka_unit_test(test_looks_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
