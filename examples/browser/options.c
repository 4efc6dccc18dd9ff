/* options.c - the command line of browser-call.
 *
 * SPDX-License-Identifier: MIT */
#include "options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcall/engine.h>

#include "studio.h"

static bool parse_port(const char *text, unsigned long *number)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return false;
    *number = strtoul(text, &end, 10);
    return !*end && *number <= UINT16_MAX;
}

static const char *take_listen(void *into, const char *value)
{
    struct options *options = into;
    const char *wanted = "it wants ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080";
    const char *colon = strrchr(value, ':');
    unsigned long port = 0;
    unsigned char bytes[16];
    if (!colon || !parse_port(colon + 1, &port))
        return wanted;
    size_t length = (size_t)(colon - value);
    options->ipv6 = length > 2 && value[0] == '[' && colon[-1] == ']';
    if (options->ipv6) {
        value++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof options->address)
        return wanted;
    memcpy(options->address, value, length);
    options->address[length] = '\0';
    if (strcmp(options->address, "localhost") == 0)
        strcpy(options->address, "127.0.0.1");
    if (inet_pton(options->ipv6 ? AF_INET6 : AF_INET, options->address, bytes) != 1)
        return wanted;
    options->any = strcmp(options->address, options->ipv6 ? "::" : "0.0.0.0") == 0;
    options->port = (uint16_t)port;
    return NULL;
}

static const char *take_name(void *into, const char *value)
{
    struct options *options = into;
    if (options->names_count == NAMES_MAX)
        return "there are 8 already";
    options->names[options->names_count++] = value;
    return NULL;
}

#define AT(member) offsetof(struct options, member)

static const struct option_row table[] = {
    {"--listen", OPTION_OWN, 0, 0, 0, "ADDRESS:PORT",
     "where the page is (127.0.0.1:8080); [::1]:8080 for IPv6, port 0 for any", take_listen},
    {"--calls", OPTION_NUMBER, AT(calls), 1, STUDIO_CALLS_MAX, "N", "calls at a time, 1 to 64 (8)",
     NULL},
    {"--loopback", OPTION_FLAG, AT(loopback), 0, 0, "",
     "the calls may use loopback addresses; on by itself when ADDRESS is one", NULL},
    {"--bind", OPTION_TEXT, AT(bind), 0, 0, "ADDRESS",
     "the calls use this address only (those of all interfaces)", NULL},
    {"--name", OPTION_OWN, 0, 0, 0, "HOST",
     "the page may also be opened under this host name; up to 8 times. Addresses and \"localhost\" "
     "always work",
     take_name},
    {"--audio-in", OPTION_TEXT, AT(audio_in), 0, 0, "speech|tone[:HZ]|silence|FILE.wav",
     "what the native end says (default speech, generated)", NULL},
    {"--log", OPTION_NAME, AT(log_level), 0, 0, "none|error|warning|info|debug",
     "of the library, on stderr (default error)", NULL},
    {"--help", OPTION_HELP, 0, 0, 0, "", "this text", NULL},
};

static void print_help(void)
{
    fputs("usage: browser-call [option ...]\n\n"
          "Serves a page and is the native end of every call that is made from it.\n\n",
          stdout);
    options_print(table, sizeof table / sizeof *table);
    fputs("\nCtrl-C ends all calls and the program. Exit code: 0, 1 when something failed, 2 for "
          "bad use.\n",
          stdout);
}

int options_parse(struct options *options, int argc, char **argv)
{
    const struct option_table mine = {table, sizeof table / sizeof *table, options, NULL, 0};
    memset(options, 0, sizeof *options);
    strcpy(options->address, "127.0.0.1");
    options->port = 8080;
    options->calls = 8;
    options->audio_in = "speech";
    options->log_level = XCALL_LOG_ERROR;
    int parsed = options_read("browser-call", &mine, 1, argc, argv);
    if (parsed == OPTIONS_HELP)
        print_help();
    if (strncmp(options->address, "127.", 4) == 0 || strcmp(options->address, "::1") == 0)
        options->loopback = true; /* the page can only be opened on this machine */
    return parsed;
}
