/* test_failures.c - an input that fails costs only itself; a store that cannot be written is told to those who
 * write, and is written again without a restart when it can be. The store's file is made to fail by SQLite's own
 * means: triggers, query_only, max_page_count.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_private.h"
#include "world.h"

static struct world world;
static unsigned failing_commits;

int __real_store_commit(struct store *store);
int __wrap_store_commit(struct store *store);
int __wrap_store_commit(struct store *store)
{
    if (failing_commits && failing_commits--)
        return STORE_FAILED;
    return __real_store_commit(store);
}

static int start(void **state)
{
    (void)state;
    world_start(&world, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_stop(&world);
    return 0;
}

static void sql(const char *text)
{
    assert_int_equal(sqlite3_exec(world.store->db, text, NULL, NULL, NULL), SQLITE_OK);
}

/* No constraint: what SQLite says of it is an error of its own. */
#define POISON(what) "BEGIN SELECT abs(-9223372036854775807 - 1) WHERE " what "; END"

static void frame(uint64_t connection, const char *text)
{
    char copy[600];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    service_frame(world.service, connection, copy, strlen(copy));
}

static const char *code_of(uint64_t connection, const char *id)
{
    const char *code = "";
    for (size_t i = 0; i < world.sent_count; i++) {
        json_t *sent = world.sent[i].frame;
        if (world.sent[i].connection == connection && strcmp(world_text(sent, "re"), id) == 0) {
            assert_string_equal(code, ""); /* answered once */
            code = strcmp(world_text(sent, "t"), "ok") == 0
                       ? "ok"
                       : world_text(json_object_get(sent, "b"), "code");
        }
    }
    return code;
}

static void one_of_many(void **state)
{
    struct somebody alice, bob, carol;
    struct message messages[4];
    bool on = false;
    size_t count = 0;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    world_join(&world, &carol, "carol", 7);
    sql("CREATE TEMP TRIGGER poison AFTER INSERT ON main.message " POISON("new.body='poison'"));
    world_forget(&world);
    unsigned created = told.created;
    size_t taken = limits_count(world.service->limits);
    service_begin(world.service, world.now);
    frame(alice.connection, "{'t':'msg.send','id':'a1','b':{'to':'bob','text':'first'}}");
    frame(carol.connection, "{'t':'block.set','id':'c1','b':{'who':'bob','on':true}}");
    frame(bob.connection, "{'t':'msg.send','id':'b1','b':{'to':'alice','text':'poison'}}");
    frame(bob.connection, "{'t':'perm.get','id':'b2'}");
    frame(alice.connection, "{'t':'msg.send','id':'a2','b':{'to':'bob','text':'second'}}");
    frame(bob.connection, "{'t':'msg.send','id':'b3','b':{'to':'alice','text':'poison'}}");
    service_end(world.service);
    assert_string_equal(code_of(alice.connection, "a1"), "ok");
    assert_string_equal(code_of(carol.connection, "c1"), "ok");
    assert_string_equal(code_of(bob.connection, "b1"), "internal");
    assert_string_equal(code_of(bob.connection, "b2"), "ok");
    assert_string_equal(code_of(alice.connection, "a2"), "ok");
    assert_string_equal(code_of(bob.connection, "b3"), "internal");
    assert_true(service_ready(world.service));
    assert_int_equal(told.created, created); /* the calls were not read again */
    assert_int_equal(store_edge_get(world.store, EDGE_BLOCK, 3, 2, &on), STORE_OK);
    assert_true(on);
    assert_int_equal(store_message_list(world.store, 1, 2, 0, messages, 4, &count), STORE_OK);
    assert_int_equal(count, 2);
    assert_string_equal(messages[0].text, "second");
    assert_int_equal(messages[0].id, 2); /* numbers as if the others had not been */
    /* What is heard of it: two messages, numbered one after the other; nothing at alice. */
    assert_null(world_heard(&world, alice.connection, "msg.new", 0));
    json_t *one = world_heard(&world, bob.connection, "msg.new", 0);
    json_t *two = world_heard(&world, bob.connection, "msg.new", 1);
    assert_int_equal(world_int(two, "sq"), world_int(one, "sq") + 1);
    assert_null(world_heard(&world, bob.connection, "msg.new", 2));
    assert_int_equal(world.service->core->counters.failed_batches, 0);
    assert_int_equal(world.service->core->counters.failed_steps, 2);
    assert_true(limits_count(world.service->limits) >= taken);
    /* The same id again is carried out. */
    sql("DROP TRIGGER poison");
    world_forget(&world);
    world_say(&world, bob.connection,
              "{'t':'msg.send','id':'b1','b':{'to':'alice','text':'poison'}}");
    assert_string_equal(code_of(bob.connection, "b1"), "ok");
    assert_int_equal(
        world_int(json_object_get(world_heard(&world, alice.connection, "msg.new", 0), "b"), "msg"),
        3);
}

