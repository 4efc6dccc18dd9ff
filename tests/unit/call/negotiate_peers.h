/* negotiate_peers.h - two negotiations joined through text, for test_negotiate*.c: what one side
 * writes the other parses, as over a real carrier.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_NEGOTIATE_PEERS_H
#define XC_TEST_NEGOTIATE_PEERS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "call/negotiate.h"

#define TEXT_MAX 32768
#define UFRAG_A "uaaa"
#define UFRAG_B "ubbb"
#define ALL_EXTENSIONS ((1U << XC_EXT_KNOWN) - 1)

struct peer {
    struct xc_negotiation n;
    struct xc_sdp_transport local;
    char text[TEXT_MAX]; /* the newest description of its own */
    size_t size;
};

static struct xc_sdp written, parsed; /* large */
static struct xc_negotiate_error refusal;

static inline void peer_init(struct peer *peer, bool offerer, uint32_t extensions, uint64_t seed)
{
    struct xc_rng rng;
    struct xc_negotiate_config config = {.extensions = extensions, .trickle = true};
    memset(peer, 0, sizeof *peer);
    memcpy(config.fingerprint.hash, "sha-256", 8);
    memset(config.fingerprint.digest, offerer ? 0xaa : 0xbb, 32);
    config.fingerprint.size = 32;
    xc_rng_init_number(&rng, seed);
    xc_negotiate_init(&peer->n, &config, offerer, &rng);
    memcpy(peer->local.ufrag, offerer ? UFRAG_A : UFRAG_B, 5);
    memcpy(peer->local.password, "0123456789012345678901", 23);
}

static inline bool peer_want(struct peer *peer, uint8_t kind, uint8_t direction)
{
    struct xc_media_want want = {.kind = kind,
                                 .direction = direction,
                                 .fec = true,
                                 .ssrc = 1000U * (peer->n.polite ? 2 : 1) + peer->n.want_count};
    return xc_negotiate_add_want(&peer->n, &want);
}

static inline void peer_write(struct peer *peer)
{
    peer->size = xc_sdp_write(&written, peer->text, sizeof peer->text);
    assert_true(peer->size > 0);
}

static inline void parse_text(const char *text, size_t size)
{
    struct xc_sdp_error error;
    if (!xc_sdp_parse(&parsed, xc_span_make(text, size), &error))
        fail_msg("line %u: %s\n%s", (unsigned)error.line, error.text, text);
}

static inline void peer_offer(struct peer *peer)
{
    assert_int_equal(xc_negotiate_create_offer(&peer->n, &peer->local, &written), XC_NEGOTIATE_OK);
    peer_write(peer);
}

static inline int peer_take_offer(struct peer *peer, const struct peer *from)
{
    parse_text(from->text, from->size);
    return xc_negotiate_apply_offer(&peer->n, &parsed, &refusal);
}

static inline void peer_answer(struct peer *peer)
{
    assert_int_equal(xc_negotiate_create_answer(&peer->n, &peer->local, &written), XC_NEGOTIATE_OK);
    peer_write(peer);
}

static inline int peer_take_answer(struct peer *peer, const struct peer *from)
{
    parse_text(from->text, from->size);
    return xc_negotiate_apply_answer(&peer->n, &parsed, &refusal);
}

static inline void exchange(struct peer *from, struct peer *to)
{
    peer_offer(from);
    assert_int_equal(peer_take_offer(to, from), XC_NEGOTIATE_OK);
    peer_answer(to);
    assert_int_equal(peer_take_answer(from, to), XC_NEGOTIATE_OK);
}

/* The text in front of `at` with `at` replaced; at most one place. */
static inline void replace(char *text, size_t *size, const char *at, const char *by)
{
    char *place = strstr(text, at);
    assert_non_null(place);
    size_t tail = *size - (size_t)(place - text) - strlen(at);
    assert_true(*size + strlen(by) < TEXT_MAX);
    memmove(place + strlen(by), place + strlen(at), tail + 1);
    memcpy(place, by, strlen(by));
    *size = *size + strlen(by) - strlen(at);
}

static inline uint8_t mirror(uint8_t direction)
{
    return (uint8_t)((direction & 1) << 1 | direction >> 1);
}

#endif
