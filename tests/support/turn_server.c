/* turn_server.c - see turn_server.h: Allocate, Refresh, CreatePermission, ChannelBind, Send, Data and
 * ChannelData (RFC 8656), Binding, long-term credentials (RFC 8489 section 9.2.4), and what a hostile
 * server adds to it.
 * SPDX-License-Identifier: MIT */
#include "support/turn_server.h"

#define FIRST_PORT 49152
#define NONCE_SIZE 21

static const uint8_t wrong_key[] = "not the key";

static struct xc_span text(const char *s)
{
    return xc_span_make(s, strlen(s));
}

void turn_server_init(struct turn_server *server, const struct turn_server_config *config)
{
    memset(server, 0, sizeof *server);
    server->config = *config;
    if (!server->config.lifetime_s)
        server->config.lifetime_s = 600;
    if (!server->config.permission_s)
        server->config.permission_s = 300;
    if (!server->config.channel_s)
        server->config.channel_s = 600;
    server->algorithms[0] = XC_STUN_ALGORITHM_SHA256;
    server->algorithms[1] = XC_STUN_ALGORITHM_MD5;
    server->next_port = FIRST_PORT;
}

bool turn_server_owns(const struct turn_server *server, const struct xc_addr *addr)
{
    return xc_addr_equal(&server->config.addr, addr) ||
           (xc_addr_same_host(&server->config.relay, addr) && addr->port >= FIRST_PORT);
}

void turn_server_stale_nonce(struct turn_server *server)
{
    server->nonce_number++;
}

void turn_server_deny(struct turn_server *server, const struct xc_addr *host)
{
    if (server->denied_count < TURN_SERVER_DENIED)
        server->denied[server->denied_count++] = *host;
}

void turn_server_refuse(struct turn_server *server, uint16_t method, uint16_t code, uint32_t count)
{
    server->refuse[method % TURN_SERVER_METHODS] = code;
    server->refuse_count[method % TURN_SERVER_METHODS] = count;
}

void turn_server_forget(struct turn_server *server)
{
    memset(server->allocations, 0, sizeof server->allocations);
}

static bool alive(const struct turn_server_allocation *a, uint64_t now)
{
    return a->used && now < a->until;
}

uint32_t turn_server_allocations(const struct turn_server *server, uint64_t now)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++)
        count += alive(&server->allocations[i], now);
    return count;
}

struct turn_server_allocation *turn_server_of(struct turn_server *server, uint64_t now,
                                              const struct xc_addr *client)
{
    for (uint32_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++) {
        struct turn_server_allocation *a = &server->allocations[i];
        if (alive(a, now) && xc_addr_equal(&a->client, client))
            return a;
    }
    return NULL;
}

static struct turn_server_allocation *by_relayed(struct turn_server *server, uint64_t now,
                                                 const struct xc_addr *relayed)
{
    for (uint32_t i = 0; i < TURN_SERVER_ALLOCATIONS; i++) {
        struct turn_server_allocation *a = &server->allocations[i];
        if (alive(a, now) && xc_addr_equal(&a->relayed, relayed))
            return a;
    }
    return NULL;
}

static bool permitted(const struct turn_server_allocation *a, uint64_t now,
                      const struct xc_addr *peer)
{
    for (uint32_t i = 0; i < TURN_SERVER_PEERS; i++) {
        if (now < a->permissions[i].until && xc_addr_same_host(&a->permissions[i].peer, peer))
            return true;
    }
    return false;
}

static bool permit(struct turn_server *server, struct turn_server_allocation *a, uint64_t now,
                   const struct xc_addr *peer)
{
    struct turn_server_permission *slot = NULL;
    for (uint32_t i = 0; i < TURN_SERVER_PEERS; i++) {
        struct turn_server_permission *p = &a->permissions[i];
        if (now < p->until && xc_addr_same_host(&p->peer, peer)) {
            slot = p;
            break;
        }
        if (now >= p->until && !slot)
            slot = p;
    }
    if (!slot)
        return false;
    slot->peer = *peer;
    slot->until = now + server->config.permission_s * XC_NS_PER_S;
    return true;
}

