/* SPDX-License-Identifier: Apache-2.0 */
/* test_doctor.c - what the doctor says of boards, of deployments, and of words that are wrong.
 *
 * A board with a doctor.txt must give that text; UPDATE=1 rewrites it. Every board gives JSON that
 * follows the schema, the same twice, and the same from a captured copy of it.
 */
#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/linux/cgroup_levels.h"
#include "test/support/json_schema.h"
#include "test/support/made_root.h"
#include "test/support/tool_run.h"

#define BOARDS "test/fixtures/boards"

static void follows_schema(const char *where)
{
    char why[1024] = "";
    json_error_t at;
    json_t *schema = json_load_file("docs/plimsoll-doctor-1.schema.json", 0, &at);
    json_t *root = json_loads(tool_out, JSON_REJECT_DUPLICATES, &at);
    assert_non_null(schema);
    if (!root) {
        fail_msg("%s: %s, column %d: %s", where, at.text, at.column, tool_out);
    }
    if (!json_schema_holds(schema, root, why, sizeof(why))) {
        fail_msg("%s: %s", where, why);
    }
    json_decref(root);
    json_decref(schema);
}

/* Calls @each with every folder of boards that is a machine; gives how many. */
static unsigned every_board(void (*each)(const char *root))
{
    struct dirent **boards = NULL;
    int count = scandir(BOARDS, &boards, NULL, alphasort);
    unsigned seen = 0;
    for (int i = 0; i < count; i++) {
        char root[300];
        snprintf(root, sizeof(root), BOARDS "/%s", boards[i]->d_name);
        free(boards[i]);
        if (made_root_has(root, "proc/meminfo")) {
            each(root);
            seen++;
        }
    }
    free(boards);
    return seen;
}

static int exit_of(const char *verdict)
{
    return strcmp(verdict, "fine") == 0       ? 0
           : strcmp(verdict, "advice") == 0   ? 10
           : strcmp(verdict, "warnings") == 0 ? 11
                                              : 1;
}

/* ---- boards ---- */

static void hold_json(const char *root)
{
    int code = tool_sh_in(".", "$plimsoll doctor --json --root %s", root);
    follows_schema(root);
    json_t *json = json_loads(tool_out, 0, NULL);
    assert_int_equal(code, exit_of(json_string_value(json_object_get(json, "verdict"))));
    json_decref(json);
}

static void the_json_of_every_board_follows_the_schema_and_the_exit_code(void **state)
{
    (void)state;

    assert_true(every_board(hold_json) >= 4);
}

static void hold_columns(const char *root)
{
    size_t column = 0;
    int code = tool_sh_in(".", "$plimsoll doctor --all --root %s", root);
    assert_true(code == 0 || code == 1 || code == 10 || code == 11);
    for (const char *p = tool_out; *p; p++) {
        column = *p == '\n' ? 0 : column + 1;
        if (column > 80 && !strstr(tool_out, "http")) {
            fail_msg("%s: a line above 80 columns:\n%s", root, tool_out);
        }
        assert_true(*p == '\n' || (unsigned char)*p >= ' ');
    }
}

static void every_page_keeps_to_80_columns_and_has_no_colour_in_a_pipe(void **state)
{
    (void)state;

    assert_true(every_board(hold_columns) >= 4);
}

static void hold_page(const char *root)
{
    static char wanted[1u << 16];
    char path[400];
    (void)tool_sh_in(".", "$plimsoll doctor --root %s", root);
    snprintf(path, sizeof(path), "%s/doctor.txt", root);
    FILE *f = fopen(path, "r");
    if (f && getenv("UPDATE")) {
        fclose(f);
        f = fopen(path, "w");
        fputs(tool_out, f);
        fclose(f);
        return;
    }
    if (f) {
        wanted[fread(wanted, 1, sizeof(wanted) - 1, f)] = 0;
        fclose(f);
        assert_string_equal(tool_out, wanted);
    }
}

static void boards_give_the_pages_that_are_kept(void **state)
{
    (void)state;

    every_board(hold_page);
}

