/* test_deletion.c - a big account is deleted while the service answers others between the steps, in virtual time:
 * it is gone for everybody at once, and of its rows nothing is left in the end; over a restart, failing
 * commits, steps that fail, and beside the admin command. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store_fixture.h"
#include "store_private.h"
#include "world.h"

#define MESSAGES 20000
#define MARK "MARKER-WORDS"

static struct world world;
static struct somebody alice, phone, bob, carol;
static unsigned failing_commits;

int __real_store_commit(struct store *store);
int __wrap_store_commit(struct store *store);
int __wrap_store_commit(struct store *store)
{
    if (failing_commits && failing_commits--)
        return STORE_FAILED;
    return __real_store_commit(store);
}

static int64_t user_of(const char *name)
{
    struct account account;
    OK(store_account_by_name(world.store, name, &account));
    return account.id;
}

static int64_t count_of(const char *sql)
{
    int64_t count = -1;
    OK(db_get(world.store, &count, sql, ""));
    return count;
}

static int64_t messages_left(void)
{
    return count_of("SELECT count(*) FROM message WHERE body LIKE '" MARK "%'");
}

static int64_t erasing(void)
{
    return count_of("SELECT count(*) FROM erasing");
}

/* alice has written and got very much; a little is between bob and carol. */
static void fill(int messages)
{
    int64_t ids[3] = {user_of("alice"), user_of("bob"), user_of("carol")}, id;
    char text[200];
    OK(store_begin(world.store));
    for (int i = 0; i < messages; i++) {
        snprintf(text, sizeof text, MARK " %d %.*s", i, i % 100,
                 "and so on, and so on, and so on, and so on, and so on, and so on, and so on");
        int64_t other = ids[1 + i % 2];
        OK(store_message_add(world.store, i % 5 ? ids[0] : other, i % 5 ? other : ids[0], text,
                             world.now, true, &id));
        if (i % 200 == 0)
            OK(store_message_add(world.store, ids[1], ids[2], "between others", world.now, true,
                                 &id));
    }
    OK(store_commit(world.store));
}

