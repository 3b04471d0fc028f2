/* SPDX-License-Identifier: Apache-2.0 */
/* card_read.c - an identity card from JSON.
 *
 * Decides whether a text is a card: every key is known, every text fits and is printable
 * ASCII, every number is in range, tensor names are unique, and each profile gives every
 * tensor min <= opt <= max in its own rank. The first thing that is wrong is refused with
 * its path, line and column. Nothing is built before the syntax as a whole was accepted.
 */
#include <string.h>

#include "src/engine/card.h"

typedef plim_json_reader reader;

const char *plim_build_kind_name(plim_build_kind kind)
{
    switch (kind) {
    case PLIM_BUILD_NATIVE:
        return "native";
    case PLIM_BUILD_EMULATED:
        return "emulated";
    case PLIM_BUILD_COMPAT:
        return "compat";
    case PLIM_BUILD_PORTABLE:
        return "portable";
    case PLIM_BUILD_UNKNOWN:
        break;
    }
    return "unknown";
}

static plim_status read_version(reader *r, const json_t *root)
{
    const json_t *value = json_object_get(root, "plimsoll_card");
    plim_json_enter_key(r, "plimsoll_card");
    if (!json_is_integer(value) || json_integer_value(value) < 1) {
        return plim_json_refuse(r, PLIM_E_FORMAT, "the card's version", value);
    }
    if (json_integer_value(value) > PLIM_CARD_VERSION) {
        return plim_json_refuse(r, PLIM_E_UNSUPPORTED, "version 1", value);
    }
    plim_json_leave(r);
    return PLIM_OK;
}

static plim_status read_name(reader *r, const json_t *root, plim_card *card)
{
    const json_t *value = json_object_get(root, "name");
    if (!value) {
        return PLIM_OK;
    }
    plim_json_enter_key(r, "name");
    if (!json_is_string(value)) {
        return plim_json_refuse(r, PLIM_E_FORMAT, "an engine file name", value);
    }
    plim_error why = {0};
    if (plim_engine_name_parse(json_string_value(value), &card->name, &why) != PLIM_OK) {
        char wanted[96];
        snprintf(wanted, sizeof(wanted), "at %.24s %.64s", why.field, why.wanted);
        return plim_json_refuse(r, PLIM_E_FORMAT, wanted, value);
    }
    plim_json_leave(r);
    return PLIM_OK;
}

static plim_status read_target(reader *r, const json_t *object, plim_card *card)
{
    static const char *const keys[] = {"sm",      "gpu", "multiprocessors", "memory_bytes",
                                       "jetpack", "l4t", "tensorrt",        NULL};
    PLIM_TRY(plim_json_keys(r, object, keys));
    PLIM_TRY(plim_json_u32(r, object, "sm", 9999, &card->sm));
    PLIM_TRY(plim_json_text(r, object, "gpu", false, card->gpu_name, sizeof(card->gpu_name)));
    PLIM_TRY(plim_json_u32(r, object, "multiprocessors", 65535, &card->multiprocessors));
    PLIM_TRY(plim_json_u64(r, object, "memory_bytes", INT64_MAX, &card->board_memory_bytes));
    PLIM_TRY(plim_json_text(r, object, "jetpack", false, card->jetpack, sizeof(card->jetpack)));
    PLIM_TRY(plim_json_text(r, object, "l4t", false, card->l4t, sizeof(card->l4t)));
    return plim_json_text(r, object, "tensorrt", false, card->tensorrt, sizeof(card->tensorrt));
}

/* "bytes": {"float32": 1024, "other": 8} */
static plim_status read_weights(reader *r, const json_t *object, plim_card *card)
{
    const char *names[PLIM_WEIGHT_TYPES + 1] = {NULL};
    unsigned types[PLIM_WEIGHT_TYPES], count = 0;
    for (unsigned i = 0; i < PLIM_WEIGHT_TYPES; i++) {
        if (i == 0 || plim_dtype_bits((plim_dtype)i)) {
            names[count] = i ? plim_dtype_name((plim_dtype)i) : "other";
            types[count++] = i;
        }
    }
    PLIM_TRY(plim_json_keys(r, object, names));
    for (unsigned i = 0; i < count; i++) {
        PLIM_TRY(plim_json_u64(r, object, names[i], INT64_MAX, &card->weights.bytes[types[i]]));
    }
    card->weights.is_known = true;
    return PLIM_OK;
}

