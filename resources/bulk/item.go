package bulk

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
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
	return NewItem("agent_spans/finish", key, finishSpan{id, params.WithDefaults()})
}

type startInstance struct {
	ID string `json:"agent_instance_id"`
	instances.StartParams
}

func (p startInstance) Validate() error { return required("agent_instance_id", p.ID) }

type finishInstance struct {
	ID string `json:"agent_instance_id"`
	instances.FinishParams
}

func (p finishInstance) Validate() error {
	if err := required("agent_instance_id", p.ID); err != nil {
		return err
	}
	return p.FinishParams.Validate()
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
	if err := required("agent_span_id", p.ID); err != nil {
		return err
	}
	return p.FinishParams.Validate()
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
	object := rawjson.Object("{}")
	if i.Params != nil {
		var err error
		if object, err = rawjson.EncodeObject("params", i.Params); err != nil {
			return nil, err
		}
	}
	text, err := compose(i.Type, i.Key, jsontext.Value(object))
	if err != nil {
		return nil, &errs.ClientError{Field: "params", Problem: "must not have the members _type and idempotency_key: give them as Type and Key"}
	}
	return text, nil
}

// compose puts an item's type and key in front of the members of its params. A
// name that stands twice is an error.
func compose(itemType, key string, params jsontext.Value) (jsontext.Value, error) {
	var text bytes.Buffer
	enc := jsontext.NewEncoder(&text)
	for _, token := range []jsontext.Token{
		jsontext.BeginObject,
		jsontext.String("_type"), jsontext.String(itemType),
		jsontext.String("idempotency_key"), jsontext.String(key),
	} {
		if err := enc.WriteToken(token); err != nil {
			return nil, err
		}
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(params))
	if _, err := dec.ReadToken(); err != nil { // the opening brace
		return nil, err
	}
	for dec.PeekKind() != '}' {
		member, err := dec.ReadValue() // a name, and then a value
		if err != nil {
			return nil, err
		}
		if err := enc.WriteValue(member); err != nil {
			return nil, err
		}
	}
	if err := enc.WriteToken(jsontext.EndObject); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}
