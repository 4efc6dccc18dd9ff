/* options.h - the command line of xcall-peer: one table, one struct.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_OPTIONS_H
#define PEER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/options.h"

struct peer_options {
    bool offer, answer;
    const char *audio_in, *audio_out;
    const char *video_in, *video_out;
    bool no_video, video_later, no_trickle, loopback, progress;
    bool dtx, red, stereo, data;
    uint32_t codec;                                  /* XCALL_CODEC_* */
    uint32_t temporal_layers;                        /* 0: not given */
    const char *screen;                              /* NULL: no second video at first */
    uint32_t width, height;                          /* together (OPTION_SIZE); 0: not given */
    uint32_t frame_rate;                             /* 0: not given */
    uint32_t audio_bitrate_kbps, video_bitrate_kbps; /* 0: not given */
    const char *bind;
    const char *ice_server, *ice_server_file;
    bool relay_only;
    double seconds; /* 0: until the call ends */
    const char *trace, *traces_raw, *stats, *stats_series, *record, *pictures, *seen;
    uint32_t log_level;
};

/* Fills the options; bad use is told by one line on stderr (OPTIONS_BAD), --help by the usage text
 * on stdout (OPTIONS_HELP). Strings point into argv. */
int options_parse(struct peer_options *options, int argc, char **argv);

/* For another program with media, by parts: the table, with defaults set, and the check of what was read. */
struct option_table options_table(struct peer_options *options);
int options_check(struct peer_options *options, const char *program);

/* Whether video was named on the command line; if not it is as the peers agree. */
bool options_ask_video_send(const struct peer_options *options);
bool options_ask_video_receive(const struct peer_options *options);

#endif
