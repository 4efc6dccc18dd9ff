/* test_jitter_buffer.c - the packet store against a plain model; what goes when it is full.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audio_model.h"
#include "media/jitter_buffer.h"

static struct xc_jitter_buffer buffer;
static struct xc_arena arena;

static int open_buffer(void **state)
{
    (void)state;
    arena = (struct xc_arena){0};
    if (!xc_jitter_buffer_init(&buffer, &arena))
        return -1;
    arena = arena_of(arena.used);
    return xc_jitter_buffer_init(&buffer, &arena) ? 0 : -1;
}

static int close_buffer(void **state)
{
    (void)state;
    free(arena.memory);
    return 0;
}

static uint8_t byte_of(uint64_t sequence, size_t at)
{
    return (uint8_t)(sequence * 31 + at * 7 + at / 251);
}

static enum xc_jitter_result insert(uint64_t sequence, size_t size, uint32_t *discarded)
{
    uint8_t *bytes = malloc(size ? size : 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_of(sequence, i);
    struct xc_jitter_packet packet = {
        .sequence = sequence, .timestamp = (int64_t)sequence * 960, .size = (uint16_t)size};
    enum xc_jitter_result result = xc_jitter_buffer_insert(&buffer, &packet, bytes, discarded);
    free(bytes);
    return result;
}

static void check(uint64_t sequence, size_t size)
{
    uint8_t scratch[XC_AUDIO_PACKET_MAX];
    const struct xc_jitter_packet *packet = xc_jitter_buffer_find(&buffer, sequence);
    assert_non_null(packet);
    assert_int_equal(packet->timestamp, sequence * 960);
    struct xc_span bytes = xc_jitter_buffer_bytes(&buffer, packet, scratch);
    assert_int_equal(bytes.size, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes.data[i], byte_of(sequence, i));
}

static void every_size_comes_back(void **state)
{
    (void)state;
    uint32_t discarded = 0;
    buffer.first = 1;
    for (size_t size = 1; size <= XC_AUDIO_PACKET_MAX; size++) {
        assert_int_equal(insert(size, size, &discarded), XC_JITTER_STORED);
        check(size, size);
        assert_int_equal(xc_jitter_buffer_advance(&buffer, size + 1), 1);
        assert_int_equal(buffer.blocks_free, XC_JITTER_BLOCKS);
    }
    assert_int_equal(insert(5000, 0, &discarded), XC_JITTER_TOO_LONG);
    assert_int_equal(insert(5000, XC_AUDIO_PACKET_MAX + 1, &discarded), XC_JITTER_TOO_LONG);
    assert_int_equal(discarded, 0);
    assert_null(xc_jitter_buffer_oldest(&buffer));
}

static void out_of_order_late_and_twice(void **state)
{
    (void)state;
    uint32_t discarded = 0;
    buffer.first = 100;
    const uint64_t order[] = {103, 100, 102, 101};
    for (int i = 0; i < 4; i++)
        assert_int_equal(insert(order[i], 200, &discarded), XC_JITTER_STORED);
    assert_int_equal(insert(102, 10, &discarded), XC_JITTER_DUPLICATE);
    check(102, 200);
    assert_int_equal(insert(99, 10, &discarded), XC_JITTER_LATE);
    assert_int_equal(xc_jitter_buffer_oldest(&buffer)->sequence, 100);
    assert_int_equal(xc_jitter_buffer_advance(&buffer, 102), 2);
    assert_int_equal(xc_jitter_buffer_oldest(&buffer)->sequence, 102);
    assert_int_equal(insert(101, 10, &discarded), XC_JITTER_LATE);
    assert_int_equal(xc_jitter_buffer_advance(&buffer, 50), 0);
    assert_int_equal(buffer.last, 103);
    assert_int_equal(discarded, 0);
}

static void full_of_blocks_the_oldest_goes(void **state)
{
    (void)state;
    uint32_t discarded = 0;
    for (uint64_t i = 0; i < 30; i++)
        assert_int_equal(insert(i, XC_AUDIO_PACKET_MAX, &discarded), XC_JITTER_STORED);
    uint32_t fit =
        XC_JITTER_BLOCKS / ((XC_AUDIO_PACKET_MAX + XC_JITTER_BLOCK - 1) / XC_JITTER_BLOCK);
    assert_int_equal(buffer.count, fit);
    assert_int_equal(discarded, 30 - fit);
    for (uint64_t i = 30 - fit; i < 30; i++)
        check(i, XC_AUDIO_PACKET_MAX);
    assert_int_equal(insert(3, 10, &discarded), XC_JITTER_LATE);
}

static void a_jump_keeps_the_newest(void **state)
{
    (void)state;
    uint32_t discarded = 0;
    for (uint64_t i = 0; i < 20; i++)
        insert(i, 60, &discarded);
    assert_int_equal(insert(XC_JITTER_PACKETS + 9, 60, &discarded), XC_JITTER_STORED);
    assert_int_equal(discarded, 10);
    assert_int_equal(xc_jitter_buffer_oldest(&buffer)->sequence, 10);
    assert_int_equal(insert(UINT64_C(1) << 40, 60, &discarded), XC_JITTER_STORED);
    assert_int_equal(buffer.count, 1);
    assert_int_equal(discarded, 30 - 9);
    check(UINT64_C(1) << 40, 60);
    xc_jitter_buffer_clear(&buffer);
    assert_null(xc_jitter_buffer_oldest(&buffer));
}

static void random_walk_keeps_its_books(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 8);
    uint32_t discarded = 0, stored = 0, dropped = 0;
    uint64_t front = 0;
    static size_t sizes[1 << 15];
    for (int i = 0; i < 20000; i++) {
        uint64_t sequence = front + xc_rng_below(&rng, 12);
        size_t size = 1 + xc_rng_below(&rng, i % 100 < 50 ? 150 : XC_AUDIO_PACKET_MAX);
        if (insert(sequence, size, &discarded) == XC_JITTER_STORED) {
            sizes[sequence] = size;
            stored++;
        }
        if (xc_rng_below(&rng, 3) == 0)
            front++;
        if (xc_rng_below(&rng, 5) == 0)
            dropped += xc_jitter_buffer_advance(&buffer, front > 6 ? front - 6 : 0);
        uint32_t blocks = 0, count = 0;
        for (uint32_t k = 0; k < XC_JITTER_PACKETS; k++) {
            const struct xc_jitter_packet *packet = &buffer.packets[k];
            if (!packet->used)
                continue;
            blocks += (packet->size + XC_JITTER_BLOCK - 1) / XC_JITTER_BLOCK;
            count++;
            if (i % 50 == 0)
                check(packet->sequence, sizes[packet->sequence]);
        }
        assert_int_equal(buffer.count, count);
        assert_int_equal(buffer.blocks_free + blocks, XC_JITTER_BLOCKS);
        assert_int_equal(stored, count + dropped + discarded);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_buffer, close_buffer)
    const struct CMUnitTest tests[] = {
        TEST(every_size_comes_back),          TEST(out_of_order_late_and_twice),
        TEST(full_of_blocks_the_oldest_goes), TEST(a_jump_keeps_the_newest),
        TEST(random_walk_keeps_its_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
