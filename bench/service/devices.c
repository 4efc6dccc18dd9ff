/* devices.c - devices of people, as many as wanted: TLS and the client's part of RFC 6455 by hand, because
 * a library's connection of 17 KiB each would be most of what is measured on this machine. Masks are
 * zero: it is our own server.
 *
 * A caller's round: invite -> (callee) incoming: latency taken, alerting, decline -> both: ended.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define KEY_TEXT 44    /* base64 of 32 bytes */
#define SDP_BYTES 2600 /* as long as a browser's offer of audio and video */

uint64_t load_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* A device's public key: any 32 bytes, the server does not use them. */
static void key_of(uint32_t index, char text[KEY_TEXT + 1])
{
    uint8_t bytes[32] = {0};
    memcpy(bytes, &index, sizeof index);
    EVP_EncodeBlock((unsigned char *)text, bytes, sizeof bytes);
}

static void lose(struct load *load, struct load_device *device)
{
    if (device->state == DEVICE_ONLINE) {
        load->online--;
        load->lost++;
    } else if (device->state != DEVICE_FREE) {
        load->connecting--;
    }
    if (device->ssl)
        SSL_free(device->ssl);
    if (device->fd >= 0)
        close(device->fd);
    free(device->in);
    if (device->index == load->accounts->count - 1)
        load->flood_size = 0; /* its frame begins anew, on a new connection */
    device->ssl = NULL;
    device->fd = -1;
    device->in = NULL;
    device->in_length = 0;
    device->in_call = false;
    device->state = DEVICE_FREE;
}

static void watch(struct load *load, struct load_device *device, bool write)
{
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = device};
    device->want_write = write;
    epoll_ctl(load->epoll, EPOLL_CTL_MOD, device->fd, &event);
}

static bool again(struct load *load, struct load_device *device, int result)
{
    int error = SSL_get_error(device->ssl, result);
    if (error == SSL_ERROR_WANT_READ && !device->want_write)
        return true;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        watch(load, device, error == SSL_ERROR_WANT_WRITE);
        return true;
    }
    return false;
}

/* Small frames into an empty socket buffer: what does not go at once is a server that stands still. */
static bool send_bytes(struct load *load, struct load_device *device, const void *bytes,
                       size_t size)
{
    if (SSL_write(device->ssl, bytes, (int)size) == (int)size)
        return true;
    lose(load, device);
    return false;
}

/* A masked text frame (of zeros); its size. `frame`: 16 bytes more than the text. */
static size_t frame_text(void *frame, const char *text, size_t size)
{
    uint8_t *to = frame;
    size_t at = 0;
    to[at++] = 0x81;
    if (size < 126) {
        to[at++] = (uint8_t)(0x80 | size);
    } else {
        to[at++] = 0x80 | 126;
        to[at++] = (uint8_t)(size >> 8);
        to[at++] = (uint8_t)size;
    }
    memset(to + at, 0, 4);
    memcpy(to + at + 4, text, size);
    return at + 4 + size;
}

static bool send_text(struct load *load, struct load_device *device, const char *text, size_t size)
{
    uint8_t frame[FRAME_MAX + 16];
    return send_bytes(load, device, frame, frame_text(frame, text, size));
}

static void send_pong(struct load *load, struct load_device *device, const uint8_t *bytes,
                      size_t size)
{
    uint8_t frame[131] = {0x8a, (uint8_t)(0x80 | size)};
    if (load->flood_size && device->index == load->accounts->count - 1)
        return; /* TLS wants the same bytes again first; the server waits for more than one */
    memcpy(frame + 6, bytes, size);
    send_bytes(load, device, frame, size + 6);
}

static void say_hello(struct load *load, struct load_device *device)
{
    char text[512], key[KEY_TEXT + 1];
    key_of(device->index, key);
    int size = snprintf(text, sizeof text,
                        "{\"t\":\"hello\",\"id\":\"h\",\"b\":{\"token\":\"%s\",\"key\":\"%s\","
                        "\"client\":{\"name\":\"bench\",\"version\":\"1\"},\"caps\":[\"audio\"]}}",
                        load->accounts->tokens[device->index], key);
    device->state = DEVICE_HELLO;
    send_text(load, device, text, (size_t)size);
}

