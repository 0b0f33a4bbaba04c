/* shield.c: a library to preload, which sends what a program writes to copies, where a system allows no mount namespaces (run/scratch.h is the better way).
 *
 * $TENET_SHIELD names a folder of this trial's own; the folder around it stays shared, as do /proc, /sys, /dev and /run. Everything else that a program writes, makes, renames or removes by
 * libc's functions happens in a layer in that folder (shield_paths.c), and what it reads, lists and asks for is as if it had happened. Without the variable nothing is different.
 *
 * It does not see: system calls that do not go through libc's functions (Go programs, static ones, io_uring); libc's own inner calls in other functions than those below (glob, ftw, scandir in C,
 * dlopen, exec of a program that the trial itself has written); files that were open before; memory mapped from them. It stands for ordinary scripts, shells and C programs,
 * and is no protection against a program that means harm. Sockets, devices and extended attributes are left alone. A file that is in use under one name is copied, so links to it part.
 *
 * No state: the environment and the layer are all there is. Every function keeps the contract of its namesake. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "shield/shield_paths.h"

#define PUBLIC __attribute__((visibility("default")))

/* ---- opening ---- */

static bool writes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
}

static int open_at(int directory, const char *name, int flags, mode_t mode)
{
    tn_spot spot;
    bool exclusive = (flags & O_CREAT) && (flags & O_EXCL), nameless = (flags & O_TMPFILE) == O_TMPFILE;
    tn_shield_answer answer = tn_shield_find(directory, name, !(flags & O_NOFOLLOW) && !exclusive, &spot);
    if (answer != TN_SHIELD_FOUND)
        return answer == TN_SHIELD_PASS ? (int)syscall(SYS_openat, directory, name, flags, mode) : -1;
    bool exists = spot.about.st_mode != 0, is_folder = S_ISDIR(spot.about.st_mode);
    const char *target = spot.now;
    if (is_folder && !(flags & O_PATH) && (nameless || spot.in_layer)) {
        if (tn_shield_fill(spot.path) != 0)
            return -1;
        target = spot.upper;
    } else if (writes(flags) && !is_folder && !(flags & O_PATH)) {
        if (exists && exclusive)
            errno = EEXIST;
        if (!exists && !(flags & O_CREAT))
            errno = ENOENT;
        if (exists ? exclusive : !(flags & O_CREAT))
            return -1;
        bool is_plain = !exists || S_ISREG(spot.about.st_mode);
        if (exists && is_plain && !spot.in_layer && syscall(SYS_faccessat, AT_FDCWD, spot.now, W_OK) != 0)
            return -1;
        if (is_plain && (exists ? tn_shield_copy(&spot, !(flags & O_TRUNC)) : tn_shield_parent(&spot)) != 0)
            return -1;
        target = is_plain ? spot.upper : spot.now;
    } else if (!exists) {
        errno = ENOENT;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, target, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

#define DEFINE_OPEN(name, parameters, directory)                                                                                           \
    PUBLIC int name parameters                                                                                                             \
    {                                                                                                                                      \
        va_list arguments;                                                                                                                 \
        va_start(arguments, flags);                                                                                                        \
        mode_t mode = mode_of(flags, arguments);                                                                                           \
        va_end(arguments);                                                                                                                 \
        return open_at(directory, path, flags, mode);                                                                                      \
    }
DEFINE_OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
DEFINE_OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
DEFINE_OPEN(openat, (int at, const char *path, int flags, ...), at)
DEFINE_OPEN(openat64, (int at, const char *path, int flags, ...), at)

/* What programs built with checks call in their place. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);

PUBLIC int __open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

PUBLIC int __open64_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

PUBLIC int __openat_2(int at, const char *path, int flags)
{
    return open_at(at, path, flags, 0);
}

PUBLIC int __openat64_2(int at, const char *path, int flags)
{
    return open_at(at, path, flags, 0);
}

PUBLIC int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

PUBLIC int creat64(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* -1 where the mode is none. */
static int flags_of(const char *mode)
{
    int flags = mode[0] == 'r'   ? O_RDONLY
                : mode[0] == 'w' ? O_WRONLY | O_CREAT | O_TRUNC
                : mode[0] == 'a' ? O_WRONLY | O_CREAT | O_APPEND
                                 : -1;
    for (const char *at = mode + 1; flags >= 0 && mode[0] && *at && *at != ','; at++) {
        if (*at == '+')
            flags = (flags & ~O_ACCMODE) | O_RDWR;
        flags |= *at == 'x' ? O_EXCL : *at == 'e' ? O_CLOEXEC : 0;
    }
    return flags;
}

PUBLIC FILE *fopen(const char *path, const char *mode)
{
    int flags = flags_of(mode), kept;
    if (flags < 0)
        errno = EINVAL;
    int file = flags < 0 ? -1 : open_at(AT_FDCWD, path, flags, 0666);
    FILE *stream = file >= 0 ? fdopen(file, mode) : NULL;
    kept = errno;
    if (file >= 0 && !stream)
        close(file);
    errno = kept;
    return stream;
}

PUBLIC FILE *fopen64(const char *path, const char *mode)
{
    return fopen(path, mode);
}

typedef FILE *freopen_fn(const char *path, const char *mode, FILE *stream);

/* Of POSIX: the only way from an object's address to a function's. */
static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

PUBLIC FILE *freopen(const char *path, const char *mode, FILE *stream)
{
    tn_spot spot;
    void *found = next("freopen");
    freopen_fn *real;
    memcpy(&real, &found, sizeof real);
    /* Opened once to have it copied, then by its place. */
    int flags = path ? flags_of(mode) : -1;
    int file = flags >= 0 ? open_at(AT_FDCWD, path, flags & ~O_EXCL, 0666) : -1;
    if (file < 0 || tn_shield_find(AT_FDCWD, path, true, &spot) != TN_SHIELD_FOUND) {
        if (file >= 0)
            close(file);
        return real(path, mode, stream);
    }
    close(file);
    return real(spot.now, mode, stream);
}

PUBLIC FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
    return freopen(path, mode, stream);
}

/* ---- names that are made up ---- */

static int make_named(char *template, int suffix, int flags, bool folder)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strlen(template);
    char *at = template + length - (size_t)suffix - 6;
    if (suffix < 0 || length < (size_t)suffix + 6 || memcmp(at, "XXXXXX", 6) != 0) {
        errno = EINVAL;
        return -1;
    }
    for (int tries = 0; tries < 1000; tries++) {
        unsigned char random[6];
        if (syscall(SYS_getrandom, random, sizeof random, 0) != (long)sizeof random)
            return -1;
        for (size_t i = 0; i < 6; i++)
            at[i] = LETTERS[random[i] % (sizeof LETTERS - 1)];
        int made = folder ? mkdir(template, 0700) : open_at(AT_FDCWD, template, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (made >= 0 || errno != EEXIST)
            return made;
    }
    return -1;
}

PUBLIC int mkstemp(char *template)
{
    return make_named(template, 0, 0, false);
}

PUBLIC int mkstemp64(char *template)
{
    return make_named(template, 0, 0, false);
}

PUBLIC int mkostemp(char *template, int flags)
{
    return make_named(template, 0, flags, false);
}

PUBLIC int mkostemp64(char *template, int flags)
{
    return make_named(template, 0, flags, false);
}

PUBLIC int mkstemps(char *template, int suffix)
{
    return make_named(template, suffix, 0, false);
}

PUBLIC char *mkdtemp(char *template)
{
    return make_named(template, 0, 0, true) == 0 ? template : NULL;
}

/* ---- folders ---- */

PUBLIC DIR *opendir(const char *path)
{
    int folder = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), kept;
    DIR *entries = folder >= 0 ? fdopendir(folder) : NULL;
    kept = errno;
    if (folder >= 0 && !entries)
        close(folder);
    errno = kept;
    return entries;
}

