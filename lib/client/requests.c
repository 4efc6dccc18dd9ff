/* requests.c - what leaves the core: outputs in their order, events, frames, and the table of requests
 * that wait for their answer. A request keeps its id and is sent again after each lost connection, so
 * that it is carried out once (docs/protocol.md section 1).
 * Owner: see core.h.
 * SPDX-License-Identifier: MIT */
#include "client/core_state.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* --- outputs ---------------------------------------------------------------------------------- */

char *xc_client_copy(const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *copy = text ? malloc(size) : NULL;
    return copy ? memcpy(copy, text, size) : NULL;
}

void xc_client_wipe(char **text)
{
    if (*text)
        OPENSSL_cleanse(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void xc_client_output_free(struct xc_client_output *output)
{
    if (!output)
        return;
    xc_client_wipe(&output->text);
    xc_client_wipe(&output->username);
    xc_client_wipe(&output->password);
    for (uint32_t i = 0; i < output->url_count; i++) {
        free(output->urls[i]);
        free(output->names[i]);
    }
    free(output->protocol);
    free(output);
}

struct xc_client_output *xc_client_put(struct xc_client_core *core, uint32_t type)
{
    struct xc_client_output *output = calloc(1, sizeof *output);
    if (!output)
        return NULL;
    output->type = type;
    *core->outputs_last = output;
    core->outputs_last = &output->next;
    return output;
}

struct xc_client_output *xc_client_put_media(struct xc_client_core *core,
                                             const struct xc_client_call *call, uint32_t op)
{
    struct xc_client_output *output = xc_client_put(core, XC_CLIENT_MEDIA);
    if (output) {
        output->op = op;
        output->call = call->id;
        output->media = call->media;
    }
    return output;
}

struct xc_client_output *xc_client_core_output(struct xc_client_core *core)
{
    struct xc_client_output *output = core->outputs;
    if (output) {
        core->outputs = output->next;
        if (!core->outputs)
            core->outputs_last = &core->outputs;
        output->next = NULL;
    }
    return output;
}

/* Of a connection that is gone. */
void xc_client_drop_frames(struct xc_client_core *core)
{
    struct xc_client_output **at = &core->outputs;
    while (*at) {
        struct xc_client_output *output = *at;
        if (output->type == XC_CLIENT_FRAME) {
            *at = output->next;
            xc_client_output_free(output);
        } else {
            at = &output->next;
        }
    }
    core->outputs_last = at;
}

void xc_client_post(struct xc_client_core *core, const xcall_event *event, const char *text,
                    const char *protocol)
{
    struct xc_client_output *output = xc_client_put(core, XC_CLIENT_POST);
    if (!output)
        return;
    output->text = xc_client_copy(text ? text : "");
    output->protocol = protocol ? xc_client_copy(protocol) : NULL;
    output->event = *event;
    output->event.size = sizeof output->event;
    output->event.user = core->host.user;
    output->event.text = output->text;
    output->event.text_length = output->text ? strlen(output->text) : 0;
    output->event.protocol = output->protocol;
}

static char *dump(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT);
}

void xc_client_send(struct xc_client_core *core, json_t *frame)
{
    struct xc_client_output *output =
        core->link >= XC_LINK_OPEN ? xc_client_put(core, XC_CLIENT_FRAME) : NULL;
    if (output && frame) {
        output->text = dump(frame);
        output->text_length = output->text ? strlen(output->text) : 0;
    }
    json_decref(frame);
}

void xc_client_save(struct xc_client_core *core)
{
    struct xc_client_output *output = core->keep ? xc_client_put(core, XC_CLIENT_SAVE) : NULL;
    if (output) /* encoded with the URL by the shell's name of it */
        output->text = xc_state_encode(core->saved, core->host.url ? core->host.url : "");
}

/* --- requests --------------------------------------------------------------------------------- */

void xc_client_id(struct xc_client_core *core, char id[33])
{
    char digits[21];
    size_t count = 0, at = strlen(core->id_prefix);
    memcpy(id, core->id_prefix, at);
    id[at++] = '-';
    for (uint64_t n = ++core->id_count; n; n /= 10)
        digits[count++] = (char)('0' + n % 10);
    while (count && at < 32)
        id[at++] = digits[--count];
    id[at] = '\0';
}

static bool is_first(uint32_t kind)
{
    return kind == XC_REQUEST_SIGN_IN;
}

static void transmit(struct xc_client_core *core, struct xc_client_request *request)
{
    bool now = is_first(request->kind) ? core->link >= XC_LINK_OPEN : core->link == XC_LINK_READY;
    struct xc_client_output *output = now ? xc_client_put(core, XC_CLIENT_FRAME) : NULL;
    if (!output)
        return;
    output->text = xc_client_copy(request->frame);
    output->text_length = output->text ? strlen(output->text) : 0;
    request->sent = request->was_sent = true;
    request->sent_at = core->now;
}

static char *frame_of(const struct xc_client_request *request, const struct xc_client_call *call,
                      json_t *body)
{
    json_t *frame = json_pack("{s:s, s:s, s:o}", "t", request->type, "id", request->id, "b",
                              body ? body : json_object());
    if (frame && call)
        json_object_set_new(frame, "call", json_string(call->text));
    char *text = frame ? dump(frame) : NULL;
    json_decref(frame);
    return text;
}

/* Text that jansson wrote: brackets outside of strings are all there is to count. */
static bool fits(const char *frame)
{
    unsigned depth = 0;
    bool in_string = false;
    for (const char *at = frame; *at; at++) {
        if (in_string && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            in_string = !in_string;
        else if (!in_string && (*at == '{' || *at == '[') && ++depth > XC_CLIENT_NESTING_MAX)
            return false;
        else if (!in_string && (*at == '}' || *at == ']'))
            depth--;
    }
    return strlen(frame) <= XC_CLIENT_REQUEST_MAX;
}

int32_t xc_client_ask(struct xc_client_core *core, uint32_t kind, const char *type,
                      const struct xc_client_call *call, json_t *body, uint64_t *number)
{
    bool host = kind == XC_REQUEST_HOST;
    if (host ? core->host_requests >= core->host.requests_max
             : core->own_requests >= XC_REQUESTS_OWN_MAX) {
        json_decref(body);
        return XCALL_E_LIMIT;
    }
    struct xc_client_request *request = calloc(1, sizeof *request);
    if (!request || strlen(type) >= sizeof request->type) {
        free(request);
        json_decref(body);
        return request ? XCALL_E_INVALID : XCALL_E_MEMORY;
    }
    xc_client_id(core, request->id);
    memcpy(request->type, type, strlen(type) + 1);
    request->kind = kind;
    request->call = call ? call->id : 0;
    request->made_at = core->now;
    request->frame = frame_of(request, call, body);
    if (!request->frame || (host && !fits(request->frame))) {
        int32_t result = request->frame ? XCALL_E_INVALID : XCALL_E_MEMORY;
        xc_client_wipe(&request->frame);
        free(request);
        return result;
    }
    if (host) {
        request->number = ++core->number_count;
        core->host_requests++;
    } else {
        core->own_requests++;
    }
    if (number)
        *number = request->number;
    *core->requests_last = request;
    core->requests_last = &request->next;
    transmit(core, request);
    return XCALL_OK;
}

bool xc_client_asks(const struct xc_client_core *core, uint32_t kind, xcall_id call)
{
    for (const struct xc_client_request *r = core->requests; r; r = r->next)
        if (r->kind == kind && r->call == call)
            return true;
    return false;
}

static void request_free(struct xc_client_request *request)
{
    xc_client_wipe(&request->frame);
    free(request);
}

/* Out of the table; the caller frees it. */
static struct xc_client_request *take(struct xc_client_core *core, struct xc_client_request **at)
{
    struct xc_client_request *request = *at;
    *at = request->next;
    if (!*at)
        core->requests_last = at;
    if (request->kind == XC_REQUEST_HOST)
        core->host_requests--;
    else
        core->own_requests--;
    return request;
}

bool xc_client_withdraw(struct xc_client_core *core, uint32_t kind, xcall_id call)
{
    struct xc_client_request **at = &core->requests;
    while (*at && ((*at)->kind != kind || (*at)->call != call || (*at)->was_sent))
        at = &(*at)->next;
    if (!*at)
        return false;
    request_free(take(core, at));
    return true;
}

void xc_client_repeat(struct xc_client_core *core)
{
    for (struct xc_client_request *r = core->requests; r; r = r->next)
        if (!r->sent)
            transmit(core, r);
}

void xc_client_unsent(struct xc_client_core *core)
{
    for (struct xc_client_request *r = core->requests; r; r = r->next)
        r->sent = false;
}

static void tell_host(struct xc_client_core *core, const struct xc_client_request *request,
                      int32_t code, const char *text)
{
    xcall_event event = {.type = XCALL_CLIENT_EVENT_ANSWER, .call = request->number, .code = code};
    if (request->kind == XC_REQUEST_HOST)
        xc_client_post(core, &event, text, request->type);
}

void xc_client_answered(struct xc_client_core *core, const json_t *frame, bool good)
{
    const char *id = json_string_value(json_object_get(frame, "re"));
    const json_t *body = json_object_get(frame, "b");
    struct xc_client_request **at = &core->requests;
    while (id && *at && strcmp((*at)->id, id))
        at = &(*at)->next;
    if (!id || !*at)
        return;
    struct xc_client_request *request = take(core, at);
    const char *code = json_string_value(json_object_get(body, "code"));
    char *text = good ? (body ? dump(body) : xc_client_copy("{}")) : NULL;
    switch (request->kind) {
    case XC_REQUEST_HOST:
        tell_host(core, request, good ? 0 : XCALL_E_STATE,
                  good ? text : (code ? code : "internal"));
        break;
    case XC_REQUEST_SIGN_IN:
    case XC_REQUEST_SIGN_OUT:
    case XC_REQUEST_SYNC:
        xc_client_session_answer(core, request, body, good);
        break;
    default:
        xc_client_call_answer(core, request, body, good);
        break;
    }
    xc_client_wipe(&text);
    request_free(request);
}

/* An answer that does not come means a dead connection; after ten minutes the service may have
 * forgotten the id, and the request might be carried out twice. */
bool xc_client_requests_time(struct xc_client_core *core)
{
    struct xc_client_request **at = &core->requests;
    while (*at) {
        struct xc_client_request *request = *at;
        if (request->sent && core->now - request->sent_at >= XC_ANSWER_MS)
            return false;
        if (core->now - request->made_at < XC_REPEAT_MS) {
            at = &request->next;
            continue;
        }
        request = take(core, at);
        tell_host(core, request, XCALL_E_TIMEOUT, "no answer");
        if (request->kind == XC_REQUEST_TURN)
            xc_client_call_answer(core, request, NULL, false);
        request_free(request);
        at = &core->requests; /* an answer may lead to others */
    }
    return true;
}

uint64_t xc_client_requests_deadline(const struct xc_client_core *core)
{
    uint64_t at = UINT64_MAX;
    for (const struct xc_client_request *r = core->requests; r; r = r->next) {
        uint64_t due = r->made_at + XC_REPEAT_MS;
        if (r->sent && r->sent_at + XC_ANSWER_MS < due)
            due = r->sent_at + XC_ANSWER_MS;
        at = due < at ? due : at;
    }
    return at;
}

void xc_client_cancel_requests(struct xc_client_core *core, int32_t code)
{
    while (core->requests) {
        struct xc_client_request *request = take(core, &core->requests);
        tell_host(core, request, code, "signed out");
        request_free(request);
    }
}

/* --- the host's requests that have a function of their own ------------------------------------ */

#define CHATS_MAX 50 /* docs/protocol.md section 3 */

static bool signed_in(const struct xc_client_core *core)
{
    return core->auth == XC_AUTH_TOKEN && !core->signing_out;
}

int32_t xc_client_core_chats(struct xc_client_core *core, uint64_t now, uint64_t before,
                             uint32_t limit, uint64_t *number)
{
    core->now = now;
    if (before > INT64_MAX || !limit || limit > CHATS_MAX)
        return XCALL_E_INVALID;
    if (!signed_in(core))
        return XCALL_E_STATE;
    json_t *body = json_pack("{s:I}", "limit", (json_int_t)limit);
    if (body && before)
        json_object_set_new(body, "before", json_integer((json_int_t)before));
    return body ? xc_client_ask(core, XC_REQUEST_HOST, "msg.chats", NULL, body, number)
                : XCALL_E_MEMORY;
}

int32_t xc_client_core_read(struct xc_client_core *core, uint64_t now, const char *peer,
                            uint64_t message, uint64_t *number)
{
    core->now = now;
    if (!peer || message > INT64_MAX)
        return XCALL_E_INVALID;
    if (!signed_in(core))
        return XCALL_E_STATE;
    json_t *body = json_pack("{s:s}", "with", peer);
    if (!body)
        return XCALL_E_INVALID; /* no UTF-8 */
    if (message)
        json_object_set_new(body, "msg", json_integer((json_int_t)message));
    return xc_client_ask(core, XC_REQUEST_HOST, "msg.read", NULL, body, number);
}
