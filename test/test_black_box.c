/* SPDX-License-Identifier: Apache-2.0 */
/* test_black_box.c - what a runtime leaves behind: closed, refused, killed at any moment. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "platform/linux/account_copy.h"
#include "test/support/runtime_fixture.h"

#define RING_BYTES (64u << 10)

/* ---- system calls that can be made to fail: those that a start of a black box depends on ---- */

static int fail_at = -1, call_number;

static bool fails(int error)
{
    if (fail_at >= 0 && call_number++ == fail_at) {
        errno = error;
        return true;
    }
    return false;
}

int flock(int fd, int operation)
{
    return fails(ENOLCK) ? -1 : (int)syscall(SYS_flock, fd, operation);
}

int ftruncate(int fd, off_t size)
{
    return fails(ENOSPC) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    return fails(ENOSPC) || syscall(SYS_fallocate, fd, 0, offset, size) != 0 ? errno : 0;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return fails(EIO) ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int rename(const char *from, const char *to)
{
    return fails(EIO) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- a box and what is in it ---- */

static const char *box_path(const char *name)
{
    static char path[4][4200];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof(path[0]), "%s/%s", cm_tmp(), name);
    return p;
}

static plim_runtime_opts box_opts(const char *path)
{
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.black_box_path = path;
    o.black_box_bytes = RING_BYTES;
    o.log_sink = NULL;
    o.large_pages = PLIM_LARGE_PAGES_NEVER;
    return o;
}

static plim_runtime *open_box(const char *path)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = box_opts(path);
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

static unsigned char image[4u << 20] __attribute__((aligned(64)));

static plim_box_reader attach(const char *path)
{
    plim_box_reader reader;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(image, 1, sizeof(image), f);
    fclose(f);
    assert_ok(plim_box_attach(image, n, &reader, &err));
    return reader;
}

/* The last line with @words in it, into *@out. */
static bool find_line(plim_box_reader *reader, const char *words, plim_box_record *out)
{
    plim_box_record r;
    bool found = false;
    plim_box_rewind(reader);
    while (plim_box_next(reader, &r)) {
        if (r.kind == PLIM_BOX_LINE && strstr(r.as.line, words)) {
            *out = r;
            found = true;
        }
    }
    return found;
}

static void assert_adds_up(const plim_budget *account)
{
    static plim_account_row rows[512];
    plim_account a;
    uint64_t now = 0, tags = 0;
    plim_budget_read(account, &a, rows, 512);
    for (size_t i = 0; i < a.row_count && i < 512; i++) {
        now += rows[i].now_bytes;
    }
    for (size_t t = 0; t < PLIM_TAG_COUNT; t++) {
        tags += a.tag_now_bytes[t];
    }
    assert_true(now <= a.used_bytes && tags <= a.used_bytes);
    assert_true(a.used_bytes <= a.cap_bytes && a.peak_bytes <= a.cap_bytes);
    assert_true(a.used_bytes - now <= 64 * 1024); /* what was between two stores at the kill */
}

/* ---- what is written ---- */

static void lines_are_kept_without_a_log(void **state)
{
    (void)state;
    const char *path = box_path("lines");
    plim_box_record line;
    plim_runtime *runtime = open_box(path);
    plim_runtime_label(runtime, "episode 7");
    plim_runtime_log(runtime, PLIM_LOG_DEBUG, "quiet", "\"a\":1");
    plim_runtime_log(runtime, PLIM_LOG_WARN, "loud", "\"a\":%d", 2);
    plim_runtime_label(runtime, NULL);

    plim_box_reader box = attach(path);

    assert_true(find_line(&box, "\"runtime_open\"", &line));
    assert_true(find_line(&box, "\"loud\"", &line));
    assert_non_null(strstr(line.as.line, "\"label\":\"episode 7\""));
    assert_int_equal(line.level, PLIM_LOG_WARN);
    assert_true(line.ns > 0 && line.wall_ns > 1600000000000000000u);
    assert_false(find_line(&box, "\"quiet\"", &line));
    assert_false(box.facts.is_closed);
    assert_false(box.facts.is_damaged);
    assert_int_equal(box.facts.pid, getpid());
    assert_string_equal(box.facts.board, "test board");
    assert_int_equal(box.facts.cap_bytes, CAP_BYTES);
    assert_true(strlen(box.facts.boot_id) == 36);
    plim_runtime_close(runtime);
}

static void the_sink_gets_its_own_level_beside_a_box(void **state)
{
    (void)state;
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = box_opts(box_path("beside"));
    logged.used = 0;
    o.log_sink = keep;
    o.log_level = PLIM_LOG_ERROR;
    assert_ok(plim_runtime_open(&o, &runtime, &err));

    plim_runtime_log(runtime, PLIM_LOG_INFO, "for_the_box", NULL);
    plim_runtime_log(runtime, PLIM_LOG_ERROR, "for_both", NULL);

    plim_box_record line;
    plim_box_reader box = attach(o.black_box_path);
    assert_true(find_line(&box, "for_the_box", &line));
    assert_true(find_line(&box, "for_both", &line));
    assert_null(strstr(logged.text, "for_the_box"));
    assert_non_null(strstr(logged.text, "for_both"));
    plim_runtime_close(runtime);
}

static void the_account_is_at_the_start_of_the_file(void **state)
{
    (void)state;
    const char *path = box_path("start");
    plim_runtime *runtime = open_box(path);
    const plim_budget *seen = NULL;
    plim_account a;

    (void)attach(path);
    assert_ok(plim_budget_attach(image, sizeof(image), &seen, &err));

    plim_budget_read(seen, &a, NULL, 0);
    assert_int_equal(a.used_bytes, used(runtime));
    assert_true(a.tag_now_bytes[PLIM_TAG_OTHER] >= RING_BYTES); /* the ring's own bytes */
    plim_runtime_close(runtime);
}

static void the_account_is_found_by_the_process_alone(void **state)
{
    (void)state;
    plim_runtime *runtime = open_box(box_path("found"));
    plim_account_copy copy;
    const plim_budget *seen = NULL;

    assert_ok(plim_account_copy_process("", (uint32_t)getpid(), &copy, &err));

    assert_ok(plim_budget_attach(copy.image, copy.image_bytes, &seen, &err));
    assert_int_equal(plim_budget_used_bytes(seen), used(runtime));
    plim_account_copy_close(&copy);
    plim_runtime_close(runtime);
}

static void a_load_that_the_seal_refuses_is_told(void **state)
{
    (void)state;
    const char *path = box_path("sealed"), *artifact = make_artifact("sealed");
    plim_engine *engine = NULL;
    plim_box_record r;
    plim_engine_spec s = spec_of("late", artifact);
    plim_runtime *runtime = open_box(path);
    assert_ok(plim_runtime_seal(runtime, &err));

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, NULL), PLIM_E_STATE);

    plim_box_reader box = attach(path);
    assert_true(find_line(&box, "\"load_refused\"", &r));
    assert_non_null(strstr(r.as.line, "\"found\":\"late\""));
    plim_runtime_close(runtime);
}

