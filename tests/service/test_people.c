/* test_people.c - messages, follows, contacts, blocks, settings, can_call, history, reports.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xcall/life.h>

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
static struct somebody alice, bob, carol;

static int start(void **state)
{
    (void)state;
    world_start(&world, NULL);
    world_join(&world, &alice, "alice", 5 << 8);
    world_join(&world, &bob, "bob", 6 << 8);
    world_join(&world, &carol, "carol", 7 << 8);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_stop(&world);
    return 0;
}

#define CODE(who, type, ...) world_code(&world, (who).connection, type, __VA_ARGS__)
#define ASK(who, type, ...) world_ask(&world, (who).connection, NULL, type, __VA_ARGS__)

/* Every member of every request: missing, of another type, too long, out of range. */
static const struct {
    const char *type, *body, *code;
} member_cases[] = {
    {"msg.send", "{}", "bad_request"},
    {"msg.send", "{'to':'bob'}", "bad_request"},
    {"msg.send", "{'text':'x'}", "bad_request"},
    {"msg.send", "{'to':7,'text':'x'}", "bad_request"},
    {"msg.send", "{'to':'bob','text':7}", "bad_request"},
    {"msg.send", "{'to':'bob','text':''}", "bad_request"},
    {"msg.send", "{'to':'bob','text':'a\\u0001'}", "bad_request"},
    {"msg.send", "{'to':'alice','text':'x'}", "bad_request"},
    {"msg.send", "{'to':'nobody','text':'x'}", "no_such_account"},
    {"msg.send", "{'to':'No Name!','text':'x'}", "no_such_account"},
    {"msg.send", "{'to':'','text':'x'}", "bad_request"},
    {"msg.list", "{}", "bad_request"},
    {"msg.list", "{'with':'nobody'}", "no_such_account"},
    {"msg.list", "{'with':'bob','before':'1'}", "bad_request"},
    {"msg.list", "{'with':'bob','before':0}", "bad_request"},
    {"msg.list", "{'with':'bob','limit':0}", "bad_request"},
    {"msg.list", "{'with':'bob','limit':51}", "bad_request"},
    {"msg.list", "{'with':'bob','limit':9223372036854775807}", "bad_request"},
    {"msg.list", "{'with':'bob','limit':-9223372036854775808}", "bad_request"},
    {"msg.list", "{'with':'bob','limit':1.0}", "bad_request"},
    {"msg.list", "{'with':'bob','limit':null}", "ok"},
    {"msg.accept", "{}", "bad_request"},
    {"msg.accept", "{'from':'nobody'}", "no_such_account"},
    {"msg.accept", "{'from':'bob'}", "bad_request"},
    {"msg.chats", "{'before':'1'}", "bad_request"},
    {"msg.chats", "{'before':0}", "bad_request"},
    {"msg.chats", "{'limit':0}", "bad_request"},
    {"msg.chats", "{'limit':51}", "bad_request"},
    {"msg.chats", "{'limit':1.0}", "bad_request"},
    {"msg.chats", "{'before':null,'limit':null}", "ok"},
    {"msg.chats", "{}", "ok"},
    {"msg.read", "{}", "bad_request"},
    {"msg.read", "{'with':'nobody'}", "no_such_account"},
    {"msg.read", "{'with':'alice'}", "bad_request"},
    {"msg.read", "{'with':'bob','msg':0}", "bad_request"},
    {"msg.read", "{'with':'bob','msg':-1}", "bad_request"},
    {"msg.read", "{'with':'bob','msg':'1'}", "bad_request"},
    {"msg.read", "{'with':'bob','msg':9223372036854775807}", "ok"},
    {"follow.set", "{}", "bad_request"},
    {"follow.set", "{'who':'bob'}", "bad_request"},
    {"follow.set", "{'who':'bob','on':1}", "bad_request"},
    {"follow.set", "{'who':7,'on':true}", "bad_request"},
    {"follow.set", "{'who':'alice','on':true}", "bad_request"},
    {"follow.set", "{'who':'nobody','on':true}", "no_such_account"},
    {"contact.set", "{'who':'bob','on':'true'}", "bad_request"},
    {"block.set", "{'on':true}", "bad_request"},
    {"follow.list", "{'after':7}", "bad_request"},
    {"follow.list", "{'after':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}", "bad_request"},
    {"can_call", "{}", "bad_request"},
    {"can_call", "{'to':'bob'}", "bad_request"},
    {"can_call", "{'to':'bob','media':'x'}", "bad_request"},
    {"can_call", "{'to':'bob','media':'av'}", "bad_request"},
    {"can_call", "{'to':7,'media':'a'}", "bad_request"},
    {"history.list", "{'before':-1}", "bad_request"},
    {"history.list", "{'before':true}", "bad_request"},
    {"history.list", "{'limit':51}", "bad_request"},
    {"history.list", "{}", "ok"},
    {"account.report", "{}", "bad_request"},
    {"account.report", "{'who':'bob'}", "bad_request"},
    {"account.report", "{'who':'bob','why':'boring'}", "bad_request"},
    {"account.report", "{'who':'bob','why':7}", "bad_request"},
    {"account.report", "{'who':'bob','why':'spam','call':'x'}", "bad_request"},
    {"account.report", "{'who':'bob','why':'spam','text':7}", "bad_request"},
    {"account.report", "{'who':'alice','why':'spam'}", "bad_request"},
    {"account.report", "{'who':'nobody','why':'spam'}", "no_such_account"},
    {"perm.set", "{'no_such_setting':true}", "bad_request"},
    {"perm.set", "{'hide_busy':1}", "bad_request"},
    {"perm.set", "{'hide_busy':null}", "bad_request"},
    {"perm.set", "{'epoch':7}", "bad_request"},
    {"perm.set", "{'quiet':true}", "bad_request"},
    {"perm.set", "{'quiet':{'from':'22:00','to':'07:00'}}", "bad_request"},
    {"perm.set", "{'quiet':{'from':'22:00','to':'7:00','zone_min':0}}", "bad_request"},
    {"perm.set", "{'quiet':{'from':'24:00','to':'07:00','zone_min':0}}", "bad_request"},
    {"perm.set", "{'quiet':{'from':'22:00','to':'07:00','zone_min':841}}", "bad_request"},
    {"perm.set", "{'quiet':{'from':'22:00','to':'07:00','zone_min':0,'x':1}}", "bad_request"},
    {"perm.set", "{'hide_busy':true,'nonsense':1}", "bad_request"},
};

