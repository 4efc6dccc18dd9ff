/* test_transport.c - attacks on ICE and DTLS of a whole call: whoever speaks first, floods, replays,
 * aims or lies, the genuine peer gets its call and nobody else a byte of media. The ids are those of
 * docs/security.md.
 * SPDX-License-Identifier: MIT */
#include "hostile.h"

static size_t record(uint8_t *out, uint8_t type, uint16_t epoch, const void *body, size_t size)
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

/* DTLS of kinds that anybody can write: alerts, HelloRequest, Finished, data, other epochs. */
static size_t junk(uint32_t n, uint8_t *out)
{
    static const uint8_t hello_request[12] = {0, 0, 0, 0, 0, 1};
    static const uint8_t finished[24] = {20, 0, 0, 12, 0, 1, 0, 0, 0, 0, 0, 12};
    static const uint8_t zero_fragment[12] = {11, 0, 0, 4, 0, 1};
    static const uint8_t long_fragment[14] = {11, 0, 0, 4, 0, 1, 0, 0, 3, 0, 0, 2};
    uint8_t body[200];
    memset(body, (int)n, sizeof body);
    switch (n % 10) {
    case 0:
        return record(out, 21, 0, "\x02\x28", 2);
    case 1:
        return record(out, 21, 0, "\x01\x00", 2);
    case 2:
        return record(out, 22, 0, hello_request, sizeof hello_request);
    case 3:
        return record(out, 22, 0, finished, sizeof finished);
    case 4:
        return record(out, 22, 0, zero_fragment, sizeof zero_fragment);
    case 5:
        return record(out, 22, 0, long_fragment, sizeof long_fragment);
    case 6:
        return record(out, 23, 0, body, 100); /* data in the clear */
    case 7:
        return record(out, 23, 1, body, 100); /* data without the key */
    case 8:
        return record(out, 22, 2, body, 60);
    default:
        return record(out, 20, 0, "\x01", 1);
    }
}

/* C1, C7, C16, and the flood from a third address: a stranger sends handshakes, alerts, data and media
 * from the first moment on. The call comes up as fast as without. */
static void test_stranger_first(void **state)
{
    (void)state;
    uint8_t bytes[2048], hello[XC_MTU];
    struct world *world = hostile_connected(1);
    uint64_t usual = world->side[1].connected_at - WORLD_START;
    size_t hello_size = wire[0].hello_size ? wire[0].hello_size : wire[1].hello_size;
    memcpy(hello, wire[0].hello_size ? wire[0].hello : wire[1].hello, hello_size);
    assert_true(hello_size > 100);
    world_free(world);

    world = hostile_open(1);
    uint64_t sent = 0;
    for (uint32_t ms = 0; ms < 300; ms++) {
        for (int to = 0; to < 2; to++) {
            for (uint32_t n = 0; n < 10; n++)
                inject(world, to, &attacker, bytes, junk(n, bytes));
            inject(world, to, &attacker, hello, hello_size);
            memset(bytes, 0x80, 100);
            inject(world, to, &attacker, bytes, 100); /* RTP, and RTCP */
            bytes[1] = 200;
            inject(world, to, &attacker, bytes, 100);
        }
        sent += 13;
        hostile_run(world, 1);
        for (int i = 0; i < 2; i++) /* no keys, no media before the fingerprint was checked */
            assert_true(xc_session_secure(world->side[i].session) || wire[i].rtp == 0);
    }
    assert_true(world_connected(world));
    assert_true(world->side[1].connected_at - WORLD_START <= usual + 2 * XC_NS_PER_MS);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rejected(world, i), sent);
        assert_int_equal(wire[i].strange_stun + wire[i].strange_other, 0);
    }
    assert_in_call(world);
    world_free(world);
}

