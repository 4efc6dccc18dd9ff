/* files.c - the files of a run: opened before the call, fed while it lasts, closed after it.
 *
 * SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats_json.h"

#define WIDTH_MAX 1280 /* accepted of the peer unless --size or a file asks for more */
#define HEIGHT_MAX 720
#define ENCODED_ROOM (1u << 18)
#define PICTURES_EVERY_S 5.0
#define PICTURES_WANTED 4
#define PROGRESS_CELLS 30

static int cannot_write(struct peer *peer, const char *option, const char *path)
{
    char sentence[512];
    snprintf(sentence, sizeof sentence, "%s: %s: %s", option, path, strerror(errno));
    peer_fail(peer, EXIT_BAD_USE, sentence);
    return -1;
}

/* Files that are written at the end: what hinders them is told at the start. */
static int try_file(struct peer *peer, const char *option, const char *path)
{
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!path)
        return 0;
    if (!file)
        return cannot_write(peer, option, path);
    fclose(file);
    return 0;
}

static int open_sources(struct peer *peer)
{
    const struct peer_options *options = &peer->options;
    char error[384], sentence[448];
    if (audio_source_open(&peer->audio, options->audio_in, options->stereo, error, sizeof error)) {
        snprintf(sentence, sizeof sentence, "--audio-in: %s", error);
        peer_fail(peer, EXIT_BAD_USE, sentence);
        return -1;
    }
    if (!options->no_video &&
        video_source_open(&peer->video, options->video_in, options->width, options->height,
                          options->frame_rate, error, sizeof error)) {
        snprintf(sentence, sizeof sentence, "--video-in: %s", error);
        peer_fail(peer, EXIT_BAD_USE, sentence);
        return -1;
    }
    if (!options->no_video && video_source_open(&peer->screen, options->screen, 0, 0,
                                                options->frame_rate, error, sizeof error)) {
        snprintf(sentence, sizeof sentence, "--screen: %s", error);
        peer_fail(peer, EXIT_BAD_USE, sentence);
        return -1;
    }
    peer->screen.first_number = SCREEN_FIRST_NUMBER;
    return 0;
}

static int open_outputs(struct peer *peer)
{
    const struct peer_options *options = &peer->options;
    uint32_t rate = options->frame_rate ? options->frame_rate : 30;
    char error[384], sentence[448];
    if (options->audio_out &&
        wav_writer_open(&peer->wav, options->audio_out, peer->audio.rate, peer->audio.channels))
        return cannot_write(peer, "--audio-out", options->audio_out);
    if (options->video_out &&
        y4m_writer_open(&peer->y4m, options->video_out, options->width, options->height, rate))
        return cannot_write(peer, "--video-out", options->video_out);
    if (options->stats_series && !(peer->series = fopen(options->stats_series, "w")))
        return cannot_write(peer, "--stats-series", options->stats_series);
    if (options->seen && !(peer->media.seen = fopen(options->seen, "w")))
        return cannot_write(peer, "--seen", options->seen);
    if (options->pictures && mkdir(options->pictures, 0777) && errno != EEXIST)
        return cannot_write(peer, "--pictures", options->pictures);
    if (options->pictures && access(options->pictures, W_OK | X_OK))
        return cannot_write(peer, "--pictures", options->pictures);
    if (options->record &&
        !(peer->record = record_open(options->record, !options->no_video, error, sizeof error))) {
        snprintf(sentence, sizeof sentence, "--record: %s", error);
        peer_fail(peer, EXIT_BAD_USE, sentence);
        return -1;
    }
    return 0;
}

