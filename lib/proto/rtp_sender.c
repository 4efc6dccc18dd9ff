/* rtp_sender.c - the packet store of one outgoing RTP stream (RFC 3550 section 5.1), its answers to
 * generic NACKs (RFC 4585 section 6.2.1) and the times of its sender reports (section 6.4.1).
 * Retransmissions go on the stream's own SSRC and are byte for byte the first packet.
 * Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "proto/rtp_sender.h"

#include "proto/rtp_clock.h"

/* A NACK storm must not amplify: in any second, retransmissions are at most half of what was first
 * sent in that time, plus a floor that lets a slow stream repair a burst. */
#define RETRANSMIT_SHARE_DIVISOR 2
#define RETRANSMIT_FLOOR_BYTES (16 * 1024)
#define BUCKET_NS (100 * XC_NS_PER_MS)
#define ROUND_TRIP_UNKNOWN (100 * XC_NS_PER_MS)
/* On a local network the round trip is less than what the peer's timers jitter by. */
#define ROUND_TRIP_MIN (5 * XC_NS_PER_MS)

static struct xc_rtp_sender_packet *packet_at(const struct xc_rtp_sender *sender, uint64_t sequence)
{
    return &sender->packets[sequence & (sender->config.packets_max - 1)];
}

static void store(struct xc_rtp_sender *sender, const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return;
    size_t at = (size_t)(sender->bytes_head % sender->config.bytes_max);
    size_t first = XC_MIN(size, sender->config.bytes_max - at);
    memcpy(sender->bytes + at, bytes, first);
    memcpy(sender->bytes, bytes + first, size - first);
    sender->bytes_head += size;
}

static void load(const struct xc_rtp_sender *sender, const struct xc_rtp_sender_packet *packet,
                 uint8_t *out)
{
    size_t at = (size_t)(packet->at % sender->config.bytes_max);
    size_t first = XC_MIN(packet->size, sender->config.bytes_max - at);
    memcpy(out, sender->bytes + at, first);
    memcpy(out + first, sender->bytes, packet->size - first);
}

/* The position of the first byte that must not be overwritten when only packets from `sequence` on
 * count. */
static uint64_t bytes_from(const struct xc_rtp_sender *sender, uint64_t sequence)
{
    return sequence == sender->next_sequence ? sender->bytes_head : packet_at(sender, sequence)->at;
}

static void evict_oldest(struct xc_rtp_sender *sender)
{
    struct xc_rtp_sender_packet *packet = packet_at(sender, sender->oldest);
    if (packet->queued) {
        packet->queued = false;
        sender->queued_bytes -= packet->size;
        sender->counters.nacks_missed++;
    }
    sender->oldest++;
}

static void evict_expired(struct xc_rtp_sender *sender, uint64_t now)
{
    while (sender->oldest < sender->next_unsent) {
        uint64_t sent = packet_at(sender, sender->oldest)->sent;
        if (sender->config.keep_for && now - sent < sender->config.keep_for)
            break;
        evict_oldest(sender);
    }
}

/* Makes room, or answers that only waiting packets are left. */
static bool make_room(struct xc_rtp_sender *sender, size_t size)
{
    const struct xc_rtp_sender_config *config = &sender->config;
    uint64_t unsent = sender->next_unsent;
    if (sender->next_sequence - unsent >= config->packets_max ||
        sender->bytes_head - bytes_from(sender, unsent) + size > config->bytes_max)
        return false;
    while (sender->next_sequence - sender->oldest >= config->packets_max ||
           sender->bytes_head - bytes_from(sender, sender->oldest) + size > config->bytes_max)
        evict_oldest(sender);
    return true;
}

bool xc_rtp_sender_init(struct xc_rtp_sender *sender, struct xc_arena *arena,
                        const struct xc_rtp_sender_config *config)
{
    memset(sender, 0, sizeof *sender);
    uint32_t count = config->packets_max;
    if (count == 0 || count > XC_RTP_SENDER_PACKETS_MAX || (count & (count - 1)) != 0 ||
        config->bytes_max < XC_MTU)
        return false;
    sender->config = *config;
    sender->packets = xc_arena_take(arena, count * sizeof *sender->packets);
    sender->bytes = xc_arena_take_untouched(arena, config->bytes_max);
    sender->oldest = sender->next_unsent = sender->next_sequence = config->first_sequence;
    xc_rtp_sender_set_header(sender, 0, 0, (struct xc_span){0});
    return xc_arena_measuring(arena) || (sender->packets && sender->bytes);
}

