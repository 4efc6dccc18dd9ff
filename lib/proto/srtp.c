/* srtp.c - SRTP and SRTCP (RFC 3711; AES-GCM of RFC 7714) by libsrtp2, its AES-CM, AES-GCM and
 * HMAC-SHA1 replaced by ones on OpenSSL: Debian's libsrtp2 sits on NSS, which takes locks and
 * heap for each packet; these take neither (tests/unit/proto/test_srtp.c counts them).
 * Thread: one object belongs to one thread. The replacement is made once a process; the types, the
 * fetched algorithms and libsrtp2 itself then stay for its whole life, since the host may use
 * libsrtp2 too (so srtp_shutdown and its process-wide handlers are never called).
 * SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA_CTX, see struct hmac */

#include "proto/srtp.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <srtp2/auth.h>
#include <srtp2/cipher.h>
#include <srtp2/srtp.h>

enum {
    AES_KEY_SIZE = SRTP_AES_128_KEY_LEN,
    AES_BLOCK_SIZE = 16,
    ICM_KEY_SIZE = SRTP_AES_ICM_128_KEY_LEN_WSALT,
    GCM_KEY_SIZE = SRTP_AES_GCM_128_KEY_LEN_WSALT,
    GCM_TAG_SIZE = 16,
    GCM_TAG_SIZE_SHORT = 8, /* only in libsrtp2's own self test */
    CM_TAG_SIZE = 10,
    SHA1_SIZE = 20,
    SHA1_BLOCK_SIZE = 64,
    RTP_HEADER_SIZE = 12,
    RTCP_HEADER_SIZE = 8,
    RTCP_INDEX_SIZE = 4,
    PACKET_SIZE_MAX = 65535,
    CREATE_HEAP_SIZE = 16384, /* a direction takes 3 to 5 KB */
    REPLAY_WINDOW = 1024,     /* packets; libsrtp2's 128 refuses video that comes 250 late */
};

/* What is fetched once: a fetch by name takes locks and heap, and a packet must not. */
static struct {
    pthread_once_t once;
    bool ready;
    EVP_CIPHER *ctr, *gcm;
} library = {.once = PTHREAD_ONCE_INIT};

/* A context that takes no more memory: libsrtp2 leaks a cipher whose init fails. */
static EVP_CIPHER_CTX *context_create(const EVP_CIPHER *algorithm)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context && EVP_EncryptInit_ex2(context, algorithm, NULL, NULL, NULL))
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

/* ---- AES-128 counter mode (RFC 3711 section 4.1.1) ---- */

struct icm {
    srtp_cipher_t cipher; /* what libsrtp2 holds; state points back here */
    EVP_CIPHER_CTX *context;
    uint8_t salt[AES_BLOCK_SIZE]; /* session salt * 2^16 */
};

static const srtp_cipher_type_t icm_type;
static const srtp_cipher_type_t gcm_type;
static const srtp_auth_type_t hmac_type;

static srtp_err_status_t icm_alloc(srtp_cipher_pointer_t *out, int key_size, int tag_size)
{
    (void)tag_size;
    if (key_size != ICM_KEY_SIZE)
        return srtp_err_status_bad_param;
    struct icm *icm = calloc(1, sizeof *icm);
    if (!icm)
        return srtp_err_status_alloc_fail;
    icm->context = context_create(library.ctr);
    if (!icm->context) {
        free(icm);
        return srtp_err_status_alloc_fail;
    }
    icm->cipher = (srtp_cipher_t){&icm_type, icm, key_size, SRTP_AES_ICM_128};
    *out = &icm->cipher;
    return srtp_err_status_ok;
}

static srtp_err_status_t icm_dealloc(srtp_cipher_pointer_t cipher)
{
    struct icm *icm = cipher->state;
    EVP_CIPHER_CTX_free(icm->context);
    xc_wipe(icm, sizeof *icm);
    free(icm);
    return srtp_err_status_ok;
}

static srtp_err_status_t icm_init(void *state, const uint8_t *key)
{
    struct icm *icm = state;
    memset(icm->salt, 0, sizeof icm->salt);
    memcpy(icm->salt, key + AES_KEY_SIZE, SRTP_SALT_LEN);
    if (!EVP_EncryptInit_ex2(icm->context, NULL, key, NULL, NULL))
        return srtp_err_status_init_fail;
    return srtp_err_status_ok;
}

