/* text.c - base64 (RFC 4648), call ids as UUIDs (RFC 9562), hashes, tokens, names, times, versions.
 * Pure functions.
 * SPDX-License-Identifier: MIT */
#include "text.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char digits_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const uint8_t *bytes, size_t size, const char *alphabet, bool pad, char *text)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        size_t have = size - i < 3 ? size - i : 3;
        if (have > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (have > 2)
            group |= bytes[i + 2];
        for (size_t k = 0; k < 4; k++) {
            if (k <= have)
                text[length++] = alphabet[group >> (18 - 6 * k) & 63];
            else if (pad)
                text[length++] = '=';
        }
    }
    text[length] = '\0';
    return length;
}

size_t base64_encode(const void *bytes, size_t size, char *text)
{
    return encode(bytes, size, digits, true, text);
}

size_t base64url_encode(const void *bytes, size_t size, char *text)
{
    return encode(bytes, size, digits_url, false, text);
}

static int digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool base64_decode(const char *text, void *bytes, size_t capacity, size_t *size)
{
    size_t length = strlen(text), out = 0;
    uint8_t *to = bytes;
    if (length % 4)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        bool last = i + 4 == length;
        size_t chars = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 3) : 4;
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k < chars ? digit_value(text[i + k]) : 0;
            if (value < 0)
                return false;
            group = group << 6 | (uint32_t)value;
        }
        if (out + chars - 1 > capacity || (group & ((1u << 8 * (4 - chars)) - 1)))
            return false;
        for (size_t k = 0; k + 1 < chars; k++)
            to[out++] = (uint8_t)(group >> (16 - 8 * k));
    }
    *size = out;
    return true;
}

void sha256(const void *bytes, size_t size, uint8_t hash[32])
{
    SHA256(bytes, size, hash);
}

void hmac_sha256(const uint8_t key[32], const void *bytes, size_t size, uint8_t mac[32])
{
    unsigned length = 32;
    HMAC(EVP_sha256(), key, 32, bytes, size, mac, &length);
}

void token_make(const uint8_t random[TOKEN_BYTES], char token[TOKEN_TEXT + 1], uint8_t hash[32])
{
    char text[BASE64_TEXT(TOKEN_BYTES)];
    base64url_encode(random, TOKEN_BYTES, text);
    memcpy(token, text, TOKEN_TEXT + 1);
    sha256(token, TOKEN_TEXT, hash);
}

bool token_hash(const char *token, uint8_t hash[32])
{
    if (strlen(token) != TOKEN_TEXT || strspn(token, digits_url) != TOKEN_TEXT)
        return false;
    sha256(token, TOKEN_TEXT, hash);
    return true;
}

bool name_valid(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= NAME_MAX_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == length;
}

bool text_plain(const char *text, bool lines)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            if (!lines || (*c != '\t' && *c != '\n' && *c != '\r'))
                return false;
    return true;
}

static const char *const allowed[] = {"everyone", "verified", "following", "contacts"};
enum { ALLOWED = sizeof allowed / sizeof *allowed };

bool allow_parse(const char *text, uint32_t *mask)
{
    *mask = 0;
    if (strcmp(text, "nobody") == 0)
        return true;
    for (const char *word = text; word;) {
        size_t length = strcspn(word, ",");
        int found = 0;
        while (found < ALLOWED &&
               (strlen(allowed[found]) != length || strncmp(allowed[found], word, length) != 0))
            found++;
        if (found == ALLOWED)
            return false;
        *mask |= 1u << found;
        word = word[length] ? word + length + 1 : NULL;
    }
    return true;
}

void allow_text(uint32_t mask, char *text, size_t size)
{
    size_t length = 0;
    (void)snprintf(text, size, "nobody");
    for (int i = 0; i < ALLOWED; i++)
        if (mask & 1u << i && length < size)
            length += (size_t)snprintf(text + length, size - length, "%s%s", length ? "," : "",
                                       allowed[i]);
}

bool time_of_day_parse(const char *text, int32_t *minutes)
{
    static const char low[] = "00:00", high[] = "29:59";
    for (size_t i = 0; i < 5; i++)
        if (text[i] < low[i] || text[i] > high[i])
            return false;
    int hour = (text[0] - '0') * 10 + text[1] - '0';
    if (text[5] || hour > 23)
        return false;
    *minutes = hour * 60 + (text[3] - '0') * 10 + text[4] - '0';
    return true;
}

void time_of_day_text(int32_t minutes, char text[6])
{
    uint32_t m = minutes < 0 ? 0 : (uint32_t)minutes % 1440;
    text[0] = (char)('0' + m / 600);
    text[1] = (char)('0' + m / 60 % 10);
    text[2] = ':';
    text[3] = (char)('0' + m % 60 / 10);
    text[4] = (char)('0' + m % 10);
    text[5] = '\0';
}

/* The number at *text, which is moved behind it and one dot; -1: there is none. */
static int64_t version_part(const char **text)
{
    int64_t value = -1;
    for (; **text >= '0' && **text <= '9'; (*text)++)
        if (value < 1000000000)
            value = (value < 0 ? 0 : value * 10) + **text - '0';
    if (**text == '.')
        (*text)++;
    else
        *text = "";
    return value;
}

bool version_below(const char *version, const char *minimum)
{
    if (!*minimum)
        return false;
    for (bool first = true; *version || *minimum || first; first = false) {
        int64_t have = version_part(&version), need = version_part(&minimum);
        if (first && have < 0)
            return true;
        have = have < 0 ? 0 : have;
        need = need < 0 ? 0 : need;
        if (have != need)
            return have < need;
    }
    return false;
}

bool text_append(char **text, size_t *size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (more < 0)
        return false;
    char *grown = realloc(*text, *size + (size_t)more + 1);
    if (!grown)
        return false;
    va_start(arguments, format);
    vsnprintf(grown + *size, (size_t)more + 1, format, arguments);
    va_end(arguments);
    *text = grown;
    *size += (size_t)more;
    return true;
}

/* --- call ids (session.h) -------------------------------------------------------------------------- */

void call_id_text(const uint8_t call[CALL_ID_SIZE], char text[37])
{
    static const char hex[] = "0123456789abcdef";
    size_t length = 0;
    for (size_t i = 0; i < CALL_ID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[length++] = '-';
        text[length++] = hex[call[i] >> 4];
        text[length++] = hex[call[i] & 15];
    }
    text[length] = '\0';
}

bool call_id_parse(const char *text, uint8_t call[CALL_ID_SIZE])
{
    uint8_t id[CALL_ID_SIZE] = {0};
    size_t nibbles = 0;
    for (size_t i = 0; i < 36; i++) {
        char c = text[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (dash ? c != '-' : value < 0)
            return false;
        if (!dash) {
            id[nibbles / 2] = (uint8_t)(id[nibbles / 2] << 4 | value);
            nibbles++;
        }
    }
    if (text[36])
        return false;
    memcpy(call, id, CALL_ID_SIZE);
    return true;
}
