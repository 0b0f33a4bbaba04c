/* scratch_files.c: see scratch_files.h. */
#include "run/scratch_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "run/scratch_mounts.h"

enum { PATH_BYTES = 4096 };

/* Whether a descriptor is a file that the process could still change for others, and its path then. */
static bool is_written(int descriptor, int flags, const char *folder, char path[PATH_BYTES])
{
    struct stat status;
    struct statfs system;
    char name[64];
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_nlink == 0)
        return false;
    if (fstatfs(descriptor, &system) != 0 || system.f_type != OVERLAYFS_SUPER_MAGIC)
        return false;
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, PATH_BYTES - 1);
    if (length <= 0 || path[0] != '/')
        return false;
    path[length] = '\0';
    return !tn_path_within(path, folder);
}

static bool add_file(tn_open_files *files, const tn_open_file *file)
{
    if (files->count == files->capacity) {
        size_t capacity = files->capacity ? files->capacity * 2 : 16;
        tn_open_file *larger = realloc(files->items, capacity * sizeof *larger);
        if (!larger)
            return false;
        files->items = larger;
        files->capacity = capacity;
    }
    files->items[files->count] = *file;
    files->items[files->count].path = strdup(file->path);
    return files->items[files->count].path && ++files->count > 0;
}

tn_status tn_open_files_read(tn_open_files *files, const char *folder, tn_error *error)
{
    char path[PATH_BYTES];
    tn_status status = TN_OK;
    *files = (tn_open_files){0};
    DIR *descriptors = opendir("/proc/self/fd");
    if (!descriptors)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "/proc/self/fd cannot be read; isolation needs /proc");
    struct dirent *entry;
    while (status == TN_OK && (entry = readdir(descriptors))) {
        int descriptor = atoi(entry->d_name);
        if (descriptor <= 2)
            continue;
        tn_open_file file = {.descriptor = descriptor, .flags = fcntl(descriptor, F_GETFL), .path = path};
        if (!is_written(descriptor, file.flags, folder, path))
            continue;
        file.closes = fcntl(descriptor, F_GETFD) & FD_CLOEXEC;
        file.offset = lseek(descriptor, 0, SEEK_CUR);
        if (!add_file(files, &file))
            status = tn_fail_memory(error, sizeof file);
    }
    closedir(descriptors);
    return status;
}

void tn_open_files_reopen(const tn_open_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const tn_open_file *file = &files->items[i];
        int opened = open(file->path, (file->flags & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_CLOEXEC);
        if (opened < 0)
            continue;
        if (file->offset > 0)
            lseek(opened, file->offset, SEEK_SET);
        dup3(opened, file->descriptor, file->closes ? O_CLOEXEC : 0);
        close(opened);
    }
}

void tn_open_files_deinit(tn_open_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (tn_open_files){0};
}
