/* tenet_status.h: how every function of tenet tells that it failed.
 *
 * A function that can fail returns tn_status (0 is success) and fills a tn_error that the caller owns. A message says, in the
 * user's words, what was found, what was expected and what to do. Codes are pinned: they never change their number. */
#ifndef TENET_STATUS_H
#define TENET_STATUS_H

#define TENET_VERSION "0.1.0"

typedef enum tn_status {
    TN_OK = 0,
    TN_ERROR_USAGE = 1,       /* a wrong option or argument */
    TN_ERROR_HYPES = 2,       /* a hypes file that is no JSON, or whose keys or values are wrong */
    TN_ERROR_DATA = 3,        /* a data file that is truncated, lies or is empty */
    TN_ERROR_IO = 4,          /* the system refused to read or write */
    TN_ERROR_MEMORY = 5,      /* an allocation failed */
    TN_ERROR_STORE = 6,       /* the store cannot be opened or written */
    TN_ERROR_UNSUPPORTED = 7, /* asked for what this subject or this build cannot do */
    TN_ERROR_CANCELLED = 8,   /* the user, or a budget, ended it */
    TN_ERROR_LAYER = 9        /* a layer of the user's own crashed, hung or broke its contract */
} tn_status;

/* What went wrong and where. Fields that do not apply are empty or 0. */
typedef struct tn_error {
    tn_status code;
    int line;           /* of `file`, from 1 */
    char message[1024]; /* one or more sentences, without a final newline */
    char file[512];     /* the file that holds the mistake */
    char pointer[256];  /* JSON pointer of the value, such as /net/3/units */
} tn_error;

#endif
