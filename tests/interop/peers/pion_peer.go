// pion_peer.go - a headless end of a call on pion/webrtc v3, with xcall-peer's JSON lines
// (docs/peer.md). It has no codecs: it sends frames of an Ogg and an IVF file that were encoded
// before, in a loop, and stores the frames that come as Ogg and IVF for others to decode. Data as
// {"type":"data","label":..,"text"|"base64":..} lines.
// SPDX-License-Identifier: MIT
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc"
	"github.com/pion/webrtc/pkg/media"
	"github.com/pion/webrtc/pkg/media/ivfreader"
	"github.com/pion/webrtc/pkg/media/ivfwriter"
	"github.com/pion/webrtc/pkg/media/oggreader"
	"github.com/pion/webrtc/pkg/media/oggwriter"
)

type line struct {
	Type          string  `json:"type"`
	SDP           string  `json:"sdp,omitempty"`
	Candidate     *string `json:"candidate,omitempty"`
	SDPMid        *string `json:"sdpMid,omitempty"`
	SDPMLineIndex *uint16 `json:"sdpMLineIndex,omitempty"`
	State         string  `json:"state,omitempty"`
	Reason        string  `json:"reason,omitempty"`
	Label         string  `json:"label,omitempty"`
	Text          *string `json:"text,omitempty"`
	Base64        *string `json:"base64,omitempty"`
	Action        string  `json:"action,omitempty"`
}

type statistics struct {
	Type              string `json:"type"`
	Connected         bool   `json:"connected"`
	AudioPackets      int    `json:"audio_packets"`
	VideoPackets      int    `json:"video_packets"`
	VideoFrames       int    `json:"video_frames"`
	VideoKeyFrames    int    `json:"video_key_frames"`
	VideoBroken       int    `json:"video_broken"` // payloads that are no VP8
	PicturesRequested int    `json:"pictures_requested"`
	AudioSent         int    `json:"audio_frames_sent"`
	VideoSent         int    `json:"video_frames_sent"`
	Error             string `json:"error"`
}

type peer struct {
	sync.Mutex
	connection *webrtc.PeerConnection
	channels   map[string]*webrtc.DataChannel
	waiting    []webrtc.ICECandidateInit
	stats      statistics
	connected  chan struct{}
	ended      chan string
	writers    []io.Closer
	once       sync.Once
}

var (
	offers    = flag.Bool("offer", false, "make the offer")
	answers   = flag.Bool("answer", false, "wait for one")
	audioIn   = flag.String("audio-in", "", "FILE.ogg with Opus frames to send")
	videoIn   = flag.String("video-in", "", "FILE.ivf with VP8 frames to send")
	audioOut  = flag.String("audio-out", "", "FILE.ogg for what was heard")
	videoOut  = flag.String("video-out", "", "FILE.ivf for what was seen")
	data      = flag.Bool("data", false, "with a data channel")
	seconds   = flag.Float64("seconds", 0, "end so long after connected")
	statsPath = flag.String("stats", "", "closing statistics, JSON")
)

var output sync.Mutex

func say(what interface{}) {
	text, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(text))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pion_peer:", err)
		os.Exit(2)
	}
}

func (p *peer) end(reason string) {
	select {
	case p.ended <- reason:
	default:
	}
}

// --- sending ---------------------------------------------------------------------------------------

type frame struct {
	data     []byte
	duration time.Duration
}

func readOgg(path string) (frames []frame) {
	file, err := os.Open(path)
	must(err)
	defer file.Close()
	reader, _, err := oggreader.NewWith(file)
	must(err)
	var last uint64
	for {
		page, header, err := reader.ParseNextPage()
		if err == io.EOF {
			return frames
		}
		must(err)
		samples := header.GranulePosition - last
		last = header.GranulePosition
		if samples == 0 || strings.HasPrefix(string(page), "OpusTags") {
			continue
		}
		frames = append(frames, frame{page, 20 * time.Millisecond})
	}
}

func readIVF(path string) (frames []frame) {
	file, err := os.Open(path)
	must(err)
	defer file.Close()
	reader, header, err := ivfreader.NewWith(file)
	must(err)
	duration := time.Second * time.Duration(header.TimebaseNumerator) /
		time.Duration(header.TimebaseDenominator)
	for {
		data, _, err := reader.ParseNextFrame()
		if err == io.EOF {
			return frames
		}
		must(err)
		frames = append(frames, frame{data, duration})
	}
}

