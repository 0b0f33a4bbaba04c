/* scratch_own.c: see scratch_own.h. What cannot be made or copied is left out: the program is then told EOVERFLOW by the kernel, as it would be without this. */
#include "run/scratch_own.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OVERFLOW_ID = 65534, PATH_BYTES = 4096, ENTRIES_MAX = 4096, DEPTH_MAX = 16, FILE_BYTES_MAX = 16 << 20, ALL_BYTES_MAX = 128 << 20 };

typedef struct copier {
    int upper;
    const char *top, *covered;
    const tn_mounts *mounts;
    uid_t user;
    gid_t group;
    size_t entries, bytes;
} copier;

/* Where `path`, which is `covered` or lies below, is in the upper layer. false where that is too long. */
static bool upper_path(const copier *c, const char *path, char text[PATH_BYTES])
{
    const char *rest = path + (strcmp(c->covered, "/") == 0 ? 0 : strlen(c->covered));
    return snprintf(text, PATH_BYTES, "%s%s", c->top, rest) < PATH_BYTES;
}

/* Ids that are not in the user namespace read as 65534, which may also be the user. */
static bool is_foreign(const copier *c, const struct stat *about)
{
    return about->st_uid == OVERFLOW_ID || about->st_gid == OVERFLOW_ID || about->st_uid != c->user || about->st_gid != c->group;
}

/* One folder; true where it is there. */
static bool make_folder(const copier *c, const char *path, struct stat *about)
{
    char name[PATH_BYTES];
    if (lstat(path, about) != 0 || !S_ISDIR(about->st_mode) || !upper_path(c, path, name))
        return false;
    if (tn_mounts_find(c->mounts, path) < c->mounts->count)
        return false; /* another overlay's business */
    if (mkdirat(c->upper, name, 0700) != 0)
        return faccessat(c->upper, name, F_OK, 0) == 0;
    return fchmodat(c->upper, name, about->st_mode & 07777, 0) == 0;
}

/* Every folder between `covered` and `path`, which has neither links nor dots in it. */
static void make_way(const copier *c, const char *path)
{
    char part[PATH_BYTES];
    struct stat about;
    size_t start = strcmp(c->covered, "/") == 0 ? 0 : strlen(c->covered), length = strlen(path);
    if (!tn_path_within(path, c->covered) || length >= sizeof part)
        return;
    for (size_t end = start + 1; end <= length; end++) {
        if (path[end] != '/' && path[end] != '\0')
            continue;
        memcpy(part, path, end);
        part[end] = '\0';
        if (!make_folder(c, part, &about))
            return;
    }
}

static void copy_file(copier *c, const char *path, const struct stat *about)
{
    static const int FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    char name[PATH_BYTES], piece[1 << 14];
    ssize_t got = -1;
    if (about->st_size > FILE_BYTES_MAX || c->bytes + (size_t)about->st_size > ALL_BYTES_MAX || access(path, W_OK) != 0 ||
        !upper_path(c, path, name))
        return;
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), to = from >= 0 ? openat(c->upper, name, FLAGS, 0600) : -1;
    while (to >= 0 && (got = read(from, piece, sizeof piece)) > 0) {
        if (write(to, piece, (size_t)got) != got)
            break;
        c->bytes += (size_t)got;
    }
    /* Half a file would be worse than none. */
    if (to >= 0 && (got != 0 || fchmod(to, about->st_mode & 07777) != 0 ||
                    futimens(to, (const struct timespec[2]){about->st_atim, about->st_mtim}) != 0))
        unlinkat(c->upper, name, 0);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
}

static void copy_foreign(copier *c, const char *path, int depth)
{
    DIR *folder = depth < DEPTH_MAX ? opendir(path) : NULL;
    struct dirent *entry;
    while (folder && c->entries < ENTRIES_MAX && (entry = readdir(folder))) {
        char child[PATH_BYTES];
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            snprintf(child, sizeof child, "%s/%s", path, entry->d_name) >= (int)sizeof child)
            continue;
        c->entries++;
        if (lstat(child, &about) != 0 || !is_foreign(c, &about))
            continue;
        if (S_ISREG(about.st_mode))
            copy_file(c, child, &about);
        else if (S_ISDIR(about.st_mode) && access(child, W_OK) == 0 && make_folder(c, child, &about))
            copy_foreign(c, child, depth + 1);
    }
    if (folder)
        closedir(folder);
}

void tn_own_prepare(int upper, const char *top, const char *covered, const char *directory, const tn_mounts *mounts)
{
    copier c = {.upper = upper, .top = top, .covered = covered, .mounts = mounts, .user = geteuid(), .group = getegid()};
    const char *const ways[] = {getenv("HOME"), getenv("TMPDIR"), "/var/tmp", directory};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char *real = ways[i] ? realpath(ways[i], NULL) : NULL;
        if (real)
            make_way(&c, real);
        free(real);
    }
    struct stat about;
    if (tn_path_within(directory, covered) && lstat(directory, &about) == 0 && is_foreign(&c, &about))
        copy_foreign(&c, directory, 0);
}
