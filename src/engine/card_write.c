/* SPDX-License-Identifier: Apache-2.0 */
/* card_write.c - an identity card as JSON, the same bytes for the same card.
 *
 * Keys stand in one fixed order and unset parts are left out. Whatever a card holds that
 * card_read would refuse is refused here first: a text without its NUL or outside printable
 * ASCII, a number above INT64_MAX, a bad name. So parse(format(card)) == card.
 */
#include <inttypes.h>
#include <string.h>

#include "src/engine/card.h"
#include "src/engine/printable.h"

typedef plim_text_sink sink;

static plim_status refuse(const char *field, const char *wanted, plim_error *err)
{
    return plim_error_set(err, PLIM_E_FORMAT, "identity card", field, wanted, NULL);
}

/* A printable text of at most @bytes - 1, escaped for JSON. */
static plim_status say_text(sink *to, const char *field, const char *text, size_t bytes,
                            plim_error *err)
{
    size_t n = strnlen(text, bytes);
    if (n == bytes || (n && !plim_text_is_plain(text, n))) {
        return refuse(field, "printable ASCII with an end", err);
    }
    plim_text_say(to, "\"");
    for (size_t i = 0; i < n; i++) {
        plim_text_say(to, text[i] == '"' || text[i] == '\\' ? "\\%c" : "%c", text[i]);
    }
    plim_text_say(to, "\"");
    return PLIM_OK;
}

/* Puts a comma between the members of one object, and its braces around them. */
typedef struct part {
    sink *to;
    const char *key;
    bool open;
    plim_error *err;
} part;

static void next_member(part *p, const char *key)
{
    if (!p->open) {
        plim_text_say(p->to, ",\n  \"%s\": {", p->key);
        p->open = true;
    } else {
        plim_text_say(p->to, ", ");
    }
    plim_text_say(p->to, "\"%s\": ", key);
}

static plim_status text_member(part *p, const char *key, const char *text, size_t bytes)
{
    if (!text[0]) {
        return PLIM_OK;
    }
    next_member(p, key);
    return say_text(p->to, key, text, bytes, p->err);
}

static plim_status number_member(part *p, const char *key, uint64_t number, uint64_t limit)
{
    if (number > limit) {
        return PLIM_FAIL(p->err, PLIM_E_RANGE, .what = "identity card number", .want = number,
                         .limit = limit);
    }
    if (number) {
        next_member(p, key);
        plim_text_say(p->to, "%" PRIu64, number);
    }
    return PLIM_OK;
}

static void digest_member(part *p, const char *key, bool has, const uint8_t *digest)
{
    char hex[PLIM_DIGEST_TEXT_BYTES];
    if (has) {
        plim_text_hex(hex, digest, PLIM_DIGEST_BYTES);
        next_member(p, key);
        plim_text_say(p->to, "\"%s\"", hex);
    }
}

static void end_part(part *p)
{
    if (p->open) {
        plim_text_say(p->to, "}");
    }
}

static plim_status say_target(sink *to, const plim_card *c, plim_error *err)
{
    part p = {to, "target", false, err};
    PLIM_TRY(number_member(&p, "sm", c->sm, 9999));
    PLIM_TRY(text_member(&p, "gpu", c->gpu_name, sizeof(c->gpu_name)));
    PLIM_TRY(number_member(&p, "multiprocessors", c->multiprocessors, 65535));
    PLIM_TRY(number_member(&p, "memory_bytes", c->board_memory_bytes, INT64_MAX));
    PLIM_TRY(text_member(&p, "jetpack", c->jetpack, sizeof(c->jetpack)));
    PLIM_TRY(text_member(&p, "l4t", c->l4t, sizeof(c->l4t)));
    PLIM_TRY(text_member(&p, "tensorrt", c->tensorrt, sizeof(c->tensorrt)));
    end_part(&p);
    return PLIM_OK;
}

