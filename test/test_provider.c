/* SPDX-License-Identifier: Apache-2.0 */
/* test_provider.c - what belongs to one provider only: wrappers, memfd, files, zero pages. */
#include "test/support/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plimsoll/provider.h"

#define MIB ((size_t)1 << 20)

static plim_error err;

/* ---- tables ---- */

static void foreign_tables_are_refused(void **state)
{
    (void)state;
    plim_provider_ops ops = *plim_provider_mmap()->ops;
    plim_provider p = {&ops};
    void *base = &err;

    ops.abi = PLIM_PROVIDER_ABI + 1;
    assert_status(plim_provider_reserve(&p, MIB, 0, &base, &err), PLIM_E_ARG);
    assert_null(base);
    ops.abi = PLIM_PROVIDER_ABI;
    ops.page_bytes = 3000;
    assert_status(plim_provider_reserve(&p, MIB, 0, &base, &err), PLIM_E_ARG);
    ops.page_bytes = 4096;
    ops.commit = NULL;
    assert_status(plim_provider_reserve(&p, MIB, 0, &base, &err), PLIM_E_ARG);
    assert_status(plim_provider_reserve(NULL, MIB, 0, &base, &err), PLIM_E_ARG);
}

static void entries_that_are_missing_have_their_default(void **state)
{
    (void)state;
    plim_provider_ops ops = *plim_provider_mmap()->ops;
    plim_provider p = {&ops};
    void *base = NULL;
    size_t bytes = 0;
    ops.struct_size = offsetof(plim_provider_ops, advise); /* a table that ends there */
    assert_ok(plim_provider_reserve(&p, MIB, 0, &base, &err));
    assert_ok(plim_provider_commit(&p, base, MIB, &err));

    assert_ok(plim_provider_advise(&p, base, MIB, PLIM_ADVICE_PREFAULT, &err));
    assert_ok(plim_provider_resident(plim_provider_mmap(), base, MIB, &bytes, &err));
    assert_int_equal(bytes, 0); /* ignored */
    assert_ok(plim_provider_resident(&p, base, MIB, &bytes, &err));
    assert_int_equal(bytes, MIB); /* every committed byte counts */

    plim_provider_release(&p, base, MIB);
}

static void recording_counts_what_upstream_was_asked_for(void **state)
{
    (void)state;
    plim_recording_provider r;
    plim_recording_provider_init(&r, plim_provider_mmap());
    void *base = NULL;
    assert_ok(plim_provider_reserve(&r.base, 4 * MIB, 0, &base, &err));
    assert_ok(plim_provider_commit(&r.base, base, 2 * MIB, &err));
    plim_provider_decommit(&r.base, base, MIB);
    assert_ok(plim_provider_commit(&r.base, (char *)base + 2 * MIB, 4096, &err));

    assert_int_equal(r.reserve_count, 1);
    assert_int_equal(r.reserved_bytes, 4 * MIB);
    assert_int_equal(r.commit_count, 2);
    assert_int_equal(r.decommit_count, 1);
    assert_int_equal(r.committed_bytes, MIB + 4096);
    assert_int_equal(r.committed_peak_bytes, 2 * MIB);
    plim_provider_release(&r.base, base, 4 * MIB);
    assert_int_equal(r.release_count, 1);
    assert_int_equal(r.reserved_bytes, 0);
}

static void failing_refuses_the_call_it_was_told_to(void **state)
{
    (void)state;
    plim_failing_provider f;
    void *base = NULL;
    for (int keep = 0; keep < 2; keep++) {
        plim_failing_provider_init(&f, plim_provider_mmap(), 1, keep != 0);
        assert_ok(plim_provider_reserve(&f.base, 2 * MIB, 0, &base, &err));
        assert_status(plim_provider_commit(&f.base, base, MIB, &err), PLIM_E_NOMEM);
        assert_int_equal(err.want, MIB);
        assert_status(plim_provider_commit(&f.base, base, MIB, &err),
                      keep ? PLIM_E_NOMEM : PLIM_OK);
        assert_int_equal(f.calls, 3);
        plim_provider_release(&f.base, base, 2 * MIB);
    }
}

/* ---- anonymous memory ---- */

static void resident_does_not_count_pages_that_were_only_read(void **state)
{
    (void)state;
    plim_provider *p = plim_provider_mmap();
    void *base = NULL;
    size_t bytes = 0;
    assert_ok(plim_provider_reserve(p, MIB, 0, &base, &err));
    assert_ok(plim_provider_commit(p, base, MIB, &err));
    assert_int_equal(madvise(base, MIB, MADV_NOHUGEPAGE), 0);
    volatile unsigned char *at = base;

    unsigned sum = 0;
    for (size_t i = 0; i < MIB / 2; i += 4096) {
        sum += at[i];
    }
    at[MIB / 2] = 1;
    at[MIB - 1] = 1;

    assert_int_equal(sum, 0);
    assert_ok(plim_provider_resident(p, base, MIB, &bytes, &err));
    assert_int_equal(bytes, 2 * 4096);
    plim_provider_release(p, base, MIB);
}

