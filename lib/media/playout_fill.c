/* playout_fill.c - what comes next into the future of audio_playout.h: a packet, its FEC copy,
 * something made up, or silence; and by how much it is stretched.
 * SPDX-License-Identifier: MIT */
#include "media/audio_playout.h"

#define MS XC_DELAY_UNITS_PER_MS
#define FILLER_MS 10u         /* made up at a time while nothing is there */
#define FADE_AFTER (100 * MS) /* of making up, then down to silence */
#define FADE_AFTER_QUIET                                                                           \
    (500 * MS) /* between talkspurts: background noise goes on for longer than
                                       the 400 ms at which Opus refreshes it */
#define FADE_AFTER_COMFORT (1500 * MS) /* of comfort noise: three refreshes were lost */
#define FADE_LENGTH (120 * MS)
#define KEEP_LATE (300 * MS)   /* older than the target by more: skipped, not hurried through */
#define LOOK_AHEAD_MS 25u      /* decoded where a period is to be taken out */
#define SLOW_MS 40u            /* put in at most while one packet is waited for */
#define SLOW_KNOWN 16u         /* packets that must have been seen to judge by */
#define BACKGROUND_MOST 0.001f /* mean square, -30 dBFS: SILK takes a loud tone for background */
#define BACKGROUND_PART 0.1f   /* of the voice's mean square, -10 dB */
#define WAIT_SLACK (1000 * MS)
#define FAR (60 * MS)
#define VERY_FAR (120 * MS)
#define NEAR (20 * MS)
#define EXCESS_LEAST (2 * MS + MS / 2) /* the shortest period that can be taken out */
#define PATIENCE (100 * MS)            /* then any cut becomes good enough within: */
#define PATIENCE_NEAR (1000 * MS)
#define PATIENCE_FAR (400 * MS)

static uint32_t frames_of(const struct xc_playout *playout, int64_t units)
{
    return units > 0 ? (uint32_t)(units / playout->unit) : 0;
}

/* Scales by a gain that runs from `from` to `to`. */
static void ramp(float *samples, uint32_t frames, uint32_t channels, float from, float to)
{
    float step = (to - from) / (float)(frames ? frames : 1), gain = from;
    for (uint32_t i = 0; i < frames; i++) {
        gain += step;
        for (uint32_t c = 0; c < channels; c++)
            samples[(size_t)i * channels + c] *= gain;
    }
}

/* A damaged or hostile packet may decode to 100 times full scale (found by fuzzing): that must
 * reach no loudspeaker, and no filter that would ring with it. Takes out what is no number. */
static void bound(const struct xc_playout *playout, float *samples, int frames)
{
    uint32_t count = frames > 0 ? (uint32_t)frames * playout->channels : 0;
    for (uint32_t i = 0; i < count; i++)
        samples[i] = samples[i] > 1.0f ? 1.0f : samples[i] >= -1.0f ? samples[i] : -1.0f;
}

static void add_silence(struct xc_playout *playout, uint32_t frames)
{
    float *room = xc_pcm_room(&playout->pcm, frames);
    memset(room, 0, (size_t)frames * playout->channels * sizeof(float));
    playout->pcm.end += frames;
    playout->filler += frames;
}

/* The decoder's state changes while it makes up what is missing: it is kept, in case that what is
 * missing is only late. */
static bool conceal(struct xc_playout *playout, float *room, uint32_t frames)
{
    if (!playout->before_valid)
        memcpy(playout->decoder_before, playout->decoder, playout->decoder_size);
    playout->before_valid = true;
    return playout->codec->conceal(playout->decoder, room, frames) == (int)frames;
}

/* Before `sequence` is decoded. Where it follows on what was decoded last, nothing was lost: on the
 * state that concealment left behind, the prediction of SILK ran to twice the level for 0.6 s. */
