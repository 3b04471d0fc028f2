/* SPDX-License-Identifier: Apache-2.0 */
/* shared_object.h - libraries that are opened at run time: backends, plug-ins. */
#ifndef PLATFORM_SHARED_OBJECT_H
#define PLATFORM_SHARED_OBJECT_H

#include <stdbool.h>

#include "plimsoll/status.h"

/* plim_shared_object_open - all symbols resolved now, none of them visible to others.
 *
 * @path without a slash is looked for where the system looks. @stays: never unmapped again, not
 * even by close; for libraries that leak when they are opened anew.
 * Threads: any.
 * Errors:  E_NOT_FOUND  not there, or it cannot be loaded; detail holds the loader's words. */
PLIM_MUST_USE plim_status plim_shared_object_open(const char *path, bool stays, void **out,
                                                  plim_error *err);
void plim_shared_object_close(void *object); /* NULL is accepted */

/* A function by name; NULL when the object has none. The caller knows its true type. */
typedef void (*plim_shared_function)(void);
plim_shared_function plim_shared_object_function(void *object, const char *name);

/* The file that @address was loaded from, as the loader knows it: lent, "" when nobody knows. */
const char *plim_shared_object_path(const void *address);

#endif
