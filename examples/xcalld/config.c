/* config.c - the config file: `key = value` lines, # for remarks; and the table of its keys. Lists may be given
 * by several lines or with commas.
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define LINE_MAX_BYTES 2048

enum kind { TEXT, NUMBER, WORD, ENDPOINT, LIST };
struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    long long min, max;
    const char *words; /* of a WORD: a|b|c */
    const char *otherwise, *meaning;
};

#define AT(member) offsetof(struct options, member)

static const struct key keys[] = {
    {"listen", ENDPOINT, AT(listen), 0, 0, NULL, "127.0.0.1:8443",
     "address and port that clients connect to"},
    {"store", TEXT, AT(store), 0, 0, NULL, "xcalld.db",
     "the SQLite file; made where it is not there"},
    {"tls", WORD, AT(tls), 0, 0, "auto|on|off", "auto",
     "auto: on with a certificate; without one, plain WebSocket on loopback addresses only. off: "
     "plain on "
     "any address, for a proxy in front"},
    {"tls_cert", TEXT, AT(tls_cert), 0, 0, NULL, "",
     "certificate chain, PEM; read again at SIGHUP"},
    {"tls_key", TEXT, AT(tls_key), 0, 0, NULL, "", "its private key, PEM"},
    {"trust_proxy", LIST, AT(trust_proxy), 0, 0, NULL, "",
     "CIDR blocks of proxies whose X-Forwarded-For is believed"},
    {"origin", LIST, AT(origin), 0, 0, NULL, "",
     "further web origins, as https://example.org, whose pages may connect"},
    {"page", WORD, AT(page), 0, 0, "off|on", "on", "the built-in web page at /"},
    {"health", ENDPOINT, AT(health), 0, 0, NULL, "",
     "address and port of /healthz, /readyz and /metrics; empty: none"},
    {"turn", LIST, AT(turn), 0, 0, NULL, "", "URLs of relays, as turn:turn.example.org:3478"},
    {"turn_secret_file", TEXT, AT(turn_secret_file), 0, 0, NULL, "",
     "file with coturn's static-auth-secret in its first line"},
    {"connections_max", NUMBER, AT(connections_max), 1, 1000000, NULL, "12000",
     "WebSockets at a time, signed in or not"},
    {"handshakes_max", NUMBER, AT(handshakes_max), 1, 1000000, NULL, "4096",
     "sockets at a time that are no WebSocket yet"},
    {"handshakes_per_address", NUMBER, AT(handshakes_per_address), 1, 1000000, NULL, "512",
     "of those, from one /24 (IPv6: /48); proxies that are trusted are not counted so"},
    {"handshake_seconds", NUMBER, AT(handshake_seconds), 1, 60, NULL, "5",
     "for TLS, and again for the HTTP request"},
    {"ping_seconds", NUMBER, AT(ping_seconds), 1, 250, NULL, "25",
     "between pings; a connection is dead after two without an answer"},
    {"socket_frames", NUMBER, AT(socket_frames), 4, 4096, NULL, "64",
     "frames that wait for a slow reader before it is closed with 4008"},
    {"socket_bytes", NUMBER, AT(socket_bytes), 32768, 16777216, NULL, "262144",
     "the same in bytes"},
    {"queue_inputs", NUMBER, AT(queue_inputs), 64, 1000000, NULL, "16384",
     "frames that wait for the service before sockets are not read"},
    {"queue_input_bytes", NUMBER, AT(queue_input_bytes), 65536, 1073741824, NULL, "16777216",
     "the same in bytes"},
    {"queue_outputs", NUMBER, AT(queue_outputs), 64, 1000000, NULL, "65536",
     "frames that wait for the sockets' thread before the service waits"},
    {"hash_threads", NUMBER, AT(hash_threads), 1, 64, NULL, "1", "threads that hash passwords"},
    {"hash_queue", NUMBER, AT(hash_queue), 1, 65536, NULL, "256", "passwords that wait for them"},
    {"hash_memory_mib", NUMBER, AT(hash_memory_mib), 1, 4096, NULL, "64",
     "argon2id's memory for a new hash; sodium's interactive value"},
    {"hash_passes", NUMBER, AT(hash_passes), 1, 64, NULL, "2", "argon2id's passes for a new hash"},
    {"push_command", TEXT, AT(push_command), 0, 0, NULL, "",
     "run by /bin/sh for each push with a JSON object on its standard input"},
    {"push_url", TEXT, AT(push_url), 0, 0, NULL, "",
     "gets each push as a POST of that JSON object"},
    {"push_threads", NUMBER, AT(push_threads), 1, 64, NULL, "4", "pushes at a time"},
    {"push_queue", NUMBER, AT(push_queue), 1, 65536, NULL, "1024",
     "pushes that wait; further ones are dropped and counted"},
    {"push_seconds", NUMBER, AT(push_seconds), 1, 60, NULL, "10", "a push may take so long"},
    {"log", TEXT, AT(log), 0, 0, NULL, "stderr", "stderr or a file; opened again at SIGHUP"},
    {"log_level", WORD, AT(log_level), 0, 0, "error|warning|info|debug", "info",
     "names of accounts appear at debug only; addresses, tokens, keys and texts never"},
    {"log_lines_per_second", NUMBER, AT(log_lines_per_second), 1, 100000, NULL, "500",
     "more are dropped and counted, errors excepted"},
    {"drain_seconds", NUMBER, AT(drain_seconds), 0, 3600, NULL, "20",
     "after SIGTERM, for devices to leave"},
};
#define KEYS (sizeof keys / sizeof *keys)

