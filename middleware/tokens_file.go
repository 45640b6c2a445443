package middleware

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// TokenFromFile returns a source that reads the token from a file, such as a
// mounted secret that is rotated. White space around the token is ignored. The
// source checks the file for each attempt, and reads it if its time, size or
// identity has changed, or if the API refuses the token that it held.
//
// While the file is missing, unreadable or empty, as during a rotation, the
// last token stays in use. If there is none, or the API refuses it, the source
// fails with an error that names the file.
func TokenFromFile(path string) TokenSource { return &fileToken{path: path} }

type fileToken struct {
	path string

	mu    sync.Mutex
	token transport.Secret // zero before the first reading
	info  fs.FileInfo      // of the file that token was read from
}

var _ Refresher = (*fileToken)(nil)

// Token returns the file's token.
func (f *fileToken) Token(context.Context) (transport.Secret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if info, err := os.Stat(f.path); err == nil && f.info != nil && unchanged(info, f.info) {
		return f.token, nil
	}
	if err := f.read(); err != nil && f.token.IsZero() {
		return transport.Secret{}, err
	}
	return f.token, nil
}

// Refresh reads the file again, whether or not it looks changed.
func (f *fileToken) Refresh(_ context.Context, stale transport.Secret) (transport.Secret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !sameToken(f.token, stale) {
		return f.token, nil // another caller has read it meanwhile
	}
	if err := f.read(); err != nil {
		return transport.Secret{}, err
	}
	return f.token, nil
}

// read reads the file. The caller holds f.mu.
func (f *fileToken) read() error {
	if f.path == "" {
		return &errs.ClientError{Field: "token file", Problem: "has no path: give TokenFromFile one"}
	}
	info, err := os.Stat(f.path) // before reading: a later change is then seen next time
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	token := transport.NewSecret(strings.TrimSpace(string(text)))
	if token.IsZero() {
		return fmt.Errorf("token file %s is empty", f.path)
	}
	if err := validateToken(token); err != nil {
		return fmt.Errorf("token file %s: %w", f.path, err)
	}
	f.token, f.info = token, info
	return nil
}

func unchanged(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}
