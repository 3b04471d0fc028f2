/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_account.c - a published account from anyone: attached or refused, never read outside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plimsoll/budget.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const plim_budget *reader = NULL;
    plim_error err;
    plim_account a;
    plim_account_row rows[8];
    void *image = malloc(size ? size : 1); /* aligned, and as long as the input */
    if (!image) {
        return 0;
    }
    memcpy(image, data, size);
    if (plim_budget_attach(image, size, &reader, &err) == PLIM_OK) {
        plim_budget_read(reader, &a, rows, 8);
        uint64_t sum = 0;
        for (size_t i = 0; i < a.row_count && i < 8; i++) {
            if (strlen(rows[i].owner) == 0 || rows[i].now_bytes > a.cap_bytes) {
                abort();
            }
            sum += rows[i].now_bytes;
        }
        if (sum / 8 > a.cap_bytes || strlen(plim_budget_owner_name(reader, 1)) >= PLIM_NAME_BYTES) {
            abort();
        }
    } else if (reader) {
        abort();
    }
    free(image);
    return 0;
}
