/* relays_gather.c - the servers of a session: which of our addresses asks which server, what becomes
 * of the answers (candidates, RFC 8445 section 5.1.1.2), permissions for the peer's, new attempts, and
 * when a call that must be relayed has no relay. Owner: the session's thread.
 *
 * A TURN server is asked from one address of ours; from the next one where it stays silent, because a
 * machine has addresses (of containers, of a VPN) from which nothing gets out. The answer to where a
 * relay gave out is another one, at once from a second server, whose candidate was there all along.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"

#define OTHER_BASE_AFTER (1600 * XC_NS_PER_MS) /* behind the third transmission */
#define ATTEMPTS_MAX 3                         /* of a server that never gave us a relay */
#define RETRY_FIRST (1 * XC_NS_PER_S)
#define RETRY_MAX (8 * XC_NS_PER_S)
#define STABLE_AFTER (10 * XC_NS_PER_S)  /* a relay that is lost sooner is not asked for at once */
#define PROBE_PATIENCE (2 * XC_NS_PER_S) /* without any answer since the probe: it is gone */

/* --- candidates ------------------------------------------------------------------------------- */

/* The address that a candidate is related to says where we are; who is relayed on purpose hides it. */
static struct xc_addr related_to(const struct xc_session *session, const struct xc_addr *addr)
{
    struct xc_addr hidden = {.family = addr->family};
    return session->relay_only ? hidden : *addr;
}

static uint16_t preference_of(const struct xc_session *session, const struct xc_addr *base)
{
    for (uint32_t i = 0; i < session->base_count; i++)
        if (xc_addr_equal(&session->bases[i].addr, base))
            return session->bases[i].preference;
    return 0;
}

/* No candidate comes behind the end of candidates (RFC 8838 section 13) but where a server came, or came
 * back, when that was out: then another end follows once gathering is over again. */
static bool add(struct xc_session *session, const struct xc_ice_gathered *gathered)
{
    bool added = xc_ice_add_gathered(&session->ice, gathered) >= 0;
    if (added)
        session->end_given = false;
    return added;
}

static void add_reflexive(struct xc_session *session, const struct xc_addr *base,
                          const struct xc_addr *mapped)
{
    struct xc_ice_gathered gathered = {.type = XC_CANDIDATE_SRFLX,
                                       .addr = *mapped,
                                       .base = *base,
                                       .related = *base,
                                       .local_preference = preference_of(session, base)};
    if (!session->relay_only && mapped->family == base->family)
        add(session, &gathered);
}

/* The description that has our candidates is out: only a new one can bring this one to the peer. */
static void tell_late(struct xc_session *session)
{
    if (session->described && !session->negotiation.config.trickle)
        session->restart_needed = session->offer_needed = true;
}

static void add_relayed(struct xc_session *session, uint32_t index)
{
    struct xc_relay *relay = &session->relays->list[index];
    const struct xc_addr *mapped = xc_turn_mapped(&relay->turn);
    /* The order in which the host named the servers is its preference. */
    struct xc_ice_gathered gathered = {.type = XC_CANDIDATE_RELAY,
                                       .addr = *xc_turn_relayed(&relay->turn),
                                       .related = related_to(session, mapped),
                                       .local_preference = (uint16_t)(65535 - index)};
    add_reflexive(session, &relay->local, mapped);
    if (add(session, &gathered))
        tell_late(session);
    relay->remotes_seen = xc_ice_remote_changes(&session->ice) - 1;
    relay->channel = (struct xc_addr){0};
}

static void remove_relayed(struct xc_session *session, uint64_t now, const struct xc_addr *relayed)
{
    struct xc_candidate candidate;
    for (uint32_t i = 0; i < xc_ice_local_count(&session->ice); i++) {
        xc_ice_local(&session->ice, i, &candidate);
        if (candidate.type == XC_CANDIDATE_RELAY && xc_addr_equal(&candidate.addr, relayed) &&
            i < session->candidates_given)
            session->candidates_given--;
    }
    xc_ice_remove_local(&session->ice, now, relayed);
}

