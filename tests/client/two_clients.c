/* two_clients.c URL CA_FILE FOLDER - two people with this library at a real service, told what to do
 * by lines on stdin and answering each with one line on stdout; tests/service/test_client.py writes them.
 *
 *   up NAME | in NAME | online NAME      sign up, sign in again, wait until online
 *   ask NAME TYPE JSON                   a request: its answer's text
 *   call A B | accept B | hangup A | state A WORD | refused A | number A | reason A | resign B
 *
 * SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xcall/client.h>

#define LIMIT_MS 60000

struct person {
    char name[32], file[256], answer[8192], session_text[128];
    xcall_engine *engine;
    xcall_client *client;
    xcall_id call;
    uint32_t session, state, reason;
    bool answered, message;
};

static struct person people[4];
static const char *url, *ca_file, *folder;

static struct person *person(const char *name)
{
    for (int i = 0; i < 4; i++)
        if (!strcmp(people[i].name, name))
            return &people[i];
    for (int i = 0; i < 4; i++) {
        if (people[i].name[0])
            continue;
        snprintf(people[i].name, sizeof people[i].name, "%s", name);
        return &people[i];
    }
    exit(2);
}

static int32_t open_person(struct person *p)
{
    xcall_engine_config engine;
    xcall_client_config config;
    xcall_error error;
    if (p->client)
        return XCALL_OK;
    xcall_error_init(&error, sizeof error);
    xcall_engine_config_init(&engine, sizeof engine);
    engine.flags = XCALL_ENGINE_LOOPBACK;
    engine.bind_address = "127.0.0.1";
    if (!p->engine && xcall_engine_create(&engine, &p->engine, &error) != XCALL_OK)
        return XCALL_E_SYSTEM;
    xcall_client_config_init(&config, sizeof config);
    snprintf(p->file, sizeof p->file, "%s/%s.state", folder, p->name);
    config.engine = p->engine;
    config.url = url;
    config.ca_file = ca_file;
    config.state_file = p->file;
    config.name = "two_clients";
    config.version = "1.0";
    return xcall_client_create(&config, &p->client, &error);
}

static void take(struct person *p, const xcall_event *event)
{
    switch (event->type) {
    case XCALL_CLIENT_EVENT_SESSION:
        p->session = event->state;
        snprintf(p->session_text, sizeof p->session_text, "%s", event->text);
        break;
    case XCALL_CLIENT_EVENT_CALL:
        p->call = event->call;
        p->state = event->state;
        p->reason = event->reason;
        if (event->state == XCALL_LIFE_RINGING_IN)
            xcall_client_alerted(p->client, event->call);
        break;
    case XCALL_CLIENT_EVENT_MESSAGE:
        p->message = true;
        break;
    case XCALL_CLIENT_EVENT_ANSWER:
        snprintf(p->answer, sizeof p->answer, "%d %s", event->code, event->text);
        p->answered = true;
        break;
    default:
        break;
    }
}

static void pump(void)
{
    for (int i = 0; i < 4; i++) {
        xcall_event event;
        xcall_event_init(&event, sizeof event);
        if (!people[i].engine)
            continue;
        for (int32_t wait = 3; xcall_engine_next_event(people[i].engine, &event, wait) == XCALL_OK;
             wait = 0)
            if (!people[i].client || !xcall_client_take_event(people[i].client, &event))
                take(&people[i], &event);
    }
}

#define WAIT(condition)                                                                            \
    for (uint64_t until = xcall_now_ns() + LIMIT_MS * 1000000ull;                                  \
         !(condition) && xcall_now_ns() < until;)                                                  \
    pump()

static const char *session_name(uint32_t session)
{
    static const char *const names[] = {"signed_out", "connecting", "online", "offline"};
    return names[session & 3];
}

static void obey(const char *verb, struct person *p, const char *rest)
{
    xcall_client_call_info info;
    xcall_client_call_info_init(&info, sizeof info);
    int32_t result = open_person(p);
    if (!strcmp(verb, "up") && result == XCALL_OK)
        result = xcall_client_sign_up(p->client, p->name, "a good password", "test");
    else if (!strcmp(verb, "call"))
        result = xcall_client_call(p->client, rest, 0, &p->call);
    else if (!strcmp(verb, "accept"))
        result = xcall_client_accept(p->client, p->call, 0);
    else if (!strcmp(verb, "hangup"))
        result = xcall_client_hang_up(p->client, p->call);
    else if (!strcmp(verb, "in") && result == XCALL_OK)
        result = xcall_client_sign_in(p->client, p->name, "a good password", "test");
    else if (!strcmp(verb, "signout"))
        result = xcall_client_sign_out(p->client);
    else if (!strcmp(verb, "woken")) {
        p->state = XCALL_LIFE_IDLE;
        result = xcall_client_woken(p->client, rest, &p->call);
    } else if (!strcmp(verb, "resign")) { /* the program ends and is started again */
        xcall_client_destroy(p->client);
        p->client = NULL;
        p->session = XCALL_CLIENT_SIGNED_OUT;
        result = open_person(p);
    }
    if (!strcmp(verb, "session")) {
        WAIT(!strcmp(session_name(p->session), rest));
        printf("%s %s\n", session_name(p->session), p->session_text);
    } else if (!strcmp(verb, "state")) {
        WAIT(!strcmp(xcall_life_state_name(p->state), rest));
        printf("%s\n", xcall_life_state_name(p->state));
    } else if (!strcmp(verb, "reason")) {
        printf("%s\n", xcall_life_reason_name(p->reason));
    } else if (!strcmp(verb, "refused") || !strcmp(verb, "number")) {
        xcall_client_call_get(p->client, p->call, &info);
        printf("%s\n", verb[0] == 'r' ? info.refused : info.safety_number);
    } else if (!strcmp(verb, "ask")) {
        char type[40];
        int used = 0;
        sscanf(rest, "%39s %n", type, &used);
        p->answered = false;
        result = xcall_client_request(p->client, type, rest + used, NULL);
        WAIT(result != XCALL_OK || p->answered);
        printf("%s\n", result == XCALL_OK ? p->answer : xcall_error_name(result));
    } else {
        printf("%s\n", xcall_error_name(result));
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[4096], verb[16], name[32];
    if (argc != 4)
        return 2;
    url = argv[1];
    ca_file = argv[2];
    folder = argv[3];
    while (fgets(line, sizeof line, stdin)) {
        int used = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%15s %31s %n", verb, name, &used) < 2)
            return 2;
        obey(verb, person(name), line + used);
    }
    for (int i = 0; i < 4; i++) {
        xcall_client_destroy(people[i].client);
        if (people[i].engine)
            xcall_engine_close(people[i].engine);
        xcall_engine_unref(people[i].engine);
    }
    return 0;
}
