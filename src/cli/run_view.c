/* run_view.c: see run_view.h. */
#include "cli/run_view.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Whether the locale is a UTF-8 one. From the variables and not from setlocale, which refuses a locale that is not installed, however the terminal writes. */
static bool writes_utf8(void)
{
    static const char *const VARIABLES[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof VARIABLES / sizeof *VARIABLES; i++) {
        const char *value = getenv(VARIABLES[i]);
        if (!value || !*value)
            continue;
        char folded[16] = "";
        const char *codeset = strchr(value, '.');
        for (size_t at = 0, used = 0; codeset && codeset[at] && used + 1 < sizeof folded; at++)
            if (isalnum((unsigned char)codeset[at]))
                folded[used++] = (char)tolower((unsigned char)codeset[at]);
        return strncmp(folded, "utf8", 4) == 0;
    }
    return false;
}

bool tn_run_view_make(const tn_command *command, const tn_options *options, tn_runs_view *view)
{
    const char *store = options->store ? options->store : getenv("TENET_STORE");
    if (!store || !*store) {
        tn_usage_print(command->name, "which store? Give --store PATH, or set the variable TENET_STORE to its path");
        return false;
    }
    *view = (tn_runs_view){
        .store_path = store,
        .json = (options->given & TN_OPTION_JSON) != 0,
        .colour = tn_output_has_colour(options),
        .ascii = !writes_utf8(),
        .width = tn_output_columns(),
    };
    return true;
}

int tn_run_view_end(const tn_command *command, tn_status status, char *text, const tn_error *error)
{
    return status == TN_OK ? tn_output_print(text, TN_EXIT_HEALTHY) : tn_failure_print(command, error);
}
