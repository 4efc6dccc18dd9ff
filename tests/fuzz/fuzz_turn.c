/* fuzz_turn.c - a TURN allocation (and a STUN client at the same server) that gets raw datagrams,
 * answers with and without the right MESSAGE-INTEGRITY, data, time and calls, in the order that the
 * input says: an opcode a byte, its arguments behind it. The server's credentials are known here, so
 * that the code behind authentication is reached.
 * Checked at each step: all goes to the server, no storm, no wake-up in the past, READY only by an
 * authentic answer, data only of peers that were permitted, what is wrapped stays in its memory.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "proto/stun_client.h"
#include "proto/turn.h"

#define PEERS 40 /* more than the allocation has room for */

static const char username[] = "1700000000:me", password[] = "secret", realm[] = "example.org";

struct world {
    struct xc_turn turn;
    struct xc_stun_client client;
    struct xc_rng rng;
    uint64_t now;
    struct xc_addr server, local;
    uint8_t key[XC_STUN_KEY_MAX], key256[XC_STUN_KEY_MAX];
    bool authentic; /* a success under the key was handed in */
    bool permitted[PEERS];
    uint16_t method, channel; /* of the last request */
    uint8_t id[XC_STUN_TRANSACTION_SIZE];
};

static struct xc_span text(const char *s)
{
    return xc_span_make(s, strlen(s));
}

static struct xc_addr peer_address(uint8_t index)
{
    struct xc_addr addr = {.family = index & 1 ? XC_ADDR_IPV6 : XC_ADDR_IPV4};
    addr.port = (uint16_t)(1000 + index % PEERS);
    addr.bytes[0] = 0x20;
    addr.bytes[3] = (uint8_t)(index % PEERS / 2); /* two ports a host, of each family */
    return addr;
}

static void drain(struct world *w)
{
    uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
    struct xc_datagram out = {.data = bytes, .capacity = sizeof bytes};
    int count = 0;
    while (xc_turn_output(&w->turn, w->now, &out)) {
        struct xc_stun message;
        FUZZ_CHECK(xc_turn_is_server(&w->turn, &out.local, &out.remote));
        FUZZ_CHECK(++count < 64 && out.size <= XC_MTU);
        FUZZ_CHECK(xc_stun_parse(&message, xc_span_make(bytes, out.size)));
        FUZZ_CHECK(message.class_ == XC_STUN_REQUEST && message.fingerprint_ok);
        w->method = message.method;
        memcpy(w->id, message.transaction, sizeof w->id);
        uint32_t channel;
        if (xc_stun_find_number(&message, XC_STUN_ATTR_CHANNEL_NUMBER, &channel))
            w->channel = (uint16_t)(channel >> 16);
    }
    FUZZ_CHECK(xc_turn_deadline(&w->turn) > w->now);
    while (xc_stun_client_output(&w->client, w->now, &out)) {
        FUZZ_CHECK(xc_addr_equal(&out.remote, &w->server) && ++count < 64);
    }
    FUZZ_CHECK(xc_stun_client_deadline(&w->client) > w->now);
    if (xc_turn_state(&w->turn) == XC_TURN_READY)
        FUZZ_CHECK(w->authentic);
}

static void hand_in(struct world *w, struct xc_span datagram)
{
    struct xc_addr peer;
    struct xc_span bytes;
    xc_stun_client_input(&w->client, w->now, &w->local, &w->server, datagram);
    if (!xc_turn_input(&w->turn, w->now, datagram, &peer, &bytes))
        return;
    bool known = false; /* a permission is a host's: any port of it */
    for (uint8_t i = 0; i < PEERS; i++) {
        struct xc_addr one = peer_address(i);
        known |= w->permitted[i] && xc_addr_same_host(&one, &peer);
    }
    FUZZ_CHECK(known && w->authentic);
    FUZZ_CHECK(bytes.data >= datagram.data);
    FUZZ_CHECK(bytes.data + bytes.size <= datagram.data + datagram.size);
}

static void add_challenge(struct xc_stun_writer *out, uint8_t flags)
{
    static const uint8_t list[] = {0, 2, 0, 0, 0, 1, 0, 0};
    xc_stun_add(out, XC_STUN_ATTR_REALM, text(flags & 1 ? "another" : realm));
    xc_stun_add(out, XC_STUN_ATTR_NONCE, text(flags & 2 ? "obMatJos2AAAD" : "nonce"));
    if (flags & 4)
        xc_stun_add(out, XC_STUN_ATTR_PASSWORD_ALGORITHMS, xc_span_make(list, sizeof list));
}

static void answer(struct world *w, struct xc_reader *r)
{
    static const uint16_t codes[] = {401, 438, 300, 400, 403, 437, 440, 441, 486, 500, 508};
    uint8_t bytes[512], flags = xc_read8(r), code = xc_read8(r);
    struct xc_addr addr = peer_address(xc_read8(r));
    struct xc_stun_writer out;
    bool error = flags & 1;
    uint8_t id[XC_STUN_TRANSACTION_SIZE];
    memcpy(id, w->id, sizeof id);
    if (flags & 2)
        id[0] ^= 1;
    xc_stun_begin(&out, bytes, sizeof bytes, error ? XC_STUN_ERROR : XC_STUN_SUCCESS,
                  flags & 4 ? XC_STUN_REFRESH : w->method, id);
    if (error) {
        xc_stun_add_error(&out, codes[code % XC_ARRAY_LEN(codes)], "");
        add_challenge(&out, code >> 4);
    } else {
        if (!(flags & 8))
            xc_stun_add_xor_address(&out, XC_STUN_ATTR_XOR_RELAYED_ADDRESS, &addr);
        xc_stun_add_xor_mapped(&out, &w->local);
        xc_stun_add_number(&out, XC_STUN_ATTR_LIFETIME, code << (flags >> 4));
    }
    bool sealed = !(flags & 16) && !(error && code % XC_ARRAY_LEN(codes) < 2);
    size_t size = sealed && code & 128
                      ? xc_stun_finish_sha256(&out, xc_span_make(w->key256, sizeof w->key256))
                      : xc_stun_finish(&out, xc_span_make(w->key, sealed ? 16 : 0));
    w->authentic |= sealed && !error;
    hand_in(w, xc_span_make(bytes, size));
}

