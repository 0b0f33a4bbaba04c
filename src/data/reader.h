/* reader.h: one table of file formats. A reader turns the files of one source into arrays of inputs and labels, and knows nothing of splits, scaling or tasks.
 *
 * The parsers work on memory, so that fuzzers and tests reach them without files. They trust nothing in a file: sizes are checked against what is there before
 * memory is taken, and every error names a line (csv) or a byte offset. A new format is a file read_NAME.c and a line in the table of source.c. */
#ifndef TN_DATA_READER_H
#define TN_DATA_READER_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/array.h"
#include "data/dataset.h"
#include "data/file_map.h"
#include "data/vocabulary.h"
#include "hypes/hypes.h"

/* Files that have been read: shared by every set made of them, and never changed. */
typedef struct tn_source {
    atomic_size_t references;
    size_t samples, width;  /* width: values of one sample */
    tn_shape shape;         /* of one sample */
    size_t label_width;     /* columns of labels; 1 for class numbers */
    bool labels_each_step;  /* the columns are class numbers of the steps of a sequence, and -1 those of steps that have none */
    bool are_sequences;     /* inputs [n, time, features] are sequences, no images */
    bool are_tokens;        /* inputs are numbers of words too: input i is the number of class_names[i] */
    bool labels_are_boxes;  /* the columns are places in the picture */
    bool labels_are_counts; /* the one column says how many of something there are */
    tn_array inputs;        /* samples * width values */
    tn_array labels;        /* samples * label_width values */
    bool are_windows;       /* rows are windows of one text, in its order: what is held out is its end */
    bool rows_follow;       /* and row i + 1 begins where row i ends */
    size_t overlap;         /* so many rows in front of a row share inputs with it */
    char **
        class_names; /* [class_count], sorted but for a text's: where the file has words for labels, label i is the number of its word; else NULL */
    size_t class_count;
    tn_file input_file, label_file; /* mapped while the arrays point into them */
    char *name;                     /* the path of the labels' file, for errors */
    size_t *lines; /* [samples]: the line of a csv file, or of parallel texts, each row begins at; NULL for other formats */
} tn_source;

/* Fills source->inputs, labels and files from the files that `description` (a source of the hypes) names. Errors carry the file. */
typedef tn_status tn_read_fn(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error);

typedef struct tn_reader {
    const char *format;
    tn_read_fn *read;
} tn_reader;

/* NULL where there is no such format. */
const tn_reader *tn_reader_find(const char *format);

/* Parsers on memory. Arrays may point into bytes [size]. gz is recognised by itself. */
tn_status tn_idx_parse(const uint8_t *bytes, size_t size, tn_array *array, tn_error *error);
tn_status tn_npy_parse(const uint8_t *bytes, size_t size, tn_array *array, tn_error *error);
tn_status tn_npz_parse(const uint8_t *bytes, size_t size, const char *name, tn_array *array,
                       tn_error *error); /* the array `name` of an archive */

/* Reads the files under "inputs" and "labels" of a description, one array each, by `parse`. */
typedef tn_status tn_parse_fn(const uint8_t *bytes, size_t size, tn_array *array, tn_error *error);
tn_status tn_reader_pair(const tn_hypes *hypes, const json_t *description, tn_parse_fn *parse, tn_source *source, tn_error *error);

/* Maps the file under `key` and keeps its path as the source's name. */
tn_status tn_reader_map(const tn_hypes *hypes, const json_t *description, const char *key, tn_file *file, tn_source *source,
                        tn_error *error);

/* A column by its name, or, where name is NULL, by its number from 0; negative numbers count from the end. */
typedef struct tn_csv_column {
    const char *name;
    long long number;
} tn_csv_column;

typedef enum tn_csv_header { TN_CSV_HEADER_FIND, TN_CSV_HEADER_NONE, TN_CSV_HEADER_FIRST_LINE } tn_csv_header;

typedef struct tn_csv_options {
    tn_csv_header header;
    char delimiter;
    const tn_csv_column *labels; /* [label_count], at least one */
    size_t label_count;
} tn_csv_options;

/* Fills inputs, labels, class names and lines. */
tn_status tn_csv_parse(const uint8_t *bytes, size_t size, const tn_csv_options *options, tn_source *source, tn_error *error);

/* Checks that inputs and labels fit each other and sets samples, shapes and widths. Arrays of rank 1 and 2 are tables, of rank 3 and 4 images. */
tn_status tn_source_complete(tn_source *source, tn_error *error);

/* A source that holds nothing yet; NULL where memory is out. The caller releases it. */
tn_source *tn_source_new(void);

/* Reads what stands at `path` of the hypes ("data.train"). The caller releases *source. */
tn_status tn_source_read(const tn_hypes *hypes, const char *path, tn_source **source, tn_error *error);
tn_source *tn_source_keep(tn_source *source);
void tn_source_release(tn_source *source); /* NULL is allowed */

/* Label k of a row, in the file's units. */
double tn_source_label(const tn_source *source, size_t row, size_t k);

/* Where row `row` (from 0) of a source is, for an error: fills file and, for csv, line. */
void tn_source_error_at(const tn_source *source, size_t row, tn_error *error);

/* How a text becomes samples. */
typedef struct tn_text_options {
    tn_text_unit unit;
    size_t time, stride; /* tokens of a window, and from one to the next; at least 1 */
    size_t vocabulary;   /* so many most frequent tokens have a number, all others one that is theirs together; 0: each has one */
    double masked;       /* share of the tokens that are masked, and are the labels; 0: labels are the tokens one further on */
    uint64_t seed;       /* of the choice of masked tokens */
} tn_text_options;

/* Windows of a text in UTF-8: fills inputs, labels and class names. The tokens have the numbers that the text `training` gives them; NULL: those of this text. */
tn_status tn_text_parse(const uint8_t *bytes, size_t size, const tn_text_options *options, const uint8_t *training, size_t training_size,
                        tn_source *source, tn_error *error);

/* A text of a pair, and how both become samples. */
typedef struct tn_parallel_text {
    const uint8_t *bytes;
    size_t size;
} tn_parallel_text;

typedef struct tn_parallel_options {
    tn_text_unit unit;
    size_t time;          /* steps of a sample, at least 1 */
    size_t vocabulary;    /* as of a text */
    const char *names[2]; /* of the files, for errors */
} tn_parallel_options;

/* Pairs of lines, the first text's and the second's, as one sequence each: fills inputs, labels, class names and lines. The tokens have the numbers that both texts of `training` give them. */
tn_status tn_parallel_parse(const tn_parallel_text texts[2], const tn_parallel_options *options, const tn_parallel_text training[2],
                            tn_source *source, tn_error *error);

tn_read_fn tn_read_idx, tn_read_csv, tn_read_npy, tn_read_npz, tn_read_text, tn_read_parallel, tn_read_images, tn_read_task;

#endif
