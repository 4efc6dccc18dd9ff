/* service_mutator.c - the lines of fuzz_service.c's inputs, made and changed: bytes alone rarely make a frame of
 * JSON. Whole lines are put in, taken, repeated and exchanged; in a frame members are exchanged for ones of another
 * type, range, length, depth or encoding, taken out, doubled and renamed, and its type for another; and bytes are
 * changed by libFuzzer. SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 4096
#define SPANS_MAX 64
#define COUNT(array) (sizeof(array) / sizeof *(array))

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

/* What each type of frame looks like, and what else happens. Half of what is put in are these as they are. */
static const char *const lines[] = {
    "0{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"to\":\"$C\",\"media\":\"v\","
    "\"body\":$O}}",
    "0{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i3\",\"b\":{\"to\":\"$C\",\"media\":\"a\","
    "\"body\":$O}}",
    "1{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i4\",\"b\":{\"to\":\"$C\",\"media\":\"a\","
    "\"body\":$O}}",
    "2{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i2\",\"b\":{\"to\":\"$A\",\"media\":\"a\","
    "\"body\":$O}}",
    "2{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"body\":$N}}",
    "0{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i2\",\"b\":{\"body\":$N}}",
    "1{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i2\",\"b\":{\"body\":$N}}",
    "2{\"t\":\"call.alerting\",\"id\":\"$#\",\"call\":\"$i1\"}",
    "1{\"t\":\"call.alerting\",\"id\":\"$#\",\"call\":\"$i2\"}",
    "0{\"t\":\"call.cancel\",\"id\":\"$#\",\"call\":\"$i1\"}",
    "2{\"t\":\"call.cancel\",\"id\":\"$#\",\"call\":\"$i2\"}",
    "2{\"t\":\"call.decline\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"why\":\"busy\"}}",
    "1{\"t\":\"call.decline\",\"id\":\"$#\",\"call\":\"$i2\",\"b\":{\"why\":\"unsupported\"}}",
    "0{\"t\":\"call.hangup\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"why\":\"media_lost\"}}",
    "2{\"t\":\"call.hangup\",\"id\":\"$#\",\"call\":\"$i2\"}",
    "0{\"t\":\"call.media\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"state\":\"up\"}}",
    "2{\"t\":\"call.media\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"state\":\"up\"}}",
    "2{\"t\":\"call.media\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"state\":\"lost\"}}",
    "0{\"t\":\"call.media\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"state\":\"lost\"}}",
    "0{\"t\":\"call.quality\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"setup_ms\":300,\"first_media_"
    "ms\":400,\"loss_permille\":5,\"relay\":true,\"end\":\"hangup\"}}",
    "2{\"t\":\"call.quality\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"setup_ms\":-1}}",
    "0{\"t\":\"turn.get\",\"id\":\"$#\",\"call\":\"$i1\"}",
    "2{\"t\":\"turn.get\",\"id\":\"$#\",\"call\":\"$i1\"}",
    "0{\"t\":\"sig\",\"call\":\"$i1\",\"b\":{\"n\":1,\"kind\":\"cand\",\"data\":{\"candidate\":"
    "\"candidate:1 1 UDP 1 10.0.0.1 9 typ "
    "host\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0,\"usernameFragment\":\"abcd\"}}}",
    "2{\"t\":\"sig\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"n\":1,\"kind\":\"cand\",\"data\":{"
    "\"candidate\":\"candidate:1 1 UDP 1 10.0.0.1 9 typ relay raddr 0.0.0.0 rport "
    "0\",\"sdpMid\":\"0\"}}}",
    "0{\"t\":\"sig\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"n\":2,\"kind\":\"nego\",\"data\":$O}}",
    "2{\"t\":\"sig\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"n\":2,\"kind\":\"restart\",\"data\":$"
    "O}}",
    "2{\"t\":\"sig\",\"call\":\"$i1\",\"b\":{\"n\":2,\"kind\":\"e2e\",\"data\":\"x\"}}",
    "0{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$C\",\"text\":\"hi\"}}",
    "2{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$A\",\"text\":\"yo\"}}",
    "0{\"t\":\"msg.list\",\"id\":\"$#\",\"b\":{\"with\":\"$C\",\"limit\":2}}",
    "2{\"t\":\"msg.list\",\"id\":\"$#\",\"b\":{\"with\":\"$A\",\"before\":2}}",
    "2{\"t\":\"msg.accept\",\"id\":\"$#\",\"b\":{\"from\":\"$A\"}}",
    "0{\"t\":\"msg.chats\",\"id\":\"$#\",\"b\":{\"limit\":1}}",
    "2{\"t\":\"msg.chats\",\"id\":\"$#\",\"b\":{\"before\":3}}",
    "0{\"t\":\"msg.read\",\"id\":\"$#\",\"b\":{\"with\":\"$C\",\"msg\":1}}",
    "2{\"t\":\"msg.read\",\"id\":\"$#\",\"b\":{\"with\":\"$A\"}}",
    "2{\"t\":\"follow.set\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"on\":true}}",
    "0{\"t\":\"follow.set\",\"id\":\"$#\",\"b\":{\"who\":\"$C\",\"on\":true}}",
    "2{\"t\":\"contact.set\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"on\":true}}",
    "0{\"t\":\"contact.set\",\"id\":\"$#\",\"b\":{\"who\":\"$C\",\"on\":false}}",
    "2{\"t\":\"block.set\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"on\":true}}",
    "2{\"t\":\"block.set\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"on\":false}}",
    "0{\"t\":\"follow.list\",\"id\":\"$#\"}",
    "2{\"t\":\"contact.list\",\"id\":\"$#\",\"b\":{\"after\":\"a\"}}",
    "2{\"t\":\"block.list\",\"id\":\"$#\"}",
    "0{\"t\":\"perm.get\",\"id\":\"$#\"}",
    "2{\"t\":\"perm.set\",\"id\":\"$#\",\"b\":{\"accept_calls_from_everyone\":true}}",
    "2{\"t\":\"perm.set\",\"id\":\"$#\",\"b\":{\"has_enhanced_call_privacy_enabled\":true,\"hide_"
    "busy\":true}}",
    "2{\"t\":\"perm.set\",\"id\":\"$#\",\"b\":{\"accept_calls_from_everyone\":false,\"accept_calls_"
    "from_following\":true,\"silence_strangers\":true}}",
    "2{\"t\":\"perm.set\",\"id\":\"$#\",\"b\":{\"quiet\":{\"from\":\"22:00\",\"to\":\"07:30\","
    "\"zone_min\":60}}}",
    "2{\"t\":\"perm.set\",\"id\":\"$#\",\"b\":{\"quiet\":null}}",
    "0{\"t\":\"can_call\",\"id\":\"$#\",\"b\":{\"to\":\"$C\",\"media\":\"v\"}}",
    "0{\"t\":\"history.list\",\"id\":\"$#\",\"b\":{\"limit\":3}}",
    "2{\"t\":\"history.list\",\"id\":\"$#\",\"b\":{\"before\":1800000000000}}",
    "0{\"t\":\"device.list\",\"id\":\"$#\"}",
    "0{\"t\":\"device.revoke\",\"id\":\"$#\",\"b\":{\"dev\":2}}",
    "1{\"t\":\"push.reg\",\"id\":\"$#\",\"b\":{\"kind\":\"fcm\",\"token\":\"abc\"}}",
    "2{\"t\":\"push.reg\",\"id\":\"$#\",\"b\":{\"kind\":\"fcm\",\"token\":\"abc\"}}",
    "2{\"t\":\"account.report\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"call\":\"$i1\",\"why\":"
    "\"spam\",\"text\":\"again\"}}",
    "0{\"t\":\"account.report\",\"id\":\"$#\",\"b\":{\"who\":\"$C\",\"why\":\"other\"}}",
    "0{\"t\":\"account.export\",\"id\":\"$#\"}",
    "2{\"t\":\"account.export\",\"id\":\"$#\",\"b\":{\"after\":\"$x6\"}}",
    "0{\"t\":\"account.export\",\"id\":\"$#\",\"b\":{\"after\":\"$x7\"}}",
    "3{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i5\",\"b\":{\"to\":\"$A\",\"media\":\"v\","
    "\"body\":$O}}",
    "3{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i6\",\"b\":{\"to\":\"$C\",\"media\":\"a\","
    "\"body\":$O}}",
    "2{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i7\",\"b\":{\"to\":\"$D\",\"media\":\"a\","
    "\"body\":$O}}",
    "3{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i7\",\"b\":{\"body\":$N}}",
    "0{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i5\",\"b\":{\"body\":$N}}",
    "3{\"t\":\"call.hangup\",\"id\":\"$#\",\"call\":\"$i5\",\"b\":{\"why\":\"superseded\"}}",
    "3{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$C\",\"text\":\"hey\"}}",
    "3{\"t\":\"block.set\",\"id\":\"$#\",\"b\":{\"who\":\"$C\",\"on\":true}}",
    "3{\"t\":\"account.report\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"why\":\"harassment\"}}",
    "3{\"t\":\"sync\",\"id\":\"$#\"}",
    "2{\"t\":\"account.delete\",\"id\":\"$#\",\"b\":{\"password\":\"correct horse\"}}",
    "1{\"t\":\"account.sign_out\",\"id\":\"$#\"}",
    "n{\"t\":\"account.create\",\"id\":\"$#\",\"b\":{\"name\":\"dave\",\"password\":\"correct "
    "horse\",\"device\":\"x\"}}",
    "n{\"t\":\"account.sign_in\",\"id\":\"$#\",\"b\":{\"name\":\"$C\",\"password\":\"correct "
    "horse\"}}",
    "+{\"t\":\"account.sign_in\",\"id\":\"1\",\"b\":{\"name\":\"$A\",\"password\":\"another "
    "horse\"}}",
    "n{\"t\":\"hello\",\"id\":\"$#\",\"b\":{\"token\":\"$a\",\"key\":\"$k\",\"client\":{\"name\":"
    "\"x\",\"version\":\"1.0\"},\"caps\":[\"audio\"]}}",
    "+{\"t\":\"hello\",\"id\":\"$#\",\"b\":{\"token\":\"$c\",\"key\":\"$m\",\"client\":{\"name\":"
    "\"x\",\"version\":\"2.1\"},\"caps\":[\"audio\",\"video\"],\"resume\":\"$g\",\"last_sq\":2,"
    "\"wake_call\":\"$i1\"}}",
    "=3{\"t\":\"perm.get\",\"id\":\"$#\"}",
    "0{\"t\":\"sync\",\"id\":\"$#\"}",
    "2{\"t\":\"sync\",\"id\":\"$#\"}",
    "2{\"t\":\"ack\",\"b\":{\"sq\":3}}",
    "0{\"t\":\"ack\",\"b\":{\"sq\":1}}",
    "w",
    "w",
    "t\t",
    "t\t",
    "t\377",
    "pA",
    "x\1",
    "x\3",
    "x\6",
    "h0",
    "h1",
    "h2",
    "h3",
    "r0",
    "r1",
    "d",
};

