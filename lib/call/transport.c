/* transport.c - a session's transport: what a datagram is and whether it may come in (RFC 7983), ICE,
 * then DTLS on the pair that ICE proved, then SRTP keys out of DTLS (RFC 5764). Nothing but ICE
 * checks leaves before a pair is proved, and no media before the fingerprint matched.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"

static void follow_dtls(struct xc_session *session, uint64_t now);
static void open_data(struct xc_session *session);

static void input_srtp(struct xc_session *session, uint64_t now, int kind, uint8_t *bytes,
                       size_t size)
{
    if (!session->srtp) {
        session->count.rejected_early++;
        return;
    }
    int verdict = kind == XC_DATAGRAM_RTP ? xc_srtp_unprotect(session->srtp, bytes, &size)
                                          : xc_srtp_unprotect_rtcp(session->srtp, bytes, &size);
    switch (verdict) {
    case XC_SRTP_OK:
        break;
    case XC_SRTP_BAD_AUTH:
        session->count.rejected_auth++;
        return;
    case XC_SRTP_REPLAY:
        session->count.rejected_replay++;
        return;
    case XC_SRTP_EXPIRED:
        xc_session_end(session, XCALL_END_FAILED);
        return;
    default:
        session->count.rejected_malformed++;
        return;
    }
    if (kind == XC_DATAGRAM_RTP)
        xc_recv_path_rtp(session, now, xc_span_make(bytes, size));
    else
        xc_reports_input(session, now, xc_span_make(bytes, size));
}

/* SCTP may stand behind the last flight too; before the fingerprint matched DTLS hands up nothing. */
static void take_records(struct xc_session *session)
{
    uint8_t record[XC_DATA_RECEIVE_MAX];
    size_t size;
    open_data(session);
    while ((size = xc_dtls_receive(session->dtls, record, sizeof record)) > 0)
        xc_data_port_input(session->data, xc_span_make(record, size));
}

/* What the peer sent, whichever way it came. */
static void input_datagram(struct xc_session *session, uint64_t now, const struct xc_addr *local,
                           const struct xc_addr *remote, struct xc_span bytes)
{
    int kind = xc_datagram_kind(bytes);
    if (kind == XC_DATAGRAM_STUN) {
        xc_ice_input(&session->ice, now, local, remote, bytes);
        return;
    }
    if (kind == XC_DATAGRAM_UNKNOWN) {
        session->count.rejected_kind++;
        return;
    }
    if (!xc_ice_source_known(&session->ice, local, remote)) {
        session->count.rejected_source++;
        return;
    }
    if (kind == XC_DATAGRAM_DTLS) {
        xc_dtls_input(session->dtls, now, bytes);
        if (!session->secure && xc_dtls_started(session->dtls))
            follow_dtls(session, now); /* media may stand right behind the last flight */
        if (session->data)
            take_records(session);
    } else {
        input_srtp(session, now, kind, (uint8_t *)(uintptr_t)bytes.data, bytes.size);
    }
}

void xc_session_input(struct xc_session *session, uint64_t now, const struct xc_addr *local,
                      const struct xc_addr *remote, uint8_t *datagram, size_t size)
{
    xc_session_input_from(session, now, now, local, remote, datagram, size);
}

void xc_session_input_from(struct xc_session *session, uint64_t now, uint64_t arrived,
                           const struct xc_addr *local, const struct xc_addr *remote,
                           uint8_t *datagram, size_t size)
{
    struct xc_addr to = *local, from = *remote;
    struct xc_span bytes = xc_span_make(datagram, size);
    if (session->state == XCALL_STATE_ENDED)
        return;
    session->arrived = XC_MIN(XC_MAX(arrived, session->arrived), now);
    session->count.packets_received++;
    session->count.bytes_received += size;
    switch (xc_relays_input(session, now, &to, &from, &bytes)) {
    case XC_RELAYS_TAKEN:
        return;
    case XC_RELAYS_CARRIED:
        break;
    default:
        if (!session->relay_only)
            break;
        session->count.rejected_direct++;
        return;
    }
    input_datagram(session, now, &to, &from, bytes);
}

