/* test_stun_turn.c - what TURN adds to STUN messages: the long-term vector of RFC 5769 section 2.4,
 * attributes, nonce features, ChannelData; every truncation.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/stun.h"

static const char long_term_request[] =
    "00 01 00 60 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e"
    "00 06 00 12 e3 83 9e e3 83 88 e3 83 aa e3 83 83 e3 82 af e3 82 b9 00 00"
    "00 15 00 1c 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39 46 53 54 76 79 36 34 73 "
    "41"
    "00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00"
    "00 08 00 14 f6 70 24 65 6d d6 4a 3e 02 b8 e0 71 2e 85 c9 a2 8c a8 96 66";
static const uint8_t transaction[XC_STUN_TRANSACTION_SIZE] = {1, 2, 3, 4,  5,  6,
                                                              7, 8, 9, 10, 11, 12};

static void test_long_term_request(void **state)
{
    (void)state;
    static const char username[] = "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa"
                                   "\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";
    uint8_t bytes[256], key[XC_STUN_LONG_TERM_KEY_SIZE];
    struct xc_stun message;
    struct xc_span realm, nonce;
    size_t size = hex_bytes(long_term_request, bytes, sizeof bytes);
    struct xc_span datagram = exact_copy(bytes, size);
    assert_true(xc_stun_parse(&message, datagram));
    assert_true(message.has_username && xc_span_equal_text(message.username, username));
    assert_true(xc_stun_find(&message, XC_STUN_ATTR_REALM, &realm));
    assert_true(xc_span_equal_text(realm, "example.org"));
    assert_true(xc_stun_find(&message, XC_STUN_ATTR_NONCE, &nonce));
    assert_true(xc_span_equal_text(nonce, "f//499k954d6OL34oL9FSTvy64sA"));
    /* The password is "TheMatrIX" after SASLprep took out U+00AD and folded U+2168. */
    xc_stun_long_term_key(key, message.username, realm, text_span("TheMatrIX"));
    assert_true(xc_stun_check_integrity(&message, xc_span_make(key, sizeof key)));
    xc_stun_long_term_key(key, message.username, realm, text_span("TheMatrix"));
    assert_false(xc_stun_check_integrity(&message, xc_span_make(key, sizeof key)));
    exact_free(datagram);
    for (size_t cut = 0; cut < size; cut++) {
        datagram = exact_copy(bytes, cut);
        assert_false(xc_stun_parse(&message, datagram));
        exact_free(datagram);
    }
}

/* MD5("user:realm:pass"), the example of RFC 8489 section 9.2.2. */
static void test_long_term_key(void **state)
{
    (void)state;
    uint8_t key[XC_STUN_LONG_TERM_KEY_SIZE], wanted[XC_STUN_LONG_TERM_KEY_SIZE];
    xc_stun_long_term_key(key, text_span("user"), text_span("realm"), text_span("pass"));
    hex_bytes("8493fbc53ba582fb4c044c456bdc40eb", wanted, sizeof wanted);
    assert_memory_equal(key, wanted, sizeof key);
}

