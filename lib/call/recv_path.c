/* recv_path.c - the road in, in the order in which a packet travels it: parse, find its stream, count
 * and order it, hand it to its road. Runs on the shard, on packets that SRTP has authenticated.
 *
 *   RTP -> stream (SSRC, MID, payload type) -> rtp_receiver -> audio_recv ring
 *                                                           -> assemble -> video_recv ring
 *
 * SPDX-License-Identifier: MIT */
#include "base/ntp.h"
#include "call/session_state.h"
#include "proto/rtp_clock.h"

#define REPAIR_WAIT_MIN (300 * XC_NS_PER_MS)
#define STRAGGLER_TIME XC_NS_PER_S /* after a change of SSRC: the old one does not change it back */
#define REPAIR_WAIT_MAX (1500 * XC_NS_PER_MS)

static bool receives(const struct xc_media_agreed *agreed)
{
    return agreed->active && (agreed->direction & XC_SDP_RECVONLY) != 0;
}

bool xc_recv_path_receives(const struct xc_session *session, int track)
{
    const struct xc_stream_in *in = &session->in[track];
    return in->active && receives(&session->negotiation.media[in->section]);
}

static bool announces(const struct xc_media_agreed *agreed, uint32_t ssrc)
{
    for (uint32_t i = 0; i < agreed->remote_ssrc_count; i++)
        if (agreed->remote_ssrcs[i] == ssrc || agreed->repair_ssrcs[i] == ssrc)
            return true;
    return false;
}

/* By MID: the section, -1 when the packet carries none, -2 when it names no section of ours. */
static int find_by_mid(const struct xc_session *session, const struct xc_rtp *rtp)
{
    const struct xc_negotiation *n = &session->negotiation;
    int found = -1;
    for (int i = 0; i < n->media_count; i++) {
        const struct xc_media_agreed *agreed = &n->media[i];
        if (!receives(agreed) || !agreed->extension_ids[XC_EXT_MID])
            continue;
        struct xc_span mid = xc_rtp_extension_find(rtp, agreed->extension_ids[XC_EXT_MID]);
        if (!mid.data)
            continue;
        if (xc_span_equal_text(mid, agreed->mid))
            return i;
        found = -2;
    }
    return found;
}

/* RFC 9143 section 9.2: MID, then announced SSRC, then a payload type that only one section has. */
static int find_section(const struct xc_session *session, const struct xc_rtp *rtp)
{
    const struct xc_negotiation *n = &session->negotiation;
    int by_type = -1, type_count = 0;
    bool repair;
    int by_mid = find_by_mid(session, rtp);
    if (by_mid != -1)
        return by_mid;
    for (int i = 0; i < n->media_count; i++) {
        if (!receives(&n->media[i]))
            continue;
        if (announces(&n->media[i], rtp->ssrc))
            return i;
        if (xc_negotiate_codec_received(&n->media[i], rtp->payload_type, &repair)) {
            by_type = i;
            type_count++;
        }
    }
    return type_count == 1 ? by_type : -1;
}

/* Opus has NACK between two of us; a browser does not speak of it. */
static bool takes_nack(const struct xc_media_agreed *agreed)
{
    for (uint8_t i = 0; i < agreed->codec_count; i++)
        if (agreed->codecs[i].feedback & XC_SDP_FB_NACK)
            return true;
    return false;
}

void xc_recv_path_release(struct xc_session *session, int track)
{
    struct xc_stream_in *in = &session->in[track];
    if (!in->active)
        return;
    if (xc_track_is_video(track))
        xc_assemble_reset(xc_video_of(session, track)->assemble);
    else
        xc_audio_recv_reset(session->roads.audio_recv);
    in->capture_known = false;
    in->active = false;
    in->section = -1;
}

static void bind_stream(struct xc_session *session, uint64_t now, int track, int section,
                        uint32_t ssrc)
{
    struct xc_stream_in *in = &session->in[track];
    bool video = xc_track_is_video(track);
    in->left_ssrc = in->active ? in->ssrc : 0;
    in->bound_at = now;
    xc_recv_path_release(session, track);
    if (!video)
        xc_audio_red_in_init(&session->red_in, session->audio_codec);
    in->active = true;
    in->section = (int8_t)section;
    in->ssrc = ssrc;
    in->last_key_request = 0;
    session->work |= XC_WORK_STREAM;
    /* Audio waits a little for reordering and asks only while the answer can still be played. */
    struct xc_rtp_receiver_config config = {
        .ssrc = ssrc,
        .clock_rate = video ? 90000 : 48000,
        .nack = true,
        .nack_delay = video ? 5 * XC_NS_PER_MS : 10 * XC_NS_PER_MS,
        .nack_give_up = video ? 400 * XC_NS_PER_MS : 200 * XC_NS_PER_MS,
        .nack_retries_max = !takes_nack(&session->negotiation.media[section]) ? 0
                            : video                                           ? 10
                                                                              : 2,
    };
    xc_rtp_receiver_init(in->rtp, &config);
}

