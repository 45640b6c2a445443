package alerts_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/resources/alerts"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// get sends a call for which the server returns document.
func get(t *testing.T, document string) (*alerts.Alert, error) {
	t.Helper()
	client, _ := wiretest.Answering(t, document)
	return alerts.New(client).Get(t.Context(), "alert-1")
}

// withoutSource returns an alert that can be compared.
func withoutSource(a *alerts.Alert) alerts.Alert {
	without := *a
	without.Source = rawjson.Source{}
	return without
}

func TestAWholeAlertIsDecoded(t *testing.T) {
	t.Parallel()
	const details = `{"type":"alert","id":"alert-1","account_id":"acct-1","agent_id":"agent-1","agent_instance_id":"inst-1","environment_id":"env-1",` +
		`"name":"over_budget","title":"Over budget","summary":"12.5 of 10","severity":"error","status":"cleared","version":3,` +
		`"payload":{"spent":12.50,"n":9007199254740993},"payload_sensitive_encoding":true,` +
		`"raised_at":"2026-04-13T00:46:30Z","cleared_at":"2026-04-13T00:46:31Z","inserted_at":"2026-04-13T00:46:32Z","updated_at":"2026-04-13T00:46:33Z","new":1}`
	got, err := get(t, `{"status":"success","details":`+details+`}`)
	if err != nil {
		t.Fatal(err)
	}
	second := func(n int) time.Time { return time.Date(2026, 4, 13, 0, 46, n, 0, time.UTC) }
	want := alerts.Alert{
		Type: "alert", ID: "alert-1", AccountID: "acct-1", AgentID: "agent-1", AgentInstanceID: "inst-1", EnvironmentID: "env-1",
		Name: "over_budget", Title: "Over budget", Summary: "12.5 of 10", Severity: alerts.Error, Status: alerts.Cleared, Version: 3,
		Payload: rawjson.Object(`{"spent":12.50,"n":9007199254740993}`), PayloadSensitiveEncoding: true,
		RaisedAt: second(30), ClearedAt: second(31), InsertedAt: second(32), UpdatedAt: second(33),
	}
	if !reflect.DeepEqual(withoutSource(got), want) {
		t.Errorf("got  %+v\nwant %+v", withoutSource(got), want)
	}
	if string(got.Raw()) != details {
		t.Errorf("Raw() = %s", got.Raw())
	}
}

func TestOddMembersCostOnlyThemselves(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, details string
		want          alerts.Alert
	}{
		{"an id alone", `{"id":"a"}`, alerts.Alert{ID: "a"}},
		{"nulls", `{"id":"a","summary":null,"cleared_at":null,"payload":null,"version":null}`, alerts.Alert{ID: "a"}},
		{"an unknown severity and status", `{"id":"a","severity":"fatal","status":"muted"}`, alerts.Alert{ID: "a", Severity: "fatal", Status: "muted"}},
		{"members of other types", `{"id":"a","version":"three","raised_at":7,"title":["t"],"name":"n"}`, alerts.Alert{ID: "a", Name: "n"}},
		{"a payload that is no object", `{"id":"a","payload":"text"}`, alerts.Alert{ID: "a", Payload: rawjson.Object(`"text"`)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := get(t, `{"status":"success","details":`+tt.details+`}`)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(withoutSource(got), tt.want) {
				t.Errorf("got  %+v\nwant %+v", withoutSource(got), tt.want)
			}
		})
	}
}

func TestASuccessWithoutAnAlertIsAContractError(t *testing.T) {
	t.Parallel()
	wiretest.CheckNoRecord(t, func(t *testing.T, document string) error {
		_, err := get(t, document)
		return err
	})
}

func TestSeveritiesAndStatusesAreKnown(t *testing.T) {
	t.Parallel()
	for _, severity := range []alerts.Severity{alerts.Critical, alerts.Error, alerts.Warning, alerts.Info} {
		if !severity.Known() {
			t.Errorf("%s isn't known", severity)
		}
	}
	for _, status := range []alerts.Status{alerts.Raised, alerts.Cleared} {
		if !status.Known() {
			t.Errorf("%s isn't known", status)
		}
	}
	if alerts.Severity("fatal").Known() || alerts.Severity("").Known() || alerts.Status("").Known() {
		t.Error("an unknown value is known")
	}
}