static plim_status read_precision(reader *r, const json_t *object, plim_card *card)
{
    static const char *const keys[] = {"asked", "found", "default", "bytes", NULL};
    PLIM_TRY(plim_json_keys(r, object, keys));
    PLIM_TRY(plim_json_text(r, object, "asked", false, card->precision_asked,
                            sizeof(card->precision_asked)));
    PLIM_TRY(plim_json_text(r, object, "found", false, card->precision_found,
                            sizeof(card->precision_found)));
    PLIM_TRY(plim_json_text(r, object, "default", false, card->precision_default,
                            sizeof(card->precision_default)));
    const json_t *bytes = json_object_get(object, "bytes");
    if (!bytes) {
        return PLIM_OK;
    }
    plim_json_enter_key(r, "bytes");
    PLIM_TRY(read_weights(r, bytes, card));
    plim_json_leave(r);
    return PLIM_OK;
}

static plim_status read_flag(reader *r, const json_t *object, const char *key, bool *out)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_boolean(value)) {
        plim_json_enter_key(r, key);
        return plim_json_refuse(r, PLIM_E_FORMAT, "true or false", value);
    }
    *out = json_is_true(value);
    return PLIM_OK;
}

static plim_status read_build(reader *r, const json_t *object, plim_card *card)
{
    static const char *const keys[] = {"kind",       "board", "power_mode", "version_compatible",
                                       "free_bytes", NULL};
    char kind[16] = "unknown";
    PLIM_TRY(plim_json_keys(r, object, keys));
    PLIM_TRY(plim_json_text(r, object, "kind", false, kind, sizeof(kind)));
    card->build = PLIM_BUILD_PORTABLE;
    while (card->build && strcmp(kind, plim_build_kind_name(card->build)) != 0) {
        card->build = (plim_build_kind)(card->build - 1);
    }
    if (strcmp(kind, plim_build_kind_name(card->build)) != 0) {
        plim_json_enter_key(r, "kind");
        return plim_json_refuse(r, PLIM_E_FORMAT, "native, emulated, compat, portable or unknown",
                                json_object_get(object, "kind"));
    }
    PLIM_TRY(plim_json_text(r, object, "board", false, card->built_on, sizeof(card->built_on)));
    PLIM_TRY(
        plim_json_text(r, object, "power_mode", false, card->power_mode, sizeof(card->power_mode)));
    PLIM_TRY(read_flag(r, object, "version_compatible", &card->version_compatible));
    return plim_json_u64(r, object, "free_bytes", INT64_MAX, &card->build_free_bytes);
}

static plim_status read_memory(reader *r, const json_t *object, plim_card *card)
{
    static const char *const keys[] = {"resident_bytes", "load_extra_bytes", "activation_bytes",
                                       "session_bytes", NULL};
    PLIM_TRY(plim_json_keys(r, object, keys));
    PLIM_TRY(plim_json_u64(r, object, keys[0], INT64_MAX, &card->resident_bytes));
    PLIM_TRY(plim_json_u64(r, object, keys[1], INT64_MAX, &card->load_extra_bytes));
    PLIM_TRY(plim_json_u64(r, object, keys[2], INT64_MAX, &card->activation_bytes));
    return plim_json_u64(r, object, keys[3], INT64_MAX, &card->session_bytes);
}

static plim_status read_digests(reader *r, const json_t *object, plim_card *card)
{
    static const char *const keys[] = {"source", "calibration", "dataset", NULL};
    PLIM_TRY(plim_json_keys(r, object, keys));
    PLIM_TRY(plim_json_digest(r, object, keys[0], &card->has_source_sha256, card->source_sha256));
    PLIM_TRY(plim_json_digest(r, object, keys[1], &card->has_calibration_sha256,
                              card->calibration_sha256));
    return plim_json_digest(r, object, keys[2], &card->has_dataset_sha256, card->dataset_sha256);
}

