/* peer.c - xcall-peer: a headless end of a call, driven by JSON lines on stdin and stdout.
 *
 * The main thread is the event thread: it waits for the library's events, lines of the peer and
 * signals of the system; media.c has the threads that write and read. The call ends after
 * --seconds, on a hangup of either side, at the end of input, on SIGTERM and SIGINT; whichever it
 * is, every file named on the command line is written.
 *
 * SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/stop.h"
#include "stats_json.h"

#define TICK_NS 50000000u
#define SAMPLE_NS 200000000u
#define END_WAIT_NS 2000000000u /* for XCALL_EVENT_ENDED after a hang-up */
#define ENCODED_BYTES (8u << 20)
#define STEREO_BPS 64000          /* at 32000 Opus soon makes one channel of two */
#define BITRATE_OF_20_MS_KBPS 400 /* above it a packet of 20 ms would be over the MTU */

void peer_fail(struct peer *peer, int exit_code, const char *sentence)
{
    if (peer->exit_code != EXIT_MEDIA)
        return;
    progress_end(peer);
    peer->exit_code = exit_code;
    snprintf(peer->why, sizeof peer->why, "%s", sentence);
    fprintf(stderr, "xcall-peer: %s\n", peer->why);
}

static void fail_with(struct peer *peer, const char *what, int32_t code, const xcall_error *error)
{
    char sentence[448];
    bool users = code == XCALL_E_INVALID || code == XCALL_E_SYSTEM || code == XCALL_E_SIGNAL ||
                 code == XCALL_E_LIMIT || code == XCALL_E_STATE || code == XCALL_E_UNSUPPORTED;
    snprintf(sentence, sizeof sentence, "%s: %s (%s)", what,
             error->text[0] ? error->text : xcall_error_text(code), xcall_error_name(code));
    peer_fail(peer, users ? EXIT_BAD_USE : EXIT_NO_MEDIA, sentence);
}

static void configure_call(const struct peer *peer, xcall_call_config *config)
{
    const struct peer_options *options = &peer->options;
    xcall_call_config_init(config, sizeof *config);
    config->role = options->offer ? XCALL_ROLE_OFFER : XCALL_ROLE_ANSWER;
    config->flags = options->no_trickle ? XCALL_CALL_NO_TRICKLE : 0;
    config->audio_direction = XCALL_DIRECTION_BOTH;
    config->video_codec = options->codec;
    config->video_tracks = options->no_video ? 0 : VIDEO_COUNT;
    config->screen_direction = options->screen ? XCALL_DIRECTION_BOTH : XCALL_DIRECTION_NONE;
    if (options->temporal_layers)
        config->temporal_layers = options->temporal_layers;
    if (options->red)
        config->audio_flags |= XCALL_AUDIO_RED;
    config->audio_rate = peer->audio.rate;
    config->audio_channels = peer->audio.channels;
    config->audio_sample = peer->audio.is_float ? XCALL_SAMPLE_F32 : XCALL_SAMPLE_S16;
    if (options->stereo)
        config->audio_bitrate_bps = STEREO_BPS;
    if (options->audio_bitrate_kbps)
        config->audio_bitrate_bps = options->audio_bitrate_kbps * 1000;
    if (options->audio_bitrate_kbps > BITRATE_OF_20_MS_KBPS)
        config->audio_frame_ms = 10;
    if (options->dtx)
        config->audio_flags |= XCALL_AUDIO_DTX;
    config->video_direction =
        options->no_video || options->video_later ? XCALL_DIRECTION_NONE : XCALL_DIRECTION_BOTH;
    if (!options->no_video) {
        uint32_t rate = (peer->video.rate_num + peer->video.rate_den - 1) / peer->video.rate_den;
        config->video_width = options->width ? options->width : peer->video.width;
        config->video_height = options->height ? options->height : peer->video.height;
        config->video_width_max = peer->media.width_max;
        config->video_height_max = peer->media.height_max;
        config->video_frame_rate = rate < 1 ? 1 : rate > 60 ? 60 : rate;
    }
    config->ice_policy = options->relay_only ? XCALL_ICE_RELAY : XCALL_ICE_ALL;
    config->ice_servers = peer->servers.list;
    config->ice_server_count = peer->servers.count;
    config->data_channels = options->data ? DATA_CHANNELS : 0;
    if (options->video_bitrate_kbps)
        config->video_bitrate_bps = options->video_bitrate_kbps * 1000;
    if (options->trace || options->traces_raw)
        config->trace_frames = TRACES_RING;
    if (options->record)
        config->encoded_bytes = ENCODED_BYTES;
}

