/* signals.c - a session's signals: descriptions (JSEP, RFC 8829), trickled candidates (RFC 8838) and
 * bye, as the W3C JSON that a browser makes and takes. What was agreed is copied to the streams here.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"
#include "wire/json.h"

/* The "sdp" member of an offer or answer into scratch->text. */
static int read_description(uint32_t kind, struct xc_span text, struct xc_signal_scratch *scratch,
                            size_t *size, const char **words)
{
    char type[16];
    size_t type_size;
    const char *wanted = kind == XCALL_SIGNAL_OFFER ? "offer" : "answer";
    int found = xc_json_member(text, "type", type, sizeof type, &type_size);
    if (found == -1) {
        *words = "the signal is not a JSON object";
        return XCALL_E_SIGNAL;
    }
    if (found != 0 && (found != XC_JSON_STRING || strcmp(type, wanted) != 0)) {
        *words = "the description's type is not the one that was announced";
        return XCALL_E_SIGNAL;
    }
    found = xc_json_member(text, "sdp", scratch->text, sizeof scratch->text, size);
    if (found != XC_JSON_STRING) {
        *words = found == -2 ? "the description is too long" : "the signal has no \"sdp\" string";
        return XCALL_E_SIGNAL;
    }
    return XCALL_OK;
}

static int read_candidate(struct xc_span text, struct xc_candidate *candidate, bool *end,
                          const char **words)
{
    char line[1024];
    size_t size;
    int found = xc_json_member(text, "candidate", line, sizeof line, &size);
    *end = false;
    if (found == -1) {
        *words = "the signal is not a JSON object";
        return XCALL_E_SIGNAL;
    }
    if (found == 0 || found == XC_JSON_NULL || (found == XC_JSON_STRING && size == 0)) {
        *end = true;
        return XCALL_OK;
    }
    if (found != XC_JSON_STRING ||
        xc_candidate_parse(candidate, xc_span_make(line, size)) == XC_CANDIDATE_BAD) {
        *words = "the candidate is malformed";
        return XCALL_E_SIGNAL;
    }
    if (!candidate->ufrag[0] && xc_json_member(text, "usernameFragment", candidate->ufrag,
                                               sizeof candidate->ufrag, &size) != XC_JSON_STRING)
        candidate->ufrag[0] = '\0';
    return XCALL_OK;
}

int xc_signal_check(uint32_t kind, struct xc_span text, struct xc_signal_scratch *scratch,
                    const char **words, uint32_t *line)
{
    struct xc_candidate candidate;
    struct xc_sdp_error error = {0};
    size_t size;
    bool end;
    *line = 0;
    switch (kind) {
    case XCALL_SIGNAL_OFFER:
    case XCALL_SIGNAL_ANSWER:
        if (read_description(kind, text, scratch, &size, words) != XCALL_OK)
            return XCALL_E_SIGNAL;
        if (xc_sdp_parse(&scratch->sdp, xc_span_make(scratch->text, size), &error))
            return XCALL_OK;
        *words = error.text;
        *line = error.line;
        return XCALL_E_SIGNAL;
    case XCALL_SIGNAL_CANDIDATE:
        return read_candidate(text, &candidate, &end, words);
    case XCALL_SIGNAL_END_OF_CANDIDATES:
    case XCALL_SIGNAL_BYE:
        return XCALL_OK;
    default:
        *words = "no such kind of signal";
        return XCALL_E_SIGNAL;
    }
}

/* --- in ------------------------------------------------------------------------------------- */

int xc_session_track_of(const struct xc_session *session, int8_t want)
{
    for (int track = 0; want >= 0 && track < XC_TRACKS; track++)
        if (session->want_of[track] == want)
            return track;
    return -1;
}

/* The host hears of what may flow now, both sides' wishes and holds counted. */
static void tell_flows(struct xc_session *session)
{
    for (int track = 0; track < XC_TRACKS; track++) {
        int section = session->out[track].section;
        uint8_t flows = section < 0 || session->hold_local
                            ? XC_SDP_INACTIVE
                            : session->negotiation.media[section].direction;
        if (flows != session->flows[track])
            session->work |= XC_WORK_TRACK;
        session->flows[track] = flows;
    }
}

