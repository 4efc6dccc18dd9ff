/* token.c - the token of --token-file. It is good for the device that has said hello with it first, and a
 * device is its key: so the key is kept beside the token's file (FILE.state) where no --state says another
 * place, else the file would do once only.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "phone.h"

/* A token, or the line that `xcalld admin token` prints. */
static int read_token(const char *path, char token[128])
{
    char line[512];
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file)) {
        fprintf(stderr, "xcall-phone: --token-file: %s: %s\n", path,
                file ? "it is empty" : strerror(errno));
        if (file)
            fclose(file);
        return -1;
    }
    fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    json_t *object = line[0] == '{' ? json_loads(line, 0, NULL) : NULL;
    const char *from = object ? json_string_value(json_object_get(object, "token")) : line;
    int length = snprintf(token, 128, "%s", from ? from : "");
    json_decref(object);
    if (length > 0 && length < 128)
        return 0;
    fprintf(stderr, "xcall-phone: --token-file: %s: there is no token in it\n", path);
    return -1;
}

/* A pipe's token, or one in a folder that takes no file, is used without: as often as its device was new. */
static bool can_keep(const char *path)
{
    struct stat about;
    char folder[4096];
    const char *slash = strrchr(path, '/');
    int length = !slash ? 1 : slash == path ? 1 : (int)(slash - path);
    if (snprintf(folder, sizeof folder, "%.*s", length, slash ? path : ".") >= (int)sizeof folder)
        return false;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && access(folder, W_OK | X_OK) == 0;
}

/* A file of a token that was there before this one says nothing of this one's device. */
static void forget_other(const char *state, const char *token)
{
    json_t *root = json_load_file(state, 0, NULL);
    const char *of = json_string_value(json_object_get(root, "token"));
    if (of && strcmp(of, token))
        unlink(state);
    json_decref(root);
}

int phone_token_read(struct phone_options *options, char token[128])
{
    if (read_token(options->token_file, token))
        return -1;
    if (options->state_file || !can_keep(options->token_file) ||
        snprintf(options->state_beside, sizeof options->state_beside, "%s.state",
                 options->token_file) >= (int)sizeof options->state_beside)
        return 0;
    forget_other(options->state_beside, token);
    options->state_file = options->state_beside;
    return 0;
}
