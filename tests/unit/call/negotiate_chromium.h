/* negotiate_chromium.h - offers as Chromium 156 made them (Debian 12, headless):
 * audio, video and data; data before video; simulcast by rid; a transceiver stopped and its section
 * used again. Stripped of candidates; fingerprints, ICE secrets and identifiers are invented.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_NEGOTIATE_CHROMIUM_H
#define XC_TEST_NEGOTIATE_CHROMIUM_H

/* clang-format off */
#define CHROMIUM_AVD \
    "v=0\r\n" \
    "o=- 4546177248470493913 2 IN IP4 127.0.0.1\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=group:BUNDLE 0 1 2\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=msid-semantic: WMS 00000000-0000-4000-8000-000000000001\r\n" \
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:0\r\n" \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" \
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=sendrecv\r\n" \
    "a=msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000002\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtcp-xr:rcvr-rtt=all\r\n" \
    "a=rtpmap:111 opus/48000/2\r\n" \
    "a=rtcp-fb:111 transport-cc\r\n" \
    "a=fmtp:111 minptime=10;useinbandfec=1\r\n" \
    "a=rtpmap:63 red/48000/2\r\n" \
    "a=fmtp:63 111/111\r\n" \
    "a=rtpmap:9 G722/8000\r\n" \
    "a=rtpmap:0 PCMU/8000\r\n" \
    "a=rtpmap:8 PCMA/8000\r\n" \
    "a=rtpmap:13 CN/8000\r\n" \
    "a=rtpmap:110 telephone-event/48000\r\n" \
    "a=rtpmap:126 telephone-event/8000\r\n" \
    "a=ssrc:105276109 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:105276109 msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000002\r\n" \
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 116 117 39 40 45 46 98 99 100 101 118 119 120\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:1\r\n" \
    "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:13 urn:3gpp:video-orientation\r\n" \
    "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type\r\n" \
    "a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing\r\n" \
    "a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space\r\n" \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" \
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n" \
    "a=sendrecv\r\n" \
    "a=msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtcp-xr:rcvr-rtt=all\r\n" \
    "a=rtpmap:96 VP8/90000\r\n" \
    "a=rtcp-fb:96 goog-remb\r\n" \
    "a=rtcp-fb:96 transport-cc\r\n" \
    "a=rtcp-fb:96 ccm fir\r\n" \
    "a=rtcp-fb:96 nack\r\n" \
    "a=rtcp-fb:96 nack pli\r\n" \
    "a=rtpmap:97 rtx/90000\r\n" \
    "a=fmtp:97 apt=96\r\n" \
    "a=rtpmap:102 H264/90000\r\n" \
    "a=rtcp-fb:102 goog-remb\r\n" \
    "a=rtcp-fb:102 transport-cc\r\n" \
    "a=rtcp-fb:102 ccm fir\r\n" \
    "a=rtcp-fb:102 nack\r\n" \
    "a=rtcp-fb:102 nack pli\r\n" \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" \
    "a=rtpmap:103 rtx/90000\r\n" \
    "a=fmtp:103 apt=102\r\n" \
    "a=rtpmap:104 H264/90000\r\n" \
    "a=rtcp-fb:104 goog-remb\r\n" \
    "a=rtcp-fb:104 transport-cc\r\n" \
    "a=rtcp-fb:104 ccm fir\r\n" \
    "a=rtcp-fb:104 nack\r\n" \
    "a=rtcp-fb:104 nack pli\r\n" \
    "a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n" \
    "a=rtpmap:107 rtx/90000\r\n" \
    "a=fmtp:107 apt=104\r\n" \
    "a=rtpmap:108 H264/90000\r\n" \
    "a=rtcp-fb:108 goog-remb\r\n" \
    "a=rtcp-fb:108 transport-cc\r\n" \
    "a=rtcp-fb:108 ccm fir\r\n" \
    "a=rtcp-fb:108 nack\r\n" \
    "a=rtcp-fb:108 nack pli\r\n" \
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" \
    "a=rtpmap:109 rtx/90000\r\n" \
    "a=fmtp:109 apt=108\r\n" \
    "a=rtpmap:114 H264/90000\r\n" \
    "a=rtcp-fb:114 goog-remb\r\n" \
    "a=rtcp-fb:114 transport-cc\r\n" \
    "a=rtcp-fb:114 ccm fir\r\n" \
    "a=rtcp-fb:114 nack\r\n" \
    "a=rtcp-fb:114 nack pli\r\n" \
    "a=fmtp:114 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n" \
    "a=rtpmap:115 rtx/90000\r\n" \
    "a=fmtp:115 apt=114\r\n" \
    "a=rtpmap:116 H264/90000\r\n" \
    "a=rtcp-fb:116 goog-remb\r\n" \
    "a=rtcp-fb:116 transport-cc\r\n" \
    "a=rtcp-fb:116 ccm fir\r\n" \
    "a=rtcp-fb:116 nack\r\n" \
    "a=rtcp-fb:116 nack pli\r\n" \
    "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n" \
    "a=rtpmap:117 rtx/90000\r\n" \
    "a=fmtp:117 apt=116\r\n" \
    "a=rtpmap:39 H264/90000\r\n" \
    "a=rtcp-fb:39 goog-remb\r\n" \
    "a=rtcp-fb:39 transport-cc\r\n" \
    "a=rtcp-fb:39 ccm fir\r\n" \
    "a=rtcp-fb:39 nack\r\n" \
    "a=rtcp-fb:39 nack pli\r\n" \
    "a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f\r\n" \
    "a=rtpmap:40 rtx/90000\r\n" \
    "a=fmtp:40 apt=39\r\n" \
    "a=rtpmap:45 AV1/90000\r\n" \
    "a=rtcp-fb:45 goog-remb\r\n" \
    "a=rtcp-fb:45 transport-cc\r\n" \
    "a=rtcp-fb:45 ccm fir\r\n" \
    "a=rtcp-fb:45 nack\r\n" \
    "a=rtcp-fb:45 nack pli\r\n" \
    "a=fmtp:45 level-idx=5;profile=0;tier=0\r\n" \
    "a=rtpmap:46 rtx/90000\r\n" \
    "a=fmtp:46 apt=45\r\n" \
    "a=rtpmap:98 VP9/90000\r\n" \
    "a=rtcp-fb:98 goog-remb\r\n" \
    "a=rtcp-fb:98 transport-cc\r\n" \
    "a=rtcp-fb:98 ccm fir\r\n" \
    "a=rtcp-fb:98 nack\r\n" \
    "a=rtcp-fb:98 nack pli\r\n" \
    "a=fmtp:98 profile-id=0\r\n" \
    "a=rtpmap:99 rtx/90000\r\n" \
    "a=fmtp:99 apt=98\r\n" \
    "a=rtpmap:100 VP9/90000\r\n" \
    "a=rtcp-fb:100 goog-remb\r\n" \
    "a=rtcp-fb:100 transport-cc\r\n" \
    "a=rtcp-fb:100 ccm fir\r\n" \
    "a=rtcp-fb:100 nack\r\n" \
    "a=rtcp-fb:100 nack pli\r\n" \
    "a=fmtp:100 profile-id=2\r\n" \
    "a=rtpmap:101 rtx/90000\r\n" \
    "a=fmtp:101 apt=100\r\n" \
    "a=rtpmap:118 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=fmtp:119 apt=118\r\n" \
    "a=rtpmap:120 ulpfec/90000\r\n" \
    "a=ssrc-group:FID 2439090022 3487885584\r\n" \
    "a=ssrc:2439090022 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:2439090022 msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "a=ssrc:3487885584 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:3487885584 msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:2\r\n" \
    "a=sctp-port:5000\r\n" \
    "a=max-message-size:262144\r\n"

