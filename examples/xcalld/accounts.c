/* accounts.c - account.*, device.*, push.reg (docs/protocol.md 2). Passwords are hashed by the world's worker;
 * a name that does not exist costs the same hash as a wrong password. Of a token only its SHA-256 is kept.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "text.h"

#define PASSWORD_MIN 8
#define PASSWORD_MAX 128
#define MEMBER_MAX 1024 /* longer than any name or password: bad_request */
#define DAY_MS 86400000ll
#define RETRY_MS 1000

/* --- name, password, device ------------------------------------------------------------------------------- */

struct credentials {
    const char *name, *password, *label;
};

static bool read_credentials(struct request *request, struct credentials *credentials)
{
    credentials->name = body_text(request, "name", 0, MEMBER_MAX);
    credentials->password =
        credentials->name ? body_text(request, "password", 0, MEMBER_MAX) : NULL;
    credentials->label =
        credentials->password ? body_text_or(request, "device", LABEL_MAX, "") : NULL;
    if (!credentials->label)
        return false;
    if (!text_plain(credentials->label, false)) {
        request_wrong(request, "device: control characters");
        return false;
    }
    return true;
}

/* By the name, whether there is such an account or not. */
static int64_t name_number(const char *name)
{
    uint8_t hash[32];
    int64_t number;
    sha256(name, strlen(name), hash);
    memcpy(&number, hash, sizeof number);
    return number;
}

static bool within(struct request *request, int kind, int64_t a, int64_t b)
{
    int64_t retry_ms;
    if (limit_take(request->service->limits, kind, a, b, request->service->now, &retry_ms))
        return true;
    request_try_later(request, retry_ms);
    return false;
}

static int64_t network_of(struct request *request)
{
    struct connection *connection = connection_find(request->service, request->connection);
    return connection ? limit_network(connection->address) : 0;
}

/* A new device of the account and its token: the answer. */
static void answer_token(struct request *request, int64_t user, const char *label)
{
    struct service *service = request->service;
    uint8_t random[TOKEN_BYTES], hash[HASH_SIZE];
    char token[TOKEN_TEXT + 1];
    int32_t dev = 0;
    int added = store_device_add(service->store, user, label, service->now, &dev);
    if (added == STORE_FULL) {
        request_error(request, "too_many", NULL);
        return;
    }
    service->world.random(service->world.context, random, sizeof random);
    token_make(random, token, hash);
    if (added == STORE_OK)
        added = store_session_add(service->store, hash, user, dev,
                                  service->now + service_policy(service)->token_days * DAY_MS);
    explicit_bzero(random, sizeof random);
    if (added != STORE_OK) {
        store_worked(service, added, "device");
        request_error(request, "internal", NULL);
        return;
    }
    request_ok(request, json_pack("{s:s,s:i}", "token", token, "dev", (int)dev));
    explicit_bzero(token, sizeof token);
}

static void create_hashed(struct request *request, const char *hash)
{
    struct service *service = request->service;
    const char *label = json_string_value(json_object_get(request->body, "device"));
    int64_t user = 0;
    if (!connection_find(service, request->connection)) {
        request_error(request, "try_later", NULL); /* nobody is there to get the token */
        return;
    }
    if (!hash || !*hash) {
        request_try_later(request, RETRY_MS);
        return;
    }
    int added = store_account_add(service->store, ((struct held *)request)->name, hash,
                                  service->now, &user);
    if (!store_worked(service, added, "account")) {
        request_error(request, "internal", NULL);
    } else if (added != STORE_OK) {
        request_error(request, "name_taken", NULL);
    } else {
        service->core->counters.signed_up++;
        answer_token(request, user, label ? label : "");
    }
}

static bool refuse_device(struct request *request)
{
    if (!request->session)
        return false;
    request_wrong(request, "this connection is a device's already");
    return true;
}

static void create_handle(struct request *request)
{
    struct service *service = request->service;
    struct credentials credentials;
    struct account account;
    if (refuse_device(request) || !read_credentials(request, &credentials))
        return;
    size_t length = strlen(credentials.password);
    if (!name_valid(credentials.name)) {
        request_error(request, "bad_name", NULL);
        return;
    }
    if (length < PASSWORD_MIN || length > PASSWORD_MAX) {
        request_error(request, "bad_password", NULL);
        return;
    }
    if (!within(request, LIMIT_SIGN_UP_ADDRESS, network_of(request), 0))
        return;
    int found = store_account_by_name(service->store, credentials.name, &account);
    if (!store_worked(service, found, "account")) {
        request_error(request, "internal", NULL);
        return;
    }
    if (found == STORE_OK) {
        request_error(request, "name_taken", NULL);
        return;
    }
    struct request *held = request_hold(request);
    if (!held)
        return;
    strcpy(((struct held *)held)->name, credentials.name);
    request_hash(held, credentials.password, NULL, create_hashed);
}