static void hold_copy(const char *root)
{
    static char page[TOOL_OUTPUT_BYTES];
    char folder[400];
    int code = tool_sh_in(".", "$plimsoll doctor --all --root %s", root);
    memcpy(page, tool_out, sizeof(page));
    assert_int_equal(tool_sh_in(".", "$plimsoll doctor --capture %s --root %s",
                                made_root(folder, sizeof(folder)), root),
                     0);

    assert_int_equal(tool_sh_in(".", "$plimsoll doctor --all --root %s", folder), code);
    assert_string_equal(tool_out, page);
}

static void a_copy_of_a_board_gives_the_page_of_the_board(void **state)
{
    (void)state;

    assert_true(every_board(hold_copy) >= 4);
}

static void this_machine_can_be_looked_at(void **state)
{
    (void)state;

    int code = tool_sh("$plimsoll doctor --json");

    assert_true(code == 0 || code == 1 || code == 10 || code == 11);
    follows_schema("this machine");
}

static void a_machine_that_tells_nothing_cannot_be_looked_at(void **state)
{
    char root[400];
    (void)state;
    made_root_put(made_root(root, sizeof(root)), "etc/x", "");

    assert_int_equal(tool_sh("$plimsoll doctor --root %s", root), 4);
    assert_says(tool_errors, "proc/meminfo");
    made_root_put(root, "proc/meminfo", "MemTotal: many kB\n");
    assert_int_equal(tool_sh("$plimsoll doctor --root %s", root), 4);
    assert_string_equal(tool_out, "");
}

static void temperatures_and_throttling_stand_on_the_page(void **state)
{
    char root[400];
    (void)state;
    made_root_put(made_root(root, sizeof(root)), "proc/meminfo", "MemTotal: 8000000 kB\n");
    made_root_put(root, "sys/class/thermal/thermal_zone0/type", "tj-thermal\n");
    made_root_put(root, "sys/class/thermal/thermal_zone0/temp", "55906\n");
    made_root_put(root, "sys/class/thermal/cooling_device0/type", "gpu-throttle-alert\n");
    made_root_put(root, "sys/class/thermal/cooling_device0/cur_state", "1\n");

    (void)tool_sh("$plimsoll doctor --root %s", root);
    assert_says(tool_out, "heat      55.9 C at most (tj), throttled now");
    (void)tool_sh("$plimsoll doctor --json --root %s", root);
    assert_says(tool_out, "\"heat\":{\"hottest\":55.906,\"zone\":\"tj\",\"throttled\":true}");
}

/* ---- rules ---- */

static const char RULE[] = "rule: %s\nwhen: memory.total > 1 MiB\naction: %s\nsymptom: a sign\n"
                           "why: Because.\nremedy: Do this.\nlink: https://example.org/1\n"
                           "source: a test\nconfidence: verified\nseen: 2026-01-01\n"
                           "expires: 2030-01-01\n";

static const char *small_machine(void)
{
    static char root[400];
    if (!root[0]) {
        made_root_put(made_root(root, sizeof(root)), "proc/meminfo",
                      "MemTotal: 8000000 kB\nMemFree: 4000000 kB\nMemAvailable: 6000000 kB\n"
                      "SwapTotal: 1000 kB\nSwapFree: 1000 kB\n");
    }
    return root;
}

static void write_rule(const char *file, const char *id, const char *action)
{
    char text[1024];
    snprintf(text, sizeof(text), RULE, id, action);
    tool_write_text(file, text);
}

static void the_worst_finding_decides_the_exit_code_and_comes_first(void **state)
{
    (void)state;
    write_rule("hint.table", "a-hint", "advise");
    write_rule("warn.table", "a-warning", "warn");
    write_rule("refuse.table", "a-refusal", "refuse");

    assert_int_equal(tool_sh("$plimsoll doctor --root %s --policy warn.table", small_machine()),
                     11);
    assert_int_equal(tool_sh("$plimsoll doctor --root %s --policy hint.table --policy warn.table "
                             "--policy refuse.table",
                             small_machine()),
                     1);

    assert_says(tool_out, "refused: 1 refusal, 1 warning, ");
    char *refusal = strstr(tool_out, "REFUSE  a-refusal");
    char *warning = strstr(tool_out, "WARN    a-warning");
    char *hint = strstr(tool_out, "HINT    a-hint");
    assert_true(refusal && warning && hint && refusal < warning && warning < hint);
    assert_says(tool_out, "  symptom a sign\n  why     Because.\n  do      Do this.\n  see     "
                          "https://example.org/1\n");
}

