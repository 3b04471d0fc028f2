/* SPDX-License-Identifier: Apache-2.0 */
/* recorded_print.c - one episode as a table.
 *
 * Columns stay where they are whatever the width; a wide terminal adds what each feature is, and
 * a narrow one cuts names in their middle. Names come from strangers' files: a control character
 * in one is shown as '?', so that no data set can steer a terminal.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/memreport/recorded.h"
#include "src/tools/memreport/views.h"

#define ORDER_MAX  512u
#define NOTE_FROM  112u /* columns from which notes fit */
#define NAME_MOST  38u
#define NAME_LEAST 16u

typedef struct table_line {
    const char *name;
    bool has_disk, has_memory, has_share, has_window;
    uint64_t disk, memory, window, whole;
    const char *note;
} table_line;

/* What the cells of a line leave. */
static unsigned name_width(const recorded_request *r)
{
    unsigned cells = 12 + 12 + 9 + (r->window ? 12 : 0);
    unsigned left = r->columns > cells + NAME_LEAST ? r->columns - cells : NAME_LEAST;
    return left < NAME_MOST ? left : NAME_MOST;
}

static const char *plain(const char *text, char *buffer, size_t room)
{
    return views_plain(text, SIZE_MAX, buffer, room);
}

/* Where character @n begins. */
static const char *character(const char *text, size_t n)
{
    while (*text && n) {
        text++;
        n -= (*text & 0xc0) != 0x80;
    }
    return text;
}

/* The name in exactly @width columns, its middle left out when it is longer. */
static void print_name(const char *name, unsigned width)
{
    char text[256];
    size_t length = views_characters(plain(name, text, sizeof(text)));
    if (length <= width) {
        printf("%s%*s", text, (int)(width - length), "");
        return;
    }
    unsigned head = (width - 2) / 3;
    printf("%.*s..%s", (int)(character(text, head) - text), text,
           character(text, length - (width - 2 - head)));
}

static void print_cell(const recorded_request *r, bool has, uint64_t bytes)
{
    char text[32];
    printf(" %11s", has ? recorded_size(r, bytes, text, sizeof(text)) : "-");
}

static void print_line(const recorded_request *r, const table_line *l)
{
    char share[16] = "", note[256];
    print_name(l->name, name_width(r));
    print_cell(r, l->has_disk, l->disk);
    print_cell(r, l->has_memory, l->memory);
    if (l->has_share && l->whole) {
        snprintf(share, sizeof(share), "%.1f %%", 100.0 * (double)l->memory / (double)l->whole);
    }
    bool has_note = l->note && l->note[0] && r->columns >= NOTE_FROM;
    if (share[0] || r->window || has_note) { /* no blanks at the end of a line */
        printf(" %8s", share);
    }
    if (r->window) {
        print_cell(r, l->has_window, l->window);
    }
    printf("%s%s\n", has_note ? "   " : "", has_note ? plain(l->note, note, sizeof(note)) : "");
}

static void note_of(const plim_survey_feature *f, char *to, size_t room)
{
    char shape[96] = "";
    size_t n = 0;
    const char *known = f->known == PLIM_FIGURE_MEASURED ? "" : recorded_known(f->known);
    const char *gap = known[0] ? ", " : "";
    if (!f->has_data && f->is_picture) {
        snprintf(to, room, "declared %ux%u, no file", f->height, f->width);
    } else if (!f->has_data) {
        snprintf(to, room, "declared, no data");
    } else if (f->is_picture) {
        char apart[48] = "";
        if (f->keyframe_apart) {
            snprintf(apart, sizeof(apart), ", GOP %" PRIu64, f->keyframe_apart);
        }
        snprintf(to, room, "%s %ux%u%s%s%s%s", f->codec, f->height, f->width,
                 f->channels == 1 ? " depth" : "", apart, gap, known);
    } else {
        for (uint32_t i = 0; i < f->rank && n + 24 < sizeof(shape); i++) {
            n += (size_t)(f->shape[i] < 0
                              ? snprintf(shape + n, sizeof(shape) - n, " x varies")
                              : snprintf(shape + n, sizeof(shape) - n, " x %" PRId64, f->shape[i]));
        }
        const char *what = f->dtype[0] ? f->dtype : f->codec;
        snprintf(to, room, "%s%s%s%s", what, strcmp(shape, " x 1") == 0 ? "" : shape,
                 what[0] ? gap : "", known);
    }
}

