/* SPDX-License-Identifier: Apache-2.0 */
/* test_machine.c - MemTotal as a sum: a constructed board to the byte, planted memory to the page.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/linux/account_copy.h"
#include "platform/linux/process_share.h"
#include "plimsoll/arena.h"
#include "plimsoll/episode.h"
#include "plimsoll/machine.h"
#include "test/support/cm.h"
#include "test/support/made_episode.h"

#define BOARD "test/fixtures/boards/orin-nx-live"
#define KIB   INT64_C(1024)
#define MIB   (INT64_C(1) << 20)

static plim_error err;
static plim_machine machine, later;

static const plim_machine_row *row_of(const plim_machine *m, plim_place place, const char *name)
{
    for (size_t i = 0; i < m->row_count; i++) {
        if (m->rows[i].place == place && strcmp(m->rows[i].name, name) == 0) {
            return &m->rows[i];
        }
    }
    return NULL;
}

static int64_t now_of(const plim_machine *m, plim_place place, const char *name)
{
    const plim_machine_row *r = row_of(m, place, name);
    if (!r) {
        fail_msg("no row '%s' in '%s'", name, plim_place_name(place));
    }
    return r->now_bytes;
}

static void assert_adds_up(const plim_machine *m)
{
    int64_t sum = 0;
    for (unsigned p = 0; p < PLIM_PLACE_OUTSIDE; p++) {
        sum += plim_machine_sum(m, (plim_place)p);
    }
    assert_int_equal(sum, m->total_bytes);
}

static void gather_at(const char *root, uint32_t pid, plim_machine *out)
{
    plim_machine_opts o = plim_machine_opts_default();
    o.root = root;
    o.pid = pid;
    assert_ok(plim_machine_gather(&o, out, &err));
}

/* ---- a constructed board ---- */

static void a_board_adds_up_to_the_byte(void **state)
{
    (void)state;

    gather_at(BOARD, 4242, &machine);

    assert_int_equal(machine.total_bytes, 16031744 * KIB);
    assert_adds_up(&machine);
    assert_int_equal(machine.damaged_count, 0);
    gather_at(BOARD, 0, &later);
    assert_adds_up(&later);
}

static void a_process_of_the_board_has_its_share_and_no_more(void **state)
{
    (void)state;

    gather_at(BOARD, 4242, &machine);

    assert_string_equal(machine.program, "llama server");
    assert_int_equal(machine.start_ticks, 777001);
    assert_int_equal(now_of(&machine, PLIM_PLACE_PROCESS, "heap"), 2048 * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_PROCESS, "anonymous, untagged"), 512000 * KIB);
    /* Half of the library's pages are another's. */
    assert_int_equal(now_of(&machine, PLIM_PLACE_PROCESS, "libcublas with blank.so"), 2048 * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_PROCESS, "shared memory"), 8192 * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_PROCESS, "page tables"), 2000 * KIB);
    assert_int_equal(machine.limit_locked_bytes, 67108864);
    assert_int_equal(machine.limit_address_bytes, PLIM_UNKNOWN_BYTES);
}

/* What nvmap maps into a process is in nvmap's rows, not in the process's file pages too. */
static void nvmap_is_dealt_out_once(void **state)
{
    (void)state;

    gather_at(BOARD, 4242, &machine);

    assert_int_equal(now_of(&machine, PLIM_PLACE_PROCESS, "device driver (nvmap)"),
                     (5242880 + 1024) * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_DEVICE, "nvmap: other processes"), 36944 * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_DEVICE, "nvmap: kernel clients"), 640 * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_DEVICE, "nvmap: orphan handles"), 4096 * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_DEVICE, "nvmap: page pool"),
                     1000 * sysconf(_SC_PAGESIZE));
    assert_int_equal(now_of(&machine, PLIM_PLACE_DEVICE, "CMA held by drivers"),
                     5000 * sysconf(_SC_PAGESIZE));
    assert_int_equal(now_of(&machine, PLIM_PLACE_OTHERS, "less the driver's, mapped"), -4000 * KIB);
}