static srtp_err_status_t icm_set_iv(void *state, uint8_t *iv, srtp_cipher_direction_t direction)
{
    (void)direction; /* a counter mode runs one way only */
    struct icm *icm = state;
    uint8_t counter[AES_BLOCK_SIZE];
    for (size_t i = 0; i < sizeof counter; i++)
        counter[i] = icm->salt[i] ^ iv[i];
    if (!EVP_EncryptInit_ex2(icm->context, NULL, NULL, counter, NULL))
        return srtp_err_status_cipher_fail;
    return srtp_err_status_ok;
}

static srtp_err_status_t icm_crypt(void *state, uint8_t *bytes, unsigned int *size)
{
    struct icm *icm = state;
    int done = 0;
    if (*size > INT32_MAX || !EVP_EncryptUpdate(icm->context, bytes, &done, bytes, (int)*size))
        return srtp_err_status_cipher_fail;
    *size = (unsigned int)done;
    return srtp_err_status_ok;
}

/* RFC 3711 appendix B.2. */
static const uint8_t icm_test_key[ICM_KEY_SIZE] = {
    0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
    0x3c, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd};
static uint8_t icm_test_iv[AES_BLOCK_SIZE]; /* not const: libsrtp2's prototype; zero */
static const uint8_t icm_test_plain[48];
static const uint8_t icm_test_stream[48] = {
    0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9, 0x5e, 0x80, 0xe1, 0x66, 0xb1, 0x6d, 0xd9, 0x2b, 0x4e, 0xb4,
    0xd2, 0x35, 0x13, 0x16, 0x2b, 0x02, 0xd0, 0xf7, 0x2a, 0x43, 0xa2, 0xfe, 0x4a, 0x5f, 0x97, 0xab,
    0x41, 0xe9, 0x5b, 0x3b, 0xb0, 0xa2, 0xe8, 0xdd, 0x47, 0x79, 0x01, 0xe4, 0xfc, 0xa8, 0x94, 0xc0};
static const srtp_cipher_test_case_t icm_test = {
    .key_length_octets = ICM_KEY_SIZE,
    .key = icm_test_key,
    .idx = icm_test_iv,
    .plaintext_length_octets = sizeof icm_test_plain,
    .plaintext = icm_test_plain,
    .ciphertext_length_octets = sizeof icm_test_stream,
    .ciphertext = icm_test_stream,
};

static const srtp_cipher_type_t icm_type = {
    .alloc = icm_alloc,
    .dealloc = icm_dealloc,
    .init = icm_init,
    .encrypt = icm_crypt,
    .decrypt = icm_crypt,
    .set_iv = icm_set_iv,
    .description = "AES-128 counter mode on OpenSSL EVP",
    .test_data = &icm_test,
    .id = SRTP_AES_ICM_128,
};

/* ---- AES-128-GCM (RFC 7714) ---- */

struct gcm {
    srtp_cipher_t cipher;
    EVP_CIPHER_CTX *context;
    unsigned int tag_size;
};

static srtp_err_status_t gcm_alloc(srtp_cipher_pointer_t *out, int key_size, int tag_size)
{
    if (key_size != GCM_KEY_SIZE || (tag_size != GCM_TAG_SIZE && tag_size != GCM_TAG_SIZE_SHORT))
        return srtp_err_status_bad_param;
    struct gcm *gcm = calloc(1, sizeof *gcm);
    if (!gcm)
        return srtp_err_status_alloc_fail;
    gcm->context = context_create(library.gcm);
    if (!gcm->context) {
        free(gcm);
        return srtp_err_status_alloc_fail;
    }
    gcm->tag_size = (unsigned int)tag_size;
    gcm->cipher = (srtp_cipher_t){&gcm_type, gcm, key_size, SRTP_AES_GCM_128};
    *out = &gcm->cipher;
    return srtp_err_status_ok;
}

static srtp_err_status_t gcm_dealloc(srtp_cipher_pointer_t cipher)
{
    struct gcm *gcm = cipher->state;
    EVP_CIPHER_CTX_free(gcm->context);
    xc_wipe(gcm, sizeof *gcm);
    free(gcm);
    return srtp_err_status_ok;
}

