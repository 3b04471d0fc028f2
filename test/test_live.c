/* SPDX-License-Identifier: Apache-2.0 */
/* test_live.c - memreport live and replay as a stranger uses them: a pipe, a terminal, a file. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/support/json_schema.h"
#include "test/support/tool_run.h"

#define BIG   TOOL_OUTPUT_BYTES
#define BOARD "test/fixtures/boards/orin-nx-live"

static char *const out = tool_out, *const errors = tool_errors;
static char board[PATH_MAX];

static int set_up(void **state)
{
    return realpath(BOARD, board) ? tool_set_up(state) : -1;
}

static int run(const char *arguments)
{
    return tool_sh("$memreport %s", arguments);
}

static int run_board(const char *arguments)
{
    char all[PATH_MAX + 1024];
    snprintf(all, sizeof(all), "live --root %s %s", board, arguments);
    return run(all);
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    while (*text) {
        size_t n = strcspn(text, "\n");
        longest = n > longest ? n : longest;
        text += n + (text[n] == '\n');
    }
    return longest;
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what)) {
        n++;
    }
    return n;
}

/* ---- a pipe ---- */

static void a_pipe_gets_one_plain_frame_that_fits(void **state)
{
    (void)state;

    assert_int_equal(run_board("--pid 4242"), 0);
    assert_null(strchr(out, '\033'));
    assert_true(longest_line(out) <= 80);
    assert_int_equal(count_of(out, "MemTotal, the sum"), 1);
    assert_says(out, "device driver (nvmap)");
    assert_says(out, "llama server (4242)");
    assert_int_equal(run_board("--pid 4242 --columns 140"), 0);
    assert_true(longest_line(out) > 100 && longest_line(out) <= 140);
}

static void what_is_not_known_is_na_in_every_form(void **state)
{
    (void)state;

    assert_int_equal(run_board("--pid 4242"), 0);
    assert_says(out, "memory pressure n/a");
    assert_int_equal(run_board("--pid 4242 --json"), 0);
    assert_says(out, "\"pressure_centipercent\":null");
    assert_int_equal(run_board("--pid 4242 --csv"), 0);
    assert_says(out, ",heap,2097152,,kernel,bytes\n");
    assert_int_equal(run_board("--pid 4242 --prometheus"), 0);
    assert_null(strstr(out, "pressure"));
    assert_null(strstr(out, "null"));
}

static void frames_follow_their_schema_one_a_line(void **state)
{
    char why[256] = "";
    json_error_t at;
    (void)state;
    json_t *schema = json_load_file("docs/memreport-live-1.schema.json", 0, &at);
    assert_non_null(schema);

    assert_int_equal(run_board("--pid 4242 --json --count 3 --interval 10ms"), 0);

    assert_int_equal(count_of(out, "\n"), 3);
    assert_int_equal(run_board("--json"), 0);
    json_t *frame = json_loads(out, 0, &at);
    assert_non_null(frame);
    if (!json_schema_holds(schema, frame, why, sizeof(why))) {
        fail_msg("%s", why);
    }
    json_decref(frame);
    assert_int_equal(run_board("--pid 4242 --json"), 0);
    frame = json_loads(out, 0, &at);
    if (!json_schema_holds(schema, frame, why, sizeof(why))) {
        fail_msg("%s", why);
    }
    json_decref(frame);
    json_decref(schema);
}

/* The lines of the page that are about heat, from "heat" to the blank line behind them. */
static const char *heat_lines(const char *name)
{
    char root[PATH_MAX], *from;
    assert_non_null(realpath(name, root));
    assert_int_equal(tool_sh("$memreport live --root %s --once", root), 0);
    from = strstr(out, "\nheat ");
    assert_non_null(from);
    char *end = strstr(from, "\n\n");
    assert_non_null(end);
    end[1] = 0;
    return from + 1;
}

static void heat_and_throttling_are_told_and_what_is_not_known_is_not_fine(void **state)
{
    (void)state;
    assert_string_equal(heat_lines(BOARD),
                        "heat      hottest 91.2 C (tj); THROTTLED (gpu-throttle-alert); "
                        "power 7.7 W;\n"
                        "          over-current 0, 0, 7\n"
                        "clock cap gpu 612 of 918 MHz; emc not known; cpu0 1498 of 1984 MHz;\n"
                        "          cpu4 1498 of 1984 MHz\n");
    assert_string_equal(heat_lines("test/fixtures/boards/orin-nx-16-15w"),
                        "heat      hottest zone not known; throttling not known; power not known;\n"
                        "          over-current not known\n"
                        "clock cap gpu 612 of 918 MHz; emc not known\n");
    assert_string_equal(heat_lines("test/fixtures/boards/rk3588"),
                        "heat      hottest zone not known; throttling not known; power not known;\n"
                        "          over-current not known\n"
                        "clock cap gpu 1000 MHz, the chip's not known; emc not known\n");
    assert_string_equal(heat_lines("test/fixtures/boards/pc"),
                        "heat      hottest zone not known; throttling not known; power not known;\n"
                        "          over-current not known\n"
                        "clock cap gpu not known; emc not known\n");
}

