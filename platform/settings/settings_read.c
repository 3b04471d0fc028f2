/* SPDX-License-Identifier: Apache-2.0 */
/* settings_read.c - which variables are allocator settings, and where they may come from.
 *
 * Decides which of two variables counts where a framework has several: PyTorch reads
 * PYTORCH_CUDA_ALLOC_CONF first and its later name PYTORCH_ALLOC_CONF only without it
 * (c10/core/AllocatorConfig.cpp, although its header says the opposite). An environment is read
 * variable by variable through one buffer of this file's own, which is wiped afterwards: what is
 * no setting of an allocator is never copied out of it.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/settings/allocator_settings.h"

/* ---- notes ---- */

static void make_way(plim_facts *facts, plim_fact_id fact)
{
    const plim_fact *f = plim_facts_get(facts, fact);
    if (f && f->confidence < PLIM_CONFIDENCE_GIVEN) {
        plim_facts_forget(facts, fact);
    }
}

void plim_setting_number(plim_facts *facts, plim_fact_id fact, uint64_t number, const char *source)
{
    make_way(facts, fact);
    plim_facts_set_number(facts, fact, number, PLIM_CONFIDENCE_READ, source);
}

void plim_setting_text(plim_facts *facts, plim_fact_id fact, const char *text, const char *source)
{
    make_way(facts, fact);
    plim_facts_set_text(facts, fact, text, PLIM_CONFIDENCE_READ, source);
}

const char *plim_digits_read(const char *text, uint64_t *out)
{
    uint64_t n;
    if (*text < '0' || *text > '9' || !plim_parse_u64(text, &n)) {
        return NULL;
    }
    *out = n;
    return text + strspn(text, "0123456789");
}

/* ---- one variable each ---- */

/* In the order in which PyTorch looks for them. */
static const char *const PYTORCH_VARIABLES[] = {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF",
                                                "PYTORCH_ALLOC_CONF"};
#define PYTORCH_COUNT (sizeof(PYTORCH_VARIABLES) / sizeof(PYTORCH_VARIABLES[0]))

static size_t pytorch_rank(const char *name)
{
    size_t i = 0;
    while (i < PYTORCH_COUNT && strcmp(PYTORCH_VARIABLES[i], name) != 0) {
        i++;
    }
    return i;
}

static void take_pytorch(plim_facts *facts, const char *name, const char *value)
{
    static const plim_fact_id OF_CONF[] = {
        PLIM_FACT_PYTORCH_CONF,    PLIM_FACT_PYTORCH_EXPANDABLE, PLIM_FACT_PYTORCH_THRESHOLD,
        PLIM_FACT_PYTORCH_SPLIT,   PLIM_FACT_PYTORCH_ROUNDUP,    PLIM_FACT_PYTORCH_BACKEND,
        PLIM_FACT_PYTORCH_REFUSED, PLIM_FACT_PYTORCH_UNKNOWN,    PLIM_FACT_PYTORCH_NATIVE_ONLY,
        PLIM_FACT_PYTORCH_FRACTION};
    const char *now = plim_facts_text(facts, PLIM_FACT_PYTORCH_CONF);
    if (now[0] && strcmp(now, name) == 0) {
        return; /* twice in one environment: getenv finds the first */
    }
    if (now[0] && pytorch_rank(now) < pytorch_rank(name)) {
        plim_setting_text(facts, PLIM_FACT_PYTORCH_CONF_UNREAD, name, name);
        return;
    }
    if (now[0]) {
        char hidden[PLIM_FACT_TEXT_BYTES];
        memcpy(hidden, now, sizeof(hidden));
        plim_setting_text(facts, PLIM_FACT_PYTORCH_CONF_UNREAD, hidden, hidden);
    }
    for (size_t i = 0; i < sizeof(OF_CONF) / sizeof(OF_CONF[0]); i++) {
        make_way(facts, OF_CONF[i]);
    }
    plim_setting_text(facts, PLIM_FACT_PYTORCH_CONF, name, name);
    plim_pytorch_conf_read(value, name, facts);
}

/* PyTorch asks whether it is there, not what it says: "0" turns caching off too. */
static void take_no_caching(plim_facts *facts, const char *name, const char *value)
{
    (void)value;
    plim_setting_number(facts, PLIM_FACT_PYTORCH_NO_CACHING, 1, name);
}

static void take_preload(plim_facts *facts, const char *name, const char *value)
{
    static const char *const KNOWN[] = {"jemalloc", "tcmalloc", "mimalloc", "hoard", "snmalloc"};
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (strstr(value, KNOWN[i])) {
            plim_setting_text(facts, PLIM_FACT_MALLOC_LIBRARY, KNOWN[i], name);
            return;
        }
    }
}

static void take_loading(plim_facts *facts, const char *name, const char *value)
{
    plim_setting_text(facts, PLIM_FACT_CUDA_LAZY, value, name);
}

