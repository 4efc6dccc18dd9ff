/* api_trace.c - frame traces: out of the rings, and into a file for a trace viewer.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "api/check.h"

static uint32_t drain(struct xc_ring *ring, uint8_t *to, uint32_t trace_size, uint32_t capacity)
{
    struct xcall_frame_trace trace;
    uint32_t count = 0;
    while (ring && count < capacity && xc_ring_get(ring, &trace)) {
        memset(to, 0, trace_size);
        xc_copy_sized(to, &trace, trace_size, sizeof trace);
        to += trace_size;
        count++;
    }
    return count;
}

int32_t xcall_trace_read(xcall_engine *engine, xcall_id id, xcall_frame_trace *traces,
                         uint32_t trace_size, uint32_t capacity)
{
    struct xc_call *call;
    uint8_t *to = (uint8_t *)traces;
    if (!traces || trace_size < sizeof traces->kind || capacity > INT32_MAX)
        return XCALL_E_INVALID;
    int32_t result = xc_enter_ended(engine, id, &call);
    if (result != XCALL_OK)
        return result;
    xc_lock_take(&engine->control);
    struct xc_ring *rings[3] = {xc_session_trace_ring(call->session), call->played,
                                call->delivered};
    uint32_t count = 0;
    for (int i = 0; i < 3; i++)
        count += drain(rings[i], to + (size_t)count * trace_size, trace_size, capacity - count);
    result = rings[0] ? (int32_t)count : XCALL_E_STATE;
    xc_lock_give(&engine->control);
    xc_slot_unpin(call);
    return result;
}

struct stage {
    const char *name;
    uint64_t from, to;
};

/* One complete event ("ph":"X"), times in microseconds. Each kind and direction is a row. */
static void write_stage(FILE *file, const struct xcall_frame_trace *trace,
                        const struct stage *stage, bool *first)
{
    static const char *const rows[2][2] = {{"audio sent", "audio received"},
                                           {"video sent", "video received"}};
    if (!stage->from || !stage->to || stage->to < stage->from)
        return;
    bool video = trace->kind == XCALL_KIND_VIDEO;
    fprintf(file,
            "%s\n{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%d,"
            "\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"ssrc\":%u,\"rtp_timestamp\":%u,"
            "\"sequence\":%llu,\"bytes\":%u,\"packets\":%u,\"key\":%u}}",
            *first ? "" : ",", stage->name, rows[video][trace->received != 0],
            1 + (video ? 2 : 0) + (trace->received != 0), (double)stage->from / 1e3,
            (double)(stage->to - stage->from) / 1e3, trace->ssrc, trace->rtp_timestamp,
            (unsigned long long)trace->sequence, trace->bytes, trace->packets, trace->key);
    *first = false;
}

static void write_trace(FILE *file, const struct xcall_frame_trace *t, bool *first)
{
    const struct stage stages[] = {
        {"wait", t->capture, t->encode_start},
        {"encode", t->encode_start, t->encode_end},
        {"packetize", t->encode_end, t->packetized},
        {"pace", t->packetized, t->sent},
        {"receive", t->received_first, t->received_last},
        {"assemble", t->received_last, t->assembled},
        {"buffer", t->assembled, t->decode_start},
        {"decode", t->decode_start, t->decode_end},
        {"deliver", t->decode_end, t->delivered},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(stages); i++)
        write_stage(file, t, &stages[i], first);
}

/* How many bytes the character at `p` has (RFC 3629: no overlong form, surrogate, or number above
 * U+10FFFF); 0 when it is none. Reads no further than the first byte that does not fit. */
static uint32_t utf8_size(const unsigned char *p)
{
    unsigned char low = 0x80, high = 0xbf;
    uint32_t size = 1;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    uint32_t wanted = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    for (; size < wanted; size++) {
        if (p[size] < low || p[size] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return wanted;
}

/* Bytes that are no UTF-8 become '?', so that the file is JSON whatever the name is. */
static void write_name(FILE *file, const char *name)
{
    fputs("{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":\"", file);
    for (uint32_t size; *name; name += XC_MAX(size, 1u)) {
        size = utf8_size((const unsigned char *)name);
        if ((unsigned char)*name < 0x20)
            continue;
        if (*name == '"' || *name == '\\')
            fputc('\\', file);
        if (size)
            fwrite(name, 1, size, file);
        else
            fputc('?', file);
    }
    fputs("\"}}", file);
}

int32_t xcall_trace_write_json(const char *path, const char *name, const xcall_frame_trace *traces,
                               uint32_t trace_size, uint32_t count)
{
    bool first = false;
    if (!path || (!traces && count) || trace_size < sizeof traces->kind)
        return XCALL_E_INVALID;
    FILE *file = fopen(path, "w");
    if (!file)
        return XCALL_E_SYSTEM;
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", file);
    write_name(file, name ? name : "libxcall");
    for (uint32_t i = 0; i < count; i++) {
        struct xcall_frame_trace trace = {0};
        const uint8_t *from = (const uint8_t *)traces + (size_t)i * trace_size;
        xc_copy_sized(&trace, from, sizeof trace, trace_size);
        write_trace(file, &trace, &first);
    }
    fputs("\n]}\n", file);
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    return failed ? XCALL_E_SYSTEM : XCALL_OK;
}
