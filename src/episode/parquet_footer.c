/* SPDX-License-Identifier: Apache-2.0 */
/* parquet_footer.c - schema and column chunks of a Parquet file, in one pass over its footer.
 *
 * Decides which columns there are, how deep their lists go, and how many bytes each takes.
 * Refuses chunks that lie outside the file or overlap the footer, row groups whose columns do
 * not match the schema, and what claims more rows than PLIM_PARQUET_ROWS_MAX.
 * Invariant: sum of the chunks + container_bytes = file size; chunks never sum to more than the
 * file (two chunks on the same bytes are a lie).
 */
#include <string.h>

#include "arena/bytes.h"
#include "src/episode/parquet.h"
#include "src/episode/thrift.h"

#define FOOTER_TAIL  8u /* length and magic */
#define SCHEMA_DEPTH 8u
#define SNAPPY_RATIO 22u
#define CODEC_NONE   0
#define PLAIN_SLACK  4096u

typedef plim_parquet_walk footer_read;

/* One open group while the flat schema list is unfolded. */
typedef struct schema_level {
    int64_t children_left;
    uint8_t definition, repetition;
    char root[96];
} schema_level;

typedef struct schema_element {
    int64_t type, width, repetition, children, converted;
    char name[96];
} schema_element;

static schema_element read_element(plim_thrift *t)
{
    schema_element e = {.type = -1, .converted = -1};
    int16_t id = 0;
    plim_thrift_type type;
    while (plim_thrift_field(t, &id, &type)) {
        switch (id) {
        case 1:
            e.type = plim_thrift_number(t, type);
            break;
        case 2:
            e.width = plim_thrift_number(t, type);
            break;
        case 3:
            e.repetition = plim_thrift_number(t, type);
            break;
        case 4:
            plim_thrift_text(t, type, e.name, sizeof(e.name));
            break;
        case 5:
            e.children = plim_thrift_number(t, type);
            break;
        case 6:
            e.converted = plim_thrift_number(t, type);
            break;
        default:
            plim_thrift_skip(t, type);
        }
    }
    return e;
}

/* Bytes of one value when it is loaded: the logical width where it is narrower than the stored
 * one (pandas gives a uint8 column back as uint8); 0 for text. */
static uint8_t item_bytes(const schema_element *e)
{
    static const uint8_t PHYSICAL[] = {1, 4, 8, 12, 4, 8, 0, 0};
    enum { UINT_8 = 11, UINT_16 = 12, INT_8 = 15, INT_16 = 16 };
    if (e->type == PLIM_PARQUET_FIXED) {
        return e->width > 0 && e->width <= UINT8_MAX ? (uint8_t)e->width : 0;
    }
    if (e->type == PLIM_PARQUET_INT32 && (e->converted == UINT_8 || e->converted == INT_8)) {
        return 1;
    }
    if (e->type == PLIM_PARQUET_INT32 && (e->converted == UINT_16 || e->converted == INT_16)) {
        return 2;
    }
    return PHYSICAL[e->type];
}

static void add_leaf(footer_read *f, const schema_element *e, const schema_level *at)
{
    plim_thrift *t = &f->thrift;
    const char *root = at->root[0] ? at->root : e->name;
    if (e->type < PLIM_PARQUET_BOOLEAN || e->type > PLIM_PARQUET_FIXED) {
        plim_thrift_fail(t, e->name, "a physical type 0..7", "another");
        return;
    }
    uint32_t column = f->column_count++; /* below the schema's own limit */
    f->kept[column] = PLIM_PARQUET_NOT_KEPT;
    if (f->keep && !f->keep(f->context, root)) {
        return;
    }
    if (f->out->leaf_count == PLIM_PARQUET_LEAVES_MAX) {
        t->status = plim_error_set(f->err, PLIM_E_UNSUPPORTED, "parquet", "schema",
                                   "at most 128 columns", "more");
        return;
    }
    f->kept[column] = (uint8_t)f->out->leaf_count;
    plim_parquet_leaf *leaf = &f->out->leaves[f->out->leaf_count++];
    *leaf = (plim_parquet_leaf){.type = (uint8_t)e->type,
                                .item_bytes = item_bytes(e),
                                .max_definition = at->definition,
                                .max_repetition = at->repetition};
    memcpy(leaf->root, root, sizeof(leaf->root));
}

