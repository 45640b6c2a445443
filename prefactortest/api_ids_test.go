package prefactortest_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

const pfidAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

func TestGeneratedIDs(t *testing.T) {
	t.Parallel()
	f := prefactortest.New(prefactortest.WithClock(fixed))
	c := direct(t, f)
	instance := c.started()
	list := c.post("/pfid/generate", `{"count":3}`).must(t)["pfids"].([]any)
	all := []string{instance, c.span(instance, "active"), list[0].(string), list[1].(string), list[2].(string)}
	seen := map[string]bool{}
	for _, id := range all {
		if seen[id] {
			t.Errorf("%s was generated twice", id)
		}
		seen[id] = true
		if len(id) != 32 || strings.Trim(id, pfidAlphabet) != "" || id[0] > '7' {
			t.Errorf("%s isn't a PFID", id)
		}
		var ms int64
		for _, r := range id[:10] {
			ms = ms<<5 | int64(strings.IndexRune(pfidAlphabet, r))
		}
		if ms != fixed().UnixMilli() {
			t.Errorf("%s has the time %d, want %d", id, ms, fixed().UnixMilli())
		}
		if id[10:16] != prefactortest.AgentID[10:16] {
			t.Errorf("%s has the partition %s, want the account's, %s", id, id[10:16], prefactortest.AgentID[10:16])
		}
	}
}

func TestGeneratePFIDs(t *testing.T) {
	t.Parallel()
	c := direct(t, prefactortest.New())
	got := c.post("/pfid/generate", `{"count":1,"account_id":"00000000001234560000000000000000"}`).must(t)["pfids"].([]any)
	if id := got[0].(string); id[10:16] != "123456" {
		t.Errorf("%s isn't in the partition of the account", id)
	}
	c.post("/pfid/generate", `{}`).invalid(t, "count", "required")
	for _, count := range []string{"0", "-1", "1001", "1.5", `"3"`, "1e3"} {
		c.post("/pfid/generate", `{"count":`+count+`}`).invalid(t, "count", "invalid_value")
	}
	a := c.post("/pfid/generate", `{"count":2}`)
	details := a.must(t)
	if list, _ := details["pfids"].([]any); len(list) != 2 || !reflect.DeepEqual(a.doc["pfids"], details["pfids"]) {
		t.Errorf("not the same two ids at the top level and under details: %s", a.body)
	}
	if a.doc["account_id"] != prefactortest.AccountID || details["account_id"] != prefactortest.AccountID || a.doc["status"] != "success" {
		t.Errorf("not a success with the token's account: %s", a.body)
	}
}
