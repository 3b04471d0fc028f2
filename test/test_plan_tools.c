/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan_tools.c - pack-plan and replay as a stranger uses them: tables, words, exit codes. */
#include <jansson.h>
#include <stdbool.h>
#include <unistd.h>

#include "test/support/tool_run.h"

static char *const out = tool_out, *const errors = tool_errors;

/* "plimsoll ARGUMENTS" in the test's folder. */
static int run(const char *arguments)
{
    return tool_sh("$plimsoll %s", arguments);
}

/* The whole run must give one JSON object. */
static json_t *json_of(const char *arguments, int code)
{
    json_error_t why;
    assert_int_equal(run(arguments), code);
    json_t *json = json_loads(out, 0, &why);
    if (!json) {
        fail_msg("%s: %s", arguments, out);
    }
    return json;
}

static uint64_t number(const json_t *json, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(json, key));
}

static const char *text(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

/* ---- pack-plan ---- */

static const char FIVE[] = "id,lower,upper,size\nb1,0,3,4\nb2,3,9,4\nb3,0,9,4\nb4,9,21,4\n"
                           "b5,0,21,4\n";

static void a_table_comes_back_with_offsets(void **state)
{
    (void)state;
    tool_write_text("five.csv", FIVE);

    assert_int_equal(run("pack-plan five.csv --capacity 12 -o with.csv"), 0);
    assert_says(out, "height    12 B  12 bytes");
    assert_says(out, "verdict   optimal");

    tool_read("with.csv", out);
    assert_int_equal(strncmp(out, "id,lower,upper,size,offset\nb1,0,3,4,", 36), 0);
    assert_int_equal(run("pack-plan with.csv --json"), 0); /* every offset is fixed now */
    assert_says(out, "\"height\":12,");
}

static void a_plan_goes_through_a_pipe(void **state)
{
    (void)state;
    tool_write_text("five.csv", FIVE);
    assert_int_equal(run("pack-plan - -o - <five.csv"), 0);
    assert_int_equal(strncmp(out, "id,lower,upper,size,offset\n", 27), 0);
    assert_null(strstr(out, "height"));
    assert_says(errors, "height    12 B");
    assert_null(strchr(errors, '\033')); /* no colour, no progress where nobody looks */
}

static void nothing_under_the_capacity_is_exit_1_and_says_what_is_known(void **state)
{
    (void)state;
    tool_write_text("five.csv", FIVE);
    json_t *json = json_of("pack-plan five.csv --capacity 11 --json", 1);
    assert_false(json_is_true(json_object_get(json, "found")));
    assert_string_equal(text(json, "verdict"), "infeasible");
    assert_int_equal(number(json, "lower_bound"), 12);
    json_decref(json);
    assert_int_equal(run("pack-plan five.csv --capacity 11B -o none.csv --svg none.svg"), 1);
    assert_says(out, "proven: no plan under the capacity exists");
    tool_read("none.csv", out);
    assert_string_equal(out, ""); /* nothing was written */
}

static void columns_are_found_by_name_in_any_order(void **state)
{
    (void)state;
    /* MiniMalloc's old names: end is inclusive. */
    tool_write_text("old.csv",
                    "\xef\xbb\xbfsize,end,buffer_id,start\r\n4,2,x,0\r\n4,8,y,3\r\n\r\n");
    assert_int_equal(run("pack-plan old.csv -o - 2>/dev/null"), 0);
    assert_string_equal(out, "id,lower,upper,size,offset\nx,0,3,4,0\ny,3,9,4,0\n");

    tool_write_text("more.csv", "owner,id,lower,upper,size,alignment,offset,gaps\n"
                                "cam,a,0,10,100,64,,3-5\nnet,b,3,5,100,1,,\nnet,c,0,10,8,8,256,\n");
    assert_int_equal(run("pack-plan more.csv -o more.out --svg more.svg"), 0);
    tool_read("more.out", out);
    assert_says(out, "id,lower,upper,size,alignment,gaps,owner,offset\n");
    assert_says(out, "\na,0,10,100,64,3-5,cam,");
    assert_says(out, "\nc,0,10,8,8,,net,256\n");
    tool_read("more.svg", out);
    assert_says(out, ">cam</text>");
}

static void others_use_a_buffers_bytes_in_its_gaps(void **state)
{
    (void)state;
    tool_write_text("gap.csv", "id,lower,upper,size,gaps\na,0,10,100,3-5\nb,3,5,100,\n");
    assert_int_equal(run("pack-plan gap.csv -o - 2>/dev/null"), 0);
    assert_string_equal(out, "id,lower,upper,size,gaps,offset\na,0,10,100,3-5,0\nb,3,5,100,,0\n");
}

static void gaps_with_a_window_are_read_and_said_to_be_kept(void **state)
{
    (void)state;
    tool_write_text("w.csv", "id,lower,upper,size,gaps\na,0,10,100,2-4@0:50 6-8\nb,2,4,8,\n");
    assert_int_equal(run("pack-plan w.csv"), 0);
    assert_says(errors, "1 gaps have a window");
}

static void a_wrong_table_is_refused_where_it_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *table, *says[3];
    } CASES[] = {
        {"", {"header", "nothing"}},
        {"\n", {"header"}},
        {"id,lower,size\n", {"upper", "no such column"}},
        {"id,lower,upper,size,size\n", {"each column once", "line 1, column 21"}},
        {"id,lower,upper,size\na,0,3\n", {"4 fields", "3", "line 2, column 1"}},
        {"id,lower,upper,size\na,0,3,4,5\n", {"4 fields", "5"}},
        {"id,lower,upper,size\n\na,0,3,4\n", {"a blank line", "line 2"}},
        {"id,lower,upper,size\na,0,3,-4\n", {"size", "whole number", "line 2, column 7"}},
        {"id,lower,upper,size\na,0,3, 4\n", {"size", "whole number"}},
        {"id,lower,upper,size\na,0,3,4\nb,0,3,0\n", {"a byte at least", "line 3, column 7"}},
        {"id,lower,upper,size\na,0,3,99999999999999999999\n", {"at most 9223372036854775807"}},
        {"id,lower,upper,size\na,0,4294967296,4\n", {"upper", "at most 4294967295"}},
        {"id,lower,upper,size\na,3,3,4\n", {"upper", "above lower", "line 2, column 5"}},
        {"id,lower,upper,size\n,0,3,4\n", {"id", "a name", "nothing"}},
        {"id,lower,upper,size\na,0,3,4\nb,0,3,4\na,0,3,4\n",
         {"each name once", "line 4", "the first is in line 2"}},
        {"id,lower,upper,size,alignment\na,0,3,4,3\n", {"a power of two", "column 9"}},
        {"id,lower,upper,size,alignment\na,0,3,4,0\n", {"a power of two"}},
        {"id,lower,upper,size,gaps\na,0,9,4,0-3\n", {"inside the lifetime"}},
        {"id,lower,upper,size,gaps\na,0,9,4,3-9\n", {"inside the lifetime"}},
        {"id,lower,upper,size,gaps\na,0,9,4,3-5 4-6\n", {"inside the lifetime, rising"}},
        {"id,lower,upper,size,gaps\na,0,9,4,3\n", {"gaps as 7-9 12-14", "column 9"}},
        {"id,lower,upper,size,gaps\na,0,9,4,3-4@1\n", {"gaps as"}},
        {"id,lower,upper,size,offset\na,0,9,4,0\nb,0,9,4,2\n", {"collide"}},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        tool_write_text("wrong.csv", CASES[i].table);
        int code = run("pack-plan wrong.csv -o wrong.out");
        if (code != 4) {
            fail_msg("%s: exit %d", CASES[i].table, code);
        }
        for (size_t n = 0; n < 3 && CASES[i].says[n]; n++) {
            assert_says(errors, CASES[i].says[n]);
        }
        assert_string_equal(out, "");
    }
    assert_int_equal(run("pack-plan none-such.csv"), 4);
    assert_says(errors, "none-such.csv");
    assert_int_equal(run("pack-plan five.csv --capacity 12parsecs"), 2);
    assert_int_equal(run("pack-plan five.csv --time soon"), 2);
    assert_int_equal(run("pack-plan"), 2);
    assert_int_equal(run("pack-plan five.csv -o /nonexistent/x"), 2);
}

