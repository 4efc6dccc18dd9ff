/* core.c - the session: signing in, the connection's life, resume (docs/protocol.md sections 1 and 2),
 * and what a frame is. Calls are in calls.c.
 * Owner: see core.h.
 * SPDX-License-Identifier: MIT */
#include "client/core_state.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "client/bodies.h"

#define RETRY_FIRST_MS                                                                             \
    1000u /* a wait is between half of it and all of it, and twice as long next time */
#define RETRY_MAX_MS 30000u
#define STABLE_MS 10000u /* a connection that held so long: waits begin anew */
#define WELCOME_MS 10000u
#define SIGN_OUT_MS 3000u
#define ACK_MS 2000u
#define ACK_EVENTS 16u
#define LEAVE_SLOWER 10u
#define DESK_MARGIN_MS 3000u /* the service decides first, as long as it is there */

/* --- create ------------------------------------------------------------------------------------ */

static void make_prefix(struct xc_client_core *core)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t bytes[12];
    core->random(core->context, bytes, sizeof bytes);
    for (int i = 0; i < 12; i++)
        core->id_prefix[i] = letters[bytes[i] & 31];
}

static bool copy_host(struct xc_client_core *core, const xcall_client_config *host)
{
    core->host = *host;
    core->host.url = xc_client_copy(host->url ? host->url : "");
    core->name = xc_client_copy(host->name ? host->name : "xcall-client");
    core->version = xc_client_copy(host->version ? host->version : xcall_version());
    return core->host.url && core->name && core->version;
}

static int32_t create_desk(struct xc_client_core *core)
{
    xcall_desk_config_init(&core->desk_config, sizeof core->desk_config);
    core->desk_config.flags = XCALL_DESK_ARBITRATED;
    if (core->host.flags & XCALL_CLIENT_CALL_WAITING)
        core->desk_config.flags |= XCALL_DESK_CALL_WAITING;
    return xcall_desk_create(&core->desk_config, &core->desk);
}

int32_t xc_client_core_create(const struct xc_client_core_config *config, uint64_t now,
                              struct xc_client_core **out)
{
    struct xc_client_core *core = calloc(1, sizeof *core);
    if (!core)
        return XCALL_E_MEMORY;
    core->now = now;
    core->requests_last = &core->requests;
    core->outputs_last = &core->outputs;
    core->random = config->random;
    core->context = config->context;
    core->keep = config->keep;
    core->saved = config->saved ? config->saved : calloc(1, sizeof *core->saved);
    int32_t result = core->saved && copy_host(core, config->host) ? XCALL_OK : XCALL_E_MEMORY;
    if (result == XCALL_OK)
        result = create_desk(core);
    if (result != XCALL_OK) {
        if (core->saved == config->saved)
            core->saved = NULL; /* not taken over */
        xc_client_core_destroy(core);
        return result;
    }
    make_prefix(core);
    core->has_key = core->saved->has_seed && xc_key_public(core->saved->seed, core->key);
    memcpy(core->account, core->saved->name, sizeof core->account);
    if (core->saved->token[0] && core->has_key)
        core->auth = XC_AUTH_TOKEN;
    core->connect_at = now;
    *out = core;
    return XCALL_OK;
}

static void forget_password(struct xc_client_core *core)
{
    xc_client_wipe(&core->sign_name);
    xc_client_wipe(&core->password);
    xc_client_wipe(&core->label);
}

void xc_client_core_destroy(struct xc_client_core *core)
{
    struct xc_client_output *output;
    if (!core)
        return;
    for (uint32_t i = 0; i < XC_CALLS_MAX; i++)
        xc_client_call_release(core, &core->calls[i]);
    xc_client_cancel_requests(core, XCALL_E_CLOSED);
    while ((output = xc_client_core_output(core)))
        xc_client_output_free(output);
    xcall_desk_destroy(core->desk);
    forget_password(core);
    json_decref(core->epoch_json);
    if (core->saved)
        OPENSSL_cleanse(core->saved, sizeof *core->saved);
    free(core->saved);
    free(core->name);
    free(core->version);
    free((char *)(uintptr_t)core->host.url);
    free(core);
}

/* --- what the host is told ---------------------------------------------------------------------- */

