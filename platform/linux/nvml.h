/* SPDX-License-Identifier: Apache-2.0 */
/* nvml.h - memory of NVIDIA's desktop driver (Thor, GB10, cards), through libnvidia-ml. */
#ifndef PLATFORM_LINUX_NVML_H
#define PLATFORM_LINUX_NVML_H

#include "plimsoll/platform.h"

typedef struct plim_nvml {
    uint32_t device_count, process_count;
    uint64_t process_bytes, others_bytes;     /* on GPUs that share the machine's memory */
    uint64_t own_used_bytes, own_total_bytes; /* of GPUs with memory of their own */
    uint64_t own_process_bytes;               /* of own_used_bytes: the process asked for */
} plim_nvml;

/* plim_nvml_read - ask every GPU. The library stays loaded: it does not survive being reopened.
 * Errors:  E_NOT_FOUND  no library, or no driver behind it. */
PLIM_MUST_USE plim_status plim_nvml_read(uint32_t pid, plim_nvml *out, plim_error *err);

#endif