#define CHROMIUM_DV \
    "v=0\r\n" \
    "o=- 4546177248470493913 2 IN IP4 127.0.0.1\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=group:BUNDLE 0 1\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=msid-semantic: WMS 00000000-0000-4000-8000-000000000001\r\n" \
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 116 117 39 40 45 46 98 99 100 101 118 119 120\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:0\r\n" \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:3 urn:3gpp:video-orientation\r\n" \
    "a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type\r\n" \
    "a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing\r\n" \
    "a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space\r\n" \
    "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" \
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n" \
    "a=sendrecv\r\n" \
    "a=msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtcp-xr:rcvr-rtt=all\r\n" \
    "a=rtpmap:96 VP8/90000\r\n" \
    "a=rtcp-fb:96 goog-remb\r\n" \
    "a=rtcp-fb:96 transport-cc\r\n" \
    "a=rtcp-fb:96 ccm fir\r\n" \
    "a=rtcp-fb:96 nack\r\n" \
    "a=rtcp-fb:96 nack pli\r\n" \
    "a=rtpmap:97 rtx/90000\r\n" \
    "a=fmtp:97 apt=96\r\n" \
    "a=rtpmap:102 H264/90000\r\n" \
    "a=rtcp-fb:102 goog-remb\r\n" \
    "a=rtcp-fb:102 transport-cc\r\n" \
    "a=rtcp-fb:102 ccm fir\r\n" \
    "a=rtcp-fb:102 nack\r\n" \
    "a=rtcp-fb:102 nack pli\r\n" \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" \
    "a=rtpmap:103 rtx/90000\r\n" \
    "a=fmtp:103 apt=102\r\n" \
    "a=rtpmap:104 H264/90000\r\n" \
    "a=rtcp-fb:104 goog-remb\r\n" \
    "a=rtcp-fb:104 transport-cc\r\n" \
    "a=rtcp-fb:104 ccm fir\r\n" \
    "a=rtcp-fb:104 nack\r\n" \
    "a=rtcp-fb:104 nack pli\r\n" \
    "a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n" \
    "a=rtpmap:107 rtx/90000\r\n" \
    "a=fmtp:107 apt=104\r\n" \
    "a=rtpmap:108 H264/90000\r\n" \
    "a=rtcp-fb:108 goog-remb\r\n" \
    "a=rtcp-fb:108 transport-cc\r\n" \
    "a=rtcp-fb:108 ccm fir\r\n" \
    "a=rtcp-fb:108 nack\r\n" \
    "a=rtcp-fb:108 nack pli\r\n" \
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" \
    "a=rtpmap:109 rtx/90000\r\n" \
    "a=fmtp:109 apt=108\r\n" \
    "a=rtpmap:114 H264/90000\r\n" \
    "a=rtcp-fb:114 goog-remb\r\n" \
    "a=rtcp-fb:114 transport-cc\r\n" \
    "a=rtcp-fb:114 ccm fir\r\n" \
    "a=rtcp-fb:114 nack\r\n" \
    "a=rtcp-fb:114 nack pli\r\n" \
    "a=fmtp:114 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n" \
    "a=rtpmap:115 rtx/90000\r\n" \
    "a=fmtp:115 apt=114\r\n" \
    "a=rtpmap:116 H264/90000\r\n" \
    "a=rtcp-fb:116 goog-remb\r\n" \
    "a=rtcp-fb:116 transport-cc\r\n" \
    "a=rtcp-fb:116 ccm fir\r\n" \
    "a=rtcp-fb:116 nack\r\n" \
    "a=rtcp-fb:116 nack pli\r\n" \
    "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n" \
    "a=rtpmap:117 rtx/90000\r\n" \
    "a=fmtp:117 apt=116\r\n" \
    "a=rtpmap:39 H264/90000\r\n" \
    "a=rtcp-fb:39 goog-remb\r\n" \
    "a=rtcp-fb:39 transport-cc\r\n" \
    "a=rtcp-fb:39 ccm fir\r\n" \
    "a=rtcp-fb:39 nack\r\n" \
    "a=rtcp-fb:39 nack pli\r\n" \
    "a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f\r\n" \
    "a=rtpmap:40 rtx/90000\r\n" \
    "a=fmtp:40 apt=39\r\n" \
    "a=rtpmap:45 AV1/90000\r\n" \
    "a=rtcp-fb:45 goog-remb\r\n" \
    "a=rtcp-fb:45 transport-cc\r\n" \
    "a=rtcp-fb:45 ccm fir\r\n" \
    "a=rtcp-fb:45 nack\r\n" \
    "a=rtcp-fb:45 nack pli\r\n" \
    "a=fmtp:45 level-idx=5;profile=0;tier=0\r\n" \
    "a=rtpmap:46 rtx/90000\r\n" \
    "a=fmtp:46 apt=45\r\n" \
    "a=rtpmap:98 VP9/90000\r\n" \
    "a=rtcp-fb:98 goog-remb\r\n" \
    "a=rtcp-fb:98 transport-cc\r\n" \
    "a=rtcp-fb:98 ccm fir\r\n" \
    "a=rtcp-fb:98 nack\r\n" \
    "a=rtcp-fb:98 nack pli\r\n" \
    "a=fmtp:98 profile-id=0\r\n" \
    "a=rtpmap:99 rtx/90000\r\n" \
    "a=fmtp:99 apt=98\r\n" \
    "a=rtpmap:100 VP9/90000\r\n" \
    "a=rtcp-fb:100 goog-remb\r\n" \
    "a=rtcp-fb:100 transport-cc\r\n" \
    "a=rtcp-fb:100 ccm fir\r\n" \
    "a=rtcp-fb:100 nack\r\n" \
    "a=rtcp-fb:100 nack pli\r\n" \
    "a=fmtp:100 profile-id=2\r\n" \
    "a=rtpmap:101 rtx/90000\r\n" \
    "a=fmtp:101 apt=100\r\n" \
    "a=rtpmap:118 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=fmtp:119 apt=118\r\n" \
    "a=rtpmap:120 ulpfec/90000\r\n" \
    "a=ssrc-group:FID 721955562 652624840\r\n" \
    "a=ssrc:721955562 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:721955562 msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "a=ssrc:652624840 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:652624840 msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:1\r\n" \
    "a=sctp-port:5000\r\n" \
    "a=max-message-size:262144\r\n"

