/* options.h - what the command line and the config file say: one table of keys with defaults, bounds and
 * meanings, which --help prints and docs/xcalld.md lists. Before any thread is made.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_OPTIONS_H
#define XCALLD_OPTIONS_H

#include <stdint.h>

#include "address.h"

#define LIST_MAX 16
#define TURN_URLS_MAX 4
#define SECRET_MAX 256

enum { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_BAD }; /* DONE: --help, --version, --check-config */
enum { TLS_AUTO, TLS_ON, TLS_OFF };

struct text_list {
    unsigned count;
    char *texts[LIST_MAX];
};

struct options {
    struct endpoint listen, health; /* health.text empty: none */
    char *store, *tls_cert, *tls_key, *turn_secret_file, *push_command, *push_url, *log;
    struct text_list turn, trust_proxy, origin;
    struct cidr proxies[LIST_MAX];
    char turn_secret[SECRET_MAX + 1];
    int64_t tls, page, log_level; /* positions among their words */
    int64_t connections_max, handshakes_max, handshakes_per_address, handshake_seconds,
        ping_seconds;
    int64_t socket_frames, socket_bytes, queue_inputs, queue_input_bytes, queue_outputs;
    int64_t hash_threads, hash_memory_mib, hash_passes, hash_queue;
    int64_t push_threads, push_queue, push_seconds;
    int64_t log_lines_per_second, drain_seconds;
};

int options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options); /* wipes the secret */

/* config.c */
struct origin_of_value { /* for the message where a value does not fit */
    const char *file;    /* NULL: the command line */
    unsigned line;
};
int config_defaults(struct options *options);
int config_set(struct options *options, const struct origin_of_value *origin, const char *key,
               const char *value);
int config_read(struct options *options, const char *file);
void config_print_keys(void);

#endif
