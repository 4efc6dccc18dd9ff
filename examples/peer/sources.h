/* sources.h - where samples and pictures come from: a file, or something generated.
 *
 * Both start at their beginning when the call is connected; before that the audio source gives
 * silence and the video source its first picture, so that media flows at once.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_SOURCES_H
#define PEER_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xcall/media.h>

#include "wav.h"
#include "y4m.h"

#define SPEECH_FORMANTS 3

struct audio_source {
    struct wav wav; /* without samples: generated */
    uint32_t rate, channels;
    bool is_float;
    double tone_hz; /* 0: silence */
    bool speech;    /* generated */
    uint64_t position;
    double formants[SPEECH_FORMANTS][2]; /* the last two outputs of each resonator */
    double pitch_turns;
};

/* what: FILE.wav, tone[:HZ], speech (generated syllables without meaning) or silence; NULL is tone.
 * stereo: two channels; a file must have them. -1 and a sentence in error on failure. */
int audio_source_open(struct audio_source *source, const char *what, bool stereo, char *error,
                      size_t error_size);
/* The next `frames` samples per channel, in the source's own format. */
void audio_source_fill(struct audio_source *source, void *samples, uint32_t frames);
void audio_source_close(struct audio_source *source);

/* The pattern of a screen begins here with its numbers, so that the two videos differ. */
#define SCREEN_FIRST_NUMBER 32768

struct video_source {
    struct y4m y4m; /* without frames: generated */
    uint32_t width, height;
    uint32_t rate_num, rate_den;
    uint8_t *pattern; /* owned: one I420 picture */
    uint64_t index;
    uint32_t first_number; /* added to the pattern's */
};

/* what: FILE.y4m or pattern; NULL is pattern. width, height, frame_rate: 0 where not given. */
int video_source_open(struct video_source *source, const char *what, uint32_t width,
                      uint32_t height, uint32_t frame_rate, char *error, size_t error_size);
/* The picture at the present index; valid until the next call. */
void video_source_picture(struct video_source *source, xcall_picture *picture);
void video_source_close(struct video_source *source);

#endif
