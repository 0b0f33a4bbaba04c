/* test_read_images.c: folders of pictures and lists of them: classes, words, numbers, boxes and counts, and what is refused. */
#include "support_pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/picture_list.h"

static const char CLASSES[] = "\"loss\": \"softmax_cross_entropy\"", TARGETS[] = "\"loss\": \"mse\"";

static void folder_below(const test_folder *folder, const char *name, test_folder *below)
{
    int length = snprintf(below->path, sizeof below->path, "%.40s/%s", folder->path, name);
    assert_in_range(length, 1, sizeof below->path - 1);
    assert_int_equal(mkdir(below->path, 0700), 0);
}

static void write_png(const test_folder *folder, const char *name, uint32_t height, uint32_t width, uint8_t red, uint8_t green,
                      uint8_t blue)
{
    bytes file = png_plain(height, width, 3, (const uint8_t[]){red, green, blue});
    folder_write(folder, name, file.data, file.size);
    bytes_free(&file);
}

static void write_text(const test_folder *folder, const char *name, const char *text)
{
    folder_write(folder, name, text, strlen(text));
}

/* Two classes, the second of which comes first by name; the files of each in no order. */
static void make_classes(const test_folder *folder, test_folder below[2])
{
    folder_below(folder, "pears", &below[0]);
    folder_below(folder, "apples", &below[1]);
    write_png(&below[0], "2.png", 2, 3, 20, 21, 22);
    write_png(&below[0], "1.PNG", 2, 3, 10, 11, 12);
    write_png(&below[1], "b.png", 2, 3, 30, 31, 32);
    uint8_t pixels[18];
    for (size_t i = 0; i < 18; i++)
        pixels[i] = 40;
    bytes jpeg = jpeg_bytes(2, 3, 3, 100, false, pixels);
    folder_write(&below[1], "a.jpeg", jpeg.data, jpeg.size);
    bytes_free(&jpeg);
    write_text(&below[1], "notes.txt", "no picture");
    write_text(&below[1], ".hidden.png", "no picture either");
    write_text(folder, "readme.txt", "no class");
}

static void remove_classes(const test_folder *folder, const test_folder below[2])
{
    for (size_t i = 0; i < 2; i++) {
        char hidden[100];
        snprintf(hidden, sizeof hidden, "%s/.hidden.png", below[i].path);
        unlink(hidden);
        folder_remove(&below[i]);
    }
    folder_remove(folder);
}

static void folders_are_classes(void **state)
{
    (void)state;
    test_folder folder, below[2];
    folder_make(&folder);
    make_classes(&folder, below);
    tn_data data;
    data_must_open(&folder, "{\"train\": {\"format\": \"images\", \"folder\": \".\"}}", CLASSES, &data);
    const tn_shape *shape = tn_dataset_shape(data.train);
    assert_true(shape->rank == 3 && shape->dims[0] == 2 && shape->dims[1] == 3 && shape->dims[2] == 3);
    assert_int_equal(tn_dataset_samples(data.train), 4);
    assert_int_equal(tn_dataset_classes(data.train), 2);
    assert_string_equal(tn_dataset_class_name(data.train, 0), "apples");
    assert_string_equal(tn_dataset_class_name(data.train, 1), "pears");
    assert_null(tn_dataset_class_name(data.train, 2));
    float inputs[4][18];
    int32_t classes[4];
    tn_dataset_inputs(data.train, NULL, 4, inputs[0]);
    tn_dataset_class_labels(data.train, NULL, 4, classes);
    static const int32_t expected[] = {0, 0, 1, 1};
    static const float first[] = {40, 30, 10, 20};
    assert_memory_equal(classes, expected, sizeof expected);
    for (size_t i = 0; i < 4; i++) {
        assert_near(inputs[i][0], first[i], 0);
        assert_near(inputs[i][17], first[i] + (i == 0 ? 0 : 2), 0);
    }
    tn_data_close(&data);
    data_must_open(&folder, "{\"train\": {\"format\": \"images\", \"folder\": \".\"}, \"classes\": [1, 0]}", CLASSES, &data);
    assert_null(tn_dataset_class_name(data.train, 0)); /* numbered anew */
    tn_data_close(&data);
    data_must_open(&folder, "{\"train\": {\"format\": \"images\", \"folder\": \".\", \"size\": [4, 5], \"channels\": 1}}", CLASSES, &data);
    shape = tn_dataset_shape(data.train);
    assert_true(shape->dims[0] == 4 && shape->dims[1] == 5 && shape->dims[2] == 1);
    float grey[4][20];
    tn_dataset_inputs(data.train, NULL, 4, grey[0]);
    assert_near(grey[2][0], 11, 0);
    assert_near(grey[3][19], 21, 0);
    tn_data_close(&data);
    remove_classes(&folder, below);
}