static void a_rule_that_lacks_a_fact_is_counted_and_listed_not_taken(void **state)
{
    (void)state;
    tool_write_text("lacks.table",
                    "rule: about-a-pool\nwhen: memory.page_pool > 1 GiB\naction: refuse\n"
                    "why: x\nremedy: y\nlink: https://example.org\nsource: a test\n"
                    "confidence: verified\nseen: 2026-01-01\nexpires: 2030-01-01\n");

    int code = tool_sh("$plimsoll doctor --all --root %s --policy lacks.table", small_machine());

    assert_int_not_equal(code, 1);
    assert_says(tool_out, "about-a-pool: wants memory.page_pool");
}

static void tables_of_the_machine_are_read_too(void **state)
{
    char root[400], text[1024];
    (void)state;
    made_root(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 8000000 kB\nSwapTotal: 1 kB\n");
    snprintf(text, sizeof(text), RULE, "of-this-site", "refuse");
    made_root_put(root, "etc/plimsoll/policy.d/site.table", text);

    assert_int_equal(tool_sh("$plimsoll doctor --root %s", root), 1);
    assert_says(tool_out, "REFUSE  of-this-site");
}

static void tables_of_the_machine_that_cannot_be_read_are_not_none(void **state)
{
    char root[400];
    (void)state;
    made_root(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 8000000 kB\nSwapTotal: 1 kB\n");
    made_root_put(root, "etc/plimsoll/policy.d", "a file where the folder should be\n");

    assert_int_not_equal(tool_sh("$plimsoll doctor --root %s", root), 0);
    assert_says(tool_errors, "policy.d");
    assert_string_equal(tool_out, "");
}

static void a_table_that_does_not_parse_is_refused_with_its_line(void **state)
{
    (void)state;
    tool_write_text("bad.table", "rule: x\nwhen: memory.totl > 1 GiB\n");

    assert_int_not_equal(tool_sh("$plimsoll doctor --policy bad.table"), 0);
    assert_says(tool_errors, "bad.table:2");
    assert_string_equal(tool_out, "");
    assert_int_equal(tool_sh("$plimsoll doctor --policy none.table"), 4);
}

/* ---- settings ---- */

static void settings_of_a_file_are_read_and_shown(void **state)
{
    (void)state;
    tool_write_text("unit.env", "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True,"
                                "garbage_collection_threshold:0.8\nSECRET_TOKEN=hunter2\n");

    int code = tool_sh("$plimsoll doctor --root %s --env unit.env", small_machine());

    assert_true(code == 11 || code == 10);
    assert_says(tool_out, "pytorch-threshold-beside-expandable-segments");
    assert_says(tool_out, "settings  ");
    assert_null(strstr(tool_out, "hunter2"));
}

static void a_captured_machine_is_not_judged_by_our_environment(void **state)
{
    (void)state;

    (void)tool_sh("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True $plimsoll doctor --root %s",
                  small_machine());

    assert_null(strstr(tool_out, "settings  "));
}

/* ---- a deployment ---- */

static void make_engine(const char *model, const char *target)
{
    char card[1024];
    tool_write_text("weights.bin", "0123456789abcdef");
    snprintf(card, sizeof(card),
             "{\"plimsoll_card\": 1, \"name\": \"%s__smany_jpany_trtnone_fp16.engine\",\n"
             " \"backend\": \"null\", \"format\": \"raw\",%s\n"
             " \"precision\": {\"asked\": \"fp16\", \"found\": \"fp16\"},\n"
             " \"build\": {\"kind\": \"native\"},\n"
             " \"memory\": {\"activation_bytes\": 65536, \"session_bytes\": 4096},\n"
             " \"tensors\": [{\"name\": \"x\", \"io\": \"input\", \"dtype\": \"float32\", "
             "\"rank\": 1},\n"
             "  {\"name\": \"y\", \"io\": \"output\", \"dtype\": \"float32\", \"rank\": 1}],\n"
             " \"profiles\": [{\"x\": {\"min\": [8], \"opt\": [8], \"max\": [8]},\n"
             "  \"y\": {\"min\": [8], \"opt\": [8], \"max\": [8]}}]}\n",
             model, target);
    tool_write_text("card.json", card);
    assert_int_equal(
        tool_sh("$plimsoll pack --card card.json --section weights:weights:weights.bin -o ."), 0);
}

static void write_manifest(const char *cap, const char *model)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "name: small\nbudget: {cap: %s, large_pages: never}\nengines:\n"
             "  - {name: sees, artifact: tiny__smany_jpany_trtnone_fp16.engine,"
             " inputs: {x: {from: feedback, output: y}}}\n"
             "  - {name: acts, artifact: %s__smany_jpany_trtnone_fp16.engine,"
             " inputs: {x: {from: feedback, output: y}}}\n",
             cap, model);
    tool_write_text("deploy.yaml", text);
}

