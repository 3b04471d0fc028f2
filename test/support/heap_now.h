/* SPDX-License-Identifier: Apache-2.0 */
/* heap_now.h - mallinfo2, also where glibc has only its elder (before 2.33: Ubuntu 20.04), whose
 * fields are int: good for heaps below 2 GiB, which all of the tests' are. */
#ifndef TEST_SUPPORT_HEAP_NOW_H
#define TEST_SUPPORT_HEAP_NOW_H

#include <features.h>
#include <malloc.h>

#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 33)
#define mallinfo2 mallinfo
#endif

#endif
