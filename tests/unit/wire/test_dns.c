/* test_dns.c - DNS messages as multicast DNS uses them: queries, address records, names that point into
 * the message, and every way to lie about a length.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/dns.h"

#define NAME "9b36eaac-bb2e-49bb-bb78-21c41c499900.local"

/* A response: flags 0x8400, these counts. */
static struct xc_writer begin(uint8_t *out, size_t capacity, uint16_t questions, uint16_t answers)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    xc_write16(&w, 0);
    xc_write16(&w, 0x8400);
    xc_write16(&w, questions);
    xc_write16(&w, answers);
    xc_write32(&w, 0);
    return w;
}

static void label(struct xc_writer *w, const char *text)
{
    xc_write8(w, (uint8_t)strlen(text));
    xc_write_bytes(w, text, strlen(text));
}

static void record(struct xc_writer *w, uint16_t type, uint16_t class, uint32_t ttl,
                   const void *data, uint16_t size)
{
    xc_write16(w, type);
    xc_write16(w, class);
    xc_write32(w, ttl);
    xc_write16(w, size);
    xc_write_bytes(w, data, size);
}

static void test_query(void **state)
{
    (void)state;
    uint8_t out[XC_DNS_QUERY_MAX], want[64];
    size_t size = xc_dns_write_query("ab.local", XC_DNS_AAAA, false, out, sizeof out);
    size_t expected = hex_bytes("0000 0000 0001 0000 0000 0000 02 6162 05 6c6f63616c 00 001c 0001",
                                want, sizeof want);
    assert_int_equal(size, expected);
    assert_memory_equal(out, want, size);
    size = xc_dns_write_query("ab.local", XC_DNS_A, true, out, sizeof out);
    assert_int_equal(size, expected);
    assert_int_equal(xc_load16(out + size - 4), XC_DNS_A);
    assert_int_equal(xc_load16(out + size - 2), 0x8001);
    for (size_t room = 0; room < expected; room++)
        assert_int_equal(xc_dns_write_query("ab.local", XC_DNS_A, true, out, room), 0);
    /* No names: empty labels, a label of 64. */
    assert_int_equal(xc_dns_write_query("", XC_DNS_A, false, out, sizeof out), 0);
    assert_int_equal(xc_dns_write_query("a..local", XC_DNS_A, false, out, sizeof out), 0);
    assert_int_equal(xc_dns_write_query("ab.", XC_DNS_A, false, out, sizeof out), 0);
    char longest[300];
    memset(longest, 'a', sizeof longest);
    longest[64] = '\0';
    assert_int_equal(xc_dns_write_query(longest, XC_DNS_A, false, out, sizeof out), 0);
    longest[63] = '\0';
    assert_int_not_equal(xc_dns_write_query(longest, XC_DNS_A, false, out, sizeof out), 0);
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = i % 50 == 49 ? '.' : 'a';
    longest[254] = '\0';
    assert_int_equal(xc_dns_write_query(longest, XC_DNS_A, false, out, sizeof out), 0);
    longest[253] = '\0';
    assert_int_equal(xc_dns_write_query(longest, XC_DNS_A, false, out, sizeof out), 12 + 255 + 4);
}

static size_t sample(uint8_t *out, size_t capacity)
{
    static const uint8_t v4[4] = {192, 168, 1, 7};
    static const uint8_t v6[16] = {0xfe, 0x80, [15] = 9};
    struct xc_writer w = begin(out, capacity, 1, 4);
    label(&w, "9B36EAAC-bb2e-49bb-bb78-21c41c499900"); /* the question: legacy answers repeat it */
    label(&w, "LOCAL");
    xc_write8(&w, 0);
    xc_write32(&w, 0x00010001);
    xc_write16(&w, 0xc00c); /* the whole name */
    record(&w, XC_DNS_A, 0x8001, 120, v4, 4);
    label(&w, "other"); /* a label, then the last part of that name */
    xc_write16(&w, (uint16_t)(0xc00c + 37));
    record(&w, XC_DNS_AAAA, 0x0001, 0, v6, 16);
    xc_write16(&w, 0xc00c); /* class CHAOS: not for us, and left out */
    record(&w, XC_DNS_A, 0x0003, 120, v4, 4);
    xc_write16(&w, 0xc00c); /* NSEC */
    record(&w, 47, 0x8001, 120, v4, 4);
    assert_false(w.failed);
    return w.size;
}

