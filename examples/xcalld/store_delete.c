/* store_delete.c - an account's end in the SQLite store: everything of it goes, nothing of it is left in
 * the file or its log. What stays: the number; the keyed hash of its name; that others wrote to or
 * blocked this number (so that what a caller hears does not change); calls, decisions and
 * reports by number, without words.
 *
 * secure_delete overwrites a row where it is; the copies that are left where pages are split or merged never
 * reach the file (store_vfs.c), and the log is emptied afterwards. SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <string.h>

static const char *const deletions[] = {
    "DELETE FROM session WHERE user_id=?1",
    "DELETE FROM device WHERE user_id=?1",
    "DELETE FROM call_settings WHERE user_id=?1",
    "DELETE FROM follow WHERE src=?1",
    "DELETE FROM follow WHERE dst=?1",
    "DELETE FROM contact WHERE src=?1",
    "DELETE FROM contact WHERE dst=?1",
    "DELETE FROM block WHERE src=?1",
    "DELETE FROM called WHERE src=?1",
    "DELETE FROM rollout_account WHERE user_id=?1",
    "DELETE FROM chat WHERE user_id=?1",
    "DELETE FROM chat WHERE peer_id=?1",
    "DELETE FROM message WHERE src=?1",
    "DELETE FROM message WHERE dst=?1",
    "DELETE FROM call_body WHERE call_id IN (SELECT id FROM call WHERE state<9 AND caller=?1)",
    "DELETE FROM call_body WHERE call_id IN (SELECT id FROM call WHERE state<9 AND callee=?1)",
    "UPDATE report SET body='' WHERE by_user=?1",
    "UPDATE report SET body='' WHERE about=?1",
    "DELETE FROM account WHERE id=?1",
};

static int delete_account(struct store *store, int64_t id, int64_t now)
{
    struct account account;
    uint8_t hash[HASH_SIZE];
    static const uint8_t no_network[sizeof((struct decision *)0)->network];
    int result = store_account_by_id(store, id, &account);
    if (result == STORE_OK)
        result = store_name_hash(store, account.name, hash);
    if (result == STORE_OK)
        result = db_run(store, "INSERT INTO gone(name_hash,id,at_ms) VALUES(?1,?2,?3)", "bii", hash,
                        HASH_SIZE, id, now);
    if (result == STORE_OK)
        result = db_run(store, "UPDATE decision_log SET net_hash=?2 WHERE caller=?1", "ib", id,
                        no_network, (int)sizeof no_network);
    for (size_t i = 0; i < sizeof deletions / sizeof *deletions && result == STORE_OK; i++)
        result = db_run(store, deletions[i], "i", id);
    return result;
}

int store_account_delete(struct store *store, int64_t id, int64_t now)
{
    if (db_scope(store) != STORE_OK)
        return STORE_FAILED;
    store_scrub(store);
    return db_scope_end(store, delete_account(store, id, now));
}
