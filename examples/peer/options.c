/* options.c - the command line of xcall-peer, driven by one table which is also the help text.
 *
 * SPDX-License-Identifier: MIT */
#include "options.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcall/xcall.h>

enum kind { KIND_FLAG, KIND_TEXT, KIND_NUMBER, KIND_SECONDS, KIND_SIZE, KIND_NAME };

struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    uint32_t min, max;
    const char *value; /* of the help text */
    const char *help;
};

static const char *program = "xcall-peer"; /* stands before each sentence */

#define AT(member) offsetof(struct peer_options, member)

static const struct option table[] = {
    {"--offer", KIND_FLAG, AT(offer), 0, 0, "", "call: write an offer, read an answer"},
    {"--answer", KIND_FLAG, AT(answer), 0, 0, "", "be called: read an offer, write an answer"},
    {"--audio-in", KIND_TEXT, AT(audio_in), 0, 0, "FILE.wav|tone[:HZ]|speech|silence",
     "what to say (default tone); a file is looped"},
    {"--audio-out", KIND_TEXT, AT(audio_out), 0, 0, "FILE.wav", "what was heard"},
    {"--video-in", KIND_TEXT, AT(video_in), 0, 0, "FILE.y4m|pattern",
     "what to show (default pattern); a file is looped"},
    {"--video-out", KIND_TEXT, AT(video_out), 0, 0, "FILE.y4m", "what was seen"},
    {"--no-video", KIND_FLAG, AT(no_video), 0, 0, "", "audio only"},
    {"--video-later", KIND_FLAG, AT(video_later), 0, 0, "",
     "no video at first; either side may add it in mid-call"},
    {"--screen", KIND_TEXT, AT(screen), 0, 0, "FILE.y4m|pattern",
     "a second video beside the first"},
    {"--codec", KIND_NAME, AT(codec), 0, 0, "any|vp8|vp9",
     "the video codec to send where possible"},
    {"--temporal-layers", KIND_NUMBER, AT(temporal_layers), 1, 3, "N", "of VP8 that is sent"},
    {"--no-trickle", KIND_FLAG, AT(no_trickle), 0, 0, "", "candidates inside offer and answer"},
    {"--size", KIND_SIZE, AT(width), 16, 4096, "WxH", "picture size (default the file's, 640x360)"},
    {"--fps", KIND_NUMBER, AT(frame_rate), 1, 60, "N",
     "pictures a second (default the file's, 30)"},
    {"--audio-bitrate", KIND_NUMBER, AT(audio_bitrate_kbps), 6, 510, "KBPS",
     "kb/s (default 32; 64 with --stereo)"},
    {"--video-bitrate", KIND_NUMBER, AT(video_bitrate_kbps), 30, 20000, "KBPS",
     "kb/s (default 1000)"},
    {"--dtx", KIND_FLAG, AT(dtx), 0, 0, "", "send next to nothing in silence"},
    {"--red", KIND_FLAG, AT(red), 0, 0, "",
     "send each audio frame twice where the peer takes that"},
    {"--stereo", KIND_FLAG, AT(stereo), 0, 0, "",
     "two channels; the right one of a tone is half as high again"},
    {"--data", KIND_FLAG, AT(data), 0, 0, "",
     "data channels; --offer opens one with the label data"},
    {"--bind", KIND_TEXT, AT(bind), 0, 0, "ADDRESS", "use this address only (default all)"},
    {"--loopback", KIND_FLAG, AT(loopback), 0, 0, "",
     "use loopback addresses; on by itself with --bind of one"},
    {"--ice-server", KIND_TEXT, AT(ice_server), 0, 0, "URL", "a STUN server, stun:ADDRESS[:PORT]"},
    {"--ice-server-file", KIND_TEXT, AT(ice_server_file), 0, 0, "FILE",
     "STUN and TURN servers, JSON as W3C has them"},
    {"--relay-only", KIND_FLAG, AT(relay_only), 0, 0, "",
     "talk to TURN servers only, or not at all"},
    {"--seconds", KIND_SECONDS, AT(seconds), 0, 0, "N", "hang up after N seconds connected"},
    {"--stats", KIND_TEXT, AT(stats), 0, 0, "FILE", "closing statistics, JSON"},
    {"--stats-series", KIND_TEXT, AT(stats_series), 0, 0, "FILE",
     "statistics every 200 ms, JSON lines"},
    {"--trace", KIND_TEXT, AT(trace), 0, 0, "FILE", "frame traces for a trace viewer"},
    {"--traces-raw", KIND_TEXT, AT(traces_raw), 0, 0, "FILE", "frame traces, JSON array"},
    {"--record", KIND_TEXT, AT(record), 0, 0, "FILE.webm", "Opus and VP8 as received"},
    {"--pictures", KIND_TEXT, AT(pictures), 0, 0, "DIRECTORY", "a few received pictures, PNG"},
    {"--seen", KIND_TEXT, AT(seen), 0, 0, "FILE",
     "a JSON line for each picture: size and the number in it"},
    {"--progress", KIND_FLAG, AT(progress), 0, 0, "", "progress on stderr"},
    {"--log", KIND_NAME, AT(log_level), 0, 0, "none|error|warning|info|debug",
     "the library's log on stderr (default error)"},
    {"--help", KIND_FLAG, AT(help), 0, 0, "", "this text"},
};

