/* test_sessions.c - connections, hello, displacement, resume, stored answers, limits of connections, a
 * commit that fails, the service made anew on the same store.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
    failing_commits = 0;
    world_start(&world, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_stop(&world);
    return 0;
}

/* --- frames ------------------------------------------------------------------------------------------------ */

static void malformed_frames(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "x",
        "[]",
        "1",
        "null",
        "{",
        "{\"t\":\"hello\"",
        "{\"t\":1}",
        "{\"b\":{}}",
        "{\"t\":\"hello\",\"t\":\"hello\"}",
        "{\"t\":\"hello\"}x",
        "{\"t\":\"he\xff\"}",
        "{\"t\":\"a\\u0000b\"}",
        "{\"t\":\"hello\",\"id\":\"\"}",
        "{\"t\":\"hello\",\"id\":7}",
        "{\"t\":\"hello\",\"id\":\"a b\"}",
        "{\"t\":\"hello\",\"id\":null}",
        "{\"t\":\"hello\",\"id\":\"012345678901234567890123456789012\"}",
        "{\"t\":\"hello\",\"call\":\"x\"}",
        "{\"t\":\"hello\",\"call\":7}",
        "{\"t\":\"hello\",\"b\":[]}",
        "{\"t\":\"hello\",\"b\":{\"last_sq\":99999999999999999999}}",
        "{\"t\":\"hello\",\"b\":{\"x\":1e999}}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t connection = world_open(&world, (unsigned)(i + 1) << 8);
        world_raw(&world, connection, bad[i], strlen(bad[i]));
        assert_int_equal(world_closed(&world, connection), 4000);
        world_raw(&world, connection, bad[i], strlen(bad[i])); /* it is closing: nothing more */
        assert_null(world_heard(&world, connection, NULL, 0));
    }
    uint64_t connection = world_open(&world, 1);
    world_raw(&world, connection, "{\"t\":\"x\"}\0", 10);
    assert_int_equal(world_closed(&world, connection), 4000);
}

static void sizes_and_nesting(void **state)
{
    struct somebody alice;
    char text[FRAME_MAX + 2];
    (void)state;
    world_join(&world, &alice, "alice", 5);
    int size = snprintf(text, sizeof text, "{\"t\":\"unheard.of\",\"x\":\"");
    memset(text + size, 'x', sizeof text - (size_t)size);
    memcpy(text + FRAME_MAX - 2, "\"}", 2);
    world_raw(&world, alice.connection, text, FRAME_MAX);
    assert_int_equal(world_closed(&world, alice.connection), 0);
    size = snprintf(text, sizeof text, "{\"t\":\"x\",\"[[[[[[[[[[[[[[[[[[[[\\\"[\":%.15s%.15s}",
                    "[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]");
    world_raw(&world, alice.connection, text, (size_t)size);
    assert_int_equal(world_closed(&world, alice.connection), 0);
    size = snprintf(text, sizeof text, "{\"t\":\"x\",\"x\":%.16s%.16s}", "[[[[[[[[[[[[[[[[",
                    "]]]]]]]]]]]]]]]]");
    world_raw(&world, alice.connection, text, (size_t)size);
    assert_int_equal(world_closed(&world, alice.connection), 4000);
    world_close(&world, alice.connection);
    world_hello(&world, &alice, "");
    memset(text, ' ', sizeof text);
    memcpy(text, "{\"t\":\"x\"}", 9);
    world_raw(&world, alice.connection, text, FRAME_MAX + 1);
    assert_int_equal(world_closed(&world, alice.connection), 4000);
}