/* --- servers ---------------------------------------------------------------------------------- */

static bool fits(const struct xc_addr *base, const struct xc_addr *server)
{
    return base->family == server->family &&
           xc_addr_is_loopback(base) == xc_addr_is_loopback(server) &&
           xc_addr_is_link_local(base) == xc_addr_is_link_local(server);
}

/* The n-th of our addresses that may ask this server; how many there are. */
static uint32_t bases_for(const struct xc_session *session, const struct xc_addr *server,
                          uint32_t n, struct xc_addr *base)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < session->base_count; i++) {
        if (!fits(&session->bases[i].addr, server))
            continue;
        if (count++ == n)
            *base = session->bases[i].addr;
    }
    return count;
}

static void begin(struct xc_session *session, uint64_t now, struct xc_relay *relay)
{
    struct xc_ice_server *server = &relay->server;
    struct xc_turn_config config = {
        .server = server->addr,
        .username = xc_span_make(server->username, server->username_size),
        .password = xc_span_make(server->password, server->password_size)};
    uint32_t bases = bases_for(session, &server->addr, relay->base, &config.local);
    relay->renewed = relay->probing = false;
    relay->state = XC_RELAY_GIVEN_UP;
    if (!bases || !xc_turn_init(&relay->turn, &config, &session->rng))
        return;
    xc_turn_start(&relay->turn, now);
    relay->local = config.local;
    relay->state = XC_RELAY_TRYING;
    relay->other_base_at = bases > 1 ? now + OTHER_BASE_AFTER : XC_NEVER;
}

static void next_base(const struct xc_session *session, struct xc_relay *relay)
{
    struct xc_addr unused;
    uint32_t bases = bases_for(session, &relay->server.addr, 0, &unused);
    relay->base = (uint8_t)((relay->base + 1u) % XC_MAX(bases, 1u));
}

static bool asks_stun(const struct xc_relays *relays, const struct xc_addr *base,
                      const struct xc_addr *server)
{
    for (uint32_t i = 0; i < relays->client_count; i++)
        if (xc_addr_equal(&relays->clients[i].local, base) &&
            xc_addr_equal(&relays->clients[i].server, server))
            return true;
    return false;
}

static void ask_stun(struct xc_session *session, uint64_t now, const struct xc_addr *server)
{
    struct xc_relays *relays = session->relays;
    for (uint32_t i = 0; i < session->base_count && !session->relay_only; i++) {
        if (relays->client_count == XC_STUN_CLIENTS_MAX)
            return;
        if (!fits(&session->bases[i].addr, server) ||
            asks_stun(relays, &session->bases[i].addr, server))
            continue;
        struct xc_stun_client *client = &relays->clients[relays->client_count++];
        xc_stun_client_init(client, &session->bases[i].addr, server, &session->rng);
        xc_stun_client_start(client, now);
    }
}

/* A TURN server tells the reflexive address too, and its answers must not be taken for STUN's. */
static bool is_known_turn(const struct xc_relays *relays, const struct xc_addr *addr)
{
    for (uint32_t i = 0; i < relays->count; i++)
        if (relays->list[i].server.turn && xc_addr_equal(&relays->list[i].server.addr, addr))
            return true;
    return false;
}

static void renew(struct xc_session *session, uint64_t now, struct xc_relay *relay,
                  const struct xc_ice_server *server)
{
    relay->server = *server;
    relay->attempts = 0;
    relay->renewed = true;
    if (relay->state == XC_RELAY_TRYING || relay->state == XC_RELAY_READY)
        xc_turn_set_credentials(&relay->turn, xc_span_make(server->username, server->username_size),
                                xc_span_make(server->password, server->password_size));
    else if (server->turn)
        begin(session, now, relay);
}

static void forget_stun_at(struct xc_relays *relays, const struct xc_addr *addr)
{
    for (uint32_t i = relays->client_count; i-- > 0;) {
        if (!xc_addr_equal(&relays->clients[i].server, addr))
            continue;
        relays->client_count--;
        relays->clients[i] = relays->clients[relays->client_count];
        relays->client_told[i] = relays->client_told[relays->client_count];
        relays->client_told[relays->client_count] = false;
    }
}

