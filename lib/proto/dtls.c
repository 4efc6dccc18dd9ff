/* dtls.c - DTLS 1.2 (RFC 6347) with use_srtp (RFC 5764) on OpenSSL 3.0, sans-I/O.
 * Thread: a dtls object belongs to its session's thread; an identity is shared, with a count.
 * OpenSSL sees the network through a BIO of ours: each write is a datagram for the output queue,
 * each read is one *record* of the datagram at hand, and only a record that belongs in the present
 * state. So what anybody can forge before keys exist (alerts, HelloRequest, junk of epoch 0) does
 * not reach it. The peer's certificate is checked against the description's fingerprints (RFC 8122,
 * RFC 8827 section 6.5) inside the handshake: a mismatch ends it with a fatal alert.
 * SPDX-License-Identifier: MIT */
#include "proto/dtls.h"
#include "proto/dtls_gate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define CIPHERS                                                                                    \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
#define GROUPS "X25519:P-256:P-384"
#define PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"
#define EXPORT_LABEL "EXTRACTOR-dtls_srtp" /* RFC 5764 section 4.2 */

enum {
    SLOT_SIZE = XC_DTLS_DATA_MAX,
    SLOTS_MAX = XC_DTLS_EARLY_MAX, /* of either queue */
    RESTARTS_MAX = 6,
    SECURITY_LEVEL = 2,
    VALID_DAYS = 30,
};

/* The peer says, in a record that anybody can forge, that it gave up: believed only when the
 * handshake does not move for so long. */
#define ALERT_GRACE (1 * XC_NS_PER_S)
/* A handshake that fails begins anew once, and up to RESTARTS_MAX times in its first second: who
 * answers a stranger's ClientHello sends the same useless flight until ours takes its place. A
 * server does so only at the ClientHello: a client that is past it does not send it again. */
#define RESTARTS_WITHIN (1 * XC_NS_PER_S)
/* A ClientHello with another random replaces the one at hand only when that one leads nowhere. */
#define STALLED_AFTER (300 * XC_NS_PER_MS)

struct xc_dtls_identity {
    atomic_uint users; /* pairs with itself: the last to leave frees */
    SSL_CTX *context;
    BIO_METHOD *bio_method;
    uint8_t digest[32];
};

/* Datagrams or records in order; full: the newest is dropped. */
struct slot {
    uint16_t size;
    uint8_t data[SLOT_SIZE];
};
struct queue {
    uint32_t head, count;
    struct slot slots[SLOTS_MAX];
};

struct xc_dtls {
    struct xc_dtls_identity *identity;
    SSL *ssl;
    int state, failure, profile;
    bool started, client;
    bool data_only; /* a peer without SRTP will do */
    bool verified;  /* the certificate matched, in this ssl */
    bool data_used; /* application data flows: keep OpenSSL's record buffers */
    int restarts_count;
    uint32_t plain_count; /* records of epoch 0 handed to this ssl */

    uint64_t now;         /* of the call at hand; the BIO and timer callbacks read it */
    uint64_t give_up_at;  /* start + XC_DTLS_HANDSHAKE_MAX */
    uint64_t timer_at;    /* when OpenSSL's retransmission is due, on our clock */
    uint64_t timer_ns;    /* its duration */
    uint64_t alert_at;    /* when the peer's unauthenticated alert is believed */
    uint64_t progress_at; /* when the handshake last changed its state */
    uint32_t timeouts;    /* in a row */

    struct xc_dtls_gate gate;
    struct xc_span input; /* what is left of the datagram at hand */
    struct xc_dtls_fingerprint fingerprints[XC_DTLS_FINGERPRINTS_MAX];
    size_t fingerprints_count;
    struct queue in; /* early datagrams while NEW, application data after */
    struct queue out;
};

static void drive(struct xc_dtls *dtls, uint64_t now, struct xc_span datagram);

/* ---- Queues ---- */

static struct slot *queue_room(struct queue *queue)
{
    if (queue->count == SLOTS_MAX)
        return NULL;
    return &queue->slots[(queue->head + queue->count) % SLOTS_MAX];
}

