/* support_text.c: see support_text.h. */
#include "engine/support_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

tn_status support_text_open(support_text *of, size_t threads, const char *data, const char *net, const char *solver, tn_error *error)
{
    *of = (support_text){.folder = "/tmp/tenet_carry_XXXXXX"};
    assert_non_null(mkdtemp(of->folder));
    char path[64], text[1200];
    snprintf(path, sizeof path, "%s/a.txt", of->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < 89; i++)
        fputc("abcde"[i * i % 11 % 5], file);
    fclose(file);
    int length = snprintf(text, sizeof text,
                          "{\"data\": {\"train\": {\"format\": \"text\", \"file\": \"a.txt\", \"time\": 4%s}, \"net\": [%s], \"loss\": "
                          "\"softmax_cross_entropy\", \"solver\": {\"opt\": \"adam\", \"learning_rate\": 0.02, \"carry_state\": true%s}}",
                          data, net, solver);
    assert_true(length > 0 && (size_t)length < sizeof text);
    tn_status status = tn_hypes_parse(text, (size_t)length, "t.json", of->folder, &of->hypes, error);
    if (status == TN_OK)
        status = tn_data_open(of->hypes, NULL, &of->data, error);
    if (status == TN_OK)
        status = tn_pool_create(threads, &of->pool, error);
    if (status == TN_OK)
        status = tn_trainer_create(of->hypes, &of->data, of->pool, &of->trainer, error);
    return status;
}

void support_text_close(support_text *of)
{
    char path[64];
    tn_trainer_destroy(of->trainer);
    tn_data_close(&of->data);
    tn_hypes_destroy(of->hypes);
    tn_pool_destroy(of->pool);
    snprintf(path, sizeof path, "%s/a.txt", of->folder);
    unlink(path);
    rmdir(of->folder);
}