static void counters_are_dealt_out_before_the_rest_is_shown(void **state)
{
    (void)state;

    gather_at(BOARD, 4242, &machine);

    assert_int_equal(now_of(&machine, PLIM_PLACE_OTHERS, "nvargus-daemon (1041)"), 17000 * KIB);
    assert_int_equal(machine.unreadable_count, 1);
    assert_int_equal(now_of(&machine, PLIM_PLACE_OTHERS, "not readable, anonymous part"),
                     (1100000 - 2048 - 512000 - 10000) * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_CACHE, "other files, reclaimable"),
                     (3200000 + 64000 - 40000 - 2048 - 2000) * KIB);
    assert_int_equal(plim_machine_sum(&machine, PLIM_PLACE_SHARED), (40000 - 8192 - 1000) * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_KERNEL, "page tables"), (20000 - 2000) * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_KERNEL, "vmalloc"), (60000 - 12000) * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_KERNEL, "other reclaimable"), 10000 * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_KERNEL, "zram store"), 109051904 + 1048576);
}

static void what_memtotal_does_not_hold_is_beside_the_sum(void **state)
{
    (void)state;

    gather_at(BOARD, 4242, &machine);

    assert_int_equal(now_of(&machine, PLIM_PLACE_OUTSIDE, "swap in use"), 1000000 * KIB);
    /* The reusable node is CMA and part of MemTotal. */
    assert_int_equal(now_of(&machine, PLIM_PLACE_OUTSIDE, "carveouts, outside MemTotal"),
                     0x2000000 + 0x100000 + 0x400000);
    assert_int_equal(machine.pressure_centi, UINT32_MAX);
    assert_int_equal(machine.largest_free_bytes, sysconf(_SC_PAGESIZE) << 10);
    assert_int_equal(machine.largest_free_count, 27);
}

static void write_under(const char *root, const char *path, const char *text)
{
    char command[800], full[700];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s')\"", full);
    assert_int_equal(system(command), 0);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_kernel_that_says_little_leaves_na_and_not_zero(void **state)
{
    char root[600];
    (void)state;
    snprintf(root, sizeof(root), "%s/little", cm_tmp());
    write_under(root, "proc/meminfo",
                "MemTotal:  1000 kB\nMemFree: 400 kB\nVmallocUsed: 0 kB\n"
                "Slab: 99999999999999999999 kB\n");

    gather_at(root, 0, &machine);

    assert_adds_up(&machine);
    assert_int_equal(now_of(&machine, PLIM_PLACE_CACHE, "other files, reclaimable"),
                     PLIM_REPORT_NONE);
    assert_int_equal(now_of(&machine, PLIM_PLACE_KERNEL, "vmalloc"), PLIM_REPORT_NONE);
    assert_int_equal(now_of(&machine, PLIM_PLACE_KERNEL, "per-CPU memory"), PLIM_REPORT_NONE);
    assert_int_equal(plim_machine_sum(&machine, PLIM_PLACE_UNATTRIBUTED), 600 * KIB);
}

static void jetpack_4_says_nvmaps_total_to_everybody(void **state)
{
    char root[600];
    (void)state;
    snprintf(root, sizeof(root), "%s/jp4", cm_tmp());
    write_under(root, "proc/meminfo",
                "MemTotal: 4000000 kB\nMemFree: 94784 kB\nNvMapMemUsed: 805068 kB\n");

    gather_at(root, 0, &machine);

    assert_int_equal(now_of(&machine, PLIM_PLACE_DEVICE, "nvmap: all clients"), 805068 * KIB);
    assert_adds_up(&machine);
}

static void more_dealt_out_than_there_is_shows_as_negative_unattributed(void **state)
{
    char root[600];
    (void)state;
    snprintf(root, sizeof(root), "%s/over", cm_tmp());
    write_under(root, "proc/meminfo",
                "MemTotal: 1000 kB\nMemFree: 900 kB\nAnonPages: 50 kB\nCached: 10 kB\n");
    write_under(root, "proc/7/smaps_rollup", "Pss_Anon: 300 kB\nPss_File: 5 kB\nPss_Shmem: 0 kB\n");

    gather_at(root, 0, &machine);

    assert_adds_up(&machine);
    assert_int_equal(plim_machine_sum(&machine, PLIM_PLACE_UNATTRIBUTED), -210 * KIB);
}

static void lines_that_cannot_be_believed_are_counted(void **state)
{
    char root[600];
    (void)state;
    snprintf(root, sizeof(root), "%s/damaged", cm_tmp());
    write_under(root, "proc/meminfo", "MemTotal: 1000 kB\n");
    write_under(root, "sys/kernel/debug/nvmap/iovmm/clients",
                "CLIENT                        PROCESS      PID        SIZE\r\n"
                "user                          a b (c)       12         64K\r\n"
                "user                              big       13 99999999999999999999K\n"
                "user                              cut       14        4\n"
                "total");
    write_under(root, "sys/kernel/debug/nvmap/stats/total_memory", "131072\n");
    write_under(root, "proc/12/smaps", "");
    write_under(root, "proc/12/status", "");
    write_under(root, "sys/block/zram0/mm_stat", "1 2 99999999999999999999 0 0\n");
    write_under(root, "proc/pressure/memory", "some avg10=none\n");

    gather_at(root, 12, &machine);

    assert_int_equal(now_of(&machine, PLIM_PLACE_PROCESS, "device driver (nvmap)"), 64 * KIB);
    assert_int_equal(now_of(&machine, PLIM_PLACE_DEVICE, "nvmap: orphan handles"), 64 * KIB);
    assert_null(row_of(&machine, PLIM_PLACE_KERNEL, "zram store"));
    assert_int_equal(machine.damaged_count, 5);
}

/* ---- this machine ---- */

/* A process that plants what it is told, a letter at a time, and says when it is done. */
typedef struct target {
    pid_t pid;
    int to, from;
    char file[600];
} target;

static void *plant_pages(int fd, size_t bytes)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (p == MAP_FAILED) {
        _exit(3);
    }
    (void)madvise(p, bytes, MADV_NOHUGEPAGE);
    memset(p, 1, bytes);
    return p;
}

