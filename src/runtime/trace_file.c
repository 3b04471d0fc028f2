/* SPDX-License-Identifier: Apache-2.0 */
/* trace_file.c - a plan of activations beside its artifact: what it was made for, then CSV.
 *
 *   # plimsoll activation plan 1
 *   # root <64 hex>   # backend <name>   # version <text>   # threads <n>   # prepack <0|1>
 *   # shapes <16 hex>   # requests <n>   # height <bytes>   # buffers <n>
 *   id,lower,upper,size,alignment,offset
 *   0,0,3,1088,64,0
 *   # end
 *
 * Decides whether a plan may be used. Refuses another artifact, backend, version, thread count
 * or prepacking (E_MISMATCH), any line out of place (E_FORMAT), counts above their limit, and a
 * plan that does not verify. Written to a temporary file, synced, renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "src/engine/atomic.h"
#include "src/engine/printable.h"
#include "src/runtime/trace.h"

#define TITLE   "plimsoll activation plan 1"
#define COLUMNS "id,lower,upper,size,alignment,offset"

/* ---- write ---- */

typedef struct writer {
    plim_atomic_file file;
    uint64_t written_bytes;
    size_t used;
    plim_status status; /* the first failure; later writes do nothing */
    plim_error *err;
    char buffer[4096];
} writer;

static void flush(writer *to)
{
    if (to->status == PLIM_OK && to->used) {
        to->status = plim_atomic_write(&to->file, to->buffer, to->used, to->written_bytes, to->err);
    }
    to->written_bytes += to->used;
    to->used = 0;
}

static void put(writer *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(writer *to, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (to->status != PLIM_OK || n < 0 || (size_t)n >= sizeof(line)) {
        to->status = to->status != PLIM_OK
                         ? to->status
                         : PLIM_FAIL(to->err, PLIM_E_RANGE, .what = "line of an activation plan");
        return;
    }
    if (to->used + (size_t)n > sizeof(to->buffer)) {
        flush(to);
    }
    memcpy(to->buffer + to->used, line, (size_t)n);
    to->used += (size_t)n;
}

static void write_plan(writer *to, const plim_trace_plan *plan)
{
    char root[PLIM_DIGEST_TEXT_BYTES];
    plim_text_hex(root, plan->key.root, PLIM_DIGEST_BYTES);
    put(to, "# %s\n# root %s\n# backend %s\n# version %s\n", TITLE, root, plan->key.backend,
        plan->key.version);
    put(to, "# threads %" PRIu32 "\n# prepack %d\n# shapes %016" PRIx64 "\n",
        plan->key.thread_count, plan->key.prepack, plan->shapes);
    put(to, "# requests %" PRIu32 "\n# height %" PRIu64 "\n# buffers %" PRIu32 "\n%s\n",
        plan->request_count, plan->height_bytes, plan->buffer_count, COLUMNS);
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        const plim_plan_buffer *b = &plan->buffers[i];
        put(to, "%" PRIu64 ",%" PRIu32 ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", b->id,
            b->lower, b->upper, b->size_bytes, b->align_bytes, b->offset_bytes);
    }
    put(to, "# end\n");
    flush(to);
}

plim_status plim_trace_save(const plim_trace_plan *plan, const char *path, plim_error *err)
{
    writer to = {.status = PLIM_OK, .err = err};
    PLIM_TRY(plim_atomic_open(&to.file, path, err));
    write_plan(&to, plan);
    if (to.status == PLIM_OK) {
        to.status = plim_atomic_sync(&to.file, err);
    }
    if (to.status == PLIM_OK) {
        to.status = plim_atomic_commit(&to.file, err);
    }
    plim_atomic_close(&to.file);
    return to.status;
}

/* ---- read ---- */

typedef struct reader {
    int fd;
    const char *path;
    uint32_t line; /* of the last line handed out, from 1 */
    size_t begin, end;
    plim_error *err;
    char buffer[1024];
} reader;

static plim_status bad_line(reader *from, const char *field, const char *wanted, const char *found)
{
    char shown[64];
    snprintf(shown, sizeof(shown), "%.60s", found ? found : "end of file");
    plim_error_set(from->err, PLIM_E_FORMAT, "activation plan", field, wanted, shown);
    plim_error_detail(from->err, "%s:%u", from->path, from->line);
    return PLIM_E_FORMAT;
}