static void decommit_frees_pages_that_are_locked(void **state)
{
    (void)state;
    plim_provider *p = plim_provider_mmap();
    void *base = NULL;
    size_t bytes = 1;
    assert_ok(plim_provider_reserve(p, MIB, 0, &base, &err));
    assert_ok(plim_provider_commit(p, base, 64 * 1024, &err));
    if (mlock(base, 64 * 1024) != 0) {
        plim_provider_release(p, base, MIB);
        skip_because("mlock is not allowed here");
    }
    memset(base, 1, 64 * 1024);

    plim_provider_decommit(p, base, 64 * 1024);

    assert_ok(plim_provider_resident(p, base, 64 * 1024, &bytes, &err));
    assert_int_equal(bytes, 0);
    assert_ok(plim_provider_commit(p, base, 64 * 1024, &err));
    assert_int_equal(*(unsigned char *)base, 0);
    plim_provider_release(p, base, MIB);
}

/* In a child, because the limit stays: commit is where the kernel can say no. */
static void system_refusal_is_a_status_with_its_errno(void **state)
{
    (void)state;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        plim_provider *p = plim_provider_mmap();
        struct rlimit limit = {16 * MIB, 16 * MIB};
        void *base = NULL;
        bool well = plim_provider_reserve(p, 4096 * MIB, 0, &base, &err) == PLIM_OK &&
                    setrlimit(RLIMIT_DATA, &limit) == 0 &&
                    plim_provider_commit(p, base, 1024 * MIB, &err) == PLIM_E_NOMEM &&
                    err.os_errno == ENOMEM && err.want == 1024 * MIB;
        _exit(well ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- memfd ---- */

static void shm_is_shared_between_two_mappings(void **state)
{
    (void)state;
    plim_shm_provider s;
    void *base = NULL;
    assert_ok(plim_provider_shm_open(&s, "test", MIB, &err));
    assert_ok(plim_provider_reserve(&s.base, MIB, 0, &base, &err));
    assert_ok(plim_provider_commit(&s.base, base, MIB, &err));
    const char *other = mmap(NULL, MIB, PROT_READ, MAP_SHARED, plim_provider_shm_fd(&s), 0);
    assert_ptr_not_equal(other, MAP_FAILED);

    strcpy((char *)base + 70000, "seen");

    assert_string_equal(other + 70000, "seen");
    struct stat st;
    assert_int_equal(fstat(s.fd, &st), 0);
    assert_int_equal(st.st_blocks * 512, MIB);
    plim_provider_decommit(&s.base, base, MIB);
    assert_int_equal(fstat(s.fd, &st), 0);
    assert_int_equal(st.st_blocks, 0); /* a hole: the kernel has the pages back */
    assert_int_equal(other[70000], 0);
    munmap((void *)(uintptr_t)other, MIB);
    plim_provider_release(&s.base, base, MIB);
    plim_provider_shm_close(&s);
}

static void shm_cannot_be_cut_under_its_readers(void **state)
{
    (void)state;
    plim_shm_provider s;
    assert_ok(plim_provider_shm_open(&s, NULL, MIB + 1, &err));

    assert_int_equal(ftruncate(s.fd, 4096), -1);
    assert_int_equal(ftruncate(s.fd, (off_t)(4 * MIB)), -1);

    struct stat st;
    assert_int_equal(fstat(s.fd, &st), 0);
    assert_int_equal(st.st_size, MIB + 4096);
    plim_provider_shm_close(&s);
    plim_provider_shm_close(&s); /* closed already, and a zeroed one */
    plim_shm_provider zeroed = {0};
    plim_provider_shm_close(&zeroed);
}

static void segment_refuses_what_does_not_fit(void **state)
{
    (void)state;
    plim_shm_provider s;
    void *base[PLIM_SEGMENT_MAPS], *more = NULL;
    assert_ok(plim_provider_shm_open(&s, "test", MIB, &err));

    assert_status(plim_provider_reserve(&s.base, MIB + 1, 0, &more, &err), PLIM_E_NOMEM);
    assert_int_equal(err.want, MIB + 4096);
    assert_int_equal(err.limit, MIB);
    for (size_t i = 0; i < PLIM_SEGMENT_MAPS; i++) {
        assert_ok(plim_provider_reserve(&s.base, 4096, 0, &base[i], &err));
    }
    assert_status(plim_provider_reserve(&s.base, 4096, 0, &more, &err), PLIM_E_NOMEM);
    assert_status(plim_provider_commit(&s.base, &err, 4096, &err), PLIM_E_ARG);
    for (size_t i = 0; i < PLIM_SEGMENT_MAPS; i++) {
        plim_provider_release(&s.base, base[i], 4096);
    }
    assert_ok(plim_provider_reserve(&s.base, MIB, 0, &more, &err));
    plim_provider_shm_close(&s);
    assert_status(plim_provider_shm_open(&s, "test", 0, &err), PLIM_E_ARG);
    assert_status(plim_provider_shm_open(&s, "test", SIZE_MAX, &err), PLIM_E_ARG);
}

/* ---- files ---- */

static const char *path_of(const char *name)
{
    static char path[4200];
    snprintf(path, sizeof(path), "%s/%s", cm_tmp(), name);
    return path;
}

static void put_bytes(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static void put_file(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static void file_is_private_has_its_size_and_goes_with_its_provider(void **state)
{
    (void)state;
    plim_file_provider f;
    const char *path = path_of("account");
    struct stat st;

    assert_ok(plim_file_provider_open(&f, path, MIB, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, MIB);
    plim_file_provider_close(&f);

    assert_int_equal(stat(path, &st), -1);
}

static void file_never_replaces_what_is_not_its_leftover(void **state)
{
    (void)state;
    plim_file_provider f;
    struct stat st;
    const char *path = path_of("thesis");
    put_file(path, "years of work");
    assert_status(plim_file_provider_open(&f, path, MIB, &err), PLIM_E_STATE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 13);

    char target[4300];
    snprintf(target, sizeof(target), "%s", path);
    path = path_of("link");
    assert_int_equal(symlink(target, path), 0);
    assert_status(plim_file_provider_open(&f, path, MIB, &err), PLIM_E_STATE);
    path = path_of("fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_status(plim_file_provider_open(&f, path, MIB, &err), PLIM_E_STATE);
    path = path_of("hard");
    put_file(path, "PLIMACCT");
    snprintf(target, sizeof(target), "%s2", path);
    assert_int_equal(link(path, target), 0);
    assert_status(plim_file_provider_open(&f, path, MIB, &err), PLIM_E_STATE);
    assert_status(plim_file_provider_open(&f, path_of("no/such"), MIB, &err), PLIM_E_IO);
    assert_status(plim_file_provider_open(&f, "", MIB, &err), PLIM_E_ARG);
}

/* An engine begins with "PLIM" too, and a disk image with zeros. */
static void file_takes_an_engine_or_an_image_for_no_leftover(void **state)
{
    (void)state;
    plim_file_provider f;
    struct stat st;
    static unsigned char image[100000];
    const char *path = path_of("policy.engine");
    put_file(path, "PLIMENG1 and three gigabytes of weights");
    assert_status(plim_file_provider_open(&f, path, MIB, &err), PLIM_E_STATE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 39);

    path = path_of("board.img");
    image[sizeof(image) - 1] = 1;
    put_bytes(path, image, sizeof(image));
    assert_status(plim_file_provider_open(&f, path, MIB, &err), PLIM_E_STATE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, sizeof(image));
}

/* What its maker left at any point: empty, sized, half built, whole, taken down. */
static void file_takes_its_own_leftovers_away(void **state)
{
    (void)state;
    static unsigned char zeros[100000];
    static const unsigned char half[24] = {[8] = 1, [12] = 264 & 255, [13] = 264 >> 8, [16] = 9};
    plim_file_provider f;
    const char *path = path_of("leftover");
    for (unsigned i = 0; i < 5; i++) {
        if (i == 2) {
            put_bytes(path, half, sizeof(half));
        } else if (i == 3) {
            put_file(path, "PLIMACCT and figures");
        } else {
            put_bytes(path, zeros, i == 0 ? 0 : i == 1 ? sizeof(zeros) : 3);
        }
        assert_ok(plim_file_provider_open(&f, path, MIB, &err));
        plim_file_provider_close(&f);
    }
}

static void file_takes_over_from_a_process_that_was_killed(void **state)
{
    (void)state;
    plim_file_provider f;
    const char *path = path_of("killed");
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char ok = plim_file_provider_open(&f, path, MIB, NULL) == PLIM_OK;
        (void)!write(ready[1], &ok, 1);
        pause();
        _exit(0);
    }
    char ok = 0;
    assert_int_equal(read(ready[0], &ok, 1), 1);
    assert_int_equal(ok, 1);

    assert_status(plim_file_provider_open(&f, path, MIB, &err), PLIM_E_STATE); /* it lives */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_ok(plim_file_provider_open(&f, path, MIB, &err));

    plim_file_provider_close(&f);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_tables_are_refused),
        cmocka_unit_test(entries_that_are_missing_have_their_default),
        cmocka_unit_test(recording_counts_what_upstream_was_asked_for),
        cmocka_unit_test(failing_refuses_the_call_it_was_told_to),
        cmocka_unit_test(resident_does_not_count_pages_that_were_only_read),
        cmocka_unit_test(decommit_frees_pages_that_are_locked),
        cmocka_unit_test(system_refusal_is_a_status_with_its_errno),
        cmocka_unit_test(shm_is_shared_between_two_mappings),
        cmocka_unit_test(shm_cannot_be_cut_under_its_readers),
        cmocka_unit_test(segment_refuses_what_does_not_fit),
        cmocka_unit_test(file_is_private_has_its_size_and_goes_with_its_provider),
        cmocka_unit_test(file_never_replaces_what_is_not_its_leftover),
        cmocka_unit_test(file_takes_over_from_a_process_that_was_killed),
        cmocka_unit_test(file_takes_its_own_leftovers_away),
        cmocka_unit_test(file_takes_an_engine_or_an_image_for_no_leftover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
