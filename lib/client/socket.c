/* socket.c - the connection: libwebsockets in the client's thread, TLS with the host's name checked.
 * Addresses of a name are tried a quarter of a second apart, families by turns, and the first that has
 * answered is taken (RFC 8305 section 5). Nothing of a frame, no name and no address is logged.
 * Owner: the client's thread.
 * SPDX-License-Identifier: MIT */
#include "client/shell.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define RECEIVE_CHUNK 16384
#define WHY_SIZE 128
#define ATTEMPT_US 250000 /* RFC 8305 section 8: between two attempts */

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length);

static const struct lws_protocols protocols[] = {
    {.name = "xcall.1", .callback = on_event, .rx_buffer_size = RECEIVE_CHUNK},
    {.name = NULL},
};
/* Pings, and a connection that answers none of them is dead (docs/protocol.md section 1). */
static const lws_retry_bo_t idle_policy = {.secs_since_valid_ping = 20,
                                           .secs_since_valid_hangup = 60};

static void silence(void)
{
    lws_set_log_level(0, NULL); /* a library does not write to its host's terminal */
}

/* The authorities and the least version are set here, and nothing is left to defaults. */
static SSL_CTX *create_tls(const char *ca_file)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (!tls)
        return NULL;
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
        (ca_file ? SSL_CTX_load_verify_file(tls, ca_file)
                 : SSL_CTX_set_default_verify_paths(tls)) == 1)
        return tls;
    SSL_CTX_free(tls);
    return NULL;
}

bool xc_client_socket_create(struct xcall_client *client)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sigaction pipe_action;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .user = client,
        .fd_limit_per_thread = 16,
        .options = client->url.tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
        .retry_and_idle_policy = &idle_policy,
    };
    if (client->url.tls) {
        client->tls = create_tls(client->ca_file);
        info.provided_client_ssl_ctx = client->tls;
        if (!client->tls)
            return false;
    } else
        info.http_proxy_address =
            ""; /* not that of the environment: it would not stay on this machine */
    pthread_once(&once, silence);
    sigaction(SIGPIPE, NULL, &pipe_action);
    client->context = lws_create_context(&info);
    sigaction(SIGPIPE, &pipe_action, NULL); /* the host's business; this thread blocks it */
    client->lookups = client->context ? xc_client_lookups_create(client->context) : NULL;
    return client->lookups != NULL;
}

void xc_client_socket_destroy(struct xcall_client *client)
{
    client->wsi = NULL;
    client->connecting = false;
    memset(client->attempts, 0, sizeof client->attempts);
    xc_client_lookups_destroy(client->lookups);
    if (client->context)
        lws_context_destroy(client->context);
    SSL_CTX_free(client->tls);
    free(client->received);
}

/* --- attempts ------------------------------------------------------------------------------------- */

static void gone(struct xcall_client *client, const char *why);

static struct xc_client_attempt *find_attempt(struct xcall_client *client, uintptr_t number)
{
    for (uint32_t i = 0; number && i < XC_ADDRESSES_MAX; i++)
        if (client->attempts[i].number == number)
            return &client->attempts[i];
    return NULL;
}

/* The name itself where a proxy is to look it up. */
static bool begin_attempt(struct xcall_client *client, const char *address)
{
    struct xc_client_attempt *attempt = &client->attempts[client->tried++];
    struct lws_client_connect_info info = {
        .context = client->context,
        .address = address,
        .host = client->url.host,
        .port = client->url.port,
        .path = client->url.path,
        .protocol = "xcall.1",
        .local_protocol_name = "xcall.1",
        .retry_and_idle_policy = &idle_policy,
        .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (client->url.tls ? LCCSCF_USE_SSL : 0),
    };
    /* libwebsockets knows names only; addresses are looked at in certificate_fits. */
    if (client->url.tls && client->url.literal)
        info.ssl_connection |= LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
    uintptr_t number = attempt->number = client->starting = ++client->attempt_count;
    info.opaque_user_data = (void *)number;               /* NOLINT(performance-no-int-to-ptr) */
    struct lws *wsi = lws_client_connect_via_info(&info); /* an error is told by the callback */
    client->starting = 0;
    attempt = find_attempt(client, number);
    if (attempt)
        attempt->wsi = wsi;
    return attempt != NULL;
}

static void on_attempt_timer(lws_sorted_usec_list_t *timer)
{
    struct xcall_client *client = lws_container_of(timer, struct xcall_client, attempt_timer);
    if (!client->connecting || client->tried >= client->addresses.count)
        return;
    bool under_way = begin_attempt(client, client->addresses.text[client->tried]);
    if (under_way && client->tried < client->addresses.count)
        lws_sul_schedule(client->context, 0, timer, on_attempt_timer, ATTEMPT_US);
}