static void settle_decoder(struct xc_playout *playout, uint64_t sequence, int64_t timestamp)
{
    int64_t gap = timestamp - playout->decoded_end;
    if (playout->before_valid && sequence == playout->decoded_next && gap <= 2 * MS &&
        gap >= -2 * MS)
        memcpy(playout->decoder, playout->decoder_before, playout->decoder_size);
    playout->before_valid = false;
}

/* What is made up from here on: noise like the background where that was heard last or the sender
 * is known to be silent, else the codec's own guess at what goes on. */
static void begin_run(struct xc_playout *playout)
{
    const struct xc_pcm *pcm = &playout->pcm;
    playout->run_comfort =
        (playout->background || playout->silence_known) && pcm->end >= XC_COMFORT_ORDER &&
        xc_comfort_begin(&playout->comfort, xc_pcm_at(pcm, pcm->end - XC_COMFORT_ORDER));
    playout->run_quiet =
        playout->run_comfort || playout->silence_known || xc_stretch_quiet(&playout->stretch, pcm);
}

static bool make_up(struct xc_playout *playout, float *room, uint32_t frames)
{
    if (!playout->run_comfort)
        return conceal(playout, room, frames);
    xc_comfort_make(&playout->comfort, room, frames);
    return true;
}

/* Was the packet background? The packet may say so; else what is far below the voice is, and what
 * is no louder than the background that a sender was silent after. */
static void observe(struct xc_playout *playout, struct xc_span bytes, const float *samples,
                    uint32_t frames)
{
    const struct xc_audio_codec *codec = playout->codec;
    struct xc_comfort *comfort = &playout->comfort;
    uint32_t channels = playout->channels;
    xc_stretch_observe(&playout->stretch, samples, frames * channels,
                       frames * 1000 / playout->rate);
    xc_comfort_look_at(comfort, samples, frames);
    float level = xc_comfort_level(&comfort->last, channels);
    bool told = codec->is_background && codec->is_background(bytes);
    bool alike = playout->dtx_seen && comfort->known &&
                 level < 2 * xc_comfort_level(&comfort->average, channels);
    playout->background =
        level < BACKGROUND_MOST && (told || alike || xc_stretch_is_quiet(&playout->stretch, level));
    if (playout->background)
        xc_comfort_learn(comfort);
}

/* Adds at most `frames` made-up frames (any number: the codec is asked for the next 2.5 ms). The
 * gain stays 1 for a while, then falls to silence. */
static void add_filler(struct xc_playout *playout, uint32_t frames)
{
    struct xc_pcm *pcm = &playout->pcm;
    uint32_t quantum = playout->rate / 400;
    frames = XC_MIN(frames, playout->rate / 1000 * FILLER_MS * 2);
    uint32_t asked = (frames + quantum - 1) / quantum * quantum;
    float *room = xc_pcm_room(pcm, asked);
    if (playout->run == 0)
        begin_run(playout);
    int64_t after = playout->run_comfort && playout->dtx_seen ? FADE_AFTER_COMFORT
                    : playout->run_quiet                      ? FADE_AFTER_QUIET
                                                              : FADE_AFTER;
    if (playout->gain > 0 && make_up(playout, room, asked)) {
        float to = playout->gain;
        bound(playout, room, (int)asked);
        if (playout->run >= after)
            to -= (float)frames * (float)playout->unit / (float)FADE_LENGTH;
        to = XC_MAX(to, 0.0f);
        if (to < 1 || playout->gain < 1)
            ramp(room, frames, playout->channels, playout->gain, to);
        playout->gain = to;
    } else {
        memset(room, 0, (size_t)frames * playout->channels * sizeof(float));
        playout->gain = 0;
    }
    pcm->end += frames;
    playout->filler += frames;
    playout->run += (int64_t)frames * playout->unit;
}

/* All made-up frames but the last `leave` are sure to be played: nothing fades into them. */
static void keep_filler(struct xc_playout *playout, uint32_t leave)
{
    if (playout->filler <= leave)
        return;
    xc_playout_count_filler(playout, playout->filler - leave);
    playout->filler = leave;
}

