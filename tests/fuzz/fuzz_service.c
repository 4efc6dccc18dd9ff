/* fuzz_service.c - xcalld's core under any frames of four devices of three accounts, and of strangers. Input: lines,
 * of which the first byte says what happens:
 *   0 1 2 3  a frame of a device; one whose connection is closed comes back for it, signs in again or signs up anew;
 *          where the service drains it restarts for it
 *   4 5 6 7  the same, in one batch with the frame behind
 *   n      a frame of a new connection      +  of the newest one      =  of any (byte behind: which), closed ones too
 *   w  passwords are hashed      t  time: as many tenths of a second      p  the policy changes (byte behind: what)
 *   x  a connection is lost (byte behind: which)      h  a device comes back, resuming      d  the service drains
 *   r  the service restarts, now with a relay, now without
 * In a frame stand_for() tells what $ and the character behind it stand for. One store for all inputs, emptied
 * before each (a new one took 20 ms), and a service begun anew: an input always leads to the same frames, which is
 * checked now and then, and so is that no memory is lost. At the end it tells how many frames the service has
 * handled, and of which types. What makes the lines: service_mutator.c.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#include "../service/world.h"

#define LINES_MAX 512
#define DEVICES 4
#define AGAIN 256    /* inputs between two looks at whether nothing is left of others */
#define LEAKS 2048   /* inputs between two looks for lost memory */
#define NEW_NAMES 99 /* that the devices of deleted accounts may take, an input */

static struct world world;
static struct somebody devices[DEVICES];
static uint64_t inputs;
static unsigned ids, new_names; /* of this input */
static struct {
    uint64_t lines, handled; /* frames of inputs; and those that came in by an open connection */
    uint64_t all, malformed, batches;
    uint64_t types[TYPES_MAX];
    const char *names[TYPES_MAX];
} tally;

/* The secrets that a store makes for itself are the same in each process. */
#define NUMBERS 88172645463325252ull
static uint64_t numbers = NUMBERS;
static const char *random_name(void)
{
    return "fuzz";
}
static uint32_t random_number(void)
{
    numbers ^= numbers << 13;
    numbers ^= numbers >> 7;
    numbers ^= numbers << 17;
    return (uint32_t)(numbers >> 32);
}
static void random_bytes(void *const memory, const size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)memory)[i] = (uint8_t)random_number();
}

#define MADE_MAX 800
/* 64 bytes in base64 */
#define A43 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SIGNATURE A43 A43 "=="
#define BODY(type, setup)                                                                          \
    "{\"type\":\"" type                                                                            \
    "\",\"sdp\":\"v=0\\r\\no=- 1 1 IN IP4 0.0.0.0\\r\\ns=-\\r\\nt=0 0\\r\\nm=audio 9 "             \
    "UDP/TLS/RTP/SAVPF 111\\r\\nc=IN IP4 "                                                         \
    "0.0.0.0\\r\\na=ice-ufrag:abcd\\r\\na=ice-pwd:abcdefghijklmnopqrstuv\\r\\n"                    \
    "a=fingerprint:sha-256 "                                                                       \
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:"   \
    "EE:FF\\r\\na=setup:" setup "\\r\\na=rtpmap:111 opus/48000/2\\r\\n\",\"key\":\"%s\","          \
    "\"sig\":\"" SIGNATURE "\"}"

/* What the $ at `from` and the character behind it stand for, of which `used` bytes are used up:
 *   $a to $d  the devices' tokens   $k to $n  their keys   $e to $h  their epochs   $A to $D  their accounts' names
 *   $O $N  an offer and an answer of this device   $i_  a call's id, whose last digit is the one behind
 *   $#  a number that was not used before   $x_  where an export goes on: the kind of rows is the digit behind
 * NULL: nothing. */
static const char *stands_for(const uint8_t *from, size_t size, const struct somebody *self,
                              char made[MADE_MAX], size_t *used)
{
    uint8_t next = size > 1 && from[0] == '$' ? from[1] : 0;
    *used = 2;
    if (next >= 'a' && next < 'a' + DEVICES)
        return devices[next - 'a'].token;
    if (next >= 'k' && next < 'k' + DEVICES)
        return devices[next - 'k'].key;
    if (next >= 'e' && next < 'e' + DEVICES)
        return devices[next - 'e'].epoch;
    if (next >= 'A' && next < 'A' + DEVICES)
        return devices[next - 'A'].name;
    if (next == 'O')
        snprintf(made, MADE_MAX, BODY("offer", "actpass"), self->key);
    else if (next == 'N')
        snprintf(made, MADE_MAX, BODY("answer", "active"), self->key);
    else if (next == '#')
        snprintf(made, MADE_MAX, "%u", ++ids);
    else if (next == 'i' && size > 2)
        snprintf(made, MADE_MAX, "00112233-4455-6677-8899-aabbccddeef%c", from[2]);
    else if (next == 'x' && size > 2)
        snprintf(made, MADE_MAX, "%c.0.0.0.%032d", from[2], 0);
    else
        return NULL;
    *used = next == 'i' || next == 'x' ? 3 : 2;
    return made;
}