static uint64_t sort_key(const recorded_request *r, const plim_survey_feature *f)
{
    return r->sort == SORT_DISK ? f->disk_bytes : plim_survey_memory(f, r->pixels, UINT64_MAX);
}

static bool goes_before(const recorded_request *r, const plim_survey_feature *a,
                        const plim_survey_feature *b)
{
    if (r->sort == SORT_NAME) {
        return strcmp(a->name, b->name) < 0;
    }
    return sort_key(r, a) > sort_key(r, b);
}

/* The features of @group that are seen, in the order asked for; returns how many. */
static uint32_t order(const recorded_request *r, const plim_survey_episode *e,
                      plim_feature_group group, const plim_survey_feature **out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->feature_count && count < ORDER_MAX; i++) {
        const plim_survey_feature *f = &e->features[i];
        if (f->group != group || !recorded_is_seen(r, f)) {
            continue;
        }
        uint32_t at = count++;
        for (; at && goes_before(r, f, out[at - 1]); at--) {
            out[at] = out[at - 1];
        }
        out[at] = f;
    }
    return count;
}

static void print_features(const recorded_walk *self, const plim_survey_episode *e,
                           plim_feature_group group, const recorded_episode *figures)
{
    static const plim_survey_feature *features[ORDER_MAX];
    const recorded_request *r = self->request;
    const recorded_bytes *sum = &figures->groups[group];
    uint32_t count = order(r, e, group, features);
    char title[48], note[160], name[144];
    bool is_folded = group == PLIM_FEATURE_OTHER && !r->is_verbose && count > 1;
    if (!count) {
        return;
    }
    snprintf(title, sizeof(title), "%s (%u columns)", recorded_group(group), count);
    print_line(r, &(table_line){.name = is_folded ? title : recorded_group(group),
                                .has_disk = true,
                                .has_memory = true,
                                .has_share = true,
                                .has_window = true,
                                .disk = sum->disk,
                                .memory = sum->memory,
                                .window = sum->window,
                                .whole = figures->total.memory});
    for (uint32_t i = 0; i < count && !is_folded; i++) {
        const plim_survey_feature *f = features[i];
        if (r->top && i == r->top) {
            printf("  %u more\n", count - i);
            break;
        }
        snprintf(name, sizeof(name), "  %s", f->name);
        note_of(f, note, sizeof(note));
        print_line(r, &(table_line){.name = name,
                                    .has_disk = f->has_data,
                                    .has_memory = f->has_data,
                                    .has_window = f->has_data,
                                    .disk = f->disk_bytes,
                                    .memory = plim_survey_memory(f, r->pixels, UINT64_MAX),
                                    .window = plim_survey_memory(f, r->pixels, r->window),
                                    .note = note});
    }
}

static void print_rule(const recorded_request *r)
{
    unsigned n = name_width(r) + 12 + 12 + 9 + (r->window ? 12 : 0);
    for (unsigned i = 0; i < n; i++) {
        putchar('-');
    }
    putchar('\n');
}

static void print_title(const recorded_walk *self, const plim_survey_episode *e)
{
    const plim_survey_info *info = plim_survey_get_info(self->survey);
    const char *path = self->request->path;
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t base = end;
    while (base && path[base - 1] != '/') {
        base--;
    }
    char version[64], robot[256], name[256];
    printf("%.*s   %s%s%s%s%s%s   episode %" PRIu64 "%s%s", (int)(end - base), path + base,
           info->format, info->version[0] ? " " : "",
           plain(info->version, version, sizeof(version)), info->has_modality ? " + modality" : "",
           info->robot[0] ? "   " : "", plain(info->robot, robot, sizeof(robot)), e->index,
           e->name[0] ? " " : "", plain(e->name, name, sizeof(name)));
    if (e->frames) {
        printf("   %" PRIu64 " frames", e->frames);
    }
    if (e->seconds > 0) {
        printf("   %.1f s", e->seconds);
    }
    if (info->frames_per_second > 0) {
        printf("   %g fps", info->frames_per_second);
    }
    printf("%s\n\n", e->is_complete ? "" : "   incomplete");
}

