/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - memreport host: what the machine is, with the source of each fact; memreport
 * --capture: the files that say so. */
#include <inttypes.h>
#include <string.h>

#include "src/tools/capture/capture.h"
#include "src/tools/facts_print.h"
#include "src/tools/memreport/memreport.h"

static void print_memory(const request *r, const plim_system_memory *m)
{
    const struct {
        const char *key;
        uint64_t bytes;
    } ROWS[] = {{"total", m->total_bytes},         {"free", m->free_bytes},
                {"available", m->available_bytes}, {"buffers", m->buffers_bytes},
                {"cached", m->cached_bytes},       {"shmem", m->shmem_bytes},
                {"anon", m->anon_bytes},           {"swap_total", m->swap_total_bytes},
                {"swap_free", m->swap_free_bytes}, {"cma_total", m->cma_total_bytes},
                {"cma_free", m->cma_free_bytes},   {"nvmap_used", m->nvmap_used_bytes}};
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char text[24];
        if (!r->json) {
            printf("  %-22s %s\n", ROWS[i].key,
                   plim_bytes_format(ROWS[i].bytes, r->si, text, sizeof(text)));
        } else if (ROWS[i].bytes == PLIM_UNKNOWN_BYTES) {
            printf("%s\"%s\":null", i ? "," : "", ROWS[i].key);
        } else {
            printf("%s\"%s\":%" PRIu64, i ? "," : "", ROWS[i].key, ROWS[i].bytes);
        }
    }
}

int host(const request *r)
{
    static machine_facts m;
    plim_system_memory memory;
    plim_error err = {.status = PLIM_OK};
    if (machine_facts_read(r->root, r->snapshot, NULL, &m, &err) != PLIM_OK ||
        plim_system_memory_read(r->root, &memory, &err) != PLIM_OK) {
        return report_refuse("host", &err);
    }
    if (r->json) {
        printf("{\"schema\":\"plimsoll-host/2\",");
        facts_print_json(&m, stdout);
        printf(",\"memory\":{");
        print_memory(r, &memory);
        printf("}}\n");
        return REPORT_OK;
    }
    facts_print_text(&m, stdout);
    printf("\nthe kernel's meminfo\n");
    print_memory(r, &memory);
    return REPORT_OK;
}

int capture_command(const request *r)
{
    capture_counts counts;
    char why[CAPTURE_PATH_BYTES + 128] = "";
    if (!capture_run(r->root, r->capture, &counts, why, sizeof(why))) {
        fprintf(stderr, "memreport: --capture: %s\n", why);
        return counts.files ? REPORT_INTERNAL : REPORT_USAGE;
    }
    capture_print(&counts, r->capture, stdout);
    return counts.has_meminfo ? REPORT_OK : REPORT_NOTHING;
}
