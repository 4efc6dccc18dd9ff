/* test_json.c - members of one JSON object (RFC 8259), what is refused, and written strings.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/json.h"

static int member(const char *text, const char *name, char *value, size_t capacity, size_t *size)
{
    struct xc_span exact = exact_copy(text, strlen(text));
    int kind = xc_json_member(exact, name, value, capacity, size);
    exact_free(exact);
    return kind;
}

static void check(const char *text, const char *name, int kind, const char *value)
{
    char out[256] = "untouched";
    size_t size = 99;
    int found = member(text, name, out, sizeof out, &size);
    if (found != kind)
        fail_msg("%s: member %s is %d, not %d", text, name, found, kind);
    if (kind > 0) {
        assert_string_equal(out, value);
        assert_int_equal(size, strlen(value));
    } else {
        assert_int_equal(size, 0);
    }
}

/* What W3C's toJSON gives for a description and for a candidate. */
static void test_signals(void **state)
{
    (void)state;
    static const char offer[] =
        "{\"type\":\"offer\",\"sdp\":\"v=0\\r\\no=- 1 2 IN IP4 0.0.0.0\\r\\n\"}";
    static const char candidate[] =
        "{\"candidate\":\"candidate:1 1 udp 1 192.0.2.1 9 typ host\",\"sdpMid\":\"0\","
        "\"sdpMLineIndex\":0,\"usernameFragment\":null}";
    check(offer, "type", XC_JSON_STRING, "offer");
    check(offer, "sdp", XC_JSON_STRING, "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\n");
    check(offer, "candidate", 0, NULL);
    check(candidate, "candidate", XC_JSON_STRING, "candidate:1 1 udp 1 192.0.2.1 9 typ host");
    check(candidate, "sdpMid", XC_JSON_STRING, "0");
    check(candidate, "sdpMLineIndex", XC_JSON_NUMBER, "0");
    check(candidate, "usernameFragment", XC_JSON_NULL, "null");
}

static void test_values(void **state)
{
    (void)state;
    check("{}", "a", 0, NULL);
    check(" \t\r\n{ \"a\" : true , \"b\" : false } ", "a", XC_JSON_BOOL, "true");
    check("{\"a\":true,\"b\":false}", "b", XC_JSON_BOOL, "false");
    check("{\"a\":-1.5e+10}", "a", XC_JSON_NUMBER, "-1.5e+10");
    check("{\"a\":0}", "a", XC_JSON_NUMBER, "0");
    check("{\"a\":1E-2}", "a", XC_JSON_NUMBER, "1E-2");
    check("{\"a\":\"\"}", "a", XC_JSON_STRING, "");
    check("{\"a\":{\"b\":[1,{},[]]},\"c\":2}", "c", XC_JSON_NUMBER, "2");
    check("{\"a\":{\"b\":[1, {} ,[]]},\"c\":2}", "a", XC_JSON_OTHER, "{\"b\":[1, {} ,[]]}");
    check("{\"a\":{\"b\":1}}", "b", 0, NULL); /* only the object's own members */
    check("{\"a\":1,\"a\":\"two\"}", "a", XC_JSON_STRING, "two");
    check("{\"ab\":1,\"a\":2,\"abc\":3}", "a", XC_JSON_NUMBER, "2");
    check("{\"\\u0061\\u0062\":1}", "ab", XC_JSON_NUMBER, "1");
    check("{\"\":1}", "", XC_JSON_NUMBER, "1");
    check("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "a", XC_JSON_STRING, "\"\\/\b\f\n\r\t");
    check("{\"a\":\"\\u00e9\\u20AC\\ud83d\\uDE00\"}", "a", XC_JSON_STRING, "é€😀");
    check("{\"a\":\"é€😀\x7f\"}", "a", XC_JSON_STRING, "é€😀\x7f");
}

static void test_nul_character(void **state)
{
    (void)state;
    char out[16];
    size_t size;
    assert_int_equal(member("{\"a\":\"x\\u0000y\"}", "a", out, sizeof out, &size), XC_JSON_STRING);
    assert_int_equal(size, 3);
    assert_memory_equal(out, "x\0y", 4);
}

static const char *const refused[] = {
    "",
    " ",
    "{",
    "}",
    "[]",
    "[{\"a\":1}]",
    "null",
    "\"a\"",
    "1",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1}}",
    "{\"a\":1} x",
    "{\"a\":1",
    "{a:1}",
    "{'a':1}",
    "{\"a\":01}",
    "{\"a\":-}",
    "{\"a\":+1}",
    "{\"a\":.5}",
    "{\"a\":1.}",
    "{\"a\":1e}",
    "{\"a\":0x1}",
    "{\"a\":NaN}",
    "{\"a\":tru}",
    "{\"a\":truex}",
    "{\"a\":\"}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12\"}",
    "{\"a\":\"\\u12g4\"}",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\x01\"}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\udc00\"}",
    "{\"a\":\"\\ud800\\n\"}",
    "{\"a\":\"\\ud800\\ud800\"}",
    "{\"a\":\"\\ud800\\u0041\"}",
    "{\"a\":[1,]}",
    "{\"a\":[,1]}",
    "{\"a\":[1 2]}",
    "{\"a\":{\"b\"}}",
    "{\"a\":{1:2}}",
    "{\"a\":[}",
    "{\"a\":[)]}",
    "{\"a\":{]}",
    "{\"a\":[1}]}",
    "{\"b\":\"\xff\"}",
    "{\"b\":\"\xc0\x80\"}",
    "{\"b\":\"\xed\xa0\x80\"}",
    "{\"b\":\"\xf4\x90\x80\x80\"}",
    "{\"b\":\"\xe2\x82\"}",
    "\xef\xbb\xbf{}",
    "{\"a\":1}\x80",
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < XC_ARRAY_LEN(refused); i++) {
        char out[64];
        size_t size;
        if (member(refused[i], "a", out, sizeof out, &size) != -1)
            fail_msg("case %zu accepted: %s", i, refused[i]);
    }
    /* A NUL in the text. */
    char out[16];
    size_t size;
    assert_int_equal(xc_json_member(xc_span_make("{}\0", 3), "a", out, sizeof out, &size), -1);
    assert_int_equal(xc_json_member(xc_span_make(NULL, 0), "a", out, sizeof out, &size), -1);
}

