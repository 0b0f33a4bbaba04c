/* process_shield.c: finds the library that keeps trials off the user's files where there are no mount namespaces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "subject/process_parts.h"

enum { PATH_BYTES = 4096 };

char *tn_process_find_shield(void)
{
    static const char *const PLACES[] = {"libtenet_shield.so", "../lib/tenet/libtenet_shield.so"};
    char program[PATH_BYTES], candidate[PATH_BYTES + 64];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash = NULL;
    if (length > 0) {
        program[length] = '\0';
        slash = strrchr(program, '/');
    }
    for (size_t i = 0; slash && i < sizeof PLACES / sizeof *PLACES; i++) {
        *slash = '\0';
        snprintf(candidate, sizeof candidate, "%s/%s", program, PLACES[i]);
        /* The loader takes a space or a colon in the name for the end of it. */
        if (access(candidate, R_OK) == 0 && !strpbrk(candidate, " :"))
            return realpath(candidate, NULL);
    }
    return NULL;
}
