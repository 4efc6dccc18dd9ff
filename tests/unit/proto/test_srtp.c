/* test_srtp.c - SRTP and SRTCP through our ciphers: against a second implementation written here
 * from RFC 3711 and RFC 7714 (itself held against their vectors), replay, damage, bounds, and the
 * promise of no lock and no allocation for a packet, counted by this program's own malloc and
 * pthread_mutex_lock (linked with -rdynamic; the heap is counted only without a sanitizer).
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <srtp2/srtp.h>

#include "proto/srtp.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* ---- Interposed ---- */

#define EXPORTED __attribute__((visibility("default")))

static _Thread_local volatile unsigned long locks, allocations;

typedef int (*lock_fn)(pthread_mutex_t *);
typedef int (*rwlock_fn)(pthread_rwlock_t *);

EXPORTED int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static lock_fn real;
    if (!real)
        real = (lock_fn)dlsym(RTLD_NEXT, "pthread_mutex_lock");
    locks++;
    return real(mutex);
}

EXPORTED int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    static rwlock_fn real;
    if (!real)
        real = (rwlock_fn)dlsym(RTLD_NEXT, "pthread_rwlock_rdlock");
    locks++;
    return real(lock);
}

EXPORTED int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    static rwlock_fn real;
    if (!real)
        real = (rwlock_fn)dlsym(RTLD_NEXT, "pthread_rwlock_wrlock");
    locks++;
    return real(lock);
}

/* What libsrtp2 is made to answer, to see results that no test can wait for. */
static srtp_err_status_t forced;

#define FORCED(name)                                                                               \
    EXPORTED srtp_err_status_t name(srtp_t session, void *packet, int *size)                       \
    {                                                                                              \
        static srtp_err_status_t (*real)(srtp_t, void *, int *);                                   \
        if (!real)                                                                                 \
            real = (srtp_err_status_t(*)(srtp_t, void *, int *))dlsym(RTLD_NEXT, #name);           \
        return forced ? forced : real(session, packet, size);                                      \
    }
FORCED(srtp_protect)
FORCED(srtp_protect_rtcp)
FORCED(srtp_unprotect)
FORCED(srtp_unprotect_rtcp)

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

EXPORTED void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

EXPORTED void *realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}
#endif

/* ---- A second implementation ---- */

struct session_keys {
    uint8_t key[16], salt[14], auth[20];
};

static void aes_ctr(const uint8_t key[16], const uint8_t iv[16], uint8_t *bytes, size_t size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done;
    assert_int_equal(EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(context, bytes, &done, bytes, (int)size), 1);
    EVP_CIPHER_CTX_free(context);
}

/* RFC 3711 section 4.3.1 with index 0 and a derivation rate of 0. */
static void derive(const uint8_t *master, uint8_t label, uint8_t *out, size_t size,
                   size_t salt_size)
{
    uint8_t iv[16] = {0};
    memcpy(iv, master + 16, salt_size);
    iv[7] ^= label;
    memset(out, 0, size);
    aes_ctr(master, iv, out, size);
}

static void derive_all(const uint8_t *master, bool rtcp, size_t salt_size, struct session_keys *k)
{
    uint8_t base = rtcp ? 3 : 0;
    derive(master, base, k->key, 16, salt_size);
    derive(master, (uint8_t)(base + 1), k->auth, 20, salt_size);
    derive(master, (uint8_t)(base + 2), k->salt, salt_size, salt_size);
}

static size_t model_gcm(const uint8_t key[16], const uint8_t iv[12], const uint8_t *aad,
                        size_t aad_size, const uint8_t *more_aad, size_t more_size, uint8_t *bytes,
                        size_t size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done;
    assert_int_equal(EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(context, NULL, &done, aad, (int)aad_size), 1);
    if (more_size)
        assert_int_equal(EVP_EncryptUpdate(context, NULL, &done, more_aad, (int)more_size), 1);
    if (size)
        assert_int_equal(EVP_EncryptUpdate(context, bytes, &done, bytes, (int)size), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, bytes + size, &done), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, bytes + size), 1);
    EVP_CIPHER_CTX_free(context);
    return size + 16;
}

/* RFC 7714 section 8.1: 00 00 | SSRC | ROC | SEQ, xor salt. */
static size_t model_rtp_gcm(const struct session_keys *k, uint8_t *packet, size_t size,
                            size_t header, uint32_t roc)
{
    uint8_t iv[12] = {0};
    memcpy(iv + 2, packet + 8, 4);
    xc_store32(iv + 6, roc);
    memcpy(iv + 10, packet + 2, 2);
    for (int i = 0; i < 12; i++)
        iv[i] ^= k->salt[i];
    return header + model_gcm(k->key, iv, packet, header, NULL, 0, packet + header, size - header);
}

