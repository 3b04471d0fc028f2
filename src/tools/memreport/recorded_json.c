/* SPDX-License-Identifier: Apache-2.0 */
/* recorded_json.c - episodes as JSON (schema memreport/1) and as CSV, written while they are read.
 *
 * Sizes are whole bytes. Fields are only ever added within schema 1, and codes of warnings keep
 * their meaning; docs/memreport-1.schema.json says what there is.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/memreport/recorded.h"

static bool to_stdout(void *context, const char *text, size_t bytes)
{
    (void)context;
    return fwrite(text, 1, bytes, stdout) == bytes;
}

void recorded_json_text(const char *text)
{
    plim_report_json_text(text, to_stdout, NULL);
}

static void key_text(const char *key, const char *text)
{
    printf("\"%s\":", key);
    recorded_json_text(text);
}

void recorded_json_head(const recorded_walk *self, const char *kind)
{
    const recorded_request *r = self->request;
    const plim_survey_info *info = plim_survey_get_info(self->survey);
    printf("{\"schema\":\"%s\",\"tool\":\"memreport %s\",\"kind\":\"%s\",", RECORDED_SCHEMA,
           plim_version(), kind);
    key_text("root", r->path);
    printf(",\"format\":{");
    key_text("name", info->format);
    putchar(',');
    key_text("version", info->version);
    printf(",\"gr00t\":%s,", info->has_modality ? "true" : "false");
    key_text("robot", info->robot);
    printf("},\"options\":{\"as\":\"%s\",\"view\":\"%s\",\"window\":", recorded_pixels(r->pixels),
           r->is_gr00t ? "gr00t" : "all");
    printf(r->window ? "%" PRIu64 : "null", r->window);
    printf(",\"horizon\":%" PRIu64 "}", r->horizon);
    if (strcmp(kind, "episode") == 0) {
        printf(",\"episodes\":[");
    }
}

static void write_group(const recorded_request *r, const char *key, const recorded_bytes *b)
{
    printf("\"%s\":{\"disk\":%" PRIu64 ",\"memory\":%" PRIu64, key, b->disk, b->memory);
    if (r->window) {
        printf(",\"window\":%" PRIu64, b->window);
    }
    if (r->is_worklog) {
        printf(",\"worklog\":%" PRIu64, b->worklog);
    }
    putchar('}');
}

static void write_picture(const plim_survey_feature *f)
{
    putchar(',');
    key_text("codec", f->codec);
    printf(",\"width\":%u,\"height\":%u,\"channels\":%u,\"pixel_bits\":%u,\"gop\":", f->width,
           f->height, f->channels, f->pixel_bits);
    printf(f->keyframe_apart ? "%" PRIu64 : "null", f->keyframe_apart);
}

static void write_feature(const recorded_request *r, const plim_survey_feature *f)
{
    static const char *const GROUPS[] = {"video", "state_action", "other"};
    recorded_bytes b = {.disk = f->disk_bytes,
                        .memory = plim_survey_memory(f, r->pixels, UINT64_MAX),
                        .window = plim_survey_memory(f, r->pixels, r->window),
                        .worklog = f->worklog_bytes};
    putchar('{');
    key_text("name", f->name);
    printf(",\"group\":\"%s\",\"source\":\"%s\",\"has_data\":%s,", GROUPS[f->group],
           recorded_known(f->known), f->has_data ? "true" : "false");
    key_text("dtype", f->dtype);
    printf(",\"shape\":[");
    for (uint32_t i = 0; i < f->rank; i++) {
        printf(f->shape[i] < 0 ? "%snull" : "%s%" PRId64, i ? "," : "", f->shape[i]);
    }
    printf("],\"frames\":%" PRIu64 ",\"frames_in_file\":%" PRIu64, f->frames, f->frames_in_file);
    if (f->is_picture) {
        write_picture(f);
    }
    printf(",\"disk\":%" PRIu64 ",\"memory\":%" PRIu64, b.disk, b.memory);
    if (r->window) {
        printf(",\"window\":%" PRIu64, b.window);
    }
    if (r->is_worklog) {
        printf(",\"worklog\":%" PRIu64, b.worklog);
    }
    if (!f->has_data) {
        printf(",\"declared\":%" PRIu64, f->declared_bytes);
    }
    if (!recorded_is_seen(r, f)) {
        printf(",\"in_view\":false");
    }
    printf(",\"files\":[");
    if (f->file[0]) {
        recorded_json_text(f->file);
    }
    printf("]}");
}

void recorded_json_episode(const recorded_walk *self, const plim_survey_episode *e, bool is_first)
{
    const recorded_request *r = self->request;
    recorded_episode f = recorded_measure(r, e);
    printf("%s\n{\"index\":%" PRIu64 ",", is_first ? "" : ",", e->index);
    key_text("name", e->name);
    printf(",\"frames\":%" PRIu64 ",\"seconds\":%.6g,\"complete\":%s,\"groups\":{", e->frames,
           e->seconds, e->is_complete ? "true" : "false");
    write_group(r, "video", &f.groups[PLIM_FEATURE_VIDEO]);
    putchar(',');
    write_group(r, "state_action", &f.groups[PLIM_FEATURE_STATE_ACTION]);
    putchar(',');
    write_group(r, "other", &f.groups[PLIM_FEATURE_OTHER]);
    printf("},\"container\":{");
    for (uint32_t i = 0; i < e->container_count; i++) {
        printf("%s", i ? "," : "");
        recorded_json_text(e->containers[i].name);
        printf(":%" PRIu64, e->containers[i].bytes);
    }
    printf("},\"decoder\":{\"frames\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"source\":\"estimated\"},",
           f.decoder_frames, f.decoder_bytes);
    printf("\"features\":[");
    for (uint32_t i = 0; i < e->feature_count; i++) {
        printf("%s\n ", i ? "," : "");
        write_feature(r, &e->features[i]);
    }
    printf("],");
    write_group(r, "total", &f.total);
    putchar('}');
}

void recorded_json_warnings(const recorded_walk *self, int code)
{
    printf(",\n\"warnings\":[");
    for (uint32_t i = 0; i < self->kept_warnings; i++) {
        const recorded_warning *w = &self->warnings[i];
        printf("%s\n{", i ? "," : "");
        key_text("code", w->code);
        putchar(',');
        key_text("feature", w->feature);
        printf(",\"bytes\":%" PRIu64 ",\"loses_data\":%s,", w->bytes,
               w->is_incomplete ? "true" : "false");
        key_text("text", w->text);
        putchar('}');
    }
    printf("],\"warning_count\":%" PRIu64 ",\"complete\":%s,\"exit\":%d}\n", self->warning_count,
           self->incomplete || self->incomplete_warnings || !self->readable ? "false" : "true",
           code);
}

/* ---- CSV: a row for each feature of each episode, and one for each container ---- */

