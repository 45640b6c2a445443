package bulk

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// minKey is the length that the API asks of an item's key at least.
const minKey = 8

// Item is one operation of a bulk request. The functions of this package make
// one; where they get an empty key, they make a random UUID, which can be read
// from Key before the item is sent.
type Item struct {
	// Type is the operation's name in bulk, such as "agent_spans/create".
	// Required.
	Type string

	// Key is the item's idempotency key, unique in its request: 8 to 64 visible
	// ASCII characters. Required.
	Key string

	// Params encodes to a JSON object, whose members are sent beside the type and
	// the key; nil for none. If it is a [transport.Validator], it is checked before
	// it is sent.
	Params any
}

// NewItem returns an item of any type that the API takes in bulk. Ids that stand
// in the operation's path elsewhere are members of params here, such as
// agent_instance_id, agent_span_id and agent_id; what stands under "details"
// elsewhere does so here too. An empty key is replaced by a random UUID.
func NewItem(itemType, key string, params any) Item {
	if key == "" {
		key = uuid.NewString()
	}
	return Item{Type: itemType, Key: key, Params: params}
}

// RegisterInstance returns an item that does what [instances.Service.Register]
// does. An empty key is replaced by a random UUID.
func RegisterInstance(key string, params instances.RegisterParams) Item {
	return NewItem("agent_instances/register", key, params.WithDefaults())
}

// StartInstance returns an item that does what [instances.Service.Start] does. An
// empty key is replaced by a random UUID.
func StartInstance(key, id string, params instances.StartParams) Item {
	return NewItem("agent_instances/start", key, startInstance{id, params})
}

// FinishInstance returns an item that does what [instances.Service.Finish] does.
// An empty key is replaced by a random UUID.
func FinishInstance(key, id string, params instances.FinishParams) Item {
	return NewItem("agent_instances/finish", key, finishInstance{id, params})
}

// CreateSpan returns an item that does what [spans.Service.Create] does. An empty
// key is replaced by a random UUID.
func CreateSpan(key string, params spans.CreateParams) Item {
	return NewItem("agent_spans/create", key, createSpan{params.WithDefaults()})
}

// FinishSpan returns an item that does what [spans.Service.Finish] does. An empty
// key is replaced by a random UUID.
func FinishSpan(key, id string, params spans.FinishParams) Item {
	return NewItem("agent_spans/finish", key, finishSpan{id, params})
}

type startInstance struct {
	ID     string                `json:"agent_instance_id"`
	Params instances.StartParams `json:",embed"`
}

func (p startInstance) Validate() error { return required("agent_instance_id", p.ID) }

type finishInstance struct {
	ID     string                 `json:"agent_instance_id"`
	Params instances.FinishParams `json:",embed"`
}

func (p finishInstance) Validate() error {
	if err := required("agent_instance_id", p.ID); err != nil {
		return err
	}
	return p.Params.Validate()
}

type createSpan struct {
	Details spans.CreateParams `json:"details"`
}

func (p createSpan) Validate() error { return p.Details.Validate() }

type finishSpan struct {
	ID     string             `json:"agent_span_id"`
	Params spans.FinishParams `json:",embed"`
}

func (p finishSpan) Validate() error {
	if err := required("agent_span_id", p.ID); err != nil {
		return err
	}
	return p.Params.Validate()
}

func required(field, value string) error {
	if value == "" {
		return &errs.ClientError{Field: field, Problem: "is required"}
	}
	return nil
}

// encode checks the item and returns it as it is sent.
func (i Item) encode() (jsontext.Value, error) {
	if err := required("_type", i.Type); err != nil {
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
	params := jsontext.Value("{}")
	if i.Params != nil {
		var err error
		if params, err = transport.EncodeObject("params", i.Params); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(struct {
		Type   string         `json:"_type"`
		Key    string         `json:"idempotency_key"`
		Params jsontext.Value `json:",embed"`
	}{i.Type, i.Key, params})
	if err != nil {
		return nil, &errs.ClientError{Field: "params", Problem: "must not have the members _type and idempotency_key: give them as Type and Key"}
	}
	return text, nil
}
