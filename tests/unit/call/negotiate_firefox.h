/* negotiate_firefox.h - offers as Firefox ESR 153 made them (Debian 12, headless):
 * audio, video and data; data before video; simulcast by rid; a transceiver stopped and its section
 * used again. Stripped of candidates; fingerprints, ICE secrets and identifiers are invented.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_NEGOTIATE_FIREFOX_H
#define XC_TEST_NEGOTIATE_FIREFOX_H

/* clang-format off */
#define FIREFOX_AVD \
    "v=0\r\n" \
    "o=mozilla...THIS_IS_SDPARTA-99.0 4546177248470493913 0 IN IP4 0.0.0.0\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=sendrecv\r\n" \
    "a=fingerprint:sha-256 E1:0B:94:5D:27:C3:6A:88:F0:12:39:7B:44:DE:A5:60:1C:93:0F:B8:25:7E:6D:31:CA:58:04:9B:EF:72:16:A3\r\n" \
    "a=group:BUNDLE 0 1 2\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=msid-semantic:WMS *\r\n" \
    "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" \
    "a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n" \
    "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n" \
    "a=fmtp:101 0-15\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:0\r\n" \
    "a=msid:{00000000-0000-4000-8000-000000000001} {00000000-0000-4000-8000-000000000002}\r\n" \
    "a=rtcp-fb:109 transport-cc\r\n" \
    "a=rtcp-fb:9 transport-cc\r\n" \
    "a=rtcp-fb:0 transport-cc\r\n" \
    "a=rtcp-fb:8 transport-cc\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtpmap:109 opus/48000/2\r\n" \
    "a=rtpmap:9 G722/8000/1\r\n" \
    "a=rtpmap:0 PCMU/8000\r\n" \
    "a=rtpmap:8 PCMA/8000\r\n" \
    "a=rtpmap:101 telephone-event/8000\r\n" \
    "a=setup:actpass\r\n" \
    "a=ssrc:1812051098 cname:{00000000-0000-4000-8000-000000000003}\r\n" \
    "m=video 9 UDP/TLS/RTP/SAVPF 120 124 121 125 99 100 123 122 119\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:5 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=fmtp:120 max-fs=12288;max-fr=60\r\n" \
    "a=fmtp:124 apt=120\r\n" \
    "a=fmtp:121 max-fs=12288;max-fr=60\r\n" \
    "a=fmtp:125 apt=121\r\n" \
    "a=fmtp:100 apt=99\r\n" \
    "a=fmtp:119 apt=122\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:1\r\n" \
    "a=msid:{00000000-0000-4000-8000-000000000001} {00000000-0000-4000-8000-000000000004}\r\n" \
    "a=rtcp-fb:120 nack\r\n" \
    "a=rtcp-fb:120 nack pli\r\n" \
    "a=rtcp-fb:120 ccm fir\r\n" \
    "a=rtcp-fb:120 goog-remb\r\n" \
    "a=rtcp-fb:120 transport-cc\r\n" \
    "a=rtcp-fb:121 nack\r\n" \
    "a=rtcp-fb:121 nack pli\r\n" \
    "a=rtcp-fb:121 ccm fir\r\n" \
    "a=rtcp-fb:121 goog-remb\r\n" \
    "a=rtcp-fb:121 transport-cc\r\n" \
    "a=rtcp-fb:99 nack\r\n" \
    "a=rtcp-fb:99 nack pli\r\n" \
    "a=rtcp-fb:99 ccm fir\r\n" \
    "a=rtcp-fb:99 goog-remb\r\n" \
    "a=rtcp-fb:99 transport-cc\r\n" \
    "a=rtcp-fb:123 nack\r\n" \
    "a=rtcp-fb:123 nack pli\r\n" \
    "a=rtcp-fb:123 ccm fir\r\n" \
    "a=rtcp-fb:123 goog-remb\r\n" \
    "a=rtcp-fb:123 transport-cc\r\n" \
    "a=rtcp-fb:122 nack\r\n" \
    "a=rtcp-fb:122 nack pli\r\n" \
    "a=rtcp-fb:122 ccm fir\r\n" \
    "a=rtcp-fb:122 goog-remb\r\n" \
    "a=rtcp-fb:122 transport-cc\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtpmap:120 VP8/90000\r\n" \
    "a=rtpmap:124 rtx/90000\r\n" \
    "a=rtpmap:121 VP9/90000\r\n" \
    "a=rtpmap:125 rtx/90000\r\n" \
    "a=rtpmap:99 AV1/90000\r\n" \
    "a=rtpmap:100 rtx/90000\r\n" \
    "a=rtpmap:123 ulpfec/90000\r\n" \
    "a=rtpmap:122 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=setup:actpass\r\n" \
    "a=ssrc:1402679717 cname:{00000000-0000-4000-8000-000000000003}\r\n" \
    "a=ssrc:48911494 cname:{00000000-0000-4000-8000-000000000003}\r\n" \
    "a=ssrc-group:FID 1402679717 48911494\r\n" \
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:2\r\n" \
    "a=setup:actpass\r\n" \
    "a=sctp-port:5000\r\n" \
    "a=max-message-size:1073741823\r\n"

