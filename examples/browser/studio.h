/* studio.h - what the native peer says and shows, and what it hears and sees.
 *
 * One thread serves all calls on absolute deadlines: every 10 ms a block of sound is written to and
 * read from each, and at the pictures' rate each gets the test picture with its own caller in a corner
 * of it. The event thread adds and removes calls and hands in what they show.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BROWSER_STUDIO_H
#define BROWSER_STUDIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <xcall/xcall.h>

#include "../peer/sources.h"

#define STUDIO_CALLS_MAX 64
#define STUDIO_WIDTH 640
#define STUDIO_HEIGHT 360
#define STUDIO_FPS 30
#define STUDIO_WIDTH_MAX 1280 /* of what a caller shows */
#define STUDIO_HEIGHT_MAX 720
#define INSET_SIDE_MAX 176 /* of what is seen, in the corner; even */

enum { STUDIO_CAMERA, STUDIO_SCREEN, STUDIO_VIDEOS };

/* A caller's newest picture, made small. */
struct studio_inset {
    uint8_t bytes[INSET_SIDE_MAX * INSET_SIDE_MAX * 3 / 2];
    uint32_t width, height; /* 0: nothing was seen yet */
};

struct studio_call {
    xcall_id call; /* 0: a free place */
    xcall_id videos[STUDIO_VIDEOS];
    bool connected;
    float loudest; /* of what was heard since it was last asked for, 0 to 1 */
    struct studio_inset insets[STUDIO_VIDEOS];
};

struct studio {
    xcall_engine *engine;
    struct audio_source audio;
    struct video_source video;
    uint8_t *canvas;  /* owned: the picture of one call. Studio thread only */
    uint8_t *scratch; /* owned: a received picture. Event thread only */
    pthread_t thread;
    bool started;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards the places */
    struct studio_call places[STUDIO_CALLS_MAX];
};

/* what: as --audio-in. 0; or -1 and a sentence in error. */
int studio_open(struct studio *studio, const char *what, char *error, size_t error_size);
/* The engine's calls are written to from now on. 0 or -1: no thread. */
int studio_start(struct studio *studio, xcall_engine *engine);
void studio_add(struct studio *studio, uint32_t place, xcall_id call);
void studio_connected(struct studio *studio, uint32_t place);
/* The loudest sample heard since this was last asked, 0 to 1. */
float studio_loudest(struct studio *studio, uint32_t place);
void studio_remove(struct studio *studio, uint32_t place);
/* On XCALL_EVENT_PICTURE, which is one for both videos: takes what is due. */
void studio_look(struct studio *studio, uint32_t place);
/* What was seen of this video is shown no more. */
void studio_forget(struct studio *studio, uint32_t place, xcall_id track);
void studio_close(struct studio *studio);

#endif
