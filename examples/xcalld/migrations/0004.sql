-- 0004: deleted accounts of which there are rows left, that go in bounded steps: for everybody else the account
-- is gone, its row in `account` is. Oldest first. stage: what kinds of rows are gone already; after_0, after_1:
-- behind which key that stage goes on.
-- SPDX-License-Identifier: MIT

CREATE TABLE erasing(
    number INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL UNIQUE,
    at_ms INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    after_0 INTEGER NOT NULL,
    after_1 INTEGER NOT NULL);
