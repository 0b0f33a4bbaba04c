/* process_parts.h: what the files of the attached subject share. Private to src/subject/process*.c.
 *
 *   process.c         a subject's life: the look, the kind's functions, the run of tn_process_train
 *   process_facts.c   what the program told of itself -> facts, hypes
 *   process_listen.c  the socket: one thread takes connections and hands each to the trial that its HELLO names
 *   process_start.c   environment, isolation, exec; the last words; the end of a process group
 *   process_serve.c   the process that serves forks
 *   process_order.c   knobs -> the trial file, the patched hypes; which knobs arrived
 *   process_trial.c   one run of the program: a trial, the look, or a training
 *   process_watch.c   its start, the wait, its end
 *   process_hear.c    records -> the recorder and the result; ranks merged
 *   process_voice.c   one caller: names of its tensors, what it applied, how it ends
 *   process_shown.c   samples that are shown
 *   process_shield.c  where the shield is
 *   process_log.c     lines of $TENET_LOG -> the same, for programs that do not speak over the socket
 *   process_hypes.c   the program's own file of hypes, patched */
#ifndef TN_SUBJECT_PROCESS_PARTS_H
#define TN_SUBJECT_PROCESS_PARTS_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "run/recorder.h"
#include "run/wire.h"
#include "subject/process.h"
#include "subject/subject_kind.h"

/* ---- process_log.c: any command ---- */

/* Who hears the lines. A step's `samples` is 0 and its learning_rate NAN where the line has none; gradient_norm NAN. A line {"step": 0, "score": s} is a score before the first step.
 * Lines without "loss" but with a score are scores alone. Functions return false to hear no more. */
typedef struct tn_log_listener {
    void *context;
    bool (*on_step)(void *context, const tn_step *step);
    bool (*on_score)(void *context,
                     const tn_score_point *point); /* valid_score is the line's "score"; the rest NAN; after the step of its line */
} tn_log_listener;

typedef struct tn_process_log tn_process_log;

/* Reads the file at `path`, which need not be there yet, from its start. `path` is copied. */
tn_status tn_process_log_create(const char *path, tn_process_log **log, tn_error *error);
void tn_process_log_destroy(tn_process_log *log); /* NULL is allowed */

/* Tells what whole lines were added since the last call; never waits. At the end of the program (`ended`) a last line without its newline counts as well. *lines (may be NULL) is how many
 * there were. TN_ERROR_DATA for a line that is none of these: its number, what was found and what was expected. */
tn_status tn_process_log_poll(tn_process_log *log, bool ended, const tn_log_listener *listener, size_t *lines, tn_error *error);

/* ---- process_hypes.c: the program's own file of hypes ---- */

/* What of a trial's knobs went into the file. */
typedef struct tn_process_turned {
    uint32_t
        written; /* knobs that the file took: those that its "knobs" name, and TN_KNOB_PATCH where every path of the patch was one of the file's */
    json_t *
        rest; /* the paths of knobs->patch that are none of the file's, for the program itself; a new reference, NULL where none are left */
} tn_process_turned;

void tn_process_turned_deinit(tn_process_turned *turned);

/* Knobs (bits) that the file maps to keys of its own by "knobs": {"learning_rate": "optim.lr"}; 0 without a file. Checks the file, the mapping and settings->hypes_patch: TN_ERROR_IO,
 * TN_ERROR_HYPES with file, line and pointer. *mapping is that "knobs" object (a new reference), NULL where it maps none. */
tn_status tn_process_hypes_knobs(const tn_process_settings *settings, uint32_t *knobs, json_t **mapping, tn_error *error);

/* Writes to `path` the program's hypes with settings->hypes_patch, then the paths "hypes.x.y" of knobs->patch (without that prefix), then the mapped knobs of `knobs`. knobs NULL: the
 * file as the user gave it, with settings->hypes_patch. Without a file (settings->hypes_path NULL) nothing is written, and a path that begins with "hypes." is TN_ERROR_HYPES. */
tn_status tn_process_hypes_write(const tn_process_settings *settings, const tn_knobs *knobs, const char *path, tn_process_turned *turned,
                                 tn_error *error);

/* ---- process_listen.c ---- */