static void envelopes(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    assert_string_equal(world_code(&world, alice.connection, "no.such", "{}"), "bad_request");
    world_say(&world, alice.connection, "{'t':'no.such'}");
    world_forget(&world);
    world_say(&world, alice.connection, "{'t':'perm.get','id':'a1','b':[]}");
    json_t *err = world_heard(&world, alice.connection, "err", 0);
    assert_string_equal(world_text(json_object_get(err, "b"), "code"), "bad_frame");
    assert_string_equal(world_text(err, "re"), "a1");
    world_say(&world, alice.connection, "{'t':'perm.get','id':'a2','call':'nonsense'}");
    assert_string_equal(world_text(world_heard(&world, alice.connection, "err", 1), "re"), "a2");
    world_say(&world, alice.connection, "{'t':'call.invite','id':'a3'}"); /* needs a call */
    err = world_heard(&world, alice.connection, "err", 2);
    assert_string_equal(world_text(json_object_get(err, "b"), "code"), "bad_request");
    world_say(&world, alice.connection, "{'t':'perm.get','id':'a4','future':{'x':[1,2]}}");
    assert_non_null(
        world_heard(&world, alice.connection, "ok", 0)); /* unknown members are ignored */
    assert_int_equal(world_closed(&world, alice.connection), 0);
    assert_string_equal(world_code(&world, alice.connection, "hello", "{}"), "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "account.create", "{}"),
                        "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "account.sign_in", "{}"),
                        "bad_request");
    assert_int_equal(world_closed(&world, alice.connection), 0);
}

static void first_frame(void **state)
{
    (void)state;
    uint64_t silent = world_open(&world, 1 << 8), wrong = world_open(&world, 2 << 8);
    uint64_t unknown = world_open(&world, 3 << 8), slow = world_open(&world, 4 << 8);
    world_say(&world, wrong, "{'t':'perm.get','id':'1'}");
    assert_int_equal(world_closed(&world, wrong), 4001);
    world_say(&world, unknown, "{'t':'no.such','id':'1'}");
    assert_int_equal(world_closed(&world, unknown), 4001);
    world_say(&world, slow,
              "{'t':'account.create','id':'1','b':{'name':'x','password':'12345678'}}");
    world_pass(&world, 4999);
    assert_int_equal(world_closed(&world, silent), 0);
    world_pass(&world, 1);
    assert_int_equal(world_closed(&world, silent), 4001);
    world_pass(&world, 40000);
    assert_int_equal(world_closed(&world, slow), 0); /* its password is being hashed */
    world_work(&world);
    assert_non_null(world_heard(&world, slow, "ok", 0));
    world_pass(&world, 20000);
    assert_int_equal(world_closed(&world, slow), 4001); /* and it never said hello */
}

/* --- hello --------------------------------------------------------------------------------------------------- */

static void hello_members(void **state)
{
    static const struct {
        const char *body, *code;
    } bad[] = {
        {"{}", "bad_request"},
        {"{'token':7,'key':'%s'}", "bad_request"},
        {"{'token':'x'}", "bad_request"},
        {"{'token':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA','key':'%s'}", "bad_token"},
        {"{'token':'short','key':'%s'}", "bad_token"},
        {"{'token':'TOKEN','key':'AAAA'}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','last_sq':'1'}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','last_sq':-1}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','last_sq':1.5}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','resume':7}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','wake_call':'x'}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','client':'x'}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','client':{'name':'x'}}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','client':{'name':'x','version':'a\\\\u0022'}}",
         "bad_request"},
        {"{'token':'TOKEN','key':'%s','caps':'audio'}", "bad_request"},
        {"{'token':'TOKEN','key':'%s','caps':[1]}", "bad_request"},
    };
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_close(&world, alice.connection);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char format[256], body[400];
        const char *at = strstr(bad[i].body, "TOKEN");
        snprintf(format, sizeof format, "%.*s%s%s", at ? (int)(at - bad[i].body) : 0, bad[i].body,
                 at ? alice.token : "", at ? at + 5 : bad[i].body);
        char *key = strstr(format, "%s");
        snprintf(body, sizeof body, "%.*s%s%s", key ? (int)(key - format) : 0, format,
                 key ? alice.key : "", key ? key + 2 : format);
        uint64_t connection = world_open(&world, (unsigned)(i + 9) << 8);
        world_forget(&world);
        world_say(&world, connection, "{'t':'hello','id':'h','b':%s}", body);
        json_t *err = json_object_get(world_heard(&world, connection, "err", 0), "b");
        assert_string_equal(world_text(err, "code"), bad[i].code);
        assert_int_equal(world_closed(&world, connection), 4001);
    }
}