static void csv_text(const char *text)
{
    bool is_plain = !strpbrk(text, ",\"\r\n");
    if (is_plain) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"') {
            putchar('"');
        }
        putchar(*text);
    }
    putchar('"');
}

void recorded_csv_head(const recorded_request *r)
{
    printf("episode,feature,group,source,dtype,codec,width,height,channels,frames,frames_in_file,"
           "disk,memory%s%s,file\n",
           r->window ? ",window" : "", r->is_worklog ? ",worklog" : "");
}

void recorded_csv_episode(const recorded_walk *self, const plim_survey_episode *e)
{
    static const char *const GROUPS[] = {"video", "state_action", "other"};
    const recorded_request *r = self->request;
    for (uint32_t i = 0; i < e->feature_count; i++) {
        const plim_survey_feature *f = &e->features[i];
        printf("%" PRIu64 ",", e->index);
        csv_text(f->name);
        printf(",%s,%s,%s,%s,%u,%u,%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
               GROUPS[f->group], recorded_known(f->known), f->dtype, f->codec, f->width, f->height,
               f->channels, f->frames, f->frames_in_file, f->disk_bytes,
               plim_survey_memory(f, r->pixels, UINT64_MAX));
        if (r->window) {
            printf(",%" PRIu64, plim_survey_memory(f, r->pixels, r->window));
        }
        if (r->is_worklog) {
            printf(",%" PRIu64, f->worklog_bytes);
        }
        putchar(',');
        csv_text(f->file);
        putchar('\n');
    }
    for (uint32_t i = 0; i < e->container_count; i++) {
        printf("%" PRIu64 ",", e->index);
        csv_text(e->containers[i].name);
        printf(",container,measured,,,,,,,,%" PRIu64 ",0%s%s,\n", e->containers[i].bytes,
               r->window ? ",0" : "", r->is_worklog ? ",0" : "");
    }
}