/* What goes out. */

static void enqueue(struct turn_server *server, const struct xc_addr *local,
                    const struct xc_addr *remote, struct xc_span bytes)
{
    if (server->count == TURN_SERVER_QUEUE || bytes.size > TURN_SERVER_DATAGRAM) {
        server->queue_overflows++;
        return;
    }
    struct turn_server_datagram *d =
        &server->queue[(server->first + server->count++) % TURN_SERVER_QUEUE];
    d->local = *local;
    d->remote = *remote;
    d->size = bytes.size;
    if (bytes.size)
        memcpy(d->bytes, bytes.data, bytes.size);
}

/* A request that is being answered. */
struct answer {
    const struct xc_stun *request;
    struct xc_addr client;
    uint8_t key[XC_STUN_KEY_MAX];
    size_t key_size;
    bool authentic; /* the answer carries integrity, */
    bool sha256;    /* MESSAGE-INTEGRITY-SHA256 */
};

static void answer_begin(const struct answer *a, struct xc_stun_writer *w, uint8_t *bytes,
                         uint8_t class_)
{
    xc_stun_begin(w, bytes, TURN_SERVER_DATAGRAM, class_, a->request->method,
                  a->request->transaction);
}

static struct xc_span answer_key(const struct answer *a)
{
    return xc_span_make(a->key, a->authentic ? a->key_size : 0);
}

static size_t answer_end(const struct answer *a, struct xc_stun_writer *w)
{
    return a->authentic && a->sha256 ? xc_stun_finish_sha256(w, answer_key(a))
                                     : xc_stun_finish(w, answer_key(a));
}

/* The same under the same key, by what is easier to forge. */
static void send_weak(struct turn_server *server, const struct answer *a, const uint8_t *good,
                      size_t size)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM];
    struct xc_stun_writer w = {xc_writer_make(bytes, sizeof bytes)};
    size_t sealed = 4 + 32 + 8; /* MESSAGE-INTEGRITY-SHA256, FINGERPRINT */
    if (!a->authentic || !a->sha256 || size < sealed)
        return;
    xc_write_bytes(&w.out, good, size - sealed);
    size = xc_stun_finish(&w, answer_key(a));
    enqueue(server, &server->config.addr, &a->client, xc_span_make(bytes, size));
}

static void send_forged(struct turn_server *server, const struct answer *a, uint16_t code,
                        bool success)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM], id[XC_STUN_TRANSACTION_SIZE];
    struct xc_addr evil = {.family = XC_ADDR_IPV4, .port = 6666, .bytes = {203, 0, 113, 66}};
    struct xc_stun_writer w;
    memcpy(id, a->request->transaction, sizeof id);
    if (success && (server->forge & TURN_FORGE_TRANSACTION))
        id[3] ^= 0x55;
    xc_stun_begin(&w, bytes, sizeof bytes, success ? XC_STUN_SUCCESS : XC_STUN_ERROR,
                  a->request->method, id);
    if (success) {
        xc_stun_add_xor_address(&w, XC_STUN_ATTR_XOR_RELAYED_ADDRESS, &evil);
        xc_stun_add_xor_mapped(&w, &evil);
        xc_stun_add_number(&w, XC_STUN_ATTR_LIFETIME, 600);
    } else {
        xc_stun_add_error(&w, code, "forged");
        if (code == 401) {
            xc_stun_add(&w, XC_STUN_ATTR_REALM, text("evil"));
            xc_stun_add(&w, XC_STUN_ATTR_NONCE, text("evil"));
        }
    }
    size_t size = xc_stun_finish(&w, xc_span_make(wrong_key, success ? sizeof wrong_key : 0));
    enqueue(server, &server->config.addr, &a->client, xc_span_make(bytes, size));
}

static void send_garbage(struct turn_server *server, const struct answer *a, struct xc_span good)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM];
    for (size_t cut = 0; cut < good.size; cut += 7)
        enqueue(server, &server->config.addr, &a->client, xc_span_make(good.data, cut));
    for (size_t at = 8; at < good.size; at += 9) {
        memcpy(bytes, good.data, good.size);
        bytes[at] ^= 0x81;
        enqueue(server, &server->config.addr, &a->client, xc_span_make(bytes, good.size));
    }
}

