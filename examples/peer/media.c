/* media.c - the threads that write and read samples and pictures at their due times.
 *
 * Every deadline is absolute, so a late wake-up does not move those after it (a device behaves so).
 * A thread that was stopped for long starts anew instead of rushing through what it missed.
 *
 * SPDX-License-Identifier: MIT */
#include "media.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "png.h"

#define BLOCK_NS 10000000u
#define BLOCKS_A_SECOND 100
#define BLOCK_FRAMES_MAX (48000 / BLOCKS_A_SECOND + 1)
#define LATE_MAX_NS 200000000u
#define SECOND_NS 1000000000u
#define FIRST_FILE_NS 500000000u /* the first PNG file so long after the first picture */

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Waits for the deadline; returns it, or the present when that is much later. */
static uint64_t wait_until(uint64_t deadline)
{
    struct timespec at = {.tv_sec = (time_t)(deadline / SECOND_NS),
                          .tv_nsec = (long)(deadline % SECOND_NS)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
    uint64_t now = clock_ns();
    return now > deadline + LATE_MAX_NS ? now : deadline;
}

/* Samples in block `index`, so that any rate comes out exact over a second (44100: 441; 11025: 110
 * and 111 by turns). */
static uint32_t block_frames(uint32_t rate, uint64_t index)
{
    return (uint32_t)((index + 1) * rate / BLOCKS_A_SECOND - index * rate / BLOCKS_A_SECOND);
}

static bool is_over(int32_t result)
{
    return result == XCALL_E_ENDED || result == XCALL_E_CLOSED;
}

static void *write_audio(void *argument)
{
    struct media *media = argument;
    struct audio_source *source = media->audio;
    float samples[2 * BLOCK_FRAMES_MAX];
    uint64_t deadline = clock_ns();
    for (uint64_t index = 0; !atomic_load(&media->stop); index++) {
        uint32_t frames = block_frames(source->rate, index);
        if (atomic_load(&media->connected))
            audio_source_fill(source, samples, frames);
        else
            memset(samples, 0, sizeof samples);
        int32_t result =
            xcall_audio_write(media->engine, media->call, samples, frames, xcall_now_ns());
        if (is_over(result))
            break;
        atomic_fetch_add(result ? &media->blocks_refused : &media->blocks_written, 1);
        deadline = wait_until(deadline + BLOCK_NS);
    }
    return NULL;
}

/* To 16 bits for the file; whether any sample is not 0. */
static bool convert(int16_t *to, const void *from, uint32_t count, bool is_float)
{
    bool sounding = false;
    for (uint32_t i = 0; i < count; i++) {
        if (is_float) {
            float value = ((const float *)from)[i] * 32767.0f;
            value = value > 32767.0f ? 32767.0f : value < -32768.0f ? -32768.0f : value;
            to[i] = (int16_t)lrintf(value);
        } else {
            to[i] = ((const int16_t *)from)[i];
        }
        sounding |= to[i] != 0;
    }
    return sounding;
}

static void *read_audio(void *argument)
{
    struct media *media = argument;
    const struct audio_source *format = media->audio;
    float samples[2 * BLOCK_FRAMES_MAX];
    int16_t out[2 * BLOCK_FRAMES_MAX];
    uint64_t deadline = clock_ns();
    for (uint64_t index = 0; !atomic_load(&media->stop); index++) {
        uint32_t frames = block_frames(format->rate, index);
        int32_t result = xcall_audio_read(media->engine, media->call, samples, frames);
        if (is_over(result))
            break;
        if (result == 0) {
            atomic_fetch_add(&media->blocks_read, 1);
            if (convert(out, samples, frames * format->channels, format->is_float))
                atomic_fetch_add(&media->blocks_read_sounding, 1);
            if (media->wav && atomic_load(&media->connected))
                wav_writer_write(media->wav, out, frames);
        }
        deadline = wait_until(deadline + BLOCK_NS);
    }
    return NULL;
}

static void *write_video(void *argument)
{
    struct media *media = argument;
    struct video_source *source = media->video;
    uint64_t interval = (uint64_t)SECOND_NS * source->rate_den / source->rate_num;
    uint64_t deadline = clock_ns();
    bool was_connected = false;
    while (!atomic_load(&media->stop)) {
        xcall_picture picture;
        xcall_picture_init(&picture, sizeof picture);
        video_source_picture(source, &picture);
        picture.capture_ns = xcall_now_ns();
        int32_t result = xcall_video_write(media->engine, media->call, &picture);
        if (is_over(result))
            break;
        if (result == 0)
            atomic_fetch_add(&media->pictures_written, 1);
        source->index += was_connected;
        was_connected = atomic_load(&media->connected);
        deadline = wait_until(deadline + interval);
    }
    return NULL;
}

static void store_file(struct media *media, const xcall_picture *picture)
{
    uint64_t now = clock_ns();
    char path[1024];
    if (!media->pictures || media->files == PICTURE_FILES_MAX)
        return;
    if (media->next_file_ns == 0)
        media->next_file_ns = now + FIRST_FILE_NS;
    if (now < media->next_file_ns)
        return;
    media->next_file_ns += (uint64_t)(media->pictures_every_s * SECOND_NS);
    snprintf(path, sizeof path, "%s/picture-%02u.png", media->pictures, media->files);
    if (png_write(path, picture) == 0)
        media->files++;
}

/* The picture's number, drawn as 16 cells in a row at the top; -1 where a cell is neither black nor
 * white. wide: the cells share the whole width; else they are those of the pattern. */
static int32_t number_in(const xcall_picture *picture, bool wide)
{
    uint32_t width = picture->width;
    double cell = wide || width < 256 ? width / 16.0 : 16.0;
    uint32_t row = wide ? picture->height / 16 : (uint32_t)cell / 2;
    uint32_t number = 0;
    for (uint32_t bit = 0; bit < 16; bit++) {
        uint32_t column = (uint32_t)((bit + 0.5) * cell);
        uint8_t luma = picture->planes[0][(size_t)row * picture->strides[0] + column];
        if (luma >= 90 && luma <= 160)
            return -1;
        number = number << 1 | (luma > 125);
    }
    return (int32_t)number;
}

static void write_number(FILE *file, const char *name, int32_t number)
{
    if (number < 0)
        fprintf(file, ",\"%s\":null", name);
    else
        fprintf(file, ",\"%s\":%d", name, number);
}

static void store_seen(struct media *media, const struct picture_slot *slot)
{
    const xcall_picture *picture = &slot->picture;
    if (!media->seen)
        return;
    fprintf(media->seen, "{\"time_ns\":%llu,\"track\":%u,\"width\":%u,\"height\":%u",
            (unsigned long long)slot->read_ns, slot->track, picture->width, picture->height);
    fprintf(media->seen, ",\"rotation\":%u,\"rtp_timestamp\":%u", picture->rotation,
            picture->rtp_timestamp);
    write_number(media->seen, "pattern", number_in(picture, false));
    write_number(media->seen, "wide", number_in(picture, true));
    fputs("}\n", media->seen);
    fflush(media->seen);
}

/* The file writer: takes slots in their order until the threads stop and none is left. */
static void *store_pictures(void *argument)
{
    struct media *media = argument;
    pthread_mutex_lock(&media->lock);
    for (;;) {
        while (media->slot_count == 0 && !atomic_load(&media->stop))
            pthread_cond_wait(&media->changed, &media->lock);
        if (media->slot_count == 0)
            break;
        struct picture_slot *slot = &media->slots[media->slot_first];
        pthread_mutex_unlock(&media->lock);
        store_seen(media, slot);
        if (media->y4m && slot->track == 0)
            y4m_writer_write(media->y4m, &slot->picture);
        if (slot->track == 0)
            store_file(media, &slot->picture);
        pthread_mutex_lock(&media->lock);
        media->slot_first = (media->slot_first + 1) % PICTURE_SLOTS;
        media->slot_count--;
    }
    pthread_mutex_unlock(&media->lock);
    return NULL;
}

void media_take_pictures(struct media *media)
{
    while (media->with_video) {
        pthread_mutex_lock(&media->lock);
        bool full = media->slot_count >= PICTURE_SLOTS - 1; /* one is always free to read into */
        uint32_t at = (media->slot_first + media->slot_count) % PICTURE_SLOTS;
        pthread_mutex_unlock(&media->lock);
        struct picture_slot *slot = &media->slots[at];
        xcall_picture_init(&slot->picture, sizeof slot->picture);
        i420_planes(&slot->picture, slot->bytes, media->width_max, media->height_max);
        if (xcall_video_read(media->engine, media->call, &slot->picture) != 0)
            return;
        slot->read_ns = xcall_now_ns();
        atomic_fetch_add(&media->pictures_read, 1);
        if (full) {
            atomic_fetch_add(&media->pictures_not_stored, 1);
            continue;
        }
        pthread_mutex_lock(&media->lock);
        media->slot_count++;
        pthread_cond_signal(&media->changed);
        pthread_mutex_unlock(&media->lock);
    }
}

static int start_thread(struct media *media, void *(*run)(void *))
{
    if (pthread_create(&media->threads[media->threads_count], NULL, run, media))
        return -1;
    media->threads_count++;
    return 0;
}

int media_start(struct media *media)
{
    pthread_mutex_init(&media->lock, NULL);
    pthread_cond_init(&media->changed, NULL);
    for (int i = 0; media->with_video && i < PICTURE_SLOTS; i++) {
        media->slots[i].bytes = malloc(i420_bytes(media->width_max, media->height_max));
        if (!media->slots[i].bytes)
            return -1;
    }
    if (start_thread(media, write_audio) || start_thread(media, read_audio))
        return -1;
    if (media->with_video &&
        (start_thread(media, write_video) || start_thread(media, store_pictures)))
        return -1;
    return 0;
}

void media_stop(struct media *media)
{
    pthread_mutex_lock(&media->lock);
    atomic_store(&media->stop, true);
    pthread_cond_signal(&media->changed);
    pthread_mutex_unlock(&media->lock);
    for (uint32_t i = 0; i < media->threads_count; i++)
        pthread_join(media->threads[i], NULL);
    media->threads_count = 0;
    for (int i = 0; i < PICTURE_SLOTS; i++) {
        free(media->slots[i].bytes);
        media->slots[i].bytes = NULL;
    }
}