/* Junk under the peer's own address after the handshake, and from a stranger's (openssl#32363). */
static void test_dtls_junk_in_call(void **state)
{
    (void)state;
    uint8_t bytes[2048];
    struct world *world = hostile_connected(2);
    for (uint32_t n = 0; n < 2000; n++) {
        size_t size = junk(n, bytes);
        inject(world, n & 1, n & 2 ? &attacker : &world->side[!(n & 1)].addr, bytes, size);
        if (n % 10 == 0)
            hostile_run(world, 1);
    }
    inject_as_peer(world, 0, wire[1].hello, wire[1].hello_size); /* its own first flight, again */
    inject_as_peer(world, 1, wire[0].hello, wire[0].hello_size);
    assert_in_call(world);
    world_free(world);
}

/* C8, C9: media is taken from the proven pair only, and answered there; a stranger that repeats what it
 * overheard, before or after the peer, moves nothing. */
static void test_media_is_not_pinned(void **state)
{
    (void)state;
    struct world *world = hostile_connected(3);
    uint64_t before = rejected(world, 0);
    for (uint32_t n = 0; n < 500; n++) {
        hostile_run(world, 1);
        inject(world, 0, &attacker, wire[1].sample[n & 1], wire[1].sample_size[n & 1]);
    }
    assert_int_equal(rejected(world, 0), before + 500);
    assert_int_equal(wire[0].strange_stun + wire[0].strange_other, 0);
    assert_in_call(world);
    world_free(world);
}

static char *digest_of(char *text)
{
    char *digest = strstr(text, "a=fingerprint:sha-256 ");
    return digest ? digest + strlen("a=fingerprint:sha-256 ") : NULL;
}

static void other_digest(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    (void)kind, (void)size, (void)capacity;
    char *digest = from == 1 ? digest_of(text) : NULL;
    if (digest)
        *digest = *digest == '0' ? '1' : '0';
}

static void no_digest(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    (void)kind, (void)size, (void)capacity;
    char *digest = from == 1 ? digest_of(text) : NULL;
    if (digest)
        memcpy(digest - strlen("fingerprint:sha-256 "), "x", 1); /* every place it has */
    if (digest)
        no_digest(from, kind, text, size, capacity);
}

/* The same digest, under the name of a shorter one. */
static void weak_digest(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    (void)kind, (void)size, (void)capacity;
    char *digest = from == 1 ? digest_of(text) : NULL;
    if (digest)
        memcpy(digest - strlen("sha-256 "), "md5-256", 7);
    if (digest)
        weak_digest(from, kind, text, size, capacity);
}

/* C11: the peer's certificate is not the announced one, or none was announced: no keys, no media. */
static void test_fingerprints(void **state)
{
    (void)state;
    void (*const lies[])(int, uint32_t, char *, size_t *, size_t) = {other_digest, no_digest,
                                                                     weak_digest};
    for (size_t n = 0; n < XC_ARRAY_LEN(lies); n++) {
        struct world *world = hostile_open(10 + n);
        world->alter = lies[n];
        hostile_run(world, 2000);
        assert_int_equal(xc_session_state(world->side[0].session), XCALL_STATE_ENDED);
        uint32_t reason = xc_session_reason(world->side[0].session);
        assert_int_equal(reason, n ? XCALL_END_NEGOTIATION : XCALL_END_SECURITY);
        assert_non_null(xc_session_reason_text(world->side[0].session));
        assert_false(xc_session_secure(world->side[0].session));
        assert_int_equal(wire[0].rtp + wire[0].rtcp, 0);
        world_free(world);
    }
}

static size_t request(uint8_t *out, const char *username, const char *password, uint32_t n)
{
    struct xc_stun_writer w;
    uint8_t transaction[XC_STUN_TRANSACTION_SIZE] = {0x77};
    xc_store32(transaction + 4, n);
    xc_stun_begin(&w, out, 1000, XC_STUN_REQUEST, XC_STUN_BINDING, transaction);
    if (username)
        xc_stun_add_username(&w, xc_span_make(username, strlen(username)));
    xc_stun_add_priority(&w, UINT32_MAX);
    xc_stun_add_use_candidate(&w);
    xc_stun_add_controlling(&w, UINT64_MAX);
    return xc_stun_finish(&w, xc_span_make(password, strlen(password)));
}