static bool queue_push(struct queue *queue, const void *data, size_t size)
{
    struct slot *slot = queue_room(queue);
    if (!slot || size > SLOT_SIZE)
        return false;
    memcpy(slot->data, data, size);
    slot->size = (uint16_t)size;
    queue->count++;
    return true;
}

static struct slot *queue_front(struct queue *queue)
{
    return queue->count ? &queue->slots[queue->head] : NULL;
}

static void queue_pop(struct queue *queue)
{
    queue->head = (queue->head + 1) % SLOTS_MAX;
    queue->count--;
}

/* ---- The BIO ---- */

static int bio_read(BIO *bio, char *out, int capacity)
{
    struct xc_dtls *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    struct xc_span record = xc_dtls_gate_next(&dtls->gate, &dtls->input);
    if (record.size == 0 || record.size > (size_t)capacity) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(out, record.data, record.size);
    /* Epoch 0 is numbered by us: a forged record with a high number would otherwise put all that
     * the peer still has to send behind OpenSSL's replay window. Messages have their own order. */
    if (xc_load16(record.data + 3) == 0) {
        memset(out + 5, 0, 2);
        xc_store32((uint8_t *)out + 7, dtls->plain_count++);
    }
    return (int)record.size;
}

/* A full queue is the network's loss: the handshake repeats, xc_dtls_send looks before. */
static int bio_write(BIO *bio, const char *data, int size)
{
    struct xc_dtls *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    queue_push(&dtls->out, data, (size_t)size);
    return size;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    struct xc_dtls *dtls = BIO_get_data(bio);
    (void)number;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return XC_MTU;
    case BIO_CTRL_PENDING:
        return (long)dtls->input.size;
    case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT: { /* OpenSSL armed its timer, or took it down */
        const struct timeval *at = pointer;
        bool armed = at->tv_sec != 0 || at->tv_usec != 0;
        dtls->timer_at = armed ? dtls->now + dtls->timer_ns : XC_NEVER;
        return 1;
    }
    default:
        return 0;
    }
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *bio_method_create(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "xcall datagrams");
    if (method && BIO_meth_set_read(method, bio_read) && BIO_meth_set_write(method, bio_write) &&
        BIO_meth_set_ctrl(method, bio_control) && BIO_meth_set_create(method, bio_create))
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* 50 ms, doubling to 1 s. OpenSSL gives up at the 13th timeout in a row, after 9.5 s of that, and
 * our time is 30 s: the last five of them wait 5 s each. */
static unsigned int timer_us(SSL *ssl, unsigned int previous_us)
{
    struct xc_dtls *dtls = SSL_get_app_data(ssl);
    dtls->timeouts = previous_us == 0 ? 0 : dtls->timeouts + 1;
    unsigned int us = dtls->timeouts < 5   ? 50000u << dtls->timeouts
                      : dtls->timeouts < 8 ? 1000000u
                                           : 5000000u;
    dtls->timer_ns = us * XC_NS_PER_US;
    return us;
}

/* ---- The peer's certificate ---- */

static const EVP_MD *digest_named(const char *hash)
{
    /* SHA-1 is not taken: RFC 8122 section 5 */
    static const struct {
        const char *name;
        const EVP_MD *(*md)(void);
    } known[] = {{"sha-256", EVP_sha256}, {"sha-384", EVP_sha384}, {"sha-512", EVP_sha512}};
    for (size_t i = 0; i < XC_ARRAY_LEN(known); i++)
        if (OPENSSL_strcasecmp(hash, known[i].name) == 0)
            return known[i].md();
    return NULL;
}

void xc_dtls_set_data_only(struct xc_dtls *dtls)
{
    dtls->data_only = true;
}

static bool fingerprint_matches(const struct xc_dtls *dtls, X509 *certificate)
{
    for (size_t i = 0; i < dtls->fingerprints_count; i++) {
        const struct xc_dtls_fingerprint *wanted = &dtls->fingerprints[i];
        const EVP_MD *md = digest_named(wanted->hash);
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        if (md && X509_digest(certificate, md, digest, &size) && size == wanted->size &&
            CRYPTO_memcmp(digest, wanted->digest, size) == 0)
            return true;
    }
    return false;
}

