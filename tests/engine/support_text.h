/* support_text.h: a trainer on a text made up for a test, with a state that is carried from batch to batch. */
#ifndef TN_TESTS_SUPPORT_TEXT_H
#define TN_TESTS_SUPPORT_TEXT_H

#include "data/dataset.h"
#include "engine/trainer.h"

/* Nets on its five characters: the tokens alone, to be followed by others; and one that has a state of 4 + 4 + 3 values. */
#define SUPPORT_TEXT_TOKENS "{\"op\": \"embedding\", \"vocabulary\": 5, \"units\": 3}, "
#define SUPPORT_TEXT_NET                                                                                                                   \
    SUPPORT_TEXT_TOKENS "{\"op\": \"lstm\", \"units\": 4}, {\"op\": \"dropout\", \"rate\": 0.2}, {\"op\": \"gru\", \"units\": 3}, "        \
                        "{\"op\": \"dense\", \"units\": 5}"

/* For `data`: all 22 windows are for training. */
#define SUPPORT_TEXT_ALL "}, \"valid\": {\"fraction\": 0}"

typedef struct support_text {
    char folder[32];
    tn_hypes *hypes;
    tn_data data;
    tn_pool *pool;
    tn_trainer *trainer;
} support_text;

/* 89 characters: 22 windows of 4. `data` goes on within the text's own settings, and is to close them; `net` is the list of nodes, `solver` goes on from a comma. Close it in any case. */
tn_status support_text_open(support_text *of, size_t threads, const char *data, const char *net, const char *solver, tn_error *error);
void support_text_close(support_text *of);

#endif
