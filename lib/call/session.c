/* session.c - a session's life: service, state, wishes of the host, end, deadline. See session_state.h
 * for the files that make up the rest.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"

void xc_session_destroy(struct xc_session *session)
{
    if (!session)
        return;
    for (int i = 0; i < XC_VIDEOS; i++) {
        xc_video_send_destroy(session->roads.video_send[i]);
        xc_video_recv_destroy(session->roads.video_recv[i]);
    }
    xc_srtp_destroy(session->srtp);
    xc_dtls_destroy(session->dtls);
    xc_wipe(&session->ice, sizeof session->ice);
    if (session->relays)
        xc_wipe(session->relays, sizeof *session->relays);
    xc_wipe(&session->rng, sizeof session->rng);
}

const struct xc_session_roads *xc_session_roads(const struct xc_session *session)
{
    return &session->roads;
}

/* A public track number as an index; -1 where the call has none such. */
static int index_of(const struct xc_session *session, uint32_t track)
{
    return track >= 1 && track <= XC_TRACKS && session->out[track - 1].present ? (int)track - 1
                                                                               : -1;
}

uint32_t xc_session_ssrc(const struct xc_session *session, uint32_t track, bool received)
{
    int index = index_of(session, track);
    return index < 0 ? 0 : received ? session->in[index].ssrc : session->out[index].ssrc;
}

uint32_t xc_session_flows(const struct xc_session *session, uint32_t track)
{
    int index = index_of(session, track);
    return index < 0 ? XCALL_DIRECTION_NONE : session->flows[index];
}

bool xc_session_add_local(struct xc_session *session, const struct xc_addr *base,
                          uint16_t preference)
{
    bool usable = session->relay_only ? session->allow_loopback || !xc_addr_is_loopback(base)
                                      : xc_ice_add_local(&session->ice, base, preference) >= 0;
    if (usable && session->base_count < XC_ARRAY_LEN(session->bases))
        session->bases[session->base_count++] = (struct xc_base){*base, preference};
    return usable;
}

/* --- life ----------------------------------------------------------------------------------- */

void xc_session_set_state(struct xc_session *session, uint32_t state)
{
    if (session->state == state || session->state == XCALL_STATE_ENDED)
        return;
    session->state = state;
    session->work |= XC_WORK_STATE;
}

void xc_session_end(struct xc_session *session, uint32_t reason)
{
    if (session->state == XCALL_STATE_ENDED)
        return;
    session->reason = reason;
    /* Once: a hang-up has raised it already, and may have handed it out. */
    if (!session->ending && reason != XCALL_END_REMOTE_HANG_UP)
        session->bye_signal = true;
    for (int track = 0; track < XC_TRACKS; track++)
        session->out[track].sending = false;
    xc_data_port_end(session->data);
    xc_session_set_state(session, XCALL_STATE_ENDED);
}

/* Ends after BYE and close_notify went out; see xc_session_output. */
void xc_session_hang_up(struct xc_session *session, uint64_t now, uint32_t reason)
{
    if (session->state == XCALL_STATE_ENDED || session->ending)
        return;
    (void)now;
    session->ending = true;
    session->reason = reason;
    session->bye_rtcp = session->bye_dtls = session->secure;
    session->bye_signal = true;
    for (int track = 0; track < XC_TRACKS; track++)
        session->out[track].sending = false;
}

void xc_session_set_hold(struct xc_session *session, uint64_t now, bool hold)
{
    if (session->hold_local == hold || session->ending)
        return;
    session->hold_local = hold;
    session->negotiation.hold_local = hold;
    if (session->described)
        session->offer_needed = true;
    xc_send_path_update(session, now);
}

void xc_session_set_mute(struct xc_session *session, uint32_t number, bool mute)
{
    int track = index_of(session, number);
    if (track < 0)
        return;
    session->out[track].muted = mute;
    if (track == XC_AUDIO) {
        xc_audio_send_mute(session->roads.audio_send, mute);
        return;
    }
    xc_video_send_mute(xc_video_send_of(session, track), mute);
    session->work |= XC_WORK_ENCODE << (track - XC_VIDEO);
}

void xc_session_set_direction(struct xc_session *session, uint64_t now, uint32_t number,
                              uint32_t direction)
{
    int track = index_of(session, number);
    if (track < 0 || session->ending)
        return;
    struct xc_negotiation *n = &session->negotiation;
    struct xc_media_want *want = &n->wants[session->want_of[track]];
    want->direction = (uint8_t)direction;
    want->accept = XC_SDP_INACTIVE; /* from now on it is as the host says */
    n->want_refused[session->want_of[track]] = false;
    if (session->offerer || session->described)
        session->offer_needed = true;
    xc_send_path_update(session, now);
}

void xc_session_relay_only(struct xc_session *session, uint64_t now)
{
    struct xc_candidate candidate;
    uint32_t given = 0;
    if (session->relay_only || session->state == XCALL_STATE_ENDED)
        return;
    session->relay_only = true;
    for (uint32_t i = 0; i < session->candidates_given; i++) {
        xc_ice_local(&session->ice, i, &candidate);
        given += candidate.type == XC_CANDIDATE_RELAY;
    }
    session->candidates_given = given; /* of those that stay */
    xc_ice_relay_only(&session->ice, now);
}