/* CUDA takes devices up to the first number that is none. */
static void take_devices(plim_facts *facts, const char *name, const char *value)
{
    bool hides_all = value[0] == 0 || strncmp(value, "-1", 2) == 0;
    plim_setting_text(facts, PLIM_FACT_CUDA_DEVICES, hides_all ? "none" : value, name);
}

static void take_workspace(plim_facts *facts, const char *name, const char *value)
{
    uint64_t bytes;
    const char *end = plim_digits_read(value, &bytes);
    if (end && !*end) {
        plim_setting_number(facts, PLIM_FACT_TRT_WORKSPACE, bytes, name);
    }
}

static void take_tunables(plim_facts *facts, const char *name, const char *value)
{
    (void)name;
    plim_tunables_read(value, facts);
}

static const struct {
    const char *name;
    void (*take)(plim_facts *facts, const char *name, const char *value);
} VARIABLES[] = {
    {"PYTORCH_CUDA_ALLOC_CONF", take_pytorch},
    {"PYTORCH_HIP_ALLOC_CONF", take_pytorch},
    {"PYTORCH_ALLOC_CONF", take_pytorch},
    {"PYTORCH_NO_CUDA_MEMORY_CACHING", take_no_caching},
    {"LD_PRELOAD", take_preload},
    {"CUDA_MODULE_LOADING", take_loading},
    {"CUDA_VISIBLE_DEVICES", take_devices},
    {"ORT_TENSORRT_MAX_WORKSPACE_SIZE", take_workspace},
    {"GLIBC_TUNABLES", take_tunables},
};
#define VARIABLE_COUNT (sizeof(VARIABLES) / sizeof(VARIABLES[0]))

const char *plim_settings_variable(size_t index)
{
    return index < VARIABLE_COUNT ? VARIABLES[index].name
                                  : plim_malloc_variable(index - VARIABLE_COUNT);
}

static void take(plim_facts *facts, const char *name, const char *value)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (strcmp(VARIABLES[i].name, name) == 0) {
            VARIABLES[i].take(facts, name, value);
            return;
        }
    }
    (void)plim_malloc_variable_read(name, value, facts);
}

/* ---- where they come from ---- */

void plim_settings_read(plim_facts *facts, plim_settings_lookup lookup, void *context,
                        const char *of)
{
    const char *name, *value;
    if (!facts || !lookup) {
        return;
    }
    plim_setting_text(facts, PLIM_FACT_SETTINGS_OF, of && of[0] ? of : "environment", "");
    for (size_t i = 0; (name = plim_settings_variable(i)); i++) {
        value = lookup(context, name);
        if (value) {
            take(facts, name, value);
        }
    }
}

/* NAME=value in place: the value of a variable that is one of ours, else NULL. */
static char *split(char *entry)
{
    const char *name;
    char *equal = strchr(entry, '=');
    if (!equal) {
        return NULL;
    }
    *equal = 0;
    for (size_t i = 0; (name = plim_settings_variable(i)); i++) {
        if (strcmp(name, entry) == 0) {
            return equal + 1;
        }
    }
    return NULL;
}

/* Whatever stood in the buffer goes, also where a compiler sees that nobody reads it again. */
static void wipe(plim_lines *lines)
{
    plim_lines_close(lines);
    explicit_bzero(lines->buffer, sizeof(lines->buffer));
}

plim_status plim_settings_read_process(const char *root, uint32_t pid, plim_facts *facts,
                                       plim_error *err)
{
    char path[48] = "proc/self/environ", of[32] = "environment";
    plim_lines lines;
    if (!facts) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "facts");
    }
    if (pid) {
        snprintf(path, sizeof(path), "proc/%u/environ", (unsigned)pid);
        snprintf(of, sizeof(of), "process %u", (unsigned)pid);
    }
    PLIM_TRY(plim_lines_open(root, path, &lines, err));
    lines.separator = 0;
    plim_setting_text(facts, PLIM_FACT_SETTINGS_OF, of, path);
    for (char *entry; (entry = plim_lines_next(&lines));) {
        char *value = split(entry);
        if (value && !lines.cutting) {
            take(facts, entry, value);
        }
    }
    wipe(&lines);
    return PLIM_OK;
}

static char *skip_blanks(char *text)
{
    return text + strspn(text, " \t");
}

/* "export NAME='value'" without what a shell would take off. */
static void strip(char **entry)
{
    char *text = skip_blanks(*entry);
    if (strncmp(text, "export ", 7) == 0) {
        text = skip_blanks(text + 7);
    }
    size_t n = strlen(text);
    while (n && (text[n - 1] == '\r' || text[n - 1] == ' ' || text[n - 1] == '\t')) {
        text[--n] = 0;
    }
    char *value = strchr(text, '=');
    size_t value_bytes = value ? n - (size_t)(value + 1 - text) : 0;
    if (value_bytes >= 2 && (value[1] == '"' || value[1] == '\'') && text[n - 1] == value[1]) {
        text[n - 1] = 0;
        memmove(value + 1, value + 2, value_bytes - 1);
    }
    *entry = text;
}

