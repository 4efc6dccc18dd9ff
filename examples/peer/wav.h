/* wav.h - WAV files: a whole one read into memory, one written while it grows.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_WAV_H
#define PEER_WAV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Samples of a file, interleaved: 16-bit (of files with 8 or 16 bits) or 32-bit float (others). */
struct wav {
    uint32_t rate, channels;
    bool is_float;
    uint64_t frames;
    void *samples; /* owned */
};

/* Reads the file; anything wrong with it puts a sentence into error and answers -1. */
int wav_load(struct wav *wav, const char *path, char *error, size_t error_size);
void wav_free(struct wav *wav);

/* A 16-bit PCM file. Its header is right once it is closed. */
struct wav_writer {
    FILE *file;
    uint32_t rate, channels;
    uint64_t bytes;
    bool failed;
};

int wav_writer_open(struct wav_writer *writer, const char *path, uint32_t rate, uint32_t channels);
void wav_writer_write(struct wav_writer *writer, const int16_t *samples, uint32_t frames);
/* 0, or -1 when something could not be written. */
int wav_writer_close(struct wav_writer *writer);

#endif
