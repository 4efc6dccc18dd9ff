/* call_media.c - the media call of a call: made when the desk wants it, described by signed bodies,
 * joined by candidates that wait for the accept, relayed where that is demanded.
 *
 *   the caller:  made when placed, its offer goes with the invite; the answer comes with the accept
 *   the callee:  made when accepted from the offer that is here, its answer goes with the accept
 *
 * Owner: see core.h.
 * SPDX-License-Identifier: MIT */
#include "client/core_state.h"

#include <stdlib.h>
#include <string.h>

#include "client/bodies.h"

/* --- texts that wait ------------------------------------------------------------------------------ */

void xc_client_texts_free(struct xc_client_texts *texts)
{
    while (texts->first) {
        struct xc_client_text *text = texts->first;
        texts->first = text->next;
        free(text->text);
        free(text);
    }
    texts->last = &texts->first;
    texts->count = 0;
}

/* Takes text. What does not fit is dropped: the network finds another way, or the call fails. */
static void keep(struct xc_client_texts *texts, uint32_t most, uint32_t kind, char *text)
{
    struct xc_client_text *kept = texts->count < most && text ? calloc(1, sizeof *kept) : NULL;
    if (!kept) {
        free(text);
        return;
    }
    kept->kind = kind;
    kept->text = text;
    *texts->last = kept;
    texts->last = &kept->next;
    texts->count++;
}

/* --- bodies --------------------------------------------------------------------------------------- */

/* False: it has one that is none. */
static bool read_seq(const json_t *value, uint32_t *seq)
{
    json_int_t number = json_integer_value(value);
    *seq = 0;
    if (!value)
        return true;
    if (!json_is_integer(value) || number < 1 || number > INT32_MAX)
        return false;
    *seq = (uint32_t)number;
    return true;
}

/* Sanity of a body and its signature; the first one fixes the peer's key for the call. For calls to come
 * it counts as seen when both sides have accepted: else whoever stands between could take the warning
 * away beforehand with a call that rings for a moment, or fill the list with calls of strangers. */
bool xc_client_body_good(struct xc_client_core *core, struct xc_client_call *call,
                         const json_t *body, const char *type, const char **sdp, bool *fresh)
{
    uint8_t key[32];
    const char *of = json_string_value(json_object_get(body, "type"));
    const char *signature = json_string_value(json_object_get(body, "sig"));
    struct xc_body_claim claim = {.call = call->text,
                                  .type = type,
                                  .from = call->peer,
                                  .to = core->saved->name,
                                  .sdp = json_string_value(json_object_get(body, "sdp"))};
    if (!of || strcmp(of, type) || !claim.sdp || !signature ||
        !read_seq(json_object_get(body, "seq"), &claim.seq) ||
        !xc_key_read(json_string_value(json_object_get(body, "key")), key) ||
        (call->has_peer_key && memcmp(key, call->peer_key, 32)) ||
        !xc_body_verify(&claim, key, signature))
        return false;
    if (!call->has_peer_key) {
        call->has_peer_key = true;
        call->key_changed = xc_state_knows(core->saved, call->peer, key) == 2;
        memcpy(call->peer_key, key, 32);
    }
    *sdp = claim.sdp;
    *fresh = claim.seq > call->seen_seq;
    if (*fresh)
        call->seen_seq = claim.seq;
    return true;
}

/* Our description, signed; seq: see docs/protocol.md, 0: the first of the call. NULL: it has not what must be signed. */
static json_t *make_body(struct xc_client_core *core, const struct xc_client_call *call,
                         const char *type, uint32_t seq, const char *text, size_t length)
{
    json_error_t error;
    char key[XC_KEY_TEXT], signature[XC_SIGNATURE_TEXT];
    json_t *signal = json_loadb(text, length, 0, &error);
    const char *said = json_string_value(json_object_get(signal, "sdp"));
    char *sdp = said ? xc_sdp_without_addresses(said) : NULL;
    struct xc_body_claim claim = {.call = call->text,
                                  .type = type,
                                  .from = core->saved->name,
                                  .to = call->peer,
                                  .sdp = sdp,
                                  .seq = seq};
    json_t *body = NULL;
    if (sdp && xc_body_sign(&claim, core->saved->seed, signature)) {
        xc_key_write(core->key, key);
        body = json_pack("{s:s, s:s, s:s, s:s}", "type", type, "sdp", sdp, "key", key, "sig",
                         signature);
        if (seq)
            json_object_set_new(body, "seq", json_integer((json_int_t)seq));
    }
    free(sdp);
    json_decref(signal);
    return body;
}

