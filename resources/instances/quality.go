package instances

import (
	"context"
	"errors"
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/internal/params"
	"github.com/prefactordev/prefactor-go/transport"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

var recordQuality = transport.NewDetailsOp[Instance]("agent_instances.record_quality", http.MethodPost, "/agent_instance/{id}/record_quality")

// qualityRecord is the body of agent_instances.record_quality. A null payload removes
// the record.
type qualityRecord struct {
	Name    string `json:"name"`
	Payload any    `json:"payload"`
	removes bool
}

// Validate implements [transport.Validator].
func (r qualityRecord) Validate() error {
	return errors.Join(params.Required("name", r.Name), r.checkPayload())
}

func (r qualityRecord) checkPayload() error {
	if r.Payload == nil && !r.removes {
		return &errs.ClientError{Field: "payload", Problem: "is nil: give a value, or call RemoveQuality to remove the record"}
	}
	return rawjson.CheckObject("payload", r.Payload)
}

// RecordQuality writes an instance's quality record of the given name, the name of a
// [QualitySchema]. It replaces the record of this name, and leaves the others alone.
// The payload is any value that encodes to a JSON object, as [rawjson.Encode] does it.
func (s *Service) RecordQuality(ctx context.Context, id, name string, payload any, options ...transport.Option) (*Instance, error) {
	return s.writeQuality(ctx, id, qualityRecord{Name: name, Payload: rawjson.Encoded(payload)}, options)
}

// RemoveQuality removes an instance's quality record of the given name.
func (s *Service) RemoveQuality(ctx context.Context, id, name string, options ...transport.Option) (*Instance, error) {
	return s.writeQuality(ctx, id, qualityRecord{Name: name, removes: true}, options)
}

func (s *Service) writeQuality(ctx context.Context, id string, record qualityRecord, options []transport.Option) (*Instance, error) {
	return recordQuality.Do(ctx, s.via(), transport.Input{Values: []string{id}, Body: record}, options...)
}
