// Package bulk sends many operations in one request. Its items are made of the
// params of the packages instances and spans, or, for any other operation that
// the API takes in bulk, of a name and a value:
//
//	resp, err := api.Bulk.Execute(ctx, bulk.Request{Items: []bulk.Item{
//		bulk.CreateSpan("", spans.CreateParams{AgentInstanceID: run, SchemaName: "app:llm"}),
//		bulk.NewItem("agent_instances/terminate", "", map[string]any{"agent_instance_id": other, "reason": "budget"}),
//	}})
//
// The server carries the items out in order, each in a transaction of its own,
// and stops at the first that fails: the call succeeds all the same. So look at
// [Response.Err] too, or at each [Output]:
//
//	for _, out := range resp.Outputs {
//		span, err := bulk.Details[spans.Span](out)
//	}
//
// Each item has an idempotency key. A call that may have been applied, and the
// items that were left over, can therefore be sent again as they are: no item is
// carried out twice.
//
// One item can't name what another one makes, unless you choose the id yourself.
package bulk
