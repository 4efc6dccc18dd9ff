/* rollout.c - which accounts a feature is on for: the first four bytes of SHA-256(feature, salt, account's
 * number) modulo 10,000, below the basis points that are rolled out. The feature's name in the hash
 * makes buckets independent between features, the salt between services. Some accounts are included or excluded by
 * name, whatever their bucket. Pure but for the loading.
 * SPDX-License-Identifier: MIT */
#include "policy.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define WHOLE_BP 10000

const char *const feature_names[FEATURE_COUNT] = {"calls.make", "calls.receive", "calls.video",
                                                  "calls.p2p"};

/* A feature that nobody has set anything of: for everybody, with a salt that is always the same. */
static int unset(struct store *store, const char *feature, struct rollout_row *row)
{
    uint8_t key[HASH_SIZE], mac[crypto_auth_hmacsha256_BYTES];
    int result = store_secret(store, "rollout", key);
    if (result != STORE_OK)
        return result;
    crypto_auth_hmacsha256(mac, (const uint8_t *)feature, strlen(feature), key);
    *row = (struct rollout_row){.all_bp = WHOLE_BP, .paid_bp = WHOLE_BP};
    snprintf(row->feature, sizeof row->feature, "%s", feature);
    memcpy(row->salt, mac, sizeof row->salt);
    return STORE_OK;
}

int rollout_load(struct store *store, struct rollout *rollout)
{
    memset(rollout, 0, sizeof *rollout);
    for (int i = 0; i < FEATURE_COUNT; i++) {
        int result = store_rollout_get(store, feature_names[i], &rollout->rows[i]);
        if (result == STORE_NONE)
            result = unset(store, feature_names[i], &rollout->rows[i]);
        if (result == STORE_OK)
            result = store_rollout_exceptions(store, feature_names[i], rollout->exceptions[i],
                                              &rollout->exception_count[i]);
        if (result != STORE_OK)
            return result;
    }
    return STORE_OK;
}

int32_t rollout_bucket(const struct rollout_row *row, int64_t user)
{
    uint8_t number[8], hash[crypto_hash_sha256_BYTES];
    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)((uint64_t)user >> (56 - 8 * i));
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)row->feature, strlen(row->feature));
    crypto_hash_sha256_update(&state, row->salt, sizeof row->salt);
    crypto_hash_sha256_update(&state, number, sizeof number);
    crypto_hash_sha256_final(&state, hash);
    uint32_t first =
        (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
    return (int32_t)(first % WHOLE_BP);
}

bool rollout_in(const struct rollout_row *row, int64_t user, bool paid)
{
    int32_t bucket = rollout_bucket(row, user);
    return bucket < row->all_bp || (paid && bucket < row->paid_bp);
}

bool rollout_has(const struct rollout *rollout, int feature, int64_t user, bool paid)
{
    const struct rollout_exception *rows = rollout->exceptions[feature];
    size_t low = 0, high = rollout->exception_count[feature];
    while (low < high) { /* in order */
        size_t middle = low + (high - low) / 2;
        if (rows[middle].user == user)
            return rows[middle].included;
        if (rows[middle].user < user)
            low = middle + 1;
        else
            high = middle;
    }
    return rollout_in(&rollout->rows[feature], user, paid);
}