enum { TN_TRIAL_ID = 24, TN_LISTENER_ADDRESS = 64 };

typedef enum tn_serves { TN_SERVES_UNSAID, TN_SERVES_YES, TN_SERVES_NO } tn_serves;

/* A connection that has said HELLO. Its reader may hold more already. */
typedef struct tn_caller {
    struct tn_caller *next;
    int socket;
    tn_wire_reader reader;
    pid_t pid; /* as the kernel tells it */
    char trial[TN_TRIAL_ID];
    uint64_t rank, world;
    tn_serves serves;
    char why[256]; /* it does not serve */
    char framework[64];
} tn_caller;

void tn_caller_destroy(tn_caller *caller); /* closes; NULL is allowed */

/* Takes the fields of a HELLO. */
tn_status tn_caller_introduce(tn_caller *caller, const char *hello, tn_error *error);

/* Reads what has arrived, without waiting. false: the other end has closed. */
bool tn_caller_read(tn_caller *caller, tn_error *error);

/* Sends one record; a caller that is gone hears nothing. */
void tn_caller_say(tn_caller *caller, tn_wire_type type, const char *json);

/* Where one trial gets its callers. All but `trial`, `event` and `forked` is the listener's. */
typedef struct tn_inbox {
    struct tn_inbox *next;
    char trial[TN_TRIAL_ID];
    bool forked; /* hears also how its fork ended */
    int event;   /* an eventfd: readable where something is new */
    tn_caller *callers;
    bool exited, orphaned; /* orphaned: who forks for it is gone */
    int status;
} tn_inbox;

typedef struct tn_listener tn_listener;

tn_status tn_listener_create(tn_listener **listener, tn_error *error);
void tn_listener_destroy(tn_listener *listener); /* NULL is allowed; no inbox may be open */
const char *tn_listener_address(const tn_listener *listener);

tn_status tn_inbox_open(tn_listener *listener, const char *trial, bool forked, tn_inbox *inbox, tn_error *error);
void tn_inbox_close(tn_listener *listener, tn_inbox *inbox);

/* What is new: the next caller, or NULL. */
tn_caller *tn_inbox_take(tn_listener *listener, tn_inbox *inbox);

/* How a forked trial stands: true once it has ended, or nobody will ever tell; *known is whether *status is. */
bool tn_inbox_ended(tn_listener *listener, tn_inbox *inbox, bool *known, int *status);

/* From here on the listener reads this caller, which serves forks, and tells inboxes how their forks ended. Takes it over. */
void tn_listener_attend(tn_listener *listener, tn_caller *caller);

/* Sends FORK to it. false: it is gone. */
bool tn_listener_ask_fork(tn_listener *listener, const char *json);

/* Closes it: who serves forks ends then. */
void tn_listener_dismiss(tn_listener *listener);

/* Why a program could not be heard, by its own word, or why the last caller was sent away; "" where none was. */
void tn_listener_refusal(tn_listener *listener, char text[256]);

/* ---- process_start.c ---- */

/* How a program is kept off the user's files. */
typedef enum tn_isolation {
    TN_ISOLATION_NONE,
    TN_ISOLATION_NAMESPACE,
    TN_ISOLATION_SHIELD /* a preloaded library: src/shield */
} tn_isolation;

/* The library that is preloaded where the system allows no namespaces: beside the running program, as the build lays it, or in ../lib/tenet, as an installation does. malloc'd; NULL where
 * there is none. */
char *tn_process_find_shield(void);

/* The place in a shield's layer of the file at `path`, its folders made. false where that cannot be. */
bool tn_process_shield_place(const char *layer, const char *path, char *place, size_t size);

typedef struct tn_launch {
    const tn_process_settings *settings;
    tn_isolation isolation;
    const char *shield;  /* where isolation is TN_ISOLATION_SHIELD */
    bool as_it_is;       /* tenet train: standard streams, process group and seeds stay the program's own */
    size_t threads;      /* of a trial */
    const char *address; /* of the socket */
    const char *folder;  /* scratch that is shared with it */
    const char *trial, *output, *log;
    const char *hypes; /* NULL: the program reads none */
} tn_launch;