/* RFC 7714 section 9.1: 00 00 | SSRC | 00 00 | 0 + index, xor salt; AAD header | E + index. */
static size_t model_rtcp_gcm(const struct session_keys *k, uint8_t *packet, size_t size,
                             uint32_t index)
{
    uint8_t iv[12] = {0}, trailer[4];
    memcpy(iv + 2, packet + 4, 4);
    xc_store32(iv + 8, index);
    xc_store32(trailer, index | UINT32_C(1) << 31);
    for (int i = 0; i < 12; i++)
        iv[i] ^= k->salt[i];
    size = 8 + model_gcm(k->key, iv, packet, 8, trailer, 4, packet + 8, size - 8);
    memcpy(packet + size, trailer, 4);
    return size + 4;
}

static void model_cm_crypt(const struct session_keys *k, const uint8_t *ssrc, uint64_t index,
                           uint8_t *bytes, size_t size)
{
    uint8_t iv[16] = {0};
    memcpy(iv + 4, ssrc, 4);
    xc_store64(iv + 8, index << 16);
    for (int i = 0; i < 14; i++)
        iv[i] ^= k->salt[i];
    aes_ctr(k->key, iv, bytes, size);
}

static size_t model_rtp_cm(const struct session_keys *k, uint8_t *packet, size_t size,
                           size_t header, uint32_t roc)
{
    uint8_t mac[20];
    model_cm_crypt(k, packet + 8, (uint64_t)roc << 16 | xc_load16(packet + 2), packet + header,
                   size - header);
    xc_store32(packet + size, roc);
    assert_non_null(HMAC(EVP_sha1(), k->auth, 20, packet, size + 4, mac, NULL));
    memcpy(packet + size, mac, 10);
    return size + 10;
}

static size_t model_rtcp_cm(const struct session_keys *k, uint8_t *packet, size_t size,
                            uint32_t index)
{
    uint8_t mac[20];
    model_cm_crypt(k, packet + 4, index, packet + 8, size - 8);
    xc_store32(packet + size, index | UINT32_C(1) << 31);
    assert_non_null(HMAC(EVP_sha1(), k->auth, 20, packet, size + 4, mac, NULL));
    memcpy(packet + size + 4, mac, 10);
    return size + 14;
}

/* RFC 3711 appendix B.3. */
static void test_model_derivation(void **state)
{
    (void)state;
    static const uint8_t master[30] = {0xE1, 0xF9, 0x7A, 0x0D, 0x3E, 0x01, 0x8B, 0xE0, 0xD6, 0x4F,
                                       0xA3, 0x2C, 0x06, 0xDE, 0x41, 0x39, 0x0E, 0xC6, 0x75, 0xAD,
                                       0x49, 0x8A, 0xFE, 0xEB, 0xB6, 0x96, 0x0B, 0x3A, 0xAB, 0xE6};
    static const uint8_t key[16] = {0xC6, 0x1E, 0x7A, 0x93, 0x74, 0x4F, 0x39, 0xEE,
                                    0x10, 0x73, 0x4A, 0xFE, 0x3F, 0xF7, 0xA0, 0x87};
    static const uint8_t salt[14] = {0x30, 0xCB, 0xBC, 0x08, 0x86, 0x3D, 0x8C,
                                     0x85, 0xD4, 0x9D, 0xB3, 0x4A, 0x9A, 0xE1};
    static const uint8_t auth[20] = {0xCE, 0xBE, 0x32, 0x1F, 0x6F, 0xF7, 0x71, 0x6B, 0x6F, 0xD4,
                                     0xAB, 0x49, 0xAF, 0x25, 0x6A, 0x15, 0x6D, 0x38, 0xBA, 0xA4};
    struct session_keys k;
    derive_all(master, false, 14, &k);
    assert_memory_equal(k.key, key, 16);
    assert_memory_equal(k.salt, salt, 14);
    assert_memory_equal(k.auth, auth, 20);
}

static const struct session_keys rfc7714_keys = {
    .key = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    .salt = {0x51, 0x75, 0x69, 0x64, 0x20, 0x70, 0x72, 0x6f, 0x20, 0x71, 0x75, 0x6f}};