void xc_rtp_sender_set_header(struct xc_rtp_sender *sender, uint8_t payload_type, uint8_t mid_id,
                              struct xc_span mid)
{
    struct xc_rtp rtp = {0};
    rtp.payload_type = payload_type;
    rtp.ssrc = sender->config.ssrc;
    if (mid_id && mid.size && mid.size <= XC_RTP_MID_MAX) {
        rtp.extensions[0] = (struct xc_rtp_extension){.id = mid_id, .value = mid};
        rtp.extension_count = 1;
    }
    sender->header_size = xc_rtp_write_header(&rtp, sender->header, sizeof sender->header);
    xc_assert(sender->header_size >= XC_RTP_HEADER_SIZE);
}

size_t xc_rtp_sender_header_size(const struct xc_rtp_sender *sender)
{
    return sender->header_size;
}

bool xc_rtp_sender_add(struct xc_rtp_sender *sender, uint64_t now, uint32_t timestamp, bool marker,
                       uint64_t frame, struct xc_span head, struct xc_span data)
{
    evict_expired(sender, now);
    size_t size = sender->header_size + head.size + data.size;
    /* Each part alone first, so that the sum cannot have wrapped. */
    if (head.size > XC_RTP_PACKET_MAX || data.size > XC_RTP_PACKET_MAX ||
        size > XC_RTP_PACKET_MAX || !make_room(sender, size)) {
        sender->counters.packets_dropped++;
        return false;
    }
    uint8_t header[XC_RTP_HEADER_TEMPLATE];
    memcpy(header, sender->header, sender->header_size);
    header[1] = (uint8_t)((header[1] & 0x7f) | (marker ? 0x80 : 0));
    xc_store16(header + 2, (uint16_t)sender->next_sequence);
    xc_store32(header + 4, timestamp + sender->config.timestamp_offset);

    *packet_at(sender, sender->next_sequence) = (struct xc_rtp_sender_packet){
        .at = sender->bytes_head,
        .frame = frame,
        .size = (uint16_t)size,
        .header_size = (uint8_t)sender->header_size,
    };
    store(sender, header, sender->header_size);
    store(sender, head.data, head.size);
    store(sender, data.data, data.size);
    sender->next_sequence++;
    if (!sender->captured) {
        sender->reference_time = now;
        sender->reference_timestamp = timestamp;
    }
    return true;
}

void xc_rtp_sender_drop_waiting(struct xc_rtp_sender *sender)
{
    sender->bytes_head = bytes_from(sender, sender->next_unsent);
    sender->counters.packets_dropped += (uint32_t)(sender->next_sequence - sender->next_unsent);
    sender->next_sequence = sender->next_unsent;
}

/* The first number in the retransmission queue that is still kept; *index where it stands. */
static bool queue_peek(const struct xc_rtp_sender *sender, uint32_t *index, uint64_t *sequence)
{
    for (uint32_t i = sender->queue_first; i != sender->queue_end; i++) {
        uint64_t number = sender->queue[i % XC_RTP_RETRANSMIT_QUEUE];
        if (number < sender->oldest)
            continue;
        *index = i;
        *sequence = number;
        return true;
    }
    return false;
}

bool xc_rtp_sender_waiting(const struct xc_rtp_sender *sender, size_t *next_size)
{
    uint32_t index;
    uint64_t sequence = sender->next_unsent;
    if (!queue_peek(sender, &index, &sequence) && sequence == sender->next_sequence)
        return false;
    if (next_size)
        *next_size = packet_at(sender, sequence)->size;
    return true;
}

uint32_t xc_rtp_sender_waiting_bytes(const struct xc_rtp_sender *sender)
{
    uint64_t unsent = sender->bytes_head - bytes_from(sender, sender->next_unsent);
    return (uint32_t)unsent + sender->queued_bytes;
}

static void advance_buckets(struct xc_rtp_sender *sender, uint64_t now)
{
    uint64_t tick = now / BUCKET_NS;
    for (uint32_t i = 0; i < XC_RTP_SENDER_BUCKETS && sender->bucket_tick < tick; i++) {
        sender->bucket_tick++;
        sender->sent_bytes[sender->bucket_tick % XC_RTP_SENDER_BUCKETS] = 0;
        sender->resent_bytes[sender->bucket_tick % XC_RTP_SENDER_BUCKETS] = 0;
    }
    sender->bucket_tick = XC_MAX(sender->bucket_tick, tick);
}

static bool under_cap(const struct xc_rtp_sender *sender, uint32_t size)
{
    uint64_t sent = 0, resent = sender->queued_bytes;
    for (uint32_t i = 0; i < XC_RTP_SENDER_BUCKETS; i++) {
        sent += sender->sent_bytes[i];
        resent += sender->resent_bytes[i];
    }
    return resent + size <= sent / RETRANSMIT_SHARE_DIVISOR + RETRANSMIT_FLOOR_BYTES;
}

