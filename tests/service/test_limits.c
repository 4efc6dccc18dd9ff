/* test_limits.c - token buckets: sizes, refill, penalties, a full table, what a restart gains; texts and
 * the keyed table beside them.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "limits.h"
#include "session.h"
#include "table.h"
#include "text.h"

#define NOW 1800000000000ll

static struct store *store;
static struct limits *limits;

static int start(void **state)
{
    char error[256];
    (void)state;
    assert_int_equal(store_open(":memory:", &store, error, sizeof error), STORE_OK);
    limits = limits_create(store, NOW);
    assert_non_null(limits);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    limits_destroy(limits);
    store_close(store);
    return 0;
}

static void sizes_and_refill(void **state)
{
    int64_t retry = -1;
    (void)state;
    limits_set(limits, LIMIT_MESSAGES, (struct limit_size){3, 0.5});
    for (int i = 0; i < 3; i++) {
        assert_true(limit_there(limits, LIMIT_MESSAGES, 1, 0, NOW, &retry));
        assert_true(limit_take(limits, LIMIT_MESSAGES, 1, 0, NOW, &retry));
        assert_int_equal(retry, 0);
    }
    assert_false(limit_there(limits, LIMIT_MESSAGES, 1, 0, NOW, &retry));
    assert_int_equal(retry, 2000);
    assert_false(limit_take(limits, LIMIT_MESSAGES, 1, 0, NOW, &retry));
    assert_true(limit_take(limits, LIMIT_MESSAGES, 2, 0, NOW, &retry)); /* somebody else */
    assert_true(limit_take(limits, LIMIT_MESSAGES, 1, 1, NOW, &retry));
    assert_false(limit_take(limits, LIMIT_MESSAGES, 1, 0, NOW + 1999, &retry));
    assert_int_equal(retry, 1);
    assert_true(limit_take(limits, LIMIT_MESSAGES, 1, 0, NOW + 2000, &retry));
    /* It never holds more than its size, and time that goes back refills nothing. */
    for (int i = 0; i < 3; i++)
        assert_true(limit_take(limits, LIMIT_MESSAGES, 1, 0, NOW + 1000000, &retry));
    assert_false(limit_take(limits, LIMIT_MESSAGES, 1, 0, NOW + 1000000, &retry));
    assert_false(limit_take(limits, LIMIT_MESSAGES, 1, 0, NOW, &retry));
}

static void none_never_and_penalties(void **state)
{
    int64_t retry;
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(limit_take(limits, LIMIT_TURN, 1, 0, NOW, &retry)); /* no size: no limit */
    limits_set(limits, LIMIT_TURN, (struct limit_size){1, 0});
    assert_true(limit_take(limits, LIMIT_TURN, 1, 0, NOW, &retry));
    assert_false(limit_take(limits, LIMIT_TURN, 1, 0, NOW + 1000000000, &retry));
    assert_int_equal(retry, 86400000);
    limits_set(limits, LIMIT_PAIR, (struct limit_size){2, 1});
    limit_take_many(limits, LIMIT_PAIR, 5, 6, NOW, 4);
    assert_false(limit_take(limits, LIMIT_PAIR, 5, 6, NOW, &retry));
    assert_int_equal(retry, 3000);
    limit_take_many(limits, LIMIT_PAIR, 5, 6, NOW, 1e9); /* bounded: ten sizes below zero */
    assert_false(limit_take(limits, LIMIT_PAIR, 5, 6, NOW, &retry));
    assert_int_equal(retry, 21000);
    assert_true(limit_take(limits, LIMIT_PAIR, 5, 6, NOW + 21000, &retry));
}

