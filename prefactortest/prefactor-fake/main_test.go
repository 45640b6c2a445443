package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// program runs the command and reads its output line by line.
type program struct {
	t     *testing.T
	url   string
	known string // the second line
	out   *bufio.Scanner
	stop  context.CancelFunc
	done  chan error
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
	p.known = p.line()
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

func TestKnown(t *testing.T) {
	t.Parallel()
	p := start(t)
	if want := "accepts the token test-token of the account " + prefactortest.AccountID + ", and test-deployment-token of the agent " +
		prefactortest.AgentID + " in the environment " + prefactortest.EnvironmentID; p.known != want {
		t.Errorf("got  %s\nwant %s", p.known, want)
	}
	p = start(t, "-json", "-agent", "mine", "-deployment-token", "secret", "-strict")
	var line struct{ Known map[string]string }
	if err := json.Unmarshal([]byte(p.known), &line); err != nil {
		t.Fatalf("%v in %s", err, p.known)
	}
	if line.Known["agent_id"] != "mine" || line.Known["deployment_token"] != "secret" || line.Known["environment_id"] != prefactortest.EnvironmentID {
		t.Errorf("the line is %s", p.known)
	}
	if status, _ := p.send("GET", "/agent/mine", "secret", ""); status != 200 {
		t.Errorf("the deployment token gets %d for its agent, want 200", status)
	}
	if status, _ := p.send("GET", "/agent/mine", "test-token", ""); status != 200 {
		t.Errorf("the account token gets %d for the agent, want 200", status)
	}
	if status, _ := p.send("GET", "/agent/"+prefactortest.AgentID, "secret", ""); status != 404 {
		t.Errorf("the deployment token gets %d for another agent, want 404", status)
	}
}

// Each switch changes the response to its request.
func TestSwitches(t *testing.T) {
	t.Parallel()
	const key = `"idempotency_key":"k"`
	tests := []struct {
		name, method, path string
		before             []string // bodies of requests of the same path
		body               string
		without, with      int
	}{
		{name: "any-ids,bracket-sorting-only", path: "/agent_instance/register", body: `{"id":"mine"}`, without: 422, with: 200},
		{name: "bracket-sorting-only", method: "GET", path: "/agent?sorting=-id", without: 200, with: 422},
		{name: "any-ids,cancel-active", path: "/agent_instance/$/finish", body: `{"status":"cancelled"}`, without: 409, with: 200},
		{name: "mismatch-422", path: "/agent_instance/register", before: []string{`{` + key + `}`}, body: `{"purpose":"eval",` + key + `}`, without: 409, with: 422},
		{name: "refuse-unknown", path: "/agent_instance/register", body: `{"colour":1}`, without: 200, with: 422},
		{name: "require-schemas", path: "/agent_spans", body: spanBody, without: 200, with: 422},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for want, args := range map[int][]string{tt.without: nil, tt.with: {"-with", tt.name}} {
				p := start(t, args...)
				run := p.started()
				method := cmp.Or(tt.method, "POST")
				for _, body := range tt.before {
					p.send(method, tt.path, "test-token", body)
				}
				got, line := p.send(method, strings.ReplaceAll(tt.path, "$", run), "test-token", strings.ReplaceAll(tt.body, "$", run))
				if got != want {
					t.Errorf("with %q: got %d, want %d: %s", args, got, want, line)
				}
			}
		})
	}
}

const spanBody = `{"details":{"agent_instance_id":"$","schema_name":"s","status":"active","payload":{}}}`

// started makes an active instance and returns its id.
func (p *program) started() (id string) {
	p.t.Helper()
	const mine = "013xrzp12g3nqk8n1000000000000000"
	p.send("POST", "/agent_instance/register", "test-token", `{"id":"`+mine+`"}`)
	p.send("POST", "/agent_instance/"+mine+"/start", "test-token", `{}`)
	return mine
}

func TestDropUnknownIsLogged(t *testing.T) {
	t.Parallel()
	p := start(t, "-with", "drop-unknown")
	if _, line := p.send("POST", "/agent_instance/register", "test-token", `{"colour":1}`); !strings.HasSuffix(line, "200, dropped colour") {
		t.Errorf("the line is %q", line)
	}
	p = start(t, "-with", "drop-unknown", "-json")
	if _, line := p.send("POST", "/agent_instance/register", "test-token", `{"colour":1}`); !strings.Contains(line, `"dropped":["colour"]`) {
		t.Errorf("the line is %s", line)
	}
}

func TestCloseSpansOnTerminate(t *testing.T) {
	t.Parallel()
	p := start(t, "-with", "close-spans-on-terminate")
	run := p.started()
	p.send("POST", "/agent_spans", "test-token", strings.ReplaceAll(spanBody, "$", run))
	p.send("POST", "/agent_instance/"+run+"/terminate", "test-token", `{"reason":"r"}`)
	if got, want := p.ends(), "holds 1 instances (1 terminated) and 1 spans (1 failed) after 4 requests: 0 replays, 0 struck by faults"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSpareKeyless(t *testing.T) {
	t.Parallel()
	p := start(t, "-with", "spare-keyless", "-fault-rate", "0.9")
	for range 40 {
		_, line := p.send("POST", "/agent_instance/register", "test-token", `{}`)
		if strings.HasSuffix(line, ", committed") {
			t.Errorf("a keyless write was struck after its commit: %s", line)
		}
	}
	if !strings.HasSuffix(p.ends(), "struck by faults") || strings.HasSuffix(p.out.Text(), " 0 struck by faults") {
		t.Errorf("no fault struck: %s", p.out.Text())
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
		"no agent":        {"-agent", ""},
		"no second token": {"-deployment-token", ""},
		"one token":       {"-token", "t", "-deployment-token", "t"},
		"no such switch":  {"-with", "drop-unknown,colour"},
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
