/* traces.c - keeps the frame traces of the call and writes them as a JSON array.
 *
 * SPDX-License-Identifier: MIT */
#include "traces.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256

static int make_room(struct traces *traces)
{
    if (traces->count + BATCH <= traces->capacity)
        return 0;
    uint32_t capacity = traces->capacity ? 2 * traces->capacity : 16 * BATCH;
    void *items =
        capacity <= TRACES_MAX ? realloc(traces->items, capacity * sizeof *traces->items) : NULL;
    if (!items)
        return -1;
    traces->items = items;
    traces->capacity = capacity;
    return 0;
}

void traces_collect(struct traces *traces, xcall_engine *engine, xcall_id call)
{
    xcall_frame_trace batch[BATCH];
    int32_t got;
    while ((got = xcall_trace_read(engine, call, batch, sizeof *batch, BATCH)) > 0) {
        if (make_room(traces)) {
            traces->dropped += (uint32_t)got;
            continue;
        }
        memcpy(traces->items + traces->count, batch, (size_t)got * sizeof *batch);
        traces->count += (uint32_t)got;
    }
}

static void write_one(FILE *file, const xcall_frame_trace *t)
{
    fprintf(file,
            "{\"kind\":\"%s\",\"received\":%u,\"ssrc\":%u,\"rtp_timestamp\":%u,"
            "\"sequence\":%" PRIu64 ",\"bytes\":%u,\"packets\":%u,\"key\":%u,",
            t->kind == XCALL_KIND_AUDIO ? "audio" : "video", t->received, t->ssrc, t->rtp_timestamp,
            t->sequence, t->bytes, t->packets, t->key);
    fprintf(file,
            "\"capture\":%" PRIu64 ",\"written\":%" PRIu64 ",\"encode_start\":%" PRIu64
            ",\"encode_end\":%" PRIu64 ",\"packetized\":%" PRIu64 ",\"sent\":%" PRIu64 ",",
            t->capture, t->written, t->encode_start, t->encode_end, t->packetized, t->sent);
    fprintf(file,
            "\"received_first\":%" PRIu64 ",\"received_last\":%" PRIu64 ",\"assembled\":%" PRIu64
            ",\"decode_start\":%" PRIu64 ",\"decode_end\":%" PRIu64 ",\"delivered\":%" PRIu64 "}",
            t->received_first, t->received_last, t->assembled, t->decode_start, t->decode_end,
            t->delivered);
}

int traces_write_raw(const struct traces *traces, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    fputs("[\n", file);
    for (uint32_t i = 0; i < traces->count; i++) {
        write_one(file, &traces->items[i]);
        fputs(i + 1 < traces->count ? ",\n" : "\n", file);
    }
    fputs("]\n", file);
    int failed = ferror(file);
    return fclose(file) || failed ? -1 : 0;
}

void traces_free(struct traces *traces)
{
    free(traces->items);
    memset(traces, 0, sizeof *traces);
}