static void a_deployment_that_fits_says_so_of_each_engine_and_of_the_plan(void **state)
{
    (void)state;
    make_engine("tiny", "");
    write_manifest("512 MiB", "tiny");

    int code = tool_sh("$plimsoll doctor --root %s deploy.yaml", small_machine());

    assert_true(code == 0 || code == 10 || code == 11);
    assert_says(tool_out, "sees: fits this host; raw, fp16");
    assert_says(tool_out, "acts: fits this host");
    assert_says(tool_out, "under a cap of");
    assert_true(tool_sh("$plimsoll doctor --json --root %s deploy.yaml", small_machine()) == code);
    follows_schema("a deployment");
}

static void an_engine_of_another_board_is_refused_with_what_differs(void **state)
{
    (void)state;
    make_engine("tiny", "");
    make_engine("agx", " \"target\": {\"sm\": 87, \"multiprocessors\": 16},");
    write_manifest("512 MiB", "agx");

    assert_int_equal(
        tool_sh("$plimsoll doctor --root $OLDPWD/" BOARDS "/orin-nx-16-maxn deploy.yaml"), 1);

    assert_says(tool_out, "would not run: 1 refusal");
    assert_says(tool_out, "REFUSE  card-does-not-fit, engine acts");
    assert_says(tool_out, "16 multiprocessors (2048 cores");
    assert_says(tool_out, "  do      build the engine on this board");
    assert_says(tool_out, "sees: fits this host");
    assert_null(strstr(tool_out, "under a cap of"));
}

static void an_engine_that_cannot_be_read_is_a_refusal_not_the_end(void **state)
{
    (void)state;
    make_engine("tiny", "");
    tool_write_text("torn__smany_jpany_trtnone_fp16.engine", "no engine");
    write_manifest("512 MiB", "torn");

    assert_int_equal(tool_sh("$plimsoll doctor --root %s deploy.yaml", small_machine()), 1);

    assert_says(tool_out, "REFUSE  engine-unreadable, engine acts");
    assert_says(tool_out, "sees: fits this host");
    assert_int_equal(tool_sh("$plimsoll doctor --json --root %s deploy.yaml", small_machine()), 1);
    follows_schema("an unreadable engine");
}

static void a_plan_over_its_cap_is_a_refusal(void **state)
{
    (void)state;
    make_engine("tiny", "");
    write_manifest("1 MiB", "tiny");

    assert_int_equal(tool_sh("$plimsoll doctor --root %s deploy.yaml", small_machine()), 1);

    assert_says(tool_out, "REFUSE  plan-over-cap");
}

static void a_rule_about_cards_is_held_against_each_engine(void **state)
{
    (void)state;
    make_engine("tiny", "");
    write_manifest("512 MiB", "tiny");
    tool_write_text("raw.table",
                    "rule: no-raw\nwhen: card.format = raw\naction: warn\nwhy: x\nremedy: y\n"
                    "link: https://example.org\nsource: a test\nconfidence: verified\n"
                    "seen: 2026-01-01\nexpires: 2030-01-01\n");

    assert_int_equal(
        tool_sh("$plimsoll doctor --root %s --policy raw.table deploy.yaml", small_machine()), 11);

    assert_says(tool_out, "WARN    no-raw, engine sees");
    assert_says(tool_out, "WARN    no-raw, engine acts");
    (void)tool_sh("$plimsoll doctor --root %s --policy raw.table", small_machine());
    assert_null(strstr(tool_out, "no-raw"));
    assert_says(tool_out, "for a manifest (plimsoll doctor deploy.yaml)");
}

