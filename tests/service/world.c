/* world.c - see world.h. SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_private.h"
#include "text.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct told told;

/* --- what the core asks of it ------------------------------------------------------------------------------- */

/* FNV-1a */
static void digest(struct world *world, const void *memory, size_t size)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < size; i++)
        world->digest = (world->digest ^ bytes[i]) * 1099511628211u;
}

static void on_send(void *context, uint64_t connection, const char *text, size_t size,
                    unsigned flags, const uint8_t call[CALL_ID_SIZE])
{
    struct world *world = context;
    (void)call;
    CHECK(size <= FRAME_MAX);
    if (world->sent_count == WORLD_SENT)
        world_forget(world);
    digest(world, &connection, sizeof connection);
    digest(world, text, size);
    struct sent *sent = &world->sent[world->sent_count++];
    *sent = (struct sent){.connection = connection, .flags = flags, .text = strndup(text, size)};
    sent->frame = json_loads(sent->text, JSON_REJECT_DUPLICATES, NULL);
    CHECK(sent->frame);
}

static void on_close(void *context, uint64_t connection, int code)
{
    struct world *world = context;
    digest(world, &connection, sizeof connection);
    digest(world, &code, sizeof code);
    CHECK(world->closes_count < WORLD_CLOSES);
    world->closes[world->closes_count++] = (struct closing){connection, code};
}

static void on_hash(void *context, uint64_t job, const char *password, const char *hash)
{
    struct world *world = context;
    CHECK(world->hashes_count < WORLD_HASHES);
    struct hashing *hashing = &world->hashes[world->hashes_count++];
    *hashing = (struct hashing){.job = job, .make = hash == NULL};
    strncpy(hashing->password, password, sizeof hashing->password - 1);
    if (hash)
        strncpy(hashing->hash, hash, sizeof hashing->hash - 1);
}

static void on_push(void *context, const struct push_order *order)
{
    struct world *world = context;
    CHECK(order->ring_left_ms >= 0);
    world->pushes++;
}

/* xorshift64*: the same numbers each run. */
static void on_random(void *context, void *memory, size_t size)
{
    struct world *world = context;
    uint8_t *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        world->random ^= world->random >> 12;
        world->random ^= world->random << 25;
        world->random ^= world->random >> 27;
        bytes[i] = (uint8_t)((world->random * 0x2545f4914f6cdd1dull) >> 56);
    }
}

static void on_log(void *context, char level, const char *event, json_t *facts)
{
    struct world *world = context;
    CHECK(strchr("ewid", level) && event && json_is_object(facts));
    world->logs++;
}

/* --- life ------------------------------------------------------------------------------------------------- */

static void create(struct world *world)
{
    struct service_world callbacks = {.context = world,
                                      .send = on_send,
                                      .close = on_close,
                                      .hash = on_hash,
                                      .push = on_push,
                                      .random = on_random,
                                      .log = on_log};
    world->service = service_create(&world->config, world->store, &callbacks, world->now);
    CHECK(world->service);
}

static void begin(struct world *world)
{
    memset(&told, 0, sizeof told);
    world->now = 1800000000000;
    world->random = 88172645463325252ull;
    world->next = world->request = world->digest = 0;
    world->hashes_count = world->pushes = world->logs = 0;
    world->config.connections_max = 50000;
}

/* Messages are answered at once here: test_timing.c is about when they are. */
static void set_floor(struct world *world)
{
    CHECK(store_policy_set(world->store, "message_floor_ms", "0", world->now) == STORE_OK);
    CHECK(store_policy_set(world->store, "message_jitter_ms", "0", world->now) == STORE_OK);
}

void world_start(struct world *world, const char *path)
{
    char error[256] = "";
    memset(world, 0, sizeof *world);
    begin(world);
    snprintf(world->path, sizeof world->path, "%s", path ? path : ":memory:");
    if (store_open(world->path, &world->store, error, sizeof error) != STORE_OK) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    set_floor(world);
    create(world);
}

void world_stop(struct world *world)
{
    world_forget(world);
    service_destroy(world->service);
    store_close(world->store);
}

