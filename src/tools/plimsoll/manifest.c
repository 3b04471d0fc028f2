/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.c - a deployment as YAML: what the keys are, and which go together.
 *
 * Decides the schema. Refuses what yaml_bind refuses, and also keys that nothing would read
 * (a feature for a constant, a library that no engine uses), names given twice, and feedback
 * without an output: a setting that has no effect is a mistake of somebody.
 */
#include "src/tools/plimsoll/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/pressure_rungs.h"
#include "src/tools/plimsoll/tool.h"
#include "src/tools/plimsoll/yaml.h"

const char *const INPUT_FROM_NAMES[] = {"video",   "row",      "bytes", "constant",
                                        "formula", "feedback", "zeros", NULL};
static const char *const LAYOUTS[] = {"nchw", "nhwc", NULL};
static const char *const SEALS[] = {"open", "count", "refuse", NULL};
const char *const LARGE_PAGES_NAMES[] = {"auto", "never", "require", NULL};
static const char *const ORDERS[] = {"optimal", "as-listed", "largest-first", NULL};

#define NESTING_MAX  64u
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TEXT(type, key, field)                                                                     \
    {                                                                                              \
        key, KEY_TEXT, offsetof(type, field), sizeof(((type *)0)->field), NULL, NULL               \
    }
#define PATH(type, key, field)                                                                     \
    {                                                                                              \
        key, KEY_PATH, offsetof(type, field), sizeof(((type *)0)->field), NULL, NULL               \
    }
#define PLAIN(type, key, kind, field)                                                              \
    {                                                                                              \
        key, kind, offsetof(type, field), 0, NULL, NULL                                            \
    }
#define CHOICE(type, key, list, field)                                                             \
    {                                                                                              \
        key, KEY_CHOICE, offsetof(type, field), 0, list, NULL                                      \
    }
#define NODE(key, function)                                                                        \
    {                                                                                              \
        key, KEY_NODE, 0, 0, NULL, function                                                        \
    }

/* ---- inputs of an engine ---- */

static void read_shape(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    manifest_input *in = base;
    size_t rank = yaml_length(node);
    if (rank == 0 || rank > PLIM_TENSOR_RANK_MAX) {
        complain(r->bad, r->file, yaml_line(node), where, "a list of 1 to 8 dimensions is wanted");
        return;
    }
    for (size_t i = 0; i < rank; i++) {
        uint64_t n = 0;
        yaml_node_t *item = yaml_item(r, node, i);
        if (!count_parse(yaml_text(item), &n) || n == 0 || n > INT32_MAX) {
            complain(r->bad, r->file, yaml_line(item), where, "'%s': not a dimension",
                     yaml_text(item));
        }
        in->shape[i] = (int64_t)n;
    }
    in->rank = (uint32_t)rank;
}

enum { IN_FROM, IN_FEATURE, IN_LAYOUT, IN_SCALE, IN_BIAS, IN_VALUE, IN_FILE, IN_OUTPUT, IN_SHAPE };
static const yaml_key INPUT_KEYS[] = {
    [IN_FROM] = CHOICE(manifest_input, "from", INPUT_FROM_NAMES, from),
    [IN_FEATURE] = TEXT(manifest_input, "feature", feature),
    [IN_LAYOUT] = CHOICE(manifest_input, "layout", LAYOUTS, layout),
    [IN_SCALE] = PLAIN(manifest_input, "scale", KEY_REAL, scale),
    [IN_BIAS] = PLAIN(manifest_input, "bias", KEY_REAL, bias),
    [IN_VALUE] = PLAIN(manifest_input, "value", KEY_REAL, value),
    [IN_FILE] = PATH(manifest_input, "file", file),
    [IN_OUTPUT] = TEXT(manifest_input, "output", output),
    [IN_SHAPE] = NODE("shape", read_shape),
};
#define BIT(key) (1u << (key))
/* Which keys mean something with which source, and which it cannot do without. */
static const struct {
    unsigned may, must;
} INPUT_RULES[] = {
    [FROM_VIDEO] = {BIT(IN_FEATURE) | BIT(IN_LAYOUT) | BIT(IN_SCALE) | BIT(IN_BIAS),
                    BIT(IN_FEATURE)},
    [FROM_ROW] = {BIT(IN_FEATURE) | BIT(IN_SCALE) | BIT(IN_BIAS), BIT(IN_FEATURE)},
    [FROM_BYTES] = {BIT(IN_FILE), BIT(IN_FILE)},
    [FROM_CONSTANT] = {BIT(IN_VALUE), BIT(IN_VALUE)},
    [FROM_FORMULA] = {0, 0},
    [FROM_FEEDBACK] = {BIT(IN_OUTPUT), BIT(IN_OUTPUT)},
    [FROM_ZEROS] = {0, 0},
};

