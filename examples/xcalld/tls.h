/* tls.h - what this service wants of TLS: 1.2 and newer, HTTP/1.1 only, little memory for a device that
 * is idle. Net thread.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_TLS_H
#define XCALLD_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/* Can both be read, and do they fit? words: why not. */
bool tls_check(const char *cert, const char *key, char *words, size_t size);
/* "has expired", "is not valid yet", or NULL. */
const char *tls_out_of_date(const char *cert);
void tls_set_up(SSL_CTX *context);
/* New connections get these; those that are open keep theirs. Nothing changes where it fails. */
bool tls_reload(SSL_CTX *context, const char *cert, const char *key, char *words, size_t size);

#endif
