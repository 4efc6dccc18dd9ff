/* test_accounts.c - making an account, signing in and out, devices, export, deletion, push.reg.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"
#include "world.h"

int __real_store_commit(struct store *store);
int __wrap_store_commit(struct store *store);
int __wrap_store_commit(struct store *store)
{
    return __real_store_commit(store);
}

static struct world world;

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

#define LONG_PASSWORD                                                                              \
    "1234567890123456789012345678901234567890123456789012345678901234"                             \
    "1234567890123456789012345678901234567890123456789012345678901234"

static void credentials(void **state)
{
    static const struct {
        const char *body, *create, *sign_in;
    } cases[] = {
        {"{}", "bad_request", "bad_request"},
        {"{'name':'x'}", "bad_request", "bad_request"},
        {"{'password':'12345678'}", "bad_request", "bad_request"},
        {"{'name':7,'password':'12345678'}", "bad_request", "bad_request"},
        {"{'name':'x','password':12345678}", "bad_request", "bad_request"},
        {"{'name':null,'password':'12345678'}", "bad_request", "bad_request"},
        {"{'name':'','password':'12345678'}", "bad_name", "bad_login"},
        {"{'name':'Alice','password':'12345678'}", "bad_name", "bad_login"},
        {"{'name':'a b','password':'12345678'}", "bad_name", "bad_login"},
        {"{'name':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','password':'12345678'}", "bad_name",
         "bad_login"},
        {"{'name':'x','password':'1234567'}", "bad_password", "bad_login"},
        {"{'name':'x','password':'" LONG_PASSWORD "1'}", "bad_password", "bad_login"},
        {"{'name':'x','password':'12345678','device':7}", "bad_request", "bad_request"},
        {"{'name':'x','password':'12345678','device':'a\\nb'}", "bad_request", "bad_request"},
        {"{'name':'x','password':'" LONG_PASSWORD "','device':null}", "ok", "ok"},
        {"{'name':'x','password':'12345678'}", "name_taken", "bad_login"},
        {"{'name':'aaaaaaaaaabbbbbbbbbbcccccccccc','password':'12345678','device':'a phone'}", "ok",
         "ok"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(early("account.create", cases[i].body), cases[i].create);
        assert_string_equal(early("account.sign_in", cases[i].body), cases[i].sign_in);
    }
}

/* An unknown name is hashed like a wrong password, and answered with the same bytes. */
static void unknown_name(void **state)
{
    struct somebody alice;
    char texts[3][160];
    static const char *const names[] = {"alice", "nobody", "Nobody at all"};
    (void)state;
    world_join(&world, &alice, "alice", 5);
    for (size_t i = 0; i < 3; i++) {
        uint64_t connection = world_open(&world, (unsigned)(i + 40) << 8);
        world_say(&world, connection,
                  "{'t':'account.sign_in','id':'s','b':{'name':'%s','password':'wrong password'}}",
                  names[i]);
        assert_null(world_heard(&world, connection, NULL, 0)); /* not before the hash */
        assert_int_equal(world.hashes_count, 1);
        assert_string_equal(world.hashes[0].password, "wrong password");
        world_work(&world);
        snprintf(texts[i], sizeof texts[i], "%s", world_heard_text(&world, connection, "err", 0));
    }
    assert_string_equal(texts[0], texts[1]);
    assert_string_equal(texts[0], texts[2]);
    assert_string_equal(texts[0], "{\"t\":\"err\",\"re\":\"s\",\"b\":{\"code\":\"bad_login\"}}");
}

/* The queue to the worker is full: a right password is not called wrong. */
static void too_many_passwords(void **state)
{
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    uint64_t connection = world_open(&world, 77u << 8);
    world_say(
        &world, connection,
        "{'t':'account.sign_in','id':'s','b':{'name':'alice','password':'password of alice'}}");
    assert_int_equal(world.hashes_count, 1);
    service_begin(world.service, world.now);
    service_hashed(world.service, world.hashes[0].job, HASH_NOT_DONE);
    service_end(world.service);
    world.hashes_count = 0;
    json_t *body = json_object_get(world_heard(&world, connection, "err", 0), "b");
    assert_string_equal(world_text(body, "code"), "try_later");
    assert_true(world_int(body, "retry_ms") > 0);
}

