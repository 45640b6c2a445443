package bulk

import (
	"time"

	"github.com/google/uuid"

	"github.com/prefactordev/prefactor-go/resources/pfid"
)

// keySpace is the name space of derived keys.
var keySpace = uuid.MustParse("6f1c2f0e-6f5e-5a39-9a3c-0d0a2b9f2f4d")

// KeyOf returns an idempotency key for an operation, such as "agent_spans/create", on
// the record with an id: the same in every process, so that what two processes record
// is there once. It has the form of a UUID.
func KeyOf(itemType string, id pfid.ID) string {
	return uuid.NewSHA1(keySpace, append([]byte(itemType+" "), id[:]...)).String()
}

// keyFor returns key or, if it is empty, the derived key for an id of the API's form,
// and otherwise a random one.
func keyFor(key, itemType, id string) string {
	if key != "" {
		return key
	}
	if chosen, err := pfid.Parse(id); err == nil {
		return KeyOf(itemType, chosen)
	}
	return uuid.NewString()
}

// keyAt is keyFor for what happened to a record at a time. Without one the item has
// the time at which it is made, and is another each time.
func keyAt(at time.Time, key, itemType, id string) string {
	if at.IsZero() {
		id = ""
	}
	return keyFor(key, itemType, id)
}