/* RFC 7714 section 16.1.1. */
static void test_model_rtp_gcm(void **state)
{
    (void)state;
    uint8_t packet[128] = {0x80, 0x40, 0xf1, 0x7b, 0x80, 0x41, 0xf8, 0xd3, 0x55, 0x01, 0xa0, 0xb2};
    static const uint8_t wanted[] = {
        0xf2, 0x4d, 0xe3, 0xa3, 0xfb, 0x34, 0xde, 0x6c, 0xac, 0xba, 0x86, 0x1c, 0x9d, 0x7e,
        0x4b, 0xca, 0xbe, 0x63, 0x3b, 0xd5, 0x0d, 0x29, 0x4e, 0x6f, 0x42, 0xa5, 0xf4, 0x7a,
        0x51, 0xc7, 0xd1, 0x9b, 0x36, 0xde, 0x3a, 0xdf, 0x88, 0x33, 0x89, 0x9d, 0x7f, 0x27,
        0xbe, 0xb1, 0x6a, 0x91, 0x52, 0xcf, 0x76, 0x5e, 0xe4, 0x39, 0x0c, 0xce};
    memcpy(packet + 12, "Gallia est omnis divisa in partes tres", 38);
    assert_int_equal(model_rtp_gcm(&rfc7714_keys, packet, 50, 12, 0), 66);
    assert_memory_equal(packet + 12, wanted, sizeof wanted);
}

/* RFC 7714 section 17.1. */
static void test_model_rtcp_gcm(void **state)
{
    (void)state;
    uint8_t packet[128] = {0x81, 0xc8, 0x00, 0x0d, 0x4d, 0x61, 0x72, 0x73, 0x4e, 0x54, 0x50,
                           0x31, 0x4e, 0x54, 0x50, 0x32, 0x52, 0x54, 0x50, 0x20, 0x00, 0x00,
                           0x04, 0x2a, 0x00, 0x00, 0xe9, 0x30, 0x4c, 0x75, 0x6e, 0x61, 0xde,
                           0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef,
                           0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef};
    static const uint8_t wanted[] = {
        0x63, 0xe9, 0x48, 0x85, 0xdc, 0xda, 0xb6, 0x7c, 0xa7, 0x27, 0xd7, 0x66, 0x2f,
        0x6b, 0x7e, 0x99, 0x7f, 0xf5, 0xc0, 0xf7, 0x6c, 0x06, 0xf3, 0x2d, 0xc6, 0x76,
        0xa5, 0xf1, 0x73, 0x0d, 0x6f, 0xda, 0x4c, 0xe0, 0x9b, 0x46, 0x86, 0x30, 0x3d,
        0xed, 0x0b, 0xb9, 0x27, 0x5b, 0xc8, 0x4a, 0xa4, 0x58, 0x96, 0xcf, 0x4d, 0x2f,
        0xc5, 0xab, 0xf8, 0x72, 0x45, 0xd9, 0xea, 0xde, 0x80, 0x00, 0x05, 0xd4};
    assert_int_equal(model_rtcp_gcm(&rfc7714_keys, packet, 52, 0x5d4), 72);
    assert_memory_equal(packet + 8, wanted, sizeof wanted);
}

/* ---- Two ends ---- */

static const int profiles[] = {XC_SRTP_AEAD_AES_128_GCM, XC_SRTP_AES128_CM_SHA1_80};

struct ends {
    struct xc_srtp *a, *b;
    uint8_t key[2][XC_DTLS_KEYING_MAX];
    size_t key_size;
};

static void ends_open(struct ends *ends, int profile)
{
    ends->key_size = profile == XC_SRTP_AEAD_AES_128_GCM ? 28 : 30;
    for (uint8_t i = 0; i < XC_DTLS_KEYING_MAX; i++) {
        ends->key[0][i] = (uint8_t)(i * 7 + 1);
        ends->key[1][i] = (uint8_t)(i * 5 + 99);
    }
    ends->a = xc_srtp_create(profile, ends->key[0], ends->key[1], ends->key_size);
    ends->b = xc_srtp_create(profile, ends->key[1], ends->key[0], ends->key_size);
    assert_non_null(ends->a);
    assert_non_null(ends->b);
}

static void ends_close(struct ends *ends)
{
    xc_srtp_destroy(ends->a);
    xc_srtp_destroy(ends->b);
}

enum { CAPACITY = 1600 };

