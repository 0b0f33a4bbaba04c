/* debug_offer.c: see debug_offer.h. */
#include "cli/debug_offer.h"

#include <inttypes.h>
#include <string.h>

typedef struct line {
    char *text;
    size_t size, used;
} line;

static void add_bytes(line *to, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count && to->used + 1 < to->size; i++)
        to->text[to->used++] = bytes[i];
    to->text[to->used] = '\0';
}

/* A word as a shell reads it back. */
static void add_word(line *to, const char *word)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
    add_bytes(to, " ", 1);
    if (*word && strspn(word, PLAIN) == strlen(word)) {
        add_bytes(to, word, strlen(word));
        return;
    }
    add_bytes(to, "'", 1);
    for (; *word; word++)
        add_bytes(to, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
    add_bytes(to, "'", 1);
}

static void add_option(line *to, const char *name, const char *value)
{
    add_word(to, name);
    add_word(to, value);
}

void tn_debug_command(const tn_options *options, char *text, size_t size)
{
    line to = {.text = text, .size = size};
    char number[24];
    if (size == 0)
        return;
    add_bytes(&to, "tenet debug", strlen("tenet debug"));
    for (size_t i = 0; i < options->assignment_count; i++)
        add_option(&to, "--set", options->assignments[i]);
    for (size_t i = 0; i < options->rule_count; i++)
        add_option(&to, "--rule", options->rules[i]);
    if (options->given & TN_OPTION_SEED) {
        snprintf(number, sizeof number, "%" PRIu64, options->seed);
        add_option(&to, "--seed", number);
    }
    if (options->store)
        add_option(&to, "--store", options->store);
    if (options->hypes)
        add_option(&to, "--hypes", options->hypes);
    if (options->operand)
        add_word(&to, options->operand);
    if (options->program)
        add_word(&to, "--");
    for (size_t i = 0; options->program && options->program[i]; i++)
        add_word(&to, options->program[i]);
}

void tn_debug_offer_print(const tn_options *options)
{
    char command[2048];
    tn_debug_command(options, command, sizeof command);
    if (options->given & TN_OPTION_DEBUG_ON_PLATEAU)
        fprintf(stderr, "tenet: this training ends here, and its debug begins: %s\n", command);
    else
        fprintf(stderr, "tenet: do not wait for the end; to find out why: %s\n", command);
    fflush(stderr);
}
