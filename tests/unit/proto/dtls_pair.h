/* dtls_pair.h - two dtls objects in memory on virtual time, shared by the DTLS tests (a program
 * includes it once). OpenSSL's clock is the gettimeofday below: default visibility, and the program
 * is linked with -rdynamic, so that libssl finds it.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_DTLS_PAIR_H
#define XC_TEST_DTLS_PAIR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/time.h>

#include "proto/dtls.h"

#define WALL_S UINT64_C(1790000000)

static uint64_t virtual_now;

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv,
                                                        void *restrict zone)
{
    (void)zone;
    tv->tv_sec = (time_t)(WALL_S + virtual_now / XC_NS_PER_S);
    tv->tv_usec = (suseconds_t)(virtual_now % XC_NS_PER_S / XC_NS_PER_US);
    return 0;
}

/* ---- Two ends and what is between them ---- */

struct pair {
    struct xc_dtls *end[2]; /* 0: client */
    int sent;               /* datagrams so far */
    int lose;               /* index of the datagram to lose, -1 none */
    bool twice, backwards;
};

static struct xc_dtls_identity *ours, *theirs;

static inline struct xc_dtls_fingerprint fingerprint_of(const struct xc_dtls_identity *identity)
{
    struct xc_dtls_fingerprint f = {.hash = "SHA-256", .size = 32};
    xc_dtls_identity_fingerprint(identity, f.digest);
    return f;
}

static inline void trust(struct xc_dtls *dtls, const struct xc_dtls_identity *peer)
{
    struct xc_dtls_fingerprint f = fingerprint_of(peer);
    xc_dtls_set_fingerprints(dtls, &f, 1);
}

static inline void pair_open(struct pair *pair)
{
    *pair = (struct pair){.lose = -1};
    pair->end[0] = xc_dtls_create(ours);
    pair->end[1] = xc_dtls_create(theirs);
    assert_non_null(pair->end[0]);
    assert_non_null(pair->end[1]);
    trust(pair->end[0], theirs);
    trust(pair->end[1], ours);
}

static inline void pair_start(struct pair *pair, int first)
{
    xc_dtls_start(pair->end[first], virtual_now, first == 0);
    xc_dtls_start(pair->end[!first], virtual_now, first == 1);
}

static inline void pair_close(struct pair *pair)
{
    xc_dtls_destroy(pair->end[0]);
    xc_dtls_destroy(pair->end[1]);
}

/* Everything that waits on `from` to the other end; true when there was something. */
static inline bool carry(struct pair *pair, int from)
{
    uint8_t data[8][2048];
    size_t size[8];
    int count = 0;
    while (count < 8 && (size[count] = xc_dtls_output(pair->end[from], virtual_now, data[count],
                                                      sizeof data[count])) > 0)
        count++;
    for (int i = 0; i < count; i++) {
        int at = pair->backwards ? count - 1 - i : i;
        assert_true(size[at] <= XC_MTU);
        if (pair->sent++ == pair->lose)
            continue;
        for (int copies = pair->twice ? 2 : 1; copies > 0; copies--)
            xc_dtls_input(pair->end[!from], virtual_now, xc_span_make(data[at], size[at]));
    }
    return count > 0;
}

static inline void settle(struct pair *pair)
{
    bool moved = true;
    while (moved) {
        moved = carry(pair, 0);
        moved = carry(pair, 1) || moved;
    }
}

/* Runs until both ends have left CONNECTING; the time that took. */
static inline uint64_t run(struct pair *pair)
{
    uint64_t begin = virtual_now;
    for (int steps = 0; steps < 200; steps++) {
        settle(pair);
        uint64_t next = xc_earlier(xc_dtls_deadline(pair->end[0], virtual_now),
                                   xc_dtls_deadline(pair->end[1], virtual_now));
        if (next == XC_NEVER)
            break;
        virtual_now = XC_MAX(next, virtual_now);
        xc_dtls_tick(pair->end[0], virtual_now);
        xc_dtls_tick(pair->end[1], virtual_now);
    }
    return virtual_now - begin;
}

static inline void assert_connected(struct pair *pair, int profile)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(xc_dtls_state(pair->end[i]), XC_DTLS_CONNECTED);
        assert_int_equal(xc_dtls_failure(pair->end[i]), XC_DTLS_FAIL_NONE);
        assert_int_equal(xc_dtls_profile(pair->end[i]), profile);
        assert_true(xc_dtls_deadline(pair->end[i], virtual_now) == XC_NEVER);
    }
    uint8_t key[4][XC_DTLS_KEYING_MAX];
    size_t size[2];
    assert_true(xc_dtls_export(pair->end[0], key[0], key[1], &size[0]));
    assert_true(xc_dtls_export(pair->end[1], key[2], key[3], &size[1]));
    assert_int_equal(size[0], profile == XC_SRTP_AEAD_AES_128_GCM ? 28 : 30);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(key[0], key[3], size[0]);
    assert_memory_equal(key[1], key[2], size[0]);
    assert_memory_not_equal(key[0], key[1], size[0]);
}

static inline void assert_failed(struct xc_dtls *dtls, int failure)
{
    uint8_t key[2][XC_DTLS_KEYING_MAX];
    size_t size;
    assert_int_equal(xc_dtls_state(dtls), XC_DTLS_FAILED);
    assert_int_equal(xc_dtls_failure(dtls), failure);
    assert_int_equal(xc_dtls_profile(dtls), XC_SRTP_NONE);
    assert_string_equal(xc_dtls_cipher(dtls), "");
    assert_false(xc_dtls_export(dtls, key[0], key[1], &size));
    assert_false(xc_dtls_send(dtls, virtual_now, xc_span_make("x", 1)));
}

static inline int setup(void **state)
{
    (void)state;
    virtual_now = 5 * XC_NS_PER_S;
    ours = xc_dtls_identity_create(WALL_S);
    theirs = xc_dtls_identity_create(WALL_S);
    return ours && theirs ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    xc_dtls_identity_destroy(ours);
    xc_dtls_identity_destroy(theirs);
    return 0;
}

#endif