static void a_life_of_an_engine_is_told(void **state)
{
    (void)state;
    static const char *const EVENTS[] = {"load_begin", "engine_loaded",   "seal",         "evicted",
                                         "restored",   "engine_released", "runtime_close"};
    const char *path = box_path("life"), *artifact = make_artifact("life");
    plim_box_record r;
    plim_runtime *runtime = open_box(path);
    plim_engine *engine = load(runtime, "life", artifact);
    assert_ok(plim_runtime_seal(runtime, &err));
    assert_ok(plim_engine_evict(engine, &err));
    assert_ok(plim_engine_restore(engine, &err));
    assert_ok(plim_engine_release(engine, &err));
    plim_runtime_close(runtime);

    plim_box_reader box = attach(path);
    uint64_t last = 0, peak = 0, samples = 0;
    for (size_t i = 0; i < sizeof(EVENTS) / sizeof(EVENTS[0]); i++) {
        char words[64];
        snprintf(words, sizeof(words), "\"event\":\"%s\"", EVENTS[i]);
        assert_true(find_line(&box, words, &r));
        assert_true(r.ns >= last || i == 5); /* released comes after restored */
        last = r.ns;
    }
    plim_box_rewind(&box);
    while (plim_box_next(&box, &r)) {
        samples += r.kind == PLIM_BOX_SAMPLE;
        peak = r.kind == PLIM_BOX_SAMPLE ? r.as.sample.peak_bytes : peak;
    }
    assert_true(samples >= 3);
    assert_int_equal(box.facts.peak_bytes, peak);
    assert_true(box.facts.peak_ns >= box.facts.start_ns);
    assert_true(box.facts.peak_ns <= box.facts.close_ns);
}

