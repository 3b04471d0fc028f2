/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_verify.c - plimsoll verify: every chunk against its digest, in constant memory.
 *
 * Also prints what the card says, reads the types of the weights from the artifact itself and holds
 * them against the card, says where the build fell short of the precision that it was asked for,
 * and with --host whether this board may run it.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/manifest.h"
#include "src/tools/plimsoll/tool.h"

#define VERIFY_CAP  (UINT64_C(256) << 20)
#define HOME_BYTES  (UINT64_C(64) << 20)
#define SCRATCH_FOR 4u /* chunks, as plim_engine_verify asks */

static const command COMMAND = {
    .name = "verify",
    .usage = "verify [options] ARTIFACT",
    .summary = "Read an artifact and hold every chunk against its digest.",
    .more =
        "Exit: 0 intact, 1 damaged, not what its card says or not for this host, 2 wrong command\n"
        "line, 4 not an artifact. A precision that was asked for and not built is a warning.",
};

typedef struct verifying {
    plim_budget *budget;
    plim_arena *arena;
    plim_region *home, *scratch;
    plim_engine_file *file;
    plim_weights weights; /* as the artifact holds them */
    uint64_t scratch_bytes;
} verifying;

static void close_all(verifying *v)
{
    plim_engine_close(v->file);
    plim_region_destroy(v->scratch);
    plim_region_destroy(v->home);
    plim_arena_close(v->arena);
    plim_budget_close(v->budget);
}

static plim_status make_region(verifying *v, uint64_t bytes, plim_region_kind kind,
                               plim_region **out, plim_error *err)
{
    plim_region_opts o = plim_region_opts_default();
    o.tag = PLIM_TAG_OTHER;
    o.size_bytes = bytes;
    return plim_region_create(v->arena, kind, &o, out, err);
}

static plim_status open_all(const char *path, verifying *v, plim_error *err)
{
    plim_budget_opts b = plim_budget_opts_default();
    memset(v, 0, sizeof(*v));
    b.cap_bytes = VERIFY_CAP;
    PLIM_TRY(plim_budget_open(plim_provider_mmap(), &b, &v->budget, err));
    PLIM_TRY(plim_arena_open(v->budget, plim_provider_mmap(), NULL, &v->arena, err));
    PLIM_TRY(make_region(v, HOME_BYTES, PLIM_REGION_BUMP, &v->home, err));
    return plim_engine_open(path, v->home, &v->file, err);
}

static plim_status verify(verifying *v, plim_load_stats *stats, plim_error *err)
{
    plim_load_opts o = plim_load_opts_default();
    uint64_t largest = 4096;
    progress p;
    for (size_t i = 0; i < plim_engine_chunk_count(v->file); i++) {
        const plim_chunk *c = plim_engine_chunk(v->file, i);
        uint64_t bytes = c->raw_bytes > c->stored_bytes ? c->raw_bytes : c->stored_bytes;
        largest = bytes > largest ? bytes : largest;
    }
    uint64_t scratch = SCRATCH_FOR * ((largest + 4095) & ~UINT64_C(4095)) + 8192;
    PLIM_TRY(make_region(v, scratch, PLIM_REGION_STATIC, &v->scratch, err));
    v->scratch_bytes = scratch;
    progress_begin(&p, "verifying");
    o.progress = progress_bytes;
    o.progress_context = &p;
    plim_status rc =
        plim_engine_verify(v->file, plim_region_base(v->scratch), (size_t)scratch, &o, stats, err);
    progress_end(&p);
    return rc;
}

/* ---- the precision: asked, on the card, in the artifact ---- */

static const char *found_in(const verifying *v)
{
    return v->weights.is_known ? plim_weights_precision(&v->weights)
                               : plim_engine_card(v->file)->precision_found;
}

/* A card that says something else than what lies under it is damage of its own kind. */
static plim_status check_weights(verifying *v, const char *path, plim_error *err)
{
    const plim_card *c = plim_engine_card(v->file);
    PLIM_TRY(plim_engine_weights(v->file, plim_region_base(v->scratch), (size_t)v->scratch_bytes,
                                 &v->weights, err));
    if (v->weights.is_known && c->precision_found[0] &&
        strcmp(c->precision_found, found_in(v)) != 0) {
        plim_error_set(err, PLIM_E_MISMATCH,
                       "the card says another precision than its artifact has", "precision.found",
                       c->precision_found, found_in(v));
        plim_error_detail(err, "%s", path);
        plim_error_remedy(err, "pack it again: packing writes what it finds");
        return PLIM_E_MISMATCH;
    }
    return PLIM_OK;
}

static bool is_as_asked(const verifying *v)
{
    const char *asked = plim_engine_card(v->file)->precision_asked, *found = found_in(v);
    return !asked[0] || !found[0] || strcmp(asked, found) == 0;
}