int files_open(struct peer *peer)
{
    const struct peer_options *options = &peer->options;
    struct media *media = &peer->media;
    if (open_sources(peer) || open_outputs(peer) || try_file(peer, "--stats", options->stats) ||
        try_file(peer, "--trace", options->trace) ||
        try_file(peer, "--traces-raw", options->traces_raw))
        return -1;
    media->with_video = !options->no_video;
    media->audio = &peer->audio;
    media->videos[VIDEO_CAMERA].source = &peer->video;
    media->videos[VIDEO_SCREEN].source = &peer->screen;
    media->wav = options->audio_out ? &peer->wav : NULL;
    media->y4m = options->video_out ? &peer->y4m : NULL;
    media->pictures = options->pictures;
    media->pictures_every_s =
        options->seconds > 0 ? options->seconds / PICTURES_WANTED : PICTURES_EVERY_S;
    media->width_max = WIDTH_MAX;
    media->height_max = HEIGHT_MAX;
    const uint32_t widths[] = {peer->video.width, peer->screen.width, options->width};
    const uint32_t heights[] = {peer->video.height, peer->screen.height, options->height};
    for (int i = 0; i < 3; i++) {
        media->width_max = widths[i] > media->width_max ? widths[i] : media->width_max;
        media->height_max = heights[i] > media->height_max ? heights[i] : media->height_max;
    }
    return 0;
}

static void collect_encoded(struct peer *peer)
{
    for (;;) {
        xcall_encoded_frame frame;
        xcall_encoded_frame_init(&frame, sizeof frame);
        if (!peer->encoded) {
            peer->encoded = malloc(ENCODED_ROOM);
            peer->encoded_room = peer->encoded ? ENCODED_ROOM : 0;
        }
        int32_t result =
            xcall_encoded_read(peer->engine, peer->call, &frame, peer->encoded, peer->encoded_room);
        if (result == XCALL_E_TOO_SMALL && frame.bytes > peer->encoded_room) {
            void *room = realloc(peer->encoded, (size_t)frame.bytes);
            if (!room)
                return;
            peer->encoded = room;
            peer->encoded_room = (size_t)frame.bytes;
            continue;
        }
        if (result < 0)
            return;
        if (frame.received && frame.track != peer->media.videos[VIDEO_SCREEN].track)
            record_push(peer->record, &frame, peer->encoded);
    }
}

static json_t *host_counters(struct peer *peer)
{
    struct media *media = &peer->media;
    double connected = peer->connected_ns && peer->hang_up_ns > peer->connected_ns
                           ? (double)(peer->hang_up_ns - peer->connected_ns) / 1e9
                           : 0.0;
    return json_pack(
        "{s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "connected_s", connected,
        "audio_blocks_written", (json_int_t)media->blocks_written, "audio_blocks_refused",
        (json_int_t)media->blocks_refused, "audio_blocks_read", (json_int_t)media->blocks_read,
        "audio_blocks_read_sounding", (json_int_t)media->blocks_read_sounding, "pictures_written",
        (json_int_t)media->pictures_written, "pictures_read", (json_int_t)media->pictures_read,
        "pictures_not_stored", (json_int_t)media->pictures_not_stored, "pictures_scaled",
        (json_int_t)peer->y4m.pictures_scaled, "traces", (json_int_t)peer->traces.count,
        "traces_dropped", (json_int_t)peer->traces.dropped);
}