static void tell(struct xc_client_core *core, uint32_t state, int32_t code, const char *text)
{
    xcall_event event = {.type = XCALL_CLIENT_EVENT_SESSION, .state = state, .code = code};
    if (core->told_once && core->told_state == state && !code)
        return;
    core->told_once = true;
    core->told_state = state;
    xc_client_post(core, &event, text, core->account[0] ? core->account : NULL);
}

void xc_client_core_not_saved(struct xc_client_core *core, const char *why)
{
    xcall_event event = {
        .type = XCALL_CLIENT_EVENT_SESSION, .state = core->told_state, .code = XCALL_E_SYSTEM};
    xc_client_post(core, &event, why, core->account[0] ? core->account : NULL);
}

/* --- the connection ------------------------------------------------------------------------------ */

static uint32_t random_below(struct xc_client_core *core, uint32_t limit)
{
    uint32_t value;
    core->random(core->context, &value, sizeof value);
    return limit ? value % limit : 0;
}

static void retry_after(struct xc_client_core *core, uint64_t ms)
{
    core->connect_at = core->now + ms;
}

static void retry(struct xc_client_core *core)
{
    uint32_t most = RETRY_MAX_MS;
    if (core->attempts < 5)
        most = RETRY_FIRST_MS << core->attempts;
    core->attempts++;
    if (!core->auth) /* sign-outs only: nobody waits for them */
        most *= LEAVE_SLOWER;
    retry_after(core, most / 2 + random_below(core, most / 2 + 1));
}

static void link_down(struct xc_client_core *core)
{
    bool was_ready = core->link == XC_LINK_READY;
    if (was_ready && core->now - core->ready_at >= STABLE_MS)
        core->attempts = 0;
    core->link = XC_LINK_NONE;
    core->syncing = core->leaving = false;
    xc_client_drop_frames(core);
    xc_client_unsent(core);
    xc_client_wake_lost(core);
    if (was_ready) {
        xc_client_desk(core, NULL, XCALL_LIFE_CARRIER_LOST, 0, 0, 0);
        xc_client_run(core);
    }
}

void xc_client_hang_up_link(struct xc_client_core *core)
{
    if (core->link != XC_LINK_NONE)
        xc_client_put(core, XC_CLIENT_DISCONNECT);
    link_down(core);
}

/* No session any more: what is kept is forgotten, calls are over. */
static void signed_out(struct xc_client_core *core, bool forget, int32_t code, const char *text)
{
    core->auth = XC_AUTH_NONE;
    core->signing_out = false;
    xc_client_hang_up_link(core);
    xc_client_end_all(core, false);
    xc_client_cancel_requests(core, XCALL_E_CLOSED);
    forget_password(core);
    json_decref(core->epoch_json);
    core->epoch_json = NULL;
    core->last_sq = core->acked_sq = core->ack_at = 0;
    core->attempts = 0;
    core->leave_off = false;
    core->refused[0] = '\0';
    if (forget) {
        OPENSSL_cleanse(core->saved->token, sizeof core->saved->token);
        OPENSSL_cleanse(core->saved->seed, sizeof core->saved->seed);
        core->saved->has_seed = core->has_key = false;
        xc_client_save(core);
    }
    if (xc_client_leave_due(core))
        retry(core);
    core->displaced = !forget;
    core->told_once = false;
    tell(core, XCALL_CLIENT_SIGNED_OUT, code, text);
    core->account[0] = '\0';
}

static void begin_connect(struct xc_client_core *core)
{
    core->link = XC_LINK_CONNECTING;
    core->connect_at = 0;
    core->give_up_at = core->now + core->host.connect_ms;
    core->heard_at = core->now;
    xc_client_put(core, XC_CLIENT_CONNECT);
    core->leaving = xc_client_leave_due(core);
    if (core->auth && !core->offline_told)
        tell(core, XCALL_CLIENT_CONNECTING, 0, "");
}

/* Tries again by itself: the host hears of it once. */
void xc_client_offline(struct xc_client_core *core, int32_t code, const char *why)
{
    link_down(core);
    retry(core);
    if (!core->auth)
        return; /* a sign-out that waits goes on waiting */
    if (!core->offline_told)
        tell(core, XCALL_CLIENT_OFFLINE, code, why ? why : "the connection is lost");
    core->offline_told = true;
}

static json_t *caps(void)
{
    return json_pack("[s, s]", "audio", "video");
}