/* What is not understood counts as well, before hello and after. */
static void odd_frames(void **state)
{
    static const char *const odd[] = {"{'t':'nothing','id':'x'}", "{'t':'sync','id':'x','b':7}"};
    struct somebody bob;
    int frames = 0;
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        uint64_t early = world_open(&world, (4 + k) << 8);
        world_say(&world, early, "{'t':'account.create','b':{}}");
        for (int i = 0; i < 20; i++)
            world_say(&world, early, "%s", odd[k]);
        assert_int_equal(world_closed(&world, early), 4009);
    }
    world_join(&world, &bob, "bob", 6 << 8);
    while (session_of(world.service, 1, 1) && frames++ < 2000) {
        world_say(&world, bob.connection, "%s", odd[1]);
        world_forget(&world);
    }
    assert_in_range(frames, 590, 601);
}

/* A device that was away for some minutes asks again whether its message went out: once is enough. */
static void repeat_after_minutes(void **state)
{
    static const char frame[] = "{'t':'msg.send','id':'m1','b':{'to':'bob','text':'hello'}}";
    struct somebody alice, bob;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    world_say(&world, alice.connection, "%s", frame);
    world_close(&world, alice.connection);
    world_pass(&world, 540000);
    world_hello(&world, &alice, "");
    world_say(&world, alice.connection, "%s", frame);
    assert_non_null(world_heard(&world, alice.connection, "ok", 0));
    assert_int_equal(world.service->core->counters.messages, 1);
    world_close(&world, alice.connection);
    world_pass(&world, 660000);
    world_hello(&world, &alice, "");
    world_say(&world, alice.connection, "%s", frame);
    assert_int_equal(world.service->core->counters.messages, 2);
}

static void early_repeats(void **state)
{
    static const char frame[] =
        "{'t':'account.create','id':'c1','b':{'name':'alice','password':'correct horse'}}";
    struct device devices[DEVICES_MAX];
    size_t count;
    (void)state;
    uint64_t connection = world_open(&world, 1);
    world_say(&world, connection, "%s", frame);
    world_say(&world, connection, "%s", frame); /* while the first is being answered */
    assert_int_equal(world.hashes_count, 1);
    assert_string_equal(world_code(&world, connection, "account.sign_in",
                                   "{'name':'alice','password':'correct horse'}"),
                        "try_later");
    world_work(&world);
    world_say(&world, connection, "%s", frame);
    const char *first = world_heard_text(&world, connection, "ok", 0);
    assert_non_null(first);
    assert_string_equal(first, world_heard_text(&world, connection, "ok", 1));
    assert_int_equal(store_device_list(world.store, 1, devices, &count), STORE_OK);
    assert_int_equal(count, 1);
    /* Two at once for one name: one gets it. */
    uint64_t a = world_open(&world, 2 << 8), b = world_open(&world, 3 << 8);
    world_say(&world, a,
              "{'t':'account.create','id':'1','b':{'name':'bob','password':'12345678'}}");
    world_say(&world, b,
              "{'t':'account.create','id':'1','b':{'name':'bob','password':'12345678'}}");
    world_work(&world);
    assert_non_null(world_heard(&world, a, "ok", 0));
    assert_string_equal(world_text(json_object_get(world_heard(&world, b, "err", 0), "b"), "code"),
                        "name_taken");
    /* Whoever left before the answer has no account, and no request is left behind. */
    uint64_t gone = world_open(&world, 4 << 8);
    world_say(&world, gone,
              "{'t':'account.create','id':'1','b':{'name':'carol','password':'12345678'}}");
    world_close(&world, gone);
    world_work(&world);
    struct account account;
    assert_int_equal(store_account_by_name(world.store, "carol", &account), STORE_NONE);
    assert_int_equal(world.service->core->held.count, 0);
}