static plim_status read_payload(reader *r, const json_t *object, plim_card *card)
{
    static const char *const keys[] = {"bytes", "root", NULL};
    PLIM_TRY(plim_json_keys(r, object, keys));
    PLIM_TRY(plim_json_u64(r, object, keys[0], INT64_MAX, &card->payload_bytes));
    return plim_json_digest(r, object, keys[1], &card->has_payload_root, card->payload_root);
}

static plim_status read_io_and_dtype(reader *r, const json_t *object, plim_card_tensor *tensor)
{
    char io[8] = "";
    char dtype[24] = "";
    PLIM_TRY(plim_json_text(r, object, "io", true, io, sizeof(io)));
    tensor->is_input = strcmp(io, "input") == 0;
    if (!tensor->is_input && strcmp(io, "output") != 0) {
        plim_json_enter_key(r, "io");
        return plim_json_refuse(r, PLIM_E_FORMAT, "input or output", json_object_get(object, "io"));
    }
    PLIM_TRY(plim_json_text(r, object, "dtype", true, dtype, sizeof(dtype)));
    if (plim_dtype_parse(dtype, &tensor->dtype, NULL) != PLIM_OK) {
        plim_json_enter_key(r, "dtype");
        return plim_json_refuse(r, PLIM_E_UNSUPPORTED, "a known dtype",
                                json_object_get(object, "dtype"));
    }
    return PLIM_OK;
}

static plim_status read_tensor(reader *r, const json_t *object, plim_card *card)
{
    static const char *const keys[] = {"name", "io", "dtype", "rank", NULL};
    plim_card_tensor *tensor = &card->tensors[card->tensor_count];
    uint64_t rank = UINT64_MAX;
    PLIM_TRY(plim_json_keys(r, object, keys));
    PLIM_TRY(plim_json_text(r, object, "name", true, tensor->name, sizeof(tensor->name)));
    PLIM_TRY(read_io_and_dtype(r, object, tensor));
    PLIM_TRY(plim_json_u64(r, object, "rank", INT64_MAX, &rank));
    if (rank > PLIM_TENSOR_RANK_MAX) {
        plim_json_enter_key(r, "rank");
        return plim_json_refuse(r, rank == UINT64_MAX ? PLIM_E_FORMAT : PLIM_E_SHAPE,
                                "a rank from 0 to 8", json_object_get(object, "rank"));
    }
    tensor->rank = (uint32_t)rank;
    bool taken = tensor->name[0] == 0;
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        taken |= strcmp(card->tensors[i].name, tensor->name) == 0;
    }
    if (taken) {
        plim_json_enter_key(r, "name");
        return plim_json_refuse(r, PLIM_E_FORMAT, "a name of its own",
                                json_object_get(object, "name"));
    }
    card->tensor_count++;
    return PLIM_OK;
}

static plim_status read_shape(reader *r, const json_t *object, const char *key, uint32_t rank,
                              int64_t *out)
{
    const json_t *list = json_object_get(object, key);
    plim_json_enter_key(r, key);
    if (!json_is_array(list) || json_array_size(list) != rank) {
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "an array of %u", rank);
        return plim_json_refuse(r, PLIM_E_FORMAT, wanted, list);
    }
    for (uint32_t i = 0; i < rank; i++) {
        const json_t *value = json_array_get(list, i);
        plim_json_enter_index(r, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return plim_json_refuse(r, PLIM_E_FORMAT, "a dimension from 0", value);
        }
        out[i] = json_integer_value(value);
        plim_json_leave(r);
    }
    plim_json_leave(r);
    return PLIM_OK;
}

static plim_status read_range(reader *r, const json_t *object, uint32_t rank,
                              plim_card_range *range)
{
    static const char *const keys[] = {"min", "opt", "max", NULL};
    PLIM_TRY(plim_json_keys(r, object, keys));
    PLIM_TRY(read_shape(r, object, "min", rank, range->min));
    PLIM_TRY(read_shape(r, object, "opt", rank, range->opt));
    PLIM_TRY(read_shape(r, object, "max", rank, range->max));
    for (uint32_t i = 0; i < rank; i++) {
        if (range->min[i] > range->opt[i] || range->opt[i] > range->max[i]) {
            const char *key = range->min[i] > range->opt[i] ? "opt" : "max";
            plim_json_enter_key(r, key);
            plim_json_enter_index(r, i);
            return plim_json_refuse(r, PLIM_E_FORMAT, "min <= opt <= max",
                                    json_array_get(json_object_get(object, key), i));
        }
    }
    return PLIM_OK;
}

