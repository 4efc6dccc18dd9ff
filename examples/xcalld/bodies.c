/* bodies.c - checks of bodies and candidates: members and sizes, the device's key, and that no address leaves
 * where none may (RFC 8866 for lines of SDP, RFC 8839 section 5.1 for candidates, RFC 8828 section 5.2 for
 * what a relayed candidate hides). Pure; any thread.
 * SPDX-License-Identifier: MIT */
#include "bodies.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "text.h"

/* --- addresses in SDP ---------------------------------------------------------------------------- */

struct span {
    const char *at;
    size_t size;
};

static bool span_is(struct span span, const char *text)
{
    return span.size == strlen(text) && strncasecmp(span.at, text, span.size) == 0;
}

static bool span_begins(struct span span, const char *text)
{
    size_t size = strlen(text);
    return span.size >= size && strncasecmp(span.at, text, size) == 0;
}

/* The next word between blanks; size 0: none left. */
static struct span next_word(struct span *rest)
{
    while (rest->size && (*rest->at == ' ' || *rest->at == '\t')) {
        rest->at++;
        rest->size--;
    }
    struct span word = {rest->at, 0};
    while (rest->size && *rest->at != ' ' && *rest->at != '\t') {
        rest->at++;
        rest->size--;
        word.size++;
    }
    return word;
}

static bool is_nowhere(struct span address)
{
    return span_is(address, "0.0.0.0") || span_is(address, "::");
}

/* "IN IP4 0.0.0.0" after `skip` words, and nothing behind it. may_lack: all three may be absent. */
static bool hides(struct span value, unsigned skip, bool may_lack)
{
    while (skip-- > 0)
        (void)next_word(&value);
    struct span net = next_word(&value);
    if (!net.size)
        return may_lack;
    (void)next_word(&value);
    struct span address = next_word(&value);
    return is_nowhere(address) && next_word(&value).size == 0;
}

static bool attribute_hides(struct span value)
{
    static const char *const refused[] = {"candidate", "remote-candidates", "source-filter"};
    struct span name = {value.at, 0};
    while (name.size < value.size && name.at[name.size] != ':' && name.at[name.size] != ' ')
        name.size++;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (span_is(name, refused[i]))
            return false;
    }
    if (!span_is(name, "rtcp"))
        return true;
    size_t skip = name.size < value.size ? name.size + 1 : name.size;
    return hides((struct span){value.at + skip, value.size - skip}, 1, true);
}

static bool line_hides(struct span line)
{
    while (line.size && (*line.at == ' ' || *line.at == '\t')) {
        line.at++;
        line.size--;
    }
    if (line.size < 2 || line.at[1] != '=')
        return line.size == 0; /* no line of SDP: who knows how others read it */
    char type = line.at[0];
    struct span value = {line.at + 2, line.size - 2};
    while (value.size && (*value.at == ' ' || *value.at == '\t')) {
        value.at++;
        value.size--;
    }
    if (type == 'o' || type == 'O')
        return hides(value, 3, false);
    if (type == 'c' || type == 'C')
        return hides(value, 0, false);
    return (type != 'a' && type != 'A') || attribute_hides(value);
}

bool sdp_hides_addresses(const char *sdp)
{
    while (*sdp) {
        size_t size = strcspn(sdp, "\r\n");
        if (!line_hides((struct span){sdp, size}))
            return false;
        sdp += size;
        sdp += strspn(sdp, "\r\n");
    }
    return true;
}

/* --- candidates ---------------------------------------------------------------------------------- */

static bool is_number(struct span word, size_t digits_max, uint32_t max)
{
    uint64_t value = 0;
    if (!word.size || word.size > digits_max)
        return false;
    for (size_t i = 0; i < word.size; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(word.at[i] - '0');
    }
    return value <= max;
}

static bool is_ice_text(struct span word, size_t max)
{
    if (!word.size || word.size > max)
        return false;
    for (size_t i = 0; i < word.size; i++) {
        char c = word.at[i];
        bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '+' || c == '/' || c == '-';
        if (!fine)
            return false;
    }
    return true;
}

/* An address, or (mDNS, RFC 8828's companion) a host name. */
static bool is_address(struct span word, bool names)
{
    char text[254];
    uint8_t bytes[16];
    if (!word.size || word.size >= sizeof text)
        return false;
    memcpy(text, word.at, word.size);
    text[word.size] = 0;
    if (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1)
        return true;
    for (size_t i = 0; i < word.size; i++) {
        char c = text[i];
        bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '.' || c == '-' || c == '_';
        if (!fine)
            return false;
    }
    return names;
}

static bool is_known_extension(struct span name)
{
    static const char *const known[] = {"tcptype", "generation", "ufrag", "network-id",
                                        "network-cost"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (span_is(name, known[i]))
            return true;
    }
    return false;
}

/* raddr, rport and the extensions behind the type, in pairs. */
static bool tail_fits(struct span rest, bool relay)
{
    bool raddr = false, rport = false;
    for (;;) {
        struct span name = next_word(&rest);
        if (!name.size)
            return raddr == rport || !relay;
        struct span value = next_word(&rest);
        if (!value.size)
            return false;
        if (span_is(name, "raddr")) {
            if (raddr || !is_address(value, !relay) || (relay && !is_nowhere(value)))
                return false;
            raddr = true;
        } else if (span_is(name, "rport")) {
            if (rport || !is_number(value, 5, relay ? 0 : 65535))
                return false;
            rport = true;
        } else if (relay && !(is_known_extension(name) && is_ice_text(value, 256))) {
            return false;
        }
    }
}

