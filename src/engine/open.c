/* SPDX-License-Identifier: Apache-2.0 */
/* open.c - opening an artifact of either kind, and what can be asked of it.
 *
 * A file with a card beside it is bare; any other must be a container. Only the head is
 * read. Everything is built in the home region; when opening fails the region is as before.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "src/engine/bare.h"
#include "src/engine/digest.h"
#include "src/engine/file.h"

#define TRIES 64u /* while a pair is being replaced */

plim_status plim_home_init(plim_home *self, plim_region *region, plim_error *err)
{
    plim_region_stats stats;
    plim_region_read(region, &stats);
    *self = (plim_home){.region = region, .is_bump = stats.kind == PLIM_REGION_BUMP};
    if (stats.kind != PLIM_REGION_BUMP && stats.kind != PLIM_REGION_DYNAMIC) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "home must be a bump or dynamic region");
    }
    self->start_mark = self->is_bump ? plim_region_mark(region) : 0;
    return PLIM_OK;
}

plim_status plim_home_take(plim_home *self, uint64_t size_bytes, void **out, plim_error *err)
{
    void *block;
    if (self->block_count == sizeof(self->blocks) / sizeof(self->blocks[0])) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "blocks of an engine's tables");
    }
    PLIM_TRY(plim_region_alloc(self->region, size_bytes ? (size_t)size_bytes : 1, 64, &block, err));
    memset(block, 0, (size_t)size_bytes);
    self->blocks[self->block_count++] = block;
    *out = block;
    return PLIM_OK;
}

void plim_home_drop(plim_home *self, void *block)
{
    size_t i = 0;
    while (i < self->block_count && self->blocks[i] != block) {
        i++;
    }
    if (i == self->block_count) {
        return;
    }
    self->block_count--;
    memmove(&self->blocks[i], &self->blocks[i + 1],
            (self->block_count - i) * sizeof(self->blocks[0]));
    if (!self->is_bump) {
        (void)!plim_region_free(self->region, block, NULL);
    }
}

static void drop_all(plim_home *self)
{
    while (self->block_count) {
        plim_home_drop(self, self->blocks[self->block_count - 1]);
    }
}

void plim_home_undo(plim_home *self)
{
    drop_all(self);
    if (self->is_bump) {
        (void)!plim_region_rewind(self->region, self->start_mark, NULL);
    }
}

const char *plim_engine_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static plim_status about(plim_status status, const char *what, int number, const char *path,
                         plim_error *err)
{
    (void)PLIM_FAIL(err, status, .what = what, .os_errno = number);
    plim_error_detail(err, "%s", path);
    return status;
}