/* --- to the engine -------------------------------------------------------------------------------- */

static void hand_over(struct xc_client_core *core, struct xc_client_call *call, uint32_t kind,
                      char *text)
{
    struct xc_client_output *output = xc_client_put_media(core, call, XC_CLIENT_MEDIA_SIGNAL);
    if (!output) {
        free(text);
        return;
    }
    output->kind = kind;
    output->text = text;
    output->text_length = strlen(text);
}

void xc_client_media_hand(struct xc_client_core *core, struct xc_client_call *call, uint32_t kind,
                          char *text)
{
    if (!text || call->media_state == XC_MEDIA_ENDED || call->insecure)
        free(text);
    else if (call->media_state == XC_MEDIA_LIVE)
        hand_over(core, call, kind, text);
    else
        keep(&call->signals, XC_SIGNALS_MAX, kind, text);
}

/* A verified description of the peer's. */
void xc_client_media_describe(struct xc_client_core *core, struct xc_client_call *call,
                              const char *type, const char *sdp)
{
    char *relayed = call->relay ? xc_sdp_relay_only(sdp) : NULL;
    json_t *signal = json_pack("{s:s, s:s}", "type", type, "sdp", relayed ? relayed : sdp);
    char *text = signal && (relayed || !call->relay) ? json_dumps(signal, JSON_COMPACT) : NULL;
    xc_client_media_hand(core, call,
                         strcmp(type, "offer") ? XCALL_SIGNAL_ANSWER : XCALL_SIGNAL_OFFER, text);
    json_decref(signal);
    free(relayed);
}

void xc_client_media_need(struct xc_client_core *core, struct xc_client_call *call, bool answerer)
{
    if (answerer && !call->agreed && !call->want_accept &&
        !xc_client_asks(core, XC_REQUEST_ACCEPT, call->id))
        call->want_accept = true;
    if (call->media_state != XC_MEDIA_NONE || call->insecure)
        return;
    struct xc_client_output *output = xc_client_put_media(core, call, XC_CLIENT_MEDIA_CREATE);
    if (!output)
        return;
    output->answerer = answerer;
    output->video = call->video;
    output->relay = call->relay;
    call->media_state = XC_MEDIA_CREATING;
    if (!answerer)
        return;
    if (call->offer)
        xc_client_media_describe(core, call, "offer", call->offer);
    xc_client_turn_ask(core, call);
}

void xc_client_core_media_created(struct xc_client_core *core, uint64_t now, xcall_id id,
                                  int32_t result, xcall_id media)
{
    struct xc_client_call *call = xc_client_find(core, id);
    core->now = now;
    if (!call || call->media_state != XC_MEDIA_CREATING)
        return;
    call->media = media;
    call->media_state = result == XCALL_OK ? XC_MEDIA_LIVE : XC_MEDIA_ENDED;
    if (call->hang_up_media || result != XCALL_OK) {
        xc_client_media_end(core, call);
        if (result != XCALL_OK)
            xc_client_desk(core, call, XCALL_LIFE_MEDIA_FAILED, 0, XCALL_LIFE_END_FAILED_CONNECT,
                           0);
        xc_client_run(core);
        return;
    }
    if (call->servers) {
        call->servers->media = media;
        *core->outputs_last = call->servers;
        core->outputs_last = &call->servers->next;
        call->servers = NULL;
    }
    while (call->signals.first) {
        struct xc_client_text *text = call->signals.first;
        call->signals.first = text->next;
        hand_over(core, call, text->kind, text->text);
        free(text);
    }
    xc_client_texts_free(&call->signals);
    if (call->held) {
        struct xc_client_output *output = xc_client_put_media(core, call, XC_CLIENT_MEDIA_HOLD);
        if (output)
            output->on = true;
    }
    xc_client_tell(core, call); /* now with its media */
}

