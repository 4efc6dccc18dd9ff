/* test_store.c - accounts, devices, sessions, settings, edges, messages and the rest of xcalld's store, and
 * two handles on one file. SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define OPENERS 4

static void accounts(void **state)
{
    struct store *store = *state;
    struct account one, other;
    char hash[PASSWORD_HASH_MAX + 1];
    int64_t id, second;
    OK(store_account_add(store, "alice", "$argon2id$x", NOW, &id));
    IS(CONFLICT, store_account_add(store, "alice", NULL, NOW, &second));
    second = account(store, "bob");
    assert_true(second > id);
    OK(store_account_by_name(store, "alice", &one));
    assert_int_equal(one.id, id);
    assert_string_equal(one.name, "alice");
    assert_true(one.has_password && !one.verified && !one.paid);
    assert_int_equal(one.state, ACCOUNT_ACTIVE);
    assert_int_equal(one.created_ms, NOW);
    OK(store_account_password(store, id, hash));
    assert_string_equal(hash, "$argon2id$x");
    IS(NONE, store_account_password(store, second, hash));
    one.state = ACCOUNT_RESTRICTED;
    one.verified = one.paid = true;
    OK(store_account_set(store, &one));
    OK(store_account_by_id(store, id, &other));
    assert_memory_equal(&one, &other, sizeof one);
    IS(NONE, store_account_by_name(store, "Alice", &other));
    IS(NONE, store_account_by_id(store, 99, &other));
    other = (struct account){.id = 99};
    IS(NONE, store_account_set(store, &other));
}

static void devices_and_sessions(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob"), user, expires;
    int32_t dev;
    uint8_t token[HASH_SIZE] = {1}, key[KEY_SIZE] = {7};
    struct device device, devices[DEVICES_MAX];
    size_t count;
    for (int i = 1; i <= DEVICES_MAX; i++) {
        OK(store_device_add(store, alice, "phone", NOW, &dev));
        assert_int_equal(dev, i);
    }
    IS(FULL, store_device_add(store, alice, "one more", NOW, &dev));
    IS(NONE, store_device_add(store, 99, "nobody's", NOW, &dev));
    OK(store_device_add(store, bob, "his", NOW, &dev));
    assert_int_equal(dev, 1);
    OK(store_device_get(store, alice, 3, &device));
    assert_false(device.has_key);
    OK(store_device_set_key(store, alice, 3, key));
    OK(store_device_set_push(store, alice, 3, "fcm", "waker"));
    OK(store_device_touch(store, alice, 3, NOW + 5));
    IS(NONE, store_device_touch(store, alice, 77, NOW));
    OK(store_device_get(store, alice, 3, &device));
    assert_true(device.has_key);
    assert_memory_equal(device.key, key, sizeof key);
    assert_string_equal(device.push_kind, "fcm");
    assert_string_equal(device.push_token, "waker");
    assert_string_equal(device.label, "phone");
    assert_int_equal(device.last_ms, NOW + 5);
    OK(store_session_add(store, token, alice, 3, NOW + 1000));
    IS(CONFLICT, store_session_add(store, token, alice, 4, NOW + 1000));
    OK(store_session_find(store, token, NOW, &user, &dev, &expires));
    assert_int_equal(user, alice);
    assert_int_equal(dev, 3);
    assert_int_equal(expires, NOW + 1000);
    IS(NONE, store_session_find(store, token, NOW + 1000, &user, &dev, &expires));
    OK(store_session_extend(store, token, NOW + 9000));
    OK(store_session_find(store, token, NOW + 1000, &user, &dev, &expires));
    OK(store_device_revoke(store, alice, 3));
    IS(NONE, store_session_find(store, token, NOW, &user, &dev, &expires));
    IS(NONE, store_session_extend(store, token, NOW));
    IS(NONE, store_device_revoke(store, alice, 77));
    OK(store_device_list(store, alice, devices, &count));
    assert_int_equal(count, DEVICES_MAX - 1);
    assert_int_equal(devices[2].dev, 4);
    OK(store_device_add(store, alice, "new", NOW, &dev));
    assert_int_equal(dev, DEVICES_MAX + 1); /* a number is never used again */
}