/* What leads somewhere together; the first is what calls want before them, for its accounts. */
static const char *const scenes[] = {
    "2{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$A\",\"text\":\"hi\"}}\n"
    "0{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$C\",\"text\":\"hi\"}}\n"
    "3{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$A\",\"text\":\"hi\"}}\n"
    "3{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$C\",\"text\":\"hi\"}}\n"
    "2{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$D\",\"text\":\"hi\"}}\n"
    "0{\"t\":\"msg.send\",\"id\":\"$#\",\"b\":{\"to\":\"$D\",\"text\":\"hi\"}}\n"
    "2{\"t\":\"follow.set\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"on\":true}}\n"
    "0{\"t\":\"follow.set\",\"id\":\"$#\",\"b\":{\"who\":\"$C\",\"on\":true}}\n"
    "3{\"t\":\"follow.set\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"on\":true}}\n"
    "2{\"t\":\"follow.set\",\"id\":\"$#\",\"b\":{\"who\":\"$D\",\"on\":true}}\n"
    "3{\"t\":\"perm.set\",\"id\":\"$#\",\"b\":{\"accept_calls_from_everyone\":true}}\n"
    "0{\"t\":\"perm.set\",\"id\":\"$#\",\"b\":{\"accept_calls_from_everyone\":true}}\n"
    "2{\"t\":\"perm.set\",\"id\":\"$#\",\"b\":{\"accept_calls_from_everyone\":true}}\n",
    "0{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"to\":\"$C\",\"media\":\"v\","
    "\"body\":$O}}\n"
    "2{\"t\":\"call.alerting\",\"id\":\"$#\",\"call\":\"$i1\"}\n"
    "t\t\n"
    "2{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"body\":$N}}\n"
    "t\t\n"
    "2{\"t\":\"call.media\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"state\":\"up\"}}\n"
    "0{\"t\":\"call.media\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"state\":\"up\"}}\n",
    "2{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"to\":\"$A\",\"media\":\"a\","
    "\"body\":$O}}\n"
    "0{\"t\":\"call.alerting\",\"id\":\"$#\",\"call\":\"$i1\"}\n"
    "1{\"t\":\"call.alerting\",\"id\":\"$#\",\"call\":\"$i1\"}\n"
    "1{\"t\":\"call.decline\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"why\":\"unsupported\"}}\n"
    "0{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"body\":$N}}\n"
    "1{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"body\":$N}}\n"
    "t\t\n"
    "0{\"t\":\"call.hangup\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"why\":\"failed_connect\"}}\n",
    "4{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"to\":\"$C\",\"media\":\"v\","
    "\"body\":$O}}\n"
    "2{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i2\",\"b\":{\"to\":\"$A\",\"media\":\"v\","
    "\"body\":$O}}\n"
    "t\t\n"
    "2{\"t\":\"call.hangup\",\"id\":\"$#\",\"call\":\"$i1\"}\n"
    "0{\"t\":\"call.hangup\",\"id\":\"$#\",\"call\":\"$i2\"}\n",
    "3{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i2\",\"b\":{\"to\":\"$C\",\"media\":\"a\","
    "\"body\":$O}}\n"
    "2{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i2\",\"b\":{\"body\":$N}}\n"
    "2{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i3\",\"b\":{\"to\":\"$A\",\"media\":\"a\","
    "\"body\":$O}}\n"
    "0{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i4\",\"b\":{\"to\":\"$D\",\"media\":\"a\","
    "\"body\":$O}}\n"
    "0{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i5\",\"b\":{\"to\":\"$C\",\"media\":\"a\","
    "\"body\":$O}}\n"
    "3{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i4\",\"b\":{\"body\":$N}}\n"
    "2{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i5\",\"b\":{\"body\":$N}}\n",
    "0{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"to\":\"$C\",\"media\":\"v\","
    "\"body\":$O}}\n"
    "2{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"body\":$N}}\n"
    "2{\"t\":\"block.set\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"on\":true}}\n"
    "0{\"t\":\"call.quality\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"setup_ms\":30,\"first_media_"
    "ms\":40,\"loss_permille\":5,\"relay\":false,\"end\":\"hangup\"}}\n"
    "2{\"t\":\"block.set\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"on\":false}}\n",
    "pQ\n"
    "2{\"t\":\"account.report\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"why\":\"spam\"}}\n"
    "3{\"t\":\"account.report\",\"id\":\"$#\",\"b\":{\"who\":\"$A\",\"why\":\"other\",\"text\":"
    "\"x\"}}\n"
    "0{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"to\":\"$C\",\"media\":\"v\","
    "\"body\":$O}}\n",
    "0{\"t\":\"call.invite\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"to\":\"$C\",\"media\":\"a\","
    "\"body\":$O}}\n"
    "2{\"t\":\"call.accept\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"body\":$N}}\n"
    "x\3\n"
    "t\t\n"
    "2{\"t\":\"call.media\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"state\":\"lost\"}}\n"
    "0{\"t\":\"call.media\",\"id\":\"$#\",\"call\":\"$i1\",\"b\":{\"state\":\"lost\"}}\n"
    "t\377\n"
    "t\377\n"
    "0{\"t\":\"sync\",\"id\":\"$#\"}\n",
};

