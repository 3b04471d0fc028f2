/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - plimsoll-hdf5 FILE: the facts of one HDF5 file, for the library that started it.
 *
 * A process of its own, because libhdf5 is large and its parser is not proof against damage: what
 * happens to it here is an answer there. It limits its own memory and time, reads one file and
 * writes to standard output only. HDF5's file locks are switched off: the file may lie on a
 * medium that cannot be written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/survey/hdf5/hdf5_facts.h"

#define MEMORY_LIMIT (UINT64_C(1) << 30)
#define SECONDS      600

bool hdf5_emit(plim_hdf5_record *record, plim_hdf5_kind kind, const char *name)
{
    record->wire = PLIM_HDF5_WIRE;
    record->kind = kind;
    if (record->name != name) {
        snprintf(record->name, sizeof(record->name), "%s", name);
    }
    for (size_t done = 0; done < sizeof(*record);) {
        ssize_t n = write(STDOUT_FILENO, (const char *)record + done, sizeof(*record) - done);
        if (n <= 0) {
            return false; /* nobody reads: SIGPIPE has ended us, unless it is ignored */
        }
        done += (size_t)n;
    }
    return true;
}

void hdf5_warn(plim_hdf5_kind kind, const char *feature, const char *text)
{
    plim_hdf5_record r = {0};
    snprintf(r.text, sizeof(r.text), "%s", text);
    hdf5_emit(&r, kind, feature);
}

static void limit(int what, rlim_t to)
{
    struct rlimit r = {.rlim_cur = to, .rlim_max = to};
    setrlimit(what, &r);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: plimsoll-hdf5 FILE; memreport runs it\n", stderr);
        return 2;
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they reserve terabytes */
    limit(RLIMIT_AS, MEMORY_LIMIT);
#endif
    limit(RLIMIT_CPU, SECONDS);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0); /* a pipe is no file: nothing is ever written elsewhere */
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    setenv("HDF5_PLUGIN_PRELOAD", "::", 1); /* no filter plug-ins: code from elsewhere */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (!hdf5_file(argv[1])) {
        hdf5_warn(PLIM_HDF5_FAILED, "", "not an HDF5 file, or damaged at its root");
        return 1;
    }
    return 0;
}
