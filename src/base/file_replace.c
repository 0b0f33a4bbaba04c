/* file_replace.c: see file_replace.h. */
#include "base/file_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

static bool write_all(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(file, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

/* Its mode is what a new file gets. */
static int open_beside(const char *path, tn_text *name)
{
    tn_text_addf(name, "%s.%ld.part", path, (long)getpid());
    if (name->failed) {
        errno = ENOMEM;
        return -1;
    }
    return open(name->data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

int tn_file_replace(const char *path, const char *bytes, size_t count)
{
    tn_text name;
    tn_text_init(&name);
    int file = open_beside(path, &name), why = 0;
    bool written = file >= 0 && write_all(file, bytes, count);
    if (!written)
        why = errno;
    if (file >= 0 && close(file) != 0 && written) {
        written = false;
        why = errno;
    }
    if (written && rename(name.data, path) != 0) {
        written = false;
        why = errno;
    }
    if (!written && file >= 0)
        unlink(name.data);
    tn_text_deinit(&name);
    return why;
}
