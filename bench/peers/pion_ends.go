// pion_ends.go - both ends of a call on pion/webrtc v3 in one process. It has no codecs: it sends frames
// of 20 ms out of an Ogg file that was encoded before, so that it has setup, cost and memory only.
// usage: pion_ends PART '{"ogg":..,"seconds":..,"calls":..}'
// SPDX-License-Identifier: MIT
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
	"github.com/pion/webrtc"
	"github.com/pion/webrtc/pkg/media"
	"github.com/pion/webrtc/pkg/media/oggreader"
)

type options struct {
	Ogg     string  `json:"ogg"`
	Seconds float64 `json:"seconds"`
	Calls   int     `json:"calls"`
}

type figures map[string]interface{}

var (
	given    options
	frames   [][]byte
	received int64
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pion_ends:", err)
		os.Exit(1)
	}
}

func say(what figures) {
	text, err := json.Marshal(what)
	must(err)
	fmt.Println(string(text))
}

func rest(seconds float64) {
	time.Sleep(time.Duration(seconds * 1e9))
}

func readOgg() {
	file, err := os.Open(given.Ogg)
	must(err)
	defer file.Close()
	reader, _, err := oggreader.NewWith(file)
	must(err)
	var last uint64
	for {
		page, header, err := reader.ParseNextPage()
		if err == io.EOF {
			return
		}
		must(err)
		samples := header.GranulePosition - last
		last = header.GranulePosition
		if samples != 0 && !strings.HasPrefix(string(page), "OpusTags") {
			frames = append(frames, page)
		}
	}
}

type call struct {
	ends      [2]*webrtc.PeerConnection
	connected sync.WaitGroup
	stop      chan struct{}
}

func newConnection() *webrtc.PeerConnection {
	var settings webrtc.SettingEngine
	log := logging.NewDefaultLoggerFactory()
	log.Writer = os.Stderr
	settings.LoggerFactory = log
	var engine webrtc.MediaEngine
	must(engine.RegisterDefaultCodecs())
	connection, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings),
		webrtc.WithMediaEngine(&engine)).NewPeerConnection(webrtc.Configuration{})
	must(err)
	return connection
}

func (c *call) send(end *webrtc.PeerConnection) {
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus}, "sound", "stream")
	must(err)
	_, err = end.AddTrack(track)
	must(err)
	go func() {
		due := time.Now()
		for i := 0; ; i++ {
			select {
			case <-c.stop:
				return
			case <-time.After(time.Until(due)):
			}
			_ = track.WriteSample(media.Sample{Data: frames[i%len(frames)],
				Duration: 20 * time.Millisecond})
			due = due.Add(20 * time.Millisecond)
		}
	}()
}

func receive(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
		atomic.AddInt64(&received, 1)
	}
}

// Each description goes over as soon as it is there, candidates follow.
func newCall() *call {
	c := &call{stop: make(chan struct{})}
	var described [2]chan struct{}
	for i := range c.ends {
		c.ends[i] = newConnection()
		described[i] = make(chan struct{})
	}
	c.connected.Add(2)
	for i, end := range c.ends {
		var once sync.Once
		other, ready := c.ends[1-i], described[1-i]
		end.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
			if state == webrtc.PeerConnectionStateConnected {
				once.Do(c.connected.Done)
			}
		})
		end.OnICECandidate(func(candidate *webrtc.ICECandidate) {
			if candidate != nil {
				go func() {
					<-ready
					_ = other.AddICECandidate(candidate.ToJSON())
				}()
			}
		})
		end.OnTrack(receive)
		c.send(end)
	}
	offer, err := c.ends[0].CreateOffer(nil)
	must(err)
	must(c.ends[0].SetLocalDescription(offer))
	must(c.ends[1].SetRemoteDescription(offer))
	close(described[1])
	answer, err := c.ends[1].CreateAnswer(nil)
	must(err)
	must(c.ends[1].SetLocalDescription(answer))
	must(c.ends[0].SetRemoteDescription(answer))
	close(described[0])
	c.connected.Wait()
	return c
}

func (c *call) close() {
	close(c.stop)
	for _, end := range c.ends {
		_ = end.Close()
	}
}

func setup() figures {
	var calls []figures
	for n := 0; n <= given.Calls; n++ { // the first one warms up
		begin := time.Now()
		c := newCall()
		if n > 0 {
			calls = append(calls, figures{"connected": float64(time.Since(begin)) / 1e6})
		}
		rest(0.2)
		c.close()
		rest(0.2)
	}
	return figures{"calls": calls}
}

func cpu() figures {
	c := newCall()
	rest(2.5)
	before, begin := atomic.LoadInt64(&received), time.Now()
	say(figures{"mark": "begin"})
	rest(given.Seconds)
	say(figures{"mark": "end"})
	rate := float64(atomic.LoadInt64(&received)-before) / 100 / time.Since(begin).Seconds()
	c.close()
	return figures{"audio_rate": rate}
}

func memory() figures {
	calls := []*call{newCall()}
	rest(given.Seconds)
	say(figures{"mark": "few"})
	rest(0.5)
	for n := 0; n < given.Calls; n++ {
		calls = append(calls, newCall())
	}
	rest(given.Seconds)
	say(figures{"mark": "many"})
	rest(0.5)
	for _, c := range calls {
		c.close()
	}
	return figures{"extra_calls": given.Calls}
}

func main() {
	parts := map[string]func() figures{"setup": setup, "cpu_audio": cpu, "memory": memory}
	part := parts[os.Args[1]]
	if part == nil {
		must(fmt.Errorf("no part %s", os.Args[1]))
	}
	must(json.Unmarshal([]byte(os.Args[2]), &given))
	readOgg()
	say(figures{"result": part()})
}
