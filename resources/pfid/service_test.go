package pfid_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
	"github.com/prefactordev/prefactor-go/resources/internal/wiretest"
	"github.com/prefactordev/prefactor-go/resources/pfid"
	"github.com/prefactordev/prefactor-go/transport"
)

const (
	idA = "013xrzp12g3nqk8n000000000000000a"
	idB = "013xrzp12g3nqk8n000000000000000b"
)

func TestGenerateSendsTheGoldenRequests(t *testing.T) {
	t.Parallel()
	for golden, params := range map[string]pfid.GenerateParams{
		"generate":       {Count: 2, AccountID: "acct-1"},
		"generate_least": {Count: 2},
	} {
		client, fake := wiretest.Answering(t, `{"pfids":["013xrzp12g3nqk8n000000000000000a","013xrzp12g3nqk8n000000000000000b"]}`)
		if _, err := pfid.NewService(client).Generate(t.Context(), params, transport.WithIdempotencyKey(wiretest.Key)); err != nil {
			t.Fatal(err)
		}
		wiretest.CheckSent(t, fake.Journal()[0], "POST", "/pfid/generate", golden)
	}
}

func TestIDsAreTakenFromBothEnvelopes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, document string
		want           []string // nil for a ContractError
	}{
		{"at the top", `{"status":"success","account_id":"acct-1","pfids":["013xrzp12g3nqk8n000000000000000a","013xrzp12g3nqk8n000000000000000b"]}`, []string{idA, idB}},
		{"under details", `{"status":"success","details":{"pfids":["013xrzp12g3nqk8n000000000000000a","013xrzp12g3nqk8n000000000000000b"]}}`, []string{idA, idB}},
		{"in both", `{"status":"success","pfids":["013xrzp12g3nqk8n000000000000000a","013xrzp12g3nqk8n000000000000000b"],"details":{"pfids":["013xrzp12g3nqk8n000000000000000c","013xrzp12g3nqk8n000000000000000d"]}}`, []string{idA, idB}},
		{"under details, beside an odd member", `{"status":"success","pfids":"a,b","details":{"pfids":["013xrzp12g3nqk8n000000000000000a","013xrzp12g3nqk8n000000000000000b"]}}`, []string{idA, idB}},
		{"nowhere", `{"status":"success"}`, nil},
		{"null", `{"pfids":null,"details":null}`, nil},
		{"too few", `{"pfids":["013xrzp12g3nqk8n000000000000000a"]}`, nil},
		{"none", `{"pfids":[]}`, nil},
		{"too many", `{"pfids":["013xrzp12g3nqk8n000000000000000a","013xrzp12g3nqk8n000000000000000b","013xrzp12g3nqk8n000000000000000c"]}`, nil},
		{"one that is no text", `{"pfids":["013xrzp12g3nqk8n000000000000000a",7]}`, nil},
		{"one that is no id", `{"pfids":["013xrzp12g3nqk8n000000000000000a","b"]}`, nil},
		{"an empty one", `{"pfids":["013xrzp12g3nqk8n000000000000000a",""]}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, _ := wiretest.Answering(t, tt.document)
			got, err := pfid.NewService(client).Generate(t.Context(), pfid.GenerateParams{Count: 2})
			var texts []string
			for _, id := range got {
				texts = append(texts, id.String())
			}
			if !slices.Equal(texts, tt.want) || (err == nil) != (tt.want != nil) || err != nil && !errors.Is(err, errs.ErrContract) {
				t.Errorf("got %q, %v", texts, err)
			}
		})
	}
}

func TestACountBelowOneIsNotSent(t *testing.T) {
	t.Parallel()
	client, fake := wiretest.Answering(t, `{"pfids":[]}`)
	for _, count := range []int{0, -1} {
		if _, err := pfid.NewService(client).Generate(t.Context(), pfid.GenerateParams{Count: count}); !slices.Equal(wiretest.Fields(err), []string{"count"}) {
			t.Errorf("%d: %v", count, err)
		}
	}
	if n := len(fake.Journal()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// The fake refuses an id that isn't in the API's format.
func TestTheFakeTakesTheIDsThatItMakes(t *testing.T) {
	t.Parallel()
	client := wiretest.Client(t, prefactortest.New(prefactortest.Strict()))
	ids, err := pfid.NewService(client).Generate(t.Context(), pfid.GenerateParams{Count: 100})
	if err != nil || len(ids) != 100 {
		t.Fatalf("%d ids, %v", len(ids), err)
	}
	slices.SortFunc(ids, pfid.ID.Compare)
	if n := len(slices.Compact(slices.Clone(ids))); n != 100 {
		t.Errorf("%d of 100 ids differ", n)
	}
	run, err := instances.New(client).Register(t.Context(), instances.RegisterParams{ID: ids[0].String(), AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
	if err != nil || run.ID != ids[0].String() {
		t.Errorf("registered %+v, %v", run, err)
	}
}
