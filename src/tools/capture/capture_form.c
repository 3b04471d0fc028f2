/* SPDX-License-Identifier: Apache-2.0 */
/* capture_form.c - files of which a copy keeps only what a probe wants.
 *
 * dpkg's status holds addresses of people and a list of all that is installed; mountinfo holds
 * every disk and home; nvmap's clients hold names of programs. What a form drops is gone: the rest
 * keeps its order and its columns.
 */
#include <string.h>

#include "src/tools/capture/capture.h"

static size_t line_bytes(const char *text, size_t bytes)
{
    const char *newline = memchr(text, '\n', bytes);
    return newline ? (size_t)(newline - text) + 1 : bytes;
}

static bool begins(const char *text, size_t bytes, const char *with)
{
    size_t n = strlen(with);
    return bytes >= n && memcmp(text, with, n) == 0;
}

static bool is_wanted_package(const char *name, size_t bytes)
{
    static const char *const BEGINNINGS[] = {
        "nvidia-jetpack",  "nvidia-l4t-",  "nvidia-driver-", "nvidia-container",
        "nvidia-tensorrt", "tensorrt",     "libnvinfer",     "libcudnn",
        "cudnn",           "cuda-toolkit", "cuda-cudart",    "cuda-nvcc",
        "cuda-driver",     "cuda-compat",  "libnvvpi",       "libnvidia-compute",
        "linux-nvidia",    "onnxruntime"};
    for (size_t i = 0; i < sizeof(BEGINNINGS) / sizeof(BEGINNINGS[0]); i++) {
        if (begins(name, bytes, BEGINNINGS[i])) {
            return true;
        }
    }
    return false;
}

size_t capture_keep_packages(char *text, size_t bytes)
{
    static const char *const KEYS[] = {"Package: ", "Status: ", "Version: ", "Architecture: "};
    size_t used = 0;
    bool is_in = false, has_any = false;
    for (size_t at = 0; at < bytes;) {
        size_t n = line_bytes(text + at, bytes - at);
        const char *line = text + at;
        if (begins(line, n, KEYS[0])) {
            is_in = is_wanted_package(line + 9, n - 9);
            if (is_in && has_any) {
                text[used++] = '\n';
            }
            has_any = has_any || is_in;
        }
        for (size_t i = 0; is_in && i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
            if (begins(line, n, KEYS[i])) {
                memmove(text + used, line, n);
                used += n;
                break;
            }
        }
        at += n;
    }
    return used;
}

/* Bytes 19 to 36 of a row are the process; rows of the kernel and the sum name nobody. */
size_t capture_keep_clients(char *text, size_t bytes)
{
    static const char STEADY[] = "           process";
    for (size_t at = 0; at < bytes;) {
        size_t n = line_bytes(text + at, bytes - at);
        char *row = text + at;
        size_t shown = n && row[n - 1] == '\n' ? n - 1 : n;
        at += n;
        if (shown <= 19 || begins(row, n, "CLIENT") || begins(row, n, "total") ||
            (shown >= 37 && memcmp(row + 31, "kernel", 6) == 0)) {
            continue;
        }
        memcpy(row + 19, STEADY, shown - 19 < 18 ? shown - 19 : 18);
    }
    return bytes;
}

size_t capture_keep_display(char *text, size_t bytes)
{
    static const char *const SERVERS[] = {
        "Xorg", "Xwayland", "gnome-shell", "weston", "kwin_wayland", "sway", "lightdm",
        "gdm3", "sddm",     "mutter",      "X"};
    size_t n = line_bytes(text, bytes);
    size_t name = n && text[n - 1] == '\n' ? n - 1 : n;
    for (size_t i = 0; i < sizeof(SERVERS) / sizeof(SERVERS[0]); i++) {
        if (strlen(SERVERS[i]) == name && memcmp(text, SERVERS[i], name) == 0) {
            return n;
        }
    }
    return 0;
}

static size_t append(char *out, size_t used, size_t room, const char *text)
{
    int n = snprintf(out + used, room - used, "%s\n", text);
    return n < 0 || (size_t)n >= room - used ? used : used + (size_t)n;
}

/* "4:memory:/docker/9f2c" and "0::/user.slice/...": other controllers are not kept. */
size_t capture_keep_groups(const char *text, size_t bytes, char *out, size_t room)
{
    size_t used = 0;
    for (size_t at = 0; at < bytes;) {
        char line[512], group[512], renamed[600], all[1200];
        unsigned number;
        size_t n = line_bytes(text + at, bytes - at);
        snprintf(line, sizeof(line), "%.*s", (int)(n < 511 ? n : 511), text + at);
        line[strcspn(line, "\r\n")] = 0;
        at += n;
        char controllers[128] = "";
        if (sscanf(line, "%u::%511[^\n]", &number, group) != 2 &&
            (sscanf(line, "%u:%127[^:]:%511[^\n]", &number, controllers, group) != 3 ||
             !strstr(controllers, "memory"))) {
            continue;
        }
        capture_rename_group(group, renamed, sizeof(renamed));
        snprintf(all, sizeof(all), "%u:%s:%s", number, controllers, renamed);
        used = append(out, used, room, all);
    }
    return used;
}

/* "35 31 0:32 /docker/9f2c /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory" */
size_t capture_keep_mounts(const char *text, size_t bytes, char *out, size_t room)
{
    size_t used = 0;
    for (size_t at = 0; at < bytes;) {
        char line[1024], inner[256], point[256], type[32] = "", options[256] = "", all[1600];
        char ids[64], renamed[300];
        size_t n = line_bytes(text + at, bytes - at);
        snprintf(line, sizeof(line), "%.*s", (int)(n < 1023 ? n : 1023), text + at);
        at += n;
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%63[^/]%255s %255s", ids, inner, point) != 3 ||
            sscanf(dash + 3, "%31s %*s %255s", type, options) < 1) {
            continue;
        }
        bool is_group = strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0;
        bool is_root = strcmp(point, "/") == 0;
        if (!is_group && !is_root) {
            continue;
        }
        capture_rename_group(is_group ? inner : "/", renamed, sizeof(renamed));
        snprintf(all, sizeof(all), "%s%s %s rw - %s %s %s", ids, renamed, point, type, type,
                 is_group && options[0] ? options : "rw");
        used = append(out, used, room, all);
    }
    return used;
}
