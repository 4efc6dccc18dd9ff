/* commands.c - the lines that a person types or a script pipes in: one table, which is also the help.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../peer/stats_json.h"
#include "phone.h"

#define WAIT_DEFAULT_S 30.0
#define WORDS_MAX 4

struct words {
    int count;
    char *word[WORDS_MAX];
    char *rest; /* of the line behind the second word: a message */
};

typedef void command(struct phone *phone, struct words *words);

struct command_row {
    const char *name;
    int words_min; /* the command's own counted */
    command *run;
    const char *arguments, *help;
};

static void wrong(struct phone *phone, const char *sentence)
{
    phone_say(phone, "wrong", json_pack("{s:s}", "text", sentence), "%s", sentence);
    phone->exit_code = EXIT_FAILED;
}

static bool check(struct phone *phone, int32_t result)
{
    if (result == XCALL_OK)
        return true;
    bool out = phone->session == XCALL_CLIENT_SIGNED_OUT;
    wrong(phone, result != XCALL_E_STATE ? xcall_error_text(result)
                 : out
                     ? "you are not signed in: sign-in NAME, or sign-up NAME; the next line is the "
                       "password"
                     : "that is not possible now");
    return false;
}

static void request(struct phone *phone, const char *type, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (check(phone, xcall_client_request(phone->client, type, text, NULL)))
        phone->answers_wanted++;
    free(text);
}

struct phone_call *phone_call_find(struct phone *phone, xcall_id id)
{
    for (int i = 0; i < PHONE_CALLS_MAX; i++)
        if (phone->calls[i].id == id && id)
            return &phone->calls[i];
    return NULL;
}

/* The call in one of these states (bits), the newest place first. */
static struct phone_call *call_in(struct phone *phone, uint32_t states)
{
    for (int i = PHONE_CALLS_MAX - 1; i >= 0; i--)
        if (phone->calls[i].id && states >> phone->calls[i].state & 1)
            return &phone->calls[i];
    wrong(phone, "there is no such call");
    return NULL;
}

#define IN(state) (1u << XCALL_LIFE_##state)
#define JOINED (IN(CONNECTING) | IN(ACTIVE) | IN(RECONNECTING))
#define ANY (JOINED | IN(CALLING) | IN(RINGING_OUT) | IN(RINGING_IN))

static bool is_on(struct phone *phone, const char *word, bool *on)
{
    *on = strcmp(word, "on") == 0;
    if (*on || strcmp(word, "off") == 0)
        return true;
    wrong(phone, "say on or off");
    return false;
}

static void do_message(struct phone *phone, struct words *words)
{
    request(phone, "msg.send", json_pack("{s:s, s:s}", "to", words->word[1], "text", words->rest));
}

static void do_messages(struct phone *phone, struct words *words)
{
    request(phone, "msg.list", json_pack("{s:s, s:i}", "with", words->word[1], "limit", 20));
}

/* The newest: for older ones there are scripts and other clients. */
static void do_chats(struct phone *phone, struct words *words)
{
    (void)words;
    if (check(phone, xcall_client_list_chats(phone->client, 0, 50, NULL)))
        phone->answers_wanted++;
}

static void do_read(struct phone *phone, struct words *words)
{
    if (check(phone, xcall_client_mark_read(phone->client, words->word[1], 0, NULL)))
        phone->answers_wanted++;
}

static void edge(struct phone *phone, struct words *words, const char *type, bool on)
{
    request(phone, type, json_pack("{s:s, s:b}", "who", words->word[1], "on", on));
}

static void do_follow(struct phone *phone, struct words *words)
{
    edge(phone, words, "follow.set", true);
}

static void do_unfollow(struct phone *phone, struct words *words)
{
    edge(phone, words, "follow.set", false);
}

static void do_contact(struct phone *phone, struct words *words)
{
    edge(phone, words, "contact.set", true);
}

static void do_uncontact(struct phone *phone, struct words *words)
{
    edge(phone, words, "contact.set", false);
}

static void do_block(struct phone *phone, struct words *words)
{
    edge(phone, words, "block.set", true);
}

