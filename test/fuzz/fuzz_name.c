/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_name.c - an accepted file name formats back to the same text. */
#include <stdlib.h>
#include <string.h>

#include "plimsoll/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512];
    char again[512];
    plim_engine_name name;
    plim_error err;
    if (size >= sizeof(text)) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = 0;
    plim_status status = plim_engine_name_parse(text, &name, &err);
    if (status == PLIM_OK) {
        if (plim_engine_name_format(&name, again, sizeof(again), &err) != PLIM_OK ||
            strcmp(text, again) != 0) {
            abort();
        }
    } else if (status != PLIM_E_FORMAT || strncmp(err.field, "position ", 9) != 0) {
        abort();
    }
    return 0;
}
