/* sources.c - samples from a WAV file, a tone, vowels or silence; pictures from a Y4M file or a pattern.
 *
 * The pattern: a luma ramp that moves to the right, a bright square that circles, and the picture's
 * number (16 bits, most significant first) as 16 black or white cells in the top left corner.
 *
 *      |<- 16 cells of width/16, at most 16, luma ->|
 *      |[1][0][0][1] ...                            |   white 235 = 1, black 16 = 0
 *
 * SPDX-License-Identifier: MIT */
#include "sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TONE_HZ 1000.0
#define TONE_LEVEL 0.3
#define SYLLABLE_MS 190
#define SPEECH_GAIN 0.35
#define COUNTER_BITS 16
#define CELL_PIXELS_MAX 16
#define TWO_PI 6.283185307179586

int audio_source_open(struct audio_source *source, const char *what, bool stereo, char *error,
                      size_t error_size)
{
    memset(source, 0, sizeof *source);
    source->rate = 48000;
    source->channels = stereo ? 2 : 1;
    if (!what || strcmp(what, "tone") == 0) {
        source->tone_hz = TONE_HZ;
        return 0;
    }
    if (strcmp(what, "silence") == 0)
        return 0;
    if (strcmp(what, "speech") == 0) {
        source->speech = true;
        return 0;
    }
    if (strncmp(what, "tone:", 5) == 0) {
        char *end = NULL;
        source->tone_hz = strtod(what + 5, &end);
        if (*end == '\0' && source->tone_hz >= 20 && source->tone_hz <= 20000)
            return 0;
        snprintf(error, error_size, "\"%s\": a tone is from 20 to 20000 Hz", what);
        return -1;
    }
    if (wav_load(&source->wav, what, error, error_size))
        return -1;
    if (stereo && source->wav.channels != 2) {
        snprintf(error, error_size, "\"%s\" has one channel, --stereo needs two", what);
        return -1;
    }
    source->rate = source->wav.rate;
    source->channels = source->wav.channels;
    source->is_float = source->wav.is_float;
    return 0;
}

static void fill_tone(struct audio_source *source, int16_t *samples, uint32_t frames)
{
    for (uint32_t i = 0; i < frames * source->channels; i++) {
        uint32_t channel = i % source->channels;
        double hz = channel ? source->tone_hz * 1.5 : source->tone_hz;
        double turns = hz * (double)(source->position + i / source->channels) / source->rate;
        double value = sin(TWO_PI * (turns - floor(turns)));
        samples[i] = source->tone_hz > 0 ? (int16_t)lrint(value * TONE_LEVEL * 32767) : 0;
    }
    source->position += frames;
}

/* Three resonators on a train of pulses make a vowel (frequencies: Peterson and Barney, 1952); which
 * one, and its pitch, change with every syllable, and every eighth syllable is a pause. */
static double speech_sample(struct audio_source *source)
{
    static const double hz[][SPEECH_FORMANTS] = {{730, 1090, 2440},
                                                 {270, 2290, 3010},
                                                 {300, 870, 2240},
                                                 {530, 1840, 2480},
                                                 {570, 840, 2410}};
    static const double widths[SPEECH_FORMANTS] = {80, 110, 160}, gains[] = {1.0, 0.6, 0.3};
    uint64_t length = source->rate * SYLLABLE_MS / 1000;
    uint64_t syllable = source->position / length;
    uint32_t mixed = (uint32_t)(syllable * 2654435761u) >> 8;
    double part = (double)(source->position % length) / (double)length, value = 0;
    double pitch = 105.0 + mixed % 40 - 12.0 * part, pulse = 0;
    source->pitch_turns += pitch / source->rate;
    if (source->pitch_turns >= 1) {
        source->pitch_turns -= 1;
        pulse = syllable % 8 == 7 ? 0 : sin(TWO_PI / 2 * part);
    }
    for (int i = 0; i < SPEECH_FORMANTS; i++) {
        double radius = exp(-TWO_PI / 2 * widths[i] / source->rate), *last = source->formants[i];
        double turn = TWO_PI * hz[mixed % (sizeof hz / sizeof *hz)][i] / source->rate;
        double out = pulse + 2 * radius * cos(turn) * last[0] - radius * radius * last[1];
        last[1] = last[0];
        last[0] = out;
        value += gains[i] * out * sin(turn);
    }
    source->position++;
    return value;
}

static void fill_speech(struct audio_source *source, int16_t *samples, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++) {
        double value = SPEECH_GAIN * speech_sample(source);
        value = value > 1 ? 1 : value < -1 ? -1 : value;
        for (uint32_t channel = 0; channel < source->channels; channel++)
            *samples++ = (int16_t)lrint(value * 32767);
    }
}

