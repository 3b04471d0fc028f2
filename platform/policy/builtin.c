/* SPDX-License-Identifier: Apache-2.0 */
/* builtin.c - the tables of this release, as bytes of the library.
 *
 * The assembler includes the files, which keeps them readable text in the repository and costs
 * no step of the build; the Makefile names them as what this object depends on. Paths are those
 * of the repository, where every compiler of the build starts.
 */
#include <string.h>

#include "plimsoll/policy.h"

/* The size stands beside the bytes: a difference of two symbols is none of C's. */
#define TABLE(name)                                                                                \
    extern __attribute__((visibility("hidden"))) const char plim_table_##name[];                   \
    extern __attribute__((visibility("hidden"))) const uint64_t plim_table_##name##_bytes;         \
    __asm__(".pushsection .rodata\n"                                                               \
            ".balign 8\n"                                                                          \
            ".globl plim_table_" #name "_bytes\n"                                                  \
            ".hidden plim_table_" #name "_bytes\n"                                                 \
            "plim_table_" #name "_bytes: .quad 2f - 1f\n"                                          \
            ".globl plim_table_" #name "\n"                                                        \
            ".hidden plim_table_" #name "\n"                                                       \
            "plim_table_" #name ":\n"                                                              \
            "1: .incbin \"platform/policy/" #name ".table\"\n"                                     \
            "2:\n"                                                                                 \
            ".popsection\n")

TABLE(boards);
TABLE(releases);
TABLE(dtypes);
TABLE(quirks);
TABLE(settings);
TABLE(advice);

static void put(plim_policy *out, const char *name, const char *text, uint64_t bytes)
{
    out->texts[out->text_count++] = (plim_policy_text){name, text, (size_t)bytes};
    out->builtin_count = out->text_count;
}
#define PUT(out, name) put((out), #name ".table", plim_table_##name, plim_table_##name##_bytes)

void plim_policy_builtin(plim_policy *out)
{
    memset(out, 0, sizeof(*out));
    PUT(out, boards);
    PUT(out, releases);
    PUT(out, dtypes);
    PUT(out, quirks);
    PUT(out, settings);
    PUT(out, advice);
}
