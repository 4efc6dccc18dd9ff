/* main.c - xcalld: options, the store and its lock, threads, the end.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "admin.h"
#include "checkpoint.h"
#include "exchange.h"
#include "hash.h"
#include "log.h"
#include "net.h"
#include "options.h"
#include "push.h"
#include "shell.h"
#include "store.h"

/* One server a store: the lock goes with the process, however it ends. */
static int lock_store(const char *path, int *lock)
{
    char name[4096];
    *lock = -1;
    if (strcmp(path, ":memory:") == 0)
        return 0;
    if (snprintf(name, sizeof name, "%s-lock", path) >= (int)sizeof name) {
        fprintf(stderr, "xcalld: %s: the path is too long\n", path);
        return 2;
    }
    *lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0) {
        fprintf(stderr, "xcalld: %s: %s\n", name, strerror(errno));
        return 2;
    }
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    fprintf(stderr, "xcalld: %s: another xcalld has this store open\n", path);
    return 2;
}

/* Before any thread is made: the net thread's loop alone takes these. */
static void set_signals(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a file that may not grow is a failed write, no end */
}

/* A file that an older program has written, once. */
static void clean(struct store *store)
{
    bool done = false;
    int result = store_clean(store, &done);
    if (result != STORE_OK)
        log_facts('w', "store_not_cleaned", "{s:s}", "error", store_error(store));
    else if (done)
        log_facts('i', "store_cleaned", "{}");
}

static struct checkpointer *start_checkpointer(const char *path, struct store *store)
{
    char error[160];
    if (strcmp(path, ":memory:") == 0)
        return NULL;
    struct checkpointer *checkpointer = checkpointer_start(path, error, sizeof error);
    if (checkpointer) {
        struct store_keeper keeper = checkpointer_keeper(checkpointer);
        store_checkpointed(store, &keeper);
    } else {
        log_facts('w', "checkpoints_by_the_service", "{s:s}", "error", error);
    }
    return checkpointer;
}

/* What a batch needed the next one needs too: by default a thread's heap gives back 128 KiB and more, and asks
 * for it again page by page (800 calls of mprotect a second, and each page zeroed). */
static void set_heap(void)
{
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

static int serve(const struct options *options, struct net *net, struct store *store)
{
    struct exchange_limits limits = {.inputs = (uint32_t)options->queue_inputs,
                                     .outputs = (uint32_t)options->queue_outputs,
                                     .input_bytes = (size_t)options->queue_input_bytes};
    struct exchange *exchange = exchange_create(&limits, net_wake, net);
    struct hasher *hasher = exchange ? hasher_create(options, exchange) : NULL;
    struct pusher *pusher = pusher_create(options);
    struct shell_parts parts = {.options = options,
                                .exchange = exchange,
                                .hasher = hasher,
                                .pusher = pusher,
                                .store = store};
    clean(store);
    struct checkpointer *checkpointer = start_checkpointer(options->store, store);
    struct shell *shell = hasher && pusher ? shell_start(&parts) : NULL;
    int code = 1;
    if (shell) {
        struct net_parts net_parts = {.options = options,
                                      .exchange = exchange,
                                      .hasher = hasher,
                                      .pusher = pusher,
                                      .shell = shell};
        log_facts('i', "started", "{s:s}", "version", XCALLD_VERSION);
        code = net_run(net, &net_parts);
        if (code) { /* its thread may never end */
            fprintf(stderr, "xcalld: the service ended by itself, the log says why\n");
            log_close();
            _exit(1);
        }
        shell_join(shell);
        log_facts('i', "ended", "{}");
    } else {
        store_close(store);
        fprintf(stderr, "xcalld: the service does not start, the log says why\n");
    }
    checkpointer_stop(checkpointer);
    hasher_destroy(hasher);
    pusher_destroy(pusher);
    net_destroy(net);
    exchange_destroy(exchange);
    return code;
}

static int run(const struct options *options)
{
    struct log_options log = {
        .file = options->log && strcmp(options->log, "stderr") != 0 ? options->log : NULL,
        .level = "ewid"[options->log_level],
        .lines_per_second = (unsigned)options->log_lines_per_second,
    };
    char error[256] = "";
    int lock, code = lock_store(options->store, &lock);
    struct store *store = NULL;
    if (code == 0 && store_open(options->store, &store, error, sizeof error) != STORE_OK) {
        fprintf(stderr, "xcalld: %s\n", error); /* it names the file */
        code = 2;
    }
    struct net *net = code == 0 ? net_create() : NULL;
    if (code == 0 && !net) {
        fprintf(stderr, "xcalld: no memory\n");
        code = 1;
    }
    if (code == 0 && !log_open(&log)) {
        fprintf(stderr, "xcalld: %s: %s\n", log.file ? log.file : "stderr", strerror(errno));
        code = 2;
    }
    if (code == 0)
        code = net_open(net, options);
    if (code == 0) {
        code = serve(options, net, store);
    } else {
        if (store)
            store_close(store);
        net_destroy(net);
    }
    log_close();
    if (lock >= 0)
        close(lock);
    return code;
}

int main(int argc, char **argv)
{
    static struct options options;
    if (sodium_init() < 0) {
        fprintf(stderr, "xcalld: libsodium does not start\n");
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "admin") == 0)
        return admin_main(argc - 1, argv + 1);
    set_signals();
    set_heap();
    int parsed = options_parse(&options, argc, argv);
    int code = parsed == OPTIONS_RUN ? run(&options) : parsed == OPTIONS_DONE ? 0 : 2;
    options_free(&options);
    return code;
}