/* The channel that every peer of --offer --data has. */
static void open_data(struct peer *peer)
{
    json_t *object = json_pack("{s:s}", "label", DATA_LABEL);
    int32_t result = data_open(&peer->data, object);
    json_decref(object);
    if (result)
        fprintf(stderr, "xcall-peer: no data channel: %s\n", xcall_error_text(result));
}

static int start_call(struct peer *peer)
{
    xcall_engine_config engine;
    xcall_call_config config;
    xcall_error error;
    xcall_error_init(&error, sizeof error);
    xcall_engine_config_init(&engine, sizeof engine);
    engine.flags = peer->options.loopback ? XCALL_ENGINE_LOOPBACK : 0;
    engine.bind_address = peer->options.bind;
    engine.log_level = peer->options.log_level;
    engine.calls_max = 1;
    int32_t result = xcall_engine_create(&engine, &peer->engine, &error);
    if (result) {
        peer->engine = NULL;
        fail_with(peer, "cannot start", result, &error);
        return -1;
    }
    char words[256];
    if (servers_read(&peer->servers, peer->options.ice_server_file, peer->options.ice_server, words,
                     sizeof words)) {
        peer_fail(peer, EXIT_BAD_USE, words);
        return -1;
    }
    configure_call(peer, &config);
    result = xcall_call_create(peer->engine, &config, &peer->call, &error);
    if (result) {
        fail_with(peer, "cannot create the call", result, &error);
        return -1;
    }
    peer->data.engine = peer->engine;
    peer->data.call = peer->call;
    peer->media.engine = peer->engine;
    peer->media.call = peer->call;
    if (peer->options.data && peer->options.offer)
        open_data(peer);
    peer->media_started = true;
    if (media_start(&peer->media) ||
        (config.video_direction && media_write_video(&peer->media, VIDEO_CAMERA)) ||
        (config.screen_direction && media_write_video(&peer->media, VIDEO_SCREEN))) {
        peer_fail(peer, EXIT_NO_MEDIA, "cannot start the media threads");
        return -1;
    }
    return 0;
}

static void hang_up(struct peer *peer)
{
    if (peer->hanging_up)
        return;
    peer->hanging_up = true;
    peer->hang_up_ns = xcall_now_ns();
    files_collect(peer, peer->hang_up_ns);
    xcall_call_hang_up(peer->engine, peer->call);
}

/* What the peer offers to do decides what is expected of directions nobody named. */
static void learn_directions(struct peer *peer, const char *sdp)
{
    const struct peer_options *options = &peer->options;
    bool sends, receives;
    if (peer->remote_known)
        return;
    peer->remote_known = true;
    sdp_directions(sdp, "audio", &sends, &receives);
    peer->flow.asked[FLOW_AUDIO_SENT] = options->audio_in || receives;
    peer->flow.asked[FLOW_AUDIO_RECEIVED] = options->audio_out || sends;
    if (options->no_video)
        return;
    sdp_directions(sdp, "video", &sends, &receives);
    peer->flow.asked[FLOW_VIDEO_SENT] = options_ask_video_send(options) || receives;
    peer->flow.asked[FLOW_VIDEO_RECEIVED] = options_ask_video_receive(options) || sends;
}

/* An answer needs an offer of this side; the offerer takes none before the first is answered. Later
 * ones are fine: the library may ask for more media, a peer may hold the call. */
