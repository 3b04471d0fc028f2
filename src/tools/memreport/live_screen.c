/* SPDX-License-Identifier: Apache-2.0 */
/* live_screen.c - a page that stays in place: the alternate screen, keys, signals.
 *
 * Plain ANSI, no curses. The terminal is given back whatever ends the tool short of SIGKILL:
 * signals that end it only raise a flag, which live_wait sees; they are blocked except while it
 * waits, so none is missed between look and sleep. Ctrl-Z leaves the screen first and comes back
 * to it. A page is written in one piece, each line cleared behind its end, so nothing flickers.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "src/tools/memreport/live.h"

#define ENTER "\033[?1049h\033[?25l\033[H\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

static volatile sig_atomic_t ended_by, was_resized, was_stopped;
static struct termios before;
static bool is_open;

static void on_signal(int number)
{
    if (number == SIGWINCH) {
        was_resized = 1;
    } else if (number == SIGTSTP) {
        was_stopped = 1;
    } else {
        ended_by = number;
    }
}

static const int HELD[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};
#define HELD_COUNT (sizeof(HELD) / sizeof(HELD[0]))

static void held_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < HELD_COUNT; i++) {
        sigaddset(set, HELD[i]);
    }
}

void live_signals_hold(void)
{
    struct sigaction action;
    sigset_t set;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    held_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < HELD_COUNT; i++) {
        if (HELD[i] != SIGTSTP) {
            sigaction(HELD[i], &action, NULL);
        }
    }
    set = (sigset_t){{0}};
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP); /* no screen, nothing to put back before it stops */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void put(const char *text)
{
    for (size_t n = strlen(text); n;) {
        ssize_t done = write(STDOUT_FILENO, text, n);
        if (done < 0 && errno != EINTR) {
            return;
        }
        text += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
}

static void enter(void)
{
    struct termios raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    put(ENTER);
}

static void leave(void)
{
    put(LEAVE);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

bool live_screen_open(void)
{
    struct sigaction action;
    sigset_t set;
    if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0) {
        return false;
    }
    fflush(stdout);
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigaction(SIGTSTP, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    enter();
    is_open = true;
    return true;
}

void live_screen_close(void)
{
    if (is_open) {
        leave();
        is_open = false;
    }
}

static void stop_here(void)
{
    was_stopped = 0;
    leave();
    kill(getpid(), SIGSTOP);
    enter();
}

static live_key read_key(void)
{
    char c;
    if (read(STDIN_FILENO, &c, 1) != 1) {
        return LIVE_KEY_NONE;
    }
    switch (c) {
    case 'q':
    case 'Q':
        return LIVE_KEY_QUIT;
    case 's':
        return LIVE_KEY_SORT;
    case 'p':
    case ' ':
        return LIVE_KEY_PAUSE;
    case 'u':
        return LIVE_KEY_UNITS;
    case '\f':
        return LIVE_KEY_REDRAW;
    default:
        return LIVE_KEY_NONE;
    }
}

bool live_is_ended(void)
{
    sigset_t pending;
    return ended_by || (sigpending(&pending) == 0 &&
                        (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
                         sigismember(&pending, SIGHUP) || sigismember(&pending, SIGQUIT)));
}

live_key live_wait(uint64_t ms)
{
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t none;
    sigemptyset(&none);
    int n = ppoll(is_open ? &in : NULL, is_open ? 1 : 0, &pause, &none);
    if (ended_by) {
        return LIVE_KEY_QUIT;
    }
    if (was_stopped && is_open) {
        stop_here();
        return LIVE_KEY_REDRAW;
    }
    if (was_resized) {
        was_resized = 0;
        return LIVE_KEY_REDRAW;
    }
    if (n > 0 && (in.revents & (POLLHUP | POLLERR))) {
        return LIVE_KEY_QUIT; /* the terminal is gone */
    }
    return n > 0 ? read_key() : LIVE_KEY_NONE;
}

void live_screen_size(uint32_t *columns, uint32_t *rows)
{
    struct winsize size;
    *columns = 80;
    *rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
}

void live_screen_show(const live_page *page, const char *footer)
{
    static char text[LIVE_LINES_MAX * LIVE_LINE_ROOM + 4096];
    uint32_t columns, rows;
    size_t used = 0;
    live_screen_size(&columns, &rows);
    used += (size_t)snprintf(text, sizeof(text), "\033[H");
    for (size_t i = 0; i < page->count && i + 1 < rows; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\033[K\r\n", page->lines[i]);
    }
    snprintf(text + used, sizeof(text) - used, "\033[J\033[%u;1H\033[7m%.*s\033[0m", rows,
             (int)columns, footer);
    put(text);
}
