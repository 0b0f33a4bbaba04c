/* test_example_faults.c: the hypes under examples/faults are accepted, and their data can be read and is what their README says. */
#include "support_data.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct example {
    const char *name;
    size_t train, valid; /* samples */
    size_t width;        /* of one sample */
    tn_task task;
    size_t classes;
} example;

/* MNIST's kin are not part of the tree. */
static const char *const fashion = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";

static const example faults[] = {
    {"31556268", 4, 0, 2, TN_TASK_CLASSIFICATION, 2},          {"48221692", 201, 0, 1, TN_TASK_REGRESSION, 0},
    {"50306988", 160, 40, 2, TN_TASK_CLASSIFICATION, 2},       {"51181393", 80, 20, 1, TN_TASK_REGRESSION, 0},
    {"AT-GE", 500, 500, 2, TN_TASK_CLASSIFICATION, 3},         {"TDC-const", 314, 78, 9, TN_TASK_REGRESSION, 0},
    {"55328966", 5000, 6000, 784, TN_TASK_CLASSIFICATION, 10}, {"IPS-1", 54000, 6000, 784, TN_TASK_CLASSIFICATION, 10},
    {"44066044", 21, 0, 11, TN_TASK_CLASSIFICATION, 2},        {"AT-GV", 500, 500, 2, TN_TASK_CLASSIFICATION, 2},
    {"AT-OL", 500, 500, 2, TN_TASK_CLASSIFICATION, 3},         {"TDC-norm", 314, 78, 9, TN_TASK_REGRESSION, 0},
    {"TDC-softmax1", 314, 78, 9, TN_TASK_REGRESSION, 0},       {"61781193", 10000, 6000, 784, TN_TASK_CLASSIFICATION, 10},
    {"DC-M-lr", 5000, 6000, 784, TN_TASK_CLASSIFICATION, 10},  {"51118032", 4000, 6000, 784, TN_TASK_CLASSIFICATION, 10},
};

static void check(const example *fault, const char *kind)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/examples/faults/%s/%s.json", TN_SOURCE_DIR, fault->name, kind);
    tn_hypes *hypes = NULL;
    tn_data data;
    tn_error error = {0};
    if (tn_hypes_load(path, &hypes, &error) != TN_OK || tn_data_open(hypes, NULL, &data, &error) != TN_OK)
        fail_msg("%s: %s:%d: %s (at %s)", path, error.file, error.line, error.message, error.pointer);
    assert_int_equal(tn_dataset_samples(data.train), fault->train);
    assert_int_equal(data.valid != NULL ? tn_dataset_samples(data.valid) : 0, fault->valid);
    assert_int_equal(tn_shape_size(tn_dataset_shape(data.train)), fault->width);
    assert_int_equal(data.task, fault->task);
    assert_int_equal(tn_dataset_classes(data.train), fault->classes);
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
}

static void check_all(bool of_fashion)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if ((faults[i].width == 784) == of_fashion) {
            check(&faults[i], "buggy");
            check(&faults[i], "fixed");
        }
}

static void tables_open(void **state)
{
    (void)state;
    check_all(false);
}

static void fashion_opens(void **state)
{
    (void)state;
    if (access(fashion, R_OK) != 0) {
        print_message("skipped: %s is not installed (dataset-fashion-mnist)\n", fashion);
        skip();
    }
    check_all(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables_open), cmocka_unit_test(fashion_opens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
