/* channels.c - the life of data channels; see channels.h. A channel is over when both directions of its
 * stream were reset, ours acknowledged (RFC 8831 section 6.7); only then its id may be used again.
 * SPDX-License-Identifier: MIT */
#include "call/channels_state.h"

struct xc_channels *xc_channels_create(struct xc_arena *arena,
                                       const struct xc_channels_config *config)
{
    struct xc_byte_ring probe;
    struct xc_channels *c = xc_arena_take_untouched(arena, sizeof *c);
    uint32_t blocks = config->send_bytes / XC_CHANNEL_BLOCK_SIZE;
    bool ok = xc_byte_ring_init_untouched(c ? &c->records : &probe, arena, config->receive_bytes);
    struct xc_channel *channels =
        xc_arena_take_untouched(arena, config->channels_max * sizeof *channels);
    uint16_t *active = xc_arena_take_untouched(arena, config->channels_max * sizeof *active);
    struct xc_channel_block *memory =
        xc_arena_take_untouched(arena, (size_t)blocks * sizeof *memory);
    if (!c || !ok || !channels || !active || !memory)
        return NULL;
    c->config = *config;
    c->channels = channels;
    c->active = active;
    c->blocks = memory;
    c->block_count = blocks;
    c->message_max = XC_CHANNEL_MESSAGE_DEFAULT;
    c->streams = XC_CHANNEL_STREAMS;
    xc_channels_init_blocks(c);
    return c;
}

static struct xc_channel *of_stream(struct xc_channels *c, uint16_t stream)
{
    return stream < XC_CHANNEL_STREAMS && c->slot_of[stream] ? &c->channels[c->slot_of[stream] - 1]
                                                             : NULL;
}

static struct xc_channel *of_id(const struct xc_channels *c, uint32_t slot, uint64_t serial)
{
    if (slot >= c->config.channels_max)
        return NULL;
    struct xc_channel *channel = &c->channels[slot];
    return channel->state != XC_CHANNEL_FREE && channel->serial == serial ? channel : NULL;
}

static bool stream_is_free(const struct xc_channels *c, uint16_t stream)
{
    return !c->slot_of[stream] && !xc_stream_bit(c->reset_due, stream) &&
           !xc_stream_bit(c->reset_sent, stream) && !xc_stream_bit(c->stream_lost, stream);
}

static void take_stream(struct xc_channels *c, struct xc_channel *channel, uint16_t stream)
{
    channel->stream = stream;
    c->slot_of[stream] = (uint16_t)(xc_channel_slot(c, channel) + 1);
}

static void leave_stream(struct xc_channels *c, struct xc_channel *channel)
{
    if (channel->stream != XC_CHANNEL_NO_STREAM)
        c->slot_of[channel->stream] = 0;
    channel->stream = XC_CHANNEL_NO_STREAM;
}

/* The lowest free one of our parity: even for the DTLS client (RFC 8832 section 6). */
static bool choose_stream(struct xc_channels *c, struct xc_channel *channel)
{
    for (uint32_t stream = c->dtls_client ? 0 : 1; stream < c->streams; stream += 2) {
        if (!stream_is_free(c, (uint16_t)stream))
            continue;
        take_stream(c, channel, (uint16_t)stream);
        return true;
    }
    return false;
}

static struct xc_channel *free_slot(struct xc_channels *c)
{
    for (uint32_t i = 0; i < c->config.channels_max; i++)
        if (c->channels[i].state == XC_CHANNEL_FREE)
            return &c->channels[i];
    return NULL;
}

static void begin(struct xc_channel *channel, const struct xc_channel_options *options,
                  uint64_t serial)
{
    bool active = channel->active; /* it may still stand in that list */
    *channel = (struct xc_channel){.serial = serial,
                                   .state = XC_CHANNEL_CONNECTING,
                                   .stream = XC_CHANNEL_NO_STREAM,
                                   .priority = options->priority,
                                   .unordered = options->unordered,
                                   .negotiated = options->negotiated,
                                   .reliability = options->reliability,
                                   .parameter = options->parameter,
                                   .low_threshold = options->low_threshold,
                                   .first = XC_CHANNEL_NO_BLOCK,
                                   .active = active};
}