/* Counts a packet as sent now and describes it. */
static void account(struct xc_rtp_sender *sender, struct xc_rtp_sender_packet *packet, uint64_t now,
                    bool again, const uint8_t *bytes, struct xc_rtp_packet_out *info)
{
    struct xc_rtp_sender_counters *counters = &sender->counters;
    uint32_t payload = (uint32_t)packet->size - packet->header_size;
    advance_buckets(sender, now);
    uint64_t bucket = sender->bucket_tick % XC_RTP_SENDER_BUCKETS;
    if (again) {
        packet->queued = false;
        packet->repeated = true;
        packet->resent = now;
        sender->queued_bytes -= packet->size;
        sender->resent_bytes[bucket] += packet->size;
        counters->retransmitted_packets++;
        counters->retransmitted_bytes += payload;
    } else {
        packet->sent = now;
        sender->sent_bytes[bucket] += packet->size;
    }
    counters->packets_sent++;
    counters->bytes_sent += payload;
    counters->header_bytes_sent += packet->header_size;
    if (!info)
        return;
    *info = (struct xc_rtp_packet_out){
        .sequence = xc_load16(bytes + 2),
        .timestamp = xc_load32(bytes + 4),
        .marker = bytes[1] >> 7,
        .retransmission = again,
        .frame = packet->frame,
        .size = packet->size,
        .payload_size = payload,
    };
}

bool xc_rtp_sender_next(struct xc_rtp_sender *sender, uint64_t now, uint8_t *out, size_t capacity,
                        struct xc_rtp_packet_out *info)
{
    evict_expired(sender, now);
    uint32_t index = 0;
    uint64_t sequence = sender->next_unsent;
    bool again = queue_peek(sender, &index, &sequence);
    if (!again && sequence == sender->next_sequence)
        return false;
    struct xc_rtp_sender_packet *packet = packet_at(sender, sequence);
    if (packet->size > capacity)
        return false;
    load(sender, packet, out);
    if (again)
        sender->queue_first = index + 1;
    else
        sender->next_unsent++;
    account(sender, packet, now, again, out, info);
    if (!sender->config.keep_for)
        evict_expired(sender, now);
    return true;
}

/* One packet asked for. */
static void retransmit(struct xc_rtp_sender *sender, uint64_t now, uint64_t round_trip,
                       uint16_t wanted)
{
    sender->counters.nacks_received++;
    int32_t behind = xc_seq16_diff((uint16_t)sender->next_unsent, wanted);
    if (behind <= 0 || (uint64_t)behind > sender->next_unsent - sender->oldest) {
        sender->counters.nacks_missed++;
        return;
    }
    uint64_t sequence = sender->next_unsent - (uint64_t)behind;
    struct xc_rtp_sender_packet *packet = packet_at(sender, sequence);
    if (packet->queued || (packet->repeated && now < packet->resent + round_trip))
        return; /* on its way already */
    if (sender->queue_end - sender->queue_first == XC_RTP_RETRANSMIT_QUEUE ||
        !under_cap(sender, packet->size)) {
        sender->counters.nacks_missed++;
        return;
    }
    packet->queued = true;
    sender->queued_bytes += packet->size;
    sender->queue[sender->queue_end++ % XC_RTP_RETRANSMIT_QUEUE] = sequence;
}

void xc_rtp_sender_nack(struct xc_rtp_sender *sender, uint64_t now, uint64_t round_trip,
                        const struct xc_rtcp_nack *nacks, size_t count)
{
    evict_expired(sender, now);
    while (sender->queue_first != sender->queue_end &&
           sender->queue[sender->queue_first % XC_RTP_RETRANSMIT_QUEUE] < sender->oldest)
        sender->queue_first++;
    advance_buckets(sender, now);
    uint64_t apart = round_trip ? XC_MAX(round_trip, ROUND_TRIP_MIN) : ROUND_TRIP_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        retransmit(sender, now, apart, nacks[i].pid);
        for (unsigned bit = 0; bit < 16; bit++)
            if (nacks[i].blp >> bit & 1)
                retransmit(sender, now, apart, (uint16_t)(nacks[i].pid + bit + 1));
    }
}

void xc_rtp_sender_capture(struct xc_rtp_sender *sender, uint64_t capture, uint32_t timestamp)
{
    sender->captured = true;
    sender->reference_time = capture;
    sender->reference_timestamp = timestamp;
}

uint32_t xc_rtp_sender_timestamp_at(const struct xc_rtp_sender *sender, uint64_t now)
{
    uint32_t rate = sender->config.clock_rate;
    uint32_t timestamp = sender->config.timestamp_offset + sender->reference_timestamp;
    if (now >= sender->reference_time)
        return timestamp + xc_rtp_ticks(now - sender->reference_time, rate);
    return timestamp - xc_rtp_ticks(sender->reference_time - now, rate);
}

const struct xc_rtp_sender_counters *xc_rtp_sender_counters(const struct xc_rtp_sender *sender)
{
    return &sender->counters;
}