#define CHROMIUM_SIMULCAST \
    "v=0\r\n" \
    "o=- 4546177248470493913 2 IN IP4 127.0.0.1\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=group:BUNDLE 0\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=msid-semantic: WMS 00000000-0000-4000-8000-000000000001\r\n" \
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 116 117 39 40 45 46 98 99 100 101 118 119 120\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:0\r\n" \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:3 urn:3gpp:video-orientation\r\n" \
    "a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type\r\n" \
    "a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing\r\n" \
    "a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space\r\n" \
    "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" \
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n" \
    "a=extmap:13 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n" \
    "a=extmap:14 http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00\r\n" \
    "a=sendrecv\r\n" \
    "a=msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtcp-xr:rcvr-rtt=all\r\n" \
    "a=rtpmap:96 VP8/90000\r\n" \
    "a=rtcp-fb:96 goog-remb\r\n" \
    "a=rtcp-fb:96 transport-cc\r\n" \
    "a=rtcp-fb:96 ccm fir\r\n" \
    "a=rtcp-fb:96 nack\r\n" \
    "a=rtcp-fb:96 nack pli\r\n" \
    "a=rtpmap:97 rtx/90000\r\n" \
    "a=fmtp:97 apt=96\r\n" \
    "a=rtpmap:102 H264/90000\r\n" \
    "a=rtcp-fb:102 goog-remb\r\n" \
    "a=rtcp-fb:102 transport-cc\r\n" \
    "a=rtcp-fb:102 ccm fir\r\n" \
    "a=rtcp-fb:102 nack\r\n" \
    "a=rtcp-fb:102 nack pli\r\n" \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" \
    "a=rtpmap:103 rtx/90000\r\n" \
    "a=fmtp:103 apt=102\r\n" \
    "a=rtpmap:104 H264/90000\r\n" \
    "a=rtcp-fb:104 goog-remb\r\n" \
    "a=rtcp-fb:104 transport-cc\r\n" \
    "a=rtcp-fb:104 ccm fir\r\n" \
    "a=rtcp-fb:104 nack\r\n" \
    "a=rtcp-fb:104 nack pli\r\n" \
    "a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n" \
    "a=rtpmap:107 rtx/90000\r\n" \
    "a=fmtp:107 apt=104\r\n" \
    "a=rtpmap:108 H264/90000\r\n" \
    "a=rtcp-fb:108 goog-remb\r\n" \
    "a=rtcp-fb:108 transport-cc\r\n" \
    "a=rtcp-fb:108 ccm fir\r\n" \
    "a=rtcp-fb:108 nack\r\n" \
    "a=rtcp-fb:108 nack pli\r\n" \
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" \
    "a=rtpmap:109 rtx/90000\r\n" \
    "a=fmtp:109 apt=108\r\n" \
    "a=rtpmap:114 H264/90000\r\n" \
    "a=rtcp-fb:114 goog-remb\r\n" \
    "a=rtcp-fb:114 transport-cc\r\n" \
    "a=rtcp-fb:114 ccm fir\r\n" \
    "a=rtcp-fb:114 nack\r\n" \
    "a=rtcp-fb:114 nack pli\r\n" \
    "a=fmtp:114 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n" \
    "a=rtpmap:115 rtx/90000\r\n" \
    "a=fmtp:115 apt=114\r\n" \
    "a=rtpmap:116 H264/90000\r\n" \
    "a=rtcp-fb:116 goog-remb\r\n" \
    "a=rtcp-fb:116 transport-cc\r\n" \
    "a=rtcp-fb:116 ccm fir\r\n" \
    "a=rtcp-fb:116 nack\r\n" \
    "a=rtcp-fb:116 nack pli\r\n" \
    "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n" \
    "a=rtpmap:117 rtx/90000\r\n" \
    "a=fmtp:117 apt=116\r\n" \
    "a=rtpmap:39 H264/90000\r\n" \
    "a=rtcp-fb:39 goog-remb\r\n" \
    "a=rtcp-fb:39 transport-cc\r\n" \
    "a=rtcp-fb:39 ccm fir\r\n" \
    "a=rtcp-fb:39 nack\r\n" \
    "a=rtcp-fb:39 nack pli\r\n" \
    "a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f\r\n" \
    "a=rtpmap:40 rtx/90000\r\n" \
    "a=fmtp:40 apt=39\r\n" \
    "a=rtpmap:45 AV1/90000\r\n" \
    "a=rtcp-fb:45 goog-remb\r\n" \
    "a=rtcp-fb:45 transport-cc\r\n" \
    "a=rtcp-fb:45 ccm fir\r\n" \
    "a=rtcp-fb:45 nack\r\n" \
    "a=rtcp-fb:45 nack pli\r\n" \
    "a=fmtp:45 level-idx=5;profile=0;tier=0\r\n" \
    "a=rtpmap:46 rtx/90000\r\n" \
    "a=fmtp:46 apt=45\r\n" \
    "a=rtpmap:98 VP9/90000\r\n" \
    "a=rtcp-fb:98 goog-remb\r\n" \
    "a=rtcp-fb:98 transport-cc\r\n" \
    "a=rtcp-fb:98 ccm fir\r\n" \
    "a=rtcp-fb:98 nack\r\n" \
    "a=rtcp-fb:98 nack pli\r\n" \
    "a=fmtp:98 profile-id=0\r\n" \
    "a=rtpmap:99 rtx/90000\r\n" \
    "a=fmtp:99 apt=98\r\n" \
    "a=rtpmap:100 VP9/90000\r\n" \
    "a=rtcp-fb:100 goog-remb\r\n" \
    "a=rtcp-fb:100 transport-cc\r\n" \
    "a=rtcp-fb:100 ccm fir\r\n" \
    "a=rtcp-fb:100 nack\r\n" \
    "a=rtcp-fb:100 nack pli\r\n" \
    "a=fmtp:100 profile-id=2\r\n" \
    "a=rtpmap:101 rtx/90000\r\n" \
    "a=fmtp:101 apt=100\r\n" \
    "a=rtpmap:118 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=fmtp:119 apt=118\r\n" \
    "a=rtpmap:120 ulpfec/90000\r\n" \
    "a=rid:h send\r\n" \
    "a=rid:l send\r\n" \
    "a=simulcast:send h;l\r\n"

