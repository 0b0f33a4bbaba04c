/* support_tree.h: a folder of files, and a fingerprint of all of it: names, kinds, modes, owners, sizes, times of change and contents. */
#ifndef TN_TEST_SUPPORT_TREE_H
#define TN_TEST_SUPPORT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A new folder under /tmp with files, a link, folders and modes of several kinds, owned by `user`. `path` gets its name. */
void tree_create(char path[64], uid_t user);
void tree_remove(const char *path);
uint64_t tree_fingerprint(const char *path);

/* Programs that write in the working directory in every way there is, and look whether they see what they wrote. Each exits with 0 where it did. */
int writer_in_c(void);
extern const char *const WRITER_IN_SHELL;
extern const char *const WRITER_IN_PYTHON;

#endif