bool candidate_fits(const char *line, bool relay)
{
    struct span rest = {line, strlen(line)};
    if (!span_begins(rest, "candidate:") || rest.size > BODY_CANDIDATE_MAX)
        return false;
    for (size_t i = 0; i < rest.size; i++) {
        if ((unsigned char)line[i] < 0x20 || (unsigned char)line[i] > 0x7e)
            return false;
    }
    rest.at += 10;
    rest.size -= 10;
    bool fits = *rest.at != ' ' && is_ice_text(next_word(&rest), 32);
    fits = fits && is_number(next_word(&rest), 3, 256);
    struct span transport = next_word(&rest);
    fits = fits && (span_is(transport, "udp") || span_is(transport, "tcp"));
    fits = fits && is_number(next_word(&rest), 10, UINT32_MAX);
    fits = fits && is_address(next_word(&rest), !relay);
    fits = fits && is_number(next_word(&rest), 5, 65535);
    fits = fits && span_is(next_word(&rest), "typ");
    struct span type = next_word(&rest);
    bool known = span_is(type, "host") || span_is(type, "srflx") || span_is(type, "prflx");
    fits = fits && (span_is(type, "relay") || (known && !relay));
    return fits && tail_fits(rest, relay);
}

static bool is_text_member(const json_t *value, size_t max)
{
    return !value || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) <= max);
}

json_t *candidate_take(const json_t *data, bool relay)
{
    const json_t *line = json_object_get(data, "candidate");
    const json_t *mid = json_object_get(data, "sdpMid");
    const json_t *index = json_object_get(data, "sdpMLineIndex");
    const json_t *ufrag = json_object_get(data, "usernameFragment");
    if (!json_is_string(line) || !is_text_member(mid, 64) || !is_text_member(ufrag, 256))
        return NULL;
    if (index && !json_is_null(index) &&
        (!json_is_integer(index) || json_integer_value(index) < 0 ||
         json_integer_value(index) > 65535))
        return NULL;
    const char *text = json_string_value(line);
    if (*text && !candidate_fits(text, relay))
        return NULL;
    json_t *taken = json_pack("{s:s}", "candidate", text);
    static const char *const members[] = {"sdpMid", "sdpMLineIndex", "usernameFragment"};
    for (size_t i = 0; taken && i < 3; i++) {
        json_t *value = json_object_get(data, members[i]);
        if (value && json_object_set(taken, members[i], value) != 0) {
            json_decref(taken);
            taken = NULL;
        }
    }
    return taken;
}

/* --- bodies -------------------------------------------------------------------------------------- */

static bool is_plain(const char *sdp)
{
    for (; *sdp; sdp++) {
        unsigned char c = (unsigned char)*sdp;
        if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Of the sender's later bodies: the receiver looks at it, under the signature. */
static bool seq_fits(const json_t *seq)
{
    return !seq || (json_is_integer(seq) && json_integer_value(seq) >= 1 &&
                    json_integer_value(seq) <= INT32_MAX);
}

static const char *body_wrong(const json_t *body, const struct body_rules *rules)
{
    const char *type = json_string_value(json_object_get(body, "type"));
    const char *sdp = json_string_value(json_object_get(body, "sdp"));
    const char *key = json_string_value(json_object_get(body, "key"));
    const char *sig = json_string_value(json_object_get(body, "sig"));
    uint8_t bytes[64];
    size_t size = 0;
    if (!type || !sdp || !key || !sig)
        return "a body has the texts type, sdp, key and sig";
    bool offer = strcmp(type, "offer") == 0 && (rules->types & BODY_OFFER);
    if (!offer && !(strcmp(type, "answer") == 0 && (rules->types & BODY_ANSWER)))
        return "not the type of body that is wanted here";
    if (!seq_fits(json_object_get(body, "seq")))
        return "seq: not a whole number from 1 on";
    if (!*sdp || strlen(sdp) > BODY_SDP_MAX || !is_plain(sdp))
        return "sdp: empty, too long, or not lines of text";
    if (!base64_decode(sig, bytes, 64, &size) || size != 64)
        return "sig: not 64 bytes in base64";
    if (!base64_decode(key, bytes, 64, &size) || size != 32)
        return "key: not 32 bytes in base64";
    if (!rules->key || memcmp(bytes, rules->key, 32) != 0)
        return "key: not the one that this device has said hello with";
    if (!rules->addresses && !sdp_hides_addresses(sdp))
        return "sdp: a candidate or an address, where none may be";
    return NULL;
}

json_t *body_take(const json_t *body, const struct body_rules *rules, const char **why)
{
    *why = body_wrong(body, rules);
    if (*why)
        return NULL;
    json_t *taken = json_pack("{s:O,s:O,s:O,s:O}", "type", json_object_get(body, "type"), "sdp",
                              json_object_get(body, "sdp"), "key", json_object_get(body, "key"),
                              "sig", json_object_get(body, "sig"));
    json_t *seq = json_object_get(body, "seq");
    if (taken && seq && json_object_set(taken, "seq", seq) != 0) {
        json_decref(taken);
        taken = NULL;
    }
    if (!taken)
        *why = "out of memory";
    return taken;
}