/* Who is full again is forgotten; a flood of others does not make room for one who is not. */
static void bounded(void **state)
{
    int64_t retry;
    (void)state;
    limits_set(limits, LIMIT_CONNECTIONS, (struct limit_size){2, 10});
    limits_set(limits, LIMIT_SIGN_IN_ACCOUNT, (struct limit_size){2, 0.0001});
    assert_true(limit_take(limits, LIMIT_SIGN_IN_ACCOUNT, 77, 0, NOW, &retry));
    assert_true(limit_take(limits, LIMIT_SIGN_IN_ACCOUNT, 77, 0, NOW, &retry));
    for (int64_t i = 0; i < 900000; i++)
        limit_take(limits, LIMIT_CONNECTIONS, i, 0, NOW, &retry);
    assert_true(limits_count(limits) <= 786432);
    assert_false(limit_take(limits, LIMIT_SIGN_IN_ACCOUNT, 77, 0, NOW + 5, &retry));
    assert_int_equal(limits_save(limits, NOW + 1000), STORE_OK);
    assert_int_equal(limits_count(limits), 1);
}

static void restart_refills_nothing(void **state)
{
    int64_t retry;
    (void)state;
    limits_set(limits, LIMIT_REPORTS, (struct limit_size){20, 0.01});
    limits_set(limits, LIMIT_FRAMES, (struct limit_size){20, 10});
    for (int i = 0; i < 20; i++) {
        assert_true(limit_take(limits, LIMIT_REPORTS, 3, 0, NOW, &retry));
        assert_true(limit_take(limits, LIMIT_FRAMES, 3, 1, NOW, &retry));
    }
    assert_int_equal(limits_save(limits, NOW), STORE_OK);
    for (int round = 0; round < 3; round++) { /* unchanged ones need not be saved again */
        limits_destroy(limits);
        limits = limits_create(store, NOW + 5000);
        assert_non_null(limits);
        limits_set(limits, LIMIT_REPORTS, (struct limit_size){20, 0.01});
        assert_false(limit_there(limits, LIMIT_REPORTS, 3, 0, NOW + 5000, &retry));
        assert_int_equal(retry, 95000);
        assert_int_equal(limits_save(limits, NOW + 5000), STORE_OK);
    }
    assert_true(limit_take(limits, LIMIT_REPORTS, 3, 0, NOW + 100000, &retry));
    /* A save that was rolled back is done again. */
    assert_int_equal(store_begin(store), STORE_OK);
    assert_int_equal(limits_save(limits, NOW + 100000), STORE_OK);
    store_rollback(store);
    limits_not_saved(limits);
    assert_int_equal(limits_save(limits, NOW + 100000), STORE_OK);
    limits_destroy(limits);
    limits = limits_create(store, NOW + 100000);
    limits_set(limits, LIMIT_REPORTS, (struct limit_size){20, 0.01});
    assert_false(limit_there(limits, LIMIT_REPORTS, 3, 0, NOW + 100000, &retry));
}

static void networks(void **state)
{
    uint8_t a[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1}, b[16] = {[10] = 0xff, 0xff, 192, 0, 2, 200};
    uint8_t c[16] = {[10] = 0xff, 0xff, 192, 0, 3, 1};
    uint8_t d[16] = {0x20, 1, 0xd, 0xb8, 0, 1, 9}, e[16] = {0x20, 1, 0xd, 0xb8, 0, 1, 8, 7};
    uint8_t f[16] = {0x20, 1, 0xd, 0xb8, 0, 2, 9};
    (void)state;
    assert_true(limit_network(a) == limit_network(b) && limit_network(a) != limit_network(c));
    assert_true(limit_network(d) == limit_network(e) && limit_network(d) != limit_network(f));
}

/* --- texts ---------------------------------------------------------------------------------------------------- */

static void base64(void **state)
{
    /* RFC 4648 section 10 */
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm-v", "Zm9v "};
    char text[32];
    uint8_t bytes[8];
    size_t size;
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(base64_encode(plain[i], i, text), strlen(coded[i]));
        assert_string_equal(text, coded[i]);
        assert_true(base64_decode(coded[i], bytes, sizeof bytes, &size));
        assert_int_equal(size, i);
        assert_memory_equal(bytes, plain[i], i);
        assert_true(i == 0 || !base64_decode(coded[i], bytes, i - 1, &size));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(base64_decode(bad[i], bytes, sizeof bytes, &size));
    assert_int_equal(base64url_encode("\xff\xfe\xfd\xfc", 4, text), 6);
    assert_string_equal(text, "__79_A");
}

