/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey_real.c - every data set under ../shared/data/episodes: its parts are its files,
 * and memreport stays small beside it. That a recording weighs the same in two containers stands in
 * test_survey.c (v2.0 and v3.0), test_survey_mcap.c and test_survey_rosbag2.c.
 *
 * The peak is VmHWM at the last moment of the process, which ptrace stops there: rusage would add
 * what this program had before exec, and the program that reads HDF5.
 */
#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/support/cm.h"
#include "test/support/survey_walk.h"

#define SETS_MAX   64
#define PEAK_BYTES 8000000u

static plim_error err;
static char tool[PATH_MAX], sets[SETS_MAX][PATH_MAX];
static uint32_t set_count;

static void add_set(const char *folder, const char *name)
{
    assert_true(set_count < SETS_MAX);
    snprintf(sets[set_count++], PATH_MAX, "%.2000s/%.255s", folder, name);
}

static bool is_shown(const char *name)
{
    return name[0] != '.' && strcmp(name, "SOURCE.md") != 0 && strcmp(name, "LICENSE") != 0;
}

/* Everything in @folder that is a data set of its own. */
static void add_all(const char *name)
{
    char path[256], folder[PATH_MAX];
    snprintf(path, sizeof(path), "episodes/%s", name);
    const char *found = cm_data(path);
    snprintf(folder, sizeof(folder), "%s", found ? found : "");
    DIR *d = found ? opendir(folder) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (is_shown(e->d_name)) {
            add_set(folder, e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
}

static int set_up(void **state)
{
    (void)state;
    static const char *const FOLDERS[] = {"mcap-ros2-made", "aloha-made-hdf5", "rosbag2/mcap",
                                          "rosbag2/sqlite3"};
    static const char *const ROOTS[] = {"episodes/groot-picknplace-v20",
                                        "episodes/groot-picknplace-v30-derived",
                                        "episodes/aloha-made-hdf5"};
    ssize_t n = readlink("/proc/self/exe", tool, sizeof(tool) - 1);
    if (n <= 0) {
        return -1;
    }
    tool[n] = 0;
    strcpy(strstr(tool, "/test/test_survey_real"), "/memreport");
    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        add_all(FOLDERS[i]);
    }
    for (size_t i = 0; i < sizeof(ROOTS) / sizeof(ROOTS[0]); i++) {
        const char *found = cm_data(ROOTS[i]);
        if (found) {
            snprintf(sets[set_count++], PATH_MAX, "%s", found);
        }
    }
    return 0;
}

/* ---- memreport's own peak; first, while this program is small ---- */

static uint64_t read_peak(pid_t pid)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "VmHWM: %llu", &kib) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return kib * 1024;
}

/* Runs memreport to its end. *@peak stays 0 where a process may not be traced. */
static int run_traced(const char *path, uint64_t *peak)
{
    int status = -1;
    *peak = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr) ||
            ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(99);
        }
        execl(tool, tool, "dataset", path, (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSTOPPED(status)) {
        ptrace(PTRACE_SETOPTIONS, pid, NULL,
               (void *)(uintptr_t)(PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL));
    }
    for (int signal = 0; WIFSTOPPED(status);) {
        ptrace(PTRACE_CONT, pid, NULL, (void *)(uintptr_t)signal);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFSTOPPED(status)) {
            bool is_exit = status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
            *peak = is_exit ? read_peak(pid) : *peak;
            signal = is_exit ? 0 : WSTOPSIG(status);
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void memreport_stays_below_8_mb_on_each(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip_because("a sanitizer's own memory");
#endif
    uint64_t most = 0;
    if (!set_count) {
        skip_because("no recorded data is there");
    }
    for (uint32_t i = 0; i < set_count; i++) {
        uint64_t peak;
        int code = run_traced(sets[i], &peak);
        if (code == 99) {
            skip_because("processes may not be traced here");
        }
        if (code != 0 && code != 3) {
            fail_msg("%s: memreport ends with %d", sets[i], code);
        }
        if (peak == 0 || peak >= PEAK_BYTES) {
            fail_msg("%s: peak of %llu bytes", sets[i], (unsigned long long)peak);
        }
        most = peak > most ? peak : most;
    }
    printf("# largest peak of memreport: %llu bytes\n", (unsigned long long)most);
}

/* ---- identities ---- */

static uint64_t bytes_below;

static int add_file(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)path, (void)at;
    bytes_below += flag == FTW_F ? (uint64_t)st->st_size : 0;
    return 0;
}

static void parts_of_each_are_its_files(void **state)
{
    (void)state;
    if (!set_count) {
        skip_because("no recorded data is there");
    }
    for (uint32_t i = 0; i < set_count; i++) {
        survey_totals t;
        bytes_below = 0;
        assert_int_equal(nftw(sets[i], add_file, 16, 0), 0);
        assert_ok(survey_try(sets[i], &t, &err));
        if (t.parts_bytes != t.file_bytes || t.file_bytes != bytes_below) {
            fail_msg("%s: parts %llu, counted %llu, on disk %llu", sets[i],
                     (unsigned long long)t.parts_bytes, (unsigned long long)t.file_bytes,
                     (unsigned long long)bytes_below);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memreport_stays_below_8_mb_on_each),
        cmocka_unit_test(parts_of_each_are_its_files),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
