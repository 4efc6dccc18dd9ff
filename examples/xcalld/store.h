/* store.h - what the service keeps: accounts, edges between them, calls, decisions, policy. A narrow
 * interface: rows in and rows out, no decision is taken behind it. One thread a store object;
 * other processes (the admin command) may have the same file open.
 *
 * The service runs many inputs in one transaction (store_begin, store_commit) and lets nothing out
 * before the commit. All functions answer STORE_OK, another STORE_* that says what happened, or
 * STORE_FAILED (disk, corruption), of which store_error has the words.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_STORE_H
#define XCALLD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_MAX_BYTES 30
#define KEY_SIZE 32
#define CALL_ID_SIZE 16
#define HASH_SIZE 32 /* SHA-256 */
#define PASSWORD_HASH_MAX 128
#define PUSH_TOKEN_MAX 512
#define PUSH_KIND_MAX 16
#define LABEL_MAX 64
#define MESSAGE_MAX 4096
#define DEVICES_MAX 10 /* of an account */

enum {
    STORE_OK = 0,
    STORE_FAILED = -1,
    STORE_NONE = 1,     /* no such row */
    STORE_CONFLICT = 2, /* a constraint or a compare-and-set did not hold */
    STORE_FULL = 3,     /* a limit of rows */
};

struct store;

/* Opens or makes the file (":memory:" too) and brings its schema up to date; a file from a newer program is
 * refused. error: a sentence on failure. */
int store_open(const char *path, struct store **store, char *error, size_t error_size);
void store_close(struct store *store);
const char *store_error(const struct store *store);
int store_begin(struct store *store);
int store_commit(struct store *store); /* without begin: nothing to do */
void store_rollback(struct store *store);
/* Within a transaction: what was written behind the mark is undone, what was before it stays. FAILED: it is
 * to be rolled back whole. The mark of now undoes a commit that failed, for another try. */
size_t store_mark(const struct store *store);
int store_undo_to(struct store *store, size_t mark);
int store_begin_reading(struct store *store); /* ended by store_rollback */
/* Was the last failure one of the disk (full, read only, broken), which concerns whoever writes? */
bool store_unwritable(const struct store *store);
int store_probe(struct store *store); /* can it be written? By a commit of its own. */
int store_backup(struct store *store,
                 const char *path); /* a whole, consistent copy; CONFLICT: the file is there */
/* Has another process written since the last look? Cheap. */
bool store_changed(struct store *store);
/* Somebody else (checkpoint.h) moves the log into the file: here it is done only when that falls far behind.
 * empty: after a deletion; leave no log behind, as soon as nobody is in the way. enter: before a
 * transaction begins, until leave the log is not emptied; returns how often it was. */
struct store_keeper {
    void *context; /* NULL: nobody */
    void (*empty)(void *context);
    uint64_t (*enter)(void *context);
    void (*leave)(void *context);
};
int store_checkpointed(struct store *store, const struct store_keeper *keeper);
/* With the next commit the log is emptied: something was deleted, perhaps by another process. */
void store_scrub(struct store *store);
/* The name of SQLite's VFS by which a store's file is to be opened (store_vfs.c); NULL: the usual one. */
const char *store_vfs(void);
/* Once for a file that an older program has written: nothing that was deleted is left in it. Before the
 * service begins; takes as long as the file is big. *done: it was to be done. */
int store_clean(struct store *store, bool *done);

/* --- accounts ---------------------------------------------------------------------------------- */

enum { ACCOUNT_ACTIVE = 0, ACCOUNT_RESTRICTED = 1, ACCOUNT_SUSPENDED = 2 };
struct account {
    int64_t id;
    char name[NAME_MAX_BYTES + 1];
    uint32_t state; /* ACCOUNT_* */
    bool verified, paid, has_password;
    int64_t created_ms;
};

/* CONFLICT: the name is taken, or belonged to a deleted account. password_hash may be NULL. */
int store_account_add(struct store *store, const char *name, const char *password_hash, int64_t now,
                      int64_t *id);
