/* opus.c - the one file that names libopus: Opus (RFC 6716, RFC 7587) behind struct xc_audio_codec.
 * State lives in memory that is handed in (opus_*_init), samples are float, nothing allocates.
 * An encoder belongs to the shard, a decoder to the thread that plays.
 * SPDX-License-Identifier: MIT */
#include "media/audio_codec.h"

#include <opus.h>

#define FEC_LOSS_WORTH 3 /* percent, from here copies are worth a narrower bandwidth */

static size_t encoder_size(uint32_t channels)
{
    int size = opus_encoder_get_size((int)channels);
    return size > 0 ? (size_t)size : 0;
}

static int max_bandwidth(uint32_t rate)
{
    return rate == 0 || rate > 24000 ? OPUS_BANDWIDTH_FULLBAND
           : rate > 16000            ? OPUS_BANDWIDTH_SUPERWIDEBAND
           : rate > 12000            ? OPUS_BANDWIDTH_WIDEBAND
           : rate > 8000             ? OPUS_BANDWIDTH_MEDIUMBAND
                                     : OPUS_BANDWIDTH_NARROWBAND;
}

static void encoder_set(void *encoder, const struct xc_audio_settings *settings)
{
    OpusEncoder *opus = encoder;
    /* In-band FEC does nothing at a loss of 0, and a standing loss hint costs bits and quality on a
     * clean link: the two always go together. */
    bool fec = settings->fec && !settings->low_delay;
    int loss = fec ? (int)XC_MIN(settings->loss_percent, 20u) : 0;
    /* Up to 5 % libopus keeps its bandwidth and leaves the copies out where the rate is not enough
     * for both: at 32 kb/s none of 2000 packets had one. */
    if (loss >= FEC_LOSS_WORTH)
        loss = XC_MAX(loss, 6);
    int bitrate = (int)XC_CLAMP(settings->bitrate_bps, 6000u, 510000u);
    opus_encoder_ctl(opus, OPUS_SET_BITRATE(bitrate));
    opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY((int)XC_MIN(settings->complexity, (uint8_t)10)));
    opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(fec ? 1 : 0));
    opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC(loss));
    opus_encoder_ctl(opus, OPUS_SET_DTX(settings->dtx ? 1 : 0));
    opus_encoder_ctl(opus, OPUS_SET_VBR(settings->cbr ? 0 : 1));
    opus_encoder_ctl(opus, OPUS_SET_MAX_BANDWIDTH(max_bandwidth(settings->max_playback_rate)));
    /* Two down to one is done by libopus, from one frame to the next and without a click. */
    opus_encoder_ctl(opus, OPUS_SET_FORCE_CHANNELS(settings->channels == 1 ? 1 : OPUS_AUTO));
}

static bool encoder_init(void *encoder, uint32_t rate, uint32_t channels,
                         const struct xc_audio_settings *settings, uint64_t seed)
{
    (void)seed;
    int application = settings->low_delay ? OPUS_APPLICATION_RESTRICTED_LOWDELAY
                      : settings->music   ? OPUS_APPLICATION_AUDIO
                                          : OPUS_APPLICATION_VOIP;
    if (opus_encoder_init(encoder, (opus_int32)rate, (int)channels, application) != OPUS_OK)
        return false;
    opus_encoder_ctl((OpusEncoder *)encoder, OPUS_SET_LSB_DEPTH(16)); /* what the ring holds */
    encoder_set(encoder, settings);
    return true;
}

static int encode(void *encoder, const float *samples, uint32_t frames, uint8_t *packet,
                  size_t capacity)
{
    int size = opus_encode_float(encoder, samples, (int)frames, packet,
                                 (opus_int32)XC_MIN(capacity, (size_t)XC_AUDIO_PACKET_MAX));
    if (size > 2 || size < 0)
        return size;
    opus_int32 dtx = 0;
    opus_encoder_ctl((OpusEncoder *)encoder, OPUS_GET_DTX(&dtx));
    return dtx ? 0 : size; /* 1 or 2 bytes: a header without a frame (RFC 7587 section 3.1.3) */
}

static uint32_t lookahead(void *encoder)
{
    opus_int32 frames = 0;
    opus_encoder_ctl((OpusEncoder *)encoder, OPUS_GET_LOOKAHEAD(&frames));
    return frames > 0 ? (uint32_t)frames : 0;
}

