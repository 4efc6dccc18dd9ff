/* ice_requests.c - the peer's checks: who may ask, role conflicts, the answer, and the check of
 * ours that each one triggers (RFC 8445 section 7.3, RFC 8489 sections 9.1.3 and 6.3.1).
 * Owner: the thread of the session.
 *
 * A request that is not authenticated gets no answer at all, not even the error that RFC 8489 asks
 * for: a stranger must neither learn that somebody listens nor use us to reflect.
 * SPDX-License-Identifier: MIT */
#include "proto/ice_private.h"

#define RETRIGGER_AFTER (20 * XC_NS_PER_MS)

static bool find_credentials(const struct xc_ice *ice, uint64_t now, const struct xc_stun *message,
                             bool *previous, struct xc_span *remote_ufrag);
static bool resolve_roles(struct xc_ice *ice, const struct xc_stun *message);
static void heard(struct xc_ice *ice, uint64_t now, uint8_t index, bool use_candidate);

static void queue_response(struct xc_ice *ice, const struct xc_stun *message,
                           const struct xc_addr *local, const struct xc_addr *remote, bool previous,
                           uint16_t error)
{
    if (ice->response_count == XC_ICE_RESPONSES_MAX) {
        ice->counters.dropped_responses++;
        return;
    }
    struct xc_ice_response *response =
        &ice->responses[(ice->response_first + ice->response_count++) % XC_ICE_RESPONSES_MAX];
    memset(response, 0, sizeof *response);
    response->local = *local;
    response->remote = *remote;
    memcpy(response->transaction, message->transaction, sizeof response->transaction);
    response->previous = previous;
    response->error = error;
    if (error == 420) {
        response->unknown_count = (uint8_t)XC_MIN((size_t)message->unknown_required_count,
                                                  XC_ARRAY_LEN(response->unknown));
        memcpy(response->unknown, message->unknown_required,
               response->unknown_count * sizeof response->unknown[0]);
    }
}

void xc_ice_request_input(struct xc_ice *ice, uint64_t now, const struct xc_stun *message,
                          const struct xc_addr *local, const struct xc_addr *remote)
{
    bool previous;
    struct xc_span remote_ufrag;
    int base = xc_ice_find_local(ice, local);
    if (base < 0 || !message->has_username ||
        !find_credentials(ice, now, message, &previous, &remote_ufrag)) {
        ice->counters.dropped_unknown++;
        return;
    }
    const struct xc_ice_credentials *credentials = previous ? &ice->previous : &ice->current;
    if (!xc_stun_check_integrity(message,
                                 xc_span_make(credentials->password, XC_ICE_PASSWORD_SIZE))) {
        ice->counters.dropped_integrity++;
        return;
    }
    ice->counters.requests_received++;
    if (message->has_unknown_required) {
        queue_response(ice, message, local, remote, previous, 420);
        return;
    }
    if (previous) { /* consent on the pair of before the restart */
        queue_response(ice, message, local, remote, true, 0);
        return;
    }
    if (!resolve_roles(ice, message)) {
        queue_response(ice, message, local, remote, false, 487);
        return;
    }
    uint8_t pair = xc_ice_observe(ice, now, (uint32_t)base, remote, message->priority,
                                  xc_ice_ufrag_hash(remote_ufrag));
    if (pair == XC_ICE_NO_PAIR) /* from where no peer can be, or every slot is in use */
        return;
    queue_response(ice, message, local, remote, false, 0);
    heard(ice, now, pair, message->has_use_candidate);
}

/* USERNAME is "ours:theirs". Theirs must be the one that was signalled once that is known; before
 * that any will do, the password proves that they read our description. */
