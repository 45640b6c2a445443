package prefactortest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// An outcome is what a face has to bring to the client.
type outcome struct {
	status int
	header http.Header // beyond the usual ones
	body   []byte
	filler int64         // bytes to put into the last string of the body
	delay  time.Duration // before the header
	stall  time.Duration // in the middle of the body
	cut    int           // break off after so many bytes; -1 never
	reset  bool          // no answer: the connection is reset
	closed bool          // no answer: the connection is closed
	hang   bool          // no answer until the client gives up
}

// wait lets the time before the header pass. It gives the cause where ctx
// ends first.
func (o *outcome) wait(ctx context.Context) error {
	if o.hang {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return sleep(ctx, o.delay)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// fullHeader is the header of the answer.
func (o *outcome) fullHeader() http.Header {
	h := o.header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	if length := o.length(); length >= 0 {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	return h
}

// length is the declared length of the body, or -1.
func (o *outcome) length() int64 {
	if o.filler > 0 {
		return -1
	}
	return int64(len(o.body))
}

// reader gives the body, with what the fault does to it. A cut ends it with
// [io.ErrUnexpectedEOF].
func (o *outcome) reader(ctx context.Context) io.Reader {
	middle := len(o.body) / 2
	if o.filler > 0 {
		middle = bytes.LastIndexByte(o.body, '"')
	}
	r := io.MultiReader(
		bytes.NewReader(o.body[:middle]),
		&staller{ctx: ctx, left: o.stall},
		&filler{o.filler},
		bytes.NewReader(o.body[middle:]),
	)
	if o.cut < 0 || len(o.body) == 0 {
		return r
	}
	whole := int64(len(o.body)) + o.filler
	return io.MultiReader(io.LimitReader(r, min(int64(o.cut), whole-1)), brokenOff{})
}

// plain tells that nothing happens to the body on its way.
func (o *outcome) plain() bool { return o.filler == 0 && o.stall == 0 && o.cut < 0 }

// A staller reads nothing, but takes its time.
type staller struct {
	ctx  context.Context
	left time.Duration
}

func (s *staller) Read([]byte) (int, error) {
	if err := sleep(s.ctx, s.left); err != nil {
		return 0, err
	}
	s.left = 0
	return 0, io.EOF
}

// A filler reads the same letter, left times.
type filler struct{ left int64 }

var fill = bytes.Repeat([]byte("x"), 128<<10)

func (f *filler) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), f.left)], fill)
	f.left -= int64(n)
	return n, nil
}

// WriteTo writes large pieces, and copies none of them.
func (f *filler) WriteTo(w io.Writer) (written int64, err error) {
	for f.left > 0 && err == nil {
		var n int
		n, err = w.Write(fill[:min(int64(len(fill)), f.left)])
		f.left -= int64(n)
		written += int64(n)
	}
	return written, err
}

// brokenOff is where a connection broke.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