/* An RTP packet with `payload` bytes, and the given number of CSRCs and extension words. */
static size_t rtp_make(uint8_t *packet, uint32_t ssrc, uint16_t seq, unsigned int csrcs,
                       unsigned int words, size_t payload)
{
    struct xc_writer w = xc_writer_make(packet, CAPACITY);
    xc_write8(&w, (uint8_t)(0x80 | (words ? 0x10 : 0) | csrcs));
    xc_write8(&w, 96);
    xc_write16(&w, seq);
    xc_write32(&w, 4711);
    xc_write32(&w, ssrc);
    for (unsigned int i = 0; i < csrcs; i++)
        xc_write32(&w, i);
    if (words) {
        xc_write16(&w, 0xbede);
        xc_write16(&w, (uint16_t)words);
        for (unsigned int i = 0; i < words; i++)
            xc_write32(&w, 0x10ff0000);
    }
    for (size_t i = 0; i < payload; i++)
        xc_write8(&w, (uint8_t)(i + seq));
    return w.size;
}

static size_t rtcp_make(uint8_t *packet, uint32_t ssrc, size_t body)
{
    memset(packet, 0x33, 8 + body);
    packet[0] = 0x80;
    packet[1] = 201;
    xc_store16(packet + 2, (uint16_t)((8 + body) / 4 - 1));
    xc_store32(packet + 4, ssrc);
    return 8 + body;
}

static int send_rtp(struct ends *ends, uint32_t ssrc, uint16_t seq)
{
    uint8_t packet[CAPACITY];
    size_t size = rtp_make(packet, ssrc, seq, 0, 0, 100);
    int result = xc_srtp_protect(ends->a, packet, &size, sizeof packet);
    return result ? 100 + result : xc_srtp_unprotect(ends->b, packet, &size);
}

static void test_create_arguments(void **state)
{
    (void)state;
    uint8_t key[XC_DTLS_KEYING_MAX] = {1};
    assert_true(xc_srtp_library_init());
    assert_null(xc_srtp_create(XC_SRTP_NONE, key, key, 30));
    assert_null(xc_srtp_create(2, key, key, 30));
    assert_null(xc_srtp_create(XC_SRTP_AEAD_AES_128_GCM, key, key, 30));
    assert_null(xc_srtp_create(XC_SRTP_AES128_CM_SHA1_80, key, key, 28));
    assert_null(xc_srtp_create(XC_SRTP_AES128_CM_SHA1_80, key, key, 0));
    xc_srtp_destroy(NULL);
    struct ends ends;
    ends_open(&ends, XC_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(xc_srtp_overhead(ends.a), 16);
    assert_int_equal(xc_srtcp_overhead(ends.a), 20);
    ends_close(&ends);
    ends_open(&ends, XC_SRTP_AES128_CM_SHA1_80);
    assert_int_equal(xc_srtp_overhead(ends.a), 10);
    assert_int_equal(xc_srtcp_overhead(ends.a), 14);
    ends_close(&ends);
}

/* Every byte of a packet equals the second implementation's, for all shapes and the first wrap. */
static void test_against_model_rtp(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        bool gcm = profiles[p] == XC_SRTP_AEAD_AES_128_GCM;
        struct ends ends;
        struct session_keys k;
        ends_open(&ends, profiles[p]);
        derive_all(ends.key[0], false, gcm ? 12 : 14, &k);
        uint32_t index = 30000;
        for (size_t payload = 0; payload < 1200; payload += payload < 40 ? 1 : 97) {
            uint8_t packet[CAPACITY], model[CAPACITY], plain[CAPACITY];
            unsigned int csrcs = (unsigned int)payload % 4, words = (unsigned int)payload % 3;
            size_t size = rtp_make(packet, 0x01020304, (uint16_t)index, csrcs, words, payload);
            size_t plain_size = size;
            memcpy(plain, packet, size);
            memcpy(model, packet, size);
            size_t wanted = gcm ? model_rtp_gcm(&k, model, size, size - payload, index >> 16)
                                : model_rtp_cm(&k, model, size, size - payload, index >> 16);
            assert_int_equal(xc_srtp_protect(ends.a, packet, &size, sizeof packet), XC_SRTP_OK);
            assert_int_equal(size, wanted);
            assert_int_equal(size, plain_size + xc_srtp_overhead(ends.a));
            assert_memory_equal(packet, model, size);
            assert_int_equal(xc_srtp_unprotect(ends.b, packet, &size), XC_SRTP_OK);
            assert_int_equal(size, plain_size);
            assert_memory_equal(packet, plain, size);
            index += 700; /* passes 2^16 on its way */
        }
        assert_true(index > 65536);
        ends_close(&ends);
    }
}

