package pfid

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
)

// ID is an id in the API's format: a time in milliseconds, a partition that related
// records share, and 80 random bits. As text it has 32 characters, and texts are in
// the order of [ID.Compare]. The zero ID is 32 zeros.
type ID [20]byte

// Its bytes: the time, the partition, whose two highest bits are zero, and the rest.
const (
	endOfTime      = 6
	endOfPartition = 10
)

// MaxPartition is the largest partition: it has 30 bits.
const MaxPartition = 1<<30 - 1

// alphabet is base 32 without letters that look like digits or like each other.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// The characters of a text, five bits each.
const (
	timeChars      = 10 // 48 bits: the first character has three
	partitionChars = 6
	randomChars    = 8 // twice
	textChars      = timeChars + partitionChars + 2*randomChars
)

// values are the values of characters; 0xff is no character of an id.
var values = func() (v [256]byte) {
	for i := range v {
		v[i] = 0xff
	}
	for i, c := range []byte(alphabet) {
		v[c] = byte(i)
	}
	return v
}()

// Parse reads the text of an id: 32 characters, lower case, the first of them 0 to 7.
// The error is an [errs.ClientError].
func Parse(text string) (ID, error) {
	var id ID
	err := id.UnmarshalText([]byte(text))
	return id, err
}

// UnmarshalText is [Parse], for JSON and other encodings.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) != textChars {
		return notID(fmt.Sprintf("has %d characters, and an id has %d", len(text), textChars))
	}
	for i, c := range text {
		if values[c] == 0xff || i == 0 && c > '7' {
			return notID(fmt.Sprintf("has %q at character %d, where an id has none", c, i+1))
		}
	}
	id.setTime(read(text[:timeChars]))
	id.setPartition(uint32(read(text[timeChars : timeChars+partitionChars])))
	high, low := read(text[textChars-2*randomChars:textChars-randomChars]), read(text[textChars-randomChars:])
	id.setRandom(high, low)
	return nil
}

func notID(problem string) error { return &errs.ClientError{Field: "id", Problem: problem} }

// read returns the number that characters stand for.
func read(text []byte) (n uint64) {
	for _, c := range text {
		n = n<<5 | uint64(values[c])
	}
	return n
}

// AppendText appends the text of the id to b. It never fails.
func (id ID) AppendText(b []byte) ([]byte, error) {
	var text [textChars]byte
	high, low := id.random()
	write(text[:timeChars], id.millis())
	write(text[timeChars:timeChars+partitionChars], uint64(id.Partition()))
	write(text[textChars-2*randomChars:textChars-randomChars], high)
	write(text[textChars-randomChars:], low)
	return append(b, text[:]...), nil
}

// write fills text with the characters of the lowest bits of n.
func write(text []byte, n uint64) {
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = alphabet[n&31]
		n >>= 5
	}
}

// String returns the text of the id.
func (id ID) String() string {
	var space [textChars]byte
	text, _ := id.AppendText(space[:0])
	return string(text)
}

// MarshalText returns the text of the id, for JSON and other encodings.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(make([]byte, 0, textChars)) }

// MarshalBinary returns the 20 bytes of the id.
func (id ID) MarshalBinary() ([]byte, error) { return id[:], nil }

// UnmarshalBinary reads the 20 bytes of an id. The error is an [errs.ClientError].
func (id *ID) UnmarshalBinary(b []byte) error {
	if len(b) != len(id) {
		return notID(fmt.Sprintf("has %d bytes, and an id has %d", len(b), len(id)))
	}
	if b[endOfTime]>>6 != 0 {
		return notID("has bits where an id has none, at byte 7")
	}
	*id = ID(b)
	return nil
}

// IsZero reports whether the id is the zero ID.
func (id ID) IsZero() bool { return id == ID{} }

// Compare returns -1, 0 or +1 as id is before, the same as or after other: by time,
// then by partition, then by the random bits.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Time returns when the id was made, in milliseconds.
func (id ID) Time() time.Time { return time.UnixMilli(int64(id.millis())).UTC() }

// Partition returns the partition, at most [MaxPartition].
func (id ID) Partition() uint32 { return binary.BigEndian.Uint32(id[endOfTime:]) }

func (id ID) millis() uint64 {
	return uint64(binary.BigEndian.Uint32(id[:]))<<16 | uint64(binary.BigEndian.Uint16(id[4:]))
}

func (id *ID) setTime(millis uint64) {
	binary.BigEndian.PutUint32(id[:], uint32(millis>>16))
	binary.BigEndian.PutUint16(id[4:], uint16(millis))
}

func (id *ID) setPartition(partition uint32) {
	binary.BigEndian.PutUint32(id[endOfTime:], partition&MaxPartition)
}

// random returns the random bits as two numbers of 40 bits.
func (id ID) random() (high, low uint64) {
	high = uint64(binary.BigEndian.Uint32(id[endOfPartition:]))<<8 | uint64(id[endOfPartition+4])
	low = uint64(binary.BigEndian.Uint32(id[endOfPartition+5:]))<<8 | uint64(id[endOfPartition+9])
	return high, low
}

func (id *ID) setRandom(high, low uint64) {
	binary.BigEndian.PutUint32(id[endOfPartition:], uint32(high>>8))
	id[endOfPartition+4] = byte(high)
	binary.BigEndian.PutUint32(id[endOfPartition+5:], uint32(low>>8))
	id[endOfPartition+9] = byte(low)
}