static void a_header_alone_is_a_plan_of_nothing(void **state)
{
    (void)state;
    tool_write_text("none.csv", "id,lower,upper,size\n");
    assert_int_equal(run("pack-plan none.csv --ascii --svg none.svg -o none.out"), 0);
    tool_read("none.out", out);
    assert_string_equal(out, "id,lower,upper,size,offset\n");
}

static void a_terminal_drawing_is_the_same_everywhere(void **state)
{
    (void)state;
    tool_write_text("two.csv", "id,lower,upper,size,offset\na,0,4,8,0\nb,2,4,16,8\n");
    assert_int_equal(run("pack-plan two.csv --ascii"), 0);
    assert_says(
        out, "      24 B |.................................BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\n");
    assert_says(
        out, "       8 B |AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    assert_says(out, "         0 +----");
    assert_null(strchr(out, '\033'));
    assert_int_equal(run("pack-plan two.csv --ascii --json"), 2);
}

static void a_drawing_names_what_it_shows(void **state)
{
    (void)state;
    tool_write_text("five.csv", FIVE);
    assert_int_equal(run("pack-plan five.csv --capacity 16 --svg five.svg"), 0);
    tool_read("five.svg", out);
    assert_says(out, "<title>five.csv</title>");
    assert_says(out, "prefers-color-scheme:dark");
    assert_says(out, ">peak 12 B</text>");
    assert_says(out, ">capacity 16 B</text>");
    assert_says(out, "b5: 4 B (4 bytes), steps 0 to 21, offset 0</title>");
    assert_int_equal(strcmp(out + strlen(out) - 7, "</svg>\n"), 0);
    tool_write_text("keep.csv", "id,lower,upper,size\na,0,3,4\n");
    assert_int_equal(run("pack-plan keep.csv --svg ./keep.csv"), 2);
    assert_int_equal(run("pack-plan keep.csv -o ./keep.csv"), 2);
    assert_int_equal(run("pack-plan five.csv -o one.out --svg one.out"), 2);
    tool_read("keep.csv", out);
    assert_string_equal(out, "id,lower,upper,size\na,0,3,4\n");
    tool_write_text("odd.csv", "id,lower,upper,size\n<b&\"\xc3\xa9>,0,3,4\n");
    assert_int_equal(run("pack-plan odd.csv --svg odd.svg"), 0);
    tool_read("odd.svg", out);
    assert_says(out, "&lt;b&amp;&quot;??&gt;");
}

static void a_plan_goes_into_a_new_file_only(void **state)
{
    (void)state;
    tool_write_text("five.csv", FIVE);
    tool_write_text("old.txt", "mine\n");

    assert_int_equal(run("pack-plan five.csv -o old.txt"), 2);
    assert_says(errors, "-f overwrites it");
    assert_int_equal(run("pack-plan five.csv --svg old.txt"), 2);
    tool_read("old.txt", out);
    assert_string_equal(out, "mine\n");

    assert_int_equal(run("pack-plan five.csv -f -o old.txt"), 0);
    tool_read("old.txt", out);
    assert_says(out, "offset");
}

static void one_name_for_two_outputs_is_refused_however_it_is_spelt(void **state)
{
    (void)state;
    tool_write_text("five.csv", FIVE);

    assert_int_equal(run("pack-plan five.csv -f -o one.out --svg one.out"), 2);
    assert_int_equal(run("pack-plan five.csv -f -o one.out --svg ./one.out"), 2);
    assert_int_equal(run("pack-plan five.csv -o - --svg -"), 2);
    assert_says(errors, "are one file");
    assert_int_equal(tool_read("one.out", out), 0);
}

static void words_that_nobody_can_read_are_no_success(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        skip_because("there is no /dev/full");
    }
    tool_write_text("five.csv", FIVE);

    assert_int_equal(run("--help >/dev/full"), 5);
    assert_int_equal(run("--version >/dev/full"), 5);
    assert_int_equal(run("pack-plan five.csv --json >/dev/full"), 5);
    assert_says(errors, "could not be written");
}