plim_status plim_settings_read_file(const char *path, plim_facts *facts, plim_error *err)
{
    plim_lines lines;
    if (!facts || !path) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "path and facts");
    }
    bool is_absolute = path[0] == '/';
    PLIM_TRY(plim_lines_open(is_absolute ? "" : ".", path + is_absolute, &lines, err));
    plim_setting_text(facts, PLIM_FACT_SETTINGS_OF, path, path);
    for (char *entry; (entry = plim_lines_next(&lines));) {
        bool is_cut = lines.cutting;
        strip(&entry);
        char *value = entry[0] == '#' ? NULL : split(entry);
        if (value && !is_cut) {
            take(facts, entry, value);
        }
    }
    wipe(&lines);
    return PLIM_OK;
}

/* ---- options that are passed in code ---- */

typedef enum option_kind { OPTION_BYTES, OPTION_FLAG, OPTION_STRATEGY, OPTION_TEXT } option_kind;

static const struct {
    const char *name;
    option_kind kind;
    plim_fact_id fact;
    bool is_ort;
} OPTIONS[] = {
    {"arena_extend_strategy", OPTION_STRATEGY, PLIM_FACT_ORT_ARENA, true},
    {"gpu_mem_limit", OPTION_BYTES, PLIM_FACT_ORT_LIMIT, true},
    {"enable_mem_pattern", OPTION_FLAG, PLIM_FACT_ORT_MEMORY_PATTERN, true},
    {"trt_max_workspace_size", OPTION_BYTES, PLIM_FACT_TRT_WORKSPACE, true},
    {"workspace", OPTION_BYTES, PLIM_FACT_TRT_WORKSPACE, false},
    {"memory_fraction", OPTION_TEXT, PLIM_FACT_PYTORCH_FRACTION, false},
    {"torch_version", OPTION_TEXT, PLIM_FACT_PYTORCH_RELEASE, false},
};
#define OPTION_COUNT (sizeof(OPTIONS) / sizeof(OPTIONS[0]))

static const char *strategy_of(const char *value)
{
    static const char *const NAMES[] = {"kNextPowerOfTwo", "kSameAsRequested"};
    for (size_t i = 0; i < 2; i++) {
        const char number[] = {(char)('0' + i), 0};
        if (strcmp(value, NAMES[i]) == 0 || strcmp(value, number) == 0) {
            return NAMES[i];
        }
    }
    return NULL;
}

/* The value as it will be noted; false when it is none. */
static bool read_option(option_kind kind, const char *value, const char **text, uint64_t *n)
{
    const char *end;
    *text = value;
    switch (kind) {
    case OPTION_BYTES:
        end = plim_digits_read(value, n);
        return end && !*end;
    case OPTION_FLAG:
        *n = strcmp(value, "1") == 0 || strcmp(value, "true") == 0 || strcmp(value, "True") == 0;
        return *n || strcmp(value, "0") == 0 || strcmp(value, "false") == 0 ||
               strcmp(value, "False") == 0;
    case OPTION_STRATEGY:
        *text = strategy_of(value);
        return *text != NULL;
    case OPTION_TEXT:
        return value[0] >= '0' && value[0] <= '9';
    }
    return false;
}

static void note_option(plim_facts *facts, size_t i, const char *text, uint64_t n)
{
    bool is_text = OPTIONS[i].kind == OPTION_STRATEGY || OPTIONS[i].kind == OPTION_TEXT;
    plim_facts_forget(facts, OPTIONS[i].fact);
    if (is_text) {
        plim_facts_set_text(facts, OPTIONS[i].fact, text, PLIM_CONFIDENCE_GIVEN, OPTIONS[i].name);
    } else {
        plim_facts_set_number(facts, OPTIONS[i].fact, n, PLIM_CONFIDENCE_GIVEN, OPTIONS[i].name);
    }
    if (OPTIONS[i].is_ort) { /* its default, known as soon as somebody speaks of it */
        plim_facts_set_text(facts, PLIM_FACT_ORT_ARENA, "kNextPowerOfTwo", PLIM_CONFIDENCE_TABLE,
                            "ONNX Runtime's default");
    }
}

plim_status plim_settings_note(plim_facts *facts, const char *name, const char *value,
                               plim_error *err)
{
    static const char *const WANTED[] = {"a number of bytes", "0 or 1, true or false",
                                         "kNextPowerOfTwo or kSameAsRequested", "a number"};
    const char *text;
    uint64_t n = 0;
    if (!facts || !name || !value) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "facts, name and value");
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(OPTIONS[i].name, name) != 0) {
            continue;
        }
        if (!read_option(OPTIONS[i].kind, value, &text, &n)) {
            return plim_error_set(err, PLIM_E_FORMAT, "option of a framework", name,
                                  WANTED[OPTIONS[i].kind], value);
        }
        note_option(facts, i, text, n);
        return PLIM_OK;
    }
    return plim_error_set(err, PLIM_E_NOT_FOUND, "option of a framework", name,
                          "arena_extend_strategy, gpu_mem_limit, enable_mem_pattern, "
                          "trt_max_workspace_size, ...",
                          name);
}
