/* ice.c - the ICE agent from outside: life cycle, credentials and restarts, what comes in, the
 * order in which things go out, and the state that it adds up to (RFC 8445 sections 5.3, 6.1.1,
 * 8.1.2 and 9; RFC 8838). Owner: the thread of the session.
 * SPDX-License-Identifier: MIT */
#include "proto/ice_private.h"

#define CHECK_INTERVAL (50 * XC_NS_PER_MS) /* Ta, RFC 8445 section 14.2 */
#define FAILED_AFTER (30 * XC_NS_PER_S)
#define DISCONNECTED_AFTER (5 * XC_NS_PER_S)
#define CONSENT_EXPIRES (30 * XC_NS_PER_S)

/* 64 ice-chars (RFC 8839 section 5.4): six bits each. */
static void draw_text(struct xc_rng *rng, char *text, size_t size)
{
    static const char ice_chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bytes[XC_ICE_PASSWORD_SIZE];
    xc_rng_bytes(rng, bytes, size);
    for (size_t i = 0; i < size; i++)
        text[i] = ice_chars[bytes[i] & 63];
    text[size] = '\0';
    xc_wipe(bytes, sizeof bytes);
}

void xc_ice_draw(struct xc_ice_own *own, struct xc_rng *rng)
{
    memset(own, 0, sizeof *own);
    draw_text(rng, own->ufrag, XC_ICE_UFRAG_SIZE);
    draw_text(rng, own->password, XC_ICE_PASSWORD_SIZE);
}

static void use_credentials(struct xc_ice *ice, const struct xc_ice_own *own)
{
    memcpy(ice->current.ufrag, own->ufrag, XC_ICE_UFRAG_SIZE);
    memcpy(ice->current.password, own->password, XC_ICE_PASSWORD_SIZE);
    ice->current.local_known = true;
}

static void draw_credentials(struct xc_ice *ice, struct xc_rng *rng)
{
    struct xc_ice_own own;
    xc_ice_draw(&own, rng);
    use_credentials(ice, &own);
    xc_wipe(&own, sizeof own);
}

void xc_ice_init(struct xc_ice *ice, const struct xc_ice_config *config, struct xc_rng *rng)
{
    uint8_t seed[XC_RNG_SEED_SIZE];
    memset(ice, 0, sizeof *ice);
    ice->config = *config;
    if (!ice->config.check_interval)
        ice->config.check_interval = CHECK_INTERVAL;
    if (!ice->config.failed_after)
        ice->config.failed_after = FAILED_AFTER;
    if (!ice->config.disconnected_after)
        ice->config.disconnected_after = DISCONNECTED_AFTER;
    if (!ice->config.consent_expires)
        ice->config.consent_expires = CONSENT_EXPIRES;
    ice->controlling = config->controlling;
    xc_rng_bytes(rng, seed, sizeof seed);
    xc_rng_init(&ice->rng, seed);
    xc_wipe(seed, sizeof seed);
    ice->tie_breaker = xc_rng_u64(&ice->rng);
    draw_credentials(ice, rng);
    ice->path.pair = XC_ICE_NO_PAIR;
    ice->next_at = ice->nominate_at = ice->valid_since = XC_NEVER;
}

const char *xc_ice_ufrag(const struct xc_ice *ice)
{
    return ice->current.ufrag;
}

const char *xc_ice_password(const struct xc_ice *ice)
{
    return ice->current.password;
}

struct xc_span xc_ice_remote_password(const struct xc_ice_credentials *credentials)
{
    return xc_span_make(credentials->remote_password, credentials->remote_password_size);
}

void xc_ice_set_role(struct xc_ice *ice, bool controlling)
{
    if (ice->controlling == controlling)
        return;
    ice->controlling = controlling;
    for (uint32_t i = 0; i < ice->pair_slots; i++)
        ice->pairs[i].nominating = ice->pairs[i].nominate_when_valid = false;
    xc_ice_recompute_priorities(ice);
}

void xc_ice_set_controlling(struct xc_ice *ice, bool controlling)
{
    if (ice->closed)
        return;
    xc_ice_set_role(ice, controlling);
    if (!ice->failed)
        ice->next_at = 0;
}

static int compute_state(const struct xc_ice *ice)
{
    if (ice->failed)
        return XC_ICE_FAILED;
    if (ice->path.active && ice->path.nominated)
        return ice->path.disconnected ? XC_ICE_DISCONNECTED : XC_ICE_CONNECTED;
    return ice->current.remote_known ? XC_ICE_CHECKING : XC_ICE_NEW;
}

