/* turn.c - the life of a TURN allocation: Allocate, Refresh, what answers mean, and what goes out
 * when (RFC 8656 sections 6 to 8; RFC 8489 sections 6.2.1, 6.3, 9.2.5). Owner: the session's thread.
 *
 * Whom it believes. Once realm and nonce are known, a response counts when its MESSAGE-INTEGRITY is
 * right; else it is counted and dropped. Challenges (401, 438) never have one, see turn_auth.c. While
 * allocating, any other refusal without one is only noted: it counts when nothing authentic follows
 * within half a second, so that somebody on the path cannot end an allocation with one forged packet,
 * and a server that does not sign its refusals does not cost the whole timeout. A success without
 * MESSAGE-INTEGRITY is never taken: RFC 8656 section 5 has a server authenticate every request.
 *
 * Lifetimes are the server's word within bounds: below 20 s would be a storm of refreshes, above an
 * hour nothing would notice that the server is gone.
 * SPDX-License-Identifier: MIT */
#include "proto/turn_private.h"

#define RTO_INITIAL (500 * XC_NS_PER_MS) /* RFC 8489 section 6.2.1 */
#define RTO_MIN (100 * XC_NS_PER_MS)
#define LAST_WAIT 16 /* Rm: so many RTO after the last transmission */
#define VERDICT_WAIT (500 * XC_NS_PER_MS)
#define LIFETIME_ASKED 600 /* s; the default of RFC 8656 section 3.2 */
#define LIFETIME_MIN 20
#define LIFETIME_MAX 3600

bool xc_turn_init(struct xc_turn *turn, const struct xc_turn_config *config, struct xc_rng *rng)
{
    uint8_t seed[XC_RNG_SEED_SIZE];
    memset(turn, 0, sizeof *turn);
    turn->server = config->server;
    turn->local = config->local;
    turn->ask_family = config->server.family == XC_ADDR_IPV6;
    turn->next_channel = XC_CHANNEL_MIN;
    turn->next_at = turn->verdict_at = turn->refresh_at = turn->expires_at = XC_NEVER;
    xc_rng_bytes(rng, seed, sizeof seed);
    xc_rng_init(&turn->rng, seed);
    xc_wipe(seed, sizeof seed);
    return xc_turn_copy_credentials(&turn->credentials, config->username, config->password);
}

static uint64_t rto(const struct xc_turn *turn)
{
    if (turn->smoothed_rtt == 0)
        return RTO_INITIAL;
    return XC_CLAMP(turn->smoothed_rtt + 4 * turn->rtt_variation, RTO_MIN, RTO_INITIAL);
}

/* RFC 6298 section 2; of requests that went out once only (Karn). */
static void sample_rtt(struct xc_turn *turn, uint64_t now, const struct xc_turn_transaction *t)
{
    if (t->sends != 1 || now < t->sent_at)
        return;
    uint64_t rtt = XC_MAX(now - t->sent_at, UINT64_C(1));
    if (turn->smoothed_rtt == 0) {
        turn->smoothed_rtt = rtt;
        turn->rtt_variation = rtt / 2;
        return;
    }
    uint64_t off = rtt > turn->smoothed_rtt ? rtt - turn->smoothed_rtt : turn->smoothed_rtt - rtt;
    turn->rtt_variation = (3 * turn->rtt_variation + off) / 4;
    turn->smoothed_rtt = (7 * turn->smoothed_rtt + rtt) / 8;
}

static void new_id(struct xc_turn *turn, struct xc_turn_transaction *t)
{
    xc_rng_bytes(&turn->rng, t->id, sizeof t->id);
    t->generation = turn->generation;
    t->sends = 0;
    t->interval = rto(turn);
}

void xc_turn_begin(struct xc_turn *turn, struct xc_turn_transaction *t, uint16_t method,
                   uint64_t now)
{
    memset(t, 0, sizeof *t);
    t->used = true;
    t->method = method;
    t->send_at = now;
    new_id(turn, t);
}