xcall_id xc_client_core_media(struct xc_client_core *core, xcall_id id)
{
    const struct xc_client_call *call = xc_client_find(core, id);
    return call ? call->media : 0;
}

void xc_client_core_media_failed(struct xc_client_core *core, uint64_t now, xcall_id id)
{
    struct xc_client_call *call = xc_client_find(core, id);
    core->now = now;
    if (call) {
        xc_client_desk(core, call, XCALL_LIFE_MEDIA_FAILED, 0, 0, 0);
        xc_client_run(core);
    }
}

void xc_client_media_end(struct xc_client_core *core, struct xc_client_call *call)
{
    call->hang_up_media = true;
    if (call->media_state == XC_MEDIA_LIVE) {
        xc_client_put_media(core, call, XC_CLIENT_MEDIA_HANG_UP);
        call->figures_coming = true;
        call->media_state = XC_MEDIA_ENDED;
    } else if (call->media_state == XC_MEDIA_NONE) {
        call->media_state = XC_MEDIA_ENDED;
    }
    xc_client_texts_free(&call->candidates);
    xc_client_texts_free(&call->signals);
    xc_client_relays_forget(call);
    call->turn_at = 0;
}

/* From here on relayed candidates only; what waits is sorted again when it leaves. */
void xc_client_media_relay(struct xc_client_core *core, struct xc_client_call *call)
{
    call->relay = true;
    if (call->media_state == XC_MEDIA_LIVE || call->media_state == XC_MEDIA_CREATING)
        xc_client_put_media(core, call, XC_CLIENT_MEDIA_RELAY);
    if (call->turn != XC_TURN_REFUSED)
        return;
    xc_client_desk(core, call, XCALL_LIFE_MEDIA_FAILED, 0, XCALL_LIFE_END_RELAY_UNAVAILABLE, 0);
    xc_client_run(core);
}

/* --- to the peer ---------------------------------------------------------------------------------- */

static void send_sig(struct xc_client_core *core, struct xc_client_call *call, const char *kind,
                     json_t *data)
{
    json_t *body = data ? json_pack("{s:I, s:s, s:o}", "n", (json_int_t)++call->sent_n, "kind",
                                    kind, "data", data)
                        : NULL;
    if (body)
        xc_client_ask(core, XC_REQUEST_TOLD, "sig", call, body, NULL);
}

/* text: RTCIceCandidateInit. Where the call is relayed no other address leaves, nor one that a relayed
 * candidate is related to. */
static void send_candidate(struct xc_client_core *core, struct xc_client_call *call,
                           const char *text)
{
    json_error_t error;
    json_t *data = json_loads(text, 0, &error);
    const char *candidate = json_string_value(json_object_get(data, "candidate"));
    if (candidate && *candidate) {
        char *hidden = xc_candidate_hide(candidate);
        if (hidden && (!call->relay || xc_candidate_is_relay(hidden))) {
            json_object_set_new(data, "candidate", json_string(hidden));
            send_sig(core, call, "cand", json_incref(data));
        }
        free(hidden);
    } else if (candidate) {
        send_sig(core, call, "cand", json_incref(data));
    }
    json_decref(data);
}

void xc_client_media_agreed(struct xc_client_core *core, struct xc_client_call *call)
{
    if (!call->agreed || call->insecure || call->state == XCALL_LIFE_ENDED)
        return;
    if (call->has_peer_key && xc_state_meet(core->saved, call->peer, call->peer_key) != 1)
        xc_client_save(core);
    for (struct xc_client_text *text = call->candidates.first; text; text = text->next)
        send_candidate(core, call, text->text);
    xc_client_texts_free(&call->candidates);
}

