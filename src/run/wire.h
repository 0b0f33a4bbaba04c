/* wire.h: what a training program and the process that watches it say to each other over $TENET_SOCKET.
 *
 * A record is a length (uint32, of what follows), a type (uint8) and a payload; everything little-endian. Facts that come once are JSON; what comes each step is binary. A
 * reader takes bytes as they arrive, in pieces of any size. Nothing that arrives is trusted: a record that is too long, of an unknown type or of the wrong size is an
 * error that names it, and ends the conversation with that program, not with the others. docs/attach.md describes every record. */
#ifndef TN_RUN_WIRE_H
#define TN_RUN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "run/recorder.h"
#include "vitals/tensor.h"
#include "vitals/vitals.h"

enum { TN_WIRE_VERSION = 2, TN_WIRE_RECORD_MAX = 64 << 20 /* bytes; samples that are shown are the largest */ };

typedef enum tn_wire_type {
    /* from the program */
    TN_WIRE_HELLO = 1, /* JSON: {"protocol", "pid", "rank", "world", "framework", "trial", "serves"} */
    TN_WIRE_APPLIED =
        2, /* JSON: {"applied": ["learning_rate", ...], "refused": {"batch_size": "why, and the line to add"}}; adds to those before it */
    TN_WIRE_FACTS = 3,  /* JSON: docs/attach.md */
    TN_WIRE_TENSOR = 4, /* a tensor's name; before its first vitals, and again where its count changes */
    TN_WIRE_VITALS = 5,
    TN_WIRE_STEP = 6,
    TN_WIRE_SCORE = 7,
    TN_WIRE_SHOWN = 8,   /* JSON: {"samples": [{"row", "inputs", "label", "output_before", "output_after", "loss_before", "loss_after"}]} */
    TN_WIRE_NOTE = 9,    /* JSON: {"text"}: something that a person should know (a checkpoint was loaded, a write was redirected) */
    TN_WIRE_END = 10,    /* JSON: {"reason": "steps" | "stopped" | "exit" | "exception", "text", "file", "line"} */
    TN_WIRE_EXITED = 11, /* JSON, from a program that serves forks: {"trial", "status"} as waitpid gives it */
    TN_WIRE_UNITS = 12,  /* of a tensor's units: before the VITALS of the same step and tensor */
    /* to the program */
    TN_WIRE_STOP = 32, /* empty: end at the next step */
    TN_WIRE_FORK = 33  /* JSON: {"trial": PATH, "output": PATH}: fork, and let the child run that trial, its output going to that file */
} tn_wire_type;

/* ---- writing: each appends one record to `bytes`, which grows ---- */

typedef struct tn_wire_buffer {
    unsigned char *bytes; /* malloc'd */
    size_t size, capacity;
} tn_wire_buffer;

void tn_wire_buffer_deinit(tn_wire_buffer *buffer);
tn_status tn_wire_put_text(tn_wire_buffer *buffer, tn_wire_type type, const char *json, tn_error *error);
/* Strings over 1,000 bytes are cut. */
tn_status tn_wire_put_tensor(tn_wire_buffer *buffer, uint32_t index, const tn_tensor_name *name, tn_error *error);
/* Of at least one unit and at most TN_UNITS_MAX. `batch`: samples behind the tensor; 0 where unknown. */
tn_status tn_wire_put_units(tn_wire_buffer *buffer, uint64_t step, uint32_t index, const tn_unit_vitals *units, uint64_t batch,
                            tn_error *error);
tn_status tn_wire_put_vitals(tn_wire_buffer *buffer, uint64_t step, uint32_t index, const tn_vitals *vitals, tn_error *error);
tn_status tn_wire_put_step(tn_wire_buffer *buffer, const tn_step *step, tn_error *error);
tn_status tn_wire_put_score(tn_wire_buffer *buffer, const tn_score_point *point, tn_error *error);

/* ---- reading ---- */

/* One record, decoded. Pointers are valid until the next call on the reader; those of `units` until it has read the next UNITS. */
typedef struct tn_wire_record {
    tn_wire_type type;
    const char *json; /* of the JSON types: NUL-terminated text, not yet parsed; else NULL */
    size_t json_length;
    uint64_t step;  /* TN_WIRE_VITALS, TN_WIRE_UNITS */
    uint32_t index; /* likewise, and TN_WIRE_TENSOR */
    tn_tensor_name tensor;
    tn_vitals vitals;
    tn_unit_vitals units;
    uint64_t batch; /* TN_WIRE_UNITS */
    tn_step scalars;
    tn_score_point score;
} tn_wire_record;

typedef struct tn_wire_reader {
    tn_wire_buffer buffer;
    size_t taken;       /* bytes of the buffer that were read */
    uint64_t offset;    /* bytes read since the start of the conversation, for errors */
    unsigned char kept; /* the byte that the terminating NUL of the last JSON stands on */
    size_t kept_at;     /* where; 0: nowhere */
    tn_unit *units;     /* [unit_capacity], of the last UNITS; malloc'd */
    size_t unit_capacity;
} tn_wire_reader;

void tn_wire_reader_deinit(tn_wire_reader *reader);
tn_status tn_wire_feed(tn_wire_reader *reader, const void *bytes, size_t size, tn_error *error);

/* The next whole record; *has is false where more bytes are needed. TN_ERROR_DATA for nonsense: what was found and where; no call after that gives anything else. TN_ERROR_MEMORY: the record is still there.
 * Of `record` only what its type names is written. */
tn_status tn_wire_next(tn_wire_reader *reader, tn_wire_record *record, bool *has, tn_error *error);

#endif