static void heat_is_in_every_form_for_machines(void **state)
{
    (void)state;

    assert_int_equal(run_board("--json"), 0);
    assert_says(out,
                "\"heat\":{\"throttled\":true,\"alert\":\"gpu-throttle-alert\",\"zone\":\"tj\","
                "\"hottest_millicelsius\":91250,\"power_milliwatts\":7722,"
                "\"over_current_1\":0,\"over_current_2\":0,\"over_current_3\":7,"
                "\"clocks\":[{\"name\":\"gpu\",\"now_hz\":306000000,"
                "\"cap_hz\":612000000,\"max_hz\":918000000},"
                "{\"name\":\"emc\",\"now_hz\":null,\"cap_hz\":null,\"max_hz\":null}");
    assert_int_equal(run_board("--csv"), 0);
    assert_says(out, "time_ms,pid,place,name,now,peak,known,unit\n");
    assert_says(out, ",0,heat,temperature.hottest,91250,,kernel,mC\n");
    assert_says(out, ",0,heat,throttled,1,,kernel,flag\n");
    assert_says(out, ",0,heat,clock.gpu.cap,612000000,,kernel,Hz\n");
    assert_says(out, ",0,heat,clock.emc.cap,,,kernel,Hz\n");
    assert_int_equal(run_board("--prometheus"), 0);
    assert_says(out, "\nplimsoll_machine_temperature_celsius{zone=\"tj\"} 91.250\n");
    assert_says(out, "\nplimsoll_machine_throttled 1\n");
    assert_says(out, "\nplimsoll_machine_over_current_total{alarm=\"3\"} 7\n");
    assert_says(out, "\nplimsoll_machine_clock_cap_hertz{clock=\"gpu\"} 612000000\n");
    assert_null(strstr(out, "clock=\"emc\""));
}

/* Each line a comment or name{labels} number; each metric with HELP and TYPE before it, once. */
static void prometheus_text_is_well_formed(void **state)
{
    char metric[128] = "", wanted[160];
    (void)state;

    assert_int_equal(run_board("--pid 4242 --prometheus"), 0);

    assert_true(strlen(out) > 0 && out[strlen(out) - 1] == '\n');
    for (char *line = out, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = 0;
        if (line[0] == '#') {
            if (sscanf(line, "# TYPE %127s ", metric) == 1) {
                assert_true(strstr(line, " gauge") || strstr(line, " counter"));
            } else {
                assert_int_equal(sscanf(line, "# HELP %127s ", metric), 1);
            }
            continue;
        }
        size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
        snprintf(wanted, sizeof(wanted), "%.*s", (int)n, line);
        assert_string_equal(wanted, metric);
        char *value = strrchr(line, ' ');
        assert_non_null(value);
        char *rest;
        (void)strtod(value + 1, &rest);
        assert_int_equal(*rest, 0);
        assert_true(line[n] == ' ' || (line[n] == '{' && value[-1] == '}'));
        assert_true(strstr(metric, "_bytes") || strstr(metric, "_total") ||
                    strstr(metric, "_ratio") || strstr(metric, "_info") ||
                    strstr(metric, "_milliseconds") || strstr(metric, "_celsius") ||
                    strstr(metric, "_watts") || strstr(metric, "_hertz") ||
                    strstr(metric, "_throttled"));
    }
}

static void prometheus_is_renamed_into_place(void **state)
{
    char path[600];
    struct stat first, second;
    (void)state;
    snprintf(path, sizeof(path), "%s/memory.prom", tool_folder());

    assert_int_equal(run_board("--prometheus -o memory.prom"), 0);
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(run_board("--prometheus -o memory.prom"), 0);
    assert_int_equal(stat(path, &second), 0);

    assert_int_equal(out[0], 0);
    tool_read("memory.prom", out);
    assert_says(out, "# TYPE plimsoll_memory_bytes gauge");
    assert_int_equal(run("live --prometheus -o no/such/folder/x"), 5);
}

/* ---- recordings ---- */

static void a_recording_plays_back_the_same_frames(void **state)
{
    static char first[BIG];
    (void)state;

    assert_int_equal(run_board("--pid 4242 --csv --count 3 --interval 10ms --record r.jsonl"), 0);
    memcpy(first, out, sizeof(first));
    assert_int_equal(run("replay r.jsonl --csv"), 0);

    assert_string_equal(out, first);
    assert_int_equal(run("replay r.jsonl"), 0);
    assert_int_equal(count_of(out, "MemTotal, the sum"), 3);
    assert_int_equal(run_board("--record r.jsonl"), 5);
    assert_says(errors, "-f");
}

