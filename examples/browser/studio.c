/* studio.c - what the native peer says and shows, and what it hears and sees.
 *
 * SPDX-License-Identifier: MIT */
#include "studio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCKS_A_SECOND 100
#define BLOCK_NS (1000000000u / BLOCKS_A_SECOND)
#define BLOCK_FRAMES_MAX (48000 / BLOCKS_A_SECOND + 1)
#define PICTURE_NS (1000000000u / STUDIO_FPS)
#define LATE_MAX_NS 200000000u /* a thread that was stopped for longer begins anew */
#define INSET_GAP 12
#define FRAME_PIXELS 2
#define WHITE 235
#define GREY 128

int studio_open(struct studio *studio, const char *what, char *error, size_t error_size)
{
    pthread_mutex_init(&studio->lock, NULL);
    if (audio_source_open(&studio->audio, what, false, error, error_size) ||
        video_source_open(&studio->video, "pattern", STUDIO_WIDTH, STUDIO_HEIGHT, STUDIO_FPS, error,
                          error_size))
        return -1;
    studio->canvas = malloc(i420_bytes(STUDIO_WIDTH, STUDIO_HEIGHT));
    studio->scratch = malloc(i420_bytes(STUDIO_WIDTH_MAX, STUDIO_HEIGHT_MAX));
    if (!studio->canvas || !studio->scratch) {
        snprintf(error, error_size, "no memory for the pictures");
        return -1;
    }
    return 0;
}

/* --- what is seen -------------------------------------------------------------------------------- */

/* One sample of a plane at this share of its upright width and height, of 2 * to_width by
 * 2 * to_height. */
static uint32_t sample(const xcall_picture *picture, uint32_t plane, uint32_t x, uint32_t y,
                       uint32_t across, uint32_t down)
{
    uint32_t half = plane > 0;
    uint32_t width = (picture->width + half) >> half, height = (picture->height + half) >> half;
    uint32_t column = x * width / across, row = y * height / down;
    if (picture->rotation == 90) {
        column = y * width / down;
        row = height - 1 - x * height / across;
    } else if (picture->rotation == 180) {
        column = width - 1 - column;
        row = height - 1 - row;
    } else if (picture->rotation == 270) {
        column = width - 1 - y * width / down;
        row = x * height / across;
    }
    return picture->planes[plane][(size_t)row * picture->strides[plane] + column];
}

static void shrink_plane(const xcall_picture *to, const xcall_picture *picture, uint32_t plane)
{
    uint32_t half = plane > 0, across = to->width >> half << 1, down = to->height >> half << 1;
    uint8_t *out = to->planes[plane];
    for (uint32_t y = 0; y < down; y += 2)
        for (uint32_t x = 0; x < across; x += 2)
            *out++ = (uint8_t)((sample(picture, plane, x, y, across, down) +
                                sample(picture, plane, x + 1, y, across, down) +
                                sample(picture, plane, x, y + 1, across, down) +
                                sample(picture, plane, x + 1, y + 1, across, down) + 2) /
                               4);
}

/* Upright, in its own shape. */
static void shrink(struct studio_inset *inset, const xcall_picture *picture)
{
    bool turned = picture->rotation % 180 != 0;
    uint32_t upright_width = turned ? picture->height : picture->width;
    uint32_t upright_height = turned ? picture->width : picture->height;
    uint32_t longer = upright_width > upright_height ? upright_width : upright_height;
    uint32_t width = (upright_width * INSET_SIDE_MAX / longer) & ~1u;
    uint32_t height = (upright_height * INSET_SIDE_MAX / longer) & ~1u;
    xcall_picture to;
    inset->width = width < 2 ? 2 : width;
    inset->height = height < 2 ? 2 : height;
    i420_planes(&to, inset->bytes, inset->width, inset->height);
    for (uint32_t plane = 0; plane < 3; plane++)
        shrink_plane(&to, picture, plane);
}

