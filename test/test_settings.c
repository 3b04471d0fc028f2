/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings.c - what allocators were told, from environments, files and options. */
#include <sys/stat.h>
#include <unistd.h>

#include "plimsoll/settings.h"
#include "test/support/cm.h"

static plim_error err;
static plim_facts facts;

static int clear(void **state)
{
    (void)state;
    memset(&facts, 0, sizeof(facts));
    return 0;
}

/* An environment as pairs of name and value, NULL at the end. */
static const char *lookup(void *context, const char *name)
{
    for (const char *const *pair = context; *pair; pair += 2) {
        if (strcmp(pair[0], name) == 0) {
            return pair[1];
        }
    }
    return NULL;
}

static void read_pairs(const char *const *pairs)
{
    memset(&facts, 0, sizeof(facts));
    plim_settings_read(&facts, lookup, (void *)pairs, "environment");
}

static void read_conf(const char *text)
{
    const char *const pairs[] = {"PYTORCH_CUDA_ALLOC_CONF", text, NULL};
    read_pairs(pairs);
}

#define SAID(id)   plim_facts_text(&facts, PLIM_FACT_##id)
#define NUMBER(id) plim_facts_number(&facts, PLIM_FACT_##id, 12345)
#define ABSENT(id) assert_null(plim_facts_get(&facts, PLIM_FACT_##id))

static void what_pytorch_was_told_is_read_with_its_source(void **state)
{
    (void)state;

    read_conf(" expandable_segments : True, garbage_collection_threshold:0.6,max_split_size_mb:128"
              ",roundup_power2_divisions:[256:1, 512:2,>:8],backend:native,");

    assert_int_equal(NUMBER(PYTORCH_EXPANDABLE), 1);
    assert_string_equal(SAID(PYTORCH_THRESHOLD), "0.6");
    assert_int_equal(NUMBER(PYTORCH_SPLIT), UINT64_C(128) << 20);
    assert_string_equal(SAID(PYTORCH_ROUNDUP), "[256:1,512:2,>:8]");
    assert_string_equal(SAID(PYTORCH_BACKEND), "native");
    assert_string_equal(SAID(PYTORCH_CONF), "PYTORCH_CUDA_ALLOC_CONF");
    assert_string_equal(SAID(SETTINGS_OF), "environment");
    assert_string_equal(plim_facts_get(&facts, PLIM_FACT_PYTORCH_SPLIT)->source,
                        "PYTORCH_CUDA_ALLOC_CONF");
    ABSENT(PYTORCH_UNKNOWN);
    ABSENT(PYTORCH_REFUSED);
}

static void what_pytorch_would_refuse_is_named_and_the_rest_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *conf, *refused, *unknown;
    } wrong[] = {
        {"garbage_collection_threshold:0", "garbage_collection_threshold:0", ""},
        {"garbage_collection_threshold:1.0", "garbage_collection_threshold:1.0", ""},
        {"garbage_collection_threshold:-0.5", "garbage_collection_threshold:-0.5", ""},
        {"garbage_collection_threshold:", "garbage_collection_threshold:", ""},
        {"garbage_collection_threshold", "garbage_collection_threshold:", ""},
        {"max_split_size_mb:19", "max_split_size_mb:19", ""},
        {"max_split_size_mb:-1", "max_split_size_mb:-1", ""},
        {"expandable_segments:true", "expandable_segments:true", ""},
        {"expandable_segments:1", "expandable_segments:1", ""},
        {"roundup_power2_divisions:3", "roundup_power2_divisions:3", ""},
        {"roundup_power2_divisions:[256:3]", "roundup_power2_divisions:[", ""},
        {"roundup_power2_divisions:[300:4]", "roundup_power2_divisions:[", ""},
        {"roundup_power2_divisions:[256:4", "roundup_power2_divisions:[", ""},
        {"roundup_power2_divisions:[256]", "roundup_power2_divisions:[", ""},
        {"backend:malloc", "backend:malloc", ""},
        {"pinned_num_register_threads:3", "pinned_num_register_threads:3", ""},
        {"pinned_num_register_threads:256", "pinned_num_register_threads:256", ""},
        {"per_process_memory_fraction:1.5", "per_process_memory_fraction:1.5", ""},
        {"expandable_segment:True", "", "expandable_segment"},
        {"gc:0.9", "", "gc"},
        {"max_split_size_mb=128", "", "max_split_size_mb=128"},
        {",backend:native", "", ","},
        {"lists:[a:b,c:d]", "", "lists"},
        {"backend:native max_split_size_mb:64", "backend:nativemax_split_size_mb", ""},
        {"pinned_use_background_threads:True]", "a comma before:]", ""},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s,large_segment_size_mb:32,expandable_segments:False",
                 wrong[i].conf);

        read_conf(text);

        if (strcmp(SAID(PYTORCH_REFUSED), wrong[i].refused) != 0 ||
            strcmp(SAID(PYTORCH_UNKNOWN), wrong[i].unknown) != 0) {
            fail_msg("%s: refused '%s', unknown '%s'", text, SAID(PYTORCH_REFUSED),
                     SAID(PYTORCH_UNKNOWN));
        }
        if (!strstr(wrong[i].conf, "[256:4")) { /* an open list swallows what follows */
            assert_int_equal(NUMBER(PYTORCH_EXPANDABLE), 0);
        }
    }
}

