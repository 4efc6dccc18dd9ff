/* call_media.c - sound, pictures and files of the call that goes on, by the machinery of xcall-peer.
 * Sources and files are opened anew for each call; a later call writes over what one before wrote.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../peer/stats_json.h"
#include "phone.h"

#define SAMPLE_NS 200000000u
#define VERDICT_NS 1000000000u
#define ENCODED_BYTES (8u << 20)
#define WIDTH_MAX 1280
#define HEIGHT_MAX 720

/* What examples/peer tells of a file or a flow that failed. */
void peer_fail(struct peer *peer, int exit_code, const char *sentence)
{
    if (peer->exit_code != EXIT_MEDIA)
        return;
    progress_end(peer);
    peer->exit_code = exit_code;
    snprintf(peer->why, sizeof peer->why, "%s", sentence);
    fprintf(stderr, "xcall-phone: %s\n", peer->why);
}

void phone_media_configure(const struct phone_options *options, xcall_call_config *config)
{
    const struct peer_options *media = &options->media;
    xcall_call_config_init(config, sizeof *config);
    config->video_tracks = media->no_video ? 0 : 1;
    config->video_direction = media->no_video ? XCALL_DIRECTION_NONE : XCALL_DIRECTION_BOTH;
    config->video_width = media->width ? media->width : 640;
    config->video_height = media->height ? media->height : 360;
    config->video_width_max = config->video_width > WIDTH_MAX ? config->video_width : WIDTH_MAX;
    config->video_height_max =
        config->video_height > HEIGHT_MAX ? config->video_height : HEIGHT_MAX;
    config->video_frame_rate = media->frame_rate ? media->frame_rate : 30;
    if (media->audio_bitrate_kbps)
        config->audio_bitrate_bps = media->audio_bitrate_kbps * 1000;
    if (media->video_bitrate_kbps)
        config->video_bitrate_bps = media->video_bitrate_kbps * 1000;
    if (media->trace || media->traces_raw)
        config->trace_frames = TRACES_RING;
    if (media->record)
        config->encoded_bytes = ENCODED_BYTES;
}

static bool is_video(const struct phone_call *call)
{
    return call->flags & XCALL_LIFE_VIDEO;
}

void phone_media_start(struct phone *phone, const struct phone_call *call)
{
    struct peer *peer = &phone->media;
    if (phone->media_of)
        return;
    memset(peer, 0, sizeof *peer);
    peer->options = phone->options.media;
    peer->options.offer = call->flags & XCALL_LIFE_OUTGOING;
    if (!is_video(call)) { /* of an audio call no picture is written or read */
        peer->options.no_video = true;
        peer->options.pictures = peer->options.video_out = NULL;
    }
    peer->stats.size = sizeof peer->stats;
    peer->engine = peer->media.engine = phone->engine;
    peer->call = peer->media.call = call->media;
    phone->media_of = call->id;
    if (files_open(peer) || peer->audio.rate != 48000 || peer->audio.channels != 1 ||
        peer->audio.is_float) {
        if (!peer->exit_code)
            peer_fail(peer, EXIT_BAD_USE,
                      "--audio-in: xcall-phone takes 48000 Hz, one channel, "
                      "16 bits");
        phone_fail(phone, "the call has no media: %s", peer->why);
        xcall_client_hang_up(phone->client, call->id);
        return;
    }
    peer->flow.asked[FLOW_AUDIO_SENT] = peer->flow.asked[FLOW_AUDIO_RECEIVED] = true;
    peer->flow.asked[FLOW_VIDEO_SENT] = peer->flow.asked[FLOW_VIDEO_RECEIVED] = is_video(call);
    peer->media_started = true;
    if (media_start(&peer->media) ||
        (is_video(call) && media_write_video(&peer->media, VIDEO_CAMERA)))
        phone_fail(phone, "cannot start the media threads");
}

