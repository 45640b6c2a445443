package errs

import (
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"
)

// newPageError returns the [ContractError] for a body that is no JSON document,
// such as the page of a gateway. It says what the body is instead, and who sent
// it.
func newPageError(status int, h http.Header, body []byte, cause error) *ContractError {
	problem := "its body is no JSON document"
	if media := mediaType(h); media != "" && !IsJSON(h) {
		problem = fmt.Sprintf("its body is %s and no JSON document", media)
	}
	if encoding := contentEncoding(h); encoding != "" {
		problem = fmt.Sprintf("its body is still packed, as Content-Encoding %s says", encoding)
	}
	var known []string
	if title := title(body); title != "" {
		known = append(known, fmt.Sprintf("titled %q", title))
	}
	if sender := sender(h); sender != "" {
		known = append(known, "from "+sender)
	}
	if len(known) > 0 {
		problem += " (" + strings.Join(known, ", ") + ")"
	}
	return NewContractError(status, h, problem, body, cause)
}

// isDocument reports whether a body is meant to be a JSON document.
func isDocument(h http.Header, body []byte) bool {
	if contentEncoding(h) != "" {
		return false
	}
	return beginsObject(body) || IsJSON(h)
}

// IsJSON reports whether a header says that the body is one JSON document: the
// Content-Type is application/json, or ends in +json.
func IsJSON(h http.Header) bool {
	const json = "application/json"
	text := h.Get("Content-Type")
	if text == json {
		return true
	}
	media, _, err := mime.ParseMediaType(text)
	return err == nil && (media == json || strings.HasSuffix(media, "+json"))
}

// mediaType returns the media type of a response's body, "" if it isn't given.
func mediaType(h http.Header) string {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return Words(media)
}

// contentEncoding returns how a response's body is still packed, "" if it isn't.
// The base transport removes the header if it unpacks the body.
func contentEncoding(h http.Header) string {
	encoding := Words(strings.Join(h.Values("Content-Encoding"), ", "))
	if strings.EqualFold(encoding, "identity") {
		return ""
	}
	return encoding
}

// titles find the title of an HTML page, or the heading of one without a title,
// such as haproxy's.
var titles = []*regexp.Regexp{
	regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title`),
	regexp.MustCompile(`(?is)<h1[^>]*>(.*?)</h1`),
}

// title returns the title of an HTML page.
func title(body []byte) string {
	for _, element := range titles {
		if found := element.FindSubmatch(body[:min(len(body), maxScanned)]); found != nil {
			return Words(string(found[1]))
		}
	}
	return ""
}

// sender returns what a response's header says about the gateways that it came
// from.
func sender(h http.Header) string {
	var known []string
	for _, name := range []string{"Server", "Via", "X-Squid-Error"} {
		if value := Words(h.Get(name)); value != "" {
			known = append(known, name+" "+value)
		}
	}
	return strings.Join(known, ", ")
}
