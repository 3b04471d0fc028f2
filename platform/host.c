/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - what this machine is, with the source of each field.
 *
 * Module: TNSPEC of the boot control file, else a part number in the device tree's compatible
 * list, else in the name of its source file. The model string cannot tell 8 GB from 16 GB
 * modules, so it only serves as the board's name when the part is not in the table. Refuses
 * nothing but a machine without meminfo: an unknown release or board leaves fields unknown,
 * and a field that is unknown is never guessed.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "platform/boards.h"
#include "platform/fsroot.h"
#include "plimsoll/platform.h"

static void set_text(char *to, size_t room, plim_source *source, const char *text, plim_source from)
{
    if (text && text[0]) {
        snprintf(to, room, "%s", text);
        *source = from;
    }
}
#define SET(out, field, text, from)                                                                \
    set_text((out)->field, sizeof((out)->field), &(out)->field##_source, (text), (from))

static void trim(char *text)
{
    size_t n = strlen(text);
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' ')) {
        text[--n] = 0;
    }
}

/* "p3767-0005" out of "nvidia,p3768-0000+p3767-0005-super": the last part that is in the table. */
static const plim_board *board_in(const char *text)
{
    const plim_board *found = NULL;
    for (const char *p = text; (p = strchr(p, 'p')); p++) {
        char part[11];
        if (strnlen(p, 10) == 10) {
            memcpy(part, p, 10);
            part[10] = 0;
            const plim_board *b = plim_board_find(part);
            found = b ? b : found;
        }
    }
    return found;
}

/* "TNSPEC 3767-302-0005-J.1-1-0-jetson-...": board in the first field, SKU in the third. */
static const plim_board *board_from_boot_control(const char *root)
{
    plim_lines lines;
    const plim_board *found = NULL;
    if (plim_lines_open(root, "etc/nv_boot_control.conf", &lines, NULL) != PLIM_OK) {
        return NULL;
    }
    for (char *line; !found && (line = plim_lines_next(&lines));) {
        char id[5], sku[5], part[11];
        if (sscanf(line, "TNSPEC %4[0-9]-%*[^-]-%4[0-9]-", id, sku) == 2) {
            snprintf(part, sizeof(part), "p%s-%s", id, sku);
            found = plim_board_find(part);
        }
    }
    plim_lines_close(&lines);
    return found;
}

/* The compatible list is NUL separated. */
static void read_compatible(const char *root, const plim_board **board, const plim_soc **soc)
{
    char list[1024];
    size_t bytes = 0;
    plim_fsroot_read(root, "proc/device-tree/compatible", list, sizeof(list), &bytes);
    for (size_t at = 0; at < bytes; at += strlen(list + at) + 1) {
        const plim_board *b = board_in(list + at);
        const plim_soc *s = plim_soc_find(list + at);
        *board = *board ? *board : b;
        *soc = *soc ? *soc : s;
    }
}

static void detect_board(const char *root, plim_host *out)
{
    char text[256];
    const plim_soc *soc = NULL;
    const plim_board *tree = NULL, *board = board_from_boot_control(root);
    read_compatible(root, &tree, &soc);
    board = board ? board : tree;
    if (!board &&
        plim_fsroot_read(root, "proc/device-tree/nvidia,dtsfilename", text, sizeof(text), NULL)) {
        board = board_in(text);
    }
    if (board) {
        SET(out, board, board->name, PLIM_SOURCE_TABLE);
        out->multiprocessors = board->multiprocessors;
        out->multiprocessors_source = board->multiprocessors ? PLIM_SOURCE_TABLE : PLIM_SOURCE_NONE;
    } else if (plim_fsroot_read(root, "proc/device-tree/model", text, sizeof(text), NULL) ||
               plim_fsroot_read(root, "sys/class/dmi/id/product_name", text, sizeof(text), NULL)) {
        trim(text);
        text[sizeof(out->board) - 1] = 0;
        SET(out, board, text, PLIM_SOURCE_KERNEL);
    }
    out->sm = board ? board->sm : soc ? soc->sm : 0;
    out->sm_source = out->sm ? PLIM_SOURCE_TABLE : PLIM_SOURCE_NONE;
    if (soc && out->arch[0] == 0) {
        snprintf(out->arch, sizeof(out->arch), "aarch64"); /* every Tegra since the X1 */
    }
}

