/* admin.c - `xcalld admin`: commands on a store, whether a server runs on it or not. One JSON object a line on
 * standard output, a sentence on standard error where something was not done; exit code 0 done,
 * 1 refused, 2 bad use. SPDX-License-Identifier: MIT */
#include "admin.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct option {
    const char *name, *value; /* value NULL: a switch */
} options[OPTION_COUNT] = {
    [OPTION_STORE] = {"store", "FILE"},
    [OPTION_HELP] = {"help", NULL},
    [OPTION_VERIFIED] = {"verified", "on|off"},
    [OPTION_PAID] = {"paid", "VALUE"},
    [OPTION_STATE] = {"state", "active|restricted|suspended"},
    [OPTION_REMOVE] = {"remove", NULL},
    [OPTION_ALLOW] = {"allow", "WHOM"},
    [OPTION_CALLS] = {"calls", "on|off"},
    [OPTION_ENHANCED] = {"enhanced-privacy", "on|off"},
    [OPTION_SILENCE] = {"silence-strangers", "on|off"},
    [OPTION_HIDE_BUSY] = {"hide-busy", "on|off"},
    [OPTION_QUIET] = {"quiet", "FROM-TO|off"},
    [OPTION_ZONE] = {"zone-min", "MINUTES"},
    [OPTION_ALL] = {"all", "PERCENT"},
    [OPTION_HOURS] = {"hours", "N"},
    [OPTION_VIDEO] = {"video", NULL},
    [OPTION_YES] = {"yes", NULL},
    [OPTION_REPLAY] = {"replay", NULL},
    [OPTION_LAST] = {"last", "N"},
    [OPTION_DENIED] = {"denied", NULL},
    [OPTION_INCLUDE] = {"include", "NAME"},
    [OPTION_EXCLUDE] = {"exclude", "NAME"},
    [OPTION_REVOKE] = {"revoke", "N"},
};

#define O(name) (1u << OPTION_##name)

