/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - memreport host: what the machine is, with the source of each field. */
#include <inttypes.h>
#include <string.h>

#include "src/tools/memreport/memreport.h"

typedef struct host_field {
    const char *key;
    char text[80];
    plim_source source;
} host_field;

static const char *source_name(plim_source source)
{
    static const char *const NAMES[] = {"not known", "machine", "table", "given", "guess"};
    return (unsigned)source < 5 ? NAMES[source] : "?";
}

static size_t fields_of(const plim_host *h, host_field *out)
{
    const host_field fields[] = {
        {.key = "board", .source = h->board_source},
        {.key = "sm", .source = h->sm_source},
        {.key = "multiprocessors", .source = h->multiprocessors_source},
        {.key = "l4t", .source = h->l4t_source},
        {.key = "jetpack", .source = h->jetpack_source},
        {.key = "tensorrt", .source = h->tensorrt_source},
    };
    memcpy(out, fields, sizeof(fields));
    snprintf(out[0].text, sizeof(out[0].text), "%s", h->board);
    if (h->sm) {
        snprintf(out[1].text, sizeof(out[1].text), "%" PRIu32, h->sm);
    }
    if (h->multiprocessors) {
        snprintf(out[2].text, sizeof(out[2].text), "%" PRIu32, h->multiprocessors);
    }
    snprintf(out[3].text, sizeof(out[3].text), "%s", h->l4t);
    snprintf(out[4].text, sizeof(out[4].text), "%s", h->jetpack);
    snprintf(out[5].text, sizeof(out[5].text), "%s", h->tensorrt);
    return sizeof(fields) / sizeof(fields[0]);
}

static void print_memory(const request *r, const plim_system_memory *m, bool json)
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
        if (!json) {
            printf("  %-18s %12s\n", ROWS[i].key,
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
    plim_host h;
    plim_system_memory m;
    plim_error err = {.status = PLIM_OK};
    host_field fields[8];
    if (plim_host_detect("", &h, &err) != PLIM_OK ||
        plim_system_memory_read("", &m, &err) != PLIM_OK) {
        return report_refuse("host", &err);
    }
    size_t count = fields_of(&h, fields);
    printf(r->json ? "{\"schema\":\"plimsoll-host/1\",\"arch\":\"%s\"" : "arch %s\n", h.arch);
    for (size_t i = 0; i < count; i++) {
        const char *text = fields[i].text;
        for (char *p = fields[i].text; *p; p++) { /* from files of the machine: keep it JSON */
            *p = *p < ' ' || *p == '"' || *p == '\\' ? '_' : *p;
        }
        if (r->json) {
            printf(",\"%s\":{\"value\":%s%s%s,\"source\":\"%s\"}", fields[i].key,
                   text[0] ? "\"" : "", text[0] ? text : "null", text[0] ? "\"" : "",
                   source_name(fields[i].source));
        } else {
            printf("%-18s %-28s %s\n", fields[i].key, text[0] ? text : "-",
                   source_name(fields[i].source));
        }
    }
    printf(r->json ? ",\"memory\":{" : "memory\n");
    print_memory(r, &m, r->json);
    printf(r->json ? "}}\n" : "");
    return REPORT_OK;
}