static void settings(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice");
    struct call_settings read, wanted = {.verified = true,
                                         .everyone = true,
                                         .enhanced = true,
                                         .silence_strangers = true,
                                         .hide_busy = true,
                                         .quiet_from_min = 1320,
                                         .quiet_to_min = 420,
                                         .quiet_zone_min = -60};
    OK(store_settings_get(store, alice, &read));
    assert_true(read.enabled && read.following && read.addressbook);
    assert_false(read.everyone || read.verified || read.enhanced || read.silence_strangers ||
                 read.hide_busy);
    assert_true(read.quiet_from_min < 0);
    assert_int_equal(read.epoch, 0);
    for (int i = 1; i <= 3; i++) {
        OK(store_settings_set(store, alice, &wanted));
        assert_int_equal(wanted.epoch, i);
    }
    OK(store_settings_get(store, alice, &read));
    assert_memory_equal(&read, &wanted, sizeof read);
}

static void edges(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), count;
    static const char *const names[] = {"dan", "carl", "bob", "eve"};
    char list[3][NAME_MAX_BYTES + 1];
    size_t found;
    bool on;
    for (int kind = EDGE_FOLLOW; kind <= EDGE_BLOCK; kind++) {
        for (int i = 0; i < 4; i++) {
            struct account other;
            if (kind == EDGE_FOLLOW)
                account(store, names[i]);
            OK(store_account_by_name(store, names[i], &other));
            OK(store_edge_set(store, kind, alice, other.id, true, NOW));
            OK(store_edge_set(store, kind, alice, other.id, true, NOW + 1));
            OK(store_edge_get(store, kind, alice, other.id, &on));
            assert_true(on);
            OK(store_edge_get(store, kind, other.id, alice, &on));
            assert_false(on);
        }
        OK(store_edge_count(store, kind, alice, &count));
        assert_int_equal(count, 4);
        OK(store_edge_list(store, kind, alice, "", list, 3, &found));
        assert_int_equal(found, 3);
        assert_string_equal(list[0], "bob");
        assert_string_equal(list[2], "dan");
        OK(store_edge_list(store, kind, alice, list[2], list, 3, &found));
        assert_int_equal(found, 1);
        assert_string_equal(list[0], "eve");
        struct account bob;
        OK(store_account_by_name(store, "bob", &bob));
        OK(store_edge_set(store, kind, alice, bob.id, false, NOW));
        OK(store_edge_set(store, kind, alice, bob.id, false, NOW));
        OK(store_edge_get(store, kind, alice, bob.id, &on));
        assert_false(on);
    }
}

static void messages(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob"), id, last = 0;
    static struct message list[8];
    struct gate_row row;
    size_t count;
    OK(store_gate_row(store, alice, "bob", &row));
    assert_false(row.caller_sent || row.caller_delivered || row.callee_sent);
    /* withheld: in the outbox, not in the inbox */
    OK(store_message_add(store, alice, bob, "one", NOW, false, &id));
    OK(store_message_list(store, bob, alice, 0, list, 8, &count));
    assert_int_equal(count, 0);
    OK(store_message_list(store, alice, bob, 0, list, 8, &count));
    assert_int_equal(count, 1);
    OK(store_gate_row(store, alice, "bob", &row));
    assert_true(row.caller_sent && !row.caller_delivered);
    assert_int_equal(row.caller_first_sent_ms, NOW);
    OK(store_gate_row(store, bob, "alice", &row));
    assert_false(row.caller_sent || row.callee_sent);
    IS(NONE, store_dm_edge_accept(store, alice, bob)); /* what never came cannot be accepted */
    OK(store_message_add(store, alice, bob, "two", NOW + 1, true, &last));
    assert_true(last > id);
    OK(store_message_add(store, bob, alice, "three", NOW + 2, true, &id));
    OK(store_message_list(store, bob, alice, 0, list, 8, &count));
    assert_int_equal(count, 2);
    assert_string_equal(list[0].text, "three");
    assert_string_equal(list[0].from, "bob");
    assert_string_equal(list[1].text, "two");
    OK(store_message_list(store, bob, alice, id, list, 8, &count));
    assert_int_equal(count, 1);
    OK(store_message_list(store, alice, bob, 0, list, 2, &count));
    assert_int_equal(count, 2);
    assert_string_equal(list[1].text, "two");
    OK(store_gate_row(store, bob, "alice", &row));
    assert_true(row.caller_sent && row.callee_sent);
    OK(store_dm_edge_set(store, bob, alice, false, NOW));
    OK(store_gate_row(store, alice, "bob", &row));
    assert_false(row.callee_sent);
    OK(store_dm_edge_accept(store, alice, bob));
    OK(store_gate_row(store, alice, "bob", &row));
    assert_true(row.callee_sent); /* an acceptance counts as having written */
    OK(store_dm_edge_set(store, bob, alice, true, NOW + 9));
    OK(store_gate_row(store, bob, "alice", &row));
    assert_true(row.caller_sent && row.caller_delivered);
    assert_int_equal(row.caller_first_sent_ms, NOW + 9);
}

