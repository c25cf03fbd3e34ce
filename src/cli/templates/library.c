
/* A policy of your own: points for the nodes that can take a pod. The node with the most gets it.
 *
 *     windtunnel new policy --lang c --library > policy.c
 *     cc -O2 -shared -fPIC -o policy.so policy.c && windtunnel run --policy-library policy.so
 *
 * This one is best fit: the node with the smallest shares left of processors, memory and GPUs. */

#define WHOLE 10000

int64_t windtunnel_abi(void) { return WINDTUNNEL_ABI; }

int64_t windtunnel_score(void *state, const windtunnel_question *question, int64_t *points) {
    static const int resources[] = {WINDTUNNEL_CPU_MILLI, WINDTUNNEL_MEMORY_BYTES, WINDTUNNEL_GPU_MILLI};
    (void)state;
    for (int64_t place = 0; place < question->candidates_length; place++) {
        int64_t node = question->candidates[place], sum = 0, count = 0;
        for (int index = 0; index < 3; index++) {
            int resource = resources[index];
            int64_t item = resource * question->stride + node;
            int64_t offered = question->allocatable[item];
            if (offered == 0) continue;
            int64_t left = question->free[item] - question->class_requests[resource];
            if (left < 0) left = 0;
            /* Ten thousand times the bytes of a large node go beyond eight bytes, and wide numbers take longer. */
            int64_t share = left <= INT64_MAX / WHOLE ? WHOLE * left / offered : (int64_t)((__int128)WHOLE * left / offered);
            sum += share > WHOLE ? WHOLE : share;
            count++;
        }
        points[place] = count ? WHOLE - sum / count : 0;
    }
    return 0;
}