static void words(void **state)
{
    uint8_t id[16], hash[32], random[32] = {1};
    char text[64], token[TOKEN_TEXT + 1];
    int32_t minutes;
    (void)state;
    assert_true(call_id_parse("00112233-4455-6677-8899-aabbccddeeff", id));
    call_id_text(id, text);
    assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
    assert_false(call_id_parse("00112233-4455-6677-8899-AABBCCDDEEFF", id));
    assert_false(call_id_parse("00112233-4455-6677-8899-aabbccddeef", id));
    assert_false(call_id_parse("00112233-4455-6677-8899-aabbccddeeff0", id));
    assert_false(call_id_parse("00112233x4455-6677-8899-aabbccddeeff", id));
    assert_false(call_id_parse("", id));
    assert_true(name_valid("a.b_9") && name_valid("aaaaaaaaaabbbbbbbbbbcccccccccc"));
    assert_false(name_valid("") || name_valid("A") || name_valid("a b") || name_valid("\xc3\xa4"));
    assert_false(name_valid("aaaaaaaaaabbbbbbbbbbccccccccccd"));
    assert_true(time_of_day_parse("23:59", &minutes) && minutes == 1439);
    time_of_day_text(minutes, text);
    assert_string_equal(text, "23:59");
    assert_false(time_of_day_parse("24:00", &minutes) || time_of_day_parse("7:00", &minutes));
    assert_false(time_of_day_parse("07:60", &minutes) || time_of_day_parse("07:001", &minutes));
    assert_false(time_of_day_parse("", &minutes) || time_of_day_parse("07", &minutes));
    assert_true(version_below("0.9.1", "0.10") && version_below("", "1") &&
                version_below("x", "0"));
    assert_false(version_below("1.0", "1") || version_below("0.10.0", "0.9.9") ||
                 version_below("", ""));
    assert_true(version_below("1.2", "1.2.1"));
    token_make(random, token, hash);
    assert_int_equal(strlen(token), 43);
    uint8_t again[32];
    assert_true(token_hash(token, again));
    assert_memory_equal(hash, again, 32);
    token[3] = '=';
    assert_false(token_hash(token, again));
    assert_true(text_plain("a\tb\nc\r", true) && !text_plain("a\n", false) &&
                !text_plain("\x7f", true));
    char *grown = NULL;
    size_t size = 0;
    assert_true(text_append(&grown, &size, "%s", "one ") && text_append(&grown, &size, "%d", 2));
    assert_string_equal(grown, "one 2");
    free(grown);
}

struct thing {
    struct table_node node;
    unsigned key;
};

static void tables(void **state)
{
    enum { COUNT = 3000 };
    static struct thing things[COUNT];
    static const uint8_t key[16] = {7};
    struct table table;
    (void)state;
    assert_true(table_init(&table, key));
    for (unsigned i = 0; i < COUNT; i++) {
        things[i].key = i / 2; /* pairs of one hash */
        table_add(&table, &things[i].node, table_hash(&table, &things[i].key, sizeof(unsigned)));
    }
    for (unsigned k = 0; k < COUNT / 2; k++) {
        unsigned found = 0;
        struct table_node *node = table_find(&table, table_hash(&table, &k, sizeof k));
        for (; node; node = table_again(node))
            found += TABLE_ENTRY(node, struct thing, node)->key == k;
        assert_int_equal(found, 2);
    }
    unsigned all = 0;
    for (struct table_node *node = table_first(&table); node; node = table_next(&table, node))
        all++;
    assert_int_equal(all, COUNT);
    for (unsigned i = 0; i < COUNT; i += 2)
        table_remove(&table, &things[i].node);
    table_remove(&table, &things[0].node); /* twice: nothing */
    assert_int_equal(table.count, COUNT / 2);
    table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sizes_and_refill, start, stop),
        cmocka_unit_test_setup_teardown(none_never_and_penalties, start, stop),
        cmocka_unit_test_setup_teardown(bounded, start, stop),
        cmocka_unit_test_setup_teardown(restart_refills_nothing, start, stop),
        cmocka_unit_test(networks),
        cmocka_unit_test(base64),
        cmocka_unit_test(words),
        cmocka_unit_test(tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
