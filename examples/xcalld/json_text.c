/* json_text.c - JSON of jansson's values (RFC 8259). jansson writes a string code point by code point: an invite's
 * description, which is written for the store and for each callee, was a quarter of all instructions. Here
 * what needs no escape is copied as it is; jansson has checked its UTF-8 when the value was made.
 * SPDX-License-Identifier: MIT */
#include "json_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    char *text;
    size_t size, room;
    bool failed;
};

static void put(struct writer *writer, const char *bytes, size_t size)
{
    if (writer->room - writer->size <= size) { /* one more for the NUL */
        size_t room = writer->room ? writer->room * 2 : 512;
        while (room - writer->size <= size)
            room *= 2;
        char *grown = writer->failed ? NULL : realloc(writer->text, room);
        if (!grown) {
            writer->failed = true;
            return;
        }
        writer->text = grown;
        writer->room = room;
    }
    memcpy(writer->text + writer->size, bytes, size);
    writer->size += size;
}

static void put_escaped(struct writer *writer, unsigned char c)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char text[8] = {'\\'};
    for (size_t i = 0; i < sizeof named - 1; i += 2)
        if ((unsigned char)named[i] == c) {
            text[1] = named[i + 1];
            put(writer, text, 2);
            return;
        }
    snprintf(text, sizeof text, "\\u%04X", c);
    put(writer, text, 6);
}

static void put_string(struct writer *writer, const char *string, size_t size)
{
    size_t from = 0;
    put(writer, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)string[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        put(writer, string + from, i - from);
        put_escaped(writer, c);
        from = i + 1;
    }
    put(writer, string + from, size - from);
    put(writer, "\"", 1);
}

static void put_value(struct writer *writer, const json_t *value);

static void put_object(struct writer *writer, json_t *object)
{
    const char *key, *between = "{";
    json_t *member;
    json_object_foreach(object, key, member)
    {
        put(writer, between, 1);
        put_string(writer, key, strlen(key));
        put(writer, ":", 1);
        put_value(writer, member);
        between = ",";
    }
    put(writer, "{}", *between == '{' ? 2 : 0);
    put(writer, "}", *between == '{' ? 0 : 1);
}

static void put_array(struct writer *writer, const json_t *array)
{
    put(writer, "[", 1);
    for (size_t i = 0; i < json_array_size(array); i++) {
        put(writer, ",", i ? 1 : 0);
        put_value(writer, json_array_get(array, i));
    }
    put(writer, "]", 1);
}

static void put_real(struct writer *writer, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text)
        put(writer, text, strlen(text));
    else
        writer->failed = true;
    free(text);
}

/* As deep as the value, which a frame's check (NESTING_MAX) or our own code has bounded. */
static void put_value(struct writer *writer, const json_t *value)
{
    char digits[32];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(writer,
                   (json_t *)value); /* it is only read; jansson's iterators are not const */
        break;
    case JSON_ARRAY:
        put_array(writer, value);
        break;
    case JSON_STRING:
        put_string(writer, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        put(writer, digits,
            (size_t)snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT,
                             json_integer_value(value)));
        break;
    case JSON_REAL:
        put_real(writer, value);
        break;
    case JSON_TRUE:
        put(writer, "true", 4);
        break;
    case JSON_FALSE:
        put(writer, "false", 5);
        break;
    default:
        put(writer, "null", 4);
    }
}

char *json_text(const json_t *value, size_t *size)
{
    struct writer writer = {0};
    if (value)
        put_value(&writer, value);
    if (writer.failed || !writer.text) {
        free(writer.text);
        *size = 0;
        return NULL;
    }
    writer.text[writer.size] = '\0';
    *size = writer.size;
    return writer.text;
}