#define FIREFOX_DV \
    "v=0\r\n" \
    "o=mozilla...THIS_IS_SDPARTA-99.0 4546177248470493913 0 IN IP4 0.0.0.0\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=sendrecv\r\n" \
    "a=fingerprint:sha-256 E1:0B:94:5D:27:C3:6A:88:F0:12:39:7B:44:DE:A5:60:1C:93:0F:B8:25:7E:6D:31:CA:58:04:9B:EF:72:16:A3\r\n" \
    "a=group:BUNDLE 0 1\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=msid-semantic:WMS *\r\n" \
    "m=video 9 UDP/TLS/RTP/SAVPF 120 124 121 125 99 100 123 122 119\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:5 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=fmtp:120 max-fs=12288;max-fr=60\r\n" \
    "a=fmtp:124 apt=120\r\n" \
    "a=fmtp:121 max-fs=12288;max-fr=60\r\n" \
    "a=fmtp:125 apt=121\r\n" \
    "a=fmtp:100 apt=99\r\n" \
    "a=fmtp:119 apt=122\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:0\r\n" \
    "a=msid:{00000000-0000-4000-8000-000000000001} {00000000-0000-4000-8000-000000000005}\r\n" \
    "a=rtcp-fb:120 nack\r\n" \
    "a=rtcp-fb:120 nack pli\r\n" \
    "a=rtcp-fb:120 ccm fir\r\n" \
    "a=rtcp-fb:120 goog-remb\r\n" \
    "a=rtcp-fb:120 transport-cc\r\n" \
    "a=rtcp-fb:121 nack\r\n" \
    "a=rtcp-fb:121 nack pli\r\n" \
    "a=rtcp-fb:121 ccm fir\r\n" \
    "a=rtcp-fb:121 goog-remb\r\n" \
    "a=rtcp-fb:121 transport-cc\r\n" \
    "a=rtcp-fb:99 nack\r\n" \
    "a=rtcp-fb:99 nack pli\r\n" \
    "a=rtcp-fb:99 ccm fir\r\n" \
    "a=rtcp-fb:99 goog-remb\r\n" \
    "a=rtcp-fb:99 transport-cc\r\n" \
    "a=rtcp-fb:123 nack\r\n" \
    "a=rtcp-fb:123 nack pli\r\n" \
    "a=rtcp-fb:123 ccm fir\r\n" \
    "a=rtcp-fb:123 goog-remb\r\n" \
    "a=rtcp-fb:123 transport-cc\r\n" \
    "a=rtcp-fb:122 nack\r\n" \
    "a=rtcp-fb:122 nack pli\r\n" \
    "a=rtcp-fb:122 ccm fir\r\n" \
    "a=rtcp-fb:122 goog-remb\r\n" \
    "a=rtcp-fb:122 transport-cc\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtpmap:120 VP8/90000\r\n" \
    "a=rtpmap:124 rtx/90000\r\n" \
    "a=rtpmap:121 VP9/90000\r\n" \
    "a=rtpmap:125 rtx/90000\r\n" \
    "a=rtpmap:99 AV1/90000\r\n" \
    "a=rtpmap:100 rtx/90000\r\n" \
    "a=rtpmap:123 ulpfec/90000\r\n" \
    "a=rtpmap:122 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=setup:actpass\r\n" \
    "a=ssrc:1783267287 cname:{00000000-0000-4000-8000-000000000006}\r\n" \
    "a=ssrc:3530409703 cname:{00000000-0000-4000-8000-000000000006}\r\n" \
    "a=ssrc-group:FID 1783267287 3530409703\r\n" \
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:1\r\n" \
    "a=setup:actpass\r\n" \
    "a=sctp-port:5000\r\n" \
    "a=max-message-size:1073741823\r\n"