plim_status plim_engine_open_file(const char *path, int *out_fd, uint64_t *out_bytes,
                                  plim_error *err)
{
    struct stat st;
    *out_fd = -1;
    /* O_NONBLOCK: a pipe under this name must not hold the caller up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return about(errno == ENOENT ? PLIM_E_NOT_FOUND : PLIM_E_IO, "file cannot be opened", errno,
                     path, err);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return about(PLIM_E_FORMAT, "not a regular file", 0, path, err);
    }
    *out_fd = fd;
    *out_bytes = (uint64_t)st.st_size;
    return PLIM_OK;
}

plim_status plim_engine_read_at(int fd, const char *path, void *out, size_t size, uint64_t offset,
                                plim_error *err)
{
    char *to = out;
    while (size) {
        ssize_t n = pread(fd, to, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return about(PLIM_E_IO, n < 0 ? "read failed" : "file ends too early",
                         n < 0 ? errno : 0, path, err);
        }
        to += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return PLIM_OK;
}

plim_status plim_engine_digest_to(int fd, const char *path, uint64_t bytes, void *window,
                                  size_t window_bytes, uint8_t out[PLIM_DIGEST_BYTES],
                                  plim_error *err)
{
    plim_digest digest;
    plim_status status = plim_digest_start(&digest) ? PLIM_OK : plim_digest_failed(err);
    for (uint64_t at = 0; status == PLIM_OK && at < bytes;) {
        size_t n = bytes - at < window_bytes ? (size_t)(bytes - at) : window_bytes;
        status = plim_engine_read_at(fd, path, window, n, at, err);
        if (status == PLIM_OK && !plim_digest_add(&digest, window, n)) {
            status = plim_digest_failed(err);
        }
        at += n;
    }
    if (digest.context && !plim_digest_final(&digest, out) && status == PLIM_OK) {
        status = plim_digest_failed(err);
    }
    return status;
}

plim_status plim_engine_root(const plim_engine_file *self, uint8_t out[PLIM_DIGEST_BYTES],
                             plim_error *err)
{
    plim_digest digest;
    bool done = plim_digest_start(&digest);
    for (size_t i = 0; done && i < self->chunk_count; i++) {
        done = plim_digest_add(&digest, self->chunks[i].sha256, PLIM_DIGEST_BYTES);
    }
    if (!digest.context || !plim_digest_final(&digest, out) || !done) {
        return plim_digest_failed(err);
    }
    return PLIM_OK;
}

plim_status plim_engine_check_root(const plim_engine_file *self,
                                   const uint8_t root[PLIM_DIGEST_BYTES], plim_error *err)
{
    const plim_card *card = self->card;
    if (!card->has_payload_root || memcmp(root, card->payload_root, PLIM_DIGEST_BYTES) != 0) {
        return plim_digest_refuse("the card is not this payload's", "payload.root",
                                  card->payload_root, root, err);
    }
    if (card->payload_bytes != self->payload_bytes) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "the card is not this payload's",
                         .want = card->payload_bytes, .have = self->payload_bytes,
                         .field = "payload.bytes");
    }
    return PLIM_OK;
}

plim_status plim_engine_check_name(const char *path, const plim_card *card, plim_error *err)
{
    plim_engine_name name;
    char card_name[192] = "(none)";
    if (plim_engine_name_parse(plim_engine_base_name(path), &name, NULL) != PLIM_OK ||
        memcmp(&name, &card->name, sizeof(name)) == 0) {
        return PLIM_OK;
    }
    (void)!plim_engine_name_format(&card->name, card_name, sizeof(card_name), NULL);
    plim_error_set(err, PLIM_E_MISMATCH, "the file's name is not what its card says", "file name",
                   card_name, plim_engine_base_name(path));
    plim_error_detail(err, "%s", path);
    return PLIM_E_MISMATCH;
}

/* Appends @count entries of @each bytes to the layout at *@size, on a multiple of 16. */
static bool reserve(uint64_t *size, uint64_t count, uint64_t each, uint64_t *offset)
{
    uint64_t bytes;
    return bytes_align_up(*size, 16, offset) && bytes_mul(count, each, &bytes) &&
           bytes_add(*offset, bytes, size);
}

plim_status plim_engine_file_make(plim_home *home, const char *path, size_t section_count,
                                  uint64_t chunk_count, size_t file_count, plim_engine_file **out,
                                  plim_error *err)
{
    uint64_t size = sizeof(plim_engine_file);
    uint64_t card_at, sections_at, chunks_at, files_at, path_at;
    if (!reserve(&size, 1, sizeof(plim_card), &card_at) ||
        !reserve(&size, section_count, sizeof(plim_section), &sections_at) ||
        !reserve(&size, chunk_count, sizeof(plim_chunk), &chunks_at) ||
        !reserve(&size, file_count, sizeof(plim_stream_file), &files_at) ||
        !reserve(&size, 1, strlen(path) + 1, &path_at) || size > SIZE_MAX / 2) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "an engine's tables");
    }
    void *block;
    PLIM_TRY(plim_home_take(home, size, &block, err));
    unsigned char *base = block;
    plim_engine_file *self = block;
    self->card = (plim_card *)(base + card_at);
    self->sections = (plim_section *)(base + sections_at);
    self->chunks = (plim_chunk *)(base + chunks_at);
    self->files = (plim_stream_file *)(base + files_at);
    self->path = memcpy(base + path_at, path, strlen(path) + 1);
    self->chunk_count = (size_t)chunk_count;
    self->section_count = section_count;
    for (size_t i = 0; i < file_count; i++) {
        self->files[i].fd = -1;
    }
    *out = self;
    return PLIM_OK;
}

