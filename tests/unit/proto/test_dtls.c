/* test_dtls.c - the DTLS machine in memory on virtual time: both roles, each datagram of a
 * handshake lost in turn, forged and damaged datagrams, application data and the end, allocation failures.
 * SPDX-License-Identifier: MIT */
#include "dtls_pair.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "proto/dtls_gate.h"

/* ---- Allocation: counted, and failing on demand ---- */

static long allocations, fail_at = -1, fail_every;

static bool allocation_fails(void)
{
    allocations++;
    if (fail_at < 0 || allocations <= fail_at)
        return false;
    return allocations == fail_at + 1 || fail_every;
}

static void *counted_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return allocation_fails() ? NULL : malloc(size);
}

static void *counted_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return allocation_fails() ? NULL : realloc(memory, size);
}

static void counted_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

/* ---- The plain course ---- */

static void test_handshake_client_first(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    assert_int_equal(xc_dtls_state(pair.end[0]), XC_DTLS_NEW);
    assert_false(xc_dtls_started(pair.end[0]));
    assert_true(xc_dtls_deadline(pair.end[0], virtual_now) == XC_NEVER);
    pair_start(&pair, 0);
    assert_true(xc_dtls_started(pair.end[0]));
    assert_int_equal(run(&pair), 0);
    /* ClientHello; ServerHello..Done; Certificate..Finished; Finished: one full datagram each */
    assert_int_equal(pair.sent, 4);
    assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
    assert_string_equal(xc_dtls_cipher(pair.end[0]), "ECDHE-ECDSA-AES128-GCM-SHA256");
    pair_close(&pair);
}

/* The client's first datagrams come before the server's start and are kept. */
static void test_handshake_early_datagrams(void **state)
{
    (void)state;
    for (int floods = 0; floods <= 20; floods += 10) {
        struct pair pair;
        uint8_t hello[2048];
        pair_open(&pair);
        xc_dtls_start(pair.end[0], virtual_now, true);
        size_t size = xc_dtls_output(pair.end[0], virtual_now, hello, sizeof hello);
        assert_true(size > 0);
        for (int i = 0; i <= floods; i++)
            xc_dtls_input(pair.end[1], virtual_now, xc_span_make(hello, size));
        assert_int_equal(xc_dtls_receive(pair.end[1], hello, sizeof hello), 0);
        xc_dtls_start(pair.end[1], virtual_now, false);
        assert_int_equal(run(&pair), 0);
        assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
        assert_int_equal(xc_dtls_receive(pair.end[1], hello, sizeof hello), 0);
        pair_close(&pair);
    }
}

static void test_handshake_server_first(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    pair_start(&pair, 1);
    run(&pair);
    assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
    pair_close(&pair);
}

static void test_identity(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    xc_dtls_identity_fingerprint(ours, a);
    xc_dtls_identity_fingerprint(theirs, b);
    assert_memory_not_equal(a, b, 32);
    /* a dtls object keeps its identity */
    struct xc_dtls_identity *identity = xc_dtls_identity_create(0);
    assert_non_null(identity);
    struct xc_dtls *dtls = xc_dtls_create(identity);
    xc_dtls_identity_destroy(identity);
    xc_dtls_start(dtls, virtual_now, true);
    assert_true(xc_dtls_output(dtls, virtual_now, a, sizeof a) == 0); /* too small: dropped */
    xc_dtls_destroy(dtls);
    xc_dtls_destroy(NULL);
    xc_dtls_identity_destroy(NULL);
}

/* ---- Loss, order ---- */

static void test_each_datagram_lost(void **state)
{
    (void)state;
    for (int lose = 0; lose < 8; lose++) {
        struct pair pair;
        pair_open(&pair);
        pair.lose = lose;
        pair_start(&pair, 0);
        uint64_t took = run(&pair);
        assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
        assert_int_equal(took, lose < 4 ? 50 * XC_NS_PER_MS : 0);
        pair_close(&pair);
    }
}

static void test_twice_and_backwards(void **state)
{
    (void)state;
    for (int mode = 1; mode < 4; mode++) {
        struct pair pair;
        pair_open(&pair);
        pair.twice = mode & 1;
        pair.backwards = mode & 2;
        pair_start(&pair, 0);
        run(&pair);
        assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
        pair_close(&pair);
    }
}

