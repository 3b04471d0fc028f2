/* SPDX-License-Identifier: Apache-2.0 */
/* live.c - memreport live and memreport replay: frames from the machine or from a recording, to a
 * screen, a pipe or a file.
 *
 * Decides when to stop: after --count frames, at the end of the recording, when the process has
 * ended (said on standard error, with its last figures), on q or a signal. A process number that
 * is used again is another process: it is told by when it started.
 * A form for Prometheus with -o is renamed into place, so that a collector never reads half.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/tools/memreport/live.h"
#include "src/tools/run_table.h"

#define FRAME_LIMIT   (1u << 20) /* bytes of one line of a recording */
#define LOOK_UP_EVERY (1u << 16) /* of them, to see whether the tool is told to end */

typedef struct live_session {
    const live_request *r;
    live_track track;
    live_page page;
    plim_machine frame;
    live_style style;
    FILE *out, *record, *replay;
    char *line; /* of the recording */
    size_t line_room;
    char shadow[4096]; /* the file that will be renamed to r->output */
    uint64_t frames, line_number, previous_ms;
    int worst;
    bool is_screen, is_paused, has_ended;
} live_session;

static void note_code(live_session *s, int code)
{
    s->worst = code > s->worst ? code : s->worst;
}

/* ---- files ---- */

static FILE *create(const char *path, bool is_forced)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (is_forced ? O_TRUNC : O_EXCL);
    int fd = open(path, flags, 0644);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        fprintf(stderr, "memreport: %s: %s%s\n", path, strerror(errno),
                errno == EEXIST ? " (-f writes over it)" : "");
        if (fd >= 0) {
            close(fd);
        }
    }
    return f;
}

static int open_files(live_session *s)
{
    const live_request *r = s->r;
    s->out = stdout;
    if (r->output && r->form != LIVE_PROMETHEUS) {
        s->out = create(r->output, r->is_forced);
    } else if (r->output) {
        int n = snprintf(s->shadow, sizeof(s->shadow), "%s.%ld", r->output, (long)getpid());
        if (n < 0 || (size_t)n >= sizeof(s->shadow)) {
            fprintf(stderr, "memreport: %s: too long\n", r->output);
            return REPORT_USAGE;
        }
    }
    if (r->record) {
        s->record = create(r->record, r->is_forced);
    }
    if (r->replay) {
        s->replay = strcmp(r->replay, "-") == 0 ? stdin : fopen(r->replay, "re");
        if (!s->replay) {
            fprintf(stderr, "memreport: %s: %s\n", r->replay, strerror(errno));
            return REPORT_NOTHING;
        }
    }
    return !s->out || (r->record && !s->record) ? REPORT_INTERNAL : REPORT_OK;
}

/* Is all of it there? An earlier write may have failed and the last one not. */
static bool is_flushed(FILE *f)
{
    return fflush(f) == 0 && !ferror(f);
}

static bool close_written(FILE *f)
{
    bool is_whole = !f || is_flushed(f);
    return (!f || f == stdout || fclose(f) == 0) && is_whole;
}

/* ---- frames ---- */

/* The next line of a recording into s->line; -1 at its end, 0 when it is too long. */
static ssize_t next_line(live_session *s)
{
    ssize_t n = 0;
    for (int c; (c = getc(s->replay)) != EOF;) {
        if (n % LOOK_UP_EVERY == LOOK_UP_EVERY - 1 && live_is_ended()) {
            return -1; /* signals are held: a line without an end would never hear of one */
        }
        if (c == '\n') {
            s->line_number++;
            return n;
        }
        if ((size_t)n + 1 < s->line_room) {
            s->line[n] = (char)c;
        }
        n++;
    }
    return n ? n : -1;
}

static bool next_recorded(live_session *s)
{
    plim_error err = {.status = PLIM_OK};
    for (ssize_t n; (n = next_line(s)) >= 0;) {
        if (n == 0) {
            continue;
        }
        if ((size_t)n < s->line_room &&
            plim_machine_parse(s->line, (size_t)n, &s->frame, &err) == PLIM_OK) {
            return true;
        }
        if ((size_t)n >= s->line_room) {
            fprintf(stderr, "memreport: line %" PRIu64 ": longer than a frame\n", s->line_number);
        } else {
            fprintf(stderr, "memreport: line %" PRIu64 ": ", s->line_number);
            (void)report_refuse("recording", &err);
        }
        note_code(s, REPORT_INCOMPLETE); /* a recording that was cut still has its frames */
    }
    s->has_ended = true;
    return false;
}