/* "<side i's ufrag>:<the other's>" */
static const char *username_for(const struct world *world, int i)
{
    static char name[64];
    snprintf(name, sizeof name, "%s:%s", xc_ice_ufrag(&world->side[i].session->ice),
             xc_ice_ufrag(&world->side[!i].session->ice));
    return name;
}

/* C14: requests without integrity, with a wrong key or user name, from anywhere: silence, so nothing to
 * reflect, and nothing changes. */
static void test_stun_without_credentials(void **state)
{
    (void)state;
    uint8_t bytes[1000];
    struct world *world = hostile_connected(20);
    const char *right = xc_ice_password(&world->side[0].session->ice);
    uint64_t before = rejected(world, 0), sent = 0;
    uint32_t stun = wire[0].stun;
    hostile_run(world, 1000);
    uint32_t usual = wire[0].stun - stun;
    stun = wire[0].stun;
    for (uint32_t n = 0; n < 1000; n++) {
        static const uint8_t bare[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 9};
        const struct xc_addr *from = n & 1 ? &attacker : &world->side[1].addr;
        size_t size = 0;
        switch (n % 5) {
        case 0:
            inject(world, 0, from, bare, sizeof bare);
            break;
        case 1:
            size = request(bytes, username_for(world, 0), "", n);
            break;
        case 2:
            size = request(bytes, username_for(world, 0), "not-the-password-at-all!", n);
            break;
        case 3:
            size = request(bytes, "AAAAAAAA:BBBBBBBB", right, n);
            break;
        default:
            size = request(bytes, NULL, right, n);
        }
        if (size)
            inject(world, 0, from, bytes, size);
        sent++;
        hostile_run(world, 1);
    }
    assert_int_equal(rejected(world, 0), before + sent);
    assert_int_equal(wire[0].strange_stun + wire[0].strange_other, 0);
    assert_true(wire[0].stun - stun <= usual + 2); /* its own consent checks, and no more */
    assert_in_call(world);
    world_free(world);
}

/* pion/ice#21: the peer itself, with good credentials, nominates the address of somebody else. Checks go
 * there, few; media does not, for nobody there answers them. */
static void test_peer_aims_at_a_victim(void **state)
{
    (void)state;
    uint8_t bytes[1000];
    struct world *world = hostile_connected(30);
    uint32_t sent = 0;
    uint64_t bytes_in = 0;
    for (int target = 0; target < 2; target++) {
        const char *password = xc_ice_password(&world->side[target].session->ice);
        for (uint32_t n = 0; n < 200; n++) {
            size_t size = request(bytes, username_for(world, target), password, n);
            inject(world, target, &attacker, bytes, size);
            sent++;
            bytes_in += size;
            hostile_run(world, 20);
        }
    }
    uint64_t bytes_out = wire[0].strange_bytes + wire[1].strange_bytes;
    assert_int_equal(wire[0].strange_other + wire[1].strange_other, 0);
    assert_true(wire[0].strange_stun + wire[1].strange_stun >= 1);
    assert_true(wire[0].strange_stun + wire[1].strange_stun <= 2 * sent + 40);
    assert_true(bytes_out <= 2 * bytes_in);
    assert_in_call(world);
    world_free(world);
}

/* The same from thousands of ports: tables stay as they are, the call stays up, and what goes out is no
 * more than what comes in. */
