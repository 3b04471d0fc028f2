/* SPDX-License-Identifier: Apache-2.0 */
/* first_load.c - load one artifact under a cap, run it once, say where the bytes are.
 *
 *   cc first_load.c $(pkg-config --cflags --libs plimsoll) -o first_load
 *   ./first_load ARTIFACT [CAP_MIB]
 *
 * Installed outside of the system's folders, PKG_CONFIG_PATH and LD_LIBRARY_PATH name its lib. The
 * backend's library is found by PLIMSOLL_ONNXRUNTIME=.../libonnxruntime.so.
 *
 * Every input is zeros in the smallest shape of the artifact's first profile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <plimsoll/plimsoll.h>

static plim_error err;

static void check(plim_status status)
{
    if (status != PLIM_OK) {
        char text[1024];
        plim_error_format(&err, text, sizeof(text));
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
}

/* Names and zeroed tensors of all inputs, or of all outputs; dynamic sizes become the input's. */
static size_t bind(const plim_card *card, bool inputs, plim_region *io, const char **names,
                   plim_tensor *tensors)
{
    size_t count = 0;
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i];
        void *data = NULL;
        if (t->is_input != inputs) {
            continue;
        }
        check(plim_tensor_init(&tensors[count], NULL, t->dtype, t->profiles[0].min, t->rank,
                               PLIM_MEMORY_HOST, &err));
        uint64_t bytes = plim_tensor_bytes(&tensors[count]);
        check(plim_region_alloc(io, bytes ? bytes : 1, 0, &data, &err));
        tensors[count].data = data;
        names[count++] = t->name;
    }
    return count;
}

int main(int argc, char **argv)
{
    static plim_tensor in[PLIM_CARD_TENSORS_MAX], out[PLIM_CARD_TENSORS_MAX];
    const char *in_names[PLIM_CARD_TENSORS_MAX], *out_names[PLIM_CARD_TENSORS_MAX];
    plim_runtime *runtime;
    plim_engine *engine;
    plim_region *io;
    if (argc < 2) {
        fprintf(stderr, "usage: %s ARTIFACT [CAP_MIB]\n", argv[0]);
        return 2;
    }

    plim_runtime_opts opts = plim_runtime_opts_default();
    opts.budget.cap_bytes = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1024) << 20;
    check(plim_runtime_open(&opts, &runtime, &err));

    plim_engine_spec spec = plim_engine_spec_default();
    spec.name = "first";
    spec.path = argv[1];
    check(plim_runtime_deserialize(runtime, &spec, &engine, &err));

    plim_region_opts io_opts = plim_region_opts_default();
    io_opts.tag = PLIM_TAG_IO;
    io_opts.size_bytes = opts.budget.cap_bytes / 4;
    check(plim_region_create(plim_runtime_arena(runtime), PLIM_REGION_BUMP, &io_opts, &io, &err));
    const plim_card *card = plim_engine_get_card(engine);
    size_t in_count = bind(card, true, io, in_names, in);
    size_t out_count = bind(card, false, io, out_names, out);
    check(plim_engine_infer(engine, in_names, in, in_count, out_names, out, out_count, &err));

    plim_account account;
    plim_account_row rows[64];
    plim_budget_read(plim_runtime_budget(runtime), &account, rows, 64);
    for (size_t i = 0; i < account.row_count && i < 64; i++) {
        printf("%-16s %-12s %12" PRIu64 " bytes\n", rows[i].owner, plim_tag_name(rows[i].tag),
               rows[i].now_bytes);
    }
    printf("%-16s %-12s %12" PRIu64 " of %" PRIu64 ", peak %" PRIu64 "\n", "sum", "",
           account.used_bytes, account.cap_bytes, account.peak_bytes);
    check(plim_engine_release(engine, &err));
    plim_region_destroy(io);
    plim_runtime_close(runtime);
    return 0;
}
