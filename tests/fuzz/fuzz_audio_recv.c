/* fuzz_audio_recv.c - a receiver with real Opus, driven by the input: packets with any sequence,
 * time and bytes, reads of any length, pauses and resets. Each sample must be filled, finite and
 * within reason, the counts exact, memory never outrun.
 *
 *   first byte: rate and channels; then commands of one byte and their arguments
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "media/audio_recv.h"

#define FRAMES_MAX 4800u
#define READS_MAX 400

static uint8_t *memory;
static size_t memory_size;
static float samples[FRAMES_MAX * 2];

static struct xc_audio_recv *open_recv(const struct xc_audio_recv_config *config)
{
    struct xc_arena arena = {0};
    xc_audio_recv_create(&arena, config);
    if (arena.used > memory_size) {
        free(memory);
        memory_size = arena.used;
        memory = aligned_alloc(XC_CACHE_LINE, memory_size);
        if (!memory)
            abort();
    }
    arena = (struct xc_arena){.memory = memory, .capacity = memory_size};
    return xc_audio_recv_create(&arena, config);
}

static void read_some(struct xc_audio_recv *recv, uint64_t now, uint32_t frames, uint32_t channels)
{
    for (uint32_t i = 0; i < frames * channels; i++)
        samples[i] = 1e9f;
    xc_audio_recv_read(recv, now, NULL, NULL, samples, frames, false);
    for (uint32_t i = 0; i < frames * channels; i++)
        if (!(samples[i] > -4.0f && samples[i] < 4.0f)) /* also not a number, or not filled */
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t rates[] = {8000, 16000, 44100, 48000};
    struct xc_reader input = xc_reader_make(xc_span_make(data, size));
    uint8_t shape = xc_read8(&input);
    struct xc_audio_recv_config config = {
        .format = {rates[shape & 3], 1 + (shape >> 2 & 1), XC_SAMPLE_F32}, .codec = &xc_opus};
    struct xc_audio_recv *recv = open_recv(&config);
    if (!recv)
        abort();
    uint64_t now = XC_NS_PER_S, sequence = 1000, frames_read = 0;
    uint32_t timestamp = 0;
    for (int reads = 0; xc_reader_left(&input) && reads < READS_MAX;) {
        uint8_t command = xc_read8(&input);
        if (command < 0x80) { /* packet: small steps of sequence, time in 2.5 ms */
            sequence += command & 7;
            timestamp += (uint32_t)(command >> 3) * 120;
            uint8_t length = xc_read8(&input);
            const uint8_t *bytes = xc_read_bytes(&input, length);
            struct xc_audio_packet packet = {.sequence = sequence,
                                             .timestamp = timestamp,
                                             .received = now - (length & 15) * XC_NS_PER_MS,
                                             .bytes = xc_span_make(bytes, bytes ? length : 0)};
            xc_audio_recv_push(recv, &packet);
        } else if (command < 0xf0) {
            uint32_t frames =
                command < 0xc0 ? config.format.rate / 100 : (uint32_t)(command - 0xbf) * 100;
            now += (uint64_t)frames * XC_NS_PER_S / config.format.rate;
            read_some(recv, now, frames, config.format.channels);
            frames_read += frames;
            reads++;
        } else if (command < 0xf4) {
            now += (uint64_t)xc_read8(&input) * 10 * XC_NS_PER_MS;
        } else if (command < 0xf8) {
            sequence = sequence + xc_read32(&input) - 0x7fffffff * (uint64_t)(command & 1);
            timestamp = xc_read32(&input);
        } else if (command < 0xfc) {
            xc_audio_recv_reset(recv);
        } else {
            xc_audio_recv_set_minimum_delay(recv, xc_read16(&input) * XC_NS_PER_MS);
        }
    }
    struct xc_audio_recv_counters counters;
    xc_audio_recv_counters(recv, &counters);
    uint64_t slack = 100 + frames_read / 1000;
    if (counters.samples_received > frames_read + slack ||
        counters.samples_received + slack < frames_read ||
        counters.concealed_samples > counters.samples_received +
                                         counters.removed_samples_for_acceleration +
                                         config.format.rate / 10)
        abort(); /* what stands for a lost packet counts before it is read, or taken out */
    return 0;
}
