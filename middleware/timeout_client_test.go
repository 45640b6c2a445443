package middleware_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// A plain http.Client and code that asks for a net.Error see a time limit on a stack
// as they do on net/http's own transport.
func TestAPlainClientSeesTimeLimits(t *testing.T) {
	t.Parallel()
	limited := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 10*time.Second)
	}
	hang := prefactortest.On(reads).Hang().Always()
	for name, row := range map[string]struct {
		fault   prefactortest.Fault
		limit   time.Duration // of the http.Client
		within  func(context.Context) (context.Context, context.CancelFunc)
		timeout bool
		is      error
		stacks  []string // nil for all
	}{
		"the context's deadline":  {fault: hang, within: limited, timeout: true, is: context.DeadlineExceeded},
		"the client's timeout":    {fault: hang, limit: 10 * time.Second, timeout: true, is: context.DeadlineExceeded},
		"an attempt's time limit": {fault: hang, timeout: true, is: os.ErrDeadlineExceeded, stacks: []string{"the default stack", "no retry"}},
		// Without retry the error is the cause alone, as net/http's own.
		"a deadline with a cause": {fault: hang, timeout: true, is: context.DeadlineExceeded, stacks: []string{"the default stack", "retry around the base"}, within: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, 10*time.Second, errors.New("the shift is over"))
		}},
		"a cancellation whose cause is a time limit": {fault: hang, timeout: true, is: os.ErrDeadlineExceeded, within: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(10*time.Second, func() { cancel(os.ErrDeadlineExceeded) })
			return ctx, func() { cancel(nil) }
		}},
		"a cancellation": {fault: hang, within: canceledAfter(10 * time.Second), is: context.Canceled},
		"a cancellation after an attempt's limit": {fault: hang, within: canceledAfter(31 * time.Second), is: context.Canceled, stacks: []string{"the default stack"}},
		"a reset": {fault: prefactortest.On(reads).ResetBefore().Always(), is: errs.ErrNetwork},
	} {
		for stackName, edit := range map[string]func(transport.Stack) transport.Stack{
			"the default stack":     perCall(),
			"no retry":              func(s transport.Stack) transport.Stack { return s.Without("retry") },
			"retry around the base": func(s transport.Stack) transport.Stack { return s.Without("timeout", "classify", "envelope", "auth") },
			"no layer":              func(transport.Stack) transport.Stack { return transport.NewStack() },
		} {
			if row.stacks != nil && !slices.Contains(row.stacks, stackName) {
				continue
			}
			t.Run(name+" on "+stackName, func(t *testing.T) {
				t.Parallel()
				onSite(t, func(t *testing.T, s *site) {
					s.fake.Inject(row.fault)
					ctx := t.Context()
					if row.within != nil {
						var cancel context.CancelFunc
						ctx, cancel = row.within(ctx)
						defer cancel()
					}
					client := &http.Client{Transport: build(t, edit(middleware.Default(s.cfg)), s.base), Timeout: row.limit}
					req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.APIURL+"/api/v1/agent/"+prefactortest.AgentID, nil)
					if err != nil {
						t.Fatal(err)
					}
					resp, err := client.Do(req)
					if err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
					limit, ok := err.(net.Error)
					if !ok || limit.Timeout() != row.timeout || !errors.Is(err, row.is) {
						t.Errorf("%#v: want Timeout %t and %v", err, row.timeout, row.is)
					}
					if inner, ok := errors.AsType[net.Error](errors.Unwrap(err)); ok && inner.Timeout() != row.timeout {
						t.Errorf("inside, %T: want Timeout %t", inner, row.timeout)
					}
				})
			})
		}
	}
}
