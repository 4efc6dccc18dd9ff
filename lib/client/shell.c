/* shell.c - the client's thread: waits for the connection and for the core's next deadline, and carries
 * out what the core wants, in its order and without its lock.
 * SPDX-License-Identifier: MIT */
#include "client/shell.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define POST_AGAIN_MS 10u /* the host takes no events at the moment */
#define POSTS_MANY 256u   /* then no more is read from the service */
#define POSTS_FEW 64u
#define LAST_WORDS_MS 500u /* at destroy: for hang-ups to leave */

uint64_t xc_client_now(void)
{
    return xcall_now_ns() / 1000000u;
}

void xc_client_list_put(struct xc_client_list *list, struct xc_client_output *output)
{
    output->next = NULL;
    if (!list->first)
        list->last = &list->first;
    *list->last = output;
    list->last = &output->next;
    list->count++;
}

struct xc_client_output *xc_client_list_take(struct xc_client_list *list)
{
    struct xc_client_output *output = list->first;
    if (output) {
        list->first = output->next;
        list->count--;
    }
    return output;
}

/* --- media ------------------------------------------------------------------------------------ */

static void create_media(struct xcall_client *client, const struct xc_client_output *output)
{
    xcall_call_config config = client->call;
    xcall_id media = 0;
    config.role = output->answerer ? XCALL_ROLE_ANSWER : XCALL_ROLE_OFFER;
    config.user = output->call;
    config.flags &= ~(uint32_t)XCALL_CALL_NO_TRICKLE;
    config.flags |= XCALL_CALL_SERVERS_LATER; /* turn.get is answered or refused in any case */
    config.ice_policy = output->relay ? XCALL_ICE_RELAY : XCALL_ICE_ALL;
    if (!output->video)
        config.video_direction = XCALL_DIRECTION_NONE;
    else if (config.video_direction == XCALL_DIRECTION_NONE)
        config.video_direction = XCALL_DIRECTION_BOTH;
    int32_t result = xcall_call_create(client->engine, &config, &media, NULL);
    pthread_mutex_lock(&client->lock);
    xc_client_core_media_created(client->core, xc_client_now(), output->call, result, media);
    pthread_mutex_unlock(&client->lock);
}

/* All together, so that the end of candidates waits for each. Else one by one: a server that this engine
 * cannot use does not keep the others from being used. None at all is said too. */
static void set_servers(struct xcall_client *client, const struct xc_client_output *output,
                        xcall_id media)
{
    char urls[XC_CLIENT_URLS_MAX][XC_URL_SIZE];
    xcall_ice_server servers[XC_CLIENT_URLS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < output->url_count; i++)
        count += xc_client_url_resolve(output->urls[i], &urls[count], XC_CLIENT_URLS_MAX - count);
    for (uint32_t i = 0; i < count; i++) {
        xcall_ice_server_init(&servers[i], sizeof servers[i]);
        servers[i].url = urls[i];
        servers[i].username = output->username;
        servers[i].password = output->password;
    }
    if (xcall_call_set_ice_servers(client->engine, media, servers, count, NULL) == XCALL_OK)
        return;
    for (uint32_t i = 0; i < count; i++)
        xcall_call_set_ice_servers(client->engine, media, &servers[i], 1, NULL);
    xcall_call_set_ice_servers(client->engine, media, NULL, 0, NULL);
}

static void media_failed(struct xcall_client *client, xcall_id call)
{
    pthread_mutex_lock(&client->lock);
    xc_client_core_media_failed(client->core, xc_client_now(), call);
    pthread_mutex_unlock(&client->lock);
}

/* Numbers only: nothing of an address leaves here. */
bool xc_client_figures_of(xcall_engine *engine, xcall_id media, struct xc_client_figures *figures)
{
    xcall_stats stats;
    xcall_stats_init(&stats, sizeof stats);
    if (xcall_call_stats(engine, media, &stats) != XCALL_OK)
        return false;
    figures->packets_received =
        stats.audio_received.packets_received + stats.video_received.packets_received;
    figures->packets_lost = stats.audio_received.packets_lost + stats.video_received.packets_lost;
    figures->relayed = stats.local_candidate_type == XCALL_CANDIDATE_RELAY ||
                       stats.remote_candidate_type == XCALL_CANDIDATE_RELAY;
    return true;
}