static void members(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof member_cases / sizeof *member_cases; i++) {
        const char *code = CODE(alice, member_cases[i].type, "%s", member_cases[i].body);
        if (strcmp(code, member_cases[i].code) != 0)
            fail_msg("%s %s: %s", member_cases[i].type, member_cases[i].body, code);
    }
    assert_string_equal(CODE(alice, "msg.send", "{'to':'bob','text':'%04097d'}", 0), "bad_request");
    assert_string_equal(CODE(alice, "msg.send", "{'to':'bob','text':'%04096d'}", 0), "ok");
    assert_string_equal(
        CODE(alice, "account.report", "{'who':'bob','why':'spam','text':'%0501d'}", 0),
        "bad_request");
    json_t *settings = ASK(alice, "perm.get", "{}"); /* nothing of a refused perm.set was taken */
    assert_true(json_is_false(json_object_get(settings, "hide_busy")));
}

static void messages(void **state)
{
    struct somebody phone;
    struct gate_row row;
    (void)state;
    world_join_again(&world, &phone, &alice);
    world_forget(&world);
    json_t *ok = ASK(alice, "msg.send", "{'to':'bob','text':'hello \\\"bob\\\"\\n'}");
    assert_int_equal(world_int(ok, "msg"), 1);
    assert_int_equal(world_int(ok, "at"), world.now);
    json_t *frame = world_heard(&world, bob.connection, "msg.new", 0);
    json_t *body = json_object_get(frame, "b");
    assert_string_equal(world_text(body, "from"), "alice");
    assert_string_equal(world_text(body, "to"), "bob");
    assert_string_equal(world_text(body, "text"), "hello \"bob\"\n");
    assert_int_equal(world_int(body, "msg"), 1);
    assert_non_null(
        world_heard(&world, phone.connection, "msg.new", 0)); /* the sender's other one */
    assert_null(world_heard(&world, alice.connection, "msg.new", 0));
    assert_null(world_heard(&world, carol.connection, "msg.new", 0));
    assert_int_equal(store_gate_row(world.store, 1, "bob", &row), STORE_OK);
    assert_true(row.caller_sent && !row.callee_sent);
    assert_string_equal(CODE(bob, "msg.accept", "{'from':'alice'}"), "ok");
    assert_int_equal(store_gate_row(world.store, 1, "bob", &row), STORE_OK);
    assert_true(row.callee_sent);
    for (int i = 0; i < 20; i++)
        CODE(bob, "msg.send", "{'to':'alice','text':'%d %02000d'}", i, 0);
    json_t *list = json_object_get(ASK(alice, "msg.list", "{'with':'bob','limit':50}"), "messages");
    assert_in_range(json_array_size(list), 6, 8); /* as many as a frame holds */
    assert_int_equal(world_int(json_array_get(list, 0), "msg"), 21);
    list =
        json_object_get(ASK(alice, "msg.list", "{'with':'bob','before':3,'limit':1}"), "messages");
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(world_int(json_array_get(list, 0), "msg"), 2);
    assert_string_equal(world_text(json_array_get(list, 0), "from"), "bob");
    list = json_object_get(ASK(carol, "msg.list", "{'with':'bob'}"), "messages");
    assert_int_equal(json_array_size(list), 0);
}