static void test_response(void **state)
{
    (void)state;
    uint8_t bytes[512];
    size_t size = sample(bytes, sizeof bytes);
    struct xc_span exact = exact_copy(bytes, size);
    struct xc_dns_walk walk;
    struct xc_dns_record r;
    assert_true(xc_dns_open(&walk, exact));
    assert_true(xc_dns_next(&walk, &r));
    assert_string_equal(r.name, NAME);
    assert_int_equal(r.type, XC_DNS_A);
    assert_true(r.flush);
    assert_int_equal(r.ttl, 120);
    assert_int_equal(r.addr.family, XC_ADDR_IPV4);
    assert_int_equal(r.addr.bytes[3], 7);
    assert_int_equal(r.addr.port, 0);
    assert_true(xc_dns_next(&walk, &r));
    assert_string_equal(r.name, "other.local");
    assert_false(r.flush);
    assert_int_equal(r.ttl, 0);
    assert_int_equal(r.addr.family, XC_ADDR_IPV6);
    assert_int_equal(r.addr.bytes[15], 9);
    assert_true(xc_dns_next(&walk, &r));
    assert_int_equal(r.type, 47);
    assert_int_equal(r.addr.family, XC_ADDR_NONE);
    assert_false(xc_dns_next(&walk, &r));
    assert_false(xc_dns_next(&walk, &r));
    exact_free(exact);
}

/* Cut anywhere, a response yields what was whole before the cut, and reads nothing behind it. */
static void test_truncation(void **state)
{
    (void)state;
    uint8_t bytes[512];
    size_t size = sample(bytes, sizeof bytes);
    uint32_t best = 0;
    for (size_t cut = 0; cut <= size; cut++) {
        struct xc_span exact = exact_copy(bytes, cut);
        struct xc_dns_walk walk;
        struct xc_dns_record r;
        uint32_t count = 0;
        if (xc_dns_open(&walk, exact))
            while (xc_dns_next(&walk, &r))
                count++;
        assert_true(count >= best);
        best = count;
        exact_free(exact);
    }
    assert_int_equal(best, 3);
}

static void test_not_a_response(void **state)
{
    (void)state;
    uint8_t bytes[512];
    size_t size = sample(bytes, sizeof bytes);
    struct xc_dns_walk walk;
    static const uint16_t refused[] = {0x0000, 0x0400, 0x8c00, 0x8403, 0xf800};
    for (size_t i = 0; i < XC_ARRAY_LEN(refused); i++) {
        xc_store16(bytes + 2, refused[i]);
        assert_false(xc_dns_open(&walk, xc_span_make(bytes, size)));
    }
    /* The other flags say nothing (RFC 6762 section 18). */
    xc_store16(bytes + 2, 0x87b0);
    assert_true(xc_dns_open(&walk, xc_span_make(bytes, size)));
}

static bool reads(const char *hex, char name[XC_DNS_NAME_MAX + 1])
{
    uint8_t bytes[700];
    struct xc_writer w = begin(bytes, sizeof bytes, 0, 1);
    w.size += hex_bytes(hex, bytes + w.size, sizeof bytes - w.size);
    static const uint8_t v4[4] = {10, 0, 0, 1};
    record(&w, XC_DNS_A, 1, 1, v4, 4);
    struct xc_span exact = exact_copy(bytes, w.size);
    struct xc_dns_walk walk;
    struct xc_dns_record r = {0};
    bool ok = xc_dns_open(&walk, exact) && xc_dns_next(&walk, &r);
    strcpy(name, r.name);
    exact_free(exact);
    return ok;
}

