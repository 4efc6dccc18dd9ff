/* signalling.c - the page and its WebSockets, served by libwebsockets from one port.
 *
 * One thread: libwebsockets' default loop, which also watches the engine's events and the signals of
 * the system. Only pages that this server gave out may open a WebSocket: Origin must name the Host that
 * was asked (RFC 6455 section 10.2), and Host must be an address, localhost or a --name, so that a name
 * of somebody else's that is made to point here opens nothing.
 *
 * SPDX-License-Identifier: MIT */
#include "signalling.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "page_files.h"

#define HOST_BYTES 256
#define ENDING_SECONDS 2 /* for the calls to end when the program does */
#define SPARE_SOCKETS 16 /* pages that are open without a call */
#define HEAD_BYTES 2048

static struct signalling *signalling_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* --- one WebSocket ------------------------------------------------------------------------------- */

static void drop(struct socket *socket)
{
    socket->closing = true;
    lws_callback_on_writable(socket->wsi);
}

void socket_send(struct socket *socket, json_t *object, bool optional)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    size_t length = text ? strlen(text) : 0;
    json_decref(object);
    struct message *message = NULL;
    bool left_out = socket->closing || (optional && socket->outbox_bytes > OUTBOX_STATS_BYTES);
    if (text && !left_out)
        message = malloc(sizeof *message + LWS_PRE + length);
    if (message) {
        message->next = NULL;
        message->length = length;
        memcpy(message->bytes + LWS_PRE, text, length);
        if (socket->last)
            socket->last->next = message;
        else
            socket->first = message;
        socket->last = message;
        socket->outbox_bytes += length;
        lws_callback_on_writable(socket->wsi);
        if (socket->outbox_bytes > OUTBOX_BYTES_MAX)
            lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    }
    free(text);
}

void socket_call_ended(struct socket *socket)
{
    socket->call = NULL;
}

static int write_one(struct socket *socket)
{
    struct message *message = socket->first;
    if (!message)
        return socket->closing ? -1 : 0;
    socket->first = message->next;
    if (!socket->first)
        socket->last = NULL;
    socket->outbox_bytes -= message->length;
    int wrote = lws_write(socket->wsi, message->bytes + LWS_PRE, message->length, LWS_WRITE_TEXT);
    bool whole = wrote >= (int)message->length;
    free(message);
    if (socket->first || socket->closing)
        lws_callback_on_writable(socket->wsi);
    return whole ? 0 : -1;
}

static int refuse(struct socket *socket, enum lws_close_status status, const char *why)
{
    lws_close_reason(socket->wsi, status, (unsigned char *)(uintptr_t)why, strlen(why));
    return -1;
}

/* A message may come in parts; it is a line when it is whole. */
static int receive(struct signalling *signalling, struct socket *socket, const char *bytes,
                   size_t length)
{
    if (socket->closing)
        return 0;
    if (lws_frame_is_binary(socket->wsi))
        return refuse(socket, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "only text");
    if (socket->line_length + length > LINE_BYTES_MAX)
        return refuse(socket, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "a line has up to 65536 bytes");
    if (!socket->line && !(socket->line = malloc(LINE_BYTES_MAX)))
        return refuse(socket, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, "no memory");
    if (length)
        memcpy(socket->line + socket->line_length, bytes, length);
    socket->line_length += length;
    if (!lws_is_final_fragment(socket->wsi) || lws_remaining_packet_payload(socket->wsi))
        return 0;
    length = socket->line_length;
    socket->line_length = 0;
    if (calls_take_line(signalling->calls, socket, &socket->call, socket->line, length))
        drop(socket); /* once it has been told why */
    return 0;
}

static void forget(struct signalling *signalling, struct socket *socket)
{
    while (socket->first) {
        struct message *message = socket->first;
        socket->first = message->next;
        free(message);
    }
    free(socket->line);
    if (socket->call)
        calls_let_go(signalling->calls, socket->call);
    signalling->sockets--;
}

/* --- who may come in ----------------------------------------------------------------------------- */

/* host: as in the header, with or without a port. */
static bool host_is_ours(const struct options *options, const char *host)
{
    char name[HOST_BYTES];
    unsigned char address[16];
    size_t length = strcspn(host, ":");
    bool bracketed = host[0] == '[';
    if (bracketed)
        length = strcspn(++host, "]");
    if (length == 0 || length >= sizeof name)
        return false;
    memcpy(name, host, length);
    name[length] = '\0';
    if (bracketed)
        return inet_pton(AF_INET6, name, address) == 1;
    if (inet_pton(AF_INET, name, address) == 1 || strcasecmp(name, "localhost") == 0)
        return true;
    for (uint32_t i = 0; i < options->names_count; i++)
        if (strcasecmp(name, options->names[i]) == 0)
            return true;
    return false;
}