/* The sender of a message that a block keeps back sees what everybody else sees. */
static void withheld(void **state)
{
    struct gate_row row;
    (void)state;
    assert_string_equal(CODE(bob, "block.set", "{'who':'alice','on':true}"), "ok");
    assert_int_equal(told.blocked, 1);
    assert_int_equal(told.last_user, 2);
    assert_int_equal(told.last_other, 1);
    world_forget(&world);
    world_say(&world, alice.connection, "{'t':'msg.send','id':'same','b':{'to':'bob','text':'x'}}");
    world_say(&world, carol.connection, "{'t':'msg.send','id':'same','b':{'to':'bob','text':'x'}}");
    char texts[2][128];
    snprintf(texts[0], 128, "%s", world_heard_text(&world, alice.connection, "ok", 0));
    snprintf(texts[1], 128, "%s", world_heard_text(&world, carol.connection, "ok", 0));
    char *id = strstr(texts[1], "\"msg\":2");
    assert_non_null(id);
    id[6] = '1';
    assert_string_equal(texts[0], texts[1]);
    assert_non_null(world_heard(&world, bob.connection, "msg.new", 0)); /* carol's */
    assert_null(world_heard(&world, bob.connection, "msg.new", 1));
    json_t *list = json_object_get(ASK(alice, "msg.list", "{'with':'bob'}"), "messages");
    assert_int_equal(json_array_size(list), 1);
    list = json_object_get(ASK(bob, "msg.list", "{'with':'alice'}"), "messages");
    assert_int_equal(json_array_size(list), 0);
    assert_int_equal(store_gate_row(world.store, 1, "bob", &row), STORE_OK);
    assert_true(row.caller_sent); /* what the caller's own outbox says */
    assert_string_equal(CODE(bob, "block.set", "{'who':'alice','on':false}"), "ok");
    assert_int_equal(told.blocked, 1);
}

static json_t *chat_at(json_t *body, size_t index)
{
    return json_array_get(json_object_get(body, "chats"), index);
}