static void detect_arch(const char *root, plim_host *out)
{
    char text[64];
    struct utsname u;
    if (plim_fsroot_read(root, "proc/sys/kernel/arch", text, sizeof(text), NULL)) {
        trim(text);
        snprintf(out->arch, sizeof(out->arch), "%.15s", text);
    } else if ((!root || !root[0]) && uname(&u) == 0) {
        snprintf(out->arch, sizeof(out->arch), "%.15s", u.machine);
    }
}

/* "# R36 (release), REVISION: 4.0, GCID: ..." gives 36.4.0; a revision without patch gives .0 */
static void detect_l4t(const char *root, plim_host *out)
{
    char text[256], l4t[16];
    unsigned major, minor, patch = 0;
    if (plim_fsroot_read(root, "etc/nv_tegra_release", text, sizeof(text), NULL) &&
        sscanf(text, "# R%3u (release), REVISION: %3u.%3u", &major, &minor, &patch) >= 2) {
        snprintf(l4t, sizeof(l4t), "%u.%u.%u", major, minor, patch);
        SET(out, l4t, l4t, PLIM_SOURCE_KERNEL);
    }
}

/* "10.3.0" out of "10.3.0.30-1+cuda12.5" or "6.1+b123": at most @dots dots of digits. */
static void version_digits(const char *text, unsigned dots, char *out, size_t room)
{
    size_t n = 0;
    for (; n + 1 < room && ((*text >= '0' && *text <= '9') || (*text == '.' && dots--)); text++) {
        out[n++] = *text;
    }
    out[n] = 0;
}

/* Package versions from dpkg's own file; only on a board, where they matter. */
static void detect_packages(const char *root, plim_host *out)
{
    plim_lines lines;
    char package[64] = "", version[16];
    if (plim_lines_open(root, "var/lib/dpkg/status", &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        if (sscanf(line, "Package: %63s", package) == 1) {
            continue;
        }
        if (strncmp(line, "Version: ", 9) != 0) {
            continue;
        }
        version_digits(line + 9, 2, version, sizeof(version));
        if (strcmp(package, "nvidia-jetpack") == 0) {
            SET(out, jetpack, version, PLIM_SOURCE_KERNEL);
        } else if (strncmp(package, "libnvinfer", 10) == 0 && package[10] >= '0' &&
                   package[10] <= '9' && !strchr(package, '-')) {
            SET(out, tensorrt, version, PLIM_SOURCE_KERNEL);
        } else if (strcmp(package, "nvidia-l4t-core") == 0 && !out->l4t[0]) {
            SET(out, l4t, version, PLIM_SOURCE_KERNEL);
        }
    }
    plim_lines_close(&lines);
}

plim_status plim_host_detect(const char *root, plim_host *out, plim_error *err)
{
    plim_system_memory memory;
    memset(out, 0, sizeof(*out));
    PLIM_TRY(plim_system_memory_read(root, &memory, err));
    out->memory_bytes = memory.total_bytes;
    out->memory_source = PLIM_SOURCE_KERNEL;
    detect_arch(root, out);
    detect_board(root, out);
    detect_l4t(root, out);
    if (out->sm || out->l4t[0]) {
        detect_packages(root, out);
    }
    if (!out->jetpack[0] && out->l4t[0]) {
        SET(out, jetpack, plim_jetpack_of(out->l4t), PLIM_SOURCE_TABLE);
    }
    return PLIM_OK;
}
