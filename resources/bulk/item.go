package bulk

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/params"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// minKey is the least length of an item's key that the API accepts.
const minKey = 8

// Item is one operation of a bulk request. Make it with a function of this
// package: it replaces an empty key with a random UUID, which can be read from Key
// before the item is sent.
type Item struct {
	// Type is the operation's name in bulk, such as "agent_spans/create".
	// Required.
	Type string

	// Key is the item's idempotency key, unique in its request: 8 to 64 visible
	// ASCII characters. Required.
	Key string

	// Params encodes to a JSON object, whose members are sent beside the type and
	// the key; nil means no members. If Params is a [transport.Validator], it is
	// checked before anything is sent.
	Params any
}

// NewItem returns an item of any type that the API accepts in bulk. An id that a
// single operation has in its path is a member of params here, such as
// agent_instance_id, agent_span_id or agent_id. What a single operation has under
// "details" is under "details" here, too. An empty key is replaced by a random
// UUID.
func NewItem(itemType, key string, params any) Item {
	return Item{Type: itemType, Key: keyFor(key, itemType, ""), Params: params}
}

// RegisterInstance returns an item for [instances.Service.Register]. An empty key is
// replaced by that of [KeyOf] if params choose the id, and otherwise by a random UUID.
// The runtime environment of an agent's version is filled in without adapters: set it
// with [instances.CurrentRuntime] to name them.
func RegisterInstance(key string, params instances.RegisterParams) Item {
	return NewItem("agent_instances/register", keyFor(key, "agent_instances/register", params.ID), params.WithDefaults())
}

// StartInstance returns an item for [instances.Service.Start]. An empty key is
// replaced by that of [KeyOf] if params have a time, so that the same call makes the
// same item, and otherwise by a random UUID.
func StartInstance(key, id string, params instances.StartParams) Item {
	return NewItem("agent_instances/start", keyAt(params.Timestamp, key, "agent_instances/start", id), startInstance{id, params.WithDefaults()})
}

// FinishInstance returns an item for [instances.Service.Finish]. An empty key is
// replaced by that of [KeyOf] if params have a time, so that the same call makes the
// same item, and otherwise by a random UUID.
func FinishInstance(key, id string, params instances.FinishParams) Item {
	return NewItem("agent_instances/finish", keyAt(params.Timestamp, key, "agent_instances/finish", id), finishInstance{id, params.WithDefaults()})
}

// CreateSpan returns an item for [spans.Service.Create]. An empty key is replaced by
// that of [KeyOf] if params choose the id, and otherwise by a random UUID.
func CreateSpan(key string, params spans.CreateParams) Item {
	return NewItem("agent_spans/create", keyFor(key, "agent_spans/create", params.ID), createSpan{params.WithDefaults()})
}

// FinishSpan returns an item for [spans.Service.Finish]. An empty key is
// replaced by that of [KeyOf] if params have a time, so that the same call makes the
// same item, and otherwise by a random UUID.
func FinishSpan(key, id string, params spans.FinishParams) Item {
	return NewItem("agent_spans/finish", keyAt(params.Timestamp, key, "agent_spans/finish", id), finishSpan{id, params.WithDefaults()})
}

type startInstance struct {
	ID string `json:"agent_instance_id"`
	instances.StartParams
}

func (p startInstance) Validate() error { return params.Required("agent_instance_id", p.ID) }

type finishInstance struct {
	ID string `json:"agent_instance_id"`
	instances.FinishParams
}

func (p finishInstance) Validate() error {
	return errors.Join(params.Required("agent_instance_id", p.ID), p.FinishParams.Validate())
}

type createSpan struct {
	Details spans.CreateParams `json:"details"`
}

func (p createSpan) Validate() error { return p.Details.Validate() }

type finishSpan struct {
	ID string `json:"agent_span_id"`
	spans.FinishParams
}

func (p finishSpan) Validate() error {
	return errors.Join(params.Required("agent_span_id", p.ID), p.FinishParams.Validate())
}

// encodeTo checks the item and writes its JSON to the end of b: the params, once
// encoded, with the type and the key spliced in in front.
func (i Item) encodeTo(b *bytes.Buffer) error {
	if err := i.check(); err != nil {
		return err
	}
	head := append(b.AvailableBuffer(), `{"_type":`...)
	head, _ = jsontext.AppendQuote(head, i.Type) // the error is about invalid UTF-8, which is replaced
	head = append(head, `,"idempotency_key":`...)
	head, _ = jsontext.AppendQuote(head, i.Key)
	b.Write(head)
	if i.Params == nil {
		return b.WriteByte('}')
	}
	begin := b.Len()
	if err := rawjson.EncodeTo(b, i.Params); err != nil {
		return rawjson.Within("params", err)
	}
	text := b.Bytes()[begin:]
	if err := i.checkParams(text); err != nil {
		return err
	}
	if string(text) == "{}" {
		b.Truncate(begin)
		return b.WriteByte('}')
	}
	text[0] = ','
	return nil
}

// check finds what is wrong with an item, besides what encoding finds.
func (i Item) check() error {
	if err := params.Required("_type", i.Type); err != nil {
		return err
	}
	if len(i.Key) < minKey || transport.ValidateKey(i.Key) != nil {
		return &errs.ClientError{Field: "idempotency_key", Problem: fmt.Sprintf("must have %d to 64 visible ASCII characters", minKey)}
	}
	if v, ok := i.Params.(transport.Validator); ok {
		return v.Validate()
	}
	return nil
}

// checkParams refuses params that aren't an object, or hold what the item's own
// fields give.
func (i Item) checkParams(text jsontext.Value) error {
	if text.Kind() != '{' {
		_, err := rawjson.EncodeObject("params", text)
		return err
	}
	switch i.Params.(type) {
	case instances.RegisterParams, startInstance, finishInstance, createSpan, finishSpan:
		return nil
	}
	var members struct {
		Type jsontext.Value `json:"_type"`
		Key  jsontext.Value `json:"idempotency_key"`
	}
	if err := rawjson.Object(text).Decode(&members); err != nil || members.Type != nil || members.Key != nil {
		return &errs.ClientError{Field: "params", Problem: "must have neither a member _type nor a member idempotency_key: use the item's Type and Key"}
	}
	return nil
}
