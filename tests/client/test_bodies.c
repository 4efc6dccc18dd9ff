/* test_bodies.c - signatures and safety numbers against vectors that were made by another program
 * (RFC 8032 section 7.1 has the keys), every way to tamper with a body, and what may travel.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client/bodies.h"

#define CALL "7f0c1a52-3c5e-4d0a-9b55-1f6f0a9c2d11"
#define HEX                                                                                        \
    "01:08:0F:16:1D:24:2B:32:39:40:47:4E:55:5C:63:6A:71:78:7F:86:8D:94:9B:A2:A9:B0:B7:BE:C5:CC:"   \
    "D3:DA"
#define SEED_ALICE "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
#define KEY_ALICE "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define KEY_BOB "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="
#define SIGNATURE                                                                                  \
    "kCw6gzbNlB7cyLcJOom/6tfVk55TfhNl9KvFeep3hRxXbhuX8/wFBFJxq9ue8NRGl1WrGYN3GodIZ7NTVN7VCw=="

#define SIGNATURE_1                                                                                \
    "BDD8014PUlu5jitVPcwIegxdsxS74qKhM8YG6BqwJk4hbpLmObOyDEUN/LN+QKI0Mf+vrY18BnA6KN3QHpyaAQ=="

static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
                          "a=fingerprint:SHA-256 " HEX "\r\n"
                          "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
                          "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
                          "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
                          "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n";

static struct xc_body_claim claim_of(const char *description)
{
    return (struct xc_body_claim){
        .call = CALL, .type = "offer", .from = "alice", .to = "bob", .sdp = description};
}

static void read_key(const char *text, uint8_t key[32])
{
    assert_true(xc_key_read(text, key));
}

static void test_lines(void **state)
{
    (void)state;
    char lines[XC_BODY_LINES_MAX] = "";
    struct xc_body_claim claim = claim_of(sdp);
    size_t size = xc_body_lines(&claim, lines);
    assert_int_equal(size, strlen(lines));
    assert_string_equal(lines, "xcall-1 body\n" CALL "\noffer\nalice\nbob\nsha-256 " HEX
                               "\nEsAw\nP2uYro0UCOQ4zxjKXaWCBui1\n");
}

static void test_signature_vector(void **state)
{
    (void)state;
    uint8_t seed[32], key[32], made[32];
    char signature[XC_SIGNATURE_TEXT];
    struct xc_body_claim claim = claim_of(sdp);
    read_key(SEED_ALICE, seed);
    read_key(KEY_ALICE, key);
    assert_true(xc_key_public(seed, made));
    assert_memory_equal(made, key, 32);
    assert_true(xc_body_sign(&claim, seed, signature));
    assert_string_equal(signature, SIGNATURE);
    assert_true(xc_body_verify(&claim, key, SIGNATURE));
    claim.seq = 1;
    assert_true(xc_body_sign(&claim, seed, signature));
    assert_string_equal(signature, SIGNATURE_1);
    assert_true(xc_body_verify(&claim, key, SIGNATURE_1));
    assert_false(xc_body_verify(&claim, key, SIGNATURE));
    claim.seq = 2;
    assert_false(xc_body_verify(&claim, key, SIGNATURE_1));
    claim.seq = 0; /* taken off on its way */
    assert_false(xc_body_verify(&claim, key, SIGNATURE_1));
}

static void test_count_is_decimal(void **state)
{
    (void)state;
    char lines[XC_BODY_LINES_MAX] = "";
    struct xc_body_claim claim = claim_of(sdp);
    claim.seq = 2147483647;
    assert_true(xc_body_lines(&claim, lines) > 0);
    assert_non_null(strstr(lines, "\nP2uYro0UCOQ4zxjKXaWCBui1\n2147483647\n"));
}

/* A copy of text with the first occurrence of a replaced by b. */
static char *swap(const char *text, const char *a, const char *b)
{
    const char *at = strstr(text, a);
    assert_non_null(at);
    char *out = calloc(1, strlen(text) + strlen(b) + 1);
    assert_non_null(out);
    memcpy(out, text, (size_t)(at - text));
    strcat(out, b);
    strcat(out, at + strlen(a));
    return out;
}

