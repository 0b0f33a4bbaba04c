/* shield_paths.h: where a file is that a shielded program names. Private to src/shield. See shield.c. */
#ifndef TN_SHIELD_PATHS_H
#define TN_SHIELD_PATHS_H

#include <stdbool.h>
#include <sys/stat.h>

enum { TN_SHIELD_PATH = 4352 };

/* A name, found. */
typedef struct tn_spot {
    char path[TN_SHIELD_PATH];  /* absolute, without links in it but perhaps the last part */
    char upper[TN_SHIELD_PATH]; /* its place in the layer */
    char now[TN_SHIELD_PATH];   /* where it is: its place in the layer, or a file of the user's */
    bool in_layer;              /* `now` is its place in the layer */
    struct stat about;          /* of `now` where it exists; else st_mode is 0 */
} tn_spot;

typedef enum tn_shield_answer { TN_SHIELD_ERROR = -1, TN_SHIELD_PASS = 0, TN_SHIELD_FOUND = 1 } tn_shield_answer;

/* Finds `name`, relative to `directory` as openat(2) takes it. TN_SHIELD_PASS: it is none of the shield's business. TN_SHIELD_ERROR: errno. */
tn_shield_answer tn_shield_find(int directory, const char *name, bool follow, tn_spot *spot);

/* Each brings something into the layer. 0, or -1 with errno. */
int tn_shield_copy(tn_spot *spot, bool with_contents); /* the file or folder, to be changed */
int tn_shield_fill(const char *path);                  /* what a folder holds, so that the layer alone says it */
int tn_shield_fill_all(const char *path);              /* and all folders below */
int tn_shield_parent(const tn_spot *spot);             /* the folder that holds it, filled */

/* Names that the shield keeps in filled folders of the layer. */
extern const char tn_shield_mark[];
int tn_shield_set_mark(const char *upper);

/* The path as the program knows it of one in the layer; the same text where it is in none. */
const char *tn_shield_outside(const char *path, char text[TN_SHIELD_PATH]);

#endif