#define TABLES_MAX 64
static void empty(struct store *store)
{
    static char statements[TABLES_MAX][64]; /* the store keeps them by their addresses */
    static size_t count;
    if (count == 0) {
        sqlite3_stmt *stmt = db_query(store,
                                      "SELECT name FROM sqlite_master WHERE type='table'"
                                      " AND name NOT IN ('schema_version','secret')",
                                      "");
        while (db_step(store, stmt) == STORE_OK && count < TABLES_MAX)
            snprintf(statements[count++], sizeof statements[0], "DELETE FROM %s",
                     (const char *)sqlite3_column_text(stmt, 0));
        db_end(stmt, STORE_OK);
        CHECK(count > 10 && count < TABLES_MAX);
    }
    store_rollback(store);
    CHECK(store_begin(store) == STORE_OK);
    for (size_t i = 0; i < count; i++)
        CHECK(db_run(store, statements[i], "") == STORE_OK);
    store->scrub = false;
    CHECK(store_commit(store) == STORE_OK);
    store->scrub_wait = 0;
    memset(store->bucket_after, 0, sizeof store->bucket_after);
    memset(store->session_after, 0, sizeof store->session_after);
}

void world_reset(struct world *world)
{
    world_forget(world);
    service_destroy(world->service);
    empty(world->store);
    begin(world);
    set_floor(world);
    create(world);
}

void world_restart(struct world *world)
{
    world_forget(world);
    service_destroy(world->service);
    world->hashes_count = 0;
    create(world);
}

void world_pass(struct world *world, int64_t ms)
{
    int64_t until = world->now + ms;
    while (world->now < until) {
        int64_t next = service_deadline(world->service);
        CHECK(next > world->now - 60001);
        world->now = next > world->now ? next : world->now + 1;
        world->now = world->now < until ? world->now : until;
        service_begin(world->service, world->now);
        service_end(world->service);
    }
}

uint64_t world_open(struct world *world, unsigned address)
{
    uint8_t mapped[16] = {0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0xff,
                          0xff,
                          10,
                          (uint8_t)(address >> 16),
                          (uint8_t)(address >> 8),
                          (uint8_t)address};
    uint64_t connection = ++world->next;
    service_begin(world->service, world->now);
    service_opened(world->service, connection, mapped);
    service_end(world->service);
    return connection;
}

void world_close(struct world *world, uint64_t connection)
{
    service_begin(world->service, world->now);
    service_closed(world->service, connection, false);
    service_end(world->service);
}

void world_raw(struct world *world, uint64_t connection, const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1); /* so that a sanitizer sees a byte read behind it */
    CHECK(copy);
    memcpy(copy, text, size);
    service_begin(world->service, world->now);
    service_frame(world->service, connection, copy, size);
    service_end(world->service);
    free(copy);
}

static char *quoted(const char *format, va_list arguments)
{
    char *text = NULL;
    CHECK(vasprintf(&text, format, arguments) >= 0);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    return text;
}

void world_say(struct world *world, uint64_t connection, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = quoted(format, arguments);
    va_end(arguments);
    world_raw(world, connection, text, strlen(text));
    free(text);
}

void world_work(struct world *world)
{
    size_t count = world->hashes_count;
    world->hashes_count = 0;
    struct hashing *hashes = malloc((count + 1) * sizeof *hashes);
    CHECK(hashes);
    memcpy(hashes, world->hashes, count * sizeof *hashes);
    service_begin(world->service, world->now);
    for (size_t i = 0; i < count; i++) {
        char made[192];
        snprintf(made, sizeof made, "hashed %.100s", hashes[i].password);
        bool fits = strcmp(made, hashes[i].hash) == 0;
        service_hashed(world->service, hashes[i].job, hashes[i].make ? made : fits ? "" : NULL);
    }
    service_end(world->service);
    free(hashes);
}

/* --- what was heard ----------------------------------------------------------------------------------------- */

void world_forget(struct world *world)
{
    for (size_t i = 0; i < world->sent_count; i++) {
        free(world->sent[i].text);
        json_decref(world->sent[i].frame);
    }
    world->sent_count = world->closes_count = 0;
}

static struct sent *heard(struct world *world, uint64_t connection, const char *type, size_t n)
{
    for (size_t i = 0; i < world->sent_count; i++) {
        const char *t = json_string_value(json_object_get(world->sent[i].frame, "t"));
        if (world->sent[i].connection == connection && t && (!type || strcmp(t, type) == 0) &&
            n-- == 0)
            return &world->sent[i];
    }
    return NULL;
}

json_t *world_heard(struct world *world, uint64_t connection, const char *type, size_t n)
{
    struct sent *sent = heard(world, connection, type, n);
    return sent ? sent->frame : NULL;
}

const char *world_heard_text(struct world *world, uint64_t connection, const char *type, size_t n)
{
    struct sent *sent = heard(world, connection, type, n);
    return sent ? sent->text : NULL;
}