static void test_against_model_rtcp(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        bool gcm = profiles[p] == XC_SRTP_AEAD_AES_128_GCM;
        struct ends ends;
        struct session_keys k;
        ends_open(&ends, profiles[p]);
        derive_all(ends.key[0], true, gcm ? 12 : 14, &k);
        uint32_t index = 1; /* libsrtp2 counts before it sends */
        for (size_t body = 0; body < 400; body += 4, index++) {
            uint8_t packet[CAPACITY], model[CAPACITY], plain[CAPACITY];
            size_t size = rtcp_make(packet, 77, body), plain_size = size;
            memcpy(plain, packet, size);
            memcpy(model, packet, size);
            size_t wanted = gcm ? model_rtcp_gcm(&k, model, size, index)
                                : model_rtcp_cm(&k, model, size, index);
            assert_int_equal(xc_srtp_protect_rtcp(ends.a, packet, &size, sizeof packet),
                             XC_SRTP_OK);
            assert_int_equal(size, wanted);
            assert_int_equal(size, plain_size + xc_srtcp_overhead(ends.a));
            assert_memory_equal(packet, model, size);
            assert_int_equal(xc_srtp_unprotect_rtcp(ends.b, packet, &size), XC_SRTP_OK);
            assert_int_equal(size, plain_size);
            assert_memory_equal(packet, plain, size);
        }
        ends_close(&ends);
    }
}

/* ---- Replay, repetition, order ---- */

static void test_replay(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        struct ends ends;
        uint8_t packet[CAPACITY], kept[CAPACITY];
        ends_open(&ends, profiles[p]);
        size_t size = rtp_make(packet, 1, 100, 0, 0, 50), kept_size;
        assert_int_equal(xc_srtp_protect(ends.a, packet, &size, sizeof packet), XC_SRTP_OK);
        memcpy(kept, packet, kept_size = size);
        assert_int_equal(xc_srtp_unprotect(ends.b, packet, &size), XC_SRTP_OK);
        memcpy(packet, kept, size = kept_size);
        assert_int_equal(xc_srtp_unprotect(ends.b, packet, &size), XC_SRTP_REPLAY);
        /* the same packet again for a retransmission: the same bytes */
        size = rtp_make(packet, 1, 100, 0, 0, 50);
        assert_int_equal(xc_srtp_protect(ends.a, packet, &size, sizeof packet), XC_SRTP_OK);
        assert_int_equal(size, kept_size);
        assert_memory_equal(packet, kept, size);
        assert_int_equal(xc_srtp_unprotect(ends.b, packet, &size), XC_SRTP_REPLAY);
        /* RTCP: a report that comes twice */
        size = rtcp_make(packet, 1, 24);
        assert_int_equal(xc_srtp_protect_rtcp(ends.a, packet, &size, sizeof packet), XC_SRTP_OK);
        memcpy(kept, packet, kept_size = size);
        assert_int_equal(xc_srtp_unprotect_rtcp(ends.b, packet, &size), XC_SRTP_OK);
        memcpy(packet, kept, size = kept_size);
        assert_int_equal(xc_srtp_unprotect_rtcp(ends.b, packet, &size), XC_SRTP_REPLAY);
        ends_close(&ends);
    }
}

/* Packets up to a window (1024) late are taken once, older ones are refused. */
static void test_window(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        struct ends ends;
        static uint8_t late[3][CAPACITY];
        size_t size[3];
        ends_open(&ends, profiles[p]);
        for (uint16_t i = 0; i < 3; i++) {
            size[i] = rtp_make(late[i], 9, (uint16_t)(1000 + i), 0, 0, 20);
            assert_int_equal(xc_srtp_protect(ends.a, late[i], &size[i], CAPACITY), XC_SRTP_OK);
        }
        assert_int_equal(send_rtp(&ends, 9, 1002 + 900), XC_SRTP_OK);
        assert_int_equal(xc_srtp_unprotect(ends.b, late[2], &size[2]), XC_SRTP_OK);
        assert_int_equal(send_rtp(&ends, 9, 1000 + 1023), XC_SRTP_OK);
        assert_int_equal(xc_srtp_unprotect(ends.b, late[1], &size[1]), XC_SRTP_OK);
        assert_int_equal(send_rtp(&ends, 9, 1000 + 1100), XC_SRTP_OK);
        assert_int_equal(xc_srtp_unprotect(ends.b, late[0], &size[0]), XC_SRTP_REPLAY);
        assert_int_equal(send_rtp(&ends, 9, 1000), 100 + XC_SRTP_REPLAY); /* to send as well */
        ends_close(&ends);
    }
}

