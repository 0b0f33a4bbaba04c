/* test_wire.c: records come back as they were written, whatever pieces they arrive in, and nonsense is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "run/wire.h"

static tn_vitals some_vitals(void)
{
    const float values[] = {0.5f, -3.0f, 0.0f, 1e-3f, 7.0f, NAN};
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, sizeof values / sizeof values[0]);
    return vitals;
}

static const tn_tensor_name WEIGHT = {
    .node = "net.3", .parameter = "weight", .op = "dense", .node_index = 3, .role = TN_ROLE_GRADIENT, .count = 600, .units = 20};
static const tn_tensor_name ACTIVATION = {.node = "relu_1", .role = TN_ROLE_ACTIVATION, .node_index = 1, .count = 64, .units = 64};
static const tn_step STEP = {.step = 7, .samples = 448, .loss = 2.25, .learning_rate = 0.125, .gradient_norm = NAN};
static const tn_score_point SCORE = {
    .step = 7, .samples = 448, .train_score = 0.5, .valid_score = NAN, .train_loss = 1.5, .valid_loss = INFINITY};

/* Four values of each of two units: one that is dead, one with a NaN. */
static const tn_unit TWO_UNITS[2] = {{.zeros = 4, .saturated = 4, .min = 0, .max = 0},
                                     {.zeros = 1, .saturated = 1, .nonfinite = 1, .min = 0, .max = 7.5F}};

static tn_unit_vitals some_units(void)
{
    return (tn_unit_vitals){.units = 2, .values = 4, .low = 0, .high = INFINITY, .unit = (tn_unit *)(uintptr_t)TWO_UNITS};
}

/* One record of each kind. */
enum { RECORDS = 10 };

static tn_wire_buffer write_all(void)
{
    tn_wire_buffer buffer = {0};
    tn_vitals vitals = some_vitals();
    tn_unit_vitals units = some_units();
    assert_int_equal(tn_wire_put_text(&buffer, TN_WIRE_HELLO, "{\"pid\":1}", NULL), TN_OK);
    assert_int_equal(tn_wire_put_tensor(&buffer, 5, &WEIGHT, NULL), TN_OK);
    assert_int_equal(tn_wire_put_tensor(&buffer, 6, &ACTIVATION, NULL), TN_OK);
    assert_int_equal(tn_wire_put_vitals(&buffer, 7, 5, &vitals, NULL), TN_OK);
    assert_int_equal(tn_wire_put_step(&buffer, &STEP, NULL), TN_OK);
    assert_int_equal(tn_wire_put_score(&buffer, &SCORE, NULL), TN_OK);
    assert_int_equal(tn_wire_put_text(&buffer, TN_WIRE_NOTE, "{}", NULL), TN_OK);
    assert_int_equal(tn_wire_put_text(&buffer, TN_WIRE_STOP, "", NULL), TN_OK);
    assert_int_equal(tn_wire_put_text(&buffer, TN_WIRE_END, "{\"reason\":\"steps\"}", NULL), TN_OK);
    assert_int_equal(tn_wire_put_units(&buffer, 7, 6, &units, 4, NULL), TN_OK);
    return buffer;
}

static void same_name(const tn_tensor_name *a, const tn_tensor_name *b)
{
    assert_string_equal(a->node, b->node);
    assert_int_equal(a->parameter == NULL, b->parameter == NULL);
    if (a->parameter)
        assert_string_equal(a->parameter, b->parameter);
    assert_int_equal(a->op == NULL, b->op == NULL);
    if (a->op)
        assert_string_equal(a->op, b->op);
    assert_int_equal(a->node_index, b->node_index);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->units, b->units);
}