static void look(struct xcall_client *client, xcall_id call, xcall_id media)
{
    struct xc_client_figures figures;
    bool known = xc_client_figures_of(client->engine, media, &figures);
    pthread_mutex_lock(&client->lock);
    xc_client_core_figures(client->core, xc_client_now(), call, known ? &figures : NULL);
    pthread_mutex_unlock(&client->lock);
}

static void run_media(struct xcall_client *client, const struct xc_client_output *output)
{
    xcall_engine *engine = client->engine;
    int32_t result = XCALL_OK;
    pthread_mutex_lock(&client->lock);
    xcall_id media = xc_client_core_media(client->core, output->call);
    pthread_mutex_unlock(&client->lock);
    media =
        media ? media : output->media; /* the call may have been forgotten: its media has an end */
    switch (output->op) {
    case XC_CLIENT_MEDIA_CREATE:
        create_media(client, output);
        break;
    case XC_CLIENT_MEDIA_SIGNAL:
        result = xcall_call_receive_signal(engine, media, output->kind, output->text,
                                           output->text_length, NULL);
        if (result == XCALL_E_SIGNAL && output->kind <= XCALL_SIGNAL_ANSWER)
            media_failed(client, output->call);
        break;
    case XC_CLIENT_MEDIA_LOOK:
        look(client, output->call, media);
        break;
    case XC_CLIENT_MEDIA_HANG_UP:
        look(client, output->call, media);
        xcall_call_hang_up(engine, media);
        break;
    case XC_CLIENT_MEDIA_HOLD:
        xcall_call_set_hold(engine, media, output->on);
        break;
    case XC_CLIENT_MEDIA_RESTART:
        xcall_call_restart_ice(engine, media);
        break;
    case XC_CLIENT_MEDIA_RELAY:
        if (xcall_call_set_ice_policy(engine, media, XCALL_ICE_RELAY) != XCALL_OK)
            media_failed(client, output->call); /* never fall back */
        break;
    default:
        set_servers(client, output, media);
        break;
    }
}

/* --- outputs ---------------------------------------------------------------------------------- */

static void save(struct xcall_client *client, const struct xc_client_output *output)
{
    int error = output->text ? xc_state_store(client->state_file, output->text) : 0;
    if (!error)
        return;
    pthread_mutex_lock(&client->lock);
    xc_client_core_not_saved(client->core, "the state file cannot be written");
    pthread_mutex_unlock(&client->lock);
}

/* Takes output. */
static void carry_out(struct xcall_client *client, struct xc_client_output *output)
{
    switch (output->type) {
    case XC_CLIENT_CONNECT:
        xc_client_socket_connect(client);
        break;
    case XC_CLIENT_DISCONNECT:
        xc_client_socket_disconnect(client);
        break;
    case XC_CLIENT_FRAME:
        if (client->established && output->text) {
            xc_client_list_put(&client->frames, output);
            return;
        }
        break;
    case XC_CLIENT_POST:
        xc_client_list_put(&client->posts, output);
        return;
    case XC_CLIENT_SAVE:
        save(client, output);
        break;
    default:
        if (output->op == XC_CLIENT_MEDIA_SERVERS &&
            xc_client_lookup_servers(client->lookups, output))
            return; /* until it has addresses */
        run_media(client, output);
        break;
    }
    xc_client_output_free(output);
}

static void servers_found(struct xcall_client *client, const struct xc_client_output *output)
{
    pthread_mutex_lock(&client->lock);
    xc_client_core_servers_found(client->core, output->call, output);
    pthread_mutex_unlock(&client->lock);
    run_media(client, output);
}

static void take_lookups(struct xcall_client *client)
{
    for (struct xc_client_lookup *lookup; (lookup = xc_client_lookup_take(client->lookups));) {
        if (lookup->servers)
            servers_found(client, lookup->servers);
        else
            xc_client_socket_found(client, &lookup->found);
        xc_client_lookup_free(lookup);
    }
}

