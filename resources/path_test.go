package resources_test

import (
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/resources"
	"github.com/prefactordev/prefactor-go/resources/spans"
	"github.com/prefactordev/prefactor-go/transport"
)

// stackBase notes the frames from a call to itself, the innermost first.
type stackBase struct {
	http.RoundTripper
	frames []runtime.Frame
}

func (b *stackBase) RoundTrip(req *http.Request) (*http.Response, error) {
	callers := make([]uintptr, 200)
	all := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	b.frames = nil
	for more := true; more; {
		var frame runtime.Frame
		frame, more = all.Next()
		b.frames = append(b.frames, frame)
		if strings.HasSuffix(frame.Function, "spans.(*Service).Create") {
			break
		}
	}
	return b.RoundTripper.RoundTrip(req)
}

// A reader who follows a call from its operation to the connection passes each of
// these. Run the test with -v to see them, and with -gcflags=all=-l to be sure
// that inlining hides none.
func TestThePathOfACallIsShort(t *testing.T) {
	t.Parallel()
	const mostFrames, mostFiles = 25, 12
	base := &stackBase{RoundTripper: prefactortest.New().RoundTripper()}
	rt, err := middleware.Default(middleware.NewConfig("http://localhost", prefactortest.Token)).RoundTripper(base)
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.NewClient("http://localhost", rt)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = resources.New(client).Spans.Create(t.Context(), spans.CreateParams{AgentInstanceID: "i", SchemaName: "s"})

	var files []string
	for i, frame := range slices.Backward(base.frames) {
		file := filepath.Base(filepath.Dir(frame.File)) + "/" + filepath.Base(frame.File)
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
		name := frame.Function[strings.LastIndex(frame.Function, "/")+1:]
		t.Logf("%2d %-26s %s", len(base.frames)-i, file, name)
	}
	if n := len(base.frames); n < 10 || n > mostFrames {
		t.Errorf("%d frames lie between Spans.Create and the base, want %d at most", n, mostFrames)
	}
	if n := len(files); n > mostFiles {
		t.Errorf("they are in %d files, want %d at most", n, mostFiles)
	}
}
