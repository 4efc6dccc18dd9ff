/* y4m.c - YUV4MPEG2 files: one header line, then for each picture a FRAME line and its I420 planes.
 *
 * SPDX-License-Identifier: MIT */
#include "y4m.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1024
#define SIDE_MIN 16
#define SIDE_MAX 4096
#define FRAME_RATE_MAX 240

size_t i420_bytes(uint32_t width, uint32_t height)
{
    size_t chroma = (size_t)((width + 1) / 2) * ((height + 1) / 2);
    return (size_t)width * height + 2 * chroma;
}

void i420_planes(xcall_picture *picture, uint8_t *bytes, uint32_t width, uint32_t height)
{
    size_t chroma = (size_t)((width + 1) / 2) * ((height + 1) / 2);
    picture->pixel = XCALL_PIXEL_I420;
    picture->width = width;
    picture->height = height;
    picture->strides[0] = width;
    picture->strides[1] = picture->strides[2] = (width + 1) / 2;
    picture->planes[0] = bytes;
    picture->planes[1] = bytes + (size_t)width * height;
    picture->planes[2] = picture->planes[1] + chroma;
}

/* Length of the line at `at` without its end, or SIZE_MAX when there is none. */
static size_t line_length(const struct y4m *y4m, size_t at)
{
    size_t room = y4m->size - at;
    const uint8_t *end =
        memchr(y4m->bytes + at, '\n', room < LINE_BYTES_MAX ? room : LINE_BYTES_MAX);
    return end ? (size_t)(end - (y4m->bytes + at)) : SIZE_MAX;
}

static bool is_420(const char *space)
{
    static const char *const names[] = {"420", "420jpeg", "420mpeg2", "420paldv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(space, names[i]) == 0)
            return true;
    return false;
}

/* The header line. NULL when it is good, else what is wrong. */
static const char *read_header(struct y4m *y4m, size_t length)
{
    char line[LINE_BYTES_MAX + 1], *rest = line, *word;
    unsigned num = 30, den = 1;
    memcpy(line, y4m->bytes, length);
    line[length] = '\0';
    y4m->width = y4m->height = 0;
    strtok_r(line, " ", &rest);
    while ((word = strtok_r(NULL, " ", &rest))) {
        if (*word == 'W')
            y4m->width = (uint32_t)strtoul(word + 1, NULL, 10);
        else if (*word == 'H')
            y4m->height = (uint32_t)strtoul(word + 1, NULL, 10);
        else if (*word == 'F' && sscanf(word + 1, "%u:%u", &num, &den) != 2)
            return "its frame rate is malformed";
        else if (*word == 'C' && !is_420(word + 1))
            return "its colour space is not 8-bit 4:2:0 (C420, C420jpeg, C420mpeg2, C420paldv)";
    }
    if (y4m->width < SIDE_MIN || y4m->width > SIDE_MAX || y4m->height < SIDE_MIN ||
        y4m->height > SIDE_MAX)
        return "its sides are not from 16 to 4096";
    if (num == 0 || den == 0) /* 0:0 means unknown */
        num = 30, den = 1;
    if (num / den > FRAME_RATE_MAX)
        return "its frame rate is above 240";
    y4m->rate_num = num;
    y4m->rate_den = den;
    return NULL;
}

static const char *read_frames(struct y4m *y4m)
{
    size_t length = line_length(y4m, 0), bytes;
    if (y4m->size < 10 || memcmp(y4m->bytes, "YUV4MPEG2", 9) || length == SIZE_MAX)
        return "is not a YUV4MPEG2 file";
    const char *wrong = read_header(y4m, length);
    if (wrong)
        return wrong;
    bytes = i420_bytes(y4m->width, y4m->height);
    y4m->offsets = malloc((y4m->size / bytes + 1) * sizeof *y4m->offsets);
    if (!y4m->offsets)
        return "no memory for its index";
    for (size_t at = length + 1; at < y4m->size; at += bytes) {
        length = line_length(y4m, at);
        if (length == SIZE_MAX || length < 5 || memcmp(y4m->bytes + at, "FRAME", 5))
            return "is damaged or truncated: a picture does not begin with FRAME";
        at += length + 1;
        if (y4m->size - at < bytes)
            return "is truncated in a picture";
        y4m->offsets[y4m->frames++] = at;
    }
    return y4m->frames ? NULL : "is truncated: it has no picture";
}

int y4m_open(struct y4m *y4m, const char *path, char *error, size_t error_size)
{
    struct stat status;
    memset(y4m, 0, sizeof *y4m);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status)) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        snprintf(error, error_size, "%s: is %s", path,
                 S_ISREG(status.st_mode) ? "empty, so no YUV4MPEG2 file" : "not a file");
        close(fd);
        return -1;
    }
    y4m->size = (size_t)status.st_size;
    y4m->bytes = mmap(NULL, y4m->size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (y4m->bytes == MAP_FAILED) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        y4m->bytes = NULL;
        return -1;
    }
    const char *wrong = read_frames(y4m);
    if (!wrong)
        return 0;
    snprintf(error, error_size, "%s: %s", path, wrong);
    y4m_close(y4m);
    return -1;
}

