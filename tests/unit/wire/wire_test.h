/* wire_test.h - helpers of the wire tests: bytes from hexadecimal text, and copies of exactly the
 * size asked for, so that AddressSanitizer sees a read one byte past the end.
 * SPDX-License-Identifier: MIT */
#ifndef WIRE_TEST_H
#define WIRE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"

static inline int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Lower-case digits, anything else between the pairs is skipped. Returns the number of bytes. */
static inline size_t hex_bytes(const char *text, uint8_t *out, size_t capacity)
{
    size_t size = 0;
    while (*text) {
        if (hex_digit(*text) < 0) {
            text++;
            continue;
        }
        assert_true(size < capacity && hex_digit(text[1]) >= 0);
        out[size++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
        text += 2;
    }
    return size;
}

/* To be freed by the caller. */
static inline struct xc_span exact_copy(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, bytes, size);
    return xc_span_make(copy, size);
}

static inline void exact_free(struct xc_span copy)
{
    free((void *)(uintptr_t)copy.data);
}

static inline struct xc_span text_span(const char *text)
{
    return xc_span_make(text, strlen(text));
}

#endif