static uint32_t video_of(const struct studio_call *place, xcall_id track)
{
    return track == place->videos[STUDIO_SCREEN] ? STUDIO_SCREEN : STUDIO_CAMERA;
}

static void look_at(struct studio *studio, struct studio_call *place, xcall_id track)
{
    xcall_picture picture;
    do {
        xcall_picture_init(&picture, sizeof picture);
        i420_planes(&picture, studio->scratch, STUDIO_WIDTH_MAX, STUDIO_HEIGHT_MAX);
        if (xcall_video_read(studio->engine, track, &picture))
            return; /* no more is due, or it is larger than the call agreed to */
        pthread_mutex_lock(&studio->lock);
        shrink(&place->insets[video_of(place, track)], &picture);
        pthread_mutex_unlock(&studio->lock);
    } while (true);
}

void studio_look(struct studio *studio, uint32_t index)
{
    for (uint32_t i = 0; i < STUDIO_VIDEOS; i++)
        if (studio->places[index].videos[i])
            look_at(studio, &studio->places[index], studio->places[index].videos[i]);
}

void studio_forget(struct studio *studio, uint32_t index, xcall_id track)
{
    struct studio_call *place = &studio->places[index];
    pthread_mutex_lock(&studio->lock);
    for (uint32_t i = 0; i < STUDIO_VIDEOS; i++)
        if (place->videos[i] == track)
            place->insets[i].width = 0;
    pthread_mutex_unlock(&studio->lock);
}

/* --- what is shown ------------------------------------------------------------------------------- */

static void paste(xcall_picture *to, struct studio_inset *inset, uint32_t left)
{
    xcall_picture from;
    uint32_t top = to->height - INSET_GAP - inset->height;
    i420_planes(&from, inset->bytes, inset->width, inset->height);
    for (uint32_t plane = 0; plane < 3; plane++) {
        uint32_t half = plane > 0, edge = FRAME_PIXELS >> half;
        uint32_t width = inset->width >> half, height = inset->height >> half;
        for (uint32_t y = 0; y < height + 2 * edge; y++) {
            uint8_t *row = to->planes[plane] +
                           (size_t)((top >> half) - edge + y) * to->strides[plane] + (left >> half);
            memset(row - edge, plane ? GREY : WHITE, width + 2 * edge);
            if (y >= edge && y < height + edge)
                memcpy(row, from.planes[plane] + (size_t)(y - edge) * from.strides[plane], width);
        }
    }
}

static void show(struct studio *studio, struct studio_call *place, const xcall_picture *ground)
{
    xcall_picture picture;
    xcall_picture_init(&picture, sizeof picture);
    i420_planes(&picture, studio->canvas, ground->width, ground->height);
    memcpy(studio->canvas, ground->planes[0], i420_bytes(ground->width, ground->height));
    struct studio_inset *camera = &place->insets[STUDIO_CAMERA];
    struct studio_inset *screen = &place->insets[STUDIO_SCREEN];
    if (camera->width)
        paste(&picture, camera, ground->width - INSET_GAP - camera->width);
    if (screen->width)
        paste(&picture, screen, INSET_GAP);
    picture.capture_ns = xcall_now_ns();
    xcall_video_write(studio->engine, place->videos[STUDIO_CAMERA], &picture);
}

static void write_pictures(struct studio *studio)
{
    xcall_picture ground;
    xcall_picture_init(&ground, sizeof ground);
    video_source_picture(&studio->video, &ground); /* its planes follow each other */
    studio->video.index++;
    for (uint32_t i = 0; i < STUDIO_CALLS_MAX; i++) {
        pthread_mutex_lock(&studio->lock);
        if (studio->places[i].call)
            show(studio, &studio->places[i], &ground);
        pthread_mutex_unlock(&studio->lock);
    }
}

static float loudest_of(const float *samples, uint32_t count, bool is_float)
{
    float most = 0;
    for (uint32_t i = 0; i < count; i++) {
        float value = is_float ? samples[i] : ((const int16_t *)samples)[i] / 32768.0f;
        value = value < 0 ? -value : value;
        most = value > most ? value : most;
    }
    return most;
}