static void a_refusal_is_kept_with_its_holders(void **state)
{
    (void)state;
    const char *path = box_path("refusal"), *artifact = make_artifact("refusal");
    plim_box_record r;
    plim_owner camera;
    bool found = false;
    plim_runtime *runtime = open_box(path);
    plim_budget *budget = plim_runtime_budget(runtime);
    uint64_t most = CAP_BYTES - plim_budget_used_bytes(budget) - (64u << 10);
    assert_ok(plim_budget_owner(budget, "camera", &camera, &err));
    assert_ok(plim_budget_charge(budget, camera, PLIM_TAG_EPISODE, most, &err));
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("backbone", artifact);
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_BUDGET);

    plim_box_reader box = attach(path);
    while (!found && plim_box_next(&box, &r)) {
        found = r.kind == PLIM_BOX_REFUSAL;
    }
    assert_true(found);
    assert_int_equal(r.as.refusal.status, PLIM_E_BUDGET);
    assert_int_equal(r.as.refusal.want_bytes, err.want);
    assert_int_equal(r.as.refusal.limit_bytes, CAP_BYTES);
    assert_string_equal(r.as.refusal.event, "load_failed");
    assert_string_equal(r.as.refusal.engine, "backbone");
    assert_string_equal(r.as.refusal.holders[0].owner, "camera");
    assert_int_equal(r.as.refusal.holders[0].tag, PLIM_TAG_EPISODE);
    assert_int_equal(r.as.refusal.holders[0].bytes, most);
    assert_true(find_line(&box, "\"load_failed\"", &r));
    assert_non_null(strstr(r.as.line, "\"holders\":[{\"owner\":\"camera\",\"tag\":\"episode\""));
    plim_budget_credit(budget, camera, PLIM_TAG_EPISODE, most);
    plim_runtime_close(runtime);
}

/* ---- the file ---- */

static void a_closed_box_stays_and_says_why(void **state)
{
    (void)state;
    const char *path = box_path("closed");
    plim_runtime_close(open_box(path));

    plim_box_reader box = attach(path);

    assert_true(box.facts.is_closed);
    assert_string_equal(box.facts.close_reason, "closed by the program");
    assert_true(box.facts.close_ns >= box.facts.start_ns);
    assert_non_null(box.account);
    assert_adds_up(box.account);
    assert_true(plim_budget_peak_bytes(box.account) >= RING_BYTES);
}