/* $L_ and $[_: text, or arrays in arrays, of a length that doubles with the letter behind, from a to z. */
static size_t long_one(const uint8_t *from, size_t size, char *out, size_t room)
{
    if (size < 3 || from[0] != '$' || (from[1] != 'L' && from[1] != '['))
        return 0;
    unsigned step = from[2] >= 'a' && from[2] <= 'z' ? from[2] - 'a' : 0;
    size_t length = (size_t)1 << (step < 15 ? step : 15);
    length = length < room ? length : room;
    memset(out, from[1] == 'L' ? 'x' : '[', length);
    if (from[1] == '[')
        memset(out + length - length / 2, ']', length / 2);
    return length;
}

/* The line with what its $ stand for; returns its size. */
static size_t fill(const uint8_t *line, size_t size, char *out, size_t room)
{
    char made[MADE_MAX];
    const struct somebody *self =
        &devices[*line >= '0' && *line < '0' + 2 * DEVICES ? (*line - '0') % DEVICES : 0];
    size_t length = 0, used;
    for (size_t i = 1; i < size && length + sizeof made < room;) {
        const char *text = stands_for(line + i, size - i, self, made, &used);
        size_t bulk = text ? 0 : long_one(line + i, size - i, out + length, room - length);
        if (text) {
            memcpy(out + length, text, strlen(text));
            length += strlen(text);
            i += used;
        } else if (bulk) {
            length += bulk;
            i += 3;
        } else {
            out[length++] = (char)line[i++];
        }
    }
    return length;
}

static void come_back(struct somebody *device)
{
    char more[96];
    snprintf(more, sizeof more, ",'resume':'%s','last_sq':%lld", device->epoch,
             (long long)device->sq);
    world_hello(&world, device, more);
}

static bool is_open(uint64_t connection)
{
    const struct connection *found = connection_find(world.service, connection);
    return found && found->stage != STAGE_CLOSING;
}

/* account.sign_in or account.create, and hello; false: refused. */
static bool enter(struct somebody *device, const char *type)
{
    uint64_t connection = world_open(&world, (unsigned)(world.next * 7919 % 65000 + 1) << 8);
    world_say(&world, connection,
              "{'t':'%s','id':'again','b':{'name':'%s','password':'correct horse'}}", type,
              device->name);
    world_work(&world);
    json_t *body = json_object_get(world_heard(&world, connection, "ok", 0), "b");
    if (strlen(world_text(body, "token")) != TOKEN_TEXT)
        return false;
    snprintf(device->token, sizeof device->token, "%s", world_text(body, "token"));
    device->key[0] = device->key[0] == 'A' ? 'B' : 'A';
    world_close(&world, connection);
    world_hello(&world, device, "");
    return is_open(device->connection);
}

/* What the service has counted, before it ends. */
static void count(void)
{
    const struct core *core = world.service->core;
    tally.all += core->counters.frames;
    tally.malformed += core->counters.malformed;
    tally.batches += core->counters.batches;
    for (size_t i = 0; i < core->types_count; i++) {
        tally.types[i] += core->types[i].count;
        tally.names[i] = core->types[i].row->type;
    }
}

static void restart(bool relay)
{
    count();
    world.config.turn_urls[0] = relay ? "turn:relay.example:3478" : NULL;
    world.config.turn_secret = relay ? "secret" : NULL;
    world_restart(&world);
}

/* A device that is not connected does all it can to be. */
static void be_there(struct somebody *device)
{
    if (world.service->draining)
        restart(world.config.turn_secret != NULL);
    come_back(device);
    if (is_open(device->connection) || enter(device, "account.sign_in") || new_names == NEW_NAMES)
        return;
    char left[sizeof device->name];
    memcpy(left, device->name, sizeof left);
    snprintf(device->name, sizeof device->name, "%.8s%u", left, new_names++);
    if (!enter(device, "account.create"))
        memcpy(device->name, left, sizeof left);
}

