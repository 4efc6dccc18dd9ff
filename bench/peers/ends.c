/* ends.c - calls with both ends in one engine, as the other peers of the bench have both ends in one
 * process: the main thread takes events and pictures, one thread hands in and takes out sound every
 * 10 ms, one hands in pictures, 30 a second.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "libxcall.h"

#define FRAME_NS (BENCH_S / 30)
#define CONNECT_LIMIT_NS (10 * BENCH_S)

static void *checked(void *memory)
{
    if (!memory)
        bench_fail("no memory", XCALL_E_MEMORY);
    return memory;
}

double peers_ms(uint64_t time)
{
    return (double)time * 1e-6;
}

/* --- lists and files ------------------------------------------------------------------------- */

void peers_list_add(struct peers_list *list, double value)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 4096;
        list->values = checked(realloc(list->values, list->room * sizeof *list->values));
    }
    list->values[list->count++] = value;
}

static void save(const void *bytes, size_t size, const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        bench_fail(path, XCALL_E_SYSTEM);
}

void peers_list_save(const struct peers_list *list, const char *folder, const char *name)
{
    static const double none;
    save(list->count ? list->values : &none, list->count * sizeof(double), folder, name);
}

static void *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    long length = 0;
    if (!file || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) <= 0)
        bench_fail(path, XCALL_E_SYSTEM);
    rewind(file);
    void *bytes = checked(malloc((size_t)length));
    if (fread(bytes, 1, (size_t)length, file) != (size_t)length)
        bench_fail(path, XCALL_E_SYSTEM);
    fclose(file);
    *size = (size_t)length;
    return bytes;
}

void peers_open(struct peers_ends *ends, const struct peers_options *options)
{
    size_t size;
    memset(ends, 0, sizeof *ends);
    ends->options = options;
    ends->sound = load(options->sound, &size);
    ends->blocks = size / sizeof(int16_t) / BENCH_BLOCK;
    ends->video.width = PEERS_WIDTH;
    ends->video.height = PEERS_HEIGHT;
    ends->video.frame_size = PEERS_WIDTH * PEERS_HEIGHT * 3 / 2;
    ends->video.frames = load(options->pictures, &size);
    ends->video.count = (uint32_t)(size / ends->video.frame_size);
    if (!ends->blocks || !ends->video.count)
        bench_fail("there is nothing to say or to show", XCALL_E_INVALID);
    ends->seen = checked(calloc(1, ends->video.frame_size));
    ends->heard_room = (size_t)((options->seconds + 2) * BENCH_RATE);
    ends->heard = checked(calloc(ends->heard_room, sizeof(int16_t)));
    ends->engine = bench_engine(1, 2 * PEERS_CALLS_MAX, 1000);
}

void peers_close(struct peers_ends *ends)
{
    xcall_engine_unref(ends->engine);
    free(ends->sound);
    free(ends->seen);
    free(ends->heard);
    bench_video_destroy(&ends->video);
    free(ends->wrote.values);
    free(ends->reads.values);
    free(ends->shown.values);
    free(ends->viewed.values);
}

/* --- calls and events ------------------------------------------------------------------------ */

void peers_add_call(struct peers_ends *ends, uint32_t audio, uint32_t video[2])
{
    uint32_t first = atomic_load(&ends->count);
    if (first + 2 > 2 * PEERS_CALLS_MAX)
        bench_fail("too many calls", XCALL_E_LIMIT);
    for (uint32_t i = 0; i < 2; i++) {
        xcall_call_config config;
        xcall_error error;
        xcall_call_config_init(&config, sizeof config);
        xcall_error_init(&error, sizeof error);
        config.role = i ? XCALL_ROLE_ANSWER : XCALL_ROLE_OFFER;
        config.user = first + i;
        config.audio_direction = audio;
        config.video_direction = video[i];
        config.video_width = config.video_width_max = PEERS_WIDTH;
        config.video_height = config.video_height_max = PEERS_HEIGHT;
        int32_t result = xcall_call_create(ends->engine, &config, &ends->calls[first + i], &error);
        if (result != XCALL_OK)
            bench_fail(error.text, result);
    }
    atomic_store(&ends->count, first + 2);
}

