/* SPDX-License-Identifier: Apache-2.0 */
/* test_atomic.c - an artifact is the old one or the new one, wherever its writer stops. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plimsoll/engine.h"
#include "src/engine/atomic.h"
#include "test/support/cm.h"

#define BYTES 300000u

static plim_error err;
static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;
static plim_card card;
static unsigned char *scratch;
static unsigned char *bodies[2];
static char folder[2048];
static char path[4096];

static int set_up(void **state)
{
    (void)state;
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = 64u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    plim_region_opts r = plim_region_opts_default();
    r.size_bytes = 16u << 20;
    r.tag = PLIM_TAG_OTHER;
    assert_ok(plim_region_create(arena, PLIM_REGION_DYNAMIC, &r, &home, &err));
    assert_int_equal(posix_memalign((void **)&scratch, 4096, 1u << 20), 0);
    uint64_t seed = 3;
    for (size_t k = 0; k < 2; k++) {
        bodies[k] = malloc(BYTES);
        for (size_t i = 0; i < BYTES; i++) {
            bodies[k][i] = (unsigned char)cm_next(&seed);
        }
    }
    snprintf(folder, sizeof(folder), "%s/pair", cm_tmp());
    snprintf(path, sizeof(path), "%s/m.bin", folder);
    assert_int_equal(mkdir(folder, 0755), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(scratch);
    free(bodies[0]);
    free(bodies[1]);
    plim_arena_close(arena);
    plim_budget_close(budget);
    return 0;
}

/* Writes body @which as a container or as a pair; the card names it in built_on. */
static plim_status write_one(bool bare, unsigned which, plim_error *e)
{
    plim_pack_input input = {"w", PLIM_SECTION_WEIGHTS, NULL, bodies[which], BYTES, 0};
    plim_pack_opts o = plim_pack_opts_default();
    o.chunk_bytes = 64u << 10;
    memset(&card, 0, sizeof(card));
    snprintf(card.built_on, sizeof(card.built_on), "board %u", which);
    return bare ? plim_engine_write_bare(path, &card, &input, &o, NULL, e)
                : plim_engine_pack(path, &card, &input, 1, &o, NULL, e);
}

/* 0 or 1: which one lies there, whole; fails the test for anything else. */
static unsigned which_is_there(void)
{
    plim_engine_file *f;
    unsigned which = 9;
    assert_ok(plim_engine_open(path, home, &f, &err));
    assert_ok(plim_engine_verify(f, scratch, 1u << 20, NULL, NULL, &err));
    assert_int_equal(sscanf(plim_engine_card(f)->built_on, "board %u", &which), 1);
    unsigned char first[64];
    FILE *body = fopen(path, "rb");
    assert_non_null(body);
    fseek(body, (long)plim_engine_chunk(f, 0)->file_offset, SEEK_SET);
    assert_int_equal(fread(first, 1, sizeof(first), body), sizeof(first));
    fclose(body);
    assert_true(which < 2);
    assert_memory_equal(first, bodies[which], sizeof(first));
    plim_engine_close(f);
    return which;
}

static unsigned entries(void)
{
    unsigned n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));) {
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    }
    closedir(d);
    return n;
}

static void clean(void)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));) {
        char name[5000];
        snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' || e->d_name[1] == 'm') {
            unlink(name);
        }
    }
    closedir(d);
}

/* ---- every call that changes a file, counted; number @stop_at fails or kills ---- */

static const plim_file_call_table *real;
static unsigned calls;
static unsigned stop_at;
static enum { FAIL, FAIL_FOR_GOOD, KILL_BEFORE, KILL_AFTER } how;
static bool failing;

static bool is_next(void)
{
    bool now = calls++ == stop_at || (failing && how == FAIL_FOR_GOOD);
    failing |= now;
    if (now && how == KILL_BEFORE) {
        kill(getpid(), SIGKILL);
    }
    errno = EIO;
    return now && how <= FAIL_FOR_GOOD;
}

static int after(int result)
{
    if (calls == stop_at + 1 && how == KILL_AFTER) {
        kill(getpid(), SIGKILL);
    }
    return result;
}

static int create_at(int dir, const char *name)
{
    return is_next() ? -1 : after(real->create_at(dir, name));
}
static ssize_t write_at(int fd, const void *bytes, size_t size, off_t offset)
{
    if (is_next()) {
        errno = ENOSPC;
        return -1;
    }
    if (calls == stop_at + 1 && how == KILL_AFTER) { /* half of it gets there */
        ssize_t n = real->write_at(fd, bytes, size / 2, offset);
        kill(getpid(), SIGKILL);
        return n;
    }
    return real->write_at(fd, bytes, size, offset);
}
static int sync_it(int fd)
{
    return is_next() ? -1 : after(real->sync(fd));
}
static int rename_at(int dir, const char *from, const char *to)
{
    return is_next() ? -1 : after(real->rename_at(dir, from, to));
}
static int unlink_at(int dir, const char *name) /* clean-up never fails here: see the kills */
{
    return real->unlink_at(dir, name);
}

