/* process_shield.c: what a start needs of the library that keeps trials off the user's files where there are no mount namespaces (src/shield): where it is, and how its layer is laid out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

bool tn_process_shield_place(const char *layer, const char *path, char *place, size_t size)
{
    char *real = realpath(path, NULL);
    int length = real ? snprintf(place, size, "%s%s", layer, real) : -1;
    bool fits = length > 0 && (size_t)length < size;
    free(real);
    /* The user may look into more folders than these modes allow; the shield itself makes them with the user's, where it makes them. */
    for (char *at = place + strlen(layer) + 1; fits && (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(place, 0755);
        *at = '/';
    }
    return fits;
}