/* DTLS starts when both descriptions are in (role and fingerprint are known) and a pair is proved. */
static void start_dtls(struct xc_session *session, uint64_t now)
{
    struct xc_addr local, remote;
    const struct xc_negotiation *n = &session->negotiation;
    if (xc_dtls_started(session->dtls) || !n->answered_once ||
        !xc_ice_selected(&session->ice, &local, &remote))
        return;
    struct xc_dtls_fingerprint list[XC_DTLS_FINGERPRINTS_MAX];
    size_t count = XC_MIN((size_t)n->remote_transport.fingerprint_count, XC_ARRAY_LEN(list));
    for (size_t i = 0; i < count; i++) {
        const struct xc_sdp_fingerprint *from = &n->remote_transport.fingerprints[i];
        memcpy(list[i].hash, from->hash, sizeof list[i].hash);
        memcpy(list[i].digest, from->digest, sizeof list[i].digest);
        list[i].size = from->size;
    }
    xc_dtls_set_fingerprints(session->dtls, list, count);
    if (!xc_session_has_media(session))
        xc_dtls_set_data_only(session->dtls);
    xc_dtls_start(session->dtls, now, n->dtls_client);
}

static void install_keys(struct xc_session *session)
{
    uint8_t local[XC_DTLS_KEYING_MAX], remote[XC_DTLS_KEYING_MAX];
    size_t size = 0;
    session->srtp_profile = xc_dtls_profile(session->dtls);
    session->secure = true;
    if (session->srtp_profile == XC_SRTP_NONE) { /* data alone, unless media came meanwhile */
        if (xc_session_has_media(session))
            xc_session_end(session, XCALL_END_SECURITY);
        return;
    }
    if (xc_dtls_export(session->dtls, local, remote, &size))
        session->srtp = xc_srtp_create(session->srtp_profile, local, remote, size);
    xc_wipe(local, sizeof local);
    xc_wipe(remote, sizeof remote);
    if (!session->srtp)
        xc_session_end(session, XCALL_END_FAILED);
}

/* Keys are verified and a section of data is agreed on, so SCTP may begin (RFC 8831 section 6.2). */
static void open_data(struct xc_session *session)
{
    const struct xc_negotiation *n = &session->negotiation;
    if (!session->data || !session->secure || xc_data_port_is_open(session->data))
        return;
    for (int i = 0; i < n->media_count; i++) {
        const struct xc_media_agreed *agreed = &n->media[i];
        if (!agreed->active || agreed->kind != XC_SDP_APPLICATION)
            continue;
        bool unlimited = agreed->remote_max_message_size == UINT32_MAX;
        struct xc_data_transport transport = {.dtls_client = n->dtls_client,
                                              .local_port = XC_SCTP_PORT_DEFAULT,
                                              .remote_port = agreed->remote_sctp_port,
                                              .max_message_size =
                                                  unlimited ? 0 : agreed->remote_max_message_size};
        xc_data_port_open(session->data, &transport);
        return;
    }
}

static const char *failure_text(int failure)
{
    switch (failure) {
    case XC_DTLS_FAIL_FINGERPRINT:
        return "the peer's certificate is not the one that its description announced";
    case XC_DTLS_FAIL_NO_PROFILE:
        return "the peer agrees on no SRTP profile";
    case XC_DTLS_FAIL_TIMEOUT:
        return "the DTLS handshake was not answered in time";
    default:
        return "the DTLS handshake failed";
    }
}

static void follow_dtls(struct xc_session *session, uint64_t now)
{
    xc_dtls_tick(session->dtls, now);
    switch (xc_dtls_state(session->dtls)) {
    case XC_DTLS_CONNECTED:
        if (!session->secure)
            install_keys(session);
        break;
    case XC_DTLS_CLOSED:
        if (!session->ending)
            xc_session_end(session, XCALL_END_REMOTE_HANG_UP);
        break;
    case XC_DTLS_FAILED:
        session->reason_text = failure_text(xc_dtls_failure(session->dtls));
        xc_session_end(session, xc_dtls_failure(session->dtls) == XC_DTLS_FAIL_MEMORY
                                    ? XCALL_END_FAILED
                                    : XCALL_END_SECURITY);
        break;
    default:
        break;
    }
}