func (p *peer) addTrack(mime string, id string, frames []frame, sent *int) {
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, id,
		"stream")
	must(err)
	sender, err := p.connection.AddTrack(track)
	must(err)
	go func() { // interceptors work while RTCP is read
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				switch packet.(type) {
				case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
					p.Lock()
					p.stats.PicturesRequested++
					p.Unlock()
				}
			}
		}
	}()
	go func() {
		<-p.connected
		due := time.Now()
		for i := 0; ; i = (i + 1) % len(frames) {
			time.Sleep(time.Until(due))
			if track.WriteSample(media.Sample{Data: frames[i].data,
				Duration: frames[i].duration}) != nil {
				return
			}
			p.Lock()
			*sent++
			p.Unlock()
			due = due.Add(frames[i].duration)
		}
	}()
}

func (p *peer) addTracks() {
	if *audioIn != "" {
		p.addTrack(webrtc.MimeTypeOpus, "sound", readOgg(*audioIn), &p.stats.AudioSent)
	}
	if *videoIn != "" {
		p.addTrack(webrtc.MimeTypeVP8, "pictures", readIVF(*videoIn), &p.stats.VideoSent)
	}
}

// --- receiving -------------------------------------------------------------------------------------

func (p *peer) countVideo(payload []byte) {
	var vp8 codecs.VP8Packet
	body, err := vp8.Unmarshal(payload)
	p.stats.VideoPackets++
	if err != nil || len(body) == 0 {
		p.stats.VideoBroken++
	} else if vp8.S == 1 && vp8.PID == 0 {
		p.stats.VideoFrames++
		if body[0]&1 == 0 { // RFC 6386 section 9.1: 0 is a key frame
			p.stats.VideoKeyFrames++
			if len(body) < 10 || body[3] != 0x9d || body[4] != 0x01 || body[5] != 0x2a {
				p.stats.VideoBroken++
			}
		}
	}
}

func (p *peer) onTrack(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	var writer media.Writer
	var err error
	sound := track.Kind() == webrtc.RTPCodecTypeAudio
	if sound && *audioOut != "" {
		writer, err = oggwriter.New(*audioOut, 48000, 2)
	} else if !sound && *videoOut != "" {
		writer, err = ivfwriter.New(*videoOut)
	}
	must(err)
	if writer != nil {
		p.Lock()
		p.writers = append(p.writers, writer)
		p.Unlock()
	}
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		p.Lock()
		if sound {
			p.stats.AudioPackets++
		} else {
			p.countVideo(packet.Payload)
		}
		if writer != nil {
			_ = writer.WriteRTP(packet)
		}
		p.Unlock()
	}
}

// --- data ------------------------------------------------------------------------------------------

func (p *peer) addChannel(channel *webrtc.DataChannel) {
	p.Lock()
	p.channels[channel.Label()] = channel
	p.Unlock()
	channel.OnOpen(func() {
		say(line{Type: "channel", Label: channel.Label(), State: "open"})
		raw, err := channel.Detach()
		must(err)
		go receive(channel.Label(), raw)
	})
}

// Detached, as OnMessage's buffer ends one byte below 64 KiB.
func receive(label string, raw datachannel.ReadWriteCloser) {
	buffer := make([]byte, 1<<18)
	for {
		size, isText, err := raw.ReadDataChannel(buffer)
		if err != nil {
			return
		}
		out := line{Type: "data", Label: label}
		if isText {
			text := string(buffer[:size])
			out.Text = &text
		} else {
			text := base64.StdEncoding.EncodeToString(buffer[:size])
			out.Base64 = &text
		}
		say(out)
	}
}

func (p *peer) createChannel(label string) *webrtc.DataChannel {
	channel, err := p.connection.CreateDataChannel(label, nil)
	must(err)
	p.addChannel(channel)
	return channel
}

func (p *peer) send(in line) {
	p.Lock()
	channel := p.channels[in.Label]
	p.Unlock()
	if channel == nil {
		channel = p.createChannel(in.Label)
	}
	for i := 0; i < 1000 && channel.ReadyState() == webrtc.DataChannelStateConnecting; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	var err error
	if in.Text != nil {
		err = channel.SendText(*in.Text)
	} else if in.Base64 != nil {
		var bytes []byte
		if bytes, err = base64.StdEncoding.DecodeString(*in.Base64); err == nil {
			err = channel.Send(bytes)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pion_peer: data:", err)
	}
}

// --- signals ---------------------------------------------------------------------------------------

func (p *peer) onCandidate(candidate *webrtc.ICECandidate) {
	if candidate == nil {
		return
	}
	init := candidate.ToJSON()
	say(line{Type: "candidate", Candidate: &init.Candidate, SDPMid: init.SDPMid,
		SDPMLineIndex: init.SDPMLineIndex})
}

func (p *peer) onState(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		p.once.Do(func() {
			p.Lock()
			p.stats.Connected = true
			p.Unlock()
			close(p.connected)
			say(line{Type: "state", State: "connected"})
			if *seconds > 0 {
				time.AfterFunc(time.Duration(*seconds*1e9), func() {
					say(line{Type: "hangup"})
					p.end("")
				})
			}
		})
	case webrtc.PeerConnectionStateFailed:
		p.end("connection failed")
	}
}

