/* invariants.c - what must hold of every datagram and after every step.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"
#include "peer.h"

static struct sim_stream_check *find_check(struct sim_peer *peer, uint32_t ssrc)
{
    for (size_t i = 0; i < XC_ARRAY_LEN(peer->checks); i++)
        if (!peer->checks[i].seen || peer->checks[i].ssrc == ssrc)
            return &peer->checks[i];
    return NULL;
}

/* Sequence numbers without a gap, time stamps that never go back, audio in whole frames; what is
 * sent again was sent before. */
static const char *check_rtp(struct sim_peer *peer, const struct xc_rtp *rtp)
{
    struct sim_stream_check *check = find_check(peer, rtp->ssrc);
    bool audio = rtp->ssrc == xc_session_ssrc(peer->session, XCALL_KIND_AUDIO, false);
    if (!check)
        return "RTP went out under more than four SSRCs";
    if (!check->seen) {
        *check = (struct sim_stream_check){.seen = true,
                                           .ssrc = rtp->ssrc,
                                           .first_timestamp = rtp->timestamp,
                                           .last_timestamp = rtp->timestamp,
                                           .last_sequence = rtp->sequence,
                                           .payload_type = rtp->payload_type};
        return rtp->sequence & 0x8000 ? "the first sequence number is not below 2^15" : NULL;
    }
    if (rtp->payload_type != check->payload_type)
        return "the payload type of a stream changed";
    int32_t ahead = xc_seq16_diff(rtp->sequence, check->last_sequence);
    if (ahead <= 0)
        return ahead < -2048 ? "a retransmission of something never sent" : NULL;
    if (ahead != 1)
        return "a sequence number was left out";
    if (xc_seq32_diff(rtp->timestamp, check->last_timestamp) < 0)
        return "an RTP time stamp went back";
    if (audio && (rtp->timestamp - check->first_timestamp) % 480)
        return "an audio time stamp is no multiple of 10 ms";
    check->last_sequence = rtp->sequence;
    check->last_timestamp = rtp->timestamp;
    return NULL;
}

const char *sim_check_datagram(struct sim_peer *peer, const struct sim_peer *other,
                               const struct xc_datagram *datagram)
{
    struct xc_span bytes = xc_span_make(datagram->data, datagram->size);
    struct xc_addr local, remote;
    struct xc_rtp rtp;
    int kind = xc_datagram_kind(bytes);
    if (!datagram->size || datagram->size > XC_MTU)
        return "a datagram is empty or over the MTU";
    if (!xc_addr_equal(&datagram->local, &peer->addr))
        return "a datagram leaves from an address that is not ours";
    if (!xc_addr_equal(&datagram->remote, &other->addr))
        return "a datagram goes to an address that was never signalled";
    if (kind == XC_DATAGRAM_STUN)
        return NULL;
    if (!xc_ice_selected(&peer->session->ice, &local, &remote) ||
        !xc_addr_equal(&remote, &datagram->remote))
        return "something other than a check goes to an unverified address";
    if (kind == XC_DATAGRAM_DTLS)
        return NULL;
    if (!xc_session_secure(peer->session))
        return "media before the keys";
    if (kind == XC_DATAGRAM_RTCP)
        return NULL;
    if (kind != XC_DATAGRAM_RTP || !xc_rtp_parse(&rtp, bytes))
        return "a datagram is of no known kind";
    return check_rtp(peer, &rtp);
}

const char *sim_check_session(const struct sim_peer *peer)
{
    const struct xc_session *session = peer->session;
    for (int kind = 0; kind < XC_KINDS; kind++) {
        const struct xc_stream_out *out = &session->out[kind];
        if (!session->srtp && session->in[kind].active)
            return "a stream was bound before the fingerprint matched";
        if (session->srtp && xc_dtls_state(session->dtls) == XC_DTLS_CONNECTING)
            return "keys exist before the handshake is done";
        if (out->wanted && xc_rtp_sender_waiting_bytes(out->rtp) > 2 * out->rtp->config.bytes_max)
            return "more bytes wait than the sender may hold";
    }
    if (session->state == XCALL_STATE_ENDED && !session->reason)
        return "a call ended without a reason";
    return NULL;
}
