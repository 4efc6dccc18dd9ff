-- 0003: conversations. One row an account and each other one that it has exchanged messages with, so that the
-- list of them is one index from its end; and how far the account has read. last_msg: the newest message that
-- the account sees; it goes with that message. Nobody has kept what was read before: all of it counts as read.
-- SPDX-License-Identifier: MIT

CREATE TABLE chat(
    user_id INTEGER NOT NULL,
    peer_id INTEGER NOT NULL,
    last_msg INTEGER NOT NULL,
    read_msg INTEGER NOT NULL,
    PRIMARY KEY(user_id, peer_id)) WITHOUT ROWID;
CREATE INDEX chat_last ON chat(user_id, last_msg);
CREATE INDEX chat_peer ON chat(peer_id);

INSERT INTO chat(user_id, peer_id, last_msg, read_msg)
    SELECT one.user_id, one.peer_id, max(one.id), max(one.id) FROM (
        SELECT src AS user_id, dst AS peer_id, id FROM message
        UNION ALL
        SELECT dst AS user_id, src AS peer_id, id FROM message WHERE delivered = 1 AND src <> dst) one
    GROUP BY one.user_id, one.peer_id;

-- What came of one person, without what a block keeps back: in place of an index by the receiver alone.
DROP INDEX message_to;
CREATE INDEX message_got ON message(dst, src, delivered, id);