static void plant_shared(const char *name, size_t bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
        _exit(3);
    }
    plant_pages(fd, bytes);
    close(fd);
}

static void read_file(const char *path)
{
    static char piece[1 << 16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (read(fd, piece, sizeof(piece)) > 0) {
    }
    close(fd);
}

static void plant_tagged(plim_arena *arena, const char *owner, plim_tag tag, size_t bytes)
{
    plim_region_opts o = plim_region_opts_default();
    plim_region *region;
    void *block;
    o.tag = tag;
    o.size_bytes = bytes;
    o.commit_now = true;
    if (plim_budget_owner(plim_arena_budget(arena), owner, &o.owner, &err) != PLIM_OK ||
        plim_region_create(arena, PLIM_REGION_BUMP, &o, &region, &err) != PLIM_OK ||
        plim_region_alloc(region, bytes, 0, &block, &err) != PLIM_OK) {
        _exit(4);
    }
    memset(block, 1, bytes);
}

static void be_target(int in, int out, const char *file)
{
    plim_shm_provider home;
    plim_budget_opts bo = plim_budget_opts_default();
    plim_budget *budget;
    plim_arena *arena;
    char what;
    bo.cap_bytes = 256 * MIB;
    if (plim_provider_shm_open(&home, PLIM_ACCOUNT_MEMFD, MIB, &err) != PLIM_OK ||
        plim_budget_open(&home.base, &bo, &budget, &err) != PLIM_OK ||
        plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err) != PLIM_OK) {
        _exit(4);
    }
    plant_tagged(arena, "detector", PLIM_TAG_WEIGHTS, MIB);
    while (write(out, "!", 1) == 1 && read(in, &what, 1) == 1) {
        switch (what) {
        case 'a':
            plant_pages(-1, 24 * MIB);
            break;
        case 's':
            plant_pages(open("/dev/zero", O_RDWR | O_CLOEXEC), 9 * MIB);
            break;
        case 'm':
            plant_shared("camera", 11 * MIB);
            break;
        case 'c':
            read_file(file);
            break;
        case 't':
            plant_tagged(arena, "detector", PLIM_TAG_KV_CACHE, 7 * MIB);
            break;
        default:
            _exit(0);
        }
    }
    _exit(0);
}

