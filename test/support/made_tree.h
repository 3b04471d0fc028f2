/* SPDX-License-Identifier: Apache-2.0 */
/* made_tree.h - a folder that holds what a board's proc and sys would, made by the test. */
#ifndef TEST_SUPPORT_MADE_TREE_H
#define TEST_SUPPORT_MADE_TREE_H

#include <sys/stat.h>

#include "test/support/cm.h"

static char tree_root[2048];

/* A fresh empty root; @name is unique in the program. */
static inline const char *tree_new(const char *name)
{
    snprintf(tree_root, sizeof(tree_root), "%s/%s", cm_tmp(), name);
    assert_int_equal(mkdir(tree_root, 0755), 0);
    return tree_root;
}

static inline void tree_path(const char *path, char *out, size_t room)
{
    snprintf(out, room, "%s/%s", tree_root, path);
    for (char *at = out + strlen(tree_root) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(out, 0755);
        *at = '/';
    }
}

/* Writes @path (its folders are made), in place: a descriptor that is open on it sees the text. */
static inline void tree_put(const char *path, const char *text)
{
    char full[4096];
    tree_path(path, full, sizeof(full));
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A folder where a file is expected: it opens, and refuses to be read. */
static inline void tree_refuse(const char *path)
{
    char full[4096];
    tree_path(path, full, sizeof(full));
    remove(full);
    assert_int_equal(mkdir(full, 0755), 0);
}

typedef struct tree_file {
    const char *path, *text;
} tree_file;

static inline void tree_fill(const tree_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tree_put(files[i].path, files[i].text);
    }
}

#endif
