/* ice_peer.h - a peer of the ICE agent made by hand, for tests that need to say exactly what it
 * sends: requests and responses with any credentials, from any address.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_ICE_PEER_H
#define XC_TEST_ICE_PEER_H

#include "ice_net.h"

#define PEER_UFRAG "peer"
#define PEER_PASSWORD "peer-password-of-22-ch"

struct peer_request {
    const char *username; /* NULL: "<ours>:peer"; "" = no attribute */
    const char *password; /* NULL: ours; "" = no MESSAGE-INTEGRITY */
    bool use_candidate;
    int role; /* 0 none, 1 controlling, 2 controlled */
    uint64_t tie_breaker;
    uint32_t priority; /* 0 = none */
    uint16_t extra;    /* an empty attribute of this type */
    uint8_t id;        /* fills the transaction id */
};

static inline size_t peer_make_request(const struct xc_ice *ice, const struct peer_request *r,
                                       uint8_t *bytes, size_t capacity)
{
    uint8_t transaction[XC_STUN_TRANSACTION_SIZE];
    char name[600];
    struct xc_stun_writer w;
    memset(transaction, r->id ? r->id : 0x5a, sizeof transaction);
    snprintf(name, sizeof name, "%s:%s", xc_ice_ufrag(ice), PEER_UFRAG);
    const char *username = r->username ? r->username : name;
    const char *password = r->password ? r->password : xc_ice_password(ice);
    xc_stun_begin(&w, bytes, capacity, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    if (username[0])
        xc_stun_add_username(&w, text_span(username));
    if (r->priority)
        xc_stun_add_priority(&w, r->priority);
    if (r->use_candidate)
        xc_stun_add_use_candidate(&w);
    if (r->role == 1)
        xc_stun_add_controlling(&w, r->tie_breaker);
    if (r->role == 2)
        xc_stun_add_controlled(&w, r->tie_breaker);
    if (r->extra)
        xc_stun_add(&w, r->extra, xc_span_make(NULL, 0));
    return xc_stun_finish(&w, text_span(password));
}

static inline void peer_ask(struct xc_ice *ice, uint64_t now, const struct xc_addr *local,
                            const struct xc_addr *remote, const struct peer_request *r)
{
    uint8_t bytes[700];
    size_t size = peer_make_request(ice, r, bytes, sizeof bytes);
    assert_true(size > 0);
    xc_ice_input(ice, now, local, remote, xc_span_make(bytes, size));
}

static inline size_t peer_make_response(const struct xc_stun *request, const struct xc_addr *mapped,
                                        const char *password, uint16_t error, uint8_t *bytes,
                                        size_t capacity)
{
    struct xc_stun_writer w;
    xc_stun_begin(&w, bytes, capacity, error ? XC_STUN_ERROR : XC_STUN_SUCCESS, XC_STUN_BINDING,
                  request->transaction);
    if (error)
        xc_stun_add_error(&w, error, "no");
    else
        xc_stun_add_xor_mapped(&w, mapped);
    return xc_stun_finish(&w, text_span(password));
}

struct sent {
    struct xc_datagram datagram;
    struct xc_stun message;
    uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
};

/* The next datagram of the agent, parsed. */
static inline bool peer_take(struct xc_ice *ice, uint64_t now, struct sent *sent)
{
    sent->datagram = (struct xc_datagram){.data = sent->bytes, .capacity = sizeof sent->bytes};
    if (!xc_ice_output(ice, now, &sent->datagram))
        return false;
    assert_true(xc_stun_parse(&sent->message, xc_span_make(sent->bytes, sent->datagram.size)));
    assert_true(sent->message.has_fingerprint && sent->message.fingerprint_ok);
    assert_true(sent->message.has_integrity);
    return true;
}

static inline void peer_answer(struct xc_ice *ice, uint64_t now, const struct sent *sent)
{
    uint8_t bytes[200];
    size_t size = peer_make_response(&sent->message, &sent->datagram.local, PEER_PASSWORD, 0, bytes,
                                     sizeof bytes);
    xc_ice_input(ice, now, &sent->datagram.local, &sent->datagram.remote,
                 xc_span_make(bytes, size));
}

static inline void peer_describe(struct xc_ice *ice, uint64_t now, bool lite)
{
    xc_ice_set_remote(ice, now, text_span(PEER_UFRAG), text_span(PEER_PASSWORD), lite);
}

static inline void peer_candidate(struct xc_ice *ice, uint64_t now, const struct xc_addr *addr,
                                  uint8_t type, uint16_t preference)
{
    struct xc_candidate candidate = {.foundation = "1", .component = 1, .type = type, .udp = true};
    candidate.priority = xc_candidate_priority(type, preference, 1);
    candidate.addr = *addr;
    xc_ice_add_remote(ice, now, &candidate);
}

#endif
