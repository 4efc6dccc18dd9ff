/* options.c - the command line of xcall-phone: its own options, and those of xcall-peer for sound,
 * pictures and files, which examples/peer/options.c parses.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "phone.h"

#define AT(member) offsetof(struct phone_options, member)

static const char *take_answer(void *into, const char *value)
{
    struct phone_options *options = into;
    options->answer = value;
    return strcmp(value, "yes") && strcmp(value, "no") ? "it is yes or no" : NULL;
}

static const struct option_row own[] = {
    {"--url", OPTION_TEXT, AT(url), 0, 0, "URL", "of the service: wss://HOST:PORT/xcall", NULL},
    {"--ca-file", OPTION_TEXT, AT(ca_file), 0, 0, "FILE",
     "trust these authorities (PEM) instead of the system's", NULL},
    {"--state", OPTION_TEXT, AT(state_file), 0, 0, "FILE",
     "keep token and keys here: signed in again at the next start", NULL},
    {"--token-file", OPTION_TEXT, AT(token_file), 0, 0, "FILE",
     "sign in by the token in this file (the line of xcalld admin token will do); without --state "
     "the device's key is kept in FILE.state",
     NULL},
    {"--answer", OPTION_OWN, 0, 0, 0, "yes|no", "accept calls by itself (default no)", take_answer},
    {"--json", OPTION_FLAG, AT(json), 0, 0, "", "say everything as JSON objects, one a line", NULL},
    {"--relay-only", OPTION_FLAG, AT(relay_only), 0, 0, "",
     "relay every call, whatever the service says", NULL},
    {"--waiting", OPTION_FLAG, AT(waiting), 0, 0, "", "calls may ring while another goes on", NULL},
    {"--help", OPTION_HELP, 0, 0, 0, "", "this text", NULL},
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
    options_print(own, sizeof own / sizeof *own);
    printf("\nas of xcall-peer (its --help says more; a later call writes its files over those of "
           "one before):\n ");
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        printf(" %s", shared[i]);
    printf("\n\nFrom a pipe each line waits until the one before is answered; \"wait active\" and "
           "so on wait for more.\nexit: 0 everything was done; 1 something was refused or failed; "
           "2 bad use.\n");
}

int phone_options_parse(struct phone_options *options, int argc, char **argv)
{
    memset(options, 0, sizeof *options);
    struct option_table tables[] = {{own, sizeof own / sizeof *own, options, NULL, 0},
                                    options_table(&options->media)};
    tables[1].only = shared;
    tables[1].only_count = sizeof shared / sizeof *shared;
    int parsed = options_read("xcall-phone", tables, 2, argc, argv);
    if (parsed == OPTIONS_HELP)
        print_help();
    if (parsed != OPTIONS_RUN)
        return parsed;
    if (!options->url) {
        fprintf(stderr, "xcall-phone: --url is needed: where the service is\n");
        return OPTIONS_BAD;
    }
    return options_check(&options->media, "xcall-phone") ? OPTIONS_BAD : OPTIONS_RUN;
}
