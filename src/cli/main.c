/* main.c: the program tenet: the table of its commands, their help, and the way to them. It knows include/tenet.h alone, as any other program would. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/run_view.h"

enum { COMMANDS_MAX = 64, MESSAGE_SIZE = 256 };

static const tn_command BEFORE[] = {
    {"debug", "HYPES | -- COMMAND", "find out why a network does not train: the whole protocol",
     "Runs the experiments of the protocol, races the fixes of what they suspect, confirms the best on\n"
     "fresh seeds, and reports the cause with its proof. A program behind '--' is run as it is, again and\n"
     "again, its knobs turned from outside; its files stay as they are. --html FILE draws the report as a page.",
     TN_OPTIONS_OF_A_JOB | TN_OPTION_DRY_RUN | TN_OPTION_RESUME | TN_OPTION_WRITE | TN_OPTION_HTML, tn_command_debug},
    {"train", "HYPES | -- COMMAND", "train, with the rules watching",
     "Trains as the hypes say and reports losses, scores and what the rules saw. A program behind '--' runs\n"
     "once, as it would without; its output and exit status are its own, and the report goes to stderr.\n"
     "On a terminal a panel shows how it goes; --html FILE draws more, as a page that follows the run.",
     TN_OPTIONS_OF_A_JOB | TN_OPTION_HTML | TN_OPTION_DEBUG_ON_PLATEAU | TN_OPTION_WEIGHTS | TN_OPTION_WATCH | TN_OPTION_WATCH_SHARE,
     tn_command_train},
};

static const tn_command AFTER[] = {
    {"bisect", "GOOD BAD [-- COMMAND] | --git GOOD..BAD HYPES | --git GOOD..BAD -- COMMAND",
     "find which differences, or which commit, broke the training",
     "GOOD and BAD are two files of hypes, of a network or of the program behind '--': finds the smallest set of\n"
     "differences that breaks the training of GOOD, by training parts of them.\n"
     "With --git: debugs commits between GOOD, which trains, and BAD, which does not, in a work tree of its own, and names the\n"
     "first bad one. Your checkout, index and branches stay as they are; data and other files that git does not\n"
     "track are laid beside each commit. A budget is for each debug. Exit code 0: the commit was found.",
     TN_OPTIONS_OF_A_JOB | TN_OPTION_GIT | TN_OPTION_TWO_OPERANDS, tn_command_bisect},
    {"health", "FILE | RUN", "whether weights look like those of mature networks",
     "Sets each component of a file (.safetensors or .npz), or of a run of the store, beside the same kind in mature\n"
     "networks, and tells how far outside it lies and what usually causes that. Exit code: 0 healthy, 1 unhealthy,\n"
     "4 untrained or inconclusive.",
     TN_OPTION_STORE | TN_OPTION_JSON | TN_OPTION_NO_COLOR, tn_command_health},
    {"record", "[NAME]", "record a training that calls by itself, as tenet.watch of the Python package does",
     "The first line on stdout tells where to call; the end of stdin ends the recording, and the report follows.\n"
     "Signals of the rules go to stderr as they come. Nothing that is seen ends the training.",
     TN_OPTION_STORE | TN_OPTION_QUIET, tn_command_record},
    {"runs", "", "list the runs that a store holds, newest first",
     "The store is that of --store, or of the variable TENET_STORE. 'tenet train' and 'tenet debug' record into it.",
     TN_OPTIONS_OF_A_VIEW | TN_OPTION_EXPERIMENT | TN_OPTION_LAST, tn_command_runs},
    {"show", "RUN", "one run of a store: its curves, its signals, and its layers over time",
     "RUN is a number that 'tenet runs' lists, or 'last'. Pictures are of braille dots and blocks, and of ASCII where\n"
     "the locale is not UTF-8.",
     TN_OPTIONS_OF_A_VIEW | TN_OPTION_TENSOR, tn_command_show},
    {"compare", "RUN RUN", "two runs of a store side by side: what differs, and where they part", NULL,
     TN_OPTIONS_OF_A_VIEW | TN_OPTION_TWO_OPERANDS, tn_command_compare},
    {"report", "[RUN | REPORT.json]", "a page with a picture of each experiment: what is wrong, and the proof",
     "Writes one HTML file that loads nothing, for a browser: of the newest report in the store of --store or of the variable\n"
     "TENET_STORE, of the report that RUN belongs to, or of what 'tenet debug --json' printed. Prints its path.",
     TN_OPTION_STORE | TN_OPTION_JSON | TN_OPTION_OUTPUT, tn_command_report},
    {"hypes", "HYPES", "print a hypes file with every default filled in", "With --help-all and no file: the documentation of every key.",
     TN_OPTION_SET | TN_OPTION_HELP_ALL | TN_OPTION_MARKDOWN, tn_command_hypes},
    {"explain", "[CAUSE]", "what a cause or symptom is, and what to do; without one, list them all", NULL,
     TN_OPTION_MARKDOWN | TN_OPTION_RULES | TN_OPTION_NO_COLOR, tn_command_explain},
};

/* An experiment, which takes a layer too. */
static const tn_command GRADCHECK = {
    "gradcheck",
    "LAYER.so | HYPES | new NAME",
    NULL,
    "Calls layers of your own on inputs picked to break them, in a process of their own, and holds their gradients against differences:\n"
    "those of a network, or the one of a library. --set NAME=VALUE gives the layer's arguments, --set inputs=[[8,8,3]] the shapes of\n"
    "a sample. 'new NAME' writes a first layer into the folder NAME: make -C NAME check builds and checks it. docs/plugins.md.",
    TN_OPTIONS_OF_A_JOB | TN_OPTION_HTML | TN_OPTION_TWO_OPERANDS,
    tn_command_gradcheck};

