/* codes.c - a sentence for each code of docs/protocol.md section 5. Static text; any thread.
 * SPDX-License-Identifier: MIT */
#include <xcall/client.h>

#include <string.h>

static const struct {
    const char *code, *text;
} sentences[] = {
    {"account_restricted", "Your account may not place calls at present."},
    {"already_in_call", "You are in a call already."},
    {"bad_body", "The call's description was refused."},
    {"bad_call", "That call is somebody else's."},
    {"bad_frame", "The program and the service do not understand each other."},
    {"bad_login", "The name or the password is wrong."},
    {"bad_name", "A name is 1 to 30 characters of a-z, 0-9, _ and . long."},
    {"bad_password", "A password is 8 to 128 bytes long."},
    {"bad_request", "The service does not understand this request."},
    {"bad_token", "You are signed out: please sign in again."},
    {"calls_not_enabled_for_you", "Calls are not available to you yet."},
    {"displaced", "Another program uses this device's sign-in."},
    {"ended", "The call is over."},
    {"internal", "Something went wrong in the service. Please try again."},
    {"key_mismatch", "This sign-in belongs to another device: please sign in again."},
    {"lost_race", "Another of your devices has answered."},
    {"message_first", "Write to this person first."},
    {"message_first_wait", "This person has not written to you yet."},
    {"name_taken", "This name is taken."},
    {"no_such_account", "There is no such account."},
    {"no_such_device", "There is no such device."},
    {"not_yours", "This device takes no part in that call."},
    {"relay_unavailable", "This call needs a relay and there is none."},
    {"revoked", "This device was signed out."},
    {"self", "You cannot call yourself."},
    {"too_many", "That is more than is allowed."},
    {"try_later", "Too many attempts. Please try again later."},
    {"unavailable", "This person cannot be called by you now."},
    {"update_required", "Please update the program to place calls."},
    {"you_blocked", "You have blocked this person."},
};

const char *xcall_client_code_text(const char *code)
{
    for (size_t i = 0; code && i < sizeof sentences / sizeof sentences[0]; i++)
        if (!strcmp(code, sentences[i].code))
            return sentences[i].text;
    return "The service refused this.";
}