/* What a member may be instead. */
static const char *const values[] = {"null",
                                     "true",
                                     "false",
                                     "0",
                                     "-1",
                                     "1",
                                     "2",
                                     "255",
                                     "65536",
                                     "2147483647",
                                     "2147483648",
                                     "-2147483649",
                                     "4294967295",
                                     "4294967296",
                                     "4503599627370496",
                                     "9223372036854775807",
                                     "-9223372036854775808",
                                     "1e308",
                                     "-0",
                                     "0.5",
                                     "1E-5",
                                     "1800000000001",
                                     "\"\"",
                                     "\"a\"",
                                     "\"0\"",
                                     "\" \"",
                                     "\"\\u0000\"",
                                     "\"\\uD83D\\uDE00\"",
                                     "\"\342\200\256\"",
                                     "\"a\314\201\314\201\"",
                                     "\"\177\"",
                                     "[]",
                                     "{}",
                                     "[[]]",
                                     "[{}]",
                                     "{\"a\":{\"a\":1}}",
                                     "{\"\":0}",
                                     "\"$Lf\"",
                                     "\"$Li\"",
                                     "\"$Lk\"",
                                     "\"$Lm\"",
                                     "\"$Ln\"",
                                     "$[c",
                                     "$[d",
                                     "\"$i1\"",
                                     "\"$i2\"",
                                     "\"$i3\"",
                                     "\"$i4\"",
                                     "\"$i9\"",
                                     "\"$iF\"",
                                     "\"$ig\"",
                                     "\"$A\"",
                                     "\"$C\"",
                                     "\"$D\"",
                                     "\"dave\"",
                                     "\"nobody\"",
                                     "\"ALICE\"",
                                     "\"$a\"",
                                     "\"$c\"",
                                     "\"$k\"",
                                     "\"$m\"",
                                     "\"$e\"",
                                     "\"$g\"",
                                     "$O",
                                     "$N",
                                     "\"$#\"",
                                     "\"busy\"",
                                     "\"user\"",
                                     "\"hangup\"",
                                     "\"security\"",
                                     "\"relay_unavailable\"",
                                     "\"up\"",
                                     "\"lost\"",
                                     "\"cand\"",
                                     "\"nego\"",
                                     "\"restart\"",
                                     "\"e2e\"",
                                     "\"v\"",
                                     "\"a\"",
                                     "\"spam\"",
                                     "\"harassment\"",
                                     "\"correct horse\"",
                                     "\"12:00\"",
                                     "\"24:00\"",
                                     "\"../../x\"",
                                     "\"' OR 1=1 --\"",
                                     "\"%s%n\"",
                                     "\"1.0\"",
                                     "\"$x3\"",
                                     "\"$x9\"",
                                     "\"$xa\"",
                                     "\"$xb\"",
                                     "\"fffffff.f.f.f.0\"",
                                     "[\"audio\"]",
                                     "[\"a\",\"b\",1]"};