func (p *peer) describe(description webrtc.SessionDescription, err error) {
	must(err)
	must(p.connection.SetLocalDescription(description))
	say(line{Type: description.Type.String(), SDP: description.SDP})
}

func (p *peer) take(in line) {
	switch in.Type {
	case "offer", "answer":
		must(p.connection.SetRemoteDescription(webrtc.SessionDescription{
			Type: webrtc.NewSDPType(in.Type), SDP: in.SDP}))
		if in.Type == "offer" {
			if len(p.connection.GetSenders()) == 0 || p.stats.AudioSent+p.stats.VideoSent == 0 {
				p.addTracks()
			}
			p.describe(p.connection.CreateAnswer(nil))
		}
		for _, candidate := range p.waiting {
			_ = p.connection.AddICECandidate(candidate)
		}
		p.waiting = nil
	case "candidate":
		if in.Candidate == nil || *in.Candidate == "" {
			return
		}
		candidate := webrtc.ICECandidateInit{Candidate: *in.Candidate, SDPMid: in.SDPMid,
			SDPMLineIndex: in.SDPMLineIndex}
		if p.connection.RemoteDescription() == nil {
			p.waiting = append(p.waiting, candidate)
		} else if err := p.connection.AddICECandidate(candidate); err != nil {
			fmt.Fprintln(os.Stderr, "pion_peer: candidate:", err)
		}
	case "data":
		go p.send(in)
	case "do":
		if in.Action == "stats" {
			p.Lock()
			say(p.stats)
			p.Unlock()
		}
	case "hangup", "bye":
		if p.stats.Connected {
			p.end("")
		} else {
			p.end("did not connect")
		}
	}
}

func (p *peer) read() {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(make([]byte, 1<<16), 1<<20)
	for scanner.Scan() {
		var in line
		if len(scanner.Bytes()) == 0 {
			continue
		}
		if err := json.Unmarshal(scanner.Bytes(), &in); err != nil {
			fmt.Fprintln(os.Stderr, "pion_peer: no JSON:", err)
			continue
		}
		p.take(in)
	}
	p.take(line{Type: "hangup"})
}

// As webrtc.NewPeerConnection, with data channels that can be detached.
func newConnection(configuration webrtc.Configuration) (*webrtc.PeerConnection, error) {
	var settings webrtc.SettingEngine
	var engine webrtc.MediaEngine
	registry := &interceptor.Registry{}
	log := logging.NewDefaultLoggerFactory()
	log.Writer = os.Stderr
	settings.LoggerFactory = log
	settings.DetachDataChannels()
	must(engine.RegisterDefaultCodecs())
	must(webrtc.RegisterDefaultInterceptors(&engine, registry))
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&engine),
		webrtc.WithInterceptorRegistry(registry)).NewPeerConnection(configuration)
}

func main() {
	flag.Parse()
	if *offers == *answers {
		must(fmt.Errorf("one of --offer and --answer"))
	}
	connection, err := newConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle})
	must(err)
	p := &peer{connection: connection, channels: map[string]*webrtc.DataChannel{},
		connected: make(chan struct{}), ended: make(chan string, 1)}
	p.stats.Type = "stats"
	connection.OnICECandidate(p.onCandidate)
	connection.OnConnectionStateChange(p.onState)
	connection.OnTrack(p.onTrack)
	connection.OnDataChannel(p.addChannel)
	if *offers {
		p.addTracks()
		if *data {
			p.createChannel("data")
		}
		p.describe(connection.CreateOffer(nil))
	}
	go p.read()
	reason := <-p.ended
	_ = connection.Close()
	p.Lock()
	p.stats.Error = reason
	for _, writer := range p.writers {
		_ = writer.Close()
	}
	if *statsPath != "" {
		text, _ := json.MarshalIndent(p.stats, "", " ")
		must(os.WriteFile(*statsPath, append(text, '\n'), 0o644))
	}
	p.Unlock()
	say(line{Type: "state", State: "ended", Reason: reason})
	say(p.stats)
	if reason != "" {
		os.Exit(1)
	}
}
