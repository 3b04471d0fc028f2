/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mcap.c - the MCAP reader: by summary, by scan, and exactly. */
#include <stdlib.h>

#include "src/survey/mcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_mcap_work work;
    static plim_bag bag;
    plim_file_bytes file;
    plim_error err;
    work.is_exact = size & 1;
    plim_file_bytes_from_memory(&file, data, size);
    plim_bag_init(&bag, NULL);
    if (plim_mcap_read(&work, &file, &bag, &err) != PLIM_OK) {
        return 0;
    }
    uint64_t used = 0;
    for (uint32_t i = 0; i < bag.topic_count; i++) {
        used += bag.topics[i].disk_bytes;
    }
    if (used > size || used + plim_bag_container_bytes(&bag) != size) {
        abort(); /* the parts are not the whole */
    }
    return 0;
}
