/* shield_look.c: what a shielded program asks of files without changing them, in every form that a libc has had for it. See shield.c. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shield/shield_paths.h"

#define PUBLIC __attribute__((visibility("default")))

static int stat_at(int at, const char *path, struct stat *about, int flags)
{
    tn_spot spot;
    if (!path || !*path)
        return (int)syscall(SYS_newfstatat, at, path, about, flags);
    tn_shield_answer answer = tn_shield_find(at, path, !(flags & AT_SYMLINK_NOFOLLOW), &spot);
    if (answer == TN_SHIELD_PASS)
        return (int)syscall(SYS_newfstatat, at, path, about, flags);
    if (answer == TN_SHIELD_FOUND && spot.about.st_mode == 0)
        errno = ENOENT;
    if (answer == TN_SHIELD_ERROR || spot.about.st_mode == 0)
        return -1;
    memcpy(about, &spot.about, sizeof *about);
    return 0;
}

PUBLIC int fstatat(int at, const char *path, struct stat *about, int flags)
{
    return stat_at(at, path, about, flags);
}

PUBLIC int stat(const char *path, struct stat *about)
{
    return stat_at(AT_FDCWD, path, about, 0);
}

PUBLIC int lstat(const char *path, struct stat *about)
{
    return stat_at(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

/* Where off_t has 64 bits the two structures are one. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "the shield is for systems of 64 bits");

static int stat64_at(int at, const char *path, struct stat64 *about, int flags)
{
    struct stat found;
    int result = stat_at(at, path, &found, flags);
    if (result == 0)
        memcpy(about, &found, sizeof found);
    return result;
}

PUBLIC int fstatat64(int at, const char *path, struct stat64 *about, int flags)
{
    return stat64_at(at, path, about, flags);
}

PUBLIC int stat64(const char *path, struct stat64 *about)
{
    return stat64_at(AT_FDCWD, path, about, 0);
}

PUBLIC int lstat64(const char *path, struct stat64 *about)
{
    return stat64_at(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

/* What programs built against a libc before 2.33 call. */
int __xstat(int version, const char *path, struct stat *about);
int __lxstat(int version, const char *path, struct stat *about);
int __fxstatat(int version, int at, const char *path, struct stat *about, int flags);
int __xstat64(int version, const char *path, struct stat64 *about);
int __lxstat64(int version, const char *path, struct stat64 *about);
int __fxstatat64(int version, int at, const char *path, struct stat64 *about, int flags);

PUBLIC int __xstat(int version, const char *path, struct stat *about)
{
    (void)version;
    return stat_at(AT_FDCWD, path, about, 0);
}

PUBLIC int __lxstat(int version, const char *path, struct stat *about)
{
    (void)version;
    return stat_at(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

PUBLIC int __fxstatat(int version, int at, const char *path, struct stat *about, int flags)
{
    (void)version;
    return stat_at(at, path, about, flags);
}

PUBLIC int __xstat64(int version, const char *path, struct stat64 *about)
{
    (void)version;
    return stat64_at(AT_FDCWD, path, about, 0);
}

PUBLIC int __lxstat64(int version, const char *path, struct stat64 *about)
{
    (void)version;
    return stat64_at(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

PUBLIC int __fxstatat64(int version, int at, const char *path, struct stat64 *about, int flags)
{
    (void)version;
    return stat64_at(at, path, about, flags);
}

/* Where `path` is now, for a call that takes one; NULL with errno where it is not there, or the path itself where it is none of ours. *at becomes AT_FDCWD where it is ours. */
static const char *now_of(int *at, const char *path, bool follow, tn_spot *spot)
{
    if (!path || !*path)
        return path;
    tn_shield_answer answer = tn_shield_find(*at, path, follow, spot);
    if (answer == TN_SHIELD_PASS)
        return path;
    if (answer == TN_SHIELD_FOUND && spot->about.st_mode == 0)
        errno = ENOENT;
    if (answer == TN_SHIELD_ERROR || spot->about.st_mode == 0)
        return NULL;
    *at = AT_FDCWD;
    return spot->now;
}

PUBLIC int statx(int at, const char *path, int flags, unsigned mask, struct statx *about)
{
    tn_spot spot;
    const char *now = now_of(&at, path, !(flags & AT_SYMLINK_NOFOLLOW), &spot);
    return now ? (int)syscall(SYS_statx, at, now, flags, mask, about) : -1;
}

PUBLIC int faccessat(int at, const char *path, int mode, int flags)
{
    tn_spot spot;
    const char *now = now_of(&at, path, !(flags & AT_SYMLINK_NOFOLLOW), &spot);
    if (!now)
        return -1;
    /* The call with flags came with Linux 5.8. */
    int result = flags ? (int)syscall(SYS_faccessat2, at, now, mode, flags) : -1;
    return flags && (result == 0 || errno != ENOSYS) ? result : (int)syscall(SYS_faccessat, at, now, mode);
}

PUBLIC int access(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, 0);
}

PUBLIC int euidaccess(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

PUBLIC int eaccess(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

PUBLIC ssize_t readlinkat(int at, const char *path, char *buffer, size_t size)
{
    tn_spot spot;
    const char *now = now_of(&at, path, false, &spot);
    return now ? syscall(SYS_readlinkat, at, now, buffer, size) : -1;
}

PUBLIC ssize_t readlink(const char *path, char *buffer, size_t size)
{
    return readlinkat(AT_FDCWD, path, buffer, size);
}
