package transport

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport/rawjson"
)

// KeyHeader is the header in which the idempotency key travels.
const KeyHeader = "Idempotency-Key"

// keyMember is the member of a JSON body in which it travels too.
const keyMember = "idempotency_key"

const (
	// maxKey is the length of the longest idempotency key.
	maxKey = 64

	// maxKeyedBody bounds what is read of a body, which isn't Client's, for a key.
	maxKeyedBody = 1 << 20
)

// CanRepeat reports whether req may be sent more than once without harm, because
// the server acts on it once at most: it has a safe method, an idempotency key, or
// a call whose operation is [Replayable]. A layer that repeats requests asks it,
// and needs GetBody for a body, too.
func CanRepeat(req *http.Request) bool {
	if req == nil {
		return false
	}
	if safeMethod(req.Method) || req.Header.Get(KeyHeader) != "" {
		return true
	}
	call := CallFrom(req.Context())
	return call != nil && call.op.replayable
}

// ValidateKey reports what is wrong with an idempotency key: it must have 1 to
// 64 visible ASCII characters. The error is an [errs.ClientError].
func ValidateKey(key string) error {
	if len(key) < 1 || len(key) > maxKey || !visible(key) {
		return &errs.ClientError{Field: "idempotency key", Problem: fmt.Sprintf("must have 1 to %d visible ASCII characters", maxKey)}
	}
	return nil
}

// SetKey gives a request, which the caller must own, its idempotency key: in the
// Idempotency-Key header and, if the body is a JSON object that can be replayed,
// as the body's top-level member idempotency_key. The body is not decoded.
//
// The key goes into the header only, and the body is left unread or as it is, if
// the Content-Type is not JSON, if another header is made from the body's bytes,
// such as Content-Digest or Content-Encoding, or if the body is larger than 1 MiB
// and not [Client]'s.
//
// A key that the request has already, in either place, is kept, and put in the
// other place too; candidate is called only if it has none, and may be nil to
// leave such a request without one. A request with a safe method, such as GET,
// gets no key. Two different keys, or one that
// [ValidateKey] refuses, are an [errs.ClientError]; the request's body is closed
// then. So is a nil request.
func SetKey(req *http.Request, candidate func() string) error {
	if req == nil {
		return errNoRequest
	}
	if safeMethod(req.Method) {
		return nil
	}
	err := setKey(req, candidate)
	if err != nil {
		closeBody(req)
	}
	return err
}

func setKey(req *http.Request, candidate func() string) error {
	call := CallFrom(req.Context())
	inHeader, err := headerKey(req.Header)
	if err != nil {
		return err
	}
	if inHeader != "" && inHeader == call.Key() {
		return nil // done before, by Client
	}
	body, inBody, err := keyedBody(req, call)
	if err != nil {
		return err
	}
	if inHeader != "" && inBody != "" && inHeader != inBody {
		return &errs.ClientError{Field: "idempotency key", Problem: "differs between the Idempotency-Key header and the body: give one"}
	}
	key := cmp.Or(inHeader, inBody, call.Key())
	if key == "" {
		if candidate == nil {
			return nil
		}
		key = candidate()
	}
	if err := ValidateKey(key); err != nil {
		return err
	}
	call.setKey(key)
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	req.Header.Set(KeyHeader, key)
	inHeaderOnly := req.Method == http.MethodDelete || call != nil && call.op.headerKey
	if body != nil && inBody == "" && !inHeaderOnly {
		_ = req.Body.Close() // another one goes in its place
		setBody(req, spliceKey(body, key), call)
	}
	return nil
}

// headerKey returns the key in a header, and deletes it under other spellings of
// the name than the canonical.
func headerKey(h http.Header) (string, error) {
	var key string
	for name, values := range h {
		if !strings.EqualFold(name, KeyHeader) {
			continue
		}
		for _, value := range values {
			if key != "" && value != key {
				return "", &errs.ClientError{Field: "idempotency key", Problem: "is given twice, and differs: give one"}
			}
			key = value
		}
		if name != KeyHeader {
			delete(h, name)
		}
	}
	return key, nil
}