/* ---- replay ---- */

/* Four turns of a loop; the second block of a turn lives into the next. */
static void write_loop(const char *name)
{
    static char table[4096];
    size_t n = (size_t)snprintf(table, sizeof(table), "op,id,bytes\n");
    for (int turn = 0; turn < 4; turn++) {
        int id = 10 * turn;
        n += (size_t)snprintf(table + n, sizeof(table) - n, "a,%d,100000\nf,%d,0\n", id, id);
        if (turn) {
            n += (size_t)snprintf(table + n, sizeof(table) - n, "f,%d,0\n", id - 9);
        }
        n += (size_t)snprintf(table + n, sizeof(table) - n, "a,%d,5000000\na,%d,64\nf,%d,0\n",
                              id + 1, id + 2, id + 2);
    }
    tool_write_text(name, table);
}

static const json_t *run_of(const json_t *json, uint64_t cap, const char *way)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(json, "runs"), i, item)
    {
        if (number(item, "cap") == cap && strcmp(text(item, "way"), way) == 0) {
            return item;
        }
    }
    fail_msg("no run %s", way);
    return NULL;
}

static void a_loop_is_found_planned_and_served(void **state)
{
    (void)state;
    write_loop("loop.csv");
    json_t *json = json_of("replay loop.csv --json", 0);
    const json_t *loop = json_object_get(json, "loop");

    assert_int_equal(number(json, "events"), 23);
    assert_int_equal(number(json, "peak"), 5100000);
    assert_int_equal(number(json, "kept"), 1);
    assert_int_equal(number(loop, "period"), 3);
    assert_true(number(loop, "turns") >= 3);
    assert_int_equal(number(run_of(json, 0, "planned"), "footprint"), 5100000);
    /* An iteration is cut where nothing is alive: the first block is warm-up, and dynamic. */
    assert_int_equal(number(run_of(json, 0, "loop"), "footprint"), 5100000 + 131072);
    assert_true(number(run_of(json, 0, "loop"), "hits") >= 11);
    json_decref(json);
}