/* The table of bytes by type, as an object inside "precision". */
static plim_status say_weights(part *p, const plim_weights *w)
{
    bool is_first = true;
    if (!w->is_known) {
        return PLIM_OK;
    }
    next_member(p, "bytes");
    for (unsigned i = 1; i <= PLIM_WEIGHT_TYPES; i++) {
        unsigned type = i % PLIM_WEIGHT_TYPES; /* types without a number last */
        const char *name = type ? plim_dtype_name((plim_dtype)type) : "other";
        if (w->bytes[type] > INT64_MAX ||
            (w->bytes[type] && type && !plim_dtype_bits((plim_dtype)type))) {
            return refuse("precision.bytes", "known types", p->err);
        }
        if (w->bytes[type]) {
            plim_text_say(p->to, "%s\"%s\": %" PRIu64, is_first ? "{" : ", ", name, w->bytes[type]);
            is_first = false;
        }
    }
    plim_text_say(p->to, is_first ? "{}" : "}");
    return PLIM_OK;
}

static plim_status say_build(sink *to, const plim_card *c, plim_error *err)
{
    part p = {to, "precision", false, err};
    PLIM_TRY(text_member(&p, "asked", c->precision_asked, sizeof(c->precision_asked)));
    PLIM_TRY(text_member(&p, "found", c->precision_found, sizeof(c->precision_found)));
    PLIM_TRY(text_member(&p, "default", c->precision_default, sizeof(c->precision_default)));
    PLIM_TRY(say_weights(&p, &c->weights));
    end_part(&p);
    if ((unsigned)c->build > PLIM_BUILD_PORTABLE) {
        return refuse("build.kind", "a known kind", err);
    }
    part b = {to, "build", false, err};
    next_member(&b, "kind");
    plim_text_say(to, "\"%s\"", plim_build_kind_name(c->build));
    PLIM_TRY(text_member(&b, "board", c->built_on, sizeof(c->built_on)));
    PLIM_TRY(text_member(&b, "power_mode", c->power_mode, sizeof(c->power_mode)));
    if (c->version_compatible) {
        next_member(&b, "version_compatible");
        plim_text_say(to, "true");
    }
    PLIM_TRY(number_member(&b, "free_bytes", c->build_free_bytes, INT64_MAX));
    end_part(&b);
    return PLIM_OK;
}

static plim_status say_numbers(sink *to, const plim_card *c, plim_error *err)
{
    part m = {to, "memory", false, err};
    PLIM_TRY(number_member(&m, "resident_bytes", c->resident_bytes, INT64_MAX));
    PLIM_TRY(number_member(&m, "load_extra_bytes", c->load_extra_bytes, INT64_MAX));
    PLIM_TRY(number_member(&m, "activation_bytes", c->activation_bytes, INT64_MAX));
    PLIM_TRY(number_member(&m, "session_bytes", c->session_bytes, INT64_MAX));
    end_part(&m);
    part d = {to, "sha256", false, err};
    digest_member(&d, "source", c->has_source_sha256, c->source_sha256);
    digest_member(&d, "calibration", c->has_calibration_sha256, c->calibration_sha256);
    digest_member(&d, "dataset", c->has_dataset_sha256, c->dataset_sha256);
    end_part(&d);
    part p = {to, "payload", false, err};
    PLIM_TRY(number_member(&p, "bytes", c->payload_bytes, INT64_MAX));
    digest_member(&p, "root", c->has_payload_root, c->payload_root);
    end_part(&p);
    return PLIM_OK;
}

static void say_shape(sink *to, const char *key, const int64_t *shape, uint32_t rank)
{
    plim_text_say(to, "\"%s\": [", key);
    for (uint32_t i = 0; i < rank; i++) {
        plim_text_say(to, "%s%" PRId64, i ? ", " : "", shape[i]);
    }
    plim_text_say(to, "]");
}

static bool is_range(const plim_card_range *range, uint32_t rank)
{
    for (uint32_t i = 0; i < rank; i++) {
        if (range->min[i] < 0 || range->min[i] > range->opt[i] || range->opt[i] > range->max[i]) {
            return false;
        }
    }
    return true;
}

