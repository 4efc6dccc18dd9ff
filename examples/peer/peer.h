/* peer.h - one run of xcall-peer: what the command line named, the call, and what is kept of it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_PEER_H
#define PEER_PEER_H

#include "data.h"
#include "flow.h"
#include "json_lines.h"
#include "media.h"
#include "options.h"
#include "record.h"
#include "servers.h"
#include "sources.h"
#include "traces.h"
#include "wav.h"
#include "y4m.h"

enum { EXIT_MEDIA = 0, EXIT_NO_MEDIA = 1, EXIT_BAD_USE = 2 };

struct peer {
    struct peer_options options;
    struct audio_source audio;
    struct video_source video, screen;
    struct wav_writer wav;
    struct y4m_writer y4m;
    struct record *record;
    FILE *series;
    struct traces traces;
    struct media media;
    struct flow flow;
    struct data data;
    struct servers servers;
    struct line_reader reader;

    xcall_engine *engine;
    xcall_id call;
    xcall_stats stats; /* the newest snapshot */
    uint8_t *encoded;  /* owned: room for one encoded frame */
    size_t encoded_room;

    bool media_started, remote_known, hanging_up, hang_up_said, offer_said, ended;
    const char *state_shown;
    uint32_t end_reason;
    char end_text[256]; /* the library's words for it */
    uint64_t connected_ns, hang_up_ns, sampled_ns;
    uint64_t progress_ns, progress_audio, progress_video; /* of the last progress line */
    bool progress_open; /* a line on the terminal waits for its end */
    int exit_code;
    char why[512]; /* the sentence behind an exit code that is not 0; empty: none */
};

/* Prints the first reason that the run fails for, remembers its exit code. */
void peer_fail(struct peer *peer, int exit_code, const char *sentence);

/* actions.c: a line of input that asks for something in mid-call. -1 and a sentence: it is wrong. */
int action_take(struct peer *peer, const json_t *object, char *error, size_t error_size);

/* files.c: everything named on the command line is opened before the call begins. */
int files_open(struct peer *peer);
/* Takes traces and encoded frames that the library keeps, and a statistics snapshot. */
void files_collect(struct peer *peer, uint64_t now_ns);
/* Statistics of now, on stdout. */
void files_say_stats(struct peer *peer);
/* Writes and closes them all; a file that cannot be written makes the run fail. */
void files_close(struct peer *peer);
/* The closing statistics, in the file named by --stats and, when `say`, on stdout. */
void files_write_stats(struct peer *peer, bool say);
void progress_show(struct peer *peer, uint64_t now_ns);
void progress_end(struct peer *peer);

#endif
