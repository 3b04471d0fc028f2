/* SPDX-License-Identifier: Apache-2.0 */
/* made_root.h - folders that are machines: files put under a fresh root. */
#ifndef TEST_SUPPORT_MADE_ROOT_H
#define TEST_SUPPORT_MADE_ROOT_H

#include <stdbool.h>

#include "test/support/cm.h"

/* An absolute path in the test's own folder that was not used before; nothing is there yet. */
const char *made_root(char *out, size_t room);
/* Writes a file under @root, folders and all. */
void made_root_put(const char *root, const char *path, const char *text);
void made_root_put_bytes(const char *root, const char *path, const void *bytes, size_t size);
/* Is something there, whatever it is? */
bool made_root_has(const char *root, const char *path);
/* "grep -r": does any file under @folder, or the name of one, hold this, whatever its case? */
bool made_root_holds(const char *folder, const char *text);

#endif
