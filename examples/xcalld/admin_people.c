/* admin_people.c - the admin commands about accounts and what is between them. Each write leaves a change row,
 * which a running server looks for every 50 ms. SPDX-License-Identifier: MIT */
#include "admin.h"

#include "text.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_MS ((int64_t)86400000)
#define NAMES_AT_ONCE 200
#define ERASE_PAUSE_MS 5

static const char *const states[] = {"active", "restricted", "suspended"};

/* --- accounts --------------------------------------------------------------------------------- */

static int print_account(struct admin *admin, const struct account *account)
{
    struct device devices[DEVICES_MAX];
    size_t count = 0;
    if (store_device_list(admin->store, account->id, devices, &count) != STORE_OK)
        return admin_failed(admin);
    return admin_print(json_pack("{s:s,s:s,s:b,s:b,s:b,s:i,s:I}", "name", account->name, "state",
                                 states[account->state], "verified", account->verified, "paid",
                                 account->paid, "password", account->has_password, "devices",
                                 (int)count, "created", (json_int_t)account->created_ms));
}

static int create(struct admin *admin, const char *name)
{
    int64_t id;
    if (!name_valid(name))
        return admin_say(REFUSED, "a name is 1 to 30 of a-z 0-9 _ .");
    int result = store_account_add(admin->store, name, NULL, admin->now, &id);
    if (result == STORE_CONFLICT)
        return admin_say(REFUSED, "the name \"%s\" belonged to an account that was deleted", name);
    return result == STORE_OK ? DONE : admin_failed(admin);
}

/* One that is suspended by a mistyped name would not be: with --state it must be there. */
static int find_or_create(struct admin *admin, struct account *account)
{
    const char *name = admin->words[0];
    int result = store_account_by_name(admin->store, name, account);
    if (result == STORE_NONE && !admin->options[OPTION_STATE]) {
        int how = create(admin, name);
        return how == DONE ? admin_find(admin, name, account) : how;
    }
    if (result == STORE_NONE)
        return admin_say(REFUSED, "there is no account \"%s\"", name);
    return result == STORE_OK ? DONE : admin_failed(admin);
}

static int change_account(struct admin *admin, struct account *account)
{
    const char *state = admin->options[OPTION_STATE];
    struct account before = *account;
    int how = admin_switch(admin, OPTION_VERIFIED, &account->verified);
    if (how == DONE)
        how = admin_switch(admin, OPTION_PAID, &account->paid);
    if (how == DONE && state) {
        account->state = ACCOUNT_SUSPENDED + 1;
        for (uint32_t i = 0; i <= ACCOUNT_SUSPENDED; i++)
            if (strcmp(states[i], state) == 0)
                account->state = i;
        if (account->state > ACCOUNT_SUSPENDED)
            how = admin_say(BAD_USE, "--state is active, restricted or suspended");
    }
    if (how != DONE || (before.state == account->state && before.verified == account->verified &&
                        before.paid == account->paid))
        return how;
    if (store_account_set(admin->store, account) != STORE_OK ||
        store_change_add(admin->store, CHANGE_ACCOUNT, account->id, 0, admin->now) != STORE_OK)
        return admin_failed(admin);
    return DONE;
}

int admin_account(struct admin *admin)
{
    struct account account;
    int how = admin_begin(admin);
    if (how != DONE)
        return how;
    how = find_or_create(admin, &account);
    if (how == DONE)
        how = change_account(admin, &account);
    how = admin_end(admin, how);
    return how == DONE ? print_account(admin, &account) : how;
}

static int make_token(struct admin *admin, const struct account *account, int32_t *dev,
                      char token[TOKEN_TEXT + 1])
{
    struct policy policy;
    uint8_t random[TOKEN_BYTES], hash[HASH_SIZE];
    int result = store_device_add(admin->store, account->id, "xcalld admin", admin->now, dev);
    if (result == STORE_FULL)
        return admin_say(REFUSED,
                         "\"%s\" has %d devices: one must be revoked first (xcalld admin device)",
                         account->name, DEVICES_MAX);
    randombytes_buf(random, sizeof random);
    token_make(random, token, hash);
    if (result != STORE_OK || policy_load(admin->store, &policy) != STORE_OK ||
        store_session_add(admin->store, hash, account->id, *dev,
                          admin->now + policy.token_days * DAY_MS) != STORE_OK)
        return admin_failed(admin);
    return DONE;
}