static const plim_file_call_table counted = {create_at, write_at, sync_it, rename_at, unlink_at};

static void count_calls(unsigned at)
{
    real = real ? real : plim_file_calls;
    calls = 0;
    failing = false;
    stop_at = at;
    plim_file_calls = &counted;
}

static void every_failing_call_leaves_one_whole_artifact(void **state)
{
    (void)state;
    for (int bare = 0; bare < 2; bare++) {
        for (how = FAIL; how <= FAIL_FOR_GOOD; how++) {
            unsigned faults = 0;
            unsigned kept = 0;
            clean();
            assert_ok(write_one(bare, 0, &err));
            unsigned before = entries();
            for (unsigned at = 0;; at++) {
                count_calls(at);
                plim_status status = write_one(bare, 1, &err);
                plim_file_calls = real;
                if (calls <= at) {
                    assert_int_equal(status, PLIM_OK);
                    break;
                }
                faults++;
                assert_int_equal(status, PLIM_E_IO);
                assert_true(err.os_errno == EIO || err.os_errno == ENOSPC);
                assert_false(card.has_payload_root);
                if (which_is_there() == 0) {
                    kept++;
                    assert_int_equal(entries(), before); /* no temporary file is left */
                } else {
                    assert_ok(write_one(bare, 0, &err));
                }
            }
            assert_int_equal(which_is_there(), 1);
            assert_int_equal(entries(), before);
            assert_true(faults > 10 && kept >= faults - 4);
        }
    }
}

static void being_killed_at_any_call_leaves_one_whole_artifact(void **state)
{
    (void)state;
    unsigned kills = 0;
    for (int bare = 0; bare < 2; bare++) {
        for (how = KILL_BEFORE; how <= KILL_AFTER; how++) {
            unsigned renewed = 0;
            clean();
            for (unsigned at = 0;; at++) {
                int code = 0;
                assert_ok(write_one(bare, 0, &err));
                pid_t child = fork();
                if (child == 0) {
                    count_calls(at);
                    _exit(write_one(bare, 1, NULL) == PLIM_OK ? 0 : 1);
                }
                assert_int_equal(waitpid(child, &code, 0), child);
                renewed += which_is_there();
                if (!WIFSIGNALED(code)) {
                    assert_int_equal(WEXITSTATUS(code), 0);
                    break;
                }
                kills++;
            }
            assert_int_equal(which_is_there(), 1);
            assert_true(renewed >= 2);
        }
    }
    print_message("# %u kills\n", kills);
    assert_true(kills >= 60);
}

static void being_killed_at_any_time_leaves_one_whole_artifact(void **state)
{
    (void)state;
    uint64_t seed = cm_seed();
    unsigned killed = 0;
    clean();
    assert_ok(write_one(true, 0, &err));
    for (unsigned round = 0; round < 60; round++) {
        int code = 0;
        pid_t child = fork();
        if (child == 0) {
            for (unsigned k = 1;; k++) {
                if (write_one(true, k % 2, NULL) != PLIM_OK) {
                    _exit(1);
                }
            }
        }
        struct timespec pause = {0, (long)(cm_next(&seed) % 12000000)};
        nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &code, 0), child);
        killed += WIFSIGNALED(code) != 0;
        (void)which_is_there();
    }
    assert_int_equal(killed, 60);
}

static void a_new_card_goes_before_one_left_pending(void **state)
{
    (void)state;
    clean();
    assert_ok(write_one(true, 0, &err));
    how = FAIL;
    unsigned total;
    count_calls(UINT32_MAX);
    assert_ok(write_one(true, 1, &err));
    total = calls;
    count_calls(total - 2); /* the card's last rename */
    assert_status(write_one(true, 0, &err), PLIM_E_IO);
    plim_file_calls = real;
    assert_int_equal(which_is_there(), 0);
    assert_int_equal(entries(), 3);
    memset(&card, 0, sizeof(card));
    strcpy(card.built_on, "board 0 again");
    assert_ok(plim_engine_write_card(path, &card, NULL, NULL, &err));

    plim_engine_file *f;
    assert_ok(plim_engine_open(path, home, &f, &err));
    assert_string_equal(plim_engine_card(f)->built_on, "board 0 again");
    plim_engine_close(f);
    assert_int_equal(entries(), 2);
}