static const char *sign_in_from(unsigned address, const char *body)
{
    uint64_t connection = world_open(&world, address);
    const char *code = world_code(&world, connection, "account.sign_in", "%s", body);
    if (*code)
        return code;
    world_work(&world);
    json_t *err = world_heard(&world, connection, "err", 0);
    return err ? world_text(json_object_get(err, "b"), "code") : "ok";
}

/* Somebody who tries many passwords keeps nobody else out: neither from elsewhere nor on a device that is signed in. */
static void others_tries(void **state)
{
    const char *code = "", *wrong = "{'name':'alice','password':'wrong password'}";
    int tried = 0;
    struct somebody alice, phone;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    for (; tried < 50 && strcmp(code, "try_later") != 0; tried++)
        code = sign_in_from((7 << 8) + (unsigned)tried, wrong);
    assert_int_equal(tried, 11);
    assert_string_equal(sign_in_from(7 << 8, "{'name':'alice','password':'correct horse'}"),
                        "try_later");
    world_join_again(&world, &phone, &alice); /* from elsewhere, with the password */
    assert_string_equal(sign_in_from(8 << 8, wrong), "bad_login");
    /* From a great many networks: there is an end to it, which no device that is signed in notices. */
    code = "";
    for (tried = 0; tried < 1200 && strcmp(code, "try_later") != 0; tried++)
        code = early("account.sign_in", wrong);
    assert_int_equal(tried, 1000 - 12 + 1);
    assert_string_equal(early("account.sign_in", "{'name':'bob','password':'wrong password'}"),
                        "bad_login");
    world_hello(&world, &alice, "");
    assert_non_null(world_heard(&world, alice.connection, "welcome", 0));
    assert_string_equal(world_code(&world, alice.connection, "device.list", "{}"), "ok");
    for (tried = 0; tried < 11; tried++) { /* its own tries are counted */
        world_code(&world, phone.connection, "account.delete", "{'password':'wrong password'}");
        world_work(&world);
    }
    assert_string_equal(
        world_code(&world, phone.connection, "account.delete", "{'password':'correct horse'}"),
        "try_later");
    world_say(&world, alice.connection,
              "{'t':'account.delete','id':'d','b':{'password':'correct horse'}}");
    world_work(&world);
    assert_int_equal(world_closed(&world, alice.connection), 4003);
}

static void flood(void **state)
{
    const char *code = "";
    int tried = 0;
    struct somebody alice;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    /* One account from one network. */
    for (; tried < 50 && strcmp(code, "try_later") != 0; tried++)
        code = sign_in_from(0xff00, "{'name':'alice','password':'wrong password'}");
    assert_int_equal(tried, 11);
    assert_string_equal(early("account.sign_in", "{'name':'bob','password':'wrong password'}"),
                        "bad_login"); /* and a name that is none has a limit of its own */
    /* Many accounts from one network. */
    code = "";
    for (tried = 0; tried < 100 && strcmp(code, "try_later") != 0; tried++) {
        uint64_t connection = world_open(&world, 0xee00 + (unsigned)tried % 200);
        code = world_code(&world, connection, "account.sign_in",
                          "{'name':'n%d','password':'wrong password'}", tried);
        world_work(&world);
        world_close(&world, connection);
    }
    assert_int_equal(tried, 61);
    code = "";
    for (tried = 0; tried < 100 && strcmp(code, "try_later") != 0; tried++) {
        uint64_t connection = world_open(&world, 0xdd00 + (unsigned)tried % 200);
        code = world_code(&world, connection, "account.create",
                          "{'name':'n%d','password':'12345678'}", tried);
        world_work(&world);
        world_close(&world, connection);
    }
    assert_int_equal(tried, 21);
    world_restart(&world); /* which gives none of it back */
    const char *right = "{'name':'alice','password':'correct horse'}";
    assert_string_equal(sign_in_from(0xff00, right), "try_later");
    world_pass(&world, 61000);
    assert_string_equal(sign_in_from(0xff00, right), "ok");
    /* More passwords than can wait. */
    limits_set(world.service->limits, LIMIT_SIGN_UP_ADDRESS, (struct limit_size){0});
    for (unsigned i = 0; i < HELD_MAX; i++)
        world_code(&world, world_open(&world, (i + 900) << 8), "account.create",
                   "{'name':'m%u','password':'12345678'}", i);
    assert_int_equal(world.hashes_count, HELD_MAX);
    assert_string_equal(world_code(&world, world_open(&world, 5000 << 8), "account.create",
                                   "{'name':'late','password':'12345678'}"),
                        "try_later");
}

