/* SPDX-License-Identifier: Apache-2.0 */
/* survey_reader.h - the interface behind plimsoll/survey.h: one reader per recorded format.
 *
 * A reader lives in a file of its own and exports one table. To add one: probe by content, fill
 * an episode at a time, name the table in survey_table.c. The walk around it (survey.c) marks and
 * rewinds the memory, adds up, checks and counts warnings, so that a reader only reads.
 *
 * Memory: plim_survey_take. What open takes lasts until close; what next takes is gone at the
 * next next. There is no other memory: no heap, no tables that grow with the data set.
 * Files: plim_file_bytes, one or two open at a time, closed before next returns unless kept by
 * open until close. Never opened for writing, nothing created.
 * Damage: one file that is missing, cut or not downloaded is plim_survey_lost (a warning, and the
 * episode goes on without it). Only what makes the walk itself impossible is an error.
 */
#ifndef SURVEY_SURVEY_READER_H
#define SURVEY_SURVEY_READER_H

#include "plimsoll/survey.h"
#include "src/episode/file_bytes.h"

#define PLIM_SURVEY_PATH_BYTES 1024u
#define PLIM_SURVEY_HEAD_BYTES 512u
#define PLIM_SURVEY_SEEN       256u /* warnings that are told apart */

/* What lies at the path, before a reader is chosen. */
typedef struct plim_survey_source {
    const char *path;
    bool is_folder;
    uint64_t size_bytes; /* of a file */
    size_t head_bytes;   /* first bytes of a file */
    uint8_t head[PLIM_SURVEY_HEAD_BYTES];
} plim_survey_source;

/* Does @name (relative, may have slashes) lie in the folder? A broken link does not. */
bool plim_survey_source_has(const plim_survey_source *self, const char *name);

/* Calls @see with each name in folder @relative ("" for the root), "." and ".." left out, in no
 * order, until it answers false. Errors:  E_NOT_FOUND, E_IO. */
typedef bool (*plim_survey_see)(void *context, const char *name);
PLIM_MUST_USE plim_status plim_survey_list(const char *root, const char *relative,
                                           plim_survey_see see, void *context, plim_error *err);

typedef struct plim_survey_reader {
    const char *name;  /* plim_survey_info.format */
    const char *reads; /* one line: versions and variants */
    /* NULL: usable. Else answers the reason why not on this machine, or NULL. */
    const char *(*why_not)(void);
    /* By content alone: names of files inside a folder, first bytes of a file. */
    bool (*probe)(const plim_survey_source *source);
    /* Sets self->info and self->state. @source is the one that probe saw. */
    plim_status (*open)(plim_survey *self, const plim_survey_source *source, plim_error *err);
    /* Fills self->episode with the next one inside the range (plim_survey_wants), by rising
     * index: plim_survey_begin first. *@is_end true when there is none; then adds the shared
     * containers. */
    plim_status (*next)(plim_survey *self, bool *is_end, plim_error *err);
    void (*close)(plim_survey *self); /* NULL: nothing but memory to give back */
} plim_survey_reader;

/* Of all episodes of a walk; memory_bytes of the form that takes most, with decoders. */
typedef struct plim_survey_sums {
    uint64_t disk_bytes, memory_bytes, worklog_bytes, frames;
} plim_survey_sums;

struct plim_survey {
    const plim_survey_reader *reader;
    plim_survey_opts opts;
    plim_survey_info info;
    plim_survey_episode episode;
    plim_survey_sums sums;
    plim_survey_feature *features; /* room for feature_limit; episode.features */
    uint32_t feature_limit;
    void *state; /* the reader's own */
    plim_region *home;
    uint64_t mark_before, mark_after, mark_episode; /* before open, after the object, after open */
    bool is_over;
    uint64_t seen[PLIM_SURVEY_SEEN]; /* hashes of warnings */
    uint32_t seen_count;
    char root[PLIM_SURVEY_PATH_BYTES]; /* without a slash at its end */
    char path[PLIM_SURVEY_PATH_BYTES]; /* plim_survey_open_file's last; for errors */
};

/* plim_survey_take - @bytes of zeroed memory, aligned for anything.
 * Errors:  E_RANGE, E_BUDGET, E_NOMEM from the home region. */
PLIM_MUST_USE plim_status plim_survey_take(plim_survey *self, uint64_t bytes, void **out,
                                           plim_error *err);

/* plim_survey_wants - is episode @index inside the range that the caller asked for? */
bool plim_survey_wants(const plim_survey *self, uint64_t index);

/* plim_survey_begin - an empty episode @index with room for @feature_limit features; complete. */
PLIM_MUST_USE plim_status plim_survey_begin(plim_survey *self, uint64_t index,
                                            uint32_t feature_limit, plim_error *err);

/* plim_survey_add - a zeroed feature with has_data and is_loaded true. @name is cut to fit.
 * Never more than feature_limit: E_RANGE. */
PLIM_MUST_USE plim_status plim_survey_add(plim_survey *self, const char *name,
                                          plim_feature_group group, plim_survey_feature **out,
                                          plim_error *err);

/* plim_survey_contain, plim_survey_share - add @bytes to the container @name of this episode, or
 * of the data set. The same name adds up. */
void plim_survey_contain(plim_survey *self, const char *name, uint64_t bytes);
void plim_survey_share(plim_survey *self, const char *name, uint64_t bytes);

/* plim_survey_open_file - a file of the data set by its relative path ("" : the root itself).
 * Does not count it: plim_survey_count_file does, once for each file, with its size. */
PLIM_MUST_USE plim_status plim_survey_open_file(plim_survey *self, const char *relative,
                                                plim_file_bytes *out, plim_error *err);
void plim_survey_count_file(plim_survey *self, uint64_t bytes);

/* plim_survey_warn - the same text counts once. plim_survey_lost - the warning for a file that
 * could not be read, and the episode is incomplete: its code follows from @err: "missing",
 * "not-downloaded" (an LFS pointer; bytes as it says), "unsupported", "damaged". */
void plim_survey_warn(plim_survey *self, const char *code, const char *feature, uint64_t bytes,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));
void plim_survey_lost(plim_survey *self, const char *feature, const plim_error *err);

/* plim_survey_add_up - @episode->disk_bytes from its parts, and all of it onto @self.
 * Errors:  E_RANGE  a sum does not fit: field says which, detail at what; nothing changed. */
PLIM_MUST_USE plim_status plim_survey_add_up(plim_survey_sums *self, plim_survey_episode *episode,
                                             plim_error *err);

/* plim_survey_pictures - width, height, channels, pixels and memory_bytes of @frames equal
 * frames. @pixel_bits: of the native form. False: the product overflows. */
PLIM_MUST_USE bool plim_survey_pictures(plim_survey_feature *feature, uint32_t width,
                                        uint32_t height, uint32_t channels, uint32_t pixel_bits,
                                        uint64_t frames);

/* Ends with a NULL. The readers probe in this order; the first that says yes is taken. */
extern const plim_survey_reader *const plim_survey_readers[];

#endif
