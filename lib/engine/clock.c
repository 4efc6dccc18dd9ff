/* clock.c - the engine's clock: the real one, the real one slowed down by clock_permille, or, without
 * threads, the time of the last step.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include "io/clock.h"

static uint64_t scale(const struct xcall_engine *engine, uint64_t real)
{
    uint32_t permille = engine->config.clock_permille;
    if (permille == 1000)
        return real;
    int64_t since = (int64_t)(real - engine->clock_base);
    return engine->clock_base +
           (uint64_t)(since / 1000 * permille + since % 1000 * permille / 1000);
}

uint64_t xc_engine_now(const struct xcall_engine *engine)
{
    if (!engine->config.threads)
        return atomic_load_explicit(&engine->stepped_now, memory_order_acquire);
    return scale(engine, xc_clock_now());
}

uint64_t xc_engine_clock(void *engine)
{
    return xc_engine_now(engine);
}

/* A host's capture time on the engine's clock; 0 stays "now". */
uint64_t xc_engine_from_host(const struct xcall_engine *engine, uint64_t time)
{
    if (!time)
        return xc_engine_now(engine);
    return engine->config.threads ? scale(engine, time) : time;
}

/* When, on the engine's clock, that was which is this old in real time. */
uint64_t xc_engine_ago(const struct xcall_engine *engine, uint64_t now, uint64_t real_age)
{
    uint64_t age = engine->config.threads ? real_age * engine->config.clock_permille / 1000 : 0;
    return now > age ? now - age : 0;
}

uint64_t xc_engine_real_duration(const struct xcall_engine *engine, uint64_t duration)
{
    uint32_t permille = engine->config.clock_permille;
    return permille == 1000 ? duration : duration / permille * 1000;
}
