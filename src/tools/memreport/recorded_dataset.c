/* SPDX-License-Identifier: Apache-2.0 */
/* recorded_dataset.c - a whole data set: totals, mean, median, p95, the largest and which.
 *
 * Sums, extremes and counts are exact for any number of episodes. Median, p95 and the histogram
 * come from the sizes of RECORDED_KEPT episodes: all of them up to that number, then every second,
 * every fourth, ..., and the report says so (sampled).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/memreport/recorded.h"
#include "src/tools/memreport/views.h"

typedef struct dataset_row {
    uint64_t index, frames, disk, memory, window;
} dataset_row;

typedef struct dataset_sums {
    dataset_row sum, most, least;
    uint64_t count, shown_disk;
    recorded_bytes groups[3];
    uint64_t worklog, worklog_video;
    uint64_t *frames, *disk, *memory; /* of the episodes that are kept */
    uint64_t kept, every;
} dataset_sums;

/* Half of what is kept makes room when it is full. */
static void keep(dataset_sums *s, const dataset_row *row)
{
    if (s->count % s->every != 0) {
        return;
    }
    if (s->kept == RECORDED_KEPT) {
        for (uint64_t i = 0; i < RECORDED_KEPT / 2; i++) {
            s->frames[i] = s->frames[2 * i];
            s->disk[i] = s->disk[2 * i];
            s->memory[i] = s->memory[2 * i];
        }
        s->kept /= 2;
        s->every *= 2;
        if (s->count % s->every != 0) {
            return;
        }
    }
    s->frames[s->kept] = row->frames;
    s->disk[s->kept] = row->disk;
    s->memory[s->kept++] = row->memory;
}

