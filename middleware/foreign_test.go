package middleware_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest/conformance"
	"github.com/prefactordev/prefactor-go/transport"
)

// edited runs the fault table on the default stack after an edit.
func edited(t *testing.T, edit func(transport.Stack) transport.Stack, options ...conformance.SuiteOption) {
	t.Helper()
	conformance.TestFaults(t, func(cfg middleware.Config, base http.RoundTripper) (http.RoundTripper, error) {
		return edit(middleware.Default(cfg)).RoundTripper(base)
	}, options...)
}

func TestFaultTableHoldsWithAForeignLayerAtEveryPosition(t *testing.T) {
	names := []string{"identify", "idempotency", "retry", "timeout", "classify", "envelope", "auth"}
	for _, name := range names {
		t.Run("outside "+name, func(t *testing.T) {
			edited(t, func(s transport.Stack) transport.Stack { return s.Before(name, foreign("foreign")) })
		})
	}
	t.Run("next to the base", func(t *testing.T) {
		edited(t, func(s transport.Stack) transport.Stack { return s.Wire(foreign("foreign")) })
	})
	t.Run("everywhere at once", func(t *testing.T) {
		edited(t, func(s transport.Stack) transport.Stack {
			for _, name := range names {
				s = s.Before(name, foreign("outside "+name))
			}
			return s.Wire(foreign("next to the base"))
		})
	})
}

func TestFaultTableHoldsWithAForeignHedge(t *testing.T) {
	for name, edit := range map[string]func(transport.Stack) transport.Stack{
		"outside retry":    func(s transport.Stack) transport.Stack { return s.Before("retry", foreignHedge("hedge")) },
		"inside retry":     func(s transport.Stack) transport.Stack { return s.After("retry", foreignHedge("hedge")) },
		"next to the base": func(s transport.Stack) transport.Stack { return s.Wire(foreignHedge("hedge")) },
		"on both sides of retry": func(s transport.Stack) transport.Stack {
			return s.Before("retry", foreignHedge("outer hedge")).After("retry", foreignHedge("inner hedge"))
		},
		"outside retry, among foreign layers": func(s transport.Stack) transport.Stack {
			return s.Before("retry", foreign("outermost"), foreignHedge("hedge"), foreign("between")).After("retry", foreign("inside"))
		},
	} {
		t.Run(name, func(t *testing.T) { edited(t, edit, conformance.Hedged()) })
	}
}

// foreign is a layer like one of a company's library: it doesn't know this
// module, clones the request, copies the response and wraps its body.
func foreign(name string) transport.Layer {
	return transport.NewLayer(name, transport.Anywhere, func(next http.RoundTripper) http.RoundTripper {
		return foreignTripper{next}
	})
}

type foreignTripper struct{ next http.RoundTripper }

type foreignContext struct{}

func (f foreignTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(context.WithValue(req.Context(), foreignContext{}, true))
	req.Header.Set("X-Foreign", "seen")
	resp, err := f.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	copied := *resp
	copied.Request = nil
	copied.Header = resp.Header.Clone()
	copied.Body = foreignBody{resp.Body}
	return &copied, nil
}

type foreignBody struct{ io.ReadCloser }

// foreignHedge sends a second request if the first takes 100 ms, and returns
// the first response, or otherwise the last error.
func foreignHedge(name string) transport.Layer {
	return transport.NewLayer(name, transport.Repeats, func(next http.RoundTripper) http.RoundTripper {
		return hedgeTripper{next}
	})
}

type hedgeTripper struct{ next http.RoundTripper }

type hedgeResult struct {
	number int
	resp   *http.Response
	err    error
}

func (h hedgeTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	var cancels []context.CancelFunc
	results := make(chan hedgeResult, 2)
	send := func(body io.ReadCloser) {
		ctx, cancel := context.WithCancel(req.Context())
		number := len(cancels)
		cancels = append(cancels, cancel)
		clone := req.Clone(ctx)
		clone.Body = body
		go func() {
			resp, err := h.next.RoundTrip(clone)
			results <- hedgeResult{number, resp, err}
		}()
	}
	send(req.Body)
	delay := time.NewTimer(100 * time.Millisecond)
	defer delay.Stop()
	for running := 1; ; {
		select {
		case <-delay.C:
			if body, err := req.GetBody(); err == nil {
				send(body)
				running++
			}
		case r := <-results:
			running--
			if r.err != nil {
				cancels[r.number]()
				if running > 0 {
					continue
				}
				return nil, r.err
			}
			if running > 0 {
				cancels[1-r.number]()
				go func() {
					if loser := <-results; loser.err == nil {
						_ = loser.resp.Body.Close()
					}
				}()
			}
			r.resp.Body = &hedgedBody{r.resp.Body, cancels[r.number]}
			return r.resp, nil
		}
	}
}

// hedgedBody ends the winner's context when the body is closed.
type hedgedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *hedgedBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}
