/* scratch.c: see scratch.h. Sources: mount_namespaces(7), user_namespaces(7), mount(2), Documentation/filesystems/overlayfs.rst.
 *
 * How a folder is covered: an overlay with the folder itself as its lower layer is mounted on it, and what was mounted below it is bound there again. "/" is covered like any
 * other, and the process then takes the overlay as its root. In a user namespace that is not possible: there mounts are locked to what they lie on, so "/" and every folder
 * with a mount below it is walked, its folders are covered one by one, and what lies directly in it becomes read-only. Lower layers are named as /proc/self/fd/N, which needs
 * no escaping and has no limit of length. */
#include "run/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/scratch_files.h"
#include "run/scratch_mounts.h"
#include "run/scratch_own.h"

enum { PATH_BYTES = 4096, DEPTH_MAX = 64 };

typedef struct work {
    const char *folder;     /* that stays shared */
    int folder_descriptor;  /* of it, in the new namespace */
    int upper;              /* of the file system in memory that holds all upper layers */
    size_t layers;          /* made in it */
    bool in_user_namespace; /* a user's, with a part of root's rights */
    bool locked;            /* made just now: its mounts cannot be parted from what they lie on */
    size_t options;         /* of an overlay, which were accepted last */
    char *directory;        /* the working one */
    tn_mounts mounts;
    tn_scratch done;
    tn_error *error;
} work;

static tn_status refuse(work *w, const char *what, const char *where, int number)
{
    return tn_fail(w->error, TN_ERROR_UNSUPPORTED, "%s %s: %s; trials cannot be isolated by a mount namespace here", what, where,
                   strerror(number));
}

static bool write_text(const char *path, const char *text)
{
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool wrote = write(descriptor, text, strlen(text)) == (ssize_t)strlen(text);
    close(descriptor);
    return wrote;
}

/* The first user namespace maps every id to itself. */
static bool in_first_user_namespace(void)
{
    char text[64] = "";
    unsigned long inside = 1, outside = 1, count = 0;
    int descriptor = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return true;
    ssize_t size = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    return size > 0 && sscanf(text, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 && count == 4294967295UL;
}

/* A mount namespace; for who may not make one, within a user namespace where the user is the same one. */
static tn_status enter_namespace(work *w)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    char map[64];
    if (unshare(CLONE_NEWNS) != 0) {
        if (errno != EPERM)
            return refuse(w, "unshare", "(mount namespace)", errno);
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return refuse(w, "unshare", "(user namespace)", errno);
        write_text("/proc/self/setgroups", "deny"); /* not there before Linux 3.19, and not needed then */
        snprintf(map, sizeof map, "%u %u 1", (unsigned)user, (unsigned)user);
        bool mapped = write_text("/proc/self/uid_map", map);
        snprintf(map, sizeof map, "%u %u 1", (unsigned)group, (unsigned)group);
        if (!mapped || !write_text("/proc/self/gid_map", map))
            return refuse(w, "writing", "/proc/self/uid_map or gid_map", errno);
        w->locked = true;
    }
    w->in_user_namespace = !in_first_user_namespace();
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return refuse(w, "making the mounts private under", "/", errno);
    return TN_OK;
}