static bool host_of(struct lws *wsi, char host[HOST_BYTES])
{
    return lws_hdr_copy(wsi, host, HOST_BYTES, WSI_TOKEN_HOST) > 0 &&
           host_is_ours(signalling_of(wsi)->options, host);
}

static int filter(struct signalling *signalling, struct lws *wsi)
{
    char host[HOST_BYTES], origin[HOST_BYTES + 16];
    bool same = false;
    if (host_of(wsi, host) && lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) > 0)
        same = (strncmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0) ||
               (strncmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0);
    if (same && signalling->sockets < signalling->sockets_max)
        return 0;
    lws_return_http_status(wsi, same ? HTTP_STATUS_SERVICE_UNAVAILABLE : HTTP_STATUS_FORBIDDEN,
                           NULL);
    return -1;
}

static int on_socket(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                     size_t length)
{
    struct signalling *signalling = signalling_of(wsi);
    struct socket *socket = user;
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return filter(signalling, wsi);
    case LWS_CALLBACK_ESTABLISHED:
        memset(socket, 0, sizeof *socket);
        socket->wsi = wsi;
        signalling->sockets++;
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return receive(signalling, socket, in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_one(socket);
    case LWS_CALLBACK_CLOSED:
        if (socket && socket->wsi) /* else it was refused */
            forget(signalling, socket);
        return 0;
    default:
        return 0;
    }
}

/* --- the page ------------------------------------------------------------------------------------ */

struct request {
    const struct page_file *file; /* NULL: what was asked for is not here */
};

static int add(struct lws *wsi, const char *name, const char *value, unsigned char **at,
               unsigned char *end)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                       (const unsigned char *)value, (int)strlen(value), at, end);
}

static int answer(struct lws *wsi, struct request *request, const char *path, size_t length)
{
    unsigned char head[LWS_PRE + HEAD_BYTES], *at = head + LWS_PRE, *end = head + sizeof head - 1;
    char host[HOST_BYTES];
    if (!host_of(wsi, host))
        return lws_return_http_status(wsi, HTTP_STATUS_FORBIDDEN, NULL) ||
               lws_http_transaction_completed(wsi);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0)
        return lws_return_http_status(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED, NULL) ||
               lws_http_transaction_completed(wsi);
    request->file = NULL;
    for (size_t i = 0; i < page_files_count; i++)
        if (strlen(page_files[i].path) == length && memcmp(path, page_files[i].path, length) == 0)
            request->file = &page_files[i];
    if (!request->file)
        return lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, NULL) ||
               lws_http_transaction_completed(wsi);
    if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, request->file->type, request->file->length,
                                    &at, end) ||
        add(wsi, "cache-control:", "no-cache", &at, end) ||
        add(wsi, "x-content-type-options:", "nosniff", &at, end) ||
        add(wsi, "referrer-policy:", "no-referrer", &at, end) ||
        add(wsi, "content-security-policy:",
            "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'",
            &at, end) ||
        lws_finalize_write_http_header(wsi, head + LWS_PRE, &at, end))
        return -1;
    lws_callback_on_writable(wsi);
    return 0;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t length)
{
    struct request *request = user;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return answer(wsi, request, in, length);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        if (!request || !request->file)
            return 0;
        /* What the system does not take now, libwebsockets keeps. */
        if (lws_write(wsi, (unsigned char *)(uintptr_t)request->file->bytes + LWS_PRE,
                      request->file->length, LWS_WRITE_HTTP_FINAL) < 0)
            return -1;
        request->file = NULL;
        return lws_http_transaction_completed(wsi) ? -1 : 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* a WebSocket that is not for this program */
        return -1;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}

/* --- descriptors that the loop watches ----------------------------------------------------------- */

static int on_engine(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                     size_t length)
{
    (void)user, (void)in, (void)length;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        calls_take_events(signalling_of(wsi)->calls);
    return 0;
}

static int on_signal(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                     size_t length)
{
    char byte;
    (void)user, (void)in, (void)length;
    if (reason == LWS_CALLBACK_RAW_RX_FILE && read(lws_get_socket_fd(wsi), &byte, 1) > 0)
        signalling_of(wsi)->stop = true;
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = on_http, .per_session_data_size = sizeof(struct request)},
    {.name = "xcall-browser",
     .callback = on_socket,
     .per_session_data_size = sizeof(struct socket),
     .rx_buffer_size = 4096},
    {.name = "engine", .callback = on_engine},
    {.name = "signals", .callback = on_signal},
    {.name = NULL},
};

