/* test_changes.c - random stories of a call (bench/sim/script.h) over two sessions with media, in
 * virtual time, with signals that are under way for a while so that offers cross: no story ends a
 * call, both sides agree in the end on what flows, it does flow, and no description that went by
 * breaks what holds for the whole connection. `--seeds FROM COUNT` runs more; the seed of a failure
 * is printed.
 * SPDX-License-Identifier: MIT */
#include "session_world.h"

#include <stdio.h>
#include <string.h>

#include "../../../bench/sim/script.h"
#include "wire/json.h"

#define HALF_TRIP (20 * XC_NS_PER_MS)
#define QUIET_MS 2000
#define SEEDS_HERE 40

/* --- what every description must keep ----------------------------------------------------------- */

struct book {
    struct xc_sdp sdp;
    char text[XC_SDP_TEXT_MAX + 1];
    char mids[XC_SDP_SECTIONS_MAX][XC_SDP_TOKEN_MAX + 1];
    uint8_t kinds[XC_SDP_SECTIONS_MAX];
    uint8_t sections;
    char uris[256][128];  /* of extension ids, for the whole transport */
    char codecs[128][32]; /* of payload types */
    char ufrags[2][sizeof(
        ((struct xc_sdp_transport *)NULL)->ufrag)]; /* agreed: of each side's newest exchange */
    char offered[2][sizeof(((struct xc_sdp_transport *)NULL)->ufrag)];
    int client; /* which side, -1: not known yet */
};

static struct book *book;

static bool is_open(const struct xc_sdp_section *section)
{
    return section->port != 0 || section->bundle_only;
}

static const char *const line_ends = "\r\n";

static void keep(char *place, size_t capacity, const char *text, size_t size)
{
    char copy[128] = {0};
    memcpy(copy, text, XC_MIN(size, sizeof copy - 1));
    if (!place[0])
        memcpy(place, copy, XC_MIN(capacity - 1, sizeof copy - 1));
    else
        assert_string_equal(place, copy);
}

/* The same number means the same in every section and every description. */
static void check_numbers(const char *text)
{
    for (const char *line = text; line; line = strstr(line, line_ends)) {
        unsigned id = 0;
        int n = 0;
        line += line[0] == '\r' ? 2 : 0;
        size_t size = strcspn(line, line_ends);
        if (sscanf(line, "a=extmap:%u %n", &id, &n) == 1 && n && id < 256)
            keep(book->uris[id], sizeof book->uris[id], line + n, size - (size_t)n);
        else if (sscanf(line, "a=rtpmap:%u %n", &id, &n) == 1 && n && id < 128)
            keep(book->codecs[id], sizeof book->codecs[id], line + n, size - (size_t)n);
    }
}

/* Glare's losing offers may name sections that the winning one uses for another thing: only what was
 * agreed on is kept. */
static void check_places(bool agreed)
{
    const struct xc_sdp *sdp = &book->sdp;
    assert_true(sdp->section_count >= book->sections);
    for (uint8_t i = 0; i < sdp->section_count; i++) {
        const struct xc_sdp_section *section = &sdp->sections[i];
        for (uint8_t k = 0; k < i; k++)
            assert_string_not_equal(section->mid, sdp->sections[k].mid);
        if (i < book->sections && is_open(section)) {
            assert_string_equal(section->mid, book->mids[i]);
            assert_int_equal(section->kind, book->kinds[i]);
        }
        if (!agreed)
            continue;
        memcpy(book->mids[i], section->mid, sizeof book->mids[i]);
        book->kinds[i] = section->kind;
    }
    if (agreed)
        book->sections = sdp->section_count;
}

