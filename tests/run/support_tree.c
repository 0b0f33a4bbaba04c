/* support_tree.c: see support_tree.h. The order of a folder's entries does not count. */
#include "run/support_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void need(bool fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "the test's own tree cannot be made: %s\n", what);
        abort();
    }
}

static void put_file(const char *folder, const char *name, const char *text, mode_t mode, uid_t user)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    need(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text), path);
    need(fchown(file, user, user) == 0 && fchmod(file, mode) == 0 && close(file) == 0, path);
}

static void put_folder(const char *folder, const char *name, uid_t user)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    need(mkdir(path, 0755) == 0 && chown(path, user, user) == 0, path);
}

void tree_create(char path[64], uid_t user)
{
    char link_path[128];
    snprintf(path, 64, "/tmp/tenet_tree.XXXXXX");
    need(mkdtemp(path) != NULL, path);
    put_file(path, "old", "old\n", 0644, user);
    put_file(path, "append", "first\n", 0644, user);
    put_file(path, "gone", "gone\n", 0644, user);
    put_file(path, "moved", "moved\n", 0640, user);
    put_file(path, "script", "#!/bin/sh\n", 0755, user);
    put_folder(path, "deep", user);
    put_folder(path, "deep/er", user);
    put_file(path, "deep/er/file", "deep\n", 0644, user);
    put_folder(path, "empty", user);
    snprintf(link_path, sizeof link_path, "%s/link", path);
    need(symlink("old", link_path) == 0 && lchown(link_path, user, user) == 0, link_path);
    need(chown(path, user, user) == 0, path);
}

void tree_remove(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    need(system(command) == 0, command);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return hash;
}

uint64_t tree_fingerprint(const char *path)
{
    struct stat about;
    char piece[4096];
    uint64_t hash = 14695981039346656037u;
    if (lstat(path, &about) != 0)
        return 0;
    const long long facts[] = {
        about.st_mode,        about.st_uid,         about.st_gid, (long long)about.st_nlink, S_ISDIR(about.st_mode) ? 0 : about.st_size,
        about.st_mtim.tv_sec, about.st_mtim.tv_nsec};
    hash = mix(hash, facts, sizeof facts);
    if (S_ISLNK(about.st_mode)) {
        ssize_t size = readlink(path, piece, sizeof piece);
        return mix(hash, piece, size > 0 ? (size_t)size : 0);
    }
    if (S_ISREG(about.st_mode)) {
        int file = open(path, O_RDONLY);
        for (ssize_t got; (got = read(file, piece, sizeof piece)) > 0;)
            hash = mix(hash, piece, (size_t)got);
        close(file);
        return hash;
    }
    DIR *folder = S_ISDIR(about.st_mode) ? opendir(path) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char child[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        hash += mix(tree_fingerprint(child), entry->d_name, strlen(entry->d_name));
    }
    if (folder)
        closedir(folder);
    return hash;
}

/* ---- the writers ---- */

static bool file_holds(const char *path, const char *text)
{
    char found[256] = "";
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t size = fread(found, 1, sizeof found - 1, file);
    fclose(file);
    found[size] = '\0';
    return strcmp(found, text) == 0;
}