#define FIREFOX_SIMULCAST \
    "v=0\r\n" \
    "o=mozilla...THIS_IS_SDPARTA-99.0 4546177248470493913 0 IN IP4 0.0.0.0\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=sendrecv\r\n" \
    "a=fingerprint:sha-256 E1:0B:94:5D:27:C3:6A:88:F0:12:39:7B:44:DE:A5:60:1C:93:0F:B8:25:7E:6D:31:CA:58:04:9B:EF:72:16:A3\r\n" \
    "a=group:BUNDLE 0\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=msid-semantic:WMS *\r\n" \
    "m=video 9 UDP/TLS/RTP/SAVPF 120 124 121 125 99 100 123 122 119\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:5 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:8/sendonly https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n" \
    "a=extmap:9/sendonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" \
    "a=extmap:10/sendonly urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=fmtp:120 max-fs=12288;max-fr=60\r\n" \
    "a=fmtp:124 apt=120\r\n" \
    "a=fmtp:121 max-fs=12288;max-fr=60\r\n" \
    "a=fmtp:125 apt=121\r\n" \
    "a=fmtp:100 apt=99\r\n" \
    "a=fmtp:119 apt=122\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:0\r\n" \
    "a=msid:{00000000-0000-4000-8000-000000000001} {00000000-0000-4000-8000-000000000007}\r\n" \
    "a=rid:h send\r\n" \
    "a=rid:l send\r\n" \
    "a=rtcp-fb:120 nack\r\n" \
    "a=rtcp-fb:120 nack pli\r\n" \
    "a=rtcp-fb:120 ccm fir\r\n" \
    "a=rtcp-fb:120 goog-remb\r\n" \
    "a=rtcp-fb:120 transport-cc\r\n" \
    "a=rtcp-fb:121 nack\r\n" \
    "a=rtcp-fb:121 nack pli\r\n" \
    "a=rtcp-fb:121 ccm fir\r\n" \
    "a=rtcp-fb:121 goog-remb\r\n" \
    "a=rtcp-fb:121 transport-cc\r\n" \
    "a=rtcp-fb:99 nack\r\n" \
    "a=rtcp-fb:99 nack pli\r\n" \
    "a=rtcp-fb:99 ccm fir\r\n" \
    "a=rtcp-fb:99 goog-remb\r\n" \
    "a=rtcp-fb:99 transport-cc\r\n" \
    "a=rtcp-fb:123 nack\r\n" \
    "a=rtcp-fb:123 nack pli\r\n" \
    "a=rtcp-fb:123 ccm fir\r\n" \
    "a=rtcp-fb:123 goog-remb\r\n" \
    "a=rtcp-fb:123 transport-cc\r\n" \
    "a=rtcp-fb:122 nack\r\n" \
    "a=rtcp-fb:122 nack pli\r\n" \
    "a=rtcp-fb:122 ccm fir\r\n" \
    "a=rtcp-fb:122 goog-remb\r\n" \
    "a=rtcp-fb:122 transport-cc\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtpmap:120 VP8/90000\r\n" \
    "a=rtpmap:124 rtx/90000\r\n" \
    "a=rtpmap:121 VP9/90000\r\n" \
    "a=rtpmap:125 rtx/90000\r\n" \
    "a=rtpmap:99 AV1/90000\r\n" \
    "a=rtpmap:100 rtx/90000\r\n" \
    "a=rtpmap:123 ulpfec/90000\r\n" \
    "a=rtpmap:122 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=setup:actpass\r\n" \
    "a=simulcast:send h;l\r\n" \
    "a=ssrc:2578700320 cname:{00000000-0000-4000-8000-000000000008}\r\n" \
    "a=ssrc:2535511989 cname:{00000000-0000-4000-8000-000000000008}\r\n" \
    "a=ssrc:4095405037 cname:{00000000-0000-4000-8000-000000000008}\r\n" \
    "a=ssrc:3696418027 cname:{00000000-0000-4000-8000-000000000008}\r\n" \
    "a=ssrc-group:FID 2578700320 2535511989\r\n" \
    "a=ssrc-group:FID 4095405037 3696418027\r\n"