/* The stream of a packet by its SSRC, or by what binds an SSRC that is new. A payload type that was not
 * agreed on binds nothing, and neither does RTX: what it repairs is bound, and it belongs to the
 * section's stream. */
static struct xc_stream_in *find_stream(struct xc_session *session, uint64_t now,
                                        const struct xc_rtp *rtp, int *track)
{
    for (int t = 0; t < XC_TRACKS; t++) {
        struct xc_stream_in *in = &session->in[t];
        if (in->active && in->ssrc == rtp->ssrc) {
            *track = t;
            return receives(&session->negotiation.media[in->section]) ? in : NULL;
        }
    }
    int section = find_section(session, rtp);
    if (section < 0)
        return NULL;
    *track = xc_session_track_of(session, session->negotiation.want_of[section]);
    if (*track < 0)
        return NULL;
    struct xc_stream_in *in = &session->in[*track];
    bool repair;
    if (!xc_negotiate_codec_received(&session->negotiation.media[section], rtp->payload_type,
                                     &repair))
        return NULL;
    if (repair)
        return in->active && in->section == section ? in : NULL;
    if (in->active && rtp->ssrc == in->left_ssrc && now < in->bound_at + STRAGGLER_TIME)
        return NULL;
    bind_stream(session, now, *track, section, rtp->ssrc);
    return in;
}

/* RFC 4588: a packet of RTX becomes the one that it repeats. False: it carries none. */
static bool unwrap(const struct xc_session *session, const struct xc_stream_in *in,
                   struct xc_rtp *rtp, const struct xc_agreed_codec **codec)
{
    const struct xc_media_agreed *agreed = &session->negotiation.media[in->section];
    bool repair = false;
    *codec = xc_negotiate_codec_received(agreed, rtp->payload_type, &repair);
    return !repair || xc_rtp_unwrap_rtx(rtp, in->ssrc, (*codec)->receive_payload_type);
}

/* Every packet that has a number is reported, whatever becomes of it: a sender that hears nothing of
 * its repairs and probes takes them for lost (pitfall of many receivers). */
static void note_arrival(struct xc_session *session, const struct xc_rtp *rtp, size_t size)
{
    uint16_t sequence;
    if (session->feedback_id &&
        xc_ext_transport_read(xc_rtp_extension_find(rtp, session->feedback_id), &sequence))
        xc_transport_feedback_arrived(&session->feedback, session->arrived, sequence, size);
}

static void to_audio(struct xc_session *session, uint64_t now, const struct xc_rtp *rtp,
                     uint64_t sequence, const struct xc_agreed_codec *codec)
{
    struct xc_audio_packet frames[XC_RED_BLOCKS_MAX];
    struct xc_audio_packet packet = {.sequence = sequence,
                                     .timestamp = rtp->timestamp,
                                     .marker = rtp->marker,
                                     .received = now,
                                     .bytes = rtp->payload};
    if (!rtp->payload.size || codec->codec == XC_CODEC_TELEPHONE_EVENT)
        return;
    xc_frame_log_audio_received(session, now, sequence, rtp->timestamp, rtp->payload);
    if (codec->codec == XC_CODEC_OPUS) {
        xc_audio_red_in_note(&session->red_in, &packet);
        xc_audio_recv_push(session->roads.audio_recv, &packet);
        return;
    }
    int count = xc_audio_red_unwrap(&session->red_in, &packet, codec->receive_payload_type,
                                    codec->inner_receive, frames);
    for (int i = 0; i < count; i++)
        xc_audio_recv_push(session->roads.audio_recv, &frames[i]);
}

/* When the sender captured what bears this time stamp, on our clock; 0: not known yet. The peer's
 * clock is that of its newest sender report, which was half a round trip under way; when a frame was
 * captured is said by its header extension (once a second, so by the newest one) or by the stream's
 * sender report. */
