/* test_native_weights.c: weights that PyTorch wrote give PyTorch's outputs and its five steps of training; what is written for it is what it wrote; what does not fit is told by name and shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/op.h"
#include "support_networks.h"
#include "weights/weights.h"

static const char *const NETWORKS[] = {"resnet", "lenet", "decoder", "functions", "lstm", "gru", "gpt"};
enum { NETWORK_COUNT = sizeof NETWORKS / sizeof *NETWORKS, STEPS = 5, TENSORS_MAX = 64 };

static const double TOLERANCE = 1e-4;

static void load(network *n)
{
    tn_error error = {0};
    if (tn_native_load_weights(n->hypes, n->trainer, &error) != TN_OK)
        fail_msg("%s", error.message);
}

static void outputs_are_those_of_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORK_COUNT; i++) {
        network n;
        json_t *expected = network_expected(NETWORKS[i]);
        network_open(&n, NETWORKS[i], NULL, 1);
        assert_true(network_difference(&n, json_object_get(expected, "outputs")) > 0.01); /* its own initial weights are no match */
        load(&n);
        const double difference = network_difference(&n, json_object_get(expected, "outputs"));
        if (!(difference <= TOLERANCE))
            fail_msg("%s: outputs differ by %g", NETWORKS[i], difference);
        json_decref(expected);
        network_close(&n);
    }
}

static void five_steps_are_those_of_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * NETWORK_COUNT; i++) {
        network n;
        const char *name = NETWORKS[i / 2];
        json_t *expected = network_expected(name);
        const json_t *losses = json_object_get(expected, "losses");
        network_open(&n, name, NULL, 1 + i % 2);
        load(&n);
        assert_int_equal(json_array_size(losses), STEPS);
        for (size_t step = 0; step < STEPS; step++) {
            tn_step_result made;
            tn_trainer_step(n.trainer, false, NULL, NULL, &made);
            const double loss = json_number_value(json_array_get(losses, step));
            if (!(fabs(made.loss - loss) <= TOLERANCE))
                fail_msg("%s: step %zu has the loss %.9g, PyTorch's is %.9g", name, step + 1, made.loss, loss);
        }
        const double difference = network_difference(&n, json_object_get(expected, "outputs_after"));
        if (!(difference <= TOLERANCE))
            fail_msg("%s: after the steps outputs differ by %g", name, difference);
        assert_true(network_difference(&n, json_object_get(expected, "outputs")) > 0.01); /* the steps did move it */
        json_decref(expected);
        network_close(&n);
    }
}

/* Plug-ins apart, whose steps are those of their users. */
static void every_op_takes_part_in_the_five_steps(void **state)
{
    (void)state;
    for (size_t k = 0; k < tn_op_count(); k++) {
        const tn_op *op = tn_op_at(k);
        bool found = op->release != NULL;
        for (size_t i = 0; i < NETWORK_COUNT && !found; i++) {
            network n;
            network_open(&n, NETWORKS[i], NULL, 1);
            for (size_t node = 0; node < tn_hypes_node_count(n.hypes) && !found; node++)
                found = strcmp(json_string_value(json_object_get(tn_hypes_node(n.hypes, node), "op")), op->name) == 0;
            network_close(&n);
        }
        if (!found)
            fail_msg("no network here has %s", op->name);
    }
}

/* ---- files ---- */

static void open_file(const char *path, tn_weights *weights)
{
    tn_error error = {0};
    if (tn_weights_open(path, weights, &error) != TN_OK)
        fail_msg("%s", error.message);
}

static const tn_weight *tensor_of(const tn_weights *weights, const char *name)
{
    for (size_t i = 0; i < weights->count; i++)
        if (strcmp(weights->tensors[i].name, name) == 0)
            return &weights->tensors[i];
    return NULL;
}

/* Every tensor of `some` that is no whole number stands in `others`, bit for bit; how many there are. */
static size_t assert_holds(const tn_weights *others, const tn_weights *some)
{
    size_t count = 0;
    for (size_t i = 0; i < some->count; i++) {
        const tn_weight *one = &some->tensors[i], *other = tensor_of(others, one->name);
        if (one->skipped)
            continue;
        if (!other)
            fail_msg("%s is not in the other file", one->name);
        assert_int_equal(one->rank, other->rank);
        assert_memory_equal(one->dims, other->dims, one->rank * sizeof *one->dims);
        assert_memory_equal(one->bytes, other->bytes, one->count * sizeof(float));
        count++;
    }
    return count;
}

static void temporary(char path[64])
{
    strcpy(path, "/tmp/tenet_weights_XXXXXX");
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
}

