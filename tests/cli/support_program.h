/* support_program.h: runs the built program and takes what it printed. */
#ifndef TN_TESTS_SUPPORT_PROGRAM_H
#define TN_TESTS_SUPPORT_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

enum { TN_PROGRAM_OUTPUT_MAX = 1 << 21, TN_PROGRAM_ARGUMENTS_MAX = 16 };

typedef struct program_run {
    int exit_code; /* 128 + the signal where one ended it */
    char *out, *err;
} program_run;

/* Where stdout goes. */
typedef enum program_stdout { PROGRAM_STDOUT_TAKEN, PROGRAM_STDOUT_FULL, PROGRAM_STDOUT_CLOSED_PIPE, PROGRAM_STDOUT_CLOSED } program_stdout;

/* Runs the program with arguments up to a NULL, in the folder `folder` (NULL: here). */
program_run program_run_in(const char *folder, program_stdout to, const char *const *arguments);
#define RUN(...) program_run_in(NULL, PROGRAM_STDOUT_TAKEN, (const char *const[]){__VA_ARGS__, NULL})
void program_run_deinit(program_run *run);

/* Fails the test unless the run ended with that exit code and printed both texts; ends it. */
void program_run_check(program_run run, int exit_code, const char *out, const char *err);

/* Starts it; stderr comes through *err. */
pid_t program_start(const char *folder, const char *const *arguments, int *out, int *err);

/* A fresh folder under /tmp, removed with all that is in it by folder_remove. */
void folder_make(char folder[64]);
void folder_remove(const char *folder);
void file_write(const char *folder, const char *name, const char *text);
char *file_read(const char *path); /* NULL where there is none */

#endif
