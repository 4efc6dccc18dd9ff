/* state_file.c - see state_file.h.
 * SPDX-License-Identifier: MIT */
#include "client/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "client/bodies.h"

#define FILE_MAX (4u << 20)

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *encode_peer(const struct xc_client_peer *peer)
{
    json_t *keys = json_array();
    for (uint32_t i = 0; i < peer->key_count; i++) {
        char text[XC_KEY_TEXT];
        xc_key_write(peer->keys[i], text);
        json_array_append_new(keys, json_string(text));
    }
    return json_pack("{s:s, s:o}", "name", peer->name, "keys", keys);
}

static json_t *encode_leaving(const struct xc_client_saved *saved)
{
    char seed[XC_KEY_TEXT];
    json_t *list = json_array();
    for (uint32_t i = 0; i < saved->leaving_count; i++) {
        xc_key_write(saved->leaving[i].seed, seed);
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "token", saved->leaving[i].token, "key", seed));
    }
    OPENSSL_cleanse(seed, sizeof seed);
    return list;
}

char *xc_state_encode(const struct xc_client_saved *saved, const char *url)
{
    char seed[XC_KEY_TEXT] = "";
    json_t *peers = json_array();
    for (uint32_t i = 0; i < saved->peer_count; i++)
        json_array_append_new(peers, encode_peer(&saved->peers[i]));
    json_t *root = json_pack("{s:i, s:s, s:o}", "xcall_client", 1, "url", url, "peers", peers);
    if (root && saved->token[0])
        json_object_set_new(root, "token", json_string(saved->token));
    if (root && saved->name[0])
        json_object_set_new(root, "name", json_string(saved->name));
    if (root && saved->has_seed) {
        xc_key_write(saved->seed, seed);
        json_object_set_new(root, "key", json_string(seed));
        OPENSSL_cleanse(seed, sizeof seed);
    }
    if (root && saved->leaving_count)
        json_object_set_new(root, "leaving", encode_leaving(saved));
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    return text;
}

