/* text.h - the small words of the text formats of this layer: tokens, numbers, ASCII case, hex.
 * Nothing depends on a locale. Pure functions on bytes.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_TEXT_H
#define XC_WIRE_TEXT_H

#include "base/bytes.h"

static inline bool xc_text_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline uint8_t xc_text_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* 0..15, or -1 when c is no hexadecimal digit. */
static inline int xc_text_hex(uint8_t c)
{
    if (xc_text_is_digit(c))
        return c - '0';
    c = xc_text_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Compared without case (ASCII only). */
bool xc_text_equal(struct xc_span a, const char *text);
/* Takes `prefix` off the front, compared without case; false where it does not stand there. */
bool xc_text_skip(struct xc_span *text, const char *prefix);
/* Where `c` first stands, text.size where it does not. */
size_t xc_text_find(struct xc_span text, char c);
/* The next run of bytes up to `separator`, taken off the front together with the separators around
 * it. Empty at the end. */
struct xc_span xc_text_token(struct xc_span *text, char separator);
/* Takes spaces, tabs, CR and LF off both ends. */
struct xc_span xc_text_trim(struct xc_span text);
/* Digits only, all of them, at most `most`; false otherwise. */
bool xc_text_number(struct xc_span text, uint64_t most, uint64_t *number);
/* Copies with a NUL behind; false, with nothing written, when it does not fit. */
bool xc_text_copy(char *to, size_t capacity, struct xc_span text);

void xc_text_write(struct xc_writer *w, const char *text);
void xc_text_write_number(struct xc_writer *w, uint64_t number);

#endif