static void numbers_end_where_pytorch_ends_them(void **state)
{
    (void)state;

    read_conf("max_split_size_mb:512MB,garbage_collection_threshold:.8x");

    assert_int_equal(NUMBER(PYTORCH_SPLIT), UINT64_C(512) << 20);
    assert_string_equal(SAID(PYTORCH_THRESHOLD), ".8");
    ABSENT(PYTORCH_REFUSED);
    read_conf("max_split_size_mb:18446744073709551615");
    assert_true(NUMBER(PYTORCH_SPLIT) == UINT64_MAX);
    read_conf("max_split_size_mb:99999999999999999999");
    assert_string_equal(SAID(PYTORCH_REFUSED), "max_split_size_mb:99999999999999999999");
}

static void the_last_of_two_settings_counts(void **state)
{
    (void)state;

    read_conf("expandable_segments:True,expandable_segments:False");

    assert_int_equal(NUMBER(PYTORCH_EXPANDABLE), 0);
}

static void the_older_variable_hides_the_newer_one_in_either_order(void **state)
{
    (void)state;
    char path[4096], folder[4096];
    static const char *const orders[] = {
        "PYTORCH_ALLOC_CONF=max_split_size_mb:64\0PYTORCH_CUDA_ALLOC_CONF=backend:native\0",
        "PYTORCH_CUDA_ALLOC_CONF=backend:native\0PYTORCH_ALLOC_CONF=max_split_size_mb:64\0"};
    snprintf(folder, sizeof(folder), "%s/proc", cm_tmp());
    (void)mkdir(folder, 0755);
    snprintf(folder, sizeof(folder), "%s/proc/42", cm_tmp());
    (void)mkdir(folder, 0755);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/proc/42/environ", cm_tmp());
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(orders[i], 1, 79, f);
        fclose(f);
        memset(&facts, 0, sizeof(facts));

        assert_ok(plim_settings_read_process(cm_tmp(), 42, &facts, &err));

        assert_string_equal(SAID(PYTORCH_CONF), "PYTORCH_CUDA_ALLOC_CONF");
        assert_string_equal(SAID(PYTORCH_CONF_UNREAD), "PYTORCH_ALLOC_CONF");
        assert_string_equal(SAID(PYTORCH_BACKEND), "native");
        assert_string_equal(SAID(SETTINGS_OF), "process 42");
        ABSENT(PYTORCH_SPLIT);
    }
}

static void caching_is_off_whatever_the_variable_says(void **state)
{
    (void)state;
    const char *const pairs[] = {"PYTORCH_NO_CUDA_MEMORY_CACHING", "0", NULL};

    read_pairs(pairs);

    assert_int_equal(NUMBER(PYTORCH_NO_CACHING), 1);
}

static void the_variables_of_glibc_are_read(void **state)
{
    (void)state;
    const char *const pairs[] = {"MALLOC_ARENA_MAX",
                                 "2",
                                 "MALLOC_MMAP_THRESHOLD_",
                                 "0x20000",
                                 "MALLOC_TOP_PAD_",
                                 "0",
                                 "MALLOC_TRIM_THRESHOLD_",
                                 "131072",
                                 NULL};

    read_pairs(pairs);

    assert_int_equal(NUMBER(MALLOC_ARENAS), 2);
    assert_int_equal(NUMBER(MALLOC_MMAP), 131072);
    assert_int_equal(NUMBER(MALLOC_TRIM), 131072);
    assert_int_equal(NUMBER(MALLOC_TOP_PAD), 0);
    ABSENT(MALLOC_UNKNOWN);
}