static void await(target *t)
{
    char c;
    assert_int_equal(read(t->from, &c, 1), 1);
}

static void tell(target *t, char what)
{
    assert_int_equal(write(t->to, &what, 1), 1);
    await(t);
}

static target start_target(void)
{
    target t;
    int in[2], out[2];
    snprintf(t.file, sizeof(t.file), "%s/cached", cm_tmp());
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    t.pid = fork();
    if (t.pid == 0) { /* a fresh image: pages shared with us would change as we write to ours */
        char from[16], to[16];
        snprintf(from, sizeof(from), "%d", dup(in[0]));
        snprintf(to, sizeof(to), "%d", dup(out[1]));
        execl("/proc/self/exe", "test_machine", "target", from, to, t.file, (char *)NULL);
        _exit(5);
    }
    close(in[0]);
    close(out[1]);
    t.to = in[1];
    t.from = out[0];
    await(&t);
    return t;
}

static void end_target(target *t)
{
    close(t->to);
    close(t->from);
    (void)kill(t->pid, SIGKILL);
    (void)waitpid(t->pid, NULL, 0);
}

static void gather_target(const target *t, plim_machine *out)
{
    const char *files[] = {t->file};
    plim_machine_opts o = plim_machine_opts_default();
    o.pid = (uint32_t)t->pid;
    o.files = files;
    o.file_count = access(t->file, R_OK) == 0;
    assert_ok(plim_machine_gather(&o, out, &err));
    assert_adds_up(out);
}

static void skip_where_shares_are_hidden(void)
{
    plim_process_share s;
    if (plim_process_share_read("", (uint32_t)getpid(), &s) != PLIM_SHARE_READ) {
        skip_because("this kernel hides the shares of a process (smaps_rollup)");
    }
}

/* @what planted in the target appears in row (@place, @name), within a page. */
static void assert_planted(target *t, char what, plim_place place, const char *name, int64_t bytes)
{
    gather_target(t, &machine);
    const plim_machine_row *before = row_of(&machine, place, name);
    int64_t from = before ? before->now_bytes : 0;
    tell(t, what);
    gather_target(t, &later);
    int64_t rise = now_of(&later, place, name) - from;
    if (llabs(rise - bytes) > sysconf(_SC_PAGESIZE)) {
        fail_msg("%s rose by %lld, planted %lld", name, (long long)rise, (long long)bytes);
    }
}

static void planted_memory_reappears_in_its_row_within_a_page(void **state)
{
    skip_where_memory_is_not_ours();
    skip_where_shares_are_hidden();
    (void)state;
    target t = start_target();

    assert_planted(&t, 'a', PLIM_PLACE_PROCESS, "anonymous, untagged", 24 * MIB);
    assert_planted(&t, 's', PLIM_PLACE_PROCESS, "shared memory", 9 * MIB);
    assert_planted(&t, 'm', PLIM_PLACE_PROCESS, "shared memory", 11 * MIB);
    assert_planted(&t, 't', PLIM_PLACE_PROCESS, "detector kv-cache", 7 * MIB);
#ifndef __SANITIZE_ADDRESS__ /* which writes to shadow pages of its own meanwhile */
    /* What is tagged is not in the row beside it as well. */
    assert_true(llabs(now_of(&later, PLIM_PLACE_PROCESS, "anonymous, untagged") -
                      now_of(&machine, PLIM_PLACE_PROCESS, "anonymous, untagged")) <= MIB / 16);
#endif
    end_target(&t);
}