#define FIREFOX_STOPPED \
    "v=0\r\n" \
    "o=mozilla...THIS_IS_SDPARTA-99.0 4546177248470493913 1 IN IP4 0.0.0.0\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=sendrecv\r\n" \
    "a=fingerprint:sha-256 E1:0B:94:5D:27:C3:6A:88:F0:12:39:7B:44:DE:A5:60:1C:93:0F:B8:25:7E:6D:31:CA:58:04:9B:EF:72:16:A3\r\n" \
    "a=group:BUNDLE 0\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=msid-semantic:WMS *\r\n" \
    "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" \
    "a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n" \
    "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n" \
    "a=fmtp:101 0-15\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:0\r\n" \
    "a=msid:- {00000000-0000-4000-8000-000000000009}\r\n" \
    "a=rtcp-fb:109 transport-cc\r\n" \
    "a=rtcp-fb:9 transport-cc\r\n" \
    "a=rtcp-fb:0 transport-cc\r\n" \
    "a=rtcp-fb:8 transport-cc\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtpmap:109 opus/48000/2\r\n" \
    "a=rtpmap:9 G722/8000/1\r\n" \
    "a=rtpmap:0 PCMU/8000\r\n" \
    "a=rtpmap:8 PCMA/8000\r\n" \
    "a=rtpmap:101 telephone-event/8000\r\n" \
    "a=setup:actpass\r\n" \
    "a=ssrc:3199758669 cname:{00000000-0000-4000-8000-000000000010}\r\n" \
    "m=video 0 UDP/TLS/RTP/SAVPF 120\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=inactive\r\n" \
    "a=mid:1\r\n" \
    "a=rtpmap:120 VP8/90000\r\n"

