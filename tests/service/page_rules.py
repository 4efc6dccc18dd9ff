#!/usr/bin/env python3
"""page_rules.py BUILD [TEST ...] - the web page's modules by themselves, in the browser: the protocol's test vectors,
descriptions that are to be refused, what leaves in descriptions and candidates, words for every code and end.
TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from server import expect  # noqa: E402
from web_driver import World, main  # noqa: E402

FINGERPRINT = "01:08:0F:16:1D:24:2B:32:39:40:47:4E:55:5C:63:6A:71:78:7F:86:8D:94:9B:A2:A9:B0:B7:BE:C5:CC:D3:DA"
LINES = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 40000 UDP/TLS/RTP/SAVPF 111",
         "c=IN IP4 192.0.2.7", "a=rtcp:40000 IN IP4 192.0.2.7", "a=mid:0", "a=ice-ufrag:EsAw",
         "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", f"a=fingerprint:sha-256 {FINGERPRINT}",
         "a=candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host", "a=end-of-candidates", ""]
SDP = "\r\n".join(LINES)


def protocol():
    path = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "protocol.md")
    with open(path, encoding="utf-8") as file:
        return file.read()


class Modules(World):
    """A page to run its modules in."""

    def __enter__(self):
        super().__enter__()
        self.page = self.tab(None)
        return self

    def run(self, module, expression, *values):
        listed = ", ".join(json.dumps(value) for value in values)
        return self.page.js(f"import('/{module}').then(m => ((...v) => {expression})({listed}))")


def test_vectors():
    """docs/protocol.md's: the signed lines, the signature, the safety number."""
    text = protocol()
    public = re.findall(r"public `([^`]{44})`", text) + re.findall(r"public key\s+`([^`]{44})`", text)
    alice, bob = public[0], public[1]
    signature = re.search(r"is `([^`]{88})`", text).group(1)
    number = re.search(r"safety number\s+`((?:\d{5} ){11}\d{5})`", text).group(1)
    call = re.search(r"```\nxcall-1 body\n(\S{36})\n", text).group(1)
    claim = {"call": call, "type": "offer", "from": "alice", "to": "bob", "sdp": SDP}
    with Modules() as world:
        said = world.run("sdp.js", "new TextDecoder().decode(m.claimBytes(v[0]))", claim)
        wanted = re.search(r"```\n(xcall-1 body\n\S{36}\noffer.*?)```", text, re.S).group(1)
        expect(said == wanted, (said, wanted))
        body = {"type": "offer", "sdp": SDP, "key": alice, "sig": signature}
        expect(world.run("keys.js", "m.signerOf(v[0], v[1])", body, claim) == alice, "a good body")
        later = re.search(r"`seq` 1\) is `([^`]{88})`", text).group(1)
        again = {**body, "sig": later, "seq": 1}
        expect(world.run("keys.js", "m.signerOf(v[0], v[1])", again, claim) == alice, "a later body")
        for change in ({"seq": 2}, {"seq": 0}, {"seq": "1"}, {"seq": None}, {"seq": 1.5}, {"sig": signature}):
            expect(world.run("keys.js", "m.signerOf(v[0], v[1])", {**again, **change}, claim) is None, change)
        for change in ({"sig": "A" + signature[1:]}, {"key": bob}, {"type": "answer"}, {"sig": ""}, {"key": None},
                       {"sdp": SDP.replace("01:08", "02:08")}, {"sdp": SDP.replace("EsAw", "EsAx")},
                       {"sdp": SDP + "a=ice-pwd:another\r\n"}, {"sdp": 7}):
            expect(world.run("keys.js", "m.signerOf(v[0], v[1])", {**body, **change}, claim) is None, change)
        for change in ({"call": call.replace("7", "8", 1)}, {"from": "bob"}, {"to": "alice"}):
            expect(world.run("keys.js", "m.signerOf(v[0], v[1])", body, {**claim, **change}) is None, change)
        sides = [{"name": "alice", "key": alice}, {"name": "bob", "key": bob}]
        for order in (sides, sides[::-1]):
            expect(world.run("keys.js", "m.safetyNumber(...v)", *order) == number, number)


def test_unclear_descriptions():
    """What another reader could take for another fingerprint or password is refused whole."""
    with Modules() as world:
        facts = lambda sdp: world.run("sdp.js", "m.factsOf(v[0]) !== null", sdp)
        expect(facts(SDP) and facts(SDP.replace("\r\n", "\n")), "a good one")
        expect(facts(SDP.replace(FINGERPRINT, FINGERPRINT.lower())), "lower case hexadecimal")
        for line in ("A=fingerprint:sha-256 00:11", "a=Fingerprint:sha-256 00:11", " a=fingerprint:sha-256 00:11",
                     "a=fingerprint: sha-256 00:11", "a=fingerprint:sha-256  00:11", "a=fingerprint:sha-256 0:11",
                     "a=x:1\ra=fingerprint:sha-256 00:11", "a=ICE-PWD:other", "a=ice-ufrag:Other",
                     "a=ice-ufrag: EsAw", "a=ice-pwd :P2uYro0UCOQ4zxjKXaWCBui1", "a=x-ice-pwd:1"):
            expect(not facts(SDP + line + "\r\n"), f"taken: {line!r}")
        for word in ("a=fingerprint", "a=ice-ufrag", "a=ice-pwd"):
            left = "\r\n".join(line for line in LINES if not line.startswith(word))
            expect(not facts(left), f"without {word}")


