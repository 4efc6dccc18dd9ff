/* lookup.c - names to addresses. getaddrinfo waits for as long as the system's resolver likes, so it is called
 * by a thread that belongs to nobody: it holds a reference of what it works on, the client lets go of its
 * own at destroy, and an answer that comes later is thrown away. One lookup at a time a client.
 * SPDX-License-Identifier: MIT */
#include "client/shell.h"

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int (*xc_client_getaddrinfo)(const char *host, const char *service, const struct addrinfo *hints,
                             struct addrinfo **found) = getaddrinfo;

struct xc_client_lookups {
    pthread_mutex_t lock; /* all that follows */
    uint32_t references;
    bool busy;                   /* there is a thread */
    struct lws_context *context; /* to wake; NULL: nobody listens any more */
    struct xc_client_lookup *waiting, *done;
    uint32_t count;        /* that wait */
    bool service_is_asked; /* among those, or being looked up */
};

struct xc_client_lookups *xc_client_lookups_create(struct lws_context *context)
{
    struct xc_client_lookups *lookups = calloc(1, sizeof *lookups);
    if (!lookups)
        return NULL;
    pthread_mutex_init(&lookups->lock, NULL);
    lookups->references = 1;
    lookups->context = context;
    return lookups;
}

void xc_client_lookup_free(struct xc_client_lookup *lookup)
{
    if (lookup)
        xc_client_output_free(lookup->servers);
    free(lookup);
}

static void free_all(struct xc_client_lookup **list)
{
    while (*list) {
        struct xc_client_lookup *lookup = *list;
        *list = lookup->next;
        xc_client_lookup_free(lookup);
    }
}

/* With the lock. In their order: newer credentials come behind older ones. */
static void finish(struct xc_client_lookups *lookups, struct xc_client_lookup *lookup)
{
    struct xc_client_lookup **at = &lookups->done;
    while (*at)
        at = &(*at)->next;
    lookup->next = NULL;
    *at = lookup;
}

/* With the lock, which it gives back. */
static void unref(struct xc_client_lookups *lookups)
{
    bool last = --lookups->references == 0;
    if (!lookups->context) {
        free_all(&lookups->waiting);
        free_all(&lookups->done);
    }
    pthread_mutex_unlock(&lookups->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&lookups->lock);
    free(lookups);
}

void xc_client_lookups_destroy(struct xc_client_lookups *lookups)
{
    if (!lookups)
        return;
    pthread_mutex_lock(&lookups->lock);
    lookups->context = NULL;
    unref(lookups);
}

/* --- the helper thread ---------------------------------------------------------------------------- */

/* RFC 8305 section 4: as the system sorts them (RFC 6724), families by turns. */
static void alternate(const struct addrinfo *all, struct xc_client_addresses *out)
{
    const struct addrinfo *of[2] = {all, all};
    int first = all ? all->ai_family : 0;
    out->count = 0;
    for (uint32_t turn = 0; out->count < XC_ADDRESSES_MAX && (of[0] || of[1]); turn ^= 1) {
        const struct addrinfo **at = &of[turn];
        while (*at && ((*at)->ai_family == first) == (turn == 1))
            *at = (*at)->ai_next;
        if (!*at)
            continue;
        char *text = out->text[out->count];
        if (!getnameinfo((*at)->ai_addr, (*at)->ai_addrlen, text, XC_ADDRESS_SIZE, NULL, 0,
                         NI_NUMERICHOST) &&
            !strchr(text, '%'))
            out->count++;
        *at = (*at)->ai_next;
    }
}

static void find(const char *host, int type, struct xc_client_addresses *out)
{
    struct addrinfo wanted = {.ai_socktype = type}, *all = NULL;
    out->count = 0;
    if (xc_client_getaddrinfo(host, NULL, &wanted, &all))
        return;
    alternate(all, out);
    freeaddrinfo(all);
}

/* One more URL, of this name or of none: both are taken over. What is too much is dropped. */
static void add_url(struct xc_client_output *output, char *url, char *name)
{
    if (url && output->url_count < XC_CLIENT_URLS_MAX) {
        output->urls[output->url_count] = url;
        output->names[output->url_count++] = name;
        return;
    }
    free(url);
    free(name);
}

