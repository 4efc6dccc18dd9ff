/* store_vfs.c - SQLite's VFS for a store's file, with one thing more: no page is written into it with stale
 * bytes. secure_delete overwrites a row where it is deleted, but where pages are split, merged or
 * defragmented copies of rows stay behind in the part of a page that is not allocated. That part, and what
 * free blocks hold, is zeroed on the way into the file (file format: sqlite.org/fileformat2.html, 1.6);
 * readers never look at it. Frames of the log have sums over their pages and stay as they are: the log is
 * emptied after a deletion. Any thread. SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <pthread.h>
#include <string.h>

#define PAGE_MAX 65536
#define FRAGMENTS_MAX 60
#define PAGES_MAX (1ll << 25) /* in a bigger file an overflow page could look like one of a tree */

static sqlite3_vfs vfs;
static sqlite3_io_methods methods;      /* those of main files, with write() in it */
static const sqlite3_io_methods *below; /* SQLite's own */
static int (*open_below)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t u16(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

/* No page of a tree, though its first byte says so? The first bytes of an overflow page or of the list of free
 * pages may be anything, in a big file. (Files with pointer maps are refused, store_sqlite.c.) */
static bool no_tree(const uint8_t *head, const uint8_t *cells, size_t content, size_t size,
                    bool inner, bool first)
{
    size_t count = u16(head + 3);
    if (head[7] > FRAGMENTS_MAX)
        return true;
    if (inner && ((count == 0 && !first) || (u16(head + 8) | u16(head + 10)) == 0))
        return true; /* without a cell only page 1 can be one; its last child is a page's number */
    for (size_t i = 0; i < count; i++)
        if (u16(cells + 2 * i) < content || u16(cells + 2 * i) + 4 > size)
            return true;
    return false;
}

/* A page of a tree whose header makes sense: zeroes what belongs to no cell. */
static void clean_page(uint8_t *page, size_t size, bool first)
{
    uint8_t *head = page + (first ? 100 : 0);
    bool leaf = head[0] == 10 || head[0] == 13, inner = head[0] == 2 || head[0] == 5;
    if (!leaf && !inner)
        return;
    size_t cells = (size_t)(head - page) + (leaf ? 8 : 12), cells_end = cells + 2 * u16(head + 3);
    size_t content = u16(head + 5) ? u16(head + 5) : PAGE_MAX;
    if (cells_end > content || content > size ||
        no_tree(head, page + cells, content, size, inner, first))
        return;
    memset(page + cells_end, 0, content - cells_end);
    for (size_t at = u16(head + 1), next; at; at = next) {
        if (at < content || at + 4 > size)
            return;
        next = u16(page + at);
        size_t length = u16(page + at + 2);
        if (length < 4 || at + length > size || (next && next < at + length))
            return;
        memset(page + at + 4, 0, length - 4);
    }
}

static int clean_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    uint8_t page[PAGE_MAX];
    bool whole = size >= 512 && size <= PAGE_MAX && (size & (size - 1)) == 0 && at % size == 0;
    if (!whole || at / size >= PAGES_MAX)
        return below->xWrite(file, bytes, size, at);
    memcpy(page, bytes, (size_t)size);
    clean_page(page, (size_t)size, at == 0);
    return below->xWrite(file, page, size, at);
}

static int open_clean(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
    int code = open_below(self, name, file, flags, out);
    if (code != SQLITE_OK || !(flags & SQLITE_OPEN_MAIN_DB) || !file->pMethods)
        return code;
    pthread_mutex_lock(&lock);
    if (!below) {
        below = file->pMethods;
        methods = *below;
        methods.xWrite = clean_write;
    }
    if (file->pMethods == below) /* all files of the default VFS have the same */
        file->pMethods = &methods;
    pthread_mutex_unlock(&lock);
    return code;
}

static void make_vfs(void)
{
    const sqlite3_vfs *base = sqlite3_vfs_find(NULL);
    if (!base)
        return;
    vfs = *base;
    vfs.pNext = NULL;
    vfs.zName = "xcalld";
    open_below = base->xOpen;
    vfs.xOpen = open_clean;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        vfs.zName = NULL;
}

const char *store_vfs(void)
{
    pthread_once(&once, make_vfs);
    return vfs.zName;
}