static void what_is_written_for_pytorch_is_what_it_wrote(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORK_COUNT; i++) {
        network n;
        char path[64], given[512];
        tn_weights theirs, ours;
        tn_error error = {0};
        network_open(&n, NETWORKS[i], (const char *const[]){"weights.layout=torch", NULL}, 1);
        load(&n);
        temporary(path);
        assert_int_equal(tn_native_write_weights(n.trainer, n.hypes, path, &error), TN_OK);
        snprintf(given, sizeof given, "%s/networks/%s.safetensors", TN_TEST_DATA, NETWORKS[i]);
        open_file(given, &theirs);
        open_file(path, &ours);
        assert_false(ours.by_tenet);
        assert_int_equal(assert_holds(&ours, &theirs), ours.count);
        tn_weights_deinit(&theirs);
        tn_weights_deinit(&ours);
        unlink(path);
        network_close(&n);
    }
}

/* Writes what `n` has in `layout` and loads it into a fresh trainer of the same net, which must then answer alike. */
static void assert_comes_back(const char *name, const char *const *assignments, const char *layout)
{
    network one, other;
    char path[64], file[128], write[64];
    tn_error error = {0};
    const char *all[8] = {file, write};
    for (size_t i = 0; assignments && assignments[i]; i++)
        all[2 + i] = assignments[i];
    temporary(path);
    snprintf(file, sizeof file, "weights.file=%s", path);
    snprintf(write, sizeof write, "weights.layout=%s", layout);
    network_open(&one, name, all, 1);
    for (size_t step = 0; step < STEPS; step++) {
        tn_step_result made;
        tn_trainer_step(one.trainer, false, NULL, NULL, &made);
    }
    assert_int_equal(tn_native_write_weights(one.trainer, one.hypes, path, &error), TN_OK);
    network_open(&other, name, all, 1);
    load(&other);
    tn_shape shape;
    const float *there, *here;
    char label[80];
    size_t i = 0;
    for (; tn_trainer_parameter(one.trainer, i, label, &shape, &here); i++) {
        assert_true(tn_trainer_parameter(other.trainer, i, label, &shape, &there));
        if (memcmp(here, there, tn_shape_size(&shape) * sizeof *here) != 0)
            fail_msg("%s came back otherwise by the layout of %s", label, layout);
    }
    assert_true(i > 0);
    unlink(path);
    network_close(&one);
    network_close(&other);
}

static void what_is_written_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETWORK_COUNT; i++) {
        assert_comes_back(NETWORKS[i], NULL, "tenet");
        assert_comes_back(NETWORKS[i], NULL, "torch");
    }
    /* Keys of another width than queries are maps of their own in PyTorch; and there may be no biases. */
    const char *const wide[] = {
        "net=[{\"op\": \"embedding\", \"vocabulary\": 11, \"units\": 8, \"name\": \"asks\"},"
        " {\"op\": \"embedding\", \"vocabulary\": 11, \"units\": 6, \"from\": \"input\", \"name\": \"answers\"},"
        " {\"op\": \"attention\", \"heads\": 2, \"from\": [\"asks\", \"answers\"]}, {\"op\": \"attention\", \"heads\": 2, \"bias\": false},"
        " {\"op\": \"dense\", \"units\": 11}]",
        "weights.prefix=model.", NULL};
    assert_comes_back("gpt", wide, "tenet");
    assert_comes_back("gpt", wide, "torch");
}

/* ---- other habits ---- */

/* A file of tensors made from those of another. */
typedef struct draft {
    tn_weight_source tensors[TENSORS_MAX];
    char names[TENSORS_MAX][TN_WEIGHTS_NAME_MAX];
    size_t dims[TENSORS_MAX][TN_WEIGHTS_RANK_MAX];
    float *values[TENSORS_MAX];
    size_t count;
} draft;

/* Rows `first` .. of a tensor, a `parts`-th of it, with `to` in place of `from` in its name. */
static void draft_add(draft *d, const tn_weight *tensor, const char *from, const char *to, size_t part, size_t parts)
{
    const size_t i = d->count++;
    const char *at = strstr(tensor->name, from);
    assert_true(i < TENSORS_MAX && at);
    snprintf(d->names[i], sizeof d->names[i], "%.*s%s%s", (int)(at - tensor->name), tensor->name, to, at + strlen(from));
    memcpy(d->dims[i], tensor->dims, sizeof tensor->dims);
    d->dims[i][0] /= parts;
    d->values[i] = malloc(tensor->count * sizeof **d->values);
    assert_non_null(d->values[i]);
    tn_weight_values(tensor, d->values[i]);
    d->tensors[i] = (tn_weight_source){
        .name = d->names[i], .rank = tensor->rank, .dims = d->dims[i], .values = d->values[i] + part * (tensor->count / parts)};
}

