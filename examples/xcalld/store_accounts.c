/* store_accounts.c - accounts, their devices, sessions and settings in the SQLite store.
 * SPDX-License-Identifier: MIT */
#include "store_private.h"
#include "text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int store_name_hash(struct store *store, const char *name, uint8_t hash[HASH_SIZE])
{
    if (!store->has_names_key) {
        if (store_secret(store, "names", store->names_key) != STORE_OK)
            return STORE_FAILED;
        store->has_names_key = true;
    }
    return crypto_auth_hmacsha256(hash, (const uint8_t *)name, strlen(name), store->names_key) == 0
               ? STORE_OK
               : STORE_FAILED;
}

void store_read_account(sqlite3_stmt *stmt, int first, struct account *account)
{
    *account = (struct account){0};
    account->id = sqlite3_column_int64(stmt, first);
    db_text(stmt, first + 1, account->name, sizeof account->name);
    account->state = (uint32_t)sqlite3_column_int(stmt, first + 2);
    account->verified = sqlite3_column_int(stmt, first + 3) != 0;
    account->paid = sqlite3_column_int(stmt, first + 4) != 0;
    account->created_ms = sqlite3_column_int64(stmt, first + 5);
    account->has_password = sqlite3_column_int(stmt, first + 6) != 0;
}

int store_account_add(struct store *store, const char *name, const char *password_hash, int64_t now,
                      int64_t *id)
{
    uint8_t hash[HASH_SIZE];
    int64_t gone = 0;
    if (store_name_hash(store, name, hash) != STORE_OK)
        return STORE_FAILED;
    int result =
        db_get(store, &gone, "SELECT 1 FROM gone WHERE name_hash=?1", "b", hash, HASH_SIZE);
    if (result != STORE_NONE)
        return result == STORE_OK ? STORE_CONFLICT : result;
    result = db_get(store, id,
                    "INSERT INTO account(handle,pw_hash,created_ms) VALUES(?1,?2,?3)"
                    " ON CONFLICT DO NOTHING RETURNING id",
                    "tti", name, password_hash, now);
    return result == STORE_NONE ? STORE_CONFLICT : result;
}

static int one_account(struct store *store, sqlite3_stmt *stmt, struct account *account)
{
    int result = db_step(store, stmt);
    if (result == STORE_OK)
        store_read_account(stmt, 0, account);
    return db_end(stmt, result);
}

int store_account_by_name(struct store *store, const char *name, struct account *account)
{
    return one_account(store,
                       db_query(store,
                                "SELECT " ACCOUNT_COLUMNS("a") " FROM account a WHERE handle=?1",
                                "t", name),
                       account);
}

int store_account_by_id(struct store *store, int64_t id, struct account *account)
{
    return one_account(
        store,
        db_query(store, "SELECT " ACCOUNT_COLUMNS("a") " FROM account a WHERE id=?1", "i", id),
        account);
}

int store_account_password(struct store *store, int64_t id, char hash[PASSWORD_HASH_MAX + 1])
{
    sqlite3_stmt *stmt =
        db_query(store, "SELECT pw_hash FROM account WHERE id=?1 AND pw_hash IS NOT NULL", "i", id);
    int result = db_step(store, stmt);
    if (result == STORE_OK)
        db_text(stmt, 0, hash, PASSWORD_HASH_MAX + 1);
    return db_end(stmt, result);
}

static int touched(struct store *store, int result)
{
    return result == STORE_OK && !db_touched(store) ? STORE_NONE : result;
}

int store_account_set(struct store *store, const struct account *account)
{
    return touched(
        store, db_run(store, "UPDATE account SET state=?2,verified=?3,paid=?4 WHERE id=?1", "iidd",
                      account->id, (int64_t)account->state, account->verified, account->paid));
}

/* --- devices ------------------------------------------------------------------------------------- */

static int device_add(struct store *store, int64_t user, const char *label, int64_t now,
                      int32_t *dev)
{
    int64_t value = 0;
    int result = db_get(store, &value, "SELECT count(*) FROM device WHERE user_id=?1 AND revoked=0",
                        "i", user);
    if (result != STORE_OK)
        return result;
    if (value >= DEVICES_MAX)
        return STORE_FULL;
    result = db_get(store, &value,
                    "UPDATE account SET next_dev=next_dev+1 WHERE id=?1 RETURNING next_dev-1", "i",
                    user);
    if (result != STORE_OK)
        return result;
    *dev = (int32_t)value;
    return db_run(store, "INSERT INTO device(user_id,dev,label,last_ms) VALUES(?1,?2,?3,?4)",
                  "iiti", user, value, label, now);
}