/* `count` decoded frames stand behind the end: they become the future, but for the first `skip`.
 * What is left of made-up samples is cross-faded into them. */
static void add_decoded(struct xc_playout *playout, uint32_t count, uint32_t skip)
{
    struct xc_pcm *pcm = &playout->pcm;
    uint32_t channels = pcm->channels, join = playout->rate / 1000 * XC_PLAYOUT_JOIN_MS;
    float *decoded = xc_pcm_at(pcm, pcm->end);
    skip = XC_MIN(skip, count);
    count -= skip;
    uint32_t kept = XC_MIN(XC_MIN(playout->filler, join), count);
    float *to = xc_pcm_at(pcm, pcm->end - playout->filler);
    if (playout->gain < 1) {
        uint32_t fade = XC_MIN(playout->rate / 200, count);
        ramp(decoded + (size_t)skip * channels, fade, channels, playout->gain, 1);
        playout->gain = 1;
    }
    const float *from = decoded + (size_t)skip * channels;
    if (kept)
        xc_stretch_fade(to, from, to, kept, channels);
    if (to != decoded || skip)
        memmove(to + (size_t)kept * channels, from + (size_t)kept * channels,
                (size_t)(count - kept) * channels * sizeof(float));
    pcm->end = pcm->end - playout->filler + count;
    playout->filler = 0;
}

/* The end of a made-up run goes on like the beginning of the packet that it stood for: where the
 * two look most alike, that much of the packet was in effect played and is left out. So the join is
 * in phase, and the delay grows by less. `decoded` stands behind the end. */
static uint32_t skip_to_join(const struct xc_playout *playout, const float *decoded, uint32_t count)
{
    uint32_t ms = playout->rate / 1000, join = ms * XC_PLAYOUT_JOIN_MS;
    uint32_t played = frames_of(playout, playout->run) - playout->filler;
    if (playout->run == 0 || playout->filler < join || playout->gain < 1 || count < 3 * join)
        return 0;
    int64_t delay = xc_playout_tail(playout) - playout->media_end;
    uint32_t most = delay > xc_playout_target(playout) ? 2 * join : join;
    most = XC_MIN(XC_MIN(most, played), count - 2 * join);
    return xc_stretch_align(xc_pcm_at(&playout->pcm, playout->pcm.end - playout->filler), decoded,
                            join, most, playout->rate, playout->channels);
}

/* It is known now what the made-up run stood for: for packets of `missing` units that are lost; for
 * the rest of it the sender was silent, or something was late. Silence behind the fade counts only
 * as far as it was loss. */
static void settle_run(struct xc_playout *playout, bool silence_of_sender, int64_t missing)
{
    struct xc_audio_recv_counters *totals = &playout->totals;
    uint64_t lost = frames_of(playout, missing), counted = playout->run_counted;
    uint64_t rest = lost - XC_MIN(lost, counted), pending = playout->concealed_pending;
    if (silence_of_sender)
        pending = XC_MIN(pending, rest);
    uint64_t silent = XC_MIN(playout->silent_pending, rest - XC_MIN(rest, pending));
    totals->concealed_samples += pending + silent;
    totals->silent_concealed_samples += silent;
    uint64_t made_up = frames_of(playout, playout->run), loss = counted + pending + silent;
    if (silence_of_sender)
        totals->comfort_noise_samples += made_up - XC_MIN(made_up, loss);
    if (counted == 0 && pending + silent)
        totals->concealment_events++;
    playout->concealed_pending = playout->silent_pending = 0;
    playout->run_counted = 0;
    playout->run = 0;
    playout->slowed = 0;
}

static void stretched(struct xc_playout *playout, int32_t frames)
{
    for (uint32_t i = 0; i < playout->pending_count; i++) {
        int64_t ahead = (int64_t)playout->pending[i].ahead + frames;
        playout->pending[i].ahead = ahead > 0 ? (uint32_t)ahead : 0;
    }
    playout->stretched_at = playout->returned;
    if (frames > 0)
        playout->totals.inserted_samples_for_deceleration += (uint32_t)frames;
    else
        playout->totals.removed_samples_for_acceleration += (uint32_t)-frames;
}