static bool is_out_of_place(struct peer *peer, int signal)
{
    const char *sentence = NULL;
    if (signal == SIGNAL_ANSWER && !peer->offer_said && peer->options.answer)
        sentence = "an answer came where an offer belongs (--answer reads an offer)";
    if (signal == SIGNAL_OFFER && !peer->remote_known && peer->options.offer)
        sentence = "an offer came where an answer belongs (--offer reads an answer)";
    if (!sentence)
        return false;
    peer_fail(peer, EXIT_BAD_USE, sentence);
    hang_up(peer);
    return true;
}

static void take_signal(struct peer *peer, int signal, json_t *object)
{
    static const uint32_t kinds[] = {[SIGNAL_OFFER] = XCALL_SIGNAL_OFFER,
                                     [SIGNAL_ANSWER] = XCALL_SIGNAL_ANSWER,
                                     [SIGNAL_CANDIDATE] = XCALL_SIGNAL_CANDIDATE};
    const char *candidate = json_string_value(json_object_get(object, "candidate"));
    const char *sdp = json_string_value(json_object_get(object, "sdp"));
    uint32_t kind = kinds[signal];
    xcall_error error;
    xcall_error_init(&error, sizeof error);
    if (signal == SIGNAL_CANDIDATE && candidate[0] == '\0')
        kind = XCALL_SIGNAL_END_OF_CANDIDATES;
    char *text = json_dumps(object, JSON_COMPACT);
    int32_t result =
        text ? xcall_call_receive_signal(peer->engine, peer->call, kind, text, strlen(text), &error)
             : XCALL_E_MEMORY;
    free(text);
    if (result == 0 && signal != SIGNAL_CANDIDATE)
        learn_directions(peer, sdp);
    if (result == 0 || result == XCALL_E_ENDED || result == XCALL_E_CLOSED)
        return;
    if (signal == SIGNAL_CANDIDATE) { /* one bad candidate spoils no call */
        fprintf(stderr, "xcall-peer: a candidate is not used: %s\n",
                error.text[0] ? error.text : xcall_error_text(result));
        return;
    }
    fail_with(peer, signal == SIGNAL_OFFER ? "the offer is refused" : "the answer is refused",
              result, &error);
    hang_up(peer);
}

static void take_lines(struct peer *peer)
{
    char *line = NULL, error[256], sentence[320];
    size_t length = 0;
    int ready;
    while (!peer->hanging_up && (ready = line_reader_next(&peer->reader, &line, &length))) {
        json_t *object = NULL;
        int signal = -1;
        if (ready == LINE_TOO_LONG)
            snprintf(error, sizeof error, "it is longer than %u bytes", LINE_BYTES_MAX);
        else
            signal = signal_parse(line, length, &object, error, sizeof error);
        if (signal == SIGNAL_DO && action_take(peer, object, error, sizeof error))
            signal = -1;
        if (signal == SIGNAL_DATA && data_take(&peer->data, object, error, sizeof error))
            signal = -1;
        if (signal < 0) {
            snprintf(sentence, sizeof sentence, "a line of input is bad: %s", error);
            peer_fail(peer, EXIT_BAD_USE, sentence);
            hang_up(peer);
        } else if (signal == SIGNAL_HANG_UP) {
            hang_up(peer);
        } else if (signal != SIGNAL_IGNORED && signal != SIGNAL_DO && signal != SIGNAL_DATA &&
                   !is_out_of_place(peer, signal)) {
            take_signal(peer, signal, object);
        }
        json_decref(object);
    }
    if (peer->reader.ended)
        hang_up(peer);
}

static void show_state(struct peer *peer, const char *state, const char *reason)
{
    const char *shown = reason ? reason : state;
    if (peer->state_shown && strcmp(peer->state_shown, shown) == 0)
        return;
    if (!peer->state_shown && strcmp(state, "connected") == 0)
        emit_state("connecting", NULL);
    peer->state_shown = shown;
    emit_state(state, reason);
}

static void take_state(struct peer *peer, uint32_t state)
{
    if (state == XCALL_STATE_CONNECTING)
        show_state(peer, "connecting", NULL);
    else if (state == XCALL_STATE_RECONNECTING)
        show_state(peer, "connecting", "reconnecting");
    if (state != XCALL_STATE_CONNECTED)
        return;
    if (!peer->connected_ns) {
        peer->connected_ns = xcall_now_ns();
        atomic_store(&peer->media.connected, true);
    }
    show_state(peer, "connected", NULL);
}

