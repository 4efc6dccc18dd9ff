/* wav.c - WAV files: RIFF chunks with 8-, 16-, 24- or 32-bit PCM or 32-bit float samples, plain or
 * extensible.
 *
 * SPDX-License-Identifier: MIT */
#include "wav.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FORMAT_PCM 1
#define FORMAT_FLOAT 3
#define FORMAT_EXTENSIBLE 0xFFFE
#define FILE_BYTES_MAX (1u << 31)
#define HEADER_BYTES 44

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value);
    put16(p + 2, value >> 16);
}

/* The whole file, owned by the caller. */
static uint8_t *read_file(const char *path, size_t *size, char *error, size_t error_size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long length = 0;
    struct stat status;
    if (!file || fstat(fileno(file), &status)) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        return NULL;
    }
    if (!S_ISREG(status.st_mode) || fseek(file, 0, SEEK_END) || (length = ftell(file)) < 0 ||
        fseek(file, 0, SEEK_SET)) {
        snprintf(error, error_size, "%s: is not a file", path);
    } else if ((unsigned long)length > FILE_BYTES_MAX) {
        snprintf(error, error_size, "%s: is larger than 2 GiB", path);
    } else if (!(bytes = malloc((size_t)length + 1))) {
        snprintf(error, error_size, "%s: no memory for %ld bytes", path, length);
    } else if (fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        snprintf(error, error_size, "%s: cannot be read", path);
        free(bytes);
        bytes = NULL;
    }
    *size = (size_t)length;
    fclose(file);
    return bytes;
}

struct coded {      /* the samples as the file has them */
    uint32_t bytes; /* of one */
    bool is_float;
};

/* The fmt chunk. NULL when it is good, else what is wrong. */
static const char *read_format(struct wav *wav, struct coded *coded, const uint8_t *chunk,
                               size_t size)
{
    if (size < 16)
        return "its format chunk is too short";
    uint32_t format = get16(chunk), bits = get16(chunk + 14);
    if (format == FORMAT_EXTENSIBLE && size >= 26)
        format = get16(chunk + 24); /* the first two bytes of the sub-format */
    wav->channels = get16(chunk + 2);
    wav->rate = get32(chunk + 4);
    if (!(format == FORMAT_PCM && (bits == 8 || bits == 16 || bits == 24 || bits == 32)) &&
        !(format == FORMAT_FLOAT && bits == 32))
        return "its samples are neither PCM of 8, 16, 24 or 32 bits nor 32-bit float";
    if (wav->channels != 1 && wav->channels != 2)
        return "it has neither one channel nor two";
    if (wav->rate < 8000 || wav->rate > 48000)
        return "its sample rate is not from 8000 to 48000 Hz";
    if (get16(chunk + 12) != wav->channels * bits / 8)
        return "its block size does not fit its format";
    wav->is_float = bits > 16;
    coded->bytes = bits / 8;
    coded->is_float = format == FORMAT_FLOAT;
    return NULL;
}

/* Sample `index` of the file, in the wav's own form. */
static void convert_sample(const struct wav *wav, const struct coded *coded, const uint8_t *from,
                           uint64_t index)
{
    const uint8_t *p = from + index * coded->bytes;
    int16_t *small = wav->samples;
    float *large = wav->samples;
    if (coded->is_float)
        memcpy(large + index, p, sizeof *large);
    else if (coded->bytes == 1) /* 0 to 255, 128 is silence */
        small[index] = (int16_t)((p[0] - 128) * 256);
    else if (coded->bytes == 2)
        small[index] = (int16_t)get16(p);
    else if (coded->bytes == 3)
        large[index] = (float)(int32_t)(get16(p) << 8 | (uint32_t)p[2] << 24) / 2147483648.0f;
    else
        large[index] = (float)(int32_t)get32(p) / 2147483648.0f;
}

static const char *convert(struct wav *wav, const struct coded *coded, const uint8_t *from,
                           size_t length)
{
    wav->frames = length / (wav->channels * coded->bytes);
    if (!wav->frames)
        return "has no samples";
    uint64_t count = wav->frames * wav->channels;
    wav->samples = malloc(count * (wav->is_float ? sizeof(float) : sizeof(int16_t)));
    if (!wav->samples)
        return "is too large for the memory";
    for (uint64_t i = 0; i < count; i++)
        convert_sample(wav, coded, from, i);
    return NULL;
}