void audio_source_fill(struct audio_source *source, void *samples, uint32_t frames)
{
    size_t frame_bytes = source->channels * (source->is_float ? sizeof(float) : sizeof(int16_t));
    if (source->speech) {
        fill_speech(source, samples, frames);
        return;
    }
    if (!source->wav.samples) {
        fill_tone(source, samples, frames);
        return;
    }
    for (uint32_t done = 0; done < frames;) {
        uint64_t left = source->wav.frames - source->position;
        uint32_t part = left < frames - done ? (uint32_t)left : frames - done;
        memcpy((uint8_t *)samples + done * frame_bytes,
               (const uint8_t *)source->wav.samples + source->position * frame_bytes,
               part * frame_bytes);
        done += part;
        source->position = (source->position + part) % source->wav.frames;
    }
}

void audio_source_close(struct audio_source *source)
{
    wav_free(&source->wav);
}

int video_source_open(struct video_source *source, const char *what, uint32_t width,
                      uint32_t height, uint32_t frame_rate, char *error, size_t error_size)
{
    memset(source, 0, sizeof *source);
    if (what && strcmp(what, "pattern") != 0) {
        if (y4m_open(&source->y4m, what, error, error_size))
            return -1;
        source->width = source->y4m.width;
        source->height = source->y4m.height;
    } else {
        source->width = width ? width : 640;
        source->height = height ? height : 360;
        source->pattern = malloc(i420_bytes(source->width, source->height));
        if (!source->pattern) {
            snprintf(error, error_size, "no memory for the pattern");
            return -1;
        }
    }
    source->rate_num = frame_rate ? frame_rate : 30;
    source->rate_den = 1;
    if (!frame_rate && source->y4m.frames) {
        source->rate_num = source->y4m.rate_num;
        source->rate_den = source->y4m.rate_den;
    }
    return 0;
}

static void fill_square(xcall_picture *picture, uint32_t plane, uint32_t x, uint32_t y,
                        uint32_t side, uint8_t value)
{
    uint32_t width = plane ? (picture->width + 1) / 2 : picture->width;
    uint32_t height = plane ? (picture->height + 1) / 2 : picture->height;
    for (uint32_t row = y; row < y + side && row < height; row++)
        for (uint32_t column = x; column < x + side && column < width; column++)
            picture->planes[plane][(size_t)row * picture->strides[plane] + column] = value;
}

static void draw_ground(xcall_picture *picture, uint64_t index)
{
    uint32_t chroma_width = picture->strides[1], chroma_height = (picture->height + 1) / 2;
    for (uint32_t y = 0; y < picture->height; y++)
        for (uint32_t x = 0; x < picture->width; x++)
            picture->planes[0][(size_t)y * picture->strides[0] + x] =
                (uint8_t)(48 + (x + picture->width - 2 * index % picture->width) % picture->width *
                                   128 / picture->width);
    for (uint32_t y = 0; y < chroma_height; y++) {
        memset(picture->planes[1] + (size_t)y * chroma_width, (int)(96 + 64 * y / chroma_height),
               chroma_width);
        memset(picture->planes[2] + (size_t)y * chroma_width, (int)(160 - 64 * y / chroma_height),
               chroma_width);
    }
}

static void draw_pattern(struct video_source *source, xcall_picture *picture)
{
    uint32_t width = source->width, height = source->height;
    uint32_t side = (height < width ? height : width) / 6;
    uint32_t cell = width / COUNTER_BITS < CELL_PIXELS_MAX ? width / COUNTER_BITS : CELL_PIXELS_MAX;
    double angle = TWO_PI * (double)(source->index % 90) / 90;
    uint32_t x = (uint32_t)(width / 2.0 + cos(angle) * width / 4.0 - side / 2.0);
    uint32_t y = (uint32_t)(height / 2.0 + sin(angle) * height / 4.0 - side / 2.0);
    i420_planes(picture, source->pattern, width, height);
    draw_ground(picture, source->index);
    fill_square(picture, 0, x, y, side, 210);
    fill_square(picture, 1, x / 2, y / 2, side / 2, 64);
    fill_square(picture, 2, x / 2, y / 2, side / 2, 192);
    for (uint32_t bit = 0; bit < COUNTER_BITS; bit++) {
        bool one = (source->index + source->first_number) >> (COUNTER_BITS - 1 - bit) & 1;
        fill_square(picture, 0, bit * cell, 0, cell, one ? 235 : 16);
        fill_square(picture, 1, bit * cell / 2, 0, cell / 2, 128);
        fill_square(picture, 2, bit * cell / 2, 0, cell / 2, 128);
    }
}

void video_source_picture(struct video_source *source, xcall_picture *picture)
{
    if (source->pattern)
        draw_pattern(source, picture);
    else
        y4m_picture(&source->y4m, (uint32_t)(source->index % source->y4m.frames), picture);
}

void video_source_close(struct video_source *source)
{
    y4m_close(&source->y4m);
    free(source->pattern);
    source->pattern = NULL;
}