static void take_picture(struct peers_ends *ends, uint64_t place)
{
    xcall_picture picture;
    bench_picture_of(&picture, ends->seen, PEERS_WIDTH, PEERS_HEIGHT);
    while (xcall_video_read(ends->engine, ends->calls[place], &picture) == XCALL_OK) {
        uint64_t now = xcall_now_ns();
        int32_t number =
            picture.width == PEERS_WIDTH
                ? bench_video_number(ends->seen, picture.strides[0], picture.width, picture.height)
                : -1;
        uint32_t last = atomic_load(&ends->last);
        bool valid = number >= 1 && (uint32_t)number <= last;
        if (valid)
            atomic_fetch_add(&ends->pictures, 1);
        if (valid && place < 2 && !ends->first_video[place])
            ends->first_video[place] = now;
        if (ends->notes_pictures) {
            peers_list_add(&ends->viewed, number);
            peers_list_add(&ends->viewed, peers_ms(now));
        }
        bench_picture_of(&picture, ends->seen, PEERS_WIDTH, PEERS_HEIGHT);
    }
}

static void carry_signal(struct peers_ends *ends, const xcall_event *event)
{
    int32_t result =
        xcall_call_receive_signal(ends->engine, ends->calls[event->user ^ 1], event->signal_kind,
                                  event->text, event->text_length, NULL);
    if (result != XCALL_OK && result != XCALL_E_ENDED && event->signal_kind != XCALL_SIGNAL_BYE)
        bench_fail("a signal was refused", result);
}

static void take_event(struct peers_ends *ends, const xcall_event *event)
{
    uint64_t place = event->user;
    if (event->type == XCALL_EVENT_LOG) {
        fprintf(stderr, "bench: engine: %s\n", event->text);
        return;
    }
    if (place >= atomic_load(&ends->count) || event->call != ends->calls[place])
        return; /* of a call that was hung up before */
    if (event->type == XCALL_EVENT_SIGNAL)
        carry_signal(ends, event);
    else if (event->type == XCALL_EVENT_PICTURE)
        take_picture(ends, place);
    else if (event->type == XCALL_EVENT_STATE && event->state == XCALL_STATE_CONNECTED &&
             !ends->connected_at[place])
        ends->connected_at[place] = xcall_now_ns();
}

void peers_pump(struct peers_ends *ends, uint64_t until)
{
    for (;;) {
        xcall_event event;
        uint64_t now = xcall_now_ns();
        if (now >= until)
            return;
        xcall_event_init(&event, sizeof event);
        int32_t wait_ms = (int32_t)((until - now) / BENCH_MS) + 1;
        if (xcall_engine_next_event(ends->engine, &event, wait_ms) == XCALL_OK)
            take_event(ends, &event);
    }
}

static bool all_connected(const struct peers_ends *ends)
{
    for (uint32_t i = 0; i < atomic_load(&ends->count); i++)
        if (!ends->connected_at[i])
            return false;
    return true;
}

void peers_wait_connected(struct peers_ends *ends)
{
    uint64_t limit = xcall_now_ns() + CONNECT_LIMIT_NS;
    while (!all_connected(ends)) {
        if (xcall_now_ns() > limit)
            bench_fail("a call did not connect", XCALL_E_TIMEOUT);
        peers_pump(ends, xcall_now_ns() + BENCH_MS);
    }
}

void peers_hang_up(struct peers_ends *ends)
{
    for (uint32_t i = 0; i < atomic_load(&ends->count); i++)
        xcall_call_hang_up(ends->engine, ends->calls[i]);
    peers_pump(ends, xcall_now_ns() + 100 * BENCH_MS);
    atomic_store(&ends->count, 0);
    memset(ends->connected_at, 0, sizeof ends->connected_at);
}

/* --- media ----------------------------------------------------------------------------------- */

static bool is_loud(const int16_t *samples)
{
    for (uint32_t i = 0; i < BENCH_BLOCK; i++)
        if (samples[i] > PEERS_LOUD || samples[i] < -PEERS_LOUD)
            return true;
    return false;
}

