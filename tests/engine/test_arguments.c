/* test_arguments.c - every misuse of the public functions is answered by a number, never by a crash:
 * NULL, sizes of older and newer headers, values out of range, kinds that do not fit.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <xcall/xcall.h>

static xcall_engine *engine;

static int set_up(void **state)
{
    (void)state;
    xcall_engine_config config;
    xcall_engine_config_init(&config, sizeof config);
    config.flags = XCALL_ENGINE_LOOPBACK;
    config.threads = 0;
    config.bind_address = "127.0.0.1";
    return xcall_engine_create(&config, &engine, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    xcall_engine_unref(engine);
    return 0;
}

struct field {
    size_t offset;
    uint32_t value;
};

#define CALL_FIELD(name, value)                                                                    \
    {                                                                                              \
        offsetof(xcall_call_config, name), value                                                   \
    }
#define ENGINE_FIELD(name, value)                                                                  \
    {                                                                                              \
        offsetof(xcall_engine_config, name), value                                                 \
    }

static void test_call_config(void **state)
{
    (void)state;
    const struct field bad[] = {
        CALL_FIELD(role, 0),
        CALL_FIELD(role, 3),
        CALL_FIELD(flags, 4),
        CALL_FIELD(ice_policy, 2),
        CALL_FIELD(audio_direction, 4),
        CALL_FIELD(audio_direction, XCALL_DIRECTION_NONE),
        CALL_FIELD(video_direction, 4),
        CALL_FIELD(audio_rate, 7999),
        CALL_FIELD(audio_rate, 48001),
        CALL_FIELD(audio_channels, 0),
        CALL_FIELD(audio_channels, 3),
        CALL_FIELD(audio_sample, 0),
        CALL_FIELD(audio_sample, 3),
        CALL_FIELD(audio_frame_ms, 0),
        CALL_FIELD(audio_frame_ms, 15),
        CALL_FIELD(audio_frame_ms, 80),
        CALL_FIELD(audio_bitrate_bps, 5999),
        CALL_FIELD(audio_bitrate_bps, 510001),
        CALL_FIELD(audio_complexity, 11),
        CALL_FIELD(audio_flags, 32),
        CALL_FIELD(audio_delay_ms_min, 1001),
        CALL_FIELD(audio_delay_ms_max, 10001),
        CALL_FIELD(video_width, 15),
        CALL_FIELD(video_width, 1281),
        CALL_FIELD(video_height, 721),
        CALL_FIELD(video_width_max, 4097),
        CALL_FIELD(video_height_max, 15),
        CALL_FIELD(video_frame_rate, 0),
        CALL_FIELD(video_frame_rate, 61),
        CALL_FIELD(video_bitrate_bps, 29999),
        CALL_FIELD(video_bitrate_bps, 20000001),
        CALL_FIELD(video_speed, 1),
        CALL_FIELD(video_flags, 4),
        CALL_FIELD(audio_tracks, 2),
        CALL_FIELD(video_tracks, 3),
        CALL_FIELD(screen_direction, 4),
        CALL_FIELD(video_codec, 3),
        CALL_FIELD(temporal_layers, 0),
        CALL_FIELD(temporal_layers, 4),
        CALL_FIELD(trace_frames, 65537),
        CALL_FIELD(encoded_bytes, (1u << 26) + 1),
        CALL_FIELD(data_channels, 1025),
        CALL_FIELD(data_send_bytes, (1u << 19) - 1),
        CALL_FIELD(data_send_bytes, (1u << 26) + 1),
        CALL_FIELD(data_receive_bytes, (1u << 19) - 1),
        CALL_FIELD(data_receive_bytes, (1u << 26) + 1),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        xcall_call_config config;
        xcall_error error;
        xcall_id call = 42;
        xcall_error_init(&error, sizeof error);
        xcall_call_config_init(&config, sizeof config);
        memcpy((uint8_t *)&config + bad[i].offset, &bad[i].value, sizeof bad[i].value);
        assert_int_equal(xcall_call_create(engine, &config, &call, &error), XCALL_E_INVALID);
        assert_int_equal(error.code, XCALL_E_INVALID);
        assert_true(strlen(error.text) > 5);
        assert_int_equal(call, 42);
    }
}

/* Creates a call with these servers, and hands them to one that is there: the same answer. */
static void try_servers(const void *list, uint32_t count, int32_t wanted, const char *word)
{
    xcall_call_config config;
    xcall_error error;
    xcall_id call = 0, other = 0;
    xcall_call_config_init(&config, sizeof config);
    assert_int_equal(xcall_call_create(engine, &config, &other, NULL), XCALL_OK);
    for (int late = 0; late < 2; late++) {
        xcall_error_init(&error, sizeof error);
        config.ice_servers = list;
        config.ice_server_count = count;
        int32_t result = late ? xcall_call_set_ice_servers(engine, other, list, count, &error)
                              : xcall_call_create(engine, &config, &call, &error);
        assert_int_equal(result, wanted);
        if (word && !strstr(error.text, word))
            fail_msg("\"%s\" does not say \"%s\"", error.text, word);
    }
    xcall_call_hang_up(engine, other);
    if (wanted == XCALL_OK)
        xcall_call_hang_up(engine, call);
    xcall_event event;
    uint64_t deadline;
    xcall_event_init(&event, sizeof event);
    for (int turn = 0; turn < 10; turn++) {
        xcall_engine_step(engine, xcall_now_ns(), &deadline);
        while (xcall_engine_next_event(engine, &event, 0) == XCALL_OK)
            ;
    }
}