static void check_input(yaml_reader *r, const manifest_input *in, const yaml_seen *seen,
                        const char *where)
{
    if (!seen->line[IN_FROM]) {
        complain(r->bad, r->file, in->line, where, "the key 'from' is missing");
        return;
    }
    if (in->from >= COUNT(INPUT_RULES)) {
        return;
    }
    unsigned may = INPUT_RULES[in->from].may | BIT(IN_FROM) | BIT(IN_SHAPE);
    for (unsigned k = 0; k < COUNT(INPUT_KEYS); k++) {
        char full[256];
        yaml_where(full, sizeof(full), where, INPUT_KEYS[k].name);
        if (seen->line[k] && !(may & BIT(k))) {
            complain(r->bad, r->file, seen->line[k], full, "nothing reads this with 'from: %s'",
                     INPUT_FROM_NAMES[in->from]);
        }
        if (!seen->line[k] && (INPUT_RULES[in->from].must & BIT(k))) {
            complain(r->bad, r->file, in->line, full, "missing; 'from: %s' needs it",
                     INPUT_FROM_NAMES[in->from]);
        }
    }
}

static void read_inputs(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    manifest_engine *e = base;
    if (node->type != YAML_MAPPING_NODE) {
        complain(r->bad, r->file, yaml_line(node), where, "names of tensors are wanted here");
        return;
    }
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        yaml_node_t *key = yaml_document_get_node(r->document, p->key);
        char full[256];
        yaml_seen seen;
        yaml_where(full, sizeof(full), where, yaml_text(key));
        manifest_input *in = &e->inputs[e->input_count];
        if (e->input_count == MANIFEST_INPUTS_MAX || strlen(yaml_text(key)) >= sizeof(in->tensor)) {
            complain(r->bad, r->file, yaml_line(key), full, "too many inputs, or too long a name");
            return;
        }
        for (size_t i = 0; i < e->input_count; i++) {
            if (strcmp(e->inputs[i].tensor, yaml_text(key)) == 0) {
                complain(r->bad, r->file, yaml_line(key), full, "given twice, first on line %u",
                         (unsigned)e->inputs[i].line);
            }
        }
        e->input_count++;
        snprintf(in->tensor, sizeof(in->tensor), "%s", yaml_text(key));
        in->line = yaml_line(key);
        in->scale = 1.0;
        yaml_bind(r, yaml_document_get_node(r->document, p->value), INPUT_KEYS, COUNT(INPUT_KEYS),
                  in, full, &seen);
        check_input(r, in, &seen, full);
    }
}

/* ---- engines ---- */

static const char *const PICKS[] = {"one", "first", NULL};

/* One path, or a list of them: one for each kind of board. */
static void read_artifact(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    manifest_engine *e = base;
    if (node->type != YAML_SEQUENCE_NODE) {
        const yaml_key key = PATH(manifest_engine, "artifact", artifact);
        yaml_value(r, &key, node, e, where);
        return;
    }
    if (yaml_length(node) == 0 || yaml_length(node) > MANIFEST_TIERS_MAX) {
        complain(r->bad, r->file, yaml_line(node), where, "a path, or a list of 1 to %d of them",
                 MANIFEST_TIERS_MAX);
        return;
    }
    for (size_t i = 0; i < yaml_length(node); i++) {
        char full[256];
        const yaml_key key = {"artifact", KEY_PATH, 0, sizeof(e->tiers[0]), NULL, NULL};
        snprintf(full, sizeof(full), "%s[%zu]", where, i);
        yaml_value(r, &key, yaml_item(r, node, i), e->tiers[i], full);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(e->tiers[k], e->tiers[i]) == 0) {
                complain(r->bad, r->file, yaml_line(yaml_item(r, node, i)), full, "given twice");
            }
        }
    }
    e->tier_count = yaml_length(node);
    memcpy(e->artifact, e->tiers[0], sizeof(e->artifact));
}