typedef struct dirent *readdir_fn(DIR *entries);
typedef struct dirent64 *readdir64_fn(DIR *entries);

PUBLIC struct dirent *readdir(DIR *entries)
{
    void *found = next("readdir");
    readdir_fn *real;
    memcpy(&real, &found, sizeof real);
    struct dirent *entry;
    do
        entry = real(entries);
    while (entry && strcmp(entry->d_name, tn_shield_mark) == 0);
    return entry;
}

PUBLIC struct dirent64 *readdir64(DIR *entries)
{
    void *found = next("readdir64");
    readdir64_fn *real;
    memcpy(&real, &found, sizeof real);
    struct dirent64 *entry;
    do
        entry = real(entries);
    while (entry && strcmp(entry->d_name, tn_shield_mark) == 0);
    return entry;
}

/* Takes the mark out of a folder that is empty but for it. */
static int empty_folder(const tn_spot *spot, char mark[TN_SHIELD_PATH])
{
    if (tn_shield_fill(spot->path) != 0)
        return -1;
    if (snprintf(mark, TN_SHIELD_PATH, "%s/%s", spot->upper, tn_shield_mark) >= TN_SHIELD_PATH) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return (int)syscall(SYS_unlinkat, AT_FDCWD, mark, 0);
}

PUBLIC int mkdirat(int at, const char *path, mode_t mode)
{
    tn_spot spot;
    tn_shield_answer answer = tn_shield_find(at, path, false, &spot);
    if (answer != TN_SHIELD_FOUND)
        return answer == TN_SHIELD_PASS ? (int)syscall(SYS_mkdirat, at, path, mode) : -1;
    if (spot.about.st_mode != 0) {
        errno = EEXIST;
        return -1;
    }
    if (tn_shield_parent(&spot) != 0 || syscall(SYS_mkdirat, AT_FDCWD, spot.upper, mode) != 0)
        return -1;
    return tn_shield_set_mark(spot.upper);
}