static int start(void **state)
{
    (void)state;
    failing_commits = 0;
    snprintf(fixture_path, sizeof fixture_path, "/tmp/xcalld-test-XXXXXX");
    int fd = mkstemp(fixture_path);
    assert_true(fd >= 0);
    close(fd);
    world_start(&world, fixture_path);
    world_join(&world, &alice, "alice", 5 << 8);
    world_join_again(&world, &phone, &alice);
    world_join(&world, &bob, "bob", 6 << 8);
    world_join(&world, &carol, "carol", 7 << 8);
    world_pass(&world, 1000); /* what a service that starts looks for */
    for (int i = 0; i < 2; i++) {
        struct somebody *one = i ? &bob : &alice, *other = i ? &alice : &bob;
        assert_string_equal(world_code(&world, one->connection, "follow.set",
                                       "{'who':'%s','on':true}", other->name),
                            "ok");
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_stop(&world);
    fixture_remove(fixture_path);
    return 0;
}

static void ask_deletion(const char *id)
{
    world_say(&world, alice.connection,
              "{'t':'account.delete','id':'%s','b':{'password':'correct horse'}}", id);
    world_work(&world);
}

static void delete_alice(void)
{
    world_forget(&world);
    ask_deletion("d");
    assert_string_equal(world_text(world_heard(&world, alice.connection, "ok", 0), "re"), "d");
    assert_int_equal(world_closed(&world, alice.connection), 4003);
    assert_int_equal(world_closed(&world, phone.connection), 4003);
    assert_int_equal(world_closed(&world, bob.connection), 0);
}

/* The code that a request of a connection without a device is answered with, its password hashed. */
static const char *early(const char *type, const char *body)
{
    uint64_t connection = world_open(&world, (unsigned)(world.next + 100) << 8);
    const char *code = world_code(&world, connection, type, "%s", body);
    if (*code)
        return code;
    world_work(&world);
    json_t *err = world_heard(&world, connection, "err", 0);
    return err ? world_text(json_object_get(err, "b"), "code") : "ok";
}

static void gone_for_strangers(void)
{
    assert_string_equal(early("account.create", "{'name':'alice','password':'12345678'}"),
                        "name_taken");
    assert_string_equal(early("account.sign_in", "{'name':'alice','password':'correct horse'}"),
                        "bad_login");
    world_hello(&world, &phone, "");
    assert_int_equal(world_closed(&world, phone.connection), 4001);
}

/* Everything that bob exports, in which nothing of alice may be. */
static json_int_t exported(void)
{
    char after[128] = "";
    json_int_t messages = 0;
    do {
        const char *code;
        json_t *body = *after ? world_ask(&world, bob.connection, &code, "account.export",
                                          "{'after':'%s'}", after)
                              : world_ask(&world, bob.connection, &code, "account.export", "{}");
        assert_string_equal(code, "ok");
        char *text = json_dumps(body, 0);
        assert_null(strstr(text, MARK));
        assert_null(strstr(text, "alice"));
        free(text);
        messages +=
            (json_int_t)json_array_size(json_object_get(json_object_get(body, "part"), "messages"));
        snprintf(after, sizeof after, "%s", world_text(body, "next"));
        world_forget(&world);
    } while (*after);
    return messages;
}

static void gone_for_bob(void)
{
    uint64_t c = bob.connection;
    json_t *chats = json_object_get(world_ask(&world, c, NULL, "msg.chats", "{}"), "chats");
    assert_int_equal(json_array_size(chats), 1);
    assert_string_equal(world_text(json_array_get(chats, 0), "peer"), "carol");
    assert_string_equal(world_code(&world, c, "msg.list", "{'with':'alice'}"), "no_such_account");
    assert_string_equal(world_code(&world, c, "msg.send", "{'to':'alice','text':'x'}"),
                        "no_such_account");
    assert_string_equal(world_code(&world, c, "msg.read", "{'with':'alice','msg':1}"),
                        "no_such_account");
    assert_string_equal(world_code(&world, c, "follow.set", "{'who':'alice','on':false}"),
                        "no_such_account");
    json_t *names = json_object_get(world_ask(&world, c, NULL, "follow.list", "{}"), "names");
    assert_int_equal(json_array_size(names), 0);
    assert_int_equal(exported(), MESSAGES / 200);
    assert_string_equal(world_code(&world, c, "perm.get", "{}"), "ok");
    assert_string_equal(world_code(&world, carol.connection, "perm.set", "{'hide_busy':true}"),
                        "ok");
}

static void nothing_left(void)
{
    assert_int_equal(erasing(), 0);
    assert_int_equal(messages_left(), 0);
    assert_int_equal(count_of("SELECT count(*) FROM chat WHERE 1 IN (user_id,peer_id)"), 0);
    assert_int_equal(count_of("SELECT count(*) FROM device WHERE user_id=1"), 0);
    assert_int_equal(count_of("SELECT count(*) FROM follow"), 0);
    assert_false(in_bytes(fixture_path, MARK));
    assert_false(in_bytes(fixture_path, "alice"));
}

static void answered_between_the_steps(void **state)
{
    (void)state;
    fill(MESSAGES);
    assert_int_equal(user_of("alice"), 1);
    assert_true(in_bytes(fixture_path, MARK));
    delete_alice();
    int64_t before = messages_left(), begun = world.now;
    assert_int_equal(before, MESSAGES - (ERASE_ROWS - 2)); /* with two devices: the first step */
    assert_int_equal(erasing(), 1);
    for (int steps = 0; erasing() > 0; steps++) {
        if (steps % 25 == 0)
            gone_for_bob();
        if (steps % 40 == 0)
            gone_for_strangers();
        before = messages_left();
        int64_t until = world.now + ERASE_MS;
        while (world.now < until) { /* each batch by itself: one step at most */
            int64_t left = messages_left();
            world_pass(&world, 10);
            assert_in_range(left - messages_left(), 0, ERASE_ROWS);
        }
        assert_in_range(before - messages_left(), before > 0 ? 1 : 0, ERASE_ROWS);
        world_forget(&world);
    }
    assert_in_range(world.now - begun, 0, (MESSAGES / ERASE_ROWS + 5) * (ERASE_MS + 10));
    nothing_left();
    gone_for_bob();
    world_pass(&world, 60000);
    gone_for_strangers();
}

/* A service that starts goes on where the one before it was. */
static void restarted(void **state)
{
    (void)state;
    fill(3000);
    delete_alice();
    for (int i = 0; i < 3; i++) {
        world_pass(&world, 2 * ERASE_MS);
        int64_t left = messages_left();
        assert_true(left > 0);
        world_restart(&world);
        assert_int_equal(messages_left(), left);
    }
    world_pass(&world, 20 * ERASE_MS);
    nothing_left();
    gone_for_strangers();
}

/* A batch that is not committed: the deletion did not happen; and then some of its steps did not. */
static void commits_fail(void **state)
{
    (void)state;
    fill(3000);
    world_say(&world, alice.connection,
              "{'t':'account.delete','id':'a','b':{'password':'correct horse'}}");
    world_forget(&world);
    failing_commits = 2; /* one is tried again */
    world_work(&world);
    json_t *err = json_object_get(world_heard(&world, alice.connection, "err", 0), "b");
    assert_string_equal(world_text(err, "code"), "try_later");
    assert_int_equal(messages_left(), 3000);
    assert_int_equal(user_of("alice"), 1);
    world_pass(&world, 2000);
    assert_int_equal(messages_left(), 3000);
    world_hello(&world, &alice, "");
    world_hello(&world, &phone, "");
    delete_alice();
    for (int i = 0; i < 4; i++) {
        int64_t left = messages_left();
        failing_commits = 2;
        world_pass(&world, ERASE_MS);
        assert_true(failing_commits < 2);
        failing_commits = 0;
        assert_in_range(left - messages_left(), 0, ERASE_ROWS);
        for (int n = 0; n < 40 && messages_left() == left; n++)
            world_pass(&world, ERASE_MS);
        assert_true(messages_left() < left);
    }
    world_pass(&world, 3000);
    nothing_left();
}

/* A step that fails costs nobody else anything, and is tried again. */
static void a_step_fails(void **state)
{
    (void)state;
    fill(2000);
    delete_alice();
    assert_int_equal(sqlite3_exec(world.store->db,
                                  "CREATE TEMP TRIGGER poison BEFORE DELETE ON main.message BEGIN"
                                  " SELECT abs(-9223372036854775807 - 1); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    int64_t left = messages_left();
    for (int i = 0; i < 20; i++) {
        world_pass(&world, ERASE_MS);
        assert_string_equal(world_code(&world, bob.connection, "perm.get", "{}"), "ok");
        assert_string_equal(world_code(&world, carol.connection, "perm.set", "{'hide_busy':%s}",
                                       i % 2 ? "true" : "false"),
                            "ok");
    }
    assert_int_equal(messages_left(), left);
    assert_true(service_ready(world.service));
    assert_int_equal(world.service->core->counters.failed_steps, 1);
    assert_int_equal(sqlite3_exec(world.store->db, "DROP TRIGGER poison", NULL, NULL, NULL),
                     SQLITE_OK);
    world_pass(&world, RETENTION_MS + 2000);
    nothing_left();
}

/* By another process, whose change the service follows: what was written for it until then goes too. */
static void by_the_admin_command(void **state)
{
    (void)state;
    struct store *admin = fixture_again(fixture_path);
    fill(2000);
    world_pass(&world, POLL_MS);
    OK(store_begin(admin));
    OK(store_account_delete(admin, 1, world.now));
    OK(store_change_add(admin, CHANGE_ACCOUNT, 1, 0, world.now));
    OK(store_commit(admin));
    assert_string_equal(world_code(&world, alice.connection, "msg.send",
                                   "{'to':'bob','text':'" MARK " of the last moment'}"),
                        "ok");
    erase_all(admin); /* it came to the end before the service had a look */
    assert_int_equal(erasing(), 0);
    assert_int_equal(messages_left(), 0);
    OK(store_begin(admin));
    int64_t id;
    OK(store_message_add(admin, 1, 2, MARK, world.now, true, &id)); /* as above, a moment later */
    OK(store_commit(admin));
    store_close(admin);
    assert_true(messages_left() > 0);
    world_forget(&world);
    world_pass(&world, 2 * POLL_MS);
    assert_int_equal(world_closed(&world, alice.connection), 4003);
    assert_int_equal(world_closed(&world, phone.connection), 4003);
    world_pass(&world, 5 * ERASE_MS);
    nothing_left();
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(answered_between_the_steps), TEST(restarted), TEST(commits_fail), TEST(a_step_fails),
        TEST(by_the_admin_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