/* --- signing in ---------------------------------------------------------------------------------------------- */

static void sign_in_hashed(struct request *request, const char *result)
{
    struct service *service = request->service;
    const char *label = json_string_value(json_object_get(request->body, "device"));
    struct account account;
    int64_t user = ((struct held *)request)->account;
    bool right = user && result && !*result;
    int found = right ? store_account_by_id(service->store, user, &account) : STORE_NONE;
    if (!store_worked(service, found, "account")) {
        request_error(request, "internal", NULL);
    } else if (found != STORE_OK || account.state == ACCOUNT_SUSPENDED) {
        service->core->counters.sign_in_failed++;
        request_error(request, "bad_login", NULL);
    } else if (!connection_find(service, request->connection)) {
        request_error(request, "try_later", NULL);
    } else {
        service->core->counters.signed_in++;
        answer_token(request, user, label ? label : "");
    }
}

/* The account's password hash into hash; "" where there is none. *user 0: no such account. */
static bool password_of(struct request *request, const char *name, int64_t *user,
                        char hash[PASSWORD_HASH_MAX + 1])
{
    struct service *service = request->service;
    struct account account = {0};
    hash[0] = '\0';
    int found =
        name_valid(name) ? store_account_by_name(service->store, name, &account) : STORE_NONE;
    if (found == STORE_OK && account.has_password)
        found = store_account_password(service->store, account.id, hash);
    if (!store_worked(service, found, "account")) {
        request_error(request, "internal", NULL);
        return false;
    }
    *user = found == STORE_OK && hash[0] ? account.id : 0;
    return true;
}

static void sign_in_handle(struct request *request)
{
    struct credentials credentials;
    char hash[PASSWORD_HASH_MAX + 1];
    int64_t user;
    if (refuse_device(request) || !read_credentials(request, &credentials))
        return;
    if (strlen(credentials.password) > PASSWORD_MAX) {
        request_error(request, "bad_login", NULL);
        return;
    }
    /* In this order: who has none left at his address takes none from all others. */
    int64_t name = name_number(credentials.name), network = network_of(request);
    if (!within(request, LIMIT_SIGN_IN_ADDRESS, network, 0) ||
        !within(request, LIMIT_SIGN_IN_ACCOUNT, name, network) ||
        !within(request, LIMIT_SIGN_IN_ACCOUNT_ALL, name, 0) ||
        !password_of(request, credentials.name, &user, hash))
        return;
    struct request *held = request_hold(request);
    if (!held)
        return;
    ((struct held *)held)->account = user;
    /* Nothing to compare with: a hash is made and thrown away, which takes as long. */
    request_hash(held, credentials.password, user ? hash : NULL, sign_in_hashed);
}

static void sign_out_handle(struct request *request)
{
    struct service *service = request->service;
    int64_t user = request->user;
    int32_t dev = request->dev;
    request_ok(request, NULL);
    device_end(service, user, dev, CLOSE_GONE);
    store_worked(service, store_device_revoke(service->store, user, dev), "revoke");
}

/* --- export, deletion ------------------------------------------------------------------------------------------ */

static void export_handle(struct request *request)
{
    struct service *service = request->service;
    static const char start[] = "";
    const char *after = body_text_or(request, "after", EXPORT_CURSOR_SIZE - 1, start);
    if (!after)
        return;
    if (after != start && !*after) {
        request_wrong(request, "after: not what an answer's next said");
        return;
    }
    char *text = NULL, cursor[EXPORT_CURSOR_SIZE];
    snprintf(cursor, sizeof cursor, "%s", after);
    int found = store_account_export(service->store, request->user, cursor, &text);
    json_t *part = found == STORE_OK && text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (found == STORE_NONE || found == STORE_CONFLICT) {
        request_wrong(request, "after: not what an answer's next said");
        return;
    }
    if (!part) {
        store_worked(service, found, "export");
        request_error(request, "internal", NULL);
        return;
    }
    json_t *body = json_pack("{s:o}", "part", part);
    if (*cursor)
        json_object_set_new(body, "next", json_string(cursor));
    request_ok(request, body);
}

