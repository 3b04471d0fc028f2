/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_report.c - what a bug report needs, in one archive that can be read before it is sent.
 *
 * The page and its JSON, versions, each engine's card, a run's report and what a black box says of
 * its end when they are named, and the captured files. All text goes through the same scrubbing as
 * the capture, and the manifest's folder is covered too; log lines, the manifest itself and engines
 * are not in it. The same machine in the same state gives the same bytes.
 */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/tools/capture/capture.h"
#include "src/tools/plimsoll/doctor.h"
#include "src/tools/plimsoll/tar_write.h"

#define TOP              "plimsoll-report"
#define RUN_REPORT_BYTES ((size_t)8 << 20)
#define BOX_BYTES        ((size_t)PLIM_BLACK_BOX_MOST_BYTES + ((size_t)64 << 20))

typedef struct bundle {
    const doctor *d;
    capture_secrets secrets;
    char folder[PATH_MAX]; /* where it is put together */
    char *text;            /* of the file that is being written */
    size_t text_bytes;
    FILE *to;
    const char *name;
    char why[PATH_MAX + 256];
} bundle;

static bool stop(bundle *b, const char *what, const char *why)
{
    snprintf(b->why, sizeof(b->why), "%s: %s", what, why);
    return false;
}

/* ---- one file of it ---- */

static bool begin(bundle *b, const char *name)
{
    b->name = name;
    b->to = open_memstream(&b->text, &b->text_bytes);
    return b->to || stop(b, name, strerror(errno));
}

/* The manifest's own folder may name a customer. */
static void cover_folder(const bundle *b, char *text, size_t bytes)
{
    const char *folder = b->d->m.folder;
    size_t n = strlen(folder);
    if (n < 3) {
        return;
    }
    for (char *at = text; (at = memmem(at, bytes - (size_t)(at - text), folder, n));) {
        memset(at, 'x', n);
    }
}

static bool end(bundle *b)
{
    char path[PATH_MAX + 80];
    bool is_whole = fclose(b->to) == 0;
    b->to = NULL;
    if (is_whole) {
        cover_folder(b, b->text, b->text_bytes);
        (void)capture_scrub(&b->secrets, b->text, b->text_bytes);
        snprintf(path, sizeof(path), "%s/%s", b->folder, b->name);
        FILE *f = fopen(path, "wxe");
        is_whole = f && fwrite(b->text, 1, b->text_bytes, f) == b->text_bytes;
        is_whole = f && fclose(f) == 0 && is_whole;
    }
    free(b->text);
    b->text = NULL;
    return is_whole || stop(b, b->name, strerror(errno));
}

/* All of a file; NULL with errno. EFBIG: more than @limit. */
static char *read_all(const char *path, size_t limit, size_t *out_bytes)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    char *text = NULL;
    if (f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) {
        errno = (uint64_t)st.st_size > limit ? EFBIG : 0;
        text = errno ? NULL : aligned_alloc(64, ((size_t)st.st_size + 64) & ~(size_t)63);
        *out_bytes = text ? fread(text, 1, (size_t)st.st_size, f) : 0;
    } else if (f) {
        errno = EINVAL;
    }
    int e = errno;
    if (f) {
        fclose(f);
    }
    errno = e;
    return text;
}

/* ---- its parts ---- */

static bool write_readme(bundle *b)
{
    if (!begin(b, "README.txt")) {
        return false;
    }
    fputs("What plimsoll doctor --report put together, for a bug report.\n\n"
          "doctor.txt       what a person reads: start here\n"
          "doctor.json      the same for programs (plimsoll-doctor/1)\n"
          "versions.txt     of plimsoll, its backends and its tables\n"
          "engines/         the identity card of each engine of the manifest\n"
          "run-report.json  the report of a run (memreport show), when one was named\n"
          "black-box.txt    how a run ended and what was refused, when a box was named\n"
          "capture/         the machine's files (plimsoll doctor --root capture);\n"
          "                 its MANIFEST says what became of every path\n\n"
          "Read it before you send it: tar xf FILE, then look. It should hold no serial numbers,\n"
          "MAC addresses, names of users, hosts or programs, command lines or environments\n"
          "(of the environment, only settings of allocators). IP addresses are not looked for:\n"
          "versions have their shape. Not in it: engines, weights, the manifest, logs. Names of\n"
          "engines and models are in it.\n",
          b->to);
    return end(b);
}

