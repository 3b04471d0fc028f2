/* SPDX-License-Identifier: Apache-2.0 */
/* tool_run.c - the tools under test, their output, and files for them. */
#include "test/support/tool_run.h"

#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

char tool_out[TOOL_OUTPUT_BYTES], tool_errors[TOOL_OUTPUT_BYTES];

const char *tool_path(const char *name)
{
    static char paths[2][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    assert_true(n > 0);
    path[n] = 0;
    char *test = strstr(path, "/test/"); /* the last one: a checkout may lie in a folder test */
    for (char *next = test; next; next = strstr(next + 1, "/test/")) {
        test = next;
    }
    assert_non_null(test);
    snprintf(test, (size_t)(path + PATH_MAX - test), "/%s", name);
    return path;
}

const char *tool_folder(void)
{
    static char folder[PATH_MAX];
    if (!folder[0]) {
        assert_non_null(realpath(cm_tmp(), folder));
    }
    return folder;
}

size_t tool_read(const char *name, char *to)
{
    char path[PATH_MAX + 256];
    snprintf(path, sizeof(path), "%s/%s", tool_folder(), name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(to, 1, TOOL_OUTPUT_BYTES - 1, f) : 0;
    to[n] = 0;
    if (f) {
        fclose(f);
    }
    return n;
}

void tool_write(const char *name, const void *bytes, size_t count)
{
    char path[PATH_MAX + 256];
    snprintf(path, sizeof(path), "%s/%s", tool_folder(), name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, count, f), count);
    assert_int_equal(fclose(f), 0);
}

void tool_write_text(const char *name, const char *text)
{
    tool_write(name, text, strlen(text));
}

static int sh(const char *folder, const char *format, va_list arguments)
{
    static char line[64 * 1024], command[80 * 1024];
    int n = vsnprintf(line, sizeof(line), format, arguments);
    assert_true(n >= 0 && (size_t)n < sizeof(line));
    n = snprintf(command, sizeof(command),
                 "plimsoll=%s; memreport=%s; cd %s && { %s\n} >%s/out 2>%s/errors </dev/null",
                 tool_path("plimsoll"), tool_path("memreport"), folder, line, tool_folder(),
                 tool_folder());
    assert_true((size_t)n < sizeof(command));
    int status = system(command);
    tool_read("out", tool_out);
    tool_read("errors", tool_errors);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int tool_sh(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int code = sh(tool_folder(), format, arguments);
    va_end(arguments);
    return code;
}

int tool_sh_in(const char *folder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int code = sh(folder, format, arguments);
    va_end(arguments);
    return code;
}

int tool_set_up(void **state)
{
    (void)state;
    unsetenv("NO_COLOR");
    unsetenv("COLUMNS");
    return 0;
}

void assert_says(const char *where, const char *text)
{
    if (!strstr(where, text)) {
        fail_msg("wanted \"%s\" in:\n%.3000s", text, where);
    }
}