static void worker_fails(void **state)
{
    (void)state;
    uint64_t connection = world_open(&world, 1);
    world_say(&world, connection,
              "{'t':'account.create','id':'1','b':{'name':'alice','password':'12345678'}}");
    service_begin(world.service, world.now);
    service_hashed(world.service, world.hashes[0].job, NULL);
    service_hashed(world.service, world.hashes[0].job, NULL); /* twice, and one that never was */
    service_hashed(world.service, 4711, "x");
    service_end(world.service);
    json_t *err = world_heard(&world, connection, "err", 0);
    assert_string_equal(world_text(json_object_get(err, "b"), "code"), "try_later");
    world.hashes_count = 0;
    /* One that never answers: the request is answered, and what comes later is nobody's. */
    struct somebody alice;
    world_join(&world, &alice, "alice2", 5 << 8);
    world_say(&world, alice.connection,
              "{'t':'account.delete','id':'d','b':{'password':'correct horse'}}");
    world_pass(&world, 62000);
    err = json_object_get(world_heard(&world, alice.connection, "err", 0), "b");
    assert_string_equal(world_text(err, "code"), "try_later");
    world_work(&world);
    assert_string_equal(world_code(&world, alice.connection, "perm.get", "{}"), "ok");
}

/* Of a token only its hash is kept; it lives on as long as it is used. */
static void tokens(void **state)
{
    struct somebody alice;
    const int64_t day = 86400000;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    uint8_t hash[32];
    int64_t user, expires;
    int32_t dev;
    assert_true(token_hash(alice.token, hash));
    assert_int_equal(store_session_find(world.store, hash, world.now, &user, &dev, &expires),
                     STORE_OK);
    assert_int_equal(expires, world.now + 30 * day);
    world.now += 20 * day;
    world_hello(&world, &alice, "");
    assert_non_null(world_heard(&world, alice.connection, "welcome", 0));
    world.now += 29 * day;
    world_hello(&world, &alice, "");
    assert_non_null(world_heard(&world, alice.connection, "welcome", 0));
    world.now += 31 * day;
    world_hello(&world, &alice, "");
    assert_int_equal(world_closed(&world, alice.connection), 4001);
}

static void devices(void **state)
{
    struct somebody alice, phone, bob;
    const char *code;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    world_join_again(&world, &phone, &alice);
    assert_int_equal(phone.dev, 2);
    json_t *body = world_ask(&world, alice.connection, &code, "device.list", "{}");
    json_t *list = json_object_get(body, "devices");
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(world_int(json_array_get(list, 1), "dev"), 2);
    assert_string_equal(world_text(json_array_get(list, 1), "device"), "test");
    assert_true(json_is_true(json_object_get(json_array_get(list, 0), "this")));
    assert_true(json_is_false(json_object_get(json_array_get(list, 1), "this")));
    assert_int_equal(world_int(json_array_get(list, 1), "last"), world.now);
    assert_string_equal(world_code(&world, alice.connection, "device.revoke", "{}"), "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "device.revoke", "{'dev':'2'}"),
                        "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "device.revoke", "{'dev':0}"),
                        "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "device.revoke", "{'dev':4294967298}"),
                        "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "device.revoke", "{'dev':3}"),
                        "no_such_device");
    assert_string_equal(world_code(&world, alice.connection, "device.revoke", "{'dev':2}"), "ok");
    assert_int_equal(world_closed(&world, phone.connection), 4003);
    assert_int_equal(told.gone, 1);
    assert_int_equal(told.last_dev, 2);
    assert_string_equal(world_code(&world, alice.connection, "device.revoke", "{'dev':2}"),
                        "no_such_device");
    world_hello(&world, &phone, ""); /* a stolen token is of no use any more */
    assert_int_equal(world_closed(&world, phone.connection), 4001);
    assert_int_equal(world_closed(&world, bob.connection), 0);
    assert_string_equal(world_code(&world, alice.connection, "account.sign_out", "{}"), "ok");
    assert_int_equal(world_closed(&world, alice.connection), 4003);
    world_hello(&world, &alice, "");
    assert_int_equal(world_closed(&world, alice.connection), 4001);
    world_pass(&world, 600000); /* limit_sign_in_account */
    for (int i = 0; i < DEVICES_MAX; i++)
        world_join_again(&world, &phone, &alice);
    world_pass(&world, 600000);
    assert_string_equal(early("account.sign_in", "{'name':'alice','password':'correct horse'}"),
                        "too_many");
}