static void a_recording_that_was_cut_gives_its_whole_frames(void **state)
{
    (void)state;
    assert_int_equal(run_board("--count 2 --interval 10ms --json -f -o cut.jsonl"), 0);
    char command[1400];
    snprintf(command, sizeof(command), "cd %s && truncate -s -40 cut.jsonl && : >empty.jsonl",
             tool_folder());
    assert_int_equal(system(command), 0);

    assert_int_equal(run("replay cut.jsonl"), 3);
    assert_int_equal(count_of(out, "MemTotal, the sum"), 1);
    assert_says(errors, "line");
    assert_int_equal(run("replay empty.jsonl"), 4);
    assert_int_equal(run("replay no-such.jsonl"), 4);
    assert_int_equal(run("replay errors"), 4);
}

/* ---- exit codes ---- */

static void exit_codes_mean_something(void **state)
{
    (void)state;

    assert_int_equal(run_board("--pid 4242 --fail-over 400MiB"), 1);
    assert_int_equal(run_board("--pid 4242 --fail-over 600MiB"), 0);
    assert_int_equal(run_board("--fail-over 1GiB"), 1);
    assert_int_equal(run_board("--fail-over 1000GB"), 0);
    assert_int_equal(run("live --pid 4194303"), 4);
    assert_int_equal(run("live --root /no/such/root"), 4);
    assert_int_equal(run("live --account x"), 2);
    assert_int_equal(run("live --interval 0"), 2);
    assert_int_equal(run("live --interval 2days"), 2);
    assert_int_equal(run("live --sort weight"), 2);
    assert_int_equal(run("live --columns 20"), 2);
    assert_int_equal(run("live --pid"), 2);
    assert_int_equal(run("live --frobnicate"), 2);
    assert_int_equal(run("replay"), 2);
    assert_int_equal(run("replay x --pid 1"), 2);
}

/* ---- a process that ends ---- */

static pid_t start_sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sleep", "sleep", "60", (char *)NULL);
        _exit(5);
    }
    return pid;
}

static int run_killing(pid_t target, const char *arguments)
{
    char script[1024];
    snprintf(script, sizeof(script),
             "$memreport live --pid %d --interval 50ms %s & tool=$!; sleep 0.5; kill -9 %d; "
             "wait $tool",
             (int)target, arguments, (int)target);
    int rc = tool_sh("%s", script);
    (void)waitpid(target, NULL, 0);
    return rc;
}

static void a_target_that_is_killed_is_said_to_have_ended(void **state)
{
    (void)state;

    assert_int_equal(run_killing(start_sleeper(), ""), 0);
    assert_says(errors, "sleep (");
    assert_says(errors, "has ended");
    assert_true(count_of(out, "MemTotal, the sum") >= 1);

    assert_int_equal(run_killing(start_sleeper(), "--count 100000 --json"), 3);
    assert_says(errors, "has ended");
}

/* ---- a terminal ---- */

typedef struct terminal {
    int master;
    pid_t pid;
    size_t used;
} terminal;

static terminal open_terminal(unsigned columns, unsigned rows, const char *const *arguments)
{
    terminal t = {.used = 0};
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    t.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t.master < 0) {
        skip_because("no pseudo-terminal here: /dev/pts is not mounted");
    }
    assert_int_equal(grantpt(t.master), 0);
    assert_int_equal(unlockpt(t.master), 0);
    const char *name = ptsname(t.master);
    t.pid = fork();
    if (t.pid == 0) {
        setsid();
        int fd = open(name, O_RDWR);
        ioctl(fd, TIOCSCTTY, 0);
        ioctl(fd, TIOCSWINSZ, &size);
        dup2(fd, 0);
        dup2(fd, 1);
        dup2(fd, 2);
        execv(tool_path("memreport"), (char *const *)(uintptr_t)arguments);
        _exit(9);
    }
    return t;
}

/* Reads on until @text was seen; false after ten seconds. */
static bool await_text(terminal *t, const char *text)
{
    for (int turns = 0; turns < 100; turns++) {
        struct pollfd p = {.fd = t->master, .events = POLLIN};
        out[t->used] = 0;
        if (strstr(out, text)) {
            return true;
        }
        if (poll(&p, 1, 100) > 0) {
            ssize_t n = read(t->master, out + t->used, BIG - 1 - t->used);
            if (n <= 0) {
                return false;
            }
            t->used += (size_t)n;
        }
    }
    return false;
}