/* What both sides agreed on for a track: what does not flow by agreement is not missed. */
static void take_track(struct peer *peer, const xcall_event *event)
{
    bool receives = event->flags & XCALL_DIRECTION_RECV,
         sends = event->flags & XCALL_DIRECTION_SEND;
    const char *kind = "audio";
    if (event->track == peer->media.videos[VIDEO_SCREEN].track)
        kind = "screen";
    else if (event->track == peer->media.videos[VIDEO_CAMERA].track)
        kind = "video";
    if (strcmp(kind, "audio") == 0) {
        peer->flow.idle[FLOW_AUDIO_SENT] = !sends;
        peer->flow.idle[FLOW_AUDIO_RECEIVED] = !receives;
    } else if (strcmp(kind, "video") == 0) {
        peer->flow.idle[FLOW_VIDEO_SENT] = !sends;
        peer->flow.idle[FLOW_VIDEO_RECEIVED] = !receives;
    }
    emit(json_pack("{s:s, s:s, s:b, s:b}", "type", "track", "kind", kind, "sends", sends,
                   "receives", receives));
}

/* Once, however often the library has reason to. */
static void say_hang_up(struct peer *peer)
{
    if (!peer->hang_up_said)
        emit(json_pack("{s:s}", "type", "hangup"));
    peer->hang_up_said = true;
}

static void take_event(struct peer *peer, const xcall_event *event)
{
    switch (event->type) {
    case XCALL_EVENT_SIGNAL:
        peer->offer_said |= event->signal_kind == XCALL_SIGNAL_OFFER;
        if (event->signal_kind == XCALL_SIGNAL_BYE)
            say_hang_up(peer);
        else
            emit_signal(event->signal_kind, event->text, event->text_length);
        break;
    case XCALL_EVENT_STATE:
        take_state(peer, event->state);
        break;
    case XCALL_EVENT_PICTURE:
        media_take_pictures(&peer->media);
        break;
    case XCALL_EVENT_REMOTE:
        peer->flow.held = (event->flags & XCALL_REMOTE_HOLD) != 0;
        break;
    case XCALL_EVENT_TRACK:
        take_track(peer, event);
        break;
    case XCALL_EVENT_CHANNEL:
    case XCALL_EVENT_MESSAGE:
    case XCALL_EVENT_BUFFERED_LOW:
        data_event(&peer->data, event);
        break;
    case XCALL_EVENT_LOG:
        fprintf(stderr, "xcall-peer: log: %.*s\n", (int)event->text_length, event->text);
        break;
    case XCALL_EVENT_ENDED:
        peer->ended = true;
        peer->end_reason = event->reason;
        snprintf(peer->end_text, sizeof peer->end_text, "%.*s", (int)event->text_length,
                 event->text);
        if (peer->hang_up_ns == 0)
            peer->hang_up_ns = xcall_now_ns();
        break;
    default:
        break;
    }
}

/* Until the queue is empty; after ENDED it is not touched again, which keeps the call readable. */
static void take_events(struct peer *peer)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    while (!peer->ended) {
        int32_t result = xcall_engine_next_event(peer->engine, &event, 0);
        if (result == XCALL_E_TIMEOUT)
            return;
        if (result < 0) {
            peer_fail(peer, EXIT_NO_MEDIA, xcall_error_text(result));
            peer->ended = true;
            return;
        }
        take_event(peer, &event);
    }
}

static void tick(struct peer *peer, uint64_t now)
{
    if (peer->connected_ns && peer->options.seconds > 0 &&
        now >= peer->connected_ns + (uint64_t)(peer->options.seconds * 1e9))
        hang_up(peer);
    if (!peer->hanging_up && now >= peer->sampled_ns + SAMPLE_NS) {
        peer->sampled_ns = now;
        files_collect(peer, now);
    }
    progress_show(peer, now);
}