/* A link that is dead for a while, shorter than XC_DTLS_HANDSHAKE_MAX. */
static void test_outage(void **state)
{
    (void)state;
    for (uint64_t dead_s = 1; dead_s <= 24; dead_s += 23) {
        struct pair pair;
        uint8_t data[2048];
        uint64_t begin = virtual_now;
        pair_open(&pair);
        pair_start(&pair, 0);
        while (virtual_now < begin + dead_s * XC_NS_PER_S) {
            while (xc_dtls_output(pair.end[0], virtual_now, data, sizeof data))
                ;
            virtual_now =
                XC_MIN(xc_dtls_deadline(pair.end[0], virtual_now), begin + dead_s * XC_NS_PER_S);
            xc_dtls_tick(pair.end[0], virtual_now);
        }
        run(&pair);
        assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
        pair_close(&pair);
    }
}

static void test_no_answer(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++) {
        struct pair pair;
        uint8_t data[2048];
        int sent = 0;
        uint64_t begin = virtual_now;
        pair_open(&pair);
        struct xc_dtls *dtls = pair.end[!client];
        xc_dtls_start(dtls, virtual_now, client);
        while (xc_dtls_state(dtls) == XC_DTLS_CONNECTING) {
            while (xc_dtls_output(dtls, virtual_now, data, sizeof data))
                sent++;
            uint64_t next = xc_dtls_deadline(dtls, virtual_now);
            assert_true(next > virtual_now && next != XC_NEVER);
            virtual_now = next;
            xc_dtls_tick(dtls, virtual_now);
        }
        assert_failed(dtls, XC_DTLS_FAIL_TIMEOUT);
        assert_int_equal(sent, client ? 13 : 0);
        assert_in_range(virtual_now - begin, 29 * XC_NS_PER_S, XC_DTLS_HANDSHAKE_MAX);
        pair_close(&pair);
    }
}

/* Our clock and OpenSSL's may disagree: nothing spins, nothing is lost. */
static void test_wall_clock_stands(void **state)
{
    (void)state;
    struct pair pair;
    uint8_t data[2048];
    pair_open(&pair);
    xc_dtls_start(pair.end[0], virtual_now, true);
    assert_true(xc_dtls_output(pair.end[0], virtual_now, data, sizeof data) > 0);
    uint64_t ahead = xc_dtls_deadline(pair.end[0], virtual_now);
    assert_int_equal(ahead - virtual_now, 50 * XC_NS_PER_MS);
    xc_dtls_tick(pair.end[0], ahead); /* gettimeofday still says the old time */
    assert_int_equal(xc_dtls_output(pair.end[0], ahead, data, sizeof data), 0);
    assert_int_equal(xc_dtls_deadline(pair.end[0], ahead) - ahead, 50 * XC_NS_PER_MS);
    virtual_now += 50 * XC_NS_PER_MS;
    xc_dtls_tick(pair.end[0], ahead + 50 * XC_NS_PER_MS);
    assert_true(xc_dtls_output(pair.end[0], ahead, data, sizeof data) > 0);
    pair_close(&pair);
}

/* ---- Fingerprints ---- */

static void test_fingerprint_mismatch(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        struct pair pair;
        pair_open(&pair);
        trust(pair.end[victim], victim == 0 ? ours : theirs); /* its own: not the peer's */
        pair_start(&pair, 0);
        run(&pair);
        assert_failed(pair.end[victim], XC_DTLS_FAIL_FINGERPRINT);
        /* the other end was told by an alert, or has an answer that it cannot use */
        assert_failed(pair.end[!victim], XC_DTLS_FAIL_PROTOCOL);
        pair_close(&pair);
    }
}

static void test_fingerprint_missing(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        struct pair pair;
        pair_open(&pair);
        xc_dtls_set_fingerprints(pair.end[victim], NULL, 0);
        pair_start(&pair, 0);
        trust(pair.end[victim], victim ? ours : theirs); /* too late: ignored */
        run(&pair);
        assert_failed(pair.end[victim], XC_DTLS_FAIL_FINGERPRINT);
        pair_close(&pair);
    }
}

/* ---- Application data and the end ---- */