static void attention_of_other_habits_is_read(void **state)
{
    (void)state;
    static const char *const PARTS[] = {".q_proj.", ".k_proj.", ".v_proj."};
    for (int split = 0; split < 2; split++) {
        tn_weights given;
        tn_error error = {0};
        network n;
        char path[64], file[128], source[512];
        draft *d = calloc(1, sizeof *d);
        assert_non_null(d);
        snprintf(source, sizeof source, "%s/networks/gpt.safetensors", TN_TEST_DATA);
        open_file(source, &given);
        for (size_t i = 0; i < given.count; i++) {
            const tn_weight *tensor = &given.tensors[i];
            if (strstr(tensor->name, ".in_proj_") && split)
                for (size_t part = 0; part < 3; part++)
                    draft_add(d, tensor, ".in_proj_", PARTS[part], part, 3);
            else if (strstr(tensor->name, ".in_proj_"))
                draft_add(d, tensor, ".in_proj_", ".c_attn.", 0, 1);
            else if (strstr(tensor->name, ".out_proj."))
                draft_add(d, tensor, ".out_proj.", split ? ".o_proj." : ".c_proj.", 0, 1);
            else if (strcmp(tensor->name, "wpe.weight") == 0)
                draft_add(d, tensor, ".weight", "", 0, 1); /* a Parameter of its own */
            else
                draft_add(d, tensor, "", "", 0, 1);
        }
        temporary(path);
        assert_int_equal(tn_safetensors_write(path, d->tensors, d->count, false, &error), TN_OK);
        snprintf(file, sizeof file, "weights.file=%s", path);
        network_open(&n, "gpt", (const char *const[]){file, NULL}, 1);
        load(&n);
        json_t *expected = network_expected("gpt");
        assert_true(network_difference(&n, json_object_get(expected, "outputs")) <= TOLERANCE);
        json_decref(expected);
        network_close(&n);
        unlink(path);
        for (size_t i = 0; i < d->count; i++)
            free(d->values[i]);
        free(d);
        tn_weights_deinit(&given);
    }
}

/* ---- mistakes ---- */

static void assert_refused(const char *name, const char *const *assignments, tn_status code, const char *const *words, const char *pointer)
{
    network n;
    tn_error error = {0};
    network_open(&n, name, assignments, 1);
    assert_int_equal(tn_native_load_weights(n.hypes, n.trainer, &error), code);
    for (size_t i = 0; words[i]; i++)
        if (!strstr(error.message, words[i]))
            fail_msg("'%s' does not say '%s'", error.message, words[i]);
    assert_string_equal(error.pointer, pointer);
    assert_true(error.line > 0);
    network_close(&n);
}

static void what_does_not_fit_is_told(void **state)
{
    (void)state;
    /* Missing, with the name that is meant and how many others are missing. */
    assert_refused("lstm", (const char *const[]){"net.1.name=lstm2", NULL}, TN_ERROR_HYPES,
                   (const char *const[]){"holds no 'lstm2.weight_ih_l0', [48, 8], for weight_ih_l0 of the lstm 'lstm2'",
                                         "the nearest there is 'lstm.weight_ih_l0', [48, 8]", "weights.partial",
                                         "7 further tensors are missing", NULL},
                   "/net/1");
    /* No name is near: a tensor of that shape is meant. */
    assert_refused(
        "resnet", (const char *const[]){"net.20.name=classifier_of_the_whole", NULL}, TN_ERROR_HYPES,
        (const char *const[]){"holds no 'classifier_of_the_whole.weight', [4, 10]", "the nearest there is 'fc.weight', [4, 10]", NULL},
        "/net/20");
    /* Another shape: both, in PyTorch's form and in tenet's. */
    assert_refused("lstm", (const char *const[]){"net.1.units=13", NULL}, TN_ERROR_HYPES,
                   (const char *const[]){"'lstm.weight_ih_l0' of 'lstm.safetensors' has the shape [48, 8]",
                                         "needs [52, 8] (PyTorch's form of [8, 52])", NULL},
                   "/net/1");
    assert_refused("lstm", (const char *const[]){"net.1.units=13", "weights.partial=true", NULL}, TN_ERROR_HYPES,
                   (const char *const[]){"has the shape [48, 8]", NULL}, "/net/1");
    /* More than the net takes. */
    assert_refused("gpt", (const char *const[]){"net.19.bias=true", NULL}, TN_ERROR_HYPES,
                   (const char *const[]){"holds no 'lm_head.bias', [11]", NULL}, "/net/19");
    assert_refused("lstm", (const char *const[]){"net.1.layers=1", NULL}, TN_ERROR_HYPES,
                   (const char *const[]){"holds 4 tensors that no node of the net takes: 'lstm.bias_hh_l1' [48]", "weights.partial", NULL},
                   "/weights/file");
    /* Partial is not nothing at all. */
    assert_refused("lstm", (const char *const[]){"net.0.name=a", "net.1.name=b", "net.2.name=c", "weights.partial=true", NULL},
                   TN_ERROR_HYPES, (const char *const[]){"holds no 'a.weight'", "10 further", NULL}, "/net/0");
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    network n;
    tn_error error = {0};
    network_open(&n, "lstm", (const char *const[]){"weights.file=nowhere.safetensors", NULL}, 1);
    assert_int_equal(tn_native_load_weights(n.hypes, n.trainer, &error), TN_ERROR_IO);
    assert_non_null(strstr(error.file, "/networks/nowhere.safetensors"));
    network_close(&n);
    network_open(&n, "lstm", (const char *const[]){"weights.file=lstm.json", NULL}, 1);
    assert_int_equal(tn_native_load_weights(n.hypes, n.trainer, &error), TN_ERROR_UNSUPPORTED);
    network_close(&n);
}

