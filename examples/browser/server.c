/* server.c - browser-call: open its page in a browser, click Call, and see and hear the native end.
 *
 * Threads: this one runs libwebsockets' loop with everything but media; studio.c has one for media; the
 * rest is the library's.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "../common/stop.h"
#include "calls.h"
#include "options.h"
#include "signalling.h"

int main(int argc, char **argv)
{
    static struct calls calls;
    static struct signalling signalling;
    struct options options;
    int parsed = options_parse(&options, argc, argv);
    if (parsed != OPTIONS_RUN)
        return parsed == OPTIONS_HELP ? 0 : 2;
    int stop = stop_catch();
    if (stop < 0) {
        perror("browser-call");
        return 1;
    }
    int code = calls_open(&calls, &options);
    if (code == 0)
        code = signalling_open(&signalling, &options, &calls, stop);
    if (code == 0) {
        const char *open = options.ipv6 && !options.any ? "[" : "",
                   *close = options.ipv6 && !options.any ? "]" : "";
        printf("open http://%s%s%s:%u/ in a browser (Ctrl-C ends)\n", open,
               options.any ? "localhost" : options.address, close, signalling.port);
        fflush(stdout);
        signalling_run(&signalling);
    }
    signalling_close(&signalling);
    calls_close(&calls);
    return code;
}
