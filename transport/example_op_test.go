package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// agent is a model of a resource that this module has no package for.
type agent struct {
	ID   string `json:"id"`
	Name string `json:"name"`

	rawjson.Source `json:"-"` // Raw and Document
}

var _ transport.Checker = (*agent)(nil)

// Check refuses a response without an agent.
func (a *agent) Check(document jsontext.Value) error {
	if a.ID == "" {
		return errors.New("its document has no agent")
	}
	a.Source = rawjson.At(document, "/details")
	return nil
}

// agentInput is what createAgent sends.
type agentInput struct {
	Details struct {
		Name     string `json:"name"`
		Metadata any    `json:"metadata,omitzero"`
	} `json:"details"`
}

var _ transport.Validator = (*agentInput)(nil)

// Validate finds what would be refused anyway.
func (in *agentInput) Validate() error {
	if in.Details.Name == "" {
		return &errs.ClientError{Field: "name", Problem: "is required"}
	}
	return rawjson.CheckObject("metadata", in.Details.Metadata)
}

var (
	createAgent = transport.NewDetailsOp[agent]("agents.create", http.MethodPost, "/agent")
	searchSpans = transport.NewOp[struct{}]("spans.search", http.MethodPost, "/agent_spans/search", transport.Replayable(), transport.HeaderKey())
)

// An operation is declared once, with the model that it returns.
func ExampleNewDetailsOp() {
	client := exampleClient(exampleStack())
	var in agentInput
	_, err := createAgent.Do(context.Background(), client, transport.Input{Body: &in})
	fmt.Println(errs.KindOf(err))

	in.Details.Name = "travel"
	made, err := createAgent.Do(context.Background(), client, transport.Input{Body: &in})
	fmt.Println(made.Name, len(made.Raw()) > 0, err)
	// Output:
	// client
	// travel true <nil>
}

// A search changes nothing although it is a POST, so it is sent again without a
// key, too.
func ExampleReplayable() {
	stack := exampleStack().Without("idempotency").Replace("retry", middleware.Retry(quickRetries()))
	search := prefactortest.On("/api/v1/agent_spans/search")
	client := exampleClient(stack, search.Reply(503), search.Reply(200))
	_, err := searchSpans.Do(context.Background(), client, transport.Input{Body: map[string]any{"schema_name": "app:llm"}})
	fmt.Println(searchSpans.Name(), err)
	// Output: spans.search <nil>
}

// A document that came in another way, such as in a file or a bulk response, is
// decoded as that of an operation is.
func ExampleDecodeDetails() {
	document := jsontext.Value(`{"status":"success","details":{"id":"1","name":"travel"},"control":{"terminate":true,"reason":"budget"}}`)
	a, err := transport.DecodeDetails[agent](document)
	fmt.Println(a.Name, err)
	fmt.Println(*transport.ControlIn(document))

	_, err = transport.DecodeDetails[agent](jsontext.Value(`{"status":"error","code":"not_found"}`))
	fmt.Println(errs.KindOf(err))
	// Output:
	// travel <nil>
	// {true budget}
	// not_found
}

// Options change one call.
func ExampleOption() {
	options := []transport.Option{
		transport.WithIdempotencyKey("order-4711"),
		transport.WithTimeout(time.Minute), // all attempts and waits together
		transport.WithHeader("User-Agent", "billing/1.2 prefactor-go/"+transport.Version),
	}
	var in agentInput
	in.Details.Name = "travel"
	made, err := createAgent.Do(context.Background(), exampleClient(exampleStack()), transport.Input{Body: &in}, options...)
	fmt.Println(made.Name, err)
	// Output: travel <nil>
}