static void read_schema(footer_read *f, plim_thrift_type type)
{
    plim_thrift *t = &f->thrift;
    schema_level stack[SCHEMA_DEPTH + 1];
    uint32_t depth = 0, count = plim_thrift_list(t, type, PLIM_THRIFT_STRUCT);
    if (!count || count > PLIM_PARQUET_SCHEMA_MAX || f->has_schema) {
        plim_thrift_fail(t, "schema", "1 to 4096 elements, once", "another number");
    }
    f->has_schema = true;
    for (uint32_t i = 0; i < count && t->status == PLIM_OK; i++) {
        schema_element e = read_element(t);
        schema_level at = {0};
        if (i == 0) { /* the root: its name and repetition say nothing */
            stack[depth++] = (schema_level){.children_left = e.children};
            continue;
        }
        while (depth && stack[depth - 1].children_left <= 0) {
            depth--;
        }
        if (!depth) {
            plim_thrift_fail(t, "schema", "as many elements as announced", "more");
            return;
        }
        stack[depth - 1].children_left--;
        at = stack[depth - 1];
        at.definition = (uint8_t)(at.definition + (e.repetition != 0));
        at.repetition = (uint8_t)(at.repetition + (e.repetition == 2));
        if (!at.root[0]) {
            memcpy(at.root, e.name, sizeof(at.root));
        }
        if (e.children <= 0) {
            add_leaf(f, &e, &at);
        } else if (depth > SCHEMA_DEPTH) {
            plim_thrift_fail(t, "schema", "at most 8 levels", "deeper");
        } else {
            at.children_left = e.children;
            stack[depth++] = at;
        }
    }
}

typedef struct chunk_meta {
    bool is_there;
    int64_t type, codec, values, plain, disk, data_at, dictionary_at;
} chunk_meta;

static void read_meta(plim_thrift *t, chunk_meta *m)
{
    int16_t id = 0;
    plim_thrift_type type;
    m->is_there = true;
    while (plim_thrift_field(t, &id, &type)) {
        int64_t *to = id == 1    ? &m->type
                      : id == 4  ? &m->codec
                      : id == 5  ? &m->values
                      : id == 6  ? &m->plain
                      : id == 7  ? &m->disk
                      : id == 9  ? &m->data_at
                      : id == 11 ? &m->dictionary_at
                                 : NULL;
        if (to) {
            *to = plim_thrift_number(t, type);
        } else {
            plim_thrift_skip(t, type);
        }
    }
}

/* Everything a chunk claims, against the file and the schema. */
static bool check_chunk(footer_read *f, const chunk_meta *m, uint32_t column,
                        plim_parquet_chunk *out)
{
    plim_thrift *t = &f->thrift;
    if (t->status != PLIM_OK) {
        return false;
    }
    uint32_t leaf = f->kept[column];
    bool is_kept = leaf != PLIM_PARQUET_NOT_KEPT;
    if (!m->is_there || (is_kept && m->type != f->out->leaves[leaf].type)) {
        plim_thrift_fail(t, "row group", "one chunk per column of the schema", "another");
        return false;
    }
    const char *name = is_kept ? f->out->leaves[leaf].root : "row group";
    int64_t at =
        m->dictionary_at > 0 && m->dictionary_at < m->data_at ? m->dictionary_at : m->data_at;
    if (m->disk < 0 || m->plain < 0 || m->values < 0 || at < 4 || (uint64_t)at > f->footer_at ||
        (uint64_t)m->disk > f->footer_at - (uint64_t)at) {
        plim_thrift_fail(t, name, "a chunk inside the file", "outside");
        return false;
    }
    /* Snappy expands at most 22 times; page headers are in both figures. */
    uint64_t most = (uint64_t)m->disk * (m->codec == CODEC_NONE ? 1 : SNAPPY_RATIO) + PLAIN_SLACK;
    *out = (plim_parquet_chunk){.row_group = f->out->row_group_count,
                                .leaf = leaf,
                                .codec = (int32_t)m->codec,
                                .value_count = (uint64_t)m->values,
                                .offset = (uint64_t)at,
                                .disk_bytes = (uint64_t)m->disk,
                                .plain_bytes = (uint64_t)m->plain};
    if (m->codec <= 1 && out->plain_bytes > most) {
        plim_thrift_fail(t, name, "a size that its compression can reach", "more");
        return false;
    }
    return true;
}

