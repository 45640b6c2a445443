package instances

import (
	"fmt"
	"maps"
	"slices"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// AgentSchemaVersion is the version of the schemas that an agent's spans and quality
// records follow. The server creates a version that it doesn't know.
//
// Describe the types of spans either in SpanTypeSchemas or in the older SpanSchemas
// and SpanResultSchemas: given both, the server would ignore the older maps. Every
// schema is a JSON Schema: any value that encodes to a JSON object.
type AgentSchemaVersion struct {
	ExternalIdentifier string           `json:"external_identifier,omitzero"` // your own name for the version
	SpanTypeSchemas    []SpanTypeSchema `json:"span_type_schemas,omitzero"`   // the types of spans
	SpanSchemas        map[string]any   `json:"span_schemas,omitzero"`        // older: schemas of payloads, by type of span
	SpanResultSchemas  map[string]any   `json:"span_result_schemas,omitzero"` // older: schemas of result payloads, by type of span
	QualitySchemas     []QualitySchema  `json:"quality_schemas,omitzero"`     // the kinds of quality records
}

// SpanTypeSchema describes one type of span.
type SpanTypeSchema struct {
	Name         string    `json:"name"`                   // the SchemaName of its spans, such as "app:llm"; required
	ParamsSchema any       `json:"params_schema,omitzero"` // schema of the payload
	ResultSchema any       `json:"result_schema,omitzero"` // schema of the result payload
	Title        string    `json:"title,omitzero"`         // display name; "" means Name
	Description  string    `json:"description,omitzero"`   // displayed description
	Template     string    `json:"template,omitzero"`      // Liquid template for a span's summary
	DataRisk     *DataRisk `json:"data_risk,omitzero"`     // what spans of this type may do and hold
}

// QualitySchema describes one kind of quality record.
type QualitySchema struct {
	Name        string    `json:"name"`                 // the name that records refer to; required
	Schema      any       `json:"schema,omitzero"`      // schema of the record's payload
	Title       string    `json:"title,omitzero"`       // display name; "" means Name
	Description string    `json:"description,omitzero"` // displayed description
	Template    string    `json:"template,omitzero"`    // template for a record's summary
	DataRisk    *DataRisk `json:"data_risk,omitzero"`   // what a record may hold
}

// encoded returns a copy of the version with every schema encoded.
func (v AgentSchemaVersion) encoded() *AgentSchemaVersion {
	v.SpanTypeSchemas = slices.Clone(v.SpanTypeSchemas)
	for i := range v.SpanTypeSchemas {
		s := &v.SpanTypeSchemas[i]
		s.ParamsSchema, s.ResultSchema = rawjson.Encoded(s.ParamsSchema), rawjson.Encoded(s.ResultSchema)
	}
	v.QualitySchemas = slices.Clone(v.QualitySchemas)
	for i := range v.QualitySchemas {
		v.QualitySchemas[i].Schema = rawjson.Encoded(v.QualitySchemas[i].Schema)
	}
	v.SpanSchemas, v.SpanResultSchemas = encodedSchemas(v.SpanSchemas), encodedSchemas(v.SpanResultSchemas)
	return &v
}

func encodedSchemas(schemas map[string]any) map[string]any {
	schemas = maps.Clone(schemas)
	for name, schema := range schemas {
		schemas[name] = rawjson.Encoded(schema)
	}
	return schemas
}

// Validate implements [transport.Validator]: the types of spans must be described in
// one of the two ways, SpanTypeSchemas and QualitySchemas must have names, and every
// schema must encode to a JSON object. A nil version, which isn't sent, is valid.
func (v *AgentSchemaVersion) Validate() error {
	switch {
	case v == nil:
		return nil
	case v.SpanTypeSchemas != nil && (v.SpanSchemas != nil || v.SpanResultSchemas != nil):
		return &errs.ClientError{Field: "span_type_schemas", Problem: "replaces span_schemas and span_result_schemas: leave those out"}
	case v.SpanResultSchemas != nil && v.SpanSchemas == nil:
		return &errs.ClientError{Field: "span_result_schemas", Problem: "needs span_schemas too: set both, or use span_type_schemas"}
	}
	for i, s := range v.SpanTypeSchemas {
		if err := s.validate(); err != nil {
			return rawjson.Within(fmt.Sprintf("span_type_schemas[%d]", i), err)
		}
	}
	for i, s := range v.QualitySchemas {
		if err := s.validate(); err != nil {
			return rawjson.Within(fmt.Sprintf("quality_schemas[%d]", i), err)
		}
	}
	if err := checkSchemas("span_schemas", v.SpanSchemas); err != nil {
		return err
	}
	return checkSchemas("span_result_schemas", v.SpanResultSchemas)
}

func (s SpanTypeSchema) validate() error {
	if s.Name == "" {
		return &errs.ClientError{Field: "name", Problem: "is required"}
	}
	if err := rawjson.CheckObject("params_schema", s.ParamsSchema); err != nil {
		return err
	}
	return rawjson.CheckObject("result_schema", s.ResultSchema)
}

func (s QualitySchema) validate() error {
	if s.Name == "" {
		return &errs.ClientError{Field: "name", Problem: "is required"}
	}
	return rawjson.CheckObject("schema", s.Schema)
}

// checkSchemas checks the schemas of a map, in the order of their names.
func checkSchemas(field string, schemas map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		if schemas[name] == nil {
			return &errs.ClientError{Field: field + "." + name, Problem: "is nil: set a schema, or leave the name out"}
		}
		if err := rawjson.CheckObject(field+"."+name, schemas[name]); err != nil {
			return err
		}
	}
	return nil
}
