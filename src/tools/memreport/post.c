/* SPDX-License-Identifier: Apache-2.0 */
/* post.c - memreport post: what a runtime left in its black box.
 *
 * Decides how the run ended: closed when the box says so; still running when its maker holds the
 * lock on the file; killed otherwise. Refuses what is no black box; what is damaged or cut is
 * shown as far as it is whole, and the exit code says that it was not all.
 * The file is read, not mapped: its maker may be writing, and a file may be cut meanwhile.
 */
#include "src/tools/memreport/post.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/tools/memreport/memreport.h"

#define FILE_LIMIT (PLIM_BLACK_BOX_MOST_BYTES + (64u << 20)) /* ring, and the largest account */

static const char HELP[] =
    "usage: memreport post [options] FILE\n\n"
    "What a runtime left in its black box (plimsoll run --black-box FILE): what ran and when, how\n"
    "it ended, the account at the end and at its peak, refusals with their holders, and the last\n"
    "events. The box before it is FILE.previous.\n\n"
    "options:\n"
    "  --last N          that many events and refusals (20); 0: all\n"
    "  --json            one JSON object (memreport-post/1), with the samples of the account\n"
    "  --si              MB (10^6) instead of MiB (2^20)\n"
    "  --fail-over SIZE  exit 1 when the account's peak is above\n"
    "  --help            this text\n\n"
    "exit: 0 fine, 1 above --fail-over, 2 wrong command line, 3 damaged or cut, 4 no black box,\n"
    "5 the system failed\n";

static bool to_count(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    *out = n;
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0;
}

static int parse(int argc, char **argv, post *p)
{
    for (int i = 2; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        const char *why;
        bool is_last = strcmp(name, "--last") == 0;
        if (strcmp(name, "--json") == 0) {
            p->json = true;
        } else if (strcmp(name, "--si") == 0) {
            p->si = true;
        } else if (is_last || strcmp(name, "--fail-over") == 0) {
            if (!value) {
                return report_usage("%s wants a value", name);
            }
            if (is_last && !to_count(value, &p->last)) {
                return report_usage("--last wants a number, not '%s'", value);
            }
            if (!is_last && !size_parse(value, &p->fail_over, &why)) {
                return report_usage("--fail-over: %s", why);
            }
            i++;
        } else if (name[0] != '-' && !p->path) {
            p->path = name;
        } else {
            return report_usage("unexpected '%s'", name);
        }
    }
    return p->path ? REPORT_OK : report_usage("post: %s", "which file?");
}

/* ---- read ---- */

/* Shared, for an instant: only a maker holds the other kind as long as it lives. */
static bool has_live_maker(int fd)
{
    bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!is_held) {
        (void)flock(fd, LOCK_UN);
    }
    return is_held;
}

static int refuse_file(const char *path, const char *why)
{
    fprintf(stderr, "memreport: %s: %s\n", path, why);
    return REPORT_NOTHING;
}

static int read_file(post *p, void **out, size_t *out_bytes)
{
    struct stat st;
    int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int code = refuse_file(p->path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return code;
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > FILE_LIMIT) {
        close(fd);
        return refuse_file(p->path, "no black box: not a file, or too large for one");
    }
    size_t bytes = (size_t)st.st_size, done = 0;
    char *image = malloc(bytes ? bytes : 1);
    for (ssize_t n = 1; image && done < bytes && n > 0; done += n > 0 ? (size_t)n : 0) {
        n = pread(fd, image + done, bytes - done, (off_t)done);
    }
    p->end = has_live_maker(fd) ? POST_RUNNING : POST_KILLED;
    close(fd);
    *out = image;
    *out_bytes = done;
    return image ? REPORT_OK : REPORT_INTERNAL;
}

static bool is_boot_of_now(const char *boot_id)
{
    char now[64] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (f) {
        (void)!fgets(now, sizeof(now), f);
        fclose(f);
    }
    now[strcspn(now, "\n")] = 0;
    return now[0] && strcmp(now, boot_id) == 0;
}

/* One pass over everything: how much there is, and when it ended. */
static void count_records(post *p)
{
    plim_box_record r;
    while (plim_box_next(&p->box, &r)) {
        p->read_count++;
        p->line_count += r.kind == PLIM_BOX_LINE;
        p->refusal_count += r.kind == PLIM_BOX_REFUSAL;
        if (r.ns >= p->end_ns) {
            p->end_ns = r.ns;
            p->end_wall_ns = r.wall_ns;
        }
    }
    if (p->end == POST_KILLED && p->box.facts.is_closed) {
        p->end = POST_CLOSED;
    }
    if (p->end == POST_CLOSED) {
        p->end_ns = p->box.facts.close_ns;
        p->end_wall_ns = p->box.facts.close_wall_ns;
    }
    p->is_this_boot = is_boot_of_now(p->box.facts.boot_id);
    /* A maker that writes while we read makes records that are half old and half new. */
    bool is_whole = p->box.damaged_bytes == 0 && !p->box.is_recovered && !p->box.facts.is_damaged;
    p->is_complete = p->box.account && (is_whole || p->end == POST_RUNNING);
}

static bool take_account(post *p)
{
    if (p->box.account) {
        plim_budget_read(p->box.account, &p->account, NULL, 0);
        p->rows = calloc(p->account.row_count + 1, sizeof(*p->rows));
        size_t room = p->account.row_count;
        if (p->rows) {
            plim_budget_read(p->box.account, &p->account, p->rows, room);
        }
    }
    return !p->box.account || p->rows;
}

bool post_next(post *p, plim_box_kind kind, plim_box_record *out)
{
    while (plim_box_next(&p->box, out)) {
        if (out->kind == kind) {
            return true;
        }
    }
    return false;
}

uint64_t post_to_last(post *p, plim_box_kind kind, uint64_t count)
{
    plim_box_record r;
    uint64_t shown = p->last && p->last < count ? p->last : count;
    plim_box_rewind(&p->box);
    for (uint64_t i = shown; i < count; i++) {
        (void)post_next(p, kind, &r);
    }
    return shown;
}

/* ---- the command ---- */

static int show_box(post *p)
{
    struct winsize size;
    bool is_terminal = isatty(STDOUT_FILENO);
    uint32_t columns =
        is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    if (p->json) {
        post_json(p, stdout);
    } else {
        post_print(p, stdout, columns);
    }
    if (!p->is_complete) {
        return REPORT_INCOMPLETE;
    }
    uint64_t peak = p->account.peak_bytes;
    return p->fail_over && peak > p->fail_over ? REPORT_OVER : REPORT_OK;
}

static int run(post *p)
{
    void *image = NULL;
    size_t bytes = 0;
    plim_error err = {.status = PLIM_OK};
    int code = read_file(p, &image, &bytes);
    if (code == REPORT_OK && plim_box_attach(image, bytes, &p->box, &err) != PLIM_OK) {
        code = report_refuse(p->path, &err);
    }
    if (code == REPORT_OK) {
        count_records(p);
        code = take_account(p) ? show_box(p) : REPORT_INTERNAL;
    }
    free(p->rows);
    free(image);
    return code;
}

int post_main(int argc, char **argv)
{
    post p = {.last = 20};
    if (argc < 2 || strcmp(argv[1], "post") != 0) {
        return -1;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(HELP, stdout);
            return REPORT_OK;
        }
    }
    int code = parse(argc, argv, &p);
    return code == REPORT_OK ? run(&p) : code;
}