/* An end of candidates that more candidates follow was none: the engine gives another one. */
static void forget_end(struct xc_client_texts *texts)
{
    for (struct xc_client_text **at = &texts->first; *at; at = &(*at)->next) {
        struct xc_client_text *text = *at;
        if (text->kind != XCALL_SIGNAL_END_OF_CANDIDATES)
            continue;
        *at = text->next;
        if (!*at)
            texts->last = at;
        texts->count--;
        free(text->text);
        free(text);
        return;
    }
}

static void own_candidate(struct xc_client_core *core, struct xc_client_call *call,
                          const xcall_event *event)
{
    char *text = malloc(event->text_length + 1);
    if (!text)
        return;
    memcpy(text, event->text, event->text_length);
    text[event->text_length] = '\0';
    if (call->agreed) {
        send_candidate(core, call, text);
        free(text);
    } else {
        forget_end(&call->candidates);
        keep(&call->candidates, XC_CANDIDATES_MAX, event->signal_kind, text);
    }
}

static void own_description(struct xc_client_core *core, struct xc_client_call *call,
                            const xcall_event *event)
{
    bool offer = event->signal_kind == XCALL_SIGNAL_OFFER;
    bool first = offer ? call->want_invite : call->want_accept;
    if (!first && !call->agreed)
        return;
    json_t *body = make_body(core, call, offer ? "offer" : "answer", first ? 0 : ++call->sent_seq,
                             event->text, event->text_length);
    if (!body) {
        xc_client_desk(core, call, XCALL_LIFE_MEDIA_FAILED, 0, XCALL_LIFE_END_SECURITY, 0);
        xc_client_run(core);
    } else if (first && offer) {
        call->want_invite = false;
        xc_client_ask(core, XC_REQUEST_INVITE, "call.invite", call,
                      json_pack("{s:s, s:s, s:o}", "to", call->peer, "media",
                                call->video ? "v" : "a", "body", body),
                      NULL);
    } else if (first) {
        call->want_accept = false;
        xc_client_ask(core, XC_REQUEST_ACCEPT, "call.accept", call,
                      json_pack("{s:o}", "body", body), NULL);
    } else {
        send_sig(core, call, offer && call->restarting ? "restart" : "nego", body);
        call->restarting = call->restarting && !offer;
    }
}

/* --- from the peer -------------------------------------------------------------------------------- */

/* What comes twice is ignored, in whatever order it comes (n counts from 1). */
static bool fresh(struct xc_client_call *call, const json_t *value)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || number > UINT32_MAX)
        return false;
    uint32_t n = (uint32_t)number;
    if (n > call->seen_n) {
        uint32_t steps = n - call->seen_n < XC_SEEN_WINDOW ? n - call->seen_n : XC_SEEN_WINDOW;
        for (uint32_t i = 0; i < steps; i++)
            call->seen[(n - i) % XC_SEEN_WINDOW / 8] &= (uint8_t) ~(1u << ((n - i) % 8));
        call->seen_n = n;
    } else if (call->seen_n - n >= XC_SEEN_WINDOW) {
        return false;
    }
    uint8_t *byte = &call->seen[n % XC_SEEN_WINDOW / 8], bit = (uint8_t)(1u << (n % 8));
    if (*byte & bit)
        return false;
    *byte |= bit;
    return true;
}

static void peer_candidate(struct xc_client_core *core, struct xc_client_call *call,
                           const json_t *data)
{
    const char *candidate = json_string_value(json_object_get(data, "candidate"));
    if (!candidate || (*candidate && call->relay && !xc_candidate_is_relay(candidate)))
        return;
    xc_client_media_hand(core, call,
                         *candidate ? XCALL_SIGNAL_CANDIDATE : XCALL_SIGNAL_END_OF_CANDIDATES,
                         json_dumps(data, JSON_COMPACT));
}