static void do_unblock(struct phone *phone, struct words *words)
{
    edge(phone, words, "block.set", false);
}

static void do_list(struct phone *phone, struct words *words)
{
    static const char *const lists[][2] = {
        {"follows", "follow.list"}, {"contacts", "contact.list"}, {"blocks", "block.list"}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(words->word[1], lists[i][0]) == 0) {
            request(phone, lists[i][1], NULL);
            return;
        }
    wrong(phone, "list follows, contacts or blocks");
}

static void do_allow(struct phone *phone, struct words *words)
{
    static const char *const kinds[][2] = {{"everyone", "accept_calls_from_everyone"},
                                           {"verified", "accept_calls_from_verified"},
                                           {"following", "accept_calls_from_following"},
                                           {"contacts", "accept_calls_from_addressbook"}};
    json_t *body = json_object();
    char *rest = NULL;
    bool nobody = false, anybody = false;
    for (size_t i = 0; i < 4; i++)
        json_object_set_new(body, kinds[i][1], json_false());
    for (char *word = strtok_r(words->word[1], ",", &rest); word;
         word = strtok_r(NULL, ",", &rest)) {
        size_t i = 0;
        while (i < 4 && strcmp(word, kinds[i][0]))
            i++;
        nobody |= strcmp(word, "nobody") == 0;
        anybody |= i < 4;
        if ((i == 4 && strcmp(word, "nobody")) || (nobody && anybody)) {
            json_decref(body);
            wrong(phone, "allow nobody, or any of everyone,verified,following,contacts");
            return;
        }
        if (i < 4)
            json_object_set_new(body, kinds[i][1], json_true());
    }
    request(phone, "perm.set", body);
}

static void set_setting(struct phone *phone, struct words *words, const char *setting)
{
    bool on;
    if (is_on(phone, words->word[1], &on))
        request(phone, "perm.set", json_pack("{s:b}", setting, on));
}

static void do_calls(struct phone *phone, struct words *words)
{
    set_setting(phone, words, "has_av_calls_enabled");
}

static void do_privacy(struct phone *phone, struct words *words)
{
    set_setting(phone, words, "has_enhanced_call_privacy_enabled");
}

static void do_settings(struct phone *phone, struct words *words)
{
    (void)words;
    request(phone, "perm.get", NULL);
}

static bool wants_video(struct phone *phone, const struct words *words)
{
    return words->count > 2 && strcmp(words->word[2], "video") == 0 &&
           !phone->options.media.no_video;
}

static void do_can(struct phone *phone, struct words *words)
{
    request(phone, "can_call",
            json_pack("{s:s, s:s}", "to", words->word[1], "media",
                      wants_video(phone, words) ? "v" : "a"));
}

static void do_call(struct phone *phone, struct words *words)
{
    xcall_id call;
    if (words->count > 2 && !wants_video(phone, words)) {
        wrong(phone, phone->options.media.no_video ? "this phone was started with --no-video"
                                                   : "call NAME, or call NAME video");
        return;
    }
    if (check(phone,
              xcall_client_call(phone->client, words->word[1],
                                wants_video(phone, words) ? XCALL_CLIENT_VIDEO : 0, &call))) {
        phone->placing = call;
        phone->placing_ns = xcall_now_ns();
    }
}

/* The word behind the command is none or this; others are wrong, and said to be. */
static bool word_is(struct phone *phone, const struct words *words, const char *wanted,
                    const char *other, const char *said)
{
    if (words->count < 2 || strcmp(words->word[1], wanted) == 0 ||
        (other && strcmp(words->word[1], other) == 0))
        return true;
    wrong(phone, said);
    return false;
}

static void do_accept(struct phone *phone, struct words *words)
{
    if (!word_is(phone, words, "hold", "end", "accept, accept hold, or accept end"))
        return;
    struct phone_call *call = call_in(phone, IN(RINGING_IN));
    uint32_t flags = 0;
    if (words->count > 1)
        flags =
            strcmp(words->word[1], "hold") == 0 ? XCALL_LIFE_HOLD_OTHERS : XCALL_LIFE_END_OTHERS;
    if (call)
        check(phone, xcall_client_accept(phone->client, call->id, flags));
}