/* Who wrote while one was away, on every device of the account; the sender hears nothing of it. */
static void conversations(void **state)
{
    struct somebody phone;
    (void)state;
    json_t *body = ASK(alice, "msg.chats", "{}");
    assert_int_equal(json_array_size(json_object_get(body, "chats")), 0);
    assert_true(json_is_false(json_object_get(body, "more")));
    CODE(bob, "msg.send", "{'to':'alice','text':'one'}");
    world_pass(&world, 10);
    CODE(carol, "msg.send", "{'to':'alice','text':'two'}");
    CODE(bob, "msg.send", "{'to':'alice','text':'three'}");
    body = ASK(alice, "msg.chats", "{}");
    assert_int_equal(json_array_size(json_object_get(body, "chats")), 2);
    json_t *first = chat_at(body, 0);
    assert_string_equal(world_text(first, "peer"), "bob");
    assert_string_equal(world_text(first, "dir"), "in");
    assert_string_equal(world_text(first, "text"), "three");
    assert_int_equal(world_int(first, "msg"), 3);
    assert_int_equal(world_int(first, "at"), world.now);
    assert_int_equal(world_int(first, "unread"), 2);
    assert_true(json_is_true(json_object_get(first, "request")));
    body = ASK(alice, "msg.chats", "{'limit':1}");
    assert_int_equal(json_array_size(json_object_get(body, "chats")), 1);
    assert_true(json_is_true(json_object_get(body, "more")));
    body = ASK(alice, "msg.chats", "{'before':3,'limit':1}");
    assert_string_equal(world_text(chat_at(body, 0), "peer"), "carol");
    assert_true(json_is_false(json_object_get(body, "more")));

    world_join_again(&world, &phone, &alice);
    world_forget(&world);
    assert_string_equal(CODE(alice, "msg.read", "{'with':'bob','msg':1}"), "ok");
    json_t *told_read = json_object_get(world_heard(&world, phone.connection, "msg.read", 0), "b");
    assert_string_equal(world_text(told_read, "with"), "bob");
    assert_int_equal(world_int(told_read, "msg"), 1);
    assert_int_equal(world_int(chat_at(ASK(phone, "msg.chats", "{}"), 0), "unread"), 1);
    assert_string_equal(CODE(phone, "msg.read", "{'with':'bob'}"), "ok");
    told_read = json_object_get(world_heard(&world, alice.connection, "msg.read", 0), "b");
    assert_int_equal(world_int(told_read, "msg"), 3);
    assert_string_equal(CODE(phone, "msg.read", "{'with':'bob','msg':2}"), "ok"); /* older news */
    assert_null(world_heard(&world, alice.connection, "msg.read", 1));
    assert_null(world_heard(&world, bob.connection, "msg.read", 0));
    assert_null(world_heard(&world, carol.connection, "msg.read", 0));
    assert_int_equal(world_int(chat_at(ASK(alice, "msg.chats", "{}"), 0), "unread"), 0);
    assert_string_equal(CODE(alice, "msg.accept", "{'from':'bob'}"), "ok");
    CODE(alice, "msg.send", "{'to':'carol','text':'four'}");
    body = ASK(alice, "msg.chats", "{}");
    assert_string_equal(world_text(chat_at(body, 0), "dir"), "out");
    assert_true(json_is_false(json_object_get(chat_at(body, 0), "request")));
    assert_true(json_is_false(json_object_get(chat_at(body, 1), "request")));
}

/* Blocked people stay in the list with what came before; what is withheld is in their own list alone. */
static void conversations_and_blocks(void **state)
{
    (void)state;
    CODE(bob, "msg.send", "{'to':'alice','text':'before'}");
    assert_string_equal(CODE(alice, "block.set", "{'who':'bob','on':true}"), "ok");
    CODE(bob, "msg.send", "{'to':'alice','text':'after'}");
    json_t *mine = chat_at(ASK(alice, "msg.chats", "{}"), 0);
    assert_string_equal(world_text(mine, "text"), "before");
    assert_int_equal(world_int(mine, "unread"), 1);
    json_t *his = chat_at(ASK(bob, "msg.chats", "{}"), 0);
    assert_string_equal(world_text(his, "text"), "after");
    assert_string_equal(world_text(his, "dir"), "out");
    assert_string_equal(CODE(alice, "msg.read", "{'with':'bob'}"), "ok");
    assert_int_equal(world_int(chat_at(ASK(alice, "msg.chats", "{}"), 0), "unread"), 0);

    /* His list is that of somebody whose message came: also the request that was never answered. */
    char texts[2][200];
    CODE(alice, "block.set", "{'who':'carol','on':false}");
    CODE(bob, "msg.send", "{'to':'alice','text':'again'}");
    CODE(carol, "msg.send", "{'to':'alice','text':'again'}");
    for (int i = 0; i < 2; i++) {
        json_t *row = json_copy(chat_at(ASK(*(i ? &carol : &bob), "msg.chats", "{}"), 0));
        json_object_del(row, "msg");
        size_t size = json_dumpb(row, texts[i], sizeof texts[i] - 1, JSON_COMPACT);
        assert_in_range(size, 1, sizeof texts[i] - 1);
        texts[i][size] = '\0';
        json_decref(row);
    }
    assert_string_equal(texts[0], texts[1]);
}

/* The longest names and texts do not fit one frame: the next page begins where this one ended. */
static void conversations_fill_frames(void **state)
{
    char text[400], before[64] = "{}";
    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = '"';
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 50; i++) {
        char name[40];
        int64_t user, id;
        snprintf(name, sizeof name, "%028d%02d", 0, i);
        assert_int_equal(store_account_add(world.store, name, NULL, world.now, &user), STORE_OK);
        assert_int_equal(store_message_add(world.store, user, 1, text, world.now, true, &id),
                         STORE_OK);
    }
    size_t seen = 0, frames = 0;
    for (bool more = true; more; frames++) {
        json_t *body = ASK(alice, "msg.chats", "%s", before);
        json_t *chats = json_object_get(body, "chats");
        size_t count = json_array_size(chats);
        assert_in_range(count, 1, 49);
        assert_in_range(json_dumpb(body, NULL, 0, JSON_COMPACT), 1, 16384 - 100);
        seen += count;
        more = json_is_true(json_object_get(body, "more"));
        snprintf(before, sizeof before, "{'before':%lld}",
                 (long long)world_int(json_array_get(chats, count - 1), "msg"));
    }
    assert_int_equal(seen, 50);
    assert_int_equal(frames, 2);
}

