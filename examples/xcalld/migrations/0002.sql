-- 0002: accounts that have a feature, or have it not, whatever the percentages say.
-- SPDX-License-Identifier: MIT

CREATE TABLE rollout_account(
    feature TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    included INTEGER NOT NULL,
    PRIMARY KEY(feature, user_id)) WITHOUT ROWID;
CREATE INDEX rollout_account_of ON rollout_account(user_id);