PUBLIC int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

PUBLIC int chdir(const char *path)
{
    tn_spot spot;
    tn_shield_answer answer = tn_shield_find(AT_FDCWD, path, true, &spot);
    if (answer != TN_SHIELD_FOUND)
        return answer == TN_SHIELD_PASS ? (int)syscall(SYS_chdir, path) : -1;
    return (int)syscall(SYS_chdir, spot.now);
}

PUBLIC char *getcwd(char *buffer, size_t size)
{
    char inside[TN_SHIELD_PATH], text[TN_SHIELD_PATH];
    if (syscall(SYS_getcwd, inside, sizeof inside) < 0)
        return NULL;
    const char *path = tn_shield_outside(inside, text);
    size_t length = strlen(path) + 1;
    if (size < length && (buffer || size > 0)) {
        errno = ERANGE;
        return NULL;
    }
    if (!buffer)
        buffer = malloc(size > length ? size : length);
    return buffer ? memcpy(buffer, path, length) : NULL;
}

PUBLIC char *realpath(const char *path, char *resolved)
{
    tn_spot spot;
    void *found = next("realpath");
    char *(*real)(const char *, char *);
    memcpy(&real, &found, sizeof real);
    tn_shield_answer answer = tn_shield_find(AT_FDCWD, path, true, &spot);
    if (answer == TN_SHIELD_PASS)
        return real(path, resolved);
    if (answer == TN_SHIELD_FOUND && spot.about.st_mode == 0)
        errno = ENOENT;
    if (answer == TN_SHIELD_ERROR || spot.about.st_mode == 0)
        return NULL;
    return resolved ? strcpy(resolved, spot.path) : strdup(spot.path);
}

/* ---- names that go and come ---- */

PUBLIC int unlinkat(int at, const char *path, int flags)
{
    tn_spot spot;
    char mark[TN_SHIELD_PATH];
    tn_shield_answer answer = tn_shield_find(at, path, false, &spot);
    if (answer != TN_SHIELD_FOUND)
        return answer == TN_SHIELD_PASS ? (int)syscall(SYS_unlinkat, at, path, flags) : -1;
    if (spot.about.st_mode == 0)
        errno = ENOENT;
    if (spot.about.st_mode == 0 || tn_shield_parent(&spot) != 0)
        return -1;
    bool is_folder = S_ISDIR(spot.about.st_mode) && (flags & AT_REMOVEDIR);
    if (is_folder && empty_folder(&spot, mark) != 0)
        return -1;
    if (syscall(SYS_unlinkat, AT_FDCWD, spot.upper, flags) == 0)
        return 0;
    int kept = errno;
    if (is_folder)
        tn_shield_set_mark(spot.upper);
    errno = kept;
    return -1;
}

PUBLIC int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

PUBLIC int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

