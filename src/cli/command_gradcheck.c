/* command_gradcheck.c: tenet gradcheck: layers of the user's own, of a network or by themselves, and a first one to begin with. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/new_layer.h"

enum { NAME_MAX_LENGTH = 23, PATH_SIZE = 512, MESSAGE_SIZE = 768 };

/* Whether the operand is a library, by its first bytes; one that cannot be read is by its name. */
static bool is_library(const char *path)
{
    unsigned char magic[4] = {0};
    size_t length = strlen(path), got = 0;
    FILE *file = fopen(path, "rb");
    if (file) {
        got = fread(magic, 1, sizeof magic, file);
        fclose(file);
    }
    bool named = length > 3 && (strcmp(path + length - 3, ".so") == 0 || strcmp(path + length - 2, ".c") == 0);
    return named || (got == sizeof magic && memcmp(magic, "\177ELF", sizeof magic) == 0);
}

static bool is_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    return length > 0 && length <= NAME_MAX_LENGTH && !isdigit((unsigned char)name[0]);
}

/* Writes a file of the template with the name in its places. False, with errno, where it cannot be. */
static bool write_file(const char *path, const unsigned char *bytes, size_t size, const char *name)
{
    static const char PLACE[] = "{{name}}";
    const size_t width = sizeof PLACE - 1;
    FILE *file = fopen(path, "wx");
    if (!file)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (size - i >= width && memcmp(bytes + i, PLACE, width) == 0) {
            fputs(name, file);
            i += width - 1;
        } else {
            fputc(bytes[i], file);
        }
    }
    bool written = !ferror(file);
    return fclose(file) == 0 && written;
}

static int write_layer(const tn_command *command, const char *name)
{
    char message[MESSAGE_SIZE], path[PATH_SIZE];
    const struct {
        const char *name; /* NULL: that of the layer */
        const unsigned char *bytes;
        size_t size;
    } files[] = {{"tenet_layer.h", tn_new_layer_0, tn_new_layer_0_size},
                 {NULL, tn_new_layer_1, tn_new_layer_1_size},
                 {"Makefile", tn_new_layer_2, tn_new_layer_2_size}};
    if (!name || !is_name(name)) {
        snprintf(message, sizeof message, "new needs the name of a layer, of at most %d letters, digits and _: tenet gradcheck new swish",
                 NAME_MAX_LENGTH);
        return tn_usage_print(command->name, message);
    }
    bool made = mkdir(name, 0777) == 0;
    snprintf(path, sizeof path, "%s", name);
    for (size_t i = 0; made && i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s%s", name, files[i].name ? files[i].name : name, files[i].name ? "" : ".c");
        made = write_file(path, files[i].bytes, files[i].size, name);
    }
    if (!made) {
        fprintf(stderr, "tenet %s: cannot write %s: %s\n", command->name, path, strerror(errno));
        return TN_EXIT_COULD_NOT_RUN;
    }
    printf("%s/%s.c is a layer that works: y = x where x > 0, else slope * x, with a learnt slope. Change it to yours.\n"
           "  make -C %s           builds %s/%s.so\n"
           "  make -C %s check     and looks for mistakes\n"
           "In a net: {\"plugin\": \"%s/%s.so\"}\n",
           name, name, name, name, name, name, name, name);
    return TN_EXIT_HEALTHY;
}

static tn_status job(tn_session *session, const tn_command *command, const tn_options *options, tn_report **report, tn_error *error)
{
    (void)options;
    return tn_session_experiment(session, command->name, report, error);
}

int tn_command_gradcheck(const tn_command *command, const tn_options *options)
{
    tn_options with = *options;
    if (options->operand && strcmp(options->operand, "new") == 0)
        return write_layer(command, options->second);
    if (options->second)
        return tn_usage_print(command->name, "expected one library, one hypes file, or: new NAME");
    with.is_layer = options->operand && is_library(options->operand);
    return tn_job_run(command, &with, job);
}