static void test_application_data(void **state)
{
    (void)state;
    struct pair pair;
    uint8_t record[2048], sent[XC_DTLS_RECORD_MAX + 1];
    memset(sent, 0xa5, sizeof sent);
    pair_open(&pair);
    assert_false(xc_dtls_send(pair.end[0], virtual_now, xc_span_make("early", 5)));
    pair_start(&pair, 0);
    assert_false(xc_dtls_send(pair.end[0], virtual_now, xc_span_make("early", 5)));
    run(&pair);
    for (int from = 0; from < 2; from++) {
        for (size_t size = 1; size <= XC_DTLS_RECORD_MAX; size += 83) {
            sent[0] = (uint8_t)size;
            assert_true(xc_dtls_send(pair.end[from], virtual_now, xc_span_make(sent, size)));
            settle(&pair);
            assert_int_equal(xc_dtls_receive(pair.end[!from], record, sizeof record), size);
            assert_memory_equal(record, sent, size);
            assert_int_equal(xc_dtls_receive(pair.end[!from], record, sizeof record), 0);
        }
        assert_true(
            xc_dtls_send(pair.end[from], virtual_now, xc_span_make(sent, XC_DTLS_RECORD_MAX)));
        assert_false(
            xc_dtls_send(pair.end[from], virtual_now, xc_span_make(sent, XC_DTLS_RECORD_MAX + 1)));
        assert_false(xc_dtls_send(pair.end[from], virtual_now, xc_span_make(sent, 0)));
        settle(&pair);
        assert_int_equal(xc_dtls_receive(pair.end[!from], record, sizeof record),
                         XC_DTLS_RECORD_MAX);
    }
    /* both queues are bounded: eight wait, the rest is dropped, and it works on after */
    for (int burst = 0; burst < 2; burst++) {
        for (int i = 0; i < 8; i++)
            assert_true(xc_dtls_send(pair.end[0], virtual_now, xc_span_make("burst", 5)));
        assert_false(xc_dtls_send(pair.end[0], virtual_now, xc_span_make("burst", 5)));
        assert_true(xc_dtls_deadline(pair.end[0], virtual_now) == virtual_now);
        settle(&pair);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(xc_dtls_receive(pair.end[1], record, sizeof record), 5);
    assert_int_equal(xc_dtls_receive(pair.end[1], record, sizeof record), 0);
    assert_true(xc_dtls_send(pair.end[0], virtual_now, xc_span_make("again", 5)));
    settle(&pair);
    assert_int_equal(xc_dtls_receive(pair.end[1], record, sizeof record), 5);
    assert_memory_equal(record, "again", 5);
    pair_close(&pair);
}

static void test_close_notify(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++) {
        struct pair pair;
        uint8_t record[64];
        pair_open(&pair);
        pair_start(&pair, 0);
        run(&pair);
        assert_true(xc_dtls_send(pair.end[from], virtual_now, xc_span_make("last", 4)));
        xc_dtls_close(pair.end[from], virtual_now);
        assert_int_equal(xc_dtls_state(pair.end[from]), XC_DTLS_CLOSED);
        xc_dtls_close(pair.end[from], virtual_now);
        settle(&pair);
        assert_int_equal(xc_dtls_state(pair.end[!from]), XC_DTLS_CLOSED);
        assert_int_equal(xc_dtls_receive(pair.end[!from], record, sizeof record), 4);
        assert_false(xc_dtls_send(pair.end[!from], virtual_now, xc_span_make("x", 1)));
        pair_close(&pair);
    }
}

static void test_close_before_start(void **state)
{
    (void)state;
    struct pair pair;
    uint8_t record[2048] = {22, 0xfe, 0xfd};
    pair_open(&pair);
    xc_dtls_input(pair.end[0], virtual_now, xc_span_make(record, 40));
    xc_dtls_close(pair.end[0], virtual_now);
    assert_int_equal(xc_dtls_receive(pair.end[0], record, sizeof record), 0);
    xc_dtls_start(pair.end[0], virtual_now, true);
    assert_int_equal(xc_dtls_output(pair.end[0], virtual_now, record, sizeof record), 0);
    assert_int_equal(xc_dtls_state(pair.end[0]), XC_DTLS_CLOSED);
    xc_dtls_start(pair.end[1], virtual_now, true);
    xc_dtls_close(pair.end[1], virtual_now);
    assert_int_equal(xc_dtls_state(pair.end[1]), XC_DTLS_CLOSED);
    pair_close(&pair);
}

/* ---- Forged datagrams ---- */

static size_t forge(uint8_t *out, uint8_t type, uint16_t epoch, const void *body, size_t size)
{
    struct xc_writer w = xc_writer_make(out, 2048);
    xc_write8(&w, type);
    xc_write16(&w, 0xfefd);
    xc_write16(&w, epoch);
    xc_write16(&w, 0);
    xc_write32(&w, 4711);
    xc_write16(&w, (uint16_t)size);
    xc_write_bytes(&w, body, size);
    return w.size;
}