void xc_session_set_ice_servers(struct xc_session *session, uint64_t now, struct xc_relays *memory,
                                const struct xc_ice_server *servers, uint32_t count)
{
    if (session->state == XCALL_STATE_ENDED || session->ending)
        return;
    session->servers_awaited = false;
    session->relays = session->relays ? session->relays : memory;
    struct xc_relays *relays = session->relays;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = 0;
        while (at < relays->count && !xc_ice_server_same(&relays->list[at].server, &servers[i]))
            at++;
        if (at < relays->count) {
            renew(session, now, &relays->list[at], &servers[i]);
            continue;
        }
        if (at == XC_ICE_SERVERS_MAX)
            return;
        struct xc_relay *relay = &relays->list[relays->count++];
        relay->server = servers[i];
        relays->gather_until = now + XC_GATHER_TIMEOUT;
        if (!servers[i].turn)
            continue;
        forget_stun_at(relays, &servers[i].addr);
        begin(session, now, relay);
    }
    for (uint32_t i = 0; i < count; i++)
        if (!servers[i].turn && !is_known_turn(relays, &servers[i].addr))
            ask_stun(session, now, &servers[i].addr);
}

/* --- what becomes of them --------------------------------------------------------------------- */

static void wait_for_retry(struct xc_relay *relay, uint64_t now)
{
    uint64_t pause = RETRY_FIRST << XC_MIN((uint32_t)relay->attempts, 3u);
    relay->state = XC_RELAY_WAITING;
    relay->retry_at = now + XC_MIN(pause, RETRY_MAX);
}

/* 437 Allocation Mismatch, 486 Quota Reached and 508 Insufficient Capacity pass (RFC 8656 section 18). */
static bool may_pass(int failure, uint16_t code)
{
    return failure != XC_TURN_REFUSED || code == 437 || code == 486 || code == 508;
}

static void failed(struct xc_session *session, uint64_t now, struct xc_relay *relay)
{
    uint16_t code = 0;
    bool fresh = relay->renewed;
    int failure = xc_turn_failure(&relay->turn, &code);
    session->relays->failure = failure;
    if (code)
        session->relays->error_code = code;
    if (failure == XC_TURN_NO_ANSWER)
        next_base(session, relay);
    bool stable = failure == XC_TURN_LOST && now - relay->ready_at >= STABLE_AFTER;
    if (stable)
        relay->attempts = 0;
    bool again = failure == XC_TURN_LOST && relay->attempts == 0;
    if (relay->attempts < UINT8_MAX)
        relay->attempts++;
    if (failure == XC_TURN_UNAUTHORIZED && !fresh) {
        relay->state = XC_RELAY_GIVEN_UP;
    } else if (again || fresh) {
        begin(session, now, relay);
    } else if (!may_pass(failure, code) || (!relay->had_one && relay->attempts >= ATTEMPTS_MAX)) {
        relay->state = XC_RELAY_GIVEN_UP;
    } else {
        wait_for_retry(relay, now);
    }
}

/* Permissions for all that the peer signalled, a channel for the one that media goes to. */
static void permit(struct xc_session *session, uint64_t now, struct xc_relay *relay)
{
    const struct xc_addr *relayed = xc_turn_relayed(&relay->turn);
    uint32_t changes = xc_ice_remote_changes(&session->ice);
    struct xc_addr local, remote;
    if (relay->remotes_seen != changes) {
        relay->remotes_seen = changes;
        for (uint32_t i = 0; i < XC_ICE_REMOTE_MAX; i++)
            if (xc_ice_remote(&session->ice, i, &remote) && remote.family == relayed->family)
                xc_turn_permit(&relay->turn, now, &remote, false);
    }
    if (!xc_ice_selected(&session->ice, &local, &remote) || !xc_addr_equal(&local, relayed) ||
        xc_addr_equal(&remote, &relay->channel))
        return;
    relay->channel = remote;
    xc_turn_permit(&relay->turn, now, &remote, true);
}