static struct xc_client_output *next_output(struct xcall_client *client, uint64_t *deadline)
{
    pthread_mutex_lock(&client->lock);
    xc_client_core_time(client->core, xc_client_now());
    struct xc_client_output *output = xc_client_core_output(client->core);
    *deadline = xc_client_core_deadline(client->core);
    pthread_mutex_unlock(&client->lock);
    return output;
}

/* True: some could not be given to the engine yet. */
static bool post_events(struct xcall_client *client)
{
    while (client->posts.first) {
        struct xc_client_output *output = client->posts.first;
        int32_t result = xcall_engine_post(client->engine, &output->event);
        if (result == XCALL_E_LIMIT || result == XCALL_E_MEMORY)
            return true;
        if (result == XCALL_E_CLOSED) {
            pthread_mutex_lock(&client->lock);
            client->closed = true;
            pthread_mutex_unlock(&client->lock);
        }
        xc_client_output_free(xc_client_list_take(&client->posts));
    }
    return false;
}

/* A timer that is ripe when lws_service is entered fires before its poll, which then waits for the next one:
 * without this for half a minute. */
static void on_timer(lws_sorted_usec_list_t *timer)
{
    struct xcall_client *client = lws_container_of(timer, struct xcall_client, timer);
    lws_cancel_service(client->context);
}

void xc_client_run_outputs(struct xcall_client *client)
{
    uint64_t deadline;
    take_lookups(client);
    for (struct xc_client_output *output; (output = next_output(client, &deadline));)
        carry_out(client, output);
    uint64_t now = xc_client_now();
    if (post_events(client) && deadline > now + POST_AGAIN_MS)
        deadline = now + POST_AGAIN_MS;
    if (client->posts.count > POSTS_MANY)
        xc_client_socket_read(client, false);
    else if (client->posts.count < POSTS_FEW)
        xc_client_socket_read(client, true);
    xc_client_socket_write(client);
    if (deadline != UINT64_MAX)
        lws_sul_schedule(client->context, 0, &client->timer, on_timer,
                         deadline > now ? (lws_usec_t)(deadline - now) * 1000 : 1);
    else
        lws_sul_cancel(&client->timer);
}

/* The connection cannot be had any more; others may still wake it, so it stays until destroy. */
static void wait_for_stop(struct xcall_client *client)
{
    pthread_mutex_lock(&client->lock);
    while (!client->stop)
        pthread_cond_wait(&client->started, &client->lock);
    pthread_mutex_unlock(&client->lock);
}

static bool stopped(struct xcall_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool stop = client->stop;
    pthread_mutex_unlock(&client->lock);
    return stop;
}

static void say_last_words(struct xcall_client *client)
{
    uint64_t until = xc_client_now() + LAST_WORDS_MS;
    xc_client_run_outputs(client);
    while (client->frames.first && client->established && xc_client_now() < until) {
        lws_sul_schedule(client->context, 0, &client->timer, on_timer, 20000);
        lws_service(client->context, 0);
        xc_client_socket_write(client);
    }
    lws_sul_cancel(&client->timer);
}

void *xc_client_thread(void *context)
{
    struct xcall_client *client = context;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    bool good = xc_client_socket_create(client);
    pthread_mutex_lock(&client->lock);
    client->start = good ? 1 : -1;
    pthread_cond_signal(&client->started);
    pthread_mutex_unlock(&client->lock);
    while (good && !stopped(client)) {
        xc_client_run_outputs(client);
        if (lws_service(client->context, 0) < 0)
            wait_for_stop(client);
    }
    if (good)
        say_last_words(client);
    xc_client_socket_destroy(client);
    for (struct xc_client_output *output; (output = xc_client_list_take(&client->posts));)
        xc_client_output_free(output);
    for (struct xc_client_output *output; (output = xc_client_list_take(&client->frames));)
        xc_client_output_free(output);
    return NULL;
}