static void limited_messages(void **state)
{
    const char *code = "ok";
    int sent = 0;
    (void)state;
    for (; sent < 100 && strcmp(code, "ok") == 0; sent++)
        code = CODE(alice, "msg.send", "{'to':'bob','text':'x'}");
    assert_string_equal(code, "try_later");
    assert_int_equal(sent, 61);
    assert_string_equal(CODE(carol, "msg.send", "{'to':'bob','text':'x'}"), "ok");
    world_pass(&world, 1000);
    assert_string_equal(CODE(alice, "msg.send", "{'to':'bob','text':'x'}"), "ok");
}

static void edges(void **state)
{
    static const char *const kinds[] = {"follow", "contact", "block"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char set[32], list[32];
        snprintf(set, sizeof set, "%s.set", kinds[i]);
        snprintf(list, sizeof list, "%s.list", kinds[i]);
        for (int twice = 0; twice < 2; twice++)
            assert_string_equal(CODE(alice, set, "{'who':'carol','on':true}"), "ok");
        assert_string_equal(CODE(alice, set, "{'who':'bob','on':true}"), "ok");
        json_t *body = ASK(alice, list, "{}");
        json_t *names = json_object_get(body, "names");
        assert_int_equal(json_array_size(names), 2);
        assert_string_equal(json_string_value(json_array_get(names, 0)), "bob");
        assert_true(json_is_false(json_object_get(body, "more")));
        names = json_object_get(ASK(alice, list, "{'after':'bob'}"), "names");
        assert_int_equal(json_array_size(names), 1);
        unsigned settings = told.settings;
        assert_string_equal(CODE(alice, set, "{'who':'bob','on':false}"), "ok");
        assert_int_equal(told.settings, settings + (i < 2)); /* fewer may call */
        assert_string_equal(CODE(alice, set, "{'who':'bob','on':false}"), "ok");
        names = json_object_get(ASK(alice, list, "{'after':null}"), "names");
        assert_int_equal(json_array_size(names), 1);
    }
}

static void edges_are_bounded(void **state)
{
    char words[128];
    (void)state;
    assert_int_equal(policy_set(world.store, "contacts_max", "120", world.now, words, sizeof words),
                     STORE_OK);
    service_reload(world.service);
    for (int i = 0; i < 119; i++) {
        int64_t id;
        char name[16];
        snprintf(name, sizeof name, "n%03d", i);
        assert_int_equal(store_account_add(world.store, name, NULL, world.now, &id), STORE_OK);
        assert_string_equal(CODE(alice, "contact.set", "{'who':'%s','on':true}", name), "ok");
    }
    json_t *body = ASK(alice, "contact.list", "{}");
    assert_int_equal(json_array_size(json_object_get(body, "names")), 100);
    assert_true(json_is_true(json_object_get(body, "more")));
    assert_string_equal(CODE(alice, "contact.set", "{'who':'bob','on':true}"), "ok");
    assert_string_equal(CODE(alice, "contact.set", "{'who':'carol','on':true}"), "too_many");
    assert_string_equal(CODE(alice, "contact.set", "{'who':'bob','on':true}"),
                        "ok"); /* is there already */
    assert_string_equal(CODE(alice, "contact.set", "{'who':'bob','on':false}"), "ok");
    assert_string_equal(CODE(alice, "contact.set", "{'who':'carol','on':true}"), "ok");
}

