/* channels_send.c - messages that wait to be sent: blocks of 1 KiB in a queue a channel, and the order in
 * which channels have their turn: deficit round robin, weighted by priority (RFC 8831 section 6.4), so
 * that a short message never waits behind another channel's bulk.
 * SPDX-License-Identifier: MIT */
#include "call/channels_state.h"

#define QUANTUM 2048 /* bytes a round at priority 128 (very low) */

void xc_channels_init_blocks(struct xc_channels *c)
{
    c->block_free = XC_CHANNEL_NO_BLOCK;
    c->blocks_left = c->block_count;
}

/* Blocks that were never used are taken only when no other is free: memory is touched as needed. */
static uint32_t take_block(struct xc_channels *c)
{
    uint32_t at = c->block_free;
    if (at != XC_CHANNEL_NO_BLOCK)
        c->block_free = c->blocks[at].next;
    else
        at = c->blocks_used_ever++;
    c->blocks_left--;
    return at;
}

static void free_message(struct xc_channels *c, uint32_t first)
{
    while (first != XC_CHANNEL_NO_BLOCK) {
        uint32_t next = c->blocks[first].next;
        c->blocks[first].next = c->block_free;
        c->block_free = first;
        c->blocks_left++;
        first = next;
    }
}

/* --- in -------------------------------------------------------------------------------------- */

static void activate(struct xc_channels *c, struct xc_channel *channel)
{
    if (channel->active)
        return;
    channel->active = true;
    channel->credit = 0;
    uint32_t at = (c->active_first + c->active_count) % c->config.channels_max;
    c->active[at] = (uint16_t)xc_channel_slot(c, channel);
    c->active_count++;
}

struct filler {
    struct xc_channels *channels;
    uint32_t at;   /* the block at hand */
    uint32_t used; /* bytes of it */
};

static void fill(struct filler *filler, struct xc_span bytes)
{
    struct xc_channel_block *blocks = filler->channels->blocks;
    while (bytes.size) {
        if (filler->used == XC_CHANNEL_BLOCK_BYTES) {
            uint32_t next = take_block(filler->channels);
            blocks[next].next = XC_CHANNEL_NO_BLOCK;
            blocks[filler->at].next = next;
            filler->at = next;
            filler->used = 0;
        }
        size_t n = XC_MIN(bytes.size, (size_t)(XC_CHANNEL_BLOCK_BYTES - filler->used));
        memcpy(blocks[filler->at].bytes + filler->used, bytes.data, n);
        filler->used += (uint32_t)n;
        bytes = xc_span_make(bytes.data + n, bytes.size - n);
    }
}

bool xc_channels_queue(struct xc_channels *c, struct xc_channel *channel, uint32_t ppid,
                       struct xc_span first, struct xc_span second, struct xc_span third)
{
    size_t size = first.size + second.size + third.size;
    if ((size + XC_CHANNEL_BLOCK_BYTES - 1) / XC_CHANNEL_BLOCK_BYTES > c->blocks_left)
        return false;
    uint32_t head = take_block(c);
    c->blocks[head].next = c->blocks[head].next_message = XC_CHANNEL_NO_BLOCK;
    c->blocks[head].size = (uint32_t)size;
    c->blocks[head].ppid = ppid;
    struct filler filler = {.channels = c, .at = head};
    fill(&filler, first);
    fill(&filler, second);
    fill(&filler, third);
    if (channel->first == XC_CHANNEL_NO_BLOCK)
        channel->first = head;
    else
        c->blocks[channel->last].next_message = head;
    channel->last = head;
    activate(c, channel);
    return true;
}

/* --- out ------------------------------------------------------------------------------------- */

static void follow_room(struct xc_channels *c)
{
    if (!c->starving || c->blocks_left < c->block_count / 2)
        return;
    c->starving = false;
    for (uint32_t i = 0; i < c->config.channels_max; i++) {
        struct xc_channel *channel = &c->channels[i];
        if (!channel->starved)
            continue;
        channel->starved = false;
        channel->low_due = c->events_due = true;
    }
}

/* DCEP's own messages are not the host's bytes. */
static void pop(struct xc_channels *c, struct xc_channel *channel)
{
    uint32_t head = channel->first;
    const struct xc_channel_block *block = &c->blocks[head];
    bool was_above = channel->buffered > channel->low_threshold;
    if (block->ppid == XC_PPID_STRING || block->ppid == XC_PPID_BINARY)
        channel->buffered -= block->size;
    if (was_above && channel->buffered <= channel->low_threshold)
        channel->low_due = c->events_due = true;
    channel->first = block->next_message;
    free_message(c, head);
    follow_room(c);
}

void xc_channels_drop_queue(struct xc_channels *c, struct xc_channel *channel)
{
    while (channel->first != XC_CHANNEL_NO_BLOCK)
        pop(c, channel);
    channel->buffered = 0;
}

static void rotate(struct xc_channels *c, bool keep)
{
    uint16_t slot = c->active[c->active_first];
    c->active_first = (c->active_first + 1) % c->config.channels_max;
    c->active_count--;
    if (keep) {
        c->active[(c->active_first + c->active_count) % c->config.channels_max] = slot;
        c->active_count++;
    } else {
        c->channels[slot].active = false;
    }
}

static uint32_t quantum(const struct xc_channel *channel)
{
    uint32_t priority = XC_CLAMP(channel->priority, 128u, 1024u);
    return QUANTUM * (priority / 128);
}

