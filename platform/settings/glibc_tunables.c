/* SPDX-License-Identifier: Apache-2.0 */
/* glibc_tunables.c - settings of glibc's malloc, from GLIBC_TUNABLES and the older variables.
 *
 * Decides what glibc would take and what it would read past in silence: a name that is no tunable,
 * a value that is no number to its end ("64M"), or a variable whose name is nearly right
 * (MALLOC_MMAP_THRESHOLD lacks its last underscore). GLIBC_TUNABLES wins over the variables
 * whatever their order, and in it the last of two; glibc 2.26 to 2.41 agree on both.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/settings/allocator_settings.h"

#define NO_FACT PLIM_FACT_COUNT

typedef struct tunable {
    const char *name;     /* behind "glibc.malloc." */
    const char *variable; /* its older name; NULL: none */
    const char *mistaken; /* what people write instead; NULL: nothing known */
    plim_fact_id fact;
} tunable;

static const tunable TUNABLES[] = {
    {"arena_max", "MALLOC_ARENA_MAX", "MALLOC_ARENA_MAX_", PLIM_FACT_MALLOC_ARENAS},
    {"arena_test", "MALLOC_ARENA_TEST", "MALLOC_ARENA_TEST_", NO_FACT},
    {"mmap_threshold", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_THRESHOLD", PLIM_FACT_MALLOC_MMAP},
    {"trim_threshold", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TRIM_THRESHOLD", PLIM_FACT_MALLOC_TRIM},
    {"top_pad", "MALLOC_TOP_PAD_", "MALLOC_TOP_PAD", PLIM_FACT_MALLOC_TOP_PAD},
    {"mmap_max", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_MAX", NO_FACT},
    {"perturb", "MALLOC_PERTURB_", "MALLOC_PERTURB", NO_FACT},
    {"check", "MALLOC_CHECK_", "MALLOC_CHECK", NO_FACT},
    {"tcache_count", NULL, "MALLOC_TCACHE_COUNT", PLIM_FACT_MALLOC_TCACHE},
    {"tcache_max", NULL, "MALLOC_TCACHE_MAX", NO_FACT},
    {"tcache_unsorted_limit", NULL, NULL, NO_FACT},
    {"mxfast", NULL, "MALLOC_MXFAST", NO_FACT},
    {"hugetlb", NULL, "MALLOC_HUGETLB", PLIM_FACT_MALLOC_HUGE},
};
#define TUNABLE_COUNT (sizeof(TUNABLES) / sizeof(TUNABLES[0]))

static void note_unknown(plim_facts *facts, const char *text, size_t bytes, const char *source)
{
    char copy[PLIM_FACT_TEXT_BYTES];
    snprintf(copy, sizeof(copy), "%.*s", bytes < sizeof(copy) ? (int)bytes : (int)sizeof(copy) - 1,
             text);
    plim_facts_set_text(facts, PLIM_FACT_MALLOC_UNKNOWN, copy, PLIM_CONFIDENCE_READ, source);
}

/* As glibc reads numbers: decimal, 0x or octal, to the end of the value. */
static bool read_number(const char *text, size_t bytes, uint64_t *out)
{
    char copy[32];
    char *end;
    if (bytes == 0 || bytes >= sizeof(copy) || text[0] < '0' || text[0] > '9') {
        return false;
    }
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    *out = strtoull(copy, &end, 0);
    return *end == 0;
}

/* One name=value; names of other rooms of glibc are not judged. */
static void read_tunable(const char *text, size_t bytes, plim_facts *facts)
{
    static const char *const OTHERS[] = {"glibc.rtld.", "glibc.cpu.",     "glibc.pthread.",
                                         "glibc.mem.",  "glibc.elision.", "glibc.gmon."};
    static const char SPACE[] = "glibc.malloc.";
    const char *equal = memchr(text, '=', bytes);
    size_t name_bytes = equal ? (size_t)(equal - text) : bytes, front = sizeof(SPACE) - 1;
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
        if (bytes >= strlen(OTHERS[i]) && memcmp(text, OTHERS[i], strlen(OTHERS[i])) == 0) {
            return;
        }
    }
    for (size_t i = 0; equal && i < TUNABLE_COUNT && name_bytes > front; i++) {
        const tunable *t = &TUNABLES[i];
        uint64_t n;
        if (memcmp(text, SPACE, front) == 0 && strlen(t->name) == name_bytes - front &&
            memcmp(text + front, t->name, name_bytes - front) == 0 &&
            read_number(equal + 1, bytes - name_bytes - 1, &n)) {
            plim_setting_number(facts, t->fact, n, "GLIBC_TUNABLES");
            return;
        }
    }
    note_unknown(facts, text, bytes, "GLIBC_TUNABLES");
}

void plim_tunables_read(const char *text, plim_facts *facts)
{
    while (*text) {
        size_t bytes = strcspn(text, ":");
        if (bytes) {
            read_tunable(text, bytes, facts);
        }
        text += bytes + (text[bytes] == ':');
    }
}

bool plim_malloc_variable_read(const char *name, const char *value, plim_facts *facts)
{
    for (size_t i = 0; i < TUNABLE_COUNT; i++) {
        const tunable *t = &TUNABLES[i];
        uint64_t n;
        if (t->mistaken && strcmp(t->mistaken, name) == 0) {
            note_unknown(facts, name, strlen(name), name);
            return true;
        }
        if (!t->variable || strcmp(t->variable, name) != 0) {
            continue;
        }
        if (!read_number(value, strlen(value), &n)) {
            char text[PLIM_FACT_TEXT_BYTES];
            snprintf(text, sizeof(text), "%s=%s", name, value);
            note_unknown(facts, text, strlen(text), name);
        } else if (t->fact != NO_FACT) { /* the first one stands: GLIBC_TUNABLES may have been */
            plim_facts_set_number(facts, t->fact, n, PLIM_CONFIDENCE_READ, name);
        }
        return true;
    }
    return false;
}

const char *plim_malloc_variable(size_t index)
{
    for (size_t i = 0; i < TUNABLE_COUNT; i++) {
        const char *const names[] = {TUNABLES[i].variable, TUNABLES[i].mistaken};
        for (size_t k = 0; k < 2; k++) {
            if (names[k] && index-- == 0) {
                return names[k];
            }
        }
    }
    return NULL;
}