static void do_decline(struct phone *phone, struct words *words)
{
    if (!word_is(phone, words, "busy", NULL, "decline, or decline busy"))
        return;
    struct phone_call *call = call_in(phone, IN(RINGING_IN));
    bool busy = words->count > 1;
    if (call)
        check(phone, xcall_client_decline(phone->client, call->id,
                                          busy ? XCALL_LIFE_END_BUSY : XCALL_LIFE_END_DECLINED));
}

static void do_hangup(struct phone *phone, struct words *words)
{
    struct phone_call *call = call_in(phone, ANY);
    (void)words;
    if (!call)
        return;
    if (phone->media_of == call->id)
        phone_media_hang_up(phone);
    check(phone, xcall_client_hang_up(phone->client, call->id));
}

static void set_hold(struct phone *phone, int32_t hold)
{
    struct phone_call *call = call_in(phone, JOINED);
    if (call && check(phone, xcall_client_set_hold(phone->client, call->id, hold)) &&
        phone->media_of == call->id)
        phone->media.flow.held_here = hold != 0;
}

static void do_hold(struct phone *phone, struct words *words)
{
    (void)words;
    set_hold(phone, 1);
}

static void do_unhold(struct phone *phone, struct words *words)
{
    (void)words;
    set_hold(phone, 0);
}

static void do_mute(struct phone *phone, struct words *words)
{
    struct phone_call *call = call_in(phone, JOINED);
    xcall_id track;
    bool on;
    if (call && is_on(phone, words->word[1], &on) &&
        check(phone, xcall_call_track(phone->engine, call->media, XCALL_KIND_AUDIO, 0, &track)))
        check(phone, xcall_track_set_mute(phone->engine, track, on));
}

static void do_camera(struct phone *phone, struct words *words)
{
    struct phone_call *call = call_in(phone, JOINED);
    xcall_id track;
    bool on;
    if (call && is_on(phone, words->word[1], &on) &&
        check(phone, xcall_call_track(phone->engine, call->media, XCALL_KIND_VIDEO, 0, &track)))
        check(phone, xcall_track_set_mute(phone->engine, track, !on));
}

static void do_dtmf(struct phone *phone, struct words *words)
{
    struct phone_call *call = call_in(phone, JOINED);
    if (call)
        check(phone, xcall_call_send_dtmf(phone->engine, call->media, words->word[1], 100, 70));
}

static void do_stats(struct phone *phone, struct words *words)
{
    struct phone_call *call = call_in(phone, JOINED);
    xcall_stats stats;
    (void)words;
    if (!call)
        return;
    xcall_stats_init(&stats, sizeof stats);
    if (!check(phone, xcall_call_stats(phone->engine, call->media, &stats)))
        return;
    json_t *object = json_object();
    stats_json_add(object, &stats);
    phone_say(phone, "stats", object,
              "round trip %.2f ms; sound: %llu packets out, %llu in, %lld lost, buffer %.0f ms; "
              "pictures: %llu out, %llu in; rejected %llu",
              stats.round_trip_time_ms, (unsigned long long)stats.audio_sent.packets_sent,
              (unsigned long long)stats.audio_received.packets_received,
              (long long)stats.audio_received.packets_lost,
              stats.audio_received.jitter_buffer_level_ms,
              (unsigned long long)stats.video_sent.frames_encoded,
              (unsigned long long)stats.video_received.frames_decoded,
              (unsigned long long)stats.packets_rejected);
}

static void do_safety(struct phone *phone, struct words *words)
{
    struct phone_call *call = call_in(phone, ANY);
    xcall_client_call_info info;
    (void)words;
    xcall_client_call_info_init(&info, sizeof info);
    if (call && check(phone, xcall_client_call_get(phone->client, call->id, &info)))
        phone_say(phone, "safety", json_pack("{s:s}", "number", info.safety_number), "%s",
                  info.safety_number[0] ? info.safety_number : "not known yet");
}

