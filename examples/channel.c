/* channel.c - data channels in one program: alice opens one and sends a text, bob sends it back.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
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
        config.user = i;
        config.audio_direction = XCALL_DIRECTION_NONE; /* a call of data alone */
        config.data_channels = 4;                      /* at a time, both sides' together */
        if (xcall_call_create(engine, &config, &calls[i], NULL))
            return 1;
    }
    xcall_channel_config chat_config;
    xcall_channel_config_init(&chat_config, sizeof chat_config); /* ordered and reliable */
    chat_config.label = "chat";
    xcall_id chat;
    if (xcall_channel_create(engine, calls[0], &chat_config, &chat, NULL))
        return 1;
    const char *words = "hello";
    xcall_channel_send(engine, chat, XCALL_MESSAGE_TEXT, words, strlen(words)); /* waits for OPEN */
    int ended = 0, echoed = 0;
    while (ended < 2) {
        xcall_event event;
        xcall_event_init(&event, sizeof event);
        if (xcall_engine_next_event(engine, &event, 20000) != XCALL_OK)
            break;
        if (event.type == XCALL_EVENT_SIGNAL)
            xcall_call_receive_signal(engine, calls[!event.user], event.signal_kind, event.text,
                                      event.text_length, NULL);
        if (event.type == XCALL_EVENT_CHANNEL && event.state == XCALL_CHANNEL_OPEN &&
            event.user == 1)
            printf("bob has the channel \"%s\"\n", event.text); /* event.channel is his id of it */
        if (event.type == XCALL_EVENT_MESSAGE && event.user == 1) /* XCALL_E_AGAIN: no room now */
            xcall_channel_send(engine, event.channel, event.flags, event.data, event.data_length);
        if (event.type == XCALL_EVENT_MESSAGE && event.user == 0) {
            printf("alice got \"%s\" back\n", event.text); /* text: only of XCALL_MESSAGE_TEXT */
            echoed = event.data_length == strlen(words);
            xcall_call_hang_up(engine, calls[0]); /* its channels end with it */
        }
        ended += event.type == XCALL_EVENT_ENDED;
    }
    xcall_engine_unref(engine);
    return echoed ? 0 : 1;
}