#define CHROMIUM_STOPPED \
    "v=0\r\n" \
    "o=- 4546177248470493913 3 IN IP4 127.0.0.1\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=group:BUNDLE 0\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=msid-semantic: WMS\r\n" \
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:0\r\n" \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" \
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=sendrecv\r\n" \
    "a=msid:- 00000000-0000-4000-8000-000000000004\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtcp-xr:rcvr-rtt=all\r\n" \
    "a=rtpmap:111 opus/48000/2\r\n" \
    "a=rtcp-fb:111 transport-cc\r\n" \
    "a=fmtp:111 minptime=10;useinbandfec=1\r\n" \
    "a=rtpmap:63 red/48000/2\r\n" \
    "a=fmtp:63 111/111\r\n" \
    "a=rtpmap:9 G722/8000\r\n" \
    "a=rtpmap:0 PCMU/8000\r\n" \
    "a=rtpmap:8 PCMA/8000\r\n" \
    "a=rtpmap:13 CN/8000\r\n" \
    "a=rtpmap:110 telephone-event/48000\r\n" \
    "a=rtpmap:126 telephone-event/8000\r\n" \
    "a=ssrc:2628553712 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:2628553712 msid:- 00000000-0000-4000-8000-000000000004\r\n" \
    "m=video 0 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 116 117 39 40 45 46 98 99 100 101 118 119 120\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:1\r\n" \
    "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:13 urn:3gpp:video-orientation\r\n" \
    "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type\r\n" \
    "a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing\r\n" \
    "a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space\r\n" \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" \
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n" \
    "a=inactive\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtcp-xr:rcvr-rtt=all\r\n" \
    "a=rtpmap:96 VP8/90000\r\n" \
    "a=rtcp-fb:96 goog-remb\r\n" \
    "a=rtcp-fb:96 transport-cc\r\n" \
    "a=rtcp-fb:96 ccm fir\r\n" \
    "a=rtcp-fb:96 nack\r\n" \
    "a=rtcp-fb:96 nack pli\r\n" \
    "a=rtpmap:97 rtx/90000\r\n" \
    "a=fmtp:97 apt=96\r\n" \
    "a=rtpmap:102 H264/90000\r\n" \
    "a=rtcp-fb:102 goog-remb\r\n" \
    "a=rtcp-fb:102 transport-cc\r\n" \
    "a=rtcp-fb:102 ccm fir\r\n" \
    "a=rtcp-fb:102 nack\r\n" \
    "a=rtcp-fb:102 nack pli\r\n" \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" \
    "a=rtpmap:103 rtx/90000\r\n" \
    "a=fmtp:103 apt=102\r\n" \
    "a=rtpmap:104 H264/90000\r\n" \
    "a=rtcp-fb:104 goog-remb\r\n" \
    "a=rtcp-fb:104 transport-cc\r\n" \
    "a=rtcp-fb:104 ccm fir\r\n" \
    "a=rtcp-fb:104 nack\r\n" \
    "a=rtcp-fb:104 nack pli\r\n" \
    "a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n" \
    "a=rtpmap:107 rtx/90000\r\n" \
    "a=fmtp:107 apt=104\r\n" \
    "a=rtpmap:108 H264/90000\r\n" \
    "a=rtcp-fb:108 goog-remb\r\n" \
    "a=rtcp-fb:108 transport-cc\r\n" \
    "a=rtcp-fb:108 ccm fir\r\n" \
    "a=rtcp-fb:108 nack\r\n" \
    "a=rtcp-fb:108 nack pli\r\n" \
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" \
    "a=rtpmap:109 rtx/90000\r\n" \
    "a=fmtp:109 apt=108\r\n" \
    "a=rtpmap:114 H264/90000\r\n" \
    "a=rtcp-fb:114 goog-remb\r\n" \
    "a=rtcp-fb:114 transport-cc\r\n" \
    "a=rtcp-fb:114 ccm fir\r\n" \
    "a=rtcp-fb:114 nack\r\n" \
    "a=rtcp-fb:114 nack pli\r\n" \
    "a=fmtp:114 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n" \
    "a=rtpmap:115 rtx/90000\r\n" \
    "a=fmtp:115 apt=114\r\n" \
    "a=rtpmap:116 H264/90000\r\n" \
    "a=rtcp-fb:116 goog-remb\r\n" \
    "a=rtcp-fb:116 transport-cc\r\n" \
    "a=rtcp-fb:116 ccm fir\r\n" \
    "a=rtcp-fb:116 nack\r\n" \
    "a=rtcp-fb:116 nack pli\r\n" \
    "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n" \
    "a=rtpmap:117 rtx/90000\r\n" \
    "a=fmtp:117 apt=116\r\n" \
    "a=rtpmap:39 H264/90000\r\n" \
    "a=rtcp-fb:39 goog-remb\r\n" \
    "a=rtcp-fb:39 transport-cc\r\n" \
    "a=rtcp-fb:39 ccm fir\r\n" \
    "a=rtcp-fb:39 nack\r\n" \
    "a=rtcp-fb:39 nack pli\r\n" \
    "a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f\r\n" \
    "a=rtpmap:40 rtx/90000\r\n" \
    "a=fmtp:40 apt=39\r\n" \
    "a=rtpmap:45 AV1/90000\r\n" \
    "a=rtcp-fb:45 goog-remb\r\n" \
    "a=rtcp-fb:45 transport-cc\r\n" \
    "a=rtcp-fb:45 ccm fir\r\n" \
    "a=rtcp-fb:45 nack\r\n" \
    "a=rtcp-fb:45 nack pli\r\n" \
    "a=fmtp:45 level-idx=5;profile=0;tier=0\r\n" \
    "a=rtpmap:46 rtx/90000\r\n" \
    "a=fmtp:46 apt=45\r\n" \
    "a=rtpmap:98 VP9/90000\r\n" \
    "a=rtcp-fb:98 goog-remb\r\n" \
    "a=rtcp-fb:98 transport-cc\r\n" \
    "a=rtcp-fb:98 ccm fir\r\n" \
    "a=rtcp-fb:98 nack\r\n" \
    "a=rtcp-fb:98 nack pli\r\n" \
    "a=fmtp:98 profile-id=0\r\n" \
    "a=rtpmap:99 rtx/90000\r\n" \
    "a=fmtp:99 apt=98\r\n" \
    "a=rtpmap:100 VP9/90000\r\n" \
    "a=rtcp-fb:100 goog-remb\r\n" \
    "a=rtcp-fb:100 transport-cc\r\n" \
    "a=rtcp-fb:100 ccm fir\r\n" \
    "a=rtcp-fb:100 nack\r\n" \
    "a=rtcp-fb:100 nack pli\r\n" \
    "a=fmtp:100 profile-id=2\r\n" \
    "a=rtpmap:101 rtx/90000\r\n" \
    "a=fmtp:101 apt=100\r\n" \
    "a=rtpmap:118 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=fmtp:119 apt=118\r\n" \
    "a=rtpmap:120 ulpfec/90000\r\n"