/* The next line without its newline; *out NULL at the end. A line that fills the buffer, or
 * that a NUL or a missing newline ends, is no line of ours. */
static plim_status read_line(reader *from, char **out)
{
    *out = NULL;
    from->line++;
    for (;;) {
        char *start = from->buffer + from->begin;
        char *newline = memchr(start, '\n', from->end - from->begin);
        if (newline) {
            *newline = 0;
            from->begin += (size_t)(newline - start) + 1;
            *out = start;
            return strlen(start) == (size_t)(newline - start)
                       ? PLIM_OK
                       : bad_line(from, "line", "text", start);
        }
        memmove(from->buffer, start, from->end - from->begin);
        from->end -= from->begin;
        from->begin = 0;
        if (from->end == sizeof(from->buffer)) {
            return bad_line(from, "line", "at most 1023 bytes", "a longer one");
        }
        ssize_t n = read(from->fd, from->buffer + from->end, sizeof(from->buffer) - from->end);
        if (n < 0 && errno != EINTR) {
            (void)PLIM_FAIL(from->err, PLIM_E_IO, .what = "read of an activation plan",
                            .os_errno = errno);
            plim_error_detail(from->err, "%s", from->path);
            return PLIM_E_IO;
        }
        if (n == 0) {
            return from->end ? bad_line(from, "line", "a newline at its end", NULL) : PLIM_OK;
        }
        from->end += n > 0 ? (size_t)n : 0;
    }
}

/* A whole number without sign or space; returns what follows it, NULL when there is none. */
static const char *number(const char *at, unsigned base, uint64_t *out)
{
    uint64_t value = 0;
    const char *from = at;
    for (;; at++) {
        unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
                         : *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a') + 10
                                                    : 99;
        if (digit >= base) {
            break;
        }
        if (!bytes_mul(value, base, &value) || !bytes_add(value, digit, &value)) {
            return NULL;
        }
    }
    *out = value;
    return at > from ? at : NULL;
}

/* "# <key> <value>": the value, lent until the next line. */
static plim_status read_key(reader *from, const char *key, char **out)
{
    size_t n = strlen(key);
    PLIM_TRY(read_line(from, out));
    char *line = *out;
    if (!line || strncmp(line, "# ", 2) != 0 || strncmp(line + 2, key, n) != 0 ||
        line[2 + n] != ' ') {
        return bad_line(from, key, "# key value", line);
    }
    *out = line + 3 + n;
    return PLIM_OK;
}

static plim_status read_number(reader *from, const char *key, unsigned base, uint64_t limit,
                               uint64_t *out)
{
    char *value;
    PLIM_TRY(read_key(from, key, &value));
    const char *after = number(value, base, out);
    if (!after || *after) {
        return bad_line(from, key, "a number", value);
    }
    if (*out > limit) {
        (void)PLIM_FAIL(from->err, PLIM_E_RANGE, .what = "activation plan", .want = *out,
                        .limit = limit);
        plim_error_detail(from->err, "%s:%u: %s", from->path, from->line, key);
        return PLIM_E_RANGE;
    }
    return PLIM_OK;
}

static plim_status expect(reader *from, const char *key, const char *wanted)
{
    char *found;
    PLIM_TRY(read_key(from, key, &found));
    if (strcmp(found, wanted) == 0) {
        return PLIM_OK;
    }
    plim_error_set(from->err, PLIM_E_MISMATCH, "activation plan was recorded for something else",
                   key, wanted, found);
    plim_error_detail(from->err, "%s:%u", from->path, from->line);
    return PLIM_E_MISMATCH;
}

static plim_status read_head(reader *from, const plim_trace_key *key, plim_trace_plan *out)
{
    char root[PLIM_DIGEST_TEXT_BYTES], threads[16];
    char *line;
    uint64_t requests, buffers;
    PLIM_TRY(read_line(from, &line));
    if (!line || strcmp(line, "# " TITLE) != 0) {
        return bad_line(from, "title", TITLE, line);
    }
    plim_text_hex(root, key->root, PLIM_DIGEST_BYTES);
    snprintf(threads, sizeof(threads), "%" PRIu32, key->thread_count);
    PLIM_TRY(expect(from, "root", root));
    PLIM_TRY(expect(from, "backend", key->backend));
    PLIM_TRY(expect(from, "version", key->version));
    PLIM_TRY(expect(from, "threads", threads));
    PLIM_TRY(expect(from, "prepack", key->prepack ? "1" : "0"));
    PLIM_TRY(read_number(from, "shapes", 16, UINT64_MAX, &out->shapes));
    PLIM_TRY(read_number(from, "requests", 10, PLIM_TRACE_REQUESTS_MAX, &requests));
    PLIM_TRY(read_number(from, "height", 10, INT64_MAX, &out->height_bytes));
    PLIM_TRY(read_number(from, "buffers", 10, requests, &buffers));
    out->key = *key;
    out->request_count = (uint32_t)requests;
    out->buffer_count = (uint32_t)buffers;
    PLIM_TRY(read_line(from, &line));
    return line && strcmp(line, COLUMNS) == 0 ? PLIM_OK : bad_line(from, "columns", COLUMNS, line);
}