/* Curves given by parameters: CVE-2022-0778 and its kin live there, no browser sends them. */
static bool key_acceptable(X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (!key)
        return false;
    int is_explicit = 0;
    if (EVP_PKEY_is_a(key, "EC") &&
        EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit))
        return !is_explicit;
    return true;
}

/* Runs in place of OpenSSL's chain check, in both roles after the profile is negotiated. */
static int verify_peer(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct xc_dtls *dtls = SSL_get_app_data(ssl);
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    if (!certificate || !key_acceptable(certificate) || !fingerprint_matches(dtls, certificate)) {
        dtls->failure = XC_DTLS_FAIL_FINGERPRINT;
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* alert bad_certificate */
        return 0;
    }
    if (!dtls->data_only && !SSL_get_selected_srtp_profile(ssl)) {
        dtls->failure = XC_DTLS_FAIL_NO_PROFILE;
        X509_STORE_CTX_set_error(store,
                                 X509_V_ERR_APPLICATION_VERIFICATION); /* handshake_failure */
        return 0;
    }
    dtls->verified = true;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* ---- Identity ---- */

static X509 *certificate_create(EVP_PKEY *key, uint64_t wall_s)
{
    static const unsigned char name[] = "xcall";
    const uint64_t day_s = 24 * 3600;
    uint64_t serial;
    X509 *certificate = X509_new();
    if (!certificate || RAND_bytes((unsigned char *)&serial, sizeof serial) != 1)
        goto failed;
    time_t from = (time_t)(wall_s > day_s ? wall_s - day_s : 0);
    time_t until = (time_t)(wall_s + VALID_DAYS * day_s);
    X509_NAME *subject = X509_get_subject_name(certificate);
    if (!X509_set_version(certificate, X509_VERSION_3) ||
        !ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) ||
        !ASN1_TIME_set(X509_getm_notBefore(certificate), from) ||
        !ASN1_TIME_set(X509_getm_notAfter(certificate), until) ||
        !X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) ||
        !X509_set_issuer_name(certificate, subject) || !X509_set_pubkey(certificate, key) ||
        !X509_sign(certificate, key, EVP_sha256()))
        goto failed;
    return certificate;
failed:
    X509_free(certificate);
    return NULL;
}

static bool context_configure(SSL_CTX *context, X509 *certificate, EVP_PKEY *key)
{
    SSL_CTX_set_security_level(context, SECURITY_LEVEL); /* RSA-2048, SHA-256 and better */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(context, XC_DTLS_CERTIFICATES_MAX);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify_peer, NULL);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) &&
           SSL_CTX_set_cipher_list(context, CIPHERS) && SSL_CTX_set1_groups_list(context, GROUPS) &&
           SSL_CTX_set_max_send_fragment(context, XC_MTU) &&
           SSL_CTX_set_tlsext_use_srtp(context, PROFILES) == 0 &&
           SSL_CTX_use_certificate(context, certificate) && SSL_CTX_use_PrivateKey(context, key);
}