static void welcome_and_key(void **state)
{
    struct somebody alice, other;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    json_t *welcome = json_object_get(world_heard(&world, alice.connection, "welcome", 0), "b");
    assert_string_equal(world_text(welcome, "name"), "alice");
    assert_int_equal(world_int(welcome, "dev"), 1);
    assert_int_equal(world_int(welcome, "sq"), 0);
    assert_int_equal(world_int(welcome, "now"), world.now);
    assert_true(json_is_false(json_object_get(welcome, "resume")));
    json_t *limits = json_object_get(welcome, "limits");
    assert_int_equal(world_int(limits, "frame_bytes"), 16384);
    assert_int_equal(world_int(limits, "ping_ms"), 25000);
    assert_int_equal(world_int(limits, "ring_ms"), 60000);
    json_t *sync = world_heard(&world, alice.connection, "sync", 0);
    assert_int_equal(world_int(sync, "sq"), 1);
    assert_true(json_is_array(json_object_get(json_object_get(sync, "b"), "calls")));
    assert_int_equal(told.online, 1);
    other = alice;
    other.key[0] = other.key[0] == 'A' ? 'B' : 'A';
    world_hello(&world, &other, "");
    json_t *err = json_object_get(world_heard(&world, other.connection, "err", 0), "b");
    assert_string_equal(world_text(err, "code"), "key_mismatch");
    assert_int_equal(world_closed(&world, other.connection), 4001);
    assert_int_equal(world_closed(&world, alice.connection), 0); /* it displaces nobody */
}

static void displaced(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    uint64_t old = alice.connection;
    world_hello(&world, &alice, "");
    assert_int_equal(world_closed(&world, old), 4002);
    assert_int_equal(told.offline, 0);
    world_forget(&world);
    world_say(&world, old, "{'t':'perm.get','id':'x'}");
    assert_null(world_heard(&world, old, "ok", 0));
    world_close(&world, old); /* and its end does not take the newer one with it */
    assert_non_null(session_of(world.service, 1, 1));
    assert_string_equal(world_code(&world, alice.connection, "perm.get", "{}"), "ok");
    world_close(&world, alice.connection);
    assert_int_equal(told.offline, 1);
    assert_null(session_of(world.service, 1, 1));
}

/* --- events, resume ---------------------------------------------------------------------------------------------- */

static void event(const struct somebody *to, int number)
{
    json_t *frame = json_pack("{s:s,s:{s:i}}", "t", "test.event", "b", "number", number);
    int64_t user = 0;
    struct account account;
    assert_int_equal(store_account_by_name(world.store, to->name, &account), STORE_OK);
    user = account.id;
    service_begin(world.service, world.now);
    world.service->bus.deliver(world.service->bus.context, user, to->dev, 0, frame, 0);
    service_end(world.service);
    json_decref(frame);
}

static void come_back(struct somebody *somebody, int64_t last_sq)
{
    char more[96];
    snprintf(more, sizeof more, ",'resume':'%s','last_sq':%lld", somebody->epoch,
             (long long)last_sq);
    world_forget(&world);
    world_hello(&world, somebody, more);
}

static bool resumed(const struct somebody *somebody)
{
    json_t *welcome = json_object_get(world_heard(&world, somebody->connection, "welcome", 0), "b");
    return json_is_true(json_object_get(welcome, "resume"));
}

static void resume_replays(void **state)
{
    struct somebody alice;
    char texts[8][128];
    (void)state;
    world_join(&world, &alice, "alice", 5); /* sq 1: sync */
    for (int i = 0; i < 4; i++)
        event(&alice, i); /* 2 to 5 */
    for (size_t i = 0; i < 4; i++)
        snprintf(texts[i], sizeof texts[i], "%s",
                 world_heard_text(&world, alice.connection, "test.event", i));
    assert_string_equal(texts[0], "{\"sq\":2,\"t\":\"test.event\",\"b\":{\"number\":0}}");
    world_close(&world, alice.connection);
    world_pass(&world, 119000);
    event(&alice, 4); /* 6: while it is away */
    come_back(&alice, 3);
    assert_true(resumed(&alice));
    assert_int_equal(alice.sq, 6);
    assert_null(world_heard(&world, alice.connection, "sync", 0));
    assert_string_equal(world_heard_text(&world, alice.connection, "test.event", 0), texts[2]);
    assert_string_equal(world_heard_text(&world, alice.connection, "test.event", 1), texts[3]);
    assert_int_equal(world_int(world_heard(&world, alice.connection, "test.event", 2), "sq"), 6);
    assert_null(world_heard(&world, alice.connection, "test.event", 3));
    come_back(&alice, 6); /* nothing new; the older connection is still there */
    assert_true(resumed(&alice));
    assert_null(world_heard(&world, alice.connection, "test.event", 0));
    come_back(&alice, 2); /* 3 to 6 were handled, it said: they are gone */
    assert_false(resumed(&alice));
    assert_int_equal(world_int(world_heard(&world, alice.connection, "sync", 0), "sq"), 7);
    come_back(&alice, 99);
    assert_false(resumed(&alice));
    struct somebody wrong = alice;
    strcpy(wrong.epoch, "AAAAAAAAAAA");
    come_back(&wrong, 8);
    assert_false(resumed(&wrong));
}

