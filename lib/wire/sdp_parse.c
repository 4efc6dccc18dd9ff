/* sdp_parse.c - the lines of a session description (RFC 8866 section 5): v, o, m; attributes are
 * read in sdp_attribute.c; what holds for the whole is checked at the end.
 * SPDX-License-Identifier: MIT */
#include "wire/sdp_state.h"

#include "wire/text.h"

bool xc_sdp_fail(struct xc_sdp_parser *p, const char *text)
{
    if (p->error)
        *p->error = (struct xc_sdp_error){.text = text, .line = p->line};
    return false;
}

static bool fail_at(struct xc_sdp_parser *p, uint32_t line, const char *text)
{
    p->line = line;
    return xc_sdp_fail(p, text);
}

static bool parse_origin(struct xc_sdp_parser *p, struct xc_span value)
{
    xc_text_token(&value, ' '); /* the user's name */
    struct xc_span id = xc_text_token(&value, ' ');
    struct xc_span version = xc_text_token(&value, ' ');
    if (!xc_text_number(id, UINT64_MAX, &p->sdp->session_id) ||
        !xc_text_number(version, UINT64_MAX, &p->sdp->session_version))
        return xc_sdp_fail(p, "the o line's session id or version is no number of 64 bits");
    return true;
}

static uint8_t kind_of(struct xc_span media)
{
    if (xc_span_equal_text(media, "audio"))
        return XC_SDP_AUDIO;
    if (xc_span_equal_text(media, "video"))
        return XC_SDP_VIDEO;
    if (xc_span_equal_text(media, "application"))
        return XC_SDP_APPLICATION;
    return XC_SDP_OTHER;
}

/* Only RTP profiles have payload types for formats. */
static bool is_rtp(struct xc_span protocol)
{
    for (size_t i = 0; i + 4 <= protocol.size; i++) {
        if (memcmp(protocol.data + i, "RTP/", 4) == 0)
            return true;
    }
    return false;
}

static bool parse_payload_types(struct xc_sdp_parser *p, struct xc_span formats)
{
    struct xc_sdp_section *section = p->section;
    bool seen[128] = {false};
    while (formats.size) {
        struct xc_span token = xc_text_token(&formats, ' ');
        uint64_t payload_type;
        if (!xc_text_number(token, 127, &payload_type))
            return xc_sdp_fail(p, "a payload type is no number up to 127");
        if (seen[payload_type] || section->codec_count == XC_SDP_CODECS_MAX)
            continue;
        seen[payload_type] = true;
        struct xc_sdp_codec *codec = &section->codecs[section->codec_count++];
        codec->payload_type = (uint8_t)payload_type;
        codec->channels = 1;
    }
    return true;
}

/* What can only be told when the section's last line has been read. */
static bool finish_section(struct xc_sdp_parser *p)
{
    struct xc_sdp_section *section = p->section;
    if (!section)
        return true;
    for (uint8_t i = 0; i < section->codec_count; i++) {
        struct xc_sdp_codec *codec = &section->codecs[i];
        codec->feedback |= p->feedback_of_all;
        if (section->rtcp_mux && codec->payload_type >= 64 && codec->payload_type < 96)
            return fail_at(p, p->section_line,
                           "a payload type of 64 to 95 cannot be told from RTCP (RFC 5761)");
    }
    return true;
}

