/* options.c - the command line of xcall-phone: its own options, and those of xcall-peer for sound,
 * pictures and files, which examples/peer/options.c parses.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "phone.h"

struct option {
    const char *name;
    size_t text, flag; /* offsets; one of them */
    const char *value, *help;
};

#define TEXT(member) offsetof(struct phone_options, member), 0
#define FLAG(member) 0, offsetof(struct phone_options, member)

static const struct option own[] = {
    {"--url", TEXT(url), "URL", "of the service: wss://HOST:PORT/xcall"},
    {"--ca-file", TEXT(ca_file), "FILE", "trust these authorities (PEM) instead of the system's"},
    {"--state", TEXT(state_file), "FILE",
     "keep token and keys here: signed in again at the next start"},
    {"--token-file", TEXT(token_file), "FILE",
     "sign in by the token in this file (the line of xcalld admin token will do)"},
    {"--answer", TEXT(answer), "yes|no", "accept calls by itself (default no)"},
    {"--json", FLAG(json), "", "say everything as JSON objects, one a line"},
    {"--relay-only", FLAG(relay_only), "", "relay every call, whatever the service says"},
    {"--waiting", FLAG(waiting), "", "calls may ring while another goes on"},
};

/* Of xcall-peer's table, what fits a phone. */
static const char *const shared[] = {
    "--audio-in", "--audio-out",  "--video-in",      "--video-out", "--no-video",
    "--size",     "--fps",        "--audio-bitrate", "--bind",      "--video-bitrate",
    "--loopback", "--seconds",    "--stats",         "--trace",     "--stats-series",
    "--record",   "--traces-raw", "--pictures",      "--seen",      "--progress",
    "--log",
};

static void print_help(void)
{
    printf("xcall-phone %s - a telephone in a terminal, for the call service (docs/xcalld.md).\n\n"
           "usage: xcall-phone --url URL [options]    then commands, one a line; \"help\" lists "
           "them\n\n",
           xcall_version());
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", own[i].name, own[i].value);
        printf("  %-42s %s\n", left, own[i].help);
    }
    printf("\nas of xcall-peer (its --help says more; a later call writes its files over those of "
           "one before):\n ");
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        printf(" %s", shared[i]);
    printf("\n\nFrom a pipe each line waits until the one before is answered; \"wait active\" and "
           "so on wait for more.\nexit: 0 everything was done; 1 something was refused or failed; "
           "2 bad use.\n");
}

static const struct option *find(const char *argument, size_t length)
{
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i].name) == length && memcmp(own[i].name, argument, length) == 0)
            return &own[i];
    return NULL;
}

static bool is_shared(const char *argument, size_t length)
{
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (strlen(shared[i]) == length && memcmp(shared[i], argument, length) == 0)
            return true;
    return false;
}

static int bad(const char *name, const char *sentence)
{
    fprintf(stderr, "xcall-phone: %s %s\n", name, sentence);
    return OPTIONS_BAD;
}

static int set(struct phone_options *options, const struct option *option, const char *equals,
               const char *value)
{
    if (option->flag && equals)
        return bad(option->name, "takes no value");
    if (option->flag) {
        *(bool *)((char *)options + option->flag) = true;
        return OPTIONS_RUN;
    }
    if (!value || !*value)
        return bad(option->name, "needs a value");
    *(const char **)((char *)options + option->text) = value;
    return OPTIONS_RUN;
}

int phone_options_parse(struct phone_options *options, int argc, char **argv)
{
    char *rest[128];
    int count = 1;
    memset(options, 0, sizeof *options);
    rest[0] = argv[0];
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        size_t length = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        const struct option *option = find(argv[i], length);
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return OPTIONS_HELP;
        }
        if (option) {
            bool next = !equals && !option->flag;
            if (set(options, option, equals, equals ? equals + 1 : next ? argv[i + 1] : NULL))
                return OPTIONS_BAD;
            i += next;
        } else if (is_shared(argv[i], length) && count < 126) {
            rest[count++] = argv[i];
            if (!equals && i + 1 < argc && argv[i + 1][0] != '-')
                rest[count++] = argv[++i];
        } else {
            fprintf(stderr, "xcall-phone: unknown option \"%s\" (--help lists them)\n", argv[i]);
            return OPTIONS_BAD;
        }
    }
    if (!options->url)
        return bad("--url", "is needed: where the service is");
    if (options->answer && strcmp(options->answer, "yes") && strcmp(options->answer, "no"))
        return bad("--answer", "is yes or no");
    return options_parse_media(&options->media, count, rest, "xcall-phone");
}