/* Walks the chunks up to the samples and converts those. */
static const char *read_chunks(struct wav *wav, const uint8_t *bytes, size_t size)
{
    struct coded coded = {0};
    bool have_format = false;
    if (size < 12 || memcmp(bytes, "RIFF", 4) || memcmp(bytes + 8, "WAVE", 4))
        return "is not a WAV file";
    for (size_t at = 12; at + 8 <= size;) {
        size_t length = get32(bytes + at + 4), room = size - at - 8;
        if (memcmp(bytes + at, "data", 4) == 0 && length == UINT32_MAX)
            length = room; /* written to a pipe: up to the end of the file */
        if (length > room)
            return "is truncated";
        if (memcmp(bytes + at, "fmt ", 4) == 0) {
            const char *wrong = read_format(wav, &coded, bytes + at + 8, length);
            if (wrong)
                return wrong;
            have_format = true;
        } else if (memcmp(bytes + at, "data", 4) == 0) {
            if (!have_format)
                return "has no format chunk before its samples";
            return convert(wav, &coded, bytes + at + 8, length);
        }
        at += 8 + length + (length & 1);
    }
    return "is truncated: it has no samples";
}

int wav_load(struct wav *wav, const char *path, char *error, size_t error_size)
{
    size_t size = 0;
    memset(wav, 0, sizeof *wav);
    uint8_t *bytes = read_file(path, &size, error, error_size);
    if (!bytes)
        return -1;
    const char *wrong = read_chunks(wav, bytes, size);
    free(bytes);
    if (!wrong)
        return 0;
    snprintf(error, error_size, "%s: %s", path, wrong);
    wav_free(wav);
    return -1;
}

void wav_free(struct wav *wav)
{
    free(wav->samples);
    memset(wav, 0, sizeof *wav);
}

static void write_header(struct wav_writer *writer)
{
    uint8_t header[HEADER_BYTES] = "RIFF....WAVEfmt ";
    uint32_t bytes =
        writer->bytes > UINT32_MAX - HEADER_BYTES ? UINT32_MAX : (uint32_t)writer->bytes;
    put32(header + 4, bytes == UINT32_MAX ? UINT32_MAX : bytes + HEADER_BYTES - 8);
    put32(header + 16, 16);
    put16(header + 20, FORMAT_PCM);
    put16(header + 22, writer->channels);
    put32(header + 24, writer->rate);
    put32(header + 28, writer->rate * writer->channels * 2);
    put16(header + 32, writer->channels * 2);
    put16(header + 34, 16);
    memcpy(header + 36, "data", 4);
    put32(header + 40, bytes);
    if (fwrite(header, 1, sizeof header, writer->file) != sizeof header)
        writer->failed = true;
}

int wav_writer_open(struct wav_writer *writer, const char *path, uint32_t rate, uint32_t channels)
{
    memset(writer, 0, sizeof *writer);
    writer->rate = rate;
    writer->channels = channels;
    writer->file = fopen(path, "wb");
    if (!writer->file)
        return -1;
    setvbuf(writer->file, NULL, _IOFBF, 1u << 18);
    write_header(writer);
    return 0;
}

void wav_writer_write(struct wav_writer *writer, const int16_t *samples, uint32_t frames)
{
    uint8_t bytes[4096];
    uint32_t count = frames * writer->channels, at = 0;
    while (at < count && !writer->failed) {
        uint32_t part = count - at < sizeof bytes / 2 ? count - at : (uint32_t)sizeof bytes / 2;
        for (uint32_t i = 0; i < part; i++)
            put16(bytes + 2 * i, (uint16_t)samples[at + i]);
        if (fwrite(bytes, 2, part, writer->file) != part)
            writer->failed = true;
        writer->bytes += 2 * part;
        at += part;
    }
}

int wav_writer_close(struct wav_writer *writer)
{
    if (!writer->file)
        return 0;
    if (fseek(writer->file, 0, SEEK_SET))
        writer->failed = true;
    else
        write_header(writer);
    if (fclose(writer->file))
        writer->failed = true;
    writer->file = NULL;
    return writer->failed ? -1 : 0;
}