static void look(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    struct xc_sdp_error error;
    size_t length;
    (void)capacity;
    if (kind != XCALL_SIGNAL_OFFER && kind != XCALL_SIGNAL_ANSWER)
        return;
    bool answer = kind == XCALL_SIGNAL_ANSWER;
    assert_int_equal(
        xc_json_member(xc_span_make(text, *size), "sdp", book->text, sizeof book->text, &length),
        XC_JSON_STRING);
    assert_true(xc_sdp_parse(&book->sdp, xc_span_make(book->text, length), &error));
    const struct xc_sdp_transport *transport = &book->sdp.sections[0].transport;
    check_numbers(book->text);
    check_places(answer);
    if (!answer) {
        assert_int_equal(transport->setup, XC_SDP_ACTPASS);
        memcpy(book->offered[from], transport->ufrag, sizeof book->offered[from]);
        return;
    }
    int client = transport->setup == XC_SDP_ACTIVE ? from : !from;
    if (book->client < 0)
        book->client = client;
    assert_int_equal(client, book->client);
    /* Both sides have new credentials, or neither has (RFC 8839 section 4.4.3). */
    bool theirs = strcmp(book->offered[!from], book->ufrags[!from]) != 0;
    bool ours = strcmp(transport->ufrag, book->ufrags[from]) != 0;
    assert_int_equal(theirs, ours);
    memcpy(book->ufrags[from], transport->ufrag, sizeof book->ufrags[from]);
    memcpy(book->ufrags[!from], book->offered[!from], sizeof book->ufrags[from]);
}

/* --- a story -------------------------------------------------------------------------------------- */

struct wish {
    uint32_t direction[XC_TRACKS + 1];
    bool hold, muted;
};

static void act(struct world *world, const struct script_line *line, struct wish wishes[2])
{
    const struct script_action *action = &script_actions[line->action];
    struct xc_session *session = world->side[line->side].session;
    struct wish *wish = &wishes[line->side];
    if (!strcmp(action->name, "hold") || !strcmp(action->name, "resume")) {
        wish->hold = action->name[0] == 'h';
        xc_session_set_hold(session, world_now, wish->hold);
    } else if (!strcmp(action->name, "mute") || !strcmp(action->name, "unmute")) {
        wish->muted = action->name[0] == 'm';
        xc_session_set_mute(session, action->track, wish->muted);
    } else if (!strcmp(action->name, "restart-ice")) {
        xc_session_restart_ice(session, world_now);
    } else {
        wish->direction[action->track] = action->direction;
        xc_session_set_direction(session, world_now, action->track, action->direction);
    }
}

/* What the two wishes let flow from side i on a track; a track that its host never set takes video. */
static bool agreed(const struct world *world, int i, uint32_t track)
{
    bool sends = (xc_session_flows(world->side[i].session, track) & XCALL_DIRECTION_SEND) != 0;
    bool held = world->side[!i].session->hold_local || world->side[i].session->hold_local;
    return sends && !held;
}

/* Both sides' sections say the mirror of each other, and what each host wishes, as far as the other
 * lets it. */
static void check_agreement(const struct world *world, const struct wish wishes[2])
{
    const struct xc_negotiation *n[2] = {&world->side[0].session->negotiation,
                                         &world->side[1].session->negotiation};
    assert_int_equal(n[0]->media_count, n[1]->media_count);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(xc_session_state(world->side[i].session), XCALL_STATE_CONNECTED);
        assert_int_equal(n[i]->state, XC_SIGNALLING_STABLE);
        assert_false(xc_negotiate_needed(n[i]));
        assert_string_equal(n[i]->remote_transport.ufrag,
                            xc_ice_ufrag(&world->side[!i].session->ice));
        assert_int_not_equal(world->side[i].session->ice.path.pair, XC_ICE_NO_PAIR);
        for (uint32_t t = 0; t < XC_TRACKS; t++) {
            uint32_t flows = xc_session_flows(world->side[i].session, t + 1);
            assert_int_equal(flows, world->side[i].flows[t]);
            assert_int_equal(flows & ~wishes[i].direction[t + 1] & XCALL_DIRECTION_SEND, 0);
            if (wishes[i].hold)
                assert_int_equal(flows, 0);
        }
    }
    for (uint8_t s = 0; s < n[0]->media_count; s++) {
        const struct xc_media_agreed *a = &n[0]->media[s], *b = &n[1]->media[s];
        assert_int_equal(a->active, b->active);
        assert_string_equal(a->mid, b->mid);
        if (!a->active)
            continue;
        assert_int_equal(a->direction & 1, b->direction >> 1);
        assert_int_equal(a->direction >> 1, b->direction & 1);
        assert_int_equal(a->codecs[0].codec, b->codecs[0].codec);
    }
}

static uint32_t video_of_section(const struct xc_session *session, int8_t section)
{
    for (uint32_t t = 1; t < XC_TRACKS; t++)
        if (session->out[t].section == section)
            return t - 1;
    fail_msg("nobody has section %d", section);
    return 0;
}

