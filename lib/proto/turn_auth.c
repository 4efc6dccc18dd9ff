/* turn_auth.c - long-term credentials of a TURN allocation (RFC 8489 section 9.2): what a request
 * carries, what a challenge (401) or a stale nonce (438) changes. Owner: the session's thread.
 *
 * A challenge is never authenticated, so that anyone on the path can make one up. What it says is only
 * tried, at most XC_TURN_CHALLENGES_MAX times in a row, and what it displaced is kept: when the true
 * answer to the request that was challenged comes after all, the challenge was forged and is undone.
 * No challenge ends an allocation that is READY.
 *
 * A server that lists PASSWORD-ALGORITHMS gets the list back with the strongest that we know, and
 * MESSAGE-INTEGRITY-SHA256 from then on, both ways (section 9.2.5). Who takes that away on the path is
 * found out: the nonce says what the server can do (section 9.2.1), the server compares the list that
 * comes back, and once it has proved itself by SHA-256 no challenge makes us sign by anything weaker.
 * SPDX-License-Identifier: MIT */
#include "proto/turn_private.h"

bool xc_turn_copy_credentials(struct xc_turn_credentials *to, struct xc_span username,
                              struct xc_span password)
{
    if (username.size == 0 || username.size > XC_TURN_USERNAME_MAX || password.size == 0 ||
        password.size > XC_TURN_PASSWORD_MAX)
        return false;
    memcpy(to->username, username.data, username.size);
    memcpy(to->password, password.data, password.size);
    to->username_size = (uint16_t)username.size;
    to->password_size = (uint16_t)password.size;
    return true;
}

static void make_key(struct xc_turn *turn)
{
    const struct xc_turn_credentials *c = &turn->credentials;
    struct xc_turn_challenge *said = &turn->said;
    said->key_size = (uint16_t)xc_stun_long_term_key(
        said->algorithm, said->key, xc_span_make(c->username, c->username_size),
        xc_span_make(said->realm, said->realm_size), xc_span_make(c->password, c->password_size));
    said->generation = ++turn->generation;
}

bool xc_turn_take_next_credentials(struct xc_turn *turn)
{
    if (turn->next_credentials.username_size == 0)
        return false;
    turn->credentials = turn->next_credentials;
    xc_wipe(&turn->next_credentials, sizeof turn->next_credentials);
    turn->before.known = false; /* its key is of the old ones */
    if (turn->said.known)
        make_key(turn);
    return true;
}

size_t xc_turn_finish(const struct xc_turn *turn, struct xc_stun_writer *w)
{
    const struct xc_turn_challenge *said = &turn->said;
    struct xc_span key = xc_span_make(said->key, said->known ? said->key_size : 0);
    return said->known && said->algorithms_size ? xc_stun_finish_sha256(w, key)
                                                : xc_stun_finish(w, key);
}

static bool signed_by(const struct xc_stun *message, const struct xc_turn_challenge *challenge)
{
    struct xc_span key = xc_span_make(challenge->key, challenge->known ? challenge->key_size : 0);
    return challenge->algorithms_size ? xc_stun_check_sha256(message, key)
                                      : xc_stun_check_integrity(message, key);
}

static void proved(struct xc_turn *turn)
{
    turn->said.proven = true;
    turn->sha256_proven |= turn->said.algorithm == XC_STUN_ALGORITHM_SHA256;
}

bool xc_turn_authentic(struct xc_turn *turn, const struct xc_stun *message, bool old_id)
{
    if (!old_id) {
        bool good = signed_by(message, &turn->said);
        if (good)
            proved(turn);
        return good;
    }
    if (!turn->before.known || !signed_by(message, &turn->before))
        return false;
    turn->said = turn->before;
    proved(turn);
    turn->said.generation = ++turn->generation;
    turn->before.known = false;
    return true;
}

void xc_turn_add_credentials(const struct xc_turn *turn, struct xc_stun_writer *w)
{
    const struct xc_turn_credentials *c = &turn->credentials;
    const struct xc_turn_challenge *said = &turn->said;
    struct xc_span username = xc_span_make(c->username, c->username_size);
    struct xc_span realm = xc_span_make(said->realm, said->realm_size);
    uint8_t hash[XC_STUN_USERHASH_SIZE];
    if (!said->known)
        return;
    if (said->anonymous) {
        xc_stun_userhash(hash, username, realm);
        xc_stun_add(w, XC_STUN_ATTR_USERHASH, xc_span_make(hash, sizeof hash));
    } else {
        xc_stun_add_username(w, username);
    }
    xc_stun_add(w, XC_STUN_ATTR_REALM, realm);
    xc_stun_add(w, XC_STUN_ATTR_NONCE, xc_span_make(said->nonce, said->nonce_size));
    if (said->algorithms_size) {
        xc_stun_add(w, XC_STUN_ATTR_PASSWORD_ALGORITHMS,
                    xc_span_make(said->algorithms, said->algorithms_size));
        /* Neither of ours has parameters. */
        xc_stun_add_number(w, XC_STUN_ATTR_PASSWORD_ALGORITHM, (uint32_t)said->algorithm << 16);
    }
}

