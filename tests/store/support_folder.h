/* support_folder.h: a folder of its own for a test, and what tests of the store do with files. */
#ifndef TN_SUPPORT_FOLDER_H
#define TN_SUPPORT_FOLDER_H

#include <stddef.h>

/* Makes a folder under $TMPDIR or /tmp; cmocka setup and teardown, the path is *state. */
int folder_setup(void **state);
int folder_teardown(void **state);

/* "folder/name" in one of a few buffers that are used in turn; valid for the next three calls. */
const char *folder_path(void *const *state, const char *name);

/* Copies the first `size` bytes of a file (SIZE_MAX: all). */
void copy_file(const char *from, const char *to, size_t size);
void write_file(const char *path, const void *bytes, size_t size);
size_t file_size(const char *path); /* 0 where there is none */

#endif
