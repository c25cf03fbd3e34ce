#!/bin/sh
# A policy of your own: points for the nodes that can take a pod. The node with the most gets it.
#
#     windtunnel run --policy-command 'sh policy.sh'
#
# Each line of standard input is a question, each line of standard output its answer;
# docs/manual/external.md has the protocol.

read -r hello
echo '{"protocol":1}'
while read -r question; do
    candidates=${question##*\"candidates\":[}
    candidates=${candidates%%]*}
    points=
    # Here: the lower a node's number, the better.
    IFS=,
    for node in $candidates; do
        points="$points,-$node"
    done
    unset IFS
    echo "{\"points\":[${points#,}]}"
done