#define CHROMIUM_RECYCLED \
    "v=0\r\n" \
    "o=- 4546177248470493913 4 IN IP4 127.0.0.1\r\n" \
    "s=-\r\n" \
    "t=0 0\r\n" \
    "a=group:BUNDLE 0 2\r\n" \
    "a=extmap-allow-mixed\r\n" \
    "a=msid-semantic: WMS 00000000-0000-4000-8000-000000000001\r\n" \
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:0\r\n" \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" \
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=sendrecv\r\n" \
    "a=msid:- 00000000-0000-4000-8000-000000000004\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtcp-xr:rcvr-rtt=all\r\n" \
    "a=rtpmap:111 opus/48000/2\r\n" \
    "a=rtcp-fb:111 transport-cc\r\n" \
    "a=fmtp:111 minptime=10;useinbandfec=1\r\n" \
    "a=rtpmap:63 red/48000/2\r\n" \
    "a=fmtp:63 111/111\r\n" \
    "a=rtpmap:9 G722/8000\r\n" \
    "a=rtpmap:0 PCMU/8000\r\n" \
    "a=rtpmap:8 PCMA/8000\r\n" \
    "a=rtpmap:13 CN/8000\r\n" \
    "a=rtpmap:110 telephone-event/48000\r\n" \
    "a=rtpmap:126 telephone-event/8000\r\n" \
    "a=ssrc:2628553712 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:2628553712 msid:- 00000000-0000-4000-8000-000000000004\r\n" \
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 116 117 39 40 45 46 98 99 100 101 118 119 120\r\n" \
    "c=IN IP4 0.0.0.0\r\n" \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=ice-ufrag:uchro\r\n" \
    "a=ice-pwd:0123456789abcdefghijklmn\r\n" \
    "a=ice-options:trickle\r\n" \
    "a=fingerprint:sha-256 5B:73:22:0E:4C:61:0A:9D:11:2F:44:90:7E:03:C8:5A:BB:1D:6F:72:38:E4:05:99:A0:C6:3B:71:D2:8F:40:17\r\n" \
    "a=setup:actpass\r\n" \
    "a=mid:2\r\n" \
    "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset\r\n" \
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" \
    "a=extmap:13 urn:3gpp:video-orientation\r\n" \
    "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" \
    "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" \
    "a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type\r\n" \
    "a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing\r\n" \
    "a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space\r\n" \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" \
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n" \
    "a=sendrecv\r\n" \
    "a=msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "a=rtcp-mux\r\n" \
    "a=rtcp-rsize\r\n" \
    "a=rtcp-xr:rcvr-rtt=all\r\n" \
    "a=rtpmap:96 VP8/90000\r\n" \
    "a=rtcp-fb:96 goog-remb\r\n" \
    "a=rtcp-fb:96 transport-cc\r\n" \
    "a=rtcp-fb:96 ccm fir\r\n" \
    "a=rtcp-fb:96 nack\r\n" \
    "a=rtcp-fb:96 nack pli\r\n" \
    "a=rtpmap:97 rtx/90000\r\n" \
    "a=fmtp:97 apt=96\r\n" \
    "a=rtpmap:102 H264/90000\r\n" \
    "a=rtcp-fb:102 goog-remb\r\n" \
    "a=rtcp-fb:102 transport-cc\r\n" \
    "a=rtcp-fb:102 ccm fir\r\n" \
    "a=rtcp-fb:102 nack\r\n" \
    "a=rtcp-fb:102 nack pli\r\n" \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" \
    "a=rtpmap:103 rtx/90000\r\n" \
    "a=fmtp:103 apt=102\r\n" \
    "a=rtpmap:104 H264/90000\r\n" \
    "a=rtcp-fb:104 goog-remb\r\n" \
    "a=rtcp-fb:104 transport-cc\r\n" \
    "a=rtcp-fb:104 ccm fir\r\n" \
    "a=rtcp-fb:104 nack\r\n" \
    "a=rtcp-fb:104 nack pli\r\n" \
    "a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n" \
    "a=rtpmap:107 rtx/90000\r\n" \
    "a=fmtp:107 apt=104\r\n" \
    "a=rtpmap:108 H264/90000\r\n" \
    "a=rtcp-fb:108 goog-remb\r\n" \
    "a=rtcp-fb:108 transport-cc\r\n" \
    "a=rtcp-fb:108 ccm fir\r\n" \
    "a=rtcp-fb:108 nack\r\n" \
    "a=rtcp-fb:108 nack pli\r\n" \
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" \
    "a=rtpmap:109 rtx/90000\r\n" \
    "a=fmtp:109 apt=108\r\n" \
    "a=rtpmap:114 H264/90000\r\n" \
    "a=rtcp-fb:114 goog-remb\r\n" \
    "a=rtcp-fb:114 transport-cc\r\n" \
    "a=rtcp-fb:114 ccm fir\r\n" \
    "a=rtcp-fb:114 nack\r\n" \
    "a=rtcp-fb:114 nack pli\r\n" \
    "a=fmtp:114 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n" \
    "a=rtpmap:115 rtx/90000\r\n" \
    "a=fmtp:115 apt=114\r\n" \
    "a=rtpmap:116 H264/90000\r\n" \
    "a=rtcp-fb:116 goog-remb\r\n" \
    "a=rtcp-fb:116 transport-cc\r\n" \
    "a=rtcp-fb:116 ccm fir\r\n" \
    "a=rtcp-fb:116 nack\r\n" \
    "a=rtcp-fb:116 nack pli\r\n" \
    "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n" \
    "a=rtpmap:117 rtx/90000\r\n" \
    "a=fmtp:117 apt=116\r\n" \
    "a=rtpmap:39 H264/90000\r\n" \
    "a=rtcp-fb:39 goog-remb\r\n" \
    "a=rtcp-fb:39 transport-cc\r\n" \
    "a=rtcp-fb:39 ccm fir\r\n" \
    "a=rtcp-fb:39 nack\r\n" \
    "a=rtcp-fb:39 nack pli\r\n" \
    "a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f\r\n" \
    "a=rtpmap:40 rtx/90000\r\n" \
    "a=fmtp:40 apt=39\r\n" \
    "a=rtpmap:45 AV1/90000\r\n" \
    "a=rtcp-fb:45 goog-remb\r\n" \
    "a=rtcp-fb:45 transport-cc\r\n" \
    "a=rtcp-fb:45 ccm fir\r\n" \
    "a=rtcp-fb:45 nack\r\n" \
    "a=rtcp-fb:45 nack pli\r\n" \
    "a=fmtp:45 level-idx=5;profile=0;tier=0\r\n" \
    "a=rtpmap:46 rtx/90000\r\n" \
    "a=fmtp:46 apt=45\r\n" \
    "a=rtpmap:98 VP9/90000\r\n" \
    "a=rtcp-fb:98 goog-remb\r\n" \
    "a=rtcp-fb:98 transport-cc\r\n" \
    "a=rtcp-fb:98 ccm fir\r\n" \
    "a=rtcp-fb:98 nack\r\n" \
    "a=rtcp-fb:98 nack pli\r\n" \
    "a=fmtp:98 profile-id=0\r\n" \
    "a=rtpmap:99 rtx/90000\r\n" \
    "a=fmtp:99 apt=98\r\n" \
    "a=rtpmap:100 VP9/90000\r\n" \
    "a=rtcp-fb:100 goog-remb\r\n" \
    "a=rtcp-fb:100 transport-cc\r\n" \
    "a=rtcp-fb:100 ccm fir\r\n" \
    "a=rtcp-fb:100 nack\r\n" \
    "a=rtcp-fb:100 nack pli\r\n" \
    "a=fmtp:100 profile-id=2\r\n" \
    "a=rtpmap:101 rtx/90000\r\n" \
    "a=fmtp:101 apt=100\r\n" \
    "a=rtpmap:118 red/90000\r\n" \
    "a=rtpmap:119 rtx/90000\r\n" \
    "a=fmtp:119 apt=118\r\n" \
    "a=rtpmap:120 ulpfec/90000\r\n" \
    "a=ssrc-group:FID 3202577883 4148711178\r\n" \
    "a=ssrc:3202577883 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:3202577883 msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n" \
    "a=ssrc:4148711178 cname:abcdefghijklmnop\r\n" \
    "a=ssrc:4148711178 msid:00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000003\r\n"

/* clang-format on */
#endif
