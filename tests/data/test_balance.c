/* test_balance.c: a balanced list has every class as often as the most frequent one, every row of a class as often as any other or once more, and the order of the file. */
#include "support_data.h"

#include "base/memory.h"
#include "data/balance.h"

enum { ROWS = 100, CLASSES = 4 };

/* Rows of class 0, but every seventh is of class 1 and every thirtieth of class 3; none is of class 2. */
static void label(int32_t class_of[ROWS])
{
    for (int i = 0; i < ROWS; i++)
        class_of[i] = i % 30 == 29 ? 3 : i % 7 == 6 ? 1 : 0;
}

static uint32_t *balanced(const int32_t *class_of, uint64_t seed, size_t *count)
{
    tn_error error = {0};
    uint32_t *rows = tn_memory_create(ROWS, sizeof *rows);
    assert_non_null(rows);
    for (uint32_t i = 0; i < ROWS; i++)
        rows[i] = i;
    *count = ROWS;
    assert_int_equal(tn_balance_rows(class_of, CLASSES, seed, &rows, count, &error), TN_OK);
    return rows;
}

static void every_class_comes_as_often(void **state)
{
    (void)state;
    int32_t class_of[ROWS];
    size_t count, rows_of[CLASSES] = {0}, times_of[CLASSES] = {0}, times[ROWS] = {0};
    label(class_of);
    uint32_t *rows = balanced(class_of, 1, &count);
    for (int i = 0; i < ROWS; i++)
        rows_of[class_of[i]]++;
    for (size_t i = 0; i < count; i++) {
        times[rows[i]]++;
        times_of[class_of[rows[i]]]++;
        assert_true(i == 0 || rows[i] >= rows[i - 1]);
    }
    assert_int_equal(count, 3 * rows_of[0]);
    assert_int_equal(times_of[2], 0);
    for (int k = 0; k < CLASSES; k++)
        assert_int_equal(times_of[k], k == 2 ? 0 : rows_of[0]);
    for (int i = 0; i < ROWS; i++) {
        size_t least = rows_of[0] / rows_of[class_of[i]];
        assert_in_range(times[i], least, least + 1);
    }
    tn_memory_destroy(rows);
}

static void the_seed_alone_decides(void **state)
{
    (void)state;
    int32_t class_of[ROWS];
    size_t counts[3];
    label(class_of);
    uint32_t *first = balanced(class_of, 1, &counts[0]), *again = balanced(class_of, 1, &counts[1]),
             *other = balanced(class_of, 2, &counts[2]);
    assert_int_equal(counts[0], counts[2]);
    assert_memory_equal(first, again, counts[0] * sizeof *first);
    assert_memory_not_equal(first, other, counts[0] * sizeof *first);
    tn_memory_destroy(first);
    tn_memory_destroy(again);
    tn_memory_destroy(other);
}

static void equal_classes_are_left_alone(void **state)
{
    (void)state;
    int32_t class_of[ROWS];
    size_t count;
    for (int i = 0; i < ROWS; i++)
        class_of[i] = i % CLASSES;
    uint32_t *rows = balanced(class_of, 1, &count);
    assert_int_equal(count, ROWS);
    for (uint32_t i = 0; i < ROWS; i++)
        assert_int_equal(rows[i], i);
    tn_memory_destroy(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_comes_as_often),
        cmocka_unit_test(the_seed_alone_decides),
        cmocka_unit_test(equal_classes_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