static void check_media(struct world *world, const struct wish wishes[2])
{
    struct xcall_stats before[2], after[2];
    uint32_t shown[2][XC_VIDEOS];
    for (int i = 0; i < 2; i++) {
        world_stats(world, i, &before[i]);
        memcpy(shown[i], world->side[i].shown_on, sizeof shown[i]);
    }
    world_run(world, 1000);
    for (int i = 0; i < 2; i++) {
        struct side *side = &world->side[i], *other = &world->side[!i];
        world_stats(world, i, &after[i]);
        uint64_t heard =
            after[i].audio_received.packets_received - before[i].audio_received.packets_received;
        assert_in_range(heard, agreed(world, !i, 1) ? 45 : 0, agreed(world, !i, 1) ? 60 : 0);
        for (uint32_t v = 0; v < XC_VIDEOS; v++) {
            if (other->session->out[v + 1].section < 0)
                continue;
            uint32_t at = video_of_section(side->session, other->session->out[v + 1].section);
            uint32_t seen = side->shown_on[at] - shown[i][at];
            bool flows = agreed(world, !i, v + 2), muted = v == 0 && wishes[!i].muted;
            assert_in_range(seen, !flows ? 0 : muted ? 1 : 20, !flows ? 0 : 30);
            if (flows && !muted)
                assert_in_range(side->mean[at], world_mark(!i, (int)v) - 6,
                                world_mark(!i, (int)v) + 14);
        }
    }
}

static void run_story(uint64_t seed)
{
    struct script_line lines[SCRIPT_LINES_MAX];
    struct wish wishes[2];
    uint32_t count = script_make(seed, lines), at = 0;
    struct world *world = world_make(seed, HALF_TRIP);
    memset(book, 0, sizeof *book);
    memset(wishes, 0, sizeof wishes);
    book->client = -1;
    world->alter = look;
    world->signal_delay = (20 + seed % 7 * 20) * XC_NS_PER_MS;
    world->marked = true;
    for (int i = 0; i < 2; i++) {
        bool video = (seed >> i & 1) != 0;
        world->side[i].call.video_direction = video ? XCALL_DIRECTION_BOTH : XCALL_DIRECTION_NONE;
        world->side[i].call.video_tracks = 2;
        world->side[i].call.trace_frames = 0;
        wishes[i].direction[1] = XCALL_DIRECTION_BOTH;
        wishes[i].direction[2] = world->side[i].call.video_direction;
    }
    world_open(world, seed);
    for (uint32_t ms = 0; ms < 5000 && !world_connected(world); ms += 10)
        world_run(world, 10);
    assert_true(world_connected(world));
    if (seed % 3 == 0)
        world->loss_percent[0] = world->loss_percent[1] = 5;
    for (uint32_t i = 0; i < count; i++) {
        world_run(world, lines[i].at_ms - at);
        at = lines[i].at_ms;
        act(world, &lines[i], wishes);
    }
    world_run(world, 500);
    world->loss_percent[0] = world->loss_percent[1] = 0;
    world_run(world, QUIET_MS);
    check_agreement(world, wishes);
    check_media(world, wishes);
    world_free(world);
}

static uint64_t first_seed, seed_count = SEEDS_HERE;
static uint64_t seed_now;

static void test_stories(void **state)
{
    (void)state;
    for (seed_now = first_seed; seed_now < first_seed + seed_count; seed_now++)
        run_story(seed_now);
    seed_now = UINT64_MAX;
}

static int say_seed(void **state)
{
    (void)state;
    if (seed_now == UINT64_MAX)
        return 0;
    struct script_line lines[SCRIPT_LINES_MAX];
    uint32_t count = script_make(seed_now, lines);
    print_error("seed %llu:\n", (unsigned long long)seed_now);
    for (uint32_t i = 0; i < count; i++)
        print_error("%u %c %s\n", lines[i].at_ms, 'a' + lines[i].side,
                    script_actions[lines[i].action].name);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_stories, say_seed)};
    if (argc == 4 && !strcmp(argv[1], "--seeds")) {
        first_seed = strtoull(argv[2], NULL, 10);
        seed_count = strtoull(argv[3], NULL, 10);
    }
    book = calloc(1, sizeof *book);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(book);
    return failed;
}