static void the_box_before_is_kept_as_the_previous_one(void **state)
{
    (void)state;
    const char *path = box_path("turns");
    plim_box_record r;
    char words[32];
    for (int turn = 0; turn < 3; turn++) {
        plim_runtime *runtime = open_box(path);
        plim_runtime_log(runtime, PLIM_LOG_INFO, "turn", "\"turn\":%d", turn);
        plim_runtime_close(runtime);
    }

    for (int turn = 1; turn < 3; turn++) {
        plim_box_reader box = attach(turn == 2 ? path : box_path("turns.previous"));
        snprintf(words, sizeof(words), "\"turn\":%d", turn);
        assert_true(find_line(&box, words, &r));
    }
    assert_int_equal(access(box_path("turns.new"), F_OK), -1);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void what_is_no_box_is_left_alone(void **state)
{
    (void)state;
    static const char *const TAILS[] = {"", ".previous", ".new"};
    for (size_t i = 0; i < 3; i++) {
        char name[64], text[64] = "";
        snprintf(name, sizeof(name), "foreign%zu", i);
        const char *path = box_path(name);
        plim_runtime *runtime = (plim_runtime *)1;
        plim_runtime_opts o = box_opts(path);
        plim_runtime_close(open_box(path));
        snprintf(name, sizeof(name), "foreign%zu%s", i, TAILS[i]);
        unlink(box_path(name));
        write_text(box_path(name), "years of work");

        assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_STATE);

        assert_null(runtime);
        FILE *f = fopen(box_path(name), "r");
        assert_non_null(fgets(text, sizeof(text), f));
        fclose(f);
        assert_string_equal(text, "years of work");
        if (i != 0) {
            assert_true(attach(path).facts.is_closed); /* nor was the box moved */
        }
    }
}

/* What a starter that was killed leaves beside the path, at any point: empty, zeros, a whole box.
 */
static void a_start_that_was_killed_is_cleaned_up(void **state)
{
    (void)state;
    static const char zeros[70000];
    const char *path = box_path("half"), *fresh = box_path("half.new");
    for (int i = 0; i < 3; i++) {
        if (i < 2) {
            FILE *f = fopen(fresh, "wb");
            assert_non_null(f);
            assert_int_equal(fwrite(zeros, 1, i ? sizeof(zeros) : 0, f), i ? sizeof(zeros) : 0);
            fclose(f);
        } else {
            assert_int_equal(rename(path, fresh), 0);
        }

        plim_runtime_close(open_box(path));

        assert_int_equal(access(fresh, F_OK), -1);
        assert_true(attach(path).facts.is_closed);
    }
}

static void a_plain_account_does_not_take_a_box_away(void **state)
{
    (void)state;
    const char *path = box_path("evidence");
    plim_runtime *runtime = NULL;
    plim_runtime_close(open_box(path));
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.account_path = path;

    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_STATE);
    assert_true(attach(path).facts.is_closed);

    o.black_box_path = path;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_ARG);
}

static void of_two_starters_the_second_is_told(void **state)
{
    (void)state;
    const char *path = box_path("two");
    plim_runtime *first = open_box(path), *second = NULL;
    plim_runtime_opts o = box_opts(path);

    assert_status(plim_runtime_open(&o, &second, &err), PLIM_E_STATE);

    assert_non_null(strstr(err.what, "live process"));
    plim_box_reader box = attach(path);
    assert_false(box.facts.is_closed);
    assert_int_equal(access(box_path("two.previous"), F_OK), -1);
    assert_int_equal(access(box_path("two.new"), F_OK), -1);
    plim_runtime_close(first);
}

/* Many processes start at once; at every moment at most one has the box, and none is lost. */
static void racing_starters_get_one_box_each_in_turn(void **state)
{
    (void)state;
    const char *path = box_path("race");
    pid_t children[8];
    int won = 0;
    for (int i = 0; i < 8; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            plim_runtime *runtime = NULL;
            plim_runtime_opts o = box_opts(path);
            plim_status status = plim_runtime_open(&o, &runtime, NULL);
            if (status == PLIM_OK) {
                usleep(2000);
                plim_runtime_close(runtime);
            }
            _exit(status == PLIM_OK ? 0 : status == PLIM_E_STATE ? 1 : 2);
        }
    }
    for (int i = 0; i < 8; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        won += WEXITSTATUS(status) == 0;
    }
    assert_true(won >= 1);
    assert_true(attach(path).facts.is_closed);
    assert_int_equal(access(box_path("race.new"), F_OK), -1);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = box_opts(box_path("sizes"));
    o.black_box_bytes = 100;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_ARG);
    o.black_box_bytes = UINT64_MAX;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_ARG);
    o.black_box_bytes = 2 * (uint64_t)CAP_BYTES;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_BUDGET);
    o.black_box_path = "";
    o.black_box_bytes = 0;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_ARG);
    assert_int_equal(access(box_path("sizes"), F_OK), -1);
    assert_int_equal(access(box_path("sizes.new"), F_OK), -1);
}