json_t *xc_client_hello(struct xc_client_core *core, const char *token, const uint8_t key[32])
{
    char text[XC_KEY_TEXT];
    xc_key_write(key, text);
    core->give_up_at = core->now + WELCOME_MS;
    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o}", "token", token, "key", text, "client", "name",
                     core->name, "version", core->version, "caps", caps());
}

static void say_hello(struct xc_client_core *core)
{
    json_t *body = xc_client_hello(core, core->saved->token, core->key);
    if (body && core->epoch_json) {
        json_object_set(body, "resume", core->epoch_json);
        json_object_set_new(body, "last_sq", json_integer((json_int_t)core->last_sq));
    }
    xc_client_wake_hello(core, body);
    char id[33];
    xc_client_id(core, id);
    xc_client_send(core, json_pack("{s:s, s:s, s:o}", "t", "hello", "id", id, "b", body));
}

static void say_who(struct xc_client_core *core)
{
    json_t *body = json_pack("{s:s, s:s}", "name", core->sign_name, "password", core->password);
    if (body && core->label)
        json_object_set_new(body, "device", json_string(core->label));
    core->give_up_at = core->now + WELCOME_MS;
    if (!xc_client_asks(core, XC_REQUEST_SIGN_IN, 0)) {
        xc_client_ask(core, XC_REQUEST_SIGN_IN,
                      core->auth == XC_AUTH_CREATE ? "account.create" : "account.sign_in", NULL,
                      body, NULL);
        return;
    }
    json_decref(body);
    xc_client_repeat(core); /* the same id: an account is not made twice */
}

void xc_client_core_connected(struct xc_client_core *core, uint64_t now)
{
    core->now = now;
    if (core->link != XC_LINK_CONNECTING)
        return;
    core->link = XC_LINK_OPEN;
    core->heard_at = now;
    if (core->leaving)
        xc_client_leave_begin(core);
    else if (core->auth == XC_AUTH_TOKEN)
        say_hello(core);
    else
        say_who(core);
}

static void no_link(struct xc_client_core *core, uint32_t close_code, const char *why)
{
    uint64_t now = core->now;
    if (core->leaving) {
        xc_client_leave_dropped(core, close_code, why);
    } else if (core->signing_out) {
        if (close_code == 4003) /* that is how it ends (docs/protocol.md section 2) */
            xc_client_left(core, NULL);
        link_down(core);
        signed_out(core, true, 0, "");
    } else if (close_code == 4003) {
        /* 4001 alone says nothing of the token: a first frame that came too late gets it too. */
        link_down(core);
        signed_out(core, true, XCALL_E_STATE, "revoked");
    } else if (close_code == 4002) {
        link_down(core);
        signed_out(core, false, XCALL_E_STATE, "displaced");
    } else {
        uint64_t planned = core->connect_at; /* by goaway */
        xc_client_offline(core, XCALL_E_SYSTEM, why);
        if (planned > now)
            core->connect_at = planned;
        else if (close_code == 4008 && core->attempts <= 1)
            retry_after(core, 500);
    }
}

void xc_client_core_disconnected(struct xc_client_core *core, uint64_t now, uint32_t close_code,
                                 const char *why)
{
    core->now = now;
    if (core->link != XC_LINK_NONE)
        no_link(core, close_code, why);
}

void xc_client_core_heard(struct xc_client_core *core, uint64_t now)
{
    core->now = now;
    core->heard_at = now;
}

/* --- signing in and out -------------------------------------------------------------------------- */

static bool make_key(struct xc_client_core *core)
{
    core->random(core->context, core->saved->seed, sizeof core->saved->seed);
    core->has_key = core->saved->has_seed = xc_key_public(core->saved->seed, core->key);
    return core->has_key;
}

static bool begin_sign_in(struct xc_client_core *core, uint32_t auth)
{
    if (!make_key(core))
        return false;
    core->saved->token[0] = core->saved->name[0] = core->account[0] = '\0';
    core->auth = auth;
    core->displaced = core->offline_told = core->told_once = false;
    core->attempts = 0;
    core->connect_at = core->now;
    return true;
}