static int bad(const struct origin_of_value *origin, const char *key, const char *format,
               const char *detail)
{
    if (origin->file) {
        fprintf(stderr, "xcalld: %s:%u: %s: ", origin->file, origin->line, key);
    } else { /* an option --tls-cert is the key tls_cert */
        fputs("xcalld: --", stderr);
        for (const char *c = key; *c; c++)
            fputc(*c == '_' ? '-' : *c, stderr);
        fputs(": ", stderr);
    }
    fprintf(stderr, format, detail); /* NOLINT: a literal of this file */
    fputc('\n', stderr);
    return -1;
}

static int set_text(char **to, const char *value)
{
    char *copy = NULL;
    if (*value && !(copy = strdup(value)))
        return -1;
    free(*to);
    *to = copy;
    return 0;
}

static int set_number(const struct origin_of_value *origin, const struct key *key,
                      const char *value, int64_t *to)
{
    char *end = NULL, wanted[64];
    errno = 0;
    long long number = isdigit((unsigned char)*value) ? strtoll(value, &end, 10) : 0;
    if (!end || *end || errno || number < key->min || number > key->max) {
        snprintf(wanted, sizeof wanted, "%lld to %lld", key->min, key->max);
        return bad(origin, key->name, "it wants a whole number from %s", wanted);
    }
    *to = number;
    return 0;
}

static int set_word(const struct origin_of_value *origin, const struct key *key, const char *value,
                    int64_t *to)
{
    int64_t place = 0;
    size_t length = strlen(value);
    for (const char *word = key->words; word; place++) {
        const char *bar = strchr(word, '|');
        size_t size = bar ? (size_t)(bar - word) : strlen(word);
        if (size == length && memcmp(word, value, size) == 0) {
            *to = place;
            return 0;
        }
        word = bar ? bar + 1 : NULL;
    }
    return bad(origin, key->name, "it wants one of %s", key->words);
}

static int set_endpoint(const struct origin_of_value *origin, const struct key *key,
                        const char *value, struct endpoint *to)
{
    if (!*value && !*key->otherwise) {
        memset(to, 0, sizeof *to);
        return 0;
    }
    if (!endpoint_parse(value, to))
        return bad(origin, key->name, "\"%s\" is no ADDRESS:PORT, as 127.0.0.1:8443 or [::1]:8443",
                   value);
    return 0;
}