static void settings(void **state)
{
    static const char fresh[] =
        "{\"has_av_calls_enabled\":true,\"accept_calls_from_everyone\":false,"
        "\"accept_calls_from_verified\":false,\"accept_calls_from_following\":true,"
        "\"accept_calls_from_addressbook\":true,\"has_enhanced_call_privacy_enabled\":false,"
        "\"silence_strangers\":false,\"hide_busy\":false,\"quiet\":null,\"epoch\":0}";
    (void)state;
    char *text = json_dumps(ASK(alice, "perm.get", "{}"), JSON_COMPACT);
    assert_string_equal(text, fresh);
    free(text);
    json_t *set = ASK(alice, "perm.set",
                      "{'accept_calls_from_everyone':true,'accept_calls_from_following':false,"
                      "'quiet':{'from':'22:00','to':'07:05','zone_min':-90}}");
    assert_int_equal(world_int(set, "epoch"), 1);
    assert_int_equal(told.settings, 1);
    text = json_dumps(set, JSON_COMPACT);
    char *again = json_dumps(ASK(alice, "perm.get", "{}"), JSON_COMPACT);
    assert_string_equal(text, again);
    assert_non_null(strstr(text, "\"accept_calls_from_everyone\":true"));
    assert_non_null(strstr(text, "\"accept_calls_from_following\":false"));
    assert_non_null(strstr(text, "\"accept_calls_from_addressbook\":true"));
    assert_non_null(
        strstr(text, "\"quiet\":{\"from\":\"22:00\",\"to\":\"07:05\",\"zone_min\":-90}"));
    free(text);
    free(again);
    set = ASK(alice, "perm.set", "{'quiet':null}");
    assert_true(json_is_null(json_object_get(set, "quiet")));
    assert_int_equal(world_int(set, "epoch"), 2);
    assert_int_equal(world_int(ASK(bob, "perm.get", "{}"), "epoch"), 0);
}

/* The answer comes later: what it says. */
static const char *may_call(const struct somebody *who, const char *to, char text[256])
{
    world_forget(&world);
    world_say(&world, who->connection, "{'t':'can_call','id':'c','b':{'to':'%s','media':'a'}}", to);
    assert_null(world_heard(&world, who->connection, "ok", 0));
    world_pass(&world, 149);
    assert_null(world_heard(&world, who->connection, "ok", 0));
    world_pass(&world, 52);
    snprintf(text, 256, "%s", world_heard_text(&world, who->connection, "ok", 0));
    json_t *body = json_object_get(world_heard(&world, who->connection, "ok", 0), "b");
    return json_is_true(json_object_get(body, "can")) ? "yes" : world_text(body, "code");
}

static void can_call(void **state)
{
    char text[256], other[256];
    (void)state;
    assert_string_equal(may_call(&alice, "alice", text), "self");
    assert_string_equal(may_call(&alice, "bob", text), "message_first");
    assert_string_equal(may_call(&alice, "nobody", other), "message_first");
    assert_string_equal(text, other); /* whoever exists */
    CODE(alice, "msg.send", "{'to':'bob','text':'x'}");
    assert_string_equal(may_call(&alice, "bob", text), "unavailable");
    CODE(bob, "follow.set", "{'who':'alice','on':true}");
    assert_string_equal(may_call(&alice, "bob", text), "yes");
    assert_string_equal(text, "{\"t\":\"ok\",\"re\":\"c\",\"b\":{\"can\":true}}");
    CODE(bob, "block.set", "{'who':'alice','on':true}");
    assert_string_equal(may_call(&alice, "bob", text), "unavailable");
    CODE(bob, "block.set", "{'who':'alice','on':false}");
    CODE(bob, "perm.set", "{'has_av_calls_enabled':false}");
    assert_string_equal(may_call(&alice, "bob", other), "unavailable");
    assert_string_equal(text, other); /* blocked, or off */
    CODE(alice, "block.set", "{'who':'bob','on':true}");
    assert_string_equal(may_call(&alice, "bob", text), "you_blocked");
}

/* Names by the thousand, were there no limit: the same answer for who is not there and who has closed the door.
 * XCALL_TEST_LONG=1: 10,000. */
static void many_names(const char *known)
{
    int count = getenv("XCALL_TEST_LONG") ? 10000 : 500;
    limits_set(world.service->limits, LIMIT_CAN_CALL, (struct limit_size){0});
    for (int i = 0; i < count; i += 50) {
        world_forget(&world);
        for (int k = 0; k < 50; k++)
            world_say(&world, alice.connection,
                      "{'t':'can_call','id':'m%d','b':{'to':'%s%d','media':'a'}}", i + k,
                      k % 7 ? "guess" : "closed", k % 7 ? i + k : k / 7 % 3);
        world_pass(&world, 300);
        for (size_t k = 0; k < 50; k++) {
            const char *text = world_heard_text(&world, alice.connection, "ok", k);
            assert_non_null(text);
            assert_string_equal(strstr(text, "\"b\":"), known);
        }
    }
}

