package thirdparty_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gregjones/httpcache"

	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources/instances"
)

// cache puts httpcache around next.
func cache(next http.RoundTripper) http.RoundTripper {
	return &httpcache.Transport{Transport: next, Cache: httpcache.NewMemoryCache()}
}

func TestHTTPCache(t *testing.T) {
	t.Parallel()
	testEach(t, everywhere("httpcache", cache))
}

// loggedCache remembers what was put into it.
type loggedCache struct {
	httpcache.Cache
	mu   sync.Mutex
	sets []string
}

func (c *loggedCache) Set(key string, response []byte) {
	c.mu.Lock()
	c.sets = append(c.sets, key)
	c.mu.Unlock()
	c.Cache.Set(key, response)
}

func (c *loggedCache) wrap(next http.RoundTripper) http.RoundTripper {
	return &httpcache.Transport{Transport: next, Cache: c}
}

func TestHTTPCacheKeepsReadsAndNoWrites(t *testing.T) {
	t.Parallel()
	for _, position := range []string{"per call", "per attempt", "wire", "base"} {
		t.Run(position, func(t *testing.T) {
			t.Parallel()
			stored := &loggedCache{Cache: httpcache.NewMemoryCache()}
			inMemory(t, everywhere("httpcache", stored.wrap)[position], func(r *rig) {
				r.fake.Inject(prefactortest.On("*").Always().Header("Cache-Control", "max-age=60"))
				run, err := r.api.Instances.Register(r.t.Context(), instances.RegisterParams{AgentID: prefactortest.AgentID, EnvironmentID: prefactortest.EnvironmentID})
				if err != nil {
					r.t.Fatal(err)
				}
				if len(stored.sets) != 0 {
					r.t.Errorf("a write was cached: %q", stored.sets)
				}
				for range 2 {
					r.checkGet(run.ID)
				}
				time.Sleep(61 * time.Second) // past max-age
				r.checkGet(run.ID)
				if _, err := r.api.Instances.Start(r.t.Context(), run.ID, instances.StartParams{}); err != nil {
					r.t.Fatal(err)
				}
				if reads := r.count("agent_instances.get"); reads != 2 {
					r.t.Errorf("the server got %d reads, want 2 of 3", reads)
				}
				for _, key := range stored.sets {
					if !strings.HasSuffix(key, "/agent_instance/"+run.ID) {
						r.t.Errorf("what is cached under %q is no read", key)
					}
				}
			})
		})
	}
}

// checkGet reads an instance, which must be whole wherever it comes from.
func (r *rig) checkGet(id string) {
	r.t.Helper()
	run, err := r.api.Instances.Get(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	if run.ID != id || run.Status != instances.Pending {
		r.t.Errorf("got %s", fmt.Sprint(run.ID, " ", run.Status))
	}
}

// count returns how many requests of an operation the fake got.
func (r *rig) count(operation string) (n int) {
	for _, x := range r.fake.Journal() {
		if x.Operation == operation {
			n++
		}
	}
	return n
}
