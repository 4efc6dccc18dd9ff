/* text.c - see text.h.
 * SPDX-License-Identifier: MIT */
#include "wire/text.h"

bool xc_text_equal(struct xc_span a, const char *text)
{
    return xc_text_skip(&a, text) && a.size == 0;
}

bool xc_text_skip(struct xc_span *text, const char *prefix)
{
    size_t size = strlen(prefix);
    if (text->size < size)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (xc_text_lower(text->data[i]) != xc_text_lower((uint8_t)prefix[i]))
            return false;
    }
    text->data += size;
    text->size -= size;
    return true;
}

size_t xc_text_find(struct xc_span text, char c)
{
    size_t at = 0;
    while (at < text.size && text.data[at] != (uint8_t)c)
        at++;
    return at;
}

struct xc_span xc_text_token(struct xc_span *text, char separator)
{
    const uint8_t c = (uint8_t)separator;
    size_t start = 0;
    if (text->size == 0)
        return *text;
    while (start < text->size && text->data[start] == c)
        start++;
    size_t end = start;
    while (end < text->size && text->data[end] != c)
        end++;
    struct xc_span token = {text->data + start, end - start};
    while (end < text->size && text->data[end] == c)
        end++;
    text->data += end;
    text->size -= end;
    return token;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct xc_span xc_text_trim(struct xc_span text)
{
    while (text.size && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

bool xc_text_number(struct xc_span text, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (!xc_text_is_digit(text.data[i]))
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > most)
        return false;
    *number = value;
    return true;
}

bool xc_text_copy(char *to, size_t capacity, struct xc_span text)
{
    if (text.size >= capacity)
        return false;
    if (text.size)
        memcpy(to, text.data, text.size);
    to[text.size] = '\0';
    return true;
}

void xc_text_write(struct xc_writer *w, const char *text)
{
    xc_write_bytes(w, text, strlen(text));
}

void xc_text_write_number(struct xc_writer *w, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    xc_write_bytes(w, digits + at, sizeof digits - at);
}