static void answer_send(struct turn_server *server, const struct answer *a, uint8_t *bytes,
                        size_t size)
{
    uint32_t forge = server->forge;
    if (forge & TURN_FORGE_ERRORS) {
        if (a->authentic)
            send_forged(server, a, 401, false);
        send_forged(server, a, 400, false);
        send_forged(server, a, 437, false);
    }
    if (forge & (TURN_FORGE_SUCCESS | TURN_FORGE_TRANSACTION))
        send_forged(server, a, 0, true);
    if (forge & TURN_FORGE_GARBAGE)
        send_garbage(server, a, xc_span_make(bytes, size));
    if (forge & TURN_FORGE_WEAK)
        send_weak(server, a, bytes, size);
    if (forge & TURN_FORGE_NO_TRUTH)
        return;
    if (server->drop_answers) {
        server->drop_answers--;
        return;
    }
    enqueue(server, &server->config.addr, &a->client, xc_span_make(bytes, size));
}

static void write_nonce(const struct turn_server *server, char nonce[NONCE_SIZE + 1])
{
    bool algorithms = server->offer_algorithms || (server->forge & TURN_FORGE_BAD_NONCE);
    memcpy(nonce, "nonce-of-test", 13);
    if (algorithms || server->anonymity)
        memcpy(nonce, "obMatJos2AAA", 12);
    if (algorithms || server->anonymity)
        nonce[12] = (char)('A' + algorithms + 2 * server->anonymity);
    for (int i = 0; i < 8; i++)
        nonce[13 + i] = (char)('a' + (server->nonce_number >> 4 * i & 15));
    nonce[NONCE_SIZE] = 0;
}

static void write_list(const struct turn_server *server, uint8_t list[8])
{
    xc_store32(list, (uint32_t)server->algorithms[0] << 16);
    xc_store32(list + 4, (uint32_t)server->algorithms[1] << 16);
}

static void send_error(struct turn_server *server, const struct answer *a, uint16_t code)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM], list[8];
    char nonce[NONCE_SIZE + 1];
    struct answer signed_as = *a;
    struct xc_stun_writer w;
    server->errors[a->request->method % TURN_SERVER_METHODS]++;
    answer_begin(a, &w, bytes, XC_STUN_ERROR);
    xc_stun_add_error(&w, code, "refused");
    if (code == 401 || code == 438) {
        signed_as.authentic = false;
        server->challenges += code == 401;
        server->stale_nonces += code == 438;
        write_nonce(server, nonce);
        if (server->forge & TURN_FORGE_PLAIN)
            memcpy(nonce, "nonce-of-test", 13);
        xc_stun_add(&w, XC_STUN_ATTR_REALM, text(server->config.realm));
        xc_stun_add(&w, XC_STUN_ATTR_NONCE, text(nonce));
        if (server->offer_algorithms && !(server->forge & TURN_FORGE_PLAIN)) {
            bool cut = (server->forge & TURN_FORGE_SHORT_LIST) != 0;
            write_list(server, list);
            xc_stun_add(&w, XC_STUN_ATTR_PASSWORD_ALGORITHMS,
                        xc_span_make(cut ? list + 4 : list, cut ? 4 : 8));
        }
    }
    if (code == 300)
        xc_stun_add_xor_address(&w, XC_STUN_ATTR_ALTERNATE_SERVER, &server->config.relay);
    size_t size = answer_end(&signed_as, &w);
    answer_send(server, &signed_as, bytes, size);
}

static void add_lifetime(const struct turn_server *server, struct xc_stun_writer *w, uint32_t s)
{
    xc_stun_add_number(w, XC_STUN_ATTR_LIFETIME,
                       server->grant_lifetime ? server->granted_lifetime : s);
}