static void a_manifest_that_is_wrong_is_refused_with_its_lines(void **state)
{
    (void)state;
    tool_write_text("wrong.yaml", "name: x\nbudget: {cap: 12}\n");

    assert_int_equal(tool_sh("$plimsoll doctor --root %s wrong.yaml", small_machine()), 2);

    assert_says(tool_errors, "wrong.yaml:2: budget.cap");
    assert_string_equal(tool_out, "");
}

/* ---- the driver, asked ---- */

/* Of this build: it lies beside the folder of the test programs. */
static const char *fake_driver(void)
{
    static char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
    assert_true(n > 0);
    path[n] = 0;
    memcpy(strrchr(path, '/'), "/fake_cuda.so", sizeof("/fake_cuda.so"));
    return path;
}

static void skip_without_group(void)
{
    plim_cgroup_place place;
    if (plim_cgroup_find("", 0, &place, NULL) != PLIM_OK || place.group[0] == 0) {
        skip_because("this process is in no control group that counts");
    }
}

/* Others may allocate in our group just now: asked twice before it counts. */
static void ask_driver(const char *way, const char *want, const char *arguments)
{
    for (int i = 0; i < 2 && (i == 0 || !strstr(tool_out, want)); i++) {
        int code =
            tool_sh("FAKE_CUDA=%s $plimsoll %s --probe-gpu=%s", way, arguments, fake_driver());
        assert_true(code == 0 || code == 1 || code == 10 || code == 11);
    }
    assert_says(tool_out, want);
}

static void the_driver_is_asked_what_its_pages_are_charged_to(void **state)
{
    (void)state;
    skip_without_group();

    ask_driver("free", "GPU pages charged to the group: no: ", "doctor");
    assert_says(tool_out, "GPU pages charged: no");
    ask_driver("free", "\"gpu_charge\":{\"charged\":\"no\",\"block\":67108864,", "doctor --json");
    assert_says(tool_out, "\"memory.gpu_charged\"");
    follows_schema("a driver that is not charged");
    ask_driver("charged", "GPU pages charged to the group: yes: ", "doctor");
}

static void a_plan_asks_the_driver_and_says_what_it_found(void **state)
{
    (void)state;
    skip_without_group();
    make_engine("tiny", "");
    write_manifest("512 MiB", "tiny");

    ask_driver("free", "GPU pages charged to the group: no: ", "plan deploy.yaml");
    ask_driver("free", "GPU pages charged to the group: no: ", "run deploy.yaml");
    ask_driver("refuse", "\"grown\":null,\"how\":\"the driver gives no memory: code 2\"",
               "plan --json deploy.yaml");
}

static void a_driver_that_is_not_there_is_unknown_with_the_reason(void **state)
{
    (void)state;
    skip_without_group();

    (void)tool_sh("$plimsoll doctor --probe-gpu=libno-driver.so.1");
    assert_says(tool_out, "GPU pages charged to the group: unknown: libno-driver.so.1");
    assert_null(strstr(tool_out, "GPU pages charged: "));
    (void)tool_sh("$plimsoll doctor --json --probe-gpu=libno-driver.so.1");
    follows_schema("no driver");
}

static void the_driver_is_asked_only_when_told_to_and_only_here(void **state)
{
    (void)state;

    (void)tool_sh("$plimsoll doctor --json");
    assert_says(tool_out, "\"gpu_charge\":null");
    assert_int_equal(tool_sh("$plimsoll doctor --probe-gpu --root %s", small_machine()), 2);
    assert_says(tool_errors, "asks this machine");
    assert_int_equal(tool_sh("$plimsoll plan --probe-gpu --root x deploy.yaml"), 2);
    assert_int_equal(tool_sh("$plimsoll run --probe-gpu --headroom off deploy.yaml"), 2);
    assert_says(tool_errors, "nothing reads --probe-gpu");
    assert_int_equal(tool_sh("$plimsoll doctor --help"), 0);
    assert_says(tool_out, "--probe-gpu[=LIBRARY]");
    assert_says(tool_out, "makes a context");
}

/* ---- a report ---- */

