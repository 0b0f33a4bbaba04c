/* picture_list.h: which pictures a data source has, and their labels: a folder for each class, or a list in JSON. No picture is opened here. */
#ifndef TN_DATA_PICTURE_LIST_H
#define TN_DATA_PICTURE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* What of an entry is the label. TN_PICTURE_ANY: the first of these that the first entry has. */
typedef enum tn_picture_target { TN_PICTURE_ANY, TN_PICTURE_LABEL, TN_PICTURE_BOXES, TN_PICTURE_COUNT } tn_picture_target;

/* Zeroed memory is an empty list. */
typedef struct tn_picture_list {
    size_t count;
    char **files;       /* [count], relative to the folder */
    size_t width;       /* numbers of a label */
    float *labels;      /* [count, width]; numbers of class_names where there are any */
    bool are_boxes;     /* labels are x, y, w, h, in pixels, of one box after another; a box that a picture has not is 0, 0, 0, 0 */
    bool are_counts;    /* labels are numbers of boxes */
    char **class_names; /* [class_count], sorted; NULL where labels are numbers */
    size_t class_count;
} tn_picture_list;

/* A folder that holds a folder for each class, with the files whose names end in .png, .jpg or .jpeg. Classes are numbered in the order of their names, and so are the files of each. */
tn_status tn_picture_list_folders(const char *folder, tn_picture_list *list, tn_error *error);

/* A list in JSON, bytes [size]: [{"file": "a.png", "label": 3}, ...]. label: a number or a word, or a list of numbers; boxes: a list of [x, y, w, h]; count: a whole number, or else the number of boxes.
 * most_boxes: so many boxes are the label, and none may have more; 0: as many as the fullest picture has. */
tn_status tn_picture_list_parse(const uint8_t *bytes, size_t size, tn_picture_target target, size_t most_boxes, tn_picture_list *list,
                                tn_error *error);

void tn_picture_list_deinit(tn_picture_list *list);

#endif
