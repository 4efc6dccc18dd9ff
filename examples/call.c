/* call.c - the smallest whole call: one program calls itself, speaks for two seconds, hangs up.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <xcall/xcall.h>

int main(void)
{
    xcall_engine_config settings;
    xcall_engine_config_init(&settings, sizeof settings);
    settings.flags = XCALL_ENGINE_LOOPBACK; /* both ends are on this machine */
    xcall_engine *engine = NULL;
    xcall_id calls[2]; /* the first offers, the second answers */
    int32_t failed = xcall_engine_create(&settings, &engine, NULL);
    for (uint32_t i = 0; i < 2 && !failed; i++) {
        xcall_call_config config;
        xcall_call_config_init(&config, sizeof config);
        config.role = i == 0 ? XCALL_ROLE_OFFER : XCALL_ROLE_ANSWER;
        config.user = i;
        failed = xcall_call_create(engine, &config, &calls[i], NULL);
    }
    int16_t spoken[480], heard[480], loudest = 0; /* 10 ms at 48 kHz */
    for (int block = 0, ended = 0; ended < 2 && !failed;) {
        xcall_event event;
        xcall_event_init(&event, sizeof event);
        if (xcall_engine_next_event(engine, &event, 10) == XCALL_OK) {
            if (event.type == XCALL_EVENT_SIGNAL) /* an app sends it to the other person's app */
                xcall_call_receive_signal(engine, calls[!event.user], event.signal_kind, event.text,
                                          event.text_length, NULL);
            ended += event.type == XCALL_EVENT_ENDED;
            continue;
        }
        /* Nothing came for 10 ms, which paces the audio here; a sound device's callback would. */
        for (int i = 0; i < 480; i++)
            spoken[i] = (int16_t)(6000 * sin(6.2831853 * i / 120)); /* 400 Hz */
        xcall_audio_write(engine, calls[0], spoken, 480, 0);
        xcall_audio_read(engine, calls[1], heard, 480);
        for (int i = 0; i < 480; i++)
            loudest = heard[i] > loudest ? heard[i] : loudest;
        if (++block == 200)
            xcall_call_hang_up(engine, calls[0]);
    }
    xcall_engine_unref(engine);
    printf("spoke at 6000, heard at most %d\n", loudest);
    return loudest > 1000 ? 0 : 1;
}