static bool copy_text(const json_t *value, char *out, size_t size)
{
    const char *text = json_string_value(value);
    if (!value)
        return true;
    if (!text || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool decode_peer(const json_t *value, struct xc_client_peer *peer)
{
    const json_t *keys = json_object_get(value, "keys");
    memset(peer, 0, sizeof *peer);
    if (!copy_text(json_object_get(value, "name"), peer->name, sizeof peer->name) ||
        !peer->name[0] || !json_is_array(keys) || json_array_size(keys) > XC_PEER_KEYS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(keys); i++)
        if (!xc_key_read(json_string_value(json_array_get(keys, i)), peer->keys[i]))
            return false;
    peer->key_count = (uint32_t)json_array_size(keys);
    return true;
}

static bool decode_leaving(const json_t *list, struct xc_client_saved *saved)
{
    if (!list)
        return true;
    if (!json_is_array(list) || json_array_size(list) > XC_LEAVING_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct xc_client_leaving *one = &saved->leaving[saved->leaving_count++];
        const json_t *value = json_array_get(list, i);
        if (!copy_text(json_object_get(value, "token"), one->token, sizeof one->token) ||
            !one->token[0] ||
            !xc_key_read(json_string_value(json_object_get(value, "key")), one->seed))
            return false;
    }
    return true;
}

static const char *decode(const json_t *root, const char *url, struct xc_client_saved *saved)
{
    const json_t *peers = json_object_get(root, "peers"), *key = json_object_get(root, "key");
    if (json_integer_value(json_object_get(root, "xcall_client")) != 1)
        return "the state file is not one of this program's";
    const char *of = json_string_value(json_object_get(root, "url"));
    if (!of || strcmp(of, url))
        return NULL; /* a token of another service is none of this one's business */
    if (!copy_text(json_object_get(root, "token"), saved->token, sizeof saved->token) ||
        !copy_text(json_object_get(root, "name"), saved->name, sizeof saved->name))
        return "the state file is damaged: its token or name is too long";
    if (key && !xc_key_read(json_string_value(key), saved->seed))
        return "the state file is damaged: its key is none";
    saved->has_seed = key != NULL;
    if (saved->token[0] && !key)
        return "the state file is damaged: a token without the device's key";
    if (!decode_leaving(json_object_get(root, "leaving"), saved))
        return "the state file is damaged: what is to be signed out of is no list, or too long";
    if (!json_is_array(peers) || json_array_size(peers) > XC_PEERS_MAX)
        return "the state file is damaged: its peers are no list, or too many";
    for (size_t i = 0; i < json_array_size(peers); i++)
        if (!decode_peer(json_array_get(peers, i), &saved->peers[saved->peer_count++]))
            return "the state file is damaged: a peer's name or key is none";
    return NULL;
}

const char *xc_state_decode(const char *text, size_t length, const char *url,
                            struct xc_client_saved *saved)
{
    json_error_t error;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    memset(saved, 0, sizeof *saved);
    if (!json_is_object(root)) {
        json_decref(root);
        return "the state file is damaged: it is not JSON";
    }
    const char *why = decode(root, url, saved);
    json_decref(root);
    if (why)
        OPENSSL_cleanse(saved, sizeof *saved);
    return why;
}

static uint32_t find_peer(const struct xc_client_saved *saved, const char *name)
{
    uint32_t at = 0;
    while (at < saved->peer_count && strcmp(saved->peers[at].name, name))
        at++;
    return at;
}

int xc_state_knows(const struct xc_client_saved *saved, const char *name, const uint8_t key[32])
{
    uint32_t at = find_peer(saved, name);
    if (at == saved->peer_count)
        return 0;
    for (uint32_t i = 0; i < saved->peers[at].key_count; i++)
        if (!memcmp(saved->peers[at].keys[i], key, 32))
            return 1;
    return 2;
}

int xc_state_meet(struct xc_client_saved *saved, const char *name, const uint8_t key[32])
{
    struct xc_client_peer peer = {.key_count = 0};
    uint32_t at = find_peer(saved, name);
    int result = xc_state_knows(saved, name, key);
    if (at < saved->peer_count) {
        peer = saved->peers[at];
    } else {
        memcpy(peer.name, name, strnlen(name, sizeof peer.name - 1));
        at = saved->peer_count < XC_PEERS_MAX ? saved->peer_count++ : 0;
    }
    if (result != 1) {
        if (peer.key_count == XC_PEER_KEYS_MAX)
            memmove(peer.keys[0], peer.keys[1], sizeof peer.keys[0] * --peer.key_count);
        memcpy(peer.keys[peer.key_count++], key, 32);
    }
    memmove(&saved->peers[at], &saved->peers[at + 1],
            (saved->peer_count - at - 1) * sizeof saved->peers[0]);
    saved->peers[saved->peer_count - 1] = peer;
    return result;
}

/* --- the file --------------------------------------------------------------------------------- */

static int read_all(int fd, char **text, size_t *length)
{
    struct stat about;
    if (fstat(fd, &about))
        return errno;
    if (!S_ISREG(about.st_mode) || about.st_size > (off_t)FILE_MAX)
        return EINVAL;
    *text = malloc((size_t)about.st_size + 1);
    if (!*text)
        return ENOMEM;
    while (*length < (size_t)about.st_size) {
        ssize_t got = read(fd, *text + *length, (size_t)about.st_size - *length);
        if (got < 0 && errno != EINTR)
            return errno;
        if (!got)
            break;
        *length += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

int xc_state_load(const char *path, const char *url, struct xc_client_saved *saved,
                  const char **why)
{
    char *text = NULL;
    size_t length = 0;
    *why = NULL;
    memset(saved, 0, sizeof *saved);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO is not waited for */
    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    int error = read_all(fd, &text, &length);
    close(fd);
    if (!error && (*why = xc_state_decode(text, length, url, saved)))
        error = EINVAL;
    if (text) {
        OPENSSL_cleanse(text, length);
        free(text);
    }
    return error;
}

static int write_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left) {
        ssize_t done = write(fd, text, left);
        if (done < 0 && errno != EINTR)
            return errno;
        text += done > 0 ? done : 0;
        left -= done > 0 ? (size_t)done : 0;
    }
    return fsync(fd) ? errno : 0;
}

/* A crash leaves the old file or the new one, never half of one. */
int xc_state_store(const char *path, const char *text)
{
    size_t size = strlen(path) + 8;
    char *beside = malloc(size);
    if (!beside)
        return ENOMEM;
    snprintf(beside, size, "%s.new", path);
    /* Always a new file: what lies there may be a link to another one, or belong to somebody else. */
    unlink(beside);
    int error = 0, fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        error = errno;
    } else {
        error = fchmod(fd, 0600) ? errno : write_all(fd, text);
        if (close(fd) && !error)
            error = errno;
    }
    if (!error && rename(beside, path))
        error = errno;
    if (error && fd >= 0)
        unlink(beside);
    free(beside);
    return error;
}