static bool decode_next(struct xc_playout *playout);

/* How like each other the ends of a cut must be: the less, the more there is to cut and the longer
 * nothing was found, so that noise and dense music come back to the target, too. */
static float likeness_wanted(const struct xc_playout *playout, int64_t excess)
{
    float likeness = excess < NEAR ? 0.9f : excess < FAR ? 0.8f : excess < VERY_FAR ? 0.65f : 0.4f;
    int64_t lasted = playout->returned - playout->excess_since - PATIENCE;
    int64_t patience = excess < NEAR ? PATIENCE_NEAR : PATIENCE_FAR;
    if (lasted > 0)
        likeness -= (float)lasted / (float)patience;
    return XC_MAX(likeness, 0.0f);
}

static bool speed_up_once(struct xc_playout *playout, int64_t excess)
{
    int64_t since = playout->returned - playout->stretched_at;
    bool calm = xc_stretch_quiet(&playout->stretch, &playout->pcm);
    int64_t pause = excess < NEAR ? 80 * MS : excess < FAR ? 30 * MS : 0;
    if (excess < EXCESS_LEAST || (since < pause && !calm))
        return false;
    uint32_t ahead = playout->rate / 1000 * LOOK_AHEAD_MS;
    const struct xc_jitter_packet *next =
        xc_jitter_buffer_find(&playout->store, playout->store.first);
    if (xc_pcm_future(&playout->pcm) < ahead && next && next->timestamp == playout->media_end)
        decode_next(playout);
    uint32_t removed =
        xc_stretch_accelerate(&playout->stretch, &playout->pcm, frames_of(playout, excess),
                              likeness_wanted(playout, excess));
    if (removed)
        stretched(playout, -(int32_t)removed);
    return removed != 0;
}

/* After real samples came in: towards the target. */
static void adjust(struct xc_playout *playout)
{
    int64_t target = xc_playout_target(playout);
    int64_t delay = xc_playout_tail(playout) - playout->media_end;
    if (delay < target) {
        playout->excess_since = playout->returned;
        float likeness = target - delay > NEAR ? 0.6f : 0.75f;
        uint32_t added = xc_stretch_decelerate(&playout->stretch, &playout->pcm, likeness);
        if (added)
            stretched(playout, (int32_t)added);
        return;
    }
    int64_t recent = xc_delay_target_recent(&playout->target, playout->returned);
    int64_t excess = delay - XC_MAX(target, recent);
    if (excess < EXCESS_LEAST)
        playout->excess_since = playout->returned;
    if (speed_up_once(playout, excess) && excess > VERY_FAR) {
        delay = xc_playout_tail(playout) - playout->media_end;
        speed_up_once(playout, delay - XC_MAX(target, recent));
    }
}

static void remember(struct xc_playout *playout, const struct xc_jitter_packet *packet,
                     uint64_t decode_start, uint32_t ahead, uint32_t frames)
{
    if (playout->pending_count == XC_PLAYOUT_PENDING)
        return;
    playout->pending[playout->pending_count++] =
        (struct xc_playout_pending){.trace = {.sequence = packet->sequence,
                                              .timestamp = (uint32_t)packet->timestamp,
                                              .bytes = packet->size,
                                              .received = packet->received,
                                              .inserted = packet->inserted,
                                              .decode_start = decode_start,
                                              .decode_end = xc_playout_stamp(playout)},
                                    .ahead = ahead,
                                    .frames = frames};
}

/* Decodes the packet at store.first, which is there, to the end of the future. A packet that cannot
 * be decoded is made up for. False when there is no room (nothing was done). */