static void print_help(void)
{
    printf("xcall-peer %s - a headless end of a call. Signals are JSON objects, one a line, on "
           "stdin and stdout.\n\nusage: xcall-peer --offer|--answer [options]\n\n",
           xcall_version());
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", table[i].name, table[i].value);
        printf("  %-42s %s\n", left, table[i].help);
    }
    printf(
        "\nexit: 0 media flowed in every direction asked for; 1 not connected, or media stopped; "
        "2 bad use.\nlibraries: %s\n",
        xcall_dependency_versions());
}

static int parse_number(const char *text, double *value)
{
    char *end = NULL;
    if (*text == '\0' || strspn(text, "0123456789.") != strlen(text))
        return -1;
    *value = strtod(text, &end);
    return *end == '\0' ? 0 : -1;
}

static int set_number(const struct option *option, void *to, const char *text)
{
    double value = 0;
    if (parse_number(text, &value) || value != (double)(uint64_t)value || value < option->min ||
        value > option->max) {
        fprintf(stderr, "%s: %s: \"%s\" is not a whole number from %u to %u\n", program,
                option->name, text, option->min, option->max);
        return -1;
    }
    *(uint32_t *)to = (uint32_t)value;
    return 0;
}

static int set_size(struct peer_options *options, const struct option *option, const char *text)
{
    unsigned width = 0, height = 0;
    char tail = 0;
    if (sscanf(text, "%ux%u%c", &width, &height, &tail) != 2 || width < option->min ||
        width > option->max || height < option->min || height > option->max) {
        fprintf(stderr, "%s: %s: \"%s\" is not WIDTHxHEIGHT with sides from %u to %u\n", program,
                option->name, text, option->min, option->max);
        return -1;
    }
    options->width = width;
    options->height = height;
    return 0;
}

/* The place of the word among those of the option's value. */
static int set_name(const struct option *option, void *to, const char *text)
{
    uint32_t index = 0;
    for (const char *name = option->value; *name; index++) {
        size_t length = strcspn(name, "|");
        if (strlen(text) == length && memcmp(text, name, length) == 0) {
            *(uint32_t *)to = index;
            return 0;
        }
        name += length + (name[length] == '|');
    }
    fprintf(stderr, "%s: %s: \"%s\" is not one of %s\n", program, option->name, text,
            option->value);
    return -1;
}