static void test_sequence_wrap(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        struct ends ends;
        uint8_t late[CAPACITY];
        ends_open(&ends, profiles[p]);
        assert_int_equal(send_rtp(&ends, 5, 20000), XC_SRTP_OK);
        assert_int_equal(send_rtp(&ends, 5, 50000), XC_SRTP_OK);
        assert_int_equal(send_rtp(&ends, 5, 65500), XC_SRTP_OK);
        size_t late_size = rtp_make(late, 5, 65510, 0, 0, 20);
        assert_int_equal(xc_srtp_protect(ends.a, late, &late_size, sizeof late), XC_SRTP_OK);
        /* 65511 to 3 are lost */
        for (unsigned int round = 0; round < 3; round++)
            for (unsigned int seq = 4; seq < 65500; seq += 5000) {
                assert_int_equal(send_rtp(&ends, 5, (uint16_t)seq), XC_SRTP_OK);
                if (round == 0 && seq == 4) /* one from before the wrap */
                    assert_int_equal(xc_srtp_unprotect(ends.b, late, &late_size), XC_SRTP_OK);
            }
        ends_close(&ends);
    }
}

/* ---- Damage ---- */

static void test_damaged(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        struct ends ends;
        uint8_t good[CAPACITY], packet[CAPACITY];
        ends_open(&ends, profiles[p]);
        for (int rtcp = 0; rtcp < 2; rtcp++) {
            size_t good_size = rtcp ? rtcp_make(good, 3, 24) : rtp_make(good, 3, 7, 1, 1, 30);
            assert_int_equal(rtcp ? xc_srtp_protect_rtcp(ends.a, good, &good_size, CAPACITY)
                                  : xc_srtp_protect(ends.a, good, &good_size, CAPACITY),
                             XC_SRTP_OK);
            for (size_t bit = 0; bit < 8 * good_size; bit++) {
                size_t size = good_size;
                memcpy(packet, good, size);
                packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_int_not_equal(rtcp ? xc_srtp_unprotect_rtcp(ends.b, packet, &size)
                                          : xc_srtp_unprotect(ends.b, packet, &size),
                                     XC_SRTP_OK);
            }
            for (size_t tag = 1; tag <= 20; tag++) { /* an end of zeros */
                size_t size = good_size;
                memcpy(packet, good, size);
                memset(packet + size - tag, 0, tag);
                assert_int_not_equal(rtcp ? xc_srtp_unprotect_rtcp(ends.b, packet, &size)
                                          : xc_srtp_unprotect(ends.b, packet, &size),
                                     XC_SRTP_OK);
            }
            for (size_t size = 0; size < good_size; size++) { /* exact memory, for ASan */
                uint8_t *exact = malloc(size ? size : 1);
                size_t cut = size;
                memcpy(exact, good, size);
                assert_int_not_equal(rtcp ? xc_srtp_unprotect_rtcp(ends.b, exact, &cut)
                                          : xc_srtp_unprotect(ends.b, exact, &cut),
                                     XC_SRTP_OK);
                free(exact);
            }
            size_t size = good_size; /* none of it has left a trace */
            memcpy(packet, good, size);
            assert_int_equal(rtcp ? xc_srtp_unprotect_rtcp(ends.b, packet, &size)
                                  : xc_srtp_unprotect(ends.b, packet, &size),
                             XC_SRTP_OK);
        }
        ends_close(&ends);
    }
}

