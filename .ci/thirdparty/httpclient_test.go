package thirdparty_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
)

// clientBase is an http.Client as a base, for those who get one from elsewhere.
type clientBase struct{ *http.Client }

func (b clientBase) RoundTrip(req *http.Request) (*http.Response, error) { return b.Do(req) }

// Unwrap returns what the client sends through.
func (b clientBase) Unwrap() http.RoundTripper { return b.Transport }

// client makes an http.Client a base. It follows no redirect.
func client(base http.RoundTripper) http.RoundTripper {
	return clientBase{&http.Client{
		Transport:     base,
		Timeout:       time.Hour,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// followingClient makes an http.Client a base. It follows redirects, as the zero
// http.Client does.
func followingClient(base http.RoundTripper) http.RoundTripper {
	return clientBase{&http.Client{Transport: base}}
}

func TestHTTPClient(t *testing.T) {
	t.Parallel()
	testEach(t, map[string]setup{"base": {base: client}})
}

// Whatever an http.Client is redirected to, what comes from there is no success.
func TestHTTPClientThatFollowsARedirectIsFoundOut(t *testing.T) {
	t.Parallel()
	inMemory(t, setup{base: followingClient}, func(r *rig) {
		r.fake.Inject(prefactortest.On("agent_spans.create").Redirect(307, r.url+"/api/v1/agent_spans?again"))
		if err := r.create(); errs.KindOf(err) != errs.KindContract || !errs.MaybeApplied(err) || errors.Is(err, errs.ErrExhausted) {
			r.t.Errorf("the redirect was followed %d times, and the error is %v", len(r.fake.Spans()), err)
		}
	})
}
