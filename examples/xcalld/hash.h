/* hash.h - passwords become argon2id hashes, and are compared with them, on threads of their own (64 MiB
 * and about 0.1 s each).
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_HASH_H
#define XCALLD_HASH_H

#include "exchange.h"
#include "options.h"
#include "pool.h"

struct hasher;
struct hasher *hasher_create(const struct options *options, struct exchange *exchange);
void hasher_destroy(struct hasher *hasher);
/* Answered by an INPUT_HASHED. hash NULL: make one; else compare. */
void hasher_put(struct hasher *hasher, uint64_t job, const char *password, const char *hash);
void hasher_figures(struct hasher *hasher, struct pool_figures *figures);

#endif