static void test_wrong_key(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        struct ends ends;
        uint8_t packet[CAPACITY];
        ends_open(&ends, profiles[p]);
        size_t size = rtp_make(packet, 1, 1, 0, 0, 10);
        assert_int_equal(xc_srtp_protect(ends.a, packet, &size, sizeof packet), XC_SRTP_OK);
        assert_int_equal(xc_srtp_unprotect(ends.a, packet, &size), XC_SRTP_BAD_AUTH);
        size = rtcp_make(packet, 1, 4);
        assert_int_equal(xc_srtp_protect_rtcp(ends.a, packet, &size, sizeof packet), XC_SRTP_OK);
        assert_int_equal(xc_srtp_unprotect_rtcp(ends.a, packet, &size), XC_SRTP_BAD_AUTH);
        ends_close(&ends);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        struct ends ends;
        ends_open(&ends, profiles[p]);
        for (size_t length = 0; length <= 40; length++) {
            static const uint8_t firsts[] = {0x80, 0x00, 0x8f, 0x90, 0x9f, 0xff, 0xb1};
            for (size_t f = 0; f < XC_ARRAY_LEN(firsts); f++) {
                uint8_t *packet = malloc(length ? length : 1);
                memset(packet, 0xff, length ? length : 1);
                packet[0] = firsts[f];
                size_t size = length;
                assert_int_not_equal(xc_srtp_unprotect(ends.b, packet, &size), XC_SRTP_OK);
                size = length;
                assert_int_not_equal(xc_srtp_unprotect_rtcp(ends.b, packet, &size), XC_SRTP_OK);
                size = length; /* no room for what protecting adds */
                assert_int_equal(xc_srtp_protect(ends.a, packet, &size, length), XC_SRTP_BAD);
                assert_int_equal(xc_srtp_protect_rtcp(ends.a, packet, &size, length), XC_SRTP_BAD);
                free(packet);
            }
        }
        uint8_t packet[CAPACITY] = {0x80};
        for (size_t length = 0; length < 12; length++) {
            size_t size = length;
            assert_int_equal(xc_srtp_protect(ends.a, packet, &size, CAPACITY), XC_SRTP_BAD);
            if (length < 8)
                assert_int_equal(xc_srtp_protect_rtcp(ends.a, packet, &size, CAPACITY),
                                 XC_SRTP_BAD);
        }
        size_t size = rtp_make(packet, 1, 1, 0, 4, 0) - 1; /* an extension that is cut */
        assert_int_equal(xc_srtp_protect(ends.a, packet, &size, CAPACITY), XC_SRTP_BAD);
        ends_close(&ends);
    }
}

/* ---- Streams ---- */

static void test_streams_bounded(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        struct ends ends;
        uint8_t packet[CAPACITY];
        ends_open(&ends, profiles[p]);
        /* what does not authenticate takes no place */
        for (uint32_t ssrc = 0; ssrc < 1000; ssrc++) {
            size_t size = rtp_make(packet, ssrc, 1, 0, 0, 100);
            assert_int_equal(xc_srtp_unprotect(ends.b, packet, &size), XC_SRTP_BAD_AUTH);
        }
        for (uint32_t ssrc = 0; ssrc < XC_SRTP_STREAMS_MAX; ssrc++)
            assert_int_equal(send_rtp(&ends, ssrc, 1), XC_SRTP_OK);
        assert_int_equal(send_rtp(&ends, 1000, 1), 100 + XC_SRTP_BAD);
        assert_int_equal(send_rtp(&ends, 3, 2), XC_SRTP_OK);
        size_t size = rtcp_make(packet, 1000, 4);
        assert_int_equal(xc_srtp_protect_rtcp(ends.a, packet, &size, CAPACITY), XC_SRTP_BAD);
        /* the receiver's table is its own: a peer with other SSRCs is refused there */
        struct xc_srtp *other = ends.a;
        ends.a = xc_srtp_create(profiles[p], ends.key[0], ends.key[1], ends.key_size);
        assert_int_equal(send_rtp(&ends, 1000, 1), XC_SRTP_BAD);
        xc_srtp_remove(ends.b, 5, false);
        xc_srtp_remove(ends.b, 5, false);
        xc_srtp_remove(ends.b, 4242, false);
        assert_int_equal(send_rtp(&ends, 1000, 2), XC_SRTP_OK);
        assert_int_equal(send_rtp(&ends, 1001, 1), XC_SRTP_BAD);
        xc_srtp_destroy(ends.a);
        ends.a = other;
        ends_close(&ends);
    }
}

/* A sender that was removed never sends again under the same key. */
static void test_removed_sender(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends, XC_SRTP_AEAD_AES_128_GCM);
    for (uint32_t ssrc = 0; ssrc < 3 * XC_SRTP_STREAMS_MAX; ssrc++) {
        assert_int_equal(send_rtp(&ends, ssrc, 1), XC_SRTP_OK);
        xc_srtp_remove(ends.a, ssrc, true);
        xc_srtp_remove(ends.b, ssrc, false);
        assert_int_equal(send_rtp(&ends, ssrc, 2), 100 + XC_SRTP_BAD);
    }
    ends_close(&ends);
}

