/* options.c - the command line of xcalld, and what must fit together before it starts.
 * SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls.h"

static const char help[] =
    "usage: xcalld [--listen ADDRESS:PORT] [option ...]\n"
    "       xcalld admin COMMAND ... --store FILE   (xcalld admin --help lists them)\n"
    "\n"
    "Accounts, messages, who may call whom, and ringing on all devices: docs/xcalld.md.\n"
    "\n"
    "  --listen ADDRESS:PORT      where clients connect (127.0.0.1:8443)\n"
    "  --config FILE              further keys, below; the command line goes before the file\n"
    "  --check-config             says whether options, config and the files they name are good\n"
    "  --store FILE               the SQLite file (xcalld.db)\n"
    "  --tls-cert FILE            certificate chain, PEM; without one only loopback addresses are\n"
    "  --tls-key FILE             served, by plain WebSocket\n"
    "  --turn URL                 a relay for calls; up to 4 times\n"
    "  --turn-secret-file FILE    with coturn's static-auth-secret in its first line\n"
    "  --trust-proxy CIDR         believe X-Forwarded-For of these; up to 16 times\n"
    "  --help, --version\n"
    "\n"
    "Exit code: 0, 1 when something failed, 2 for bad use.\n"
    "\n"
    "Keys of the config file, their defaults and meaning:\n";

#define GIVEN_MAX 64
struct given { /* on the command line, to be set after the file was read */
    unsigned count;
    const char *keys[GIVEN_MAX], *values[GIVEN_MAX];
};

static int take(struct given *given, const char *key, const char *value)
{
    if (given->count == GIVEN_MAX) {
        fprintf(stderr, "xcalld: too many options\n");
        return -1;
    }
    given->keys[given->count] = key;
    given->values[given->count++] = value;
    return 0;
}