/* A section that was given up may carry another track by now: its stream is not bound any more. */
static void release_streams(struct xc_session *session)
{
    const struct xc_negotiation *n = &session->negotiation;
    for (int track = 0; track < XC_TRACKS; track++) {
        struct xc_stream_in *in = &session->in[track];
        if (in->section >= 0 &&
            (!n->media[in->section].active || n->want_of[in->section] != session->want_of[track]))
            xc_recv_path_release(session, track);
    }
}

/* The extension's id is the same in every section that has it. */
static uint8_t feedback_id(const struct xc_negotiation *n)
{
    for (int i = 0; i < n->media_count; i++)
        if (n->media[i].active && (n->media[i].extensions_receive >> XC_EXT_TRANSPORT_CC & 1))
            return n->media[i].extension_ids[XC_EXT_TRANSPORT_CC];
    return 0;
}

/* A peer that turned data down: the channels that wait for it will never open. */
static void follow_data(struct xc_session *session)
{
    const struct xc_negotiation *n = &session->negotiation;
    for (uint8_t want = 0; want < n->want_count; want++)
        if (n->wants[want].kind == XC_SDP_APPLICATION && n->want_refused[want] &&
            !xc_data_port_is_open(session->data))
            xc_data_port_end(session->data);
}

bool xc_session_has_media(const struct xc_session *session)
{
    for (int track = 0; track < XC_TRACKS; track++)
        if (session->out[track].section >= 0)
            return true;
    return false;
}

void xc_signals_agreed(struct xc_session *session, uint64_t now)
{
    const struct xc_negotiation *n = &session->negotiation;
    const struct xc_sdp_transport *remote = &n->remote_transport;
    bool any = false;
    for (int track = 0; track < XC_TRACKS; track++)
        session->out[track].section = -1;
    xc_ice_set_remote(&session->ice, now, xc_span_make(remote->ufrag, strlen(remote->ufrag)),
                      xc_span_make(remote->password, strlen(remote->password)), remote->ice_lite);
    for (int i = 0; i < n->media_count; i++) {
        int track = xc_session_track_of(session, n->want_of[i]);
        if (!n->media[i].active)
            continue;
        any = true;
        if (track >= 0)
            session->out[track].section = (int8_t)i;
    }
    if (session->secure && !session->srtp && xc_session_has_media(session)) {
        session->reason_text = "the peer's transport was made for data alone and carries no media";
        xc_session_end(session, XCALL_END_NEGOTIATION);
        return;
    }
    if (!any) {
        session->reason_text = "the two descriptions have no media in common";
        xc_session_end(session, XCALL_END_NEGOTIATION);
        return;
    }
    if (n->remote_hold != session->hold_remote_told) {
        session->hold_remote_told = n->remote_hold;
        session->work |= XC_WORK_REMOTE;
    }
    if (session->connect_deadline == XC_NEVER && !session->connected_at)
        session->connect_deadline = now + XC_CONNECT_TIMEOUT;
    const struct xc_media_agreed *audio =
        session->out[XC_AUDIO].section >= 0 ? &n->media[session->out[XC_AUDIO].section] : NULL;
    if (audio) {
        struct xc_audio_settings *set = &session->audio_settings;
        set->bitrate_bps = session->call.audio_bitrate_bps;
        if (audio->remote_max_bitrate_bps)
            set->bitrate_bps = XC_CLAMP(set->bitrate_bps, 6000, audio->remote_max_bitrate_bps);
        set->fec = (session->call.audio_flags & XCALL_AUDIO_FEC) != 0 && audio->remote_fec;
        set->dtx = (session->call.audio_flags & XCALL_AUDIO_DTX) != 0 || audio->remote_dtx;
        set->channels = audio->remote_stereo ? 2 : 1; /* no stereo=1: it prefers mono */
        set->max_playback_rate = audio->remote_max_playback_rate;
        set->cbr = audio->remote_cbr;
        xc_audio_send_set(session->roads.audio_send, set);
    }
    release_streams(session);
    follow_data(session);
    tell_flows(session);
    session->feedback_id = feedback_id(n);
    xc_send_path_agreed(session, now);
}

