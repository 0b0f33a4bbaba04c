/* safetensors_write.c: weights into a safetensors file (the format: safetensors.c), which is there whole or not at all.
 *
 * Written beside its place, synced, then renamed: a full disk or a killed process leaves what was there before. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "weights/weights.h"

/* A name as a JSON string. */
static void add_name(tn_text *text, const char *name)
{
    tn_text_add(text, "\"");
    for (const char *at = name; *at; at++) {
        if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20)
            tn_text_addf(text, "\\u%04x", (unsigned)(unsigned char)*at);
        else
            tn_text_add_bytes(text, at, 1);
    }
    tn_text_add(text, "\"");
}

/* The header, padded with spaces to a multiple of 8 so that the values are aligned; NULL where memory is out. (Not by jansson, whose writer overlooks that in places.) */
static char *make_header(const tn_weight_source *tensors, size_t count, bool by_tenet, size_t *length)
{
    tn_text text;
    uint64_t at = 0;
    tn_text_init(&text);
    tn_text_addf(&text, "{\"__metadata__\":{\"format\":\"%s\"}", by_tenet ? "tenet" : "pt");
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = sizeof(float);
        tn_text_add(&text, ",");
        add_name(&text, tensors[i].name);
        tn_text_add(&text, ":{\"dtype\":\"F32\",\"shape\":[");
        for (size_t k = 0; k < tensors[i].rank; k++) {
            tn_text_addf(&text, "%s%zu", k > 0 ? "," : "", tensors[i].dims[k]);
            bytes *= tensors[i].dims[k];
        }
        tn_text_addf(&text, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + bytes);
        at += bytes;
    }
    tn_text_add(&text, "}");
    while (!text.failed && text.length % 8 != 0)
        tn_text_add(&text, " ");
    *length = text.length;
    return tn_text_take(&text);
}

static bool write_all(FILE *file, const tn_weight_source *tensors, size_t count, const char *header, size_t length)
{
    unsigned char prefix[8];
    for (size_t i = 0; i < sizeof prefix; i++)
        prefix[i] = (unsigned char)((uint64_t)length >> 8 * i);
    bool written = fwrite(prefix, 1, sizeof prefix, file) == sizeof prefix && fwrite(header, 1, length, file) == length;
    for (size_t i = 0; i < count && written; i++) {
        size_t values = 1;
        for (size_t k = 0; k < tensors[i].rank; k++)
            values *= tensors[i].dims[k];
        written = fwrite(tensors[i].values, sizeof(float), values, file) == values; /* of this machine, which is little-endian */
    }
    return written && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

static tn_status fail_write(tn_error *error, const char *path)
{
    tn_fail(error, TN_ERROR_IO, "the weights could not be written: %s", strerror(errno));
    tn_error_at(error, path, 0, NULL);
    return TN_ERROR_IO;
}

/* mkstemp's file is for its owner alone; a file that a person saves follows their umask. */
static void widen_mode(int descriptor)
{
    mode_t mask = umask(0);
    umask(mask);
    (void)fchmod(descriptor, 0666 & ~mask);
}

static tn_status write_beside(const char *path, char *beside, const tn_weight_source *tensors, size_t count, const char *header,
                              size_t length, tn_error *error)
{
    int descriptor = mkstemp(beside);
    if (descriptor < 0)
        return fail_write(error, path);
    widen_mode(descriptor);
    FILE *file = fdopen(descriptor, "wb");
    bool written = file && write_all(file, tensors, count, header, length);
    tn_status status = written ? TN_OK : fail_write(error, path);
    if (!file)
        close(descriptor);
    else if (fclose(file) != 0 && status == TN_OK)
        status = fail_write(error, path);
    if (status == TN_OK && rename(beside, path) != 0)
        status = fail_write(error, path);
    if (status != TN_OK)
        unlink(beside);
    return status;
}

tn_status tn_safetensors_write(const char *path, const tn_weight_source *tensors, size_t count, bool by_tenet, tn_error *error)
{
    static const char SUFFIX[] = ".XXXXXX";
    size_t length = 0, path_size = strlen(path) + sizeof SUFFIX;
    char *header = make_header(tensors, count, by_tenet, &length), *beside = malloc(path_size);
    tn_status status = TN_OK;
    if (!header || !beside) {
        status = tn_fail_memory(error, length);
    } else {
        snprintf(beside, path_size, "%s%s", path, SUFFIX);
        status = write_beside(path, beside, tensors, count, header, length, error);
    }
    free(header);
    free(beside);
    return status;
}
