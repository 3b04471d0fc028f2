/* SPDX-License-Identifier: Apache-2.0 */
/* prefault.h - pages made present now, so that the first write does not fault. */
#ifndef PLATFORM_LINUX_PREFAULT_H
#define PLATFORM_LINUX_PREFAULT_H

#include "plimsoll/provider.h"

/* Content is not changed. E_NOMEM: the system refused. */
PLIM_MUST_USE plim_status plim_prefault(void *base, size_t size_bytes, size_t page_bytes,
                                        plim_error *err);

#endif
