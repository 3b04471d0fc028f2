/* SPDX-License-Identifier: Apache-2.0 */
/* heat_json.c - a plim_heat as JSON, and back.
 *
 * One table of figures serves the writer and the parser. What is read may come from anywhere:
 * names are cleaned, numbers must be whole and clocks few enough.
 */
#include <inttypes.h>
#include <string.h>

#include "src/report/heat_parts.h"

typedef struct heat_figure {
    const char *key;
    size_t offset;
} heat_figure;

static const heat_figure FIGURES[] = {{"hottest_millicelsius", offsetof(plim_heat, hottest_mc)},
                                      {"power_milliwatts", offsetof(plim_heat, power_mw)},
                                      {"over_current_1", offsetof(plim_heat, over_current[0])},
                                      {"over_current_2", offsetof(plim_heat, over_current[1])},
                                      {"over_current_3", offsetof(plim_heat, over_current[2])}};
static const heat_figure RATES[] = {{"now_hz", offsetof(plim_heat_clock, now_hz)},
                                    {"cap_hz", offsetof(plim_heat_clock, cap_hz)},
                                    {"max_hz", offsetof(plim_heat_clock, max_hz)}};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- writing ---- */

static void put_figures(plim_report_out *out, const heat_figure *figures, size_t count,
                        const void *base)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value;
        memcpy(&value, (const char *)base + figures[i].offset, sizeof(value));
        if (value == PLIM_HEAT_UNKNOWN) {
            plim_report_put(out, ",\"%s\":null", figures[i].key);
        } else {
            plim_report_put(out, ",\"%s\":%" PRId64, figures[i].key, value);
        }
    }
}

static void put_name(plim_report_out *out, const char *key, const char *name)
{
    plim_report_put(out, ",\"%s\":", key);
    if (name[0]) {
        plim_report_put_string(out, name);
    } else {
        plim_report_put(out, "null");
    }
}

void plim_heat_put(plim_report_out *out, const plim_heat *h)
{
    plim_report_put(out, "{\"throttled\":%s",
                    h->throttled == PLIM_HEAT_UNKNOWN ? "null"
                    : h->throttled                    ? "true"
                                                      : "false");
    put_name(out, "alert", h->alert);
    put_name(out, "zone", h->zone);
    put_figures(out, FIGURES, COUNT(FIGURES), h);
    plim_report_put(out, ",\"clocks\":[");
    for (uint32_t i = 0; i < h->clock_count; i++) {
        plim_report_put(out, "%s{\"name\":", i ? "," : "");
        plim_report_put_string(out, h->clocks[i].name);
        put_figures(out, RATES, COUNT(RATES), &h->clocks[i]);
        plim_report_put(out, "}");
    }
    plim_report_put(out, "]}");
}

plim_status plim_heat_json(const plim_heat *heat, plim_report_sink sink, void *context,
                           plim_error *err)
{
    plim_report_out out = {.sink = sink, .context = context};
    plim_heat_put(&out, heat);
    return out.failed ? PLIM_FAIL(err, PLIM_E_IO, .what = "JSON of the heat") : PLIM_OK;
}

/* ---- and back ---- */

void plim_heat_clear(plim_heat *out)
{
    *out = (plim_heat){.hottest_mc = PLIM_HEAT_UNKNOWN,
                       .throttled = PLIM_HEAT_UNKNOWN,
                       .over_current = {PLIM_HEAT_UNKNOWN, PLIM_HEAT_UNKNOWN, PLIM_HEAT_UNKNOWN},
                       .power_mw = PLIM_HEAT_UNKNOWN};
}

static const char *take_figures(json_t *object, const heat_figure *figures, size_t count,
                                void *base)
{
    for (size_t i = 0; i < count; i++) {
        json_t *found = json_object_get(object, figures[i].key);
        int64_t value = json_is_null(found) ? PLIM_HEAT_UNKNOWN : json_integer_value(found);
        if (!json_is_null(found) && !json_is_integer(found)) {
            return figures[i].key;
        }
        memcpy((char *)base + figures[i].offset, &value, sizeof(value));
    }
    return NULL;
}

/* A name, or null for none. */
static bool take_name(json_t *object, const char *key, char out[PLIM_TELEMETRY_ROW_NAME])
{
    json_t *found = json_object_get(object, key);
    plim_report_name(out, PLIM_TELEMETRY_ROW_NAME,
                     json_is_string(found) ? json_string_value(found) : "");
    return json_is_string(found) || json_is_null(found);
}

static const char *take_clocks(json_t *clocks, plim_heat *out)
{
    size_t count = json_array_size(clocks);
    if (!json_is_array(clocks) || count > PLIM_TELEMETRY_CLOCKS) {
        return "clocks";
    }
    for (size_t i = 0; i < count; i++) {
        json_t *clock = json_array_get(clocks, i);
        plim_heat_clock *to = &out->clocks[out->clock_count++];
        const char *wrong = take_figures(clock, RATES, COUNT(RATES), to);
        if (wrong || !take_name(clock, "name", to->name)) {
            return wrong ? wrong : "name";
        }
    }
    return NULL;
}

static const char *take_heat(json_t *object, plim_heat *out)
{
    json_t *throttled = json_object_get(object, "throttled");
    if (!json_is_boolean(throttled) && !json_is_null(throttled)) {
        return json_is_object(object) ? "throttled" : "heat";
    }
    out->throttled = json_is_null(throttled) ? PLIM_HEAT_UNKNOWN : json_is_true(throttled);
    if (!take_name(object, "alert", out->alert)) {
        return "alert";
    }
    if (!take_name(object, "zone", out->zone)) {
        return "zone";
    }
    const char *wrong = take_figures(object, FIGURES, COUNT(FIGURES), out);
    return wrong ? wrong : take_clocks(json_object_get(object, "clocks"), out);
}

const char *plim_heat_parse(json_t *object, plim_heat *out)
{
    plim_heat_clear(out);
    const char *wrong = object ? take_heat(object, out) : NULL;
    if (wrong) {
        plim_heat_clear(out);
    }
    return wrong;
}