/* One with a name goes to the ICE agent too: then it knows that the peer may still be found. */
static void take_candidate(struct xc_session *session, uint64_t now,
                           const struct xc_candidate *candidate)
{
    xc_ice_add_remote(&session->ice, now, candidate);
    if (!session->relay_only)
        xc_lookups_add(&session->lookups, candidate);
}

static uint8_t first_open_section(const struct xc_sdp *sdp)
{
    for (uint8_t i = 0; i < sdp->section_count; i++)
        if (sdp->sections[i].port || sdp->sections[i].bundle_only)
            return i;
    return 0;
}

static void take_candidates(struct xc_session *session, uint64_t now, const struct xc_sdp *sdp)
{
    uint8_t section = session->negotiation.answered_once
                          ? session->negotiation.remote_transport_section
                          : first_open_section(sdp);
    for (int i = 0; i < sdp->candidate_count; i++) {
        if (sdp->candidates[i].section != section)
            continue;
        /* Of the description's own generation, whatever is in force now. */
        struct xc_candidate candidate = sdp->candidates[i].candidate;
        if (!candidate.ufrag[0])
            memcpy(candidate.ufrag, sdp->sections[section].transport.ufrag, sizeof candidate.ufrag);
        take_candidate(session, now, &candidate);
    }
    for (int i = 0; i < sdp->section_count; i++) {
        if (sdp->sections[i].end_of_candidates) {
            xc_ice_end_of_candidates(&session->ice, now);
            break;
        }
    }
}

/* An offer of ours that restarts ICE was answered, or lost a glare: then nothing has happened yet, and
 * the next offer restarts. */
static void end_restart_offer(struct xc_session *session, bool answered)
{
    if (!session->restart_offered)
        return;
    if (answered) {
        xc_ice_restart_as(&session->ice, &session->next_credentials);
    } else {
        session->restart_needed = session->offer_needed = true;
        session->candidates_given = xc_ice_local_count(&session->ice);
        session->end_given = true;
    }
    session->restart_offered = false;
    xc_wipe(&session->next_credentials, sizeof session->next_credentials);
}

static void receive_description(struct xc_session *session, uint64_t now, uint32_t kind,
                                struct xc_span text)
{
    struct xc_negotiate_error error = {0};
    struct xc_sdp_error sdp_error = {0};
    const char *words = "";
    size_t size;
    if (read_description(kind, text, session->scratch, &size, &words) != XCALL_OK ||
        !xc_sdp_parse(&session->scratch->sdp, xc_span_make(session->scratch->text, size),
                      &sdp_error)) {
        xc_session_end(session, XCALL_END_NEGOTIATION);
        return;
    }
    const struct xc_sdp *sdp = &session->scratch->sdp;
    int result = kind == XCALL_SIGNAL_OFFER
                     ? xc_negotiate_apply_offer(&session->negotiation, sdp, &error)
                     : xc_negotiate_apply_answer(&session->negotiation, sdp, &error);
    if (result == XC_NEGOTIATE_GLARE && !session->negotiation.answered_once) {
        session->reason_text = "both sides made an offer; one of them must take the answering role";
        xc_session_end(session, XCALL_END_NEGOTIATION);
        return;
    }
    if (result == XC_NEGOTIATE_STATE || result == XC_NEGOTIATE_GLARE)
        return; /* a duplicate, or the peer gives way */
    if (result != XC_NEGOTIATE_OK) {
        session->reason_text = error.text;
        xc_session_end(session, XCALL_END_NEGOTIATION);
        return;
    }
    end_restart_offer(session, kind == XCALL_SIGNAL_ANSWER);
    take_candidates(session, now, sdp);
    if (kind == XCALL_SIGNAL_OFFER) {
        session->answer_needed = true;
    } else {
        xc_signals_agreed(session, now);
        session->offer_needed = true; /* wishes may have changed while the offer was out */
    }
}