static void a_cap_says_what_each_way_refuses_first(void **state)
{
    (void)state;
    write_loop("loop.csv");
    json_t *json = json_of("replay loop.csv --cap 5050000 --cap 8MiB --json", 1);
    const json_t *refusal = json_object_get(run_of(json, 5050000, "best-fit"), "first_refusal");

    assert_int_equal(number(run_of(json, 5050000, "planned"), "refused"), 12);
    assert_int_equal(number(run_of(json, 8 << 20, "planned"), "refused"), 0);
    assert_int_equal(number(run_of(json, 5050000, "best-fit"), "refused"), 3);
    assert_int_equal(number(refusal, "bytes"), 100000);
    assert_int_equal(number(refusal, "largest_free"), 5050000 - 5000000);
    /* A segment of 20 MiB does not fit under 8 MiB: every large block is refused. */
    assert_int_equal(number(run_of(json, 8 << 20, "caching"), "refused"), 4);
    json_decref(json);
    assert_int_equal(run("replay loop.csv --cap 5050000"), 1);
    assert_says(out, "largest free");
}

static void a_packed_trace_is_read_and_a_cut_one_refused(void **state)
{
    (void)state;
    char command[2048];
    write_loop("loop.csv");
    snprintf(command, sizeof(command),
             "cd %s && gzip -kf loop.csv && head -c 60 loop.csv.gz >cut.csv.gz && "
             "cat loop.csv.gz loop.csv.gz >two.csv.gz",
             tool_folder());
    if (system(command) != 0) {
        skip_because("no gzip");
    }
    assert_int_equal(run("replay loop.csv.gz"), 0);
    assert_says(out, "23 events");
    assert_int_equal(run("replay - <loop.csv.gz"), 0);
    assert_true(run("replay cut.csv.gz") != 0);
    assert_says(errors, "cut short");
    assert_int_equal(run("replay two.csv.gz"), 4); /* the second header is no row */
    assert_says(errors, "line 25");
}