struct xc_dtls_identity *xc_dtls_identity_create(uint64_t wall_s)
{
    /* A host that leaves by exit() while our threads run must not find OpenSSL taken apart. */
    OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
    ERR_clear_error();
    struct xc_dtls_identity *identity = OPENSSL_zalloc(sizeof *identity);
    if (!identity)
        return NULL;
    atomic_init(&identity->users, 1);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key ? certificate_create(key, wall_s) : NULL;
    identity->bio_method = bio_method_create();
    identity->context = certificate ? SSL_CTX_new(DTLS_method()) : NULL;
    bool ok = identity->bio_method && identity->context &&
              context_configure(identity->context, certificate, key) &&
              X509_digest(certificate, EVP_sha256(), identity->digest, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (ok)
        return identity;
    xc_dtls_identity_destroy(identity);
    return NULL;
}

void xc_dtls_identity_destroy(struct xc_dtls_identity *identity)
{
    if (!identity || atomic_fetch_sub(&identity->users, 1) != 1)
        return;
    SSL_CTX_free(identity->context);
    BIO_meth_free(identity->bio_method);
    OPENSSL_free(identity);
}

void xc_dtls_identity_fingerprint(const struct xc_dtls_identity *identity, uint8_t digest[32])
{
    memcpy(digest, identity->digest, sizeof identity->digest);
}

/* ---- Life ---- */

static bool ssl_open(struct xc_dtls *dtls)
{
    SSL *ssl = SSL_new(dtls->identity->context);
    BIO *bio = BIO_new(dtls->identity->bio_method);
    if (!ssl || !bio || !SSL_set_app_data(ssl, dtls)) {
        SSL_free(ssl);
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, dtls);
    SSL_set_bio(ssl, bio, bio);
    DTLS_set_link_mtu(ssl, XC_MTU);
    DTLS_set_timer_cb(ssl, timer_us);
    dtls->ssl = ssl;
    return true;
}

struct xc_dtls *xc_dtls_create(struct xc_dtls_identity *identity)
{
    ERR_clear_error();
    /* Not OPENSSL_zalloc: fresh pages stay untouched, and the queues are mostly never used. */
    struct xc_dtls *dtls = calloc(1, sizeof *dtls);
    if (!dtls)
        return NULL;
    atomic_fetch_add(&identity->users, 1);
    dtls->identity = identity;
    dtls->give_up_at = dtls->timer_at = dtls->alert_at = XC_NEVER;
    if (ssl_open(dtls))
        return dtls;
    ERR_clear_error();
    xc_dtls_destroy(dtls);
    return NULL;
}

void xc_dtls_destroy(struct xc_dtls *dtls)
{
    if (!dtls)
        return;
    SSL_free(dtls->ssl);
    xc_dtls_identity_destroy(dtls->identity);
    xc_wipe(dtls, sizeof *dtls); /* application data and handshake bytes may stand in its queues */
    free(dtls);
}

void xc_dtls_set_fingerprints(struct xc_dtls *dtls, const struct xc_dtls_fingerprint *list,
                              size_t count)
{
    if (dtls->state != XC_DTLS_NEW)
        return;
    dtls->fingerprints_count = XC_MIN(count, (size_t)XC_DTLS_FINGERPRINTS_MAX);
    for (size_t i = 0; i < dtls->fingerprints_count; i++) {
        dtls->fingerprints[i] = list[i];
        dtls->fingerprints[i].hash[sizeof list[i].hash - 1] = 0;
    }
}

static void take_role(struct xc_dtls *dtls)
{
    xc_dtls_gate_init(&dtls->gate, dtls->client);
    if (dtls->client)
        SSL_set_connect_state(dtls->ssl);
    else
        SSL_set_accept_state(dtls->ssl);
}

static void end(struct xc_dtls *dtls, int state, int failure)
{
    dtls->state = state;
    dtls->failure = failure;
    dtls->timer_at = dtls->alert_at = dtls->give_up_at = XC_NEVER;
}

void xc_dtls_start(struct xc_dtls *dtls, uint64_t now, bool client)
{
    if (dtls->started)
        return;
    dtls->started = true;
    dtls->client = client;
    if (dtls->state != XC_DTLS_NEW)
        return; /* closed before */
    dtls->state = XC_DTLS_CONNECTING;
    dtls->give_up_at = now + XC_DTLS_HANDSHAKE_MAX;
    dtls->progress_at = now;
    take_role(dtls);
    drive(dtls, now, xc_span_make(NULL, 0));
    /* A slot is given back only after its datagram is read: application data goes behind it. */
    for (uint32_t left = dtls->in.count; left > 0; left--) {
        struct slot *slot = queue_front(&dtls->in);
        drive(dtls, now, xc_span_make(slot->data, slot->size));
        queue_pop(&dtls->in);
    }
}

bool xc_dtls_started(const struct xc_dtls *dtls)
{
    return dtls->started;
}

/* ---- The machine ---- */

static bool restart_allowed(const struct xc_dtls *dtls)
{
    uint64_t started_at = dtls->give_up_at - XC_DTLS_HANDSHAKE_MAX;
    return dtls->restarts_count == 0 ||
           (dtls->restarts_count < RESTARTS_MAX && dtls->now - started_at < RESTARTS_WITHIN);
}

static void ssl_restart(struct xc_dtls *dtls)
{
    dtls->restarts_count++;
    SSL_free(dtls->ssl);
    dtls->ssl = NULL;
    dtls->out.count = 0; /* flights, and perhaps an alert, of the one that is gone */
    dtls->verified = false;
    dtls->plain_count = 0;
    dtls->failure = XC_DTLS_FAIL_NONE;
    dtls->timer_at = dtls->alert_at = XC_NEVER;
    dtls->progress_at = dtls->now;
    if (!ssl_open(dtls)) {
        end(dtls, XC_DTLS_FAILED, XC_DTLS_FAIL_MEMORY);
        return;
    }
    take_role(dtls);
}

/* What OpenSSL's error queue says of the call that failed. */
static int failure_of_errors(void)
{
    int failure = XC_DTLS_FAIL_PROTOCOL;
    for (unsigned long error; (error = ERR_get_error()) != 0;) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            failure = XC_DTLS_FAIL_MEMORY;
        else if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
                 ERR_GET_REASON(error) == SSL_R_READ_TIMEOUT_EXPIRED)
            failure = XC_DTLS_FAIL_TIMEOUT;
    }
    return failure;
}

