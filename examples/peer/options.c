/* options.c - the command line of xcall-peer: its table, and what no single option can see.
 *
 * SPDX-License-Identifier: MIT */
#include "options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <xcall/xcall.h>

#define AT(member) offsetof(struct peer_options, member)

static const struct option_row table[] = {
    {"--offer", OPTION_FLAG, AT(offer), 0, 0, "", "call: write an offer, read an answer", NULL},
    {"--answer", OPTION_FLAG, AT(answer), 0, 0, "", "be called: read an offer, write an answer",
     NULL},
    {"--audio-in", OPTION_TEXT, AT(audio_in), 0, 0, "FILE.wav|tone[:HZ]|speech|silence",
     "what to say (default tone); a file is looped", NULL},
    {"--audio-out", OPTION_TEXT, AT(audio_out), 0, 0, "FILE.wav", "what was heard", NULL},
    {"--video-in", OPTION_TEXT, AT(video_in), 0, 0, "FILE.y4m|pattern",
     "what to show (default pattern); a file is looped", NULL},
    {"--video-out", OPTION_TEXT, AT(video_out), 0, 0, "FILE.y4m", "what was seen", NULL},
    {"--no-video", OPTION_FLAG, AT(no_video), 0, 0, "", "audio only", NULL},
    {"--video-later", OPTION_FLAG, AT(video_later), 0, 0, "",
     "no video at first; either side may add it in mid-call", NULL},
    {"--screen", OPTION_TEXT, AT(screen), 0, 0, "FILE.y4m|pattern",
     "a second video beside the first", NULL},
    {"--codec", OPTION_NAME, AT(codec), 0, 0, "any|vp8|vp9",
     "the video codec to send where possible", NULL},
    {"--temporal-layers", OPTION_NUMBER, AT(temporal_layers), 1, 3, "N", "of VP8 that is sent",
     NULL},
    {"--no-trickle", OPTION_FLAG, AT(no_trickle), 0, 0, "", "candidates inside offer and answer",
     NULL},
    {"--size", OPTION_SIZE, AT(width), 16, 4096, "WxH",
     "picture size (default the file's, 640x360)", NULL},
    {"--fps", OPTION_NUMBER, AT(frame_rate), 1, 60, "N",
     "pictures a second (default the file's, 30)", NULL},
    {"--audio-bitrate", OPTION_NUMBER, AT(audio_bitrate_kbps), 6, 510, "KBPS",
     "kb/s (default 32; 64 with --stereo)", NULL},
    {"--video-bitrate", OPTION_NUMBER, AT(video_bitrate_kbps), 30, 20000, "KBPS",
     "kb/s (default 1000)", NULL},
    {"--dtx", OPTION_FLAG, AT(dtx), 0, 0, "", "send next to nothing in silence", NULL},
    {"--red", OPTION_FLAG, AT(red), 0, 0, "",
     "send each audio frame twice where the peer takes that", NULL},
    {"--stereo", OPTION_FLAG, AT(stereo), 0, 0, "",
     "two channels; the right one of a tone is half as high again", NULL},
    {"--data", OPTION_FLAG, AT(data), 0, 0, "",
     "data channels; --offer opens one with the label data", NULL},
    {"--bind", OPTION_TEXT, AT(bind), 0, 0, "ADDRESS", "use this address only (default all)", NULL},
    {"--loopback", OPTION_FLAG, AT(loopback), 0, 0, "",
     "use loopback addresses; on by itself with --bind of one", NULL},
    {"--ice-server", OPTION_TEXT, AT(ice_server), 0, 0, "URL", "a STUN server, stun:ADDRESS[:PORT]",
     NULL},
    {"--ice-server-file", OPTION_TEXT, AT(ice_server_file), 0, 0, "FILE",
     "STUN and TURN servers, JSON as W3C has them", NULL},
    {"--relay-only", OPTION_FLAG, AT(relay_only), 0, 0, "",
     "talk to TURN servers only, or not at all", NULL},
    {"--seconds", OPTION_SECONDS, AT(seconds), 0, 0, "N", "hang up after N seconds connected",
     NULL},
    {"--stats", OPTION_TEXT, AT(stats), 0, 0, "FILE", "closing statistics, JSON", NULL},
    {"--stats-series", OPTION_TEXT, AT(stats_series), 0, 0, "FILE",
     "statistics every 200 ms, JSON lines", NULL},
    {"--trace", OPTION_TEXT, AT(trace), 0, 0, "FILE", "frame traces for a trace viewer", NULL},
    {"--traces-raw", OPTION_TEXT, AT(traces_raw), 0, 0, "FILE", "frame traces, JSON array", NULL},
    {"--record", OPTION_TEXT, AT(record), 0, 0, "FILE.webm", "Opus and VP8 as received", NULL},
    {"--pictures", OPTION_TEXT, AT(pictures), 0, 0, "DIRECTORY", "a few received pictures, PNG",
     NULL},
    {"--seen", OPTION_TEXT, AT(seen), 0, 0, "FILE",
     "a JSON line for each picture: size and the number in it", NULL},
    {"--progress", OPTION_FLAG, AT(progress), 0, 0, "", "progress on stderr", NULL},
    {"--log", OPTION_NAME, AT(log_level), 0, 0, "none|error|warning|info|debug",
     "the library's log on stderr (default error)", NULL},
    {"--help", OPTION_HELP, 0, 0, 0, "", "this text", NULL},
};

static void print_help(void)
{
    printf("xcall-peer %s - a headless end of a call. Signals are JSON objects, one a line, on "
           "stdin and stdout.\n\nusage: xcall-peer --offer|--answer [options]\n\n",
           xcall_version());
    options_print(table, sizeof table / sizeof *table);
    printf(
        "\nexit: 0 media flowed in every direction asked for; 1 not connected, or media stopped; "
        "2 bad use.\nlibraries: %s\n",
        xcall_dependency_versions());
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* What no single option can see. */
int options_check(struct peer_options *options, const char *program)
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

struct option_table options_table(struct peer_options *options)
{
    memset(options, 0, sizeof *options);
    options->log_level = XCALL_LOG_ERROR;
    return (struct option_table){table, sizeof table / sizeof *table, options, NULL, 0};
}

int options_parse(struct peer_options *options, int argc, char **argv)
{
    struct option_table mine = options_table(options);
    int parsed = options_read("xcall-peer", &mine, 1, argc, argv);
    if (parsed == OPTIONS_HELP)
        print_help();
    if (parsed != OPTIONS_RUN)
        return parsed;
    if (options->offer == options->answer) {
        fprintf(stderr, "xcall-peer: give one of --offer and --answer (--help tells more)\n");
        return OPTIONS_BAD;
    }
    return options_check(options, "xcall-peer") ? OPTIONS_BAD : OPTIONS_RUN;
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
