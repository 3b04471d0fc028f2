/* SPDX-License-Identifier: Apache-2.0 */
/* test_report.c - rows that add up to the kernel's figure, and planted bytes in the right row. */
#include <sys/mman.h>
#include <unistd.h>

#include "plimsoll/arena.h"
#include "plimsoll/report.h"
#include "test/support/cm.h"

#define MIB (UINT64_C(1) << 20)

static plim_error err;
static plim_report report, again;

static int64_t row_now(const plim_report *r, const char *owner, const char *kind)
{
    for (size_t i = 0; i < r->row_count; i++) {
        if (strcmp(r->rows[i].owner, owner) == 0 && strcmp(r->rows[i].kind, kind) == 0) {
            return r->rows[i].now_bytes;
        }
    }
    return -1;
}

static int64_t rows_sum(const plim_report *r)
{
    int64_t sum = 0;
    for (size_t i = 0; i < r->row_count; i++) {
        sum += r->rows[i].now_bytes;
    }
    return sum;
}

typedef struct text_buffer {
    char text[64 * 1024];
    size_t used, limit;
} text_buffer;

static bool into_buffer(void *context, const char *text, size_t text_bytes)
{
    text_buffer *b = context;
    if (b->limit && b->used + text_bytes > b->limit) {
        return false;
    }
    assert_true(b->used + text_bytes < sizeof(b->text));
    memcpy(b->text + b->used, text, text_bytes);
    b->used += text_bytes;
    b->text[b->used] = 0;
    return true;
}

typedef struct planted {
    plim_budget *budget;
    plim_arena *arena;
    plim_region *weights, *io;
} planted;

static void plant(planted *p, uint64_t touched)
{
    plim_budget_opts bo = plim_budget_opts_default();
    plim_region_opts ro = plim_region_opts_default();
    void *block;
    memset(p, 0, sizeof(*p));
    bo.cap_bytes = 64 * MIB;
    assert_ok(plim_budget_open(plim_provider_mmap(), &bo, &p->budget, &err));
    assert_ok(plim_arena_open(p->budget, plim_provider_mmap(), NULL, &p->arena, &err));
    assert_ok(plim_budget_owner(p->budget, "detector", &ro.owner, &err));
    ro.tag = PLIM_TAG_WEIGHTS;
    ro.size_bytes = 16 * MIB;
    ro.commit_now = true;
    assert_ok(plim_region_create(p->arena, PLIM_REGION_BUMP, &ro, &p->weights, &err));
    assert_ok(plim_region_alloc(p->weights, 16 * MIB, 0, &block, &err));
    memset(block, 7, touched);
    ro.tag = PLIM_TAG_IO;
    ro.size_bytes = MIB;
    assert_ok(plim_region_create(p->arena, PLIM_REGION_BUMP, &ro, &p->io, &err));
}

static void uproot(planted *p)
{
    plim_region_destroy(p->io);
    plim_region_destroy(p->weights);
    plim_arena_close(p->arena);
    plim_budget_close(p->budget);
}

static void rows_add_up_to_the_kernels_figure(void **state)
{
    skip_where_memory_is_not_ours();
    planted p;
    (void)state;
    plant(&p, 8 * MIB);

    assert_ok(plim_report_gather_self(p.arena, NULL, 0, &report, &err));

    assert_int_equal(rows_sum(&report), report.total_now_bytes);
    assert_int_equal(report.total_now_bytes,
                     report.process.rss_bytes + report.process.page_table_bytes);
    assert_int_equal(report.pid, getpid());
    assert_true(row_now(&report, "process", "code and libraries") > 0);
    assert_true(row_now(&report, "process", "stacks") > 0);
    /* Nothing else runs here: what no row explains is a page or two of our own stack. */
    assert_true(llabs(row_now(&report, "unattributed", "rest")) < 64 * 1024);
    uproot(&p);
}