/* One failed commit is made good by the same statements in another transaction. */
static void commit_again(void **state)
{
    struct somebody alice, bob;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    unsigned created = told.created;
    for (int i = 1; i <= 3; i++) {
        world_forget(&world);
        failing_commits = 1;
        assert_int_equal(world_int(world_ask(&world, alice.connection, NULL, "msg.send",
                                             "{'to':'bob','text':'number %d'}", i),
                                   "msg"),
                         i);
        assert_int_equal(failing_commits, 0);
        json_t *new = world_heard(&world, bob.connection, "msg.new", 0);
        assert_int_equal(world_int(json_object_get(new, "b"), "msg"), i);
    }
    struct message messages[4];
    size_t count = 0;
    assert_int_equal(store_message_list(world.store, 1, 2, 0, messages, 4, &count), STORE_OK);
    assert_int_equal(count, 3);
    assert_string_equal(messages[0].text, "number 3");
    assert_int_equal(told.created, created);
    assert_int_equal(world.service->core->counters.failed_batches, 0);
}

/* What a failed input had taken of a limit is given back: nobody is shut out by failures. */
static void limits_given_back(void **state)
{
    struct somebody alice, bob;
    int64_t retry_ms;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    limits_set(world.service->limits, LIMIT_MESSAGES, (struct limit_size){2, 0.0001});
    sql("CREATE TEMP TRIGGER poison AFTER INSERT ON main.message " POISON("new.body='poison'"));
    for (int i = 0; i < 10; i++)
        assert_string_equal(
            world_code(&world, alice.connection, "msg.send", "{'to':'bob','text':'poison'}"),
            "internal");
    for (int i = 0; i < 2; i++)
        assert_string_equal(
            world_code(&world, alice.connection, "msg.send", "{'to':'bob','text':'fine'}"), "ok");
    assert_false(limit_take(world.service->limits, LIMIT_MESSAGES, 1, 0, world.now, &retry_ms));
}

/* But not the frame's place: whoever sends what fails sends no more of it than of anything else. */
static void failures_are_frames(void **state)
{
    struct somebody alice, bob;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    limits_set(world.service->limits, LIMIT_FRAMES, (struct limit_size){6, 0.0001});
    sql("CREATE TEMP TRIGGER poison AFTER INSERT ON main.message " POISON("new.body='poison'"));
    for (int i = 0; i < 6; i++)
        assert_string_equal(
            world_code(&world, alice.connection, "msg.send", "{'to':'bob','text':'poison'}"),
            "internal");
    assert_int_equal(world_closed(&world, alice.connection), 0);
    world_say(&world, alice.connection, "{'t':'msg.send','b':{'to':'bob','text':'poison'}}");
    assert_int_equal(world_closed(&world, alice.connection), 4009);
}

