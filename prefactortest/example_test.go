package prefactortest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// send takes the place of the code under test: it sends one request and returns
// the response status or the error.
func send(rt http.RoundTripper, method, url, body string) string {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+prefactortest.Token)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		return resp.Status + ", then " + err.Error()
	}
	return resp.Status
}

const base = "http://localhost/api/v1"

func Example() {
	fake := prefactortest.New()
	rt := fake.RoundTripper()

	send(rt, "POST", base+"/agent_instance/register", `{"external_identifier":"run-1"}`)
	run := fake.Instances()[0].ID
	send(rt, "POST", base+"/agent_instance/"+run+"/start", `{}`)
	send(rt, "POST", base+"/agent_spans", `{"details":{"agent_instance_id":"`+run+`","schema_name":"app:agent","status":"active","payload":{}}}`)
	agent := fake.Spans()[0].ID
	send(rt, "POST", base+"/agent_spans", `{"details":{"agent_instance_id":"`+run+`","schema_name":"app:llm","status":"complete","payload":{},"parent_span_id":"`+agent+`"}}`)
	send(rt, "POST", base+"/agent_spans/"+agent+"/finish", `{}`)
	send(rt, "POST", base+"/agent_instance/"+run+"/finish", `{}`)

	fmt.Print(fake.Tree())
	// Output:
	// instance run-1 complete
	// └── app:agent complete
	//     └── app:llm complete
}

func ExampleFake_Inject() {
	fake := prefactortest.New()
	fake.Inject(
		prefactortest.On("agent_instances.register").Reply(503).RetryAfter(2*time.Second),
		prefactortest.On("agent_instances.register").ResetAfter(),
		prefactortest.On("agent_instances.register").CutBody(10),
	)
	for range 4 {
		fmt.Println(send(fake.RoundTripper(), "POST", base+"/agent_instance/register", `{"idempotency_key":"one-run"}`))
	}
	fmt.Println(len(fake.Instances()), "instance")
	// Output:
	// 503 Service Unavailable
	// read tcp localhost:80: read: connection reset by peer
	// 200 OK, then unexpected EOF
	// 200 OK
	// 1 instance
}

func ExampleFake_Journal() {
	fake := prefactortest.New()
	fake.Inject(prefactortest.On("agent_instances.register").ResetAfter())
	for range 2 {
		send(fake.RoundTripper(), "POST", base+"/agent_instance/register", `{"idempotency_key":"one-run"}`)
	}
	send(fake.RoundTripper(), "GET", base+"/agent_instances", "")

	for _, x := range fake.Journal() {
		fmt.Println(x)
	}
	// Output:
	// agent_instances.register no response, fault: agent_instances.register: reset after, committed
	// agent_instances.register 200, attempt 2, replay
	// GET /api/v1/agent_instances 404
}

func ExampleFake_Listen() {
	fake := prefactortest.New()
	server, err := fake.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	fmt.Println(send(http.DefaultTransport, "GET", server.URL+"/api/v1/ping", ""))
	// Output: 200 OK
}

func ExampleFake_Pipe() {
	fake := prefactortest.New()
	pipe := fake.Pipe()
	defer pipe.Close()

	transport := pipe.Transport()
	for range 3 {
		fmt.Println(send(transport, "GET", pipe.URL+"/api/v1/ping", ""))
	}
	fmt.Println(fake.Connections(), "connection")
	// Output:
	// 200 OK
	// 200 OK
	// 200 OK
	// 1 connection
}

func ExampleFake_Terminate() {
	fake := prefactortest.New()
	rt := fake.RoundTripper()
	send(rt, "POST", base+"/agent_instance/register", `{}`)
	run := fake.Instances()[0].ID
	send(rt, "POST", base+"/agent_instance/"+run+"/start", `{}`)

	fake.Terminate(run, "over budget")
	send(rt, "POST", base+"/agent_spans", `{"details":{"agent_instance_id":"`+run+`","schema_name":"app:llm","status":"active","payload":{}}}`)

	journal := fake.Journal()
	_, control, _ := strings.Cut(string(journal[len(journal)-1].Answer), `"control":`)
	fmt.Println(control)
	// Output: {"terminate":true,"reason":"over budget"}}
}

func ExampleFake_Wait() {
	fake := prefactortest.New()
	go send(fake.RoundTripper(), "POST", base+"/agent_instance/register", `{}`)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := fake.Wait(ctx, func() bool { return len(fake.Instances()) == 1 })
	fmt.Println(err)
	// Output: <nil>
}

func ExampleFake_HTTPMock() {
	fake := prefactortest.New()
	mock := fake.HTTPMock()
	mock.RegisterResponder("GET", base+"/ping", prefactortest.ErrorResponder(401, "bad_authtoken", "Token expired"))

	fmt.Println(send(mock, "GET", base+"/ping", ""))
	fmt.Println(send(mock, "POST", base+"/agent_instance/register", `{}`))
	// Output:
	// 401 Unauthorized
	// 200 OK
}

func ExampleWithToken() {
	fake := prefactortest.New(
		prefactortest.WithToken("deploy", prefactortest.Grant{
			AgentID:       prefactortest.AgentID,
			EnvironmentID: prefactortest.EnvironmentID,
		}),
		prefactortest.WithToken(prefactortest.Token, prefactortest.Grant{Ingestion: true}),
	)
	fmt.Println(send(fake.RoundTripper(), "GET", base+"/agent_instance", ""))
	// Output: 401 Unauthorized
}

func ExampleWithClock() {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	fake := prefactortest.New(
		prefactortest.WithClock(func() time.Time { return now }),
		prefactortest.WithSeed(42),
	)
	send(fake.RoundTripper(), "POST", base+"/agent_instance/register", `{}`)
	run := fake.Instances()[0]
	fmt.Println(run.ID, run.InsertedAt.Format(time.RFC3339))
	// Output: 01kqy1v3x83nqk8nyttmytjanxg203t3 2026-05-06T07:08:09Z
}

func ExampleStorm() {
	fake := prefactortest.New(prefactortest.WithSeed(3))
	fake.Inject(prefactortest.Storm(0.5)...)
	attempts := 1
	for send(fake.RoundTripper(), "POST", base+"/agent_instance/register", `{"idempotency_key":"one-run"}`) != "200 OK" {
		attempts++
	}
	fmt.Println(len(fake.Instances()), "instance after", attempts, "attempts")
	// Output: 1 instance after 4 attempts
}
