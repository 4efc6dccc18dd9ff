/* record.c - received Opus and VP8 frames into a WebM file by libavformat.
 *
 * Frames are held for a second before they are written: late ones find their place, and the first
 * second tells how the two RTP clocks lie to each other.
 *
 *      pts = rtp time + smallest (arrival - rtp time) of the stream's first second
 *
 * The smallest difference belongs to the frame that waited least on its way; audio and video of a
 * sender are then aligned to within the difference of their shortest delays.
 *
 * SPDX-License-Identifier: MIT */
#include "record.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_US 1000000
#define WAIT_FOR_VIDEO_US 8000000
#define HELD_MAX 4096
#define OPUS_PRE_SKIP 312      /* samples at 48 kHz that a decoder drops first, RFC 7845 4.2 */
#define OPUS_SEEK_PREROLL 3840 /* 80 ms, RFC 7845 4.6 */
#define OPUS_TOC_STEREO 0x04   /* RFC 6716 3.1 */

enum { AUDIO = 0, VIDEO = 1, STREAMS = 2 };

struct held {
    int64_t rtp_us; /* unwrapped RTP time of this stream */
    int64_t arrival_us;
    bool key;
    uint8_t *bytes; /* owned */
    int size;
};

struct track {
    struct held held[HELD_MAX]; /* by rtp_us */
    uint32_t count;
    bool begun, wrote;
    uint32_t last_timestamp;
    int64_t unwrapped; /* in units of the RTP clock */
    int64_t offset_us; /* smallest arrival - rtp time before the header was written */
    int64_t last_pts_ms;
    uint32_t width, height;
    AVStream *stream;
};

struct record {
    AVFormatContext *context;
    bool with_video, header_written, failed;
    int64_t first_us, newest_us, base_us;
    uint64_t written;
    struct track tracks[STREAMS];
};

struct record *record_open(const char *path, bool with_video, char *error, size_t error_size)
{
    struct record *record = calloc(1, sizeof *record);
    int result = record ? avformat_alloc_output_context2(&record->context, NULL, "webm", path)
                        : AVERROR(ENOMEM);
    if (result >= 0)
        result = avio_open(&record->context->pb, path, AVIO_FLAG_WRITE);
    if (result >= 0) {
        record->with_video = with_video;
        return record;
    }
    char words[128] = "";
    av_strerror(result, words, sizeof words);
    snprintf(error, error_size, "%s: %s", path, words);
    if (record)
        avformat_free_context(record->context);
    free(record);
    return NULL;
}

static int set_extradata(AVCodecParameters *parameters, const uint8_t *bytes, int size)
{
    parameters->extradata = av_mallocz((size_t)size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!parameters->extradata)
        return -1;
    memcpy(parameters->extradata, bytes, (size_t)size);
    parameters->extradata_size = size;
    return 0;
}

static int add_audio(struct record *record, struct track *track)
{
    uint8_t channels = track->held[0].bytes[0] & OPUS_TOC_STEREO ? 2 : 1;
    const uint8_t head[19] = {'O',
                              'p',
                              'u',
                              's',
                              'H',
                              'e',
                              'a',
                              'd',
                              1,
                              channels,
                              OPUS_PRE_SKIP & 0xFF,
                              OPUS_PRE_SKIP >> 8,
                              0x80,
                              0xBB,
                              0,
                              0};
    track->stream = avformat_new_stream(record->context, NULL);
    if (!track->stream)
        return -1;
    AVCodecParameters *parameters = track->stream->codecpar;
    parameters->codec_type = AVMEDIA_TYPE_AUDIO;
    parameters->codec_id = AV_CODEC_ID_OPUS;
    parameters->sample_rate = 48000;
    parameters->initial_padding = OPUS_PRE_SKIP;
    parameters->seek_preroll = OPUS_SEEK_PREROLL;
    av_channel_layout_default(&parameters->ch_layout, channels);
    return set_extradata(parameters, head, sizeof head);
}

static int add_video(struct record *record, struct track *track)
{
    track->stream = avformat_new_stream(record->context, NULL);
    if (!track->stream)
        return -1;
    track->stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    track->stream->codecpar->codec_id = AV_CODEC_ID_VP8;
    track->stream->codecpar->width = (int)track->width;
    track->stream->codecpar->height = (int)track->height;
    return 0;
}

static void drop_first(struct track *track, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(track->held[i].bytes);
    track->count -= count;
    memmove(track->held, track->held + count, track->count * sizeof *track->held);
}

/* A player can begin only at a key frame. */
static void drop_before_key(struct track *track)
{
    uint32_t first = 0;
    while (first < track->count && !track->held[first].key)
        first++;
    drop_first(track, first);
}

static void write_header(struct record *record)
{
    struct track *audio = &record->tracks[AUDIO], *video = &record->tracks[VIDEO];
    int64_t base = INT64_MAX;
    drop_before_key(video);
    if (audio->count && add_audio(record, audio))
        record->failed = true;
    if (video->count && add_video(record, video))
        record->failed = true;
    for (int i = 0; i < STREAMS; i++) {
        struct track *track = &record->tracks[i];
        if (track->count && track->held[0].rtp_us + track->offset_us < base)
            base = track->held[0].rtp_us + track->offset_us;
    }
    record->base_us = base;
    record->header_written = true;
    if (record->failed || avformat_write_header(record->context, NULL) < 0)
        record->failed = true;
}