/* A relay's name: one address of each family, as far as there is room. */
static void find_relays(struct xc_client_output *output)
{
    struct xc_client_output given = *output;
    char host[256], url[XC_URL_SIZE];
    output->url_count = 0;
    for (uint32_t i = 0; i < given.url_count; i++) {
        struct xc_client_addresses found = {.count = 0};
        if (!xc_client_url_name(given.urls[i], host)) {
            add_url(output, given.urls[i], given.names[i]);
            continue;
        }
        find(host, SOCK_DGRAM, &found);
        for (uint32_t k = 0; k < found.count && k < 2; k++) {
            xc_client_url_put(given.urls[i], found.text[k], url);
            add_url(output, strdup(url), strdup(given.urls[i]));
        }
        free(given.urls[i]);
        free(given.names[i]);
    }
}

static void *work(void *context)
{
    struct xc_client_lookups *lookups = context;
    pthread_mutex_lock(&lookups->lock);
    while (lookups->context && lookups->waiting) {
        struct xc_client_lookup *lookup = lookups->waiting;
        lookups->waiting = lookup->next;
        lookups->count--;
        pthread_mutex_unlock(&lookups->lock);
        if (lookup->servers)
            find_relays(lookup->servers);
        else
            find(lookup->host, SOCK_STREAM, &lookup->found);
        pthread_mutex_lock(&lookups->lock);
        if (!lookup->servers)
            lookups->service_is_asked = false;
        finish(lookups, lookup);
        if (lookups->context) /* there for as long as the lock is held */
            lws_cancel_service(lookups->context);
    }
    lookups->busy = false;
    unref(lookups);
    return NULL;
}

/* With the lock. False: there can be no thread. */
static bool start(struct xc_client_lookups *lookups)
{
    pthread_attr_t detached;
    pthread_t thread;
    if (lookups->busy)
        return true;
    if (pthread_attr_init(&detached))
        return false;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    lookups->busy = !pthread_create(&thread, &detached, work, lookups); /* its signals are blocked
                                                                           as its maker's are */
    lookups->references += lookups->busy;
    pthread_attr_destroy(&detached);
    return lookups->busy;
}

/* --- the client's thread --------------------------------------------------------------------------- */

/* The service goes before relays. Takes lookup; without a thread it is done, and nothing was found. */
static void ask(struct xc_client_lookups *lookups, struct xc_client_lookup *lookup)
{
    struct xc_client_lookup **at = &lookups->waiting;
    while (*at && (lookup->servers || !(*at)->servers))
        at = &(*at)->next;
    lookup->next = *at;
    *at = lookup;
    lookups->count++;
    if (start(lookups))
        return;
    *at = lookup->next;
    lookups->count--;
    if (!lookup->servers)
        lookups->service_is_asked = false;
    finish(lookups, lookup);
    lws_cancel_service(lookups->context); /* this thread's next round takes it */
}

void xc_client_lookup_host(struct xc_client_lookups *lookups, const char *host)
{
    pthread_mutex_lock(&lookups->lock);
    struct xc_client_lookup *lookup = lookups->service_is_asked ? NULL : calloc(1, sizeof *lookup);
    if (lookup) {
        snprintf(lookup->host, sizeof lookup->host, "%s", host);
        lookups->service_is_asked = true;
        ask(lookups, lookup);
    }
    pthread_mutex_unlock(&lookups->lock);
}

bool xc_client_lookup_servers(struct xc_client_lookups *lookups, struct xc_client_output *output)
{
    char host[256];
    bool names = false;
    for (uint32_t i = 0; i < output->url_count; i++)
        names |= xc_client_url_name(output->urls[i], host);
    struct xc_client_lookup *lookup = names ? calloc(1, sizeof *lookup) : NULL;
    if (!lookup)
        return false;
    pthread_mutex_lock(&lookups->lock);
    bool room = lookups->count < XC_CLIENT_LOOKUPS_MAX;
    if (room) {
        lookup->servers = output;
        ask(lookups, lookup);
    }
    pthread_mutex_unlock(&lookups->lock);
    if (!room)
        free(lookup);
    return room;
}

struct xc_client_lookup *xc_client_lookup_take(struct xc_client_lookups *lookups)
{
    pthread_mutex_lock(&lookups->lock);
    struct xc_client_lookup *lookup = lookups->done;
    if (lookup)
        lookups->done = lookup->next;
    pthread_mutex_unlock(&lookups->lock);
    return lookup;
}
