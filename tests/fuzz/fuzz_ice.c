/* fuzz_ice.c - an ICE agent against a peer and a stranger who say anything. The input is a script:
 * an opcode a byte, its arguments behind it. Raw datagrams come from strangers; others get a
 * correct MESSAGE-INTEGRITY, so that the code behind authentication is reached as well.
 * Checked at each step: nothing goes to an address that was neither signalled nor the source of an
 * authenticated request, media least of all, and the agent never asks to be woken in the past.
 * SPDX-License-Identifier: MIT */
#include "proto/ice.h"

#define PEER_UFRAG "peer"
#define PEER_PASSWORD "peer-password-of-22-ch"
#define ADDRESSES 16 /* remote addresses that the script can name */

#define CHECK(condition) ((condition) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct xc_ice ice;
    struct xc_rng rng;
    uint64_t now;
    struct xc_addr bases[2];
    bool may_send[ADDRESSES];
    bool may_get_media[ADDRESSES];
    uint8_t last_request[XC_STUN_TRANSACTION_SIZE];
    uint32_t last_to, last_from;
    bool have_request;
};

static struct xc_addr remote_address(uint32_t index)
{
    struct xc_addr addr = {.family = index & 1 ? XC_ADDR_IPV6 : XC_ADDR_IPV4};
    addr.port = (uint16_t)(1000 + index);
    if (index & 1) {
        addr.bytes[0] = 0x20;
        addr.bytes[15] = (uint8_t)(1 + index);
    } else {
        addr.bytes[0] = 203;
        addr.bytes[3] = (uint8_t)(1 + index);
    }
    return addr;
}

static uint32_t index_of(const struct xc_addr *addr)
{
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        struct xc_addr known = remote_address(i);
        if (xc_addr_equal(&known, addr))
            return i;
    }
    CHECK(false);
    return 0;
}

static void drain(struct world *w)
{
    uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
    struct xc_datagram out = {.data = bytes, .capacity = sizeof bytes};
    struct xc_addr local, remote;
    int count = 0;
    while (xc_ice_output(&w->ice, w->now, &out)) {
        struct xc_stun message;
        uint32_t to = index_of(&out.remote);
        CHECK(w->may_send[to]);
        CHECK(++count < 200);
        CHECK(out.size <= XC_MTU);
        CHECK(xc_stun_parse(&message, xc_span_make(bytes, out.size)));
        CHECK(message.has_integrity && message.fingerprint_ok);
        if (message.class_ == XC_STUN_REQUEST) {
            memcpy(w->last_request, message.transaction, sizeof w->last_request);
            w->last_to = to;
            w->last_from = xc_addr_equal(&out.local, &w->bases[1]);
            w->have_request = true;
        }
    }
    CHECK(xc_ice_deadline(&w->ice) > w->now);
    if (xc_ice_selected(&w->ice, &local, &remote)) {
        CHECK(w->may_get_media[index_of(&remote)]);
        CHECK(xc_ice_source_known(&w->ice, &local, &remote));
    }
    int state;
    (void)xc_ice_take_state_change(&w->ice, &state);
}

static void raw(struct world *w, struct xc_reader *r)
{
    uint8_t where = xc_read8(r);
    size_t size = xc_read8(r);
    size = XC_MIN(size, xc_reader_left(r));
    const uint8_t *bytes = xc_read_bytes(r, size);
    struct xc_addr remote = remote_address(where % ADDRESSES);
    xc_ice_input(&w->ice, w->now, &w->bases[where >> 7], &remote, xc_span_make(bytes, size));
}

static void request(struct world *w, struct xc_reader *r)
{
    uint8_t where = xc_read8(r), flags = xc_read8(r), attribute = xc_read8(r), bytes[256];
    uint8_t id[XC_STUN_TRANSACTION_SIZE], name[XC_ICE_UFRAG_SIZE + 1 + sizeof PEER_UFRAG];
    struct xc_addr remote = remote_address(where % ADDRESSES);
    struct xc_stun_writer out;
    memset(id, xc_read8(r), sizeof id);
    memcpy(name, xc_ice_ufrag(&w->ice), XC_ICE_UFRAG_SIZE);
    memcpy(name + XC_ICE_UFRAG_SIZE, ":" PEER_UFRAG, sizeof PEER_UFRAG);
    size_t size = XC_ICE_UFRAG_SIZE + sizeof PEER_UFRAG;
    if (flags & 1)
        name[size - 1]++; /* another ufrag */
    bool good = !(flags & 2);
    xc_stun_begin(&out, bytes, sizeof bytes, flags & 4 ? XC_STUN_INDICATION : XC_STUN_REQUEST,
                  XC_STUN_BINDING, id);
    xc_stun_add_username(&out, xc_span_make(name, size));
    if (flags & 8)
        xc_stun_add_priority(&out, xc_read32(r));
    if (flags & 16)
        xc_stun_add_use_candidate(&out);
    if (flags & 32)
        xc_stun_add_controlling(&out, xc_read32(r) * UINT64_C(0x100000001));
    if (flags & 64)
        xc_stun_add_controlled(&out, xc_read32(r) * UINT64_C(0x100000001));
    if (flags & 128)
        xc_stun_add(&out, (uint16_t)(attribute << 8 | 0x55), xc_span_make(id, attribute % 12));
    const char *password = good ? xc_ice_password(&w->ice) : "not the password, is it";
    size = xc_stun_finish(&out, xc_span_make(password, strlen(password)));
    if (good)
        w->may_send[where % ADDRESSES] = true;
    if (size)
        xc_ice_input(&w->ice, w->now, &w->bases[where >> 7], &remote, xc_span_make(bytes, size));
}