/* Datagrams that anybody could send, between any two steps of a handshake and after it. */
static void inject(struct xc_dtls *dtls, unsigned int kind)
{
    static const uint8_t hello_request[12] = {0, 0, 0, 0, 0, 1};
    static const uint8_t lying_fragment[14] = {11, 0, 0, 4, 0, 1, 0, 0, 3, 0, 0, 2, 9, 9};
    static const uint8_t finished[24] = {20, 0, 0, 12, 0, 1, 0, 0, 0, 0, 0, 12};
    uint8_t datagram[2048], body[256];
    size_t size = 0;
    memset(body, 0x5a, sizeof body);
    switch (kind) {
    case 0: /* fatal handshake_failure */
        size = forge(datagram, 21, 0, "\x02\x28", 2);
        break;
    case 1: /* close_notify in the clear */
        size = forge(datagram, 21, 0, "\x01\x00", 2);
        break;
    case 2: /* openssl#32363 */
        size = forge(datagram, 22, 0, hello_request, sizeof hello_request);
        break;
    case 3:
        size = forge(datagram, 22, 0, lying_fragment, sizeof lying_fragment);
        break;
    case 4:
        size = forge(datagram, 22, 0, finished, sizeof finished);
        break;
    case 5:
        size = forge(datagram, 23, 0, body, 50);
        break;
    case 6:
        size = forge(datagram, 20, 0, "\x01", 1);
        break;
    case 7: /* epoch 1 without the key */
        size = forge(datagram, 21, 1, body, 26);
        break;
    case 8:
        size = forge(datagram, 23, 1, body, 200);
        break;
    case 9:
        size = forge(datagram, 22, 2, body, 60);
        break;
    case 10:
        size = forge(datagram, 99, 0, body, 60);
        break;
    case 11: /* a length beyond the end */
        size = forge(datagram, 22, 0, body, 60) - 1;
        break;
    default:
        memset(datagram, (int)kind, size = 13 + kind);
    }
    xc_dtls_input(dtls, virtual_now, xc_span_make(datagram, size));
}

enum { KINDS = 14 };

static void test_forged_datagrams(void **state)
{
    (void)state;
    for (unsigned int kind = 0; kind < KINDS; kind++) {
        struct pair pair;
        pair_open(&pair);
        inject(pair.end[1], kind);
        pair_start(&pair, 0);
        for (int step = 0; step < 6; step++) {
            inject(pair.end[0], kind);
            inject(pair.end[1], kind);
            carry(&pair, step & 1);
        }
        run(&pair);
        assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
        pair_close(&pair);
    }
}

/* The gate alone: what a role may hear in the clear, record by record, and how far it looks. */
static void test_gate(void **state)
{
    (void)state;
    static const uint8_t to_client[] = {2, 3, 4, 11, 12, 13, 14, 22};
    static const uint8_t to_server[] = {1, 11, 15, 16};
    for (int client = 0; client < 2; client++) {
        for (unsigned int type = 0; type < 256; type++) {
            uint8_t datagram[2048],
                body[12 + 40] = {(uint8_t)type, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 40};
            size_t good = forge(datagram, 22, 0, body, sizeof body);
            struct xc_dtls_gate gate;
            xc_dtls_gate_init(&gate, client);
            bool expected = memchr(client ? to_client : to_server, (int)type,
                                   client ? sizeof to_client : sizeof to_server) != NULL;
            for (size_t size = 0; size <= good; size++) {
                struct xc_span left = xc_span_make(datagram, size);
                struct xc_span record = xc_dtls_gate_next(&gate, &left);
                assert_int_equal(record.size, expected && size == good ? good : 0);
                assert_int_equal(left.size, 0);
            }
            gate.connected = true;
            struct xc_span left = xc_span_make(datagram, good);
            assert_int_equal(xc_dtls_gate_next(&gate, &left).size, 0);
        }
    }
    /* epoch 1 before the keys is bounded */
    struct xc_dtls_gate gate;
    uint8_t datagram[2048];
    size_t size = forge(datagram, 22, 1, "encrypted", 9), passed = 0;
    xc_dtls_gate_init(&gate, false);
    for (int i = 0; i < 1000; i++) {
        struct xc_span left = xc_span_make(datagram, size);
        passed += xc_dtls_gate_next(&gate, &left).size > 0;
    }
    assert_int_equal(passed, XC_DTLS_AHEAD_MAX);
}

