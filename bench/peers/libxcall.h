/* libxcall.h - the parts of bench-peers, libxcall's program in the bench "peers".
 *
 *   ends.c  both ends of some calls in one engine: events, signals, media threads
 *   libxcall.c  the parts, as every peer of the bench has them
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_LIBXCALL_H
#define BENCH_PEERS_LIBXCALL_H

#include <pthread.h>
#include <stdatomic.h>

#include "../common/common.h"

#define PEERS_WIDTH 640u
#define PEERS_HEIGHT 360u
#define PEERS_CALLS_MAX 32u
#define PEERS_LOUD 300 /* of 32768: neither silence nor a decoder's noise */

struct peers_options {
    const char *part, *sound, *pictures, *out;
    double seconds, phase_ms;
    uint32_t calls;
};

/* Growing list of numbers that is written to a file in the end. */
struct peers_list {
    double *values;
    size_t count, room;
};

void peers_list_add(struct peers_list *list, double value);
void peers_list_save(const struct peers_list *list, const char *folder, const char *name);

/* Call 2i speaks with call 2i + 1. Media threads serve all calls below `count`. */
struct peers_ends {
    const struct peers_options *options;
    xcall_engine *engine;
    xcall_id calls[2 * PEERS_CALLS_MAX];
    _Atomic uint32_t count; /* ends, not calls */
    uint64_t connected_at[2 * PEERS_CALLS_MAX];

    int16_t *sound;
    size_t blocks;
    struct bench_video video;
    uint8_t *seen; /* a picture that was read */

    pthread_t sound_thread, picture_thread;
    bool speaks, shows;
    _Atomic int stop;
    uint64_t begin;        /* of the media threads */
    uint32_t shown_by;     /* bits: the ends that show pictures */
    _Atomic uint32_t last; /* number of the newest picture */

    /* what is noted */
    uint64_t first_audio[2], first_video[2];
    _Atomic uint64_t samples, pictures; /* sounding ones; whole ones with a number */
    bool notes_sound, notes_pictures;
    struct peers_list wrote, reads, shown, viewed;
    int16_t *heard;
    size_t heard_count, heard_room;
};

void peers_open(struct peers_ends *ends, const struct peers_options *options);
void peers_close(struct peers_ends *ends);
/* Both ends of a further call. */
void peers_add_call(struct peers_ends *ends, uint32_t audio, uint32_t video[2]);
void peers_media_start(struct peers_ends *ends, bool speaks, uint32_t shown_by);
void peers_media_stop(struct peers_ends *ends);
/* Takes events until then. */
void peers_pump(struct peers_ends *ends, uint64_t until);
/* Takes events until all ends are connected; ends the program when that takes too long. */
void peers_wait_connected(struct peers_ends *ends);
void peers_hang_up(struct peers_ends *ends);
double peers_ms(uint64_t time);

#endif