int store_device_add(struct store *store, int64_t user, const char *label, int64_t now,
                     int32_t *dev)
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    return db_scope_end(store, device_add(store, user, label, now, dev));
}

#define DEVICE_COLUMNS "dev,label,key_pub,push_kind,push_token,last_ms,revoked"

static void read_device(sqlite3_stmt *stmt, struct device *device)
{
    *device = (struct device){0};
    device->dev = sqlite3_column_int(stmt, 0);
    db_text(stmt, 1, device->label, sizeof device->label);
    device->has_key = sqlite3_column_type(stmt, 2) != SQLITE_NULL;
    db_blob(stmt, 2, device->key, sizeof device->key);
    db_text(stmt, 3, device->push_kind, sizeof device->push_kind);
    db_text(stmt, 4, device->push_token, sizeof device->push_token);
    device->last_ms = sqlite3_column_int64(stmt, 5);
    device->revoked = sqlite3_column_int(stmt, 6) != 0;
}

int store_device_get(struct store *store, int64_t user, int32_t dev, struct device *device)
{
    sqlite3_stmt *stmt =
        db_query(store, "SELECT " DEVICE_COLUMNS " FROM device WHERE user_id=?1 AND dev=?2", "id",
                 user, dev);
    int result = db_step(store, stmt);
    if (result == STORE_OK)
        read_device(stmt, device);
    return db_end(stmt, result);
}

int store_device_list(struct store *store, int64_t user, struct device *devices, size_t *count)
{
    *count = 0;
    sqlite3_stmt *stmt = db_query(store,
                                  "SELECT " DEVICE_COLUMNS " FROM device"
                                  " WHERE user_id=?1 AND revoked=0 ORDER BY dev LIMIT ?2",
                                  "id", user, DEVICES_MAX);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK)
        read_device(stmt, &devices[(*count)++]);
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

int store_device_set_key(struct store *store, int64_t user, int32_t dev,
                         const uint8_t key[KEY_SIZE])
{
    return touched(store, db_run(store, "UPDATE device SET key_pub=?3 WHERE user_id=?1 AND dev=?2",
                                 "idb", user, dev, key, KEY_SIZE));
}

int store_device_set_push(struct store *store, int64_t user, int32_t dev, const char *kind,
                          const char *token)
{
    return touched(
        store,
        db_run(store, "UPDATE device SET push_kind=?3,push_token=?4 WHERE user_id=?1 AND dev=?2",
               "idtt", user, dev, kind, token));
}

int store_device_touch(struct store *store, int64_t user, int32_t dev, int64_t now)
{
    return touched(store, db_run(store, "UPDATE device SET last_ms=?3 WHERE user_id=?1 AND dev=?2",
                                 "idi", user, dev, now));
}

int store_device_revoke(struct store *store, int64_t user, int32_t dev)
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    int result = touched(store, db_run(store,
                                       "UPDATE device SET revoked=1,label='',push_kind='',"
                                       "push_token='' WHERE user_id=?1 AND dev=?2",
                                       "id", user, dev));
    if (result == STORE_OK)
        result = db_run(store, "DELETE FROM session WHERE user_id=?1 AND dev=?2", "id", user, dev);
    return db_scope_end(store, result);
}

/* --- sessions ------------------------------------------------------------------------------------ */

int store_session_add(struct store *store, const uint8_t token_hash[HASH_SIZE], int64_t user,
                      int32_t dev, int64_t expires_ms)
{
    return db_run(store, "INSERT INTO session(token_hash,user_id,dev,exp_ms) VALUES(?1,?2,?3,?4)",
                  "bidi", token_hash, HASH_SIZE, user, dev, expires_ms);
}

int store_session_find(struct store *store, const uint8_t token_hash[HASH_SIZE], int64_t now,
                       int64_t *user, int32_t *dev, int64_t *expires_ms)
{
    sqlite3_stmt *stmt = db_query(store,
                                  "SELECT s.user_id,s.dev,s.exp_ms FROM session s"
                                  " JOIN device d ON d.user_id=s.user_id AND d.dev=s.dev"
                                  " WHERE s.token_hash=?1 AND s.exp_ms>?2 AND d.revoked=0",
                                  "bi", token_hash, HASH_SIZE, now);
    int result = db_step(store, stmt);
    if (result == STORE_OK) {
        *user = sqlite3_column_int64(stmt, 0);
        *dev = sqlite3_column_int(stmt, 1);
        *expires_ms = sqlite3_column_int64(stmt, 2);
    }
    return db_end(stmt, result);
}

