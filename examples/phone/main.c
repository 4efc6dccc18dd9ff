/* main.c - xcall-phone: a line-driven telephone for the call service, for a terminal or a pipe.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/stop.h"
#include "phone.h"

#define TICK_MS 50
#define QUIT_NS 3000000000u           /* hang-ups get so long to be told */
#define PLACING_NS 2000000000u        /* an invite is answered within about 0.2 s */
#define AWAY_NS UINT64_C(60000000000) /* a script whose service is not there gives up */

void phone_fail(struct phone *phone, const char *format, ...)
{
    va_list arguments;
    char sentence[512];
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fprintf(stderr, "xcall-phone: %s\n", sentence);
    phone->exit_code = EXIT_FAILED;
}

void phone_quit(struct phone *phone)
{
    if (phone->quitting)
        return;
    phone->quitting = true;
    phone->quit_ns = xcall_now_ns();
    phone_media_hang_up(phone);
    for (int i = 0; i < PHONE_CALLS_MAX; i++)
        if (phone->calls[i].id)
            xcall_client_hang_up(phone->client, phone->calls[i].id);
}

static int open_engine(struct phone *phone)
{
    xcall_engine_config config;
    xcall_error error;
    xcall_error_init(&error, sizeof error);
    xcall_engine_config_init(&config, sizeof config);
    config.flags = phone->options.media.loopback ? XCALL_ENGINE_LOOPBACK : 0;
    config.bind_address = phone->options.media.bind;
    config.log_level = phone->options.media.log_level;
    config.calls_max = PHONE_CALLS_MAX;
    config.posted_max = 256;
    if (xcall_engine_create(&config, &phone->engine, &error) == XCALL_OK)
        return EXIT_DONE;
    fprintf(stderr, "xcall-phone: cannot start: %s\n", error.text);
    phone->engine = NULL;
    return EXIT_BAD_USE;
}

static int open_client(struct phone *phone)
{
    struct phone_options *options = &phone->options;
    xcall_client_config config;
    xcall_call_config call;
    xcall_error error;
    char token[128];
    if (options->token_file && phone_token_read(options, token))
        return EXIT_BAD_USE;
    xcall_error_init(&error, sizeof error);
    xcall_client_config_init(&config, sizeof config);
    phone_media_configure(options, &call);
    config.engine = phone->engine;
    config.url = options->url;
    config.ca_file = options->ca_file;
    config.state_file = options->state_file;
    config.name = "xcall-phone";
    config.version = xcall_version();
    config.call = &call;
    config.flags = (options->waiting ? XCALL_CLIENT_CALL_WAITING : 0) |
                   (options->relay_only ? XCALL_CLIENT_RELAY_ONLY : 0);
    if (xcall_client_create(&config, &phone->client, &error) != XCALL_OK) {
        fprintf(stderr, "xcall-phone: %s\n", error.text);
        phone->client = NULL;
        return EXIT_BAD_USE;
    }
    if (options->token_file) {
        phone->session = XCALL_CLIENT_CONNECTING;
        int32_t result = xcall_client_sign_in_token(phone->client, token);
        if (result != XCALL_OK && result != XCALL_E_STATE) { /* STATE: the state file has one */
            fprintf(stderr, "xcall-phone: %s\n", xcall_error_text(result));
            return EXIT_BAD_USE;
        }
    }
    return EXIT_DONE;
}

static void take_events(struct phone *phone)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    while (xcall_engine_next_event(phone->engine, &event, 0) == XCALL_OK) {
        phone_media_event(phone, &event);
        if (!xcall_client_take_event(phone->client, &event))
            phone_event(phone, &event);
    }
}

static bool calls_left(const struct phone *phone)
{
    for (int i = 0; i < PHONE_CALLS_MAX; i++)
        if (phone->calls[i].id)
            return true;
    return phone->media_of != 0;
}

/* Whether the service lets it ring is known when its state changes; of a callee who is not there nothing
 * is heard for long: then it was let in. */