static int watch(struct lws_vhost *vhost, int descriptor, const char *protocol)
{
    lws_sock_file_fd_type fd = {.filefd = descriptor};
    if (descriptor >= 0 &&
        lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, fd, protocol, NULL))
        return 0;
    fprintf(stderr, "browser-call: cannot watch for events: %s\n", strerror(errno));
    return 1;
}

/* libwebsockets does not say why it cannot listen. */
static int check_address(const struct options *options)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(options->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    struct sockaddr *address = options->ipv6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    int yes = 1, trial = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(address->sa_family, options->address,
              options->ipv6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr);
    setsockopt(trial, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool failed = trial < 0 || bind(trial, address, options->ipv6 ? sizeof six : sizeof four) ||
                  listen(trial, 1);
    if (failed)
        fprintf(stderr, "browser-call: cannot listen on %s port %u: %s\n", options->address,
                options->port, strerror(errno));
    if (trial >= 0)
        close(trial);
    return failed ? 2 : 0;
}

static void on_log(int level, const char *line)
{
    (void)level;
    fprintf(stderr, "browser-call: %s", line);
}

int signalling_open(struct signalling *signalling, const struct options *options,
                    struct calls *calls, int stop)
{
    static const lws_retry_bo_t idle = {.secs_since_valid_ping = IDLE_SECONDS,
                                        .secs_since_valid_hangup = GONE_SECONDS};
    struct lws_context_creation_info info = {
        .port = options->port,
        .iface = options->any ? NULL : options->address,
        .protocols = protocols,
        .user = signalling,
        .gid = -1,
        .uid = -1,
        .keepalive_timeout = 15,
        .timeout_secs = 10,
        .retry_and_idle_policy = &idle,
        .options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   (options->ipv6 ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
    };
    memset(signalling, 0, sizeof *signalling);
    signalling->calls = calls;
    signalling->options = options;
    signalling->sockets_max = 2 * options->calls + SPARE_SOCKETS;
    lws_set_log_level(LLL_ERR, on_log);
    int code = check_address(options);
    if (code)
        return code;
    signalling->context = lws_create_context(&info);
    if (!signalling->context) {
        fprintf(stderr, "browser-call: cannot serve on %s port %u\n", options->address,
                options->port);
        return 1;
    }
    struct lws_vhost *vhost = lws_get_vhost_by_name(signalling->context, "default");
    signalling->port = (uint32_t)lws_get_vhost_listen_port(vhost);
    /* A duplicate, as libwebsockets closes what it has adopted. */
    return watch(vhost, dup(xcall_engine_event_fd(calls->engine)), "engine") ||
           watch(vhost, dup(stop), "signals");
}

struct timer {
    lws_sorted_usec_list_t entry; /* first, so that a timer is its entry */
    struct signalling *signalling;
};

static void each_second(lws_sorted_usec_list_t *entry)
{
    struct timer *timer = (struct timer *)entry;
    calls_every_second(timer->signalling->calls);
    lws_sul_schedule(timer->signalling->context, 0, entry, each_second, LWS_US_PER_SEC);
}

/* lws_service returns, also where the timer was ripe before it waited. */
static void wake_up(lws_sorted_usec_list_t *entry)
{
    struct timer *timer = (struct timer *)entry;
    lws_cancel_service(timer->signalling->context);
}

void signalling_run(struct signalling *signalling)
{
    struct timer timer = {.signalling = signalling}, ending = timer;
    lws_sul_schedule(signalling->context, 0, &timer.entry, each_second, LWS_US_PER_SEC);
    while (!signalling->stop && lws_service(signalling->context, 0) >= 0)
        ;
    calls_hang_up_all(signalling->calls);
    uint64_t until = xcall_now_ns() + ENDING_SECONDS * 1000000000ull;
    while (signalling->calls->active && xcall_now_ns() < until) {
        lws_sul_schedule(signalling->context, 0, &ending.entry, wake_up, LWS_US_PER_SEC / 10);
        lws_service(signalling->context, 0);
    }
    lws_sul_schedule(signalling->context, 0, &ending.entry, wake_up, LWS_US_PER_SEC / 10);
    for (int i = 0; i < 4; i++) /* what waits for the pages goes out */
        lws_service(signalling->context, 0);
    lws_sul_schedule(signalling->context, 0, &ending.entry, wake_up, LWS_SET_TIMER_USEC_CANCEL);
    lws_sul_schedule(signalling->context, 0, &timer.entry, each_second, LWS_SET_TIMER_USEC_CANCEL);
}

void signalling_close(struct signalling *signalling)
{
    if (signalling->context)
        lws_context_destroy(signalling->context);
}
