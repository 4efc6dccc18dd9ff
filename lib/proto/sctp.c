/* sctp.c - usrsctp 0.9.5 behind sctp.h. An association is known to it by a number, never by a pointer:
 * what is given as its AF_CONN address goes over the wire within the state cookie. A callback that
 * comes for a number that is gone is dropped. What data channels have no use for is switched off
 * (AUTH, ASCONF, ECN, NR-SACK, packet drop reports), before the first socket.
 * SPDX-License-Identifier: MIT */
#include "proto/sctp.h"

#include <errno.h>
#include <stdlib.h>

#include <usrsctp.h>

#include "base/crc32c.h"
#include "wire/dcep.h"

#define PACKET_HEADER 12
#define CHECKSUM_AT 8
#define BUCKETS 256

struct xc_sctp {
    struct xc_sctp_config config;
    struct socket *socket;
    struct xc_sctp *next; /* in its bucket */
    uint32_t id;
    bool down; /* nothing more comes out */
    uint64_t packets_rejected;
    struct sctp_reset_streams *request; /* room for XC_SCTP_RESETS_MAX */
};

/* Data thread only, like all of usrsctp. */
static struct xc_sctp *buckets[BUCKETS];
static uint32_t last_id;

static void *address_of(uint32_t id)
{
    return (void *)(uintptr_t)id;
}

static struct xc_sctp *find(uint32_t id)
{
    struct xc_sctp *at = buckets[id % BUCKETS];
    while (at && at->id != id)
        at = at->next;
    return at;
}

/* --- the process ----------------------------------------------------------------------------- */

static int on_output(void *address, void *buffer, size_t size, uint8_t tos, uint8_t set_df)
{
    struct xc_sctp *sctp = find((uint32_t)(uintptr_t)address);
    uint8_t *packet = buffer;
    (void)tos;
    (void)set_df;
    if (!sctp || size < PACKET_HEADER)
        return 0;
    memset(packet + CHECKSUM_AT, 0, 4);
    uint32_t crc = xc_crc32c(0, packet, size);
    for (int i = 0; i < 4; i++) /* RFC 9260 appendix A: low byte first */
        packet[CHECKSUM_AT + i] = (uint8_t)(crc >> 8 * i);
    sctp->config.output(sctp->config.context, xc_span_make(packet, size));
    return 0;
}

static void switch_off(void)
{
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auto_asconf(0);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_nrsack_enable(0);
    usrsctp_sysctl_set_sctp_pktdrop_enable(0);
    usrsctp_sysctl_set_sctp_blackhole(2); /* no answer to what belongs to no association */
}

/* Times in ms. The defaults (3 s for a lost INIT, 1 s for a lost packet) are for other networks. */
static void tune(void)
{
    usrsctp_sysctl_set_sctp_reconfig_enable(1);
    usrsctp_sysctl_set_sctp_pr_enable(1);
    usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(XC_SCTP_STREAMS);
    usrsctp_sysctl_set_sctp_nr_incoming_streams_default(XC_SCTP_STREAMS);
    usrsctp_sysctl_set_sctp_sendspace(XC_SCTP_WINDOW);
    usrsctp_sysctl_set_sctp_recvspace(XC_SCTP_WINDOW);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(10 * 1024);
    usrsctp_sysctl_set_sctp_rto_initial_default(400);
    usrsctp_sysctl_set_sctp_rto_min_default(200);
    usrsctp_sysctl_set_sctp_rto_max_default(10 * 1000);
    usrsctp_sysctl_set_sctp_init_rto_max_default(10 * 1000);
    usrsctp_sysctl_set_sctp_init_rtx_max_default(8);
    usrsctp_sysctl_set_sctp_assoc_rtx_max_default(10);
    usrsctp_sysctl_set_sctp_path_rtx_max_default(10);
    usrsctp_sysctl_set_sctp_heartbeat_interval_default(10 * 1000);
    usrsctp_sysctl_set_sctp_delayed_sack_time_default(20);
    usrsctp_sysctl_set_sctp_initial_cwnd(10);
    usrsctp_sysctl_set_sctp_max_burst_default(10);
    /* Round robin over the streams: a short message does not wait behind another stream's long one. */
    usrsctp_sysctl_set_sctp_default_ss_module(SCTP_SS_ROUND_ROBIN);
    usrsctp_sysctl_set_sctp_default_frag_interleave(0);
}