/* More than a few in one batch: the whole batch is told to come again, and nobody waits for ever. */
static void many_of_many(void **state)
{
    struct somebody alice, bob;
    char text[200];
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    sql("CREATE TEMP TRIGGER poison AFTER INSERT ON main.message " POISON("new.body='poison'"));
    uint64_t nobody = world_open(&world, 7 << 8);
    world_say(&world, nobody, "{'t':'account.create','id':'n','b':{}}");
    world_forget(&world);
    service_begin(world.service, world.now);
    frame(bob.connection, "{'t':'msg.send','id':'b1','b':{'to':'alice','text':'fine'}}");
    frame(bob.connection, "{'t':'msg.send','id':'b2','b':[]}");
    frame(bob.connection, "{'t':'no.such','id':'b3'}");
    frame(nobody, "{'t':'no.such','id':'n0','b':[]}");
    frame(nobody, "{'t':'no.such','id':'n1'}");
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "{'t':'msg.send','id':'a%d','b':{'to':'bob','text':'poison'}}",
                 i);
        frame(alice.connection, text);
    }
    service_end(world.service);
    assert_string_equal(code_of(bob.connection, "b1"), "try_later");
    assert_string_equal(code_of(bob.connection, "b2"), "try_later"); /* it may be of another kind */
    assert_string_equal(code_of(bob.connection, "b3"), "try_later");
    assert_string_equal(code_of(nobody, "n0"), "try_later");
    assert_string_equal(code_of(nobody, "n1"), "try_later");
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "a%d", i);
        assert_string_equal(code_of(alice.connection, text), "try_later");
    }
    assert_true(service_ready(world.service)); /* it has recovered at once */
    assert_null(world_heard(&world, alice.connection, "msg.new", 0));
    world_forget(&world);
    world_say(&world, bob.connection,
              "{'t':'msg.send','id':'b1','b':{'to':'alice','text':'fine'}}");
    assert_string_equal(code_of(bob.connection, "b1"), "ok");
}

/* Whoever signs in or goes away in the same batch is not touched by it. */
static void comers_and_goers(void **state)
{
    struct somebody alice, bob, carol;
    char hello[256];
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    world_join(&world, &carol, "carol", 7);
    world_close(&world, carol.connection);
    uint64_t carols = world_open(&world, 9 << 8);
    sql("CREATE TEMP TRIGGER poison AFTER INSERT ON main.message " POISON("new.body='poison'"));
    world_forget(&world);
    snprintf(hello, sizeof hello, "{'t':'hello','id':'h','b':{'token':'%s','key':'%s'}}",
             carol.token, carol.key);
    service_begin(world.service, world.now);
    frame(carols, hello);
    service_closed(world.service, bob.connection, false);
    frame(alice.connection, "{'t':'msg.send','id':'a1','b':{'to':'bob','text':'poison'}}");
    service_end(world.service);
    assert_string_equal(code_of(alice.connection, "a1"), "internal");
    assert_non_null(world_heard(&world, carols, "welcome", 0));
    assert_int_equal(world_closed(&world, carols), 0);
    assert_int_equal(world_closed(&world, alice.connection), 0);
    /* A hello that fails costs its own connection, after its answer. */
    sql("CREATE TEMP TRIGGER deaf AFTER UPDATE ON main.device " POISON("new.user_id=2"));
    world_forget(&world);
    world_hello(&world, &bob, "");
    assert_string_equal(code_of(bob.connection, "h"), "internal");
    assert_int_equal(world_closed(&world, bob.connection), 1012);
    sql("DROP TRIGGER deaf");
    world_forget(&world);
    world_hello(&world, &bob, "");
    assert_non_null(world_heard(&world, bob.connection, "welcome", 0));
}

/* A hello that fails has displaced the connection before it: both are closed, and the calls are told to look. */
static void displaced_in_a_failure(void **state)
{
    struct somebody alice, bob;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    uint64_t before = bob.connection;
    unsigned looked = told.looked;
    world_forget(&world);
    told.online_fails = true;
    world_hello(&world, &bob, "");
    told.online_fails = false;
    assert_string_equal(code_of(bob.connection, "h"), "internal");
    assert_int_equal(world_closed(&world, bob.connection), 1012);
    assert_int_equal(world_closed(&world, before), 1012);
    assert_int_equal(told.looked, looked + 1);
    assert_int_equal(told.last_user, 2);
    assert_null(session_of(world.service, 2, 1));
    assert_int_equal(world.service->core->counters.failed_steps, 1);
    assert_true(service_ready(world.service));
    world_forget(&world);
    world_hello(&world, &bob, "");
    assert_non_null(world_heard(&world, bob.connection, "welcome", 0));
    assert_int_equal(told.looked, looked + 1);
}