static void test_every_part_counts(void **state)
{
    (void)state;
    uint8_t key[32], other[32];
    read_key(KEY_ALICE, key);
    read_key(KEY_BOB, other);
    struct xc_body_claim claim = claim_of(sdp);
    assert_false(xc_body_verify(&claim, other, SIGNATURE));
    claim.call = "7f0c1a52-3c5e-4d0a-9b55-1f6f0a9c2d12"; /* replayed in another call */
    assert_false(xc_body_verify(&claim, key, SIGNATURE));
    claim = claim_of(sdp);
    claim.type = "answer";
    assert_false(xc_body_verify(&claim, key, SIGNATURE));
    claim = claim_of(sdp);
    claim.from = "bob", claim.to = "alice";
    assert_false(xc_body_verify(&claim, key, SIGNATURE));
    static const char *const changes[][2] = {
        {"01:08", "02:08"},
        {"ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=",
         "ufrag:EsAx\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm="},
        {"CBui1", "CBui2"},
        {"a=fingerprint:SHA-256", "a=x-fingerprint:SHA-256"},
        {"s=-\r\n", "s=-\r\na=fingerprint:sha-256 AA:BB\r\n"}, /* one more */
        {"s=-\r\n", "s=-\r\na=fingerprint:sha-1 AA\r\n"},
        {"s=-\r\n", "s=-\ra=fingerprint:sha-256 AA:BB\r\n"}, /* behind a lone return */
        {"s=-\r\n", "s=-\r\nA=Fingerprint:sha-256 AA:BB\r\n"},
        {"s=-\r\n", "s=-\r\n a=fingerprint:sha-256 AA:BB\r\n"},
        {"s=-\r\n", "s=-\r\na=ice-ufrag:other\r\n"},
        {"s=-\r\n", "s=-\r\na=ice-pwd:other\r\n"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char *changed = swap(sdp, changes[i][0], changes[i][1]);
        claim = claim_of(changed);
        assert_false(xc_body_verify(&claim, key, SIGNATURE));
        free(changed);
    }
}

static void test_unimportant_parts(void **state)
{
    (void)state;
    uint8_t key[32];
    read_key(KEY_ALICE, key);
    char *changed = swap(sdp, "111", "111 0");
    struct xc_body_claim claim = claim_of(changed);
    assert_true(xc_body_verify(&claim, key, SIGNATURE));
    free(changed);
    /* The same fingerprint twice, in another letter case, is one. */
    changed = swap(sdp, "s=-\r\n",
                   "s=-\r\na=fingerprint:sha-256 01:08:0f:16:1d:24:2b:32:39:40:47:4e:55:"
                   "5c:63:6a:71:78:7f:86:8d:94:9b:a2:a9:b0:b7:be:c5:cc:d3:da\r\n");
    claim = claim_of(changed);
    assert_true(xc_body_verify(&claim, key, SIGNATURE));
    free(changed);
}

static void test_damaged_signatures(void **state)
{
    (void)state;
    uint8_t key[32];
    struct xc_body_claim claim = claim_of(sdp);
    read_key(KEY_ALICE, key);
    char text[] = SIGNATURE;
    for (size_t i = 0; text[i]; i++) {
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        assert_false(xc_body_verify(&claim, key, text));
        text[i] = '\0';
        assert_false(xc_body_verify(&claim, key, text));
        text[i] = kept;
    }
    assert_true(xc_body_verify(&claim, key, text));
    assert_false(xc_body_verify(&claim, key, ""));
    assert_false(xc_key_read(NULL, key));
    assert_false(xc_key_read("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp=", key)); /* spare bits */
}

/* No prefix of a description makes it crash, and none but the whole is worth its signature. */
static void test_truncated(void **state)
{
    (void)state;
    uint8_t key[32];
    read_key(KEY_ALICE, key);
    size_t needed = (size_t)(strstr(sdp, "CBui1") - sdp) + 5;
    for (size_t i = 0; i <= strlen(sdp); i++) {
        char *part = calloc(1, i + 1);
        assert_non_null(part);
        memcpy(part, sdp, i);
        struct xc_body_claim claim = claim_of(part);
        if (i < needed)
            assert_false(xc_body_verify(&claim, key, SIGNATURE));
        free(part);
    }
}

static void test_safety_number(void **state)
{
    (void)state;
    uint8_t alice[32], bob[32];
    char number[XC_SAFETY_SIZE], again[XC_SAFETY_SIZE];
    read_key(KEY_ALICE, alice);
    read_key(KEY_BOB, bob);
    assert_true(xc_safety_number("alice", alice, "bob", bob, number));
    assert_string_equal(number,
                        "13091 32294 92263 76313 26174 49443 42493 13209 61591 80933 39727 51357");
    assert_true(xc_safety_number("bob", bob, "alice", alice, again));
    assert_string_equal(number, again);
    assert_true(xc_safety_number("bob", alice, "alice", bob, again));
    assert_string_not_equal(number, again);
}

static void test_what_may_travel(void **state)
{
    (void)state;
    char *made =
        xc_sdp_without_addresses("v=0\no=- 1 1 IN IP4 192.0.2.7\r\nc=IN IP6 2001:db8::1\r\n"
                                 "a=rtcp:9 IN IP4 192.0.2.8\r\na=candidate:1 1 udp 1 a 9 "
                                 "typ host\r\na=end-of-candidates\r\na=mid:0");
    assert_string_equal(made, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nc=IN IP6 ::\r\n"
                              "a=rtcp:9 IN IP4 0.0.0.0\r\na=mid:0\r\n");
    free(made);
    made =
        xc_sdp_relay_only("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
                          "a=candidate:2 1 udp 1 192.0.2.2 9 typ relay raddr 192.0.2.1 rport 9\r\n"
                          "a=Candidate:3 1 udp 1 192.0.2.3 9 typ srflx\r\n");
    assert_string_equal(made,
                        "a=candidate:2 1 udp 1 192.0.2.2 9 typ relay raddr 192.0.2.1 rport 9\r\n");
    free(made);
    made = xc_candidate_hide("candidate:2 1 udp 1 192.0.2.2 9 typ relay raddr 192.0.2.1 rport 9999 "
                             "ufrag raddr");
    assert_string_equal(made, "candidate:2 1 udp 1 192.0.2.2 9 typ relay raddr 0.0.0.0 rport 0 "
                              "ufrag raddr");
    free(made);
    made = xc_candidate_hide("candidate:2 1 udp 1 2001:db8::2 9 typ relay raddr :: rport 9");
    assert_string_equal(made, "candidate:2 1 udp 1 2001:db8::2 9 typ relay raddr 0.0.0.0 rport 0");
    free(made);
    char many[512] = "candidate:2 1 udp 1 192.0.2.2 9 typ relay"; /* the result is longer */
    for (int i = 0; i < 30; i++)
        strcat(many, " raddr 1");
    made = xc_candidate_hide(many);
    assert_non_null(made);
    assert_int_equal(strlen(made), strlen(many) + 30 * 6);
    free(made);
    made = xc_candidate_hide("candidate:1 1 udp 1 192.0.2.1 9 typ host");
    assert_string_equal(made, "candidate:1 1 udp 1 192.0.2.1 9 typ host");
    free(made);
    assert_false(xc_candidate_is_relay("candidate:relay 1 udp 1 192.0.2.1 9 typ host relay"));
    assert_false(xc_candidate_is_relay("relay"));
    assert_false(xc_candidate_is_relay(""));
}

static void test_ids(void **state)
{
    (void)state;
    uint8_t uuid[16];
    char text[37];
    assert_true(xc_uuid_read(CALL, uuid));
    xc_uuid_write(uuid, text);
    assert_string_equal(text, CALL);
    assert_false(xc_uuid_read("7F0C1A52-3C5E-4D0A-9B55-1F6F0A9C2D11", uuid));
    assert_false(xc_uuid_read("7f0c1a523c5e-4d0a-9b55-1f6f-0a9c2d11", uuid));
    assert_false(xc_uuid_read("7f0c1a52-3c5e-4d0a-9b55-1f6f0a9c2d1", uuid));
    assert_false(xc_uuid_read("", uuid));
    assert_false(xc_uuid_read(NULL, uuid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_signature_vector),
        cmocka_unit_test(test_count_is_decimal),
        cmocka_unit_test(test_every_part_counts),
        cmocka_unit_test(test_unimportant_parts),
        cmocka_unit_test(test_damaged_signatures),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_safety_number),
        cmocka_unit_test(test_what_may_travel),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests_name("client/bodies", tests, NULL, NULL);
}
