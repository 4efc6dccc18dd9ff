/* media.h - the threads that write and read samples and pictures at their due times.
 *
 * Threads: audio writer and audio reader (10 ms blocks on absolute deadlines), video writer, and a
 * file writer for received pictures; media_take_pictures() runs on the event thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_MEDIA_H
#define PEER_MEDIA_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <xcall/xcall.h>

#include "sources.h"
#include "wav.h"
#include "y4m.h"

#define PICTURE_SLOTS 12 /* received pictures on their way to the files; more are dropped */
#define PICTURE_FILES_MAX 12

struct picture_slot {
    uint8_t *bytes; /* owned */
    uint32_t track; /* 0 the camera, 1 the screen */
    uint64_t read_ns;
    xcall_picture picture;
};

struct media {
    xcall_engine *engine;
    xcall_id call;
    bool with_video;
    struct audio_source *audio;
    struct video_source *video;
    struct wav_writer *wav;  /* NULL: not written */
    struct y4m_writer *y4m;  /* NULL: not written */
    FILE *seen;              /* a JSON line for each picture, or NULL */
    const char *pictures;    /* directory, or NULL */
    double pictures_every_s; /* one PNG file each so many seconds */
    uint32_t width_max, height_max;

    atomic_bool connected, stop;                            /* set by the event thread */
    atomic_uint_fast64_t blocks_written, blocks_refused;    /* 10 ms blocks */
    atomic_uint_fast64_t blocks_read, blocks_read_sounding; /* sounding: a sample is not 0 */
    atomic_uint_fast64_t pictures_written, pictures_read, pictures_not_stored;

    pthread_t threads[4];
    uint32_t threads_count;

    pthread_mutex_t lock; /* guards the slots' queue, between event thread and file writer */
    pthread_cond_t changed;
    struct picture_slot slots[PICTURE_SLOTS];
    uint32_t slot_first, slot_count;
    uint32_t files;        /* file writer only: PNG files so far */
    uint64_t next_file_ns; /* file writer only */
};

/* Fill the plain members first. 0 or -1 (no memory, no thread). */
int media_start(struct media *media);
/* Event thread, on XCALL_EVENT_PICTURE: takes all pictures that are due. */
void media_take_pictures(struct media *media);
/* Joins the threads; the files are the caller's to close. */
void media_stop(struct media *media);

#endif
