/* SPDX-License-Identifier: Apache-2.0 */
/* devtree.h - strings of the device tree, and the entries of the tables that speak of them. */
#ifndef PLATFORM_DEVTREE_H
#define PLATFORM_DEVTREE_H

#include "platform/probe/probe.h"

/* A property that is a list of strings, each terminated. Zero is empty. */
typedef struct plim_devtree_list {
    char text[1024];
    size_t bytes; /* the last string is terminated whatever the file says */
} plim_devtree_list;

/* plim_devtree_read - false: no such property. What does not fit is left out. */
bool plim_devtree_read(plim_probe *p, const char *path, plim_devtree_list *out);
/* The string after @last (NULL: the first); NULL at the end. Empty strings are passed over. */
const char *plim_devtree_next(const plim_devtree_list *list, const char *last);

#endif
