/* record.h - received Opus and VP8 frames into a WebM file, as they came (nothing is decoded).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_RECORD_H
#define PEER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xcall/call.h>
#include <xcall/media.h>

struct record;

/* Creates the file. NULL and a sentence in error on failure. */
struct record *record_open(const char *path, bool with_video, char *error, size_t error_size);
/* Takes a copy of the frame. */
void record_push(struct record *record, const xcall_encoded_frame *frame, const void *bytes);
/* Writes what is held and the file's index, frees the record. 0, or -1 when the file is not whole;
 * *frames: how many were written. */
int record_close(struct record *record, uint64_t *frames);

#endif
