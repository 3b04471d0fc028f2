/* SPDX-License-Identifier: Apache-2.0 */
/* nvmap.c - memory that Tegra's GPU driver holds, from its debugfs.
 *
 * Decides from the end of a line: names of programs may hold blanks and parentheses, so the
 * size and the number before it are scanned backwards. A process may have several clients (they
 * are added up), and a client's size is its handles' sizes over how many share each, so the
 * clients add up to less than the total: the rest are handles that no client holds. Lines that
 * end early or hold too many digits are counted as damaged and add nothing.
 * Source: the printf formats of nvmap_dev.c, releases 32 to 36; figures are KiB whatever the
 * documentation calls them.
 */
#include "platform/linux/nvmap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/fsroot.h"

#define NVMAP     "sys/kernel/debug/nvmap/"
#define LINES_MAX 100000u /* a list that never ends is not read for ever */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number that ends at @line[*end]; *end moves to before it. */
static bool number_before(char *line, size_t *end, uint64_t *out)
{
    size_t from = *end;
    while (from && is_digit(line[from - 1])) {
        from--;
    }
    bool is_whole = from < *end && (from == 0 || line[from - 1] == ' ');
    line[*end] = 0;
    *end = from;
    return is_whole && plim_parse_u64(line + from, out);
}

plim_nvmap_line plim_nvmap_client_parse(char *line, uint32_t *out_pid, uint64_t *out_bytes)
{
    size_t end = strlen(line);
    uint64_t kib, pid;
    while (end && (line[end - 1] == '\r' || line[end - 1] == ' ')) {
        end--;
    }
    line[end] = 0;
    if (end == 0 || strncmp(line, "CLIENT ", 7) == 0) {
        return PLIM_NVMAP_OTHER;
    }
    const bool is_total = strncmp(line, "total ", 6) == 0;
    if (line[end - 1] != 'K') {
        return PLIM_NVMAP_DAMAGED;
    }
    end--;
    if (!number_before(line, &end, &kib) || !bytes_mul(kib, 1024, out_bytes) ||
        *out_bytes > INT64_MAX) {
        return PLIM_NVMAP_DAMAGED;
    }
    if (is_total) {
        return PLIM_NVMAP_TOTAL;
    }
    while (end && line[end - 1] == ' ') {
        end--;
    }
    if (!number_before(line, &end, &pid) || pid > UINT32_MAX) {
        return PLIM_NVMAP_DAMAGED;
    }
    *out_pid = (uint32_t)pid;
    return PLIM_NVMAP_CLIENT;
}

bool plim_nvmap_handle_parse(const char *line, uint64_t *out_size, uint64_t *out_mapped)
{
    uint64_t field[5];
    for (size_t i = 0; i < 5; i++) {
        while (*line == ' ' || *line == '\t') {
            line++;
        }
        if (!plim_parse_u64(line, &field[i])) {
            return false;
        }
        while (is_digit(*line)) {
            line++;
        }
        if (*line != ' ' && *line != '\t' && !(i == 4 && (*line == 0 || *line == '\r'))) {
            return false;
        }
    }
    *out_size = field[1];
    *out_mapped = field[4];
    return field[1] <= INT64_MAX && field[4] <= field[1];
}

static void add(uint64_t *sum, uint64_t bytes, uint32_t *damaged)
{
    uint64_t next;
    if (bytes_add(*sum, bytes, &next) && next <= INT64_MAX) {
        *sum = next;
    } else {
        (*damaged)++;
    }
}

/* What of its handles the process has mapped: those pages are in its resident set as well. */
static uint64_t mapped_by(const char *root, uint32_t pid, uint32_t *damaged)
{
    char path[80];
    plim_lines lines;
    uint64_t sum = 0, size, mapped;
    snprintf(path, sizeof(path), NVMAP "handles_by_pid/%" PRIu32, pid);
    if (plim_lines_open(root, path, &lines, NULL) != PLIM_OK) {
        return 0;
    }
    char *line = plim_lines_next(&lines);
    bool is_known = line && strncmp(line, "header.version: 1", 17) == 0 && !is_digit(line[17]);
    (void)plim_lines_next(&lines); /* the head */
    for (uint32_t i = 0; is_known && i < LINES_MAX && (line = plim_lines_next(&lines)); i++) {
        if (plim_nvmap_handle_parse(line, &size, &mapped)) {
            add(&sum, mapped, damaged);
        } else {
            (*damaged)++;
        }
    }
    plim_lines_close(&lines);
    return sum;
}