int32_t xc_client_core_sign_in(struct xc_client_core *core, uint64_t now, bool create,
                               const char *name, const char *password, const char *label)
{
    core->now = now;
    if (!name || !password || !*name || strlen(name) > XCALL_LIFE_PEER_MAX ||
        strlen(password) > 1024 || (label && strlen(label) > 256))
        return XCALL_E_INVALID;
    if (core->auth != XC_AUTH_NONE)
        return XCALL_E_STATE;
    forget_password(core);
    core->sign_name = xc_client_copy(name);
    core->password = xc_client_copy(password);
    core->label = xc_client_copy(label);
    if (!core->sign_name || !core->password || (label && !core->label) ||
        !begin_sign_in(core, create ? XC_AUTH_CREATE : XC_AUTH_PASSWORD)) {
        forget_password(core);
        return XCALL_E_MEMORY;
    }
    xc_client_core_time(core, now);
    return XCALL_OK;
}

int32_t xc_client_core_sign_in_token(struct xc_client_core *core, uint64_t now, const char *token)
{
    core->now = now;
    if (core->auth != XC_AUTH_NONE || (!token && (!core->displaced || !core->saved->token[0])))
        return XCALL_E_STATE;
    if (token && (!*token || strlen(token) >= sizeof core->saved->token))
        return XCALL_E_INVALID;
    if (token) {
        if (!begin_sign_in(core, XC_AUTH_TOKEN))
            return XCALL_E_MEMORY;
        memcpy(core->saved->token, token, strlen(token) + 1);
        xc_client_leave_not(core, token);
        xc_client_save(
            core); /* the service fixes the key at the first hello: not to be lost then */
    } else {
        core->auth = XC_AUTH_TOKEN;
        core->displaced = core->offline_told = core->told_once = false;
        core->connect_at = now;
        memcpy(core->account, core->saved->name, sizeof core->account);
    }
    xc_client_core_time(core, now);
    return XCALL_OK;
}

int32_t xc_client_core_sign_out(struct xc_client_core *core, uint64_t now)
{
    core->now = now;
    if (core->auth == XC_AUTH_NONE)
        return XCALL_E_STATE;
    xc_client_end_all(core, true);
    xc_client_leave_later(core); /* now: whatever becomes of this program and the connection */
    if (core->link != XC_LINK_READY) {
        signed_out(core, true, 0, "");
        return XCALL_OK;
    }
    core->signing_out = true;
    core->sign_out_at = now + SIGN_OUT_MS;
    return xc_client_ask(core, XC_REQUEST_SIGN_OUT, "account.sign_out", NULL, NULL, NULL);
}

void xc_client_core_close(struct xc_client_core *core, uint64_t now)
{
    core->now = now;
    core->closed = true;
    xc_client_end_all(core, true);
}

static void sign_in_answer(struct xc_client_core *core, const json_t *body, bool good)
{
    const char *token = json_string_value(json_object_get(body, "token"));
    if (!good || !token || !*token || strlen(token) >= sizeof core->saved->token) {
        const char *code = json_string_value(json_object_get(body, "code"));
        signed_out(core, true, XCALL_E_STATE, code ? code : "internal");
        return;
    }
    memcpy(core->saved->token, token, strlen(token) + 1);
    memcpy(core->saved->name, core->sign_name, strlen(core->sign_name) + 1);
    forget_password(core);
    core->auth = XC_AUTH_TOKEN;
    xc_client_save(core);
    say_hello(core);
}

void xc_client_session_answer(struct xc_client_core *core, const struct xc_client_request *request,
                              const json_t *body, bool good)
{
    if (request->kind == XC_REQUEST_SIGN_IN)
        sign_in_answer(core, body, good);
    else if (request->kind == XC_REQUEST_SYNC && good) {
        xc_client_sync(core, body, false);
        xc_client_wake_synced(core, request->call, body);
    } else if (request->kind == XC_REQUEST_SIGN_OUT) {
        if (good)
            xc_client_left(core, NULL);
        signed_out(core, true, 0, "");
    }
}

/* --- frames --------------------------------------------------------------------------------------- */

/* This side's clocks only guard: they run a little longer than those of the service. */
static uint32_t limit_of(const json_t *limits, const char *name, uint32_t before, uint32_t most)
{
    const json_t *value = json_object_get(limits, name);
    json_int_t ms = json_is_integer(value) ? json_integer_value(value) : 0;
    if (ms < 1000)
        return before;
    return ms < most - DESK_MARGIN_MS ? (uint32_t)ms + DESK_MARGIN_MS : most;
}

