/* SPDX-License-Identifier: Apache-2.0 */
/* test_account_copy.c - an account is found by the process alone, and never trusted. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/linux/account_copy.h"
#include "plimsoll/runtime.h"
#include "test/support/cm.h"

static plim_error err;

static const plim_host HOST = {.memory_bytes = UINT64_C(1) << 34};

static plim_runtime *open_runtime(const char *account_path)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = plim_runtime_opts_default();
    o.budget.cap_bytes = UINT64_C(64) << 20;
    o.host = &HOST;
    o.large_pages = PLIM_LARGE_PAGES_NEVER;
    o.account_path = account_path;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

static void a_runtime_is_found_by_its_process_alone(void **state)
{
    plim_account_copy copy;
    const plim_budget *budget = NULL;
    plim_account account;
    (void)state;
    plim_runtime *runtime = open_runtime(NULL);

    assert_ok(plim_account_copy_process("", (uint32_t)getpid(), &copy, &err));
    assert_ok(plim_budget_attach(copy.image, copy.image_bytes, &budget, &err));
    plim_budget_read(budget, &account, NULL, 0);

    assert_int_equal(account.cap_bytes, UINT64_C(64) << 20);
    assert_int_equal(account.used_bytes, plim_budget_used_bytes(plim_runtime_budget(runtime)));
    plim_account_copy_close(&copy);
    plim_runtime_close(runtime);
}

static void a_runtime_that_has_closed_is_not_found(void **state)
{
    plim_account_copy copy;
    (void)state;

    plim_runtime_close(open_runtime(NULL));

    assert_status(plim_account_copy_process("", (uint32_t)getpid(), &copy, &err), PLIM_E_NOT_FOUND);
    assert_null(copy.image);
}

static void an_account_file_is_found_by_the_process_too(void **state)
{
    plim_account_copy copy;
    char path[600];
    struct stat st;
    (void)state;
    snprintf(path, sizeof(path), "%s/account", cm_tmp());
    plim_runtime *runtime = open_runtime(path);

    assert_ok(plim_account_copy_process("", (uint32_t)getpid(), &copy, &err));

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(copy.inode, st.st_ino);
    plim_account_copy_close(&copy);
    plim_runtime_close(runtime);
}

/* Every length of a file that a malicious or dying maker may leave. */
static void a_file_cut_anywhere_is_refused_and_never_mapped(void **state)
{
    plim_account_copy copy;
    char path[600], cut[600];
    static char image[1 << 17];
    (void)state;
    snprintf(path, sizeof(path), "%s/whole", cm_tmp());
    snprintf(cut, sizeof(cut), "%s/cut", cm_tmp());
    plim_runtime *runtime = open_runtime(path);
    assert_ok(plim_account_copy_file(path, &copy, &err));
    const size_t whole = copy.image_bytes;
    assert_true(whole < sizeof(image));
    memcpy(image, copy.image, whole);
    plim_account_copy_close(&copy);

    int fd = open(cut, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(pwrite(fd, image, whole, 0), whole);
    for (size_t n = whole; n-- > 0; n -= n > 400 ? 97 : 0) {
        assert_int_equal(ftruncate(fd, (off_t)n), 0);
        plim_status status = plim_account_copy_file(cut, &copy, &err);
        assert_true(status == PLIM_E_RANGE || (n < 8 && status == PLIM_E_FORMAT));
        assert_null(copy.image);
    }
    close(fd);
    plim_runtime_close(runtime);
}

static void an_image_that_claims_gigabytes_is_refused_before_it_is_read(void **state)
{
    plim_account_copy copy;
    char path[600];
    struct {
        char magic[8];
        uint32_t version, header_bytes;
        uint64_t image_bytes, rest[31];
    } head = {.magic = "PLIMACCT", .version = 1, .header_bytes = 264};
    (void)state;
    snprintf(path, sizeof(path), "%s/huge", cm_tmp());

    for (unsigned shift = 21; shift < 64; shift++) {
        head.image_bytes = UINT64_C(1) << shift;
        FILE *f = fopen(path, "wb");
        assert_int_equal(fwrite(&head, sizeof(head), 1, f), 1);
        fclose(f);
        assert_status(plim_account_copy_file(path, &copy, &err), PLIM_E_FORMAT);
    }
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
    plim_account_copy copy;
    char path[600];
    (void)state;
    snprintf(path, sizeof(path), "%s/pipe", cm_tmp());
    assert_int_equal(mkfifo(path, 0600), 0);

    assert_status(plim_account_copy_file(path, &copy, &err), PLIM_E_FORMAT);
    assert_status(plim_account_copy_file("/dev/zero", &copy, &err), PLIM_E_FORMAT);
    assert_status(plim_account_copy_file("/", &copy, &err), PLIM_E_FORMAT);
    assert_status(plim_account_copy_file("/no/such/file", &copy, &err), PLIM_E_NOT_FOUND);
}

static void a_process_that_is_not_there_is_refused_by_its_number_and_not_as_bytes(void **state)
{
    plim_account_copy copy;
    (void)state;

    assert_status(plim_account_copy_process("", 0x7fffffff, &copy, &err), PLIM_E_NOT_FOUND);

    assert_string_equal(err.field, "pid");
    assert_string_equal(err.found, "process 2147483647");
    assert_int_equal(err.want, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runtime_is_found_by_its_process_alone),
        cmocka_unit_test(a_runtime_that_has_closed_is_not_found),
        cmocka_unit_test(an_account_file_is_found_by_the_process_too),
        cmocka_unit_test(a_file_cut_anywhere_is_refused_and_never_mapped),
        cmocka_unit_test(an_image_that_claims_gigabytes_is_refused_before_it_is_read),
        cmocka_unit_test(what_is_no_file_is_refused_without_waiting),
        cmocka_unit_test(a_process_that_is_not_there_is_refused_by_its_number_and_not_as_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
