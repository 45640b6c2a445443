package prefactortest_test

import (
	"slices"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// unknownFields are requests with fields and parameters that their operations
// don't have.
var unknownFields = []struct {
	name, method, path, body string
	dropped                  []string
}{
	{"a field", "POST", "/agent_instance/register", `{"colour":"red"}`, []string{"colour"}},
	{"two fields", "POST", "/agent_instance/register", `{"size":1,"colour":"red"}`, []string{"colour", "size"}},
	{"details where there are none", "POST", "/agent_instance/register", `{"details":{}}`, []string{"details"}},
	{"a field of details", "POST", "/agent", `{"details":{"name":"n","colour":1}}`, []string{"details.colour"}},
	{"a field of the version", "POST", "/agent_instance/register", `{"agent_version":{"colour":1}}`, []string{"agent_version.colour"}},
	{"a field of the schema version", "POST", "/agent_instance/register",
		`{"agent_schema_version":{"colour":1}}`, []string{"agent_schema_version.colour"}},
	{"a field of the runtime environment", "POST", "/agent_instance/register",
		`{"agent_version":{"runtime_environment":{"os":"linux","colour":1}}}`, []string{"agent_version.runtime_environment.colour"}},
	{"a field of a span type", "POST", "/agent_instance/register",
		`{"agent_schema_version":{"span_type_schemas":[{"name":"a"},{"name":"b","result_template":"t"}]}}`,
		[]string{"agent_schema_version.span_type_schemas.1.result_template"}},
	{"a field of a quality schema", "POST", "/agent_instance/register",
		`{"agent_schema_version":{"quality_schemas":[{"name":"a","params_schema":{}}]}}`,
		[]string{"agent_schema_version.quality_schemas.0.params_schema"}},
	{"a category of a data risk", "POST", "/agent_instance/register",
		`{"agent_schema_version":{"span_type_schemas":[{"data_risk":{"params_data_categories":{"gdpr":"included"}}}]}}`,
		[]string{"agent_schema_version.span_type_schemas.0.data_risk.params_data_categories.gdpr"}},
	{"a key inside details", "POST", "/agent_spans",
		`{"details":{"agent_instance_id":"$instance","schema_name":"s","status":"active","payload":{},"idempotency_key":"k"}}`,
		[]string{"details.idempotency_key"}},
	{"a field of a bulk item", "POST", "/bulk", bulk(
		`"_type":"agent_instances/register","idempotency_key":"12345678"`,
		`"_type":"agents/create","idempotency_key":"23456789","details":{"name":"n","colour":1}`,
	), []string{"items.1.details.colour"}},
	{"a field of a flat bulk item", "POST", "/bulk",
		bulk(`"_type":"agents/create","idempotency_key":"12345678","name":"n","colour":1`), []string{"items.0.colour"}},
	{"a parameter of a bulk item", "POST", "/bulk",
		bulk(`"_type":"agent_instances/list","idempotency_key":"12345678","status":"active"`), []string{"items.0.status"}},
	{"a parameter", "GET", "/agent_instance?status=active&agent_id=" + prefactortest.AgentID, "", []string{"status"}},
	{"a parameter of a write", "POST", "/agent_instance/register?dry=1", `{}`, []string{"dry"}},
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	for _, tt := range unknownFields {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New()
			c := direct(t, f)
			c.do(tt.method, tt.path, expand(tt.body, map[string]string{"$instance": c.started()})).must(t)
			if x := f.Journal()[2]; x.Dropped != nil {
				t.Errorf("the journal has the dropped fields %q outside the mode that drops", x.Dropped)
			}
		})
	}
}

func TestDropUnknown(t *testing.T) {
	t.Parallel()
	for _, tt := range unknownFields {
		for mode, opts := range map[string][]prefactortest.Option{
			"alone":         {prefactortest.DropUnknown()},
			"before strict": {prefactortest.DropUnknown(), prefactortest.Strict()},
			"after strict":  {prefactortest.Strict(), prefactortest.DropUnknown()},
		} {
			if mode != "alone" && tt.path != "/agent_spans" { // strict mode refuses the others for other reasons
				continue
			}
			t.Run(tt.name+", "+mode, func(t *testing.T) {
				t.Parallel()
				f := prefactortest.New(opts...)
				c := direct(t, f)
				instance := c.post("/agent_instance/register", `{"agent_id":"`+prefactortest.AgentID+`"}`).must(t)["id"].(string)
				c.do(tt.method, tt.path, expand(tt.body, map[string]string{"$instance": instance})).must(t)
				if x := f.Journal()[1]; !slices.Equal(x.Dropped, tt.dropped) {
					t.Errorf("the journal has the dropped fields %q, want %q", x.Dropped, tt.dropped)
				}
			})
		}
	}
}

func TestRefuseUnknown(t *testing.T) {
	t.Parallel()
	for _, tt := range unknownFields {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := prefactortest.New(prefactortest.DropUnknown(), prefactortest.RefuseUnknown())
			c := direct(t, f)
			a := c.do(tt.method, tt.path, expand(tt.body, map[string]string{"$instance": c.started()}))
			if tt.path == "/bulk" {
				if !hasInvalidItem(a) {
					t.Errorf("every item is valid: %s", a.body)
				}
				return
			}
			for _, field := range tt.dropped {
				a.invalid(t, field, "invalid_value")
			}
		})
	}
}

// hasInvalidItem reports whether the fields of an item of a bulk response are
// invalid.
func hasInvalidItem(a answer) bool {
	outputs, _ := a.doc["outputs"].(map[string]any)
	for _, output := range outputs {
		if at(output, "code") == "validation_errors" {
			return true
		}
	}
	return false
}

func TestDroppedKeysLinkNothing(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.DropUnknown())
	c := direct(t, f)
	body := spanBody(c.register(), "active", `"idempotency_key":"k"`)
	c.post("/agent_spans", body).must(t)
	c.post("/agent_spans", body).must(t)
	f.AssertJournal(t, `
		agent_instances.register 200
		agent_spans.create 200, dropped details.idempotency_key
		agent_spans.create 200, dropped details.idempotency_key
	`)
	if n := len(f.Spans()); n != 2 {
		t.Errorf("the fake holds %d spans, want 2: their key was inside details", n)
	}
	if x := f.Journal()[2]; x.Key != "" || x.BodyKey != "" || x.Attempt != 0 {
		t.Errorf("the journal has the dropped key: %+v", x)
	}
}

func TestDropUnknownDropsWhatTheAPIHadBefore(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.DropUnknown())
	c := direct(t, f)
	instance := c.post("/agent_instance/register", `{"agent_schema_version":{"quality_schema":{"title":"t"}}}`).must(t)["id"].(string)
	c.do("PUT", "/agent_instance/"+instance, `{"details":{"quality_payload":{"a":1}}}`).must(t)
	f.AssertJournal(t, `
		agent_instances.register 200, dropped agent_schema_version.quality_schema
		agent_instances.update 200, dropped details.quality_payload
	`)
	if i, _ := f.Instance(instance); i.QualityPayload != nil {
		t.Errorf("the dropped quality_payload was set to %s", i.QualityPayload)
	}
	if n := len(f.Spans()); n != 0 {
		t.Errorf("the dropped quality_payload left %d spans", n)
	}
}
