/* json.c - a strict reader of one JSON object (RFC 8259) that looks for one member, and a writer of
 * strings. The text is walked once, to its end, without recursion; nothing is kept but a position.
 * SPDX-License-Identifier: MIT */
#include "wire/json.h"

#include "wire/text.h"

#define DEPTH_MAX 16

/* A position in the text; `failed` once it is no JSON. */
struct scanner {
    struct xc_span text;
    size_t at;
    bool failed;
};

/* The byte at the position, 0 at the end (a NUL in the text is no JSON either). */
static uint8_t look(const struct scanner *s)
{
    return s->at < s->text.size ? s->text.data[s->at] : 0;
}

static void skip_blanks(struct scanner *s)
{
    for (;;) {
        uint8_t c = look(s);
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
        s->at++;
    }
}

static void expect(struct scanner *s, uint8_t c)
{
    if (look(s) != c)
        s->failed = true;
    else
        s->at++;
}

static uint32_t scan_hex4(struct scanner *s)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = xc_text_hex(look(s));
        if (digit < 0) {
            s->failed = true;
            return 0;
        }
        value = value << 4 | (uint32_t)digit;
        s->at++;
    }
    return value;
}

/* Behind "\u": one code point, out of two escapes where it is a surrogate pair. A lone surrogate
 * has no UTF-8 and is refused. */
static uint32_t scan_code_point(struct scanner *s)
{
    uint32_t high = scan_hex4(s);
    if (high < 0xd800 || high > 0xdfff)
        return high;
    expect(s, '\\');
    expect(s, 'u');
    uint32_t low = s->failed ? 0 : scan_hex4(s);
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        s->failed = true;
    return 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
}

static size_t encode_utf8(uint8_t out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* One character of a string as UTF-8 bytes; 0 at the closing quote (taken) or when failed. */
static size_t scan_character(struct scanner *s, uint8_t out[4])
{
    static const char escapes[] = "\"\\/bfnrt";
    static const uint8_t meanings[] = "\"\\/\b\f\n\r\t";
    uint8_t c = look(s);
    if (s->failed || c < 0x20) {
        s->failed = true;
        return 0;
    }
    s->at++;
    if (c == '"')
        return 0;
    if (c != '\\') {
        out[0] = c; /* the text's UTF-8 is checked as a whole */
        return 1;
    }
    c = look(s);
    s->at++;
    if (c == 'u') {
        size_t size = encode_utf8(out, scan_code_point(s));
        return s->failed ? 0 : size;
    }
    for (size_t i = 0; i + 1 < sizeof escapes; i++) {
        if (c == (uint8_t)escapes[i]) {
            out[0] = meanings[i];
            return 1;
        }
    }
    s->failed = true;
    return 0;
}

/* A string, from its opening quote. True when it is `name` (which may be NULL). */
static bool scan_string(struct scanner *s, const char *name)
{
    uint8_t bytes[4];
    size_t left = name ? strlen(name) : 0;
    bool same = name != NULL;
    expect(s, '"');
    for (size_t n; (n = scan_character(s, bytes)) != 0;) {
        same = same && n <= left && memcmp(name, bytes, n) == 0;
        if (same) {
            name += n;
            left -= n;
        }
    }
    return same && left == 0 && !s->failed;
}

static void scan_digits(struct scanner *s)
{
    if (!xc_text_is_digit(look(s)))
        s->failed = true;
    while (xc_text_is_digit(look(s)))
        s->at++;
}

static void scan_number(struct scanner *s)
{
    if (look(s) == '-')
        s->at++;
    if (look(s) == '0')
        s->at++;
    else
        scan_digits(s);
    if (look(s) == '.') {
        s->at++;
        scan_digits(s);
    }
    if (look(s) == 'e' || look(s) == 'E') {
        s->at++;
        if (look(s) == '+' || look(s) == '-')
            s->at++;
        scan_digits(s);
    }
}

static void scan_word(struct scanner *s, const char *word)
{
    for (; *word; word++)
        expect(s, (uint8_t)*word);
}

/* A value that is no object and no array. Returns its kind. */
static int scan_scalar(struct scanner *s)
{
    switch (look(s)) {
    case '"':
        scan_string(s, NULL);
        return XC_JSON_STRING;
    case 't':
        scan_word(s, "true");
        return XC_JSON_BOOL;
    case 'f':
        scan_word(s, "false");
        return XC_JSON_BOOL;
    case 'n':
        scan_word(s, "null");
        return XC_JSON_NULL;
    default:
        scan_number(s);
        return XC_JSON_NUMBER;
    }
}

/* An object's next name and its colon, so that a value stands next. */
static void scan_name(struct scanner *s)
{
    skip_blanks(s);
    scan_string(s, NULL);
    skip_blanks(s);
    expect(s, ':');
}

/* An object or array, without recursion: closers[] holds what each open level ends with. */
static void scan_nested(struct scanner *s)
{
    uint8_t closers[DEPTH_MAX];
    size_t depth = 0;
    do {
        skip_blanks(s);
        uint8_t c = look(s);
        if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX) {
                s->failed = true;
                return;
            }
            closers[depth++] = c == '{' ? '}' : ']';
            s->at++;
            skip_blanks(s);
            if (look(s) != closers[depth - 1]) {
                if (c == '{')
                    scan_name(s);
                continue;
            }
        } else {
            scan_scalar(s);
            skip_blanks(s);
        }
        while (depth && !s->failed && look(s) == closers[depth - 1]) {
            s->at++;
            depth--;
            if (depth)
                skip_blanks(s);
        }
        if (depth) {
            expect(s, ',');
            if (closers[depth - 1] == '}')
                scan_name(s);
        }
    } while (depth && !s->failed);
}