static void data(struct world *w, struct xc_reader *r)
{
    uint8_t bytes[256], which = xc_read8(r), flags = xc_read8(r);
    struct xc_addr addr = peer_address(which);
    struct xc_stun_writer out;
    if (flags & 1) {
        xc_channel_data_header(bytes, flags & 2 ? (uint16_t)(XC_CHANNEL_MIN + which) : w->channel,
                               flags >> 2);
        memset(bytes + 4, which, 64);
        hand_in(w, xc_span_make(bytes, (size_t)(4 + (flags >> 3))));
        return;
    }
    xc_stun_begin(&out, bytes, sizeof bytes, XC_STUN_INDICATION, XC_STUN_DATA, w->id);
    if (!(flags & 2))
        xc_stun_add_xor_address(&out, XC_STUN_ATTR_XOR_PEER_ADDRESS, &addr);
    if (!(flags & 4))
        xc_stun_add(&out, XC_STUN_ATTR_DATA, xc_span_make(w->id, flags >> 5));
    hand_in(w, xc_span_make(bytes, xc_stun_finish(&out, xc_span_make(NULL, 0))));
}

static void wrap(struct world *w, struct xc_reader *r)
{
    uint8_t bytes[256], which = xc_read8(r);
    size_t size = xc_read8(r) % 128, capacity = size + xc_read8(r) % 80;
    struct xc_datagram out = {
        .remote = peer_address(which), .data = bytes, .capacity = capacity, .size = size};
    memset(bytes, 0x5a, sizeof bytes);
    if (xc_turn_state(&w->turn) == XC_TURN_READY)
        w->permitted[which % PEERS] = true; /* it asks for a permission */
    if (xc_turn_wrap(&w->turn, w->now, &out)) {
        FUZZ_CHECK(xc_turn_is_server(&w->turn, &out.local, &out.remote));
        FUZZ_CHECK(out.size > size && out.size <= capacity && out.size <= size + XC_TURN_WRAP_MAX);
        FUZZ_CHECK(xc_turn_state(&w->turn) == XC_TURN_READY);
    }
    FUZZ_CHECK(bytes[capacity] == 0x5a);
}

static void call(struct world *w, struct xc_reader *r)
{
    uint8_t what = xc_read8(r), which = xc_read8(r);
    struct xc_addr peer = peer_address(which);
    switch (what % 4) {
    case 0:
    case 1:
        w->permitted[which % PEERS] = true;
        xc_turn_permit(&w->turn, w->now, &peer, what & 1);
        break;
    case 2:
        xc_turn_set_credentials(&w->turn, text(username), text(password));
        break;
    default:
        if (which == 0xff)
            xc_turn_close(&w->turn, w->now);
        break;
    }
}

static void open_world(struct world *w, size_t size)
{
    memset(w, 0, sizeof *w);
    xc_rng_init_number(&w->rng, 1);
    w->server = (struct xc_addr){.family = XC_ADDR_IPV4, .port = 3478, .bytes = {192, 0, 2, 1}};
    if (size & 1)
        w->server.family = XC_ADDR_IPV6;
    w->local = w->server;
    w->local.bytes[3] = 2;
    struct xc_turn_config config = {.server = w->server,
                                    .local = w->local,
                                    .username = text(username),
                                    .password = text(password)};
    FUZZ_CHECK(xc_turn_init(&w->turn, &config, &w->rng));
    xc_stun_client_init(&w->client, &w->local, &w->server, &w->rng);
    xc_stun_long_term_key(XC_STUN_ALGORITHM_MD5, w->key, config.username, text(realm),
                          config.password);
    xc_stun_long_term_key(XC_STUN_ALGORITHM_SHA256, w->key256, config.username, text(realm),
                          config.password);
    xc_turn_start(&w->turn, w->now);
    xc_stun_client_start(&w->client, w->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct world w;
    struct xc_reader r = xc_reader_make(xc_span_make(input, size));
    open_world(&w, size);
    drain(&w);
    while (xc_reader_left(&r)) {
        uint8_t opcode = xc_read8(&r);
        size_t length;
        switch (opcode % 8) {
        case 0:
            length = xc_read8(&r);
            length = XC_MIN(length, xc_reader_left(&r));
            hand_in(&w, xc_span_make(xc_read_bytes(&r, length), length));
            break;
        case 1:
        case 2:
        case 3:
            answer(&w, &r);
            break;
        case 4:
            data(&w, &r);
            break;
        case 5:
            wrap(&w, &r);
            break;
        case 6:
            call(&w, &r);
            break;
        default:
            w.now += xc_read16(&r) * (opcode & 8 ? 100 : 1) * XC_NS_PER_MS;
            break;
        }
        drain(&w);
    }
    return 0;
}