enum { BEFORE_COUNT = sizeof BEFORE / sizeof *BEFORE, AFTER_COUNT = sizeof AFTER / sizeof *AFTER };

/* All commands in the order of help; the experiments stand in the middle, in the order of the protocol. */
typedef struct command_table {
    tn_command rows[COMMANDS_MAX];
    const char *protocols[COMMANDS_MAX]; /* of experiments; else NULL */
    size_t count;
} command_table;

static void make_table(command_table *table)
{
    *table = (command_table){.count = 0};
    for (size_t i = 0; i < BEFORE_COUNT; i++)
        table->rows[table->count++] = BEFORE[i];
    const char *name, *protocol, *title;
    for (size_t i = 0; table->count + AFTER_COUNT < COMMANDS_MAX && tn_experiment_describe(i, &name, &protocol, &title); i++) {
        table->protocols[table->count] = protocol;
        bool searches = strcmp(name, "search") == 0;
        if (strcmp(name, "gradcheck") == 0) {
            table->rows[table->count] = GRADCHECK;
            table->rows[table->count++].summary = title;
            continue;
        }
        table->rows[table->count++] = (tn_command){name,
                                                   "HYPES | -- COMMAND",
                                                   title,
                                                   NULL,
                                                   TN_OPTIONS_OF_A_JOB | TN_OPTION_HTML | (searches ? (uint32_t)TN_OPTION_TRIALS : 0),
                                                   tn_command_experiment};
    }
    for (size_t i = 0; i < AFTER_COUNT; i++)
        table->rows[table->count++] = AFTER[i];
}

static const tn_command *find(const command_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    return NULL;
}

static int print_help(const command_table *table)
{
    printf("tenet finds out why a neural network does not train.\n\nusage: tenet COMMAND [OPTIONS] HYPES\n       tenet COMMAND [OPTIONS] "
           "-- python train.py ...\n\n");
    for (size_t i = 0; i < table->count; i++) {
        bool is_experiment = table->protocols[i] != NULL, was = i > 0 && table->protocols[i - 1] != NULL;
        if (is_experiment && !was)
            printf("\none experiment by itself, with its line of the protocol\n");
        else if (!is_experiment && was)
            printf("\n");
        printf("  %-14s %s%s%s%s\n", table->rows[i].name, table->rows[i].summary, is_experiment ? " (" : "",
               is_experiment ? table->protocols[i] : "", is_experiment ? ")" : "");
    }
    printf("\n'tenet COMMAND --help' shows the options of a command.\n"
           "exit code: 0 healthy, 1 confirmed findings, 2 usage or bad hypes, 3 could not run, 4 inconclusive or suspicions only\n");
    return TN_EXIT_HEALTHY;
}

