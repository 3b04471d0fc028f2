/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - several texts as one set of entries.
 *
 * Decides that a text counts whole or not at all, and that the last text with an id wins. The
 * built-in tables do not replace one another's entries (the checker shows it), so that walking
 * them alone looks nothing up. Bounds: 256 KiB of added texts and 1024 entries in each keep the
 * looks for a doubled or replaced id, which are pairwise, near a second on the worst input.
 */
#include "plimsoll/policy.h"

#include <string.h>

#include "platform/policy/entries.h"

static plim_stanza_reader reader_of(const plim_policy_text *text)
{
    return (plim_stanza_reader){text->name, text->text, text->bytes, 0, 0};
}

/* Whether the first @bytes of @text begin a stanza of this kind and id. The text is sound. */
static bool text_has(const plim_policy_text *text, size_t bytes, unsigned kind, plim_slice id)
{
    plim_stanza_reader r = reader_of(text);
    plim_stanza_field field = {.item = STANZA_GAP};
    bool is_first = true;
    r.bytes = bytes;
    while (plim_stanza_next(&r, &field, NULL) == PLIM_OK && field.item != STANZA_END) {
        if (field.item == STANZA_GAP) {
            is_first = true;
            continue;
        }
        if (is_first && field.value.bytes == id.bytes && plim_policy_kind_of(field.key) == kind &&
            memcmp(field.value.at, id.at, id.bytes) == 0) {
            return true;
        }
        is_first = false;
    }
    return false;
}

static plim_status check_text(const plim_policy_text *text, plim_error *err)
{
    plim_stanza_reader r = reader_of(text);
    plim_policy_entry entry;
    bool found;
    uint64_t count = 0;
    for (;;) {
        PLIM_TRY(plim_policy_read(&r, &entry, &found, err));
        if (!found) {
            return PLIM_OK;
        }
        if (++count > PLIM_POLICY_ENTRIES_MAX) {
            return PLIM_FAIL(err, PLIM_E_RANGE, .what = "entries of a policy table", .want = count,
                             .limit = PLIM_POLICY_ENTRIES_MAX);
        }
        plim_slice id = plim_policy_entry_id(&entry), key;
        size_t before = (size_t)(id.at - text->text);
        if (text_has(text, before, (unsigned)entry.kind, id)) {
            const char *name = plim_policy_kind_text(entry.kind);
            key = (plim_slice){name, strlen(name)};
            return plim_stanza_wrong(&r, plim_policy_entry_line(&entry), key,
                                     "an id once in a table", id, err);
        }
    }
}

/* At most PLIM_POLICY_TEXT_MAX: each text was held against what the others left. */
static size_t added_bytes(const plim_policy *policy)
{
    size_t sum = 0;
    for (uint32_t i = policy->builtin_count; i < policy->text_count; i++) {
        sum += policy->texts[i].bytes;
    }
    return sum;
}

plim_status plim_policy_add(plim_policy *policy, const char *name, const char *text, size_t bytes,
                            plim_error *err)
{
    plim_policy_text added = {name, text, bytes};
    if (!policy || !name || (!text && bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "policy table");
    }
    if (policy->text_count == PLIM_POLICY_TEXTS_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "policy tables",
                         .want = PLIM_POLICY_TEXTS_MAX + 1, .limit = PLIM_POLICY_TEXTS_MAX);
    }
    size_t room = PLIM_POLICY_TEXT_MAX - added_bytes(policy);
    if (bytes > room) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of added policy tables", .want = bytes,
                         .have = room, .limit = PLIM_POLICY_TEXT_MAX);
    }
    PLIM_TRY(check_text(&added, err));
    policy->texts[policy->text_count++] = added;
    return PLIM_OK;
}

/* A later text that is not built in holds this id. */
static bool is_replaced(const plim_policy *policy, uint32_t text, unsigned kind, plim_slice id)
{
    uint32_t from = text + 1 > policy->builtin_count ? text + 1 : policy->builtin_count;
    for (uint32_t i = from; i < policy->text_count; i++) {
        if (text_has(&policy->texts[i], policy->texts[i].bytes, kind, id)) {
            return true;
        }
    }
    return false;
}

uint32_t plim_policy_builtin_holders(const plim_policy *policy, unsigned kind, plim_slice id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < policy->builtin_count; i++) {
        count += text_has(&policy->texts[i], policy->texts[i].bytes, kind, id);
    }
    return count;
}

bool plim_policy_next(const plim_policy *policy, plim_policy_cursor *cursor, plim_policy_entry *out)
{
    for (; cursor->text < policy->text_count; cursor->text++, cursor->at = 0, cursor->line = 0) {
        const plim_policy_text *text = &policy->texts[cursor->text];
        plim_stanza_reader r = reader_of(text);
        bool found = true;
        r.at = cursor->at;
        r.line = cursor->line;
        while (plim_policy_read(&r, out, &found, NULL) == PLIM_OK && found) {
            cursor->at = r.at;
            cursor->line = r.line;
            if (!is_replaced(policy, cursor->text, (unsigned)out->kind,
                             plim_policy_entry_id(out))) {
                return true;
            }
        }
    }
    memset(out, 0, sizeof(*out));
    return false;
}

static bool find(const plim_policy *policy, plim_policy_kind kind, const char *id, bool by_number,
                 plim_policy_entry *out)
{
    plim_policy_cursor cursor = {0, 0, 0};
    char text[64];
    while (plim_policy_next(policy, &cursor, out)) {
        if (out->kind != kind) {
            continue;
        }
        plim_slice found = plim_policy_entry_id(out);
        plim_slice_copy(found, text, sizeof(text));
        if (by_number ? plim_version_compare(text, id) == 0 : plim_slice_is(found, id)) {
            return true;
        }
    }
    return false;
}

bool plim_policy_find(const plim_policy *policy, plim_policy_kind kind, const char *id,
                      plim_policy_entry *out)
{
    return find(policy, kind, id, false, out);
}

bool plim_policy_board(const plim_policy *policy, const char *module, plim_board_info *out)
{
    plim_policy_entry entry;
    bool found = find(policy, PLIM_POLICY_BOARD, module, false, &entry);
    *out = entry.as.board;
    return found;
}

bool plim_policy_soc(const plim_policy *policy, const char *soc, plim_soc_info *out)
{
    plim_policy_entry entry;
    bool found = find(policy, PLIM_POLICY_SOC, soc, false, &entry);
    *out = entry.as.soc;
    return found;
}

bool plim_policy_release(const plim_policy *policy, const char *l4t, plim_release_info *out)
{
    plim_policy_entry entry;
    bool found =
        l4t[0] >= '0' && l4t[0] <= '9' && find(policy, PLIM_POLICY_RELEASE, l4t, true, &entry);
    if (!found) {
        memset(&entry, 0, sizeof(entry));
    }
    *out = entry.as.release;
    return found;
}
