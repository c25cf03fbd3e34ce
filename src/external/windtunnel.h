/* A policy for windtunnel as a library: version 1 of the interface.
 *
 * A library has `windtunnel_abi` and a function for each point at which it is asked. Functions return 0, or a
 * number of their own choice for an error, which ends the run and is told. Pointers are valid during the call
 * alone. All numbers have eight bytes; amounts are whole numbers: thousandths of processors and of GPUs, bytes.
 *
 * Each run starts the library once, and several runs may be under way in several threads: what a run remembers
 * belongs behind the pointer that `windtunnel_start` returns, not into global variables.
 */
#ifndef WINDTUNNEL_H
#define WINDTUNNEL_H

#include <stdint.h>

#define WINDTUNNEL_ABI 1

/* Resources, in the order of their columns. */
enum {
    WINDTUNNEL_CPU_MILLI,
    WINDTUNNEL_MEMORY_BYTES,
    WINDTUNNEL_STORAGE_BYTES,
    WINDTUNNEL_GPU_MILLI,
    WINDTUNNEL_PODS,
    WINDTUNNEL_RESOURCES
};

/* A pod's class and the nodes in question. The row of a node is its number; a node that is gone has zeros. */
typedef struct {
    int64_t now;                  /* nanoseconds since the run began */
    int64_t class_id;             /* stays the class's for the whole run */
    int64_t class_priority;
    int64_t class_gpu_devices;    /* devices that a pod asks for */
    const int64_t *class_requests; /* an amount for each resource */
    const char *class_json;       /* the whole description, as in the protocol by text; ends with a zero byte */
    int64_t class_json_length;
    int64_t nodes;                /* rows */
    int64_t stride;               /* resource r of node n is item r * stride + n of `free` and `allocatable` */
    const int64_t *free;
    const int64_t *allocatable;
    const uint8_t *ready;         /* 1 or 0, by node */
    const uint8_t *schedulable;   /* ready and not cordoned */
    const int64_t *devices;       /* GPU devices, by node */
    int64_t device_stride;        /* device d of node n is item n * device_stride + d of `device_free` */
    const int64_t *device_free;   /* thousandths that are left of a device */
    const int64_t *changed;       /* rows that are new, changed or gone since the last question */
    int64_t changed_length;
    const int64_t *candidates;    /* rows in question */
    int64_t candidates_length;
} windtunnel_question;

/* Waiting jobs, each a place in every column. */
typedef struct {
    int64_t now;
    int64_t jobs;
    const int64_t *id;
    const int64_t *submitted;     /* nanoseconds since the run began */
    const int64_t *requested;     /* nanoseconds that the job asks for, -1 where it says none */
    const int64_t *members;
    const int64_t *tenant;
    const int64_t *priority;
    const int64_t *cpu_milli;     /* over all members, as all amounts */
    const int64_t *memory_bytes;
    const int64_t *gpu_milli;
} windtunnel_jobs;

/* Returns WINDTUNNEL_ABI. */
int64_t windtunnel_abi(void);

/* Starts for a run; what it returns is the `state` of all further calls. Not needed. */
void *windtunnel_start(uint64_t seed);

/* The run is over. Not needed. */
void windtunnel_end(void *state);

/* A node that is new or declared anew: JSON, as in the protocol by text, with a zero byte behind. Not needed. */
int64_t windtunnel_node(void *state, const char *json, int64_t length);

/* The point `filter`: 1 in `accept` for each candidate that can take the pod, else 0. */
int64_t windtunnel_filter(void *state, const windtunnel_question *question, uint8_t *accept);

/* The point `score`: points for each candidate, more is better. */
int64_t windtunnel_score(void *state, const windtunnel_question *question, int64_t *points);

/* The point `order`: a key for each job, the smallest goes first. */
int64_t windtunnel_order(void *state, const windtunnel_jobs *jobs, int64_t *keys);

/* The point `schedule`: the question `step` of the protocol by text. Sets `answer` to the answer's text, which
 * stays there until the next call, and returns its length; below zero is an error. */
int64_t windtunnel_schedule(void *state, const char *question, int64_t length, const char **answer);

#endif