/* The handshake failed for good in OpenSSL's eyes. What fails to parse may be a stranger's, so we
 * begin anew and say nothing; a certificate that does not match, memory and time are final. */
static void handshake_failed(struct xc_dtls *dtls, OSSL_HANDSHAKE_STATE state)
{
    int failure = failure_of_errors();
    if (dtls->failure != XC_DTLS_FAIL_NONE)
        failure = dtls->failure; /* said by verify_peer */
    bool useful = dtls->client || state == TLS_ST_BEFORE;
    if (failure == XC_DTLS_FAIL_PROTOCOL && useful && restart_allowed(dtls))
        ssl_restart(dtls);
    else
        end(dtls, XC_DTLS_FAILED, failure);
}

static void handshake_done(struct xc_dtls *dtls)
{
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(dtls->ssl);
    if (!dtls->verified ||
        (!profile &&
         !dtls->data_only)) { /* verify_peer saw to it; no key may ever depend on that */
        SSL_shutdown(dtls->ssl);
        end(dtls, XC_DTLS_FAILED,
            dtls->verified ? XC_DTLS_FAIL_NO_PROFILE : XC_DTLS_FAIL_FINGERPRINT);
        return;
    }
    end(dtls, XC_DTLS_CONNECTED, XC_DTLS_FAIL_NONE);
    dtls->gate.connected = true;
    if (profile)
        dtls->profile = (int)profile->id; /* XC_SRTP_* are the numbers of the registry */
}

/* One SSL_do_handshake over the records at hand. */
static void handshake_step(struct xc_dtls *dtls)
{
    ERR_clear_error();
    OSSL_HANDSHAKE_STATE before = SSL_get_state(dtls->ssl);
    int result = SSL_do_handshake(dtls->ssl);
    if (result == 1) {
        handshake_done(dtls);
        return;
    }
    if (dtls->gate.alert_seen && dtls->alert_at == XC_NEVER)
        dtls->alert_at = dtls->now + ALERT_GRACE;
    dtls->gate.alert_seen = false;
    int error = SSL_get_error(dtls->ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        handshake_failed(dtls, before);
    } else if (SSL_get_state(dtls->ssl) != before) {
        dtls->progress_at = dtls->now;
        dtls->alert_at = XC_NEVER;
    }
}

static void read_records(struct xc_dtls *dtls)
{
    for (;;) {
        uint8_t dropped[SLOT_SIZE]; /* of a caller that does not take its records */
        struct slot *slot = queue_room(&dtls->in);
        ERR_clear_error();
        int size = SSL_read(dtls->ssl, slot ? slot->data : dropped, SLOT_SIZE);
        if (size > 0) {
            dtls->data_used = true;
            if (slot) {
                slot->size = (uint16_t)size;
                dtls->in.count++;
            }
            continue;
        }
        switch (SSL_get_error(dtls->ssl, size)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return;
        case SSL_ERROR_ZERO_RETURN: /* close_notify, authenticated: epoch 1 only gets here */
            SSL_shutdown(dtls->ssl);
            end(dtls, XC_DTLS_CLOSED, XC_DTLS_FAIL_NONE);
            return;
        default:
            end(dtls, XC_DTLS_FAILED, failure_of_errors());
            return;
        }
    }
}

