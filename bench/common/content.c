/* content.c - what is sent: speech-like sound with chirps to be found again, moving pictures with
 * their number drawn in. Everything follows from a seed, so that two programs have the same.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define PI 3.14159265358979

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static double next_noise(uint32_t *state)
{
    return (double)next_random(state) / 8388608.0 - 1.0;
}

/* --- sound ----------------------------------------------------------------------------------- */

struct resonator {
    double b, c, gain, y1, y2;
};

static void tune(struct resonator *r, double frequency, double width)
{
    double radius = exp(-PI * width / BENCH_RATE);
    r->b = 2 * radius * cos(2 * PI * frequency / BENCH_RATE);
    r->c = -radius * radius;
    r->gain = 1 - radius;
}

static double resonate(struct resonator *r, double in)
{
    double y = r->gain * in + r->b * r->y1 + r->c * r->y2;
    r->y2 = r->y1;
    r->y1 = y;
    return y;
}

void bench_speech(int16_t *samples, size_t count, uint32_t seed)
{
    static const double vowels[5][3] = {{730, 1090, 2440},
                                        {270, 2290, 3010},
                                        {300, 870, 2240},
                                        {530, 1840, 2480},
                                        {570, 840, 2410}};
    struct resonator formants[3] = {{0}};
    double phase = 0, pitch = 130;
    bool voiced = true;
    size_t left = 0, length = 1;
    for (size_t i = 0; i < count; i++) {
        if (left == 0) {
            const double *vowel = vowels[next_random(&seed) % 5];
            voiced = next_random(&seed) % 5 != 0;
            length = left = BENCH_RATE / 1000 * (90 + next_random(&seed) % 200);
            pitch = 100 + next_random(&seed) % 80;
            for (int k = 0; k < 3; k++)
                tune(&formants[k], voiced ? vowel[k] : 2000.0 * (k + 1), voiced ? 80 : 900);
        }
        double at = (double)(length - left--) / (double)length;
        double envelope = sin(PI * at) * (at < 0.9 ? 1 : 0.2);
        phase += pitch * (1.1 - 0.2 * at) / BENCH_RATE;
        double source = next_noise(&seed) * (voiced ? 0.05 : 0.6);
        if (phase >= 1) {
            phase -= 1;
            source += voiced ? 12 : 0;
        }
        double y = 0;
        for (int k = 0; k < 3; k++)
            y += resonate(&formants[k], source) / (k + 1);
        y = y * envelope * 14000;
        samples[i] = (int16_t)(y > 20000 ? 20000 : y < -20000 ? -20000 : y);
    }
}

static void make_mark(double mark[BENCH_MARK_SAMPLES], uint32_t kind)
{
    bool up = kind & 1;
    double low = kind & 2 ? 2000 : 600, high = low + 1400, phase = 0;
    for (uint32_t i = 0; i < BENCH_MARK_SAMPLES; i++) {
        double at = (double)i / BENCH_MARK_SAMPLES;
        double window = sin(PI * at);
        phase += 2 * PI * (low + (high - low) * (up ? at : 1 - at)) / BENCH_RATE;
        mark[i] = sin(phase) * window * window;
    }
}

void bench_mark_add(int16_t *samples, uint32_t kind)
{
    double mark[BENCH_MARK_SAMPLES];
    make_mark(mark, kind);
    for (uint32_t i = 0; i < BENCH_MARK_SAMPLES; i++)
        samples[i] = (int16_t)(samples[i] + 11000 * mark[i]);
}

int64_t bench_mark_find(const int16_t *samples, size_t from, size_t to, uint32_t kind)
{
    double mark[BENCH_MARK_SAMPLES], energy = 0, own = 0, best = 0.5;
    int64_t place = -1;
    if (to < from + BENCH_MARK_SAMPLES)
        return -1;
    make_mark(mark, kind);
    for (uint32_t i = 0; i < BENCH_MARK_SAMPLES; i++) {
        own += mark[i] * mark[i];
        energy += (double)samples[from + i] * samples[from + i];
    }
    for (size_t at = from;; at++) {
        double sum = 0;
        for (uint32_t i = 0; i < BENCH_MARK_SAMPLES; i++)
            sum += mark[i] * samples[at + i];
        double fit = energy > 1e6 ? sum / sqrt(energy * own) : 0;
        if (fit > best) {
            best = fit;
            place = (int64_t)at;
        }
        if (at + BENCH_MARK_SAMPLES >= to)
            return place;
        double out = samples[at], in = samples[at + BENCH_MARK_SAMPLES];
        energy += in * in - out * out;
    }
}

/* --- pictures -------------------------------------------------------------------------------- */

#define MARGIN 96u
#define NUMBER_BITS 16u

/* Smooth noise in three sizes: edges and texture, but nothing that no camera would see. */
static void paint_scene(uint8_t *scene, uint32_t width, uint32_t height)
{
    uint32_t seed = 7;
    float grid[3][64 * 64];
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 64 * 64; i++)
            grid[k][i] = (float)next_noise(&seed);
    static const float cells[3] = {90, 24, 6}, heights[3] = {60, 30, 10};
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            float value = 120;
            for (int k = 0; k < 3; k++) {
                float u = (float)x / cells[k], v = (float)y / cells[k];
                uint32_t i = (uint32_t)u, j = (uint32_t)v;
                float fu = u - (float)i, fv = v - (float)j;
                const float *g = grid[k];
#define AT(a, b) g[((b) % 64) * 64 + (a) % 64]
                float top = AT(i, j) * (1 - fu) + AT(i + 1, j) * fu;
                float bottom = AT(i, j + 1) * (1 - fu) + AT(i + 1, j + 1) * fu;
#undef AT
                value += heights[k] * (top * (1 - fv) + bottom * fv);
            }
            scene[(size_t)y * width + x] = (uint8_t)(value < 16 ? 16 : value > 235 ? 235 : value);
        }
    }
}