static void add(dataset_sums *s, const recorded_request *r, const plim_survey_episode *e)
{
    recorded_episode f = recorded_measure(r, e);
    dataset_row row = {.index = e->index,
                       .frames = e->frames,
                       .disk = f.total.disk,
                       .memory = f.total.memory,
                       .window = f.total.window};
    keep(s, &row);
    s->count++;
    s->sum.frames += row.frames;
    s->sum.disk += row.disk;
    s->sum.memory += row.memory;
    s->sum.window += row.window;
    s->most = s->count == 1 || row.memory > s->most.memory ? row : s->most;
    s->least = s->count == 1 || row.memory < s->least.memory ? row : s->least;
    for (int g = 0; g < 3; g++) {
        s->groups[g].disk += f.groups[g].disk;
        s->groups[g].memory += f.groups[g].memory;
    }
    s->worklog += f.total.worklog;
    s->worklog_video += f.groups[0].worklog;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The nearest rank: the smallest value that at least @percent of the values do not exceed. */
static uint64_t rank_of(const uint64_t *sorted, uint64_t count, unsigned percent)
{
    uint64_t rank = (count * percent + 99) / 100;
    return count ? sorted[rank ? rank - 1 : 0] : 0;
}

static dataset_row row_at(const dataset_sums *s, unsigned percent)
{
    return (dataset_row){.frames = rank_of(s->frames, s->kept, percent),
                         .disk = rank_of(s->disk, s->kept, percent),
                         .memory = rank_of(s->memory, s->kept, percent)};
}

typedef struct dataset_bins {
    uint32_t count;
    uint64_t from, width, episodes[RECORDED_BINS];
} dataset_bins;

/* Equal bins from the smallest to the largest; as many as Sturges says. */
static dataset_bins make_bins(const dataset_sums *s)
{
    dataset_bins b = {.from = s->least.memory};
    uint64_t span = s->most.memory - s->least.memory;
    for (uint64_t n = s->kept; n; n /= 2) {
        b.count++;
    }
    b.count = !span ? 1 : b.count > RECORDED_BINS ? RECORDED_BINS : b.count < 2 ? 2 : b.count;
    b.width = span / b.count + 1;
    for (uint64_t i = 0; i < s->kept; i++) {
        uint64_t at = (s->memory[i] - b.from) / b.width;
        b.episodes[at < b.count ? at : b.count - 1]++;
    }
    return b;
}

static void print_row(const recorded_request *r, const char *name, const dataset_row *row,
                      const char *note)
{
    char disk[32], memory[32];
    printf("%-10s %10" PRIu64 " %12s %12s%s%s\n", name, row->frames,
           recorded_size(r, row->disk, disk, sizeof(disk)),
           recorded_size(r, row->memory, memory, sizeof(memory)), note[0] ? "   " : "", note);
}

static void print_bins(const recorded_request *r, const dataset_sums *s)
{
    dataset_bins b = make_bins(s);
    uint64_t most = 1;
    unsigned room = r->columns > 100 ? 60 : r->columns > 60 ? r->columns - 46 : 14;
    for (uint32_t i = 0; i < b.count; i++) {
        most = b.episodes[i] > most ? b.episodes[i] : most;
    }
    for (uint32_t i = 0; i < b.count; i++) {
        char from[32], to[32];
        uint64_t end = b.from + (i + 1) * b.width - 1;
        unsigned bar = (unsigned)(b.episodes[i] * room / most);
        bar = b.episodes[i] && !bar ? 1 : bar;
        printf("%11s - %-11s ", recorded_size(r, b.from + i * b.width, from, sizeof(from)),
               recorded_size(r, end > s->most.memory ? s->most.memory : end, to, sizeof(to)));
        for (unsigned k = 0; k < bar; k++) {
            putchar('#');
        }
        printf("%s%" PRIu64 "\n", bar ? " " : "", b.episodes[i]);
    }
}

static void print_files(const recorded_request *r, const plim_survey_info *info)
{
    char size[32];
    printf("\nall files: %" PRIu64 ", %s\n", info->file_count,
           recorded_size(r, info->file_bytes, size, sizeof(size)));
    for (uint32_t i = 0; i < info->shared_count; i++) {
        printf("%s%-22s %11s\n", i ? "  " : "of them of no episode:\n  ", info->shared[i].name,
               recorded_size(r, info->shared[i].bytes, size, sizeof(size)));
    }
}

static void print_table(const recorded_walk *self, const dataset_sums *s)
{
    const recorded_request *r = self->request;
    const plim_survey_info *info = plim_survey_get_info(self->survey);
    dataset_row mean = {.frames = s->sum.frames / s->count,
                        .disk = s->sum.disk / s->count,
                        .memory = s->sum.memory / s->count};
    dataset_row half = row_at(s, 50), most = row_at(s, 95);
    const char *how = s->every > 1 ? "sampled" : "";
    char note[64], version[64];
    double share = s->sum.memory ? 100.0 * (double)s->groups[0].memory / (double)s->sum.memory : 0;
    printf("%s%s%s   %" PRIu64 " episodes   %" PRIu64 " frames   video %.1f %% of memory (%s)\n\n",
           info->format, info->version[0] ? " " : "",
           views_plain(info->version, SIZE_MAX, version, sizeof(version)), s->count, s->sum.frames,
           share, recorded_pixels(r->pixels));
    printf("%-10s %10s %12s %12s\n", "", "frames", "on disk", "in memory");
    print_row(r, "mean", &mean, "");
    snprintf(note, sizeof(note), "episode %" PRIu64, s->most.index);
    print_row(r, "largest", &s->most, note);
    print_row(r, "p95", &most, how);
    print_row(r, "median", &half, how);
    snprintf(note, sizeof(note), "episode %" PRIu64, s->least.index);
    print_row(r, "smallest", &s->least, note);
    print_row(r, "sum", &s->sum, "");
    putchar('\n');
    print_bins(r, s);
    if (!r->is_range) {
        print_files(r, info);
    }
    if (r->is_worklog) {
        printf("\nby the worklog's arithmetic: Average: %.1f MB total (video: %.1f MB); its MB are "
               "MiB\n",
               (double)s->worklog / (double)s->count / 1048576.0,
               (double)s->worklog_video / (double)s->count / 1048576.0);
    }
    if (r->fail_over && s->most.memory > r->fail_over) {
        char a[32], b[32];
        printf("\nover the limit: episode %" PRIu64 " needs %s > %s\n", s->most.index,
               recorded_size(r, s->most.memory, a, sizeof(a)),
               recorded_size(r, r->fail_over, b, sizeof(b)));
    }
}

static void write_row(const char *key, const dataset_row *row, bool has_index)
{
    printf("\"%s\":{", key);
    if (has_index) {
        printf("\"index\":%" PRIu64 ",", row->index);
    }
    printf("\"frames\":%" PRIu64 ",\"disk\":%" PRIu64 ",\"memory\":%" PRIu64 "},", row->frames,
           row->disk, row->memory);
}

static void write_json(const recorded_walk *self, const dataset_sums *s, int code)
{
    const plim_survey_info *info = plim_survey_get_info(self->survey);
    uint64_t n = s->count ? s->count : 1;
    dataset_row mean = {
        .frames = s->sum.frames / n, .disk = s->sum.disk / n, .memory = s->sum.memory / n};
    dataset_row half = row_at(s, 50), most = row_at(s, 95);
    dataset_bins b = make_bins(s);
    recorded_json_head(self, "dataset");
    printf(",\n\"summary\":{\"episodes\":%" PRIu64 ",", s->count);
    write_row("sum", &s->sum, false);
    write_row("mean", &mean, false);
    write_row("median", &half, false);
    write_row("p95", &most, false);
    write_row("max", &s->most, true);
    write_row("min", &s->least, true);
    printf("\"quantiles\":\"%s\",\"groups\":{", s->every > 1 ? "sampled" : "measured");
    static const char *const GROUPS[] = {"video", "state_action", "other"};
    for (int g = 0; g < 3; g++) {
        printf("%s\"%s\":{\"disk\":%" PRIu64 ",\"memory\":%" PRIu64 "}", g ? "," : "", GROUPS[g],
               s->groups[g].disk, s->groups[g].memory);
    }
    printf("},\"histogram\":[");
    for (uint32_t i = 0; i < b.count; i++) {
        printf("%s{\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"episodes\":%" PRIu64 "}", i ? "," : "",
               b.from + i * b.width, b.from + (i + 1) * b.width - 1, b.episodes[i]);
    }
    printf("]");
    if (self->request->is_worklog) {
        printf(",\"worklog\":{\"total\":%" PRIu64 ",\"video\":%" PRIu64 "}", s->worklog,
               s->worklog_video);
    }
    printf("},\n\"files\":{\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"shared\":{",
           info->file_count, info->file_bytes);
    for (uint32_t i = 0; i < info->shared_count; i++) {
        printf("%s", i ? "," : "");
        recorded_json_text(info->shared[i].name);
        printf(":%" PRIu64, info->shared[i].bytes);
    }
    printf("}}");
    recorded_json_warnings(self, code);
}

int recorded_dataset(recorded_walk *self)
{
    static uint64_t frames[RECORDED_KEPT], disk[RECORDED_KEPT], memory[RECORDED_KEPT];
    const recorded_request *r = self->request;
    dataset_sums s = {.every = 1, .frames = frames, .disk = disk, .memory = memory};
    const plim_survey_episode *e;
    int code = REPORT_OK;
    if (r->form == RECORDED_CSV) {
        recorded_csv_head(r);
    }
    while ((e = recorded_next(self, &code))) {
        add(&s, r, e);
        if (r->form == RECORDED_CSV) {
            recorded_csv_episode(self, e);
        }
    }
    qsort(frames, s.kept, sizeof(*frames), compare);
    qsort(disk, s.kept, sizeof(*disk), compare);
    qsort(memory, s.kept, sizeof(*memory), compare);
    code = code == REPORT_OK ? recorded_outcome(self) : code;
    if (code == REPORT_OK && r->fail_over && s.most.memory > r->fail_over) {
        code = REPORT_OVER;
    }
    if (r->form == RECORDED_JSON) {
        write_json(self, &s, code);
        return code;
    }
    if (r->form == RECORDED_TABLE && s.count) {
        print_table(self, &s);
    }
    recorded_print_warnings(self);
    return code;
}
