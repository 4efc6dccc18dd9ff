/* bare.c - the same pictures through libvpx with nothing around it: lib/media/vpx.c's settings,
 * the pace of the call (so that caches are as cold and the clock of the processor as low as there).
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include "../common/vp8_bare.h"
#include "latency.h"

#define FRAME_RATE 30
#define FRAME_NS (BENCH_S / FRAME_RATE)
#define COMPARED_EVERY 10

static double compare(const struct bench_video *video, uint32_t number, const vpx_image_t *image,
                      uint8_t *work)
{
    double sum = 0;
    bench_video_frame(video, number, work);
    for (uint32_t y = 0; y < video->height; y++)
        for (uint32_t x = 0; x < video->width; x++) {
            int d = work[(size_t)y * video->width + x] -
                    image->planes[0][(size_t)y * (size_t)image->stride[0] + x];
            sum += d * d;
        }
    return sum / ((double)video->width * video->height);
}

bool latency_bare_run(const struct bench_video *video, uint32_t bitrate, uint64_t start,
                      uint32_t frames, struct latency_bare *bare)
{
    struct bare_vp8 codec;
    uint8_t *work = malloc(video->frame_size), *bytes = malloc(BARE_VP8_FRAME_MAX);
    double psnr = 0, compared = 0;
    bool ok = work && bytes && bare_vp8_open(&codec, video->width, video->height, bitrate);
    for (uint32_t k = 0; ok && k < frames; k++) {
        bench_video_frame(video, k, work);
        bench_sleep_until(start + k * FRAME_NS);
        uint64_t before = xcall_now_ns();
        size_t size = bare_vp8_encode(&codec, work, k, bytes);
        const vpx_image_t *image = size ? bare_vp8_decode(&codec, bytes, size) : NULL;
        bare->times[k] = image ? latency_ms(before, xcall_now_ns()) : 0;
        bare->bytes += (double)size;
        if (!image || k % COMPARED_EVERY)
            continue;
        double error = compare(video, k, image, work);
        psnr += error > 0 ? bench_psnr_of_error(error) : 99;
        compared++;
    }
    if (ok)
        bare_vp8_close(&codec);
    bare->psnr = compared > 0 ? psnr / compared : 0;
    free(work);
    free(bytes);
    if (!ok)
        fputs("latency: libvpx alone did not start\n", stderr);
    return ok;
}
