/* test_dtls_peers.c - our DTLS against a bare OpenSSL peer set up as others do it: RSA, other
 * digests in the description, one profile only or none in common, no certificate, explicit curves,
 * hellos of several datagrams in small, lost and swapped fragments.
 * SPDX-License-Identifier: MIT */
#include "dtls_pair.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

struct raw {
    SSL_CTX *context;
    SSL *ssl;
    X509 *certificate;
    BIO *to_us, *from_us;
};

struct raw_options {
    const char *profiles; /* NULL: no use_srtp */
    const char *ciphers;
    const char *groups;
    bool rsa, no_certificate, explicit_curve, dtls_1_0;
    size_t padding; /* bytes of an unknown extension in the ClientHello */
    int mtu;
    bool data_only; /* of ours */
};

static uint8_t padding[4096];

static int add_padding(SSL *ssl, unsigned int type, const unsigned char **out, size_t *size,
                       int *alert, void *amount)
{
    (void)ssl, (void)type, (void)alert;
    *out = padding;
    *size = *(size_t *)amount;
    return 1;
}

static EVP_PKEY *raw_key(const struct raw_options *o)
{
    if (o->rsa)
        return EVP_RSA_gen(2048);
    if (!o->explicit_curve)
        return EVP_EC_gen("P-256");
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *generator = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_keygen_init(generator), 1);
    assert_int_equal(EVP_PKEY_CTX_set_group_name(generator, "P-256"), 1);
    assert_int_equal(EVP_PKEY_CTX_set_ec_param_enc(generator, OPENSSL_EC_EXPLICIT_CURVE), 1);
    assert_int_equal(EVP_PKEY_keygen(generator, &key), 1);
    EVP_PKEY_CTX_free(generator);
    return key;
}

static int accept_any(X509_STORE_CTX *store, void *unused)
{
    (void)store, (void)unused;
    return 1;
}

