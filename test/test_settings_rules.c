/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings_rules.c - each rule over allocator settings: what it speaks of, and what not.
 *
 * Every rule of settings.table has a row here, or the last test fails.
 */
#include "plimsoll/policy.h"
#include "plimsoll/settings.h"
#include "test/support/cm.h"
#include "test/support/json_schema.h"
#include "test/support/tool_run.h"

typedef enum machine { NX, SPARK, PC } machine;

typedef struct row {
    const char *rule;
    machine on;
    const char *env[5]; /* "NAME=value" or an option "gpu_mem_limit=7" */
    const char *quiet;  /* instead of env[0]: the rule does not hit */
} row;

#define CONF "PYTORCH_CUDA_ALLOC_CONF="
static const row ROWS[] = {
    {"pytorch-threshold-beside-expandable-segments",
     PC,
     {CONF "expandable_segments:True,garbage_collection_threshold:0.6"},
     CONF "garbage_collection_threshold:0.6"},
    {"pytorch-threshold-without-fraction",
     PC,
     {CONF "garbage_collection_threshold:0.6"},
     CONF "garbage_collection_threshold:0.6,per_process_memory_fraction:0.6"},
    {"pytorch-refuses-a-setting",
     PC,
     {CONF "garbage_collection_threshold:1.2"},
     CONF "garbage_collection_threshold:0.9"},
    {"pytorch-does-not-know-a-setting", PC, {CONF "expandable:True"}, CONF "backend:native"},
    {"pytorch-split-size-beside-expandable-segments",
     PC,
     {CONF "max_split_size_mb:128,expandable_segments:True"},
     CONF "max_split_size_mb:128,expandable_segments:False"},
    {"pytorch-expandable-on-jetson",
     NX,
     {CONF "expandable_segments:True"},
     CONF "expandable_segments:False"},
    {"pytorch-async-ignores-native-settings",
     PC,
     {CONF "backend:cudaMallocAsync,max_split_size_mb:64"},
     CONF "backend:cudaMallocAsync"},
    {"pytorch-caching-is-off", PC, {"PYTORCH_NO_CUDA_MEMORY_CACHING=0"}, "A=0"},
    {"pytorch-two-variables",
     PC,
     {CONF "backend:native", "PYTORCH_ALLOC_CONF=backend:native"},
     "A="},
    {"pytorch-newer-variable-for-an-older-release",
     PC,
     {"PYTORCH_ALLOC_CONF=backend:native", "torch_version=2.6.0"},
     CONF "backend:native"},
    {"pytorch-fraction-takes-the-board", NX, {"memory_fraction=0.9"}, "memory_fraction=0.6"},
    {"pytorch-roundup-costs-memory",
     NX,
     {CONF "roundup_power2_divisions:1"},
     CONF "roundup_power2_divisions:8"},
    {"ort-arena-doubles", NX, {"gpu_mem_limit=1"}, "arena_extend_strategy=kSameAsRequested"},
    {"ort-no-limit", NX, {"arena_extend_strategy=1"}, "gpu_mem_limit=1"},
    {"ort-limit-above-memory", NX, {"gpu_mem_limit=16000000000"}, "gpu_mem_limit=4000000000"},
    {"ort-memory-pattern-holds-the-peak", NX, {"enable_mem_pattern=1"}, "enable_mem_pattern=0"},
    {"tensorrt-workspace-takes-the-board", NX, {"workspace=9000000000"}, "workspace=1000000000"},
    {"malloc-many-arenas", NX, {"A="}, "MALLOC_ARENA_MAX=2"},
    {"malloc-mmap-threshold-is-fixed", PC, {"MALLOC_MMAP_THRESHOLD_=65536"}, "A="},
    {"malloc-mmap-threshold-is-high",
     PC,
     {"MALLOC_MMAP_THRESHOLD_=67108864"},
     "MALLOC_MMAP_THRESHOLD_=33554432"},
    {"malloc-trim-is-high",
     NX,
     {"MALLOC_TRIM_THRESHOLD_=134217728"},
     "MALLOC_TRIM_THRESHOLD_=131072"},
    {"malloc-top-pad-is-high", PC, {"MALLOC_TOP_PAD_=134217728"}, "MALLOC_TOP_PAD_=0"},
    {"malloc-tcache-is-large",
     PC,
     {"GLIBC_TUNABLES=glibc.malloc.tcache_count=2000"},
     "GLIBC_TUNABLES=glibc.malloc.tcache_count=7"},
    {"malloc-huge-pages", NX, {"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"}, NULL},
    {"malloc-setting-is-read-past", PC, {"MALLOC_ARENA_MAX=2K"}, "MALLOC_ARENA_MAX=2"},
    {"malloc-settings-of-another-library",
     PC,
     {"LD_PRELOAD=libtcmalloc.so", "MALLOC_ARENA_MAX=2"},
     "A="},
    {"jemalloc-large-pages", SPARK, {"LD_PRELOAD=libjemalloc.so.2"}, "LD_PRELOAD=x.so"},
    {"jemalloc-keeps-freed-pages", NX, {"LD_PRELOAD=libjemalloc.so.2"}, "LD_PRELOAD=x.so"},
    {"cuda-modules-are-loaded-eagerly",
     NX,
     {"CUDA_MODULE_LOADING=EAGER"},
     "CUDA_MODULE_LOADING=LAZY"},
    {"cuda-modules-are-eager-by-default", NX, {"A="}, "CUDA_MODULE_LOADING=LAZY"},
    {"cuda-loading-mode-is-none", PC, {"CUDA_MODULE_LOADING=lazy"}, "CUDA_MODULE_LOADING=LAZY"},
    {"cuda-devices-are-hidden", PC, {"CUDA_VISIBLE_DEVICES=-1"}, "CUDA_VISIBLE_DEVICES=0"},
};
#define ROW_COUNT (sizeof(ROWS) / sizeof(ROWS[0]))