int admin_token(struct admin *admin)
{
    struct account account;
    int32_t dev;
    char token[TOKEN_TEXT + 1];
    int how = admin_begin(admin);
    if (how != DONE)
        return how;
    how = admin_find(admin, admin->words[0], &account);
    if (how == DONE)
        how = make_token(admin, &account, &dev, token);
    how = admin_end(admin, how);
    if (how == DONE)
        how = admin_print(
            json_pack("{s:s,s:i,s:s}", "name", account.name, "dev", (int)dev, "token", token));
    return how;
}

static json_t *device_row(const struct account *account, const struct device *device)
{
    return json_pack("{s:s,s:i,s:s,s:I,s:b,s:b}", "name", account->name, "dev", (int)device->dev,
                     "device", device->label, "last", (json_int_t)device->last_ms, "push",
                     device->push_kind[0] != '\0', "revoked", device->revoked);
}

static int list_devices(struct admin *admin)
{
    struct account account;
    struct device devices[DEVICES_MAX];
    size_t count;
    int how = admin_find(admin, admin->words[0], &account);
    if (how != DONE)
        return how;
    if (store_device_list(admin->store, account.id, devices, &count) != STORE_OK)
        return admin_failed(admin);
    for (size_t i = 0; i < count && how == DONE; i++)
        how = admin_print(device_row(&account, &devices[i]));
    return how;
}

static int revoke(struct admin *admin, struct account *account, struct device *device)
{
    int64_t number = 0;
    int how = admin_number(admin, OPTION_REVOKE, 1, INT32_MAX, &number);
    if (how == DONE)
        how = admin_find(admin, admin->words[0], account);
    if (how != DONE)
        return how;
    int result = store_device_get(admin->store, account->id, (int32_t)number, device);
    if (result == STORE_NONE || (result == STORE_OK && device->revoked))
        return admin_say(REFUSED, "\"%s\" has no device %d", account->name, (int)number);
    if (result != STORE_OK ||
        store_device_revoke(admin->store, account->id, device->dev) != STORE_OK ||
        store_change_add(admin->store, CHANGE_DEVICE, account->id, device->dev, admin->now) !=
            STORE_OK)
        return admin_failed(admin);
    device->revoked = true;
    return DONE;
}

int admin_device(struct admin *admin)
{
    struct account account;
    struct device device;
    if (!admin->options[OPTION_REVOKE])
        return list_devices(admin);
    int how = admin_begin(admin);
    if (how != DONE)
        return how;
    how = admin_end(admin, revoke(admin, &account, &device));
    return how == DONE ? admin_print(device_row(&account, &device)) : how;
}

/* --- edges ------------------------------------------------------------------------------------ */

static const char *const edge_names[] = {"follow", "contact", "block"};

static json_t *edge_row(const char *edge, const char *from, const char *to, bool on)
{
    return json_pack("{s:s,s:s,s:s,s:b}", "edge", edge, "from", from, "to", to, "on", on);
}

static int list_edges(struct admin *admin, int kind)
{
    struct account from;
    static char names[NAMES_AT_ONCE][NAME_MAX_BYTES + 1];
    char after[NAME_MAX_BYTES + 1] = "";
    size_t count;
    int how = admin_find(admin, admin->words[0], &from);
    if (how == DONE && admin->options[OPTION_REMOVE])
        how = admin_say(BAD_USE, "--remove needs both names");
    do {
        if (how != DONE)
            return how;
        if (store_edge_list(admin->store, kind, from.id, after, names, NAMES_AT_ONCE, &count) !=
            STORE_OK)
            return admin_failed(admin);
        for (size_t i = 0; i < count && how == DONE; i++)
            how = admin_print(edge_row(edge_names[kind], from.name, names[i], true));
        if (count > 0)
            memcpy(after, names[count - 1], sizeof after);
    } while (count == NAMES_AT_ONCE);
    return how;
}

static int both(struct admin *admin, struct account *from, struct account *to)
{
    int how = admin_find(admin, admin->words[0], from);
    if (how == DONE)
        how = admin_find(admin, admin->words[1], to);
    if (how == DONE && from->id == to->id)
        how = admin_say(REFUSED, "that needs two accounts");
    return how;
}