/* ---- no room ---- */

static void a_limit_on_file_sizes_is_an_error_and_no_signal(void **state)
{
    (void)state;
    plim_runtime *runtime = NULL;
    struct rlimit before, low;
    plim_runtime_opts o = box_opts(box_path("limit"));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 50000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);

    plim_status status = plim_runtime_open(&o, &runtime, &err);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, PLIM_E_NOMEM);
    assert_int_equal(err.limit, 50000);
    assert_int_equal(access(o.black_box_path, F_OK), -1);
    assert_int_equal(access(box_path("limit.new"), F_OK), -1);
}

/* In a child with a mount namespace of its own: a tmpfs that has room for the file's size but not
 * for its pages. Exit: 0 as it should be, 77 not allowed here, else the line. */
static int open_on_a_small_disk(const char *folder)
{
    plim_runtime *runtime = NULL;
    plim_error own;
    char path[4400];
    snprintf(path, sizeof(path), "%s/box", folder);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=256k") != 0) {
        return 77;
    }
    plim_runtime_opts o = box_opts(path);
    if (plim_runtime_open(&o, &runtime, &own) != PLIM_OK) {
        return __LINE__ % 70 + 1;
    }
    plim_runtime_close(runtime);
    o.black_box_bytes = 1u << 20;
    if (plim_runtime_open(&o, &runtime, &own) != PLIM_E_NOMEM || own.os_errno != ENOSPC) {
        return __LINE__ % 70 + 1;
    }
    if (access(path, F_OK) != 0) { /* the older box is still where it was */
        return __LINE__ % 70 + 1;
    }
    return 0;
}

static void a_full_disk_is_an_error_at_open(void **state)
{
    (void)state;
    const char *folder = box_path("disk");
    int status = 0;
    assert_int_equal(mkdir(folder, 0700), 0);
    pid_t child = fork();
    if (child == 0) {
        _exit(open_on_a_small_disk(folder));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip_because("no right to mount a small tmpfs");
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void every_failure_of_a_start_moves_nothing(void **state)
{
    (void)state;
    char path[4200], fresh[4200];
    snprintf(path, sizeof(path), "%s", box_path("every"));
    snprintf(fresh, sizeof(fresh), "%s", box_path("every.new"));
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = box_opts(path);
    plim_status status = PLIM_E_IO;
    plim_runtime_close(open_box(path));
    uint64_t start = attach(path).facts.start_ns;
    int refused = 0;
    for (int k = 0; status != PLIM_OK; k++) {
        call_number = 0;
        fail_at = k;
        status = plim_runtime_open(&o, &runtime, &err);
        fail_at = -1;
        if (status == PLIM_OK && call_number > k) {
            plim_runtime_close(runtime); /* a call whose failure costs nothing */
            fail_msg("call %d failed and nobody said so", k);
        }
        refused += status != PLIM_OK;
        if (status != PLIM_OK) {
            assert_true(status == PLIM_E_NOMEM || status == PLIM_E_STATE || status == PLIM_E_IO);
            assert_null(runtime);
            assert_int_equal(attach(path).facts.start_ns, start);
            assert_int_equal(access(fresh, F_OK), -1);
        }
    }
    assert_true(refused >= 6);
    plim_runtime_close(runtime);
}

/* A start that is refused by the budget tells so in its own box. */
static void a_refused_start_leaves_its_box(void **state)
{
    (void)state;
    plim_runtime *runtime = NULL;
    plim_box_record r;
    plim_runtime_opts o = box_opts(box_path("start_refused"));
    o.reserve_bytes = CAP_BYTES;

    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_BUDGET);

    plim_box_reader box = attach(o.black_box_path);
    assert_true(box.facts.is_closed);
    assert_non_null(strstr(box.facts.close_reason, "could not be opened"));
    assert_true(find_line(&box, "open_failed", &r));
}

/* ---- killed ---- */

typedef struct shared_count {
    _Atomic uint64_t done; /* lines that are surely written */
} shared_count;

static void *charge_for_ever(void *argument)
{
    plim_budget *budget = argument;
    plim_owner owner;
    if (plim_budget_owner(budget, "worker", &owner, NULL) != PLIM_OK) {
        return NULL;
    }
    for (uint64_t state = 1;;) {
        uint64_t bytes = cm_next(&state) % 60000 + 1;
        plim_tag tag = (plim_tag)(cm_next(&state) % PLIM_TAG_COUNT);
        if (plim_budget_charge(budget, owner, tag, bytes, NULL) == PLIM_OK) {
            plim_budget_credit(budget, owner, tag, bytes);
        }
    }
}

static void write_for_ever(const char *path, shared_count *count)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = box_opts(path);
    pthread_t thread;
    if (plim_runtime_open(&o, &runtime, NULL) != PLIM_OK ||
        pthread_create(&thread, NULL, charge_for_ever, plim_runtime_budget(runtime)) != 0) {
        _exit(1);
    }
    for (uint64_t i = 1;; i++) {
        static const char FILLER[] = "................................................"
                                     "................................................";
        plim_runtime_log(runtime, PLIM_LOG_INFO, "beat", "\"beat\":%llu,\"filler\":\"%.*s\"",
                         (unsigned long long)i, (int)(i % 90), FILLER);
        if (i % 3 == 0) {
            plim_black_box_sample(&runtime->box);
        }
        atomic_store(&count->done, i);
    }
}

