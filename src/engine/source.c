/* SPDX-License-Identifier: Apache-2.0 */
/* source.c - lays inputs out as sections and streams them.
 *
 * Sizes are taken once; a file that is shorter when its turn comes is a read error, and what
 * was added to it is not read. At most one input file is open at a time.
 */
#include "src/engine/source.h"

#include <string.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "src/engine/printable.h"

#define ALIGN_MAX (2u << 20)

static plim_status bad_input(const plim_pack_input *input, const char *wanted, plim_error *err)
{
    plim_error_set(err, PLIM_E_ARG, "pack input", "name", wanted, NULL);
    plim_error_detail(err, "%s", input->name ? input->name : "(no name)");
    return PLIM_E_ARG;
}

static plim_status measure(const plim_pack_input *input, uint64_t *out, plim_error *err)
{
    int fd;
    if (!input->path) {
        *out = input->size_bytes;
        return input->data || !input->size_bytes ? PLIM_OK
                                                 : bad_input(input, "a path or data", err);
    }
    PLIM_TRY(plim_engine_open_file(input->path, &fd, out, err));
    close(fd);
    return PLIM_OK;
}

static plim_status lay(plim_source_list *self, size_t index, plim_error *err)
{
    const plim_pack_input *input = &self->inputs[index];
    plim_section *s = &self->sections[index];
    size_t n = input->name ? strlen(input->name) : 0;
    if (n == 0 || n >= sizeof(s->name) || !plim_text_is_plain(input->name, n)) {
        return bad_input(input, "1 to 127 bytes of printable ASCII", err);
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(self->sections[i].name, input->name) == 0) {
            return bad_input(input, "a name of its own", err);
        }
    }
    s->align_bytes = input->align_bytes ? input->align_bytes : PLIM_ENGINE_PAGE;
    if (!bytes_is_power_of_two(s->align_bytes) || s->align_bytes > ALIGN_MAX) {
        return bad_input(input, "an alignment that is a power of two up to 2 MiB", err);
    }
    if ((unsigned)input->kind > PLIM_SECTION_WEIGHTS) {
        return bad_input(input, "a known kind", err);
    }
    memcpy(s->name, input->name, n + 1);
    s->kind = input->kind;
    PLIM_TRY(measure(input, &s->size_bytes, err));
    if (!bytes_align_up(self->payload_bytes, s->align_bytes, &s->offset_bytes) ||
        !bytes_add(s->offset_bytes, s->size_bytes, &self->payload_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "payload", .want = s->size_bytes);
    }
    return PLIM_OK;
}

plim_status plim_source_open(plim_source_list *self, const plim_pack_input *inputs,
                             size_t input_count, plim_section *sections, plim_error *err)
{
    *self = (plim_source_list){.inputs = inputs,
                               .input_count = input_count,
                               .sections = sections,
                               .current = SIZE_MAX,
                               .fd = -1};
    for (size_t i = 0; i < input_count; i++) {
        PLIM_TRY(lay(self, i, err));
    }
    return PLIM_OK;
}

static plim_status copy(plim_source_list *self, size_t index, unsigned char *out, uint64_t from,
                        size_t size, plim_error *err)
{
    const plim_pack_input *input = &self->inputs[index];
    if (!input->path) {
        memcpy(out, (const unsigned char *)input->data + from, size);
        return PLIM_OK;
    }
    if (self->current != index) {
        uint64_t bytes;
        plim_source_close(self);
        PLIM_TRY(plim_engine_open_file(input->path, &self->fd, &bytes, err));
        self->current = index;
    }
    return plim_engine_read_at(self->fd, input->path, out, size, from, err);
}

plim_status plim_source_read(plim_source_list *self, unsigned char *out, uint64_t offset,
                             size_t size, plim_error *err)
{
    uint64_t end = offset + size;
    memset(out, 0, size);
    for (size_t i = 0; i < self->input_count; i++) {
        const plim_section *s = &self->sections[i];
        uint64_t from = s->offset_bytes > offset ? s->offset_bytes : offset;
        uint64_t to = s->offset_bytes + s->size_bytes;
        to = to < end ? to : end;
        if (from < to) {
            PLIM_TRY(copy(self, i, out + (from - offset), from - s->offset_bytes,
                          (size_t)(to - from), err));
        }
    }
    return PLIM_OK;
}

void plim_source_close(plim_source_list *self)
{
    if (self->fd >= 0) {
        close(self->fd);
    }
    self->fd = -1;
    self->current = SIZE_MAX;
}