int store_account_by_name(struct store *store, const char *name, struct account *account);
int store_account_by_id(struct store *store, int64_t id, struct account *account);
int store_account_password(struct store *store, int64_t id, char hash[PASSWORD_HASH_MAX + 1]);
int store_account_set(struct store *store, const struct account *account); /* state and flags */
/* Everything of the account goes, messages in both directions included; what stays is the number, the
 * keyed hash of the name (so that nobody takes it) and edges between numbers that others' rules need.
 * For everybody it is gone with this. Its rows go in steps, the first of them with this. */
#define ERASE_ROWS 200 /* of a step */
int store_account_delete(struct store *store, int64_t id, int64_t now);
/* The next step, of the account whose deletion was asked for first. more: there is something left of an account;
 * *asked_ms: when one was deleted of which nothing is left now, 0: none. */
int store_erase(struct store *store, int64_t *asked_ms, bool *more);
/* Once more: somebody who did not know yet that the account is gone may have written for it. */
int store_erase_again(struct store *store, int64_t id, int64_t now);
#define EXPORT_CURSOR_SIZE 96
/* One part of what is kept about an account, as JSON text that the caller frees; cursor: "" at first, what
 * to hand in next, "" at the end. At most 12,000 bytes a part; it may be empty before the end.
 * CONFLICT: no such cursor. */
int store_account_export(struct store *store, int64_t id, char cursor[EXPORT_CURSOR_SIZE],
                         char **json);

struct device {
    int32_t dev; /* 1, 2, ... of each account; never used again */
    char label[LABEL_MAX + 1];
    bool has_key, revoked;
    uint8_t key[KEY_SIZE];
    char push_kind[PUSH_KIND_MAX + 1], push_token[PUSH_TOKEN_MAX + 1];
    int64_t last_ms;
};

int store_device_add(struct store *store, int64_t user, const char *label, int64_t now,
                     int32_t *dev); /* FULL: DEVICES_MAX that are not revoked */
int store_device_get(struct store *store, int64_t user, int32_t dev, struct device *device);
/* Not revoked ones, by number; at most DEVICES_MAX. */
int store_device_list(struct store *store, int64_t user, struct device *devices, size_t *count);
int store_device_set_key(struct store *store, int64_t user, int32_t dev,
                         const uint8_t key[KEY_SIZE]);
int store_device_set_push(struct store *store, int64_t user, int32_t dev, const char *kind,
                          const char *token);
int store_device_touch(struct store *store, int64_t user, int32_t dev, int64_t now);
int store_device_revoke(struct store *store, int64_t user, int32_t dev); /* its session goes too */

int store_session_add(struct store *store, const uint8_t token_hash[HASH_SIZE], int64_t user,
                      int32_t dev, int64_t expires_ms);
/* NONE: unknown, expired, or its device is revoked. */
int store_session_find(struct store *store, const uint8_t token_hash[HASH_SIZE], int64_t now,
                       int64_t *user, int32_t *dev, int64_t *expires_ms);
int store_session_extend(struct store *store, const uint8_t token_hash[HASH_SIZE],
                         int64_t expires_ms);

enum { ALLOW_EVERYONE = 1, ALLOW_VERIFIED = 2, ALLOW_FOLLOWING = 4, ALLOW_ADDRESSBOOK = 8 };
#define ALLOW_DEFAULT "following,contacts"
/* A missing row: who may call is what the policy default_allow says at that moment, the rest is the default. */
struct call_settings {
    bool enabled;                                    /* has_av_calls_enabled */
    bool everyone, verified, following, addressbook; /* accept_calls_from_* */
    bool enhanced;                                   /* has_enhanced_call_privacy_enabled */
    bool silence_strangers, hide_busy;
    int32_t quiet_from_min, quiet_to_min; /* of the day; from < 0: no quiet hours */
    int32_t quiet_zone_min;
    int64_t epoch; /* raised by each set */
};
int store_settings_get(struct store *store, int64_t user, struct call_settings *settings);
int store_settings_set(struct store *store, int64_t user, struct call_settings *settings);

/* --- edges, messages --------------------------------------------------------------------------- */