static void read_accept(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    manifest_engine *e = base;
    if (node->type != YAML_SEQUENCE_NODE || yaml_length(node) > MANIFEST_ACCEPT_MAX) {
        complain(r->bad, r->file, yaml_line(node), where, "a list of at most %d ids of rules",
                 MANIFEST_ACCEPT_MAX);
        return;
    }
    for (size_t i = 0; i < yaml_length(node); i++) {
        const yaml_key key = {"accept", KEY_TEXT, 0, sizeof(e->accept[0]), NULL, NULL};
        yaml_value(r, &key, yaml_item(r, node, i), e->accept[i], where);
    }
    e->accept_count = yaml_length(node);
}

enum { ENGINE_NAME, ENGINE_ARTIFACT, ENGINE_BACKEND };
static const yaml_key ENGINE_KEYS[] = {
    [ENGINE_NAME] = TEXT(manifest_engine, "name", name),
    [ENGINE_ARTIFACT] = NODE("artifact", read_artifact),
    [ENGINE_BACKEND] = TEXT(manifest_engine, "backend", backend),
    PLAIN(manifest_engine, "threads", KEY_COUNT, threads),
    PLAIN(manifest_engine, "prepack", KEY_BOOL, prepack),
    TEXT(manifest_engine, "scratch_group", scratch_group),
    PLAIN(manifest_engine, "every", KEY_COUNT, every),
    PLAIN(manifest_engine, "record_trace", KEY_BOOL, record_trace),
    PLAIN(manifest_engine, "activation_limit", KEY_SIZE, activation_limit_bytes),
    NODE("inputs", read_inputs),
    CHOICE(manifest_engine, "pick", PICKS, pick),
    NODE("accept", read_accept),
    TEXT(manifest_engine, "precision", precision),
};

static void check_backend_name(yaml_reader *r, const manifest_engine *e, uint32_t line,
                               const char *where)
{
    const plim_backend_ops *ops = NULL;
    plim_error err;
    char full[128];
    if (e->backend[0] && plim_backend_find(e->backend, &ops, &err) != PLIM_OK) {
        yaml_where(full, sizeof(full), where, "backend");
        complain(r->bad, r->file, line, full, "'%s': no such backend; there are: %s", e->backend,
                 err.found);
    }
}

static void read_engine(yaml_reader *r, yaml_node_t *node, manifest *m, const char *where)
{
    yaml_seen seen;
    manifest_engine *e = &m->engines[m->engine_count++];
    e->line = yaml_line(node);
    e->every = 1;
    yaml_bind(r, node, ENGINE_KEYS, COUNT(ENGINE_KEYS), e, where, &seen);
    for (unsigned k = ENGINE_NAME; k <= ENGINE_ARTIFACT; k++) {
        if (!seen.line[k]) {
            complain(r->bad, r->file, e->line, where, "the key '%s' is missing",
                     ENGINE_KEYS[k].name);
        }
    }
    check_backend_name(r, e, seen.line[ENGINE_BACKEND], where);
    if (e->every == 0 || e->threads > 1024) {
        complain(r->bad, r->file, e->line, where, "'every' is at least 1, 'threads' at most 1024");
    }
    for (manifest_engine *other = m->engines; other < e; other++) {
        if (e->name[0] && strcmp(other->name, e->name) == 0) {
            complain(r->bad, r->file, e->line, where, "the name '%s' is taken on line %u", e->name,
                     (unsigned)other->line);
        }
    }
}

static void read_engines(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    if (node->type != YAML_SEQUENCE_NODE || yaml_length(node) > MANIFEST_ENGINES_MAX) {
        complain(r->bad, r->file, yaml_line(node), where, "a list of at most %d engines is wanted",
                 MANIFEST_ENGINES_MAX);
        return;
    }
    for (size_t i = 0; i < yaml_length(node); i++) {
        char full[64];
        snprintf(full, sizeof(full), "%s[%zu]", where, i);
        read_engine(r, yaml_item(r, node, i), base, full);
    }
}

/* ---- the rest ---- */

