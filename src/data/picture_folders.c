/* picture_folders.c: the layout of a folder for each class. See picture_list.h. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/picture_list.h"

/* Names that grow. */
typedef struct names {
    char **items;
    size_t count, capacity;
} names;

static void names_deinit(names *of)
{
    for (size_t i = 0; i < of->count; i++)
        free(of->items[i]);
    tn_memory_destroy(of->items);
    *of = (names){0};
}

/* Takes over a name that is not NULL; else memory was out. */
static tn_status names_add(names *to, char *name, tn_error *error)
{
    if (name != NULL && to->count == to->capacity) {
        const size_t capacity = to->capacity > 0 ? 2 * to->capacity : 64;
        char **items = tn_memory_create(capacity, sizeof *items);
        if (items == NULL) {
            free(name);
            name = NULL;
        } else {
            if (to->count > 0)
                memcpy(items, to->items, to->count * sizeof *items);
            tn_memory_destroy(to->items);
            to->items = items;
            to->capacity = capacity;
        }
    }
    if (name == NULL)
        return tn_fail_memory(error, (to->count + 1) * sizeof *to->items);
    to->items[to->count++] = name;
    return TN_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_picture(const char *name)
{
    static const char *const ENDINGS[] = {".png", ".jpg", ".jpeg"};
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof ENDINGS / sizeof ENDINGS[0]; i++)
        if (strcasecmp(ending, ENDINGS[i]) == 0)
            return true;
    return false;
}

static char *join(const char *folder, const char *name)
{
    tn_text path;
    tn_text_init(&path);
    tn_text_addf(&path, "%s/%s", folder, name);
    return tn_text_take(&path);
}

/* Sorted names of the folders in a folder, or of its pictures. Names that begin with a dot are passed over. */
static tn_status list_folder(const char *folder, bool folders, names *found, tn_error *error)
{
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        tn_fail(error, TN_ERROR_IO, "cannot open this folder of pictures: %s; check the path, which is relative to the hypes file",
                strerror(errno));
        return tn_error_at(error, folder, 0, NULL);
    }
    tn_status status = TN_OK;
    for (struct dirent *entry; status == TN_OK && (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.' || (!folders && !is_picture(entry->d_name)))
            continue;
        char *path = join(folder, entry->d_name);
        struct stat facts;
        if (path == NULL)
            status = tn_fail_memory(error, strlen(folder));
        else if (stat(path, &facts) == 0 && (folders ? S_ISDIR(facts.st_mode) : S_ISREG(facts.st_mode)))
            status = names_add(found, tn_string_copy(entry->d_name), error);
        free(path);
    }
    closedir(entries);
    if (status == TN_OK && found->count > 0)
        qsort(found->items, found->count, sizeof *found->items, compare_names);
    return status;
}

/* Adds the pictures of one class; its number is how many there were before. */
static tn_status add_class(const char *folder, const char *name, names *files, size_t *count, tn_error *error)
{
    names found = {0};
    char *path = join(folder, name);
    tn_status status = path != NULL ? list_folder(path, false, &found, error) : tn_fail_memory(error, strlen(folder));
    if (status == TN_OK && found.count == 0) {
        tn_fail(error, TN_ERROR_DATA,
                "holds no file that ends in .png, .jpg or .jpeg; put the pictures of this class into it, or remove it");
        status = tn_error_at(error, path, 0, NULL);
    }
    for (size_t i = 0; i < found.count && status == TN_OK; i++)
        status = names_add(files, join(name, found.items[i]), error);
    *count = found.count;
    names_deinit(&found);
    free(path);
    return status;
}

tn_status tn_picture_list_folders(const char *folder, tn_picture_list *list, tn_error *error)
{
    *list = (tn_picture_list){.width = 1};
    names classes = {0}, files = {0};
    size_t *counts = NULL;
    tn_status status = list_folder(folder, true, &classes, error);
    if (status == TN_OK && classes.count == 0) {
        tn_fail(
            error, TN_ERROR_DATA,
            "holds no folders; expected one for each class, with its pictures. For pictures in one folder give \"labels\", a list in JSON");
        status = tn_error_at(error, folder, 0, NULL);
    }
    if (status == TN_OK) {
        counts = tn_memory_create(classes.count, sizeof *counts);
        status = counts != NULL ? TN_OK : tn_fail_memory(error, classes.count * sizeof *counts);
    }
    for (size_t i = 0; i < classes.count && status == TN_OK; i++)
        status = add_class(folder, classes.items[i], &files, &counts[i], error);
    if (status == TN_OK) {
        list->labels = tn_memory_create(files.count, sizeof *list->labels);
        status = list->labels != NULL ? TN_OK : tn_fail_memory(error, files.count * sizeof *list->labels);
    }
    for (size_t i = 0, at = 0; i < classes.count && status == TN_OK; i++)
        for (size_t end = at + counts[i]; at < end; at++)
            list->labels[at] = (float)i;
    list->files = files.items;
    list->count = files.count;
    list->class_names = classes.items;
    list->class_count = classes.count;
    tn_memory_destroy(counts);
    if (status != TN_OK)
        tn_picture_list_deinit(list);
    return status;
}

void tn_picture_list_deinit(tn_picture_list *list)
{
    names files = {.items = list->files, .count = list->count}, classes = {.items = list->class_names, .count = list->class_count};
    names_deinit(&files);
    names_deinit(&classes);
    tn_memory_destroy(list->labels);
    *list = (tn_picture_list){0};
}