static void take_limits(struct xc_client_core *core, const json_t *limits)
{
    xcall_desk_config config = core->desk_config;
    xcall_desk *desk = NULL;
    uint8_t call[16];
    config.ring_ms = limit_of(limits, "ring_ms", config.ring_ms, 90000);
    config.reach_ms = limit_of(limits, "reach_ms", config.reach_ms, 90000);
    config.connect_ms = limit_of(limits, "connect_ms", config.connect_ms, 600000);
    if ((config.ring_ms == core->desk_config.ring_ms &&
         config.reach_ms == core->desk_config.reach_ms &&
         config.connect_ms == core->desk_config.connect_ms) ||
        xcall_desk_calls(core->desk, &call, 1) > 0 || xcall_desk_create(&config, &desk) != XCALL_OK)
        return;
    xcall_desk_destroy(core->desk);
    core->desk = desk;
    core->desk_config = config;
}

static void take_name(struct xc_client_core *core, const char *name)
{
    if (!name || !*name || strlen(name) > XCALL_LIFE_PEER_MAX || !strcmp(name, core->saved->name)) {
        memcpy(core->account, core->saved->name, sizeof core->account);
        return;
    }
    memcpy(core->saved->name, name, strlen(name) + 1);
    memcpy(core->account, core->saved->name, sizeof core->account);
    xc_client_save(core);
}

static void ready(struct xc_client_core *core)
{
    core->syncing = false;
    xc_client_desk(core, NULL, XCALL_LIFE_CARRIER_BACK, 0, 0, 0);
    xc_client_run(core);
    xc_client_repeat(core);
    xc_client_wake_ready(core);
}

static void on_welcome(struct xc_client_core *core, const json_t *body)
{
    json_t *epoch = json_object_get(body, "epoch");
    bool resumed = json_is_true(json_object_get(body, "resume"));
    bool restarted = core->epoch_json && !json_equal(epoch, core->epoch_json);
    if (core->link != XC_LINK_OPEN || core->auth != XC_AUTH_TOKEN)
        return;
    core->link = XC_LINK_READY;
    core->ready_at = core->now;
    core->offline_told = core->leave_off = false;
    core->refused[0] = '\0';
    if (!resumed) {
        const json_t *sq = json_object_get(body, "sq");
        core->last_sq = json_integer_value(sq) > 0 ? (uint64_t)json_integer_value(sq) : 0;
    }
    core->acked_sq = core->last_sq;
    core->resumed = !restarted;
    json_decref(core->epoch_json);
    core->epoch_json = json_incref(epoch);
    take_limits(core, json_object_get(body, "limits"));
    take_name(core, json_string_value(json_object_get(body, "name")));
    tell(core, XCALL_CLIENT_ONLINE, 0, "");
    if (resumed)
        ready(core);
    else
        core->syncing = true; /* first what became of the calls, then what we want of them */
}

/* The token is no good, or belongs to another device's key: whatever is asked with it, that stays so. */
static bool is_final(const char *code)
{
    return !strcmp(code, "bad_token") || !strcmp(code, "key_mismatch") || !strcmp(code, "revoked");
}

/* A refused hello. Only what says that the token is no good ends the session; everything else passes (a
 * limit, a fault of the service) or may (a code of a newer service): the token is kept for it. */
static void on_hello_refused(struct xc_client_core *core, const json_t *body)
{
    const char *code = json_string_value(json_object_get(body, "code"));
    json_int_t ms = json_integer_value(json_object_get(body, "retry_ms"));
    code = code && *code ? code : "internal";
    if (is_final(code)) {
        signed_out(core, true, XCALL_E_STATE, code);
        return;
    }
    size_t size = strnlen(code, sizeof core->refused - 1);
    if (strncmp(core->refused, code, size) || core->refused[size])
        core->offline_told = false; /* that the host does not know yet */
    memcpy(core->refused, code, size);
    core->refused[size] = '\0';
    xc_client_hang_up_link(core);
    xc_client_offline(core, XCALL_E_STATE, code);
    if (ms > 0 && ms <= 600000)
        retry_after(core, (uint64_t)ms + random_below(core, 1000));
}

static void on_message(struct xc_client_core *core, const json_t *body)
{
    xcall_event event = {.type = XCALL_CLIENT_EVENT_MESSAGE};
    const json_t *id = json_object_get(body, "msg");
    const char *from = json_string_value(json_object_get(body, "from"));
    const char *to = json_string_value(json_object_get(body, "to"));
    const char *text = json_string_value(json_object_get(body, "text"));
    if (!from || !text || strlen(from) > 255)
        return;
    event.call = json_is_integer(id) ? (xcall_id)json_integer_value(id) : 0;
    if (json_is_string(id))
        event.call = strtoull(json_string_value(id), NULL, 10);
    bool own = core->account[0] && !strcmp(from, core->account);
    if (own && (!to || strlen(to) > 255))
        return;
    event.flags = own ? XCALL_CLIENT_MESSAGE_SENT : 0;
    xc_client_post(core, &event, text, own ? to : from);
}

