# layers.py - the table of layers: what each may include, which system headers and symbols, and which
# test covers which source file. Data only; tidy.py reads it.
# SPDX-License-Identifier: MIT

# layer -> layers below it that it may include ("include" stands for <xcall/...>).
MAY_INCLUDE = {
    "base": {"base"},
    "wire": {"wire", "base"},
    "proto": {"proto", "wire", "base"},
    "media": {"media", "wire", "base"},
    "call": {"call", "include", "base", "wire", "proto", "media"},
    "io": {"io", "base", "wire"},
    "engine": {"engine", "include", "base", "call", "io"},
    "api": {"api", "include", "base", "engine"},
    # libxcall-client: a library of its own above the public headers.
    "client": {"client", "include"},
}

# An include that passes the table because a header is plain data that the layer above must name.
INCLUDE_EXCEPTIONS = {
    # io knows addresses only.
    "io": {"wire": {"wire/addr.h"}},
}

# file -> includes that the table does not allow it, with the reason.
FILE_INCLUDES = {
    "engine/engine.h": {"wire/addr.h": "the bound address"},
    "engine/engine.c": {
        "wire/addr.h": "parses bind_address",
        "proto/srtp.h": "libsrtp2 is initialised once a process",
    },
    "engine/lookup.c": {"proto/mdns.h": "the resolver belongs to a shard, not to a call"},
    "engine/data.c": {"proto/sctp.h": "the data thread owns all associations"},
    "api/api_gate.c": {"call/gate.h": "a pure function, of no engine"},
    "api/api_life.c": {"call/life.h": "a machine of its own, of no engine"},
    "api/version.c": {"io/clock.h": "xcall_now_ns is the real clock"},
    "api/api_media.c": {"media/audio_mix.h": "samples to the host's format, on its own stack"},
}

# The core: sans-I/O layers, which name no clock, socket, thread, lock, heap or random symbol.
CORE = {"base", "wire", "proto", "media", "call"}
CORE_SYSTEM = {
    "stdint.h",
    "stddef.h",
    "stdbool.h",
    "string.h",
    "stdatomic.h",
    "limits.h",
    "inttypes.h",
    "stdalign.h",
}
LAYER_SYSTEM = {"media": {"math.h"}}
# The files that wrap a library, and what else of the core may see one's headers.
FILE_SYSTEM = {
    "proto/dtls.c": ("openssl/", "stdio.h", "stdlib.h", "time.h"),
    "proto/srtp.c": ("srtp2/", "openssl/", "stdlib.h"),
    "proto/sctp.c": ("usrsctp.h", "errno.h", "stdlib.h"),
    "base/crc32c.c": ("nmmintrin.h", "arm_acle.h"),
    "media/opus.c": ("opus/",),
    "media/vpx.c": ("vpx/", "stdlib.h"),
    "media/vpx_internal.h": ("vpx/",),
    "media/vpx_vp8.c": ("vpx/",),
    "media/vpx_vp9.c": ("vpx/",),
    "media/picture.c": ("libyuv",),
}
WRAPPERS = {"proto/dtls.c", "proto/srtp.c", "proto/sctp.c", "media/opus.c", "media/vpx.c"}

# What no object of the core may need (exact names, or prefixes that end in *).
FORBIDDEN_SYMBOLS = (
    "malloc calloc realloc free aligned_alloc posix_memalign memalign reallocarray strdup strndup "
    "mmap munmap brk sbrk "
    "clock_* time gettimeofday timespec_get nanosleep usleep sleep times ftime localtime* gmtime* "
    "socket bind connect listen accept accept4 send sendto sendmsg sendmmsg recv recvfrom recvmsg "
    "recvmmsg getaddrinfo gethostby* getifaddrs poll ppoll select pselect epoll_* eventfd ioctl fcntl "
    "read write open openat close fopen fdopen fread fwrite fclose printf fprintf vfprintf puts "
    "putchar fputs fputc perror "
    "pthread_* thrd_* mtx_* cnd_* tss_* sem_* call_once syscall futex "
    "rand srand rand_r random srandom drand48 lrand48 getrandom getentropy arc4random* RAND_* "
    "snprintf sprintf vsnprintf strtod strtol strtoul strtoull atoi atof qsort bsearch setlocale getenv "
    "abort exit _exit raise signal sigaction setjmp _setjmp longjmp"
).split()

# The files of libxcall-client that decide: as the core, but with a heap.
CLIENT_CORE = {
    "client/bodies.c",
    "client/call_media.c",
    "client/calls.c",
    "client/codes.c",
    "client/core.c",
    "client/leave.c",
    "client/quality.c",
    "client/relays.c",
    "client/requests.c",
    "client/wake.c",
}
HEAP = set("malloc calloc realloc free strtoull".split())