void xc_session_receive_signal(struct xc_session *session, uint64_t now, uint32_t kind,
                               struct xc_span text)
{
    struct xc_candidate candidate;
    const char *words;
    bool end;
    if (session->state == XCALL_STATE_ENDED || session->ending)
        return;
    switch (kind) {
    case XCALL_SIGNAL_OFFER:
    case XCALL_SIGNAL_ANSWER:
        receive_description(session, now, kind, text);
        break;
    case XCALL_SIGNAL_CANDIDATE:
        if (read_candidate(text, &candidate, &end, &words) != XCALL_OK)
            break;
        if (end)
            xc_ice_end_of_candidates(&session->ice, now);
        else
            take_candidate(session, now, &candidate);
        break;
    case XCALL_SIGNAL_END_OF_CANDIDATES:
        xc_ice_end_of_candidates(&session->ice, now);
        break;
    case XCALL_SIGNAL_BYE:
        xc_session_end(session, XCALL_END_REMOTE_HANG_UP);
        break;
    default:
        break;
    }
}

/* --- out ------------------------------------------------------------------------------------ */

/* Of the newest description. */
static const char *own_ufrag(const struct xc_session *session)
{
    return session->restart_offered ? session->next_credentials.ufrag : xc_ice_ufrag(&session->ice);
}

static void fill_transport(struct xc_session *session, struct xc_sdp_transport *local)
{
    memset(local, 0, sizeof *local);
    memcpy(local->ufrag, own_ufrag(session), XC_ICE_UFRAG_SIZE);
    memcpy(local->password,
           session->restart_offered ? session->next_credentials.password
                                    : xc_ice_password(&session->ice),
           XC_ICE_PASSWORD_SIZE);
    local->trickle = session->negotiation.config.trickle;
}

static void add_candidates(const struct xc_session *session, struct xc_sdp *sdp)
{
    uint32_t section = 0;
    while (section < sdp->section_count && !sdp->sections[section].port)
        section++;
    if (section == sdp->section_count)
        return;
    for (uint32_t i = 0; i < xc_ice_local_count(&session->ice); i++) {
        if (sdp->candidate_count == XC_SDP_CANDIDATES_MAX)
            break;
        struct xc_sdp_candidate *to = &sdp->candidates[sdp->candidate_count++];
        to->section = (uint8_t)section;
        xc_ice_local(&session->ice, i, &to->candidate);
        to->candidate.ufrag[0] = '\0';
    }
    sdp->sections[section].end_of_candidates = true;
}

/* ICE restarts, by our offer or by our answer to one: it brings new credentials, and candidates go out
 * again under them (RFC 8839 section 4.4.1.1). Media stays on the old pair meanwhile. */
static void restart_ice(struct xc_session *session, bool offer)
{
    if (offer) {
        xc_ice_draw(&session->next_credentials, &session->rng);
        session->restart_offered = true;
    } else {
        xc_ice_restart(&session->ice, &session->rng);
    }
    session->restart_needed = false; /* one of the peer's is as good as ours */
    session->candidates_given = 0;
    session->end_given = false;
}

static bool write_description(struct xc_session *session, uint64_t now, bool offer,
                              struct xc_writer *w)
{
    struct xc_sdp_transport local;
    struct xc_sdp *sdp = &session->scratch->sdp;
    if (offer ? session->restart_needed : xc_negotiate_offer_restarts(&session->negotiation))
        restart_ice(session, offer);
    fill_transport(session, &local);
    int result = offer ? xc_negotiate_create_offer(&session->negotiation, &local, sdp)
                       : xc_negotiate_create_answer(&session->negotiation, &local, sdp);
    if (result != XC_NEGOTIATE_OK)
        return false;
    if (!session->negotiation.config.trickle)
        add_candidates(session, sdp);
    size_t size = xc_sdp_write(sdp, session->scratch->text, sizeof session->scratch->text);
    if (!size)
        return false;
    xc_json_write_text(w, offer ? "{\"type\":\"offer\",\"sdp\":" : "{\"type\":\"answer\",\"sdp\":");
    xc_json_write_string(w, xc_span_make(session->scratch->text, size));
    xc_json_write_text(w, "}");
    session->described = true;
    if (!offer) {
        xc_signals_agreed(session, now);
        /* An offer of ours that was rolled back, or a hold that the peer's offer did not know. */
        session->offer_needed = true;
    }
    return !w->failed;
}

