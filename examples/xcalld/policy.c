/* policy.c - the table of policy: keys, bounds, defaults, meanings; from the store into struct policy and
 * back. A value in the store that does not fit any more (an older program wrote it) counts as not set.
 * SPDX-License-Identifier: MIT */
#include "policy.h"

#include <xcall/gate.h>

#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { SWITCH, CHOICE, NUMBER, VERSION, ALLOW, LIMIT };

#define VALUE_MAX 64
#define LIMIT_SIZE_MAX 10000000.0
#define LIMIT_SECONDS_MAX 31536000.0

struct entry {
    const char *key;
    enum kind kind;
    size_t offset;
    int64_t min, max;           /* of a NUMBER */
    const char *const *choices; /* of a CHOICE: by number, NULL ends */
    const char *otherwise, *meaning;
};

static const char *const prior_choices[] = {
    [XCALL_PRIOR_CALLER_SENT] = "caller_sent",
    [XCALL_PRIOR_CALLEE_SENT] = "callee_sent",
    [XCALL_PRIOR_EITHER] = "either",
    [XCALL_PRIOR_BOTH] = "both",
    [XCALL_PRIOR_NONE] = "none",
    NULL,
};
static const char *const relay_choices[] = {
    [XCALL_RELAY_AUTO] = "auto", [XCALL_RELAY_ON] = "on", [XCALL_RELAY_OFF] = "off", NULL};

#define AT(member) offsetof(struct policy, member)
#define ONOFF(key, otherwise, meaning)                                                             \
    {                                                                                              \
#key, SWITCH, AT(key), 0, 0, NULL, otherwise, meaning                                      \
    }
#define NUM(key, min, max, otherwise, meaning)                                                     \
    {                                                                                              \
#key, NUMBER, AT(key), min, max, NULL, otherwise, meaning                                  \
    }
#define LIM(name, number, otherwise, meaning)                                                      \
    {                                                                                              \
        "limit_" name, LIMIT, AT(limits) + (number) * sizeof(struct limit_size), 0, 0, NULL,       \
            otherwise, meaning                                                                     \
    }

/* The times are those of docs/protocol.md's calls: Signal rings for 60 s, Telegram for 90, and gives a device
 * 20 s to say that it rings; a push has 15 s more to wake one. */