static void a_file_that_was_read_reappears_in_the_page_cache(void **state)
{
    skip_where_shares_are_hidden();
    (void)state;
    target t = start_target();
    static char piece[1 << 16];
    int fd = open(t.file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (int i = 0; i < 5 * 16; i++) {
        assert_int_equal(write(fd, piece, sizeof(piece)), sizeof(piece));
    }
    assert_int_equal(fsync(fd), 0);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    gather_target(&t, &machine);
    int64_t before = now_of(&machine, PLIM_PLACE_CACHE, "cached");
    close(fd);
    if (before == PLIM_REPORT_NONE || before > MIB) {
        end_target(&t);
        unlink(t.file);
        skip_because("files of this folder do not leave the page cache, or are none of its");
    }

    tell(&t, 'c');

    gather_target(&t, &later);
    assert_int_equal(now_of(&later, PLIM_PLACE_CACHE, "cached"), 5 * MIB);
    end_target(&t);
    unlink(t.file);
}

static void a_plimsoll_process_is_opened_by_its_number_alone(void **state)
{
    skip_where_shares_are_hidden();
    (void)state;
    target t = start_target();

    gather_target(&t, &machine);

    assert_true(machine.has_account);
    assert_int_equal(machine.account.cap_bytes, 256 * MIB);
    const plim_machine_row *r = row_of(&machine, PLIM_PLACE_PROCESS, "detector weights");
    assert_non_null(r);
    assert_int_equal(r->known, PLIM_KNOWN_TAGGED);
    assert_int_equal(r->now_bytes, MIB);
    assert_int_equal(r->peak_bytes, MIB);
    gather_at(NULL, 0, &later);
    bool is_listed = false;
    for (size_t i = 0; i < later.peer_count; i++) {
        is_listed = is_listed || later.peers[i].pid == (uint32_t)t.pid;
    }
    assert_true(is_listed || later.peer_count == PLIM_MACHINE_PEERS_MAX);
    end_target(&t);
}

static void a_killed_process_is_not_found_even_before_it_is_waited_for(void **state)
{
    plim_machine_opts o = plim_machine_opts_default();
    siginfo_t info;
    (void)state;
    target t = start_target();
    o.pid = (uint32_t)t.pid;

    kill(t.pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)t.pid, &info, WEXITED | WNOWAIT), 0);

    assert_status(plim_machine_gather(&o, &machine, &err), PLIM_E_NOT_FOUND);
    assert_int_equal(machine.row_count, 0);
    end_target(&t);
}

static void any_process_is_shown_as_far_as_the_kernel_tells(void **state)
{
    skip_where_shares_are_hidden();
    (void)state;

    gather_at(NULL, (uint32_t)getpid(), &machine);

    assert_adds_up(&machine);
    assert_true(now_of(&machine, PLIM_PLACE_PROCESS, "code and libraries") > 0);
    assert_true(now_of(&machine, PLIM_PLACE_PROCESS, "stacks") > 0);
    assert_true(now_of(&machine, PLIM_PLACE_FREE, "free pages") > 0);
}

/* ---- an episode held whole, and through a window of one ---- */

static int64_t held_through(plim_dataset *set, plim_arena *arena, plim_owner owner, uint32_t frames)
{
    plim_episode *episode;
    plim_episode_opts o = plim_episode_opts_default();
    plim_tensor t;
    o.frames_limit = frames;
    o.arena = arena;
    o.owner = owner;
    assert_ok(plim_episode_open(set, 0, &o, &episode, &err));
    for (uint64_t step = 0; step < 160; step++) {
        if (step >= frames) {
            assert_ok(plim_episode_release(episode, MADE_CAMERA, step - frames, &err));
        }
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
    }
    gather_at(NULL, (uint32_t)getpid(), &machine);
    assert_adds_up(&machine);
    /* Libraries are left out: our share of them changes when others start and end. */
    int64_t sum = now_of(&machine, PLIM_PLACE_PROCESS, "heap") +
                  now_of(&machine, PLIM_PLACE_PROCESS, "anonymous, untagged");
    plim_episode_close(episode);
    return sum;
}