static bool write_with(const char *path, const char *mode, const char *text)
{
    FILE *file = fopen(path, mode);
    return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

static bool is_listed(const char *folder, const char *name)
{
    bool found = false;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        found |= strcmp(entry->d_name, name) == 0;
    if (entries)
        closedir(entries);
    return found;
}

#define SURE(what)                                                                                                                         \
    do {                                                                                                                                   \
        if (!(what)) {                                                                                                                     \
            fprintf(stderr, "writer: %s\n", #what);                                                                                        \
            return 1;                                                                                                                      \
        }                                                                                                                                  \
    } while (0)

int writer_in_c(void)
{
    struct stat about;
    int file;
    SURE(write_with("new", "w", "new\n") && file_holds("new", "new\n"));
    SURE(write_with("old", "w", "changed\n") && file_holds("old", "changed\n") && file_holds("link", "changed\n"));
    SURE(write_with("append", "a", "second\n") && file_holds("append", "first\nsecond\n"));
    SURE(write_with("deep/er/file", "r+", "D") && file_holds("deep/er/file", "Deep\n"));
    SURE((file = open("deep/er/other", O_WRONLY | O_CREAT | O_EXCL, 0600)) >= 0 && write(file, "x", 1) == 1 && close(file) == 0);
    SURE(open("deep/er/other", O_WRONLY | O_CREAT | O_EXCL, 0600) < 0);
    SURE(unlink("gone") == 0 && access("gone", F_OK) != 0 && stat("gone", &about) != 0 && open("gone", O_RDONLY) < 0);
    SURE(rename("moved", "renamed") == 0 && file_holds("renamed", "moved\n") && access("moved", F_OK) != 0);
    SURE(truncate("script", 2) == 0 && stat("script", &about) == 0 && about.st_size == 2);
    SURE(chmod("script", 0600) == 0 && stat("script", &about) == 0 && (about.st_mode & 0777) == 0600);
    SURE(mkdir("folder", 0755) == 0 && write_with("folder/file", "w", "1") && file_holds("folder/file", "1"));
    SURE(rmdir("empty") == 0 && access("empty", F_OK) != 0);
    SURE(symlink("new", "newlink") == 0 && file_holds("newlink", "new\n"));
    SURE(is_listed(".", "new") && is_listed(".", "renamed") && is_listed(".", "folder") && !is_listed(".", "gone") &&
         !is_listed(".", "moved") && is_listed(".", "script"));
    SURE(is_listed("deep/er", "other") && is_listed("deep/er", "file"));
    SURE(write_with("gone", "w", "again\n") && file_holds("gone", "again\n") && is_listed(".", "gone"));
    SURE(unlink("folder/file") == 0 && rmdir("folder") == 0 && access("folder", F_OK) != 0);
    return 0;
}

const char *const WRITER_IN_SHELL =
    "set -e; echo x > f; test \"$(cat f)\" = x; mv f g; test ! -e f; test -e g; rm gone; test ! -e gone; mkdir d; echo y > d/z; test "
    "\"$(cat d/z)\" = y; "
    "echo more >> append; test \"$(cat append)\" = \"$(printf 'first\\nmore')\"; rm -r deep; test ! -e deep; mv moved other; test \"$(cat "
    "other)\" = moved; "
    "chmod 700 old; cp old copy; cmp old copy; ln -s old soft; test \"$(cat soft)\" = old; test \"$(ls | tr '\\n' ' ')\" = "
    "\"append copy d empty g link old other script soft \"";

const char *const WRITER_IN_PYTHON =
    "import os, shutil, pathlib\n"
    "open('f', 'w').write('x'); assert open('f').read() == 'x'\n"
    "os.rename('f', 'g'); assert not os.path.exists('f') and os.path.exists('g')\n"
    "os.makedirs('a/b/c', exist_ok=True); open('a/b/c/d', 'wb').write(b'12345')\n"
    "assert os.path.getsize('a/b/c/d') == 5\n"
    "with open('append', 'a') as file: file.write('second\\n')\n"
    "assert open('append').read() == 'first\\nsecond\\n'\n"
    "with open('old', 'r+b') as file: file.seek(1); file.write(b'L')\n"
    "assert open('old').read() == 'oLd\\n'\n"
    "os.remove('gone'); assert not os.path.exists('gone')\n"
    "shutil.rmtree('deep'); assert not os.path.exists('deep')\n"
    "shutil.move('moved', 'a/moved'); assert open('a/moved').read() == 'moved\\n'\n"
    "pathlib.Path('tmp').write_text('1'); os.replace('tmp', 'old'); assert open('old').read() == '1'\n"
    "assert sorted(os.listdir('.')) == ['a', 'append', 'empty', 'g', 'link', 'old', 'script'], sorted(os.listdir('.'))\n"
    "assert sorted(entry.name for entry in os.scandir('a')) == ['b', 'moved']\n"
    "assert sum(len(files) for _, _, files in os.walk('.')) == 7\n"
    "shutil.rmtree('a'); assert not os.path.isdir('a')\n";
