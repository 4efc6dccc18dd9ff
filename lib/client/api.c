/* api.c - the entry points of xcall/client.h: checks, the lock, a wake-up. Any thread.
 * SPDX-License-Identifier: MIT */
#include "client/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "client/bodies.h"

#define CONFIG_SIZE_MIN ((uint32_t)offsetof(xcall_client_config, url) + (uint32_t)sizeof(char *))

/* --- configuration ---------------------------------------------------------------------------- */

void xcall_client_config_init(xcall_client_config *config, uint32_t size)
{
    xcall_client_config defaults = {.size = size, .connect_ms = 10000, .requests_max = 64};
    if (!config || size < sizeof config->size)
        return;
    memset(config, 0, size);
    memcpy(config, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

void xcall_client_call_info_init(xcall_client_call_info *info, uint32_t size)
{
    if (!info || size < sizeof info->size)
        return;
    memset(info, 0, size);
    info->size = size;
}

static int32_t report(xcall_error *error, int32_t code, const char *text)
{
    if (error && error->size >= sizeof *error) {
        error->code = code;
        snprintf(error->text, sizeof error->text, "%s", text);
    }
    return code;
}

static const char *check(const xcall_client_config *config)
{
    const uint32_t flags = XCALL_CLIENT_CALL_WAITING | XCALL_CLIENT_RELAY_ONLY;
    if (!config->engine)
        return "engine is NULL";
    if (!config->url)
        return "url is NULL";
    if (config->flags & ~flags)
        return "flags has an unknown bit";
    if (config->connect_ms < 1000 || config->connect_ms > 60000)
        return "connect_ms is not within 1000 to 60000";
    if (config->requests_max < 1 || config->requests_max > 1024)
        return "requests_max is not within 1 to 1024";
    if ((config->name && strlen(config->name) > 64) ||
        (config->version && strlen(config->version) > 64))
        return "name or version is longer than 64 bytes";
    return NULL;
}

static char *copy(const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *made = text ? malloc(size) : NULL;
    return made ? memcpy(made, text, size) : NULL;
}

static void copy_call_config(struct xcall_client *client, const xcall_call_config *from)
{
    xcall_call_config_init(&client->call, sizeof client->call);
    if (from)
        memcpy(&client->call, from,
               from->size < sizeof client->call ? from->size : sizeof client->call);
    client->call.size = sizeof client->call;
    client->call.ice_servers = NULL;
    client->call.ice_server_count = 0;
}

static void get_random(void *context, void *bytes, size_t size)
{
    (void)context;
    if (RAND_bytes(bytes, (int)size) != 1)
        abort(); /* as OpenSSL itself would have it: no key without randomness */
}

/* --- create and destroy ------------------------------------------------------------------------- */

static void release(struct xcall_client *client)
{
    xc_client_core_destroy(client->core);
    pthread_cond_destroy(&client->started);
    pthread_mutex_destroy(&client->lock);
    xcall_engine_unref(client->engine);
    free(client->url_text);
    free(client->ca_file);
    free(client->state_file);
    free(client);
}

static int32_t load_state(struct xcall_client *client, struct xc_client_saved **saved,
                          xcall_error *error)
{
    const char *why = NULL;
    *saved = calloc(1, sizeof **saved);
    if (!*saved)
        return report(error, XCALL_E_MEMORY, "no memory");
    int failed =
        client->state_file ? xc_state_load(client->state_file, client->url_text, *saved, &why) : 0;
    if (!failed)
        return XCALL_OK;
    free(*saved);
    *saved = NULL;
    if (why)
        return report(error, XCALL_E_SYSTEM, why);
    char sentence[128]; /* EINVAL: it is a folder, a device, or too large */
    snprintf(sentence, sizeof sentence, "the state file cannot be read: %s",
             failed == EINVAL ? "it is none" : strerror(failed));
    return report(error, XCALL_E_SYSTEM, sentence);
}

static int32_t create_core(struct xcall_client *client, const xcall_client_config *config,
                           xcall_error *error)
{
    struct xc_client_saved *saved = NULL;
    int32_t result = load_state(client, &saved, error);
    if (result != XCALL_OK)
        return result;
    xcall_client_config host = *config;
    if (client->call.ice_policy == XCALL_ICE_RELAY) /* a host that hides is not undone */
        host.flags |= XCALL_CLIENT_RELAY_ONLY;
    struct xc_client_core_config core = {
        .host = &host, .random = get_random, .saved = saved, .keep = client->state_file != NULL};
    result = xc_client_core_create(&core, xc_client_now(), &client->core);
    if (result == XCALL_OK)
        return result;
    OPENSSL_cleanse(saved, sizeof *saved);
    free(saved);
    return report(error, result, "no memory");
}

static int32_t start_thread(struct xcall_client *client, xcall_error *error)
{
    if (pthread_create(&client->thread, NULL, xc_client_thread, client))
        return report(error, XCALL_E_SYSTEM, "the client's thread cannot be started");
    pthread_mutex_lock(&client->lock);
    while (!client->start)
        pthread_cond_wait(&client->started, &client->lock);
    bool good = client->start > 0;
    pthread_mutex_unlock(&client->lock);
    if (good)
        return XCALL_OK;
    pthread_join(client->thread, NULL);
    return report(error, XCALL_E_SYSTEM,
                  client->ca_file ? "TLS cannot be set up: is ca_file a PEM file of certificates?"
                                  : "libwebsockets cannot be set up");
}

static int32_t create(const xcall_client_config *config, xcall_client **out, xcall_error *error)
{
    struct xcall_client *client = calloc(1, sizeof *client);
    if (!client)
        return report(error, XCALL_E_MEMORY, "no memory");
    const char *trouble = xc_client_url_read(config->url, &client->url);
    if (trouble || (config->ca_file && access(config->ca_file, R_OK))) {
        free(client);
        return report(error, trouble ? XCALL_E_UNSUPPORTED : XCALL_E_SYSTEM,
                      trouble ? trouble : "ca_file cannot be read");
    }
    int32_t result = xcall_engine_ref(config->engine);
    if (result != XCALL_OK) {
        free(client);
        return report(error, result, xcall_error_text(result));
    }
    client->engine = config->engine;
    client->pid = getpid();
    client->url_text = copy(config->url);
    client->ca_file = copy(config->ca_file);
    client->state_file = copy(config->state_file);
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->started, NULL);
    copy_call_config(client, config->call);
    result = !client->url_text || (config->ca_file && !client->ca_file) ||
                     (config->state_file && !client->state_file)
                 ? report(error, XCALL_E_MEMORY, "no memory")
                 : create_core(client, config, error);
    if (result == XCALL_OK)
        result = start_thread(client, error);
    if (result != XCALL_OK) {
        release(client);
        return result;
    }
    *out = client;
    return XCALL_OK;
}

int32_t xcall_client_create(const xcall_client_config *config, xcall_client **client,
                            xcall_error *error)
{
    xcall_client_config known;
    if (!config || !client)
        return report(error, XCALL_E_INVALID, "config or client is NULL");
    if (config->size < CONFIG_SIZE_MIN || (config->call && config->call->size < 8))
        return report(error, XCALL_E_VERSION, "the configuration was not initialised");
    xcall_client_config_init(&known, sizeof known);
    memcpy(&known, config, config->size < sizeof known ? config->size : sizeof known);
    known.size = sizeof known;
    const char *trouble = check(&known);
    if (trouble)
        return report(error, XCALL_E_INVALID, trouble);
    return create(&known, client, error);
}

void xcall_client_destroy(xcall_client *client)
{
    if (!client || client->pid != getpid())
        return;
    pthread_mutex_lock(&client->lock);
    xc_client_core_close(client->core, xc_client_now());
    client->stop = true;
    lws_cancel_service(client->context); /* under the lock: who sees stop may free the context */
    pthread_cond_signal(&client->started);
    pthread_mutex_unlock(&client->lock);
    pthread_join(client->thread, NULL);
    release(client);
}

/* --- the rest ------------------------------------------------------------------------------------- */

/* XCALL_OK: the lock is held. */
static int32_t enter(xcall_client *client)
{
    if (!client)
        return XCALL_E_INVALID;
    if (client->pid != getpid())
        return XCALL_E_FORKED;
    pthread_mutex_lock(&client->lock);
    if (!client->closed)
        return XCALL_OK;
    pthread_mutex_unlock(&client->lock);
    return XCALL_E_CLOSED;
}

static int32_t leave(xcall_client *client, int32_t result)
{
    pthread_mutex_unlock(&client->lock);
    lws_cancel_service(client->context);
    return result;
}

int32_t xcall_client_take_event(xcall_client *client, const xcall_event *event)
{
    xcall_event known = {0};
    if (!event || event->size < offsetof(xcall_event, channel))
        return 0;
    memcpy(&known, event, event->size < sizeof known ? event->size : sizeof known);
    if (known.type > XCALL_EVENT_ENDED && known.type != XCALL_EVENT_REMOTE)
        return 0;
    struct xc_client_figures figures;
    bool ended = known.type == XCALL_EVENT_ENDED && known.user >> 48 == XC_CLIENT_CALL_TAG;
    bool has_figures = ended && client && client->pid == getpid() &&
                       xc_client_figures_of(client->engine, known.call, &figures);
    if (enter(client) != XCALL_OK)
        return 0;
    if (has_figures && xc_client_core_media(client->core, known.user) == known.call)
        xc_client_core_figures(client->core, xc_client_now(), known.user, &figures);
    bool taken = xc_client_core_take_event(client->core, xc_client_now(), &known);
    if (!taken) {
        pthread_mutex_unlock(&client->lock);
        return 0;
    }
    return leave(client, 1);
}

int32_t xcall_client_sign_up(xcall_client *client, const char *name, const char *password,
                             const char *label)
{
    int32_t result = enter(client);
    return result != XCALL_OK ? result
                              : leave(client, xc_client_core_sign_in(client->core, xc_client_now(),
                                                                     true, name, password, label));
}

int32_t xcall_client_sign_in(xcall_client *client, const char *name, const char *password,
                             const char *label)
{
    int32_t result = enter(client);
    return result != XCALL_OK ? result
                              : leave(client, xc_client_core_sign_in(client->core, xc_client_now(),
                                                                     false, name, password, label));
}

int32_t xcall_client_sign_in_token(xcall_client *client, const char *token)
{
    int32_t result = enter(client);
    return result != XCALL_OK
               ? result
               : leave(client, xc_client_core_sign_in_token(client->core, xc_client_now(), token));
}

int32_t xcall_client_sign_out(xcall_client *client)
{
    int32_t result = enter(client);
    return result != XCALL_OK
               ? result
               : leave(client, xc_client_core_sign_out(client->core, xc_client_now()));
}

int32_t xcall_client_request(xcall_client *client, const char *type, const char *json,
                             uint64_t *request)
{
    int32_t result = enter(client);
    return result != XCALL_OK ? result
                              : leave(client, xc_client_core_request(client->core, xc_client_now(),
                                                                     type, json, request));
}

int32_t xcall_client_send_message(xcall_client *client, const char *to, const char *text,
                                  uint64_t *request)
{
    int32_t result = enter(client);
    return result != XCALL_OK ? result
                              : leave(client, xc_client_core_message(client->core, xc_client_now(),
                                                                     to, text, request));
}

int32_t xcall_client_list_chats(xcall_client *client, uint64_t before, uint32_t limit,
                                uint64_t *request)
{
    int32_t result = enter(client);
    return result != XCALL_OK ? result
                              : leave(client, xc_client_core_chats(client->core, xc_client_now(),
                                                                   before, limit, request));
}

int32_t xcall_client_mark_read(xcall_client *client, const char *peer, uint64_t message,
                               uint64_t *request)
{
    int32_t result = enter(client);
    return result != XCALL_OK ? result
                              : leave(client, xc_client_core_read(client->core, xc_client_now(),
                                                                  peer, message, request));
}

int32_t xcall_client_call(xcall_client *client, const char *to, uint32_t flags, xcall_id *call)
{
    if (!call)
        return XCALL_E_INVALID;
    int32_t result = enter(client);
    return result != XCALL_OK
               ? result
               : leave(client, xc_client_core_call(client->core, xc_client_now(), to, flags, call));
}

int32_t xcall_client_woken(xcall_client *client, const char *call_id, xcall_id *call)
{
    if (!call)
        return XCALL_E_INVALID;
    int32_t result = enter(client);
    return result != XCALL_OK
               ? result
               : leave(client, xc_client_core_woken(client->core, xc_client_now(), call_id, call));
}

static int32_t person(xcall_client *client, xcall_id call, uint32_t type, uint32_t flags,
                      uint32_t reason)
{
    int32_t result = enter(client);
    return result != XCALL_OK ? result
                              : leave(client, xc_client_core_person(client->core, xc_client_now(),
                                                                    call, type, flags, reason));
}

int32_t xcall_client_alerted(xcall_client *client, xcall_id call)
{
    return person(client, call, XCALL_LIFE_ALERTED, 0, 0);
}

int32_t xcall_client_accept(xcall_client *client, xcall_id call, uint32_t flags)
{
    return flags & ~(uint32_t)(XCALL_LIFE_HOLD_OTHERS | XCALL_LIFE_END_OTHERS)
               ? XCALL_E_INVALID
               : person(client, call, XCALL_LIFE_ACCEPT, flags, 0);
}

int32_t xcall_client_decline(xcall_client *client, xcall_id call, uint32_t reason)
{
    return person(client, call, XCALL_LIFE_DECLINE, 0, reason);
}

int32_t xcall_client_hang_up(xcall_client *client, xcall_id call)
{
    return person(client, call, XCALL_LIFE_HANG_UP, 0, 0);
}

int32_t xcall_client_set_hold(xcall_client *client, xcall_id call, int32_t hold)
{
    return person(client, call, hold ? XCALL_LIFE_HOLD : XCALL_LIFE_UNHOLD,
                  hold ? 0 : XCALL_LIFE_HOLD_OTHERS, 0);
}

int32_t xcall_client_call_get(xcall_client *client, xcall_id call, xcall_client_call_info *info)
{
    xcall_client_call_info known = {.size = sizeof known};
    char names[2][XCALL_LIFE_PEER_MAX + 1];
    uint8_t keys[2][32];
    if (!info || info->size < sizeof info->size)
        return XCALL_E_INVALID;
    int32_t result = enter(client);
    if (result != XCALL_OK)
        return result;
    result = xc_client_core_get(client->core, call, &known, names, keys);
    pthread_mutex_unlock(&client->lock);
    if (result != XCALL_OK)
        return result;
    /* Some milliseconds of SHA-512, of the asking thread alone. */
    if (names[1][0] && !xc_safety_number(names[0], keys[0], names[1], keys[1], known.safety_number))
        return XCALL_E_MEMORY;
    known.size = info->size;
    memcpy(info, &known, info->size < sizeof known ? info->size : sizeof known);
    return XCALL_OK;
}
