package middleware_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

func TestACallOutlivesAnOutageOfAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := prefactortest.New(prefactortest.WithT(t))
		pipe := fake.Pipe()
		defer pipe.Close()
		cfg := middleware.NewConfig(pipe.URL, prefactortest.Token)
		cfg.MaxRetries = 100
		rt, err := buildDefault(cfg, pipe.Transport())
		if err != nil {
			t.Fatal(err)
		}
		client, err := transport.NewClient(pipe.URL, rt)
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()

		fake.Inject(prefactortest.On("agent_instances.register").Always().Reply(503))
		time.AfterFunc(time.Hour, fake.Heal)
		began := time.Now()
		_, err = client.Do(t.Context(), transport.Request{Method: http.MethodPost, Path: "/agent_instance/register", Body: struct{}{}})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < time.Hour || took > time.Hour+cfg.MaxRetryDelay {
			t.Errorf("the call took %s, want an hour and no more than one wait", took)
		}
		attempts := fake.Journal()
		if n := len(attempts); n < 60 || n > 90 {
			t.Errorf("%d attempts in an hour, want about one a minute", n)
		}
		for _, x := range attempts {
			if x.Key != attempts[0].Key || x.Conn != 1 {
				t.Errorf("attempt %d has the key %s and the connection %d, the first has %s and 1", x.Attempt, x.Key, x.Conn, attempts[0].Key)
			}
		}
		if n := len(fake.Instances()); n != 1 {
			t.Errorf("%d instances", n)
		}
	})
}