static void whole_less_a_window_of_one_is_what_arithmetic_says(void **state)
{
    skip_where_memory_is_not_ours();
    skip_where_shares_are_hidden();
#ifdef __SANITIZE_ADDRESS__
    skip_because("the address sanitizer keeps what was freed");
#endif
    (void)state;
    const char *path = made_episode("-n 160 -s 256");
    const int64_t arithmetic = INT64_C(159) * 256 * 256 * 3;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    plim_budget *budget;
    plim_arena *arena;
    plim_region *home;
    plim_dataset *set;
    plim_owner owner;
    if (!path) {
        skip_because("no encoder to make an episode with");
    }
    b.cap_bytes = 512 * MIB;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    assert_ok(plim_budget_owner(budget, "episode", &owner, &err));
    r.tag = PLIM_TAG_OTHER;
    r.size_bytes = MIB;
    assert_ok(plim_region_create(arena, PLIM_REGION_BUMP, &r, &home, &err));
    assert_ok(plim_dataset_open(path, home, &set, &err));

    (void)held_through(set, arena, owner, 1); /* the decoder's library comes in */
    int64_t one = held_through(set, arena, owner, 1);
    int64_t whole = held_through(set, arena, owner, 160);

    int64_t off = llabs(whole - one - arithmetic);
    if (off * 100 >= arithmetic) {
        fail_msg("measured %lld, arithmetic %lld", (long long)(whole - one), (long long)arithmetic);
    }
    plim_dataset_close(set);
    plim_arena_close(arena);
}

/* ---- JSON and back ---- */

typedef struct text_buffer {
    char text[128 * 1024];
    size_t used, limit;
} text_buffer;
static text_buffer json;

static bool into_buffer(void *context, const char *text, size_t bytes)
{
    text_buffer *b = context;
    if ((b->limit && b->used + bytes > b->limit) || b->used + bytes >= sizeof(b->text)) {
        return false;
    }
    memcpy(b->text + b->used, text, bytes);
    b->used += bytes;
    b->text[b->used] = 0;
    return true;
}

static void a_frame_survives_json_and_back(void **state)
{
    (void)state;
    gather_at(BOARD, 4242, &machine);
    json.used = json.limit = 0;

    assert_ok(plim_machine_json(&machine, into_buffer, &json, &err));
    assert_ok(plim_machine_parse(json.text, json.used, &later, &err));

    assert_null(strchr(json.text, '\n'));
    assert_int_equal(later.row_count, machine.row_count);
    for (size_t i = 0; i < machine.row_count; i++) {
        assert_string_equal(later.rows[i].name, machine.rows[i].name);
        assert_int_equal(later.rows[i].place, machine.rows[i].place);
        assert_int_equal(later.rows[i].now_bytes, machine.rows[i].now_bytes);
        assert_int_equal(later.rows[i].known, machine.rows[i].known);
    }
    assert_int_equal(later.pid, 4242);
    assert_int_equal(later.pressure_centi, UINT32_MAX);
    assert_adds_up(&later);
}

static void heat_survives_json_and_its_absence_is_not_known(void **state)
{
    static const char *const WRONG[] = {"{\"throttled\":1", "[{\"throttled\":true",
                                        "{\"throttled\":\"no\""};
    static char changed[sizeof(json.text)];
    (void)state;
    gather_at(BOARD, 4242, &machine);
    json.used = json.limit = 0;
    assert_ok(plim_machine_json(&machine, into_buffer, &json, &err));

    assert_ok(plim_machine_parse(json.text, json.used, &later, &err));
    assert_memory_equal(&later.heat, &machine.heat, sizeof(machine.heat));
    assert_int_equal(later.heat.hottest_mc, 91250);

    char *at = strstr(json.text, ",\"heat\":{\"throttled\":true");
    assert_non_null(at);
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        int n = snprintf(changed, sizeof(changed), "%.*s,\"heat\":%s%s", (int)(at - json.text),
                         json.text, WRONG[i], at + strlen(",\"heat\":{\"throttled\":true"));
        assert_status(plim_machine_parse(changed, (size_t)n, &later, &err), PLIM_E_FORMAT);
    }
    strcpy(at, "}"); /* a recording from before there was heat */
    assert_ok(plim_machine_parse(json.text, strlen(json.text), &later, &err));
    assert_true(later.heat.throttled == PLIM_HEAT_UNKNOWN);
    assert_true(later.heat.hottest_mc == PLIM_HEAT_UNKNOWN);
    assert_int_equal(later.heat.clock_count, 0);
}