static void add_chunk(footer_read *f, const plim_parquet_chunk *chunk)
{
    static plim_parquet_leaf none;
    plim_thrift *t = &f->thrift;
    bool is_kept = chunk->leaf != PLIM_PARQUET_NOT_KEPT;
    plim_parquet_leaf *leaf = is_kept ? &f->out->leaves[chunk->leaf] : &none;
    if (!bytes_add(f->chunk_bytes, chunk->disk_bytes, &f->chunk_bytes) ||
        f->chunk_bytes > f->footer_at) {
        plim_thrift_fail(t, leaf->root, "chunks that sum to less than the file", "more");
        return;
    }
    if (!is_kept) {
        return;
    }
    if (!bytes_add(leaf->plain_bytes, chunk->plain_bytes, &leaf->plain_bytes) ||
        !bytes_add(leaf->value_count, chunk->value_count, &leaf->value_count)) {
        plim_thrift_fail(t, leaf->root, "chunks that sum to less than the file", "more");
        return;
    }
    leaf->disk_bytes += chunk->disk_bytes;
}

static bool read_chunk(footer_read *f, uint32_t column, plim_parquet_chunk *out)
{
    plim_thrift *t = &f->thrift;
    chunk_meta meta = {.type = -1};
    int16_t id = 0;
    plim_thrift_type type;
    while (plim_thrift_field(t, &id, &type)) {
        if (id == 3 && type == PLIM_THRIFT_STRUCT && !meta.is_there) {
            read_meta(t, &meta);
        } else {
            plim_thrift_skip(t, type);
        }
    }
    if (!check_chunk(f, &meta, column, out)) {
        return false;
    }
    add_chunk(f, out);
    return out->leaf != PLIM_PARQUET_NOT_KEPT;
}

/* A row group names its columns before its rows, so that the chunks wait for the row count. */
static void read_row_group(footer_read *f, plim_parquet_group *out)
{
    plim_thrift *t = &f->thrift;
    plim_parquet_chunk skipped;
    uint32_t count = 0;
    int64_t rows = 0;
    int16_t id = 0;
    plim_thrift_type type;
    out->chunk_count = 0;
    while (plim_thrift_field(t, &id, &type)) {
        if (id == 1 && count == 0) {
            count = plim_thrift_list(t, type, PLIM_THRIFT_STRUCT);
            if (count != f->column_count) {
                plim_thrift_fail(t, "row group", "one chunk per column of the schema", "another");
                return;
            }
            for (uint32_t i = 0; i < count && t->status == PLIM_OK; i++) {
                bool is_kept = f->kept[i] != PLIM_PARQUET_NOT_KEPT;
                plim_parquet_chunk *to = is_kept ? &out->chunks[out->chunk_count] : &skipped;
                out->chunk_count += read_chunk(f, i, to);
            }
        } else if (id == 3) {
            rows = plim_thrift_number(t, type);
        } else {
            plim_thrift_skip(t, type);
        }
    }
    if (rows < 0 || rows > (int64_t)(f->out->row_count - f->row_sum) || count != f->column_count) {
        plim_thrift_fail(t, "row group", "rows that sum to those of the file", "more");
        return;
    }
    out->row_count = (uint64_t)rows;
    f->row_sum += out->row_count;
    for (uint32_t i = 0; i < out->chunk_count; i++) {
        out->chunks[i].row_count = out->row_count;
    }
    f->out->row_group_count++;
}

/* Fields of the metadata up to the row groups; true when there are some to read. */
static bool reach_groups(footer_read *f)
{
    plim_thrift *t = &f->thrift;
    plim_thrift_type type;
    while (plim_thrift_field(t, &f->field, &type)) {
        if (f->field == 2) {
            read_schema(f, type);
        } else if (f->field == 3) {
            int64_t rows = plim_thrift_number(t, type);
            if (rows < 0 || rows > (int64_t)PLIM_PARQUET_ROWS_MAX) {
                plim_thrift_fail(t, "num_rows", "0 to 2^24", "another number");
            }
            f->out->row_count = t->status == PLIM_OK ? (uint64_t)rows : 0;
        } else if (f->field == 4) {
            f->groups_left = plim_thrift_list(t, type, PLIM_THRIFT_STRUCT);
            if (!f->has_schema) {
                plim_thrift_fail(t, "row_groups", "a schema before them", "none");
            }
            if (t->status == PLIM_OK && f->groups_left) {
                return true;
            }
        } else {
            plim_thrift_skip(t, type);
        }
    }
    if (t->status == PLIM_OK && (!f->has_schema || f->row_sum != f->out->row_count)) {
        plim_thrift_fail(t, "num_rows", "the sum of the row groups", "another number");
    }
    f->is_over = true;
    return false;
}