static void do_history(struct phone *phone, struct words *words)
{
    (void)words;
    request(phone, "history.list", json_pack("{s:i}", "limit", 20));
}

static void do_report(struct phone *phone, struct words *words)
{
    request(phone, "account.report",
            json_pack("{s:s, s:s}", "who", words->word[1], "why", words->word[2]));
}

static void do_devices(struct phone *phone, struct words *words)
{
    (void)words;
    request(phone, "device.list", NULL);
}

static void do_revoke(struct phone *phone, struct words *words)
{
    request(phone, "device.revoke", json_pack("{s:i}", "dev", atoi(words->word[1])));
}

static void do_sign(struct phone *phone, struct words *words, bool new)
{
    snprintf(phone->password_of, sizeof phone->password_of, "%s", words->word[1]);
    phone->password_new = new;
    if (isatty(STDIN_FILENO))
        phone_say(phone, "password", NULL, "password (it is shown while you type):");
}

static void do_sign_in(struct phone *phone, struct words *words)
{
    do_sign(phone, words, false);
}

static void do_sign_up(struct phone *phone, struct words *words)
{
    do_sign(phone, words, true);
}

static void do_sign_out(struct phone *phone, struct words *words)
{
    (void)words;
    phone->leaving = check(phone, xcall_client_sign_out(phone->client));
}

static void do_wait(struct phone *phone, struct words *words)
{
    static const char *const things[] = {"online",  "incoming", "ringing", "active",
                                         "ended",   "refused",  "message", "reconnecting",
                                         "offline", "answer"};
    char *end = NULL;
    double seconds = strtod(words->word[1], &end);
    const char *what = "";
    if (*end) {
        what = NULL;
        for (size_t i = 0; i < sizeof things / sizeof *things; i++)
            if (strcmp(words->word[1], things[i]) == 0)
                what = things[i];
        seconds = words->count > 2 ? strtod(words->word[2], &end) : WAIT_DEFAULT_S;
        if (words->count <= 2)
            end = "";
    }
    if (!what || *end || !(seconds > 0 && seconds < 86400)) {
        wrong(phone, "wait SECONDS, or wait for online, incoming, ringing, active, ended, refused, "
                     "message, reconnecting, offline, answer [SECONDS]");
        return;
    }
    phone->wait = (struct phone_wait){
        .on = true, .what = what, .until_ns = xcall_now_ns() + (uint64_t)(seconds * 1e9)};
}

void phone_wait_check(struct phone *phone, uint64_t now_ns)
{
    struct phone_wait *wait = &phone->wait;
    char word[32];
    if (!wait->on)
        return;
    snprintf(word, sizeof word, " %s ", wait->what);
    char *found = *wait->what ? strstr(phone->heard, word) : NULL;
    if (found) { /* what came before it is history */
        memmove(phone->heard, found + strlen(word) - 1, strlen(found + strlen(word) - 1) + 1);
        wait->on = false;
        if (strcmp(wait->what, "refused") == 0) /* the script has reckoned with it */
            phone->refused = false;
    } else if (now_ns >= wait->until_ns) {
        wait->on = false;
        if (*wait->what)
            phone_fail(phone, "waited in vain for \"%s\"", wait->what);
    }
}

static void do_quit(struct phone *phone, struct words *words)
{
    (void)words;
    phone_quit(phone);
}

static void do_help(struct phone *phone, struct words *words);

