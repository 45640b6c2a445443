package agents_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/resources/agents"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// show sends a call for which the server returns document.
func show(t *testing.T, document string) (*agents.Agent, error) {
	t.Helper()
	client, _ := wiretest.Answering(t, document)
	return agents.New(client).Show(t.Context(), agents.ShowParams{AgentID: "agent-1", IncludeRiskRollup: true})
}

// withoutSource returns an agent that can be compared.
func withoutSource(a *agents.Agent) agents.Agent {
	without := *a
	without.Source = rawjson.Source{}
	return without
}

func TestAWholeAgentIsDecoded(t *testing.T) {
	t.Parallel()
	const details = `{"type":"agent","id":"agent-1","account_id":"acct-1","name":"billing","description":"Sends invoices.",` +
		`"external_identifier":"b-1","status":"dormant","owner_person_id":"person-1","team_id":"team-1","risk_profile_id":"risk-1",` +
		`"instance_counts":{"total":9007199254740993,"pending":1,"active":2,"complete":3,"failed":4,"cancelled":5,"terminated":6,"finished":18},` +
		`"available_actions":{"update":true,"retire":true,"reinstate":false,"delete":true},"last_activity_span_at":"2026-04-13T00:46:33Z",` +
		`"inserted_at":"2026-04-13T00:46:30Z","updated_at":"2026-04-13T00:46:31.218Z","new":[1]}`
	got, err := show(t, `{"status":"success","details":`+details+`,"risk_rollup":{`+
		`"observed_risk":{"highest_classification":"secret","classification_counts":{"secret":1,"public":2},"all_data_categories":["minors_data"],`+
		`"external_communication_count":3,"total_span_types":6,"assessed_span_types":4,"unassessed_span_types":2},"theoretical_risk":null}}`)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 4, 13, 0, 46, 30, 0, time.UTC)
	want := agents.Agent{
		Type: "agent", ID: "agent-1", AccountID: "acct-1", Name: "billing", Description: "Sends invoices.",
		ExternalIdentifier: "b-1", Status: agents.Dormant, OwnerPersonID: "person-1", TeamID: "team-1", RiskProfileID: "risk-1",
		InstanceCounts:     &agents.InstanceCounts{Total: 9007199254740993, Pending: 1, Active: 2, Complete: 3, Failed: 4, Cancelled: 5, Terminated: 6, Finished: 18},
		AvailableActions:   &agents.AvailableActions{Update: true, Retire: true, Delete: true},
		LastActivitySpanAt: at.Add(3 * time.Second), InsertedAt: at, UpdatedAt: at.Add(1218 * time.Millisecond),
		RiskRollup: &agents.RiskRollup{Observed: &agents.Risk{
			HighestClassification: "secret", ClassificationCounts: map[string]int64{"secret": 1, "public": 2}, AllDataCategories: []string{"minors_data"},
			ExternalCommunicationCount: 3, TotalSpanTypes: 6, AssessedSpanTypes: 4, UnassessedSpanTypes: 2,
		}},
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
		name, document string
		want           agents.Agent
	}{
		{"an id alone", `{"details":{"id":"a"}}`, agents.Agent{ID: "a"}},
		{"nulls", `{"details":{"id":"a","name":null,"instance_counts":null,"updated_at":null},"risk_rollup":null}`, agents.Agent{ID: "a"}},
		{"an unknown status", `{"details":{"id":"a","status":"asleep"}}`, agents.Agent{ID: "a", Status: "asleep"}},
		{"members of other types", `{"details":{"id":"a","status":5,"inserted_at":"today","instance_counts":[],"name":"n"}}`, agents.Agent{ID: "a", Name: "n"}},
		{"one count of another type", `{"details":{"id":"a","instance_counts":{"total":"many","active":2}}}`,
			agents.Agent{ID: "a", InstanceCounts: &agents.InstanceCounts{Active: 2}}},
		{"a rollup that is no object", `{"details":{"id":"a"},"risk_rollup":"high"}`, agents.Agent{ID: "a"}},
		{"a rollup with odd members", `{"details":{"id":"a"},"risk_rollup":{"observed_risk":{"total_span_types":"six","assessed_span_types":4},"theoretical_risk":7}}`,
			agents.Agent{ID: "a", RiskRollup: &agents.RiskRollup{Observed: &agents.Risk{AssessedSpanTypes: 4}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := show(t, tt.document)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(withoutSource(got), tt.want) {
				t.Errorf("got  %+v\nwant %+v", withoutSource(got), tt.want)
			}
		})
	}
}

func TestASuccessWithoutAnAgentIsAContractError(t *testing.T) {
	t.Parallel()
	wiretest.CheckNoRecord(t, func(t *testing.T, document string) error {
		_, err := show(t, document)
		return err
	})
}

func TestStatusesAreKnown(t *testing.T) {
	t.Parallel()
	for _, status := range []agents.Status{agents.Pending, agents.Active, agents.Dormant, agents.Retired} {
		if !status.Known() {
			t.Errorf("%s isn't known", status)
		}
	}
	for _, status := range []agents.Status{"", "asleep", "Active"} {
		if status.Known() {
			t.Errorf("%q is known", status)
		}
	}
}
