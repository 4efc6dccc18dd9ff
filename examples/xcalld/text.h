/* text.h - small texts, once for all of xcalld: base64 (RFC 4648), UUIDs in session.h's form, SHA-256,
 * tokens, names, times of the day, versions, and lines that grow. Pure; any thread.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_TEXT_H
#define XCALLD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_BYTES 32
#define TOKEN_TEXT 43 /* base64url without padding */

#define BASE64_TEXT(bytes) (((bytes) + 2) / 3 * 4 + 1) /* room for a text and its zero */

/* RFC 4648 section 4, with padding. text: BASE64_TEXT(size). Returns its length. */
size_t base64_encode(const void *bytes, size_t size, char *text);
/* Strict: padding and canonical last digit, nothing else between. false: not so, or over capacity. */
bool base64_decode(const char *text, void *bytes, size_t capacity, size_t *size);
/* Section 5, without padding. text: BASE64_TEXT(size). */
size_t base64url_encode(const void *bytes, size_t size, char *text);

void sha256(const void *bytes, size_t size, uint8_t hash[32]);
void hmac_sha256(const uint8_t key[32], const void *bytes, size_t size, uint8_t mac[32]);

/* A sign-in token from 32 random bytes: what the client keeps, and what the store keeps of it: the
 * SHA-256 of its 43 characters. */
void token_make(const uint8_t random[TOKEN_BYTES], char token[TOKEN_TEXT + 1], uint8_t hash[32]);
bool token_hash(const char *token, uint8_t hash[32]); /* false: not of a token's form */

bool name_valid(const char *name); /* of an account: 1 to 30 of a-z 0-9 _ . */
/* No control character; with lines: tab, line feed and carriage return are fine. */
bool text_plain(const char *text, bool lines);

/* "following,contacts" or "nobody" <-> a mask of store.h's ALLOW_*. */
bool allow_parse(const char *text, uint32_t *mask);
void allow_text(uint32_t mask, char *text, size_t size);

/* "07:30" <-> minutes of the day. */
bool time_of_day_parse(const char *text, int32_t *minutes);
void time_of_day_text(int32_t minutes, char text[6]);

/* Numbers between dots, as numbers: 0.10.0 is not below 0.9.1. "" minimum: nothing is below it; a version
 * that does not begin with a number is below any other minimum. */
bool version_below(const char *version, const char *minimum);

/* Appends to a text on the heap (*text NULL at first; *size: its length). false: out of memory, and
 * the text is as before. */
bool text_append(char **text, size_t *size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
