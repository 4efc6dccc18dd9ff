/* fuzz_dns.c - any datagram as an mDNS message, for the parser and for a resolver that asked for two
 * names: what it believes is asked for and usable, and it always comes to rest.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "proto/mdns.h"

#define START (1000 * XC_NS_PER_S)

static void resolve(const uint8_t *data, size_t size)
{
    static struct xc_mdns mdns;
    const struct xc_addr remote = {.family = XC_ADDR_IPV4, .port = XC_MDNS_PORT};
    struct xc_mdns_answer answer;
    struct xc_mdns_query query;
    uint32_t answers = 0;
    xc_mdns_init(&mdns, false);
    FUZZ_CHECK(xc_mdns_ask(&mdns, START, "a.local", 1));
    FUZZ_CHECK(xc_mdns_ask(&mdns, START, "9b36eaac-bb2e-49bb-bb78-21c41c499900.local", 2));
    for (int i = 0; i < 3; i++) {
        uint64_t now = START + (uint64_t)i * 1500 * XC_NS_PER_MS;
        while (xc_mdns_next_query(&mdns, now, &query)) {
        }
        xc_mdns_input(&mdns, now, &remote, xc_span_make(data, size));
        while (xc_mdns_next_answer(&mdns, now, &answer)) {
            answers++;
            FUZZ_CHECK(answer.count <= XC_MDNS_ADDRESSES_MAX);
            for (uint32_t k = 0; k < answer.count; k++) {
                FUZZ_CHECK(!xc_addr_is_any(&answer.addresses[k]));
                FUZZ_CHECK(!xc_addr_is_loopback(&answer.addresses[k]));
            }
        }
    }
    while (xc_mdns_next_answer(&mdns, START + 20 * XC_NS_PER_S, &answer))
        answers++;
    FUZZ_CHECK(answers == 2 && xc_mdns_idle(&mdns));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xc_dns_walk walk;
    struct xc_dns_record record;
    size_t count = 0;
    if (xc_dns_open(&walk, xc_span_make(data, size))) {
        while (xc_dns_next(&walk, &record)) {
            FUZZ_CHECK(strlen(record.name) <= XC_DNS_NAME_MAX);
            FUZZ_CHECK(record.addr.port == 0);
            count++;
        }
        FUZZ_CHECK(count * 11 <= size);
        FUZZ_CHECK(!xc_dns_next(&walk, &record));
    }
    resolve(data, size);
    return 0;
}
