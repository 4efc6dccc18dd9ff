/* api_engine.c - the engine's entry points: checks, then one call below.
 * SPDX-License-Identifier: MIT */
#include "api/check.h"

#define POST_EVENT_TEXT_MAX 1023 /* bytes, of xcall_engine_post_event */

void xcall_engine_config_init(xcall_engine_config *config, uint32_t size)
{
    const struct xcall_engine_config defaults = {.size = size,
                                                 .threads = 1,
                                                 .codec_workers = 2,
                                                 .calls_max = 16,
                                                 .posted_max = 64,
                                                 .log_level = XCALL_LOG_WARNING,
                                                 .clock_permille = 1000};
    if (!config || size < sizeof config->size)
        return;
    memset(config, 0, size);
    xc_copy_sized(config, &defaults, size, sizeof defaults);
}

static const char *check_config(const struct xcall_engine_config *config)
{
    if (config->flags & ~(uint32_t)XCALL_ENGINE_LOOPBACK)
        return "flags has an unknown bit";
    if (config->threads > XC_ENGINE_SHARDS_MAX)
        return "threads is above 64";
    if (config->codec_workers < 2 || config->codec_workers > XC_ENGINE_WORKERS_MAX)
        return "codec_workers is not within 2 to 64";
    if (!config->calls_max || config->calls_max > 65536)
        return "calls_max is not within 1 to 65536";
    if (config->posted_max > 65536)
        return "posted_max is above 65536";
    if (config->log_level > XCALL_LOG_DEBUG)
        return "log_level is unknown";
    if (!config->clock_permille || config->clock_permille > 1000)
        return "clock_permille is not within 1 to 1000";
    if (config->port_max > 65535 || config->port_min > config->port_max ||
        (config->port_max && !config->port_min))
        return "port_min and port_max are no range of ports";
    return NULL;
}

int32_t xcall_engine_create(const xcall_engine_config *given, xcall_engine **engine,
                            xcall_error *error)
{
    struct xcall_engine_config config;
    const char *words = "";
    if (!engine)
        return xc_report(error, XCALL_E_INVALID, "engine is NULL", 0);
    xcall_engine_config_init(&config, sizeof config);
    if (given && given->size < sizeof given->size)
        return xc_report(error, XCALL_E_VERSION, "the configuration was not initialised", 0);
    if (given)
        xc_copy_sized(&config, given, sizeof config, given->size);
    config.size = sizeof config;
    words = check_config(&config);
    if (words)
        return xc_report(error, XCALL_E_INVALID, words, 0);
    int32_t result = xc_engine_create(&config, engine, &words);
    return xc_report(error, result, words, 0);
}

int32_t xcall_engine_close(xcall_engine *engine)
{
    int32_t result = xc_check_engine(engine);
    if (result == XCALL_OK)
        xc_engine_close(engine);
    return result;
}

int32_t xcall_engine_ref(xcall_engine *engine)
{
    int32_t result = xc_check_engine(engine);
    if (result == XCALL_OK)
        atomic_fetch_add_explicit(&engine->references, 1, memory_order_relaxed);
    return result;
}

void xcall_engine_unref(xcall_engine *engine)
{
    if (xc_check_engine(engine) != XCALL_OK)
        return;
    if (atomic_fetch_sub_explicit(&engine->references, 1, memory_order_acq_rel) == 1) {
        xc_engine_close(engine);
        xc_engine_destroy(engine);
    }
}

void xcall_event_init(xcall_event *event, uint32_t size)
{
    if (!event || size < sizeof event->size)
        return;
    memset(event, 0, size);
    event->size = size;
}

int32_t xcall_engine_next_event(xcall_engine *engine, xcall_event *event, int32_t timeout_ms)
{
    struct xcall_event full;
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    if (!event || event->size < sizeof event->size || timeout_ms < -1)
        return XCALL_E_INVALID;
    result = xc_events_next(engine, &full, timeout_ms);
    if (result == XCALL_OK) {
        full.size = event->size;
        xc_copy_sized(event, &full, event->size, sizeof full);
    }
    return result;
}

int32_t xcall_engine_event_fd(xcall_engine *engine)
{
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    return engine->config.threads ? engine->events.wake.fd : engine->events.combined.fd;
}

int32_t xcall_engine_wake(xcall_engine *engine)
{
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    atomic_store_explicit(&engine->events.woken, 1, memory_order_seq_cst);
    xc_wake_signal(&engine->events.wake);
    return XCALL_OK;
}

int32_t xcall_engine_post_event(xcall_engine *engine, xcall_id call, int32_t code, uint64_t user,
                                const char *text, size_t text_length)
{
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    if ((!text && text_length) || text_length > POST_EVENT_TEXT_MAX)
        return XCALL_E_INVALID;
    if (atomic_load_explicit(&engine->closing, memory_order_seq_cst))
        return XCALL_E_CLOSED;
    struct xcall_event event = {.size = sizeof event,
                                .type = XCALL_EVENT_POSTED,
                                .call = call,
                                .user = user,
                                .code = code,
                                .text = text,
                                .text_length = text_length};
    return xc_events_post(engine, &event);
}

int32_t xcall_engine_post(xcall_engine *engine, const xcall_event *event)
{
    struct xcall_event full = {0};
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    if (!event || event->size < sizeof event->size)
        return XCALL_E_INVALID;
    xc_copy_sized(&full, event, sizeof full, event->size);
    if (full.type < XCALL_EVENT_LIBRARY || full.data_length)
        return XCALL_E_INVALID;
    full.size = sizeof full;
    full.data = NULL;
    if ((!full.text && full.text_length) || full.text_length > XC_POSTED_TEXT_MAX ||
        (full.protocol && strlen(full.protocol) > XC_POSTED_PROTOCOL_MAX))
        return XCALL_E_INVALID;
    if (atomic_load_explicit(&engine->closing, memory_order_seq_cst))
        return XCALL_E_CLOSED;
    return xc_events_post(engine, &full);
}

int32_t xcall_engine_step(xcall_engine *engine, uint64_t now_ns, uint64_t *deadline_ns)
{
    uint64_t deadline;
    int32_t result = xc_check_engine(engine);
    if (result != XCALL_OK)
        return result;
    if (engine->config.threads)
        return XCALL_E_STATE;
    result = xc_engine_step(engine, now_ns, &deadline);
    if (result == XCALL_OK && deadline_ns)
        *deadline_ns = deadline;
    return result;
}
