/* table.h - a hash table whose nodes live in what they find. Keyed (SipHash-2-4), so that nobody can
 * choose keys that collide. Grows; never holds more than what the owner puts in.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_TABLE_H
#define XCALLD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_node {
    struct table_node *next;
    uint64_t hash;
};
struct table {
    struct table_node **slots;
    size_t size, count; /* size: a power of two */
    uint8_t key[16];
};

#define TABLE_ENTRY(pointer, type, member)                                                         \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

bool table_init(struct table *table, const uint8_t key[16]); /* false: out of memory */
void table_free(struct table *table);                        /* the table, not what is in it */
uint64_t table_hash(const struct table *table, const void *key, size_t size);
void table_add(struct table *table, struct table_node *node, uint64_t hash);
void table_remove(struct table *table, struct table_node *node);
/* Nodes of one hash, one after the other; NULL: no more. */
struct table_node *table_find(const struct table *table, uint64_t hash);
struct table_node *table_again(const struct table_node *node);
/* All nodes: the first, and the one behind; the node handed in may be removed only after the step. */
struct table_node *table_first(const struct table *table);
struct table_node *table_next(const struct table *table, const struct table_node *node);

#endif
