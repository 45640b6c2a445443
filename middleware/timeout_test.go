package middleware_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestAnAttemptsTimeoutIsNotTheCallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The simplest base returns the context's own error.
		hangs := baseFunc(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		rt := build(t, transport.NewStack(middleware.Timeout(5*time.Second)), hangs)
		began := time.Now()
		_, err := rt.RoundTrip(newRequest(t, t.Context()))
		if elapsed := time.Since(began); elapsed != 5*time.Second {
			t.Errorf("it took %s", elapsed)
		}
		late, ok := errors.AsType[net.Error](err)
		if !ok || !late.Timeout() || !errors.Is(err, errs.ErrNetwork) || !errs.MaybeApplied(err) {
			t.Errorf("got %v, want a timeout of the network", err)
		}
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("%v looks like a cancellation by the caller", err)
		}
	})
}

func TestTheCallersDeadlineIsNotAnAttemptsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := baseFunc(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		rt := build(t, transport.NewStack(middleware.Timeout(time.Minute)), hangs)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := rt.RoundTrip(newRequest(t, ctx)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// slowBody returns a byte each second, until its request's context ends.
type slowBody struct {
	ctx  context.Context
	left int
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	case <-time.After(time.Second):
		b.left--
		p[0] = 'x'
		return 1, nil
	}
}

func (b *slowBody) Close() error { return nil }

func TestAStreamIsNotCutByTheAttemptsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rt := build(t, transport.NewStack(middleware.Timeout(5*time.Second)), baseFunc(func(req *http.Request) (*http.Response, error) {
			return answerWith(http.StatusOK, "text/event-stream", &slowBody{req.Context(), 60}), nil
		}))
		resp, err := rt.RoundTrip(newRequest(t, t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); len(body) != 60 || err != nil {
			t.Errorf("read %d of 60 bytes: %v", len(body), err)
		}
		_ = resp.Body.Close()
	})
}

func TestABodyThatNoLayerReadsIsStillLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base := baseFunc(func(req *http.Request) (*http.Response, error) {
			return answerWith(http.StatusOK, "application/json", &slowBody{req.Context(), 3600}), nil
		})
		client := newClient(t, transport.NewStack(middleware.Timeout(5*time.Second)), "http://localhost", base)
		began := time.Now()
		err := read(t.Context(), client)
		if elapsed := time.Since(began); elapsed != 5*time.Second || !errors.Is(err, errs.ErrNetwork) || errors.Is(err, context.Canceled) {
			t.Errorf("got %v after %s", err, elapsed)
		}
	})
}

// duplex is the writable body of a 101.
type duplex struct{ net.Conn }

func TestAnUpgradedConnectionStaysWritableAndUnlimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		rt := build(t, transport.NewStack(middleware.Timeout(time.Second), middleware.Classify(), middleware.Envelope(1<<20)),
			baseFunc(func(*http.Request) (*http.Response, error) {
				return answerWith(http.StatusSwitchingProtocols, "", duplex{near}), nil
			}))
		resp, err := rt.RoundTrip(newRequest(t, t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(time.Hour) // virtual
		w, ok := resp.Body.(io.ReadWriteCloser)
		if !ok {
			t.Fatal("the body can't be written to")
		}
		go func() { _, _ = w.Write([]byte("hi")) }()
		buf := make([]byte, 2)
		if _, err := io.ReadFull(far, buf); err != nil || string(buf) != "hi" {
			t.Errorf("got %q, %v", buf, err)
		}
	})
}

func TestTimeoutRefusesADurationThatIsNotPositive(t *testing.T) {
	t.Parallel()
	if _, err := transport.NewStack(middleware.Timeout(0)).RoundTripper(http.DefaultTransport); !errors.Is(err, errs.ErrClient) {
		t.Errorf("got %v", err)
	}
}

func TestAnAttemptsContextEndsWithItsBody(t *testing.T) {
	t.Parallel()
	var attempt context.Context
	rt := build(t, transport.NewStack(middleware.Timeout(time.Minute)), baseFunc(func(req *http.Request) (*http.Response, error) {
		attempt = req.Context()
		return answerWith(http.StatusOK, "text/plain", http.NoBody), nil
	}))
	resp, err := rt.RoundTrip(newRequest(t, t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if attempt.Err() != nil {
		t.Error("the context ended before the body was closed")
	}
	_ = resp.Body.Close()
	if attempt.Err() == nil {
		t.Error("the context lives on after the body was closed")
	}
}