static void test_attributes(void **state)
{
    (void)state;
    uint8_t out[256];
    struct xc_stun_writer w;
    struct xc_stun message;
    struct xc_addr v4 = {.family = XC_ADDR_IPV4, .port = 4711, .bytes = {192, 0, 2, 7}};
    struct xc_addr v6 = {.family = XC_ADDR_IPV6, .port = 65535, .bytes = {0x20, 1, 0xd, 0xb8}};
    struct xc_addr addr;
    struct xc_span data;
    uint32_t number;
    uint16_t channel;
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_CHANNEL_BIND, transaction);
    xc_stun_add_xor_address(&w, XC_STUN_ATTR_XOR_PEER_ADDRESS, &v4);
    xc_stun_add_xor_address(&w, XC_STUN_ATTR_XOR_RELAYED_ADDRESS, &v6);
    xc_stun_add_number(&w, XC_STUN_ATTR_LIFETIME, UINT32_MAX);
    xc_stun_add_number(&w, XC_STUN_ATTR_CHANNEL_NUMBER, UINT32_C(0x4001beef));
    xc_stun_add(&w, XC_STUN_ATTR_DATA, text_span("12345"));
    xc_stun_add(&w, XC_STUN_ATTR_EVEN_PORT, text_span("\x80"));
    xc_stun_add(&w, XC_STUN_ATTR_DONT_FRAGMENT, text_span(""));
    xc_stun_add(&w, XC_STUN_ATTR_REQUESTED_TRANSPORT, text_span("123"));
    size_t size = xc_stun_finish(&w, text_span("key"));
    struct xc_span datagram = exact_copy(out, size);
    assert_true(xc_stun_parse(&message, datagram));
    assert_int_equal(message.method, XC_STUN_CHANNEL_BIND);
    assert_false(message.has_unknown_required);
    assert_true(xc_stun_find_xor_address(&message, XC_STUN_ATTR_XOR_PEER_ADDRESS, &addr));
    assert_true(xc_addr_equal(&addr, &v4));
    assert_true(xc_stun_find_xor_address(&message, XC_STUN_ATTR_XOR_RELAYED_ADDRESS, &addr));
    assert_true(xc_addr_equal(&addr, &v6));
    assert_true(xc_stun_find_number(&message, XC_STUN_ATTR_LIFETIME, &number));
    assert_true(number == UINT32_MAX);
    assert_true(xc_stun_find_channel(&message, &channel) && channel == 0x4001);
    assert_true(xc_stun_find(&message, XC_STUN_ATTR_DATA, &data));
    assert_true(xc_span_equal_text(data, "12345"));
    /* What is not there leaves the value alone. */
    struct xc_span kept = text_span("kept");
    assert_false(xc_stun_find(&message, XC_STUN_ATTR_REALM, &kept));
    assert_true(xc_span_equal_text(kept, "kept"));
    /* Of the wrong size, or not there. */
    assert_false(xc_stun_find_number(&message, XC_STUN_ATTR_REQUESTED_TRANSPORT, &number));
    assert_false(xc_stun_find_number(&message, XC_STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &number));
    assert_false(xc_stun_find_xor_address(&message, XC_STUN_ATTR_DATA, &addr));
    assert_false(xc_stun_find_xor_address(&message, XC_STUN_ATTR_XOR_MAPPED_ADDRESS, &addr));
    exact_free(datagram);
}

static void test_nonce_features(void **state)
{
    (void)state;
    static const struct {
        const char *nonce;
        uint32_t features;
    } cases[] = {
        {"", 0},
        {"obMatJos2", 0},
        {"obMatJos2gAA", 0}, /* the cookie is 13 long */
        {"obMatJos2AAAA", 0},
        {"obMatJos2gAAA", 1}, /* bit 0 is the leftmost (RFC 8489 section 18.1) */
        {"obMatJos2QAAA", 2},
        {"obMatJos2wAAAand more", 3},
        {"obMatJos2gAA*", 0},
        {"obmatJos2gAAA", 0},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++)
        assert_int_equal(xc_stun_nonce_features(text_span(cases[i].nonce)), cases[i].features);
}

static void test_channel_data(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool good;
        size_t size;
    } cases[] = {
        {"40 00 00 00", true, 0},
        {"4f ff 00 03 01 02 03", true, 3},
        {"40 01 00 03 01 02 03 00", true, 3}, /* padded */
        {"40 01 00 04 01 02 03", false, 0},
        {"40 01 ff ff 01", false, 0},
        {"50 00 00 00", false, 0}, /* reserved, RFC 8656 section 12 */
        {"3f ff 00 00", false, 0},
        {"40 00 00", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        uint8_t bytes[16];
        uint16_t channel;
        struct xc_span data;
        struct xc_span datagram = exact_copy(bytes, hex_bytes(cases[i].hex, bytes, sizeof bytes));
        if (xc_channel_data_parse(datagram, &channel, &data) != cases[i].good)
            fail_msg("case %zu", i);
        if (cases[i].good) {
            assert_int_equal(data.size, cases[i].size);
            assert_ptr_equal(data.data, datagram.data + 4);
        }
        exact_free(datagram);
    }
    uint8_t header[XC_CHANNEL_DATA_HEADER_SIZE];
    static const uint8_t wanted[] = {0x4a, 0xbc, 0x04, 0xb0};
    xc_channel_data_header(header, 0x4abc, 1200);
    assert_memory_equal(header, wanted, sizeof wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_term_request), cmocka_unit_test(test_long_term_key),
        cmocka_unit_test(test_attributes),        cmocka_unit_test(test_nonce_features),
        cmocka_unit_test(test_channel_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
