/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - plimsoll: one word picks the command. */
#include <string.h>

#include "src/tools/plimsoll/tool.h"

static const struct {
    const char *name;
    tool_exit (*run)(int argc, char **argv);
    const char *text;
} COMMANDS[] = {
    {"import", cmd_import, "make an engine artifact out of a model"},
    {"pack", cmd_pack, "put files into a container, or a card beside a bare file"},
    {"verify", cmd_verify, "read an artifact and hold every chunk against its digest"},
    {"check", cmd_check, "run an artifact on a known input and compare its outputs"},
    {"plan", cmd_plan, "predict the peak of a manifest before anything is loaded"},
    {"policy", cmd_policy, "known defects, boards and data types, and what applies here"},
    {"settings", cmd_settings, "what allocators were told, and what does not go together"},
    {"pack-plan", cmd_pack_plan, "give buffers with known lifetimes fixed offsets"},
    {"replay", cmd_replay, "what each way to allocate would have made of a recorded run"},
    {"run", cmd_run, "load a manifest's engines and stream episodes through them"},
    {"doctor", cmd_doctor, "say what this machine is, what is wrong with it, what to do"},
};
#define COMMAND_COUNT (sizeof(COMMANDS) / sizeof(COMMANDS[0]))

static void print_help(FILE *to)
{
    fprintf(to, "usage: plimsoll COMMAND [options]\n\n"
                "Inference under one hard memory cap.\n\ncommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].text);
    }
    fprintf(to, "\n'plimsoll COMMAND --help' lists the options of one. --version: the version.\n"
                "exit: 0 fine, 1 over the cap or verification failed, 2 wrong command line or\n"
                "manifest, 3 incomplete, 4 nothing readable, 5 the system failed\n");
}

/* A full disk or a closed pipe must not look like success. */
static int finish(tool_exit code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return (int)code;
    }
    fputs("plimsoll: the output could not be written to its end\n", stderr);
    return code == TOOL_OK ? TOOL_INTERNAL : (int)code;
}

int main(int argc, char **argv)
{
    const char *words[COMMAND_COUNT + 1] = {0};
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* in one log, a refusal stands after what led to it */
    if (argc < 2) {
        print_help(stderr);
        return TOOL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return finish(TOOL_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("plimsoll %s\n", plim_version());
        return finish(TOOL_OK);
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        words[i] = COMMANDS[i].name;
        if (strcmp(argv[1], COMMANDS[i].name) == 0) {
            return finish(COMMANDS[i].run(argc - 2, argv + 2));
        }
    }
    const char *meant = nearest_word(argv[1], words);
    fprintf(stderr,
            meant ? "plimsoll: unknown command '%s'; did you mean '%s'?\n"
                  : "plimsoll: unknown command '%s'; plimsoll --help lists them\n",
            argv[1], meant);
    return TOOL_USAGE;
}
