/* SPDX-License-Identifier: Apache-2.0 */
/* pagemap.h - which pages of a range this process has mapped, from the kernel's own table. */
#ifndef PLATFORM_LINUX_PAGEMAP_H
#define PLATFORM_LINUX_PAGEMAP_H

#include <stdint.h>

#include "plimsoll/provider.h"

#define PLIM_PAGE_IS_ALONE   (UINT64_C(1) << 56) /* mapped by this process only */
#define PLIM_PAGE_IS_OF_FILE (UINT64_C(1) << 61)

/* plim_pagemap_resident - bytes of the range whose pages are present and have any of @marks.
 * Errors:  E_IO  the kernel does not say. */
PLIM_MUST_USE plim_status plim_pagemap_resident(const void *base, size_t size_bytes,
                                                size_t page_bytes, uint64_t marks,
                                                size_t *out_bytes, plim_error *err);

#endif
