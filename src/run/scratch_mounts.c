/* scratch_mounts.c: see scratch_mounts.h. The format of mountinfo: proc_pid_mountinfo(5). */
#include "run/scratch_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes; a host of a thousand containers has about 1 MiB. */
enum { MOUNTINFO_MAX = 64 << 20 };

/* File systems that hold no files of a user. */
static const char *const UNREAL[] = {"proc",      "sysfs",       "devtmpfs", "devpts",      "cgroup",     "cgroup2",   "securityfs",
                                     "debugfs",   "tracefs",     "pstore",   "bpf",         "mqueue",     "hugetlbfs", "configfs",
                                     "fusectl",   "binfmt_misc", "autofs",   "efivarfs",    "rpc_pipefs", "nsfs",      "ramfs",
                                     "selinuxfs", "squashfs",    "iso9660",  "fuse.portal", "erofs",      "nfsd",      "resctrl"};

static const char *const SHARED[] = {"/proc", "/sys", "/dev", "/run", "/var/run"};

bool tn_path_within(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    if (length == 1)
        return true;
    return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

bool tn_path_shared(const char *path)
{
    for (size_t i = 0; i < sizeof SHARED / sizeof *SHARED; i++) {
        if (tn_path_within(path, SHARED[i]))
            return true;
    }
    return false;
}

static bool is_unreal(const char *type)
{
    for (size_t i = 0; i < sizeof UNREAL / sizeof *UNREAL; i++) {
        if (strcmp(type, UNREAL[i]) == 0)
            return true;
    }
    return false;
}

/* The whole of a file of /proc, terminated; NULL where it cannot be read or memory is out. */
static char *read_whole(const char *path)
{
    size_t size = 0, capacity = 1 << 14;
    char *text = malloc(capacity);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;
    while (text && descriptor >= 0 && capacity < MOUNTINFO_MAX && (got = read(descriptor, text + size, capacity - size - 1)) > 0) {
        size += (size_t)got;
        if (size + 1 < capacity)
            continue;
        char *larger = realloc(text, capacity *= 2);
        if (!larger)
            free(text);
        text = larger;
    }
    if (descriptor >= 0)
        close(descriptor);
    if (!text || got != 0) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

/* Spaces, tabs, newlines and backslashes stand as \040 and the like. In place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

static bool has_option(const char *options, const char *option)
{
    size_t length = strlen(option);
    for (const char *at = options; at; at = strchr(at, ','), at = at ? at + 1 : NULL) {
        if (strncmp(at, option, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* One line: "id parent major:minor root path options [more ...] - type source options". Cuts it up. false where it is none. */
static bool read_line(char *line, tn_mount *mount)
{
    enum { ID, PATH = 4, OPTIONS = 5, FIELDS = 6 };
    char *fields[FIELDS], *rest = line;
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = strsep(&rest, " ");
        if (!rest)
            return false;
    }
    char *dash = strncmp(rest, "- ", 2) == 0 ? rest - 1 : strstr(rest, " - ");
    if (!dash)
        return false;
    dash += 3;
    char *type = strsep(&dash, " "), *source = strsep(&dash, " ");
    (void)source;
    mount->id = atoi(fields[ID]);
    mount->path = fields[PATH];
    unescape(mount->path);
    mount->writable =
        !has_option(fields[OPTIONS], "ro") && !(dash && has_option(dash, "ro")) && !is_unreal(type) && !tn_path_shared(mount->path);
    return true;
}

/* Whether the path leads to this mount, and to what. Another one may lie on top of it. */
static bool is_visible(tn_mount *mount)
{
    char name[64], text[512];
    struct stat status;
    int found = -1;
    int descriptor = open(mount->path, O_PATH | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    mount->folder = fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", descriptor);
    int info = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t size = info >= 0 ? read(info, text, sizeof text - 1) : -1;
    if (info >= 0)
        close(info);
    close(descriptor);
    if (size > 0) {
        text[size] = '\0';
        const char *at = strstr(text, "mnt_id:");
        found = at ? atoi(at + strlen("mnt_id:")) : -1;
    }
    return found == mount->id;
}

/* Parents have shorter paths than what lies below them. */
static int compare_depth(const void *left, const void *right)
{
    size_t a = strlen(((const tn_mount *)left)->path), b = strlen(((const tn_mount *)right)->path);
    return a < b ? -1 : a > b;
}

tn_status tn_mounts_read(tn_mounts *mounts, tn_error *error)
{
    *mounts = (tn_mounts){0};
    char *text = read_whole("/proc/self/mountinfo");
    if (!text)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "/proc/self/mountinfo cannot be read (%s); isolation needs /proc", strerror(errno));
    size_t lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    mounts->items = calloc(lines + 1, sizeof *mounts->items);
    if (!mounts->items) {
        free(text);
        return tn_fail_memory(error, (lines + 1) * sizeof *mounts->items);
    }
    bool failed = false;
    for (char *line, *rest = text; !failed && (line = strsep(&rest, "\n"));) {
        tn_mount mount = {0};
        if (!read_line(line, &mount) || !is_visible(&mount))
            continue;
        mount.path = strdup(mount.path);
        failed = !mount.path;
        if (!failed)
            mounts->items[mounts->count++] = mount;
    }
    free(text);
    if (failed) {
        tn_mounts_deinit(mounts);
        return tn_fail_memory(error, (lines + 1) * sizeof *mounts->items);
    }
    qsort(mounts->items, mounts->count, sizeof *mounts->items, compare_depth);
    return TN_OK;
}

void tn_mounts_deinit(tn_mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++)
        free(mounts->items[i].path);
    free(mounts->items);
    *mounts = (tn_mounts){0};
}

size_t tn_mounts_find(const tn_mounts *mounts, const char *path)
{
    for (size_t i = 0; i < mounts->count; i++) {
        if (strcmp(mounts->items[i].path, path) == 0)
            return i;
    }
    return mounts->count;
}

static bool is_below(const char *path, const char *folder)
{
    return tn_path_within(path, folder) && strcmp(path, folder) != 0;
}

bool tn_mounts_next_below(const tn_mounts *mounts, size_t index, const char *path)
{
    const char *candidate = mounts->items[index].path;
    if (!is_below(candidate, path))
        return false;
    for (size_t i = 0; i < index; i++) {
        if (is_below(mounts->items[i].path, path) && is_below(candidate, mounts->items[i].path))
            return false;
    }
    return true;
}

bool tn_mounts_any_below(const tn_mounts *mounts, const char *path)
{
    for (size_t i = 0; i < mounts->count; i++) {
        if (is_below(mounts->items[i].path, path))
            return true;
    }
    return false;
}