/* The channel whose turn it is; NULL when nothing waits. */
static struct xc_channel *next_channel(struct xc_channels *c)
{
    while (c->active_count) {
        struct xc_channel *channel = &c->channels[c->active[c->active_first]];
        if (channel->first == XC_CHANNEL_NO_BLOCK) {
            rotate(c, false);
            continue;
        }
        if (c->active_count == 1 || channel->credit >= c->blocks[channel->first].size)
            return channel;
        channel->credit += quantum(channel); /* for its next turn */
        rotate(c, true);
    }
    return NULL;
}

static void describe(const struct xc_channels *c, const struct xc_channel *channel,
                     struct xc_channels_out *out)
{
    out->type = XC_CHANNELS_SEND;
    out->slot = xc_channel_slot(c, channel);
    out->serial = channel->serial;
    out->stream = channel->stream;
    out->unordered = channel->unordered && channel->acked;
    out->reliability = channel->reliability;
    out->parameter = channel->parameter;
    out->ack = false;
}

static void as_control(struct xc_channels_out *out) /* RFC 8832 section 6: ordered and reliable */
{
    out->ppid = XC_PPID_DCEP;
    out->unordered = false;
    out->reliability = XC_RELIABLE;
    out->parameter = 0;
}

static bool next_message(struct xc_channels *c, struct xc_channels_out *out, uint8_t *memory)
{
    struct xc_channel *channel;
    while ((channel = next_channel(c)) != NULL) {
        const struct xc_channel_block *block = &c->blocks[channel->first];
        if (block->ppid != XC_PPID_DCEP && block->size > c->message_max) {
            c->count.messages_too_long++;
            xc_channels_abandon(c, channel);
            continue;
        }
        describe(c, channel, out);
        out->ppid = block->ppid;
        out->bytes = xc_span_make(memory, block->size);
        if (block->ppid == XC_PPID_DCEP)
            as_control(out);
        for (uint32_t left = block->size, at = channel->first; left; at = c->blocks[at].next) {
            uint32_t n = XC_MIN(left, (uint32_t)XC_CHANNEL_BLOCK_BYTES);
            memcpy(memory + (out->bytes.size - left), c->blocks[at].bytes, n);
            left -= n;
        }
        return true;
    }
    return false;
}

static bool next_ack(struct xc_channels *c, struct xc_channels_out *out, uint8_t *memory)
{
    for (uint32_t i = 0; c->acks_due && i < c->config.channels_max; i++) {
        struct xc_channel *channel = &c->channels[i];
        if (!channel->ack_due)
            continue;
        struct xc_writer w = xc_writer_make(memory, 1);
        xc_dcep_write_ack(&w);
        describe(c, channel, out);
        as_control(out);
        out->ack = true;
        out->bytes = xc_span_make(memory, w.size);
        return true;
    }
    c->acks_due = false;
    return false;
}

static bool next_reset(struct xc_channels *c, struct xc_channels_out *out)
{
    out->stream_count = 0;
    if (c->resets_sent)
        return false; /* RFC 6525 section 5.1.1: one request at a time */
    for (uint32_t byte = 0; byte < sizeof c->reset_due; byte++) {
        for (uint32_t bit = 0; c->reset_due[byte] >> bit && bit < 8; bit++) {
            uint16_t stream = (uint16_t)(byte * 8 + bit);
            if (xc_stream_bit(c->reset_due, stream) && out->stream_count < XC_CHANNEL_RESETS_MAX)
                out->streams[out->stream_count++] = stream;
        }
    }
    if (out->stream_count)
        out->type = XC_CHANNELS_RESET;
    return out->stream_count > 0;
}

bool xc_channels_next(struct xc_channels *c, uint64_t now, struct xc_channels_out *out,
                      uint8_t *memory)
{
    (void)now;
    out->type = XC_CHANNELS_NOTHING;
    return c->up &&
           (next_ack(c, out, memory) || next_message(c, out, memory) || next_reset(c, out));
}

static void resets_done(struct xc_channels *c, const struct xc_channels_out *out, int result)
{
    for (uint32_t i = 0; i < out->stream_count && result != XC_CHANNELS_AGAIN; i++) {
        uint16_t stream = out->streams[i];
        struct xc_channel *channel =
            c->slot_of[stream] ? &c->channels[c->slot_of[stream] - 1] : NULL;
        xc_stream_mark(c->reset_due, stream, false);
        xc_stream_mark(c->reset_sent, stream, true);
        c->resets_sent++;
        if (channel)
            channel->reset_requested = true;
    }
    if (result == XC_CHANNELS_REFUSED) /* a peer without RFC 6525 */
        xc_channels_reset_out(c, 0, out->streams, out->stream_count, false);
}

static void message_sent(struct xc_channels *c, struct xc_channel *channel)
{
    uint32_t size = c->blocks[channel->first].size;
    uint32_t ppid = c->blocks[channel->first].ppid;
    channel->credit -= XC_MIN(size, channel->credit);
    if (ppid != XC_PPID_DCEP) {
        channel->messages_sent++;
        channel->bytes_sent += ppid == XC_PPID_STRING || ppid == XC_PPID_BINARY ? size : 0;
    }
    pop(c, channel);
    if (channel->first == XC_CHANNEL_NO_BLOCK)
        xc_channels_drained(c, channel);
}

void xc_channels_done(struct xc_channels *c, uint64_t now, const struct xc_channels_out *out,
                      int result)
{
    (void)now;
    if (out->type == XC_CHANNELS_RESET) {
        resets_done(c, out, result);
        return;
    }
    struct xc_channel *channel = &c->channels[out->slot];
    if (result == XC_CHANNELS_AGAIN || channel->serial != out->serial)
        return;
    if (result == XC_CHANNELS_REFUSED)
        xc_channels_abandon(c, channel);
    else if (out->ack)
        channel->ack_due = false;
    else if (channel->first != XC_CHANNEL_NO_BLOCK)
        message_sent(c, channel);
}