/* RFC 3711 section 9.2: a key that is used up ends the call. Its 2^31 reports are not sent here. */
static void test_results(void **state)
{
    (void)state;
    static const struct {
        srtp_err_status_t status;
        int result;
    } cases[] = {
        {srtp_err_status_key_expired, XC_SRTP_EXPIRED},
        {srtp_err_status_auth_fail, XC_SRTP_BAD_AUTH},
        {srtp_err_status_replay_fail, XC_SRTP_REPLAY},
        {srtp_err_status_replay_old, XC_SRTP_REPLAY},
        {srtp_err_status_alloc_fail, XC_SRTP_BAD},
        {srtp_err_status_cant_check, XC_SRTP_BAD},
    };
    struct ends ends;
    uint8_t packet[CAPACITY];
    ends_open(&ends, XC_SRTP_AEAD_AES_128_GCM);
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        forced = cases[i].status;
        size_t size = rtp_make(packet, 8, 8, 0, 0, 60);
        assert_int_equal(xc_srtp_protect(ends.a, packet, &size, CAPACITY), cases[i].result);
        assert_int_equal(xc_srtp_unprotect(ends.a, packet, &size), cases[i].result);
        size = rtcp_make(packet, 8, 60);
        assert_int_equal(xc_srtp_protect_rtcp(ends.a, packet, &size, CAPACITY), cases[i].result);
        assert_int_equal(xc_srtp_unprotect_rtcp(ends.a, packet, &size), cases[i].result);
    }
    forced = srtp_err_status_ok;
    assert_int_equal(send_rtp(&ends, 8, 8), XC_SRTP_OK);
    ends_close(&ends);
}

/* ---- Cost ---- */

static void test_no_lock_no_allocation(void **state)
{
    (void)state;
    for (size_t p = 0; p < XC_ARRAY_LEN(profiles); p++) {
        struct ends ends;
        uint8_t packet[CAPACITY];
        ends_open(&ends, profiles[p]);
        unsigned long locks_before = 0, allocations_before = 0;
        for (uint16_t seq = 0; seq < 200; seq++) {
            if (seq == 1) { /* the first packet of an SSRC makes its stream */
                locks_before = locks;
                allocations_before = allocations;
            }
            size_t size = rtp_make(packet, 6, seq, 0, 1, seq * 5u);
            assert_int_equal(xc_srtp_protect(ends.a, packet, &size, CAPACITY), XC_SRTP_OK);
            assert_int_equal(xc_srtp_unprotect(ends.b, packet, &size), XC_SRTP_OK);
            size = rtcp_make(packet, 6, 4u * seq);
            assert_int_equal(xc_srtp_protect_rtcp(ends.a, packet, &size, CAPACITY), XC_SRTP_OK);
            assert_int_equal(xc_srtp_unprotect_rtcp(ends.b, packet, &size), XC_SRTP_OK);
            /* nor does a forged one of a new SSRC */
            size = rtp_make(packet, 1000u + seq, seq, 0, 0, 50);
            assert_int_equal(xc_srtp_unprotect(ends.b, packet, &size), XC_SRTP_BAD_AUTH);
        }
        assert_int_equal(locks - locks_before, 0);
        assert_int_equal(allocations - allocations_before, 0);
        ends_close(&ends);
    }
    /* the counters do count */
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    unsigned long before = locks;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    assert_int_equal(locks - before, 1);
#ifndef SANITIZED
    before = allocations;
    void *volatile memory = malloc(1);
    free(memory);
    assert_int_equal(allocations - before, 1);
#endif
}

/* Threads that come at once, and a host that was here before. */
static void *init_thread(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)xc_srtp_library_init();
}

static int host_and_threads(void **state)
{
    (void)state;
    if (srtp_init() != srtp_err_status_ok)
        return -1;
    pthread_t threads[4];
    void *ok;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, init_thread, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &ok);
        if (!ok)
            return -1;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_derivation),
        cmocka_unit_test(test_model_rtp_gcm),
        cmocka_unit_test(test_model_rtcp_gcm),
        cmocka_unit_test(test_create_arguments),
        cmocka_unit_test(test_against_model_rtp),
        cmocka_unit_test(test_against_model_rtcp),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_sequence_wrap),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_wrong_key),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_streams_bounded),
        cmocka_unit_test(test_removed_sender),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_no_lock_no_allocation),
    };
    return cmocka_run_group_tests(tests, host_and_threads, NULL);
}