enum { EDGE_FOLLOW = 0, EDGE_CONTACT = 1, EDGE_BLOCK = 2 };
int store_edge_set(struct store *store, int kind, int64_t from, int64_t to, bool on, int64_t now);
int store_edge_get(struct store *store, int kind, int64_t from, int64_t to, bool *on);
int store_edge_count(struct store *store, int kind, int64_t from, int64_t *count);
/* Names in order, behind `after` ("" from the first). */
int store_edge_list(struct store *store, int kind, int64_t from, const char *after,
                    char (*names)[NAME_MAX_BYTES + 1], size_t capacity, size_t *count);

struct message {
    int64_t id, src, dst, at_ms;
    char from[NAME_MAX_BYTES + 1];
    char text[MESSAGE_MAX + 1];
};
/* The sender's outbox has it in any case; delivered false (a block): the receiver never sees it, and it
 * is no message of gate_row's caller_delivered. */
int store_message_add(struct store *store, int64_t src, int64_t dst, const char *text, int64_t now,
                      bool delivered, int64_t *id);
/* Between the two, as `user` sees them, newest first, ids below `before` (0: all). */
int store_message_list(struct store *store, int64_t user, int64_t other, int64_t before,
                       struct message *messages, size_t capacity, size_t *count);
/* An account's conversations: one with each account that it has sent a message to, or got one from. */
#define CHAT_TEXT_MAX 160 /* bytes of the newest message that a list of conversations shows */
#define CHAT_UNREAD_MAX 99
struct chat {
    char peer[NAME_MAX_BYTES + 1];
    int64_t message, at_ms; /* the newest that this account sees */
    bool outgoing;
    bool request;   /* the peer wrote first, and this account has neither answered nor accepted */
    int32_t unread; /* of the peer's, up to CHAT_UNREAD_MAX */
    char text[CHAT_TEXT_MAX + 1]; /* its beginning, cut between characters */
};
/* By their newest message, newest first, those whose newest has an id below `before` (0: all). */
int store_chat_list(struct store *store, int64_t user, int64_t before, struct chat *chats,
                    size_t capacity, size_t *count);
/* Everything up to this message counts as read, or all there is where the id is a later one. *read: how far
 * it is now; 0: nothing has changed. */
int store_chat_read(struct store *store, int64_t user, int64_t peer, int64_t message,
                    int64_t *read);

/* The fact that src wrote to dst alone: the admin command's `message`, and acceptance of a request
 * (accepted: dst's side counts as having written too). */
int store_dm_edge_set(struct store *store, int64_t src, int64_t dst, bool on, int64_t now);
int store_dm_edge_accept(struct store *store, int64_t src, int64_t dst);

/* --- the gate's facts, decisions ----------------------------------------------------------------- */

struct gate_row {                  /* one statement reads all of it, whoever exists or not */
    struct account caller, callee; /* callee.id 0: no such account; a deleted one: callee_gone */
    bool callee_gone;
    struct call_settings caller_settings, callee_settings;
    bool callee_blocks, caller_blocks, callee_follows, caller_follows;
    bool callee_has_contact, caller_has_contact;
    /* caller_sent: something is in the caller's outbox; caller_delivered: and came to the callee.
     * callee_sent: something came to the caller, or the callee accepted the caller's request. */
    bool caller_sent, caller_delivered, callee_sent;
    bool called_before; /* the caller has called the callee at any time: not a new callee */
    int64_t caller_first_sent_ms; /* 0: never */
};
int store_gate_row(struct store *store, int64_t caller, const char *callee, struct gate_row *row);

struct decision {
    int64_t at_ms, caller, callee; /* callee 0: none */
    uint8_t call[CALL_ID_SIZE];
    uint64_t facts;
    uint32_t policy_word; /* the policy's inputs packed, see gatekeeper.h */
    uint32_t verdict, reason, public_reason, rule, relay;
    int64_t settings_epoch, policy_version;
    int32_t bucket; /* of calls.make */
    int32_t dev;
    uint8_t network[16]; /* keyed hash of the caller's /24 or /48 */
};
int store_decision_add(struct store *store, const struct decision *decision);
int store_decision_list(struct store *store, int64_t after_row, struct decision *decisions,
                        size_t capacity, size_t *count, int64_t *last_row);