static void close_now(struct xc_channels *c, struct xc_channel *channel)
{
    xc_channels_drop_queue(c, channel);
    leave_stream(c, channel);
    channel->state = XC_CHANNEL_CLOSED;
    channel->open_due = channel->low_due = channel->ack_due = channel->starved = false;
    channel->closed_due = c->events_due = true;
}

static void become_open(struct xc_channels *c, struct xc_channel *channel)
{
    channel->state = XC_CHANNEL_OPEN;
    channel->acked = true;
    channel->open_due = c->events_due = true;
}

/* --- host ------------------------------------------------------------------------------------ */

static bool queue_open(struct xc_channels *c, struct xc_channel *channel,
                       const struct xc_channel_options *options)
{
    uint8_t head[XC_DCEP_OPEN_HEADER];
    struct xc_dcep_open open = {.unordered = options->unordered,
                                .reliability = options->reliability,
                                .priority = options->priority,
                                .parameter = options->parameter};
    struct xc_writer w = xc_writer_make(head, sizeof head);
    xc_dcep_write_open(&w, &open);
    xc_store16(head + 8, (uint16_t)options->label.size);
    xc_store16(head + 10, (uint16_t)options->protocol.size);
    return xc_channels_queue(c, channel, XC_PPID_DCEP, xc_span_make(head, w.size), options->label,
                             options->protocol);
}

int32_t xc_channels_open(struct xc_channels *c, const struct xc_channel_options *options,
                         uint64_t serial, uint32_t *slot)
{
    struct xc_channel *channel = free_slot(c);
    if (c->ended)
        return XCALL_E_ENDED;
    if (options->negotiated &&
        (options->stream >= c->streams || !stream_is_free(c, options->stream)))
        return XCALL_E_INVALID;
    if (!channel)
        return XCALL_E_LIMIT;
    begin(channel, options, serial);
    if (options->negotiated) {
        take_stream(c, channel, options->stream);
        if (c->up)
            become_open(c, channel);
    } else if (c->up && !choose_stream(c, channel)) {
        channel->state = XC_CHANNEL_FREE;
        return XCALL_E_LIMIT;
    } else if (!queue_open(c, channel, options)) {
        leave_stream(c, channel);
        channel->state = XC_CHANNEL_FREE;
        return XCALL_E_AGAIN;
    }
    *slot = xc_channel_slot(c, channel);
    return XCALL_OK;
}

int32_t xc_channels_send(struct xc_channels *c, uint32_t slot, uint64_t serial, bool text,
                         struct xc_span message)
{
    static const uint8_t nothing[1] = {0}; /* RFC 8831 section 6.6 */
    struct xc_channel *channel = of_id(c, slot, serial);
    uint32_t ppid = text ? XC_PPID_STRING : XC_PPID_BINARY;
    if (!channel)
        return XCALL_E_ENDED;
    if (channel->state > XC_CHANNEL_OPEN)
        return XCALL_E_STATE;
    if (message.size > c->message_max)
        return XCALL_E_LIMIT;
    size_t counted = message.size;
    if (!message.size) {
        ppid = text ? XC_PPID_STRING_EMPTY : XC_PPID_BINARY_EMPTY;
        message = xc_span_make(nothing, 1);
    }
    struct xc_span none = xc_span_make(NULL, 0);
    if (!xc_channels_queue(c, channel, ppid, message, none, none)) {
        channel->starved = c->starving = true;
        return XCALL_E_AGAIN;
    }
    channel->buffered += counted;
    return XCALL_OK;
}

int32_t xc_channels_close(struct xc_channels *c, uint32_t slot, uint64_t serial)
{
    struct xc_channel *channel = of_id(c, slot, serial);
    if (!channel)
        return XCALL_E_ENDED;
    if (channel->state > XC_CHANNEL_OPEN)
        return XCALL_OK;
    channel->closed_here = true;
    if (!c->up) {
        close_now(c, channel);
        return XCALL_OK;
    }
    channel->state = XC_CHANNEL_CLOSING; /* what waits still goes out: RFC 8831 section 6.7 */
    if (channel->first == XC_CHANNEL_NO_BLOCK)
        xc_channels_drained(c, channel);
    return XCALL_OK;
}

