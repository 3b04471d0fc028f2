/* SPDX-License-Identifier: Apache-2.0 */
/* process_share.c - what each process has of memory that several may share.
 *
 * One read of smaps_rollup a process, in a buffer on the stack, so that ten thousand processes
 * take no more memory than one. Decides between a process that may not be read (its memory is
 * not known), a thread of the kernel (it has none) and one that has ended.
 */
#include "platform/linux/process_share.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "platform/fsroot.h"

/* The number of kB after "\n@key". */
static bool field_of(const char *text, const char *key, uint64_t *out)
{
    const size_t n = strlen(key);
    for (const char *at = text; (at = strstr(at, key)); at += n) {
        uint64_t kib;
        if ((at == text || at[-1] == '\n') && plim_parse_u64(at + n, &kib)) {
            return bytes_mul(kib, 1024, out) && *out <= INT64_MAX;
        }
    }
    return false;
}

bool plim_process_share_parse(const char *text, plim_process_share *out)
{
    uint64_t pss, anon;
    memset(out, 0, sizeof(*out));
    if (field_of(text, "Pss_Anon:", &out->anon_bytes) &&
        field_of(text, "Pss_File:", &out->file_bytes) &&
        field_of(text, "Pss_Shmem:", &out->shmem_bytes)) {
        return true;
    }
    memset(out, 0, sizeof(*out));
    /* Before 5.9 there is one sum; Anonymous counts shared pages whole, so it may be above. */
    if (!field_of(text, "Pss:", &pss) || !field_of(text, "Anonymous:", &anon)) {
        return false;
    }
    out->anon_bytes = anon < pss ? anon : pss;
    out->file_bytes = pss - out->anon_bytes;
    return true;
}

static void name_file(char *out, size_t room, uint32_t pid, const char *file)
{
    snprintf(out, room, "proc/%" PRIu32 "/%s", pid, file);
}

plim_share_state plim_process_share_read(const char *root, uint32_t pid, plim_process_share *out)
{
    char path[48], text[2048];
    name_file(path, sizeof(path), pid, "smaps_rollup");
    if (plim_fsroot_read(root, path, text, sizeof(text), NULL) &&
        plim_process_share_parse(text, out)) {
        return PLIM_SHARE_READ;
    }
    memset(out, 0, sizeof(*out));
    name_file(path, sizeof(path), pid, "statm"); /* for everyone to read */
    if (!plim_fsroot_read(root, path, text, sizeof(text), NULL)) {
        return PLIM_SHARE_GONE;
    }
    uint64_t pages;
    return plim_parse_u64(text, &pages) && pages ? PLIM_SHARE_UNREADABLE : PLIM_SHARE_KERNEL;
}

bool plim_process_start_parse(const char *text, uint64_t *out_ticks)
{
    const char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X') {
        return false;
    }
    for (unsigned field = 2; at && field < 22; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at && plim_parse_u64(at, out_ticks);
}

bool plim_process_start(const char *root, uint32_t pid, uint64_t *out_ticks)
{
    char path[48], text[1024];
    name_file(path, sizeof(path), pid, "stat");
    return plim_fsroot_read(root, path, text, sizeof(text), NULL) &&
           plim_process_start_parse(text, out_ticks);
}

void plim_process_limits(const char *root, uint32_t pid, uint64_t *out_address,
                         uint64_t *out_locked)
{
    static const char ADDRESS[] = "Max address space", LOCKED[] = "Max locked memory";
    char path[48];
    plim_lines lines;
    *out_address = *out_locked = PLIM_UNKNOWN_BYTES;
    name_file(path, sizeof(path), pid, "limits");
    if (plim_lines_open(root, path, &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        uint64_t bytes;
        if (strncmp(line, ADDRESS, sizeof(ADDRESS) - 1) == 0 &&
            plim_parse_u64(line + sizeof(ADDRESS) - 1, &bytes)) {
            *out_address = bytes;
        } else if (strncmp(line, LOCKED, sizeof(LOCKED) - 1) == 0 &&
                   plim_parse_u64(line + sizeof(LOCKED) - 1, &bytes)) {
            *out_locked = bytes;
        }
    }
    plim_lines_close(&lines);
}

void plim_process_name(const char *root, uint32_t pid, char *out, size_t room)
{
    char path[48];
    name_file(path, sizeof(path), pid, "comm");
    plim_fsroot_read(root, path, out, room, NULL);
    out[strcspn(out, "\n")] = 0;
}

bool plim_process_number(const char *name, uint32_t *out_pid)
{
    uint64_t n;
    for (const char *c = name; *c; c++) {
        if (*c < '0' || *c > '9') {
            return false;
        }
    }
    if (!plim_parse_u64(name, &n) || n == 0 || n > UINT32_MAX) {
        return false;
    }
    *out_pid = (uint32_t)n;
    return true;
}