static void say_ended(live_session *s, const char *program, uint32_t pid)
{
    char a[24], b[24];
    const live_seen *seen = live_track_find(&s->track, PLIM_PLACE_PROCESS, "");
    live_screen_close();
    s->is_screen = false;
    fprintf(stderr, "memreport: %s (%" PRIu32 ") has ended; it held %s, at most %s while watched\n",
            program, pid,
            plim_bytes_format(seen ? (uint64_t)seen->last : 0, s->r->si, a, sizeof(a)),
            plim_bytes_format(seen ? (uint64_t)seen->peak : 0, s->r->si, b, sizeof(b)));
    s->has_ended = true;
    if (s->r->count) {
        note_code(s, REPORT_INCOMPLETE);
    }
}

static bool next_gathered(live_session *s)
{
    static plim_machine fresh;
    plim_error err = {.status = PLIM_OK};
    plim_machine_opts o = plim_machine_opts_default();
    o.root = s->r->root;
    o.pid = s->r->pid;
    o.account_path = s->r->account;
    o.files = s->r->files;
    o.file_count = s->r->file_count;
    o.with_gpu = s->r->with_gpu;
    plim_status status = plim_machine_gather(&o, &fresh, &err);
    const bool is_other =
        status == PLIM_OK && s->frames && s->r->pid && fresh.start_ticks != s->frame.start_ticks;
    if (s->frames && s->r->pid && (status == PLIM_E_NOT_FOUND || is_other)) {
        say_ended(s, s->frame.program, s->r->pid);
        return false;
    }
    if (status != PLIM_OK) {
        live_screen_close();
        note_code(s, report_refuse("live", &err));
        s->has_ended = true;
        return false;
    }
    s->frame = fresh;
    return true;
}

/* ---- output ---- */

static void show_screen(live_session *s)
{
    static const char *const SORTS[] = {"kind", "size", "change", "name"};
    char footer[256];
    live_screen_size(&s->style.columns, &s->style.rows);
    s->style.columns = s->style.columns < 80 ? 80 : s->style.columns;
    s->style.columns = s->style.columns > LIVE_COLUMNS ? LIVE_COLUMNS : s->style.columns;
    s->style.rows = s->style.rows > 1 ? s->style.rows - 1 : 1; /* the footer's */
    live_page_fill(&s->page, &s->frame, &s->track, &s->style);
    snprintf(footer, sizeof(footer),
             " q quit   s sort: %-6s   p %-6s   u units   frame %" PRIu64 ", every %.1f s%s ",
             SORTS[s->style.sort], s->is_paused ? "go on" : "pause", s->frames,
             (double)s->r->interval_ms / 1000.0, s->is_paused ? "   PAUSED" : "");
    live_screen_show(&s->page, footer);
}

static void show_text(live_session *s)
{
    live_page_fill(&s->page, &s->frame, &s->track, &s->style);
    for (size_t i = 0; i < s->page.count; i++) {
        fprintf(s->out, "%s\n", s->page.lines[i]);
    }
}

static uint64_t peak_of(const plim_machine *m)
{
    uint64_t rss = m->rss_peak_bytes == PLIM_UNKNOWN_BYTES ? 0 : m->rss_peak_bytes;
    return rss;
}

static run_verdict verdict_of(const live_session *s)
{
    const plim_machine *m = &s->frame;
    uint64_t used =
        m->available_bytes == PLIM_UNKNOWN_BYTES ? 0 : m->total_bytes - m->available_bytes;
    return (run_verdict){.cap = s->r->fail_over ? s->r->fail_over : m->account.cap_bytes,
                         .account_peak = m->account.peak_bytes,
                         .kernel_peak = m->pid ? peak_of(m) : used,
                         .color = s->style.has_color && !s->is_screen,
                         .si_units = s->r->si};
}

static bool show_prometheus(live_session *s)
{
    if (!s->r->output) {
        live_prometheus(s->out, &s->frame);
        return true;
    }
    FILE *f = create(s->shadow, true);
    if (!f) {
        return false;
    }
    live_prometheus(f, &s->frame);
    if (ferror(f) | fclose(f)) {
        unlink(s->shadow);
        return false;
    }
    if (rename(s->shadow, s->r->output) != 0) {
        fprintf(stderr, "memreport: %s: %s\n", s->r->output, strerror(errno));
        unlink(s->shadow);
        return false;
    }
    return true;
}

static void show_frame(live_session *s)
{
    bool well = true;
    const run_verdict v = verdict_of(s);
    switch (s->r->form) {
    case LIVE_JSON:
        well = live_json(s->out, &s->frame);
        break;
    case LIVE_CSV:
        if (s->frames == 1) {
            live_csv_head(s->out);
        }
        live_csv(s->out, &s->frame);
        break;
    case LIVE_PROMETHEUS:
        well = show_prometheus(s);
        break;
    default:
        if (s->is_screen) {
            show_screen(s);
        } else {
            fputs(s->frames > 1 ? "\n" : "", s->out);
            show_text(s);
            if (v.cap) {
                putc('\n', s->out);
                run_verdict_print(s->out, &v);
            }
        }
        break;
    }
    well = is_flushed(s->out) && well;
    if (s->record) {
        well = live_json(s->record, &s->frame) && is_flushed(s->record) && well;
    }
    note_code(s, !well ? REPORT_INTERNAL : v.cap && !run_verdict_is_within(&v) ? REPORT_OVER : 0);
}

