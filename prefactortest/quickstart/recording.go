package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
)

// agent identifies the agent and the environment of the run.
type agent struct{ id, environment string }

// recording holds what the calls of a run returned.
type recording struct {
	instance *instances.Instance
	spans    []*spans.Span // in the order of their creation, as last returned
	calls    int
}

// record records one run. It ends as complete, or as failed after an error or a
// cancellation of ctx.
func record(ctx context.Context, api *resources.API, agent agent) (r *recording, err error) {
	r = &recording{}
	instance, err := api.Instances.Register(ctx, instances.RegisterParams{
		AgentID:            agent.id,
		EnvironmentID:      agent.environment,
		AgentVersion:       &instances.AgentVersion{ExternalIdentifier: "1.0.0", Name: "quickstart"},
		AgentSchemaVersion: &instances.AgentSchemaVersion{ExternalIdentifier: "1", SpanTypeSchemas: spanTypes()},
	})
	if err != nil {
		return nil, err
	}
	if _, err = api.Instances.Start(ctx, instance.ID, instances.StartParams{}); err != nil {
		return nil, err
	}
	r.calls += 2

	end := instances.FinishParams{Status: instances.Failed}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		ended, failed := api.Instances.Finish(ctx, instance.ID, end)
		r.instance, err = ended, errors.Join(err, failed)
		r.calls++
	}()
	if err := r.turn(ctx, api, instance.ID); err != nil {
		return r, err
	}
	end.Status = instances.Complete
	return r, nil
}

// turn records an agent's turn, which asks a model, uses a tool, and sums up in two
// steps that are sent in one request.
func (r *recording) turn(ctx context.Context, api *resources.API, run string) error {
	turn, err := r.create(ctx, api, run, "", "app:agent", map[string]any{"question": "What is the weather in Perth?"})
	if err != nil {
		return err
	}
	model, err := r.create(ctx, api, run, turn, "app:llm", map[string]any{"prompt": "Which tool?", "tokens": 17})
	if err != nil {
		return err
	}
	tool, err := r.create(ctx, api, run, model, "app:tool", map[string]any{"name": "weather", "city": "Perth"})
	if err != nil {
		return err
	}
	for _, id := range []string{tool, model} {
		if err := r.finish(ctx, api, id, map[string]any{"answer": "sunny"}); err != nil {
			return err
		}
	}
	if err := r.sumUp(ctx, api, run, turn); err != nil {
		return err
	}
	return r.finish(ctx, api, turn, map[string]any{"answer": "It is sunny in Perth."})
}

// spanTypes returns the types of the run's spans.
func spanTypes() []instances.SpanTypeSchema {
	var types []instances.SpanTypeSchema
	for _, name := range []string{"app:agent", "app:llm", "app:tool"} {
		types = append(types, instances.SpanTypeSchema{Name: name, ParamsSchema: map[string]any{"type": "object"}})
	}
	return types
}

func (r *recording) create(ctx context.Context, api *resources.API, run, parent, schema string, payload any) (id string, err error) {
	span, err := api.Spans.Create(ctx, spans.CreateParams{
		AgentInstanceID: run, ParentSpanID: parent, SchemaName: schema, Payload: payload,
	})
	if err != nil {
		return "", err
	}
	r.calls++
	r.spans = append(r.spans, span)
	return span.ID, nil
}

func (r *recording) finish(ctx context.Context, api *resources.API, id string, result any) error {
	finished, err := api.Spans.Finish(ctx, id, spans.FinishParams{Status: spans.Complete, ResultPayload: result})
	if err != nil {
		return err
	}
	r.calls++
	for i, span := range r.spans {
		if span.ID == id {
			r.spans[i] = finished
		}
	}
	return nil
}

// sumUp creates two complete spans in one request.
func (r *recording) sumUp(ctx context.Context, api *resources.API, run, parent string) error {
	var items []bulk.Item
	for _, step := range []string{"draft", "polish"} {
		items = append(items, bulk.CreateSpan("", spans.CreateParams{
			AgentInstanceID: run, ParentSpanID: parent, SchemaName: "app:llm", Status: spans.Complete,
			Payload: map[string]any{"step": step}, ResultPayload: map[string]any{"done": true},
		}))
	}
	resp, err := api.Bulk.Execute(ctx, bulk.Request{Items: items})
	if err != nil {
		return err
	}
	r.calls++
	for _, out := range resp.Outputs {
		span, err := bulk.Details[spans.Span](out)
		if err != nil {
			return err
		}
		r.spans = append(r.spans, span)
	}
	return resp.Err()
}

// tree draws the spans as the calls returned them.
func (r *recording) tree() string {
	var b strings.Builder
	fmt.Fprintf(&b, "instance %s %s\n", r.instance.ID, r.instance.Status)
	var draw func(parent, indent string)
	draw = func(parent, indent string) {
		for _, span := range r.spans {
			if span.ParentSpanID == parent {
				fmt.Fprintf(&b, "%s%s %s\n", indent, span.SchemaName, span.Status)
				draw(span.ID, indent+"   ")
			}
		}
	}
	draw("", "   ")
	return b.String()
}

// check compares what the calls returned with what the server holds.
func (r *recording) check(fake *prefactortest.Fake) error {
	var differences []error
	differ := func(what string, returned, held any) {
		if returned != held {
			differences = append(differences, fmt.Errorf("%s: the call returned %v, the server holds %v", what, returned, held))
		}
	}
	held, _ := fake.Instance(r.instance.ID)
	differ("instance's status", string(r.instance.Status), held.Status)
	differ("number of instances", 1, len(fake.Instances()))
	differ("number of spans", len(r.spans), len(fake.Spans()))
	for _, span := range r.spans {
		held, _ := fake.Span(span.ID)
		differ("id of "+span.SchemaName, span.ID, held.ID)
		differ("instance of "+span.SchemaName, span.AgentInstanceID, held.AgentInstanceID)
		differ("parent of "+span.SchemaName, span.ParentSpanID, held.ParentSpanID)
		differ("type of "+span.SchemaName, span.SchemaName, held.SchemaName)
		differ("status of "+span.SchemaName, string(span.Status), held.Status)
		differ("payload of "+span.SchemaName, span.Payload.String(), string(held.Payload))
		differ("result of "+span.SchemaName, span.ResultPayload.String(), string(held.ResultPayload))
	}
	return errors.Join(differences...)
}