int32_t xc_channels_info(const struct xc_channels *c, uint32_t slot, uint64_t serial,
                         struct xc_channel_info *info)
{
    const struct xc_channel *channel = of_id(c, slot, serial);
    if (!channel)
        return XCALL_E_ENDED;
    *info = (struct xc_channel_info){.state = channel->state,
                                     .stream = channel->stream,
                                     .unordered = channel->unordered,
                                     .negotiated = channel->negotiated,
                                     .remote = channel->remote,
                                     .reliability = channel->reliability,
                                     .parameter = channel->parameter,
                                     .priority = channel->priority,
                                     .buffered = channel->buffered,
                                     .low_threshold = channel->low_threshold,
                                     .messages_sent = channel->messages_sent,
                                     .bytes_sent = channel->bytes_sent,
                                     .messages_received = channel->messages_received,
                                     .bytes_received = channel->bytes_received};
    return XCALL_OK;
}

int32_t xc_channels_set_low(struct xc_channels *c, uint32_t slot, uint64_t serial,
                            uint64_t threshold)
{
    struct xc_channel *channel = of_id(c, slot, serial);
    if (!channel)
        return XCALL_E_ENDED;
    channel->low_threshold = threshold;
    return XCALL_OK;
}

/* --- closing --------------------------------------------------------------------------------- */

static void want_reset(struct xc_channels *c, uint16_t stream)
{
    if (!xc_stream_bit(c->reset_sent, stream))
        xc_stream_mark(c->reset_due, stream, true);
}

void xc_channels_drained(struct xc_channels *c, struct xc_channel *channel)
{
    if (channel->state == XC_CHANNEL_CLOSING && !channel->reset_requested && !channel->reset_out &&
        channel->stream != XC_CHANNEL_NO_STREAM)
        want_reset(c, channel->stream);
}

void xc_channels_abandon(struct xc_channels *c, struct xc_channel *channel)
{
    channel->state = XC_CHANNEL_CLOSING;
    channel->ack_due = false;
    xc_channels_drop_queue(c, channel);
    channel->low_due = false;
    xc_channels_drained(c, channel);
}

static void finish_if_both(struct xc_channels *c, struct xc_channel *channel)
{
    if (channel->reset_in && channel->reset_out)
        close_now(c, channel);
}

static void stream_reset_in(struct xc_channels *c, uint16_t stream)
{
    struct xc_channel *channel = of_stream(c, stream);
    if (!channel || channel->state == XC_CHANNEL_CLOSED)
        return;
    channel->reset_in = true;
    if (channel->reset_out)
        finish_if_both(c, channel);
    else
        xc_channels_abandon(c, channel);
}

void xc_channels_reset_in(struct xc_channels *c, uint64_t now, const uint16_t *streams,
                          uint32_t count)
{
    (void)now;
    for (uint32_t i = 0; i < count; i++)
        stream_reset_in(c, streams[i]);
    for (uint32_t stream = 0; !count && stream < XC_CHANNEL_STREAMS; stream++)
        stream_reset_in(c, (uint16_t)stream);
}

static void stream_reset_out(struct xc_channels *c, uint16_t stream, bool taken)
{
    struct xc_channel *channel = of_stream(c, stream);
    if (stream >= XC_CHANNEL_STREAMS || !xc_stream_bit(c->reset_sent, stream))
        return; /* nothing that we asked for */
    xc_stream_mark(c->reset_sent, stream, false);
    c->resets_sent--;
    if (!taken)
        xc_stream_mark(c->stream_lost, stream, true);
    if (!channel || !channel->reset_requested)
        return; /* one that we refused, or a newer one on this id */
    channel->reset_out = true;
    if (!taken)
        channel->reset_in = true; /* it will not come either */
    finish_if_both(c, channel);
}

void xc_channels_reset_out(struct xc_channels *c, uint64_t now, const uint16_t *streams,
                           uint32_t count, bool taken)
{
    (void)now;
    for (uint32_t i = 0; i < count; i++)
        stream_reset_out(c, streams[i], taken);
    for (uint32_t stream = 0; !count && stream < XC_CHANNEL_STREAMS; stream++)
        stream_reset_out(c, (uint16_t)stream, taken);
}