bool xc_sctp_library_init(void)
{
    /* All tunables are 0 until somebody initialises the library. */
    if (usrsctp_sysctl_get_sctp_sendspace() != 0)
        return false;
    usrsctp_init_nothreads(0, on_output, NULL);
    usrsctp_enable_crc32c_offload(); /* on_output and xc_sctp_input do it */
    switch_off();
    tune();
    return true;
}

void xc_sctp_library_tick(uint32_t elapsed_ms)
{
    usrsctp_handle_timers(elapsed_ms);
}

/* --- life ------------------------------------------------------------------------------------ */

/* Within usrsctp, with its locks held: nothing of it may be called from here. */
static void on_upcall(struct socket *socket, void *context, int flags)
{
    struct xc_sctp *sctp = context;
    (void)socket;
    (void)flags;
    sctp->config.ready(sctp->config.context);
}

static struct sockaddr_conn endpoint(const struct xc_sctp *sctp, uint16_t port)
{
    return (struct sockaddr_conn){.sconn_family = AF_CONN,
                                  .sconn_port = (uint16_t)(port >> 8 | port << 8),
                                  .sconn_addr = address_of(sctp->id)};
}

static bool option(const struct xc_sctp *sctp, int name, const void *value, size_t size)
{
    return usrsctp_setsockopt(sctp->socket, IPPROTO_SCTP, name, value, (socklen_t)size) == 0;
}

static bool subscribe(const struct xc_sctp *sctp)
{
    static const uint16_t types[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT,
                                     SCTP_PARTIAL_DELIVERY_EVENT};
    for (size_t i = 0; i < XC_ARRAY_LEN(types); i++) {
        struct sctp_event event = {
            .se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = types[i], .se_on = 1};
        if (!option(sctp, SCTP_EVENT, &event, sizeof event))
            return false;
    }
    return true;
}

static bool configure(const struct xc_sctp *sctp)
{
    const struct linger abort_at_close = {.l_onoff = 1, .l_linger = 0};
    const struct sctp_assoc_value resets = {.assoc_id = SCTP_FUTURE_ASSOC,
                                            .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ |
                                                           SCTP_ENABLE_CHANGE_ASSOC_REQ};
    const struct sctp_initmsg init = {.sinit_num_ostreams = XC_SCTP_STREAMS,
                                      .sinit_max_instreams = XC_SCTP_STREAMS};
    const uint32_t on = 1;
    const int window = (int)XC_SCTP_WINDOW;
    return usrsctp_set_non_blocking(sctp->socket, 1) == 0 &&
           usrsctp_setsockopt(sctp->socket, SOL_SOCKET, SO_LINGER, &abort_at_close,
                              sizeof abort_at_close) == 0 &&
           usrsctp_setsockopt(sctp->socket, SOL_SOCKET, SO_SNDBUF, &window, sizeof window) == 0 &&
           usrsctp_setsockopt(sctp->socket, SOL_SOCKET, SO_RCVBUF, &window, sizeof window) == 0 &&
           option(sctp, SCTP_NODELAY, &on, sizeof on) &&
           option(sctp, SCTP_RECVRCVINFO, &on, sizeof on) &&
           option(sctp, SCTP_ENABLE_STREAM_RESET, &resets, sizeof resets) &&
           option(sctp, SCTP_INITMSG, &init, sizeof init) &&
           /* No part of a message is handed up before it is whole, up to half of the window. */
           option(sctp, SCTP_PARTIAL_DELIVERY_POINT, &(uint32_t){XC_SCTP_WINDOW},
                  sizeof(uint32_t)) &&
           subscribe(sctp);
}

