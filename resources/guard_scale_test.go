package resources_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/bulk"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// counted is an API that answers every write with its span, and counts the reads of
// instances.
type counted struct {
	reads    atomic.Int64
	bySecond [120]atomic.Int64
	began    time.Time
}

func (c *counted) RoundTrip(req *http.Request) (*http.Response, error) {
	id, isRead := strings.CutPrefix(req.URL.Path, "/api/v1/agent_instance/")
	body := `{"status":"success","details":{"id":"` + id + `","status":"active"}}`
	switch {
	case isRead:
		c.reads.Add(1)
		c.bySecond[int(time.Since(c.began)/time.Second)%len(c.bySecond)].Add(1)
	case strings.HasSuffix(req.URL.Path, "/bulk"):
		body = `{"status":"success","outputs":{"` + req.Header.Get("X-Key") + `":{"status":"success","details":{"type":"agent_span","id":"s","agent_instance_id":"` + req.Header.Get("X-Run") + `"}}}}`
	default:
		body = `{"status":"success","details":{"id":"s","agent_instance_id":"` + req.Header.Get("X-Run") + `"}}`
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// guardedRuns guards many runs on a counted API.
func guardedRuns(t *testing.T, runs int, test func(api *resources.API, server *counted, works []context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := &counted{began: time.Now()}
		client, err := transport.NewClient("http://localhost", server)
		if err != nil {
			t.Fatal(err)
		}
		api := resources.New(client)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		works := make([]context.Context, runs)
		for n := range works {
			works[n], _ = api.Guard(ctx, fmt.Sprint("run-", n)) // ctx ends it
		}
		test(api, server, works)
	})
}

func TestBusyRunsAreNotRead(t *testing.T) {
	t.Parallel()
	const runs = 10_000
	guardedRuns(t, runs, func(api *resources.API, server *counted, works []context.Context) {
		for round := range 4 {
			for n, work := range works {
				run := fmt.Sprint("run-", n)
				var err error
				switch {
				case round == 3 && n%2 == 0:
					_, err = api.Bulk.Execute(work, bulk.Request{Items: []bulk.Item{bulk.NewItem("agent_spans/finish", "key-00001", nil)}},
						transport.WithHeader("X-Run", run), transport.WithHeader("X-Key", "key-00001"))
				case n%2 == 0:
					_, err = api.Spans.Create(work, spans.CreateParams{AgentInstanceID: run, SchemaName: "app:llm"}, transport.WithHeader("X-Run", run))
				default:
					_, err = api.Spans.Finish(work, "s", spans.FinishParams{}, transport.WithHeader("X-Run", run))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(29 * time.Second)
		}
		if n := server.reads.Load(); n > 0 {
			t.Errorf("%d runs that write every 29s were read %d times", runs, n)
		}
	})
}

func TestIdleRunsAreReadEvenlyOverTheInterval(t *testing.T) {
	t.Parallel()
	const runs = 9_000
	guardedRuns(t, runs, func(_ *resources.API, server *counted, _ []context.Context) {
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := server.reads.Load(); n < 4*runs-runs/30 || n > 4*runs+runs/30 {
			t.Errorf("%d reads of %d runs in two minutes, want one every 30s each", n, runs)
		}
		for second := range server.bySecond {
			if n := server.bySecond[second].Load(); n < runs/30-30 || n > runs/30+30 {
				t.Errorf("%d reads in second %d, want about %d", n, second, runs/30)
			}
		}
	})
}

func TestAGuardThatWaitsHasNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	guardedRuns(t, 1000, func(*resources.API, *counted, []context.Context) {
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > 50 {
			t.Errorf("1000 guards have %d goroutines", n)
		}
	})
}

func TestGuardEverySetsTheInterval(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		work, stop := api.Guard(t.Context(), id, resources.GuardEvery(2*time.Second))
		defer stop()
		fake.Terminate(id, "over budget")
		began := time.Now()
		<-work.Done()
		assertTerminated(t, work, id, "over budget")
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("after %s, want 2s or less", took)
		}
	})
}

func TestARefusedReadIsReported(t *testing.T) {
	for _, status := range []int{401, 403, 404} {
		guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
			fake.Inject(prefactortest.On("agent_instances.get").Always().Reply(status))
			var log strings.Builder
			before := slog.Default()
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			defer slog.SetDefault(before)
			id := begin(t, api)
			var reported []error
			_, stop := api.Guard(t.Context(), id, resources.GuardReport(func(err error) { reported = append(reported, err) }))
			defer stop()
			_, stopSecond := api.Guard(t.Context(), id)
			defer stopSecond()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if len(reported) != 1 || !errors.As(reported[0], new(*errs.Error)) {
				t.Errorf("%d: reported %v, want once", status, reported)
			}
			if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), id) {
				t.Errorf("%d: logged %s", status, &log)
			}
		})
	}
}

// A write of a run that the API doesn't answer replaces no read.
func TestAWriteThatFailsReplacesNoRead(t *testing.T) {
	t.Parallel()
	guarded(t, func(t *testing.T, fake *prefactortest.Fake, api *resources.API) {
		id := begin(t, api)
		fake.Inject(prefactortest.On("agent_spans.create").Always().Reply(422))
		work, stop := api.Guard(t.Context(), id)
		defer stop()
		fake.Terminate(id, "over budget")
		for range 8 {
			_ = step(t.Context(), api, id)
			time.Sleep(5 * time.Second)
		}
		assertTerminated(t, work, id, "over budget")
	})
}