static size_t decoder_size(uint32_t channels)
{
    int size = opus_decoder_get_size((int)channels);
    return size > 0 ? (size_t)size : 0;
}

static bool decoder_init(void *decoder, uint32_t rate, uint32_t channels)
{
    return opus_decoder_init(decoder, (opus_int32)rate, (int)channels) == OPUS_OK;
}

static uint32_t packet_frames(struct xc_span packet, uint32_t rate)
{
    if (packet.size == 0 || packet.size > XC_AUDIO_PACKET_MAX)
        return 0;
    int frames = opus_packet_get_nb_samples(packet.data, (opus_int32)packet.size, (opus_int32)rate);
    return frames > 0 ? (uint32_t)frames : 0;
}

static int decode(void *decoder, struct xc_span packet, float *samples, uint32_t frames_max)
{
    if (packet.size == 0)
        return OPUS_INVALID_PACKET; /* libopus takes it for a loss */
    return opus_decode_float(decoder, packet.data, (opus_int32)packet.size, samples,
                             (int)frames_max, 0);
}

/* The first bits of a SILK frame are not compressed (RFC 6716 section 4.2.3): for each channel one
 * VAD flag for every 20 ms, then the flag that says that a copy of the frame before (LBRR) follows.
 *
 *   TOC | VAD VAD.. LBRR | VAD VAD.. LBRR | ...        mid channel, then side channel
 */
struct silk_flags {
    uint8_t voice, copy; /* as they lie in the first byte of a frame, all channels */
};

static struct silk_flags silk_flags(uint8_t toc)
{
    struct silk_flags flags = {0, 0};
    int ms = opus_packet_get_samples_per_frame(&toc, 48000) / 48;
    int silk_frames = ms <= 20 ? 1 : ms / 20;
    int channels = opus_packet_get_nb_channels(&toc), bit = 0; /* at most 8 */
    for (int channel = 0; channel < channels; channel++) {
        for (int i = 0; i < silk_frames; i++)
            flags.voice |= (uint8_t)(0x80 >> bit++);
        flags.copy |= (uint8_t)(0x80 >> bit++);
    }
    return flags;
}

/* The frames of a packet of SILK or of both; 0 for any other. */
static int parse_silk(struct xc_span packet, const unsigned char *frames[48], opus_int16 sizes[48])
{
    if (packet.size < 2 || packet.size > XC_AUDIO_PACKET_MAX || packet.data[0] & 0x80)
        return 0; /* 0x80: CELT only, which has no such flags */
    return opus_packet_parse(packet.data, (opus_int32)packet.size, NULL, frames, sizes, NULL);
}

static bool has_fec(struct xc_span packet)
{
    const unsigned char *frames[48];
    opus_int16 sizes[48];
    int count = parse_silk(packet, frames, sizes);
    return count > 0 && sizes[0] >= 1 && frames[0][0] & silk_flags(packet.data[0]).copy;
}

static bool is_background(struct xc_span packet)
{
    const unsigned char *frames[48];
    opus_int16 sizes[48];
    int count = parse_silk(packet, frames, sizes);
    for (int i = 0; i < count; i++)
        if (sizes[i] >= 1 && frames[i][0] & silk_flags(packet.data[0]).voice)
            return false;
    return count > 0;
}

static int decode_fec(void *decoder, struct xc_span packet, float *samples, uint32_t frames)
{
    return opus_decode_float(decoder, packet.data, (opus_int32)packet.size, samples, (int)frames,
                             1);
}

static int conceal(void *decoder, float *samples, uint32_t frames)
{
    return opus_decode_float(decoder, NULL, 0, samples, (int)frames, 0);
}

const struct xc_audio_codec xc_opus = {
    .name = "opus",
    .encoder_size = encoder_size,
    .encoder_init = encoder_init,
    .encoder_set = encoder_set,
    .encode = encode,
    .lookahead = lookahead,
    .decoder_size = decoder_size,
    .decoder_init = decoder_init,
    .packet_frames = packet_frames,
    .decode = decode,
    .has_fec = has_fec,
    .is_background = is_background,
    .decode_fec = decode_fec,
    .conceal = conceal,
};
