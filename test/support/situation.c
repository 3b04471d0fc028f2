/* SPDX-License-Identifier: Apache-2.0 */
/* situation.c - processes and control groups for one random situation.
 *
 * Version 1 can be told not to kill (memory.oom_control): the prober then sleeps at the page that
 * the kernel refuses, and the group says under_oom. Version 2 kills: the prober offers itself
 * first. Either way the page that it had reached stands in a page that it shares with us.
 */
#include "test/support/situation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/support/cm.h"

#define MIB      (UINT64_C(1) << 20)
#define PAGE     ((uint64_t)sysconf(_SC_PAGESIZE))
#define PIPE     MIB
#define STEPS_MS 2
#define STILL    10   /* steps without a page, under_oom: it sleeps */
#define PATIENCE 7500 /* steps */

typedef struct shared_page { /* between us and the children */
    _Atomic uint64_t pages;  /* taken so far */
    _Atomic uint32_t ready;  /* tenant 1, neighbour 2: bits */
    _Atomic uint32_t failed; /* a line of this file */
    uint64_t promised_bytes;
    uint32_t wall;
} shared_page;

typedef struct scene {
    const situation *what;
    const char *folder;
    char groups[SITUATION_LEVELS_MAX][512], beside[512];
    shared_page *shared;
    pid_t tenant, neighbour, prober;
} scene;

static char home[400]; /* our own group */
static uint32_t version;

/* ---- control groups ---- */

