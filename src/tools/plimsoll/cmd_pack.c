/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pack.c - plimsoll pack: files into a container, or a card beside a bare file.
 *
 * The card comes from a JSON file, or from a few options for an artifact that is tied to no
 * board. The container's name says what it is for; an old file is replaced whole or not at all.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plimsoll/plimsoll.h"
#include "src/tools/plimsoll/tool.h"
#include "src/tools/policy_files.h"

#define SECTIONS_MAX 32

static const command COMMAND = {
    .name = "pack",
    .usage = "pack [options] --section NAME:KIND:PATH ... -o DIR|FILE.engine\n"
             "       plimsoll pack [options] --bare FILE",
    .summary = "Put files into a container with an identity card, or a card beside a bare file.",
    .more = "KIND is graph, weights or other. Without --card the artifact is tied to no board.\n"
            "Exit: 0 written, 2 wrong command line, 4 nothing readable, 5 the system failed.",
};

typedef struct pack_options {
    option_list sections;
    const char *card, *model, *backend, *format, *precision, *out, *bare;
    uint64_t chunk_bytes, lz4_level;
    bool lz4, json;
} pack_options;

/* A whole text file in memory of the tool's own; NULL when it cannot be had. */
static char *read_text(const char *path, size_t *bytes)
{
    enum { LIMIT = 16 << 20 };
    FILE *f = fopen(path, "rb");
    char *text = f ? malloc(LIMIT) : NULL;
    if (text) {
        *bytes = fread(text, 1, LIMIT, f);
    }
    if (f) {
        fclose(f);
    }
    return text;
}

static tool_exit card_from_file(const char *path, plim_card *card)
{
    plim_error err = {.status = PLIM_OK};
    size_t bytes = 0;
    char *text = read_text(path, &bytes);
    if (!text) {
        fprintf(stderr, "plimsoll: pack: %s: not readable\n", path);
        return TOOL_NOTHING;
    }
    plim_status rc = plim_card_parse(text, bytes, card, &err);
    free(text);
    return rc == PLIM_OK ? TOOL_OK : tool_refuse(path, &err);
}

/* The user's choice goes before this machine's default, and the card says what that was. */
static void note_override(plim_card *card)
{
    static plim_facts facts;
    plim_board_opts o = plim_board_opts_default();
    plim_dtype_choice choice;
    plim_policy policy;
    plim_error err = {.status = PLIM_OK};
    if (plim_board_probe(&o, &facts, &err) != PLIM_OK ||
        policy_files_load("", NULL, 0, &policy, &err) != PLIM_OK) {
        (void)tool_refuse("default precision", &err);
        return;
    }
    plim_status rc = plim_policy_dtype(&policy, &facts, card->precision_asked, &choice, &err);
    if (strcmp(choice.otherwise, card->precision_asked) != 0) {
        snprintf(card->precision_default, sizeof(card->precision_default), "%s", choice.otherwise);
        fprintf(stderr, "plimsoll: pack: %s, where %s is the default: %s\n", card->precision_asked,
                choice.otherwise,
                rc == PLIM_E_NOT_FOUND ? "no entry speaks of it here" : choice.why);
    }
}

static tool_exit make_card(const pack_options *o, plim_card *card)
{
    memset(card, 0, sizeof(*card));
    if (o->card) {
        return card_from_file(o->card, card);
    }
    if (!o->model || !o->backend) {
        return usage_error(&COMMAND, "give --card, or --model and --backend");
    }
    snprintf(card->name.model, sizeof(card->name.model), "%s", o->model);
    snprintf(card->name.sm, sizeof(card->name.sm), "any");
    snprintf(card->name.jetpack, sizeof(card->name.jetpack), "any");
    snprintf(card->name.tensorrt, sizeof(card->name.tensorrt), "none");
    snprintf(card->name.precision, sizeof(card->name.precision), "%s",
             o->precision ? o->precision : "fp32");
    snprintf(card->backend, sizeof(card->backend), "%s", o->backend);
    snprintf(card->format, sizeof(card->format), "%s", o->format ? o->format : "raw");
    snprintf(card->precision_asked, sizeof(card->precision_asked), "%s",
             o->precision ? o->precision : ""); /* what is found, packing finds out */
    card->build = PLIM_BUILD_PORTABLE;
    if (card->precision_asked[0]) {
        note_override(card);
    }
    return TOOL_OK;
}

/* "weights:weights:/path/to/file", in place. */
static tool_exit parse_section(char *text, plim_pack_input *out)
{
    static const char *const KINDS[] = {"other", "graph", "weights"};
    char *kind = strchr(text, ':'), *path = kind ? strchr(kind + 1, ':') : NULL;
    if (!path) {
        return usage_error(&COMMAND, "--section '%s' is not NAME:KIND:PATH", text);
    }
    *kind++ = 0;
    *path++ = 0;
    for (unsigned k = 0; k < 3; k++) {
        if (strcmp(kind, KINDS[k]) == 0) {
            *out = (plim_pack_input){.name = text, .kind = (plim_section_kind)k, .path = path};
            return TOOL_OK;
        }
    }
    return usage_error(&COMMAND, "kind '%s': graph, weights or other", kind);
}

static tool_exit target_path(const pack_options *o, const plim_card *card, char *out, size_t room)
{
    struct stat st;
    plim_error err = {.status = PLIM_OK};
    char name[256];
    if (stat(o->out, &st) != 0 || !S_ISDIR(st.st_mode)) {
        snprintf(out, room, "%s", o->out);
        return TOOL_OK;
    }
    if (plim_engine_name_format(&card->name, name, sizeof(name), &err) != PLIM_OK) {
        return tool_refuse("name of the container", &err);
    }
    snprintf(out, room, "%s/%s", o->out, name);
    return TOOL_OK;
}