#define FIREFOX_RECYCLED \
    "v=0\r\n" \
    "o=mozilla...THIS_IS_SDPARTA-99.0 4546177248470493913 2 IN IP4 0.0.0.0\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=sendrecv\r\n" \
    "a=fingerprint:sha-256 E1:0B:94:5D:27:C3:6A:88:F0:12:39:7B:44:DE:A5:60:1C:93:0F:B8:25:7E:6D:31:CA:58:04:9B:EF:72:16:A3\r\n" \
    "a=group:BUNDLE 0 2\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=msid-semantic:WMS *\r\n" \
    "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" \
    "a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n" \
    "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n" \
    "a=fmtp:101 0-15\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:0\r\n" \
    "a=msid:- {00000000-0000-4000-8000-000000000009}\r\n" \
    "a=rtcp-fb:109 transport-cc\r\n" \
    "a=rtcp-fb:9 transport-cc\r\n" \
    "a=rtcp-fb:0 transport-cc\r\n" \
    "a=rtcp-fb:8 transport-cc\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtpmap:109 opus/48000/2\r\n" \
    "a=rtpmap:9 G722/8000/1\r\n" \
    "a=rtpmap:0 PCMU/8000\r\n" \
    "a=rtpmap:8 PCMA/8000\r\n" \
    "a=rtpmap:101 telephone-event/8000\r\n" \
    "a=setup:actpass\r\n" \
    "a=ssrc:3199758669 cname:{00000000-0000-4000-8000-000000000010}\r\n" \
    "m=video 9 UDP/TLS/RTP/SAVPF 120 124 121 125 99 100 123 122 119\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=sendrecv\r\n" \
    "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:5 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=fmtp:120 max-fs=12288;max-fr=60\r\n" \
    "a=fmtp:124 apt=120\r\n" \
    "a=fmtp:121 max-fs=12288;max-fr=60\r\n" \
    "a=fmtp:125 apt=121\r\n" \
    "a=fmtp:100 apt=99\r\n" \
    "a=fmtp:119 apt=122\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-ufrag:ufire\r\n" \
    "a=mid:2\r\n" \
    "a=msid:{00000000-0000-4000-8000-000000000001} {00000000-0000-4000-8000-000000000011}\r\n" \
    "a=rtcp:39192 IN IP4 00000000-0000-4000-8000-000000000012.local\r\n" \
    "a=rtcp-fb:120 nack\r\n" \
    "a=rtcp-fb:120 nack pli\r\n" \
    "a=rtcp-fb:120 ccm fir\r\n" \
    "a=rtcp-fb:120 goog-remb\r\n" \
    "a=rtcp-fb:120 transport-cc\r\n" \
    "a=rtcp-fb:121 nack\r\n" \
    "a=rtcp-fb:121 nack pli\r\n" \
    "a=rtcp-fb:121 ccm fir\r\n" \
    "a=rtcp-fb:121 goog-remb\r\n" \
    "a=rtcp-fb:121 transport-cc\r\n" \
    "a=rtcp-fb:99 nack\r\n" \
    "a=rtcp-fb:99 nack pli\r\n" \
    "a=rtcp-fb:99 ccm fir\r\n" \
    "a=rtcp-fb:99 goog-remb\r\n" \
    "a=rtcp-fb:99 transport-cc\r\n" \
    "a=rtcp-fb:123 nack\r\n" \
    "a=rtcp-fb:123 nack pli\r\n" \
    "a=rtcp-fb:123 ccm fir\r\n" \
    "a=rtcp-fb:123 goog-remb\r\n" \
    "a=rtcp-fb:123 transport-cc\r\n" \
    "a=rtcp-fb:122 nack\r\n" \
    "a=rtcp-fb:122 nack pli\r\n" \
    "a=rtcp-fb:122 ccm fir\r\n" \
    "a=rtcp-fb:122 goog-remb\r\n" \
    "a=rtcp-fb:122 transport-cc\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtpmap:120 VP8/90000\r\n" \
    "a=rtpmap:124 rtx/90000\r\n" \
    "a=rtpmap:121 VP9/90000\r\n" \
    "a=rtpmap:125 rtx/90000\r\n" \
    "a=rtpmap:99 AV1/90000\r\n" \
    "a=rtpmap:100 rtx/90000\r\n" \
    "a=rtpmap:123 ulpfec/90000\r\n" \
    "a=rtpmap:122 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=setup:actpass\r\n" \
    "a=ssrc:1712325775 cname:{00000000-0000-4000-8000-000000000010}\r\n" \
    "a=ssrc:3513895539 cname:{00000000-0000-4000-8000-000000000010}\r\n" \
    "a=ssrc-group:FID 1712325775 3513895539\r\n"

/* clang-format on */
#endif
