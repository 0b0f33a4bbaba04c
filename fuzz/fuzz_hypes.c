/* fuzz_hypes.c: any bytes as a hypes file. What is accepted must print, and read back as the same tree; what is refused must say why, and where in the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypes/hypes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_error(const tn_error *error, const uint8_t *data, size_t size)
{
    require(error->code == TN_ERROR_HYPES && error->message[0] && memchr(error->message, '\0', sizeof error->message) != NULL);
    require(memchr(error->pointer, '\0', sizeof error->pointer) != NULL);
    int lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    require(error->line >= 0 && error->line <= lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_hypes *hypes = NULL, *again = NULL;
    tn_error error = {0};
    if (tn_hypes_parse((const char *)data, size, "fuzz.json", "", &hypes, &error) != TN_OK) {
        require(hypes == NULL);
        check_error(&error, data, size);
        return 0;
    }
    char *printed = tn_hypes_print(hypes);
    require(printed != NULL);
    require(tn_hypes_parse(printed, strlen(printed), "again.json", "", &again, &error) == TN_OK);
    require(json_equal(tn_hypes_root(hypes), tn_hypes_root(again)));
    /* What every reader relies on. */
    require(tn_hypes_node_count(hypes) > 0 && tn_hypes_number(hypes, "solver.learning_rate") >= 0 &&
            tn_hypes_integer(hypes, "solver.batch_size") > 0);
    tn_hypes_destroy(again);
    tn_hypes_destroy(hypes);
    free(printed);
    return 0;
}
