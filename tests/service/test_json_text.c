/* test_json_text.c - json_text writes byte for byte what jansson's json_dumps does, for each kind of value, each
 * byte that is escaped, and values by chance. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_text.h"

static void same(const json_t *value)
{
    size_t size;
    char *expected = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char *text = json_text(value, &size);
    assert_non_null(expected);
    assert_non_null(text);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
    free(text);
    free(expected);
}

static void same_text(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(value);
    same(value);
    json_decref(value);
}

static void each_kind(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "\"\"",
        "null",
        "true",
        "false",
        "0",
        "-9223372036854775808",
        "9223372036854775807",
        "1.0",
        "-0.1",
        "1e300",
        "[[],{},[{}],{\"\":[]}]",
        "{\"z\":1,\"a\":{\"b\":[1,\"2\",null,true,false,3.5]},\"\":0}",
        "\"v=0\\r\\na=x \\\"quoted\\\" back\\\\slash and /slash\\u007f\"",
        "\"\\u00e4\\u20ac\\ud83d\\ude00\\u2028\"",
        "\"a\\u0000b\"",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        same_text(texts[i]);
}

static void each_byte(void **state)
{
    (void)state;
    for (int c = 1; c < 0x80; c++) {
        char text[] = {'x', (char)c, 'y', (char)c, '\0'};
        json_t *value = json_pack("{s:s}", text, text);
        same(value);
        json_decref(value);
    }
}

static uint32_t drawn = 1;

static uint32_t draw(uint32_t below)
{
    drawn = drawn * 1664525u + 1013904223u;
    return (drawn >> 8) % below;
}

static json_t *by_chance(int depth)
{
    char key[8] = {0}, *text;
    json_t *value, *part;
    uint32_t kind = draw(depth > 0 ? 6 : 4), count = draw(5);
    switch (kind) {
    case 0:
        return json_integer((json_int_t)draw(UINT32_MAX) - (json_int_t)draw(UINT32_MAX));
    case 1:
        return json_real((double)draw(UINT32_MAX) / (1 + (double)draw(UINT32_MAX)));
    case 2:
        return json_boolean(draw(2));
    case 3:
        count = draw(2000);
        text = calloc(count + 1, 1);
        for (uint32_t i = 0; i < count; i++)
            text[i] = (char)(1 + draw(0x7f));
        value = json_string(text);
        free(text);
        return value;
    default:
        value = kind == 4 ? json_array() : json_object();
        for (uint32_t i = 0; i < count; i++) {
            key[0] = (char)(1 + draw(0x7f));
            key[1] = (char)(1 + draw(0x7f));
            part = by_chance(depth - 1);
            if (kind == 4)
                json_array_append_new(value, part);
            else
                json_object_set_new(value, key, part);
        }
        return value;
    }
}

static void values_by_chance(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        json_t *value = by_chance(5);
        same(value);
        json_decref(value);
    }
}

static void no_value(void **state)
{
    size_t size = 1;
    (void)state;
    assert_null(json_text(NULL, &size));
    assert_int_equal(size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind),
        cmocka_unit_test(each_byte),
        cmocka_unit_test(values_by_chance),
        cmocka_unit_test(no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
