package transport

import (
	"context"
	"fmt"
	"log/slog"
)

// redacted is what every print of a [Secret] shows.
const redacted = "[redacted]"

// Secret holds a token so that no print, log or encoding shows it: not with
// any verb of fmt, not as JSON or text, not through slog, and not as a field,
// exported or not, of another struct. [Secret.Reveal] gives the text. The zero
// Secret is empty. A Secret is safe for concurrent use.
//
// It also is a token source of itself, for the auth layer.
type Secret struct {
	// The text is in a closure, because fmt and others print unexported fields by
	// reflection, without asking their methods. Of a function they find an
	// address, behind which there is code and no text.
	reveal func() string
}

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret { return Secret{func() string { return text }} }

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether the Secret is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Token returns the Secret itself; it never fails.
func (s Secret) Token(context.Context) (Secret, error) { return s, nil }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// Format prints "[redacted]" for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText returns "[redacted]", for JSON and other encodings.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]", for slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