typedef struct tn_child {
    pid_t pid;      /* 0: none */
    int descriptor; /* a pidfd; -1 where the kernel has none */
    bool own_session;
    bool ended; /* and reaped */
    int status; /* as waitpid gives it */
} tn_child;

/* TN_ERROR_IO where the command cannot be run; TN_ERROR_UNSUPPORTED where it cannot be isolated. */
tn_status tn_child_start(const tn_launch *launch, tn_child *child, tn_error *error);

/* Whether it has ended; its process group is ended with it where it has one of its own. Never waits. */
bool tn_child_ended(tn_child *child);

/* Ends it and its process group at once, and reaps it. */
void tn_child_end(tn_child *child);

/* "ended with exit status 3", "was ended by signal 11 (Segmentation fault)" */
void tn_child_tell(int status, char text[96]);

/* The last lines of a file of output, at most size - 1 bytes, made printable; "" where there are none. */
void tn_last_words(const char *path, char *text, size_t size);

/* Keeps a file of output under 64 MiB by emptying it. */
void tn_output_trim(const char *path);

/* ---- process_order.c: what a run is told ---- */

typedef enum tn_run_mode { TN_RUN_TRIAL, TN_RUN_LOOK, TN_RUN_TRAIN, TN_RUN_SERVE } tn_run_mode;

/* Files of one run in the scratch folder, and what went into them. */
typedef struct tn_order {
    char id[TN_TRIAL_ID];
    char *trial, *output, *log, *hypes; /* paths; hypes NULL where the program reads none */
    tn_process_turned turned;
    char *record; /* knobs and patch as JSON, for the store */
} tn_order;

/* ---- the subject ---- */

typedef struct tn_process {
    tn_subject subject;           /* first: a tn_subject * of this kind points here */
    tn_process_settings settings; /* silence_seconds and look_seconds filled in */
    tn_listener *listener;
    char *folder;    /* scratch, ours alone */
    int folder_lock; /* held while it is in use; -1: none */
    tn_isolation isolation;
    char *shield; /* a path; NULL where it is not needed */
    atomic_uint_fast64_t next_trial;
    uint64_t identity;     /* hash of the command and its hypes */
    uint32_t mapped;       /* knobs that the file of hypes takes */
    json_t *mapping;       /* {"learning_rate": "optim.lr"}; NULL: none */
    bool reports_by_lines; /* the program told of its steps in $TENET_LOG */
    bool one_by_one;       /* its ranks meet at an address that two trials would share: they wait for each other */
    pthread_mutex_t turn;

    tn_child server;       /* who serves forks */
    tn_order server_order; /* its files, while it may read them */
    atomic_bool serves;
    char serves_not[256]; /* why there are no forks */

    json_t *told; /* FACTS; NULL where there are none */
    tn_hypes *hypes;
    tn_subject_facts facts;
} tn_process;

/* Writes the trial file and the hypes. TN_ERROR_HYPES where the knobs do not fit. Deinit in any case: it removes the files. `request` NULL: as given. */
tn_status tn_order_write(tn_process *process, tn_run_mode mode, const tn_trial_request *request, size_t threads, tn_order *order,
                         tn_error *error);
void tn_order_deinit(tn_order *order);

/* What the store keeps of the knobs, and the trial's key is made of; malloc'd, NULL on failure. */
tn_status tn_order_record(const tn_knobs *knobs, char **text, tn_error *error);

/* The value of a knob as JSON (a new reference): null where it has none that can be written, "" for a text that is not there, NULL for a number that is not finite. */
json_t *tn_knob_value(const tn_knobs *knobs, tn_knob knob);

/* ---- process_serve.c ---- */

/* Starts the process that serves forks. Where it cannot serve, process->serves stays false and serves_not tells why: no error. */
void tn_process_serve(tn_process *process);
void tn_process_serve_end(tn_process *process);

/* ---- process_shown.c ---- */

/* Samples of a SHOWN record into result->shown, at most `most`, in place of those before. TN_ERROR_DATA where they are none. */
tn_status tn_process_show(const char *json, size_t most, tn_trial_result *result, tn_error *error);

/* ---- process_voice.c: one caller's side of a run ---- */