static const struct command_row table[] = {
    {"call", 2, do_call, "NAME [video]", "place a call"},
    {"accept", 1, do_accept, "[hold|end]", "the call that rings; another one is held or ended"},
    {"decline", 1, do_decline, "[busy]", "the call that rings"},
    {"hangup", 1, do_hangup, "", "end or cancel the call"},
    {"hold", 1, do_hold, "", ""},
    {"unhold", 1, do_unhold, "", ""},
    {"mute", 2, do_mute, "on|off", "send silence"},
    {"camera", 2, do_camera, "on|off", "off: send black pictures"},
    {"dtmf", 2, do_dtmf, "DIGITS", ""},
    {"stats", 1, do_stats, "", "of the call that goes on"},
    {"safety", 1, do_safety, "", "the number that both people should see"},
    {"message", 3, do_message, "NAME TEXT", "write to somebody"},
    {"messages", 2, do_messages, "NAME", "the newest ones"},
    {"chats", 1, do_chats, "", "who wrote, the newest first, and what of it is unread"},
    {"read", 2, do_read, "NAME", "what they wrote is read, on my other devices too"},
    {"follow", 2, do_follow, "NAME", ""},
    {"unfollow", 2, do_unfollow, "NAME", ""},
    {"contact", 2, do_contact, "NAME", "into my contacts"},
    {"uncontact", 2, do_uncontact, "NAME", ""},
    {"block", 2, do_block, "NAME", ""},
    {"unblock", 2, do_unblock, "NAME", ""},
    {"list", 2, do_list, "follows|contacts|blocks", ""},
    {"allow", 2, do_allow, "nobody|everyone,verified,following,contacts", "who may call me"},
    {"calls", 2, do_calls, "on|off", "whether I can be called at all"},
    {"privacy", 2, do_privacy, "on|off", "enhanced: all my calls are relayed"},
    {"settings", 1, do_settings, "", "what is set"},
    {"can", 2, do_can, "NAME [video]", "whether a call would be let through"},
    {"history", 1, do_history, "", ""},
    {"report", 3, do_report, "NAME spam|harassment|other", ""},
    {"devices", 1, do_devices, "", ""},
    {"revoke", 2, do_revoke, "NUMBER", "sign a device out"},
    {"sign-up", 2, do_sign_up, "NAME", "a new account; the next line is its password"},
    {"sign-in", 2, do_sign_in, "NAME", "the next line is the password"},
    {"sign-out", 1, do_sign_out, "", ""},
    {"wait", 2, do_wait, "SECONDS | WHAT [SECONDS]", "read no further line before that"},
    {"help", 1, do_help, "", ""},
    {"quit", 1, do_quit, "", "hang up and leave; so does the end of input"},
};

static void do_help(struct phone *phone, struct words *words)
{
    (void)words;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", table[i].name, table[i].arguments);
        phone_say(phone, "help", json_pack("{s:s}", "command", left), "  %-52s %s", left,
                  table[i].help);
    }
}

static void take_password(struct phone *phone, const char *password)
{
    char name[sizeof phone->password_of];
    memcpy(name, phone->password_of, sizeof name);
    phone->password_of[0] = '\0';
    int32_t result = phone->password_new
                         ? xcall_client_sign_up(phone->client, name, password, "xcall-phone")
                         : xcall_client_sign_in(phone->client, name, password, "xcall-phone");
    if (result == XCALL_E_STATE)
        wrong(phone, "you are signed in already: sign-out comes first");
    else if (check(phone, result))
        phone->session = XCALL_CLIENT_CONNECTING;
}

static void cut(char *line, struct words *words)
{
    memset(words, 0, sizeof *words);
    words->rest = "";
    while (words->count < WORDS_MAX) {
        line += strspn(line, " \t\r");
        if (!*line)
            return;
        if (words->count == 2)
            words->rest = strdup(line);
        words->word[words->count++] = line;
        line += strcspn(line, " \t\r");
        if (*line)
            *line++ = '\0';
    }
}

void phone_command(struct phone *phone, char *line)
{
    struct words words;
    if (phone->password_of[0]) {
        take_password(phone, line);
        return;
    }
    cut(line, &words);
    size_t i = 0;
    while (words.count && i < sizeof table / sizeof *table && strcmp(words.word[0], table[i].name))
        i++;
    if (!words.count || words.word[0][0] == '#') {
        i = 0;
    } else if (i == sizeof table / sizeof *table) {
        wrong(phone, "there is no such command (help lists them)");
    } else if (words.count < table[i].words_min) {
        char sentence[128];
        snprintf(sentence, sizeof sentence, "%s %s", table[i].name, table[i].arguments);
        wrong(phone, sentence);
    } else {
        table[i].run(phone, &words);
    }
    if (words.count > 2)
        free(words.rest);
}