static void read_budget(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    static const yaml_key KEYS[] = {
        PLAIN(manifest, "cap", KEY_SIZE, cap_bytes),
        PLAIN(manifest, "fraction", KEY_SHARE, fraction),
        PLAIN(manifest, "reserve", KEY_SIZE, reserve_bytes),
        CHOICE(manifest, "seal", SEALS, seal),
        CHOICE(manifest, "large_pages", LARGE_PAGES_NAMES, large_pages),
    };
    yaml_seen seen;
    unsigned before = r->bad->count;
    yaml_bind(r, node, KEYS, COUNT(KEYS), base, where, &seen);
    if (seen.line[0] && !((manifest *)base)->cap_bytes && r->bad->count == before) {
        complain(r->bad, r->file, seen.line[0], "budget.cap", "a size above 0 is wanted");
    }
    if (!seen.line[0] == !seen.line[1]) {
        complain(r->bad, r->file, yaml_line(node), where,
                 "give one of 'cap' (a size) and 'fraction' (of the host's memory)");
    }
}

static void read_host(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    static const yaml_key KEYS[] = {
        PLAIN(manifest, "sm", KEY_COUNT, host_sm),
        PLAIN(manifest, "multiprocessors", KEY_COUNT, host_multiprocessors),
        PLAIN(manifest, "memory", KEY_SIZE, host_memory_bytes),
        TEXT(manifest, "l4t", host_l4t),
        TEXT(manifest, "jetpack", host_jetpack),
        TEXT(manifest, "tensorrt", host_tensorrt),
    };
    yaml_seen seen;
    yaml_bind(r, node, KEYS, COUNT(KEYS), base, where, &seen);
}

static void read_library(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    static const yaml_key KEYS[] = {PATH(manifest, "onnxruntime", onnxruntime)};
    yaml_seen seen;
    yaml_bind(r, node, KEYS, COUNT(KEYS), base, where, &seen);
}

static void read_framework(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    static const yaml_key KEYS[] = {
        PLAIN(manifest, "resident", KEY_SIZE, framework_bytes),
        PLAIN(manifest, "extra", KEY_SIZE, framework_extra_bytes),
    };
    yaml_seen seen;
    yaml_bind(r, node, KEYS, COUNT(KEYS), base, where, &seen);
}

static void read_episode(yaml_reader *r, yaml_node_t *node, void *base, const char *where)
{
    static const yaml_key KEYS[] = {
        PLAIN(manifest, "max_frames_in_mem", KEY_COUNT, max_frames_in_mem),
        PATH(manifest, "dataset", dataset),
        PATH(manifest, "video_plugin", video_plugin),
    };
    yaml_seen seen;
    manifest *m = base;
    m->has_episode = true;
    yaml_bind(r, node, KEYS, COUNT(KEYS), base, where, &seen);
    if (m->max_frames_in_mem > UINT32_MAX || (seen.line[0] && m->max_frames_in_mem == 0)) {
        complain(r->bad, r->file, seen.line[0], where, "'max_frames_in_mem' is at least 1");
    }
}

enum { ROOT_BUDGET = 1, ROOT_ENGINES = 5, ROOT_LIBRARY = 4 };
static const yaml_key ROOT_KEYS[] = {
    TEXT(manifest, "name", name),
    [ROOT_BUDGET] = NODE("budget", read_budget),
    CHOICE(manifest, "order", ORDERS, order),
    NODE("host", read_host),
    [ROOT_LIBRARY] = NODE("library", read_library),
    [ROOT_ENGINES] = NODE("engines", read_engines),
    NODE("framework", read_framework),
    NODE("episode", read_episode),
    NODE("pressure", read_pressure),
};

/* With every backend named and none of them ONNX Runtime, nothing would read its path. */
static bool reads_onnxruntime(const manifest *m)
{
    for (size_t i = 0; i < m->engine_count; i++) {
        if (!m->engines[i].backend[0] || strcmp(m->engines[i].backend, "onnxruntime") == 0) {
            return true;
        }
    }
    return false;
}

static void read_root(yaml_reader *r, yaml_node_t *root, manifest *m)
{
    yaml_seen seen;
    yaml_bind(r, root, ROOT_KEYS, COUNT(ROOT_KEYS), m, "", &seen);
    if (!seen.line[ROOT_BUDGET]) {
        complain(r->bad, r->file, 1, "budget", "missing; without it there is no load line");
    }
    if (m->engine_count == 0) {
        complain(r->bad, r->file, seen.line[ROOT_ENGINES] ? seen.line[ROOT_ENGINES] : 1, "engines",
                 "at least one engine is wanted");
    } else if (m->onnxruntime[0] && !reads_onnxruntime(m)) {
        complain(r->bad, r->file, seen.line[ROOT_LIBRARY], "library.onnxruntime",
                 "nothing reads this: no engine runs on it");
    }
}