static void send_allocated(struct turn_server *server, const struct answer *a,
                           const struct turn_server_allocation *made)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM];
    struct xc_stun_writer w;
    answer_begin(a, &w, bytes, XC_STUN_SUCCESS);
    if (!(server->forge & TURN_FORGE_NO_ADDRESS))
        xc_stun_add_xor_address(&w, XC_STUN_ATTR_XOR_RELAYED_ADDRESS, &made->relayed);
    xc_stun_add_xor_mapped(&w, &made->client);
    add_lifetime(server, &w, server->config.lifetime_s);
    answer_send(server, a, bytes, answer_end(a, &w));
}

/* What comes in. */

static void allocate(struct turn_server *server, uint64_t now, const struct answer *a)
{
    uint32_t transport, family;
    struct turn_server_allocation *slot = turn_server_of(server, now, &a->client);
    if (slot && memcmp(slot->transaction, a->request->transaction, sizeof slot->transaction) == 0) {
        send_allocated(server, a, slot); /* a retransmission */
        return;
    }
    if (slot) {
        send_error(server, a, 437);
        return;
    }
    if (!xc_stun_find_number(a->request, XC_STUN_ATTR_REQUESTED_TRANSPORT, &transport) ||
        transport >> 24 != XC_STUN_TRANSPORT_UDP) {
        send_error(server, a, 442);
        return;
    }
    if (!xc_stun_find_number(a->request, XC_STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &family))
        family = UINT32_C(1) << 24;
    if ((family >> 24 == 2) != (server->config.relay.family == XC_ADDR_IPV6)) {
        send_error(server, a, 440);
        return;
    }
    if (server->quota && turn_server_allocations(server, now) >= server->quota) {
        send_error(server, a, 486);
        return;
    }
    for (uint32_t i = 0; i < TURN_SERVER_ALLOCATIONS && !slot; i++) {
        if (!alive(&server->allocations[i], now))
            slot = &server->allocations[i];
    }
    if (!slot) {
        send_error(server, a, 508);
        return;
    }
    memset(slot, 0, sizeof *slot);
    slot->used = true;
    slot->client = a->client;
    slot->relayed = server->config.relay;
    slot->relayed.port = server->next_port++;
    if (server->next_port < FIRST_PORT)
        server->next_port = FIRST_PORT;
    slot->until = now + server->config.lifetime_s * XC_NS_PER_S;
    memcpy(slot->transaction, a->request->transaction, sizeof slot->transaction);
    send_allocated(server, a, slot);
}

static void send_plain(struct turn_server *server, const struct answer *a)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM];
    struct xc_stun_writer w;
    answer_begin(a, &w, bytes, XC_STUN_SUCCESS);
    answer_send(server, a, bytes, answer_end(a, &w));
}

static void refresh(struct turn_server *server, uint64_t now, const struct answer *a,
                    struct turn_server_allocation *held)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM];
    struct xc_stun_writer w;
    uint32_t lifetime;
    if (!xc_stun_find_number(a->request, XC_STUN_ATTR_LIFETIME, &lifetime))
        lifetime = server->config.lifetime_s;
    lifetime = XC_MIN(lifetime, server->config.lifetime_s);
    held->until = now + lifetime * XC_NS_PER_S;
    if (lifetime == 0)
        held->used = false;
    answer_begin(a, &w, bytes, XC_STUN_SUCCESS);
    add_lifetime(server, &w, lifetime);
    answer_send(server, a, bytes, answer_end(a, &w));
}

static bool denied(const struct turn_server *server, const struct xc_addr *peer)
{
    for (uint32_t i = 0; i < server->denied_count; i++) {
        if (xc_addr_same_host(&server->denied[i], peer))
            return true;
    }
    return false;
}

/* 0 or the error of a peer that this allocation cannot have. */
static uint16_t peer_error(const struct turn_server *server, const struct answer *a,
                           struct xc_addr *peer)
{
    if (!xc_stun_find_xor_address(a->request, XC_STUN_ATTR_XOR_PEER_ADDRESS, peer))
        return 400;
    if (peer->family != server->config.relay.family)
        return 443;
    return denied(server, peer) ? 403 : 0;
}

static void create_permission(struct turn_server *server, uint64_t now, const struct answer *a,
                              struct turn_server_allocation *held)
{
    struct xc_addr peer;
    uint16_t error = peer_error(server, a, &peer);
    if (error)
        send_error(server, a, error);
    else if (!permit(server, held, now, &peer))
        send_error(server, a, 508);
    else
        send_plain(server, a);
}