static int set_option(struct peer_options *options, const struct option *option, const char *text)
{
    void *to = (char *)options + option->offset;
    switch (option->kind) {
    case KIND_FLAG:
        *(bool *)to = true;
        return 0;
    case KIND_TEXT:
        if (*text == '\0') {
            fprintf(stderr, "%s: %s: the value is empty\n", program, option->name);
            return -1;
        }
        *(const char **)to = text;
        return 0;
    case KIND_NUMBER:
        return set_number(option, to, text);
    case KIND_SECONDS:
        if (parse_number(text, to) || *(double *)to <= 0 || *(double *)to > 1e6) {
            fprintf(stderr, "%s: %s: \"%s\" is not a number of seconds above 0\n", program,
                    option->name, text);
            return -1;
        }
        return 0;
    case KIND_SIZE:
        return set_size(options, option, text);
    case KIND_NAME:
        return set_name(option, to, text);
    }
    return -1;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* What no single option can see. */
static int check_together(struct peer_options *options)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (options->no_video &&
        (options->video_in || options->video_out || options->width || options->frame_rate ||
         options->video_bitrate_kbps || options->pictures || options->seen || options->screen ||
         options->codec || options->temporal_layers || options->video_later)) {
        fprintf(stderr, "%s: --no-video goes with no other video option\n", program);
        return -1;
    }
    if (options->bind && inet_pton(AF_INET, options->bind, address) != 1 &&
        inet_pton(AF_INET6, options->bind, address) != 1) {
        fprintf(stderr, "%s: --bind: \"%s\" is not an IPv4 or IPv6 address\n", program,
                options->bind);
        return -1;
    }
    if (options->bind && is_loopback(options->bind))
        options->loopback = true;
    return 0;
}

static const struct option *find_option(const char *argument, size_t length)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, argument, length) == 0)
            return &table[i];
    return NULL;
}

static int parse_arguments(struct peer_options *options, int argc, char **argv)
{
    memset(options, 0, sizeof *options);
    options->log_level = XCALL_LOG_ERROR;
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        size_t length = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        const struct option *option = find_option(argv[i], length);
        const char *value = equals ? equals + 1 : NULL;
        if (!option) {
            fprintf(stderr, "%s: unknown option \"%s\" (--help lists them)\n", program, argv[i]);
            return OPTIONS_BAD;
        }
        if (option->kind == KIND_FLAG && value) {
            fprintf(stderr, "%s: %s takes no value\n", program, option->name);
            return OPTIONS_BAD;
        }
        if (option->kind != KIND_FLAG && !value && ++i == argc) {
            fprintf(stderr, "%s: %s needs a value: %s\n", program, option->name, option->value);
            return OPTIONS_BAD;
        }
        if (set_option(options, option, value || option->kind == KIND_FLAG ? value : argv[i]))
            return OPTIONS_BAD;
    }
    return OPTIONS_RUN;
}

int options_parse(struct peer_options *options, int argc, char **argv)
{
    if (parse_arguments(options, argc, argv))
        return OPTIONS_BAD;
    if (options->help) {
        print_help();
        return OPTIONS_HELP;
    }
    if (options->offer == options->answer) {
        fprintf(stderr, "%s: give one of --offer and --answer (--help tells more)\n", program);
        return OPTIONS_BAD;
    }
    return check_together(options) ? OPTIONS_BAD : OPTIONS_RUN;
}

int options_parse_media(struct peer_options *options, int argc, char **argv, const char *name)
{
    program = name;
    if (parse_arguments(options, argc, argv))
        return OPTIONS_BAD;
    return check_together(options) ? OPTIONS_BAD : OPTIONS_RUN;
}

bool options_ask_video_send(const struct peer_options *options)
{
    return options->video_in || options->width || options->frame_rate ||
           options->video_bitrate_kbps;
}

bool options_ask_video_receive(const struct peer_options *options)
{
    return options->video_out || options->pictures;
}
