/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - one process's memory from status, smaps and smaps_rollup.
 *
 * The sum over smaps is taken as the resident set: it walks the page tables, where VmRSS may
 * lag by a batch of pages for each CPU. Every mapping falls in exactly one kind, so the kinds
 * add up to that sum. Refuses nothing that the kernel lets us read; a field that it does not
 * print stays PLIM_UNKNOWN_BYTES.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/probes.h"

static void proc_path(char *out, size_t room, uint32_t pid, const char *file)
{
    if (pid) {
        snprintf(out, room, "proc/%" PRIu32 "/%s", pid, file);
    } else {
        snprintf(out, room, "proc/self/%s", file);
    }
}

static bool kib_after(const char *line, const char *key, uint64_t *out)
{
    size_t n = strlen(key);
    uint64_t kib;
    return strncmp(line, key, n) == 0 && plim_parse_u64(line + n, &kib) &&
           !__builtin_mul_overflow(kib, 1024u, out);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static plim_mapping_kind kind_of(const char *path)
{
    if (path[0] == 0 || starts(path, "/plimsoll-large")) {
        return PLIM_MAPPING_ANONYMOUS; /* the second: provider_large.c, memory like any other */
    }
    if (starts(path, "[heap]")) {
        return PLIM_MAPPING_HEAP;
    }
    if (starts(path, "[stack") || starts(path, "[anon:stack")) {
        return PLIM_MAPPING_STACK;
    }
    if (starts(path, "[anon")) {
        return PLIM_MAPPING_ANONYMOUS; /* [anon:name] is given by prctl; [anon_shmem:...] too */
    }
    if (path[0] == '[') {
        return PLIM_MAPPING_SPECIAL;
    }
    if (starts(path, "/memfd:") || starts(path, "/dev/shm/") || starts(path, "/SYSV") ||
        starts(path, "/dev/zero")) {
        return PLIM_MAPPING_SHARED;
    }
    return PLIM_MAPPING_FILE;
}

/* "7f00-7f10 rw-p 00000000 00:00 0    /path with blanks"; false: not the head of a mapping. */
static bool parse_head(char *line, plim_mapping *out)
{
    int path_at = 0;
    plim_mapping m = {.from = 0};
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*4s %*x %" SCNx32 ":%" SCNx32 " %" SCNu64 " %n",
               &m.from, &m.to, &m.device_major, &m.device_minor, &m.inode, &path_at) < 5 ||
        path_at == 0) {
        return false;
    }
    m.path = line + path_at;
    m.kind = kind_of(m.path);
    *out = m;
    return true;
}

static void take_figure(const char *line, plim_mapping *m)
{
    if (!kib_after(line, "Rss:", &m->rss_bytes) && !kib_after(line, "Pss:", &m->pss_bytes)) {
        (void)kib_after(line, "Anonymous:", &m->anonymous_bytes);
    }
}

plim_status plim_mappings_walk(const char *root, uint32_t pid,
                               void (*visit)(void *context, const plim_mapping *m), void *context,
                               plim_error *err)
{
    char name[64], path[1024] = "";
    plim_mapping m = {.path = NULL}, head;
    plim_lines lines;
    proc_path(name, sizeof(name), pid, "smaps");
    PLIM_TRY(plim_lines_open(root, name, &lines, err));
    for (char *line; (line = plim_lines_next(&lines));) {
        if (line[0] >= 'A' && line[0] <= 'Z') { /* heads start with a hexadecimal address */
            take_figure(line, &m);
        } else if (parse_head(line, &head)) {
            if (m.path) {
                visit(context, &m);
            }
            snprintf(path, sizeof(path), "%s", head.path);
            m = head;
            m.path = path;
        }
    }
    if (m.path) {
        visit(context, &m);
    }
    plim_lines_close(&lines);
    return PLIM_OK;
}

static void add_mapping(void *context, const plim_mapping *m)
{
    plim_process_memory *out = context;
    uint64_t *const to[PLIM_MAPPING_COUNT] = {
        &out->heap_bytes,   &out->stack_bytes,  &out->anonymous_bytes,
        &out->mapped_bytes, &out->shared_bytes, &out->special_bytes,
    };
    *to[m->kind] += m->rss_bytes;
    out->rss_bytes += m->rss_bytes;
}

typedef struct named_field {
    const char *name;
    size_t offset;
} named_field;
#define FIELD(text, field)                                                                         \
    {                                                                                              \
        text, offsetof(plim_process_memory, field)                                                 \
    }
static const named_field STATUS_FIELDS[] = {
    FIELD("VmHWM:", rss_peak_bytes),   FIELD("RssAnon:", anon_bytes),
    FIELD("RssFile:", file_bytes),     FIELD("RssShmem:", shmem_bytes),
    FIELD("VmPTE:", page_table_bytes), FIELD("VmSwap:", swap_bytes),
};
static const named_field ROLLUP_FIELDS[] = {
    FIELD("Pss:", pss_bytes),
    FIELD("Pss_Anon:", pss_anon_bytes),
    FIELD("Pss_File:", pss_file_bytes),
    FIELD("Pss_Shmem:", pss_shmem_bytes),
};
#undef FIELD

static plim_status read_fields(const char *root, uint32_t pid, const char *file,
                               const named_field *fields, size_t count, plim_process_memory *out,
                               plim_error *err)
{
    char name[64];
    plim_lines lines;
    proc_path(name, sizeof(name), pid, file);
    PLIM_TRY(plim_lines_open(root, name, &lines, err));
    for (char *line; (line = plim_lines_next(&lines));) {
        for (size_t i = 0; i < count; i++) {
            uint64_t bytes;
            if (kib_after(line, fields[i].name, &bytes)) {
                memcpy((char *)out + fields[i].offset, &bytes, sizeof(bytes));
            }
        }
    }
    plim_lines_close(&lines);
    return PLIM_OK;
}

plim_status plim_process_memory_read_at(const char *root, uint32_t pid, plim_process_memory *out,
                                        plim_error *err)
{
    plim_process_memory m;
    memset(&m, 0xff, sizeof(m));
    m.rss_bytes = m.heap_bytes = m.stack_bytes = m.anonymous_bytes = 0;
    m.mapped_bytes = m.special_bytes = m.shared_bytes = 0;
    memset(out, 0, sizeof(*out));
    PLIM_TRY(read_fields(root, pid, "status", STATUS_FIELDS,
                         sizeof(STATUS_FIELDS) / sizeof(STATUS_FIELDS[0]), &m, err));
    PLIM_TRY(plim_mappings_walk(root, pid, add_mapping, &m, err));
    /* Kernels before 4.14 have no rollup: the proportional figures stay unknown. */
    plim_status rollup = read_fields(root, pid, "smaps_rollup", ROLLUP_FIELDS,
                                     sizeof(ROLLUP_FIELDS) / sizeof(ROLLUP_FIELDS[0]), &m, NULL);
    if (rollup != PLIM_OK && rollup != PLIM_E_NOT_FOUND && rollup != PLIM_E_IO) {
        return rollup;
    }
    *out = m;
    return PLIM_OK;
}

plim_status plim_process_memory_read(uint32_t pid, plim_process_memory *out, plim_error *err)
{
    return plim_process_memory_read_at("", pid, out, err);
}
