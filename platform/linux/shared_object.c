/* SPDX-License-Identifier: Apache-2.0 */
/* shared_object.c - the dynamic loader's calls, with their answers as statuses. */
#include "platform/shared_object.h"

#include <dlfcn.h>
#include <string.h>

_Static_assert(sizeof(void *) == sizeof(plim_shared_function), "POSIX asks for it");

plim_status plim_shared_object_open(const char *path, bool stays, void **out, plim_error *err)
{
    *out = dlopen(path, RTLD_NOW | RTLD_LOCAL | (stays ? RTLD_NODELETE : 0));
    if (*out) {
        return PLIM_OK;
    }
    const char *words = dlerror();
    (void)PLIM_FAIL(err, PLIM_E_NOT_FOUND, .what = "shared library");
    plim_error_detail(err, "%s", words ? words : path);
    return PLIM_E_NOT_FOUND;
}

void plim_shared_object_close(void *object)
{
    if (object) {
        dlclose(object);
    }
}

/* dlsym gives an object pointer; C keeps functions apart, POSIX does not. */
plim_shared_function plim_shared_object_function(void *object, const char *name)
{
    plim_shared_function function;
    void *symbol = dlsym(object, name);
    memcpy(&function, &symbol, sizeof(function));
    return function;
}

const char *plim_shared_object_path(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";
}
