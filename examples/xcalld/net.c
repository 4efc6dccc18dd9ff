/* net.c - the loop: listening, signals, certificates read again, the drain and the end.
 * SPDX-License-Identifier: MIT */
#include "net.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "net_private.h"
#include "tls.h"

#define DESCRIPTORS_SPARE 128    /* listening, store, log, pushes */
#define RECONNECT_SPREAD_MS 5000 /* goaway: so that devices do not all come back at once */
#define STOP_MS 10000            /* for the service thread to end */
#define RX_BUFFER 1024           /* of each socket, always */

static const int watched[3] = {SIGTERM, SIGINT, SIGHUP};

static const struct lws_protocols client_protocols[] = {
    {.name = "http", .callback = on_http, .per_session_data_size = sizeof(struct http_request)},
    {.name = "xcall.1", .callback = on_socket, .rx_buffer_size = RX_BUFFER},
    {.name = NULL},
};

static const struct lws_protocols health_protocols[] = {
    {.name = "http", .callback = on_health, .per_session_data_size = sizeof(struct http_request)},
    {.name = NULL},
};

/* libwebsockets would move a timer of its own at each frame of a WebSocket, in a list of all sockets that is
 * sorted by deadline and searched from its front: with 10,000 devices and 1,000 attempts a second half of
 * xcalld's time. With no seconds until it hangs up it has none; pings are socket.c's. */
static const lws_retry_bo_t no_idle_timer = {.secs_since_valid_hangup = 0};

/* --- the end ------------------------------------------------------------------------------------- */

static void stop_service(struct net *net)
{
    struct input *input = input_make(INPUT_STOP, 0, NULL, 0);
    net->stop_until_ms = clock_monotonic_ms() + STOP_MS;
    for (uint32_t i = 0; i < net->slots_count; i++)
        if (net->slots[i])
            socket_end(net->slots[i], 1012);
    if (input)
        exchange_put_input(net->parts.exchange, input);
}

static void look_at_end(struct net *net)
{
    int64_t now = clock_monotonic_ms();
    if (net->service_stopped && !net->stop_until_ms) { /* by itself: it could not go on */
        net->code = 1;
        uv_stop(&net->loop);
    } else if (net->stop_until_ms) {
        bool late = now >= net->stop_until_ms, sent = net->sockets == 0;
        if (late && !net->service_stopped) {
            log_facts('e', "service_stuck", "{}");
            net->code = 1;
        }
        if (late || (net->service_stopped && (sent || now >= net->stop_until_ms - STOP_MS + 1000)))
            uv_stop(&net->loop);
    } else if (net->drain_until_ms && (now >= net->drain_until_ms || net->sockets == 0)) {
        stop_service(net);
    }
}

static void drain(struct net *net)
{
    int64_t ms = net->options->drain_seconds * 1000;
    struct input *input = input_make(
        INPUT_DRAIN, (uint64_t)(ms < RECONNECT_SPREAD_MS ? ms : RECONNECT_SPREAD_MS), NULL, 0);
    net->drain_until_ms = clock_monotonic_ms() + ms;
    log_facts('i', "draining", "{s:i, s:I}", "sockets", (int)net->sockets, "seconds",
              (json_int_t)net->options->drain_seconds);
    if (input)
        exchange_put_input(net->parts.exchange, input);
}

static void reload(struct net *net)
{
    char words[256] = "";
    log_reopen();
    if (!net->tls)
        return;
    if (tls_reload(net->tls, net->options->tls_cert, net->options->tls_key, words, sizeof words)) {
        net->figures.reloads++;
        log_facts('i', "tls_reloaded", "{}");
        const char *date = tls_out_of_date(net->options->tls_cert);
        if (date)
            log_facts('w', "tls_certificate_out_of_date", "{s:s}", "why", date);
    } else {
        net->figures.reload_failures++;
        log_facts('e', "tls_reload_failed", "{s:s}", "why", words);
    }
}

/* --- what the loop brings ------------------------------------------------------------------------ */

/* Time-outs that are set outside of libwebsockets' own callbacks start with its next event only. */
static void kick(struct net *net)
{
    lws_cancel_service(net->context);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct net *net = handle->data;
    if (number == SIGHUP) {
        reload(net);
        return;
    }
    net->signals_seen++;
    if (net->signals_seen == 1)
        drain(net);
    else if (!net->stop_until_ms)
        net->drain_until_ms = 1;
    else if (net->signals_seen > 2) /* nobody waits any longer, not even for the store */
        net->stop_until_ms = 1;
    look_at_end(net);
    kick(net);
}