/* Each edge of the gate's row by itself, against the same edge read alone. */
static void gate_row(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    struct gate_row row, none;
    for (unsigned mask = 0; mask < 64; mask++) {
        for (int kind = 0; kind < 3; kind++) {
            OK(store_edge_set(store, kind, alice, bob, mask >> (2 * kind) & 1, NOW));
            OK(store_edge_set(store, kind, bob, alice, mask >> (2 * kind + 1) & 1, NOW));
        }
        OK(store_gate_row(store, alice, "bob", &row));
        unsigned seen = (unsigned)row.caller_follows | (unsigned)row.callee_follows << 1 |
                        (unsigned)row.caller_has_contact << 2 |
                        (unsigned)row.callee_has_contact << 3 | (unsigned)row.caller_blocks << 4 |
                        (unsigned)row.callee_blocks << 5;
        assert_int_equal(seen, mask);
    }
    assert_int_equal(row.caller.id, alice);
    assert_int_equal(row.callee.id, bob);
    assert_string_equal(row.caller.name, "alice");
    assert_string_equal(row.callee.name, "bob");
    struct call_settings set = {.everyone = true, .quiet_from_min = -1};
    OK(store_settings_set(store, bob, &set));
    OK(store_gate_row(store, alice, "bob", &row));
    assert_memory_equal(&row.callee_settings, &set, sizeof set);
    assert_true(row.caller_settings.enabled && row.caller_settings.epoch == 0);
    OK(store_gate_row(store, alice, "nobody", &none));
    assert_int_equal(none.callee.id, 0);
    assert_false(none.callee_gone || none.callee_blocks || none.caller_blocks);
    assert_true(none.callee_settings.following);
    OK(store_gate_row(store, 99, "bob", &none));
    assert_int_equal(none.caller.id, 0);
    OK(store_account_delete(store, bob, NOW));
    OK(store_gate_row(store, alice, "bob", &row));
    assert_int_equal(row.callee.id, 0);
    assert_true(row.callee_gone);
    assert_true(row.caller_blocks); /* the caller's own, which goes on */
    assert_false(row.callee_blocks);
}

static void transactions(void **state)
{
    struct store *store = *state;
    struct account one;
    OK(store_commit(store)); /* nothing to do */
    OK(store_begin(store));
    account(store, "alice");
    int64_t id;
    IS(CONFLICT,
       store_account_add(store, "alice", NULL, NOW, &id)); /* and the transaction goes on */
    store_rollback(store);
    IS(NONE, store_account_by_name(store, "alice", &one));
    OK(store_begin(store));
    account(store, "alice");
    OK(store_commit(store));
    OK(store_account_by_name(store, "alice", &one));
    IS(FAILED, store_begin(store) == STORE_OK ? store_begin(store) : STORE_OK);
    assert_true(strlen(store_error(store)) > 0);
    store_rollback(store);
}

static void two_handles(void **state)
{
    struct store *store = *state, *other = fixture_again(fixture_path);
    struct change changes[4];
    struct account one;
    size_t count;
    int64_t last, version, before;
    assert_false(store_changed(store));
    OK(store_change_last(store, &last));
    assert_int_equal(last, 0);
    OK(store_begin(other));
    account(other, "alice");
    OK(store_change_add(other, CHANGE_ACCOUNT, 1, 0, NOW));
    OK(store_change_add(other, CHANGE_BLOCK, 1, 2, NOW));
    assert_false(store_changed(store));
    IS(NONE, store_account_by_name(store, "alice", &one));
    OK(store_commit(other));
    assert_true(store_changed(store));
    assert_false(store_changed(store));
    OK(store_account_by_name(store, "alice", &one));
    OK(store_changes(store, last, changes, 4, &count));
    assert_int_equal(count, 2);
    assert_int_equal(changes[1].kind, CHANGE_BLOCK);
    assert_int_equal(changes[1].b, 2);
    OK(store_changes(store, changes[0].number, changes, 4, &count));
    assert_int_equal(count, 1);
    account(store, "bob");
    assert_false(store_changed(store)); /* its own writes are no news */
    assert_true(store_changed(other));
    OK(store_policy_version(store, &before));
    OK(store_policy_set(other, "kill", "on", NOW));
    OK(store_policy_version(store, &version));
    assert_true(version > before);
    uint8_t mine[HASH_SIZE], his[HASH_SIZE], another[HASH_SIZE];
    OK(store_secret(store, "names", mine));
    OK(store_secret(other, "names", his));
    OK(store_secret(other, "networks", another));
    assert_memory_equal(mine, his, HASH_SIZE);
    assert_memory_not_equal(mine, another, HASH_SIZE);
    store_close(other);
    struct stat status;
    assert_int_equal(stat(fixture_path, &status), 0);
    assert_int_equal(status.st_mode & 077, 0);
}

