/* hello.c - a call in one program: alice offers and plays a tone, bob answers and hears it.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <xcall/xcall.h>

int main(void)
{
    xcall_engine_config engine_config;
    xcall_engine_config_init(&engine_config, sizeof engine_config);
    engine_config.flags = XCALL_ENGINE_LOOPBACK; /* both ends are on this machine */
    xcall_engine *engine;
    if (xcall_engine_create(&engine_config, &engine, NULL))
        return 1;
    xcall_id calls[2];
    for (uint32_t i = 0; i < 2; i++) {
        xcall_call_config config;
        xcall_call_config_init(&config, sizeof config);
        config.role = i ? XCALL_ROLE_ANSWER : XCALL_ROLE_OFFER;
        config.user = i; /* comes back in every event of the call */
        if (xcall_call_create(engine, &config, &calls[i], NULL))
            return 1;
    }
    int16_t tone[480], heard[480]; /* 10 ms at 48 kHz */
    for (int i = 0; i < 480; i++)
        tone[i] = i % 96 < 48 ? 8000 : -8000;
    int loudest = 0, blocks = 0, ended = 0;
    while (ended < 2) {
        xcall_event event;
        xcall_event_init(&event, sizeof event);
        if (xcall_engine_next_event(engine, &event, 10) == XCALL_OK) {
            if (event.type == XCALL_EVENT_SIGNAL) /* an app carries it to the other person's app */
                xcall_call_receive_signal(engine, calls[!event.user], event.signal_kind, event.text,
                                          event.text_length, NULL);
            ended += event.type == XCALL_EVENT_ENDED;
            continue;
        }
        xcall_audio_write(engine, calls[0], tone, 480, 0); /* a device's callback would do this */
        xcall_audio_read(engine, calls[1], heard, 480);
        loudest = heard[240] > loudest ? heard[240] : loudest;
        if (++blocks == 200)
            xcall_call_hang_up(engine, calls[0]);
    }
    printf("bob heard samples of up to %d\n", loudest);
    xcall_engine_unref(engine);
    return loudest > 1000 ? 0 : 1;
}