/* Validation pictures have a class less; the words decide. */
static void classes_of_two_folders(void **state)
{
    (void)state;
    test_folder folder, train, valid, below[3];
    folder_make(&folder);
    folder_below(&folder, "train", &train);
    folder_below(&folder, "valid", &valid);
    folder_below(&train, "a", &below[0]);
    folder_below(&train, "b", &below[1]);
    folder_below(&valid, "b", &below[2]);
    for (size_t i = 0; i < 3; i++)
        write_png(&below[i], "1.png", 2, 2, 1, 2, 3);
    static const char both[] =
        "{\"train\": {\"format\": \"images\", \"folder\": \"train\"}, \"valid\": {\"format\": \"images\", \"folder\": \"valid\"}}";
    tn_data data;
    tn_error error;
    int32_t number;
    data_must_open(&folder, both, CLASSES, &data);
    tn_dataset_class_labels(data.valid, NULL, 1, &number);
    assert_int_equal(number, 1);
    tn_data_close(&data);
    folder_remove(&below[2]);
    folder_below(&valid, "c", &below[2]);
    write_png(&below[2], "1.png", 2, 2, 1, 2, 3);
    data_must_fail(&folder, both, CLASSES, TN_ERROR_DATA, "the label 'c' occurs in no training sample", &error);
    for (size_t i = 0; i < 3; i++)
        folder_remove(&below[i]);
    folder_remove(&train);
    folder_remove(&valid);
    folder_remove(&folder);
}

static void wrong_folders(void **state)
{
    (void)state;
    test_folder folder, below[2];
    tn_error error;
    folder_make(&folder);
    static const char here[] = "{\"train\": {\"format\": \"images\", \"folder\": \".\"}}";
    data_must_fail(&folder, "{\"train\": {\"format\": \"images\", \"folder\": \"gone\"}}", CLASSES, TN_ERROR_IO,
                   "cannot open this folder of pictures", &error);
    assert_contains(error.file, "/gone");
    data_must_fail(&folder, here, CLASSES, TN_ERROR_DATA, "holds no folders; expected one for each class", &error);
    make_classes(&folder, below);
    data_must_fail(&folder, "{\"train\": {\"format\": \"images\", \"folder\": \".\", \"channels\": 2}}", CLASSES, TN_ERROR_HYPES,
                   "expected 1 (grey) or 3", &error);
    write_png(&below[0], "3.png", 3, 3, 1, 2, 3);
    data_must_fail(&folder, here, CLASSES, TN_ERROR_DATA,
                   "is 3 pixels high and 3 wide, and the first picture, apples/a.jpeg, 2 and 3; \"size\": [2, 3] brings all", &error);
    assert_contains(error.file, "pears/3.png");
    write_text(&below[0], "3.png", "no picture");
    data_must_fail(&folder, here, CLASSES, TN_ERROR_DATA, "is no PNG or JPEG file: its first bytes are 6e 6f", &error);
    assert_contains(error.file, "pears/3.png");
    write_text(&below[0], "3.png", "");
    data_must_fail(&folder, here, CLASSES, TN_ERROR_DATA, "is empty", &error);
    test_folder empty;
    folder_below(&folder, "quinces", &empty);
    data_must_fail(&folder, here, CLASSES, TN_ERROR_DATA, "holds no file that ends in .png, .jpg or .jpeg", &error);
    assert_contains(error.file, "/quinces");
    folder_remove(&empty);
    remove_classes(&folder, below);
}

static void open_list(const test_folder *folder, const char *list, const char *keys, const char *loss, tn_data *data)
{
    char text[300];
    write_text(folder, "labels.json", list);
    snprintf(text, sizeof text, "{\"train\": {\"format\": \"images\", \"folder\": \".\", \"labels\": \"labels.json\"%s}}", keys);
    data_must_open(folder, text, loss, data);
}