static void print_weights(const verifying *v)
{
    const plim_card *c = plim_engine_card(v->file);
    printf("  precision asked %s, found %s%s\n",
           c->precision_asked[0] ? c->precision_asked : "(nothing)",
           found_in(v)[0] ? found_in(v) : "(not known)",
           v->weights.is_known || !c->precision_found[0] ? "" : " (the card's word alone)");
    for (unsigned i = 1; i <= PLIM_WEIGHT_TYPES; i++) {
        uint64_t bytes = v->weights.bytes[i % PLIM_WEIGHT_TYPES];
        if (bytes) {
            printf("    %-16s %s\n",
                   i < PLIM_WEIGHT_TYPES ? plim_dtype_name((plim_dtype)i) : "other",
                   tool_size(bytes));
        }
    }
    if (!is_as_asked(v)) {
        fprintf(stderr,
                "plimsoll: %s was asked for and %s came out: rebuild, and look at the "
                "builder's log for what it fell back to\n",
                c->precision_asked, found_in(v));
    }
}

static void json_weights(const verifying *v)
{
    bool is_first = true;
    const plim_card *c = plim_engine_card(v->file);
    fputs(",\"precision\":{\"asked\":", stdout);
    json_text(stdout, c->precision_asked);
    fputs(",\"found\":", stdout);
    json_text(stdout, found_in(v));
    printf(",\"as_asked\":%s,\"bytes\":", is_as_asked(v) ? "true" : "false");
    fputs(v->weights.is_known ? "{" : "null", stdout);
    for (unsigned i = 1; i <= PLIM_WEIGHT_TYPES; i++) {
        uint64_t bytes = v->weights.bytes[i % PLIM_WEIGHT_TYPES];
        if (bytes) {
            printf("%s\"%s\":%" PRIu64, is_first ? "" : ",",
                   i < PLIM_WEIGHT_TYPES ? plim_dtype_name((plim_dtype)i) : "other", bytes);
            is_first = false;
        }
    }
    fputs(v->weights.is_known ? "}}" : "}", stdout);
}

static void print_text(const char *path, const verifying *v, const plim_load_stats *s)
{
    const plim_card *c = plim_engine_card(v->file);
    printf("%s: intact\n", path);
    printf("  model %s, %s, backend %s, format %s\n", c->name.model, c->name.precision, c->backend,
           c->format);
    printf("  for SM %s, JetPack %s, TensorRT %s", c->name.sm, c->name.jetpack, c->name.tensorrt);
    if (c->multiprocessors) {
        printf(", %" PRIu32 " multiprocessors", c->multiprocessors);
    }
    printf("\n  payload %s, %" PRIu64 " chunks (%" PRIu64 " LZ4), %zu sections\n",
           tool_size(s->payload_bytes), s->chunk_count, s->lz4_chunk_count,
           plim_engine_section_count(v->file));
    printf("  session %s, activations %s%s\n", tool_size(c->session_bytes),
           tool_size(c->activation_bytes), c->activation_bytes ? "" : " (not known)");
    print_weights(v);
}

static void print_json(const char *path, const verifying *v, const plim_load_stats *s)
{
    const plim_card *c = plim_engine_card(v->file);
    printf("{\"schema\":\"plimsoll-verify/1\",\"path\":");
    json_text(stdout, path);
    printf(",\"intact\":true,\"model\":");
    json_text(stdout, c->name.model);
    printf(",\"backend\":");
    json_text(stdout, c->backend);
    printf(",\"payload\":%" PRIu64 ",\"stored\":%" PRIu64 ",\"chunks\":%" PRIu64
           ",\"lz4_chunks\":%" PRIu64 ",\"session\":%" PRIu64 ",\"activations\":%" PRIu64,
           s->payload_bytes, s->stored_bytes, s->chunk_count, s->lz4_chunk_count, c->session_bytes,
           c->activation_bytes);
    json_weights(v);
    puts("}");
}

static plim_status check_card(const char *path, const verifying *v, bool host, const char *cache,
                              plim_error *err)
{
    plim_host here;
    if (host) {
        PLIM_TRY(plim_host_detect("", &here, err));
        PLIM_TRY(plim_card_match(plim_engine_card(v->file), &here, path, err));
    }
    return cache ? plim_card_check_calibration(plim_engine_card(v->file), cache, err) : PLIM_OK;
}

tool_exit cmd_verify(int argc, char **argv)
{
    option_list operands = {.count = 0};
    bool json = false, host = false;
    const char *cache = NULL;
    plim_load_stats stats;
    plim_error err = {.status = PLIM_OK};
    verifying v;
    tool_exit code;
    const option options[] = {
        {"--host", OPTION_FLAG, &host, NULL, "also hold the card against this host"},
        {"--calibration", OPTION_TEXT, &cache, "FILE", "also check an INT8 calibration cache"},
        {"--json", OPTION_FLAG, &json, NULL, "one JSON object (plimsoll-verify/1)"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count != 1) {
        return usage_error(&COMMAND, "exactly one artifact is wanted");
    }
    const char *path = operands.at[0];
    plim_status rc = open_all(path, &v, &err);
    if (rc == PLIM_OK) {
        rc = verify(&v, &stats, &err);
    }
    if (rc == PLIM_OK) {
        rc = check_weights(&v, path, &err);
    }
    if (rc == PLIM_OK) {
        rc = check_card(path, &v, host, cache, &err);
    }
    if (rc != PLIM_OK) {
        code = tool_refuse(path, &err);
        code = err.status == PLIM_E_RANGE ? TOOL_NO : code; /* cut short is damaged */
    } else if (json) {
        print_json(path, &v, &stats);
    } else {
        print_text(path, &v, &stats);
    }
    close_all(&v);
    return code;
}