static void check_record(size_t index, const tn_wire_record *record)
{
    static const tn_wire_type TYPES[] = {TN_WIRE_HELLO, TN_WIRE_TENSOR, TN_WIRE_TENSOR, TN_WIRE_VITALS, TN_WIRE_STEP,
                                         TN_WIRE_SCORE, TN_WIRE_NOTE,   TN_WIRE_STOP,   TN_WIRE_END,    TN_WIRE_UNITS};
    tn_vitals vitals = some_vitals();
    assert_true(index < sizeof TYPES / sizeof TYPES[0]);
    assert_int_equal(record->type, TYPES[index]);
    switch (index) {
    case 0:
        assert_string_equal(record->json, "{\"pid\":1}");
        assert_int_equal(record->json_length, 9);
        break;
    case 1:
        assert_int_equal(record->index, 5);
        same_name(&record->tensor, &WEIGHT);
        break;
    case 2:
        assert_int_equal(record->index, 6);
        same_name(&record->tensor, &ACTIVATION);
        break;
    case 3:
        assert_int_equal(record->index, 5);
        assert_int_equal(record->step, 7);
        assert_memory_equal(&record->vitals, &vitals, sizeof vitals);
        break;
    case 4:
        assert_memory_equal(&record->scalars, &STEP, sizeof STEP);
        break;
    case 5:
        assert_memory_equal(&record->score, &SCORE, sizeof SCORE);
        break;
    case 6:
        assert_string_equal(record->json, "{}");
        break;
    case 7:
        assert_null(record->json);
        break;
    case 8:
        assert_string_equal(record->json, "{\"reason\":\"steps\"}");
        break;
    default:
        assert_int_equal(record->step, 7);
        assert_int_equal(record->index, 6);
        assert_int_equal(record->batch, 4);
        assert_int_equal(record->units.units, 2);
        assert_int_equal(record->units.values, 4);
        assert_true(record->units.low == 0 && record->units.high == INFINITY);
        assert_memory_equal(record->units.unit, TWO_UNITS, sizeof TWO_UNITS);
    }
}

static void comes_back_in_pieces_of_any_size(void **state)
{
    (void)state;
    tn_wire_buffer all = write_all();
    const size_t pieces[] = {1, 2, 3, 5, 7, 64, 1000, all.size};
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        tn_wire_reader reader = {0};
        tn_wire_record record;
        size_t found = 0;
        for (size_t at = 0; at < all.size; at += pieces[p]) {
            size_t size = all.size - at < pieces[p] ? all.size - at : pieces[p];
            bool has = true;
            assert_int_equal(tn_wire_feed(&reader, all.bytes + at, size, NULL), TN_OK);
            while (has) {
                assert_int_equal(tn_wire_next(&reader, &record, &has, NULL), TN_OK);
                if (has)
                    check_record(found++, &record);
            }
        }
        assert_int_equal(found, RECORDS);
        assert_int_equal(reader.offset, all.size);
        tn_wire_reader_deinit(&reader);
    }
    tn_wire_buffer_deinit(&all);
}

static void a_long_conversation_keeps_little(void **state)
{
    (void)state;
    tn_wire_buffer all = write_all();
    tn_wire_reader reader = {0};
    tn_wire_record record;
    for (size_t round = 0; round < 1000; round++) {
        assert_int_equal(tn_wire_feed(&reader, all.bytes, all.size, NULL), TN_OK);
        for (size_t i = 0; i < RECORDS; i++) {
            bool has = false;
            assert_int_equal(tn_wire_next(&reader, &record, &has, NULL), TN_OK);
            assert_true(has);
            check_record(i, &record);
        }
    }
    assert_int_equal(reader.offset, 1000 * all.size);
    assert_true(reader.buffer.capacity <= 4 * all.size + 256);
    tn_wire_reader_deinit(&reader);
    tn_wire_buffer_deinit(&all);
}