static void a_trace_that_no_run_makes_is_refused_where_it_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *table, *says[3];
    } CASES[] = {
        {"", {"header"}},
        {"op,id,bytes\n", {"without an allocation"}},
        {"op,id\na,1\n", {"bytes", "no such column"}},
        {"op,id,bytes\na,1,64\na,1,64\n", {"a block that is not alive", "line 3, column 3"}},
        {"op,id,bytes\nf,1,64\n", {"a block that is alive", "line 2, column 3"}},
        {"op,id,bytes\na,1,64\nf,1,0\nf,1,0\n", {"a block that is alive", "line 4"}},
        {"op,id,bytes\nx,1,64\n", {"op", "a or f", "line 2, column 1"}},
        {"op,id,bytes\na,-1,64\n", {"id", "whole number"}},
        {"op,id,bytes\na,1,-64\n", {"bytes", "whole number"}},
        {"op,id,bytes\na,1,18446744073709551616\n", {"at most 1125899906842624"}},
        {"op,id,bytes\na,99999999999999999999,1\n", {"id", "at most 18446744073709551615"}},
        {"op,id,bytes\na,1\n", {"3 fields"}},
        {"op,id,bytes,alignment\na,1,64,3\n", {"a power of two"}},
        {"op,id,bytes\na,1,64\n\nf,1,0\n", {"a blank line", "line 3"}},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        tool_write_text("wrong.csv", CASES[i].table);
        int code = run("replay wrong.csv");
        if (code != 4) {
            fail_msg("%s: exit %d", CASES[i].table, code);
        }
        for (size_t n = 0; n < 3 && CASES[i].says[n]; n++) {
            assert_says(errors, CASES[i].says[n]);
        }
    }
    assert_int_equal(run("replay loop.csv --cap plenty"), 2);
    assert_int_equal(run("replay"), 2);
}

/* The figures that the recordings were made for. */
static void real_runs_are_planned_at_their_peak_with_proof(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t turns, period, peak;
        double dynamic_most;
    } CASES[] = {{"traces/vlm.csv.gz", 6, 2770, 35080608, 1.09},
                 {"traces/llm.csv.gz", 3, 17539, 80486736, 1.05},
                 {"traces/resnet_train.csv.gz", 3, 672, 1434406312, 1.05}};
    for (size_t i = 0; i < 3; i++) {
        char arguments[1024];
        char *path = cm_data(CASES[i].name) ? realpath(cm_data(CASES[i].name), NULL) : NULL;
        if (!path) {
            skip_because("the data folder is not there");
        }
        snprintf(arguments, sizeof(arguments), "replay %s --json", path);
        free(path);
        json_t *json = json_of(arguments, 0);
        const json_t *plan = json_object_get(json, "plan"), *loop = json_object_get(json, "loop");
        const json_t *served = run_of(json, 0, "loop");
        assert_int_equal(number(json, "peak"), CASES[i].peak);
        assert_int_equal(number(loop, "turns"), CASES[i].turns);
        assert_int_equal(number(loop, "period"), CASES[i].period);
        assert_int_equal(number(plan, "height"), CASES[i].peak);
        assert_int_equal(number(plan, "lower_bound"), CASES[i].peak);
        assert_int_equal(number(served, "hits"), number(json, "blocks"));
        assert_int_equal(number(served, "footprint"), CASES[i].peak);
        assert_true(json_number_value(json_object_get(run_of(json, 0, "dynamic"), "ratio")) <
                    CASES[i].dynamic_most);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_goes_into_a_new_file_only),
        cmocka_unit_test(one_name_for_two_outputs_is_refused_however_it_is_spelt),
        cmocka_unit_test(words_that_nobody_can_read_are_no_success),
        cmocka_unit_test(a_table_comes_back_with_offsets),
        cmocka_unit_test(a_plan_goes_through_a_pipe),
        cmocka_unit_test(nothing_under_the_capacity_is_exit_1_and_says_what_is_known),
        cmocka_unit_test(columns_are_found_by_name_in_any_order),
        cmocka_unit_test(others_use_a_buffers_bytes_in_its_gaps),
        cmocka_unit_test(gaps_with_a_window_are_read_and_said_to_be_kept),
        cmocka_unit_test(a_wrong_table_is_refused_where_it_is_wrong),
        cmocka_unit_test(a_header_alone_is_a_plan_of_nothing),
        cmocka_unit_test(a_terminal_drawing_is_the_same_everywhere),
        cmocka_unit_test(a_drawing_names_what_it_shows),
        cmocka_unit_test(a_loop_is_found_planned_and_served),
        cmocka_unit_test(a_cap_says_what_each_way_refuses_first),
        cmocka_unit_test(a_packed_trace_is_read_and_a_cut_one_refused),
        cmocka_unit_test(a_trace_that_no_run_makes_is_refused_where_it_is_wrong),
        cmocka_unit_test(real_runs_are_planned_at_their_peak_with_proof),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
