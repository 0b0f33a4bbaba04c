/* session_watch.c: which steps of a training are observed, tensor by tensor: what the settings say, else the hypes, else as many as cost at most a twentieth of the time. */
#include <stdlib.h>
#include <string.h>

#include "api/session.h"

/* Of the step time, where nobody says. */
static const double SHARE = 0.05;

/* More would not be watching any more but training on the side. */
static const double SHARE_MAX = 0.5;

/* "5%" or "0.05". */
static tn_status parse_share(const char *text, double *share, tn_error *error)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && strcmp(end, "%") == 0) {
        value /= 100;
        end++;
    }
    if (end == text || *end || !(value > 0 && value <= SHARE_MAX))
        return tn_fail(error, TN_ERROR_USAGE,
                       "--watch-share is '%.60s'; expected a share of the step time above 0 and up to 50%%, such as 5%% or 0.05", text);
    *share = value;
    return TN_OK;
}

tn_status tn_session_watch_open(tn_session *session, const tn_settings *settings, tn_error *error)
{
    const tn_hypes *hypes = session->hypes;
    const char *what = settings->watch ? settings->watch : hypes ? tn_hypes_string(hypes, "debug.watch") : "auto";
    double share = hypes ? tn_hypes_number(hypes, "debug.watch_share") : SHARE;
    if (settings->watch_share) {
        tn_status status = parse_share(settings->watch_share, &share, error);
        if (status != TN_OK)
            return status;
        if (strcmp(what, "auto") != 0)
            return tn_fail(error, TN_ERROR_USAGE,
                           "--watch-share says how much 'auto' may cost, and what is watched is '%.60s'; leave one of them out", what);
    }
    static const char *const NAMES[] = {"trace", "all", "auto", "off"};
    session->traces = strcmp(what, "trace") == 0;
    session->watches_all = session->traces || strcmp(what, "all") == 0;
    session->watch_share = strcmp(what, "auto") == 0 ? share : 0;
    if (session->watches_all || session->watch_share > 0 || strcmp(what, "off") == 0)
        return TN_OK;
    const char *nearest = tn_nearest_name(what, NAMES, 4);
    return tn_fail(error, TN_ERROR_USAGE, "--watch is '%.60s'; expected trace, all, auto or off%s%s%s", what,
                   nearest ? ". Did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}