/* --- the association ------------------------------------------------------------------------- */

void xc_channels_up(struct xc_channels *c, uint64_t now, bool dtls_client, uint16_t streams,
                    uint32_t remote_message_max)
{
    (void)now;
    if (c->up || c->ended)
        return;
    c->up = true;
    c->dtls_client = dtls_client;
    c->streams = (uint16_t)XC_MIN(streams, (uint16_t)XC_CHANNEL_STREAMS);
    c->message_max = remote_message_max ? XC_MIN(remote_message_max, XC_CHANNEL_MESSAGE_MAX)
                                        : XC_CHANNEL_MESSAGE_MAX;
    for (uint32_t i = 0; i < c->config.channels_max; i++) {
        struct xc_channel *channel = &c->channels[i];
        if (channel->state != XC_CHANNEL_CONNECTING)
            continue;
        if (channel->negotiated ? channel->stream >= c->streams : !choose_stream(c, channel))
            close_now(c, channel);
        else if (channel->negotiated)
            become_open(c, channel);
    }
}

void xc_channels_down(struct xc_channels *c, uint64_t now)
{
    (void)now;
    c->up = false;
    c->ended = true;
    for (uint32_t i = 0; i < c->config.channels_max; i++) {
        struct xc_channel *channel = &c->channels[i];
        if (channel->state != XC_CHANNEL_FREE && channel->state != XC_CHANNEL_CLOSED)
            close_now(c, channel);
    }
}

/* --- records for the host -------------------------------------------------------------------- */

#define RECORD_SIZE(bytes) ((uint32_t)(sizeof(struct xc_channel_record) + 2 + (bytes)))

bool xc_channels_may_receive(const struct xc_channels *c)
{
    /* One message may make two records: that its channel is open (or an older one of its id closed),
     * and itself. */
    return !c->events_due &&
           xc_byte_ring_room(&c->records) >= RECORD_SIZE(XC_CHANNEL_MESSAGE_MAX) + RECORD_SIZE(0);
}

static bool write_record(struct xc_channels *c, const struct xc_channel *channel, uint64_t now,
                         uint32_t type, bool text, struct xc_span first, struct xc_span second)
{
    struct xc_channel_record record = {.serial = channel->serial,
                                       .time = now,
                                       .slot = xc_channel_slot(c, channel),
                                       .type = type,
                                       .state = channel->state,
                                       .size = (uint32_t)first.size,
                                       .protocol_size = (uint32_t)second.size,
                                       .text = text,
                                       .remote = channel->remote,
                                       .unordered = channel->unordered};
    if (xc_byte_ring_room(&c->records) < RECORD_SIZE(first.size + second.size))
        return false;
    const struct xc_span parts[] = {xc_span_make(&record, sizeof record), first,
                                    xc_span_make("", 1), second, xc_span_make("", 1)};
    xc_byte_ring_write_all(&c->records, parts, XC_ARRAY_LEN(parts));
    return true;
}

static bool flush_channel(struct xc_channels *c, struct xc_channel *channel, uint64_t now)
{
    struct xc_span none = xc_span_make(NULL, 0);
    if (channel->open_due) {
        if (!write_record(c, channel, now, XC_CHANNEL_RECORD_STATE, false, none, none))
            return false;
        channel->open_due = false;
    }
    if (channel->low_due) {
        if (!write_record(c, channel, now, XC_CHANNEL_RECORD_LOW, false, none, none))
            return false;
        channel->low_due = false;
    }
    if (channel->closed_due) {
        if (!write_record(c, channel, now, XC_CHANNEL_RECORD_STATE, false, none, none))
            return false;
        channel->closed_due = false;
        channel->state = XC_CHANNEL_FREE;
    }
    return true;
}

bool xc_channels_flush(struct xc_channels *c, uint64_t now)
{
    for (uint32_t i = 0; c->events_due && i < c->config.channels_max; i++)
        if (!flush_channel(c, &c->channels[i], now))
            return false;
    c->events_due = false;
    return true;
}

struct xc_byte_ring *xc_channels_records(struct xc_channels *c)
{
    return &c->records;
}