static void lists_of_labels(void **state)
{
    (void)state;
    test_folder folder;
    tn_data data;
    int32_t classes[3];
    float targets[6];
    folder_make(&folder);
    write_png(&folder, "a.png", 2, 2, 1, 1, 1);
    write_png(&folder, "b.png", 2, 2, 2, 2, 2);
    open_list(&folder, "[{\"file\": \"b.png\", \"label\": 2}, {\"file\": \"a.png\", \"label\": 0}, {\"file\": \"b.png\", \"label\": 1}]",
              "", CLASSES, &data);
    assert_int_equal(tn_dataset_classes(data.train), 3);
    assert_null(tn_dataset_class_name(data.train, 0));
    tn_dataset_class_labels(data.train, NULL, 3, classes);
    assert_true(classes[0] == 2 && classes[1] == 0 && classes[2] == 1);
    float inputs[3][12];
    tn_dataset_inputs(data.train, NULL, 3, inputs[0]);
    assert_true(inputs[0][0] == 2 && inputs[1][0] == 1 && inputs[2][0] == 2);
    tn_data_close(&data);
    open_list(&folder,
              "[{\"file\": \"b.png\", \"label\": \"pear\"}, {\"file\": \"a.png\", \"label\": \"fig\"}, {\"file\": \"a.png\", \"label\": "
              "\"pear\"}]",
              "", CLASSES, &data);
    assert_int_equal(tn_dataset_classes(data.train), 2);
    tn_dataset_class_labels(data.train, NULL, 3, classes);
    assert_true(classes[0] == 1 && classes[1] == 0 && classes[2] == 1);
    tn_data_close(&data);
    open_list(&folder, "[{\"file\": \"b.png\", \"label\": [0.5, 2]}, {\"file\": \"a.png\", \"label\": [-1, 3]}]", "", TARGETS, &data);
    tn_dataset_target_labels(data.train, NULL, 2, targets);
    assert_true(tn_dataset_targets(data.train) == 2 && targets[0] == 0.5F && targets[1] == 2 && targets[2] == -1 && targets[3] == 3);
    tn_data_close(&data);
    folder_remove(&folder);
}

static void lists_of_boxes(void **state)
{
    (void)state;
    static const char list[] =
        "[{\"file\": \"a.png\", \"boxes\": [[1, 2, 4, 5]]}, "
        "{\"file\": \"b.png\", \"boxes\": [[0, 0, 10, 20], [5, 10, 2.5, 4]], \"count\": 7}, {\"file\": \"a.png\", \"boxes\": []}]";
    test_folder folder;
    tn_data data;
    float targets[3][8];
    folder_make(&folder);
    write_png(&folder, "a.png", 10, 8, 1, 1, 1);
    write_png(&folder, "b.png", 20, 10, 2, 2, 2);
    open_list(&folder, list, ", \"size\": 4", TARGETS, &data);
    assert_int_equal(tn_dataset_targets(data.train), 8);
    tn_dataset_target_labels(data.train, NULL, 3, targets[0]);
    static const float shares[3][8] = {{0.125F, 0.2F, 0.5F, 0.5F}, {0, 0, 1, 1, 0.5F, 0.5F, 0.25F, 0.2F}, {0}};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 8; k++)
            assert_near(targets[i][k], shares[i][k], 1e-7);
    tn_data_close(&data);
    open_list(&folder, list, ", \"size\": 4, \"boxes\": 3", TARGETS, &data);
    assert_int_equal(tn_dataset_targets(data.train), 12);
    tn_data_close(&data);
    open_list(&folder, list, ", \"size\": 4, \"target\": \"count\"", TARGETS, &data);
    tn_dataset_target_labels(data.train, NULL, 3, targets[0]);
    assert_true(tn_dataset_targets(data.train) == 1 && targets[0][0] == 1 && targets[0][1] == 7 && targets[0][2] == 0);
    tn_data_close(&data);
    tn_error error;
    data_must_fail(&folder,
                   "{\"train\": {\"format\": \"images\", \"folder\": \".\", \"labels\": \"labels.json\", \"size\": 4, \"boxes\": 1}}",
                   TARGETS, TN_ERROR_DATA, "entry 1 (from 0) of the list has 2 boxes, and \"boxes\" of the hypes allows 1", &error);
    assert_contains(error.file, "labels.json");
    folder_remove(&folder);
}

