/* SPDX-License-Identifier: Apache-2.0 */
/* file_series.c - a folder in order without a table of all its names.
 *
 * Each pass over the folder keeps the smallest names above the last one given, by insertion; the
 * next pass begins where it ended. n files cost n / 64 listings.
 * Invariant: names[0, count) rise strictly and are above `before`.
 */
#include "src/survey/file_series.h"

#include <stdio.h>
#include <string.h>

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* As strcmp, but a run of digits compares as a number. */
static int compare(const char *a, const char *b)
{
    while (*a && *b) {
        size_t n = digits(a), m = digits(b);
        if (n && m) {
            const char *p = a + strspn(a, "0"), *q = b + strspn(b, "0");
            size_t k = digits(p), l = digits(q);
            int order = k != l ? (k > l ? 1 : -1) : strncmp(p, q, k);
            if (order) {
                return order;
            }
            if (n != m) {
                return n > m ? 1 : -1; /* more zeros in front come later */
            }
            a += n;
            b += m;
        } else if (*a != *b) {
            return (unsigned char)*a > (unsigned char)*b ? 1 : -1;
        } else {
            a++;
            b++;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

bool plim_name_ends(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n >= m && strcmp(name + n - m, suffix) == 0;
}

void plim_series_init(plim_series *self, const char *root, plim_series_wants wants)
{
    self->root = root;
    self->wants = wants;
    self->count = self->at = 0;
    self->is_last = self->has_before = false;
}

static bool keep(void *context, const char *name)
{
    plim_series *self = context;
    if (strlen(name) >= PLIM_SERIES_NAME_BYTES || !self->wants(name) ||
        (self->has_before && compare(name, self->before) <= 0)) {
        return true;
    }
    uint32_t at = self->count;
    while (at > 0 && compare(name, self->names[at - 1]) < 0) {
        at--;
    }
    if (at == PLIM_SERIES_NAMES) {
        self->is_last = false;
        return true;
    }
    if (self->count == PLIM_SERIES_NAMES) {
        self->is_last = false;
        self->count--;
    }
    memmove(self->names[at + 1], self->names[at], (self->count - at) * PLIM_SERIES_NAME_BYTES);
    snprintf(self->names[at], PLIM_SERIES_NAME_BYTES, "%s", name);
    self->count++;
    return true;
}

plim_status plim_series_next(plim_series *self, const char **out, plim_error *err)
{
    *out = NULL;
    if (self->at == self->count && !self->is_last) {
        self->count = self->at = 0;
        self->is_last = true;
        PLIM_TRY(plim_survey_list(self->root, "", keep, self, err));
    }
    if (self->at < self->count) {
        *out = self->names[self->at++];
        memcpy(self->before, *out, PLIM_SERIES_NAME_BYTES);
        self->has_before = true;
    }
    return PLIM_OK;
}

plim_status plim_series_share_rest(plim_series *self, plim_survey *survey, const char *metadata,
                                   plim_error *err)
{
    const char *name;
    plim_file_bytes file;
    for (;;) {
        PLIM_TRY(plim_series_next(self, &name, err));
        if (!name) {
            return PLIM_OK;
        }
        if (plim_survey_open_file(survey, name, &file, NULL) == PLIM_OK) {
            bool is_metadata = metadata && plim_name_ends(name, metadata);
            plim_survey_count_file(survey, file.size_bytes);
            plim_survey_share(survey, is_metadata ? "metadata" : "other files", file.size_bytes);
            plim_file_bytes_close(&file);
        }
    }
}
