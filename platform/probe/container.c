/* SPDX-License-Identifier: Apache-2.0 */
/* container.c - whether this is a container, and the system that it is.
 *
 * Decides by files that container managers leave, the most specific first: a pod of Kubernetes
 * also looks like docker or containerd. Read through the root alone; a snapshot was captured on
 * the host, which is not in a container. Files can be left out by an image or a mount, so that
 * "no container" is never said.
 * Source: systemd's CONTAINER_INTERFACE, docker's and podman's own marks.
 */
#include <string.h>

#include "platform/probe/probe.h"
#include "platform/probe/version_text.h"

static void note(plim_probe *p, const char *name, const char *source)
{
    (void)plim_facts_set_text(p->facts, PLIM_FACT_BOARD_CONTAINER, name, PLIM_CONFIDENCE_READ,
                              source);
}

/* proc/1/cgroup of hosts that do not hide the path: "0::/kubepods/...", "4:memory:/docker/...". */
static void look_at_cgroup(plim_probe *p)
{
    static const char *const WORDS[][2] = {{"kubepods", "kubernetes"},
                                           {"/docker", "docker"},
                                           {"libpod", "podman"},
                                           {"/lxc", "lxc"},
                                           {"/machine.slice/systemd-nspawn", "systemd-nspawn"}};
    plim_lines lines;
    if (plim_lines_open(p->root, "proc/1/cgroup", &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
            if (strstr(line, WORDS[i][0])) {
                note(p, WORDS[i][1], "/proc/1/cgroup");
            }
        }
    }
    plim_lines_close(&lines);
}

/* NAME=value after NAME=value, a NUL after each; only root may read it. */
static void look_at_environment(plim_probe *p)
{
    char text[4096];
    size_t bytes = 0;
    if (!plim_fsroot_read(p->root, "proc/1/environ", text, sizeof(text), &bytes)) {
        return;
    }
    for (size_t at = 0; at < bytes; at += strlen(text + at) + 1) {
        if (strncmp(text + at, "container=", 10) == 0) {
            note(p, text + at + 10, "/proc/1/environ");
        }
    }
}

void plim_probe_container(plim_probe *p)
{
    static const char *const FILES[][2] = {
        {"var/run/secrets/kubernetes.io", "kubernetes"},
        {"run/secrets/kubernetes.io", "kubernetes"},
        {"run/.containerenv", "podman"},
        {".dockerenv", "docker"},
    };
    char text[64], source[PLIM_FACT_SOURCE_BYTES];
    for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
        if (plim_fsroot_has(p->root, FILES[i][0])) {
            source[0] = '/';
            memcpy(source + 1, FILES[i][0], strlen(FILES[i][0]) + 1);
            note(p, FILES[i][1], source);
        }
    }
    if (plim_fsroot_read(p->root, "run/systemd/container", text, sizeof(text), NULL)) {
        note(p, plim_text_trim(text), "/run/systemd/container");
    }
    look_at_environment(p);
    look_at_cgroup(p);
}

/* ---- the system ---- */

/* Of a captured machine the names of such servers are kept, and not its sockets. */
static bool server_was_captured(plim_probe *p)
{
    static const char *const SERVERS[] = {"Xorg",         "Xwayland", "gnome-shell", "weston",
                                          "kwin_wayland", "sway",     "mutter"};
    plim_folder folder;
    bool found = false;
    if (plim_folder_open(p->root, "proc", &folder, NULL) != PLIM_OK) {
        return false;
    }
    for (const char *name; !found && (name = plim_folder_next(&folder));) {
        char path[64] = "proc/", comm[32];
        if (name[0] < '0' || name[0] > '9' || strlen(name) > 10) {
            continue;
        }
        strcat(strcat(path, name), "/comm");
        if (plim_fsroot_read(p->root, path, comm, sizeof(comm), NULL)) {
            const char *text = plim_text_trim(comm);
            for (size_t i = 0; i < sizeof(SERVERS) / sizeof(SERVERS[0]); i++) {
                found = found || strcmp(text, SERVERS[i]) == 0;
            }
        }
    }
    plim_folder_close(&folder);
    return found;
}

/* A socket of X, or of a Wayland compositor in the folder of a user. */
static bool has_socket(plim_probe *p)
{
    plim_folder folder;
    bool found = false;
    if (plim_folder_open(p->root, "tmp/.X11-unix", &folder, NULL) == PLIM_OK) {
        const char *name = plim_folder_next(&folder);
        found = name && name[0] == 'X';
        plim_folder_close(&folder);
    }
    if (found || plim_folder_open(p->root, "run/user", &folder, NULL) != PLIM_OK) {
        return found;
    }
    for (const char *user; !found && (user = plim_folder_next(&folder));) {
        char path[64] = "run/user/";
        if (strlen(user) <= 10) {
            strcat(strcat(path, user), "/wayland-0");
            found = plim_fsroot_has(p->root, path);
        }
    }
    plim_folder_close(&folder);
    return found;
}

void plim_probe_system(plim_probe *p)
{
    static const char *const RELEASES[] = {"etc/os-release", "usr/lib/os-release"};
    plim_lines lines;
    char text[PLIM_FACT_TEXT_BYTES];
    for (size_t i = 0; i < 2; i++) {
        if (!plim_probe_lines(p, RELEASES[i], &lines)) {
            continue;
        }
        for (char *line; (line = plim_lines_next(&lines));) {
            if (plim_shell_value(line, "PRETTY_NAME", text, sizeof(text))) {
                plim_probe_text(p, PLIM_FACT_OS_NAME, text);
            }
        }
        plim_lines_close(&lines);
    }
    const bool runs = p->root[0] ? server_was_captured(p) : has_socket(p);
    if (runs || !p->root[0]) { /* a captured folder without one says nothing */
        (void)plim_facts_set_number(p->facts, PLIM_FACT_OS_DESKTOP, runs, PLIM_CONFIDENCE_READ,
                                    p->root[0] ? "/proc/*/comm" : "/tmp/.X11-unix, /run/user");
    }
}
