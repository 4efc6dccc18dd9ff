/* api_data.c - the entry points of data channels: checks, then one call below.
 * SPDX-License-Identifier: MIT */
#include "api/check.h"

_Static_assert(XCALL_CHANNEL_MESSAGE_MAX == XC_CHANNEL_MESSAGE_MAX, "one limit");
_Static_assert((int)XCALL_CHANNEL_CONNECTING == (int)XC_CHANNEL_CONNECTING &&
                   (int)XCALL_CHANNEL_OPEN == (int)XC_CHANNEL_OPEN &&
                   (int)XCALL_CHANNEL_CLOSING == (int)XC_CHANNEL_CLOSING &&
                   (int)XCALL_CHANNEL_CLOSED == (int)XC_CHANNEL_CLOSED,
               "the public numbers");

void xcall_channel_config_init(xcall_channel_config *config, uint32_t size)
{
    const struct xcall_channel_config defaults = {.size = size,
                                                  .max_retransmits = -1,
                                                  .max_packet_life_time_ms = -1,
                                                  .priority = XCALL_PRIORITY_LOW,
                                                  .low_threshold = UINT64_MAX};
    if (!config || size < sizeof config->size)
        return;
    memset(config, 0, size);
    xc_copy_sized(config, &defaults, size, sizeof defaults);
}

static bool text_fits(const char *text)
{
    return !text || strlen(text) <= XC_DCEP_TEXT_MAX;
}

static const char *check_config(const struct xcall_channel_config *c)
{
    if (c->flags & ~(uint32_t)(XCALL_CHANNEL_UNORDERED | XCALL_CHANNEL_NEGOTIATED))
        return "flags has an unknown bit";
    if (!text_fits(c->label) || !text_fits(c->protocol))
        return "label or protocol is longer than 65535 bytes";
    if (c->max_retransmits < -1 || c->max_retransmits > 65535)
        return "max_retransmits is not within -1 to 65535";
    if (c->max_packet_life_time_ms < -1 || c->max_packet_life_time_ms > 65535)
        return "max_packet_life_time_ms is not within -1 to 65535";
    if (c->max_retransmits >= 0 && c->max_packet_life_time_ms >= 0)
        return "max_retransmits and max_packet_life_time_ms exclude each other";
    if (!c->priority || c->priority > 65535)
        return "priority is not within 1 to 65535";
    if ((c->flags & XCALL_CHANNEL_NEGOTIATED) && c->id >= XC_CHANNEL_STREAMS)
        return "id is above 1023";
    return NULL;
}

static struct xc_span span_of(const char *text)
{
    return xc_span_make(text, text ? strlen(text) : 0);
}

static int32_t open_channel(struct xc_call *call, const struct xcall_channel_config *config,
                            xcall_id *channel, const char **words)
{
    struct xc_channel_options options = {
        .label = span_of(config->label),
        .protocol = span_of(config->protocol),
        .unordered = (config->flags & XCALL_CHANNEL_UNORDERED) != 0,
        .negotiated = (config->flags & XCALL_CHANNEL_NEGOTIATED) != 0,
        .priority = (uint16_t)config->priority,
        .stream = (uint16_t)config->id,
        .low_threshold = config->low_threshold};
    if (config->max_retransmits >= 0) {
        options.reliability = XC_RELIABLE_RETRANSMITS;
        options.parameter = (uint32_t)config->max_retransmits;
    } else if (config->max_packet_life_time_ms >= 0) {
        options.reliability = XC_RELIABLE_LIFE_TIME;
        options.parameter = (uint32_t)config->max_packet_life_time_ms;
    }
    if (!call->data) {
        *words = "the call was created without data channels";
        return XCALL_E_STATE;
    }
    int32_t result = xc_data_open(call->data, &options, channel);
    switch (result) {
    case XCALL_E_ENDED: /* the call itself lives */
        *words = "the peer takes no data channels, or their association is over";
        return XCALL_E_UNSUPPORTED;
    case XCALL_E_INVALID:
        *words = "the negotiated id is in use";
        break;
    case XCALL_E_LIMIT:
        *words = "the call has as many channels as data_channels or the peer allows";
        break;
    case XCALL_E_AGAIN:
        *words = "there is no room for the label now";
        break;
    default:
        break;
    }
    return result;
}

int32_t xcall_channel_create(xcall_engine *engine, xcall_id id, const xcall_channel_config *given,
                             xcall_id *channel, xcall_error *error)
{
    struct xcall_channel_config config;
    struct xc_call *call;
    const char *words = "";
    if (!channel)
        return xc_report(error, XCALL_E_INVALID, "channel is NULL", 0);
    xcall_channel_config_init(&config, sizeof config);
    if (given && given->size < sizeof given->size)
        return xc_report(error, XCALL_E_VERSION, "the configuration was not initialised", 0);
    if (given)
        xc_copy_sized(&config, given, sizeof config, given->size);
    words = check_config(&config);
    if (words)
        return xc_report(error, XCALL_E_INVALID, words, 0);
    int32_t result = xc_enter(engine, id, &call);
    if (result != XCALL_OK)
        return xc_report(error, result, xcall_error_text(result), 0);
    words = "";
    result = open_channel(call, &config, channel, &words);
    xc_slot_unpin(call);
    return xc_report(error, result, words, 0);
}