/* Sound begins when the call is connected. What is heard is played to nobody, but taken in time. */
static void pass_sound(struct studio *studio, uint64_t index)
{
    float samples[2 * BLOCK_FRAMES_MAX], heard[2 * BLOCK_FRAMES_MAX];
    uint64_t rate = studio->audio.rate;
    uint32_t frames =
        (uint32_t)((index + 1) * rate / BLOCKS_A_SECOND - index * rate / BLOCKS_A_SECOND);
    audio_source_fill(&studio->audio, samples, frames);
    pthread_mutex_lock(&studio->lock);
    for (uint32_t i = 0; i < STUDIO_CALLS_MAX; i++) {
        xcall_id call = studio->places[i].call;
        if (!call || !studio->places[i].connected)
            continue;
        xcall_audio_write(studio->engine, call, samples, frames, xcall_now_ns());
        if (xcall_audio_read(studio->engine, call, heard, frames))
            continue;
        float loudest = loudest_of(heard, frames * studio->audio.channels, studio->audio.is_float);
        if (loudest > studio->places[i].loudest)
            studio->places[i].loudest = loudest;
    }
    pthread_mutex_unlock(&studio->lock);
}

static void wait_until(uint64_t deadline)
{
    struct timespec at = {.tv_sec = (time_t)(deadline / 1000000000u),
                          .tv_nsec = (long)(deadline % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

static void *run(void *argument)
{
    struct studio *studio = argument;
    uint64_t sound = xcall_now_ns(), picture = sound, index = 0;
    while (!atomic_load(&studio->stop)) {
        uint64_t deadline = sound < picture ? sound : picture;
        wait_until(deadline);
        uint64_t now = xcall_now_ns();
        if (now > deadline + LATE_MAX_NS)
            sound = picture = now;
        if (now >= sound) {
            pass_sound(studio, index++);
            sound += BLOCK_NS;
        }
        if (now >= picture) {
            write_pictures(studio);
            picture += PICTURE_NS;
        }
    }
    return NULL;
}

int studio_start(struct studio *studio, xcall_engine *engine)
{
    studio->engine = engine;
    studio->started = pthread_create(&studio->thread, NULL, run, studio) == 0;
    return studio->started ? 0 : -1;
}

void studio_add(struct studio *studio, uint32_t index, xcall_id call)
{
    struct studio_call *place = &studio->places[index];
    pthread_mutex_lock(&studio->lock);
    memset(place, 0, sizeof *place);
    for (uint32_t i = 0; i < STUDIO_VIDEOS; i++)
        if (xcall_call_track(studio->engine, call, XCALL_KIND_VIDEO, i, &place->videos[i]))
            place->videos[i] = 0;
    place->call = call;
    pthread_mutex_unlock(&studio->lock);
}

void studio_connected(struct studio *studio, uint32_t index)
{
    pthread_mutex_lock(&studio->lock);
    studio->places[index].connected = true;
    pthread_mutex_unlock(&studio->lock);
}

float studio_loudest(struct studio *studio, uint32_t index)
{
    pthread_mutex_lock(&studio->lock);
    float loudest = studio->places[index].loudest;
    studio->places[index].loudest = 0;
    pthread_mutex_unlock(&studio->lock);
    return loudest;
}

void studio_remove(struct studio *studio, uint32_t index)
{
    pthread_mutex_lock(&studio->lock);
    studio->places[index].call = 0;
    pthread_mutex_unlock(&studio->lock);
}

void studio_close(struct studio *studio)
{
    atomic_store(&studio->stop, true);
    if (studio->started)
        pthread_join(studio->thread, NULL);
    audio_source_close(&studio->audio);
    video_source_close(&studio->video);
    free(studio->canvas);
    free(studio->scratch);
    pthread_mutex_destroy(&studio->lock);
}
