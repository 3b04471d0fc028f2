/* SPDX-License-Identifier: Apache-2.0 */
/* version.h - which plimsoll these headers belong to. */
#ifndef PLIMSOLL_VERSION_H
#define PLIMSOLL_VERSION_H

#define PLIM_VERSION_MAJOR  0
#define PLIM_VERSION_MINOR  1
#define PLIM_VERSION_PATCH  0
#define PLIM_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PLIM_API      __attribute__((visibility("default")))
#define PLIM_MUST_USE __attribute__((warn_unused_result))
#else
#define PLIM_API
#define PLIM_MUST_USE
#endif

/* An empty initializer that both languages accept without a warning. */
#ifdef __cplusplus
#define PLIM_ZERO                                                                                  \
    {                                                                                              \
    }
#else
#define PLIM_ZERO                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }
#endif

/* Of functions that give default options. Never inlined: two of them side by side share a
 * temporary, and GCC 12.2 for aarch64 (-O2) loads the second one before it is written. */
#define PLIM_DEFAULTS __attribute__((noinline, unused)) static

/* plim_version - the version of the library that was loaded, as "major.minor.patch".
 * Compare it with PLIM_VERSION_STRING to notice a header from another release. */
PLIM_API const char *plim_version(void);

#ifdef __cplusplus
}
#endif
#endif
