/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_safetensors.c - accepted sections lie in the file, in order, without a hole. */
#include <stdlib.h>
#include <string.h>

#include "src/engine/safetensors.h"

#define SECTIONS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_section sections[SECTIONS];
    uint8_t first[8] = {0};
    uint64_t json_bytes;
    uint64_t count;
    plim_error err;
    memcpy(first, data, size < 8 ? size : 8);
    if (plim_safetensors_header_bytes(first, size, &json_bytes, &err) != PLIM_OK) {
        return 0;
    }
    const char *json = (const char *)data + 8;
    if (plim_safetensors_parse(json, json_bytes, size, NULL, &count, NULL, &err) != PLIM_OK) {
        return 0;
    }
    if (count > SECTIONS) {
        return 0;
    }
    uint64_t cursor = 8 + json_bytes, sum = 0;
    plim_weights weights = {.is_known = true};
    if (plim_safetensors_parse(json, json_bytes, size, sections, &count, &weights, &err) !=
        PLIM_OK) {
        return 0;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (sections[i].offset_bytes != cursor || sections[i].size_bytes > size - cursor) {
            abort();
        }
        cursor += sections[i].size_bytes;
    }
    for (unsigned i = 0; i < PLIM_WEIGHT_TYPES; i++) {
        sum += weights.bytes[i];
    }
    if (cursor != size || sum != size - 8 - json_bytes) {
        abort();
    }
    return 0;
}