/* What one account was refused within one hour, for abuse scoring. callees: different ones that denied;
 * blocked: refusals because the callee blocks the caller. */
struct denied_hour {
    int64_t caller, hour_ms, attempts, denied, callees, blocked;
};
/* In order of hour and caller, behind *last (all 0 at first), which is moved on; from `since_ms` on. */
int store_denied_hours(struct store *store, int64_t since_ms, struct denied_hour *last,
                       struct denied_hour *rows, size_t capacity, size_t *count);

/* --- calls ------------------------------------------------------------------------------------- */

enum { CALL_RINGING = 1, CALL_ACCEPTED = 2, CALL_ACTIVE = 3, CALL_ENDED = 9 };
struct call_row {
    uint8_t id[CALL_ID_SIZE];
    int64_t caller, callee;
    int32_t caller_dev, callee_dev; /* callee_dev 0: nobody accepted yet */
    bool video, relay, reached;
    bool
        shadow; /* the caller alone still sees it ring: silent, blocked or revoked meanwhile, busy hidden */
    uint32_t state; /* CALL_* */
    uint32_t rev;
    uint32_t reason;                   /* XCALL_LIFE_END_* */
    uint8_t merged_into[CALL_ID_SIZE]; /* all 0: not */
    int64_t invite_ms, reach_deadline_ms, ring_deadline_ms, accept_ms, active_ms, end_ms;
    int64_t deadline_ms; /* the next of its timers: connect, signal, media ... */
    bool caller_up, callee_up, caller_lost, callee_lost; /* media as reported */
    /* The device's connection went while the call was up, and it did not come back into it. */
    bool caller_vanished, callee_vanished;
    const char *offer,
        *answer; /* bodies as JSON text, NULL when none; of rows that are read: owned by the
                                   store until its next call; gone once the call has ended */
};
/* CONFLICT: the id is known, or the pair has a live call (*other: its id; all 0 where the id is known). */
int store_call_insert(struct store *store, const struct call_row *row, uint8_t other[CALL_ID_SIZE]);
int store_call_get(struct store *store, const uint8_t id[CALL_ID_SIZE], struct call_row *row);
/* Writes the whole row where state and rev are still as given. An accept (callee_dev set, state ACCEPTED) also
 * takes both users' places (at most one accepted call a user); CONFLICT: one of the three did not
 * hold, and nothing was written (*busy tells which of the users has a call already: 1 caller,
 * 2 callee, 0 neither: state or rev was another). An end gives the places back. */
int store_call_update(struct store *store, const struct call_row *row, uint32_t state, uint32_t rev,
                      int *busy);
/* Ids of live calls, all (user 0) or those a user takes part in. */
int store_calls_live(struct store *store, int64_t user, uint8_t (*ids)[CALL_ID_SIZE],
                     size_t capacity, size_t *count);

struct history_row {
    uint8_t call[CALL_ID_SIZE];
    char peer[NAME_MAX_BYTES + 1]; /* empty: deleted */
    bool outgoing, video, missed, accepted;
    uint32_t reason; /* as this side may see it is the caller's business */
    int64_t at_ms, duration_ms;
};
int store_history(struct store *store, int64_t user, int64_t before_ms, struct history_row *rows,
                  size_t capacity, size_t *count);

/* --- figures, reports, limits --------------------------------------------------------------------- */

int store_report_add(struct store *store, int64_t by, int64_t about, const uint8_t *call,
                     const char *why, const char *text, int64_t now);
/* Different accounts that reported `about` since. */
int store_report_count(struct store *store, int64_t about, int64_t since_ms, int64_t *count);