/* No more than 60 a minute, and the same bytes whoever exists. */
static void enumeration(void **state)
{
    char known[256], unknown[256], name[32];
    int limited = 0;
    (void)state;
    limits_set(world.service->limits, LIMIT_FRAMES, (struct limit_size){0});
    may_call(&alice, "bob", known);
    for (int i = 0; i < 58; i++) {
        snprintf(name, sizeof name, "guess%d", i);
        world_say(&world, alice.connection,
                  "{'t':'can_call','id':'g%d','b':{'to':'%s','media':'a'}}", i, name);
    }
    world_pass(&world, 300);
    for (size_t i = 0; i < 58; i++) {
        snprintf(unknown, sizeof unknown, "%s",
                 world_heard_text(&world, alice.connection, "ok", 1 + i));
        assert_string_equal(strstr(known, "\"b\":"), strstr(unknown, "\"b\":"));
    }
    for (int i = 0; i < 200; i++)
        limited += strcmp(CODE(alice, "can_call", "{'to':'bob','media':'v'}"), "try_later") == 0;
    assert_in_range(limited, 198, 199);
    struct call_settings off = {.quiet_from_min = -1};
    int64_t closed[3];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "closed%d", i);
        assert_int_equal(store_account_add(world.store, name, NULL, world.now, &closed[i]),
                         STORE_OK);
    }
    assert_int_equal(store_edge_set(world.store, EDGE_BLOCK, closed[0], 1, true, world.now),
                     STORE_OK);
    assert_int_equal(store_settings_set(world.store, closed[1], &off), STORE_OK);
    assert_int_equal(store_account_delete(world.store, closed[2], world.now), STORE_OK);
    many_names(strstr(known, "\"b\":"));
    /* And who writes first, which the gate looks at first, learns no more. */
    assert_int_equal(store_policy_set(world.store, "prior_message", "none", world.now), STORE_OK);
    service_reload(world.service);
    limits_set(world.service->limits, LIMIT_FRAMES, (struct limit_size){0});
    may_call(&alice, "guess", known);
    assert_non_null(strstr(known, "unavailable"));
    many_names(strstr(known, "\"b\":"));
}

static void history(void **state)
{
    static const struct {
        uint32_t reason;
        const char *out, *in;
        bool accepted;
    } ends[] = {
        {XCALL_LIFE_END_HANGUP, "hangup", "hangup", true},
        {XCALL_LIFE_END_CANCELLED, "cancelled", "cancelled"},
        {XCALL_LIFE_END_DECLINED, "declined", "declined"},
        {XCALL_LIFE_END_BUSY, "busy", "busy"},
        {XCALL_LIFE_END_NO_ANSWER, "no_answer", "no_answer"},
        {XCALL_LIFE_END_UNREACHABLE, "no_answer", "no_answer"},
        {XCALL_LIFE_END_BLOCKED, "hangup", "hangup", true},
        {XCALL_LIFE_END_PERM_REVOKED, "no_answer", "cancelled"},
        {XCALL_LIFE_END_PERM_REVOKED, "hangup", "hangup", true},
        {XCALL_LIFE_END_FAILED_CONNECT, "failed_connect", "failed_connect", true},
        {XCALL_LIFE_END_MEDIA_LOST, "media_lost", "media_lost", true},
        {XCALL_LIFE_END_SIGNAL_LOST, "signal_lost", "signal_lost", true},
        {XCALL_LIFE_END_SUPERSEDED, "superseded", "cancelled"},
        {XCALL_LIFE_END_SUPERSEDED, "superseded", "superseded", true},
        {XCALL_LIFE_END_UNSUPPORTED, "no_answer", "unsupported"},
    };
    enum { ENDS = sizeof ends / sizeof *ends };
    (void)state;
    for (size_t i = 0; i < ENDS; i++) {
        struct call_row row = {.id = {(uint8_t)(i + 1)},
                               .caller = 1,
                               .callee = 2,
                               .caller_dev = 1,
                               .state = CALL_RINGING,
                               .rev = 1,
                               .video = i % 2,
                               .invite_ms = world.now + (int64_t)i * 1000};
        uint8_t other[CALL_ID_SIZE];
        int busy;
        assert_int_equal(store_call_insert(world.store, &row, other), STORE_OK);
        row.state = CALL_ENDED;
        row.rev = 2;
        row.reason = ends[i].reason;
        row.accept_ms = ends[i].accepted ? row.invite_ms + 100 : 0;
        row.end_ms = row.invite_ms + 500;
        assert_int_equal(store_call_update(world.store, &row, CALL_RINGING, 1, &busy), STORE_OK);
    }
    json_t *out = json_object_get(ASK(alice, "history.list", "{}"), "calls");
    assert_int_equal(json_array_size(out), ENDS);
    for (size_t i = 0; i < ENDS; i++) {
        json_t *row = json_array_get(out, ENDS - 1 - i);
        assert_string_equal(world_text(row, "end"), ends[i].out);
        assert_string_equal(world_text(row, "dir"), "out");
        assert_string_equal(world_text(row, "peer"), "bob");
        assert_string_equal(world_text(row, "media"), i % 2 ? "v" : "a");
        assert_int_equal(world_int(row, "at"), world.now + (int64_t)i * 1000);
        assert_int_equal(strlen(world_text(row, "call")), 36);
        assert_true(json_is_boolean(json_object_get(row, "missed")));
    }
    json_t *in = json_object_get(ASK(bob, "history.list", "{'limit':50}"), "calls");
    for (size_t i = 0; i < ENDS; i++)
        assert_string_equal(world_text(json_array_get(in, ENDS - 1 - i), "end"), ends[i].in);
    in = json_object_get(
        ASK(bob, "history.list", "{'limit':1,'before':%lld}", (long long)world.now + 3000),
        "calls");
    assert_int_equal(json_array_size(in), 1);
    assert_int_equal(world_int(json_array_get(in, 0), "at"), world.now + 2000);
}

