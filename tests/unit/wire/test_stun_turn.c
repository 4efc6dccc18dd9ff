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
    uint8_t bytes[256], key[XC_STUN_KEY_MAX];
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
    xc_stun_long_term_key(XC_STUN_ALGORITHM_MD5, key, message.username, realm,
                          text_span("TheMatrIX"));
    assert_true(xc_stun_check_integrity(&message, xc_span_make(key, 16)));
    xc_stun_long_term_key(XC_STUN_ALGORITHM_MD5, key, message.username, realm,
                          text_span("TheMatrix"));
    assert_false(xc_stun_check_integrity(&message, xc_span_make(key, 16)));
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
    uint8_t key[XC_STUN_KEY_MAX], wanted[16];
    size_t size = xc_stun_long_term_key(XC_STUN_ALGORITHM_MD5, key, text_span("user"),
                                        text_span("realm"), text_span("pass"));
    assert_int_equal(size, sizeof wanted);
    hex_bytes("8493fbc53ba582fb4c044c456bdc40eb", wanted, sizeof wanted);
    assert_memory_equal(key, wanted, sizeof wanted);
}

/* RFC 8489 appendix B.1, as RFC Errata 6268 corrects it: PASSWORD-ALGORITHM was left out. */
static const char sha256_request[] =
    "00 01 00 90 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e"
    "00 1e 00 20 4a 3c f3 8f ef 69 92 bd a9 52 c6 78 04 17 da 0f"
    "24 81 94 15 56 9e 60 b2 05 c4 6e 41 40 7f 17 04"
    "00 15 00 29 6f 62 4d 61 74 4a 6f 73 32 41 41 41 43 66 2f 2f 34 39 39 6b 39 35 34 64"
    "36 4f 4c 33 34 6f 4c 39 46 53 54 76 79 36 34 73 41 00 00 00"
    "00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00"
    "00 1d 00 04 00 02 00 00"
    "00 1c 00 20 b5 c7 bf 00 5b 6c 52 a2 1c 51 c5 e8 92 f8 19 24 13 62 96 cb 92 7c 43 14 93 09 27 "
    "8c"
    "c6 51 8e 65";

static void test_sha256_request(void **state)
{
    (void)state;
    static const char user[] = "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa"
                               "\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";
    uint8_t bytes[256], made[256], key[XC_STUN_KEY_MAX], hash[XC_STUN_USERHASH_SIZE];
    struct xc_stun message;
    struct xc_stun_writer w;
    struct xc_span realm, given;
    size_t size = hex_bytes(sha256_request, bytes, sizeof bytes);
    struct xc_span datagram = exact_copy(bytes, size);
    assert_true(xc_stun_parse(&message, datagram));
    assert_true(message.has_sha256 && !message.has_integrity && !message.has_username);
    assert_true(xc_stun_find(&message, XC_STUN_ATTR_REALM, &realm));
    assert_true(xc_stun_find(&message, XC_STUN_ATTR_USERHASH, &given));
    xc_stun_userhash(hash, text_span(user), realm);
    assert_true(xc_span_equal(given, xc_span_make(hash, sizeof hash)));
    size_t key_size = xc_stun_long_term_key(XC_STUN_ALGORITHM_SHA256, key, text_span(user), realm,
                                            text_span("TheMatrIX"));
    assert_int_equal(key_size, 32);
    assert_true(xc_stun_check_sha256(&message, xc_span_make(key, key_size)));
    assert_false(xc_stun_check_integrity(&message, xc_span_make(key, key_size)));
    assert_false(xc_stun_check_sha256(&message, xc_span_make(key, 16)));
    assert_false(xc_stun_check_sha256(&message, xc_span_make(NULL, 0)));
    /* The same bytes come out of the writer, and a fingerprint. */
    xc_stun_begin(&w, made, sizeof made, XC_STUN_REQUEST, XC_STUN_BINDING, message.transaction);
    xc_stun_add(&w, XC_STUN_ATTR_USERHASH, xc_span_make(hash, sizeof hash));
    xc_stun_add(&w, XC_STUN_ATTR_NONCE, text_span("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"));
    xc_stun_add(&w, XC_STUN_ATTR_REALM, realm);
    xc_stun_add_number(&w, XC_STUN_ATTR_PASSWORD_ALGORITHM, XC_STUN_ALGORITHM_SHA256 << 16);
    assert_int_equal(xc_stun_finish_sha256(&w, xc_span_make(key, key_size)), size + 8);
    assert_memory_equal(made, bytes, 2);
    assert_memory_equal(made + 4, bytes + 4, size - 4);
    exact_free(datagram);
    for (size_t cut = 0; cut < size; cut++) {
        datagram = exact_copy(bytes, cut);
        assert_false(xc_stun_parse(&message, datagram));
        exact_free(datagram);
    }
    for (size_t at = 8; at < size; at++) { /* no byte can be changed; of padding, see the RFC */
        bytes[at] ^= 1;
        datagram = exact_copy(bytes, size);
        if (xc_stun_parse(&message, datagram))
            assert_false(xc_stun_check_sha256(&message, xc_span_make(key, key_size)));
        exact_free(datagram);
        bytes[at] ^= 1;
    }
}