static void delete_now(struct request *request)
{
    struct service *service = request->service;
    int64_t user = request->user;
    request_ok(request, NULL); /* frees a held one */
    account_gone(service, user);
    if (store_worked(service, store_account_delete(service->store, user, service->now), "delete"))
        service_log(service, 'i', "account_deleted", NULL);
    erase_soon(service);
}

static void delete_hashed(struct request *request, const char *result)
{
    struct account account;
    int found = store_account_by_id(request->service->store, request->user, &account);
    if (!store_worked(request->service, found, "delete"))
        request_error(request, "internal", NULL);
    else if (found != STORE_OK || !result || *result)
        request_error(request, "bad_password", NULL);
    else
        delete_now(request);
}

static void delete_handle(struct request *request)
{
    char hash[PASSWORD_HASH_MAX + 1];
    int64_t user;
    if (!password_of(request, request->session->name, &user, hash))
        return;
    if (!user) {
        delete_now(request);
        return;
    }
    const char *password = body_text(request, "password", 0, MEMBER_MAX);
    /* By the device: what strangers try elsewhere does not keep it from this. */
    if (!password || !within(request, LIMIT_SIGN_IN_ACCOUNT, name_number(request->session->name),
                             -1 - (int64_t)request->dev))
        return;
    if (strlen(password) > PASSWORD_MAX) {
        request_error(request, "bad_password", NULL);
        return;
    }
    struct request *held = request_hold(request);
    if (held)
        request_hash(held, password, hash, delete_hashed);
}

/* --- devices --------------------------------------------------------------------------------------------------- */

static void list_handle(struct request *request)
{
    struct service *service = request->service;
    struct device devices[DEVICES_MAX];
    size_t count = 0;
    if (!store_worked(service, store_device_list(service->store, request->user, devices, &count),
                      "devices")) {
        request_error(request, "internal", NULL);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        int32_t dev = devices[i].dev;
        bool here = session_of(service, request->user, dev) != NULL;
        json_array_append_new(
            list, json_pack("{s:i,s:s,s:I,s:b}", "dev", (int)dev, "device", devices[i].label,
                            "last", (json_int_t)(here ? service->now : devices[i].last_ms), "this",
                            dev == request->dev));
    }
    request_ok(request, json_pack("{s:o}", "devices", list));
}

static void revoke_handle(struct request *request)
{
    struct service *service = request->service;
    int64_t dev, user = request->user;
    struct device device;
    if (!body_int(request, "dev", 1, INT32_MAX, 0, &dev))
        return;
    int found = store_device_get(service->store, user, (int32_t)dev, &device);
    if (!store_worked(service, found, "devices")) {
        request_error(request, "internal", NULL);
    } else if (found != STORE_OK || device.revoked) {
        request_error(request, "no_such_device", NULL);
    } else {
        request_ok(request, NULL);
        device_end(service, user, (int32_t)dev, CLOSE_GONE);
        store_worked(service, store_device_revoke(service->store, user, (int32_t)dev), "revoke");
    }
}

static void push_handle(struct request *request)
{
    struct service *service = request->service;
    const char *kind = body_text(request, "kind", 1, PUSH_KIND_MAX);
    const char *token = kind ? body_text(request, "token", 0, PUSH_TOKEN_MAX) : NULL;
    if (!token)
        return;
    if (strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(kind) ||
        !text_plain(token, false)) {
        request_wrong(request, "kind: a-z 0-9 _ -; token: no control characters");
        return;
    }
    int set = store_device_set_push(service->store, request->user, request->dev, *token ? kind : "",
                                    token);
    if (store_worked(service, set, "push"))
        request_ok(request, NULL);
    else
        request_error(request, "internal", NULL);
}

const struct handler_row account_handlers[] = {
    {.type = "account.create", .handle = create_handle, .before_hello = true},
    {.type = "account.sign_in", .handle = sign_in_handle, .before_hello = true},
    {.type = "account.sign_out", .handle = sign_out_handle},
    {.type = "account.export", .handle = export_handle, .reads = true},
    {.type = "account.delete", .handle = delete_handle},
    {.type = "device.list", .handle = list_handle, .reads = true},
    {.type = "device.revoke", .handle = revoke_handle},
    {.type = "push.reg", .handle = push_handle},
    {.type = NULL},
};
