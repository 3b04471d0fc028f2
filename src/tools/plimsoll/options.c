/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the command line, and "did you mean".
 *
 * Refuses every option that is not in the command's table and every value that does not parse,
 * naming both.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/tool.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance in two rows; words longer than 63 are far from everything. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], n = strlen(b);
    if (n >= 64 || strlen(a) >= 64) {
        return 64;
    }
    for (size_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(change, 1 + least(row[j], row[j - 1]));
        }
    }
    return row[n];
}

const char *nearest_word(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t best_distance = 1 + strlen(word) / 3; /* one slip in three letters, two in six ... */
    for (; *words; words++) {
        size_t d = distance(word, *words);
        if (d <= best_distance && (!best || d < best_distance)) {
            best = *words;
            best_distance = d;
        }
    }
    return best;
}

bool count_parse(const char *text, uint64_t *out)
{
    uint64_t n = 0;
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    for (; isdigit((unsigned char)*text); text++) {
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n)) {
            return false;
        }
    }
    *out = n;
    return *text == 0;
}

tool_exit usage_error(const command *c, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "plimsoll %s: ", c->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n'plimsoll %s --help' lists the options\n", c->name);
    return TOOL_USAGE;
}

static void print_help(const command *c, const option *options, size_t count)
{
    printf("usage: plimsoll %s\n\n%s\n\noptions:\n", c->usage, c->summary);
    for (size_t i = 0; i < count; i++) {
        char left[64];
        snprintf(left, sizeof(left), options[i].kind == OPTION_MAYBE ? "%s[=%s]" : "%s %s",
                 options[i].name, options[i].value_name ? options[i].value_name : "");
        printf("  %-26s %s\n", left, options[i].text);
    }
    printf("  %-26s %s\n", "--help", "this text");
    if (c->more) {
        printf("\n%s\n", c->more);
    }
}

static bool take_value(const command *c, const option *o, const char *value)
{
    const char *why = "a whole number is wanted";
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->out = true;
        return true;
    case OPTION_TEXT:
    case OPTION_MAYBE:
        *(const char **)o->out = value;
        return true;
    case OPTION_SIZE:
        if (size_parse(value, o->out, &why)) {
            return true;
        }
        break;
    case OPTION_COUNT:
        if (count_parse(value, o->out)) {
            return true;
        }
        break;
    case OPTION_MANY: {
        option_list *list = o->out;
        if (list->count < sizeof(list->at) / sizeof(list->at[0])) {
            list->at[list->count++] = value;
            return true;
        }
        why = "given too often";
        break;
    }
    }
    usage_error(c, "%s '%s': %s", o->name, value, why);
    return false;
}

static const option *find_option(const command *c, const option *options, size_t count,
                                 const char *name)
{
    const char *words[64] = {"--help"};
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
        words[i + 1] = options[i].name;
    }
    const char *meant = nearest_word(name, words);
    usage_error(c, meant ? "unknown option '%s'; did you mean '%s'?" : "unknown option '%s'", name,
                meant);
    return NULL;
}

bool options_parse(const command *c, const option *options, size_t count, int argc, char **argv,
                   option_list *operands, tool_exit *code)
{
    *code = TOOL_USAGE;
    for (int i = 0; i < argc; i++) {
        char name[64];
        if (argv[i][0] != '-' || argv[i][1] == 0) {
            option as = {.name = "operand", .kind = OPTION_MANY, .out = operands};
            if (!take_value(c, &as, argv[i])) {
                return false;
            }
            continue;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(c, options, count);
            *code = TOOL_OK;
            return false;
        }
        const char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
        snprintf(name, sizeof(name), "%.*s",
                 equals ? (int)(equals - argv[i]) : (int)sizeof(name) - 1, argv[i]);
        const option *o = find_option(c, options, count, name);
        if (!o) {
            return false;
        }
        const char *value = equals ? equals + 1 : NULL;
        const bool wants_value = o->kind != OPTION_FLAG && o->kind != OPTION_MAYBE;
        if (wants_value && !value) {
            value = i + 1 < argc ? argv[++i] : NULL;
        }
        if (wants_value && !value) {
            usage_error(c, "%s wants %s", o->name, o->value_name);
            return false;
        }
        if (!take_value(c, o, value ? value : "")) {
            return false;
        }
    }
    *code = TOOL_OK;
    return true;
}