static void test_names(void **state)
{
    (void)state;
    char name[XC_DNS_NAME_MAX + 1];
    assert_true(reads("01 61 00", name));
    assert_string_equal(name, "a");
    assert_true(reads("00", name)); /* the root */
    assert_string_equal(name, "");
    /* Pointers: to itself, forward, into the header, behind the end, to each other. */
    assert_false(reads("c00c", name));
    assert_false(reads("c00e 0161 00", name));
    assert_false(reads("c000", name));
    assert_false(reads("c00b", name));
    assert_false(reads("ffff", name));
    assert_false(reads("01 61 c00c", name)); /* a loop through a label */
    assert_false(reads("40 61 00", name));   /* reserved kinds of labels */
    assert_false(reads("80 61 00", name));
    /* A label with a dot, a space, a NUL, a byte above ASCII: read over, never a name. */
    assert_true(reads("03 612e62 00", name));
    assert_string_equal(name, "");
    assert_true(reads("03 612062 05 6c6f63616c 00", name));
    assert_string_equal(name, "");
    assert_true(reads("03 610062 00", name));
    assert_string_equal(name, "");
    assert_true(reads("02 c3a9 00", name));
    assert_string_equal(name, "");
    /* 255 octets are a name, 256 are none. */
    char hex[1100] = "";
    for (int i = 0; i < 127; i++)
        strcat(hex, "0161");
    strcat(hex, "00");
    assert_true(reads(hex, name));
    assert_int_equal(strlen(name), 253);
    hex[0] = '\0';
    for (int i = 0; i < 126; i++)
        strcat(hex, "0161");
    strcat(hex, "026161 00");
    assert_false(reads(hex, name));
}

/* Chains of pointers, each to the one before: bounded by the message, and never a loop. */
static void test_pointer_chain(void **state)
{
    (void)state;
    static uint8_t bytes[9000];
    struct xc_writer w = begin(bytes, sizeof bytes, 0, 0xffff);
    static const uint8_t v4[4] = {10, 0, 0, 1};
    struct xc_dns_walk walk;
    struct xc_dns_record r;
    uint16_t last = (uint16_t)w.size;
    label(&w, "a");
    xc_write8(&w, 0);
    record(&w, XC_DNS_A, 1, 1, v4, 4);
    while (w.capacity - w.size >= 16) {
        uint16_t here = (uint16_t)w.size;
        xc_write16(&w, (uint16_t)(0xc000 | last));
        record(&w, XC_DNS_A, 1, 1, v4, 4);
        last = here;
    }
    uint32_t count = 0;
    assert_true(xc_dns_open(&walk, xc_span_make(bytes, w.size)));
    while (xc_dns_next(&walk, &r)) {
        assert_string_equal(r.name, "a");
        count++;
    }
    assert_true(count > 500);
    /* 65535 questions in twelve bytes. */
    memset(bytes, 0xff, 12);
    xc_store16(bytes + 2, 0x8400);
    assert_false(xc_dns_open(&walk, xc_span_make(bytes, 12)));
}

static void test_is_local(void **state)
{
    (void)state;
    assert_true(xc_dns_is_local(NAME));
    assert_true(xc_dns_is_local("A.LOCAL"));
    assert_false(xc_dns_is_local(".local"));
    assert_false(xc_dns_is_local("local"));
    assert_false(xc_dns_is_local("a.b.local"));
    assert_false(xc_dns_is_local("a.local."));
    assert_false(xc_dns_is_local("a.locale"));
    assert_false(xc_dns_is_local("a_b.local"));
    assert_false(xc_dns_is_local("example.com"));
    assert_false(xc_dns_is_local(""));
    char longest[80] = "";
    memset(longest, 'a', 64);
    strcpy(longest + 64, ".local");
    assert_false(xc_dns_is_local(longest));
    assert_true(xc_dns_is_local(longest + 1));
    assert_int_equal(strlen(longest + 1), XC_DNS_LOCAL_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query),      cmocka_unit_test(test_response),
        cmocka_unit_test(test_truncation), cmocka_unit_test(test_not_a_response),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_pointer_chain),
        cmocka_unit_test(test_is_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
