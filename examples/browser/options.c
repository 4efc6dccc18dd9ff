/* options.c - the command line of browser-call.
 *
 * SPDX-License-Identifier: MIT */
#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcall/engine.h>

#include "studio.h"

static const char help[] =
    "usage: browser-call [option ...]\n"
    "\n"
    "Serves a page and is the native end of every call that is made from it.\n"
    "\n"
    "  --listen ADDRESS:PORT  where the page is (127.0.0.1:8080); [::1]:8080 for IPv6, port 0 for "
    "any\n"
    "  --calls N              calls at a time, 1 to 64 (8)\n"
    "  --loopback             the calls may use loopback addresses; on by itself when ADDRESS is "
    "one\n"
    "  --bind ADDRESS         the calls use this address only (those of all interfaces)\n"
    "  --name HOST            the page may also be opened under this host name; up to 8 times.\n"
    "                         Addresses and \"localhost\" always work\n"
    "  --audio-in WHAT        what the native end says: speech (default, generated), tone[:HZ],\n"
    "                         silence, or FILE.wav\n"
    "  --log LEVEL            of the library, on stderr: none, error (default), warning, info, "
    "debug\n"
    "  --help                 this text\n"
    "\n"
    "Ctrl-C ends all calls and the program. Exit code: 0, 1 when something failed, 2 for bad "
    "use.\n";

static int bad(const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "browser-call: %s \"%s\": %s\n", option, value, wanted);
    return -1;
}

static int parse_number(const char *text, unsigned long most, unsigned long *number)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return -1;
    *number = strtoul(text, &end, 10);
    return *end || *number > most ? -1 : 0;
}

static int parse_listen(struct options *options, const char *value)
{
    const char *wanted = "it wants ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080";
    const char *colon = strrchr(value, ':');
    unsigned long port;
    unsigned char bytes[16];
    if (!colon || parse_number(colon + 1, UINT16_MAX, &port))
        return bad("--listen", value, wanted);
    size_t length = (size_t)(colon - value);
    options->ipv6 = length > 2 && value[0] == '[' && colon[-1] == ']';
    if (options->ipv6) {
        value++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof options->address)
        return bad("--listen", value, wanted);
    memcpy(options->address, value, length);
    options->address[length] = '\0';
    if (strcmp(options->address, "localhost") == 0)
        strcpy(options->address, "127.0.0.1");
    if (inet_pton(options->ipv6 ? AF_INET6 : AF_INET, options->address, bytes) != 1)
        return bad("--listen", value, wanted);
    options->any = strcmp(options->address, options->ipv6 ? "::" : "0.0.0.0") == 0;
    options->port = (uint16_t)port;
    return 0;
}

static int parse_log(struct options *options, const char *value)
{
    static const char *const levels[] = {"none", "error", "warning", "info", "debug"};
    for (uint32_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(value, levels[i]) == 0) {
            options->log_level = i;
            return 0;
        }
    return bad("--log", value, "the levels are none, error, warning, info and debug");
}

static int take_option(struct options *options, int letter, const char *value)
{
    unsigned long number;
    switch (letter) {
    case 'l':
        return parse_listen(options, value);
    case 'c':
        if (parse_number(value, STUDIO_CALLS_MAX, &number) || number == 0)
            return bad("--calls", value, "it wants a whole number from 1 to 64");
        options->calls = (uint32_t)number;
        return 0;
    case 'o':
        options->loopback = true;
        return 0;
    case 'b':
        options->bind = value;
        return 0;
    case 'n':
        if (options->names_count == NAMES_MAX)
            return bad("--name", value, "there are 8 already");
        options->names[options->names_count++] = value;
        return 0;
    case 'a':
        options->audio_in = value;
        return 0;
    case 'g':
        return parse_log(options, value);
    default:
        fprintf(stderr, "browser-call: --help lists the options\n");
        return -1;
    }
}

int options_parse(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
                                          {"calls", required_argument, NULL, 'c'},
                                          {"loopback", no_argument, NULL, 'o'},
                                          {"bind", required_argument, NULL, 'b'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"audio-in", required_argument, NULL, 'a'},
                                          {"log", required_argument, NULL, 'g'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    memset(options, 0, sizeof *options);
    strcpy(options->address, "127.0.0.1");
    options->port = 8080;
    options->calls = 8;
    options->audio_in = "speech";
    options->log_level = XCALL_LOG_ERROR;
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            return OPTIONS_HELP;
        }
        if (take_option(options, letter, optarg))
            return OPTIONS_BAD;
    }
    if (optind < argc) {
        fprintf(stderr, "browser-call: unknown argument \"%s\" (--help lists the options)\n",
                argv[optind]);
        return OPTIONS_BAD;
    }
    if (strncmp(options->address, "127.", 4) == 0 || strcmp(options->address, "::1") == 0)
        options->loopback = true; /* the page can only be opened on this machine */
    return OPTIONS_RUN;
}