static uint64_t beat_of(const plim_box_record *r)
{
    const char *at = r->kind == PLIM_BOX_LINE ? strstr(r->as.line, "\"beat\":") : NULL;
    return at && at[7] != '"' ? strtoull(at + 7, NULL, 10) : 0;
}

static void check_killed_box(const char *path, uint64_t done)
{
    plim_box_record r;
    uint64_t last = 0, ns = 0;
    plim_box_reader box = attach(path);
    while (plim_box_next(&box, &r)) {
        uint64_t beat = beat_of(&r);
        assert_true(last == 0 || beat == 0 || beat == last + 1);
        last = beat ? beat : last;
        assert_true(r.ns >= ns || r.kind == PLIM_BOX_SAMPLE);
        ns = r.ns > ns ? r.ns : ns;
    }
    assert_true(last == done || last == done + 1);
    assert_int_equal(box.damaged_bytes, 0);
    assert_false(box.is_recovered);
    assert_false(box.facts.is_closed);
    assert_false(box.facts.is_damaged);
    assert_non_null(box.account);
    assert_adds_up(box.account);
}

static void killed_at_any_moment_it_can_be_read(void **state)
{
    (void)state;
    const char *path = box_path("killed");
    uint64_t seed = cm_seed(), wrapped = 0;
    shared_count *count =
        mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(count, MAP_FAILED);
    for (int round = 0; round < 250; round++) {
        /* In every third round not before the ring is full, however slow the machine is. */
        uint64_t least = round % 3 == 0 ? RING_BYTES / 100 : 1;
        atomic_store(&count->done, 0);
        pid_t child = fork();
        if (child == 0) {
            write_for_ever(path, count);
        }
        while (atomic_load(&count->done) < least) {
            assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
            usleep(50);
        }
        usleep((useconds_t)(cm_next(&seed) % 6000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        check_killed_box(path, atomic_load(&count->done));
        wrapped += attach(path).overwritten_bytes > 0;
    }
    assert_true(wrapped >= 250 / 3);
    munmap(count, sizeof(*count));
}

/* ---- threads ---- */

static void *log_much(void *argument)
{
    plim_runtime *runtime = argument;
    for (int i = 0; i < 400; i++) {
        plim_runtime_log(runtime, PLIM_LOG_INFO, "thread", "\"i\":%d", i);
        plim_black_box_notice(&runtime->box);
        plim_black_box_tick(&runtime->box, plim_runtime_now_ns());
        if (i % 16 == 0) {
            plim_black_box_sample(&runtime->box);
        }
    }
    return NULL;
}

static void threads_write_whole_records(void **state)
{
    (void)state;
    const char *path = box_path("threads");
    pthread_t threads[8];
    uint64_t lines = 0;
    plim_box_record r;
    plim_runtime *runtime = open_box(path);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_much, runtime), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }

    plim_box_reader box = attach(path);
    while (plim_box_next(&box, &r)) {
        json_t *line = r.kind == PLIM_BOX_LINE ? json_loads(r.as.line, 0, NULL) : NULL;
        assert_true(r.kind != PLIM_BOX_LINE || line);
        lines += line != NULL;
        json_decref(line);
    }
    assert_int_equal(box.damaged_bytes, 0);
    assert_true(lines > 100);
    plim_runtime_close(runtime);
}

