/* api_media.c - samples, pictures and encoded frames. The functions marked XCALL_REALTIME pin the
 * call, move data and unpin: no allocation, no lock; the writers may write one eventfd.
 * SPDX-License-Identifier: MIT */
#include "api/check.h"
#include "media/audio_mix.h"

#define READ_SECONDS_MAX 10u
#define READ_CHUNK 480u /* frames mixed at a time: 10 ms at 48 kHz, on the stack */

/* Of the track's kind, or a call's id; the screen's track is video too. */
static bool is_kind(xcall_id track, uint32_t kind)
{
    uint32_t number = xc_id_track(track);
    return number == 0 ||
           (kind == XCALL_KIND_VIDEO ? number >= kind && number <= 1 + XC_VIDEOS : number == kind);
}

static uint32_t video_of(xcall_id track)
{
    uint32_t number = xc_id_track(track);
    return number ? number - XCALL_KIND_VIDEO : 0;
}

int32_t xcall_audio_write(xcall_engine *engine, xcall_id track, const void *samples,
                          uint32_t frames, uint64_t capture_ns)
{
    struct xc_call *call;
    if (!samples || !frames || !is_kind(track, XCALL_KIND_AUDIO))
        return XCALL_E_INVALID;
    int32_t result = xc_enter(engine, track, &call);
    if (result != XCALL_OK)
        return result;
    struct xc_audio_send *send = call->roads.audio_send;
    if (!send || frames > call->config.audio_rate / 1000 * XC_AUDIO_SEND_RING_MS) {
        result = XCALL_E_INVALID;
    } else {
        uint64_t now = xc_engine_now(engine);
        uint64_t capture = xc_engine_from_host(engine, capture_ns);
        if (!xc_audio_send_write(send, now, capture, samples, frames))
            result = XCALL_E_AGAIN;
        if (xc_audio_send_worth_waking(send))
            xc_shard_notify(call);
    }
    xc_slot_unpin(call);
    return result;
}

/* Traces of the packets that this read played; the playout thread's own ring. */
static void log_played(struct xc_call *call, uint32_t rtp_ssrc)
{
    struct xc_audio_played played;
    while (xc_audio_recv_take_played(call->roads.audio_recv, &played)) {
        if (!call->played)
            continue;
        struct xcall_frame_trace *trace = xc_ring_write_slot(call->played);
        if (!trace)
            continue;
        *trace = (struct xcall_frame_trace){.kind = XCALL_KIND_AUDIO,
                                            .received = 1,
                                            .ssrc = rtp_ssrc,
                                            .rtp_timestamp = played.timestamp,
                                            .sequence = played.sequence,
                                            .bytes = played.bytes,
                                            .packets = 1,
                                            .received_first = played.received,
                                            .received_last = played.received,
                                            .assembled = played.inserted,
                                            .decode_start = played.decode_start,
                                            .decode_end = played.decode_end,
                                            .delivered = played.played};
        xc_ring_push(call->played);
    }
}

static void read_audio(struct xcall_engine *engine, struct xc_call *call, uint8_t *to,
                       uint32_t frames)
{
    float mixed[READ_CHUNK * XC_AUDIO_CHANNELS_MAX];
    const struct xcall_call_config *config = &call->config;
    uint32_t frame_size = config->audio_channels * (config->audio_sample == XCALL_SAMPLE_S16
                                                        ? (uint32_t)sizeof(int16_t)
                                                        : (uint32_t)sizeof(float));
    uint64_t (*clock)(void *) = engine->config.threads ? xc_engine_clock : NULL;
    uint64_t now = xc_engine_now(engine);
    for (uint32_t at = 0; at < frames;) {
        uint32_t n = XC_MIN(frames - at, READ_CHUNK);
        xc_audio_recv_read(call->roads.audio_recv, now, clock, engine, mixed, n, false);
        xc_audio_from_float(mixed, to + (size_t)at * frame_size, config->audio_sample,
                            n * config->audio_channels);
        at += n;
    }
}

int32_t xcall_audio_read(xcall_engine *engine, xcall_id track, void *samples, uint32_t frames)
{
    struct xc_call *call;
    if (!samples || !frames || !is_kind(track, XCALL_KIND_AUDIO))
        return XCALL_E_INVALID;
    int32_t result = xc_enter(engine, track, &call);
    if (result != XCALL_OK)
        return result;
    if (!call->roads.audio_recv || frames > call->config.audio_rate * READ_SECONDS_MAX) {
        result = XCALL_E_INVALID;
    } else {
        read_audio(engine, call, samples, frames);
        log_played(call, atomic_load_explicit(&call->ssrc[0], memory_order_relaxed));
    }
    xc_slot_unpin(call);
    return result;
}

void xcall_picture_init(xcall_picture *picture, uint32_t size)
{
    if (!picture || size < sizeof picture->size)
        return;
    memset(picture, 0, size);
    picture->size = size;
    if (size >= sizeof *picture)
        picture->pixel = XCALL_PIXEL_I420;
}

/* The host's picture as ours; false when it cannot be one. */
static bool take_picture(const struct xcall_picture *from, struct xc_picture *to)
{
    if (!from || from->size < sizeof *from || from->width < 2 || from->height < 2 ||
        from->rotation % 90 || from->rotation > 270 ||
        (from->pixel != XCALL_PIXEL_I420 && from->pixel != XCALL_PIXEL_NV12))
        return false;
    uint32_t half = (from->width + 1) / 2;
    bool nv12 = from->pixel == XCALL_PIXEL_NV12;
    *to = (struct xc_picture){.pixel = nv12 ? XC_PIXEL_NV12 : XC_PIXEL_I420,
                              .width = from->width,
                              .height = from->height,
                              .rotation = from->rotation};
    for (int i = 0; i < (nv12 ? 2 : 3); i++) {
        uint32_t least = i == 0 ? from->width : nv12 ? 2 * half : half;
        if (!from->planes[i] || from->strides[i] < least ||
            from->strides[i] > XC_PICTURE_STRIDE_MAX)
            return false;
        to->planes[i] = from->planes[i];
        to->strides[i] = from->strides[i];
    }
    return true;
}

