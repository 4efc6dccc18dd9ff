/* socket.c - one WebSocket each: who may come in, frames whole or in parts, pings, a bounded queue for a
 * reader that is slow, a pause for a writer that is fast.
 *
 * A socket that sends faster than the service takes is not read until most of its frames were dealt
 * with: TCP holds the rest back. What waits for a slow reader is bounded: candidates go first, a newer state
 * of a call takes the older's place, else the connection is closed (4008) and the device asks for a snapshot.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "clock.h"
#include "log.h"
#include "net_private.h"
#include "service.h"

_Static_assert(OUTPUT_HEAD >= LWS_PRE, "libwebsockets writes its frame head there");

#define SLOT_BITS 24
/* Frames of one socket; resumed at a quarter. It is also how much of a transaction one that floods can have,
 * and so how long the others wait for it: 10 invites, some 3 ms. */
#define UNDER_WAY_MAX 16
#define UNDER_WAY_BYTES (32 * 1024)
#define END_SECONDS 5 /* to take what is left and the close frame */
#define SOCKET_BUFFER 65536
#define HEADER_MAX 512
#define PINGS_MISSED 2

const uint16_t close_codes[CLOSE_CODES] = {1000, 1001, 1012, 4000, 4001, 4002, 4003, 4008, 4009};
const unsigned frame_times_ms[FRAME_TIMES] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

static struct socket *socket_of(struct net *net, uint64_t connection)
{
    uint32_t slot = (uint32_t)connection & ((1U << SLOT_BITS) - 1);
    struct socket *socket = slot < net->slots_count ? net->slots[slot] : NULL;
    return socket && socket->connection == connection ? socket : NULL;
}

/* --- sockets that are no WebSocket yet ------------------------------------------------------------- */

static struct network **network_of(struct net *net, uint64_t key)
{
    uint64_t mixed = key * 0x9E3779B97F4A7C15U;
    struct network **link = &net->networks[mixed >> 54];
    while (*link && (*link)->key != key)
        link = &(*link)->next;
    return link;
}

int socket_accept_filter(struct net *net, int descriptor)
{
    const struct options *options = net->options;
    uint8_t address[ADDRESS_SIZE];
    net->figures.accepted++;
    if (net->drain_until_ms || net->handshakes >= options->handshakes_max ||
        !address_of_peer(descriptor, address)) {
        net->figures.refused_total++;
        return -1;
    }
    if (cidr_has(options->proxies, options->trust_proxy.count, address))
        return 0;
    const struct network *network = *network_of(net, address_network(address));
    if (network && network->count >= options->handshakes_per_address) {
        net->figures.refused_network++;
        return -1;
    }
    return 0;
}

int socket_accepted(struct net *net, struct lws *wsi)
{
    struct socket *socket = calloc(1, sizeof *socket);
    if (!socket)
        return -1;
    socket->wsi = wsi;
    socket->net = net;
    address_of_peer(lws_get_socket_fd(wsi), socket->address);
    struct network **link = network_of(net, address_network(socket->address));
    if (!*link && (*link = calloc(1, sizeof **link)))
        (*link)->key = address_network(socket->address);
    socket->network = *link;
    if (socket->network)
        socket->network->count++;
    socket->handshake = true;
    net->handshakes++;
    lws_set_opaque_user_data(wsi, socket);
    return 0;
}

static void handshake_over(struct socket *socket)
{
    struct net *net = socket->net;
    if (!socket->handshake)
        return;
    socket->handshake = false;
    net->handshakes--;
    struct network *network = socket->network;
    socket->network = NULL;
    if (network && --network->count == 0) {
        *network_of(net, network->key) = network->next;
        free(network);
    }
}

/* --- the queue to a reader -------------------------------------------------------------------------- */

static void unlink_output(struct socket *socket, struct output **link, struct output *before)
{
    struct output *output = *link;
    *link = output->next;
    if (socket->last == output)
        socket->last = before;
    socket->out_frames--;
    socket->out_bytes -= output->size;
    free(output);
}

static void drop_outputs(struct socket *socket)
{
    while (socket->first)
        unlink_output(socket, &socket->first, NULL);
}

/* The oldest that fits the question, away. */
static bool remove_one(struct socket *socket, unsigned flag, const uint8_t *call)
{
    struct output *before = NULL;
    for (struct output **link = &socket->first; *link; link = &(*link)->next) {
        if (((*link)->flags & flag) && (!call || memcmp((*link)->call, call, CALL_ID_SIZE) == 0)) {
            unlink_output(socket, link, before);
            return true;
        }
        before = *link;
    }
    return false;
}