static void add_request(struct xc_turn *turn, struct xc_stun_writer *w, uint16_t method,
                        const struct xc_turn_peer *peer)
{
    uint32_t lifetime = turn->state == XC_TURN_READY ? LIFETIME_ASKED : 0;
    switch (method) {
    case XC_STUN_ALLOCATE:
        xc_stun_add_number(w, XC_STUN_ATTR_REQUESTED_TRANSPORT,
                           (uint32_t)XC_STUN_TRANSPORT_UDP << 24);
        xc_stun_add_number(w, XC_STUN_ATTR_LIFETIME, LIFETIME_ASKED);
        if (turn->ask_family)
            xc_stun_add_number(w, XC_STUN_ATTR_REQUESTED_ADDRESS_FAMILY, UINT32_C(2) << 24);
        break;
    case XC_STUN_REFRESH:
        xc_stun_add_number(w, XC_STUN_ATTR_LIFETIME, lifetime);
        break;
    default:
        xc_stun_add_xor_address(w, XC_STUN_ATTR_XOR_PEER_ADDRESS, &peer->addr);
        if (method == XC_STUN_CHANNEL_BIND)
            xc_stun_add_number(w, XC_STUN_ATTR_CHANNEL_NUMBER, (uint32_t)peer->channel << 16);
        break;
    }
}

bool xc_turn_send(struct xc_turn *turn, uint64_t now, struct xc_turn_transaction *t,
                  const struct xc_turn_peer *peer, struct xc_datagram *out)
{
    struct xc_stun_writer w;
    if (t->generation != turn->generation) /* a retransmission has the same bytes */
        new_id(turn, t);
    xc_stun_begin(&w, out->data, XC_MIN(out->capacity, (size_t)XC_MTU), XC_STUN_REQUEST, t->method,
                  t->id);
    add_request(turn, &w, t->method, peer);
    xc_turn_add_credentials(turn, &w);
    out->size = xc_turn_finish(turn, &w);
    t->sent_at = now;
    t->sends++;
    t->send_at = now + (t->sends >= XC_TURN_SENDS_MAX ? LAST_WAIT * rto(turn) : t->interval);
    t->interval *= 2;
    if (!out->size)
        return false;
    out->local = turn->local;
    out->remote = turn->server;
    turn->counters.requests_sent++;
    return true;
}

void xc_turn_update_deadline(struct xc_turn *turn)
{
    uint64_t at = XC_NEVER;
    if (xc_turn_releasing(turn))
        at = xc_earlier(turn->life.send_at, turn->expires_at);
    if (turn->state == XC_TURN_ALLOCATING || turn->state == XC_TURN_READY) {
        if (turn->life.used)
            at = xc_earlier(at, turn->life.send_at);
        if (turn->state == XC_TURN_ALLOCATING) {
            at = xc_earlier(at, turn->verdict_at);
            at = xc_earlier(at, turn->started_at + XC_TURN_ALLOCATE_TIMEOUT);
        } else {
            at = xc_earlier(at, turn->expires_at);
            if (!turn->life.used)
                at = xc_earlier(at, turn->refresh_at);
            at = xc_earlier(at, xc_turn_peers_deadline(turn));
        }
    }
    turn->next_at = at;
}

void xc_turn_start(struct xc_turn *turn, uint64_t now)
{
    if (turn->state != XC_TURN_NEW || turn->credentials.username_size == 0)
        return;
    turn->state = XC_TURN_ALLOCATING;
    turn->started_at = now;
    xc_turn_begin(turn, &turn->life, XC_STUN_ALLOCATE, now);
    xc_turn_update_deadline(turn);
}

bool xc_turn_set_credentials(struct xc_turn *turn, struct xc_span username, struct xc_span password)
{
    bool fresh = turn->state == XC_TURN_NEW;
    return xc_turn_copy_credentials(fresh ? &turn->credentials : &turn->next_credentials, username,
                                    password);
}

static void stop(struct xc_turn *turn)
{
    turn->life.used = false;
    for (uint32_t i = 0; i < turn->peer_slots; i++)
        turn->peers[i].transaction.used = false;
}

void xc_turn_fail(struct xc_turn *turn, uint8_t reason, uint16_t code)
{
    turn->state = XC_TURN_FAILED;
    turn->failure = reason;
    turn->error_code = code;
    stop(turn);
}

