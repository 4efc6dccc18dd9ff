/* png.c - an I420 picture (BT.601, video range) as a PNG file: RGB rows through zlib.
 *
 * SPDX-License-Identifier: MIT */
#include "png.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static int write_chunk(FILE *file, const char *type, const uint8_t *bytes, size_t size)
{
    uint8_t head[8], tail[4];
    put32(head, (uint32_t)size);
    memcpy(head + 4, type, 4);
    uLong sum = crc32(crc32(0, head + 4, 4), bytes, (uInt)size);
    if (size == 0)
        sum = crc32(0, head + 4, 4);
    put32(tail, (uint32_t)sum);
    return fwrite(head, 1, 8, file) == 8 && fwrite(bytes, 1, size, file) == size &&
                   fwrite(tail, 1, 4, file) == 4
               ? 0
               : -1;
}

static uint8_t clamp(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* A filter byte (1: difference to the left pixel) and the row's pixels. */
static void write_row(uint8_t *to, const xcall_picture *picture, uint32_t y)
{
    const uint8_t *luma = picture->planes[0] + (size_t)y * picture->strides[0];
    const uint8_t *u = picture->planes[1] + (size_t)(y / 2) * picture->strides[1];
    const uint8_t *v = picture->planes[2] + (size_t)(y / 2) * picture->strides[2];
    uint8_t left[3] = {0, 0, 0};
    *to++ = 1;
    for (uint32_t x = 0; x < picture->width; x++) {
        int c = 298 * (luma[x] - 16) + 128, d = u[x / 2] - 128, e = v[x / 2] - 128;
        uint8_t pixel[3] = {clamp((c + 409 * e) >> 8), clamp((c - 100 * d - 208 * e) >> 8),
                            clamp((c + 516 * d) >> 8)};
        for (int i = 0; i < 3; i++) {
            *to++ = (uint8_t)(pixel[i] - left[i]);
            left[i] = pixel[i];
        }
    }
}

int png_write(const char *path, const xcall_picture *picture)
{
    size_t row = 1 + 3 * (size_t)picture->width, size = row * picture->height;
    uLongf packed = compressBound((uLong)size);
    uint8_t *rows = malloc(size), *bytes = malloc(packed);
    uint8_t header[13] = {0};
    FILE *file = rows && bytes ? fopen(path, "wb") : NULL;
    int result = -1;
    if (file) {
        for (uint32_t y = 0; y < picture->height; y++)
            write_row(rows + y * row, picture, y);
        put32(header, picture->width);
        put32(header + 4, picture->height);
        header[8] = 8; /* bits a sample */
        header[9] = 2; /* RGB */
        if (compress2(bytes, &packed, rows, (uLong)size, 6) == Z_OK &&
            fwrite("\x89PNG\r\n\x1a\n", 1, 8, file) == 8 &&
            write_chunk(file, "IHDR", header, sizeof header) == 0 &&
            write_chunk(file, "IDAT", bytes, packed) == 0 &&
            write_chunk(file, "IEND", header, 0) == 0)
            result = 0;
        if (fclose(file))
            result = -1;
    }
    free(rows);
    free(bytes);
    return result;
}