static const struct option known[] = {
    {"listen", required_argument, NULL, 'l'},
    {"config", required_argument, NULL, 'c'},
    {"check-config", no_argument, NULL, 'k'},
    {"store", required_argument, NULL, 's'},
    {"tls-cert", required_argument, NULL, 'e'},
    {"tls-key", required_argument, NULL, 'y'},
    {"turn", required_argument, NULL, 't'},
    {"turn-secret-file", required_argument, NULL, 'f'},
    {"trust-proxy", required_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static const char *key_of(int letter)
{
    switch (letter) {
    case 'l':
        return "listen";
    case 's':
        return "store";
    case 'e':
        return "tls_cert";
    case 'y':
        return "tls_key";
    case 't':
        return "turn";
    case 'f':
        return "turn_secret_file";
    case 'p':
        return "trust_proxy";
    default:
        return NULL;
    }
}

static void warn_readable(const char *file)
{
    struct stat status;
    if (stat(file, &status) == 0 && (status.st_mode & (S_IROTH | S_IWOTH)))
        fprintf(stderr, "xcalld: %s: warning: everybody on this machine can read this secret\n",
                file);
}

static int read_secret(struct options *options)
{
    char line[SECRET_MAX + 3] = "";
    const char *name = options->turn_secret_file;
    FILE *file = fopen(name, "r");
    if (!file) {
        fprintf(stderr, "xcalld: %s: %s\n", name, strerror(errno));
        return -1;
    }
    bool got = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    size_t length = strcspn(line, "\r\n");
    line[length] = '\0';
    if (!got || length == 0 || length > SECRET_MAX) {
        fprintf(stderr, "xcalld: %s:1: the secret has 1 to %d bytes in the first line\n", name,
                SECRET_MAX);
        return -1;
    }
    memcpy(options->turn_secret, line, length + 1);
    sodium_memzero(line, sizeof line);
    warn_readable(name);
    return 0;
}

static int refuse(const char *sentence)
{
    fprintf(stderr, "xcalld: %s\n", sentence);
    return -1;
}

static int check_tls(struct options *options)
{
    char words[256];
    bool loopback = address_is_loopback(options->listen.address);
    if (!options->tls_cert != !options->tls_key)
        return refuse("a certificate and its key come together (tls_cert, tls_key)");
    if (options->tls == TLS_OFF && options->tls_cert)
        return refuse("tls is off, but there is a certificate");
    if (options->tls == TLS_ON && !options->tls_cert)
        return refuse("tls is on, but there is no certificate (tls_cert, tls_key)");
    if (!options->tls_cert && options->tls != TLS_OFF && !loopback)
        return refuse(
            "without a certificate only loopback addresses are served; behind a proxy that has "
            "one, write \"tls = off\" and \"trust_proxy = CIDR\" in the config file");
    if (!options->tls_cert)
        return 0;
    if (!tls_check(options->tls_cert, options->tls_key, words, sizeof words))
        return refuse(words);
    const char *date = tls_out_of_date(options->tls_cert);
    if (date)
        fprintf(stderr, "xcalld: %s: warning: this certificate %s\n", options->tls_cert, date);
    warn_readable(options->tls_key);
    return 0;
}

/* [::] takes IPv4 too (net.ipv6.bindv6only is off on Debian). */
static bool covers(const struct endpoint *one, const struct endpoint *other)
{
    return one->any && (one->ipv6 || !other->ipv6);
}

/* libwebsockets would serve both on the one socket, or fail at the second. */
static bool same_endpoint(const struct endpoint *one, const struct endpoint *other)
{
    return one->text[0] && other->text[0] && one->port && one->port == other->port &&
           (covers(one, other) || covers(other, one) ||
            memcmp(one->address, other->address, sizeof one->address) == 0);
}

static int check(struct options *options)
{
    if (!options->store)
        return refuse("--store: it wants the name of a file");
    if (same_endpoint(&options->listen, &options->health))
        return refuse("health wants an address and port of its own, not that of listen");
    if (check_tls(options))
        return -1;
    if (options->turn.count > 0 && !options->turn_secret_file)
        return refuse("a relay (turn) wants the secret that it shares (turn_secret_file)");
    if (options->turn_secret_file && options->turn.count == 0)
        return refuse("turn_secret_file is there, but no relay (turn)");
    if (options->push_command && options->push_url)
        return refuse("push_command or push_url: one of them");
    if (options->push_url && strncmp(options->push_url, "http://", 7) != 0 &&
        strncmp(options->push_url, "https://", 8) != 0)
        return refuse("push_url wants http:// or https://");
#ifndef XCALLD_CURL
    if (options->push_url)
        return refuse("push_url: this xcalld was built without libcurl; push_command can run curl");
#endif
    return options->turn_secret_file ? read_secret(options) : 0;
}

static int refuse_file(const char *file, const char *why)
{
    fprintf(stderr, "xcalld: %s: %s\n", file, why);
    return -1;
}

/* Could this file be opened for writing, or made? */
static int check_writable(const char *file)
{
    char folder[4096];
    if (access(file, F_OK) == 0)
        return access(file, R_OK | W_OK) == 0 ? 0 : refuse_file(file, strerror(errno));
    const char *slash = strrchr(file, '/');
    int length = !slash ? 0 : slash == file ? 1 : (int)(slash - file);
    if (snprintf(folder, sizeof folder, "%.*s", slash ? length : 1, slash ? file : ".") >=
        (int)sizeof folder)
        return refuse_file(file, "the path is too long");
    return access(folder, W_OK | X_OK) == 0 ? 0 : refuse_file(file, strerror(errno));
}

/* What a start would find out by opening them, without making or changing any: for --check-config. */
static int check_files(const struct options *options)
{
    static const char magic[16] = "SQLite format 3"; /* https://sqlite.org/fileformat.html */
    char head[sizeof magic];
    if (options->log && strcmp(options->log, "stderr") != 0 && check_writable(options->log))
        return -1;
    if (strcmp(options->store, ":memory:") == 0)
        return 0;
    if (check_writable(options->store))
        return -1;
    FILE *file = fopen(options->store, "rb");
    size_t size = file ? fread(head, 1, sizeof head, file) : 0;
    bool failed = file && ferror(file);
    if (file)
        fclose(file);
    if (failed || (size > 0 && (size < sizeof head || memcmp(head, magic, sizeof head) != 0)))
        return refuse_file(options->store, "it is no SQLite file");
    return 0;
}

static int apply(struct options *options, const char *config, const struct given *given)
{
    static const struct origin_of_value command_line = {0};
    if (config_defaults(options) || (config && config_read(options, config)))
        return -1;
    for (unsigned i = 0; i < given->count; i++) { /* lists of the file give way */
        if (strcmp(given->keys[i], "turn") == 0)
            options->turn.count = 0;
        if (strcmp(given->keys[i], "trust_proxy") == 0)
            options->trust_proxy.count = 0;
    }
    for (unsigned i = 0; i < given->count; i++)
        if (config_set(options, &command_line, given->keys[i], given->values[i]))
            return -1;
    return check(options);
}

int options_parse(struct options *options, int argc, char **argv)
{
    struct given given = {0};
    const char *config = NULL;
    bool check_only = false;
    int letter;
    memset(options, 0, sizeof *options);
    opterr = 0;
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            config_print_keys();
            return OPTIONS_DONE;
        }
        if (letter == 'v') {
            puts("xcalld " XCALLD_VERSION);
            return OPTIONS_DONE;
        }
        if (letter == '?') {
            fprintf(stderr,
                    "xcalld: %s: no such option, or without its value (--help lists them)\n",
                    argv[optind - 1]);
            return OPTIONS_BAD;
        }
        if (letter == 'c')
            config = optarg;
        else if (letter == 'k')
            check_only = true;
        else if (take(&given, key_of(letter), optarg))
            return OPTIONS_BAD;
    }
    if (optind < argc) {
        fprintf(stderr, "xcalld: %s: no such argument (--help lists them)\n", argv[optind]);
        return OPTIONS_BAD;
    }
    if (apply(options, config, &given))
        return OPTIONS_BAD;
    if (!check_only)
        return OPTIONS_RUN;
    if (check_files(options))
        return OPTIONS_BAD;
    puts("ok");
    return OPTIONS_DONE;
}

static void list_free(struct text_list *list)
{
    for (unsigned i = 0; i < LIST_MAX; i++)
        free(list->texts[i]);
}

void options_free(struct options *options)
{
    char *texts[] = {
        options->store,        options->tls_cert, options->tls_key, options->turn_secret_file,
        options->push_command, options->push_url, options->log};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    list_free(&options->turn);
    list_free(&options->trust_proxy);
    list_free(&options->origin);
    sodium_memzero(options, sizeof *options);
}