/* A check that goes out with the request for its permission is dropped: it need not wait for its turn
 * once the answer is here. */
static void hurry(struct xc_session *session, uint64_t now, struct xc_relay *relay)
{
    uint32_t answers = xc_turn_counters(&relay->turn)->responses_received;
    if (relay->refused_out && answers != relay->answers_seen) {
        relay->refused_out = false;
        xc_ice_hurry(&session->ice, now, xc_turn_relayed(&relay->turn));
    }
    relay->answers_seen = answers;
}

/* A silent path may be the peer's fault or the server's: the server is asked. */
static void probe(struct xc_session *session, uint64_t now, struct xc_relay *relay)
{
    struct xc_addr local, remote;
    int ice = xc_ice_state(&session->ice);
    bool silent = ice == XC_ICE_DISCONNECTED && xc_ice_selected(&session->ice, &local, &remote) &&
                  xc_addr_equal(&local, xc_turn_relayed(&relay->turn));
    if (!silent) {
        relay->probing =
            relay->probing && ice == XC_ICE_FAILED; /* the reason for it is wanted yet */
    } else if (!relay->probing) {
        relay->probing = true;
        relay->probed_at = now;
        relay->answers_before = xc_turn_counters(&relay->turn)->responses_received;
        xc_turn_probe(&relay->turn, now);
    }
}

static bool is_silent(const struct xc_relay *relay, uint64_t now)
{
    return relay->probing && now - relay->probed_at >= PROBE_PATIENCE &&
           xc_turn_counters(&relay->turn)->responses_received == relay->answers_before;
}

/* A relayed address that is one of ours, or another server's: who gives it out would have all that goes
 * from there go by itself. */
static bool is_taken(const struct xc_session *session, const struct xc_addr *relayed,
                     uint32_t index)
{
    const struct xc_relays *relays = session->relays;
    for (uint32_t i = 0; i < session->base_count; i++)
        if (xc_addr_equal(&session->bases[i].addr, relayed))
            return true;
    for (uint32_t i = 0; i < relays->count; i++)
        if (i != index && relays->list[i].state == XC_RELAY_READY &&
            xc_addr_equal(xc_turn_relayed(&relays->list[i].turn), relayed))
            return true;
    return false;
}

static void follow(struct xc_session *session, uint64_t now, uint32_t index)
{
    struct xc_relay *relay = &session->relays->list[index];
    int turn = xc_turn_state(&relay->turn);
    switch (relay->state) {
    case XC_RELAY_TRYING:
        if (turn == XC_TURN_READY && is_taken(session, xc_turn_relayed(&relay->turn), index)) {
            relay->state = XC_RELAY_GIVEN_UP;
            session->relays->failure = XC_TURN_REFUSED;
        } else if (turn == XC_TURN_READY) {
            relay->state = XC_RELAY_READY;
            relay->ready_at = now;
            relay->had_one = true;
            relay->renewed = false;
            add_relayed(session, index);
            permit(session, now, relay);
        } else if (turn == XC_TURN_FAILED) {
            failed(session, now, relay);
        } else if (now >= relay->other_base_at &&
                   !xc_turn_counters(&relay->turn)->responses_received) {
            next_base(session, relay);
            begin(session, now, relay);
        } else if (now >= relay->other_base_at) {
            relay->other_base_at = XC_NEVER; /* it answers here */
        }
        break;
    case XC_RELAY_READY:
        if (turn == XC_TURN_FAILED) {
            struct xc_addr relayed = *xc_turn_relayed(&relay->turn);
            remove_relayed(session, now, &relayed);
            failed(session, now, relay);
        } else {
            permit(session, now, relay);
            hurry(session, now, relay);
            probe(session, now, relay);
        }
        break;
    case XC_RELAY_WAITING:
        if (now >= relay->retry_at)
            begin(session, now, relay);
        break;
    default:
        break;
    }
}

