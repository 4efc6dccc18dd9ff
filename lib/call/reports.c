/* reports.c - RTCP of a session: what we report (SR, RR, SDES), what we ask for (NACK, PLI, FIR), and what
 * the peer's reports lead to. Regular reports are compound (RFC 3550 section 6.1); feedback goes out
 * at once, alone where both sides agreed on reduced size (RFC 5506), else behind a receiver report.
 * SPDX-License-Identifier: MIT */
#include "base/ntp.h"
#include "call/session_state.h"

#define LOSS_STEP_PERCENT 2 /* a smaller change of the encoder's loss setting is not worth it */

static uint64_t ntp_at(const struct xc_session *session, uint64_t now)
{
    return xc_ntp_from_unix_ns(session->unix_epoch + now);
}

uint64_t xc_session_round_trip(const struct xc_session *session)
{
    if (session->round_trip.count)
        return session->round_trip.smoothed;
    return xc_ice_round_trip(&session->ice);
}

static bool reduced_size(const struct xc_session *session)
{
    const struct xc_negotiation *n = &session->negotiation;
    for (int i = 0; i < n->media_count; i++)
        if (n->media[i].active && n->media[i].kind != XC_SDP_APPLICATION &&
            !n->media[i].reduced_size)
            return false; /* data has no RTCP, so no say in it */
    return true;
}

/* The SSRC that our receiver-side packets are sent from. */
static uint32_t own_ssrc(const struct xc_session *session)
{
    for (int track = XC_TRACKS - 1; track > 0; track--)
        if (session->in[track].active && session->out[track].section >= 0)
            return session->out[track].ssrc;
    int first = XC_AUDIO;
    while (first < XC_TRACKS - 1 && !session->out[first].present)
        first++;
    return session->out[first].ssrc;
}

/* --- in ------------------------------------------------------------------------------------- */

static struct xc_stream_out *stream_out(struct xc_session *session, uint32_t ssrc)
{
    for (int track = 0; track < XC_TRACKS; track++)
        if (session->out[track].present && session->out[track].ssrc == ssrc)
            return &session->out[track];
    return NULL;
}

/* In-band FEC prepares for the loss that the peer sees: up at once, down slowly, 0 when clean. */
static void follow_loss(struct xc_session *session, uint8_t fraction_lost)
{
    double percent = fraction_lost * 100.0 / 256.0;
    double weight = percent > session->loss_smoothed ? 0.5 : 0.15;
    session->loss_smoothed += (percent - session->loss_smoothed) * weight;
    uint32_t wanted = (uint32_t)XC_MIN(session->loss_smoothed + 0.5, 20.0);
    uint32_t set = session->audio_settings.loss_percent;
    if (wanted + LOSS_STEP_PERCENT > set && set + LOSS_STEP_PERCENT > wanted && wanted)
        return;
    if (wanted == set)
        return;
    session->audio_settings.loss_percent = wanted;
    xc_audio_send_set(session->roads.audio_send, &session->audio_settings);
}

static void input_reports(struct xc_session *session, uint64_t now,
                          const struct xc_rtcp_block *block)
{
    for (uint32_t i = 0; i < block->report_count; i++) {
        const struct xc_rtcp_report *report = &block->reports[i];
        struct xc_stream_out *out = stream_out(session, report->ssrc);
        if (!out)
            continue;
        xc_round_trip_report(&session->round_trip, ntp_at(session, now), report);
        out->remote_fraction_lost = report->fraction_lost;
        out->remote_cumulative_lost = report->cumulative_lost;
        out->remote_jitter = report->jitter;
        out->reported = true;
        if (out == &session->out[XC_AUDIO])
            follow_loss(session, report->fraction_lost);
    }
}

static void input_sender_report(struct xc_session *session, uint64_t now,
                                const struct xc_rtcp_block *block)
{
    for (int track = 0; track < XC_TRACKS; track++) {
        if (!session->in[track].active || session->in[track].ssrc != block->sender_ssrc)
            continue;
        xc_rtp_receiver_sr(session->in[track].rtp, now, block->ntp, block->rtp_timestamp,
                           block->packet_count, block->octet_count);
        if (block->ntp) { /* 0: no clock (RFC 3550 section 6.4.1) */
            session->sr_ntp = xc_ntp_to_ns(block->ntp);
            session->sr_arrived = now;
        }
    }
}

static void input_nack(struct xc_session *session, uint64_t now, const struct xc_rtcp_block *block)
{
    struct xc_stream_out *out = stream_out(session, block->media_ssrc);
    if (!out)
        return;
    out->nack_count++;
    xc_rtp_sender_nack(out->rtp, now, xc_session_round_trip(session), block->nacks,
                       block->nack_count);
}

