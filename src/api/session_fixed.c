/* session_fixed.c: tenet debug --write: the hypes as the user wrote them, with what repaired them. */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/session.h"
#include "base/file_replace.h"
#include "base/memory.h"

static tn_status fail_write(const char *path, int why, tn_error *error)
{
    return tn_fail(error, TN_ERROR_IO, "The fixed hypes cannot be written to '%.300s': %s.", path, strerror(why));
}

tn_status tn_session_fixed_open(tn_session *session, const tn_settings *settings, tn_error *error)
{
    const char *path = settings->fixed_path;
    if (!path)
        return TN_OK;
    if (settings->program && settings->program[0])
        return tn_fail(
            error, TN_ERROR_USAGE,
            "What repairs a program is lines of it, which the report names; fixed hypes can be written for a network of hypes alone.");
    session->fixed_path = tn_string_copy(path);
    char *folder = tn_string_copy(path);
    tn_status status = session->fixed_path && folder ? TN_OK : tn_fail_memory(error, strlen(path) + 1);
    if (status == TN_OK && access(dirname(folder), W_OK) != 0)
        status = fail_write(path, errno, error);
    free(folder);
    return status;
}

static tn_status write_patched(const tn_session *session, const json_t *patch, tn_error *error)
{
    tn_hypes *fixed = NULL;
    tn_status status = tn_hypes_patch(session->hypes, patch, &fixed, error);
    if (status != TN_OK)
        return status;
    char *text = tn_hypes_print_written(fixed, session->fixed_path);
    int why = text ? tn_file_replace(session->fixed_path, text, strlen(text)) : ENOMEM;
    free(text);
    tn_hypes_destroy(fixed);
    return why == 0 ? TN_OK : fail_write(session->fixed_path, why, error);
}

/* A file that cannot be written must not cost the report: tn_session_close tells of it. */
tn_status tn_session_write_fixed(tn_session *session, json_t *document, tn_error *error)
{
    if (!session->fixed_path)
        return TN_OK;
    const json_t *patch = json_object_get(json_object_get(document, "fixed"), "patch");
    tn_error failure = {.code = TN_OK};
    if (patch && write_patched(session, patch, &failure) != TN_OK) {
        if (session->page_error.code == TN_OK)
            session->page_error = failure;
        return TN_OK;
    }
    json_t *written = patch ? json_string(session->fixed_path) : json_null();
    return json_object_set_new(document, "written", written) == 0 ? TN_OK : tn_fail_memory(error, strlen(session->fixed_path));
}
