/* SPDX-License-Identifier: Apache-2.0 */
/* pytorch_conf.c - "key:value,key:[a:b,c:d]" as PyTorch's caching allocator reads it.
 *
 * Decides what PyTorch would make of the text, and names the first key it would not know and the
 * first value it would refuse; either of them makes PyTorch fail when it first touches the device.
 * Reading goes on behind such a fault where the shape of the text allows, so that one look shows
 * the rest.
 *
 * The grammar is that of c10/core/AllocatorConfig and c10/cuda/CUDAAllocatorConfig (PyTorch 2.0 to
 * 2.12): tokens are , : [ ] and whatever lies between them without its white space; a comma may
 * stand at the end; flags are True and False and nothing else; numbers end at the first byte that
 * is none ("512MB" is 512). Keys are those of all these releases together, because a text does not
 * say which release will read it.
 */
#include <ctype.h>
#include <string.h>

#include "arena/bytes.h"
#include "platform/settings/allocator_settings.h"

#define TOKEN_BYTES       96u
#define LEAST_SPLIT_MIB   20u  /* a large segment */
#define MOST_THREADS      128u /* that register pinned memory */
#define LEAST_SEGMENT_MIB 10u

typedef struct tokens {
    const char *at;
    char text[TOKEN_BYTES]; /* of the current one; "" at the end */
    bool is_cut;
} tokens;

static bool is_mark(char c)
{
    return c == ',' || c == ':' || c == '[' || c == ']';
}

/* Steps to the next token; false at the end. */
static bool next_token(tokens *t)
{
    size_t n = 0;
    t->is_cut = false;
    while (*t->at && !(n && is_mark(*t->at))) {
        char c = *t->at++;
        if (isspace((unsigned char)c)) {
            continue;
        }
        t->is_cut = t->is_cut || n + 1 >= sizeof(t->text);
        if (!t->is_cut) {
            t->text[n++] = c;
        }
        if (is_mark(c)) {
            break;
        }
    }
    t->text[n] = 0;
    return n > 0;
}

static bool is_token(const tokens *t, const char *text)
{
    return !t->is_cut && strcmp(t->text, text) == 0;
}

/* Would the next token be this mark? Then it is taken. */
static bool take_mark(tokens *t, char mark)
{
    while (isspace((unsigned char)*t->at)) {
        t->at++;
    }
    bool is_there = *t->at == mark;
    t->at += is_there;
    return is_there;
}

/* The token behind a ':', unless another mark stands in its place; a list begins with one. */
static bool take_value_token(tokens *t)
{
    if (!take_mark(t, ':')) {
        return false;
    }
    while (isspace((unsigned char)*t->at)) {
        t->at++;
    }
    return (*t->at == '[' || !is_mark(*t->at)) && next_token(t);
}

/* ---- values ---- */

typedef enum value_kind {
    VALUE_FLAG,
    VALUE_MIB,       /* from a least one up */
    VALUE_SHARE,     /* inside (0, 1) */
    VALUE_FRACTION,  /* inside (0, 1] */
    VALUE_DIVISIONS, /* a power of two, or a list of them by size */
    VALUE_BACKEND,
    VALUE_THREADS, /* a power of two */
} value_kind;

typedef struct conf_key {
    const char *name;
    value_kind kind;
    uint32_t least;
    plim_fact_id fact; /* PLIM_FACT_COUNT: only checked */
    bool is_native;    /* the cudaMallocAsync backend does not read it */
} conf_key;