/* What the peer would have us send at the most, until the next one. */
static void input_remb(struct xc_session *session, uint64_t now, const struct xc_rtcp_block *block)
{
    if (!block->remb)
        return;
    session->remb_at = now;
    if (block->remb_bps == session->remb_bps)
        return;
    session->remb_bps = XC_MAX(block->remb_bps, UINT64_C(1));
    xc_send_path_set_rate(session, now);
}

static void input_payload_feedback(struct xc_session *session, uint64_t now,
                                   const struct xc_rtcp_block *block)
{
    input_remb(session, now, block);
    for (int track = XC_VIDEO; track < XC_TRACKS; track++) {
        struct xc_stream_out *video = &session->out[track];
        if (!video->present)
            continue;
        if (block->format == XC_PSFB_PLI && block->media_ssrc == video->ssrc) {
            video->pli_count++;
            xc_send_video_want_key(session, now, track);
        }
        for (uint32_t i = 0; block->format == XC_PSFB_FIR && i < block->fir_count; i++) {
            if (block->firs[i].ssrc != video->ssrc)
                continue;
            video->fir_count++;
            if (video->sending) /* the encoder hears of it at the next service */
                xc_key_budget_fir(&xc_video_of(session, track)->keys, now,
                                  xc_session_round_trip(session), block->sender_ssrc,
                                  block->firs[i].sequence);
        }
    }
}

void xc_reports_input(struct xc_session *session, uint64_t now, struct xc_span packet)
{
    struct xc_rtcp_block block;
    size_t at = 0;
    if (!xc_rtcp_check(packet, true)) {
        session->count.rejected_malformed++;
        return;
    }
    xc_rtcp_schedule_size(&session->reports, packet.size);
    while (xc_rtcp_next(packet, &at, &block)) {
        switch (block.type) {
        case XC_RTCP_SR:
            input_sender_report(session, now, &block);
            input_reports(session, now, &block);
            break;
        case XC_RTCP_RR:
            input_reports(session, now, &block);
            break;
        case XC_RTCP_RTPFB:
            if (block.format == XC_RTPFB_NACK)
                input_nack(session, now, &block);
            break;
        case XC_RTCP_PSFB:
            input_payload_feedback(session, now, &block);
            break;
        default: /* BYE: the stream pauses by itself; the call ends by DTLS or a signal */
            break;
        }
    }
}

/* --- out ------------------------------------------------------------------------------------ */

static void write_regular(struct xc_session *session, uint64_t now, struct xc_writer *w)
{
    struct xc_rtcp_report reports[XC_TRACKS];
    size_t count = 0;
    bool sender = false;
    struct xc_span cname =
        xc_span_make(session->negotiation.config.cname, strlen(session->negotiation.config.cname));
    for (int track = 0; track < XC_TRACKS; track++)
        if (session->in[track].active &&
            xc_rtp_receiver_report(session->in[track].rtp, now, &reports[count]))
            count++;
    for (int track = 0; track < XC_TRACKS; track++) {
        struct xc_stream_out *out = &session->out[track];
        if (!out->present)
            continue;
        const struct xc_rtp_sender_counters *sent = xc_rtp_sender_counters(out->rtp);
        if (sent->packets_sent == out->packets_at_last_sr)
            continue; /* nothing sent since the last report: no sender (RFC 3550 section 6.4) */
        xc_rtcp_write_sr(
            w, out->ssrc, ntp_at(session, now), xc_rtp_sender_timestamp_at(out->rtp, now),
            (uint32_t)(sent->packets_sent - sent->repair_packets),
            (uint32_t)(sent->bytes_sent - sent->repair_bytes), reports, sender ? 0 : count);
        xc_rtcp_write_sdes_cname(w, out->ssrc, cname);
        out->packets_at_last_sr = sent->packets_sent;
        sender = true;
    }
    if (!sender) {
        xc_rtcp_write_rr(w, own_ssrc(session), reports, count);
        xc_rtcp_write_sdes_cname(w, own_ssrc(session), cname);
    }
}

static void write_bye(struct xc_session *session, uint64_t now, struct xc_writer *w)
{
    uint32_t ssrcs[XC_TRACKS];
    size_t count = 0;
    write_regular(session, now, w);
    for (int track = 0; track < XC_TRACKS; track++)
        if (session->out[track].present && session->out[track].section >= 0)
            ssrcs[count++] = session->out[track].ssrc;
    if (count)
        xc_rtcp_write_bye(w, ssrcs, count);
}

static void write_feedback_head(struct xc_session *session, struct xc_writer *w)
{
    if (reduced_size(session))
        return;
    xc_rtcp_write_rr(w, own_ssrc(session), NULL, 0);
    xc_rtcp_write_sdes_cname(
        w, own_ssrc(session),
        xc_span_make(session->negotiation.config.cname, strlen(session->negotiation.config.cname)));
}

