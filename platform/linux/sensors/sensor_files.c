/* SPDX-License-Identifier: Apache-2.0 */
/* sensor_files.c - one small file of the kernel, kept open, and the reading that comes of it.
 *
 * Decides what a failed read means. EAGAIN and EBUSY: the sensor sleeps with its rail or its core,
 * which is noted as EAGAIN and is no fault. ENODEV, ENXIO, ENOENT: the device has gone, and its
 * descriptor with it. Anything else leaves the file open, for the next try.
 * Text that is not what it should be is a failed read too (EBADMSG), an empty file ENODATA.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "platform/fsroot.h"
#include "platform/linux/sensors/sensors.h"

void plim_sensor_open(plim_sensors *self, const char *path, int *fd)
{
    if (*fd < 0) {
        *fd = plim_fsroot_open(self->root, path);
        self->call_count++;
        self->file_count += *fd >= 0;
    }
}

void plim_sensor_close(plim_sensors *self, int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
        self->call_count++;
        self->file_count--;
    }
}

int plim_sensor_text(plim_sensors *self, int *fd)
{
    self->text[0] = 0;
    if (*fd < 0) {
        return ENOENT;
    }
    ssize_t n;
    do {
        n = pread(*fd, self->text, sizeof(self->text) - 1, 0);
        self->call_count++;
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        self->text[n] = 0;
        return 0;
    }
    int error = n < 0 ? errno : ENODATA;
    if (error == ENODEV || error == ENXIO || error == ENOENT) {
        plim_sensor_close(self, fd);
    }
    return error == EBUSY || error == EWOULDBLOCK ? EAGAIN : error;
}

/* *@end: behind the number. */
static bool parse(const char *text, int64_t *out, const char **end)
{
    bool is_negative = *text == '-';
    unsigned base = 10;
    uint64_t n = 0;
    text += is_negative;
    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    }
    const char *first = text;
    for (;; text++) {
        unsigned digit = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
                                                        : 16;
        if (digit >= base) {
            break;
        }
        if (__builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n) ||
            n > INT64_MAX) {
            return false;
        }
    }
    *out = is_negative ? -(int64_t)n : (int64_t)n;
    *end = text;
    return text != first;
}

bool plim_sensor_parse(const char *text, int64_t *out)
{
    const char *end;
    return parse(text, out, &end);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == 0;
}

int plim_sensor_number(plim_sensors *self, int *fd, int64_t *out)
{
    int error = plim_sensor_text(self, fd);
    if (error == 0) {
        const char *at = self->text + strspn(self->text, " \t");
        const char *end = at;
        if (is_blank(at)) {
            error = ENODATA;
        } else if (!parse(at, out, &end) || !is_blank(end)) {
            error = EBADMSG;
        }
    }
    return error;
}

bool plim_sensor_line(plim_sensors *self, const char *path, char *out, size_t room)
{
    self->call_count += 3;
    if (!plim_fsroot_read(self->root, path, out, room, NULL)) {
        return false;
    }
    out[strcspn(out, "\r\n")] = 0;
    return out[0] != 0;
}

void plim_reading_take(plim_reading *self, int error, int64_t value, uint64_t now_ns)
{
    self->os_errno = error;
    if (error == 0) {
        self->value = value;
        self->read_ns = now_ns;
        self->state = PLIM_READING_FRESH;
    } else if (self->state != PLIM_READING_MISSING) {
        self->state = PLIM_READING_STALE;
    }
}

void plim_reading_clear(plim_reading *self)
{
    memset(self, 0, sizeof(*self));
}