static void test_forged_after_connected(void **state)
{
    (void)state;
    struct pair pair;
    uint8_t record[64];
    pair_open(&pair);
    pair_start(&pair, 0);
    run(&pair);
    for (unsigned int kind = 0; kind < KINDS; kind++)
        for (int end = 0; end < 2; end++)
            inject(pair.end[end], kind);
    assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
    assert_true(xc_dtls_send(pair.end[0], virtual_now, xc_span_make("hello", 5)));
    settle(&pair);
    assert_int_equal(xc_dtls_receive(pair.end[1], record, sizeof record), 5);
    pair_close(&pair);
}

/* An alert in the clear ends the handshake when nothing answers within a second, and not before. */
static void test_alert_believed_late(void **state)
{
    (void)state;
    struct pair pair;
    uint64_t begin = virtual_now;
    pair_open(&pair);
    xc_dtls_start(pair.end[0], virtual_now, true);
    inject(pair.end[0], 0);
    while (xc_dtls_state(pair.end[0]) == XC_DTLS_CONNECTING) {
        uint8_t data[2048];
        while (xc_dtls_output(pair.end[0], virtual_now, data, sizeof data))
            ;
        virtual_now = xc_dtls_deadline(pair.end[0], virtual_now);
        xc_dtls_tick(pair.end[0], virtual_now);
    }
    assert_failed(pair.end[0], XC_DTLS_FAIL_PROTOCOL);
    assert_int_equal(virtual_now - begin, XC_NS_PER_S);
    pair_close(&pair);
}

/* Handshake messages with a sound header and a body that makes OpenSSL give up: it begins anew,
 * and gives up after the first second of that. */
static void test_garbage_restarts(void **state)
{
    (void)state;
    uint8_t datagram[2048];
    for (int victim = 0; victim < 2; victim++) {
        uint8_t body[12 + 60] = {2, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 60};
        struct pair pair;
        pair_open(&pair);
        pair_start(&pair, 0);
        memset(body + 12, 0xff, 60);
        body[0] = victim == 0 ? 2 : 1; /* ServerHello to the client, ClientHello to the server */
        size_t size = forge(datagram, 22, 0, body, sizeof body);
        xc_dtls_input(pair.end[victim], virtual_now, xc_span_make(datagram, size));
        assert_int_equal(xc_dtls_state(pair.end[victim]), XC_DTLS_CONNECTING);
        run(&pair);
        assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
        pair_close(&pair);

        pair_open(&pair);
        pair_start(&pair, 0);
        virtual_now += 2 * XC_NS_PER_S;
        for (int i = 0; i < 2; i++) {
            assert_int_equal(xc_dtls_state(pair.end[victim]), XC_DTLS_CONNECTING);
            xc_dtls_input(pair.end[victim], virtual_now, xc_span_make(datagram, size));
        }
        assert_failed(pair.end[victim], XC_DTLS_FAIL_PROTOCOL);
        while (xc_dtls_deadline(pair.end[victim], virtual_now) != XC_NEVER)
            xc_dtls_output(pair.end[victim], virtual_now, datagram, sizeof datagram);
        assert_int_equal(datagram[0], 21);
        pair_close(&pair);
    }
}

/* A stranger's ClientHello first: the peer's own takes its place once that one leads nowhere. */
static void test_foreign_hello(void **state)
{
    (void)state;
    struct pair pair;
    uint8_t hello[2048];
    struct xc_dtls *stranger = xc_dtls_create(theirs);
    pair_open(&pair);
    xc_dtls_start(stranger, virtual_now, true);
    size_t size = xc_dtls_output(stranger, virtual_now, hello, sizeof hello);
    xc_dtls_start(pair.end[1], virtual_now, false);
    xc_dtls_input(pair.end[1], virtual_now, xc_span_make(hello, size));
    xc_dtls_start(pair.end[0], virtual_now, true);
    /* what answers the stranger goes to the peer: not its random, so not its handshake */
    uint64_t took = run(&pair);
    assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
    assert_true(took <= 2 * XC_NS_PER_S);
    pair_close(&pair);

    /* and after the peer's it changes nothing */
    pair_open(&pair);
    pair_start(&pair, 0);
    carry(&pair, 0);
    for (int i = 0; i < 4; i++)
        xc_dtls_input(pair.end[1], virtual_now, xc_span_make(hello, size));
    assert_int_equal(run(&pair), 0);
    assert_connected(&pair, XC_SRTP_AEAD_AES_128_GCM);
    pair_close(&pair);
    xc_dtls_destroy(stranger);
}

