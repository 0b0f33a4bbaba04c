/* shield_paths.c: see shield_paths.h. An overlay in user space, by system calls alone: libc's own functions are the ones that shield.c stands in for.
 *
 * $TENET_SHIELD is the folder of the layer. FOLDER/file has its place at LAYER/FOLDER/file. A folder of the layer either holds a mark, and then all that the program may see in that
 * folder has its place there; or it does not, and what is missing in it is looked up where the user has it. A folder is filled before a name in it is made or removed, so nothing
 * has to remember what was removed. A file of the user's that was not changed stands in a filled folder as a small file with the mode MARKER that holds its path: to rename it costs no
 * copy of it. */
#include "shield/shield_paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MARKER = S_ISVTX | S_IRUSR, LINKS_MAX = 40, DEPTH_MAX = 64 };

const char tn_shield_mark[] = ".tenet-all";

static int sys_stat(const char *path, struct stat *about)
{
    return (int)syscall(SYS_newfstatat, AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

static int sys_open(const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static int sys_mkdir(const char *path, mode_t mode)
{
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static bool is_within(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static const char *layer(void)
{
    const char *folder = getenv("TENET_SHIELD");
    return folder && folder[0] == '/' && folder[1] ? folder : NULL;
}

/* Devices, sockets and the like, and the folder around the layer, which is shared with tenet. */
static bool is_shared(const char *path)
{
    static const char *const SHARED[] = {"/proc", "/sys", "/dev", "/run", "/var/run"};
    char around[TN_SHIELD_PATH];
    for (size_t i = 0; i < sizeof SHARED / sizeof *SHARED; i++) {
        if (is_within(path, SHARED[i]))
            return true;
    }
    if (snprintf(around, sizeof around, "%s", layer()) >= (int)sizeof around)
        return false;
    char *slash = strrchr(around, '/');
    *slash = '\0';
    return around[0] && is_within(path, around);
}

static int join(char text[TN_SHIELD_PATH], const char *first, const char *second, const char *third)
{
    if (snprintf(text, TN_SHIELD_PATH, "%s%s%s", first, second, third) < TN_SHIELD_PATH)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

const char *tn_shield_outside(const char *path, char text[TN_SHIELD_PATH])
{
    const char *folder = layer();
    if (!folder || !is_within(path, folder))
        return path;
    const char *rest = path + strlen(folder);
    snprintf(text, TN_SHIELD_PATH, "%s", *rest ? rest : "/");
    return text;
}

static bool is_full(const char *upper)
{
    char mark[TN_SHIELD_PATH];
    struct stat about;
    return join(mark, upper, "/", tn_shield_mark) == 0 && sys_stat(mark, &about) == 0;
}

/* The user's file that a marker stands for, or the place itself. */
static void read_marker(tn_spot *spot)
{
    int file = sys_open(spot->upper, O_RDONLY | O_NOFOLLOW, 0);
    ssize_t size = file >= 0 ? read(file, spot->now, sizeof spot->now - 1) : -1;
    if (file >= 0)
        close(file);
    if (size <= 0) {
        memcpy(spot->now, spot->upper, sizeof spot->now);
        return;
    }
    spot->now[size] = '\0';
    spot->in_layer = false;
    if (sys_stat(spot->now, &spot->about) != 0)
        spot->about.st_mode = 0;
}

/* spot->path leads through no link: fills in the rest. */
static int locate(tn_spot *spot)
{
    const char *folder = layer();
    size_t start = strlen(folder), end = start;
    if (join(spot->upper, folder, strcmp(spot->path, "/") == 0 ? "" : spot->path, "") != 0)
        return -1;
    spot->in_layer = true;
    /* Down the layer, as far as there is one. */
    for (;;) {
        char kept = spot->upper[end];
        spot->upper[end] = '\0';
        bool exists = sys_stat(spot->upper, &spot->about) == 0;
        if (!exists) {
            char *slash = strrchr(spot->upper, '/');
            *slash = '\0';
            spot->in_layer = is_full(spot->upper);
            *slash = '/';
        }
        spot->upper[end] = kept;
        if (!exists || !kept)
            break;
        end += strcspn(spot->upper + end + 1, "/") + 1;
    }
    bool exists = spot->in_layer && !spot->upper[end] && sys_stat(spot->upper, &spot->about) == 0;
    memcpy(spot->now, spot->in_layer ? spot->upper : spot->path, sizeof spot->now);
    if (!exists && (spot->in_layer || sys_stat(spot->now, &spot->about) != 0))
        spot->about.st_mode = 0;
    if (exists && S_ISREG(spot->about.st_mode) && (spot->about.st_mode & 07777) == MARKER)
        read_marker(spot);
    return 0;
}

/* Where `directory` and `name` begin, as the program knows it. */
static int absolute(int directory, const char *name, char text[TN_SHIELD_PATH])
{
    char link[64], base[TN_SHIELD_PATH], stripped[TN_SHIELD_PATH];
    if (name[0] == '/')
        return join(text, name, "", "");
    if (directory == AT_FDCWD) {
        if (syscall(SYS_getcwd, base, sizeof base) < 0)
            return -1;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
        if (size < 0)
            errno = EBADF;
        if (size < 0)
            return -1;
        base[size] = '\0';
    }
    return join(text, tn_shield_outside(base, stripped), "/", name);
}

/* Puts what a link says before what is left of the path. */
static int follow_link(tn_spot *spot, char left[TN_SHIELD_PATH])
{
    char target[TN_SHIELD_PATH], rest[TN_SHIELD_PATH], stripped[TN_SHIELD_PATH];
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, spot->now, target, sizeof target - 1);
    if (size < 0)
        return -1;
    target[size] = '\0';
    memcpy(rest, left, sizeof rest);
    if (target[0] == '/')
        spot->path[0] = '\0';
    else
        *strrchr(spot->path, '/') = '\0';
    return join(left, tn_shield_outside(target, stripped), "/", rest);
}

tn_shield_answer tn_shield_find(int directory, const char *name, bool follow, tn_spot *spot)
{
    char text[TN_SHIELD_PATH], stripped[TN_SHIELD_PATH], left[TN_SHIELD_PATH];
    int links = 0, kept_errno = errno;
    if (!layer() || !name || !*name)
        return TN_SHIELD_PASS;
    if (absolute(directory, name, text) != 0 || join(left, tn_shield_outside(text, stripped), "", "") != 0)
        return TN_SHIELD_ERROR;
    if (is_shared(left))
        return TN_SHIELD_PASS;
    size_t length = strlen(left);
    bool wants_folder = length > 1 && left[length - 1] == '/';
    spot->path[0] = '\0';
    for (char *at = left; *at;) {
        char part[NAME_MAX + 2];
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (size == 0)
            break;
        if (size > NAME_MAX || strlen(spot->path) + size + 2 > sizeof spot->path) {
            errno = ENAMETOOLONG;
            return TN_SHIELD_ERROR;
        }
        memcpy(part, at, size);
        part[size] = '\0';
        at += size;
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            char *slash = strrchr(spot->path, '/');
            if (slash)
                *slash = '\0';
            continue;
        }
        strcat(strcat(spot->path, "/"), part);
        if (locate(spot) != 0)
            return TN_SHIELD_ERROR;
        bool is_last = at[strspn(at, "/")] == '\0';
        if (!S_ISLNK(spot->about.st_mode) || (is_last && !follow && !wants_folder))
            continue;
        memmove(left, at, strlen(at) + 1);
        if (++links > LINKS_MAX)
            errno = ELOOP;
        if (links > LINKS_MAX || follow_link(spot, left) != 0)
            return TN_SHIELD_ERROR;
        at = left;
    }
    if (!spot->path[0])
        strcpy(spot->path, "/");
    errno = kept_errno;
    if (is_shared(spot->path))
        return TN_SHIELD_PASS;
    return locate(spot) == 0 ? TN_SHIELD_FOUND : TN_SHIELD_ERROR;
}

/* The folder of the layer for `path`, and all above it, with the modes of the user's. */
static int make_folders(const char *path)
{
    char upper[TN_SHIELD_PATH], real[TN_SHIELD_PATH];
    struct stat about;
    if (join(upper, layer(), path, "") != 0 || join(real, path, "", "") != 0)
        return -1;
    size_t start = strlen(layer());
    for (size_t end = start + 1; start + 1 < strlen(upper) && end <= strlen(upper); end++) {
        char kept = upper[end];
        if (kept != '/' && kept != '\0')
            continue;
        upper[end] = real[end - start] = '\0';
        if (sys_stat(upper, &about) != 0) {
            if (sys_stat(real, &about) != 0)
                return -1;
            /* The layer must be able to fill it. */
            if (sys_mkdir(upper, (about.st_mode & 07777) | S_IRWXU) != 0 && errno != EEXIST)
                return -1;
        }
        upper[end] = kept;
        real[end - start] = kept;
    }
    return 0;
}

static int copy_contents(const char *from, const char *to, const struct stat *about, bool with_contents)
{
    char piece[1 << 14], fresh[TN_SHIELD_PATH];
    ssize_t got = 0;
    if (join(fresh, to, ".tenet-new", "") != 0)
        return -1;
    int in = with_contents ? sys_open(from, O_RDONLY, 0) : -1;
    int out = in >= 0 || !with_contents ? sys_open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    while (in >= 0 && out >= 0 && (got = read(in, piece, sizeof piece)) > 0) {
        if (write(out, piece, (size_t)got) != got) {
            got = -1;
            break;
        }
    }
    int kept = errno;
    if (out >= 0 && got == 0) {
        syscall(SYS_fchmod, out, about->st_mode & 07777);
        if (syscall(SYS_renameat2, AT_FDCWD, fresh, AT_FDCWD, to, 0) != 0)
            got = -1;
        kept = errno;
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    errno = kept;
    return out >= 0 && got == 0 ? 0 : -1;
}

int tn_shield_copy(tn_spot *spot, bool with_contents)
{
    char above[TN_SHIELD_PATH];
    if (spot->in_layer)
        return 0;
    if (S_ISDIR(spot->about.st_mode))
        return make_folders(spot->path);
    if (S_ISLNK(spot->about.st_mode))
        return tn_shield_parent(spot);
    if (!S_ISREG(spot->about.st_mode)) {
        errno = EPERM;
        return -1;
    }
    memcpy(above, spot->path, sizeof above);
    *strrchr(above, '/') = '\0';
    if (make_folders(above) != 0 || copy_contents(spot->now, spot->upper, &spot->about, with_contents) != 0)
        return -1;
    memcpy(spot->now, spot->upper, sizeof spot->now);
    spot->in_layer = true;
    return 0;
}

static int put_marker(const char *upper, const char *real)
{
    int file = sys_open(upper, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0)
        return errno == EEXIST ? 0 : -1;
    bool fine = write(file, real, strlen(real)) == (ssize_t)strlen(real) && syscall(SYS_fchmod, file, MARKER) == 0;
    close(file);
    return fine ? 0 : -1;
}

/* One name of the user's folder, unless the layer has it. */
static int put_entry(const char *real, const char *upper)
{
    struct stat about, there;
    char target[TN_SHIELD_PATH];
    if (sys_stat(upper, &there) == 0 || sys_stat(real, &about) != 0)
        return 0;
    if (S_ISDIR(about.st_mode))
        return sys_mkdir(upper, (about.st_mode & 07777) | S_IRWXU);
    if (S_ISREG(about.st_mode))
        return put_marker(upper, real);
    ssize_t size = S_ISLNK(about.st_mode) ? syscall(SYS_readlinkat, AT_FDCWD, real, target, sizeof target - 1) : -1;
    if (size >= 0)
        target[size] = '\0';
    return (int)syscall(SYS_symlinkat, size >= 0 ? target : real, AT_FDCWD, upper);
}

int tn_shield_set_mark(const char *upper)
{
    char mark[TN_SHIELD_PATH];
    if (join(mark, upper, "/", tn_shield_mark) != 0)
        return -1;
    int file = sys_open(mark, O_WRONLY | O_CREAT, 0600);
    if (file >= 0)
        close(file);
    return file >= 0 ? 0 : -1;
}

/* Calls `fn` with each name in a folder, but "." and "..". */
static int each_name(const char *folder, int (*fn)(const char *name, void *context), void *context)
{
    int opened = sys_open(folder, O_RDONLY | O_DIRECTORY, 0), result = 0;
    DIR *entries = opened >= 0 ? fdopendir(opened) : NULL;
    if (!entries) {
        if (opened >= 0)
            close(opened);
        return -1;
    }
    for (struct dirent *entry; result == 0 && (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = fn(entry->d_name, context);
    }
    closedir(entries);
    return result;
}

typedef struct pair {
    const char *real, *upper;
} pair;

static int put_name(const char *name, void *context)
{
    const pair *folders = context;
    char real[TN_SHIELD_PATH], upper[TN_SHIELD_PATH];
    if (join(real, strcmp(folders->real, "/") == 0 ? "" : folders->real, "/", name) != 0 || join(upper, folders->upper, "/", name) != 0)
        return -1;
    return is_shared(real) ? 0 : put_entry(real, upper);
}

int tn_shield_fill(const char *path)
{
    char upper[TN_SHIELD_PATH];
    if (make_folders(path) != 0 || join(upper, layer(), strcmp(path, "/") == 0 ? "" : path, "") != 0)
        return -1;
    if (is_full(upper))
        return 0;
    pair folders = {path, upper};
    return each_name(path, put_name, &folders) == 0 ? tn_shield_set_mark(upper) : -1;
}

typedef struct descent {
    const char *path;
    int depth;
} descent;

static int fill_below(const char *path, int depth);

static int fill_name(const char *name, void *context)
{
    const descent *at = context;
    char child[TN_SHIELD_PATH], upper[TN_SHIELD_PATH];
    struct stat about;
    if (join(child, at->path, "/", name) != 0 || join(upper, layer(), child, "") != 0)
        return -1;
    return sys_stat(upper, &about) == 0 && S_ISDIR(about.st_mode) ? fill_below(child, at->depth + 1) : 0;
}

static int fill_below(const char *path, int depth)
{
    char upper[TN_SHIELD_PATH];
    if (depth > DEPTH_MAX)
        errno = EXDEV;
    if (depth > DEPTH_MAX || tn_shield_fill(path) != 0 || join(upper, layer(), path, "") != 0)
        return -1;
    descent at = {path, depth};
    return each_name(upper, fill_name, &at);
}

int tn_shield_fill_all(const char *path)
{
    return fill_below(path, 0);
}

int tn_shield_parent(const tn_spot *spot)
{
    tn_spot parent;
    memcpy(parent.path, spot->path, sizeof parent.path);
    char *slash = strrchr(parent.path, '/');
    slash[slash == parent.path] = '\0';
    if (locate(&parent) != 0)
        return -1;
    if (!S_ISDIR(parent.about.st_mode)) {
        errno = parent.about.st_mode ? ENOTDIR : ENOENT;
        return -1;
    }
    return tn_shield_fill(parent.path);
}