void xc_turn_verdict(struct xc_turn *turn, uint64_t now, uint8_t reason, uint16_t code)
{
    if (turn->state != XC_TURN_ALLOCATING || turn->verdict_at != XC_NEVER)
        return;
    turn->verdict_at = now + VERDICT_WAIT;
    turn->verdict = reason;
    turn->verdict_code = code;
}

/* Nothing of it is needed any more. */
static void forget(struct xc_turn *turn)
{
    turn->life.used = false;
    xc_wipe(&turn->credentials, sizeof turn->credentials);
    xc_wipe(&turn->next_credentials, sizeof turn->next_credentials);
    xc_wipe(&turn->said, sizeof turn->said);
    xc_wipe(&turn->before, sizeof turn->before);
}

/* What time alone changes. */
static void tick(struct xc_turn *turn, uint64_t now)
{
    struct xc_turn_transaction *life = &turn->life;
    if (turn->state == XC_TURN_ALLOCATING) {
        bool over = now >= turn->started_at + XC_TURN_ALLOCATE_TIMEOUT;
        if (now >= turn->verdict_at || (over && turn->verdict_at != XC_NEVER))
            xc_turn_fail(turn, turn->verdict, turn->verdict_code);
        else if (over)
            xc_turn_fail(turn, XC_TURN_NO_ANSWER, 0);
    } else if (turn->state == XC_TURN_READY) {
        if (now >= turn->expires_at)
            xc_turn_fail(turn, XC_TURN_LOST, turn->error_code);
        else if (!life->used && now >= turn->refresh_at)
            xc_turn_begin(turn, life, XC_STUN_REFRESH, now);
    } else if (xc_turn_releasing(turn) &&
               (now >= turn->expires_at ||
                (life->sends >= XC_TURN_SENDS_MAX && now >= life->send_at))) {
        forget(turn); /* nobody answers: it lives until its lifetime is over */
    }
    if (life->used && life->sends >= XC_TURN_SENDS_MAX && now >= life->send_at)
        xc_turn_begin(turn, life, life->method, now); /* its own timeout is further away */
}

bool xc_turn_output(struct xc_turn *turn, uint64_t now, struct xc_datagram *out)
{
    bool sent = false;
    if (now < turn->next_at)
        return false;
    tick(turn, now);
    if (turn->life.used && now >= turn->life.send_at)
        sent = xc_turn_send(turn, now, &turn->life, NULL, out);
    if (!sent && turn->state == XC_TURN_READY)
        sent = xc_turn_peers_output(turn, now, out);
    xc_turn_update_deadline(turn);
    return sent;
}

static void take_lifetime(struct xc_turn *turn, uint64_t now, const struct xc_stun *message)
{
    uint32_t lifetime;
    if (!xc_stun_find_number(message, XC_STUN_ATTR_LIFETIME, &lifetime))
        lifetime = LIFETIME_ASKED;
    lifetime = XC_CLAMP(lifetime, LIFETIME_MIN, LIFETIME_MAX);
    turn->expires_at = now + lifetime * XC_NS_PER_S;
    turn->refresh_at = now + lifetime * XC_NS_PER_S / 4 * 3;
}

static void allocated(struct xc_turn *turn, uint64_t now, const struct xc_stun *message)
{
    struct xc_addr relayed;
    if (!xc_stun_find_xor_address(message, XC_STUN_ATTR_XOR_RELAYED_ADDRESS, &relayed) ||
        !message->has_mapped || relayed.port == 0 || xc_addr_is_any(&relayed)) {
        turn->counters.dropped_malformed++;
        return;
    }
    turn->life.used = false;
    turn->relayed = relayed;
    turn->mapped = message->mapped;
    turn->state = XC_TURN_READY;
    turn->verdict_at = XC_NEVER;
    take_lifetime(turn, now, message);
    xc_turn_peers_ready(turn, now);
}

static void allocate_refused(struct xc_turn *turn, uint64_t now, uint16_t code)
{
    if (code == 437 && !turn->freed_before) {
        /* Our 5-tuple has an allocation of before (RFC 8656 section 7.4): give it back, ask again. */
        turn->freed_before = true;
        xc_turn_begin(turn, &turn->life, XC_STUN_REFRESH, now);
    } else if (code == 440 && turn->ask_family) {
        turn->ask_family = false; /* no IPv6 relayed address: an IPv4 one is better than none */
        xc_turn_begin(turn, &turn->life, XC_STUN_ALLOCATE, now);
    } else {
        xc_turn_fail(turn, code == 441 ? XC_TURN_UNAUTHORIZED : XC_TURN_REFUSED, code);
    }
}