static void keep_heard(struct peers_ends *ends, const int16_t *samples)
{
    if (ends->heard_count + BENCH_BLOCK > ends->heard_room)
        return;
    memcpy(ends->heard + ends->heard_count, samples, BENCH_BLOCK * sizeof *samples);
    ends->heard_count += BENCH_BLOCK;
    peers_list_add(&ends->reads, peers_ms(xcall_now_ns()));
    peers_list_add(&ends->reads, BENCH_BLOCK);
}

static void take_sound(struct peers_ends *ends)
{
    int16_t heard[BENCH_BLOCK];
    for (uint32_t i = 0; i < atomic_load(&ends->count); i++) {
        if (xcall_audio_read(ends->engine, ends->calls[i], heard, BENCH_BLOCK) != XCALL_OK)
            continue;
        if (i == 1 && ends->notes_sound)
            keep_heard(ends, heard);
        if (i < 2 && !ends->first_audio[i] && is_loud(heard))
            ends->first_audio[i] = xcall_now_ns();
        if (ends->connected_at[i])
            atomic_fetch_add_explicit(&ends->samples, BENCH_BLOCK, memory_order_relaxed);
    }
}

static void give_sound(struct peers_ends *ends, uint32_t k)
{
    const int16_t *block = ends->sound + k % ends->blocks * BENCH_BLOCK;
    for (uint32_t i = 0; i < atomic_load(&ends->count); i++) {
        if (i == 0 && ends->notes_sound)
            peers_list_add(&ends->wrote, peers_ms(xcall_now_ns()));
        xcall_audio_write(ends->engine, ends->calls[i], block, BENCH_BLOCK, 0);
    }
}

static void *run_sound(void *argument)
{
    struct peers_ends *ends = argument;
    uint64_t phase = (uint64_t)(ends->options->phase_ms * 1e6);
    bench_real_time_thread();
    for (uint32_t k = 0; !atomic_load(&ends->stop); k++) {
        bench_sleep_until(ends->begin + k * BENCH_BLOCK_NS);
        take_sound(ends);
        if (phase)
            bench_sleep_until(ends->begin + k * BENCH_BLOCK_NS + phase);
        give_sound(ends, k);
    }
    return NULL;
}

static void *run_pictures(void *argument)
{
    struct peers_ends *ends = argument;
    uint8_t *work = checked(malloc(ends->video.frame_size));
    xcall_picture picture;
    bench_picture_of(&picture, work, PEERS_WIDTH, PEERS_HEIGHT);
    for (uint32_t k = 1; !atomic_load(&ends->stop); k++) { /* 0 is a black picture */
        bench_video_frame(&ends->video, k, work);
        bench_sleep_until(ends->begin + (k - 1) * FRAME_NS);
        atomic_store(&ends->last, k);
        if (ends->notes_pictures) {
            peers_list_add(&ends->shown, k);
            peers_list_add(&ends->shown, peers_ms(xcall_now_ns()));
        }
        for (uint32_t i = 0; i < atomic_load(&ends->count); i++)
            if (ends->shown_by >> i & 1)
                xcall_video_write(ends->engine, ends->calls[i], &picture);
    }
    free(work);
    return NULL;
}

void peers_media_start(struct peers_ends *ends, bool speaks, uint32_t shown_by)
{
    atomic_store(&ends->stop, 0);
    ends->begin = xcall_now_ns();
    ends->speaks = speaks;
    ends->shows = shown_by != 0;
    ends->shown_by = shown_by;
    memset(ends->first_audio, 0, sizeof ends->first_audio);
    memset(ends->first_video, 0, sizeof ends->first_video);
    if ((speaks && pthread_create(&ends->sound_thread, NULL, run_sound, ends) != 0) ||
        (ends->shows && pthread_create(&ends->picture_thread, NULL, run_pictures, ends) != 0))
        bench_fail("no media threads", XCALL_E_SYSTEM);
}

void peers_media_stop(struct peers_ends *ends)
{
    atomic_store(&ends->stop, 1);
    if (ends->speaks)
        pthread_join(ends->sound_thread, NULL);
    if (ends->shows)
        pthread_join(ends->picture_thread, NULL);
    if (!ends->notes_sound)
        return;
    save(ends->heard, ends->heard_count * sizeof(int16_t), ends->options->out, "heard.s16");
}
