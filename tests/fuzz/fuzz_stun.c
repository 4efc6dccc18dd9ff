/* fuzz_stun.c - any datagram as a STUN message; what is read is written and read again.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/stun.h"

static size_t write_again(uint8_t *out, size_t capacity, const struct xc_stun *m,
                          struct xc_span password)
{
    struct xc_stun_writer w;
    xc_stun_begin(&w, out, capacity, m->class_, m->method, m->transaction);
    if (m->has_username)
        xc_stun_add_username(&w, m->username);
    if (m->has_priority)
        xc_stun_add_priority(&w, m->priority);
    if (m->has_use_candidate)
        xc_stun_add_use_candidate(&w);
    if (m->has_controlling)
        xc_stun_add_controlling(&w, m->tie_breaker);
    if (m->has_controlled)
        xc_stun_add_controlled(&w, m->tie_breaker);
    if (m->has_mapped)
        xc_stun_add_xor_mapped(&w, &m->mapped);
    if (m->has_error)
        xc_stun_add_error(&w, m->error_code, "");
    return xc_stun_finish(&w, password);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct xc_span password = {(const uint8_t *)"VOkJxbRl1RmTxUk/WvJxBt", 22};
    uint8_t out[2048];
    struct xc_stun a, b;
    struct xc_span value;
    if (!xc_stun_parse(&a, xc_span_make(data, size)))
        return 0;
    FUZZ_CHECK(xc_stun_looks_like(a.bytes));
    xc_stun_check_integrity(&a, password);
    xc_stun_check_sha256(&a, password);
    for (uint16_t type = 0; type < 0x30; type++) {
        if (xc_stun_find(&a, type, &value))
            FUZZ_CHECK(value.data >= data && value.data + value.size <= data + size);
    }
    size_t written = write_again(out, sizeof out, &a, password);
    FUZZ_CHECK(written > 0);
    FUZZ_CHECK(xc_stun_parse(&b, xc_span_make(out, written)));
    FUZZ_CHECK(xc_stun_check_integrity(&b, password) && b.fingerprint_ok);
    FUZZ_CHECK(a.class_ == b.class_ && a.method == b.method);
    FUZZ_CHECK(xc_span_equal(a.username, b.username) && a.priority == b.priority);
    FUZZ_CHECK(a.tie_breaker == b.tie_breaker && a.error_code == b.error_code);
    FUZZ_CHECK(!a.has_mapped || xc_addr_equal(&a.mapped, &b.mapped));
    return 0;
}