static bool fits(const struct socket *socket, const struct output *output)
{
    const struct options *options = socket->net->options;
    return socket->out_frames + 1 <= options->socket_frames &&
           socket->out_bytes + output->size <= options->socket_bytes;
}

static void queue_output(struct socket *socket, struct output *output)
{
    struct net_figures *figures = &socket->net->figures;
    if ((output->flags & OUT_STATE) && remove_one(socket, OUT_STATE, output->call))
        figures->replaced++;
    while (!fits(socket, output) && remove_one(socket, OUT_DROPPABLE, NULL))
        figures->dropped++;
    if (!fits(socket, output)) {
        if (output->flags & OUT_DROPPABLE)
            figures->dropped++;
        else
            socket_end(socket, 4008);
        free(output);
        return;
    }
    output->next = NULL;
    if (socket->first)
        socket->last->next = output;
    else
        socket->first = output;
    socket->last = output;
    socket->out_frames++;
    socket->out_bytes += output->size;
    lws_callback_on_writable(socket->wsi);
}

void socket_output(struct net *net, struct output *output)
{
    struct socket *socket = socket_of(net, output->number);
    if (!socket || socket->ended) {
        free(output);
    } else if (output->kind == OUTPUT_CLOSE) {
        socket_end(socket, (uint16_t)output->code);
        free(output);
    } else {
        queue_output(socket, output);
    }
}

/* By hand: version 4.1 does not send what lws_close_reason is told before the writeable callback fails. The
 * other end's close frame, or the time-out, is the end. The value is the library's own, which its header
 * names in a remark only. */
#define WRITE_CLOSE ((enum lws_write_protocol)4)
static int write_close(struct socket *socket)
{
    unsigned char frame[LWS_PRE + 2];
    frame[LWS_PRE] = (unsigned char)(socket->close_code >> 8);
    frame[LWS_PRE + 1] = (unsigned char)socket->close_code;
    socket->close_sent = true;
    return lws_write(socket->wsi, frame + LWS_PRE, 2, WRITE_CLOSE) < 2 ? -1 : 0;
}

static int write_one(struct socket *socket)
{
    struct net_figures *figures = &socket->net->figures;
    unsigned char ping[LWS_PRE + 4] = {
        [LWS_PRE] = 'p', 'i', 'n', 'g'}; /* an empty pong is not told */
    struct output *output = socket->first;
    int wrote = 0, wanted = 0;
    if (socket->want_ping) {
        socket->want_ping = false;
        wrote = lws_write(socket->wsi, ping + LWS_PRE, 4, LWS_WRITE_PING);
    } else if (output) {
        wanted = (int)output->size;
        wrote = lws_write(socket->wsi, output->bytes + OUTPUT_HEAD, output->size, LWS_WRITE_TEXT);
        figures->frames_out++;
        figures->bytes_out += output->size;
        unlink_output(socket, &socket->first, NULL);
    } else if (socket->ended && !socket->close_sent) {
        return write_close(socket);
    }
    if (socket->first || (socket->ended && !socket->close_sent))
        lws_callback_on_writable(socket->wsi);
    return wrote < wanted ? -1 : 0;
}

/* --- its life --------------------------------------------------------------------------------------- */

static void tell_closed(struct socket *socket)
{
    struct net *net = socket->net;
    if (!socket->connection)
        return;
    struct input *input = input_make(INPUT_CLOSED, socket->connection, NULL, 0);
    if (input) {
        input->goodbye = socket->goodbye;
        exchange_put_input(net->parts.exchange, input);
    }
    uint32_t slot = (uint32_t)socket->connection & ((1U << SLOT_BITS) - 1);
    net->slots[slot] = NULL;
    net->free_slots[net->free_count++] = slot;
    socket->connection = 0;
    *socket->round_link = socket->round_next;
    if (socket->round_next)
        socket->round_next->round_link = socket->round_link;
}

static void count_close(struct net *net, uint16_t code)
{
    unsigned i = 0;
    while (i < CLOSE_CODES && close_codes[i] != code)
        i++;
    net->figures.closes[i]++;
}

/* What is queued goes out first, but not to one that does not read. */
void socket_end(struct socket *socket, uint16_t code)
{
    if (socket->ended)
        return;
    socket->ended = true;
    socket->close_code = code;
    count_close(socket->net, code);
    tell_closed(socket);
    if (code == 4008)
        drop_outputs(socket);
    if (socket->paused)
        lws_rx_flow_control(socket->wsi, 1);
    lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_REASON_BASE, END_SECONDS);
    lws_callback_on_writable(socket->wsi);
    socket->net->must_kick = true;
}

