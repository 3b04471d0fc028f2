/* SPDX-License-Identifier: Apache-2.0 */
/* allocator_settings.h - readers of single variables, between the files that read settings. */
#ifndef PLATFORM_ALLOCATOR_SETTINGS_H
#define PLATFORM_ALLOCATOR_SETTINGS_H

#include <stdio.h>

#include "plimsoll/settings.h"

/* A setting as read; one that was read before gives way (the last one counts in these texts), one
 * that the caller gave stands. @fact PLIM_FACT_COUNT: nothing is noted. */
void plim_setting_number(plim_facts *facts, plim_fact_id fact, uint64_t number, const char *source);
void plim_setting_text(plim_facts *facts, plim_fact_id fact, const char *text, const char *source);

/* Decimal digits at @text; what follows them, or NULL when there are none or they overflow. */
const char *plim_digits_read(const char *text, uint64_t *out);

/* Values of PYTORCH_CUDA_ALLOC_CONF and its later name. */
void plim_pytorch_conf_read(const char *text, const char *source, plim_facts *facts);
/* Value of GLIBC_TUNABLES: name=value joined by ':'. */
void plim_tunables_read(const char *text, plim_facts *facts);
/* A variable of glibc's own, such as MALLOC_ARENA_MAX; false when @name is none of them. */
bool plim_malloc_variable_read(const char *name, const char *value, plim_facts *facts);
/* The @index-th of these, wrong spellings included; NULL past the last. */
const char *plim_malloc_variable(size_t index);

#endif
