package thirdparty_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
)

// vcr puts go-vcr around next. It keeps no token, and finds a request by its method
// and URL, because the keys of a replay are others.
func vcr(mode recorder.Mode, path string, next http.RoundTripper) *recorder.Recorder {
	withoutToken := func(i *cassette.Interaction) error {
		i.Request.Headers.Del("Authorization")
		return nil
	}
	sameTarget := func(req *http.Request, recorded cassette.Request) bool {
		return req.Method == recorded.Method && req.URL.String() == recorded.URL
	}
	rec, err := recorder.New(path,
		recorder.WithMode(mode),
		recorder.WithRealTransport(next),
		recorder.WithSkipRequestLatency(true),
		recorder.WithHook(withoutToken, recorder.BeforeSaveHook),
		recorder.WithMatcher(sameTarget))
	if err != nil {
		panic(err)
	}
	return rec
}

// taping is go-vcr while it records. The cassette is never saved.
func taping(next http.RoundTripper) http.RoundTripper {
	return vcr(recorder.ModeRecordOnly, "never saved", next)
}

func TestVCR(t *testing.T) {
	t.Parallel()
	setups := everywhere("go-vcr", taping)
	for position, s := range setups {
		s.cut = position != "per call"
		s.breaks = position == "wire" || position == "base"
		setups[position] = s
	}
	testEach(t, setups)
}

func TestVCRReplaysARun(t *testing.T) {
	t.Parallel()
	for _, position := range []string{"per call", "per attempt", "wire", "base"} {
		t.Run(position, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "run")
			url := tapeRun(t, position, path)
			checkCassette(t, position, path+".yaml")
			// Now the responses come from the cassette. This base reaches no fake.
			replaying := everywhere("go-vcr", func(next http.RoundTripper) http.RoundTripper { return vcr(recorder.ModeReplayOnly, path, next) })[position]
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, replaying, prefactortest.New(), middleware.NewConfig(url, prefactortest.Token), new(http.Transport))
				if err := r.create(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// tapeRun records the calls of [rig.create], of which one has two attempts, and
// returns the URL that they went to.
func tapeRun(t *testing.T, position, path string) (url string) {
	t.Helper()
	var tape *recorder.Recorder
	taping := everywhere("go-vcr", func(next http.RoundTripper) http.RoundTripper {
		tape = vcr(recorder.ModeRecordOnly, path, next)
		return tape
	})[position]
	inMemory(t, taping, func(r *rig) {
		r.fake.Inject(prefactortest.On("agent_spans.create").Reply(503))
		if err := r.create(); err != nil {
			r.t.Fatal(err)
		}
		url = r.url
	})
	if err := tape.Stop(); err != nil {
		t.Fatal(err)
	}
	return url
}

// checkCassette checks that a cassette has each call or attempt, and no token.
func checkCassette(t *testing.T, position, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := 3
	if position == "per call" {
		want = 2
	}
	if n := strings.Count(string(text), "  - id: "); n != want || strings.Contains(string(text), prefactortest.Token) {
		t.Errorf("the cassette has %d exchanges, want %d, and no token:\n%s", n, want, text)
	}
}