static const struct command {
    const char *name;
    int words_min, words_max;
    unsigned options; /* beside store and help */
    bool creates;     /* may make the store's file */
    admin_run *run;
    const char *usage, *help;
} commands[] = {
    {"account", 1, 1, O(VERIFIED) | O(PAID) | O(STATE), true, admin_account,
     "account NAME [--verified on|off] [--paid on|off]\n"
     "                    [--state active|restricted|suspended]",
     "Prints an account after changing it. Makes it where there is none (without a password: "
     "`token`\n"
     "signs it in), but with --state it must be there."},
    {"token", 1, 1, 0, false, admin_token, "token NAME",
     "Makes a new device of the account and prints a sign-in token for it. It is shown this once."},
    {"device", 1, 1, O(REVOKE), false, admin_device, "device NAME [--revoke N]",
     "Prints the account's devices, 10 at most. --revoke: this one is signed out, at once, and its "
     "token is\n"
     "no good any more."},
    {"follow", 1, 2, O(REMOVE), false, admin_follow, "follow A B [--remove]",
     "A follows B. Without B: whom A follows."},
    {"contact", 1, 2, O(REMOVE), false, admin_contact, "contact A B [--remove]",
     "B is in A's contacts. Without B: A's contacts."},
    {"block", 1, 2, O(REMOVE), false, admin_block, "block A B [--remove]",
     "A blocks B: at once, calls between them end. Without B: whom A blocks."},
    {"message", 2, 2, O(REMOVE), false, admin_message, "message A B [--remove]",
     "A has sent B a message: the fact alone, without a text."},
    {"settings", 1, 1,
     O(ALLOW) | O(CALLS) | O(ENHANCED) | O(SILENCE) | O(HIDE_BUSY) | O(QUIET) | O(ZONE), false,
     admin_settings,
     "settings NAME [--allow everyone,verified,following,contacts|nobody] [--calls on|off]\n"
     "                     [--enhanced-privacy on|off] [--silence-strangers on|off]\n"
     "                     [--hide-busy on|off] [--quiet HH:MM-HH:MM|off] [--zone-min MINUTES]",
     "Prints who may call the account after changing it. --quiet: calls do not ring between the "
     "two;\n"
     "--zone-min: the clock's offset from UTC."},
    {"rollout", 0, 1, O(ALL) | O(PAID) | O(HOURS) | O(INCLUDE) | O(EXCLUDE) | O(REMOVE), true,
     admin_rollout,
     "rollout [calls.make|calls.receive|calls.video|calls.p2p] [--all PERCENT] [--paid PERCENT]\n"
     "                    [--include NAME | --exclude NAME [--remove]] [--hours N]",
     "Prints for whom a feature is on and how its calls go: set-up success, drops, reports, of the "
     "last\n"
     "24 hours or --hours. --all: so many of all accounts; --paid: so many of those that pay, who "
     "have\n"
     "it in any case where --all reaches them. Who has a feature keeps it as percentages grow.\n"
     "--include, --exclude: this account has it, or has it not, whatever the percentages say."},
    {"policy", 0, 2, 0, true, admin_policy, "policy [KEY [VALUE]]",
     "Prints every policy with value, default and meaning, or one after setting it. VALUE "
     "`default` takes\n"
     "the default again. `policy kill on` is the kill switch."},
    {"explain", 2, 2, O(VIDEO), false, admin_explain, "explain CALLER CALLEE [--video]",
     "Prints what a call would hear now and why: the decision of a real call, with the same facts. "
     "It uses\n"
     "up no limit. Limits are those that the server saved last, at most 10 seconds old; whether "
     "there\n"
     "is a relay is what the server said when it started."},
    {"audit", 0, 0, O(REPLAY) | O(LAST) | O(DENIED) | O(HOURS), false, admin_audit,
     "audit [--replay | --denied [--hours N]] [--last N]",
     "Prints the last 20 or N decisions. --replay: decides each one that is kept again, from what "
     "was\n"
     "recorded of it, and prints how many agree; 1 where one does not. --denied: who was refused "
     "how\n"
     "often in which hour of the last 24 or N, by how many different people, and how often because "
     "of a block."},
    {"export", 1, 1, 0, false, admin_export, "export NAME",
     "Prints everything that is kept about an account, in parts of one kind each."},
    {"delete", 1, 1, O(YES), false, admin_delete, "delete NAME --yes",
     "Deletes an account and everything of it, for good. It is gone at once; the command returns "
     "when "
     "all of\n"
     "it is erased, and a server on the store goes on with that where it is ended before. The name "
     "is "
     "not\n"
     "given out again."},
    {"backup", 1, 1, 0, false, admin_backup, "backup FILE",
     "Writes a whole copy of the store, of one moment, to a new file."},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* --- help ------------------------------------------------------------------------------------- */

static int help_all(FILE *to, int how)
{
    fputs("usage: xcalld admin COMMAND ... --store FILE\n\n", to);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %s\n", commands[i].usage);
    fputs("\nOne JSON object a line. Without options a command prints what is set. A server that "
          "runs on\n"
          "the store follows at once. `xcalld admin COMMAND --help` says more.\n"
          "Exit code: 0 done, 1 refused, 2 bad use.\n",
          to);
    return how;
}

static int help_one(const struct command *command)
{
    printf("usage: xcalld admin %s --store FILE\n\n%s\n", command->usage, command->help);
    return DONE;
}

/* --- answers ---------------------------------------------------------------------------------- */

int admin_say(int how, const char *format, ...)
{
    va_list args;
    fputs("xcalld admin: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return how;
}

int admin_failed(struct admin *admin)
{
    return admin_say(REFUSED, "the store does not work: %s", store_error(admin->store));
}

int admin_print(json_t *row)
{
    if (!row)
        return admin_say(REFUSED, "out of memory");
    int failed = json_dumpf(row, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF;
    json_decref(row);
    return failed ? admin_say(REFUSED, "cannot write the answer") : DONE;
}

int admin_begin(struct admin *admin)
{
    return store_begin(admin->store) == STORE_OK ? DONE : admin_failed(admin);
}

int admin_end(struct admin *admin, int how)
{
    if (how == DONE)
        return store_commit(admin->store) == STORE_OK ? DONE : admin_failed(admin);
    store_rollback(admin->store);
    return how;
}

int admin_find(struct admin *admin, const char *name, struct account *account)
{
    int result = store_account_by_name(admin->store, name, account);
    if (result == STORE_NONE)
        return admin_say(REFUSED, "there is no account \"%s\"", name);
    return result == STORE_OK ? DONE : admin_failed(admin);
}

int admin_switch(const struct admin *admin, int option, bool *value)
{
    const char *text = admin->options[option];
    if (!text)
        return DONE;
    *value = strcmp(text, "on") == 0;
    if (*value || strcmp(text, "off") == 0)
        return DONE;
    return admin_say(BAD_USE, "--%s is on or off", options[option].name);
}

int admin_number(const struct admin *admin, int option, int64_t min, int64_t max, int64_t *value)
{
    const char *text = admin->options[option];
    if (!text)
        return DONE;
    char *end;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || number < min || number > max)
        return admin_say(BAD_USE, "--%s is a number from %lld to %lld", options[option].name,
                         (long long)min, (long long)max);
    *value = number;
    return DONE;
}

/* --- the command line ------------------------------------------------------------------------- */

/* --name VALUE, --name=VALUE or a switch; *at is moved behind what was read. */
static int read_option(struct admin *admin, const struct command *command, int argc, char **argv,
                       int *at)
{
    const char *text = argv[(*at)++] + 2;
    size_t length = strcspn(text, "=");
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options[i].name) != length || strncmp(options[i].name, text, length) != 0)
            continue;
        if (!((command->options | O(STORE) | O(HELP)) & 1u << i))
            break;
        if (admin->options[i])
            return admin_say(BAD_USE, "--%s is there twice", options[i].name);
        if (!options[i].value && text[length] == '=')
            return admin_say(BAD_USE, "--%s takes no value", options[i].name);
        if (!options[i].value)
            admin->options[i] = "";
        else if (text[length] == '=')
            admin->options[i] = text + length + 1;
        else if (*at < argc && strncmp(argv[*at], "--", 2) != 0)
            admin->options[i] = argv[(*at)++];
        else
            return admin_say(BAD_USE, "--%s needs a value: %s", options[i].name, options[i].value);
        return DONE;
    }
    return admin_say(BAD_USE, "%s knows no option --%.*s", command->name, (int)length, text);
}

