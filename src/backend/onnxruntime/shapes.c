/* SPDX-License-Identifier: Apache-2.0 */
/* shapes.c - ranges for the dynamic dimensions of a model's inputs.
 *
 * A profile is a promise about memory, so nothing is guessed that could be large: a batch
 * is 1, an image side is 32..320..640, and any other open dimension must be given.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/backend/onnxruntime/import.h"

static plim_status bad_text(const char *text, plim_error *err)
{
    return plim_error_set(err, PLIM_E_ARG, "shape of an input", "shape",
                          "name:1x3x320x320 or name:1x3x32..320..640x32..640", text);
}

/* One number; *text moves behind it. */
static bool number(const char **text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    if (**text < '0' || **text > '9') {
        return false;
    }
    *out = strtoll(*text, &end, 10);
    *text = end;
    return errno == 0 && *out >= 1;
}

/* N, MIN..MAX or MIN..OPT..MAX. */
static bool dimension(const char **text, int64_t out[3])
{
    size_t count = 0;
    do {
        if (count == 3 || !number(text, &out[count])) {
            return false;
        }
        count++;
    } while (strncmp(*text, "..", 2) == 0 && (*text += 2));
    if (count == 1) {
        out[1] = out[2] = out[0];
    } else if (count == 2) {
        out[2] = out[1];
        out[1] = out[0];
    }
    return out[0] <= out[1] && out[1] <= out[2];
}

static plim_status apply(plim_card_tensor *tensor, const char *text, const char *whole,
                         plim_error *err)
{
    plim_card_range *range = &tensor->profiles[0];
    for (uint32_t d = 0; d < tensor->rank; d++) {
        int64_t dim[3];
        if ((d > 0 && *text++ != 'x') || !dimension(&text, dim)) {
            return bad_text(whole, err);
        }
        if (range->opt[d] >= 0 && (dim[0] != range->opt[d] || dim[2] != range->opt[d])) {
            char field[96], wanted[24];
            snprintf(field, sizeof(field), "%.63s dim %" PRIu32, tensor->name, d);
            snprintf(wanted, sizeof(wanted), "%" PRId64, range->opt[d]);
            return plim_error_set(err, PLIM_E_SHAPE, "the graph fixes this dimension", field,
                                  wanted, whole);
        }
        range->min[d] = dim[0];
        range->opt[d] = dim[1];
        range->max[d] = dim[2];
    }
    return *text == 0 ? PLIM_OK : bad_text(whole, err);
}

/* The option that is missing, with a ? for each open dimension: "--shape state:2x?x128". */
static plim_status ask_for(const plim_card_tensor *tensor, uint32_t dim, plim_error *err)
{
    const plim_card_range *range = &tensor->profiles[0];
    char field[96], wanted[256];
    int n = snprintf(wanted, sizeof(wanted), "--shape %.40s", tensor->name);
    for (uint32_t d = 0; d < tensor->rank && n < 80; d++) {
        char size[24] = "?";
        if (range->opt[d] >= 0 && d != 0) {
            snprintf(size, sizeof(size), "%" PRId64, range->opt[d]);
        }
        n += snprintf(wanted + n, sizeof(wanted) - (size_t)n, "%c%s", d == 0 ? ':' : 'x', size);
    }
    snprintf(field, sizeof(field), "%.63s dim %" PRIu32, tensor->name, dim);
    return plim_error_set(err, PLIM_E_SHAPE, "give the open dimensions (?) as N or MIN..MAX", field,
                          wanted, "dynamic");
}

static plim_status fill_default(plim_card_tensor *tensor, plim_error *err)
{
    plim_card_range *range = &tensor->profiles[0];
    for (uint32_t d = 0; d < tensor->rank; d++) {
        if (range->opt[d] >= 0) {
            continue;
        }
        if (d == 0) {
            range->min[d] = range->opt[d] = range->max[d] = 1;
        } else if (tensor->rank == 4 && d >= 2) {
            range->min[d] = 32;
            range->opt[d] = 320;
            range->max[d] = 640;
        } else {
            return ask_for(tensor, d, err);
        }
    }
    return PLIM_OK;
}

static plim_status no_such_input(const plim_card *card, const char *text, plim_error *err)
{
    char inputs[96] = "";
    size_t n = 0;
    for (uint32_t t = 0; t < card->tensor_count && n < sizeof(inputs); t++) {
        if (card->tensors[t].is_input) {
            n += (size_t)snprintf(inputs + n, sizeof(inputs) - n, "%s%s", n ? ", " : "",
                                  card->tensors[t].name);
        }
    }
    return plim_error_set(err, PLIM_E_NOT_FOUND, "the model has no such input", "shape", inputs,
                          text);
}

plim_status plim_ort_shapes(plim_card *card, const plim_import_opts *opts, plim_error *err)
{
    for (size_t i = 0; i < opts->shape_count; i++) {
        const char *text = opts->shapes[i], *colon = strrchr(text, ':');
        bool is_known = false;
        for (uint32_t t = 0; colon && t < card->tensor_count; t++) {
            plim_card_tensor *tensor = &card->tensors[t];
            size_t n = (size_t)(colon - text);
            if (tensor->is_input && strlen(tensor->name) == n &&
                memcmp(tensor->name, text, n) == 0) {
                is_known = true;
                PLIM_TRY(apply(tensor, colon + 1, text, err));
            }
        }
        if (!colon) {
            return bad_text(text, err);
        }
        if (!is_known) {
            return no_such_input(card, text, err);
        }
    }
    for (uint32_t t = 0; t < card->tensor_count; t++) {
        if (card->tensors[t].is_input) {
            PLIM_TRY(fill_default(&card->tensors[t], err));
        }
    }
    return PLIM_OK;
}