static bool write_versions(bundle *b)
{
    static const char *const BACKENDS[] = {"onnxruntime", "tensorrt", "null"};
    if (!begin(b, "versions.txt")) {
        return false;
    }
    fprintf(b->to, "plimsoll %s\n", plim_version());
    for (size_t i = 0; i < sizeof(BACKENDS) / sizeof(BACKENDS[0]); i++) {
        const plim_backend_ops *ops = NULL;
        plim_backend_info info;
        if (plim_backend_find(BACKENDS[i], &ops, NULL) == PLIM_OK) {
            plim_backend_probe(ops, b->d->m.onnxruntime[0] ? b->d->m.onnxruntime : NULL, &info);
            fprintf(b->to, "backend %s: %s\n", BACKENDS[i],
                    !info.is_present  ? "absent"
                    : info.version[0] ? info.version
                                      : "present");
        }
    }
    for (uint32_t i = 0; i < b->d->policy.text_count; i++) {
        const plim_policy_text *t = &b->d->policy.texts[i];
        const char *slash = strrchr(t->name, '/');
        fprintf(b->to, "table %s: %zu bytes%s\n", slash ? slash + 1 : t->name, t->bytes,
                i < b->d->policy.builtin_count ? "" : ", not built in");
    }
    return end(b);
}

static bool write_page(bundle *b)
{
    if (!begin(b, "doctor.txt")) {
        return false;
    }
    doctor_print(b->d, b->to, false);
    if (!end(b) || !begin(b, "doctor.json")) {
        return false;
    }
    doctor_json(b->d, b->to);
    return end(b);
}

static bool write_cards(bundle *b)
{
    char path[PATH_MAX + 16], name[PLIM_NAME_BYTES + 32];
    snprintf(path, sizeof(path), "%s/engines", b->folder);
    if (b->d->has_manifest && mkdir(path, 0755) != 0) {
        return stop(b, path, strerror(errno));
    }
    for (size_t i = 0; i < b->d->m.engine_count; i++) {
        snprintf(name, sizeof(name), "engines/%zu.json", i);
        if (!b->d->engines[i].card_json) {
            continue;
        }
        if (!begin(b, name)) {
            return false;
        }
        fprintf(b->to, "%s\n", b->d->engines[i].card_json);
        if (!end(b)) {
            return false;
        }
    }
    return true;
}

static bool write_run_report(bundle *b, const char *path)
{
    size_t bytes = 0;
    char *text = read_all(path, RUN_REPORT_BYTES, &bytes);
    if (!text) {
        return stop(b, path, strerror(errno));
    }
    bool is_report = memmem(text, bytes, "\"plimsoll-report/", 17) != NULL;
    bool is_whole = is_report ? begin(b, "run-report.json")
                              : stop(b, path, "is no report of plimsoll run --report");
    if (is_whole) {
        fwrite(text, 1, bytes, b->to);
        is_whole = end(b);
    }
    free(text);
    return is_whole;
}

