/* SPDX-License-Identifier: Apache-2.0 */
/* lerobot_paths.c - path templates: Python format strings of the narrow kind that info.json has.
 *
 * Knows {name} and {name:0Nd}; refuses every other placeholder, absolute paths and "..", so that
 * a data set never names a file outside its own folder. Also keeps the list of warnings.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/episode/lerobot.h"

void plim_warnings_add(plim_warnings *self, const char *format, ...)
{
    char text[PLIM_WARNING_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    uint32_t kept = self->count < PLIM_WARNINGS_KEPT ? self->count : PLIM_WARNINGS_KEPT;
    for (uint32_t i = 0; i < kept; i++) {
        if (strcmp(self->text[i], text) == 0) {
            return;
        }
    }
    if (kept < PLIM_WARNINGS_KEPT) {
        memcpy(self->text[kept], text, sizeof(text));
    }
    if (self->count < UINT32_MAX) {
        self->count++;
    }
}

typedef struct path_text {
    char *to;
    size_t bytes, length;
} path_text;

static void put(path_text *p, const char *text, size_t n)
{
    if (n < p->bytes - p->length) {
        memcpy(p->to + p->length, text, n);
    }
    p->length = n < p->bytes - p->length ? p->length + n : p->bytes;
}

static plim_status refuse(plim_error *err, const char *template, const char *wanted)
{
    return plim_error_set(err, PLIM_E_FORMAT, "info.json", "path template", wanted, template);
}

/* What the placeholders stand for. */
typedef struct path_values {
    const char *video_key; /* NULL: a table */
    bool is_v3;
    uint64_t episode, episode_chunk; /* v2 */
    uint64_t chunk, file;            /* v3 */
} path_values;

static bool value_of(const path_values *v, const char *name, uint64_t *out)
{
    const struct {
        const char *name;
        bool is_v3;
        uint64_t value;
    } KNOWN[] = {{"episode_chunk", false, v->episode_chunk},
                 {"episode_index", false, v->episode},
                 {"chunk_index", true, v->chunk},
                 {"file_index", true, v->file}};
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (strcmp(name, KNOWN[i].name) == 0 && KNOWN[i].is_v3 == v->is_v3) {
            *out = KNOWN[i].value;
            return true;
        }
    }
    return false;
}

/* One placeholder, from after its brace; *@at is left after the closing one. */
static plim_status fill(path_text *p, const path_values *values, const char *template,
                        const char **at, plim_error *err)
{
    char name[32], digits[32];
    unsigned width = 0;
    uint64_t value;
    size_t n = strcspn(*at, ":}{");
    if (n == 0 || n >= sizeof(name)) {
        return refuse(err, template, "{name} or {name:0Nd}");
    }
    memcpy(name, *at, n);
    name[n] = 0;
    *at += n;
    if (**at == ':') {
        const char *s = *at + 1;
        if (s[0] != '0' || s[1] < '1' || s[1] > '9' || s[2] != 'd') {
            return refuse(err, template, "{name} or {name:0Nd}");
        }
        width = (unsigned)(s[1] - '0');
        *at += 4;
    }
    if (**at != '}') {
        return refuse(err, template, "{name} or {name:0Nd}");
    }
    (*at)++;
    if (strcmp(name, "video_key") == 0 && values->video_key && !width) {
        put(p, values->video_key, strlen(values->video_key));
        return PLIM_OK;
    }
    if (!value_of(values, name, &value)) {
        return refuse(err, template,
                      values->is_v3 ? "chunk_index, file_index or video_key"
                                    : "episode_chunk, episode_index or video_key");
    }
    int length = snprintf(digits, sizeof(digits), "%0*" PRIu64, (int)width, value);
    put(p, digits, (size_t)length);
    return PLIM_OK;
}

static bool leaves_folder(const char *path)
{
    if (path[0] == '/') {
        return true;
    }
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t n = strcspn(part, "/");
        if (n == 2 && part[0] == '.' && part[1] == '.') {
            return true;
        }
        if (!part[n]) {
            break;
        }
    }
    return false;
}

static plim_status fill_path(const plim_lerobot *self, const char *root, const path_values *values,
                             char *out, size_t out_bytes, plim_error *err)
{
    const char *template = values->video_key ? self->video_path : self->data_path;
    path_text p = {.to = out, .bytes = out_bytes};
    put(&p, root, strlen(root));
    put(&p, "/", root[0] ? 1 : 0);
    size_t relative = p.length;
    for (const char *at = template; *at;) {
        size_t n = strcspn(at, "{}");
        put(&p, at, n);
        at += n;
        if (*at == '}') {
            return refuse(err, template, "{name} or {name:0Nd}");
        }
        if (*at == '{') {
            at++;
            PLIM_TRY(fill(&p, values, template, &at, err));
        }
    }
    if (p.length >= out_bytes) {
        out[0] = 0;
        return plim_error_set(err, PLIM_E_RANGE, "path", "length", "a shorter path", template);
    }
    out[p.length] = 0;
    if (p.length == relative || leaves_folder(out + relative)) {
        plim_status status = refuse(err, template, "a path inside the data set");
        out[0] = 0;
        return status;
    }
    return PLIM_OK;
}

plim_status plim_lerobot_path(const plim_lerobot *self, const char *root, const char *video_key,
                              uint32_t episode, char *out, size_t out_bytes, plim_error *err)
{
    path_values values = {.video_key = video_key,
                          .episode = episode,
                          .episode_chunk = episode / self->chunk_episodes};
    return fill_path(self, root, &values, out, out_bytes, err);
}

plim_status plim_lerobot_shared_path(const plim_lerobot *self, const char *root,
                                     const char *video_key, uint64_t chunk, uint64_t file,
                                     char *out, size_t out_bytes, plim_error *err)
{
    path_values values = {.video_key = video_key, .is_v3 = true, .chunk = chunk, .file = file};
    return fill_path(self, root, &values, out, out_bytes, err);
}
