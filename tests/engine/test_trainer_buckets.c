/* test_trainer_buckets.c: sequences of similar length in one batch, read as far as its longest: loss, norm, weights and predictions are those of the padded network, every sample comes once an epoch in an order of the
 * seed's, what is made ahead and checkpoints fit in, and nets that padding could change are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "engine/support_trainer.h"
#include "engine/trainer_parts.h"

enum { PAIRS = 90, TIME = 24, WORDS = 9, VOCABULARY = WORDS + 3, BATCH = 8 };

#define EMBEDDING "{\"op\": \"embedding\", \"vocabulary\": 12, \"units\": 8}, "
#define MIXED                                                                                                                              \
    "{\"op\": \"add\", \"from\": [\"start\", \"mixed\"]}, {\"op\": \"layer_norm\"}, {\"op\": \"gelu\"}, {\"op\": \"dense\", \"units\": "   \
    "12}"
#define CAUSAL                                                                                                                             \
    EMBEDDING "{\"op\": \"position_embedding\", \"name\": \"start\"}, {\"op\": \"attention\", \"heads\": 2, \"causal\": true, \"name\": "  \
              "\"mixed\"}, " MIXED
#define MASKED                                                                                                                             \
    EMBEDDING "{\"op\": \"position_embedding\", \"kind\": \"sinusoidal\", \"name\": \"start\"}, {\"op\": \"attention\", \"heads\": 2, "    \
              "\"padding\": 0, \"from\": [\"start\", \"input\"], \"name\": \"mixed\"}, " MIXED
#define RECURRENT EMBEDDING "{\"op\": \"gru\", \"units\": 7}, {\"op\": \"lstm\", \"units\": 6}, {\"op\": \"dense\", \"units\": 12}"

static const char *const NETS[] = {CAUSAL, MASKED, RECURRENT};
enum { NET_COUNT = sizeof NETS / sizeof *NETS };

typedef struct pairs {
    char folder[32];
    tn_hypes *hypes;
    tn_data data;
    tn_pool *pool;
    tn_trainer *trainer;
} pairs;

/* Lines of one to eleven words, those of the second text as long as, or one longer than, the first's. */
static void write_texts(const char *folder)
{
    char path[64];
    for (size_t text = 0; text < 2; text++) {
        tn_rng rng;
        tn_rng_init(&rng, 3, TN_STREAM_TEST);
        snprintf(path, sizeof path, "%s/%zu.txt", folder, text);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        for (size_t i = 0; i < PAIRS; i++) {
            const size_t words = 1 + (size_t)tn_rng_below(&rng, 11), more = text > 0 ? i % 2 : 0;
            for (size_t k = 0; k < words + more; k++)
                fprintf(file, "w%zu ", i == 0 ? k % WORDS : (size_t)(tn_rng_bits(&rng) >> 7) % WORDS);
            if (i == 0) /* all words occur */
                for (size_t k = 0; k < WORDS; k++)
                    fprintf(file, "w%zu ", k);
            fputc('\n', file);
        }
        assert_int_equal(fclose(file), 0);
    }
}

static tn_status open_pairs(pairs *of, const char *data, const char *net, const char *solver, size_t threads, tn_error *error)
{
    char text[2048];
    *of = (pairs){.folder = "/tmp/tenet_buckets_XXXXXX"};
    assert_non_null(mkdtemp(of->folder));
    write_texts(of->folder);
    int length =
        snprintf(text, sizeof text,
                 "{\"data\": {\"train\": {\"format\": \"parallel\", \"source\": \"0.txt\", \"target\": \"1.txt\", \"time\": %d}, "
                 "\"valid\": {\"fraction\": 0}%s}, \"net\": [%s], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": "
                 "%d, \"epochs\": 100%s}}",
                 TIME, data, net, BATCH, solver);
    assert_true(length > 0 && (size_t)length < sizeof text);
    *error = (tn_error){0};
    tn_status status = tn_hypes_parse(text, (size_t)length, "test.json", of->folder, &of->hypes, error);
    if (status == TN_OK)
        status = tn_data_open(of->hypes, NULL, &of->data, error);
    if (status == TN_OK)
        status = tn_pool_create(threads, &of->pool, error);
    return status ? status : tn_trainer_create(of->hypes, &of->data, of->pool, &of->trainer, error);
}