static void print_containers(const recorded_walk *self, const plim_survey_episode *e,
                             const recorded_episode *figures)
{
    const recorded_request *r = self->request;
    char name[160] = "containers", size[32];
    size_t n = strlen(name);
    for (uint32_t i = 0; i < e->container_count && n + 48 < sizeof(name); i++) {
        n += (size_t)snprintf(name + n, sizeof(name) - n, "%s%s %s", i ? ", " : " (",
                              e->containers[i].name,
                              recorded_size(r, e->containers[i].bytes, size, sizeof(size)));
    }
    snprintf(name + n, sizeof(name) - n, "%s", e->container_count ? ")" : "");
    bool fits = n < name_width(r);
    if (!e->container_count) {
        return;
    }
    print_line(r, &(table_line){.name = fits ? name : "containers",
                                .has_disk = true,
                                .disk = figures->containers,
                                .note = fits ? "" : name + strlen("containers ")});
}

static void print_worklog(const recorded_walk *self, const recorded_episode *f)
{
    if (self->request->is_worklog) {
        printf("\nby the worklog's arithmetic: %.1f MB total (video: %.1f MB); its MB are MiB\n",
               (double)f->total.worklog / 1048576.0, (double)f->groups[0].worklog / 1048576.0);
    }
}

static void print_summary(const recorded_walk *self, const plim_survey_episode *e,
                          const recorded_episode *f)
{
    const recorded_request *r = self->request;
    uint64_t video = f->groups[PLIM_FEATURE_VIDEO].disk;
    if (video) {
        printf("\ndecoded / encoded %.0fx",
               (double)f->groups[PLIM_FEATURE_VIDEO].memory / (double)video);
        if (e->frames) {
            printf("; frames read at horizon %" PRIu64 ": %" PRIu64 " of %" PRIu64, r->horizon,
                   f->reads, e->frames);
        }
        putchar('\n');
    }
    print_worklog(self, f);
}

void recorded_print_episode(const recorded_walk *self, const plim_survey_episode *e)
{
    const recorded_request *r = self->request;
    recorded_episode f = recorded_measure(r, e);
    char title[48], note[48];
    if (!r->is_quiet) {
        print_title(self, e);
    }
    snprintf(title, sizeof(title), "window %" PRIu64, r->window);
    printf("%-*s %11s %11s %8s", (int)name_width(r), "", "on disk",
           r->pixels == PLIM_PIXELS_RGB24 ? "in memory" : recorded_pixels(r->pixels), "share");
    if (r->window) {
        printf(" %11s", title);
    }
    putchar('\n');
    for (int g = 0; g < 3; g++) {
        print_features(self, e, (plim_feature_group)g, &f);
    }
    print_containers(self, e, &f);
    if (r->window && f.decoder_frames) {
        snprintf(title, sizeof(title), "decoders (%" PRIu64 " frames)", f.decoder_frames);
        print_line(r, &(table_line){.name = title,
                                    .has_window = true,
                                    .window = f.decoder_bytes,
                                    .note = "estimated, one thread each"});
    }
    print_rule(r);
    snprintf(note, sizeof(note), "%.1f %% of whole",
             f.total.memory ? 100.0 * (double)f.total.window / (double)f.total.memory : 0.0);
    print_line(r, &(table_line){.name = "total",
                                .has_disk = true,
                                .has_memory = true,
                                .has_window = true,
                                .disk = f.total.disk,
                                .memory = f.total.memory,
                                .window = f.total.window,
                                .note = r->window ? note : ""});
    print_summary(self, e, &f);
    fflush(stdout);
}

void recorded_print_warnings(const recorded_walk *self)
{
    const recorded_request *r = self->request;
    char size[32], text[512];
    fflush(stdout);
    for (uint32_t i = 0; i < self->kept_warnings && !r->is_quiet; i++) {
        const recorded_warning *w = &self->warnings[i];
        bool is_absent = strcmp(w->code, "declared-missing") == 0;
        bool has_size = w->bytes && (is_absent || strcmp(w->code, "not-downloaded") == 0);
        fprintf(stderr, "warning: %s%s%s%s\n", plain(w->text, text, sizeof(text)),
                !has_size   ? ""
                : is_absent ? " (would be "
                            : " (",
                has_size ? recorded_size(r, w->bytes, size, sizeof(size)) : "",
                has_size ? ")" : "");
    }
    if (self->warning_count > self->kept_warnings && !r->is_quiet) {
        fprintf(stderr, "warning: %" PRIu64 " more\n", self->warning_count - self->kept_warnings);
    }
}