#define NO_FACT PLIM_FACT_COUNT
static const conf_key KEYS[] = {
    {"max_split_size_mb", VALUE_MIB, LEAST_SPLIT_MIB, PLIM_FACT_PYTORCH_SPLIT, true},
    {"max_non_split_rounding_mb", VALUE_MIB, LEAST_SPLIT_MIB, NO_FACT, true},
    {"garbage_collection_threshold", VALUE_SHARE, 0, PLIM_FACT_PYTORCH_THRESHOLD, true},
    {"roundup_power2_divisions", VALUE_DIVISIONS, 0, PLIM_FACT_PYTORCH_ROUNDUP, true},
    {"expandable_segments", VALUE_FLAG, 0, PLIM_FACT_PYTORCH_EXPANDABLE, true},
    {"per_process_memory_fraction", VALUE_FRACTION, 0, PLIM_FACT_PYTORCH_FRACTION, true},
    {"backend", VALUE_BACKEND, 0, PLIM_FACT_PYTORCH_BACKEND, false},
    {"large_segment_size_mb", VALUE_MIB, LEAST_SEGMENT_MIB + 1, NO_FACT, true},
    {"release_lock_on_cudamalloc", VALUE_FLAG, 0, NO_FACT, true},
    {"release_lock_on_hipmalloc", VALUE_FLAG, 0, NO_FACT, true},
    {"throw_on_cudamalloc_oom", VALUE_FLAG, 0, NO_FACT, true},
    {"graph_capture_record_stream_reuse", VALUE_FLAG, 0, NO_FACT, true},
    {"pinned_use_cuda_host_register", VALUE_FLAG, 0, NO_FACT, true},
    {"pinned_use_hip_host_register", VALUE_FLAG, 0, NO_FACT, true},
    {"pinned_num_register_threads", VALUE_THREADS, 0, NO_FACT, true},
    {"pinned_reserve_segment_size_mb", VALUE_MIB, 1, NO_FACT, true},
    {"pinned_use_background_threads", VALUE_FLAG, 0, NO_FACT, false},
    {"pinned_free_catch_all", VALUE_FLAG, 0, NO_FACT, false},
};

static const conf_key *find_key(const tokens *t)
{
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        if (is_token(t, KEYS[i].name)) {
            return &KEYS[i];
        }
    }
    return NULL;
}

/* Digits in front, as std::stoull takes them; a sign is nobody's intention and refused. */
static bool read_count(const tokens *t, uint64_t *out)
{
    return !t->is_cut && plim_digits_read(t->text, out) != NULL;
}

/* A decimal number in front; not by strtod, whose decimal point follows the locale. */
static bool read_real(const tokens *t, double *out)
{
    double unit = 1.0;
    size_t digits = 0;
    bool is_behind = false;
    *out = 0.0;
    for (const char *p = t->text; isdigit((unsigned char)*p) || (*p == '.' && !is_behind); p++) {
        if (*p == '.') {
            is_behind = true;
            continue;
        }
        unit = is_behind ? unit / 10.0 : unit;
        *out = is_behind ? *out + (*p - '0') * unit : *out * 10.0 + (*p - '0');
        digits++;
    }
    return digits > 0 && !t->is_cut;
}

static bool take_count(const conf_key *key, const tokens *t, const char *source, plim_facts *facts)
{
    uint64_t n;
    uint64_t bytes;
    if (!read_count(t, &n) || n < key->least) {
        return false;
    }
    if (key->kind == VALUE_THREADS) {
        return bytes_is_power_of_two(n) && n <= MOST_THREADS;
    }
    if (!bytes_mul(n, UINT64_C(1) << 20, &bytes)) {
        bytes = UINT64_MAX;
    }
    plim_setting_number(facts, key->fact, bytes, source);
    return true;
}

static bool take_real(const conf_key *key, const tokens *t, const char *source, plim_facts *facts)
{
    double x;
    char text[TOKEN_BYTES];
    if (!read_real(t, &x) || !(x > 0.0) || x > 1.0 || (key->kind == VALUE_SHARE && x == 1.0)) {
        return false;
    }
    snprintf(text, sizeof(text), "%.*s", (int)strspn(t->text, "0123456789."), t->text);
    plim_setting_text(facts, key->fact, text, source);
    return true;
}

static bool take_flag(const conf_key *key, const tokens *t, const char *source, plim_facts *facts)
{
    bool yes = is_token(t, "True");
    if (!yes && !is_token(t, "False")) {
        return false;
    }
    plim_setting_number(facts, key->fact, yes, source);
    return true;
}

static bool take_backend(const conf_key *key, const tokens *t, const char *source,
                         plim_facts *facts)
{
    if (!is_token(t, "native") && !is_token(t, "cudaMallocAsync") &&
        !is_token(t, "hipMallocAsync")) {
        return false;
    }
    plim_setting_text(facts, key->fact, t->text, source);
    return true;
}

