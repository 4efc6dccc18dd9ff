/* fuzz_srtp.c - packets from the network into unprotect, forged and damaged, and packets with any
 * header into protect. A packet that nobody protected is never accepted.
 *
 *   |profile|op|size, 16 bit|bytes|...
 *   op 0, 1: unprotect as RTP, RTCP; 2, 3: protect as RTP, RTCP, then damage by the last byte (0:
 *   none) and unprotect
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "proto/srtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void forged(struct xc_srtp *srtp, bool rtcp, const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* ASan guards its end */
    if (size)
        memcpy(exact, bytes, size);
    int result =
        rtcp ? xc_srtp_unprotect_rtcp(srtp, exact, &size) : xc_srtp_unprotect(srtp, exact, &size);
    check(result != XC_SRTP_OK);
    free(exact);
}

static void genuine(struct xc_srtp *srtp, struct xc_srtp *peer, bool rtcp, const uint8_t *bytes,
                    size_t plain_size)
{
    size_t capacity = plain_size + XC_SRTP_TRAILER_MAX, size = plain_size;
    uint8_t *packet = malloc(capacity);
    if (size)
        memcpy(packet, bytes, size);
    int result = rtcp ? xc_srtp_protect_rtcp(srtp, packet, &size, capacity)
                      : xc_srtp_protect(srtp, packet, &size, capacity);
    if (result == XC_SRTP_OK) {
        check(size == plain_size + (rtcp ? xc_srtcp_overhead(srtp) : xc_srtp_overhead(srtp)));
        uint8_t damage = bytes[plain_size - 1];
        packet[(damage * 7u) % size] ^= damage;
        result = rtcp ? xc_srtp_unprotect_rtcp(peer, packet, &size)
                      : xc_srtp_unprotect(peer, packet, &size);
        check(damage ? result != XC_SRTP_OK : true);
        if (result == XC_SRTP_OK)
            check(size == plain_size && memcmp(packet, bytes, size) == 0);
    }
    free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[2][XC_DTLS_KEYING_MAX] = {{1}, {2}};
    struct xc_reader r = xc_reader_make(xc_span_make(data, size));
    bool gcm = xc_read8(&r) & 1;
    int profile = gcm ? XC_SRTP_AEAD_AES_128_GCM : XC_SRTP_AES128_CM_SHA1_80;
    struct xc_srtp *srtp = xc_srtp_create(profile, key[0], key[1], gcm ? 28 : 30);
    struct xc_srtp *peer = xc_srtp_create(profile, key[1], key[0], gcm ? 28 : 30);
    for (int ops = 0; ops < 200 && xc_reader_left(&r) > 0; ops++) {
        uint8_t op = xc_read8(&r) & 3;
        size_t count = XC_MIN((size_t)xc_read16(&r), xc_reader_left(&r));
        const uint8_t *bytes = xc_read_bytes(&r, count);
        if (!bytes)
            break;
        if (op < 2)
            forged(peer, op, bytes, count);
        else
            genuine(srtp, peer, op & 1, bytes, count);
    }
    xc_srtp_destroy(srtp);
    xc_srtp_destroy(peer);
    return 0;
}