/* usrsctp leaves the common header out of what it calls the MTU of such a path (seen in its packets). */
static bool set_packet_max(const struct xc_sctp *sctp)
{
    struct sctp_paddrparams path = {.spp_assoc_id = 0,
                                    .spp_flags = SPP_PMTUD_DISABLE,
                                    .spp_pathmtu = sctp->config.packet_max - PACKET_HEADER};
    struct sockaddr_conn peer = endpoint(sctp, sctp->config.remote_port);
    memcpy(&path.spp_address, &peer, sizeof peer);
    return option(sctp, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
}

static bool begin(struct xc_sctp *sctp)
{
    struct sockaddr_conn local = endpoint(sctp, sctp->config.local_port);
    struct sockaddr_conn remote = endpoint(sctp, sctp->config.remote_port);
    sctp->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (!sctp->socket || !configure(sctp) ||
        usrsctp_set_upcall(sctp->socket, on_upcall, sctp) != 0 ||
        usrsctp_bind(sctp->socket, (struct sockaddr *)&local, sizeof local) != 0)
        return false;
    if (usrsctp_connect(sctp->socket, (struct sockaddr *)&remote, sizeof remote) != 0 &&
        errno != EINPROGRESS)
        return false;
    return set_packet_max(sctp);
}

struct xc_sctp *xc_sctp_create(const struct xc_sctp_config *config)
{
    struct xc_sctp *sctp = calloc(1, sizeof *sctp);
    if (!sctp)
        return NULL;
    sctp->config = *config;
    sctp->request = calloc(1, sizeof *sctp->request + XC_SCTP_RESETS_MAX * sizeof(uint16_t));
    do {
        last_id++;
    } while (last_id == 0 || find(last_id));
    sctp->id = last_id;
    sctp->next = buckets[sctp->id % BUCKETS];
    buckets[sctp->id % BUCKETS] = sctp;
    usrsctp_register_address(address_of(sctp->id));
    if (sctp->request && begin(sctp))
        return sctp;
    xc_sctp_destroy(sctp);
    return NULL;
}

void xc_sctp_destroy(struct xc_sctp *sctp)
{
    if (!sctp)
        return;
    struct xc_sctp **link = &buckets[sctp->id % BUCKETS];
    while (*link != sctp)
        link = &(*link)->next;
    if (sctp->socket) {
        usrsctp_set_upcall(sctp->socket, NULL, NULL);
        usrsctp_close(sctp->socket); /* the ABORT still finds its way out */
    }
    *link = sctp->next;
    usrsctp_deregister_address(address_of(sctp->id));
    free(sctp->request);
    free(sctp);
}

/* --- packets and messages -------------------------------------------------------------------- */

void xc_sctp_input(struct xc_sctp *sctp, uint8_t *packet, size_t size)
{
    uint32_t given = 0;
    if (size >= PACKET_HEADER) {
        for (int i = 0; i < 4; i++)
            given |= (uint32_t)packet[CHECKSUM_AT + i] << 8 * i;
        memset(packet + CHECKSUM_AT, 0, 4);
    }
    if (size < PACKET_HEADER || xc_crc32c(0, packet, size) != given) {
        sctp->packets_rejected++;
        return;
    }
    usrsctp_conninput(address_of(sctp->id), packet, size, 0);
}

static bool go_down(struct xc_sctp *sctp, struct xc_sctp_event *event)
{
    sctp->down = true;
    *event = (struct xc_sctp_event){.type = XC_SCTP_DOWN};
    return true;
}

static bool on_association(struct xc_sctp *sctp, const struct sctp_assoc_change *change,
                           struct xc_sctp_event *event)
{
    if (change->sac_state != SCTP_COMM_UP)
        return go_down(sctp, event); /* lost, closed, refused, or begun anew by the peer */
    *event = (struct xc_sctp_event){.type = XC_SCTP_UP,
                                    .streams_out = change->sac_outbound_streams,
                                    .streams_in = change->sac_inbound_streams};
    return true;
}

static bool on_reset(const struct sctp_stream_reset_event *reset, size_t size,
                     struct xc_sctp_event *event)
{
    uint16_t flags = reset->strreset_flags;
    size_t head = offsetof(struct sctp_stream_reset_event, strreset_stream_list);
    *event = (struct xc_sctp_event){.streams = reset->strreset_stream_list,
                                    .stream_count = (uint32_t)((size - head) / 2)};
    if (flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED))
        event->type =
            flags & SCTP_STREAM_RESET_OUTGOING_SSN ? XC_SCTP_RESET_FAILED : XC_SCTP_NOTHING;
    else if (flags & SCTP_STREAM_RESET_INCOMING_SSN)
        event->type = XC_SCTP_RESET_IN;
    else if (flags & SCTP_STREAM_RESET_OUTGOING_SSN)
        event->type = XC_SCTP_RESET_OUT;
    return event->type != XC_SCTP_NOTHING;
}

