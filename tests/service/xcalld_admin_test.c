/* xcalld_admin_test.c - the admin command as a program of its own, for test_admin.py.
 * SPDX-License-Identifier: MIT */
#include "admin.h"

int main(int argc, char **argv)
{
    return admin_main(argc, argv);
}