static bool write_text(const char *folder, const char *file, const char *text)
{
    char path[640];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static bool write_number(const char *folder, const char *file, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    return write_text(folder, file, text);
}

static bool read_text(const char *folder, const char *file, char *text, size_t room)
{
    char path[640];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static uint64_t usage_of(const char *folder)
{
    char text[64];
    const char *file = version == 1 ? "memory.usage_in_bytes" : "memory.current";
    return read_text(folder, file, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

static bool hands_down(const char *folder)
{
    return write_text(folder, "cgroup.subtree_control", "+memory");
}

/* Version 2: a group that holds processes hands nothing down; then beside it instead of below. */
static bool climb_home(void)
{
    char *slash = strrchr(home, '/');
    *slash = 0;
    return strlen(home) >= strlen("/sys/fs/cgroup") && access(home, W_OK) == 0;
}

/* Our own group under version @which; false when it has no memory controller that we may use. */
static bool find_home(uint32_t which)
{
    char line[512], *path = NULL;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && !path && fgets(line, sizeof(line), f)) {
        char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
        if (group) {
            *group++ = 0;
            group[strcspn(group, "\n")] = 0;
            bool is_ours = which == 1 ? strstr(list, "memory") != NULL : list[1] == 0;
            path = is_ours ? group : NULL;
        }
    }
    if (path) {
        snprintf(home, sizeof(home), "/sys/fs/cgroup%s%s", which == 1 ? "/memory" : "",
                 strcmp(path, "/") == 0 ? "" : path);
    }
    if (f) {
        fclose(f);
    }
    if (!path || access(home, W_OK) != 0) {
        return false;
    }
    return which == 1 || hands_down(home) || (climb_home() && hands_down(home));
}

const char *situation_impossible(void)
{
    char folder[512];
    for (version = 1; version <= 2; version++) {
        if (!find_home(version)) {
            continue;
        }
        snprintf(folder, sizeof(folder), "%s/plimsoll-try-%d", home, (int)getpid());
        bool is_made = mkdir(folder, 0755) == 0;
        bool is_limited =
            is_made &&
            write_text(folder, version == 1 ? "memory.limit_in_bytes" : "memory.max", "67108864");
        if (is_made) {
            rmdir(folder);
        }
        if (is_limited) {
            return NULL;
        }
    }
    version = 0;
    return "no memory control group may be made here";
}

uint32_t situation_version(void)
{
    return version;
}

static bool make_group(char *out, size_t room, const char *above, const char *name)
{
    if (snprintf(out, room, "%s/%s", above, name) >= (int)room || mkdir(out, 0755) != 0) {
        out[0] = 0;
        return false;
    }
    return version == 2 || write_text(out, "memory.oom_control", "1");
}

static bool limit_group(const situation *s, const char *folder, uint64_t limit)
{
    if (limit == 0) {
        return true;
    }
    bool ok = write_number(folder, version == 1 ? "memory.limit_in_bytes" : "memory.max", limit);
    if (version == 1 && s->has_swap_limit) {
        ok = write_number(folder, "memory.memsw.limit_in_bytes", limit) && ok;
    }
    return ok;
}

static bool make_groups(scene *self)
{
    const situation *s = self->what;
    char name[64];
    const char *above = home;
    for (uint32_t i = 0; i < s->level_count; i++) {
        snprintf(name, sizeof(name), i ? "inner" : "plimsoll-situation-%d", (int)getpid());
        if (i && version == 2 && !write_text(above, "cgroup.subtree_control", "+memory")) {
            return false;
        }
        if (!make_group(self->groups[i], sizeof(self->groups[i]), above, name) ||
            !limit_group(s, self->groups[i], s->limit_bytes[i])) {
            return false;
        }
        above = self->groups[i];
    }
    return s->level_count == 1 ||
           make_group(self->beside, sizeof(self->beside), self->groups[0], "beside");
}

static void remove_group(const char *folder)
{
    for (int i = 0; folder[0] && i < 500 && rmdir(folder) != 0 && errno == EBUSY; i++) {
        usleep(4000); /* the last task may still be on its way out */
    }
}

static const char *innermost(const scene *self)
{
    return self->groups[self->what->level_count - 1];
}

/* ---- what the children hold ---- */

static void must(const scene *self, bool holds, int line)
{
    if (!holds) {
        atomic_store(&self->shared->failed, (uint32_t)line);
        _exit(1);
    }
}
#define MUST(holds) must(self, holds, __LINE__)

static void hold_anon(const scene *self, uint64_t bytes)
{
    if (bytes) {
        char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MUST(at != MAP_FAILED);
        memset(at, 1, bytes);
    }
}

/* A file of @bytes in the page cache, charged to whoever writes it first. */
static int hold_file(const scene *self, const char *name, uint64_t bytes, bool is_clean)
{
    static char block[1 << 16];
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", self->folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0);
    unlink(path); /* gone with its last holder */
    memset(block, 7, sizeof(block));
    for (uint64_t at = 0; at < bytes; at += sizeof(block)) {
        MUST(write(fd, block, sizeof(block)) == sizeof(block));
    }
    MUST(!is_clean || fsync(fd) == 0);
    return fd;
}

static void read_again(const scene *self, int fd)
{
    static char block[1 << 16];
    for (int round = 0; round < 2; round++) {
        MUST(lseek(fd, 0, SEEK_SET) == 0);
        while (read(fd, block, sizeof(block)) > 0) {
        }
    }
}

static void *map_file(const scene *self, int fd, uint64_t bytes)
{
    char *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    MUST(at != MAP_FAILED);
    for (uint64_t i = 0; i < bytes; i += PAGE) {
        (void)*(volatile char *)(at + i);
    }
    return at;
}

/* Pages of pipes belong to the kernel and cannot be taken back. */
static void hold_kernel(const scene *self, uint64_t bytes)
{
    static char block[1 << 16];
    for (uint64_t got = 0; got + PIPE <= bytes; got += PIPE) {
        int ends[2];
        if (pipe2(ends, O_NONBLOCK) != 0 || fcntl(ends[1], F_SETPIPE_SZ, (int)PIPE) < 0) {
            return; /* a limit of the system: less of it then */
        }
        while (write(ends[1], block, sizeof(block)) > 0) {
        }
    }
    (void)self;
}

static void hold_shmem(const scene *self, uint64_t bytes)
{
    static char block[1 << 16];
    int fd = memfd_create("situation", MFD_CLOEXEC);
    MUST(fd >= 0);
    for (uint64_t at = 0; at < bytes; at += sizeof(block)) {
        MUST(write(fd, block, sizeof(block)) == sizeof(block));
    }
}

/* Anonymous pages until only about left_bytes of the innermost limit are not charged. */
static void fill_up(const scene *self)
{
    const situation *s = self->what;
    const uint64_t limit = s->limit_bytes[s->level_count - 1];
    if (s->left_bytes && limit) {
        uint64_t used = usage_of(innermost(self)) + s->left_bytes;
        hold_anon(self, used < limit ? (limit - used) / PAGE * PAGE : 0);
    }
}

static void be_tenant(const scene *self)
{
    const situation *s = self->what;
    MUST(write_number(innermost(self), "cgroup.procs", (uint64_t)getpid()));
    hold_anon(self, s->anon_bytes);
    hold_shmem(self, s->shmem_bytes);
    hold_kernel(self, s->kernel_bytes);
    if (s->locked_bytes) {
        int fd = hold_file(self, "locked", s->locked_bytes, true);
        void *at = map_file(self, fd, s->locked_bytes);
        (void)mlock(at, s->locked_bytes); /* without the right: mapped then */
    }
    if (s->mapped_bytes) {
        (void)map_file(self, hold_file(self, "mapped", s->mapped_bytes, true), s->mapped_bytes);
    }
    (void)hold_file(self, "clean", s->clean_bytes, true);
    read_again(self, hold_file(self, "active", s->active_bytes, true));
    fill_up(self);
    (void)hold_file(self, "dirty", s->dirty_bytes, false);
    atomic_fetch_or(&self->shared->ready, 1);
    for (;;) {
        pause();
    }
}

static void be_neighbour(const scene *self)
{
    MUST(write_number(self->beside, "cgroup.procs", (uint64_t)getpid()));
    hold_anon(self, self->what->neighbour_bytes);
    (void)hold_file(self, "neighbour", self->what->neighbour_file_bytes, true);
    atomic_fetch_or(&self->shared->ready, 2);
    for (;;) {
        pause();
    }
}

/* ---- the prober ---- */

static void be_prober(const scene *self)
{
    static plim_headroom headroom;
    const uint64_t span = 512 * MIB;
    MUST(write_number(innermost(self), "cgroup.procs", (uint64_t)getpid()));
    (void)write_text("/proc/self", "oom_score_adj", "1000");
    char *at = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    MUST(at != MAP_FAILED && madvise(at, span, MADV_NOHUGEPAGE) == 0);
    MUST(plim_headroom_read(NULL, &headroom, NULL) == PLIM_OK);
    self->shared->promised_bytes = headroom.allocatable_bytes;
    self->shared->wall = (uint32_t)headroom.walls[headroom.binding].kind;
    atomic_fetch_or(&self->shared->ready, 4);
    for (uint64_t i = 0; i < span / PAGE; i++) {
        ((volatile char *)at)[i * PAGE] = 1;
        atomic_store(&self->shared->pages, i + 1);
    }
    _exit(0);
}

/* ---- a run ---- */

static pid_t start(const scene *self, void (*be)(const scene *))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        be(self);
        _exit(0);
    }
    return pid;
}

static bool is_under_oom(const scene *self)
{
    char text[256];
    return version == 1 && read_text(innermost(self), "memory.oom_control", text, sizeof(text)) &&
           strstr(text, "under_oom 1");
}

static bool wait_ready(const scene *self, pid_t *child, uint32_t bit)
{
    for (int i = 0; i < PATIENCE; i++) {
        int status = 0;
        if (atomic_load(&self->shared->ready) & bit) {
            return true;
        }
        if (waitpid(*child, &status, WNOHANG) == *child) {
            printf("# situation: child %u ended, status %#x\n", (unsigned)bit, (unsigned)status);
            *child = 0;
            return false;
        }
        if (atomic_load(&self->shared->failed) || is_under_oom(self)) {
            return false; /* more than the limits hold: not a situation */
        }
        usleep(STEPS_MS * 1000);
    }
    return false;
}

/* Until the kernel has refused a page. False: it neither refused nor ended. */
static bool wait_refusal(scene *self)
{
    uint64_t before = UINT64_MAX;
    for (int i = 0, still = 0; i < PATIENCE; i++) {
        int status;
        if (waitpid(self->prober, &status, WNOHANG) == self->prober) {
            self->prober = 0;
            return WIFSIGNALED(status); /* killed for memory; else it had the whole span */
        }
        uint64_t now = atomic_load(&self->shared->pages);
        still = now == before && is_under_oom(self) ? still + 1 : 0;
        if (still == STILL) {
            return true;
        }
        before = now;
        usleep(STEPS_MS * 1000);
    }
    return false;
}

static void stop(pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}

static bool play(scene *self, situation_outcome *out)
{
    const situation *s = self->what;
    if (!make_groups(self)) {
        printf("# situation: no group: %s\n", strerror(errno));
        return false;
    }
    if (self->beside[0] && s->neighbour_bytes + s->neighbour_file_bytes) {
        self->neighbour = start(self, be_neighbour);
        if (!wait_ready(self, &self->neighbour, 2)) {
            return false;
        }
    }
    self->tenant = start(self, be_tenant);
    if (!wait_ready(self, &self->tenant, 1)) {
        return false;
    }
    self->prober = start(self, be_prober);
    bool is_known = wait_ready(self, &self->prober, 4) && wait_refusal(self);
    out->promised_bytes = self->shared->promised_bytes;
    out->had_bytes = atomic_load(&self->shared->pages) * PAGE;
    out->wall = (plim_wall)self->shared->wall;
    return is_known;
}

bool situation_run(const situation *what, const char *folder, situation_outcome *out)
{
    scene self = {.what = what, .folder = folder};
    memset(out, 0, sizeof(*out));
    self.shared =
        mmap(NULL, (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self.shared == MAP_FAILED) {
        return false;
    }
    bool ok = play(&self, out);
    if (!ok) {
        printf("# situation: given up, line %u, ready %u\n",
               (unsigned)atomic_load(&self.shared->failed),
               (unsigned)atomic_load(&self.shared->ready));
    }
    stop(self.prober);
    stop(self.tenant);
    stop(self.neighbour);
    remove_group(self.beside);
    for (uint32_t i = what->level_count; i-- > 0;) {
        remove_group(self.groups[i]);
    }
    munmap(self.shared, (size_t)PAGE);
    return ok;
}

/* ---- chance ---- */

static uint64_t between(uint64_t *state, uint64_t low, uint64_t high)
{
    return low + cm_next(state) % (high - low + 1);
}

/* One time in @odds something between a page and @most. */
static uint64_t sometimes(uint64_t *state, uint64_t odds, uint64_t most)
{
    uint64_t is_there = cm_next(state) % odds == 0, bytes = between(state, 1, most / PAGE) * PAGE;
    return is_there ? bytes : 0;
}

void situation_draw(situation *self, uint64_t *state)
{
    memset(self, 0, sizeof(*self));
    self->level_count = (uint32_t)between(state, 1, SITUATION_LEVELS_MAX);
    uint64_t least = 0;
    for (uint32_t i = 0; i < self->level_count; i++) {
        bool is_limited = cm_next(state) % 3 != 0 || (i + 1 == self->level_count && !least);
        self->limit_bytes[i] = is_limited ? between(state, 24 * MIB, 96 * MIB) / PAGE * PAGE : 0;
        least =
            is_limited && (!least || self->limit_bytes[i] < least) ? self->limit_bytes[i] : least;
    }
    self->has_swap_limit = cm_next(state) % 4 == 0;
    self->anon_bytes = sometimes(state, 2, least / 5);
    self->shmem_bytes = sometimes(state, 2, least / 8);
    self->kernel_bytes = sometimes(state, 3, least / 10);
    self->locked_bytes = sometimes(state, 3, least / 8);
    self->mapped_bytes = sometimes(state, 3, least / 8);
    self->clean_bytes = sometimes(state, 2, least);
    self->active_bytes = sometimes(state, 2, least / 3);
    self->dirty_bytes = sometimes(state, 3, least / 6);
    self->neighbour_bytes = self->level_count > 1 ? sometimes(state, 2, least / 6) : 0;
    self->neighbour_file_bytes = self->level_count > 1 ? sometimes(state, 2, least / 4) : 0;
    self->left_bytes = cm_next(state) % 4 == 0 ? between(state, 512 << 10, 4 * MIB) : 0;
}

void situation_print(const situation *s)
{
    printf("levels");
    for (uint32_t i = 0; i < s->level_count; i++) {
        printf(" %" PRIu64, s->limit_bytes[i]);
    }
    printf("%s anon %" PRIu64 " shmem %" PRIu64 " kernel %" PRIu64 " locked %" PRIu64
           " mapped %" PRIu64 " clean %" PRIu64 " active %" PRIu64 " dirty %" PRIu64
           " beside %" PRIu64 "+%" PRIu64 " left %" PRIu64,
           s->has_swap_limit ? " swap" : "", s->anon_bytes, s->shmem_bytes, s->kernel_bytes,
           s->locked_bytes, s->mapped_bytes, s->clean_bytes, s->active_bytes, s->dirty_bytes,
           s->neighbour_bytes, s->neighbour_file_bytes, s->left_bytes);
}