static plim_status read_profile(reader *r, const json_t *object, plim_card *card)
{
    const char *names[PLIM_CARD_TENSORS_MAX + 1] = {NULL};
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        names[i] = card->tensors[i].name;
    }
    PLIM_TRY(plim_json_keys(r, object, names));
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        plim_card_tensor *tensor = &card->tensors[i];
        plim_json_enter_key(r, tensor->name);
        PLIM_TRY(read_range(r, json_object_get(object, tensor->name), tensor->rank,
                            &tensor->profiles[card->profile_count]));
        plim_json_leave(r);
    }
    card->profile_count++;
    return PLIM_OK;
}

typedef plim_status (*read_element)(reader *r, const json_t *element, plim_card *card);

static plim_status read_array(reader *r, const json_t *root, const char *key, size_t limit,
                              read_element read, plim_card *card)
{
    const json_t *list = json_object_get(root, key);
    if (!list) {
        return PLIM_OK;
    }
    plim_json_enter_key(r, key);
    if (!json_is_array(list)) {
        return plim_json_refuse(r, PLIM_E_FORMAT, "an array", list);
    }
    if (json_array_size(list) > limit) {
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "at most %zu", limit);
        return plim_json_refuse(r, PLIM_E_RANGE, wanted, list);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        plim_json_enter_index(r, i);
        PLIM_TRY(read(r, json_array_get(list, i), card));
        plim_json_leave(r);
    }
    plim_json_leave(r);
    return PLIM_OK;
}

static plim_status read_part(reader *r, const json_t *root, const char *key, read_element read,
                             plim_card *card)
{
    const json_t *object = json_object_get(root, key);
    if (!object) {
        return PLIM_OK;
    }
    plim_json_enter_key(r, key);
    PLIM_TRY(read(r, object, card));
    plim_json_leave(r);
    return PLIM_OK;
}

plim_status plim_card_read(plim_json_reader *r, const json_t *root, plim_card *out)
{
    static const char *const keys[] = {"plimsoll_card", "name",     "backend", "format", "target",
                                       "precision",     "build",    "memory",  "sha256", "payload",
                                       "tensors",       "profiles", "chunks",  NULL};
    PLIM_TRY(plim_json_keys(r, root, keys));
    PLIM_TRY(read_version(r, root));
    PLIM_TRY(read_name(r, root, out));
    PLIM_TRY(plim_json_text(r, root, "backend", false, out->backend, sizeof(out->backend)));
    PLIM_TRY(plim_json_text(r, root, "format", false, out->format, sizeof(out->format)));
    PLIM_TRY(read_part(r, root, "target", read_target, out));
    PLIM_TRY(read_part(r, root, "precision", read_precision, out));
    PLIM_TRY(read_part(r, root, "build", read_build, out));
    PLIM_TRY(read_part(r, root, "memory", read_memory, out));
    PLIM_TRY(read_part(r, root, "sha256", read_digests, out));
    PLIM_TRY(read_part(r, root, "payload", read_payload, out));
    PLIM_TRY(read_array(r, root, "tensors", PLIM_CARD_TENSORS_MAX, read_tensor, out));
    return read_array(r, root, "profiles", PLIM_CARD_PROFILES_MAX, read_profile, out);
}

plim_status plim_card_parse(const char *json, size_t json_bytes, plim_card *out, plim_error *err)
{
    if (!json || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "identity card text");
    }
    memset(out, 0, sizeof(*out));
    reader r;
    json_t *root;
    PLIM_TRY(plim_json_open(&r, json, json_bytes, err, &root));
    plim_status status = plim_card_read(&r, root, out);
    json_decref(root);
    if (status != PLIM_OK) {
        memset(out, 0, sizeof(*out));
    }
    return status;
}