static int edge(struct admin *admin, int kind)
{
    struct account from, to;
    bool on = !admin->options[OPTION_REMOVE];
    if (!admin->words[1])
        return list_edges(admin, kind);
    int how = admin_begin(admin);
    if (how != DONE)
        return how;
    how = both(admin, &from, &to);
    /* A follow or contact that goes may end a ring at `from`, as its settings may. */
    bool block = kind == EDGE_BLOCK;
    if (how == DONE &&
        (store_edge_set(admin->store, kind, from.id, to.id, on, admin->now) != STORE_OK ||
         store_change_add(admin->store, block ? CHANGE_BLOCK : CHANGE_SETTINGS, from.id,
                          block ? to.id : 0, admin->now) != STORE_OK))
        how = admin_failed(admin);
    how = admin_end(admin, how);
    return how == DONE ? admin_print(edge_row(edge_names[kind], from.name, to.name, on)) : how;
}

int admin_follow(struct admin *admin)
{
    return edge(admin, EDGE_FOLLOW);
}

int admin_contact(struct admin *admin)
{
    return edge(admin, EDGE_CONTACT);
}

int admin_block(struct admin *admin)
{
    return edge(admin, EDGE_BLOCK);
}

int admin_message(struct admin *admin)
{
    struct account from, to;
    bool on = !admin->options[OPTION_REMOVE];
    int how = admin_begin(admin);
    if (how != DONE)
        return how;
    how = both(admin, &from, &to);
    if (how == DONE &&
        (store_dm_edge_set(admin->store, from.id, to.id, on, admin->now) != STORE_OK ||
         store_change_add(admin->store, CHANGE_SETTINGS, to.id, 0, admin->now) != STORE_OK))
        how = admin_failed(admin);
    how = admin_end(admin, how);
    return how == DONE ? admin_print(edge_row("message", from.name, to.name, on)) : how;
}

/* --- settings --------------------------------------------------------------------------------- */

static int read_allow(const char *text, struct call_settings *settings)
{
    uint32_t mask;
    if (!allow_parse(text, &mask))
        return admin_say(BAD_USE, "--allow is any of everyone,verified,following,contacts with "
                                  "commas between, or nobody");
    settings->everyone = (mask & ALLOW_EVERYONE) != 0;
    settings->verified = (mask & ALLOW_VERIFIED) != 0;
    settings->following = (mask & ALLOW_FOLLOWING) != 0;
    settings->addressbook = (mask & ALLOW_ADDRESSBOOK) != 0;
    return DONE;
}

static int read_quiet(const struct admin *admin, struct call_settings *settings)
{
    const char *text = admin->options[OPTION_QUIET];
    char from[6], to[6];
    int64_t zone = settings->quiet_zone_min;
    if (admin_number(admin, OPTION_ZONE, -1440, 1440, &zone) != DONE)
        return BAD_USE;
    settings->quiet_zone_min = (int32_t)zone;
    if (text && strcmp(text, "off") == 0) {
        settings->quiet_from_min = -1;
    } else if (text) {
        if (strlen(text) != 11 || text[5] != '-')
            return admin_say(BAD_USE, "--quiet is HH:MM-HH:MM or off");
        snprintf(from, sizeof from, "%.5s", text);
        snprintf(to, sizeof to, "%.5s", text + 6);
        if (!time_of_day_parse(from, &settings->quiet_from_min) ||
            !time_of_day_parse(to, &settings->quiet_to_min))
            return admin_say(BAD_USE, "--quiet is HH:MM-HH:MM or off");
    }
    return DONE;
}

static int change_settings(struct admin *admin, int64_t user, struct call_settings *settings)
{
    int how =
        admin->options[OPTION_ALLOW] ? read_allow(admin->options[OPTION_ALLOW], settings) : DONE;
    if (how == DONE)
        how = admin_switch(admin, OPTION_CALLS, &settings->enabled);
    if (how == DONE)
        how = admin_switch(admin, OPTION_ENHANCED, &settings->enhanced);
    if (how == DONE)
        how = admin_switch(admin, OPTION_SILENCE, &settings->silence_strangers);
    if (how == DONE)
        how = admin_switch(admin, OPTION_HIDE_BUSY, &settings->hide_busy);
    if (how == DONE)
        how = read_quiet(admin, settings);
    if (how != DONE)
        return how;
    if (store_settings_set(admin->store, user, settings) != STORE_OK ||
        store_change_add(admin->store, CHANGE_SETTINGS, user, 0, admin->now) != STORE_OK)
        return admin_failed(admin);
    return DONE;
}