static void ack_and_gap(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    for (int i = 0; i < 63; i++)
        event(&alice, i); /* 1 (sync) to 64 */
    world_close(&world, alice.connection);
    come_back(&alice, 0);
    assert_true(resumed(&alice));
    for (int i = 0; i < 65; i++)
        event(&alice, i); /* 65 to 129: the oldest kept is 66 */
    world_close(&world, alice.connection);
    come_back(&alice, 64);
    assert_false(resumed(&alice));
    assert_int_equal(alice.sq, 129);
    event(&alice, 0); /* 130 is the sync, 131 */
    world_say(&world, alice.connection, "{'t':'ack','b':{'sq':130}}");
    assert_int_equal(world.service->sessions->waiting.next == &world.service->sessions->waiting, 0);
    world_say(&world, alice.connection, "{'t':'ack','b':{'sq':99999}}");
    assert_int_equal(world.service->sessions->event_bytes, 0);
    come_back(&alice, 131);
    assert_true(resumed(&alice));
    assert_string_equal(world_code(&world, alice.connection, "ack", "{}"), "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "ack", "{'sq':'1'}"), "bad_request");
    world_close(&world, alice.connection);
    world_pass(&world, 600000);
    come_back(&alice, 131);
    assert_false(resumed(&alice)); /* too late */
    assert_int_equal(alice.sq, 0);
}

static void large_events_are_bounded(void **state)
{
    struct somebody alice;
    char text[8001];
    (void)state;
    world_join(&world, &alice, "alice", 5);
    memset(text, 'x', 8000);
    text[8000] = '\0';
    json_t *frame = json_pack("{s:s,s:{s:s}}", "t", "big", "b", "x", text);
    for (int i = 0; i < 60; i++) {
        service_begin(world.service, world.now);
        assert_int_equal(world.service->bus.deliver(world.service->bus.context, 1, 0, 0, frame, 0),
                         1);
        service_end(world.service);
        assert_true(world.service->sessions->event_bytes <= EVENT_BYTES_MAX + 64 * 64);
    }
    json_decref(frame);
    come_back(&alice, 1);
    assert_false(resumed(&alice));
}

static void sync_fits_a_frame(void **state)
{
    struct somebody alice;
    (void)state;
    told.snapshot_calls = 5;
    world_join(&world, &alice, "alice", 5); /* the world checks the size */
    json_t *body = world_ask(&world, alice.connection, NULL, "sync", "{}");
    json_t *calls = json_object_get(body, "calls");
    assert_int_equal(json_array_size(calls), 5);
    assert_non_null(json_object_get(json_array_get(calls, 0), "body"));
    assert_null(json_object_get(json_array_get(calls, 4), "body"));
}

/* --- stored answers ---------------------------------------------------------------------------------------------- */

static void repeats(void **state)
{
    struct somebody alice, bob;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    world_forget(&world);
    for (int i = 0; i < 3; i++)
        world_say(&world, alice.connection,
                  "{'t':'msg.send','id':'m1','b':{'to':'bob','text':'hi'}}");
    assert_string_equal(world_heard_text(&world, alice.connection, "ok", 0),
                        world_heard_text(&world, alice.connection, "ok", 2));
    assert_non_null(world_heard(&world, bob.connection, "msg.new", 0));
    assert_null(world_heard(&world, bob.connection, "msg.new", 1));
    /* On a new connection too; another device's ids are its own. */
    world_hello(&world, &alice, "");
    world_say(&world, alice.connection, "{'t':'msg.send','id':'m1','b':{'to':'bob','text':'hi'}}");
    assert_null(world_heard(&world, bob.connection, "msg.new", 1));
    world_say(&world, bob.connection, "{'t':'msg.send','id':'m1','b':{'to':'alice','text':'yo'}}");
    assert_non_null(world_heard(&world, alice.connection, "msg.new", 0));
    world_pass(&world,
               300000); /* within 10 minutes, after more than 2 of being away: it is still known */
    world_say(&world, alice.connection, "{'t':'msg.send','id':'m1','b':{'to':'bob','text':'hi'}}");
    assert_null(world_heard(&world, bob.connection, "msg.new", 1));
    world_pass(&world, 310000);
    world_say(&world, alice.connection, "{'t':'msg.send','id':'m1','b':{'to':'bob','text':'hi'}}");
    assert_non_null(world_heard(&world, bob.connection, "msg.new", 1));
}

static void delayed_answers(void **state)
{
    static const char invite[] =
        "{'t':'call.invite','id':'i1','call':'00112233-4455-6677-8899-aabbccddeeff'}";
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_forget(&world);
    world_say(&world, alice.connection, "%s", invite);
    assert_int_equal(world.pushes, 1);
    world_say(&world, alice.connection, "%s", invite); /* waits for the same answer */
    world_pass(&world, 199);
    assert_null(world_heard(&world, alice.connection, "ok", 0));
    world_pass(&world, 1);
    assert_non_null(world_heard(&world, alice.connection, "ok", 0));
    assert_null(world_heard(&world, alice.connection, "ok", 1));
    world_say(&world, alice.connection, "%s", invite);
    assert_non_null(world_heard(&world, alice.connection, "ok", 1));
    assert_int_equal(told.pushes, 1);
    /* The connection is lost before the answer; asked again on the next, it comes there, once. */
    world_say(&world, alice.connection,
              "{'t':'call.invite','id':'i2','call':'00112233-4455-6677-8899-aabbccddeeff'}");
    world_close(&world, alice.connection);
    world_hello(&world, &alice, "");
    world_say(&world, alice.connection,
              "{'t':'call.invite','id':'i2','call':'00112233-4455-6677-8899-aabbccddeeff'}");
    world_forget(&world);
    world_pass(&world, 200);
    assert_non_null(world_heard(&world, alice.connection, "ok", 0));
    assert_int_equal(told.pushes, 2);
}

static void answers_are_bounded(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    store_policy_set(world.store, "limit_frames", "100000/1", world.now);
    store_change_add(world.store, CHANGE_POLICY, 0, 0, world.now);
    limits_set(world.service->limits, LIMIT_FRAMES, (struct limit_size){1e6, 1e6});
    for (int i = 0; i < 300; i++)
        world_say(&world, alice.connection, "{'t':'contact.set','id':'c%d','b':{}}", i);
    struct presence *presence = device_find(world.service, 1, 1);
    assert_true(presence->replies->count <= REPLIES_MAX);
    assert_true(world.service->core->replies.bytes <= REPLY_BYTES_MAX + 1024);
    for (int i = 0; i < 200; i++) /* all of them wait */
        world_say(&world, alice.connection,
                  "{'t':'call.invite','id':'i%d','call':'00112233-4455-6677-8899-aabbccddeeff'}",
                  i);
    assert_int_equal(presence->replies->pending, REPLIES_MAX);
    json_t *err = NULL;
    for (size_t i = 0; world_heard(&world, alice.connection, "err", i); i++)
        err = json_object_get(world_heard(&world, alice.connection, "err", i), "b");
    assert_string_equal(world_text(err, "code"), "try_later");
    world_pass(&world, 700000);
    assert_null(presence->replies);
    assert_int_equal(world.service->core->replies.bytes, 0);
    assert_int_equal(world.service->core->replies.heap_count, 0);
}

static void handlers_mistakes(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    assert_string_equal(world_code(&world, alice.connection, "call.silence", "{}"), "internal");
    assert_string_equal(world_code(&world, alice.connection, "call.fail", "{}"), "internal");
    assert_string_equal(world_code(&world, alice.connection, "perm.get", "{}"), "ok");
}

/* --- a commit that fails ------------------------------------------------------------------------------------- */

static void failed_commit(void **state)
{
    struct somebody alice, bob, carol;
    bool on = true;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    world_join(&world, &carol, "carol", 7);
    world_close(&world, carol.connection);
    world_forget(&world);
    unsigned created = told.created;
    uint64_t carols = world_open(&world, 9 << 8);
    char hello[256];
    int size =
        snprintf(hello, sizeof hello, "{\"t\":\"hello\",\"b\":{\"token\":\"%s\",\"key\":\"%s\"}}",
                 carol.token, carol.key);
    failing_commits = 2; /* one alone is tried again */
    service_begin(world.service, world.now);
    static const char send[] =
        "{\"t\":\"msg.send\",\"id\":\"m1\",\"b\":{\"to\":\"bob\",\"text\":\"x\"}}";
    static const char block[] =
        "{\"t\":\"block.set\",\"id\":\"b1\",\"b\":{\"who\":\"alice\",\"on\":true}}";
    static const char call[] = "{\"t\":\"call.invite\",\"id\":\"i1\",\"call\":"
                               "\"00112233-4455-6677-8899-aabbccddeeff\"}";
    service_frame(world.service, alice.connection, send, sizeof send - 1);
    service_frame(world.service, alice.connection, call, sizeof call - 1);
    service_frame(world.service, bob.connection, block, sizeof block - 1);
    service_frame(world.service, carols, hello, (size_t)size);
    service_end(world.service);
    assert_int_equal(world.pushes, 0);
    assert_null(world_heard(&world, bob.connection, "msg.new", 0));
    assert_null(world_heard(&world, alice.connection, "ok", 0));
    for (size_t i = 0; i < 2; i++) {
        json_t *err = json_object_get(world_heard(&world, alice.connection, "err", i), "b");
        assert_string_equal(world_text(err, "code"), "try_later");
        assert_int_equal(world_int(err, "retry_ms"), 1000);
    }
    assert_non_null(world_heard(&world, bob.connection, "err", 0));
    assert_null(world_heard(&world, carols, "welcome", 0));
    assert_int_equal(world_closed(&world, carols), 1012);
    assert_int_equal(store_edge_get(world.store, EDGE_BLOCK, 2, 1, &on), STORE_OK);
    assert_false(on);
    assert_int_equal(told.created, created + 1); /* the calls as the store has them */
    assert_true(service_ready(world.service));
    /* The same request again is carried out now, and the event has the number that was taken back. */
    world_forget(&world);
    world_raw(&world, alice.connection, send, sizeof send - 1);
    assert_non_null(world_heard(&world, alice.connection, "ok", 0));
    json_t *new = world_heard(&world, bob.connection, "msg.new", 0);
    assert_int_equal(world_int(new, "sq"), 2);
    assert_int_equal(world_int(json_object_get(new, "b"), "msg"), 1);
    world_hello(&world, &carol, "");
    assert_non_null(world_heard(&world, carol.connection, "welcome", 0));
}

static void store_is_gone_for_a_while(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    failing_commits = 1000000;
    assert_string_equal(world_code(&world, alice.connection, "perm.get", "{}"), "try_later");
    assert_false(service_ready(world.service));
    assert_string_equal(world_code(&world, alice.connection, "perm.get", "{}"), "ok");
    assert_string_equal(world_code(&world, alice.connection, "block.set", "{}"), "try_later");
    assert_string_equal(world_code(&world, alice.connection, "sync", "{}"), "try_later");
    uint64_t late = world_open(&world, 77 << 8);
    world_pass(&world, 20000);
    assert_int_equal(world_closed(&world, late), 4001);
    world_say(&world, alice.connection, "{'t':'account.create','id':'z'}");
    failing_commits = 0;
    world_pass(&world, 1100);
    assert_true(service_ready(world.service));
    assert_string_equal(world_code(&world, alice.connection, "perm.get", "{}"), "ok");
    assert_true(told.online > 1); /* the calls made anew were told who is here */
}

static void failed_password(void **state)
{
    (void)state;
    uint64_t connection = world_open(&world, 1);
    failing_commits = 2;
    world_say(&world, connection,
              "{'t':'account.create','id':'a','b':{'name':'x','password':'12345678'}}");
    assert_int_equal(world.hashes_count, 0); /* its password never left */
    assert_int_equal(world.service->core->held.count, 0);
    assert_non_null(world_heard(&world, connection, "err", 0));
    world_say(&world, connection,
              "{'t':'account.create','id':'a','b':{'name':'x','password':'12345678'}}");
    failing_commits = 2;
    world_work(&world);
    assert_non_null(world_heard(&world, connection, "err", 1));
    assert_int_equal(world.service->core->held.count, 0);
    world_say(&world, connection,
              "{'t':'account.create','id':'a','b':{'name':'x','password':'12345678'}}");
    world_work(&world);
    assert_non_null(world_heard(&world, connection, "ok", 0));
}

/* --- floods ---------------------------------------------------------------------------------------------------- */

static void half_open(void **state)
{
    struct somebody alice, bob;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    for (unsigned i = 0; i < 20000; i++)
        world_open(&world, (i + 100) << 8 & 0xffffff);
    assert_true(world.service->sessions->unauthenticated <= 1000);
    assert_int_equal(world_closed(&world, alice.connection), 0);
    memset(&bob, 0, sizeof bob);
    world.closes_count = 0;
    world_join(&world, &bob, "bob", 77);
    world_hello(&world, &alice, "");
    assert_non_null(session_of(world.service, 1, 1));
    world_pass(&world, 5000);
    assert_int_equal(world.service->sessions->unauthenticated, 0);
}

static void connections_of_an_address(void **state)
{
    unsigned refused = 0;
    (void)state;
    for (unsigned i = 0; i < 250; i++)
        refused += world_closed(&world, world_open(&world, 0x050500 + i)) == 4009;
    assert_int_equal(refused, 50); /* policy connections_per_address: 200 */
    for (uint64_t i = 1; i <= 250; i++)
        world_close(&world, i);
    assert_int_equal(world.service->sessions->addresses.count, 0);
    world_forget(&world);
    refused = 0;
    for (unsigned i = 0; i < 150; i++)
        refused += world_closed(&world, world_open(&world, 0x050500 + i)) == 4009;
    assert_int_equal(refused, 50); /* limit_connections: 300 a minute */
    assert_int_equal(world_closed(&world, world_open(&world, 0x050600)), 0);
}

static void connections_in_all(void **state)
{
    struct somebody alice;
    (void)state;
    world_stop(&world);
    world_start(&world, NULL);
    world.service->config.connections_max = 3;
    world_join(&world, &alice, "alice", 5);
    uint64_t a = world_open(&world, 1 << 8), b = world_open(&world, 2 << 8);
    uint64_t c = world_open(&world, 3 << 8);
    assert_int_equal(world_closed(&world, a), 4009); /* the oldest that said nothing */
    assert_int_equal(world_closed(&world, b) + world_closed(&world, c), 0);
    assert_int_equal(world_closed(&world, alice.connection), 0);
}

static void frames_of_a_device(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    int frames = 0;
    while (!world_closed(&world, alice.connection) && frames++ < 2000)
        world_say(&world, alice.connection, "{'t':'nothing'}");
    assert_int_equal(world_closed(&world, alice.connection), 4009);
    assert_int_equal(frames, 601);
    world_hello(&world, &alice, ""); /* coming back does not refill it */
    world_say(&world, alice.connection, "{'t':'nothing'}");
    assert_int_equal(world_closed(&world, alice.connection), 4009);
    world_restart(&world);
    uint64_t early = world_open(&world, 3);
    for (int i = 0; i < 20; i++)
        world_say(&world, early, "{'t':'account.create','b':{}}");
    assert_int_equal(world_closed(&world, early), 4009);
}

/* --- drain, restart, memory --------------------------------------------------------------------------------------- */

static void drain(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    uint64_t silent = world_open(&world, 9 << 8);
    service_drain(world.service, 4000);
    json_t *goaway = json_object_get(world_heard(&world, alice.connection, "goaway", 0), "b");
    assert_in_range(world_int(goaway, "reconnect_in_ms"), 2000, 6000);
    assert_non_null(world_heard(&world, silent, "goaway", 0));
    assert_false(service_ready(world.service));
    assert_true(world.service->draining);
    assert_int_equal(world_closed(&world, world_open(&world, 10 << 8)), 1012);
    assert_string_equal(world_code(&world, alice.connection, "perm.get", "{}"), "ok");
}

static void restart(void **state)
{
    struct somebody alice, bob;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    for (int i = 0; i < 60; i++)
        assert_string_equal(
            world_code(&world, alice.connection, "msg.send", "{'to':'bob','text':'x'}"), "ok");
    uint64_t half = world_open(&world, 8 << 8); /* in the middle of a sign-in */
    world_say(&world, half,
              "{'t':'account.sign_in','id':'s','b':{'name':'bob','password':'correct horse'}}");
    world_restart(&world);
    come_back(&alice, 1);
    assert_false(resumed(&alice));
    const char *code;
    json_t *body =
        world_ask(&world, alice.connection, &code, "msg.send", "{'to':'bob','text':'x'}");
    assert_string_equal(code, "try_later"); /* the bucket is as it was */
    assert_in_range(world_int(body, "retry_ms"), 1, 1000);
    char *metrics = service_metrics(world.service);
    assert_non_null(strstr(metrics, "xcalld_devices{version=\"0.1.0\",cohort=\"free\"} 1\n"));
    assert_non_null(strstr(metrics, "xcalld_errors_total{code=\"try_later\"} 1\n"));
    assert_non_null(strstr(metrics, "fake_calls 1\n"));
    assert_null(strstr(metrics, "alice"));
    free(metrics);
}

static void idle_device_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct presence) + sizeof(struct connection) < 1024);
}

