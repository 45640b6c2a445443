// Package bulk sends many operations in one request. An item is made of the params
// of package instances or spans. For any other operation that the API accepts in
// bulk, it is made of the operation's name and a value:
//
//	resp, err := api.Bulk.Execute(ctx, bulk.Request{Items: []bulk.Item{
//		bulk.CreateSpan("", spans.CreateParams{AgentInstanceID: run, SchemaName: "app:llm"}),
//		bulk.NewItem("agent_instances/terminate", "", map[string]any{"agent_instance_id": other, "reason": "budget"}),
//	}})
//
// The server executes the items in order, each in a transaction of its own, and
// stops at the first that fails. The call itself succeeds even then, so check
// [Response.Err] too, or each [Output]:
//
//	for _, out := range resp.Outputs {
//		span, err := bulk.Details[spans.Span](out)
//	}
//
// Each item has an idempotency key. A call that may have been applied, and items
// that were left unprocessed, can therefore be sent again unchanged: no item is
// executed twice.
//
// An item can refer to what another item creates only if you choose the id
// yourself.
package bulk
