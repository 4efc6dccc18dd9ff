/* png.h - an I420 picture as a PNG file.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PEER_PNG_H
#define PEER_PNG_H

#include <xcall/media.h>

/* 0, or -1 when the file cannot be written. */
int png_write(const char *path, const xcall_picture *picture);

#endif