/* How deep brackets and indicators nest; a parser's time grows with the square of it. */
static bool is_shallow(const char *text, size_t bytes, uint32_t *line)
{
    size_t depth = 0, indicators = 0;
    *line = 1;
    for (size_t i = 0; i < bytes && depth <= NESTING_MAX && indicators <= NESTING_MAX; i++) {
        char c = text[i];
        depth += c == '[' || c == '{';
        depth -= depth && (c == ']' || c == '}');
        bool is_last = i + 1 == bytes || text[i + 1] == ' ' || text[i + 1] == '\n';
        indicators += (c == '-' || c == '?') && is_last;
        if (c == '\n') {
            (*line)++;
            indicators = 0;
        }
    }
    return depth <= NESTING_MAX && indicators <= NESTING_MAX;
}

static void complain_parser(complaints *bad, const char *file, const yaml_parser_t *parser,
                            const char *text, size_t bytes)
{
    size_t at = parser->problem_mark.index;
    uint32_t line = (uint32_t)parser->problem_mark.line + 1;
    const char *problem = parser->problem ? parser->problem : "not YAML";
    bool is_tab = at < bytes && text[at] == '\t';
    complain(bad, file, line, "", "%s%s", problem,
             is_tab ? "; a tab does not indent, use spaces" : "");
}

/* What stands behind a "---" would not be read. */
static void hold_to_one(yaml_reader *r, yaml_parser_t *parser, const char *text, size_t bytes)
{
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second)) {
        complain_parser(r->bad, r->file, parser, text, bytes);
        return;
    }
    if (yaml_document_get_root_node(&second)) {
        complain(r->bad, r->file, (uint32_t)second.start_mark.line + 1, "",
                 "a second document; a manifest is one");
    }
    yaml_document_delete(&second);
}

bool manifest_parse(const char *text, size_t bytes, const char *path, const char *folder,
                    manifest *out, complaints *bad)
{
    yaml_parser_t parser;
    yaml_document_t document;
    const char *slash = strrchr(path, '/');
    yaml_reader r = {
        .document = &document, .file = slash ? slash + 1 : path, .folder = folder, .bad = bad};
    memset(bad, 0, sizeof(*bad));
    memset(out, 0, sizeof(*out));
    snprintf(out->path, sizeof(out->path), "%s", path);
    snprintf(out->folder, sizeof(out->folder), "%s", folder);
    out->seal = PLIM_SEAL_REFUSE;
    if (!yaml_parser_initialize(&parser)) {
        complain(bad, r.file, 1, "", "no memory to parse it");
        return false;
    }
    uint32_t line;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    if (!is_shallow(text, bytes, &line)) {
        complain(bad, r.file, line, "", "nested deeper than %u", NESTING_MAX);
    } else if (!yaml_parser_load(&parser, &document)) {
        complain_parser(bad, r.file, &parser, text, bytes);
    } else {
        yaml_node_t *root = yaml_document_get_root_node(&document);
        if (root) {
            read_root(&r, root, out);
            hold_to_one(&r, &parser, text, bytes);
        } else {
            complain(bad, r.file, 1, "", "the file is empty");
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return bad->count == 0;
}

bool manifest_read(const char *path, manifest *out, complaints *bad)
{
    static char text[1 << 20];
    char folder[MANIFEST_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    memset(bad, 0, sizeof(*bad));
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    FILE *f = fopen(path, "rb");
    if (!f) {
        complain(bad, path, 0, "", "%s", strerror(errno));
        return false;
    }
    size_t bytes = fread(text, 1, sizeof(text), f);
    int number = ferror(f) ? errno : 0;
    bool is_whole = feof(f) && !number;
    fclose(f);
    if (!is_whole) {
        complain(bad, path, 0, "", "%s", number ? strerror(number) : "larger than 1 MiB");
        return false;
    }
    return manifest_parse(text, bytes, path, folder, out, bad);
}
