/* SPDX-License-Identifier: Apache-2.0 */
/* literals.c - numbers as the tables write them, each with the unit of its fact.
 *
 * Decides that a size without a unit is no size (0 alone excepted), that bytes come in powers of
 * 1024 and rates and clocks in powers of 1000, and that nothing is rounded silently: more than
 * six decimals, or a value beyond 64 bits, is refused.
 */
#include <string.h>

#include "arena/bytes.h"
#include "platform/policy/conditions.h"
#include "platform/policy/stanza.h"

typedef struct scale {
    const char *name;
    uint64_t times;
} scale;

static const scale BYTES[] = {{"B", 1},
                              {"KiB", 1024},
                              {"MiB", 1024 * 1024},
                              {"GiB", 1024 * 1024 * 1024},
                              {"TiB", UINT64_C(1024) * 1024 * 1024 * 1024}};
static const scale RATES[] = {{"B/s", 1}, {"kB/s", 1000}, {"MB/s", 1000000}, {"GB/s", 1000000000}};
static const scale CLOCKS[] = {{"Hz", 1}, {"kHz", 1000}, {"MHz", 1000000}, {"GHz", 1000000000}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits off the front; false when there are none or they pass 64 bits. */
static bool take_digits(plim_slice *text, uint64_t *out)
{
    size_t n = 0;
    *out = 0;
    for (; n < text->bytes && is_digit(text->at[n]); n++) {
        if (!bytes_mul(*out, 10, out) || !bytes_add(*out, (uint64_t)(text->at[n] - '0'), out)) {
            return false;
        }
    }
    text->at += n;
    text->bytes -= n;
    return n > 0;
}

/* "0.25" in millionths, @fraction the part behind the point. */
static bool take_decimal(plim_slice *text, uint64_t *whole, uint64_t *fraction)
{
    *fraction = 0;
    if (!take_digits(text, whole)) {
        return false;
    }
    if (!text->bytes || text->at[0] != '.') {
        return true;
    }
    uint64_t unit = CONDITION_FACTOR_ONE;
    size_t n = 1;
    for (; n < text->bytes && is_digit(text->at[n]); n++) {
        unit /= 10;
        *fraction += unit * (uint64_t)(text->at[n] - '0');
        if (unit == 0) {
            return false; /* a seventh decimal */
        }
    }
    text->at += n;
    text->bytes -= n;
    return n > 1;
}

static bool scaled(plim_slice text, const scale *scales, size_t count, uint64_t *out)
{
    uint64_t whole, fraction, part;
    if (!take_decimal(&text, &whole, &fraction)) {
        return false;
    }
    text = plim_slice_trim(text);
    if (!text.bytes && whole == 0 && fraction == 0) {
        *out = 0;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (plim_slice_is(text, scales[i].name)) {
            return bytes_mul(whole, scales[i].times, out) &&
                   bytes_mul(fraction, scales[i].times, &part) &&
                   bytes_add(*out, part / CONDITION_FACTOR_ONE, out);
        }
    }
    return false;
}

/* "8.7" is 87, "11.0" 110, "12.1" 121. */
static bool compute_capability(plim_slice text, uint64_t *out)
{
    uint64_t major, minor;
    if (!take_digits(&text, &major) || major > 99 || text.bytes != 2 || text.at[0] != '.' ||
        !is_digit(text.at[1])) {
        return false;
    }
    minor = (uint64_t)(text.at[1] - '0');
    *out = major * 10 + minor;
    return true;
}

static bool hexadecimal(plim_slice text, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    if (text.bytes < 3 || text.bytes > 18 || memcmp(text.at, "0x", 2) != 0) {
        return false;
    }
    *out = 0;
    for (size_t i = 2; i < text.bytes; i++) {
        const char *at = memchr(digits, text.at[i], 16);
        if (!at) {
            return false;
        }
        *out = *out << 4 | (uint64_t)(at - digits);
    }
    return true;
}

static bool flag(plim_slice text, uint64_t *out)
{
    *out = plim_slice_is(text, "yes");
    return *out || plim_slice_is(text, "no");
}

static bool ratio(plim_slice text, uint64_t *out)
{
    uint64_t fraction;
    return take_decimal(&text, out, &fraction) && !text.bytes &&
           bytes_mul(*out, CONDITION_FACTOR_ONE, out) && bytes_add(*out, fraction, out);
}

bool plim_literal_number(plim_unit unit, plim_slice text, uint64_t *out)
{
    switch (unit) {
    case PLIM_UNIT_COUNT:
        return take_digits(&text, out) && !text.bytes;
    case PLIM_UNIT_BYTES:
        return scaled(text, BYTES, sizeof(BYTES) / sizeof(BYTES[0]), out);
    case PLIM_UNIT_BYTES_PER_S:
        return scaled(text, RATES, sizeof(RATES) / sizeof(RATES[0]), out);
    case PLIM_UNIT_HERTZ:
        return scaled(text, CLOCKS, sizeof(CLOCKS) / sizeof(CLOCKS[0]), out);
    case PLIM_UNIT_FLAG:
        return flag(text, out);
    case PLIM_UNIT_SM:
        return compute_capability(text, out);
    case PLIM_UNIT_MASK:
        return hexadecimal(text, out);
    case PLIM_UNIT_RATIO:
        return ratio(text, out);
    case PLIM_UNIT_TEXT:
    case PLIM_UNIT_VERSION:
        break;
    }
    return false;
}