struct quality {
    uint8_t call[CALL_ID_SIZE];
    int32_t setup_ms, first_media_ms, loss_permille; /* -1: not said */
    bool relay, video, paid;
    uint32_t reason;
    char version[32];
};
int store_quality_add(struct store *store, const struct quality *quality, int64_t now);
struct guard_figures {
    int64_t calls;      /* placed: the gate let them through */
    int64_t accepted;   /* of them */
    int64_t connected;  /* of the accepted: media of both sides came up */
    int64_t dropped;    /* of the connected: media or signalling was lost, or the server */
    int64_t reports;    /* of abuse, of such calls; of make and receive: also of what was no call */
    int64_t relayed;    /* of the calls */
    int64_t vanished;   /* devices of accepted calls, each of which has two, see call_row */
    int64_t unreported; /* devices of connected calls that ended, without a quality row */
    int64_t setup_p50_ms, setup_p95_ms; /* as devices said; -1: none did */
    /* By what the caller's account is now, of calls.receive the callee's: [paid]. A report that
     * names no call: of whom it is about, of calls.receive of who made it. */
    struct guard_cohort {
        int64_t calls, accepted, connected, dropped, relayed, vanished, reports;
    } cohorts[2];
};
/* Of the calls that the feature is about: make and receive: all; video: those with video; p2p: those
 * that the service did not have relayed. */
int store_guard_figures(struct store *store, const char *feature, int64_t since_ms,
                        struct guard_figures *figures);

struct bucket_row {
    uint64_t key[2];
    double level;
    int64_t at_ms;
};
/* Adds rows or replaces them by key. Those that nobody saved for 8 days are forgotten (store_retention). */
int store_buckets_save(struct store *store, const struct bucket_row *rows, size_t count);
int store_buckets_load(struct store *store, struct bucket_row *rows, size_t capacity,
                       size_t *count);

/* --- policy, roll-out, changes ----------------------------------------------------------------------- */

/* Text values by key; NONE: not set. *version rises with every set of anything here. */
int store_policy_get(struct store *store, const char *key, char *value, size_t size);
int store_policy_set(struct store *store, const char *key, const char *value, int64_t now);
int store_policy_version(struct store *store, int64_t *version);

struct rollout_row {
    char feature[24];
    int32_t all_bp, paid_bp; /* basis points, 0..10000 */
    uint8_t salt[16];
};
int store_rollout_get(struct store *store, const char *feature, struct rollout_row *row);
int store_rollout_set(struct store *store, const struct rollout_row *row);

#define ROLLOUT_EXCEPTIONS_MAX 256 /* a feature */
struct rollout_exception {
    int64_t user;
    bool included; /* false: excluded */
};
/* In order of `user`. */
int store_rollout_exceptions(struct store *store, const char *feature,
                             struct rollout_exception rows[ROLLOUT_EXCEPTIONS_MAX], size_t *count);
enum { ROLLOUT_EXCLUDED, ROLLOUT_INCLUDED, ROLLOUT_AS_OTHERS };
/* STORE_FULL: ROLLOUT_EXCEPTIONS_MAX are there. */
int store_rollout_except(struct store *store, const char *feature, int64_t user, int how);

/* What the admin command did that a running server must follow: accounts whose state, edges or settings changed. */
enum {
    CHANGE_ACCOUNT = 1,
    CHANGE_BLOCK = 2,
    CHANGE_SETTINGS = 3,
    CHANGE_POLICY = 4,
    CHANGE_DEVICE = 5
};
struct change {
    int64_t number;
    int kind;
    int64_t a, b;
};
int store_change_add(struct store *store, int kind, int64_t a, int64_t b, int64_t now);
int store_changes(struct store *store, int64_t after, struct change *changes, size_t capacity,
                  size_t *count);
int store_change_last(struct store *store, int64_t *number);

/* A number under a name, what the running server says of itself; "relay_configured" is what explain reads.
 * Setting what is there already writes nothing. */
int store_note_get(struct store *store, const char *name, int64_t *value); /* NONE: never set */
int store_note_set(struct store *store, const char *name, int64_t value);

/* Secrets that the service makes for itself once (HMAC keys of names, networks and pseudonyms). */
int store_secret(struct store *store, const char *name, uint8_t secret[HASH_SIZE]);

/* Forgets what is older than policy says (0: nothing of that kind); at most a bounded piece of work, more: true.
 * Sessions that expired go too, with their devices. */
struct retention {
    int64_t history_ms, decisions_ms, messages_ms, quality_ms, reports_ms;
};
int store_retention(struct store *store, const struct retention *keep, int64_t now, bool *more);

#endif