/* All but this one are given up. */
static void end_attempts(struct xcall_client *client, uintptr_t but)
{
    lws_sul_cancel(&client->attempt_timer);
    client->connecting = false;
    for (uint32_t i = 0; i < XC_ADDRESSES_MAX; i++) {
        struct xc_client_attempt attempt = client->attempts[i];
        client->attempts[i] = (struct xc_client_attempt){0};
        if (attempt.wsi && attempt.number != but)
            lws_set_timeout(attempt.wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    }
}

/* The next one comes at once; after the last it is over. */
static void attempt_failed(struct xcall_client *client, struct xc_client_attempt *attempt,
                           const char *why)
{
    *attempt = (struct xc_client_attempt){0};
    if (client->tried < client->addresses.count) {
        lws_sul_schedule(client->context, 0, &client->attempt_timer, on_attempt_timer, 1);
        return;
    }
    for (uint32_t i = 0; i < XC_ADDRESSES_MAX; i++)
        if (client->attempts[i].number)
            return;
    gone(client, why);
}

/* As libwebsockets decides (lws_create_vhost): by this one variable. */
static bool has_proxy(const struct xcall_client *client)
{
    const char *proxy = getenv("http_proxy");
    return client->url.tls && proxy && *proxy;
}

void xc_client_socket_connect(struct xcall_client *client)
{
    xc_client_socket_disconnect(client);
    client->connecting = client->reading = true;
    client->close_code = 0;
    client->received_size = 0;
    client->tried = client->addresses.count = 0;
    if (client->url.literal || has_proxy(client))
        begin_attempt(client, client->url.host);
    else
        xc_client_lookup_host(client->lookups, client->url.host);
}

/* Of an attempt that was given up too: the next one has its answer then. */
void xc_client_socket_found(struct xcall_client *client, const struct xc_client_addresses *found)
{
    if (!client->connecting || client->tried)
        return;
    client->addresses = *found;
    if (found->count)
        on_attempt_timer(&client->attempt_timer);
    else
        gone(client, "the name of the service is not known");
}

void xc_client_socket_disconnect(struct xcall_client *client)
{
    struct lws *wsi = client->wsi;
    client->wsi = NULL;
    client->established = false;
    end_attempts(client, 0);
    if (wsi)
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    for (struct xc_client_output *frame; (frame = xc_client_list_take(&client->frames));)
        xc_client_output_free(frame);
}

void xc_client_socket_write(struct xcall_client *client)
{
    if (client->wsi && client->established && client->frames.first)
        lws_callback_on_writable(client->wsi);
}

void xc_client_socket_read(struct xcall_client *client, bool on)
{
    if (!client->wsi || !client->established || client->reading == on)
        return;
    client->reading = on;
    lws_rx_flow_control(client->wsi, on);
}

/* Once more, and before a byte of ours but the upgrade has left: the chain was verified, and the
 * certificate is that of this name or address. */
static bool certificate_fits(const struct xcall_client *client, struct lws *wsi)
{
    SSL *ssl = lws_get_ssl(wsi);
    X509 *certificate = ssl ? SSL_get1_peer_certificate(ssl) : NULL;
    bool fits = certificate && SSL_get_verify_result(ssl) == X509_V_OK;
    if (fits && client->url.literal)
        fits = X509_check_ip_asc(certificate, client->url.host, 0) == 1;
    else if (fits)
        fits = X509_check_host(certificate, client->url.host, 0,
                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
    X509_free(certificate);
    return fits;
}

static void gone(struct xcall_client *client, const char *why)
{
    client->wsi = NULL;
    client->established = false;
    end_attempts(client, 0);
    for (struct xc_client_output *frame; (frame = xc_client_list_take(&client->frames));)
        xc_client_output_free(frame);
    pthread_mutex_lock(&client->lock);
    xc_client_core_disconnected(client->core, xc_client_now(), client->close_code, why);
    pthread_mutex_unlock(&client->lock);
    lws_cancel_service(client->context); /* by a timer, see on_timer of shell.c */
}

static int established(struct xcall_client *client, struct lws *wsi, uintptr_t number)
{
    end_attempts(client, number);
    client->wsi = wsi;
    if (client->url.tls && !certificate_fits(client, wsi)) {
        gone(client, "the service's certificate does not fit its name");
        return -1;
    }
    client->established = true;
    pthread_mutex_lock(&client->lock);
    xc_client_core_connected(client->core, xc_client_now());
    pthread_mutex_unlock(&client->lock);
    return 0;
}

static bool keep_part(struct xcall_client *client, const void *in, size_t length)
{
    size_t wanted = client->received_size + length;
    if (wanted > XC_CLIENT_FRAME_MAX)
        return false;
    if (wanted > client->received_capacity) {
        char *grown = realloc(client->received, wanted + RECEIVE_CHUNK);
        if (!grown)
            return false;
        client->received = grown;
        client->received_capacity = wanted + RECEIVE_CHUNK;
    }
    memcpy(client->received + client->received_size, in, length);
    client->received_size = wanted;
    return true;
}

static int received(struct xcall_client *client, struct lws *wsi, const void *in, size_t length)
{
    if (lws_frame_is_binary(wsi) || !keep_part(client, in, length)) {
        gone(client, "the service sent what is no frame");
        return -1;
    }
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
        return 0;
    pthread_mutex_lock(&client->lock);
    xc_client_core_frame(client->core, xc_client_now(), client->received, client->received_size);
    pthread_mutex_unlock(&client->lock);
    client->received_size = 0;
    return 0;
}

static int writeable(struct xcall_client *client, struct lws *wsi)
{
    struct xc_client_output *frame = xc_client_list_take(&client->frames);
    if (!frame)
        return 0;
    size_t length = frame->text_length;
    unsigned char *bytes = malloc(LWS_PRE + length + 1);
    int written = -1;
    if (bytes && frame->text) {
        memcpy(bytes + LWS_PRE, frame->text, length);
        written = lws_write(wsi, bytes + LWS_PRE, length, LWS_WRITE_TEXT);
        OPENSSL_cleanse(bytes, LWS_PRE + length);
    }
    free(bytes);
    xc_client_output_free(frame);
    xc_client_socket_write(client);
    return written < 0 ? -1 : 0;
}

static int of_connection(struct xcall_client *client, struct lws *wsi,
                         enum lws_callback_reasons reason, void *in, size_t length)
{
    switch (reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return received(client, wsi, in, length);
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        pthread_mutex_lock(&client->lock);
        xc_client_core_heard(client->core, xc_client_now());
        pthread_mutex_unlock(&client->lock);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return writeable(client, wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        if (length >= 2)
            client->close_code = (uint32_t)((const uint8_t *)in)[0] << 8 | ((const uint8_t *)in)[1];
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        gone(client, NULL);
        return 0;
    default:
        return 0;
    }
}

/* One that fails while it is made may not have its number yet. */
static uintptr_t number_of(const struct xcall_client *client, const struct lws *wsi)
{
    uintptr_t number = (uintptr_t)lws_get_opaque_user_data(wsi);
    return number ? number : client->starting;
}

/* libwebsockets' words for a certificate that does not fit say nothing; OpenSSL's do: "certificate has
 * expired", "self-signed certificate", "hostname mismatch". */
static const char *why_failed(struct lws *wsi, const char *words, char sentence[WHY_SIZE])
{
    SSL *ssl = wsi ? lws_get_ssl(wsi) : NULL;
    long result = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    if (result == X509_V_OK)
        return words ? words : "the service cannot be reached";
    snprintf(sentence, WHY_SIZE, "the service's certificate is not good: %s",
             X509_verify_cert_error_string(result));
    return sentence;
}

static int of_attempt(struct xcall_client *client, struct lws *wsi,
                      struct xc_client_attempt *attempt, enum lws_callback_reasons reason,
                      const char *words)
{
    char sentence[WHY_SIZE];
    if (reason == LWS_CALLBACK_CLIENT_ESTABLISHED)
        return established(client, wsi, attempt->number);
    if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR || reason == LWS_CALLBACK_CLIENT_CLOSED)
        attempt_failed(client, attempt, why_failed(wsi, words, sentence));
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    (void)user;
    struct lws_context *context = wsi ? lws_get_context(wsi) : NULL;
    struct xcall_client *client = context ? lws_context_user(context) : NULL;
    struct xc_client_attempt *attempt;
    if (!client)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    case LWS_CALLBACK_CLIENT_CLOSED:
        attempt = find_attempt(client, number_of(client, wsi));
        if (attempt)
            return of_attempt(client, wsi, attempt, reason, in);
        if (!client->wsi || client->wsi != wsi) /* one that was left */
            return reason == LWS_CALLBACK_CLIENT_CLOSED ||
                           reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR
                       ? 0
                       : -1;
        return of_connection(client, wsi, reason, in, length);
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}