static void on_read(struct xc_client_core *core, const json_t *body)
{
    xcall_event event = {.type = XCALL_CLIENT_EVENT_READ};
    const json_t *id = json_object_get(body, "msg");
    const char *with = json_string_value(json_object_get(body, "with"));
    if (!with || strlen(with) > 255 || json_integer_value(id) <= 0)
        return;
    event.call = (xcall_id)json_integer_value(id);
    xc_client_post(core, &event, "", with);
}

static void on_goaway(struct xc_client_core *core, const json_t *body)
{
    json_int_t ms = json_integer_value(json_object_get(body, "reconnect_in_ms"));
    ms = ms < 0 ? 0 : ms > 60000 ? 60000 : ms;
    xc_client_hang_up_link(core);
    bool again = core->attempts > 0;
    xc_client_offline(core, XCALL_E_SYSTEM, "the service restarts");
    uint64_t usual = core->connect_at;
    retry_after(core, (uint64_t)ms + 100 + random_below(core, 400));
    if (again && core->connect_at < usual) /* it is sent away each time that it comes */
        core->connect_at = usual;
}

static void acknowledge(struct xc_client_core *core)
{
    xc_client_send(core,
                   json_pack("{s:s, s:{s:I}}", "t", "ack", "b", "sq", (json_int_t)core->last_sq));
    core->acked_sq = core->last_sq;
    core->ack_at = 0;
}

/* True: it is new. */
static bool take_sq(struct xc_client_core *core, const json_t *frame)
{
    const json_t *value = json_object_get(frame, "sq");
    uint64_t sq = json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
    if (!json_is_integer(value))
        return true;
    if (sq <= core->last_sq)
        return false;
    core->last_sq = sq;
    if (!core->ack_at)
        core->ack_at = core->now + ACK_MS;
    return true;
}

static void on_event(struct xc_client_core *core, const char *type, const json_t *frame)
{
    const json_t *body = json_object_get(frame, "b");
    if (core->link != XC_LINK_READY || !take_sq(core, frame))
        return;
    if (!strcmp(type, "sync")) {
        xc_client_sync(core, body, !core->resumed);
        ready(core);
    } else if (!strcmp(type, "msg.new")) {
        on_message(core, body);
    } else if (!strcmp(type, "msg.read")) {
        on_read(core, body);
    } else if (!strcmp(type, "goaway")) {
        on_goaway(core, body);
        return;
    } else {
        xc_client_call_event(core, type, frame);
    }
    if (core->link == XC_LINK_READY && core->last_sq - core->acked_sq >= ACK_EVENTS)
        acknowledge(core);
}

static void on_frame(struct xc_client_core *core, const json_t *frame)
{
    const char *type = json_string_value(json_object_get(frame, "t"));
    const json_t *body = json_object_get(frame, "b");
    if (!type)
        return;
    if (core->leaving) {
        xc_client_leave_frame(core, type, frame);
    } else if (!strcmp(type, "welcome")) {
        on_welcome(core, body);
    } else if (!strcmp(type, "err") && core->link == XC_LINK_OPEN && core->auth == XC_AUTH_TOKEN) {
        on_hello_refused(core, body);
    } else if (!strcmp(type, "ok") || !strcmp(type, "err")) {
        xc_client_answered(core, frame, type[0] == 'o');
    } else {
        on_event(core, type, frame);
    }
}

void xc_client_core_frame(struct xc_client_core *core, uint64_t now, const char *text,
                          size_t length)
{
    json_error_t error;
    core->now = now;
    if (core->link < XC_LINK_OPEN)
        return;
    core->heard_at = now;
    json_t *frame = length <= XC_CLIENT_FRAME_MAX ? json_loadb(text, length, 0, &error) : NULL;
    if (json_is_object(frame)) {
        on_frame(core, frame);
    } else {
        xc_client_hang_up_link(core);
        xc_client_offline(core, XCALL_E_SYSTEM, "the service sent what is no frame");
    }
    json_decref(frame);
    xc_client_core_time(core, now);
}

