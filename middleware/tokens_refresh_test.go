package middleware_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/transport"
)

// secretKey is the key of a value that a caller's context carries.
type secretKey struct{}

func TestAFetchHasNoValuesOfTheRequestThatNeedsIt(t *testing.T) {
	t.Parallel()
	onSite(t, func(t *testing.T, s *site) {
		var seen context.Context
		var left time.Duration
		source := middleware.RefreshingToken(func(ctx context.Context) (transport.Secret, error) {
			seen = ctx
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return transport.NewSecret("test-token"), nil
		})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), secretKey{}, "caller's"), time.Second)
		defer cancel()
		if err := write(ctx, s.retrying(s.withSource(source))); err != nil {
			t.Error(err)
		}
		if transport.CallFrom(seen) != nil || seen.Value(secretKey{}) != nil || left != 30*time.Second {
			t.Errorf("call %v, value %v, %s left; want nothing of the caller, and 30s", transport.CallFrom(seen), seen.Value(secretKey{}), left)
		}
	})
}

func TestAFetchThatHangsEndsAfterItsOwnTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := middleware.RefreshingToken(func(ctx context.Context) (transport.Secret, error) {
			<-ctx.Done()
			return transport.Secret{}, ctx.Err()
		})
		began := time.Now()
		_, err := source.Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no token within 30s") || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want an error that isn't the caller's deadline", err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("after %s, want 30s", took)
		}
	})
}

func TestARequestWaitsForATokenUntilItsOwnContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := middleware.RefreshingToken(func(context.Context) (transport.Secret, error) {
			time.Sleep(10 * time.Second)
			return transport.NewSecret("token"), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := source.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s, want the deadline after 1s", err, time.Since(began))
		}
		if token, err := source.Token(t.Context()); err != nil || token.Reveal() != "token" || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %s, want the token of the same fetch after 10s", err, time.Since(began))
		}
	})
}

func TestAFetchThatFailsIsRememberedForAMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fetches int
		down := errors.New("down")
		source := middleware.RefreshingToken(func(context.Context) (transport.Secret, error) {
			if fetches++; fetches == 1 {
				return transport.Secret{}, down
			}
			return transport.NewSecret("token"), nil
		})
		for _, step := range []struct {
			wait    time.Duration
			err     error
			fetches int
		}{{0, down, 1}, {4 * time.Second, down, 1}, {time.Second, nil, 2}, {time.Hour, nil, 2}} {
			time.Sleep(step.wait)
			if _, err := source.Token(t.Context()); !errors.Is(err, step.err) || fetches != step.fetches {
				t.Errorf("%s later: %v after %d fetches, want %v after %d", step.wait, err, fetches, step.err, step.fetches)
			}
		}
	})
}

func TestAFetchWithAnInvalidTokenOrNoneFails(t *testing.T) {
	t.Parallel()
	for name, fetch := range map[string]middleware.TokenFunc{
		"an empty token":        func(context.Context) (transport.Secret, error) { return transport.Secret{}, nil },
		"a token with a space":  func(context.Context) (transport.Secret, error) { return transport.NewSecret("canary token"), nil },
		"a goroutine that ends": func(context.Context) (transport.Secret, error) { runtime.Goexit(); panic("unreachable") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := middleware.RefreshingToken(fetch).Token(t.Context())
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v %v, want an error without the token", token, err)
			}
		})
	}
}

func TestASharedSourceIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, fetches atomic.Int32
		source := middleware.RefreshingToken(func(context.Context) (transport.Secret, error) {
			if running.Add(1) > 1 {
				t.Error("two fetches at once")
			}
			defer running.Add(-1)
			time.Sleep(time.Second)
			return transport.NewSecret("token-" + string('a'+rune(fetches.Add(1)))), nil
		})
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				for range 10 {
					token, err := source.Token(t.Context())
					if err != nil {
						t.Error(err)
					}
					if _, err := source.(middleware.Refresher).Refresh(t.Context(), token); err != nil {
						t.Error(err)
					}
					time.Sleep(7 * time.Second)
				}
			})
		}
		all.Wait()
		if n := fetches.Load(); n < 2 || n > 11 {
			t.Errorf("%d fetches, want one a round at most", n)
		}
	})
}

func TestAFetchThatIgnoresItsContextIsAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var fetches atomic.Int32
		source := middleware.RefreshingToken(func(context.Context) (transport.Secret, error) {
			if fetches.Add(1) == 1 {
				<-release
				return transport.NewSecret("late"), nil
			}
			return transport.NewSecret("fresh"), nil
		})
		began := time.Now()
		if _, err := source.Token(t.Context()); err == nil || time.Since(began) > time.Minute {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		fresh := func() {
			t.Helper()
			if token, err := source.Token(t.Context()); err != nil || token.Reveal() != "fresh" {
				t.Errorf("got %q, %v", token.Reveal(), err)
			}
		}
		fresh()
		close(release)
		synctest.Wait()
		fresh() // the late one hasn't replaced it
	})
}

func TestAPanicOfAFetchReachesTheRequestsThatWait(t *testing.T) {
	t.Parallel()
	source := middleware.RefreshingToken(func(context.Context) (transport.Secret, error) { panic("broken") })
	defer func() {
		if got := recover(); got != "broken" {
			t.Errorf("recovered %v", got)
		}
	}()
	_, _ = source.Token(t.Context())
}

// A failure of the token service shows nothing about the API.
func TestAFailedTokenSourceOpensNoBreakerAndIsNotRetried(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) (transport.Secret, error) {
		<-ctx.Done()
		return transport.Secret{}, ctx.Err()
	}
	for name, source := range map[string]middleware.TokenSource{
		"network": middleware.TokenFunc(func(context.Context) (transport.Secret, error) {
			return transport.Secret{}, &errs.NetworkError{Cause: errors.New("down")}
		}),
		"503": middleware.TokenFunc(func(context.Context) (transport.Secret, error) {
			return transport.Secret{}, &errs.APIError{Status: 503}
		}),
		"contract": middleware.TokenFunc(func(context.Context) (transport.Secret, error) {
			return transport.Secret{}, errs.NewContractError(502, nil, "x", nil, nil)
		}),
		"hang":               middleware.RefreshingToken(hang),
		"hang of a function": middleware.TokenFunc(hang),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSite(t, func(t *testing.T, s *site) {
				s.cfg.RequestTimeout = 5 * time.Second
				policy := middleware.NewBreaker()
				client := s.retrying(func(stack transport.Stack) transport.Stack {
					return s.withSource(source)(stack).PerAttempt(middleware.Breaker(policy))
				})
				failed := inParallel(30, func(int) error { return write(t.Context(), client) })
				for _, err := range failed {
					if failure, ok := errors.AsType[*errs.Error](err); !ok || !errors.Is(err, errs.ErrAuth) || len(failure.Attempts) != 1 {
						t.Errorf("got %v", err)
					}
				}
				if len(failed) != 30 || !policy.IsClosed() || policy.Metrics().Failures() != 0 {
					t.Errorf("%d calls failed, %d counted", len(failed), policy.Metrics().Failures())
				}
				time.Sleep(time.Minute) // the fetch ends by itself
			})
		})
	}
}
