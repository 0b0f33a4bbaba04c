/* test_augment_boxes.c: labels that are boxes go with pictures that are moved and mirrored. Where a box has to be is told from the pixels of the changed picture alone. */
#include "support_pictures.h"

#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/augment.h"

typedef struct opened {
    tn_hypes *hypes;
    tn_data data;
    tn_augment augment;
} opened;

static void open_data(const test_folder *folder, const char *json, opened *all)
{
    tn_error error = {0};
    all->hypes = hypes_make(folder, json, "\"loss\": \"mse\"");
    if (tn_data_open(all->hypes, NULL, &all->data, &error) != TN_OK ||
        tn_augment_init(&all->augment, all->hypes, all->data.train, false, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
}

static void close_data(opened *all)
{
    tn_data_close(&all->data);
    tn_hypes_destroy(all->hypes);
}

/* The numbers of the file again. */
static void unscale(const tn_dataset *set, float *targets)
{
    for (size_t k = 0; k < tn_dataset_targets(set); k++) {
        double shift, gain;
        tn_dataset_label_scaling(set, k, &shift, &gain);
        targets[k] = (float)((gain != 0 ? (double)targets[k] / gain : 0) + shift);
    }
}

/* The box around the pixels of mask [height, width], as shares; 0, 0, 0, 0 and false where there is none. */
static bool box_around(const bool *mask, size_t height, size_t width, double box[4])
{
    size_t left = width, right = 0, top = height, bottom = 0;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            if (!mask[y * width + x])
                continue;
            left = x < left ? x : left;
            right = x + 1 > right ? x + 1 : right;
            top = y < top ? y : top;
            bottom = y + 1 > bottom ? y + 1 : bottom;
        }
    memset(box, 0, 4 * sizeof *box);
    if (right == 0)
        return false;
    box[0] = (double)left / (double)width;
    box[1] = (double)top / (double)height;
    box[2] = (double)(right - left) / (double)width;
    box[3] = (double)(bottom - top) / (double)height;
    return true;
}

static void expect_box(const float *found, const double *expected, const char *what)
{
    for (size_t k = 0; k < 4; k++)
        if (!(fabs((double)found[k] - expected[k]) <= 1e-5))
            fail_msg("%s: [%g, %g, %g, %g], expected [%g, %g, %g, %g]", what, (double)found[0], (double)found[1], (double)found[2],
                     (double)found[3], expected[0], expected[1], expected[2], expected[3]);
}

/* The red box of the made-up pictures is where the red pixels are, in whatever scale the network is to tell it. */
static void a_box_goes_with_its_picture(void **state)
{
    (void)state;
    enum { SIDE = 32, SAMPLES = 60, ROUNDS = 4 };
    static const char *const MORE[] = {"\"flip\": true", "\"crop\": 25", "\"flip\": true, \"crop\": 25, \"noise\": 0.5"};
    static float inputs[SAMPLES * SIDE * SIDE * 3], targets[SAMPLES * 4], before[SAMPLES * 4];
    test_folder folder;
    folder_make(&folder);
    for (size_t i = 0; i < 6; i++) {
        char text[400];
        opened all;
        size_t changed = 0, gone = 0;
        snprintf(text, sizeof text,
                 "{\"train\": {\"format\": \"task\", \"task\": \"boxes\", \"samples\": %d, \"target\": \"box\"}, \"valid\": 0, \"input\": "
                 "\"none\", \"label\": \"%s\", \"augment\": {%s}}",
                 SAMPLES, i < 3 ? "none" : "standardize", MORE[i % 3]);
        open_data(&folder, text, &all);
        for (uint64_t round = 0; round < ROUNDS; round++) {
            tn_dataset_inputs(all.data.train, NULL, SAMPLES, inputs);
            tn_dataset_target_labels(all.data.train, NULL, SAMPLES, targets);
            memcpy(before, targets, sizeof before);
            tn_augment_batch(&all.augment, all.data.train, round * SAMPLES, SAMPLES, NULL, inputs);
            tn_augment_boxes(&all.augment, all.data.train, round * SAMPLES, SAMPLES, targets);
            for (size_t s = 0; s < SAMPLES; s++) {
                bool mask[SIDE * SIDE];
                double expected[4];
                for (size_t p = 0; p < SIDE * SIDE; p++) {
                    const float *pixel = inputs + (s * SIDE * SIDE + p) * 3;
                    mask[p] = pixel[0] > 150 && pixel[1] < 120 && pixel[2] < 120;
                }
                changed += memcmp(before + s * 4, targets + s * 4, 4 * sizeof *targets) != 0;
                gone += !box_around(mask, SIDE, SIDE, expected);
                unscale(all.data.train, targets + s * 4);
                expect_box(targets + s * 4, expected, text);
            }
        }
        assert_true(changed > SAMPLES * ROUNDS / 4); /* an even flip leaves a centred box alone, and half of the pictures */
        assert_true(i % 3 == 0 ? gone == 0 : gone > 0);
        close_data(&all);
    }
    folder_remove(&folder);
}

/* Of several boxes those that left the picture are missing, in the order of the others. Each pixel has a value of its own, so a changed picture says what happened to it. */
static void boxes_that_leave_make_room(void **state)
{
    (void)state;
    enum { HEIGHT = 14, WIDTH = 18, BOXES = 3, ROUNDS = 200 };
    static const size_t PLACES[BOXES][4] = {{0, 0, 4, 5}, {6, 5, 7, 3}, {15, 10, 3, 4}};
    uint8_t pixels[HEIGHT * WIDTH];
    for (size_t p = 0; p < sizeof pixels; p++)
        pixels[p] = (uint8_t)(p + 1);
    test_folder folder;
    folder_make(&folder);
    bytes png = png_bytes(HEIGHT, WIDTH, PNG_COLOR_TYPE_GRAY, 8, false, pixels);
    folder_write(&folder, "a.png", png.data, png.size);
    bytes_free(&png);
    /* The second sample never had a third box. */
    static const char LIST[] = "[{\"file\": \"a.png\", \"boxes\": [[0, 0, 4, 5], [6, 5, 7, 3], [15, 10, 3, 4]]},"
                               " {\"file\": \"a.png\", \"boxes\": [[0, 0, 4, 5], [6, 5, 7, 3]]}]";
    folder_write(&folder, "labels.json", LIST, strlen(LIST));
    size_t left[BOXES + 1] = {0};
    for (size_t scaled = 0; scaled < 2; scaled++) {
        char text[400];
        opened all;
        snprintf(text, sizeof text,
                 "{\"train\": {\"format\": \"images\", \"folder\": \".\", \"labels\": \"labels.json\"}, \"valid\": 0, \"input\": \"none\", "
                 "\"label\": %s, \"augment\": {\"flip\": true, \"crop\": 12}}",
                 scaled ? "8" : "\"none\"");
        open_data(&folder, text, &all);
        for (uint64_t first = 0; first < ROUNDS; first += 2) {
            float inputs[2][HEIGHT * WIDTH], targets[2][BOXES * 4];
            tn_dataset_inputs(all.data.train, NULL, 2, inputs[0]);
            tn_dataset_target_labels(all.data.train, NULL, 2, targets[0]);
            tn_augment_batch(&all.augment, all.data.train, first, 2, NULL, inputs[0]);
            tn_augment_boxes(&all.augment, all.data.train, first, 2, targets[0]);
            for (size_t s = 0; s < 2; s++) {
                size_t kept = 0, own = tn_dataset_row(all.data.train, s) == 0 ? BOXES : BOXES - 1;
                double expected[BOXES][4] = {{0}};
                for (size_t b = 0; b < own; b++) {
                    bool mask[HEIGHT * WIDTH];
                    for (size_t p = 0; p < HEIGHT * WIDTH; p++) {
                        const size_t was = (size_t)inputs[s][p] - 1, x = was % WIDTH, y = was / WIDTH;
                        mask[p] = inputs[s][p] > 0 && x >= PLACES[b][0] && x < PLACES[b][0] + PLACES[b][2] && y >= PLACES[b][1] &&
                                  y < PLACES[b][1] + PLACES[b][3];
                    }
                    kept += box_around(mask, HEIGHT, WIDTH, expected[kept]);
                }
                left[kept] += own == BOXES;
                unscale(all.data.train, targets[s]);
                for (size_t b = 0; b < BOXES; b++)
                    expect_box(targets[s] + 4 * b, expected[b], "boxes");
            }
        }
        close_data(&all);
    }
    for (size_t i = 1; i <= BOXES; i++)
        assert_true(left[i] > 0);
    folder_remove(&folder);
}

/* Noise moves nothing, and a count is no box. */
static void other_labels_stay(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {{"box", "\"noise\": 1"}, {"count", "\"flip\": true, \"crop\": 9"}};
    test_folder folder;
    folder_make(&folder);
    for (size_t i = 0; i < 2; i++) {
        char text[400];
        opened all;
        float targets[20 * 4], before[20 * 4];
        snprintf(text, sizeof text,
                 "{\"train\": {\"format\": \"task\", \"task\": \"boxes\", \"samples\": 20, \"target\": \"%s\"}, \"valid\": 0, \"augment\": "
                 "{%s}}",
                 CASES[i][0], CASES[i][1]);
        open_data(&folder, text, &all);
        const size_t size = 20 * tn_dataset_targets(all.data.train) * sizeof *targets;
        tn_dataset_target_labels(all.data.train, NULL, 20, targets);
        memcpy(before, targets, size);
        tn_augment_boxes(&all.augment, all.data.train, 0, 20, targets);
        assert_memory_equal(targets, before, size);
        close_data(&all);
    }
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_box_goes_with_its_picture), cmocka_unit_test(boxes_that_leave_make_room),
                                       cmocka_unit_test(other_labels_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