static void channel_bind(struct turn_server *server, uint64_t now, const struct answer *a,
                         struct turn_server_allocation *held)
{
    struct turn_server_channel *slot = NULL;
    struct xc_addr peer;
    uint32_t value = 0; /* the number is its upper half */
    uint16_t error = peer_error(server, a, &peer);
    bool has_number = xc_stun_find_number(a->request, XC_STUN_ATTR_CHANNEL_NUMBER, &value);
    uint16_t number = (uint16_t)(value >> 16);
    if (!error && (!has_number || number < XC_CHANNEL_MIN || number > XC_CHANNEL_MAX))
        error = 400;
    for (uint32_t i = 0; i < TURN_SERVER_PEERS && !error; i++) {
        struct turn_server_channel *c = &held->channels[i];
        bool live = now < c->until, same = xc_addr_equal(&c->peer, &peer);
        if (live && same != (c->number == number))
            error = 400; /* bound otherwise */
        else if (live && same)
            slot = c;
        else if (!live && !slot)
            slot = c;
    }
    if (!error && (!slot || !permit(server, held, now, &peer)))
        error = 508;
    if (error) {
        send_error(server, a, error);
        return;
    }
    slot->peer = peer;
    slot->number = number;
    slot->until = now + server->config.channel_s * XC_NS_PER_S;
    send_plain(server, a);
}

static void to_peer(struct turn_server *server, uint64_t now,
                    const struct turn_server_allocation *a, const struct xc_addr *peer,
                    struct xc_span bytes)
{
    if (!permitted(a, now, peer)) {
        server->dropped_no_permission++;
        return;
    }
    server->relayed_out++;
    enqueue(server, &a->relayed, peer, bytes);
}

static void to_client(struct turn_server *server, uint64_t now,
                      const struct turn_server_allocation *a, const struct xc_addr *peer,
                      struct xc_span bytes)
{
    uint8_t out[TURN_SERVER_DATAGRAM];
    static const uint8_t id[XC_STUN_TRANSACTION_SIZE] = {7};
    struct xc_stun_writer w;
    if (!permitted(a, now, peer)) {
        server->dropped_no_permission++;
        return;
    }
    server->relayed_in++;
    for (uint32_t i = 0; i < TURN_SERVER_PEERS; i++) {
        const struct turn_server_channel *c = &a->channels[i];
        if (now >= c->until || !xc_addr_equal(&c->peer, peer))
            continue;
        if (bytes.size + XC_CHANNEL_DATA_HEADER_SIZE > sizeof out)
            return;
        xc_channel_data_header(out, c->number, (uint16_t)bytes.size);
        if (bytes.size)
            memcpy(out + XC_CHANNEL_DATA_HEADER_SIZE, bytes.data, bytes.size);
        enqueue(server, &server->config.addr, &a->client,
                xc_span_make(out, bytes.size + XC_CHANNEL_DATA_HEADER_SIZE));
        return;
    }
    xc_stun_begin(&w, out, sizeof out, XC_STUN_INDICATION, XC_STUN_DATA, id);
    xc_stun_add_xor_address(&w, XC_STUN_ATTR_XOR_PEER_ADDRESS, peer);
    xc_stun_add(&w, XC_STUN_ATTR_DATA, bytes);
    size_t size = xc_stun_finish(&w, xc_span_make(NULL, 0));
    enqueue(server, &server->config.addr, &a->client, xc_span_make(out, size));
}

static void channel_data(struct turn_server *server, uint64_t now, const struct xc_addr *client,
                         struct xc_span datagram)
{
    uint16_t number;
    struct xc_span bytes;
    const struct turn_server_allocation *a = turn_server_of(server, now, client);
    if (!xc_channel_data_parse(datagram, &number, &bytes)) {
        server->malformed++;
        return;
    }
    server->channel_data_in++;
    for (uint32_t i = 0; a && i < TURN_SERVER_PEERS; i++) {
        const struct turn_server_channel *c = &a->channels[i];
        if (now < c->until && c->number == number) {
            to_peer(server, now, a, &c->peer, bytes);
            return;
        }
    }
    server->dropped_no_permission++;
}