static void a_name_too_long_is_cut(void **state)
{
    (void)state;
    char name[3000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    tn_tensor_name tensor = WEIGHT;
    tensor.node = name;
    tn_wire_buffer buffer = {0};
    assert_int_equal(tn_wire_put_tensor(&buffer, 1, &tensor, NULL), TN_OK);
    tn_wire_reader reader = {0};
    tn_wire_record record;
    bool has = false;
    assert_int_equal(tn_wire_feed(&reader, buffer.bytes, buffer.size, NULL), TN_OK);
    assert_int_equal(tn_wire_next(&reader, &record, &has, NULL), TN_OK);
    assert_true(has);
    assert_int_equal(strlen(record.tensor.node), 1000);
    assert_string_equal(record.tensor.parameter, "weight");
    tn_wire_reader_deinit(&reader);
    tn_wire_buffer_deinit(&buffer);
}

static void is_refused(const unsigned char *bytes, size_t size, const char *why)
{
    tn_wire_reader reader = {0};
    tn_wire_record record;
    bool has = true;
    tn_error error = {0};
    assert_int_equal(tn_wire_feed(&reader, bytes, size, NULL), TN_OK);
    assert_int_equal(tn_wire_next(&reader, &record, &has, &error), TN_ERROR_DATA);
    assert_false(has);
    assert_non_null(strstr(error.message, why));
    assert_int_equal(tn_wire_next(&reader, &record, &has, &error), TN_ERROR_DATA); /* and stays so */
    tn_wire_reader_deinit(&reader);
}

static void nonsense_is_named(void **state)
{
    (void)state;
    is_refused((const unsigned char *)"GET / HTTP/1.1\r\n", 16, "of type 47");
    is_refused((const unsigned char *)"\x10\0\0\0\x63", 5, "of type 99");
    is_refused((const unsigned char *)"\0\0\0\0\x06", 5, "STEP");
    is_refused((const unsigned char *)"\x28\0\0\0\x06", 5, "a STEP of 40 bytes; expected 41 to 41");
    is_refused((const unsigned char *)"\xff\xff\xff\xff\x01", 5, "a HELLO of 4294967295 bytes");
    is_refused((const unsigned char *)"\x02\0\0\0\x20x", 6, "STOP");
    is_refused((const unsigned char *)"\x04\0\0\0\x01{\0}", 8, "NUL");
}

/* A TENSOR with one field spoiled. */
static void spoiled_tensor(size_t at, unsigned char value, const char *why)
{
    tn_wire_buffer buffer = {0};
    assert_int_equal(tn_wire_put_tensor(&buffer, 1, &WEIGHT, NULL), TN_OK);
    buffer.bytes[at] = value;
    is_refused(buffer.bytes, buffer.size, why);
    tn_wire_buffer_deinit(&buffer);
}

static void spoiled_names_are_named(void **state)
{
    (void)state;
    enum { ROLE = 5 + 4, UNITS = 5 + 4 + 2 + 16, NODE = UNITS + 8, NODE_END = NODE + 5 };
    spoiled_tensor(ROLE, 6, "role");
    spoiled_tensor(UNITS, 7, "units");
    spoiled_tensor(UNITS, 0, "units");
    spoiled_tensor(NODE, 0, "end");
    spoiled_tensor(NODE_END, 'x', "end");
}

static void spoiled_vitals_are_named(void **state)
{
    (void)state;
    tn_vitals vitals = some_vitals();
    tn_wire_buffer buffer = {0};
    assert_int_equal(tn_wire_put_vitals(&buffer, 7, 5, &vitals, NULL), TN_OK);
    buffer.bytes[5 + 12 + 4]++; /* the count of all values */
    is_refused(buffer.bytes, buffer.size, "VITALS");
    tn_wire_buffer_deinit(&buffer);
}

/* UNITS with one byte spoiled. */
static void spoiled_units(size_t at, unsigned char value, const char *why)
{
    tn_unit_vitals units = some_units();
    tn_wire_buffer buffer = {0};
    assert_int_equal(tn_wire_put_units(&buffer, 7, 5, &units, 4, NULL), TN_OK);
    buffer.bytes[at] = value;
    is_refused(buffer.bytes, buffer.size, why);
    tn_wire_buffer_deinit(&buffer);
}

static void spoiled_units_are_named(void **state)
{
    (void)state;
    enum { COUNT = 5 + 12, VALUES = COUNT + 4 + 8, LOW = VALUES + 8, FIRST = LOW + 8, SECOND = FIRST + 32, MIN = 24, MAX = 28 };
    spoiled_units(COUNT, 1, "another number");
    spoiled_units(COUNT, 3, "another number");
    spoiled_units(COUNT + 3, 255, "another number");
    spoiled_units(0, 1 + 40 + 2 * 32 - 1, "another number"); /* the last unit is not whole */
    spoiled_units(VALUES, 0, "without values");
    spoiled_units(LOW + 7, 0xff, "limits"); /* high is -INFINITY, below low */
    spoiled_units(VALUES, 3, "counts");     /* four zeros of three values */
    spoiled_units(FIRST + 7, 1, "counts");
    spoiled_units(FIRST + 8, 5, "counts");
    spoiled_units(FIRST + 16, 1, "counts"); /* four zeros, and one of the four is not finite */
    spoiled_units(SECOND + 16, 4, "counts");
    spoiled_units(SECOND + MIN + 3, 0x42, "counts"); /* 32, above the largest */
    spoiled_units(SECOND + MAX + 3, 0xc2, "counts");
    tn_unit_vitals none = {0};
    tn_wire_buffer buffer = {0};
    assert_int_equal(tn_wire_put_units(&buffer, 7, 5, &none, 4, NULL), TN_ERROR_DATA);
    none.units = TN_UNITS_MAX + 1;
    assert_int_equal(tn_wire_put_units(&buffer, 7, 5, &none, 4, NULL), TN_ERROR_DATA);
    assert_int_equal(buffer.size, 0);
    tn_wire_buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_in_pieces_of_any_size), cmocka_unit_test(a_long_conversation_keeps_little),
        cmocka_unit_test(a_name_too_long_is_cut),           cmocka_unit_test(nonsense_is_named),
        cmocka_unit_test(spoiled_names_are_named),          cmocka_unit_test(spoiled_vitals_are_named),
        cmocka_unit_test(spoiled_units_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
