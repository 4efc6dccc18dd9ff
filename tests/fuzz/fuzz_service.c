/* fuzz_service.c - xcalld's core under any frames of three devices of two accounts, and of strangers. Input: lines,
 * of which the first byte says what happens:
 *   0 1 2  a frame of a device; $a to $c in it: the devices' tokens, $k to $m their keys, $e to $g their epochs,
 *          $i a call's id (whose last digit is the byte behind), $O and $N an offer and an answer of this device
 *   n      a frame of a new connection      w  passwords are hashed      t  time: as many tenths of a second
 *   x      a connection is lost (byte behind: which)   h  a device comes back, resuming   r  the service restarts
 * One store for all inputs, emptied before each (a new one took 20 ms), and a service begun anew: an input always
 * leads to the same frames, which is checked now and then. At the end it prints how many frames it has pushed.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../service/world.h"

#define LINES_MAX 512
#define DEVICES 3
#define AGAIN 256 /* inputs between two looks at whether nothing is left of others */

static struct world world;
static struct somebody devices[DEVICES];
static uint64_t frames, inputs;

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

#define BODY(type, setup)                                                                          \
    "{\"type\":\"" type                                                                            \
    "\",\"sdp\":\"v=0\\r\\no=- 1 1 IN IP4 0.0.0.0\\r\\ns=-\\r\\nt=0 0\\r\\nm=audio 9 "             \
    "UDP/TLS/RTP/SAVPF 111\\r\\nc=IN IP4 "                                                         \
    "0.0.0.0\\r\\na=ice-ufrag:abcd\\r\\na=ice-pwd:abcdefghijklmnopqrstuv\\r\\n"                    \
    "a=fingerprint:sha-256 "                                                                       \
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:"   \
    "EE:FF\\r\\na=setup:" setup "\\r\\na=rtpmap:111 opus/48000/2\\r\\n\",\"key\":\"%s\","          \
    "\"sig\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAA==\"}"

/* What stands for the two characters at `from` (a third is used up of a call's id); NULL: nothing. */
static const char *stands_for(const uint8_t *from, size_t size, const struct somebody *self,
                              char made[800])
{
    uint8_t next = size > 1 && from[0] == '$' ? from[1] : 0;
    if (next >= 'a' && next < 'a' + DEVICES)
        return devices[next - 'a'].token;
    if (next >= 'k' && next < 'k' + DEVICES)
        return devices[next - 'k'].key;
    if (next >= 'e' && next < 'e' + DEVICES)
        return devices[next - 'e'].epoch;
    if (next == 'O')
        snprintf(made, 800, BODY("offer", "actpass"), self->key);
    else if (next == 'N')
        snprintf(made, 800, BODY("answer", "active"), self->key);
    else if (next == 'i' && size > 2)
        snprintf(made, 800, "00112233-4455-6677-8899-aabbccddeef%c", from[2]);
    else
        return NULL;
    return made;
}

