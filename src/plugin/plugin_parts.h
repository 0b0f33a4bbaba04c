/* plugin_parts.h: what the two ends of a plug-in share: the note, a page that both read and write in turns, and where tensors lie. For plugin*.c only.
 *
 * The caller writes a question into the note and a byte down the socket; the host answers in the note and sends a byte back. A host that dies leaves in the note what it died of. */
#ifndef TN_PLUGIN_PLUGIN_PARTS_H
#define TN_PLUGIN_PLUGIN_PARTS_H

#include <signal.h>
#include <sys/types.h>

#include "plugin/plugin.h"

enum { TN_PLUGIN_TEXT_SIZE = 384, TN_PLUGIN_PLACE_SIZE = 256 };

/* Nothing is mapped for so far on both sides of a tensor: an index that is wrong by less hits it. */
enum { TN_PLUGIN_GUARD = 1 << 20 };

/* Fills what is left of a tensor's first and last page, and is a NaN, so that who reads it puts out NaN. */
#define TN_PLUGIN_PATTERN 0x7FD5A5A5u

/* Where a tensor lies. */
typedef struct tn_plugin_region {
    size_t bytes; /* of the tensor; 0: there is none */
    size_t lead;  /* from the start of its pages to it */
    size_t pages; /* bytes of its pages */
    size_t file;  /* offset of its pages in the file that both map, and in the caller's view */
    size_t place; /* and in the host's view, where guards stand between */
    bool is_read_only;
} tn_plugin_region;

typedef struct tn_plugin_layout {
    unsigned generation; /* grows with each layout, so that the host maps it anew */
    size_t file_size, host_size;
    tn_plugin_region regions[TN_PLUGIN_TENSORS];
} tn_plugin_layout;

typedef struct tn_plugin_note {
    /* asked */
    tn_plugin_call call;
    size_t input_count;
    tn_layer_shape inputs[TN_LAYER_INPUTS_MAX];
    double arguments[TN_LAYER_ARGUMENTS_MAX];
    size_t batch;
    bool training;
    unsigned wants;
    unsigned limit_seconds; /* after which the host ends itself, should nobody be there to do it */
    tn_plugin_layout layout;
    /* answered */
    bool refused;
    char text[TN_PLUGIN_TEXT_SIZE]; /* why */
    tn_plugin_info info;
    tn_layer_plan plan;
    size_t heap;
    /* left by one that dies */
    volatile sig_atomic_t signal_number, has_address, is_write, has_exited, exit_code;
    volatile uintptr_t address;
    uintptr_t base; /* of the host's view */
} tn_plugin_note;

struct tn_plugin {
    char *path;
    double seconds;
    pid_t host; /* 0: none */
    int wire;   /* -1: none */
    int file;   /* of the tensors */
    tn_plugin_note *note;
    unsigned char *view; /* [layout.file_size] */
    tn_plugin_layout layout;
    size_t batch;
    tn_layer_plan plan;
    size_t input_count;
    tn_layer_shape inputs[TN_LAYER_INPUTS_MAX];
    tn_plugin_fault fault;
    tn_plugin_call fault_call;
    char fault_text[TN_PLUGIN_TEXT_SIZE];
};

/* The host's life; it does not return. `wire` and `file` are its ends. Only after a fork. */
_Noreturn void tn_plugin_host(const char *path, int wire, int file, tn_plugin_note *note);

/* Places of all tensors for a batch; false where they would not fit any memory. */
bool tn_plugin_lay(const tn_plugin *plugin, size_t batch, tn_plugin_layout *layout);

/* Fills what is left of all pages by the pattern. */
void tn_plugin_guard(const tn_plugin *plugin);

/* The tensor whose surroundings were written to, and how many floats before its start (negative) or behind its end; TN_PLUGIN_TENSORS where there is none. */
size_t tn_plugin_find_damage(const tn_plugin *plugin, long long *distance);

/* In words what lies at an address of the host, or NULL where it is none of its tensors or guards. *kind is set with it. */
const char *tn_plugin_describe_address(const tn_plugin *plugin, tn_plugin_fault *kind, char text[TN_PLUGIN_PLACE_SIZE]);

#endif
