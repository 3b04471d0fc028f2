/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.h - keys of a YAML mapping into a plain struct, by table. */
#ifndef TOOLS_PLIMSOLL_YAML_H
#define TOOLS_PLIMSOLL_YAML_H

#include <yaml.h>

#include "src/tools/plimsoll/manifest.h"

typedef enum yaml_key_kind {
    KEY_TEXT = 0,   /* char[room] */
    KEY_PATH = 1,   /* char[room], made relative to the manifest's folder; must be readable */
    KEY_SIZE = 2,   /* uint64_t, with a unit */
    KEY_COUNT = 3,  /* uint64_t */
    KEY_BOOL = 4,   /* bool */
    KEY_REAL = 5,   /* double */
    KEY_SHARE = 6,  /* double in (0, 1], also "60 %" */
    KEY_CHOICE = 7, /* uint32_t, index into choices */
    KEY_NODE = 8,   /* read by nested() */
} yaml_key_kind;

typedef struct yaml_reader {
    yaml_document_t *document;
    const char *file, *folder;
    complaints *bad;
} yaml_reader;

typedef struct yaml_key {
    const char *name;
    yaml_key_kind kind;
    size_t offset, room;
    const char *const *choices; /* NULL-terminated */
    void (*nested)(yaml_reader *r, yaml_node_t *node, void *base, const char *where);
} yaml_key;

#define YAML_KEYS_MAX 20

/* Where each key of the table stood; 0: not given. */
typedef struct yaml_seen {
    uint32_t line[YAML_KEYS_MAX];
} yaml_seen;

/* Binds the mapping @node to the struct at @base; @where prefixes the names in complaints. */
void yaml_bind(yaml_reader *r, yaml_node_t *node, const yaml_key *keys, size_t count, void *base,
               const char *where, yaml_seen *seen);
/* One value by the rules of @k, for nested() functions that take a scalar or a list. */
void yaml_value(yaml_reader *r, const yaml_key *k, yaml_node_t *value, void *base,
                const char *where);
yaml_node_t *yaml_item(yaml_reader *r, yaml_node_t *sequence, size_t index);
size_t yaml_length(const yaml_node_t *sequence);
uint32_t yaml_line(const yaml_node_t *node);
const char *yaml_text(const yaml_node_t *node); /* "" when it is no scalar */
void yaml_where(char *out, size_t room, const char *where, const char *key);

#endif
