/* fuzz_dtls.c - datagrams from anybody at any moment of a handshake between two of our ends, and
 * after it. What must hold: no crash, keys only when CONNECTED, output never above the MTU, and
 * deadlines that do not stand still.
 *
 *   |steps of the true handshake first|op|...|op|...
 *   op 0, 1: |size, 16 bit|bytes|  a datagram to the client, server
 *   op 2, 3: the next true datagram from client, server, its byte `at` xor `mask` |at, 16 bit|mask|
 *   op 4: time passes until the next deadline
 *
 * Bytes are equal from run to run: OpenSSL's random numbers are replaced by a counter.
 * SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_METHOD */

#include <stdlib.h>
#include <sys/time.h>

#include <openssl/rand.h>

#include "proto/dtls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t now;
static uint64_t random_state;

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv,
                                                        void *restrict zone)
{
    (void)zone;
    tv->tv_sec = (time_t)(1790000000 + now / XC_NS_PER_S);
    tv->tv_usec = (suseconds_t)(now % XC_NS_PER_S / XC_NS_PER_US);
    return 0;
}

static int fixed_bytes(unsigned char *out, int size)
{
    for (int i = 0; i < size; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
        out[i] = (unsigned char)(random_state >> 56);
    }
    return 1;
}

static int fixed_status(void)
{
    return 1;
}

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void examine(struct xc_dtls *dtls)
{
    uint8_t record[2048], key[2][XC_DTLS_KEYING_MAX];
    size_t size;
    int state = xc_dtls_state(dtls);
    bool connected = state == XC_DTLS_CONNECTED;
    check(xc_dtls_export(dtls, key[0], key[1], &size) == connected);
    check((xc_dtls_profile(dtls) != XC_SRTP_NONE) == connected);
    check((xc_dtls_failure(dtls) != XC_DTLS_FAIL_NONE) == (state == XC_DTLS_FAILED));
    while ((size = xc_dtls_receive(dtls, record, sizeof record)) > 0)
        check(state >= XC_DTLS_CONNECTED);
}

/* The next datagram of one end to the other; true when there was one. */
static bool carry(struct xc_dtls *from, struct xc_dtls *to, size_t at, uint8_t mask)
{
    uint8_t data[2048];
    size_t size = xc_dtls_output(from, now, data, sizeof data);
    check(size <= XC_MTU);
    if (size == 0)
        return false;
    data[at % size] ^= mask;
    uint8_t *exact = malloc(size); /* ASan guards its end */
    memcpy(exact, data, size);
    xc_dtls_input(to, now, xc_span_make(exact, size));
    free(exact);
    return true;
}

static void pass_time(struct xc_dtls *end[2])
{
    uint64_t next = xc_earlier(xc_dtls_deadline(end[0], now), xc_dtls_deadline(end[1], now));
    if (next == XC_NEVER)
        return;
    now = XC_MAX(now, next);
    for (int i = 0; i < 2; i++) {
        uint8_t data[2048];
        xc_dtls_tick(end[i], now);
        if (xc_dtls_state(end[i]) == XC_DTLS_CONNECTING)
            check(xc_dtls_deadline(end[i], now) > now || xc_dtls_output(end[i], now, data, 2048));
    }
}

static void one_op(struct xc_dtls *end[2], struct xc_reader *r)
{
    uint8_t op = xc_read8(r) % 5;
    if (op == 4) {
        pass_time(end);
    } else if (op >= 2) {
        size_t at = xc_read16(r);
        carry(end[op - 2], end[3 - op], at, xc_read8(r));
    } else {
        size_t size = XC_MIN((size_t)xc_read16(r), xc_reader_left(r));
        const uint8_t *bytes = xc_read_bytes(r, size);
        uint8_t *exact = malloc(size ? size : 1);
        if (bytes && size)
            memcpy(exact, bytes, size);
        xc_dtls_input(end[op], now, xc_span_make(exact, bytes ? size : 0));
        free(exact);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xc_dtls_identity *identity;
    static struct xc_dtls_fingerprint fingerprint = {.hash = "sha-256", .size = 32};
    if (!identity) {
        static const RAND_METHOD method = {
            .bytes = fixed_bytes, .pseudorand = fixed_bytes, .status = fixed_status};
        RAND_set_rand_method(&method);
        identity = xc_dtls_identity_create(1790000000);
        xc_dtls_identity_fingerprint(identity, fingerprint.digest);
    }
    now = XC_NS_PER_S;
    random_state = 1;
    struct xc_reader r = xc_reader_make(xc_span_make(data, size));
    struct xc_dtls *end[2] = {xc_dtls_create(identity), xc_dtls_create(identity)};
    for (int i = 0; i < 2; i++)
        xc_dtls_set_fingerprints(end[i], &fingerprint, 1);
    unsigned int steps = xc_read8(&r) % 10;
    if (steps == 9) /* the first op comes before start */
        one_op(end, &r);
    xc_dtls_start(end[0], now, true);
    xc_dtls_start(end[1], now, false);
    for (unsigned int i = 0; i < steps && i < 6; i++)
        carry(end[i & 1], end[!(i & 1)], 0, 0);
    for (int ops = 0; ops < 64 && xc_reader_left(&r) > 0; ops++) {
        one_op(end, &r);
        examine(end[0]);
        examine(end[1]);
    }
    for (int i = 0; i < 8; i++) { /* and what becomes of it when the network is kind again */
        bool moved = true;
        while (moved) {
            moved = carry(end[0], end[1], 0, 0);
            moved = carry(end[1], end[0], 0, 0) || moved;
        }
        pass_time(end);
    }
    examine(end[0]);
    examine(end[1]);
    xc_dtls_destroy(end[0]);
    xc_dtls_destroy(end[1]);
    return 0;
}