static void print_box(plim_box_reader *box, FILE *to)
{
    static plim_box_record record;
    const plim_box_facts *f = &box->facts;
    fprintf(to,
            "program of plimsoll %s on %s\nended: %s%s\ncap %" PRIu64 ", peak %" PRIu64
            " bytes\nrecords written %" PRIu64 ", damaged bytes %" PRIu64 "\n",
            f->version, f->board, f->is_closed ? "closed, " : "killed, or still running",
            f->is_closed ? f->close_reason : "", f->cap_bytes, f->peak_bytes, f->written_count,
            box->damaged_bytes);
    while (plim_box_next(box, &record)) {
        const plim_box_refusal *r = &record.as.refusal;
        if (record.kind != PLIM_BOX_REFUSAL) {
            continue;
        }
        fprintf(to, "\n%s %s: %s: wanted %" PRIu64 ", had %" PRIu64 " of %" PRIu64 "\n", r->event,
                r->engine, r->what, r->want_bytes, r->have_bytes, r->limit_bytes);
        for (size_t i = 0; i < PLIM_ERROR_HOLDERS && r->holders[i].bytes; i++) {
            fprintf(to, "  held %" PRIu64 " by %s\n", r->holders[i].bytes, r->holders[i].owner);
        }
    }
}

static bool write_box(bundle *b, const char *path)
{
    plim_box_reader box;
    size_t bytes = 0;
    char *image = read_all(path, BOX_BYTES, &bytes);
    if (!image) {
        return stop(b, path, strerror(errno));
    }
    bool is_whole = plim_box_attach(image, bytes, &box, NULL) == PLIM_OK
                        ? begin(b, "black-box.txt")
                        : stop(b, path, "is no black box");
    if (is_whole) {
        print_box(&box, b->to);
        is_whole = end(b);
    }
    free(image);
    return is_whole;
}

static bool write_capture(bundle *b)
{
    char path[PATH_MAX + 16], why[CAPTURE_PATH_BYTES + 128] = "";
    capture_counts counts;
    snprintf(path, sizeof(path), "%s/capture", b->folder);
    return capture_run(b->d->o.root, path, &counts, why, sizeof(why)) || stop(b, "capture", why);
}

/* ---- the whole ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static bool put_together(bundle *b)
{
    const doctor_options *o = &b->d->o;
    return write_readme(b) && write_versions(b) && write_page(b) && write_cards(b) &&
           (!o->run_report || write_run_report(b, o->run_report)) &&
           (!o->black_box || write_box(b, o->black_box)) && write_capture(b);
}

tool_exit doctor_report(const doctor *d, const char *path)
{
    static bundle b;
    uint64_t files = 0;
    const char *tmp = getenv("TMPDIR");
    memset(&b, 0, sizeof(b));
    b.d = d;
    if (access(path, F_OK) == 0) {
        fprintf(stderr, "plimsoll doctor: --report: %s: is there already\n", path);
        return TOOL_USAGE;
    }
    if (!capture_secrets_find(&b.secrets, d->o.root)) {
        capture_secrets_why(b.why, sizeof(b.why));
        fprintf(stderr, "plimsoll doctor: --report: %s\n", b.why);
        return TOOL_NOTHING;
    }
    snprintf(b.folder, sizeof(b.folder), "%s/plimsoll-report-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(b.folder)) {
        fprintf(stderr, "plimsoll doctor: --report: %s: %s\n", b.folder, strerror(errno));
        return TOOL_INTERNAL;
    }
    bool is_whole = put_together(&b);
    tool_exit code = is_whole ? TOOL_OK : TOOL_NOTHING;
    if (is_whole && !tar_write_folder(b.folder, TOP, path, &files, b.why, sizeof(b.why))) {
        is_whole = false;
        code = TOOL_INTERNAL;
    }
    (void)nftw(b.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (!is_whole) {
        fprintf(stderr, "plimsoll doctor: --report: %s\n", b.why);
        return code;
    }
    printf("%s: %" PRIu64 " files: the page, versions, cards%s%s, the captured machine\n"
           "  read it before you send it: tar tf %s; tar xOf %s " TOP "/README.txt\n",
           path, files, d->o.run_report ? ", the run's report" : "",
           d->o.black_box ? ", how the run ended" : "", path, path);
    return TOOL_OK;
}