static void push_reg(void **state)
{
    struct somebody alice;
    struct device device;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    uint64_t c = alice.connection;
    assert_string_equal(world_code(&world, c, "push.reg", "{}"), "bad_request");
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':'apns'}"), "bad_request");
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':7,'token':'x'}"), "bad_request");
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':'','token':'x'}"),
                        "bad_request");
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':'a b','token':'x'}"),
                        "bad_request");
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':'apns','token':'x\\n'}"),
                        "bad_request");
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':'%017d','token':'x'}", 0),
                        "bad_request");
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':'apns','token':'%0513d'}", 0),
                        "bad_request");
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':'apns','token':'%0512d'}", 0),
                        "ok");
    assert_int_equal(store_device_get(world.store, 1, 1, &device), STORE_OK);
    assert_string_equal(device.push_kind, "apns");
    assert_int_equal(strlen(device.push_token), 512);
    assert_string_equal(world_code(&world, c, "push.reg", "{'kind':'apns','token':''}"), "ok");
    assert_int_equal(store_device_get(world.store, 1, 1, &device), STORE_OK);
    assert_string_equal(device.push_token, "");
}

static void exports(void **state)
{
    struct somebody alice, bob;
    const char *code;
    char after[64] = "{}";
    int parts = 0, found = 0;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join(&world, &bob, "bob", 6);
    for (int i = 0; i < 8; i++)
        assert_string_equal(world_code(&world, alice.connection, "msg.send",
                                       "{'to':'bob','text':'remember %d %03000d'}", i, 0),
                            "ok");
    assert_string_equal(world_code(&world, alice.connection, "account.export", "{'after':7}"),
                        "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "account.export", "{'after':'x'}"),
                        "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "account.export", "{'after':'-1'}"),
                        "bad_request");
    assert_string_equal(world_code(&world, alice.connection, "account.export", "{'after':''}"),
                        "bad_request");
    /* A position that is none: nobody else may suffer for it. */
    static const char *const odd[] = {"9223372036854775807", "9007199254740991",
                                      "2814749767106560",    "281474976710655",
                                      "1970324836974591",    "2251799813685247"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        code = world_code(&world, alice.connection, "account.export", "{'after':'%s'}", odd[i]);
        assert_true(strcmp(code, "ok") == 0 || strcmp(code, "bad_request") == 0);
    }
    assert_int_equal(world.service->core->counters.failed_batches, 0);
    for (; *after && parts < 100; parts++) {
        json_t *body = world_ask(&world, alice.connection, &code, "account.export", "%s", after);
        assert_string_equal(code, "ok");
        assert_true(json_is_object(json_object_get(body, "part")));
        char *text = json_dumps(json_object_get(body, "part"), 0);
        found += strstr(text, "remember") != NULL;
        free(text);
        const char *next = world_text(body, "next");
        if (*next)
            snprintf(after, sizeof after, "{'after':'%s'}", next);
        else
            after[0] = '\0';
    }
    assert_true(parts > 2 && parts < 100 && found > 1);
}