static void refresh_refused(struct xc_turn *turn, uint64_t now, uint16_t code)
{
    turn->error_code = code;
    turn->life.used = false;
    if (code == 441 && xc_turn_take_next_credentials(turn))
        turn->refresh_at = now;
    else if (code == 437 || code == 441)
        xc_turn_fail(turn, XC_TURN_LOST, code);
    else
        turn->refresh_at = now + XC_TURN_RETRY; /* it lives until its lifetime is over */
}

static void life_answer(struct xc_turn *turn, uint64_t now, const struct xc_stun *message)
{
    uint16_t code = message->error_code; /* 0 in a success */
    bool allocate = turn->life.method == XC_STUN_ALLOCATE;
    turn->verdict_at = XC_NEVER;
    if (turn->state == XC_TURN_CLOSED) {
        forget(turn); /* given back, or not there any more (437) */
    } else if (turn->state == XC_TURN_READY) {
        if (code) {
            refresh_refused(turn, now, code);
            return;
        }
        turn->life.used = false;
        turn->error_code = 0;
        take_lifetime(turn, now, message);
    } else if (!allocate) { /* the allocation of before is gone, whatever it says */
        xc_turn_begin(turn, &turn->life, XC_STUN_ALLOCATE, now);
    } else if (code) {
        allocate_refused(turn, now, code);
    } else {
        allocated(turn, now, message);
    }
}

/* The transaction that this answers, and whose it is; NULL: none. */
static struct xc_turn_transaction *find_transaction(struct xc_turn *turn,
                                                    const struct xc_stun *message,
                                                    struct xc_turn_peer **peer, bool *old_id)
{
    struct xc_turn_transaction *t = &turn->life;
    *peer = NULL;
    for (uint32_t i = 0;; i++) {
        bool mine = t->used && t->method == message->method;
        *old_id =
            mine && t->has_old_id && memcmp(t->old_id, message->transaction, sizeof t->old_id) == 0;
        if (*old_id ||
            (mine && t->sends > 0 && memcmp(t->id, message->transaction, sizeof t->id) == 0))
            return t;
        if (i >= turn->peer_slots)
            return NULL;
        *peer = &turn->peers[i];
        t = &turn->peers[i].transaction;
    }
}

static void challenged(struct xc_turn *turn, uint64_t now, struct xc_turn_transaction *t,
                       struct xc_turn_peer *peer, const struct xc_stun *message)
{
    sample_rtt(turn, now, t);
    if (xc_turn_challenged(turn, now, t, message)) {
        turn->verdict_at = XC_NEVER; /* what was said to the request before is void */
        if (turn->before.known && t->generation == turn->before.generation) {
            t->has_old_id = true;
            memcpy(t->old_id, t->id, sizeof t->old_id);
        }
        new_id(turn, t);
        t->send_at = now;
    } else if (turn->state == XC_TURN_READY && t->challenges > XC_TURN_CHALLENGES_MAX) {
        if (peer) {
            xc_turn_peer_later(peer, now);
        } else {
            turn->error_code = message->error_code;
            t->used = false;
            turn->refresh_at = now + XC_TURN_RETRY;
        }
    } else if (turn->state == XC_TURN_CLOSED && t->challenges > XC_TURN_CHALLENGES_MAX) {
        forget(turn);
    }
}