static bool decode_next(struct xc_playout *playout)
{
    struct xc_jitter_packet packet = *xc_jitter_buffer_find(&playout->store, playout->store.first);
    struct xc_span bytes = xc_jitter_buffer_bytes(&playout->store, &packet, playout->scratch);
    uint32_t frames = playout->codec->packet_frames(bytes, playout->rate);
    uint32_t frames_max = playout->rate / 1000 * XC_AUDIO_PACKET_MS_MAX;
    int count = -1;
    if (frames > 0 && frames <= frames_max) {
        float *room = xc_pcm_room(&playout->pcm, frames);
        if (!room)
            return false;
        uint64_t start = xc_playout_stamp(playout);
        settle_decoder(playout, packet.sequence, packet.timestamp);
        count = playout->codec->decode(playout->decoder, bytes, room, frames);
        bound(playout, room, count);
        if (count > 0) {
            observe(playout, bytes, room, (uint32_t)count);
            uint32_t ahead = xc_pcm_future(&playout->pcm) - playout->filler;
            uint32_t skip = skip_to_join(playout, room, (uint32_t)count);
            add_decoded(playout, (uint32_t)count, skip);
            playout->totals.removed_samples_for_acceleration += skip;
            playout->packet_units = (int64_t)count * playout->unit;
            playout->decoded_next = packet.sequence + 1;
            playout->decoded_end = packet.timestamp + playout->packet_units;
            remember(playout, &packet, start, ahead, (uint32_t)count);
        }
    }
    xc_jitter_buffer_advance(&playout->store, packet.sequence + 1);
    playout->media_end = packet.timestamp + playout->packet_units;
    settle_run(playout, false, 0);
    if (count <= 0) {
        playout->totals.decode_errors++;
        playout->media_end = packet.timestamp;
        add_filler(playout, frames_of(playout, XC_MIN(playout->packet_units, 20 * MS)));
        playout->media_end += playout->run; /* it stands for the packet */
        keep_filler(playout, 0);
        playout->run = 0;
    }
    return true;
}

/* From the copy in `packet` of the one before it, which ends `left` units from now. What was made
 * up for its beginning and played already is left out of it; what was not played yet gives way. */
static void decode_copy(struct xc_playout *playout, const struct xc_jitter_packet *packet,
                        int64_t left)
{
    uint32_t quantum = playout->rate / 400;
    uint32_t frames = frames_of(playout, playout->packet_units) / quantum * quantum;
    uint32_t over = frames - XC_MIN(frames, frames_of(playout, left)), skip = 0;
    if (over) {
        if (playout->filler < quantum) { /* something to fade in from */
            add_filler(playout, quantum);
            over += quantum;
        }
        keep_filler(playout, over);
        skip = over - playout->filler;
    } else if (left >= playout->packet_units + playout->unit) {
        keep_filler(playout, quantum); /* what was made up ends early */
    } else {
        keep_filler(playout, 0);
    }
    float *room = skip < frames ? xc_pcm_room(&playout->pcm, frames) : NULL;
    if (!room)
        return;
    struct xc_span bytes = xc_jitter_buffer_bytes(&playout->store, packet, playout->scratch);
    settle_decoder(playout, packet->sequence - 1, packet->timestamp - playout->packet_units);
    if (playout->codec->decode_fec(playout->decoder, bytes, room, frames) != (int)frames)
        return;
    bound(playout, room, (int)frames);
    add_decoded(playout, frames, skip);
    playout->decoded_next = packet->sequence;
    playout->decoded_end = packet->timestamp;
    playout->totals.fec_packets_used++;
}

/* Packets are missing before `packet`, and their time has come. What was made up so far counts; the
 * rest is made up now, but for what a copy gives. Where the delay is above its target anyway, less
 * of it. Media time beyond the missing packets was silence of the sender. True when the packet may
 * be decoded now. */
