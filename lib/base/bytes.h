/* bytes.h - spans of bytes, and a bounded big-endian reader and writer.
 * A reader or writer that runs past its end sets `failed` and from then on yields zeros or writes
 * nothing, so that a parser may check once, at its end.
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_BYTES_H
#define XC_BASE_BYTES_H

#include "base/base.h"

/* Borrowed bytes; data may be NULL only where size is 0. */
struct xc_span {
    const uint8_t *data;
    size_t size;
};

static inline struct xc_span xc_span_make(const void *data, size_t size)
{
    return (struct xc_span){(const uint8_t *)data, size};
}

static inline bool xc_span_equal(struct xc_span a, struct xc_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool xc_span_equal_text(struct xc_span a, const char *text)
{
    return xc_span_equal(a, xc_span_make(text, strlen(text)));
}

static inline uint16_t xc_load16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t xc_load24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t xc_load32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t xc_load64(const uint8_t *p)
{
    return (uint64_t)xc_load32(p) << 32 | xc_load32(p + 4);
}

static inline void xc_store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void xc_store24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}

static inline void xc_store32(uint8_t *p, uint32_t v)
{
    xc_store16(p, (uint16_t)(v >> 16));
    xc_store16(p + 2, (uint16_t)v);
}

static inline void xc_store64(uint8_t *p, uint64_t v)
{
    xc_store32(p, (uint32_t)(v >> 32));
    xc_store32(p + 4, (uint32_t)v);
}

struct xc_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};

static inline struct xc_reader xc_reader_make(struct xc_span bytes)
{
    return (struct xc_reader){.data = bytes.data, .size = bytes.size};
}

static inline size_t xc_reader_left(const struct xc_reader *r)
{
    return r->failed ? 0 : r->size - r->at;
}

/* The next n bytes, or NULL (and failed) where fewer are left. */
static inline const uint8_t *xc_read_bytes(struct xc_reader *r, size_t n)
{
    if (r->failed || r->size - r->at < n) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->data + r->at;
    r->at += n;
    return p;
}

static inline uint8_t xc_read8(struct xc_reader *r)
{
    const uint8_t *p = xc_read_bytes(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t xc_read16(struct xc_reader *r)
{
    const uint8_t *p = xc_read_bytes(r, 2);
    return p ? xc_load16(p) : 0;
}

static inline uint32_t xc_read24(struct xc_reader *r)
{
    const uint8_t *p = xc_read_bytes(r, 3);
    return p ? xc_load24(p) : 0;
}

static inline uint32_t xc_read32(struct xc_reader *r)
{
    const uint8_t *p = xc_read_bytes(r, 4);
    return p ? xc_load32(p) : 0;
}

static inline uint64_t xc_read64(struct xc_reader *r)
{
    const uint8_t *p = xc_read_bytes(r, 8);
    return p ? xc_load64(p) : 0;
}

struct xc_writer {
    uint8_t *data;
    size_t capacity;
    size_t size;
    bool failed;
};

static inline struct xc_writer xc_writer_make(void *memory, size_t capacity)
{
    return (struct xc_writer){.data = (uint8_t *)memory, .capacity = capacity};
}

/* Room for n bytes at the end, or NULL (and failed). */
static inline uint8_t *xc_write_room(struct xc_writer *w, size_t n)
{
    if (w->failed || w->capacity - w->size < n) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->data + w->size;
    w->size += n;
    return p;
}

static inline void xc_write_bytes(struct xc_writer *w, const void *bytes, size_t n)
{
    uint8_t *p = xc_write_room(w, n);
    if (p && n)
        memcpy(p, bytes, n);
}

static inline void xc_write8(struct xc_writer *w, uint8_t v)
{
    uint8_t *p = xc_write_room(w, 1);
    if (p)
        p[0] = v;
}

static inline void xc_write16(struct xc_writer *w, uint16_t v)
{
    uint8_t *p = xc_write_room(w, 2);
    if (p)
        xc_store16(p, v);
}

static inline void xc_write24(struct xc_writer *w, uint32_t v)
{
    uint8_t *p = xc_write_room(w, 3);
    if (p)
        xc_store24(p, v);
}

static inline void xc_write32(struct xc_writer *w, uint32_t v)
{
    uint8_t *p = xc_write_room(w, 4);
    if (p)
        xc_store32(p, v);
}

static inline void xc_write64(struct xc_writer *w, uint64_t v)
{
    uint8_t *p = xc_write_room(w, 8);
    if (p)
        xc_store64(p, v);
}

#endif
