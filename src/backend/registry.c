/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c - which backends this build has. To add one, add its table to the list. */
#include <stdio.h>
#include <string.h>

#include "plimsoll/backend_plugin.h"

static const plim_backend_ops *const backends[] = {
    &plim_backend_null,
    &plim_backend_onnxruntime,
};
#define BACKEND_COUNT (sizeof(backends) / sizeof(backends[0]))

size_t plim_backend_count(void)
{
    return BACKEND_COUNT;
}

const plim_backend_ops *plim_backend_at(size_t index)
{
    return index < BACKEND_COUNT ? backends[index] : NULL;
}

plim_status plim_backend_find(const char *name, const plim_backend_ops **out, plim_error *err)
{
    *out = NULL;
    for (size_t i = 0; name && i < BACKEND_COUNT; i++) {
        if (strcmp(backends[i]->name, name) == 0) {
            *out = backends[i];
            return PLIM_OK;
        }
    }
    char list[96] = "";
    for (size_t i = 0, n = 0; i < BACKEND_COUNT && n < sizeof(list); i++) {
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", backends[i]->name);
    }
    return plim_error_set(err, PLIM_E_NOT_FOUND, "no such backend in this build", "backend",
                          name ? name : "(none)", list);
}

void plim_backend_probe(const plim_backend_ops *backend, const char *library,
                        plim_backend_info *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->name, sizeof(out->name), "%s", backend->name);
    if (backend->abi != PLIM_BACKEND_ABI) {
        snprintf(out->absent_reason, sizeof(out->absent_reason),
                 "backend %s was built for table version %u and this library has %u: rebuild it",
                 backend->name, (unsigned)backend->abi, PLIM_BACKEND_ABI);
        return;
    }
    backend->probe(library, out);
}

const plim_section *plim_backend_section(const plim_backend_source *source, const char *name,
                                         plim_section_kind kind)
{
    const plim_section *by_kind = NULL;
    size_t count = source->file ? plim_engine_section_count(source->file) : source->section_count;
    for (size_t i = 0; i < count; i++) {
        const plim_section *s =
            source->file ? plim_engine_section(source->file, i) : &source->sections[i];
        if (name && strcmp(s->name, name) == 0) {
            return s;
        }
        if (!by_kind && s->kind == kind) {
            by_kind = s;
        }
    }
    return by_kind;
}