static void say_upgrade(struct load *load, struct load_device *device)
{
    char text[512];
    int size = snprintf(text, sizeof text,
                        "GET /xcall HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xcall.1\r\n\r\n",
                        load->server->port);
    device->state = DEVICE_UPGRADE;
    send_bytes(load, device, text, (size_t)size);
}

/* The string member of this name that stands first; false: there is none, or it is too long. */
static bool member(const char *text, const char *name, char *value, size_t size)
{
    char pattern[32];
    snprintf(pattern, sizeof pattern, "\"%s\":\"", name);
    const char *at = strstr(text, pattern);
    if (!at)
        return false;
    at += strlen(pattern);
    size_t length = strcspn(at, "\"");
    if (length >= size)
        return false;
    memcpy(value, at, length);
    value[length] = '\0';
    return true;
}

static struct load_device *other_of(struct load *load, const struct load_device *device)
{
    return &load->devices[device->index ^ 1];
}

static void take_incoming(struct load *load, struct load_device *device, const char *call)
{
    char text[256];
    struct load_device *caller = other_of(load, device);
    if (strcmp(caller->call, call) == 0 && load->latency_count < load->latency_capacity)
        load->latencies_ms[load->latency_count++] =
            (double)(load_now_ns() - caller->invited_ns) / 1e6;
    load->rung++;
    int size = snprintf(text, sizeof text, "{\"t\":\"call.alerting\",\"call\":\"%s\"}", call);
    if (!send_text(load, device, text, (size_t)size))
        return;
    size = snprintf(text, sizeof text,
                    "{\"t\":\"call.decline\",\"id\":\"d%llu\",\"call\":\"%s\",\"b\":{\"why\":"
                    "\"user\"}}",
                    (unsigned long long)++load->request, call);
    send_text(load, device, text, (size_t)size);
}

static void take_text(struct load *load, struct load_device *device, char *text, size_t size)
{
    char type[32], call[CALL_TEXT + 1];
    text[size] = '\0';
    if (!member(text, "t", type, sizeof type))
        return;
    if (strcmp(type, "welcome") == 0 && device->state == DEVICE_HELLO) {
        device->state = DEVICE_ONLINE;
        load->connecting--;
        load->online++;
    } else if (strcmp(type, "call.incoming") == 0 && member(text, "call", call, sizeof call)) {
        take_incoming(load, device, call);
    } else if (strcmp(type, "call.state") == 0 && device->in_call &&
               strstr(text, "\"st\":\"ended\"")) {
        device->in_call = false;
        load->ended++;
    } else if (strcmp(type, "err") == 0 && device->in_call && strstr(text, "\"re\":\"i")) {
        device->in_call = false;
        load->refused++;
    } else if (strcmp(type, "err") == 0 && device->state == DEVICE_HELLO) {
        fprintf(stderr, "bench-service: hello: %s\n", text);
    }
}

/* Takes one WebSocket frame from the front; the bytes it had, 0: not whole, -1: the end. */
static long take_frame(struct load *load, struct load_device *device, uint8_t *bytes, size_t size)
{
    size_t at = 2, length;
    if (size < 2)
        return 0;
    length = bytes[1] & 0x7f;
    if (length == 126) {
        if (size < 4)
            return 0;
        length = (size_t)bytes[2] << 8 | bytes[3];
        at = 4;
    } else if (length == 127) {
        return -1;
    }
    if (size < at + length)
        return 0;
    uint8_t behind = bytes[at + length]; /* there is always one byte more */
    int opcode = bytes[0] & 0xf;
    if (opcode == 1)
        take_text(load, device, (char *)bytes + at, length);
    else if (opcode == 9)
        send_pong(load, device, bytes + at, length);
    else if (opcode == 8)
        return -1;
    if (device->state == DEVICE_FREE)
        return -1;
    bytes[at + length] = behind;
    return (long)(at + length);
}