/* A fresh check list. The path stays, by the credentials of before. */
static void begin_generation(struct xc_ice *ice)
{
    ice->lingering = false;
    if (!ice->path.active)
        xc_wipe(&ice->previous, sizeof ice->previous);
    xc_ice_path_detach(ice);
    xc_ice_forget_pairs(ice);
    ice->response_first = ice->response_count = 0; /* the peer asks again */
    ice->end_of_candidates = ice->names_ignored = ice->failed = false;
    ice->valid_since = ice->nominate_at = XC_NEVER;
    ice->new_check_at = ice->extra_check_at = 0;
    ice->next_at = 0;
}

void xc_ice_restart(struct xc_ice *ice, struct xc_rng *rng)
{
    struct xc_ice_own own;
    xc_ice_draw(&own, rng);
    xc_ice_restart_as(ice, &own);
    xc_wipe(&own, sizeof own);
}

void xc_ice_restart_as(struct xc_ice *ice, const struct xc_ice_own *own)
{
    if (ice->closed)
        return;
    bool end_of_candidates = ice->end_of_candidates, names_ignored = ice->names_ignored;
    begin_generation(ice);
    if (ice->remote_ahead) { /* the peer's half of this generation is here already */
        ice->end_of_candidates = end_of_candidates;
        ice->names_ignored = names_ignored;
    } else if (ice->current.remote_known) {
        xc_ice_forget_remotes(ice, ice->current.remote_hash);
        ice->current.remote_known = false;
        ice->current.remote_hash = 0;
        ice->current.remote_ufrag_size = ice->current.remote_password_size = 0;
    }
    ice->remote_ahead = false;
    use_credentials(ice, own);
    xc_ice_form_pairs(ice);
    ice->state = compute_state(ice);
}

void xc_ice_set_remote(struct xc_ice *ice, uint64_t now, struct xc_span ufrag,
                       struct xc_span password, bool remote_lite)
{
    struct xc_ice_credentials *c = &ice->current;
    if (ice->closed || ufrag.size == 0 || ufrag.size > XC_ICE_CREDENTIAL_MAX ||
        password.size == 0 || password.size > XC_ICE_CREDENTIAL_MAX)
        return;
    if (remote_lite) /* RFC 8445 section 6.1.1: the full agent controls */
        xc_ice_set_role(ice, true);
    if (c->remote_known &&
        xc_span_equal(ufrag, xc_span_make(c->remote_ufrag, c->remote_ufrag_size)) &&
        xc_span_equal(password, xc_ice_remote_password(c))) {
        xc_ice_advance(ice, now);
        return;
    }
    if (c->remote_known) {
        begin_generation(ice);
        ice->remote_ahead = true;
    }
    memcpy(c->remote_ufrag, ufrag.data, ufrag.size);
    memcpy(c->remote_password, password.data, password.size);
    c->remote_ufrag_size = (uint16_t)ufrag.size;
    c->remote_password_size = (uint16_t)password.size;
    c->remote_hash = xc_ice_ufrag_hash(ufrag);
    c->remote_known = true;
    ice->failed = false;
    ice->checks_started_at = now;
    xc_ice_adopt_remotes(ice);
    xc_ice_form_pairs(ice);
    xc_ice_advance(ice, now);
}

void xc_ice_set_gathering(struct xc_ice *ice, bool gathering)
{
    if (ice->closed || ice->gathering == gathering)
        return;
    ice->gathering = gathering;
    if (!ice->failed)
        ice->next_at = 0;
}

void xc_ice_end_of_candidates(struct xc_ice *ice, uint64_t now)
{
    if (ice->closed)
        return;
    ice->end_of_candidates = true;
    xc_ice_advance(ice, now);
}

/* Secrets go; the counters stay for the report. */
void xc_ice_close(struct xc_ice *ice)
{
    struct xc_ice_counters counters = ice->counters;
    int taken = ice->state_taken;
    xc_wipe(ice, sizeof *ice);
    ice->counters = counters;
    ice->state_taken = taken;
    ice->state = XC_ICE_CLOSED;
    ice->closed = true;
    ice->path.pair = XC_ICE_NO_PAIR;
    ice->next_at = XC_NEVER;
}

void xc_ice_input(struct xc_ice *ice, uint64_t now, const struct xc_addr *local,
                  const struct xc_addr *remote, struct xc_span datagram)
{
    struct xc_stun message;
    if (ice->closed || ice->failed)
        return;
    if (now >= ice->next_at)
        xc_ice_advance(ice, now);
    if (ice->failed)
        return;
    if (!xc_stun_parse(&message, datagram) ||
        (message.has_fingerprint && !message.fingerprint_ok)) {
        ice->counters.dropped_malformed++;
        return;
    }
    if (message.method != XC_STUN_BINDING || message.class_ == XC_STUN_INDICATION) {
        if (message.method != XC_STUN_BINDING) /* an indication only keeps a NAT awake */
            ice->counters.dropped_unknown++;
        return;
    }
    if (message.class_ == XC_STUN_REQUEST)
        xc_ice_request_input(ice, now, &message, local, remote);
    else
        xc_ice_response_input(ice, now, &message, local, remote);
    xc_ice_advance(ice, now);
}

