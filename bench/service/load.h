/* load.h - the load on a call service: thousands of devices over TLS in one thread, the accounts behind
 * them, and the server as a child process.
 *
 *   accounts.c  a store filled with accounts, edges and tokens    server.c  the child, its memory
 *   devices.c   TLS and WebSocket by hand, lean: one epoll set     service.c phases and figures
 *   deletion.c  an account with very many messages, without a server
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SERVICE_LOAD_H
#define BENCH_SERVICE_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TOKEN_TEXT 43
#define CALL_TEXT 36
#define FRAME_MAX 16384

/* Account i is called "u<i>"; 2k calls 2k+1, and has written to it; the two follow each other. */
struct accounts {
    uint32_t count;
    char (*tokens)[TOKEN_TEXT + 1]; /* owned */
};

int accounts_make(struct accounts *accounts, uint32_t count, const char *store_path);
void accounts_free(struct accounts *accounts);
/* Mean time of a decision with the store's rows read, in microseconds. */
int accounts_decision_us(const char *store_path, uint32_t count, uint32_t decisions, double *mean);

struct deletion {                      /* of an account with 100,000 messages */
    double at_once_ms, at_once_cpu_ms; /* in one transaction */
    double step_ms, step_cpu_ms;       /* of the mean step */
    double longest_step_ms, longest_step_cpu_ms;
    uint32_t steps;
};

int deletion_measure(const char *folder, struct deletion *figures);

struct server {
    pid_t pid;
    uint16_t port, health_port;
    char folder[64]; /* everything of it; removed at the end */
};

/* A certificate and an empty store's place in a new folder. */
int server_prepare(struct server *server);
int server_start(struct server *server, const char *program);
void server_kill(struct server *server); /* SIGKILL */
void server_remove(struct server *server);
/* Resident KiB of the process. */
double server_resident_kib(const struct server *server);
double server_cpu_s(const struct server *server);

enum { DEVICE_FREE, DEVICE_CONNECTING, DEVICE_TLS, DEVICE_UPGRADE, DEVICE_HELLO, DEVICE_ONLINE };

struct load_device {
    int fd;
    uint8_t state; /* DEVICE_* */
    bool want_write, in_call;
    uint32_t index;
    SSL *ssl;
    SSL_SESSION *session; /* of the connection before: the next handshake is short */
    char *in;             /* owned, only while a frame is not whole */
    size_t in_length;
    uint64_t invited_ns; /* intended send time of the invite that is out */
    char call[CALL_TEXT + 1];
};

struct load {
    const struct server *server;
    const struct accounts *accounts;
    SSL_CTX *tls;
    int epoll;
    struct load_device *devices; /* owned, one an account */
    uint32_t online, connecting, lost;
    uint32_t connect_next;
    bool reconnect; /* a lost device comes back by itself */
    /* of the attempts */
    double *latencies_ms; /* owned by service.c */
    uint32_t latency_count, latency_capacity;
    uint64_t placed, refused, rung, ended;
    uint64_t request; /* number of the newest request */
    /* of the one that floods: a frame that the server does not take yet is tried again */
    char flood[FRAME_MAX + 16];
    size_t flood_size; /* 0: none waits */
    uint64_t flood_sent;
};

int load_open(struct load *load, const struct server *server, const struct accounts *accounts);
void load_close(struct load *load);
/* Begins to connect devices that are not, at most `burst` handshakes at a time. */
void load_connect_more(struct load *load, uint32_t burst);
/* Waits up to so long for sockets and serves them. In nanoseconds: rounded down to milliseconds it would spin
 * between attempts that are due each millisecond, on a core that the server has a use for. */
void load_turn(struct load *load, uint64_t timeout_ns);
/* Device 2 * pair calls its other; false: one of the two is not ready. */
bool load_place(struct load *load, uint32_t pair, uint64_t intended_ns);
/* The last account's device sends one more invite that the gate refuses; false: the server takes no
 * more at present, or the device is not there. */
bool load_flood(struct load *load);
uint64_t load_now_ns(void);

#endif
