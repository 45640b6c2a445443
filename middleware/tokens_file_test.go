package middleware_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// tokenFile is a file in its own directory.
type tokenFile struct {
	t    testing.TB
	path string
}

func newTokenFile(t testing.TB, text string) *tokenFile {
	f := &tokenFile{t, filepath.Join(t.TempDir(), "token")}
	f.write(text)
	return f
}

// write replaces the file, as a rotation does.
func (f *tokenFile) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path+".new", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *tokenFile) assert(source middleware.TokenSource, want string) {
	f.t.Helper()
	token, err := source.Token(f.t.Context())
	if err != nil || token.Reveal() != want {
		f.t.Errorf("token %q, %v; want %q", token.Reveal(), err, want)
	}
}

func TestTokenFromFileFollowsTheFile(t *testing.T) {
	t.Parallel()
	file := newTokenFile(t, " one \n")
	source := middleware.TokenFromFile(file.path)
	file.assert(source, "one")
	file.write("two")
	file.assert(source, "two")

	t.Run("to another of the same size and time", func(t *testing.T) {
		at := time.Now()
		for _, token := range []string{"four", "five"} {
			file.write(token)
			if err := os.Chtimes(file.path, at, at); err != nil {
				t.Fatal(err)
			}
			file.assert(source, token)
		}
	})
	t.Run("through a symbolic link that is changed", func(t *testing.T) {
		other := newTokenFile(t, "three")
		link := filepath.Join(t.TempDir(), "link")
		for _, target := range []string{file.path, other.path} {
			_ = os.Remove(link)
			if err := os.Symlink(target, link); err != nil {
				t.Skip(err)
			}
		}
		file.assert(middleware.TokenFromFile(link), "three")
	})
}

func TestTokenFromFileKeepsTheLastTokenWhileTheFileIsInvalid(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*tokenFile){
		"missing": func(f *tokenFile) { _ = os.Remove(f.path) },
		"empty":   func(f *tokenFile) { f.write("\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := newTokenFile(t, "one")
			source := middleware.TokenFromFile(file.path)
			file.assert(source, "one")
			spoil(file)
			file.assert(source, "one")

			refresher := source.(middleware.Refresher)
			if _, err := refresher.Refresh(t.Context(), transport.NewSecret("one")); err == nil || !strings.Contains(err.Error(), file.path) {
				t.Errorf("once the token is refused: %v, want an error that names the file", err)
			}
			file.write("two")
			file.assert(source, "two")
		})
	}
}

func TestTokenFromFileFailsIfThereNeverWasAToken(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"missing":     filepath.Join(t.TempDir(), "none"),
		"empty":       newTokenFile(t, "").path,
		"a directory": t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := middleware.TokenFromFile(path).Token(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want an error that names the file", err)
			}
		})
	}
}

func TestARefusedTokenIsReadAgainEvenIfTheFileLooksUnchanged(t *testing.T) {
	t.Parallel()
	file := newTokenFile(t, strings.Repeat("x", len(prefactortest.Token)))
	before, err := os.Stat(file.path)
	if err != nil {
		t.Fatal(err)
	}
	onSite(t, func(t *testing.T, s *site) {
		client := s.retrying(s.withSource(middleware.TokenFromFile(file.path)))
		if err := write(t.Context(), client); err == nil {
			t.Error("the fake accepted a token that it doesn't know")
		}
		// The same file, size and time, but other content.
		if err := os.WriteFile(file.path, []byte(prefactortest.Token), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Chtimes(file.path, time.Time{}, before.ModTime()); err != nil {
			t.Error(err)
		}
		if err := write(t.Context(), client); err != nil {
			t.Error(err)
		}
		s.fake.AssertJournal(t, `
			agents.create 401
			agents.create 401
			agents.create 200, attempt 2
		`)
	})
}

func TestTokenFromFileIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	file := newTokenFile(t, "token-0")
	source := middleware.TokenFromFile(file.path)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 50 {
				token, err := source.Token(t.Context())
				if err != nil || !strings.HasPrefix(token.Reveal(), "token-") {
					t.Errorf("%q, %v", token.Reveal(), err)
				}
				_, _ = source.(middleware.Refresher).Refresh(t.Context(), token)
			}
		})
	}
	for range 50 {
		file.write("token-1")
	}
	all.Wait()
}
