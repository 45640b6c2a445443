package transport

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/prefactordev/prefactor-go/errs"
)

// wholeBody is the field of a fault that lies in no field of its own.
const wholeBody = "body"

// Within returns err, the fault of an input that is part of another, as a fault
// of the whole: an [errs.ClientError] names its field within that called parent,
// such as "items[2].status". Any other error, nil included, comes back as it is.
func Within(parent string, err error) error {
	fault, ok := errors.AsType[*errs.ClientError](err)
	switch {
	case !ok:
		return err
	case fault.Field == wholeBody:
		return &errs.ClientError{Field: parent, Problem: fault.Problem}
	}
	return &errs.ClientError{Field: parent + "." + fault.Field, Problem: fault.Problem}
}

// fieldOf names what couldn't be encoded, as the input has it: the envelope
// "details" isn't the caller's.
func fieldOf(err error) string {
	var at jsontext.Pointer
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		at = semantic.JSONPointer
	} else if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = syntax.JSONPointer
	}
	var field strings.Builder
	for token := range at.Tokens() {
		switch _, err := strconv.ParseUint(token, 10, 32); {
		case err == nil:
			field.WriteString("[" + token + "]")
		case field.Len() > 0:
			field.WriteString("." + token)
		default:
			field.WriteString(token)
		}
	}
	if field.Len() == 0 {
		return wholeBody
	}
	return strings.TrimPrefix(field.String(), "details.")
}