void files_collect(struct peer *peer, uint64_t now_ns)
{
    xcall_stats stats;
    if (peer->record)
        collect_encoded(peer);
    if (peer->options.trace || peer->options.traces_raw)
        traces_collect(&peer->traces, peer->engine, peer->call);
    xcall_stats_init(&stats, sizeof stats);
    if (xcall_call_stats(peer->engine, peer->call, &stats) != 0)
        return;
    peer->stats = stats;
    flow_update(&peer->flow, &stats, peer->media.pictures_read, now_ns);
    if (!peer->series)
        return;
    json_t *object = json_object();
    stats_json_add(object, &stats);
    json_dumpf(object, peer->series, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', peer->series);
    json_decref(object);
}

void files_say_stats(struct peer *peer)
{
    files_collect(peer, xcall_now_ns());
    json_t *object =
        json_pack("{s:s, s:s}", "type", "stats", "role", peer->options.offer ? "offer" : "answer");
    stats_json_add(object, &peer->stats);
    json_object_set_new(object, "host", host_counters(peer));
    emit(object);
}

void files_close(struct peer *peer)
{
    const struct peer_options *options = &peer->options;
    uint64_t recorded = 0;
    if (wav_writer_close(&peer->wav))
        peer_fail(peer, EXIT_NO_MEDIA, "--audio-out: the file could not be written");
    if (!peer->y4m.width) { /* nothing was seen: a file without pictures, of this side's size */
        peer->y4m.width = peer->video.width;
        peer->y4m.height = peer->video.height;
    }
    if (y4m_writer_close(&peer->y4m))
        peer_fail(peer, EXIT_NO_MEDIA, "--video-out: the file could not be written");
    if (peer->record && record_close(peer->record, &recorded))
        peer_fail(peer, EXIT_NO_MEDIA, "--record: the file could not be written");
    else if (peer->record && recorded == 0)
        peer_fail(peer, EXIT_NO_MEDIA, "--record: nothing was received");
    peer->record = NULL;
    if (peer->series && fclose(peer->series))
        peer_fail(peer, EXIT_NO_MEDIA, "--stats-series: the file could not be written");
    peer->series = NULL;
    if (peer->media.seen && fclose(peer->media.seen))
        peer_fail(peer, EXIT_NO_MEDIA, "--seen: the file could not be written");
    peer->media.seen = NULL;
    if (options->trace &&
        xcall_trace_write_json(options->trace, options->offer ? "offer" : "answer",
                               peer->traces.items, sizeof *peer->traces.items, peer->traces.count))
        peer_fail(peer, EXIT_NO_MEDIA, "--trace: the file could not be written");
    if (options->traces_raw && traces_write_raw(&peer->traces, options->traces_raw))
        peer_fail(peer, EXIT_NO_MEDIA, "--traces-raw: the file could not be written");
}

void files_write_stats(struct peer *peer, bool say)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "type", "stats", "role",
                               peer->options.offer ? "offer" : "answer", "version", xcall_version(),
                               "dependencies", xcall_dependency_versions(), "end_reason",
                               end_reason_name(peer->end_reason), "exit_code", peer->exit_code);
    stats_json_add(object, &peer->stats);
    json_object_set_new(object, "host", host_counters(peer));
    json_object_set_new(object, "error", peer->why[0] ? json_string(peer->why) : json_null());
    if (peer->options.stats &&
        json_dump_file(object, peer->options.stats, JSON_INDENT(2) | JSON_REAL_PRECISION(9)))
        peer_fail(peer, EXIT_NO_MEDIA, "--stats: the file could not be written");
    if (say)
        emit(object);
    else
        json_decref(object);
}

void progress_show(struct peer *peer, uint64_t now_ns)
{
    bool terminal = isatty(STDERR_FILENO);
    uint64_t every = terminal ? 200000000u : 1000000000u;
    if (!peer->options.progress || !peer->connected_ns)
        return;
    if (!peer->progress_ns)
        peer->progress_ns = peer->connected_ns;
    if (now_ns < peer->progress_ns + (peer->ended ? every / 2 : every))
        return;
    double span = (double)(now_ns - peer->progress_ns) / 1e9;
    uint64_t audio = peer->stats.audio_received.bytes_received;
    uint64_t video = peer->stats.video_received.bytes_received;
    double done = (double)(now_ns - peer->connected_ns) / 1e9, whole = peer->options.seconds;
    double audio_kbps = (double)(audio - peer->progress_audio) * 8e-3 / span;
    double video_kbps = (double)(video - peer->progress_video) * 8e-3 / span;
    char bar[PROGRESS_CELLS + 1] = "", clock[48];
    if (done > whole && whole > 0)
        done = whole;
    int filled = whole > 0 ? (int)(done / whole * PROGRESS_CELLS) : 0;
    for (int i = 0; i < PROGRESS_CELLS; i++)
        bar[i] = i < filled ? '#' : '.';
    snprintf(clock, sizeof clock, whole > 0 ? "%4.1f of %.0f s" : "%4.1f s", done, whole);
    fprintf(stderr, "%s%s%s%s   audio %3.0f kb/s   video %4.0f kb/s   round trip %.2f ms%s",
            terminal ? "\r  [" : "  ", terminal ? bar : "", terminal ? "] " : "", clock, audio_kbps,
            video_kbps, peer->stats.round_trip_time_ms, terminal ? "\x1b[K" : "\n");
    fflush(stderr);
    peer->progress_open = terminal;
    peer->progress_ns = now_ns;
    peer->progress_audio = audio;
    peer->progress_video = video;
}

void progress_end(struct peer *peer)
{
    if (peer->progress_open)
        fputc('\n', stderr);
    peer->progress_open = false;
}