/* A tensor's name as the caller gave it; strings are ours. */
typedef struct tn_voice_tensor {
    tn_tensor_name name; /* node NULL: not named yet */
    char *strings;       /* what the name points into */
} tn_voice_tensor;

/* Vitals that wait for those of other ranks. */
typedef struct tn_voice_vitals {
    uint32_t index;
    tn_vitals vitals;
    tn_unit_vitals units; /* its memory is its own; units 0: none */
    uint64_t batch;       /* samples behind the tensor; 0: unknown */
} tn_voice_vitals;

/* The last UNITS. They belong to the VITALS of the same step and tensor, which come next. */
typedef struct tn_voice_units {
    uint64_t step, batch;
    uint32_t index;
    tn_unit_vitals vitals; /* in the caller's reader; units 0: none */
} tn_voice_units;

typedef struct tn_voice {
    struct tn_voice *next;
    tn_caller *caller;
    bool is_open;
    bool told_to_stop;
    uint64_t last_step;       /* it has told */
    tn_voice_tensor *tensors; /* [tensor_count], by the caller's numbers */
    size_t tensor_count, tensor_capacity;

    /* Of several ranks: it waits with this step until the others have come as far. */
    bool held;
    bool left_behind; /* waited for in vain once */
    uint64_t held_ns;
    tn_step held_step;
    tn_voice_vitals *pending;
    size_t pending_count, pending_capacity, pending_units; /* pending_units: of all of them together */
    tn_voice_units units;

    uint32_t applied; /* knobs */
    json_t *refused;  /* {"knob": "why"}, or NULL */
    json_t *facts, *end;
    char *note;     /* the last one */
    json_t *origin; /* what the first note with an "origin" said of where a number broke; NULL */
} tn_voice;

/* Takes the caller over, also where memory is out. */
tn_status tn_voice_create(tn_caller *caller, tn_voice **voice, tn_error *error);
void tn_voice_destroy(tn_voice *voice);

/* Takes what is about the program and not about its training: HELLO, APPLIED, FACTS, NOTE, END, TENSOR. *taken is false for other records. TN_ERROR_DATA for nonsense. */
tn_status tn_voice_take(tn_voice *voice, const tn_wire_record *record, bool *taken, tn_error *error);

/* Takes UNITS until the next record. TN_ERROR_DATA where they are not those of the tensor that was named. */
tn_status tn_voice_take_units(tn_voice *voice, const tn_wire_record *record, tn_error *error);

/* The UNITS that came right before these VITALS; NULL where none did. */
const tn_voice_units *tn_voice_units_of(const tn_voice *voice, const tn_wire_record *record);

/* Puts vitals aside, with their units. */
tn_status tn_voice_keep(tn_voice *voice, const tn_wire_record *record, tn_error *error);

void tn_voice_forget(tn_voice *voice); /* what was put aside */

/* The tensor of that index; NULL where it was not named. */
const tn_tensor_name *tn_voice_tensor_name(const tn_voice *voice, uint32_t index);

/* ---- process_hear.c: what a run tells ---- */

/* What is known of a run while it lasts. */
typedef struct tn_hearing {
    const tn_trial_request *request; /* NULL in the look */
    tn_run_mode mode;
    tn_recorder *recorder; /* NULL in the look */
    tn_trial_result *result;
    size_t step_capacity, score_capacity;
    uint64_t steps_wanted; /* 0: no limit */
    tn_voice *voices;      /* the newest first */
    tn_voice *primary;     /* whose steps count: the first of rank 0 that trained; NULL before */
    size_t voice_count;
    bool ranks_missing;         /* one never came: nobody waits for it any more */
    bool by_lines;              /* steps came from $TENET_LOG */
    bool decided;               /* nothing more counts */
    bool stopped;               /* an observer ended it */
    bool wants_stop;            /* the program is to end */
    double learning_rate;       /* of the first step; NAN before */
    uint64_t first_samples;     /* after the first step */
    uint64_t first_ns, last_ns; /* when steps came; 0: never */
    tn_error nonsense;          /* of the primary, or of lines; code TN_OK: none */
    tn_error stray;             /* of another voice */
} tn_hearing;

void tn_hearing_deinit(tn_hearing *hearing);

