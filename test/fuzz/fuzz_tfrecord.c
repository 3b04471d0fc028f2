/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tfrecord.c - records with their length's checksum made right, and features.json. */
#include <stdlib.h>
#include <string.h>

#include "src/survey/rlds_features.h"
#include "src/survey/tfrecord.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_record(uint8_t *record, size_t size)
{
    static plim_example example;
    plim_file_bytes file;
    plim_error err;
    uint64_t data_bytes;
    uint32_t crc = plim_tfrecord_mask(plim_crc32c(record, 8, 0));
    memcpy(record + 8, &crc, sizeof(crc)); /* or no mutation would get past it */
    example.is_exact = false;
    plim_file_bytes_from_memory(&file, record, size);
    if (plim_tfrecord_read(&example, &file, 0, &data_bytes, &err) == PLIM_OK) {
        uint64_t used = 0;
        for (uint32_t i = 0; i < example.key_count; i++) {
            used += example.keys[i].stored_bytes;
        }
        if (used > data_bytes || data_bytes + 16 > size) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_rlds_features features;
    plim_file_bytes file;
    plim_error err;
    if (size >= PLIM_TFRECORD_HEAD && data[0] != '{') {
        uint8_t *copy = malloc(size);
        if (copy) {
            memcpy(copy, data, size);
            read_record(copy, size);
            free(copy);
        }
        return 0;
    }
    plim_file_bytes_from_memory(&file, data, size);
    if (plim_rlds_features_read(&file, &features, &err) == PLIM_OK &&
        features.count > PLIM_RLDS_FEATURES_MAX) {
        abort();
    }
    return 0;
}