bool xc_turn_bid_down(const struct xc_stun *message)
{
    struct xc_span nonce, algorithms;
    return xc_stun_find(message, XC_STUN_ATTR_NONCE, &nonce) &&
           (xc_stun_nonce_features(nonce) & XC_STUN_FEATURE_PASSWORD_ALGORITHMS) &&
           !xc_stun_find(message, XC_STUN_ATTR_PASSWORD_ALGORITHMS, &algorithms);
}

/* The strongest of the list that we know, 0: none. */
static uint16_t choose(struct xc_span list)
{
    struct xc_reader r = xc_reader_make(list);
    uint16_t best = 0;
    while (xc_reader_left(&r)) {
        uint16_t algorithm = xc_read16(&r);
        size_t size = xc_read16(&r);
        xc_read_bytes(&r, (size + 3) & ~(size_t)3);
        if ((algorithm == XC_STUN_ALGORITHM_MD5 || algorithm == XC_STUN_ALGORITHM_SHA256) &&
            size == 0)
            best = XC_MAX(best, algorithm); /* their numbers are in that order */
    }
    return r.failed ? 0 : best;
}

/* Takes realm (of a 401), nonce and algorithms; false when they cannot be used. */
static bool adopt(struct xc_turn *turn, const struct xc_stun *message, struct xc_span realm)
{
    struct xc_turn_challenge *said = &turn->said;
    struct xc_span nonce, list = {NULL, 0};
    uint16_t algorithm = XC_STUN_ALGORITHM_MD5;
    if (!xc_stun_find(message, XC_STUN_ATTR_NONCE, &nonce) || nonce.size == 0 ||
        nonce.size > XC_TURN_NONCE_MAX || realm.size > XC_TURN_REALM_MAX)
        return false;
    if (xc_stun_find(message, XC_STUN_ATTR_PASSWORD_ALGORITHMS, &list)) {
        algorithm = choose(list);
        if (list.size > XC_TURN_ALGORITHMS_MAX || !algorithm)
            return false;
    }
    if (turn->sha256_proven && algorithm != XC_STUN_ALGORITHM_SHA256)
        return false;
    if (said->known && (said->proven || !turn->before.known))
        turn->before = *said;
    said->proven = false;
    memcpy(said->nonce, nonce.data, nonce.size);
    said->nonce_size = (uint16_t)nonce.size;
    if (list.size)
        memcpy(said->algorithms, list.data, list.size);
    said->algorithms_size = (uint16_t)list.size;
    said->anonymous = (xc_stun_nonce_features(nonce) & XC_STUN_FEATURE_USERNAME_ANONYMITY) != 0;
    said->generation = ++turn->generation;
    bool other_key = said->algorithm != algorithm;
    said->algorithm = algorithm;
    if (realm.size) {
        memcpy(said->realm, realm.data, realm.size);
        said->realm_size = (uint16_t)realm.size;
        said->known = true;
    }
    if (realm.size || (other_key && said->known))
        make_key(turn);
    return true;
}

/* A 401 for a request that carried our credentials. Without another realm or other credentials the
 * same request would be refused again (RFC 8489 section 9.2.5). Once READY a new nonce is tried all
 * the same: some servers answer 401 where 438 is meant. */
static bool refused_credentials(struct xc_turn *turn, uint64_t now, const struct xc_stun *message,
                                struct xc_span realm)
{
    const struct xc_turn_challenge *said = &turn->said;
    bool other_realm = !xc_span_equal(realm, xc_span_make(said->realm, said->realm_size));
    bool other = other_realm || turn->next_credentials.username_size != 0;
    if (!other && turn->state == XC_TURN_ALLOCATING) {
        xc_turn_verdict(turn, now, XC_TURN_UNAUTHORIZED, 401);
        return false;
    }
    if (!adopt(turn, message, realm))
        return false;
    if (!other_realm)
        xc_turn_take_next_credentials(turn);
    return true;
}

bool xc_turn_challenged(struct xc_turn *turn, uint64_t now, struct xc_turn_transaction *t,
                        const struct xc_stun *message)
{
    struct xc_span realm = {NULL, 0};
    bool first = !turn->said.known;
    bool again;
    if (message->error_code == 401 || first) {
        if (!xc_stun_find(message, XC_STUN_ATTR_REALM, &realm) || realm.size == 0) {
            turn->counters.dropped_malformed++;
            if (turn->state == XC_TURN_ALLOCATING)
                xc_turn_verdict(turn, now, XC_TURN_UNAUTHORIZED, message->error_code);
            return false;
        }
    }
    if (++t->challenges > XC_TURN_CHALLENGES_MAX) {
        if (turn->state == XC_TURN_ALLOCATING)
            xc_turn_verdict(turn, now, XC_TURN_UNAUTHORIZED, message->error_code);
        return false;
    }
    if (message->error_code == 401 && !first)
        again = refused_credentials(turn, now, message, realm);
    else
        again = adopt(turn, message, realm);
    if (!again && turn->state == XC_TURN_ALLOCATING)
        xc_turn_verdict(turn, now, XC_TURN_UNAUTHORIZED, message->error_code);
    return again;
}