static const struct entry entries[] = {
    ONOFF(kill, "off", "the kill switch: on, and no new call is placed"),
    ONOFF(kill_live, "off", "with kill on, calls that ring or are going on end too"),
    {"prior_message", CHOICE, AT(prior_message), 0, 0, prior_choices, "caller_sent",
     "who must have written before a call: caller_sent, callee_sent, either, both, none"},
    NUM(prior_message_min_age_s, 0, 31536000, "0",
        "the caller's first message must be this old, in seconds"),
    {"default_allow", ALLOW, AT(default_allow), 0, 0, NULL, ALLOW_DEFAULT,
     "who may call an account that has set nothing: any of everyone,verified,following,contacts, "
     "or "
     "nobody"},
    {"relay_strangers", CHOICE, AT(relay_strangers), 0, 0, relay_choices, "auto",
     "calls between strangers are relayed: on, off, or auto: where a relay is configured"},
    {"client_min_version", VERSION, AT(client_min_version), 0, 0, NULL, "",
     "programs below this version may not place calls; empty: all may"},
    NUM(ring_ms, 1000, 90000, "60000", "a call rings for this long"),
    NUM(reach_ms, 500, 90000, "20000", "until a device of the callee must have said that it rings"),
    NUM(reach_push_ms, 500, 90000, "35000", "the same where a device is being woken by a push"),
    NUM(connect_ms, 1000, 120000, "30000", "from the accept until media of both sides is up"),
    NUM(media_lost_ms, 1000, 600000, "30000",
        "both sides without media for so long: the call ends"),
    NUM(caller_gone_ms, 0, 90000, "15000", "a caller without a connection keeps ringing so long"),
    NUM(signal_lost_ms, 1000, 600000, "60000",
        "both sides without a connection and no word of media for so long: the call ends"),
    NUM(tombstone_ms, 1000, 3600000, "120000", "an ended call answers late frames for so long"),
    NUM(alerting_min_ms, 0, 10000, "1000",
        "the caller hears that it rings at the earliest after this time"),
    NUM(answer_floor_ms, 0, 5000, "150", "an invite is answered at the earliest after this time"),
    NUM(answer_jitter_ms, 0, 5000, "50", "and up to this much later, at random"),
    NUM(message_floor_ms, 0, 5000, "50",
        "a message is answered at the earliest after this time, blocked or not"),
    NUM(message_jitter_ms, 0, 5000, "20", "and up to this much later, at random"),
    NUM(turn_ttl_s, 60, 86400, "600", "relay credentials are good for so many seconds"),
    NUM(token_days, 1, 3650, "30", "a sign-in lasts so many days after its last use"),
    NUM(restrict_after_reports, 0, 1000000, "0",
        "an account that so many others reported within a week is restricted; 0: never by itself"),
    NUM(keep_history_days, 0, 36500, "90", "ended calls are kept so many days; 0: for ever"),
    NUM(keep_decisions_days, 0, 36500, "30", "the gate's decisions; 0: for ever"),
    NUM(keep_messages_days, 0, 36500, "0", "texts of messages; 0: for ever"),
    NUM(keep_quality_days, 0, 36500, "30", "what clients say of their calls; 0: for ever"),
    NUM(keep_reports_days, 0, 36500, "180", "reports of abuse; 0: for ever"),
    NUM(contacts_max, 1, 1000000, "5000", "contacts an account"),
    NUM(follows_max, 1, 1000000, "5000", "follows an account"),
    NUM(blocks_max, 1, 1000000, "5000", "blocks an account"),
    NUM(connections_per_address, 1, 1000000, "200", "open connections an address (/24, /48)"),
    NUM(unauthenticated_max, 1, 1000000, "1000", "open connections that are not signed in, in all"),
    LIM("calls_account", LIMIT_CALLS_ACCOUNT, "60/3600", "invites an account"),
    LIM("calls_device", LIMIT_CALLS_DEVICE, "60/3600", "invites a device"),
    LIM("calls_address", LIMIT_CALLS_ADDRESS, "600/3600", "invites an address (/24, /48)"),
    LIM("callees", LIMIT_CALLEES, "50/86400", "callees whom an account has never called before"),
    LIM("pair", LIMIT_PAIR, "3/600", "rings of one caller at one callee"),
    LIM("pair_day", LIMIT_PAIR_DAY, "10/86400", "unanswered rings of one caller at one callee"),
    LIM("strangers", LIMIT_STRANGERS, "20/3600", "rings of strangers at a callee"),
    LIM("cancels", LIMIT_CANCELS, "10/600", "calls that an account cancels while they ring"),
    LIM("can_call", LIMIT_CAN_CALL, "60/60",
        "questions whether a call would go through, an account"),
    LIM("messages", LIMIT_MESSAGES, "60/60", "messages an account"),
    LIM("frames", LIMIT_FRAMES, "600/60", "frames of any kind a device"),
    LIM("sign_in_address", LIMIT_SIGN_IN_ADDRESS, "60/600", "sign-ins with a password an address"),
    LIM("sign_in_account", LIMIT_SIGN_IN_ACCOUNT, "10/600",
        "sign-ins with a password an account and address (/24, /48)"),
    LIM("sign_in_account_all", LIMIT_SIGN_IN_ACCOUNT_ALL, "1000/3600",
        "sign-ins with a password an account, from all addresses"),
    LIM("sign_up_address", LIMIT_SIGN_UP_ADDRESS, "20/3600", "new accounts an address"),
    LIM("turn", LIMIT_TURN, "30/3600", "relay credentials an account"),
    LIM("reports", LIMIT_REPORTS, "20/86400", "reports of abuse an account"),
    LIM("connections", LIMIT_CONNECTIONS, "300/60", "new connections an address"),
};
enum { ENTRIES = sizeof entries / sizeof *entries };

/* --- values ----------------------------------------------------------------------------------- */

static bool read_number(const char *text, int64_t min, int64_t max, int64_t *value)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return errno == 0 && *end == '\0' && number >= min && number <= max;
}

static bool read_choice(const char *text, const char *const *choices, uint32_t *value)
{
    for (uint32_t i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *value = i;
            return true;
        }
    }
    return false;
}

/* Numbers between dots, as docs/protocol.md's client.version. */
static bool is_version(const char *text)
{
    if (*text == '\0')
        return true;
    for (const char *c = text; *c; c++)
        if (!isdigit((unsigned char)*c) &&
            !(*c == '.' && c > text && isdigit((unsigned char)c[-1])))
            return false;
    return text[strlen(text) - 1] != '.';
}

static bool read_limit(const char *text, struct limit_size *limit)
{
    if (strcmp(text, "off") == 0) {
        *limit = (struct limit_size){0};
        return true;
    }
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    long long size = strtoll(text, &end, 10);
    if (*end != '/' || !isdigit((unsigned char)end[1]))
        return false;
    long long seconds = strtoll(end + 1, &end, 10);
    if (*end || size < 1 || (double)size > LIMIT_SIZE_MAX || seconds < 1 ||
        (double)seconds > LIMIT_SECONDS_MAX)
        return false;
    limit->size = (double)size;
    limit->per_s = (double)size / (double)seconds;
    return true;
}

