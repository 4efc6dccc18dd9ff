/* page_files.h - the files of the page, put into the program by embed.py.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BROWSER_PAGE_FILES_H
#define BROWSER_PAGE_FILES_H

#include <stddef.h>

struct page_file {
    const char *path, *type;
    const unsigned char *bytes; /* with LWS_PRE bytes before them that libwebsockets may write */
    size_t length;              /* without those */
};

extern const struct page_file page_files[];
extern const size_t page_files_count;

#endif