/* What ends a connection, mostly. */
static const char *const broken[] = {"9223372036854775808",
                                     "-9223372036854775809",
                                     "99999999999999999999999999",
                                     "1e400",
                                     "NaN",
                                     "01",
                                     "+1",
                                     "\"\\ud800\"",
                                     "\"\\udc00\\ud800\"",
                                     "\"\\u00\"",
                                     "\"\\x\"",
                                     "\"\377\"",
                                     "\"\300\200\"",
                                     "\"\355\240\200\"",
                                     "\"\364\220\200\200\"",
                                     "\"\t\"",
                                     "{\"a\":1,\"a\":1}",
                                     "\"$Lo\"",
                                     "$[e",
                                     "$[o"};

static const char *const types[] = {"hello",
                                    "sync",
                                    "ack",
                                    "account.create",
                                    "account.sign_in",
                                    "account.sign_out",
                                    "account.export",
                                    "account.delete",
                                    "device.list",
                                    "device.revoke",
                                    "push.reg",
                                    "msg.send",
                                    "msg.list",
                                    "msg.accept",
                                    "msg.chats",
                                    "msg.read",
                                    "follow.set",
                                    "contact.set",
                                    "block.set",
                                    "follow.list",
                                    "contact.list",
                                    "block.list",
                                    "perm.get",
                                    "perm.set",
                                    "can_call",
                                    "history.list",
                                    "account.report",
                                    "call.invite",
                                    "call.alerting",
                                    "call.accept",
                                    "call.decline",
                                    "call.cancel",
                                    "call.hangup",
                                    "call.media",
                                    "sig",
                                    "turn.get",
                                    "call.quality",
                                    "ok",
                                    "err",
                                    "welcome",
                                    "call.state"};

