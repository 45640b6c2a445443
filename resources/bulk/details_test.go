package bulk_test

import (
	"errors"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// output returns the output of a request with one item, for which the server
// returns document.
func output(t *testing.T, document string) bulk.Output {
	t.Helper()
	return execute(t, `{"status":"success","outputs":{"item-001":`+document+`}}`, items("item-001")).Outputs[0]
}

func TestDetailsOfASpanAreComplete(t *testing.T) {
	t.Parallel()
	out := output(t, `{"status":"success","details":{"id":"s","started_at":7,"payload":{"n":9007199254740993},"new":1},"control":{"terminate":true,"reason":"budget"}}`)
	span, err := bulk.Details[spans.Span](out)
	if err != nil {
		t.Fatal(err)
	}
	if span.ID != "s" || span.Payload.String() != `{"n":9007199254740993}` {
		t.Errorf("span = %+v", span)
	}
	if span.Control == nil || !span.Control.Terminate || span.Control.Reason != "budget" {
		t.Errorf("Control = %+v", span.Control)
	}
	if got := string(span.Raw()); got != `{"id":"s","started_at":7,"payload":{"n":9007199254740993},"new":1}` {
		t.Errorf("Raw() = %s", got)
	}
	if string(span.Document()) != string(out.Document) {
		t.Errorf("Document() = %s", span.Document())
	}
}

func TestDetailsOfAnInstanceAreComplete(t *testing.T) {
	t.Parallel()
	instance, err := bulk.Details[instances.Instance](output(t, `{"status":"success","details":{"id":"i","status":"terminated","new":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if instance.ID != "i" || instance.Status != instances.Terminated || string(instance.Raw()) != `{"id":"i","status":"terminated","new":1}` {
		t.Errorf("instance = %+v, Raw() = %s", instance, instance.Raw())
	}
}

func TestDetailsOfATypeOfYourOwn(t *testing.T) {
	t.Parallel()
	type agent struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	out := output(t, `{"status":"success","details":{"id":"agent_new","name":"New Agent"}}`)
	if got, err := bulk.Details[agent](out); err != nil || *got != (agent{"agent_new", "New Agent"}) {
		t.Errorf("struct: %+v, %v", got, err)
	}
	if got, err := bulk.Details[map[string]any](out); err != nil || (*got)["name"] != "New Agent" {
		t.Errorf("map: %+v, %v", got, err)
	}
}

func TestMissingDetailsAreAContractError(t *testing.T) {
	t.Parallel()
	list := output(t, `{"status":"success","summaries":[{"id":"agent_123"}]}`)
	if got, err := bulk.Details[spans.Span](list); got != nil || !errors.Is(err, errs.ErrContract) {
		t.Errorf("span: %v, %v, want a ContractError", got, err)
	}
	if got, err := bulk.Details[map[string]any](list); got != nil || !errors.Is(err, errs.ErrContract) {
		t.Errorf("map: %v, %v, want a ContractError", got, err)
	}
	if got, err := bulk.Details[struct{ ID int }](output(t, `{"status":"success","details":{"ID":"x"}}`)); got != nil || !errors.Is(err, errs.ErrContract) {
		t.Errorf("other type: %v, %v, want a ContractError", got, err)
	}
}