/* Only to deadlines where something is due: the looks at what another process wrote are every 50 ms. */
static void pass(int64_t ms)
{
    struct service *service = world.service;
    int64_t until = world.now + ms;
    while (world.now < until) {
        int64_t deadlines[] = {service->core->saved_ms + SAVE_MS, service->core->retention_ms,
                               sessions_deadline(service), replies_deadline(service),
                               calls_deadline(service)};
        int64_t next = until;
        for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++)
            next = deadlines[i] < next ? deadlines[i] : next;
        world.now = next > world.now ? next : world.now + 1;
        service_begin(service, world.now);
        service_end(service);
    }
}

/* An administrator's change, found at the next look. */
static void change_policy(unsigned which)
{
    static const char *const settings[][2] = {
        {"prior_message", "none"},
        {"prior_message", "both"},
        {"prior_message", "either"},
        {"limit_pair", "1/600"},
        {"answer_jitter_ms", "0"},
        {"limit_calls_account", "2/60"},
        {"client_min_version", "2.0"},
        {"kill", "on"},
        {"kill", "off"},
        {"kill_live", "on"},
        {"relay_strangers", "on"},
        {"relay_strangers", "off"},
        {"default_allow", "nobody"},
        {"default_allow", "everyone"},
        {"contacts_max", "1"},
        {"follows_max", "1"},
        {"blocks_max", "1"},
        {"restrict_after_reports", "1"},
        {"message_floor_ms", "50"},
        {"answer_floor_ms", "0"},
        {"caller_gone_ms", "0"},
        {"keep_messages_days", "1"},
        {"limit_messages", "1/60"},
        {"ring_ms", "1000"},
        {"tombstone_ms", "1000"},
    };
    const char *const *setting = settings[(which - 'A') % (sizeof settings / sizeof *settings)];
    FUZZ_CHECK(store_policy_set(world.store, setting[0], setting[1], world.now) == STORE_OK);
    world.service->core->poll_again = true;
    pass(POLL_MS);
}

static bool in_batch;
static void settle(void)
{
    if (in_batch)
        service_end(world.service);
    in_batch = false;
}

static void push(uint64_t connection, const char *frame, size_t length)
{
    const uint64_t *taken = &world.service->core->counters.frames, before = *taken;
    char *copy = malloc(length ? length : 1); /* so that a sanitizer sees a byte read behind it */
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, frame, length);
    if (!in_batch)
        service_begin(world.service, world.now);
    in_batch = true;
    service_frame(world.service, connection, copy, length);
    free(copy);
    tally.lines++;
    tally.handled += *taken - before;
}

static bool act_frame(const uint8_t *line, size_t size)
{
    static char frame[FRAME_MAX + 1600];
    unsigned behind = size > 1 ? line[1] : 0, line_kind = line[0];
    struct somebody *device;
    uint64_t connection;
    switch (line[0]) {
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
        device = &devices[(line[0] - '0') % DEVICES];
        if (!is_open(device->connection)) {
            settle();
            be_there(device);
        }
        connection = device->connection;
        break;
    case 'n':
        settle();
        connection = world_open(&world, behind << 8);
        break;
    case '+':
        connection = world.next;
        break;
    case '=':
        connection = behind % (world.next + 2);
        line += size > 1;
        size -= size > 1;
        break;
    default:
        return false;
    }
    size_t length = fill(line, size, frame, sizeof frame);
    push(connection, frame, length);
    if (line_kind < '0' + DEVICES || line_kind >= '0' + 2 * DEVICES)
        settle();
    return true;
}

static void act(const uint8_t *line, size_t size)
{
    unsigned behind = size > 1 ? line[1] : 0;
    switch (line[0]) {
    case 'w':
        world_work(&world);
        break;
    case 't':
        pass(100 * (int64_t)behind);
        break;
    case 'p':
        change_policy(behind);
        break;
    case 'x':
        world_close(&world, behind % (world.next + 1));
        break;
    case 'h':
        come_back(&devices[behind % DEVICES]);
        break;
    case 'd':
        service_drain(world.service, 4000);
        break;
    case 'r':
        restart(behind % 2);
        break;
    default:
        break;
    }
}