static void a_region_shows_what_is_resident_and_what_is_charged(void **state)
{
    planted p;
    (void)state;
    plant(&p, 8 * MIB);

    assert_ok(plim_report_gather_self(p.arena, NULL, 0, &report, &err));

    int64_t now = row_now(&report, "detector", "weights");
    /* Large pages may bring more than was touched, never less. */
    assert_in_range(now, 8 * MIB, 16 * MIB);
    for (size_t i = 0; i < report.row_count; i++) {
        if (strcmp(report.rows[i].kind, "weights") == 0) {
            assert_int_equal(report.rows[i].charged_bytes, 16 * MIB);
            assert_int_equal(report.rows[i].known, PLIM_KNOWN_TAGGED);
        }
    }
    uproot(&p);
}

static void planted_heap_reappears_in_the_heap_within_a_page(void **state)
{
    skip_where_memory_is_not_ours();
    const long page = sysconf(_SC_PAGESIZE);
    planted p;
    (void)state;
    plant(&p, 4 * MIB);
    memset(&again, 1, sizeof(again)); /* its own pages are there before the first look */

    assert_ok(plim_report_gather_self(p.arena, NULL, 0, &report, &err));
    unsigned char *block =
        mmap(NULL, 5 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    madvise(block, 5 * MIB, MADV_NOHUGEPAGE);
    memset(block, 1, 5 * MIB);
    assert_ok(plim_report_gather_self(p.arena, NULL, 0, &again, &err));
    munmap(block, 5 * MIB);

    int64_t grown = row_now(&again, "process", "heap") - row_now(&report, "process", "heap");
    assert_true(grown >= (int64_t)(5 * MIB) && grown <= (int64_t)(5 * MIB) + page);
    assert_int_equal(row_now(&again, "detector", "weights"),
                     row_now(&report, "detector", "weights"));
    uproot(&p);
}

static void a_charge_without_a_region_has_no_resident_bytes(void **state)
{
    planted p;
    (void)state;
    plant(&p, MIB);
    plim_owner framework;
    assert_ok(plim_budget_owner(p.budget, "torch", &framework, &err));
    assert_ok(plim_budget_charge(p.budget, framework, PLIM_TAG_FRAMEWORK, 32 * MIB, &err));

    assert_ok(plim_report_gather_self(p.arena, NULL, 0, &report, &err));

    assert_int_equal(row_now(&report, "torch", "framework"), 0);
    assert_int_equal(report.account.tag_now_bytes[PLIM_TAG_FRAMEWORK], 32 * MIB);
    assert_int_equal(rows_sum(&report), report.total_now_bytes);
    plim_budget_credit(p.budget, framework, PLIM_TAG_FRAMEWORK, 32 * MIB);
    uproot(&p);
}

static void the_page_cache_of_named_files_is_part_of_the_sum(void **state)
{
    char path[256];
    (void)state;
    snprintf(path, sizeof(path), "%s/engine.bin", cm_tmp());
    FILE *f = fopen(path, "w");
    for (unsigned i = 0; i < 3 * 65536; i++) {
        fputc('x', f);
    }
    fclose(f);

    assert_ok(plim_report_gather_self(NULL, (const char *const[]){path}, 1, &report, &err));

    assert_int_equal(report.page_cache_bytes, 3 * 65536);
    assert_int_equal(row_now(&report, "page cache", "engine.bin"), 3 * 65536);
    assert_int_equal(rows_sum(&report), report.total_now_bytes);
    assert_status(plim_report_gather_self(NULL, (const char *const[]){"no/such"}, 1, &report, &err),
                  PLIM_E_NOT_FOUND);
}

static void json_comes_back_as_it_went(void **state)
{
    static text_buffer b;
    planted p;
    (void)state;
    plant(&p, MIB);
    assert_ok(plim_report_gather_self(p.arena, NULL, 0, &report, &err));
    b.used = 0;

    assert_ok(plim_report_json(&report, into_buffer, &b, &err));
    assert_ok(plim_report_parse(b.text, b.used, &again, &err));

    assert_int_equal(again.row_count, report.row_count);
    assert_int_equal(again.total_now_bytes, report.total_now_bytes);
    assert_memory_equal(&again.process, &report.process, sizeof(report.process));
    for (size_t i = 0; i < report.row_count; i++) {
        assert_string_equal(again.rows[i].owner, report.rows[i].owner);
        assert_string_equal(again.rows[i].kind, report.rows[i].kind);
        assert_int_equal(again.rows[i].now_bytes, report.rows[i].now_bytes);
        assert_int_equal(again.rows[i].peak_bytes, report.rows[i].peak_bytes);
        assert_int_equal(again.rows[i].charged_bytes, report.rows[i].charged_bytes);
    }
    uproot(&p);
}

/* A file may have any name: Latin-1, control bytes, a character that the 31st byte cuts. */
static void names_that_are_no_text_still_make_a_report(void **state)
{
    static text_buffer b;
    static const char *const names[] = {"caf\xe9\x1b[31m.mp4",
                                        "thirty-bytes-then-one-of-two-\xc3\xa9.mp4"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", cm_tmp(), names[i]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputc('x', f);
        fclose(f);
        assert_ok(plim_report_gather_self(NULL, (const char *const[]){path}, 1, &report, &err));
        b.used = 0;

        assert_ok(plim_report_json(&report, into_buffer, &b, &err));
        assert_ok(plim_report_parse(b.text, b.used, &again, &err));

        assert_int_equal(again.row_count, report.row_count);
        assert_true(row_now(&again, "page cache",
                            i ? "thirty-bytes-then-one-of-two-\xc3\xa9" : "caf??[31m.mp4") > 0);
    }
}

static void a_report_whose_rows_do_not_add_up_is_refused(void **state)
{
    static text_buffer b;
    (void)state;
    assert_ok(plim_report_gather_self(NULL, NULL, 0, &report, &err));
    report.rows[0].now_bytes += 1;
    b.used = 0;
    assert_ok(plim_report_json(&report, into_buffer, &b, &err));

    assert_status(plim_report_parse(b.text, b.used, &again, &err), PLIM_E_FORMAT);
    assert_string_equal(err.field, "rows");
    assert_status(plim_report_parse("{\"schema\":\"other/1\"}", 20, &again, &err), PLIM_E_FORMAT);
    assert_string_equal(err.field, "schema");
    assert_string_equal(err.found, "other/1");
    assert_status(plim_report_parse("{", 1, &again, &err), PLIM_E_FORMAT);
}

static void text_fits_80_columns_and_is_plain_unless_asked(void **state)
{
    skip_where_memory_is_not_ours();
    static text_buffer b;
    planted p;
    (void)state;
    plant(&p, MIB);
    assert_ok(plim_report_gather_self(p.arena, NULL, 0, &report, &err));
    report.rows[report.row_count - 1].now_bytes -= 12345; /* below zero is printed, not hidden */
    b.used = 0;

    assert_ok(plim_report_text(&report, NULL, into_buffer, &b, &err));

    size_t column = 0;
    for (size_t i = 0; i < b.used; i++) {
        assert_int_not_equal(b.text[i], 27);
        column = b.text[i] == '\n' ? 0 : column + 1;
        assert_true(column <= 80);
    }
    assert_non_null(strstr(b.text, "detector"));
    assert_non_null(strstr(b.text, "unattributed"));
    assert_non_null(strstr(b.text, "-12.1 KiB"));
    b.used = 0;
    b.limit = 100;
    assert_status(plim_report_text(&report, NULL, into_buffer, &b, &err), PLIM_E_IO);
    uproot(&p);
}

static plim_report_row row_of(const char *owner, const char *kind, int64_t now, plim_known known)
{
    plim_report_row row = {.now_bytes = now, .peak_bytes = PLIM_REPORT_NONE, .known = known};
    snprintf(row.owner, sizeof(row.owner), "%s", owner);
    snprintf(row.kind, sizeof(row.kind), "%s", kind);
    return row;
}

static void text_leaves_out_what_says_nothing(void **state)
{
    static text_buffer b;
    (void)state;
    memset(&report, 0, sizeof(report));
    report.account.cap_bytes = 256 * MIB;
    report.account.tag_peak_bytes[PLIM_TAG_LOAD_WINDOW] = 8 * MIB;
    report.rows[0] = row_of("voice", "weights", MIB, PLIM_KNOWN_TAGGED);
    report.rows[1] = row_of("voice", "activations", MIB, PLIM_KNOWN_TAGGED);
    report.rows[2] = row_of("voice", "load-window", 0, PLIM_KNOWN_TAGGED);
    report.rows[3] = row_of("framework", "framework", 2 * MIB, PLIM_KNOWN_TAGGED);
    report.rows[4] = row_of("process", "heap", MIB, PLIM_KNOWN_KERNEL);
    for (int i = 0; i < 8; i++) { /* of 1 to 8 MiB: 1, 2 and 3 share a line */
        char name[24];
        snprintf(name, sizeof(name), "lib%d.so", i + 1);
        report.rows[5 + i] = row_of("process", name, (i + 1) * MIB, PLIM_KNOWN_KERNEL);
    }
    report.row_count = 13;
    b.used = 0;
    b.limit = 0;

    assert_ok(plim_report_text(&report, NULL, into_buffer, &b, &err));
    b.text[b.used] = 0;

    assert_non_null(strstr(b.text, "  activations "));
    assert_null(strstr(b.text, "  load-window "));
    assert_non_null(
        strstr(b.text, "load window 0 B now, at most 8.0 MiB while engines were loaded\n"));
    assert_null(strstr(b.text, "  framework "));
    assert_non_null(strstr(b.text, "  heap "));
    assert_non_null(strstr(b.text, "  lib4.so "));
    assert_null(strstr(b.text, "lib3.so"));
    assert_non_null(strstr(b.text, "  3 others "));
    assert_non_null(strstr(b.text, "6.0 MiB           -           -  kernel"));
}

static void sizes_are_rounded_once_and_never_read_1024_of_a_unit(void **state)
{
    char text[24];
    (void)state;

    assert_string_equal(plim_bytes_format(0, false, text, sizeof(text)), "0 B");
    assert_string_equal(plim_bytes_format(1023, false, text, sizeof(text)), "1023 B");
    assert_string_equal(plim_bytes_format(1536, false, text, sizeof(text)), "1.5 KiB");
    assert_string_equal(plim_bytes_format(MIB - 1, false, text, sizeof(text)), "1.0 MiB");
    assert_string_equal(plim_bytes_format(1500000, true, text, sizeof(text)), "1.5 MB");
    assert_string_equal(plim_bytes_format(PLIM_UNKNOWN_BYTES, true, text, sizeof(text)), "n/a");
}

static void another_process_is_known_by_the_kernel_alone(void **state)
{
    (void)state;

    assert_ok(plim_report_gather_process((uint32_t)getpid(), NULL, &report, &err));

    assert_int_equal(rows_sum(&report), report.total_now_bytes);
    assert_int_equal(report.account.cap_bytes, 0);
    assert_status(plim_report_gather_process((uint32_t)getpid(), "no/such", &report, &err),
                  PLIM_E_NOT_FOUND);
    assert_status(plim_report_gather_process(4194303, NULL, &report, &err), PLIM_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_add_up_to_the_kernels_figure),
        cmocka_unit_test(a_region_shows_what_is_resident_and_what_is_charged),
        cmocka_unit_test(planted_heap_reappears_in_the_heap_within_a_page),
        cmocka_unit_test(a_charge_without_a_region_has_no_resident_bytes),
        cmocka_unit_test(the_page_cache_of_named_files_is_part_of_the_sum),
        cmocka_unit_test(json_comes_back_as_it_went),
        cmocka_unit_test(names_that_are_no_text_still_make_a_report),
        cmocka_unit_test(a_report_whose_rows_do_not_add_up_is_refused),
        cmocka_unit_test(text_fits_80_columns_and_is_plain_unless_asked),
        cmocka_unit_test(text_leaves_out_what_says_nothing),
        cmocka_unit_test(sizes_are_rounded_once_and_never_read_1024_of_a_unit),
        cmocka_unit_test(another_process_is_known_by_the_kernel_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