static void wrong_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        tn_picture_target target;
        const char *part;
    } cases[] = {
        {"", TN_PICTURE_ANY, "is no JSON: "},
        {"[{]", TN_PICTURE_ANY, "is no JSON: "},
        {"{\"file\": \"a.png\"}", TN_PICTURE_ANY, "is no list with an entry for each picture"},
        {"[]", TN_PICTURE_ANY, "is no list with an entry for each picture"},
        {"[3]", TN_PICTURE_ANY, "entry 0 (from 0) of the list names no \"file\""},
        {"[{\"label\": 3}]", TN_PICTURE_ANY, "names no \"file\""},
        {"[{\"file\": \"\", \"label\": 3}]", TN_PICTURE_ANY, "names no \"file\""},
        {"[{\"file\": \"a\"}]", TN_PICTURE_ANY, "has no \"label\" that is a number, a word, or a list of numbers"},
        {"[{\"file\": \"a\", \"label\": null}]", TN_PICTURE_ANY, "has no \"label\""},
        {"[{\"file\": \"a\", \"label\": []}]", TN_PICTURE_ANY, "has no \"label\""},
        {"[{\"file\": \"a\", \"label\": [1, \"b\"]}]", TN_PICTURE_ANY, "has no \"label\""},
        {"[{\"file\": \"a\", \"label\": 1e300}]", TN_PICTURE_ANY, "has no \"label\""},
        {"[{\"file\": \"a\", \"label\": 1}, {\"file\": \"b\", \"label\": \"c\"}]", TN_PICTURE_ANY,
         "entry 1 (from 0) of the list has another kind of label"},
        {"[{\"file\": \"a\", \"label\": [1, 2]}, {\"file\": \"b\", \"label\": [1]}]", TN_PICTURE_ANY, "has another kind of label"},
        {"[{\"file\": \"a\", \"label\": 1}, {\"file\": \"b\", \"boxes\": []}]", TN_PICTURE_ANY,
         "entry 1 (from 0) of the list has no \"label\""},
        {"[{\"file\": \"a\", \"boxes\": [[1, 2, 3]]}]", TN_PICTURE_ANY, "has a box that is not [x, y, w, h]"},
        {"[{\"file\": \"a\", \"boxes\": [[1, 2, 3, -1]]}]", TN_PICTURE_ANY, "has a box that is not [x, y, w, h]"},
        {"[{\"file\": \"a\", \"boxes\": 4}]", TN_PICTURE_ANY, "has no list of at most 1,024 \"boxes\""},
        {"[{\"file\": \"a\", \"boxes\": []}]", TN_PICTURE_ANY, "holds no picture with a box"},
        {"[{\"file\": \"a\", \"label\": 1}]", TN_PICTURE_BOXES, "has no list of at most 1,024 \"boxes\""},
        {"[{\"file\": \"a\", \"count\": -1}]", TN_PICTURE_ANY, "has a \"count\" that is no whole number"},
        {"[{\"file\": \"a\", \"count\": 1.5}]", TN_PICTURE_COUNT, "has a \"count\" that is no whole number"},
        {"[{\"file\": \"a\", \"label\": 1}]", TN_PICTURE_COUNT, "has no list of at most 1,024 \"boxes\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_picture_list list;
        tn_error error = {0};
        const size_t size = strlen(cases[i].list);
        char *exact = malloc(size > 0 ? size : 1); /* so that the address sanitizer sees a read past it */
        assert_non_null(exact);
        memcpy(exact, cases[i].list, size);
        assert_int_equal(tn_picture_list_parse((uint8_t *)exact, size, cases[i].target, 0, &list, &error), TN_ERROR_DATA);
        assert_contains(error.message, cases[i].part);
        assert_null(list.files);
        free(exact);
    }
    test_folder folder;
    tn_error error;
    static const char data[] = "{\"train\": {\"format\": \"images\", \"folder\": \".\", \"labels\": \"labels.json\"}}";
    folder_make(&folder);
    write_text(&folder, "labels.json", "[\n{\"file\": \"a.png\",\n \"label\": }]");
    data_must_fail(&folder, data, CLASSES, TN_ERROR_DATA, "is no JSON: ", &error);
    assert_contains(error.file, "labels.json");
    assert_int_equal(error.line, 3);
    write_text(&folder, "labels.json", "[{\"file\": \"a.png\", \"label\": 1}]");
    data_must_fail(&folder, data, CLASSES, TN_ERROR_IO, "cannot open this data file", &error);
    assert_contains(error.file, "/a.png");
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_classes), cmocka_unit_test(classes_of_two_folders), cmocka_unit_test(wrong_folders),
        cmocka_unit_test(lists_of_labels),     cmocka_unit_test(lists_of_boxes),         cmocka_unit_test(wrong_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