bool xc_sdp_parse_media(struct xc_sdp_parser *p, struct xc_span value)
{
    uint32_t line = p->line;
    if (!finish_section(p))
        return false;
    p->line = line;
    if (p->sdp->section_count == XC_SDP_SECTIONS_MAX)
        return xc_sdp_fail(p, "too many m lines");
    struct xc_sdp_section *section = &p->sdp->sections[p->sdp->section_count++];
    p->section = section;
    p->section_line = line;
    p->feedback_of_all = 0;
    p->own_fingerprints = false;
    section->transport = p->transport;
    section->direction = p->direction;
    section->end_of_candidates = p->end_of_candidates;

    struct xc_span media = xc_text_token(&value, ' ');
    struct xc_span ports = xc_text_token(&value, ' ');
    struct xc_span protocol = xc_text_token(&value, ' ');
    struct xc_span formats = xc_text_trim(value);
    uint64_t port;
    section->kind = kind_of(media);
    if (section->kind == XC_SDP_APPLICATION)
        section->max_message_size = XC_SDP_MESSAGE_SIZE;
    if (media.size == 0 || !xc_text_copy(section->kind_text, sizeof section->kind_text, media) ||
        !xc_text_copy(section->protocol, sizeof section->protocol, protocol))
        return xc_sdp_fail(p, "the m line's media or protocol is empty or too long");
    if (!xc_text_number(xc_text_token(&ports, '/'), UINT16_MAX, &port))
        return xc_sdp_fail(p, "the m line's port is no number of 16 bits");
    section->port = (uint16_t)port;
    if (formats.size == 0)
        return xc_sdp_fail(p, "the m line has no formats");
    if (is_rtp(protocol))
        return parse_payload_types(p, formats);
    if (!xc_text_copy(section->formats, sizeof section->formats, formats))
        return xc_sdp_fail(p, "the m line's formats are too long");
    return true;
}

static bool parse_line(struct xc_sdp_parser *p, struct xc_span line)
{
    if (line.size == 0)
        return true;
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] == 0x7f || (line.data[i] < ' ' && line.data[i] != '\t'))
            return xc_sdp_fail(p, "a control character");
    }
    if (line.size < 2 || line.data[1] != '=')
        return xc_sdp_fail(p, "a line that is not of the form x=...");
    p->line_text = line;
    struct xc_span value = {line.data + 2, line.size - 2};
    if (p->line == 1 && !xc_span_equal_text(line, "v=0"))
        return xc_sdp_fail(p, "the first line is not v=0");
    switch (line.data[0]) {
    case 'o':
        return p->section ? true : parse_origin(p, value);
    case 'm':
        return xc_sdp_parse_media(p, value);
    case 'a':
        return xc_sdp_parse_attribute(p, value);
    default:
        return true;
    }
}

static bool check_mids(struct xc_sdp_parser *p)
{
    struct xc_sdp *sdp = p->sdp;
    for (uint8_t i = 0; i < sdp->section_count; i++) {
        for (uint8_t j = 0; j < i; j++) {
            if (sdp->sections[i].mid[0] && !strcmp(sdp->sections[i].mid, sdp->sections[j].mid))
                return fail_at(p, p->section_line, "two sections have one mid");
        }
    }
    for (uint8_t i = 0; i < sdp->bundle_count; i++) {
        bool found = false;
        for (uint8_t j = 0; j < i; j++) {
            if (!strcmp(sdp->bundle[i], sdp->bundle[j]))
                return fail_at(p, p->group_line, "the BUNDLE group names a mid twice");
        }
        for (uint8_t j = 0; j < sdp->section_count; j++)
            found = found || !strcmp(sdp->bundle[i], sdp->sections[j].mid);
        if (!found)
            return fail_at(p, p->group_line, "the BUNDLE group names a mid that no section has");
    }
    return true;
}

bool xc_sdp_parse(struct xc_sdp *sdp, struct xc_span text, struct xc_sdp_error *error)
{
    struct xc_sdp_parser p = {.sdp = sdp, .error = error, .direction = XC_SDP_SENDRECV};
    memset(sdp, 0, sizeof *sdp);
    if (error)
        *error = (struct xc_sdp_error){.text = NULL, .line = 0};
    if (text.size == 0)
        return xc_sdp_fail(&p, "an empty description");
    if (text.size > XC_SDP_TEXT_MAX)
        return xc_sdp_fail(&p, "the description is too long");
    while (text.size) {
        size_t end = xc_text_find(text, '\n');
        struct xc_span line = {text.data, end};
        if (line.size && line.data[line.size - 1] == '\r')
            line.size--;
        size_t taken = end < text.size ? end + 1 : end;
        text.data += taken;
        text.size -= taken;
        p.line++;
        if (p.line == 1 && line.size == 0)
            return xc_sdp_fail(&p, "the first line is not v=0");
        if (!parse_line(&p, line))
            return false;
    }
    return finish_section(&p) && check_mids(&p);
}