static void reports(void **state)
{
    struct somebody others[3];
    struct account account;
    int64_t count;
    char words[128];
    (void)state;
    assert_int_equal(
        policy_set(world.store, "restrict_after_reports", "4", world.now, words, sizeof words),
        STORE_OK);
    service_reload(world.service);
    assert_string_equal(
        CODE(alice, "account.report", "{'who':'bob','why':'spam','text':'again\\n'}"), "ok");
    assert_string_equal(CODE(alice, "account.report", "{'who':'bob','why':'harassment'}"), "ok");
    for (int i = 0; i < 3; i++) {
        char name[24];
        snprintf(name, sizeof name, "other%d", i);
        assert_int_equal(store_account_by_name(world.store, "bob", &account), STORE_OK);
        assert_int_equal(account.state, ACCOUNT_ACTIVE);
        world_join(&world, &others[i], name, (unsigned)(i + 90) << 8);
        assert_string_equal(
            CODE(others[i], "account.report",
                 "{'who':'bob','why':'other','call':'00112233-4455-6677-8899-aabbccddeeff'}"),
            "ok");
    }
    assert_int_equal(store_account_by_name(world.store, "bob", &account), STORE_OK);
    assert_int_equal(account.state, ACCOUNT_RESTRICTED);
    char text[256];
    CODE(bob, "msg.send", "{'to':'alice','text':'x'}");
    assert_string_equal(may_call(&bob, "alice", text), "account_restricted");
    /* The second report of the same two in a day is answered alike and does not count. */
    struct guard_figures figures;
    assert_int_equal(store_report_count(world.store, 2, 0, &count), STORE_OK);
    assert_int_equal(count, 4);
    assert_int_equal(store_guard_figures(world.store, "calls.make", 0, &figures), STORE_OK);
    assert_int_equal(figures.reports, 4);
    world_restart(&world);
    world_hello(&world, &alice, "");
    assert_string_equal(CODE(alice, "account.report", "{'who':'bob','why':'spam'}"), "ok");
    assert_int_equal(store_guard_figures(world.store, "calls.make", 0, &figures), STORE_OK);
    assert_int_equal(figures.reports, 4);
    const char *code = "ok";
    for (int i = 0; i < 30 && strcmp(code, "ok") == 0; i++)
        code = CODE(alice, "account.report", "{'who':'carol','why':'spam'}");
    assert_string_equal(code, "try_later");
}

/* Nothing is asked for without a device. */
static void needs_a_device(void **state)
{
    (void)state;
    for (const struct handler_row *row = people_handlers; row->type; row++) {
        uint64_t connection = world_open(&world, (unsigned)(world.next + 50) << 8);
        world_say(&world, connection, "{'t':'%s','id':'1','b':{}}", row->type);
        assert_int_equal(world_closed(&world, connection), 4001);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(members),
        TEST(messages),
        TEST(withheld),
        TEST(conversations),
        TEST(conversations_and_blocks),
        TEST(conversations_fill_frames),
        TEST(limited_messages),
        TEST(edges),
        TEST(settings),
        TEST(can_call),
        TEST(edges_are_bounded),
        TEST(enumeration),
        TEST(history),
        TEST(reports),
        TEST(needs_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