/* Candidates belong to the section that carries the bundle's transport: the first active one. */
static void write_mid(const struct xc_session *session, struct xc_writer *w)
{
    const struct xc_negotiation *n = &session->negotiation;
    uint8_t index = 0;
    while (index < n->media_count && n->answered_once && !n->media[index].active)
        index++;
    const char *mid = index < n->media_count ? n->media[index].mid : "0";
    char digits[3] = {(char)('0' + index / 10), (char)('0' + index % 10), '\0'};
    xc_json_write_text(w, ",\"sdpMid\":");
    xc_json_write_string(w, xc_span_make(mid, strlen(mid)));
    xc_json_write_text(w, ",\"sdpMLineIndex\":");
    xc_json_write_text(w, index < 10 ? digits + 1 : digits);
    xc_json_write_text(w, ",\"usernameFragment\":");
    xc_json_write_string(w, xc_span_make(own_ufrag(session), XC_ICE_UFRAG_SIZE));
    xc_json_write_text(w, "}");
}

static void write_candidate(struct xc_session *session, uint32_t index, struct xc_writer *w)
{
    struct xc_candidate candidate;
    char text[XC_CANDIDATE_TEXT_MAX];
    xc_ice_local(&session->ice, index, &candidate);
    size_t size = xc_candidate_format(&candidate, text, sizeof text);
    xc_json_write_text(w, "{\"candidate\":");
    xc_json_write_string(w, xc_span_make(text, size));
    write_mid(session, w);
}

/* Once after whatever may have called for an offer, so that none goes out in vain, and none again and
 * again that the peer does not follow. */
static bool take_offer_needed(struct xc_session *session)
{
    if (!session->offer_needed || session->negotiation.state != XC_SIGNALLING_STABLE)
        return false;
    session->offer_needed = false;
    return session->restart_needed || xc_negotiate_needed(&session->negotiation);
}

static uint32_t next_kind(struct xc_session *session, uint64_t now, struct xc_writer *w)
{
    if (session->bye_signal) {
        session->bye_signal = false;
        xc_json_write_text(w, "{\"type\":\"bye\"}");
        return XCALL_SIGNAL_BYE;
    }
    if (session->state == XCALL_STATE_ENDED || session->ending)
        return 0;
    if (!session->negotiation.config.trickle && xc_relays_gathering(session, now))
        return 0; /* the description has them all */
    if (session->answer_needed || take_offer_needed(session)) {
        bool offer = !session->answer_needed;
        session->answer_needed = false;
        if (!write_description(session, now, offer, w)) {
            xc_session_end(session, XCALL_END_NEGOTIATION);
            return 0;
        }
        return offer ? XCALL_SIGNAL_OFFER : XCALL_SIGNAL_ANSWER;
    }
    if (!session->described || !session->negotiation.config.trickle)
        return 0;
    if (session->candidates_given < xc_ice_local_count(&session->ice)) {
        write_candidate(session, session->candidates_given++, w);
        return XCALL_SIGNAL_CANDIDATE;
    }
    if (!session->end_given && !xc_relays_gathering(session, now)) {
        session->end_given = true;
        xc_json_write_text(w, "{\"candidate\":\"\"");
        write_mid(session, w);
        return XCALL_SIGNAL_END_OF_CANDIDATES;
    }
    return 0;
}

uint32_t xc_session_next_signal(struct xc_session *session, uint64_t now, char *text,
                                size_t capacity, size_t *size)
{
    struct xc_writer w = xc_writer_make(text, capacity - 1);
    uint32_t kind = next_kind(session, now, &w);
    if (w.failed) {
        xc_session_end(session, XCALL_END_FAILED);
        return 0;
    }
    text[w.size] = '\0';
    *size = w.size;
    return kind;
}