static void small_things(void **state)
{
    struct store *store = *state;
    char value[32];
    int64_t number;
    IS(NONE, store_policy_get(store, "kill", value, sizeof value));
    OK(store_policy_set(store, "kill", "on", NOW));
    OK(store_policy_set(store, "kill", "off", NOW));
    OK(store_policy_get(store, "kill", value, sizeof value));
    assert_string_equal(value, "off");
    IS(NONE, store_note_get(store, "relay_configured", &number));
    OK(store_note_set(store, "relay_configured", 1));
    OK(store_note_get(store, "relay_configured", &number));
    assert_int_equal(number, 1);
    struct rollout_row row, read;
    IS(NONE, store_rollout_get(store, "calls.make", &row));
    row =
        (struct rollout_row){.feature = "calls.make", .all_bp = 100, .paid_bp = 5000, .salt = {3}};
    OK(store_rollout_set(store, &row));
    OK(store_rollout_get(store, "calls.make", &read));
    assert_memory_equal(&row, &read, sizeof row);
    struct bucket_row buckets[3] = {{{1, UINT64_MAX}, 2.5, NOW}, {{2, 2}, -1, NOW + 1}};
    OK(store_buckets_save(store, buckets, 2));
    buckets[0].level = 1.25;
    OK(store_buckets_save(store, buckets, 1));
    size_t count;
    OK(store_buckets_load(store, buckets, 3, &count));
    assert_int_equal(count, 2);
    assert_true(buckets[1].key[1] == UINT64_MAX && buckets[1].level == 1.25);
    struct decision decision = {.at_ms = NOW,
                                .caller = 1,
                                .callee = 2,
                                .call = {9},
                                .facts = 0xfffffffffull,
                                .policy_word = 64,
                                .verdict = 2,
                                .reason = 9,
                                .public_reason = 7,
                                .rule = 11,
                                .relay = 1,
                                .settings_epoch = 4,
                                .policy_version = 5,
                                .bucket = 9999,
                                .dev = 3,
                                .network = {8}},
                    again[2];
    OK(store_decision_add(store, &decision));
    OK(store_decision_list(store, 0, again, 2, &count, &number));
    assert_int_equal(count, 1);
    assert_memory_equal(&decision, &again[0], sizeof decision);
    OK(store_decision_list(store, number, again, 2, &count, &number));
    assert_int_equal(count, 0);
    uint8_t call[CALL_ID_SIZE] = {1};
    OK(store_report_add(store, 1, 2, call, "spam", "words", NOW));
    OK(store_report_add(store, 1, 2, NULL, "spam", NULL, NOW));
    OK(store_report_add(store, 3, 2, NULL, "other", "", NOW + 5));
    OK(store_report_count(store, 2, NOW, &number));
    assert_int_equal(number, 2);
    OK(store_report_count(store, 2, NOW + 1, &number));
    assert_int_equal(number, 1);
    struct quality quality = {.setup_ms = 120, .loss_permille = -1, .version = "0.1.0"};
    OK(store_quality_add(store, &quality, NOW));
}

/* A server and the admin command, say, which make a new file between them. */
static void opened_at_once(void **state)
{
    (void)state;
    char path[64], error[512];
    snprintf(path, sizeof path, "/tmp/xcalld-test-once-%d", (int)getpid());
    for (int round = 0; round < 20; round++) {
        int gate[2];
        pid_t children[OPENERS];
        char byte;
        assert_int_equal(pipe(gate), 0);
        for (int i = 0; i < OPENERS; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i])
                continue;
            struct store *store = NULL;
            close(gate[1]);
            (void)!read(gate[0], &byte, 1); /* until all are there */
            int result = store_open(path, &store, error, sizeof error);
            if (result != STORE_OK)
                fprintf(stderr, "%s\n", error);
            store_close(store);
            _exit(result == STORE_OK ? 0 : 1);
        }
        close(gate[0]);
        close(gate[1]);
        int failed = 0;
        for (int i = 0; i < OPENERS; i++) {
            int status = 1;
            waitpid(children[i], &status, 0);
            failed += status != 0;
        }
        fixture_remove(path);
        assert_int_equal(failed, 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(accounts),     TEST(devices_and_sessions),
        TEST(settings),     TEST(edges),
        TEST(messages),     TEST(gate_row),
        TEST(transactions), TEST(two_handles),
        TEST(small_things), cmocka_unit_test(opened_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
