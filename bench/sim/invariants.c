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

/* RTX (RFC 4588). */
static bool is_repair(const struct xc_session *session, uint32_t ssrc)
{
    for (int track = XC_VIDEO; track < XC_TRACKS; track++)
        if (session->out[track].present && session->out[track].repair_ssrc == ssrc)
            return true;
    return false;
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
    if (is_repair(peer->session, rtp->ssrc)) { /* what it repeats may be older or newer */
        check->last_sequence = rtp->sequence;
        return NULL;
    }
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

/* What was sent and is kept for repair, of audio and video, and what still waits. */
static const char *check_sender(const struct xc_rtp_sender *rtp)
{
    const struct xc_rtp_sender_config *config = &rtp->config;
    uint64_t kept = rtp->next_sequence - rtp->oldest;
    if (rtp->oldest > rtp->next_unsent || rtp->next_unsent > rtp->next_sequence)
        return "the history of a sender is out of order";
    if (kept > config->packets_max)
        return "a sender keeps more packets than it may";
    if (kept &&
        rtp->bytes_head - rtp->packets[rtp->oldest % config->packets_max].at > config->bytes_max)
        return "a sender keeps more bytes than it may";
    if (rtp->queue_end - rtp->queue_first > XC_RTP_RETRANSMIT_QUEUE)
        return "more retransmissions wait than the queue holds";
    if (xc_rtp_sender_waiting_bytes(rtp) > 2 * config->bytes_max) /* new ones, repeated ones */
        return "more bytes wait than the sender may hold";
    return NULL;
}

static const char *check_video(const struct xc_session *session)
{
    if (session->roads.video_send[0] &&
        xc_video_send_waiting(session->roads.video_send[0]) > XC_VIDEO_SEND_FRAMES)
        return "more encoded frames wait than the ring holds";
    if (!session->roads.video_recv[0])
        return NULL;
    const struct xc_assemble_counters *order = xc_assemble_counters(session->video[0].assemble);
    struct xc_video_recv_counters got;
    xc_video_recv_counters(session->roads.video_recv[0], &got);
    if (xc_video_recv_waiting(session->roads.video_recv[0]) > XC_VIDEO_RECV_FRAMES)
        return "more frames wait for the decoder than the ring holds";
    if (xc_assemble_waiting(session->video[0].assemble) > XC_ASSEMBLE_PACKETS_MAX)
        return "more packets wait for their frame than the window holds";
    if (order->packets_late + order->packets_duplicate + order->packets_malformed +
                order->packets_dropped_full >
            order->packets ||
        order->key_frames > order->frames || order->frames + order->frames_dropped > order->packets)
        return "the assembler counted more than came";
    if (got.frames_received != order->frames ||
        got.frames_delivered + got.frames_skipped > got.frames_decoded ||
        got.frames_skipped > got.frames_dropped)
        return "more frames came out of the receiving road than went in";
    return NULL;
}

static const char *check_queues(const struct xc_session *session)
{
    const struct xc_ice *ice = &session->ice;
    if (ice->local_count > XC_ICE_LOCAL_MAX || ice->pair_slots > XC_ICE_PAIRS_MAX ||
        ice->response_count > XC_ICE_RESPONSES_MAX)
        return "a table of the ICE agent is over its bound";
    if (session->candidates_given > ice->local_count)
        return "more candidates were signalled than there are";
    if (session->traces && xc_ring_level(session->traces) > session->traces->count)
        return "more traces wait than the ring holds";
    for (int kind = 0; kind < XC_TRACKS; kind++) {
        const struct xc_stream_out *out = &session->out[kind];
        const struct xc_stream_in *in = &session->in[kind];
        const char *broken = out->present ? check_sender(out->rtp) : NULL;
        if (broken)
            return broken;
        if (in->active && in->rtp->nack.count > XC_NACK_TRACKED_MAX)
            return "more missing packets are tracked than the table holds";
    }
    return check_video(session);
}

const char *sim_check_session(const struct sim_peer *peer)
{
    const struct xc_session *session = peer->session;
    for (int kind = 0; kind < XC_TRACKS; kind++) {
        if (!session->srtp && session->in[kind].active)
            return "a stream was bound before the fingerprint matched";
        if (session->srtp && xc_dtls_state(session->dtls) == XC_DTLS_CONNECTING)
            return "keys exist before the handshake is done";
    }
    if (session->state == XCALL_STATE_ENDED && !session->reason)
        return "a call ended without a reason";
    return check_queues(session);
}