/* What another process did is followed within 50 ms. */
static void changes(void **state)
{
    struct somebody alice, bob;
    struct store *other;
    char error[200], path[] = "/tmp/xcalld-test-XXXXXX";
    struct account account;
    (void)state;
    world_stop(&world);
    int file = mkstemp(path);
    assert_true(file >= 0);
    world_start(&world, path);
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    assert_int_equal(store_open(path, &other, error, sizeof error), STORE_OK);
    store_policy_set(other, "ring_ms", "42000", world.now);
    store_change_add(other, CHANGE_POLICY, 0, 0, world.now);
    world_pass(&world, 60);
    assert_int_equal(service_policy(world.service)->ring_ms, 42000);
    store_edge_set(other, EDGE_BLOCK, 2, 1, true, world.now);
    store_change_add(other, CHANGE_BLOCK, 2, 1, world.now);
    store_change_add(other, CHANGE_SETTINGS, 2, 0, world.now);
    unsigned settings = told.settings;
    world_pass(&world, 60);
    assert_int_equal(told.blocked, 1);
    assert_int_equal(told.last_other, 1);
    assert_int_equal(told.settings, settings + 1);
    assert_int_equal(store_account_by_name(other, "alice", &account), STORE_OK);
    account.state = ACCOUNT_SUSPENDED;
    store_account_set(other, &account);
    store_change_add(other, CHANGE_ACCOUNT, account.id, 0, world.now);
    failing_commits = 2; /* the batch that follows it fails: it is followed in the next */
    world_pass(&world, 150);
    assert_int_equal(world_closed(&world, alice.connection), 1012);
    world_pass(&world, 150);
    world_hello(&world, &alice, "");
    assert_int_equal(world_closed(&world, alice.connection), 4003);
    assert_true(told.gone >= 1);
    store_device_revoke(other, 2, 1);
    store_change_add(other, CHANGE_DEVICE, 2, 1, world.now);
    world_pass(&world, 60);
    assert_int_equal(world_closed(&world, bob.connection), 4003);
    world_hello(&world, &bob, "");
    assert_int_equal(world_closed(&world, bob.connection), 4001);
    store_close(other);
    char file_names[3][64];
    snprintf(file_names[0], 64, "%s", path);
    snprintf(file_names[1], 64, "%s-wal", path);
    snprintf(file_names[2], 64, "%s-shm", path);
    for (int i = 0; i < 3; i++)
        remove(file_names[i]);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(malformed_frames),
        TEST(sizes_and_nesting),
        TEST(envelopes),
        TEST(first_frame),
        TEST(hello_members),
        TEST(welcome_and_key),
        TEST(displaced),
        TEST(resume_replays),
        TEST(ack_and_gap),
        TEST(large_events_are_bounded),
        TEST(sync_fits_a_frame),
        TEST(repeats),
        TEST(delayed_answers),
        TEST(answers_are_bounded),
        TEST(handlers_mistakes),
        TEST(failed_commit),
        TEST(failed_password),
        TEST(store_is_gone_for_a_while),
        TEST(half_open),
        TEST(connections_of_an_address),
        TEST(connections_in_all),
        TEST(frames_of_a_device),
        TEST(drain),
        TEST(restart),
        TEST(idle_device_is_small),
        TEST(changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
