package bulk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// items returns items with the given keys.
func items(keys ...string) []bulk.Item {
	all := make([]bulk.Item, len(keys))
	for n, key := range keys {
		all[n] = bulk.NewItem("agents/show", key, map[string]any{"agent_id": "agent_1"})
	}
	return all
}

// execute sends items, for which the server returns document.
func execute(t *testing.T, document string, items []bulk.Item) *bulk.Response {
	t.Helper()
	service, _ := answering(t, document)
	resp, err := service.Execute(t.Context(), bulk.Request{Items: items})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func keysOf(r *bulk.Response) (outputs, unprocessed string) {
	var done, left []string
	for _, out := range r.Outputs {
		done = append(done, out.Item.Key)
	}
	for _, item := range r.Unprocessed {
		left = append(left, item.Key)
	}
	return strings.Join(done, " "), strings.Join(left, " ")
}

func TestOutputsAreInTheOrderOfTheRequest(t *testing.T) {
	t.Parallel()
	resp := execute(t, `{"status":"success","outputs":{
		"item-003":{"status":"success"},"item-001":{"status":"success"},"unknown-item":{"status":"success"},"item-002":{"status":"success"}
	}}`, items("item-001", "item-002", "item-003"))
	outputs, unprocessed := keysOf(resp)
	if outputs != "item-001 item-002 item-003" || unprocessed != "" {
		t.Errorf("Outputs = %s, Unprocessed = %s", outputs, unprocessed)
	}
	if err := resp.Err(); err != nil {
		t.Errorf("Err() = %v", err)
	}
	if !strings.Contains(string(resp.Raw()), "unknown-item") {
		t.Errorf("Raw() = %s", resp.Raw())
	}
}

func TestItemsAfterTheFirstErrorAreUnprocessed(t *testing.T) {
	t.Parallel()
	resp := execute(t, `{"status":"success","outputs":{
		"item-001":{"status":"success","details":{"id":"agent_1"}},
		"item-002":{"status":"error","code":"not_found","message":"Agent not found"}
	}}`, items("item-001", "item-002", "item-003", "item-004"))
	outputs, unprocessed := keysOf(resp)
	if outputs != "item-001 item-002" || unprocessed != "item-003 item-004" {
		t.Errorf("Outputs = %s, Unprocessed = %s", outputs, unprocessed)
	}
	if resp.Outputs[0].Err != nil {
		t.Errorf("item-001: %v", resp.Outputs[0].Err)
	}
	notFound, ok := errors.AsType[*errs.NotFoundError](resp.Outputs[1].Err)
	if !ok || notFound.Status != 0 || notFound.Message != "Agent not found" {
		t.Errorf("item-002: %#v", resp.Outputs[1].Err)
	}
	const want = `prefactor: bulk: item 2 of 4 (agents/show, key "item-002") failed, 2 left unprocessed: server answered not_found: Agent not found; check the id and the API URL`
	if err := resp.Err(); !errors.Is(err, errs.ErrNotFound) || err.Error() != want {
		t.Errorf("Err() = %v\nwant    %s", err, want)
	}
}

func TestItemsThatTheResponseDoesNotMentionAreAnError(t *testing.T) {
	t.Parallel()
	resp := execute(t, `{"outputs":{"item-001":{"status":"success"}}}`, items("item-001", "item-002"))
	if _, unprocessed := keysOf(resp); unprocessed != "item-002" || resp.Err() == nil {
		t.Errorf("Unprocessed = %s, Err() = %v", unprocessed, resp.Err())
	}
}

func TestOutputFindsAnItemByItsKey(t *testing.T) {
	t.Parallel()
	resp := execute(t, `{"outputs":{"item-001":{"status":"success","x":1}}}`, items("item-001", "item-002"))
	if out, ok := resp.Output("item-001"); !ok || string(out.Document) != `{"status":"success","x":1}` {
		t.Errorf("item-001: %s, %v", out.Document, ok)
	}
	if _, ok := resp.Output("item-002"); ok {
		t.Error("item-002 has an output")
	}
}

func TestTheKindOfAnItemsErrorFollowsItsCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, document string
		kind           error
	}{
		{"conflict", `{"status":"error","code":"invalid_action","message":"m"}`, errs.ErrConflict},
		{"validation", `{"status":"error","code":"validation_errors","errors":{"name":{"code":"required"}}}`, errs.ErrValidation},
		{"auth", `{"status":"error","code":"bad_authtoken"}`, errs.ErrAuth},
		{"neither success nor error", `{"status":"pending"}`, errs.ErrContract},
		{"neither status nor details", `{}`, errs.ErrContract},
		{"a string", `"success"`, errs.ErrContract},
		{"null", `null`, errs.ErrContract},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			resp := execute(t, `{"outputs":{"item-001":`+test.document+`}}`, items("item-001"))
			if err := resp.Outputs[0].Err; !errors.Is(err, test.kind) {
				t.Errorf("got %v, want %v", err, test.kind)
			}
			if details, err := bulk.Details[spans.Span](resp.Outputs[0]); details != nil || !errors.Is(err, test.kind) {
				t.Errorf("Details: %v, %v", details, err)
			}
		})
	}
	t.Run("unknown code", func(t *testing.T) {
		t.Parallel()
		resp := execute(t, `{"outputs":{"item-001":{"status":"error","code":"new_code","retry_after_ms":1500}}}`, items("item-001"))
		api, ok := errors.AsType[*errs.APIError](resp.Outputs[0].Err)
		if !ok || api.Code != "new_code" || api.RetryAfter != 1500*time.Millisecond {
			t.Errorf("got %v", resp.Outputs[0].Err)
		}
	})
}

func TestAnItemsErrorWithOddMembersComesFromTheServer(t *testing.T) {
	t.Parallel()
	out := output(t, `{"status":"error","code":17,"message":["m"]}`)
	if !errs.FromServer(out.Err) || errs.MaybeApplied(out.Err) {
		t.Errorf("got %v", out.Err)
	}
}

func TestAnItemWithDetailsAndNoStatusIsASuccess(t *testing.T) {
	t.Parallel()
	if out := output(t, `{"details":{"id":"s"}}`); out.Err != nil {
		t.Errorf("got %v", out.Err)
	}
}