/* key is the AES key; libsrtp2 mixes the salt into the IV itself. */
static srtp_err_status_t gcm_init(void *state, const uint8_t *key)
{
    struct gcm *gcm = state;
    if (!EVP_CipherInit_ex2(gcm->context, NULL, key, NULL, 1, NULL))
        return srtp_err_status_init_fail;
    return srtp_err_status_ok;
}

static srtp_err_status_t gcm_set_iv(void *state, uint8_t *iv, srtp_cipher_direction_t direction)
{
    struct gcm *gcm = state;
    if (direction != srtp_direction_encrypt && direction != srtp_direction_decrypt)
        return srtp_err_status_bad_param;
    int encrypt = direction == srtp_direction_encrypt;
    if (!EVP_CipherInit_ex2(gcm->context, NULL, NULL, iv, encrypt, NULL))
        return srtp_err_status_cipher_fail;
    return srtp_err_status_ok;
}

static srtp_err_status_t gcm_set_aad(void *state, const uint8_t *aad, uint32_t size)
{
    struct gcm *gcm = state;
    int done;
    if (size > INT32_MAX || !EVP_CipherUpdate(gcm->context, NULL, &done, aad, (int)size))
        return srtp_err_status_cipher_fail;
    return srtp_err_status_ok;
}

static srtp_err_status_t gcm_encrypt(void *state, uint8_t *bytes, unsigned int *size)
{
    struct gcm *gcm = state;
    int done = 0;
    if (*size > INT32_MAX)
        return srtp_err_status_bad_param;
    if (*size && !EVP_CipherUpdate(gcm->context, bytes, &done, bytes, (int)*size))
        return srtp_err_status_cipher_fail;
    *size = (unsigned int)done;
    return srtp_err_status_ok;
}

static srtp_err_status_t gcm_get_tag(void *state, uint8_t *tag, uint32_t *size)
{
    struct gcm *gcm = state;
    uint8_t unused[AES_BLOCK_SIZE];
    int done;
    if (!EVP_CipherFinal_ex(gcm->context, unused, &done) ||
        EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_AEAD_GET_TAG, (int)gcm->tag_size, tag) <= 0)
        return srtp_err_status_cipher_fail;
    *size = gcm->tag_size;
    return srtp_err_status_ok;
}

/* bytes end in the tag; the plain text comes out in place, without it. */
static srtp_err_status_t gcm_decrypt(void *state, uint8_t *bytes, unsigned int *size)
{
    struct gcm *gcm = state;
    uint8_t unused[AES_BLOCK_SIZE];
    int done = 0, rest;
    if (*size < gcm->tag_size || *size > INT32_MAX)
        return srtp_err_status_bad_param;
    unsigned int text = *size - gcm->tag_size;
    if (EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_AEAD_SET_TAG, (int)gcm->tag_size,
                            bytes + text) <= 0)
        return srtp_err_status_cipher_fail;
    if (text && !EVP_CipherUpdate(gcm->context, bytes, &done, bytes, (int)text))
        return srtp_err_status_cipher_fail;
    if (EVP_CipherFinal_ex(gcm->context, unused, &rest) <= 0)
        return srtp_err_status_auth_fail;
    *size = (unsigned int)done;
    return srtp_err_status_ok;
}

/* The GCM specification's test case 4 (McGrew and Viega). */
static const uint8_t gcm_test_key[GCM_KEY_SIZE] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
                                                   0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
static uint8_t gcm_test_iv[] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce,
                                0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
