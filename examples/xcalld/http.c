/* http.c - the page on the clients' port; health and metrics on theirs.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "net_private.h"
#include "page_files.h"

#define CHUNK 8192
#define HEAD_BYTES 2048

static int add(struct lws *wsi, const char *name, const char *value, unsigned char **at,
               unsigned char *end)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                       (const unsigned char *)value, (int)strlen(value), at, end);
}

static int done(struct lws *wsi)
{
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int status_only(struct lws *wsi, unsigned status)
{
    return lws_return_http_status(wsi, status, NULL) ? -1 : done(wsi);
}

static int begin(struct lws *wsi, unsigned status, const char *type, size_t length, bool page)
{
    unsigned char head[LWS_PRE + HEAD_BYTES], *at = head + LWS_PRE, *end = head + sizeof head - 1;
    if (lws_add_http_common_headers(wsi, status, type, length, &at, end) ||
        add(wsi, "cache-control:", page ? "no-cache" : "no-store", &at, end) ||
        add(wsi, "x-content-type-options:", "nosniff", &at, end) ||
        add(wsi, "referrer-policy:", "no-referrer", &at, end))
        return -1;
    if (page &&
        (add(wsi, "content-security-policy:",
             "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
             "media-src 'self' blob: mediastream:; font-src 'self'; manifest-src 'self'; "
             "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             &at, end) ||
         add(wsi, "permissions-policy:", "camera=(self), microphone=(self), geolocation=()", &at,
             end)))
        return -1;
    return lws_finalize_write_http_header(wsi, head + LWS_PRE, &at, end) ? -1 : 0;
}

/* RFC 9110 section 9.1: GET and HEAD are what every server knows; probes of load balancers ask by HEAD. */
static bool is_head(struct lws *wsi)
{
    return lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
}

static bool is_read(struct lws *wsi)
{
    return lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0 || is_head(wsi);
}

static int write_chunk(struct lws *wsi, struct http_request *request)
{
    unsigned char chunk[LWS_PRE + CHUNK];
    size_t size = request->left < CHUNK ? request->left : CHUNK;
    bool last = size == request->left;
    if (!request->bytes)
        return 0;
    memcpy(chunk + LWS_PRE, request->bytes, size);
    if (lws_write(wsi, chunk + LWS_PRE, size, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
        return -1;
    request->bytes += size;
    request->left -= size;
    if (!last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    request->bytes = NULL;
    free(request->owned);
    request->owned = NULL;
    return done(wsi);
}

static int serve_page(struct net *net, struct lws *wsi, struct http_request *request,
                      const char *path, size_t length)
{
    const struct page_file *file = NULL;
    if (!is_read(wsi))
        return status_only(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED);
    for (size_t i = 0; i < page_files_count && net->options->page; i++)
        if (strlen(page_files[i].path) == length && memcmp(path, page_files[i].path, length) == 0)
            file = &page_files[i];
    if (!file)
        return status_only(wsi, HTTP_STATUS_NOT_FOUND);
    if (is_head(wsi))
        return begin(wsi, HTTP_STATUS_OK, file->type, file->length, true) ? -1 : done(wsi);
    net->figures.pages++;
    request->bytes = file->bytes + LWS_PRE;
    request->left = file->length;
    if (begin(wsi, HTTP_STATUS_OK, file->type, file->length, true))
        return -1;
    lws_callback_on_writable(wsi);
    return 0;
}

int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    struct net *net = net_of(wsi);
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        net->tls = user;
        return 0;
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return socket_accept_filter(net, (int)(intptr_t)in);
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        return socket_accepted(net, wsi);
    case LWS_CALLBACK_WSI_DESTROY:
        socket_gone(wsi);
        return 0;
    case LWS_CALLBACK_HTTP:
        return serve_page(net, wsi, user, in, length);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return user ? write_chunk(wsi, user) : 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* a WebSocket without xcall.1 */
        lws_return_http_status(wsi, HTTP_STATUS_BAD_REQUEST, NULL);
        return -1;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}

/* --- health ------------------------------------------------------------------------------------------- */

static int serve_text(struct lws *wsi, struct http_request *request, unsigned status, char *text)
{
    request->owned = text;
    request->bytes = (const unsigned char *)text;
    request->left = strlen(text);
    if (begin(wsi, status, "text/plain; version=0.0.4; charset=utf-8", request->left, false))
        return -1;
    if (is_head(wsi)) {
        free(text);
        request->owned = NULL;
        request->bytes = NULL;
        return done(wsi);
    }
    lws_callback_on_writable(wsi);
    return 0;
}

/* The core's figures are the service thread's: asked for there. */
static int scrape(struct net *net, struct lws *wsi)
{
    struct scrape *free_one = NULL;
    for (unsigned i = 0; i < SCRAPES_MAX; i++)
        if (!net->scrapes[i].wsi)
            free_one = &net->scrapes[i];
    struct input *input =
        free_one ? input_make(INPUT_METRICS, net->scrapes_made + 1, NULL, 0) : NULL;
    if (!input)
        return status_only(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE);
    free_one->number = ++net->scrapes_made;
    free_one->wsi = wsi;
    exchange_put_input(net->parts.exchange, input);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, 10);
    return 0;
}

void http_metrics(struct net *net, const struct output *output)
{
    char *text = NULL;
    size_t size = 0;
    for (unsigned i = 0; i < SCRAPES_MAX; i++) {
        struct lws *wsi = net->scrapes[i].wsi;
        if (!wsi || net->scrapes[i].number != output->number)
            continue;
        net->scrapes[i].wsi = NULL;
        FILE *file = open_memstream(&text, &size);
        if (!file)
            return;
        fwrite(output->bytes + OUTPUT_HEAD, 1, output->size, file);
        figures_print(net, file);
        fclose(file);
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, 10);
        if (serve_text(wsi, lws_wsi_user(wsi), HTTP_STATUS_OK, text))
            lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    }
}

static int serve_health(struct net *net, struct lws *wsi, struct http_request *request,
                        const char *path)
{
    bool good;
    if (!is_read(wsi))
        return status_only(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED);
    if (strcmp(path, "/metrics") == 0)
        return scrape(net, wsi);
    if (strcmp(path, "/healthz") == 0)
        good = shell_alive(net->parts.shell);
    else if (strcmp(path, "/readyz") == 0)
        good = shell_ready(net->parts.shell) && !net->drain_until_ms;
    else
        return status_only(wsi, HTTP_STATUS_NOT_FOUND);
    char *text = strdup(good ? "ok\n" : "no\n");
    if (!text)
        return -1;
    return serve_text(wsi, request, good ? HTTP_STATUS_OK : HTTP_STATUS_SERVICE_UNAVAILABLE, text);
}

int on_health(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
              size_t length)
{
    struct net *net = net_of(wsi);
    struct http_request *request = user;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return serve_health(net, wsi, request, in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return request ? write_chunk(wsi, request) : 0;
    case LWS_CALLBACK_CLOSED_HTTP:
        for (unsigned i = 0; i < SCRAPES_MAX; i++)
            if (net->scrapes[i].wsi == wsi)
                net->scrapes[i].wsi = NULL;
        if (request) {
            free(request->owned);
            request->owned = NULL;
            request->bytes = NULL;
        }
        return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return -1;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}