PUBLIC int remove(const char *path)
{
    int result = unlinkat(AT_FDCWD, path, 0);
    return result != 0 && (errno == EISDIR || errno == EPERM) ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : result;
}

PUBLIC int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    tn_spot old, new;
    char mark[TN_SHIELD_PATH];
    tn_shield_answer one = tn_shield_find(from_at, from, false, &old), other = tn_shield_find(to_at, to, false, &new);
    if (one == TN_SHIELD_ERROR || other == TN_SHIELD_ERROR)
        return -1;
    if (one == TN_SHIELD_PASS && other == TN_SHIELD_PASS)
        return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    /* Into the shared folder, or out of it, is as to another file system: programs copy then. */
    if (one != other)
        errno = EXDEV;
    else if (old.about.st_mode == 0)
        errno = ENOENT;
    if (one != other || old.about.st_mode == 0 || tn_shield_parent(&old) != 0 || tn_shield_parent(&new) != 0)
        return -1;
    if (S_ISDIR(old.about.st_mode) && tn_shield_fill_all(old.path) != 0)
        return -1;
    bool over_folder = flags == 0 && S_ISDIR(old.about.st_mode) && S_ISDIR(new.about.st_mode) && strcmp(old.path, new.path) != 0;
    if (over_folder && empty_folder(&new, mark) != 0)
        return -1;
    if (syscall(SYS_renameat2, AT_FDCWD, old.upper, AT_FDCWD, new.upper, flags) == 0)
        return 0;
    int kept = errno;
    if (over_folder)
        tn_shield_set_mark(new.upper);
    errno = kept;
    return -1;
}

PUBLIC int renameat(int from_at, const char *from, int to_at, const char *to)
{
    return renameat2(from_at, from, to_at, to, 0);
}

PUBLIC int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

PUBLIC int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    tn_spot old, new;
    if (flags & AT_EMPTY_PATH)
        return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    tn_shield_answer one = tn_shield_find(from_at, from, (flags & AT_SYMLINK_FOLLOW) != 0, &old),
                     other = tn_shield_find(to_at, to, false, &new);
    if (one == TN_SHIELD_ERROR || other == TN_SHIELD_ERROR)
        return -1;
    if (other == TN_SHIELD_PASS && one == TN_SHIELD_PASS)
        return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    if (one != other)
        errno = EXDEV;
    else if (old.about.st_mode == 0 || new.about.st_mode != 0)
        errno = old.about.st_mode == 0 ? ENOENT : EEXIST;
    if (one != other || old.about.st_mode == 0 || new.about.st_mode != 0 || tn_shield_copy(&old, true) != 0 || tn_shield_parent(&new) != 0)
        return -1;
    return (int)syscall(SYS_linkat, AT_FDCWD, old.upper, AT_FDCWD, new.upper, 0);
}

PUBLIC int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

PUBLIC int symlinkat(const char *target, int at, const char *path)
{
    tn_spot spot;
    tn_shield_answer answer = tn_shield_find(at, path, false, &spot);
    if (answer != TN_SHIELD_FOUND)
        return answer == TN_SHIELD_PASS ? (int)syscall(SYS_symlinkat, target, at, path) : -1;
    if (spot.about.st_mode != 0)
        errno = EEXIST;
    if (spot.about.st_mode != 0 || tn_shield_parent(&spot) != 0)
        return -1;
    return (int)syscall(SYS_symlinkat, target, AT_FDCWD, spot.upper);
}

PUBLIC int symlink(const char *target, const char *path)
{
    return symlinkat(target, AT_FDCWD, path);
}

/* ---- what files are like ---- */

/* For what changes a file that must be there: copies it. */
static tn_shield_answer find_to_change(int at, const char *path, bool follow, tn_spot *spot)
{
    tn_shield_answer answer = tn_shield_find(at, path, follow, spot);
    if (answer != TN_SHIELD_FOUND)
        return answer;
    if (spot->about.st_mode == 0)
        errno = ENOENT;
    return spot->about.st_mode == 0 || tn_shield_copy(spot, true) != 0 ? TN_SHIELD_ERROR : answer;
}

