/* SPDX-License-Identifier: Apache-2.0 */
/* capture_scrub.c - what names a person or one single machine leaves no trace in a copy.
 *
 * Two nets, one behind the other. Files that hold such a thing by their nature are not on the list.
 * In what is copied, these are overwritten in place, so that columns stay: the words that this
 * machine says are its own (host name, users, serial numbers, machine-id), MAC addresses, UUIDs,
 * values of keys called serial, and names of homes. A word that is also a vendor's or a system's
 * ("nvidia", "ubuntu") names nobody and stays: it would take the board's name with it.
 */
#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "src/tools/capture/capture.h"

static bool is_generic(const char *word)
{
    static const char *const WORDS[] = {
        "nvidia", "ubuntu",    "debian", "fedora",  "jetson", "tegra", "orin",   "xavier",
        "thor",   "nano",      "linux",  "root",    "user",   "users", "host",   "local",
        "system", "localhost", "none",   "default", "kernel", "robot", "docker", "memory",
        "admin",  "home",      "test",   "name",    "cpu",    "gpu",   "rock",   "spark"};
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
        if (strcasecmp(word, WORDS[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void note(capture_secrets *self, const char *word)
{
    size_t n = word ? strlen(word) : 0;
    if (n < 3 || is_generic(word)) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->word[i], word) == 0) {
            return;
        }
    }
    if (n >= sizeof(self->word[0]) || self->count == CAPTURE_WORDS_MAX) {
        self->is_over = true;
        return;
    }
    memcpy(self->word[self->count++], word, n + 1);
}

/* A number that tells machines apart; "Default string" and "None" are placeholders. */
static void note_serial(capture_secrets *self, const char *word)
{
    if (strlen(word) >= 6 && strpbrk(word, "0123456789") && strspn(word, "0") != strlen(word)) {
        note(self, word);
    }
}

static bool read_line(const char *root, const char *path, char *out, size_t room)
{
    char full[CAPTURE_PATH_BYTES * 2];
    out[0] = 0;
    snprintf(full, sizeof(full), "%s/%s", root, path);
    FILE *f = fopen(full, "re");
    size_t n = f ? fread(out, 1, room - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    out[n] = 0;
    out[strcspn(out, "\r\n")] = 0;
    return out[0] != 0;
}

/* Accounts of people: numbers from 1000 up. */
static void note_users(capture_secrets *self, const char *root)
{
    char full[CAPTURE_PATH_BYTES * 2], line[512];
    snprintf(full, sizeof(full), "%s/etc/passwd", root);
    FILE *f = fopen(full, "re");
    while (f && fgets(line, sizeof(line), f)) {
        char name[64];
        unsigned number;
        if (sscanf(line, "%63[^:]:%*[^:]:%u:", name, &number) == 2 && number >= 1000 &&
            number < 60000) {
            note(self, name);
        }
    }
    if (f) {
        fclose(f);
    }
}

static void note_own(capture_secrets *self)
{
    static const char *const VARIABLES[] = {"USER", "LOGNAME", "SUDO_USER", "HOSTNAME"};
    struct utsname u;
    if (uname(&u) == 0) {
        note(self, u.nodename);
    }
    for (size_t i = 0; i < sizeof(VARIABLES) / sizeof(VARIABLES[0]); i++) {
        note(self, getenv(VARIABLES[i]));
    }
    const struct passwd *p = getpwuid(getuid());
    note(self, p ? p->pw_name : NULL);
}

bool capture_secrets_find(capture_secrets *self, const char *root)
{
    static const char *const HOSTS[] = {"etc/hostname", "proc/sys/kernel/hostname"};
    static const char *const SERIALS[] = {
        "proc/device-tree/serial-number",   "sys/class/dmi/id/product_serial",
        "sys/class/dmi/id/board_serial",    "sys/class/dmi/id/chassis_serial",
        "sys/class/dmi/id/board_asset_tag", "sys/class/dmi/id/product_uuid",
        "sys/devices/soc0/serial_number",   "etc/machine-id",
        "proc/sys/kernel/random/boot_id"};
    char line[128];
    memset(self, 0, sizeof(*self));
    for (size_t i = 0; i < sizeof(HOSTS) / sizeof(HOSTS[0]); i++) {
        if (read_line(root, HOSTS[i], line, sizeof(line))) {
            note(self, line);
        }
    }
    for (size_t i = 0; i < sizeof(SERIALS) / sizeof(SERIALS[0]); i++) {
        if (read_line(root, SERIALS[i], line, sizeof(line))) {
            note_serial(self, line);
        }
    }
    note_users(self, root);
    if (!root[0]) {
        note_own(self);
    }
    return !self->is_over;
}

void capture_secrets_why(char *why, size_t room)
{
    snprintf(why, room,
             "more names to keep out of it than the %u, of at most %u bytes, that can be: nothing "
             "was copied",
             CAPTURE_WORDS_MAX, CAPTURE_WORD_BYTES - 1);
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static void cover(char *from, size_t bytes, char with)
{
    for (size_t i = 0; i < bytes; i++) {
        from[i] = isalnum((unsigned char)from[i]) || from[i] == '_' ? with : from[i];
    }
}

static size_t scrub_word(const char *word, char *text, size_t bytes)
{
    size_t n = strlen(word), places = 0;
    for (size_t at = 0; at + n <= bytes; at++) {
        bool begins = at == 0 || !is_word_byte(text[at - 1]);
        bool ends = at + n == bytes || !is_word_byte(text[at + n]);
        if (begins && ends && memcmp(text + at, word, n) == 0) {
            cover(text + at, n, 'x');
            places++;
            at += n - 1;
        }
    }
    return places;
}

/* Does a run of hexadecimal groups of these lengths, joined by @joint, stand here? Else 0. */
static size_t hex_groups(const char *text, size_t bytes, const char *lengths, char joint)
{
    size_t at = 0;
    for (const char *l = lengths; *l; l++) {
        size_t want = (size_t)(*l - '0') + (*l == '0' ? 12 : 0); /* '0' stands for twelve */
        if (l != lengths && (at >= bytes || text[at++] != joint)) {
            return 0;
        }
        for (size_t i = 0; i < want; i++, at++) {
            if (at >= bytes || !isxdigit((unsigned char)text[at])) {
                return 0;
            }
        }
    }
    return at < bytes && (isxdigit((unsigned char)text[at]) || text[at] == joint) ? 0 : at;
}

static size_t scrub_shapes(char *text, size_t bytes)
{
    size_t places = 0;
    for (size_t at = 0; at < bytes; at++) {
        if (at && isxdigit((unsigned char)text[at - 1])) {
            continue;
        }
        size_t n = hex_groups(text + at, bytes - at, "222222", ':');
        n = n ? n : hex_groups(text + at, bytes - at, "84440", '-');
        if (n) {
            cover(text + at, n, '0');
            places++;
            at += n - 1;
        }
    }
    return places;
}

/* "Serial : 1421...", "DGX_SERIAL_NUMBER=\"15...\"": what follows is covered to the line's end. */
static size_t scrub_serial_lines(char *text, size_t bytes)
{
    size_t places = 0;
    for (size_t at = 0; at < bytes;) {
        const char *newline = memchr(text + at, '\n', bytes - at);
        size_t end = newline ? (size_t)(newline - text) : bytes;
        size_t key = at;
        while (key < end && text[key] != ':' && text[key] != '=') {
            key++;
        }
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(key - at < 63 ? key - at : 63), text + at);
        if (key < end && (strcasestr(name, "serial") || strcasestr(name, "uuid"))) {
            cover(text + key + 1, end - key - 1, 'x');
            places++;
        }
        at = end + 1;
    }
    return places;
}

static size_t scrub_homes(char *text, size_t bytes)
{
    static const char *const FOLDERS[] = {"/home/", "/media/", "/Users/", "/run/user/"};
    size_t places = 0;
    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        size_t n = strlen(FOLDERS[i]);
        for (size_t at = 0; at + n < bytes; at++) {
            size_t end = at + n;
            if (memcmp(text + at, FOLDERS[i], n) != 0) {
                continue;
            }
            while (end < bytes && !strchr("/ \t\n\r\"'", text[end]) && text[end]) {
                text[end++] = 'x';
            }
            places++;
            at = end - 1;
        }
    }
    return places;
}

size_t capture_scrub(const capture_secrets *self, char *text, size_t bytes)
{
    size_t places =
        scrub_serial_lines(text, bytes) + scrub_shapes(text, bytes) + scrub_homes(text, bytes);
    for (size_t i = 0; i < self->count; i++) {
        places += scrub_word(self->word[i], text, bytes);
    }
    return places;
}

/* ---- control groups: systemd and engines put users, hosts and hashes into their names ---- */

static bool stays(const char *name)
{
    static const char *const NAMES[] = {
        "system.slice", "user.slice",     "machine.slice", "init.scope",    "docker",  "lxc",
        "kubepods",     "kubepods.slice", "machine",       "libpod_parent", "buildkit"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* "docker-9f2c.scope" at depth 2 becomes "docker-g2.scope"; the rest of a name says nothing. */
static void rename_one(const char *name, unsigned depth, char *out, size_t room)
{
    static const char *const STEMS[] = {"docker", "libpod",  "crio", "cri-containerd", "lxc",
                                        "podman", "session", "user", "machine",        "kubepods"};
    static const char *const ENDS[] = {".slice", ".scope", ".service"};
    const char *stem = "", *end = "", *dash = "";
    for (size_t i = 0; i < sizeof(STEMS) / sizeof(STEMS[0]); i++) {
        if (strncmp(name, STEMS[i], strlen(STEMS[i])) == 0) {
            stem = STEMS[i];
            dash = "-";
            break;
        }
    }
    for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++) {
        size_t n = strlen(ENDS[i]), all = strlen(name);
        end = all > n && strcmp(name + all - n, ENDS[i]) == 0 ? ENDS[i] : end;
    }
    snprintf(out, room, "%s%sg%u%s", stem, dash, depth, end);
}

void capture_rename_group(const char *group, char *out, size_t room)
{
    size_t used = 0;
    unsigned depth = 0;
    out[0] = 0;
    while (*group) {
        char name[256], ours[96];
        group += *group == '/';
        size_t n = strcspn(group, "/");
        snprintf(name, sizeof(name), "%.*s", (int)n, group);
        group += n;
        if (!name[0]) {
            continue;
        }
        depth++;
        bool is_ours = strcmp(name, "..") == 0 || stays(name);
        if (!is_ours) {
            rename_one(name, depth, ours, sizeof(ours));
        }
        int m = snprintf(out + used, room - used, "/%s", is_ours ? name : ours);
        if (m < 0 || (size_t)m >= room - used) {
            out[used] = 0;
            return;
        }
        used += (size_t)m;
    }
    if (used == 0) {
        snprintf(out, room, "/");
    }
}