/* A slow pan, a shape that moves before it, and a little of a sensor's noise. */
static void paint_frame(const struct bench_video *video, const uint8_t *scene, uint32_t number)
{
    uint32_t w = video->width, h = video->height, scene_width = w + MARGIN, seed = number * 977 + 1;
    uint8_t *luma = video->frames + number * video->frame_size;
    double turn = 2 * PI * number / video->count;
    uint32_t left = (uint32_t)(MARGIN / 2 * (1 + sin(turn)));
    uint32_t top = (uint32_t)(MARGIN / 2 * (1 + cos(turn)));
    int cx = (int)(w / 2 + w / 4 * cos(turn)), cy = (int)(h / 2 + h / 8 * sin(2 * turn));
    int radius = (int)h / 5;
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            int dx = (int)x - cx, dy = (int)y - cy, value;
            if (dx * dx + dy * dy < radius * radius)
                value =
                    60 + scene[(size_t)(dy + radius) * scene_width + (uint32_t)(dx + radius)] / 2;
            else
                value = scene[(size_t)(y + top) * scene_width + x + left];
            value += (int)(next_random(&seed) % 5) - 2;
            luma[(size_t)y * w + x] = (uint8_t)value;
        }
    }
    uint8_t *chroma = luma + (size_t)w * h;
    uint32_t cw = (w + 1) / 2, ch = (h + 1) / 2;
    for (uint32_t y = 0; y < ch; y++)
        for (uint32_t x = 0; x < cw; x++) {
            uint8_t value = scene[(size_t)(y + top / 2) * scene_width + x + left / 2];
            chroma[(size_t)y * cw + x] = (uint8_t)(96 + value / 4);
            chroma[(size_t)(ch + y) * cw + x] = (uint8_t)(160 - value / 4);
        }
}

bool bench_video_create(struct bench_video *video, uint32_t width, uint32_t height, uint32_t count)
{
    size_t chroma = (size_t)((width + 1) / 2) * ((height + 1) / 2);
    *video = (struct bench_video){.width = width, .height = height, .count = count};
    video->frame_size = (size_t)width * height + 2 * chroma;
    video->frames = malloc(video->frame_size * count);
    uint8_t *scene = malloc((size_t)(width + MARGIN) * (height + MARGIN));
    if (video->frames && scene) {
        paint_scene(scene, width + MARGIN, height + MARGIN);
        for (uint32_t i = 0; i < count; i++)
            paint_frame(video, scene, i);
    }
    free(scene);
    return video->frames != NULL;
}

void bench_video_destroy(struct bench_video *video)
{
    free(video->frames);
    video->frames = NULL;
}

void bench_video_frame(const struct bench_video *video, uint32_t number, uint8_t *work)
{
    uint32_t side = video->width / (2 * NUMBER_BITS);
    memcpy(work, video->frames + number % video->count * video->frame_size, video->frame_size);
    for (uint32_t bit = 0; bit < NUMBER_BITS; bit++)
        for (uint32_t y = 0; y < side; y++)
            memset(work + (size_t)y * video->width + bit * side, number >> bit & 1 ? 220 : 30,
                   side);
}

int32_t bench_video_number(const uint8_t *luma, uint32_t stride, uint32_t width, uint32_t height)
{
    uint32_t side = width / (2 * NUMBER_BITS), number = 0;
    if (height < side || side < 4)
        return -1;
    for (uint32_t bit = 0; bit < NUMBER_BITS; bit++) {
        uint32_t sum = 0, count = 0;
        for (uint32_t y = side / 4; y < 3 * side / 4; y++)
            for (uint32_t x = side / 4; x < 3 * side / 4; x++, count++)
                sum += luma[(size_t)y * stride + bit * side + x];
        uint32_t mean = sum / count;
        if (mean > 90 && mean < 160)
            return -1;
        number |= (uint32_t)(mean >= 160) << bit;
    }
    return (int32_t)number;
}

double bench_psnr(const uint8_t *a, const uint8_t *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        int d = a[i] - b[i];
        sum += d * d;
    }
    return sum > 0 ? 10 * log10(255.0 * 255.0 * (double)count / sum) : 99;
}

void bench_picture_of(xcall_picture *picture, uint8_t *i420, uint32_t width, uint32_t height)
{
    uint32_t cw = (width + 1) / 2, ch = (height + 1) / 2;
    xcall_picture_init(picture, sizeof *picture);
    picture->width = width;
    picture->height = height;
    picture->planes[0] = i420;
    picture->planes[1] = i420 + (size_t)width * height;
    picture->planes[2] = picture->planes[1] + (size_t)cw * ch;
    picture->strides[0] = width;
    picture->strides[1] = picture->strides[2] = cw;
}