/* The file system that holds the upper layers. It lies over the shared folder for as long as this takes; later only the overlays hold it. */
static tn_status mount_upper(work *w)
{
    w->folder_descriptor = open(w->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w->folder_descriptor < 0)
        return refuse(w, "opening", w->folder, errno);
    if (mount("tenet", w->folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
        return refuse(w, "mounting a tmpfs on", w->folder, errno);
    w->upper = open(w->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return w->upper >= 0 ? TN_OK : refuse(w, "opening", w->folder, errno);
}

/* The root of an overlay has the owner and mode of its upper layer's root. */
static void copy_owner(int upper, const char *name, int lower)
{
    struct stat status;
    if (fstat(lower, &status) != 0)
        return;
    /* Owners outside of a user namespace have no number in it; the folder is the user's then. */
    if (fchownat(upper, name, status.st_uid, status.st_gid, 0) != 0)
        (void)errno;
    if (fchmodat(upper, name, status.st_mode & 07777, 0) != 0)
        (void)errno;
}

/* Lays an overlay with a fresh upper layer over `path`, which `lower` refers to. 0 or errno. */
static int mount_overlay(work *w, int lower, const char *path, const char *target)
{
    /* A user's overlay keeps its marks in other attributes. Without them a folder that was removed cannot be made again, but all else works. */
    static const char *const OPTIONS[2][2] = {{",redirect_dir=on,index=off", ""}, {",userxattr,index=off", ",index=off"}};
    char top[32], work_name[32], options[256];
    size_t layer = w->layers++;
    snprintf(top, sizeof top, "u%zu", layer);
    snprintf(work_name, sizeof work_name, "w%zu", layer);
    if (mkdirat(w->upper, top, 0755) != 0 || mkdirat(w->upper, work_name, 0700) != 0)
        return errno;
    copy_owner(w->upper, top, lower);
    if (w->in_user_namespace && geteuid() != 0)
        tn_own_prepare(w->upper, top, path, w->directory, &w->mounts);
    int failure = EINVAL;
    for (size_t i = w->options; i < 2 && failure == EINVAL; i++) {
        snprintf(options, sizeof options, "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d/%s,workdir=/proc/self/fd/%d/%s%s", lower,
                 w->upper, top, w->upper, work_name, OPTIONS[w->in_user_namespace][i]);
        failure = mount("tenet", target, "overlay", MS_NOSUID * (geteuid() != 0), options) == 0 ? 0 : errno;
        if (failure == 0)
            w->options = i;
    }
    w->done.overlays += failure == 0;
    return failure;
}

/* Flags of a mount that must be repeated when it is made read-only, since some of them cannot be taken away. */
static unsigned long mount_flags(const char *path)
{
    static const unsigned long FLAGS[][2] = {{ST_NOSUID, MS_NOSUID},   {ST_NODEV, MS_NODEV},           {ST_NOEXEC, MS_NOEXEC},
                                             {ST_NOATIME, MS_NOATIME}, {ST_NODIRATIME, MS_NODIRATIME}, {ST_RELATIME, MS_RELATIME}};
    struct statvfs status;
    unsigned long flags = 0;
    if (statvfs(path, &status) != 0)
        return 0;
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++)
        flags |= status.f_flag & FLAGS[i][0] ? FLAGS[i][1] : 0;
    return flags;
}

static tn_status make_read_only(work *w, const char *path)
{
    if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) != 0 ||
        mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | mount_flags(path), NULL) != 0)
        return refuse(w, "making read-only", path, errno);
    if (w->done.read_only++ == 0)
        snprintf(w->done.first_of, sizeof w->done.first_of, "%s", path);
    return TN_OK;
}

static tn_status bind_descriptor(work *w, int descriptor, const char *target, unsigned long recursive)
{
    char source[64];
    snprintf(source, sizeof source, "/proc/self/fd/%d", descriptor);
    return mount(source, target, NULL, MS_BIND | recursive, NULL) == 0 ? TN_OK : refuse(w, "binding again", target, errno);
}

/* What is mounted directly below a folder, which its overlay hides. -1 where an index of `held` is none of these. */
static tn_status hold_mounts_below(work *w, const char *path, int *held)
{
    for (size_t i = 0; i < w->mounts.count; i++)
        held[i] = -1;
    for (size_t i = 0; i < w->mounts.count; i++) {
        if (!tn_mounts_next_below(&w->mounts, i, path))
            continue;
        held[i] = open(w->mounts.items[i].path, O_PATH | O_CLOEXEC);
        if (held[i] < 0)
            return refuse(w, "opening", w->mounts.items[i].path, errno);
    }
    return TN_OK;
}