static void on_second(uv_timer_t *handle)
{
    struct net *net = handle->data;
    look_at_end(net);
    kick(net);
}

static void on_ping(uv_timer_t *handle)
{
    struct net *net = handle->data;
    socket_ping_round(net);
    if (net->must_kick)
        kick(net);
    net->must_kick = false;
}

static void on_wake(uv_async_t *handle)
{
    struct net *net = handle->data;
    struct output *outputs;
    struct input *inputs;
    if (!net->parts.exchange)
        return;
    exchange_take_outputs(net->parts.exchange, &outputs, &inputs);
    while (outputs) {
        struct output *output = outputs;
        outputs = output->next;
        if (output->kind == OUTPUT_SEND || output->kind == OUTPUT_CLOSE) {
            socket_output(net, output);
            continue;
        }
        if (output->kind == OUTPUT_METRICS)
            http_metrics(net, output);
        else
            net->service_stopped = true;
        free(output);
    }
    while (inputs) { /* behind what they led to: their sockets are read again */
        struct input *input = inputs;
        inputs = input->next;
        socket_done(net, input);
        free(input);
    }
    if (net->drain_until_ms || net->service_stopped)
        look_at_end(net);
    if (net->must_kick)
        kick(net);
    net->must_kick = false;
}

void net_wake(void *context)
{
    struct net *net = context;
    uv_async_send(&net->wake);
}

/* --- opening ------------------------------------------------------------------------------------- */

struct net *net_create(void)
{
    struct net *net = calloc(1, sizeof *net);
    if (!net || uv_loop_init(&net->loop)) {
        free(net);
        return NULL;
    }
    net->wake.data = net->second.data = net->ping.data = net;
    uv_async_init(&net->loop, &net->wake, on_wake);
    uv_timer_init(&net->loop, &net->second);
    uv_timer_init(&net->loop, &net->ping);
    for (int i = 0; i < 3; i++) {
        net->signals[i].data = net;
        uv_signal_init(&net->loop, &net->signals[i]);
        uv_signal_start(&net->signals[i], on_signal, watched[i]); /* heard once the loop runs */
    }
    return net;
}

/* libwebsockets does not say why it cannot listen. */
static int check_endpoint(const struct endpoint *endpoint)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    struct sockaddr *address = endpoint->ipv6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    int yes = 1, trial = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(&six.sin6_addr, endpoint->address, 16);
    memcpy(&four.sin_addr, endpoint->address + 12, 4);
    setsockopt(trial, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool failed = trial < 0 || bind(trial, address, endpoint->ipv6 ? sizeof six : sizeof four) ||
                  listen(trial, 1);
    if (failed)
        fprintf(stderr, "xcalld: cannot listen on %s port %u: %s\n", endpoint->text, endpoint->port,
                strerror(errno));
    if (trial >= 0)
        close(trial);
    return failed ? 2 : 0;
}

/* libwebsockets sizes its tables by the limit of descriptors. */
static uint32_t raise_descriptors(const struct options *options)
{
    struct rlimit limit;
    rlim_t spare = DESCRIPTORS_SPARE + (rlim_t)options->handshakes_max;
    rlim_t wanted = (rlim_t)options->connections_max + spare;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return (uint32_t)options->connections_max;
    struct rlimit more = {.rlim_cur = wanted, .rlim_max = limit.rlim_max};
    if (wanted > limit.rlim_max)
        more.rlim_max = wanted;
    if (setrlimit(RLIMIT_NOFILE, &more) && wanted > limit.rlim_max) {
        more.rlim_cur = more.rlim_max = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &more);
        if (spare > limit.rlim_max / 2)
            spare = limit.rlim_max / 2;
        wanted = limit.rlim_max;
        fprintf(stderr, "xcalld: warning: connections_max is %llu: the limit of open files\n",
                (unsigned long long)(wanted - spare));
    }
    return (uint32_t)(wanted - spare);
}

static void on_lws_log(int level, const char *line)
{
    (void)level, (void)line; /* it may hold addresses */
    log_facts('d', "libwebsockets", "{}");
}