static bool on_notification(struct xc_sctp *sctp, const uint8_t *memory, size_t size,
                            struct xc_sctp_event *event)
{
    const union sctp_notification *n = (const union sctp_notification *)(const void *)memory;
    if (size < sizeof n->sn_header || n->sn_header.sn_length > size)
        return false;
    size = n->sn_header.sn_length;
    switch (n->sn_header.sn_type) {
    case SCTP_ASSOC_CHANGE:
        return size >= sizeof n->sn_assoc_change &&
               on_association(sctp, &n->sn_assoc_change, event);
    case SCTP_STREAM_RESET_EVENT:
        return size >= offsetof(struct sctp_stream_reset_event, strreset_stream_list) &&
               on_reset(&n->sn_strreset_event, size, event);
    case SCTP_PARTIAL_DELIVERY_EVENT: /* a message longer than ours may be was given up */
        return go_down(sctp, event);
    default:
        return false;
    }
}

bool xc_sctp_receive(struct xc_sctp *sctp, struct xc_sctp_event *event, uint8_t *memory,
                     size_t capacity)
{
    while (!sctp->down) {
        struct sctp_rcvinfo info = {0};
        struct sockaddr_conn from;
        socklen_t from_size = sizeof from, info_size = sizeof info;
        unsigned info_type = SCTP_RECVV_NOINFO;
        int flags = 0;
        ssize_t size = usrsctp_recvv(sctp->socket, memory, capacity, (struct sockaddr *)&from,
                                     &from_size, &info, &info_size, &info_type, &flags);
        if (size < 0 && (errno == EWOULDBLOCK || errno == EAGAIN || errno == EINPROGRESS ||
                         errno == EINTR || errno == ENOTCONN))
            return false;
        if (size <= 0)
            return go_down(sctp, event);
        if (flags & MSG_NOTIFICATION) {
            if (on_notification(sctp, memory, (size_t)size, event))
                return true;
            continue;
        }
        if (!(flags & MSG_EOR) || (size_t)size == capacity || info_type != SCTP_RECVV_RCVINFO)
            return go_down(sctp, event);
        *event = (struct xc_sctp_event){.type = XC_SCTP_MESSAGE,
                                        .stream = info.rcv_sid,
                                        .ppid = xc_load32((const uint8_t *)&info.rcv_ppid),
                                        .bytes = xc_span_make(memory, (size_t)size)};
        return true;
    }
    return false;
}

int xc_sctp_send(struct xc_sctp *sctp, const struct xc_sctp_message *message)
{
    static const uint16_t policies[] = {[XC_RELIABLE] = SCTP_PR_SCTP_NONE,
                                        [XC_RELIABLE_RETRANSMITS] = SCTP_PR_SCTP_RTX,
                                        [XC_RELIABLE_LIFE_TIME] = SCTP_PR_SCTP_TTL};
    struct sctp_sendv_spa how = {.sendv_flags = SCTP_SEND_SNDINFO_VALID};
    how.sendv_sndinfo.snd_sid = message->stream;
    how.sendv_sndinfo.snd_flags = message->unordered ? SCTP_UNORDERED : 0;
    xc_store32((uint8_t *)&how.sendv_sndinfo.snd_ppid, message->ppid);
    if (message->reliability != XC_RELIABLE) {
        how.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        how.sendv_prinfo.pr_policy = policies[message->reliability];
        how.sendv_prinfo.pr_value = message->parameter;
    }
    if (sctp->down)
        return XC_SCTP_FAILED;
    ssize_t sent = usrsctp_sendv(sctp->socket, message->bytes.data, message->bytes.size, NULL, 0,
                                 &how, sizeof how, SCTP_SENDV_SPA, 0);
    if (sent >= 0)
        return XC_SCTP_OK;
    return errno == EWOULDBLOCK || errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ||
                   errno == EINTR
               ? XC_SCTP_AGAIN
               : XC_SCTP_FAILED;
}

int xc_sctp_reset(struct xc_sctp *sctp, const uint16_t *streams, uint32_t count)
{
    struct sctp_reset_streams *request = sctp->request;
    if (sctp->down || !count || count > XC_SCTP_RESETS_MAX)
        return XC_SCTP_FAILED;
    request->srs_assoc_id = 0;
    request->srs_flags = SCTP_STREAM_RESET_OUTGOING;
    request->srs_number_streams = (uint16_t)count;
    memcpy(request->srs_stream_list, streams, count * sizeof *streams);
    if (option(sctp, SCTP_RESET_STREAMS, request, sizeof *request + count * sizeof *streams))
        return XC_SCTP_OK;
    return errno == EALREADY || errno == EAGAIN || errno == EBUSY || errno == ENOMEM
               ? XC_SCTP_AGAIN
               : XC_SCTP_FAILED;
}

uint64_t xc_sctp_packets_rejected(const struct xc_sctp *sctp)
{
    return sctp->packets_rejected;
}
