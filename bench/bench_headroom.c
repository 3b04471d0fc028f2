/* SPDX-License-Identifier: Apache-2.0 */
/* bench_headroom.c - promised headroom against what the kernel really gave, situation by situation.
 *
 * Random control groups with random tenants (test/support/situation.h); each prober reads the
 * headroom and then takes page after page. A promise above what came is an over-promise: exit 1.
 *
 * usage: bench_headroom [--quick] [--count N] [--seed N] [--folder DIR]
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/support/engines.h"
#include "test/support/cm.h"
#include "test/support/situation.h"

#define COUNT_MAX 10000u

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void summary(uint64_t *under, double *share, size_t count, unsigned over, unsigned skipped)
{
    double worst_share = 0;
    for (size_t i = 0; i < count; i++) {
        worst_share = share[i] > worst_share ? share[i] : worst_share;
    }
    if (count) {
        uint64_t thousandths[COUNT_MAX];
        for (size_t i = 0; i < count; i++) {
            thousandths[i] = (uint64_t)(share[i] * 1000);
        }
        qsort(under, count, sizeof(*under), compare);
        qsort(thousandths, count, sizeof(*thousandths), compare);
        printf("# %zu situations: %u over-promises; under-promise median %" PRIu64
               " bytes (%.1f %%), 95th of 100 %" PRIu64 ", worst %" PRIu64 " (%.1f %%)\n",
               count, over, under[count / 2], (double)thousandths[count / 2] / 10,
               under[count * 95 / 100], under[count - 1], worst_share * 100);
    }
    printf("# %u could not be made\n", skipped);
}

int main(int argc, char **argv)
{
    static uint64_t under[COUNT_MAX];
    static double share[COUNT_MAX];
    const char *folder = "build/bench";
    uint64_t count = 300, state = 20261121;
    unsigned over = 0, skipped = 0;
    size_t made = 0;
    for (int i = 1; i < argc; i++) {
        const bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--quick") == 0) {
            count = 30;
        } else if (strcmp(argv[i], "--count") == 0 && has_value) {
            count = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && has_value) {
            state = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--folder") == 0 && has_value) {
            folder = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_headroom [--quick] [--count N] [--seed N] "
                            "[--folder DIR]\n");
            return 2;
        }
    }
    count = count < COUNT_MAX ? count : COUNT_MAX; /* of those that can be made */
    mkdir(folder, 0755);
    bench_headline("bench_headroom", argc, argv);
    const char *why = situation_impossible();
    if (why) {
        printf("# skipped: %s\n", why);
        return 0;
    }
    printf("# memory control groups, version %u\n", (unsigned)situation_version());
    printf("situation\twall\tpromised\thad\tunder\tpercent\twhat\n");
    for (uint64_t i = 0; made < count && i < 2 * count; i++) {
        situation s;
        situation_outcome o;
        situation_draw(&s, &state);
        if (!situation_run(&s, folder, &o)) {
            skipped++;
            continue;
        }
        const bool is_over = o.promised_bytes > o.had_bytes;
        under[made] = is_over ? 0 : o.had_bytes - o.promised_bytes;
        share[made] = o.had_bytes ? (double)under[made] / (double)o.had_bytes : 0;
        over += is_over;
        printf("%" PRIu64 "\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64 "\t%.2f\t", i,
               plim_wall_name(o.wall), o.promised_bytes, o.had_bytes,
               (int64_t)(o.had_bytes - o.promised_bytes), share[made] * 100);
        situation_print(&s);
        printf("%s\n", is_over ? "\tOVER" : "");
        made++;
    }
    summary(under, share, made, over, skipped);
    return over != 0;
}
