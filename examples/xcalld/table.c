/* table.c - chains in a power of two of slots; doubled when there are more nodes than slots. A table that
 * cannot grow for want of memory goes on with longer chains.
 * SPDX-License-Identifier: MIT */
#include "table.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64

bool table_init(struct table *table, const uint8_t key[16])
{
    memset(table, 0, sizeof *table);
    memcpy(table->key, key, sizeof table->key);
    table->slots = calloc(FIRST_SIZE, sizeof *table->slots);
    table->size = table->slots ? FIRST_SIZE : 0;
    return table->slots != NULL;
}

void table_free(struct table *table)
{
    free(table->slots);
    table->slots = NULL;
    table->size = table->count = 0;
}

uint64_t table_hash(const struct table *table, const void *key, size_t size)
{
    uint64_t hash;
    crypto_shorthash_siphash24((unsigned char *)&hash, key, size, table->key);
    return hash;
}

static void grow(struct table *table)
{
    struct table_node **slots = calloc(table->size * 2, sizeof *slots);
    if (!slots)
        return;
    for (size_t i = 0; i < table->size; i++) {
        struct table_node *node = table->slots[i];
        while (node) {
            struct table_node *next = node->next;
            struct table_node **slot = &slots[node->hash & (table->size * 2 - 1)];
            node->next = *slot;
            *slot = node;
            node = next;
        }
    }
    free(table->slots);
    table->slots = slots;
    table->size *= 2;
}

void table_add(struct table *table, struct table_node *node, uint64_t hash)
{
    if (table->count >= table->size)
        grow(table);
    struct table_node **slot = &table->slots[hash & (table->size - 1)];
    node->hash = hash;
    node->next = *slot;
    *slot = node;
    table->count++;
}

void table_remove(struct table *table, struct table_node *node)
{
    struct table_node **at = &table->slots[node->hash & (table->size - 1)];
    while (*at && *at != node)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = node->next;
    table->count--;
}

struct table_node *table_find(const struct table *table, uint64_t hash)
{
    struct table_node *node = table->slots[hash & (table->size - 1)];
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct table_node *table_again(const struct table_node *node)
{
    struct table_node *other = node->next;
    while (other && other->hash != node->hash)
        other = other->next;
    return other;
}

static struct table_node *from_slot(const struct table *table, size_t slot)
{
    for (; slot < table->size; slot++)
        if (table->slots[slot])
            return table->slots[slot];
    return NULL;
}

struct table_node *table_first(const struct table *table)
{
    return from_slot(table, 0);
}

struct table_node *table_next(const struct table *table, const struct table_node *node)
{
    return node->next ? node->next : from_slot(table, (node->hash & (table->size - 1)) + 1);
}