static bool find_credentials(const struct xc_ice *ice, uint64_t now, const struct xc_stun *message,
                             bool *previous, struct xc_span *remote_ufrag)
{
    const struct xc_span name = message->username;
    if (name.size < XC_ICE_UFRAG_SIZE + 2 || name.data[XC_ICE_UFRAG_SIZE] != ':')
        return false;
    struct xc_span ours = xc_span_make(name.data, XC_ICE_UFRAG_SIZE);
    struct xc_span theirs =
        xc_span_make(name.data + XC_ICE_UFRAG_SIZE + 1, name.size - XC_ICE_UFRAG_SIZE - 1);
    *remote_ufrag = theirs;
    for (int i = 0; i < 2; i++) {
        const struct xc_ice_credentials *c = i ? &ice->previous : &ice->current;
        *previous = i == 1;
        if (!c->local_known || !xc_span_equal(ours, xc_span_make(c->ufrag, XC_ICE_UFRAG_SIZE)))
            continue;
        bool known = xc_span_equal(theirs, xc_span_make(c->remote_ufrag, c->remote_ufrag_size));
        /* The old generation ends some time after the new one carries media. */
        bool ended = i == 1 && ice->path.active && ice->path.pair != XC_ICE_NO_PAIR &&
                     ice->path.nominated &&
                     now - ice->path.selected_at >= ice->config.consent_expires;
        if (!ended && (known || (i == 0 && !c->remote_known)))
            return true;
    }
    return false;
}

/* RFC 8445 section 7.3.1.1; false when the peer has to change its role. */
static bool resolve_roles(struct xc_ice *ice, const struct xc_stun *message)
{
    if (message->has_controlling ? !ice->controlling
                                 : !(message->has_controlled && !ice->controlling))
        return true;
    ice->counters.role_conflicts++;
    bool greater = ice->tie_breaker >= message->tie_breaker;
    if (ice->controlling == greater)
        return false;
    xc_ice_set_role(ice, !ice->controlling);
    return true;
}

/* Sections 7.3.1.4 and 7.3.1.5. */
static void heard(struct xc_ice *ice, uint64_t now, uint8_t index, bool use_candidate)
{
    struct xc_ice_pair *pair = &ice->pairs[index];
    bool carries = ice->path.active && ice->path.pair == index;
    bool fresh = pair->valid && now - pair->answered_at < XC_ICE_FRESH;
    pair->heard = true;
    if (use_candidate && !ice->controlling && !pair->nominated) {
        if (fresh || (carries && pair->valid)) {
            pair->nominated = true;
            pair->nominated_at = now;
        } else {
            pair->nominate_when_valid = true;
        }
    }
    if (pair->state == XC_ICE_PAIR_IN_PROGRESS) {
        /* Ours may have met a NAT that only this one opened: again at once, unless it went out so
         * short a time ago that its answer may be just behind (a section 7.3.1.4 deviation that
         * saves a packet for each check of a call on one LAN). */
        uint64_t again = XC_MAX(now, pair->sent_at + RETRIGGER_AFTER);
        pair->retransmit_at = XC_MIN(pair->retransmit_at, again);
        pair->sends = 1;
    } else if (carries) {
        /* The next consent check comes by itself; sooner where the pair was silent. */
        uint64_t again = XC_MAX(now, pair->sent_at + RETRIGGER_AFTER);
        if (!pair->valid)
            ice->path.check_at = XC_MIN(ice->path.check_at, again);
    } else if (!fresh) {
        xc_ice_trigger(ice, index);
    }
}

static const char *reason(uint16_t error)
{
    return error == 487 ? "Role Conflict" : "Unknown Attribute";
}

bool xc_ice_response_output(struct xc_ice *ice, struct xc_datagram *out)
{
    while (ice->response_count) {
        const struct xc_ice_response *response = &ice->responses[ice->response_first];
        const struct xc_ice_credentials *c = response->previous ? &ice->previous : &ice->current;
        struct xc_stun_writer w;
        ice->response_first = (ice->response_first + 1) % XC_ICE_RESPONSES_MAX;
        ice->response_count--;
        xc_stun_begin(&w, out->data, XC_MIN(out->capacity, (size_t)XC_MTU),
                      response->error ? XC_STUN_ERROR : XC_STUN_SUCCESS, XC_STUN_BINDING,
                      response->transaction);
        if (response->error)
            xc_stun_add_error(&w, response->error, reason(response->error));
        else
            xc_stun_add_xor_mapped(&w, &response->remote);
        if (response->unknown_count)
            xc_stun_add_unknown_attributes(&w, response->unknown, response->unknown_count);
        out->size = xc_stun_finish(&w, xc_span_make(c->password, XC_ICE_PASSWORD_SIZE));
        out->local = response->local;
        out->remote = response->remote;
        if (out->size) {
            ice->counters.responses_sent++;
            return true;
        }
    }
    return false;
}