static int list_add(const struct origin_of_value *origin, const struct key *key, const char *item,
                    struct options *options)
{
    struct text_list *list = (struct text_list *)((char *)options + key->offset);
    unsigned most = list == &options->turn ? TURN_URLS_MAX : LIST_MAX;
    if (list->count == most)
        return bad(origin, key->name, "too many; \"%s\" has no room", item);
    if (list == &options->trust_proxy && !cidr_parse(item, &options->proxies[list->count]))
        return bad(origin, key->name, "\"%s\" is no CIDR block, as 10.0.0.0/8", item);
    if (list == &options->turn && strncmp(item, "turn:", 5) != 0 && strncmp(item, "turns:", 6) != 0)
        return bad(origin, key->name, "\"%s\" is no relay, as turn:turn.example.org:3478", item);
    if (list == &options->origin && strncmp(item, "http://", 7) != 0 &&
        strncmp(item, "https://", 8) != 0)
        return bad(origin, key->name, "\"%s\" is no origin, as https://example.org", item);
    if (set_text(&list->texts[list->count], item))
        return bad(origin, key->name, "%s", "no memory");
    list->count++;
    return 0;
}

static int set_list(const struct origin_of_value *origin, const struct key *key, const char *value,
                    struct options *options)
{
    char item[LINE_MAX_BYTES];
    while (*value) {
        size_t length = strcspn(value, ",");
        size_t from = strspn(value, " \t"), to = length;
        while (to > from && isspace((unsigned char)value[to - 1]))
            to--;
        if (to > from && to - from < sizeof item) {
            memcpy(item, value + from, to - from);
            item[to - from] = '\0';
            if (list_add(origin, key, item, options))
                return -1;
        }
        value += length + (value[length] == ',');
    }
    return 0;
}

static int set(struct options *options, const struct origin_of_value *origin, const struct key *key,
               const char *value)
{
    void *to = (char *)options + key->offset;
    switch (key->kind) {
    case NUMBER:
        return set_number(origin, key, value, to);
    case WORD:
        return set_word(origin, key, value, to);
    case ENDPOINT:
        return set_endpoint(origin, key, value, to);
    case LIST:
        return set_list(origin, key, value, options);
    default:
        return set_text(to, value) ? bad(origin, key->name, "%s", "no memory") : 0;
    }
}

int config_set(struct options *options, const struct origin_of_value *origin, const char *name,
               const char *value)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0)
            return set(options, origin, &keys[i], value);
    return bad(origin, name, "%s", "there is no such key (xcalld --help lists them)");
}

int config_defaults(struct options *options)
{
    static const struct origin_of_value nowhere = {.file = "defaults"};
    memset(options, 0, sizeof *options);
    for (size_t i = 0; i < KEYS; i++)
        if (set(options, &nowhere, &keys[i], keys[i].otherwise))
            return -1;
    return 0;
}

static char *trimmed(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int take_line(struct options *options, const struct origin_of_value *origin, char *line)
{
    char *text = trimmed(line);
    if (!*text || *text == '#')
        return 0;
    char *equals = strchr(text, '=');
    if (!equals) {
        fprintf(stderr, "xcalld: %s:%u: a line is \"key = value\"\n", origin->file, origin->line);
        return -1;
    }
    *equals = '\0';
    char *value = trimmed(equals + 1);
    for (char *hash = value; (hash = strchr(hash, '#')); hash++)
        if (hash == value || isspace((unsigned char)hash[-1])) {
            *hash = '\0';
            break;
        }
    return config_set(options, origin, trimmed(text), trimmed(value));
}

int config_read(struct options *options, const char *name)
{
    struct origin_of_value origin = {.file = name};
    char line[LINE_MAX_BYTES];
    FILE *file = fopen(name, "r");
    int code = file ? 0 : -1;
    if (!file)
        fprintf(stderr, "xcalld: %s: %s\n", name, strerror(errno));
    while (code == 0 && fgets(line, sizeof line, file)) {
        origin.line++;
        if (!strchr(line, '\n') && !feof(file)) {
            fprintf(stderr, "xcalld: %s:%u: a line has up to %d bytes\n", name, origin.line,
                    LINE_MAX_BYTES - 2);
            code = -1;
        } else {
            code = take_line(options, &origin, line);
        }
    }
    if (file && ferror(file) && code == 0) {
        fprintf(stderr, "xcalld: %s: %s\n", name, strerror(errno));
        code = -1;
    }
    if (file)
        fclose(file);
    return code;
}

void config_print_keys(void)
{
    for (size_t i = 0; i < KEYS; i++)
        printf("  %-22s %-15s %s\n", keys[i].name, *keys[i].otherwise ? keys[i].otherwise : "-",
               keys[i].meaning);
}