static void follow_client(struct xc_session *session, uint32_t index)
{
    struct xc_stun_client *client = &session->relays->clients[index];
    bool *told = &session->relays->client_told[index];
    if (*told || client->state == XC_STUN_CLIENT_NEW || client->state == XC_STUN_CLIENT_ASKING)
        return;
    *told = true;
    if (client->state == XC_STUN_CLIENT_READY)
        add_reflexive(session, &client->local, &client->mapped);
}

static bool any_ready(const struct xc_session *session)
{
    for (uint32_t i = 0; session->relays && i < session->relays->count; i++)
        if (session->relays->list[i].state == XC_RELAY_READY)
            return true;
    return false;
}

bool xc_relays_usable(const struct xc_session *session, uint64_t now)
{
    for (uint32_t i = 0; session->relays && i < session->relays->count; i++)
        if (session->relays->list[i].state == XC_RELAY_READY &&
            !is_silent(&session->relays->list[i], now))
            return true;
    return false;
}

bool xc_relays_gathering(const struct xc_session *session, uint64_t now)
{
    const struct xc_relays *relays = session->relays;
    if (session->servers_awaited || (session->relay_only && !any_ready(session)))
        return true;
    if (!relays || now >= relays->gather_until)
        return false;
    for (uint32_t i = 0; i < relays->client_count; i++)
        if (!relays->client_told[i])
            return true;
    for (uint32_t i = 0; i < relays->count; i++)
        if (relays->list[i].state == XC_RELAY_TRYING)
            return true;
    return false;
}

static bool all_given_up(const struct xc_relays *relays)
{
    uint32_t turns = 0;
    for (uint32_t i = 0; relays && i < relays->count; i++) {
        if (!relays->list[i].server.turn)
            continue;
        turns++;
        if (relays->list[i].state != XC_RELAY_GIVEN_UP)
            return false;
    }
    return turns > 0;
}

const char *xc_relays_trouble(const struct xc_session *session)
{
    const struct xc_relays *relays = session->relays;
    switch (relays ? relays->failure : XC_TURN_NO_REASON) {
    case XC_TURN_NO_ANSWER:
        return "the call must be relayed and no TURN server answered";
    case XC_TURN_UNAUTHORIZED:
        return "the call must be relayed and the TURN server refused the credentials";
    case XC_TURN_REFUSED:
        return "the call must be relayed and the TURN server refused it";
    default:
        return any_ready(session) ? "the call must be relayed and its TURN server is silent"
                                  : "the call must be relayed and there is no TURN server for it";
    }
}

/* Before anything else is decided: a call that must be relayed and cannot be ends, and says why. A
 * server may come late, so the time runs from when both descriptions are in; where the description
 * itself waits for the relay, from the beginning. */
static void follow_need(struct xc_session *session, uint64_t now)
{
    bool counts = session->negotiation.answered_once || !session->negotiation.config.trickle;
    if (!session->relay_only || session->ending)
        return;
    if (any_ready(session)) {
        session->relay_missing_at = 0;
        return;
    }
    if (!session->relay_missing_at && counts)
        session->relay_missing_at = now;
    bool too_long =
        session->relay_missing_at && now - session->relay_missing_at >= XC_CONNECT_TIMEOUT;
    if (too_long || (!session->connected_at && all_given_up(session->relays))) {
        session->reason_text = xc_relays_trouble(session);
        xc_session_end(session, XCALL_END_RELAY_UNAVAILABLE);
    }
}

void xc_relays_service(struct xc_session *session, uint64_t now)
{
    struct xc_relays *relays = session->relays;
    for (uint32_t i = 0; relays && i < relays->client_count; i++)
        follow_client(session, i);
    for (uint32_t i = 0; relays && i < relays->count; i++)
        follow(session, now, i);
    if (relays && now >= relays->gather_until)
        relays->gather_until = 0;
    xc_ice_set_gathering(&session->ice, xc_relays_gathering(session, now));
    follow_need(session, now);
}