int32_t xcall_video_write(xcall_engine *engine, xcall_id track, const xcall_picture *picture)
{
    struct xc_picture own;
    struct xc_call *call;
    if (!is_kind(track, XCALL_KIND_VIDEO) || !take_picture(picture, &own))
        return XCALL_E_INVALID;
    int32_t result = xc_enter(engine, track, &call);
    if (result != XCALL_OK)
        return result;
    uint32_t video = video_of(track);
    struct xc_video_send *send = call->roads.video_send[video];
    if (!send || !xc_video_send_write(send, xc_engine_now(engine),
                                      xc_engine_from_host(engine, picture->capture_ns), &own))
        result = XCALL_E_INVALID;
    else if (atomic_load_explicit(&call->encoder_wanted[video], memory_order_seq_cst))
        xc_worker_post(call, XC_JOB_ENCODE, video); /* before, the picture waits in its cell */
    xc_slot_unpin(call);
    return result;
}

static void log_delivered(struct xc_call *call, uint32_t video,
                          const struct xc_video_stamps *stamps)
{
    struct xcall_frame_trace *trace = call->delivered ? xc_ring_write_slot(call->delivered) : NULL;
    if (!trace)
        return;
    *trace = (struct xcall_frame_trace){
        .kind = XCALL_KIND_VIDEO,
        .received = 1,
        .ssrc = atomic_load_explicit(&call->ssrc[1 + video], memory_order_relaxed),
        .rtp_timestamp = stamps->timestamp,
        .sequence = stamps->sequence,
        .bytes = stamps->bytes,
        .packets = stamps->packets,
        .key = stamps->key,
        .received_first = stamps->first_received,
        .received_last = stamps->last_received,
        .assembled = stamps->assembled,
        .decode_start = stamps->decode_start,
        .decode_end = stamps->decode_end,
        .delivered = stamps->delivered};
    xc_ring_push(call->delivered);
}

static int32_t read_video(struct xcall_engine *engine, struct xc_call *call, uint32_t video,
                          struct xcall_picture *picture)
{
    struct xc_video_recv *recv = call->roads.video_recv[video];
    struct xc_video_stamps stamps;
    struct xc_picture own;
    uint32_t width, height, room_width = picture->width, room_height = picture->height;
    uint64_t now = xc_engine_now(engine);
    if (!xc_video_recv_peek(recv, now, &width, &height))
        return XCALL_E_AGAIN;
    picture->width = width;
    picture->height = height;
    if (width > room_width || height > room_height)
        return XCALL_E_TOO_SMALL;
    if (!take_picture(picture, &own)) {
        picture->width = room_width;
        picture->height = room_height;
        return XCALL_E_INVALID;
    }
    if (!xc_video_recv_read(recv, now, &own, &stamps))
        return XCALL_E_AGAIN;
    stamps.delivered = xc_engine_now(engine);
    picture->rotation = own.rotation;
    picture->capture_ns = stamps.capture;
    picture->rtp_timestamp = stamps.timestamp;
    log_delivered(call, video, &stamps);
    return XCALL_OK;
}

int32_t xcall_video_read(xcall_engine *engine, xcall_id track, xcall_picture *picture)
{
    struct xc_call *call;
    if (!is_kind(track, XCALL_KIND_VIDEO) || !picture || picture->size < sizeof *picture)
        return XCALL_E_INVALID;
    int32_t result = xc_enter(engine, track, &call);
    if (result != XCALL_OK)
        return result;
    uint32_t video = video_of(track);
    result =
        call->roads.video_recv[video] ? read_video(engine, call, video, picture) : XCALL_E_INVALID;
    xc_slot_unpin(call);
    return result;
}

void xcall_encoded_frame_init(xcall_encoded_frame *frame, uint32_t size)
{
    if (!frame || size < sizeof frame->size)
        return;
    memset(frame, 0, size);
    frame->size = size;
}

static int32_t read_encoded(struct xc_call *call, struct xcall_encoded_frame *frame, void *bytes,
                            size_t capacity)
{
    struct xc_byte_ring *ring = xc_session_encoded_ring(call->session);
    struct xcall_encoded_frame full;
    if (!ring)
        return XCALL_E_STATE;
    if (!xc_byte_ring_peek(ring, 0, &full, sizeof full))
        return XCALL_E_AGAIN;
    full.track |= xc_call_id(call); /* so far only the number */
    full.size = frame->size;
    xc_copy_sized(frame, &full, frame->size, sizeof full);
    if (full.bytes > capacity)
        return XCALL_E_TOO_SMALL;
    xc_byte_ring_skip(ring, sizeof full);
    xc_byte_ring_read(ring, bytes, (uint32_t)full.bytes);
    return XCALL_OK;
}

int32_t xcall_encoded_read(xcall_engine *engine, xcall_id id, xcall_encoded_frame *frame,
                           void *bytes, size_t capacity)
{
    struct xc_call *call;
    if (!frame || frame->size < sizeof frame->size || (!bytes && capacity))
        return XCALL_E_INVALID;
    int32_t result = xc_enter_ended(engine, id, &call);
    if (result != XCALL_OK)
        return result;
    xc_lock_take(&engine->control);
    result = read_encoded(call, frame, bytes, capacity);
    xc_lock_give(&engine->control);
    xc_slot_unpin(call);
    return result;
}