static void open_or_fail(pairs *of, bool with, const char *net, const char *solver, size_t threads)
{
    tn_error error;
    if (open_pairs(of, with ? ", \"buckets\": 3" : "", net, solver, threads, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    assert_int_equal(tn_trainer_nets(of->trainer) > 1, with);
}

static void close_pairs(pairs *of)
{
    char path[64];
    tn_trainer_destroy(of->trainer);
    tn_pool_destroy(of->pool);
    tn_data_close(&of->data);
    tn_hypes_destroy(of->hypes);
    for (int text = 0; text < 2; text++) {
        snprintf(path, sizeof path, "%s/%d.txt", of->folder, text);
        (void)unlink(path);
    }
    (void)rmdir(of->folder);
}

static void expect_close(double found, double expected, const char *what, size_t at)
{
    if (!(fabs(found - expected) <= 1e-6 * (1 + fabs(expected))))
        fail_msg("%s %zu is %.9g, and %.9g padded", what, at, found, expected);
}

/* All weights. Both have stepped alike, so what differs is the order of sums. */
static void expect_close_weights(const tn_trainer *a, const tn_trainer *b, double tolerance)
{
    char name[80];
    tn_shape shape;
    const float *first, *second;
    for (size_t i = 0; tn_trainer_parameter(a, i, name, &shape, &first); i++) {
        assert_true(tn_trainer_parameter(b, i, name, &shape, &second));
        for (size_t k = 0; k < tn_shape_size(&shape); k++)
            if (!(fabs((double)first[k] - (double)second[k]) <= tolerance))
                fail_msg("%s, value %zu: %.9g, and %.9g padded", name, k, (double)first[k], (double)second[k]);
    }
}

/* In the order of the file, so that both see the same batches. Momentum and decay move rows of a position table that a short batch does not reach. */
static void steps_are_those_of_the_padded_network(void **state)
{
    (void)state;
    static const char solver[] = ", \"shuffle\": false, \"learning_rate\": 0.02, \"momentum\": 0.9, \"weight_decay\": 0.01";
    for (size_t n = 0; n < NET_COUNT; n++) {
        pairs padded, short_ones;
        open_or_fail(&padded, false, NETS[n], solver, 1);
        open_or_fail(&short_ones, true, NETS[n], solver, 1);
        for (size_t i = 0; i < 15; i++) {
            tn_step_result with, without;
            tn_trainer_step(padded.trainer, true, NULL, NULL, &without);
            tn_trainer_step(short_ones.trainer, true, NULL, NULL, &with);
            expect_close(with.loss, without.loss, "loss", i);
            expect_close(with.gradient_norm, without.gradient_norm, "norm", i);
            assert_int_equal(with.samples, without.samples);
        }
        expect_close_weights(short_ones.trainer, padded.trainer, 1e-6);
        close_pairs(&padded);
        close_pairs(&short_ones);
    }
}

/* Each sample once, wherever its label is; what no short net makes is 0. */
static void predictions_are_those_of_the_padded_network(void **state)
{
    (void)state;
    enum { OUTPUTS = TIME * VOCABULARY };
    for (size_t n = 0; n < NET_COUNT; n++) {
        pairs padded, short_ones;
        open_or_fail(&padded, false, NETS[n], "", 1);
        open_or_fail(&short_ones, true, NETS[n], "", 2);
        const size_t samples = tn_dataset_samples(padded.data.train);
        float *outputs[2], *losses[2];
        int32_t *labels = malloc(samples * TIME * sizeof *labels);
        uint32_t *backwards = malloc(samples * sizeof *backwards);
        assert_true(samples > 70 && labels && backwards);
        for (size_t i = 0; i < samples; i++)
            backwards[i] = (uint32_t)(samples - 1 - i);
        tn_dataset_class_labels(padded.data.train, backwards, samples, labels);
        pairs *const both[] = {&padded, &short_ones};
        for (size_t k = 0; k < 2; k++) {
            outputs[k] = malloc(samples * OUTPUTS * sizeof *outputs[k]);
            losses[k] = malloc(samples * sizeof *losses[k]);
            assert_true(outputs[k] && losses[k]);
            for (size_t i = 0; i < samples; i++)
                losses[k][i] = -1;
            assert_int_equal(tn_trainer_output_size(both[k]->trainer), OUTPUTS);
            tn_trainer_predict(both[k]->trainer, both[k]->data.train, backwards, samples, outputs[k], losses[k]);
        }
        for (size_t i = 0; i < samples; i++) {
            assert_true(losses[0][i] > 0);
            expect_close((double)losses[1][i], (double)losses[0][i], "loss of sample", i);
        }
        for (size_t i = 0; i < samples * TIME; i++)
            for (size_t c = 0; c < VOCABULARY && labels[i] >= 0; c++)
                expect_close((double)outputs[1][i * VOCABULARY + c], (double)outputs[0][i * VOCABULARY + c], "output", i * VOCABULARY + c);
        for (size_t k = 0; k < 2; k++) {
            free(outputs[k]);
            free(losses[k]);
        }
        free(labels);
        free(backwards);
        close_pairs(&padded);
        close_pairs(&short_ones);
    }
}

/* The rows of an epoch's batches, and the steps that they were read. */
typedef struct epoch {
    size_t rows[PAIRS], count, batches, steps;
} epoch;

static void note_batch(void *context, const tn_tensor_shown *shown)
{
    epoch *e = context;
    if (shown->name->role != TN_ROLE_INPUT)
        return;
    assert_int_equal(shown->name->units, 1);
    for (size_t i = 0; i < shown->batch.count; i++)
        e->rows[e->count++] = shown->batch.rows[i];
    e->batches++;
    e->steps += shown->name->count;
}

static void run_epoch(const pairs *of, epoch *e)
{
    *e = (epoch){.count = 0};
    tn_step_result result;
    for (uint64_t i = 0; i < tn_trainer_steps_per_epoch(of->trainer); i++)
        tn_trainer_step(of->trainer, false, note_batch, e, &result);
}

static void every_sample_comes_once_an_epoch(void **state)
{
    (void)state;
    static const char *const seeds[] = {", \"seed\": 5", ", \"seed\": 5", ", \"seed\": 6"};
    static epoch epochs[3][2];
    size_t samples = 0;
    for (size_t k = 0; k < 3; k++) {
        pairs of;
        open_or_fail(&of, true, CAUSAL, seeds[k], 1);
        samples = tn_dataset_samples(of.data.train);
        assert_true(samples % BATCH != 0); /* the last batch is smaller */
        assert_int_equal(tn_trainer_steps_per_epoch(of.trainer), (samples + BATCH - 1) / BATCH);
        for (size_t i = 0; i < 2; i++) {
            const epoch *e = &epochs[k][i];
            size_t seen[PAIRS] = {0};
            run_epoch(&of, &epochs[k][i]);
            assert_int_equal(e->count, samples);
            for (size_t row = 0; row < samples; row++)
                seen[e->rows[row]]++;
            for (size_t sample = 0; sample < samples; sample++)
                assert_int_equal(seen[tn_dataset_row(of.data.train, sample)], 1);
            /* Words are 1 to 11 of equal chance, twice and a go: a third is not read. */
            assert_true(e->steps < samples * TIME * 3 / 4);
        }
        close_pairs(&of);
    }
    assert_memory_equal(epochs[0], epochs[1], sizeof epochs[0]);
    assert_memory_not_equal(epochs[0][0].rows, epochs[0][1].rows, samples * sizeof(size_t));
    assert_memory_not_equal(epochs[0][0].rows, epochs[2][0].rows, samples * sizeof(size_t));
}

/* At any number of threads, made ahead, with predictions between, and from a checkpoint in the middle of an epoch. */
static void runs_repeat_bit_for_bit(void **state)
{
    (void)state;
    static const char solver[] = ", \"opt\": \"adam\", \"clip_norm\": 1";
    for (size_t n = 0; n < NET_COUNT; n++) {
        pairs one, other;
        tn_error error;
        tn_step_result first, second;
        static float outputs[PAIRS * TIME * VOCABULARY];
        open_or_fail(&one, true, NETS[n], solver, 1);
        open_or_fail(&other, true, NETS[n], solver, 3);
        assert_int_equal(tn_trainer_start_ahead(other.trainer, &error), TN_OK);
        const size_t samples = tn_dataset_samples(one.data.train);
        size_t size = 0;
        void *middle = NULL;
        for (size_t i = 0; i < 30; i++) {
            if (i == 15)
                middle = support_state_of(one.trainer, &size);
            tn_trainer_step(one.trainer, false, NULL, NULL, &first);
            tn_trainer_step(other.trainer, false, NULL, NULL, &second);
            assert_true(first.loss == second.loss);
            if (i % 7 == 3)
                tn_trainer_predict(other.trainer, other.data.train, NULL, samples, outputs, NULL);
        }
        support_expect_equal_states(one.trainer, other.trainer);
        assert_int_equal(tn_trainer_restore(other.trainer, middle, size, &error), TN_OK);
        for (size_t i = 15; i < 30; i++)
            tn_trainer_step(other.trainer, false, NULL, NULL, &second);
        assert_true(first.loss == second.loss);
        support_expect_equal_states(one.trainer, other.trainer);
        free(middle);
        close_pairs(&one);
        close_pairs(&other);
    }
}

/* Where no sample is shorter than another there is nothing to gain, and nothing is done. */
static void samples_of_one_length_have_no_buckets(void **state)
{
    (void)state;
    static const char text[] = "{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"translation\", \"samples\": 40, \"time\": 3, "
                               "\"vocabulary\": 12}, \"buckets\": 4}, \"net\": [" RECURRENT
                               "], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": 8}}";
    tn_hypes *hypes = NULL;
    tn_data data;
    tn_trainer *trainer = NULL;
    tn_error error = {0};
    tn_step_result result;
    if (tn_hypes_parse(text, sizeof text - 1, "t.json", "", &hypes, &error) != TN_OK || tn_data_open(hypes, NULL, &data, &error) != TN_OK ||
        tn_trainer_create(hypes, &data, NULL, &trainer, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    assert_int_equal(tn_trainer_nets(trainer), 1);
    for (size_t i = 0; i < 7; i++)
        tn_trainer_step(trainer, false, NULL, NULL, &result);
    assert_true(isfinite(result.loss));
    tn_trainer_destroy(trainer);
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
}

/* Attention that looks ahead sees tokens behind the last label, if they are no padding: of the samples whose last step has no label half have a token there. */
static void tokens_without_labels_count_for_attention(void **state)
{
    (void)state;
    enum { STEPS = 6 };
    static const char rest[] = "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 6, \"units\": 4}, {\"op\": \"attention\", \"heads\": 2, "
                               "\"padding\": 1, \"from\": [\"embedding_0\", \"input\"]}, {\"op\": \"dense\", \"units\": 2}], \"loss\": "
                               "\"softmax_cross_entropy\", \"solver\": {\"batch_size\": 2, \"learning_rate\": 0.1, \"shuffle\": false}";
    support_problem problem = {.samples = 24,
                               .rank = 1,
                               .dims = {STEPS},
                               .classes = 2,
                               .steps = STEPS,
                               .tokens = 6,
                               .data = ", \"label\": {\"each_step\": true, \"padding\": 2}"};
    support_trainer padded, short_ones;
    tn_error error;
    if (support_trainer_open(&padded, &problem, 1, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    problem.data = ", \"label\": {\"each_step\": true, \"padding\": 2}, \"buckets\": 8";
    if (support_trainer_open(&short_ones, &problem, 1, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    assert_int_equal(tn_trainer_nets(short_ones.trainer), 2);
    size_t of_five = 0;
    for (uint32_t i = 0; i < 24; i++)
        of_five += tn_trainer_net_of(short_ones.trainer, short_ones.data.train, i) == 0;
    assert_int_equal(of_five, 4);
    for (size_t i = 0; i < 24; i++) {
        tn_step_result with, without;
        tn_trainer_step(padded.trainer, true, NULL, NULL, &without);
        tn_trainer_step(short_ones.trainer, true, NULL, NULL, &with);
        expect_close(with.loss, without.loss, "loss", i);
        expect_close(with.gradient_norm, without.gradient_norm, "norm", i);
    }
    support_trainer_close(&padded);
    support_trainer_close(&short_ones);
}

static void expect_refusal(const char *data, const char *net, const char *solver, const char *part, const char *pointer)
{
    pairs of;
    tn_error error;
    assert_int_equal(open_pairs(&of, data, net, solver, 1, &error), TN_ERROR_HYPES);
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", error.message, part);
    assert_string_equal(error.pointer, pointer);
    close_pairs(&of);
}

static void what_padding_could_change_is_refused(void **state)
{
    (void)state;
    static const char at[] = "/data/buckets", with[] = ", \"buckets\": 2";
#define END "{\"op\": \"dense\", \"units\": 12}"
    expect_refusal(with, EMBEDDING "{\"op\": \"attention\", \"heads\": 2}, " END, "", "attention_1 looks at all steps; make it \"causal\"",
                   at);
    expect_refusal(with,
                   EMBEDDING "{\"op\": \"attention\", \"heads\": 2, \"padding\": 0, \"from\": [\"embedding_0\", \"input\"]}, {\"op\": "
                             "\"attention\", \"heads\": 2, \"padding\": 1, \"from\": [\"attention_1\", \"input\"]}, " END,
                   "", "attention_2 has another \"padding\"", at);
    expect_refusal(with, EMBEDDING "{\"op\": \"gru\", \"units\": 4, \"bidirectional\": true}, " END, "",
                   "gru_1 reads sequences from their end", at);
    expect_refusal(with, EMBEDDING "{\"op\": \"batch_norm\"}, " END, "", "batch_norm_1 puts several steps together", at);
    expect_refusal(with, EMBEDDING "{\"op\": \"permute\", \"order\": [1, 0]}, {\"op\": \"permute\", \"order\": [1, 0]}, " END, "",
                   "permute_1 puts several steps together", at);
    expect_refusal(", \"buckets\": 2, \"augment\": {\"noise\": 0.1}", CAUSAL, "", "does not go with data.augment", at);
    expect_refusal(", \"buckets\": 1", CAUSAL, "", "expected a whole number from 2 to 8", at);
    expect_refusal(", \"buckets\": 9", CAUSAL, "", "expected a whole number from 2 to 8", at);
    static const support_problem rows = {.samples = 20, .rank = 1, .dims = {6}, .classes = 4, .data = ", \"buckets\": 2"};
    support_trainer s;
    tn_error error;
    assert_int_equal(
        support_trainer_open(&s, &rows, 1, "\"net\": [{\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\"", &error),
        TN_ERROR_HYPES);
    assert_non_null(strstr(error.message, "these samples are [6] with 1 label"));
    assert_string_equal(error.pointer, at);
    support_trainer_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_padded_network),     cmocka_unit_test(predictions_are_those_of_the_padded_network),
        cmocka_unit_test(every_sample_comes_once_an_epoch),          cmocka_unit_test(runs_repeat_bit_for_bit),
        cmocka_unit_test(tokens_without_labels_count_for_attention), cmocka_unit_test(samples_of_one_length_have_no_buckets),
        cmocka_unit_test(what_padding_could_change_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