static void response(struct xc_turn *turn, uint64_t now, const struct xc_stun *message)
{
    struct xc_turn_peer *peer;
    bool old_id;
    struct xc_turn_transaction *t = find_transaction(turn, message, &peer, &old_id);
    if (!t) {
        turn->counters.dropped_unknown++;
        return;
    }
    bool error = message->class_ == XC_STUN_ERROR;
    if (error != message->has_error || (message->has_fingerprint && !message->fingerprint_ok) ||
        (!error && message->has_unknown_required)) {
        turn->counters.dropped_malformed++;
        return;
    }
    if (xc_turn_bid_down(message)) {
        turn->counters.dropped_integrity++;
        return;
    }
    if (!old_id && (message->error_code == 401 || message->error_code == 438)) {
        turn->counters.responses_received++;
        challenged(turn, now, t, peer, message);
        return;
    }
    if (!xc_turn_authentic(turn, message, old_id)) {
        turn->counters.dropped_integrity++;
        if (error && !old_id &&
            message->error_code != 400) /* a 400 never counts (RFC 8489 section 9.2.5) */
            xc_turn_verdict(turn, now,
                            message->error_code == 441 ? XC_TURN_UNAUTHORIZED : XC_TURN_REFUSED,
                            message->error_code);
        return;
    }
    turn->counters.responses_received++;
    sample_rtt(turn, now, t);
    if (peer)
        xc_turn_peer_answer(turn, now, peer, message->error_code);
    else
        life_answer(turn, now, message);
}

bool xc_turn_input(struct xc_turn *turn, uint64_t now, struct xc_span datagram,
                   struct xc_addr *peer, struct xc_span *bytes)
{
    struct xc_stun message;
    if (turn->state != XC_TURN_ALLOCATING && turn->state != XC_TURN_READY &&
        !xc_turn_releasing(turn)) {
        turn->counters.dropped_unknown++;
        return false;
    }
    if (turn->state == XC_TURN_READY && datagram.size && datagram.data[0] >> 6 == 1)
        return xc_turn_channel_data(turn, now, datagram, peer, bytes);
    if (!xc_stun_parse(&message, datagram)) {
        turn->counters.dropped_malformed++;
        return false;
    }
    if (turn->state == XC_TURN_READY && message.class_ == XC_STUN_INDICATION &&
        message.method == XC_STUN_DATA)
        return xc_turn_data_indication(turn, now, &message, peer, bytes);
    if (message.class_ == XC_STUN_SUCCESS || message.class_ == XC_STUN_ERROR) {
        response(turn, now, &message);
        xc_turn_update_deadline(turn);
    } else {
        turn->counters.dropped_unknown++;
    }
    return false;
}

void xc_turn_probe(struct xc_turn *turn, uint64_t now)
{
    if (turn->state != XC_TURN_READY || turn->life.used)
        return;
    turn->refresh_at = now;
    xc_turn_update_deadline(turn);
}

void xc_turn_close(struct xc_turn *turn, uint64_t now)
{
    if (turn->state == XC_TURN_CLOSED)
        return;
    /* While allocating the server may have made it, and its answer be under way. */
    bool held =
        turn->state == XC_TURN_READY || (turn->state == XC_TURN_ALLOCATING && turn->said.known);
    turn->state = XC_TURN_CLOSED;
    stop(turn);
    if (held) { /* Refresh with lifetime 0 (RFC 8656 section 7) */
        xc_turn_begin(turn, &turn->life, XC_STUN_REFRESH, now);
        turn->expires_at = now + XC_TURN_RELEASE_TIMEOUT;
    } else {
        forget(turn);
    }
    xc_turn_update_deadline(turn);
}

bool xc_turn_releasing(const struct xc_turn *turn)
{
    return turn->state == XC_TURN_CLOSED && turn->life.used;
}

bool xc_turn_is_server(const struct xc_turn *turn, const struct xc_addr *local,
                       const struct xc_addr *remote)
{
    return xc_addr_equal(&turn->server, remote) && xc_addr_equal(&turn->local, local);
}

int xc_turn_state(const struct xc_turn *turn)
{
    return turn->state;
}

int xc_turn_failure(const struct xc_turn *turn, uint16_t *error_code)
{
    if (error_code)
        *error_code = turn->failure ? turn->error_code : 0;
    return turn->failure;
}

const struct xc_addr *xc_turn_relayed(const struct xc_turn *turn)
{
    return &turn->relayed;
}

const struct xc_addr *xc_turn_mapped(const struct xc_turn *turn)
{
    return &turn->mapped;
}

uint64_t xc_turn_deadline(const struct xc_turn *turn)
{
    return turn->next_at;
}

const struct xc_turn_counters *xc_turn_counters(const struct xc_turn *turn)
{
    return &turn->counters;
}