static void tunables_win_over_variables_and_the_last_of_two_counts(void **state)
{
    (void)state;
    const char *const pairs[] = {"MALLOC_ARENA_MAX", "8", "GLIBC_TUNABLES",
                                 "glibc.malloc.arena_max=1::glibc.malloc.arena_max=2:"
                                 "glibc.malloc.tcache_count=0:glibc.rtld.nns=4",
                                 NULL};

    read_pairs(pairs);

    assert_int_equal(NUMBER(MALLOC_ARENAS), 2);
    assert_string_equal(plim_facts_get(&facts, PLIM_FACT_MALLOC_ARENAS)->source, "GLIBC_TUNABLES");
    assert_int_equal(NUMBER(MALLOC_TCACHE), 0);
    ABSENT(MALLOC_UNKNOWN);
}

static void what_glibc_reads_past_is_named(void **state)
{
    (void)state;
    static const char *const wrong[][3] = {
        {"MALLOC_MMAP_THRESHOLD", "65536", "MALLOC_MMAP_THRESHOLD"},
        {"MALLOC_TCACHE_COUNT", "0", "MALLOC_TCACHE_COUNT"},
        {"MALLOC_ARENA_MAX", "two", "MALLOC_ARENA_MAX=two"},
        {"MALLOC_ARENA_MAX", "", "MALLOC_ARENA_MAX="},
        {"MALLOC_TRIM_THRESHOLD_", "128K", "MALLOC_TRIM_THRESHOLD_=128K"},
        {"GLIBC_TUNABLES", "malloc.arena_max=1", "malloc.arena_max=1"},
        {"GLIBC_TUNABLES", "glibc.malloc.arenas=1", "glibc.malloc.arenas=1"},
        {"GLIBC_TUNABLES", "glibc.malloc.arena_max", "glibc.malloc.arena_max"},
        {"GLIBC_TUNABLES", "glibc.malloc.arena_max=1M", "glibc.malloc.arena_max=1M"},
        {"GLIBC_TUNABLES", "glibc.malloc.=1", "glibc.malloc.=1"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *const pairs[] = {wrong[i][0], wrong[i][1], NULL};

        read_pairs(pairs);

        assert_string_equal(SAID(MALLOC_UNKNOWN), wrong[i][2]);
        ABSENT(MALLOC_ARENAS);
        ABSENT(MALLOC_MMAP);
    }
}

static void a_preloaded_allocator_is_named(void **state)
{
    (void)state;
    const char *const pairs[] = {"LD_PRELOAD",
                                 "/opt/trace.so:/usr/lib/aarch64-linux-gnu/libjemalloc.so.2",
                                 "CUDA_MODULE_LOADING",
                                 "EAGER",
                                 "CUDA_VISIBLE_DEVICES",
                                 "",
                                 "ORT_TENSORRT_MAX_WORKSPACE_SIZE",
                                 "1073741824",
                                 NULL};

    read_pairs(pairs);

    assert_string_equal(SAID(MALLOC_LIBRARY), "jemalloc");
    assert_string_equal(SAID(CUDA_LAZY), "EAGER");
    assert_string_equal(SAID(CUDA_DEVICES), "none");
    assert_int_equal(NUMBER(TRT_WORKSPACE), 1 << 30);
}

static void an_environment_of_another_process_gives_up_no_secret(void **state)
{
    (void)state;
    char path[4096];
    static char text[20000];
    size_t n = 0;
    n += (size_t)sprintf(text + n, "API_TOKEN=hunter2") + 1;
    n += (size_t)sprintf(text + n, "LONG=%05000d", 7) + 1; /* longer than the reader's buffer */
    n += (size_t)sprintf(text + n, "NO_EQUAL_SIGN") + 1;
    n += (size_t)sprintf(text + n, "MALLOC_ARENA_MAX=4") + 1;
    n += (size_t)sprintf(text + n, "LD_PRELOAD=/x/%05000d/libmimalloc.so", 7) + 1;
    n += (size_t)sprintf(text + n, "CUDA_MODULE_LOADING=LAZY"); /* no end */
    snprintf(path, sizeof(path), "%s/proc", cm_tmp());
    (void)mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/proc/self", cm_tmp());
    (void)mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/proc/self/environ", cm_tmp());
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(text, 1, n, f);
    fclose(f);

    assert_ok(plim_settings_read_process(cm_tmp(), 0, &facts, &err));

    assert_int_equal(NUMBER(MALLOC_ARENAS), 4);
    assert_string_equal(SAID(CUDA_LAZY), "LAZY");
    ABSENT(MALLOC_LIBRARY); /* its value was cut: not judged */
    assert_null(memmem(&facts, sizeof(facts), "hunter2", 7));
    assert_status(plim_settings_read_process(cm_tmp(), 77, &facts, &err), PLIM_E_NOT_FOUND);
}

static void a_file_that_becomes_an_environment_is_read(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof(path), "%s/service.env", cm_tmp());
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("# PYTORCH_NO_CUDA_MEMORY_CACHING=1\n\n"
          "  export PYTORCH_ALLOC_CONF=\"expandable_segments:True\"\r\n"
          "MALLOC_ARENA_MAX='1'\n"
          "CUDA_MODULE_LOADING='LAZY\n",
          f);
    fclose(f);

    assert_ok(plim_settings_read_file(path, &facts, &err));

    assert_int_equal(NUMBER(PYTORCH_EXPANDABLE), 1);
    assert_int_equal(NUMBER(MALLOC_ARENAS), 1);
    assert_string_equal(SAID(CUDA_LAZY), "'LAZY");
    ABSENT(PYTORCH_NO_CACHING);
    assert_status(plim_settings_read_file("nowhere/at.all", &facts, &err), PLIM_E_NOT_FOUND);
}