int world_closed(struct world *world, uint64_t connection)
{
    for (size_t i = 0; i < world->closes_count; i++)
        if (world->closes[i].connection == connection)
            return world->closes[i].code;
    return 0;
}

json_int_t world_int(json_t *body, const char *member)
{
    json_t *value = json_object_get(body, member);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

const char *world_text(json_t *body, const char *member)
{
    const char *text = json_string_value(json_object_get(body, member));
    return text ? text : "";
}

static json_t *ask(struct world *world, uint64_t connection, const char **code, const char *type,
                   const char *body)
{
    char id[24];
    snprintf(id, sizeof id, "r%llu", (unsigned long long)++world->request);
    world_say(world, connection,
              "{'t':'%s','id':'%s','call':'00112233-4455-6677-8899-aabbccddeeff','b':%s}", type, id,
              body);
    for (size_t i = world->sent_count; i-- > 0;) {
        json_t *frame = world->sent[i].frame;
        if (world->sent[i].connection != connection || strcmp(world_text(frame, "re"), id) != 0)
            continue;
        json_t *answer = json_object_get(frame, "b");
        *code = strcmp(world_text(frame, "t"), "ok") == 0 ? "ok" : world_text(answer, "code");
        return answer;
    }
    *code = "";
    return NULL;
}

json_t *world_ask(struct world *world, uint64_t connection, const char **code, const char *type,
                  const char *body, ...)
{
    const char *ignored;
    va_list arguments;
    va_start(arguments, body);
    char *text = quoted(body, arguments);
    va_end(arguments);
    json_t *answer = ask(world, connection, code ? code : &ignored, type, text);
    free(text);
    return answer;
}

const char *world_code(struct world *world, uint64_t connection, const char *type, const char *body,
                       ...)
{
    const char *code;
    va_list arguments;
    va_start(arguments, body);
    char *text = quoted(body, arguments);
    va_end(arguments);
    ask(world, connection, &code, type, text);
    free(text);
    return code;
}

/* --- people ------------------------------------------------------------------------------------------------ */

static void take_token(struct world *world, struct somebody *somebody, const char *type)
{
    char id[24];
    snprintf(id, sizeof id, "t%llu", (unsigned long long)++world->request);
    world_say(world, somebody->connection,
              "{'t':'%s','id':'%s','b':{'name':'%s','password':'correct horse','device':'test'}}",
              type, id, somebody->name);
    world_work(world);
    json_t *body = json_object_get(world_heard(world, somebody->connection, "ok", 0), "b");
    CHECK(strlen(world_text(body, "token")) == TOKEN_TEXT);
    strcpy(somebody->token, world_text(body, "token"));
    somebody->dev = (int)world_int(body, "dev");
    uint8_t key[32];
    on_random(world, key, sizeof key);
    base64_encode(key, sizeof key, somebody->key);
}

static void say_hello(struct world *world, struct somebody *somebody, const char *more)
{
    world_say(world, somebody->connection,
              "{'t':'hello','id':'h','b':{'token':'%s','key':'%s',"
              "'client':{'name':'test','version':'0.1.0'},'caps':['audio','video']%s}}",
              somebody->token, somebody->key, more);
    json_t *welcome = json_object_get(world_heard(world, somebody->connection, "welcome", 0), "b");
    if (welcome) {
        snprintf(somebody->epoch, sizeof somebody->epoch, "%s", world_text(welcome, "epoch"));
        somebody->sq = world_int(welcome, "sq");
    }
}

void world_hello(struct world *world, struct somebody *somebody, const char *more)
{
    somebody->connection = world_open(world, (unsigned)(world->next * 7919 % 65000 + 1) << 8);
    say_hello(world, somebody, more);
}

void world_join(struct world *world, struct somebody *somebody, const char *name, unsigned address)
{
    memset(somebody, 0, sizeof *somebody);
    snprintf(somebody->name, sizeof somebody->name, "%s", name);
    somebody->connection = world_open(world, address);
    take_token(world, somebody, "account.create");
    say_hello(world, somebody, "");
    CHECK(world_heard(world, somebody->connection, "welcome", 0));
}

void world_join_again(struct world *world, struct somebody *device, const struct somebody *of)
{
    memset(device, 0, sizeof *device);
    memcpy(device->name, of->name, sizeof device->name);
    device->connection = world_open(world, (unsigned)(world->next * 31 % 60000 + 9) << 8);
    take_token(world, device, "account.sign_in");
    say_hello(world, device, "");
    CHECK(world_heard(world, device->connection, "welcome", 0));
}