/* The overlay, which is mounted under `prefix` still, becomes the root. */
static tn_status take_root(work *w, const char *prefix)
{
    if (chdir(prefix) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
        return refuse(w, "taking as root", prefix, errno);
    return TN_OK;
}

/* The overlay, and what was mounted below. *failure: errno where no overlay can be laid; nothing has changed then. */
static tn_status cover_whole(work *w, const char *path, int *failure)
{
    bool is_root = strcmp(path, "/") == 0;
    char prefix[64] = "", target[PATH_BYTES];
    int *held = malloc((w->mounts.count + 1) * sizeof *held);
    if (!held)
        return tn_fail_memory(w->error, w->mounts.count * sizeof *held);
    tn_status status = hold_mounts_below(w, path, held);
    int lower = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *failure = lower < 0 ? errno : 0;
    if (is_root) {
        snprintf(prefix, sizeof prefix, "/proc/self/fd/%d/root", w->upper);
        if (mkdirat(w->upper, "root", 0755) != 0 && errno != EEXIST)
            *failure = errno;
    }
    if (status == TN_OK && *failure == 0)
        *failure = mount_overlay(w, lower, path, is_root ? prefix : path);
    for (size_t i = 0; i < w->mounts.count && status == TN_OK && *failure == 0; i++) {
        if (held[i] < 0)
            continue;
        int length = snprintf(target, sizeof target, "%s%s", prefix, w->mounts.items[i].path);
        if (length >= (int)sizeof target)
            status = refuse(w, "binding again", path, ENAMETOOLONG);
        else
            status = bind_descriptor(w, held[i], target, MS_REC);
    }
    if (status == TN_OK && *failure == 0 && is_root)
        status = take_root(w, prefix);
    for (size_t i = 0; i < w->mounts.count; i++) {
        if (held[i] >= 0)
            close(held[i]);
    }
    if (lower >= 0)
        close(lower);
    free(held);
    return status;
}

static tn_status cover(work *w, const char *path, int depth);

/* The folders in `path` that are no mounts, one by one. */
static tn_status cover_each(work *w, const char *path, int depth)
{
    tn_status status = TN_OK;
    bool is_root = strcmp(path, "/") == 0;
    if (!is_root && access(path, W_OK) == 0)
        status = make_read_only(w, path);
    DIR *folder = opendir(path);
    if (!folder)
        return status; /* what cannot be listed cannot be walked; its parent's rights protect it */
    struct dirent *entry;
    while (status == TN_OK && (entry = readdir(folder))) {
        char child[PATH_BYTES];
        struct stat about;
        int length = snprintf(child, sizeof child, "%s/%s", is_root ? "" : path, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || length >= (int)sizeof child)
            continue;
        if (lstat(child, &about) != 0 || !S_ISDIR(about.st_mode) || tn_path_shared(child) ||
            tn_mounts_find(&w->mounts, child) < w->mounts.count)
            continue;
        status = cover(w, child, depth + 1);
    }
    closedir(folder);
    return status;
}

static tn_status cover(work *w, const char *path, int depth)
{
    int failure = 0;
    if (access(path, X_OK) != 0 || strcmp(path, w->folder) == 0)
        return TN_OK;
    /* Where mounts are locked the kernel refuses the overlay, and takes a millisecond for it. */
    bool may_part = depth < DEPTH_MAX && tn_mounts_any_below(&w->mounts, path);
    if (w->locked && may_part)
        return cover_each(w, path, depth);
    tn_status status = cover_whole(w, path, &failure);
    if (status != TN_OK || failure == 0)
        return status;
    if (failure == EINVAL && w->in_user_namespace && may_part)
        return cover_each(w, path, depth);
    /* Another file system than the root's, which cannot be a lower layer (vfat, some network ones), and that the program does not run in. */
    size_t index = tn_mounts_find(&w->mounts, path);
    if (index > 0 && index < w->mounts.count && !tn_path_within(w->directory, path))
        return make_read_only(w, path);
    return refuse(w, "an overlay on", path, failure);
}

static tn_status cover_all(work *w)
{
    tn_status status = TN_OK;
    for (size_t i = 0; i < w->mounts.count && status == TN_OK; i++) {
        const tn_mount *item = &w->mounts.items[i];
        if (!item->writable || tn_path_within(item->path, w->folder))
            continue;
        if (item->folder)
            status = cover(w, item->path, 0);
        else if (access(item->path, W_OK) == 0)
            status = make_read_only(w, item->path);
    }
    /* Alone: the file system of the upper layers lies on it. */
    if (status == TN_OK)
        status = bind_descriptor(w, w->folder_descriptor, w->folder, 0);
    if (status == TN_OK && chdir(w->directory) != 0)
        status = refuse(w, "entering again", w->directory, errno);
    return status;
}

/* A user keeps, of the rights in the user namespace, what a forked child needs to get a layer of its own (an overlay's work folder has mode 0), also after exec; no others, so
 * that permissions hold as they did. These rights reach no file of another user. */
static void keep_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    const unsigned kept = 1U << CAP_SYS_ADMIN | 1U << CAP_SYS_CHROOT | 1U << CAP_DAC_OVERRIDE;
    data[0].effective = data[0].permitted = data[0].inheritable = kept;
    if (syscall(SYS_capset, &header, data) != 0)
        return;
    for (unsigned long right = 0; right < 32; right++) {
        if (kept & 1U << right)
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, right, 0, 0);
    }
}