static int read_line(struct admin *admin, const struct command *command, int argc, char **argv)
{
    int count = 0, at = 2;
    while (at < argc) {
        if (strncmp(argv[at], "--", 2) == 0) {
            int how = read_option(admin, command, argc, argv, &at);
            if (how != DONE)
                return how;
        } else if (count < command->words_max) {
            admin->words[count++] = argv[at++];
        } else {
            return admin_say(BAD_USE, "\"%s\" is one too many; usage: %s", argv[at],
                             command->usage);
        }
    }
    if (admin->options[OPTION_HELP])
        return DONE;
    if (count < command->words_min)
        return admin_say(BAD_USE, "something is missing; usage: %s", command->usage);
    return admin->options[OPTION_STORE] ? DONE : admin_say(BAD_USE, "--store FILE is missing");
}

/* A file is made only by commands that put something into it: a name mistyped is no new store. */
static int open_store(struct admin *admin, const struct command *command)
{
    const char *path = admin->options[OPTION_STORE];
    bool changes = (command->run == admin_account && !admin->options[OPTION_STATE]) ||
                   admin->options[OPTION_ALL] ||
                   (command->run == admin_rollout && admin->options[OPTION_PAID]) ||
                   admin->words[1];
    if (access(path, F_OK) != 0 && !(command->creates && changes))
        return admin_say(BAD_USE, "there is no store %s", path);
    char error[512];
    if (store_open(path, &admin->store, error, sizeof error) != STORE_OK)
        return admin_say(BAD_USE, "%s", error);
    return DONE;
}

int admin_main(int argc, char **argv)
{
    struct admin admin = {0};
    if (argc < 2)
        return help_all(stderr, BAD_USE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return help_all(stdout, DONE);
    const struct command *command = NULL;
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, argv[1]) == 0)
            command = &commands[i];
    if (!command && strncmp(argv[1], "--", 2) == 0)
        return admin_say(BAD_USE, "the command comes first, then %s; --help lists them", argv[1]);
    if (!command)
        return admin_say(BAD_USE, "there is no command \"%s\"; --help lists them", argv[1]);
    int how = read_line(&admin, command, argc, argv);
    if (how != DONE)
        return how;
    if (admin.options[OPTION_HELP])
        return help_one(command);
    if (sodium_init() < 0)
        return admin_say(REFUSED, "libsodium does not work");
    how = open_store(&admin, command);
    if (how != DONE)
        return how;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    admin.now = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    how = command->run(&admin);
    store_close(admin.store);
    if (fflush(stdout) != 0 && how == DONE)
        how = admin_say(REFUSED, "cannot write the answer");
    return how;
}
