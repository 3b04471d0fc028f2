/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_lerobot.c - info.json and the paths it leads to; the same bytes as modality and episodes. */
#include <stdlib.h>
#include <string.h>

#include "src/episode/lerobot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const plim_lerobot *lerobot, const char *key)
{
    char path[512];
    plim_status status =
        lerobot->is_v3
            ? plim_lerobot_shared_path(lerobot, "set", key, 12, 34, path, sizeof(path), NULL)
            : plim_lerobot_path(lerobot, "set", key, 1234, path, sizeof(path), NULL);
    if (status == PLIM_OK &&
        (strncmp(path, "set/", 4) != 0 || strstr(path, "/../") || strlen(path) >= sizeof(path))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_dataset_info info;
    static plim_warnings warnings;
    plim_lerobot lerobot = {.info = &info, .warnings = &warnings, .takes_v3 = true};
    plim_lerobot_episode episodes[64];
    plim_file_bytes file;
    plim_error err;
    memset(&info, 0, sizeof(info));
    warnings.count = 0;
    plim_file_bytes_from_memory(&file, data, size);
    if (plim_lerobot_read_info(&lerobot, &file, &err) == PLIM_OK) {
        if (info.feature_count > PLIM_DATASET_FEATURES_MAX) {
            abort();
        }
        check_path(&lerobot, NULL);
        for (uint32_t i = 0; i < info.feature_count; i++) {
            check_path(&lerobot, info.features[i].name);
        }
    }
    plim_status status = plim_lerobot_read_modality(&lerobot, &file, &err);
    status = plim_lerobot_read_episodes(&lerobot, &file, episodes, 64, &err);
    (void)status;
    return 0;
}