static void try_server(const char *url, const char *user, const char *password, int32_t wanted,
                       const char *word)
{
    xcall_ice_server server;
    xcall_ice_server_init(&server, sizeof server);
    server.url = url;
    server.username = user;
    server.password = password;
    try_servers(&server, 1, wanted, word);
}

static void test_ice_servers(void **state)
{
    (void)state;
    static char longer[600];
    xcall_ice_server many[10];
    struct {
        xcall_ice_server server;
        char tail[24];
    } newer[2];
    memset(longer, 'x', sizeof longer - 1);
    try_server("turn:127.0.0.1", "u", "p", XCALL_OK, NULL);
    try_server("stun:127.0.0.1:3479", NULL, NULL, XCALL_OK, NULL);
    try_server("turn:[::1]:3478?transport=udp", "u", "p", XCALL_OK, NULL);
    try_server(NULL, "u", "p", XCALL_E_INVALID, "URL");
    try_server("http://127.0.0.1", "u", "p", XCALL_E_INVALID, "stun:");
    try_server("turn:127.0.0.1:99999", "u", "p", XCALL_E_INVALID, "port");
    try_server("turn:127.0.0.1", NULL, "p", XCALL_E_INVALID, "username");
    try_server("turn:127.0.0.1", "u", "", XCALL_E_INVALID, "password");
    try_server("turn:127.0.0.1", longer, "p", XCALL_E_INVALID, "508");
    try_server("turn:127.0.0.1", "u", longer, XCALL_E_INVALID, "256");
    try_server("turn:relay.example", "u", "p", XCALL_E_UNSUPPORTED, "names");
    try_server("turns:127.0.0.1", "u", "p", XCALL_E_UNSUPPORTED, "TLS");
    try_server("turn:127.0.0.1?transport=tcp", "u", "p", XCALL_E_UNSUPPORTED, "udp");

    /* An array of a newer header's elements is walked by their size. */
    memset(newer, 0, sizeof newer);
    for (int i = 0; i < 2; i++) {
        xcall_ice_server_init(&newer[i].server, sizeof newer[i]);
        newer[i].server.url = i ? "turns:127.0.0.1" : "stun:127.0.0.1";
    }
    try_servers(newer, 2, XCALL_E_UNSUPPORTED, "TLS");
    newer[1].server.url = "stun:127.0.0.1";
    try_servers(newer, 2, XCALL_OK, NULL);
    newer[1].server.size = 8;
    try_servers(newer, 2, XCALL_E_VERSION, "size");
    newer[0].server.size = 0;
    try_servers(newer, 1, XCALL_E_VERSION, "initialised");
    try_servers(NULL, 1, XCALL_E_INVALID, "NULL");
    try_servers(NULL, 0, XCALL_OK, NULL);

    static char urls[10][32];
    for (int i = 0; i < 10; i++) {
        snprintf(urls[i], sizeof urls[i], "stun:127.0.0.1:%d", 4000 + i);
        xcall_ice_server_init(&many[i], sizeof many[i]);
        many[i].url = urls[i];
    }
    try_servers(many, 8, XCALL_OK, NULL);
    try_servers(many, 9, XCALL_E_LIMIT, "8");
    /* The limit is the call's, not the list's; those that are known do not count again. */
    xcall_call_config config;
    xcall_error error;
    xcall_id call = 0;
    xcall_call_config_init(&config, sizeof config);
    xcall_error_init(&error, sizeof error);
    config.ice_servers = many;
    config.ice_server_count = 6;
    assert_int_equal(xcall_call_create(engine, &config, &call, NULL), XCALL_OK);
    assert_int_equal(xcall_call_set_ice_servers(engine, call, many, 8, &error), XCALL_OK);
    assert_int_equal(xcall_call_set_ice_servers(engine, call, many + 1, 8, &error), XCALL_E_LIMIT);
    assert_int_equal(xcall_call_set_ice_servers(engine, call, many, 8, &error), XCALL_OK);
    assert_int_equal(xcall_call_set_ice_servers(engine, 0, many, 8, &error), XCALL_E_ENDED);
    assert_int_equal(xcall_call_set_ice_servers(NULL, call, many, 8, &error), XCALL_E_INVALID);
    xcall_ice_server_init(NULL, 64);
    xcall_ice_server_init(many, 0);
}