// keyedBody returns the body of a request if it is a JSON object that can be
// replayed and changed, nil otherwise, and the key in it. The input of an [Op]
// never has one.
func keyedBody(req *http.Request, call *Call) (body []byte, key string, err error) {
	if req.Body == nil || req.Body == http.NoBody || req.GetBody == nil || !errs.IsJSON(req.Header) || describesBody(req.Header) {
		return nil, "", nil
	}
	switch {
	case call == nil || req.Body != call.body:
		if body, err = replay(req, maxKeyedBody); err != nil {
			return nil, "", err
		}
	case call.op.foreign:
		body = call.encoded
	case isObject(call.encoded):
		return call.encoded, "", nil
	}
	return scanKey(body)
}

// describesBody reports whether a header depends on the body's bytes, so that they
// must not be changed.
func describesBody(h http.Header) bool {
	for _, name := range []string{"Content-Encoding", "Content-Digest", "Repr-Digest", "Digest", "Content-Md5", "X-Amz-Content-Sha256"} {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}

// replay reads a copy of a request's body; nil if it is larger than limit.
func replay(req *http.Request, limit int64) ([]byte, error) {
	if req.ContentLength > limit {
		return nil, nil
	}
	copied, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("can't read the request's body again: %w", err)
	}
	defer copied.Close()
	body, err := io.ReadAll(io.LimitReader(copied, limit+1))
	if err != nil {
		return nil, fmt.Errorf("can't read the request's body again: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, nil
	}
	return body, nil
}

// isObject reports whether JSON text is an object, by its first character.
func isObject(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '{'
}

// scanKey returns the key among the top-level members of a JSON object. A body
// that is no JSON object is returned as nil.
func scanKey(body []byte) (object []byte, key string, err error) {
	if !isObject(body) {
		return nil, "", nil
	}
	var found struct {
		Key bodyKey `json:"idempotency_key"`
	}
	if json.Unmarshal(body, &found, rawjson.Lenient) != nil {
		return nil, "", nil
	}
	switch {
	case found.Key.members > 1 || found.Key.members == 1 && found.Key.text == nil:
		return nil, "", &errs.ClientError{Field: keyMember, Problem: "in the body must be one string"}
	case found.Key.members == 1 && *found.Key.text == "":
		return nil, "", &errs.ClientError{Field: keyMember, Problem: "in the body is empty: leave it out, or give a key"}
	case found.Key.members == 1:
		key = *found.Key.text
	}
	return body, key, nil
}

// bodyKey counts the members that it is decoded from, and keeps the last.
type bodyKey struct {
	members int
	text    *string // nil if it is no string
}

func (k *bodyKey) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	k.members++
	k.text = nil
	if dec.PeekKind() != '"' {
		return dec.SkipValue()
	}
	return json.UnmarshalDecode(dec, &k.text)
}

// spliceKey puts the key in front of the closing brace of a JSON object, in a
// new buffer.
func spliceKey(object []byte, key string) []byte {
	end := bytes.LastIndexByte(object, '}')
	members := bytes.TrimRight(object[:end], " \t\r\n")
	spliced := make([]byte, 0, len(object)+len(keyMember)+len(key)+len(`,"":"\\"`))
	spliced = append(spliced, members...)
	if members[len(members)-1] != '{' {
		spliced = append(spliced, ',')
	}
	spliced = append(spliced, `"`+keyMember+`":`...)
	spliced, _ = jsontext.AppendQuote(spliced, key) // a valid key is ASCII
	return append(spliced, object[end:]...)
}

// setBody gives a request a body that can be replayed. A call counts the copies.
func setBody(req *http.Request, body []byte, call *Call) {
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) {
		if call != nil {
			call.ledger.copies.Add(1)
		}
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	req.ContentLength = int64(len(body))
}

// visible reports whether s consists of visible ASCII characters.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