static void test_stun_flood(void **state)
{
    (void)state;
    uint8_t bytes[1000];
    struct world *world = hostile_connected(31);
    const char *password = xc_ice_password(&world->side[1].session->ice);
    uint64_t bytes_in = 0;
    for (uint32_t n = 0; n < 10000; n++) {
        struct xc_addr from = attacker;
        from.port = (uint16_t)(1024 + n);
        size_t size = request(bytes, username_for(world, 1), password, n);
        inject(world, 1, &from, bytes, size);
        bytes_in += size;
        if (n % 10 == 9)
            hostile_run(world, 1);
    }
    const struct xc_ice *ice = &world->side[1].session->ice;
    assert_true(ice->pair_slots <= XC_ICE_PAIRS_MAX);
    assert_true(ice->counters.candidates_ignored > 9000);
    assert_int_equal(wire[1].strange_other, 0);
    assert_true(wire[1].strange_bytes <= 2 * bytes_in);
    assert_in_call(world);
    world_free(world);
}

/* Thousands of candidates in signals, before and in a call. */
static void test_candidate_flood(void **state)
{
    (void)state;
    char text[300], name[XC_DNS_LOCAL_MAX + 1];
    struct world *world = hostile_open(40);
    uint32_t names = 0;
    for (uint32_t n = 0; n < 5000; n++) {
        const char *form =
            n % 2 ? "{\"candidate\":\"candidate:%u 1 udp %u 198.51.100.%u %u typ host\"}"
                  : "{\"candidate\":\"candidate:%u 1 udp %u n%u.local %u typ host\"}";
        int size = snprintf(text, sizeof text, form, n, 2000000000 - n, n % 250, 1 + n % 60000);
        xc_session_receive_signal(world->side[n % 4 / 2].session, world_now, XCALL_SIGNAL_CANDIDATE,
                                  xc_span_make(text, (size_t)size));
        if (n % 50 == 0)
            hostile_run(world, 1);
    }
    hostile_run(world, 2000);
    assert_true(world_connected(world));
    for (int i = 0; i < 2; i++) {
        assert_true(world->side[i].session->ice.pair_slots <= XC_ICE_PAIRS_MAX);
        assert_true(world->side[i].session->ice.counters.candidates_ignored > 1000);
        assert_int_equal(wire[i].strange_other, 0);
        /* Checks of addresses that a signalled candidate named: paced and given up. */
        assert_true(wire[i].strange_stun < 1000);
        while (xc_session_next_lookup(world->side[i].session, name))
            names++;
    }
    assert_true(names <= 2 * XC_LOOKUPS_MAX);
    assert_in_call(world);
    world_free(world);
}

/* Somebody on the network answers the look-up of a name with addresses that are no host's: refused; or
 * with a host that is not the peer: it gets checks, without an answer never media. */
static void test_spoofed_name(void **state)
{
    (void)state;
    static const char text[] = "{\"candidate\":\"candidate:1 1 udp 2130706431 spoofed.local 53 typ "
                               "host\"}";
    char name[XC_DNS_LOCAL_MAX + 1];
    struct world *world = hostile_connected(41);
    struct xc_addr answers[] = {{.family = XC_ADDR_IPV4, .bytes = {127, 0, 0, 1}},
                                {.family = XC_ADDR_IPV4, .bytes = {239, 1, 1, 1}},
                                {.family = XC_ADDR_IPV4, .bytes = {10, 0, 0, 1}}};
    xc_session_receive_signal(world->side[0].session, world_now, XCALL_SIGNAL_CANDIDATE,
                              xc_span_make(text, sizeof text - 1));
    assert_true(xc_session_next_lookup(world->side[0].session, name));
    assert_string_equal(name, "spoofed.local");
    xc_session_lookup_done(world->side[0].session, world_now, name, answers, 3);
    hostile_run(world, 5000);
    assert_int_equal(wire[0].strange_other, 0);
    assert_true(wire[0].strange_stun <= 20);
    assert_in_call(world);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stranger_first),
        cmocka_unit_test(test_dtls_junk_in_call),
        cmocka_unit_test(test_media_is_not_pinned),
        cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_stun_without_credentials),
        cmocka_unit_test(test_peer_aims_at_a_victim),
        cmocka_unit_test(test_stun_flood),
        cmocka_unit_test(test_candidate_flood),
        cmocka_unit_test(test_spoofed_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