static plim_error err;
static plim_facts facts;
static plim_policy policy;

static void number(plim_fact_id id, uint64_t n)
{
    assert_true(plim_facts_set_number(&facts, id, n, PLIM_CONFIDENCE_READ, "test"));
}

static void text(plim_fact_id id, const char *t)
{
    assert_true(plim_facts_set_text(&facts, id, t, PLIM_CONFIDENCE_READ, "test"));
}

static void be(machine on)
{
    memset(&facts, 0, sizeof(facts));
    number(PLIM_FACT_MEMORY_PAGE_BYTES, on == SPARK ? 65536 : 4096);
    number(PLIM_FACT_GPU_SHARES_MEMORY, on != PC);
    number(PLIM_FACT_CPU_ONLINE, on == SPARK ? 20 : 8);
    number(PLIM_FACT_MEMORY_TOTAL, UINT64_C(8000000000) * (on == NX ? 1 : 16));
    text(PLIM_FACT_BOARD_SOC, on == NX ? "tegra234" : on == SPARK ? "gb10" : "x86");
    text(PLIM_FACT_CUDA_TOOLKIT, on == NX ? "11.8" : "13.0");
}

static const char *lookup(void *context, const char *name)
{
    size_t n = strlen(name);
    for (const char *const *entry = context; *entry; entry++) {
        if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=') {
            return *entry + n + 1;
        }
    }
    return NULL;
}

static void give(const char *const *entries)
{
    for (const char *const *e = entries; *e; e++) {
        char name[64];
        const char *equal = strchr(*e, '=');
        snprintf(name, sizeof(name), "%.*s", (int)(equal - *e), *e);
        if (name[0] >= 'a' && name[0] <= 'z') {
            assert_ok(plim_settings_note(&facts, name, equal + 1, &err));
        }
    }
    plim_settings_read(&facts, lookup, (void *)entries, "environment");
}

typedef struct seen {
    const char *id;
    bool hits;
} seen;

static void look(void *context, const plim_rule *rule, plim_verdict verdict)
{
    seen *s = context;
    s->hits = s->hits || (verdict == PLIM_VERDICT_HIT && plim_slice_is(rule->id, s->id));
}

static bool hits(const char *id)
{
    seen s = {id, false};
    assert_ok(plim_policy_match(&policy, &facts, look, &s, &err));
    return s.hits;
}

static int know_rules(void **state)
{
    (void)state;
    plim_policy_builtin(&policy);
    return 0;
}

static void each_rule_hits_the_settings_that_it_speaks_of(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        be(ROWS[i].on);
        give(ROWS[i].env);

        if (!hits(ROWS[i].rule)) {
            fail_msg("%s does not hit %s", ROWS[i].rule, ROWS[i].env[0]);
        }
    }
}