static void deletion(void **state)
{
    struct somebody alice, phone, bob;
    struct account account;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    world_join_again(&world, &phone, &alice);
    world_join(&world, &bob, "bob", 6);
    uint64_t c = alice.connection;
    assert_string_equal(world_code(&world, c, "account.delete", "{}"), "bad_request");
    assert_string_equal(world_code(&world, c, "account.delete", "{'password':7}"), "bad_request");
    assert_string_equal(world_code(&world, c, "account.delete", "{'password':'wrong password'}"),
                        "");
    world_work(&world);
    json_t *err = json_object_get(world_heard(&world, c, "err", 2), "b");
    assert_string_equal(world_text(err, "code"), "bad_password");
    assert_int_equal(world_closed(&world, c), 0);
    world_say(&world, c, "{'t':'account.delete','id':'d','b':{'password':'correct horse'}}");
    world_say(&world, c, "{'t':'account.delete','id':'d','b':{'password':'correct horse'}}");
    assert_int_equal(world.hashes_count, 1);
    world_forget(&world);
    world_work(&world);
    assert_string_equal(world_text(world_heard(&world, c, "ok", 0), "re"), "d");
    assert_int_equal(world_closed(&world, c), 4003);
    assert_int_equal(world_closed(&world, phone.connection), 4003);
    assert_int_equal(world_closed(&world, bob.connection), 0);
    assert_int_equal(told.last_dev, 0);
    assert_int_equal(store_account_by_name(world.store, "alice", &account), STORE_NONE);
    assert_string_equal(early("account.create", "{'name':'alice','password':'12345678'}"),
                        "name_taken");
    assert_string_equal(early("account.sign_in", "{'name':'alice','password':'correct horse'}"),
                        "bad_login");
    world_hello(&world, &phone, "");
    assert_int_equal(world_closed(&world, phone.connection), 4001);
    assert_string_equal(world_code(&world, bob.connection, "msg.send", "{'to':'alice','text':'x'}"),
                        "no_such_account");
}

/* One that the admin command made has no password: nobody signs in by one, and none is asked for. */
static void no_password(void **state)
{
    struct somebody dave = {.name = "dave"};
    uint8_t random[TOKEN_BYTES] = {9}, hash[HASH_SIZE], key[32] = {1};
    int64_t id;
    int32_t dev;
    (void)state;
    assert_int_equal(store_account_add(world.store, "dave", NULL, world.now, &id), STORE_OK);
    assert_int_equal(store_device_add(world.store, id, "admin", world.now, &dev), STORE_OK);
    token_make(random, dave.token, hash);
    base64_encode(key, sizeof key, dave.key);
    assert_int_equal(store_session_add(world.store, hash, id, dev, world.now + 1000000), STORE_OK);
    assert_string_equal(early("account.sign_in", "{'name':'dave','password':'12345678'}"),
                        "bad_login");
    world_hello(&world, &dave, "");
    assert_non_null(world_heard(&world, dave.connection, "welcome", 0));
    assert_string_equal(world_code(&world, dave.connection, "account.delete", "{}"), "ok");
    assert_int_equal(world_closed(&world, dave.connection), 4003);
}

static void suspended(void **state)
{
    struct somebody alice;
    struct account account;
    (void)state;
    world_join(&world, &alice, "alice", 5);
    assert_int_equal(store_account_by_name(world.store, "alice", &account), STORE_OK);
    account.state = ACCOUNT_SUSPENDED;
    store_account_set(world.store, &account);
    assert_string_equal(early("account.sign_in", "{'name':'alice','password':'correct horse'}"),
                        "bad_login");
    world_hello(&world, &alice, "");
    assert_int_equal(world_closed(&world, alice.connection), 4003);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(credentials),   TEST(unknown_name),
        TEST(early_repeats), TEST(flood),
        TEST(others_tries),  TEST(too_many_passwords),
        TEST(odd_frames),    TEST(repeat_after_minutes),
        TEST(worker_fails),  TEST(tokens),
        TEST(devices),       TEST(push_reg),
        TEST(exports),       TEST(deletion),
        TEST(no_password),   TEST(suspended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