static void test_both_clients(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    xc_dtls_start(pair.end[0], virtual_now, true);
    xc_dtls_start(pair.end[1], virtual_now, true);
    run(&pair);
    assert_failed(pair.end[0], XC_DTLS_FAIL_TIMEOUT);
    assert_failed(pair.end[1], XC_DTLS_FAIL_TIMEOUT);
    pair_close(&pair);
}

/* Each byte of each flight damaged in turn (a prime stride apart): never a crash, and by
 * retransmission a connection, or a failure. */
static void test_damaged_bytes(void **state)
{
    (void)state;
    for (int flight = 0; flight < 4; flight++) {
        for (size_t at = 0; at < 700; at += 23) {
            struct pair pair;
            uint8_t data[2048];
            pair_open(&pair);
            pair_start(&pair, 0);
            for (int step = 0; step < flight; step++)
                carry(&pair, step & 1);
            size_t size = xc_dtls_output(pair.end[flight & 1], virtual_now, data, sizeof data);
            assert_true(size > 0);
            data[at % size] ^= 0x41;
            xc_dtls_input(pair.end[!(flight & 1)], virtual_now, xc_span_make(data, size));
            run(&pair);
            assert_true(xc_dtls_state(pair.end[0]) != XC_DTLS_CONNECTING);
            assert_true(xc_dtls_state(pair.end[1]) != XC_DTLS_CONNECTING);
            pair_close(&pair);
        }
    }
}

/* ---- Memory ---- */

/* Fails the n-th allocation, then all from the n-th: never a crash, nothing left behind. */
static void test_allocation_failures(void **state)
{
    (void)state;
    for (fail_every = 0; fail_every < 2; fail_every++) {
        for (long n = 0;; n++) {
            allocations = 0;
            fail_at = n;
            struct xc_dtls_identity *identity = xc_dtls_identity_create(WALL_S);
            bool done = allocations <= n;
            fail_at = -1;
            if (fail_every)
                assert_true(!identity || done);
            xc_dtls_identity_destroy(identity);
            if (done)
                break;
            n += n / 50; /* the first ones all, then thinner */
        }
        for (long n = 0;; n++) {
            allocations = 0;
            fail_at = n;
            struct xc_dtls *dtls = xc_dtls_create(ours);
            bool done = allocations <= n;
            fail_at = -1;
            xc_dtls_destroy(dtls);
            if (done)
                break;
        }
    }
    for (long n = 0;; n += 37) {
        struct pair pair;
        pair_open(&pair);
        allocations = 0;
        fail_every = n & 1;
        fail_at = n;
        pair_start(&pair, 0);
        settle(&pair);
        bool done = allocations <= n;
        fail_at = -1;
        run(&pair);
        for (int i = 0; i < 2; i++)
            assert_true(xc_dtls_state(pair.end[i]) == XC_DTLS_CONNECTED ||
                        xc_dtls_state(pair.end[i]) == XC_DTLS_FAILED);
        pair_close(&pair);
        if (done)
            break;
    }
}

static void test_heap_of_connected(void **state)
{
    (void)state;
    enum { PAIRS = 20 };
    struct pair pairs[PAIRS];
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < PAIRS; i++) {
        pair_open(&pairs[i]);
        pair_start(&pairs[i], 0);
        run(&pairs[i]);
    }
    size_t each = (mallinfo2().uordblks - before) / (2 * PAIRS);
    print_message("heap of a connected dtls object: %zu bytes\n", each);
    assert_true(each < 100 * 1024);
    for (int i = 0; i < PAIRS; i++)
        pair_close(&pairs[i]);
}

int main(void)
{
    CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_client_first),
        cmocka_unit_test(test_handshake_server_first),
        cmocka_unit_test(test_handshake_early_datagrams),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_each_datagram_lost),
        cmocka_unit_test(test_twice_and_backwards),
        cmocka_unit_test(test_outage),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_wall_clock_stands),
        cmocka_unit_test(test_fingerprint_mismatch),
        cmocka_unit_test(test_fingerprint_missing),
        cmocka_unit_test(test_application_data),
        cmocka_unit_test(test_close_notify),
        cmocka_unit_test(test_close_before_start),
        cmocka_unit_test(test_forged_datagrams),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_forged_after_connected),
        cmocka_unit_test(test_alert_believed_late),
        cmocka_unit_test(test_garbage_restarts),
        cmocka_unit_test(test_foreign_hello),
        cmocka_unit_test(test_both_clients),
        cmocka_unit_test(test_damaged_bytes),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_heap_of_connected),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
