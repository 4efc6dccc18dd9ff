/* store_chats.c - conversations in the SQLite store: whom an account has exchanged messages with, newest
 * first, and how far it has read. A message that a block keeps back changes its sender's side only.
 * SPDX-License-Identifier: MIT */
#include "store_private.h"

#include <string.h>

int store_chat_touch(struct store *store, int64_t user, int64_t peer, int64_t message)
{
    return db_run(store,
                  "INSERT INTO chat(user_id,peer_id,last_msg,read_msg) VALUES(?1,?2,?3,0)"
                  " ON CONFLICT(user_id,peer_id) DO UPDATE SET last_msg=excluded.last_msg",
                  "iii", user, peer, message);
}

/* The first bytes of a text, cut between characters. */
static void read_beginning(sqlite3_stmt *stmt, int column, char text[CHAT_TEXT_MAX + 1])
{
    const unsigned char *body = sqlite3_column_text(stmt, column);
    size_t length = body ? (size_t)sqlite3_column_bytes(stmt, column) : 0;
    if (length > CHAT_TEXT_MAX) {
        length = CHAT_TEXT_MAX;
        while (length > 0 && (body[length] & 0xc0) == 0x80)
            length--;
    }
    if (length)
        memcpy(text, body, length);
    text[length] = '\0';
}

int store_chat_list(struct store *store, int64_t user, int64_t before, struct chat *chats,
                    size_t capacity, size_t *count)
{
    *count = 0;
    sqlite3_stmt *stmt = db_query(
        store,
        "SELECT a.handle,c.last_msg,m.src,m.at_ms,m.body,(SELECT count(*) FROM (SELECT 1 FROM"
        " message n WHERE n.dst=c.user_id AND n.src=c.peer_id AND n.delivered=1"
        " AND n.id>c.read_msg LIMIT ?4)),"
        "coalesce(g.delivered,0)>0 AND coalesce(g.accepted,0)=0 AND coalesce(s.n,0)=0"
        " FROM chat c JOIN message m ON m.id=c.last_msg JOIN account a ON a.id=c.peer_id"
        " LEFT JOIN dm_edge g ON g.src=c.peer_id AND g.dst=c.user_id"
        " LEFT JOIN dm_edge s ON s.src=c.user_id AND s.dst=c.peer_id"
        " WHERE c.user_id=?1 AND c.last_msg<?2 ORDER BY c.last_msg DESC LIMIT ?3",
        "iiii", user, before > 0 ? before : INT64_MAX, (int64_t)capacity, (int64_t)CHAT_UNREAD_MAX);
    int result;
    while ((result = db_step(store, stmt)) == STORE_OK) {
        struct chat *chat = &chats[(*count)++];
        db_text(stmt, 0, chat->peer, sizeof chat->peer);
        chat->message = sqlite3_column_int64(stmt, 1);
        chat->outgoing = sqlite3_column_int64(stmt, 2) == user;
        chat->at_ms = sqlite3_column_int64(stmt, 3);
        read_beginning(stmt, 4, chat->text);
        chat->unread = sqlite3_column_int(stmt, 5);
        chat->request = sqlite3_column_int(stmt, 6) != 0;
    }
    return db_end(stmt, result == STORE_NONE ? STORE_OK : result);
}

int store_chat_read(struct store *store, int64_t user, int64_t peer, int64_t message, int64_t *read)
{
    *read = 0;
    int result = db_run(store,
                        "UPDATE chat SET read_msg=CASE WHEN last_msg<?3 THEN last_msg ELSE ?3 END"
                        " WHERE user_id=?1 AND peer_id=?2 AND read_msg<?3 AND read_msg<last_msg",
                        "iii", user, peer, message);
    if (result != STORE_OK || !db_touched(store))
        return result;
    return db_get(store, read, "SELECT read_msg FROM chat WHERE user_id=?1 AND peer_id=?2", "ii",
                  user, peer);
}