static const char *const keys[] = {"t",
                                   "id",
                                   "call",
                                   "b",
                                   "to",
                                   "from",
                                   "who",
                                   "on",
                                   "text",
                                   "body",
                                   "media",
                                   "n",
                                   "kind",
                                   "data",
                                   "sdp",
                                   "key",
                                   "sig",
                                   "type",
                                   "why",
                                   "state",
                                   "token",
                                   "caps",
                                   "client",
                                   "name",
                                   "version",
                                   "resume",
                                   "last_sq",
                                   "wake_call",
                                   "before",
                                   "limit",
                                   "after",
                                   "msg",
                                   "dev",
                                   "password",
                                   "device",
                                   "sq",
                                   "with",
                                   "candidate",
                                   "sdpMid",
                                   "sdpMLineIndex",
                                   "usernameFragment",
                                   "seq",
                                   "quiet",
                                   "zone_min",
                                   "setup_ms",
                                   "first_media_ms",
                                   "loss_permille",
                                   "relay",
                                   "end",
                                   "hide_busy",
                                   "has_av_calls_enabled",
                                   "accept_calls_from_verified",
                                   "accept_calls_from_addressbook",
                                   "re",
                                   "rev"};

static uint64_t numbers;
static uint32_t number(uint32_t below)
{
    numbers ^= numbers << 13;
    numbers ^= numbers >> 7;
    numbers ^= numbers << 17;
    return (uint32_t)(numbers >> 32) % below;
}