static plim_status refuse(plim_error *err, const plim_file_bytes *file, plim_status status,
                          const char *wanted, const char *found)
{
    plim_error_set(err, status, "parquet", "footer", wanted, found);
    plim_error_detail(err, "%s", file->path);
    return status;
}

plim_status plim_parquet_begin(plim_parquet_walk *self, const plim_file_bytes *file,
                               plim_parquet *out, plim_parquet_keep keep, void *context,
                               plim_error *err)
{
    uint8_t head[4], tail[FOOTER_TAIL];
    memset(out, 0, sizeof(*out));
    PLIM_TRY(plim_file_bytes_read(file, 0, head, sizeof(head), err));
    if (memcmp(head, "PAR1", 4) != 0) {
        return refuse(err, file, memcmp(head, "PARE", 4) ? PLIM_E_FORMAT : PLIM_E_UNSUPPORTED,
                      "PAR1 at the start", "another text");
    }
    if (file->size_bytes < 4 + FOOTER_TAIL) {
        return refuse(err, file, PLIM_E_FORMAT, "a footer", "cut short");
    }
    PLIM_TRY(plim_file_bytes_read(file, file->size_bytes - FOOTER_TAIL, tail, sizeof(tail), err));
    if (memcmp(tail + 4, "PAR1", 4) != 0) {
        return refuse(err, file, PLIM_E_FORMAT, "PAR1 at the end",
                      "no footer: the recording was never finished, or cut short");
    }
    uint64_t bytes = plim_le32(tail), end = file->size_bytes - FOOTER_TAIL;
    if (bytes > end - 4) {
        return refuse(err, file, PLIM_E_FORMAT, "a footer inside the file", "longer");
    }
    self->out = out;
    self->keep = keep;
    self->context = context;
    self->err = err;
    self->footer_at = end - bytes;
    self->chunk_bytes = self->row_sum = 0;
    self->column_count = self->groups_left = 0;
    self->has_schema = self->is_over = false;
    self->field = 0;
    plim_thrift_init(&self->thrift, file, self->footer_at, end, err);
    reach_groups(self);
    return self->thrift.status;
}

plim_status plim_parquet_next(plim_parquet_walk *self, plim_parquet_group *group, bool *is_end,
                              plim_error *err)
{
    self->err = self->thrift.err = err;
    group->chunk_count = 0;
    *is_end = self->is_over || (!self->groups_left && !reach_groups(self));
    if (!*is_end && self->thrift.status == PLIM_OK) {
        self->groups_left--;
        read_row_group(self, group);
    }
    if (*is_end) {
        self->out->container_bytes = self->thrift.file->size_bytes - self->chunk_bytes;
    }
    return self->thrift.status;
}

plim_status plim_parquet_read(const plim_file_bytes *file, plim_parquet *out,
                              plim_parquet_visit visit, void *context, plim_error *err)
{
    plim_parquet_walk walk;
    plim_parquet_group group;
    bool is_end = false;
    plim_status status = plim_parquet_begin(&walk, file, out, NULL, NULL, err);
    while (status == PLIM_OK && !is_end) {
        status = plim_parquet_next(&walk, &group, &is_end, err);
        for (uint32_t i = 0; i < group.chunk_count && visit && status == PLIM_OK; i++) {
            status = visit(context, out, &group.chunks[i], err);
        }
    }
    if (status != PLIM_OK) {
        memset(out, 0, sizeof(*out));
    }
    return status;
}

plim_dtype plim_parquet_dtype(const plim_parquet_leaf *leaf)
{
    switch (leaf->type) {
    case PLIM_PARQUET_BOOLEAN:
        return PLIM_BOOL;
    case PLIM_PARQUET_INT32:
        return PLIM_I32;
    case PLIM_PARQUET_INT64:
        return PLIM_I64;
    case PLIM_PARQUET_FLOAT:
        return PLIM_F32;
    case PLIM_PARQUET_DOUBLE:
        return PLIM_F64;
    default:
        return PLIM_DTYPE_NONE;
    }
}

uint64_t plim_parquet_width(const plim_parquet *parquet, const plim_parquet_leaf *leaf)
{
    if (!parquet->row_count || leaf->max_repetition > 1 ||
        leaf->value_count % parquet->row_count != 0) {
        return 0;
    }
    uint64_t width = leaf->value_count / parquet->row_count;
    return leaf->max_repetition == 0 && width != 1 ? 0 : width;
}