static void response(struct world *w, struct xc_reader *r)
{
    uint8_t flags = xc_read8(r), bytes[256];
    struct xc_stun_writer out;
    uint32_t from = flags & 1 ? (uint32_t)(flags >> 4) : w->last_to;
    struct xc_addr remote = remote_address(from), mapped = w->bases[w->last_from];
    if (!w->have_request)
        return;
    uint16_t error = flags & 4 ? 487 : flags & 8 ? 400 : 0;
    xc_stun_begin(&out, bytes, sizeof bytes, error ? XC_STUN_ERROR : XC_STUN_SUCCESS,
                  XC_STUN_BINDING, w->last_request);
    if (error)
        xc_stun_add_error(&out, error, "");
    else
        xc_stun_add_xor_mapped(&out, &mapped);
    const char *password = flags & 2 ? "not the password, is it" : PEER_PASSWORD;
    size_t size = xc_stun_finish(&out, xc_span_make(password, strlen(password)));
    if (!(flags & 2) && from == w->last_to)
        w->may_get_media[from] = true;
    xc_ice_input(&w->ice, w->now, &w->bases[w->last_from], &remote, xc_span_make(bytes, size));
}

static void candidate(struct world *w, struct xc_reader *r)
{
    uint8_t where = xc_read8(r), flags = xc_read8(r);
    struct xc_candidate c = {
        .component = 1, .udp = !(flags & 1), .type = (uint8_t)(flags >> 1 & 7)};
    c.priority = xc_read32(r);
    c.addr = remote_address(where % ADDRESSES);
    if (flags & 16)
        memcpy(c.ufrag, PEER_UFRAG, sizeof PEER_UFRAG);
    if (flags & 32)
        memcpy(c.ufrag, "other", 6);
    if (flags & 64) /* loopback: must be refused */
        c.addr = (struct xc_addr){.family = XC_ADDR_IPV4, .port = 9, .bytes = {127, 0, 0, 1}};
    else
        w->may_send[where % ADDRESSES] = true;
    xc_ice_add_remote(&w->ice, w->now, &c);
}

static void change(struct world *w, uint8_t what)
{
    static const char *ufrags[] = {PEER_UFRAG, "peer2"};
    const char *ufrag = ufrags[what >> 4 & 1];
    switch (what & 7) {
    case 0:
        xc_ice_restart(&w->ice, &w->rng);
        break;
    case 1:
    case 2:
        xc_ice_set_remote(&w->ice, w->now, xc_span_make(ufrag, strlen(ufrag)),
                          xc_span_make(PEER_PASSWORD, strlen(PEER_PASSWORD)), (what & 32) != 0);
        break;
    case 3:
        xc_ice_end_of_candidates(&w->ice, w->now);
        break;
    case 4:
        xc_ice_set_controlling(&w->ice, (what & 32) != 0);
        break;
    case 5:
        xc_ice_remove_local(&w->ice, w->now, &w->bases[what >> 7]);
        break;
    case 6:
        xc_ice_add_local(&w->ice, &w->bases[what >> 7], what);
        break;
    default:
        if (what == 0xff) {
            xc_ice_close(&w->ice);
        } else if (what & 8) {
            struct xc_ice_gathered gathered = {.type = what & 16 ? XC_CANDIDATE_RELAY
                                                                 : XC_CANDIDATE_SRFLX,
                                               .addr = w->bases[what >> 7],
                                               .base = w->bases[what >> 7],
                                               .local_preference = what};
            gathered.addr.port = (uint16_t)(5000 + (what >> 5));
            xc_ice_add_gathered(&w->ice, &gathered);
        } else if (what & 16) {
            xc_ice_set_gathering(&w->ice, (what & 32) != 0);
        } else {
            xc_ice_hurry(&w->ice, w->now, &w->bases[what >> 7]);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct xc_ice_config config = {.controlling = size & 1, .relay_only = (size & 6) == 6};
    struct xc_reader r = xc_reader_make(xc_span_make(data, size));
    memset(&w, 0, sizeof w);
    xc_rng_init_number(&w.rng, 1);
    xc_ice_init(&w.ice, &config, &w.rng);
    w.bases[0] = (struct xc_addr){.family = XC_ADDR_IPV4, .port = 4000, .bytes = {192, 0, 2, 1}};
    w.bases[1] = (struct xc_addr){.family = XC_ADDR_IPV6, .port = 4000, .bytes = {0x20, 1}};
    xc_ice_add_local(&w.ice, &w.bases[0], 1);
    xc_ice_add_local(&w.ice, &w.bases[1], 2);
    while (xc_reader_left(&r)) {
        switch (xc_read8(&r) & 7) {
        case 0:
            raw(&w, &r);
            break;
        case 1:
        case 2:
            request(&w, &r);
            break;
        case 3:
        case 4:
            response(&w, &r);
            break;
        case 5:
            candidate(&w, &r);
            break;
        case 6:
            change(&w, xc_read8(&r));
            break;
        default:
            w.now += (uint64_t)xc_read16(&r) * XC_NS_PER_MS;
            break;
        }
        drain(&w);
    }
    return 0;
}