/* A ClientHello other than the one that is being worked on, which leads nowhere: that one was not
 * our peer's, or the peer began anew. */
static bool hello_replaced(struct xc_dtls *dtls)
{
    bool seen = dtls->gate.other_hello_seen;
    dtls->gate.other_hello_seen = false;
    return seen && dtls->state == XC_DTLS_CONNECTING && restart_allowed(dtls) &&
           dtls->now - dtls->progress_at >= STALLED_AFTER;
}

static void handshake(struct xc_dtls *dtls, struct xc_span datagram)
{
    int restarts_count = dtls->restarts_count;
    handshake_step(dtls);
    if (hello_replaced(dtls)) {
        ssl_restart(dtls);
        dtls->input = datagram;
        restarts_count = dtls->restarts_count;
        if (dtls->state == XC_DTLS_CONNECTING)
            handshake_step(dtls);
    }
    /* Begun anew by a failure: the client's hello goes out; what a server had is spoilt. */
    if (dtls->state == XC_DTLS_CONNECTING && dtls->restarts_count != restarts_count) {
        dtls->input = xc_span_make(NULL, 0);
        handshake_step(dtls);
    }
}

/* Feeds one datagram (or none) and lets OpenSSL do all that it can do. */
static void drive(struct xc_dtls *dtls, uint64_t now, struct xc_span datagram)
{
    dtls->now = now;
    dtls->input = datagram;
    if (dtls->state == XC_DTLS_CONNECTING)
        handshake(dtls, datagram);
    /* The record buffers (17 KB and 1.3 KB) go while only SRTP flows; out of memory is a loss. */
    if (dtls->state == XC_DTLS_CONNECTED && SSL_alloc_buffers(dtls->ssl)) {
        read_records(dtls);
        if (dtls->state == XC_DTLS_CONNECTED && !dtls->data_used)
            (void)!SSL_free_buffers(dtls->ssl);
    }
    ERR_clear_error();
    dtls->input = xc_span_make(NULL, 0);
}

void xc_dtls_input(struct xc_dtls *dtls, uint64_t now, struct xc_span datagram)
{
    if (datagram.size < XC_DTLS_RECORD_HEADER_SIZE)
        return;
    if (dtls->state == XC_DTLS_NEW)
        queue_push(&dtls->in, datagram.data, datagram.size);
    else if (dtls->state == XC_DTLS_CONNECTING || dtls->state == XC_DTLS_CONNECTED)
        drive(dtls, now, datagram);
}

size_t xc_dtls_output(struct xc_dtls *dtls, uint64_t now, uint8_t *out, size_t capacity)
{
    (void)now;
    struct slot *slot = queue_front(&dtls->out);
    if (!slot)
        return 0;
    size_t size = slot->size <= capacity ? slot->size : 0;
    memcpy(out, slot->data, size);
    queue_pop(&dtls->out);
    return size;
}

void xc_dtls_tick(struct xc_dtls *dtls, uint64_t now)
{
    if (dtls->state != XC_DTLS_CONNECTING)
        return;
    dtls->now = now;
    if (now >= dtls->give_up_at) {
        end(dtls, XC_DTLS_FAILED, XC_DTLS_FAIL_TIMEOUT);
        return;
    }
    if (now >= dtls->alert_at) {
        end(dtls, XC_DTLS_FAILED, XC_DTLS_FAIL_PROTOCOL);
        return;
    }
    if (now < dtls->timer_at)
        return;
    /* OpenSSL has the last word, by the wall clock; where that disagrees, ask again when it says.*/
    ERR_clear_error();
    long result = DTLSv1_handle_timeout(dtls->ssl);
    if (result < 0) {
        handshake_failed(dtls, SSL_get_state(dtls->ssl));
        if (dtls->state == XC_DTLS_CONNECTING)
            drive(dtls, now, xc_span_make(NULL, 0));
    } else if (result == 0 && now >= dtls->timer_at) {
        struct timeval left = {0, 1000};
        bool armed = DTLSv1_get_timeout(dtls->ssl, &left) == 1;
        uint64_t left_ns = (uint64_t)left.tv_sec * XC_NS_PER_S + (uint64_t)left.tv_usec * 1000;
        dtls->timer_at = armed ? now + XC_CLAMP(left_ns, XC_NS_PER_MS, dtls->timer_ns) : XC_NEVER;
    }
    ERR_clear_error();
}

