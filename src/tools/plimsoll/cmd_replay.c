/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_replay.c - plimsoll replay: a recorded run against every way to allocate, under caps. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/csv.h"
#include "src/tools/plimsoll/replay_ways.h"
#include "src/tools/plimsoll/tool.h"

static const command COMMAND = {
    .name = "replay",
    .usage = "replay [options] TRACE.csv[.gz]|-",
    .summary = "What each way to allocate would have made of a recorded run.",
    .more =
        "TRACE has the columns op,id,bytes[,alignment]; op is a (allocate) or f (free);\n"
        "id is a whole number, bytes of an f may be empty; commas alone between, no spaces.\n"
        "Ways: planned (the whole run), loop (one turn planned from all turns, the rest dynamic),\n"
        "loop-first (from the first turn alone), dynamic, best-fit, caching (a model of a "
        "rounding\n"
        "caching allocator).\n"
        "Exit: 0 nothing planned was refused, 1 a cap refused the plan, 2 wrong command line,\n"
        "4 the trace cannot be read, 5 the system failed.",
};

typedef struct replaying {
    replay_study study;
    const char *path;
    uint64_t caps[32];
    size_t cap_count;
    bool json, is_refused;
} replaying;

static double ratio(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

static bool is_run(const replaying *r, unsigned way)
{
    return r->study.loop.repeats > 1 || (way != WAY_LOOP && way != WAY_FIRST);
}

/* ---- text ---- */

static void print_plan(const char *what, const replay_plan *p)
{
    if (p->buffer_count) {
        printf("  %-22s %10s, bound %s, %s, %zu buffers, %.3f s\n", what,
               tool_size(p->height_bytes), tool_size(p->lower_bound_bytes),
               p->is_optimal ? "proven lowest" : "not proven lowest", p->buffer_count, p->seconds);
    }
}

static void print_head(const replaying *r)
{
    const trace_table *t = &r->study.trace;
    const plim_record_loop *loop = &r->study.loop;
    printf("%s: %zu events, %" PRIu32 " blocks, at most %" PRIu32 " alive, peak %s (%" PRIu64
           " bytes)\n",
           r->path, t->event_count, t->step_count, t->live_most, tool_size(t->peak_bytes),
           t->peak_bytes);
    if (t->kept_count) {
        printf("  %" PRIu32 " blocks are never freed\n", t->kept_count);
    }
    if (loop->repeats > 1) {
        printf("  %" PRIu32 " turns of %" PRIu32 " blocks from block %" PRIu32 ", %s carried\n",
               loop->repeats, loop->period, loop->first, tool_size(loop->carried_bytes));
    } else {
        printf("  no loop\n");
    }
    print_plan("plan of the run", &r->study.whole);
    print_plan("plan of a turn, all", &r->study.merged);
    print_plan("plan of a turn, first", &r->study.first);
}

static void print_outcome(const replaying *r, unsigned way, const replay_outcome *o)
{
    uint64_t peak = r->study.trace.peak_bytes;
    printf("%-11s", replay_way_name((replay_way)way));
    if (o->footprint_bytes) {
        printf(" %12s %8.4f", tool_size(o->footprint_bytes), ratio(o->footprint_bytes, peak));
    } else {
        printf(" %12s %8s", "-", "-");
    }
    printf(" %9" PRIu64, o->refused_count);
    if (o->refused_count) {
        printf("  first %s at event %" PRIu64 ", largest free %s", tool_size(o->refused_bytes),
               o->refused_event, tool_size(o->largest_free_bytes));
    }
    if (o->served.call_count) {
        printf("  %" PRIu64 " of %" PRIu64 " from the plan", o->served.hit_count,
               o->served.call_count);
    }
    putchar('\n');
}

static void print_misses(const replay_outcome *o)
{
    for (unsigned i = 0; i < PLIM_REPLAY_REASON_COUNT; i++) {
        if (o->served.miss_by_reason[i]) {
            printf("%-11s   %" PRIu64 " elsewhere: %s\n", "", o->served.miss_by_reason[i],
                   plim_replay_reason_text((plim_replay_reason)i));
        }
    }
}

/* ---- JSON ---- */

static void json_plan(const char *key, const replay_plan *p)
{
    printf(",\"%s\":{\"height\":%" PRIu64 ",\"lower_bound\":%" PRIu64
           ",\"optimal\":%s,\"buffers\":%zu,\"seconds\":%.6f}",
           key, p->height_bytes, p->lower_bound_bytes, p->is_optimal ? "true" : "false",
           p->buffer_count, p->seconds);
}

static void json_head(const replaying *r)
{
    const trace_table *t = &r->study.trace;
    printf("{\"schema\":\"plimsoll-replay/1\",\"file\":");
    json_text(stdout, r->path);
    printf(",\"events\":%zu,\"blocks\":%" PRIu32 ",\"live_most\":%" PRIu32 ",\"kept\":%" PRIu32
           ",\"peak\":%" PRIu64 ",\"loop\":{\"first\":%" PRIu32 ",\"period\":%" PRIu32
           ",\"turns\":%" PRIu32 ",\"carried\":%" PRIu64 "}",
           t->event_count, t->step_count, t->live_most, t->kept_count, t->peak_bytes,
           r->study.loop.first, r->study.loop.period, r->study.loop.repeats,
           r->study.loop.carried_bytes);
    json_plan("plan", &r->study.whole);
    if (r->study.loop.repeats > 1) {
        json_plan("plan_turn", &r->study.merged);
        json_plan("plan_first", &r->study.first);
    }
    printf(",\"runs\":[");
}

static void json_outcome(const replaying *r, size_t cap, unsigned way, const replay_outcome *o)
{
    printf("%s{\"cap\":%" PRIu64 ",\"way\":\"%s\",\"footprint\":%" PRIu64
           ",\"ratio\":%.6f,\"refused\":%" PRIu64,
           cap || way ? "," : "", r->caps[cap], replay_way_name((replay_way)way),
           o->footprint_bytes, ratio(o->footprint_bytes, r->study.trace.peak_bytes),
           o->refused_count);
    if (o->refused_count) {
        printf(",\"first_refusal\":{\"event\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"largest_free\":%" PRIu64 "}",
               o->refused_event, o->refused_bytes, o->largest_free_bytes);
    }
    if (o->served.call_count) {
        const plim_replay_stats *s = &o->served;
        printf(",\"calls\":%" PRIu64 ",\"hits\":%" PRIu64 ",\"left_to_others\":%" PRIu64
               ",\"misses\":{\"larger\":%" PRIu64 ",\"stricter\":%" PRIu64 ",\"occupied\":%" PRIu64
               ",\"unexpected\":%" PRIu64 ",\"past_end\":%" PRIu64 "}",
               s->call_count, s->hit_count, s->elsewhere_count,
               s->miss_by_reason[PLIM_REPLAY_LARGER], s->miss_by_reason[PLIM_REPLAY_STRICTER],
               s->miss_by_reason[PLIM_REPLAY_OCCUPIED], s->miss_by_reason[PLIM_REPLAY_UNEXPECTED],
               s->miss_by_reason[PLIM_REPLAY_PAST_END]);
    }
    putchar('}');
}

/* ---- run ---- */

static plim_status run_cap(replaying *r, size_t cap, plim_error *err)
{
    if (!r->json) {
        printf("\n%s%s\n%-11s %12s %8s %9s\n", r->caps[cap] ? "cap " : "no cap",
               r->caps[cap] ? tool_size(r->caps[cap]) : "", "way", "footprint", "of peak",
               "refused");
    }
    for (unsigned way = 0; way < WAY_COUNT; way++) {
        replay_outcome o;
        if (!is_run(r, way)) {
            continue;
        }
        PLIM_TRY(replay_run(&r->study, (replay_way)way, r->caps[cap], &o, err));
        r->is_refused = r->is_refused || (way == WAY_PLANNED && o.refused_count);
        if (r->json) {
            json_outcome(r, cap, way, &o);
        } else {
            print_outcome(r, way, &o);
            print_misses(&o);
        }
    }
    return PLIM_OK;
}

static tool_exit replay(replaying *r)
{
    plim_error err = {.status = PLIM_OK};
    char *text;
    size_t bytes;
    const char *name = strcmp(r->path, "-") == 0 ? "standard input" : r->path;
    plim_status status = csv_load(r->path, &text, &bytes, &err);
    if (status == PLIM_OK) {
        status = trace_table_parse(name, text, bytes, &r->study.trace, &err);
    }
    if (status != PLIM_OK) {
        return tool_refuse("replay", &err) == TOOL_INTERNAL ? TOOL_INTERNAL : TOOL_NOTHING;
    }
    status = replay_study_make(&r->study, &err);
    if (status == PLIM_OK) {
        r->json ? json_head(r) : print_head(r);
    }
    for (size_t i = 0; i < r->cap_count && status == PLIM_OK; i++) {
        status = run_cap(r, i, &err);
    }
    if (status != PLIM_OK) {
        return tool_refuse(r->path, &err);
    }
    if (r->json) {
        puts("]}");
    }
    return r->is_refused ? TOOL_NO : TOOL_OK;
}

static bool take_caps(replaying *r, const option_list *caps, tool_exit *code)
{
    const char *why = NULL;
    r->cap_count = caps->count ? caps->count : 1; /* none: 0, no cap */
    for (size_t i = 0; i < caps->count; i++) {
        if ((!count_parse(caps->at[i], &r->caps[i]) &&
             !size_parse(caps->at[i], &r->caps[i], &why)) ||
            r->caps[i] > INT64_MAX / 4) {
            *code = usage_error(&COMMAND, "--cap '%s': %s", caps->at[i],
                                why ? why : "more than any machine has");
            return false;
        }
    }
    return true;
}

tool_exit cmd_replay(int argc, char **argv)
{
    static replaying r;
    option_list operands = {.count = 0}, caps = {.count = 0};
    const char *time_text = NULL;
    char *end = NULL;
    tool_exit code;
    const option options[] = {
        {"--cap", OPTION_MANY, &caps, "BYTES", "under this cap; may be given several times"},
        {"--time", OPTION_TEXT, &time_text, "SECONDS", "search for so long at most in each plan"},
        {"--json", OPTION_FLAG, &r.json, NULL, "one JSON object (plimsoll-replay/1)"},
    };
    if (!options_parse(&COMMAND, options, sizeof(options) / sizeof(options[0]), argc, argv,
                       &operands, &code)) {
        return code;
    }
    if (operands.count != 1) {
        return usage_error(&COMMAND, "exactly one trace is wanted, - for standard input");
    }
    r.study.seconds = time_text ? strtod(time_text, &end) : 0;
    if (time_text &&
        (*end || end == time_text || !(r.study.seconds > 0 && r.study.seconds < 1e6))) {
        return usage_error(&COMMAND, "--time '%s': seconds, such as 0.5", time_text);
    }
    if (!take_caps(&r, &caps, &code)) {
        return code;
    }
    r.path = operands.at[0];
    code = replay(&r);
    replay_study_drop(&r.study);
    return code;
}