static void no_rule_hits_settings_that_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *env[5];
        memcpy(env, ROWS[i].env, sizeof(env));
        if (!ROWS[i].quiet) {
            continue;
        }
        env[0] = ROWS[i].quiet;
        be(ROWS[i].on);
        give(env);

        if (hits(ROWS[i].rule)) {
            fail_msg("%s hits %s", ROWS[i].rule, env[0]);
        }
    }
}

static void expandable_segments_are_no_fault_on_a_dgx_spark(void **state)
{
    (void)state;
    const char *const env[] = {CONF "expandable_segments:True", NULL};
    be(SPARK);

    give(env);

    assert_false(hits("pytorch-expandable-on-jetson"));
}

static void nothing_is_said_of_an_environment_that_nobody_read(void **state)
{
    (void)state;
    be(NX);

    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_false(hits(ROWS[i].rule));
    }
}

static void every_rule_of_the_table_is_tried_here(void **state)
{
    (void)state;
    plim_policy_cursor at = {0};
    static plim_policy_entry entry;
    size_t count = 0;
    while (plim_policy_next(&policy, &at, &entry)) {
        if (entry.kind != PLIM_POLICY_RULE || !strstr(entry.as.rule.table, "settings")) {
            continue;
        }
        bool is_tried = false;
        count++;
        for (size_t i = 0; i < ROW_COUNT; i++) {
            is_tried = is_tried || plim_slice_is(entry.as.rule.id, ROWS[i].rule);
        }
        if (!is_tried) {
            fail_msg("no row for %.*s", (int)entry.as.rule.id.bytes, entry.as.rule.id.at);
        }
    }
    assert_int_equal(count, ROW_COUNT);
}

static void the_command_names_what_does_not_go_together(void **state)
{
    (void)state;
    tool_set_up(state);
    tool_write_text("service.env", "SECRET=hunter2\nMALLOC_ARENA_MAX=2K\n");

    assert_int_equal(tool_sh("$plimsoll settings --env-file service.env"), 1);
    assert_says(tool_out, "malloc-setting-is-read-past");
    assert_says(tool_out, "MALLOC_ARENA_MAX=2K");
    assert_null(strstr(tool_out, "hunter2"));
    tool_write_text("quiet.env", "MALLOC_ARENA_MAX=2\n");
    assert_int_equal(tool_sh("$plimsoll settings --env-file quiet.env --json"), 0);
    assert_says(tool_out, "\"malloc.arena_max\":{\"value\":\"2\"");
    assert_int_equal(tool_sh("$plimsoll settings --set gpu_limit=1"), 2);
    assert_int_equal(tool_sh("$plimsoll settings --env-file nowhere.env"), 4);
}

static void what_it_prints_as_json_follows_its_schema(void **state)
{
    (void)state;
    json_error_t at;
    char why[1024];
    json_t *schema = json_load_file("docs/plimsoll-settings-1.schema.json", 0, &at);
    assert_non_null(schema);
    tool_set_up(state);
    tool_write_text("service.env", "MALLOC_ARENA_MAX=2K\nMALLOC_TRIM_THRESHOLD_=9\n");

    assert_int_equal(tool_sh("$plimsoll settings --env-file service.env --json"), 1);

    json_t *root = json_loads(tool_out, JSON_REJECT_DUPLICATES, &at);
    assert_non_null(root);
    assert_true(json_array_size(json_object_get(root, "rules")) > 0);
    if (!json_schema_holds(schema, root, why, sizeof(why))) {
        fail_msg("%s", why);
    }
    json_object_set_new(root, "more", json_true());
    assert_false(json_schema_holds(schema, root, why, sizeof(why)));
    json_decref(root);
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_hits_the_settings_that_it_speaks_of),
        cmocka_unit_test(no_rule_hits_settings_that_are_right),
        cmocka_unit_test(expandable_segments_are_no_fault_on_a_dgx_spark),
        cmocka_unit_test(nothing_is_said_of_an_environment_that_nobody_read),
        cmocka_unit_test(every_rule_of_the_table_is_tried_here),
        cmocka_unit_test(the_command_names_what_does_not_go_together),
        cmocka_unit_test(what_it_prints_as_json_follows_its_schema),
    };
    return cmocka_run_group_tests(tests, know_rules, NULL);
}