/* A writer that was killed leaves a body, or a pending card, or a card's own temporary file. */
static void the_next_write_sweeps_what_a_killed_writer_left(void **state)
{
    (void)state;
    for (int bare = 0; bare < 2; bare++) {
        clean();
        assert_ok(write_one(bare, 0, &err));
        const unsigned whole = entries();
        unsigned swept = 0;
        how = KILL_BEFORE;
        for (unsigned at = 0;; at++) {
            int code = 0;
            pid_t child = fork();
            if (child == 0) {
                count_calls(at);
                _exit(write_one(bare, 1, NULL) == PLIM_OK ? 0 : 1);
            }
            assert_int_equal(waitpid(child, &code, 0), child);
            if (!WIFSIGNALED(code)) {
                break;
            }
            swept += entries() > whole;
            assert_ok(write_one(bare, 0, &err));
            assert_int_equal(entries(), whole);
        }
        assert_true(swept > 5);
    }
}

static void the_sweep_leaves_alone_what_is_not_stale(void **state)
{
    (void)state;
    static const char *const kept[] = {".m.bin.x.tmp", ".m.bin.1-.tmp",  ".m.bin.1-2.tmp.bak",
                                       ".m.bin.1-2",   ".other.1-2.tmp", "m.bin.1-2.tmp"};
    char name[5000];
    clean();
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        snprintf(name, sizeof(name), "%s/%s", folder, kept[i]);
        fclose(fopen(name, "wb"));
    }
    snprintf(name, sizeof(name), "%s/.m.bin.1-2.tmp", folder); /* of a live writer: locked */
    int live = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(flock(live, LOCK_EX), 0);
    snprintf(name, sizeof(name), "%s/.m.bin.1-3.tmp", folder);
    assert_int_equal(mkdir(name, 0755), 0);
    snprintf(name, sizeof(name), "%s/.m.bin.1-4.tmp", folder);
    assert_int_equal(symlink("m.bin", name), 0);
    const unsigned before = entries();

    assert_ok(write_one(false, 0, &err));
    assert_int_equal(entries(), before + 1);

    close(live);
    assert_ok(write_one(false, 1, &err));
    assert_int_equal(entries(), before);
    snprintf(name, sizeof(name), "%s/.m.bin.1-3.tmp", folder);
    assert_int_equal(rmdir(name), 0);
    clean();
    static const char *const mine[] = {".other.1-2.tmp"};
    snprintf(name, sizeof(name), "%s/%s", folder, mine[0]);
    assert_int_equal(unlink(name), 0);
}

/* Many writers of one name: no sweep takes another's file, and the last rename wins. */
static void writers_of_one_name_do_not_sweep_each_other(void **state)
{
    (void)state;
    pid_t children[3];
    clean();
    for (size_t i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (unsigned k = 0; k < 25; k++) {
                if (write_one(false, (unsigned)i % 2, NULL) != PLIM_OK) {
                    _exit(1);
                }
            }
            _exit(0);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        int code = 0;
        assert_int_equal(waitpid(children[i], &code, 0), children[i]);
        assert_true(WIFEXITED(code));
        assert_int_equal(WEXITSTATUS(code), 0);
    }
    (void)which_is_there();
    assert_int_equal(entries(), 1);
}

/* A pair is replaced over and over while another process opens it. */
static void a_pair_opens_while_it_is_replaced(void **state)
{
    (void)state;
    int code = 0;
    clean();
    assert_ok(write_one(true, 0, &err));
    pid_t child = fork();
    if (child == 0) {
        for (unsigned k = 1; k <= 150; k++) {
            if (write_one(true, k % 2, NULL) != PLIM_OK) {
                _exit(1);
            }
        }
        _exit(0);
    }
    unsigned opened = 0;
    while (waitpid(child, &code, WNOHANG) == 0) {
        plim_engine_file *f;
        assert_ok(plim_engine_open(path, home, &f, &err));
        assert_ok(plim_engine_verify(f, scratch, 1u << 20, NULL, NULL, &err));
        plim_engine_close(f);
        opened++;
    }
    assert_true(WIFEXITED(code));
    assert_int_equal(WEXITSTATUS(code), 0);
    assert_true(opened > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_call_leaves_one_whole_artifact),
        cmocka_unit_test(being_killed_at_any_call_leaves_one_whole_artifact),
        cmocka_unit_test(being_killed_at_any_time_leaves_one_whole_artifact),
        cmocka_unit_test(a_new_card_goes_before_one_left_pending),
        cmocka_unit_test(a_pair_opens_while_it_is_replaced),
        cmocka_unit_test(writers_of_one_name_do_not_sweep_each_other),
        cmocka_unit_test(the_sweep_leaves_alone_what_is_not_stale),
        cmocka_unit_test(the_next_write_sweeps_what_a_killed_writer_left),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