/* The line with what its $ stand for; returns its size. */
static size_t fill(const uint8_t *line, size_t size, char *out, size_t room)
{
    char made[800];
    const struct somebody *self = &devices[*line >= '0' && *line < '0' + DEVICES ? *line - '0' : 0];
    size_t length = 0;
    for (size_t i = 1; i < size && length + sizeof made < room; i++) {
        const char *text = stands_for(line + i, size - i, self, made);
        if (text) {
            memcpy(out + length, text, strlen(text));
            length += strlen(text);
            i += line[i + 1] == 'i' ? 2 : 1;
        } else {
            out[length++] = (char)line[i];
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

static void act(const uint8_t *line, size_t size)
{
    static char frame[FRAME_MAX + 1600];
    size_t length = fill(line, size, frame, sizeof frame);
    unsigned behind = size > 1 ? line[1] : 0;
    switch (line[0]) {
    case '0':
    case '1':
    case '2':
        frames++;
        world_raw(&world, devices[line[0] - '0'].connection, frame, length);
        break;
    case 'n':
        frames++;
        world_raw(&world, world_open(&world, behind << 8), frame, length);
        break;
    case 'w':
        world_work(&world);
        break;
    case 't':
        world_pass(&world, 100 * (int64_t)behind);
        break;
    case 'x':
        world_close(&world, behind % (world.next + 1));
        break;
    case 'h':
        come_back(&devices[behind % DEVICES]);
        break;
    case 'r':
        world_restart(&world);
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
    FUZZ_CHECK(world.service->core->replies.bytes <= DEVICES * (REPLY_BYTES_MAX + FRAME_MAX));
    FUZZ_CHECK(world.service->core->held.count <= HELD_MAX);
    FUZZ_CHECK(!world.service->core->broken);
    char *metrics = service_metrics(world.service);
    FUZZ_CHECK(metrics != NULL);
    free(metrics);
}

static void tell(void)
{
    fprintf(stderr, "fuzz_service: %llu frames of %llu inputs\n", (unsigned long long)frames,
            (unsigned long long)inputs);
}

/* Returns the digest of all that was sent. */
static uint64_t run(const uint8_t *data, size_t size)
{
    if (world.store)
        world_reset(&world);
    else
        world_start(&world, NULL);
    world_join(&world, &devices[0], "alice", 1 << 8);
    world_join_again(&world, &devices[1], &devices[0]);
    world_join(&world, &devices[2], "bob", 2 << 8);
    for (size_t lines = 0; size && lines < LINES_MAX; lines++) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        if (length)
            act(data, length);
        size -= length + (end != NULL);
        data += length + (end != NULL);
    }
    check();
    world_work(&world);
    world_pass(&world, 1000);
    check();
    return world.digest;
}

/* Many small blocks that live briefly: what is freed need not be kept away for long. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:malloc_context_size=12";
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t first;
    uint64_t digest = run(data, size);
    if (inputs++ % AGAIN == 0) {
        FUZZ_CHECK(run(data, size) == digest);
        uint64_t same = same_input();
        FUZZ_CHECK(first == 0 || same == first);
        first = same;
    }
    return 0;
}

/* --- lines for lines --------------------------------------------------------------------------------------- */

/* Bytes alone rarely make a frame of JSON: half of the mutations take, drop, repeat or exchange whole lines. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

static const char *const lines[] = {
    "0{\"t\":\"call.invite\",\"id\":\"#\",\"call\":\"$i1\",\"b\":{\"to\":\"bob\",\"media\":"
    "\"v\",\"body\":$O}}",
    "2{\"t\":\"call.invite\",\"id\":\"#\",\"call\":\"$i2\",\"b\":{\"to\":\"alice\",\"media\":"
    "\"a\",\"body\":$O}}",
    "2{\"t\":\"call.accept\",\"id\":\"#\",\"call\":\"$i1\",\"b\":{\"body\":$N}}",
    "0{\"t\":\"call.accept\",\"id\":\"#\",\"call\":\"$i2\",\"b\":{\"body\":$N}}",
    "1{\"t\":\"call.accept\",\"id\":\"#\",\"call\":\"$i2\",\"b\":{\"body\":$N}}",
    "2{\"t\":\"call.alerting\",\"id\":\"#\",\"call\":\"$i1\"}",
    "0{\"t\":\"call.cancel\",\"id\":\"#\",\"call\":\"$i1\"}",
    "2{\"t\":\"call.decline\",\"id\":\"#\",\"call\":\"$i1\",\"b\":{\"why\":\"busy\"}}",
    "0{\"t\":\"call.hangup\",\"id\":\"#\",\"call\":\"$i1\",\"b\":{\"why\":\"media_lost\"}}",
    "0{\"t\":\"call.media\",\"id\":\"#\",\"call\":\"$i1\",\"b\":{\"state\":\"up\"}}",
    "2{\"t\":\"call.media\",\"id\":\"#\",\"call\":\"$i1\",\"b\":{\"state\":\"up\"}}",
    "2{\"t\":\"call.media\",\"id\":\"#\",\"call\":\"$i1\",\"b\":{\"state\":\"lost\"}}",
    "0{\"t\":\"call.quality\",\"id\":\"#\",\"call\":\"$i1\",\"b\":{\"setup_ms\":300,\"loss_"
    "permille\":5}}",
    "0{\"t\":\"turn.get\",\"id\":\"#\",\"call\":\"$i1\"}",
    "0{\"t\":\"sig\",\"call\":\"$i1\",\"b\":{\"n\":1,\"kind\":\"cand\",\"data\":{\"candidate\":"
    "\"candidate:1 1 UDP 1 10.0.0.1 9 typ host\",\"mid\":\"0\"}}}",
    "2{\"t\":\"sig\",\"call\":\"$i1\",\"b\":{\"n\":2,\"kind\":\"e2e\",\"data\":\"x\"}}",
    "0{\"t\":\"msg.send\",\"id\":\"#\",\"b\":{\"to\":\"bob\",\"text\":\"hi\"}}",
    "2{\"t\":\"msg.send\",\"id\":\"#\",\"b\":{\"to\":\"alice\",\"text\":\"yo\"}}",
    "0{\"t\":\"msg.list\",\"id\":\"#\",\"b\":{\"with\":\"bob\",\"limit\":2}}",
    "2{\"t\":\"msg.accept\",\"id\":\"#\",\"b\":{\"from\":\"alice\"}}",
    "2{\"t\":\"follow.set\",\"id\":\"#\",\"b\":{\"who\":\"alice\",\"on\":true}}",
    "0{\"t\":\"follow.set\",\"id\":\"#\",\"b\":{\"who\":\"bob\",\"on\":true}}",
    "2{\"t\":\"contact.set\",\"id\":\"#\",\"b\":{\"who\":\"alice\",\"on\":true}}",
    "2{\"t\":\"block.set\",\"id\":\"#\",\"b\":{\"who\":\"alice\",\"on\":true}}",
    "2{\"t\":\"block.set\",\"id\":\"#\",\"b\":{\"who\":\"alice\",\"on\":false}}",
    "0{\"t\":\"block.list\",\"id\":\"#\"}",
    "2{\"t\":\"perm.set\",\"id\":\"#\",\"b\":{\"accept_calls_from_everyone\":true}}",
    "2{\"t\":\"perm.set\",\"id\":\"#\",\"b\":{\"has_enhanced_call_privacy_enabled\":true,\"hide_"
    "busy\":true}}",
    "0{\"t\":\"can_call\",\"id\":\"#\",\"b\":{\"to\":\"bob\",\"media\":\"v\"}}",
    "0{\"t\":\"history.list\",\"id\":\"#\"}",
    "0{\"t\":\"device.list\",\"id\":\"#\"}",
    "0{\"t\":\"device.revoke\",\"id\":\"#\",\"b\":{\"dev\":2}}",
    "1{\"t\":\"push.reg\",\"id\":\"#\",\"b\":{\"kind\":\"fcm\",\"token\":\"abc\"}}",
    "2{\"t\":\"push.reg\",\"id\":\"#\",\"b\":{\"kind\":\"fcm\",\"token\":\"abc\"}}",
    "2{\"t\":\"account.report\",\"id\":\"#\",\"b\":{\"who\":\"alice\",\"why\":\"spam\"}}",
    "0{\"t\":\"account.export\",\"id\":\"#\"}",
    "2{\"t\":\"account.delete\",\"id\":\"#\",\"b\":{\"password\":\"correct horse\"}}",
    "1{\"t\":\"account.sign_out\",\"id\":\"#\"}",
    "n{\"t\":\"account.create\",\"id\":\"#\",\"b\":{\"name\":\"carol\",\"password\":\"correct "
    "horse\"}}",
    "n{\"t\":\"account.sign_in\",\"id\":\"#\",\"b\":{\"name\":\"bob\",\"password\":\"correct "
    "horse\"}}",
    "n{\"t\":\"hello\",\"id\":\"#\",\"b\":{\"token\":\"$a\",\"key\":\"$k\",\"client\":{\"name\":"
    "\"x\","
    "\"version\":\"1.0\"},\"caps\":[\"audio\"]}}",
    "0{\"t\":\"sync\",\"id\":\"#\"}",
    "2{\"t\":\"ack\",\"b\":{\"sq\":3}}",
    "w",
    "t\t",
    "t\377",
    "t\377",
    "x\1",
    "x\3",
    "h0",
    "h1",
    "h2",
    "r",
};

/* The line at `at`, with its end. */
static size_t line_size(const uint8_t *data, size_t size, size_t at)
{
    const uint8_t *end = memchr(data + at, '\n', size - at);
    return end ? (size_t)(end - data) - at + 1 : size - at;
}

static size_t line_begin(const uint8_t *data, size_t size, size_t somewhere)
{
    size_t at = size ? somewhere % size : 0;
    while (at > 0 && data[at - 1] != '\n')
        at--;
    return at;
}

static size_t put(uint8_t *data, size_t size, size_t most, size_t at, const uint8_t *line,
                  size_t length)
{
    if (!length || size + length > most)
        return size;
    memmove(data + at + length, data + at, size - at);
    memcpy(data + at, line, length);
    return size + length;
}

static size_t put_known(uint8_t *data, size_t size, size_t most, size_t at, uint32_t which)
{
    char line[1200];
    size_t length =
        (size_t)snprintf(line, sizeof line, "%s\n", lines[which % (sizeof lines / sizeof *lines)]);
    for (char *mark = strstr(line, "\"#\""); mark; mark = NULL)
        mark[1] = (char)('A' + which / 64 % 26); /* now and then a repeated id */
    return put(data, size, most, at, (const uint8_t *)line, length);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    uint8_t copy[1200];
    uint64_t numbers_before = numbers;
    numbers = (uint64_t)seed * 0x9e3779b97f4a7c15u | 1;
    (void)random_number();
    uint32_t how = random_number() % 8;
    size_t at = line_begin(data, size, random_number());
    size_t length = size ? line_size(data, size, at) : 0;
    size_t to = line_begin(data, size, random_number());
    if (how < 3) {
        for (uint32_t count = 1 + random_number() % 16; count; count--) {
            size = put_known(data, size, most, line_begin(data, size, random_number()),
                             random_number());
        }
    } else if (how == 3 && length < size) {
        memmove(data + at, data + at + length, size - at - length);
        size -= length;
    } else if (how == 4 && length && length <= sizeof copy) {
        memcpy(copy, data + at, length);
        size = put(data, size, most, to, copy, length);
    } else if (LLVMFuzzerMutate) {
        size = LLVMFuzzerMutate(data, size, most);
    }
    numbers = numbers_before;
    return size ? size : put_known(data, 0, most, 0, seed);
}