/* *card_left: the card that was found was gone when it was to be read. */
static plim_status read_either(int fd, const char *path, uint64_t file_bytes, plim_home *home,
                               bool *card_left, plim_engine_file **out, plim_error *err)
{
    char card_path[PATH_MAX];
    *card_left = false;
    if (!plim_bare_find_card(path, fd, card_path, sizeof(card_path))) {
        return plim_container_read(fd, path, file_bytes, home, out, err);
    }
    plim_status status = plim_bare_read(fd, path, file_bytes, card_path, home, out, err);
    *card_left = status == PLIM_E_NOT_FOUND && access(card_path, F_OK) != 0;
    return status;
}

/* Does @path still lead to the file that was opened? */
static bool is_in_place(const char *path, int fd)
{
    struct stat ours;
    struct stat there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static void close_files(plim_engine_file *self)
{
    for (size_t i = 0; i < self->file_count; i++) {
        if (self->files[i].fd >= 0) {
            close(self->files[i].fd);
        }
    }
}

/* One attempt. *replaced: it failed because body and card may be of two pairs. */
static plim_status open_once(const char *path, plim_region *region, plim_engine_file **out,
                             bool *replaced, plim_error *err)
{
    int fd;
    uint64_t file_bytes;
    plim_home home;
    plim_engine_file *self = NULL;
    bool card_left;
    *replaced = false;
    PLIM_TRY(plim_home_init(&home, region, err));
    PLIM_TRY(plim_engine_open_file(path, &fd, &file_bytes, err));
    plim_status status = read_either(fd, path, file_bytes, &home, &card_left, &self, err);
    *replaced = card_left || !is_in_place(path, fd);
    if (status == PLIM_OK && !*replaced) {
        self->home = home;
        *out = self;
        return PLIM_OK;
    }
    if (status == PLIM_OK) {
        close_files(self);
        status = about(PLIM_E_STATE, "the artifact was replaced while it was opened", 0, path, err);
    } else {
        close(fd);
    }
    plim_home_undo(&home);
    return status;
}

/* A writer renames the body first and the card afterwards. So a body that is still in place when
 * its card has been read was read with its own card; one that is not, or a card that went away
 * between finding and reading it, belongs to a pair that is being replaced: begin again. */
plim_status plim_engine_open(const char *path, plim_region *home, plim_engine_file **out,
                             plim_error *err)
{
    if (!path || !home || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "engine path, home and out");
    }
    bool replaced = true;
    plim_status status = PLIM_OK;
    *out = NULL;
    for (unsigned tries = 0; replaced && tries < TRIES; tries++) {
        status = open_once(path, home, out, &replaced, err);
    }
    return status;
}

void plim_engine_close(plim_engine_file *self)
{
    if (!self) {
        return;
    }
    close_files(self);
    plim_home home = self->home; /* the object itself lies in the first block */
    drop_all(&home);
}

const plim_card *plim_engine_card(const plim_engine_file *self)
{
    return self->card;
}

const char *plim_engine_path(const plim_engine_file *self)
{
    return self->path;
}

uint64_t plim_engine_payload_bytes(const plim_engine_file *self)
{
    return self->payload_bytes;
}

uint64_t plim_engine_room_bytes(const plim_engine_file *self)
{
    return self->room_bytes;
}

size_t plim_engine_section_count(const plim_engine_file *self)
{
    return self->section_count;
}

const plim_section *plim_engine_section(const plim_engine_file *self, size_t index)
{
    return index < self->section_count ? &self->sections[index] : NULL;
}

const plim_section *plim_engine_find_section(const plim_engine_file *self, const char *name)
{
    for (size_t i = 0; name && i < self->section_count; i++) {
        if (strcmp(self->sections[i].name, name) == 0) {
            return &self->sections[i];
        }
    }
    return NULL;
}

size_t plim_engine_chunk_count(const plim_engine_file *self)
{
    return self->chunk_count;
}

const plim_chunk *plim_engine_chunk(const plim_engine_file *self, size_t index)
{
    return index < self->chunk_count ? &self->chunks[index] : NULL;
}