tn_status tn_scratch_begin(const char *folder, tn_scratch *scratch, tn_error *error)
{
    work w = {.folder = folder, .folder_descriptor = -1, .upper = -1, .error = error};
    tn_open_files files = {0};
    if (folder[0] != '/' || strlen(folder) < 2)
        return tn_fail(error, TN_ERROR_USAGE, "the shared folder \"%s\" is not an absolute path below /", folder);
    w.directory = getcwd(NULL, 0);
    if (!w.directory)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "the working directory has no path: %s", strerror(errno));
    tn_status status = tn_open_files_read(&files, folder, error);
    if (status == TN_OK)
        status = enter_namespace(&w);
    if (status == TN_OK)
        status = tn_mounts_read(&w.mounts, error);
    if (status == TN_OK)
        status = mount_upper(&w);
    if (status == TN_OK)
        status = cover_all(&w);
    if (status == TN_OK)
        tn_open_files_reopen(&files);
    if (status == TN_OK && w.in_user_namespace && geteuid() != 0)
        keep_rights();
    if (w.folder_descriptor >= 0)
        close(w.folder_descriptor);
    if (w.upper >= 0)
        close(w.upper);
    tn_open_files_deinit(&files);
    tn_mounts_deinit(&w.mounts);
    free(w.directory);
    if (scratch)
        *scratch = w.done;
    return status;
}

/* What a probing child says through its pipe: its error, or one without a code. */
static void probe(const char *folder, int twice, int pipe_end)
{
    tn_error error = {0};
    tn_status status = tn_scratch_begin(folder, NULL, &error);
    if (status == TN_OK && twice)
        status = tn_scratch_possible(folder, 0, &error);
    error.code = status;
    bool told = write(pipe_end, &error, sizeof error) == (ssize_t)sizeof error;
    _exit(told ? 0 : 1); /* the forked child */
}

tn_status tn_scratch_possible(const char *folder, int twice, tn_error *error)
{
    int ends[2];
    tn_error told = {0};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return tn_fail(error, TN_ERROR_IO, "a pipe cannot be made: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        probe(folder, twice, ends[1]);
    close(ends[1]);
    size_t got = 0;
    ssize_t size = 1;
    while (child > 0 && got < sizeof told && size != 0) {
        size = read(ends[0], (char *)&told + got, sizeof told - got);
        if (size < 0 && errno != EINTR)
            break;
        got += size > 0 ? (size_t)size : 0;
    }
    close(ends[0]);
    int ended;
    while (child > 0 && waitpid(child, &ended, 0) < 0 && errno == EINTR)
        continue;
    if (got < sizeof told)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "the process that tried to isolate itself ended before it told whether it could");
    if (told.code != TN_OK && error)
        *error = told;
    return told.code;
}