/* Takes the caller over. */
tn_status tn_hearing_add(tn_hearing *hearing, tn_caller *caller, tn_error *error);

/* Reads what voices say, and hands it on as far as the ranks have come. *heard: something arrived. Only memory that is out is an error. */
tn_status tn_hearing_listen(tn_hearing *hearing, bool *heard, tn_error *error);

/* A step or score by a line of $TENET_LOG. */
void tn_hearing_step(tn_hearing *hearing, const tn_step *step);
void tn_hearing_score(tn_hearing *hearing, const tn_score_point *point);

/* Tells all that are still there to stop, once each. */
void tn_hearing_stop(tn_hearing *hearing);

/* Descriptors to wait on, at most `most`; those of voices that wait for other ranks are left out. */
size_t tn_hearing_descriptors(const tn_hearing *hearing, int *descriptors, size_t most);

bool tn_hearing_is_open(const tn_hearing *hearing); /* some voice has not closed */

/* Whose word counts: the primary; before there is one, the first that has said how it ends or what it is, else the first. NULL: nobody spoke. */
const tn_voice *tn_hearing_speaker(const tn_hearing *hearing);

/* ---- process_watch.c: one run, from its start to its end ---- */

typedef struct tn_run {
    tn_process *process;
    tn_run_mode mode;
    const tn_trial_request *request; /* NULL in the look */
    size_t threads;
    tn_order order;
    tn_inbox inbox;
    tn_child child; /* pid 0 for a fork */
    bool forked;
    bool abandoned; /* it was gone before it said a word: it can be started anew */
    tn_process_log *log;
    tn_hearing hearing;
    uint64_t start_ns, heard_ns;        /* heard: when it last told something */
    uint64_t stop_ns, end_ns, close_ns; /* when it was told to stop, said that it ends, closed; 0: not yet */
    bool was_asked_to_end;              /* by a signal */
    bool status_known;
    int status;       /* as waitpid gives it */
    tn_error failure; /* why it is refused; code TN_OK: it is not */
    bool is_refused;  /* the failure is a knob that the program refused */
} tn_run;

/* Starts the program, listens until it has ended, and ends it where it does not by itself. Errors are those of this side; what the program did wrong is in run->failure. */
tn_status tn_run_watch(tn_run *run, tn_error *error);

/* ---- process_trial.c ---- */

/* What one run came to, beyond its result. */
typedef struct tn_run_end {
    json_t *facts;        /* a new reference; NULL */
    double start_seconds; /* to the first step; NAN where there was none */
    double step_seconds;  /* of one step; NAN where there were not two */
    bool by_lines;
    bool spoke;           /* it told anything */
    bool ended_by_itself; /* and not because it was told to, or failed */
    bool has_scores;      /* of its own, not made of its losses */
    bool status_known;
    int status; /* of the process, as waitpid gives it */
    double learning_rate;
    uint64_t batch_size; /* samples of the first step; 0 where it did not tell */
    uint64_t world;      /* ranks */
    char framework[64];
    char note[256]; /* the last that it had to say; "" where it said nothing */
} tn_run_end;

void tn_run_end_deinit(tn_run_end *end);

/* Runs the program once in `mode` (not TN_RUN_SERVE). A run that fails is a refused result, in the look and in tn_process_train as well. */
bool tn_process_trial_key(const tn_process *process, const tn_trial_request *request, char key[TN_TRIAL_KEY_SIZE]);

tn_status tn_process_run(tn_process *process, tn_run_mode mode, const tn_trial_request *request, size_t threads, tn_trial_result *result,
                         tn_run_end *end, tn_error *error);

/* ---- process_facts.c ---- */

/* What the look found out about the training data, as observers of a trial that leaves them alone hear it. false: nothing. */
bool tn_process_summarise(const tn_process *process, tn_data_summary *summary);

/* What FACTS of a plain training say of the labels that its loss function was given. false: nothing. */
bool tn_process_summarise_labels(const json_t *told, tn_data_summary *summary);

/* Fills process->facts, told and hypes from what the look told. */
tn_status tn_process_find_facts(tn_process *process, const tn_run_end *look, const tn_trial_result *result, tn_error *error);

#endif