static bool is_placing(struct phone *phone)
{
    const struct phone_call *call = phone_call_find(phone, phone->placing);
    if (phone->placing && ((call && call->state != XCALL_LIFE_CALLING) ||
                           xcall_now_ns() - phone->placing_ns > PLACING_NS))
        phone->placing = 0;
    return phone->placing != 0;
}

/* From a pipe a line waits until what the one before asked for is done, and for the service, but not while
 * there is a call: one hangs up without it too. */
static bool may_read_on(struct phone *phone)
{
    if (phone->wait.on || phone->quitting)
        return false;
    if (isatty(STDIN_FILENO) || phone->password_of[0])
        return true;
    bool away = phone->session == XCALL_CLIENT_CONNECTING || phone->session == XCALL_CLIENT_OFFLINE;
    return !phone->answers_wanted && !phone->leaving && !is_placing(phone) &&
           (!away || calls_left(phone));
}

/* A person can wait or leave; a script that never finds its service would stay for ever. */
static void check_away(struct phone *phone, uint64_t now)
{
    bool away = phone->session == XCALL_CLIENT_CONNECTING || phone->session == XCALL_CLIENT_OFFLINE;
    if (!away || isatty(STDIN_FILENO) || phone->quitting || calls_left(phone))
        phone->away_ns = now;
    if (now < phone->away_ns + AWAY_NS)
        return;
    phone_fail(phone, "the service could not be reached for a minute");
    phone_quit(phone);
}

static void take_lines(struct phone *phone)
{
    char *line;
    size_t length;
    int ready;
    while (may_read_on(phone) && (ready = line_reader_next(&phone->reader, &line, &length))) {
        if (ready == LINE_TOO_LONG) {
            phone_fail(phone, "a line is too long");
            phone_quit(phone);
            return;
        }
        phone_command(phone, line);
    }
    if (may_read_on(phone) && phone->reader.ended)
        phone_quit(phone);
}

static void run(struct phone *phone, int stop)
{
    struct pollfd fds[3] = {{.fd = xcall_engine_event_fd(phone->engine), .events = POLLIN},
                            {.fd = stop, .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
    phone->away_ns = xcall_now_ns();
    for (;;) {
        fds[2].fd = phone->reader.ended || phone->quitting ? -1 : STDIN_FILENO;
        if (poll(fds, 3, TICK_MS) < 0 && errno != EINTR)
            return;
        take_events(phone);
        uint64_t now = xcall_now_ns();
        if (fds[1].revents & POLLIN)
            phone_quit(phone);
        if (fds[2].fd >= 0 && fds[2].revents && line_reader_fill(&phone->reader, STDIN_FILENO)) {
            phone_fail(phone, "no memory for the input");
            phone_quit(phone);
        }
        phone_wait_check(phone, now);
        take_lines(phone);
        check_away(phone, now);
        phone_media_tick(phone, now);
        if (phone->quitting && (!calls_left(phone) || now > phone->quit_ns + QUIT_NS))
            return;
    }
}

int main(int argc, char **argv)
{
    static struct phone phone;
    int parsed = phone_options_parse(&phone.options, argc, argv);
    if (parsed != OPTIONS_RUN)
        return parsed == OPTIONS_HELP ? 0 : EXIT_BAD_USE;
    int stop = stop_catch();
    if (stop < 0) {
        perror("xcall-phone");
        return EXIT_FAILED;
    }
    phone.exit_code = open_engine(&phone);
    if (phone.exit_code == EXIT_DONE)
        phone.exit_code = open_client(&phone);
    if (phone.exit_code == EXIT_DONE)
        run(&phone, stop);
    phone_media_stop(&phone, XCALL_END_HANG_UP, "");
    xcall_client_destroy(phone.client);
    if (phone.engine) {
        xcall_engine_close(phone.engine);
        xcall_engine_unref(phone.engine);
    }
    line_reader_free(&phone.reader);
    return phone.exit_code == EXIT_DONE && phone.refused ? EXIT_FAILED : phone.exit_code;
}