# lib file -> test files that cover it, where the names differ. A file that is in neither way covered
# is a failure.
COVERED_BY = {
    "client/api.c": ["client/test_sockets.c"],
    "client/relays.c": ["client/test_relays.c"],
    "client/bodies.c": ["client/test_bodies.c"],
    "client/call_media.c": ["client/test_calls.c", "client/test_lost.c"],
    "client/calls.c": ["client/test_calls.c", "client/test_lost.c"],
    "client/codes.c": ["client/test_session.c"],
    "client/core.c": ["client/test_session.c"],
    "client/leave.c": ["client/test_session.c"],
    "client/lookup.c": ["client/test_lookup.c"],
    "client/quality.c": ["client/test_quality.c"],
    "client/requests.c": ["client/test_session.c"],
    "client/shell.c": ["client/test_sockets.c"],
    "client/socket.c": ["client/test_sockets.c", "service/test_client.py"],
    "client/state_file.c": ["client/test_state_file.c"],
    "client/url.c": ["client/test_state_file.c"],
    "client/wake.c": ["client/test_wake.c"],
    "api/api_call.c": ["engine/test_arguments.c", "engine/test_life.c"],
    "api/api_data.c": ["engine/test_data.c"],
    "call/channels_send.c": ["unit/call/test_channels.c"],
    "call/data_port.c": ["unit/call/test_channels.c", "engine/test_data.c"],
    "engine/data.c": ["engine/test_data.c"],
    "proto/sctp.c": ["unit/proto/test_sctp.c"],
    "api/api_engine.c": ["engine/test_arguments.c", "engine/test_life.c"],
    "api/api_gate.c": ["unit/call/test_gate.c"],
    "api/api_life.c": ["unit/call/test_life_desk.c"],
    "call/life_join.c": ["unit/call/test_life.c", "unit/call/test_life_random.c"],
    "call/life_steps.c": ["unit/call/test_life.c"],
    "call/life_table.c": ["unit/call/test_life.c"],
    "api/api_media.c": ["engine/test_step.c", "rt/test_realtime.c"],
    "api/api_trace.c": ["engine/test_arguments.c"],
    "api/errors.c": ["engine/test_arguments.c"],
    "api/version.c": ["engine/test_arguments.c"],
    # What a session does is seen whole: in virtual time over bad networks, and on real sockets.
    "call/frame_log.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/recv_path.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/reports.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/send_audio.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/send_path.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/send_video.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/session.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/session_create.c": ["engine/test_step.c", "sim/sim_grid.c", "unit/call/test_budget.c"],
    "call/signals.c": ["engine/test_step.c", "engine/test_arguments.c", "sim/sim_grid.c"],
    "call/relays_gather.c": ["unit/call/test_relays.c", "unit/call/test_relays_end.c"],
    "io/memory.c": ["engine/test_life.c", "engine/test_resources.c"],
    "call/stats.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/transport.c": ["engine/test_step.c", "sim/sim_grid.c"],
    "call/negotiate_answer.c": ["unit/call/test_negotiate.c"],
    "call/negotiate_describe.c": ["unit/call/test_negotiate.c"],
    "call/negotiate_extensions.c": ["unit/call/test_negotiate_browser.c"],
    "call/negotiate_formats.c": ["unit/call/test_negotiate_codecs.c"],
    "call/negotiate_offer.c": ["unit/call/test_negotiate.c", "unit/call/test_negotiate_refuse.c"],
    "call/negotiate_transport.c": ["unit/call/test_negotiate.c"],
    "engine/call.c": ["engine/test_life.c", "engine/test_faults.c"],
    "engine/clock.c": ["engine/test_step.c"],
    "engine/command.c": ["engine/test_life.c", "engine/test_step.c"],
    "engine/engine.c": ["engine/test_life.c", "engine/test_faults.c"],
    "engine/events.c": ["engine/test_life.c", "engine/stress_random.c"],
    "engine/shard.c": ["engine/test_step.c", "engine/stress_calls.c"],
    "wire/md5.c": ["unit/wire/test_hash.c"],
    "wire/sha1.c": ["unit/wire/test_hash.c"],
    "wire/sha256.c": ["unit/wire/test_hash.c"],
    "engine/farewell.c": ["engine/test_farewell.c"],
    "engine/lookup.c": ["engine/test_lookup.c"],
    "engine/slots.c": ["engine/test_life.c", "engine/stress_random.c"],
    "engine/timers.c": ["engine/test_step.c"],
    "engine/worker.c": ["engine/test_step.c", "rt/test_realtime.c"],
    "media/vpx_vp8.c": ["unit/media/test_vpx.c"],
    "media/playout_fill.c": ["unit/media/test_audio_playout.c"],
    "proto/dtls_gate.c": ["unit/proto/test_dtls.c"],
    "proto/ice_candidates.c": ["unit/proto/test_ice.c"],
    "proto/ice_checks.c": ["unit/proto/test_ice.c"],
    "proto/ice_consent.c": ["unit/proto/test_ice.c"],
    "proto/ice_requests.c": ["unit/proto/test_ice.c", "unit/proto/test_ice_security.c"],
    "proto/turn_auth.c": ["unit/proto/test_turn.c", "unit/proto/test_turn_hostile.c"],
    "proto/turn_data.c": ["unit/proto/test_turn_peers.c"],
    "proto/nack_tracker.c": ["unit/proto/test_nack.c"],
    "wire/rtp_extension.c": ["unit/call/test_negotiate.c"],
    "wire/sdp_attribute.c": ["unit/wire/test_sdp.c"],
    "wire/sdp_fmtp.c": ["unit/wire/test_sdp.c"],
    "wire/sdp_parse.c": ["unit/wire/test_sdp.c"],
    "wire/sdp_write.c": ["unit/wire/test_sdp.c"],
}
