/* data.c - the data channels of a run: known by their labels, messages as JSON lines.
 *
 * Runs on the event thread. What the library has no room for waits here in its order.
 *
 * SPDX-License-Identifier: MIT */
#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_lines.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* NUL-terminated; NULL without memory. */
static char *base64_write(const uint8_t *bytes, size_t size)
{
    char *text = malloc((size + 2) / 3 * 4 + 1), *to = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t left = size - i < 3 ? (uint32_t)(size - i) : 3;
        uint32_t word = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (left > 2 ? bytes[i + 2] : 0);
        for (uint32_t k = 0; k < 4; k++)
            *to++ = k <= left ? digits[word >> (18 - 6 * k) & 63] : '=';
    }
    *to = '\0';
    return text;
}

/* Into `to`, which has room for 3/4 of the text; -1 where the text is no base64. */
static int base64_read(const char *text, size_t length, uint8_t *to, size_t *size)
{
    uint32_t word = 0, count = 0;
    *size = 0;
    while (length && text[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++) {
        const char *at = text[i] ? strchr(digits, text[i]) : NULL;
        if (!at)
            return -1;
        word = word << 6 | (uint32_t)(at - digits);
        if (++count % 4 == 0) {
            to[(*size)++] = (uint8_t)(word >> 16);
            to[(*size)++] = (uint8_t)(word >> 8);
            to[(*size)++] = (uint8_t)word;
        }
    }
    if (count % 4 == 1)
        return -1;
    if (count % 4 >= 2)
        to[(*size)++] = (uint8_t)(count % 4 == 2 ? word >> 4 : word >> 10);
    if (count % 4 == 3)
        to[(*size)++] = (uint8_t)(word >> 2);
    return 0;
}

static struct data_channel *find_id(struct data *data, xcall_id id)
{
    for (uint32_t i = 0; id && i < DATA_CHANNELS; i++)
        if (data->channels[i].id == id)
            return &data->channels[i];
    return NULL;
}

/* The newest of that label which is not closing. Ids grow. */
static struct data_channel *find_label(struct data *data, const char *label)
{
    struct data_channel *found = NULL;
    for (uint32_t i = 0; i < DATA_CHANNELS; i++) {
        struct data_channel *channel = &data->channels[i];
        if (channel->id && !channel->closing && strcmp(channel->label, label) == 0 &&
            (!found || channel->id > found->id))
            found = channel;
    }
    return found;
}

static struct data_channel *keep(struct data *data, xcall_id id, const char *label)
{
    for (uint32_t i = 0; i < DATA_CHANNELS; i++) {
        struct data_channel *channel = &data->channels[i];
        if (channel->id)
            continue;
        channel->label = strdup(label);
        if (!channel->label)
            return NULL;
        channel->id = id;
        return channel;
    }
    return NULL;
}

static void drop(struct data_channel *channel)
{
    while (channel->first) {
        struct data_waiting *next = channel->first->next;
        free(channel->first);
        channel->first = next;
    }
    free(channel->label);
    memset(channel, 0, sizeof *channel);
}

static int32_t member(const json_t *object, const char *name, int32_t otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? (int32_t)json_integer_value(value) : otherwise;
}

int32_t data_open(struct data *data, const json_t *object)
{
    xcall_channel_config config;
    xcall_id id = 0;
    xcall_channel_config_init(&config, sizeof config);
    config.label = json_string_value(json_object_get(object, "label"));
    config.protocol = json_string_value(json_object_get(object, "protocol"));
    config.max_retransmits = member(object, "max_retransmits", -1);
    config.max_packet_life_time_ms = member(object, "max_packet_life_time_ms", -1);
    config.priority = (uint32_t)member(object, "priority", (int32_t)config.priority);
    if (json_is_true(json_object_get(object, "unordered")))
        config.flags |= XCALL_CHANNEL_UNORDERED;
    if (json_is_true(json_object_get(object, "negotiated")))
        config.flags |= XCALL_CHANNEL_NEGOTIATED;
    config.id = (uint32_t)member(object, "id", 0);
    int32_t result = xcall_channel_create(data->engine, data->call, &config, &id, NULL);
    if (result == 0 && !keep(data, id, config.label ? config.label : "")) {
        xcall_channel_close(data->engine, id);
        return XCALL_E_LIMIT;
    }
    return result;
}

int32_t data_close_channel(struct data *data, const char *label)
{
    struct data_channel *channel = find_label(data, label);
    if (!channel)
        return XCALL_E_INVALID;
    channel->closing = true;
    return xcall_channel_close(data->engine, channel->id);
}

static int wait(struct data_channel *channel, uint32_t kind, const void *bytes, size_t size)
{
    struct data_waiting *waiting = malloc(sizeof *waiting + size);
    if (!waiting)
        return -1;
    *waiting = (struct data_waiting){.kind = kind, .size = size};
    memcpy(waiting->bytes, bytes, size);
    if (channel->first)
        channel->last->next = waiting;
    else
        channel->first = waiting;
    channel->last = waiting;
    return 0;
}

static int32_t hand_in(struct data *data, const struct data_channel *channel, uint32_t kind,
                       const void *bytes, size_t size)
{
    int32_t result = xcall_channel_send(data->engine, channel->id, kind, bytes, size);
    if (result == 0) {
        data->messages_sent++;
        data->bytes_sent += size;
    }
    return result;
}

static void flush(struct data *data, struct data_channel *channel)
{
    while (channel->first) {
        struct data_waiting *first = channel->first;
        if (hand_in(data, channel, first->kind, first->bytes, first->size) == XCALL_E_AGAIN)
            return;
        channel->first = first->next;
        free(first);
    }
}

static void say_not_sent(const char *label, int32_t result)
{
    fprintf(stderr, "xcall-peer: a message on \"%.60s\" is not sent: %s\n", label,
            xcall_error_text(result));
}

static void send_message(struct data *data, const json_t *object, uint32_t kind, const void *bytes,
                         size_t size)
{
    const char *label = json_string_value(json_object_get(object, "label"));
    struct data_channel *channel = find_label(data, label);
    int32_t result = 0;
    if (!channel) {
        json_t *plain = json_pack("{s:s}", "label", label);
        result = data_open(data, plain);
        json_decref(plain);
        channel = find_label(data, label);
    }
    if (!channel) {
        say_not_sent(label, result ? result : XCALL_E_MEMORY);
        return;
    }
    result = channel->first ? XCALL_E_AGAIN : hand_in(data, channel, kind, bytes, size);
    if (result == XCALL_E_AGAIN)
        result = wait(channel, kind, bytes, size) ? XCALL_E_MEMORY : 0;
    if (result)
        say_not_sent(label, result);
}

int data_take(struct data *data, const json_t *object, char *error, size_t error_size)
{
    const json_t *text = json_object_get(object, "text");
    const json_t *base64 = json_object_get(object, "base64");
    if (json_is_true(json_object_get(object, "received"))) /* another peer's, joined by pipes */
        return 0;
    if (json_is_string(text) == json_is_string(base64)) {
        snprintf(error, error_size, "data needs one of \"text\" and \"base64\", a string");
        return -1;
    }
    if (text) {
        send_message(data, object, XCALL_MESSAGE_TEXT, json_string_value(text),
                     json_string_length(text));
        return 0;
    }
    size_t length = json_string_length(base64), size = 0;
    uint8_t *bytes = malloc(length / 4 * 3 + 4);
    int wrong = !bytes || base64_read(json_string_value(base64), length, bytes, &size);
    if (wrong)
        snprintf(error, error_size, "\"base64\" is no base64");
    else
        send_message(data, object, XCALL_MESSAGE_BINARY, bytes, size);
    free(bytes);
    return wrong ? -1 : 0;
}

static void take_state(struct data *data, const xcall_event *event)
{
    struct data_channel *channel = find_id(data, event->channel);
    bool open = event->state == XCALL_CHANNEL_OPEN;
    bool remote = (event->flags & XCALL_CHANNEL_REMOTE) != 0;
    xcall_channel_info info;
    if (!channel && open && event->text)
        channel = keep(data, event->channel, event->text);
    if (!channel) {
        xcall_channel_close(data->engine, event->channel);
        return;
    }
    json_t *line = json_pack("{s:s, s:s, s:s, s:b}", "type", "channel", "label", channel->label,
                             "state", open ? "open" : "closed", "remote", remote);
    xcall_channel_info_init(&info, sizeof info);
    if (open && xcall_channel_get_info(data->engine, event->channel, &info) == 0) {
        json_object_set_new(line, "id", json_integer(info.id));
        json_object_set_new(line, "unordered", json_boolean(info.flags & XCALL_CHANNEL_UNORDERED));
        json_object_set_new(line, "negotiated",
                            json_boolean(info.flags & XCALL_CHANNEL_NEGOTIATED));
        json_object_set_new(line, "max_retransmits", json_integer(info.max_retransmits));
        json_object_set_new(line, "max_packet_life_time_ms",
                            json_integer(info.max_packet_life_time_ms));
        json_object_set_new(line, "priority", json_integer(info.priority));
    }
    if (open && remote && event->protocol)
        json_object_set_new(line, "protocol", json_string(event->protocol));
    emit(line);
    channel->open = open;
    if (!open)
        drop(channel);
}

static void take_message(struct data *data, const xcall_event *event)
{
    const struct data_channel *channel = find_id(data, event->channel);
    data->messages_received++;
    data->bytes_received += event->data_length;
    json_t *line = json_pack("{s:s, s:s, s:b}", "type", "data", "label",
                             channel ? channel->label : "", "received", 1);
    json_t *text = NULL;
    if (event->flags & XCALL_MESSAGE_TEXT)
        text = json_stringn((const char *)event->data, event->data_length);
    if (text) {
        json_object_set_new(line, "text", text);
    } else { /* also a text that is not UTF-8 */
        char *base64 = base64_write(event->data, event->data_length);
        json_object_set_new(line, "base64", json_string(base64 ? base64 : ""));
        free(base64);
    }
    emit(line);
}

void data_event(struct data *data, const xcall_event *event)
{
    struct data_channel *channel = find_id(data, event->channel);
    if (event->type == XCALL_EVENT_CHANNEL)
        take_state(data, event);
    else if (event->type == XCALL_EVENT_MESSAGE)
        take_message(data, event);
    else if (channel)
        flush(data, channel);
}

void data_free(struct data *data)
{
    for (uint32_t i = 0; i < DATA_CHANNELS; i++)
        if (data->channels[i].id)
            drop(&data->channels[i]);
}
