/* rtp_sender.c - the packet store of one outgoing RTP stream (RFC 3550 section 5.1), its answers to
 * generic NACKs (RFC 4585 section 6.2.1) and the times of its sender reports (section 6.4.1).
 * Retransmissions go by RTX (RFC 4588 section 4), or on the stream's own SSRC and then byte for byte
 * as the first packet went. Owner: the session's thread.
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

/* The size at which a packet goes out again. */
static uint32_t resend_size(const struct xc_rtp_sender_packet *packet)
{
    return packet->size + (packet->repair_payload_type ? XC_RTP_OSN_SIZE : 0u);
}

static void evict_oldest(struct xc_rtp_sender *sender)
{
    struct xc_rtp_sender_packet *packet = packet_at(sender, sender->oldest);
    if (packet->queued) {
        packet->queued = false;
        sender->queued_bytes -= resend_size(packet);
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
    sender->repair_sequence = config->repair_first_sequence;
    return xc_arena_measuring(arena) || (sender->packets && sender->bytes);
}

void xc_rtp_sender_set_header(struct xc_rtp_sender *sender,
                              const struct xc_rtp_sender_header *header)
{
    sender->header = *header;
    sender->header.mid = (struct xc_span){NULL, 0};
    if (!sender->config.repair_ssrc)
        sender->header.repair_payload_type = 0;
    sender->mid_size = header->mid.size <= XC_RTP_MID_MAX ? header->mid.size : 0;
    if (sender->mid_size)
        memcpy(sender->mid, header->mid.data, sender->mid_size);
}

struct value_bytes {
    uint8_t level[XC_EXT_AUDIO_LEVEL_SIZE], capture[XC_EXT_CAPTURE_OFFSET_SIZE];
    uint8_t delay[XC_EXT_PLAYOUT_DELAY_SIZE], orientation[XC_EXT_ORIENTATION_SIZE];
};

static void extend(const struct xc_rtp_sender *sender, struct xc_rtp *rtp, int extension,
                   const uint8_t *data, size_t size)
{
    uint8_t id = sender->header.extension_ids[extension];
    if (id && size)
        rtp->extensions[rtp->extension_count++] =
            (struct xc_rtp_extension){.id = id, .value = {data, size}};
}

static void extend_by_values(const struct xc_rtp_sender *sender, struct xc_rtp *rtp,
                             const struct xc_rtp_values *values, struct value_bytes *bytes)
{
    if (values->has_audio_level) {
        xc_ext_audio_level_write(bytes->level, values->audio_level, values->voice);
        extend(sender, rtp, XC_EXT_AUDIO_LEVEL, bytes->level, sizeof bytes->level);
    }
    if (values->has_capture) {
        size_t size =
            xc_ext_capture_write(bytes->capture, values->capture_ntp,
                                 values->has_capture_offset ? &values->capture_offset : NULL);
        extend(sender, rtp, XC_EXT_ABS_CAPTURE_TIME, bytes->capture, size);
    }
    if (values->has_playout_delay) {
        xc_ext_playout_delay_write(bytes->delay, values->playout_delay_min,
                                   values->playout_delay_max);
        extend(sender, rtp, XC_EXT_PLAYOUT_DELAY, bytes->delay, sizeof bytes->delay);
    }
    if (values->has_rotation) {
        xc_ext_orientation_write(bytes->orientation, values->camera_back, values->flipped,
                                 values->rotation);
        extend(sender, rtp, XC_EXT_VIDEO_ORIENTATION, bytes->orientation,
               sizeof bytes->orientation);
    }
}

/* The header of the next packet, with zeros for what is known when it goes out. Those two stand
 * first, so that where they stand is known. */
static size_t write_header(const struct xc_rtp_sender *sender, const struct xc_rtp_values *values,
                           uint8_t out[XC_RTP_HEADER_MAX], struct xc_rtp_sender_packet *packet)
{
    static const uint8_t later[XC_EXT_SEND_TIME_SIZE];
    const uint8_t *ids = sender->header.extension_ids;
    struct value_bytes bytes;
    struct xc_rtp rtp = {0};
    rtp.payload_type = sender->header.payload_type;
    rtp.sequence = (uint16_t)sender->next_sequence;
    rtp.ssrc = sender->config.ssrc;
    extend(sender, &rtp, XC_EXT_TRANSPORT_CC, later, XC_EXT_TRANSPORT_SIZE);
    extend(sender, &rtp, XC_EXT_ABS_SEND_TIME, later, XC_EXT_SEND_TIME_SIZE);
    extend(sender, &rtp, XC_EXT_MID, sender->mid, sender->mid_size);
    if (values)
        extend_by_values(sender, &rtp, values, &bytes);
    size_t size = xc_rtp_write_header(&rtp, out, XC_RTP_HEADER_MAX);
    xc_assert(size >= XC_RTP_HEADER_SIZE);
    if (!packet || !rtp.extension_count)
        return size;
    uint8_t element = out[XC_RTP_HEADER_SIZE] == 0xbe ? 1 : 2; /* the size of an element's head */
    uint8_t at = XC_RTP_HEADER_SIZE + 4;
    if (ids[XC_EXT_TRANSPORT_CC]) {
        packet->transport_at = (uint8_t)(at + element);
        at = (uint8_t)(at + element + XC_EXT_TRANSPORT_SIZE);
    }
    if (ids[XC_EXT_ABS_SEND_TIME])
        packet->send_time_at = (uint8_t)(at + element);
    return size;
}

size_t xc_rtp_sender_header_size(const struct xc_rtp_sender *sender,
                                 const struct xc_rtp_values *values)
{
    uint8_t header[XC_RTP_HEADER_MAX];
    return write_header(sender, values, header, NULL);
}

size_t xc_rtp_sender_room(const struct xc_rtp_sender *sender, const struct xc_rtp_values *values)
{
    size_t repair = sender->header.repair_payload_type ? XC_RTP_OSN_SIZE : 0;
    return XC_RTP_PACKET_MAX - repair - xc_rtp_sender_header_size(sender, values);
}

bool xc_rtp_sender_add(struct xc_rtp_sender *sender, uint64_t now, uint32_t timestamp, bool marker,
                       uint64_t frame, struct xc_span head, struct xc_span data,
                       const struct xc_rtp_values *values, uint8_t payload_type)
{
    evict_expired(sender, now);
    uint8_t header[XC_RTP_HEADER_MAX];
    bool other = payload_type && payload_type != sender->header.payload_type;
    struct xc_rtp_sender_packet packet = {
        .at = sender->bytes_head,
        .frame = frame,
        .repair_payload_type = other ? 0 : sender->header.repair_payload_type,
    };
    size_t header_size = write_header(sender, values, header, &packet);
    size_t size = header_size + head.size + data.size;
    size_t most = XC_RTP_PACKET_MAX - (packet.repair_payload_type ? XC_RTP_OSN_SIZE : 0);
    /* Each part alone first, so that the sum cannot have wrapped. */
    if (head.size > XC_RTP_PACKET_MAX || data.size > XC_RTP_PACKET_MAX || size > most ||
        !make_room(sender, size)) {
        sender->counters.packets_dropped++;
        return false;
    }
    if (other)
        header[1] = payload_type & 0x7f;
    header[1] = (uint8_t)(header[1] | (marker ? 0x80 : 0));
    xc_store32(header + 4, timestamp + sender->config.timestamp_offset);

    packet.size = (uint16_t)size;
    packet.header_size = (uint8_t)header_size;
    *packet_at(sender, sender->next_sequence) = packet;
    store(sender, header, header_size);
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
    bool again = queue_peek(sender, &index, &sequence);
    if (!again && sequence == sender->next_sequence)
        return false;
    const struct xc_rtp_sender_packet *packet = packet_at(sender, sequence);
    if (next_size)
        *next_size = again ? resend_size(packet) : packet->size;
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

/* Counts a packet as sent now, with `size` bytes, and describes it. */
static void account(struct xc_rtp_sender *sender, struct xc_rtp_sender_packet *packet, uint64_t now,
                    bool again, const uint8_t *bytes, struct xc_rtp_packet_out *info)
{
    struct xc_rtp_sender_counters *counters = &sender->counters;
    uint32_t size = again ? resend_size(packet) : packet->size;
    uint32_t payload = size - packet->header_size;
    bool repair = again && packet->repair_payload_type;
    advance_buckets(sender, now);
    uint64_t bucket = sender->bucket_tick % XC_RTP_SENDER_BUCKETS;
    if (again) {
        packet->queued = false;
        packet->repeated = true;
        packet->resent = now;
        sender->queued_bytes -= size;
        sender->resent_bytes[bucket] += size;
        counters->retransmitted_packets++;
        counters->retransmitted_bytes += payload;
        counters->repair_packets += repair;
        counters->repair_bytes += repair ? payload : 0;
    } else {
        packet->sent = now;
        sender->sent_bytes[bucket] += size;
    }
    counters->packets_sent++;
    counters->bytes_sent += payload;
    counters->header_bytes_sent += packet->header_size;
    if (!info)
        return;
    uint8_t at = packet->transport_at;
    *info = (struct xc_rtp_packet_out){
        .ssrc = xc_load32(bytes + 8),
        .sequence = xc_load16(bytes + 2),
        .timestamp = xc_load32(bytes + 4),
        .marker = bytes[1] >> 7,
        .retransmission = again,
        .repair = repair,
        .has_transport_sequence = at != 0,
        .transport_sequence = at ? xc_load16(bytes + at) : 0,
        .frame = packet->frame,
        .size = size,
        .payload_size = payload,
    };
}

/* Writes what is known only now into a packet that goes out for the first time, or by RTX. */
static void stamp(const struct xc_rtp_sender_packet *packet, uint64_t now,
                  uint16_t *transport_sequence, uint8_t *out)
{
    if (packet->transport_at && transport_sequence)
        xc_ext_transport_write(out + packet->transport_at, (*transport_sequence)++);
    if (packet->send_time_at)
        xc_ext_send_time_write(out + packet->send_time_at, xc_send_time(now));
}

/* The stored header becomes what was sent: a plain retransmission is equal to it. */
static void store_header(struct xc_rtp_sender *sender, const struct xc_rtp_sender_packet *packet,
                         const uint8_t *bytes)
{
    size_t at = (size_t)(packet->at % sender->config.bytes_max);
    size_t first = XC_MIN(packet->header_size, sender->config.bytes_max - at);
    memcpy(sender->bytes + at, bytes, first);
    memcpy(sender->bytes, bytes + first, packet->header_size - first);
}

/* A packet as it was sent becomes the RTX packet that carries it (RFC 4588 section 4). */
static void wrap_rtx(struct xc_rtp_sender *sender, const struct xc_rtp_sender_packet *packet,
                     uint8_t *out)
{
    uint8_t *payload = out + packet->header_size;
    memmove(payload + XC_RTP_OSN_SIZE, payload, (size_t)packet->size - packet->header_size);
    memcpy(payload, out + 2, XC_RTP_OSN_SIZE);
    out[1] = (uint8_t)((out[1] & 0x80) | packet->repair_payload_type);
    xc_store16(out + 2, sender->repair_sequence++);
    xc_store32(out + 8, sender->config.repair_ssrc);
}

bool xc_rtp_sender_next(struct xc_rtp_sender *sender, uint64_t now, uint16_t *transport_sequence,
                        uint8_t *out, size_t capacity, struct xc_rtp_packet_out *info)
{
    evict_expired(sender, now);
    uint32_t index = 0;
    uint64_t sequence = sender->next_unsent;
    bool again = queue_peek(sender, &index, &sequence);
    if (!again && sequence == sender->next_sequence)
        return false;
    struct xc_rtp_sender_packet *packet = packet_at(sender, sequence);
    if ((again ? resend_size(packet) : packet->size) > capacity)
        return false;
    load(sender, packet, out);
    if (again) {
        sender->queue_first = index + 1;
        if (packet->repair_payload_type) {
            wrap_rtx(sender, packet, out);
            stamp(packet, now, transport_sequence, out);
        }
    } else {
        sender->next_unsent++;
        stamp(packet, now, transport_sequence, out);
        if (packet->transport_at || packet->send_time_at)
            store_header(sender, packet, out);
    }
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
        !under_cap(sender, resend_size(packet))) {
        sender->counters.nacks_missed++;
        return;
    }
    packet->queued = true;
    sender->queued_bytes += resend_size(packet);
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