const struct xc_channels_counters *xc_channels_counters(const struct xc_channels *c)
{
    return &c->count;
}

/* --- what the peer sends --------------------------------------------------------------------- */

/* No ACK: our side of the stream is reset (RFC 8832 section 6). */
static void refuse(struct xc_channels *c, uint16_t stream)
{
    struct xc_channel *channel = of_stream(c, stream);
    c->count.opens_refused++;
    if (channel)
        xc_channels_abandon(c, channel);
    else if (!xc_stream_bit(c->stream_lost, stream))
        want_reset(c, stream);
}

/* The peer has seen both resets of the old channel, its answer to ours is still under way: it may use
 * the id again. */
static void make_way(struct xc_channels *c, uint64_t now, uint16_t stream)
{
    struct xc_channel *old = of_stream(c, stream);
    if (!old || old->state != XC_CHANNEL_CLOSING || !old->reset_in || !old->reset_requested)
        return;
    close_now(c, old);
    flush_channel(c, old, now);
}

static void peer_opens(struct xc_channels *c, uint64_t now, uint16_t stream, struct xc_span message,
                       uint64_t serial)
{
    struct xc_dcep_open open;
    make_way(c, now, stream);
    struct xc_channel *channel = free_slot(c);
    bool parity_of_peer = (stream % 2 == 0) == !c->dtls_client;
    if (!xc_dcep_parse_open(&open, message) || !parity_of_peer || !channel || c->slot_of[stream] ||
        stream >= c->streams || xc_stream_bit(c->reset_due, stream) ||
        xc_stream_bit(c->stream_lost, stream)) {
        refuse(c, stream);
        return;
    }
    struct xc_channel_options options = {.unordered = open.unordered,
                                         .reliability = open.reliability,
                                         .parameter = open.parameter,
                                         .priority = open.priority,
                                         .low_threshold = UINT64_MAX};
    begin(channel, &options, serial);
    take_stream(c, channel, stream);
    channel->remote = channel->acked = true;
    channel->state = XC_CHANNEL_OPEN;
    channel->ack_due = c->acks_due = true;
    write_record(c, channel, now, XC_CHANNEL_RECORD_STATE, false, open.label, open.protocol);
}

static void peer_sends(struct xc_channels *c, uint64_t now, struct xc_channel *channel,
                       uint32_t ppid, struct xc_span message)
{
    bool text = ppid == XC_PPID_STRING || ppid == XC_PPID_STRING_EMPTY;
    bool empty = ppid == XC_PPID_STRING_EMPTY || ppid == XC_PPID_BINARY_EMPTY;
    struct xc_span none = xc_span_make(NULL, 0);
    if (!channel || channel->closed_here || channel->state == XC_CHANNEL_CLOSED ||
        message.size > XC_CHANNEL_MESSAGE_MAX || (!text && !empty && ppid != XC_PPID_BINARY)) {
        c->count.messages_ignored++;
        return;
    }
    if (channel->state == XC_CHANNEL_CONNECTING) { /* it knows the channel: as good as an ACK */
        become_open(c, channel);
        flush_channel(c, channel, now);
    }
    channel->messages_received++;
    channel->bytes_received += empty ? 0 : message.size;
    write_record(c, channel, now, XC_CHANNEL_RECORD_MESSAGE, text, empty ? none : message, none);
}

void xc_channels_received(struct xc_channels *c, uint64_t now, uint16_t stream, uint32_t ppid,
                          struct xc_span message, uint64_t serial)
{
    struct xc_channel *channel = of_stream(c, stream);
    if (!c->up || stream >= XC_CHANNEL_STREAMS) {
        c->count.messages_ignored++;
        return;
    }
    if (ppid != XC_PPID_DCEP) {
        peer_sends(c, now, channel, ppid, message);
        return;
    }
    switch (xc_dcep_type(message)) {
    case XC_DCEP_OPEN:
        peer_opens(c, now, stream, message, serial);
        break;
    case XC_DCEP_ACK:
        if (channel && channel->state == XC_CHANNEL_CONNECTING)
            become_open(c, channel);
        break;
    default:
        c->count.messages_ignored++;
        break;
    }
}
