package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// program runs the command and reads its output line by line.
type program struct {
	t    *testing.T
	url  string
	out  *bufio.Scanner
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	r, w := io.Pipe()
	p := &program{t: t, out: bufio.NewScanner(r), stop: stop, done: make(chan error, 1)}
	go func() {
		p.done <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), w, io.Discard)
		w.Close()
	}()
	url, ok := strings.CutPrefix(p.line(), "listening on ")
	if !ok {
		t.Fatalf("the first line is %q", p.out.Text())
	}
	p.url = url
	return p
}

func (p *program) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the output ended: %v", p.out.Err())
	}
	return p.out.Text()
}

// send sends a request and returns its status and its line of the log.
func (p *program) send(method, path, token, body string) (status int, line string) {
	p.t.Helper()
	req, err := http.NewRequest(method, p.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	answered := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	line = p.line()
	return <-answered, line
}

func (p *program) ends() (summary string) {
	p.t.Helper()
	p.stop()
	summary = p.line()
	if err := <-p.done; err != nil {
		p.t.Errorf("the program ended with %v", err)
	}
	return summary
}

func TestLog(t *testing.T) {
	t.Parallel()
	p := start(t)
	status, line := p.send("POST", "/agent_instance/register", "test-token", `{}`)
	if status != 200 || !regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} POST /api/v1/agent_instance/register: agent_instances.register 200$`).MatchString(line) {
		t.Errorf("got %d and the line %q", status, line)
	}
	if status, line := p.send("GET", "/ping", "bad", ""); status != 401 || !strings.HasSuffix(line, "ping 401") {
		t.Errorf("got %d and the line %q", status, line)
	}
	if got, want := p.ends(), "holds 1 instances (1 pending) and 0 spans after 2 requests: 0 replays, 0 struck by faults"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestJSONLog(t *testing.T) {
	t.Parallel()
	p := start(t, "-json", "-fault-rate", "1", "-seed", "5", "-latency", "1ms")
	_, line := p.send("POST", "/agent_instance/register", "test-token", `{"idempotency_key":"k"}`)
	var x struct {
		Number    int
		Operation string
		Key       string
		Attempt   int
		Fault     string
	}
	if err := json.Unmarshal([]byte(line), &x); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if x.Number != 1 || x.Operation != "agent_instances.register" || x.Key != "k" || x.Attempt != 1 || x.Fault == "" {
		t.Errorf("the line is %s", line)
	}
	var end struct {
		Summary struct {
			Requests, Faults int
			Instances, Spans map[string]int
		}
	}
	if err := json.Unmarshal([]byte(p.ends()), &end); err != nil {
		t.Fatal(err)
	}
	if end.Summary.Requests != 1 || end.Summary.Faults != 1 || end.Summary.Spans == nil {
		t.Errorf("the summary is %+v", end.Summary)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	p := start(t, "-token", "mine", "-strict")
	for token, want := range map[string]int{"mine": 200, "test-token": 401, "bad": 401} {
		if got, _ := p.send("GET", "/ping", token, ""); got != want {
			t.Errorf("%s: got %d, want %d", token, got, want)
		}
	}
	if got, _ := p.send("POST", "/agent_instance/register", "mine", `{}`); got != 400 {
		t.Errorf("strict mode responds %d to a body without a content type, want 400", got)
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for name, args := range map[string][]string{
		"unknown flag":    {"-colour"},
		"an argument":     {"serve"},
		"a rate above 1":  {"-fault-rate", "2"},
		"the bad token":   {"-token", "bad"},
		"an empty token":  {"-token", ""},
		"an address used": {"-addr", busy.Addr().String()},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(t.Context(), args, &out, io.Discard); err == nil || out.Len() > 0 {
				t.Errorf("ended with %v and the output %q", err, out.String())
			}
		})
	}
}