static void check(void)
{
    const struct sessions *sessions = world.service->sessions;
    FUZZ_CHECK(sessions->unauthenticated <= sessions->connections.count);
    FUZZ_CHECK(sessions->connected + sessions->retained_count == sessions->devices.count);
    FUZZ_CHECK(world.service->core->replies.bytes <=
               sessions->devices.count * (REPLY_BYTES_MAX + FRAME_MAX));
    FUZZ_CHECK(world.service->core->held.count <= HELD_MAX);
    FUZZ_CHECK(!world.service->core->broken);
    if (inputs % 8 == 0) { /* a page of text */
        char *metrics = service_metrics(world.service);
        FUZZ_CHECK(metrics != NULL);
        free(metrics);
    }
}

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static void tell(void)
{
    fprintf(stderr,
            "fuzz_service: %llu inputs, %llu frames, %llu of them handled; with those that sign in "
            "%llu, %llu malformed; %llu batches; %zu bytes of heap\n",
            (unsigned long long)inputs, (unsigned long long)tally.lines,
            (unsigned long long)tally.handled, (unsigned long long)tally.all,
            (unsigned long long)tally.malformed, (unsigned long long)tally.batches,
            __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
                                                    : 0);
    for (size_t i = 0; i < TYPES_MAX && tally.names[i]; i++)
        fprintf(stderr, "%s %llu%s", tally.names[i], (unsigned long long)tally.types[i],
                i + 1 < TYPES_MAX && tally.names[i + 1] ? ", " : "\n");
}

/* What a call may come to is not to end after three of a pair; the policy may change back. */
static void raise_limits(void)
{
    static const char *const limits[] = {"limit_pair",   "limit_pair_day", "limit_callees",
                                         "limit_frames", "limit_cancels",  "limit_sign_in_account"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        FUZZ_CHECK(store_policy_set(world.store, limits[i], "600/60", world.now) == STORE_OK);
    service_reload(world.service);
}

/* Returns the digest of all that was sent. */
static uint64_t run(const uint8_t *data, size_t size)
{
    world.config.turn_urls[0] = world.config.turn_secret = NULL;
    if (world.store)
        world_reset(&world);
    else
        world_start(&world, NULL);
    raise_limits();
    ids = new_names = 0;
    world_join(&world, &devices[0], "alice", 1 << 8);
    world_join_again(&world, &devices[1], &devices[0]);
    world_join(&world, &devices[2], "bob", 2 << 8);
    world_join(&world, &devices[3], "carol", 3 << 8);
    for (size_t lines = 0; size && lines < LINES_MAX; lines++) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        if (length && !act_frame(data, length)) {
            settle();
            act(data, length);
        }
        size -= length + (end != NULL);
        data += length + (end != NULL);
    }
    settle();
    check();
    world_work(&world);
    pass(1000);
    check();
    count();
    return world.digest;
}

/* Many small blocks that live briefly: what is freed need not be kept away for long. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:malloc_context_size=6";
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static randombytes_implementation same = {
        .implementation_name = random_name, .random = random_number, .buf = random_bytes};
    randombytes_set_implementation(&same);
    json_object_seed(1);
    return atexit(tell);
}

/* An input of requests of many kinds, always the same: what it leads to tells whether another left something. */
static uint64_t same_input(void)
{
    static const char input[] =
        "0{\"t\":\"msg.send\",\"id\":\"1\",\"b\":{\"to\":\"bob\",\"text\":\"hello\"}}\n"
        "2{\"t\":\"follow.set\",\"id\":\"1\",\"b\":{\"who\":\"alice\",\"on\":true}}\n"
        "0{\"t\":\"can_call\",\"id\":\"2\",\"b\":{\"who\":\"bob\"}}\n"
        "x2\nt0\nh1\n"
        "n{\"t\":\"account.sign_in\",\"id\":\"1\",\"b\":{\"name\":\"bob\",\"password\":\"wrong "
        "one\"}}\n"
        "w\nt0\n"
        "2{\"t\":\"perm.get\",\"id\":\"2\"}\n"
        "0{\"t\":\"msg.list\",\"id\":\"3\",\"b\":{\"with\":\"bob\"}}\n"
        "0{\"t\":\"device.list\",\"id\":\"4\"}\n"
        "r\nh0\nh2\n"
        "2{\"t\":\"account.export\",\"id\":\"3\"}\n";
    return run((const uint8_t *)input, sizeof input - 1);
}

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t first;
    uint64_t digest = run(data, size);
    if (inputs++ % AGAIN == 0) {
        FUZZ_CHECK(run(data, size) == digest);
        uint64_t same = same_input();
        FUZZ_CHECK(first == 0 || same == first);
        first = same;
        if (inputs % LEAKS == 1 && __lsan_do_recoverable_leak_check) {
            FUZZ_CHECK(__lsan_do_recoverable_leak_check() == 0);
            tell();
        }
    }
    return 0;
}