static struct lws_vhost *open_vhost(struct net *net, const struct endpoint *endpoint, bool tls,
                                    const struct lws_protocols *protocols, const char *name)
{
    const struct options *options = net->options;
    struct lws_context_creation_info info = {
        .port = endpoint->port,
        .iface = endpoint->any ? NULL : endpoint->text,
        .vhost_name = name,
        .protocols = protocols,
        .retry_and_idle_policy = &no_idle_timer,
        .keepalive_timeout = (int)options->handshake_seconds,
        .timeout_secs = (unsigned)options->handshake_seconds,
        .timeout_secs_ah_idle = (unsigned)options->handshake_seconds,
        .options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   (endpoint->ipv6 ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
    };
    if (tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = options->tls_cert;
        info.ssl_private_key_filepath = options->tls_key;
        info.alpn = "http/1.1";
    }
    return lws_create_vhost(net->context, &info);
}

static int make_slots(struct net *net)
{
    net->slots_count = raise_descriptors(net->options);
    net->slots = calloc(net->slots_count, sizeof *net->slots);
    net->free_slots = calloc(net->slots_count, sizeof *net->free_slots);
    if (!net->slots || !net->free_slots)
        return -1;
    while (net->free_count < net->slots_count) {
        net->free_slots[net->free_count] = net->slots_count - 1 - net->free_count;
        net->free_count++;
    }
    return 0;
}

static void say(const struct options *options, unsigned port, unsigned health_port)
{
    const char *open = options->listen.ipv6 ? "[" : "", *shut = options->listen.ipv6 ? "]" : "";
    const char *tls = options->tls_cert ? "s" : "";
    printf("xcalld: serves ws%s://%s%s%s:%u/xcall%s\n", tls, open, options->listen.text, shut, port,
           options->page ? ", its page at /" : "");
    if (health_port)
        printf("xcalld: health http://%s%s%s:%u/metrics\n", options->health.ipv6 ? "[" : "",
               options->health.text, options->health.ipv6 ? "]" : "", health_port);
    fflush(stdout);
}

int net_open(struct net *net, const struct options *options)
{
    void *loops[1] = {&net->loop};
    net->options = options;
    bool health = options->health.text[0];
    int code = check_endpoint(&options->listen);
    if (code == 0 && health)
        code = check_endpoint(&options->health);
    if (code)
        return code;
    if (make_slots(net)) {
        fprintf(stderr, "xcalld: no memory\n");
        return 1;
    }
    struct lws_context_creation_info info = {
        .user = net,
        .gid = -1,
        .uid = -1,
        .foreign_loops = loops,
        .timeout_secs = (unsigned)options->handshake_seconds,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   (options->tls_cert ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
    };
    lws_set_log_level(LLL_ERR, on_lws_log);
    net->context = lws_create_context(&info);
    if (!net->context) {
        fprintf(stderr,
                "xcalld: libwebsockets does not start with its libuv loop (Debian has it in "
                "the package libwebsockets-evlib-uv)\n");
        return 1;
    }
    struct lws_vhost *clients =
        open_vhost(net, &options->listen, options->tls_cert != NULL, client_protocols, "clients");
    struct lws_vhost *healths =
        health ? open_vhost(net, &options->health, false, health_protocols, "health") : NULL;
    if (!clients || (health && !healths)) {
        fprintf(stderr, "xcalld: cannot serve on %s port %u\n",
                clients ? options->health.text : options->listen.text,
                clients ? options->health.port : options->listen.port);
        return 1;
    }
    if (net->tls)
        tls_set_up(net->tls);
    say(options, (unsigned)lws_get_vhost_listen_port(clients),
        healths ? (unsigned)lws_get_vhost_listen_port(healths) : 0);
    return 0;
}

/* --- running ------------------------------------------------------------------------------------- */

int net_run(struct net *net, const struct net_parts *parts)
{
    net->parts = *parts;
    uv_timer_start(&net->second, on_second, 1000, 1000);
    uv_timer_start(&net->ping, on_ping, 1000, 1000 / ROUNDS_A_SECOND);
    on_wake(&net->wake);
    uv_run(&net->loop, UV_RUN_DEFAULT);
    exchange_net_gone(net->parts.exchange);
    return net->code;
}

static void ignore_close(uv_handle_t *handle)
{
    (void)handle;
}

void net_destroy(struct net *net)
{
    if (!net)
        return;
    uv_close((uv_handle_t *)&net->wake, ignore_close);
    uv_close((uv_handle_t *)&net->second, ignore_close);
    uv_close((uv_handle_t *)&net->ping, ignore_close);
    for (int i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&net->signals[i], ignore_close);
    if (net->context)
        lws_context_destroy(net->context);
    for (int budget = 1000; budget > 0 && uv_run(&net->loop, UV_RUN_NOWAIT); budget--)
        ;
    if (net->context)
        lws_context_destroy(net->context);
    uv_loop_close(&net->loop);
    free(net->slots);
    free(net->free_slots);
    free(net);
}