static int print_settings(const char *name, const struct call_settings *settings)
{
    json_t *allow = json_array();
    const bool on[] = {settings->everyone, settings->verified, settings->following,
                       settings->addressbook};
    static const char *const names[] = {"everyone", "verified", "following", "contacts"};
    for (int i = 0; i < 4; i++)
        if (on[i])
            json_array_append_new(allow, json_string(names[i]));
    json_t *quiet = json_null();
    if (settings->quiet_from_min >= 0) {
        char from[6], to[6];
        time_of_day_text(settings->quiet_from_min, from);
        time_of_day_text(settings->quiet_to_min, to);
        quiet = json_pack("{s:s,s:s,s:i}", "from", from, "to", to, "zone_min",
                          (int)settings->quiet_zone_min);
    }
    return admin_print(json_pack("{s:s,s:o,s:b,s:b,s:b,s:b,s:o,s:I}", "name", name, "allow", allow,
                                 "calls", settings->enabled, "enhanced_privacy", settings->enhanced,
                                 "silence_strangers", settings->silence_strangers, "hide_busy",
                                 settings->hide_busy, "quiet", quiet, "epoch",
                                 (json_int_t)settings->epoch));
}

int admin_settings(struct admin *admin)
{
    struct account account;
    struct call_settings settings;
    bool changes = false;
    for (int i = OPTION_ALLOW; i <= OPTION_ZONE; i++)
        changes |= admin->options[i] != NULL;
    int how = admin_begin(admin);
    if (how != DONE)
        return how;
    how = admin_find(admin, admin->words[0], &account);
    if (how == DONE && store_settings_get(admin->store, account.id, &settings) != STORE_OK)
        how = admin_failed(admin);
    if (how == DONE && changes)
        how = change_settings(admin, account.id, &settings);
    how = admin_end(admin, how);
    return how == DONE ? print_settings(account.name, &settings) : how;
}

/* --- everything of an account ------------------------------------------------------------------ */

int admin_export(struct admin *admin)
{
    struct account account;
    char cursor[EXPORT_CURSOR_SIZE] = "";
    int how = admin_find(admin, admin->words[0], &account);
    while (how == DONE) {
        char *json = NULL;
        if (store_account_export(admin->store, account.id, cursor, &json) != STORE_OK)
            return admin_failed(admin);
        if (puts(json) == EOF)
            how = admin_say(REFUSED, "cannot write the answer");
        free(json);
        if (!*cursor)
            break;
    }
    return how;
}

/* What the account has left, in steps between which a server has its turn; one that runs takes part in it, and
 * one that starts goes on with it should this end early. */
static int erase(struct admin *admin)
{
    const struct timespec pause = {0, ERASE_PAUSE_MS * 1000000};
    int64_t asked_ms;
    for (bool more = true; more;) {
        if (store_erase(admin->store, &asked_ms, &more) != STORE_OK)
            return admin_say(
                REFUSED, "the account is gone, but not all of its rows, which a server erases: %s",
                store_error(admin->store));
        if (more)
            nanosleep(&pause, NULL);
    }
    return DONE;
}

int admin_delete(struct admin *admin)
{
    struct account account;
    if (!admin->options[OPTION_YES])
        return admin_say(BAD_USE, "delete is for good: it needs --yes");
    int how = admin_begin(admin);
    if (how != DONE)
        return how;
    how = admin_find(admin, admin->words[0], &account);
    if (how == DONE &&
        (store_account_delete(admin->store, account.id, admin->now) != STORE_OK ||
         store_change_add(admin->store, CHANGE_ACCOUNT, account.id, 0, admin->now) != STORE_OK))
        how = admin_failed(admin);
    how = admin_end(admin, how);
    if (how == DONE)
        how = erase(admin);
    return how == DONE ? admin_print(json_pack("{s:s,s:b}", "name", account.name, "deleted", 1))
                       : how;
}