int store_session_extend(struct store *store, const uint8_t token_hash[HASH_SIZE],
                         int64_t expires_ms)
{
    return touched(store, db_run(store, "UPDATE session SET exp_ms=?2 WHERE token_hash=?1", "bi",
                                 token_hash, HASH_SIZE, expires_ms));
}

/* --- settings ------------------------------------------------------------------------------------ */

static void set_allow(uint32_t mask, struct call_settings *settings)
{
    settings->everyone = (mask & ALLOW_EVERYONE) != 0;
    settings->verified = (mask & ALLOW_VERIFIED) != 0;
    settings->following = (mask & ALLOW_FOLLOWING) != 0;
    settings->addressbook = (mask & ALLOW_ADDRESSBOOK) != 0;
}

static void default_settings(sqlite3_stmt *stmt, int policy, struct call_settings *settings)
{
    const char *allow = (const char *)sqlite3_column_text(stmt, policy);
    uint32_t mask = 0;
    *settings = (struct call_settings){.enabled = true, .quiet_from_min = -1};
    if (!allow || !allow_parse(allow, &mask))
        (void)allow_parse(ALLOW_DEFAULT, &mask);
    set_allow(mask, settings);
}

void store_read_settings(sqlite3_stmt *stmt, int first, struct call_settings *settings)
{
    if (sqlite3_column_type(stmt, first) == SQLITE_NULL) {
        default_settings(stmt, first + 9, settings);
        return;
    }
    *settings = (struct call_settings){.enabled = sqlite3_column_int(stmt, first) != 0};
    set_allow((uint32_t)sqlite3_column_int(stmt, first + 1), settings);
    settings->enhanced = sqlite3_column_int(stmt, first + 2) != 0;
    settings->silence_strangers = sqlite3_column_int(stmt, first + 3) != 0;
    settings->hide_busy = sqlite3_column_int(stmt, first + 4) != 0;
    settings->quiet_from_min = sqlite3_column_int(stmt, first + 5);
    settings->quiet_to_min = sqlite3_column_int(stmt, first + 6);
    settings->quiet_zone_min = sqlite3_column_int(stmt, first + 7);
    settings->epoch = sqlite3_column_int64(stmt, first + 8);
}

int store_settings_get(struct store *store, int64_t user, struct call_settings *settings)
{
    sqlite3_stmt *stmt =
        db_query(store,
                 "SELECT " SETTINGS_COLUMNS("s") " FROM (SELECT 1 AS one) q"
                                                 " LEFT JOIN call_settings s ON s.user_id=?1",
                 "i", user);
    int result = db_step(store, stmt);
    if (result == STORE_OK)
        store_read_settings(stmt, 0, settings);
    return db_end(stmt, result);
}

int store_settings_set(struct store *store, int64_t user, struct call_settings *settings)
{
    int mask = (settings->everyone ? ALLOW_EVERYONE : 0) |
               (settings->verified ? ALLOW_VERIFIED : 0) |
               (settings->following ? ALLOW_FOLLOWING : 0) |
               (settings->addressbook ? ALLOW_ADDRESSBOOK : 0);
    return db_get(store, &settings->epoch,
                  "INSERT INTO call_settings(user_id,enabled,allow_mask,enhanced,"
                  "silence_strangers,hide_busy,quiet_from,quiet_to,quiet_zone,epoch)"
                  " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,1) ON CONFLICT(user_id) DO UPDATE SET"
                  " enabled=excluded.enabled,allow_mask=excluded.allow_mask,"
                  "enhanced=excluded.enhanced,silence_strangers=excluded.silence_strangers,"
                  "hide_busy=excluded.hide_busy,quiet_from=excluded.quiet_from,"
                  "quiet_to=excluded.quiet_to,quiet_zone=excluded.quiet_zone,"
                  "epoch=call_settings.epoch+1 RETURNING epoch",
                  "idddddddd", user, settings->enabled, mask, settings->enhanced,
                  settings->silence_strangers, settings->hide_busy, settings->quiet_from_min,
                  settings->quiet_to_min, settings->quiet_zone_min);
}
