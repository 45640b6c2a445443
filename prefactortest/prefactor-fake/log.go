package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// A requestLog writes a line for each request and counts the requests.
type requestLog struct {
	json bool

	mu  sync.Mutex
	out io.Writer
	requests
}

// requests are the counts of a requestLog.
type requests struct {
	Requests int `json:"requests"`
	Replays  int `json:"replays"`
	Faults   int `json:"faults"`
}

func newRequestLog(out io.Writer, json bool) *requestLog {
	return &requestLog{out: out, json: json}
}

func (l *requestLog) listening(url string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.out, "listening on", url)
}

// known is what a client needs to use the fake.
type known struct {
	Token           string `json:"token"`
	DeploymentToken string `json:"deployment_token"`
	AccountID       string `json:"account_id"`
	AgentID         string `json:"agent_id"`
	EnvironmentID   string `json:"environment_id"`
}

func (l *requestLog) knows(k known) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.json {
		l.writeJSON(struct {
			Known known `json:"known"`
		}{k})
		return
	}
	fmt.Fprintf(l.out, "accepts the token %s of the account %s, and %s of the agent %s in the environment %s\n",
		k.Token, k.AccountID, k.DeploymentToken, k.AgentID, k.EnvironmentID)
}

// A requestLine is the JSON form of a request's line.
type requestLine struct {
	Number    int      `json:"number"`
	Time      string   `json:"time"`
	Conn      int      `json:"conn"`
	Operation string   `json:"operation"`
	Method    string   `json:"method"`
	Path      string   `json:"path"`
	Status    int      `json:"status"` // 0 means no response
	Key       string   `json:"key"`
	Attempt   int      `json:"attempt"`
	Committed bool     `json:"committed"`
	Replay    bool     `json:"replay"`
	Dropped   []string `json:"dropped"`
	Fault     string   `json:"fault"`
}

// observe logs an exchange.
func (l *requestLog) observe(x prefactortest.Exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Requests++
	if x.Replay {
		l.Replays++
	}
	if x.Fault != "" {
		l.Faults++
	}
	if !l.json {
		fmt.Fprintf(l.out, "%s %s %s: %s\n", x.Time.Format("15:04:05.000"), x.Method, x.Path, x)
		return
	}
	l.writeJSON(requestLine{
		Number:    x.Number,
		Time:      x.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
		Conn:      x.Conn,
		Operation: x.Operation,
		Method:    x.Method,
		Path:      x.Path,
		Status:    x.Status,
		Key:       x.Key,
		Attempt:   x.Attempt,
		Committed: x.Committed,
		Replay:    x.Replay,
		Dropped:   x.Dropped,
		Fault:     x.Fault,
	})
}

// A summary counts what the fake holds in the end, by status.
type summary struct {
	requests
	Instances map[string]int `json:"instances"`
	Spans     map[string]int `json:"spans"`
}

func (l *requestLog) summarize(fake *prefactortest.Fake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := summary{requests: l.requests, Instances: make(map[string]int), Spans: make(map[string]int)}
	for _, i := range fake.Instances() {
		s.Instances[i.Status]++
	}
	for _, span := range fake.Spans() {
		s.Spans[span.Status]++
	}
	if l.json {
		l.writeJSON(struct {
			Summary summary `json:"summary"`
		}{s})
		return
	}
	fmt.Fprintf(l.out, "holds %s and %s after %d requests: %d replays, %d struck by faults\n",
		count(s.Instances, "instances"), count(s.Spans, "spans"), s.Requests, s.Replays, s.Faults)
}

// count formats counts, such as "3 instances (1 active, 2 complete)".
func count(byStatus map[string]int, what string) string {
	total := 0
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		total += byStatus[status]
		parts = append(parts, fmt.Sprintf("%d %s", byStatus[status], status))
	}
	if total == 0 {
		return "0 " + what
	}
	return fmt.Sprintf("%d %s (%s)", total, what, strings.Join(parts, ", "))
}

func (l *requestLog) writeJSON(line any) {
	b, err := json.Marshal(line, json.Deterministic(true))
	if err != nil {
		panic(err) // every line can be encoded
	}
	fmt.Fprintf(l.out, "%s\n", b)
}