static void send_indication(struct turn_server *server, uint64_t now, const struct xc_addr *client,
                            const struct xc_stun *message)
{
    struct xc_addr peer;
    struct xc_span bytes;
    const struct turn_server_allocation *a = turn_server_of(server, now, client);
    server->indications_in++;
    if (!a || !xc_stun_find_xor_address(message, XC_STUN_ATTR_XOR_PEER_ADDRESS, &peer) ||
        !xc_stun_find(message, XC_STUN_ATTR_DATA, &bytes)) {
        server->malformed++;
        return;
    }
    to_peer(server, now, a, &peer, bytes);
}

static void binding(struct turn_server *server, const struct answer *a)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM];
    struct xc_stun_writer w;
    answer_begin(a, &w, bytes, XC_STUN_SUCCESS);
    xc_stun_add_xor_mapped(&w, &a->client);
    answer_send(server, a, bytes, xc_stun_finish(&w, xc_span_make(NULL, 0)));
}

static bool is_user(const struct turn_server *server, const struct xc_stun *request)
{
    uint8_t hash[XC_STUN_USERHASH_SIZE];
    struct xc_span given;
    if (!server->anonymity)
        return xc_span_equal_text(request->username, server->config.username);
    xc_stun_userhash(hash, text(server->config.username), text(server->config.realm));
    return xc_stun_find(request, XC_STUN_ATTR_USERHASH, &given) &&
           xc_span_equal(given, xc_span_make(hash, sizeof hash));
}

/* That the request says it used, of the list that was offered and came back whole; 0: a bad request. */
static uint16_t algorithm_of(const struct turn_server *server, const struct answer *a)
{
    struct xc_span list, one;
    uint8_t offered[8];
    if (!server->offer_algorithms)
        return XC_STUN_ALGORITHM_MD5;
    write_list(server, offered);
    if (!xc_stun_find(a->request, XC_STUN_ATTR_PASSWORD_ALGORITHMS, &list) ||
        !xc_stun_find(a->request, XC_STUN_ATTR_PASSWORD_ALGORITHM, &one) || one.size != 4 ||
        !xc_span_equal(list, xc_span_make(offered, sizeof offered)))
        return 0;
    uint16_t algorithm = xc_load16(one.data);
    return algorithm == server->algorithms[0] || algorithm == server->algorithms[1] ? algorithm : 0;
}

/* 0, 400, 401, 420 or 438; and the key that answers are signed with. */
static uint16_t authenticate(struct turn_server *server, uint64_t now, struct answer *a)
{
    const struct turn_server_config *c = &server->config;
    char nonce[NONCE_SIZE + 1];
    struct xc_span realm, given, list;
    if (server->open)
        return 0;
    if (server->nonce_life && now - server->nonce_at >= server->nonce_life) {
        server->nonce_at = now;
        server->nonce_number++;
    }
    write_nonce(server, nonce);
    if (!a->request->has_integrity && !a->request->has_sha256)
        return 401;
    bool named = server->anonymity ? !a->request->has_username &&
                                         xc_stun_find(a->request, XC_STUN_ATTR_USERHASH, &list)
                                   : a->request->has_username;
    server->usernames += a->request->has_username;
    server->userhashes += server->anonymity && named;
    if (!named || !xc_stun_find(a->request, XC_STUN_ATTR_REALM, &realm) ||
        !xc_stun_find(a->request, XC_STUN_ATTR_NONCE, &given))
        return 400;
    if (!xc_span_equal_text(given, nonce))
        return 438;
    uint16_t algorithm = algorithm_of(server, a);
    a->sha256 = server->offer_algorithms;
    a->key_size = xc_stun_long_term_key(algorithm, a->key, text(c->username), text(c->realm),
                                        text(c->password));
    if (!a->key_size)
        return 400;
    struct xc_span key = xc_span_make(a->key, a->key_size);
    if (!is_user(server, a->request) || !xc_span_equal_text(realm, c->realm) ||
        !(a->sha256 ? xc_stun_check_sha256(a->request, key)
                    : xc_stun_check_integrity(a->request, key))) {
        server->bad_integrity++;
        return 401;
    }
    a->authentic = true;
    server->by_sha256 += a->sha256;
    server->by_sha1 += !a->sha256;
    /* coturn knows neither and refuses the one that must be understood. */
    if (!server->offer_algorithms &&
        (xc_stun_find(a->request, XC_STUN_ATTR_PASSWORD_ALGORITHMS, &list) ||
         xc_stun_find(a->request, XC_STUN_ATTR_PASSWORD_ALGORITHM, &list)))
        return 420;
    return 0;
}

