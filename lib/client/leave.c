/* leave.c - sign-outs that the service has not heard of: each is kept with its token and key, also in the
 * state file, until a connection of its own has ended that session. Before a sign-in that waits, one
 * after the other; what a service refuses does not keep the sign-in from going on.
 * Owner: see core.h.
 * SPDX-License-Identifier: MIT */
#include "client/core_state.h"

#include <string.h>

#include <openssl/crypto.h>

#include "client/bodies.h"

static void drop(struct xc_client_core *core, uint32_t at)
{
    struct xc_client_saved *saved = core->saved;
    saved->leaving_count--;
    memmove(&saved->leaving[at], &saved->leaving[at + 1],
            (saved->leaving_count - at) * sizeof saved->leaving[0]);
    OPENSSL_cleanse(&saved->leaving[saved->leaving_count], sizeof saved->leaving[0]);
}

/* From here on the token is one to end, whenever this program is started again. */
void xc_client_leave_later(struct xc_client_core *core)
{
    struct xc_client_saved *saved = core->saved;
    struct xc_client_leaving *one;
    if (!saved->token[0] || !saved->has_seed)
        return;
    if (saved->leaving_count == XC_LEAVING_MAX)
        drop(core, 0); /* it ends at the service by its age */
    one = &saved->leaving[saved->leaving_count++];
    memcpy(one->token, saved->token, sizeof one->token);
    memcpy(one->seed, saved->seed, sizeof one->seed);
    OPENSSL_cleanse(saved->token, sizeof saved->token);
    xc_client_save(core);
}

/* The service has ended it. token NULL: the newest. */
void xc_client_left(struct xc_client_core *core, const char *token)
{
    uint32_t at = core->saved->leaving_count;
    while (at-- > 0)
        if (!token || !strcmp(core->saved->leaving[at].token, token)) {
            drop(core, at);
            xc_client_save(core);
            return;
        }
}

/* A token that comes back before its sign-out was heard: its session goes on, with the key that it has. Not
 * when that is being ended just now. */
void xc_client_leave_not(struct xc_client_core *core, const char *token)
{
    struct xc_client_saved *saved = core->saved;
    uint32_t at = 0;
    while (at < saved->leaving_count && strcmp(saved->leaving[at].token, token) != 0)
        at++;
    if (at == saved->leaving_count ||
        (at == 0 && core->leaving && core->link != XC_LINK_CONNECTING))
        return;
    memcpy(saved->seed, saved->leaving[at].seed, sizeof saved->seed);
    core->has_key = saved->has_seed = xc_key_public(saved->seed, core->key);
    drop(core, at);
    if (!saved->leaving_count)
        core->leaving = false; /* a connection that is under way is this session's */
}

bool xc_client_leave_due(const struct xc_client_core *core)
{
    return core->saved->leaving_count > 0 && !core->leave_off;
}

void xc_client_leave_begin(struct xc_client_core *core)
{
    char id[33];
    uint8_t key[32];
    if (!core->saved->leaving_count || !xc_key_public(core->saved->leaving[0].seed, key))
        return; /* the connection is given up in time */
    xc_client_id(core, id);
    core->leave_id[0] = '\0';
    xc_client_send(core, json_pack("{s:s, s:s, s:o}", "t", "hello", "id", id, "b",
                                   xc_client_hello(core, core->saved->leaving[0].token, key)));
}

/* On with the next, or with the sign-in that waits. */
static void done(struct xc_client_core *core)
{
    drop(core, 0);
    xc_client_save(core);
    xc_client_hang_up_link(core);
    core->attempts = 0;
    core->connect_at = core->now;
}

/* It stays for later: behind the others, so that one of them does not keep all from being tried. */
static void failed(struct xc_client_core *core, int32_t code, const char *why)
{
    struct xc_client_saved *saved = core->saved;
    struct xc_client_leaving first = saved->leaving[0];
    drop(core, 0);
    saved->leaving[saved->leaving_count++] = first;
    OPENSSL_cleanse(&first, sizeof first);
    xc_client_hang_up_link(core);
    if (core->auth) {
        core->leave_off = true;
        core->connect_at = core->now;
    } else {
        xc_client_offline(core, code, why);
    }
}

void xc_client_leave_frame(struct xc_client_core *core, const char *type, const json_t *frame)
{
    const char *re = json_string_value(json_object_get(frame, "re"));
    const char *code = json_string_value(json_object_get(json_object_get(frame, "b"), "code"));
    if (!strcmp(type, "welcome") && !core->leave_id[0]) {
        xc_client_id(core, core->leave_id);
        xc_client_send(core, json_pack("{s:s, s:s, s:{}}", "t", "account.sign_out", "id",
                                       core->leave_id, "b"));
    } else if (!strcmp(type, "ok") && core->leave_id[0] && re && !strcmp(re, core->leave_id)) {
        done(core);
    } else if (!strcmp(type, "err")) {
        if (code && (!strcmp(code, "bad_token") || !strcmp(code, "key_mismatch") ||
                     !strcmp(code, "revoked")))
            done(core); /* there is nothing to end any more */
        else
            failed(core, XCALL_E_STATE, code);
    } else if (!strcmp(type, "goaway")) {
        failed(core, XCALL_E_SYSTEM, "the service restarts");
    }
}

/* close_code: as in xc_client_core_disconnected. One that was never there hinders a sign-in too. */
void xc_client_leave_dropped(struct xc_client_core *core, uint32_t close_code, const char *why)
{
    bool was_open = core->link == XC_LINK_OPEN;
    if (close_code == 4003) {
        core->link = XC_LINK_NONE; /* gone already */
        done(core);
    } else if (was_open) {
        core->link = XC_LINK_NONE;
        failed(core, XCALL_E_SYSTEM, why);
    } else {
        xc_client_offline(core, XCALL_E_SYSTEM, why);
    }
}
