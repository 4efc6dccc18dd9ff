/* faults.c - see faults.h. The engines have no threads, so every allocation is made on this one and
 * comes in the same order each time. SPDX-License-Identifier: MIT */
#include "faults.h"

#include "support/interpose.h"
#include "support/pair.h"

#define TURNS_MAX 400  /* of a millisecond on the virtual clock */
#define MEDIA_BLOCKS 8 /* of 10 ms */

static int32_t first_error(int32_t so_far, int32_t result)
{
    return so_far != XCALL_OK ? so_far : result;
}

/* A little of both media, both ways: decoders, and encoders of the peer's size, are made now. */
static void talk(struct pair *pair)
{
    static uint8_t plane[320 * 180];
    int16_t samples[480] = {0};
    xcall_picture picture;
    for (int turn = 0; turn < MEDIA_BLOCKS; turn++) {
        for (int i = 0; i < 2; i++) {
            struct pair_side *side = &pair->side[i];
            xcall_picture_init(&picture, sizeof picture);
            picture.width = 320;
            picture.height = 180;
            for (int p = 0; p < 3; p++) {
                picture.planes[p] = plane;
                picture.strides[p] = 320;
            }
            xcall_audio_write(side->engine, side->call, samples, 480, 0);
            xcall_video_write(side->engine, side->call, &picture);
            xcall_audio_read(side->engine, side->call, samples, 480);
            xcall_video_read(side->engine, side->call, &picture);
        }
        pair_step(pair, 10 * UINT64_C(1000000));
    }
}

void fault_round(uint32_t origins, uint64_t fail_at, struct fault_round *round)
{
    struct pair pair;
    *round = (struct fault_round){0};
    interpose_fault(origins, fail_at);
    round->result = pair_open(&pair, 0, 2);
    if (round->result == XCALL_OK) {
        round->result = pair_call(&pair, true);
        for (int turn = 0; round->result == XCALL_OK && turn < TURNS_MAX; turn++) {
            pair_turn(&pair);
            if (pair.side[0].ended || pair.side[1].ended)
                break;
            if (pair.side[0].state == XCALL_STATE_CONNECTED &&
                pair.side[1].state == XCALL_STATE_CONNECTED) {
                round->connected = 1;
                talk(&pair);
                break;
            }
        }
        for (int i = 0; i < 2; i++)
            round->result = first_error(round->result, pair.side[i].carried);
    }
    pair_unref(&pair);
    round->counted = interpose_fault_end();
    round->live = interpose_live();
}