static void serve(struct turn_server *server, uint64_t now, struct answer *a)
{
    uint16_t method = a->request->method, error = authenticate(server, now, a);
    if (error) {
        send_error(server, a, error);
        return;
    }
    if (server->refuse[method]) {
        error = server->refuse[method];
        if (server->refuse_count[method] && --server->refuse_count[method] == 0)
            server->refuse[method] = 0;
        send_error(server, a, error);
        return;
    }
    struct turn_server_allocation *held = turn_server_of(server, now, &a->client);
    if (method == XC_STUN_ALLOCATE)
        allocate(server, now, a);
    else if (!held)
        send_error(server, a, 437);
    else if (method == XC_STUN_REFRESH)
        refresh(server, now, a, held);
    else if (method == XC_STUN_CREATE_PERMISSION)
        create_permission(server, now, a, held);
    else if (method == XC_STUN_CHANNEL_BIND)
        channel_bind(server, now, a, held);
    else
        send_error(server, a, 400);
}

static void from_client(struct turn_server *server, uint64_t now, const struct xc_addr *client,
                        struct xc_span datagram)
{
    struct xc_stun message;
    struct answer a = {.request = &message, .client = *client};
    if (server->drop_next) {
        server->drop_next--;
        return;
    }
    if (datagram.size && datagram.data[0] >> 6 == 1) {
        channel_data(server, now, client, datagram);
        return;
    }
    if (!xc_stun_parse(&message, datagram) || message.method >= TURN_SERVER_METHODS ||
        (message.has_fingerprint && !message.fingerprint_ok)) {
        server->malformed++;
        return;
    }
    server->requests[message.method]++;
    if (message.class_ == XC_STUN_INDICATION && message.method == XC_STUN_SEND) {
        send_indication(server, now, client, &message);
    } else if (message.class_ == XC_STUN_REQUEST) {
        server->last_request_at = now;
        if (message.method == XC_STUN_BINDING)
            binding(server, &a);
        else
            serve(server, now, &a);
    }
}

void turn_server_input(struct turn_server *server, uint64_t now, const struct xc_addr *local,
                       const struct xc_addr *remote, struct xc_span datagram)
{
    if (server->silent)
        return;
    if (xc_addr_equal(local, &server->config.addr)) {
        from_client(server, now, remote, datagram);
        return;
    }
    const struct turn_server_allocation *a = by_relayed(server, now, local);
    if (a)
        to_client(server, now, a, remote, datagram);
    else
        server->dropped_no_permission++;
}

bool turn_server_output(struct turn_server *server, uint64_t now, struct xc_datagram *out)
{
    while (server->count) {
        struct turn_server_datagram *d = &server->queue[server->first];
        bool inside = !xc_addr_equal(&d->local, &server->config.addr) &&
                      turn_server_owns(server, &d->remote) &&
                      !xc_addr_equal(&d->remote, &server->config.addr);
        server->first = (server->first + 1) % TURN_SERVER_QUEUE;
        server->count--;
        if (inside) { /* from one relayed address to another; its slot may be taken meanwhile */
            struct turn_server_datagram copy = *d;
            turn_server_input(server, now, &copy.remote, &copy.local,
                              xc_span_make(copy.bytes, copy.size));
            continue;
        }
        if (d->size > out->capacity)
            continue;
        out->local = d->local;
        out->remote = d->remote;
        out->size = d->size;
        if (d->size)
            memcpy(out->data, d->bytes, d->size);
        return true;
    }
    return false;
}