static int scan_value(struct scanner *s)
{
    skip_blanks(s);
    if (look(s) != '{' && look(s) != '[')
        return scan_scalar(s);
    scan_nested(s);
    return XC_JSON_OTHER;
}

/* Walks the whole object; *kind and *value are those of the last member called `name`. False when
 * the text is no JSON object. */
static bool find_member(struct xc_span text, const char *name, int *kind, struct xc_span *value)
{
    struct scanner s = {.text = text};
    *kind = 0;
    skip_blanks(&s);
    expect(&s, '{');
    skip_blanks(&s);
    bool more = look(&s) != '}';
    while (more && !s.failed) {
        skip_blanks(&s);
        bool wanted = scan_string(&s, name);
        skip_blanks(&s);
        expect(&s, ':');
        skip_blanks(&s);
        size_t start = s.at;
        int found = s.failed ? 0 : scan_value(&s);
        if (wanted && !s.failed) {
            *kind = found;
            *value = xc_span_make(text.data + start, s.at - start);
        }
        skip_blanks(&s);
        more = look(&s) == ',';
        if (more)
            s.at++;
    }
    if (!s.failed)
        expect(&s, '}');
    skip_blanks(&s);
    return !s.failed && s.at == text.size;
}

int xc_json_member(struct xc_span text, const char *name, char *value, size_t capacity,
                   size_t *size)
{
    int kind;
    struct xc_span raw = {NULL, 0};
    *size = 0;
    if (!xc_utf8_valid(text) || !find_member(text, name, &kind, &raw))
        return -1;
    if (kind == 0)
        return 0;

    struct xc_writer w = xc_writer_make(value, capacity);
    if (kind == XC_JSON_STRING) {
        struct scanner s = {.text = raw, .at = 1};
        uint8_t bytes[4];
        for (size_t n; (n = scan_character(&s, bytes)) != 0 && !w.failed;)
            xc_write_bytes(&w, bytes, n);
    } else {
        xc_write_bytes(&w, raw.data, raw.size);
    }
    *size = w.size;
    xc_write8(&w, 0);
    if (!w.failed)
        return kind;
    *size = 0;
    return -2;
}

void xc_json_write_text(struct xc_writer *w, const char *text)
{
    xc_text_write(w, text);
}

void xc_json_write_string(struct xc_writer *w, struct xc_span text)
{
    static const char digits[] = "0123456789abcdef";
    if (!xc_utf8_valid(text))
        w->failed = true;
    xc_write8(w, '"');
    for (size_t i = 0; i < text.size && !w->failed; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\') {
            xc_write8(w, '\\');
            xc_write8(w, c);
        } else if (c == '\n') {
            xc_text_write(w, "\\n");
        } else if (c == '\r') {
            xc_text_write(w, "\\r");
        } else if (c < 0x20) {
            xc_text_write(w, "\\u00");
            xc_write8(w, (uint8_t)digits[c >> 4]);
            xc_write8(w, (uint8_t)digits[c & 15]);
        } else {
            xc_write8(w, c);
        }
    }
    xc_write8(w, '"');
}

/* How many bytes the character at p takes, 0 when it is malformed (RFC 3629 section 4). */
static size_t utf8_size(const uint8_t *p, size_t left)
{
    uint8_t c = p[0];
    size_t size = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;
    if (size == 4 && (c < 0xf0 || c > 0xf4))
        return 0;
    if (size > left)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (c == 0xe0 && p[1] < 0xa0) || (c == 0xf0 && p[1] < 0x90);
    bool surrogate = c == 0xed && p[1] > 0x9f;
    bool too_high = c == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : size;
}

bool xc_utf8_valid(struct xc_span text)
{
    for (size_t at = 0; at < text.size;) {
        size_t size = utf8_size(text.data + at, text.size - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}