/* false: the value does not fit; then the policy is as before. */
static bool take(const struct entry *entry, const char *text, struct policy *policy)
{
    static const char *const switches[] = {"off", "on", NULL};
    char *at = (char *)policy + entry->offset;
    int64_t number;
    uint32_t choice;
    struct limit_size limit;
    switch (entry->kind) {
    case SWITCH:
        if (!read_choice(text, switches, &choice))
            return false;
        *(bool *)at = choice == 1;
        return true;
    case CHOICE:
        if (!read_choice(text, entry->choices, &choice))
            return false;
        memcpy(at, &choice, sizeof choice);
        return true;
    case NUMBER:
        if (!read_number(text, entry->min, entry->max, &number))
            return false;
        memcpy(at, &number, sizeof number);
        return true;
    case VERSION:
        if (!is_version(text) || strlen(text) >= sizeof policy->client_min_version)
            return false;
        memcpy(at, text, strlen(text) + 1);
        return true;
    case ALLOW:
        if (!allow_parse(text, &choice))
            return false;
        memcpy(at, &choice, sizeof choice);
        return true;
    case LIMIT:
        if (!read_limit(text, &limit))
            return false;
        memcpy(at, &limit, sizeof limit);
        return true;
    }
    return false;
}

static void show(const struct entry *entry, const struct policy *policy, char *text, size_t size)
{
    const char *at = (const char *)policy + entry->offset;
    int64_t number;
    uint32_t choice;
    struct limit_size limit;
    switch (entry->kind) {
    case SWITCH:
        snprintf(text, size, "%s", *(const bool *)at ? "on" : "off");
        break;
    case CHOICE:
        memcpy(&choice, at, sizeof choice);
        snprintf(text, size, "%s", entry->choices[choice]);
        break;
    case NUMBER:
        memcpy(&number, at, sizeof number);
        snprintf(text, size, "%lld", (long long)number);
        break;
    case VERSION:
        snprintf(text, size, "%s", at);
        break;
    case ALLOW:
        memcpy(&choice, at, sizeof choice);
        allow_text(choice, text, size);
        break;
    case LIMIT:
        memcpy(&limit, at, sizeof limit);
        if (limit.size == 0)
            snprintf(text, size, "off");
        else
            snprintf(text, size, "%.0f/%.0f", limit.size, limit.size / limit.per_s);
        break;
    }
}

/* What would fit, for the sentence to who tried something else. */
static void expected(const struct entry *entry, char *words, size_t size)
{
    size_t used;
    switch (entry->kind) {
    case SWITCH:
        snprintf(words, size, "%s is on or off", entry->key);
        break;
    case CHOICE:
        snprintf(words, size, "%s is one of", entry->key);
        for (int i = 0; entry->choices[i]; i++) {
            used = strlen(words);
            snprintf(words + used, size - used, "%s %s", i ? "," : "", entry->choices[i]);
        }
        break;
    case NUMBER:
        snprintf(words, size, "%s is a whole number from %lld to %lld", entry->key,
                 (long long)entry->min, (long long)entry->max);
        break;
    case VERSION:
        snprintf(words, size, "%s is numbers between dots, like 1.2.0, or empty", entry->key);
        break;
    case ALLOW:
        snprintf(words, size,
                 "%s is any of everyone,verified,following,contacts with commas between, or nobody",
                 entry->key);
        break;
    case LIMIT:
        snprintf(words, size,
                 "%s is SIZE/SECONDS - so many at once, all of them again after so many seconds - "
                 "or off",
                 entry->key);
        break;
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

int policy_load(struct store *store, struct policy *policy)
{
    *policy = (struct policy){0};
    int result = store_policy_version(store, &policy->version);
    for (int i = 0; i < ENTRIES && result == STORE_OK; i++) {
        char value[VALUE_MAX];
        take(&entries[i], entries[i].otherwise, policy);
        result = store_policy_get(store, entries[i].key, value, sizeof value);
        if (result == STORE_OK)
            take(&entries[i], value, policy);
        else if (result == STORE_NONE)
            result = STORE_OK;
    }
    return result;
}

int policy_set(struct store *store, const char *key, const char *value, int64_t now, char *words,
               size_t size)
{
    for (int i = 0; i < ENTRIES; i++) {
        struct policy checked = {0};
        if (strcmp(entries[i].key, key) != 0)
            continue;
        if (!take(&entries[i], value, &checked)) {
            expected(&entries[i], words, size);
            return STORE_CONFLICT;
        }
        char canonical[VALUE_MAX];
        show(&entries[i], &checked, canonical, sizeof canonical);
        int result = store_policy_set(store, key, canonical, now);
        if (result != STORE_OK)
            snprintf(words, size, "%s", store_error(store));
        return result;
    }
    snprintf(words, size, "there is no policy \"%s\"", key);
    return STORE_NONE;
}

bool policy_row(const struct policy *policy, unsigned index, const char **key, char *value,
                size_t value_size, const char **otherwise, const char **meaning)
{
    if (index >= ENTRIES)
        return false;
    *key = entries[index].key;
    *otherwise = entries[index].otherwise;
    *meaning = entries[index].meaning;
    show(&entries[index], policy, value, value_size);
    return true;
}
