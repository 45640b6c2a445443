package bulk

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

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
	if key == "" {
		key = uuid.NewString()
	}
	return Item{Type: itemType, Key: key, Params: params}
}

// RegisterInstance returns an item for [instances.Service.Register]. An empty key
// is replaced by a random UUID. The runtime environment of an agent's version is
// filled in without adapters: set it with [instances.CurrentRuntime] to name them.
func RegisterInstance(key string, params instances.RegisterParams) Item {
	return NewItem("agent_instances/register", key, params.WithDefaults())
}

// StartInstance returns an item for [instances.Service.Start]. An empty key is
// replaced by a random UUID.
func StartInstance(key, id string, params instances.StartParams) Item {
	return NewItem("agent_instances/start", key, startInstance{id, params.WithDefaults()})
}

// FinishInstance returns an item for [instances.Service.Finish]. An empty key is
// replaced by a random UUID.
func FinishInstance(key, id string, params instances.FinishParams) Item {
	return NewItem("agent_instances/finish", key, finishInstance{id, params.WithDefaults()})
}

// CreateSpan returns an item for [spans.Service.Create]. An empty key is replaced
// by a random UUID.
func CreateSpan(key string, params spans.CreateParams) Item {
	return NewItem("agent_spans/create", key, createSpan{params.WithDefaults()})
}

// FinishSpan returns an item for [spans.Service.Finish]. An empty key is replaced
// by a random UUID.
func FinishSpan(key, id string, params spans.FinishParams) Item {
	return NewItem("agent_spans/finish", key, finishSpan{id, params.WithDefaults()})
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

// encode checks the item and returns its JSON.
func (i Item) encode() (jsontext.Value, error) {
	if err := params.Required("_type", i.Type); err != nil {
		return nil, err
	}
	if len(i.Key) < minKey || transport.ValidateKey(i.Key) != nil {
		return nil, &errs.ClientError{Field: "idempotency_key", Problem: fmt.Sprintf("must have %d to 64 visible ASCII characters", minKey)}
	}
	if v, ok := i.Params.(transport.Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	object := rawjson.Object("{}")
	if i.Params != nil {
		var err error
		if object, err = rawjson.EncodeObject("params", i.Params); err != nil {
			return nil, err
		}
	}
	if err := checkMembers(object); err != nil {
		return nil, err
	}
	return compose(i.Type, i.Key, object), nil
}

// checkMembers refuses params that hold what the item's own fields give.
func checkMembers(params rawjson.Object) error {
	var members struct {
		Type jsontext.Value `json:"_type"`
		Key  jsontext.Value `json:"idempotency_key"`
	}
	if err := params.Decode(&members); err != nil || members.Type != nil || members.Key != nil {
		return &errs.ClientError{Field: "params", Problem: "must have neither a member _type nor a member idempotency_key: use the item's Type and Key"}
	}
	return nil
}

// compose returns the members of params, as they are, with the item's type and
// key in front of them.
func compose(itemType, key string, params rawjson.Object) jsontext.Value {
	text := []byte(`{"_type":`)
	text, _ = jsontext.AppendQuote(text, itemType) // the error is about invalid UTF-8, which is replaced
	text = append(text, `,"idempotency_key":`...)
	text, _ = jsontext.AppendQuote(text, key)
	if rest := bytes.TrimLeft(params[1:], " \t\r\n"); rest[0] != '}' {
		text = append(text, ',')
	}
	return append(text, params[1:]...)
}
