/* tls.c - OpenSSL's context behind libwebsockets'.
 * SPDX-License-Identifier: MIT */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

static bool load(SSL_CTX *context, const char *cert, const char *key, char *words, size_t size)
{
    const char *file = cert;
    ERR_clear_error();
    bool good = SSL_CTX_use_certificate_chain_file(context, cert) == 1;
    if (good) {
        file = key;
        good = SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 &&
               SSL_CTX_check_private_key(context) == 1;
    }
    unsigned long first = ERR_peek_error(); /* a file that cannot be read: what the system said */
    const char *reason = ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first))
                                                 : ERR_reason_error_string(ERR_peek_last_error());
    if (!good)
        snprintf(words, size, "%s: %s", file, reason ? reason : "cannot be used");
    ERR_clear_error();
    return good;
}

bool tls_check(const char *cert, const char *key, char *words, size_t size)
{
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    snprintf(words, size, "TLS: no memory");
    bool good = trial && load(trial, cert, key, words, size);
    SSL_CTX_free(trial);
    return good;
}

/* A server may go on with such a certificate (clients that trust it alone may not look), but not unsaid. */
const char *tls_out_of_date(const char *cert)
{
    FILE *file = fopen(cert, "r");
    X509 *first = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    const char *words = NULL;
    if (first && X509_cmp_current_time(X509_get0_notAfter(first)) < 0)
        words = "has expired";
    else if (first && X509_cmp_current_time(X509_get0_notBefore(first)) > 0)
        words = "is not valid yet";
    X509_free(first);
    if (file)
        fclose(file);
    ERR_clear_error();
    return words;
}

void tls_set_up(SSL_CTX *context)
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Tickets carry a session to the client and back: a device that comes again saves the signature, and
     * nothing is kept here. One is enough. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384");
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL");
}

bool tls_reload(SSL_CTX *context, const char *cert, const char *key, char *words, size_t size)
{
    return tls_check(cert, key, words, size) && load(context, cert, key, words, size);
}