/* Pins the channel's call while it is live. */
static int32_t enter_channel(struct xcall_engine *engine, xcall_id channel, struct xc_call **call)
{
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    *call =
        channel & XC_CHANNEL_ID_BIT ? xc_slot_pin_index(engine, xc_channel_id_call(channel)) : NULL;
    if (*call && (*call)->data && !atomic_load_explicit(&(*call)->detached, memory_order_seq_cst))
        return XCALL_OK;
    if (*call)
        xc_slot_unpin(*call);
    return atomic_load_explicit(&engine->closing, memory_order_seq_cst) ? XCALL_E_CLOSED
                                                                        : XCALL_E_ENDED;
}

int32_t xcall_channel_send(xcall_engine *engine, xcall_id channel, uint32_t kind, const void *bytes,
                           size_t size)
{
    struct xc_call *call;
    if ((!bytes && size) || (kind != XCALL_MESSAGE_TEXT && kind != XCALL_MESSAGE_BINARY))
        return XCALL_E_INVALID;
    int32_t result = enter_channel(engine, channel, &call);
    if (result != XCALL_OK)
        return result;
    result =
        xc_data_send(call->data, channel, kind == XCALL_MESSAGE_TEXT, xc_span_make(bytes, size));
    xc_slot_unpin(call);
    return result;
}

int32_t xcall_channel_close(xcall_engine *engine, xcall_id channel)
{
    struct xc_call *call;
    int32_t result = enter_channel(engine, channel, &call);
    if (result != XCALL_OK)
        return result;
    result = xc_data_close(call->data, channel);
    xc_slot_unpin(call);
    return result;
}

int32_t xcall_channel_set_low_threshold(xcall_engine *engine, xcall_id channel, uint64_t bytes)
{
    struct xc_call *call;
    int32_t result = enter_channel(engine, channel, &call);
    if (result != XCALL_OK)
        return result;
    result = xc_data_set_low(call->data, channel, bytes);
    xc_slot_unpin(call);
    return result;
}

static int32_t look(struct xcall_engine *engine, xcall_id channel, struct xc_channel_info *info)
{
    struct xc_call *call;
    int32_t result = enter_channel(engine, channel, &call);
    if (result != XCALL_OK)
        return result;
    result = xc_data_info(call->data, channel, info);
    xc_slot_unpin(call);
    return result;
}

int32_t xcall_channel_buffered_amount(xcall_engine *engine, xcall_id channel, uint64_t *bytes)
{
    struct xc_channel_info info;
    if (!bytes)
        return XCALL_E_INVALID;
    int32_t result = look(engine, channel, &info);
    if (result == XCALL_OK)
        *bytes = info.buffered;
    return result;
}

void xcall_channel_info_init(xcall_channel_info *info, uint32_t size)
{
    if (!info || size < sizeof info->size)
        return;
    memset(info, 0, size);
    info->size = size;
}

/* A peer may have announced more than a signed number takes. */
static int32_t parameter_of(const struct xc_channel_info *from, uint8_t reliability)
{
    return from->reliability == reliability ? (int32_t)XC_MIN(from->parameter, (uint32_t)INT32_MAX)
                                            : -1;
}

int32_t xcall_channel_get_info(xcall_engine *engine, xcall_id channel, xcall_channel_info *info)
{
    struct xc_channel_info from;
    if (!info || info->size < sizeof info->size)
        return XCALL_E_INVALID;
    int32_t result = look(engine, channel, &from);
    if (result != XCALL_OK)
        return result;
    struct xcall_channel_info full = {
        .size = info->size,
        .state = from.state,
        .flags = (from.unordered ? XCALL_CHANNEL_UNORDERED : 0u) |
                 (from.negotiated ? XCALL_CHANNEL_NEGOTIATED : 0u) |
                 (from.remote ? XCALL_CHANNEL_REMOTE : 0u),
        .id = from.stream == XC_CHANNEL_NO_STREAM ? -1 : from.stream,
        .max_retransmits = parameter_of(&from, XC_RELIABLE_RETRANSMITS),
        .max_packet_life_time_ms = parameter_of(&from, XC_RELIABLE_LIFE_TIME),
        .priority = from.priority,
        .buffered_amount = from.buffered,
        .low_threshold = from.low_threshold,
        .messages_sent = from.messages_sent,
        .bytes_sent = from.bytes_sent,
        .messages_received = from.messages_received,
        .bytes_received = from.bytes_received};
    xc_copy_sized(info, &full, info->size, sizeof full);
    return XCALL_OK;
}
