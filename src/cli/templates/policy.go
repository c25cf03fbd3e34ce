// A policy of your own: points for the nodes that can take a pod. The node with the most gets it.
//
//	go build -o policy policy.go && windtunnel run --policy-command ./policy
//
// Each line of standard input is a question, each line of standard output its answer;
// docs/manual/external.md has the protocol.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

type amounts struct {
	CPU int64 `json:"cpu_milli"`
}

type node struct {
	ID   int     `json:"id"`
	Free amounts `json:"free"`
}

type class struct {
	ID       int      `json:"id"`
	Requests *amounts `json:"requests"`
}

type question struct {
	Call       string `json:"call"`
	Protocol   int    `json:"protocol"`
	Class      class  `json:"class"`
	Nodes      []node `json:"nodes"`
	Gone       []int  `json:"gone"`
	Candidates []int  `json:"candidates"`
}

// points of a node for a pod of a class. Here: the fuller, the better.
func points(wanted class, own node) int64 {
	return -own.Free.CPU
}

func main() {
	nodes, classes := map[int]node{}, map[int]class{}
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if asked.Call == "hello" {
			out.Encode(map[string]int{"protocol": asked.Protocol})
			continue
		}
		for _, own := range asked.Nodes {
			nodes[own.ID] = own
		}
		for _, id := range asked.Gone {
			delete(nodes, id)
		}
		if asked.Class.Requests != nil {
			classes[asked.Class.ID] = asked.Class
		}
		answer := []int64{}
		for _, id := range asked.Candidates {
			answer = append(answer, points(classes[asked.Class.ID], nodes[id]))
		}
		out.Encode(map[string][]int64{"points": answer})
	}
}