/* --- lines ------------------------------------------------------------------------------------------------- */

/* The line at `at`, with its end. */
static size_t line_size(const uint8_t *data, size_t size, size_t at)
{
    const uint8_t *end = memchr(data + at, '\n', size - at);
    return end ? (size_t)(end - data) - at + 1 : size - at;
}

static size_t line_begin(const uint8_t *data, size_t size, size_t somewhere)
{
    size_t at = size ? somewhere % size : 0;
    while (at > 0 && data[at - 1] != '\n')
        at--;
    return at;
}

static size_t any_line(const uint8_t *data, size_t size)
{
    return line_begin(data, size, number(1u << 30));
}

/* In the place of `gone` bytes at `at`. */
static size_t put(uint8_t *data, size_t size, size_t most, size_t at, size_t gone,
                  const void *bytes, size_t length)
{
    if (size - gone + length > most)
        return size;
    memmove(data + at + length, data + at + gone, size - at - gone);
    memcpy(data + at, bytes, length);
    return size - gone + length;
}

/* --- members of a frame -------------------------------------------------------------------------------------- */

struct span {
    size_t at, size; /* of the value */
    size_t key;      /* where its key begins, 0: none */
};

static size_t text_end(const uint8_t *line, size_t size, size_t at)
{
    for (at++; at < size && line[at] != '"'; at++)
        at += line[at] == '\\';
    return at < size ? at + 1 : size;
}

/* Where the value at `at` ends. */
static size_t value_end(const uint8_t *line, size_t size, size_t at)
{
    int depth = 0;
    for (; at < size && line[at] != '\n'; at++) {
        uint8_t c = line[at];
        if ((c == ',' || c == '}' || c == ']') && depth == 0)
            return at;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        else if (c == '"')
            at = text_end(line, size, at) - 1;
    }
    return at < size ? at : size;
}

/* The values of a line that follow a key, at any depth. */
static size_t find_spans(const uint8_t *line, size_t size, struct span spans[SPANS_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < size && count < SPANS_MAX;) {
        if (line[at] != '"') {
            at++;
            continue;
        }
        size_t key = at;
        at = text_end(line, size, at);
        if (at < size && line[at] == ':') {
            at++;
            spans[count++] =
                (struct span){.at = at, .size = value_end(line, size, at) - at, .key = key};
        }
    }
    return count;
}

static const char *any_value(void)
{
    return number(24) ? values[number(COUNT(values))] : broken[number(COUNT(broken))];
}

/* The member with its comma, if it has one behind it. */
static size_t member_size(const uint8_t *line, size_t size, const struct span *span)
{
    size_t end = span->at + span->size;
    return end - span->key + (end < size && line[end] == ',');
}