void y4m_picture(const struct y4m *y4m, uint32_t index, xcall_picture *picture)
{
    i420_planes(picture, y4m->bytes + y4m->offsets[index % y4m->frames], y4m->width, y4m->height);
}

void y4m_close(struct y4m *y4m)
{
    if (y4m->bytes)
        munmap(y4m->bytes, y4m->size);
    free(y4m->offsets);
    memset(y4m, 0, sizeof *y4m);
}

int y4m_writer_open(struct y4m_writer *writer, const char *path, uint32_t width, uint32_t height,
                    uint32_t frame_rate)
{
    memset(writer, 0, sizeof *writer);
    writer->width = width;
    writer->height = height;
    writer->frame_rate = frame_rate;
    writer->file = fopen(path, "wb");
    return writer->file ? 0 : -1;
}

static void write_header(struct y4m_writer *writer)
{
    fprintf(writer->file, "YUV4MPEG2 W%u H%u F%u:1 Ip A1:1 C420jpeg\n", writer->width,
            writer->height, writer->frame_rate);
}

/* The first picture decides what was not given at open. */
static void begin(struct y4m_writer *writer, const xcall_picture *picture)
{
    if (writer->width == 0) {
        writer->width = picture->width;
        writer->height = picture->height;
    }
    write_header(writer);
    writer->scaled = malloc(i420_bytes(writer->width, writer->height));
    writer->failed |= !writer->scaled;
}

/* Bilinear, positions in 1/65536 of a sample. */
static void scale_plane(uint8_t *to, uint32_t width, uint32_t height, const uint8_t *from,
                        uint32_t stride, uint32_t from_width, uint32_t from_height)
{
    uint64_t step_x = ((uint64_t)from_width << 16) / width;
    uint64_t step_y = ((uint64_t)from_height << 16) / height;
    for (uint32_t y = 0; y < height; y++) {
        uint64_t at_y = y * step_y;
        uint32_t y0 = (uint32_t)(at_y >> 16), y1 = y0 + 1 < from_height ? y0 + 1 : y0;
        uint32_t part_y = (uint32_t)(at_y & 0xFFFF) >> 8;
        for (uint32_t x = 0; x < width; x++) {
            uint64_t at_x = x * step_x;
            uint32_t x0 = (uint32_t)(at_x >> 16), x1 = x0 + 1 < from_width ? x0 + 1 : x0;
            uint32_t part_x = (uint32_t)(at_x & 0xFFFF) >> 8;
            const uint8_t *top = from + (size_t)y0 * stride, *low = from + (size_t)y1 * stride;
            uint32_t a = top[x0] * (256 - part_x) + top[x1] * part_x;
            uint32_t b = low[x0] * (256 - part_x) + low[x1] * part_x;
            to[(size_t)y * width + x] = (uint8_t)((a * (256 - part_y) + b * part_y) >> 16);
        }
    }
}

static void write_plane(struct y4m_writer *writer, const uint8_t *plane, uint32_t stride,
                        uint32_t width, uint32_t height)
{
    for (uint32_t y = 0; y < height && !writer->failed; y++)
        if (fwrite(plane + (size_t)y * stride, 1, width, writer->file) != width)
            writer->failed = true;
}

void y4m_writer_write(struct y4m_writer *writer, const xcall_picture *picture)
{
    xcall_picture out = *picture;
    if (!writer->failed && writer->pictures == 0)
        begin(writer, picture);
    if (writer->failed)
        return;
    if (picture->width != writer->width || picture->height != writer->height) {
        i420_planes(&out, writer->scaled, writer->width, writer->height);
        for (int i = 0; i < 3; i++) {
            uint32_t half = i > 0;
            scale_plane(out.planes[i], (writer->width + half) >> half,
                        (writer->height + half) >> half, picture->planes[i], picture->strides[i],
                        (picture->width + half) >> half, (picture->height + half) >> half);
        }
        writer->pictures_scaled++;
    }
    fputs("FRAME\n", writer->file);
    for (int i = 0; i < 3; i++) {
        uint32_t half = i > 0;
        write_plane(writer, out.planes[i], out.strides[i], (out.width + half) >> half,
                    (out.height + half) >> half);
    }
    writer->pictures++;
}

int y4m_writer_close(struct y4m_writer *writer)
{
    if (!writer->file)
        return 0;
    if (writer->pictures == 0 && writer->width && !writer->failed)
        write_header(writer); /* a file without pictures, but of its form */
    if (ferror(writer->file) || fclose(writer->file))
        writer->failed = true;
    writer->file = NULL;
    free(writer->scaled);
    writer->scaled = NULL;
    return writer->failed ? -1 : 0;
}
