/* fuzz_client.c - any frames of a service, and events of an engine between them, to the core of
 * libxcall-client in the middle of its calls. Lines of the input are frames; a line that begins with '!'
 * is an act of this side's.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include <stdlib.h>
#include <string.h>

#include "client/core.h"

static uint32_t seed;
static uint64_t now;
static struct xc_client_core *core;
static xcall_id newest, media_call;
static uint32_t media, ended[65536];

static void pseudo_random(void *context, void *bytes, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        ((uint8_t *)bytes)[i] = (uint8_t)(seed >> 24);
    }
}

static void engine_event(uint32_t type, uint32_t value, const char *text)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    event.type = type;
    event.call = media;
    event.user = media_call;
    event.state = event.reason = event.signal_kind = event.flags = value;
    event.text = text;
    event.text_length = strlen(text);
    xc_client_core_take_event(core, now, &event);
}

static const char offer[] =
    "{\"type\":\"offer\",\"sdp\":\"v=0\\r\\na=fingerprint:sha-256 AA\\r\\na=ice-ufrag:abcd\\r\\n"
    "a=ice-pwd:0123456789012345678901\\r\\n\"}";

/* A call ends once, and no frame is larger than a service takes. */
static void look(const struct xc_client_output *output)
{
    switch (output->type) {
    case XC_CLIENT_FRAME:
        FUZZ_CHECK(output->text && output->text_length <= 65536);
        break;
    case XC_CLIENT_POST:
        FUZZ_CHECK(output->event.type > XCALL_EVENT_LIBRARY);
        if (output->event.type != XCALL_CLIENT_EVENT_CALL)
            break;
        newest = output->event.call;
        uint32_t *count = &ended[output->event.call & 0xffff];
        FUZZ_CHECK(!*count);
        *count += output->event.state == XCALL_LIFE_ENDED;
        break;
    case XC_CLIENT_MEDIA:
        if (output->op != XC_CLIENT_MEDIA_CREATE)
            break;
        media_call = output->call;
        media++;
        xc_client_core_media_created(core, now, media_call, XCALL_OK, media);
        if (!output->answerer)
            engine_event(XCALL_EVENT_SIGNAL, XCALL_SIGNAL_OFFER, offer);
        break;
    default:
        break;
    }
}

static void run(void)
{
    struct xc_client_output *output;
    while ((output = xc_client_core_output(core))) {
        look(output);
        if (output->type == XC_CLIENT_CONNECT)
            xc_client_core_connected(core, now);
        xc_client_output_free(output);
    }
}

static void act(uint8_t what)
{
    xcall_id call;
    switch (what % 10) {
    case 0:
        xc_client_core_call(core, now, "bob", XCALL_LIFE_END_OTHERS, &call);
        break;
    case 1:
        xc_client_core_person(core, now, newest, XCALL_LIFE_ACCEPT, XCALL_LIFE_END_OTHERS, 0);
        break;
    case 2:
        xc_client_core_person(core, now, newest, XCALL_LIFE_HANG_UP, 0, 0);
        break;
    case 3:
        engine_event(XCALL_EVENT_SIGNAL, XCALL_SIGNAL_ANSWER, offer);
        break;
    case 4:
        engine_event(XCALL_EVENT_SIGNAL, XCALL_SIGNAL_CANDIDATE,
                     "{\"candidate\":\"candidate:1 1 udp 1 192.0.2.1 9 typ host\"}");
        break;
    case 5:
        engine_event(XCALL_EVENT_STATE, XCALL_STATE_CONNECTED, "");
        break;
    case 6:
        engine_event(XCALL_EVENT_ENDED, XCALL_END_CONNECTION_LOST, "");
        break;
    case 7:
        xc_client_core_disconnected(core, now, what & 16 ? 4008 : 0, NULL);
        break;
    case 8:
        xc_client_core_message(core, now, "bob", "hello", NULL);
        break;
    default:
        now += 1000u * what;
        xc_client_core_time(core, now);
        break;
    }
}

static void begin(void)
{
    static const char *const first[] = {
        "{\"t\":\"welcome\",\"b\":{\"name\":\"alice\",\"epoch\":1,\"sq\":0,\"resume\":false}}",
        "{\"t\":\"sync\",\"b\":{\"calls\":[]}}"};
    xcall_client_config config;
    seed = 1;
    now = 1000;
    newest = media_call = media = 0;
    memset(ended, 0, sizeof ended);
    xcall_client_config_init(&config, sizeof config);
    struct xc_client_core_config how = {.host = &config, .random = pseudo_random, .keep = true};
    FUZZ_CHECK(xc_client_core_create(&how, now, &core) == XCALL_OK);
    FUZZ_CHECK(xc_client_core_sign_in_token(core, now, "token") == XCALL_OK);
    run();
    for (int i = 0; i < 2; i++)
        xc_client_core_frame(core, now, first[i], strlen(first[i]));
    run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    while (size) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        if (length == 2 && data[0] == '!')
            act(data[1]);
        else
            xc_client_core_frame(core, now, (const char *)data, length);
        run();
        size -= length + (end != NULL);
        data += length + (end != NULL);
    }
    xc_client_core_destroy(core);
    return 0;
}