static void a_frame_that_was_tampered_with_is_refused(void **state)
{
    static char changed[sizeof(json.text)];
    (void)state;
    gather_at(BOARD, 4242, &machine);
    json.used = json.limit = 0;
    assert_ok(plim_machine_json(&machine, into_buffer, &json, &err));

    for (size_t n = 0; n < json.used; n += 37) {
        assert_status(plim_machine_parse(json.text, n, &later, &err), PLIM_E_FORMAT);
    }
    memcpy(changed, json.text, json.used + 1);
    char *at = strstr(changed, "\"now\":");
    at[6] = at[6] == '9' ? '8' : '9';
    assert_status(plim_machine_parse(changed, json.used, &later, &err), PLIM_E_FORMAT);
    assert_string_equal(err.field, "rows");
    assert_int_equal(later.row_count, 0);
}

static void a_sink_that_stops_is_said(void **state)
{
    (void)state;
    gather_at(BOARD, 4242, &machine);
    json.used = 0;
    json.limit = 300;

    assert_status(plim_machine_json(&machine, into_buffer, &json, &err), PLIM_E_IO);
}

static void wrong_arguments_are_refused(void **state)
{
    const char *files[PLIM_MACHINE_FILES_MAX + 1] = {"x"};
    plim_machine_opts o = plim_machine_opts_default();
    (void)state;

    o.files = files;
    o.file_count = PLIM_MACHINE_FILES_MAX + 1;
    assert_status(plim_machine_gather(&o, &machine, &err), PLIM_E_RANGE);
    assert_status(plim_machine_gather(NULL, NULL, &err), PLIM_E_ARG);
    o = plim_machine_opts_default();
    o.pid = 0x7fffffff;
    assert_status(plim_machine_gather(&o, &machine, &err), PLIM_E_NOT_FOUND);
    o.pid = 0;
    o.root = "/no/such/root";
    assert_status(plim_machine_gather(&o, &machine, &err), PLIM_E_NOT_FOUND);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "target") == 0) {
        be_target(atoi(argv[2]), atoi(argv[3]), argv[4]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_board_adds_up_to_the_byte),
        cmocka_unit_test(a_process_of_the_board_has_its_share_and_no_more),
        cmocka_unit_test(nvmap_is_dealt_out_once),
        cmocka_unit_test(counters_are_dealt_out_before_the_rest_is_shown),
        cmocka_unit_test(what_memtotal_does_not_hold_is_beside_the_sum),
        cmocka_unit_test(a_kernel_that_says_little_leaves_na_and_not_zero),
        cmocka_unit_test(jetpack_4_says_nvmaps_total_to_everybody),
        cmocka_unit_test(more_dealt_out_than_there_is_shows_as_negative_unattributed),
        cmocka_unit_test(lines_that_cannot_be_believed_are_counted),
        cmocka_unit_test(planted_memory_reappears_in_its_row_within_a_page),
        cmocka_unit_test(a_file_that_was_read_reappears_in_the_page_cache),
        cmocka_unit_test(a_plimsoll_process_is_opened_by_its_number_alone),
        cmocka_unit_test(a_killed_process_is_not_found_even_before_it_is_waited_for),
        cmocka_unit_test(any_process_is_shown_as_far_as_the_kernel_tells),
        cmocka_unit_test(whole_less_a_window_of_one_is_what_arithmetic_says),
        cmocka_unit_test(a_frame_survives_json_and_back),
        cmocka_unit_test(heat_survives_json_and_its_absence_is_not_known),
        cmocka_unit_test(a_frame_that_was_tampered_with_is_refused),
        cmocka_unit_test(a_sink_that_stops_is_said),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
