/* bodies.c - see bodies.h. A description is read here by the letter: whatever a lenient reader could
 * take for another fingerprint or password (a lone carriage return, other letter case, blanks) makes
 * the whole of it unfit, because what is signed must be what the engine sees.
 * SPDX-License-Identifier: MIT */
#include "client/bodies.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define FINGERPRINTS_MAX 16
#define FINGERPRINT_SIZE 256
#define CREDENTIAL_SIZE 257 /* RFC 8839 section 5.4: up to 256 characters */

struct facts {
    char fingerprints[FINGERPRINTS_MAX][FINGERPRINT_SIZE];
    uint32_t count;
    char ufrag[CREDENTIAL_SIZE], pwd[CREDENTIAL_SIZE];
};

struct line {
    const char *text;
    size_t size; /* without its end */
};

/* --- the description's lines ------------------------------------------------------------------- */

static bool next_line(const char **at, struct line *line)
{
    if (!**at)
        return false;
    const char *end = strchr(*at, '\n');
    line->text = *at;
    line->size = end ? (size_t)(end - *at) : strlen(*at);
    *at = end ? end + 1 : line->text + line->size;
    if (line->size && line->text[line->size - 1] == '\r')
        line->size--;
    return true;
}

static bool begins(const struct line *line, const char *with)
{
    size_t size = strlen(with);
    return line->size >= size && !memcmp(line->text, with, size);
}

static bool has_word(const struct line *line, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= line->size; i++)
        if (!strncasecmp(line->text + i, word, size))
            return true;
    return false;
}

/* The value of this attribute: 1; another line: 0; something that looks like it and is not: -1. */
static int value_of(const struct line *line, const char *attribute, const char *word,
                    struct line *value)
{
    if (!begins(line, attribute))
        return has_word(line, word) ? -1 : 0;
    size_t size = strlen(attribute);
    *value = (struct line){line->text + size, line->size - size};
    return has_word(value, word) ? -1 : 1;
}