/* A failure of memory after the disk was full, and is so no more, is one of the input alone. */
static void full_no_more(void **state)
{
    struct somebody alice, bob;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    world.store->last_code = SQLITE_FULL;
    assert_true(store_unwritable(world.store));
    assert_string_equal(world_code(&world, alice.connection, "call.fail", "{}"), "internal");
    assert_int_equal(world.service->core->counters.failed_steps, 1);
    assert_int_equal(world.service->core->counters.failed_batches, 0);
    assert_true(service_ready(world.service));
}

static void reads_go_on(struct somebody *alice, struct somebody *bob)
{
    static const char *const reads[] = {"perm.get",     "device.list",  "block.list", "follow.list",
                                        "contact.list", "history.list", "ack"};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        assert_string_equal(world_code(&world, alice->connection, reads[i], "{'sq':0}"), "ok");
    assert_string_equal(
        world_code(&world, alice->connection, "msg.list", "{'with':'%s'}", bob->name), "ok");
    assert_string_equal(world_code(&world, alice->connection, "account.export", "{}"), "ok");
}

static void unwritable(const char *break_it, const char *mend_it)
{
    struct somebody alice, bob;
    static char text[4001];
    (void)memset(text, 'x', sizeof text - 1);
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    limits_set(world.service->limits, LIMIT_MESSAGES, (struct limit_size){0, 0});
    limits_set(world.service->limits, LIMIT_FRAMES, (struct limit_size){0, 0});
    sql(break_it);
    const char *code = "ok";
    for (int i = 0; i < 200 && strcmp(code, "ok") == 0; i++)
        code = world_code(&world, alice.connection, "msg.send", "{'to':'bob','text':'%s'}", text);
    assert_string_equal(code, "try_later");
    assert_false(service_ready(world.service));
    size_t logs = world.logs;
    assert_true(logs > 0);
    reads_go_on(&alice, &bob);
    for (int i = 0; i < 5; i++) {
        world_pass(&world, 1000); /* it looks, and is still broken */
        assert_false(service_ready(world.service));
        assert_string_equal(
            world_code(&world, alice.connection, "msg.send", "{'to':'bob','text':'later'}"),
            "try_later");
    }
    assert_int_equal(world.logs, logs); /* said once */
    for (int i = 0; i < 40; i++) {      /* however long: what has no time does not wake it */
        world.now += 2000;
        service_begin(world.service, world.now);
        service_end(world.service);
        assert_true(service_deadline(world.service) > world.now);
    }
    struct somebody again = bob;
    world_hello(&world, &again, "");
    world_close(&world, alice.connection);
    world_forget(&world);
    sql(mend_it);
    world_pass(&world, 1100);
    assert_true(service_ready(world.service));
    world_hello(&world, &alice, "");
    assert_non_null(world_heard(&world, alice.connection, "welcome", 0));
    assert_string_equal(
        world_code(&world, alice.connection, "msg.send", "{'to':'bob','text':'at last'}"), "ok");
    struct message messages[1];
    size_t count = 0;
    assert_int_equal(store_message_list(world.store, 1, 2, 0, messages, 1, &count), STORE_OK);
    assert_string_equal(messages[0].text, "at last");
}

static void read_only(void **state)
{
    (void)state;
    unwritable("PRAGMA query_only=ON", "PRAGMA query_only=OFF");
}

static void full(void **state)
{
    (void)state;
    unwritable("PRAGMA max_page_count=1",
               "PRAGMA max_page_count=1000000"); /* as many as there are */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(one_of_many),         TEST(commit_again),
        TEST(limits_given_back),   TEST(many_of_many),
        TEST(comers_and_goers),    TEST(displaced_in_a_failure),
        TEST(failures_are_frames), TEST(full_no_more),
        TEST(read_only),           TEST(full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
