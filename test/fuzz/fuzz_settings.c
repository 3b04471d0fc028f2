/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_settings.c - any environment is read without harm, twice alike, and into printable facts.
 *
 * The input is a NUL separated environment, as a kernel gives it.
 */
#include <stdlib.h>
#include <string.h>

#include "plimsoll/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct environment {
    const char *text;
    size_t bytes;
} environment;

static const char *lookup(void *context, const char *name)
{
    const environment *e = context;
    size_t name_bytes = strlen(name);
    for (size_t at = 0; at < e->bytes; at += strlen(e->text + at) + 1) {
        if (strncmp(e->text + at, name, name_bytes) == 0 && e->text[at + name_bytes] == '=') {
            return e->text + at + name_bytes + 1;
        }
    }
    return NULL;
}

static void hold_to_print(const char *text, size_t room)
{
    size_t n = strnlen(text, room);
    if (n == room) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_facts facts, again;
    char *text = malloc(size + 1);
    if (!text) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = 0;
    environment e = {text, size};
    memset(&facts, 0, sizeof(facts));
    memset(&again, 0, sizeof(again));
    plim_settings_read(&facts, lookup, &e, "fuzz");
    plim_settings_read(&again, lookup, &e, "fuzz");
    if (memcmp(&facts, &again, sizeof(facts)) != 0) {
        abort();
    }
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        hold_to_print(facts.list[i].text, sizeof(facts.list[i].text));
        hold_to_print(facts.list[i].source, sizeof(facts.list[i].source));
    }
    if (plim_settings_note(&facts, "gpu_mem_limit", text, NULL) == PLIM_OK &&
        plim_settings_note(&facts, text, "1", NULL) == PLIM_OK) {
        abort(); /* a number is no name */
    }
    free(text);
    return 0;
}