/* --- fingerprints ------------------------------------------------------------------------------ */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_hex(char c)
{
    c = to_upper(c);
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* RFC 8122 section 5: hash-func SP 2UHEX *(":" 2UHEX); either letter case comes in. */
static bool read_fingerprint(const struct line *value, char out[FINGERPRINT_SIZE])
{
    size_t i = 0;
    if (value->size >= FINGERPRINT_SIZE)
        return false;
    while (i < value->size && (is_alnum(value->text[i]) || value->text[i] == '-')) {
        out[i] = to_lower(value->text[i]);
        i++;
    }
    if (!i || i == value->size || value->text[i] != ' ')
        return false;
    out[i++] = ' ';
    for (;;) {
        if (i + 2 > value->size || !is_hex(value->text[i]) || !is_hex(value->text[i + 1]))
            return false;
        out[i] = to_upper(value->text[i]);
        out[i + 1] = to_upper(value->text[i + 1]);
        i += 2;
        if (i == value->size)
            break;
        if (value->text[i] != ':')
            return false;
        out[i++] = ':';
    }
    out[i] = '\0';
    return true;
}

/* In ASCII order, each once. */
static bool keep_fingerprint(struct facts *facts, const char *fingerprint)
{
    uint32_t at = 0;
    while (at < facts->count && strcmp(facts->fingerprints[at], fingerprint) < 0)
        at++;
    if (at < facts->count && !strcmp(facts->fingerprints[at], fingerprint))
        return true;
    if (facts->count == FINGERPRINTS_MAX)
        return false;
    memmove(facts->fingerprints[at + 1], facts->fingerprints[at],
            (facts->count - at) * sizeof facts->fingerprints[0]);
    memcpy(facts->fingerprints[at], fingerprint, strlen(fingerprint) + 1);
    facts->count++;
    return true;
}

/* ice-char, RFC 8839 section 5.4; the same in every section. */
static bool keep_credential(char kept[CREDENTIAL_SIZE], const struct line *value)
{
    if (!value->size || value->size >= CREDENTIAL_SIZE)
        return false;
    for (size_t i = 0; i < value->size; i++)
        if (!is_alnum(value->text[i]) && value->text[i] != '+' && value->text[i] != '/' &&
            value->text[i] != '-' && value->text[i] != '_')
            return false;
    if (kept[0])
        return strlen(kept) == value->size && !memcmp(kept, value->text, value->size);
    memcpy(kept, value->text, value->size);
    kept[value->size] = '\0';
    return true;
}

static bool take_line(struct facts *facts, const struct line *line)
{
    struct line value;
    char fingerprint[FINGERPRINT_SIZE];
    if (memchr(line->text, '\r', line->size))
        return false;
    int found = value_of(line, "a=fingerprint:", "fingerprint", &value);
    if (found)
        return found > 0 && read_fingerprint(&value, fingerprint) &&
               keep_fingerprint(facts, fingerprint);
    found = value_of(line, "a=ice-ufrag:", "ice-ufrag", &value);
    if (found)
        return found > 0 && keep_credential(facts->ufrag, &value);
    found = value_of(line, "a=ice-pwd:", "ice-pwd", &value);
    return !found || (found > 0 && keep_credential(facts->pwd, &value));
}

static bool read_facts(const char *sdp, struct facts *facts)
{
    struct line line;
    memset(facts, 0, sizeof *facts);
    while (next_line(&sdp, &line))
        if (!take_line(facts, &line))
            return false;
    return facts->count && facts->ufrag[0] && facts->pwd[0];
}

/* --- the lines that are signed ----------------------------------------------------------------- */

struct text {
    char *at;
    size_t size, capacity;
};

static void put(struct text *text, const char *what)
{
    size_t size = strlen(what);
    if (text->size + size >= text->capacity) {
        text->size = text->capacity; /* too long: seen at the end */
        return;
    }
    memcpy(text->at + text->size, what, size + 1);
    text->size += size;
}

static void put_line(struct text *text, const char *what)
{
    put(text, what);
    put(text, "\n");
}

static void put_number(struct text *text, uint32_t number)
{
    char digits[12];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    for (; number; number /= 10)
        *--at = (char)('0' + number % 10);
    put_line(text, at);
}

size_t xc_body_lines(const struct xc_body_claim *claim, char lines[XC_BODY_LINES_MAX])
{
    struct facts facts;
    struct text text = {.at = lines, .capacity = XC_BODY_LINES_MAX};
    if (!read_facts(claim->sdp, &facts) || strchr(claim->from, '\n') || strchr(claim->to, '\n'))
        return 0;
    put_line(&text, "xcall-1 body");
    put_line(&text, claim->call);
    put_line(&text, claim->type);
    put_line(&text, claim->from);
    put_line(&text, claim->to);
    for (uint32_t i = 0; i < facts.count; i++) {
        put(&text, i ? "," : "");
        put(&text, facts.fingerprints[i]);
    }
    put_line(&text, "");
    put_line(&text, facts.ufrag);
    put_line(&text, facts.pwd);
    if (claim->seq)
        put_number(&text, claim->seq);
    return text.size < text.capacity ? text.size : 0;
}

/* --- base64 of keys and signatures -------------------------------------------------------------- */

/* Exactly this many bytes in their one spelling. */
static bool read_base64(const char *text, uint8_t *out, size_t size)
{
    uint8_t bytes[66];
    char again[XC_SIGNATURE_TEXT];
    size_t length = (size + 2) / 3 * 4;
    if (!text || strlen(text) != length || length >= sizeof again ||
        EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)length) < (int)size)
        return false;
    EVP_EncodeBlock((uint8_t *)again, bytes, (int)size);
    if (memcmp(again, text, length))
        return false;
    memcpy(out, bytes, size);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(again, sizeof again);
    return true;
}

void xc_key_write(const uint8_t key[32], char text[XC_KEY_TEXT])
{
    EVP_EncodeBlock((uint8_t *)text, key, 32);
}

bool xc_key_read(const char *text, uint8_t key[32])
{
    return read_base64(text, key, 32);
}

/* --- signatures ------------------------------------------------------------------------------- */

bool xc_key_public(const uint8_t seed[32], uint8_t key[32])
{
    size_t size = 32;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    bool done = pair && EVP_PKEY_get_raw_public_key(pair, key, &size) == 1 && size == 32;
    EVP_PKEY_free(pair);
    return done;
}