/* Both integrity attributes, in each order; sizes that are none; what stands behind. */
static void test_sha256_and_others(void **state)
{
    (void)state;
    static const struct {
        uint16_t size;
        bool parses, whole;
    } sizes[] = {{0, false, false}, {12, false, false}, {16, true, false}, {18, false, false},
                 {28, true, false}, {32, true, true},   {36, false, false}};
    uint8_t out[256], value[40] = {0}, again[256];
    struct xc_stun message;
    struct xc_stun_writer w;
    const struct xc_span key = text_span("key");
    uint32_t number;
    for (size_t i = 0; i < XC_ARRAY_LEN(sizes); i++) {
        xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_ALLOCATE, transaction);
        xc_stun_add(&w, XC_STUN_ATTR_MESSAGE_INTEGRITY_SHA256, xc_span_make(value, sizes[i].size));
        size_t size = xc_stun_finish(&w, xc_span_make(NULL, 0));
        assert_int_equal(xc_stun_parse(&message, xc_span_make(out, size)), sizes[i].parses);
        assert_false(xc_stun_check_sha256(&message, key)); /* a cut one never is right */
    }
    /* MESSAGE-INTEGRITY first: both are looked at, and nothing behind them. */
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_ALLOCATE, transaction);
    size_t size = xc_stun_finish(&w, key) - 8; /* without its fingerprint */
    w.out = xc_writer_make(again, sizeof again);
    xc_write_bytes(&w.out, out, size);
    xc_stun_finish_sha256(&w, key);
    w.out.size -= 8;
    xc_stun_add_number(&w, XC_STUN_ATTR_LIFETIME, 5);
    size = xc_stun_finish(&w, xc_span_make(NULL, 0));
    assert_true(xc_stun_parse(&message, xc_span_make(again, size)));
    assert_true(xc_stun_check_integrity(&message, key) && xc_stun_check_sha256(&message, key));
    assert_false(xc_stun_check_integrity(&message, text_span("yek")));
    assert_false(xc_stun_check_sha256(&message, text_span("yek")));
    assert_false(xc_stun_find_number(&message, XC_STUN_ATTR_LIFETIME, &number));
    /* The other way round MESSAGE-INTEGRITY stands behind, and is none. */
    xc_stun_begin(&w, out, sizeof out, XC_STUN_REQUEST, XC_STUN_ALLOCATE, transaction);
    xc_stun_finish_sha256(&w, key);
    w.out.size -= 8;
    size = xc_stun_finish(&w, key);
    assert_true(xc_stun_parse(&message, xc_span_make(out, size)));
    assert_true(message.has_sha256 && !message.has_integrity);
    assert_true(xc_stun_check_sha256(&message, key));
    /* No room. */
    xc_stun_begin(&w, out, 50, XC_STUN_REQUEST, XC_STUN_ALLOCATE, transaction);
    assert_int_equal(xc_stun_finish_sha256(&w, key), 0);
    assert_int_equal(xc_stun_long_term_key(3, value, key, key, key), 0);
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
    assert_true(xc_stun_find_number(&message, XC_STUN_ATTR_CHANNEL_NUMBER, &number));
    assert_int_equal(number, 0x4001beef);
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
        {"obMatJos2AAAB", 1}, /* bit 0 is the rightmost (RFC Errata 6290) */
        {"obMatJos2AAAC", 2},
        {"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA", 2}, /* of appendix B.1 */
        {"obMatJos2AAADand more", 3},
        {"obMatJos2AAA8", 0}, /* not assigned */
        {"obMatJos2gAAA", 1}, /* or the leftmost, as section 9.2 says */
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
        cmocka_unit_test(test_sha256_request),    cmocka_unit_test(test_sha256_and_others),
        cmocka_unit_test(test_attributes),        cmocka_unit_test(test_nonce_features),
        cmocka_unit_test(test_channel_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