static bool bridge_loss(struct xc_playout *playout, const struct xc_jitter_packet *packet)
{
    int64_t missing = (int64_t)(packet->sequence - playout->store.first) * playout->packet_units;
    int64_t gap = packet->timestamp - playout->media_end;
    int64_t left = XC_MIN(gap, missing) - playout->run;
    int64_t over =
        xc_playout_tail(playout) - playout->run - playout->media_end - xc_playout_target(playout);
    uint32_t quantum = playout->rate / 400;
    struct xc_span bytes = xc_jitter_buffer_bytes(&playout->store, packet, playout->scratch);
    bool copy = playout->codec->has_fec(bytes);
    int64_t rest = copy ? left - playout->packet_units : left;
    if (over > 0)
        rest = XC_MAX(rest - over, XC_MIN(rest, 10 * MS - playout->run));
    if (rest >= (int64_t)quantum * playout->unit) {
        /* One piece at a time, when it is needed: fill() comes back until nothing is left. */
        if (!playout->fresh)
            add_filler(playout, frames_of(playout, XC_MIN(rest, 20 * MS)));
        return false;
    }
    if (copy && left > 0)
        decode_copy(playout, packet, left);
    else if (left > 0 && left >= playout->unit)
        keep_filler(playout, quantum); /* it ends early: something to fade in from */
    else
        keep_filler(playout, frames_of(playout, -left)); /* more than was needed gives way */
    settle_run(playout, gap - missing > 2 * MS, copy ? missing - playout->packet_units : missing);
    playout->media_end = packet->timestamp - XC_MAX(gap - missing, 0);
    xc_jitter_buffer_advance(&playout->store, packet->sequence);
    return !copy;
}

/* Silent between packets that follow on each other: the sender does DTX, and what it sent last was
 * background. A sender that pauses or is muted in mid-word does the same: voice is not taken. */
static void heard_silence(struct xc_playout *playout)
{
    float level = xc_comfort_level(&playout->comfort.last, playout->channels);
    playout->dtx_seen = true;
    if (!playout->background && level < playout->stretch.level * BACKGROUND_PART)
        xc_comfort_learn(&playout->comfort);
}

/* The sender was silent (DTX): what was made up stands for the silence, which may be made longer or
 * shorter to get to the target. True when the packet may be decoded now. */
static bool bridge_silence(struct xc_playout *playout, const struct xc_jitter_packet *packet)
{
    int64_t gap = packet->timestamp - playout->media_end;
    int64_t delay = xc_playout_tail(playout) - packet->timestamp; /* if it were played now */
    int64_t wait = xc_playout_target(playout) - delay;
    bool sensible = wait <= playout->delay_max + WAIT_SLACK; /* else its time line is another */
    if (sensible && wait >= playout->unit && gap > playout->run) {
        playout->silence_known = true;
        if (!playout->fresh)
            add_filler(playout, frames_of(playout, XC_MIN(wait, FILLER_MS * MS)));
        playout->silence_known = false;
        return false;
    }
    if (gap >= 2 * playout->packet_units && sensible)
        heard_silence(playout);
    keep_filler(playout, frames_of(playout, -wait)); /* more than was needed gives way */
    settle_run(playout, true, 0);
    playout->media_end = packet->timestamp;
    return true;
}

static void begin_playing(struct xc_playout *playout)
{
    int64_t target = xc_playout_target(playout);
    const struct xc_jitter_packet *packet;
    for (;;) {
        packet = xc_jitter_buffer_oldest(&playout->store);
        if (!packet) {
            add_silence(playout, playout->chunk_frames);
            return;
        }
        int64_t over = xc_playout_tail(playout) - packet->timestamp - target;
        bool last = packet->sequence == playout->store.last;
        if (over < (last ? NEAR : playout->packet_units / 2))
            break;
        playout->totals.packets_discarded +=
            xc_jitter_buffer_advance(&playout->store, packet->sequence + 1);
    }
    int64_t wait = target - (xc_playout_tail(playout) - packet->timestamp);
    if (wait < 0 || wait > playout->delay_max + WAIT_SLACK)
        wait = 0;
    xc_jitter_buffer_advance(&playout->store, packet->sequence);
    playout->run = 0;
    playout->gain = 0;
    playout->started = true;
    int64_t now = XC_MIN(wait, FILLER_MS * MS); /* the rest is waited for like silence */
    add_silence(playout, frames_of(playout, now));
    playout->filler = 0; /* no concealment, and nothing fades out of it */
    playout->media_end = packet->timestamp - (wait - now);
}