static void test_depth(void **state)
{
    (void)state;
    char text[128], out[64];
    size_t size;
    for (size_t depth = 1; depth < 40; depth++) {
        struct xc_writer w = xc_writer_make(text, sizeof text);
        xc_json_write_text(&w, "{\"a\":");
        for (size_t i = 0; i < depth; i++)
            xc_write8(&w, '[');
        for (size_t i = 0; i < depth; i++)
            xc_write8(&w, ']');
        xc_json_write_text(&w, ",\"b\":1}");
        assert_false(w.failed);
        int kind = xc_json_member(xc_span_make(text, w.size), "b", out, sizeof out, &size);
        assert_int_equal(kind, depth <= 16 ? XC_JSON_NUMBER : -1);
    }
}

static void test_capacity(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity < 8; capacity++) {
        char *out = malloc(capacity);
        size_t size;
        int kind = member("{\"a\":\"12345\"}", "a", out, capacity, &size);
        assert_int_equal(kind, capacity < 6 ? -2 : XC_JSON_STRING);
        assert_int_equal(size, capacity < 6 ? 0 : 5);
        kind = member("{\"a\":\"a longer one\",\"a\":123}", "a", out, capacity, &size);
        assert_int_equal(kind, capacity < 4 ? -2 : XC_JSON_NUMBER);
        free(out);
    }
}

static void test_every_prefix(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":\"x\\u00e9\\ud83d\\ude00\xc3\xa9\",\"b\":[1.5e-3,{\"c\":null}],\"d\":true}";
    char out[64];
    size_t size;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct xc_span cut = exact_copy(text, n);
        assert_int_equal(xc_json_member(cut, "a", out, sizeof out, &size), -1);
        exact_free(cut);
    }
    check(text, "a", XC_JSON_STRING, "xé😀é");
}

static void test_write(void **state)
{
    (void)state;
    uint8_t out[2048];
    struct xc_writer w = xc_writer_make(out, sizeof out);
    xc_json_write_string(&w, text_span("a\"\\/\n\r\t\x1f é"));
    assert_true(
        xc_span_equal_text(xc_span_make(out, w.size), "\"a\\\"\\\\/\\n\\r\\u0009\\u001f é\""));
    w = xc_writer_make(out, sizeof out);
    xc_json_write_string(&w, text_span("\xff"));
    assert_true(w.failed);

    /* Every character of one byte comes back. */
    char all[128], value[256];
    size_t size;
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)i;
    w = xc_writer_make(out, sizeof out);
    xc_json_write_text(&w, "{\"a\":");
    xc_json_write_string(&w, xc_span_make(all, sizeof all));
    xc_json_write_text(&w, "}");
    assert_false(w.failed);
    assert_int_equal(xc_json_member(xc_span_make(out, w.size), "a", value, sizeof value, &size),
                     XC_JSON_STRING);
    assert_int_equal(size, sizeof all);
    assert_memory_equal(value, all, sizeof all);
    size_t whole = w.size;
    for (size_t capacity = 0; capacity < whole; capacity++) {
        uint8_t *small = malloc(capacity ? capacity : 1);
        w = xc_writer_make(small, capacity);
        xc_json_write_text(&w, "{\"a\":");
        xc_json_write_string(&w, xc_span_make(all, sizeof all));
        xc_json_write_text(&w, "}");
        assert_true(w.failed);
        free(small);
    }
}

/* Every code point: valid but for surrogates, none shorter or longer than it must be. */
static void test_utf8(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110100; c++) {
        uint8_t bytes[4];
        size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        bytes[0] = (uint8_t)(size == 1   ? c
                             : size == 2 ? 0xc0 | c >> 6
                             : size == 3 ? 0xe0 | c >> 12
                                         : 0xf0 | c >> 18);
        for (size_t i = 1; i < size; i++)
            bytes[i] = (uint8_t)(0x80 | (c >> (6 * (size - 1 - i)) & 0x3f));
        bool wanted = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
        assert_int_equal(xc_utf8_valid(xc_span_make(bytes, size)), wanted);
        if (size > 1)
            assert_false(xc_utf8_valid(xc_span_make(bytes, size - 1)));
    }
    static const char *const overlong[] = {
        "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80",
        "\x80",     "\xfe",     "a\xc3(b"};
    for (size_t i = 0; i < XC_ARRAY_LEN(overlong); i++)
        assert_false(xc_utf8_valid(text_span(overlong[i])));
    assert_true(xc_utf8_valid(xc_span_make(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals),       cmocka_unit_test(test_values),
        cmocka_unit_test(test_nul_character), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),         cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_every_prefix),  cmocka_unit_test(test_write),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