PUBLIC int truncate(const char *path, off_t length)
{
    tn_spot spot;
    tn_shield_answer answer = find_to_change(AT_FDCWD, path, true, &spot);
    return answer == TN_SHIELD_ERROR ? -1 : (int)syscall(SYS_truncate, answer == TN_SHIELD_PASS ? path : spot.upper, length);
}

PUBLIC int truncate64(const char *path, off64_t length)
{
    return truncate(path, length);
}

PUBLIC int fchmodat(int at, const char *path, mode_t mode, int flags)
{
    tn_spot spot;
    tn_shield_answer answer = find_to_change(at, path, !(flags & AT_SYMLINK_NOFOLLOW), &spot);
    if (answer == TN_SHIELD_FOUND && S_ISLNK(spot.about.st_mode)) {
        errno = EOPNOTSUPP;
        answer = TN_SHIELD_ERROR;
    }
    return answer == TN_SHIELD_ERROR  ? -1
           : answer == TN_SHIELD_PASS ? (int)syscall(SYS_fchmodat, at, path, mode)
                                      : (int)syscall(SYS_fchmodat, AT_FDCWD, spot.upper, mode);
}

PUBLIC int chmod(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, 0);
}

/* The name of an open file that is none of the layer's, for what changes a file without writing to it. */
static bool name_of_open(int file, char text[TN_SHIELD_PATH])
{
    char link_path[64], stripped[TN_SHIELD_PATH];
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", file);
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link_path, text, TN_SHIELD_PATH - 1);
    if (size <= 0 || text[0] != '/')
        return false;
    text[size] = '\0';
    return getenv("TENET_SHIELD") && tn_shield_outside(text, stripped) == text;
}

PUBLIC int fchmod(int file, mode_t mode)
{
    char path[TN_SHIELD_PATH];
    return name_of_open(file, path) ? chmod(path, mode) : (int)syscall(SYS_fchmod, file, mode);
}

PUBLIC int fchownat(int at, const char *path, uid_t user, gid_t group, int flags)
{
    tn_spot spot;
    tn_shield_answer answer = find_to_change(at, path, !(flags & AT_SYMLINK_NOFOLLOW), &spot);
    return answer == TN_SHIELD_ERROR  ? -1
           : answer == TN_SHIELD_PASS ? (int)syscall(SYS_fchownat, at, path, user, group, flags)
                                      : (int)syscall(SYS_fchownat, AT_FDCWD, spot.upper, user, group, AT_SYMLINK_NOFOLLOW);
}

PUBLIC int chown(const char *path, uid_t user, gid_t group)
{
    return fchownat(AT_FDCWD, path, user, group, 0);
}

PUBLIC int lchown(const char *path, uid_t user, gid_t group)
{
    return fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
}

PUBLIC int fchown(int file, uid_t user, gid_t group)
{
    char path[TN_SHIELD_PATH];
    return name_of_open(file, path) ? chown(path, user, group) : (int)syscall(SYS_fchown, file, user, group);
}

/* `path` NULL: of the open file `at`. The build keeps the compiler from taking the declaration of utimensat for a promise that this does not happen. */
static int change_times(int at, const char *path, const struct timespec *times, int flags)
{
    tn_spot spot;
    char name[TN_SHIELD_PATH];
    if (!path && !name_of_open(at, name))
        return (int)syscall(SYS_utimensat, at, NULL, times, flags);
    tn_shield_answer answer = find_to_change(at, path ? path : name, !(flags & AT_SYMLINK_NOFOLLOW), &spot);
    return answer == TN_SHIELD_ERROR  ? -1
           : answer == TN_SHIELD_PASS ? (int)syscall(SYS_utimensat, at, path, times, flags)
                                      : (int)syscall(SYS_utimensat, AT_FDCWD, spot.upper, times, AT_SYMLINK_NOFOLLOW);
}

PUBLIC int utimensat(int at, const char *path, const struct timespec times[2], int flags)
{
    return change_times(at, path, times, flags);
}

PUBLIC int futimens(int file, const struct timespec times[2])
{
    return change_times(file, NULL, times, 0);
}

PUBLIC int utimes(const char *path, const struct timeval times[2])
{
    struct timespec exact[2];
    for (size_t i = 0; times && i < 2; i++)
        exact[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    return change_times(AT_FDCWD, path, times ? exact : NULL, 0);
}
