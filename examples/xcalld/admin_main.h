/* admin_main.h - `xcalld admin ...`.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_ADMIN_MAIN_H
#define XCALLD_ADMIN_MAIN_H

/* argv[0] is "admin". The exit code. */
int admin_main(int argc, char **argv);

#endif