static void options_in_code_stand_against_the_environment(void **state)
{
    (void)state;
    const char *const pairs[] = {"ORT_TENSORRT_MAX_WORKSPACE_SIZE", "1", NULL};

    assert_ok(plim_settings_note(&facts, "gpu_mem_limit", "4294967296", &err));
    assert_string_equal(SAID(ORT_ARENA), "kNextPowerOfTwo"); /* by default */
    assert_ok(plim_settings_note(&facts, "arena_extend_strategy", "1", &err));
    assert_ok(plim_settings_note(&facts, "workspace", "268435456", &err));
    assert_ok(plim_settings_note(&facts, "enable_mem_pattern", "False", &err));
    assert_ok(plim_settings_note(&facts, "memory_fraction", "0.6", &err));
    plim_settings_read(&facts, lookup, (void *)pairs, NULL);

    assert_true(NUMBER(ORT_LIMIT) == UINT64_C(4) << 30);
    assert_string_equal(SAID(ORT_ARENA), "kSameAsRequested");
    assert_int_equal(NUMBER(TRT_WORKSPACE), 268435456);
    assert_int_equal(NUMBER(ORT_MEMORY_PATTERN), 0);
    assert_string_equal(SAID(PYTORCH_FRACTION), "0.6");
}

static void an_option_that_is_wrong_changes_nothing(void **state)
{
    (void)state;
    assert_ok(plim_settings_note(&facts, "gpu_mem_limit", "7", &err));

    assert_status(plim_settings_note(&facts, "gpu_mem_limit", "4 GiB", &err), PLIM_E_FORMAT);
    assert_string_equal(err.wanted, "a number of bytes");
    assert_status(plim_settings_note(&facts, "arena_extend_strategy", "2", &err), PLIM_E_FORMAT);
    assert_status(plim_settings_note(&facts, "gpu_limit", "7", &err), PLIM_E_NOT_FOUND);
    assert_non_null(strstr(err.wanted, "gpu_mem_limit"));

    assert_int_equal(NUMBER(ORT_LIMIT), 7);
    assert_string_equal(SAID(ORT_ARENA), "kNextPowerOfTwo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_pytorch_was_told_is_read_with_its_source, clear),
        cmocka_unit_test_setup(what_pytorch_would_refuse_is_named_and_the_rest_is_read, clear),
        cmocka_unit_test_setup(numbers_end_where_pytorch_ends_them, clear),
        cmocka_unit_test_setup(the_last_of_two_settings_counts, clear),
        cmocka_unit_test_setup(the_older_variable_hides_the_newer_one_in_either_order, clear),
        cmocka_unit_test_setup(caching_is_off_whatever_the_variable_says, clear),
        cmocka_unit_test_setup(the_variables_of_glibc_are_read, clear),
        cmocka_unit_test_setup(tunables_win_over_variables_and_the_last_of_two_counts, clear),
        cmocka_unit_test_setup(what_glibc_reads_past_is_named, clear),
        cmocka_unit_test_setup(a_preloaded_allocator_is_named, clear),
        cmocka_unit_test_setup(an_environment_of_another_process_gives_up_no_secret, clear),
        cmocka_unit_test_setup(a_file_that_becomes_an_environment_is_read, clear),
        cmocka_unit_test_setup(options_in_code_stand_against_the_environment, clear),
        cmocka_unit_test_setup(an_option_that_is_wrong_changes_nothing, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
