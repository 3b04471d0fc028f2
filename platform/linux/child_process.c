/* SPDX-License-Identifier: Apache-2.0 */
/* child_process.c - posix_spawn and one pipe.
 *
 * For libraries that a hostile file can crash or bloat: they run in a process of their own, and
 * its end, whatever it is, is an ordinary answer here.
 */
#include "platform/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static plim_status refuse(plim_error *err, int os_errno, const char *program)
{
    plim_status status = os_errno == ENOENT ? PLIM_E_NOT_FOUND : PLIM_E_IO;
    (void)PLIM_FAIL(err, status, .what = "a program beside this one", .os_errno = os_errno);
    plim_error_detail(err, "%s", program);
    return status;
}

static int spawn(const char *program, char *const arguments[], const int ends[2], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) {
        return code;
    }
    code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    code = code ? code : posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    code =
        code ? code
             : posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    code = code ? code : posix_spawn(pid, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

plim_status plim_child_start(plim_child *out, const char *program, char *const arguments[],
                             plim_error *err)
{
    int ends[2];
    pid_t pid = 0;
    *out = (plim_child){.pid = 0, .fd = -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return refuse(err, errno, program);
    }
    int code = spawn(program, arguments, ends, &pid);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        return refuse(err, code, program);
    }
    *out = (plim_child){.pid = (int)pid, .fd = ends[0]};
    return PLIM_OK;
}

plim_status plim_child_read(plim_child *self, void *to, size_t bytes, size_t *got, plim_error *err)
{
    *got = 0;
    while (*got < bytes) {
        ssize_t n = read(self->fd, (char *)to + *got, bytes - *got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return refuse(err, errno, "its output");
        }
        if (n == 0) {
            break;
        }
        *got += (size_t)n;
    }
    return PLIM_OK;
}

void plim_child_end(plim_child *self, bool is_stop, int *signal)
{
    int status = 0;
    *signal = 0;
    if (!self || self->pid <= 0) {
        return;
    }
    if (is_stop) {
        kill(self->pid, SIGKILL);
    }
    close(self->fd);
    while (waitpid(self->pid, &status, 0) < 0 && errno == EINTR) {
    }
    *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    *self = (plim_child){.pid = 0, .fd = -1};
}