static int close_terminal(terminal *t)
{
    int status = 0;
    (void)await_text(t, "\033[?1049l");
    out[t->used] = 0;
    assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
    close(t->master);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_terminal_gets_a_view_in_place_and_is_given_back(void **state)
{
    const char *arguments[] = {"memreport", "live",       "--root", board, "--pid",
                               "4242",      "--interval", "50ms",   NULL};
    (void)state;
    terminal t = open_terminal(80, 24, arguments);

    assert_true(await_text(&t, "\033[?1049h"));
    assert_true(await_text(&t, "frame 3"));
    assert_int_equal(write(t.master, "s", 1), 1);
    assert_true(await_text(&t, "sort: size"));
    assert_int_equal(write(t.master, "p", 1), 1);
    assert_true(await_text(&t, "PAUSED"));
    assert_int_equal(write(t.master, "q", 1), 1);

    assert_int_equal(close_terminal(&t), 0);
    assert_says(out, "\033[?25h\033[?1049l");
    assert_says(out, "smaller parts do not fit");
}

static void a_signal_gives_the_terminal_back_too(void **state)
{
    static const int SIGNALS[] = {SIGTERM, SIGINT, SIGHUP};
    const char *arguments[] = {"memreport", "live", "--root", board, "--interval", "50ms", NULL};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        terminal t = open_terminal(140, 40, arguments);
        assert_true(await_text(&t, "frame 2"));
        kill(t.pid, SIGNALS[i]);
        assert_int_equal(close_terminal(&t), 0);
        assert_says(out, "\033[?25h\033[?1049l");
    }
}

static void no_color_means_none_on_a_terminal(void **state)
{
    const char *arguments[] = {"memreport", "live", "--once", "--root", board, NULL};
    (void)state;
    terminal t = open_terminal(80, 24, arguments);
    (void)await_text(&t, "available, kernel's");
    assert_says(out, "\033[1m");
    close_terminal(&t);

    setenv("NO_COLOR", "1", 1);
    t = open_terminal(80, 24, arguments);
    (void)await_text(&t, "available, kernel's");
    unsetenv("NO_COLOR");

    assert_null(strchr(out, '\033'));
    close_terminal(&t);
}

/* ---- bounds ---- */

static void ten_thousand_processes_take_no_more_memory(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip_because("the sanitizer's own memory");
#endif
    char path[700], line[256];
    unsigned long peak = 0;
    (void)state;
    snprintf(path, sizeof(path), "%s/many/proc", tool_folder());
    snprintf(line, sizeof(line), "mkdir -p %.200s", path);
    assert_int_equal(system(line), 0);
    snprintf(path, sizeof(path), "%s/many/proc/meminfo", tool_folder());
    FILE *f = fopen(path, "w");
    fputs("MemTotal: 64000000 kB\nMemFree: 1000 kB\nAnonPages: 20000000 kB\n", f);
    fclose(f);
    for (unsigned pid = 1; pid <= 10000; pid++) {
        snprintf(path, sizeof(path), "%s/many/proc/%u", tool_folder(), pid);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/many/proc/%u/smaps_rollup", tool_folder(), pid);
        f = fopen(path, "w");
        fprintf(f, "Pss_Anon: %u kB\nPss_File: 1 kB\nPss_Shmem: 0 kB\n", pid);
        fclose(f);
    }

    int rc = tool_sh("$memreport live --root many --batch --interval 10ms & tool=$!; sleep 1.5; "
                     "grep VmHWM /proc/$tool/status >peak; kill $tool; wait $tool; true");

    assert_int_equal(rc, 0);
    tool_read("peak", errors);
    assert_int_equal(sscanf(errors, "VmHWM: %lu kB", &peak), 1);
    assert_true(peak < 8192);
    assert_says(out, "processes (10000)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_gets_one_plain_frame_that_fits),
        cmocka_unit_test(what_is_not_known_is_na_in_every_form),
        cmocka_unit_test(frames_follow_their_schema_one_a_line),
        cmocka_unit_test(heat_and_throttling_are_told_and_what_is_not_known_is_not_fine),
        cmocka_unit_test(heat_is_in_every_form_for_machines),
        cmocka_unit_test(prometheus_text_is_well_formed),
        cmocka_unit_test(prometheus_is_renamed_into_place),
        cmocka_unit_test(a_recording_plays_back_the_same_frames),
        cmocka_unit_test(a_recording_that_was_cut_gives_its_whole_frames),
        cmocka_unit_test(exit_codes_mean_something),
        cmocka_unit_test(a_target_that_is_killed_is_said_to_have_ended),
        cmocka_unit_test(a_terminal_gets_a_view_in_place_and_is_given_back),
        cmocka_unit_test(a_signal_gives_the_terminal_back_too),
        cmocka_unit_test(no_color_means_none_on_a_terminal),
        cmocka_unit_test(ten_thousand_processes_take_no_more_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