static long take_upgrade(struct load *load, struct load_device *device, uint8_t *bytes, size_t size)
{
    bytes[size] = '\0';
    char *end = strstr((char *)bytes, "\r\n\r\n");
    if (!end)
        return 0;
    if (strncmp((char *)bytes, "HTTP/1.1 101", 12) != 0)
        return -1;
    long used = end + 4 - (char *)bytes;
    say_hello(load, device);
    return device->state == DEVICE_FREE ? -1 : used;
}

static void take_bytes(struct load *load, struct load_device *device)
{
    static uint8_t room[4 * FRAME_MAX + 64];
    size_t length = device->in_length;
    memcpy(room, device->in ? device->in : "", length);
    free(device->in);
    device->in = NULL;
    device->in_length = 0;
    for (;;) {
        int got = SSL_read(device->ssl, room + length, (int)(sizeof room - 1 - length));
        if (got <= 0) {
            if (!again(load, device, got)) {
                lose(load, device);
                return;
            }
            break;
        }
        length += (size_t)got;
        size_t at = 0;
        while (at < length) {
            long used = device->state == DEVICE_UPGRADE
                            ? take_upgrade(load, device, room + at, length - at)
                            : take_frame(load, device, room + at, length - at);
            if (used < 0) {
                lose(load, device);
                return;
            }
            if (used == 0)
                break;
            at += (size_t)used;
        }
        memmove(room, room + at, length - at);
        length -= at;
    }
    if (length && (device->in = malloc(length))) {
        memcpy(device->in, room, length);
        device->in_length = length;
    }
}

static void shake_hands(struct load *load, struct load_device *device)
{
    int result = SSL_connect(device->ssl);
    if (result == 1) {
        watch(load, device, false);
        say_upgrade(load, device);
    } else if (!again(load, device, result)) {
        lose(load, device);
    }
}

static void serve(struct load *load, struct load_device *device, uint32_t events)
{
    if (device->state == DEVICE_CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(device->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error || events & EPOLLERR) {
            lose(load, device);
            return;
        }
        device->state = DEVICE_TLS;
    }
    if (device->state == DEVICE_TLS) {
        shake_hands(load, device);
        return;
    }
    if (device->want_write)
        watch(load, device, false);
    take_bytes(load, device);
}

static void begin(struct load *load, struct load_device *device)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(load->server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = device};
    int one = 1;
    device->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (device->fd < 0)
        return;
    setsockopt(device->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    device->state = DEVICE_CONNECTING;
    device->want_write = true;
    load->connecting++;
    device->ssl = SSL_new(load->tls);
    if (device->session)
        SSL_set_session(device->ssl, device->session);
    SSL_set_fd(device->ssl, device->fd);
    SSL_set_app_data(device->ssl, device);
    if ((connect(device->fd, (struct sockaddr *)&address, sizeof address) &&
         errno != EINPROGRESS) ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, device->fd, &event))
        lose(load, device);
}

void load_connect_more(struct load *load, uint32_t burst)
{
    uint32_t looked = 0;
    while (load->connecting < burst && load->online + load->connecting < load->accounts->count &&
           looked++ < load->accounts->count) {
        struct load_device *device = &load->devices[load->connect_next];
        load->connect_next = (load->connect_next + 1) % load->accounts->count;
        if (device->state == DEVICE_FREE)
            begin(load, device);
    }
}

void load_turn(struct load *load, uint64_t timeout_ns)
{
    struct epoll_event events[256];
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / UINT64_C(1000000000)),
                               .tv_nsec = (long)(timeout_ns % UINT64_C(1000000000))};
    int count = epoll_pwait2(load->epoll, events, 256, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        struct load_device *device = events[i].data.ptr;
        if (device->state != DEVICE_FREE)
            serve(load, device, events[i].events);
    }
}