/* Ids rise, so that no request has two places. */
static plim_status read_row(reader *from, const plim_trace_plan *plan, uint64_t id_at_least,
                            plim_plan_buffer *out)
{
    uint64_t v[6];
    char *line;
    PLIM_TRY(read_line(from, &line));
    const char *at = line;
    for (size_t i = 0; i < 6 && at; i++) {
        at = number(at, 10, &v[i]);
        at = at && *at == (i < 5 ? ',' : 0) ? at + (i < 5) : NULL;
    }
    if (!at) {
        return bad_line(from, "buffer", COLUMNS, line);
    }
    if (v[0] < id_at_least || v[0] >= plan->request_count || v[1] != v[0] || v[2] <= v[1] ||
        v[2] > plan->request_count || v[3] == 0 || v[3] > plan->height_bytes ||
        !bytes_is_power_of_two(v[4]) || v[4] > (1u << 30)) {
        return bad_line(from, "buffer", "id = lower < upper <= requests, size <= height", line);
    }
    *out = (plim_plan_buffer){.id = v[0],
                              .lower = (uint32_t)v[1],
                              .upper = (uint32_t)v[2],
                              .size_bytes = v[3],
                              .align_bytes = v[4],
                              .offset_bytes = v[5]};
    return PLIM_OK;
}

static plim_status read_plan(reader *from, const plim_trace_key *key, plim_region *home,
                             plim_trace_plan *out)
{
    void *memory = NULL, *scratch = NULL;
    char *line;
    PLIM_TRY(read_head(from, key, out));
    size_t list_bytes = ((size_t)out->buffer_count + 1) * sizeof(plim_plan_buffer);
    size_t scratch_bytes = plim_plan_verify_bytes(out->buffer_count + 1u);
    PLIM_TRY(plim_region_alloc(home, list_bytes, 0, &memory, from->err));
    PLIM_TRY(plim_region_alloc(home, scratch_bytes, 0, &scratch, from->err));
    out->buffers = memory;
    for (uint32_t i = 0; i < out->buffer_count; i++) {
        uint64_t next_id = i ? out->buffers[i - 1].id + 1 : 0;
        PLIM_TRY(read_row(from, out, next_id, &out->buffers[i]));
    }
    PLIM_TRY(read_line(from, &line));
    if (!line || strcmp(line, "# end") != 0) {
        return bad_line(from, "end", "# end", line);
    }
    PLIM_TRY(read_line(from, &line));
    if (line) {
        return bad_line(from, "end", "nothing after it", line);
    }
    return out->buffer_count ? plim_plan_verify(out->buffers, out->buffer_count, out->height_bytes,
                                                scratch, scratch_bytes, from->err)
                             : PLIM_OK;
}

plim_status plim_trace_load(const char *path, const plim_trace_key *key, plim_region *home,
                            plim_trace_plan *out, plim_error *err)
{
    *out = (plim_trace_plan){.buffers = NULL};
    /* O_NONBLOCK: a pipe under this name must not hold the load up; it has no first line. */
    reader from = {
        .path = path, .err = err, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (from.fd < 0) {
        plim_status status = errno == ENOENT || errno == ENOTDIR ? PLIM_E_NOT_FOUND : PLIM_E_IO;
        (void)PLIM_FAIL(err, status, .what = "activation plan", .os_errno = errno);
        plim_error_detail(err, "%s", path);
        return status;
    }
    plim_status status = read_plan(&from, key, home, out);
    close(from.fd);
    if (status != PLIM_OK) {
        *out = (plim_trace_plan){.buffers = NULL};
    }
    return status;
}