static void raw_open(struct raw *raw, bool client, const struct raw_options *o)
{
    raw->context = SSL_CTX_new(DTLS_method());
    EVP_PKEY *key = raw_key(o);
    raw->certificate = X509_new();
    X509_set_version(raw->certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(raw->certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(raw->certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(raw->certificate), 86400);
    X509_set_pubkey(raw->certificate, key);
    assert_true(X509_sign(raw->certificate, key, EVP_sha256()) > 0);
    if (!o->no_certificate) {
        assert_int_equal(SSL_CTX_use_certificate(raw->context, raw->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(raw->context, key), 1);
    }
    EVP_PKEY_free(key);
    SSL_CTX_set_security_level(raw->context, 0);
    SSL_CTX_set_options(raw->context, SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_verify(raw->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(raw->context, accept_any, NULL);
    if (o->dtls_1_0)
        SSL_CTX_set_max_proto_version(raw->context, DTLS1_VERSION);
    if (o->ciphers)
        assert_int_equal(SSL_CTX_set_cipher_list(raw->context, o->ciphers), 1);
    if (o->groups)
        assert_int_equal(SSL_CTX_set1_groups_list(raw->context, o->groups), 1);
    if (o->profiles)
        assert_int_equal(SSL_CTX_set_tlsext_use_srtp(raw->context, o->profiles), 0);
    if (o->padding)
        SSL_CTX_add_client_custom_ext(raw->context, 65123, add_padding, NULL,
                                      (void *)(uintptr_t)&o->padding, NULL, NULL);
    raw->ssl = SSL_new(raw->context);
    raw->from_us = BIO_new(BIO_s_mem());
    raw->to_us = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(raw->from_us, -1);
    BIO_set_mem_eof_return(raw->to_us, -1);
    SSL_set_bio(raw->ssl, raw->from_us, raw->to_us);
    DTLS_set_link_mtu(raw->ssl, o->mtu ? o->mtu : 1200);
    if (client)
        SSL_set_connect_state(raw->ssl);
    else
        SSL_set_accept_state(raw->ssl);
}

static void raw_close(struct raw *raw)
{
    SSL_free(raw->ssl);
    SSL_CTX_free(raw->context);
    X509_free(raw->certificate);
}

static struct xc_dtls_fingerprint raw_fingerprint(const struct raw *raw, const char *hash,
                                                  const EVP_MD *md)
{
    struct xc_dtls_fingerprint f = {.size = 0};
    unsigned int size = 0;
    memcpy(f.hash, hash, XC_MIN(strlen(hash), sizeof f.hash));
    assert_int_equal(X509_digest(raw->certificate, md, f.digest, &size), 1);
    f.size = (uint8_t)size;
    return f;
}

/* One record of what the raw peer wrote; the memory BIO has lost its datagram borders. */
static size_t raw_record(struct raw *raw, uint8_t *out)
{
    if (BIO_read(raw->to_us, out, 13) != 13)
        return 0;
    int size = xc_load16(out + 11);
    assert_int_equal(BIO_read(raw->to_us, out + 13, size), size);
    return 13 + (size_t)size;
}

/* SSL_read also answers a Finished that comes again. */
static void raw_step(struct raw *raw)
{
    uint8_t data[2048];
    ERR_clear_error();
    if (SSL_do_handshake(raw->ssl) == 1)
        SSL_read(raw->ssl, data, sizeof data);
}

struct channel {
    int lose;  /* the n-th record of the raw peer, -1 none */
    bool swap; /* each two records */
};

/* Steps both until the two have nothing more to say, for at most ten seconds. */
static void raw_run(struct raw *raw, struct xc_dtls *dtls, struct channel channel)
{
    uint8_t record[2][20000];
    uint64_t until = virtual_now + 10 * XC_NS_PER_S;
    int records = 0;
    while (virtual_now < until) {
        bool moved = false;
        size_t size, held = 0;
        ERR_clear_error();
        DTLSv1_handle_timeout(raw->ssl);
        raw_step(raw);
        while ((size = raw_record(raw, record[0])) > 0) {
            moved = true;
            if (records++ == channel.lose)
                continue;
            if (channel.swap && !held) {
                memcpy(record[1], record[0], held = size);
                continue;
            }
            xc_dtls_input(dtls, virtual_now, xc_span_make(record[0], size));
            if (held)
                xc_dtls_input(dtls, virtual_now, xc_span_make(record[1], held));
            held = 0;
        }
        if (held)
            xc_dtls_input(dtls, virtual_now, xc_span_make(record[1], held));
        while ((size = xc_dtls_output(dtls, virtual_now, record[0], sizeof record[0])) > 0) {
            moved = true;
            BIO_write(raw->from_us, record[0], (int)size);
            raw_step(raw);
        }
        if (moved)
            continue;
        if (xc_dtls_state(dtls) != XC_DTLS_CONNECTING && SSL_is_init_finished(raw->ssl))
            return;
        virtual_now += 10 * XC_NS_PER_MS;
        xc_dtls_tick(dtls, virtual_now);
    }
}

/* A whole course against a raw peer; what became of us. */
static int meet(bool raw_client, const struct raw_options *o, struct channel channel, int *failure)
{
    struct raw raw;
    raw_open(&raw, raw_client, o);
    struct xc_dtls *dtls = xc_dtls_create(ours);
    struct xc_dtls_fingerprint f = raw_fingerprint(&raw, "sha-256", EVP_sha256());
    xc_dtls_set_fingerprints(dtls, &f, 1);
    if (o->data_only)
        xc_dtls_set_data_only(dtls);
    xc_dtls_start(dtls, virtual_now, !raw_client);
    raw_run(&raw, dtls, channel);
    int state = xc_dtls_state(dtls);
    *failure = xc_dtls_failure(dtls);
    if (state == XC_DTLS_CONNECTED && !xc_dtls_profile(dtls)) {
        uint8_t key[2][XC_DTLS_KEYING_MAX];
        size_t size;
        assert_true(o->data_only);
        assert_false(xc_dtls_export(dtls, key[0], key[1], &size));
    } else if (state == XC_DTLS_CONNECTED) {
        uint8_t key[2][XC_DTLS_KEYING_MAX], material[60];
        size_t size;
        assert_true(xc_dtls_export(dtls, key[0], key[1], &size));
        assert_int_equal(SSL_export_keying_material(raw.ssl, material, 2 * size,
                                                    "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0),
                         1);
        /* RFC 5764 section 4.2: client key, server key, client salt, server salt */
        assert_memory_equal(key[raw_client], material, 16);
        assert_memory_equal(key[!raw_client], material + 16, 16);
        assert_memory_equal(key[raw_client] + 16, material + 32, size - 16);
        assert_memory_equal(key[!raw_client] + 16, material + 32 + size - 16, size - 16);
        assert_int_equal((int)SSL_get_selected_srtp_profile(raw.ssl)->id, xc_dtls_profile(dtls));
        *failure = -xc_dtls_profile(dtls);
    } else if (*failure == XC_DTLS_FAIL_FINGERPRINT || *failure == XC_DTLS_FAIL_NO_PROFILE) {
        assert_false(SSL_is_init_finished(raw.ssl)); /* told by an alert, in the handshake */
    }
    xc_dtls_destroy(dtls);
    raw_close(&raw);
    return state;
}

static const struct channel clean = {.lose = -1};

static void test_peers_that_connect(void **state)
{
    (void)state;
    static const struct {
        struct raw_options o;
        int profile;
    } cases[] = {
        {{.profiles = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"}, XC_SRTP_AEAD_AES_128_GCM},
        {{.profiles = "SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32"}, XC_SRTP_AES128_CM_SHA1_80},
        {{.profiles = "SRTP_AES128_CM_SHA1_80", .rsa = true}, XC_SRTP_AES128_CM_SHA1_80},
        {{.profiles = "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM",
          .rsa = true,
          .groups = "P-384:P-256"},
         XC_SRTP_AEAD_AES_128_GCM},
        {{.profiles = "SRTP_AEAD_AES_128_GCM", .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"},
         XC_SRTP_AEAD_AES_128_GCM},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        for (int raw_client = 0; raw_client < 2; raw_client++) {
            int failure;
            assert_int_equal(meet(raw_client, &cases[i].o, clean, &failure), XC_DTLS_CONNECTED);
            assert_int_equal(failure, -cases[i].profile);
        }
    }
}

/* A peer that has data channels alone (libdatachannel) offers no SRTP: fine where we want none. */
static void test_data_alone(void **state)
{
    (void)state;
    static const struct raw_options cases[] = {
        {.profiles = NULL, .data_only = true},
        {.profiles = "SRTP_AES128_CM_SHA1_32", .data_only = true}};
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        for (int raw_client = 0; raw_client < 2; raw_client++) {
            int failure;
            assert_int_equal(meet(raw_client, &cases[i], clean, &failure), XC_DTLS_CONNECTED);
            assert_int_equal(failure, XC_DTLS_FAIL_NONE);
        }
    }
}

static void test_peers_that_do_not(void **state)
{
    (void)state;
    static const struct {
        struct raw_options o;
        int as_client, as_server; /* our failure when the raw peer is server, client */
    } cases[] = {
        {{.profiles = NULL}, XC_DTLS_FAIL_NO_PROFILE, XC_DTLS_FAIL_NO_PROFILE},
        {{.profiles = "SRTP_AES128_CM_SHA1_32"}, XC_DTLS_FAIL_NO_PROFILE, XC_DTLS_FAIL_NO_PROFILE},
        {{.profiles = "SRTP_AEAD_AES_128_GCM", .explicit_curve = true}, -1, -1},
        {{.profiles = "SRTP_AEAD_AES_128_GCM", .ciphers = "ECDHE-ECDSA-AES128-SHA"},
         XC_DTLS_FAIL_PROTOCOL,
         XC_DTLS_FAIL_PROTOCOL},
        {{.profiles = "SRTP_AEAD_AES_128_GCM", .dtls_1_0 = true},
         XC_DTLS_FAIL_PROTOCOL,
         XC_DTLS_FAIL_PROTOCOL},
        {{.profiles = "SRTP_AEAD_AES_128_GCM", .groups = "P-521"},
         XC_DTLS_FAIL_PROTOCOL,
         XC_DTLS_FAIL_PROTOCOL},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        for (int raw_client = 0; raw_client < 2; raw_client++) {
            int failure;
            int wanted = raw_client ? cases[i].as_server : cases[i].as_client;
            assert_int_equal(meet(raw_client, &cases[i].o, clean, &failure), XC_DTLS_FAILED);
            if (wanted >= 0)
                assert_int_equal(failure, wanted);
        }
    }
    /* a client without a certificate */
    static const struct raw_options bare = {.profiles = "SRTP_AEAD_AES_128_GCM",
                                            .no_certificate = true};
    int failure;
    assert_int_equal(meet(true, &bare, clean, &failure), XC_DTLS_FAILED);
    assert_int_equal(failure, XC_DTLS_FAIL_PROTOCOL);
}

/* A ClientHello as large as those with ML-KEM, in fragments, each lost or swapped once. */
static void test_fragmented_hello(void **state)
{
    (void)state;
    static const struct raw_options two = {
        .profiles = "SRTP_AEAD_AES_128_GCM", .padding = 1300, .mtu = 1200};
    static const struct raw_options tiny = {
        .profiles = "SRTP_AEAD_AES_128_GCM", .padding = 1300, .mtu = 256};
    for (int lose = -1; lose < 12; lose++) {
        for (int swap = 0; swap < 2; swap++) {
            int failure;
            struct channel channel = {.lose = lose, .swap = swap};
            assert_int_equal(meet(true, &two, channel, &failure), XC_DTLS_CONNECTED);
            assert_int_equal(meet(true, &tiny, channel, &failure), XC_DTLS_CONNECTED);
            assert_int_equal(meet(false, &tiny, channel, &failure), XC_DTLS_CONNECTED);
        }
    }
}

/* Fragments that come before start are kept and lead to the same connection. */
static void test_fragmented_hello_early(void **state)
{
    (void)state;
    static const struct raw_options options = {
        .profiles = "SRTP_AEAD_AES_128_GCM", .padding = 1300, .mtu = 512};
    struct raw raw;
    uint8_t record[2048];
    size_t size;
    int early = 0;
    raw_open(&raw, true, &options);
    struct xc_dtls *dtls = xc_dtls_create(ours);
    struct xc_dtls_fingerprint f = raw_fingerprint(&raw, "sha-256", EVP_sha256());
    xc_dtls_set_fingerprints(dtls, &f, 1);
    SSL_do_handshake(raw.ssl);
    while ((size = raw_record(&raw, record)) > 0) {
        xc_dtls_input(dtls, virtual_now, xc_span_make(record, size));
        early++;
    }
    assert_true(early >= 3 && early <= XC_DTLS_EARLY_MAX);
    uint64_t begin = virtual_now;
    xc_dtls_start(dtls, virtual_now, false);
    raw_run(&raw, dtls, clean);
    assert_int_equal(xc_dtls_state(dtls), XC_DTLS_CONNECTED);
    assert_int_equal(virtual_now, begin);
    xc_dtls_destroy(dtls);
    raw_close(&raw);
}

static void test_fingerprint_forms(void **state)
{
    (void)state;
    const struct {
        const char *hash;
        const EVP_MD *md;
        int size; /* of the digest as described, 0: its own */
        int flip;
        bool ok;
    } cases[] = {
        {"sha-256", EVP_sha256(), 0, 0, true},
        {"Sha-256", EVP_sha256(), 0, 0, true},
        {"sha-384", EVP_sha384(), 0, 0, true},
        {"SHA-512", EVP_sha512(), 0, 0, true},
        {"sha-256", EVP_sha256(), 0, 1, false},
        {"sha-256", EVP_sha256(), 31, 0, false},
        {"sha-512", EVP_sha512(), 0, 1, false},
        {"sha-512", EVP_sha512(), 32, 0, false},
        {"sha-384", EVP_sha384(), 200, 0, false},
        {"sha-1", EVP_sha1(), 0, 0, false},
        {"sha-224", EVP_sha224(), 0, 0, false},
        {"md5", EVP_md5(), 0, 0, false},
        {"", EVP_sha256(), 0, 0, false},
        {"sha-384", EVP_sha256(), 0, 0, false},
        {"sha-256sha-256sh", EVP_sha256(), 0, 0, false},
    };
    static const struct raw_options options = {.profiles = "SRTP_AEAD_AES_128_GCM"};
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        for (size_t decoys = 0; decoys <= XC_DTLS_FINGERPRINTS_MAX; decoys++) {
            struct raw raw;
            raw_open(&raw, i & 1, &options);
            struct xc_dtls *dtls = xc_dtls_create(ours);
            struct xc_dtls_fingerprint list[XC_DTLS_FINGERPRINTS_MAX + 1];
            memset(list, 0, sizeof list);
            for (size_t j = 0; j < decoys; j++) {
                memcpy(list[j].hash, "sha-256", 7);
                list[j].size = 32;
            }
            list[decoys] = raw_fingerprint(&raw, cases[i].hash, cases[i].md);
            if (cases[i].size)
                list[decoys].size = (uint8_t)cases[i].size;
            list[decoys].digest[3] ^= (uint8_t)cases[i].flip;
            xc_dtls_set_fingerprints(dtls, list, decoys + 1);
            xc_dtls_start(dtls, virtual_now, !(i & 1));
            raw_run(&raw, dtls, clean);
            if (cases[i].ok && decoys < XC_DTLS_FINGERPRINTS_MAX)
                assert_int_equal(xc_dtls_state(dtls), XC_DTLS_CONNECTED);
            else
                assert_failed(dtls, XC_DTLS_FAIL_FINGERPRINT);
            xc_dtls_destroy(dtls);
            raw_close(&raw);
        }
    }
}

/* A peer that wants to renegotiate, or answers our records with garbage inside the channel. */
static void test_renegotiation_refused(void **state)
{
    (void)state;
    static const struct raw_options options = {.profiles = "SRTP_AEAD_AES_128_GCM"};
    for (int raw_client = 0; raw_client < 2; raw_client++) {
        struct raw raw;
        uint8_t record[2048];
        size_t size;
        raw_open(&raw, raw_client, &options);
        struct xc_dtls *dtls = xc_dtls_create(ours);
        struct xc_dtls_fingerprint f = raw_fingerprint(&raw, "sha-256", EVP_sha256());
        xc_dtls_set_fingerprints(dtls, &f, 1);
        xc_dtls_start(dtls, virtual_now, !raw_client);
        raw_run(&raw, dtls, clean);
        assert_int_equal(xc_dtls_state(dtls), XC_DTLS_CONNECTED);
        SSL_renegotiate(raw.ssl);
        SSL_do_handshake(raw.ssl);
        while ((size = raw_record(&raw, record)) > 0)
            xc_dtls_input(dtls, virtual_now, xc_span_make(record, size));
        assert_int_equal(xc_dtls_state(dtls), XC_DTLS_CONNECTED);
        xc_dtls_destroy(dtls);
        raw_close(&raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peers_that_connect),     cmocka_unit_test(test_data_alone),
        cmocka_unit_test(test_peers_that_do_not),      cmocka_unit_test(test_fragmented_hello),
        cmocka_unit_test(test_fragmented_hello_early), cmocka_unit_test(test_fingerprint_forms),
        cmocka_unit_test(test_renegotiation_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
