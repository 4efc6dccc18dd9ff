/* relays.c - a call's relays: their credentials asked for, handed to its media call and renewed, and the
 * addresses of their names kept for as long as it lasts.
 *
 * Owner: see core.h.
 * SPDX-License-Identifier: MIT */
#include "client/core_state.h"

#include <stdlib.h>
#include <string.h>

#define TURN_AGAIN_MS 20000u /* after a refused renewal */
#define TURN_TTL_MIN_S 30

static void turn_refused(struct xc_client_core *core, struct xc_client_call *call);

/* Answered in any case: the end of candidates waits for it. */
void xc_client_turn_ask(struct xc_client_core *core, struct xc_client_call *call)
{
    if (call->state == XCALL_LIFE_ENDED || xc_client_asks(core, XC_REQUEST_TURN, call->id))
        return;
    if (call->turn == XC_TURN_NOT_ASKED)
        call->turn = XC_TURN_ASKED;
    if (xc_client_ask(core, XC_REQUEST_TURN, "turn.get", call, NULL, NULL) != XCALL_OK)
        turn_refused(core, call);
}

/* Taken over. The end of the call's candidates waits for it (XCALL_CALL_SERVERS_LATER). */
static void hand_servers(struct xc_client_core *core, struct xc_client_call *call,
                         struct xc_client_output *output)
{
    output->type = XC_CLIENT_MEDIA;
    output->op = XC_CLIENT_MEDIA_SERVERS;
    output->call = call->id;
    output->media = call->media;
    if (call->media_state == XC_MEDIA_LIVE) {
        *core->outputs_last = output;
        core->outputs_last = &output->next;
    } else {
        xc_client_output_free(call->servers);
        call->servers = output;
    }
}

static void turn_refused(struct xc_client_core *core, struct xc_client_call *call)
{
    if (call->turn == XC_TURN_HERE) { /* a renewal: the allocation lives on for now */
        call->turn_at = core->now + TURN_AGAIN_MS;
        return;
    }
    call->turn = XC_TURN_REFUSED;
    if (!call->relay) {
        struct xc_client_output *none = calloc(1, sizeof *none);
        if (none)
            hand_servers(core, call, none);
        return;
    }
    xc_client_desk(core, call, XCALL_LIFE_MEDIA_FAILED, 0, XCALL_LIFE_END_RELAY_UNAVAILABLE, 0);
    xc_client_run(core);
}

static bool fill_servers(struct xc_client_output *output, const json_t *body)
{
    const json_t *urls = json_object_get(body, "urls");
    output->username = xc_client_copy(json_string_value(json_object_get(body, "username")));
    output->password = xc_client_copy(json_string_value(json_object_get(body, "credential")));
    for (size_t i = 0; i < json_array_size(urls) && output->url_count < XC_CLIENT_URLS_MAX; i++) {
        const char *url = json_string_value(json_array_get(urls, i));
        char *copy = url ? xc_client_copy(url) : NULL;
        if (copy)
            output->urls[output->url_count++] = copy;
    }
    return output->url_count && output->username && output->password;
}

/* --- names that were found ----------------------------------------------------------------------- */

/* Also when its path was lost: its relay may be what is gone, and the next renewal looks its name up again. */
void xc_client_relays_forget_names(struct xc_client_call *call)
{
    while (call->found_count > 0) {
        struct xc_client_found *found = &call->found[--call->found_count];
        free(found->name);
        free(found->url);
    }
}

void xc_client_relays_forget(struct xc_client_call *call)
{
    xc_client_output_free(call->servers);
    call->servers = NULL;
    xc_client_relays_forget_names(call);
}

/* Without memory it is not kept, and looked up again. */
static void keep_name(struct xc_client_call *call, const char *name, const char *url)
{
    struct xc_client_found found = {xc_client_copy(name), xc_client_copy(url)};
    if (found.name && found.url) {
        call->found[call->found_count++] = found;
        return;
    }
    free(found.name);
    free(found.url);
}

void xc_client_core_servers_found(struct xc_client_core *core, xcall_id id,
                                  const struct xc_client_output *output)
{
    struct xc_client_call *call = xc_client_find(core, id);
    bool named = false;
    for (uint32_t i = 0; i < output->url_count; i++)
        named |= output->names[i] != NULL;
    if (!call || !named || call->media_state == XC_MEDIA_ENDED)
        return;
    xc_client_relays_forget_names(call);
    for (uint32_t i = 0; i < output->url_count; i++)
        if (output->names[i])
            keep_name(call, output->names[i], output->urls[i]);
}

/* The URLs with the addresses that this call has found for their names: credentials are renewed where
 * the allocation is (RFC 8656 section 3), and a name of many servers gives another one each time. */
static void use_found(const struct xc_client_call *call, struct xc_client_output *output)
{
    struct xc_client_output given = *output;
    uint32_t count = 0;
    for (uint32_t i = 0; i < given.url_count; i++) {
        bool known = false;
        for (uint32_t k = 0; k < call->found_count && count < XC_CLIENT_URLS_MAX; k++) {
            if (strcmp(call->found[k].name, given.urls[i]) != 0)
                continue;
            char *url = xc_client_copy(call->found[k].url);
            if (!url)
                continue;
            output->names[count] = xc_client_copy(call->found[k].name);
            output->urls[count++] = url;
            known = true;
        }
        if (!known && count < XC_CLIENT_URLS_MAX)
            output->urls[count++] = given.urls[i];
        else
            free(given.urls[i]);
    }
    output->url_count = count;
}

void xc_client_turn_answer(struct xc_client_core *core, struct xc_client_call *call,
                           const json_t *body, bool good)
{
    if (call->state == XCALL_LIFE_ENDED || call->media_state == XC_MEDIA_ENDED)
        return;
    struct xc_client_output *output = good ? calloc(1, sizeof *output) : NULL;
    if (!output || !fill_servers(output, body)) {
        xc_client_output_free(output);
        turn_refused(core, call);
        return;
    }
    json_int_t ttl = json_integer_value(json_object_get(body, "ttl_s"));
    ttl = ttl < TURN_TTL_MIN_S ? TURN_TTL_MIN_S : ttl > 86400 ? 86400 : ttl;
    use_found(call, output);
    call->turn = XC_TURN_HERE;
    call->turn_at = core->now + (uint64_t)ttl * 750; /* at three quarters of its time */
    hand_servers(core, call, output);
}