void xc_session_restart_ice(struct xc_session *session, uint64_t now)
{
    (void)now;
    if (session->ending || !session->negotiation.answered_once)
        return;
    session->restart_needed = session->offer_needed = true;
}

void xc_session_request_key(struct xc_session *session, uint64_t now, uint32_t number)
{
    int track = index_of(session, number);
    (void)now;
    if (track >= XC_VIDEO)
        xc_assemble_need_key(xc_video_of(session, track)->assemble);
}

void xc_session_send_dtmf(struct xc_session *session, struct xc_span digits, uint32_t duration_ms,
                          uint32_t gap_ms)
{
    xc_dtmf_queue(&session->dtmf, (const char *)digits.data, digits.size, duration_ms, gap_ms);
}

bool xc_session_next_lookup(struct xc_session *session, char name[XC_DNS_LOCAL_MAX + 1])
{
    return session->state != XCALL_STATE_ENDED && !session->ending && !session->relay_only &&
           xc_lookups_next(&session->lookups, name);
}

void xc_session_lookup_done(struct xc_session *session, uint64_t now, const char *name,
                            const struct xc_addr *addresses, uint32_t count)
{
    if (session->state != XCALL_STATE_ENDED && !session->ending)
        xc_lookups_done(&session->lookups, &session->ice, now, name, addresses, count);
}

void xc_session_send_failed(struct xc_session *session)
{
    session->count.send_errors++;
}

void xc_session_service(struct xc_session *session, uint64_t now)
{
    if (session->state == XCALL_STATE_ENDED)
        return;
    xc_transport_service(session, now);
    if (session->state == XCALL_STATE_ENDED)
        return;
    xc_data_port_turn(session->data);
    xc_send_path_service(session, now);
    xc_recv_path_service(session, now);
}

/* The last datagrams of a call: BYE, then close_notify (or the alert of a failed handshake). */
static bool output_goodbye(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    if (session->ending && xc_reports_output(session, now, out))
        return true;
    if (session->bye_dtls) {
        session->bye_dtls = false;
        xc_dtls_close(session->dtls, now);
    }
    if (xc_dtls_started(session->dtls) && xc_transport_route(session, out)) {
        out->size = xc_dtls_output(session->dtls, now, out->data, XC_MTU);
        if (out->size)
            return true;
    }
    if (session->ending)
        xc_session_end(session, session->reason);
    return false;
}

static bool output_any(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    if (!session->ending && session->state != XCALL_STATE_ENDED)
        return xc_relays_output(session, now, out) || xc_transport_output(session, now, out) ||
               xc_send_path_output(session, now, out) || xc_reports_output(session, now, out) ||
               xc_transport_output_data(session, now, out);
    if (output_goodbye(session, now, out))
        return true;
    xc_relays_close(session, now); /* behind what still went by them */
    return xc_relays_output(session, now, out);
}

bool xc_session_output(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    do {
        if (!output_any(session, now, out))
            return false;
    } while (!xc_relays_leave(session, now, out)); /* lost, like others on the way */
    session->count.packets_sent++;
    session->count.bytes_sent += out->size;
    return true;
}

uint64_t xc_session_deadline(const struct xc_session *session, uint64_t now)
{
    if (session->state == XCALL_STATE_ENDED)
        return XC_NEVER;
    struct xc_addr local, remote;
    if (xc_data_port_pending(session->data) && !session->data->burst)
        return now; /* more than one turn's worth: media and sockets came between */
    uint64_t at = xc_transport_deadline(session, now);
    for (int i = 0; i < XC_VIDEOS; i++)
        if (session->video[i].prepare_at)
            at = xc_earlier(at, session->video[i].prepare_at);
    if (!xc_ice_selected(&session->ice, &local, &remote))
        return at; /* nothing else could go out */
    at = xc_earlier(at, xc_send_path_deadline(session, now));
    at = xc_earlier(at, xc_recv_path_deadline(session, now));
    return xc_earlier(at, xc_reports_deadline(session, now));
}

uint32_t xc_session_take_work(struct xc_session *session)
{
    uint32_t work = session->work;
    if (xc_data_port_take_work(session->data))
        work |= XC_WORK_DATA;
    for (int i = 0; i < XC_VIDEOS; i++)
        if (session->video[i].prepare_at) /* it will be raised when the time has come */
            work &= ~((uint32_t)XC_WORK_ENCODE << i);
    session->work = 0;
    return work;
}

uint32_t xc_session_state(const struct xc_session *session)
{
    return session->state;
}

uint32_t xc_session_reason(const struct xc_session *session)
{
    return session->reason;
}

const char *xc_session_reason_text(const struct xc_session *session)
{
    return session->reason_text;
}

bool xc_session_remote_hold(const struct xc_session *session)
{
    return session->hold_remote_told;
}

bool xc_session_frames_wait(const struct xc_session *session, uint32_t video)
{
    return session->video[video].frames_wait;
}

bool xc_session_secure(const struct xc_session *session)
{
    return session->secure;
}

struct xc_data_port *xc_session_data_port(struct xc_session *session)
{
    return session->data;
}

struct xc_ring *xc_session_trace_ring(struct xc_session *session)
{
    return session->traces;
}

struct xc_byte_ring *xc_session_encoded_ring(struct xc_session *session)
{
    return session->encoded;
}