/* ---- the loop ---- */

static void act(live_session *s, live_key key)
{
    if (key == LIVE_KEY_SORT) {
        s->style.sort = s->style.sort == LIVE_BY_NAME ? LIVE_BY_KIND : s->style.sort + 1;
    } else if (key == LIVE_KEY_PAUSE) {
        s->is_paused = !s->is_paused;
    } else if (key == LIVE_KEY_UNITS) {
        s->style.si = !s->style.si;
    }
    if (s->is_screen) {
        show_screen(s);
    }
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* Until the next frame is due; false: told to end. */
static bool pause_until_due(live_session *s)
{
    const uint64_t due = now_ms() + s->r->interval_ms;
    for (uint64_t now = now_ms(); s->is_paused || now < due; now = now_ms()) {
        live_key key = live_wait(s->is_paused ? 1000 : due - now);
        if (key == LIVE_KEY_QUIT) {
            return false;
        }
        if (key != LIVE_KEY_NONE) {
            act(s, key);
        }
    }
    return true;
}

static uint64_t frames_wanted(const live_request *r, bool is_screen)
{
    return r->count                                             ? r->count
           : r->is_once                                         ? 1
           : is_screen || r->replay || r->is_batch || r->record ? UINT64_MAX
           : r->interval_ms                                     ? UINT64_MAX
                                                                : 1;
}

static void run_frames(live_session *s)
{
    const uint64_t wanted = frames_wanted(s->r, s->is_screen);
    const bool waits = !s->r->replay || s->is_screen;
    while (s->frames < wanted) {
        if (s->frames && waits && !pause_until_due(s)) {
            return;
        }
        if (live_is_ended() || !(s->r->replay ? next_recorded(s) : next_gathered(s))) {
            break;
        }
        s->frames++;
        live_track_take(&s->track, &s->frame);
        s->style.has_change = s->frames > 1;
        show_frame(s);
        if (s->frame.damaged_count) {
            note_code(s, REPORT_INCOMPLETE);
        }
    }
    if (s->is_screen && s->has_ended && s->r->replay) {
        s->is_paused = true; /* the last frame stays until somebody has read it */
        act(s, LIVE_KEY_REDRAW);
        (void)pause_until_due(s);
    }
}

static void choose_style(live_session *s)
{
    const live_request *r = s->r;
    uint32_t rows;
    const char *no = getenv("NO_COLOR");
    const bool is_terminal = s->out == stdout && isatty(STDOUT_FILENO);
    s->style = (live_style){.columns = 80, .si = r->si, .sort = r->sort};
    s->style.has_color = is_terminal && !r->no_color && !(no && *no);
    if (is_terminal) {
        live_screen_size(&s->style.columns, &rows);
    }
    s->style.columns = r->columns ? r->columns : s->style.columns;
    s->style.columns = s->style.columns < 80             ? 80
                       : s->style.columns > LIVE_COLUMNS ? LIVE_COLUMNS
                                                         : s->style.columns;
    s->is_screen = is_terminal && r->form == LIVE_TEXT && !r->is_once && !r->is_batch;
}

int live_run(const live_request *given)
{
    static live_session session;
    static char line[FRAME_LIMIT];
    live_request r = *given;
    live_session *s = &session;
    s->r = &r;
    s->line = line;
    s->line_room = sizeof(line);
    int code = open_files(s);
    if (code != REPORT_OK) {
        return code;
    }
    choose_style(s);
    r.interval_ms = r.interval_ms || frames_wanted(&r, s->is_screen) == 1 ? r.interval_ms : 1000;
    live_signals_hold();
    s->is_screen = s->is_screen && live_screen_open();
    run_frames(s);
    live_screen_close();
    if (s->frames == 0 && s->worst == REPORT_OK) {
        fprintf(stderr, "memreport: the recording has no frames\n");
        s->worst = REPORT_NOTHING;
    } else if (s->frames == 0 && s->worst == REPORT_INCOMPLETE) {
        s->worst = REPORT_NOTHING;
    }
    bool well = close_written(s->record);
    well = close_written(s->out) && well;
    if (s->replay && s->replay != stdin) {
        fclose(s->replay);
    }
    return well ? s->worst : REPORT_INTERNAL;
}

int live_main(int argc, char **argv)
{
    live_request r;
    if (strcmp(argv[1], "live") != 0 && strcmp(argv[1], "replay") != 0) {
        return -1;
    }
    int code = live_options(argc, argv, &r);
    return code == REPORT_OK ? live_run(&r) : code;
}
