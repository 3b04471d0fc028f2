/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_machine_frame.c - a line of somebody's recording: a frame whose rows add up, or refused. */
#include <stdint.h>
#include <stdlib.h>

#include "plimsoll/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool swallow(void *context, const char *text, size_t bytes)
{
    (void)text;
    *(size_t *)context += bytes;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_machine machine;
    plim_error err;
    size_t written = 0;
    if (plim_machine_parse((const char *)data, size, &machine, &err) != PLIM_OK) {
        if (machine.row_count) {
            abort();
        }
        return 0;
    }
    int64_t sum = 0;
    for (unsigned place = 0; place < PLIM_PLACE_OUTSIDE; place++) {
        sum += plim_machine_sum(&machine, (plim_place)place);
    }
    if (sum != (int64_t)machine.total_bytes ||
        plim_machine_json(&machine, swallow, &written, &err) != PLIM_OK || written == 0) {
        abort();
    }
    return 0;
}
