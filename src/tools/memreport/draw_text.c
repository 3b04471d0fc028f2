/* SPDX-License-Identifier: Apache-2.0 */
/* draw_text.c - colours, texts, ticks and the legend: what all pictures share.
 *
 * One colour a part, in every picture of every report; neighbours in a stack differ in brightness,
 * too, so that the picture survives a grey printer. Unattributed is hatched: it is no part, it is
 * what no part explains.
 */
#include <string.h>

#include "src/tools/memreport/draw.h"
#include "src/tools/memreport/views.h"

#define LETTER 6.7 /* average width at 12 px of the widest common sans */

static const struct {
    const char *class, *light, *dark;
    bool is_dark; /* white letters on it, in both */
} COLORS[PART_COUNT] = {
    [PART_ENGINES] = {"p-engines", "#2f5f9e", "#3a72bb", true},
    [PART_WEIGHTS] = {"p-weights", "#2f5f9e", "#3a72bb", true},
    [PART_ACTIVATIONS] = {"p-activations", "#e39a3b", "#e39a3b", false},
    [PART_KV_CACHE] = {"p-kv-cache", "#7a58b5", "#8d6cc8", true},
    [PART_IO] = {"p-io", "#58b8ab", "#58b8ab", false},
    [PART_LOAD_WINDOW] = {"p-load-window", "#c9b13a", "#d6bf4a", false},
    [PART_EPISODE] = {"p-episode", "#3d8b4f", "#48a05d", true},
    [PART_VIDEO] = {"p-video", "#3d8b4f", "#48a05d", true},
    [PART_STATE_ACTION] = {"p-state-action", "#9cc95b", "#9cc95b", false},
    [PART_OTHER_DATA] = {"p-other-data", "#c2b48a", "#b3a57c", false},
    [PART_CONTAINERS] = {"p-containers", "#7d8ca3", "#8496b0", false},
    [PART_DECODERS] = {"p-decoders", "#e39a3b", "#e39a3b", false},
    [PART_PLUGIN] = {"p-plugin", "#8a5a3c", "#a8714f", true},
    [PART_FRAMEWORK] = {"p-framework", "#d98ba6", "#d98ba6", false},
    [PART_HEAP] = {"p-heap", "#b3486f", "#c75c84", true},
    [PART_CODE] = {"p-code", "#8fa3bd", "#8fa3bd", false},
    [PART_CACHE] = {"p-cache", "#4f9fd0", "#4f9fd0", false},
    [PART_SHARED] = {"p-shared", "#9d7fc7", "#9d7fc7", false},
    [PART_DRIVER] = {"p-driver", "#9c3030", "#bd4545", true},
    [PART_PROCESSES] = {"p-processes", "#b9bfc8", "#7d8691", false},
    [PART_KERNEL] = {"p-kernel", "#6b7280", "#6b7280", true},
    [PART_OTHER] = {"p-other", "#d3c8ae", "#a89d84", false},
    [PART_FREE] = {"p-free", "#e9edf2", "#28303a", false},
    [PART_UNATTRIBUTED] = {"p-unattributed", NULL, NULL, false},
};

const char *draw_class(sheet_part part)
{
    return COLORS[part].class;
}

bool draw_is_dark(sheet_part part)
{
    return COLORS[part].is_dark;
}

void draw_style(FILE *to)
{
    fputs(".ink{fill:#1c2430}.dim{fill:#56606e}.on{fill:#fff}.in{fill:#0d1117}"
          ".bold{font-weight:600}.rule{stroke:#d4dae1}.edge{stroke:#fff;stroke-width:1}"
          ".bg{fill:#fff}.line{fill:none;stroke:#1c2430;stroke-width:1.4}"
          ".budget{stroke:#b3261e;stroke-width:2;stroke-dasharray:7 4}.budgettext{fill:#b3261e}"
          ".peak{stroke:#6a3fb5;stroke-width:1.6;stroke-dasharray:2 3}.peaktext{fill:#6a3fb5}"
          ".budgettext,.peaktext{paint-order:stroke;stroke:#fff;stroke-width:4px;"
          "stroke-linejoin:round}.mark{stroke:#56606e;stroke-dasharray:3 "
          "3}.dot{fill:#1c2430}.dottext{fill:#fff}\n"
          ".hatchbg{fill:#fff}.hatchline{stroke:#b3261e;stroke-width:2.2}"
          ".p-unattributed{fill:url(#hatch);stroke:#b3261e;stroke-width:1}\n",
          to);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        if (COLORS[p].light) {
            fprintf(to, ".%s{fill:%s}", COLORS[p].class, COLORS[p].light);
        }
    }
    fputs("\n@media screen and (prefers-color-scheme:dark){.ink{fill:#e8ecf1}.dim{fill:#a0abb9}"
          ".rule{stroke:#2f3844}.edge{stroke:#12161c}.bg{fill:#12161c}.line{stroke:#e8ecf1}"
          ".budget{stroke:#ff8078}.budgettext{fill:#ff8078}.peak{stroke:#bda4f4}"
          ".peaktext{fill:#bda4f4}.budgettext,.peaktext{stroke:#12161c}.mark{stroke:#a0abb9}.dot{"
          "fill:#e8ecf1}.dottext{fill:#12161c}"
          ".hatchbg{fill:#12161c}.hatchline{stroke:#ff8078}.p-unattributed{stroke:#ff8078}\n",
          to);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        if (COLORS[p].dark) {
            fprintf(to, ".%s{fill:%s}", COLORS[p].class, COLORS[p].dark);
        }
    }
    fputs("}\n", to);
}

void draw_defs(FILE *to)
{
    fputs("<defs><pattern id=\"hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" "
          "patternTransform=\"rotate(45)\"><rect class=\"hatchbg\" width=\"7\" height=\"7\"/>"
          "<line class=\"hatchline\" x1=\"1\" y1=\"0\" x2=\"1\" y2=\"7\"/></pattern></defs>\n",
          to);
}

/* ---- texts ---- */

double draw_text_width(const char *text)
{
    return LETTER * (double)views_characters(text);
}

void draw_fitted(FILE *to, const char *text, double width)
{
    char cut[512];
    double letters = width / LETTER;
    xml_text(to, views_plain(text, letters < 2 ? 2 : (size_t)letters, cut, sizeof(cut)));
}

const char *draw_size(const drawing *d, int64_t bytes, char *buffer, size_t room)
{
    return sheet_size(bytes, d->si, false, buffer, room);
}

/* 1, 2, 4 ... bytes, or 1, 2, 5, 10 ... are round to people who count in either. */
double draw_tick(double most, unsigned count)
{
    double tick = 1;
    while (most / tick > count && tick < 1e19) {
        tick *= 2;
    }
    return tick;
}

double draw_legend(const drawing *d, const bool *used, double y)
{
    double x = 0, row = y + 12;
    for (unsigned p = 0; p < PART_COUNT; p++) {
        if (!used[p]) {
            continue;
        }
        double wide = 20 + draw_text_width(sheet_part_name((sheet_part)p)) + 14;
        if (x > 0 && x + wide > d->width) {
            x = 0;
            row += 20;
        }
        fprintf(d->to,
                "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"13\" height=\"13\" rx=\"2\"/>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                COLORS[p].class, x + 0.5, row - 11, x + 19, row, sheet_part_name((sheet_part)p));
        x += wide;
    }
    return row + 8;
}