static void write_frame(struct record *record, struct track *track, const struct held *held)
{
    AVPacket *packet = av_packet_alloc();
    int64_t pts = (held->rtp_us + track->offset_us - record->base_us) / 1000;
    if (!packet || av_new_packet(packet, held->size) < 0) {
        record->failed = true;
    } else if (pts >= 0 && (!track->wrote || pts > track->last_pts_ms)) {
        memcpy(packet->data, held->bytes, (size_t)held->size);
        packet->stream_index = track->stream->index;
        packet->pts = packet->dts = pts;
        packet->flags = held->key ? AV_PKT_FLAG_KEY : 0;
        track->last_pts_ms = pts;
        track->wrote = true;
        av_packet_rescale_ts(packet, (AVRational){1, 1000}, track->stream->time_base);
        if (av_interleaved_write_frame(record->context, packet) < 0)
            record->failed = true;
        else
            record->written++;
    }
    av_packet_free(&packet);
}

/* Writes what arrived before `until_us`. */
static void release(struct record *record, int64_t until_us)
{
    for (int i = 0; i < STREAMS; i++) {
        struct track *track = &record->tracks[i];
        uint32_t count = 0;
        if (!track->stream) {
            drop_first(track, track->count);
            continue;
        }
        while (count < track->count && !record->failed &&
               (track->held[count].arrival_us < until_us || track->count - count > HELD_MAX / 2)) {
            write_frame(record, track, &track->held[count]);
            count++;
        }
        drop_first(track, count);
    }
}

static bool header_due(const struct record *record)
{
    const struct track *video = &record->tracks[VIDEO];
    int64_t waited = record->newest_us - record->first_us;
    if (waited < HOLD_US)
        return false;
    if (!record->with_video || waited > WAIT_FOR_VIDEO_US)
        return true;
    return video->count && video->width && record->newest_us - video->held[0].arrival_us >= HOLD_US;
}

static void insert(struct track *track, const struct held *held)
{
    uint32_t at = track->count;
    while (at > 0 && track->held[at - 1].rtp_us > held->rtp_us)
        at--;
    memmove(track->held + at + 1, track->held + at, (track->count - at) * sizeof *held);
    track->held[at] = *held;
    track->count++;
}

static void size_of_key_frame(struct track *track, const xcall_encoded_frame *frame,
                              const uint8_t *bytes)
{
    if (track->width || !frame->key || frame->bytes < 10)
        return;
    track->width = frame->width;
    track->height = frame->height;
    if (track->width == 0) { /* from the frame itself, RFC 6386 9.1 */
        track->width = (bytes[6] | (uint32_t)bytes[7] << 8) & 0x3FFF;
        track->height = (bytes[8] | (uint32_t)bytes[9] << 8) & 0x3FFF;
    }
}

void record_push(struct record *record, const xcall_encoded_frame *frame, const void *bytes)
{
    struct track *track = &record->tracks[frame->kind == XCALL_KIND_VIDEO ? VIDEO : AUDIO];
    struct held held = {.arrival_us = (int64_t)(frame->time_ns / 1000),
                        .key = frame->kind == XCALL_KIND_AUDIO || frame->key,
                        .bytes = malloc(frame->bytes ? (size_t)frame->bytes : 1),
                        .size = (int)frame->bytes};
    if (record->failed || !held.bytes || frame->bytes == 0 || frame->clock_rate == 0 ||
        track->count == HELD_MAX) {
        free(held.bytes);
        return;
    }
    memcpy(held.bytes, bytes, (size_t)frame->bytes);
    if (track->begun)
        track->unwrapped += (int32_t)(frame->rtp_timestamp - track->last_timestamp);
    track->last_timestamp = frame->rtp_timestamp;
    held.rtp_us = track->unwrapped * 1000000 / frame->clock_rate;
    int64_t offset = held.arrival_us - held.rtp_us;
    if (!track->begun || (!record->header_written && offset < track->offset_us))
        track->offset_us = offset;
    track->begun = true;
    if (record->first_us == 0)
        record->first_us = held.arrival_us;
    if (held.arrival_us > record->newest_us)
        record->newest_us = held.arrival_us;
    if (frame->kind == XCALL_KIND_VIDEO)
        size_of_key_frame(track, frame, held.bytes);
    insert(track, &held);
    if (!record->header_written && header_due(record))
        write_header(record);
    if (record->header_written)
        release(record, record->newest_us - HOLD_US);
}

int record_close(struct record *record, uint64_t *frames)
{
    if (!record->header_written && (record->tracks[AUDIO].count || record->tracks[VIDEO].count))
        write_header(record);
    if (record->header_written) {
        release(record, INT64_MAX);
        if (!record->failed && av_write_trailer(record->context) < 0)
            record->failed = true;
    }
    for (int i = 0; i < STREAMS; i++)
        drop_first(&record->tracks[i], record->tracks[i].count);
    if (avio_closep(&record->context->pb) < 0)
        record->failed = true;
    int result = record->failed ? -1 : 0;
    *frames = record->written;
    avformat_free_context(record->context);
    free(record);
    return result;
}