static size_t change_member(uint8_t *line, size_t size, const struct span *spans, size_t count)
{
    uint8_t copy[LINE_MAX_BYTES];
    const struct span *span = &spans[number((uint32_t)count)], *other;
    char made[96];
    size_t length;
    switch (number(24)) {
    case 0:
    case 6:
        return put(line, size, LINE_MAX_BYTES, span->key, member_size(line, size, span), "", 0);
    case 1: /* one more */
    case 7:
        length = (size_t)snprintf(made, sizeof made, "\"%s\":%s,", keys[number(COUNT(keys))],
                                  any_value());
        return put(line, size, LINE_MAX_BYTES, span->key, 0, made, length);
    case 2: /* twice */
        length = member_size(line, size, span);
        memcpy(copy, line + span->key, length);
        return put(line, size, LINE_MAX_BYTES, span->key, 0, copy, length);
    case 3:
    case 8:
        length = (size_t)snprintf(made, sizeof made, "\"%s\"", keys[number(COUNT(keys))]);
        return put(line, size, LINE_MAX_BYTES, span->key, span->at - 1 - span->key, made, length);
    case 4: /* another member's value */
    case 9:
        other = &spans[number((uint32_t)count)];
        memcpy(copy, line + other->at, other->size);
        return put(line, size, LINE_MAX_BYTES, span->at, span->size, copy, other->size);
    case 5: /* one level deeper */
        length = (size_t)snprintf(made, sizeof made, "%s", number(2) ? "[" : "{\"a\":");
        size =
            put(line, size, LINE_MAX_BYTES, span->at + span->size, 0, length == 1 ? "]" : "}", 1);
        return put(line, size, LINE_MAX_BYTES, span->at, 0, made, length);
    default:
        return put(line, size, LINE_MAX_BYTES, span->at, span->size, made,
                   (size_t)snprintf(made, sizeof made, "%s", any_value()));
    }
}

/* The first member is mostly the type. */
static size_t change_type(uint8_t *line, size_t size, const struct span *first)
{
    char made[64];
    size_t length = (size_t)snprintf(made, sizeof made, "\"%s\"", types[number(COUNT(types))]);
    return put(line, size, LINE_MAX_BYTES, first->at, first->size, made, length);
}

/* A line without its end; returns its size. */
static size_t change_line(uint8_t line[LINE_MAX_BYTES], size_t size)
{
    struct span spans[SPANS_MAX];
    size_t count = find_spans(line, size, spans);
    uint32_t how = number(32);
    if (how == 0 && size > 1) { /* its end is missing */
        return 1 + number((uint32_t)size - 1);
    } else if (how < 5 && size) { /* of somebody else */
        line[0] = (uint8_t) "0123456701n+="[number(12)];
    } else if (how < 7 && count) {
        return change_type(line, size, &spans[0]);
    } else if (how == 7 && size) { /* a byte that is none of UTF-8, or ends a text */
        line[number((uint32_t)size)] = (uint8_t) "\377\300\200\"\\{}[],:\0\1$"[number(14)];
    } else if (count) {
        return change_member(line, size, spans, count);
    }
    return size;
}

static size_t change_one(uint8_t *data, size_t size, size_t most)
{
    uint8_t line[LINE_MAX_BYTES];
    size_t at = any_line(data, size), length = size ? line_size(data, size, at) : 0;
    size_t text = length && data[at + length - 1] == '\n' ? length - 1 : length;
    if (text == 0 || text > sizeof line / 2)
        return size;
    memcpy(line, data + at, text);
    size_t changed = change_line(line, text);
    for (uint32_t more = number(3); more; more--)
        changed = change_line(line, changed);
    return put(data, size, most, at, text, line, changed);
}

/* --- the input ----------------------------------------------------------------------------------------------- */

