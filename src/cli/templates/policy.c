/* A policy of your own: points for the nodes that can take a pod. The node with the most gets it.
 *
 *     cc -O2 -o policy policy.c && windtunnel run --policy-command ./policy
 *
 * Each line of standard input is a question, each line of standard output its answer;
 * docs/manual/external.md has the protocol. This one reads the candidates alone; whoever wants to know
 * the nodes reads "nodes" with a library for JSON. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points of a node. Here: the lower its number, the better. */
static long points(long node) { return -node; }

int main(void) {
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        const char *key = "\"candidates\":[";
        char *at = NULL;
        for (char *next = strstr(line, key); next; next = strstr(next + 1, key)) at = next;
        if (!at) {
            puts("{\"protocol\":1}");
        } else {
            const char *separator = "";
            fputs("{\"points\":[", stdout);
            for (at += strlen(key); *at && *at != ']'; at += *at == ',') {
                printf("%s%ld", separator, points(strtol(at, &at, 10)));
                separator = ",";
            }
            puts("]}");
        }
        fflush(stdout);
    }
    free(line);
    return 0;
}