static void take_client(uint32_t wanted, uint32_t pid, uint64_t bytes, plim_nvmap *out)
{
    uint64_t *to = pid == 0                  ? &out->kernel_bytes
                   : wanted && pid == wanted ? &out->process_bytes
                                             : &out->others_bytes;
    *to = *to == PLIM_UNKNOWN_BYTES ? 0 : *to;
    add(to, bytes, &out->damaged_count);
}

static void read_clients(const char *root, uint32_t wanted, plim_nvmap *out)
{
    plim_lines lines;
    plim_error why = {.status = PLIM_OK};
    uint32_t pid, last = 0;
    uint64_t bytes;
    plim_status status = plim_lines_open(root, NVMAP "iovmm/clients", &lines, &why);
    if (status != PLIM_OK) {
        out->is_denied = status == PLIM_E_IO;
        return;
    }
    char *line = NULL;
    for (uint32_t i = 0; i < LINES_MAX && (line = plim_lines_next(&lines)); i++) {
        switch (plim_nvmap_client_parse(line, &pid, &bytes)) {
        case PLIM_NVMAP_CLIENT:
            take_client(wanted, pid, bytes, out);
            if (pid && pid != wanted && pid != last) { /* rows of one process follow each other */
                add(&out->others_mapped_bytes, mapped_by(root, pid, &out->damaged_count),
                    &out->damaged_count);
            }
            last = pid;
            break;
        case PLIM_NVMAP_TOTAL:
            out->total_bytes = bytes;
            break;
        case PLIM_NVMAP_DAMAGED:
            out->damaged_count++;
            break;
        default:
            break;
        }
    }
    plim_lines_close(&lines);
}

static bool number_in(const char *root, const char *path, uint64_t *out)
{
    char text[32];
    return plim_fsroot_read(root, path, text, sizeof(text), NULL) && plim_parse_u64(text, out);
}

/* Releases differ in whether the first count holds the second: the larger of the two counts no
 * page twice, and what it may miss is unattributed. */
static void read_pool(const char *root, plim_nvmap *out)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t pages, big_pages, big_bytes, sum = PLIM_UNKNOWN_BYTES, big;
    if (number_in(root, NVMAP "pagepool/page_pool_available_pages", &pages) &&
        bytes_mul(pages, page, &pages) && pages <= INT64_MAX) {
        sum = pages;
    }
    if (number_in(root, NVMAP "pagepool/page_pool_available_big_pages", &big_pages) &&
        number_in(root, NVMAP "pagepool/page_pool_big_page_size", &big_bytes) &&
        bytes_mul(big_pages, big_bytes, &big) && big <= INT64_MAX) {
        sum = sum == PLIM_UNKNOWN_BYTES || big > sum ? big : sum;
    }
    out->pool_bytes = sum;
}

bool plim_nvmap_free_parse(const char *line, uint64_t *out_bytes)
{
    const char *colon = strchr(line, ':');
    if (!colon || !plim_parse_u64(colon + 1, out_bytes) || *out_bytes > INT64_MAX) {
        return false;
    }
    const char *unit = colon + 1 + strspn(colon + 1, " ");
    return strncmp(unit + strspn(unit, "0123456789"), " bytes", 6) == 0;
}

static void clear(plim_nvmap *out)
{
    memset(out, 0, sizeof(*out));
    out->total_bytes = out->process_bytes = out->others_bytes = PLIM_UNKNOWN_BYTES;
    out->kernel_bytes = out->pool_bytes = out->free_bytes = PLIM_UNKNOWN_BYTES;
}

static void read_totals(const char *root, plim_nvmap *out)
{
    char line[96];
    uint64_t bytes;
    if (out->total_bytes == PLIM_UNKNOWN_BYTES &&
        number_in(root, NVMAP "stats/total_memory", &bytes) && bytes <= INT64_MAX) {
        out->total_bytes = bytes;
    }
    if (plim_fsroot_read(root, NVMAP "iovmm/free_size", line, sizeof(line), NULL) &&
        plim_nvmap_free_parse(line, &bytes)) {
        out->free_bytes = bytes;
    }
    read_pool(root, out);
}

void plim_nvmap_totals_read(const char *root, plim_nvmap *out)
{
    clear(out);
    read_totals(root, out);
}

void plim_nvmap_read(const char *root, uint32_t pid, plim_nvmap *out)
{
    clear(out);
    read_clients(root, pid, out);
    read_totals(root, out);
}
