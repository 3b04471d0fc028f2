/* SPDX-License-Identifier: Apache-2.0 */
/* checks.h - invariants of our own. PLIM_CHECKS: 0 none, 1 cheap ones, 2 whole objects.
 *
 * Facts from outside (sizes, files, boards) give a status; these are for our own mistakes,
 * and stop at once.
 */
#ifndef ARENA_CHECKS_H
#define ARENA_CHECKS_H

#ifndef PLIM_CHECKS
#define PLIM_CHECKS 0
#endif

#if PLIM_CHECKS >= 1
#define PLIM_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define PLIM_ASSERT(condition) ((void)0)
#endif

/* Lets a sanitizer see inside memory that the arena manages. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1 /* clang's way of saying it */
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
void __asan_poison_memory_region(void const volatile *address, unsigned long size);
void __asan_unpoison_memory_region(void const volatile *address, unsigned long size);
#define PLIM_HAS_POISON              1
#define PLIM_POISON(address, size)   __asan_poison_memory_region((address), (size))
#define PLIM_UNPOISON(address, size) __asan_unpoison_memory_region((address), (size))
#else
#define PLIM_HAS_POISON              0
#define PLIM_POISON(address, size)   ((void)(address), (void)(size))
#define PLIM_UNPOISON(address, size) ((void)(address), (void)(size))
#endif

#endif
