/* hash_block.c - see hash_block.h.
 * SPDX-License-Identifier: MIT */
#include "wire/hash_block.h"

void xc_hash_add(struct xc_hash_block *block, uint32_t *state, xc_hash_compress compress,
                 const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size) {
        size_t at = (size_t)(block->size % XC_HASH_BLOCK);
        size_t n = XC_MIN(size, XC_HASH_BLOCK - at);
        memcpy(block->bytes + at, from, n);
        block->size += n;
        from += n;
        size -= n;
        if (at + n == XC_HASH_BLOCK)
            compress(state, block->bytes);
    }
}

void xc_hash_pad(struct xc_hash_block *block, uint32_t *state, xc_hash_compress compress,
                 bool big_endian)
{
    static const uint8_t padding[XC_HASH_BLOCK] = {0x80};
    uint64_t count = block->size * 8;
    uint8_t bits[8];
    for (int i = 0; i < 8; i++)
        bits[i] = (uint8_t)(count >> 8 * (big_endian ? 7 - i : i));
    size_t at = (size_t)(block->size % XC_HASH_BLOCK), end = XC_HASH_BLOCK - sizeof bits;
    xc_hash_add(block, state, compress, padding, (at < end ? end : end + XC_HASH_BLOCK) - at);
    xc_hash_add(block, state, compress, bits, sizeof bits);
}

void xc_hmac_block(uint8_t block[XC_HASH_BLOCK], struct xc_span key, uint8_t pad)
{
    memset(block, 0, XC_HASH_BLOCK);
    if (key.size)
        memcpy(block, key.data, XC_MIN(key.size, (size_t)XC_HASH_BLOCK));
    for (size_t i = 0; i < XC_HASH_BLOCK; i++)
        block[i] ^= pad;
}