void phone_media_connected(struct phone *phone)
{
    struct peer *peer = &phone->media;
    if (!peer->media_started || peer->connected_ns)
        return;
    peer->connected_ns = xcall_now_ns();
    atomic_store(&peer->media.connected, true);
}

/* Before the client looks at it: after ENDED its statistics can be read once more. */
void phone_media_event(struct phone *phone, const xcall_event *event)
{
    struct peer *peer = &phone->media;
    if (!phone->media_of || event->call != peer->call || event->type >= XCALL_EVENT_LIBRARY)
        return;
    switch (event->type) {
    case XCALL_EVENT_PICTURE:
        media_take_pictures(&peer->media);
        break;
    case XCALL_EVENT_REMOTE:
        peer->flow.held = (event->flags & XCALL_REMOTE_HOLD) != 0;
        break;
    case XCALL_EVENT_TRACK:
        peer->flow.idle[event->track == peer->media.videos[VIDEO_CAMERA].track ? FLOW_VIDEO_SENT
                                                                               : FLOW_AUDIO_SENT] =
            !(event->flags & XCALL_DIRECTION_SEND);
        peer->flow
            .idle[event->track == peer->media.videos[VIDEO_CAMERA].track ? FLOW_VIDEO_RECEIVED
                                                                         : FLOW_AUDIO_RECEIVED] =
            !(event->flags & XCALL_DIRECTION_RECV);
        break;
    case XCALL_EVENT_ENDED:
        phone_media_stop(phone, event->reason, event->text ? event->text : "");
        break;
    default:
        break;
    }
}

void phone_media_tick(struct phone *phone, uint64_t now_ns)
{
    struct peer *peer = &phone->media;
    if (!phone->media_of || !peer->media_started)
        return;
    if (now_ns >= peer->sampled_ns + SAMPLE_NS) {
        peer->sampled_ns = now_ns;
        files_collect(peer, now_ns);
    }
    progress_show(peer, now_ns);
    double seconds = peer->options.seconds;
    if (peer->connected_ns && seconds > 0 && !peer->hanging_up &&
        now_ns >= peer->connected_ns + (uint64_t)(seconds * 1e9)) {
        xcall_id call = phone->media_of;
        phone_media_hang_up(phone);
        xcall_client_hang_up(phone->client, call);
    }
}

void phone_media_hang_up(struct phone *phone)
{
    struct peer *peer = &phone->media;
    if (!phone->media_of || peer->hanging_up)
        return;
    peer->hanging_up = true;
    peer->hang_up_ns = xcall_now_ns();
    files_collect(peer, peer->hang_up_ns);
}

void phone_media_stop(struct phone *phone, uint32_t reason, const char *text)
{
    struct peer *peer = &phone->media;
    char sentence[384];
    if (!phone->media_of)
        return;
    peer->ended = true;
    peer->end_reason = reason;
    snprintf(peer->end_text, sizeof peer->end_text, "%s", text);
    if (!peer->hang_up_ns)
        peer->hang_up_ns = xcall_now_ns();
    if (peer->media_started) {
        files_collect(peer, peer->hang_up_ns);
        media_take_pictures(&peer->media);
        media_stop(&peer->media);
        progress_show(peer, xcall_now_ns());
        progress_end(peer);
        /* Who hangs up at once has heard nothing, and that is no fault. */
        if (peer->connected_ns && peer->hang_up_ns > peer->connected_ns + VERDICT_NS &&
            flow_verdict(&peer->flow, sentence, sizeof sentence))
            peer_fail(peer, EXIT_NO_MEDIA, sentence);
    }
    files_close(peer);
    if (peer->media_started)
        files_write_stats(peer, false);
    if (peer->exit_code)
        phone->exit_code = EXIT_FAILED;
    audio_source_close(&peer->audio);
    video_source_close(&peer->video);
    video_source_close(&peer->screen);
    traces_free(&peer->traces);
    free(peer->encoded);
    phone->media_of = 0;
}