static uint64_t capture_time(struct xc_session *session, uint64_t now, struct xc_stream_in *in,
                             uint32_t timestamp, const struct xc_rtp_values *values)
{
    uint64_t ntp;
    if (values->has_capture) {
        int64_t offset = values->has_capture_offset ? values->capture_offset : 0;
        in->capture_ntp = xc_ntp_to_ns(values->capture_ntp - (uint64_t)offset);
        in->capture_timestamp = timestamp;
        in->capture_known = true;
    }
    if (!session->sr_arrived)
        return 0;
    if (in->capture_known)
        ntp = in->capture_ntp +
              (uint64_t)xc_rtp_ticks_to_ns(xc_seq32_diff(timestamp, in->capture_timestamp),
                                           in->rtp->config.clock_rate);
    else if (!xc_rtp_receiver_capture_ntp(in->rtp, timestamp, &ntp))
        return 0;
    uint64_t said = session->sr_arrived - xc_session_round_trip(session) / 2;
    int64_t at = (int64_t)(said + ntp - session->sr_ntp); /* wraps as it should */
    return at > 0 ? XC_MIN((uint64_t)at, now) : 0;
}

static void to_video(struct xc_session *session, uint64_t now, int track, const struct xc_rtp *rtp,
                     uint64_t sequence, uint8_t codec)
{
    struct xc_stream_in *in = &session->in[track];
    struct xc_rtp_values values;
    xc_rtp_values_read(&values, rtp, session->negotiation.media[in->section].extension_ids);
    struct xc_assemble_packet packet = {.sequence = sequence,
                                        .timestamp = rtp->timestamp,
                                        .marker = rtp->marker,
                                        .received = now,
                                        .codec = codec,
                                        .has_rotation = values.has_rotation,
                                        .rotation = values.rotation,
                                        .capture =
                                            capture_time(session, now, in, rtp->timestamp, &values),
                                        .payload = rtp->payload};
    xc_assemble_push(xc_video_of(session, track)->assemble, now, &packet);
}

void xc_recv_path_rtp(struct xc_session *session, uint64_t now, struct xc_span bytes)
{
    const struct xc_agreed_codec *codec;
    struct xc_rtp rtp;
    int track = 0;
    uint64_t sequence;
    if (!xc_rtp_parse(&rtp, bytes)) {
        session->count.rejected_malformed++;
        return;
    }
    note_arrival(session, &rtp, bytes.size);
    struct xc_stream_in *in = find_stream(session, now, &rtp, &track);
    if (!in) {
        session->count.rejected_stream++;
        return;
    }
    if (!unwrap(session, in, &rtp, &codec))
        return; /* padding: a probe */
    if (!codec) {
        session->count.rejected_stream++;
        return;
    }
    in->codec = codec->codec;
    in->payload_type = codec->receive_payload_type;
    if (xc_rtp_receiver_input_from(in->rtp, now, session->arrived, &rtp, &sequence) != XC_RTP_NEW)
        return;
    if (track == XC_AUDIO)
        to_audio(session, now, &rtp, sequence, codec);
    else
        to_video(session, now, track, &rtp, sequence, codec->codec);
}

/* Lip sync is with the camera; a screen is shown as soon as it comes. */
static uint64_t play_after(const struct xc_session *session, int track)
{
    return track == XC_VIDEO ? session->sync.video_delay : 0;
}

static void hand_over_frames(struct xc_session *session, uint64_t now, int track)
{
    struct xc_video_state *video = xc_video_of(session, track);
    struct xc_video_recv *recv = xc_video_recv_of(session, track);
    uint64_t delay = play_after(session, track);
    struct xc_assembled info;
    video->frames_wait = false;
    while (xc_assemble_peek(video->assemble, now, &info)) {
        struct xc_video_in *slot = xc_video_recv_slot(recv);
        if (!slot) { /* the assembler holds more than the decoder's ring: wait in there */
            video->frames_wait = true;
            break;
        }
        if (info.size > slot->capacity) {
            xc_assemble_drop(video->assemble, now);
            continue;
        }
        xc_assemble_take(video->assemble, slot->bytes);
        slot->size = (uint32_t)info.size;
        slot->key = info.key;
        slot->codec = info.codec;
        slot->rotation = info.rotation;
        slot->play_at = delay ? info.last_received + delay : 0;
        slot->stamps = (struct xc_video_stamps){
            .sequence = info.first_sequence,
            .timestamp = info.timestamp,
            .first_received = info.first_received,
            .last_received = info.last_received,
            .assembled = xc_session_clock(session, now),
            .capture = info.capture,
            .bytes = (uint32_t)info.size,
            .packets = (uint32_t)(info.last_sequence - info.first_sequence + 1),
            .key = info.key};
        xc_frame_log_video_received(session, track, &info, xc_span_make(slot->bytes, info.size));
        xc_video_recv_push(recv);
        session->work |= XC_WORK_DECODE << (track - XC_VIDEO);
    }
}