uint64_t xc_dtls_deadline(const struct xc_dtls *dtls, uint64_t now)
{
    if (dtls->out.count > 0)
        return now;
    if (dtls->state != XC_DTLS_CONNECTING)
        return XC_NEVER;
    return xc_earlier(dtls->timer_at, xc_earlier(dtls->alert_at, dtls->give_up_at));
}

int xc_dtls_state(const struct xc_dtls *dtls)
{
    return dtls->state;
}

int xc_dtls_failure(const struct xc_dtls *dtls)
{
    return dtls->state == XC_DTLS_FAILED ? dtls->failure : XC_DTLS_FAIL_NONE;
}

int xc_dtls_profile(const struct xc_dtls *dtls)
{
    return dtls->state == XC_DTLS_CONNECTED ? dtls->profile : XC_SRTP_NONE;
}

const char *xc_dtls_cipher(const struct xc_dtls *dtls)
{
    return dtls->state == XC_DTLS_CONNECTED ? SSL_get_cipher_name(dtls->ssl) : "";
}

bool xc_dtls_export(struct xc_dtls *dtls, uint8_t local[XC_DTLS_KEYING_MAX],
                    uint8_t remote[XC_DTLS_KEYING_MAX], size_t *size)
{
    if (dtls->state != XC_DTLS_CONNECTED || !dtls->profile)
        return false;
    const size_t key = 16;
    const size_t salt = dtls->profile == XC_SRTP_AEAD_AES_128_GCM ? 12 : 14;
    uint8_t material[2 * (16 + 14)]; /* client key, server key, client salt, server salt */
    ERR_clear_error();
    bool ok = SSL_export_keying_material(dtls->ssl, material, 2 * (key + salt), EXPORT_LABEL,
                                         strlen(EXPORT_LABEL), NULL, 0, 0) == 1;
    if (ok) {
        uint8_t *client = dtls->client ? local : remote;
        uint8_t *server = dtls->client ? remote : local;
        memcpy(client, material, key);
        memcpy(client + key, material + 2 * key, salt);
        memcpy(server, material + key, key);
        memcpy(server + key, material + 2 * key + salt, salt);
        *size = key + salt;
    }
    xc_wipe(material, sizeof material);
    ERR_clear_error();
    return ok;
}

bool xc_dtls_send(struct xc_dtls *dtls, uint64_t now, struct xc_span record)
{
    if (dtls->state != XC_DTLS_CONNECTED || record.size == 0 || record.size > XC_DTLS_RECORD_MAX ||
        dtls->out.count == SLOTS_MAX)
        return false;
    dtls->now = now;
    dtls->data_used = true;
    ERR_clear_error();
    bool ok = SSL_alloc_buffers(dtls->ssl) &&
              SSL_write(dtls->ssl, record.data, (int)record.size) == (int)record.size;
    ERR_clear_error();
    return ok;
}

size_t xc_dtls_receive(struct xc_dtls *dtls, uint8_t *record, size_t capacity)
{
    if (dtls->state == XC_DTLS_NEW)
        return 0; /* what is there are early datagrams */
    struct slot *slot = queue_front(&dtls->in);
    if (!slot)
        return 0;
    size_t size = slot->size <= capacity ? slot->size : 0;
    memcpy(record, slot->data, size);
    queue_pop(&dtls->in);
    return size;
}

void xc_dtls_close(struct xc_dtls *dtls, uint64_t now)
{
    dtls->now = now;
    if (dtls->state == XC_DTLS_CLOSED || dtls->state == XC_DTLS_FAILED)
        return;
    ERR_clear_error();
    if (dtls->state == XC_DTLS_CONNECTED && SSL_alloc_buffers(dtls->ssl))
        SSL_shutdown(dtls->ssl);
    ERR_clear_error();
    if (dtls->state != XC_DTLS_CONNECTED)
        dtls->in.count = 0; /* early datagrams are no records */
    end(dtls, XC_DTLS_CLOSED, XC_DTLS_FAIL_NONE);
}