static void test_engine_config(void **state)
{
    (void)state;
    const struct field bad[] = {
        ENGINE_FIELD(flags, 2),          ENGINE_FIELD(threads, 65),
        ENGINE_FIELD(codec_workers, 1),  ENGINE_FIELD(codec_workers, 65),
        ENGINE_FIELD(calls_max, 0),      ENGINE_FIELD(calls_max, 65537),
        ENGINE_FIELD(log_level, 5),      ENGINE_FIELD(clock_permille, 0),
        ENGINE_FIELD(posted_max, 65537), ENGINE_FIELD(clock_permille, 1001),
        ENGINE_FIELD(port_max, 65536),   ENGINE_FIELD(port_min, 1),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        xcall_engine_config config;
        xcall_error error;
        xcall_engine *none = NULL;
        xcall_error_init(&error, sizeof error);
        xcall_engine_config_init(&config, sizeof config);
        memcpy((uint8_t *)&config + bad[i].offset, &bad[i].value, sizeof bad[i].value);
        assert_int_equal(xcall_engine_create(&config, &none, &error), XCALL_E_INVALID);
        assert_true(strlen(error.text) > 5);
        assert_null(none);
    }
    xcall_engine_config config;
    xcall_engine *none = NULL;
    xcall_engine_config_init(&config, sizeof config);
    config.bind_address = "not an address";
    assert_int_equal(xcall_engine_create(&config, &none, NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_engine_create(&config, NULL, NULL), XCALL_E_INVALID);
}

/* A struct of an older header is shorter, one of a newer header longer. */
static void test_sizes(void **state)
{
    (void)state;
    struct {
        xcall_call_config config;
        uint8_t tail[64];
    } newer;
    xcall_id call = 0;
    xcall_call_config older;
    xcall_stats stats;
    xcall_event event;
    memset(&newer, 0, sizeof newer);
    xcall_call_config_init(&newer.config, sizeof newer);
    assert_int_equal(newer.config.size, sizeof newer);
    assert_int_equal(newer.config.audio_rate, 48000);
    memset(newer.tail, 0xff, sizeof newer.tail);
    assert_int_equal(xcall_call_create(engine, &newer.config, &call, NULL), XCALL_OK);
    memset(&older, 0xff, sizeof older); /* what is behind its size is nobody's */
    xcall_call_config_init(&older, offsetof(xcall_call_config, audio_bitrate_bps));
    assert_int_equal(xcall_call_create(engine, &older, &call, NULL), XCALL_OK);
    older.size = 0;
    assert_int_equal(xcall_call_create(engine, &older, &call, NULL), XCALL_E_VERSION);
    memset(&stats, 0xee, sizeof stats);
    xcall_stats_init(&stats, offsetof(xcall_stats, packets_sent));
    assert_int_equal(xcall_call_stats(engine, call, &stats), XCALL_OK);
    assert_true(stats.packets_sent == UINT64_C(0xeeeeeeeeeeeeeeee));
    stats.size = 0;
    assert_int_equal(xcall_call_stats(engine, call, &stats), XCALL_E_INVALID);
    memset(&event, 0xee, sizeof event);
    xcall_event_init(&event, offsetof(xcall_event, text));
    assert_int_equal(xcall_engine_post_event(engine, 0, 1, 2, "x", 1), XCALL_OK);
    while (xcall_engine_next_event(engine, &event, 0) == XCALL_OK)
        assert_int_equal(event.size, offsetof(xcall_event, text));
    assert_true((uintptr_t)event.text == (uintptr_t)UINT64_C(0xeeeeeeeeeeeeeeee));
}

static void test_nulls(void **state)
{
    (void)state;
    xcall_id call = 0;
    xcall_event event;
    int16_t samples[4800] = {0};
    xcall_event_init(&event, sizeof event);
    assert_int_equal(xcall_call_create(engine, NULL, &call, NULL), XCALL_OK);
    assert_int_equal(xcall_call_create(engine, NULL, NULL, NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_call_create(NULL, NULL, &call, NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_engine_close(NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_engine_ref(NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_engine_next_event(NULL, &event, 0), XCALL_E_INVALID);
    assert_int_equal(xcall_engine_next_event(engine, NULL, 0), XCALL_E_INVALID);
    assert_int_equal(xcall_engine_next_event(engine, &event, -2), XCALL_E_INVALID);
    assert_true(xcall_engine_event_fd(NULL) < 0);
    assert_int_equal(xcall_engine_wake(NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_audio_write(engine, call, NULL, 480, 0), XCALL_E_INVALID);
    assert_int_equal(xcall_audio_write(engine, call, samples, 0, 0), XCALL_E_INVALID);
    assert_int_equal(xcall_audio_write(engine, call, samples, 48000, 0), XCALL_E_INVALID);
    assert_int_equal(xcall_audio_write(engine, call | XCALL_KIND_VIDEO, samples, 480, 0),
                     XCALL_E_INVALID);
    assert_int_equal(xcall_audio_read(engine, call, NULL, 480), XCALL_E_INVALID);
    assert_int_equal(xcall_audio_read(engine, call, samples, 480001), XCALL_E_INVALID);
    assert_int_equal(xcall_audio_read(NULL, call, samples, 480), XCALL_E_INVALID);
    assert_int_equal(xcall_video_write(engine, call, NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_video_read(engine, call, NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_call_stats(engine, call, NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_call_track(engine, call, XCALL_KIND_AUDIO, 0, NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_call_track(engine, call, XCALL_KIND_VIDEO, 0, &call), XCALL_E_INVALID);
    /* The call's own id means its first track; this call has no video. */
    assert_int_equal(xcall_track_set_mute(engine, call, 1), XCALL_OK);
    assert_int_equal(xcall_track_set_mute(engine, call | XCALL_KIND_VIDEO, 1), XCALL_E_INVALID);
    assert_int_equal(xcall_track_request_key_frame(engine, call), XCALL_E_INVALID);
    assert_int_equal(xcall_call_receive_signal(engine, call, XCALL_SIGNAL_OFFER, NULL, 0, NULL),
                     XCALL_E_INVALID);
    xcall_error_init(NULL, 0);
    xcall_engine_config_init(NULL, 0);
    xcall_call_config_init(NULL, 0);
    xcall_stats_init(NULL, 0);
    xcall_picture_init(NULL, 0);
    xcall_event_init(NULL, 0);
    xcall_encoded_frame_init(NULL, 0);
}

/* --- tracks, DTMF, ICE restart ------------------------------------------------------------------ */

static xcall_id make_call(uint32_t video_tracks, uint32_t data_channels)
{
    xcall_call_config config;
    xcall_id call = 0;
    xcall_call_config_init(&config, sizeof config);
    config.video_tracks = video_tracks;
    config.data_channels = data_channels;
    assert_int_equal(xcall_call_create(engine, &config, &call, NULL), XCALL_OK);
    return call;
}

static void test_tracks(void **state)
{
    (void)state;
    xcall_id call = make_call(2, 0), audio_only = make_call(0, 0), track[3], none = 42;
    const struct {
        uint32_t kind, index;
    } bad[] = {{0, 0},
               {3, 0},
               {XCALL_KIND_AUDIO, 1},
               {XCALL_KIND_VIDEO, 2},
               {XCALL_KIND_VIDEO, UINT32_MAX},
               {UINT32_MAX, 0}};
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(xcall_call_track(engine, call, i ? XCALL_KIND_VIDEO : XCALL_KIND_AUDIO,
                                          i ? i - 1 : 0, &track[i]),
                         XCALL_OK);
    assert_true(track[0] != track[1] && track[1] != track[2] && track[0] != track[2]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(xcall_call_track(engine, call, bad[i].kind, bad[i].index, &none),
                         XCALL_E_INVALID);
    assert_int_equal(xcall_call_track(engine, audio_only, XCALL_KIND_VIDEO, 0, &none),
                     XCALL_E_INVALID);
    assert_int_equal(none, 42);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t direction = 0; direction <= XCALL_DIRECTION_BOTH; direction++)
            assert_int_equal(xcall_track_set_direction(engine, track[i], direction), XCALL_OK);
        assert_int_equal(xcall_track_set_direction(engine, track[i], 4), XCALL_E_INVALID);
        assert_int_equal(xcall_track_set_direction(engine, track[i], UINT32_MAX), XCALL_E_INVALID);
        assert_int_equal(xcall_track_set_mute(engine, track[i], 1), XCALL_OK);
    }
    assert_int_equal(xcall_track_set_direction(engine, audio_only | 2, 3), XCALL_E_INVALID);
    assert_int_equal(xcall_track_set_direction(engine, call | 4, 3), XCALL_E_INVALID);
    assert_int_equal(xcall_track_set_direction(engine, call | 255, 3), XCALL_E_INVALID);
    assert_int_equal(xcall_track_set_direction(engine, 0, 3), XCALL_E_ENDED);
    assert_int_equal(xcall_track_set_direction(NULL, track[0], 3), XCALL_E_INVALID);
    assert_int_equal(xcall_track_request_key_frame(engine, track[0]), XCALL_E_INVALID);
    assert_int_equal(xcall_track_request_key_frame(engine, track[2]), XCALL_OK);
    assert_int_equal(xcall_call_restart_ice(engine, call), XCALL_OK); /* before there is any */
    assert_int_equal(xcall_call_restart_ice(engine, 0), XCALL_E_ENDED);
    assert_int_equal(xcall_call_restart_ice(NULL, call), XCALL_E_INVALID);
}

static void test_dtmf(void **state)
{
    (void)state;
    xcall_id call = make_call(0, 0), silent;
    xcall_call_config config;
    const char *bad[] = {NULL, "", "x", "12 3", "1\n", "E", "12\xc3\xa9"};
    const uint32_t times[][2] = {{39, 70}, {6001, 70}, {100, 29},        {100, 6001},
                                 {0, 70},  {100, 0},   {UINT32_MAX, 70}, {100, UINT32_MAX}};
    char many[64];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(xcall_call_send_dtmf(engine, call, bad[i], 100, 70), XCALL_E_INVALID);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        assert_int_equal(xcall_call_send_dtmf(engine, call, "1", times[i][0], times[i][1]),
                         XCALL_E_INVALID);
    memset(many, '1', sizeof many);
    many[33] = '\0';
    assert_int_equal(xcall_call_send_dtmf(engine, call, many, 100, 70), XCALL_E_LIMIT);
    many[32] = '\0';
    assert_int_equal(xcall_call_send_dtmf(engine, call, many, 40, 30), XCALL_OK);
    assert_int_equal(xcall_call_send_dtmf(engine, call, "0123456789ABCDabcd*#,", 6000, 6000),
                     XCALL_OK);
    assert_int_equal(xcall_call_send_dtmf(NULL, call, "1", 100, 70), XCALL_E_INVALID);
    assert_int_equal(xcall_call_send_dtmf(engine, 0, "1", 100, 70), XCALL_E_ENDED);
    xcall_call_config_init(&config, sizeof config);
    config.audio_direction = XCALL_DIRECTION_NONE;
    config.video_direction = XCALL_DIRECTION_BOTH;
    assert_int_equal(xcall_call_create(engine, &config, &silent, NULL), XCALL_OK);
    assert_int_equal(xcall_call_send_dtmf(engine, silent, "1", 100, 70), XCALL_E_INVALID);
}

/* --- data channels ------------------------------------------------------------------------------ */

#define CHANNEL_FIELD(name, value)                                                                 \
    {                                                                                              \
        offsetof(xcall_channel_config, name), (uint32_t)(value)                                    \
    }

static void test_channel_config(void **state)
{
    (void)state;
    static char text[65537];
    const struct field bad[] = {
        CHANNEL_FIELD(flags, XCALL_CHANNEL_REMOTE),
        CHANNEL_FIELD(flags, 8),
        CHANNEL_FIELD(max_retransmits, -2),
        CHANNEL_FIELD(max_retransmits, 65536),
        CHANNEL_FIELD(max_packet_life_time_ms, -2),
        CHANNEL_FIELD(max_packet_life_time_ms, 65536),
        CHANNEL_FIELD(priority, 0),
        CHANNEL_FIELD(priority, 65536),
    };
    xcall_id call = make_call(0, 4), channel = 42;
    xcall_channel_config config;
    xcall_error error;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0] + 4; i++) {
        xcall_error_init(&error, sizeof error);
        xcall_channel_config_init(&config, sizeof config);
        if (i < sizeof bad / sizeof bad[0])
            memcpy((uint8_t *)&config + bad[i].offset, &bad[i].value, sizeof bad[i].value);
        memset(text, 'x', 65536);
        switch (i - sizeof bad / sizeof bad[0]) {
        case 0:
            config.max_retransmits = config.max_packet_life_time_ms = 0;
            break;
        case 1:
            config.flags = XCALL_CHANNEL_NEGOTIATED;
            config.id = 1024;
            break;
        case 2:
            config.label = text;
            break;
        case 3:
            config.protocol = text;
            break;
        }
        assert_int_equal(xcall_channel_create(engine, call, &config, &channel, &error),
                         XCALL_E_INVALID);
        assert_int_equal(error.code, XCALL_E_INVALID);
        assert_true(strlen(error.text) > 5);
        assert_int_equal(channel, 42);
    }
    config.size = 0;
    assert_int_equal(xcall_channel_create(engine, call, &config, &channel, &error),
                     XCALL_E_VERSION);
    assert_int_equal(xcall_channel_create(engine, call, NULL, NULL, &error), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_create(NULL, call, NULL, &channel, &error), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_create(engine, 0, NULL, &channel, &error), XCALL_E_ENDED);
    assert_int_equal(xcall_channel_create(engine, make_call(0, 0), NULL, &channel, &error),
                     XCALL_E_STATE);
    assert_int_equal(channel, 42);
    xcall_channel_config_init(&config, offsetof(xcall_channel_config, max_retransmits)); /* older */
    memset(&config.max_retransmits, 0x7f, sizeof config.max_retransmits); /* nobody's */
    assert_int_equal(xcall_channel_create(engine, call, &config, &channel, &error), XCALL_OK);
    assert_int_equal(xcall_channel_create(engine, call, NULL, &channel, NULL), XCALL_OK);
}

static void test_channels(void **state)
{
    (void)state;
    xcall_id call = make_call(0, 2), channel[2], third;
    xcall_channel_info info, older;
    uint64_t buffered = 42;
    for (int i = 0; i < 2; i++)
        assert_int_equal(xcall_channel_create(engine, call, NULL, &channel[i], NULL), XCALL_OK);
    assert_int_equal(xcall_channel_create(engine, call, NULL, &third, NULL), XCALL_E_LIMIT);
    xcall_channel_info_init(&info, sizeof info);
    const xcall_id none[] = {0, 1, call, call | 1, ~channel[0], UINT64_MAX, channel[1] + 1};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        if (none[i] == channel[0] || none[i] == channel[1])
            continue;
        assert_int_equal(xcall_channel_send(engine, none[i], 1, "x", 1), XCALL_E_ENDED);
        assert_int_equal(xcall_channel_close(engine, none[i]), XCALL_E_ENDED);
        assert_int_equal(xcall_channel_set_low_threshold(engine, none[i], 0), XCALL_E_ENDED);
        assert_int_equal(xcall_channel_buffered_amount(engine, none[i], &buffered), XCALL_E_ENDED);
        assert_int_equal(xcall_channel_get_info(engine, none[i], &info), XCALL_E_ENDED);
    }
    /* A channel is no call and no track. */
    assert_true(xcall_call_hang_up(engine, channel[0]) < 0);
    assert_true(xcall_track_set_mute(engine, channel[0], 1) < 0);
    assert_int_equal(xcall_channel_send(engine, channel[0], 0, "x", 1), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_send(engine, channel[0], 3, "x", 1), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_send(engine, channel[0], 1, NULL, 1), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_send(NULL, channel[0], 1, "x", 1), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_close(NULL, channel[0]), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_set_low_threshold(NULL, channel[0], 0), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_buffered_amount(NULL, channel[0], &buffered), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_buffered_amount(engine, channel[0], NULL), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_get_info(NULL, channel[0], &info), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_get_info(engine, channel[0], NULL), XCALL_E_INVALID);
    assert_int_equal(buffered, 42);
    memset(&older, 0xee, sizeof older);
    xcall_channel_info_init(&older, offsetof(xcall_channel_info, id));
    assert_int_equal(xcall_channel_get_info(engine, channel[0], &older), XCALL_OK);
    assert_int_equal(older.state, XCALL_CHANNEL_CONNECTING);
    assert_int_equal((uint32_t)older.id, 0xeeeeeeee);
    older.size = 0;
    assert_int_equal(xcall_channel_get_info(engine, channel[0], &older), XCALL_E_INVALID);
    assert_int_equal(xcall_channel_send(engine, channel[0], XCALL_MESSAGE_TEXT, NULL, 0), XCALL_OK);
    assert_int_equal(xcall_channel_close(engine, channel[0]), XCALL_OK);
    xcall_channel_config_init(NULL, 0);
    xcall_channel_info_init(NULL, 0);
    assert_int_equal(xcall_engine_close(engine), XCALL_OK);
    uint64_t deadline;
    assert_int_equal(xcall_engine_step(engine, xcall_now_ns(), &deadline), XCALL_OK);
    assert_int_equal(xcall_channel_create(engine, call, NULL, &third, NULL), XCALL_E_CLOSED);
    assert_int_equal(xcall_channel_send(engine, channel[1], 1, "x", 1), XCALL_E_CLOSED);
    assert_int_equal(xcall_channel_close(engine, channel[1]), XCALL_E_CLOSED);
    assert_int_equal(xcall_channel_get_info(engine, channel[1], &info), XCALL_E_CLOSED);
}

/* A call without video, and pictures that are none. */
static void test_pictures(void **state)
{
    (void)state;
    static uint8_t plane[64 * 64];
    xcall_call_config config;
    xcall_id call;
    xcall_picture picture;
    xcall_call_config_init(&config, sizeof config);
    config.video_direction = XCALL_DIRECTION_BOTH;
    assert_int_equal(xcall_call_create(engine, &config, &call, NULL), XCALL_OK);
    for (int bad = 0; bad < 8; bad++) {
        xcall_picture_init(&picture, sizeof picture);
        picture.width = picture.height = 64;
        for (int i = 0; i < 3; i++) {
            picture.planes[i] = plane;
            picture.strides[i] = 64;
        }
        picture.pixel = bad == 1 ? 3 : XCALL_PIXEL_I420;
        picture.rotation = bad == 2 ? 45 : bad == 3 ? 360 : 0;
        picture.strides[0] = bad == 4 ? 63 : 64;
        picture.strides[2] = bad == 5 ? 31 : 64;
        picture.planes[1] = bad == 6 ? NULL : plane;
        picture.width = bad == 7 ? 0 : 64;
        assert_int_equal(xcall_video_write(engine, call, &picture),
                         bad ? XCALL_E_INVALID : XCALL_OK);
    }
    picture.size = 8;
    assert_int_equal(xcall_video_read(engine, call, &picture), XCALL_E_INVALID);
    xcall_id audio_only;
    assert_int_equal(xcall_call_create(engine, NULL, &audio_only, NULL), XCALL_OK);
    xcall_picture_init(&picture, sizeof picture);
    assert_int_equal(xcall_video_read(engine, audio_only, &picture), XCALL_E_INVALID);
}

static void test_signals(void **state)
{
    (void)state;
    static char long_text[70000];
    const char *bad[] = {"",
                         "{",
                         "[]",
                         "{\"type\":\"offer\"}",
                         "null",
                         "\"offer\"",
                         "{}",
                         "{\"type\":\"offer\",\"sdp\":3}",
                         "{\"type\":\"answer\",\"sdp\":\"v=0\"}",
                         "{\"type\":\"offer\",\"sdp\":\"\"}"};
    xcall_call_config config;
    xcall_id call;
    xcall_call_config_init(&config, sizeof config);
    config.role = XCALL_ROLE_ANSWER;
    assert_int_equal(xcall_call_create(engine, &config, &call, NULL), XCALL_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        xcall_error error;
        xcall_error_init(&error, sizeof error);
        assert_int_equal(xcall_call_receive_signal(engine, call, XCALL_SIGNAL_OFFER, bad[i],
                                                   strlen(bad[i]), &error),
                         XCALL_E_SIGNAL);
        assert_true(strlen(error.text) > 5);
    }
    memset(long_text, ' ', sizeof long_text);
    assert_int_equal(xcall_call_receive_signal(engine, call, XCALL_SIGNAL_OFFER, long_text,
                                               sizeof long_text, NULL),
                     XCALL_E_LIMIT);
    for (uint32_t kind = 0; kind < 9; kind += kind == 0 ? 6 : 1)
        assert_true(xcall_call_receive_signal(engine, call, kind, "{}", 2, NULL) < 0);
}

static void test_words(void **state)
{
    (void)state;
    for (int32_t code = 0; code >= XCALL_E_SIGNAL; code--) {
        assert_string_not_equal(xcall_error_name(code), "XCALL_E_UNKNOWN");
        assert_true(strlen(xcall_error_text(code)) > 3);
    }
    assert_string_equal(xcall_error_name(XCALL_E_SIGNAL - 1), "XCALL_E_UNKNOWN");
    assert_string_equal(xcall_error_name(1), "XCALL_E_UNKNOWN");
    assert_string_equal(xcall_error_name(XCALL_E_MEMORY), "XCALL_E_MEMORY");
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", XCALL_VERSION_MAJOR, XCALL_VERSION_MINOR,
             XCALL_VERSION_PATCH);
    assert_string_equal(xcall_version(), version);
    assert_int_equal(xcall_abi_version(), XCALL_ABI_VERSION);
    assert_non_null(strstr(xcall_dependency_versions(), "OpenSSL"));
    assert_non_null(strstr(xcall_dependency_versions(), "srtp"));
    uint64_t before = xcall_now_ns();
    assert_true(xcall_now_ns() >= before);
}

static void test_traces(void **state)
{
    (void)state;
    char path[] = "/tmp/xcall_trace_XXXXXX";
    xcall_frame_trace trace = {.kind = XCALL_KIND_AUDIO,
                               .sent = 2000,
                               .encode_start = 1000,
                               .encode_end = 1500,
                               .packetized = 1800,
                               .written = 900};
    xcall_id call;
    char first[3] = "";
    assert_int_equal(xcall_call_create(engine, NULL, &call, NULL), XCALL_OK);
    assert_int_equal(xcall_trace_read(engine, call, &trace, sizeof trace, 1), XCALL_E_STATE);
    assert_int_equal(xcall_trace_write_json(NULL, "x", &trace, sizeof trace, 1), XCALL_E_INVALID);
    assert_int_equal(xcall_trace_write_json("/nowhere/at/all", "x", &trace, sizeof trace, 1),
                     XCALL_E_SYSTEM);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(xcall_trace_write_json(path, "a \"name\"", &trace, sizeof trace, 1), XCALL_OK);
    assert_int_equal(read(fd, first, 2), 2);
    assert_string_equal(first, "{\"");
    close(fd);
    /* Bytes that are no UTF-8 must not reach the file: it would be no JSON. */
    char text[1024];
    assert_int_equal(
        xcall_trace_write_json(path, "\xc3\xa9|\xff|\xc3(|\xed\xa0\x80|\xf0\x9f\x98\x80|\xe2\x82",
                               &trace, sizeof trace, 1),
        XCALL_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_non_null(strstr(text, "\"\xc3\xa9|?|?(|???|\xf0\x9f\x98\x80|??\""));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_call_config, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ice_servers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_engine_config, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nulls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tracks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dtmf, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_channel_config, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_channels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pictures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_traces, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