static const uint8_t gcm_test_aad[] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                                       0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
static const uint8_t gcm_test_plain[] = {
    0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26,
    0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda, 0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31,
    0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95, 0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49,
    0xa6, 0xb5, 0x25, 0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
static const uint8_t gcm_test_cipher[] = {
    0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24, 0x4b, 0x72, 0x21, 0xb7, 0x84, 0xd0, 0xd4, 0x9c,
    0xe3, 0xaa, 0x21, 0x2f, 0x2c, 0x02, 0xa4, 0xe0, 0x35, 0xc1, 0x7e, 0x23, 0x29, 0xac, 0xa1, 0x2e,
    0x21, 0xd5, 0x14, 0xb2, 0x54, 0x66, 0x93, 0x1c, 0x7d, 0x8f, 0x6a, 0x5a, 0xac, 0x84, 0xaa, 0x05,
    0x1b, 0xa3, 0x0b, 0x39, 0x6a, 0x0a, 0xac, 0x97, 0x3d, 0x58, 0xe0, 0x91, /* then the tag */
    0x5b, 0xc9, 0x4f, 0xbc, 0x32, 0x21, 0xa5, 0xdb, 0x94, 0xfa, 0xe9, 0x5a, 0xe7, 0x12, 0x1a, 0x47};
static const srtp_cipher_test_case_t gcm_test = {
    .key_length_octets = GCM_KEY_SIZE,
    .key = gcm_test_key,
    .idx = gcm_test_iv,
    .plaintext_length_octets = sizeof gcm_test_plain,
    .plaintext = gcm_test_plain,
    .ciphertext_length_octets = sizeof gcm_test_cipher,
    .ciphertext = gcm_test_cipher,
    .aad_length_octets = sizeof gcm_test_aad,
    .aad = gcm_test_aad,
    .tag_length_octets = GCM_TAG_SIZE,
};

static const srtp_cipher_type_t gcm_type = {
    .alloc = gcm_alloc,
    .dealloc = gcm_dealloc,
    .init = gcm_init,
    .set_aad = gcm_set_aad,
    .encrypt = gcm_encrypt,
    .decrypt = gcm_decrypt,
    .set_iv = gcm_set_iv,
    .get_tag = gcm_get_tag,
    .description = "AES-128-GCM on OpenSSL EVP",
    .test_data = &gcm_test,
    .id = SRTP_AES_GCM_128,
};

/* ---- HMAC-SHA1 (RFC 2104) ---- */

/* On SHA_CTX, which OpenSSL 3 calls deprecated: its EVP digests and EVP_MAC allocate at each start
 * (3.0.22: twice a message), and here a start is the copy of a state that has the pad in it. */
struct hmac {
    srtp_auth_t auth;
    SHA_CTX inner, outer; /* with the key's pads hashed */
    SHA_CTX now;
};

static srtp_err_status_t hmac_alloc(srtp_auth_pointer_t *out, int key_size, int tag_size)
{
    if (key_size < 0 || key_size > SHA1_BLOCK_SIZE || tag_size < 0 || tag_size > SHA1_SIZE)
        return srtp_err_status_bad_param;
    struct hmac *hmac = calloc(1, sizeof *hmac);
    if (!hmac)
        return srtp_err_status_alloc_fail;
    hmac->auth = (srtp_auth_t){&hmac_type, hmac, tag_size, key_size, 0};
    *out = &hmac->auth;
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_dealloc(srtp_auth_pointer_t auth)
{
    struct hmac *hmac = auth->state;
    xc_wipe(hmac, sizeof *hmac);
    free(hmac);
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_start(void *state)
{
    struct hmac *hmac = state;
    hmac->now = hmac->inner;
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_init(void *state, const uint8_t *key, int key_size)
{
    struct hmac *hmac = state;
    uint8_t inner_pad[SHA1_BLOCK_SIZE], outer_pad[SHA1_BLOCK_SIZE];
    if (key_size < 0 || key_size > SHA1_BLOCK_SIZE)
        return srtp_err_status_bad_param;
    for (int i = 0; i < SHA1_BLOCK_SIZE; i++) {
        uint8_t byte = i < key_size ? key[i] : 0;
        inner_pad[i] = byte ^ 0x36;
        outer_pad[i] = byte ^ 0x5c;
    }
    bool ok = SHA1_Init(&hmac->inner) && SHA1_Update(&hmac->inner, inner_pad, SHA1_BLOCK_SIZE) &&
              SHA1_Init(&hmac->outer) && SHA1_Update(&hmac->outer, outer_pad, SHA1_BLOCK_SIZE);
    xc_wipe(inner_pad, sizeof inner_pad);
    xc_wipe(outer_pad, sizeof outer_pad);
    return ok ? hmac_start(state) : srtp_err_status_init_fail;
}

static srtp_err_status_t hmac_update(void *state, const uint8_t *bytes, int size)
{
    struct hmac *hmac = state;
    if (size < 0 || !SHA1_Update(&hmac->now, bytes, (size_t)size))
        return srtp_err_status_auth_fail;
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_compute(void *state, const uint8_t *bytes, int size, int tag_size,
                                      uint8_t *tag)
{
    struct hmac *hmac = state;
    uint8_t digest[SHA1_SIZE];
    if (tag_size < 0 || tag_size > SHA1_SIZE || hmac_update(state, bytes, size) ||
        !SHA1_Final(digest, &hmac->now))
        return srtp_err_status_auth_fail;
    hmac->now = hmac->outer;
    if (!SHA1_Update(&hmac->now, digest, SHA1_SIZE) || !SHA1_Final(digest, &hmac->now))
        return srtp_err_status_auth_fail;
    memcpy(tag, digest, (size_t)tag_size);
    return srtp_err_status_ok;
}

/* RFC 2202 section 3, test case 1. */
static const uint8_t hmac_test_key[SHA1_SIZE] = {0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
                                                 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
                                                 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b};
static const uint8_t hmac_test_data[] = {'H', 'i', ' ', 'T', 'h', 'e', 'r', 'e'};
static const uint8_t hmac_test_tag[SHA1_SIZE] = {0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72,
                                                 0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37,
                                                 0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00};
static const srtp_auth_test_case_t hmac_test = {
    .key_length_octets = sizeof hmac_test_key,
    .key = hmac_test_key,
    .data_length_octets = sizeof hmac_test_data,
    .data = hmac_test_data,
    .tag_length_octets = sizeof hmac_test_tag,
    .tag = hmac_test_tag,
};

static const srtp_auth_type_t hmac_type = {
    .alloc = hmac_alloc,
    .dealloc = hmac_dealloc,
    .init = hmac_init,
    .compute = hmac_compute,
    .update = hmac_update,
    .start = hmac_start,
    .description = "HMAC-SHA1 on OpenSSL",
    .test_data = &hmac_test,
    .id = SRTP_HMAC_SHA1,
};

/* ---- The library, once a process ---- */

static void library_init(void)
{
    /* A host that leaves by exit() while our threads run must not find OpenSSL taken apart. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    library.ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
    library.gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    if (!library.ctr || !library.gcm)
        return;
    /* bad_param is what a second srtp_init of a process answers: somebody was here before. If it
     * meant anything else, the replacements below fail. */
    srtp_err_status_t status = srtp_init();
    if (status != srtp_err_status_ok && status != srtp_err_status_bad_param)
        return;
    /* Each runs our known answers and libsrtp2's own through the new type. */
    library.ready = !srtp_replace_cipher_type(&icm_type, SRTP_AES_ICM_128) &&
                    !srtp_replace_cipher_type(&gcm_type, SRTP_AES_GCM_128) &&
                    !srtp_replace_auth_type(&hmac_type, SRTP_HMAC_SHA1);
}

bool xc_srtp_library_init(void)
{
    pthread_once(&library.once, library_init);
    return library.ready;
}

/* ---- One call's two directions ---- */

/* The SSRCs for which libsrtp2 holds a stream; its own list has no end. */
struct streams {
    uint32_t ssrc[XC_SRTP_STREAMS_MAX];
    uint32_t count;
    uint32_t latest; /* where the last packet's was: mostly the next one's too */
};

struct xc_srtp {
    srtp_t sender, receiver;
    struct streams sending, receiving;
    /* Senders removed: their index would begin at 0 again under the same key, and a keystream be
     * used twice (RFC 3711 section 9.1). The latest ones are remembered and refused. */
    struct streams retired;
    uint32_t rtp_tag_size;
};

static bool streams_find(struct streams *streams, uint32_t ssrc)
{
    if (streams->latest < streams->count && streams->ssrc[streams->latest] == ssrc)
        return true;
    for (uint32_t i = 0; i < streams->count; i++) {
        if (streams->ssrc[i] == ssrc) {
            streams->latest = i;
            return true;
        }
    }
    return false;
}

static bool streams_full(const struct streams *streams)
{
    return streams->count == XC_SRTP_STREAMS_MAX;
}

static void streams_add(struct streams *streams, uint32_t ssrc)
{
    streams->latest = streams->count;
    streams->ssrc[streams->count++] = ssrc;
}

static bool streams_remove(struct streams *streams, uint32_t ssrc)
{
    if (!streams_find(streams, ssrc))
        return false;
    uint32_t at = streams->latest;
    streams->count--;
    memmove(streams->ssrc + at, streams->ssrc + at + 1,
            (streams->count - at) * sizeof streams->ssrc[0]);
    return true;
}

/* srtp_create of libsrtp2 2.5.0 dereferences NULL when the second of its allocations fails, so it
 * is asked only when a block as large as all that it takes could be had a moment before. */
static bool heap_has_room(void)
{
    void *volatile probe = malloc(CREATE_HEAP_SIZE);
    bool room = probe != NULL;
    free(probe);
    return room;
}

static bool open_direction(srtp_t *session, int profile, const uint8_t *key, srtp_ssrc_type_t type)
{
    uint8_t copy[XC_DTLS_KEYING_MAX]; /* libsrtp2 wants it writable and keeps none of it */
    srtp_policy_t policy;
    if (!heap_has_room())
        return false;
    memset(&policy, 0, sizeof policy);
    if (profile == XC_SRTP_AEAD_AES_128_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
        memcpy(copy, key, GCM_KEY_SIZE);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
        memcpy(copy, key, ICM_KEY_SIZE);
    }
    policy.ssrc.type = type;
    policy.key = copy;
    policy.window_size = REPLAY_WINDOW;
    policy.allow_repeat_tx = 1;
    srtp_err_status_t status = srtp_create(session, &policy);
    xc_wipe(copy, sizeof copy);
    if (status)
        *session = NULL;
    return status == srtp_err_status_ok;
}

struct xc_srtp *xc_srtp_create(int profile, const uint8_t *local_key, const uint8_t *remote_key,
                               size_t key_size)
{
    bool gcm = profile == XC_SRTP_AEAD_AES_128_GCM;
    if (!gcm && profile != XC_SRTP_AES128_CM_SHA1_80)
        return NULL;
    if (key_size != (gcm ? GCM_KEY_SIZE : ICM_KEY_SIZE) || !xc_srtp_library_init())
        return NULL;
    struct xc_srtp *srtp = calloc(1, sizeof *srtp);
    if (!srtp)
        return NULL;
    srtp->rtp_tag_size = gcm ? GCM_TAG_SIZE : CM_TAG_SIZE;
    if (!open_direction(&srtp->sender, profile, local_key, ssrc_any_outbound) ||
        !open_direction(&srtp->receiver, profile, remote_key, ssrc_any_inbound)) {
        xc_srtp_destroy(srtp);
        ERR_clear_error();
        return NULL;
    }
    return srtp;
}

void xc_srtp_destroy(struct xc_srtp *srtp)
{
    if (!srtp)
        return;
    if (srtp->sender)
        srtp_dealloc(srtp->sender);
    if (srtp->receiver)
        srtp_dealloc(srtp->receiver);
    free(srtp);
}

static int result_of(srtp_err_status_t status)
{
    switch (status) {
    case srtp_err_status_ok:
        return XC_SRTP_OK;
    case srtp_err_status_auth_fail:
        return XC_SRTP_BAD_AUTH;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
    case srtp_err_status_pkt_idx_adv:
        return XC_SRTP_REPLAY;
    case srtp_err_status_key_expired:
        return XC_SRTP_EXPIRED;
    default:
        return XC_SRTP_BAD;
    }
}

/* Bytes before the payload, or 0 where header, CSRCs and extension do not fit (RFC 3550 5.1). */
static size_t rtp_header_size(const uint8_t *packet, size_t size)
{
    if (size < RTP_HEADER_SIZE || size > PACKET_SIZE_MAX || packet[0] >> 6 != 2)
        return 0;
    size_t header = RTP_HEADER_SIZE + 4 * (size_t)(packet[0] & 15);
    if (packet[0] & 0x10) {
        if (size < header + 4)
            return 0;
        header += 4 + 4 * (size_t)xc_load16(packet + header + 2);
    }
    return header <= size ? header : 0;
}

static bool rtcp_header_fits(const uint8_t *packet, size_t size)
{
    return size >= RTCP_HEADER_SIZE && size <= PACKET_SIZE_MAX && packet[0] >> 6 == 2;
}

typedef srtp_err_status_t (*transform_fn)(srtp_t session, void *packet, int *size);

static int protect(struct xc_srtp *srtp, transform_fn transform, uint32_t ssrc, uint8_t *packet,
                   size_t *size)
{
    bool known = streams_find(&srtp->sending, ssrc);
    if (!known && (streams_full(&srtp->sending) || streams_find(&srtp->retired, ssrc)))
        return XC_SRTP_BAD;
    int length = (int)*size;
    srtp_err_status_t status = transform(srtp->sender, packet, &length);
    if (status) {
        if (!known) /* it may have made the stream before it failed */
            srtp_remove_stream(srtp->sender, htonl(ssrc));
        return result_of(status);
    }
    if (!known)
        streams_add(&srtp->sending, ssrc);
    *size = (size_t)length;
    return XC_SRTP_OK;
}

int xc_srtp_protect(struct xc_srtp *srtp, uint8_t *packet, size_t *size, size_t capacity)
{
    if (capacity < XC_SRTP_TRAILER_MAX || *size > capacity - XC_SRTP_TRAILER_MAX ||
        !rtp_header_size(packet, *size))
        return XC_SRTP_BAD;
    return protect(srtp, srtp_protect, xc_load32(packet + 8), packet, size);
}

int xc_srtp_protect_rtcp(struct xc_srtp *srtp, uint8_t *packet, size_t *size, size_t capacity)
{
    if (capacity < XC_SRTP_TRAILER_MAX || *size > capacity - XC_SRTP_TRAILER_MAX ||
        !rtcp_header_fits(packet, *size))
        return XC_SRTP_BAD;
    return protect(srtp, srtp_protect_rtcp, xc_load32(packet + 4), packet, size);
}

/* libsrtp2 makes the stream of a new SSRC only for a packet that authenticates; with the table full
 * it is not even asked. */
static int unprotect(struct xc_srtp *srtp, transform_fn transform, uint32_t ssrc, uint8_t *packet,
                     size_t *size)
{
    bool known = streams_find(&srtp->receiving, ssrc);
    if (!known && streams_full(&srtp->receiving))
        return XC_SRTP_BAD;
    int length = (int)*size;
    srtp_err_status_t status = transform(srtp->receiver, packet, &length);
    if (status)
        return result_of(status);
    if (!known)
        streams_add(&srtp->receiving, ssrc);
    *size = (size_t)length;
    return XC_SRTP_OK;
}

int xc_srtp_unprotect(struct xc_srtp *srtp, uint8_t *packet, size_t *size)
{
    size_t header = rtp_header_size(packet, *size);
    if (!header || *size - header < srtp->rtp_tag_size)
        return XC_SRTP_BAD;
    return unprotect(srtp, srtp_unprotect, xc_load32(packet + 8), packet, size);
}

int xc_srtp_unprotect_rtcp(struct xc_srtp *srtp, uint8_t *packet, size_t *size)
{
    if (!rtcp_header_fits(packet, *size) || *size < RTCP_HEADER_SIZE + xc_srtcp_overhead(srtp))
        return XC_SRTP_BAD;
    return unprotect(srtp, srtp_unprotect_rtcp, xc_load32(packet + 4), packet, size);
}

size_t xc_srtp_overhead(const struct xc_srtp *srtp)
{
    return srtp->rtp_tag_size;
}

size_t xc_srtcp_overhead(const struct xc_srtp *srtp)
{
    return srtp->rtp_tag_size + RTCP_INDEX_SIZE;
}

void xc_srtp_remove(struct xc_srtp *srtp, uint32_t ssrc, bool sending)
{
    if (!streams_remove(sending ? &srtp->sending : &srtp->receiving, ssrc))
        return;
    srtp_remove_stream(sending ? srtp->sender : srtp->receiver, htonl(ssrc));
    if (!sending)
        return;
    if (streams_full(&srtp->retired))
        streams_remove(&srtp->retired, srtp->retired.ssrc[0]);
    streams_add(&srtp->retired, ssrc);
}
