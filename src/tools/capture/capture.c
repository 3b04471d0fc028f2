/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c - copy what the probes read, and say of every path what became of it.
 *
 * Bounded: a file, the sum and the number of files have limits. The same machine gives the same
 * bytes: names are in order, and no time is noted. The folder must be new or empty, so that nothing
 * of an earlier machine is left in it.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plimsoll/version.h"
#include "src/tools/capture/capture_parts.h"

static bool walk_pattern(void *context, const char *pattern)
{
    capture_walk(context, "", pattern);
    return true;
}

/* ---- the whole ---- */

static void head(capture *c, const char *root)
{
    fprintf(
        c->manifest,
        "# plimsoll-capture/1 by plimsoll %s: a machine's files as its probes read them\n"
        "# of: %s\n"
        "# state, bytes, path, remark, with tabs between. denied, again and failed are folders\n"
        "# here, so that reading them fails as it did there. Not in it: serial numbers, MAC\n"
        "# addresses, machine-id, names of the host, its users and programs, command lines,\n"
        "# environments; what of these stood in a copied file is overwritten.\n",
        plim_version(), root[0] ? "a folder" : "this machine");
}

static bool open_folder(capture *c, const char *root, const char *folder, char *why, size_t room)
{
    char path[PATH_MAX];
    struct dirent **names = NULL;
    if (root[0] && !realpath(root, c->root)) {
        snprintf(why, room, "%s: %s", root, strerror(errno));
        return false;
    }
    if (strcmp(c->root, "/") == 0) {
        c->root[0] = 0;
    }
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
        snprintf(why, room, "%s: %s", folder, strerror(errno));
        return false;
    }
    int count = scandir(folder, &names, NULL, NULL);
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    if (count != 2) {
        snprintf(why, room, "%s: %s", folder,
                 count < 0 ? strerror(errno) : "is not empty; a copy wants a folder of its own");
        return false;
    }
    int n = snprintf(path, sizeof(path), "%s/MANIFEST", folder);
    c->manifest = n > 0 && (size_t)n < sizeof(path) ? fopen(path, "wxe") : NULL;
    c->buffer = malloc(PACKAGES_BYTES);
    if (!c->manifest || !c->buffer) {
        snprintf(why, room, "%s/MANIFEST: %s", folder, strerror(errno));
        return false;
    }
    return true;
}

bool capture_run(const char *root, const char *folder, capture_counts *out, char *why,
                 size_t why_bytes)
{
    static capture c;
    memset(&c, 0, sizeof(c));
    memset(out, 0, sizeof(*out));
    c.folder = folder;
    bool is_open = open_folder(&c, root, folder, why, why_bytes);
    if (is_open && !capture_secrets_find(&c.secrets, c.root)) {
        capture_secrets_why(why, why_bytes);
        c.is_broken = true;
    }
    is_open = is_open && !c.is_broken;
    if (is_open) {
        head(&c, root);
        capture_take_groups(&c);
    }
    for (size_t i = 0; is_open && i < CAPTURE_LIST_COUNT; i++) {
        c.entry = &CAPTURE_LIST[i];
        (void)capture_expand(c.entry->pattern, walk_pattern, &c);
    }
    if (is_open && c.is_broken) {
        snprintf(why, why_bytes, "%s/%s: %s", folder, c.broken_path, strerror(c.broken_errno));
    }
    if (c.manifest && fclose(c.manifest) != 0 && !c.is_broken) {
        snprintf(why, why_bytes, "%s/MANIFEST: %s", folder, strerror(errno));
        c.is_broken = true;
    }
    free(c.buffer);
    *out = c.counts;
    return is_open && !c.is_broken;
}

void capture_print(const capture_counts *counts, const char *folder, FILE *to)
{
    fprintf(to, "%s: %" PRIu64 " files, %" PRIu64 " KiB; MANIFEST says what became of every path\n",
            folder, counts->files, (counts->bytes + 1023) / 1024);
    if (counts->denied) {
        fprintf(to, "  %" PRIu64 " may not be read by this user: run it as root to have them\n",
                counts->denied);
    }
    if (counts->again || counts->failed || counts->left_out) {
        fprintf(to, "  %" PRIu64 " were off (EAGAIN), %" PRIu64 " failed, %" PRIu64 " left out\n",
                counts->again, counts->failed, counts->left_out);
    }
    fprintf(to,
            "  no serial numbers, MAC addresses, user or host names are in it (%" PRIu64
            " places overwritten)\n",
            counts->scrubbed);
}
