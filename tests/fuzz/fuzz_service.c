/* fuzz_service.c - xcalld's core under any frames of three devices of two accounts, and of strangers. Input: lines,
 * of which the first byte says what happens:
 *   0 1 2  a frame of a device; $a to $c in it: the devices' tokens, $k to $m their keys, $e to $g their epochs,
 *          $i a call's id (whose last digit is the byte behind)
 *   n      a frame of a new connection      w  passwords are hashed      t  time: as many tenths of a second
 *   x      a connection is lost (byte behind: which)   h  a device comes back, resuming   r  the service restarts
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include <stdlib.h>
#include <string.h>

#include "../service/world.h"

#define LINES_MAX 64
#define DEVICES 3

static struct world world;
static struct somebody devices[DEVICES];

/* The line with what its $ stand for; returns its size. */
static size_t fill(const uint8_t *line, size_t size, char *out, size_t room)
{
    size_t length = 0;
    for (size_t i = 0; i < size && length + 80 < room; i++) {
        const char *text = NULL;
        char call[40];
        uint8_t next = i + 1 < size ? line[i + 1] : 0;
        if (line[i] == '$' && next >= 'a' && next < 'a' + DEVICES)
            text = devices[next - 'a'].token;
        else if (line[i] == '$' && next >= 'k' && next < 'k' + DEVICES)
            text = devices[next - 'k'].key;
        else if (line[i] == '$' && next >= 'e' && next < 'e' + DEVICES)
            text = devices[next - 'e'].epoch;
        else if (line[i] == '$' && next == 'i' && i + 2 < size) {
            snprintf(call, sizeof call, "00112233-4455-6677-8899-aabbccddeef%c", line[++i + 1]);
            text = call;
        }
        if (text) {
            memcpy(out + length, text, strlen(text));
            length += strlen(text);
            i++;
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
    static char frame[FRAME_MAX + 400];
    size_t length = fill(line + 1, size - 1, frame, sizeof frame);
    unsigned behind = size > 1 ? line[1] : 0;
    switch (line[0]) {
    case '0':
    case '1':
    case '2':
        world_raw(&world, devices[line[0] - '0'].connection, frame, length);
        break;
    case 'n':
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
    world_stop(&world);
    return 0;
}