static uint64_t socket_rounds(const struct net *net)
{
    return (uint64_t)net->options->ping_seconds * ROUNDS_A_SECOND;
}

static int opened(struct socket *socket)
{
    struct net *net = socket->net;
    int size = SOCKET_BUFFER, descriptor = lws_get_socket_fd(socket->wsi);
    handshake_over(socket);
    net->sockets++;
    net->figures.upgraded++;
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    struct input *input = input_make(INPUT_OPENED, 0, socket->address, ADDRESS_SIZE);
    if (!input || net->free_count == 0) {
        free(input);
        net->figures.refused_full++;
        socket_end(socket, 4009);
        return 0;
    }
    uint32_t slot = net->free_slots[--net->free_count];
    net->slots[slot] = socket;
    socket->connection = ++net->serial << SLOT_BITS | slot;
    struct socket **round = &net->rounds[net->serial % socket_rounds(net)];
    socket->round_next = *round;
    socket->round_link = round;
    if (*round)
        (*round)->round_link = &socket->round_next;
    *round = socket;
    input->number = socket->connection;
    exchange_put_input(net->parts.exchange, input);
    return 0;
}

void socket_gone(struct lws *wsi)
{
    struct socket *socket = lws_get_opaque_user_data(wsi);
    if (!socket)
        return;
    lws_set_opaque_user_data(wsi, NULL);
    handshake_over(socket);
    tell_closed(socket);
    drop_outputs(socket);
    free(socket->frame);
    free(socket);
}

/* The next round's sockets: those of a whole second at once (400 of 10,000) held all others up for 8 ms. One
 * that is paused by us is not to blame. */
void socket_ping_round(struct net *net)
{
    struct socket *next;
    net->round++;
    for (struct socket *socket = net->rounds[net->round % socket_rounds(net)]; socket;
         socket = next) {
        next = socket->round_next;
        if (socket->paused)
            continue;
        if (socket->unanswered >= PINGS_MISSED) {
            net->figures.dead++;
            lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
            net->must_kick = true;
            continue;
        }
        socket->unanswered++;
        socket->want_ping = true;
        lws_callback_on_writable(socket->wsi);
    }
}

/* --- what comes in ----------------------------------------------------------------------------------- */

static void pass_on(struct socket *socket, const char *text, size_t size)
{
    struct net *net = socket->net;
    struct input *input = input_make(INPUT_FRAME, socket->connection, text, size);
    if (!input) {
        socket_end(socket, 4008);
        return;
    }
    input->at_us = clock_monotonic_us();
    net->figures.frames_in++;
    net->figures.bytes_in += size;
    socket->under_way++;
    socket->under_way_bytes += (uint32_t)size;
    bool room = exchange_put_input(net->parts.exchange, input);
    if (!socket->paused && (!room || socket->under_way >= UNDER_WAY_MAX ||
                            socket->under_way_bytes >= UNDER_WAY_BYTES)) {
        socket->paused = true;
        net->figures.pauses++;
        lws_rx_flow_control(socket->wsi, 0);
    }
}

static void count_time(struct net_figures *figures, int64_t us)
{
    unsigned i = 0;
    while (i < FRAME_TIMES && us > (int64_t)frame_times_ms[i] * 1000)
        i++;
    figures->frame_times[i]++;
    figures->frame_us += (uint64_t)us;
}

void socket_done(struct net *net, const struct input *input)
{
    if (input->kind == INPUT_FRAME)
        count_time(&net->figures, clock_monotonic_us() - input->at_us);
    struct socket *socket = input->kind == INPUT_FRAME ? socket_of(net, input->number) : NULL;
    if (!socket)
        return;
    socket->under_way--;
    socket->under_way_bytes -= (uint32_t)input->size;
    if (socket->paused && socket->under_way <= UNDER_WAY_MAX / 4 &&
        socket->under_way_bytes <= UNDER_WAY_BYTES / 4) {
        socket->paused = false;
        lws_rx_flow_control(socket->wsi, 1);
        net->must_kick = true; /* it may hold bytes that nothing else would bring out */
    }
}

static bool keep(struct socket *socket, const char *bytes, size_t length)
{
    size_t size = socket->frame_size + length;
    if (size > socket->frame_room) {
        size_t room = size < 2048 ? 2048 : size < 8192 ? 8192 : FRAME_MAX;
        char *grown = realloc(socket->frame, room);
        if (!grown)
            return false;
        socket->frame = grown;
        socket->frame_room = (uint32_t)room;
    }
    memcpy(socket->frame + socket->frame_size, bytes, length);
    socket->frame_size = (uint32_t)size;
    return true;
}