bool xc_body_sign(const struct xc_body_claim *claim, const uint8_t seed[32],
                  char signature[XC_SIGNATURE_TEXT])
{
    char lines[XC_BODY_LINES_MAX];
    uint8_t bytes[64];
    size_t made = sizeof bytes, size = xc_body_lines(claim, lines);
    if (!size)
        return false;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = pair && context && EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1 &&
                EVP_DigestSign(context, bytes, &made, (const uint8_t *)lines, size) == 1 &&
                made == sizeof bytes;
    if (done)
        EVP_EncodeBlock((uint8_t *)signature, bytes, (int)made);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    return done;
}

bool xc_body_verify(const struct xc_body_claim *claim, const uint8_t key[32], const char *signature)
{
    char lines[XC_BODY_LINES_MAX];
    uint8_t bytes[64];
    size_t size = xc_body_lines(claim, lines);
    if (!size || !read_base64(signature, bytes, sizeof bytes))
        return false;
    EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = public && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
                EVP_DigestVerify(context, bytes, sizeof bytes, (const uint8_t *)lines, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public);
    return good;
}

/* --- the safety number ------------------------------------------------------------------------- */

#define SAFETY_ROUNDS 5200
#define SAFETY_DIGITS 30

static bool safety_digits(const char *name, const uint8_t key[32], char digits[SAFETY_DIGITS])
{
    uint8_t hash[64 + 32], start[2 + 32 + 256] = {0};
    size_t size = strlen(name);
    if (size > 256)
        return false;
    memcpy(start + 2, key, 32);
    memcpy(start + 34, name, size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const uint8_t *from = start;
    size_t from_size = 34 + size;
    bool good = context != NULL;
    for (int i = 0; good && i < SAFETY_ROUNDS; i++) {
        unsigned made = 0;
        good = EVP_DigestInit_ex(context, EVP_sha512(), NULL) == 1 &&
               EVP_DigestUpdate(context, from, from_size) == 1 &&
               EVP_DigestUpdate(context, key, 32) == 1 &&
               EVP_DigestFinal_ex(context, hash, &made) == 1 && made == 64;
        from = hash;
        from_size = 64;
    }
    EVP_MD_CTX_free(context);
    for (int group = 0; good && group < 6; group++) {
        uint64_t number = 0;
        for (int i = 0; i < 5; i++)
            number = number << 8 | hash[group * 5 + i];
        number %= 100000;
        for (int i = 4; i >= 0; i--, number /= 10)
            digits[group * 5 + i] = (char)('0' + number % 10);
    }
    return good;
}

bool xc_safety_number(const char *name_a, const uint8_t key_a[32], const char *name_b,
                      const uint8_t key_b[32], char number[XC_SAFETY_SIZE])
{
    char sides[2][SAFETY_DIGITS], all[2 * SAFETY_DIGITS];
    if (!safety_digits(name_a, key_a, sides[0]) || !safety_digits(name_b, key_b, sides[1]))
        return false;
    int first = memcmp(sides[0], sides[1], SAFETY_DIGITS) <= 0 ? 0 : 1;
    memcpy(all, sides[first], SAFETY_DIGITS);
    memcpy(all + SAFETY_DIGITS, sides[!first], SAFETY_DIGITS);
    char *out = number;
    for (int i = 0; i < 2 * SAFETY_DIGITS; i++) {
        if (i && i % 5 == 0)
            *out++ = ' ';
        *out++ = all[i];
    }
    *out = '\0';
    return true;
}

/* --- what may travel --------------------------------------------------------------------------- */

/* "IN IP4 192.0.2.1" at the end of an o=, c= or a=rtcp line becomes "IN IP4 0.0.0.0". */
static size_t blank_address(const struct line *line, char *out)
{
    static const char *const families[2][2] = {{"IN IP4 ", "0.0.0.0"}, {"IN IP6 ", "::"}};
    for (size_t i = 0; i + 7 <= line->size; i++) {
        for (int family = 0; family < 2; family++) {
            if (strncasecmp(line->text + i, families[family][0], 7))
                continue;
            size_t size = strlen(families[family][1]);
            memcpy(out, line->text, i + 7);
            memcpy(out + i + 7, families[family][1], size);
            return i + 7 + size;
        }
    }
    memcpy(out, line->text, line->size);
    return line->size;
}

static char *filter(const char *sdp, bool addresses)
{
    size_t lines = 1;
    for (const char *c = sdp; *c; c++)
        lines += *c == '\n';
    char *copy = malloc(strlen(sdp) + lines * 10 + 1), *out = copy;
    struct line line;
    while (copy && next_line(&sdp, &line)) {
        bool candidate = line.size >= 12 && !strncasecmp(line.text, "a=candidate:", 12);
        if (candidate && addresses) {
            char value[1024] = "";
            memcpy(value, line.text, line.size < sizeof value ? line.size : 0);
            if (!xc_candidate_is_relay(value + 2))
                continue;
        } else if (candidate || (!addresses && begins(&line, "a=end-of-candidates"))) {
            continue;
        }
        bool blank =
            !addresses && (begins(&line, "o=") || begins(&line, "c=") || begins(&line, "a=rtcp:"));
        size_t size = line.size;
        if (blank)
            size = blank_address(&line, out);
        else
            memcpy(out, line.text, size);
        memcpy(out + size, "\r\n", 2);
        out += size + 2;
    }
    if (copy)
        *out = '\0';
    return copy;
}

char *xc_sdp_without_addresses(const char *sdp)
{
    return filter(sdp, false);
}

char *xc_sdp_relay_only(const char *sdp)
{
    return filter(sdp, true);
}

/* RFC 8839 section 5.1: foundation component transport priority address port "typ" type ... */
static const char *word(const char *text, int number, size_t *size)
{
    for (;; number--) {
        while (*text == ' ')
            text++;
        *size = strcspn(text, " ");
        if (!number)
            return text;
        text += *size;
    }
}

bool xc_candidate_is_relay(const char *candidate)
{
    size_t typ_size, size;
    const char *typ = word(candidate, 6, &typ_size), *type = word(candidate, 7, &size);
    return typ_size == 3 && !strncasecmp(typ, "typ", 3) && size == 5 &&
           !strncasecmp(type, "relay", 5);
}

char *xc_candidate_hide(const char *candidate)
{
    size_t length = strlen(candidate), size;
    char *copy = malloc(2 * length + 32); /* " raddr 1" grows by six bytes each time */
    if (!copy || !xc_candidate_is_relay(candidate))
        return copy ? memcpy(copy, candidate, length + 1) : NULL;
    size_t out = 0;
    const char *hidden = NULL;
    for (int i = 0;; i++) {
        const char *next = word(candidate, i, &size);
        if (!size)
            break;
        const char *value = hidden ? hidden : next;
        size_t value_size = hidden ? strlen(hidden) : size;
        if (value_size > size + 7)
            break;
        if (i)
            copy[out++] = ' ';
        memcpy(copy + out, value, value_size);
        out += value_size;
        hidden = NULL;
        if (i >= 8 && size == 5 && !strncasecmp(next, "raddr", 5))
            hidden = "0.0.0.0";
        else if (i >= 8 && size == 5 && !strncasecmp(next, "rport", 5))
            hidden = "0";
    }
    copy[out] = '\0';
    return copy;
}

/* --- ids of calls ------------------------------------------------------------------------------ */

void xc_uuid_write(const uint8_t uuid[16], char text[37])
{
    static const char digits[] = "0123456789abcdef";
    char *out = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[uuid[i] >> 4];
        *out++ = digits[uuid[i] & 15];
    }
    *out = '\0';
}

bool xc_uuid_read(const char *text, uint8_t uuid[16])
{
    char again[37];
    if (!text || strlen(text) != 36)
        return false;
    for (int i = 0, at = 0; i < 16; i++) {
        int value = 0;
        if (text[at] == '-')
            at++;
        for (int k = 0; k < 2; k++, at++) {
            char c = text[at];
            if (!is_hex(c))
                return false;
            value = value * 16 + (c <= '9' ? c - '0' : to_lower(c) - 'a' + 10);
        }
        uuid[i] = (uint8_t)value;
    }
    xc_uuid_write(uuid, again);
    return !strcmp(again, text);
}
