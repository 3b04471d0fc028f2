/* SPDX-License-Identifier: Apache-2.0 */
/* packed_stream.c - forward reading through liblz4 and libzstd in fixed buffers.
 *
 * Refuses what unpacks to more than the caller said, and zstd windows above 8 MiB.
 * Invariants: in[in_at, in_count) was read and not unpacked, out[out_at, out_count) unpacked and
 * not handed out; plain spans use in only. A step that neither reads nor gives anything ends it.
 */
#include "src/survey/packed_stream.h"

#include <lz4frame.h>
#include <string.h>
#include <zstd.h>

#define WINDOW_LOG_MAX 23

static plim_status refuse(const plim_packed_stream *self, plim_error *err, const char *field,
                          const char *wanted, const char *found)
{
    plim_error_set(err, PLIM_E_FORMAT, "recorded file", field, wanted, found);
    plim_error_detail(err, "%s", self->file->path);
    return PLIM_E_FORMAT;
}

plim_status plim_packed_stream_open(plim_packed_stream *self, const plim_file_bytes *file,
                                    uint64_t at, uint64_t end, plim_packing packing, uint64_t limit,
                                    plim_error *err)
{
    self->file = file;
    self->packing = packing;
    self->at = at;
    self->end = end;
    self->given = 0;
    self->limit = limit;
    self->context = NULL;
    self->in_at = self->in_count = self->out_at = self->out_count = 0;
    self->is_ended = false;
    if (at > end || end > file->size_bytes) {
        return refuse(self, err, "length", "a span inside the file", "cut short");
    }
    if (packing == PLIM_PACKING_ZSTD) {
        self->context = ZSTD_createDStream();
        if (self->context) {
            ZSTD_DCtx_setParameter(self->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
        }
    } else if (packing == PLIM_PACKING_LZ4) {
        LZ4F_dctx *context = NULL;
        LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
        self->context = context;
    }
    return packing == PLIM_PACKING_NONE || self->context
               ? PLIM_OK
               : plim_error_set(err, PLIM_E_NOMEM, "decompressor", NULL, NULL, NULL);
}

void plim_packed_stream_close(plim_packed_stream *self)
{
    if (self->packing == PLIM_PACKING_ZSTD) {
        ZSTD_freeDStream(self->context);
    } else if (self->packing == PLIM_PACKING_LZ4) {
        LZ4F_freeDecompressionContext(self->context);
    }
    self->context = NULL;
    self->packing = PLIM_PACKING_NONE;
}

static plim_status fill_in(plim_packed_stream *self, plim_error *err)
{
    if (self->in_at < self->in_count || self->at == self->end) {
        return PLIM_OK;
    }
    uint64_t left = self->end - self->at;
    size_t n = left < sizeof(self->in) ? (size_t)left : sizeof(self->in);
    PLIM_TRY(plim_file_bytes_read(self->file, self->at, self->in, n, err));
    self->at += n;
    self->in_at = 0;
    self->in_count = n;
    return PLIM_OK;
}

/* One call of the library: takes from in, gives to out. False: damaged. */
static bool unpack(plim_packed_stream *self)
{
    size_t in_bytes = self->in_count - self->in_at, out_bytes = sizeof(self->out);
    if (self->packing == PLIM_PACKING_ZSTD) {
        ZSTD_inBuffer in = {self->in + self->in_at, in_bytes, 0};
        ZSTD_outBuffer out = {self->out, out_bytes, 0};
        size_t code = ZSTD_decompressStream(self->context, &out, &in);
        in_bytes = in.pos;
        out_bytes = out.pos;
        if (ZSTD_isError(code)) {
            return false;
        }
    } else if (LZ4F_isError(LZ4F_decompress(self->context, self->out, &out_bytes,
                                            self->in + self->in_at, &in_bytes, NULL))) {
        return false;
    }
    self->is_ended = in_bytes == 0 && out_bytes == 0;
    self->in_at += in_bytes;
    self->out_count = out_bytes;
    return true;
}

static plim_status fill_out(plim_packed_stream *self, plim_error *err)
{
    self->out_at = self->out_count = 0;
    while (!self->out_count && !self->is_ended) {
        PLIM_TRY(fill_in(self, err));
        if (!unpack(self)) {
            return refuse(self, err, "compressed part", "a whole frame", "damaged");
        }
    }
    if (self->out_count > self->limit - self->given) {
        return refuse(self, err, "compressed part", "the size it claims", "more");
    }
    return PLIM_OK;
}

static plim_status take_plain(plim_packed_stream *self, uint8_t *to, uint64_t bytes,
                              plim_error *err)
{
    while (bytes) {
        size_t have = self->in_count - self->in_at;
        if (!have && !to) {
            self->at += bytes;
            return PLIM_OK;
        }
        PLIM_TRY(fill_in(self, err));
        have = self->in_count - self->in_at;
        size_t n = bytes < have ? (size_t)bytes : have;
        if (to) {
            memcpy(to, self->in + self->in_at, n);
            to += n;
        }
        self->in_at += n;
        bytes -= n;
    }
    return PLIM_OK;
}

plim_status plim_packed_stream_take(plim_packed_stream *self, void *to, uint64_t bytes,
                                    plim_error *err)
{
    uint8_t *out = to;
    if (self->packing == PLIM_PACKING_NONE) {
        uint64_t left = self->end - self->at + (self->in_count - self->in_at);
        return bytes > left ? refuse(self, err, "length", NULL, "cut short")
                            : take_plain(self, out, bytes, err);
    }
    while (bytes) {
        if (self->out_at == self->out_count) {
            PLIM_TRY(fill_out(self, err));
            if (!self->out_count) {
                return refuse(self, err, "length", NULL, "cut short");
            }
        }
        size_t have = self->out_count - self->out_at;
        size_t n = bytes < have ? (size_t)bytes : have;
        if (out) {
            memcpy(out, self->out + self->out_at, n);
            out += n;
        }
        self->out_at += n;
        self->given += n;
        bytes -= n;
    }
    return PLIM_OK;
}

plim_status plim_packed_stream_is_end(plim_packed_stream *self, bool *is_end, plim_error *err)
{
    if (self->packing == PLIM_PACKING_NONE) {
        *is_end = self->at == self->end && self->in_at == self->in_count;
        return PLIM_OK;
    }
    if (self->out_at == self->out_count) {
        PLIM_TRY(fill_out(self, err));
    }
    *is_end = self->out_at == self->out_count;
    return PLIM_OK;
}