/* --- the host's requests --------------------------------------------------------------------------- */

int32_t xc_client_core_request(struct xc_client_core *core, uint64_t now, const char *type,
                               const char *json, uint64_t *number)
{
    json_error_t error;
    core->now = now;
    if (!type || !*type || strlen(type) > 32 || !strncmp(type, "call.", 5) ||
        !strcmp(type, "sig") || !strcmp(type, "hello") || !strcmp(type, "account.sign_in") ||
        !strcmp(type, "account.create") || !strcmp(type, "account.sign_out"))
        return XCALL_E_INVALID;
    if (core->auth != XC_AUTH_TOKEN || core->signing_out)
        return XCALL_E_STATE;
    json_t *body = json ? json_loads(json, JSON_REJECT_DUPLICATES, &error) : json_object();
    if (!json_is_object(body)) {
        json_decref(body);
        return XCALL_E_INVALID;
    }
    return xc_client_ask(core, XC_REQUEST_HOST, type, NULL, body, number);
}

int32_t xc_client_core_message(struct xc_client_core *core, uint64_t now, const char *to,
                               const char *text, uint64_t *number)
{
    core->now = now;
    if (!to || !text || !*text || strlen(text) > 4096)
        return XCALL_E_INVALID;
    if (core->auth != XC_AUTH_TOKEN || core->signing_out)
        return XCALL_E_STATE;
    json_t *body = json_pack("{s:s, s:s}", "to", to, "text", text);
    if (!body)
        return XCALL_E_INVALID; /* no UTF-8 */
    return xc_client_ask(core, XC_REQUEST_HOST, "msg.send", NULL, body, number);
}

/* --- time ------------------------------------------------------------------------------------------ */

static uint64_t least(uint64_t a, uint64_t b)
{
    return b && b < a ? b : a;
}

static bool wants_link(const struct xc_client_core *core)
{
    return !core->closed && (core->auth || xc_client_leave_due(core));
}

uint64_t xc_client_core_deadline(const struct xc_client_core *core)
{
    uint64_t at = xcall_desk_deadline(core->desk);
    if (core->link == XC_LINK_NONE)
        at = least(at, wants_link(core) ? core->connect_at : 0);
    else if (core->link != XC_LINK_READY)
        at = least(at, core->give_up_at);
    else
        at = least(least(at, core->heard_at + XC_CLIENT_SILENCE_MS), core->ack_at);
    at = least(at, core->signing_out ? core->sign_out_at : 0);
    for (const struct xc_client_call *call = core->calls; call < core->calls + XC_CALLS_MAX; call++)
        if (call->id)
            at = least(least(least(at, call->turn_at), call->look_at), call->wake_until);
    return least(at, xc_client_requests_deadline(core));
}

static void link_time(struct xc_client_core *core)
{
    if (core->link == XC_LINK_NONE) {
        if (wants_link(core) && core->connect_at && core->now >= core->connect_at)
            begin_connect(core);
    } else if (core->link != XC_LINK_READY) {
        if (core->now >= core->give_up_at) {
            xc_client_put(core, XC_CLIENT_DISCONNECT);
            no_link(core, 0, "the service does not answer");
        }
    } else if (core->now - core->heard_at >= XC_CLIENT_SILENCE_MS ||
               !xc_client_requests_time(core)) {
        xc_client_hang_up_link(core);
        xc_client_offline(core, XCALL_E_SYSTEM, "the service has gone silent");
    } else if (core->ack_at && core->now >= core->ack_at) {
        acknowledge(core);
    }
}

void xc_client_core_time(struct xc_client_core *core, uint64_t now)
{
    core->now = now;
    link_time(core);
    if (core->signing_out && now >= core->sign_out_at)
        signed_out(core, true, 0, "");
    if (core->link != XC_LINK_READY)
        xc_client_requests_time(core);
    for (uint32_t i = 0; i < XC_CALLS_MAX; i++) {
        struct xc_client_call *call = &core->calls[i];
        xc_client_quality_time(core, call);
        xc_client_wake_time(core, call);
        if (call->id && call->turn_at && now >= call->turn_at) {
            call->turn_at = 0;
            xc_client_turn_ask(core, call);
        }
    }
    if (now >= xcall_desk_deadline(core->desk)) {
        xc_client_desk(core, NULL, XCALL_LIFE_TIME, 0, 0, 0);
        xc_client_run(core);
    }
}
