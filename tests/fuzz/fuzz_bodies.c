/* fuzz_bodies.c - any text as an SDP, a candidate, and JSON with a body or a candidate in it: what xcalld passes on
 * has no line of a candidate where none may be, and what fits a relayed call fits any call.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bodies.h"

static void check_sdp(const char *text)
{
    if (!sdp_hides_addresses(text))
        return;
    for (const char *line = text; line; line = strpbrk(line, "\r\n")) {
        line += strspn(line, "\r\n \t");
        FUZZ_CHECK(strncasecmp(line, "a=candidate:", 12) != 0);
        FUZZ_CHECK(strncasecmp(line, "c=IN IP4 1", 10) != 0);
    }
}

static void check_json(json_t *json)
{
    static const uint8_t key[32] = {0};
    const char *why = NULL;
    struct body_rules rules = {BODY_OFFER | BODY_ANSWER, false, key};
    json_t *body = body_take(json, &rules, &why);
    FUZZ_CHECK((body != NULL) == (why == NULL));
    if (body) {
        FUZZ_CHECK(json_object_size(body) == 4);
        check_sdp(json_string_value(json_object_get(body, "sdp")));
    }
    json_decref(body);
    json_t *relayed = candidate_take(json, true), *any = candidate_take(json, false);
    FUZZ_CHECK(!relayed || any);
    FUZZ_CHECK(!any || json_object_size(any) <= 4);
    json_decref(relayed);
    json_decref(any);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    check_sdp(text);
    FUZZ_CHECK(!candidate_fits(text, true) || candidate_fits(text, false));
    json_t *json = json_loads(text, 0, NULL);
    if (json)
        check_json(json);
    json_decref(json);
    free(text);
    return 0;
}