static plim_status say_tensors(sink *to, const plim_card *c, plim_error *err)
{
    if (c->tensor_count > PLIM_CARD_TENSORS_MAX || c->profile_count > PLIM_CARD_PROFILES_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "too many tensors or profiles in a card");
    }
    plim_text_say(to, c->tensor_count ? ",\n  \"tensors\": [" : "");
    for (uint32_t i = 0; i < c->tensor_count; i++) {
        const plim_card_tensor *t = &c->tensors[i];
        if (plim_dtype_bits(t->dtype) == 0 || t->rank > PLIM_TENSOR_RANK_MAX || !t->name[0]) {
            return refuse("tensors", "a name, a known dtype and a rank from 0 to 8", err);
        }
        plim_text_say(to, "%s\n    {\"name\": ", i ? "," : "");
        PLIM_TRY(say_text(to, "tensors.name", t->name, sizeof(t->name), err));
        plim_text_say(to, ", \"io\": \"%s\", \"dtype\": \"%s\", \"rank\": %" PRIu32 "}",
                      t->is_input ? "input" : "output", plim_dtype_name(t->dtype), t->rank);
    }
    plim_text_say(to, c->tensor_count ? "\n  ]" : "");
    return PLIM_OK;
}

static plim_status say_profile(sink *to, const plim_card *c, uint32_t profile, plim_error *err)
{
    plim_text_say(to, "%s\n    {", profile ? "," : "");
    for (uint32_t i = 0; i < c->tensor_count; i++) {
        const plim_card_tensor *t = &c->tensors[i];
        const plim_card_range *range = &t->profiles[profile];
        if (!is_range(range, t->rank)) {
            return refuse(t->name, "0 <= min <= opt <= max", err);
        }
        plim_text_say(to, i ? ",\n     " : "");
        PLIM_TRY(say_text(to, "profiles", t->name, sizeof(t->name), err));
        plim_text_say(to, ": {");
        say_shape(to, "min", range->min, t->rank);
        plim_text_say(to, ", ");
        say_shape(to, "opt", range->opt, t->rank);
        plim_text_say(to, ", ");
        say_shape(to, "max", range->max, t->rank);
        plim_text_say(to, "}");
    }
    plim_text_say(to, "}");
    return PLIM_OK;
}

static plim_status say_name(sink *to, const plim_engine_name *name, plim_error *err)
{
    char text[192];
    if (!name->model[0] && !name->sm[0] && !name->jetpack[0] && !name->tensorrt[0] &&
        !name->precision[0]) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_engine_name_format(name, text, sizeof(text), err));
    plim_text_say(to, ",\n  \"name\": \"%s\"", text);
    return PLIM_OK;
}

plim_status plim_card_print(sink *to, const plim_card *c, plim_error *err)
{
    plim_text_say(to, "{\n  \"plimsoll_card\": %d", PLIM_CARD_VERSION);
    PLIM_TRY(say_name(to, &c->name, err));
    plim_text_say(to, ",\n  \"backend\": ");
    PLIM_TRY(say_text(to, "backend", c->backend, sizeof(c->backend), err));
    plim_text_say(to, ",\n  \"format\": ");
    PLIM_TRY(say_text(to, "format", c->format, sizeof(c->format), err));
    PLIM_TRY(say_target(to, c, err));
    PLIM_TRY(say_build(to, c, err));
    PLIM_TRY(say_numbers(to, c, err));
    PLIM_TRY(say_tensors(to, c, err));
    if (c->profile_count) {
        plim_text_say(to, ",\n  \"profiles\": [");
        for (uint32_t i = 0; i < c->profile_count; i++) {
            PLIM_TRY(say_profile(to, c, i, err));
        }
        plim_text_say(to, "\n  ]");
    }
    return PLIM_OK;
}

plim_status plim_card_format(const plim_card *card, char *buffer, size_t buffer_bytes,
                             size_t *out_bytes, plim_error *err)
{
    if (!card || (!buffer && buffer_bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "identity card");
    }
    sink to = {buffer, buffer_bytes, 0};
    if (out_bytes) {
        *out_bytes = 0;
    }
    PLIM_TRY(plim_card_print(&to, card, err));
    plim_text_say(&to, "\n}\n");
    if (out_bytes) {
        *out_bytes = to.needed_bytes;
    }
    if (to.needed_bytes >= buffer_bytes) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "buffer for an identity card",
                         .want = to.needed_bytes + 1, .have = buffer_bytes, .limit = buffer_bytes);
    }
    return PLIM_OK;
}