static void receive(struct socket *socket, const char *bytes, size_t length)
{
    bool whole = lws_is_final_fragment(socket->wsi) && !lws_remaining_packet_payload(socket->wsi);
    if (socket->ended || !socket->connection)
        return;
    if (lws_frame_is_binary(socket->wsi) || socket->frame_size + length > FRAME_MAX ||
        socket->frame_size + lws_remaining_packet_payload(socket->wsi) > FRAME_MAX) {
        socket_end(socket, 4000);
        return;
    }
    if (whole && socket->frame_size == 0) {
        pass_on(socket, bytes, length);
        return;
    }
    if (length && !keep(socket, bytes, length)) {
        socket_end(socket, 4008);
        return;
    }
    if (!whole)
        return;
    pass_on(socket, socket->frame, socket->frame_size);
    free(socket->frame);
    socket->frame = NULL;
    socket->frame_size = socket->frame_room = 0;
}

/* --- who may come in --------------------------------------------------------------------------------- */

/* RFC 6455 section 10.2: a page may connect only where its own server is this one, or as the options say. A
 * program that is no browser sends none. */
static bool origin_fits(struct net *net, struct lws *wsi)
{
    char origin[HEADER_MAX], host[HEADER_MAX];
    int length = lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN);
    if (length <= 0)
        return true;
    if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0)
        return false;
    for (unsigned i = 0; i < net->options->origin.count; i++)
        if (strcasecmp(origin, net->options->origin.texts[i]) == 0)
            return true;
    const char *from = strstr(origin, "://");
    return from && lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) > 0 &&
           strcasecmp(from + 3, host) == 0;
}

static int filter(struct net *net, struct lws *wsi)
{
    struct socket *socket = lws_get_opaque_user_data(wsi);
    const struct options *options = net->options;
    char path[16], forwarded[HEADER_MAX];
    unsigned status = 0;
    if (!socket)
        return -1;
    if (lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) <= 0 ||
        strcmp(path, "/xcall") != 0) {
        status = HTTP_STATUS_NOT_FOUND;
    } else if (!origin_fits(net, wsi)) {
        net->figures.refused_origin++;
        status = HTTP_STATUS_FORBIDDEN;
    } else if (net->free_count == 0 || net->drain_until_ms) {
        net->figures.refused_full++;
        status = HTTP_STATUS_SERVICE_UNAVAILABLE;
    }
    if (status) {
        lws_return_http_status(wsi, status, NULL);
        return -1;
    }
    if (lws_hdr_copy(wsi, forwarded, sizeof forwarded, WSI_TOKEN_X_FORWARDED_FOR) > 0)
        address_forwarded(forwarded, options->proxies, options->trust_proxy.count, socket->address);
    return 0;
}

/* RFC 6455 section 7.4.1: 1000, it has done what it was there for; 1001, it goes away, as a page that is left or
 * loaded again. A program that crashes says neither. */
static bool is_goodbye(const unsigned char *status, size_t length)
{
    unsigned code = length >= 2 ? (unsigned)status[0] << 8 | status[1] : 0;
    return code == 1000 || code == 1001;
}

int on_socket(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
              size_t length)
{
    struct socket *socket = NULL;
    (void)user;
    if (reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION)
        return filter(net_of(wsi), wsi);
    if (reason == LWS_CALLBACK_ESTABLISHED || reason == LWS_CALLBACK_RECEIVE ||
        reason == LWS_CALLBACK_RECEIVE_PONG || reason == LWS_CALLBACK_SERVER_WRITEABLE ||
        reason == LWS_CALLBACK_CLOSED || reason == LWS_CALLBACK_WS_PEER_INITIATED_CLOSE)
        socket = lws_get_opaque_user_data(wsi);
    if (!socket)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return opened(socket);
    case LWS_CALLBACK_RECEIVE:
        receive(socket, in, length);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        socket->unanswered = 0;
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_one(socket);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        socket->goodbye = is_goodbye(in, length);
        return socket->close_sent ? -1 : 0;
    case LWS_CALLBACK_CLOSED:
        if (!socket->handshake)
            socket->net->sockets--;
        if (!socket->ended)
            count_close(socket->net, 1000);
        socket->ended = true;
        tell_closed(socket);
        return 0;
    default:
        return 0;
    }
}