static void a_report_holds_what_it_says_and_opens_with_tar(void **state)
{
    const char *file = "report.tgz";
    (void)state;
    make_engine("tiny", "");
    write_manifest("512 MiB", "tiny");

    assert_int_equal(tool_sh("rm -rf %s plimsoll-report; $plimsoll doctor --report %s --root %s "
                             "deploy.yaml && tar xf %s",
                             file, file, small_machine(), file),
                     0);

    assert_says(tool_out, "read it before you send it");
    static const char *const FILES[] = {"README.txt",       "doctor.txt",          "doctor.json",
                                        "versions.txt",     "engines/0.json",      "engines/1.json",
                                        "capture/MANIFEST", "capture/proc/meminfo"};
    for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "plimsoll-report/%s", FILES[i]);
        assert_true(made_root_has(tool_folder(), path));
    }
    assert_int_equal(tool_sh("cat plimsoll-report/doctor.json"), 0);
    follows_schema("doctor.json of a report");
    assert_int_equal(tool_sh("cat plimsoll-report/engines/0.json"), 0);
    assert_says(tool_out, "\"plimsoll_card\"");
    assert_int_not_equal(tool_sh("$plimsoll doctor --root plimsoll-report/capture"), 4);
}

static void two_reports_of_one_machine_are_the_same_bytes(void **state)
{
    (void)state;

    assert_int_equal(tool_sh("rm -f a.tar b.tar a.tgz b.tgz; for f in a b; do for e in tar tgz; do "
                             "$plimsoll doctor --report $f.$e --root $OLDPWD/" BOARDS
                             "/orin-nx-live || exit 1; done; sleep 1; done; cmp a.tar b.tar && "
                             "cmp a.tgz b.tgz && tar tf a.tar"),
                     0);
}