static const float *parameter(const network *n, size_t i, size_t *count)
{
    char name[80];
    tn_shape shape;
    const float *values;
    assert_true(tn_trainer_parameter(n->trainer, i, name, &shape, &values));
    *count = tn_shape_size(&shape);
    return values;
}

static void a_part_is_loaded_and_the_rest_initialised(void **state)
{
    (void)state;
    network whole, part;
    size_t count, same = 0, parameters = 0;
    tn_parameter_facts facts;
    network_open(&whole, "lstm", NULL, 1);
    load(&whole);
    network_open(&part, "lstm", (const char *const[]){"net.2.name=new_head", "weights.partial=true", NULL}, 1);
    load(&part);
    for (; tn_trainer_parameter_facts(part.trainer, parameters, &facts); parameters++) {
        const float *one = parameter(&whole, parameters, &count), *other = parameter(&part, parameters, &count);
        same += memcmp(one, other, count * sizeof *one) == 0;
    }
    assert_int_equal(parameters, 11);
    assert_int_equal(same, 9);
    network_close(&whole);
    network_close(&part);
}

/* The knob that scales initial weights turns what it says here too. */
static void the_scale_of_init_multiplies_weights_alone(void **state)
{
    (void)state;
    network one, twice;
    size_t count;
    tn_parameter_facts facts;
    network_open(&one, "resnet", NULL, 1);
    network_open(&twice, "resnet", (const char *const[]){"init.scale=2", NULL}, 1);
    load(&one);
    load(&twice);
    for (size_t i = 0; tn_trainer_parameter_facts(one.trainer, i, &facts); i++) {
        const float *as_given = parameter(&one, i, &count), *scaled = parameter(&twice, i, &count),
                    factor = strcmp(facts.name, "weight") == 0 ? 2 : 1;
        for (size_t k = 0; k < count; k++)
            assert_true(scaled[k] == factor * as_given[k]);
    }
    network_close(&one);
    network_close(&twice);
}

/* Every trial of a subject starts from the file, whatever its seed. */
static void trials_start_from_the_file(void **state)
{
    (void)state;
    char path[512];
    tn_hypes *hypes;
    tn_subject *subject;
    tn_error error = {0};
    json_t *expected = network_expected("resnet");
    snprintf(path, sizeof path, "%s/networks/resnet.json", TN_TEST_DATA);
    assert_int_equal(tn_hypes_load(path, &hypes, &error), TN_OK);
    assert_int_equal(tn_subject_native(hypes, NULL, NULL, &subject, &error), TN_OK);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        tn_trial_result result;
        const tn_trial_request request = {.experiment = "test",
                                          .knobs = {.set = TN_KNOB_STEPS | TN_KNOB_SEED, .steps = STEPS, .seed = seed},
                                          .stop_at_train_score = INFINITY};
        assert_int_equal(tn_subject_run(subject, &request, 1, &result, &error), TN_OK);
        assert_int_equal(result.end, TN_TRIAL_COMPLETED);
        for (size_t i = 0; i < STEPS; i++)
            assert_true(fabs(result.losses[i] - json_number_value(json_array_get(json_object_get(expected, "losses"), i))) <= TOLERANCE);
        tn_trial_result_deinit(&result);
    }
    json_decref(expected);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_pytorch),
        cmocka_unit_test(five_steps_are_those_of_pytorch),
        cmocka_unit_test(every_op_takes_part_in_the_five_steps),
        cmocka_unit_test(what_is_written_for_pytorch_is_what_it_wrote),
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(attention_of_other_habits_is_read),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
        cmocka_unit_test(a_part_is_loaded_and_the_rest_initialised),
        cmocka_unit_test(the_scale_of_init_multiplies_weights_alone),
        cmocka_unit_test(trials_start_from_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
