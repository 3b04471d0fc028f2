/* SPDX-License-Identifier: Apache-2.0 */
/* provider_huge.h - large pages whose page tables cost nothing.
 *
 * A private anonymous mapping pays one 4 KiB page table per 2 MiB, on large pages too: the
 * kernel keeps it in store for the day it must split the page. That is 2 MiB per GiB, and it
 * grows with the payload. Pages of a memory file on a private, detached tmpfs with
 * huge=within_size are mapped without it. No setting of the machine is touched, nothing is
 * visible in the file tree, and the mount ends with the descriptor.
 */
#ifndef PLATFORM_PROVIDER_HUGE_H
#define PLATFORM_PROVIDER_HUGE_H

#include "plimsoll/provider.h"

/* plim_provider_huge_open - one segment of at most @size_bytes, from which pieces are reserved.
 *
 * Reserve with an alignment of 2 MiB; the first piece starts on a large page.
 * Owns:    gives the descriptor in @self; plim_provider_huge_close takes it back.
 * Errors:  E_UNSUPPORTED  no right to mount (CAP_SYS_ADMIN), or no large pages in tmpfs here.
 *          E_NOMEM        the system refused the size.
 */
PLIM_MUST_USE plim_status plim_provider_huge_open(plim_segment_provider *self, size_t size_bytes,
                                                  plim_error *err);
void plim_provider_huge_close(plim_segment_provider *self);

#endif