static void print_result(const char *path, const plim_card *card, const plim_pack_result *r,
                         bool json)
{
    const char *found = card->precision_found, *asked = card->precision_asked;
    char root[2 * PLIM_DIGEST_BYTES + 1];
    for (size_t i = 0; i < PLIM_DIGEST_BYTES; i++) {
        snprintf(root + 2 * i, 3, "%02x", r->root[i]);
    }
    if (json) {
        printf("{\"schema\":\"plimsoll-pack/1\",\"path\":");
        json_text(stdout, path);
        printf(",\"payload\":%" PRIu64 ",\"file\":%" PRIu64 ",\"chunks\":%" PRIu64
               ",\"lz4_chunks\":%" PRIu64 ",\"root\":\"%s\",\"precision_found\":",
               r->payload_bytes, r->file_bytes, r->chunk_count, r->lz4_chunk_count, root);
        json_text(stdout, found);
        puts("}");
        return;
    }
    printf("%s\n  payload %s in %" PRIu64 " chunks (%" PRIu64 " LZ4), file %s\n  root %s\n", path,
           tool_size(r->payload_bytes), r->chunk_count, r->lz4_chunk_count,
           tool_size(r->file_bytes), root);
    printf("  precision %s%s\n", found[0] ? found : "not known",
           card->weights.is_known || !found[0] ? "" : " (the card's word alone)");
    if (found[0] && asked[0] && strcmp(found, asked) != 0) {
        fprintf(stderr, "plimsoll: pack: %s was asked for and %s came out\n", asked, found);
    }
}

static tool_exit pack(const pack_options *o, plim_card *card)
{
    plim_pack_input inputs[SECTIONS_MAX];
    plim_pack_opts opts = plim_pack_opts_default();
    plim_pack_result result;
    plim_error err = {.status = PLIM_OK};
    char path[4096];
    progress p;
    progress_begin(&p, o->bare ? "hashing" : "packing");
    opts.chunk_bytes = (uint32_t)o->chunk_bytes;
    opts.lz4 = o->lz4;
    opts.lz4_level = (int)o->lz4_level;
    opts.progress = progress_bytes;
    opts.progress_context = &p;
    plim_status rc;
    if (o->bare) {
        snprintf(path, sizeof(path), "%s.card.json", o->bare);
        rc = plim_engine_write_card(o->bare, card, &opts, &result, &err);
    } else {
        for (size_t i = 0; i < o->sections.count; i++) {
            tool_exit bad = parse_section((char *)(uintptr_t)o->sections.at[i], &inputs[i]);
            if (bad != TOOL_OK) {
                return bad;
            }
        }
        tool_exit bad = target_path(o, card, path, sizeof(path));
        if (bad != TOOL_OK) {
            return bad;
        }
        rc = plim_engine_pack(path, card, inputs, o->sections.count, &opts, &result, &err);
    }
    progress_end(&p);
    if (rc != PLIM_OK) {
        return tool_refuse("pack", &err);
    }
    print_result(path, card, &result, o->json);
    return TOOL_OK;
}

tool_exit cmd_pack(int argc, char **argv)
{
    pack_options o = {.lz4 = false};
    option_list operands = {.count = 0};
    tool_exit code;
    const option options[] = {
        {"--section", OPTION_MANY, &o.sections, "N:KIND:PATH", "a part of the payload, in order"},
        {"--bare", OPTION_TEXT, &o.bare, "FILE", "write FILE.card.json beside FILE instead"},
        {"-o", OPTION_TEXT, &o.out, "PATH", "folder (self-describing name) or file"},
        {"--card", OPTION_TEXT, &o.card, "FILE", "identity card as JSON"},
        {"--model", OPTION_TEXT, &o.model, "NAME", "without --card: model name"},
        {"--backend", OPTION_TEXT, &o.backend, "NAME", "without --card: backend"},
        {"--format", OPTION_TEXT, &o.format, "NAME", "without --card: format (raw)"},
        {"--precision", OPTION_TEXT, &o.precision, "NAME", "without --card: precision (fp32)"},
        {"--chunk", OPTION_SIZE, &o.chunk_bytes, "SIZE", "payload bytes a chunk (1 MiB)"},
        {"--lz4", OPTION_FLAG, &o.lz4, NULL, "compress chunks where it pays"},
        {"--lz4-level", OPTION_COUNT, &o.lz4_level, "N", "0 fast, 3 to 12 smaller"},
        {"--json", OPTION_FLAG, &o.json, NULL, "one JSON object (plimsoll-pack/1)"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count) {
        return usage_error(&COMMAND, "unexpected '%s'", operands.at[0]);
    }
    if (o.bare ? o.sections.count || o.out : !o.sections.count || !o.out) {
        return usage_error(&COMMAND, "give either --bare, or --section and -o");
    }
    if (o.chunk_bytes > UINT32_MAX || o.lz4_level > 12) {
        return usage_error(&COMMAND, "--chunk is at most 16 MiB, --lz4-level at most 12");
    }
    if (o.card && (o.model || o.backend || o.format || o.precision)) {
        return usage_error(&COMMAND, "nothing reads --model, --backend, --format or --precision "
                                     "with --card");
    }
    plim_card *card = malloc(sizeof(*card));
    if (!card) {
        return TOOL_INTERNAL;
    }
    code = make_card(&o, card);
    code = code == TOOL_OK ? pack(&o, card) : code;
    free(card);
    return code;
}
