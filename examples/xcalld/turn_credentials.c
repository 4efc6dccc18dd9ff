/* turn_credentials.c - turn.get: time-limited credentials of coturn's use-auth-secret (the "REST API" of
 * draft-uberti-behave-turn-rest): username EXPIRY:PSEUDONYM, password the base64 of its HMAC-SHA1. The pseudonym is
 * the same for an account as long as the store lives, so that the relay's quota holds, and says nothing
 * to who reads its logs. Only for a device that a call rings on or that takes part in it. Service thread.
 * SPDX-License-Identifier: MIT */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "text.h"

#define PSEUDONYM_BYTES 15 /* 20 characters */

static bool takes_part(const struct request *request, struct place *place)
{
    if (!place->live)
        return false;
    if (place->caller)
        return true;
    struct ring *ring = &place->live->ring;
    if (ring->row.state != CALL_RINGING)
        return ring->row.callee_dev == request->session->dev;
    const struct ring_leg *leg = ring_leg_of(ring, request->session->dev);
    return !ring->row.shadow && leg && leg->state == LEG_RINGS;
}

static bool credential_of(const char *secret, const char *username, char *text)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!HMAC(EVP_sha1(), secret, (int)strlen(secret), (const uint8_t *)username, strlen(username),
              mac, &size))
        return false;
    (void)base64_encode(mac, size, text);
    return true;
}

static json_t *credentials(struct service *service, int64_t user)
{
    int64_t ttl_s = gatekeeper_policy(service->gatekeeper)->turn_ttl_s;
    char account[32], pseudonym[BASE64_TEXT(PSEUDONYM_BYTES)], username[64];
    char credential[BASE64_TEXT(EVP_MAX_MD_SIZE)];
    uint8_t mac[HASH_SIZE];
    (void)snprintf(account, sizeof account, "%lld", (long long)user);
    hmac_sha256(service->calls->pseudonym_key, account, strlen(account), mac);
    (void)base64url_encode(mac, PSEUDONYM_BYTES, pseudonym);
    (void)snprintf(username, sizeof username, "%lld:%s", (long long)(service->now / 1000 + ttl_s),
                   pseudonym);
    if (!credential_of(service->config.turn_secret, username, credential))
        return NULL;
    json_t *urls = json_array();
    for (unsigned i = 0; i < 4 && service->config.turn_urls[i]; i++)
        (void)json_array_append_new(urls, json_string(service->config.turn_urls[i]));
    return json_pack("{s:o,s:s,s:s,s:I}", "urls", urls, "username", username, "credential",
                     credential, "ttl_s", (json_int_t)ttl_s);
}

void turn_get(struct request *request)
{
    struct service *service = request->service;
    struct place place;
    int64_t retry_ms = 0;
    if (!place_find(request, &place, true))
        return;
    if (!takes_part(request, &place)) {
        (void)answer_refusal(request, &place, RING_ENDED);
        return;
    }
    if (!service->config.turn_urls[0] || !service->config.turn_secret) {
        request_error(request, "relay_unavailable", NULL);
        return;
    }
    if (!limit_take(service->limits, LIMIT_TURN, request->session->user, 0, service->now,
                    &retry_ms)) {
        request_try_later(request, retry_ms);
        return;
    }
    json_t *body = credentials(service, request->session->user);
    if (!body) {
        request_error(request, "internal", NULL);
        return;
    }
    service->calls->figures.turn_credentials++;
    request_ok(request, body);
}