/* Each line as it is, mostly; all of one call, or of the calls from it on. */
static size_t put_scene(uint8_t *data, size_t size, size_t most, size_t at)
{
    uint8_t line[LINE_MAX_BYTES];
    const char *scene = scenes[number(COUNT(scenes))], *behind = "";
    uint32_t first = number(16), changes = number(4);
    if (number(2)) {
        behind = scene;
        scene = scenes[0];
    }
    for (size_t length; *scene && size < most; scene += length) {
        length = strcspn(scene, "\n") + 1;
        size_t text = length - 1;
        memcpy(line, scene, text);
        for (size_t i = 0; i + 2 < text; i++)
            if (line[i] == '$' && line[i + 1] == 'i')
                line[i + 2] = (uint8_t) "0123456789abcdef"[(first + line[i + 2] - '0') % 16];
        if (number(16) < changes)
            text = change_line(line, text);
        line[text < sizeof line ? text : sizeof line - 1] = '\n';
        text = text < sizeof line ? text + 1 : sizeof line;
        size_t before = size;
        size = put(data, size, most, at, 0, line, text);
        at += size - before;
        if (!scene[length]) {
            scene = behind;
            behind = "";
            length = 0;
        }
    }
    return size;
}

static size_t put_known(uint8_t *data, size_t size, size_t most, size_t at)
{
    uint8_t line[LINE_MAX_BYTES];
    const char *known = lines[number(COUNT(lines))];
    size_t length = strlen(known);
    memcpy(line, known, length);
    if (line[0] == 'p')
        line[1] = (uint8_t)('A' + number(26));
    if (line[0] >= '0' && line[0] <= '3' && number(4) == 0) /* a batch with what follows */
        line[0] = (uint8_t)(line[0] + 4);
    for (uint32_t changes = number(4) / 2; changes; changes--)
        length = change_line(line, length);
    uint8_t *mark = memchr(line, '$', length);
    while (mark && mark + 1 < line + length && mark[1] != 'i')
        mark = memchr(mark + 1, '$', length - (size_t)(mark + 1 - line));
    if (mark && mark + 2 < line + length && number(4) == 0) /* another call */
        mark[2] = (uint8_t) "0123456789abcdef"[number(16)];
    if (length == sizeof line)
        length--;
    line[length++] = '\n';
    return put(data, size, most, at, 0, line, length);
}

static size_t put_many(uint8_t *data, size_t size, size_t most)
{
    size_t at = any_line(data, size);
    bool spread = number(2);
    for (uint32_t count = 1 + number(number(4) ? 24 : 160); count; count--) {
        size = number(12) ? put_known(data, size, most, at) : put_scene(data, size, most, at);
        if (spread)
            at = any_line(data, size);
    }
    return size;
}

/* A frame whose brackets or quotes do not match: one that only ends its connection. */
static bool unmatched(const uint8_t *line, size_t size)
{
    const uint8_t *open = memchr(line, '{', size);
    if (!open || !strchr("01234567n+=", line[0]))
        return false;
    size_t from = (size_t)(open - line);
    if (value_end(line, size, from) < size)
        return true;
    int depth = 0;
    for (size_t at = from; at < size; at++) {
        if (line[at] == '"')
            at = text_end(line, size, at) - 1;
        else
            depth += (line[at] == '{' || line[at] == '[') - (line[at] == '}' || line[at] == ']');
    }
    return depth != 0;
}

/* Most of them: they would become more and more, as each looks new. */
static size_t drop_unmatched(uint8_t *data, size_t size)
{
    for (size_t at = 0, length; at < size; at += length) {
        length = line_size(data, size, at);
        size_t text = data[at + length - 1] == '\n' ? length - 1 : length;
        if (length < size && text && unmatched(data + at, text) && number(8)) {
            size = put(data, size, size, at, length, "", 0);
            length = 0;
        }
    }
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    uint8_t copy[LINE_MAX_BYTES];
    numbers = ((uint64_t)seed + 1) * 0x9e3779b97f4a7c15u;
    (void)number(1);
    uint32_t how = number(12);
    size_t at = any_line(data, size);
    size_t length = size ? line_size(data, size, at) : 0;
    if (how < 4) {
        size = put_many(data, size, most);
    } else if (how == 4 && length < size) {
        size = put(data, size, most, at, length, "", 0);
    } else if (how == 5 && length && length <= sizeof copy) {
        memcpy(copy, data + at, length);
        size = put(data, size, most, any_line(data, size), 0, copy, length);
    } else if (how < 10) {
        for (uint32_t count = 1 + number(8); count; count--)
            size = change_one(data, size, most);
    } else if (LLVMFuzzerMutate) {
        size = LLVMFuzzerMutate(data, size, most);
    }
    if (number(4))
        size = drop_unmatched(data, size);
    return size ? size : put_many(data, 0, most);
}
