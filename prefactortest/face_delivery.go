package prefactortest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// A delivery is what a face sends to the client: a response, or none if the
// connection is reset, closed or hangs.
type delivery struct {
	status int
	header http.Header // in addition to the usual fields
	body   []byte
	filler int64         // bytes to put into the last string of the body
	delay  time.Duration // before the header
	stall  time.Duration // in the middle of the body
	cut    int           // break off after this many bytes; -1 never
	reset  bool          // no response: the connection is reset
	closed bool          // no response: the connection is closed
	hang   bool          // no response until the client gives up
}

// wait waits until the header is due. If ctx ends first, it returns the cause.
func (d *delivery) wait(ctx context.Context) error {
	if d.hang {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return sleep(ctx, d.delay)
}

// sleep waits for d. If ctx ends first, it returns the cause.
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

// fullHeader returns the response header.
func (d *delivery) fullHeader() http.Header {
	h := d.header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	if length := d.length(); length >= 0 {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	return h
}

// length returns the Content-Length, or -1 for none.
func (d *delivery) length() int64 {
	if d.filler > 0 {
		return -1
	}
	return int64(len(d.body))
}

// reader returns the body as the fault changes it: with its filler and its
// stall. A cut ends it with [io.ErrUnexpectedEOF].
func (d *delivery) reader(ctx context.Context) io.Reader {
	middle := len(d.body) / 2
	if d.filler > 0 {
		middle = bytes.LastIndexByte(d.body, '"')
	}
	r := io.MultiReader(
		bytes.NewReader(d.body[:middle]),
		&staller{ctx: ctx, left: d.stall},
		&filler{d.filler},
		bytes.NewReader(d.body[middle:]),
	)
	if d.cut < 0 || len(d.body) == 0 {
		return r
	}
	whole := int64(len(d.body)) + d.filler
	return io.MultiReader(io.LimitReader(r, min(int64(d.cut), whole-1)), brokenOff{})
}

// plain reports whether the body is sent as it is, in one piece.
func (d *delivery) plain() bool { return d.filler == 0 && d.stall == 0 && d.cut < 0 }

// A staller is an empty reader that waits before it ends.
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

// A filler reads left times the same letter.
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

// WriteTo writes large pieces without copying them.
func (f *filler) WriteTo(w io.Writer) (written int64, err error) {
	for f.left > 0 && err == nil {
		var n int
		n, err = w.Write(fill[:min(int64(len(fill)), f.left)])
		f.left -= int64(n)
		written += int64(n)
	}
	return written, err
}

// brokenOff is the end of a body whose connection broke.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