static void make_call_id(char text[CALL_TEXT + 1])
{
    uint8_t b[16];
    RAND_bytes(b, sizeof b);
    b[6] = (uint8_t)(0x40 | (b[6] & 0xf));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    snprintf(text, CALL_TEXT + 1,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

/* A description that is as long as real ones; only its form is looked at. */
static const char *sdp(void)
{
    static char text[SDP_BYTES + 512];
    if (!text[0]) {
        size_t at = (size_t)snprintf(
            text, sizeof text,
            "v=0\\r\\no=- 1 2 IN IP4 0.0.0.0\\r\\ns=-\\r\\nt=0 0\\r\\na=group:BUNDLE 0\\r\\n"
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\\r\\nc=IN IP4 0.0.0.0\\r\\na=mid:0\\r\\n"
            "a=ice-ufrag:abcdefgh\\r\\na=ice-pwd:abcdefghijklmnopqrstuvwx\\r\\n"
            "a=fingerprint:sha-256 ");
        for (int i = 0; i < 32; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%sAB", i ? ":" : "");
        at += (size_t)snprintf(text + at, sizeof text - at, "\\r\\na=setup:actpass\\r\\n");
        while (at < SDP_BYTES)
            at += (size_t)snprintf(text + at, sizeof text - at,
                                   "a=rtpmap:111 opus/48000/2\\r\\na=rtcp-fb:111 nack\\r\\n");
    }
    return text;
}

/* An invite to `callee` with a new call id of the device's. */
static int write_invite(struct load *load, struct load_device *device, uint32_t callee,
                        char text[FRAME_MAX])
{
    char key[KEY_TEXT + 1], signature[89];
    key_of(device->index, key);
    memset(signature, 'A', 86);
    memcpy(signature + 86, "==", 3);
    make_call_id(device->call);
    return snprintf(text, FRAME_MAX,
                    "{\"t\":\"call.invite\",\"id\":\"i%llu\",\"call\":\"%s\",\"b\":{\"to\":\"u%u\","
                    "\"media\":\"a\",\"body\":{\"type\":\"offer\",\"sdp\":\"%s\",\"key\":\"%s\","
                    "\"sig\":\"%s\"}}}",
                    (unsigned long long)++load->request, device->call, callee, sdp(), key,
                    signature);
}

bool load_place(struct load *load, uint32_t pair, uint64_t intended_ns)
{
    static char text[FRAME_MAX];
    struct load_device *caller = &load->devices[2 * pair];
    struct load_device *callee = &load->devices[2 * pair + 1];
    if (caller->state != DEVICE_ONLINE || callee->state != DEVICE_ONLINE || caller->in_call)
        return false;
    int size = write_invite(load, caller, callee->index, text);
    caller->invited_ns = intended_ns;
    caller->in_call = true;
    load->placed++;
    return send_text(load, caller, text, (size_t)size);
}

bool load_flood(struct load *load)
{
    struct load_device *device = &load->devices[load->accounts->count - 1];
    if (device->state != DEVICE_ONLINE)
        return false;
    if (!load->flood_size) { /* to somebody whom it has never written to */
        char invite[FRAME_MAX];
        int size = write_invite(load, device, 0, invite);
        load->flood_size = frame_text(load->flood, invite, (size_t)size);
    }
    int sent = SSL_write(device->ssl, load->flood, (int)load->flood_size);
    if (sent <= 0) {
        if (!again(load, device, sent))
            lose(load, device);
        return false;
    }
    load->flood_size = 0;
    load->flood_sent++;
    return true;
}

/* Tickets come after the handshake; the newest is kept for the next one. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct load_device *device = SSL_get_app_data(ssl);
    SSL_SESSION_free(device->session);
    device->session = session;
    return 1;
}

int load_open(struct load *load, const struct server *server, const struct accounts *accounts)
{
    memset(load, 0, sizeof *load);
    load->server = server;
    load->accounts = accounts;
    load->devices = calloc(accounts->count, sizeof *load->devices);
    load->epoll = epoll_create1(0);
    load->tls = SSL_CTX_new(TLS_client_method());
    if (!load->devices || load->epoll < 0 || !load->tls)
        return -1;
    SSL_CTX_set_mode(load->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(load->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(load->tls, keep_session);
    for (uint32_t i = 0; i < accounts->count; i++) {
        load->devices[i].fd = -1;
        load->devices[i].index = i;
    }
    return 0;
}

void load_close(struct load *load)
{
    for (uint32_t i = 0; load->devices && i < load->accounts->count; i++) {
        lose(load, &load->devices[i]);
        SSL_SESSION_free(load->devices[i].session);
    }
    free(load->devices);
    if (load->epoll >= 0)
        close(load->epoll);
    SSL_CTX_free(load->tls);
}