def test_what_leaves():
    with Modules() as world:
        sent = world.run("sdp.js", "m.withoutAddresses(v[0])", SDP)
        expect("192.0.2.7" not in sent and "127.0.0.1" not in sent and "candidate" not in sent, sent)
        expect("m=audio 9 " in sent and "a=ice-ufrag:EsAw" in sent and sent.endswith("\r\n"), sent)
        refused = SDP.replace("m=audio 40000", "m=audio 0")
        expect("m=audio 0 " in world.run("sdp.js", "m.withoutAddresses(v[0])", refused), "a refused section")
        relay = "candidate:1 1 udp 5 198.51.100.1 50000 typ relay raddr 192.0.2.7 rport 40000 generation 0"
        hidden = world.run("sdp.js", "m.hideRelated(v[0])", relay)
        expect(hidden == relay.replace("192.0.2.7 rport 40000", "0.0.0.0 rport 0"), hidden)
        both = SDP + f"a={relay}\r\n"
        kept = world.run("sdp.js", "m.onlyRelayed(v[0])", both)
        expect("typ relay" in kept and "typ host" not in kept, kept)


def test_received():
    """Packets and loss of getStats: all that came in, and nothing else."""
    def inbound(received, lost=None):
        return {"type": "inbound-rtp", "packetsReceived": received, **({} if lost is None else {"packetsLost": lost})}
    with Modules() as world:
        def loss(*entries):
            report = world.run("stats.js", "m.received(v[0] && new Map(v[0].map((one, i) => [i, one])))", list(entries))
            return report["packets"], report["lossPermille"]
        expect(loss() == (0, -1), loss())
        none = world.run("stats.js", "m.received(v[0])", None)
        expect(none == {"packets": 0, "lossPermille": -1}, none)
        for entries, wanted in (
                ([inbound(0, 0)], (0, -1)), ([inbound(0)], (0, -1)), ([inbound(1000, 0)], (1000, 0)),
                ([inbound(90, 10)], (90, 100)), ([inbound(900, 50), inbound(0, 50)], (900, 100)),
                ([inbound(10, -3)], (10, 0)), ([inbound(0, 4)], (0, 1000)), ([inbound(2, 1)], (2, 333)),
                ([inbound(8, 2), {"type": "outbound-rtp", "packetsSent": 5},
                  {"type": "remote-inbound-rtp", "packetsReceived": 1, "packetsLost": 9}], (8, 200))):
            expect(loss(*entries) == wanted, (entries, loss(*entries)))


def test_words():
    """A sentence of its own for every code and every end that the protocol names."""
    text = protocol()
    errors = text[text.index("## 5. Errors"):text.index("## A worked transcript")]
    codes = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", errors)) - {"b", "code", "retry_ms", "call", "st", "end", "text"}
    codes -= {"call.invite", "can_call", "err"}
    expect(len(codes) > 25 and "message_first" in codes, codes)
    table = text.split("Reasons (`end`)")[1].split("\n\n")[1].splitlines()[2:]
    ends = [end for row in table for end in re.findall(r"`([a-z_]+)`", row.split("|")[1])]
    expect("answered_elsewhere" in ends and len(ends) == 12, ends)
    with Modules() as world:
        general = world.run("words.js", "m.codeWords('nothing_of_this_name')")
        said = {code: world.run("words.js", "m.codeWords(v[0])", code) for code in sorted(codes)}
        missing = [code for code, words in said.items() if words == general]
        expect(not missing, f"no words for {missing}")
        expect(said["message_first"] == "Write to them first.", said)
        expect("2 minutes" in world.run("words.js", "m.codeWords('try_later', {retry_ms: 100000})"), "how long")
        for direction in ("in", "out"):
            call = {"peer": "bob", "dir": direction, "wasActive": False, "own": False}
            general = world.run("words.js", "m.endWords(v[0])", {**call, "end": "nothing_of_this_name"})
            for end in [*ends, "security", "relay_unavailable"]:
                words = world.run("words.js", "m.endWords(v[0])", {**call, "end": end})
                expect(words != general and "_" not in words, (end, words))


if __name__ == "__main__":
    main([(name, call) for name, call in list(globals().items()) if name.startswith("test_")])
