package prefactortest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

// A call that is repeated until it succeeds is applied once, whatever strikes
// it.
func TestStorm(t *testing.T) {
	t.Parallel()
	const workers, spans = 16, 25
	eachFace(t, func(t *testing.T, f *prefactortest.Fake, c client) {
		instance := c.started()
		f.Inject(prefactortest.Storm(0.3)...)
		call := func(path, body string) answer {
			for {
				if a, err := c.send(c.request("POST", path, body)); err == nil && a.status == 200 {
					return a
				}
			}
		}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for n := range spans {
					key := fmt.Sprintf("create-%d-%d", w, n)
					id := call("/agent_spans", withKey(spanBody(instance, "active", ""), key)).doc["details"].(map[string]any)["id"].(string)
					call("/agent_spans/"+id+"/finish", `{"idempotency_key":"finish"}`)
				}
			})
		}
		wg.Wait()
		f.Heal()
		want := prefactortest.SpanCounts{Total: workers * spans, Complete: workers * spans, Finished: workers * spans}
		if i, _ := f.Instance(instance); i.SpanCounts != want {
			t.Errorf("SpanCounts is %+v, want %+v", i.SpanCounts, want)
		}
		committed := map[string]int{}
		for _, x := range f.Journal() {
			if x.Committed {
				committed[x.Path+x.Key]++
			}
		}
		for call, times := range committed {
			if times != 1 {
				t.Errorf("%s was committed %d times", call, times)
			}
		}
	})
}

func TestStormStrikesAtItsRate(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	f.Inject(prefactortest.Storm(0.3)...)
	c := direct(t, f)
	const n = 4000
	for range n {
		c.send(c.request("GET", "/ping", ""))
	}
	kinds := map[string]int{}
	struck := 0
	for _, x := range f.Journal() {
		if x.Fault != "" {
			struck++
			_, what, _ := strings.Cut(x.Fault, ", ")
			kinds[what]++
		}
	}
	if struck < n*27/100 || struck > n*33/100 {
		t.Errorf("%d of %d requests were struck, want about 30 %%", struck, n)
	}
	for what, times := range kinds {
		if share := float64(times) / float64(struck); share < 0.10 || share > 0.19 {
			t.Errorf("%q has a share of %.2f, want about a seventh", what, share)
		}
	}
	if len(kinds) != 7 {
		t.Errorf("%d kinds of faults struck, want 7", len(kinds))
	}
}

// A client that repeats its keyless writes makes no duplicates in a storm that
// spares them.
func TestStormSparesKeylessWrites(t *testing.T) {
	t.Parallel()
	const spans = 300
	f := prefactortest.New()
	c := direct(t, f)
	instance := c.started()
	for _, fault := range prefactortest.Storm(0.7) {
		f.Inject(fault.SpareKeyless())
	}
	for range spans {
		for {
			a, err := c.send(c.request("POST", "/agent_spans", spanBody(instance, "active", "")))
			if err == nil && a.status == 200 {
				break
			}
		}
	}
	if n := len(f.Spans()); n != spans {
		t.Errorf("the fake holds %d spans, want %d", n, spans)
	}
	struck := 0
	for _, x := range f.Journal() {
		if x.Fault == "" {
			continue
		}
		struck++
		if x.Committed {
			t.Errorf("a keyless write was struck after its commit: %s", x)
		}
	}
	if struck < spans/4 {
		t.Errorf("the storm struck %d keyless writes of %d, want more", struck, spans)
	}
}

func TestSpareKeylessSparesNothingElse(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	f.Inject(prefactortest.On("*").Always().ResetAfter().SpareKeyless())
	for name, tt := range map[string]struct{ method, path, body string }{
		"a write with a key": {"POST", "/agent_instance/register", `{"idempotency_key":"k"}`},
		"a read":             {"GET", "/agent", ""},
		"a bulk request":     {"POST", "/bulk", bulk(`"_type":"agent_instances/register","idempotency_key":"12345678"`)},
		"no operation":       {"GET", "/nothing", ""},
	} {
		if _, err := c.send(c.request(tt.method, tt.path, tt.body)); err == nil {
			t.Errorf("%s was spared", name)
		}
	}
	c.post("/agent_instance/register", `{}`).must(t)
}