void xc_client_media_sig(struct xc_client_core *core, struct xc_client_call *call,
                         const json_t *body)
{
    const char *kind = json_string_value(json_object_get(body, "kind")), *sdp = NULL;
    const json_t *data = json_object_get(body, "data");
    if (!kind || call->state == XCALL_LIFE_ENDED || call->insecure ||
        !fresh(call, json_object_get(body, "n")))
        return;
    if (!strcmp(kind, "cand")) {
        peer_candidate(core, call, data);
    } else if (!strcmp(kind, "nego") || !strcmp(kind, "restart")) {
        const char *type = json_string_value(json_object_get(data, "type"));
        bool known = type && (!strcmp(type, "offer") || !strcmp(type, "answer"));
        if (!call->agreed && call->outgoing && !call->has_peer_key)
            return; /* its answer is not here yet: nobody to compare it with */
        bool fresh_body = false;
        if (!known || !xc_client_body_good(core, call, data, type, &sdp, &fresh_body))
            xc_client_insecure(core, call);
        else if (fresh_body)
            xc_client_media_describe(core, call, type, sdp);
        /* else somebody repeats what was said before: the call goes on as it is */
    }
}

/* --- events of the engine --------------------------------------------------------------------------- */

static uint32_t reason_of_end(uint32_t reason)
{
    switch (reason) {
    case XCALL_END_SECURITY:
        return XCALL_LIFE_END_SECURITY;
    case XCALL_END_RELAY_UNAVAILABLE:
        return XCALL_LIFE_END_RELAY_UNAVAILABLE;
    case XCALL_END_CONNECTION_LOST:
        return XCALL_LIFE_END_MEDIA_LOST;
    case XCALL_END_CONNECT_FAILED:
    case XCALL_END_NEGOTIATION:
        return XCALL_LIFE_END_FAILED_CONNECT;
    default:
        return 0;
    }
}

static void media_ended(struct xc_client_core *core, struct xc_client_call *call,
                        const xcall_event *event)
{
    call->media_state = XC_MEDIA_ENDED;
    if (event->reason == XCALL_END_REMOTE_HANG_UP)
        xc_client_desk(core, call, XCALL_LIFE_REMOTE_ENDED, 0, XCALL_LIFE_END_HANGUP, 0);
    else if (event->reason == XCALL_END_HANG_UP || event->reason == XCALL_END_CLOSED)
        xc_client_desk(core, call, XCALL_LIFE_HANG_UP, 0, 0, 0);
    else
        xc_client_desk(core, call, XCALL_LIFE_MEDIA_FAILED, 0, reason_of_end(event->reason), 0);
}

static void media_state(struct xc_client_core *core, struct xc_client_call *call, uint32_t state)
{
    if (state == XCALL_STATE_CONNECTED) {
        xc_client_quality_up(core, call);
        xc_client_desk(core, call, XCALL_LIFE_MEDIA_UP, 0, 0, 0);
    } else if (state == XCALL_STATE_RECONNECTING)
        xc_client_desk(core, call, XCALL_LIFE_MEDIA_LOST, 0, 0, 0);
}

bool xc_client_core_take_event(struct xc_client_core *core, uint64_t now, const xcall_event *event)
{
    struct xc_client_call *call = xc_client_find(core, event->user);
    core->now = now;
    if (!call || event->type >= XCALL_EVENT_LIBRARY || !event->call ||
        (call->media && call->media != event->call))
        return false;
    switch (event->type) {
    case XCALL_EVENT_SIGNAL:
        if (call->state == XCALL_LIFE_ENDED)
            break;
        if (event->signal_kind == XCALL_SIGNAL_OFFER || event->signal_kind == XCALL_SIGNAL_ANSWER)
            own_description(core, call, event);
        else if (event->signal_kind != XCALL_SIGNAL_BYE)
            own_candidate(core, call, event);
        break;
    case XCALL_EVENT_STATE:
        media_state(core, call, event->state);
        break;
    case XCALL_EVENT_REMOTE:
        xc_client_desk(core, call,
                       event->flags & XCALL_REMOTE_HOLD ? XCALL_LIFE_REMOTE_HOLD
                                                        : XCALL_LIFE_REMOTE_UNHOLD,
                       0, 0, 0);
        break;
    case XCALL_EVENT_ENDED:
        media_ended(core, call, event);
        break;
    default:
        return false;
    }
    xc_client_run(core);
    return true;
}
