/* file_map.c: see file_map.h. */
#include "data/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

tn_status tn_file_map(const char *path, tn_file *file, tn_error *error)
{
    *file = (tn_file){0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block the open */
    if (descriptor < 0) {
        tn_fail(error, TN_ERROR_IO, "cannot open this data file: %s; check the path, which is relative to the hypes file", strerror(errno));
        tn_error_at(error, path, 0, NULL);
        return TN_ERROR_IO;
    }
    tn_status status = TN_OK;
    struct stat facts;
    if (fstat(descriptor, &facts) != 0) {
        status = tn_fail(error, TN_ERROR_IO, "cannot read this data file: %s", strerror(errno));
    } else if (!S_ISREG(facts.st_mode)) {
        status = tn_fail(error, TN_ERROR_IO, "is %s; a data file was expected", S_ISDIR(facts.st_mode) ? "a folder" : "not a regular file");
    } else if (facts.st_size == 0) {
        status = tn_fail(error, TN_ERROR_DATA, "is empty (0 bytes); a data file was expected");
    } else {
        void *bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (bytes == MAP_FAILED)
            status = tn_fail(error, TN_ERROR_IO, "cannot map this data file: %s", strerror(errno));
        else
            *file = (tn_file){.bytes = bytes, .size = (size_t)facts.st_size};
    }
    close(descriptor);
    if (status != TN_OK)
        tn_error_at(error, path, 0, NULL);
    return status;
}

void tn_file_unmap(tn_file *file)
{
    if (file->bytes != NULL)
        munmap((void *)(uintptr_t)file->bytes, file->size);
    *file = (tn_file){0};
}
