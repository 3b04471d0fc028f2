/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_card.c - an accepted card prints and parses to the same value. */
#include <stdlib.h>
#include <string.h>

#include "plimsoll/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_card card, again;
    static char text[1 << 18];
    plim_error err;
    size_t bytes;
    plim_status status = plim_card_parse((const char *)data, size, &card, &err);
    if (status != PLIM_OK) {
        char line[1024];
        plim_error_format(&err, line, sizeof(line));
        for (char *p = line; *p; p++) {
            if (*p < 0x20 || *p > 0x7e) {
                abort(); /* a refusal is one printable line */
            }
        }
        return 0;
    }
    if (plim_card_format(&card, text, sizeof(text), &bytes, &err) != PLIM_OK ||
        plim_card_parse(text, bytes, &again, &err) != PLIM_OK ||
        memcmp(&card, &again, sizeof(card)) != 0) {
        abort();
    }
    return 0;
}
