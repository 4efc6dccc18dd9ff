/* json.h - just enough JSON (RFC 8259) for signals: one flat reader over an object's members, and
 * a string writer. No tree, no heap; nested values of unknown members are skipped to a depth of 16.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_JSON_H
#define XC_WIRE_JSON_H

#include "base/bytes.h"

enum { XC_JSON_NULL = 1, XC_JSON_BOOL, XC_JSON_NUMBER, XC_JSON_STRING, XC_JSON_OTHER };

/* Finds the member `name` of the object that `text` is (the last one where it is repeated) and
 * copies its value: a string unescaped to UTF-8, anything else as written, with a NUL behind it.
 * Returns XC_JSON_*, 0 when absent, -1 when the text is no JSON object (checked to its end, valid
 * UTF-8), -2 when the value does not fit. *size is the value's length without the NUL. */
int xc_json_member(struct xc_span text, const char *name, char *value, size_t capacity,
                   size_t *size);
/* Appends "..." with the escapes that RFC 8259 asks for; text that is no UTF-8 fails the writer. */
void xc_json_write_string(struct xc_writer *w, struct xc_span text);
/* Appends text as it is. */
void xc_json_write_text(struct xc_writer *w, const char *text);
bool xc_utf8_valid(struct xc_span text);

#endif