/* "256:1,512:2,>:8]" behind the bracket; each size and each count of divisions is a power of two,
 * and no divisions (0) turn rounding off. Stands behind the ']' afterwards, whatever was wrong. */
static bool take_list(tokens *t)
{
    bool is_right = true;
    while (next_token(t) && !is_token(t, "]")) {
        uint64_t n;
        bool is_rest = is_token(t, ">");
        is_right = is_right && (is_rest || (read_count(t, &n) && bytes_is_power_of_two(n)));
        is_right = take_mark(t, ':') && is_right;
        bool has_value = next_token(t) && !is_mark(t->text[0]);
        is_right =
            is_right && has_value && read_count(t, &n) && (n == 0 || bytes_is_power_of_two(n));
        if (is_token(t, "]")) {
            return false;
        }
        take_mark(t, ',');
    }
    return is_right && is_token(t, "]");
}

static bool take_divisions(const conf_key *key, tokens *t, const char *source, plim_facts *facts)
{
    char text[PLIM_FACT_TEXT_BYTES];
    const char *start = t->at - 1;
    uint64_t n;
    size_t used = 0;
    if (!is_token(t, "[")) {
        if (!read_count(t, &n) || !bytes_is_power_of_two(n)) {
            return false;
        }
        plim_setting_text(facts, key->fact, t->text, source);
        return true;
    }
    if (!take_list(t)) {
        return false;
    }
    for (const char *p = start; p < t->at && used + 1 < sizeof(text); p++) {
        text[used] = *p;
        used += !isspace((unsigned char)*p);
    }
    text[used] = 0;
    plim_setting_text(facts, key->fact, text, source);
    return true;
}

static bool take_value(const conf_key *key, tokens *t, const char *source, plim_facts *facts)
{
    switch (key->kind) {
    case VALUE_FLAG:
        return take_flag(key, t, source, facts);
    case VALUE_MIB:
    case VALUE_THREADS:
        return take_count(key, t, source, facts);
    case VALUE_SHARE:
    case VALUE_FRACTION:
        return take_real(key, t, source, facts);
    case VALUE_BACKEND:
        return take_backend(key, t, source, facts);
    case VALUE_DIVISIONS:
        return take_divisions(key, t, source, facts);
    }
    return false;
}

/* ---- the whole text ---- */

static void note_refused(plim_facts *facts, const char *key, const char *value, const char *source)
{
    char text[2 * TOKEN_BYTES + 2];
    snprintf(text, sizeof(text), "%s:%s", key, value);
    plim_facts_set_text(facts, PLIM_FACT_PYTORCH_REFUSED, text, PLIM_CONFIDENCE_READ, source);
}

/* To the comma behind the value of a key that is not known; a list is one value. */
static void skip_value(tokens *t)
{
    bool is_list = false;
    for (const char *p = t->at; *p; p++) {
        is_list = (is_list || *p == '[') && *p != ']';
        if (*p == ',' && !is_list) {
            t->at = p;
            return;
        }
    }
    t->at += strlen(t->at);
}

static void read_pair(tokens *t, const char *source, plim_facts *facts)
{
    const conf_key *key = find_key(t);
    char value[TOKEN_BYTES] = "";
    if (!key) {
        plim_facts_set_text(facts, PLIM_FACT_PYTORCH_UNKNOWN, t->text, PLIM_CONFIDENCE_READ,
                            source);
        skip_value(t);
        return;
    }
    if (key->is_native) {
        plim_facts_set_text(facts, PLIM_FACT_PYTORCH_NATIVE_ONLY, key->name, PLIM_CONFIDENCE_READ,
                            source);
    }
    bool has_value = take_value_token(t);
    if (has_value) {
        memcpy(value, t->text, sizeof(value));
    }
    if (!has_value || !take_value(key, t, source, facts)) {
        note_refused(facts, key->name, value, source);
        skip_value(t);
    }
}

void plim_pytorch_conf_read(const char *text, const char *source, plim_facts *facts)
{
    tokens t = {.at = text};
    while (next_token(&t)) {
        read_pair(&t, source, facts);
        if (!take_mark(&t, ',') && next_token(&t)) { /* "a:1 b:2": the comma is missing */
            note_refused(facts, "a comma before", t.text, source);
            skip_value(&t);
            take_mark(&t, ',');
        }
    }
}