static void planted_secrets_are_nowhere_in_a_report(void **state)
{
    static const char *const SECRETS[] = {"annabel",       "captains-orin", "acme-customer",
                                          "1424722006666", "hunter2",       "48:b0:2d:11:22:33"};
    char root[400];
    (void)state;
    made_root(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n");
    made_root_put(root, "etc/hostname", "captains-orin\n");
    made_root_put(root, "etc/passwd", "annabel:x:1000:1000::/home/annabel:/bin/sh\n");
    made_root_put(root, "proc/device-tree/serial-number", "1424722006666");
    made_root_put(root, "proc/device-tree/model", "Board of captains-orin 48:b0:2d:11:22:33");
    made_root_put(root, "unit.env",
                  "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True\n"
                  "TOKEN=hunter2\n");
    make_engine("tiny", "");
    write_manifest("512 MiB", "absent");

    assert_int_equal(
        tool_sh("rm -rf acme-customer s.tar plimsoll-report && mkdir acme-customer && "
                "cp deploy.yaml tiny* acme-customer && "
                "echo no engine >acme-customer/absent__smany_jpany_trtnone_fp16.engine && "
                "echo '{\"schema\":\"plimsoll-report/1\",\"program\":\"annabel\"}' >run.json && "
                "$plimsoll doctor --report s.tar --run-report run.json --root %s --env %s/unit.env "
                "acme-customer/deploy.yaml && tar xf s.tar",
                root, root),
        0);

    char folder[600];
    snprintf(folder, sizeof(folder), "%s/plimsoll-report", tool_folder());
    assert_true(made_root_has(folder, "run-report.json"));
    assert_true(made_root_holds(folder, "engine-unreadable"));
    for (size_t i = 0; i < sizeof(SECRETS) / sizeof(SECRETS[0]); i++) {
        if (made_root_holds(folder, SECRETS[i])) {
            fail_msg("the report holds \"%s\"", SECRETS[i]);
        }
    }
}

static void a_report_is_not_written_over_a_file_nor_left_half(void **state)
{
    (void)state;
    tool_write_text("mine.tar", "keep");

    assert_int_equal(tool_sh("$plimsoll doctor --root %s --report mine.tar", small_machine()), 2);
    assert_says(tool_errors, "is there already");
    assert_int_equal(tool_sh("test \"$(cat mine.tar)\" = keep"), 0);
    assert_int_equal(
        tool_sh("$plimsoll doctor --root %s --report n.tar --run-report mine.tar", small_machine()),
        4);
    assert_int_equal(
        tool_sh("$plimsoll doctor --root %s --report n.tar --black-box mine.tar", small_machine()),
        4);
    assert_int_equal(
        tool_sh("$plimsoll doctor --root %s --report n.tar --black-box none", small_machine()), 4);
    assert_int_equal(tool_sh("test ! -e n.tar"), 0);
    assert_int_equal(tool_sh("$plimsoll doctor --run-report mine.tar"), 2);
    assert_int_not_equal(tool_sh("$plimsoll doctor --root %s --report none/n.tar", small_machine()),
                         0);
}

static void a_black_box_says_in_a_report_how_the_run_ended(void **state)
{
    (void)state;
    make_engine("tiny", "");
    write_manifest("512 MiB", "tiny");

    assert_int_equal(tool_sh("rm -rf b.tar box plimsoll-report; $plimsoll run deploy.yaml "
                             "--black-box box --max-frames 2 && $plimsoll doctor --root %s "
                             "--black-box box --report b.tar && tar xf b.tar && "
                             "cat plimsoll-report/black-box.txt",
                             small_machine()),
                     0);

    assert_says(tool_out, "ended: closed");
    assert_says(tool_out, "cap 536870912");
}

/* ---- words ---- */

static void wrong_words_are_usage_errors(void **state)
{
    (void)state;

    assert_int_equal(tool_sh("$plimsoll doctor --frobnicate"), 2);
    assert_int_equal(tool_sh("$plimsoll doctor a.yaml b.yaml"), 2);
    assert_int_equal(tool_sh("$plimsoll doctor --root"), 2);
    assert_int_equal(tool_sh("$plimsoll doctor --jsno"), 2);
    assert_says(tool_errors, "did you mean '--json'?");
    assert_int_equal(tool_sh("$plimsoll doctor --capture x --json"), 2);
    assert_int_equal(tool_sh("$plimsoll doctor not-there.yaml"), 2);
    assert_int_equal(tool_sh("$plimsoll doctor --help"), 0);
    assert_says(tool_out, "Exit: 0 nothing found, 10 hints only, 11 warnings");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_json_of_every_board_follows_the_schema_and_the_exit_code),
        cmocka_unit_test(every_page_keeps_to_80_columns_and_has_no_colour_in_a_pipe),
        cmocka_unit_test(boards_give_the_pages_that_are_kept),
        cmocka_unit_test(a_copy_of_a_board_gives_the_page_of_the_board),
        cmocka_unit_test(this_machine_can_be_looked_at),
        cmocka_unit_test(a_machine_that_tells_nothing_cannot_be_looked_at),
        cmocka_unit_test(temperatures_and_throttling_stand_on_the_page),
        cmocka_unit_test(the_worst_finding_decides_the_exit_code_and_comes_first),
        cmocka_unit_test(a_rule_that_lacks_a_fact_is_counted_and_listed_not_taken),
        cmocka_unit_test(tables_of_the_machine_are_read_too),
        cmocka_unit_test(tables_of_the_machine_that_cannot_be_read_are_not_none),
        cmocka_unit_test(a_table_that_does_not_parse_is_refused_with_its_line),
        cmocka_unit_test(settings_of_a_file_are_read_and_shown),
        cmocka_unit_test(a_captured_machine_is_not_judged_by_our_environment),
        cmocka_unit_test(a_deployment_that_fits_says_so_of_each_engine_and_of_the_plan),
        cmocka_unit_test(an_engine_of_another_board_is_refused_with_what_differs),
        cmocka_unit_test(an_engine_that_cannot_be_read_is_a_refusal_not_the_end),
        cmocka_unit_test(a_plan_over_its_cap_is_a_refusal),
        cmocka_unit_test(a_rule_about_cards_is_held_against_each_engine),
        cmocka_unit_test(a_manifest_that_is_wrong_is_refused_with_its_lines),
        cmocka_unit_test(the_driver_is_asked_what_its_pages_are_charged_to),
        cmocka_unit_test(a_plan_asks_the_driver_and_says_what_it_found),
        cmocka_unit_test(a_driver_that_is_not_there_is_unknown_with_the_reason),
        cmocka_unit_test(the_driver_is_asked_only_when_told_to_and_only_here),
        cmocka_unit_test(a_report_holds_what_it_says_and_opens_with_tar),
        cmocka_unit_test(two_reports_of_one_machine_are_the_same_bytes),
        cmocka_unit_test(planted_secrets_are_nowhere_in_a_report),
        cmocka_unit_test(a_report_is_not_written_over_a_file_nor_left_half),
        cmocka_unit_test(a_black_box_says_in_a_report_how_the_run_ended),
        cmocka_unit_test(wrong_words_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
