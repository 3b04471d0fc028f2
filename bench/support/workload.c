/* SPDX-License-Identifier: Apache-2.0 */
/* workload.c - lists of calls, drawn from a seed or read from a recording. */
#include "bench/support/workload.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/support/engines.h"
#include "bench/support/mixes.h"

#define OPS_MAX   ((size_t)1 << 25)
#define SLOTS_MAX ((uint64_t)1 << 25)

void *workload_pages(size_t bytes)
{
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        bench_stop("pages of the workload", NULL);
    }
    memset(map, 0, bytes);
    return map;
}

/* Sizes of the slots while a list is followed, and the figures of it. */
typedef struct follower {
    uint64_t *bytes, live_bytes;
    uint32_t live_blocks;
} follower;

static void follow(follower *f, workload *w, workload_op op)
{
    if (op.bytes) {
        f->bytes[op.slot] = op.bytes;
        f->live_bytes += op.bytes;
        f->live_blocks++;
        w->alloc_count++;
    } else {
        f->live_bytes -= f->bytes[op.slot];
        f->bytes[op.slot] = 0;
        f->live_blocks--;
    }
    w->ops[w->op_count++] = op;
    w->peak_live_bytes = f->live_bytes > w->peak_live_bytes ? f->live_bytes : w->peak_live_bytes;
    w->peak_live_blocks =
        f->live_blocks > w->peak_live_blocks ? f->live_blocks : w->peak_live_blocks;
}

void workload_random(workload *self, const workload_shape *shape, uint64_t seed)
{
    follower f = {.bytes = workload_pages(shape->slots * sizeof(uint64_t))};
    const double low = log((double)shape->least_bytes), high = log((double)shape->most_bytes);
    *self = (workload){.ops = workload_pages(shape->ops * sizeof(workload_op)),
                       .slot_count = shape->slots};
    for (size_t i = 0; i < shape->ops; i++) {
        workload_op op = {.slot = (uint32_t)(mix_next(&seed) % shape->slots)};
        if (f.bytes[op.slot] == 0) {
            const double u = (double)(mix_next(&seed) >> 11) * 0x1p-53;
            op.bytes = (uint64_t)exp(low + u * (high - low));
        }
        follow(&f, self, op);
    }
    munmap(f.bytes, shape->slots * sizeof(uint64_t));
}

static bool complain(const char *path, size_t line, const char *what)
{
    fprintf(stderr, "%s, line %zu: %s\n", path, line, what);
    return false;
}

/* One line of the recording; *out_is_op false for the header and empty lines. */
static const char *parse(const char *text, const follower *f, workload_op *out, bool *out_is_op)
{
    char op = 0;
    uint64_t id = 0, bytes = 0;
    *out_is_op = sscanf(text, "%c,%" SCNu64 ",%" SCNu64, &op, &id, &bytes) == 3;
    if (!*out_is_op) {
        return NULL;
    }
    if ((op != 'a' && op != 'f') || id >= SLOTS_MAX) {
        return "not an operation on an id below 2^25";
    }
    if ((op == 'a') != (f->bytes[id] == 0) || (op == 'a' && bytes == 0)) {
        return "allocated twice, freed twice or empty";
    }
    *out = (workload_op){op == 'a' ? bytes : 0, (uint32_t)id};
    return NULL;
}

static bool read_lines(workload *self, FILE *in, follower *f, const char *path)
{
    char text[128];
    size_t line = 0;
    while (fgets(text, sizeof(text), in)) {
        workload_op op;
        bool is_op;
        const char *wrong = parse(text, f, &op, &is_op);
        line++;
        if (wrong || self->op_count == OPS_MAX) {
            return complain(path, line, wrong ? wrong : "too long");
        }
        if (is_op) {
            follow(f, self, op);
            self->slot_count = op.slot >= self->slot_count ? op.slot + 1 : self->slot_count;
        }
    }
    return self->op_count > 0 || complain(path, line, "no operation in it");
}

bool workload_read(workload *self, const char *path)
{
    char command[1200];
    const size_t length = strlen(path);
    const bool is_packed = length > 3 && strcmp(path + length - 3, ".gz") == 0;
    if (strchr(path, '\'') || length > 1024) {
        return complain(path, 0, "a name that a shell would not take");
    }
    snprintf(command, sizeof(command), "gzip -dc '%s'", path);
    FILE *in = is_packed ? popen(command, "r") : fopen(path, "r");
    if (!in) {
        return complain(path, 0, "cannot be opened");
    }
    /* Address space only; the pages that are used are touched by using them. */
    follower f = {.bytes = mmap(NULL, SLOTS_MAX * sizeof(uint64_t), PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
    *self = (workload){.ops = mmap(NULL, OPS_MAX * sizeof(workload_op), PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
    if (f.bytes == MAP_FAILED || self->ops == MAP_FAILED) {
        bench_stop("pages of the workload", NULL);
    }
    const bool is_well = read_lines(self, in, &f, path);
    munmap(f.bytes, SLOTS_MAX * sizeof(uint64_t));
    return (is_packed ? pclose(in) : fclose(in)) == 0 && is_well;
}

void workload_free(workload *self)
{
    if (self->ops) {
        munmap(self->ops, self->op_count * sizeof(workload_op));
    }
    *self = (workload){0};
}
