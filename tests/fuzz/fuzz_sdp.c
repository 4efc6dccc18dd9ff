/* fuzz_sdp.c - any text as a description; one that is read is written to a text that reads and
 * writes the same, and its fmtp lines are looked through.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "wire/sdp.h"

static void check_counts(const struct xc_sdp *sdp)
{
    FUZZ_CHECK(sdp->section_count <= XC_SDP_SECTIONS_MAX);
    FUZZ_CHECK(sdp->bundle_count <= XC_SDP_SECTIONS_MAX);
    FUZZ_CHECK(sdp->candidate_count <= XC_SDP_CANDIDATES_MAX);
    for (uint8_t i = 0; i < sdp->section_count; i++) {
        const struct xc_sdp_section *section = &sdp->sections[i];
        struct xc_span value;
        FUZZ_CHECK(section->codec_count <= XC_SDP_CODECS_MAX);
        FUZZ_CHECK(section->extmap_count <= XC_SDP_EXTMAPS_MAX);
        FUZZ_CHECK(section->ssrc_count <= XC_SDP_SSRCS_MAX);
        FUZZ_CHECK(section->transport.fingerprint_count <= XC_SDP_FINGERPRINTS_MAX);
        for (uint8_t c = 0; c < section->codec_count; c++) {
            xc_sdp_fmtp_number(section->codecs[c].fmtp, "apt", 0);
            xc_sdp_fmtp_get(section->codecs[c].fmtp, "x", &value);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xc_sdp sdp, again;
    static char text[2 * XC_SDP_TEXT_MAX], same[2 * XC_SDP_TEXT_MAX];
    struct xc_sdp_error error;
    if (!xc_sdp_parse(&sdp, xc_span_make(data, size), &error)) {
        FUZZ_CHECK(error.text != NULL);
        return 0;
    }
    check_counts(&sdp);
    size_t written = xc_sdp_write(&sdp, text, sizeof text);
    if (written == 0 || written > XC_SDP_TEXT_MAX)
        return 0; /* what stood once at the session's level may be long in every section */
    FUZZ_CHECK(xc_sdp_parse(&again, xc_span_make(text, written), &error));
    FUZZ_CHECK(again.section_count == sdp.section_count);
    FUZZ_CHECK(again.candidate_count == sdp.candidate_count);
    FUZZ_CHECK(xc_sdp_write(&again, same, sizeof same) == written);
    FUZZ_CHECK(memcmp(text, same, written) == 0);
    return 0;
}
