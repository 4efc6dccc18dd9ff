/* y4m.h - YUV4MPEG2 files of the 4:2:0 family, 8 bits: mapped for reading, written while they grow.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_Y4M_H
#define PEER_Y4M_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <xcall/media.h>

struct y4m {
    uint32_t width, height;
    uint32_t rate_num, rate_den; /* pictures a second */
    uint32_t frames;
    uint64_t *offsets; /* owned: of each picture's first byte */
    uint8_t *bytes;    /* the mapped file */
    size_t size;
};

/* Maps the file and finds its pictures; anything wrong puts a sentence into error, -1. */
int y4m_open(struct y4m *y4m, const char *path, char *error, size_t error_size);
/* The planes of picture `index`, in the map. */
void y4m_picture(const struct y4m *y4m, uint32_t index, xcall_picture *picture);
void y4m_close(struct y4m *y4m);

/* Bytes of an I420 picture without gaps; its planes in memory of that size. */
size_t i420_bytes(uint32_t width, uint32_t height);
void i420_planes(xcall_picture *picture, uint8_t *bytes, uint32_t width, uint32_t height);

/* The file has the size of its first picture, or the one given at open; pictures of other sizes
 * are scaled to it. */
struct y4m_writer {
    FILE *file;
    uint32_t width, height, frame_rate;
    uint8_t *scaled; /* owned: room for one picture */
    uint64_t pictures, pictures_scaled;
    bool failed;
};

int y4m_writer_open(struct y4m_writer *writer, const char *path, uint32_t width, uint32_t height,
                    uint32_t frame_rate);
void y4m_writer_write(struct y4m_writer *writer, const xcall_picture *picture);
/* 0, or -1 when something could not be written. */
int y4m_writer_close(struct y4m_writer *writer);

#endif
