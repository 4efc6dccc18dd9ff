/* stun_client.c - Binding requests to a STUN server (RFC 8489 sections 2, 6.2.1), and again every
 * 15 s to keep the mapping (RFC 8445 sections 5.1.1.4 and 11). Owner: the session's thread.
 *
 * The answer is not authenticated (there is no credential): the 96-bit transaction id is all that
 * ties it to the request. What it says is a candidate, which ICE checks; an error response says
 * nothing, so it is dropped and the timeout decides. Later answers change nothing either: a candidate
 * that was signalled does not move.
 * SPDX-License-Identifier: MIT */
#include "proto/stun_client.h"

#define RTO_INITIAL (500 * XC_NS_PER_MS)
#define KEEP_INTERVAL (15 * XC_NS_PER_S)

void xc_stun_client_init(struct xc_stun_client *client, const struct xc_addr *local,
                         const struct xc_addr *server, struct xc_rng *rng)
{
    uint8_t seed[XC_RNG_SEED_SIZE];
    memset(client, 0, sizeof *client);
    client->local = *local;
    client->server = *server;
    client->send_at = XC_NEVER;
    xc_rng_bytes(rng, seed, sizeof seed);
    xc_rng_init(&client->rng, seed);
    xc_wipe(seed, sizeof seed);
}

void xc_stun_client_start(struct xc_stun_client *client, uint64_t now)
{
    if (client->state != XC_STUN_CLIENT_NEW)
        return;
    client->state = XC_STUN_CLIENT_ASKING;
    client->started_at = client->send_at = now;
    xc_rng_bytes(&client->rng, client->transaction, sizeof client->transaction);
}

bool xc_stun_client_input(struct xc_stun_client *client, uint64_t now, const struct xc_addr *local,
                          const struct xc_addr *remote, struct xc_span datagram)
{
    struct xc_stun message;
    if (!xc_addr_equal(local, &client->local) || !xc_addr_equal(remote, &client->server) ||
        !xc_stun_looks_like(datagram))
        return false;
    uint16_t type = xc_load16(datagram.data);
    if (type != 0x0101 && type != 0x0111) /* Binding success and error response */
        return false;
    if (client->sends == 0 || !xc_stun_parse(&message, datagram) ||
        memcmp(message.transaction, client->transaction, sizeof message.transaction) != 0 ||
        (message.has_fingerprint && !message.fingerprint_ok) || message.has_unknown_required ||
        message.class_ != XC_STUN_SUCCESS || !message.has_mapped || message.mapped.port == 0 ||
        xc_addr_is_any(&message.mapped) || message.mapped.family != client->server.family) {
        client->dropped++;
        return true;
    }
    if (client->state == XC_STUN_CLIENT_ASKING) {
        client->state = XC_STUN_CLIENT_READY;
        client->mapped = message.mapped;
        client->send_at = now + KEEP_INTERVAL;
    }
    client->sends = 0;
    return true;
}

/* When a request that was asked for in vain gives up, for ever or until the next keep-alive. */
static uint64_t gives_up_at(const struct xc_stun_client *client)
{
    return client->state == XC_STUN_CLIENT_ASKING ? client->started_at + XC_STUN_CLIENT_TIMEOUT
                                                  : XC_NEVER;
}

bool xc_stun_client_output(struct xc_stun_client *client, uint64_t now, struct xc_datagram *out)
{
    struct xc_stun_writer w;
    if (client->state == XC_STUN_CLIENT_ASKING && now >= gives_up_at(client)) {
        client->state = XC_STUN_CLIENT_FAILED;
        client->send_at = XC_NEVER;
    }
    if (now < client->send_at)
        return false;
    if (client->state == XC_STUN_CLIENT_READY) { /* one transmission: the next comes anyway */
        xc_rng_bytes(&client->rng, client->transaction, sizeof client->transaction);
        client->sends = 0;
        client->send_at = now + KEEP_INTERVAL;
    } else {
        client->send_at = now + (RTO_INITIAL << XC_MIN(client->sends, 6));
    }
    client->sends++;
    client->sent_at = now;
    xc_stun_begin(&w, out->data, out->capacity, XC_STUN_REQUEST, XC_STUN_BINDING,
                  client->transaction);
    out->size = xc_stun_finish(&w, xc_span_make(NULL, 0));
    out->local = client->local;
    out->remote = client->server;
    return out->size > 0;
}

uint64_t xc_stun_client_deadline(const struct xc_stun_client *client)
{
    return xc_earlier(client->send_at, gives_up_at(client));
}