/* ms until there is something to do without an event, rounded up. */
static int poll_timeout_ms(const struct peer *peer, uint64_t now)
{
    uint64_t until = now + TICK_NS;
    uint64_t end = peer->connected_ns + (uint64_t)(peer->options.seconds * 1e9);
    if (peer->connected_ns && peer->options.seconds > 0 && end < until)
        until = end > now ? end : now;
    return (int)((until - now + 999999) / 1000000);
}

static void run(struct peer *peer, int stop)
{
    struct pollfd fds[3] = {{.fd = xcall_engine_event_fd(peer->engine), .events = POLLIN},
                            {.fd = stop, .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
    while (!peer->ended) {
        uint64_t now = xcall_now_ns();
        if (peer->hanging_up) {
            fds[2].fd = -1; /* nothing of the peer matters now */
            if (now > peer->hang_up_ns + END_WAIT_NS)
                return;
        }
        if (poll(fds, 3, poll_timeout_ms(peer, now)) < 0 && errno != EINTR) {
            peer_fail(peer, EXIT_NO_MEDIA, strerror(errno));
            return;
        }
        take_events(peer);
        if (peer->ended)
            return;
        if (fds[1].revents & POLLIN)
            hang_up(peer);
        if (fds[2].fd >= 0 && fds[2].revents) {
            if (line_reader_fill(&peer->reader, STDIN_FILENO)) {
                peer_fail(peer, EXIT_NO_MEDIA, "no memory for the input");
                hang_up(peer);
            }
            take_lines(peer);
        }
        tick(peer, xcall_now_ns());
    }
}

static void judge(struct peer *peer)
{
    char sentence[384];
    const char *words = peer->end_text[0] ? peer->end_text : end_reason_name(peer->end_reason);
    if (peer->end_reason == XCALL_END_NEGOTIATION) {
        snprintf(sentence, sizeof sentence, "the peer's description is refused: %s", words);
        peer_fail(peer, EXIT_BAD_USE, sentence);
    } else if (!peer->connected_ns) {
        snprintf(sentence, sizeof sentence, "did not connect: %s", words);
        peer_fail(peer, EXIT_NO_MEDIA, sentence);
    } else if (peer->end_reason != XCALL_END_HANG_UP &&
               peer->end_reason != XCALL_END_REMOTE_HANG_UP) {
        snprintf(sentence, sizeof sentence, "the call ended early: %s", words);
        peer_fail(peer, EXIT_NO_MEDIA, sentence);
    } else if (flow_verdict(&peer->flow, sentence, sizeof sentence)) {
        peer_fail(peer, EXIT_NO_MEDIA, sentence);
    }
}

static void finish(struct peer *peer)
{
    if (peer->media_started) {
        files_collect(peer, peer->hang_up_ns);
        media_take_pictures(&peer->media);
        media_stop(&peer->media);
        progress_show(peer, xcall_now_ns());
        progress_end(peer);
        judge(peer);
        if (peer->hanging_up)
            say_hang_up(peer);
        show_state(peer, "ended", end_reason_name(peer->end_reason));
    }
    files_close(peer);
    if (peer->media_started)
        files_write_stats(peer, true);
    if (peer->engine) {
        xcall_engine_close(peer->engine);
        xcall_engine_unref(peer->engine);
    }
    audio_source_close(&peer->audio);
    video_source_close(&peer->video);
    video_source_close(&peer->screen);
    traces_free(&peer->traces);
    data_free(&peer->data);
    servers_free(&peer->servers);
    line_reader_free(&peer->reader);
    free(peer->encoded);
}

int main(int argc, char **argv)
{
    static struct peer peer;
    int stop = stop_catch();
    if (stop < 0) {
        perror("xcall-peer");
        return EXIT_NO_MEDIA;
    }
    int parsed = options_parse(&peer.options, argc, argv);
    if (parsed != OPTIONS_RUN)
        return parsed == OPTIONS_HELP ? 0 : EXIT_BAD_USE;
    peer.stats.size = sizeof peer.stats;
    if (files_open(&peer) == 0 && start_call(&peer) == 0)
        run(&peer, stop);
    finish(&peer);
    return peer.exit_code;
}