/* Too old to be hurried through: the oldest go. */
static void skip_outdated(struct xc_playout *playout)
{
    int64_t limit = XC_MIN(xc_playout_target(playout) + KEEP_LATE,
                           xc_delay_target_least(&playout->target) + playout->delay_max);
    const struct xc_jitter_packet *packet = xc_jitter_buffer_oldest(&playout->store);
    if (!packet || packet->sequence == playout->store.last ||
        xc_playout_tail(playout) - packet->timestamp <= limit)
        return;
    while (packet->sequence != playout->store.last &&
           xc_playout_tail(playout) - packet->timestamp > limit) {
        playout->totals.packets_discarded +=
            xc_jitter_buffer_advance(&playout->store, packet->sequence + 1);
        packet = xc_jitter_buffer_oldest(&playout->store);
    }
    int64_t skipped = packet->timestamp - playout->media_end;
    playout->media_end = packet->timestamp;
    xc_jitter_buffer_advance(&playout->store, packet->sequence);
    if (playout->run == 0) /* something to fade from */
        add_filler(playout, playout->rate / 400);
    settle_run(playout, false, skipped);
}

/* Plays the rest slower: better than making up what comes a moment later. */
static bool slow_down(struct xc_playout *playout)
{
    if (playout->background && playout->dtx_seen)
        return false; /* it will not come: the sender falls silent */
    if (playout->filler || playout->run || xc_pcm_future(&playout->pcm) == 0 ||
        playout->slowed > playout->rate / 1000 * SLOW_MS)
        return false;
    uint32_t added = xc_stretch_decelerate(&playout->stretch, &playout->pcm, 0.5f);
    if (added == 0)
        return false;
    playout->slowed += added;
    stretched(playout, (int32_t)added);
    return true;
}

/* Adds at least one frame to the future, or takes one step towards that. */
void xc_playout_fill(struct xc_playout *playout)
{
    if (!playout->started) {
        begin_playing(playout);
        return;
    }
    skip_outdated(playout);
    const struct xc_jitter_packet *packet = xc_jitter_buffer_oldest(&playout->store);
    if (!packet) {
        if (!slow_down(playout)) /* at first more, of which a part stays behind */
            add_filler(playout, playout->rate / 1000 * FILLER_MS * (playout->run ? 1 : 2));
        return;
    }
    if (packet->sequence != playout->store.first && !bridge_loss(playout, packet))
        return;
    if (packet->timestamp - playout->media_end > 2 * MS && !bridge_silence(playout, packet))
        return;
    if (decode_next(playout))
        adjust(playout);
    else if (!playout->fresh) /* cannot be: what is needed at once and the longest packet fit */
        xc_jitter_buffer_advance(&playout->store, playout->store.first + 1);
}

/* Nothing waits in the store and little is left to play. How probable is it that the next packet
 * still comes in time, seen how late others came that were not here either by now? Slower, when
 * more often than not it would miss. */
void xc_playout_foresee(struct xc_playout *playout)
{
    if (!playout->started || playout->store.count || playout->filler ||
        xc_pcm_future(&playout->pcm) > playout->rate / 1000 * 4 * XC_PLAYOUT_CHUNK_MS ||
        playout->target.count < SLOW_KNOWN)
        return;
    int64_t delay = xc_playout_tail(playout) - playout->media_end;
    int64_t waited = playout->read_start - playout->media_end;
    uint32_t miss = xc_delay_target_count_above(&playout->target, delay);
    uint32_t open = xc_delay_target_count_above(&playout->target, waited);
    if (miss * 6 >= open && (open || waited > xc_delay_target_get(&playout->target)))
        slow_down(playout);
}