/* A repair takes a round trip and may itself be lost: how long a gap may hold up the picture. */
static void follow_round_trip(struct xc_session *session, int track)
{
    uint64_t wait = REPAIR_WAIT_MIN + 5 * xc_session_round_trip(session) / 2;
    wait = XC_MIN(wait, REPAIR_WAIT_MAX);
    xc_rtp_receiver_set_give_up(session->in[track].rtp, wait);
    xc_assemble_set_wait(xc_video_of(session, track)->assemble, wait);
}

static void service_video(struct xc_session *session, uint64_t now, int track)
{
    struct xc_stream_in *in = &session->in[track];
    struct xc_video_state *video = xc_video_of(session, track);
    struct xc_video_recv *recv = xc_video_recv_of(session, track);
    uint64_t lost;
    if (!recv)
        return;
    if (xc_video_recv_take_key_request(recv))
        xc_assemble_need_key(video->assemble);
    if (in->active) {
        follow_round_trip(session, track);
        while (xc_rtp_receiver_take_given_up(in->rtp, &lost))
            xc_assemble_lost(video->assemble, now, lost);
        hand_over_frames(session, now, track);
        xc_rtp_receiver_settled(in->rtp, xc_assemble_settled(video->assemble));
    }
    /* Frames wait for the place of a picture that the host may have taken meanwhile. */
    if (xc_video_recv_waiting(recv))
        session->work |= XC_WORK_DECODE << (track - XC_VIDEO);
    uint64_t due = xc_video_recv_due(recv);
    if (due > now)
        video->picture_told = false;
    else if (!video->picture_told) {
        video->picture_told = true;
        session->work |= XC_WORK_PICTURE << (track - XC_VIDEO);
    }
}

static void service_sync(struct xc_session *session, uint64_t now)
{
    struct xc_stream_in *audio = &session->in[XC_AUDIO], *video = &session->in[XC_VIDEO];
    struct xc_audio_playout playout;
    struct xc_video_stamps stamps;
    uint64_t audio_ntp, video_ntp;
    if (now < session->sync_next || !audio->active || !session->roads.audio_recv)
        return;
    session->sync_next = now + 200 * XC_NS_PER_MS;
    if (!xc_audio_recv_playout(session->roads.audio_recv, &playout) || !playout.at)
        return;
    xc_rtp_receiver_settled(audio->rtp, playout.next_sequence);
    if (!video->active || !xc_video_recv_last(xc_video_recv_of(session, XC_VIDEO), &stamps) ||
        !xc_rtp_receiver_capture_ntp(audio->rtp, playout.rtp_timestamp, &audio_ntp) ||
        !xc_rtp_receiver_capture_ntp(video->rtp, stamps.timestamp, &video_ntp))
        return;
    xc_sync_update(&session->sync, now, audio_ntp, playout.at, video_ntp, stamps.delivered);
    xc_audio_recv_set_minimum_delay(session->roads.audio_recv, session->sync.audio_delay);
}

/* Silence that was agreed upon is no concealment. */
static void follow_direction(struct xc_session *session)
{
    int section = session->in[XC_AUDIO].section;
    if (section < 0 || !session->roads.audio_recv)
        return;
    bool active = receives(&session->negotiation.media[section]) && !session->hold_local;
    xc_audio_recv_set_active(session->roads.audio_recv, active);
}

void xc_recv_path_service(struct xc_session *session, uint64_t now)
{
    follow_direction(session);
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        service_video(session, now, track);
    service_sync(session, now);
}

uint64_t xc_recv_path_deadline(const struct xc_session *session, uint64_t now)
{
    uint64_t at = XC_NEVER;
    for (int track = 0; track < XC_TRACKS; track++) {
        if (!session->in[track].active)
            continue;
        at = xc_earlier(at, xc_rtp_receiver_deadline(session->in[track].rtp));
        if (!xc_track_is_video(track))
            continue;
        const struct xc_video_state *video = &session->video[track - XC_VIDEO];
        if (!video->frames_wait) /* else the worker says when to look again */
            at = xc_earlier(at, xc_assemble_deadline(video->assemble));
        uint64_t due = xc_video_recv_due(xc_video_recv_of(session, track));
        if (due > now)
            at = xc_earlier(at, due);
    }
    return at;
}