/* ---- a file from anyone ---- */

static void any_byte_changed_gives_less_or_a_refusal(void **state)
{
    (void)state;
    const char *path = box_path("flips");
    plim_runtime_opts o = box_opts(path);
    plim_runtime *runtime = NULL;
    o.black_box_bytes = PLIM_BLACK_BOX_LEAST_BYTES;
    o.budget.owner_limit = 2;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    plim_runtime_close(runtime);
    plim_box_reader reader = attach(path);
    plim_box_record r;
    uint64_t whole = 0;
    for (; plim_box_next(&reader, &r); whole++) {
    }
    size_t bytes = 4096 + PLIM_BLACK_BOX_LEAST_BYTES;
    unsigned char *copy = aligned_alloc(64, bytes);
    memcpy(copy, image, bytes);
    for (size_t n = 0; n < bytes; n++) {
        uint64_t count = 0;
        copy[n] ^= 0xff;
        if (plim_box_attach(copy, bytes, &reader, &err) == PLIM_OK) {
            for (; plim_box_next(&reader, &r); count++) {
            }
            assert_true(count <= whole);
        }
        copy[n] ^= 0xff;
    }
    free(copy);
    for (size_t n = 0; n < bytes; n += n < 6000 ? 1 : 37) {
        unsigned char *cut = aligned_alloc(64, (n + 64) & ~(size_t)63);
        uint64_t count = 0;
        memcpy(cut, image, n);
        plim_status status = plim_box_attach(cut, n, &reader, &err);
        if (status == PLIM_OK) {
            for (; plim_box_next(&reader, &r); count++) {
            }
            assert_true(count <= whole);
        } else {
            assert_true(status == PLIM_E_RANGE || status == PLIM_E_FORMAT);
        }
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_kept_without_a_log),
        cmocka_unit_test(the_sink_gets_its_own_level_beside_a_box),
        cmocka_unit_test(the_account_is_at_the_start_of_the_file),
        cmocka_unit_test(the_account_is_found_by_the_process_alone),
        cmocka_unit_test(a_load_that_the_seal_refuses_is_told),
        cmocka_unit_test(a_life_of_an_engine_is_told),
        cmocka_unit_test(a_refusal_is_kept_with_its_holders),
        cmocka_unit_test(a_closed_box_stays_and_says_why),
        cmocka_unit_test(the_box_before_is_kept_as_the_previous_one),
        cmocka_unit_test(what_is_no_box_is_left_alone),
        cmocka_unit_test(a_start_that_was_killed_is_cleaned_up),
        cmocka_unit_test(a_plain_account_does_not_take_a_box_away),
        cmocka_unit_test(of_two_starters_the_second_is_told),
        cmocka_unit_test(racing_starters_get_one_box_each_in_turn),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(a_limit_on_file_sizes_is_an_error_and_no_signal),
        cmocka_unit_test(a_full_disk_is_an_error_at_open),
        cmocka_unit_test(every_failure_of_a_start_moves_nothing),
        cmocka_unit_test(a_refused_start_leaves_its_box),
        cmocka_unit_test(killed_at_any_moment_it_can_be_read),
        cmocka_unit_test(threads_write_whole_records),
        cmocka_unit_test(any_byte_changed_gives_less_or_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
