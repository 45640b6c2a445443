package prefactortest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := prefactortest.New()
		c := direct(t, f)
		instance := c.started()
		go func() {
			for range 3 {
				time.Sleep(time.Minute)
				c.span(instance, "active")
			}
			time.Sleep(time.Minute)
			f.Terminate(instance, "budget")
		}()
		start := time.Now()
		wait := func(cond func() bool, want time.Duration) {
			t.Helper()
			if err := f.Wait(t.Context(), cond); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took != want {
				t.Errorf("waited until %v, want %v", took, want)
			}
		}
		wait(func() bool { return true }, 0)
		wait(func() bool { return len(f.Spans()) == 2 }, 2*time.Minute)
		wait(func() bool { i, _ := f.Instance(instance); return i.Status == "terminated" }, 4*time.Minute)
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	direct(t, f).started()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	err := f.Wait(ctx, func() bool { return false })
	if !errors.Is(err, enough) || !strings.Contains(err.Error(), "instance active") {
		t.Errorf("got %v", err)
	}
}

func TestSeedAndClockMakeGoldenIDs(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) []string {
		f := prefactortest.New(prefactortest.WithClock(fixed), prefactortest.WithSeed(seed))
		c := direct(t, f)
		instance := c.started()
		return []string{instance, c.span(instance, "active")}
	}
	one, again, two := run(1), run(1), run(2)
	if !slices.Equal(one, again) || slices.Equal(one, two) {
		t.Errorf("seeds 1, 1 and 2 made %q, %q and %q", one, again, two)
	}
}