static uint64_t failed_at(const struct xc_ice *ice)
{
    if (ice->path.active || !ice->current.remote_known)
        return XC_NEVER;
    return ice->checks_started_at + ice->config.failed_after;
}

/* Every pair has failed and no other can come. Not while the peer hides behind names: then only
 * its own checks, which come later, tell us where it is. */
static bool exhausted(const struct xc_ice *ice)
{
    uint32_t pairs = 0;
    if (ice->path.active || !ice->current.remote_known || !ice->end_of_candidates ||
        ice->names_ignored || ice->gathering)
        return false;
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        if (ice->pairs[i].state == XC_ICE_PAIR_FREE)
            continue;
        if (ice->pairs[i].state != XC_ICE_PAIR_FAILED)
            return false;
        pairs++;
    }
    return pairs > 0;
}

static void fail(struct xc_ice *ice)
{
    ice->failed = true;
    ice->response_first = ice->response_count = 0;
    ice->lingering = false;
    ice->path = (struct xc_ice_path){.pair = XC_ICE_NO_PAIR};
    xc_ice_forget_pairs(ice);
}

static void reschedule(struct xc_ice *ice)
{
    ice->state = compute_state(ice);
    if (ice->failed)
        ice->next_at = XC_NEVER;
    else if (ice->response_count)
        ice->next_at = 0;
    else
        ice->next_at = xc_earlier(xc_earlier(xc_ice_checks_deadline(ice), failed_at(ice)),
                                  xc_ice_consent_deadline(ice));
}

/* Everything that time and the last input bring about; after it the deadline is right. */
void xc_ice_advance(struct xc_ice *ice, uint64_t now)
{
    if (ice->failed)
        return;
    xc_ice_checks_expire(ice, now);
    xc_ice_select(ice, now);
    bool alive = xc_ice_consent_advance(ice, now);
    xc_ice_nominate(ice, now);
    if (!alive || now >= failed_at(ice) || exhausted(ice))
        fail(ice);
    reschedule(ice);
}

bool xc_ice_output(struct xc_ice *ice, uint64_t now, struct xc_datagram *out)
{
    if (ice->closed || ice->failed || now < ice->next_at)
        return false;
    xc_ice_advance(ice, now);
    if (ice->failed)
        return false;
    bool any = xc_ice_response_output(ice, out) || xc_ice_check_output(ice, now, out) ||
               xc_ice_consent_output(ice, now, out);
    reschedule(ice);
    return any;
}

uint64_t xc_ice_deadline(const struct xc_ice *ice)
{
    return ice->next_at;
}

int xc_ice_state(const struct xc_ice *ice)
{
    return ice->state;
}

bool xc_ice_take_state_change(struct xc_ice *ice, int *state)
{
    if (ice->state == ice->state_taken)
        return false;
    *state = ice->state_taken = ice->state;
    return true;
}

bool xc_ice_selected(const struct xc_ice *ice, struct xc_addr *local, struct xc_addr *remote)
{
    if (!ice->path.active)
        return false;
    *local = ice->path.local;
    *remote = ice->path.remote;
    return true;
}

void xc_ice_selected_types(const struct xc_ice *ice, uint8_t *local, uint8_t *remote)
{
    const struct xc_ice_path *path = &ice->path;
    *local = path->active ? path->local_type : 0;
    *remote = path->active ? path->remote_type : 0;
    if (!path->active || path->pair == XC_ICE_NO_PAIR)
        return;
    const struct xc_ice_pair *pair = &ice->pairs[path->pair];
    *local = pair->local_type ? pair->local_type : ice->locals[pair->local].type;
    *remote = ice->remotes[pair->remote].type;
}

bool xc_ice_source_known(const struct xc_ice *ice, const struct xc_addr *local,
                         const struct xc_addr *remote)
{
    const struct xc_ice_path *path = &ice->path;
    if (path->active && xc_addr_equal(&path->remote, remote) && xc_addr_equal(&path->local, local))
        return true;
    if (ice->lingering && xc_addr_equal(&ice->lingering_remote, remote) &&
        xc_addr_equal(&ice->lingering_local, local))
        return true;
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state != XC_ICE_PAIR_FREE && (pair->valid || pair->heard) &&
            xc_addr_equal(&ice->remotes[pair->remote].addr, remote) &&
            xc_addr_equal(&ice->locals[pair->local].base, local))
            return true;
    }
    return false;
}

uint64_t xc_ice_round_trip(const struct xc_ice *ice)
{
    return ice->path.active ? ice->path.round_trip : 0;
}

const struct xc_ice_counters *xc_ice_counters(const struct xc_ice *ice)
{
    return &ice->counters;
}
