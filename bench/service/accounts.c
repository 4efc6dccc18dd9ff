/* accounts.c - the store that the server is started on: written straight through the store's own
 * interface, because ten thousand sign-ups by password would measure the password hash.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gatekeeper.h"
#include "load.h"
#include "store.h"

static int64_t unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* base64url of 32 bytes, without padding. */
static void make_token(char text[TOKEN_TEXT + 1])
{
    unsigned char bytes[32];
    char wide[48];
    RAND_bytes(bytes, sizeof bytes);
    EVP_EncodeBlock((unsigned char *)wide, bytes, sizeof bytes);
    for (int i = 0; i < TOKEN_TEXT; i++)
        text[i] = wide[i] == '+' ? '-' : wide[i] == '/' ? '_' : wide[i];
    text[TOKEN_TEXT] = '\0';
}

static int make_one(struct store *store, uint32_t index, int64_t now, char *token, int64_t *id)
{
    uint8_t hash[HASH_SIZE];
    char name[NAME_MAX_BYTES + 1];
    int32_t dev;
    snprintf(name, sizeof name, "u%u", index);
    make_token(token);
    EVP_Digest(token, TOKEN_TEXT, hash, NULL, EVP_sha256(), NULL);
    if (store_account_add(store, name, NULL, now, id) != STORE_OK ||
        store_device_add(store, *id, "bench", now, &dev) != STORE_OK ||
        store_session_add(store, hash, *id, dev, now + INT64_C(86400000)) != STORE_OK)
        return -1;
    return 0;
}

static int make_pair(struct store *store, int64_t a, int64_t b, int64_t now)
{
    int64_t message;
    return store_message_add(store, a, b, "hello", now, true, &message) != STORE_OK ||
                   store_edge_set(store, EDGE_FOLLOW, a, b, true, now) != STORE_OK ||
                   store_edge_set(store, EDGE_FOLLOW, b, a, true, now) != STORE_OK
               ? -1
               : 0;
}

/* Limits are sized for the load: the policy's own are those of people. */
static int lift_limits(struct store *store, int64_t now)
{
    static const char *const limits[] = {
        "limit_calls_account", "limit_calls_device", "limit_calls_address", "limit_callees",
        "limit_pair",          "limit_pair_day",     "limit_strangers",     "limit_cancels",
        "limit_frames",        "limit_connections",
    };
    char words[256];
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (policy_set(store, limits[i], "off", now, words, sizeof words) != STORE_OK) {
            fprintf(stderr, "bench-service: %s: %s\n", limits[i], words);
            return -1;
        }
    return policy_set(store, "connections_per_address", "100000", now, words, sizeof words) ==
                       STORE_OK &&
                   policy_set(store, "unauthenticated_max", "20000", now, words, sizeof words) ==
                       STORE_OK
               ? 0
               : -1;
}

int accounts_make(struct accounts *accounts, uint32_t count, const char *store_path)
{
    char error[256];
    struct store *store;
    int64_t now = unix_ms(), before = 0, id = 0;
    int result = 0;
    accounts->count = count;
    accounts->tokens = calloc(count, sizeof *accounts->tokens);
    if (!accounts->tokens || store_open(store_path, &store, error, sizeof error) != STORE_OK) {
        fprintf(stderr, "bench-service: %s\n", accounts->tokens ? error : "no memory");
        return -1;
    }
    result = store_begin(store) != STORE_OK || lift_limits(store, now);
    for (uint32_t i = 0; !result && i < count; i++) {
        result = make_one(store, i, now, accounts->tokens[i], &id);
        if (!result && i % 2)
            result = make_pair(store, before, id, now);
        before = id;
    }
    if (result || store_commit(store) != STORE_OK) {
        fprintf(stderr, "bench-service: the store: %s\n", store_error(store));
        result = -1;
    }
    store_close(store);
    return result;
}

void accounts_free(struct accounts *accounts)
{
    free(accounts->tokens);
    accounts->tokens = NULL;
}

int accounts_decision_us(const char *store_path, uint32_t count, uint32_t decisions, double *mean)
{
    char error[256], name[NAME_MAX_BYTES + 1];
    struct store *store;
    struct account account;
    int result = -1;
    if (store_open(store_path, &store, error, sizeof error) != STORE_OK)
        return -1;
    struct gatekeeper *gatekeeper = gatekeeper_create(store, false);
    uint64_t spent = 0;
    uint32_t done = 0;
    for (uint32_t i = 0; gatekeeper && i < decisions; i++) {
        uint32_t pair = (i * UINT32_C(2654435761)) % (count / 2);
        snprintf(name, sizeof name, "u%u", 2 * pair);
        if (store_account_by_name(store, name, &account) != STORE_OK)
            break;
        snprintf(name, sizeof name, "u%u", 2 * pair + 1);
        struct gate_question question = {.caller = account.id, .callee = name};
        struct gate_answer answer;
        uint64_t start = load_now_ns();
        if (gatekeeper_decide(gatekeeper, &question, unix_ms(), &answer) != STORE_OK ||
            answer.decision.verdict != XCALL_GATE_RING)
            break;
        spent += load_now_ns() - start;
        done++;
    }
    if (done == decisions && done) {
        *mean = (double)spent / done / 1000.0;
        result = 0;
    }
    gatekeeper_destroy(gatekeeper);
    store_close(store);
    return result;
}