/* No path is left, by the peer's fault or, where the call must be relayed, for want of a relay. */
static void end_without_path(struct xc_session *session, uint64_t now, uint32_t reason)
{
    if (session->relay_only && !xc_relays_usable(session, now)) {
        session->reason_text = xc_relays_trouble(session);
        reason = XCALL_END_RELAY_UNAVAILABLE;
    }
    xc_session_end(session, reason);
}

/* A peer may restart ICE again and again: without a path for too long the call is lost all the same. */
static void follow_path(struct xc_session *session, uint64_t now, bool connected)
{
    struct xc_addr local, remote;
    xc_session_set_state(session, connected ? XCALL_STATE_CONNECTED : XCALL_STATE_RECONNECTING);
    if (xc_ice_selected(&session->ice, &local, &remote))
        session->path_lost_at = 0;
    else if (!session->path_lost_at)
        session->path_lost_at = now;
    else if (now - session->path_lost_at >= XC_CONNECT_TIMEOUT)
        end_without_path(session, now, XCALL_END_CONNECTION_LOST);
}

static void follow_ice(struct xc_session *session, uint64_t now)
{
    int change;
    while (xc_ice_take_state_change(&session->ice, &change)) {
    }
    int ice = xc_ice_state(&session->ice);
    if (ice == XC_ICE_FAILED) {
        end_without_path(session, now,
                         session->connected_at ? XCALL_END_CONNECTION_LOST
                                               : XCALL_END_CONNECT_FAILED);
        return;
    }
    if (session->connected_at)
        follow_path(session, now, ice == XC_ICE_CONNECTED);
    else if (ice != XC_ICE_NEW)
        xc_session_set_state(session, XCALL_STATE_CONNECTING);
}

void xc_transport_service(struct xc_session *session, uint64_t now)
{
    xc_relays_service(session, now);
    if (session->state == XCALL_STATE_ENDED)
        return;
    follow_ice(session, now);
    if (session->state == XCALL_STATE_ENDED)
        return;
    start_dtls(session, now);
    follow_dtls(session, now);
    if (session->state == XCALL_STATE_ENDED)
        return;
    open_data(session);
    if (session->connected_at)
        return;
    if (session->secure && !session->ending) {
        session->connected_at = now;
        session->connect_deadline = XC_NEVER;
        xc_session_set_state(session, XCALL_STATE_CONNECTED);
        xc_rtcp_schedule_init(&session->reports, now, &session->rng, XC_REPORT_MINIMUM);
    } else if (now >= session->connect_deadline) {
        end_without_path(session, now, XCALL_END_CONNECT_FAILED);
    }
}

/* Addresses *out to the selected pair; false when there is none. */
bool xc_transport_route(const struct xc_session *session, struct xc_datagram *out)
{
    return xc_ice_selected(&session->ice, &out->local, &out->remote);
}

bool xc_transport_output(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    if (xc_ice_output(&session->ice, now, out))
        return true;
    if (!xc_dtls_started(session->dtls) || !xc_transport_route(session, out))
        return false;
    out->size = xc_dtls_output(session->dtls, now, out->data, XC_MTU);
    return out->size > 0;
}

/* Behind everything else: a burst of data never waits in front of media. */
bool xc_transport_output_data(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    uint8_t packet[XC_DTLS_RECORD_MAX];
    if (!xc_data_port_is_open(session->data) || !xc_transport_route(session, out))
        return false;
    do {
        size_t size = xc_data_port_output(session->data, packet);
        if (!size)
            return false;
        xc_dtls_send(session->dtls, now, xc_span_make(packet, size));
        out->size = xc_dtls_output(session->dtls, now, out->data, XC_MTU);
    } while (!out->size); /* refused by DTLS: lost */
    return true;
}

uint64_t xc_transport_deadline(const struct xc_session *session, uint64_t now)
{
    if (xc_ice_state(&session->ice) == XC_ICE_FAILED)
        return now; /* it failed after the last service, which has yet to end the call */
    uint64_t at = xc_earlier(xc_ice_deadline(&session->ice), session->connect_deadline);
    at = xc_earlier(at, xc_relays_deadline(session));
    if (xc_dtls_started(session->dtls))
        at = xc_earlier(at, xc_dtls_deadline(session->dtls, now));
    if (session->path_lost_at)
        at = xc_earlier(at, session->path_lost_at + XC_CONNECT_TIMEOUT);
    return at;
}