static int print_command_help(const tn_command *command)
{
    printf("usage: tenet %s [OPTIONS]%s%s\n\n%s\n", command->name, command->operand[0] ? " " : "", command->operand, command->summary);
    if (command->details)
        printf("%s\n", command->details);
    printf("\n");
    tn_options_print(stdout, command->options | TN_OPTION_HELP);
    return TN_EXIT_HEALTHY;
}

static int unknown_command(const command_table *table, const char *name)
{
    const char *names[COMMANDS_MAX];
    char message[MESSAGE_SIZE];
    for (size_t i = 0; i < table->count; i++)
        names[i] = table->rows[i].name;
    const char *nearest = tn_nearest_name(name, names, table->count);
    snprintf(message, sizeof message, "there is no command '%.60s'%s%s%s", name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
             nearest ? "'?" : "");
    return tn_usage_print(NULL, message);
}

/* What is wrong with the subject that the arguments name, or NULL. */
static const char *mistake_of_a_job(const tn_options *options)
{
    /* Two files of hypes to compare, of a network or of a program. */
    if (options->second && options->operand)
        return options->hypes ? "the two files name the hypes of the program already; leave --hypes out" : NULL;
    if (options->program && !options->program[0])
        return "which program? Give its command behind '--', as in: -- python train.py";
    if (options->program && options->operand)
        return "give either a hypes file or, behind '--', a program; for the hypes that a program reads there is --hypes FILE";
    if (options->program && options->assignment_count > 0 && !options->hypes)
        return "--set changes a file of hypes; name the one that the program reads by --hypes FILE";
    if (options->program && options->weights)
        return "--weights writes the weights of a network of tenet's own; a program saves its own";
    if (!options->program && options->hypes)
        return "--hypes names what a program behind '--' reads; a hypes file of tenet's own stands by itself";
    if (!options->program && !options->operand)
        return "which hypes? Give the path of a hypes file, or a program behind '--', as in: -- python train.py";
    return NULL;
}

static int dispatch(const command_table *table, const tn_options *options)
{
    char message[MESSAGE_SIZE];
    if (options->given & TN_OPTION_VERSION) {
        printf("tenet " TENET_VERSION "\n");
        return TN_EXIT_HEALTHY;
    }
    const tn_command *command = options->command ? find(table, options->command) : NULL;
    if (options->command && strcmp(options->command, "help") == 0)
        return print_help(table);
    if (options->command && !command)
        return unknown_command(table, options->command);
    if (options->given & TN_OPTION_HELP)
        return command ? print_command_help(command) : print_help(table);
    if (!command)
        return tn_usage_print(NULL, "which command?");
    bool is_job = (command->options & TN_OPTIONS_OF_A_JOB) == TN_OPTIONS_OF_A_JOB;
    if (options->program && !is_job)
        return tn_usage_print(command->name, "unexpected '--'");
    if (options->second && !(command->options & TN_OPTION_TWO_OPERANDS)) {
        snprintf(message, sizeof message, "unexpected argument '%.60s' after '%.60s'", options->second, options->operand);
        return tn_usage_print(command->name, message);
    }
    const char *refused = tn_options_refused(options, command->options);
    if (refused) {
        snprintf(message, sizeof message, "%s does not apply here", refused);
        return tn_usage_print(command->name, message);
    }
    const char *mistake = is_job ? mistake_of_a_job(options) : NULL;
    return mistake ? tn_usage_print(command->name, mistake) : command->run(command, options);
}

int main(int argc, char **argv)
{
    char message[MESSAGE_SIZE];
    command_table table;
    tn_options options;
    tn_output_begin();
    /* A reader that goes away is an error of writing, told by the exit code. */
    signal(SIGPIPE, SIG_IGN);
    make_table(&table);
    int code;
    if (tn_options_parse(argc, argv, &options, message, sizeof message))
        code = dispatch(&table, &options);
    else
        code = tn_usage_print(options.command && find(&table, options.command) ? options.command : NULL, message);
    tn_options_deinit(&options);
    return tn_output_end(code);
}