/* When a key frame of this track is to be asked for; XC_NEVER: none is wanted. */
static uint64_t key_request_at(const struct xc_session *session, uint64_t now, int track)
{
    const struct xc_stream_in *video = &session->in[track];
    if (!xc_recv_path_receives(session, track) ||
        !xc_assemble_wants_key(session->video[track - XC_VIDEO].assemble))
        return XC_NEVER;
    uint64_t gap = XC_MAX(XC_PLI_INTERVAL_MIN, xc_session_round_trip(session) * 3 / 2);
    return video->last_key_request ? video->last_key_request + gap : now;
}

/* PLI where that was agreed on; FIR where only that was (RFC 5104 section 4.3.1), a number of its own
 * for each, since the answer to the one before should have come; a peer that speaks of neither is sent
 * PLI, which costs 12 bytes and may do. */
static void write_key_request(struct xc_session *session, struct xc_stream_in *in,
                              struct xc_writer *w)
{
    const struct xc_media_agreed *agreed = &session->negotiation.media[in->section];
    uint32_t feedback = 0;
    for (uint8_t i = 0; i < agreed->codec_count; i++)
        feedback |= agreed->codecs[i].feedback;
    if (!(feedback & XC_SDP_FB_PLI) && feedback & XC_SDP_FB_FIR) {
        in->fir_count++;
        xc_rtcp_write_fir(w, own_ssrc(session), in->ssrc, in->fir_sequence++);
        return;
    }
    in->pli_count++;
    xc_rtcp_write_pli(w, own_ssrc(session), in->ssrc);
}

/* NACKs and requests for key frames that are due, into one packet. */
static bool write_feedback(struct xc_session *session, uint64_t now, struct xc_writer *w)
{
    bool any = false;
    for (int track = 0; track < XC_TRACKS; track++) {
        struct xc_stream_in *in = &session->in[track];
        uint16_t sequences[XC_NACK_BATCH_MAX];
        if (!in->active)
            continue;
        size_t count = xc_rtp_receiver_nacks(in->rtp, now, xc_session_round_trip(session),
                                             sequences, XC_ARRAY_LEN(sequences));
        if (!count)
            continue;
        if (!any)
            write_feedback_head(session, w);
        any = true;
        in->nack_count++;
        xc_rtcp_write_nack(w, own_ssrc(session), in->ssrc, sequences, count);
    }
    for (int track = XC_VIDEO; track < XC_TRACKS; track++) {
        struct xc_stream_in *video = &session->in[track];
        if (now < key_request_at(session, now, track))
            continue;
        if (!any)
            write_feedback_head(session, w);
        any = true;
        video->last_key_request = now;
        write_key_request(session, video, w);
    }
    return any;
}

/* Transport-wide feedback stands alone, where it may: some senders overlook it in a compound. */
static bool write_arrivals(struct xc_session *session, uint64_t now, struct xc_writer *w)
{
    uint32_t media_ssrc = 0;
    if (!session->feedback_id || now < xc_transport_feedback_deadline(&session->feedback))
        return false;
    for (int track = 0; track < XC_TRACKS; track++)
        if (session->in[track].active)
            media_ssrc = session->in[track].ssrc;
    write_feedback_head(session, w);
    return xc_transport_feedback_write(&session->feedback, now, w, own_ssrc(session), media_ssrc);
}

static bool finish(struct xc_session *session, struct xc_writer *w, struct xc_datagram *out)
{
    if (w->failed)
        return false;
    out->size = w->size;
    return xc_srtp_protect_rtcp(session->srtp, out->data, &out->size, out->capacity) == XC_SRTP_OK;
}

bool xc_reports_output(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    if (!session->srtp || !xc_session_has_media(session) || !xc_transport_route(session, out))
        return false;
    struct xc_writer w = xc_writer_make(out->data, XC_MTU - xc_srtcp_overhead(session->srtp));

    if (session->bye_rtcp) {
        session->bye_rtcp = false;
        write_bye(session, now, &w);
        return finish(session, &w, out);
    }
    if (session->ending)
        return false;
    if (write_feedback(session, now, &w)) {
        xc_rtcp_schedule_size(&session->reports, w.size);
        return finish(session, &w, out);
    }
    w.size = 0;
    if (write_arrivals(session, now, &w))
        return finish(session, &w, out);
    w.size = 0;
    if (!xc_rtcp_schedule_due(&session->reports, now))
        return false;
    write_regular(session, now, &w);
    uint64_t bps = session->call.audio_bitrate_bps;
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        bps += session->out[track].sending ? session->video_bps : 0u;
    xc_rtcp_schedule_sent(&session->reports, now, &session->rng, w.size, bps);
    return finish(session, &w, out);
}

uint64_t xc_reports_deadline(const struct xc_session *session, uint64_t now)
{
    if (!session->srtp || !xc_session_has_media(session))
        return XC_NEVER;
    uint64_t at = xc_rtcp_schedule_deadline(&session->reports);
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        at = xc_earlier(at, key_request_at(session, now, track));
    if (session->feedback_id)
        at = xc_earlier(at, xc_transport_feedback_deadline(&session->feedback));
    return at;
}
